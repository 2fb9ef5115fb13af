"""What a check says of candidates that do what no implementation may do."""

import random
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from verify.toys import CODES, SCALE

from refcompress.verify import check
from refcompress.verify.candidates import Answer, Candidate, from_callable


def right(x):
    return SCALE.answer((x,), SCALE.defaults)


def statements(report):
    return [e.statement for e in report.diagnosis]


@pytest.mark.parametrize("seed", range(8))
def test_a_candidate_that_answers_at_random_does_not_break_the_search(seed):
    dice = random.Random(seed)

    def rolls(x):
        return right(x) + np.float32(dice.random() < 0.15)

    assert check(rolls, SCALE, seed=seed).verdict == "differs"


def test_one_that_ends_its_process_is_not_called_again_and_not_searched():
    calls = []

    def call(args, layout):
        calls.append(args)
        given_up = len(calls) > 3
        return Answer(problem="ends its process: exit status 3", lost=not given_up, given_up=given_up)

    report = check(Candidate("mine:f", call), SCALE)
    assert statements(report) == ["ends its process: exit status 3 (3 of 3 calls; it was not called again)"]
    assert len(calls) <= 8
    assert report.counterexample.silent


def test_one_that_is_silent_on_some_inputs_is_explained_on_the_others():
    def divides(x):
        if x.size == 0:
            raise ZeroDivisionError("no elements")
        return 3 * x

    first, second = statements(check(divides, SCALE))
    assert first.startswith("raises ZeroDivisionError: no elements (")
    assert first.endswith("; only in: shapes)")
    assert second.startswith("multiplies by 3; agrees with step=3 on all")


def test_one_of_the_wrong_shape_on_some_inputs_is_explained_on_the_others():
    first, second = statements(check(lambda x: np.atleast_1d(3 * x), SCALE))
    assert first.startswith("returns shape (1,): it must be () (")
    assert second.startswith("multiplies by 3; agrees with step=3 on all")


def test_writing_into_what_was_returned_before_is_said_beside_the_rule():
    buffers = {}

    def reuses(x):
        out = buffers.setdefault(x.shape, np.zeros(x.shape, np.int64))
        out[...] = CODES.answer((x,), {**CODES.defaults, "step": 3})
        return out

    first, second = statements(check(reuses, CODES))
    assert first.startswith("writes into an array that it returned before (")
    assert second.startswith("multiplies by 3; agrees with step=3 on all")


def test_a_list_in_place_of_an_array_is_right_with_a_remark():
    report = check(lambda x: right(x).tolist(), SCALE)
    assert report.verdict == "agrees"
    assert "returns a list: it was read as an array" in report.remarks


def test_the_search_depends_on_the_seed_alone_and_writes_no_files(tmp_path, monkeypatch):
    def wrong_far_out(x):
        return right(x) + (np.abs(x) == 3) * (x.size == 3)

    monkeypatch.chdir(tmp_path)
    first = check(wrong_far_out, SCALE, seed=3)
    module = types.ModuleType("full_of_numbers")
    module.__file__ = str(tmp_path / "full_of_numbers.py")
    Path(module.__file__).write_text("numbers = [" + ", ".join(map(str, range(-4, 5))) + "]")
    monkeypatch.setitem(sys.modules, "full_of_numbers", module)
    assert str(check(wrong_far_out, SCALE, seed=3)) == str(first)
    assert [path.name for path in tmp_path.iterdir()] == ["full_of_numbers.py"]


def test_a_candidate_that_is_wrapped_already_is_taken_as_it_is():
    assert check(from_callable(right, ["x"]), SCALE, examples=5).verdict == "agrees"

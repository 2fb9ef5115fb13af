import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import os
import re
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
import tqdm
from terminals import Terminal
from verify.toys import SCALE

from refcompress import (
    __version__,
    affine_dequantize,
    affine_quantize,
    cast_float8,
    dequantize,
    fake_quantize,
    quantize,
    requantize,
)
from refcompress.verify import exhaustive, workers
from refcompress.verify.blocks import BLOCK, Found, Sweep, joined
from refcompress.verify.exhaustive import prove, prove_named, source_file

CODE = "import numpy as np\ndef f(x, p): return np.clip(np.rint(x.astype(float) * 2.0**p), -128, 127)\n"
WHOLE = Sweep("quantize", {}, (4,), "float32")
TENSORS = """
class Tensor:
    def __init__(self, array): self.array = array
    def __array__(self, dtype=None, copy=None): return self.array

def from_numpy(array): return Tensor(array)
"""


def half_away(x, p):
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127)


def right(x, p):
    return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127)


def given(monkeypatch, *results):
    """Put what came of blocks, in this order, in the place of a sweep; return what it was asked for."""
    asked = types.SimpleNamespace(opened=0, taken=0)

    def taken():
        for asked.taken, result in enumerate(results, 1):
            yield result

    @contextlib.contextmanager
    def crew(make, jobs, sweep, blocks, limit):
        asked.opened += 1
        asked.make, asked.jobs, asked.sweep, asked.blocks, asked.limit = make, jobs, sweep, list(blocks), limit
        yield taken()

    monkeypatch.setattr(workers, "crew", crew)
    return asked


def all_right(*blocks):
    return [(block, Found(accepted=BLOCK)) for block in blocks]


def wrong(block, intervals):
    """Return a block and what came of it: so many wrong numbers that are no neighbours (the last ones are the same)."""
    first = WHOLE.places(block)[0]
    apart = tuple((first + 2 * i, first + 2 * i, 1) for i in range(min(intervals, 2000)))
    return block, Found(BLOCK, intervals=apart + apart[-1:] * (intervals - len(apart)))


def lost(block):
    """Return a block and what came of it: a process was lost over its first number."""
    first = WHOLE.places(block)[0]
    return block, Found(BLOCK, silent=((first, first, "dies"),), lost=True)


def sweep_blocks(first, last, **options):
    return prove(right, "quantize", "float32", p=4, bits=8, **{"jobs": 1, "blocks": range(first, last + 1), **options})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("settings", [{"bits": 8}, {"bits": 4, "signed": False, "overflow": "wrap"}, {}])
def test_the_reference_is_proved_right(dtype, settings):
    report = prove(lambda x, p: quantize(x, p, **settings), "quantize", dtype, p=3, **settings)
    assert report.verdict == "agrees"
    assert "proved for all 2^16" in str(report)
    found = report.proof.found
    assert found.accepted + found.nan + found.infinite + found.outside == 2**16


HALF = {"dtype": "float16"}  # of the result


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
def test_dequantizing_is_proved_over_the_integers(dtype):
    report = prove(lambda q, p: dequantize(q, p, dtype="float16"), "dequantize", dtype, p=9, **HALF)
    assert report.verdict == "agrees"


FIXED = {"scale": 0.1, "zero_point": 3}
REQUANTIZED = {"multiplier": 1583594044, "shift": -9, "zero_point": 3}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("function", [affine_quantize, fake_quantize])
@pytest.mark.parametrize("settings", [{}, {"scaling": "reciprocal", "zero_point_added": "before_rounding"}])
def test_affine_quantizers_are_proved_right(function, dtype, settings):
    report = prove(lambda *args: function(*args, **settings), function.__name__, dtype, **FIXED, **settings)
    assert report.verdict == "agrees"


def test_affine_dequantizing_is_proved_over_the_integers():
    report = prove(
        lambda *args: affine_dequantize(*args, dtype="float16"), "affine_dequantize", "int16", **FIXED, **HALF
    )
    assert report.verdict == "agrees"


def test_requantizing_is_proved_over_the_integers():
    assert prove(requantize, "requantize", "int16", **REQUANTIZED).verdict == "agrees"


@pytest.mark.parametrize("name", ["e4m3fn", "e5m2fnuz"])
def test_casts_are_proved_right_nan_and_infinities_included(name):
    report = prove(lambda x: cast_float8(x, format=name), "cast_float8", "float16", format=name)
    assert report.verdict == "agrees"
    assert report.proof.found.accepted == 2**16


def test_an_affine_quantizer_that_rounds_halves_up_differs_at_every_second_tie():
    def half_up(x, scale, zero_point):
        return np.clip(np.floor(x.astype(np.float64) / scale + 0.5) + zero_point, -128, 127)

    report = prove(half_up, "affine_quantize", "float16", scale=1.0, zero_point=1)
    assert report.diagnosis[0].settings == {"rounding": "half_up"}
    assert report.proof.found.differing == len(range(-128, 126, 2))  # k + 1/2 for even k; at 126 1/2 both saturate


def test_a_wrong_rule_is_named_with_the_exact_set():
    report = prove(half_away, "quantize", "float16", p=4, bits=8)
    assert report.verdict == "differs"
    assert report.diagnosis[0].settings == {"rounding": "half_away"}
    assert report.proof.found.differing == 128
    assert report.counterexample.inputs["x"].tolist() == [0.03125]
    assert report.json()["exhaustive"]["differing"] == len(report.json()["exhaustive"]["intervals"]) == 128


def test_threads_and_forks_and_one_alone_write_the_same(monkeypatch):
    def told(jobs):
        return str(prove(half_away, "quantize", "float32", p=4, bits=8, jobs=jobs, blocks=range(766, 769)))

    alone = told(1)
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    assert told(2) == alone
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: False)
    assert told(2) == alone


def test_one_that_may_not_be_called_from_two_threads_is_not_accused(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    main = threading.main_thread()

    def in_one_thread(x, p):
        return quantize(x, p, bits=8) + (x.size > 100_000 and threading.current_thread() is not main)

    report = prove(in_one_thread, "quantize", "float32", p=4, bits=8, jobs=2, blocks=range(766, 768))
    assert report.verdict == "agrees"
    assert report.remarks[0].startswith("gives other answers when it is called from several threads at once")


def test_one_that_may_not_be_called_in_another_thread_at_all_is_not_accused(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    main = threading.main_thread()

    def in_one_thread(x, p):
        if threading.current_thread() is not main:
            raise RuntimeError("it is in use")
        return quantize(x, p, bits=8)

    report = prove(in_one_thread, "quantize", "float32", p=4, bits=8, jobs=2, blocks=range(766, 768))
    assert report.verdict == "agrees"
    assert report.remarks[0].startswith("gives other answers when it is called from several threads at once")


def test_one_of_too_many_intervals_to_keep_is_not_said_to_mind_threads(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    monkeypatch.setattr(exhaustive, "MOST_INTERVALS", 3)
    monkeypatch.setattr(exhaustive, "MOST_OF_BLOCK", 2)
    report = prove(half_away, "quantize", "float32", p=4, bits=8, jobs=2, blocks=range(766, 768))
    assert [count for _, _, count in report.proof.found.intervals] == [4, 4]  # of 16 + k/8, the ties that are even
    assert report.remarks == ()


def test_blocks_that_differ_under_threads_are_all_swept_again_where_one_of_the_first_comes_out_otherwise(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    blocks = range(766, 774)
    given(monkeypatch, *(wrong(block, 1) for block in blocks[:6]), *all_right(*blocks[6:]))
    sizes = []

    def counting(x, p):
        sizes.append(x.size)
        return right(x, p)

    report = prove(counting, "quantize", "float32", p=4, bits=8, jobs=2, blocks=blocks)
    assert report.verdict == "agrees"
    assert sum(size for size in sizes if size > 100_000) == 6 * BLOCK
    assert report.proof.found.accepted == 8 * BLOCK


def test_where_the_first_four_blocks_that_differ_do_so_alone_no_more_are_swept_again(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    sizes = []

    def shifted(x, p):
        sizes.append(x.size)
        return np.full(x.shape, 0.5)

    whole = [(block, Found(BLOCK, intervals=((*WHOLE.places(block), BLOCK),))) for block in range(766, 772)]
    given(monkeypatch, *whole)
    report = prove(shifted, "quantize", "float32", p=4, bits=8, jobs=2, blocks=range(766, 772))
    assert report.proof.found.differing == 6 * BLOCK
    assert report.remarks == ()
    assert sum(size for size in sizes if size > 100_000) == 4 * BLOCK


def test_right_answers_do_not_excuse_one_that_changes_its_input():
    def in_place(x, p):
        x *= 2
        return quantize(x, p - 1, bits=8)

    report = prove(in_place, "quantize", "float16", p=4, bits=8)
    assert report.verdict == "differs"
    assert report.diagnosis[0].fault == "changes_input"
    assert report.counterexample.inputs["x"].size == 1


def test_one_that_changes_many_numbers_alone_is_shown_with_as_few_as_it_takes():
    def in_place(x, p):
        answer = right(x, p)
        if x.size >= 3:
            x[0] = 5
        return answer

    report = prove(in_place, "quantize", "float16", p=4, bits=8, jobs=1)
    assert report.verdict == "differs"
    assert report.counterexample.changed == ("x",)
    assert report.counterexample.inputs["x"].size == 3
    assert "every answer is right, for all 2^16 float16 inputs" in str(report)


def test_one_that_was_wrong_once_is_judged_by_what_it_answered_then():
    large = []

    def moody(x, p):
        large.append(x.size > 10_000)
        return right(x, p) + (sum(large) == 1 and large[-1])

    report = prove(moody, "quantize", "float16", p=4, bits=8, jobs=1)
    assert report.verdict == "differs"
    assert report.counterexample.actual.tolist() == [1.0]
    assert report.diagnosis[0].statement.startswith("differs only where x is zero")


def test_any_elementwise_operation_can_be_swept():
    toy = dataclasses.replace(SCALE, elementwise=True)
    assert prove(lambda x: x * 2, toy, "bfloat16").verdict == "agrees"
    assert prove(lambda x: x * 3, toy, "bfloat16").diagnosis[0].settings == {"step": 3}


def test_workers_are_as_many_as_there_are_cores(monkeypatch):
    asked = given(monkeypatch, *all_right(766))
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    monkeypatch.setattr(os, "sched_getaffinity", {0: range(3)}.__getitem__, raising=False)  # of this process
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    sweep_blocks(766, 766, jobs=None)
    assert asked.jobs == 3


def test_a_named_candidate_has_the_workers_and_the_seconds_that_are_asked_for(folder, monkeypatch):
    asked = given(monkeypatch, *all_right(766))
    options = {"blocks": range(766, 767), "jobs": 7, "timeout": 2.5}
    prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, **options)
    assert (asked.jobs, asked.limit.timeout) == (7, 2.5)


@pytest.mark.parametrize(("cores", "jobs"), [(5, 5), (None, 1)])
def test_where_a_process_may_run_is_not_known_everywhere(monkeypatch, cores, jobs):
    asked = given(monkeypatch, *all_right(766))
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: True)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    sweep_blocks(766, 766, jobs=None)
    assert asked.jobs == jobs


def test_no_workers_are_refused():
    with pytest.raises(ValueError, match=r"^jobs is 0: it must be at least 1$"):
        sweep_blocks(766, 766, jobs=0)


def test_whether_threads_will_do_is_measured_in_the_middle_of_what_is_swept(monkeypatch):
    given(monkeypatch, *all_right(766, 767, 768, 769, 770))
    measured = []

    def runs_in_threads(subject, sweep, place):
        measured.append((subject.function(np.ones(1), 4).tolist(), sweep.dtype, place))
        return True

    monkeypatch.setattr(workers, "runs_in_threads", runs_in_threads)
    sweep_blocks(766, 770, jobs=2)
    assert measured == [([16.0], "float32", 768 * BLOCK + BLOCK // 2 - 1)]


def test_one_worker_is_this_process(monkeypatch):
    monkeypatch.setattr(workers, "runs_in_threads", None)
    sizes = []

    def counting(x, p):
        sizes.append(x.size)
        return half_away(x, p)

    prove(counting, "quantize", "float32", p=4, bits=8, jobs=1, blocks=range(766, 767))
    assert sum(size for size in sizes if size > 100_000) == BLOCK  # once


@pytest.mark.parametrize("threads", [False, True])
def test_more_workers_are_forks_where_threads_will_not_do(monkeypatch, threads):
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: threads)
    sizes = []

    def counting(x, p):
        sizes.append(x.size)
        return half_away(x, p)

    report = prove(counting, "quantize", "float32", p=4, bits=8, jobs=2, blocks=range(766, 768))
    assert report.proof.found.differing == 8
    large = sum(size for size in sizes if size > 100_000)
    assert large == (4 * BLOCK if threads else 0)  # twice, for the sake of those that mind threads


@pytest.mark.parametrize("by_name", [False, True])
def test_a_call_may_take_ten_seconds_beside_what_it_should_take(monkeypatch, folder, by_name):
    asked = given(monkeypatch, *all_right(766))
    if by_name:
        prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, blocks=range(766, 767))
    else:
        sweep_blocks(766, 766)
    assert asked.limit.timeout == 10
    assert 0 < asked.limit.each < 1


def test_the_candidate_is_given_the_arrays_of_a_framework(monkeypatch):
    torch = types.ModuleType("torch")
    exec(TENSORS, torch.__dict__)
    monkeypatch.setitem(sys.modules, "torch", torch)
    kinds = set()

    def of_tensors(x, p):
        kinds.add(type(x).__name__)
        return right(np.asarray(x), p)

    report = prove(of_tensors, "quantize", "float16", p=4, bits=8, arrays="torch", jobs=1)
    assert (report.verdict, report.arrays, kinds) == ("agrees", "torch", {"Tensor"})


def test_a_named_candidate_is_given_the_arrays_of_a_framework(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    (folder / "torch.py").write_text(TENSORS)
    (folder / "tensors.py").write_text("import mine\ndef f(x, p): return mine.f(x.array, p)\n")
    report = prove_named("tensors:f", "quantize", "float16", {"p": 4}, {"bits": 8}, arrays="torch", jobs=1)
    assert report.verdict == "agrees"


def test_a_report_says_how_it_came_about(folder):
    (folder / "mine.py").write_text(CODE.replace("rint", "ceil"))
    report = prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, jobs=1)
    held = report.json()
    assert {name: held[name] for name in ("operation", "verdict", "examples", "seed", "error")} == {
        "operation": "quantize",
        "verdict": "differs",
        "examples": 0,
        "seed": 0,
        "error": None,
    }
    assert held["cases"] == [{"name": "every float16", "exercised": 63490, "failed": report.proof.found.differing}]
    assert held["exhaustive"]["fixed"] == {"p": 4}
    assert (held["settings"]["bits"], held["settings"]["dtype"]) == (8, "float16")
    text = str(report)
    assert text.startswith("mine.py:f differs from quantize\n")
    assert "from mine import f as candidate" in text
    assert "(2,046 of them NaN, which quantize rejects and the candidate was not given)" in " ".join(text.split())
    assert "by hand: x * 2^p = " in text


def test_what_is_said_of_a_right_candidate_is_how_much_was_swept(monkeypatch):
    given(monkeypatch, *all_right(768, 766, 767))
    report = sweep_blocks(766, 768)
    assert (report.verdict, report.counterexample, report.diagnosis) == ("agrees", None, ())
    assert list(report.proof.lines()) == [
        "right for the 12,582,912 float32 inputs from 1 to 2.9999998 (2^32 were not all swept)"
    ]
    assert report.proof.judged == (0, 0)
    assert report.proof.found.accepted == 3 * BLOCK


def test_a_number_that_only_the_sweep_meets_is_the_counterexample():
    def once(x, p):
        return right(x, p) + (x == 1.3330078125)  # 1365/1024

    report = prove(once, "quantize", "float16", p=4, bits=8, jobs=1)
    assert report.counterexample.inputs["x"].tolist() == [1.3330078125]
    assert report.proof.judged == (1, 2**16 - 2046 - 1)  # less the NaNs


def test_one_that_is_wrong_in_no_block_and_no_call_is_not_accused_of_remarks():
    def printing(x, p):
        print("called")
        return right(x, p)

    report = prove(printing, "quantize", "float16", p=4, bits=8, jobs=1)
    assert report.verdict == "agrees"
    assert report.remarks == ("prints to standard output: 'called'",)


def test_a_block_without_answers_whose_ends_are_not_asked_for_differs(monkeypatch):
    first, last = WHOLE.places(1023)  # NaN at both ends
    given(monkeypatch, (1023, Found(nan=BLOCK, silent=((first, last, "dies"),))))
    report = sweep_blocks(1023, 1023)
    assert (report.verdict, report.counterexample) == ("differs", None)
    assert "gives no answer to 4,194,304 of" in str(report)


def test_after_three_lost_blocks_a_sweep_is_given_up_whatever_came_first(monkeypatch):
    results = [*all_right(766, 768), lost(767), lost(769), lost(770), lost(772)]
    texts = set()
    for order in ([5, 4, 3, 2, 0, 1], [0, 2, 1, 3, 4, 5], [5, 1, 4, 2, 3, 0]):
        asked = given(monkeypatch, *(results[i] for i in order))
        texts.add(str(sweep_blocks(766, 773)))
        assert asked.taken == (5 if order[0] == 0 else 6)  # what comes later is not waited for
    assert len(texts) == 1
    (text,) = texts
    assert "gives no answer to 3 of the 20,971,520 float32 inputs from 1 to 5.9999995" in text
    assert text.endswith("given up: 3 blocks of inputs cost a process or more each")


def test_a_sweep_that_lost_its_last_block_is_not_given_up(monkeypatch):
    given(monkeypatch, *all_right(766), lost(767), lost(768), lost(769))
    report = sweep_blocks(766, 769)
    assert report.proof.given_up is None
    assert report.proof.swept == 4 * BLOCK


def test_a_sweep_that_was_given_up_is_not_gone_on_with(folder, monkeypatch):
    given(monkeypatch, *all_right(766), lost(767), lost(768), lost(769), *all_right(770))
    first = sweep_blocks(766, 770, resume="a.json")
    asked = given(monkeypatch, *all_right(770))
    assert str(sweep_blocks(766, 770, resume="a.json")) == str(first)
    assert asked.taken == 0


def test_a_sweep_is_gone_on_with_where_fewer_blocks_were_lost(folder, monkeypatch):
    given(monkeypatch, *all_right(766), lost(767), lost(768))
    sweep_blocks(766, 768, resume="a.json")
    asked = given(monkeypatch, lost(769))
    report = sweep_blocks(766, 770, resume="a.json")
    assert asked.blocks == [769, 770]
    assert report.proof.given_up == "3 blocks of inputs cost a process or more each"


def test_the_file_keeps_blocks_that_are_not_asked_for_this_time(folder, monkeypatch):
    given(monkeypatch, *all_right(766, 767))
    sweep_blocks(766, 767, resume="a.json")
    asked = given(monkeypatch, *all_right(768))
    report = sweep_blocks(767, 768, resume="a.json")
    assert asked.blocks == [768]
    assert report.proof.swept == 2 * BLOCK
    assert list(json.loads(Path("a.json").read_text())["blocks"]) == ["766", "767", "768"]


def test_what_is_done_is_kept_now_and_then(folder, monkeypatch):
    monkeypatch.setattr("refcompress.verify.sweep_file.EVERY", 0.0)
    monkeypatch.setattr("refcompress.verify.sweep_file.SHARE", 0)
    monkeypatch.setattr(exhaustive, "MOST_INTERVALS", 5)
    kept = []

    def results():
        for block in (767, 766):
            yield wrong(block, 3)
            held = json.loads(Path("a.json").read_text())
            kept.append((list(held["blocks"]), held["coarse"]))

    monkeypatch.setattr(workers, "crew", lambda *_: contextlib.nullcontext(results()))
    sweep_blocks(766, 767, resume="a.json")
    assert kept == [(["767"], False), (["766", "767"], True)]


def test_a_sweep_of_more_than_a_million_intervals_keeps_a_thousand_of_a_block_at_most(monkeypatch):
    sizes = [1024, 1025, *[2**15] * 32, 1024, 1025]
    given(monkeypatch, *(wrong(i, size) for i, size in enumerate(sizes, 768)))
    found = sweep_blocks(768, 767 + len(sizes)).proof.found
    assert len(found.intervals) == 1024 + 1 + 32 + 1024 + 1
    assert found.differing == sum(sizes)


def test_a_sweep_of_fewer_intervals_keeps_them_all(monkeypatch):
    given(monkeypatch, wrong(768, 1025), wrong(769, 2**15))
    assert len(sweep_blocks(768, 769).proof.found.intervals) == 1025 + 2**15


@pytest.mark.parametrize(("most", "kept"), [(9, 9), (8, 3)])
def test_intervals_are_too_many_when_they_are_more_than_the_most(folder, monkeypatch, most, kept):
    monkeypatch.setattr(exhaustive, "MOST_INTERVALS", most)
    monkeypatch.setattr(exhaustive, "MOST_OF_BLOCK", 2)
    given(monkeypatch, *(wrong(block, 3) for block in (768, 769, 770)))
    assert len(sweep_blocks(768, 770, resume="a.json").proof.found.intervals) == kept
    assert json.loads(Path("a.json").read_text())["coarse"] is (kept == 3)


def test_the_intervals_that_a_file_holds_count(folder, monkeypatch):
    monkeypatch.setattr(exhaustive, "MOST_INTERVALS", 8)
    monkeypatch.setattr(exhaustive, "MOST_OF_BLOCK", 2)
    given(monkeypatch, wrong(768, 3), wrong(769, 3))
    sweep_blocks(768, 769, resume="a.json")
    given(monkeypatch, wrong(770, 3))
    assert len(sweep_blocks(768, 770, resume="a.json").proof.found.intervals) == 3


def test_a_sweep_with_too_many_intervals_stays_one(folder, monkeypatch):
    monkeypatch.setattr(exhaustive, "MOST_INTERVALS", 5)
    monkeypatch.setattr(exhaustive, "MOST_OF_BLOCK", 2)
    monkeypatch.setattr("refcompress.verify.sweep_file.EVERY", 0.0)
    given(monkeypatch, wrong(768, 3), wrong(769, 3))
    sweep_blocks(768, 769, resume="a.json")
    given(monkeypatch, wrong(770, 3))
    assert len(sweep_blocks(768, 770, resume="a.json").proof.found.intervals) == 3
    assert json.loads(Path("a.json").read_text())["coarse"] is True


def test_who_watches_sees_how_much_is_done_and_nothing_stays(folder, monkeypatch):
    given(monkeypatch, *all_right(766))
    sweep_blocks(766, 766, resume="a.json")
    monkeypatch.setattr(tqdm, "tqdm", functools.partial(tqdm.tqdm, mininterval=0))
    monkeypatch.setattr(sys, "stderr", Terminal())
    given(monkeypatch, *all_right(768, 767))
    sweep_blocks(766, 768, resume="a.json")
    shown = [line for line in sys.stderr.getvalue().split("\r") if line.strip()]
    assert [line.split("|")[2].split("[")[0].strip() for line in shown] == [
        "0.00/12.6M",
        "4.19M/12.6M",
        "8.39M/12.6M",
        "12.6M/12.6M",
    ]
    assert re.search(r", ([\d.]+[kMGTP]?|\?)/s\]$", shown[-1].rstrip())  # padded where the line before was longer
    assert sys.stderr.getvalue().endswith(" \r")


def test_who_watches_sees_every_number_counted(monkeypatch):
    monkeypatch.setattr(tqdm, "tqdm", functools.partial(tqdm.tqdm, mininterval=0))
    monkeypatch.setattr(sys, "stderr", Terminal())
    prove(dequantize, "dequantize", "int8", p=9, jobs=1)
    assert "| 256/256 [" in sys.stderr.getvalue()


def test_a_log_is_not_told_how_much_is_done(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    prove(right, "quantize", "float16", p=4, bits=8, jobs=1)
    assert sys.stderr.getvalue() == ""


def test_a_sweep_goes_on_where_it_stopped(folder, monkeypatch):
    options = {"jobs": 1, "blocks": range(766, 769), "resume": "a.json"}
    whole = prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, jobs=1, blocks=range(766, 769))
    asked = []
    real = workers.crew

    def stopping(make, jobs, sweep, blocks, limit):
        asked.append(list(blocks))
        return real(make, jobs, sweep, blocks[: 3 - len(asked)], limit)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "crew", stopping)
    monkeypatch.setattr(exhaustive, "joined", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, **options)
    monkeypatch.setattr(exhaustive, "joined", joined)
    again = prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, **options)
    assert asked == [[766, 767, 768], [768]]
    assert again.text() == whole.text()


def test_the_file_of_another_candidate_is_refused(folder):
    options = {"jobs": 1, "resume": "a.json"}
    prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, **options)
    (folder / "mine.py").write_text(CODE + "# another\n")
    with pytest.raises(ValueError, match=r"^a\.json is of another sweep: source is \w+ there and \w+ here$"):
        prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, **options)
    with pytest.raises(ValueError, match=r"inputs is p=4 there and p=5 here"):
        prove_named("mine.py:f", "quantize", "float16", {"p": 5}, {"bits": 8}, **options)


def test_the_file_holds_what_was_swept(folder):
    prove_named("mine:f", "quantize", "float16", {"p": 4}, {"bits": 8}, jobs=1, resume="a.json")
    held = json.loads((folder / "a.json").read_text())
    settings = held["sweep"].pop("settings")
    assert (settings["bits"], settings["rounding"], settings["signed"]) == ("8", "half_even", "true")
    assert held["sweep"] == {
        "operation": "quantize",
        "inputs": {"p": "4"},
        "dtype": "float16",
        "arrays": "numpy",
        "candidate": "mine:f",
        "source": hashlib.sha256(CODE.encode()).hexdigest(),
        "refcompress": __version__,
        "numpy": np.__version__,
    }
    assert list(held["blocks"]) == ["0"]


def kept_source(candidate):
    """Return what the file of a sweep says of where a candidate came from."""
    prove(candidate, "quantize", "float16", p=4, bits=8, jobs=1, resume="a.json")
    return json.loads(Path("a.json").read_text())["sweep"]["source"]


def test_the_file_tells_a_function_by_the_text_of_the_module_that_it_is_from(folder):
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    assert kept_source(right) == own


def test_the_file_tells_a_decorated_function_by_the_module_of_the_function(folder):
    wrapper = eval("lambda function: lambda x, p: function(x, p)")  # it comes from no file
    assert kept_source(functools.wraps(right)(wrapper(right))) == kept_source(right)


class Quantizer:
    def __call__(self, x, p):
        return right(x, p)


class Codes(np.ndarray):
    def __new__(cls, x, p):
        return right(x, p)


def test_what_has_no_source_can_be_swept_with_a_file(folder, monkeypatch):
    assert kept_source(Quantizer()) is None


def test_what_was_typed_can_be_swept_with_a_file(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))  # of no file
    monkeypatch.setattr(Codes, "__module__", "__main__")
    assert kept_source(Codes) is None


def test_a_source_that_is_gone_can_be_swept_with_a_file(folder):
    space = {"right": right}
    exec(compile("def gone(x, p): return right(x, p)", str(folder / "gone.py"), "exec"), space)
    assert kept_source(space["gone"]) is None


def test_one_that_hangs_at_once_is_not_swept(folder):
    (folder / "mine.py").write_text("import time\ndef f(x, p): time.sleep(60)\n")
    report = prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, timeout=0.3)
    assert report.verdict == "differs"
    assert report.diagnosis[0].statement.startswith("does not answer within 0.3 s")
    assert "it does not answer within 0.3 s: on inputs in [1.0]\n" in str(report)
    assert "given up: the first call was not answered" in str(report)
    assert report.json()["cases"] == [{"name": "every float16", "exercised": 1, "failed": 0}]


def test_a_candidate_is_found_without_being_imported(folder):
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("raise SystemExit")
    (folder / "package" / "inner.py").write_text(CODE)
    assert source_file("mine.py:f") == Path("mine.py")
    assert source_file("a:b/mine.py:f") == Path("a:b/mine.py")
    assert source_file("mine:f.g") == folder / "mine.py"
    assert source_file("package.inner:f") == folder / "package" / "inner.py"
    assert source_file("package:f") == folder / "package" / "__init__.py"
    assert source_file("nothing.at.all:f") is None
    assert source_file("mine.json:f") is None  # there is a module json, but not in this one
    assert source_file("sys:intern") is None
    assert "package" not in sys.modules


def test_a_candidate_in_folders_that_are_no_packages_is_found(folder):
    (folder / "kernels" / "eight_bits").mkdir(parents=True)
    (folder / "kernels" / "eight_bits" / "inner.py").write_text(CODE)
    assert source_file("kernels.eight_bits.inner:f") == folder / "kernels" / "eight_bits" / "inner.py"
    assert source_file("kernels.eight_bits:f") is None
    assert source_file("kernels.inner:f") is None


@pytest.mark.parametrize("error", [ImportError, ValueError])
def test_where_no_module_can_be_looked_for_there_is_no_source(folder, monkeypatch, error):
    def hook(entry):
        if entry == "broken":
            return types.SimpleNamespace(find_spec=looked_for)
        raise ImportError

    def looked_for(name, target=None):
        raise error(name)

    monkeypatch.setattr(sys, "path_hooks", [hook, *sys.path_hooks])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.setattr(sys, "path", [*sys.path, "broken"])
    assert source_file("mine:f") == folder / "mine.py"
    assert source_file("nothing:f") is None


def test_without_the_package_a_scheduler_is_refused_in_a_line(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "refcompress.verify.cluster", raising=False)
    monkeypatch.delattr(sys.modules["refcompress.verify"], "cluster", raising=False)  # another test may have loaded it
    with pytest.raises(ValueError, match=r'needs the package distributed: pip install "refcompress\[cluster\]"$'):
        prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {}, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ValueError, match="needs the package distributed"):  # before anything is started
        prove_named("none.py:f", "quantize", "float16", {"p": 4}, {}, scheduler="tcp://127.0.0.1:9")
    assert prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {"bits": 8}, jobs=1).verdict == "agrees"


def without(monkeypatch, name):
    """Make the import of what talks to Dask fail, for want of a module."""

    def find_spec(wanted, path=None, target=None):
        if wanted == "refcompress.verify.cluster":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(sys, "meta_path", [types.SimpleNamespace(find_spec=find_spec), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "refcompress.verify.cluster", raising=False)
    monkeypatch.delattr(sys.modules["refcompress.verify"], "cluster", raising=False)


@pytest.mark.parametrize("name", ["distributed", "distributed.client", "dask", "dask.base"])
def test_whatever_of_dask_is_missing_the_package_is_named(monkeypatch, name):
    without(monkeypatch, name)
    with pytest.raises(ValueError, match="needs the package distributed"):
        prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {}, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("name", ["tornado", "my.dask", None])
def test_what_dask_misses_is_not_hidden(monkeypatch, name):
    without(monkeypatch, name)
    with pytest.raises(ModuleNotFoundError, match=str(name)):
        prove_named("mine.py:f", "quantize", "float16", {"p": 4}, {}, scheduler="tcp://127.0.0.1:9")


def test_a_cluster_is_told_who_is_to_sweep_what(folder, monkeypatch):
    asked = []

    def crew(address, order, sweep, blocks, limit):
        asked.append((address, order, list(blocks)))
        return workers.crew(lambda: workers.ByName(*order, sweep), 1, sweep, blocks, limit)

    cluster = types.SimpleNamespace(crew=crew)
    monkeypatch.setitem(sys.modules, "refcompress.verify.cluster", cluster)
    monkeypatch.setattr(sys.modules["refcompress.verify"], "cluster", cluster, raising=False)
    options = {"blocks": range(766, 768), "timeout": 7.0}
    report = prove_named("mine.py:f", "quantize", "float32", {"p": 4}, {"bits": 8}, scheduler="tcp://a:1", **options)
    assert asked == [("tcp://a:1", ("mine.py:f", ["x", "p"], 7.0), [766, 767])]
    assert (report.verdict, report.proof.found.accepted) == ("agrees", 2 * BLOCK)


def test_the_only_block_and_the_last_one_are_part_of_a_sweep(monkeypatch):
    assert prove(right, "quantize", "float16", p=4, bits=8, jobs=1, blocks=range(1)).verdict == "agrees"
    given(monkeypatch, *all_right(1022, 1023))
    assert sweep_blocks(1022, 1023).proof.swept == 2 * BLOCK


@pytest.mark.parametrize("blocks", [range(0), range(0, 4, 2), range(1023, 1025), range(-1, 2)])
def test_blocks_that_are_no_part_of_a_sweep_are_refused(blocks):
    with pytest.raises(
        ValueError, match=r"^blocks is range.*: it must be a range without gaps within range\(0, 1024\)$"
    ):
        prove(half_away, "quantize", "float32", p=4, blocks=blocks)

import dataclasses

import numpy as np
import pytest

from refcompress import quantize
from refcompress.verify import assert_agrees, check
from refcompress.verify.candidates import Answer, Candidate, Program
from refcompress.verify.check import resolve
from refcompress.verify.operations import OPERATIONS


def right(x, p):
    return quantize(x, p, bits=8)


def away(x, p):
    return quantize(x, p, bits=8, rounding="half_away")


def statements(function, **settings):
    return [e.statement for e in check(function, "quantize", **{"bits": 8, **settings}).diagnosis]


def test_a_right_candidate_agrees_and_nothing_is_said_of_it():
    report = check(right, "quantize", bits=8)
    assert (report.verdict, report.counterexample, report.diagnosis) == ("agrees", None, ())


def test_a_program_is_sent_cases_ahead_and_sees_no_layouts():
    layouts, ahead = [], []

    def call(args, layout):
        layouts.append(layout)
        return Answer(right(*args))

    def answers(calls):
        calls = list(calls)
        ahead.append(len(calls))
        return (call(*c) for c in calls)

    candidate = Candidate("a program", call, program=Program(("a",), "{}"), ahead=answers)
    report = check(candidate, dataclasses.replace(OPERATIONS["quantize"], rejects=()), bits=8, examples=5)
    assert report.verdict == "agrees"
    assert {*layouts} == {"plain"}
    assert len(ahead) == 1
    assert ahead[0] > 100


def test_a_problem_that_belongs_to_a_call_before_is_shown_with_its_inputs():
    first = (np.array([0.75], np.float32), 2)
    candidate = Candidate("late", lambda args, layout: Answer(problem="fails", lost=True, asked=first))
    example = check(candidate, "quantize", bits=8).counterexample
    assert (example.inputs["x"].tolist(), example.inputs["p"], example.expected.tolist()) == ([0.75], 2, [3])


def test_the_counterexample_is_one_number():
    example = check(away, "quantize", bits=8).counterexample
    assert (example.inputs["x"].tolist(), example.inputs["p"]) == ([0.5], 0)
    assert (example.expected.tolist(), example.actual.tolist()) == ([0], [1])


def test_what_only_the_directed_cases_show_is_cut_down():
    def wrong_past_2_23(x, p):
        codes = np.rint(np.ldexp(x.astype(np.float64), p))
        return np.clip(np.where(codes == 2**23 + 1, 2**23 + 2, codes), -(2**31), 2**31 - 1).astype(np.int64)

    example = check(wrong_past_2_23, "quantize", bits=32, examples=0).counterexample
    assert example.inputs["x"].size == 1
    assert example.expected.tolist() == [2**23 + 1]


def test_the_search_finds_what_no_directed_case_shows():
    def wrong_at_one_code(x, p):
        codes = quantize(x, p, bits=8)
        return np.where(codes == 3, 4, codes) if x.shape == (2,) else codes

    report = check(wrong_at_one_code, "quantize", bits=8, examples=3000)
    assert report.verdict == "differs"
    assert report.counterexample.inputs["x"].shape == (2,)
    assert {case.name: case.failed for case in report.cases}["search"] > 0


def test_the_same_seed_gives_the_same_report():
    for candidate in (right, away):
        first, second = (check(candidate, "quantize", bits=8, seed=7) for _ in range(2))
        assert str(first) == str(second)
        assert first.json() == second.json()


def test_a_candidate_that_changes_its_input_differs_even_if_it_answers_right():
    def scales_in_place(x, p):
        codes = quantize(x, p, bits=8)
        if x.flags.writeable:
            x *= 2
        return codes

    report = check(scales_in_place, "quantize", bits=8)
    assert report.verdict == "differs"
    assert report.diagnosis[0].fault == "changes_input"
    assert report.counterexample.changed == ("x",)


def test_a_candidate_that_answers_otherwise_the_second_time_is_named():
    seen = set()

    def remembers(x, p):
        key = (x.tobytes(), x.shape, p)
        codes = quantize(x, p, bits=8)
        if key in seen:
            return codes + 1
        seen.add(key)
        return codes

    assert "gives another answer the second time" in statements(remembers, examples=0)[0]


def test_a_candidate_that_raises_differs_and_the_exception_is_shown():
    def no_empty(x, p):
        if x.size == 0:
            raise IndexError("nothing there")
        return quantize(x, p, bits=8)

    report = check(no_empty, "quantize", bits=8)
    assert report.verdict == "differs"
    assert "raises IndexError: nothing there" in report.diagnosis[0].statement
    assert "nothing there" in str(report)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda codes: None, "returns None: it must be an array"),
        (lambda codes: "text", "returns a str: it must be an array"),
        (lambda codes: codes.reshape(-1), "returns shape (1,): it must be ()"),
        (lambda codes: codes.astype(complex), "returns dtype complex128: it must hold real numbers"),
        (lambda codes: {"codes": codes}, "returns a dict: it must be an array"),
    ],
)
def test_what_is_no_answer_is_said_in_plain_words(returned, words):
    report = check(lambda x, p: returned(quantize(x, p, bits=8)), "quantize", bits=8, examples=20)
    assert report.verdict == "differs"
    assert words in str(report)


def test_nan_in_place_of_a_code_is_wrong():
    report = check(lambda x, p: np.where(x == 0, np.nan, quantize(x, p, bits=8)), "quantize", bits=8)
    assert report.verdict == "differs"
    assert "nan" in str(report)


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float32, np.float64])
def test_codes_may_come_in_any_dtype_that_holds_them(dtype):
    assert check(lambda x, p: quantize(x, p, bits=8).astype(dtype), "quantize", bits=8).verdict == "agrees"


def test_another_dtype_is_a_fault_where_the_settings_ask_for_it():
    report = check(lambda x, p: quantize(x, p, bits=8).astype(np.int16), "quantize", bits=8, check_dtype=True)
    assert report.verdict == "differs"
    assert "returns dtype int16: it must be int8" in str(report)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_arrays_have_the_dtype_of_the_settings(dtype):
    seen = set()

    def records(x, p):
        seen.add(x.dtype.name)
        return quantize(x, p, bits=8)

    assert check(records, "quantize", bits=8, dtype=dtype, examples=20).verdict == "agrees"
    assert seen == {dtype}


def test_every_layout_is_given():
    seen = set()

    def records(x, p):
        if x.ndim > 1 and x.size:
            seen.add((x.flags.c_contiguous, x.flags.f_contiguous, x.flags.writeable, x.strides[-1] < 0))
        return quantize(x, p, bits=8)

    assert check(records, "quantize", bits=8, examples=0).verdict == "agrees"
    plain, fortran = (True, False, True, False), (False, True, True, False)
    strided, backwards, read_only = (False, False, True, False), (False, False, True, True), (True, False, False, False)
    assert {plain, fortran, strided, backwards, read_only} <= seen


def test_an_input_that_the_operation_rejects_gives_a_remark():
    report = check(lambda x, p: quantize(np.nan_to_num(x), p, bits=8), "quantize", bits=8, examples=0)
    assert "accepts x[0] = nan, which the operation rejects" in report.remarks


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: check(right, "quantise"),
            ValueError,
            "operation is 'quantise': it must be one of quantize, dequantize",
        ),
        (
            lambda: check(right, "quantize", round="up"),
            ValueError,
            "quantize has no setting 'round': it has bits, signed",
        ),
        (
            lambda: check(right, "quantize", rounding="up"),
            ValueError,
            "rounding is 'up': it must be one of half_even, half",
        ),
        (lambda: check(right, "quantize", bits=64), ValueError, "bits is 64: it must be one of none, 2, 3"),
        (lambda: check(right, "quantize", signed=1), ValueError, "signed is 1: it must be one of true, false"),
        (lambda: check(right, "quantize", examples=-1), ValueError, "examples is -1: it must be at least 0"),
        (
            lambda: check(right, "quantize", arrays="cupy"),
            ValueError,
            "arrays is 'cupy': it must be one of numpy, torch",
        ),
    ],
)
def test_what_the_contract_does_not_know_is_refused_with_what_it_does(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_settings_that_are_not_given_have_their_defaults():
    quantize_operation = OPERATIONS["quantize"]
    assert resolve(quantize_operation, {"bits": 4}) == {**quantize_operation.defaults, "bits": 4}


def test_assert_agrees_raises_with_the_report():
    assert_agrees(right, "quantize", bits=8, examples=10)
    with pytest.raises(AssertionError, match="rounds halves away from zero"):
        assert_agrees(away, "quantize", bits=8, examples=10)

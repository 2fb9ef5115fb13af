from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from verify.toys import CODES

from refcompress.verify import evidence
from refcompress.verify.blocks import CALL, Found, Sweep, evaluate
from refcompress.verify.candidates import Answer, Candidate, from_callable
from refcompress.verify.operations import find_operation
from refcompress.verify.wire import encode

SETTINGS = {**find_operation("quantize").defaults, "bits": 8}
HALVES = Sweep("quantize", {**SETTINGS, "dtype": "float16"}, (4,), "float16")
WHOLE = Sweep("quantize", SETTINGS, (4,), "float32")
BYTES = Sweep("dequantize", find_operation("dequantize").defaults, (4,), "int8")
ENDS = (0, 2**16 - 1)


def right(x, p):
    return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127)


def half_away(x, p):
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127)


def place(number, sweep=HALVES):
    return int(sweep.patterns.places(np.array([number], sweep.dtype))[0])


def dying(fatal, sweep=HALVES):
    """A candidate whose process ends at the call of that number, from 1."""
    sizes = []

    def call(args, layout):
        sizes.append(args[0].size)
        if len(sizes) == fatal:
            return Answer(problem="ends its process", lost=True)
        return Answer(find_operation(sweep.operation).answer(args, sweep.settings))

    return Candidate("dying", call)


def swept(function, sweep=HALVES, ends=ENDS):
    subject = from_callable(function, ["x", "p"])
    return subject, evaluate(subject, sweep, *ends)


def test_the_calls_before_a_sweep_go_over_the_whole_range_and_repeat_some():
    probe = evidence.probe(HALVES, from_callable(right, ["x", "p"]))
    assert [e.size for e in probe.exchanges] == [1, 1984, 3968, 1984]
    assert [e.repeated for e in probe.exchanges] == [False, False, False, True]
    assert not any(e.fails for e in probe.exchanges)
    assert (probe.hopeless, probe.each > 0) == (None, True)


def test_the_calls_before_a_sweep_are_of_one_1_and_of_both_ends():
    first, _, third, _ = evidence.probe(BYTES, dying(0, BYTES)).exchanges
    assert first.args[0].tolist() == [1]
    assert (third.args[0][0], third.args[0][-1]) == (-128, 127)
    assert {e.case for e in (first, third)} == {"every int8"}  # that of the report


def test_where_1_has_no_answer_the_first_number_that_has_one_is_called_alone():
    from_2 = replace(CODES, accepts=lambda args, settings: args[0] >= 2)
    sweep = Sweep(from_2, CODES.defaults, (), "int8")
    assert evidence.probe(sweep, dying(0, sweep)).exchanges[0].args[0].tolist() == [2]


@pytest.mark.parametrize(("fatal", "hopeless"), [(1, place(1.0)), (2, None), (3, None)])
def test_after_a_lost_process_no_more_calls_are_made_before_the_sweep(fatal, hopeless):
    probe = evidence.probe(HALVES, dying(fatal))
    assert [e.answer.lost for e in probe.exchanges] == [False] * (fatal - 1) + [True]
    assert (probe.each, probe.hopeless) == (0, hopeless)


def test_the_time_of_one_input_is_that_of_the_call_on_all(monkeypatch):
    monkeypatch.setattr(evidence, "time", SimpleNamespace(perf_counter=iter([10.0, 14.0]).__next__))
    assert evidence.probe(BYTES, dying(0, BYTES)).each == 4 / 4096


def test_a_question_that_signals_makes_no_complaint():
    positive = replace(CODES, accepts=lambda args, settings: np.log(args[0]) > 0)  # of 0, of -1
    sweep = Sweep(positive, dict(CODES.defaults), (), "float16")
    with np.errstate(all="raise"):
        probe = evidence.probe(sweep, from_callable(lambda x: CODES.answer((x,), CODES.defaults), ["x"]))
    assert all((e.args[0] > 1).all() for e in probe.exchanges)


def test_a_signalling_nan_makes_no_complaint():
    signalling = np.array([0x7F800001], np.uint32).view(np.float32)
    found = Found(silent=((place(1.0, WHOLE), int(WHOLE.patterns.places(signalling)[0]), "dies"),))
    with np.errstate(all="raise"):
        assert evidence.simplest(WHOLE, dying(0), found).args[0].tolist() == [1.0]


def test_the_simplest_failing_input_is_called_alone():
    subject, found = swept(half_away)
    call = evidence.simplest(HALVES, subject, found)
    assert call.args[0].tolist() == [0.03125]
    assert call.fails


def test_one_that_is_wrong_in_company_alone_is_cut_down():
    subject, found = swept(lambda x, p: right(x, p) + (np.arange(x.size) >= 100))
    call = evidence.simplest(HALVES, subject, found)
    assert call.size == 101
    assert call.failed == 1


@pytest.mark.parametrize(("least", "size"), [(1000, 1000), (1001, 1)])
def test_company_of_more_than_a_thousand_is_not_shown(least, size):
    def wrong(x, p):
        return right(x, p) + (np.arange(x.size) == least - 1)

    example = place(1.0), encode(np.array([16])), encode(np.array([17.0]))
    assert evidence.simplest(HALVES, from_callable(wrong, ["x", "p"]), Found(example=example)).size == size


def test_the_company_is_that_of_the_call_in_the_sweep():
    def wrong(x, p):
        return right(x, p) + (np.arange(x.size) == 100)

    at = place(1.0, WHOLE) + 5
    example = at, encode(np.array([16])), encode(np.array([17.0]))
    call = evidence.simplest(WHOLE, from_callable(wrong, ["x", "p"]), Found(example=example))
    assert call.args[0].tolist() == WHOLE.patterns.at(np.arange(101) + at // CALL * CALL).tolist()


def test_one_that_is_wrong_once_is_shown_as_it_was():
    calls = []

    def moody(x, p):
        calls.append(x.size)
        return right(x, p) + (len(calls) == 1)

    subject, found = swept(moody)
    call = evidence.simplest(HALVES, subject, found)
    assert (call.expected.tolist(), call.answer.value.tolist()) == ([0], [1.0])
    assert call.fails


def test_what_is_shown_as_it_was_is_one_plain_call():
    bounded = replace(CODES, bound=lambda args, settings: np.full(args[0].shape, 0.5))
    sweep = Sweep(bounded, CODES.defaults, (), "int8")
    example = place(3, sweep), encode(np.array([6.0])), encode(np.array([7.0]))
    call = evidence.simplest(sweep, dying(0, sweep), Found(example=example))
    assert (call.args[0].tolist(), call.expected.tolist(), call.answer.value.tolist()) == ([3], [6], [7])
    assert (call.bound.tolist(), call.problem, call.failed) == ([0.5], None, 1)
    assert (call.case, call.layout, call.repeated) == ("every int8", "plain", False)


def test_a_call_that_is_answered_rightly_now_is_not_shown():
    example = 130, encode(np.array([0.125])), encode(np.array([9.0]))
    call = evidence.simplest(BYTES, dying(0, BYTES), Found(example=example))
    assert call.answer.value.tolist() == [9.0]


@pytest.mark.parametrize(
    "what",
    [
        {"repeated": True},
        {"answer": Answer(problem="ends its process", lost=True)},
        {"answer": Answer(np.array([16, 32]), overwrote=(np.zeros(2), 4))},
    ],
)
def test_a_failure_that_no_shorter_call_shows_is_not_cut_down(what):
    subject = from_callable(lambda x, p: right(x, p) + 1, ["x", "p"])
    failing = evidence.probe(HALVES, subject).exchanges[1]
    failing = replace(failing, **what)
    if failing.answer.overwrote is not None:
        failing = replace(failing, comparison=replace(failing.comparison, wrong=()))
    assert evidence.smaller(HALVES, subject, failing) is failing


def test_where_there_is_no_answer_the_input_that_does_it_is_called():
    def fails(x, p):
        if np.isinf(x).any():
            raise RuntimeError
        return right(x, p)

    subject, found = swept(fails)
    call = evidence.simplest(HALVES, subject, found)
    assert call.args[0].tolist() == [np.inf]
    assert call.problem == "raises RuntimeError"


def test_of_inputs_without_an_answer_one_that_was_given_alone_comes_first():
    alone = place(1.5) + 1
    found = Found(silent=((place(1.0), place(1.25), "dies"), (alone, alone, "dies"), (place(2.0), place(4.0), "dies")))
    call = evidence.simplest(HALVES, dying(1), found)
    assert call.args[0].tolist() == HALVES.patterns.at([alone]).tolist()


def test_where_only_rejected_inputs_have_no_answer_nothing_failed():
    assert evidence.simplest(HALVES, dying(0), Found(silent=((0, 5, "dies"),))) is None


def test_a_right_candidate_has_no_failing_call():
    subject, found = swept(right)
    assert evidence.simplest(HALVES, subject, found) is None


def test_on_16_bits_a_rule_is_judged_on_every_input():
    subject, found = swept(half_away)
    judged = evidence.judge(HALVES, subject, found, ENDS, [])
    assert judged.explanations[0].settings == {"rounding": "half_away"}
    assert (judged.differing, judged.agreeing) == (128, 2**16 - 2046 - 128)
    assert judged.explanations[0].of == 2**16 - 2046


def test_the_calls_before_are_judged_too_and_come_first():
    subject, found = swept(half_away)
    calls = evidence.probe(HALVES, subject).exchanges
    judged = evidence.judge(HALVES, subject, found, ENDS, calls)
    assert judged.exchanges[: len(calls)] == calls
    assert sum(e.size for e in judged.exchanges[len(calls) :]) == judged.differing + judged.agreeing
    assert judged.explanations[0].of == sum(e.size for e in judged.exchanges)


def test_the_form_of_the_arrays_that_were_made_for_the_calls_is_no_place_of_differences():
    subject = from_callable(lambda x, p: right(x, p) + (x.size == 1), ["x", "p"])
    calls = evidence.probe(HALVES, subject).exchanges
    judged = evidence.judge(HALVES, subject, Found(), (0, 300), calls)
    assert [e.statement for e in judged.explanations] == [
        "differs only in the last element: 1 of the 4 values there, none elsewhere"
    ]


def test_on_32_bits_a_rule_is_judged_on_what_differs_and_on_a_hard_sample():
    ends = WHOLE.places(764)[0], WHOLE.places(775)[1]
    subject, found = swept(half_away, WHOLE, ends)
    judged = evidence.judge(WHOLE, subject, found, ends, [])
    assert judged.explanations[0].settings == {"rounding": "half_away"}
    assert judged.differing == found.differing == 60
    assert judged.agreeing > 8000


def test_a_sample_does_not_hold_what_was_not_answered():
    differing, agreeing = evidence._sample(BYTES, Found(silent=((100, 200, "dies"),)), (0, 255))
    assert differing.size == 0
    assert agreeing.tolist() == [*range(100), *range(201, 256)]


def sample(sweep, ends, *intervals):
    found = Found(intervals=tuple((first, last, last - first + 1) for first, last in intervals))
    return evidence._sample(sweep, found, ends)


def test_up_to_65536_inputs_are_judged_on_every_one():
    first = place(1.0, WHOLE)
    _, every = sample(WHOLE, (first, first + 65535))
    _, some = sample(WHOLE, (first, first + 65536))
    assert np.array_equal(every, np.arange(first, first + 65536))
    assert some.size < 30000


def test_a_sample_is_not_larger_than_many_rules_can_be_judged_on():
    _, agreeing = sample(WHOLE, (0, 2**32 - 1))
    assert 8000 < agreeing.size < 21000
    assert agreeing.dtype == np.int64


def test_few_inputs_that_differ_are_all_judged_and_so_are_the_ones_beside():
    first = place(1.7, WHOLE)
    intervals = [(first + a, first + b) for a, b in ((100, 102), (200, 249), (260, 260), (9999, 12000))]
    differing, agreeing = sample(WHOLE, (0, 2**32 - 1), *intervals)
    assert differing.tolist() == [p for a, b in intervals for p in range(a, b + 1)]
    assert np.isin([p for a, b in intervals for p in (a - 1, b + 1)], agreeing).all()


def test_of_many_inputs_that_differ_some_from_everywhere_are_judged():
    first = place(1.7, WHOLE)
    intervals = [(first, first + 40000), (first + 50000, first + 100000)]
    differing, _ = sample(WHOLE, (0, 2**32 - 1), *intervals)
    assert 8192 <= differing.size <= 9000
    assert differing.dtype == np.int64
    assert (differing[0], differing[-1]) == (first, first + 100000)
    assert sorted(np.diff(differing))[-2] <= 90001 // 8192 + 1  # but for the step from one interval to the other


def test_beside_very_many_intervals_some_from_everywhere_are_judged():
    first = place(1.7, WHOLE)
    starts = first + 8 * np.arange(8192)
    _, agreeing = sample(WHOLE, (first - 9, first + 10**6), *((a, a) for a in starts.tolist()))
    beside = np.isin(agreeing, [starts - 1, starts + 1])
    assert 8192 <= beside.sum() <= 9000


def test_floats_of_few_digits_are_in_the_sample():
    few = [np.ldexp(digits, e) for digits in range(1, 256, 2) for e in range(-24, 24)]
    few = np.unique([*few, *np.negative(few)]).astype(np.float32)
    differing, agreeing = sample(WHOLE, (0, 2**32 - 1), (place(3.0, WHOLE), place(5.0, WHOLE)))
    assert np.isin(WHOLE.patterns.places(few), [*differing, *agreeing]).all()
    assert np.isin(WHOLE.patterns.places(np.array([0.0, -0.0], np.float32)), agreeing).all()


@pytest.mark.parametrize("dtype", ["int32", "uint32"])
def test_integers_of_few_digits_are_in_the_sample(dtype):
    sweep = Sweep("dequantize", find_operation("dequantize").defaults, (4,), dtype)
    ends = np.iinfo(dtype)
    few = {sign * digits << e for digits in range(256) for e in range(32) for sign in (1, -1)}
    few = np.array(sorted(n for n in few if ends.min <= n <= ends.max), dtype)
    _, agreeing = sample(sweep, (0, 2**32 - 1))
    assert np.isin(sweep.patterns.places(few), agreeing).all()


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32"])
def test_the_sample_of_integers_lies_within_the_dtype(dtype):
    sweep = Sweep("dequantize", find_operation("dequantize").defaults, (4,), dtype)
    differing, agreeing = evidence._sample(sweep, Found(intervals=((5, 9, 5),)), (0, sweep.patterns.count - 1))
    assert differing.tolist() == [5, 6, 7, 8, 9]
    assert agreeing.min() == 0
    assert agreeing.max() == sweep.patterns.count - 1

import numpy as np
import pytest

from refcompress.verify import evidence
from refcompress.verify.blocks import Found, Sweep, evaluate
from refcompress.verify.candidates import from_callable
from refcompress.verify.operations import find_operation

SETTINGS = {**find_operation("quantize").defaults, "bits": 8}
HALVES = Sweep("quantize", {**SETTINGS, "dtype": "float16"}, (4,), "float16")
WHOLE = Sweep("quantize", SETTINGS, (4,), "float32")
ENDS = (0, 2**16 - 1)


def right(x, p):
    return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127)


def half_away(x, p):
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127)


def swept(function, sweep=HALVES, ends=ENDS):
    subject = from_callable(function, ["x", "p"])
    return subject, evaluate(subject, sweep, *ends)


def test_the_calls_before_a_sweep_go_over_the_whole_range_and_repeat_some():
    probe = evidence.probe(HALVES, from_callable(right, ["x", "p"]))
    assert [e.size for e in probe.exchanges] == [1, 1984, 3968, 1984]
    assert [e.repeated for e in probe.exchanges] == [False, False, False, True]
    assert not any(e.fails for e in probe.exchanges)
    assert (probe.hopeless, probe.each > 0) == (None, True)


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


def test_one_that_is_wrong_once_is_shown_as_it_was():
    calls = []

    def moody(x, p):
        calls.append(x.size)
        return right(x, p) + (len(calls) == 1)

    subject, found = swept(moody)
    call = evidence.simplest(HALVES, subject, found)
    assert (call.expected.tolist(), call.answer.value.tolist()) == ([0], [1.0])
    assert call.fails


def test_where_there_is_no_answer_the_input_that_does_it_is_called():
    def fails(x, p):
        if np.isinf(x).any():
            raise RuntimeError
        return right(x, p)

    subject, found = swept(fails)
    call = evidence.simplest(HALVES, subject, found)
    assert call.args[0].tolist() == [np.inf]
    assert call.problem == "raises RuntimeError"


def test_a_right_candidate_has_no_failing_call():
    subject, found = swept(right)
    assert evidence.simplest(HALVES, subject, found) is None


def test_on_16_bits_a_rule_is_judged_on_every_input():
    subject, found = swept(half_away)
    judged = evidence.judge(HALVES, subject, found, ENDS, [])
    assert judged.explanations[0].settings == {"rounding": "half_away"}
    assert (judged.differing, judged.agreeing) == (128, 2**16 - 2046 - 128)
    assert judged.explanations[0].of == 2**16 - 2046


def test_on_32_bits_a_rule_is_judged_on_what_differs_and_on_a_hard_sample():
    ends = WHOLE.places(764)[0], WHOLE.places(775)[1]
    subject, found = swept(half_away, WHOLE, ends)
    judged = evidence.judge(WHOLE, subject, found, ends, [])
    assert judged.explanations[0].settings == {"rounding": "half_away"}
    assert judged.differing == found.differing == 60
    assert judged.agreeing > 8000


def test_a_sample_does_not_hold_what_was_not_answered():
    _, agreeing = evidence._sample(HALVES, Found(silent=((100, 40000, "dies"),)), ENDS)
    assert not ((agreeing >= 100) & (agreeing <= 40000)).any()


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32"])
def test_the_sample_of_integers_lies_within_the_dtype(dtype):
    sweep = Sweep("dequantize", find_operation("dequantize").defaults, (4,), dtype)
    differing, agreeing = evidence._sample(sweep, Found(intervals=((5, 9, 5),)), (0, sweep.patterns.count - 1))
    assert differing.tolist() == [5, 6, 7, 8, 9]
    assert agreeing.min() == 0
    assert agreeing.max() == sweep.patterns.count - 1

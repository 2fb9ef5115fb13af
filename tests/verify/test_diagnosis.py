import numpy as np
import pytest

from refcompress import mlp_forward, quantize
from refcompress.rounding import ROUNDING
from refcompress.verify import check

BITS = {"bits": 8}


def q(x, p, **settings):
    return quantize(x, p, **{**BITS, **settings})


def first(function, **settings):
    return check(function, "quantize", examples=30, **{**BITS, **settings}).diagnosis[0]


@pytest.mark.parametrize("word", sorted(set(ROUNDING) - {"half_even"}))
def test_another_rounding_rule_is_named(word):
    found = first(lambda x, p: q(x, p, rounding=word))
    assert (found.settings, found.complete) == ({"rounding": word}, True)


@pytest.mark.parametrize("word", sorted(set(ROUNDING) - {"floor"}))
def test_a_rule_is_named_against_any_other(word):
    assert first(lambda x, p: q(x, p, rounding=word), rounding="floor").settings == {"rounding": word}


def test_the_sentence_has_the_rule_and_the_counts():
    found = first(lambda x, p: q(x, p, rounding="half_away"))
    assert found.statement.startswith("rounds halves away from zero; agrees with rounding=half_away on all ")
    assert found.explained == found.of > 1000


def test_two_settings_at_once_are_tried():
    found = first(lambda x, p: q(x, p, rounding="floor", narrow_range=True))
    assert found.settings == {"rounding": "floor", "narrow_range": True}
    assert "rounds down (floor) and never gives the most negative code" in found.statement


def test_two_settings_are_named_beside_an_exception():
    report = check(lambda x, p: q(x, p, rounding="floor", overflow="wrap"), "quantize", **BITS)
    assert report.diagnosis[0].fault == "no_answer"  # wrapping gives infinity no code
    assert report.diagnosis[1].settings == {"rounding": "floor", "overflow": "wrap"}


@pytest.mark.parametrize("width", [4, 8, 16])
def test_another_rule_in_the_tail_of_vector_loops_is_placed_there(width):
    def tail(x, p):
        codes, other = q(x, p).reshape(-1), q(x, p, rounding="half_away").reshape(-1)
        start = codes.size - codes.size % width
        return np.concatenate([codes[:start], other[start:]]).reshape(x.shape)

    found = first(tail)
    assert f"rounds halves away from zero, but only in the last n mod {width} elements" in found.statement
    assert found.complete


def test_another_rule_for_negative_numbers_is_placed_there():
    found = first(lambda x, p: np.where(x < 0, q(x, p, rounding="half_away"), q(x, p)))
    assert "rounds halves away from zero, but only where x is negative" in found.statement


def test_strides_that_are_ignored_are_named():
    def memory_order(x, p):
        return q(np.ravel(x, order="K").reshape(x.shape), p)

    assert first(memory_order).fault == "strides_ignored"


def test_a_wrong_rule_on_one_layout_is_placed_there():
    def strided_rounds_up(x, p):
        return q(x, p) if x.flags.c_contiguous else q(x, p, rounding="half_up")

    assert "but only on arrays that are not contiguous" in first(strided_rounds_up).statement


def test_what_nothing_explains_is_said_to_be_partial_and_where_it_is():
    def odd(x, p):
        codes = q(x, p).astype(int)
        return np.where(np.ldexp(x.astype(np.float64), p) % 1 == 0.5, codes + 7, codes)

    report = check(odd, "quantize", **BITS)
    assert not any(e.complete for e in report.diagnosis)
    assert any("differs only at ties" in e.statement for e in report.diagnosis)


def test_a_partial_explanation_is_marked_and_counts_less_than_all():
    def mostly_floor(x, p):
        codes = q(x, p, rounding="floor").astype(int)
        return np.where(np.ldexp(x.astype(np.float64), p) == 2.5, 99, codes)

    best = check(mostly_floor, "quantize", **BITS).diagnosis[0]
    assert best.statement.startswith("in part rounds down (floor)")
    assert best.explained < best.of


def test_a_rule_that_explains_a_few_differences_by_chance_is_not_named():
    def drawn_at_ties(x, p):
        v = np.clip(np.ldexp(x.astype(np.float64), p), -1e6, 1e6)
        up = np.sin(7 * v) > 0
        return np.where(v % 1 == 0.5, np.clip(np.floor(v) + up, -128, 127), q(x, p))

    (found,) = check(drawn_at_ties, "quantize", **BITS).diagnosis
    assert "differs only at ties" in found.statement


def test_a_fault_that_allows_for_errors_is_named_for_all_differences_or_not_at_all():
    def last_of_odd_batches(weights, biases, x):
        y = mlp_forward(weights, biases, x)
        if len(x) % 2 and len(x) > 1:
            y[-1] = y[-2]
        return y

    assert not any("16 bits" in e.statement for e in check(last_of_odd_batches, "mlp_forward").diagnosis)


def fake(x, scale, zero_point):
    codes = np.clip(np.rint(x / np.float32(scale)) + zero_point, -128, 127)
    return np.asarray((codes - zero_point) * np.float32(scale), np.float32)


def test_a_rule_is_named_even_where_zeros_have_the_other_sign():
    def without_range(x, scale, zero_point):
        with np.errstate(all="ignore"):
            return np.rint(x / np.float32(scale)) * np.float32(scale)

    best = check(without_range, "fake_quantize").diagnosis[0]
    assert best.fault == "unbounded"
    assert best.statement.endswith("but the sign of 736 zeros")
    assert best.of - best.explained == 736


def test_the_sign_of_zeros_alone_is_no_other_rule_of_numbers():
    with np.errstate(all="ignore"):
        wrong = check(lambda *args: np.negative(0.0 - fake(*args)), "fake_quantize", examples=0)
    assert wrong.verdict == "differs"
    assert not any("but the sign of" in e.statement for e in wrong.diagnosis)


def test_a_rule_without_a_channel_is_not_said_to_have_an_axis():
    def sum_rounded(x, scale, zero_point):
        with np.errstate(all="ignore"):
            codes = np.clip(np.rint(x / np.float32(scale) + np.float32(zero_point)), -128, 127)
            return np.asarray((codes - zero_point) * np.float32(scale), np.float32)

    best = check(sum_rounded, "fake_quantize", examples=0).diagnosis[0]
    assert best.settings == {"zero_point_added": "before_rounding"}
    assert "but the sign of" in best.statement


def test_no_rule_that_the_answers_contradict_claims_to_explain_all():
    generator = np.random.default_rng(0)

    def noisy(x, p):
        return q(x, p).astype(int) + generator.integers(0, 2, x.shape)

    assert not any(e.complete for e in check(noisy, "quantize", examples=0, **BITS).diagnosis)


def test_an_exception_is_counted_and_placed():
    def no_scalars(x, p):
        if x.ndim == 0:
            raise TypeError("no 0-d arrays")
        return q(x, p)

    found = first(no_scalars)
    assert found.fault == "no_answer"
    assert "raises TypeError: no 0-d arrays" in found.statement
    assert "only in: 0-d" in found.statement


def test_an_exception_does_not_hide_the_rule_of_the_other_answers():
    def no_empty(x, p):
        if x.size == 0:
            raise ValueError("empty")
        return q(x, p, rounding="floor")

    report = check(no_empty, "quantize", **BITS)
    assert {"rounding": "floor"} in [e.settings for e in report.diagnosis]

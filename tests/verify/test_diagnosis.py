from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest
from verify.toys import PARTS, SCALE, STEP, TOTAL, times

from refcompress import mlp_forward, quantize
from refcompress.rounding import ROUNDING
from refcompress.verify import check
from refcompress.verify.agreement import Comparison, compare, conform
from refcompress.verify.candidates import Answer
from refcompress.verify.diagnosis import CONDUCT, as_integers, diagnose, word
from refcompress.verify.exchange import Exchange
from refcompress.verify.operation import Fault, Region, Setting

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
    assert best.statement.endswith("but the sign of 752 zeros")
    assert best.of - best.explained == 752


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


OFFSET = Setting("offset", 0, (0, 1, 10), "what is added", {1: "adds 1"})
LINE = replace(
    SCALE,
    settings=(STEP, OFFSET),
    answer=lambda args, s: times(args[0], s) + s["offset"],
    laws=(),
    faults=(),
    by_hand=None,
    rejects=(),
)


def eighth(args, settings):
    return np.full(args[0].shape, (settings["step"] or 0) / 16)  # an eighth, for the step by default


BOUNDED = replace(LINE, bound=eighth)
PAIR = replace(LINE, answer=lambda args, s: (times(args[0], s), args[0] + 1.0), parts=("scaled", "shifted"))
NEGATIVE = Region(
    "negative", "where x is negative", lambda args, out, s: [(args[0] < 0) & (out == s["step"] * args[0])]
)


def gives(answer, name="fault", **parts):
    return Fault(name, f"has the {name}", answer, **parts)


def call(op, x, got=None, *, case="some", layout="plain", repeated=False, check_dtype=False, **answer):
    """One call with x, or with the same arguments as another, to which the candidate answered ``got``."""
    args = x.args if isinstance(x, Exchange) else (np.array(x, np.float32),)
    expected = op.answer(args, op.defaults)
    bound = None if op.bound is None else op.bound(args, op.defaults)
    if "problem" in answer:
        comparison = Comparison(answer["problem"])
    else:
        got, _ = conform(expected, got)
        comparison = compare(expected, got, bound, check_dtype=check_dtype)
    return Exchange(case, args, layout, repeated, expected, bound, Answer(got, **answer), comparison)


def right(op, x, **more):
    return call(op, x, op.answer((np.array(x, np.float32),), op.defaults), **more)


def told(op, *calls):
    return diagnose(op, op.defaults, calls)


def said(op, *calls):
    return [e.statement for e in told(op, *calls)]


def under(op, x, **settings):
    return op.answer((np.array(x, np.float32),), {**op.defaults, **settings})


X = [1.0, 2.0, -3.0]


# an answer that no rule gives
def odd(x):
    return under(LINE, x) + 0.5


def odd_rows(args, settings):
    if args[0].ndim != 1:
        raise ValueError("no row")
    return odd(args[0])


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (None, "none"), (8, "8"), ("E4M3", "E4M3"), (0.5, "0.5")]
)
def test_a_value_is_written_as_the_command_line_takes_it(value, text):
    assert word(value) == text


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"step": 3}, "multiplies by 3; agrees with step=3 on all 3 values"),
        ({"step": 4}, "follows step=4; agrees with step=4 on all 3 values"),
        ({"step": None}, "follows step=none; agrees with step=none on all 3 values"),
        (
            {"step": 3, "offset": 10},
            "multiplies by 3 and follows offset=10; agrees with step=3 offset=10 on all 3 values",
        ),
    ],
)
def test_a_rule_is_said_in_its_own_words_or_by_its_setting(settings, sentence):
    (found,) = told(LINE, call(LINE, X, under(LINE, X, **settings)))
    assert (found.statement, found.settings, found.fault) == (sentence, settings, None)
    assert (found.explained, found.of, found.complete) == (3, 3, True)


def test_a_rule_has_to_give_every_answer():
    first, second = call(LINE, X, under(LINE, X, step=3)), call(LINE, X, under(LINE, X, step=4))
    assert not any(e.complete for e in told(LINE, first, second))


def test_one_who_follows_another_setting_answers_where_that_has_none():
    op = replace(LINE, rival_answer=lambda args, s: -times(args[0], s))
    assert said(op, call(op, X, [-3.0, -6.0, 9.0])) == ["multiplies by 3; agrees with step=3 on all 3 values"]


def test_a_fault_is_named_among_others():
    faults = [gives(lambda args, s, n=n: times(args[0], s) * n, f"fault {n}") for n in (7, 8, 9)]
    op = replace(LINE, faults=tuple(faults))
    (found,) = told(op, call(op, X, 8 * under(op, X)))
    assert found.statement == "has the fault 8; this explains all 3 values"
    assert (found.settings, found.fault, found.explained, found.of) == (None, "fault 8", 3, 3)


def test_of_many_explanations_three_are_given():
    op = replace(LINE, faults=tuple(gives(lambda args, s: args[0] + 100.0, f"fault {n}") for n in range(5)))
    found = told(op, call(op, X, np.add(X, 100)))
    assert [e.fault for e in found] == ["fault 0", "fault 1", "fault 2"]


def test_a_rival_that_has_no_answer_explains_none():
    def fails(args, settings):
        raise ValueError("no answer")

    op = replace(LINE, faults=(gives(fails),))
    assert said(op, call(op, 1.0, 7.5)) == ["follows no rule that is known here: 1 of 1 values differ (1 of 1 calls)"]


def test_a_rival_of_another_form_explains_none():
    op = replace(BOUNDED, faults=(gives(lambda args, s: 7.1 + np.zeros((2, 3))),))
    wrong = "follows no rule that is known here: {0} of {0} values differ (1 of 1 calls)"
    assert said(op, call(op, 1.0, 7.1)) == [wrong.format(1)]
    assert said(op, call(op, [1.0, 2.0], [7.1, 7.1])) == [wrong.format(2)]


@pytest.mark.parametrize(("got", "explained"), [(4.1, True), (4.2, False), ([[2.0, 4.1]] * 2, True)])
def test_a_rival_of_another_form_is_held_to_the_largest_bound(got, explained):
    faults = (
        gives(lambda args, s: times(args[0], s).max(), "maximum"),
        gives(lambda args, s: [times(args[0], s)] * 2, "doubling"),
    )
    op = replace(BOUNDED, bound=lambda args, s: np.array([0.0, 0.125]), faults=faults)
    assert told(op, call(op, [1.0, 2.0], got))[0].complete is explained


@pytest.mark.parametrize("coarse", [False, True])
def test_a_form_that_a_rival_gives_is_explained_by_it(coarse):
    op = replace(
        BOUNDED, faults=(gives(lambda args, s: times(args[0], s).reshape(1, -1), bound=eighth, coarse=coarse),)
    )
    calls = call(op, X, [[2.0, 4.0, -6.1]]), call(op, [1, 2], [[2.0, 4.1]])
    assert said(op, *calls) == ["has the fault; this explains all 5 values"]


def test_whoever_asks_numpy_to_raise_gets_the_same_diagnosis():
    def infinite(args, settings):
        return 1 / (args[0] * 0.0)

    op = replace(
        BOUNDED,
        faults=(gives(infinite, bound=infinite),),
        regions=(Region("odd", "where it is odd", lambda args, out, s: [np.isnan(infinite(args, s))]),),
    )
    with np.errstate(all="raise"):
        assert said(op, call(op, [1, 2], [np.inf, np.inf])) == ["has the fault; this explains all 2 values"]
        assert said(op, call(op, [1, 0], [7.5, 7.5]))[0].startswith("has the fault")


# what an operation of two elements with a bound of 1/8 gives, its fault, the candidate, and whether the fault explains
@pytest.mark.parametrize(
    ("expected", "fault", "got", "explained"),
    [
        ([2, 4], [20, 40], [20, 41.25], True),  # ten times larger: ten times the bound
        ([2, 4], [20, 40], [20, 41.5], False),
        ([2, 4], [20, -40], [20, -41.25], True),
        ([0.25, 0.5], [2.5, 5], [2.5, 6.25], True),
        ([0.25, 0.5], [2.5, 5], [2.5, 6.5], False),
        ([0.5, 0.25], [0.25, 0.5], [0.25, 0.625], True),
        ([0.5, 0.25], [0.25, 0.5], [0.25, 0.6875], False),
        ([0.5, 0.25], [0.125, 0], [0.125, 0.125], True),  # smaller: not less than the bound
        ([0.5, 0.25], [0.125, 0], [0.125, 0.1875], False),
        ([0, 0], [5, 5], [5, 5.125], True),  # there is no ratio
        ([0, 0], [5, 5], [5, 5.1875], False),
        ([2, 4], [np.inf, 9], [np.inf, 9.125], True),
        ([2, 4], [np.inf, 9], [np.inf, 9.1875], False),
        ([2, 4], [np.nan, 4], [np.nan, 4.125], True),  # a nan where a nan is due
        ([2, 4], [np.nan, 4], [0, 4], False),
        ([2, 4], [0, 4], [np.nan, 4], False),
        ([2, 4], [1, 4], [np.nan, 4], False),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, ml_dtypes.bfloat16])
def test_within_a_bound_a_rival_explains_what_is_as_near_to_it_as_the_bound_grown_with_it(
    dtype, expected, fault, got, explained
):
    op = replace(
        BOUNDED,
        settings=(),
        answer=lambda args, s: args[0].astype(np.float64),
        bound=lambda args, s: np.full(args[0].shape, 0.125),
        faults=(gives(lambda args, s: np.array(fault, np.float64)[: args[0].size]),),
    )
    found = told(op, call(op, expected, np.array(got).astype(dtype)), right(op, []))
    if dtype is np.float64:
        assert found[0].complete is explained
    elif not explained:
        assert not found[0].complete


def test_the_bound_of_a_rule_is_its_own():
    assert told(BOUNDED, call(BOUNDED, X, [5.0, 10.0, -15.3]))[0].complete  # 5/16, grown by 5/2
    assert not told(BOUNDED, call(BOUNDED, X, [5.0, 10.0, -15.8]))[0].complete


@pytest.mark.parametrize(("got", "explained"), [([8.0, 14.9], True), ([8.1, 15.0], True), ([8.3, 15.0], False)])
def test_the_bound_of_a_fault_is_the_larger_of_two(got, explained):
    fault = gives(lambda args, s: [8.0, 14.0], bound=lambda args, s: np.array([0, s["step"] * args[0][1] / 16]))
    op = replace(BOUNDED, faults=(fault,))
    assert told(op, call(op, [4.0, 8.0], got))[0].complete is explained


@pytest.mark.parametrize(("wrong", "explained"), [(3, True), (2, False)])
def test_a_coarser_arithmetic_is_not_said_of_one_that_is_right_where_it_shows(wrong, explained):
    wide = gives(odd_rows, bound=lambda args, s: np.full(args[0].shape, 2.0), coarse=True)
    op, x = replace(BOUNDED, faults=(wide,)), np.arange(11.0, 19)
    got = call(op, x, 2 * x + np.where(x <= 10 + wrong, 1.5, 0))
    assert [e.fault == "fault" for e in told(op, got)] == [explained]
    inside = right(op, [x]), replace(got, layout="strided"), right(op, x)
    assert [e.fault == "fault" for e in told(op, *inside)] == [explained]


def test_a_coarser_arithmetic_is_asked_where_it_allows_for_small_errors():
    wide = gives(lambda args, s: times(args[0], s) + 0.3, bound=lambda args, s: args[0] ** 3 / 64, coarse=True)
    op = replace(BOUNDED, faults=(wide,))
    loose, tight = call(op, [16.0] * 9, [32.0 + 9] * 9), call(op, [3.0, 3.0], [6.0, 6.4])
    assert [e.fault for e in told(op, loose, tight)] == ["fault"]
    assert [e.fault for e in told(op, loose, right(op, [3.0, 3.0]))] == [None]


def test_of_coarser_arithmetics_that_explain_all_the_first_is_said_beside_other_rules():
    wide = [
        gives(lambda args, s: times(args[0], s) + 1.0, name, bound=lambda args, s: np.full(2, 2.0), coarse=True)
        for name in ("fine", "finer")
    ]
    op = replace(BOUNDED, faults=(*wide, gives(lambda args, s: times(args[0], s) + 1.5, "other")))
    assert [e.fault for e in told(op, call(op, [1.0, 2.0], [3.5, 5.5]))] == ["fine", "other"]


def test_a_coarser_arithmetic_shows_where_it_leaves_the_bound_of_the_operation():
    wide = gives(
        lambda args, s: times(args[0], s) + np.where(args[0] == 11, 1.0, 0.1),
        bound=lambda args, s: np.full(8, 1.0),
        coarse=True,
    )
    op, x = replace(BOUNDED, faults=(wide,)), np.arange(11.0, 19)
    assert [e.fault for e in told(op, call(op, x, 2 * x + np.where(x == 11, 1.5, 0)))] == ["fault"]


@pytest.mark.parametrize(("allowed", "named"), [(1.0, False), (1.125, True)])
def test_an_error_of_an_eighth_is_small(allowed, named):
    wide = gives(lambda args, s: times(args[0], s) - 0.5, bound=lambda args, s: np.array([allowed, 4.0]), coarse=True)
    op = replace(BOUNDED, faults=(wide,))
    found = told(op, call(op, [4.0, 2.0], [8.0, 1.0]))  # of 8, where the candidate is right, an eighth or more
    assert (found[0].fault == "fault") is named


def test_without_a_bound_of_the_operation_that_of_a_fault_is_not_asked():
    op = replace(LINE, faults=(gives(lambda args, s: [8.0, 14.0], bound=eighth),))
    assert told(op, call(op, [1.0, 2.0], [8.0, 14.0]))[0].complete
    assert not told(op, call(op, [1.0, 2.0], [8.0, 14.1]))[0].complete


def test_a_bound_of_several_parts_is_grown_part_by_part():
    op = replace(
        PAIR,
        bound=lambda args, s: (eighth(args, s), eighth(args, s) / 2),
        faults=(gives(lambda args, s: (args[0] * 20.0, args[0] + 1.0), bound=lambda args, s: (args[0], args[0] / 16)),),
    )
    assert said(op, call(op, [1.0, 2.0], ([20.0, 49.0], [2.0, 3.1]))) == ["has the fault; this explains all 4 values"]
    assert not told(op, call(op, [1.0, 2.0], ([20.0, 49.0], [2.0, 3.2])))[0].complete


def test_a_fault_may_return_fewer_parts():
    op = replace(
        PAIR,
        bound=lambda args, s: (eighth(args, s), eighth(args, s)),
        faults=(gives(lambda args, s: times(args[0], s)),),
    )
    assert said(op, call(op, [1, 2], np.array([2.0, 4.1]))) == ["has the fault; this explains all 4 values"]


def test_a_fault_may_return_nothing_where_a_number_is_due():
    op = replace(TOTAL, faults=(gives(lambda args, s: np.zeros(0)),))
    assert said(op, call(op, [1, 2], np.zeros(0))) == ["has the fault; this explains all 1 values"]


def test_a_fault_may_return_a_number_where_nothing_is_due():
    op = replace(BOUNDED, faults=(gives(lambda args, s: 7.0),))
    assert said(op, call(op, [], 7.0)) == ["has the fault; this explains all 1 values"]


def test_a_fault_may_return_one_array_where_parts_of_other_shapes_are_due():
    op = replace(
        PAIR,
        answer=lambda args, s: (times(args[0], s), args[0][:1]),
        faults=(gives(lambda args, s: times(args[0], s)),),
    )
    assert said(op, call(op, X, under(op, X)[0])) == ["has the fault; this explains all 4 values"]


def test_a_fault_that_returns_parts_of_other_shapes_where_one_array_is_due_explains_none():
    op = replace(LINE, faults=(gives(lambda args, s: (args[0], args[0][:1])),))
    assert said(op, call(op, X, odd(X))) == ["follows no rule that is known here: 3 of 3 values differ (1 of 1 calls)"]


def test_parts_that_are_stacked_are_no_parts():
    op = replace(PAIR, bound=lambda args, s: (eighth(args, s), eighth(args, s)))
    got = np.stack(under(op, X, step=3))
    assert said(op, call(op, X, got)) == ["returns an array of shape (2, 3): it must be 2 arrays (1 of 1 calls)"]


@pytest.mark.parametrize(("got", "what"), [(7.0, "shape ()"), (np.full(3, "7"), "dtype <U1")])
def test_what_cannot_be_compared_is_not_what_a_rival_gives(got, what):
    op = replace(BOUNDED, faults=(gives(lambda args, s: np.full(args[0].shape, 7.0)),))
    (found,) = told(op, call(op, X, got))
    assert found.statement.startswith(f"returns {what}: it must ")


def test_a_rival_within_the_bound_of_the_right_answers_is_no_other_rule():
    fault = gives(lambda args, s: times(args[0], s) + np.where(args[0] == 1, 0.1, 0.2))
    op = replace(BOUNDED, faults=(fault,))
    wrong, agreeing = call(op, [1.0], [2.2]), call(op, [2.0], [4.1])
    assert not any("explains all" in sentence for sentence in said(op, wrong, agreeing))


A = Setting("a", 0, (0, 8), "added", {8: "adds 8"})
B = Setting("b", 0.0, (0.0, -7.8), "added", {-7.8: "takes 7.8 away"})


@pytest.mark.parametrize("faults", [(), (gives(lambda args, s: args[0] + 0.2),)])
def test_where_a_dtype_is_all_that_is_wrong_no_rule_is_named(faults):
    op = replace(
        BOUNDED,
        settings=(A, B),
        answer=lambda args, s: args[0].astype(np.float64) + s["a"] + s["b"],
        bound=lambda args, s: np.full(args[0].shape, 0.125),
        faults=faults,
    )
    got = call(op, X, np.add(X, 0.1).astype(np.float32), check_dtype=True)
    assert said(op, got) == ["returns dtype float32: it must be float64 (1 of 1 calls)"]


def test_strides_that_are_ignored_are_named_with_no_plain_call_beside():
    (found,) = told(LINE, call(LINE, X, [2.0, -6.0, 4.0], layout="strided"))
    assert found.statement == (
        "ignores the strides of its input: it reads the memory straight through; this explains all 3 values"
    )
    assert (found.settings, found.fault) == (None, "strides_ignored")


@pytest.mark.parametrize(("got", "explained"), [(0.6, True), (0.9, False)])
def test_what_is_read_straight_through_has_a_bound_of_its_own(got, explained):
    total = replace(TOTAL, bound=lambda args, s: 1e-3 * np.abs(times(args[0], s)).sum())
    # memory: 100, -100, -100, 100, and so a bound of 0.8 around 0
    found = told(total, call(total, [[100, -100], [1, 1]], got, layout="strided"))
    assert (found[0].fault == "strides_ignored") is explained


def test_what_no_call_may_do_is_said_with_its_counts():
    first = right(LINE, X)
    calls = [
        first,
        right(LINE, X, changed=("x",)),
        right(LINE, X, changed=("x", "p")),
        right(LINE, X, overwrote=first.args),
        call(LINE, first, first.expected, repeated=True),
        call(LINE, first, [0.0, 4.0, -6.0], repeated=True),
        call(LINE, X, problem="raises TypeError: one"),
        call(LINE, X, problem="raises TypeError: two", lost=True),
    ]
    found = told(LINE, *calls)
    assert [(e.statement, e.fault) for e in found[:4]] == [
        ("changes its input p, x (2 of 8 calls)", "changes_input"),
        ("writes into an array that it returned before (1 of 8 calls)", "overwrites"),
        ("gives another answer the second time (1 of 2 repeated calls)", "second_call"),
        ("raises TypeError: one (2 of 8 calls; only in: some; it was not called again)", "no_answer"),
    ]
    assert {(e.explained, e.of, e.settings) for e in found[:4]} == {(14, 24, None)}


def test_what_no_call_may_do_has_names_that_no_rule_has():
    first = right(LINE, X)
    calls = [
        right(LINE, X, changed=("x",)),
        right(LINE, X, overwrote=first.args),
        first,
        call(LINE, first, [0.0, 4.0, -6.0], repeated=True),
        call(LINE, X, problem="raises TypeError: one"),
        call(LINE, X, [1.0]),
    ]
    assert {e.fault for e in told(LINE, *calls)} - {None} == CONDUCT - {"history"}  # which the check finds


def test_a_call_after_one_that_was_lost_is_seen():
    calls = right(LINE, X), call(LINE, X, problem="dies", lost=True), right(LINE, X)
    assert said(LINE, *calls) == ["dies (1 of 3 calls; only in: some)"]
    assert said(LINE, *calls[:2], *calls[1:2]) == ["dies (2 of 3 calls; only in: some; it was not called again)"]


def again(first, got):
    return call(LINE, first, got, repeated=True)


def test_a_call_whose_first_answer_was_wrong_is_no_other_answer_the_second_time():
    wrong, fine = call(LINE, X, [7.0, 7.0, 7.0]), right(LINE, [5.0])
    strided = call(LINE, fine, [7.0], layout="strided")
    calls = wrong, fine, again(wrong, [8.0, 7.0, 7.0]), again(fine, [10.0]), strided, again(strided, [8.0])
    calls = *calls[:-1], replace(calls[-1], layout="strided")
    assert "second_call" not in [e.fault for e in told(LINE, *calls)]


def test_a_call_without_an_answer_the_second_time_is_another_statement():
    first = right(LINE, X)
    assert [e.fault for e in told(LINE, first, call(LINE, first, repeated=True, problem="dies"))] == ["no_answer"]


@pytest.mark.parametrize(
    ("cases", "where"),
    [("aab", "; only in: a, b"), ("abc", "; only in: a, b, c"), ("abcd", "")],
)
def test_the_cases_of_a_few_calls_are_named(cases, where):
    silent = [call(LINE, X, case=case, problem="dies") for case in cases]
    assert said(LINE, right(LINE, X), *silent) == [f"dies ({len(cases)} of {len(cases) + 1} calls{where})"]
    assert said(LINE, *silent) == [f"dies ({len(cases)} of {len(cases)} calls)"]


def test_answers_of_another_form_are_counted_and_are_all_there_is_to_say():
    calls = (
        right(LINE, X),
        call(LINE, X, [1.0], case="odd"),
        call(LINE, X, 1.0, case="odd"),
        right(LINE, X, layout="strided"),
    )
    (found,) = told(LINE, *calls)
    assert found.statement == "returns shape (1,): it must be (3,) (2 of 4 calls; only in: odd)"
    assert (found.settings, found.fault, found.explained, found.of) == (None, "no_comparison", 6, 12)


def test_beside_answers_of_another_form_the_rule_of_the_others_is_named():
    calls = call(LINE, X, under(LINE, X, step=3)), call(LINE, X, [1.0])
    assert said(LINE, *calls) == [
        "returns shape (1,): it must be (3,) (1 of 2 calls; only in: some)",
        "multiplies by 3; agrees with step=3 on all 3 values",
    ]


@pytest.mark.parametrize("layout", ["strided", "reversed", "fortran", "read-only"])
def test_differences_in_one_layout_are_placed_there(layout):
    x = np.reshape([1, 2, 3, 4], (2, 2))
    calls = right(LINE, x), call(LINE, x, np.where(x == 4, odd(x), 2.0 * x), layout=layout)
    found = told(LINE, *calls)
    assert found[0].statement == f"differs only on {layout} arrays: 1 of the 4 values there, none elsewhere"
    assert (found[0].settings, found[0].fault, found[0].explained, found[0].of) == (None, None, 7, 8)


@pytest.mark.parametrize("layout", ["strided", "reversed", "fortran", "read-only"])
def test_another_rule_in_one_layout_is_placed_there(layout):
    (found,) = told(LINE, right(LINE, X), call(LINE, X, under(LINE, X, step=3), layout=layout))
    assert found.statement == f"multiplies by 3, but only on {layout} arrays; this explains all 6 values"
    assert (found.settings, found.fault, found.explained, found.of) == ({"step": 3}, None, 6, 6)


def test_all_rules_that_explain_a_place_are_said():
    faults = tuple(
        gives(lambda args, s: np.where(args[0] < 0, 50.0, times(args[0], s)), name) for name in ("one", "two")
    )
    op = replace(LINE, faults=(*faults, gives(lambda args, s: 51.0, "third")))
    calls = right(op, [1.0, -2.0]), call(op, [1.0, -2.0], [2.0, 50.0], layout="strided")
    assert said(op, *calls) == [
        f"has the {name}, but only on strided arrays; this explains all 4 values" for name in ("one", "two")
    ]


def test_a_rule_that_explains_one_of_several_differences_is_not_said():
    op = replace(LINE, faults=(gives(lambda args, s: np.where(args[0] == 1, 50.0, times(args[0], s))),))
    assert said(op, call(op, [1.0, 2.0, 3.0], [50.0, 7.0, 6.0])) == [
        "follows no rule that is known here: 2 of 3 values differ (1 of 1 calls)"
    ]


@pytest.mark.parametrize(("differ", "named"), [(16, True), (17, False)])
def test_a_rule_is_named_from_an_eighth_of_the_differences_on(differ, named):
    op = replace(LINE, faults=(gives(lambda args, s: np.where(args[0] <= 2, 50.0, times(args[0], s))),))
    x = np.arange(1.0, differ + 1)
    (found,) = told(op, call(op, x, np.where(x <= 2, 50.0, odd(x))))
    assert (found.fault == "fault") is named


def test_differences_in_arrays_that_are_not_contiguous_are_placed_there():
    calls = (
        right(LINE, X),
        right(LINE, X, layout="read-only"),
        right(LINE, X, layout="fortran"),  # which one axis does not show
        call(LINE, X, odd(X), layout="strided"),
        call(LINE, X, odd(X), layout="reversed"),
    )
    assert said(LINE, *calls) == [
        "differs only on arrays that are not contiguous: 6 of the 6 values there, none elsewhere"
    ]


def test_differences_in_repeated_calls_are_placed_there():
    first = right(LINE, X)
    assert said(LINE, first, again(first, odd(X)))[1] == (
        "differs only on repeated calls: 3 of the 3 values there, none elsewhere"
    )


@pytest.mark.parametrize("width", [4, 8, 16, 32, 64])
def test_differences_in_the_tail_of_a_loop_are_placed_there(width):
    arrays = [np.arange(2.0 * width - short).reshape(-1, 1) for short in (1, 2)]
    calls = [call(LINE, x, np.where(x < width, 2.0 * x, odd(x))) for x in arrays]
    there = 2 * width - 3
    assert said(LINE, *calls) == [
        f"differs only in the last n mod {width} elements: {there} of the {there} values there, none elsewhere"
    ]


@pytest.mark.parametrize("factor", [3.0, 2.5])  # of a rule that is known, and of one that is not
def test_where_forms_follow_from_what_differs_nothing_is_placed_in_one(factor):
    arrays = [np.arange(8.0 - short) for short in (1, 2)]
    calls = [call(LINE, x, np.where(x < 4, 2.0 * x, factor * x)) for x in arrays]
    assert "in the last n mod 4 elements" in said(LINE, *calls)[0]
    assert not any("only" in e.statement for e in diagnose(LINE, LINE.defaults, calls, forms=False))


def test_differences_in_arrays_of_one_length_are_placed_in_no_tail():
    x = np.arange(1.0, 8)
    calls = [call(LINE, sign * x, np.where(x < 5, 2.0 * sign * x, odd(sign * x))) for sign in (1, -1)]
    assert said(LINE, *calls) == ["follows no rule that is known here: 6 of 14 values differ (2 of 2 calls)"]


@pytest.mark.parametrize(
    ("x", "where"),
    [
        (np.array(1.0), "on 0-d arrays"),
        (np.array([[3.0]]), "on arrays of one element"),
        (np.ones((2, 2)), "on arrays with axes of equal length"),
        (np.ones((2, 3)), "on matrices"),
        (np.ones((1, 2, 3)), "on arrays of three dimensions or more"),
    ],
)
def test_differences_in_arrays_of_one_form_are_placed_there(x, where):
    calls = [right(LINE, X) for _ in range(3)]
    assert said(LINE, *calls, call(LINE, x, odd(x))) == [
        f"differs only {where}: {x.size} of the {x.size} values there, none elsewhere"
    ]


def test_a_place_of_nearly_all_values_is_said_only_of_many_calls():
    op = replace(LINE, regions=(NEGATIVE,))
    negative, positive = -np.arange(1.0, 30), np.ones(1)
    wrong = call(op, negative, np.where(negative == -3, odd(negative), 2.0 * negative), case="odd")
    assert said(op, right(op, positive), wrong, right(op, negative)) == [
        "follows no rule that is known here: 1 of 59 values differ (1 of 3 calls; only in: odd)"
    ]
    assert said(op, right(op, np.ones(90)), *[wrong] * 90)[0].startswith(
        "differs only where x is negative: 90 of the 2,610 values there"
    )


@pytest.mark.parametrize(("there", "named"), [(4, True), (5, False)])
def test_a_place_of_nearly_all_values_is_said_where_half_of_them_differ(there, named):
    op = replace(LINE, regions=(NEGATIVE,))
    x = np.array([1.0, -1.0, -2.0, -3.0, -4.0, -5.0][: there + 1])
    (found,) = told(op, call(op, x, np.where(abs(x + 1.5) < 1, odd(x), 2.0 * x)))
    assert found.statement.startswith(f"differs only where x is negative: 2 of the {there} values") is named


def test_arrays_that_are_shorter_than_a_loop_have_no_tail():
    calls = right(LINE, np.arange(9)), call(LINE, X, odd(X))
    assert said(LINE, *calls) == [
        "follows no rule that is known here: 3 of 12 values differ (1 of 2 calls; only in: some)"
    ]
    assert (told(LINE, *calls)[0].explained, told(LINE, *calls)[0].of) == (9, 12)


def test_a_part_that_is_shorter_than_a_loop_has_no_tail():
    op = replace(PAIR, answer=lambda args, s: (times(args[0], s), args[0][:1] + 1.0))
    x = [1.0, 2.0, 3.0, 4.0]
    assert said(op, call(op, x, (under(op, x)[0], [7.5]))) == [
        "differs only in shifted: 1 of the 1 values there, none elsewhere"
    ]


def test_differences_in_a_region_of_the_operation_are_placed_there():
    op = replace(
        LINE, regions=(replace(NEGATIVE, where="below nine", mask=lambda args, out, s: [args[0] < 9]), NEGATIVE)
    )
    x = [1.0, -2.0, -3.0, 9.0]
    assert said(op, call(op, x, [2.0, -4.0, -6.5, 18.0])) == [
        "differs only where x is negative: 1 of the 2 values there, none elsewhere"
    ]


def test_of_places_the_smallest_is_said():
    below = [Region(f"below {n}", f"below {n}", lambda args, out, s, n=n: [args[0] < n]) for n in (2.5, 1.5, 2)]
    op = replace(LINE, regions=tuple(below))
    x = [1.0, 2.0, 3.0]
    assert said(op, call(op, x, [2.5, 4.0, 6.0])) == ["differs only below 1.5: 1 of the 1 values there, none elsewhere"]


@pytest.mark.parametrize(("parts", "name"), [(PAIR.parts, "shifted"), (("scaled",), "part 1 of the result")])
def test_differences_in_one_part_are_placed_there(parts, name):
    op = replace(PAIR, parts=parts)
    scaled, shifted = under(op, X)
    assert said(op, call(op, X, (scaled, shifted + 0.5)), right(op, [1])) == [
        f"differs only in {name}: 3 of the 4 values there, none elsewhere"
    ]


def test_differences_in_all_parts_on_one_layout_are_placed_there():
    scaled, shifted = under(PAIR, [1.0])
    calls = right(PAIR, X), call(PAIR, [1.0], (scaled + 0.5, shifted + 0.5), layout="strided")
    assert said(PAIR, *calls) == ["differs only on strided arrays: 2 of the 2 values there, none elsewhere"]


def test_lists_of_arrays_a_layer_are_no_parts():
    assert said(PARTS, call(PARTS, X, ([np.array(X), np.add(X, 1)], [np.greater(X, 0)])))[0].startswith(
        "follows step=1;"
    )
    scaled, shifted = under(PARTS, X)[0]
    assert said(PARTS, call(PARTS, X, ([scaled, shifted + 0.5], [np.greater(X, 0)]))) == [
        "follows no rule that is known here: 3 of 9 values differ (1 of 1 calls)"
    ]


def test_a_number_has_no_parts():
    assert said(LINE, call(LINE, 1.0, 7.5)) == [
        "follows no rule that is known here: 1 of 1 values differ (1 of 1 calls)"
    ]


def test_another_rule_in_a_place_has_the_rest_right_within_the_bound():
    calls = call(BOUNDED, X, [2.1, 4.0, -6.1]), call(BOUNDED, X, [3.1, 6.0, -9.1], layout="strided")
    assert said(BOUNDED, *calls) == ["multiplies by 3, but only on strided arrays; this explains all 6 values"]


def test_a_rule_is_placed_where_it_has_an_answer_though_it_has_none_elsewhere():
    op = replace(LINE, faults=(gives(odd_rows),))
    calls = right(op, 1.0), right(op, [X]), call(op, X, odd(X), layout="strided")
    assert said(op, *calls) == ["has the fault, but only on strided arrays; this explains all 7 values"]


def test_a_rule_without_an_answer_to_every_call_in_a_place_is_not_placed_there():
    op = replace(LINE, faults=(gives(odd_rows), gives(lambda args, s: odd(args[0]).reshape(1, -1), "shape")))
    calls = right(op, 1.0, layout="read-only"), call(op, X, odd(X), layout="read-only"), right(op, X)
    assert said(op, *calls) == ["differs only on read-only arrays: 3 of the 4 values there, none elsewhere"]


# of the five values of a region, so many differ, and of these a fault explains so many
@pytest.mark.parametrize(
    ("differ", "explained", "first"), [(4, 2, "in part"), (5, 2, "differs only"), (3, 2, "in part")]
)
def test_a_rule_that_explains_less_than_half_of_the_differences_comes_after_their_place(differ, explained, first):
    faults = (
        gives(lambda args, s: np.where(args[0] < 0, 50.0, times(args[0], s))),
        gives(lambda args, s: np.where(args[0] < 0, 50.0, times(args[0], s)), "same fault"),
        gives(lambda args, s: np.where(args[0] == -1, 50.0, times(args[0], s)), "smaller fault"),
        gives(lambda args, s: np.full(args[0].shape, 50.0), "larger fault"),
    )
    op = replace(LINE, faults=faults, regions=(NEGATIVE,))
    # the fault is wrong about one of the first three calls, and right about the last
    wrong = [50.0] * explained + [7.0] * (differ - explained)
    x = [-1.0, -2.0, -3.0, -4.0, -5.0][:differ]
    calls = [right(op, [1, 2]), *(call(op, [a], [b]) for a, b in zip(x, wrong, strict=True)), right(op, [8])]
    found = told(op, *calls)
    part = f"in part has the fault; this explains {3 + explained} of {3 + differ} values, the reference 3"
    place = f"differs only where x is negative: {differ} of the {differ} values there, none elsewhere"
    assert [e.statement for e in found] == ([part, place] if first == "in part" else [place, part])
    assert {(e.explained, e.of, e.settings, e.fault) for e in found} == {
        (3 + explained, 3 + differ, None, "fault"),
        (3, 3 + differ, None, None),
    }


def test_a_setting_that_gives_the_most_answers_is_named_with_its_count():
    (found,) = told(LINE, call(LINE, X, [3.0, 6.0, 7.5]))
    assert found.statement == "in part multiplies by 3; this explains 2 of 3 values, the reference 0"
    assert (found.settings, found.fault, found.explained, found.of) == ({"step": 3}, None, 2, 3)


def test_a_call_that_changes_its_input_has_no_differences_for_a_rule_to_explain():
    op = replace(LINE, faults=(gives(lambda args, s: np.where(args[0] == 1, 50.0, times(args[0], s))),))
    calls = right(op, [1.0], changed=("x",)), right(op, [2.0], changed=("x",)), call(op, [3.0], 7.5 * np.ones(1))
    assert said(op, *calls) == [
        "changes its input x (2 of 3 calls)",
        "follows no rule that is known here: 1 of 3 values differ (1 of 3 calls; only in: some)",
    ]


ZEROS = [0.0, 1.0, 2.0]


def test_a_rule_is_named_where_the_sign_of_zeros_is_another():
    calls = call(LINE, ZEROS, [-0.0, 3.0, 6.0]), call(LINE, [0.0, 0.0], [-0.0, 0.0])
    (found,) = told(LINE, *calls)
    assert found.statement == "multiplies by 3; this explains all 5 values but the sign of 2 zeros"
    assert (found.settings, found.fault, found.explained, found.of) == ({"step": 3}, None, 3, 5)


def test_a_fault_is_named_where_the_sign_of_zeros_in_a_part_is_another():
    fault = gives(lambda args, s: (args[0] * 7.0, args[0] + 1.0))
    op = replace(PAIR, faults=(fault,))
    (found,) = told(op, call(op, ZEROS, ([-0.0, 7.0, 14.0], [1.0, 2.0, 3.0])))
    assert found.statement == "has the fault; this explains all 6 values but the sign of 1 zeros"
    assert (found.settings, found.fault, found.explained, found.of) == (None, "fault", 5, 6)


# where the answer is 0 it is determined, the sign included
SIGNED = replace(LINE, bound=lambda args, s: np.where(args[0] == 0, -0.0, 0.125))


def test_a_rule_is_named_where_the_sign_of_zeros_is_another_and_the_rest_is_within_the_bound():
    assert said(SIGNED, call(SIGNED, ZEROS, [-0.0, 3.1, 5.9])) == [
        "multiplies by 3; this explains all 3 values but the sign of 1 zeros"
    ]


@pytest.mark.parametrize("op", [LINE, SIGNED])
def test_the_sign_of_zeros_alone_is_no_other_rule(op):
    op = replace(op, faults=(gives(lambda args, s: np.abs(times(args[0], s))),))
    assert said(op, call(op, ZEROS, [-0.0, 2.0, 4.0])) == [
        "follows no rule that is known here: 1 of 3 values differ (1 of 1 calls)"
    ]


@pytest.mark.parametrize(("fault", "got"), [([0, 2.1, 4], [-0.0, 2.05, 4]), ([0, 2.1, 4], [-0.0, 2.2, 4])])
def test_a_rival_within_the_bound_is_no_other_rule_though_zeros_have_the_other_sign(fault, got):
    op = replace(SIGNED, faults=(gives(lambda args, s: np.array(fault)),))
    assert not any("but the sign" in sentence for sentence in said(op, call(op, ZEROS, got)))


@pytest.mark.parametrize("fault", [[-0.0, 7.0, 3.0], [0.0, 1.0, 7.0], [1.0, 7.0, 7.0]])
def test_a_rule_of_other_numbers_is_not_named_where_zeros_have_the_other_sign(fault):
    op = replace(LINE, faults=(gives(lambda args, s: np.array(fault)),))
    assert not any("but the sign" in sentence for sentence in said(op, call(op, ZEROS, [0.0, 7.0, 7.0])))


def test_of_rivals_without_an_answer_or_of_another_form_no_zeros_are_compared():
    def fails(args, settings):
        raise ValueError("no answer")

    op = replace(SIGNED, faults=(gives(fails), gives(lambda args, s: np.ones((2, 3)), "other form")))
    assert said(op, call(op, 1.0, 7.5)) == ["follows no rule that is known here: 1 of 1 values differ (1 of 1 calls)"]


@pytest.mark.parametrize(
    ("answer", "expected", "kind"),
    [
        ([1.0, -2.0], np.array([1, 2]), "i"),
        ([2.0**62, -(2.0**63)], np.array([1, 1]), "i"),
        ([2.0**63], np.array([1]), "f"),
        ([-(2.0**64)], np.array([1]), "f"),
        ([2.0**64], np.array([1], np.uint8), "f"),
        ([1.5], np.array([1]), "f"),
        ([np.nan], np.array([1]), "f"),
        ([np.inf, 1.0], np.array([1, 1]), "f"),
        ([1.0], np.array([1.0]), "f"),
        ([True], np.array([1]), "b"),
        ([True], np.array([True]), "b"),
        ([1.0], np.array([True]), "f"),
    ],
)
def test_floats_are_integers_where_integers_are_due_and_they_are_whole(answer, expected, kind):
    got = as_integers(np.array(answer), expected)
    assert got.dtype.kind == kind
    assert got.tolist() == answer or np.isnan(answer).any()


def test_integers_stay_of_their_type():
    whole = np.array([2**63, 1], np.uint64)
    assert as_integers(whole, np.array([1, 1])) is whole
    assert as_integers(np.array([1], np.int8), np.array([1])).dtype == np.int8


@pytest.mark.parametrize("kind", [tuple, list])
def test_the_parts_of_an_answer_are_made_integers_each(kind):
    got = as_integers([np.array([1.0]), np.array([1.0])], kind([np.array([1]), np.array([1.0])]))
    assert type(got) is kind
    assert [part.dtype.kind for part in got] == ["i", "f"]


@pytest.mark.parametrize("answer", [[1.0, 2.0, 3.0], np.array([1.0, 2.0])])
def test_an_answer_in_another_number_of_parts_stays_as_it_is(answer):
    assert as_integers(answer, [np.array([1, 2]), np.array([1])]) is answer


def test_a_list_of_numbers_is_an_array_where_one_is_due():
    assert as_integers([1.0, 2.0], np.array([1, 1])).dtype.kind == "i"

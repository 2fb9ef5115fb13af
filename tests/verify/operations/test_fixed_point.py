import random
from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import fixed_point as oracle
from verify.rivals import broken_laws, fault_named, full, killed, named, rivals_of

from refcompress import dequantize, fraction_bits, quantize
from refcompress.rounding import ROUNDING
from refcompress.verify import check
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operations import (
    dequantize_cases,
    fixed_point,
    fixed_point_kills,
    fraction_bits_cases,
)
from refcompress.verify.operations.fixed_point import DEQUANTIZE, FRACTION_BITS, QUANTIZE

OPERATIONS = (QUANTIZE, DEQUANTIZE, FRACTION_BITS)
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
EACH_DTYPE = pytest.mark.parametrize("dtype", FLOATS)


def some_settings(operation, number):
    """Settings drawn from all that there are; the defaults first."""
    draw = random.Random(number)
    chosen = {s.name: draw.choice(s.allowed) for s in operation.settings if s.name != "check_dtype"}
    return chosen if number else {}


def calls(operation, settings):
    return [(case, args) for case in operation.cases for args in case.make(full(operation, settings))]


def case_named(operation, name):
    return named(operation.cases, name)


def law_named(operation, name):
    return named(operation.laws, name)


def mask_named(operation, name, args, settings):
    region = named(operation.regions, name)
    return region.mask(args, operation.answer(args, settings), settings)[0]


# all three


@pytest.mark.parametrize("number", range(12))
@EACH
def test_the_reference_agrees_with_itself_whatever_the_settings(operation, number):
    given_settings = some_settings(operation, number)
    settings = full(operation, given_settings)
    report = check(lambda *args: operation.answer(args, settings), operation, examples=20, **given_settings)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("number", range(12))
@EACH
def test_every_law_holds_for_the_reference_whatever_the_settings(operation, number):
    settings = full(operation, some_settings(operation, number))
    for case, args in calls(operation, some_settings(operation, number)):
        answer = operation.answer(args, settings)
        broken = [law.name for law in operation.laws if not law.holds(args, answer, settings)]
        assert broken == [], (case.name, args)


@EACH
def test_cases_are_the_same_each_time_they_are_made(operation):
    first, second = ([args for _, args in calls(operation, {})] for _ in range(2))
    assert all(
        np.array_equal(a, b) for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True)
    )


@EACH
def test_every_line_of_kills_belongs_to_a_case(operation):
    assert {c.name for c in operation.cases} == set(getattr(fixed_point_kills, operation.name.upper()))


@EACH
def test_some_case_has_more_elements_than_a_block(operation):
    assert max(args[0].size for _, args in calls(operation, {})) > 65_536


@pytest.mark.parametrize("number", range(12))
@EACH
def test_a_region_has_the_shape_of_the_answer_whatever_the_settings(operation, number):
    settings = full(operation, some_settings(operation, number))
    for _, args in calls(operation, some_settings(operation, number))[::5]:
        answer = operation.answer(args, settings)
        for region in operation.regions:
            (mask,) = region.mask(args, answer, settings)
            assert (mask.shape, mask.dtype) == (np.shape(answer), np.bool_), region.name


# quantize


@pytest.mark.parametrize(("bits", "limit"), [(None, 2.0**62), (8, np.inf), (32, np.inf)])
def test_a_search_draws_any_float_where_codes_have_a_range_and_what_int64_holds_where_not(bits, limit):
    with mock.patch.object(fixed_point, "floats_and_p") as strategy:
        QUANTIZE.strategy(full(QUANTIZE, {"bits": bits}))
    assert strategy.call_args.args[2] == limit


def test_without_bits_every_rival_shows_but_those_of_the_range():
    """What cannot be seen without a range, or in float32 inputs, whose product with 2^p is exact."""
    settings = full(QUANTIZE, {})
    seen = set().union(*(killed(QUANTIZE, settings, case) for case in QUANTIZE.cases))
    of_the_range = {
        *("overflow=wrap", "signed=False", "narrow_range=True", "unbounded", "wrapped_in_floats", "unsigned_q_max"),
        *("one_code_short", "one_code_too_high", "one_code_too_low", "range_in_float32", "x_clipped", "x_clipped_too"),
        *("huge_is_lowest", "infinity_is_zero", "infinity_is_lowest"),
    }
    assert set(rivals_of(QUANTIZE, settings)) - seen == of_the_range | {"product_in_float32", "codes_in_float32"}


@EACH_DTYPE
@pytest.mark.parametrize("bits", [None, 2, 8, 32])
def test_every_input_of_quantize_has_the_dtype_and_a_scale_that_float32_holds(bits, dtype):
    for case, (x, p) in calls(QUANTIZE, {"bits": bits, "dtype": dtype}):
        assert x.dtype == float_dtype(dtype), case.name
        assert abs(p) <= (1023 if dtype == "float64" else 127), case.name
        assert not np.isnan(x.astype(np.float64)).any(), case.name


@EACH_DTYPE
def test_halves_are_ties_of_both_parities_and_signs(dtype):
    for x, p in case_named(QUANTIZE, "exact halves").make(full(QUANTIZE, {"dtype": dtype})):
        below = [np.floor(Fraction(float(v)) * Fraction(2) ** p) for v in x]
        assert all(Fraction(float(v)) * Fraction(2) ** p - b == Fraction(1, 2) for v, b in zip(x, below, strict=True))
        assert {(b % 2, b < 0) for b in below} == {(0, True), (0, False), (1, True), (1, False)}


def test_a_rival_answers_as_a_cast_does_where_the_reference_refuses():
    args = (np.array([np.inf, -np.inf, 1.5], np.float32), 0)
    wrapped = full(QUANTIZE, {"bits": 8, "overflow": "wrap"})
    assert QUANTIZE.rival_answer(args, wrapped).tolist() == [0, 0, 2]
    assert QUANTIZE.rival_answer(args, full(QUANTIZE, {})).tolist() == [-(2**63), -(2**63), 2]


@pytest.mark.parametrize(
    ("name", "x", "p", "codes"),
    [
        ("plus_half_truncated", [1.5, -1.5, -0.75], 0, [2, -1, 0]),
        ("guard_bits_1", [1.625, 0.75, 2.75], 0, [2, 0, 2]),
        ("rounded_twice_1", [0.625, 1.375], 0, [0, 2]),
        ("tie_tolerance", [0.500001, 0.49, 1.499999], 0, [0, 0, 2]),
        ("even_codes", [1.0, 3.0, 2.25], 0, [0, 4, 2]),
        ("decimals_1", [1.46875], 0, [2]),
        ("epsilon_added", [0.5, -0.5], 0, [1, 0]),
        ("p_absolute", [1.0], -2, [4]),
        ("p_at_least_zero", [3.0], -2, [3]),
        ("shift_in_int32", [1.0], 33, [2]),
        ("scale_minus_one", [2.0], 3, [14]),
        ("scale_linear", [2.0], 3, [12]),
        ("cast_before_range", [3e9, -3e9, 200.0], 0, [-128, -128, 127]),
        ("low_16_bits_first", [65541.0, 40000.0], 0, [5, -128]),
        ("x_clipped", [200.0, 1.0], 1, [-2, 2]),
        ("one_code_too_high", [200.0, -200.0], 0, [128, -128]),
        ("ends_swapped", [200.0, -200.0, 7.0], 0, [-128, 127, 7]),
        ("outside_is_zero", [200.0, 127.0], 0, [0, 127]),
        ("negative_is_huge", [-3.0, 3.0], 0, [127, 3]),
        ("huge_is_lowest", [2.0**63, -(2.0**63)], 0, [-128, -128]),
        ("power_flushed", [2.0**127, -3e38, 1.0], -127, [0, 0, 0]),
        ("power_at_least_normal", [2.0**127, -(2.0**127), 1.0], -127, [2, -2, 0]),
        ("fake_quantized", [0.3, 100.0], 2, [0.25, 31.75]),
        ("scale_from_data", [0.5, 1.0], 3, [64, 127]),
        ("column_order", [[1.0, 2.0], [3.0, 4.0]], 0, [[1, 3], [2, 4]]),
    ],
)
def test_a_fault_of_quantize_answers_as_it_says(name, x, p, codes):
    settings = full(QUANTIZE, {"bits": 8})
    args = (np.array(x, np.float32), p)
    assert np.asarray(fault_named(QUANTIZE, name).answer(args, settings)).tolist() == codes
    assert QUANTIZE.answer(args, settings).tolist() != codes


@pytest.mark.parametrize(
    ("name", "settings", "x", "p", "codes"),
    [
        # what passes float64 is 0 modulo any number of codes
        ("one_code_too_high", {"bits": 8, "overflow": "wrap"}, [3e38], 1000, [0]),
        # the product is one of float16, and infinite
        ("scale_in_float16", {"dtype": "float16"}, [4.0], 15, [-(2**63)]),
        ("scale_from_data", {}, [0.0, -0.0], 3, [0, 0]),
        # 2^32 - 1 is 2^32 in float32, which a cast of 32 bits takes for 0
        ("range_in_float32", {"bits": 32, "signed": False}, [2.0**33, 100.0, 2.0**31], 0, [0, 100, 2**31]),
    ],
)
def test_a_fault_of_quantize_answers_by_its_settings(name, settings, x, p, codes):
    settings = full(QUANTIZE, settings)
    args = (np.array(x, float_dtype(settings["dtype"])), p)
    with np.errstate(all="ignore"):
        assert np.asarray(fault_named(QUANTIZE, name).answer(args, settings)).tolist() == codes


@pytest.mark.parametrize("name", ["power_flushed", "power_at_least_normal"])
@pytest.mark.parametrize(("dtype", "p"), [("float16", -14), ("bfloat16", -126), ("float32", -126), ("float64", -1022)])
def test_another_power_is_another_only_below_the_normal_numbers_of_the_dtype(name, dtype, p):
    settings = full(QUANTIZE, {"dtype": dtype})
    x = np.ldexp([1.5, -0.5, 0.25], 1 - p).astype(float_dtype(dtype))
    rule = fault_named(QUANTIZE, name).answer
    assert rule((x, p), settings).tolist() == QUANTIZE.answer((x, p), settings).tolist() == [3, -1, 0]
    assert rule((x, p - 1), settings).tolist() != QUANTIZE.answer((x, p - 1), settings).tolist() == [2, 0, 0]


@EACH_DTYPE
def test_the_ends_of_p_are_those_of_the_dtype_and_its_smallest_power_is_no_normal_number(dtype):
    normal = FLOATS[dtype][2]
    tried = {p for _, p in case_named(QUANTIZE, "the ends of 2^p").make(full(QUANTIZE, {"dtype": dtype}))}
    assert {np.ldexp(1.0, p) / normal for p in tried if p < 0} == {0.5, 1, 2}
    assert np.isfinite(np.ldexp(1.0, max(tried)).astype(float_dtype(dtype)))
    assert max(tried) == -min(tried)


@pytest.mark.parametrize(("x", "code"), [(-5e-324, -1), (5e-324, 0), (-0.0, 0), (-1.0, -1)])
def test_the_laws_hold_and_a_code_is_derived_where_the_product_underflows(x, code):
    settings = full(QUANTIZE, {"dtype": "float64", "bits": 6, "rounding": "floor", "overflow": "wrap"})
    args = np.array([x]), -3
    assert QUANTIZE.answer(args, settings).tolist() == [code]
    assert broken_laws(QUANTIZE, args, np.array([code]), settings) == []
    said = QUANTIZE.by_hand(args, (0,), settings)
    assert said.endswith(f"floor gives {code}")
    assert (", or nearer to 0, " in said) is (abs(x) == 5e-324)


@pytest.mark.parametrize(
    ("name", "x", "answer"),
    [
        ("half_step", [1.25], [2]),
        ("keeps_integers", [3.0], [2]),
        ("keeps_integers", [127.0], [126]),
        ("whole_step", [1.25], [3]),
        ("in_range", [300.0], [300]),
        ("sign", [-0.4], [1]),
        ("monotone", [1.0, 2.0], [2, 1]),
    ],
)
def test_a_law_of_quantize_is_broken_by(name, x, answer):
    args, settings = (np.array(x, np.float32), 0), full(QUANTIZE, {"bits": 8})
    assert not law_named(QUANTIZE, name).holds(args, np.array(answer), settings)
    assert law_named(QUANTIZE, name).holds(args, QUANTIZE.answer(args, settings), settings)


@pytest.mark.parametrize(("bits", "flags"), [(None, [False, False, True]), (8, [False, True, True])])
def test_what_has_a_code_is_told_of_signalling_nans_and_past_float64(bits, flags):
    x = np.array([0x7FF0000000000001, 0x7FE0000000000000, 0x3FF0000000000000], np.uint64).view(np.float64)
    assert QUANTIZE.accepts((x, 10), full(QUANTIZE, {"bits": bits, "dtype": "float64"})).tolist() == flags
    assert not QUANTIZE.accepts((np.array([0x7F800001], np.uint32).view(np.float32), 0), full(QUANTIZE, {})).any()


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("tie", [1, 0, 0, 0, 0, 1]),
        ("negative", [0, 1, 0, 0, 0, 1]),
        ("saturates", [0, 0, 1, 0, 0, 0]),
        ("wraps", [0, 0, 0, 0, 0, 0]),
        ("infinite", [0, 0, 0, 0, 0, 0]),
        ("inexact", [1, 1, 0, 0, 1, 1]),
        ("below_one", [1, 1, 0, 1, 1, 0]),
        ("last", [0, 0, 0, 0, 0, 1]),
    ],
)
def test_a_region_of_quantize_flags(name, flags):
    args = (np.array([0.25, -0.125, 100.0, 0.0, 1e-40, -1.25], np.float32), 1)
    assert mask_named(QUANTIZE, name, args, full(QUANTIZE, {"bits": 8})).tolist() == [bool(f) for f in flags]


# dequantize

CODES = st.one_of(
    st.integers(-300, 300),
    st.integers(-(2**63), 2**63 - 1),
    st.builds(lambda e, d: 2**e + d, st.integers(8, 62), st.integers(-3, 3)),
)
P = st.one_of(
    st.integers(-10, 70), st.sampled_from([130, 140, 149, 150, 160, 210, 1074, 1080, 1130, -60, -110, -128, -1000])
)


def nearest(code, p, name, word):
    """Round code * 2^-p to a float format by a rounding word, in fractions."""
    precision, largest, _, subnormal = FLOATS[name]
    v, last = Fraction(code) / Fraction(2) ** p, dequantize_cases.lowest_exponent(subnormal)
    last = max(last, abs(code).bit_length() - p - precision)
    result = oracle.rounded(v / Fraction(2) ** last, word) * Fraction(2) ** last
    if abs(result) <= Fraction(largest):
        return float(result)
    inward = word == "toward_zero" or word == ("floor" if result > 0 else "ceil")
    return (1 if result > 0 else -1) * (largest if inward else np.inf)


@given(CODES, P, st.sampled_from(sorted(FLOATS)), st.sampled_from(sorted(ROUNDING)))
def test_rounding_to_a_float_format_equals_the_fractions(code, p, name, word):
    rounded = dequantize_cases.rounded_to(np.array([code]), p, name, word)
    assert rounded.tolist() == [nearest(code, p, name, word)]
    assert bool(np.signbit(rounded[0])) == (code < 0)


@pytest.mark.parametrize(("p", "results"), [(2**40, [0.0, -0.0]), (-(2**40), [np.inf, -np.inf])])
def test_a_p_past_32_bits_leaves_zeros_or_infinities(p, results):
    rounded = dequantize_cases.rounded_to(np.array([1, -1]), p, "float32")
    assert (rounded.tolist(), np.signbit(rounded).tolist()) == (results, [False, True])


@given(st.floats(-1e30, 1e30), st.sampled_from(sorted(FLOATS)))
def test_the_nearest_float_of_a_float64_equals_the_fractions(value, name):
    precision, largest, _, subnormal = FLOATS[name]
    last = dequantize_cases.lowest_exponent(subnormal)
    right = oracle.nearest_float(Fraction(value), precision, last, Fraction(largest))
    got = float(dequantize_cases.nearest_float(np.array([value]), name)[0])
    assert got == (np.copysign(np.inf, value) if right is None else float(right))


@EACH_DTYPE
def test_ties_of_the_last_place_are_ties_or_one_beside(dtype):
    wide = {"float64": {"int64"}, "float32": {"int32", "int64"}}.get(dtype, {"int16", "int32", "int64"})
    settings = full(DEQUANTIZE, {"dtype": dtype})
    seen = set()
    for q, p in case_named(DEQUANTIZE, "ties of the last place, and one beside").make(settings):
        seen.add(q.dtype.name)
        if p == 0 and dtype != "float16":  # whose largest is soon passed
            assert np.count_nonzero(mask_named(DEQUANTIZE, "tie", (q, p), settings)) >= q.size / 4
    assert seen == wide


@EACH_DTYPE
def test_some_results_are_subnormal_and_some_infinite(dtype):
    settings = full(DEQUANTIZE, {"dtype": dtype})
    for name, region in (("subnormal results", "subnormal"), ("overflow to infinity", "infinite")):
        masks = [mask_named(DEQUANTIZE, region, args, settings) for args in case_named(DEQUANTIZE, name).make(settings)]
        assert sum(m.sum() for m in masks) >= 10
        assert any((~m).any() for m in masks)


@pytest.mark.parametrize(
    ("name", "q", "p", "dtype", "results"),
    [
        ("rounding_toward_zero", [2**24 + 1, -(2**24) - 3], 0, "float32", [2.0**24, -(2.0**24) - 2]),
        ("rounding_half_away", [2**24 + 1], 0, "float32", [2.0**24 + 2]),
        ("chopped", [511], 0, "bfloat16", [510.0]),
        ("through_float64", [2**60 + 2**36 + 1], 0, "float32", [2.0**60]),
        ("q_in_float16", [2049], 0, "float32", [2048.0]),
        ("computed_in_float16", [3], 25, "float32", [0.0]),
        ("shifted", [-5], 1, "float32", [-3.0]),
        ("divided", [-5], 1, "float32", [-2.0]),
        ("midpoint", [3], 1, "float32", [1.75]),
        ("p_modulo_32", [3], 33, "float32", [1.5]),
        ("scale_minus_one", [3], 2, "float32", [1.0]),
        ("low_8_bits", [257], 0, "float32", [1.0]),
        ("saturated_8", [257], 0, "float32", [127.0]),
        ("bytes_swapped", [256], 0, "float32", [1.0]),
        ("signed_as_unsigned", [-1], 0, "float32", [65535.0]),
        ("lowest_flipped", [-32768], 0, "float32", [32768.0]),
        ("shift_overflows", [20000], -1, "float32", [-25536.0]),
        ("subnormals_flushed", [3], 149, "float32", [0.0]),
        ("overflow_saturates", [1], -128, "float32", [FLOATS["float32"][1]]),
    ],
)
def test_a_fault_of_dequantize_answers_as_it_says(name, q, p, dtype, results):
    widths = (np.int16, np.int32, np.int64)
    codes = np.array(q, next(w for w in widths if max(map(abs, q)) <= 2 ** (8 * np.dtype(w).itemsize - 1)))
    settings = full(DEQUANTIZE, {"dtype": dtype})
    with np.errstate(over="ignore"):
        assert np.asarray(fault_named(DEQUANTIZE, name).answer((codes, p), settings)).tolist() == results
    assert DEQUANTIZE.answer((codes, p), settings).tolist() != results


@pytest.mark.parametrize(
    ("name", "q", "answer"),
    [
        ("keeps_floats", [3], [1.0]),
        ("half_place", [2**25 + 5], [2.0**24]),
        ("is_float", [2**24 + 1], [2.0**23 + 0.5]),
        ("sign", [0], [-0.0]),
        ("monotone", [1, 2], [1.0, 0.5]),
    ],
)
def test_a_law_of_dequantize_is_broken_by(name, q, answer):
    args, settings = (np.array(q, np.int32), 1), full(DEQUANTIZE, {})
    assert not law_named(DEQUANTIZE, name).holds(args, np.array(answer), settings)
    assert law_named(DEQUANTIZE, name).holds(args, DEQUANTIZE.answer(args, settings), settings)


@pytest.mark.parametrize(
    ("name", "dtype", "q", "p", "answer", "holds"),
    [
        # the largest float32 is within half a place of itself alone
        ("half_place", "float32", [2**24 - 1], -104, [0.0], False),
        # whether float64 holds a product is known as far as its normal numbers go
        ("keeps_floats", "float64", [3], 1023, [0.0], False),
        ("keeps_floats", "float64", [3], 1024, [0.0], True),
    ],
)
def test_a_law_of_dequantize_reaches_as_far_as(name, dtype, q, p, answer, holds):
    settings = full(DEQUANTIZE, {"dtype": dtype})
    assert law_named(DEQUANTIZE, name).holds((np.array(q, np.int32), p), np.array(answer), settings) == holds


def test_a_search_aims_beside_the_ends_of_the_formats_and_beside_a_quarter_of_int64():
    edges = dequantize_cases.search_edges()
    ends = [sign * 2**e for e in (8, 11, 24, 53, 62) for sign in (1, -1)]
    assert all(end + step in edges for end in ends for step in (-1, 0, 1))


def test_results_of_equal_codes_are_compared_in_the_order_they_come():
    q = np.resize(np.array([1, 0], np.int8), 1000)
    answer = np.arange(1000) + 1000.0 * q
    assert law_named(DEQUANTIZE, "monotone").holds((q, 0), answer, full(DEQUANTIZE, {}))
    assert not law_named(DEQUANTIZE, "monotone").holds((q, 0), answer[::-1], full(DEQUANTIZE, {}))


# fraction_bits


@EACH_DTYPE
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 6])
def test_the_turning_points_are_met_exactly_and_from_both_sides(bits, signed, dtype):
    settings = full(FRACTION_BITS, {"bits": bits, "signed": signed, "dtype": dtype})
    low, high = fraction_bits_cases.limits(settings)
    for name, turn in (
        ("q_max + 1/2 and the floats beside it", high + 0.5),
        ("q_min - 1/2 and the floats beside it", low - 0.5),
    ):
        values = [float(x[0]) for (x,) in case_named(FRACTION_BITS, name).make(settings)]
        assert turn in values
        assert any(turn < v < turn + 1 for v in values)
        assert any(turn - 1 < v < turn for v in values)


def test_the_element_that_decides_stands_first_last_and_between():
    for (x,) in case_named(FRACTION_BITS, "the element that decides, at every place").make(full(FRACTION_BITS, {})):
        assert np.count_nonzero(np.abs(x) == np.abs(x).max()) == 1


@pytest.mark.parametrize(
    ("name", "x", "p"),
    [
        ("log2_of_q_max", [127.25], -1),
        ("not_rounded", [-128.25], -1),
        ("ceil_log2", [128.0], 0),
        ("floor_log2", [200.0], 0),
        ("frexp", [-128.0], -1),
        ("integer_part", [0.25], 7),
        ("half_within", [127.5], 0),
        ("half_away", [-128.5], -1),
        ("half_down", [127.5], 0),
        ("truncated", [127.75], 0),
        ("symmetric", [-128.0], -1),
        ("symmetric", [-127.5], -1),
        ("q_min_for_both", [128.0], 0),
        ("q_min_for_both", [128.5], 0),
        ("sign_bit_forgotten", [200.0], 0),
        ("span", [127.0, -100.0], 0),
        ("max_only", [1.0, -100.0], 6),
        ("smallest", [64.0, 0.0, 1.0], 6),
        ("mean", [100.0, 0.0, 0.0, 0.0], 2),
        ("first_row", [[1.0, 1.0], [100.0, 1.0]], 6),
        ("tail_ignored_4", [1.0, 1.0, 1.0, 1.0, 100.0], 6),
        ("one_too_high", [1.0], 7),
        ("integer_bits", [1.0], 1),
        ("never_negative", [1000.0], 0),
        ("format_of_bits", [0.001], 7),
        ("zero_gives_bits_less_one", [0.0], 7),
        ("not_below_1", [0.25], 6),
        ("subnormals_flushed", [1e-40], 0),
        ("x_in_float16", [127.49], -1),
        ("scale", [1.0], 64.0),
        ("negated", [1.0], -6),
    ],
)
def test_a_fault_of_fraction_bits_answers_as_it_says(name, x, p):
    settings, args = full(FRACTION_BITS, {}), (np.array(x, np.float32),)
    right = oracle.best_fraction_bits([Fraction(v) for v in args[0].reshape(-1).tolist()], 8, True)
    assert fault_named(FRACTION_BITS, name).answer(args, settings) == p
    assert FRACTION_BITS.answer(args, settings) == right
    assert right != p or name in ("span",)


@pytest.mark.parametrize(("name", "x", "p"), [("half_within", [-127.5], 0), ("q_min_for_both", [129.0], -1)])
def test_a_fault_of_fraction_bits_is_right_on_the_other_side_of_its_limit(name, x, p):
    settings, args = full(FRACTION_BITS, {}), (np.array(x, np.float32),)
    assert fault_named(FRACTION_BITS, name).answer(args, settings) == FRACTION_BITS.answer(args, settings) == p


@pytest.mark.parametrize(("name", "x", "p"), [("fits", [1.0], 7), ("largest", [1.0], 5), ("zero", [0.0], 7)])
def test_a_law_of_fraction_bits_is_broken_by(name, x, p):
    settings, args = full(FRACTION_BITS, {}), (np.array(x, np.float32),)
    assert not law_named(FRACTION_BITS, name).holds(args, p, settings)
    assert law_named(FRACTION_BITS, name).holds(args, FRACTION_BITS.answer(args, settings), settings)


@pytest.mark.parametrize("name", ["fits", "largest"])
@pytest.mark.parametrize("answer", [6.5, 5.5, np.nan, np.inf, -np.inf, 1e300, 5000, -5000])
def test_what_is_no_number_of_bits_is_taken_by_no_law_of_fraction_bits(name, answer):
    for x in ([1.0], [0.0]):
        assert not law_named(FRACTION_BITS, name).holds((np.array(x, np.float32),), answer, full(FRACTION_BITS, {}))


def test_any_number_of_bits_that_a_float_may_need_fits_zero():
    assert law_named(FRACTION_BITS, "fits").holds((np.zeros(1, np.float32),), 4999, full(FRACTION_BITS, {}))


@pytest.mark.parametrize(
    ("name", "x", "flag"),
    [
        ("tiny", [1e-5], False),
        ("tiny", [9.9e-6], True),
        ("long", np.ones(1024), False),
        ("long", np.ones(1025), True),
    ],
)
def test_a_region_of_fraction_bits_ends_where_it_says(name, x, flag):
    settings = full(FRACTION_BITS, {"dtype": "float64"})
    assert mask_named(FRACTION_BITS, name, (np.array(x, np.float64),), settings) == flag


# what a person reads


@pytest.mark.parametrize(
    ("operation", "args", "settings", "line"),
    [
        (QUANTIZE, ([2.5], 0), {}, "x * 2^p = 2.5 * 2^0 = 2.5, half_even gives 2"),
        (QUANTIZE, ([40.0], 2), {"bits": 8}, "x * 2^p = 40.0 * 2^2 = 160.0, half_even gives 160, saturate gives 127"),
        (DEQUANTIZE, ([5], 2), {}, "q * 2^-p = 5 * 2^-2 = 1.25, a float32"),
        (
            DEQUANTIZE,
            ([2**24 + 1], 0),
            {},
            "q * 2^-p = 16777217 * 2^0 lies between the float32s 16777216.0 and 16777218.0; "
            "the nearest (of equal ones the even) is 16777216.0",
        ),
        (
            FRACTION_BITS,
            ([127.5],),
            {},
            "codes are [-128, 127]: 127.5 * 2^-1 = 63.75 rounds to 64, * 2^0 = 127.5 to 128",
        ),
        (FRACTION_BITS, ([0.0],), {}, "no element limits p, which is then 0"),
    ],
)
def test_one_value_is_derived_by_hand(operation, args, settings, line):
    first = np.array(args[0]) if operation is DEQUANTIZE else np.array(args[0], np.float32)
    index = () if operation is FRACTION_BITS else (0,)
    assert operation.by_hand((first, *args[1:]), index, full(operation, settings)) == line


@pytest.mark.parametrize(("q", "p"), [(3, 1100), (3, -1100)])
def test_one_value_is_derived_by_hand_for_whoever_asks_numpy_to_raise(q, p):
    with np.errstate(all="raise"):
        assert DEQUANTIZE.by_hand((np.array([q]), p), (0,), full(DEQUANTIZE, {}))


@pytest.mark.parametrize("number", range(6))
@EACH
def test_every_value_of_the_hard_cases_can_be_derived_by_hand(operation, number):
    settings = full(operation, some_settings(operation, number))
    for _, args in calls(operation, some_settings(operation, number))[::3]:
        index = () if operation is FRACTION_BITS else (0,) * args[0].ndim
        if args[0].size or operation is FRACTION_BITS:
            assert operation.by_hand(args, index, settings)


def test_a_wrong_rounding_is_shown_on_one_half():
    report = check(lambda x, p: np.floor(np.ldexp(x.astype(np.float64), p) + 0.5), "quantize")
    assert report.counterexample.inputs["x"].tolist() == [0.5]
    assert report.counterexample.inputs["p"] == 0


def test_a_candidate_that_takes_nan_gets_a_remark():
    report = check(lambda x: QUANTIZE and 0, "fraction_bits", examples=0)
    assert any("x[0] = nan" in remark for remark in report.remarks)


@pytest.mark.parametrize("wrong", ["past 1024 elements", "past the last vector", "in matrices"])
def test_a_path_of_its_own_is_tested_beside_ties_too(wrong):
    def narrow(x, p):
        flat = x.reshape(-1)
        start = {"past 1024 elements": 0, "past the last vector": x.size - x.size % 8, "in matrices": 0}[wrong]
        other = {"past 1024 elements": x.size > 1024, "past the last vector": x.size > 8, "in matrices": x.ndim == 2}
        v = np.concatenate([flat[:start], flat[start:].astype(np.float32)]) if other[wrong] else flat
        return quantize(v.astype(np.float64).reshape(x.shape), p, bits=8)

    assert check(narrow, "quantize", bits=8, dtype="float64", examples=0).verdict == "differs"


@pytest.mark.parametrize("wrong", ["past 1024 elements", "past the last vector", "in matrices"])
def test_a_path_of_its_own_is_tested_outside_the_range_too(wrong):
    def wraps(x, p):
        v = np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -(2.0**40), 2.0**40)
        start = x.size - x.size % 8 if wrong == "past the last vector" else 0
        other = {"past 1024 elements": x.size > 1024, "past the last vector": x.size > 8, "in matrices": x.ndim == 2}
        codes = np.clip(v, -128, 127).reshape(-1)
        if other[wrong]:
            codes[start:] = v.reshape(-1)[start:].astype(np.int64).astype(np.int8)
        return codes.reshape(x.shape)

    assert check(wraps, "quantize", bits=8, examples=0).verdict == "differs"


def test_every_p_of_float32_is_asked_for():
    report = check(lambda x: fraction_bits(x) - (40 < fraction_bits(x) < 45), "fraction_bits", examples=0)
    assert report.verdict == "differs"


def test_integers_past_2_24_stand_in_matrices_too():
    def through_float32(q, p):
        return dequantize(q.astype(np.float32).astype(np.int64) if q.ndim == 2 else q, p, dtype="float64")

    assert check(through_float32, "dequantize", dtype="float64", examples=0).verdict == "differs"

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import nearest_float, rounded
from verify.rivals import broken_laws, fault_named, full, killed, named

from refcompress.rounding import ROUNDING
from refcompress.verify import check
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operations import (
    affine_cases,
    affine_dequantize_cases,
    affine_kills,
    affine_quantize_cases,
    affine_stages,
)
from refcompress.verify.operations.affine import AFFINE_DEQUANTIZE, AFFINE_QUANTIZE

OPERATIONS = (AFFINE_QUANTIZE, AFFINE_DEQUANTIZE)
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
EACH_DTYPE = pytest.mark.parametrize("dtype", FLOATS)
EACH_AXIS = pytest.mark.parametrize("axis", [None, 0, 1, -1])


def some_settings(operation, number):
    """Settings drawn from all that there are; the defaults first."""
    draw = random.Random(number)
    chosen = {s.name: draw.choice(s.allowed) for s in operation.settings if s.name != "check_dtype"}
    return chosen if number else {}


def calls(operation, settings):
    return [(case, args) for case in operation.cases for args in case.make(full(operation, settings))]


def case_named(operation, name):
    return named(operation.cases, name)


@pytest.mark.parametrize("number", range(16))
@EACH
def test_the_reference_agrees_with_itself_whatever_the_settings(operation, number):
    given_settings = some_settings(operation, number)
    settings = full(operation, given_settings)
    report = check(lambda *args: operation.answer(args, settings), operation, examples=20, **given_settings)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("scaling", ["divide", "exact", "reciprocal"])
@pytest.mark.parametrize("added", ["after_rounding", "before_rounding"])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@EACH_AXIS
def test_quantize_agrees_with_itself_for_every_way_to_the_sum(axis, overflow, added, scaling):
    number = sum(map(len, (overflow, added, scaling))) + (axis or 0)
    others = {k: v for k, v in some_settings(AFFINE_QUANTIZE, number + 1).items() if k not in ("axis", "overflow")}
    given_settings = {**others, "axis": axis, "overflow": overflow, "scaling": scaling, "zero_point_added": added}
    settings = full(AFFINE_QUANTIZE, given_settings)
    report = check(lambda *a: AFFINE_QUANTIZE.answer(a, settings), AFFINE_QUANTIZE, examples=5, **given_settings)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("number", range(16))
@EACH
def test_every_law_holds_for_the_reference_whatever_the_settings(operation, number):
    settings = full(operation, some_settings(operation, number))
    for case, args in calls(operation, some_settings(operation, number)):
        answer = operation.answer(args, settings)
        broken = broken_laws(operation, args, answer, settings)
        assert broken == [], (case.name, args)


@pytest.mark.parametrize("number", range(8))
@EACH
def test_a_region_has_the_shape_of_the_answer_whatever_the_settings(operation, number):
    settings = full(operation, some_settings(operation, number))
    for _, args in calls(operation, some_settings(operation, number))[::9]:
        answer = operation.answer(args, settings)
        for region in operation.regions:
            with np.errstate(all="ignore"):
                (mask,) = region.mask(args, answer, settings)
            assert (mask.shape, mask.dtype) == (np.shape(answer), np.bool_), region.name


@EACH
def test_every_line_of_kills_belongs_to_a_case(operation):
    assert {c.name for c in operation.cases} == set(getattr(affine_kills, operation.name.upper()))


@EACH_AXIS
@EACH
def test_some_case_has_more_elements_than_a_block(operation, axis):
    assert max(args[0].size for _, args in calls(operation, {"axis": axis})) > 65_536


@EACH_DTYPE
@EACH
def test_without_an_axis_the_scale_is_a_float_that_the_dtype_holds_and_the_zero_point_an_int(operation, dtype):
    for case, (_, scale, zero_point) in calls(operation, {"dtype": dtype}):
        assert type(scale) is float, case.name
        assert type(zero_point) is int, case.name
        assert 0 < float(np.array(scale).astype(float_dtype(dtype))) == scale < np.inf, case.name


@EACH_DTYPE
@pytest.mark.parametrize("axis", [0, 1, -1])
@EACH
def test_with_an_axis_each_channel_has_a_scale_of_the_dtype_and_an_int32_zero_point(operation, axis, dtype):
    for case, (x, scale, zero_point) in calls(operation, {"dtype": dtype, "axis": axis}):
        assert scale.dtype == float_dtype(dtype), case.name
        assert zero_point.dtype == np.int32, case.name
        assert scale.shape == zero_point.shape == (x.shape[axis],), case.name


def test_the_zero_points_of_unsigned_32_bits_are_int64():
    given_settings = {"bits": 32, "signed": False, "axis": 0}
    assert {z.dtype.name for _, (_, _, z) in calls(AFFINE_QUANTIZE, given_settings)} == {"int32", "int64"}


@EACH_DTYPE
def test_integer_ties_are_ties_of_which_the_reciprocal_moves_some(dtype):
    settings = full(AFFINE_QUANTIZE, {"dtype": dtype})
    moved = 0
    for x, s, _ in case_named(AFFINE_QUANTIZE, "exact ties, integers for a scale").make(settings):
        assert all((Fraction(float(v)) / Fraction(s)) % 1 == Fraction(1, 2) for v in x)
        moved += np.sum(np.rint(affine_stages.quotient(x, np.array(s), "reciprocal")) != np.rint(x.astype(float) / s))
    assert moved >= (4 if dtype == "bfloat16" else 20)


@EACH_DTYPE
def test_fraction_ties_part_the_rounded_quotient_from_the_true_one(dtype):
    settings = full(AFFINE_QUANTIZE, {"dtype": dtype})
    parted = 0
    for x, s, _ in case_named(AFFINE_QUANTIZE, "nearest to ties, fractions for a scale").make(settings):
        true, rounded_once = (np.rint(affine_stages.quotient(x, np.array(s), w)) for w in ("exact", "divide"))
        parted += np.sum(true != rounded_once)
    assert parted >= 100


def test_every_scaling_and_both_sums_are_told_apart_by_the_two_cases_of_ties():
    cases = [c for c in AFFINE_QUANTIZE.cases if "fractions for a scale" in c.name or "integers for a scale" in c.name]
    for case in cases:
        seen = killed(AFFINE_QUANTIZE, full(AFFINE_QUANTIZE, {}), case)
        assert {"scaling=reciprocal", "zero_point_added=before_rounding"} <= seen


@pytest.mark.parametrize(
    ("name", "x", "s", "z", "codes"),
    [
        ("zero_point_ignored", [1.0], 1.0, 5, [1]),
        ("zero_point_subtracted", [1.0], 1.0, 5, [-4]),
        ("zero_point_in_x", [1.0], 2.0, 5, [3]),
        ("range_first", [2000.0, -2000.0], 1.0, -5, [122, -133]),
        ("range_first_wrapped", [2000.0, -2000.0], 1.0, -5, [122, 123]),
        ("range_twice", [2000.0, -2000.0], 1.0, -5, [122, -128]),
        ("from_x_min", [0.5, 1.5], 1.0, 1, [2, 2]),
        ("scale_multiplied", [3.0], 2.0, 0, [6]),
        ("scale_float16", [0.1], float(np.float32(2e-8)), 0, [127]),
        ("scale_power_of_two", [9.0], 3.0, 0, [2]),
        ("scale_plus_1e_8", [1e-8], float(np.float32(1e-8)), 0, [0]),
        ("scale_at_least_eps", [1e-7], float(np.float32(1e-8)), 0, [1]),
        ("reciprocal_then_sum", [91.0], 14.0, 0, [7]),
        ("reciprocal_nan_low", [0.0], 2.0**-140, 3, [-128]),
        ("reciprocal_nan_high", [0.0], 2.0**-140, 3, [127]),
        ("fused_nan_high", [0.0, 0.5], 2.0**-140, 3, [127, 127]),
        ("quotient_float16", [2049.0], 16.0, 0, [127]),
        ("x_truncated", [1.75], 0.5, 0, [2]),
        ("subnormals_flushed", [1e-40], float(np.float32(1e-40)), 0, [0]),
        ("plus_half_truncated", [-1.25, 1.5], 1.0, 0, [0, 2]),
        ("half_truncated_last", [-2.0], 1.0, 1, [0]),
        ("guard_bits_1", [0.75], 1.0, 0, [0]),
        ("not_rounded", [0.75], 1.0, 1, [1.75]),
        ("fake_quantized", [0.3], 0.25, 7, [0.25]),
        ("sign_dropped", [-3.0], 1.0, 1, [4]),
        ("low_8_bits_first", [257.0], 1.0, 5, [6]),
        ("cast_before_range", [3e9], 1.0, 0, [-128]),
        ("cast_and_sum_in_int32", [-3e9], 1.0, -1, [127]),
        ("outside_is_zero_point", [500.0], 1.0, 7, [7]),
        ("one_code_too_high", [500.0], 1.0, 7, [128]),
    ],
)
def test_a_fault_of_affine_quantize_answers_as_it_says(name, x, s, z, codes):
    settings, args = full(AFFINE_QUANTIZE, {}), (np.array(x, np.float32), s, z)
    right = AFFINE_QUANTIZE.answer(args, settings).tolist()
    assert np.asarray(fault_named(AFFINE_QUANTIZE, name).answer(args, settings)).tolist() == codes
    assert right != codes or name in ("scale_float16", "quotient_float16")


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("scale_of_first", [[10, 20], [27, 47]]),
        ("zero_point_of_first", [[10, 20], [5, 10]]),
        ("zero_point_of_next", [[17, 27], [5, 10]]),
        ("scale_of_next", [[2, 5], [27, 47]]),
        ("next_channel", [[9, 12], [20, 40]]),
        ("largest_scale", [[2, 5], [12, 17]]),
        ("flat_modulo", [[10, 12], [20, 17]]),
        ("axis_before", [[10, 12], [20, 17]]),
        ("axis_after", [[10, 12], [20, 17]]),
    ],
)
def test_a_fault_of_channels_answers_as_it_says(name, codes):
    settings = full(AFFINE_QUANTIZE, {"axis": 0})
    x, scale = np.array([[10.0, 20.0], [20.0, 40.0]], np.float32), np.array([1, 4], np.float32)
    args = x, scale, np.array([0, 7], np.int32)
    assert AFFINE_QUANTIZE.answer(args, settings).tolist() == [[10, 20], [12, 17]]
    got = np.asarray(fault_named(AFFINE_QUANTIZE, name).answer(args, settings)).tolist()
    assert got == codes


# dequantize


@given(
    st.integers(-(2**33), 2**33),
    st.one_of(st.floats(2.0**-149, 2.0**127, exclude_min=False), st.integers(1, 2**24).map(lambda m: m * 2.0**-20)),
    st.sampled_from(sorted(FLOATS)),
    st.sampled_from(sorted(ROUNDING)),
)
def test_rounding_a_product_to_a_float_format_equals_the_fractions(n, s, name, word):
    precision, largest, _, subnormal = FLOATS[name]
    exact = Fraction(n) * Fraction(s)
    got = float(affine_dequantize_cases.rounded(np.array(n), np.array(s), name, word))
    if word == "half_even":
        right = nearest_float(exact, precision, int(np.log2(subnormal)), Fraction(largest))
        assert got == (np.copysign(np.inf, n) if right is None else float(right))
        return
    last = int(np.log2(subnormal))
    while abs(exact) >= Fraction(2) ** (last + precision):
        last += 1
    whole = rounded(exact / Fraction(2) ** last, word) * Fraction(2) ** last
    inward = word == "toward_zero" or word == ("floor" if n > 0 else "ceil")
    limit = Fraction(largest)
    assert got == (float(whole) if abs(whole) <= limit else np.copysign(largest if inward else np.inf, n))


@pytest.mark.parametrize(
    ("name", "q", "s", "z", "values"),
    [
        ("zero_point_added", [3], 0.5, 1, [2.0]),
        ("zero_point_unscaled", [3], 0.5, 1, [0.5]),
        ("in_type", [127], 1.0, -1, [-128.0]),
        ("saturated", [127], 1.0, -1, [127.0]),
        ("scale_divided", [3], 0.5, 1, [4.0]),
        ("scale_float16", [1], 1 + 2.0**-11, 0, [1.0]),
        (
            "two_products",
            [100],
            float(np.float32(0.1)),
            99,
            [float(np.float32(100) * np.float32(0.1) - np.float32(99) * np.float32(0.1))],
        ),
        ("midpoint", [3], 0.5, 1, [1.25]),
        ("whole", [3], 0.75, 2, [1.0]),
        ("signed_as_unsigned", [-1], 1.0, 0, [255.0]),
        ("sign_dropped", [-1], 1.0, 0, [1.0]),
        ("negative_is_zero", [-1, 1], 1.0, 0, [0.0, 1.0]),
        ("zero_is_negative", [1], 1.0, 1, [-0.0]),
        ("scale_flushed", [1], 2.0**-140, 0, [0.0]),
        ("overflow_is_nan", [100], 2.0**127, 0, [np.nan]),
    ],
)
def test_a_fault_of_affine_dequantize_answers_as_it_says(name, q, s, z, values):
    settings, args = full(AFFINE_DEQUANTIZE, {}), (np.array(q, np.int8), s, z)
    got = np.asarray(fault_named(AFFINE_DEQUANTIZE, name).answer(args, settings))
    assert str(got.tolist()) == str(values)
    assert str(AFFINE_DEQUANTIZE.answer(args, settings).tolist()) != str(values)


@pytest.mark.parametrize(("dtype", "code", "kept"), [(np.uint16, 40000, 40000), (np.uint32, 65537, 1)])
def test_the_low_16_bits_are_all_that_shorter_codes_have(dtype, code, kept):
    args, settings = (np.array([code], dtype), 1.0, 0), full(AFFINE_DEQUANTIZE, {})
    assert fault_named(AFFINE_DEQUANTIZE, "low_16_bits").answer(args, settings).tolist() == [kept]


@EACH_DTYPE
def test_some_products_are_ties_of_the_last_place(dtype):
    settings = full(AFFINE_DEQUANTIZE, {"dtype": dtype})
    ties = named(AFFINE_DEQUANTIZE.regions, "tie")
    found = 0
    for args in case_named(AFFINE_DEQUANTIZE, "ties of the last place, and beside").make(settings):
        found += ties.mask(args, AFFINE_DEQUANTIZE.answer(args, settings), settings)[0].sum()
    assert found >= 50


@pytest.mark.parametrize(("dtype", "wider"), [("float32", 53), ("bfloat16", 24), ("float16", 24)])
def test_some_products_lie_beside_ties_to_which_a_wider_float_rounds_them(dtype, wider):
    settings, precision = full(AFFINE_DEQUANTIZE, {"dtype": dtype}), FLOATS[dtype][0]
    case = case_named(AFFINE_DEQUANTIZE, "products beside ties, which wider floats round to them")
    given_calls = list(case.make(settings))
    assert len(given_calls) >= 20
    for q, s, z in given_calls:
        product = Fraction(int(q[0]) - z) * Fraction(s)
        last = Fraction(2) ** (int(np.floor(np.log2(float(product)))) + 1 - precision)
        near = nearest_float(product, wider, -1074, Fraction(2) ** 1023)
        assert product / last % 1 != Fraction(1, 2)
        assert near / last % 1 == Fraction(1, 2)


# what a person reads


@pytest.mark.parametrize(
    ("operation", "args", "settings", "line"),
    [
        (
            AFFINE_QUANTIZE,
            ([91.0], 14.0, 1),
            {},
            "x / s = 91.0 / 14.0 = 6.5 in float32, half_even gives 6, + 1 = 7",
        ),
        (
            AFFINE_QUANTIZE,
            ([91.0], 14.0, 1),
            {"scaling": "reciprocal"},
            "x * (1 / s) = 91.0 * 0.0714285746216774 = 6.500000476837158 in float32, half_even gives 7, + 1 = 8",
        ),
        (
            AFFINE_QUANTIZE,
            ([300.5], 1.0, 1),
            {"zero_point_added": "before_rounding", "scaling": "exact"},
            "x / s = 300.5 / 1.0 = 300.5, not rounded to float32, + 1 = 301.5, half_even gives 302, saturate gives 127",
        ),
        (AFFINE_DEQUANTIZE, ([5], 0.5, 2), {}, "(q - z) * s = (5 - 2) * 0.5 = 3 * 0.5 = 1.5, a float32"),
        (
            AFFINE_DEQUANTIZE,
            ([5], 1 + 2.0**-10, 2),
            {"dtype": "float16"},
            "(q - z) * s = (5 - 2) * 1.0009765625 = 3 * 1.0009765625 lies between the float16s 3.001953125 and "
            "3.00390625; the nearest (of equal ones the even) is 3.00390625",
        ),
    ],
)
def test_one_value_is_derived_by_hand(operation, args, settings, line):
    first = np.array(args[0], np.int8 if operation is AFFINE_DEQUANTIZE else np.float32)
    assert operation.by_hand((first, *args[1:]), (0,), full(operation, settings)) == line


@pytest.mark.parametrize("number", range(8))
@EACH
def test_every_value_of_the_hard_cases_can_be_derived_by_hand(operation, number):
    settings = full(operation, some_settings(operation, number))
    for _, args in calls(operation, some_settings(operation, number))[::7]:
        if args[0].size:
            assert operation.by_hand(args, (0,) * args[0].ndim, settings)


def test_the_reciprocal_is_shown_on_a_small_number():
    def inverts(x, scale, zero_point):
        with np.errstate(all="ignore"):
            v = np.rint(x * (np.float32(1) / np.float32(scale))) + zero_point
            return np.clip(np.nan_to_num(v, nan=0, posinf=1e30, neginf=-1e30), -128, 127)

    report = check(inverts, "affine_quantize")
    assert report.counterexample.inputs["x"].size == 1
    assert report.counterexample.inputs["scale"] == 7.0
    assert report.diagnosis[0].settings == {"scaling": "reciprocal"}


def test_a_candidate_that_takes_what_is_rejected_gets_a_remark():
    for axis in (None, 0):
        report = check(lambda x, s, z: np.zeros(x.shape, np.int8), "affine_quantize", examples=0, axis=axis)
        assert {"accepts x[0] = nan", "accepts scale = 0"} <= {r.partition(", which")[0] for r in report.remarks}


def test_infinities_come_at_scales_at_which_the_range_overflows():
    def clipped_first(x, scale, zero_point):
        low, high = ((end - zero_point) * scale for end in (-128, 127))
        with np.errstate(all="ignore"):
            steps = np.clip(x, np.float32(low), np.float32(high)) / np.float32(scale)
            return np.rint(steps.astype(np.float64)) + zero_point

    assert check(clipped_first, "affine_quantize", examples=0).verdict == "differs"


@pytest.mark.parametrize(
    ("zero_points", "dtype"),
    [([-(2**31), 2**31 - 1], "int32"), ([2**31], "int64"), ([-(2**31) - 1], "int64")],
)
def test_zero_points_are_int64_where_int32_is_too_short(zero_points, dtype):
    given_points = affine_cases.integers_for(zero_points)
    assert (given_points.dtype, given_points.tolist()) == (dtype, zero_points)


@pytest.mark.parametrize(
    ("settings", "held"),
    [({"bits": 4, "signed": False}, {0, 8, 15}), ({"signed": False, "narrow_range": True}, {128, 255})],
)
def test_the_middle_of_the_codes_is_among_the_zero_points(settings, held):
    found = affine_quantize_cases.zero_points(full(AFFINE_QUANTIZE, settings))
    assert held <= set(found)
    assert not {9, 129} & set(found)


def test_arrays_lie_around_the_middle_of_unsigned_codes_of_4_bits():
    x, _, z = next(affine_quantize_cases.shapes(full(AFFINE_QUANTIZE, {"bits": 4, "signed": False})))
    assert float(x) == 7 - 2.5 - z


def test_a_reported_input_has_the_middle_of_unsigned_codes_of_4_bits_for_its_zero_point():
    settings = full(AFFINE_QUANTIZE, {"bits": 4, "signed": False})
    assert any(z == 7 for _, _, z in affine_quantize_cases.reported(settings))

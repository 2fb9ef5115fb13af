import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.requantize import (
    arm_high_multiply,
    cpp_high_multiply,
    cpp_rounding_shift,
    multiplier_and_shift,
    requantized,
    scaled,
)

from refcompress.quantization.requantize import (
    BLOCK,
    REQUANTIZE_WORDS,
    quantize_multiplier,
    requantize,
    scale_accumulators,
)
from refcompress.rounding import ROUNDING

EXTREMES = (-(2**31), -(2**31) + 1, -(2**30), -1, 0, 1, 2**30, 2**31 - 2, 2**31 - 1)
MULTIPLIERS = (2**30, 2**30 + 1, 1583594044, 3 * 2**29, 2**31 - 2, 2**31 - 1)

ACCS = st.integers(-(2**31), 2**31 - 1) | st.integers(-300, 300) | st.sampled_from(EXTREMES)
SHIFTS = st.integers(-31, 31)
FACTORS = st.integers(2**30, 2**31 - 1) | st.sampled_from(MULTIPLIERS)
WORDS = st.sampled_from(REQUANTIZE_WORDS)


@st.composite
def near_ties(draw):
    """An accumulator whose scaled value lies as close to a half as any: where roundings part."""
    multiplier, shift = draw(FACTORS), draw(SHIFTS)
    half = Fraction(2 * draw(st.integers(-300, 300)) + 1, 2)
    acc = round(half / (multiplier * Fraction(2) ** (shift - 31))) + draw(st.integers(-1, 1))
    return min(max(acc, -(2**31)), 2**31 - 1), multiplier, shift


CALLS = st.tuples(ACCS, FACTORS, SHIFTS) | near_ties()


@given(call=CALLS, rounding=WORDS, bits=st.integers(2, 32), signed=st.booleans(), data=st.data())
def test_requantize_is_the_exact_product_rounded_as_the_word_says(call, rounding, bits, signed, data):
    low = -(2 ** (bits - 1)) if signed else 0
    zero_point = data.draw(st.integers(low, low + 2**bits - 1))
    acc, multiplier, shift = call
    settings = {"bits": bits, "signed": signed, "rounding": rounding}
    result = requantize(np.array([acc], np.int32), multiplier, shift, zero_point, **settings)
    assert int(result[0]) == requantized(acc, multiplier, shift, zero_point, **settings)


@pytest.mark.parametrize("rounding", REQUANTIZE_WORDS)
def test_every_shift_is_right_at_extreme_and_negative_accumulators(rounding):
    acc = np.array([*EXTREMES, -8, -7, 5, 6, -(2**29) - 2**20], np.int32)
    for shift, multiplier in itertools.product(range(-31, 32), (2**30, 1583594044, 2**31 - 1)):
        result = requantize(acc, multiplier, shift, 3, bits=16, rounding=rounding)
        assert result.tolist() == [requantized(a, multiplier, shift, 3, 16, rounding=rounding) for a in acc.tolist()]


@pytest.mark.parametrize("rounding", REQUANTIZE_WORDS)
@pytest.mark.parametrize("shift", [0, 1, 10, 20, 29])
def test_the_smallest_remainder_above_and_below_a_code_is_seen(shift, rounding):
    n, multiplier = 31 - shift, 1583594043  # odd: some accumulator times it leaves a remainder of one
    one = pow(multiplier, -1, 2**n)
    acc = np.array([one, one - 2**n, -one, 2**n - one, 0], np.int32)
    assert {a * multiplier % 2**n for a in acc.tolist()} == {0, 1, 2**n - 1}
    result = requantize(acc, multiplier, shift, 0, bits=32, rounding=rounding)
    assert result.tolist() == [requantized(a, multiplier, shift, 0, 32, rounding=rounding) for a in acc.tolist()]


@pytest.mark.parametrize("shift", range(-31, 1))
def test_gemmlowp_is_what_its_code_and_the_arm_instruction_do(shift):
    ties = [k * 2**30 // multiplier for k in range(-9, 10) for multiplier in MULTIPLIERS]
    acc = sorted({*EXTREMES, *ties, *(t << max(-shift - 1, 0) for t in range(-40, 40)), *range(-40, 40)})
    acc = np.array([a for a in acc if -(2**31) <= a < 2**31], np.int32)
    for multiplier in MULTIPLIERS:
        result = requantize(acc, multiplier, shift, bits=32, rounding="gemmlowp").tolist()
        assert result == [cpp_rounding_shift(cpp_high_multiply(a, multiplier), -shift) for a in acc.tolist()]
        assert result == [cpp_rounding_shift(arm_high_multiply(a, multiplier), -shift) for a in acc.tolist()]


@pytest.mark.parametrize(
    ("acc", "multiplier", "shift", "rounding", "code"),
    [
        (7984, 1583594044, -9, "half_up", 11),
        (7984, 1583594044, -9, "half_even", 11),
        (7984, 1583594044, -9, "double", 12),
        (7984, 1583594044, -9, "gemmlowp", 12),
        (1, 2**30, -1, "half_up", 0),
        (1, 2**30, -1, "double", 1),
        (-1, 2**30, 0, "gemmlowp", 0),
        (-1, 2**30, 0, "double", -1),
        (-1, 2**30, 0, "half_up", 0),
        (1, 2**30, 0, "half_up", 1),
        (-8, 2**30, -1, "half_up", -2),
        (2**30 - 1, 2**30 + 1, -30, "half_up", 0),  # half less 2^-61, which float64 takes for half
        (2**30 - 1, 2**30 + 1, -30, "float", 0),
        (1 - 2**30, 2**30 + 1, -30, "floor", -1),
        (2**24 + 1, 2**30, 1, "float", 2**24),
        (2**24 + 1, 2**30, 1, "half_up", 2**24 + 1),
        (2**30, 2**30, 3, "double", 2**30),  # acc << 3 saturates to 2^31 - 1, half of which rounds up
        (2**30, 2**30, 3, "half_up", 2**31 - 1),
    ],
)
def test_known_hard_values(acc, multiplier, shift, rounding, code):
    assert requantize([acc], multiplier, shift, bits=32, rounding=rounding).tolist() == [code]


def test_the_zero_point_is_added_after_rounding_and_before_saturation():
    acc = [1, -1, 300, -300, 2000]
    assert requantize(acc, 2**30, 0, 100).tolist() == [101, 100, 127, -50, 127]
    assert requantize(acc, 2**30, 0, 5, signed=False).tolist() == [6, 5, 155, 0, 255]


@given(acc=st.lists(ACCS, min_size=2), multiplier=FACTORS, shift=SHIFTS, rounding=WORDS)
def test_a_larger_accumulator_never_gives_a_smaller_code(acc, multiplier, shift, rounding):
    codes = requantize(sorted(acc), multiplier, shift, bits=32, rounding=rounding)
    assert (np.diff(codes.astype(np.int64)) >= 0).all()


@given(
    call=CALLS, rounding=st.sampled_from(sorted(set(ROUNDING) & {"half_even", "half_away", "half_odd", "toward_zero"}))
)
def test_a_symmetric_rule_gives_opposite_codes_for_opposite_accumulators(call, rounding):
    acc, multiplier, shift = call
    acc = max(acc, -(2**31) + 1)
    plus, minus = (scaled(a, multiplier, shift, rounding) for a in (acc, -acc))
    assert plus == -minus


def test_one_rounding_and_two_never_part_by_more_than_one():
    acc = np.arange(-40_000, 40_000, 7, dtype=np.int32)
    for shift in range(-20, 1):
        one, two = (requantize(acc, 1583594044, shift, bits=32, rounding=w).astype(int) for w in ("half_up", "double"))
        assert np.abs(one - two).max() <= 1


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">i8"])
def test_every_integer_dtype_is_taken(dtype):
    assert requantize(np.array([3, 100], dtype), 2**30, 1, 1).tolist() == [4, 101]


@pytest.mark.parametrize("bits", range(2, 33))
@pytest.mark.parametrize("signed", [True, False])
def test_codes_come_in_the_smallest_dtype_that_holds_them(bits, signed):
    codes = requantize([2**31 - 1, -(2**31)], 2**31 - 1, 31, bits=bits, signed=signed)
    width = 8 if bits <= 8 else 16 if bits <= 16 else 32
    assert codes.dtype == np.dtype(f"{'int' if signed else 'uint'}{width}")
    assert codes.tolist() == ([2 ** (bits - 1) - 1, -(2 ** (bits - 1))] if signed else [2**bits - 1, 0])


@pytest.mark.parametrize("rounding", REQUANTIZE_WORDS)
def test_views_shapes_and_read_only_arrays_work_and_are_not_changed(rounding):
    acc = (np.arange(-60, 60, dtype=np.int32) * 12345).reshape(4, 30)
    acc.flags.writeable = False
    before = acc.copy()
    whole = requantize(acc, 1583594044, -12, rounding=rounding)
    for view, part in ((acc.T, whole.T), (acc[::2, ::-3], whole[::2, ::-3]), (acc[1, 2], whole[1, 2])):
        assert requantize(view, 1583594044, -12, rounding=rounding).tolist() == part.tolist()
    assert requantize(np.zeros((0, 3), np.int32), 2**30, 0, rounding=rounding).shape == (0, 3)
    assert (acc == before).all()


@pytest.mark.parametrize("rounding", REQUANTIZE_WORDS)
def test_accumulators_are_scaled_in_the_array_that_is_given_or_in_a_new_one(rounding):
    acc, out = np.array([[5, -7], [2**31 - 1, -(2**31)]], np.int32), np.empty((2, 2), np.int64)
    expected = [[scaled(a, 1583594044, -3, rounding) for a in row] for row in acc.tolist()]
    new = scale_accumulators(acc, 1583594044, -3, rounding)
    assert (new.dtype, new.tolist()) == (np.int64, expected)
    assert scale_accumulators(acc, 1583594044, -3, rounding, out) is out
    assert out.tolist() == expected


def test_more_elements_than_a_block_are_the_same_as_in_parts():
    acc = np.arange(-BLOCK, BLOCK + 5, dtype=np.int32)
    whole = requantize(acc, 2**30, -5)
    assert np.array_equal(whole, np.concatenate([requantize(p, 2**30, -5) for p in np.split(acc, [7, BLOCK + 1])]))


@pytest.mark.parametrize(
    ("args", "settings", "error", "message"),
    [
        (([0, 2**31], 2**30, 0), {}, ValueError, r"acc\[1\] is 2147483648: an accumulator is an int32"),
        ((np.array([2**32 - 1], np.uint32), 2**30, 0), {}, ValueError, r"acc\[0\] is 4294967295"),
        ((np.array([[0, -(2**31) - 1]]), 2**30, 0), {}, ValueError, r"acc\[0, 1\] is -2147483649"),
        (([1.0], 2**30, 0), {}, TypeError, "acc has dtype float64: it must hold integers"),
        (([1], 2**30 - 1, 0), {}, ValueError, "multiplier is 1073741823: it must be from 1073741824 to 2147483647"),
        (([1], 2**31, 0), {}, ValueError, "multiplier is 2147483648"),
        (([1], 0.5, 0), {}, TypeError, r"multiplier is 0.5 \(float\): it must be an integer"),
        (([1], 2**30, 32), {}, ValueError, "shift is 32: it must be from -31 to 31"),
        (([1], 2**30, -32), {}, ValueError, "shift is -32"),
        (([1], 2**30, 0, 128), {}, ValueError, "zero_point is 128: it must be from -128 to 127"),
        (([1], 2**30, 0, -1), {"signed": False}, ValueError, "zero_point is -1: it must be from 0 to 255"),
        (([1], 2**30, 0), {"bits": 33}, ValueError, "bits is 33: it must be from 2 to 32"),
        (
            ([1], 2**30, 0),
            {"rounding": "stochastic"},
            ValueError,
            "rounding is 'stochastic': it must be one of half_up",
        ),
        (([1], 2**30, 0), {"signed": 1}, TypeError, "signed is 1: it must be True or False"),
    ],
)
def test_bad_calls_are_refused_with_a_reason(args, settings, error, message):
    with pytest.raises(error, match=message):
        requantize(*args, **settings)


@given(real=st.floats(2.0**-32, 2.0**31, exclude_max=True) | st.floats(2.0**-32, 2.0**30, width=32))
def test_a_factor_is_rounded_once_to_31_bits(real):
    expected = multiplier_and_shift(real)
    if expected is None:  # within half a unit of 2^31
        with pytest.raises(ValueError, match="real is"):
            quantize_multiplier(real)
    else:
        assert quantize_multiplier(real) == expected


@pytest.mark.parametrize(
    ("real", "pair"),
    [
        (1.0, (2**30, 1)),
        (0.5, (2**30, 0)),
        (2.0**-32, (2**30, -31)),
        (1 - 2.0**-32, (2**30, 1)),  # a half, up to 2^31: the shift takes it
        (1 - 2.0**-31, (2**31 - 1, 0)),
        (2.0**31 - 1, (2**31 - 1, 31)),
        (0.0014402703931141053, (1583594044, -9)),
    ],
)
def test_known_factors(real, pair):
    assert quantize_multiplier(real) == pair


@given(real=st.floats(2.0**-32, 2.0**30, width=32))
def test_a_float32_factor_is_kept_exactly(real):
    multiplier, shift = quantize_multiplier(real)
    assert Fraction(real) == multiplier * Fraction(2) ** (shift - 31)


@pytest.mark.parametrize(
    ("real", "error", "message"),
    [
        (0.0, ValueError, r"real is 0.0: it must be from 2\^-32 to below 2\^31"),
        (-0.5, ValueError, r"real is -0.5: it must be from 2\^-32"),
        (2.0**31, ValueError, "real is 2147483648.0: it must be from"),
        (2.0**-33, ValueError, "real is 1.16"),
        (float("nan"), ValueError, "real is nan: it must be finite"),
        (float("inf"), ValueError, "real is inf: it must be finite"),
        ("1", TypeError, r"real is '1' \(str\): it must be a number"),
    ],
)
def test_bad_factors_are_refused_with_a_reason(real, error, message):
    with pytest.raises(error, match=message):
        quantize_multiplier(real)

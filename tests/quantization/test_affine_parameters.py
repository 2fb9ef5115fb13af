import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import affine as oracle

from refcompress import affine_dequantize, affine_parameters, affine_quantize

LARGEST = float(np.finfo(np.float32).max)
FLOATS = st.one_of(
    st.floats(-LARGEST, LARGEST, width=32),
    st.floats(-LARGEST, LARGEST),
    st.integers(-300, 300).map(lambda n: n / 2),
    st.sampled_from([0.0, -0.0, 2.0**-149, -(2.0**-149), 1e-40, -1e-40, 5e-324, LARGEST, -LARGEST]),
)
RANGES = st.tuples(FLOATS, FLOATS).map(sorted)
WIDTHS = st.sampled_from([2, 3, 4, 7, 8, 16, 32])


@given(RANGES, WIDTHS, st.booleans(), st.booleans(), st.booleans())
def test_scale_and_zero_point_agree_with_rational_arithmetic(ends, bits, signed, symmetric, narrow_range):
    settings = {"bits": bits, "signed": signed, "symmetric": symmetric, "narrow_range": narrow_range}
    scale, zero_point = affine_parameters(*ends, **settings)
    assert (Fraction(float(scale)), int(zero_point)) == oracle.parameters(*ends, **settings)


@given(RANGES, WIDTHS, st.booleans(), st.booleans(), st.booleans())
@example((-5e-324, 1e-44), 8, True, False, False)
@example((-LARGEST, LARGEST), 8, True, False, False)
@example((0.0, 1.0), 32, True, False, True)  # float32 has no -2^31 + 1
@example((-1.0, 0.0), 32, True, False, False)  # nor 2^32 - 1
def test_float32_arithmetic_rounds_every_step(ends, bits, signed, symmetric, narrow_range):
    settings = {"bits": bits, "signed": signed, "symmetric": symmetric, "narrow_range": narrow_range}
    with np.errstate(all="raise"):  # makes no difference
        scale, zero_point = affine_parameters(*ends, **settings, arithmetic="float32")
    assert (Fraction(float(scale)), int(zero_point)) == oracle.parameters_in_float32(*ends, **settings)


@pytest.mark.parametrize("bits", [4, 8])
def test_float32_arithmetic_subtracts_the_ends_before_it_divides(bits):
    for a, b in itertools.product(range(-9, 1), range(1, 10)):
        scale, zero_point = affine_parameters(a / 2, b / 2, bits=bits, arithmetic="float32")
        assert (Fraction(float(scale)), int(zero_point)) == oracle.parameters_in_float32(a / 2, b / 2, bits)


@given(RANGES, WIDTHS, st.booleans(), st.booleans(), st.sampled_from(["exact", "float32"]))
def test_scale_is_positive_and_finite_and_the_zero_point_a_code(ends, bits, signed, symmetric, arithmetic):
    scale, zero_point = affine_parameters(*ends, bits=bits, signed=signed, symmetric=symmetric, arithmetic=arithmetic)
    assert (scale.dtype, zero_point.dtype) == (np.float32, np.int64)
    assert 0 < scale < np.inf
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    assert low <= zero_point <= high


@given(RANGES, st.sampled_from([2, 4, 8]), st.booleans())
def test_zero_has_a_code_of_its_own(ends, bits, signed):
    scale, zero_point = affine_parameters(*ends, bits=bits, signed=signed)
    code = affine_quantize(0.0, scale, zero_point, bits=bits, signed=signed)
    assert affine_dequantize(code, scale, zero_point) == 0.0


@given(st.floats(1e-30, 1e30).flatmap(lambda c: st.sampled_from([c, -c])), st.sampled_from([2, 4, 8]), st.booleans())
def test_a_constant_comes_back(constant, bits, signed):
    c = float(np.float32(constant))
    scale, zero_point = affine_parameters(c, c, bits=bits, signed=signed)
    code = affine_quantize(np.float32(c), scale, zero_point, bits=bits, signed=signed)
    # the scale c / n is off by half a unit in its last place at most, and so n * scale is by one rounding more
    assert abs(float(affine_dequantize(code, scale, zero_point)) - c) <= 2 * abs(c) * 2.0**-24


@given(RANGES.filter(lambda e: max(map(abs, e)) > 1e-30), st.booleans(), st.floats(0, 1))
def test_no_value_of_the_range_is_further_from_its_code_than_the_rounding_allows(ends, signed, part):
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    x = min(max(low * (1 - part) + high * part, low), high)
    scale, zero_point = affine_parameters(*ends, signed=signed)
    code = affine_quantize(np.float64(x), np.float64(scale), zero_point, signed=signed, scaling="exact")
    back = (int(code) - int(zero_point)) * Fraction(float(scale))
    # half a step for rounding x, half a step for rounding the zero point; the scale's own rounding moves the far end,
    # 255 steps away, by 255 half units in its last place
    step = Fraction(float(scale))
    assert abs(back - Fraction(x)) <= step + 255 * step * Fraction(1, 2**24)


def test_8_signed_bits_are_covered_exactly_unless_told_otherwise():
    scale, zero_point = affine_parameters(-1.0, 3.0)
    assert (Fraction(float(scale)), int(zero_point)) == oracle.parameters(-1.0, 3.0, 8, True, False, False)


@pytest.mark.parametrize("arithmetic", ["exact", "float32"])
def test_no_channels_have_no_parameters(arithmetic):
    scale, zero_point = affine_parameters([], [], arithmetic=arithmetic)
    assert (scale.shape, scale.dtype, zero_point.shape, zero_point.dtype) == ((0,), np.float32, (0,), np.int64)


def test_a_one_sided_range_is_widened_to_zero():
    scale, zero_point = affine_parameters(10.5, 14.0, bits=4, signed=False)
    assert (float(scale), int(zero_point)) == (float(np.float32(14 / 15)), 0)


def test_a_symmetric_range_by_the_general_formula_has_its_zero_point_at_a_tie():
    # -128 + m / (2 m / 255) = -1/2 for every m: half to even gives 0
    assert all(int(affine_parameters(-m, m)[1]) == 0 for m in (1.0, 3.0, 0.1, 1e-3, 1e30))


def test_float32_arithmetic_leaves_the_tie():
    exact = affine_parameters(-1.0, 1.0, signed=False)
    floats = affine_parameters(-1.0, 1.0, signed=False, arithmetic="float32")
    assert (int(exact[1]), int(floats[1])) == (128, 127)


def test_every_channel_has_parameters_of_its_own():
    scale, zero_point = affine_parameters([-1.0, 0.0, 2.0], [1.0, 0.0, 4.0])
    each = [affine_parameters(a, b) for a, b in ((-1.0, 1.0), (0.0, 0.0), (2.0, 4.0))]
    assert scale.tolist() == [float(s) for s, _ in each]
    assert zero_point.tolist() == [int(z) for _, z in each]


@pytest.mark.parametrize(
    ("ends", "settings", "error", "text"),
    [
        ((np.nan, 1.0), {}, ValueError, "x_min is nan: only finite values can be the end of a range"),
        ((0.0, np.inf), {}, ValueError, "x_max is inf: only finite"),
        ((0.0, 1e39), {}, ValueError, r"x_max is 1e\+39: it must be within float32"),
        (([1.0, 2.0], [1.0, 1.5]), {}, ValueError, r"x_min\[1\] is 2.0: it must be at most x_max, 1.5"),
        (([0.0], 1.0), {}, ValueError, r"x_min has shape \(1,\), x_max has shape \(\)"),
        ((0.0, 1.0), {"bits": 33}, ValueError, "bits is 33: it must be from 2 to 32"),
        ((0.0, 1.0), {"bits": 1}, ValueError, "bits is 1: it must be from 2 to 32"),
        (
            (0.0, 1.0),
            {"arithmetic": "float16"},
            ValueError,
            "arithmetic is 'float16': it must be one of exact, float32",
        ),
        ((0.0, 1.0), {"signed": 1}, TypeError, "^signed is 1: it must be True or False"),
        ((0.0, 1.0), {"symmetric": 1}, TypeError, "^symmetric is 1: it must be True or False"),
        ((0.0, 1.0), {"narrow_range": 1}, TypeError, "^narrow_range is 1: it must be True or False"),
        (("a", 1.0), {}, TypeError, "x_min has dtype"),
    ],
)
def test_bad_ranges_are_refused(ends, settings, error, text):
    with pytest.raises(error, match=text):
        affine_parameters(*ends, **settings)

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import microscaling as oracle

from refcompress import mx_dequantize, mx_quantize, nvfp4_dequantize, nvfp4_quantize
from refcompress.quantization.microscaling import MX_FORMATS
from refcompress.quantization.small_floats import encode
from refcompress.rounding import ROUNDING

EACH_FORMAT = pytest.mark.parametrize("name", MX_FORMATS)
SIGNALLING = np.array([0x7FF0000000000001], np.uint64).view(np.float64)[0]
NUMBER = st.one_of(
    st.integers(-64, 64).map(lambda n: n / 8),
    st.builds(math.ldexp, st.integers(-65, 65), st.integers(-160, 120)),
    st.floats(width=32, allow_infinity=False),
    st.floats(-1e30, 1e30),
)


def blocks(size, number=NUMBER):
    """One block: a few values in some order, the rest small."""
    return st.lists(number, min_size=1, max_size=size).map(lambda few: (few * size)[:size])


def as_floats(values):
    return [float(v) for v in values]


# MX


@EACH_FORMAT
@settings(max_examples=25)
@given(x=blocks(32))
def test_a_block_is_what_exact_arithmetic_gives(name, x):
    elements, scales = mx_quantize(x, name)
    scale, expected = oracle.mx_block(x, MX_FORMATS[name].element)
    assert np.array_equal(scales, [float(scale)], equal_nan=True)
    assert elements.tolist() == as_floats(expected)


@EACH_FORMAT
@settings(max_examples=25)
@given(x=blocks(32, st.floats(-1e30, 1e30)))
def test_a_block_comes_back_within_half_a_step_of_its_largest_power(name, x):
    back = mx_dequantize(*mx_quantize(x, name))
    element = MX_FORMATS[name]
    largest = {"e4m3fn": 448, "e5m2": 57344, "e2m3fn": 7.5, "e3m2fn": 28, "e2m1fn": 6, "int8": 127 / 64}
    scale = float(mx_quantize(x, name)[1][0])
    limit = largest[element.element] * scale
    step = {"e4m3fn": 32, "e5m2": 8192, "e2m3fn": 0.5, "e3m2fn": 4, "e2m1fn": 2, "int8": 1 / 64}[
        element.element
    ] * scale
    for value, result in zip(x, back.tolist(), strict=True):
        kept = max(-limit, min(limit, value))
        assert abs(Fraction(kept) - Fraction(result)) <= Fraction(step) / 2


@EACH_FORMAT
@settings(max_examples=20)
@given(x=blocks(32, st.floats(-1e20, 1e20)))
def test_what_was_quantized_once_is_kept(name, x):
    back = mx_dequantize(*mx_quantize(x, name))
    assert np.array_equal(mx_dequantize(*mx_quantize(back, name)), back)


@EACH_FORMAT
def test_a_power_of_two_moves_to_the_scale(name):
    x = np.linspace(-3, 3, 32)
    elements, scales = mx_quantize(x, name)
    for power in (-20, 30):
        others, moved = mx_quantize(np.ldexp(x, power), name)
        assert np.array_equal(others, elements)
        assert np.array_equal(moved, np.ldexp(scales, power))


@EACH_FORMAT
def test_a_zero_block_next_to_a_normal_one_is_zero_with_the_smallest_scale(name):
    x = np.concatenate([np.zeros(32), np.full(32, 3.0)])
    elements, scales = mx_quantize(x, name)
    assert encode(scales, "e8m0fnu").tolist() == [0x00, int(encode([scales[1]], "e8m0fnu")[0])]
    assert not elements[:32].any()
    assert not mx_dequantize(elements, scales)[:32].any()
    assert np.array_equal(mx_quantize(x[32:], name)[0], elements[32:])


@EACH_FORMAT
@pytest.mark.parametrize("place", [0, 13, 31])
def test_a_nan_makes_the_scale_of_its_block_ff_and_of_no_other(name, place):
    x = np.ones(96, np.float32)
    x[32 + place] = np.nan
    elements, scales = mx_quantize(x, name)
    assert encode(scales, "e8m0fnu").tolist()[1] == 0xFF
    back = mx_dequantize(elements, scales)
    assert np.isnan(back).tolist() == [False] * 32 + [True] * 32 + [False] * 32
    assert elements.tolist() == [1.0 / float(scales[0])] * 32 + [0.0] * 32 + [1.0 / float(scales[2])] * 32
    assert scales[1].tobytes() == np.float32(np.nan).tobytes()


@EACH_FORMAT
def test_a_scale_that_underflows_is_the_smallest_and_stays_finite(name):
    x = np.zeros(32)
    x[0] = 2.0**-130
    elements, scales = mx_quantize(x, name)
    assert encode(scales, "e8m0fnu").tolist() == [0x00]
    assert elements[0] in (0.125, 0.0)  # 4-bit floats begin at one half
    assert np.isfinite(mx_dequantize(elements, scales)).all()


@EACH_FORMAT
def test_a_scale_that_overflows_is_the_largest_and_elements_saturate(name):
    x = np.full(32, 1e300)
    elements, scales = mx_quantize(x, name)
    assert encode(scales, "e8m0fnu").tolist() == [0xFE]
    assert len(set(elements.tolist())) == 1
    assert np.array_equal(mx_quantize(np.full(32, np.inf), name)[0], elements)
    assert mx_quantize(np.full(32, np.inf), name)[1] == scales


@pytest.mark.parametrize(("largest", "element"), [(7.0, 6.0), (7.99, 6.0), (5.0, 4.0), (8.0, 4.0)])
def test_what_lies_above_the_largest_element_saturates(largest, element):
    x = np.zeros(32)
    x[3] = -largest
    elements, _ = mx_quantize(x, "mxfp4_e2m1")
    assert elements[3] == -element


def test_the_exponent_is_exact_where_a_logarithm_is_not():
    below = np.nextafter(2.0**30, 0)  # log2 of it rounds to 30
    assert math.log2(below) == 30.0
    assert mx_quantize(np.full(32, below), "mxint8")[1] == 2.0**29


def test_the_integers_are_symmetric():
    for x in (-1.999, 1.999):
        assert mx_quantize(np.full(32, x), "mxint8")[0].tolist() == [math.copysign(127 / 64, x)] * 32


@pytest.mark.parametrize("rounding", ROUNDING)
def test_elements_follow_the_rule(rounding):
    x = np.array([6.0, 0.75, -0.75, 0.6, -0.6, 1e-300] + [0.0] * 26)
    up = {"half_even": [1, -1, 0.5, -0.5, 0], "half_odd": [0.5, -0.5, 0.5, -0.5, 0], "half_away": [1, -1, 0.5, -0.5, 0]}
    up |= {"half_up": [1, -0.5, 0.5, -0.5, 0], "half_down": [0.5, -1, 0.5, -0.5, 0]}
    up |= {"floor": [0.5, -1, 0.5, -1, 0], "ceil": [1, -0.5, 1, -0.5, 0.5], "toward_zero": [0.5, -0.5, 0.5, -0.5, 0]}
    up |= {"away_from_zero": [1, -1, 1, -1, 0.5]}
    assert mx_quantize(x, "mxfp4_e2m1", rounding=rounding)[0][1:6].tolist() == up[rounding]


def test_a_number_that_underflows_when_scaled_is_still_no_zero():
    x = np.array([1e300] + [5e-324] * 31)
    assert mx_quantize(x, "mxfp8_e4m3", rounding="ceil")[0].tolist() == [448] + [2.0**-9] * 31


@EACH_FORMAT
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_an_axis_is_quantized_as_its_lines_are(name, axis):
    x = np.sin(np.arange(64.0 * 64)).reshape(64, 64)
    elements, scales = mx_quantize(x, name, axis=axis)
    for i in range(0, 64, 9):
        line, line_scales = mx_quantize(np.take(x, i, 1 - axis % 2), name)
        assert np.array_equal(np.take(elements, i, 1 - axis % 2), line)
        assert np.array_equal(np.take(scales, i, 1 - axis % 2), line_scales)
    assert np.array_equal(
        np.take(mx_dequantize(elements, scales, axis=axis), 5, 1 - axis % 2),
        mx_dequantize(*mx_quantize(np.take(x, 5, 1 - axis % 2), name)),
    )


def test_the_formats_are_those_of_the_specification():
    assert set(MX_FORMATS) == {"mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4_e2m1", "mxint8"}


@EACH_FORMAT
def test_elements_and_scales_are_float32(name):
    assert [a.dtype for a in mx_quantize(np.ones(32), name)] == [np.float32, np.float32]


@EACH_FORMAT
def test_the_ends_of_the_floats_are_quantized_though_numpy_raises(name):
    with np.errstate(all="raise"):
        elements, scales = mx_quantize([[1e308, 1e-308] * 16, [5e-324, -5e-324] * 16, [SIGNALLING, 1.0] * 16], name)
        back = mx_dequantize(elements, scales)
    assert np.isnan(back[2]).all()
    assert not back[:2, 1::2].any()


# NVFP4


def test_no_blocks_of_nvfp4_have_no_scales():
    elements, scales, t = nvfp4_quantize(np.zeros((0, 16)))
    assert (elements.shape, scales.shape) == ((0, 16), (0, 1))
    assert t > 0


def test_the_ends_of_the_floats_are_nvfp4_though_numpy_raises():
    x = [[1e308, 1e-308] * 8, [5e-324, 0.0] * 8, [SIGNALLING, 1.0] * 8]
    with np.errstate(all="raise"):
        elements, scales, t = nvfp4_quantize(x)
        back = nvfp4_dequantize(elements, scales, t)
        tiny = nvfp4_quantize([5e-324, 1e308] * 8, tensor_scale=2.0**-149)
    assert elements[0].tolist() == [6.0, 0.0] * 8
    assert np.isnan(scales).ravel().tolist() == [False, False, True]
    assert np.isnan(back[2]).all()
    assert (tiny[0].tolist(), tiny[1].tolist()) == ([0.0, 6.0] * 8, [448.0])


@pytest.mark.parametrize("scale", [1e-40, 2.0**-149, 3e38])
def test_a_tensor_scale_is_rounded_to_float32_though_numpy_raises(scale):
    with np.errstate(all="raise"):
        t = nvfp4_quantize(np.zeros(16), tensor_scale=scale)[2]
    assert t == float(np.float32(scale))


@pytest.mark.parametrize("t", [2.0**-149, 3e38])
@pytest.mark.parametrize("scale", [0.0, 5e-324, 2.0**-1000, 1e308, np.inf, np.nan, SIGNALLING])
@pytest.mark.parametrize("element", [0.0, 5e-324, 6.0, 1e308, np.inf, SIGNALLING])
def test_products_at_the_ends_of_the_floats_are_those_of_ieee_though_numpy_raises(element, scale, t):
    with np.errstate(all="raise"):
        back = nvfp4_dequantize(np.full(16, element), [scale], t)
    with np.errstate(all="ignore"):
        expected = np.float32(np.float64(element) * (np.float64(scale) * np.float64(np.float32(t))))
    np.testing.assert_array_equal(back, np.full(16, expected))


@settings(max_examples=50)
@given(x=st.lists(blocks(16), min_size=1, max_size=3).map(lambda parts: [v for part in parts for v in part]))
def test_nvfp4_is_what_exact_arithmetic_gives(x):
    elements, scales, t = nvfp4_quantize(x)
    expected_t = oracle.nvfp4_tensor_scale(x)
    assert Fraction(t) == expected_t
    for i in range(len(x) // 16):
        scale, expected = oracle.nvfp4_block(x[16 * i : 16 * i + 16], expected_t)
        assert np.array_equal(scales[i], float(scale), equal_nan=True)
        assert elements[16 * i : 16 * i + 16].tolist() == as_floats(expected)


@settings(max_examples=20)
@given(x=blocks(32, st.floats(-1e30, 1e30)))
def test_nvfp4_comes_back_as_the_product_rounded_once(x):
    elements, scales, t = nvfp4_quantize(x)
    back = nvfp4_dequantize(elements, scales, t)
    exact = elements.astype(np.float64) * np.repeat(scales.astype(np.float64), 16) * t  # 2 + 4 + 24 bits
    with np.errstate(under="ignore"):
        assert np.array_equal(back, exact.astype(np.float32))


SIGNIFICANDS = st.integers(2**23, 2**24 - 1)  # of a float32
TENSOR_SCALES = st.builds(math.ldexp, SIGNIFICANDS, st.integers(-100, 60))
BESIDE = st.sampled_from([-math.inf, 0, math.inf])


def beside(exact, towards):
    """The float64 next to one, or that itself."""
    return math.nextafter(exact, towards) if towards else exact


@given(
    TENSOR_SCALES,
    st.integers(8, 15),
    st.integers(-6, 4),
    st.sampled_from([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0]),
    BESIDE,
)
def test_elements_beside_a_tie_are_what_exact_arithmetic_gives(t, significand, exponent, tie, towards):
    scale = math.ldexp(significand, exponent)
    x = [6 * scale * t, beside(tie * scale * t, towards)] + 14 * [0.0]
    elements, scales, _ = nvfp4_quantize(x, tensor_scale=t)
    expected = oracle.nvfp4_block(x, Fraction(t))
    assert (scales.tolist(), elements.tolist()) == ([scale], as_floats(expected[1]))


@given(TENSOR_SCALES, st.integers(8, 15), st.integers(-9, 4), BESIDE)
def test_a_scale_beside_a_tie_is_what_exact_arithmetic_gives(t, significand, exponent, towards):
    x = [beside(math.ldexp(2 * significand + 1, exponent) * 6 * t, towards)] + 15 * [0.0]
    _, scales, _ = nvfp4_quantize(x, tensor_scale=t)
    assert scales.tolist() == [float(oracle.nvfp4_block(x, Fraction(t))[0])]


@given(SIGNIFICANDS, st.integers(-150, 80), BESIDE)
def test_a_tensor_scale_beside_a_tie_is_what_exact_arithmetic_gives(significand, exponent, towards):
    x = [beside(math.ldexp(2 * significand + 1, exponent) * 2688, towards)] + 15 * [0.0]
    assert Fraction(nvfp4_quantize(x)[2]) == oracle.nvfp4_tensor_scale(x)


def test_a_tie_of_the_true_quotient_goes_to_even_though_a_reciprocal_would_not_see_it():
    x = np.zeros(16)
    x[0], x[1] = 6.0, 2.5  # 2.5 lies between 2 and 3
    elements, scales, t = nvfp4_quantize(x, tensor_scale=1.0)
    assert (t, scales.tolist(), elements[:2].tolist()) == (1.0, [1.0], [6.0, 2.0])


def test_a_zero_block_of_nvfp4_has_a_finite_scale():
    x = np.concatenate([np.zeros(16), np.full(16, 3.0)])
    elements, scales, t = nvfp4_quantize(x)
    assert scales.tolist() == [2.0**-9, 448.0]
    assert not elements[:16].any()
    assert np.array_equal(nvfp4_quantize(np.zeros(16))[0], np.zeros(16))
    assert t > 0


def test_a_tiny_block_of_nvfp4_keeps_what_the_smallest_scale_can_hold():
    x = np.concatenate([np.full(16, 2688.0), np.full(16, 0.005)])
    elements, scales, t = nvfp4_quantize(x)
    assert (t, scales.tolist()) == (1.0, [448.0, 2.0**-9])  # 0.005 / 6 rounds to 0 in e4m3
    assert elements[16] == 3.0
    assert nvfp4_dequantize(elements, scales, t)[16] == np.float32(3 * 2.0**-9)


def test_a_nan_of_nvfp4_stays_in_its_block():
    x = np.ones(48)
    x[20] = np.nan
    elements, scales, t = nvfp4_quantize(x)
    assert np.isnan(nvfp4_dequantize(elements, scales, t)).tolist() == [False] * 16 + [True] * 16 + [False] * 16
    assert elements.tolist() == [6.0] * 16 + [0.0] * 16 + [6.0] * 16
    assert scales[1].tobytes() == np.float32(np.nan).tobytes()
    x[21] = -x[20]  # whichever of two NaNs a maximum keeps
    assert nvfp4_quantize(x[::-1])[1].tobytes() == scales[::-1].tobytes()


def test_a_nan_leaves_the_scale_of_the_tensor_to_the_other_numbers():
    x = np.full(32, 2.0**-10)
    x[3] = np.nan
    assert nvfp4_quantize(x)[2] == nvfp4_quantize(np.full(32, 2.0**-10))[2]


def test_a_scale_from_a_calibration_lets_blocks_saturate():
    elements, scales, t = nvfp4_quantize(np.full(16, 1e6), tensor_scale=0.1)
    assert t == float(np.float32(0.1))
    assert scales.tolist() == [448.0]
    assert elements.tolist() == [6.0] * 16


# errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mx_quantize(np.zeros(32), "mxfp8"), ValueError, "format is 'mxfp8': it must be one of mxfp8_e4m3"),
        (lambda: mx_quantize(np.zeros(33), "mxint8"), ValueError, "x has 33 entries along axis 0: 32 must divide"),
        (lambda: mx_quantize(1.0, "mxint8"), ValueError, "axis is -1: the array has 0 dimensions"),
        (lambda: mx_quantize(np.zeros(32), "mxint8", rounding="up"), ValueError, "rounding is 'up'"),
        (lambda: mx_dequantize(np.zeros(33), [1.0]), ValueError, "^elements has 33 entries along axis 0: 32 must"),
        (lambda: mx_dequantize([[1.0], []], [1.0]), TypeError, "^elements is a list that is no array"),
        (
            lambda: nvfp4_dequantize(np.zeros(15), [1.0], 1.0),
            ValueError,
            "^elements has 15 entries along axis 0: 16 must",
        ),
        (lambda: mx_dequantize(np.zeros(64), [1.0]), ValueError, r"scales has shape \(1,\): one a block makes \(2,\)"),
        (lambda: mx_dequantize(np.zeros(32), [3.0]), ValueError, r"scales\[0\] is 3.0: it must be a power of two"),
        (lambda: mx_dequantize(np.zeros(32), [0.0]), ValueError, r"scales\[0\] is 0.0: it must be a power of two"),
        (lambda: mx_dequantize(np.zeros(32), [-1.0]), ValueError, r"scales\[0\] is -1.0: it must be a power of two"),
        (lambda: nvfp4_quantize([np.inf] * 16), ValueError, r"x\[0\] is inf: an infinity has no place in NVFP4"),
        (lambda: nvfp4_quantize([1.0] * 15), ValueError, "x has 15 entries along axis 0: 16 must divide that"),
        (lambda: nvfp4_quantize([1.0] * 16, tensor_scale=0), ValueError, "tensor_scale is 0: it must be a positive"),
        (lambda: nvfp4_quantize([1.0] * 16, tensor_scale=1e-60), ValueError, "tensor_scale is 1e-60: it must be a pos"),
        (lambda: nvfp4_quantize([1.0] * 16, tensor_scale=1e60), ValueError, "tensor_scale is 1e.60: it must be a posi"),
        (lambda: nvfp4_quantize([1.0] * 16, tensor_scale="1"), TypeError, "tensor_scale is '1'"),
        (lambda: nvfp4_dequantize([1.0] * 16, [1.0], 1e60), ValueError, "tensor_scale is 1e.60: it must be a positive"),
    ],
)
def test_a_bad_call_says_what_is_wrong(call, error, message):
    with np.errstate(all="raise"), pytest.raises(error, match=message):
        call()

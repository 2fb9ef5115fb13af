import itertools
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import affine as oracle
from oracles.fixed_point import limits

from refcompress import affine_dequantize, affine_quantize
from refcompress.quantization.affine import Convention, times_scale
from refcompress.rounding import ROUNDING

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
WORDS = sorted(ROUNDING)


@st.composite
def calls(draw):
    """Draw an array, a scale and a zero point with the settings, most values at and beside ties."""
    name = draw(st.sampled_from(sorted(DTYPES)))
    dtype = DTYPES[name]
    bits, signed = draw(st.sampled_from([2, 3, 4, 8, 16, 17, 32])), draw(st.booleans())
    settings = {
        "bits": bits,
        "signed": signed,
        "rounding": draw(st.sampled_from(WORDS)),
        "overflow": draw(st.sampled_from(["saturate", "wrap"])),
        "narrow_range": draw(st.booleans()),
        "scaling": draw(st.sampled_from(["divide", "exact", "reciprocal"])),
        "zero_point_added": draw(st.sampled_from(["after_rounding", "before_rounding"])),
    }
    low, high = limits(bits, signed, settings["narrow_range"])
    z = draw(st.one_of(st.sampled_from([low, high, low + 1, (low + high) // 2, min(high, 1)]), st.integers(low, high)))
    power = draw(st.integers(-8, 8) if name == "float16" else st.integers(-20, 20))
    s = np.float64(draw(st.integers(1, 255)) * 2.0**power).astype(dtype)
    halves = st.one_of(st.integers(-20, 20), st.integers(2 * low - 4, 2 * high + 4), st.integers(-(2**40), 2**40))
    offsets = st.sampled_from([0, 0, 0, 2.0**-8, -(2.0**-11), 2.0**-24, -(2.0**-24), 2.0**-53])
    near = st.builds(lambda h, o: h * float(s) / 2 * (1 + o), halves, offsets)
    values = draw(st.lists(st.one_of(near, near, st.floats(-1e300, 1e300)), min_size=1, max_size=6))
    with np.errstate(over="ignore", under="ignore"):
        x = np.array(values).astype(dtype)
    return name, x[np.isfinite(x.astype(float))], s, z, settings


@given(calls())
def test_every_setting_agrees_with_rational_arithmetic(call):
    name, x, s, z, settings = call
    if settings["scaling"] == "reciprocal" and oracle.in_dtype(1 / Fraction(float(s)), name) is None:
        return
    expected = [oracle.quantized(float(v), float(s), z, name, **settings) for v in x]
    if None in expected:
        with pytest.raises(ValueError, match="cannot be wrapped"):
            affine_quantize(x, s, z, **settings)
        return
    with np.errstate(all="raise"):  # makes no difference
        assert affine_quantize(x, s, z, **settings).tolist() == expected


@pytest.mark.parametrize("scaling", ["divide", "exact", "reciprocal"])
@pytest.mark.parametrize("name", sorted(DTYPES))
def test_all_ties_of_all_scales_agree_with_rational_arithmetic(name, scaling):
    s = np.arange(1, 64).astype(DTYPES[name])
    x = (np.arange(-9, 10)[:, None] * s.astype(float) / 2).astype(DTYPES[name])
    codes = affine_quantize(x, s, 3, scaling=scaling, axis=1)
    expected = [[oracle.quantized(float(v), float(s[j]), 3, name, scaling=scaling) for j, v in enumerate(r)] for r in x]
    assert codes.tolist() == expected


@given(
    st.lists(st.integers(-(2**31), 2**32 - 1), max_size=5),
    st.integers(-(2**31), 2**32 - 1),
    st.sampled_from(sorted(DTYPES)),
    st.integers(1, 2**53 - 1),
    st.integers(-300, 100),
)
def test_dequantized_codes_are_rounded_once(q, z, dtype, significand, exponent):
    s = np.ldexp(float(significand), exponent)
    with np.errstate(all="raise"):  # makes no difference
        got = affine_dequantize(np.array(q, np.int64), np.float64(s), z, dtype=dtype)
    for value, code in zip(got.astype(float).tolist(), q, strict=True):
        expected = oracle.dequantized(code, float(s), z, dtype)
        assert np.isinf(value) and (value > 0) == (code > z) if expected is None else Fraction(value) == expected


@pytest.mark.parametrize("code", ["int8", "int16", "uint16", "int32"])
@pytest.mark.parametrize("scale", sorted(DTYPES))
@pytest.mark.parametrize("name", sorted(DTYPES))
def test_codes_and_scales_of_every_width_are_rounded_once(name, scale, code):
    ends = np.iinfo(code)
    q = np.array([ends.min, ends.min + 1, 3, ends.max - 1, ends.max], code)
    scales = [*np.array([0.1, 3.0]).astype(DTYPES[scale]), ml_dtypes.finfo(DTYPES[scale]).max]
    zero_points = (-(2**31), -(2**24), -(2**23), -127, 0, 5, 2**23 + 1, 2**24 - 1, 2**24 + 3, 2**32 - 1)
    for s, z in itertools.product(scales, zero_points):
        with np.errstate(all="raise"):  # makes no difference
            got = affine_dequantize(q, s, z, dtype=name).astype(float).tolist()
        expected = [oracle.dequantized(n, float(s), z, name) for n in q.tolist()]
        assert [None if np.isinf(v) else Fraction(v) for v in got] == expected, (s, z)


@pytest.mark.parametrize("code", ["int8", "int32"])
@given(q=st.integers(3, 127), tie=st.integers(2**23, 2**24 - 1), up=st.integers(-1, 1))
def test_a_product_beside_a_tie_of_float32_is_not_rounded_twice(code, q, tie, up):
    s = np.float64((2 * tie + 1) / q)  # q s is within an ulp of float64 of the middle between two floats
    s = np.nextafter(s, np.inf * up) if up else s
    got = affine_dequantize(np.array([q], code), s, 0, dtype="float32")
    assert Fraction(float(got[0])) == oracle.dequantized(q, float(s), 0, "float32")
    assert times_scale(np.array([q]), np.array([s]), np.dtype(np.float32)).tobytes() == got.tobytes()


@pytest.mark.parametrize("n", [2**24, 2**24 + 1, 2**25 + 2, 2**32 - 1])
def test_an_integer_that_float32_does_not_hold_is_multiplied_exactly(n):
    s = np.float32(1 + 2**-23)
    got = times_scale(np.array([n, -n]), np.array([s, s]), np.dtype(np.float32))
    expected = oracle.dequantized(n, float(s), 0, "float32")
    assert [Fraction(v) for v in got.tolist()] == [expected, -expected]


def test_a_python_scale_is_taken_in_the_dtype_asked_for_and_another_as_it_is():
    q = np.arange(-100, 100)
    expected = [oracle.dequantized(n, float(np.float32(0.1)), 0) for n in q.tolist()]
    assert affine_dequantize(q, 0.1, 0).tolist() == expected
    assert affine_dequantize(q, np.float64(0.1), 0).tolist() == [oracle.dequantized(n, 0.1, 0) for n in q.tolist()]


def test_a_product_has_the_dtype_that_was_asked_for():
    assert times_scale(np.array([3]), np.array([0.5], np.float32), np.dtype(np.float32)).dtype == np.float32


@given(st.integers(-128, 127), st.sampled_from([0.1, 0.3, 1.0, 7.0, 1e-3]), st.integers(-128, 127))
def test_codes_come_back(q, s, z):
    assert affine_quantize(affine_dequantize([q], s, z), s, z).tolist() == [q]


@given(calls())
def test_codes_rise_with_x(call):
    _, x, s, z, settings = call
    settings["overflow"], settings["scaling"] = "saturate", "divide"
    codes = affine_quantize(np.sort(x.astype(np.float64)), s, z, **settings).astype(np.int64)
    assert (np.diff(codes) >= 0).all()


def test_division_and_the_reciprocal_part_at_a_tie():
    x, s = np.array([91], np.float32), np.float32(14)
    assert affine_quantize(x, s, 0).tolist() == [6]
    assert affine_quantize(x, s, 0, scaling="exact").tolist() == [6]
    assert affine_quantize(x, s, 0, scaling="reciprocal").tolist() == [7]
    assert affine_quantize(np.array([147.0]), 98.0, 0, scaling="reciprocal").tolist() == [1]


def test_an_odd_zero_point_tells_when_it_is_added():
    x = [0.5, 1.5, 2.5, -0.5]
    assert affine_quantize(x, 1, 1).tolist() == [1, 3, 3, 1]
    assert affine_quantize(x, 1, 1, zero_point_added="before_rounding").tolist() == [2, 2, 4, 0]


def test_saturation_comes_after_the_zero_point():
    assert affine_quantize([2000.0, -2000.0], 1, -5).tolist() == [127, -128]


@pytest.mark.parametrize("zero_point_added", ["after_rounding", "before_rounding"])
@pytest.mark.parametrize("scaling", ["divide", "exact", "reciprocal"])
def test_infinities_saturate(scaling, zero_point_added):
    settings = {"signed": False, "scaling": scaling, "zero_point_added": zero_point_added}
    assert affine_quantize([np.inf, -np.inf], 1, 133, **settings).tolist() == [255, 0]


def test_a_float16_quotient_is_rounded_and_not_cut():
    x = np.array([0.050018, -0.050018], np.float16)
    assert affine_quantize(x, np.float16(0.099976), 0).tolist() == [1, -1]


def test_a_subnormal_scale_divides():
    x = np.array([0, 1e-40, -3e-40], np.float32)
    assert affine_quantize(x, np.float32(1e-40), 5).tolist() == [5, 6, 2]


def test_a_subnormal_scale_has_no_reciprocal():
    s = np.array([1, 1e-40], np.float32)
    with pytest.raises(ValueError, match=r"^scale\[1\] is 9.999.*e-41: its reciprocal is infinite in float32"):
        affine_quantize(np.zeros(2, np.float32), s, 0, scaling="reciprocal", axis=0)


@pytest.mark.parametrize("scaling", ["divide", "exact", "reciprocal"])
def test_quotients_and_reciprocals_may_underflow(scaling):
    x = np.array([1e-38, 3e38], np.float32)
    with np.errstate(all="raise"):  # makes no difference
        assert affine_quantize(x, np.float32(3e38), 0, scaling=scaling).tolist() == [0, 1]


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_an_axis_gives_each_channel_its_own_scale(axis):
    x = np.arange(-32, 32, dtype=np.float32).reshape(4, 4, 4)
    s, z = np.array([0.1, 0.2, 0.3, 0.4], np.float32), np.array([0, 1, -2, 3])
    codes = np.moveaxis(affine_quantize(x, s, z, axis=axis), axis, 0)
    for channel in range(4):
        expected = affine_quantize(np.moveaxis(x, axis, 0)[channel], s[channel], z[channel])
        assert np.array_equal(codes[channel], expected)
    back = np.moveaxis(affine_dequantize(np.moveaxis(codes, 0, axis), s, z, axis=axis), axis, 0)
    for channel in range(4):
        assert np.array_equal(back[channel], affine_dequantize(codes[channel], s[channel], z[channel]))


@pytest.mark.parametrize(
    "shape", [(2, 3), (70000, 3), (3, 70000), (5, 40, 7), (2, 300, 300), (1, 5), (0, 4), (4, 0), (9, 1, 70000)]
)
def test_pieces_join_at_every_size(shape):
    x = (np.arange(np.prod(shape)) % 251 - 125).astype(np.float32).reshape(shape)
    for axis in range(len(shape)):
        s = np.linspace(0.5, 2, shape[axis], dtype=np.float32)
        spread = s.reshape([-1 if d == axis else 1 for d in range(len(shape))])
        codes = affine_quantize(x, s, 0, axis=axis)
        assert np.array_equal(codes, np.rint(x / spread).clip(-128, 127))
        assert np.array_equal(affine_dequantize(codes, s, 0, axis=axis), codes * spread)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_blocks_share_a_scale(axis):
    x = np.arange(-17, 18, dtype=np.float32).reshape(5, 7)
    blocks = [-(-n // 2) if d == axis % 2 else n for d, n in enumerate(x.shape)]
    s = np.linspace(0.25, 3, np.prod(blocks), dtype=np.float32).reshape(blocks)
    spread = np.repeat(s, 2, axis)[: x.shape[0], : x.shape[1]]
    codes = affine_quantize(x, s, 1, axis=axis, block_size=2)
    assert np.array_equal(codes, (np.rint(x / spread) + 1).clip(-128, 127))
    expected = ((codes.astype(int) - 1) * spread.astype(float)).astype(np.float32)
    assert np.array_equal(affine_dequantize(codes, s, 1, axis=axis, block_size=2), expected)


@pytest.mark.parametrize(
    "view", [lambda x: x[::2], lambda x: x.T, lambda x: x[::-1], np.asfortranarray, lambda x: x[0, 0]]
)
def test_a_view_gives_what_its_copy_gives(view):
    x = np.arange(-8, 8, dtype=">f4").reshape(4, 4)
    x.flags.writeable = False
    before = x.tobytes()
    assert np.array_equal(affine_quantize(view(x), 0.3, 1), affine_quantize(view(x).astype(np.float32), 0.3, 1))
    assert x.tobytes() == before


@pytest.mark.parametrize(
    ("s", "x"),
    [
        (3.0, [2.0**80 + 2.0**40, -(2.0**90)]),
        (1.0, [2.0**60, 2.0**50, 2.0**50 + 0.25, 2.0**50 + 0.5, 2.0**50 + 1.5, -(2.0**50) - 0.75, 2.0**51 - 0.75]),
    ],
)
def test_a_wrapped_code_past_2_50_is_exact(s, x):
    for rounding, before in itertools.product(WORDS, ["after_rounding", "before_rounding"]):
        settings = {"rounding": rounding, "overflow": "wrap", "zero_point_added": before, "scaling": "exact"}
        expected = [oracle.quantized(v, s, 5, "float64", **settings) for v in x]
        assert affine_quantize(x, s, 5, **settings).tolist() == expected


def test_a_convention_has_the_defaults_of_the_function_and_stays_as_it_is():
    by = Convention()
    assert by == Convention(8, True, "half_even", "saturate", False, "divide", "after_rounding", None, None)
    assert type(Convention(np.int8(4)).bits) is int
    with pytest.raises(AttributeError):
        by.bits = 4


def test_nothing_gives_nothing():
    assert affine_quantize([], 1.0, 0).shape == affine_dequantize([], 1.0, 0).shape == (0,)


def test_the_smallest_type_holds_the_codes():
    kinds = {(4, True): "int8", (8, False): "uint8", (9, True): "int16", (32, False): "uint32"}
    for (bits, signed), dtype in kinds.items():
        assert affine_quantize([1.0], 1.0, 0, bits=bits, signed=signed).dtype == dtype


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "text"),
    [
        (([1.0, np.nan], 1.0, 0), {}, ValueError, r"x\[1\] is nan: a NaN cannot be quantized"),
        (
            ([[1.0, np.inf]], 1.0, 0),
            {"overflow": "wrap"},
            ValueError,
            r"x\[0, 1\] is inf: an infinity cannot be wrapped",
        ),
        (([1e300], 1e-300, 0), {"overflow": "wrap"}, ValueError, r"x\[0\] is 1e\+300: x / scale is infinite"),
        (
            (np.array([65504], np.float16), 1.0, 65535),
            {"bits": 17, "overflow": "wrap", "zero_point_added": "before_rounding"},
            ValueError,
            r"x\[0\] is 65504.0: x / scale is infinite",
        ),
        (([1.0], 0.0, 0), {}, ValueError, r"scale is 0.0: it must be positive and finite in float64"),
        (([1.0], -1.0, 0), {}, ValueError, r"scale is -1.0: it must be positive"),
        (([1.0], [1.0, np.inf], 0), {"axis": 0}, ValueError, r"scale has shape \(2,\): it must have shape \(1,\)"),
        (([1.0, 2.0], [1.0, np.inf], 0), {"axis": 0}, ValueError, r"scale\[1\] is inf: it must be positive and finite"),
        (
            (np.ones(1, np.float16), 1e-9, 0),
            {},
            ValueError,
            r"scale is 1e-09: it must be positive and finite in float16",
        ),
        (([1.0], [1.0, 2.0], 0), {}, ValueError, r"scale has shape \(2,\): it must have a single number"),
        (([1.0], 1.0, 128), {}, ValueError, r"zero_point is 128: it must be a code, from -128 to 127"),
        (([1.0], 1.0, -128), {"narrow_range": True}, ValueError, r"zero_point is -128: it must be a code, from -127"),
        (([1.0], 1.0, 0.5), {}, TypeError, r"zero_point has dtype float64: it must hold integers"),
        (([1.0], 1.0, 0), {"axis": 1}, ValueError, r"axis is 1: the array has 1 dimension"),
        (([1.0], 1.0, 0), {"block_size": 2}, ValueError, r"block_size is 2: blocks need an axis"),
        (([1.0], 1.0, 0), {"scaling": "times"}, ValueError, r"scaling is 'times': it must be one of divide, exact"),
        (([1.0], 1.0, 0), {"rounding": "stochastic"}, ValueError, r"rounding is 'stochastic': it must be one of"),
        (([1.0], 1.0, 0), {"bits": 1}, ValueError, r"^bits is 1: it must be from 2 to 32"),
        (([1.0], 1.0, 0), {"bits": 33}, ValueError, r"^bits is 33: it must be from 2 to 32"),
        (([1.0], 1.0, 0), {"signed": 1}, TypeError, r"^signed is 1: it must be True or False"),
        (([1.0], 1.0, 0), {"narrow_range": 1}, TypeError, r"^narrow_range is 1: it must be True or False"),
        (([1.0], 1.0, 0), {"overflow": "clip"}, ValueError, r"^overflow is 'clip': it must be one of saturate, wrap"),
        (
            ([1.0], 1.0, 0),
            {"zero_point_added": "no"},
            ValueError,
            r"^zero_point_added is 'no': it must be one of after_rounding, before_rounding",
        ),
        ((["a"], 1.0, 0), {}, TypeError, r"x has dtype <U1"),
    ],
)
def test_bad_input_is_refused(arguments, settings, error, text):
    with pytest.raises(error, match=text):
        affine_quantize(*arguments, **settings)


@pytest.mark.parametrize(
    ("q", "error", "text"),
    [
        ([0, 2**32], ValueError, r"^q\[1\] is 4294967296: a code has at most 32 bits"),
        ([0, -(2**31) - 1], ValueError, r"^q\[1\] is -2147483649: a code has at most 32 bits"),
        ([0.5], TypeError, r"^q has dtype float64: it must hold integers"),
    ],
)
def test_what_is_no_code_is_refused(q, error, text):
    with pytest.raises(error, match=text):
        affine_dequantize(q, 1.0, 0)


def test_the_first_and_the_last_of_32_bits_are_codes_and_zero_points():
    ends = [-(2**31), 2**32 - 1]
    assert affine_dequantize(ends, 1.0, 0, dtype="float64").tolist() == ends
    for z in ends:
        assert affine_dequantize([z], 1.0, z).tolist() == [0]
        with pytest.raises(ValueError, match=r"^zero_point is .*: it must be a code, from -2147483648 to 4294967295"):
            affine_dequantize([z], 1.0, z + (1 if z > 0 else -1))

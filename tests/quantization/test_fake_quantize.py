import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import affine as oracle
from oracles.fixed_point import limits

from refcompress import (
    affine_dequantize,
    affine_quantize,
    fake_quantize,
    fake_quantize_gradient,
    lsq_scale_gradient,
)
from refcompress.rounding import ROUNDING

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
SUBNORMAL = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 5e-324}
LARGEST = {"float16": 65504.0, "bfloat16": 255 * 2.0**120, "float32": (2 - 2.0**-23) * 2.0**127, "float64": 1.7e308}
OFFSETS = (-1, -0.51, -0.5, -0.49, -0.25, 0, 0, 0.25, 0.49, 0.5, 0.51, 1, 2)
ULPS = (0, 0, 0, 1, -1, 2)


@st.composite
def calls(draw):
    """Draw numbers at, beside and around the ends and the zero point, a scale, a zero point and the settings."""
    name = draw(st.sampled_from(sorted(DTYPES)))
    bits, signed = draw(st.sampled_from([2, 3, 4, 8, 16, 32])), draw(st.booleans())
    settings = {
        "bits": bits,
        "signed": signed,
        "rounding": draw(st.sampled_from(sorted(ROUNDING))),
        "overflow": draw(st.sampled_from(["saturate", "wrap"])),
        "narrow_range": draw(st.booleans()),
        "scaling": draw(st.sampled_from(["divide", "exact", "reciprocal"])),
        "zero_point_added": draw(st.sampled_from(["after_rounding", "before_rounding"])),
    }
    low, high = limits(bits, signed, settings["narrow_range"])
    z = draw(st.sampled_from([low, high, low + 1, high - 1, (low + high) // 2]) | st.integers(low, high))
    s = draw(_scales(name))
    near = st.tuples(st.sampled_from([low, high, z, high - 1]), st.sampled_from(OFFSETS), st.sampled_from(ULPS))
    places = draw(st.lists(st.one_of(near, near, _any_float(name)), min_size=1, max_size=6))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        x = np.array([p if isinstance(p, float) else (p[0] - z + p[1]) * float(s) for p in places]).astype(DTYPES[name])
        for i, place in enumerate(places):
            for _ in range(0 if isinstance(place, float) else abs(place[2])):
                x[i] = np.nextafter(x[i], np.array(math.copysign(math.inf, place[2]), x.dtype))
    return name, x[np.isfinite(x.astype(float))], s, z, settings


def _scales(name):
    usual = st.builds(lambda m, e: m * 2.0**e, st.integers(1, 255), st.integers(-7, 4))
    far = st.sampled_from([SUBNORMAL[name], 5 * SUBNORMAL[name], LARGEST[name] / 100, LARGEST[name]])
    return st.one_of(usual, usual, far).map(lambda s: np.float64(s).astype(DTYPES[name]))


def _any_float(name):
    width = {"float16": 16, "float64": 64}.get(name, 32)
    return st.floats(allow_nan=False, allow_infinity=False, width=width).map(float)


def has_no_reciprocal(s, name, settings):
    return settings["scaling"] == "reciprocal" and oracle.in_dtype(1 / Fraction(float(s)), name) is None


def as_numbers(array):
    """Fractions of what is finite, and the infinities as they are."""
    return [Fraction(v) if math.isfinite(v) else v for v in array.astype(float).tolist()]


# fake_quantize


@given(calls())
def test_every_setting_agrees_with_rational_arithmetic(call):
    name, x, s, z, settings = call
    if has_no_reciprocal(s, name, settings):
        return
    codes = [oracle.quantized(float(v), float(s), z, name, **settings) for v in x]
    if None in codes:
        with pytest.raises(ValueError, match="cannot be wrapped"):
            fake_quantize(x, s, z, **settings)
        return
    got = fake_quantize(x, s, z, **settings)
    exact = [oracle.fake_quantized(float(v), float(s), z, name, **settings) for v in x]
    assert got.dtype == x.dtype
    infinite = [math.inf if q > z else -math.inf for q in codes]
    assert as_numbers(got) == [i if e is None else e for e, i in zip(exact, infinite, strict=True)]
    assert not np.signbit(got[got == 0]).any()


@given(calls())
def test_it_is_quantizing_and_dequantizing_one_after_the_other(call):
    name, x, s, z, settings = call
    if settings["overflow"] == "wrap" or has_no_reciprocal(s, name, settings):
        return
    codes = affine_quantize(x, s, z, **settings)
    assert np.array_equal(fake_quantize(x, s, z, **settings), affine_dequantize(codes, s, z, dtype=x.dtype))


@given(st.lists(st.floats(-100, 100, width=32), max_size=6), st.sampled_from([0.1, 0.3, 1.0, 7.0]), st.integers(-9, 9))
def test_a_second_time_changes_nothing(values, s, z):
    once = fake_quantize(np.array(values, np.float32), s, z)
    assert np.array_equal(fake_quantize(once, s, z), once)


def test_the_product_is_rounded_once_to_the_dtype_of_x():
    x = np.array([0.7], np.float16)
    assert fake_quantize(x, 0.1, 0).tolist() == [float(np.float16(7 * float(np.float16(0.1))))]
    assert fake_quantize(x, 0.1, 0).dtype == np.float16


def test_a_scale_of_another_dtype_is_promoted_as_numpy_does():
    assert fake_quantize(np.ones(1, np.float32), np.float64(0.1), 0).dtype == np.float64
    assert fake_quantize(np.ones(1, np.float16), np.float32(0.1), 0).dtype == np.float32
    assert fake_quantize(np.ones(1, np.float32), 0.1, 0).dtype == np.float32


@pytest.mark.parametrize("zero_point_added", ["after_rounding", "before_rounding"])
@pytest.mark.parametrize("scaling", ["divide", "exact", "reciprocal"])
def test_infinities_become_the_ends_of_the_range(scaling, zero_point_added):
    settings = {"scaling": scaling, "zero_point_added": zero_point_added}
    assert fake_quantize([np.inf, -np.inf], 0.5, 10, **settings).tolist() == [58.5, -69.0]
    assert fake_quantize_gradient([np.inf, -np.inf], 0.5, 10, [1.0, 1.0], **settings).tolist() == [0, 0]


def test_a_value_past_the_largest_float_is_infinite():
    s = np.float32(3e38)
    assert fake_quantize(np.array([3e38, -3e38, 3.4e38, 0], np.float32), s, 0).tolist() == [s, -s, s, 0]
    assert fake_quantize(np.array([np.inf, -np.inf], np.float32), s, 0).tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_an_axis_gives_each_channel_its_own_scale_and_gradient(axis):
    x = np.arange(-32, 32, dtype=np.float32).reshape(4, 4, 4)
    s, z = np.array([0.1, 0.2, 0.3, 0.125], np.float32), np.array([0, 1, -2, 127])
    values = np.moveaxis(fake_quantize(x, s, z, axis=axis), axis, 0)
    for mask in ("code", "value"):
        passed = np.moveaxis(fake_quantize_gradient(x, s, z, x, axis=axis, mask=mask), axis, 0)
        for channel, own in enumerate(np.moveaxis(x, axis, 0)):
            assert np.array_equal(values[channel], fake_quantize(own, s[channel], z[channel]))
            expected = fake_quantize_gradient(own, s[channel], z[channel], own, mask=mask)
            assert np.array_equal(passed[channel], expected)


def test_long_channels_are_worked_through_side_by_side():
    x, s = np.arange(-60, 60, dtype=np.float32).reshape(3, 40), np.array([0.125, 0.25, 0.5], np.float32)
    passed = fake_quantize_gradient(x, s, 0, x, axis=0)
    for channel in range(3):
        assert np.array_equal(passed[channel], fake_quantize_gradient(x[channel], s[channel], 0, x[channel]))


@pytest.mark.parametrize("mask", ["code", "value"])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_blocks_share_a_scale(axis, mask):
    x = np.arange(-17, 18, dtype=np.float32).reshape(5, 7)
    blocks = [-(-n // 2) if d == axis % 2 else n for d, n in enumerate(x.shape)]
    s = np.linspace(0.0625, 0.25, math.prod(blocks), dtype=np.float32).reshape(blocks)
    spread = np.repeat(s, 2, axis)[: x.shape[0], : x.shape[1]]
    values = fake_quantize(x, s, 1, axis=axis, block_size=2)
    passed = fake_quantize_gradient(x, s, 1, x, axis=axis, block_size=2, mask=mask)
    for index in np.ndindex(x.shape):
        number = x[index].item()
        assert values[index] == oracle.fake_quantized(number, spread[index].item(), 1)
        inside = oracle.passes(number, spread[index].item(), 1, mask=mask)
        assert passed[index] == (number if inside else 0)


def test_a_view_gives_what_its_copy_gives():
    x = np.arange(-8, 8, dtype=">f4").reshape(4, 4)
    x.flags.writeable = False
    for view in (x[::2], x.T, x[::-1], np.asfortranarray(x), x[0, 0], x[:0]):
        copy = view.astype(np.float32)
        assert np.array_equal(fake_quantize(view, 0.3, 1, bits=4), fake_quantize(copy, 0.3, 1, bits=4))
        passed = fake_quantize_gradient(copy, 0.3, 1, copy, bits=4)
        assert np.array_equal(fake_quantize_gradient(view, 0.3, 1, view, bits=4), passed)
        assert passed.shape == view.shape


# fake_quantize_gradient


@given(calls(), st.sampled_from(["pass", "zero"]), st.sampled_from(["code", "value"]))
def test_the_gradient_passes_where_rational_arithmetic_says(call, boundary, mask):
    name, x, s, z, settings = call
    if has_no_reciprocal(s, name, settings):
        return
    settings = {**settings, "boundary": boundary, "mask": mask}
    upstream = np.arange(1, x.size + 1).astype(x.dtype)
    with np.errstate(all="raise"):  # makes no difference
        got = fake_quantize_gradient(x, s, z, upstream, **settings)
    del settings["overflow"]
    inside = [oracle.passes(float(v), float(s), z, name, **settings) for v in x]
    assert got.tolist() == np.where(inside, upstream, 0).tolist()


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_what_passes_is_the_upstream_bit_for_bit_and_the_rest_is_positive_zero(dtype):
    word = f"u{np.dtype(DTYPES[dtype]).itemsize}"
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, SUBNORMAL[dtype], -SUBNORMAL[dtype], 1.5, -3])
    upstream = np.concatenate([edges.astype(DTYPES[dtype]), np.arange(1, 8).astype(word).view(DTYPES[dtype])])
    quiet = upstream.copy()
    assert fake_quantize_gradient(np.ones(17), 1.0, 0, upstream).view(word).tolist() == quiet.view(word).tolist()
    for outside in (200.0, -200.0, np.inf, -np.inf):
        assert not fake_quantize_gradient(np.full(17, outside), 1.0, 0, upstream).view(word).any()


def test_it_has_the_dtype_of_the_upstream():
    assert fake_quantize_gradient(np.ones(2), 1.0, 0, np.ones(2, np.float16)).dtype == np.float16


@pytest.mark.parametrize(
    ("settings", "passed"),
    [
        ({}, [0, 1, 1, 1, 1, 1, 0]),
        ({"boundary": "zero"}, [0, 0, 0, 1, 0, 0, 0]),
        ({"mask": "value"}, [0, 0, 1, 1, 1, 0, 0]),
        ({"mask": "value", "boundary": "zero"}, [0, 0, 0, 1, 0, 0, 0]),
        ({"rounding": "floor"}, [0, 0, 1, 1, 1, 1, 1]),
        ({"rounding": "ceil"}, [1, 1, 1, 1, 1, 0, 0]),
        ({"rounding": "half_away"}, [0, 1, 1, 1, 1, 1, 0]),
        ({"narrow_range": True}, [0, 0, 0, 1, 1, 1, 0]),
    ],
)
def test_where_the_range_ends_is_what_the_settings_say(settings, passed):
    x = np.array([-128.51, -128.49, -128, 0, 127, 127.49, 127.51]) * 0.25 - 0.75
    assert fake_quantize_gradient(x, 0.25, 3, np.ones(7), **settings).tolist() == passed


@pytest.mark.parametrize(
    ("rounding", "passed"),
    [
        ("half_even", [1, 0]),
        ("half_odd", [0, 1]),
        ("half_away", [0, 0]),
        ("half_up", [1, 0]),
        ("half_down", [0, 1]),
        ("toward_zero", [1, 1]),
        ("away_from_zero", [0, 0]),
    ],
)
def test_a_tie_at_an_end_stays_or_leaves_as_the_rounding_has_it(rounding, passed):
    assert fake_quantize_gradient([-128.5, 127.5], 1.0, 0, [1.0, 1.0], rounding=rounding).tolist() == passed


def test_no_infinite_x_is_inside_even_where_an_end_is_infinite():
    x = np.array([3e38, np.inf, -np.inf], np.float32)
    for mask in ("code", "value"):
        assert fake_quantize_gradient(x, np.float32(3e38), 0, np.ones(3), mask=mask).tolist() == [1, 0, 0]


@given(st.lists(st.integers(-90, 90), min_size=1, max_size=9), st.sampled_from([0.25, 0.5]), st.integers(-8, 7))
def test_away_from_the_ends_it_is_the_slope_of_clipping_to_the_range_of_values(sixteenths, s, z):
    x, h = np.array(sixteenths) / 16 + 1 / 64, 2.0**-8
    low, high = affine_dequantize([-8, 7], s, z)
    slope = (np.clip(x + h, low, high) - np.clip(x - h, low, high)) / (2 * h)
    assert np.array_equal(fake_quantize_gradient(x, s, z, np.ones(x.size), bits=4, mask="value"), slope)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "text"),
    [
        (([1.0], 1.0, 0, [1.0, 2.0]), {}, ValueError, r"x has shape \(1,\), upstream has shape \(2,\)"),
        (([1.0, np.nan], 1.0, 0, [1.0, 2.0]), {}, ValueError, r"x\[1\] is nan: a NaN cannot be quantized"),
        (([1.0], 0.0, 0, [1.0]), {}, ValueError, r"scale is 0.0: it must be positive"),
        (([1.0], 0.0, 0, [1.0]), {"mask": "value"}, ValueError, r"scale is 0.0: it must be positive"),
        (([1.0], 1.0, 300, [1.0]), {"mask": "value"}, ValueError, r"zero_point is 300: it must be a code"),
        (([1.0], [1.0, 2.0], 0, [1.0]), {"axis": 0, "mask": "value"}, ValueError, r"scale has shape \(2,\)"),
        (([1.0], 1.0, 0, [1.0]), {"boundary": "half"}, ValueError, r"boundary is 'half': it must be one of pass, zero"),
        (([1.0], 1.0, 0, [1.0]), {"mask": "none"}, ValueError, r"mask is 'none': it must be one of code, value"),
        (([1.0], 1.0, 0, [1.0]), {"rounding": "up"}, ValueError, r"rounding is 'up'"),
        ((["a"], 1.0, 0, [1.0]), {}, TypeError, r"^x has dtype <U1"),
        (([1.0], 1.0, 0, ["a"]), {}, TypeError, r"^upstream has dtype <U1"),
    ],
)
def test_bad_input_of_the_gradient_is_refused(arguments, settings, error, text):
    with pytest.raises(error, match=text):
        fake_quantize_gradient(*arguments, **settings)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "text"),
    [
        (([1.0, np.nan], 1.0, 0), {}, ValueError, r"x\[1\] is nan: a NaN cannot be quantized"),
        ((["a"], 1.0, 0), {}, TypeError, r"^x has dtype <U1"),
        (([np.inf], 1.0, 0), {"overflow": "wrap"}, ValueError, r"x\[0\] is inf: an infinity cannot be wrapped"),
        (([1.0], -1.0, 0), {}, ValueError, r"scale is -1.0: it must be positive"),
        (([1.0], 1.0, 0.5), {}, TypeError, r"zero_point has dtype float64: it must hold integers"),
        (([1.0], 1.0, 0), {"block_size": 2}, ValueError, r"block_size is 2: blocks need an axis"),
    ],
)
def test_bad_input_is_refused(arguments, settings, error, text):
    with pytest.raises(error, match=text):
        fake_quantize(*arguments, **settings)


# lsq_scale_gradient


@st.composite
def weights(draw):
    """Draw numbers inside, at and beyond the ends of a range, a scale, a gradient and the settings."""
    settings = {"bits": draw(st.sampled_from([2, 3, 4, 8])), "signed": draw(st.booleans())}
    settings["narrow_range"] = draw(st.booleans())
    low, high = limits(**settings)
    s = draw(st.sampled_from([0.1, 0.25, 1.0, 3.7]))
    places = st.sampled_from([low, high, 0.5, -1.5, low - 0.25, high + 0.25]) | st.floats(2 * low - 9, 2 * high + 9)
    x = np.array(draw(st.lists(places, min_size=1, max_size=8))) * s
    return x, s, np.array(draw(st.lists(st.floats(-9, 9, width=16), min_size=x.size, max_size=x.size))), settings


@given(weights())
def test_the_gradient_of_the_scale_agrees_with_rational_arithmetic(drawn):
    x, s, upstream, settings = drawn
    exact, magnitudes = oracle.scale_gradient(x.tolist(), s, upstream.tolist(), **settings)
    got = lsq_scale_gradient(x, s, upstream, gradient_scale=False, **settings)
    # a product and n - 1 sums, each within 2^-53; and n products that may underflow, each within 2^-1075
    assert abs(Fraction(got) - exact) <= x.size * Fraction(1, 2**52) * magnitudes + x.size * Fraction(1, 2**1075)


@given(drawn=weights(), up=st.integers(980, 1020))
def test_the_gradient_of_the_scale_is_infinite_where_it_is_past_the_largest_float_and_not_on_the_way(drawn, up):
    x, s, upstream, settings = drawn
    with np.errstate(over="ignore"):  # powers of two change no rounding
        large = lsq_scale_gradient(x, s, np.ldexp(upstream, up), gradient_scale=False, **settings)
        plain = lsq_scale_gradient(x, s, upstream, gradient_scale=False, **settings)
        assert large == np.ldexp(plain, up)


@given(weights())
def test_the_gradient_scale_divides_by_the_root_of_n_q_max(drawn):
    x, s, upstream, settings = drawn
    plain = Fraction(lsq_scale_gradient(x, s, upstream, gradient_scale=False, **settings))
    scaled = Fraction(lsq_scale_gradient(x, s, upstream, **settings))
    high = limits(settings["bits"], settings["signed"], settings["narrow_range"])[1]
    # a root, a reciprocal and a product, each within 2^-53: squared, at most (1 + 2^-53)^6 - 1 < 2^-50
    assert abs(scaled**2 * x.size * high - plain**2) <= plain**2 / 2**50


@given(
    st.lists(st.integers(-80, 80), min_size=1, max_size=8),
    st.lists(st.integers(-9, 9), min_size=8, max_size=8),
    st.booleans(),
)
def test_it_is_the_slope_of_the_loss_less_what_passes_straight_through(eighths, gradients, signed):
    """By the chain rule on x' = s * r(x / s), with r' = 1: dx'/ds = r(x / s) - x / s inside; all steps are exact."""
    s, h = 0.5, 2.0**-20
    x, upstream = np.array(eighths) / 8 + 1 / 64, np.array(gradients[: len(eighths)], np.float64)  # off every kink

    def loss(scale):
        return float(upstream @ fake_quantize(x, scale, 0, bits=4, signed=signed))

    through = fake_quantize_gradient(x, s, 0, upstream, bits=4, signed=signed, mask="value", boundary="zero")
    expected = (loss(s + h) - loss(s - h)) / (2 * h) - float(through @ x) / s
    assert lsq_scale_gradient(x, s, upstream, bits=4, signed=signed, gradient_scale=False) == expected


def test_beyond_the_ends_the_slope_is_the_code():
    ones = {"bits": 3, "gradient_scale": False}
    for x, slope in ((3.0, 3), (3.2, 3), (100.0, 3), (-4.0, -4), (-4.2, -4), (2.75, 0.25), (-3.75, -0.25), (0.5, -0.5)):
        assert lsq_scale_gradient([x], 1.0, [1.0], **ones) == slope
    assert lsq_scale_gradient([-4.0], 1.0, [1.0], narrow_range=True, **ones) == -3
    assert lsq_scale_gradient([-1.0, 9.0], 1.0, [1.0, 1.0], signed=False, **ones) == 7


def test_four_weights_of_two_bits_are_evened_out_by_one_half():
    x, upstream = [0.25, 0.75, -0.25, 5.0], [1.0, 2.0, 3.0, 4.0]
    plain = lsq_scale_gradient(x, 1.0, upstream, bits=2, gradient_scale=False)
    assert lsq_scale_gradient(x, 1.0, upstream, bits=2) == plain / 2


def test_twelve_weights_of_three_bits_are_evened_out_by_one_sixth():
    assert lsq_scale_gradient([9.0] * 12, 1.0, [1.0] * 12, bits=3) == 6.0  # 12 * 3 / sqrt(12 * 3)


def test_8_signed_bits_have_their_last_slope_at_127():
    assert lsq_scale_gradient([300.0], 1.0, [1.0], gradient_scale=False) == 127


@pytest.mark.parametrize(
    ("upstream", "slopes_times_upstream"),
    [
        ([1e308, -1e308], 0),
        ([1e308, -0.999e308], 127 * (Fraction(1e308) - Fraction(0.999e308))),
        ([1e-300, 1e-300], 254 * Fraction(1e-300)),
    ],
)
def test_the_gradient_of_the_scale_is_finite_and_kept_at_both_ends_of_the_floats(upstream, slopes_times_upstream):
    gradient = lsq_scale_gradient([1e6, 1e6], 1.0, upstream, gradient_scale=False)
    # two products and a sum, each rounded once relative to the larger of both terms
    assert abs(Fraction(gradient) - slopes_times_upstream) <= 127 * Fraction(abs(upstream[0])) / 2**50


def test_an_infinite_quotient_is_past_its_end_and_one_that_vanishes_is_0():
    with np.errstate(all="raise"):  # makes no difference
        assert lsq_scale_gradient([1e300, -1e300], [1e-300], [1.0, 1.0], gradient_scale=False) == -1
        assert lsq_scale_gradient([1e-300], 1e300, [1.0]) == 0


def test_an_empty_array_has_no_gradient_of_the_scale():
    assert lsq_scale_gradient([], 1.0, []) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([1.0, np.inf], 1.0, [1.0, 1.0]), ValueError, r"x\[1\] is inf: only finite values can be quantized"),
        (([1.0], 1.0, [np.nan]), ValueError, r"upstream\[0\] is nan: only finite values can be a gradient"),
        (([1.0], np.float32(0), [1.0]), ValueError, r"scale is 0.0: it must be positive and finite in float64"),
        (([1.0], [1.0, 1.0], [1.0]), ValueError, r"scale has shape \(2,\): it must have a single number"),
        (([1.0], 1.0, [[1.0]]), ValueError, r"x has shape \(1,\), upstream has shape \(1, 1\)"),
        (([1.0], 1.0, ["a"]), TypeError, r"upstream has dtype <U1"),
    ],
)
def test_bad_input_of_the_scale_gradient_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        lsq_scale_gradient(*arguments)


def test_the_gradient_is_scaled_or_not():
    with pytest.raises(TypeError, match=r"^gradient_scale is 1: it must be True or False"):
        lsq_scale_gradient([1.0], 1.0, [1.0], gradient_scale=1)

"""Affine implementations as people write them: with one fault each, and without any."""

import math
import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import ml_dtypes
import numpy as np
from verify.faults.kinds import Right, Wrong

QUIET = {"over": "ignore", "under": "ignore", "divide": "ignore", "invalid": "ignore"}


def quiet(function):
    """Keep NumPy from warning: what overflows is part of the play."""

    def called(*args):
        with np.errstate(**QUIET):
            return function(*args)

    called.__name__ = called.__qualname__ = function.__name__
    return called


def torch_alone():
    """Torch on one thread: its threads wait for one another, and here they would wait long."""
    import torch

    torch.set_num_threads(1)
    return torch


def clipped(v, low=-128, high=127, dtype=np.int8):
    return np.clip(v, low, high).astype(dtype)


def of_channel(values, x, axis):
    """One value a channel, in the shape of x."""
    shape = [1] * x.ndim
    shape[axis] = -1
    return np.asarray(values).reshape(shape)


# wrong: affine_quantize


@quiet
def rounds_like_c(x, scale, zero_point):
    v = (x / x.dtype.type(scale)).astype(np.float64)
    return clipped(np.sign(v) * np.floor(np.abs(v) + 0.5 * (np.abs(v) < 2.0**40)) + zero_point)


@quiet
def adds_z_then_rounds(x, scale, zero_point):
    return clipped(np.rint(x / np.float32(scale) + np.float32(zero_point)))


@quiet
def inverts_the_scale(x, scale, zero_point):
    inverse = np.float32(1) / np.float32(scale)
    return clipped(np.nan_to_num(np.rint(x * inverse) + zero_point, nan=0, posinf=1e30, neginf=-1e30))


@quiet
def inverts_in_double(x, scale, zero_point):
    return clipped(np.rint(x.astype(np.float64) * (1.0 / scale)) + zero_point)


def quantizes_with_torch(x, scale, zero_point):
    torch = torch_alone()
    return torch.quantize_per_tensor(x, scale, zero_point, torch.qint8).int_repr()


@quiet
def truncates_float16_only(x, scale, zero_point):
    v = x / x.dtype.type(scale)
    v = np.trunc(v) if x.dtype == np.float16 else np.rint(v)
    return clipped(v.astype(np.float32) + zero_point)


@quiet
def adds_half_and_floors(x, scale, zero_point):
    return clipped(np.floor(x / np.float32(scale) + np.float32(0.5)) + zero_point)


@quiet
def casts_after_adding_half(x, scale, zero_point):
    return clipped(np.trunc((x / np.float32(scale)).astype(np.float64) + 0.5) + zero_point)


@quiet
def casts_the_whole_sum(x, scale, zero_point):
    return np.clip(np.trunc(x / np.float32(scale) + np.float32(zero_point) + np.float32(0.5)), 0, 255).astype(np.uint8)


@quiet
def casts_then_clips(x, scale, zero_point):
    steps = np.rint(x / np.float32(scale)).astype(np.int32).astype(np.int64)
    return clipped(steps + zero_point)


@quiet
def casts_and_adds_in_int32(x, scale, zero_point):
    steps = np.atleast_1d(np.rint(x / np.float32(scale)).astype(np.int32))
    return clipped(steps + np.int32(zero_point)).reshape(x.shape)


@quiet
def casts_and_adds_in_int64(x, scale, zero_point):
    return np.clip(np.rint(x / np.float32(scale)).astype(np.int64) + zero_point, -128, 127)


@quiet
def clips_as_numpy_does(x, scale, zero_point):
    v = np.clip(np.rint(x / np.float32(scale)) + zero_point, -(2**31), 2**31 - 1)
    return np.where(v >= 2.0**31, -(2.0**31), v)  # as a processor casts it to int32


@quiet
def moves_signed_codes(x, scale, zero_point):
    return np.clip(np.rint(x / np.float32(scale)) + zero_point, -128, 127) + 128


@quiet
def casts_the_sum_then_clips(x, scale, zero_point):
    return clipped((np.rint(x / np.float32(scale)).astype(np.float64) + zero_point).astype(np.int32))


@quiet
def forgets_the_clip(x, scale, zero_point):
    v = np.rint(x / np.float32(scale)).astype(np.float64)
    v = np.where(np.isfinite(v), v, 0)
    return (np.fmod(v, 2.0**32).astype(np.int64) + zero_point).astype(np.int8)


@quiet
def clips_to_int_max_in_float32(x, scale, zero_point):
    v = np.rint(x / np.float32(scale)).astype(np.float64) + zero_point
    v = np.clip(v, np.float32(-(2**31)), np.float32(2**31 - 1))
    return np.where(v == 2.0**31, -(2.0**31), v)


@quiet
def never_reaches_the_lowest(x, scale, zero_point):
    return clipped(np.rint(x / np.float32(scale)) + zero_point, -127)


@quiet
def clips_then_adds(x, scale, zero_point):
    return clipped(np.rint(x / np.float32(scale))).astype(np.int64) + zero_point


@quiet
def clips_then_adds_in_int8(x, scale, zero_point):
    return (clipped(np.rint(x / np.float32(scale))).astype(np.int16) + zero_point).astype(np.int8)


@quiet
def clips_adds_and_clips(x, scale, zero_point):
    return clipped(clipped(np.rint(x / np.float32(scale))).astype(np.int16) + zero_point)


@quiet
def rounds_the_magnitude(x, scale, zero_point):
    return np.clip(np.rint(np.abs(x / np.float32(scale))) + zero_point, 0, 255).astype(np.uint8)


@quiet
def has_no_zero_point(x, scale, zero_point):
    return clipped(np.rint(x / np.float32(scale)))


@quiet
def subtracts_z(x, scale, zero_point):
    return clipped(np.rint(x / np.float32(scale)) - zero_point)


@quiet
def multiplies_by_the_scale(x, scale, zero_point):
    return clipped(np.rint(x * np.float32(scale)) + zero_point)


@quiet
def keeps_the_zero_point_in_int8(x, scale, zero_point):
    z = (zero_point + 128) % 256 - 128
    return np.clip(np.rint(x / np.float32(scale)) + z, 0, 255).astype(np.uint8)


@quiet
def holds_the_scale_in_half(x, scale, zero_point):
    s = np.float16(scale).astype(np.float32)
    return clipped(np.nan_to_num(np.rint(x / s) + zero_point, nan=0, posinf=1e30, neginf=-1e30))


@quiet
def divides_in_double(x, scale, zero_point):
    return clipped(np.rint(x.astype(np.float64) / scale) + zero_point)


@quiet
def divides_in_half(x, scale, zero_point):
    v = (x.astype(np.float16) / np.float16(scale)).astype(np.float32)
    return clipped(np.nan_to_num(np.rint(v) + zero_point, nan=0, posinf=1e30, neginf=-1e30))


@quiet
def measures_from_the_bottom(x, scale, zero_point):
    s = np.float32(scale)
    bottom = np.float32(-128 - zero_point) * s
    return clipped(np.nan_to_num(np.rint((x - bottom) / s), nan=128, posinf=1e30, neginf=-1e30) - 128)


@quiet
def guards_the_scale(x, scale, zero_point):
    s = np.float32(scale) + np.float32(1e-8)
    return clipped(np.rint(x / s) + zero_point)


@quiet
def floors_the_scale(x, scale, zero_point):
    s = np.maximum(np.float32(scale), np.finfo(np.float32).eps)
    return clipped(np.rint(x / s) + zero_point)


@quiet
def rounds_at_two_decimals_first(x, scale, zero_point):
    return clipped(np.rint(np.round((x / np.float32(scale)).astype(np.float64), 2)) + zero_point)


@quiet
def swaps_the_two_options(x, scale, zero_point):
    v = np.rint(x / np.float32(scale)).astype(np.float64)
    return np.mod(np.fmod(np.where(np.isfinite(v), v, 0), 16) + zero_point + 8, 16) - 8


@quiet
def ignores_narrow_range(x, scale, zero_point):
    return clipped(np.rint(x / np.float32(scale)) + zero_point)


@quiet
def returns_what_it_stands_for(x, scale, zero_point):
    return (clipped(np.rint(x / np.float32(scale)) + zero_point).astype(np.float64) - zero_point) * scale


@quiet
def divides_in_place(x, scale, zero_point):
    x /= np.float32(scale)
    return clipped(np.rint(x) + zero_point)


def remembers_by_shape():
    seen = {}

    def quantizer(x, scale, zero_point):
        return seen.setdefault((x.shape, scale, zero_point), right_by_numpy(x, scale, zero_point))

    return quantizer


@quiet
def rounds_the_tail_away(x, scale, zero_point):
    flat = (x / np.float32(scale)).reshape(-1).astype(np.float64)
    body = flat.size - flat.size % 8
    tail = np.trunc(flat[body:] + np.copysign(0.5, flat[body:]))
    return clipped(np.concatenate([np.rint(flat[:body]), tail]) + zero_point).reshape(x.shape)


def reads_the_buffer(x, scale, zero_point):
    owner = x
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return right_by_numpy(owner.ravel(order="K")[: x.size].reshape(x.shape), scale, zero_point)


def fails_on_empty(x, scale, zero_point):
    x.max()
    return right_by_numpy(x, scale, zero_point)


@quiet
def zeroes_infinities(x, scale, zero_point):
    v = np.rint(x / np.float32(scale)) + zero_point
    return np.where(np.isinf(v), 0, clipped(v))


def returns_wide_codes(x, scale, zero_point):
    return right_by_numpy(x, scale, zero_point).astype(np.int64)


def keeps_negatives_at_the_zero_point(x, scale, zero_point):
    return np.maximum(right_by_numpy(x, scale, zero_point), zero_point)


# wrong: affine_quantize by channels


@quiet
def takes_one_scale(x, scale, zero_point):
    return clipped(np.rint(x / next(iter(scale), 1)) + next(iter(zero_point), 0))


@quiet
def takes_one_scale_only(x, scale, zero_point):
    return clipped(np.rint(x / next(iter(scale), 1)) + of_channel(zero_point, x, 0))


@quiet
def takes_the_next_zero_point(x, scale, zero_point):
    return clipped(np.rint(x / of_channel(scale, x, 0)) + of_channel(np.roll(zero_point, -1), x, 0))


def drops_the_axis(axis):
    """Broadcast as NumPy does: along the last axis."""

    @quiet
    def quantizer(x, scale, zero_point):
        last = x.shape[-1]
        s, z = (v if len(v) == last else of_channel(v, x, axis) for v in (scale, zero_point))
        return clipped(np.rint(x / s) + z)

    return quantizer


@quiet
def counts_the_axis_from_the_wrong_end(x, scale, zero_point):
    axis = -1 + x.ndim - 1
    if x.ndim == 1 or x.shape[axis] != len(scale):
        axis = -1
    return clipped(np.rint(x / of_channel(scale, x, axis)) + of_channel(zero_point, x, axis))


@quiet
def leaves_out_later_zero_points(x, scale, zero_point):
    z = np.where(np.arange(len(zero_point)) == 0, zero_point, 0)
    return clipped(np.rint(x / of_channel(scale, x, 0)) + of_channel(z, x, 0))


@quiet
def truncates_later_channels(x, scale, zero_point):
    v = x / of_channel(scale, x, 0)
    first = of_channel(np.arange(len(scale)) == 0, x, 0)
    return clipped(np.where(first, np.rint(v), np.trunc(v)) + of_channel(zero_point, x, 0))


@quiet
def walks_flat(x, scale, zero_point):
    if not x.size:
        return np.zeros(x.shape, np.int8)
    channel = np.arange(x.size) % len(scale)
    return clipped(np.rint(x.reshape(-1) / scale[channel]) + zero_point[channel]).reshape(x.shape)


# right: affine_quantize


@quiet
def right_by_numpy(x, scale, zero_point):
    return clipped(np.rint(x / x.dtype.type(scale)).astype(np.float64) + zero_point)


def right_by_torch(x, scale, zero_point):
    torch = torch_alone()
    return torch.clamp(torch.round(x / scale) + zero_point, 0, 255).to(torch.uint8)


def by_fractions(low, high, rule):
    """Divide exactly, round by the rule."""

    def quantizer(x, scale, zero_point):
        codes = []
        for v in x.reshape(-1).tolist():
            if math.isinf(v):
                codes.append(low if v < 0 else high)
            else:
                codes.append(min(max(rule(Fraction(v) / Fraction(scale)) + zero_point, low), high))
        return np.array(codes, np.int64).reshape(x.shape)

    return quantizer


def half_down(v):
    return math.ceil(v - Fraction(1, 2))


def in_decimals(x, scale, zero_point):
    exact = Context(prec=1200, Emax=10**6, Emin=-(10**6))

    def code(v):
        if math.isinf(v):
            return -128 if v < 0 else 127
        near = exact.divide(Decimal(v), Decimal(scale)).to_integral_value(ROUND_HALF_EVEN, Context(prec=2000))
        return min(max(int(near) + zero_point, -128), 127)

    return np.array([code(v) for v in x.reshape(-1).tolist()], np.int8).reshape(x.shape)


def by_integers(x, scale, zero_point):
    """Divide numerators, in integers alone, by modulo 2^8."""
    n, d = scale.as_integer_ratio()
    codes = []
    for v in x.reshape(-1).tolist():
        a, b = v.as_integer_ratio()
        whole, rest = divmod(a * d, b * n)
        whole += 2 * rest > b * n or (2 * rest == b * n and whole % 2 == 1)
        codes.append((whole + zero_point + 128) % 256 - 128)
    return np.array(codes, np.int64).reshape(x.shape)


def element_by_element(x, scale, zero_point):
    """Divide as C does in float: the quotient of two floats is packed into four bytes."""

    def code(v):
        if math.isinf(v):
            return -128 if v < 0 else 127
        try:
            (quotient,) = struct.unpack("<f", struct.pack("<f", v / scale))
        except OverflowError:
            return -128 if v < 0 else 127
        return min(max(round(quotient) + zero_point, -128), 127)

    return np.array([code(v) for v in x.reshape(-1).tolist()], np.int16).reshape(x.shape)


@quiet
def with_the_magic_number(x, scale, zero_point):
    v = np.clip((x / np.float32(scale)).astype(np.float64), -(2.0**20), 2.0**20)
    return clipped((v + 1.5 * 2.0**52) - 1.5 * 2.0**52 + zero_point)


@quiet
def clips_before_rounding(x, scale, zero_point):
    v = np.clip((x / np.float32(scale)).astype(np.float64), -128 - zero_point, 127 - zero_point)
    return np.rint(v) + zero_point


@quiet
def through_bfloat16(x, scale, zero_point):
    v = (x.astype(np.float32) / np.float32(scale)).astype(ml_dtypes.bfloat16)
    return clipped(np.rint(v.astype(np.float64)) + zero_point)


@quiet
def channel_by_channel(x, scale, zero_point):
    codes = np.empty(x.shape, np.int8)
    for channel in range(x.shape[1]):
        v = x[:, channel] / scale[channel]
        codes[:, channel] = np.clip(np.rint(v).astype(np.float64) + zero_point[channel], -128, 127)
    return codes


@quiet
def last_axis_by_broadcasting(x, scale, zero_point):
    return np.clip(np.floor(x / scale).astype(np.float64) + zero_point, 0, 15).astype(np.uint8)


@quiet
def first_axis_in_double(x, scale, zero_point):
    return (
        np.stack(
            [np.clip(np.rint(row / s) + z, -(2**31), 2**31 - 1) for row, s, z in zip(x, scale, zero_point, strict=True)]
        )
        if len(x)
        else np.zeros(x.shape)
    )


@quiet
def with_a_reciprocal(x, scale, zero_point):
    return np.clip(np.rint(x * (np.float32(1) / np.float32(scale))).astype(np.float64) + zero_point, -8, 7)


E16, E64 = {"dtype": "float16"}, {"dtype": "float64"}
BY_ROWS, BY_LAST, BY_SECOND = {"axis": 0}, {"axis": -1}, {"axis": 1}
UNSIGNED = {"signed": False}
WRONG = [
    Wrong("rounds like C's round", "affine_quantize", rounds_like_c, "rounds halves away from zero; agrees"),
    Wrong(
        "z added before rounding", "affine_quantize", adds_z_then_rounds, "adds the zero point before rounding.*agrees"
    ),
    Wrong("reciprocal", "affine_quantize", inverts_the_scale, "multiplies by 1 / s instead of dividing by s; agrees"),
    Wrong("reciprocal in double", "affine_quantize", inverts_in_double, "multiplies by 1 / s in float64"),
    Wrong(
        "torch.quantize_per_tensor",
        "affine_quantize",
        quantizes_with_torch,
        r"x \* \(1 / s\) \+ z in one step",
        arrays="torch",
    ),
    Wrong("float16 path truncates", "affine_quantize", truncates_float16_only, "truncates", E16),
    Wrong("floor(x / s + 0.5)", "affine_quantize", adds_half_and_floors, r"floor\(x / s \+ 0\.5\) in float32"),
    Wrong("(int)(x / s + 0.5)", "affine_quantize", casts_after_adding_half, r"trunc\(x / s \+ 0\.5\)"),
    Wrong(
        "(uint8)(x / s + z + 0.5)",
        "affine_quantize",
        casts_the_whole_sum,
        r"(floor|trunc)\(x / s \+ z \+ 0\.5\)",
        UNSIGNED,
    ),
    Wrong("cast to int32, then z", "affine_quantize", casts_then_clips, "before z is added: what does not fit"),
    Wrong("cast and sum in int64", "affine_quantize", casts_and_adds_in_int64, "to int64, .* -2.63, and adds z there"),
    Wrong(
        "everything in float32",
        "affine_quantize",
        clips_as_numpy_does,
        "adds z and applies the range in float32",
        {"bits": 32},
    ),
    Wrong("signed codes, moved", "affine_quantize", moves_signed_codes, "but not the zero point", UNSIGNED),
    Wrong("cast and sum in int32", "affine_quantize", casts_and_adds_in_int32, "adds z there, where the sum wraps"),
    Wrong("cast of the sum", "affine_quantize", casts_the_sum_then_clips, "casts to int32 before any range"),
    Wrong("no clip", "affine_quantize", forgets_the_clip, "wraps out-of-range"),
    Wrong(
        "INT_MAX in float32",
        "affine_quantize",
        clips_to_int_max_in_float32,
        "ends of the range in float32",
        {"bits": 32},
    ),
    Wrong("never -128", "affine_quantize", never_reaches_the_lowest, "never gives the most negative code"),
    Wrong("clip, then z", "affine_quantize", clips_then_adds, "adds the zero point after the range is applied; "),
    Wrong("clip, then z in int8", "affine_quantize", clips_then_adds_in_int8, "after the range.*where the sum wraps"),
    Wrong("clip, z, clip", "affine_quantize", clips_adds_and_clips, "range before and after"),
    Wrong("magnitude for unsigned", "affine_quantize", rounds_the_magnitude, "drops the sign of x", UNSIGNED),
    Wrong("z ignored", "affine_quantize", has_no_zero_point, "does not add the zero point"),
    Wrong("z subtracted", "affine_quantize", subtracts_z, "subtracts the zero point instead"),
    Wrong("x * s", "affine_quantize", multiplies_by_the_scale, "multiplies by the scale instead"),
    Wrong("z as int8", "affine_quantize", keeps_the_zero_point_in_int8, "zero point as int8", UNSIGNED),
    Wrong("scale in float16", "affine_quantize", holds_the_scale_in_half, "scale in float16"),
    Wrong("float64 inside", "affine_quantize", divides_in_double, "true x / s once.*agrees with scaling=exact"),
    Wrong("quotient in float16", "affine_quantize", divides_in_half, "x / s in float16"),
    Wrong("from the bottom", "affine_quantize", measures_from_the_bottom, "counts steps from x_min"),
    Wrong("scale + 1e-8", "affine_quantize", guards_the_scale, "adds 1e-8 to the scale"),
    Wrong("scale at least eps", "affine_quantize", floors_the_scale, "eps of float32, for a smaller scale"),
    Wrong("two decimals first", "affine_quantize", rounds_at_two_decimals_first, "2 decimal places"),
    Wrong(
        "rounding and overflow swapped",
        "affine_quantize",
        swaps_the_two_options,
        "(?=.*rounds halves to even)(?=.*wraps)",
        {"bits": 4, "rounding": "half_up"},
    ),
    Wrong(
        "narrow_range ignored", "affine_quantize", ignores_narrow_range, "uses the full range", {"narrow_range": True}
    ),
    Wrong("fake quantized", "affine_quantize", returns_what_it_stands_for, r"\(q - z\) \* s instead of the codes"),
    Wrong("in place", "affine_quantize", divides_in_place, "changes its input x"),
    Wrong("cached by shape", "affine_quantize", remembers_by_shape(), "."),
    Wrong("tail rounds away", "affine_quantize", rounds_the_tail_away, "away from zero.*only in the last n mod 8"),
    Wrong("strides ignored", "affine_quantize", reads_the_buffer, "ignores the strides"),
    Wrong("fails on empty", "affine_quantize", fails_on_empty, "raises ValueError: zero-size"),
    Wrong("infinity is 0", "affine_quantize", zeroes_infinities, "infinities into 0"),
    Wrong("int64 codes", "affine_quantize", returns_wide_codes, "dtype int64: it must", {"check_dtype": True}),
    Wrong("relu", "affine_quantize", keeps_negatives_at_the_zero_point, "takes a negative x for 0"),
    Wrong("one scale for all", "affine_quantize", takes_one_scale, "first scale and zero point for the whole", BY_ROWS),
    Wrong(
        "the first scale, all zero points",
        "affine_quantize",
        takes_one_scale_only,
        "scale of the first channel for all",
        BY_ROWS,
    ),
    Wrong(
        "the next zero point", "affine_quantize", takes_the_next_zero_point, "zero point of the next channel", BY_ROWS
    ),
    Wrong("axis dropped", "affine_quantize", drops_the_axis(0), "last axis", BY_ROWS),
    Wrong("axis dropped, second", "affine_quantize", drops_the_axis(1), "last axis", BY_SECOND),
    Wrong("axis + rank - 1", "affine_quantize", counts_the_axis_from_the_wrong_end, "axis before", BY_LAST),
    Wrong(
        "later zero points left out",
        "affine_quantize",
        leaves_out_later_zero_points,
        "does not add.*beyond the first",
        BY_ROWS,
    ),
    Wrong(
        "later channels truncated",
        "affine_quantize",
        truncates_later_channels,
        "truncates.*beyond the first channel",
        BY_ROWS,
    ),
    Wrong("flat index", "affine_quantize", walks_flat, "flat index", BY_ROWS),
]
RIGHT = [
    Right("plain lines", "affine_quantize", right_by_numpy),
    Right("plain lines, float16", "affine_quantize", right_by_numpy, E16),
    Right("torch", "affine_quantize", right_by_torch, UNSIGNED, arrays="torch"),
    Right("fractions", "affine_quantize", by_fractions(-128, 127, round), {"scaling": "exact"}),
    Right(
        "fractions, floor",
        "affine_quantize",
        by_fractions(-32767, 32767, math.floor),
        {"scaling": "exact", "rounding": "floor", "bits": 16, "narrow_range": True, "dtype": "float64"},
    ),
    Right(
        "fractions, halves down",
        "affine_quantize",
        by_fractions(0, 3, half_down),
        {"scaling": "exact", "rounding": "half_down", "bits": 2, "signed": False, "dtype": "bfloat16"},
    ),
    Right("decimal", "affine_quantize", in_decimals, {"scaling": "exact", "dtype": "float16"}),
    Right("integers", "affine_quantize", by_integers, {"scaling": "exact", "overflow": "wrap"}),
    Right("element by element", "affine_quantize", element_by_element),
    Right("double", "affine_quantize", divides_in_double, {"scaling": "exact"}),
    Right("magic number", "affine_quantize", with_the_magic_number),
    Right("clips first", "affine_quantize", clips_before_rounding),
    Right("bfloat16", "affine_quantize", through_bfloat16, {"dtype": "bfloat16"}),
    Right("channel by channel", "affine_quantize", channel_by_channel, BY_SECOND),
    Right(
        "last axis by broadcasting",
        "affine_quantize",
        last_axis_by_broadcasting,
        {"axis": -1, "bits": 4, "signed": False, "rounding": "floor"},
    ),
    Right("rows in double", "affine_quantize", first_axis_in_double, {"axis": 0, "bits": 32, "dtype": "float64"}),
    Right("reciprocal as asked for", "affine_quantize", with_a_reciprocal, {"scaling": "reciprocal", "bits": 4}),
]

"""Affine dequantization as people write it: with one fault each, and without any."""

import math
from decimal import Context, Decimal
from fractions import Fraction

import ml_dtypes
import numpy as np
from verify.faults.affine import BY_ROWS, BY_SECOND, E16, E64, of_channel, quiet, torch_alone
from verify.faults.kinds import Right, Wrong


def dequantized_by_fractions(name, axis=None):
    """Multiply exactly, and round once to a dtype."""
    precision, lowest, top = {
        "float16": (11, -24, 16),
        "bfloat16": (8, -133, 128),
        "float32": (24, -149, 128),
        "float64": (53, -1074, 1024),
    }[name]

    def nearest(n, s):
        if n == 0:
            return 0.0
        exact = Fraction(abs(n)) * Fraction(s)
        last = math.floor(math.log2(exact.numerator) - math.log2(exact.denominator)) + 1 - precision
        last = max(
            last + (exact >= Fraction(2) ** (last + precision)) - (exact < Fraction(2) ** (last + precision - 1)),
            lowest,
        )
        whole = round(exact / Fraction(2) ** last)
        value = math.inf if whole.bit_length() + last > top else math.ldexp(whole, last)
        return math.copysign(value, n)

    def dequantizer(q, scale, zero_point):
        dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
        s = np.broadcast_to(scale if axis is None else of_channel(scale, q, axis), q.shape)
        z = np.broadcast_to(zero_point if axis is None else of_channel(zero_point, q, axis), q.shape)
        keys = list(
            zip(q.reshape(-1).tolist(), s.astype(float).reshape(-1).tolist(), z.reshape(-1).tolist(), strict=True)
        )
        values = {key: nearest(key[0] - key[2], key[1]) for key in set(keys)}
        return np.array([values[key] for key in keys], np.float64).astype(dtype).reshape(q.shape)

    return dequantizer


exactly = dequantized_by_fractions("float32")


@quiet
def subtracts_in_the_storage_type(q, scale, zero_point):
    return exactly((q - np.array(zero_point).astype(q.dtype)).astype(q.dtype), scale, 0)


@quiet
def subtracts_in_int32(q, scale, zero_point):
    n = np.array([(v - zero_point + 2**31) % 2**32 - 2**31 for v in q.reshape(-1).tolist()], np.int64)
    return exactly(n.reshape(q.shape), scale, 0)


@quiet
def scales_before_it_subtracts(q, scale, zero_point):
    return (q.astype(np.float32) * np.float32(scale) - np.float32(zero_point)).astype(np.float32)


@quiet
def scales_both(q, scale, zero_point):
    s = np.float32(scale)
    return q.astype(np.float32) * s - np.float32(zero_point) * s


@quiet
def multiplies_and_adds(q, scale, zero_point):
    offset = np.float32(np.float32(-zero_point) * np.float32(scale))
    return (q.astype(np.float64) * scale + np.float64(offset)).astype(np.float32)


def adds_the_zero_point(q, scale, zero_point):
    return exactly(q.astype(np.int64), scale, -zero_point)


def ignores_the_zero_point(q, scale, zero_point):
    return exactly(q, scale, 0)


@quiet
def subtracts_the_wrong_way(q, scale, zero_point):
    return -exactly(np.asarray(zero_point - q.astype(np.int64)), scale, 0)


@quiet
def multiplies_in_double(q, scale, zero_point):
    return ((q.astype(np.float64) - zero_point) * scale).astype(np.float32)


@quiet
def multiplies_in_single(q, scale, zero_point):
    return (q.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


@quiet
def multiplies_in_half(q, scale, zero_point):
    return (q.astype(np.float16) - np.float16(zero_point)) * np.float16(scale)


@quiet
def divides_by_the_scale(q, scale, zero_point):
    return ((q.astype(np.float64) - zero_point) / scale).astype(np.float32)


@quiet
def divides_by_a_reciprocal(q, scale, zero_point):
    inverse = np.float32(1) / np.float32(scale)
    return ((q.astype(np.float64) - zero_point) / np.float64(inverse)).astype(np.float32)


def reads_uint8_as_int8(q, scale, zero_point):
    return exactly(q.view(np.int8) if q.dtype == np.uint8 else q, scale, zero_point)


@quiet
def flushes_small_results(q, scale, zero_point):
    x = exactly(q, scale, zero_point)
    return np.where(np.abs(x) < np.finfo(np.float32).tiny, x * 0, x)


@quiet
def saturates_large_results(q, scale, zero_point):
    return np.nan_to_num(exactly(q, scale, zero_point))


def gives_the_middle_of_a_step(q, scale, zero_point):
    return ((q.astype(np.float64) - zero_point + 0.5) * np.float64(scale)).astype(np.float64)


def subtracts_in_place(q, scale, zero_point):
    answer = exactly(q, scale, zero_point)
    q -= q.dtype.type(1)
    return answer


@quiet
def cuts_to_bfloat16(q, scale, zero_point):
    return (exactly(q, scale, zero_point).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def reads_scales_of_the_last_axis(q, scale, zero_point):
    axis = -1 if q.shape[-1] == len(scale) else 0
    return dequantized_by_fractions("float32", axis)(q, scale, zero_point)


# right: affine_dequantize


@quiet
def in_long_double(q, scale, zero_point):
    return ((q.astype(np.longdouble) - zero_point) * np.longdouble(scale)).astype(np.float32)


@quiet
def in_double(q, scale, zero_point):
    return (q.astype(np.int64) - zero_point) * np.float64(scale)


@quiet
def in_double_for_half(q, scale, zero_point):
    return ((q.astype(np.float64) - zero_point) * scale).astype(np.float16)


@quiet
def by_torch(q, scale, zero_point):
    return (q.to(torch_alone().float64) - zero_point) * scale


def in_decimals_back(q, scale, zero_point):
    exact = Context(prec=2500, Emax=10**6, Emin=-(10**6))
    values = {c: float(exact.multiply(Decimal(c - zero_point), Decimal(scale))) for c in set(q.reshape(-1).tolist())}
    return np.array([values[c] or 0.0 for c in q.reshape(-1).tolist()], np.float64).reshape(q.shape)


WRONG = [
    Wrong("q - z in int8", "affine_dequantize", subtracts_in_the_storage_type, "type of the codes, where q - z wraps"),
    Wrong("q - z in int32", "affine_dequantize", subtracts_in_int32, "low 32 bits of q - z"),
    Wrong("q * s - z", "affine_dequantize", scales_before_it_subtracts, r"computes q \* s - z(;|,)"),
    Wrong("q * s - z * s", "affine_dequantize", scales_both, r"q \* s - z \* s, each product rounded"),
    Wrong("fma", "affine_dequantize", multiplies_and_adds, "in one step|float64"),
    Wrong("z added", "affine_dequantize", adds_the_zero_point, "adds the zero point"),
    Wrong("z ignored", "affine_dequantize", ignores_the_zero_point, "does not subtract the zero point"),
    Wrong("-0.0 for z", "affine_dequantize", subtracts_the_wrong_way, r"-0\.0 for the zero point; "),
    Wrong("float64 inside", "affine_dequantize", multiplies_in_double, "rounds twice: to float64"),
    Wrong("float32 inside", "affine_dequantize", multiplies_in_single, r"computes \(q - z\) \* s in float32"),
    Wrong("float16 inside", "affine_dequantize", multiplies_in_half, r"computes \(q - z\) \* s in float16"),
    Wrong("(q - z) / s", "affine_dequantize", divides_by_the_scale, "divides by the scale"),
    Wrong("(q - z) / (1 / s)", "affine_dequantize", divides_by_a_reciprocal, "rounded 1 / s"),
    Wrong("uint8 as int8", "affine_dequantize", reads_uint8_as_int8, "unsigned codes as signed"),
    Wrong("subnormals flushed", "affine_dequantize", flushes_small_results, "0 for subnormal results"),
    Wrong("no infinity", "affine_dequantize", saturates_large_results, "largest float instead"),
    Wrong("middle of a step", "affine_dequantize", gives_the_middle_of_a_step, "one half to the codes", E64),
    Wrong("changes its input", "affine_dequantize", subtracts_in_place, "changes its input q"),
    Wrong("cut to bfloat16", "affine_dequantize", cuts_to_bfloat16, "drops the bits", {"dtype": "bfloat16"}),
    Wrong("scales of the last axis", "affine_dequantize", reads_scales_of_the_last_axis, "last axis", BY_ROWS),
]
RIGHT = [
    Right("fractions", "affine_dequantize", exactly),
    Right("fractions, bfloat16", "affine_dequantize", dequantized_by_fractions("bfloat16"), {"dtype": "bfloat16"}),
    Right("fractions by channels", "affine_dequantize", dequantized_by_fractions("float32", 1), BY_SECOND),
    Right("long double", "affine_dequantize", in_long_double),
    Right("double", "affine_dequantize", in_double, E64),
    Right("double for half", "affine_dequantize", in_double_for_half, E16),
    Right("torch", "affine_dequantize", by_torch, E64, arrays="torch"),
    Right("decimal", "affine_dequantize", in_decimals_back, E64),
]

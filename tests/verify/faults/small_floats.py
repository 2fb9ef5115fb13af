"""Casts to 8-bit floats as engineers write them: with one fault each, and without."""

import struct
from bisect import bisect_left
from fractions import Fraction

import ml_dtypes
import numpy as np
from verify.faults.kinds import Right, Wrong

IEEE = {"overflow": "ieee"}
E5M2 = {"format": "e5m2"}
UZ = {"format": "e4m3fnuz"}


def each(function):
    """An implementation that casts one Python float at a time."""

    def candidate(x):
        values = [function(float(v)) for v in x.astype(np.float64).reshape(-1)]
        return np.array(values, np.float32).reshape(x.shape)

    return candidate


def quiet(function):
    """An implementation that does not mind what NumPy warns of."""

    def candidate(x):
        with np.errstate(all="ignore"):
            return function(x)

    return candidate


# words of a float32, as kernels have them


def words(x):
    return np.ascontiguousarray(x, np.float32).view(np.uint32).copy()


def e4m3_bits(x, round_up=True, saturate=True, sticky=True):
    """Float32 to the bytes of e4m3fn by shifts, as CUDA's fallback header does."""
    bits = words(x)
    sign = ((bits >> 24) & 0x80).astype(np.uint32)
    magnitude = bits & 0x7FFFFFFF
    exponent = (magnitude >> 23).astype(np.int64) - 120
    mantissa = ((magnitude & 0x7FFFFF) | 0x800000).astype(np.int64)
    shift = np.where(exponent > 0, 20, np.minimum(21 - exponent, 25))
    rest = mantissa & ((1 << shift) - 1)
    if not sticky:
        rest = (rest >> (shift - 1)) << (shift - 1)
    whole = mantissa >> shift
    half = np.int64(1) << (shift - 1)
    if round_up:
        whole = whole + ((rest > half) | ((rest == half) & (whole & 1 == 1)))
    code = np.where(exponent > 0, ((exponent - 1) << 3) + whole, whole)
    code = np.minimum(code, 0x7E if saturate else 0x7F)
    code = np.where(magnitude > 0x7F800000, 0x7F, code)
    return (code.astype(np.uint8) | sign.astype(np.uint8)).reshape(x.shape)


def value_of(code, dtype=ml_dtypes.float8_e4m3fn):
    return code.view(dtype).astype(np.float32)


def to_dtype(dtype, largest=None):
    """The cast of ml_dtypes, after clipping where it should saturate."""

    @quiet
    def candidate(x):
        wide = x.astype(np.float32)
        if largest is not None:
            wide = np.clip(wide, -largest, largest)
        return wide.astype(dtype).astype(np.float32)

    return candidate


# tables

E4M3 = [float(v) for v in np.arange(127, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)]
E4M3UZ = [float(v) for v in np.arange(128, dtype=np.uint8).view(ml_dtypes.float8_e4m3fnuz).astype(np.float64)]


def by_table(x, table=E4M3, beyond=None):
    """The nearest entry of a table, found by bisection; of two the one with the even place."""
    if x != x:
        return x
    size = abs(x)
    if size >= table[-1]:
        place = len(table) - 1
        step = table[-1] - table[-2]
        if beyond is not None and size > table[-1] + step / 2:
            return beyond
    else:
        place = bisect_left(table, size)
        if table[place] != size:
            low, high = Fraction(size) - Fraction(table[place - 1]), Fraction(table[place]) - Fraction(size)
            if low < high or (low == high and (place - 1) % 2 == 0):
                place -= 1
    return -table[place] if np.signbit(x) else table[place]


def by_fractions(x, mantissa=3, lowest=-6, largest=448):
    """Rational arithmetic from the definition."""
    if x != x:
        return x
    if x in (float("inf"), float("-inf")):
        return float(np.copysign(largest, x))
    value, exponent = abs(Fraction(x)), lowest
    while abs(x) >= 2.0 ** (exponent + 1) and exponent < 20:
        exponent += 1
    quantum = Fraction(2) ** (exponent - mantissa)
    return float(np.copysign(float(min(round(value / quantum) * quantum, Fraction(largest))), x))


def by_struct(x, saturate=True):
    """Integer work on the bits of one float64."""
    bits = struct.unpack("<Q", struct.pack("<d", x))[0]
    sign, exponent, mantissa = bits >> 63, (bits >> 52) & 0x7FF, bits & ((1 << 52) - 1)
    if exponent == 0x7FF and mantissa:
        return x
    significand = mantissa | (1 << 52) if exponent else mantissa
    unbiased = max(exponent, 1) - 1023
    drop = 49 + max(0, -6 - unbiased)
    if drop > 120:
        code_value = 0.0
    else:
        whole, rest = significand >> drop, significand & ((1 << drop) - 1)
        half = 1 << (drop - 1)
        whole += rest > half or (rest == half and whole & 1)
        code_value = float(whole) * 2.0 ** (max(unbiased, -6) - 3) if unbiased < 20 else 1e30
    if code_value > 448:
        code_value = 448.0 if saturate else float("nan")
    return -code_value if sign else code_value


@quiet
def by_magic_number(x):
    """Adding and taking away 1.5 * 2^52 quanta rounds to a multiple of the quantum."""
    wide = np.clip(x.astype(np.float64), -448, 448)
    exponent = np.maximum(np.frexp(wide)[1] - 1, -6)
    magic = np.ldexp(1.5, exponent - 3 + 52)
    return np.copysign((wide + magic) - magic, wide).astype(np.float32)


@quiet
def by_ldexp(x):
    wide = np.clip(x.astype(np.float64), -448, 448)
    exponent = np.maximum(np.frexp(wide)[1] - 4, -9)
    return np.ldexp(np.rint(np.ldexp(wide, -exponent)), exponent)


@quiet
def by_searchsorted(x):
    """Thresholds between the numbers; of two equally near the even place."""
    table = np.array(E4M3)
    limits = (table[1:] + table[:-1]) / 2
    size = np.abs(x.astype(np.float64))
    below, upto = np.searchsorted(limits, size, side="left"), np.searchsorted(limits, size, side="right")
    place = np.where(below % 2 == 0, below, upto)
    return np.where(np.isnan(x), np.nan, np.copysign(table[place], x.astype(np.float64)))


def by_torch(x):
    import torch

    clipped = torch.clamp(x.to(torch.float32), -448.0, 448.0)
    return clipped.to(torch.float8_e4m3fn)


def by_torch_e5m2(x):
    import torch

    return x.to(torch.float8_e5m2).to(torch.float32)


@quiet
def by_halves_of_float16(x):
    """E5m2 is the upper byte of a float16, rounded to even."""
    bits = x.astype(np.float16).view(np.uint16).astype(np.uint32)
    rounded = bits + 0x7F + ((bits >> 8) & 1)
    rounded = np.where((bits & 0x7FFF) > 0x7C00, bits | 0x0200, rounded)
    return (rounded & 0xFF00).astype(np.uint16).view(np.float16).astype(np.float32)


@quiet
def by_shifts(x):
    return value_of(e4m3_bits(x))


# the faults


@quiet
def through_half(x):
    clipped = np.clip(x.astype(np.float16).astype(np.float32), -448, 448)
    return clipped.astype(ml_dtypes.float8_e4m3fn)


@quiet
def through_brain(x):
    clipped = np.clip(x.astype(ml_dtypes.bfloat16).astype(np.float32), -448, 448)
    return clipped.astype(ml_dtypes.float8_e4m3fn)


@quiet
def mantissa_then_grid(x):
    """Round to four bits, whatever the exponent; then to multiples of 2^-9."""
    wide = np.clip(x.astype(np.float64), -448, 448)
    exponent = np.frexp(wide)[1] - 4
    four = np.ldexp(np.rint(np.ldexp(wide, -exponent)), exponent)
    return np.where(np.abs(four) < 2.0**-6, np.rint(four * 512) / 512, four)


@quiet
def overflow_before_rounding(x):
    y = by_ldexp(x)
    wide = x.astype(np.float64)
    return np.where(np.abs(wide) > 448, np.copysign(np.nan, wide), y)


@quiet
def infinity_lost(x):
    """The check of the special exponent comes before the clamp: an infinity becomes NaN."""
    return np.where(np.isinf(x), np.float32(np.nan), by_ldexp(x))


@quiet
def nan_clamped(x):
    """Min and max as C's fmin and fmax: a NaN is dropped."""
    return by_ldexp(np.fmax(np.fmin(x.astype(np.float64), 448), -448))


@quiet
def nan_decodes_as_480(x):
    code = e4m3_bits(x)
    exponent, mantissa = ((code >> 3) & 15).astype(int), (code & 7).astype(int)
    size = np.where(exponent > 0, np.ldexp(1 + mantissa / 8, exponent - 7), np.ldexp(mantissa / 8, -6))
    return np.where(code >= 0x80, -size, size)


@quiet
def flushed(x):
    y = by_ldexp(x)
    return np.where(np.abs(y) < 2.0**-6, np.copysign(0.0, y), y)


@quiet
def truncated(x):
    return value_of(e4m3_bits(x, round_up=False))


@quiet
def half_only(x):
    """Rounds by the first bit that falls off and the last that stays, as if nothing came after."""
    return value_of(e4m3_bits(x, sticky=False))


@quiet
def away(x):
    wide = np.clip(x.astype(np.float64), -448, 448)
    exponent = np.maximum(np.frexp(wide)[1] - 4, -9)
    scaled = np.ldexp(wide, -exponent)
    return np.ldexp(np.trunc(scaled + np.copysign(0.5, scaled)), exponent)


@quiet
def decoded_by_eight(x):
    return value_of(e4m3_bits(x)) / np.float32(2)


@quiet
def largest_of_ieee(x):
    """Takes the format for one with infinities: nothing above 240."""
    return by_ldexp(np.clip(x, -240, 240))


@quiet
def e5m2_of_e4m3_range(x):
    return to_dtype(ml_dtypes.float8_e5m2, 448)(x)


@quiet
def plus_zero(x):
    return by_ldexp(x) + 0.0


@quiet
def uz_with_a_negative_zero(x):
    wide = np.clip(x.astype(np.float64), -240, 240)
    exponent = np.maximum(np.frexp(wide)[1] - 4, -10)
    return np.ldexp(np.rint(np.ldexp(wide, -exponent)), exponent)


@quiet
def uz_by_the_sign_bit(x):
    """Puts the sign into the code without asking whether the rest is zero: 0x80 is NaN."""
    wide = x.astype(np.float32)
    code = np.clip(np.abs(wide), 0, 240).astype(ml_dtypes.float8_e4m3fnuz).view(np.uint8)
    return value_of(code | (np.signbit(wide) * 0x80).astype(np.uint8), ml_dtypes.float8_e4m3fnuz)


@quiet
def no_carry(x):
    """Keeps the exponent of x when the mantissa rounds up to 2."""
    wide = np.clip(x.astype(np.float64), -448, 448)
    fraction, exponent = np.frexp(wide)
    mantissa = np.rint(np.abs(fraction) * 16) - 8
    normal = np.ldexp(1 + (mantissa % 8) / 8, exponent - 1)
    y = np.where(np.abs(wide) < 2.0**-6, np.rint(np.abs(wide) * 512) / 512, normal)
    return np.copysign(np.where(wide == 0, 0, y), wide)


@quiet
def wraps(x):
    """The code is cut to its low 7 bits."""
    wide = x.astype(np.float64)
    y = np.abs(wide)
    exponent = np.maximum(np.frexp(y)[1] - 4, -9)
    y = np.ldexp(np.rint(np.ldexp(y, -exponent)), exponent)
    fraction, power = np.frexp(y)
    code = np.where(y < 2.0**-6, y * 512, (power + 6) * 8 + (fraction * 16 - 8))
    code = np.where(np.isfinite(code), code, 127).astype(np.int64) & 0x7F
    return value_of((code | (np.signbit(wide) * 0x80)).astype(np.uint8))


@quiet
def upper_bound_alone(x):
    """Clips at the top, and not at the bottom."""
    wide = np.minimum(x.astype(np.float64), 448)
    exponent = np.maximum(np.frexp(wide)[1] - 4, -9)
    y = np.ldexp(np.rint(np.ldexp(wide, -exponent)), exponent)
    return np.where(y < -448, np.float64(np.nan), y)


@quiet
def tail_truncated(x):
    """The scalar loop behind the vector loop does not round."""
    flat = np.ascontiguousarray(x).reshape(-1)
    y = by_ldexp(flat)
    n = flat.size % 8
    if n:
        y[-n:] = value_of(e4m3_bits(flat[-n:], round_up=False))
    return y.reshape(x.shape)


@quiet
def memory_order(x):
    return by_ldexp(x).reshape(-1, order="F").reshape(x.shape)


@quiet
def clamps_in_place(x):
    if x.flags.writeable:
        np.clip(x, -448, 448, out=x)
    return by_ldexp(x)


@quiet
def ieee_above_next(x):
    """Overflows from 480 on, since 448 + 32 is where the exponent would have to grow."""
    wide = x.astype(np.float64)
    y = by_ldexp(wide)
    return np.where(np.abs(wide) > 480, np.nan, y)


@quiet
def e5m2_saturates_infinity(x):
    y = to_dtype(ml_dtypes.float8_e5m2)(x)
    return np.where(np.isinf(x), np.copysign(np.float32(57344), x), y)


@quiet
def e5m2_cut_from_half(x):
    """The upper byte of a float16."""
    half = np.clip(x.astype(np.float32), -57344, 57344).astype(np.float16)
    y = (half.view(np.uint16) & 0xFF00).view(np.float16).astype(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), y)


WRONG = [
    Wrong("through float16", "cast_float8", through_half, "rounds twice: to float16"),
    Wrong("through bfloat16", "cast_float8", through_brain, "rounds twice: to bfloat16"),
    Wrong("mantissa, then the grid", "cast_float8", mantissa_then_grid, "rounds twice where the result is subnormal"),
    Wrong("overflow before rounding", "cast_float8", overflow_before_rounding, "every number above the largest", IEEE),
    Wrong("overflow from 480", "cast_float8", ieee_above_next, "past the number that would come next", IEEE),
    Wrong("infinity is NaN", "cast_float8", infinity_lost, "infinities into range by the other|nan for an infinity"),
    Wrong("saturates under ieee", "cast_float8", by_ldexp, "saturates infinities", IEEE),
    Wrong("NaN where it saturates", "cast_float8", to_dtype(ml_dtypes.float8_e4m3fn), "gives infinity, or nan where"),
    Wrong("fmin drops NaN", "cast_float8", nan_clamped, "gives the largest number for nan"),
    Wrong("0x7F is 480", "cast_float8", nan_decodes_as_480, "pattern of nan for the number after the largest"),
    Wrong("flushes subnormals", "cast_float8", flushed, "gives 0 for subnormal results"),
    Wrong("truncates", "cast_float8", truncated, "truncates"),
    Wrong("no sticky bit", "cast_float8", half_only, "at 1 bit behind the mantissa and at none after"),
    Wrong("ties away", "cast_float8", away, "rounds halves away from zero"),
    Wrong("bias 8 in decoding", "cast_float8", decoded_by_eight, "half the value"),
    Wrong("240 is the largest", "cast_float8", largest_of_ieee, "leaves out the largest exponent"),
    Wrong("e5m2 clipped at 448", "cast_float8", e5m2_of_e4m3_range, "clips x to the range of e4m3fn", E5M2),
    Wrong("loses -0", "cast_float8", plus_zero, r"gives \+0 for every zero"),
    Wrong("keeps -0 in UZ", "cast_float8", uz_with_a_negative_zero, r"gives -0.0, which the format has not", UZ),
    Wrong("0x80 in UZ", "cast_float8", uz_by_the_sign_bit, "its pattern is that of nan", UZ),
    Wrong("no carry", "cast_float8", no_carry, "does not carry into the exponent"),
    Wrong("wraps", "cast_float8", wraps, r"differs only where \|x\| is above the largest number"),
    Wrong("no lower bound", "cast_float8", upper_bound_alone, "but only where x is negative"),
    Wrong("truncates in the tail", "cast_float8", tail_truncated, "truncates.*but only in the last n mod 8 elements"),
    Wrong("column order", "cast_float8", memory_order, "in column order"),
    Wrong("clamps in place", "cast_float8", clamps_in_place, "changes its input x"),
    Wrong(
        "infinity saturates", "cast_float8", e5m2_saturates_infinity, "infinities into range by the other", E5M2 | IEEE
    ),
    Wrong("upper byte of float16", "cast_float8", e5m2_cut_from_half, "drops the bits that are left", E5M2),
    Wrong("e5m2 for e4m3", "cast_float8", to_dtype(ml_dtypes.float8_e5m2, 57344), "casts to e5m2"),
    Wrong(
        "ml_dtypes from float64",
        "cast_float8",
        quiet(lambda x: x.astype(ml_dtypes.float8_e4m3fn)),
        "rounds twice: to float32",
        IEEE | {"dtype": "float64"},
    ),
    Wrong(
        "torch by way of float32", "cast_float8", by_torch, "rounds twice: to float32", {"dtype": "float64"}, "torch"
    ),
]

RIGHT = [
    Right("table and bisection", "cast_float8", each(by_table)),
    Right("table, float64", "cast_float8", each(by_table), {"dtype": "float64"}),
    Right("table, ieee", "cast_float8", each(lambda x: by_table(x, beyond=np.nan)), IEEE),
    Right("table, UZ", "cast_float8", each(lambda x: by_table(x, E4M3UZ) + 0.0), UZ),
    Right("fractions", "cast_float8", each(by_fractions)),
    Right(
        "fractions, e5m2", "cast_float8", each(lambda x: by_fractions(x, 2, -14, 57344)), E5M2 | {"dtype": "bfloat16"}
    ),
    Right("bits of a float64", "cast_float8", each(by_struct), {"dtype": "float64"}),
    Right("bits of a float64, ieee", "cast_float8", each(lambda x: by_struct(x, saturate=False)), IEEE),
    Right("shifts of a float32", "cast_float8", by_shifts),
    Right("shifts, ieee", "cast_float8", quiet(lambda x: value_of(e4m3_bits(x, saturate=False))), IEEE),
    Right("shifts, float16", "cast_float8", by_shifts, {"dtype": "float16"}),
    Right("magic number", "cast_float8", by_magic_number, {"dtype": "float64"}),
    Right("ldexp and rint", "cast_float8", by_ldexp, {"dtype": "float64"}),
    Right("thresholds", "cast_float8", by_searchsorted),
    Right("ml_dtypes after clipping", "cast_float8", to_dtype(ml_dtypes.float8_e4m3fn, 448)),
    Right("ml_dtypes, ieee", "cast_float8", to_dtype(ml_dtypes.float8_e4m3fn), IEEE),
    Right("ml_dtypes, UZ, ieee", "cast_float8", to_dtype(ml_dtypes.float8_e4m3fnuz), UZ | IEEE),
    Right("an array of float8", "cast_float8", quiet(lambda x: np.clip(x, -448, 448).astype(ml_dtypes.float8_e4m3fn))),
    Right("torch after a clamp", "cast_float8", by_torch, arrays="torch"),
    Right("torch, e5m2, ieee", "cast_float8", by_torch_e5m2, E5M2 | IEEE, "torch"),
    Right("float16 bytes", "cast_float8", by_halves_of_float16, E5M2 | IEEE | {"dtype": "float16"}),
]

"""Fixed-point implementations as people write them: with one fault each, and without any."""

import ctypes
import math
import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import ml_dtypes
import numpy as np
from verify.faults.kinds import Right, Wrong


def scaled(x, p):
    return np.ldexp(np.asarray(x).astype(np.float64), p)


# wrong: quantize


def adds_half_and_floors(x, p):
    v = np.ldexp(x.astype(np.float32), p)
    return np.floor(v + np.float32(0.5)).astype(np.int64)


def rounds_like_c(x, p):
    v = scaled(x, p)
    whole = np.trunc(v)
    whole += np.where(np.abs(v - whole) >= 0.5, np.sign(v), 0)
    return np.clip(whole, -128, 127).astype(np.int8)


def casts_after_adding_half(x, p):
    return np.array([int(v + 0.5) for v in scaled(x, p).flat], np.int64).reshape(x.shape)


def truncates_float16_only(x, p):
    v = scaled(x, p)
    v = np.trunc(v) if x.dtype == np.float16 else np.rint(v)
    return np.clip(v, -128, 127).astype(np.int8)


def casts_then_clips(x, p):
    return np.clip(np.rint(scaled(x, p)).astype(np.int32), -128, 127).astype(np.int8)


def casts_to_int64_then_clips(x, p):
    v = np.rint(scaled(x, p))
    fits = (v >= -(2.0**63)) & (v < 2.0**63)
    as_cpu = np.where(fits, v, 0).astype(np.int64)
    as_cpu[~fits] = -(2**63)
    return np.clip(as_cpu, -128, 127)


def forgets_the_clip(x, p):
    v = np.rint(scaled(x, p))
    return np.fmod(np.where(np.isfinite(v), v, 0), 2.0**32).astype(np.int64).astype(np.int8)


def clips_to_int_max_in_float32(x, p):
    v = np.rint(np.ldexp(x, p))
    v = np.clip(v, np.float32(-(2**31)), np.float32(2**31 - 1))
    return np.array([ctypes.c_int32(int(code)).value for code in v.flat], np.int32).reshape(x.shape)


def never_reaches_the_lowest(x, p):
    return np.clip(np.rint(scaled(x, p)), -127, 127).astype(np.int8)


def rounds_the_magnitude_for_unsigned(x, p):
    return np.clip(np.rint(np.abs(scaled(x, p))), 0, 255).astype(np.uint8)


def swaps_the_two_options(x, p):
    v = np.rint(scaled(x, p))
    return (np.fmod(np.where(np.isfinite(v), v, 0), 16).astype(np.int64) + 8) % 16 - 8


def ignores_the_rounding_option(x, p):
    return np.clip(np.rint(scaled(x, p)), -128, 127).astype(np.int8)


def scales_in_place(x, p):
    x *= x.dtype.type(2.0**p)
    return np.rint(x.astype(np.float64)).astype(np.int64)


def error_feedback():
    residue = {}

    def quantizer(x, p):
        carried = residue.get(x.shape, 0.0)
        v = scaled(x, p) + carried
        q = np.rint(v)
        residue[x.shape] = np.where(np.abs(v) < 2.0**40, v - q, 0.0)
        return q.astype(np.int64)

    return quantizer


def remembers_by_shape():
    seen = {}

    def quantizer(x, p):
        return seen.setdefault((x.shape, p), np.rint(scaled(x, p)).astype(np.int64))

    return quantizer


def reads_the_buffer(x, p):
    owner = x
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    memory = owner.ravel(order="K")[: x.size].reshape(x.shape)
    return np.rint(scaled(memory, p)).astype(np.int64)


def reads_big_endian(x, p):
    values = np.frombuffer(x.tobytes(), ">f4").reshape(x.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        v = np.nan_to_num(np.rint(np.ldexp(values.astype(np.float64), p)), nan=0.0, posinf=1e300, neginf=-1e300)
    return np.clip(v, -128, 127).astype(np.int8)


def rounds_the_tail_away(x, p):
    flat = scaled(x, p).reshape(-1)
    body = flat.size - flat.size % 8
    tail = [math.trunc(v + math.copysign(0.5, v)) for v in flat[body:]]
    return np.concatenate([np.rint(flat[:body]), tail]).astype(np.int64).reshape(x.shape)


def rounds_the_tail_of_each_row_away(x, p):
    if x.ndim < 2:
        return rounds_the_tail_away(x, p)
    rows = [rounds_the_tail_away(row, p) for row in x.reshape(-1, x.shape[-1])] if x.size else []
    return np.array(rows, np.int64).reshape(x.shape)


def shifts_one_left(x, p):
    return np.rint(x.astype(np.float64) * (1 << p)).astype(np.int64)


def takes_negative_p_for_zero(x, p):
    return np.rint(x.astype(np.float64) * 2.0 ** max(p, 0)).astype(np.int64)


def shifts_an_int32(x, p):
    return np.rint(x.astype(np.float64) * ctypes.c_int32(1 << p % 32).value).astype(np.int64)


def shifts_a_numpy_int32(x, p):
    scale = float(np.left_shift(np.int32(1), np.int32(p))) if p >= 0 else 2.0**p
    return np.rint(x.astype(np.float64) * scale).astype(np.int64)


def multiplies_in_float16(x, p):
    with np.errstate(over="ignore"):
        v = np.ldexp(x.astype(np.float16), p)
    return np.clip(np.rint(v.astype(np.float32)), -(2**19), 2**19 - 1).astype(np.int32)


def narrows_to_float32(x, p):
    with np.errstate(over="ignore"):
        return np.clip(np.rint(np.ldexp(x.astype(np.float32), p).astype(np.float64)), -(2**31), 2**31 - 1)


def one_code_too_many(x, p):
    return np.clip(np.rint(scaled(x, p)), -(2**7), 2**7).astype(np.int16)


def clips_above_only(x, p):
    v = np.maximum(np.minimum(np.rint(scaled(x, p)), 127), -(2.0**63))
    return v.astype(np.int64)


def zeroes_infinities(x, p):
    x = np.nan_to_num(x.astype(np.float64), posinf=0.0, neginf=0.0)
    return np.clip(np.rint(scaled(x, p)), -128, 127).astype(np.int8)


def scales_to_the_largest_code(x, p):
    return np.rint(x.astype(np.float64) * (2.0**p - 1)).astype(np.int64)


def returns_floats_unrounded(x, p):
    return np.clip(scaled(x, p), -128, 127)


def returns_the_quantized_values(x, p):
    return np.clip(np.round(scaled(x, p)), -128, 127) / 2.0**p


def rounds_at_one_decimal_first(x, p):
    return np.rint(np.round(scaled(x, p), 1)).astype(np.int64)


def does_one_block_only(x, p):
    q = np.zeros(x.size, np.int64)
    q[:1024] = np.rint(scaled(x, p)).reshape(-1)[:1024]
    return q.reshape(x.shape)


def leaves_the_last(x, p):
    flat = scaled(x, p).reshape(-1)
    q = np.zeros(x.size, np.int64)
    for i in range(x.size - 1):
        q[i] = round(flat[i])
    return q.reshape(x.shape)


def fails_on_empty(x, p):
    v = scaled(x, p)
    return (np.rint(v) if np.abs(v).max() > 0 else np.zeros(x.shape)).astype(np.int64)


def gives_one_dimension_at_least(x, p):
    return np.rint(scaled(np.atleast_1d(x), p)).astype(np.int64)


def accumulates_in_int16(x, p):
    return np.clip(np.rint(np.fmod(scaled(x, p), 2.0**32)).astype(np.int64).astype(np.int16), -128, 127)


def saturates_at_the_wrong_end(x, p):
    v = np.rint(scaled(x, p))
    return np.where(v > 127, -128, np.where(v < -128, 127, v))


def flushes_subnormals(x, p):
    x = np.where(np.abs(x) < np.finfo(np.float32).tiny, 0, x)
    return np.clip(np.rint(scaled(x, p)), -128, 127).astype(np.int8)


def compares_the_fraction_loosely(x, p):
    v = scaled(x, p)
    low = np.floor(v)
    tie = np.isclose(v - low, 0.5)
    nearest = np.where(v - low > 0.5, low + 1, low)
    return np.where(tie, low + low % 2, nearest).astype(np.int64)


def draws_the_rounding(x, p):
    v = scaled(x, p)
    low = np.floor(v)
    return (low + (np.random.default_rng(7).random(v.shape) < v - low)).astype(np.int64)


def uses_signed_codes(x, p):
    return np.clip(np.rint(scaled(x, p)), -8, 7).astype(np.int8)


def wraps_with_the_remainder_of_c(x, p):
    v = np.rint(scaled(x, p))
    return np.fmod(v + 128, 256) - 128


def keeps_int32_codes(x, p):
    return np.clip(np.rint(scaled(x, p)), -(2**31), 2**31 - 1).astype(np.int32)


def returns_float32_codes(x, p):
    return np.rint(scaled(x, p)).astype(np.float32)


def returns_wide_codes(x, p):
    return np.clip(np.rint(scaled(x, p)), -128, 127).astype(np.int64)


def uses_the_scale_of_the_data(x, p):
    most = np.abs(x.astype(np.float64)).max(initial=0.0)
    scale = 127 / most if most else 1.0
    return np.clip(np.rint(x.astype(np.float64) * scale), -128, 127).astype(np.int8)


def rounds_negative_halves_away(x, p):
    v = scaled(x, p)
    return np.where(v < 0, -np.floor(0.5 - v), np.rint(v)).astype(np.int64)


def drops_all_but_two_guard_bits(x, p):
    v = scaled(x, p)
    whole = np.floor(v)
    rest = np.floor((v - whole) * 4)
    return (whole + ((rest > 2) | ((rest == 2) & (whole % 2 == 1)))).astype(np.int64)


def reads_by_columns(x, p):
    return np.rint(scaled(x, p)).astype(np.int64).reshape(-1, order="F").reshape(x.shape)


# wrong: dequantize


def multiplies_by_the_scale(q, p):
    return np.ldexp(q.astype(np.float64), p).astype(np.float32)


def divides_by_the_largest_code(q, p):
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return (q.astype(np.float64) / np.float64(2.0**p - 1)).astype(np.float32)


def is_one_bit_off(q, p):
    return np.ldexp(q.astype(np.float64), -(p + 1)).astype(np.float32)


def shifts_the_integers(q, p):
    with np.errstate(over="ignore"):
        shifted = [float(c >> p) if p >= 0 else math.ldexp(c, min(-p, 900)) for c in q.reshape(-1).tolist()]
        return np.array(shifted).astype(np.float32).reshape(q.shape)


def divides_the_integers(q, p):
    with np.errstate(over="ignore"):
        return np.trunc(np.ldexp(q.astype(np.float64), -p)).astype(np.float32)


def goes_through_float64(q, p):
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(q.astype(np.float64), -p).astype(np.float32)


def goes_through_float32(q, p):
    with np.errstate(over="ignore", under="ignore"):
        return (np.ldexp(q.astype(np.float32), -p)).astype(np.float64)


def chops_to_bfloat16(q, p):
    exact = dequantized_by_fractions("float32")(q, p)
    return ((exact.view(np.uint32) >> 16) << 16).view(np.float32)


def truncates_float16_results(q, p):
    """Step back toward zero where the nearest float lies above."""

    def down(code, nearest):
        above = math.isinf(nearest) or Fraction(abs(nearest)) > abs(Fraction(code)) / Fraction(2) ** p
        return np.nextafter(np.float16(nearest), np.float16(0)) if above else np.float16(nearest)

    nearest = dequantized_by_fractions("float16")(q, p).reshape(-1).tolist()
    values = {code: down(code, n) for code, n in dict(zip(q.reshape(-1).tolist(), nearest, strict=True)).items()}
    return np.array([values[code] for code in q.reshape(-1).tolist()], np.float16).reshape(q.shape)


def multiplies_in_float16_back(q, p):
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return q.astype(np.float16) * np.float16(np.ldexp(1.0, -p))


def multiplies_in_float32_back(q, p):
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return q.astype(np.float32) * np.float32(np.ldexp(1.0, -p))


def reads_int8_as_uint8(q, p):
    return dequantized_by_fractions("float32")(q.view(f"u{q.dtype.itemsize}"), p)


def reads_uint8_as_int8(q, p):
    return dequantized_by_fractions("float32")(q.view(f"i{q.dtype.itemsize}"), p)


def gives_negative_zeros(q, p):
    return -dequantized_by_fractions("float32")(np.asarray(-q.astype(object), object), p)


def loses_the_sign_of_zero(q, p):
    return dequantized_by_fractions("float32")(q, p) + np.float32(0)


def flushes_small_results(q, p):
    x = dequantized_by_fractions("float32")(q, p)
    x[np.abs(x) < np.finfo(np.float32).tiny] *= 0
    return x


def saturates_large_results(q, p):
    x = dequantized_by_fractions("float32")(q, p)
    return np.clip(x, np.finfo(np.float32).min, np.finfo(np.float32).max)


def shifts_in_the_storage_dtype(q, p):
    if p < 0:
        q, p = np.left_shift(q, min(-p, q.dtype.itemsize * 8 - 1), dtype=q.dtype), 0
    return dequantized_by_fractions("float32")(q, p)


def clips_its_input(q, p):
    np.clip(q, -127, None, out=q)
    return dequantized_by_fractions("float32")(q, p)


def takes_magnitudes_in_the_storage_dtype(q, p):
    return dequantized_by_fractions("float32")(np.abs(q), p) * np.where(q < 0, np.float32(-1), np.float32(1))


def swaps_the_bytes(q, p):
    return dequantized_by_fractions("float32")(
        np.frombuffer(q.tobytes(), q.dtype.newbyteorder(">")).reshape(q.shape), p
    )


def keeps_32_bits(q, p):
    codes = q.astype(np.int32) if q.dtype.itemsize == 8 else q
    return dequantized_by_fractions("float32")(codes, p)


def takes_p_modulo_32(q, p):
    return dequantized_by_fractions("float32")(q, p & 31)


def gives_the_middle_of_a_step(q, p):
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(q + 0.5, -p).astype(np.float32)


def gives_float64(q, p):
    return dequantized_by_fractions("float64")(q, p)


def divides_the_tail_as_integers(q, p):
    x = dequantized_by_fractions("float32")(q, p).reshape(-1)
    body = q.size - q.size % 4
    x[body:] = np.trunc(x[body:])
    return x.reshape(q.shape)


def walks_the_memory_of_codes(q, p):
    return dequantized_by_fractions("float32")(reads_memory(q), p)


def reads_memory(q):
    owner = q
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return owner.ravel(order="K")[: q.size].reshape(q.shape)


def rounds_away_at_ties(q, p):
    """Add half a last place to the magnitude and cut, in integers."""

    def away(code):
        if code == 0:
            return 0.0
        last = max(abs(code).bit_length() - p - 24, -149)
        drop = last + p
        kept = (abs(code) + (1 << drop >> 1)) >> drop if drop > 0 else abs(code) << -drop
        value = math.inf if kept.bit_length() + last > 128 else math.ldexp(kept, last)
        return -value if code < 0 else value

    values = {code: away(code) for code in set(q.reshape(-1).tolist())}
    return np.array([values[code] for code in q.reshape(-1).tolist()], np.float64).astype(np.float32).reshape(q.shape)


# wrong: fraction_bits


def largest_magnitude(x):
    return float(np.abs(x.astype(np.float64)).max(initial=0.0))


def by_floor_of_log2(x):
    most = largest_magnitude(x)
    return math.floor(math.log2(127 / most)) if most else 0


def by_ceil_of_log2(x):
    most = largest_magnitude(x)
    return 7 - math.ceil(math.log2(most)) if most else 0


def by_exponent(x):
    most = largest_magnitude(x)
    return 7 - math.frexp(most)[1] if most else 0


def by_exponent_without_sign_bit(x):
    most = largest_magnitude(x)
    return 8 - math.frexp(most)[1] if most else 0


def by_log2_in_float32(x):
    most = np.float32(largest_magnitude(x))
    return int(np.floor(np.log2(np.float32(127.5)) - np.log2(most))) if most else 0


def by_bit_length(x):
    return 7 - int(largest_magnitude(x)).bit_length() if x.any() else 0


def by_search(fits, powers=None):
    def search(x):
        values = {Fraction(v) for v in (float(x.max(initial=0)), float(x.min(initial=0)))} - {0}
        if not values:
            return 0
        above = 40 - math.frexp(max(abs(v) for v in values))[1]
        candidates = range(above, above - 80, -1) if powers is None else powers
        return next((p for p in candidates if all(fits(v * Fraction(2) ** p) for v in values)), candidates[-1])

    return search


def fits_int8(v):
    return -128 <= round(v) <= 127


def looks_at_the_maximum(x):
    return by_search(fits_int8)(np.maximum(x, x.dtype.type(0)))


def never_uses_the_lowest_code(x):
    return by_search(lambda v: -127 <= round(v) <= 127)(x)


def stops_one_too_early(x):
    return by_search(fits_int8)(x) - 1 if x.any() else 0


def stays_between_0_and_7(x):
    return by_search(fits_int8, range(7, -1, -1))(x)


def stays_at_or_above_0(x):
    return max(by_search(fits_int8)(x), 0)


def guards_with_an_epsilon(x):
    return by_search(fits_int8)(np.append(x.astype(np.float64), 1e-12))


def says_7_for_zeros(x):
    return by_search(fits_int8)(x) if x.any() else 7


def looks_at_the_first_row(x):
    return by_search(fits_int8)(x[0] if x.ndim > 1 and len(x) else x)


def looks_at_the_first_element(x):
    return by_search(fits_int8)(x.reshape(-1)[:1])


def skips_the_tail(x):
    flat = x.reshape(-1)
    return by_search(fits_int8)(flat[: flat.size - flat.size % 8])


def ignores_outliers(x):
    if not x.size:
        return 0
    most = float(np.percentile(np.abs(x.astype(np.float64)), 99))
    return math.floor(math.log2(127.49 / most)) if most else 0


def cannot_take_nothing(x):
    np.abs(x).max()
    return by_search(fits_int8)(x)


def returns_the_scale(x):
    return np.ldexp(1.0, by_search(fits_int8)(x))


def returns_an_array(x):
    return np.array([by_search(fits_int8)(x)])


def returns_the_logarithm(x):
    most = largest_magnitude(x)
    return math.log2(127.5 / most) if most else 0


def counts_integer_bits(x):
    return 7 - by_search(fits_int8)(x) if x.any() else 0


def forgets_that_values_round(x):
    return by_search(lambda v: -128 <= v <= 127)(x)


def rounds_halves_of_the_lowest_away(x):
    return by_search(lambda v: -128 <= int(abs(v) + Fraction(1, 2)) * (1 if v > 0 else -1) <= 127)(x)


def takes_negatives_for_positives(x):
    return by_search(lambda v: round(abs(v)) <= 255)(x)


def ignores_negatives(x):
    return by_search(lambda v: round(v) <= 255)(np.maximum(x, x.dtype.type(0)))


def narrows_x_to_float16(x):
    with np.errstate(over="ignore"):
        narrow = x.astype(np.float16).astype(np.float64)
    return by_search(fits_int8)(np.where(np.isfinite(narrow), narrow, x.astype(np.float64)))


def flushes_subnormal_x(x):
    return by_search(fits_int8)(np.where(np.abs(x) < np.finfo(x.dtype).tiny, 0, x))


Q8 = {"bits": 8}
WRONG = [
    Wrong("floor(v + 0.5) in float32", "quantize", adds_half_and_floors, r"floor\(v \+ 0\.5\) in float32"),
    Wrong("rounds like C's round", "quantize", rounds_like_c, "rounds halves away from zero; agrees", Q8),
    Wrong("(int)(v + 0.5)", "quantize", casts_after_adding_half, r"trunc\(v \+ 0\.5\)"),
    Wrong("float16 path truncates", "quantize", truncates_float16_only, "truncates", {**Q8, "dtype": "float16"}),
    Wrong("cast to int32, then clip", "quantize", casts_then_clips, "casts to int32 before any range", Q8),
    Wrong("cast to int64, then clip", "quantize", casts_to_int64_then_clips, "past int64 into the lowest code", Q8),
    Wrong("no clip", "quantize", forgets_the_clip, "wraps out-of-range", Q8),
    Wrong("INT_MAX in float32", "quantize", clips_to_int_max_in_float32, "ends of the range in float32", {"bits": 32}),
    Wrong("never -128", "quantize", never_reaches_the_lowest, "never gives the most negative code", Q8),
    Wrong(
        "magnitude for unsigned",
        "quantize",
        rounds_the_magnitude_for_unsigned,
        "drops the sign",
        {**Q8, "signed": False},
    ),
    Wrong(
        "rounding and overflow swapped",
        "quantize",
        swaps_the_two_options,
        "(?=.*rounds halves to even)(?=.*wraps)",
        {"bits": 4, "rounding": "half_up"},
    ),
    Wrong(
        "rounding option ignored",
        "quantize",
        ignores_the_rounding_option,
        "rounds halves to even",
        {**Q8, "rounding": "floor"},
    ),
    Wrong(
        "overflow option ignored",
        "quantize",
        ignores_the_rounding_option,
        "saturates",
        {**Q8, "overflow": "wrap"},
    ),
    Wrong("in place", "quantize", scales_in_place, "changes its input x"),
    Wrong("error feedback", "quantize", error_feedback(), "another answer the second time"),
    Wrong("cached by shape", "quantize", remembers_by_shape(), "."),
    Wrong("strides ignored", "quantize", reads_the_buffer, "ignores the strides"),
    Wrong("byte order ignored", "quantize", reads_big_endian, "bytes of x in the wrong order", Q8),
    Wrong("tail rounds away", "quantize", rounds_the_tail_away, "away from zero.*only in the last n mod 8"),
    Wrong("row tail", "quantize", rounds_the_tail_of_each_row_away, "away from zero.*n mod 8 elements of each row"),
    Wrong("1 << p", "quantize", shifts_one_left, "raises ValueError: negative shift count"),
    Wrong("negative p is 0", "quantize", takes_negative_p_for_zero, "negative p for 0"),
    Wrong("32-bit shift", "quantize", shifts_an_int32, "32-bit 1 << p"),
    Wrong("numpy's 32-bit shift", "quantize", shifts_a_numpy_int32, "where p is above 30|32-bit"),
    Wrong(
        "product in float16",
        "quantize",
        multiplies_in_float16,
        r"computes x \* 2\^p in float16",
        {"bits": 20, "dtype": "float16"},
    ),
    Wrong(
        "float64 narrowed", "quantize", narrows_to_float32, r"x \* 2\^p in float32", {"bits": 32, "dtype": "float64"}
    ),
    Wrong("one code too many", "quantize", one_code_too_many, "q_max one code too high", Q8),
    Wrong("no clip below", "quantize", clips_above_only, "not bring codes into a range, but only", Q8),
    Wrong("infinity is 0", "quantize", zeroes_infinities, "infinities into 0", Q8),
    Wrong("2^p - 1", "quantize", scales_to_the_largest_code, r"scales by 2\^p - 1"),
    Wrong("not rounded", "quantize", returns_floats_unrounded, "does not round", Q8),
    Wrong("fake quantized", "quantize", returns_the_quantized_values, r"Q\(x\) \* 2\^-p instead of the codes", Q8),
    Wrong("one decimal first", "quantize", rounds_at_one_decimal_first, "1 decimal place before"),
    Wrong("one block only", "quantize", does_one_block_only, "gives 0, but only from element 1,024 on"),
    Wrong("all but the last", "quantize", leaves_the_last, "gives 0, but only in the last element"),
    Wrong("fails on empty", "quantize", fails_on_empty, "raises ValueError: zero-size"),
    Wrong("0-d becomes 1-d", "quantize", gives_one_dimension_at_least, r"shape \(1,\): it must"),
    Wrong("int16 accumulator", "quantize", accumulates_in_int16, "low 16 bits", Q8),
    Wrong("wrong end", "quantize", saturates_at_the_wrong_end, "wrong end", Q8),
    Wrong("subnormals flushed", "quantize", flushes_subnormals, "subnormal inputs for 0", Q8),
    Wrong("loose ties", "quantize", compares_the_fraction_loosely, "of a tie for a tie"),
    Wrong("stochastic", "quantize", draws_the_rounding, r"only where x \* 2\^p is no integer"),
    Wrong("signed codes", "quantize", uses_signed_codes, "uses a signed range", {"bits": 4, "signed": False}),
    Wrong(
        "C's remainder", "quantize", wraps_with_the_remainder_of_c, "code is out of range", {**Q8, "overflow": "wrap"}
    ),
    Wrong("int32 codes", "quantize", keeps_int32_codes, "uses 32 bits"),
    Wrong("float32 codes", "quantize", returns_float32_codes, "codes in float32", {"dtype": "float64"}),
    Wrong("int64 codes", "quantize", returns_wide_codes, "dtype int64: it must", {**Q8, "check_dtype": True}),
    Wrong("scale of the data", "quantize", uses_the_scale_of_the_data, r"scale from the largest \|x\|", Q8),
    Wrong("negative halves away", "quantize", rounds_negative_halves_away, "half_away|away from zero, but only"),
    Wrong("two guard bits", "quantize", drops_all_but_two_guard_bits, "more than 2 bits below"),
    Wrong("column by column", "quantize", reads_by_columns, "column order"),
    Wrong("2^p", "dequantize", multiplies_by_the_scale, r"2\^p instead of 2\^-p"),
    Wrong("2^p - 1 back", "dequantize", divides_by_the_largest_code, r"divides by 2\^p - 1"),
    Wrong("p + 1", "dequantize", is_one_bit_off, r"2\^-\(p \+ 1\)"),
    Wrong("q >> p", "dequantize", shifts_the_integers, "shifts the integers"),
    Wrong("int(q / 2^p)", "dequantize", divides_the_integers, "divides the integers toward zero"),
    Wrong("through float64", "dequantize", goes_through_float64, "float64"),
    Wrong("through float32", "dequantize", goes_through_float32, "float32", {"dtype": "float64"}),
    Wrong("chopped to bfloat16", "dequantize", chops_to_bfloat16, "drops the bits", {"dtype": "bfloat16"}),
    Wrong(
        "truncated to float16", "dequantize", truncates_float16_results, "truncates to the dtype", {"dtype": "float16"}
    ),
    Wrong("float16 product", "dequantize", multiplies_in_float16_back, "multiplies in float16"),
    Wrong("float32 product", "dequantize", multiplies_in_float32_back, "multiplies in float32"),
    Wrong("signed as unsigned", "dequantize", reads_int8_as_uint8, "signed codes as unsigned"),
    Wrong("unsigned as signed", "dequantize", reads_uint8_as_int8, "unsigned codes as signed"),
    Wrong("-0.0 for 0", "dequantize", gives_negative_zeros, r"gives -0\.0 for 0"),
    Wrong("+0.0 for -tiny", "dequantize", loses_the_sign_of_zero, r"gives \+0 where a negative code"),
    Wrong("subnormal results flushed", "dequantize", flushes_small_results, "gives 0 for subnormal results"),
    Wrong("no infinity", "dequantize", saturates_large_results, "largest float instead of infinity"),
    Wrong("q << -p in int8", "dequantize", shifts_in_the_storage_dtype, "shifts left in the dtype of q"),
    Wrong("clips its input", "dequantize", clips_its_input, "changes its input q"),
    Wrong("|q| in int8", "dequantize", takes_magnitudes_in_the_storage_dtype, "lowest integer"),
    Wrong("bytes swapped", "dequantize", swaps_the_bytes, "bytes of q in the wrong order"),
    Wrong("32 bits of q", "dequantize", keeps_32_bits, "low 32 bits of q"),
    Wrong("p & 31", "dequantize", takes_p_modulo_32, "p modulo 32"),
    Wrong("middle of a step", "dequantize", gives_the_middle_of_a_step, "middle of a step"),
    Wrong("float64 results", "dequantize", gives_float64, "rounds to float64"),
    Wrong("integer tail", "dequantize", divides_the_tail_as_integers, "only in the last n mod 4"),
    Wrong("strides of q ignored", "dequantize", walks_the_memory_of_codes, "ignores the strides"),
    Wrong("ties away", "dequantize", rounds_away_at_ties, "ties away from zero"),
    Wrong("floor(log2(127 / m))", "fraction_bits", by_floor_of_log2, r"floor\(log2\(q_max / max\|x\|\)\)"),
    Wrong("7 - ceil(log2(m))", "fraction_bits", by_ceil_of_log2, r"ceil\(log2\(max\|x\|\)\)"),
    Wrong("7 - exponent", "fraction_bits", by_exponent, "exponent of frexp"),
    Wrong("8 - exponent", "fraction_bits", by_exponent_without_sign_bit, "."),
    Wrong("log2 in float32", "fraction_bits", by_log2_in_float32, "in float32"),
    Wrong("bit_length of int(m)", "fraction_bits", by_bit_length, "integer part"),
    Wrong("maximum only", "fraction_bits", looks_at_the_maximum, r"max\(x\) instead of max\|x\|"),
    Wrong("symmetric", "fraction_bits", never_uses_the_lowest_code, "never uses q_min"),
    Wrong("one too low", "fraction_bits", stops_one_too_early, "one less than the largest p"),
    Wrong("0 to 7", "fraction_bits", stays_between_0_and_7, r"keeps p in \[0, bits - 1\]"),
    Wrong("0 at least", "fraction_bits", stays_at_or_above_0, "never gives a negative p"),
    Wrong("epsilon", "fraction_bits", guards_with_an_epsilon, r"\|x\| for 1e-12"),
    Wrong("7 for zeros", "fraction_bits", says_7_for_zeros, "bits - 1 where x is all zero"),
    Wrong("first row", "fraction_bits", looks_at_the_first_row, "first row"),
    Wrong("first element", "fraction_bits", looks_at_the_first_element, "first element only"),
    Wrong("tail skipped", "fraction_bits", skips_the_tail, "last n mod 8"),
    Wrong("outliers ignored", "fraction_bits", ignores_outliers, "."),
    Wrong("nothing refused", "fraction_bits", cannot_take_nothing, "raises ValueError: zero-size"),
    Wrong("the scale", "fraction_bits", returns_the_scale, r"gives 2\^p"),
    Wrong("an array", "fraction_bits", returns_an_array, r"shape \(1,\): it must"),
    Wrong("the logarithm", "fraction_bits", returns_the_logarithm, "."),
    Wrong("integer bits", "fraction_bits", counts_integer_bits, "number of integer bits"),
    Wrong("not rounded", "fraction_bits", forgets_that_values_round, "forgets that values round"),
    Wrong("halves away", "fraction_bits", rounds_halves_of_the_lowest_away, "halves away from zero"),
    Wrong("|x| for unsigned", "fraction_bits", takes_negatives_for_positives, "never uses q_min", {"signed": False}),
    Wrong("unsigned, negatives ignored", "fraction_bits", ignores_negatives, r"max\(x\) instead", {"signed": False}),
    Wrong("float16 inside", "fraction_bits", narrows_x_to_float16, "takes x in as float16"),
    Wrong("subnormal x flushed", "fraction_bits", flushes_subnormal_x, "subnormal numbers for 0"),
]


# right: quantize


def in_fractions(x, p):
    codes = [
        min(max(round(Fraction(float(v)) * Fraction(2) ** p), -128), 127)
        if np.isfinite(v)
        else 127 * np.sign(v) - (v < 0)
        for v in x.flat
    ]
    return np.array(codes, np.int64).reshape(x.shape)


def in_decimals(x, p):
    exact = Context(prec=1200)
    one = Decimal(1)
    codes = []
    for v in x.flat:
        power = Decimal(2**p) if p >= 0 else exact.divide(one, Decimal(2**-p))
        product = exact.multiply(Decimal(float(v)), power)
        codes.append(int(product.to_integral_value(ROUND_HALF_EVEN, exact)))
    return np.array(codes, np.int64).reshape(x.shape)


def in_bits(x, p):
    """Shift the significand of a float32 by hand."""
    words = np.ascontiguousarray(x).view(np.uint32).astype(np.int64).reshape(x.shape)
    exponent = (words >> 23) & 0xFF
    significand = np.where(exponent == 0, (words & 0x7FFFFF) << 1, (words & 0x7FFFFF) | 0x800000)
    shift = 150 - exponent - p  # |x| * 2^p = significand * 2^-shift
    right = np.clip(shift, 1, 62)
    whole, rest, half = significand >> right, significand & ((1 << right) - 1), 1 << (right - 1)
    nearest = whole + ((rest > half) | ((rest == half) & (whole & 1 == 1)))
    left = np.where(shift <= 0, np.where(shift < -15, 1 << 39, significand << np.clip(-shift, 0, 15)), nearest)
    left = np.where((significand == 0) & (exponent == 0), 0, left)
    return np.clip(np.where(words >> 31, -left, left), -128, 127).astype(np.int8)


def in_float64(x, p):
    return np.clip(np.rint(x.astype(np.float64) * 2.0**p), -128, 127).astype(np.int8)


def in_blocks(x, p):
    q = np.empty(x.size, np.int64)
    flat = np.ascontiguousarray(x).reshape(-1)
    for start in range(0, x.size, 100):
        q[start : start + 100] = np.rint(np.ldexp(flat[start : start + 100].astype(np.float64), p))
    return q.reshape(x.shape)


def by_where(x, p):
    v = scaled(x, p)
    low = np.floor(v)
    up = np.where(v - low < 0.5, 0, np.where(v - low > 0.5, 1, np.where(low % 2 == 0, 0, 1)))
    q = low + np.where(np.isfinite(v), up, 0)
    return np.where(q > 127, 127, np.where(q < -128, -128, q))


def by_divmod(x, p):
    codes = []
    for v in x.reshape(-1).tolist():
        n, d = float(v).as_integer_ratio()
        n, d = (n << p, d) if p >= 0 else (n, d << -p)
        q, rest = divmod(n, d)
        q += 2 * rest > d or (2 * rest == d and q % 2 == 1)
        codes.append(q)
    return np.array(codes, np.int64).reshape(x.shape)


def by_builtin_round(x, p):
    if x.ndim == 0:
        return round(math.ldexp(float(x), p))
    return [by_builtin_round(row, p) for row in x] if x.size else np.zeros(x.shape)


def by_frexp(x, p):
    codes = []
    for v in x.flat:
        fraction, exponent = math.frexp(float(v))
        whole, shift = int(fraction * 2**53), exponent - 53 + p
        codes.append(whole << shift if shift >= 0 else round(Fraction(whole, 1 << -shift)))
    return np.array([(c + 128) % 256 - 128 for c in codes], np.int64).reshape(x.shape)


def rounds_away_exactly(x, p):
    v = scaled(x, p)
    magnitude = np.floor(np.abs(v))
    magnitude += np.abs(v) - magnitude >= 0.5
    return np.clip(np.copysign(magnitude, v), 0, 15).astype(np.uint8)


def with_the_magic_number(x, p):
    """Add and take away 1.5 * 2^52: the sum is rounded to an integer by the hardware."""
    v = np.clip(np.ldexp(x.astype(np.float64), p), -(2.0**40), 2.0**40)
    magic = 1.5 * 2.0**52
    return np.clip((v + magic) - magic, -32768, 32767)


def clips_first(x, p):
    return np.rint(np.clip(scaled(x, p), -128, 127)).astype(np.int32)


def in_floats(x, p):
    return np.rint(scaled(x, p))


# right: dequantize


FORMATS = {
    "float16": (11, -24, "e"),
    "float32": (24, -149, "f"),
    "float64": (53, -1074, "d"),
    "bfloat16": (8, -133, "f"),
}


def dequantized_by_fractions(name):
    precision, lowest, _ = FORMATS[name]

    def nearest(code, p):
        if code == 0:
            return 0.0
        last = max(abs(code).bit_length() - p - precision, lowest)
        whole = round(Fraction(abs(code)) * Fraction(2) ** (-p - last))
        limit = {"float16": 16, "float64": 1024}.get(name, 128)
        value = math.inf if whole.bit_length() + last > limit else math.ldexp(whole, last)
        return math.copysign(value, code)

    def dequantizer(q, p):
        dtype = ml_dtypes.bfloat16 if name == "bfloat16" else name
        values = {code: nearest(code, p) for code in set(q.reshape(-1).tolist())}
        return np.array([values[code] for code in q.reshape(-1).tolist()], np.float64).astype(dtype).reshape(q.shape)

    return dequantizer


def by_true_division(q, p):
    """Divide Python integers: the quotient is correctly rounded to float64."""

    def divide(code):
        try:
            return code / 2**p if p >= 0 else float(code * 2**-p)
        except OverflowError:
            return math.copysign(math.inf, code)

    return np.array([divide(c) for c in q.reshape(-1).tolist()], np.float64).reshape(q.shape)


def with_a_sticky_bit(q, p):
    """Make float64 hold the code rounded to odd, so that the cast to float32 rounds once."""
    magnitude = np.array([abs(c) for c in q.reshape(-1).tolist()], np.uint64).reshape(q.shape)
    sticky = (magnitude & np.uint64(0xFFF) != 0).astype(np.uint64)
    odd = np.where(magnitude >= 2**52, (magnitude >> np.uint64(12) | sticky) << np.uint64(12), magnitude)
    with np.errstate(over="ignore", under="ignore"):
        v = np.ldexp(odd.astype(np.float64), max(min(-p, 1000), -1000))
        return np.where(q < 0, -v, v).astype(np.float32)


def by_packing(q, p):
    flat = dequantized_by_fractions("float16")(q, p).astype(np.float64).reshape(-1)
    packed = b"".join(
        struct.pack("<e", v) if np.isfinite(v) else struct.pack("<e", math.copysign(math.inf, v)) for v in flat
    )
    return np.frombuffer(packed, "<f2").reshape(q.shape)


def in_decimals_back(q, p):
    exact = Context(prec=2500, Emax=10**6, Emin=-(10**6))
    power = exact.power(Decimal(2), -p) if p < 0 else exact.divide(Decimal(1), Decimal(2**p))
    values = {c: float(exact.multiply(Decimal(c), power)) for c in set(q.reshape(-1).tolist())}
    return np.array([values[c] for c in q.reshape(-1).tolist()], np.float64).reshape(q.shape)


# right: fraction_bits


def by_ratio(x):
    """Compare integers: (2 n) * 2^p against 255 d."""
    if not x.any():
        return 0

    def most(v, twice, inclusive):
        n, d = abs(v).as_integer_ratio()
        p = (twice * d).bit_length() - n.bit_length() + 1
        while (n << (p + 1 + 2000)) > (twice * d << 2000) or (
            (n << (p + 1 + 2000)) == (twice * d << 2000) and not inclusive
        ):
            p -= 1
        return p

    top, bottom = float(x.max()), float(x.min())
    limits = [most(top, 255, False)] if top > 0 else []
    return min(limits + ([most(bottom, 257, True)] if bottom < 0 else []))


def by_quantizing(x):
    ends = np.array([x.astype(np.float64).max(initial=0), x.astype(np.float64).min(initial=0)])
    if not ends.any():
        return np.int16(0)
    p = 8 - int(np.frexp(ends)[1][np.argmax(np.abs(ends))])
    codes = [np.rint(np.ldexp(ends, p - down)) for down in range(3)]
    return np.int16(p - next(down for down, (top, bottom) in enumerate(codes) if top <= 127 and bottom >= -128))


def by_bisection(x):
    values = [Fraction(float(v)) for v in {x.max(initial=0), x.min(initial=0)} if v]
    low, high = -2000, 2000
    while values and high - low > 1:
        middle = (low + high) // 2
        if all(0 <= round(v * Fraction(2) ** middle) <= 255 for v in values):
            low = middle
        else:
            high = middle
    return low if values else 0


def element_by_element(x):
    best = None
    for v in set(x.reshape(-1).astype(np.float64).tolist()):
        if v:
            p = 32 - math.frexp(v)[1]
            while not -(2**15) <= round(Fraction(v) * Fraction(2) ** p) <= 2**15 - 1:
                p -= 1
            best = p if best is None else min(best, p)
    return float(best or 0)


RIGHT = [
    Right("fractions", "quantize", in_fractions, Q8),
    Right("decimal", "quantize", in_decimals),
    Right("bits of the float", "quantize", in_bits, Q8),
    Right("float64 inside", "quantize", in_float64, Q8),
    Right("blocks", "quantize", in_blocks, {"dtype": "float64"}),
    Right("where", "quantize", by_where, {**Q8, "dtype": "float16"}),
    Right("divmod", "quantize", by_divmod, {"dtype": "bfloat16"}),
    Right("round", "quantize", by_builtin_round),
    Right("frexp", "quantize", by_frexp, {**Q8, "overflow": "wrap"}),
    Right("halves away", "quantize", rounds_away_exactly, {"bits": 4, "signed": False, "rounding": "half_away"}),
    Right("magic number", "quantize", with_the_magic_number, {"bits": 16}),
    Right("clips first", "quantize", clips_first, Q8),
    Right("floats", "quantize", in_floats, {"dtype": "float16"}),
    Right("fractions", "dequantize", dequantized_by_fractions("float32")),
    Right("fractions, bfloat16", "dequantize", dequantized_by_fractions("bfloat16"), {"dtype": "bfloat16"}),
    Right("true division", "dequantize", by_true_division, {"dtype": "float64"}),
    Right("sticky bit", "dequantize", with_a_sticky_bit),
    Right("packed bytes", "dequantize", by_packing, {"dtype": "float16"}),
    Right("decimal", "dequantize", in_decimals_back, {"dtype": "float64"}),
    Right("integer ratio", "fraction_bits", by_ratio),
    Right("quantizing", "fraction_bits", by_quantizing, {"dtype": "float64"}),
    Right("bisection", "fraction_bits", by_bisection, {"signed": False}),
    Right("element by element", "fraction_bits", element_by_element, {"bits": 16}),
]

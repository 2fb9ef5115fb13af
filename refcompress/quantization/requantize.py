"""Requantization: q = round(acc * multiplier * 2^(shift - 31)) + zero_point, on integers alone.

The int32 accumulator of a layer becomes a code of the next one: its factor s_x * s_w / s_y is held as an integer
multiplier in [2^30, 2^31) and a shift, positive to the left. The product has at most 62 bits, so that int64 holds it
exactly; what implementations do not agree on is how often, and which way, it is rounded: see ``rounding``.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.rounding import code_dtype, code_range

BLOCK = 65_536  # elements a pass: the int64 scratch stays in the processor's cache
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
SHIFT_LIMIT = 31

Addend = Callable[[Array, int], Array | int]

# rounding word -> what is added to a product p before floor(p / 2^n) = p >> n, for n >= 1
ADDEND: dict[str, Addend] = {
    "half_up": lambda p, n: 1 << (n - 1),
    "half_down": lambda p, n: (1 << (n - 1)) - 1,
    "half_even": lambda p, n: ((1 << (n - 1)) - 1) + ((p >> n) & 1),
    "half_odd": lambda p, n: (1 << (n - 1)) - ((p >> n) & 1),
    "half_away": lambda p, n: (1 << (n - 1)) - (p < 0),
    "floor": lambda p, n: 0,
    "ceil": lambda p, n: (1 << n) - 1,
    "toward_zero": lambda p, n: np.where(p < 0, (1 << n) - 1, 0),
    "away_from_zero": lambda p, n: np.where(p < 0, 0, (1 << n) - 1),
}

# rounding words of two roundings -> how the first one, of the high multiply, takes halves
HIGH_MULTIPLY = {"double": "half_away", "gemmlowp": "half_up"}

REQUANTIZE_WORDS = (*ADDEND, *HIGH_MULTIPLY, "float")


def requantize(
    acc: npt.ArrayLike,
    multiplier: int,
    shift: int,
    zero_point: int = 0,
    *,
    bits: int = 8,
    signed: bool = True,
    rounding: str = "half_up",
) -> Array:
    """Requantize accumulators: q = saturate(round(acc * multiplier * 2^(shift - 31)) + zero_point).

    Parameters
    ----------
    acc : array_like of int
        Accumulators of any shape and integer dtype whose values fit int32.
    multiplier : int
        2^30 to 2^31 - 1: the significand of the factor, with 31 bits behind the point.
    shift : int
        -31 to 31, positive to the left.
    zero_point : int
        The code of 0, added after rounding.
    bits : int
        Width of a code, 2 to 32.
    signed : bool
        Codes [-2^(bits-1), 2^(bits-1) - 1], or [0, 2^bits - 1].
    rounding : str
        One rounding of the exact product:

        - half_up (default): TFLite's single rounding, (acc * multiplier + 2^(30 - shift)) >> (31 - shift);
        - half_down, half_even, half_odd, half_away, floor, ceil, toward_zero, away_from_zero.

        Two roundings, that of acc * multiplier * 2^-31 to an integer and that of its division by 2^-shift. A left
        shift moves acc first, and saturates it to int32: in C++ that overflow is undefined, ARM's SQSHL saturates.

        - double: both take halves away from zero;
        - gemmlowp: the first takes halves up, the second away from zero. This is what the C++ code does, whose nudge
          of 1 - 2^30 in a truncating division leaves halves of negative products alone, and ARM's SQRDMULH. It parts
          from double where acc * multiplier = -(k + 1/2) * 2^31: acc = -1, multiplier = 2^30, shift = 0 gives 0 and
          double -1.

        In floating point:

        - float: acc, the factor multiplier * 2^(shift - 31), and their product are each rounded to float32, and the
          product to an integer, always half to even.

    Returns
    -------
    numpy.ndarray
        Integers of the shape of acc: the smallest of int8 to int32 (or uint8 to uint32) that holds ``bits``.

    Raises
    ------
    ValueError
        For an acc outside int32; for a multiplier, shift or zero_point outside the ranges above.
    TypeError
        For an acc that does not hold integers, or another input that is no integer.

    See Also
    --------
    quantize_multiplier : From a real factor to multiplier and shift.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 2.2 and appendix B, 2018. Arm Architecture Reference Manual for A-profile, SQRDMULH, SRSHL and SQSHL.

    Examples
    --------
    >>> requantize([7984, -7984, 2**31 - 1], 1583594044, -9)
    array([ 11, -11, 127], dtype=int8)
    >>> requantize([7984, -7984, 2**31 - 1], 1583594044, -9, rounding="double")
    array([ 12, -12, 127], dtype=int8)
    """
    array = _accumulators(acc)
    bits = arguments.integer(bits, "bits", 2, 32)
    low, high = code_range(bits, signed=arguments.boolean(signed, "signed"))
    multiplier = arguments.integer(multiplier, "multiplier", 2**30, INT32_MAX)
    shift = arguments.integer(shift, "shift", -SHIFT_LIMIT, SHIFT_LIMIT)
    zero_point = arguments.integer(zero_point, "zero_point", low, high)
    arguments.choice(rounding, "rounding", REQUANTIZE_WORDS)
    flat = array.reshape(-1)
    codes = np.empty(array.size, code_dtype(bits, signed=signed))
    scratch = np.empty(min(BLOCK, array.size), np.int64)
    for start in range(0, array.size, BLOCK):
        block = flat[start : start + BLOCK]
        scaled = scale_accumulators(block, multiplier, shift, rounding, scratch[: block.size])
        np.clip(scaled, low - zero_point, high - zero_point, out=scaled)
        # the difference may not fit a code, but the sum does: both are taken modulo its width, in a fast pass
        np.copyto(codes[start : start + BLOCK], scaled, casting="unsafe")
    codes += codes.dtype.type(zero_point)
    return codes.reshape(array.shape)


def _accumulators(acc: npt.ArrayLike) -> Array:
    """Return an array of integers that fit int32."""
    array = arguments.integer_array(acc, "acc")
    if not np.can_cast(array.dtype, np.int32) and array.size:
        outside = (array < INT32_MIN) | (array > INT32_MAX)
        if outside.any():
            arguments.refuse_element("acc", array, outside, "an accumulator is an int32")
    return array


def scale_accumulators(acc: Array, multiplier: int, shift: int, rounding: str, out: Array | None = None) -> Array:
    """Return acc * multiplier * 2^(shift - 31) rounded to int64, before the zero point and saturation; unchecked.

    Examples
    --------
    >>> scale_accumulators(np.array([7984, 2**31 - 1], np.int32), 1583594044, -9, "half_up")
    array([     11, 3092957])
    """
    if rounding == "float":
        factor = np.float32(math.ldexp(multiplier, shift - 31))
        np.copyto(out := _scratch(acc, out), np.rint(acc.astype(np.float32) * factor), casting="unsafe")
        return out
    if rounding in HIGH_MULTIPLY:
        moved = np.clip(acc.astype(np.int64) << max(shift, 0), INT32_MIN, INT32_MAX)
        product = np.multiply(moved, multiplier, out=_scratch(acc, out))
        return _round_shift(_round_shift(product, 31, HIGH_MULTIPLY[rounding]), max(-shift, 0), "half_away")
    product = np.multiply(acc, multiplier, out=_scratch(acc, out), dtype=np.int64)
    return _round_shift(product, 31 - shift, rounding)


def _scratch(acc: Array, out: Array | None) -> Array:
    return np.empty(acc.shape, np.int64) if out is None else out


def _round_shift(p: Array, n: int, rounding: str) -> Array:
    """Replace p by p * 2^-n, rounded to an integer."""
    if n > 0:
        p += ADDEND[rounding](p, n)
        p >>= n
    return p


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Write a positive factor as multiplier * 2^(shift - 31): the multiplier has 31 bits, halves rounded up.

    Exact for a float32 and for every product that has at most 31 significant bits.

    Parameters
    ----------
    real : float
        The factor s_x * s_w / s_y, from 2^-32 to below 2^31: what a shift of -31 to 31 reaches.

    Returns
    -------
    multiplier, shift : int
        The inputs of ``requantize``.

    Raises
    ------
    ValueError
        For a factor that is 0, negative, not finite, or outside that range.
    TypeError
        For what is no number.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 2.2, 2018.

    Examples
    --------
    >>> quantize_multiplier(0.75), quantize_multiplier(1 - 2.0**-40)
    ((1610612736, 0), (1073741824, 1))
    """
    number = arguments.real_number(real, "real")
    significand, shift = math.frexp(number)
    multiplier = (int(math.ldexp(significand, 53)) + (1 << 21)) >> 22  # 53 bits to 31
    if multiplier == 2**31:  # the significand was rounded up to 1
        multiplier, shift = 2**30, shift + 1
    if number <= 0 or not -SHIFT_LIMIT <= shift <= SHIFT_LIMIT:
        raise ValueError(f"real is {real}: it must be from 2^-32 to below 2^31")
    return multiplier, shift

"""Floats of 4 to 16 bits: the nearest value of a format, exactly rounded once.

A format has numbers s * 2^e with an integer significand |s| < 2^(mantissa_bits + 1); the quantum 2^e follows from the
binade of x, and no e is below that of the subnormals. So rounding to it is: divide x by its quantum, round to an
integer by the rule, and multiply by the quantum.

    y = round(x / quantum) * quantum,    quantum = 2^(max(floor(log2 |x|), e_min) - mantissa_bits)

The quantum is a power of two, read off the bits of x, so that quotient and product are exact, in float32 as in float64:
the quotient has the significand of x, and a magnitude that is that of x or more, or at least 2^mantissa_bits; the
product is a number of the format, or the next one after its largest. The rule does the one rounding that there is.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.rounding import ROUNDING, round_to_integer

BLOCK = 32_768  # elements a pass: the scratch arrays stay in the processor's cache
OVERFLOW_WORDS = ("saturate", "ieee")


@dataclass(frozen=True)
class FloatFormat:
    """One format: a sign bit unless ``signed`` is False, then exponent and mantissa."""

    exponent_bits: int
    mantissa_bits: int
    bias: int
    largest: float
    dtype: str
    """The NumPy dtype (of ml_dtypes, but for float16) that holds its bit patterns."""
    infinite: bool = False
    """Whether there are infinities."""
    nan: bool = True
    """Whether there is a NaN."""
    negative_zero: bool = True
    """Whether zero has a sign."""
    signed: bool = True
    """False: powers of two alone, without a sign and without 0."""

    @property
    def lowest_exponent(self) -> int:
        """e_min, the exponent of the smallest normal number, at and below which the quantum stays the same."""
        return 1 - self.bias if self.signed else -self.bias

    @property
    def smallest(self) -> float:
        """The smallest positive number: subnormal, where the format has such."""
        return float(np.ldexp(1.0, self.lowest_exponent - self.mantissa_bits))

    @property
    def bits(self) -> int:
        """The width of a pattern."""
        return self.signed + self.exponent_bits + self.mantissa_bits


# format word -> what it is. The suffixes are those of LLVM and ml_dtypes: F no infinities, N a NaN of its own, UZ zero
# without a sign, whose place the NaN takes.
FORMATS = MappingProxyType(
    {
        "e4m3fn": FloatFormat(4, 3, 7, 448.0, "float8_e4m3fn"),
        "e5m2": FloatFormat(5, 2, 15, 57344.0, "float8_e5m2", infinite=True),
        "e4m3fnuz": FloatFormat(4, 3, 8, 240.0, "float8_e4m3fnuz", negative_zero=False),
        "e5m2fnuz": FloatFormat(5, 2, 16, 57344.0, "float8_e5m2fnuz", negative_zero=False),
        "e2m3fn": FloatFormat(2, 3, 1, 7.5, "float6_e2m3fn", nan=False),
        "e3m2fn": FloatFormat(3, 2, 3, 28.0, "float6_e3m2fn", nan=False),
        "e2m1fn": FloatFormat(2, 1, 1, 6.0, "float4_e2m1fn", nan=False),
        "e8m0fnu": FloatFormat(8, 0, 127, 2.0**127, "float8_e8m0fnu", negative_zero=False, signed=False),
        "bfloat16": FloatFormat(8, 7, 127, 255 * 2.0**120, "bfloat16", infinite=True),
        "float16": FloatFormat(5, 10, 15, 65504.0, "float16", infinite=True),
    }
)
FLOAT8 = ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz")


def cast_float8(
    x: npt.ArrayLike, *, format: str = "e4m3fn", overflow: str = "saturate", rounding: str = "half_even"
) -> Array:
    """Cast to an 8-bit float: the value of the format that x rounds to, exactly rounded once.

    A NaN stays one. Whether a number overflows is decided after rounding it as if the exponent range had no end: with
    e4m3fn, whose largest number is 448, 464 is a tie between 448 and 480 and gives 448, and 465 overflows.

    ============== ======================================= ==========================================
    x              overflow="saturate"                     overflow="ieee"
    ============== ======================================= ==========================================
    overflows      the largest number, with the sign of x  e5m2: infinity; the others: NaN. A rule that
                                                           rounds toward 0 there: the largest number
    infinite       the same                                e5m2: infinity; the others: NaN
    -0             -0; +0 in the UZ formats                the same
    ============== ======================================= ==========================================

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits, or integers that float64 holds, of any shape.
    format : str
        e4m3fn (default), e5m2, e4m3fnuz or e5m2fnuz.
    overflow : str
        saturate (default) or ieee: see above.
    rounding : str
        half_even (default), half_away, half_up, half_down, half_odd, floor, ceil, toward_zero or away_from_zero.

    Returns
    -------
    numpy.ndarray
        The values as float32, in the shape of x; ``encode`` gives the bytes.

    Raises
    ------
    ValueError
        For a setting outside the lists above.
    TypeError
        For an x that holds no numbers.

    See Also
    --------
    round_to_format : The same for other formats.

    References
    ----------
    Open Compute Project, "OCP 8-bit Floating Point Specification (OFP8)", revision 1.0, section 5.2, table 3, 2023: the
    saturating mode gives the largest number for what overflows and for infinities, the other mode NaN (E4M3) or
    infinity (E5M2). IEEE 754-2019, sections 4.3 and 7.4, for the rules that round toward zero. ONNX, "Cast", opset 19,
    for the UZ formats.

    Examples
    --------
    >>> cast_float8([1.06, 1.0625, 464, 465, -0.001, np.inf])
    array([ 1.000000e+00,  1.000000e+00,  4.480000e+02,  4.480000e+02,
           -1.953125e-03,  4.480000e+02], dtype=float32)
    >>> cast_float8([464, 465, np.inf], overflow="ieee")
    array([448.,  nan,  nan], dtype=float32)
    """
    return round_to_format(x, arguments.choice(format, "format", FLOAT8), overflow=overflow, rounding=rounding)


def round_to_format(x: npt.ArrayLike, format: str, *, overflow: str = "saturate", rounding: str = "half_even") -> Array:
    """Round to a small float format, exactly once: y = round(x / quantum) * quantum.

    As ``cast_float8``, for any format of ``FORMATS``. Those without NaN (e2m3fn, e3m2fn, e2m1fn) refuse what would be
    one. e8m0fnu, the scale of microscaling blocks, has the powers of two from 2^-127 to 2^127 alone: what is positive
    and below gives 2^-127, a negative number NaN, and 0 gives 2^-127 where it saturates, else NaN. Its significands are
    all odd: half_even takes the larger of two that are equally near.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits, or integers that float64 holds, of any shape.
    format : str
        e4m3fn, e5m2, e4m3fnuz, e5m2fnuz, e2m3fn, e3m2fn, e2m1fn, e8m0fnu, bfloat16 or float16.
    overflow, rounding : str
        As for ``cast_float8``.

    Returns
    -------
    numpy.ndarray
        The values as float32, which holds every number of every format, in the shape of x.

    Raises
    ------
    ValueError
        For a NaN where the format has none, or with ``overflow="ieee"`` an overflow where it has no infinity either.
    TypeError
        For an x that holds no numbers.

    References
    ----------
    Open Compute Project, "OCP Microscaling Formats (MX) Specification", version 1.0, section 5.3, 2023, for the 6-bit
    and 4-bit floats; section 5.4 for E8M0. IEEE 754-2019, section 4.3.1: of two equally near numbers without an even
    significand the larger in magnitude is delivered.

    Examples
    --------
    >>> round_to_format([0.2, 0.25, 2.5, 7.0, -9.0], "e2m1fn")
    array([ 0.,  0.,  2.,  6., -6.], dtype=float32)
    """
    array = arguments.float_array(x, "x")
    target = FORMATS[arguments.choice(format, "format", FORMATS)]
    arguments.choice(overflow, "overflow", OVERFLOW_WORDS)
    arguments.choice(rounding, "rounding", ROUNDING)
    if not target.nan:
        _refuse_nan(array, f"{format} has no nan")
    values = round_by(array, target, overflow, rounding)
    if not target.nan and np.isnan(values).any():
        must = f"it overflows, and {format} has neither an infinity nor a nan"
        arguments.refuse_element("x", array, np.isnan(values), must)
    return values


def round_by(x: Array, target: FloatFormat, overflow: str, rounding: str) -> Array:
    """Round floats to any format: see ``round_to_format``; a NaN where the format has no value."""
    flat, values = x.reshape(-1), np.empty(x.size, np.float32)
    work = _work_dtype(x.dtype, target)
    bring_into_range = _saturated if overflow == "saturate" else _ieee
    with np.errstate(all="ignore"):  # a signalling nan; numbers of the format below float32's normal ones
        for start in range(0, x.size, BLOCK):
            block = flat[start : start + BLOCK].astype(work, copy=False)
            y = bring_into_range(block, target, rounding)
            if not target.negative_zero:
                y += 0.0  # -0 + 0 = +0
            values[start : start + BLOCK] = y if target.signed else _without_sign(block, y, overflow)
    return values.reshape(x.shape)


def _refuse_nan(x: Array, must: str) -> None:
    with np.errstate(invalid="ignore"):  # a signalling nan
        if np.isnan(x).any():
            arguments.refuse_element("x", x, np.isnan(x), must)


def _work_dtype(dtype: np.dtype[Any], target: FloatFormat) -> np.dtype[Any]:
    # float32 where it holds x and, as normal numbers, every quantum
    narrow = dtype.itemsize <= 4 and target.lowest_exponent - target.mantissa_bits >= -126
    return np.dtype(np.float32 if narrow else np.float64)


def quantum_of(x: Array, target: FloatFormat) -> Array:
    """Return the quantum of each float32 or float64: the distance of the numbers of the format around it.

    The exponent field of x alone is the power of two below |x|, and takes the mantissa's width off by a subtraction.
    """
    width, bias = (23, 127) if x.dtype.itemsize == 4 else (52, 1023)
    fields: Array = x.view(f"i{x.dtype.itemsize}") & ((2 * bias + 1) << width)
    np.maximum(fields, (target.lowest_exponent + bias) << width, out=fields)
    fields -= target.mantissa_bits << width
    return fields.view(x.dtype)


def _rounded(x: Array, target: FloatFormat, rounding: str) -> Array:
    """Round as if the exponent range had no end; x must be at most twice the largest number."""
    quantum = quantum_of(x, target)
    y = round_to_integer(x / quantum, rounding)
    y *= quantum
    return y


def _saturated(x: Array, target: FloatFormat, rounding: str) -> Array:
    # what lies outside rounds to what the largest number does: itself
    return _rounded(np.clip(x, -target.largest, target.largest), target, rounding)


def _ieee(x: Array, target: FloatFormat, rounding: str) -> Array:
    y = _rounded(np.clip(x, -2 * target.largest, 2 * target.largest), target, rounding)
    over = np.abs(y) > target.largest
    if over.any():
        beyond = x[over]
        rule = ROUNDING[rounding]  # one that leaves a fraction of 3/4 down rounds toward zero there
        up = rule(np.full(beyond.shape, 0.75), np.ones(beyond.shape, bool), np.signbit(beyond))
        magnitude = np.where(up | np.isinf(beyond), np.inf if target.infinite else np.nan, target.largest)
        y[over] = np.copysign(magnitude, beyond)
    return y


def _without_sign(x: Array, y: Array, overflow: str) -> Array:
    """Return the powers of two that numbers rounded to at least one half of the smallest stand for."""
    smallest = 2.0**-127
    zero = smallest if overflow == "saturate" else np.nan
    return np.where(x == 0, zero, np.where(x < 0, np.nan, np.maximum(y, smallest)))


def encode(x: npt.ArrayLike, format: str, *, overflow: str = "saturate", rounding: str = "half_even") -> Array:
    """Round to a format and return the bit patterns.

    Parameters
    ----------
    x : array_like
        As for ``round_to_format``, and so the settings.
    format : str
        A word of ``FORMATS``.
    overflow, rounding : str
        As for ``round_to_format``.

    Returns
    -------
    numpy.ndarray
        uint8, or uint16 for bfloat16 and float16; patterns of 4 and 6 bits in the low bits. A NaN has one pattern, or
        one for each sign.

    See Also
    --------
    decode : The way back.

    Examples
    --------
    >>> encode([1.0, -448, np.nan], "e4m3fn").tolist() == [0x38, 0xFE, 0x7F]
    True
    """
    values = round_to_format(x, format, overflow=overflow, rounding=rounding)
    dtype = _pattern_dtype(format)
    return values.astype(dtype).view(f"u{dtype.itemsize}")  # exact: each is a value of the format


def decode(patterns: npt.ArrayLike, format: str) -> Array:
    """Return the values of bit patterns of a format.

    Parameters
    ----------
    patterns : array_like of int
        As ``encode`` gives them, of any integer dtype and shape.
    format : str
        A word of ``FORMATS``.

    Returns
    -------
    numpy.ndarray
        float32 values in the shape of the patterns.

    Raises
    ------
    ValueError
        For a pattern that is negative or has more bits than the format.
    TypeError
        For patterns that are no integers.

    Examples
    --------
    >>> decode([0x7E, 0x7F, 0x80, 0x01], "e4m3fn")
    array([ 4.480000e+02,           nan, -0.000000e+00,  1.953125e-03],
          dtype=float32)
    """
    array = arguments.integer_array(patterns, "patterns")
    target = FORMATS[arguments.choice(format, "format", FORMATS)]
    outside = (array < 0) | (array >= 2**target.bits)
    if outside.any():
        arguments.refuse_element("patterns", array, outside, f"{format} has patterns from 0 to {2**target.bits - 1}")
    dtype = _pattern_dtype(format)
    with np.errstate(invalid="ignore"):
        return array.astype(f"u{dtype.itemsize}").view(dtype).astype(np.float32)


def _pattern_dtype(format: str) -> np.dtype[Any]:
    name = FORMATS[format].dtype
    if name == "float16":
        return np.dtype(np.float16)
    import ml_dtypes

    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype

"""Fixed-point quantization: Q(x) = round(x * 2^p), and back: x' = q * 2^-p.

``p`` is the number of fraction bits: a code q stands for the number q * 2^-p. The product x * 2^p is exact (it moves
the binary point), then it is rounded once; with ``bits`` the result is brought into the range of the codes.
"""

import functools
import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.rounding import (
    OVERFLOW,
    ROUNDING_WORDS,
    UFUNC,
    code_dtype,
    code_range,
    keep_from_zero,
    round_shifted,
    round_to_integer,
)

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
BLOCK = 65_536  # elements a pass: the scratch arrays stay in the processor's cache
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
P_LIMIT = 2**31 - 1

# dtype -> (bits of the significand, exponent of the smallest subnormal)
FLOAT_FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}


def quantize(
    x: npt.ArrayLike,
    p: int,
    *,
    bits: int | None = None,
    signed: bool = True,
    rounding: str = "half_even",
    overflow: str = "saturate",
    narrow_range: bool = False,
    generator: "np.random.Generator | None" = None,
) -> Array:
    """Quantize to fixed point: Q(x) = round(x * 2^p).

    The result is as if x * 2^p were computed exactly and rounded once, for every finite x and every p.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits (bfloat16 and the 8-bit floats included) or integers, of any shape.
    p : int
        Fraction bits; negative p gives steps above 1.
    bits : int, optional
        Width of a code, 2 to 32. Without it the result is int64, a value outside int64 is an error, and ``signed``,
        ``overflow`` and ``narrow_range`` have nothing to act on.
    signed : bool
        Codes [-2^(bits-1), 2^(bits-1) - 1], or [0, 2^bits - 1].
    rounding : str
        half_even (default), half_away, half_up, half_down, half_odd, floor, ceil, toward_zero, away_from_zero, or
        stochastic (up with a probability equal to the fraction).
    overflow : str
        saturate clips to the range; wrap takes the code modulo the number of codes.
    narrow_range : bool
        Drop the most negative code, so that a signed range is symmetric.
    generator : numpy.random.Generator, optional
        The source of randomness that ``rounding="stochastic"`` needs.

    Returns
    -------
    numpy.ndarray
        Integers of the shape of x: the smallest of int8 to int32 (or uint8 to uint32) that holds ``bits``, else int64.

    Raises
    ------
    ValueError
        For a NaN; for an infinity, unless ``bits`` with ``overflow="saturate"`` gives it a value; for a code outside
        int64 when there are no ``bits``; for a setting outside the lists above.
    TypeError
        For an x that holds no numbers, or a p that is no integer.

    See Also
    --------
    dequantize : The way back.
    fraction_bits : The largest p for which nothing saturates.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 2.1, 2018. IEEE 754-2019, section 4.3, for the rounding directions.

    Examples
    --------
    >>> quantize([0.5, 1.5, 2.5, -0.3], 0)
    array([0, 2, 2, 0])
    >>> quantize([0.5, 100.0], 4, bits=8)
    array([  8, 127], dtype=int8)
    """
    array = arguments.real_array(x, "x")
    p = arguments.integer(p, "p", -P_LIMIT, P_LIMIT)
    bits = None if bits is None else arguments.integer(bits, "bits", 2, 32)
    _check_settings(signed, rounding, overflow, narrow_range, generator)
    low, high = (INT64_MIN, INT64_MAX) if bits is None else code_range(bits, signed=signed, narrow_range=narrow_range)
    mode = "refuse" if bits is None else overflow
    convert = _integer_codes if arguments.is_integer(array.dtype) else _float_codes
    flat = array.reshape(-1)  # C order; a copy only where the memory is in another
    codes = np.empty(array.size, code_dtype(bits, signed=signed))
    scratch = np.empty(min(BLOCK, array.size), _work_dtype(array.dtype, p, high, mode))
    for start in range(0, array.size, BLOCK):
        block = flat[start : start + BLOCK]
        q, refused = convert(block, p, low, high, mode, rounding, generator, scratch[: block.size])
        if refused is not None:
            _refuse(array, p, start + int(np.argmax(refused)))
        np.copyto(codes[start : start + BLOCK], q, casting="unsafe")
    return codes.reshape(array.shape)


def _check_settings(
    signed: bool,
    rounding: str,
    overflow: str,
    narrow_range: bool,
    generator: "np.random.Generator | None",
) -> None:
    arguments.boolean(signed, "signed")
    arguments.boolean(narrow_range, "narrow_range")
    arguments.choice(rounding, "rounding", ROUNDING_WORDS)
    arguments.choice(overflow, "overflow", OVERFLOW)
    if rounding == "stochastic" and not isinstance(generator, np.random.Generator):
        raise TypeError(f"generator is {generator!r}: rounding='stochastic' needs a numpy.random.Generator")


def _work_dtype(dtype: np.dtype[Any], p: int, high: int, mode: str) -> np.dtype[Any]:
    # float32 is enough where the product is exact in it, or past every code, and it holds every code
    exact = dtype.itemsize <= 4 and 0 <= p <= 127 and high < 2**24 and mode == "saturate"
    return FLOAT32 if exact else FLOAT64


@functools.cache
def _ends(low: int, high: int, dtype: np.dtype[Any]) -> tuple[Array, Array]:
    """Return both ends of the codes as 0-d arrays, which ``clip`` takes faster than numbers."""
    return np.array(low, dtype), np.array(high, dtype)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def _float_codes(
    x: Array,
    p: int,
    low: int,
    high: int,
    mode: str,
    rounding: str,
    generator: "np.random.Generator | None",
    scratch: Array,
) -> tuple[Array, Array | None]:
    """Return the codes of a block of floats, still as floats, and which have none (None where all have one)."""
    v = _exact_product(x, p, scratch)
    q = UFUNC[rounding](v, out=v) if rounding in UFUNC else round_to_integer(v, rounding, generator)
    if mode == "saturate":
        q.clip(*_ends(low, high, q.dtype), out=q)
        # one test a block: a maximum is nan where any code is
        return q, np.isnan(q) if math.isnan(np.maximum.reduce(q)) else None
    if mode == "refuse":
        fits = q.min() >= -(2.0**63) and q.max() < 2.0**63  # false for nan too
        return q, None if fits else ~((q >= -(2.0**63)) & (q < 2.0**63))
    if not np.isfinite(x).all():
        return q, ~np.isfinite(x)
    # past 2^53 nothing was rounded, and the product may be infinite: from significand * 2^exponent
    large = np.abs(q) >= 2.0**53
    q[large] = _residues(x[large].astype(np.float64), p, high - low + 1)
    return OVERFLOW[mode](q, low, high), None


def _exact_product(x: Array, p: int, out: Array) -> Array:
    """Write x * 2^p to out: exact, but infinite past the largest float, and kept from 0."""
    if -1022 <= p <= 1023:
        np.multiply(x, math.ldexp(1.0, p), out=out, dtype=out.dtype)  # else float32 times a number is float32
    else:
        np.ldexp(x.astype(np.float64), p, out=out)
    if p < 0 and (x.dtype.itemsize == 8 or p < -800):
        keep_from_zero(out, x)
    return out


def _residues(x: Array, p: int, codes: int) -> Array:
    """Return x * 2^p modulo the number of codes, for floats whose product is an integer."""
    fraction, exponent = np.frexp(x)
    significand = np.ldexp(fraction, 53).astype(np.int64) % codes
    exponent = exponent.astype(np.int64) + (p - 53)  # at least 0 here, since |x * 2^p| >= 2^53
    cycle = codes.bit_length() if codes & 1 else 0  # codes = 2^b - 1 (narrow): 2^b = 1 modulo it
    power = exponent % cycle if cycle else np.minimum(exponent, 32)  # codes = 2^b: nothing is left from b <= 32 on
    return np.asarray((significand << power) % codes, np.float64)


def _sign_and_magnitude(q: Array) -> tuple[Array, Array]:
    """Return which integers are negative, and their magnitudes as uint64, that of the smallest int64 included."""
    negative, magnitude = q < 0, q.astype(np.uint64)
    return negative, np.where(negative, 0 - magnitude, magnitude)


def _integer_codes(
    x: Array,
    p: int,
    low: int,
    high: int,
    mode: str,
    rounding: str,
    generator: "np.random.Generator | None",
    scratch: Array,
) -> tuple[Array, Array | None]:
    """Return the codes of a block of integers as int64, and which have none (None where all have one)."""
    negative, magnitude = _sign_and_magnitude(x)
    if p < 0:
        magnitude = round_shifted(magnitude, negative, min(-p, 128), rounding, generator)  # 64 bits: all gone by 128
        p = 0
    if mode == "wrap":
        codes = high - low + 1
        residue = (magnitude % np.uint64(codes)) * np.uint64(pow(2, p, codes)) % np.uint64(codes)
        signed = residue.astype(np.int64)
        return OVERFLOW[mode](np.where(negative, -signed, signed), low, high), None
    fits = magnitude <= np.where(negative, np.uint64(-low >> p), np.uint64(high >> p))
    refused = ~fits if mode == "refuse" and not fits.all() else None
    shifted = magnitude << np.uint64(min(p, 63))  # of no meaning where it does not fit
    value = np.where(negative, 0 - shifted, shifted).view(np.int64)
    return np.where(fits, value, np.where(negative, low, high)), refused


def _refuse(x: Array, p: int, flat_index: int) -> NoReturn:
    """Raise for the first element that has no code."""
    index = tuple(int(i) for i in np.unravel_index(flat_index, x.shape))
    value = x[index]
    where = f"{arguments.place('x', index)} is {value}"
    if not math.isfinite(value):
        hint = "" if math.isnan(value) else " (infinity saturates with bits and overflow='saturate')"
        raise ValueError(f"{where}: only finite values can be quantized{hint}")
    raise ValueError(f"{where}: its code at p = {p} does not fit int64; with bits it is saturated or wrapped")


def dequantize(q: npt.ArrayLike, p: int, *, dtype: npt.DTypeLike = "float32") -> Array:
    """Dequantize fixed-point codes: x' = q * 2^-p, correctly rounded to the asked dtype.

    Rounded once, half to even, subnormals included; past the largest float it is infinite, as IEEE 754 rounds.

    Parameters
    ----------
    q : array_like of int
        The codes, any integer dtype and shape.
    p : int
        Fraction bits.
    dtype : dtype
        float16, bfloat16, float32 (default) or float64.

    Returns
    -------
    numpy.ndarray
        Floats of the shape of q.

    Raises
    ------
    ValueError
        For another dtype.
    TypeError
        For a q that does not hold integers, or a p that is no integer.

    See Also
    --------
    quantize : The way there; quantize(dequantize(q, p), p) is q where nothing was rounded.

    References
    ----------
    IEEE 754-2019, section 4.3.1, roundTiesToEven.

    Examples
    --------
    >>> dequantize([-8, 3, 127], 4)
    array([-0.5   ,  0.1875,  7.9375], dtype=float32)
    """
    array = arguments.integer_array(q, "q")
    p = arguments.integer(p, "p", -P_LIMIT, P_LIMIT)
    target = float_dtype(dtype)
    flat = array.reshape(-1)
    values = np.empty(array.size, target)
    plain = array.dtype.itemsize <= 4 and abs(p) <= 900 and target.name != "bfloat16"
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, array.size, BLOCK):
            block = flat[start : start + BLOCK]
            if plain:  # the product is exact in float64, so that storing it is the one rounding
                v = np.multiply(block, math.ldexp(1.0, -p), dtype=np.float64)
            else:
                v = _scale_integers(block, p, *FLOAT_FORMATS[target.name])
            values[start : start + BLOCK] = v
    return values.reshape(array.shape)


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the NumPy dtype of a word or a dtype: float16, bfloat16, float32 or float64."""
    if isinstance(dtype, str) and dtype == "bfloat16":
        import ml_dtypes

        dtype = ml_dtypes.bfloat16
    try:
        target = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError):  # NumPy raises either for what is no dtype
        target = None
    if target is None or target.name not in FLOAT_FORMATS:
        raise ValueError(f"dtype is {arguments.shown(dtype)}: it must be one of {', '.join(FLOAT_FORMATS)}")
    return target


def _scale_integers(q: Array, p: int, precision: int, lowest: int) -> Array:
    """Round q * 2^-p to floats of ``precision`` bits whose smallest subnormal is 2^lowest, held as float64."""
    negative, magnitude = _sign_and_magnitude(q)
    high, low = magnitude >> np.uint64(32), magnitude & np.uint64(0xFFFFFFFF)
    length = np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, np.frexp(low.astype(np.float64))[1])
    quantum = np.maximum(length.astype(np.int64) - p - precision, lowest)  # exponent of the last place
    drop = np.maximum(quantum + p, 0)
    rounded = round_shifted(magnitude, negative, drop, "half_even").astype(np.float64)  # at most 2^precision
    v = np.ldexp(rounded, np.minimum(drop - p, 4000).astype(np.int32))  # no less than -1074, or -p
    return np.asarray(np.where(negative, -v, v))


def fraction_bits(x: npt.ArrayLike, *, bits: int = 8, signed: bool = True) -> int:
    """Return the largest p for which no element saturates: round(x * 2^p) stays in [q_min, q_max].

    The largest element decides it, rounded half to even: q_max is odd, so that x * 2^p must stay below q_max + 1/2;
    and q_min is even, so that it may fall to q_min - 1/2.

    Parameters
    ----------
    x : array_like
        Finite floats or integers of any shape.
    bits : int
        Width of a code, 2 to 32.
    signed : bool
        Codes [-2^(bits-1), 2^(bits-1) - 1], or [0, 2^bits - 1]. Unsigned, a negative element allows a p only for
        which it rounds to 0.

    Returns
    -------
    int
        p, which may be negative; 0 for an x that is empty or all zero.

    Raises
    ------
    ValueError
        For a NaN or an infinity.
    TypeError
        For an x that holds no numbers.

    See Also
    --------
    quantize : What p is for.

    Examples
    --------
    >>> fraction_bits([0.5, -0.25]), fraction_bits([127.49]), fraction_bits([127.5])
    (7, 0, -1)
    """
    array = arguments.real_array(x, "x")
    bits = arguments.integer(bits, "bits", 2, 32)
    low, high = code_range(bits, signed=arguments.boolean(signed, "signed"))
    arguments.finite(array, "x", "quantized")
    if array.size == 0:
        return 0
    largest, smallest = array.max().item(), array.min().item()
    limits = []
    if largest > 0:
        limits.append(_largest_p(largest, 2 * high + 1, inclusive=False))
    if smallest < 0:
        limits.append(_largest_p(-smallest, 2 * -low + 1, inclusive=True))
    return min(limits, default=0)


def _largest_p(magnitude: float, twice_limit: int, *, inclusive: bool) -> int:
    """Return the largest p with 2 * magnitude * 2^p below (or at) twice_limit, in integers."""
    n, d = magnitude.as_integer_ratio()  # d is a power of two
    left, right = 2 * n, twice_limit * d
    p = right.bit_length() - left.bit_length()  # moves both to one length: it is this p, or the one below
    left, right = left << max(p, 0), right << max(-p, 0)
    return p if left < right or (inclusive and left == right) else p - 1

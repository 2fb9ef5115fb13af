"""The rounding rules and the overflow rules: one table, a row a rule.

To round v is to write |v| = whole + fraction, with whole an integer and 0 <= fraction < 1, and to decide whether the
magnitude goes up to whole + 1. ``ROUNDING`` holds that decision for every word. To bring an integer q into
[low, high] is to clip it (``saturate``) or to take it modulo the number of codes (``wrap``); ``OVERFLOW`` holds both.
The rules see exact magnitudes only: how a caller makes them exact is the caller's affair.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import NATIVE_FLOATS, Array

Rule = Callable[[Array, Array, Array], Array]

# rounding word -> does the magnitude go up, given its fraction, whether its whole part is odd, and the sign
ROUNDING: dict[str, Rule] = {
    "half_even": lambda fraction, odd, negative: (fraction > 0.5) | ((fraction == 0.5) & odd),
    "half_away": lambda fraction, odd, negative: fraction >= 0.5,
    "half_up": lambda fraction, odd, negative: (fraction > 0.5) | ((fraction == 0.5) & ~negative),
    "half_down": lambda fraction, odd, negative: (fraction > 0.5) | ((fraction == 0.5) & negative),
    "half_odd": lambda fraction, odd, negative: (fraction > 0.5) | ((fraction == 0.5) & ~odd),
    "floor": lambda fraction, odd, negative: (fraction > 0) & negative,
    "ceil": lambda fraction, odd, negative: (fraction > 0) & ~negative,
    "toward_zero": lambda fraction, odd, negative: np.zeros_like(negative),
    "away_from_zero": lambda fraction, odd, negative: fraction > 0,
}

# The rules for which NumPy has an exact ufunc: the same results as the rows above, in one pass.
UFUNC = {"half_even": np.rint, "floor": np.floor, "ceil": np.ceil, "toward_zero": np.trunc}

# What the reference accepts; ``stochastic`` needs a generator and so cannot be tested on another implementation.
ROUNDING_WORDS = (*ROUNDING, "stochastic")


def goes_up(
    rounding: str, fraction: Array, odd: Array, negative: Array, generator: "np.random.Generator | None" = None
) -> Array:
    """Decide whether magnitudes go up to the next integer.

    ``stochastic`` goes up with a probability equal to the fraction, taken up to the next multiple of 2^-53 (the
    generator's grid), and never moves an integer.
    """
    if rounding == "stochastic":
        assert generator is not None, "callers check that a generator came"
        return np.asarray(generator.random(fraction.shape) < fraction)
    return ROUNDING[rounding](fraction, odd, negative)


def round_to_integer(value: Array, rounding: str, generator: "np.random.Generator | None" = None) -> Array:
    """Round floats to floats that hold integers, by one of the words; infinities stay.

    The fraction |v| - floor(|v|) is exact in floating point, which v - floor(v) is not: -0.49999999999999994 would
    leave 0.5.
    """
    if rounding in UFUNC:
        return np.asarray(UFUNC[rounding](value))
    magnitude = np.abs(value)
    whole = np.floor(magnitude)
    half = whole * 0.5
    with np.errstate(invalid="ignore"):  # inf - inf: no rule sends a nan up
        up = goes_up(rounding, magnitude - whole, half != np.floor(half), np.signbit(value), generator)
    return np.asarray(np.copysign(whole + up, value))


def round_to_odd(array: Array) -> Array:
    """Round float64 to float32, to the neighbour with an odd significand where the value lies between two.

    The cast of a float64 to bfloat16 or to an 8-bit float goes by way of float32, and two roundings to nearest are not
    one. After a rounding to odd, any second rounding that drops two bits or more gives what a single one would.

    References
    ----------
    Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd",
    section 3, 2008.
    """
    nearest = array.astype(np.float32)
    beside = np.nextafter(nearest, np.where(array > nearest, np.inf, -np.inf).astype(np.float32))
    even = nearest.view(np.uint32) & 1 == 0
    return np.where(even & (nearest != array) & ~np.isnan(array), beside, nearest)


def keep_from_zero(product: Array, x: Array) -> None:
    """Write +-2^-1000 over products that are nearer to 0 though x is not 0: a multiplication may have lost them.

    No rounding rule can tell the stand-in from the product: both lie strictly between 0 and one half.
    """
    tiny = (np.abs(product) < 2.0**-1000) & (x != 0)
    product[tiny] = np.copysign(np.float64(2.0**-1000), x[tiny])  # a float32 has no 2^-1000


def narrow(value: Array, dtype: np.dtype[Any]) -> Array:
    """Round float64 once to a float dtype, half to even: NumPy's own floats directly, others by way of float32."""
    return np.asarray((value if dtype.name in NATIVE_FLOATS else round_to_odd(value)).astype(dtype, copy=False))


def round_shifted(
    magnitude: Array,
    negative: Array,
    shift: Array | int,
    rounding: str,
    generator: "np.random.Generator | None" = None,
) -> Array:
    """Round integers * 2^-shift to integers: magnitudes (uint64) in, rounded magnitudes out.

    ``shift`` >= 0 may differ from element to element. The bits that fall off become a fraction of 53 bits whose last
    bit is sticky, so that 0, one half and the order around them are kept exactly.
    """
    shift = np.broadcast_to(shift, magnitude.shape)
    near = np.minimum(shift, 63).astype(np.uint64)
    whole = np.where(shift < 64, magnitude >> near, np.uint64(0))
    # the bits behind the binary point, as a 64-bit fixed-point fraction
    left = np.where(shift > 0, magnitude << np.clip(64 - shift, 0, 63).astype(np.uint64), np.uint64(0))
    right = magnitude >> np.clip(shift - 64, 0, 63).astype(np.uint64)
    sticky = ((shift > 64) & (magnitude != 0)).astype(np.uint64)  # below one half whatever its bits
    tail = np.where(shift >= 64, right | sticky, left)
    top = (tail >> np.uint64(11)) | ((tail & np.uint64(0x7FF)) != 0).astype(np.uint64)
    fraction = np.ldexp(top.astype(np.float64), -53)
    up = goes_up(rounding, fraction, (whole & np.uint64(1)).astype(bool), negative, generator)
    return np.asarray(whole + up.astype(np.uint64))


def code_range(bits: int, *, signed: bool, narrow_range: bool = False) -> tuple[int, int]:
    """Return q_min and q_max: two's complement or unsigned; ``narrow_range`` drops the most negative code.

    An unsigned range has no negative code, so that ``narrow_range`` leaves it as it is.

    Examples
    --------
    >>> code_range(8, signed=True), code_range(8, signed=True, narrow_range=True), code_range(8, signed=False)
    ((-128, 127), (-127, 127), (0, 255))
    """
    bits = int(bits)  # a shift of one of NumPy's small integers would wrap
    if not signed:
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)) + int(narrow_range), (1 << (bits - 1)) - 1


def saturate(q: Array, low: int, high: int) -> Array:
    """Clip to [low, high]: min(max(q, low), high)."""
    return np.asarray(np.clip(q, low, high))


def wrap(q: Array, low: int, high: int) -> Array:
    """Take q modulo the number of codes: the one integer in [low, high] that differs by a multiple of it.

    For a full range this is two's complement: the lowest ``bits`` bits. Exact for floats that hold integers, since
    the remainder is taken before anything is added.
    """
    codes = high - low + 1
    return np.asarray(np.mod(np.mod(q, codes) - low, codes) + low)


# overflow word -> integers brought into [low, high]
OVERFLOW: dict[str, Callable[[Array, int, int], Array]] = {"saturate": saturate, "wrap": wrap}


@functools.cache
def code_dtype(bits: int | None, *, signed: bool) -> np.dtype[Any]:
    """Return the smallest NumPy integer that holds the codes; int64 without ``bits``."""
    if bits is None:
        return np.dtype(np.int64)
    width = next(w for w in (8, 16, 32) if bits <= w)
    return np.dtype(f"{'int' if signed else 'uint'}{width}")

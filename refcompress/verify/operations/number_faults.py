"""Wrong ways from a number to an integer, and what machines make of integers: what the faults of quantizers share."""

from collections.abc import Callable

import numpy as np

from refcompress.arguments import Array
from refcompress.rounding import OVERFLOW

Change = Callable[[Array], Array]


def plus_half(work: str) -> Change:
    """Compute floor(v + 0.5) in a dtype."""

    def rule(v: Array) -> Array:
        narrow = v.astype(work)
        return np.asarray(np.floor(narrow + narrow.dtype.type(0.5)).astype(np.float64))

    return rule


def magnitude_plus_half(v: Array) -> Array:
    """Compute trunc(v + sign(v) * 0.5), where the sum is rounded."""
    return np.asarray(np.trunc(v + np.copysign(0.5, v)))


def near_ties_to_even(v: Array) -> Array:
    """Take what lies within 1e-5 of a tie for a tie."""
    magnitude = np.abs(v)
    whole = np.floor(magnitude)
    up = np.where(np.abs(magnitude - whole - 0.5) <= 1e-5, whole % 2 == 1, magnitude - whole > 0.5)
    return np.asarray(np.copysign(whole + up, v))


def to_decimals(places: int) -> Change:
    """Round to decimal places."""
    return lambda v: np.asarray(np.round(v, places))


def guard_bits(bits: int) -> Change:
    """Drop what lies more than some bits behind the binary point."""
    return lambda v: np.asarray(np.ldexp(np.floor(np.ldexp(v, bits)), -bits))


def low_bits(bits: int) -> Change:
    """Keep the low bits of floats that hold integers, as a signed integer of that width; 0 past 64 bits."""
    half = 2 ** (bits - 1)
    return lambda v: OVERFLOW["wrap"](np.where(np.abs(v) < 2.0**63, v, 0.0), -half, half - 1)


def cast_to_int32(v: Array) -> Array:
    """Give what a processor's conversion to int32 leaves: -2^31 for what does not fit."""
    return np.where(np.abs(v) < 2.0**31, v, -(2.0**31))


# what a cast to a float dtype is called that does not round to nearest, or chooses otherwise at ties
ROUNDING_SAYS = {
    "toward_zero": "truncates to the dtype instead of rounding to nearest",
    "away_from_zero": "rounds away from zero to the dtype",
    "floor": "rounds down to the dtype",
    "ceil": "rounds up to the dtype",
    "half_away": "rounds to nearest, but ties away from zero",
    "half_down": "rounds to nearest, but ties toward minus infinity",
    "half_up": "rounds to nearest, but ties toward plus infinity",
    "half_odd": "rounds to nearest, but ties to odd",
}

"""Exact twins of the fixed-point formulas, in Python integers and fractions, written from the formulas alone."""

from fractions import Fraction
from math import ceil, floor


def rounded(v: Fraction, word: str) -> int:
    """Round a rational to an integer by one of the rounding words."""
    down, up = floor(v), ceil(v)
    if down == up:
        return down
    middle = Fraction(down + up, 2)
    nearest = down if v < middle else up
    even, odd = (down, up) if down % 2 == 0 else (up, down)
    away, toward = (up, down) if v > 0 else (down, up)
    on_tie = {"half_even": even, "half_odd": odd, "half_away": away, "half_up": up, "half_down": down}
    if word in on_tie:
        return on_tie[word] if v == middle else nearest
    return {"floor": down, "ceil": up, "toward_zero": toward, "away_from_zero": away}[word]


def limits(bits: int, signed: bool, narrow_range: bool) -> tuple[int, int]:
    """Return the lowest and the highest code."""
    if signed:
        return -(2 ** (bits - 1)) + (1 if narrow_range else 0), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def quantized(x, p, bits=None, signed=True, rounding="half_even", overflow="saturate", narrow_range=False):
    """Q(x) = round(x * 2^p) of one number; None where there is no code."""
    q = rounded(Fraction(x) * Fraction(2) ** p, rounding)
    if bits is None:
        return q if -(2**63) <= q < 2**63 else None
    low, high = limits(bits, signed, narrow_range)
    if overflow == "saturate":
        return min(max(q, low), high)
    return (q - low) % (high - low + 1) + low


def nearest_float(v: Fraction, precision: int, smallest: int, largest: Fraction) -> Fraction | None:
    """Round a rational half to even to a float format; None for an infinity."""
    if v == 0:
        return Fraction(0)
    # at least 2 below what it will be, so that the loop alone decides
    exponent = max(smallest, v.numerator.bit_length() - v.denominator.bit_length() - precision - 2)
    while abs(v) >= Fraction(2) ** (exponent + precision):
        exponent += 1
    step = Fraction(2) ** exponent
    result = rounded(v / step, "half_even") * step
    return result if abs(result) <= largest else None


def best_fraction_bits(values, bits: int, signed: bool) -> int:
    """Search for the largest p at which nothing saturates, from above, one by one."""
    if all(v == 0 for v in values):
        return 0
    low, high = limits(bits, signed, False)
    p = 1200
    while any(not low <= rounded(Fraction(v) * Fraction(2) ** p, "half_even") <= high for v in values):
        p -= 1
    return p

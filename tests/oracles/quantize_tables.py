"""A second exact twin of quantize, for all inputs of a small float format at once: tables of Python integers.

A finite float is sign * m * 2^e with a whole m, so that x * 2^p is the rational m * 2^(e + p) with its sign, whatever x
and p it came from: each such rational is rounded once, by ``fixed_point.rounded``, and looked up from then on. Nothing
but the equality of equal numbers is used: no symmetry of the rounding words.
"""

from fractions import Fraction

from oracles.fixed_point import limits, rounded

# name -> (bits of the significand behind the point, exponent of the smallest subnormal, bits of the exponent)
FORMATS = {"float16": (10, -24, 5), "bfloat16": (7, -133, 8)}


def parts(pattern: int, name: str) -> tuple[int, int, int] | None:
    """Return sign, m and e of a bit pattern, from the layout of IEEE 754; None for a NaN or an infinity."""
    behind, lowest, width = FORMATS[name]
    sign = -1 if pattern >> (behind + width) else 1
    exponent, m = pattern >> behind & (2**width - 1), pattern & (2**behind - 1)
    if exponent == 2**width - 1:
        return None
    return (sign, m + 2**behind, lowest + exponent - 1) if exponent else (sign, m, lowest)


def rounded_products(numbers, p: int, word: str, memo: dict) -> list[int]:
    """Return round(x * 2^p) of numbers given by their parts."""
    found = []
    for sign, m, e in numbers:
        key = sign, m, e + p
        if key not in memo:
            memo[key] = rounded(sign * m * Fraction(2) ** (e + p), word)
        found.append(memo[key])
    return found


def code(q: int, bits: int, signed: bool, narrow_range: bool, overflow: str) -> int:
    """Bring an integer into the range of the codes."""
    low, high = limits(bits, signed, narrow_range)
    return min(max(q, low), high) if overflow == "saturate" else (q - low) % (high - low + 1) + low

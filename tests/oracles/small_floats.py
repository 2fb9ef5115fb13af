"""Small floats by search: a table of all positive numbers of a format, and the two of them that lie around x.

Numbers are Fractions; NaN and infinities are Python floats. Nothing here knows of a quantum or of a binade: the rules
look at distances, and at whether the pattern of a number is even.
"""

import math
from bisect import bisect_right
from fractions import Fraction
from functools import cache

# name -> (exponent bits, mantissa bits, bias, positive patterns that are no numbers, what overflow gives, signed zero)
TABLE = {
    "e4m3fn": (4, 3, 7, 1, math.nan, True),
    "e5m2": (5, 2, 15, 4, math.inf, True),
    "e4m3fnuz": (4, 3, 8, 0, math.nan, False),
    "e5m2fnuz": (5, 2, 16, 0, math.nan, False),
    "e2m3fn": (2, 3, 1, 0, None, True),
    "e3m2fn": (3, 2, 3, 0, None, True),
    "e2m1fn": (2, 1, 1, 0, None, True),
    "bfloat16": (8, 7, 127, 128, math.inf, True),
    "float16": (5, 10, 15, 1024, math.inf, True),
}


def number(pattern, name):
    """The number of a positive pattern, also where the format has put something else in its place."""
    _, mantissa_bits, bias, _, _, _ = TABLE[name]
    exponent, mantissa = pattern >> mantissa_bits, pattern & ((1 << mantissa_bits) - 1)
    if exponent:
        mantissa += 1 << mantissa_bits
    return Fraction(mantissa) * Fraction(2) ** (max(exponent, 1) - bias - mantissa_bits)


@cache
def numbers(name):
    """All numbers from 0 on in their order, and the next two that the exponent range has no room for."""
    exponent_bits, mantissa_bits, _, others, _, _ = TABLE[name]
    count = (1 << (exponent_bits + mantissa_bits)) - others
    return [number(pattern, name) for pattern in range(count + 2)], count - 1


def above(low, high, place, x, rounding, negative):
    """Whether the number above |x| is taken rather than the one below."""
    nearer = (x - low) - (high - x)
    if rounding.startswith("half_") and nearer != 0:
        return nearer > 0
    return {
        "half_even": place % 2 == 1,
        "half_odd": place % 2 == 0,
        "half_away": True,
        "half_up": not negative,
        "half_down": negative,
        "floor": negative,
        "ceil": not negative,
        "toward_zero": False,
        "away_from_zero": True,
    }[rounding]


def round_to(x, name, overflow="saturate", rounding="half_even"):
    """The value of the format, as a Python float; None where the format has none."""
    *_, beyond, signed_zero = TABLE[name]
    if math.isnan(x):
        return None if beyond is None else math.nan
    negative = math.copysign(1.0, x) < 0
    sign = -1.0 if negative else 1.0
    table, last = numbers(name)
    largest = table[last]
    lost = None if beyond is None else sign * beyond
    if math.isinf(x) or abs(Fraction(x)) >= table[last + 1]:
        place = last + 1
    else:
        magnitude = abs(Fraction(x))
        place = bisect_right(table, magnitude) - 1
        exact = table[place] == magnitude
        if not exact and above(table[place], table[place + 1], place, magnitude, rounding, negative):
            place += 1
    if place <= last:
        value = float(table[place])
        return value if value == 0 and not signed_zero else sign * value
    if overflow == "saturate":
        return sign * float(largest)
    toward_zero = rounding == "toward_zero" or rounding == ("ceil" if negative else "floor")
    return sign * float(largest) if toward_zero and not math.isinf(x) else lost


def round_to_power(x, overflow="saturate", rounding="half_even"):
    """E8M0: the powers of two from 2^-127 to 2^127, of which none is even."""
    if math.isnan(x) or x < 0:
        return math.nan
    low, high = Fraction(2) ** -127, Fraction(2) ** 127
    if x == 0:
        return float(low) if overflow == "saturate" else math.nan
    if math.isinf(x):
        return float(high) if overflow == "saturate" else math.nan
    value = Fraction(x)
    if value <= low:
        return float(low)
    power = low
    while power * 2 <= value:
        power *= 2
    # of a power and its double, the latter is the even multiple
    if power != value and above(power, 2 * power, 1, value, rounding, False):
        power *= 2
    if power <= high:
        return float(power)
    return float(high) if overflow == "saturate" or rounding in ("floor", "toward_zero") else math.nan

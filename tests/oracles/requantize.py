"""Exact twins of requantization, in Python integers and fractions, written from the formulas alone."""

from fractions import Fraction

from oracles.fixed_point import limits, rounded


def float32(v):
    """Round a rational of middling size half to even to 24 bits: what float32 holds."""
    v = Fraction(v)
    place = abs(v.numerator).bit_length() - v.denominator.bit_length() - 25
    while abs(v) >= Fraction(2) ** (place + 24):
        place += 1
    return rounded(v / Fraction(2) ** place, "half_even") * Fraction(2) ** place


def scaled(acc, multiplier, shift, rounding):
    """Round acc * multiplier * 2^(shift - 31) by one of the words, before the zero point and saturation."""
    if rounding == "float":
        factor = float32(multiplier * Fraction(2) ** (shift - 31))
        return rounded(float32(float32(acc) * factor), "half_even")
    if rounding in ("double", "gemmlowp"):
        left, right = max(shift, 0), max(-shift, 0)
        moved = min(max(acc * 2**left, -(2**31)), 2**31 - 1)
        first = "half_up" if rounding == "gemmlowp" else "half_away"
        high = rounded(Fraction(moved * multiplier, 2**31), first)
        return rounded(Fraction(high, 2**right), "half_away")
    return rounded(acc * multiplier * Fraction(2) ** (shift - 31), rounding)


def requantized(acc, multiplier, shift, zero_point=0, bits=8, signed=True, rounding="half_up"):
    """Return the code of one accumulator."""
    low, high = limits(bits, signed, False)
    return min(max(scaled(acc, multiplier, shift, rounding) + zero_point, low), high)


def cpp_high_multiply(a, b):
    """Do what gemmlowp's C++ code does: the product, a nudge that looks at its sign, a division toward zero."""
    ab = a * b
    nudge = 2**30 if ab >= 0 else 1 - 2**30
    quotient = abs(ab + nudge) // 2**31
    return quotient if ab + nudge >= 0 else -quotient


def cpp_rounding_shift(x, exponent):
    """Do what gemmlowp's C++ code does: an arithmetic shift, and one more where the bits that went pass a threshold."""
    mask = 2**exponent - 1
    threshold = mask // 2 + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if (x & mask) > threshold else 0)


def arm_high_multiply(a, b):
    """Do what ARM's SQRDMULH does for b above -2^31: twice the product plus 2^31, of which the high half stays."""
    return (2 * a * b + 2**31) >> 32


def multiplier_and_shift(real):
    """Search the shift at which real * 2^(31 - shift), rounded half up, has 31 bits."""
    value = Fraction(real)
    for shift in range(-31, 32):
        multiplier = rounded(value * Fraction(2) ** (31 - shift), "half_up")
        if 2**30 <= multiplier < 2**31:
            return multiplier, shift
    return None

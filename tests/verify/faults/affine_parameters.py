"""Affine parameters as people choose them: with one fault each, and without any."""

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

import numpy as np
from verify.faults.affine import UNSIGNED, quiet
from verify.faults.kinds import Right, Wrong


def single(v):
    """Round a fraction to float32 by way of integers."""
    if v == 0:
        return 0.0
    exponent = -149
    while v / Fraction(2) ** exponent >= 2**24:
        exponent += 1
    return max(math.ldexp(round(v / Fraction(2) ** exponent), exponent), 2.0**-149)


def parameters(x_min, x_max, q_min=-128, q_max=127, steps=None, rule=round, empty=1.0, least=0.0):
    """Choose by fractions; what may be wrong are the arguments."""
    a, b = Fraction(x_min), Fraction(x_max)
    width = (b - a) / (steps or q_max - q_min)
    if width == 0:
        return empty, q_min if empty else 0
    scale = max(width, Fraction(least))
    return single(scale), min(max(rule(q_min - a / scale), q_min), q_max)


def right_parameters(x_min, x_max):
    return parameters(min(x_min, 0.0), max(x_max, 0.0))


def leaves_zero_outside(x_min, x_max):
    return parameters(x_min, x_max)


def says_one_for_constants(x_min, x_max):
    return (1.0, 0) if x_min == x_max else right_parameters(x_min, x_max)


def counts_256_codes(x_min, x_max):
    return parameters(min(x_min, 0.0), max(x_max, 0.0), steps=256)


def rounds_half_away(x_min, x_max):
    def away(v):
        return int(math.copysign(math.floor(abs(v) + Fraction(1, 2)), v))

    return parameters(min(x_min, 0.0), max(x_max, 0.0), rule=away)


def truncates_the_zero_point(x_min, x_max):
    return parameters(min(x_min, 0.0), max(x_max, 0.0), rule=int)


def floors_the_scale_at_eps(x_min, x_max):
    a, b = min(x_min, 0.0), max(x_max, 0.0)
    return (2.0**-23, -128) if a == b else parameters(a, b, least=2.0**-23)


def divides_zero_by_zero(x_min, x_max):
    a, b = min(x_min, 0.0), max(x_max, 0.0)
    return parameters(a, b, empty=0.0) if a < b else (0.0, -128)


@quiet
def divides_in_floats(x_min, x_max):
    a, b = np.float32(min(x_min, 0.0)), np.float32(max(x_max, 0.0))
    scale = (b - a) / np.float32(255)
    if not np.isfinite(scale):
        scale = b / np.float32(255) - a / np.float32(255)
    scale = max(scale, np.float32(2.0**-149)) if b > a else np.float32(1)
    return scale, int(np.clip(np.rint(np.float32(-128) - a / scale), -128, 127))


@quiet
def overflows(x_min, x_max):
    a, b = np.float32(min(x_min, 0.0)), np.float32(max(x_max, 0.0))
    if np.isinf(b - a):
        return np.float32(np.inf), -128
    return right_parameters(x_min, x_max)


def rounds_the_scale_first(x_min, x_max):
    a, b = min(x_min, 0.0), max(x_max, 0.0)
    if a == b:
        return 1.0, -128
    scale = single((Fraction(b) - Fraction(a)) / 255)
    return scale, min(max(round(-128 - Fraction(a) / Fraction(scale)), -128), 127)


def keeps_the_scale_in_double(x_min, x_max):
    a, b = min(x_min, 0.0), max(x_max, 0.0)
    return ((b - a) / 255 if b > a else 1.0), right_parameters(x_min, x_max)[1]


def counts_from_zero(x_min, x_max):
    scale, zero_point = right_parameters(x_min, x_max)
    return scale, zero_point + 128


def is_symmetric_anyway(x_min, x_max):
    most = max(abs(x_min), abs(x_max))
    return (single(Fraction(most) / 127) if most else 1.0), 0


def divides_by_128(x_min, x_max):
    most = max(abs(x_min), abs(x_max))
    return (single(Fraction(most) / 128) if most else 1.0), 0


def looks_at_x_max_only(x_min, x_max):
    return (single(Fraction(max(x_max, 0.0)) / 127) if x_max > 0 else 1.0 if max(-x_min, 0.0) == 0 else 2.0**-149), 0


def puts_the_scale_last(x_min, x_max):
    return right_parameters(x_min, x_max)[::-1]


def gives_one_number(x_min, x_max):
    return right_parameters(x_min, x_max)[0]


def ignores_narrow_codes(x_min, x_max):
    return parameters(min(x_min, 0.0), max(x_max, 0.0), -8, 7)


def takes_zero_for_x_min(x_min, x_max):
    b = max(x_max, 0.0)
    return (single(Fraction(b) / 255) if b else 1.0), -128


# right: affine_parameters


def by_ratio(x_min, x_max):
    """In integers alone."""
    (a, c), (b, d) = min(x_min, 0.0).as_integer_ratio(), max(x_max, 0.0).as_integer_ratio()
    width, base = b * c - a * d, c * d
    if width == 0:
        return 1.0, 0
    whole, rest = divmod(-a * d * 255, width)
    whole += 2 * rest > width or (2 * rest == width and whole % 2 == 1)
    return np.float32(single(Fraction(width, base * 255))), np.uint8(min(whole, 255))


def in_decimals_chosen(x_min, x_max):
    exact = Context(prec=600, Emax=10**6, Emin=-(10**6))
    a, b = Decimal(min(x_min, 0.0)), Decimal(max(x_max, 0.0))
    width = exact.subtract(b, a)
    if width == 0:
        return 1.0, -7
    zero_point = exact.subtract(-7, exact.divide(exact.multiply(a, 14), width))
    near = int(zero_point.to_integral_value(ROUND_HALF_EVEN))
    return single(Fraction(width) / 14), min(max(near, -7), 7)


def symmetric_by_ratio(x_min, x_max):
    most = max(abs(Fraction(x_min)), abs(Fraction(x_max)))
    return [np.float32(single(most / 127)) if most else 1, 128]


def multiplies_by_the_reciprocal(x_min, x_max):
    low, high = (np.float32(v) for v in (min(x_min, 0.0), max(x_max, 0.0)))
    with np.errstate(all="ignore"):
        width = high - low
        scale = width / np.float32(255) if np.isfinite(width) else high / np.float32(255) - low / np.float32(255)
        scale = np.float32(1) if low == high else np.maximum(scale, np.float32(2.0**-149))
        z = np.rint(np.float32(-128) - low * (np.float32(1) / scale))
    return scale, int(np.clip(z, -128, 127)) if np.isfinite(z) else -128


WRONG = [
    Wrong("zero left outside", "affine_parameters", leaves_zero_outside, "does not bring zero into the range"),
    Wrong("1 and 0 for constants", "affine_parameters", says_one_for_constants, "scale 1 and zero point 0 where both"),
    Wrong("256 codes", "affine_parameters", counts_256_codes, "number of codes"),
    Wrong("halves away", "affine_parameters", rounds_half_away, "zero point halves away"),
    Wrong("truncated", "affine_parameters", truncates_the_zero_point, "zero point toward zero"),
    Wrong("scale at least eps", "affine_parameters", floors_the_scale_at_eps, "eps of float32"),
    Wrong("scale 0", "affine_parameters", divides_zero_by_zero, "scale 0 for a range of zero width"),
    Wrong("float32 inside", "affine_parameters", divides_in_floats, "every step to float32"),
    Wrong("infinite width", "affine_parameters", overflows, "overflow: an infinite scale"),
    Wrong("scale rounded first", "affine_parameters", rounds_the_scale_first, "by the scale once that is rounded"),
    Wrong(
        "reciprocal of the scale",
        "affine_parameters",
        multiplies_by_the_reciprocal,
        "multiplies x_min by 1 / s in float32",
        {"arithmetic": "float32"},
    ),
    Wrong("scale in double", "affine_parameters", keeps_the_scale_in_double, "not round the scale to float32"),
    Wrong("counts from 0", "affine_parameters", counts_from_zero, "from 0|unsigned range"),
    Wrong("symmetric anyway", "affine_parameters", is_symmetric_anyway, "uses a symmetric range"),
    Wrong("128", "affine_parameters", divides_by_128, "codes below zero", {"symmetric": True}),
    Wrong("x_max only", "affine_parameters", looks_at_x_max_only, r"\|x_max\| for the largest", {"symmetric": True}),
    Wrong("scale last", "affine_parameters", puts_the_scale_last, "zero point first"),
    Wrong("one number", "affine_parameters", gives_one_number, "it must be 2 arrays"),
    Wrong("narrow ignored", "affine_parameters", ignores_narrow_codes, "full range", {"bits": 4, "narrow_range": True}),
    Wrong("x_min is 0", "affine_parameters", takes_zero_for_x_min, "takes 0 for x_min"),
]
RIGHT = [
    Right("fractions", "affine_parameters", right_parameters),
    Right("integers", "affine_parameters", by_ratio, UNSIGNED),
    Right("decimal", "affine_parameters", in_decimals_chosen, {"bits": 4, "narrow_range": True}),
    Right("floats", "affine_parameters", divides_in_floats, {"arithmetic": "float32"}),
    Right("symmetric", "affine_parameters", symmetric_by_ratio, {"symmetric": True, "signed": False}),
]

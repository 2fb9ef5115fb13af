"""Exact twins of the affine formulas, in Python integers and fractions, written from the formulas alone."""

from fractions import Fraction

from oracles.fixed_point import limits, nearest_float, rounded

# dtype -> (bits of the significand, exponent of the smallest subnormal, largest finite value)
FORMATS = {
    "float16": (11, -24, Fraction(65504)),
    "bfloat16": (8, -133, Fraction(255 * 2**120)),
    "float32": (24, -149, Fraction((2**24 - 1) * 2**104)),
    "float64": (53, -1074, Fraction((2**53 - 1) * 2**971)),
}


def in_dtype(v: Fraction, dtype: str) -> Fraction | None:
    """Round half to even to a dtype; None for an infinity."""
    return nearest_float(v, *FORMATS[dtype])


def quotient(x, s, dtype: str, scaling: str) -> Fraction | None:
    """Return x / s by one of the words; None for an infinity."""
    x, s = Fraction(x), Fraction(s)
    if scaling == "exact":
        return x / s
    return in_dtype(x / s if scaling == "divide" else x * in_dtype(1 / s, dtype), dtype)


def quantized(
    x,
    s,
    z,
    dtype="float32",
    bits=8,
    signed=True,
    rounding="half_even",
    overflow="saturate",
    narrow_range=False,
    scaling="divide",
    zero_point_added="after_rounding",
):
    """q = round(x / s) + z of one number; None where there is no code."""
    low, high = limits(bits, signed, narrow_range)
    v = quotient(x, s, dtype, scaling)
    sign = x
    if v is not None and zero_point_added == "before_rounding":
        sign = v + z
        if scaling == "reciprocal":  # a fused multiply-add
            sign = Fraction(x) * in_dtype(1 / Fraction(s), dtype) + z
        v = sign if scaling == "exact" else in_dtype(sign, dtype)
    if v is None:  # an infinity
        return None if overflow == "wrap" else high if sign > 0 else low
    q = rounded(v, rounding) + (z if zero_point_added == "after_rounding" else 0)
    return min(max(q, low), high) if overflow == "saturate" else (q - low) % (high - low + 1) + low


def dequantized(q, s, z, dtype="float32") -> Fraction | None:
    """x' = (q - z) * s of one code; None for an infinity."""
    return in_dtype((q - z) * Fraction(s), dtype)


def parameters(x_min, x_max, bits=8, signed=True, symmetric=False, narrow_range=False) -> tuple[Fraction, int]:
    """Return the scale and the zero point for a range."""
    low, high = limits(bits, signed, narrow_range)
    a, b = min(Fraction(x_min), Fraction(0)), max(Fraction(x_max), Fraction(0))
    if symmetric:
        z = 0 if signed else 2 ** (bits - 1)
        s = max(abs(a), abs(b)) / (high - z)
    else:
        s = (b - a) / (high - low)
        z = min(max(rounded(low - a / s, "half_even"), low), high) if s else low
    if s == 0:
        return Fraction(1), z
    return in_dtype(s, "float32") or Fraction(1, 2**149), z


def parameters_in_float32(x_min, x_max, bits=8, signed=True, symmetric=False, narrow_range=False):
    """The same with the ends and every step rounded to float32."""
    low, high = limits(bits, signed, narrow_range)
    z = 0 if signed else 2 ** (bits - 1)
    if x_min >= 0 >= x_max:
        return Fraction(1), z if symmetric else low
    a, b, steps, first = (
        in_dtype(Fraction(v), "float32") for v in (min(x_min, 0), max(x_max, 0), high - (z if symmetric else low), low)
    )
    width = max(-a, b) if symmetric else in_dtype(b - a, "float32")
    if width is None:  # each end on its own
        s = in_dtype(in_dtype(b / steps, "float32") - in_dtype(a / steps, "float32"), "float32")
    else:
        s = in_dtype(width / steps, "float32")
    s = max(s, Fraction(1, 2**149))
    if not symmetric:
        z = rounded(in_dtype(first - in_dtype(a / s, "float32"), "float32"), "half_even")
    return s, min(max(z, low), high)


def fake_quantized(x, s, z, dtype="float32", **settings) -> Fraction | None:
    """x' = (q - z) * s with q = round(x / s) + z, of one number; None where there is no code, and for an infinity."""
    q = quantized(x, s, z, dtype, **settings)
    return None if q is None else dequantized(q, s, z, dtype)


def passes(
    x,
    s,
    z,
    dtype="float32",
    bits=8,
    signed=True,
    rounding="half_even",
    narrow_range=False,
    scaling="divide",
    zero_point_added="after_rounding",
    boundary="pass",
    mask="code",
) -> bool:
    """Whether the gradient of one finite number passes straight through."""
    low, high = limits(bits, signed, narrow_range)
    if mask == "value":
        value = Fraction(x)
        low, high = (dequantized(end, s, z, dtype) for end in (low, high))
    else:
        value = quotient(x, s, dtype, scaling)
        if value is not None and zero_point_added == "before_rounding":
            if scaling == "reciprocal":  # a fused multiply-add
                value = Fraction(x) * in_dtype(1 / Fraction(s), dtype)
            value = value + z if scaling == "exact" else in_dtype(value + z, dtype)
        if value is None:  # an infinity is past every code
            return False
        value = rounded(value, rounding) + (z if zero_point_added == "after_rounding" else 0)
    above = low is None or (low < value if boundary == "zero" else low <= value)  # None: an end that is infinite
    below = high is None or (value < high if boundary == "zero" else value <= high)
    return above and below


def scale_gradient(x, s, upstream, bits=8, signed=True, narrow_range=False) -> tuple[Fraction, Fraction]:
    """Return LSQ's sum of upstream * d over quotients that are floats of 64 bits, and that of the magnitudes."""
    low, high = limits(bits, signed, narrow_range)
    terms = []
    for value, incoming in zip(x, upstream, strict=True):
        v = quotient(value, s, "float64", "divide")
        if v is None:
            d = high if value > 0 else low
        else:
            d = low if v <= low else high if v >= high else rounded(v, "half_even") - v
        terms.append(Fraction(incoming) * d)
    return sum(terms, Fraction(0)), sum((abs(term) for term in terms), Fraction(0))

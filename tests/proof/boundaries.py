"""Numbers at the boundaries of the elementwise operations, as many as are asked for, against the exact twins."""

import math
from random import Random

import numpy as np
from oracles import affine, fixed_point, requantize, small_floats

import refcompress as rc

TYPES = {"float32": (np.float32, 149), "float64": (np.float64, 1074)}
WORDS = ("half_even", "half_away", "half_up", "half_down", "half_odd", "floor", "ceil", "toward_zero", "away_from_zero")
AT_ONCE = 2_000
COUNTS = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16, 2**23, 2**24, 2**31, 2**32, 2**52, 2**53, 2**62)


def numbers(r, kind, steps, unit):
    """Floats at, beside and half-way between multiples of a unit; some are the ends of the format."""
    halves = np.array([r.choice(COUNTS) * 2 + r.randint(-3, 3) for _ in range(steps)], np.float64) / 2
    halves[::3] = [r.randint(-600, 600) / 2 for _ in halves[::3]]
    with np.errstate(over="ignore", under="ignore"):
        x = np.clip(halves * unit, -np.finfo(kind).max, np.finfo(kind).max).astype(kind)
    toward = np.where([r.random() < 0.5 for _ in x], np.inf, -np.inf).astype(kind)
    beside = np.array([r.random() < 0.6 for _ in x])
    with np.errstate(over="ignore"):
        x = np.where(beside, np.nextafter(x, toward), x) * kind(r.choice((1, -1)))
    x[:: AT_ONCE // 8] = [
        r.choice((0.0, -0.0, float(np.finfo(kind).max), float(np.finfo(kind).tiny))) for _ in range(8)
    ]
    return np.where(np.isfinite(x), x, kind(0)).astype(kind)


def quantize(r, dtype):
    kind, deepest = TYPES[dtype]
    p = r.choice((r.randint(-20, 20), r.randint(-deepest, deepest)))
    x = numbers(r, kind, AT_ONCE, math.ldexp(1.0, max(min(-p, 1000), -1050)))
    how = {"bits": r.choice((2, 8, 16, 24, 25, 31, 32)), "signed": r.random() < 0.5, "rounding": r.choice(WORDS)}
    how |= {"overflow": r.choice(("saturate", "wrap")), "narrow_range": r.random() < 0.5}
    return rc.quantize(x, p, **how).tolist(), [fixed_point.quantized(v, p, **how) for v in x.tolist()]


def dequantize(r, dtype):
    ends = (-(2**63), 2**63 - 1, 2**53 + 1, 2**24 + 1, 2**62 + 2**9, 2**33 + 1)
    q = [r.choice((r.randint(-9999, 9999), r.choice(ends), r.randint(-(2**63), 2**63 - 1))) for _ in range(AT_ONCE)]
    p = r.choice((r.randint(-70, 70), r.randint(100, 1140)))
    found = rc.dequantize(np.array(q, np.int64), p, dtype=dtype).tolist()
    return found, [float_of(affine.in_dtype(affine.Fraction(v) / affine.Fraction(2) ** p, dtype), v) for v in q]


def float_of(v, sign):
    """A float of a rational with the sign of a zero or an infinity."""
    if v is None:
        return math.copysign(math.inf, sign)
    return float(v) if v else 0.0 if sign >= 0 else -0.0


def affine_settings(r):
    scaling, added = r.choice(("divide", "exact", "reciprocal")), r.choice(("after_rounding", "before_rounding"))
    how = {"bits": r.choice((4, 8, 16)), "rounding": r.choice(WORDS), "scaling": scaling, "zero_point_added": added}
    return how, r.choice((0, 1, -3, 7, -8))


def affine_quantize(r, dtype):
    kind, _ = TYPES[dtype]
    s = kind(r.choice((0.1, 3.0, 1 / 3, 1.0, r.uniform(1e-3, 10), 0.7)))
    how, z = affine_settings(r)
    x = numbers(r, kind, AT_ONCE, float(s))
    found = rc.affine_quantize(x, s, z, **how).tolist()
    return found, [affine.quantized(v, float(s), z, dtype, **how) for v in x.tolist()]


def affine_dequantize(r, dtype):
    kind, _ = TYPES[dtype]
    s = kind(r.choice((0.1, 3.0, 1 / 3, r.uniform(1e-3, 10), float(np.finfo(kind).tiny), float(np.finfo(kind).max))))
    q = [r.choice((r.randint(-128, 127), r.randint(-(2**31), 2**31 - 1))) for _ in range(AT_ONCE)]
    z = r.choice((0, 1, -128, 127, 2**31 - 1))
    found = rc.affine_dequantize(q, s, z, dtype=dtype).tolist()
    return found, [float_of(affine.dequantized(v, float(s), z, dtype), v - z) for v in q]


def fake_quantize(r, dtype):
    kind, _ = TYPES[dtype]
    s = kind(r.choice((0.1, 3.0, 1 / 3, r.uniform(1e-3, 10))))
    how, z = affine_settings(r)
    x = numbers(r, kind, AT_ONCE, float(s))
    found = rc.fake_quantize(x, s, z, **how).tolist()
    return found, [float(affine.fake_quantized(v, float(s), z, dtype, **how)) for v in x.tolist()]


def cast_float8(r, dtype):
    kind, _ = TYPES[dtype]
    name = r.choice(("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz"))
    x = numbers(r, kind, AT_ONCE, math.ldexp(1.0, r.randint(-20, 2)))
    how = {"overflow": r.choice(("saturate", "ieee")), "rounding": r.choice(WORDS)}
    found = rc.cast_float8(x, format=name, **how).tolist()
    return [repr(v) for v in found], [repr(small_floats.round_to(v, name, **how)) for v in x.tolist()]


def requantized(r, dtype):
    multiplier, shift = r.choice((2**30, 2**31 - 1, r.randint(2**30, 2**31 - 1))), r.randint(-31, 8)
    word = r.choice((*WORDS, "double", "gemmlowp", "float"))
    ends = (-(2**31), 2**31 - 1, 2**30, -(2**30), 0, 1, -1)
    acc = [r.choice((*ends, r.randint(-9999, 9999), r.randint(-(2**31), 2**31 - 1))) for _ in range(AT_ONCE)]
    how = {"bits": r.choice((4, 8, 16)), "rounding": word}
    found = rc.requantize(np.array(acc, np.int64), multiplier, shift, 3, **how).tolist()
    return found, [requantize.requantized(v, multiplier, shift, 3, **how) for v in acc]


OPERATIONS = {
    "quantize": quantize,
    "dequantize": dequantize,
    "affine_quantize": affine_quantize,
    "affine_dequantize": affine_dequantize,
    "fake_quantize": fake_quantize,
    "cast_float8": cast_float8,
    "requantize": requantized,
}


def compare(name, dtype, count, seed=0):
    """How many of so many numbers an operation and its twin disagree on."""
    wrong = 0
    for call in range(-(-count // AT_ONCE)):
        found, expected = OPERATIONS[name](Random(f"{name} {dtype} {seed} {call}"), dtype)
        wrong += sum(f != e or str(f) != str(e) for f, e in zip(found, expected, strict=True))
    return wrong

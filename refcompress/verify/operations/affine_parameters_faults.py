"""Known wrong ways to a scale and a zero point, each as one step of the right way that is taken otherwise."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, frexp, isfinite, ldexp, log2
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.rounding import round_to_integer
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.affine_parameters_cases import (
    LARGEST,
    NORMAL,
    SUBNORMAL,
    chosen,
    limits,
    middle,
    widened,
)

Number = Any
"""A Fraction, or a float32 with arithmetic=float32."""


@dataclass(frozen=True)
class Place:
    """What the zero point is computed from."""

    a: Number
    b: Number
    unrounded: Number
    """The scale before it is rounded to float32: x_min is divided by it."""
    scale: Number
    """The scale that is returned."""
    low: int
    high: int


@dataclass(frozen=True)
class Steps:
    """The steps, each as it is right."""

    ends: Callable[[Arguments], tuple[float, float]] = widened
    steps: Callable[[int, int], Number] = lambda low, high: high - low
    symmetric_scale: Callable[[Number, Number, int, int, int], Number] = lambda a, b, low, high, zero: (
        max(-a, b) / type(a)(high - zero)
    )
    change: Callable[[Number], Number] = lambda scale: scale
    """What is done to the scale before it is rounded."""
    finish: Callable[[float], float] = lambda scale: scale
    """What is done to the scale that is returned."""
    least: float = SUBNORMAL
    """What a scale that comes out smaller is replaced by."""
    no_width: float | None = 1.0
    """The scale of a range of zero width; None: no exception is made."""
    symmetric_zero: Callable[[int], int] = lambda zero: zero
    zero: Callable[[Place], Number] = lambda at: at.low - at.a / at.unrounded
    rounding: str = "half_even"
    clip: bool = True


@np.errstate(all="ignore")
def _answer(args: Arguments, settings: Settings, way: Steps) -> Any:
    kind: Any = Fraction if settings["arithmetic"] == "exact" else np.float32
    low, high = limits(settings)
    a, b = (kind(v) for v in way.ends(args))
    zero = middle(settings)
    if settings["symmetric"]:
        unrounded = way.symmetric_scale(a, b, low, high, zero)
    else:
        unrounded = _over(a, b, kind(way.steps(low, high)))
    if a == b and way.no_width is not None:
        unrounded = kind(way.no_width)
    unrounded = way.change(unrounded)
    scale = max(_float32(unrounded), way.least)
    if settings["symmetric"]:
        return way.finish(scale), way.symmetric_zero(zero)
    at = Place(a, b, unrounded if unrounded > 0 else kind(scale or 1), kind(scale or 1), low, high)
    z = _whole(way.zero(at), way.rounding)
    z = min(max(z, low), high) if way.clip else z
    return way.finish(scale), z if abs(z) < 2**63 else float(z)


def _over(a: Number, b: Number, steps: Number) -> Number:
    """Return the width of the range over the steps, each end on its own where float32 does not hold the width."""
    scale = (b - a) / steps
    return scale if isinstance(scale, Fraction) or np.isfinite(scale) else b / steps - a / steps


def _float32(v: Number) -> float:
    """Round to float32, half to even."""
    if not isinstance(v, Fraction):
        return float(v)
    exponent = max(frexp(v)[1] - 24, -149)
    return ldexp(round(v / Fraction(2) ** exponent), exponent)


def _whole(v: Number, rounding: str) -> int:
    """Round to an integer by one of the words."""
    if not isinstance(v, Fraction):
        return int(round_to_integer(np.array(v), rounding)) if np.isfinite(v) else -(2**63)
    whole, rest = divmod(v, 1)
    place = 0.0 if rest == 0 else 0.5 if rest == Fraction(1, 2) else 0.25 if rest < Fraction(1, 2) else 0.75
    even = whole - whole % 2  # the fraction decides with the parity and the sign, which small numbers have too
    sign = -4 if v < 0 else 4
    return int(even - sign + round_to_integer(np.array(float(whole % 2 + sign) + place), rounding))


def _by(**changes: Any) -> Callable[[Arguments, Settings], Any]:
    way = replace(Steps(), **changes)
    return lambda args, settings: _answer(args, settings, way)


def _on_right(change: Callable[[Array, Array, Settings], Any]) -> Callable[[Arguments, Settings], Any]:
    """Return the fault of changing what was right."""
    return lambda args, settings: change(*chosen(args, settings), settings)


def _in(name: str) -> Callable[[float], float]:
    return lambda v: float(np.float32(v).astype(float_dtype(name)))


def _ends_in(name: str) -> Callable[[Arguments], tuple[float, float]]:
    def narrowed(args: Arguments) -> tuple[float, float]:
        ends = [float(np.float32(v).astype(float_dtype(name))) for v in widened(args)]
        return (ends[0], ends[1]) if all(isfinite(v) for v in ends) else widened(args)

    return narrowed


def _largest(args: Arguments) -> float:
    low, high = args
    return max(abs(float(low)), abs(float(high)))


def _flushed(args: Arguments) -> tuple[float, float]:
    a, b = (0.0 if abs(v) < NORMAL else v for v in widened(args))
    return a, b


def _up_to_power(scale: Number) -> Number:
    return type(scale)(2) ** ceil(log2(scale)) if scale > 0 else scale


def _at_least(least: float) -> Callable[[Number], Number]:
    return lambda scale: max(scale, type(scale)(least))


def _zero_point_in_float32(at: Place) -> Number:
    return np.float32(at.low) - np.float32(float(at.a)) / np.float32(float(at.scale))


def _unrounded(args: Arguments, settings: Settings) -> Any:
    """Return the scale in float64."""
    _, z = chosen(args, settings)
    (a, b), (low, high) = widened(args), limits(settings)
    if a == b:
        return 1.0, z
    return max(-a, b) / (high - middle(settings)) if settings["symmetric"] else (b - a) / (high - low), z


def _zero_point_as_it_is(args: Arguments, settings: Settings) -> Any:
    s, z = chosen(args, settings)
    a, _ = widened(args)
    return s, z if settings["symmetric"] else limits(settings)[0] - a / float(s)


def _infinite(args: Arguments, settings: Settings) -> Any:
    a, b = widened(args)
    if settings["symmetric"] or b - a <= LARGEST:
        return chosen(args, settings)
    return np.inf, limits(settings)[0]


def _constant_is_one(args: Arguments, settings: Settings) -> Any:
    return (1.0, 0) if args[0] == args[1] else chosen(args, settings)


def _no_width_has_zero(args: Arguments, settings: Settings) -> Any:
    return (1.0, 0) if widened(args) == (0.0, 0.0) else chosen(args, settings)


def _each_side(a: Number, b: Number, low: int, high: int, zero: int) -> Number:
    return max(-a / type(a)(zero - low), b / type(a)(high - zero))


FAULTS = (
    Fault("not_widened", "does not bring zero into the range first", _by(ends=lambda args: args)),
    Fault(
        "not_widened_nor_clipped",
        "does not bring zero into the range first, nor the zero point into the codes",
        _by(ends=lambda args: args, clip=False),
    ),
    Fault("x_min_ignored", "takes 0 for x_min", _by(ends=lambda args: (0.0, widened(args)[1]))),
    Fault("x_max_ignored", "takes 0 for x_max", _by(ends=lambda args: (widened(args)[0], 0.0))),
    Fault(
        "magnitudes",
        "takes [-max |x|, max |x|] for the range",
        _by(ends=lambda args: (-_largest(args), _largest(args))),
    ),
    Fault("ends_flushed", "takes subnormal ends for 0", _by(ends=_flushed)),
    *(
        Fault(f"ends_{name}", f"takes the ends in as {name}", _by(ends=_ends_in(name)))
        for name in ("float16", "bfloat16")
    ),
    Fault(
        "number_of_codes",
        "divides by the number of codes instead of the steps between them",
        _by(steps=lambda low, high: high - low + 1),
    ),
    Fault("step_short", "divides by one step less than there are", _by(steps=lambda low, high: high - low - 1)),
    Fault("q_max_steps", "divides by q_max", _by(steps=lambda low, high: high)),
    Fault(
        "symmetric_q_min",
        "divides the largest magnitude by the codes below zero",
        _by(symmetric_scale=lambda a, b, low, high, zero: max(-a, b) / type(a)(zero - low)),
    ),
    Fault(
        "symmetric_half",
        "divides the largest magnitude by (q_max - q_min) / 2",
        _by(symmetric_scale=lambda a, b, low, high, zero: 2 * max(-a, b) / type(a)(high - low)),
    ),
    Fault("symmetric_each_side", "divides each end by the codes on its side", _by(symmetric_scale=_each_side)),
    Fault(
        "symmetric_x_max",
        "takes |x_max| for the largest magnitude",
        _by(symmetric_scale=lambda a, b, low, high, zero: b / type(a)(high - zero)),
    ),
    Fault(
        "symmetric_x_min",
        "takes |x_min| for the largest magnitude",
        _by(symmetric_scale=lambda a, b, low, high, zero: -a / type(a)(high - zero)),
    ),
    Fault(
        "symmetric_width",
        "divides the width of the range by the steps",
        _by(symmetric_scale=lambda a, b, low, high, zero: _over(a, b, type(a)(high - low))),
    ),
    Fault(
        "symmetric_below",
        "has the code below the middle one for its zero point",
        _by(symmetric_zero=lambda zero: zero - 1),
    ),
    *(
        Fault(
            f"least_{word}", f"takes {text} for a smaller scale, or none", _by(change=_at_least(least), no_width=None)
        )
        for word, text, least in (
            ("eps", "2^-23, the eps of float32,", 2.0**-23),
            ("1e_5", "1e-5", float(np.float32(1e-5))),
            ("1e_8", "1e-8", float(np.float32(1e-8))),
            ("1e_12", "1e-12", float(np.float32(1e-12))),
            ("normal", "the smallest normal number", NORMAL),
            ("subnormal", "the smallest subnormal number", SUBNORMAL),
        )
    ),
    Fault("scale_zero", "has the scale 0 for a range of zero width", _by(least=0.0, no_width=None)),
    Fault("scale_underflows", "lets the scale of a tiny range round to 0", _by(least=0.0)),
    Fault("scale_infinite", "lets x_max - x_min overflow: an infinite scale", _infinite),
    Fault(
        "constant_is_one", "has scale 1 and zero point 0 where both ends are equal, whatever they are", _constant_is_one
    ),
    Fault("no_width_has_zero", "has the zero point 0 for a range of zero width", _no_width_has_zero),
    Fault("epsilon_added", "adds 1e-8 to the scale", _by(change=lambda scale: scale + type(scale)(1e-8))),
    Fault("scale_float64", "does not round the scale to float32", _unrounded),
    Fault("scale_float16", "rounds the scale to float16", _by(finish=_in("float16"))),
    Fault("scale_bfloat16", "rounds the scale to bfloat16", _by(finish=_in("bfloat16"))),
    Fault("scale_power_of_two", "takes the next power of two for the scale", _by(change=_up_to_power)),
    Fault("scale_inverse", "gives 1 / s", _by(finish=lambda scale: 1 / scale)),
    *(
        Fault(f"zero_point_{word}", f"rounds the zero point {text}", _by(rounding=word))
        for word, text in (
            ("half_away", "halves away from zero"),
            ("half_up", "halves up"),
            ("half_down", "halves down"),
            ("half_odd", "halves to odd, as rounding before an odd q_min is added does"),
            ("floor", "down"),
            ("ceil", "up"),
            ("toward_zero", "toward zero"),
            ("away_from_zero", "away from zero"),
        )
    ),
    Fault(
        "zero_point_by_rounded_scale",
        "divides x_min by the scale once that is rounded",
        _by(zero=lambda at: at.low - at.a / type(at.a)(at.scale)),
    ),
    Fault("zero_point_float32", "computes the zero point in float32", _by(zero=_zero_point_in_float32)),
    Fault(
        "zero_point_reciprocal",
        "multiplies x_min by 1 / s in float32, which overflows where s is subnormal",
        _by(zero=lambda at: np.float32(at.low) - np.float32(at.a) * (np.float32(1) / np.float32(at.scale))),
    ),
    Fault(
        "zero_point_from_x_max",
        "computes the zero point as q_max - x_max / s, with the rounded scale",
        _by(zero=lambda at: at.high - at.b / type(at.b)(at.scale)),
    ),
    Fault(
        "zero_point_from_0",
        "counts the zero point from 0 instead of q_min",
        _by(zero=lambda at: -at.a / at.unrounded, clip=False),
    ),
    Fault("zero_point_unclipped", "does not bring the zero point into the codes", _by(clip=False)),
    Fault("zero_point_negated", "gives -z for the zero point", _on_right(lambda s, z, settings: (s, -z))),
    Fault(
        "zero_point_none",
        "has the zero point 0, whatever the range",
        _on_right(lambda s, z, settings: (s, 0 * z)),
    ),
    Fault(
        "zero_point_lowest",
        "has the lowest code for the zero point, whatever the range",
        _on_right(lambda s, z, settings: (s, limits(settings)[0])),
    ),
    Fault("zero_point_not_rounded", "does not round the zero point", _zero_point_as_it_is),
    Fault("swapped", "gives the zero point first", _on_right(lambda s, z, settings: (z, s))),
)

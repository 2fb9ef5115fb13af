"""Known wrong gradients of fake quantization, each as a small function that answers as it does.

A fault of the mask passes the upstream elsewhere; a fault of the upstream passes something else. Either follows the
settings in the rest.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.rounding import round_to_integer
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.affine_cases import broadcast
from refcompress.verify.operations.affine_channel_faults import channel_faults
from refcompress.verify.operations.affine_stages import before_rounding, divided, limits, narrowed, steps_of
from refcompress.verify.operations.fake_gradient_cases import (
    between,
    inside,
    passed,
    unclipped,
)
from refcompress.verify.operations.fake_quantize_cases import end_values, other_values
from refcompress.verify.operations.number_faults import low_bits

Answer = Callable[[Arguments, Settings], Any]
Mask = Callable[[Arguments, Settings], Array]


def _where(mask: Mask) -> Answer:
    """Return the fault of another mask."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return passed(args, np.broadcast_to(mask(args, settings), args[0].shape))

    return answer


def _codes(change: Callable[[Array, Array], Array]) -> Answer:
    """Return the fault of a mask made of other codes, made of the unclipped ones and z; whatever ``mask`` says."""

    def mask(args: Arguments, settings: Settings) -> Array:
        _, _, z = broadcast(args, settings)
        return between(change(unclipped(args, settings), z), *limits(settings), settings)

    return _where(mask)


def _ends(change: Callable[[int, int], tuple[int, int]]) -> Answer:
    """Return the fault of a mask with other ends, for codes."""
    return _where(lambda args, s: between(unclipped(args, s), *change(*limits(s)), s))


def _quotient(quotient_of: Callable[[Array, Array, Settings], Array]) -> Answer:
    """Return the fault of a mask made of another quotient."""

    def mask(args: Arguments, settings: Settings) -> Array:
        x, s, z = broadcast(args, settings)
        v = quotient_of(x, s, settings).astype(np.float64)
        steps = round_to_integer(before_rounding(v, z, settings), settings["rounding"])
        codes = steps if settings["zero_point_added"] == "before_rounding" else steps + z
        return between(codes, *limits(settings), settings)

    return _where(mask)


def _quotient_in(name: str) -> Answer:
    return _quotient(lambda x, s, settings: divided(x.astype(float_dtype(name)), s))


def _values(ends_of: Callable[[Arguments, Settings], tuple[Array, Array]]) -> Answer:
    """Return the fault of a mask x_min <= x <= x_max with other ends."""

    def mask(args: Arguments, settings: Settings) -> Array:
        x = args[0].astype(np.float64)
        return np.asarray(between(x, *ends_of(args, settings), settings) & np.isfinite(x))

    return _where(mask)


def _ends_without_zero_point(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    return end_values((*args[:2], 0), settings)


def _ends_and_half_a_step(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    _, s, _ = broadcast(args, settings)
    low, high = end_values(args, settings)
    return low - s / 2, high + s / 2


def _on_upstream(change: Callable[[Array, Arguments, Settings], Array]) -> Answer:
    """Return the fault of passing something else, made of the upstream in float64."""

    def answer(args: Arguments, settings: Settings) -> Any:
        upstream = change(args[3].astype(np.float64), args, settings)
        return np.where(inside(args, settings), upstream, 0.0)

    return answer


def _on_gradient(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of changing what was right."""
    return lambda args, settings: change(passed(args, inside(args, settings)))


def _held_in(name: str) -> Answer:
    narrow = narrowed(name)
    return _on_upstream(lambda g, args, settings: narrow(g))


def _half_at_ends(args: Arguments, settings: Settings) -> Any:
    """Take the gradient of min and max, which give half of it to each of two equal operands."""
    open_range = inside(args, {**settings, "boundary": "zero"})
    half = (args[3].astype(np.float64) / 2).astype(args[3].dtype)
    flags = inside(args, settings)
    return np.where(flags & ~open_range, half, passed(args, flags))


def _half_at_value_ends(args: Arguments, settings: Settings) -> Any:
    return _half_at_ends(args, {**settings, "mask": "value", "boundary": "pass"})


def _leads_back(args: Arguments, settings: Settings) -> Array:
    """Pass what a step of descent would move toward the range, too."""
    low, high = limits(settings)
    codes, upstream = unclipped(args, settings), args[3].astype(np.float64)
    back = ((codes > high) & (upstream > 0)) | ((codes < low) & (upstream < 0))
    return np.asarray(inside(args, settings) | back)


def _unchanged(args: Arguments, settings: Settings) -> Array:
    return np.asarray(other_values(args[:3], {**settings, "overflow": "saturate"}) == args[0])


def _multiplied(**other: Callable[[Settings], str]) -> Answer:
    """Return the fault of multiplying by a mask of 0 and 1, made under other settings."""

    def answer(args: Arguments, settings: Settings) -> Any:
        changed = {**settings, **{name: value(settings) for name, value in other.items()}}
        return args[3] * inside(args, changed)

    return answer


def _multiplied_with_halves(args: Arguments, settings: Settings) -> Any:
    open_range, flags = (
        inside(args, {**settings, "boundary": "zero"}),
        inside(args, {**settings, "boundary": "pass"}),
    )
    return args[3] * ((open_range + flags.astype(np.float64)) / 2).astype(args[3].dtype)


def _scaled(by: np.ufunc) -> Answer:
    def change(upstream: Array, args: Arguments, settings: Settings) -> Array:
        _, s, _ = broadcast(args, settings)
        return np.asarray(narrowed(settings["dtype"])(by(upstream, s)))

    return _on_upstream(change)


def _flushed(upstream: Array, args: Arguments, settings: Settings) -> Array:
    return np.where(np.abs(upstream) < FLOATS[settings["dtype"]][2], np.copysign(0.0, upstream), upstream)


def _swapped(args: Arguments, settings: Settings) -> Any:
    x, s, z, upstream = args
    return passed((upstream, s, z, x), inside((upstream, s, z, x), settings))


def _inside_each(x: Array, s: Array, z: Array, settings: Settings) -> Array:
    """Flag what passes, given a scale and a zero point an element."""
    # every element is a channel of its own: of one axis, that is taken whatever the settings say
    return inside((x.reshape(-1), s, z), settings).reshape(x.shape)


def _of_mask(fault: Fault) -> Fault:
    """Return the fault of a mask as one of the gradient."""
    return Fault(fault.name, fault.statement, _where(lambda args, settings: fault.answer(args[:3], settings)))


FAULTS = (
    Fault("zero", "gives 0", lambda args, settings: np.zeros(args[0].shape)),
    Fault(
        "no_mask",
        "passes the gradient everywhere: it has no mask, or makes it of codes that are clipped or cast already",
        lambda args, settings: args[3],
    ),
    Fault("inverted", "passes the gradient outside the range, not inside", _where(lambda args, s: ~inside(args, s))),
    Fault(
        "no_upper_end",
        "stops the gradient below the range only",
        _where(lambda args, s: unclipped(args, s) >= limits(s)[0]),
    ),
    Fault(
        "no_lower_end",
        "stops the gradient above the range only",
        _where(lambda args, s: unclipped(args, s) <= limits(s)[1]),
    ),
    Fault("half_at_ends", "passes half of the gradient at the ends, as min and max do", _half_at_ends),
    Fault(
        "half_at_value_ends",
        "takes the gradient of clipping x to the range of values, with half of it at the ends",
        _half_at_value_ends,
    ),
    Fault("zero_point_ignored", "makes the mask without the zero point", _codes(lambda q, z: q - z)),
    Fault("zero_point_subtracted", "makes the mask of round(x / s) - z", _codes(lambda q, z: q - 2 * z)),
    Fault("zero_point_twice", "adds the zero point twice for the mask", _codes(lambda q, z: q + z)),
    Fault(
        "value_without_zero_point",
        "passes where q_min * s <= x <= q_max * s, whatever the zero point",
        _values(_ends_without_zero_point),
    ),
    Fault(
        "half_a_step_more",
        "passes where x lies in the range of values or within half a step of it, ties included",
        _values(_ends_and_half_a_step),
    ),
    Fault(
        "x_in_codes",
        "passes where x itself, and not its code, lies in [q_min, q_max]",
        _where(lambda args, s: between(args[0].astype(np.float64), *limits(s), s)),
    ),
    Fault("hard_tanh", "passes where |x| <= 1", _where(lambda args, s: np.abs(args[0].astype(np.float64)) <= 1)),
    Fault("where_unchanged", "passes only where fake quantization leaves x as it is", _where(_unchanged)),
    Fault("leads_back", "passes outside the range, too, what leads x back into it", _where(_leads_back)),
    Fault(
        "infinite_passes",
        "passes where x is infinite",
        _where(lambda args, s: inside(args, s) | np.isinf(args[0].astype(np.float64))),
    ),
    Fault(
        "negative_stops",
        "stops where x is negative",
        _where(lambda args, s: inside(args, s) & (args[0].astype(np.float64) >= 0)),
    ),
    Fault("zero_stops", "stops where x is 0", _where(lambda args, s: inside(args, s) & (args[0] != 0))),
    *(
        Fault(f"quotient_{name}", f"makes the mask of x / s in {name}", _quotient_in(name))
        for name in ("float16", "bfloat16", "float32")
    ),
    Fault(
        "reciprocal_float64",
        "makes the mask of x * (1 / s) in float64",
        _quotient(lambda x, s, settings: x.astype(np.float64) * (1 / s)),
    ),
    Fault(
        "scale_float16",
        "holds the scale in float16",
        _quotient(lambda x, s, settings: steps_of(x, narrowed("float16")(s), settings)),
    ),
    Fault(
        "scale_multiplied",
        "makes the mask of x * s instead of x / s",
        _quotient(lambda x, s, settings: x * s),
    ),
    Fault("one_code_too_high", "takes q_max one code too high", _ends(lambda low, high: (low, high + 1))),
    Fault(
        "one_code_short",
        "takes q_max one code too low: it stops the gradient at q_max, but not at q_min",
        _ends(lambda low, high: (low, high - 1)),
    ),
    Fault("one_code_too_low", "takes q_min one code too low", _ends(lambda low, high: (low - 1, high))),
    Fault("unsigned_q_max", "takes 2^bits - 1 for q_max", _ends(lambda low, high: (low, 2 * high + 1))),
    Fault(
        "low_16_bits_first",
        "keeps the low 16 bits of the code before it is looked at",
        _codes(lambda q, z: low_bits(16)(q)),
    ),
    Fault(
        "low_32_bits_first",
        "keeps the low 32 bits of the code before it is looked at",
        _codes(lambda q, z: low_bits(32)(q)),
    ),
    Fault(
        "ones",
        "gives 1 where the gradient passes, whatever the upstream",
        _on_upstream(lambda g, a, s: np.ones_like(g)),
    ),
    Fault("divided_by_scale", "divides the gradient by the scale", _scaled(np.divide)),
    Fault("times_scale", "multiplies the gradient by the scale", _scaled(np.multiply)),
    Fault("sign_flipped", "gives the negative of the gradient", _on_upstream(lambda g, a, s: -g)),
    Fault("sign_dropped", "drops the sign of the gradient", _on_upstream(lambda g, a, s: np.abs(g))),
    Fault("clipped_to_one", "clips the gradient to [-1, 1]", _on_upstream(lambda g, a, s: np.clip(g, -1, 1))),
    Fault("zero_loses_sign", "gives +0 for an upstream of -0.0", _on_upstream(lambda g, a, s: g + 0.0)),
    Fault("subnormals_flushed", "takes a subnormal upstream for 0", _on_upstream(_flushed)),
    Fault(
        "not_finite_is_zero",
        "gives 0 for an upstream that is nan or infinite",
        _on_upstream(lambda g, a, s: np.where(np.isfinite(g), g, 0.0)),
    ),
    Fault(
        "nan_to_num",
        "gives 0 for an upstream of nan, and the largest float for an infinite one",
        _on_upstream(lambda g, a, s: np.nan_to_num(g, posinf=FLOATS[s["dtype"]][1], neginf=-FLOATS[s["dtype"]][1])),
    ),
    *(
        Fault(f"upstream_{name}", f"holds the gradient in {name}", _held_in(name))
        for name in ("float16", "bfloat16", "float32")
    ),
    Fault(
        "multiplied",
        "multiplies by a mask of 0 and 1: -0.0 where a negative gradient stops, nan where nan or an infinite one does",
        _multiplied(),
    ),
    Fault(
        "multiplied_other_ends",
        "multiplies by a mask of 0 and 1 with the other boundary: every saturated value lies at the ends of the range",
        _multiplied(boundary=lambda settings: "zero" if settings["boundary"] == "pass" else "pass"),
    ),
    Fault(
        "multiplied_other_mask",
        "multiplies by a mask of 0 and 1 of the other kind: of x instead of its code, or of the code instead of x",
        _multiplied(mask=lambda settings: "value" if settings["mask"] == "code" else "code"),
    ),
    Fault(
        "multiplied_with_halves",
        "multiplies by a mask that is 1/2 at both ends of the range, as min and max do",
        _multiplied_with_halves,
    ),
    Fault(
        "stops_at_minus_zero",
        "gives -0.0 where the gradient stops",
        lambda args, settings: np.where(inside(args, settings), args[3], -0.0),
    ),
    Fault("inputs_swapped", "takes x for the upstream, and the upstream for x", _swapped),
    *map(_of_mask, channel_faults(inside, _inside_each)),
    Fault(
        "column_order",
        "takes the elements in column order",
        _on_gradient(lambda g: g.reshape(-1, order="F").reshape(g.shape)),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        _on_gradient(lambda g: g.reshape(-1)[::-1].reshape(g.shape)),
    ),
)

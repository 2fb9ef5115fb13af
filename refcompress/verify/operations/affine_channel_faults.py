"""Wrong ways to give channels their scales and zero points, which both affine operations can show."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.operation import Arguments, Fault, Settings

Answer = Callable[[Arguments, Settings], Any]


def _changed(
    answer: Answer, change: Callable[[Array], Array], *, scale: bool = False, zero_point: bool = False
) -> Answer:
    """Return the answer with other scales or zero points for the channels; numbers stay."""

    def changed(args: Arguments, settings: Settings) -> Any:
        x, s, z = args
        if np.ndim(s) > 0:
            s, z = change(s) if scale else s, change(z) if zero_point else z
        return answer((x, s, z), settings)

    return changed


def _first(values: Array) -> Array:
    return np.broadcast_to(values[:1], values.shape)


def _next(values: Array) -> Array:
    return np.roll(values, -1)


def _before(values: Array) -> Array:
    return np.roll(values, 1)


def _largest(values: Array) -> Array:
    return np.full_like(values, values.max()) if values.size else values


def _by_flat_index(
    answer: Answer, elementwise: Callable[[Array, Array, Array, Settings], Any], *, chunks: bool
) -> Answer:
    """Take the channel from the flat index: modulo the channels, or in equal chunks."""

    def by_flat_index(args: Arguments, settings: Settings) -> Any:
        x, s, z = args
        if np.ndim(s) == 0 or not len(s):
            return answer(args, settings)
        index = np.arange(x.size) // max(1, x.size // len(s)) if chunks else np.arange(x.size)
        channel = (index % len(s)).reshape(x.shape)
        return elementwise(x, s[channel].astype(np.float64), z[channel], settings)

    return by_flat_index


def _beside(answer: Answer, step: int) -> Answer:
    """Take the axis after or before the right one."""

    def beside(args: Arguments, settings: Settings) -> Any:
        axis, dimensions = settings["axis"], np.ndim(args[0])
        if axis is None or dimensions == 0:
            return answer(args, settings)
        other = (axis % dimensions + step) % dimensions
        fits = np.shape(args[0])[other] == np.size(args[1])
        return answer(args, {**settings, "axis": other if fits else axis})

    return beside


def channel_faults(answer: Answer, elementwise: Callable[[Array, Array, Array, Settings], Any]) -> tuple[Fault, ...]:
    """Return the faults, given the right answer, and that for a scale and a zero point an element."""
    return (
        Fault("scale_of_first", "takes the scale of the first channel for all", _changed(answer, _first, scale=True)),
        Fault(
            "zero_point_of_first",
            "takes the zero point of the first channel for all",
            _changed(answer, _first, zero_point=True),
        ),
        Fault(
            "zero_point_of_next", "takes the zero point of the next channel", _changed(answer, _next, zero_point=True)
        ),
        Fault(
            "zero_point_of_last",
            "takes the zero point of the channel before",
            _changed(answer, _before, zero_point=True),
        ),
        Fault("scale_of_next", "takes the scale of the next channel", _changed(answer, _next, scale=True)),
        Fault("scale_of_last", "takes the scale of the channel before", _changed(answer, _before, scale=True)),
        Fault(
            "next_channel",
            "takes scale and zero point of the next channel",
            _changed(answer, _next, scale=True, zero_point=True),
        ),
        Fault("largest_scale", "takes the largest scale for all channels", _changed(answer, _largest, scale=True)),
        Fault(
            "channels_reversed",
            "takes the channels in reverse order",
            _changed(answer, lambda v: v[::-1], scale=True, zero_point=True),
        ),
        Fault("axis_before", "takes the axis before the right one", _beside(answer, -1)),
        Fault("axis_after", "takes the axis after the right one", _beside(answer, 1)),
        Fault(
            "flat_modulo",
            "takes the channel from the element's flat index, modulo the channels",
            _by_flat_index(answer, elementwise, chunks=False),
        ),
        Fault(
            "flat_chunks",
            "cuts the flat array into as many equal parts as there are channels",
            _by_flat_index(answer, elementwise, chunks=True),
        ),
    )

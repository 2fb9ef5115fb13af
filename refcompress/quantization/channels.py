"""Scales and zero points: one for an array, one a channel, or one a block of entries; and the pieces that share them.

An array is worked through in pieces that stay in the processor's cache, each with parameters that broadcast to it.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array

PIECE = 131_072  # elements
LONG = 32  # entries from which on a run with one scale is worked through as it is

Shape3 = tuple[int, int, int]


def arrange(shape: tuple[int, ...], axis: int | None, block_size: int | None) -> tuple[Shape3, tuple[int, ...]]:
    """Return how an array falls into runs with one scale, as (outer, channels, inner), and the scales' own shape."""
    if axis is None:
        if block_size is not None:
            raise ValueError(f"block_size is {arguments.shown(block_size)}: blocks need an axis along which they lie")
        return (1, 1, math.prod(shape)), ()
    axis = arguments.axis_number(axis, "axis", len(shape))
    if block_size is None:
        return (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])), (shape[axis],)
    block_size = arguments.integer(block_size, "block_size", 1)
    blocks = (*shape[:axis], -(-shape[axis] // block_size), *shape[axis + 1 :])
    return (1, math.prod(shape), 1), blocks


def checked_scale(scale: npt.ArrayLike, shape: tuple[int, ...], dtype: np.dtype[Any] | None) -> Array:
    """Return the scales in a dtype (None: as they are): positive, finite and of the right shape."""
    given = arguments.float_array(scale, "scale")
    _check_shape(given, "scale", shape)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        s = given if dtype is None else given.astype(dtype)
        wrong = ~(np.isfinite(s) & (s > 0))
    if wrong.any():
        arguments.refuse_element("scale", given, wrong, f"it must be positive and finite in {s.dtype}")
    return s


def checked_zero_point(zero_point: npt.ArrayLike, shape: tuple[int, ...], low: int, high: int) -> Array:
    """Return the zero points as int64: codes, and of the right shape: that of the scales, or one for all."""
    z = arguments.integer_array(zero_point, "zero_point")
    if z.size != 1:
        _check_shape(z, "zero_point", shape)
    wrong = (z < low) | (z > high)
    if wrong.any():
        arguments.refuse_element("zero_point", z, wrong, f"it must be a code, from {low} to {high}")
    return z.astype(np.int64)


def _check_shape(array: Array, name: str, shape: tuple[int, ...]) -> None:
    if array.shape != shape and not (shape == () and array.size == 1):
        must = f"shape {shape}" if shape else "a single number: an axis gives one a channel"
        raise ValueError(f"{name} has shape {array.shape}: it must have {must}")


def expanded(values: Array, shape: tuple[int, ...], axis: int | None, block_size: int | None) -> Array:
    """Return one value for all, or one a channel, in order; with blocks, one an element."""
    if block_size is None or values.size == 1:
        return values.reshape(-1)
    axis = arguments.axis_number(axis, "axis", len(shape))
    repeated = np.repeat(values, block_size, axis)
    return np.take(repeated, np.arange(shape[axis]), axis).reshape(-1)


def pieces(runs: Shape3, *parameters: Array) -> Iterator[tuple[slice, tuple[int, ...], list[Array]]]:
    """Yield flat ranges of an array in C order, the shape to give each, and its parameters, which broadcast to that.

    ``parameters`` hold one value, or one a channel.
    """
    outer, channels, inner = runs
    if all(values.size == 1 for values in parameters):
        outer, channels, inner = 1, 1, outer * channels * inner
    values = [np.broadcast_to(v, (channels,)) for v in parameters]
    if inner > PIECE:
        yield from _within_runs(outer * channels, inner, values)
    elif inner >= LONG or channels == 1:
        yield from _whole_runs(outer * channels, inner, values)
    else:
        yield from _rows(outer, [np.repeat(v, inner) for v in values])


def _within_runs(runs: int, inner: int, values: list[Array]) -> Iterator[Any]:
    for run in range(runs):
        own = [v[run % v.size, None] for v in values]
        for start in range(0, inner, PIECE):
            stop = min(start + PIECE, inner)
            yield slice(run * inner + start, run * inner + stop), (stop - start,), own


def _whole_runs(runs: int, inner: int, values: list[Array]) -> Iterator[Any]:
    step = max(1, PIECE // max(1, inner))
    for start in range(0, runs, step):
        stop = min(start + step, runs)
        own = [v[np.arange(start, stop) % v.size, None] for v in values]
        yield slice(start * inner, stop * inner), (stop - start, inner), own


def _rows(outer: int, values: list[Array]) -> Iterator[Any]:
    """Work through rows whose entries have scales of their own; short rows are taken several at a time."""
    length = values[0].size
    if length > PIECE:
        for row in range(outer):
            for start in range(0, length, PIECE):
                stop = min(start + PIECE, length)
                yield slice(row * length + start, row * length + stop), (stop - start,), [v[start:stop] for v in values]
        return
    together = max(1, min(outer, PIECE // max(1, length)))
    pattern = [np.tile(v, together) for v in values]
    for row in range(0, outer, together):
        size = (min(row + together, outer) - row) * length
        yield slice(row * length, row * length + size), (size,), [v[:size] for v in pattern]


def common_dtype(x: Array, scale: npt.ArrayLike) -> np.dtype[Any]:
    """Return the dtype that arithmetic with a scale is done in: NumPy's promotion, a Python number giving way to x.

    The 8-bit floats, which no hardware divides, give way to float32; so do bfloat16 and float16 together.
    """
    dtypes = {x.dtype} if type(scale) in (int, float) else {x.dtype, arguments.float_array(scale, "scale").dtype}
    wide = {np.dtype(np.float32) if dtype.itemsize == 1 else dtype for dtype in dtypes}
    return arguments.common_float(wide)

"""Scales that codes may stand on: those that the file holds, and those that usual formulas make of the original.

A scale has a number for every cell of a grid over the tensor: one cell for the whole of it, one a row, one for every 32
entries of a row, and so on.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.audit.rules import Pair, Where, as_float64


@dataclass(frozen=True, eq=False)
class Scale:
    """Scales and zero points of the cells of a grid."""

    words: str
    shape: tuple[int, ...]
    """Of the tensor."""
    grid: tuple[int, ...]
    """Cells along each axis."""
    values: Array
    """One a cell, as a line."""
    zeros: Array
    bits: int | None = None
    """Width of the codes that the formula was meant for."""
    declared: bool = False
    fitted: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What to show of it."""
        shown: dict[str, Any] = {"scale": self.words}
        if self.values.size == 1:
            shown |= {"value": float(self.values[0]), "zero_point": int(self.zeros[0])}
        else:
            shown |= {"axis": self.axis} if self.axis is not None else {"cells": list(self.grid)}
        return shown

    @property
    def axis(self) -> int | None:
        """The one axis along which the scale differs, entry by entry."""
        axes = [i for i, cells in enumerate(self.grid) if cells > 1]
        return axes[0] if len(axes) == 1 and self.grid[axes[0]] == self.shape[axes[0]] else None

    def at(self, where: Where) -> tuple[Array, Array]:
        """Return the scale and the zero point of entries (of size 1 where they are the same for all)."""
        if self.values.size == 1:
            return self.values, self.zeros
        flat = np.arange(where.start, where.stop) if isinstance(where, slice) else where
        places = np.unravel_index(flat, self.shape)
        steps = [length // cells for length, cells in zip(self.shape, self.grid, strict=True)]
        cell = np.ravel_multi_index(tuple(p // s for p, s in zip(places, steps, strict=True)), self.grid)
        return self.values[cell], self.zeros[cell]


def whole_grid(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the grid of one cell."""
    return (1,) * len(shape)


def axis_grid(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Return the grid with a cell for every index along an axis.

    Examples
    --------
    >>> axis_grid((4, 6), 1)
    (1, 6)
    """
    return tuple(length if i == axis else 1 for i, length in enumerate(shape))


def extremes(x: Array, grid: tuple[int, ...]) -> tuple[Array, Array]:
    """Return the least and the greatest entry of every cell, as float64 lines."""
    split = [part for length, cells in zip(x.shape, grid, strict=True) for part in (cells, length // cells)]
    within = tuple(range(1, 2 * x.ndim, 2))
    cells = x.reshape(split)
    with np.errstate(invalid="ignore"):
        return as_float64(cells.min(axis=within)).reshape(-1), as_float64(cells.max(axis=within)).reshape(-1)


def declared_scales(pair: Pair) -> Iterator[Scale]:
    """Yield the scale that the compressed file holds beside the tensor, once for each way to lay it over the tensor.

    One whose zero points are no codes, such as 0.5, belongs to no rule that is known here.
    """
    scale, zero = pair.declared.scale, pair.declared.zero_point
    if scale is None or not arguments.is_float(scale.dtype):
        return
    z = np.zeros(1) if zero is None else as_float64(zero.reshape(-1))
    if not np.all((z == np.rint(z)) & (np.abs(z) <= 2.0**32)):  # false for nan too
        return
    for grid in grids_of(tuple(scale.shape), pair.shape):
        cells = math.prod(grid)
        if z.size not in (1, cells):
            continue
        zeros = np.broadcast_to(z.astype(np.int64), (cells,))
        words = pair.declared.names[0]
        yield Scale(words, pair.shape, grid, scale.reshape(-1), zeros, declared=True)
        if scale.dtype == np.float64 and pair.x.dtype != np.float64:
            narrow = scale.reshape(-1).astype(np.float32)
            yield Scale(f"{words} as float32", pair.shape, grid, narrow, zeros, declared=True)


def grids_of(scale: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the grids over a tensor that a scale of some shape may belong to.

    Examples
    --------
    >>> list(grids_of((4,), (4, 6))), list(grids_of((4, 2), (4, 6))), list(grids_of((5,), (4, 6)))
    ([(4, 1)], [(4, 2)], [])
    """
    if math.prod(scale) == 1:
        yield whole_grid(shape)
        return
    longer = [length for length in scale if length != 1]
    if len(longer) == 1:
        yield from (axis_grid(shape, axis) for axis, length in enumerate(shape) if length == longer[0])
    if len(scale) == len(shape) and all(c and length % c == 0 for c, length in zip(scale, shape, strict=True)):
        single = [axis for axis, cells in enumerate(scale) if cells > 1]
        if len(single) > 1 or scale[single[0]] != shape[single[0]]:
            yield scale


def formula_scales(pair: Pair, widths: list[int]) -> Iterator[Scale]:
    """Yield the scales that the usual formulas give: of the whole tensor, then along every axis."""
    grids = [whole_grid(pair.shape)]
    if len(pair.shape) > 1:
        grids += [axis_grid(pair.shape, axis) for axis in range(len(pair.shape)) if pair.shape[axis] > 1]
    for grid in grids:
        low, high = extremes(pair.x, grid)
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
        for bits in widths:
            for words, scale, shifted in _formulas(low, high, bits, pair.x.dtype == np.float64):
                values = np.where(scale > 0, scale, scale.dtype.type(1))
                if not shifted:
                    yield Scale(words, pair.shape, grid, values, np.zeros(low.size, np.int64), bits)
                    continue
                for q_min in (0, -(1 << (bits - 1))):
                    with np.errstate(invalid="ignore"):
                        zeros = np.nan_to_num(np.rint(q_min - low / values)).astype(np.int64)
                    yield Scale(words, pair.shape, grid, values, zeros, bits)


def _formulas(low: Array, high: Array, bits: int, wide: bool) -> Iterator[tuple[str, Array, bool]]:
    """Yield the words of a formula, its scales, and whether the codes are shifted by a zero point."""
    dtype = np.dtype(np.float64 if wide else np.float32)
    most = (1 << (bits - 1)) - 1
    largest = np.maximum(-low, high)
    yield f"max|x| / {most}", (largest / most).astype(dtype), False
    yield f"max|x| / {most + 1}", (largest / (most + 1)).astype(dtype), False
    yield f"max|x| / {most + 0.5}", (largest / (most + 0.5)).astype(dtype), False
    yield f"(max x - min x) / {2 * most + 1}", ((high - low) / (2 * most + 1)).astype(dtype), True
    in_dtype = (high.astype(dtype) - low.astype(dtype)) / dtype.type(2 * most + 1)
    yield f"(max x - min x) / {2 * most + 1}, each step in {dtype.name}", in_dtype, True

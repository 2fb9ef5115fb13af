"""Blocks of consecutive entries along an axis, each of the same length: apart, and together again."""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array


def blocks_of(x: Array, name: str, axis: int, size: int) -> tuple[Array, int]:
    """Return the blocks as float64, their entries in a last axis of their own, and the axis counted from the front.

    An array of shape (3, 64, 5) gives, along axis 1, blocks of 32 in the shape (3, 5, 2, 32).
    """
    axis = arguments.axis_number(axis, "axis", x.ndim)
    arguments.room((size,), "block_size")  # of an empty axis, any size is a divisor
    length = x.shape[axis]
    if length % size:
        raise ValueError(f"{name} has {length} entries along axis {axis}: {size} must divide that")
    with np.errstate(invalid="ignore"):  # a signalling nan
        wide = np.moveaxis(x, axis, -1).astype(np.float64)
    return wide.reshape(*wide.shape[:-1], length // size, size), axis


def joined(blocks: Array, axis: int) -> Array:
    """Return the array that the blocks were cut from."""
    whole = blocks.reshape(*blocks.shape[:-2], blocks.shape[-2] * blocks.shape[-1])
    return np.ascontiguousarray(np.moveaxis(whole, -1, axis))


def scales_of(scales: npt.ArrayLike, name: str, blocks: Array, axis: int) -> Array:
    """Return one scale a block as float64, from an array whose ``axis`` counts the blocks."""
    array = arguments.float_array(scales, name)
    counts = blocks.shape[:-1]
    shape = (*counts[:axis], counts[-1], *counts[axis:-1])
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: one a block makes {shape}")
    with np.errstate(invalid="ignore"):
        wide: Array = np.moveaxis(array, axis, -1).astype(np.float64)
    return wide

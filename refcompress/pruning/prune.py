"""Pruning: X_prune = [x1, ..., xk], the k entries of largest magnitude, compact, and the places they came from.

The places make it lossless for what is kept: ``restore`` gives back Sparse(x) = [x1, 0, x3, 0, ..., xn] bit for bit.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.pruning.selection import TIES, magnitudes, top_k_mask

ORDERS = ("index", "magnitude")


def prune(x: npt.ArrayLike, k: int, *, order: str = "index", ties: str = "lowest_index") -> tuple[Array, Array]:
    """Prune by magnitude: X_prune = [x1, ..., xk], the entries of x where top_k_mask(x, k), with their indices.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits (bfloat16 and the 8-bit floats included) or integers, of any shape.
    k : int
        How many stay, 0 to the size of x.
    order : str
        index (default): as they stand in x, in C order. magnitude: the largest first, and equal magnitudes as ``ties``
        prefers them.
    ties : str
        lowest_index (default) or highest_index: which of equal magnitudes stay.

    Returns
    -------
    values : numpy.ndarray
        The k kept entries (k,), with the bits and the dtype of x in native byte order.
    indices : numpy.ndarray
        int64 (k,): where they stand in x flattened in C order.

    Raises
    ------
    ValueError
        For a NaN, for a k outside 0 to the size of x, for an unknown ``order`` or ``ties``.
    TypeError
        For an x that holds no numbers, or a k that is no integer.

    See Also
    --------
    restore : The way back to the sparsified array.
    top_k_mask : Which entries stay, and the rule for ties.

    References
    ----------
    Han, Mao and Dally, "Deep Compression: Compressing Deep Neural Networks with Pruning, Trained Quantization and
    Huffman Coding", section 2, 2016, for storing values with their places.

    Examples
    --------
    >>> values, indices = prune([0.5, -3.0, 0.5, 2.0], 3)
    >>> values, indices
    (array([ 0.5, -3. ,  2. ]), array([0, 1, 3]))
    >>> prune([0.5, -3.0, 0.5, 2.0], 3, order="magnitude")
    (array([-3. ,  2. ,  0.5]), array([1, 3, 0]))
    """
    array = arguments.real_array(x, "x")
    arguments.choice(order, "order", ORDERS)
    kept = np.flatnonzero(top_k_mask(array, k, ties=ties))
    flat = array.reshape(-1)
    if order == "magnitude":
        kept = kept[:: -TIES[ties]]  # in the order of preference; the stable sort leaves equal magnitudes in it
        kept = kept[np.argsort(~magnitudes(flat[kept]), kind="stable")]
    return flat[kept], kept.astype(np.int64, copy=False)


def restore(values: npt.ArrayLike, indices: npt.ArrayLike, shape: Sequence[int]) -> Array:
    """Put pruned values back in their places: x[indices[i]] = values[i] in C order, +0 elsewhere.

    restore(*prune(x, k), x.shape) is sparsify(x, k), bit for bit, in either order of ``prune``.

    Parameters
    ----------
    values : array_like
        Floats of at most 64 bits or integers (k,). A NaN is a value like any other here.
    indices : array_like of int
        Places in the flattened result (k,), in any order, none of them twice.
    shape : sequence of int
        The shape of the result.

    Returns
    -------
    numpy.ndarray
        The asked shape, C order, with the dtype of ``values`` in native byte order.

    Raises
    ------
    ValueError
        For values or indices that are not one-dimensional or differ in length, for a negative index, one past the end
        or one that occurs twice, for a negative length in ``shape``.
    TypeError
        For values that are no numbers, indices that are no integers, a shape that is no sequence of integers.

    See Also
    --------
    prune : The way there.

    Examples
    --------
    >>> restore([-3.0, 2.0], [1, 3], (2, 2))
    array([[ 0., -3.],
           [ 0.,  2.]])
    """
    kept = arguments.real_array(values, "values")
    places = arguments.integer_array(indices, "indices")
    _one_dimensional(kept, "values")
    _one_dimensional(places, "indices")
    arguments.same_shape(places, kept, "indices", "values")
    dims = _lengths(shape)
    size = math.prod(dims)
    outside = (places < 0) | (places >= size)
    if outside.any():
        arguments.refuse_element(
            "indices", places, outside, f"it must be at least 0 and below {size}, for shape {dims}"
        )
    _refuse_repeated(places, size)
    flat = np.zeros(size, kept.dtype)
    flat[places] = kept
    return flat.reshape(dims)


def _one_dimensional(array: Array, name: str) -> None:
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}: it must have one dimension")


def _lengths(shape: Sequence[int]) -> tuple[int, ...]:
    lengths = arguments.iterated(shape, "shape", "a sequence of integers")
    dims = tuple(arguments.integer(length, f"shape[{i}]", 0) for i, length in enumerate(lengths))
    arguments.room(dims, "shape")
    return dims


def _refuse_repeated(places: Array, size: int) -> None:
    seen = np.zeros(size, np.bool_)
    seen[places] = True
    if np.count_nonzero(seen) < places.size:
        repeated = np.ones(places.shape, np.bool_)
        repeated[np.unique(places, return_index=True)[1]] = False
        arguments.refuse_element("indices", places, repeated, "no place may occur twice")

"""Structured sparsity: of every m consecutive entries the n largest stay (n:m, 2:4 above all)."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.pruning.selection import TIES, UNSIGNED, magnitudes

BLOCK = 65_536  # entries a pass: the temporaries stay in the processor's cache


def n_m_mask(x: npt.ArrayLike, *, n: int = 2, m: int = 4, axis: int = -1, ties: str = "lowest_index") -> Array:
    """Mark the n entries of largest magnitude among every m consecutive ones along an axis.

    An entry stays if fewer than n of its group go before it: those of larger magnitude, and of equal magnitude those
    of lower index (or of higher, by ``ties``).

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits or integers, of at least one dimension, whose length along the axis is a multiple
        of m.
    n, m : int
        How many stay (0 to m) of how many; default 2 of 4.
    axis : int
        The axis along which groups lie; default the last.
    ties : str
        lowest_index (default) or highest_index.

    Returns
    -------
    numpy.ndarray
        Booleans of the shape of x.

    Raises
    ------
    ValueError
        For a NaN, for a length that m does not divide, or for an n, m, axis or word outside its range.
    TypeError
        For an x that holds no numbers, or an n, m or axis that is no integer.

    See Also
    --------
    n_m_sparsify : The entries themselves, in place.

    References
    ----------
    Mishra et al., "Accelerating Sparse Deep Neural Networks", section 3, 2021.

    Examples
    --------
    >>> n_m_mask([4.0, 3.0, -5.0, 1.0, 2.0, 2.0, 2.0, 2.0]).astype(int)
    array([1, 0, 1, 0, 1, 1, 0, 0])
    """
    groups, shape, axis, n = _grouped(x, n, m, axis, ties)
    mask = np.empty(groups.shape, np.bool_)
    for place, stays in _marked(groups, n, ties == "lowest_index"):
        mask[place] = stays.T
    return np.ascontiguousarray(np.moveaxis(mask.reshape(shape), -1, axis))


def n_m_sparsify(x: npt.ArrayLike, *, n: int = 2, m: int = 4, axis: int = -1, ties: str = "lowest_index") -> Array:
    """Keep the n entries of largest magnitude of every m consecutive ones along an axis; the rest become +0.

    Parameters
    ----------
    x, n, m, axis, ties
        As for ``n_m_mask``.

    Returns
    -------
    numpy.ndarray
        The shape and dtype of x; kept entries bit for bit.

    Raises
    ------
    ValueError, TypeError
        As for ``n_m_mask``.

    See Also
    --------
    n_m_mask : Which entries stay.

    References
    ----------
    Mishra et al., "Accelerating Sparse Deep Neural Networks", section 3, 2021.

    Examples
    --------
    >>> n_m_sparsify([[4.0, 3.0, -5.0, 1.0], [2.0, 2.0, 2.0, 2.0]])
    array([[ 4.,  0., -5.,  0.],
           [ 2.,  2.,  0.,  0.]])
    """
    groups, shape, axis, n = _grouped(x, n, m, axis, ties)
    entries = np.empty(groups.shape, groups.dtype)
    unsigned = UNSIGNED[groups.dtype.itemsize]
    words, kept = groups.view(unsigned), entries.view(unsigned)
    for place, stays in _marked(groups, n, ties == "lowest_index"):
        np.multiply(words[place].T, stays, out=kept[place].T)  # bit patterns times 1 or 0
    return np.ascontiguousarray(np.moveaxis(entries.reshape(shape), -1, axis))


def _grouped(x: npt.ArrayLike, n: int, m: int, axis: int, ties: str) -> tuple[Array, tuple[int, ...], int, int]:
    """Return x as (groups, m), its shape with the axis last, the axis and n, all checked."""
    array = arguments.real_array(x, "x")
    arguments.not_nan(array, "x", "ranked")
    m = arguments.integer(m, "m", 1)
    arguments.room((m,), "m")  # of an empty axis, any m is a divisor
    if array.ndim == 0:
        raise ValueError("x is 0-d: groups need an axis along which they lie")
    axis = arguments.axis_number(axis, "axis", array.ndim)
    if array.shape[axis] % m:
        raise ValueError(f"x has {array.shape[axis]} entries along axis {axis}: it must be a multiple of m = {m}")
    n = arguments.integer(n, "n", 0, m)
    arguments.choice(ties, "ties", TIES)
    moved = np.moveaxis(array, axis, -1)
    return np.ascontiguousarray(moved).reshape(array.size // m, m), moved.shape, axis, n


def _marked(groups: Array, n: int, lowest_first: bool) -> Iterator[tuple[slice, Array]]:
    """Yield some groups at a time, and their mask (m, groups): an entry stays if fewer than n go before it."""
    m = groups.shape[1]
    compare = np.greater if lowest_first else np.greater_equal
    step = max(1, BLOCK // m)
    for start in range(0, len(groups), step):
        place = slice(start, start + step)
        columns = np.ascontiguousarray(magnitudes(groups[place]).T)  # one row a place in the group
        ahead = np.empty(columns.shape, np.uint8 if m <= 256 else np.int64)
        ahead[:] = np.arange(m)[:, np.newaxis]  # as many stand before it; those that are smaller are taken off
        for i in range(m):
            for j in range(i + 1, m):
                later = compare(columns[j], columns[i]).view(np.uint8)
                ahead[i] += later
                ahead[j] -= later
        yield place, ahead < n

"""Structured sparsity: of every m consecutive entries the n largest stay (n:m, 2:4 above all)."""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.pruning.selection import TIES, kept, magnitudes

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
    array = arguments.real_array(x, "x")
    arguments.not_nan(array, "x", "ranked")
    axis, m = _groups(array, m, axis)
    n = arguments.integer(n, "n", 0, m)
    arguments.choice(ties, "ties", TIES)
    moved = np.moveaxis(array, axis, -1)
    groups = moved.reshape(array.size // m, m)
    mask = np.empty(groups.shape, np.bool_)
    step = max(1, BLOCK // m)
    for start in range(0, len(groups), step):
        _mark(groups[start : start + step], n, ties == "lowest_index", mask[start : start + step])
    return np.ascontiguousarray(np.moveaxis(mask.reshape(moved.shape), -1, axis))


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
    array = arguments.real_array(x, "x")
    return kept(array, n_m_mask(array, n=n, m=m, axis=axis, ties=ties))


def _groups(x: Array, m: int, axis: int) -> tuple[int, int]:
    """Return the axis and m, checked against the shape."""
    m = arguments.integer(m, "m", 1)
    if x.ndim == 0:
        raise ValueError("x is 0-d: groups need an axis along which they lie")
    axis = arguments.axis_number(axis, "axis", x.ndim)
    if x.shape[axis] % m:
        raise ValueError(f"x has {x.shape[axis]} entries along axis {axis}: it must be a multiple of m = {m}")
    return axis, m


def _mark(groups: Array, n: int, lowest_first: bool, mask: Array) -> None:
    """Write the mask of some groups (g, m): an entry stays if fewer than n of its group go before it."""
    columns = np.ascontiguousarray(magnitudes(groups).T)  # one row a place in the group
    m = len(columns)
    ahead = np.zeros(columns.shape, np.uint8 if m < 256 else np.int64)
    for i in range(m):
        for j in range(i + 1, m):
            later = columns[j] > columns[i] if lowest_first else columns[j] >= columns[i]
            ahead[i] += later
            ahead[j] += ~later
    np.less(ahead.T, n, out=mask)

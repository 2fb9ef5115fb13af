"""Compact forms of a sparse array: n:m values with their places in the group, and CSR, CSC and COO of scipy.sparse.

In all of them -0.0 is a zero that may be remembered, never a number that pushes another out.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.pruning.selection import UNSIGNED
from refcompress.pruning.structured import n_m_mask

# name -> the method of a scipy.sparse array that makes it
FORMATS = {"csr": "tocsr", "csc": "tocsc", "coo": "tocoo"}
SPARSE_DTYPES = ("float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))


def n_m_compact(x: npt.ArrayLike, *, n: int = 2, m: int = 4) -> tuple[Array, Array]:
    """Store n of every m consecutive entries along the last axis, and where in the group each of them stood.

    All numbers other than 0 (NaN too) have a place. Places that are left go to entries of -0.0, then to those of +0,
    the lowest indices first; so that an x without -0.0 comes back bit for bit, and a -0.0 comes back as itself where
    there was a place left, else as +0.

    Parameters
    ----------
    x : array_like of shape (..., d)
        Floats of at most 64 bits or integers, d a multiple of m; at most n of a group are other than 0.
    n, m : int
        How many (0 to m) of how many (1 to 256); default 2 of 4.

    Returns
    -------
    values : numpy.ndarray of shape (..., d / m * n)
        Entries of x, bit for bit, in the order in which they stood.
    indices : numpy.ndarray of uint8, the same shape
        The place of each in its group, 0 to m - 1, rising within a group. For 2:4 they have 2 bits:
        ``quantization.packing.pack_int2(indices, signed=False)`` puts four into a byte.

    Raises
    ------
    ValueError
        For a group with more than n numbers, a length that m does not divide, an n or m outside its range, a 0-d x.
    TypeError
        For an x that holds no numbers, or an n or m that is no integer.

    See Also
    --------
    n_m_expand : The way back.
    refcompress.n_m_sparsify : How an array comes to be n:m.

    References
    ----------
    Mishra et al., "Accelerating Sparse Deep Neural Networks", section 3, figure 1, 2021.

    Examples
    --------
    >>> n_m_compact([-0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 5.0])
    (array([1., 2., 0., 5.]), array([1, 2, 0, 3], dtype=uint8))
    """
    array = arguments.real_array(x, "x")
    m = _group_size(m)
    n = arguments.integer(n, "n", 0, m)
    with np.errstate(invalid="ignore"):  # a signalling NaN is a number here
        numbers = array != 0
    # 2 for a number, 1 for -0.0, 0 for +0: the n largest have the places
    rank = numbers.astype(np.uint8) * 2 + (~numbers & (_bits(array) != 0))
    mask = n_m_mask(rank, n=n, m=m)
    if (lost := numbers & ~mask).any():
        groups = np.add.reduce(numbers.reshape(*numbers.shape[:-1], -1, m), axis=-1)
        index = arguments.first_index(lost)
        count = groups[(*index[:-1], index[-1] // m)]
        raise ValueError(
            f"{arguments.place('x', index)} is {array[index]}: its group of {m} has {count} numbers other than 0, "
            f"there is place for {n}"
        )
    shape = (*array.shape[:-1], array.shape[-1] // m * n)
    indices = np.broadcast_to(np.arange(array.shape[-1]) % m, array.shape)
    return array[mask].reshape(shape), indices[mask].reshape(shape).astype(np.uint8)


def n_m_expand(values: npt.ArrayLike, indices: npt.ArrayLike, *, n: int = 2, m: int = 4) -> Array:
    """Put n values a group back in their places among m, with +0 elsewhere.

    Parameters
    ----------
    values : array_like of shape (..., g * n)
        Floats of at most 64 bits or integers.
    indices : array_like of int, the same shape
        The place of each in its group, 0 to m - 1, rising within a group.
    n, m : int
        How many (1 to m) of how many (1 to 256); default 2 of 4. (With n = 0 nothing says how many groups there were.)

    Returns
    -------
    numpy.ndarray of shape (..., g * m)
        The dtype of ``values``, each bit for bit.

    Raises
    ------
    ValueError
        For shapes that differ, a length that n does not divide, an index outside the group or that does not rise.
    TypeError
        For values that are no numbers, or indices that are no integers.

    See Also
    --------
    n_m_compact : The way there.

    Examples
    --------
    >>> n_m_expand([1.0, 2.0, 0.0, 5.0], [1, 2, 0, 3])
    array([0., 1., 2., 0., 0., 0., 0., 5.])
    """
    kept, places = arguments.real_array(values, "values"), arguments.integer_array(indices, "indices")
    m = _group_size(m)
    n = arguments.integer(n, "n", 1, m)
    arguments.same_shape(places, kept, "indices", "values")
    if kept.ndim == 0 or kept.shape[-1] % n:
        raise ValueError(f"values has shape {kept.shape}: its last length must be a multiple of n = {n}")
    if (outside := (places < 0) | (places >= m)).any():
        arguments.refuse_element("indices", places, outside, f"it must be from 0 to {m - 1}")
    groups = places.astype(np.int64).reshape(-1, n)
    fallen = np.zeros(groups.shape, np.bool_)
    fallen[:, 1:] = groups[:, 1:] <= groups[:, :-1]
    if fallen.any():
        arguments.refuse_element("indices", places, fallen.reshape(places.shape), "indices must rise within a group")
    x = np.zeros((len(groups), m), kept.dtype)
    np.put_along_axis(x, groups, kept.reshape(-1, n), axis=1)
    return x.reshape(*kept.shape[:-1], kept.shape[-1] // n * m)


def to_scipy(x: npt.ArrayLike, *, format: str = "csr") -> Any:
    """Store the entries of a matrix that are not +0, with their places, as a scipy.sparse array.

    An entry of -0.0 is stored, and so is a NaN: what is left out is +0 alone, and ``from_scipy`` brings every bit back.
    (``scipy.sparse.csr_array(x)`` leaves -0.0 out.)

    Parameters
    ----------
    x : array_like of shape (rows, columns)
        float32, float64 or integers, which scipy.sparse can hold.
    format : str
        csr (default), csc or coo.

    Returns
    -------
    scipy.sparse.csr_array, csc_array or coo_array
        The dtype of x; indices of a row (csr) or column (csc) rise.

    Raises
    ------
    ValueError
        For an x that is not 2-d, or an unknown format.
    TypeError
        For an x whose dtype scipy.sparse cannot hold.

    See Also
    --------
    from_scipy : The way back.

    Examples
    --------
    >>> sparse = to_scipy([[0.0, -3.0], [-0.0, 0.0]])
    >>> sparse.data.tolist(), sparse.indices.tolist(), sparse.indptr.tolist()
    ([-3.0, -0.0], [1, 0], [0, 1, 2])
    """
    from scipy import sparse  # type: ignore[import-untyped]  # scipy has no type hints

    array = arguments.real_array(x, "x")
    made = FORMATS[arguments.choice(format, "format", FORMATS)]
    if array.dtype.name not in SPARSE_DTYPES:
        raise TypeError(f"x has dtype {array.dtype}: scipy.sparse holds float32, float64 and integers")
    if array.ndim != 2:
        raise ValueError(f"x has shape {array.shape}: it must have two dimensions")
    places = np.nonzero(_bits(array))
    return getattr(sparse.coo_array((array[places], places), shape=array.shape), made)()


def from_scipy(matrix: Any) -> Array:
    """Put the stored entries of a scipy.sparse array or matrix in their places, bit for bit, with +0 elsewhere.

    (Its own ``toarray`` adds them to +0, so that -0.0 is lost.)

    Parameters
    ----------
    matrix : scipy.sparse array or matrix
        Of any format, two-dimensional, with no place stored twice.

    Returns
    -------
    numpy.ndarray
        Its shape and dtype.

    Raises
    ------
    ValueError
        For a place that is stored twice, which scipy.sparse would add up, or an array that is not 2-d.
    TypeError
        For anything else than a sparse array or matrix of scipy.

    See Also
    --------
    to_scipy : The way there.

    Examples
    --------
    >>> from_scipy(to_scipy([[0.0, -3.0], [-0.0, 0.0]]))
    array([[ 0., -3.],
           [-0.,  0.]])
    """
    from scipy import sparse

    if not sparse.issparse(matrix):
        raise TypeError(f"matrix is a {type(matrix).__name__}: it must be a sparse array of scipy")
    if len(matrix.shape) != 2:
        raise ValueError(f"matrix has shape {matrix.shape}: it must have two dimensions")
    entries = matrix.tocoo()
    values = arguments.real_array(entries.data, "matrix.data")
    flat = entries.row.astype(np.int64) * matrix.shape[1] + entries.col
    x = np.zeros(matrix.shape, values.dtype)
    places, counts = np.unique(flat, return_counts=True)
    if (counts > 1).any():
        row, column = divmod(int(places[np.argmax(counts > 1)]), matrix.shape[1])
        raise ValueError(f"matrix[{row}, {column}] is stored {counts.max()} times: it must be stored once at most")
    x.reshape(-1)[flat] = values
    return x


def _group_size(m: int) -> int:
    return arguments.integer(m, "m", 1, 256)  # an index is one byte


def _bits(x: Array) -> Array:
    return x.view(UNSIGNED[x.dtype.itemsize])

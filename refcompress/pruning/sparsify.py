"""Sparsification: Sparse(x) = [x1, 0, x3, 0, ..., xn], the k entries of largest magnitude in their places.

Of all arrays with at most k nonzeros, this one is the nearest to x in the 2-norm: the squared distance is the sum of
the squares of the dropped entries, and those are the smallest.
"""

import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.pruning.selection import kept, top_k_mask


def sparsify(x: npt.ArrayLike, k: int, *, ties: str = "lowest_index", axis: int | None = None) -> Array:
    """Sparsify by magnitude: Sparse(x) = x where top_k_mask(x, k), +0 elsewhere.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits (bfloat16 and the 8-bit floats included) or integers, of any shape.
    k : int
        How many stay, 0 to n: the size of x, or of x along ``axis``.
    ties : str
        lowest_index (default) or highest_index: which of equal magnitudes stay.
    axis : int, optional
        Keep k entries of every slice along this axis; without it, k of the whole array.

    Returns
    -------
    numpy.ndarray
        The shape and dtype of x, in native byte order. Kept entries have the bits of x (a kept -0.0 stays -0.0), the
        dropped ones are +0, whatever their sign was. Fewer than k are nonzero where zeros of x are among the kept.

    Raises
    ------
    ValueError
        For a NaN, for a k outside 0 to n, for an unknown ``ties`` or an ``axis`` that x does not have.
    TypeError
        For an x that holds no numbers, or a k or an axis that is no integer.

    See Also
    --------
    top_k_mask : Which entries stay, and the rule for ties.
    prune : The kept entries alone.

    References
    ----------
    Han, Pool, Tran and Dally, "Learning both Weights and Connections for Efficient Neural Networks", section 3, 2015.
    Foucart and Rauhut, "A Mathematical Introduction to Compressive Sensing", section 2.1, 2013, for the best s-term
    approximation.

    Examples
    --------
    >>> sparsify([0.5, -3.0, 0.5, 2.0], 3)
    array([ 0.5, -3. ,  0. ,  2. ])
    """
    array = arguments.real_array(x, "x")
    return kept(array, top_k_mask(array, k, ties=ties, axis=axis))

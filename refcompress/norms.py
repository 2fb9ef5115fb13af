"""Lengths of vectors, of which no square overflows or vanishes on the way."""

import numpy as np

from refcompress.arguments import Array


def norms(x: Array, axis: int) -> Array:
    """Return sqrt(sum x^2) along an axis of float64 numbers: vectors are divided by a power of two each, to near 1.

    Equal vectors of one x have equal norms, however it lies in memory. A norm past the largest float64 is infinite,
    and one below the smallest is rounded; neither signals. The norm of no numbers is 0.

    Examples
    --------
    >>> norms(np.array([[3e200, 0.0], [4e200, -5e-324]]), axis=0)
    array([5.e+200, 5.e-324])
    """
    exponents = np.frexp(np.abs(x).max(axis=axis, keepdims=True, initial=0.0))[1]
    with np.errstate(over="ignore", under="ignore"):
        near_one = np.ascontiguousarray(np.ldexp(x, -exponents))
        return np.asarray(np.ldexp(np.sqrt((near_one * near_one).sum(axis=axis)), exponents.squeeze(axis)))

"""What the formulas of this package compute in: float64, or fractions, and the one rounding at the end.

Floats and integers are widened to float64, which holds every narrower float exactly; an object array of
``fractions.Fraction`` stays as it is, so that the same formulas run on it without any rounding.
"""

from fractions import Fraction
from numbers import Rational
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments, rounding
from refcompress.arguments import Array


def numbers(value: npt.ArrayLike, name: str, what: str) -> Array:
    """Return a checked array of finite floats, or of fractions where an object array holds rational numbers.

    Integers become float64 where that is exact. ``what`` completes "only finite values can be ...".
    """
    array = arguments.any_array(value, name)
    if is_exact(array.dtype):
        return _fractions(array, name)
    return arguments.finite_array(array, name, what)


def _fractions(array: Array, name: str) -> Array:
    exact = np.empty(array.shape, object)
    for index, value in np.ndenumerate(array):
        if not isinstance(value, Rational) or isinstance(value, bool):
            kind = type(value).__name__
            raise TypeError(
                f"{arguments.place(name, index)} is {value!r} ({kind}): an object array must hold fractions.Fraction"
            )
        exact[index] = Fraction(value)
    return exact


def common_dtype(*arrays: Array) -> np.dtype[Any]:
    """Return the narrowest float that holds all arrays exactly, or object where one of them holds fractions."""
    dtypes = dict.fromkeys(array.dtype for array in arrays)  # no set, whose order differs from run to run
    return np.dtype(object) if np.dtype(object) in dtypes else arguments.common_float(dtypes)


def is_exact(dtype: np.dtype[Any]) -> bool:
    """Whether a common dtype is that of fractions."""
    return dtype.kind == "O"


def widen(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a checked array as float64, or as fractions where the common dtype is object; nothing is rounded."""
    if not is_exact(dtype):
        return array.astype(np.float64, order="C", copy=False)  # a BLAS adds up in another order for each layout
    if is_exact(array.dtype):
        return array
    return _fractions_of(array.astype(np.float64))


def narrow(array: Array, dtype: np.dtype[Any]) -> Array:
    """Round float64 once to a float dtype, half to even; make sure that an object array holds fractions alone."""
    if is_exact(dtype):
        return _fractions_of(array)
    return rounding.narrow(array, dtype)


def _fractions_of(array: Array) -> Array:
    exact = np.empty(array.shape, object)
    for index, value in np.ndenumerate(array):
        exact[index] = Fraction(value)
    return exact

"""Numbers that implementations stumble over: as fixed arrays for directed cases, and as hypothesis strategies."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

TAIL_LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1000)  # around the widths of vector loops

# dtype -> (bits of the significand, largest finite value, smallest normal, smallest subnormal)
FLOATS = {
    "float16": (11, 65504.0, 2.0**-14, 2.0**-24),
    "bfloat16": (8, math.ldexp(255, 120), 2.0**-126, 2.0**-133),
    "float32": (24, math.ldexp(2**24 - 1, 104), 2.0**-126, 2.0**-149),
    "float64": (53, math.ldexp(2**53 - 1, 971), 2.0**-1022, 5e-324),
}


def float_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a setting's word, bfloat16 included."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def floats(values: npt.ArrayLike, name: str) -> Array:
    """Cast to a float dtype, leaving out what it cannot hold exactly or at all."""
    wide = np.asarray(values, np.float64)
    dtype = float_dtype(name)
    with np.errstate(over="ignore", under="ignore"):
        cast = wide.astype(dtype)
    return np.asarray(cast[cast.astype(np.float64) == wide])


def next_to(values: Array) -> Array:
    """Return each float with its two neighbours, one unit in the last place below and above."""
    word = np.dtype(f"i{values.dtype.itemsize}")
    lowest = np.iinfo(word).min
    bits = values.view(word).astype(np.int64)
    line = np.where(bits < 0, lowest - bits, bits)  # the integers in the order of the floats
    around = (line[:, None] + np.array([-1, 0, 1])).reshape(-1)
    bits = np.where(around < 0, lowest - around, around).astype(word)
    return np.asarray(bits.view(values.dtype))


def extremes(name: str) -> Array:
    """Return both zeros, subnormals, the smallest normal and the largest finite values, with both signs."""
    precision, largest, normal, subnormal = FLOATS[name]
    below = largest * (1 - 2.0**-precision)
    positive = [0.0, subnormal, 3 * subnormal, normal - subnormal, normal, 2 * normal, largest, below]
    return floats([v for p in positive for v in (p, -p)], name)


def finite_floats(name: str) -> "SearchStrategy[float]":
    """Any finite value of a float dtype."""
    from hypothesis import strategies as st

    if name == "bfloat16":
        largest = FLOATS[name][1]
        return (
            st.floats(-largest, largest, width=32)
            .map(lambda v: float(np.float32(v).astype(float_dtype(name))))
            .filter(math.isfinite)
        )
    width: Any = {"float16": 16, "float32": 32, "float64": 64}[name]
    return st.floats(allow_nan=False, allow_infinity=False, width=width)

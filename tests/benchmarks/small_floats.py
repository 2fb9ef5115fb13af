"""How fast casts to 8-bit floats and microscaling blocks are: ``python tests/benchmarks/small_floats.py``."""

import ml_dtypes
import numpy as np
from timing import interleaved, show

from refcompress import cast_float8, mx_quantize


def rows(quick=False):
    """Yield name, measured figure and the figure that is asked for."""
    n = 1_000_000 if quick else 10_000_000
    x = np.random.default_rng(0).normal(size=n).astype(np.float32)
    half, double = x.astype(np.float16), x.astype(np.float64)
    seconds = interleaved(
        {
            "cast_float8, half_even": lambda: cast_float8(x),
            "cast_float8, half_away": lambda: cast_float8(x, rounding="half_away"),
            "cast_float8, e5m2, ieee": lambda: cast_float8(x, format="e5m2", overflow="ieee"),
            "cast_float8 of float16": lambda: cast_float8(half),
            "cast_float8 of float64": lambda: cast_float8(double),
            "ml_dtypes, to bytes and back": lambda: x.astype(ml_dtypes.float8_e4m3fn).astype(np.float32),
            "mx_quantize, mxfp4": lambda: mx_quantize(x, "mxfp4_e2m1"),
        },
        rounds=5,
    )
    for name, value in seconds.items():
        yield f"{name}, million elements a second", n / value / 1e6, ">= 50" if name.endswith("half_even") else None


if __name__ == "__main__":
    show(rows())

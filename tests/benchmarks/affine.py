"""How fast the affine formulas are, against a copy: ``python tests/benchmarks/affine.py``."""

import numpy as np
from timing import interleaved, show

from refcompress import affine_dequantize, affine_quantize, fake_quantize

SCALE, ZERO_POINT = 0.0371, 3
CHANNELS = 1000


def rows(quick=False):
    """Yield name, measured ratio and the ratio that is asked for."""
    n = 1_000_000 if quick else 10_000_000
    rng = np.random.default_rng(0)
    x = rng.normal(size=(CHANNELS, n // CHANNELS)).astype(np.float32)
    target, codes = np.empty_like(x), affine_quantize(x, SCALE, ZERO_POINT)
    scales = rng.uniform(0.01, 0.1, CHANNELS).astype(np.float32)
    zero_points = rng.integers(-128, 128, CHANNELS)
    seconds = interleaved(
        {
            "copy": lambda: np.copyto(target, x),
            "one line": lambda: np.clip(np.round(x / np.float32(SCALE)) + ZERO_POINT, -128, 127).astype(np.int8),
            "affine_quantize, per tensor": lambda: affine_quantize(x, SCALE, ZERO_POINT),
            "affine_quantize, per channel, rows": lambda: affine_quantize(x, scales, zero_points, axis=0),
            "affine_quantize, per channel, columns": lambda: affine_quantize(
                x.reshape(-1, CHANNELS), scales, zero_points, axis=1
            ),
            "affine_dequantize, per tensor": lambda: affine_dequantize(codes, SCALE, ZERO_POINT),
            "affine_dequantize, per channel": lambda: affine_dequantize(codes, scales, zero_points, axis=0),
            "fake_quantize, per tensor": lambda: fake_quantize(x, SCALE, ZERO_POINT),
        }
    )
    for name, value in seconds.items():
        yield f"{name}, million elements a second", n / value / 1e6, None
    asked = {"affine_quantize, per tensor": ">= 0.5", "affine_quantize, per channel, rows": ">= 0.4"}
    for name in list(seconds)[2:]:
        yield f"{name} / copy", seconds["copy"] / seconds[name], asked.get(name)


if __name__ == "__main__":
    show(rows())

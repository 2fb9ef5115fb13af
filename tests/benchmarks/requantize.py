"""How fast requantize is, against a copy and against the one-line way: ``python tests/benchmarks/requantize.py``."""

import numpy as np
from timing import interleaved, show

from refcompress.quantization.packing import pack_int4, unpack_int4
from refcompress.quantization.requantize import requantize

MULTIPLIER, SHIFT, ZERO_POINT = 1583594044, -14, 3


def one_line(acc):
    product = acc.astype(np.int64) * MULTIPLIER + (1 << (30 - SHIFT)) >> (31 - SHIFT)
    return np.clip(product + ZERO_POINT, -128, 127).astype(np.int8)


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    n = 1_000_000 if quick else 10_000_000
    acc = np.random.default_rng(0).integers(-(2**22), 2**22, n).astype(np.int32)
    target, codes = np.empty_like(acc), np.arange(n, dtype=np.int8) % 8
    packed = pack_int4(codes)
    words = ("half_up", "half_even", "half_away", "double", "gemmlowp", "float")
    seconds = interleaved(
        {
            "copy": lambda: np.copyto(target, acc),
            "one line": lambda: one_line(acc),
            **{word: lambda word=word: requantize(acc, MULTIPLIER, SHIFT, ZERO_POINT, rounding=word) for word in words},
            "pack_int4": lambda: pack_int4(codes),
            "unpack_int4": lambda: unpack_int4(packed, n),
        }
    )
    asked = {"half_up": ">= 200"}
    for name, value in seconds.items():
        yield f"{name}, million elements a second", n / value / 1e6, asked.get(name)
    yield "half_up / one line", seconds["one line"] / seconds["half_up"], None
    yield "half_up / copy", seconds["copy"] / seconds["half_up"], None


if __name__ == "__main__":
    show(rows())

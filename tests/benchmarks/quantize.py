"""How fast quantize is, against a copy and against the one-line way: ``python tests/benchmarks/quantize.py``."""

import os
import subprocess
import sys
import timeit
import tracemalloc

import numpy as np
from timing import interleaved, show

from refcompress import dequantize, quantize


def rows(quick=False):
    """Yield name, measured ratio and the ratio that is asked for."""
    n = 1_000_000 if quick else 10_000_000
    x = np.random.default_rng(0).normal(size=n).astype(np.float32)
    target = np.empty_like(x)
    codes = quantize(x, 6, bits=8)
    seconds = interleaved(
        {
            "copy": lambda: np.copyto(target, x),
            "one line": lambda: np.clip(np.round(x * 2**6), -128, 127).astype(np.int8),
            "quantize": lambda: quantize(x, 6, bits=8),
            "dequantize": lambda: dequantize(codes, 6),
        }
    )
    for name, value in seconds.items():
        yield f"{name}, million elements a second", n / value / 1e6, None
    yield "quantize / one line", seconds["one line"] / seconds["quantize"], ">= 3"
    yield "quantize / copy", seconds["copy"] / seconds["quantize"], ">= 0.65"
    yield "call on 10 elements, microseconds", overhead(), "< 15"
    yield "import refcompress / import numpy", import_ratio(), "<= 1.25"
    size = 10**7 if quick else 10**8
    yield f"extra memory at {size:.0e} elements, of the input", extra_memory(size), "<= 0.10"


def overhead():
    x = np.ones(10, np.float32)
    return min(timeit.repeat(lambda: quantize(x, 3, bits=8), number=2000, repeat=7)) / 2000 * 1e6


def import_ratio(rounds=15):
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(module):  # compiled once, as an installed package is
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True, env=kept)

    seconds = interleaved({name: lambda name=name: run(name) for name in ("numpy", "refcompress", "sys")}, rounds)
    bare = seconds["sys"]  # the interpreter's own start is not the import's
    return (seconds["refcompress"] - bare) / (seconds["numpy"] - bare)


def extra_memory(n):
    """Peak memory beside the output, as a part of the input's size."""
    x = np.zeros(n, np.float32)
    tracemalloc.start()
    codes = quantize(x, 6, bits=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - codes.nbytes) / x.nbytes


if __name__ == "__main__":
    show(rows())

"""Time and memory of top_k_mask against torch.topk on one thread, its growth with the size, and the cost of a call.

Run from the project's folder: PYTHONPATH=. python tests/benchmarks/top_k.py (with torch installed, for the comparison).
"""

import tracemalloc

import numpy as np
from timing import interleaved

from refcompress.pruning import top_k_mask


def normal(size, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(size, np.float32).astype(dtype)


def hard_lines(size):
    """Return lines that are hard on a selection by pivots."""
    rng = np.random.default_rng(0)
    rising = np.arange(size, dtype=np.float32)
    return {
        "normal": normal(size),
        "sorted": rising,
        "organ pipe": np.minimum(rising, rising[::-1]),
        "all equal": np.full(size, 3, np.float32),
        "two values": rng.integers(0, 2, size).astype(np.float32),
        "ten values": rng.integers(0, 10, size).astype(np.float32),
        "99% zeros": normal(size) * (rng.random(size) < 0.01),
    }


def against_torch(size=10_000_000):
    """Compare with torch.topk, which gives values and indices but no mask."""
    try:
        import torch
    except ImportError:
        print("torch is not installed: no comparison\n")
        return
    torch.set_num_threads(1)
    print(f"10% of {size:,} float32      ours, ms   torch.topk(x.abs(), k), ms   ratio")
    for name, x in hard_lines(size).items():
        tensor, k = torch.from_numpy(x), size // 10
        seconds = interleaved(
            {"ours": lambda x=x, k=k: top_k_mask(x, k), "torch": lambda t=tensor, k=k: torch.topk(t.abs(), k)}, rounds=3
        )
        ours, theirs = seconds["ours"], seconds["torch"]
        print(f"{name:24}{1e3 * ours:14.1f}{1e3 * theirs:29.1f}{theirs / ours:8.1f}")
    print()


def growth():
    print("10% of n normal float32      ns an element")
    for size in (10**5, 10**6, 10**7, 10**8):
        x = normal(size)
        seconds = interleaved({"ours": lambda x=x: top_k_mask(x, x.size // 10)}, rounds=3 if size > 10**7 else 7)
        print(f"{size:<24,}{1e9 * seconds['ours'] / size:19.2f}")
    print()


def dtypes(size=10_000_000):
    import ml_dtypes

    print(f"10% of {size:,} normal       ms")
    for dtype in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float32, np.float64):
        x = normal(size, dtype)
        seconds = interleaved({"ours": lambda x=x: top_k_mask(x, x.size // 10)}, rounds=3)
        print(f"{x.dtype.name:24}{1e3 * seconds['ours']:14.1f}")
    print()


def memory(size=10**8):
    x = normal(size)
    tracemalloc.start()
    top_k_mask(x, size // 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"peak extra memory at {size:,} float32: {peak / 1e6:.0f} MB")
    print(f"(the mask is {size / 1e6:.0f} MB, one magnitude array {x.nbytes / 1e6:.0f} MB)\n")


def overhead(calls=2000):
    x = normal(10)

    def many():
        for _ in range(calls):
            top_k_mask(x, 3)

    seconds = interleaved({"ours": many})
    print(f"a call on 10 elements: {1e6 * seconds['ours'] / calls:.1f} us")


if __name__ == "__main__":
    against_torch()
    growth()
    dtypes()
    memory()
    overhead()

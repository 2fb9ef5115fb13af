"""Time and memory of top_k_mask against torch.topk on one thread, its growth with the size, and the cost of a call.

Run from the project's folder: PYTHONPATH=. python tests/benchmarks/top_k.py (with torch installed, for the comparison).
"""

import tracemalloc

import numpy as np
from timing import interleaved, show

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


def against_torch(size):
    """Compare with torch.topk, which gives values and indices but no mask."""
    import torch

    torch.set_num_threads(1)
    for name, x in hard_lines(size).items():
        tensor, k = torch.from_numpy(x), size // 10
        seconds = interleaved(
            {"ours": lambda x=x, k=k: top_k_mask(x, k), "torch": lambda t=tensor, k=k: torch.topk(t.abs(), k)}, rounds=3
        )
        yield f"top_k_mask, {name}, milliseconds", 1e3 * seconds["ours"], None
        yield f"top_k_mask / torch.topk, {name}", seconds["torch"] / seconds["ours"], ">= 5"


def growth(sizes):
    """Nanoseconds an element: the largest size is asked to cost no more than twice the smallest, for caches end."""
    cost = {}
    for size in sizes:
        x = normal(size)
        seconds = interleaved({"ours": lambda x=x: top_k_mask(x, x.size // 10)}, rounds=3 if size > 10**7 else 7)
        cost[size] = 1e9 * seconds["ours"] / size
        yield f"top_k_mask of {size:,} normal float32, nanoseconds an element", cost[size], None
    yield "top_k_mask, an element of the largest / of the smallest", cost[sizes[-1]] / cost[sizes[0]], "<= 2"


def dtypes(size):
    import ml_dtypes

    for dtype in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float32, np.float64):
        x = normal(size, dtype)
        seconds = interleaved({"ours": lambda x=x: top_k_mask(x, x.size // 10)}, rounds=3)
        yield f"top_k_mask of {size:,} {x.dtype.name}, milliseconds", 1e3 * seconds["ours"], None


def memory(size):
    """Peak memory beside the mask, in arrays of magnitudes; a tenth of a percent of one is the search's own."""
    x = normal(size)
    tracemalloc.start()
    mask = top_k_mask(x, size // 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - mask.nbytes) / x.nbytes


def overhead(calls=2000):
    x = normal(10)

    def many():
        for _ in range(calls):
            top_k_mask(x, 3)

    return 1e6 * interleaved({"ours": many})["ours"] / calls


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    yield from growth((10**5, 10**6) if quick else (10**5, 10**6, 10**7, 10**8))
    size = 10**7 if quick else 10**8
    yield f"top_k_mask, memory beside the mask at {size:.0e}, arrays of magnitudes", memory(size), "<= 1.001"
    yield "top_k_mask on 10 elements, microseconds", overhead(), None
    yield from dtypes(10**6 if quick else 10**7)
    yield from against_torch(10**6 if quick else 10**7)


if __name__ == "__main__":
    show(rows())

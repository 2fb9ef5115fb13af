"""How fast 2:4 sparsity is, against the same in torch on one thread: ``python tests/benchmarks/structured.py``."""

import numpy as np
from timing import interleaved, show

from refcompress.pruning.structured import n_m_mask, n_m_sparsify


def in_torch(x, n=2, m=4):
    """Keep the n largest magnitudes of each group: topk, a mask by scatter, and a product by ``where``."""
    import torch

    groups = x.reshape(-1, m)
    best = torch.topk(groups.abs(), n, dim=1).indices
    mask = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, best, True)
    return torch.where(mask, groups, torch.zeros((), dtype=x.dtype)).reshape(x.shape)


def sorted_in_torch(x, n=2, m=4):
    """As ``in_torch``, by a stable sort: of ties the lowest index stays."""
    import torch

    groups = x.reshape(-1, m)
    best = torch.sort(groups.abs(), dim=1, descending=True, stable=True).indices[:, :n]
    mask = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, best, True)
    return torch.where(mask, groups, torch.zeros((), dtype=x.dtype)).reshape(x.shape)


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    size = 1_000_000 if quick else 10_000_000
    import torch

    torch.set_num_threads(1)
    x = np.random.default_rng(0).standard_normal(size, np.float32).reshape(-1, 1000)
    tensor = torch.from_numpy(x)
    assert np.array_equal(n_m_sparsify(x), in_torch(tensor).numpy())  # no ties among normal numbers to speak of
    seconds = interleaved(
        {
            "n_m_sparsify": lambda: n_m_sparsify(x),
            "n_m_mask": lambda: n_m_mask(x),
            "along axis 0": lambda: n_m_sparsify(x, axis=0),
            "torch.topk": lambda: in_torch(tensor),
            "torch.sort, stable": lambda: sorted_in_torch(tensor),
        },
        rounds=3,
    )
    for name, value in seconds.items():
        yield f"{name}, million entries a second", size / value / 1e6, None
    yield "n_m_sparsify / torch.topk", seconds["torch.topk"] / seconds["n_m_sparsify"], ">= 5"
    yield "n_m_sparsify / torch.sort", seconds["torch.sort, stable"] / seconds["n_m_sparsify"], ">= 5"


if __name__ == "__main__":
    show(rows())

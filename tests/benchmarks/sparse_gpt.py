"""SparseGPT on a layer of 512 x 512 against the same algorithm in torch, on one thread.

Run from the project's folder: PYTHONPATH=. OPENBLAS_NUM_THREADS=1 python tests/benchmarks/sparse_gpt.py (with torch).
"""

import numpy as np
import torch
from timing import interleaved, show

from refcompress.pruning.sparse_gpt import sparse_gpt, sparse_gpt_n_m

BATCH, DAMPING = 128, 0.01


def in_torch(w, h, groups):
    """Algorithm 1 of the paper, as torch users write it: w (outputs, inputs), 50% or, with groups, 2:4."""
    w, h = w.clone(), h.clone()
    h.diagonal().add_(DAMPING * h.diagonal().mean())
    u = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    for start in range(0, w.shape[1], BATCH):
        stop = min(start + BATCH, w.shape[1])
        block, inner = w[:, start:stop].clone(), u[start:stop, start:stop]
        errors = torch.zeros_like(block)
        costs = (block / inner.diagonal()) ** 2
        goes = costs <= costs.flatten().sort()[0][costs.numel() // 2 - 1]
        for i in range(stop - start):
            if groups and i % 4 == 0:
                costs = (block[:, i : i + 4] / inner.diagonal()[i : i + 4]) ** 2
                goes[:, i : i + 4] = False
                goes.scatter_(1, i + torch.topk(costs, 2, dim=1, largest=False)[1], True)
            column = block[:, i].clone()
            block[:, i] = torch.where(goes[:, i], 0.0, column)
            errors[:, i] = (column - block[:, i]) / inner[i, i]
            block[:, i + 1 :] -= errors[:, i : i + 1] * inner[i, i + 1 :]
        w[:, start:stop] = block
        w[:, stop:] -= errors @ u[start:stop, stop:]
    return w


def in_torch_by_rows(w, h, groups):
    """The same, arranged as ours is: w (inputs, outputs), every row brought up to date by one product."""
    w, h = w.T.contiguous(), h.clone()
    h.diagonal().add_(DAMPING * h.diagonal().mean())
    r = torch.linalg.cholesky(h.flip(0, 1)).flip(0, 1)
    v = torch.linalg.solve_triangular(
        r / r.diagonal(), torch.eye(len(h), dtype=h.dtype), upper=True, unitriangular=True
    )
    d, removed, block = r.diagonal() ** -2, torch.zeros_like(w), 4 if groups else BATCH
    for start in range(0, len(w), BATCH):
        stop = min(start + BATCH, len(w))
        for first in range(start, stop, block):
            last = min(first + block, stop)
            w[first:last] -= v[start:first, first:last].T @ removed[start:first]
            costs = w[first:last] ** 2 / d[first:last, None]
            goes = torch.zeros_like(costs, dtype=torch.bool)
            if groups:
                goes.scatter_(0, torch.topk(costs, 2, dim=0, largest=False)[1], True)
            else:
                goes = costs <= costs.flatten().kthvalue(costs.numel() // 2)[0]
            for i in range(first, last):
                w[i] -= v[first:i, i] @ removed[first:i]
                removed[i] = torch.where(goes[i - first], w[i], 0.0)
                w[i] -= removed[i]
        w[stop:] -= v[start:stop, stop:].T @ removed[start:stop]
    return w.T


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    size = 256 if quick else 512
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4 * size, size)) @ (np.eye(size) + rng.standard_normal((size, size)) / size**0.5)
    h = 2 * x.T @ x
    h = np.tril(h) + np.tril(h, -1).T
    w = rng.standard_normal((size, size))
    theirs = {
        bits: (torch.from_numpy(w.T.copy()).to(dtype), torch.from_numpy(h).to(dtype))
        for bits, dtype in ((64, torch.float64), (32, torch.float32))
    }
    for name, ours, groups in (
        ("50%", lambda: sparse_gpt(w, h, 0.5), False),
        ("2:4", lambda: sparse_gpt_n_m(w, h), True),
    ):
        functions = {"ours": ours}
        for bits, (weights, hessian) in theirs.items():
            functions[f"torch, float{bits}"] = lambda a=weights, b=hessian, g=groups: in_torch(a, b, g)
        functions["torch by rows, float64"] = lambda a=theirs[64], g=groups: in_torch_by_rows(*a, g)
        seconds = interleaved(functions, rounds=3)
        same = np.mean((ours()[0] != 0) == (in_torch(*theirs[64], groups).numpy().T != 0))
        for who, value in seconds.items():
            yield f"{name}: {who}, ms", 1e3 * value, None
        for who in ("torch, float64", "torch by rows, float64"):
            yield f"{name}: ours / {who}", seconds["ours"] / seconds[who], "<= 2"
        yield f"{name}: weights on which both agree whether they stay, %", 100 * same, None


if __name__ == "__main__":
    show(rows())

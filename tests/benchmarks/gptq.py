"""How fast GPTQ is, against the same algorithm in torch, on one thread: ``python tests/benchmarks/gptq.py``."""

import os

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402 - the libraries read their number of threads as they are loaded
import torch  # noqa: E402
from timing import interleaved, show  # noqa: E402

from refcompress import affine_parameters  # noqa: E402
from refcompress.layer_hessian import hessian  # noqa: E402
from refcompress.quantization.gptq import gptq_quantize  # noqa: E402

BLOCK = 128
TYPES = (torch.float64, torch.float32)


def torch_gptq(weight, h, scale, low, high, damping=0.01):
    """Algorithm 1 of the paper, a row an output as torch stores them: the codes of ``weight`` (outputs, inputs)."""
    w, h = weight.clone(), h.clone()
    n = w.shape[1]
    h.diagonal().add_(damping * h.diagonal().mean())
    u = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(h)), upper=True)
    codes = torch.empty_like(w)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        block, own = w[:, start:stop].clone(), u[start:stop, start:stop]
        errors = torch.empty_like(block)
        for i in range(stop - start):
            column = block[:, i]
            q = torch.clamp(torch.round(column / scale), low, high)
            codes[:, start + i] = q
            e = (column - q * scale) / own[i, i]
            block[:, i:] -= torch.outer(e, own[i, i:])
            errors[:, i] = e
        w[:, stop:] -= errors @ u[start:stop, stop:]
    return codes


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    size = 256 if quick else 512
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    w = generator.normal(size=(size, size))
    h = hessian(generator.normal(size=(2048, size // 4)) @ generator.normal(size=(size // 4, size)))
    scale, zero_point = affine_parameters(w.min(axis=0), w.max(axis=0), bits=4, symmetric=True)
    own = {t: [torch.tensor(a.copy(), dtype=t) for a in (w.T, h, scale)] for t in TYPES}
    seconds = interleaved(
        {
            "gptq_quantize": lambda: gptq_quantize(w, h, scale, zero_point, bits=4),
            "gptq_quantize, unguarded": lambda: gptq_quantize(w, h, scale, zero_point, bits=4, guarded=False),
            "torch, float64": lambda: torch_gptq(*own[torch.float64], -8, 7),
            "torch, float32": lambda: torch_gptq(*own[torch.float32], -8, 7),
        }
    )
    theirs = torch_gptq(*own[torch.float64], -8, 7).numpy().T
    same = theirs == gptq_quantize(w, h, scale, zero_point, bits=4, guarded=False)
    yield "codes that torch has in common, unguarded", same.mean(), None
    for name, value in seconds.items():
        yield f"{name}, milliseconds", value * 1e3, None
    for name in ("gptq_quantize", "gptq_quantize, unguarded"):
        yield f"{name} / torch, float64", seconds[name] / seconds["torch, float64"], "<= 2"
        yield f"{name} / torch, float32", seconds[name] / seconds["torch, float32"], None


if __name__ == "__main__":
    show(rows())

"""Time of distillation_gradient against torch autograd on one thread, at 1,000 examples and 1,000 classes.

Run from the project's folder: PYTHONPATH=. python tests/benchmarks/distillation.py (with torch installed).
The time is that of the thread's own work, so that other programs on the machine do not count.
"""

import statistics
import time

import numpy as np
from timing import show

from refcompress.distillation.losses import distillation_gradient

T = 4


def autograd(log_target):
    import torch
    from torch.nn import functional

    def gradient(student, teacher):
        leaf = student.detach().requires_grad_(True)
        target = (torch.log_softmax if log_target else torch.softmax)(teacher / T, -1)
        inputs = torch.log_softmax(leaf / T, -1)
        loss = functional.kl_div(inputs, target, reduction="batchmean", log_target=log_target) * T * T
        return torch.autograd.grad(loss, leaf)[0]

    return gradient


def seconds(functions, rounds=9):
    """Return the median thread time of each function, all called in turn."""
    measured = {name: [] for name in functions}
    for counted in range(-1, rounds):
        for name, function in functions.items():
            start = time.thread_time()
            function()
            if counted >= 0:
                measured[name].append(time.thread_time() - start)
    return {name: statistics.median(values) for name, values in measured.items()}


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    import torch

    torch.set_num_threads(1)
    n = 300 if quick else 1000
    for dtype in (np.float64, np.float32):
        s, t = (5 * np.random.default_rng(seed).standard_normal((n, n)).astype(dtype) for seed in (0, 1))
        tensors = torch.from_numpy(s), torch.from_numpy(t)
        took = seconds(
            {
                "distillation_gradient": lambda s=s, t=t: distillation_gradient(s, t),
                "torch autograd of log-probabilities": lambda a=tensors: autograd(True)(*a),
                "torch autograd of probabilities": lambda a=tensors: autograd(False)(*a),
            }
        )
        for name, value in took.items():
            yield f"{name}, {s.dtype.name}, milliseconds", 1e3 * value, None
        ours, *theirs = took.items()
        for name, value in theirs:
            yield f"{ours[0]} / {name}, {s.dtype.name}", value / ours[1], ">= 2"


if __name__ == "__main__":
    show(rows())

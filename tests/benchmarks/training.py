"""One epoch of 64-128-64-10 on 1,437 of the digits at batch 32: this package, torch and scikit-learn, one thread each.

Run from the project's folder: PYTHONPATH=. python tests/benchmarks/training.py (with torch and scikit-learn installed).
"""

import warnings
from contextlib import nullcontext, suppress
from itertools import pairwise

import numpy as np
from timing import interleaved, show

from refcompress.datasets import load_digits
from refcompress.mlp.network import initialize
from refcompress.mlp.optimizers import SGD
from refcompress.mlp.training import classification, train

SIZES, ROWS, BATCH, LR, MOMENTUM = (64, 128, 64, 10), 1437, 32, 0.05, 0.9
GOALS = {"torch": ">= 3", "scikit-learn": ">= 2"}


def ours(x, y, dtype):
    model, objective = initialize(SIZES, dtype=dtype), classification(y)
    inputs = x.astype(dtype)
    return lambda: train(model, inputs, objective, optimizer=SGD(LR, MOMENTUM), epochs=1, batch_size=BATCH)


def torch_epoch(x, y):
    import torch

    torch.set_num_threads(1)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(SIZES)]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    loss_function = torch.nn.CrossEntropyLoss()
    inputs, labels = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)

    def epoch():
        order = torch.randperm(len(inputs))
        for rows in order.split(BATCH):
            optimizer.zero_grad()
            loss_function(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()

    return epoch


def sklearn_epoch(x, y):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        SIZES[1:-1],
        solver="sgd",
        learning_rate_init=LR,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=BATCH,
        max_iter=1,
        random_state=0,
    )

    def epoch():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one epoch does not converge, as it says
            model.fit(x, y)

    return epoch


def one_thread():
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1)


def rivals(x, y):
    """Yield dtype, name and epoch of the rivals that are installed."""
    for dtype, name, epoch in (("float32", "torch", torch_epoch), ("float64", "scikit-learn", sklearn_epoch)):
        with suppress(ModuleNotFoundError):
            yield dtype, name, epoch(x, y)


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    digits = load_digits()
    x, y = digits.x[:ROWS], digits.y[:ROWS].copy()  # torch warns of what is read-only
    functions = {("refcompress", dtype): ours(x, y, dtype) for dtype in ("float32", "float64")}
    functions |= {(name, dtype): epoch for dtype, name, epoch in rivals(x, y)}
    with one_thread():
        seconds = interleaved(functions, rounds=5 if quick else 25)
    for (name, dtype), value in seconds.items():
        yield f"one epoch, {name}, {dtype}, milliseconds", value * 1e3, None
    for (name, dtype), value in seconds.items():
        if name in GOALS:
            yield f"one epoch, refcompress / {name}, {dtype}", value / seconds["refcompress", dtype], GOALS[name]


if __name__ == "__main__":
    show(rows())

"""One epoch of 64-128-64-10 on 1,437 of the digits at batch 32: this package, torch and scikit-learn, one thread each.

Run from the project's folder: PYTHONPATH=. python tests/benchmarks/training.py (with torch and scikit-learn installed).
"""

import warnings
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
from timing import interleaved

from refcompress.mlp.network import initialize
from refcompress.mlp.optimizers import SGD
from refcompress.mlp.training import classification, train

SIZES, ROWS, BATCH, LR, MOMENTUM = (64, 128, 64, 10), 1437, 32, 0.05, 0.9
GOALS = {"torch": 3, "scikit-learn": 2}


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


def main():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = x[:ROWS] / 16, y[:ROWS].astype(np.int64)
    rivals = {"float32": {"torch": torch_epoch(x, y)}, "float64": {"scikit-learn": sklearn_epoch(x, y)}}
    functions = {
        (name, dtype): function
        for dtype, others in rivals.items()
        for name, function in {"refcompress": ours(x, y, dtype), **others}.items()
    }
    with one_thread():
        seconds = interleaved(functions, rounds=25)
    print(f"{'one epoch':<15}{'dtype':<10}{'ms':>8}{'times ours':>12}{'goal':>6}")
    for (name, dtype), value in seconds.items():
        goal = f"{GOALS[name]}x" if name in GOALS else ""
        print(f"{name:<15}{dtype:<10}{value * 1e3:>8.1f}{value / seconds['refcompress', dtype]:>12.1f}{goal:>6}")


if __name__ == "__main__":
    main()

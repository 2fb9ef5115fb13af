"""Quantization-aware training of an MLP, beside the same training with quantization after it.

The weights are held in floats, W; every step runs the network with W_q = fake_quantize(W) and moves W along dLoss/dW_q,
straight through the rounding. What is learned are weights whose codes work, not weights that happen to have good
codes. The biases stay floats.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.datasets import Dataset, split
from refcompress.mlp.network import MLP, backward, forward, initialize
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import (
    Objective,
    accuracy,
    ask,
    check_training,
    classification,
    diverged,
    rows_of,
    train,
)
from refcompress.quantization.affine_parameters import affine_parameters
from refcompress.quantization.calibration import minimal_squared_error
from refcompress.quantization.fake_quantize import fake_quantize, fake_quantize_gradient

BITS = (2, 3, 4, 8)
SEEDS = (0, 1, 2, 3, 4)
OPTIMIZER = Adam(lr=2e-3)


def weight_scales(model: MLP, *, bits: int) -> tuple[Array, ...]:
    """Return the scale of each weight matrix: symmetric, of the clipping range with the least squared error.

    Examples
    --------
    >>> weight_scales(MLP([np.array([[-0.5, 1.5]])], [np.zeros(2)]), bits=3)
    (array(0.5, dtype=float32),)
    """
    arguments.instance(model, "model", MLP)
    ends = (minimal_squared_error(w, bits=bits, symmetric=True) for w in model.weights)
    return tuple(affine_parameters(*pair, bits=bits, symmetric=True)[0] for pair in ends)


def quantize_weights(model: MLP, scales: Sequence[npt.ArrayLike], *, bits: int) -> MLP:
    """Return the model with its weights on the grid: W_q = s * round(W / s), the rounded number brought into range.

    Examples
    --------
    >>> quantize_weights(MLP([np.array([[0.3, 9.0]])], [np.zeros(2)]), [0.5], bits=3).weights
    (array([[0.5, 1.5]]),)
    """
    arguments.instance(model, "model", MLP)
    return replace(model, weights=tuple(_on_grid(model.weights, _steps(model, scales), bits)))


def _steps(model: MLP, scales: Sequence[npt.ArrayLike]) -> tuple[npt.ArrayLike, ...]:
    """Return the scales, one a weight matrix."""
    steps = tuple(arguments.iterated(scales, "scales", "a list of scales, one a layer"))
    if len(steps) != len(model.weights):
        raise ValueError(f"there are {len(steps)} scales: the model has {len(model.weights)} weight matrices")
    return steps


def _on_grid(weights: Sequence[Array], scales: Sequence[npt.ArrayLike], bits: int) -> list[Array]:
    return [fake_quantize(w, s, 0, bits=bits) for w, s in zip(weights, scales, strict=True)]


def train_quantization_aware(
    model: MLP,
    x: npt.ArrayLike,
    objective: Objective,
    *,
    bits: int,
    scales: Sequence[npt.ArrayLike] | None = None,
    optimizer: SGD | Adam = OPTIMIZER,
    epochs: int = 20,
    batch_size: int = 32,
    seed: int = 0,
) -> MLP:
    """Train on the loss of the quantized network: W <- optimizer(W, dLoss/dW_q where W is in range, else 0).

    Parameters
    ----------
    model : MLP
        Where to begin, with parameters in float32 or float64; it is not changed.
    x : array_like of shape (n, inputs)
        Finite floats or integers, one example a row.
    objective : callable
        As for ``refcompress.mlp.training.train``.
    bits : int
        Width of a weight's code, 2 to 32.
    scales : sequence of array_like, optional
        The step of each weight matrix, held all the time; by default ``weight_scales`` of the model.
    optimizer, epochs, batch_size, seed
        As for ``train``.

    Returns
    -------
    MLP
        With float64 weights on the grid, and the biases that were trained with them. Of no epochs it is
        ``quantize_weights`` of the model in float64.

    Raises
    ------
    ValueError
        For arrays that do not fit together, a setting outside its range, or an output, a loss or a parameter that
        stops being finite.
    TypeError
        For an x that holds no numbers, or a setting of another type.

    References
    ----------
    Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
    Computation", section 2.3, 2013. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", section 3, 2018.

    Examples
    --------
    The float weight goes down from 1 until its code is that of the slope 0.5, and no further.

    >>> from refcompress.mlp.training import regression
    >>> line, x, goal = MLP([np.array([[1.0]])], [np.zeros(1)]), [[-1.0], [1.0]], regression([[-0.5], [0.5]])
    >>> train_quantization_aware(line, x, goal, bits=3, scales=[0.5], optimizer=SGD(lr=0.1)).weights[0]
    array([[0.5]])
    """
    check_training(model, objective, optimizer)
    inputs = rows_of(model, x, objective, np.float64)
    epochs = arguments.integer(epochs, "epochs", 0)
    batch_size = arguments.integer(batch_size, "batch_size", 1)
    steps = weight_scales(model, bits=bits) if scales is None else _steps(model, scales)
    generator = np.random.default_rng(arguments.integer(seed, "seed", 0))
    task = _Task(steps, bits, model.activation, objective, optimizer)
    parameters = [p.astype(np.float64) for p in (*model.weights, *model.biases)]
    states = [optimizer.initial_state(p) for p in parameters]
    with np.errstate(all="ignore"):  # an overflow shows itself in the output, the loss or the parameters
        for epoch in range(1, epochs + 1):
            order = generator.permutation(len(inputs))
            for number, start in enumerate(range(0, len(order), batch_size), 1):
                rows = order[start : start + batch_size]
                when = f"at epoch {epoch}, batch {number}"
                gradients = _straight_through(task, parameters, inputs[rows], rows, when)
                triples = zip(parameters, gradients, states, strict=True)
                moved = [optimizer.step(p, g, state) for p, g, state in triples]  # type: ignore[arg-type]
                parameters, states = [p for p, _ in moved], [state for _, state in moved]
    if not all(np.isfinite(p).all() for p in parameters):
        diverged("a parameter is not finite", optimizer)
    trained = replace(model, weights=tuple(parameters[: len(steps)]), biases=tuple(parameters[len(steps) :]))
    return quantize_weights(trained, steps, bits=bits)


@dataclass(frozen=True, eq=False)
class _Task:
    """What stays the same from batch to batch."""

    scales: Sequence[npt.ArrayLike]
    bits: int
    activation: str
    objective: Objective
    optimizer: SGD | Adam


def _straight_through(task: _Task, parameters: list[Array], x: Array, rows: Array, when: str) -> list[Array]:
    """Return the gradients of weights and biases, of the loss of the quantized network on a batch."""
    weights, biases = parameters[: len(task.scales)], parameters[len(task.scales) :]
    quantized = _on_grid(weights, task.scales, task.bits)
    output, cache = forward(quantized, biases, x, task.activation)
    _, d_output = ask(task.objective, output, rows, when, task.optimizer)
    dweights, dbiases = backward(d_output, cache, quantized, task.activation)
    triples = zip(weights, task.scales, dweights, strict=True)
    return [*(fake_quantize_gradient(w, s, 0, dw, bits=task.bits) for w, s, dw in triples), *dbiases]


@dataclass(frozen=True)
class Comparison:
    """Test accuracies at one width, one a seed: of the float model, and quantized after and during training."""

    bits: int
    floats: tuple[float, ...]
    after: tuple[float, ...]
    aware: tuple[float, ...]

    @property
    def gains(self) -> tuple[float, ...]:
        """How much more accurate the aware model is, seed by seed."""
        return tuple(b - a for a, b in zip(self.after, self.aware, strict=True))


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation (n - 1) of two values at least.

    Examples
    --------
    >>> mean_and_spread([1.0, 2.0, 3.0])
    (2.0, 1.0)
    """
    if len(values) < 2:
        raise ValueError(f"values has {len(values)} entr{'y' if len(values) == 1 else 'ies'}: a spread needs two")
    mean = sum(values) / len(values)
    return mean, sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def compare(
    dataset: Dataset,
    *,
    hidden: Sequence[int] = (16,),
    bits: Sequence[int] = BITS,
    seeds: Sequence[int] = SEEDS,
    epochs: int = 10,
) -> tuple[Comparison, ...]:
    """Train with and without the quantization in mind, equally long, and measure both quantized.

    For every seed a float network is trained for ``epochs``. Then it goes on for as many epochs in floats and is
    quantized after that; and it goes on for as many with the quantization. Both grids come from ``weight_scales``: of
    the weights at the end, and at the point where the two part.

    Parameters
    ----------
    dataset : Dataset
        A fifth of it is held out for the accuracies, another one for each seed.
    hidden : sequence of int
        Widths of the hidden layers; few by default, since a wide network hardly notices that it has 3 bits.
    bits, seeds : sequence of int
        The widths of a weight's code, and the seeds of the split, the weights and the batches.
    epochs : int
        Of each of the two halves of the training, by default 10.

    Returns
    -------
    tuple of Comparison
        One a width.
    """
    runs = [_run(dataset, hidden, bits, seed, epochs) for seed in seeds]
    return tuple(
        Comparison(
            width,
            tuple(floats for floats, _ in runs),
            tuple(pairs[i][0] for _, pairs in runs),
            tuple(pairs[i][1] for _, pairs in runs),
        )
        for i, width in enumerate(bits)
    )


def _run(
    dataset: Dataset, hidden: Sequence[int], bits: Sequence[int], seed: int, epochs: int
) -> tuple[float, list[tuple[float, float]]]:
    """Return the accuracy in floats, and the two quantized ones at each width, for one seed."""
    training, test = split(dataset, test=0.2, seed=seed)
    objective = classification(training.y)
    model = initialize(arguments.network_widths(training.x.shape[1], hidden, len(dataset.class_names)), seed=seed)
    half = train(model, training.x, objective, optimizer=OPTIMIZER, epochs=epochs, seed=seed).model
    whole = train(half, training.x, objective, optimizer=OPTIMIZER, epochs=epochs, seed=seed + 1).model
    pairs = []
    for width in bits:
        after = quantize_weights(whole, weight_scales(whole, bits=width), bits=width)
        aware = train_quantization_aware(half, training.x, objective, bits=width, epochs=epochs, seed=seed + 1)
        pairs.append((accuracy(after, test.x, test.y), accuracy(aware, test.x, test.y)))
    return accuracy(whole, test.x, test.y), pairs

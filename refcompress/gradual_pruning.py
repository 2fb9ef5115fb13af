"""Pruning a trained network little by little: cut, train with the mask held, score again, cut further.

Beside the pruned network stand the dense weights: those that the mask keeps, as training moves them, and those that it
dropped, with the values that they had when they went. Scores are taken from the dense ones, so that a weight comes back
when others have become smaller than it was; scores of pruned weights, which are all 0, would never let it.

Legend: v dense weights, one matrix a layer; h_i what goes into layer i; z_i = h_i v_i + b_i.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.layers import ACTIVATIONS
from refcompress.mlp.network import MLP, backward, forward
from refcompress.mlp.optimizers import Optimizer
from refcompress.mlp.training import Objective, check_training, train
from refcompress.pruning.schedule import cubic_sparsity
from refcompress.pruning.scores import (
    SCOPES,
    first_order_scores,
    input_norms,
    magnitude_scores,
    masks_by_score,
    random_scores,
    wanda_scores,
)
from refcompress.pruning.second_order import damage_scores
from refcompress.pruning.structured import n_m_mask

LAST = 4  # the training after the last cut is so many times that after another

Weights = tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Situation:
    """What a score may be taken from: the pruned network, the dense weights beside it, the data that it learns from."""

    model: MLP
    dense: Weights
    x: Array
    objective: Objective
    seed: int


def _magnitudes(now: Situation) -> Weights:
    return tuple(magnitude_scores(v) for v in now.dense)


def _random(now: Situation) -> Weights:
    # one draw for all cuts: a weight that went stays away
    return tuple(random_scores(v, seed=now.seed + i) / v.size for i, v in enumerate(now.dense))


def _first_order(now: Situation) -> Weights:
    """Return |v * dLoss/dw| at the pruned network, whose gradient pruned weights have as well."""
    output, cache = forward(now.model.weights, now.model.biases, now.x, now.model.activation)
    _, slope = now.objective(output, np.arange(len(now.x)))
    gradients, _ = backward(slope, cache, now.model.weights, now.model.activation)
    return tuple(first_order_scores(v, g) for v, g in zip(now.dense, gradients, strict=True))


def _wanda(now: Situation) -> Weights:
    _, cache = forward(now.model.weights, now.model.biases, now.x, now.model.activation)
    return tuple(wanda_scores(v, input_norms(h)) for v, h in zip(now.dense, cache.inputs, strict=True))


def _damage(now: Situation) -> Weights:
    return tuple(damage_scores(v, h) for v, h in zip(now.dense, curvatures(now.model, now.x), strict=True))


# what a weight is worth
SCORES: dict[str, Callable[[Situation], Weights]] = {
    "magnitude": _magnitudes,
    "random": _random,
    "gradient": _first_order,
    "damage": _damage,
    "wanda": _wanda,
}


def curvatures(model: MLP, x: Array) -> Weights:
    """Return the diagonal of the Hessian of sum(z^2) / 2, z the outputs, by the weights: as a backward pass of squares.

    With c = 1 for every output: dv_i = (h_i^2)^T c, and c <- (c (v_i^2)^T) * activation'(z)^2 for the layer before. The
    squares of sums are taken for sums of squares, and second derivatives of activations for 0 (those of relu are): the
    approximation of Optimal Brain Damage. For a mean squared error the factor 2 / N is missing, which ranks alike.

    References
    ----------
    LeCun, Denker and Solla, "Optimal Brain Damage", section 2.3, 1990.

    Examples
    --------
    >>> curvatures(MLP([np.array([[2.0]]), np.array([[3.0]])], [np.zeros(1), np.zeros(1)]), np.array([[1.0], [2.0]]))
    (array([[45.]]), array([[20.]]))
    """
    output, cache = forward(model.weights, model.biases, x, model.activation)
    _, activate_backward = ACTIVATIONS[model.activation]
    c, found = np.ones(output.shape), list[Array]()
    for i in reversed(range(len(model.weights))):
        h = cache.inputs[i]
        found.insert(0, (h * h).T @ c)
        if i:
            slope = activate_backward(np.ones(h.shape), cache.sums[i - 1])
            c = (c @ (model.weights[i] * model.weights[i]).T) * (slope * slope)
    return tuple(found)


def _cubic(steps: int) -> tuple[Fraction, ...]:
    return tuple(cubic_sparsity(step, steps, final=1) for step in range(1, steps + 1))


def _linear(steps: int) -> tuple[Fraction, ...]:
    return tuple(Fraction(step, steps) for step in range(1, steps + 1))


# number of cuts -> which share of what is to go is gone after each
SCHEDULES: dict[str, Callable[[int], tuple[Fraction, ...]]] = {
    "cubic": _cubic,
    "linear": _linear,
    "one_shot": lambda steps: (Fraction(1),),
}


@dataclass(frozen=True)
class Pruning:
    """How to prune a network.

    Parameters
    ----------
    scores : str
        What a weight is worth: magnitude (default), random, gradient (|w * dLoss/dw|), damage (Optimal Brain Damage),
        or wanda (magnitude times the size of its input).
    scope : str
        Among which weights scores are compared: model (default), tensor, or output. Of every tensor, or the weights of
        every output, the same part stays, rounded down: never more than k in all.
    schedule : str
        cubic (default), linear, or one_shot: all that goes, goes at once, and is followed by as much training.
    structure : tuple of int, optional
        (n, m): of every m consecutive inputs of an output the n that score most stay; then neither the scope nor the
        number of weights matters, and m must divide the number of inputs of every layer.
    steps : int
        Cuts on the way to the full sparsity, at least 1.
    epochs : int
        Of training after each cut, and four times as many after the last.

    Raises
    ------
    ValueError
        For a setting outside its range.
    TypeError
        For a setting of another type.
    """

    scores: str = "magnitude"
    scope: str = "model"
    schedule: str = "cubic"
    structure: tuple[int, int] | None = None
    steps: int = 8
    epochs: int = 20

    def __post_init__(self) -> None:
        arguments.choice(self.scores, "scores", SCORES)
        arguments.choice(self.scope, "scope", SCOPES)
        arguments.choice(self.schedule, "schedule", SCHEDULES)
        object.__setattr__(self, "steps", arguments.integer(self.steps, "steps", 1))
        object.__setattr__(self, "epochs", arguments.integer(self.epochs, "epochs", 0))
        if self.structure is not None:
            object.__setattr__(self, "structure", _n_and_m(self.structure))

    def fits(self, sizes: tuple[int, ...]) -> None:
        """Refuse a network with a layer that groups of m do not fill."""
        if self.structure is None:
            return
        n, m = self.structure
        for number, inputs in enumerate(sizes[:-1]):
            if inputs % m:
                raise ValueError(f"structure is {n}:{m}: layer {number} has {inputs} inputs, no multiple of {m}")


def _n_and_m(structure: Any) -> tuple[int, int]:
    numbers = tuple(arguments.iterated(structure, "structure", "a pair (n, m)"))
    if len(numbers) != 2:
        raise ValueError(f"structure is {arguments.shown(structure)}: it must be a pair (n, m)")
    m = arguments.integer(numbers[1], "m", 1)
    return arguments.integer(numbers[0], "n", 0, m), m


def prune_gradually(
    model: MLP,
    x: Array,
    objective: Objective,
    k: int,
    *,
    optimizer: Optimizer,
    how: Pruning | None = None,
    seed: int = 0,
) -> MLP:
    """Prune to k weights in steps, with training after each while the mask is held.

    After step t of T the part (1 - (1 - t / T)^3) of what is to go is gone (``how.schedule``): much at first, little at
    the end. A pruned weight keeps its last value aside, unmoved by training, and is scored with it at the next cut.

    Parameters
    ----------
    model : MLP
        A trained network; it is not changed.
    x : array_like of shape (n, inputs)
        What it is trained on.
    objective : callable
        As for ``train``.
    k : int
        Weights kept, in all matrices together, if ``how`` has no structure.
    optimizer : SGD or Adam
        It begins anew after each cut: a weight that comes back has no momentum from before.
    how : Pruning, optional
        Scores, scope, schedule, structure, steps and epochs.
    seed : int
        Of the batches, and of random scores.

    Returns
    -------
    MLP
        Of the same shape, with +0 where pruned.

    Raises
    ------
    ValueError
        For a k outside 0 to the number of weights, for a structure that a layer does not fit.

    References
    ----------
    Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", section 3,
    2017: the cubic schedule, and masked weights that keep their value. Han, Pool, Tran and Dally, "Learning both
    Weights and Connections for Efficient Neural Networks", section 3, 2015: prune and retrain.

    Examples
    --------
    >>> from refcompress.mlp.optimizers import SGD
    >>> from refcompress.mlp.training import regression
    >>> model = MLP([np.array([[3.0], [1.0], [2.0]])], [np.zeros(1)])
    >>> goal = regression(np.array([[3.0], [0.0], [2.0]]))
    >>> prune_gradually(model, np.eye(3), goal, 2, optimizer=SGD(lr=0)).weights[0].ravel()
    array([3., 0., 2.])
    """
    check_training(model, objective, optimizer)
    how = Pruning() if how is None else how
    arguments.instance(how, "how", Pruning)
    seed = arguments.integer(seed, "seed", 0)
    how.fits(model.sizes)
    size = sum(w.size for w in model.weights)
    k = arguments.integer(k, "k", 0, size)
    inputs = arguments.float_array(x, "x")
    dense = model.weights
    shares = SCHEDULES[how.schedule](how.steps)
    spent = how.epochs * (len(shares) - 1)
    for step, share in enumerate(shares, 1):
        scores = SCORES[how.scores](Situation(model, dense, inputs, objective, seed))
        masks = _chosen(scores, how, Fraction(int((size - k) * share), size), share)
        model = masked(model, dense, masks)
        last = step == len(shares)
        epochs = how.epochs * (how.steps - 1 + LAST) - spent if last else how.epochs
        model = train(model, inputs, objective, optimizer=optimizer, epochs=epochs, seed=seed + step, masks=masks).model
        dense = tuple(np.where(m, w, v) for m, w, v in zip(masks, model.weights, dense, strict=True))
    return model


def masked(model: MLP, weights: Weights, masks: Weights) -> MLP:
    """Return the model with other weights, +0 where a mask is not set."""
    kept = tuple(np.where(m, w, w.dtype.type(0)) for m, w in zip(masks, weights, strict=True))
    return replace(model, weights=kept)


def _chosen(scores: Weights, how: Pruning, sparsity: Fraction, share: Fraction) -> Weights:
    """Return the masks of the weights that score most: a sparsity, or n_t of m with n_t falling from m to n."""
    if how.structure is None:
        return masks_by_score(scores, sparsity, scope=how.scope, rounding="floor")
    n, m = how.structure
    kept = m - int((m - n) * share)
    return tuple(map(partial(n_m_mask, n=kept, m=m, axis=0), scores))

"""Optimizers as pure functions on one flat vector: a step takes a state and returns a new one.

Legend: w parameters, g = dLoss/dw, v velocity, all (size,). The settings are checked when an optimizer is made; a step
checks nothing. A mask (size,), true (or 1) where a parameter stays, holds pruned parameters at +0, and with them
every moment: otherwise the momentum from before the pruning would bring them back.
"""

import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum and weight decay.

    g' = g + weight_decay * w, v' = momentum * v + g', w' = w - lr * v'. (Some texts scale g' by 1 - momentum, or
    fold lr into v; Nesterov's variant looks ahead. Not here.)

    Parameters
    ----------
    lr : float or Fraction
        The step size, at least 0.
    momentum : float or Fraction
        From 0 (default) to 1.
    weight_decay : float or Fraction
        The L2 coefficient, at least 0 (default).

    Raises
    ------
    ValueError
        For a setting outside its range.
    TypeError
        For a setting that is no number.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
    section 2, 2013.

    Examples
    --------
    >>> w, v = SGD(lr=0.5, momentum=0.5).step(np.array([1.0]), np.array([2.0]), np.array([4.0]))
    >>> w, v
    (array([-1.]), array([4.]))
    """

    lr: float | Fraction
    momentum: float | Fraction = 0.0
    weight_decay: float | Fraction = 0.0

    def __post_init__(self) -> None:
        for name, high in (("lr", None), ("momentum", 1), ("weight_decay", None)):
            object.__setattr__(self, name, _number(getattr(self, name), name, high))

    def initial_state(self, w: Array) -> Array:
        """Return the velocity to begin with: 0."""
        return _zeros(w)

    def step(self, w: Array, g: Array, v: Array, mask: Array | None = None) -> tuple[Array, Array]:
        """Return the new w and the new velocity; on an object array of fractions without rounding."""
        lr, momentum, weight_decay = _exact_like(w, self.lr, self.momentum, self.weight_decay)
        v = momentum * v
        v += _decayed(w, g, weight_decay)
        change = lr * v
        return _masked(np.subtract(w, change, out=change), mask), _masked(v, mask)


@dataclass(frozen=True, eq=False)
class AdamState:
    """The number of steps taken, and the running means of g and of g^2."""

    t: int
    first: Array
    second: Array


@dataclass(frozen=True)
class Adam:
    """Adam: a step of about lr for every parameter, whatever the size of its gradient.

    g' = g + weight_decay * w; first' = beta1 * first + (1 - beta1) * g'; second' = beta2 * second + (1 - beta2) * g'^2;
    w' = w - lr * (first' / (1 - beta1^t)) / (sqrt(second' / (1 - beta2^t)) + epsilon), t = 1 at the first step. The
    weight decay is L2 in the gradient, not decoupled from it (AdamW).

    With a mask, w', first' and second' are +0 wherever it is not set, whatever they were before: a pruned weight stays
    away, and if a later mask lets it in again it begins at 0 without a past (but with the t of all others).

    Parameters
    ----------
    lr : float
        The step size, at least 0.
    beta1, beta2 : float
        From 0 to below 1.
    epsilon : float
        Above 0.
    weight_decay : float
        The L2 coefficient, at least 0 (default).

    Raises
    ------
    ValueError
        For a setting outside its range.
    TypeError
        For a setting that is no number.

    References
    ----------
    Kingma and Ba, "Adam: A Method for Stochastic Optimization", Algorithm 1, 2015.

    Examples
    --------
    >>> adam, w = Adam(lr=0.5, epsilon=1e-300), np.array([1.0, 1.0])
    >>> adam.step(w, np.array([2.0, -200.0]), adam.initial_state(w))[0]
    array([0.5, 1.5])
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("lr", "beta1", "beta2", "epsilon", "weight_decay"):
            number = arguments.real_number(getattr(self, name), name, 0, exclusive=name == "epsilon")
            if name in ("beta1", "beta2") and number >= 1:
                raise ValueError(f"{name} is {number}: it must be at least 0 and below 1")
            object.__setattr__(self, name, number)

    def initial_state(self, w: Array) -> AdamState:
        """Return the state to begin with: no steps, both means 0."""
        return AdamState(0, _zeros(w), _zeros(w))

    def step(self, w: Array, g: Array, state: AdamState, mask: Array | None = None) -> tuple[Array, AdamState]:
        """Return the new w and the new state."""
        t = state.t + 1
        g = _decayed(w, g, self.weight_decay)
        first = self.beta1 * state.first + (1 - self.beta1) * g
        second = self.beta2 * state.second + (1 - self.beta2) * (g * g)
        update = first / (1 - self.beta1**t) / (np.sqrt(second / (1 - self.beta2**t)) + self.epsilon)
        return _masked(w - self.lr * update, mask), AdamState(t, _masked(first, mask), _masked(second, mask))


Optimizer = SGD | Adam


def _decayed(w: Array, g: Array, weight_decay: float | Fraction) -> Array:
    return g + weight_decay * w if weight_decay else g


def _masked(values: Array, mask: Array | None) -> Array:
    # not a product: -1 * 0 is -0, and nan * 0 is nan
    return values if mask is None else np.where(mask, values, values.dtype.type(0))


def _zeros(w: Array) -> Array:
    return np.zeros(w.shape, w.dtype)


def _exact_like(w: Array, *settings: float | Fraction) -> tuple[Any, ...]:
    """Return the settings as fractions for a vector of fractions, else as floats."""
    kind = Fraction if w.dtype == object else float
    return tuple(kind(setting) for setting in settings)


def _number(value: Any, name: str, high: int | None) -> float | Fraction:
    if not isinstance(value, Fraction):
        return arguments.real_number(value, name, 0, high)
    if value < 0 or (high is not None and value > high):
        range_ = "at least 0" if high is None else f"from 0 to {high}"
        raise ValueError(f"{name} is {arguments.shown(value, str)}: it must be {range_}")
    if value > sys.float_info.max:
        raise ValueError(f"{name} is {arguments.shown(value, str)}: it must be within float64")
    return value

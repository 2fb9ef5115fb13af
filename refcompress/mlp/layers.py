"""Layers and activations, each forward directly above its backward.

Legend: x (n, d_in) inputs, w (d_in, d_out) weights, b (d_out,) biases, y or z (n, d_out) outputs, n examples;
dy = dLoss/dy, and so for every other letter. A backward takes dy first, then what its forward took.

Nothing is checked here. ``linear``, ``relu`` and ``identity`` run on floats and, without rounding, on object arrays of
``fractions.Fraction``; ``tanh`` and ``sigmoid`` on floats and on complex numbers (for derivatives by the complex step).
"""

from collections.abc import Callable

import numpy as np

from refcompress.arguments import Array


def linear(x: Array, w: Array, b: Array) -> Array:
    """Return y = x W + b."""
    return np.asarray(x @ w + b)


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return dx = dy W^T, dw = x^T dy, db = the sum of dy over the examples."""
    return linear_backward_input(dy, w), *linear_backward_parameters(dy, x)


def linear_backward_input(dy: Array, w: Array) -> Array:
    """Return dx = dy W^T, which the first layer of a network has no use for."""
    return np.asarray(dy @ w.T)


def linear_backward_parameters(
    dy: Array, x: Array, dw: Array | None = None, db: Array | None = None
) -> tuple[Array, Array]:
    """Return dw = x^T dy and db = the sum of dy over the examples, written to the arrays given, if any."""
    return np.matmul(x.T, dy, out=dw), np.add.reduce(dy, axis=0, out=db)


def relu(z: Array) -> Array:
    """Return h = max(z, 0)."""
    return np.asarray(np.maximum(z, 0))


def relu_backward(dh: Array, z: Array) -> Array:
    """Return dz = dh where z > 0, else 0: the gradient at 0 and at -0.0 is 0."""
    return np.asarray(dh * (z > 0).astype(dh.dtype))


def identity(z: Array) -> Array:
    """Return h = z."""
    return z


def identity_backward(dh: Array, z: Array) -> Array:
    """Return dz = dh."""
    return dh


def tanh(z: Array) -> Array:
    """Return h = tanh(z)."""
    return np.asarray(np.tanh(z))


def tanh_backward(dh: Array, z: Array) -> Array:
    """Return dz = dh (1 - tanh(z)^2), computed as dh 4 e / (1 + e)^2 with e = exp(-2 |z|): nothing cancels."""
    with np.errstate(over="ignore"):  # -2 |z| may be -inf, and e is 0 then
        e = np.exp(-2 * _magnitude(z))
    return np.asarray(dh * (4 * e / (1 + e) ** 2))


def sigmoid(z: Array) -> Array:
    """Return h = 1 / (1 + exp(-z)), with e = exp(-|z|): 1 / (1 + e) for z >= 0, else e / (1 + e)."""
    e = np.exp(-_magnitude(z))
    return np.asarray(np.where(z.real >= 0, 1, e) / (1 + e))


def sigmoid_backward(dh: Array, z: Array) -> Array:
    """Return dz = dh h (1 - h) with h = sigmoid(z), computed as dh e / (1 + e)^2 with e = exp(-|z|)."""
    e = np.exp(-_magnitude(z))
    return np.asarray(dh * (e / (1 + e) ** 2))


def _magnitude(z: Array) -> Array:
    """Return |z| of a real z, and z or -z of a complex one: analytic, unlike the absolute value."""
    return np.where(z.real >= 0, z, -z)


Forward = Callable[[Array], Array]
Backward = Callable[[Array, Array], Array]

# name -> (h of z, dz of dh and z)
ACTIVATIONS: dict[str, tuple[Forward, Backward]] = {
    "relu": (relu, relu_backward),
    "tanh": (tanh, tanh_backward),
    "sigmoid": (sigmoid, sigmoid_backward),
    "identity": (identity, identity_backward),
}

EXACT_ACTIVATIONS = ("relu", "identity")
"""Those that a fraction comes out of as a fraction."""

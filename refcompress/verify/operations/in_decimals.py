"""The operations whose answers are sums of rounded products or exponentials, answered in decimals of 50 digits.

A BLAS and a library of mathematical functions choose their steps by the processor, so that the last bits of a float64
answer hang on the machine. A decimal's do not: an answer from here is the exact result, which a relative 10^-45 of the
terms that were added up may have moved, rounded once to float64. It takes four times as long: it is for files.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.layers import identity, relu
from refcompress.mlp.losses import divisor, squared_error_gradient
from refcompress.mlp.network import backward, forward_with
from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.operations.bounded import Answer, bound_of, each, in_dtype
from refcompress.verify.operations.distillation import DISTILLATION_GRADIENT, DISTILLATION_LOSS
from refcompress.verify.operations.distillation_answers import gradient_bound_in
from refcompress.verify.operations.network import MLP_FORWARD, MLP_GRADIENTS, gradients_bound_in, output_bound_in

CONTEXT = Context(prec=50)


@contextmanager
def _decimals(args: Arguments) -> Iterator[Any]:
    """Give the arguments as decimals, exactly, and compute in 50 digits."""
    with localcontext(CONTEXT):
        yield each(lambda a: _mapped(lambda v: Decimal(float(v)), a), args)


def _mapped(function: Callable[[Any], Decimal], array: Array) -> Array:
    """Apply a function to each number, of a 0-d or an empty array too."""
    result = np.empty(array.shape, object)
    for index, value in np.ndenumerate(array):
        result[index] = function(value)
    return result


def _nearest(answer: Any) -> Any:
    """Round once to float64, to infinity past the largest."""
    return each(lambda a: np.asarray(a, np.float64), answer)


def _tanh(z: Decimal) -> Decimal:
    if abs(z) < Decimal("1e-30"):
        return z  # z^3 / 3 is below 10^-60 of it, and 1 - e would have 20 digits left
    e = (-2 * abs(z)).exp()
    return ((1 - e) / (1 + e)).copy_sign(z)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": relu,
    "identity": identity,
    "tanh": lambda z: _mapped(_tanh, z),
}


def exact_output(args: Arguments, settings: Settings) -> Any:
    """Return the output of a network, rounded once to float64."""
    with _decimals(args) as (weights, biases, x):
        return _nearest(forward_with(ACTIVATIONS[settings["activation"]], weights, biases, x)[0])


def exact_gradients(args: Arguments, settings: Settings) -> Any:
    """Return the gradients of a network's mean squared error, rounded once to float64."""
    with _decimals(args) as (weights, biases, x, target):
        output, cache = forward_with(ACTIVATIONS[settings["activation"]], weights, biases, x)
        dz = squared_error_gradient(output - target, divisor(target.shape, settings["reduction"], "target"))
        return _nearest(backward(dz, cache, weights, settings["activation"]))


def _log_softmax(z: Array, temperature: Decimal) -> Array:
    """Return log softmax(z / T) of each example."""
    x = z / temperature
    x = x - x.max(axis=-1, keepdims=True)
    total = np.add.reduce(_mapped(Decimal.exp, x), axis=-1, keepdims=True)
    return np.asarray(x - _mapped(Decimal.ln, total))


def _of_softened(args: Arguments, settings: Settings, formula: Callable[[Array, Array, bool], Any], power: int) -> Any:
    """Return T^power / N times a formula of both sides' log-probabilities, where T^2 counts if it is asked for."""
    with _decimals(args) as (student, teacher):
        temperature = Decimal(float(settings["temperature"]))
        shape = student.shape if student.ndim > 1 else (1, *student.shape)
        n = divisor(shape, settings["reduction"], "student")
        if not student.size:
            return _nearest(np.zeros(student.shape) if power == 1 else np.zeros(()))
        a, b = (_log_softmax(z, temperature) for z in (student, teacher))
        factor = temperature ** (power if settings["scaled"] else power - 2)
        return _nearest(formula(a, b, settings["direction"] == "reverse") * factor / n)


def _divergence(a: Array, b: Array, reverse: bool) -> Any:
    """Return sum q (b - a), or sum p (a - b) in the reverse direction."""
    first, second = (a, b) if reverse else (b, a)
    return np.sum(_mapped(Decimal.exp, first) * (first - second)).max(Decimal(0))


def _slope(a: Array, b: Array, reverse: bool) -> Array:
    """Return p - q, or p (a - b - sum p (a - b)) in the reverse direction."""
    p, q = (_mapped(Decimal.exp, side) for side in (a, b))
    if not reverse:
        return np.asarray(p - q)
    return np.asarray(p * (a - b - np.sum(p * (a - b), axis=-1, keepdims=True)))


def exact_loss(args: Arguments, settings: Settings) -> Any:
    """Return the distillation loss, rounded once to float64."""
    return np.float64(_of_softened(args, settings, _divergence, 2))


def exact_gradient(args: Arguments, settings: Settings) -> Any:
    """Return the gradient of the distillation loss, rounded once to float64."""
    return _of_softened(args, settings, _slope, 1)


def _answered(exact: Answer) -> Answer:
    return lambda args, settings: in_dtype(exact(args, settings), settings)


# name -> the operation with answers, and bounds about them, that are the same on every machine
IN_DECIMALS: dict[str, Operation] = {
    op.name: op
    for op in (
        replace(MLP_FORWARD, answer=_answered(exact_output), bound=bound_of(exact_output, output_bound_in)),
        replace(MLP_GRADIENTS, answer=_answered(exact_gradients), bound=bound_of(exact_gradients, gradients_bound_in)),
        replace(DISTILLATION_LOSS, answer=exact_loss),
        replace(
            DISTILLATION_GRADIENT, answer=_answered(exact_gradient), bound=bound_of(exact_gradient, gradient_bound_in)
        ),
    )
}

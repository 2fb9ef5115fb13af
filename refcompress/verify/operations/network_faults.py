"""Wrong networks: forward and backward passes with one thing done otherwise.

Legend as in ``refcompress.mlp.network``: h what goes into a layer, z what comes out of it before the activation, dz the
loss's gradient there. Everything is computed in float64.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import precision_of
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.bounded import Answer, each, wide

Layers = list[Array]


@dataclass(frozen=True, eq=False)
class Pass:
    """What a forward pass leaves."""

    inputs: Layers
    sums: Layers
    output: Array


@dataclass(frozen=True)
class Way:
    """How a network is computed: each step can be another one."""

    activate: Callable[[str, Array], Array]
    slope: Callable[[str, Array, Array], Array]
    """activation, z, h -> the derivative."""
    layer: Callable[[Array, Array, Array, int, int], Array]
    """h, w, b, number of the layer, number of layers -> z."""
    activated: Callable[[int, int], bool] = lambda i, last: i < last
    """Whether the layer has an activation; the derivative follows."""
    before: Callable[[Array], Array] = lambda x: x
    after: Callable[[Array], Array] = lambda y: y
    loss: Callable[[Array, Array, Settings], Array] = lambda y, t, s: 2 * (y - t) / count(y.shape, s)
    """output, target -> the gradient at the output."""
    weight: Callable[[Array, Array], Array] = lambda h, dz: h.T @ dz
    bias: Callable[[Array], Array] = lambda dz: dz.sum(axis=0)
    back: Callable[[Array, Array, Array], Array] = lambda dz, w, dw: dz @ w.T
    """dz, w, dw -> the gradient at what went into the layer."""
    chain: Callable[[Array, Pass, int, Callable[[int], Array]], Array] = lambda dh, p, i, slope: dh * slope(i)
    """dh, the forward pass, a layer, the slopes of all -> the gradient at its z."""
    finish: Callable[[Layers, Layers, Arguments], tuple[Layers, Layers]] = lambda dws, dbs, args: (dws, dbs)


def count(shape: tuple[int, ...], settings: Settings) -> int:
    """Return what the reduction divides by."""
    return {"mean": int(np.prod(shape)), "sum": 1, "batch_mean": shape[0]}[settings["reduction"]]


ACTIVATE: dict[str, Callable[[Array], Any]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "identity": lambda z: z,
}
SLOPE: dict[str, Callable[[Array, Array], Any]] = {
    "relu": lambda z, h: (z > 0) * 1.0,
    "tanh": lambda z, h: 1 - h * h,
    "identity": lambda z, h: np.ones(z.shape),
}


def _activate(name: str, z: Array) -> Array:
    return np.asarray(ACTIVATE[name](z))


def slope_of(name: str, z: Array, h: Array) -> Array:
    """Return the right derivative of an activation."""
    return np.asarray(SLOPE[name](z, h))


RIGHT = Way(_activate, slope_of, lambda h, w, b, i, last: h @ w + b)


def run(way: Way, weights: Layers, biases: Layers, x: Array, activation: str) -> Pass:
    """Return the forward pass."""
    inputs, sums, h, last = [], [], way.before(x), len(weights) - 1
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        inputs.append(h)
        sums.append(way.layer(h, w, b, i, last))
        h = way.activate(activation, sums[-1]) if way.activated(i, last) else sums[-1]
    return Pass(inputs, sums, way.after(h))


def output_of(way: Way) -> Answer:
    """Return the output of a network computed so, for ``mlp_forward``."""

    def answer(args: Arguments, settings: Settings) -> Any:
        weights, biases, x = wide(args)
        return run(way, weights, biases, x, settings["activation"]).output

    return answer


def gradients_of(way: Way) -> Answer:
    """Return the gradients of a network computed so, for ``mlp_gradients``."""

    def answer(args: Arguments, settings: Settings) -> Any:
        weights, biases, x, target = wide(args)
        name = settings["activation"]
        done = run(way, weights, biases, x, name)
        last = len(weights) - 1

        def slope(i: int) -> Array:
            z = done.sums[i]
            return way.slope(name, z, way.activate(name, z))

        dh = way.loss(done.output, target, settings)
        dws: Layers = []
        dbs: Layers = []
        for i in reversed(range(len(weights))):
            dz = way.chain(dh, done, i, slope) if way.activated(i, last) else dh
            dws.insert(0, way.weight(done.inputs[i], dz))
            dbs.insert(0, way.bias(dz))
            dh = way.back(dz, weights[i], dws[0])
        dws, dbs = way.finish(dws, dbs, wide(args))
        # what does not even have the shape of its parameters is no answer
        return each(lambda a, like: np.asarray(a).reshape(like.shape), (dws, dbs), (weights, biases))

    return answer


def rounding_bound(answer: Answer) -> Answer:
    """Return what rounding may take a wrong network's answer by.

    That is k u of what the answer is for the magnitudes of all arguments without cancellation, or of the answer itself
    where that is larger; k counts the terms of all sums, twice for the way there and back.
    """

    def bound(args: Arguments, settings: Settings) -> Any:
        weights, biases, x, *target = each(np.abs, wide(args))
        sizes = answer((weights, biases, x, *(-t for t in target)), {**settings, "activation": "identity"})
        terms = 2 * sum(w.shape[0] + 2 for w in weights) + len(x) + 32
        unit = precision_of(settings["dtype"]).unit
        return each(lambda a, b: terms * unit * np.fmax(np.abs(a), np.abs(b)), sizes, answer(args, settings))

    return bound


def fault_of(form: Callable[[Way], Answer], name: str, statement: str, **changes: Any) -> Fault:
    """Return the fault of a network that is right but for some steps."""
    answer = form(replace(RIGHT, **changes))
    return Fault(name, statement, answer, rounding_bound(answer))


def _layer(rule: Callable[[Array, Array, Array, int, int], Array]) -> dict[str, Any]:
    return {"layer": rule}


def _square_transposed(h: Array, w: Array, b: Array, i: int, last: int) -> Array:
    return h @ (w.T if w.shape[0] == w.shape[1] else w) + b


def _across(h: Array, w: Array, b: Array, i: int, last: int) -> Array:
    """Add the biases along the batch where the shapes allow it."""
    z = h @ w
    return np.asarray(z + (b[:, None] if len(z) == len(b) else b))


def softmax(y: Array) -> Array:
    """Return the softmax of every row."""
    e = np.exp(y - y.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def _leaky(by: float) -> Callable[[str, Array], Array]:
    return lambda name, z: np.where(z > 0, z, by * z) if name == "relu" else _activate(name, z)


def leaky_slope(by: float) -> Callable[[str, Array, Array], Array]:
    """Return the derivative of a leaky relu."""
    return lambda name, z, h: np.where(z > 0, 1.0, by) if name == "relu" else slope_of(name, z, h)


def _erf(z: Array) -> Array:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(z))


# name -> (what it does, h of z, dh/dz of z and h): activations that stand in for another one
STRANGERS: dict[str, tuple[str, Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "sigmoid": ("a sigmoid", _sigmoid, lambda z, h: h * (1 - h)),
    "absolute": ("the magnitude", np.abs, lambda z, h: np.sign(z)),
    "softplus": ("softplus", lambda z: np.logaddexp(z, 0), lambda z, h: _sigmoid(z)),
    "elu": ("elu", lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z, h: np.where(z > 0, 1, h + 1)),
    "gelu": (
        "gelu",
        lambda z: z * (1 + _erf(z / np.sqrt(2))) / 2,
        lambda z, h: (1 + _erf(z / np.sqrt(2))) / 2 + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
    ),
    "silu": ("silu (swish)", lambda z: z * _sigmoid(z), lambda z, h: _sigmoid(z) * (1 + z - h)),
    "relu6": ("relu6, which ends at 6", lambda z: np.clip(z, 0, 6), lambda z, h: ((z > 0) & (z < 6)) * 1.0),
    "hard_tanh": ("a clip to [-1, 1]", lambda z: np.clip(z, -1, 1), lambda z, h: (np.abs(z) < 1) * 1.0),
    "step": ("a step", lambda z: (z > 0) * 1.0, lambda z, h: np.zeros(z.shape)),
    "negative_part": ("min(z, 0): the other half", lambda z: np.minimum(z, 0), lambda z, h: (z < 0) * 1.0),
}


def _strangers(form: Callable[[Way], Answer]) -> tuple[Fault, ...]:
    """Return the faults of another activation than the one asked for."""
    return tuple(
        fault_of(
            form,
            name,
            f"applies {what} as its activation",
            activate=lambda _, z, f=function: np.asarray(f(z)),
            slope=lambda _, z, h, d=derivative: np.asarray(d(z, h), np.float64),
        )
        for name, (what, function, derivative) in STRANGERS.items()
    )


def common_faults(form: Callable[[Way], Answer]) -> tuple[Fault, ...]:
    """Return the faults of a forward pass, which the gradients show too."""
    return (
        *_strangers(form),
        fault_of(form, "leaky", "applies a leaky relu with slope 0.01", activate=_leaky(0.01), slope=leaky_slope(0.01)),
        fault_of(
            form, "leaky_wide", "applies a leaky relu with slope 0.1", activate=_leaky(0.1), slope=leaky_slope(0.1)
        ),
        fault_of(
            form,
            "last_activated",
            "applies the activation to the last layer as well",
            activated=lambda i, last: True,
        ),
        fault_of(
            form,
            "only_last_activated",
            "applies the activation to the last layer and to no other",
            activated=lambda i, last: i == last,
        ),
        fault_of(
            form,
            "first_not_activated",
            "leaves out the activation of the first layer",
            activated=lambda i, last: 0 < i < last,
        ),
        fault_of(
            form,
            "only_first_activated",
            "applies the activation after the first layer alone",
            activated=lambda i, last: i == 0 < last,
        ),
        fault_of(form, "no_bias", "leaves out the biases", **_layer(lambda h, w, b, i, last: h @ w)),
        fault_of(
            form,
            "last_bias_missing",
            "leaves out the bias of the last layer",
            **_layer(lambda h, w, b, i, last: h @ w + b * (i < last)),
        ),
        fault_of(
            form,
            "hidden_bias_missing",
            "leaves out the biases of all layers but the last",
            **_layer(lambda h, w, b, i, last: h @ w + b * (i == last)),
        ),
        fault_of(form, "bias_subtracted", "subtracts the biases", **_layer(lambda h, w, b, i, last: h @ w - b)),
        fault_of(form, "bias_twice", "adds the biases twice", **_layer(lambda h, w, b, i, last: h @ w + 2 * b)),
        fault_of(
            form,
            "one_bias",
            "gives every unit of a layer the bias of the first one",
            **_layer(lambda h, w, b, i, last: h @ w + b[:1]),
        ),
        fault_of(
            form,
            "bias_first",
            "adds the bias to the whole sum's terms: (h + b) W instead of h W + b, where the widths agree",
            **_layer(lambda h, w, b, i, last: (h + b) @ w if len(b) == len(w) else h @ w + b),
        ),
        fault_of(form, "bias_across", "adds the biases along the batch where the shapes allow it", **_layer(_across)),
        fault_of(form, "transposed", "transposes square weight matrices", **_layer(_square_transposed)),
        fault_of(
            form,
            "row_major",
            "reads the memory of each weight matrix as (outputs, inputs)",
            **_layer(lambda h, w, b, i, last: h @ w.reshape(w.shape[::-1]).T + b),
        ),
        fault_of(
            form,
            "magnitudes",
            "takes the magnitudes of the weights",
            **_layer(lambda h, w, b, i, last: h @ np.abs(w) + b),
        ),
        fault_of(
            form,
            "averaged",
            "takes the mean over the inputs of a layer and not their sum",
            **_layer(lambda h, w, b, i, last: h @ w / len(w) + b),
        ),
        fault_of(
            form,
            "residual",
            "adds the input of a layer to its output where the widths agree",
            **_layer(lambda h, w, b, i, last: h @ w + b + (h if w.shape[0] == w.shape[1] else 0)),
        ),
    )


def _bias_after(args: Arguments, settings: Settings) -> Any:
    """Return the output where a bias is added after the activation."""
    weights, biases, h = wide(args)
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = h @ w
        h = (_activate(settings["activation"], z) if i < len(weights) - 1 else z) + b
    return h


FORWARD_FAULTS = (
    *common_faults(output_of),
    Fault("bias_after", "adds the bias after the activation", _bias_after, rounding_bound(_bias_after)),
    fault_of(output_of, "softmax", "ends with a softmax", after=softmax),
    fault_of(output_of, "sigmoid_output", "ends with a sigmoid", after=_sigmoid),
    fault_of(
        output_of,
        "centred_output",
        "subtracts the mean of the batch from the output",
        after=lambda y: y - y.sum(axis=0) / max(len(y), 1),
    ),
    fault_of(
        output_of,
        "batch_mean_output",
        "gives every example the mean output",
        after=lambda y: y * 0 + y.sum(axis=0) / max(len(y), 1),
    ),
    fault_of(
        output_of, "first_example", "gives every example the output of the first one", after=lambda y: y * 0 + y[:1]
    ),
    fault_of(
        output_of,
        "input_activated",
        "applies the activation of a hidden layer to the input: a relu",
        before=lambda x: np.maximum(x, 0),
    ),
    fault_of(
        output_of,
        "input_scaled",
        "normalizes the input: it divides by the largest magnitude",
        before=lambda x: x / (np.max(np.abs(x), initial=0) or 1.0),
    ),
    fault_of(
        output_of,
        "last_layer_only",
        "returns the output of the layer before the last where the widths agree",
        layer=lambda h, w, b, i, last: h if i == last > 0 and w.shape[0] == w.shape[1] else h @ w + b,
    ),
)

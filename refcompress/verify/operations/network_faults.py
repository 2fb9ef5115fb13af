"""Wrong networks: forward and backward passes with one thing done otherwise.

Legend as in ``refcompress.mlp.network``: h what goes into a layer, z what comes out of it before the activation, dz the
loss's gradient there. Everything is computed in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import precision_of
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.bounded import Answer, each, wide

Layers = list[Array]


@dataclass(frozen=True)
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


def _activate(name: str, z: Array) -> Array:
    return {"relu": lambda: np.maximum(z, 0.0), "tanh": lambda: np.tanh(z), "identity": lambda: z}[name]()


def _slope(name: str, z: Array, h: Array) -> Array:
    return {
        "relu": lambda: (z > 0).astype(np.float64),
        "tanh": lambda: 1 - h * h,
        "identity": lambda: np.ones(z.shape),
    }[name]()


RIGHT = Way(_activate, _slope, lambda h, w, b, i, last: h @ w + b)


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
        return run(way, *wide(args), settings["activation"]).output

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


def _fault(form: Callable[[Way], Answer], name: str, statement: str, **changes: Any) -> Fault:
    answer = form(replace(RIGHT, **changes))
    return Fault(name, statement, answer, rounding_bound(answer))


def _layer(rule: Callable[[Array, Array, Array, int, int], Array]) -> dict[str, Any]:
    return {"layer": rule}


def _square_transposed(h: Array, w: Array, b: Array, i: int, last: int) -> Array:
    return h @ (w.T if w.shape[0] == w.shape[1] else w) + b


def _across(h: Array, w: Array, b: Array, i: int, last: int) -> Array:
    """Add the biases along the batch where the shapes allow it."""
    z = h @ w
    return z + (b[:, None] if len(z) == len(b) else b)


def _softmax(y: Array) -> Array:
    e = np.exp(y - y.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _sigmoid(z: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(z / 2)))


def _leaky(by: float) -> Callable[[str, Array], Array]:
    return lambda name, z: np.where(z > 0, z, by * z) if name == "relu" else _activate(name, z)


def _leaky_slope(by: float) -> Callable[[str, Array, Array], Array]:
    return lambda name, z, h: np.where(z > 0, 1.0, by) if name == "relu" else _slope(name, z, h)


def _erf(z: Array) -> Array:
    from scipy.special import erf

    return np.asarray(erf(z))


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
    "clipped": ("a clip to [-1, 1]", lambda z: np.clip(z, -1, 1), lambda z, h: (np.abs(z) < 1) * 1.0),
    "step": ("a step", lambda z: (z > 0) * 1.0, lambda z, h: np.zeros(z.shape)),
    "negative_part": ("min(z, 0): the other half", lambda z: np.minimum(z, 0), lambda z, h: (z < 0) * 1.0),
}


def _strangers(form: Callable[[Way], Answer]) -> tuple[Fault, ...]:
    """Return the faults of another activation than the one asked for."""
    return tuple(
        _fault(
            form,
            name,
            f"applies {what} as its activation",
            activate=lambda _, z, f=function: np.asarray(f(z)),
            slope=lambda _, z, h, d=derivative: np.asarray(d(z, h), np.float64),
        )
        for name, (what, function, derivative) in STRANGERS.items()
    )


def _both(form: Callable[[Way], Answer]) -> tuple[Fault, ...]:
    """Return the faults of a forward pass, which the gradients show too."""
    return (
        *_strangers(form),
        _fault(form, "leaky", "applies a leaky relu with slope 0.01", activate=_leaky(0.01), slope=_leaky_slope(0.01)),
        _fault(
            form, "leaky_wide", "applies a leaky relu with slope 0.1", activate=_leaky(0.1), slope=_leaky_slope(0.1)
        ),
        _fault(
            form,
            "last_activated",
            "applies the activation to the last layer as well",
            activated=lambda i, last: True,
        ),
        _fault(
            form,
            "only_last_activated",
            "applies the activation to the last layer and to no other",
            activated=lambda i, last: i == last,
        ),
        _fault(
            form,
            "first_not_activated",
            "leaves out the activation of the first layer",
            activated=lambda i, last: 0 < i < last,
        ),
        _fault(
            form,
            "only_first_activated",
            "applies the activation after the first layer alone",
            activated=lambda i, last: i == 0 < last,
        ),
        _fault(form, "no_bias", "leaves out the biases", **_layer(lambda h, w, b, i, last: h @ w)),
        _fault(
            form,
            "last_bias_missing",
            "leaves out the bias of the last layer",
            **_layer(lambda h, w, b, i, last: h @ w + b * (i < last)),
        ),
        _fault(
            form,
            "hidden_bias_missing",
            "leaves out the biases of all layers but the last",
            **_layer(lambda h, w, b, i, last: h @ w + b * (i == last)),
        ),
        _fault(form, "bias_subtracted", "subtracts the biases", **_layer(lambda h, w, b, i, last: h @ w - b)),
        _fault(form, "bias_twice", "adds the biases twice", **_layer(lambda h, w, b, i, last: h @ w + 2 * b)),
        _fault(
            form,
            "one_bias",
            "gives every unit of a layer the bias of the first one",
            **_layer(lambda h, w, b, i, last: h @ w + b[:1]),
        ),
        _fault(
            form,
            "bias_first",
            "adds the bias to the whole sum's terms: (h + b) W instead of h W + b, where the widths agree",
            **_layer(lambda h, w, b, i, last: (h + b) @ w if len(b) == len(w) else h @ w + b),
        ),
        _fault(form, "bias_across", "adds the biases along the batch where the shapes allow it", **_layer(_across)),
        _fault(form, "transposed", "transposes square weight matrices", **_layer(_square_transposed)),
        _fault(
            form,
            "row_major",
            "reads the memory of each weight matrix as (outputs, inputs)",
            **_layer(lambda h, w, b, i, last: h @ w.reshape(w.shape[::-1]).T + b),
        ),
        _fault(
            form,
            "magnitudes",
            "takes the magnitudes of the weights",
            **_layer(lambda h, w, b, i, last: h @ np.abs(w) + b),
        ),
        _fault(
            form,
            "averaged",
            "takes the mean over the inputs of a layer and not their sum",
            **_layer(lambda h, w, b, i, last: h @ w / len(w) + b),
        ),
        _fault(
            form,
            "residual",
            "adds the input of a layer to its output where the widths agree",
            **_layer(lambda h, w, b, i, last: h @ w + b + (h if w.shape[0] == w.shape[1] else 0)),
        ),
    )


def _bias_after(form: str) -> Answer:
    """Return the output where a bias is added after the activation."""

    def answer(args: Arguments, settings: Settings) -> Any:
        weights, biases, h = wide(args)
        for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = h @ w
            h = (_activate(settings["activation"], z) if i < len(weights) - 1 else z) + b
        return h

    return answer


_late = _bias_after("forward")

FORWARD_FAULTS = (
    *_both(output_of),
    Fault("bias_after", "adds the bias after the activation", _late, rounding_bound(_late)),
    _fault(output_of, "softmax", "ends with a softmax", after=_softmax),
    _fault(output_of, "sigmoid_output", "ends with a sigmoid", after=_sigmoid),
    _fault(
        output_of,
        "centred_output",
        "subtracts the mean of the batch from the output",
        after=lambda y: y - y.mean(axis=0),
    ),
    _fault(
        output_of, "batch_mean_output", "gives every example the mean output", after=lambda y: y * 0 + y.mean(axis=0)
    ),
    _fault(
        output_of, "first_example", "gives every example the output of the first one", after=lambda y: y * 0 + y[:1]
    ),
    _fault(
        output_of,
        "input_activated",
        "applies the activation of a hidden layer to the input: a relu",
        before=lambda x: np.maximum(x, 0),
    ),
    _fault(
        output_of,
        "input_scaled",
        "normalizes the input: it divides by the largest magnitude",
        before=lambda x: x / (np.max(np.abs(x), initial=0) or 1.0),
    ),
    _fault(
        output_of,
        "last_layer_only",
        "returns the output of the layer before the last where the widths agree",
        layer=lambda h, w, b, i, last: h if i == last > 0 and w.shape[0] == w.shape[1] else h @ w + b,
    ),
)


def _mean_bias(dz: Array) -> Array:
    return dz.mean(axis=0)


def _clipped(a: Array) -> Array:
    return np.clip(a, -1.0, 1.0)


def _norm_clipped(dws: Layers, dbs: Layers, args: Arguments) -> tuple[Layers, Layers]:
    norm = np.sqrt(sum(float(np.sum(a * a)) for a in (*dws, *dbs)))
    scale = min(1.0, 1.0 / norm) if norm > 0 else 1.0
    return [a * scale for a in dws], [a * scale for a in dbs]


def _all(function: Callable[[Array], Array]) -> Callable[[Layers, Layers, Arguments], tuple[Layers, Layers]]:
    return lambda dws, dbs, args: ([function(a) for a in dws], [function(a) for a in dbs])


def _weights(function: Callable[[Array], Array]) -> Callable[[Layers, Layers, Arguments], tuple[Layers, Layers]]:
    return lambda dws, dbs, args: ([function(a) for a in dws], dbs)


def _zero(a: Array) -> Array:
    return np.zeros(a.shape)


def _from_wrong_layer(step: int) -> Callable[[Array, Pass, int, Callable[[int], Array]], Array]:
    """Take the derivative of another layer where it has the same width."""

    def chain(dh: Array, done: Pass, i: int, slope: Callable[[int], Array]) -> Array:
        other = i + step
        if 0 <= other < len(done.sums) and done.sums[other].shape == dh.shape:
            return np.asarray(dh * slope(other))
        return np.asarray(dh * slope(i))

    return chain


def _scaled_loss(factor: Callable[[tuple[int, ...]], float]) -> dict[str, Any]:
    return {"loss": lambda y, t, s: 2 * (y - t) / count(y.shape, s) * factor(y.shape)}


def _updated(rate: float) -> dict[str, Any]:
    return {"back": lambda dz, w, dw: dz @ (w - rate * dw).T}


def _relu_only(slope: Callable[[Array], Array]) -> dict[str, Any]:
    return {"slope": lambda name, z, h: slope(z) if name == "relu" else _slope(name, z, h)}


def _tanh_only(slope: Callable[[Array, Array], Array]) -> dict[str, Any]:
    return {"slope": lambda name, z, h: slope(z, h) if name == "tanh" else _slope(name, z, h)}


def _decayed(rate: float) -> dict[str, Any]:
    return {"finish": lambda dws, dbs, args: ([dw + rate * w for dw, w in zip(dws, args[0], strict=True)], dbs)}


_G = gradients_of

GRADIENT_FAULTS = (
    *_both(_G),
    _fault(_G, "halved", "misses the factor 2 of the loss", **_scaled_loss(lambda shape: 0.5)),
    _fault(_G, "doubled", "has the factor 2 of the loss twice", **_scaled_loss(lambda shape: 2.0)),
    _fault(_G, "negated", "has the other sign", **_scaled_loss(lambda shape: -1.0)),
    _fault(_G, "batch_divided_again", "divides by the batch once more", **_scaled_loss(lambda shape: 1 / shape[0])),
    _fault(
        _G, "batch_not_divided", "does not divide by the batch: times its size", **_scaled_loss(lambda shape: shape[0])
    ),
    _fault(_G, "difference", "begins with output - target: no factor 2, no division", loss=lambda y, t, s: y - t),
    _fault(
        _G,
        "difference_per_example",
        "begins with (output - target) / batch: no factor 2",
        loss=lambda y, t, s: (y - t) / len(y),
    ),
    _fault(
        _G, "divided_by_last", "divides by the number of outputs alone", loss=lambda y, t, s: 2 * (y - t) / y.shape[1]
    ),
    _fault(
        _G,
        "of_mae",
        "is the gradient of the mean absolute error",
        loss=lambda y, t, s: np.sign(y - t) / count(y.shape, s),
    ),
    _fault(
        _G,
        "loss_clipped",
        "clips output - target to [-1, 1]",
        loss=lambda y, t, s: 2 * _clipped(y - t) / count(y.shape, s),
    ),
    _fault(_G, "target_ignored", "ignores the target", loss=lambda y, t, s: 2 * y / count(y.shape, s)),
    _fault(
        _G,
        "cross_entropy",
        "begins with softmax(output) - target",
        loss=lambda y, t, s: 2 * (_softmax(y) - t) / count(y.shape, s),
    ),
    _fault(_G, "bias_mean", "takes the mean over the batch for the bias gradients", bias=_mean_bias),
    _fault(
        _G,
        "bias_summed_over_units",
        "sums the bias gradients over the units too: one number for the whole layer",
        bias=lambda dz: np.full(dz.shape[1], dz.sum()),
    ),
    _fault(
        _G,
        "bias_mean_over_units",
        "gives every unit of a layer the mean of their bias gradients",
        bias=lambda dz: np.full(dz.shape[1], dz.sum() / dz.shape[1]),
    ),
    _fault(
        _G,
        "bias_of_first_unit",
        "gives every unit of a layer the bias gradient of the first one",
        bias=lambda dz: np.full(dz.shape[1], dz.sum(axis=0)[0]),
    ),
    _fault(_G, "bias_of_first", "takes the first example's bias gradients for the whole batch", bias=lambda dz: dz[0]),
    _fault(_G, "bias_of_last", "takes the last example's bias gradients for the whole batch", bias=lambda dz: dz[-1]),
    _fault(_G, "bias_zero", "gives 0 for the bias gradients", bias=lambda dz: np.zeros(dz.shape[1])),
    _fault(_G, "bias_negated", "gives the bias gradients with the other sign", bias=lambda dz: -dz.sum(axis=0)),
    _fault(
        _G,
        "bias_across",
        "sums the bias gradients over the units and not over the batch where the shapes allow it",
        bias=lambda dz: dz.sum(axis=1) if dz.shape[0] == dz.shape[1] else dz.sum(axis=0),
    ),
    _fault(_G, "bias_halved", "gives half of the bias gradients", bias=lambda dz: dz.sum(axis=0) / 2),
    _fault(
        _G,
        "weight_mean",
        "takes the mean over the batch for the weight gradients",
        weight=lambda h, dz: h.T @ dz / len(dz),
    ),
    _fault(
        _G,
        "weight_of_first",
        "takes the first example's weight gradients for the whole batch",
        weight=lambda h, dz: h[:1].T @ dz[:1],
    ),
    _fault(
        _G,
        "weight_of_last",
        "takes the last example's weight gradients for the whole batch",
        weight=lambda h, dz: h[-1:].T @ dz[-1:],
    ),
    _fault(
        _G,
        "weight_without_input",
        "leaves the input out of the weight gradients",
        weight=lambda h, dz: np.ones(h.shape).T @ dz,
    ),
    _fault(
        _G,
        "weight_of_magnitudes",
        "takes the magnitudes of the inputs for the weight gradients",
        weight=lambda h, dz: np.abs(h).T @ dz,
    ),
    _fault(
        _G,
        "weight_transposed",
        "transposes the gradients of square weight matrices",
        weight=lambda h, dz: (h.T @ dz).T if h.shape[1] == dz.shape[1] else h.T @ dz,
    ),
    _fault(_G, "weight_row_major", "writes each weight gradient as (outputs, inputs)", weight=lambda h, dz: dz.T @ h),
    _fault(_G, "weight_zero", "gives 0 for the weight gradients", finish=_weights(_zero)),
    _fault(_G, "weight_negated", "gives the weight gradients with the other sign", finish=_weights(np.negative)),
    _fault(
        _G,
        "back_transposed",
        "goes back through W and not W^T where W is square",
        back=lambda dz, w, dw: dz @ (w if w.shape[0] == w.shape[1] else w.T),
    ),
    _fault(
        _G,
        "back_without_weights",
        "goes back without the weights: every input gets the sum",
        back=lambda dz, w, dw: dz @ np.ones(w.shape).T,
    ),
    _fault(
        _G,
        "back_magnitudes",
        "goes back through the magnitudes of the weights",
        back=lambda dz, w, dw: dz @ np.abs(w).T,
    ),
    _fault(_G, "updated_01", "goes back through weights that are already updated (learning rate 0.1)", **_updated(0.1)),
    _fault(
        _G, "updated_001", "goes back through weights that are already updated (learning rate 0.01)", **_updated(0.01)
    ),
    _fault(_G, "updated_1", "goes back through weights that are already updated (learning rate 1)", **_updated(1.0)),
    _fault(_G, "at_zero_1", "gives relu the derivative 1 at 0", **_relu_only(lambda z: (z >= 0) * 1.0)),
    _fault(_G, "at_zero_half", "gives relu the derivative 1/2 at 0", **_relu_only(lambda z: np.heaviside(z, 0.5))),
    _fault(_G, "no_derivative", "leaves out the activation's derivative", slope=lambda name, z, h: np.ones(z.shape)),
    _fault(
        _G,
        "mask_of_gradient",
        "masks by the sign of the gradient and not of z",
        chain=lambda dh, p, i, s: np.maximum(dh, 0.0),
    ),
    _fault(
        _G,
        "mask_of_both",
        "also drops negative gradients (guided backpropagation)",
        chain=lambda dh, p, i, s: np.maximum(dh, 0.0) * s(i),
    ),
    _fault(
        _G,
        "slope_of_layer_below",
        "takes the activation's derivative from the layer below where the widths agree",
        chain=_from_wrong_layer(-1),
    ),
    _fault(
        _G,
        "slope_of_layer_above",
        "takes the activation's derivative from the layer above where the widths agree",
        chain=_from_wrong_layer(1),
    ),
    _fault(
        _G,
        "slope_of_first_example",
        "takes the activation's derivative from the first example for all",
        chain=lambda dh, p, i, s: dh * s(i)[:1],
    ),
    _fault(
        _G,
        "mask_inverted",
        "lets gradients through where relu is off and not where it is on",
        **_relu_only(lambda z: (z <= 0) * 1.0),
    ),
    _fault(_G, "mask_of_nonzero", "masks relu by z != 0 and not z > 0", **_relu_only(lambda z: (z != 0) * 1.0)),
    _fault(_G, "slope_leaky", "gives relu the derivative 0.01 below 0", slope=_leaky_slope(0.01)),
    _fault(
        _G,
        "tanh_without_square",
        "takes 1 - h and not 1 - h^2 for the derivative of tanh",
        **_tanh_only(lambda z, h: 1 - h),
    ),
    _fault(
        _G,
        "tanh_of_z",
        "takes 1 - z^2 and not 1 - h^2 for the derivative of tanh",
        **_tanh_only(lambda z, h: 1 - z * z),
    ),
    _fault(
        _G,
        "tanh_twice",
        "takes 1 - tanh(h)^2, of the activated value, for the derivative of tanh",
        **_tanh_only(lambda z, h: 1 - np.tanh(h) ** 2),
    ),
    _fault(
        _G,
        "tanh_as_sigmoid",
        "takes h (1 - h), the derivative of a sigmoid, for that of tanh",
        **_tanh_only(lambda z, h: h * (1 - h)),
    ),
    _fault(_G, "tanh_plus", "takes 1 + h^2 for the derivative of tanh", **_tanh_only(lambda z, h: 1 + h * h)),
    _fault(
        _G,
        "tanh_square_root",
        "takes 1 - h^2 twice for the derivative of tanh",
        **_tanh_only(lambda z, h: (1 - h * h) ** 2),
    ),
    _fault(
        _G,
        "only_last_layer",
        "gives 0 for all layers but the last",
        finish=lambda dws, dbs, args: ([*map(_zero, dws[:-1]), dws[-1]], [*map(_zero, dbs[:-1]), dbs[-1]]),
    ),
    _fault(
        _G,
        "first_layer_zero",
        "gives 0 for the first of several layers",
        finish=lambda dws, dbs, args: (
            (dws, dbs) if len(dws) == 1 else ([_zero(dws[0]), *dws[1:]], [_zero(dbs[0]), *dbs[1:]])
        ),
    ),
    _fault(_G, "decay_01", "adds a weight decay of 0.1", **_decayed(0.1)),
    _fault(_G, "decay_001", "adds a weight decay of 0.01", **_decayed(0.01)),
    _fault(_G, "decay_0001", "adds a weight decay of 0.0001", **_decayed(0.0001)),
    _fault(_G, "clipped", "clips the gradients to [-1, 1]", finish=_all(_clipped)),
    _fault(_G, "norm_clipped", "scales the gradients down to a norm of 1", finish=_norm_clipped),
    _fault(_G, "magnitude", "gives the magnitudes of the gradients", finish=_all(np.abs)),
)

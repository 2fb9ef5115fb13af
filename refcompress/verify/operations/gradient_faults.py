"""The wrong gradients of ``mlp_gradients``: a right forward pass, and a backward pass with one thing done otherwise."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.operation import Arguments
from refcompress.verify.operations.network_faults import (
    Layers,
    Pass,
    common_faults,
    count,
    fault_of,
    gradients_of,
    leaky_slope,
    slope_of,
    softmax,
)


def _mean_bias(dz: Array) -> Array:
    return np.asarray(dz.sum(axis=0) / max(len(dz), 1))


def _clipped(a: Array) -> Array:
    return np.asarray(np.clip(a, -1.0, 1.0))


def _norm_clipped(dws: Layers, dbs: Layers, args: Arguments) -> tuple[Layers, Layers]:
    norm = np.sqrt(sum(float(np.sum(a * a)) for a in (*dws, *dbs)))
    scale = 1.0 / max(norm, 1.0)
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
        if other >= 0 and done.sums[other].shape == dh.shape:
            return np.asarray(dh * slope(other))
        return np.asarray(dh * slope(i))

    return chain


def _scaled_loss(factor: Callable[[tuple[int, ...]], float]) -> dict[str, Any]:
    return {"loss": lambda y, t, s: 2 * (y - t) / count(y.shape, s) * factor(y.shape)}


def _updated(rate: float) -> dict[str, Any]:
    return {"back": lambda dz, w, dw: dz @ (w - rate * dw).T}


def _relu_only(slope: Callable[[Array], Array]) -> dict[str, Any]:
    return {"slope": lambda name, z, h: slope(z) if name == "relu" else slope_of(name, z, h)}


def _tanh_only(slope: Callable[[Array, Array], Array]) -> dict[str, Any]:
    return {"slope": lambda name, z, h: slope(z, h) if name == "tanh" else slope_of(name, z, h)}


def _decayed(rate: float) -> dict[str, Any]:
    return {"finish": lambda dws, dbs, args: ([dw + rate * w for dw, w in zip(dws, args[0], strict=True)], dbs)}


_G = gradients_of

GRADIENT_FAULTS = (
    *common_faults(_G),
    fault_of(_G, "halved", "misses the factor 2 of the loss", **_scaled_loss(lambda shape: 0.5)),
    fault_of(_G, "doubled", "has the factor 2 of the loss twice", **_scaled_loss(lambda shape: 2.0)),
    fault_of(_G, "negated", "has the other sign", **_scaled_loss(lambda shape: -1.0)),
    fault_of(
        _G, "batch_divided_again", "divides by the batch once more", **_scaled_loss(lambda shape: 1 / max(shape[0], 1))
    ),
    fault_of(
        _G, "batch_not_divided", "does not divide by the batch: times its size", **_scaled_loss(lambda shape: shape[0])
    ),
    fault_of(_G, "difference", "begins with output - target: no factor 2, no division", loss=lambda y, t, s: y - t),
    fault_of(
        _G,
        "difference_per_example",
        "begins with (output - target) / batch: no factor 2",
        loss=lambda y, t, s: (y - t) / len(y),
    ),
    fault_of(
        _G, "divided_by_last", "divides by the number of outputs alone", loss=lambda y, t, s: 2 * (y - t) / y.shape[1]
    ),
    fault_of(
        _G,
        "of_mae",
        "is the gradient of the mean absolute error",
        loss=lambda y, t, s: np.sign(y - t) / count(y.shape, s),
    ),
    fault_of(
        _G,
        "loss_clipped",
        "clips output - target to [-1, 1]",
        loss=lambda y, t, s: 2 * _clipped(y - t) / count(y.shape, s),
    ),
    fault_of(_G, "target_ignored", "ignores the target", loss=lambda y, t, s: 2 * y / count(y.shape, s)),
    fault_of(
        _G,
        "cross_entropy",
        "begins with softmax(output) - target",
        loss=lambda y, t, s: 2 * (softmax(y) - t) / count(y.shape, s),
    ),
    fault_of(_G, "bias_mean", "takes the mean over the batch for the bias gradients", bias=_mean_bias),
    fault_of(
        _G,
        "bias_summed_over_units",
        "sums the bias gradients over the units too: one number for the whole layer",
        bias=lambda dz: np.full(dz.shape[1], dz.sum()),
    ),
    fault_of(
        _G,
        "bias_mean_over_units",
        "gives every unit of a layer the mean of their bias gradients",
        bias=lambda dz: np.full(dz.shape[1], dz.sum() / dz.shape[1]),
    ),
    fault_of(
        _G,
        "bias_of_first_unit",
        "gives every unit of a layer the bias gradient of the first one",
        bias=lambda dz: np.full(dz.shape[1], dz.sum(axis=0)[0]),
    ),
    fault_of(
        _G,
        "bias_of_first",
        "takes the first example's bias gradients for the whole batch",
        bias=lambda dz: dz[:1].sum(axis=0),
    ),
    fault_of(
        _G,
        "bias_of_last",
        "takes the last example's bias gradients for the whole batch",
        bias=lambda dz: dz[-1:].sum(axis=0),
    ),
    fault_of(_G, "bias_zero", "gives 0 for the bias gradients", bias=lambda dz: np.zeros(dz.shape[1])),
    fault_of(_G, "bias_negated", "gives the bias gradients with the other sign", bias=lambda dz: -dz.sum(axis=0)),
    fault_of(
        _G,
        "bias_summed_across",
        "sums the bias gradients over the units and not over the batch where the shapes allow it",
        bias=lambda dz: dz.sum(axis=1) if dz.shape[0] == dz.shape[1] else dz.sum(axis=0),
    ),
    fault_of(_G, "bias_halved", "gives half of the bias gradients", bias=lambda dz: dz.sum(axis=0) / 2),
    fault_of(
        _G,
        "weight_mean",
        "takes the mean over the batch for the weight gradients",
        weight=lambda h, dz: h.T @ dz / max(len(dz), 1),
    ),
    fault_of(
        _G,
        "weight_of_first",
        "takes the first example's weight gradients for the whole batch",
        weight=lambda h, dz: h[:1].T @ dz[:1],
    ),
    fault_of(
        _G,
        "weight_of_last",
        "takes the last example's weight gradients for the whole batch",
        weight=lambda h, dz: h[-1:].T @ dz[-1:],
    ),
    fault_of(
        _G,
        "weight_without_input",
        "leaves the input out of the weight gradients",
        weight=lambda h, dz: np.ones(h.shape).T @ dz,
    ),
    fault_of(
        _G,
        "weight_of_magnitudes",
        "takes the magnitudes of the inputs for the weight gradients",
        weight=lambda h, dz: np.abs(h).T @ dz,
    ),
    fault_of(
        _G,
        "weight_transposed",
        "transposes the gradients of square weight matrices",
        weight=lambda h, dz: (h.T @ dz).T if h.shape[1] == dz.shape[1] else h.T @ dz,
    ),
    fault_of(_G, "weight_row_major", "writes each weight gradient as (outputs, inputs)", weight=lambda h, dz: dz.T @ h),
    fault_of(_G, "weight_zero", "gives 0 for the weight gradients", finish=_weights(_zero)),
    fault_of(_G, "weight_negated", "gives the weight gradients with the other sign", finish=_weights(np.negative)),
    fault_of(
        _G,
        "back_transposed",
        "goes back through W and not W^T where W is square",
        back=lambda dz, w, dw: dz @ (w if w.shape[0] == w.shape[1] else w.T),
    ),
    fault_of(
        _G,
        "back_without_weights",
        "goes back without the weights: every input gets the sum",
        back=lambda dz, w, dw: dz @ np.ones(w.shape).T,
    ),
    fault_of(
        _G,
        "back_magnitudes",
        "goes back through the magnitudes of the weights",
        back=lambda dz, w, dw: dz @ np.abs(w).T,
    ),
    fault_of(
        _G, "updated_01", "goes back through weights that are already updated (learning rate 0.1)", **_updated(0.1)
    ),
    fault_of(
        _G, "updated_001", "goes back through weights that are already updated (learning rate 0.01)", **_updated(0.01)
    ),
    fault_of(_G, "updated_1", "goes back through weights that are already updated (learning rate 1)", **_updated(1.0)),
    fault_of(_G, "at_zero_1", "gives relu the derivative 1 at 0", **_relu_only(lambda z: (z >= 0) * 1.0)),
    fault_of(_G, "at_zero_half", "gives relu the derivative 1/2 at 0", **_relu_only(lambda z: np.heaviside(z, 0.5))),
    fault_of(_G, "no_derivative", "leaves out the activation's derivative", slope=lambda name, z, h: np.ones(z.shape)),
    fault_of(
        _G,
        "mask_of_gradient",
        "masks by the sign of the gradient and not of z",
        chain=lambda dh, p, i, s: np.maximum(dh, 0.0),
    ),
    fault_of(
        _G,
        "mask_of_both",
        "also drops negative gradients (guided backpropagation)",
        chain=lambda dh, p, i, s: np.maximum(dh, 0.0) * s(i),
    ),
    fault_of(
        _G,
        "slope_of_layer_below",
        "takes the activation's derivative from the layer below where the widths agree",
        chain=_from_wrong_layer(-1),
    ),
    fault_of(
        _G,
        "slope_of_layer_above",
        "takes the activation's derivative from the layer above where the widths agree",
        chain=_from_wrong_layer(1),
    ),
    fault_of(
        _G,
        "slope_of_first_example",
        "takes the activation's derivative from the first example for all",
        chain=lambda dh, p, i, s: dh * s(i)[:1],
    ),
    fault_of(
        _G,
        "mask_inverted",
        "lets gradients through where relu is off and not where it is on",
        **_relu_only(lambda z: (z <= 0) * 1.0),
    ),
    fault_of(_G, "mask_of_nonzero", "masks relu by z != 0 and not z > 0", **_relu_only(lambda z: (z != 0) * 1.0)),
    fault_of(_G, "slope_leaky", "gives relu the derivative 0.01 below 0", slope=leaky_slope(0.01)),
    fault_of(
        _G,
        "tanh_without_square",
        "takes 1 - h and not 1 - h^2 for the derivative of tanh",
        **_tanh_only(lambda z, h: 1 - h),
    ),
    fault_of(
        _G,
        "tanh_of_z",
        "takes 1 - z^2 and not 1 - h^2 for the derivative of tanh",
        **_tanh_only(lambda z, h: 1 - z * z),
    ),
    fault_of(
        _G,
        "tanh_twice",
        "takes 1 - tanh(h)^2, of the activated value, for the derivative of tanh",
        **_tanh_only(lambda z, h: 1 - np.tanh(h) ** 2),
    ),
    fault_of(
        _G,
        "tanh_as_sigmoid",
        "takes h (1 - h), the derivative of a sigmoid, for that of tanh",
        **_tanh_only(lambda z, h: h * (1 - h)),
    ),
    fault_of(_G, "tanh_plus", "takes 1 + h^2 for the derivative of tanh", **_tanh_only(lambda z, h: 1 + h * h)),
    fault_of(
        _G,
        "tanh_square_root",
        "takes 1 - h^2 twice for the derivative of tanh",
        **_tanh_only(lambda z, h: (1 - h * h) ** 2),
    ),
    fault_of(
        _G,
        "only_last_layer",
        "gives 0 for all layers but the last",
        finish=lambda dws, dbs, args: ([*map(_zero, dws[:-1]), dws[-1]], [*map(_zero, dbs[:-1]), dbs[-1]]),
    ),
    fault_of(
        _G,
        "first_layer_zero",
        "gives 0 for the first of several layers",
        finish=lambda dws, dbs, args: (
            (dws, dbs) if len(dws) == 1 else ([_zero(dws[0]), *dws[1:]], [_zero(dbs[0]), *dbs[1:]])
        ),
    ),
    fault_of(_G, "decay_01", "adds a weight decay of 0.1", **_decayed(0.1)),
    fault_of(_G, "decay_001", "adds a weight decay of 0.01", **_decayed(0.01)),
    fault_of(_G, "decay_0001", "adds a weight decay of 0.0001", **_decayed(0.0001)),
    fault_of(_G, "clipped", "clips the gradients to [-1, 1]", finish=_all(_clipped)),
    fault_of(_G, "norm_clipped", "scales the gradients down to a norm of 1", finish=_norm_clipped),
    fault_of(_G, "magnitude", "gives the magnitudes of the gradients", finish=_all(np.abs)),
)

"""Four implementations as people write them, for ``refcompress demo``: one is right, three are wrong in common ways."""

import numpy as np

from refcompress.arguments import Array


def quantize_in_float64(x: Array, p: int) -> Array:
    """Quantize to 8 bits: right, since float64 holds every product of a float32 with a moderate power of two."""
    return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127).astype(np.int8)


def quantize_plus_half(x: Array, p: int) -> Array:
    """Quantize to 8 bits as floor(v + 0.5), which many texts call rounding."""
    return np.clip(np.floor(np.ldexp(x.astype(np.float64), p) + 0.5), -128, 127).astype(np.int8)


def sparsify_by_threshold(x: Array, k: int) -> Array:
    """Keep what is as large as the k-th largest magnitude: with ties that is more than k."""
    if k == 0:
        return np.zeros_like(x)
    threshold = np.sort(np.abs(x), axis=None)[-k]
    return np.where(np.abs(x) >= threshold, x, np.zeros_like(x))


def gradients_with_mean_bias(
    weights: list[Array], biases: list[Array], x: Array, target: Array
) -> tuple[list[Array], list[Array]]:
    """Backpropagate mse through relu layers, with the bias gradient as a mean over the batch: it must be the sum."""
    inputs, z = [x], x
    for w, b in zip(weights, biases, strict=True):
        z = inputs[-1] @ w + b
        inputs.append(np.maximum(z, 0))
    dz = 2 * (z - target) / z.size
    dweights: list[Array] = []
    dbiases: list[Array] = []
    for number in reversed(range(len(weights))):
        dweights.insert(0, inputs[number].T @ dz)
        dbiases.insert(0, dz.mean(axis=0))
        dz = (dz @ weights[number].T) * (inputs[number] > 0)
    return dweights, dbiases

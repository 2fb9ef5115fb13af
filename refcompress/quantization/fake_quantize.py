"""Fake quantization: x' = (q - z) * s with q = round(x / s) + z, in floats; and its gradients, straight through.

Training with it sees the error of quantization. The staircase has slope 0 almost everywhere, so that the gradient of
the identity is taken in its place, inside the range of the codes; outside it is 0. Where exactly the range ends is a
convention that libraries do not share: see ``mask`` and ``boundary``.
"""

import math

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.quantization import channels
from refcompress.quantization.affine import (
    Convention,
    dequantize_by,
    prepared,
    quantize_by,
    unclipped,
)

MASK = ("code", "value")
BOUNDARY = ("pass", "zero")


def fake_quantize(
    x: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    rounding: str = "half_even",
    overflow: str = "saturate",
    narrow_range: bool = False,
    scaling: str = "divide",
    zero_point_added: str = "after_rounding",
    axis: int | None = None,
    block_size: int | None = None,
) -> Array:
    """Quantize and dequantize: x' = (q - z) * s, with q = round(x / s) + z brought into range.

    The product is rounded once to the dtype of the result.

    Parameters
    ----------
    x, scale, zero_point : array_like
        As for ``affine_quantize``, and so are the settings.

    Returns
    -------
    numpy.ndarray
        Floats of the shape of x, of the dtype that NumPy promotes x and the scale to (a Python number takes that of x).

    Raises
    ------
    ValueError, TypeError
        As ``affine_quantize``.

    See Also
    --------
    fake_quantize_gradient : The gradient with respect to x.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 3, 2018.

    Examples
    --------
    >>> fake_quantize([0.26, -0.74, 100.0], 0.5, 0)
    array([ 0.5, -0.5, 63.5])
    """
    by = Convention(
        bits, signed, rounding, overflow, narrow_range, scaling, zero_point_added, axis=axis, block_size=block_size
    )
    array = arguments.float_array(x, "x")
    codes = quantize_by(array, scale, zero_point, by)
    dtype = channels.common_dtype(array, scale)
    return dequantize_by(codes, scale, zero_point, dtype, axis, block_size)


def fake_quantize_gradient(
    x: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    upstream: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    rounding: str = "half_even",
    overflow: str = "saturate",
    narrow_range: bool = False,
    scaling: str = "divide",
    zero_point_added: str = "after_rounding",
    axis: int | None = None,
    block_size: int | None = None,
    boundary: str = "pass",
    mask: str = "code",
) -> Array:
    """Pass a gradient straight through where x is in range: dL/dx = dL/dx' inside, and +0 outside.

    With mask="code", inside is q_min <= round(x / s) + z <= q_max, before any clipping; with mask="value" it is
    x'_min <= x <= x'_max, where x'_min and x'_max are what q_min and q_max stand for, in the dtype of
    ``fake_quantize``. boundary="pass" counts both ends as inside, boundary="zero" neither.

    Parameters
    ----------
    x, scale, zero_point : array_like
        As for ``affine_quantize``, with its settings; an infinite x is outside. ``overflow`` has no effect.
    upstream : array_like
        The gradient dL/dx', floats of the shape of x.
    boundary : str
        pass (default) or zero.
    mask : str
        code (default) or value.

    Returns
    -------
    numpy.ndarray
        The gradient dL/dx, of the dtype and shape of the upstream; what is passed is passed bit for bit.

    Raises
    ------
    ValueError, TypeError
        As ``affine_quantize``; for an upstream of another shape.

    References
    ----------
    Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
    Computation", section 2.3, 2013.

    Examples
    --------
    >>> fake_quantize_gradient([126.0, 127.0, 127.3, 127.6], 1.0, 0, [1.0, 2.0, 3.0, 4.0])
    array([1., 2., 3., 0.])
    >>> fake_quantize_gradient([126.0, 127.0, 127.3, 127.6], 1.0, 0, [1.0, 2.0, 3.0, 4.0], mask="value")
    array([1., 2., 0., 0.])
    """
    by = Convention(
        bits, signed, rounding, overflow, narrow_range, scaling, zero_point_added, axis=axis, block_size=block_size
    )
    arguments.choice(boundary, "boundary", BOUNDARY)
    arguments.choice(mask, "mask", MASK)
    array, gradient = _pair(x, upstream)
    inside = (_codes_inside if mask == "code" else _values_inside)(array, scale, zero_point, by, boundary)
    passed = np.zeros(gradient.shape, gradient.dtype)
    np.copyto(passed, gradient, where=inside)
    return passed


def lsq_scale_gradient(
    x: npt.ArrayLike,
    scale: npt.ArrayLike,
    upstream: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    narrow_range: bool = False,
    gradient_scale: bool = True,
) -> float:
    """Return the gradient of a loss with respect to the step size, of learned step size quantization.

    dL/ds = g * sum_i dL/dx'_i * d_i, with d_i = round(x_i / s) - x_i / s where x_i / s lies strictly between q_min
    and q_max, and d_i = q_min or q_max beyond; g = 1 / sqrt(n * q_max) evens out the step of the scale with those of
    the n weights.

    The quotients are those of float64, and so is the sum, whose error is at most n * 2^-52 times the sum of the
    absolute terms.

    Parameters
    ----------
    x : array_like
        n finite floats, of any shape.
    scale : array_like
        One positive number.
    upstream : array_like
        The gradient dL/dx', of the shape of x.
    bits, signed, narrow_range
        As for ``affine_quantize``; there is no zero point.
    gradient_scale : bool
        Whether to multiply by g; default True.

    Returns
    -------
    float
        The gradient; 0 for an empty x.

    Raises
    ------
    ValueError
        For values that are not finite, a scale that is not positive, or shapes that differ.
    TypeError
        For what holds no numbers.

    References
    ----------
    Esser et al., "Learned Step Size Quantization", sections 2.1 and 2.2, 2020.

    Examples
    --------
    >>> lsq_scale_gradient([0.3, 5.0], 1.0, [1.0, 1.0], bits=3, gradient_scale=False)
    2.7
    """
    by = Convention(bits, signed, narrow_range=narrow_range)
    array, gradient = _pair(x, upstream)
    arguments.finite(array, "x", "quantized")
    arguments.finite(gradient, "upstream", "a gradient")
    step = float(channels.checked_scale(scale, (), np.dtype(np.float64)).item())
    low, high = by.ends
    with np.errstate(over="ignore", under="ignore"):
        quotient = np.clip(array.astype(np.float64) / step, low, high)
    slope = np.where(quotient == low, low, np.where(quotient == high, high, np.rint(quotient) - quotient))
    scaled = arguments.boolean(gradient_scale, "gradient_scale")
    g = 1 / math.sqrt(array.size * high) if scaled and array.size else 1.0
    return g * _sum_of_products(slope, gradient.astype(np.float64))


def _sum_of_products(a: Array, b: Array) -> float:
    """Return sum a_i b_i; where that overflows on the way, of b 2^-128, which loses less than the sum's own error."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        total = np.sum(a * b)
        return float(total if np.isfinite(total) else np.sum(a * np.ldexp(b, -128)) * 2.0**128)


def _pair(x: npt.ArrayLike, upstream: npt.ArrayLike) -> tuple[Array, Array]:
    array, gradient = arguments.float_array(x, "x"), arguments.float_array(upstream, "upstream")
    arguments.same_shape(array, gradient, "x", "upstream")
    arguments.not_nan(array, "x", "quantized")
    return array, gradient


def _codes_inside(x: Array, scale: npt.ArrayLike, zero_point: npt.ArrayLike, by: Convention, boundary: str) -> Array:
    array, s, z, dtype = prepared(x, scale, zero_point, by)
    inside, flat = np.empty(array.size, np.bool_), array.reshape(-1)
    runs, _ = channels.arrange(array.shape, by.axis, by.block_size)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for where, shape, (step, zero) in channels.pieces(runs, s, z):
            q = unclipped(flat[where].reshape(shape), step, zero, dtype, by)
            inside[where].reshape(shape)[...] = _between(q, *by.ends, boundary)
    return inside.reshape(array.shape)


def _values_inside(x: Array, scale: npt.ArrayLike, zero_point: npt.ArrayLike, by: Convention, boundary: str) -> Array:
    prepared(x, scale, zero_point, by)  # the checks alone
    dtype = channels.common_dtype(x, scale)
    low, high = (
        dequantize_by(np.full(x.shape, code), scale, zero_point, dtype, by.axis, by.block_size) for code in by.ends
    )
    value = x.astype(dtype)
    # an end may be infinite, and no such x is inside
    return np.asarray(_between(value, low, high, boundary) & np.isfinite(value))


def _between(value: Array, low: npt.ArrayLike, high: npt.ArrayLike, boundary: str) -> Array:
    if boundary == "pass":
        return np.asarray((value >= low) & (value <= high))
    return np.asarray((value > low) & (value < high))

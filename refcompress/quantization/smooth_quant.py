"""SmoothQuant: move the size of a layer's outlying inputs into its weights, where the codes cope with it.

A layer computes X @ W, with X (n, inputs) and W (inputs, outputs). Divide column j of X by s_j, multiply row j of W by
it: the product stays, and both factors can be made easy to quantize. Where X is what relu gave of the layer before,
the division costs nothing: divide that layer's columns and biases, since relu(z) / s = relu(z / s).
"""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.rounding import narrow


def smoothing_scales(
    x_max: npt.ArrayLike, w: npt.ArrayLike, *, alpha: float = 0.5, powers_of_two: bool = False
) -> Array:
    """Return what to divide every input by: s_j = max|X_j|^alpha / max|W_j|^(1 - alpha).

    At alpha = 1/2 column j of X / s and row j of s W have one largest magnitude, sqrt(max|X_j| max|W_j|).

    Parameters
    ----------
    x_max : array_like of shape (inputs,)
        max|X_j|, the largest magnitude of every input on calibration data, finite and at least 0.
    w : array_like of shape (inputs, outputs)
        Finite weights; those of layers with one input, side by side, share their s.
    alpha : float
        How much of the burden the weights take: from 0, where every row of s W has the largest magnitude 1, to 1,
        where every column of X / s has; default 1/2.
    powers_of_two : bool
        Round s, as float64 has it, to the power of two that is nearest in the exponent; default False.

    Returns
    -------
    numpy.ndarray of float64, shape (inputs,)
        Positive and finite; 1 where the input or its weights are all 0, and nothing has to be moved.

    Raises
    ------
    ValueError
        For values that are not finite, a negative maximum, shapes that do not fit, an alpha outside 0 to 1, or an s
        past the ends of float64.
    TypeError
        For what holds no numbers.

    References
    ----------
    Xiao, Lin, Seznec, Wu, Demouth and Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large
    Language Models", section 4, equation 4, 2022.

    Examples
    --------
    >>> smoothing_scales([16.0, 1.0, 0.0], [[1.0, -0.25], [4.0, 1.0], [2.0, 2.0]])
    array([4. , 0.5, 1. ])
    """
    largest = arguments.finite_array(x_max, "x_max", "used").astype(np.float64)
    weights = _matrix(w, "w").astype(np.float64)
    if largest.shape != weights.shape[:1]:
        raise ValueError(f"x_max has shape {largest.shape}: w has {len(weights)} inputs, one value each is needed")
    if (largest < 0).any():
        arguments.refuse_element("x_max", largest, largest < 0, "a largest magnitude is at least 0")
    share = arguments.real_number(alpha, "alpha", 0, 1)
    arguments.boolean(powers_of_two, "powers_of_two")
    heaviest = np.abs(weights).max(axis=1, initial=0)
    idle = (largest == 0) | (heaviest == 0)
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        s = np.where(idle, 1.0, largest**share / heaviest ** (1 - share))
    if powers_of_two:
        fraction, exponent = np.frexp(s)  # 1/2 <= fraction < 1; the float below is past sqrt(1/2), which is none
        s = np.ldexp(1.0, exponent - (fraction < np.sqrt(0.5)))
    wrong = ~np.isfinite(s) | (s == 0)
    if wrong.any():
        arguments.refuse_element("x_max", largest, wrong, "with these weights its scale is past the ends of float64")
    return np.asarray(s)


def smooth(x: npt.ArrayLike, w: npt.ArrayLike, s: npt.ArrayLike) -> tuple[Array, Array]:
    """Divide the columns of X and multiply the rows of W: (X / s) @ (s W) = X @ W.

    The two products are equal in exact arithmetic. With powers of two for s they are equal to the bit in floats, as
    long as nothing overflows or underflows: every term of every sum is the same number.

    Parameters
    ----------
    x : array_like of shape (n, inputs)
        Finite inputs.
    w : array_like of shape (inputs, outputs)
        Finite weights.
    s : array_like of shape (inputs,)
        Positive and finite: see ``smoothing_scales``.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        X / s and s W, computed in float64 and rounded once to the dtype of x and of w (float64 for integers).

    Raises
    ------
    ValueError
        For values that are not finite, an s that is not positive, or shapes that do not fit.
    TypeError
        For what holds no numbers.

    References
    ----------
    Xiao, Lin, Seznec, Wu, Demouth and Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large
    Language Models", section 4, equation 3, 2022.

    Examples
    --------
    >>> smooth([[16.0, 1.0]], [[1.0], [4.0]], [4.0, 0.5])
    (array([[4., 2.]]), array([[4.],
           [2.]]))
    """
    inputs, weights = _matrix(x, "x"), _matrix(w, "w")
    if inputs.shape[1] != len(weights):
        raise ValueError(f"x has shape {inputs.shape}, w has shape {weights.shape}: x has a column for each row of w")
    scales = arguments.finite_array(s, "s", "divided by")
    if scales.shape != weights.shape[:1]:
        raise ValueError(f"s has shape {scales.shape}: w has {len(weights)} inputs, one scale each is needed")
    wide = scales.astype(np.float64)
    if not (wide > 0).all():
        arguments.refuse_element("s", scales, wide <= 0, "it must be positive")
    with np.errstate(over="ignore", under="ignore"):
        divided, multiplied = inputs.astype(np.float64) / wide, weights.astype(np.float64) * wide[:, None]
        return narrow(divided, inputs.dtype), narrow(multiplied, weights.dtype)


def _matrix(value: npt.ArrayLike, name: str) -> Array:
    array = arguments.finite_array(value, name, "smoothed")
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}: it must have two dimensions")
    return array

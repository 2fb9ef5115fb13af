"""Losses, each with its gradient beside it: mean squared error, and softmax with cross-entropy.

Legend: d = student - teacher; z (n, c) logits of n examples and c classes, p = softmax(z); N is the number that a loss
and its gradient are both divided by. u = 2^-53 is the unit roundoff of float64, gamma_k = k u / (1 - k u).
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.precision import common_dtype, is_exact, narrow, numbers, widen

# reduction -> N of a shape
REDUCTIONS: dict[str, Callable[[Sequence[int]], int]] = {
    "mean": math.prod,
    "sum": lambda shape: 1,
    "batch_mean": lambda shape: shape[0],
}


def divisor(shape: Sequence[int], reduction: str, name: str, allowed: Sequence[str] = tuple(REDUCTIONS)) -> int:
    """Return N, the number that a loss and its gradient are both divided by; 0 / 0 is an error."""
    arguments.choice(reduction, "reduction", allowed)
    if reduction == "batch_mean" and not shape:
        raise ValueError(f"{name} is 0-d: reduction='batch_mean' divides by the first dimension")
    n = REDUCTIONS[reduction](shape)
    if n == 0:
        raise ValueError(f"{name} has shape {tuple(shape)}: reduction={reduction!r} would be 0 / 0; the sum is 0")
    return n


def mse_loss(student: npt.ArrayLike, teacher: npt.ArrayLike, *, reduction: str = "mean") -> float | Fraction:
    """Return the mean squared error: sum((student - teacher)^2) / N.

    N is the number of elements for ``reduction="mean"``, 1 for sum, the first dimension alone for batch_mean. (Some
    texts halve it; that is not done here.)

    Parameters
    ----------
    student, teacher : array_like
        Two arrays of one shape: finite floats or integers, or ``fractions.Fraction`` (dtype object). Nothing is
        broadcast.
    reduction : str
        mean (default), sum or batch_mean.

    Returns
    -------
    float or Fraction
        Exact for fractions. Else computed in float64 whatever the dtype, with a relative error of at most
        gamma_(m+3) for m elements (2 of it for d, which is squared, 1 for the square, m - 1 for the sum in any order,
        1 for the quotient), plus (m + 1) 2^-1075 where a square is subnormal. Past the largest float64 it is infinite.

    Raises
    ------
    ValueError
        For shapes that differ; for a NaN or an infinity; for a mean of no elements (the sum of none is 0); for a
        batch_mean of 0-d arrays.
    TypeError
        For arrays that hold no numbers.

    See Also
    --------
    mse_gradient : Its gradient with respect to the student.

    References
    ----------
    Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, section 3.1, 2002, for the bound.

    Examples
    --------
    >>> mse_loss([1.0, 2.0], [1.0, 5.0])
    4.5
    >>> mse_loss([[1.0, 2.0]], [[1.0, 5.0]], reduction="batch_mean")
    9.0
    """
    s, t, n, dtype = _compared(student, teacher, reduction)
    with np.errstate(over="ignore", under="ignore"):
        loss = squared_error(s - t, n)
        if not is_exact(dtype) and np.isinf(loss):  # on the way, perhaps: a mean is smaller than its sum
            loss = np.ldexp(squared_error(np.ldexp(s, -540) - np.ldexp(t, -540), n), 1080)
        return _scalar(loss, dtype)


def mse_gradient(student: npt.ArrayLike, teacher: npt.ArrayLike, *, reduction: str = "mean") -> Array:
    """Return the gradient of ``mse_loss`` with respect to the student: 2 (student - teacher) / N.

    Parameters
    ----------
    student, teacher, reduction
        As in ``mse_loss``.

    Returns
    -------
    numpy.ndarray
        The shape of the student, in the common dtype of the two (float64 for integers). Exact for fractions. Else
        computed in float64 with a relative error of at most gamma_2 (1 for d, 1 for the quotient; plus 2^-1075 where
        that is subnormal), then rounded once to the dtype.

    Raises
    ------
    ValueError, TypeError
        As in ``mse_loss``.

    Examples
    --------
    >>> mse_gradient([1.0, 2.0], [1.0, 5.0])
    array([ 0., -3.])
    """
    s, t, n, dtype = _compared(student, teacher, reduction)
    with np.errstate(over="ignore", under="ignore"):
        gradient = squared_error_gradient(s - t, n)
        if not is_exact(dtype) and np.isinf(gradient).any():
            lowered = squared_error_gradient(np.ldexp(s, -3) - np.ldexp(t, -3), n)
            gradient = np.where(np.isinf(gradient), np.ldexp(lowered, 3), gradient)
        return narrow(gradient, dtype)


def squared_error(d: Array, n: int) -> Any:
    """Return sum(d^2) / n, unchecked, for floats, fractions and complex numbers."""
    return np.sum(d * d) / n


def squared_error_gradient(d: Array, n: int) -> Array:
    """Return 2 d / n, unchecked."""
    return np.asarray(2 * d / n)


def _compared(
    student: npt.ArrayLike, teacher: npt.ArrayLike, reduction: str
) -> tuple[Array, Array, int, np.dtype[Any]]:
    """Return s, t, N and the common dtype of checked arguments."""
    s, t = numbers(student, "student", "compared"), numbers(teacher, "teacher", "compared")
    arguments.same_shape(s, t, "student", "teacher")
    n = divisor(s.shape, reduction, "student")
    dtype = common_dtype(s, t)
    return widen(s, dtype), widen(t, dtype), n, dtype


def softmax(logits: npt.ArrayLike) -> Array:
    """Return the softmax over the last axis: p_j = exp(z_j) / sum_k exp(z_k).

    Computed as exp(z_j - max z) / sum_k exp(z_k - max z), which cannot overflow.

    Parameters
    ----------
    logits : array_like of shape (..., c)
        Finite floats or integers, at least one class.

    Returns
    -------
    numpy.ndarray
        The shape and dtype of the logits (float64 for integers). Computed in float64, with a relative error of at most
        gamma_(c + 2 R + 8), where R = max z - min z (745 where it is larger) and exp errs by at most one unit in the
        last place; plus 3 * 2^-1074, for what underflows. Then rounded once to the dtype.

    Raises
    ------
    ValueError
        For a NaN or an infinity, for a 0-d array, for no classes.
    TypeError
        For an array that holds no floats or integers.

    References
    ----------
    Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions", section 4, 2021.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    z = _logits(logits)
    with np.errstate(over="ignore", under="ignore"):
        wide = z.astype(np.float64)
        e = np.exp(wide - wide.max(axis=-1, keepdims=True))
        return narrow(np.asarray(e / e.sum(axis=-1, keepdims=True)), z.dtype)


def softmax_cross_entropy(logits: npt.ArrayLike, labels: npt.ArrayLike, *, reduction: str = "mean") -> float:
    """Return the cross-entropy of the softmax: sum_i (log sum_j exp(z_ij) - z_i,label_i) / N.

    With m the largest logit of an example, at class j = top, it is (m - z_label) + log1p(sum of exp(z_j - m) over the
    other classes): two terms that are not negative, so that nothing overflows, nothing cancels, and the loss is never
    below the gap between the largest logit and the label's.

    Parameters
    ----------
    logits : array_like of shape (n, c)
        Finite floats or integers.
    labels : array_like of int of shape (n,)
        Class numbers, 0 to c - 1.
    reduction : str
        mean (default), over the n examples, or sum.

    Returns
    -------
    float
        Computed in float64, with a relative error of at most gamma_(n + c + R + 9), where R is the largest
        max z - min z of an example (745 where it is larger) and exp and log1p err by at most one unit in the last
        place; plus n c 2^-1074, for what underflows. (R: the argument of exp is rounded. 5 for exp and log1p, c and n
        for the sums, 3 for single operations.)

    Raises
    ------
    ValueError
        For a NaN or an infinity, for a label that is no class, for shapes that do not fit, for a mean of no examples.
    TypeError
        For logits that hold no floats or integers, or labels that hold no integers.

    See Also
    --------
    softmax_cross_entropy_gradient : Its gradient with respect to the logits.

    References
    ----------
    Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions", section 2, 2021: the
    shift, and log1p with the largest term left out.

    Examples
    --------
    >>> softmax_cross_entropy([[-431.0, 279.0, 427.0]], [0])
    858.0
    """
    z, classes, n = _examples(logits, labels, reduction)
    with np.errstate(over="ignore", under="ignore"):
        return float(cross_entropy(z.astype(np.float64), classes)[0].sum() / n)


def softmax_cross_entropy_gradient(logits: npt.ArrayLike, labels: npt.ArrayLike, *, reduction: str = "mean") -> Array:
    """Return the gradient of ``softmax_cross_entropy`` with respect to the logits: (softmax(z) - onehot(label)) / N.

    At the label it is computed as minus the sum of the other classes' probabilities: 1 is not subtracted.

    Parameters
    ----------
    logits, labels, reduction
        As in ``softmax_cross_entropy``.

    Returns
    -------
    numpy.ndarray
        The shape and dtype of the logits (float64 for integers). Computed in float64, with a relative error of at most
        gamma_(2 c + 2 R + 8) in the terms of ``softmax_cross_entropy``, plus (c + 2) 2^-1074 for what underflows; then
        rounded once to the dtype.

    Raises
    ------
    ValueError, TypeError
        As in ``softmax_cross_entropy``.

    Examples
    --------
    >>> softmax_cross_entropy_gradient([[0.0, 0.0]], [1])
    array([[ 0.5, -0.5]])
    """
    z, classes, n = _examples(logits, labels, reduction)
    with np.errstate(over="ignore", under="ignore"):
        return narrow(np.asarray(cross_entropy(z.astype(np.float64), classes)[1] / n), z.dtype)


def cross_entropy(z: Array, labels: Array) -> tuple[Array, Array]:
    """Return the loss of every example (n,) and its gradient (n, c), unchecked, for floats and complex numbers."""
    first = np.arange(0, z.size, z.shape[1])  # flat index of each example's first class
    top, label = first + z.real.argmax(axis=1), first + labels
    shifted = z - z.take(top)[:, None]
    e = np.exp(shifted)
    e.put(top, 0)
    others = np.add.reduce(e, axis=1)
    loss = np.log1p(others) - shifted.take(label)
    e.put(top, 1)
    e.put(label, 0)
    e.put(label, -np.add.reduce(e, axis=1))
    return loss, e / (1 + others)[:, None]


def _examples(logits: npt.ArrayLike, labels: npt.ArrayLike, reduction: str) -> tuple[Array, Array, int]:
    """Return z, the labels and N of checked arguments."""
    z, classes = _logits(logits), arguments.integer_array(labels, "labels")
    if z.ndim != 2:
        raise ValueError(f"logits has shape {z.shape}: it must be (n, c), one example a row")
    if classes.shape != z.shape[:1]:
        raise ValueError(f"labels has shape {classes.shape}, logits has shape {z.shape}: labels must be (n,)")
    wrong = (classes < 0) | (classes >= z.shape[1])
    if wrong.any():
        arguments.refuse_element("labels", classes, wrong, f"the classes are 0 to {z.shape[1] - 1}")
    return z, classes.astype(np.intp), divisor(z.shape[:1], reduction, "logits", ("mean", "sum"))


def _logits(logits: npt.ArrayLike) -> Array:
    z = arguments.float_array(logits, "logits")
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"logits has shape {z.shape}: there must be at least one class on the last axis")
    arguments.finite(z, "logits", "compared")
    return z


def _scalar(loss: Any, dtype: np.dtype[Any]) -> float | Fraction:
    return Fraction(loss) if is_exact(dtype) else float(loss)

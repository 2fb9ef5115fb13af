"""Distillation by softened outputs: the Kullback-Leibler divergence at a temperature, and its gradient.

Legend: s, t (..., c) logits of student and teacher, c classes on the last axis; T the temperature; p = softmax(s / T),
q = softmax(t / T), a = log p, b = log q; N is the number that the loss and its gradient are both divided by.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.losses import divisor
from refcompress.mlp.precision import common_dtype, narrow

REDUCTIONS = ("batch_mean", "mean", "sum")
BLOCK = 2**15  # elements that are worked on at a time: their float64 stay in the cache


def distillation_loss(
    student: npt.ArrayLike,
    teacher: npt.ArrayLike,
    *,
    temperature: float = 4.0,
    scaled: bool = True,
    reduction: str = "batch_mean",
    direction: str = "forward",
) -> float:
    """Return the divergence of the softened outputs: T^2 / N * sum q (log q - log p), p and q at the temperature T.

    That is KL(teacher || student), the forward direction; ``direction="reverse"`` is KL(student || teacher), which is
    sum p (log p - log q). ``scaled=False`` leaves the factor T^2 out. (Some texts take the mean over the classes as
    well: see ``reduction``.)

    Parameters
    ----------
    student, teacher : array_like of shape (..., c)
        Logits, not probabilities: finite floats or integers, at least one class. One example may be given as (c,).
    temperature : float
        T > 0.
    scaled : bool
        Whether to multiply by T^2, so that the gradient keeps its size as T grows.
    reduction : str
        N is the first dimension alone for batch_mean (default; 1 for a single example), the number of elements for
        mean, 1 for sum.
    direction : str
        forward (default) or reverse.

    Returns
    -------
    float
        Never negative, and exactly 0 for equal logits. Each term is computed as q (exp(d) - 1 - d) with d = a - b (the
        same sum, as sum p = sum q = 1), which is not negative. In float64, with an error of at most
        ``distillation_loss_bound`` of that precision. 0 log 0 is 0; past the largest float64 it is infinite.

    Raises
    ------
    ValueError
        For shapes that differ, a NaN or an infinity, no classes, a mean of no examples, T <= 0.
    TypeError
        For arrays that hold no floats or integers.

    See Also
    --------
    distillation_gradient : Its gradient with respect to the student's logits.
    refcompress.distillation.error_bounds : How far rounding may take an honest implementation.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015.

    Examples
    --------
    >>> round(distillation_loss([[0.0, 0.0]], [[2.0, 0.0]], temperature=4), 6)
    0.484798
    >>> round(distillation_loss([[0.0, 0.0]], [[2.0, 0.0]], temperature=1, direction="reverse"), 5)
    0.43378
    """
    s, t, n = _compared(student, teacher, reduction)
    T, scaled = _temperature(temperature, scaled)
    if arguments.choice(direction, "direction", GRADIENTS) == "reverse":
        s, t = t, s
    with np.errstate(all="ignore"):
        a, b = _log_softmax(s, T), _log_softmax(t, T)
        loss = np.sum(divergence_terms(a, b)) / n
        return float(T * (T * loss) if scaled else loss)


def distillation_gradient(
    student: npt.ArrayLike,
    teacher: npt.ArrayLike,
    *,
    temperature: float = 4.0,
    scaled: bool = True,
    reduction: str = "batch_mean",
    direction: str = "forward",
) -> Array:
    """Return the gradient of ``distillation_loss`` with respect to the student's logits: T^2 / N * (p - q) / T.

    For ``direction="reverse"`` it is T^2 / N * p (a - b - KL(p || q)) / T: with dp_k/ds_j = p_k ([k = j] - p_j) / T,
    the derivative of sum p_k (a_k - b_k) is p_j / T times (a_j - b_j) less the mean of that under p; the derivatives
    of a_k add sum p_k ([k = j] - p_j) / T = 0. ``scaled=False`` leaves the factor T^2 out. Nothing flows into the
    teacher.

    As T grows, the scaled gradient tends to (s' - t') / (c N), for s' and t' with the mean of each row subtracted: half
    the gradient of the mean squared error over all elements, for batch_mean. With R the range of an example's logits
    and r = R / T <= 1, |softmax(z / T) - (1 + z' / T) / c| is at most r^2 e^r (1 + r) / (2 c), so that the two are no
    further apart than the sum of R^2 e^r (1 + r) / (2 c N T) of student and teacher.

    Parameters
    ----------
    student, teacher, temperature, scaled, reduction, direction
        As in ``distillation_loss``.

    Returns
    -------
    numpy.ndarray
        The shape of the student, in the common dtype of the two (float64 for integers). Computed in float64 with an
        error of at most ``distillation_gradient_bound`` of that precision, then rounded once to the dtype.

    Raises
    ------
    ValueError, TypeError
        As in ``distillation_loss``.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", sections 2 and 2.1, 2015.

    Examples
    --------
    >>> distillation_gradient([[0.0, 0.0]], [[2.0, 0.0]], temperature=2).round(4)
    array([[-0.4621,  0.4621]])
    """
    s, t, n = _compared(student, teacher, reduction)
    T, scaled = _temperature(temperature, scaled)
    gradient = GRADIENTS[arguments.choice(direction, "direction", GRADIENTS)]
    out = np.empty(s.shape, common_dtype(s, t))
    rows, classes = out.reshape(-1, s.shape[-1]), s.shape[-1]
    factor = (T if scaled else 1 / T) / n  # T^2 / N / T
    with np.errstate(all="ignore"):
        for block in _blocks(*rows.shape):
            one, other = s.reshape(-1, classes)[block], t.reshape(-1, classes)[block]
            rows[block] = narrow(gradient(one, other, T, factor), out.dtype)
    return out


def divergence_terms(a: Array, b: Array) -> Array:
    """Return q (exp(d) - 1 - d) with d = a - b, of log-probabilities a and b, unchecked.

    Far from 0 it is p - q - q d, which cannot overflow; where q is 0, p is left: 0 times an infinite d is 0.
    """
    q, d = np.exp(b), a - b
    near = np.abs(d) < 1
    small = np.where(near, d, 0.0)
    far = np.exp(a) - q - np.where(q > 0, q * d, 0.0)
    return np.asarray(np.maximum(np.where(near, q * (np.expm1(small) - small), far), 0.0))


def forward_gradient(s: Array, t: Array, T: float, factor: float) -> Array:
    """Return factor * (p - q), unchecked."""
    e, f = _exponentials(s, T), _exponentials(t, T)
    e *= factor / np.add.reduce(e, axis=-1, keepdims=True)
    f *= factor / np.add.reduce(f, axis=-1, keepdims=True)
    e -= f
    return e


def reverse_gradient(s: Array, t: Array, T: float, factor: float) -> Array:
    """Return factor * p (a - b - sum p (a - b)), unchecked."""
    a, b = _log_softmax(s, T), _log_softmax(t, T)
    p = np.exp(a)
    d = np.where(p > 0, a - b, 0.0)
    gradient = factor * p * (d - np.sum(divergence_terms(b, a), axis=-1, keepdims=True))
    lost = np.isnan(gradient).any(axis=-1)  # of an infinite d its divergence was subtracted
    if lost.any():
        gradient[lost] = _of_far_logits(t[lost], p[lost], T, factor)
    return np.asarray(gradient)


def _of_far_logits(t: Array, p: Array, T: float, factor: float) -> Array:
    """Return the same with d = -t / T, divided by a power of two.

    What else there is in a d is nothing beside an infinite one, or a constant, which changes no gradient.
    """
    (_, up), (m, down) = np.frexp(np.abs(t).max()), np.frexp(T)
    d = -np.ldexp(t.astype(np.float64), -up - 2) / m
    return np.asarray(np.ldexp(factor * p * (d - np.sum(p * d, axis=-1, keepdims=True)), up + 2 - down))


GRADIENTS: dict[str, Callable[[Array, Array, float, float], Array]] = {
    "forward": forward_gradient,
    "reverse": reverse_gradient,
}


def _scaled_logits(z: Array, T: float) -> Array:
    """Return (z - max z) / T in float64: 0 for the largest logit, so that no exponential overflows."""
    x = z.astype(np.float64)
    x -= np.maximum.reduce(x, axis=-1, keepdims=True)
    x /= T
    return x


def _exponentials(z: Array, T: float) -> Array:
    x = _scaled_logits(z, T)
    return np.asarray(np.exp(x, out=x))


def _log_softmax(z: Array, T: float) -> Array:
    x = _scaled_logits(z, T)
    return np.asarray(x - np.log(np.add.reduce(np.exp(x), axis=-1, keepdims=True)))


def _blocks(rows: int, classes: int) -> Iterator[slice]:
    step = max(1, BLOCK // classes)
    return (slice(i, i + step) for i in range(0, rows, step))


def _temperature(temperature: float, scaled: bool) -> tuple[float, bool]:
    """Return T and whether T^2 counts, checked."""
    return arguments.real_number(temperature, "temperature", 0.0, exclusive=True), arguments.boolean(scaled, "scaled")


def _compared(student: npt.ArrayLike, teacher: npt.ArrayLike, reduction: str) -> tuple[Array, Array, int]:
    """Return the logits and N of checked arguments."""
    s, t = logits(student, "student"), logits(teacher, "teacher")
    arguments.same_shape(s, t, "student", "teacher")
    examples = s.shape if s.ndim > 1 else (1, *s.shape)  # a single example is a batch of one, whatever its classes
    return s, t, divisor(examples, reduction, "student", REDUCTIONS)


def logits(value: npt.ArrayLike, name: str) -> Array:
    """Return checked logits: finite, with at least one class, the classes next to each other in memory."""
    z = arguments.float_array(value, name)
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"{name} has shape {z.shape}: there must be at least one class on the last axis")
    arguments.finite(z, name, "compared")
    return np.ascontiguousarray(z)

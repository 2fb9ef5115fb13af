r"""How far an honest float implementation of the distillation loss and of its gradient may be from the exact result.

The model of arithmetic is that of ``refcompress.mlp.error_bounds``: u is the unit roundoff, eta the smallest subnormal,
gamma_k = k u / (1 - k u); sums go in any order; exp and log err by up to F = ``FUNCTION_ULPS`` ulps of 2 u
each (documented: 1 for glibc, for SLEEF, hence torch, and for CUDA's exp, 2 for CUDA's expf); v is a quantity in
float64, which is at least as good as the precision, so that exact and computed sizes are at most |v| + 2 e. Its
exponentials are those of ``refcompress.elementary``, so that a bound is the same number on every machine.
Legend as in ``refcompress.distillation.losses``; m is the largest logit of an example, x_j = (z_j - m) / T.

**Exponents.** z_j / T - m / T, (z_j - m) / T, or z_j / T with no maximum subtracted where nothing overflows: an input,
1/T, a product, a difference and a store are 5 roundings of numbers up to |z_j| / T + |m| / T =: w_j, and 6 quanta:

    e_j = gamma_5 w_j + 6 eta (1 + 1/T).

**The sum** S of exp(x_k) is at least 1. exp(x_k) moves by exp(x_k + e_k) - exp(x_k), which is at most exp(x_k + e_k)
min(e_k, 1), by 2 F u of itself, and in the sum by c u; 3 c quanta are lost. With r the whole relative to S, log S moves
by at most -log(1 - r) <= r / (1 - r).

**Log-probabilities** are a_j = x_j - log S, or the logarithm of a rounded p_j (as exp(x_j) / S, or as exp(a_j)). The
logarithm of S, or of S exp(m / T), errs by 2 F u (|m| / T + log c); the difference and a store by 2 u (w_j + log c);
exp, the quotient and two stores by (2 F + 3) u, as the logarithm of a factor; the second logarithm and its store by
(2 F + 1) u |a_j|. Let A_j be e_j + r / (1 - r), all of these, and 8 eta (1 + 1/T).

**Probabilities** are exp(a_j) or a quotient: D_j = exp(a_j + A_j) min(A_j, 1) + gamma_{2F+3} p_j + 3 eta.

**The divergence** sum q (b - a) may be computed so, as sum q b - sum q a, as sum q log(q / p), and with - q + p in each
term. The factors move it by q (A + B) + D_q (|a| + |b|); the last form by D_q + D_p more, and with the logarithm by
|p - q| (A + B) <= max(p, q) (A + B), the derivative of q (exp(d) - 1 - d). Log q of a q that underflows is not within
B: where D > q / 2, computed and exact q lie in [0, 3 D], and |y log y| <= 3 D (1 + |log 3D|) there. All terms pass
through at most the additions, 2 F and 8 roundings: a gamma of the sum of (q + D_q)(|a| + |b|) + p + q.

**The gradients** may be those of automatic differentiation, where a softmax's backward pass subtracts p_j times a sum
that is 1 in exact arithmetic: (p_j + D_j)(sum of D + gamma_{c+8}) more than D_p + D_q. In the reverse direction
p (a - b - KL) moves with each factor, and the terms that cancel, p_j and p_j times the sum, have size 1 each.

**Scaling** by T^2, 1/T and 1/N is done at any stage, in up to ``SCALING_STEPS`` + 4 roundings; a quantum lost before it
grows by at most the largest of these factors.

References
----------
N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, 2002, sections 3.1 to 3.4.
NVIDIA, "CUDA C++ Programming Guide", appendix on mathematical functions. SLEEF documentation, "Math library
reference", 2020.
P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax functions", 2021.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array, same_shape
from refcompress.distillation.losses import logits
from refcompress.elementary import exp, log
from refcompress.mlp.error_bounds import FLOAT64_UNIT, SCALING_STEPS, Precision
from refcompress.mlp.losses import divisor

FUNCTION_ULPS = 2


@dataclass(frozen=True, eq=False)
class _Softmax:
    """One side: log-probabilities and probabilities in float64, with the largest errors of computed ones."""

    log: Array
    log_error: Array
    p: Array
    error: Array

    @property
    def size(self) -> Array:
        """What no exact and no computed probability exceeds."""
        return np.asarray(self.p + 2 * self.error)


def _gamma(k: float, precision: Precision) -> float:
    ku = k * precision.unit
    return ku / (1 - ku) if ku < 1 else math.inf


def _grown(exponent: Array, error: Array) -> tuple[Array, Array]:
    """Return exp(x) at its largest, and how far an error of x moves it at most, for an x that is itself in error."""
    largest = exp(exponent + 2 * error)
    return largest, np.asarray(largest * np.minimum(error, 1.0))


def _softmax(z: Array, T: float, precision: Precision) -> _Softmax:
    """Return one side; errors are infinite where a logit or an exponent cannot be held."""
    z, c, eta = z.astype(np.float64), z.shape[-1], precision.tiny
    m = z.max(axis=-1, keepdims=True)
    x, w = (z - m) / T, (np.abs(z) + np.abs(m)) / T
    e = _gamma(5, precision) * w + 6 * eta * (1 + 1 / T)
    e = np.where(np.maximum(w, w * T) < precision.largest, e, np.inf)
    largest, moved = _grown(x, e)
    total = np.sum(exp(x), axis=-1, keepdims=True)
    lost = moved + _gamma(2 * FUNCTION_ULPS + c + 1, precision) * largest + 3 * eta
    r = np.sum(lost, axis=-1, keepdims=True) / total
    sum_error = np.where(r < 1, r / (1 - r), np.inf)
    log_p = x - log(total)
    log_c = log(np.array(float(c)))
    of_log = 2 * FUNCTION_ULPS * (np.abs(m) / T + log_c) + 2 * (w + log_c)
    units = of_log + 2 * FUNCTION_ULPS + 3 + (2 * FUNCTION_ULPS + 1) * np.abs(log_p)
    rounded = _gamma(1, precision) * units * (1 + _gamma(4 * FUNCTION_ULPS + 8, precision))  # of some factors at once
    log_error = e + sum_error + rounded + 8 * eta * (1 + 1 / T)
    largest, moved = _grown(log_p, log_error)
    return _Softmax(log_p, log_error, exp(log_p), moved + _gamma(2 * FUNCTION_ULPS + 3, precision) * largest + 3 * eta)


def _terms(first: _Softmax, second: _Softmax) -> tuple[Array, Array, Array]:
    """Return how far a term of KL(first || second) moves, the sizes that are rounded, and those of its logarithms."""
    both = first.log_error + second.log_error
    logs = np.abs(first.log) + np.abs(second.log) + 2 * both
    small = 3 * first.error * (1 + np.abs(log(3 * first.error)))
    of_log = np.where(2 * first.error > first.p, small, 0.0)
    weight = np.maximum(first.size, second.size)
    moved = weight * both + first.error * (logs + 1) + second.error + of_log
    return moved, first.size * logs + first.size + second.size, logs


def _upward(error: Array, terms: int, size: Array, precision: Precision) -> Array:
    """Return a bound that covers its own rounding, in sums of up to ``terms``; inf where sizes reach ``largest``.

    An exponential's argument is at most 745 in size wherever it counts, and so adds up to 745 * 2^-53.
    """
    error = error * (1 + (terms + 4096) * 2 * FLOAT64_UNIT) + (terms + 64) * 2.0**-1074
    return np.where(size + error < precision.largest, error, np.inf)  # false for nan


def distillation_loss_bound(
    student: npt.ArrayLike,
    teacher: npt.ArrayLike,
    *,
    temperature: float,
    scaled: bool,
    reduction: str,
    direction: str,
    precision: Precision,
) -> float:
    """Return the largest error of an honest distillation loss.

    Parameters
    ----------
    student, teacher, temperature, scaled, reduction, direction
        As in ``distillation_loss``.
    precision : Precision
        That of ``precision_of``, as a rule for the dtype of the inputs.

    Returns
    -------
    float
        inf if a sum is so long that nothing is promised, or if something can reach ``precision.largest``.

    Raises
    ------
    TypeError, ValueError
        As in ``distillation_loss``, except for the settings, which are not checked.

    Examples
    --------
    >>> from refcompress.mlp.error_bounds import precision_of
    >>> settings = {"temperature": 4.0, "scaled": True, "reduction": "batch_mean", "direction": "forward"}
    >>> bound = distillation_loss_bound([[0.0, 0.0]], [[2.0, 0.0]], **settings, precision=precision_of("float32"))
    >>> 1e-5 < bound < 1e-3
    True
    """
    first, second, n, factor = _sides(student, teacher, temperature, scaled, reduction, direction, precision)
    with np.errstate(all="ignore"):
        moved, size, logs = _terms(first, second)
        rounding = _gamma(moved.size + 2 * FUNCTION_ULPS + 8, precision)
        scaling = _gamma(SCALING_STEPS + 4, precision)
        total, whole = np.sum(moved + rounding * size) * (1 + rounding), np.sum(size)
        lost = 16 * precision.tiny * np.sum(1 + logs) * max(1.0, factor)
        error = (total * (1 + scaling) + scaling * whole) * factor / n + lost * (1 + rounding) * (1 + scaling)
        return float(_upward(error, moved.size, whole * max(1.0, factor), precision))


def distillation_gradient_bound(
    student: npt.ArrayLike,
    teacher: npt.ArrayLike,
    *,
    temperature: float,
    scaled: bool,
    reduction: str,
    direction: str,
    precision: Precision,
) -> Array:
    """Return the largest errors of an honest gradient of the distillation loss: float64, in the student's shape.

    Parameters and errors as in ``distillation_loss_bound``.

    Examples
    --------
    >>> from refcompress.mlp.error_bounds import precision_of
    >>> settings = {"temperature": 2.0, "scaled": True, "reduction": "batch_mean", "direction": "forward"}
    >>> bound = distillation_gradient_bound([[0.0, 0.0]], [[2.0, 0.0]], **settings, precision=precision_of("float32"))
    >>> bool((bound < 1e-4).all())
    True
    """
    p, q, n, factor = _sides(student, teacher, temperature, scaled, reduction, "reverse", precision)
    c = p.p.shape[-1]
    with np.errstate(all="ignore"):
        rounding = _gamma(c + 2 * FUNCTION_ULPS + 12, precision)
        lost = np.sum(p.error + q.error, axis=-1, keepdims=True)
        logs = np.zeros(p.p.shape)
        if direction == "forward":
            moved, size = p.error + q.error, p.size + q.size
        else:
            terms, sizes, logs = _terms(p, q)
            row = np.sum(terms + rounding * sizes, axis=-1, keepdims=True) * (1 + rounding)
            logs = logs + np.sum(sizes, axis=-1, keepdims=True)
            moved, size = terms + p.error * (logs + 2) + p.size * row, p.size * (logs + 2)
        moved = (moved + p.size * (lost + rounding) + rounding * size) * (1 + rounding)
        scaling, most = _gamma(SCALING_STEPS + 4, precision), max(factor, 1 / temperature)  # at least 1
        error = (moved * (1 + scaling) + scaling * size) * factor / temperature / n
        error = error + 16 * precision.tiny * (1 + logs) * most * (1 + rounding) * (1 + scaling)
        return _upward(error, c, size * most, precision)


def _sides(
    student: npt.ArrayLike,
    teacher: npt.ArrayLike,
    temperature: float,
    scaled: bool,
    reduction: str,
    direction: str,
    precision: Precision,
) -> tuple[_Softmax, _Softmax, int, float]:
    """Return the distribution that the terms are weighed by, the other one, N and the factor T^2 or 1."""
    s, t = logits(student, "student"), logits(teacher, "teacher")
    same_shape(s, t, "student", "teacher")
    n = divisor(s.shape if s.ndim > 1 else (1, *s.shape), reduction, "student")
    with np.errstate(all="ignore"):
        one, other = (_softmax(z, temperature, precision) for z in (s, t))
    if n >= precision.largest:
        one = _Softmax(one.log, np.full(s.shape, np.inf), one.p, np.full(s.shape, np.inf))
    first, second = (one, other) if direction == "reverse" else (other, one)
    return first, second, n, temperature * temperature if scaled else 1.0

r"""How far an honest float implementation of the mse, of an MLP and of its gradients may be from the exact result.

The bounds hold for every element of the result, on the very inputs: what exceeds its bound has not merely rounded.

**Honest arithmetic.** One operation with the exact result z gives z itself where the arithmetic holds it (0, a + 0,
a * 1, 2 a), and else z (1 + d) + f with |d| <= u, the unit roundoff, and |f| <= eta, the smallest subnormal, for what
underflow takes. Every operation is done in the stated precision or in a better one, and any result may be rounded once
more when it is stored. Sums are taken in any order: forward, blocked, pairwise, by BLAS, with or without fma, the bias
first or last. Fast (Strassen) products, and matrix units that shorten their operands, are not honest in this sense.

**Many operations.** k factors 1 + d make one factor 1 + t with |t| <= gamma_k = k u / (1 - k u), if k u < 1, and
(1 + gamma_j)(1 + gamma_k) <= 1 + gamma_{j+k}. A sum of m terms (products, a bias) passes each of them through at most
one product, m - 1 additions and one store, whatever the order; with â, b̂ for what was computed before,

    |computed - exact| <= sum |â b̂ - a b| + gamma_{m+1} sum |â||b̂| + 2 m eta (1 + gamma_{m+1}).

Terms that are exactly 0 take part in no rounding: m counts the others. gamma holds all powers of u, and products of
errors are kept, so that the bounds are rigorous and not of first order only.

**What is carried along.** A quantity is a pair (v, e): v is its value in float64, and |computed - exact| <= e. Float64
is a better precision, so that v is honest too and |v - exact| <= e; therefore |exact| and |computed| are at most
|v| + 2 e. In the forward pass each term of e has a factor u or eta, and gamma_k(c u) <= c gamma_k(u) for c <= 1: there
v is even closer, |v - exact| <= c e with c = 2^-53 / u.

**Scaling.** The factor 1/N may come in at any stage, by divisions or by products with a rounded reciprocal, in up to
``SCALING_STEPS`` roundings (N, its reciprocal and the product; or a mean for each axis). Every step of the backward
pass is linear in (|v|, e), and |sum g w| <= sum |g||w|: a relative error made late is at most what the same relative
error of the loss's own gradient becomes on its way, and all are charged there. A lost quantum grows by 2 at most (the
factor still to come is 2, 1, 2/N or 1/N). A sum not divided yet is N times larger: it must stay below ``largest``.

**Activations.** relu is exact. Its derivative is uncertain where z is within reach of 0: one side may be computed and
the other be right, so that the whole gradient of that unit is in error. tanh and sigmoid move an error by the largest
slope within its reach, and add ``FUNCTION_ULPS`` of their own (each at most 2 u), of tanh itself, but for sigmoid of
1, as (1 + tanh(z/2)) / 2 is as honest as 1 / (1 + exp(-z)). Documented errors are 1 ulp (SLEEF, hence torch), 2 (glibc
on x86-64), and for JAX on CPU and GPU 4.5 (logistic function), 5.5 (tanh in float32) and 7 (tanh in float64).

References
----------
N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, 2002: sections 2.2 (the model), 3.1 (sums
of products in any order), 3.3 (running error analysis), 3.4 (gamma_k, lemmas 3.1 and 3.3), 3.5 (matrix products).
JAX documentation, "Numerical accuracy", 2026. SLEEF documentation, "Math library reference", 2020.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from refcompress.arguments import Array, choice, float_array, same_shape
from refcompress.elementary import exp, product, tanh

FUNCTION_ULPS = 8
SCALING_STEPS = 4
FLOAT64_UNIT = 2.0**-53  # that of the bounds themselves

Layers = Sequence[ArrayLike]


@dataclass(frozen=True)
class Precision:
    """The arithmetic in which an honest implementation may compute; float64 must be at least as good."""

    unit: float
    """u: the largest relative error of one operation."""
    tiny: float
    """eta: the largest absolute error of one that underflows."""
    largest: float
    """The largest finite number. Nothing is promised for sums of magnitudes that can reach it."""

    def __post_init__(self) -> None:
        if not (FLOAT64_UNIT <= self.unit < 1 and self.unit * 2.0**-1021 <= self.tiny < 2.0**-10):
            raise ValueError(f"unit {self.unit} with tiny {self.tiny}: they must be from float64's to 1 and to 2^-10")
        if not 1 < self.largest < math.inf:
            raise ValueError(f"largest is {self.largest}: it must be above 1 and finite")


# dtype -> bits of the significand, exponents of the smallest and of the largest normal power of two
FORMATS = {
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
    "float32": (24, -126, 127),
    "float64": (53, -1022, 1023),
}


def precision_of(dtype: DTypeLike, *, flush: bool = False) -> Precision:
    """Return the precision of float16, bfloat16, float32 or float64, given as a dtype or as a word.

    With p bits and the smallest normal number 2^a: u = 2^-p and eta = 2^(a - p + 1). ``flush`` is for arithmetic that
    takes subnormal operands and results for 0, as XLA's does on CPUs: eta = 2^a. Another dtype is a ``ValueError``.

    Examples
    --------
    >>> precision_of("float16")
    Precision(unit=0.00048828125, tiny=5.960464477539063e-08, largest=65504.0)
    """
    word = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    bits, low, high = FORMATS[choice(word, "dtype", FORMATS)]
    return Precision(2.0**-bits, 2.0 ** (low if flush else low - bits + 1), (2 - 2.0 ** (1 - bits)) * 2.0**high)


@dataclass(frozen=True, eq=False)
class _Bounded:
    """A quantity in float64, and the largest error of a computed one."""

    value: Array
    error: Array

    @property
    def size(self) -> Array:
        """What no exact and no computed magnitude exceeds."""
        return np.asarray(np.abs(self.value) + 2 * self.error)

    def transposed(self) -> "_Bounded":
        return _Bounded(self.value.T, self.error.T)


@dataclass(frozen=True)
class _Rules:
    """A precision, and the division by N that may happen at any stage of a computation."""

    precision: Precision
    divisor: float = 1.0
    steps: int = 0
    relative: float = 0.0  # error of all steps of the scaling
    growth: float = 1.0  # what a lost quantum can grow by

    def gamma(self, k: ArrayLike, relative: float = 0.0) -> Array:
        """Return gamma_k = k u / (1 - k u), or inf, on top of another relative error."""
        ku = np.multiply(k, self.precision.unit)
        gamma = ku / np.maximum(1 - ku, 0.0)
        return np.asarray(gamma * (1 + relative) + relative)

    def step(
        self, value: Array, moved: Array, size: Array, gamma: Array, quanta: ArrayLike, terms: int = 1
    ) -> _Bounded:
        """Return the value with error moved + gamma size + quanta eta; inf where sizes reach ``largest``.

        ``moved`` is what earlier errors do, ``size`` the magnitudes that are rounded here; each step of the scaling may
        lose a quantum more. All is evaluated without subtractions from numbers >= 0, in sums of up to ``terms`` terms
        and fewer than 64 other operations (a function counting as 16); each loses at most 2^-53 of its result, so that
        all lose less than (terms + 64) 2^-52, and (terms + 64) 2^-1074 where they underflow.
        """
        lost = np.where(quanta, np.add(quanta, self.steps), 0.0) * self.growth * self.precision.tiny
        error = moved + gamma * size + lost * (1 + gamma) * (1 + self.relative)
        upward = 1 + (terms + 64) * 2 * FLOAT64_UNIT
        error = error * upward + np.where(error > 0, (terms + 64) * 2.0**-1074, 0.0)
        safe = (size * upward + error) * self.divisor < self.precision.largest  # false for nan
        return _Bounded(np.where(safe, value, 0.0), np.where(safe, error, np.inf))

    def reach(self, z: _Bounded) -> Array:
        """How far a computed z of the forward pass may be from the value: e + c e, where e covers its roundings too."""
        return np.asarray(z.error * (1 + FLOAT64_UNIT / self.precision.unit))


def _scaled(rules: _Rules, n: int) -> _Rules:
    """Return the rules of a computation with the factor 2 / n; its reciprocal may underflow, relatively by eta n."""
    if n <= 1:
        return _Rules(rules.precision, growth=2.0)
    gamma = float(rules.gamma(SCALING_STEPS)) if n < rules.precision.largest else math.inf
    return _Rules(rules.precision, float(n), SCALING_STEPS, gamma + 2 * rules.precision.tiny * n * (1 + gamma), 2.0)


def _read(array: ArrayLike, name: str, rules: _Rules) -> _Bounded:
    """Return an input: exact where the precision holds it, else rounded; nothing is promised of a nan or infinity."""
    x, unit, tiny = float_array(array, name).astype(np.float64), rules.precision.unit, rules.precision.tiny
    size = np.abs(x)
    long, low = np.mod(np.frexp(size)[0] / unit, 1) != 0, (size < tiny / unit) & (np.mod(size / tiny, 1) != 0)
    error = np.where(long, size * unit, 0.0) + np.where(low, np.minimum(size, tiny), 0.0)
    return rules.step(x, error, size, np.zeros_like(x), 0.0)


def _matmul(a: _Bounded, b: _Bounded, rules: _Rules, bias: _Bounded | None = None) -> _Bounded:
    """Return a @ b + bias: with m terms that are not 0, gamma_{m+1} of their sizes and 2 m quanta."""
    a_size, b_size = a.size, b.size
    value, size = product(a.value, b.value), product(a_size, b_size)
    moved = product(a.error, b_size) + product(a_size, b.error)
    m = product((a_size > 0).astype(np.float64), (b_size > 0).astype(np.float64))
    if bias is not None:
        value, size, moved, m = value + bias.value, size + bias.size, moved + bias.error, m + (bias.size > 0)
    return rules.step(value, moved, size, rules.gamma(m + 1), 2 * m, a.value.shape[1] + 1)


def _relu(z: _Bounded, rules: _Rules) -> _Bounded:
    return _Bounded(np.maximum(z.value, 0.0), np.where(rules.reach(z) <= -z.value, 0.0, z.error))


def _relu_backward(g: _Bounded, z: _Bounded, h: _Bounded, rules: _Rules) -> _Bounded:
    """Return g where z > 0, else 0 (or inf times 0); where that is uncertain, either may be computed, either right."""
    uncertain, on = (np.abs(z.value) <= rules.reach(z)) & (z.error > 0), z.value > 0
    error = np.where(on | np.isinf(g.error), g.error, 0.0)
    return _Bounded(np.where(on, g.value, 0.0), np.where(uncertain, g.size, error))


@dataclass(frozen=True)
class _Smooth:
    """A smooth activation y(z), whose slope is factor E / (1 + E)^2 with E = exp(-rate |z|)."""

    rate: float
    factor: float
    y: Callable[[Array], Array]
    measure: Callable[[Array], Array]  # |y| -> what its ulps are relative to
    slope: Callable[[Array], Array]  # y -> the slope
    moved: Callable[[Array, Array], Array]  # |y|, e -> what an error e of y does to that slope, at most

    def steepest(self, z: _Bounded, rules: _Rules) -> Array:
        """Return the slope at the smallest |z| within reach, where it is largest; below 2^-1022, exp has fewer bits."""
        nearest = np.maximum(np.abs(z.value) * (1 - 2.0**-50) - rules.reach(z), 0.0)
        decay = np.maximum(exp(-self.rate * nearest), 2.0**-1022)
        return np.asarray(self.factor * decay / (1 + decay) ** 2)


def _smooth(kind: _Smooth, z: _Bounded, rules: _Rules) -> _Bounded:
    """Return y: 2 u an ulp and the store, a quantum for each."""
    value, steepest = kind.y(z.value), kind.steepest(z, rules)
    size = kind.measure(np.abs(value) + steepest * rules.reach(z))
    quanta = np.where(size > 0, FUNCTION_ULPS + 1.0, 0.0)
    return rules.step(value, steepest * z.error, size, rules.gamma(2 * FUNCTION_ULPS + 1), quanta)


def _smooth_backward(kind: _Smooth, g: _Bounded, z: _Bounded, h: _Bounded, rules: _Rules) -> _Bounded:
    """Return g times the slope, from y (1 - y^2, (1 - y)(1 + y); y (1 - y)) or from z (1 / cosh^2; E / (1 + E)^2).

    From y: what its error does to the slope, with 3 roundings of y^2 and of the slope. From z: the slope moves by no
    more (its own is 2 |y| or |1 - 2 y| times it, and the error of y holds slope times that of z), and a function with
    its ulps, squared, with 4 roundings, has 4 ``FUNCTION_ULPS`` + 4 units. The product is rounded and stored;
    (g + g y)(1 - y) instead has u |g y| (1 - y) more, which is below the 3 u y^2 and 4 u (1 - y^2) of the others.
    """
    top, three, many = h.size, rules.gamma(3), rules.gamma(4 * FUNCTION_ULPS + 4)
    moved = (kind.moved(top, h.error) + three * top**2) * (1 + three)
    slope = _Rules(rules.precision).step(kind.slope(h.value), moved, kind.steepest(z, rules), many, FUNCTION_ULPS + 2.0)
    size, moved = g.size * slope.size, g.error * slope.size + g.size * slope.error
    return rules.step(g.value * slope.value, moved, size, rules.gamma(2), np.where(g.size > 0, 8.0, 0.0))


_TANH = _Smooth(2.0, 4.0, tanh, np.positive, lambda y: 1 - y**2, lambda top, e: 2 * top * e)
_SIGMOID = _Smooth(
    1.0, 1.0, lambda z: (1 + tanh(z / 2)) / 2, np.ones_like, lambda y: y * (1 - y), lambda top, e: e + e**2
)

# name -> (h of z, g at z from g at h)
_ACTIVATIONS: dict[str, tuple[Callable[..., _Bounded], Callable[..., _Bounded]]] = {
    "relu": (_relu, _relu_backward),
    "tanh": (partial(_smooth, _TANH), partial(_smooth_backward, _TANH)),
    "sigmoid": (partial(_smooth, _SIGMOID), partial(_smooth_backward, _SIGMOID)),
    "identity": (lambda z, rules: z, lambda g, z, h, rules: g),
}
_DIVISORS: dict[str, Callable[..., int]] = {"mean": math.prod, "sum": lambda s: 1, "batch_mean": lambda s: s[0]}


def _difference(
    y: _Bounded, target: ArrayLike, names: tuple[str, str], reduction: str, rules: _Rules
) -> tuple[_Bounded, _Rules]:
    """Return y - target, not rounded, and the rules of its loss."""
    t, shape = _read(target, names[1], rules), y.value.shape
    same_shape(y.value, t.value, *names)
    if choice(reduction, "reduction", _DIVISORS) == "batch_mean" and not shape:
        raise ValueError(f"{names[0]} is 0-d: reduction='batch_mean' divides by the first dimension")
    return _Bounded(y.value - t.value, y.error + t.error), _scaled(rules, _DIVISORS[reduction](shape))


def _compared(student: ArrayLike, teacher: ArrayLike, reduction: str, p: Precision) -> tuple[_Bounded, _Rules]:
    return _difference(_read(student, "student", _Rules(p)), teacher, ("student", "teacher"), reduction, _Rules(p))


def _loss_gradient(d: _Bounded, rules: _Rules) -> _Bounded:
    """Return 2 d / N: gamma_2 for the difference and a store, the scaling, and 3 quanta."""
    factor, gamma, quanta = 2 / rules.divisor, rules.gamma(2, rules.relative), np.where(d.size > 0, 3.0, 0.0)
    return rules.step(factor * d.value, factor * d.error, factor * d.size, gamma, quanta)


def mse_loss_bound(student: ArrayLike, teacher: ArrayLike, *, reduction: str, precision: Precision) -> float:
    """Return the largest error of an honest mean squared error, sum d^2 / N with d = student - teacher.

    With m of the d not 0 it is (gamma_{m+6} and the scaling) sum d^2 / N + (8 sum |d| + 12 m) eta: d, rounded, enters
    twice; the square is 1 rounding, the sum m - 1, the store 1; and a norm that is taken and squared again needs 3.

    Parameters
    ----------
    student, teacher : array_like
        Of one shape. Where one is not finite, nothing is promised: the bound is inf.
    reduction : {"mean", "sum", "batch_mean"}
        N is the number of elements, 1, or the first dimension.
    precision : Precision
        That of ``precision_of``, as a rule for the dtype of the inputs.

    Returns
    -------
    float
        inf if the sum is so long that nothing is promised, or if it can reach ``precision.largest``.

    Raises
    ------
    TypeError, ValueError
        For arrays that hold no numbers or differ in shape, and for another reduction.

    Examples
    --------
    >>> round(mse_loss_bound([1.0, 2.0], [1.0, 5.0], reduction="sum", precision=precision_of("float16")), 4)
    0.0309
    """
    with np.errstate(all="ignore"):
        d, rules = _compared(student, teacher, reduction, precision)
        m, size, n = np.count_nonzero(d.size), d.size, rules.divisor
        loss, moved, gamma = np.sum(size**2) / n, 2 * np.sum(d.error * size) / n, rules.gamma(m + 6, rules.relative)
        # d and its store lose 2 quanta, its scaling 4: at most 8 |d| in its square; 12 more a term; and growth is 2
        return float(rules.step(loss, moved, loss, gamma, 4 * np.sum(size) + 6 * m, size.size).error)


def mse_gradient_bound(student: ArrayLike, teacher: ArrayLike, *, reduction: str, precision: Precision) -> Array:
    """Return the largest errors of an honest gradient of the mean squared error, 2 (student - teacher) / N.

    They are (gamma_2 and the scaling) 2 |student - teacher| / N + 2 (3 + ``SCALING_STEPS``) eta: float64, in the shape
    of the student. Parameters and errors as in ``mse_loss_bound``.

    Examples
    --------
    >>> mse_gradient_bound([1.0, 2.0], [1.0, 5.0], reduction="sum", precision=precision_of("float32")).round(8)
    array([0.0e+00, 7.2e-07])
    """
    with np.errstate(all="ignore"):
        return _loss_gradient(*_compared(student, teacher, reduction, precision)).error


def _forward(
    weights: Layers, biases: Layers, x: ArrayLike, activation: str, rules: _Rules
) -> tuple[list[_Bounded], list[_Bounded], list[_Bounded]]:
    """Return the weights, what goes into each layer, and what comes out of it before the activation."""
    activate, _ = _ACTIVATIONS[choice(activation, "activation", _ACTIVATIONS)]
    if len(weights) != len(biases) or len(weights) == 0:
        raise ValueError(f"there are {len(weights)} weights and {len(biases)} biases: each layer needs one of both")
    ws, hs, zs = list[_Bounded](), [_read(x, "x", rules)], list[_Bounded]()
    if hs[0].value.ndim != 2:
        raise ValueError(f"x has shape {hs[0].value.shape}: it must be (n, inputs)")
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        w, b = _read(weight, f"weights[{i}]", rules), _read(bias, f"biases[{i}]", rules)
        if i:
            hs.append(activate(zs[-1], rules))
        if w.value.ndim != 2 or len(w.value) != hs[i].value.shape[1]:
            raise ValueError(f"weights[{i}] has shape {w.value.shape}: it must be ({hs[i].value.shape[1]}, outputs)")
        if b.value.shape != w.value.shape[1:]:
            raise ValueError(f"biases[{i}] has shape {b.value.shape}: it must be {w.value.shape[1:]}")
        ws.append(w)
        zs.append(_matmul(hs[i], w, rules, b))
    return ws, hs, zs


def mlp_forward_bound(weights: Layers, biases: Layers, x: ArrayLike, *, activation: str, precision: Precision) -> Array:
    """Return the largest errors of an honest forward pass of an MLP, y = h W + b a layer, the last one linear.

    With m terms that are not 0, a layer takes the error e of h to e |W| + gamma_{m+1} (|h||W| + |b|) + 2 m eta.

    Parameters
    ----------
    weights, biases, x : array_like, a sequence of them for the first two
        (inputs, outputs) and (outputs,) for each layer; (n, inputs).
    activation : {"relu", "tanh", "sigmoid", "identity"}
        Between the layers.
    precision : Precision
        As in ``mse_loss_bound``.

    Returns
    -------
    ndarray
        float64, (n, outputs); inf as in ``mse_loss_bound``.

    Raises
    ------
    TypeError, ValueError
        For arrays that hold no numbers or do not fit together, and for another activation.

    Examples
    --------
    >>> w, b, x = [[[0.5]]], [[0.0]], [[3.0], [0.0]]
    >>> mlp_forward_bound(w, b, x, activation="relu", precision=precision_of("float32")).round(9)
    array([[1.79e-07],
           [0.00e+00]])
    """
    with np.errstate(all="ignore"):
        return _forward(weights, biases, x, activation, _Rules(precision))[2][-1].error


def mlp_gradients_bound(
    weights: Layers,
    biases: Layers,
    x: ArrayLike,
    target: ArrayLike,
    *,
    activation: str,
    reduction: str = "mean",
    precision: Precision,
) -> tuple[list[Array], list[Array]]:
    """Return the largest errors of honest gradients of the mean squared error of an MLP's output.

    With g = 2 (y - target) / N at the last layer, and g W^T times the derivative of the activation at the one before:
    dW = h^T g and db is the sum of g over the examples.

    Parameters and errors as in ``mlp_forward_bound``, with the target (n, outputs), and with the reduction of
    ``mse_loss_bound`` over the output. Two lists, float64, in the shapes of the weights and of the biases.

    Examples
    --------
    >>> w, b, x, target = [[[0.5]]], [[0.0]], [[3.0]], [[1.5]]
    >>> dw, db = mlp_gradients_bound(w, b, x, target, activation="relu", precision=precision_of("float32"))
    >>> dw[0].round(9), db[0].round(9)
    (array([[1.073e-06]]), array([3.58e-07]))
    """
    with np.errstate(all="ignore"):
        ws, hs, zs = _forward(weights, biases, x, activation, _Rules(precision))
        d, rules = _difference(zs[-1], target, ("the output", "target"), reduction, _Rules(precision))
        g, ones = _loss_gradient(d, rules), _Bounded(np.ones((1, len(d.value))), np.zeros((1, len(d.value))))
        dw, db = [_matmul(hs[-1].transposed(), g, rules).error], [_matmul(ones, g, rules).error.ravel()]
        for i in reversed(range(1, len(ws))):
            g = _ACTIVATIONS[activation][1](_matmul(g, ws[i].transposed(), rules), zs[i - 1], hs[i], rules)
            dw.insert(0, _matmul(hs[i - 1].transposed(), g, rules).error)
            db.insert(0, _matmul(ones, g, rules).error.ravel())
        return dw, db

"""The bounds hold for everything honest, tried against exact fractions, and are sharp enough to expose what is not."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress.mlp.error_bounds import (
    FUNCTION_ULPS,
    Precision,
    mlp_forward_bound,
    mlp_gradients_bound,
    mse_gradient_bound,
    mse_loss_bound,
    precision_of,
)

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
REDUCTIONS = ("mean", "sum", "batch_mean")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "identity")
SINGLE = precision_of("float32")
each = lambda function, *arrays: np.vectorize(function, otypes=[object])(*arrays)  # noqa: E731


def divisor(shape, reduction):
    return {"mean": int(np.prod(shape)), "sum": 1, "batch_mean": shape[0]}[reduction]


# Exact results, in object arrays of fractions; tanh and sigmoid to 60 digits.


def exact(array):
    return each(Fraction, np.asarray(array, np.float64))


def exact_function(name, z):
    if name in ("relu", "identity"):
        return max(z, Fraction(0)) if name == "relu" else z
    with localcontext(Context(prec=60)):
        rate, magnitude = (2 if name == "tanh" else 1), min(abs(z), Fraction(150))
        decay = Fraction((Decimal(-rate * magnitude.numerator) / Decimal(magnitude.denominator)).exp())
    if name == "tanh":
        return (1 if z > 0 else -1) * (1 - decay) / (1 + decay)
    return (1 if z >= 0 else decay) / (1 + decay)


SLOPES = {
    "relu": lambda z, y: Fraction(int(z > 0)),
    "identity": lambda z, y: Fraction(1),
    "tanh": lambda z, y: 1 - y * y,
    "sigmoid": lambda z, y: y * (1 - y),
}


def exact_network(weights, biases, x, target, activation, n):
    weights, biases, hs, zs = [exact(w) for w in weights], [exact(b) for b in biases], [exact(x)], []
    for w, b in zip(weights, biases, strict=True):
        if zs:
            hs.append(each(lambda z: exact_function(activation, z), zs[-1]))
        zs.append(hs[-1] @ w + b)
    g = (zs[-1] - exact(target)) * Fraction(2, n)
    dw, db = [], []
    for i in reversed(range(len(weights))):
        dw.insert(0, hs[i].T @ g)
        db.insert(0, g.sum(axis=0))
        if i:
            g = (g @ weights[i].T) * each(SLOPES[activation], zs[i - 1], hs[i])
    return zs[-1], dw, db


def assert_within(computed, right, bound):
    """Assert that no error is above its bound; return the largest share of a bound."""
    worst = 0.0
    for got, true, limit in zip(np.ravel(computed), np.ravel(right), np.ravel(bound), strict=True):
        if limit < np.inf:
            error = abs((got if isinstance(got, Fraction) else Fraction(float(got))) - true)
            assert error <= Fraction(limit), (float(error), limit)
            worst = max(worst, float(error / Fraction(limit)) if error else 0.0)
    return worst


def assert_network_within(computed, inputs, activation, reduction, precision):
    """Assert that no output and no gradient is above its bound; return the largest share of each of the two."""
    weights, biases, x, target = inputs
    right = exact_network(*inputs, activation, divisor(np.shape(target), reduction))
    bound = mlp_forward_bound(weights, biases, x, activation=activation, precision=precision)
    forward = assert_within(computed[0], right[0], bound)
    bounds = mlp_gradients_bound(*inputs, activation=activation, reduction=reduction, precision=precision)
    shares = [
        assert_within(got, true, limit)
        for part, true_part, limits in zip(computed[1:], right[1:], bounds, strict=True)
        for got, true, limit in zip(part, true_part, limits, strict=True)
    ]
    return forward, max(shares)


# Inputs aimed at the hard places, in float64, of numbers that the precision holds.


def numbers(generator, shape, precision, flavour):
    normal = generator.normal(size=shape)
    if flavour == "ratios":
        normal = normal * 2.0 ** generator.integers(-12, 13, shape)
    elif flavour == "cancelling":
        normal = np.sign(normal) * (1.5 + generator.integers(-3, 4, shape) * 2 * precision.unit)
    elif flavour == "subnormal":
        normal = generator.integers(-40, 41, shape) * precision.tiny * 2.0 ** generator.integers(0, 4, shape)
    elif flavour == "zeros":
        normal = normal * (generator.random(shape) < 0.4)
    elif flavour == "grid":
        normal = generator.integers(-4, 5, shape) / 4
    significand, exponent = np.frexp(normal)
    held = np.ldexp(np.rint(significand / precision.unit) * precision.unit, exponent)
    low = np.abs(held) < precision.tiny / precision.unit
    return np.where(low, np.rint(np.where(low, held, 0) / precision.tiny) * precision.tiny, held)


FLAVOURS = ("ordinary", "ratios", "cancelling", "subnormal", "zeros", "grid")


def make_network(generator, sizes, n, precision):
    """Weights, biases, x and target; every other time the first example's pre-activations almost cancel."""
    pick = lambda *shape: numbers(generator, shape, precision, FLAVOURS[generator.integers(len(FLAVOURS))])  # noqa: E731
    weights = [pick(*pair) for pair in zip(sizes, sizes[1:], strict=False)]
    biases, x, target = [pick(size) for size in sizes[1:]], pick(n, sizes[0]), pick(n, sizes[-1])
    if generator.random() < 0.5:
        h, least = x[0], np.maximum(1, precision.tiny / precision.unit)
        for i, w in enumerate(weights[:-1]):
            z = h @ w
            significand, exponent = np.frexp(-z)
            biases[i] = np.where(np.abs(z) < least / 64, 0.0, np.ldexp(np.rint(significand / precision.unit), exponent))
            biases[i] = biases[i] * precision.unit
            h = np.maximum(z + biases[i], 0)
    return weights, biases, x, target


# An adversary: it computes with fractions, and errs in every operation by as much as an honest one may.


class Adversary:
    def __init__(self, precision, mode, seed):
        self.u, self.eta, self.mode = Fraction(precision.unit), Fraction(precision.tiny), mode
        self.generator = np.random.default_rng(seed)

    def fl(self, z, ulps=1, of=None):
        """Move z by ulps units of itself (or of another number) and by a quantum, if it is not 0."""
        if z == 0:
            return z
        direction = {"away": 1, "toward": -1, "upward": 1 if z > 0 else -1, "random": 0}[self.mode]
        direction = direction or int(self.generator.choice([-1, 1]))
        return z + direction * (1 if z > 0 else -1) * (ulps * self.u * (abs(z) if of is None else of) + self.eta)

    def sum(self, terms):
        terms = [term for term in terms if term != 0]  # a + 0 is a
        self.generator.shuffle(terms)
        total = Fraction(0)
        for i, term in enumerate(terms):
            total = self.fl(total + term) if i else term
        return self.fl(total)  # the store

    def matmul(self, a, b, bias=None):
        result = np.empty((len(a), b.shape[1]), object)
        for i, j in np.ndindex(result.shape):
            terms = [self.fl(p * q) for p, q in zip(a[i], b[:, j], strict=True)]
            result[i, j] = self.sum(terms if bias is None else [*terms, bias[j]])
        return result

    def scale(self, g, n):
        reciprocal = self.fl(1 / self.fl(Fraction(n))) if n > 1 else 1
        return each(lambda v: self.fl(v * reciprocal) if n > 1 else v, g)

    def function(self, name, z):
        y = exact_function(name, z)
        if name in ("relu", "identity"):
            return y
        return self.fl(self.fl(y, 2 * FUNCTION_ULPS, 1 if name == "sigmoid" else None))

    def slope(self, name, z, y, from_y):
        if name in ("relu", "identity"):
            return SLOPES[name](z, y)
        if not from_y:
            return self.fl(self.fl(SLOPES[name](z, exact_function(name, z)), 2 * FUNCTION_ULPS))
        return self.fl(self.fl(1 - self.fl(y * y) if name == "tanh" else y * self.fl(1 - y)))

    def loss(self, s, t, n, scale_first):
        d = each(lambda p, q: self.fl(p - q), s.ravel(), t.ravel())
        if scale_first:
            return self.sum(each(lambda p, q: self.fl(p * q), self.scale(d, n), d))
        return self.scale(self.sum(each(lambda p: self.fl(p * p), d)), n).item()

    def loss_gradient(self, s, t, n):
        return self.scale(each(lambda p, q: 2 * self.fl(p - q), s, t), n)

    def network(self, weights, biases, x, target, activation, n, scale_at, from_y):
        weights, biases, hs, zs = [exact(w) for w in weights], [exact(b) for b in biases], [exact(x)], []
        for w, b in zip(weights, biases, strict=True):
            if zs:
                hs.append(each(lambda z: self.function(activation, z), zs[-1]))
            zs.append(self.matmul(hs[-1], w, b))
        due = n if scale_at != "loss" else 1
        g = self.loss_gradient(zs[-1], exact(target), n if scale_at == "loss" else 1)
        dw, db = [], []
        for i in reversed(range(len(weights))):
            dw.insert(0, self.scale(self.matmul(hs[i].T, g), due))
            db.insert(0, self.scale(each(lambda *column: self.sum(column), *g), due))
            if i:
                slope = each(lambda z, y: self.slope(activation, z, y, from_y), zs[i - 1], hs[i])
                g = each(lambda p, q: p * q if q in (0, 1) else self.fl(self.fl(p * q)), self.matmul(g, weights[i].T), slope)
                if scale_at == "middle":
                    g, due = self.scale(g, due), 1
        return zs[-1], dw, db


MODES = ("away", "toward", "upward", "random")
COARSE = (Precision(2.0**-7, 2.0**-12, 1e30), Precision(2.0**-8, 2.0**-60, 1e30), precision_of("float16", flush=True))
PRECISIONS = (*map(precision_of, DTYPES), *COARSE)


def attack_loss(seed):
    generator = np.random.default_rng(seed)
    precision = PRECISIONS[generator.integers(len(PRECISIONS))]
    adversary = Adversary(precision, MODES[generator.integers(len(MODES))], seed)
    reduction, flavour = REDUCTIONS[generator.integers(3)], FLAVOURS[generator.integers(len(FLAVOURS))]
    s, t = (numbers(generator, (1 + seed % 5, 1 + seed % 3), precision, flavour) for _ in range(2))
    a, b, n = exact(s), exact(t), divisor(s.shape, reduction)
    bound = mse_loss_bound(s, t, reduction=reduction, precision=precision)
    loss = assert_within([adversary.loss(a, b, n, seed % 2)], [sum((a - b).ravel() ** 2) / n], [bound])
    bound = mse_gradient_bound(s, t, reduction=reduction, precision=precision)
    return loss, assert_within(adversary.loss_gradient(a, b, n), (a - b) * Fraction(2, n), bound)


def attack_network(seed):
    generator = np.random.default_rng(seed)
    precision = PRECISIONS[generator.integers(len(PRECISIONS))]
    adversary = Adversary(precision, MODES[generator.integers(len(MODES))], seed)
    sizes = generator.integers(1, 4, generator.integers(2, 5)).tolist()
    inputs = make_network(generator, sizes, int(generator.integers(1, 4)), precision)
    activation, reduction = ACTIVATIONS[generator.integers(4)], REDUCTIONS[generator.integers(3)]
    n, scale_at = divisor(inputs[3].shape, reduction), ("loss", "middle", "end")[generator.integers(3)]
    computed = adversary.network(*inputs, activation, n, scale_at, generator.random() < 0.5)
    return assert_network_within(computed, inputs, activation, reduction, precision)

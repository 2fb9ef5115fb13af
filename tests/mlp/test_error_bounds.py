"""The bounds hold for everything honest, tried against exact fractions, and are sharp enough to expose what is not."""

import itertools
import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import isqrt

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import mlp_bounds as oracle

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
    if name == "tanh" and abs(z) < Fraction(1, 10**20):
        return z - z**3 / 3  # to 80 digits
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
            assert isinstance(got, Fraction) or np.isfinite(got), (got, limit)
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


def held(values, precision):
    """Round to numbers of the precision."""
    significand, exponent = np.frexp(values)
    near = np.ldexp(np.rint(significand / precision.unit) * precision.unit, exponent)
    low = np.abs(near) < precision.tiny / precision.unit
    return np.where(low, np.rint(np.where(low, near, 0) / precision.tiny) * precision.tiny, near)


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
    return held(normal, precision)


FLAVOURS = ("ordinary", "ratios", "cancelling", "subnormal", "zeros", "grid")


def make_network(generator, sizes, n, precision):
    """Weights, biases, x and target; every other time the first example's pre-activations almost cancel."""
    pick = lambda *shape: numbers(generator, shape, precision, FLAVOURS[generator.integers(len(FLAVOURS))])  # noqa: E731
    weights = [pick(*pair) for pair in itertools.pairwise(sizes)]
    biases, x, target = [pick(size) for size in sizes[1:]], pick(n, sizes[0]), pick(n, sizes[-1])
    if generator.random() < 0.5:
        h = x[0]
        for i, w in enumerate(weights[:-1]):
            z = h @ w
            biases[i] = held(np.where(np.abs(z) < precision.largest / 2, -z, 0.0), precision)
            h = np.maximum(z + biases[i], 0)
    return weights, biases, x, target


# An adversary: it computes with fractions, and errs in every operation by as much as an honest one may.


class Adversary:
    def __init__(self, precision, mode, seed):
        self.u, self.eta, self.mode = Fraction(precision.unit), Fraction(precision.tiny), mode
        self.precision, self.generator = precision, np.random.default_rng(seed)

    def read(self, array):
        """The inputs as fractions; those that the precision does not hold are rounded, and small ones may underflow."""

        def rounded(value, same):
            z = Fraction(value)
            return z if same else self.fl(z, quantum=min(abs(z), self.eta) if abs(z) < self.eta / self.u else 0)

        return each(rounded, array, array == held(array, self.precision))

    def fl(self, z, ulps=1, of=None, quantum=None):
        """Move z by ulps units of itself (or of another number) and by a quantum, if it is not 0."""
        if z == 0:
            return z
        direction = {"away": 1, "toward": -1, "upward": 1 if z > 0 else -1, "random": 0}[self.mode]
        direction = direction or int(self.generator.choice([-1, 1]))
        error = ulps * self.u * (abs(z) if of is None else of) + (self.eta if quantum is None else quantum)
        return z + direction * (1 if z > 0 else -1) * error

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
        """By a rounded reciprocal of a rounded n, and with a store: 4 roundings."""
        reciprocal = self.fl(1 / self.fl(Fraction(n))) if n > 1 else 1
        return each(lambda v: self.fl(self.fl(v * reciprocal)) if n > 1 else v, g)

    def function(self, name, z):
        y = exact_function(name, z)
        if name in ("relu", "identity"):
            return y
        return self.fl(self.fl(y, 2 * FUNCTION_ULPS, 1 if name == "sigmoid" else None))

    def through(self, name, g, z, y, form):
        """The gradient at z, from that at y: by a slope from y, by one from z, or product by product as JAX does."""
        if name in ("relu", "identity"):
            return g * SLOPES[name](z, y)
        if form == "products":
            return self.fl(
                self.fl((self.fl(g + self.fl(g * y)) if name == "tanh" else self.fl(g * y)) * self.fl(1 - y))
            )
        if form == "z":
            slope = self.fl(SLOPES[name](z, exact_function(name, z)), 4 * FUNCTION_ULPS + 3)
        else:
            slope = self.fl(1 - self.fl(y * y) if name == "tanh" else y * self.fl(1 - y))
        return self.fl(self.fl(g * self.fl(slope)))

    def loss(self, s, t, n, form):
        d = each(lambda p, q: self.fl(p - q), s.ravel(), t.ravel())
        if form == "scaled first":
            return self.sum(each(lambda p, q: self.fl(p * q), self.scale(d, n), d))
        total = self.sum(each(lambda p: self.fl(p * p), d))
        if form == "norm":
            root = self.fl(Fraction(isqrt(int(max(total, 0) * 10**800)), 10**400))
            total = self.fl(root * root)
        return self.scale(total, n).item()

    def loss_gradient(self, s, t, n, factor=2):
        return self.scale(each(lambda p, q: factor * self.fl(self.fl(p - q)), s, t), n)

    def network(self, weights, biases, x, target, activation, n, scale_at, form, factor):
        """The factor 2 comes in first or last."""
        weights, biases = [self.read(w) for w in weights], [self.read(b) for b in biases]
        hs, zs = [self.read(x)], []
        for w, b in zip(weights, biases, strict=True):
            if zs:
                hs.append(each(lambda z: self.function(activation, z), zs[-1]))
            zs.append(self.matmul(hs[-1], w, b))
        due = n if scale_at != "loss" else 1
        g = self.loss_gradient(zs[-1], self.read(target), n if scale_at == "loss" else 1, factor)
        dw, db = [], []
        for i in reversed(range(len(weights))):
            dw.insert(0, self.scale(self.matmul(hs[i].T, g), due) * (2 // factor))
            db.insert(0, self.scale(each(lambda *column: self.sum(column), *g), due) * (2 // factor))
            if i:
                g = self.matmul(g, weights[i].T)
                g = each(lambda p, z, y: self.through(activation, p, z, y, form), g, zs[i - 1], hs[i])
                if scale_at == "middle":
                    g, due = self.scale(g, due), 1
        return zs[-1], dw, db


MODES = ("away", "toward", "upward", "random")
COARSE = (Precision(2.0**-7, 2.0**-12, 1e30), Precision(2.0**-8, 2.0**-60, 1e30), precision_of("float16", flush=True))
PRECISIONS = (*map(precision_of, DTYPES), *COARSE)


def choose(generator, options):
    return options[generator.integers(len(options))]


def attack_loss(seed):
    generator = np.random.default_rng(seed)
    precision, reduction = choose(generator, PRECISIONS), choose(generator, REDUCTIONS)
    adversary, flavour = Adversary(precision, choose(generator, MODES), seed), choose(generator, FLAVOURS)
    s, t = (numbers(generator, (1 + seed % 5, 1 + seed % 3), precision, flavour) for _ in range(2))
    if seed % 4 == 0:
        s, t = s * 1.37, t * 0.73  # no longer numbers that the precision holds
    a, b, n, form = (
        exact(s),
        exact(t),
        divisor(s.shape, reduction),
        choose(generator, ("plain", "norm", "scaled first")),
    )
    read = adversary.read(s), adversary.read(t)
    bound = mse_loss_bound(s, t, reduction=reduction, precision=precision)
    loss = assert_within([adversary.loss(*read, n, form)], [sum((a - b).ravel() ** 2) / n], [bound])
    bound = mse_gradient_bound(s, t, reduction=reduction, precision=precision)
    return loss, assert_within(adversary.loss_gradient(*read, n), (a - b) * Fraction(2, n), bound)


def attack_network(seed):
    generator = np.random.default_rng(seed)
    precision, reduction = choose(generator, PRECISIONS), choose(generator, REDUCTIONS)
    adversary, activation = Adversary(precision, choose(generator, MODES), seed), choose(generator, ACTIVATIONS)
    sizes = generator.integers(1, 4, generator.integers(2, 5)).tolist()
    inputs = make_network(generator, sizes, int(generator.integers(1, 4)), precision)
    if seed % 4 == 0:
        inputs = [w * 1.37 for w in inputs[0]], [b * 0.73 for b in inputs[1]], inputs[2] * 1.37, inputs[3] * 0.73
    how = (
        choose(generator, ("loss", "middle", "end")),
        choose(generator, ("y", "z", "products")),
        choose(generator, (1, 2)),
    )
    computed = adversary.network(*inputs, activation, divisor(inputs[3].shape, reduction), *how)
    return assert_network_within(computed, inputs, activation, reduction, precision)


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_no_adversary_breaks_the_bounds_of_the_loss_and_of_its_gradient(seed):
    assert max(attack_loss(seed)) <= 1


@settings(max_examples=120)
@given(st.integers(0, 2**32 - 1))
def test_no_adversary_breaks_the_bounds_of_the_output_and_of_the_gradients_of_a_network(seed):
    assert max(attack_network(seed)) <= 1


# Honest implementations in floats, written in unlike ways: all take and give arrays of the dtype.


def in_order(products, bias, order):
    total = None if bias is None or order != "bias first" else bias
    for product in products[::-1] if order == "reversed" else products:
        total = product if total is None else total + product
    return total + bias if bias is not None and order != "bias first" else total


def pairwise(products, bias, order):
    while len(products) > 1:
        products = [sum(products[i + 1 : i + 2], products[i]) for i in range(0, len(products), 2)]
    return products[0] if bias is None else bias + products[0]


def product_with(style):
    def by_columns(a, b, bias=None):
        products = [np.multiply.outer(a[:, k], b[k]) for k in range(a.shape[1])]
        return (pairwise if style == "pairwise" else in_order)(products, bias, style)

    def by_fma(a, b, bias=None):
        """One rounding for a product and its sum."""
        total = np.zeros((len(a), b.shape[1]), a.dtype) if bias is None else np.tile(bias, (len(a), 1))
        for k in range(a.shape[1]):
            wide = np.multiply.outer(a[:, k].astype(np.float64), b[k].astype(np.float64))
            total = (wide + total.astype(np.float64)).astype(a.dtype)
        return total

    def whole(a, b, bias=None):
        result = np.einsum("ij,jk->ik", a, b) if style == "einsum" else a @ b
        return result if bias is None else result + bias

    return {"fma": by_fma, "einsum": whole, "blas": whole}.get(style, by_columns)


STYLES = ("forward", "reversed", "bias first", "pairwise", "fma", "einsum", "blas", "wide", "stored")
LOSSES = {
    "forward": lambda d, n, one: in_order(list(d * d), None, "forward") / (one * n),
    "reversed": lambda d, n, one: in_order(list(d * d), None, "reversed") * (one / (one * n)),
    "pairwise": lambda d, n, one: pairwise(list(d * d), None, "") / (one * n),
    "divided first": lambda d, n, one: in_order(list(d / (one * n) * d), None, "forward"),
    "dot": lambda d, n, one: np.dot(d, d) / (one * n),
    "norm": lambda d, n, one: np.sqrt(np.dot(d, d)) ** 2 / (one * n),
    "wide": lambda d, n, one: np.asarray(np.sum(d.astype(np.float64) ** 2) / n).astype(d.dtype),
}
GRADIENTS = {
    "divided": lambda d, n, one: (d + d) / (one * n),
    "multiplied": lambda d, n, one: d * (one / (one * n)) * (one + one),
    "by 2 / N": lambda d, n, one: d * ((one + one) / (one * n)),
}


def float_activation(name, z, from_z):
    """The activation and its slope in the dtype of z."""
    one = z.dtype.type(1)
    if name == "relu":
        return np.maximum(z, z.dtype.type(0)), (z > 0).astype(z.dtype)
    if name == "identity":
        return z, np.ones_like(z)
    if name == "tanh":
        y = np.tanh(z)
        return y, one / np.cosh(z) ** 2 if from_z else one - y * y
    decay = np.exp(-np.abs(z))
    y = one / (one + np.exp(-z)) if from_z else (one + np.tanh(z / (one + one))) / (one + one)
    return y, decay / (one + decay) ** 2 if from_z else y * (one - y)


def float_network(weights, biases, x, target, activation, n, style, scale_at, from_z):
    """Forward and backward in the dtype of x; "wide" in float64, "stored" in float64 with each layer rounded."""
    dtype = x.dtype
    inner = np.dtype(np.float64) if style in ("wide", "stored") else dtype
    store = (lambda a: a.astype(dtype).astype(inner)) if style == "stored" else (lambda a: a)
    weights, biases = [w.astype(inner) for w in weights], [b.astype(inner) for b in biases]
    matmul = product_with("blas" if inner != dtype else style)
    hs, zs, slopes = [x.astype(inner)], [], []
    for w, b in zip(weights, biases, strict=True):
        if zs:
            h, slope = float_activation(activation, zs[-1], from_z)
            hs.append(store(h))
            slopes.append(store(slope))
        zs.append(store(matmul(hs[-1], w, b)))
    one = inner.type(1)
    scale = GRADIENTS["divided" if from_z else "multiplied"]
    g = zs[-1] - target.astype(inner)
    g, done = (store(scale(g, n, one)), True) if scale_at == "loss" else (g + g, False)
    last = lambda a: a if done else (a / (one * n) if from_z else a * (one / (one * n)))  # noqa: E731
    dw, db = [], []
    for i in reversed(range(len(weights))):
        dw.insert(0, last(matmul(hs[i].T, g)).astype(dtype))
        db.insert(0, last(in_order(list(g), None, style)).astype(dtype))
        if i:
            g = store(store(matmul(g, weights[i].T)) * slopes[i - 1])
    return zs[-1].astype(dtype), dw, db


def try_floats_on_loss(seed):
    generator = np.random.default_rng(seed)
    name = list(DTYPES)[generator.integers(4)]
    precision, dtype, reduction = precision_of(name), DTYPES[name], REDUCTIONS[generator.integers(3)]
    shape, flavour = (1 + seed % 6, 1 + seed % 4), FLAVOURS[generator.integers(len(FLAVOURS))]
    s, t = (numbers(generator, shape, precision, flavour).astype(dtype) for _ in range(2))
    a, b, n = exact(s), exact(t), divisor(shape, reduction)
    right, one, d = sum((a - b).ravel() ** 2) / n, s.dtype.type(1), (s - t).ravel()
    bound = mse_loss_bound(s, t, reduction=reduction, precision=precision)
    gradient_bound = mse_gradient_bound(s, t, reduction=reduction, precision=precision)
    with np.errstate(over="ignore"):  # beyond the largest number nothing is asserted
        losses, gradients = ([f(v, n, one) for f in fs.values()] for v, fs in ((d, LOSSES), (s - t, GRADIENTS)))
    return (
        max(assert_within([loss], [right], [bound]) for loss in losses),
        max(assert_within(g, (a - b) * Fraction(2, n), gradient_bound) for g in gradients),
    )


def try_floats_on_network(seed):
    generator = np.random.default_rng(seed)
    name, style = list(DTYPES)[generator.integers(4)], STYLES[generator.integers(len(STYLES))]
    precision, sizes = precision_of(name), generator.integers(1, 6, generator.integers(2, 5)).tolist()
    weights, biases, x, target = make_network(generator, sizes, int(generator.integers(1, 6)), precision)
    cast = lambda a: a.astype(DTYPES[name])  # noqa: E731
    inputs = [cast(w) for w in weights], [cast(b) for b in biases], cast(x), cast(target)
    activation, reduction = ACTIVATIONS[generator.integers(4)], REDUCTIONS[generator.integers(3)]
    n, scale_at = divisor(target.shape, reduction), ("loss", "end")[generator.integers(2)]
    if name == "bfloat16" and style in ("einsum", "blas"):
        style = "pairwise"  # NumPy multiplies matrices of bfloat16 by other means
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the largest number nothing is asserted
        computed = float_network(*inputs, activation, n, style, scale_at, generator.random() < 0.5)
    return assert_network_within(computed, inputs, activation, reduction, precision)


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_no_float_implementation_of_the_loss_breaks_its_bounds(seed):
    assert max(try_floats_on_loss(seed)) <= 1


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_no_float_implementation_of_a_network_breaks_its_bounds(seed):
    assert max(try_floats_on_network(seed)) <= 1


# An arithmetic that flushes subnormals, and one that is less precise than its inputs.


def flushed(a):
    return np.where(np.abs(a) < 2.0**-126, np.float32(0), a)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_an_arithmetic_that_takes_subnormals_for_zero_is_within_the_bounds_for_it(seed):
    generator, flavour = np.random.default_rng(seed), FLAVOURS[seed % len(FLAVOURS)]
    s, t = (numbers(generator, (3, 2), SINGLE, flavour).astype(np.float32) * np.float32(2.0**-100) for _ in range(2))
    w, b = numbers(generator, (2, 1), SINGLE, "ratios").astype(np.float32), np.zeros(1, np.float32)
    d = flushed(flushed(s) - flushed(t))
    z = flushed(flushed(s)[:, :1] * w[0]) + flushed(flushed(s)[:, 1:] * w[1])
    flush = precision_of("float32", flush=True)
    assert_within(flushed(d + d), 2 * (exact(s) - exact(t)), mse_gradient_bound(s, t, reduction="sum", precision=flush))
    assert_within(flushed(z), exact(s) @ exact(w), mlp_forward_bound([w], [b], s, activation="relu", precision=flush))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_inputs_that_the_precision_does_not_hold_may_be_rounded_when_they_are_read(seed):
    generator = np.random.default_rng(seed)
    weights, biases, x, target = make_network(generator, [3, 3, 2], 2, precision_of("float64"))
    narrow = [w.astype(np.float32) for w in weights], [b.astype(np.float32) for b in biases], np.float32(x)
    computed = float_network(*narrow, np.float32(target), "relu", 4, "blas", "loss", True)
    assert_network_within(computed, (weights, biases, x, target), "relu", "mean", SINGLE)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("float16", [[1600.0], [-1597.0]], [[1.0]]),  # a slope where the error may lead: a sum of 3 may come out as 1.5
        ("float32", [[1.0], [0.0]], [[2.0**-120]]),  # a gradient of some quanta
    ],
)
def test_no_adversary_breaks_the_bounds_at_the_hard_places_of_a_smooth_activation(
    name, first, second, activation, mode
):
    precision = precision_of(name, flush=name == "float32")
    inputs = [np.array(first), np.array(second)], [np.zeros(1), np.zeros(1)], np.ones((1, 2)), -np.ones((1, 1))
    for seed, (form, factor) in enumerate([(f, k) for f in ("y", "z", "products") for k in (1, 2)] * 3):
        computed = Adversary(precision, mode, seed).network(*inputs, activation, 1, "loss", form, factor)
        assert_network_within(computed, inputs, activation, "sum", precision)


def test_terms_that_are_each_too_small_to_count_excuse_a_relu_that_is_off():
    u, ones = SINGLE.unit, np.ones((1, 20), np.float32)
    weights, biases = [np.array([[1.0], *[[u]] * 18, [-1.0]]), np.ones((1, 1))], [np.zeros(1), np.zeros(1)]
    assert in_order(list(np.float32(weights[0][:, 0])), None, "forward") == 0  # where 18 u is right
    right = 2 * (18 * u - 5.0)
    dw, db = mlp_gradients_bound(weights, biases, ones, [[5.0]], activation="relu", reduction="sum", precision=SINGLE)
    assert db[0][0] >= abs(right)
    assert (dw[0] >= abs(right)).all()


def test_a_reciprocal_that_is_flushed_to_zero_is_within_the_bound_for_such_an_arithmetic():
    s, t = np.full(20_000, 50.0), np.zeros(20_000)
    bound = mse_gradient_bound(s, t, reduction="mean", precision=precision_of("float16", flush=True))
    assert (bound >= 100 / 20_000).all()  # 1 / 20000 is no normal float16: the gradient comes out as 0
    assert (mse_gradient_bound(s, t, reduction="mean", precision=precision_of("float16")) < 100 / 20_000).all()


def test_a_gradient_that_can_overflow_before_a_dead_relu_promises_nothing():
    weights, biases = [np.array([[1.0, -1.0]]), np.array([[1.0], [60000.0]])], [np.zeros(2), np.zeros(1)]
    for name, limit in (("float16", np.inf), ("float32", 0.0)):  # inf times the relu's 0 is nan
        arguments = weights, biases, [[1.0]], [[5.0]]
        dw, _ = mlp_gradients_bound(*arguments, activation="relu", precision=precision_of(name))
        assert dw[0][0, 1] == limit


# Where nothing is rounded, nothing may differ.


@pytest.mark.parametrize("precision", PRECISIONS)
def test_equal_student_and_teacher_leave_no_error(precision):
    s = np.array([[0.5, -2.0], [0.0, 1.0]])
    assert mse_loss_bound(s, s, reduction="mean", precision=precision) == 0
    assert not mse_gradient_bound(s, s, reduction="mean", precision=precision).any()


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_zeros_leave_no_error(activation):
    weights, biases = [np.ones((3, 4)), np.ones((4, 2))], [np.zeros(4), np.zeros(2)]
    x, target = np.zeros((5, 3)), np.zeros((5, 2))
    assert not mlp_forward_bound(weights, biases, x, activation=activation, precision=SINGLE).any()
    for part in mlp_gradients_bound(weights, biases, x, target, activation=activation, precision=SINGLE):
        assert not any(bound.any() for bound in part)


def test_a_dead_unit_leaves_no_error_in_its_gradient_and_in_what_it_feeds():
    weights, biases = [np.array([[1.0, -1.0]]), np.array([[0.3], [0.3]])], [np.zeros(2), np.zeros(1)]
    dw, db = mlp_gradients_bound(weights, biases, [[1.7], [2.9]], [[5.0], [5.0]], activation="relu", precision=SINGLE)
    assert dw[0][0, 1] == 0
    assert db[0][1] == 0
    assert dw[1][1, 0] == 0
    assert dw[0][0, 0] > 0
    assert db[0][0] > 0
    assert dw[1][0, 0] > 0


def test_a_pre_activation_of_exactly_zero_is_no_excuse():
    weights, biases, x = [np.zeros((1, 1)), np.array([[0.3]])], [np.zeros(1), np.zeros(1)], [[1.7]]
    dw, db = mlp_gradients_bound(weights, biases, x, [[5.0]], activation="relu", precision=SINGLE)
    assert dw[0] == 0
    assert db[0] == 0


def test_a_pre_activation_within_its_own_bound_of_zero_excuses_the_gradient_of_its_unit_alone():
    weights, biases = [np.array([[0.1, 0.1]], np.float32), np.ones((2, 1))], [-np.float32([0.1, 0.2]), np.zeros(1)]
    _dw, db = mlp_gradients_bound(weights, biases, [[1.0]], [[-1.0]], activation="relu", precision=SINGLE)
    assert db[0][0] >= 2
    assert db[0][1] == 0


# Sharpness: ordinary float32 data.


def ordinary(seed, sizes=(64, 48, 48, 10), n=16):
    generator = np.random.default_rng(seed)
    weights = [(generator.normal(size=p) / p[0] ** 0.5).astype(np.float32) for p in itertools.pairwise(sizes)]
    biases = [generator.normal(size=size).astype(np.float32) / 4 for size in sizes[1:]]
    x, target = (generator.normal(size=(n, size)).astype(np.float32) for size in (sizes[0], sizes[-1]))
    return weights, biases, x, target


def gamma(k):
    return k * SINGLE.unit / (1 - k * SINGLE.unit)


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_the_bounds_of_the_loss_are_small_against_the_sum_of_its_terms(n):
    s, t = np.random.default_rng(n).normal(size=(2, n)).astype(np.float32)
    loss = np.sum((s.astype(np.float64) - t) ** 2) / n
    bound = mse_loss_bound(s, t, reduction="mean", precision=SINGLE)
    # m + 6 for the loss, 4 for the scaling, and 1 for the quanta and the evaluation in float64
    assert 0 < bound <= gamma(n + 11) * loss < 1e-4 * loss
    gradient = mse_gradient_bound(s, t, reduction="mean", precision=SINGLE)
    assert (gradient <= gamma(2 + 4 + 1) * np.abs(s.astype(np.float64) - t) * 2 / n).all()


def test_the_bounds_of_a_network_are_small_against_the_sums_of_their_absolute_terms():
    """A layer of m terms costs gamma_{m+1}, and one u more for the products of errors and the evaluation.

    These are at most gamma_j gamma_k < u for j k u < 1. Rounding counts add up along the way to an element: to y, then
    6 for the loss's gradient, then back; and terms add up in absolute value, here for the identity.
    """
    weights, biases, x, target = ordinary(0)
    h, counts = [np.abs(x.astype(np.float64))], [0]
    for w, b in zip(weights, biases, strict=True):
        h.append(h[-1] @ np.abs(w) + np.abs(b))
        counts.append(counts[-1] + len(w) + 1 + 2)
    bound = mlp_forward_bound(weights, biases, x, activation="identity", precision=SINGLE)
    assert (bound <= gamma(counts[-1]) * h[-1]).all()
    dw, db = mlp_gradients_bound(weights, biases, x, target, activation="identity", precision=SINGLE)
    g, count = (h[-1] + np.abs(target)) * 2 / target.size, counts[-1] + 6 + 1
    for i in reversed(range(len(weights))):
        assert (dw[i] <= gamma(counts[i] + count + len(x) + 2) * (h[i].T @ g)).all()
        assert (db[i] <= gamma(count + len(x) + 2) * g.sum(axis=0)).all()
        g, count = g @ np.abs(weights[i].T), count + len(weights[i].T) + 2
    assert gamma(counts[-2] + count) < 1e-4


def test_underflow_excuses_two_quanta_a_term_and_no_more():
    half = precision_of("float16")
    bound = mlp_forward_bound([[[2.0**-14]] * 3], [[0.0]], [[2.0**-10] * 3], activation="relu", precision=half)
    assert bound < 6.1 * half.tiny  # gamma_4 and the size of the terms, 3 eta / 8, make 0.02 of it


def reference(weights, biases, x, target, activation, n, fault=None):
    """Float64, right or with one fault."""
    weights, hs, zs = [w.astype(np.float64) for w in weights], [x.astype(np.float64)], []
    for w, b in zip(weights, biases, strict=True):
        if zs:
            hs.append(float_activation(activation, zs[-1], False)[0])
        zs.append(hs[-1] @ w + b)
    g = (zs[-1] - target) * (1 if fault == "no factor 2" else 2) / n
    g = g / len(x) if fault == "the batch divided twice" else g * n if fault == "the batch never divided" else g
    dw, db = [], []
    for i in reversed(range(len(weights))):
        rows = slice(1, None) if fault == "the first example dropped" else slice(None)
        dw.insert(0, hs[i][rows].T @ g[rows])
        db.insert(0, np.mean(g, axis=0) if fault == "the bias gradient as a mean" else g[rows].sum(axis=0))
        if fault == "one bias gradient for all units":
            db[0] = np.full_like(db[0], g.sum())
        if i:
            w = weights[i] - 0.1 * dw[0] if fault == "the next layer's weights updated already" else weights[i]
            z, y = zs[i - 1], hs[i]
            slope = np.asarray({"tanh": 1 - y * y, "relu": z > 0, "sigmoid": y * (1 - y)}[activation], np.float64)
            if fault == "the wrong slope":
                slope = {"tanh": 1 - y, "relu": np.where(z > 0, 1, 0.01), "sigmoid": y}[activation]
            if fault == "the slope of the layer above":
                slope = np.roll(slope, 1, axis=1)
            g = (g @ w.T) * slope
    return zs[-1], dw, db


FAULTS = (
    "no factor 2",
    "the batch divided twice",
    "the batch never divided",
    "the first example dropped",
    "the bias gradient as a mean",
    "one bias gradient for all units",
    "the next layer's weights updated already",
    "the wrong slope",
    "the slope of the layer above",
)


def exceeds(wrong, right, bound):
    return bool((np.abs(wrong.astype(np.float64) - right) > bound).any())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_backward_pass_exceeds_its_bounds_in_every_array_that_it_changes(seed, activation, fault):
    inputs = ordinary(seed)
    right, wrong = (reference(*inputs, activation, inputs[3].size, f) for f in (None, fault))
    bounds = mlp_gradients_bound(*inputs, activation=activation, precision=SINGLE)
    triples = list(zip(wrong[1] + wrong[2], right[1] + right[2], bounds[0] + bounds[1], strict=True))
    changed = [not np.array_equal(a, b) for a, b, _ in triples]
    assert any(changed)
    assert [exceeds(*triple) for triple in triples] == changed


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "ten bits of each operand"])
def test_an_arithmetic_that_is_less_precise_than_stated_exceeds_the_bounds(kind):
    weights, biases, x, target = inputs = ordinary(4)
    right = reference(*inputs, "relu", target.size)
    if kind == "ten bits of each operand":  # and one before the point, as some matrix units have
        cut = lambda a: held(a, Precision(2.0**-11, 2.0**-136, 1e38))  # noqa: E731
        wrong = reference([cut(w) for w in weights], biases, cut(x), target, "relu", target.size)
    else:
        cast = lambda a: a.astype(DTYPES[kind])  # noqa: E731
        low = [cast(w) for w in weights], [cast(b) for b in biases], cast(x), cast(target)
        wrong = float_network(*low, "relu", target.size, "forward", "loss", True)
    assert exceeds(wrong[0], right[0], mlp_forward_bound(weights, biases, x, activation="relu", precision=SINGLE))
    bounds = mlp_gradients_bound(*inputs, activation="relu", precision=SINGLE)
    assert any(map(exceeds, wrong[1], right[1], bounds[0]))
    assert any(map(exceeds, wrong[2], right[2], bounds[1]))


WRONG_LOSSES = (
    lambda d: np.sum(d**2) / (d.size - 1),
    lambda d: np.mean(d**2) / 2,
    lambda d: np.mean(np.abs(d)),
    lambda d: np.mean(d) ** 2,
)


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_loss_exceeds_its_bound(seed):
    s, t = np.random.default_rng(seed).normal(size=(2, 1000)).astype(np.float32)
    d = s.astype(np.float64) - t
    bound = mse_loss_bound(s, t, reduction="mean", precision=SINGLE)
    assert all(abs(wrong(d) - np.mean(d**2)) > bound for wrong in WRONG_LOSSES)


@pytest.mark.parametrize("seed", range(3))
def test_a_dropped_element_exceeds_the_bound_of_the_loss_unless_roundings_could_hide_it(seed):
    s, t = np.random.default_rng(seed).normal(size=(2, 200)).astype(np.float32)
    d = s.astype(np.float64) - t
    bound = mse_loss_bound(s, t, reduction="mean", precision=SINGLE)
    seen = np.array([abs(np.sum(np.delete(d, i) ** 2) / d.size - np.mean(d**2)) > bound for i in range(d.size)])
    assert seen[d**2 > gamma(d.size + 12) * np.sum(d**2)].all()  # one more than the bound of the bound, above
    assert seen.sum() > d.size / 2


# The derivation, in exact arithmetic. Units and quanta are large, so that each of its steps counts.

DERIVED = {
    "float16": precision_of("float16"),
    "float32": precision_of("float32"),
    "float64": precision_of("float64"),
    "few bits": Precision(2.0**-8, 2.0**-140, 1e30),
    "large quanta": Precision(2.0**-53, 2.0**-11, 1e30),
    "few bits and large quanta": Precision(2.0**-9, 2.0**-12, 1e30),
}
MSE = [(mse_loss_bound, oracle.mse_loss_bound), (mse_gradient_bound, oracle.mse_gradient_bound)]


BELOW, ABOVE = (lambda v: math.nextafter(v, 0.0)), (lambda v: math.nextafter(v, math.inf))


def parts(precision):
    return {"unit": precision.unit, "tiny": precision.tiny, "largest": precision.largest}


def lists(arrays):
    return [np.asarray(array, np.float64).tolist() for array in arrays]


def assert_derived(found, derived, lost, quanta=0):
    for bound, right in zip(*(np.ravel(np.array(part, object)) for part in (found, derived)), strict=True):
        if right == math.inf:
            assert bound == math.inf
        else:
            assert abs(Fraction(bound) - right) <= right * lost + quanta * Fraction(1, 2**1074)


def assert_mse_derived(function, twin, student, teacher, reduction, precision):
    """One step, of which the evaluation loses what its docstring says: return the sizes that must be held."""
    found = function(student, teacher, reduction=reduction, precision=precision)
    derived, held = twin(*lists((student, teacher)), reduction, **parts(precision))
    count = np.size(student) + 64
    assert_derived(found, derived, count * Fraction(1, 2**53), count)
    return held


def assert_network_derived(inputs, activation, reduction, precision):
    """Return the sizes that must be held.

    Three layers are at most 3 steps forward each, one of the loss, and 3 back for each. With a smooth activation
    values are off by c e, and so are sizes |v| + 2 e by c / 2 of themselves.
    """
    weights, biases, x, target = inputs
    given = lists(weights), lists(biases), *lists((x, target))
    c = Fraction(1, 2**53) / Fraction(precision.unit) if activation in ("tanh", "sigmoid") else 0
    lost = 19 * ((4 + 64) * Fraction(1, 2**53) + c / 2)
    found = mlp_forward_bound(weights, biases, x, activation=activation, precision=precision)
    assert_derived(found, oracle.mlp_forward_bound(*given[:3], activation, **parts(precision))[0], lost)
    found = mlp_gradients_bound(*inputs, activation=activation, reduction=reduction, precision=precision)
    *derived, held = oracle.mlp_gradients_bound(*given, activation, reduction, **parts(precision))
    for part, right in zip(found, derived, strict=True):
        for array, matrix in zip(part, right, strict=True):
            assert_derived(array, matrix, lost)
    return held


@pytest.mark.parametrize(("function", "twin"), MSE)
@pytest.mark.parametrize("precision", DERIVED)
def test_the_bounds_of_the_loss_are_those_of_the_derivation(precision, function, twin):
    for seed in range(30):
        generator = np.random.default_rng(seed)
        shape, flavour = generator.integers(1, 4, 2), FLAVOURS[seed % len(FLAVOURS)]
        s, t = (numbers(generator, shape, DERIVED[precision], flavour) for _ in range(2))
        if seed % 2:
            s, t = s * 1.37, t * 0.73  # numbers that the precision does not hold
        assert_mse_derived(function, twin, s, t, REDUCTIONS[seed % 3], DERIVED[precision])


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("precision", DERIVED)
def test_the_bounds_of_a_network_are_those_of_the_derivation(precision, activation):
    """Of numbers of few bits, sums of products are exact in float64."""
    for seed in range(8):
        generator, coarse = np.random.default_rng(seed), DERIVED[precision].unit >= 2.0**-11
        sizes, n = generator.integers(1, 4, 2 + seed % 3).tolist(), int(generator.integers(1, 4))
        pick = DERIVED[precision] if coarse else Precision(2.0**-8, 2.0**-20, 1e30)
        weights, biases, x, target = make_network(generator, sizes, n, pick)
        if seed % 4 == 0 and coarse:
            x, target, weights = x * 1.37, target * 0.73, [w * 0.73 for w in weights]
        assert_network_derived((weights, biases, x, target), activation, REDUCTIONS[seed % 3], DERIVED[precision])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("function", "twin"), MSE)
def test_what_is_promised_of_a_loss_ends_where_its_sizes_reach_the_largest_number(function, twin, reduction):
    s, t, precision = np.array([[3.0, 5.0], [-2.0, 7.0]]), np.zeros((2, 2)), DERIVED["few bits"]
    for held in {h for h in assert_mse_derived(function, twin, s, t, reduction, precision) if h > 1.1}:
        for k in (1 - 2.0**-20, 1 + 2.0**-20):
            narrow = Precision(precision.unit, precision.tiny, float(held) * k)
            assert_mse_derived(function, twin, s, t, reduction, narrow)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_promised_of_a_network_ends_where_its_sizes_reach_the_largest_number(activation):
    inputs = [np.full((1, 1), 3.0), np.full((1, 1), 5.0)], [np.zeros(1), np.ones(1)], np.ones((3, 1)), -np.ones((3, 1))
    precision = DERIVED["few bits"]
    for held in {h for h in assert_network_derived(inputs, activation, "mean", precision) if h > 1.1}:
        for k in (1 - 2.0**-20, 1 + 2.0**-20):
            narrow = Precision(precision.unit, precision.tiny, float(held) * k)
            assert_network_derived(inputs, activation, "mean", narrow)


def test_the_evaluation_of_a_bound_is_covered_by_64_units_and_one_for_each_term():
    """Here gamma is 1, and only the last product of the evaluation is rounded."""
    quarter, eighth, sixteenth = (Precision(u, 2.0**-12, 1e30) for u in (1 / 4, 1 / 8, 1 / 16))
    bound = mse_gradient_bound([[1.0]], [[0.0]], reduction="sum", precision=quarter)
    derived, _ = oracle.mse_gradient_bound([[1.0]], [[0.0]], "sum", **parts(quarter))
    assert bound.tolist() == [[float(derived[0][0])]]
    loss = mse_loss_bound([[1.0, 1.0, 0.0]], [[0.0] * 3], reduction="sum", precision=sixteenth)
    derived, _ = oracle.mse_loss_bound([[1.0, 1.0, 0.0]], [[0.0] * 3], "sum", **parts(sixteenth))
    assert loss == float(derived[0][0])
    inputs = [[[1.0]] * 3], [[0.0]], [[1.0] * 3]
    output = mlp_forward_bound(*inputs, activation="relu", precision=eighth)
    derived, _ = oracle.mlp_forward_bound(*inputs, "relu", **parts(eighth))
    assert output.tolist() == [[float(derived[0][0])]]


def test_quanta_of_the_evaluation_are_covered():
    precision = precision_of("float64")
    bound = mse_gradient_bound([[2.0**-1060]], [[0.0]], reduction="sum", precision=precision)
    derived, _ = oracle.mse_gradient_bound([[2.0**-1060]], [[0.0]], "sum", **parts(precision))
    assert Fraction(bound.item()) * 2**1074 == round(derived[0][0] * 2**1074)  # 6 quanta of the arithmetic, and 65


def test_a_size_of_exactly_the_largest_number_promises_nothing():
    precision = Precision(1 / 4, 2.0**-12, 1e30)
    held = float(max(oracle.mse_gradient_bound([[1.0]], [[0.0]], "sum", **parts(precision))[1]))
    at, past = (
        mse_gradient_bound([1.0], [0.0], reduction="sum", precision=Precision(1 / 4, 2.0**-12, largest))
        for largest in (held, math.nextafter(held, math.inf))
    )
    assert at == np.inf
    assert past < np.inf


def test_a_divisor_of_exactly_the_largest_number_promises_nothing():
    s, t = [0.01, 0.01, 0.01], [0.0] * 3
    at, past = (
        mse_gradient_bound(s, t, reduction="mean", precision=Precision(2.0**-24, 2.0**-149, largest))
        for largest in (3.0, 3.1)
    )
    assert np.isinf(at).all()
    assert np.isfinite(past).all()


def test_a_relu_is_uncertain_as_far_as_its_pre_activation_may_reach_and_no_further():
    """In float64 c is 1. The bias alone is z, and e is what the bound of a layer without an activation says."""
    precision, x, w = Precision(2.0**-53, 2.0**-12, 1e30), [[0.0]], [[[1.0]], [[1.0]]]
    settings = {"activation": "relu", "precision": precision}
    reach = z = 1.0
    for _ in range(4):  # z moves its own e by some units of itself alone
        z, reach = reach, 2 * mlp_forward_bound(w[:1], [[reach]], x, **settings).item()
    assert reach == z
    assert mlp_forward_bound(w, [[-z], [0.0]], x, **settings) == 0
    assert mlp_forward_bound(w, [[BELOW(-z)], [0.0]], x, **settings) > 0
    for bias, uncertain in ((BELOW(z), True), (z, True), (ABOVE(z), False), (-ABOVE(z), False), (BELOW(-z), True)):
        _, db = mlp_gradients_bound(w, [[bias], [0.0]], x, [[-9.0]], reduction="sum", **settings)
        assert (db[0] > 1) == uncertain


def test_an_input_as_large_as_eta_over_u_loses_no_quantum():
    precision = Precision(3 * 2.0**-10, 3 * 2.0**-20, 1e30)
    at, below = (
        mse_gradient_bound([s], [0.0], reduction="sum", precision=precision) for s in (2.0**-10, BELOW(2.0**-10))
    )
    assert at + 2 * precision.tiny < below


def test_the_slope_within_reach_is_rounded_upward_by_units_of_z():
    """Of z = 14 with e near 1, so that 8 units of z in the exponent, 2 (z - e), are 224 in the slope."""
    inputs = [[[60.0]], [[2.0**40]], [[1.0]]], [[0.0], [14 - 2.0**40], [0.0]], [[1.0]]
    precision = Precision(2.0**-45, 2.0**-149, 1e30)
    bound = mlp_forward_bound(*inputs, activation="tanh", precision=precision)
    derived, _ = oracle.mlp_forward_bound(*inputs, "tanh", **parts(precision))
    assert_derived(bound, derived, Fraction(64, 2**53))


def test_a_slope_below_the_normal_floats_counts_as_the_smallest_of_them():
    inputs = [[[2.0**1000]], [[1.0]]], [[0.0], [0.0]], [[2.0**22]]
    precision = precision_of("float64")
    bound = mlp_forward_bound(*inputs, activation="tanh", precision=precision)
    derived, _ = oracle.mlp_forward_bound(*inputs, "tanh", **parts(precision))
    assert_derived(bound, derived, Fraction(64, 2**53))


# What is not promised, and what is refused.


def test_a_sum_too_long_for_its_precision_promises_nothing():
    s, t = np.ones(3000), np.zeros(3000)
    assert mse_loss_bound(s, t, reduction="mean", precision=precision_of("float16")) == np.inf
    assert mse_loss_bound(s, t, reduction="mean", precision=SINGLE) < 1e-3


def test_a_sum_that_can_reach_the_largest_number_promises_nothing():
    s, t = np.full(300, 20.0), np.zeros(300)
    assert mse_loss_bound(s, t, reduction="mean", precision=precision_of("float16")) == np.inf  # 120000 before the mean
    assert mse_loss_bound(s[:100], t[:100], reduction="mean", precision=precision_of("float16")) < 60


def test_a_divisor_beyond_the_largest_number_promises_nothing():
    s, t = np.full(70_000, 1e-3), np.zeros(70_000)
    assert (mse_gradient_bound(s, t, reduction="mean", precision=precision_of("float16")) == np.inf).all()
    assert np.isfinite(mse_gradient_bound(s, t, reduction="sum", precision=precision_of("float16"))).all()


def test_what_is_not_finite_promises_nothing_for_the_results_that_it_touches():
    bound = mse_gradient_bound([1.0, np.nan, -np.inf], [0.5, 0.0, 0.0], reduction="sum", precision=SINGLE)
    assert np.isfinite(bound).tolist() == [True, False, False]
    x = [[1.0, 2.0], [np.inf, 0.0]]
    bound = mlp_forward_bound([np.zeros((2, 1))], [[0.0]], x, activation="relu", precision=SINGLE)
    assert bound.ravel().tolist() == [0.0, np.inf]  # inf times 0 is nan


@pytest.mark.parametrize("name", DTYPES)
def test_the_precision_of_a_dtype_is_what_its_own_description_says(name):
    info = ml_dtypes.finfo(DTYPES[name])
    for dtype in (name, DTYPES[name], np.dtype(DTYPES[name])):
        precision = precision_of(dtype)
        assert precision == Precision(float(info.eps) / 2, float(info.smallest_subnormal), float(info.max))
        assert precision_of(dtype, flush=True).tiny == float(info.smallest_normal)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_a_better_precision_has_smaller_bounds(seed):
    inputs = make_network(np.random.default_rng(seed), [2, 3, 1], 2, precision_of("bfloat16"))
    better, worse = (
        np.concatenate([b.ravel() for p in mlp_gradients_bound(*inputs, activation="tanh", precision=q) for b in p])
        for q in (precision_of("float64"), SINGLE)
    )
    assert (better <= worse).all()


def test_any_layout_gives_the_same_bounds():
    weights, biases, x, target = ordinary(1, (5, 4, 3), 6)
    other = [np.asfortranarray(w) for w in weights], [b.astype(">f4") for b in biases], np.repeat(x, 2, 0)[::2], target
    for array in (*other[0], *other[1], *other[2:]):
        array.flags.writeable = False
    right, again = (
        mlp_gradients_bound(*i, activation="tanh", precision=SINGLE) for i in ((weights, biases, x, target), other)
    )
    for a, b in zip(right[0] + right[1], again[0] + again[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=2.0**-45)  # sums of at most 6 terms, in another order, a few times over


def test_empty_and_0d_arrays_work():
    assert mse_loss_bound([], [], reduction="sum", precision=SINGLE) == 0
    assert mse_loss_bound(0.3, 0.1, reduction="mean", precision=SINGLE) > 0
    assert mse_gradient_bound(np.empty((0, 3)), np.empty((0, 3)), reduction="mean", precision=SINGLE).shape == (0, 3)
    dw, db = mlp_gradients_bound(
        [np.ones((2, 3))], [np.ones(3)], np.empty((0, 2)), np.empty((0, 3)), activation="relu", precision=SINGLE
    )
    assert dw[0].shape == (2, 3)
    assert not dw[0].any()
    assert not db[0].any()


@pytest.mark.parametrize(
    ("unit", "tiny", "largest"),
    [
        (2.0**-53, 2.0**-1074, BELOW(math.inf)),
        (BELOW(1.0), 2.0**-1021, 2.0),
        (2.0**-8, 2.0**-1029, 2.0),
        (2.0**-8, BELOW(2.0**-10), ABOVE(1.0)),
    ],
)
def test_a_precision_may_be_at_either_end_of_its_ranges(unit, tiny, largest):
    precision = Precision(unit, tiny, largest)
    assert (precision.unit, precision.tiny, precision.largest) == (unit, tiny, largest)


@pytest.mark.parametrize(
    ("unit", "tiny", "largest"),
    [
        (BELOW(2.0**-53), 2.0**-100, 2.0),
        (1.0, 2.0**-100, 2.0),
        (math.nan, 2.0**-100, 2.0),
        (2.0**-8, BELOW(2.0**-1029), 2.0),
        (2.0**-8, 2.0**-10, 2.0),
        (2.0**-8, math.nan, 2.0),
        (2.0**-8, 2.0**-100, 1.0),
        (2.0**-8, 2.0**-100, math.inf),
        (2.0**-8, 2.0**-100, math.nan),
    ],
)
def test_a_precision_past_the_ends_of_its_ranges_is_refused(unit, tiny, largest):
    with pytest.raises(ValueError, match=r"^(unit .* with tiny .*: they must be|largest is .*: it must be above 1)"):
        Precision(unit, tiny, largest)


W, B, X = [[[1.0]]], [[0.0]], [[2.0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: precision_of("int8"), ValueError, "dtype is 'int8': it must be one of float16, bfloat16"),
        (lambda: precision_of("f4"), ValueError, "dtype is 'f4'"),
        (lambda: precision_of(np.int8), ValueError, "dtype is 'int8'"),
        (lambda: Precision(2.0**-60, 1e-40, 1e30), ValueError, "unit 8.67.* with tiny 1e-40: .* to 1 and to 2"),
        (lambda: Precision(2.0**-8, 1.0, 1e30), ValueError, "with tiny 1.0"),
        (lambda: Precision(2.0**-8, 1e-40, np.inf), ValueError, "largest is inf"),
        (
            lambda: mse_loss_bound([1.0], [[1.0]], reduction="sum", precision=SINGLE),
            ValueError,
            r"shape \(1,\), teacher",
        ),
        (lambda: mse_loss_bound([1.0], [1.0], reduction="half", precision=SINGLE), ValueError, "reduction is 'half'"),
        (lambda: mse_loss_bound(1.0, 1.0, reduction="batch_mean", precision=SINGLE), ValueError, "student is 0-d"),
        (lambda: mse_loss_bound(["a"], [1.0], reduction="sum", precision=SINGLE), TypeError, "student has dtype"),
        (lambda: mse_loss_bound([1.0], ["a"], reduction="sum", precision=SINGLE), TypeError, "teacher has dtype"),
        (
            lambda: mlp_gradients_bound(W, B, X, [["a"]], activation="relu", precision=SINGLE),
            TypeError,
            "target has dtype",
        ),
        (lambda: mlp_forward_bound(W, B, [["a"]], activation="relu", precision=SINGLE), TypeError, "^x has dtype"),
        (
            lambda: mlp_forward_bound([[["a"]]], B, X, activation="relu", precision=SINGLE),
            TypeError,
            r"weights\[0\] has dtype",
        ),
        (
            lambda: mlp_forward_bound(W, [["a"]], X, activation="relu", precision=SINGLE),
            TypeError,
            r"biases\[0\] has dtype",
        ),
        (lambda: mlp_forward_bound(W, B, X, activation="gelu", precision=SINGLE), ValueError, "activation is 'gelu'"),
        (
            lambda: mlp_forward_bound([], [], X, activation="relu", precision=SINGLE),
            ValueError,
            "0 weights and 0 biases",
        ),
        (
            lambda: mlp_forward_bound(W, [], X, activation="relu", precision=SINGLE),
            ValueError,
            "1 weights and 0 biases",
        ),
        (
            lambda: mlp_forward_bound(W, B, [2.0], activation="relu", precision=SINGLE),
            ValueError,
            r"x has shape \(1,\)",
        ),
        (
            lambda: mlp_forward_bound([[[1.0], [1.0]]], B, X, activation="relu", precision=SINGLE),
            ValueError,
            r"weights\[0\] has shape \(2, 1\): it must be \(1, outputs\)",
        ),
        (
            lambda: mlp_forward_bound(W, [[0.0, 0.0]], X, activation="relu", precision=SINGLE),
            ValueError,
            r"biases\[0\] has shape \(2,\): it must be \(1,\)",
        ),
        (
            lambda: mlp_gradients_bound(W, B, X, [2.0], activation="relu", precision=SINGLE),
            ValueError,
            r"the output has shape \(1, 1\), target has shape \(1,\)",
        ),
    ],
)
def test_a_bad_call_is_refused_in_plain_words(call, error, message):
    with pytest.raises(error, match=message):
        call()

from fractions import Fraction
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import mlp as oracle
from oracles.fixed_point import nearest_float

from refcompress.mlp.layers import ACTIVATIONS, EXACT_ACTIVATIONS
from refcompress.mlp.losses import REDUCTIONS, cross_entropy, mse_loss, squared_error, squared_error_gradient
from refcompress.mlp.network import MLP, backward, forward, hidden_features, initialize, mlp_forward, mlp_gradients

U = Fraction(1, 2**53)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149)}
LARGEST = {name: Fraction(float(ml_dtypes.finfo(name).max)) for name in FORMATS}
REDUCTION = st.sampled_from(sorted(REDUCTIONS))
EXACT = st.sampled_from(EXACT_ACTIVATIONS)


def gamma(k):
    return k * U / (1 - k * U)


def shapes(sizes, n):
    return [*pairwise(sizes), *((size,) for size in sizes[1:]), (n, sizes[0]), (n, sizes[-1])]


def cut(flat, sizes, n):
    """Cut a flat array into weights, biases, x and target."""
    parts, start = [], 0
    for shape in shapes(sizes, n):
        size = int(np.prod(shape))
        parts.append(flat[start : start + size].reshape(shape))
        start += size
    layers = len(sizes) - 1
    return parts[:layers], parts[layers : 2 * layers], parts[-2], parts[-1]


def networks(numbers, depth=4, batches=(1, 2, 7)):
    """Weights, biases, x and target of 1 to ``depth`` layers of 1 to 4 units; ``numbers(count)`` gives the values."""
    sizes = st.integers(1, depth).flatmap(lambda d: st.lists(st.integers(1, 4), min_size=d + 1, max_size=d + 1))

    def filled(sizes, n):
        count = sum(int(np.prod(shape)) for shape in shapes(sizes, n))
        return numbers(count).map(lambda flat: cut(flat, sizes, n))

    return st.tuples(sizes, st.sampled_from(batches)).flatmap(lambda drawn: filled(*drawn))


def fractions(denominator):
    def numbers(count):
        values = st.lists(st.integers(-9, 9), min_size=count, max_size=count)
        return values.map(lambda drawn: np.array([Fraction(v, denominator) for v in drawn], object))

    return numbers


def lists(*groups):
    """Nested lists of fractions, as the oracle wants them."""
    return [[_exact(a) for a in g] if isinstance(g, list | tuple) else _exact(g) for g in groups]


def _exact(array):
    wide = array if array.dtype == object else array.astype(np.float64)
    rows = [[Fraction(v) for v in row] for row in np.atleast_2d(wide).tolist()]
    return rows if array.ndim == 2 else rows[0]


def loss_of(weights, biases, x, target, activation, reduction):
    output = mlp_forward(weights, biases, x, activation=activation)
    return mse_loss(output, target, reduction=reduction)


def moved(arrays, which, index, step):
    changed = [a.copy() for a in arrays]
    changed[which][index] += step
    return changed


def parameters(weights, biases):
    """Every parameter's place: 0 for weights or 1 for biases, the layer, the index."""
    for kind, arrays in enumerate((weights, biases)):
        for layer, array in enumerate(arrays):
            for index in np.ndindex(array.shape):
                yield kind, layer, index


def safe_step(weights, biases, x, sums):
    """Return a step of one parameter that takes no sum past 0 in any hidden layer.

    With m above all magnitudes, before and after a step of at most 1, and d the widest layer, activations and their
    changes grow by at most (d + 1) m a layer: no sum changes by more than step * ((d + 1) m)^(layers + 1).
    """
    m = 1 + max([Fraction(1), *(abs(v) for a in (*weights, *biases, x) for v in a.flat)])
    d = max(max(w.shape) for w in weights)
    nearest = min((abs(z) for s in sums[:-1] for z in s.flat), default=Fraction(1))
    return min(nearest, 1) / ((d + 1) * m) ** (len(weights) + 1) / 2


def patterns(weights, biases, x, activation):
    _, cache = forward(weights, biases, x, activation)
    return [(z > 0).tolist() for z in cache.sums[:-1]]


@settings(max_examples=60)
@given(network=networks(fractions(7)), activation=EXACT, reduction=REDUCTION)
def test_the_central_difference_of_the_loss_equals_every_gradient(network, activation, reduction):
    weights, biases, x, target = network
    _, cache = forward(weights, biases, x, activation)
    assume(all(z != 0 for s in cache.sums[:-1] for z in s.flat))
    step = safe_step(weights, biases, x, cache.sums)
    gradients = mlp_gradients(weights, biases, x, target, activation=activation, reduction=reduction)
    pattern = patterns(weights, biases, x, activation)
    for kind, layer, index in parameters(weights, biases):
        ends = []
        for move in (step, -step):
            arrays = [weights, biases]
            arrays[kind] = moved(arrays[kind], layer, index, move)
            assert activation == "identity" or patterns(*arrays, x, activation) == pattern
            ends.append(loss_of(*arrays, x, target, activation, reduction))
        # the loss is a quadratic in one parameter: its central difference is its derivative, whatever the step
        assert (ends[0] - ends[1]) / (2 * step) == gradients[kind][layer][index]


@given(network=networks(fractions(1), batches=(1, 2, 3)), reduction=REDUCTION)
@settings(max_examples=40)
def test_relu_passes_no_gradient_at_a_sum_of_exactly_zero(network, reduction):
    # Integers meet 0 often. The convention relu'(0) = 0 says: the gradient is that of the network whose units are
    # switched off for good wherever their sum is not above 0; a polynomial, with the derivative of the chain rule.
    weights, biases, x, target = network
    x[0] = Fraction(0)
    inputs, sums = oracle.forward(*lists(weights, biases, x), "relu")
    slopes = [[[int(z > 0) for z in example] for example in layer] for layer in sums]
    d_output = oracle.mse_gradient(sums[-1], *lists(target), reduction)
    expected = oracle.chain_rule(*lists(weights), inputs, slopes, d_output)
    assert lists(*mlp_gradients(weights, biases, x, target, reduction=reduction)) == list(expected)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_dead_unit_has_no_gradient(zero):
    weights, biases = [np.array([[1.0, zero]]), np.array([[2.0], [3.0]])], [np.zeros(2), np.zeros(1)]
    dweights, dbiases = mlp_gradients(weights, biases, [[zero], [0.0]], [[1.0], [1.0]])
    assert [d.tolist() for d in dweights] == [[[0.0, 0.0]], [[0.0], [0.0]]]
    assert [d.tolist() for d in dbiases] == [[0.0, 0.0], [-2.0]]


@settings(max_examples=60)
@given(network=networks(fractions(6)), activation=EXACT, reduction=REDUCTION)
def test_outputs_and_gradients_of_fractions_are_those_of_plain_loops(network, activation, reduction):
    weights, biases, x, target = network
    output = mlp_forward(weights, biases, x, activation=activation)
    gradients = mlp_gradients(weights, biases, x, target, activation=activation, reduction=reduction)
    w, b, rows, goal = lists(weights, biases, x, target)
    assert lists(output)[0] == oracle.forward(w, b, rows, activation)[1][-1]
    assert lists(*gradients) == list(oracle.gradients(w, b, rows, goal, activation, reduction))
    for array in (output, *gradients[0], *gradients[1]):
        assert {type(v) for v in array.flat} == {Fraction}


def float32s(count):
    elements = st.floats(-4, 4, width=32) | st.sampled_from([0.0, -0.0, 1.0, 2.0**-149, -(2.0**-126)])
    return hnp.arrays(np.float32, count, elements=elements, fill=st.nothing())


def absolute(arrays):
    return [np.abs(a) for a in arrays]


def additions(weights):
    return sum(w.shape[0] + 1 for w in weights)


def assert_rounded(result, value, error, dtype="float32"):
    """Rounding is monotone: what lies within the error of the exact value rounds to something between these two."""
    low, high = (nearest_float(v, *FORMATS[dtype], LARGEST[dtype]) for v in (value - error, value + error))
    assert low <= result <= high


@settings(max_examples=60)
@given(network=networks(float32s), activation=EXACT)
def test_a_float32_output_is_the_exact_one_rounded_within_the_stated_bound(network, activation):
    weights, biases, x, _ = network
    output = mlp_forward(weights, biases, x, activation=activation)
    assert output.dtype == np.float32
    _, sums = oracle.forward(*lists(weights, biases, x), activation)
    _, sizes = oracle.forward(*lists(absolute(weights), absolute(biases), np.abs(x)), "identity")
    bound = gamma(additions(weights))
    for results, row, magnitudes in zip(lists(output)[0], sums[-1], sizes[-1], strict=True):
        for result, y, a in zip(results, row, magnitudes, strict=True):
            assert_rounded(result, y, bound * a)


@settings(max_examples=40)
@given(network=networks(float32s, depth=3), activation=EXACT, reduction=REDUCTION)
def test_float32_gradients_are_the_exact_ones_rounded_within_the_stated_bound(network, activation, reduction):
    weights, biases, x, target = network
    n, layers = len(x), len(weights)
    w, b, rows, goal = lists(weights, biases, x, target)
    _, sums = oracle.forward(w, b, rows, activation)
    inputs, sizes = oracle.forward(*lists(absolute(weights), absolute(biases), np.abs(x)), "identity")
    for layer in range(layers - 1):  # the computed sign of every sum that decides about a gradient is right
        reach = gamma(additions(weights[: layer + 1]))
        assume(
            all(
                z == a == 0 or abs(z) > reach * a
                for zs, magnitudes in zip(sums[layer], sizes[layer], strict=True)
                for z, a in zip(zs, magnitudes, strict=True)
            )
        )
    expected = oracle.gradients(w, b, rows, goal, activation, reduction)
    slopes = [[[1] * len(example) for example in layer] for layer in sums]
    apart = [[a + abs(t) for a, t in zip(*pair, strict=True)] for pair in zip(sizes[-1], goal, strict=True)]
    d_output = oracle.mse_gradient(apart, [[Fraction(0)] * len(row) for row in apart], reduction)
    magnitudes = oracle.chain_rule(*lists(absolute(weights)), inputs, slopes, d_output)
    results = mlp_gradients(weights, biases, x, target, activation=activation, reduction=reduction)
    for layer in range(layers):
        backwards = sum(w.shape[1] for w in weights[layer + 1 :])
        k = additions(weights) + additions(weights[:layer]) + 2 + backwards + n
        for kind in (0, 1):
            result, value, size = (
                np.ravel(np.array(each[kind][layer], object)) for each in (lists(*results), expected, magnitudes)
            )
            assert results[kind][layer].dtype == np.float32
            for r, v, g in zip(result, value, size, strict=True):
                assert_rounded(r, v, gamma(k) * g)


def eighths(dtype):
    def numbers(count):
        values = st.lists(st.integers(-12, 12), min_size=count, max_size=count)
        return values.map(lambda drawn: (np.array(drawn, float) / 8).astype(dtype))

    return numbers


@settings(max_examples=60)
@given(network=networks(eighths(np.float64), depth=3), activation=EXACT)
def test_where_float64_rounds_nothing_the_result_is_exact(network, activation):
    # numbers below 2 with 3 fraction bits: after three layers and back at most 7 factors meet, 21 fraction bits, and
    # fewer than 2^24 before the point
    weights, biases, x, target = network
    w, b, rows, goal = lists(weights, biases, x, target)
    output = mlp_forward(weights, biases, x, activation=activation)
    gradients = mlp_gradients(weights, biases, x, target, activation=activation, reduction="sum")
    assert lists(output)[0] == oracle.forward(w, b, rows, activation)[1][-1]
    assert lists(*gradients) == list(oracle.gradients(w, b, rows, goal, activation, "sum"))


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32])
@settings(max_examples=25)
@given(data=st.data())
def test_narrow_floats_are_rounded_once_at_the_end(dtype, data):
    weights, biases, x, target = data.draw(networks(eighths(dtype), depth=3))
    name = np.dtype(dtype).name
    w, b, rows, goal = lists(weights, biases, x, target)
    expected = oracle.gradients(w, b, rows, goal, "relu", "sum")
    results = mlp_gradients(weights, biases, x, target, reduction="sum")
    for result, value in zip([*results[0], *results[1]], [*expected[0], *expected[1]], strict=True):
        assert result.dtype == dtype
        for r, v in zip(np.ravel(result).tolist(), np.ravel(np.array(value, object)), strict=True):
            assert_rounded(Fraction(float(r)), v, 0, name)


def dual(arrays):
    return [a.astype(complex) for a in arrays]


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_gradients_of_smooth_networks_are_those_of_the_complex_step(name, loss):
    # Im L(w + ih) / h is the derivative, but for h^2 = 2^-200 of the third. Both it and the backward pass are sums over
    # the paths from the parameter to the loss. With A the magnitudes for |W|, |b|, |x| and activations a -> 1 + a
    # (|tanh|, |sigmoid| and their slopes are below 1), a relative error of k u in a sum of magnitude Z changes a slope
    # by at most k u Z, because the second derivatives are below 1. So each factor of a path is in error by no more
    # than its count times u, relative to a factor of 1 + Z in place of the slope: in all gamma_K G, with G the paths'
    # sum for these magnitudes. K counts per layer the sums (inputs + outputs + 1) and 26 for an activation and its
    # slope, see the tests of the layers; 2 c + 2 R + 24 for a loss (R is below 2 Z here); n for the examples. Complex
    # products and sums have up to 3 roundings for one: 3 K. Two computations: twice that.
    generator = np.random.default_rng(7)
    sizes, n = (3, 4, 3, 3), 5
    flat = generator.normal(size=sum(int(np.prod(shape)) for shape in shapes(sizes, n)))
    weights, biases, x, target = cut(flat, sizes, n)
    labels = np.array([0, 2, 1, 1, 0])

    def value(w, b):
        output, _ = forward(w, b, x.astype(complex), name)
        return squared_error(output - target, n) if loss == "mse" else cross_entropy(output, labels)[0].sum()

    output, cache = forward(weights, biases, x, name)
    upstream = squared_error_gradient(output - target, n) if loss == "mse" else cross_entropy(output, labels)[1]
    gradients = backward(upstream, cache, weights, name)
    h, inputs, sums = np.abs(x), [], []
    for w, b in zip(weights, biases, strict=True):
        inputs.append(h)
        sums.append(h @ np.abs(w) + np.abs(b))
        h = 1 + sums[-1]
    d = 2 * (sums[-1] + np.abs(target)) if loss == "mse" else np.full(target.shape, 2.0)
    k = n + sum(w.shape[0] + w.shape[1] + 27 for w in weights) + 24 + 2 * sizes[-1] + 4 * int(sums[-1].max() + 1)
    bound = float(6 * gamma(k)) * 1.01  # the bound itself is computed with a few roundings
    for layer in reversed(range(len(weights))):
        for kind, magnitude in ((0, inputs[layer].T @ d), (1, d.sum(axis=0))):
            for index in np.ndindex(magnitude.shape):
                arrays = [dual(weights), dual(biases)]
                arrays[kind][layer][index] += 2.0**-100 * 1j
                step = value(*arrays).imag * 2.0**100
                assert not abs(step - gradients[kind][layer][index]) > bound * magnitude[index]
        d = (d @ np.abs(weights[layer].T)) * (1 + sums[layer - 1]) if layer else d


@settings(max_examples=40)
@given(network=networks(fractions(5), depth=3, batches=(2, 7)), activation=EXACT)
def test_a_batch_s_mean_gradient_is_the_size_weighted_mean_of_its_parts(network, activation):
    weights, biases, x, target = network
    whole = mlp_gradients(weights, biases, x, target, activation=activation)
    first = mlp_gradients(weights, biases, x[:1], target[:1], activation=activation)
    rest = mlp_gradients(weights, biases, x[1:], target[1:], activation=activation)
    for kind in (0, 1):
        for g, a, b in zip(whole[kind], first[kind], rest[kind], strict=True):
            assert (g * len(x) == a + b * (len(x) - 1)).all()


@settings(max_examples=40)
@given(network=networks(fractions(5), depth=3), activation=EXACT, reduction=REDUCTION)
def test_the_order_and_number_of_examples_do_not_matter_to_a_mean(network, activation, reduction):
    weights, biases, x, target = network
    options = {"activation": activation, "reduction": reduction}
    whole = mlp_gradients(weights, biases, x, target, **options)
    turned = mlp_gradients(weights, biases, x[::-1], target[::-1], **options)
    twice = mlp_gradients(weights, biases, np.tile(x, (2, 1)), np.tile(target, (2, 1)), **options)
    assert lists(*turned) == lists(*whole)
    factor = 2 if reduction == "sum" else 1
    assert lists(*twice) == lists(*([factor * g for g in kind] for kind in whole))
    output = mlp_forward(weights, biases, x, activation=activation)
    assert (mlp_forward(weights, biases, x[::-1], activation=activation) == output[::-1]).all()


@settings(max_examples=40)
@given(network=networks(fractions(5), depth=3), activation=EXACT)
def test_gradients_are_linear_in_the_upstream(network, activation):
    weights, biases, x, target = network
    output, cache = forward(weights, biases, x, activation)
    first, second = backward(target, cache, weights, activation), backward(output, cache, weights, activation)
    mixed = backward(3 * target - 2 * output, cache, weights, activation)
    for kind in (0, 1):
        for m, a, b in zip(mixed[kind], first[kind], second[kind], strict=True):
            assert (m == 3 * a - 2 * b).all()


@settings(max_examples=40)
@given(network=networks(fractions(7), depth=3), activation=EXACT, reduction=REDUCTION)
def test_the_loss_goes_down_along_the_negative_gradient(network, activation, reduction):
    weights, biases, x, target = network
    _, cache = forward(weights, biases, x, activation)
    assume(all(z != 0 for s in cache.sums[:-1] for z in s.flat))
    dweights, dbiases = mlp_gradients(weights, biases, x, target, activation=activation, reduction=reduction)
    assume(any(g.any() for g in (*dweights, *dbiases)))
    before, step = loss_of(weights, biases, x, target, activation, reduction), Fraction(1)
    for _ in range(200):  # a derivative other than 0 shows itself at some step
        down = [[a - step * g for a, g in zip(*pair, strict=True)] for pair in ((weights, dweights), (biases, dbiases))]
        if loss_of(*down, x, target, activation, reduction) < before:
            return
        step /= 8
    pytest.fail("no step down the gradient makes the loss smaller")


def test_the_gradients_of_a_layer_use_the_weights_before_any_step():
    # y = w2 w1 x = 2, and half of the squared error has the derivative y w2 x = 4 by w1
    dweights, _ = mlp_gradients([[[1.0]], [[2.0]]], [[0.0], [0.0]], [[1.0]], [[0.0]], activation="identity")
    assert [d.item() / 2 for d in dweights] == [4.0, 2.0]


def test_every_output_has_a_bias_gradient_of_its_own():
    _, dbiases = mlp_gradients([np.eye(3)], [np.zeros(3)], [[0.2, 0.3, 0.5]], [[0.0, 0.0, 1.0]], reduction="sum")
    assert dbiases[0].tolist() == [0.4, 0.6, -1.0]


def test_gradients_are_written_where_they_are_wanted():
    weights, biases, x = [np.array([[1.0, 2.0]]), np.ones((2, 1))], [np.zeros(2), np.zeros(1)], np.array([[3.0]])
    output, cache = forward(weights, biases, x, "relu")
    wanted = [np.empty_like(w) for w in weights], [np.empty_like(b) for b in biases]
    written = backward(output, cache, weights, "relu", wanted)
    # d_output is 9, the inputs of the last layer 3 and 6, and both of its weights 1
    assert [[g.tolist() for g in kind] for kind in wanted] == [[[[27.0, 27.0]], [[27.0], [54.0]]], [[9.0, 9.0], [9.0]]]
    assert all(g is to for kind in (0, 1) for g, to in zip(written[kind], wanted[kind], strict=True))


def test_what_the_forward_pass_keeps_is_not_exchanged():
    _, cache = forward([np.ones((1, 1))], [np.ones(1)], np.ones((1, 1)), "relu")
    with pytest.raises(AttributeError):
        cache.sums = []


def test_a_layer_without_a_bias_stops_the_forward_pass():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        forward([np.ones((1, 1))] * 2, [np.ones(1)], np.ones((1, 1)), "relu")


def test_no_examples_have_no_output_and_a_sum_of_zero():
    weights, biases = [np.ones((3, 2)), np.ones((2, 4))], [np.ones(2), np.ones(4)]
    assert mlp_forward(weights, biases, np.zeros((0, 3))).shape == (0, 4)
    gradients = mlp_gradients(weights, biases, np.zeros((0, 3)), np.zeros((0, 4)), reduction="sum")
    assert [[g.shape for g in kind] for kind in gradients] == [[(3, 2), (2, 4)], [(2,), (4,)]]
    assert not any(g.any() for kind in gradients for g in kind)
    exact = mlp_gradients(weights, biases, np.zeros((0, 3), object), np.zeros((0, 4), object), reduction="sum")
    assert {type(v) for kind in exact for g in kind for v in g.flat} == {Fraction}


@pytest.mark.parametrize("reduction", ["mean", "batch_mean"])
def test_a_mean_over_no_examples_is_refused(reduction):
    with pytest.raises(ValueError, match=rf"target has shape \(0, 2\): reduction='{reduction}' would be 0 / 0"):
        mlp_gradients([np.ones((3, 2))], [np.ones(2)], np.zeros((0, 3)), np.zeros((0, 2)), reduction=reduction)


def test_a_layer_without_units_leaves_the_biases():
    weights, biases = [np.ones((2, 0)), np.ones((0, 2))], [np.ones(0), np.array([3.0, 4.0])]
    assert mlp_forward(weights, biases, np.ones((1, 2))).tolist() == [[3.0, 4.0]]
    exact = mlp_forward(weights, biases, np.ones((1, 2)).astype(int).astype(object))
    assert exact.tolist() == [[Fraction(3), Fraction(4)]]


@pytest.mark.parametrize(
    ("dtypes", "common"),
    [
        (["f4", "f4", "f4"], "float32"),
        (["f2", "f4", "f2"], "float32"),
        ([BFLOAT16, "f2", "f2"], "float32"),
        ([BFLOAT16, BFLOAT16, BFLOAT16], "bfloat16"),
        ([">f4", "f4", "f4"], "float32"),
        (["f4", "f4", "i1"], "float64"),
        (["i4", "i4", "i4"], "float64"),
        (["f4", "f8", "f4"], "float64"),
    ],
)
def test_the_result_has_the_common_dtype(dtypes, common):
    w, b, x = (np.ones(shape).astype(dtype) for shape, dtype in zip(((2, 3), 3, (1, 2)), dtypes, strict=True))
    assert mlp_forward([w], [b], x).dtype.name == common
    gradients = mlp_gradients([w], [b], x, np.zeros((1, 3), dtypes[0]))
    assert {g.dtype.name for kind in gradients for g in kind} == {common}


@pytest.mark.parametrize("wide", range(4))
def test_one_wide_array_makes_all_gradients_wide(wide):
    places = ((2, 3), 3, (1, 2), (1, 3))
    w, b, x, target = (np.ones(shape, "f8" if i == wide else "f4") for i, shape in enumerate(places))
    assert {g.dtype.name for kind in mlp_gradients([w], [b], x, target) for g in kind} == {"float64"}


def test_floats_beside_fractions_are_taken_exactly():
    weights, biases = [np.array([[Fraction(1, 3)]], object)], [np.array([0.1], np.float32)]
    y = Fraction(0.5) / 3 + Fraction(float(np.float32(0.1)))
    assert mlp_forward(weights, biases, [[0.5]]).tolist() == [[y]]
    _, dbiases = mlp_gradients(weights, biases, [[0.5]], [[0.1]])
    assert dbiases[0].tolist() == [2 * (y - Fraction(0.1))]


def test_views_and_orders_give_what_their_copy_gives():
    w, b, x = np.arange(12.0).reshape(4, 3) / 7, np.arange(3.0), np.arange(8.0).reshape(2, 4) / 3
    expected = mlp_forward([w], [b], x)
    padded = np.zeros((4, 8))
    padded[::2, ::2] = x
    assert np.array_equal(mlp_forward([np.asfortranarray(w)], [b], x), expected)
    assert np.array_equal(mlp_forward([w.astype(">f8")], [b[::-1][::-1]], padded[::2, ::2]), expected)
    assert np.array_equal(mlp_forward((w.tolist(),), (b.tolist(),), x.tolist()), expected)


@pytest.mark.parametrize("sizes", [(3, 1, 2), (1, 5, 1), (16, 9, 4)])
def test_the_layout_of_the_arrays_changes_no_bit(sizes):
    generator = np.random.default_rng(3)
    w = [generator.normal(0, 1, shape) for shape in pairwise(sizes)]
    b = [generator.normal(0, 1, size) for size in sizes[1:]]
    x, target = (generator.normal(0, 1, (7, size)) for size in (sizes[0], sizes[-1]))
    plain = mlp_gradients(w, b, x, target)
    other = mlp_gradients([v.T.copy().T for v in w], b, np.repeat(x, 2, axis=1)[:, ::2], np.asfortranarray(target))
    assert [g.tobytes() for part in plain for g in part] == [g.tobytes() for part in other for g in part]


def test_the_inputs_are_not_changed_and_may_be_read_only():
    arrays = [np.ones((2, 2)), np.ones((2, 1)), np.ones(2), np.ones(1), np.ones((3, 2)), np.zeros((3, 1))]
    for array in arrays:
        array.flags.writeable = False
    w, b, x, target = arrays[:2], arrays[2:4], arrays[4], arrays[5]
    results = [mlp_forward(w, b, x), *(g for kind in mlp_gradients(w, b, x, target) for g in kind)]
    assert not any(np.shares_memory(r, a) for r in results for a in arrays)
    identity = mlp_forward([np.eye(2)], [np.zeros(2)], x, activation="identity")
    assert not np.shares_memory(identity, x)


def test_a_sum_past_the_largest_float_is_infinite():
    assert mlp_forward([[[1e200]]], [[0.0]], [[1e200]]).tolist() == [[np.inf]]


@pytest.mark.parametrize("x", [[1e200, 1e200], [1e200, -1e200], [1e-200, 1e-200]])
def test_a_caller_who_asks_numpy_to_raise_hears_nothing_of_sums_that_no_float_holds(x):
    size = abs(x[0])
    weights, biases, x = [np.full((2, 2), size), np.full((2, 1), size)], [np.zeros(2), np.zeros(1)], [x]
    with np.errstate(all="raise"):
        assert mlp_forward(weights, biases, x).shape == (1, 1)
        assert hidden_features(MLP(weights, biases), x)[0].shape == (1, 2)
        assert mlp_gradients(weights, biases, x, [[size]])[1][0].shape == (2,)


W2 = [np.ones((3, 5)), np.ones((4, 3))]


@pytest.mark.parametrize(
    ("weights", "biases", "x", "settings", "error", "message"),
    [
        (
            W2,
            [np.ones(5), np.ones(3)],
            [[1, 1, 1]],
            {},
            ValueError,
            r"weights\[1\] has shape \(4, 3\): the layer before has 5 outputs",
        ),
        (
            W2[:1],
            [np.ones(3)],
            [[1, 1, 1]],
            {},
            ValueError,
            r"biases\[0\] has shape \(3,\): weights\[0\] has 5 outputs",
        ),
        (W2[:1], [np.ones((1, 5))], [[1, 1, 1]], {}, ValueError, r"biases\[0\] has shape \(1, 5\): weights\[0\] has 5"),
        (
            [np.ones(3)],
            [np.ones(3)],
            [[1]],
            {},
            ValueError,
            r"weights\[0\] has shape \(3,\): it must be \(inputs, outp",
        ),
        (W2, [np.ones(5)], [[1, 1, 1]], {}, ValueError, "there are 2 weights and 1 biases: a layer has one of each"),
        (
            [],
            [],
            [[1.0]],
            {},
            ValueError,
            "there are 0 weights and 0 biases: a layer has one of each, a network a laye",
        ),
        (
            W2[:1],
            [np.ones(5)],
            [1, 1, 1],
            {},
            ValueError,
            r"x has shape \(3,\): it must be \(n, 3\), one example a row",
        ),
        (W2[:1], [np.ones(5)], [[1, 1]], {}, ValueError, r"x has shape \(1, 2\): weights\[0\] has 3 inputs"),
        (W2[:1], [np.ones(5)], [[1, np.nan, 1]], {}, ValueError, r"x\[0, 1\] is nan: only finite values can be comput"),
        (W2[:1], [[1, 1, 1, np.inf, 1]], [[1, 1, 1]], {}, ValueError, r"biases\[0\]\[3\] is inf: .* computed with$"),
        (W2[:1], [np.ones(5)], [[1, 1, 1]], {"activation": "gelu"}, ValueError, "activation is 'gelu': it must be one"),
        (W2[:1], [np.ones(5)], [["a"] * 3], {}, TypeError, "x has dtype <U1"),
        (None, [np.ones(5)], [[1, 1, 1]], {}, TypeError, "weights is None: it must be a list of arrays, one a layer"),
        (W2[:1], "b", [[1, 1, 1]], {}, TypeError, "biases is 'b': it must be a list of arrays, one a layer"),
        (
            [np.full((1, 5), Fraction(1), object)],
            [np.zeros(5)],
            [[1.0]],
            {"activation": "tanh"},
            TypeError,
            "activation is 'tanh': of fractions it must be one of relu, identity",
        ),
    ],
)
def test_a_bad_network_is_named(weights, biases, x, settings, error, message):
    with pytest.raises(error, match=message):
        mlp_forward(weights, biases, x, **settings)
    with pytest.raises(error, match=message):
        mlp_gradients(weights, biases, x, np.ones((1, 5)), **settings)


@pytest.mark.parametrize(
    ("target", "reduction", "error", "message"),
    [
        ([1.0], "mean", ValueError, r"target has shape \(1,\), the output has shape \(1, 2\): they must be equal"),
        ([[1.0]], "mean", ValueError, r"target has shape \(1, 1\), the output has shape \(1, 2\)"),
        ([[1.0, np.nan]], "mean", ValueError, r"target\[0, 1\] is nan: only finite values can be compared"),
        ([[1.0, 1.0]], "none", ValueError, "reduction is 'none': it must be one of mean, sum, batch_mean"),
        ([[1.0, None]], "mean", TypeError, r"target\[0, 0\] is 1.0 \(float\): an object array must hold fractions"),
    ],
)
def test_a_bad_target_is_named(target, reduction, error, message):
    with pytest.raises(error, match=message):
        mlp_gradients([np.ones((3, 2))], [np.ones(2)], np.ones((1, 3)), target, reduction=reduction)


def test_a_model_says_its_sizes_and_counts_its_parameters():
    model = MLP([np.ones((3, 5)), np.ones((5, 2))], [np.ones(5), np.ones(2)])
    assert model.sizes == (3, 5, 2)
    assert model.parameter_count == 3 * 5 + 5 + 5 * 2 + 2
    assert model.activation == "relu"


def test_a_model_cannot_be_changed_from_outside_or_inside():
    w, b = np.ones((2, 2), np.float32), np.ones(2, np.float32)
    model = MLP([w], [b])
    w[0, 0] = b[0] = 7
    assert model.weights[0].tolist() == [[1, 1], [1, 1]]
    assert model.biases[0].tolist() == [1, 1]
    assert model.weights[0].dtype == np.float32
    for array in (*model.weights, *model.biases):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    with pytest.raises(AttributeError):
        model.activation = "tanh"


def test_a_model_is_equal_to_itself_alone():
    first, again = initialize((2, 1)), initialize((2, 1))
    assert first in {first: "its arrays are not compared"}
    assert first != again


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ([np.ones((2, 3)), np.ones((2, 1))], [np.ones(3), np.ones(1)]),
            ValueError,
            r"weights\[1\] has shape \(2, 1\)",
        ),
        (([[[np.inf]]], [[0.0]]), ValueError, r"weights\[0\]\[0, 0\] is inf: only finite values can be computed with$"),
        (([[[1.0]]], [[0.0]], "softplus"), ValueError, "activation is 'softplus': it must be one of relu, tanh"),
        (([["a"]], [[0.0]]), TypeError, r"weights\[0\] has dtype <U1"),
        (([np.array([[Fraction(1)]])], [[0.0]], "tanh"), TypeError, "activation is 'tanh': of fractions it must be"),
        (([[[1.0]]], [np.array([Fraction(0)])], "tanh"), TypeError, "activation is 'tanh': of fractions it must be"),
    ],
)
def test_a_model_is_checked_when_it_is_made(arguments, error, message):
    with pytest.raises(error, match=message):
        MLP(*arguments)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_hidden_features_are_what_comes_before_each_layer(name):
    model = initialize((3, 5, 4, 2), activation=name, seed=1)
    x = np.linspace(-1, 1, 12).reshape(4, 3)
    features = hidden_features(model, x)
    assert [f.shape for f in features] == [(4, 5), (4, 4)]
    last = mlp_forward(model.weights[2:], model.biases[2:], features[1])
    assert np.array_equal(last, mlp_forward(model.weights, model.biases, x, activation=name))


def test_hidden_features_of_fractions_and_narrow_floats_keep_their_dtype():
    exact = MLP([np.array([[Fraction(1, 3)]], object)] * 2, [np.array([Fraction(0)], object)] * 2)
    assert hidden_features(exact, [[3]])[0].tolist() == [[Fraction(1)]]
    narrow = initialize((2, 3, 1), dtype=np.float16)
    assert hidden_features(narrow, np.ones((1, 2), np.float16))[0].dtype == np.float16
    assert hidden_features(initialize((2, 1)), np.ones((1, 2))) == []


@pytest.mark.parametrize("wide", range(3))
def test_hidden_features_have_the_common_dtype(wide):
    w, b, x = (np.ones(shape, "f8" if i == wide else "f4") for i, shape in enumerate(((2, 2), 2, (1, 2))))
    assert [h.dtype for h in hidden_features(MLP([w, w], [b, b]), x)] == [np.float64]


def test_hidden_features_of_what_is_no_model_are_refused():
    with pytest.raises(TypeError, match=r"^model is 'relu': it must be MLP$"):
        hidden_features("relu", [[1.0]])


def test_the_same_seed_gives_the_same_model():
    first, again, other = initialize((4, 3, 2), seed=5), initialize((4, 3, 2), seed=5), initialize((4, 3, 2), seed=6)
    assert [w.tobytes() for w in first.weights] == [w.tobytes() for w in again.weights]
    assert [w.tobytes() for w in first.weights] != [w.tobytes() for w in other.weights]
    assert np.array_equal(initialize((4, 3)).weights, initialize((4, 3), seed=0).weights)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_initial_weights_have_the_spread_of_their_rule(name):
    model = initialize((400, 300), activation=name, seed=0)
    variance = 2 / 400 if name == "relu" else 6 / 700 / 3
    # the variance of a sample variance is below 2 variance^2 / count; six standard deviations
    assert abs(model.weights[0].var() / variance - 1) < 6 * (2 / 120_000) ** 0.5
    assert abs(model.weights[0].mean()) < 6 * (variance / 120_000) ** 0.5
    assert name == "relu" or np.abs(model.weights[0]).max() <= (6 / 700) ** 0.5
    assert not model.biases[0].any()


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32])
def test_initial_weights_are_rounded_to_the_dtype(dtype):
    narrow, wide = initialize((4, 3), dtype=dtype), initialize((4, 3))
    assert narrow.weights[0].dtype == narrow.biases[0].dtype == dtype
    for v, w in zip(lists(narrow.weights)[0][0], lists(wide.weights)[0][0], strict=True):
        for a, b in zip(v, w, strict=True):
            assert_rounded(a, b, 0, np.dtype(dtype).name)


def test_weights_may_be_too_small_for_their_dtype():
    with np.errstate(all="raise"):
        (w,) = initialize((100, 100), dtype=np.float16).weights
    assert np.abs(w).min() < np.finfo(np.float16).tiny


@pytest.mark.parametrize(
    ("sizes", "settings", "error", "message"),
    [
        ((3,), {}, ValueError, r"sizes is \(3,\): it must hold the inputs' and the outputs' width"),
        ((3, 0), {}, ValueError, r"sizes\[1\] is 0: it must be at least 1"),
        (3, {}, TypeError, "^sizes is 3: it must be a list of widths$"),
        ((2**40, 2**41), {}, ValueError, rf"^sizes is \({2**40}, {2**41}\): no array has more than"),
        ((3, 2.0), {}, TypeError, r"sizes\[1\] is 2.0"),
        ((3, 2), {"seed": -1}, ValueError, "seed is -1: it must be at least 0"),
        ((3, 2), {"activation": "elu"}, ValueError, "activation is 'elu'"),
        ((3, 2), {"dtype": "no dtype"}, TypeError, "dtype is 'no dtype': it must be a float of at most 64 bits"),
        ((3, 2), {"dtype": np.int8}, TypeError, "dtype is int8: it must be a float of at most 64 bits"),
    ],
)
def test_a_bad_initialization_is_named(sizes, settings, error, message):
    with pytest.raises(error, match=message):
        initialize(sizes, **settings)

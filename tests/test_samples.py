import numpy as np
import pytest

from refcompress import mlp_gradients, quantize, samples, sparsify

X = np.array([0.5, -1.5, 2.5, 0.25, 100.0, 1e3, -1e3], np.float32)


def test_the_right_one_is_right():
    ours, theirs = quantize(X, 1, bits=8), samples.quantize_in_float64(X, 1)
    assert (ours.tolist(), ours.dtype) == (theirs.tolist(), theirs.dtype)


def test_plus_half_parts_from_the_reference_at_ties_alone():
    theirs = samples.quantize_plus_half(X, 0)
    assert (theirs.tolist(), theirs.dtype) == ([1, -1, 3, 0, 100, 127, -128], np.int8)
    assert quantize(X, 0, bits=8).tolist() == [0, -2, 2, 0, 100, 127, -128]


def test_the_threshold_keeps_every_tie():
    x = np.array([2.0, 1.0, -1.0, 1.0], np.float32)
    assert np.count_nonzero(samples.sparsify_by_threshold(x, 2)) == 4
    assert np.count_nonzero(sparsify(x, 2)) == 2


@pytest.mark.parametrize(("x", "k"), [([3.0, -2.0], 0), ([], 0), ([4.0, 3.0, -2.0], 1), ([[3.0, -2.0], [1.0, 0.0]], 2)])
def test_the_threshold_is_right_where_nothing_is_tied(x, k):
    x = np.array(x, np.float32)
    ours, theirs = sparsify(x, k), samples.sparsify_by_threshold(x, k)
    assert (ours.tolist(), ours.dtype) == (theirs.tolist(), theirs.dtype)


@pytest.mark.parametrize("n", [1, 4])
def test_the_mean_in_the_bias_gradient_shows_in_batches_above_one(n):
    generator = np.random.default_rng(0)
    weights = [generator.integers(-3, 4, shape).astype(float) for shape in [(2, 5), (5, 4), (4, 2)]]
    biases = [generator.integers(-3, 4, k).astype(float) for k in (5, 4, 2)]
    x, target = generator.integers(-3, 4, (n, 2)).astype(float), generator.integers(-3, 4, (n, 2)).astype(float)
    ours = mlp_gradients(weights, biases, x, target)
    theirs = samples.gradients_with_mean_bias(weights, biases, x, target)
    assert all(np.array_equal(a, b) for a, b in zip(ours[0], theirs[0], strict=True))
    assert all(np.array_equal(a, n * b) for a, b in zip(ours[1], theirs[1], strict=True))

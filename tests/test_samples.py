import numpy as np
import pytest

from refcompress import mlp_gradients, quantize, samples, sparsify

X = np.array([0.5, -1.5, 2.5, 0.25, 100.0], np.float32)


def test_the_right_one_is_right():
    assert np.array_equal(samples.quantize_in_float64(X, 1), quantize(X, 1, bits=8))


def test_plus_half_parts_from_the_reference_at_ties_alone():
    assert samples.quantize_plus_half(X, 0).tolist() == [1, -1, 3, 0, 100]
    assert quantize(X, 0, bits=8).tolist() == [0, -2, 2, 0, 100]


def test_the_threshold_keeps_every_tie():
    x = np.array([2.0, 1.0, -1.0, 1.0], np.float32)
    assert np.count_nonzero(samples.sparsify_by_threshold(x, 2)) == 4
    assert np.count_nonzero(sparsify(x, 2)) == 2


@pytest.mark.parametrize("n", [1, 4])
def test_the_mean_in_the_bias_gradient_shows_in_batches_above_one(n):
    generator = np.random.default_rng(0)
    weights = [generator.integers(-3, 4, shape).astype(float) for shape in [(2, 3), (3, 2)]]
    biases = [generator.integers(-3, 4, k).astype(float) for k in (3, 2)]
    x, target = generator.integers(-3, 4, (n, 2)).astype(float), generator.integers(-3, 4, (n, 2)).astype(float)
    ours = mlp_gradients(weights, biases, x, target)
    theirs = samples.gradients_with_mean_bias(weights, biases, x, target)
    assert all(np.array_equal(a, b) for a, b in zip(ours[0], theirs[0], strict=True))
    assert all(np.array_equal(a, n * b) for a, b in zip(ours[1], theirs[1], strict=True))

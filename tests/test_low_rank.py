from fractions import Fraction
from math import isqrt

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from refcompress.huffman import huffman_decode, huffman_encode
from refcompress.low_rank import share_weights, truncated_svd
from refcompress.pruning import prune

MATRICES = arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(-9, 9).map(float))
WEIGHTS = arrays(np.float32, st.integers(0, 60), elements=st.floats(-8, 8, width=32))
UNIT = Fraction(1, 2**53)


def fractions(a):
    exact = np.empty(a.shape, object)
    for index, value in np.ndenumerate(a):
        exact[index] = Fraction(float(value))
    return exact


def root(square):
    """A rational number of at least 0 whose square is at least, and the next one down at most, a given one."""
    scale = 2**200
    return Fraction(isqrt(int(square * scale * scale)) + 1, scale)


def norm(a):
    return root(sum((v * v for v in a.flat), Fraction(0)))


@given(MATRICES, st.data())
def test_the_error_is_that_of_the_dropped_singular_values(w, data):
    """All norms are exact. The spectral norms are bounded by Frobenius norms, and the roundings of first by u each."""
    rank = data.draw(st.integers(0, min(w.shape)))
    low = truncated_svd(w, rank)
    u, s, vt = (fractions(a) for a in np.linalg.svd(w, full_matrices=False))
    lost = fractions(w) - fractions(low.first) @ fractions(low.second)
    residual = norm(fractions(w) - (u * s) @ vt)
    e_u, e_v = norm(u.T @ u - fractions(np.eye(len(s)))), norm(vt @ vt.T - fractions(np.eye(len(s))))
    dropped = norm(s[rank:])
    rounded = UNIT * norm(abs(u[:, :rank]) * s[:rank]) * norm(vt[:rank])
    allowed = residual + (root((1 + e_u) * (1 + e_v)) - 1) * dropped + rounded
    assert abs(norm(lost) - dropped) <= allowed + Fraction(1, 2**190)  # of the roots above


@given(MATRICES)
def test_the_decomposition_is_as_near_as_lapack_promises(w):
    """LAPACK's own tests (its Installation Guide) ask for ||A - U S V^T||_1 / (||A||_1 max(m, n) ulp) below 50."""
    low = truncated_svd(w, min(w.shape))
    assert low.error == 0
    lost = np.linalg.norm(w - low.first @ low.second, 1)
    assert lost <= 50 * max(w.shape) * 2.0**-52 * np.linalg.norm(w, 1)


@given(st.permutations(range(4)), st.integers(0, 4))
def test_a_permutation_with_powers_of_two_is_cut_exactly(order, rank):
    w = np.zeros((4, 4))
    w[range(4), order] = [8.0, -4.0, 2.0, 1.0]
    low = truncated_svd(w, rank)
    assert np.array_equal(low.first @ low.second, np.where(np.abs(w) >= 2.0 ** (4 - rank), w, 0))
    assert low.dropped.tolist() == [8.0, 4.0, 2.0, 1.0][rank:]


@given(st.integers(0, 10), st.integers(1, 3))
def test_no_other_matrix_of_that_rank_is_nearer(seed, rank):
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((5, 4))
    other = rng.standard_normal((5, rank))
    nearest = other @ np.linalg.lstsq(other, w)[0]
    assert truncated_svd(w, rank).error < np.linalg.norm(w - nearest)


def test_the_two_matrices_have_the_shapes_of_two_layers():
    low = truncated_svd(np.arange(12, dtype=np.int8).reshape(3, 4).T, 2)
    assert (low.first.shape, low.second.shape, low.dropped.shape) == ((4, 2), (2, 3), (1,))


def test_the_largest_and_the_smallest_floats_are_decomposed_without_a_warning():
    with np.errstate(all="raise"):
        low = truncated_svd([[1.7e308, 0.0], [0.0, 5e-324]], 1)
    assert np.abs(low.first @ low.second).tolist() == [[1.7e308, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("power", [-1072, -600, 600, 1020])
def test_the_error_is_that_of_the_largest_and_the_smallest_floats_too(power):
    with np.errstate(all="raise"):
        error = truncated_svd(np.diag([4.0, 3.0]) * 2.0**power, 0).error
    assert error == 5 * 2.0**power


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_an_empty_matrix_has_rank_zero(shape):
    low = truncated_svd(np.zeros(shape), 0)
    assert (low.first @ low.second).shape == shape
    assert low.error == 0


@given(WEIGHTS, st.integers(1, 9), st.sampled_from(["linear", "random"]))
def test_every_weight_has_the_nearest_value(w, clusters, start):
    shared = share_weights(w, clusters, start=start)
    distances = np.abs(w.astype(float)[:, np.newaxis] - shared.values)
    assert np.array_equal(shared.codes, distances.argmin(axis=1) if w.size else [])


@given(WEIGHTS, st.integers(1, 9), st.sampled_from(["linear", "random"]))
def test_values_rise_are_all_used_and_are_no_more_than_asked_for(w, clusters, start):
    shared = share_weights(w, clusters, start=start)
    assert shared.values.size <= clusters
    assert (np.diff(shared.values) > 0).all()
    assert set(shared.codes.tolist()) == set(range(shared.values.size))


@given(WEIGHTS)
def test_with_a_value_for_each_nothing_is_lost(w):
    shared = share_weights(w, max(1, len(set(w.tolist()))))
    assert np.array_equal(shared.restore(), w)


def test_a_value_is_the_mean_of_those_that_share_it():
    shared = share_weights([[0.0, 1.0, 2.0], [90.0, 100.0, 110.0]], 2)
    assert shared.values.tolist() == [1.0, 100.0]
    assert shared.restore().tolist() == [[1.0, 1.0, 1.0], [100.0, 100.0, 100.0]]


def test_neither_huge_nor_tiny_weights_are_lost():
    for scale in (2.0**1022, 2.0**-1000):
        shared = share_weights(np.array([-1.0, -0.75, 0.75, 1.0]) * scale, 2)
        assert shared.values.tolist() == [-0.875 * scale, 0.875 * scale]


def test_a_cluster_that_nobody_takes_is_dropped():
    assert share_weights([0.0, 1.0, 99.0, 100.0], 3).values.tolist() == [0.5, 99.5]


def test_more_than_256_values_have_codes_of_two_bytes():
    w = np.arange(1000.0)
    assert share_weights(w, 256).codes.dtype == np.uint8
    assert share_weights(w, 1000).codes.dtype == np.uint16


def test_the_seed_decides_a_random_start():
    w = np.random.default_rng(0).standard_normal(500)
    first, again, other = (share_weights(w, 8, start="random", seed=seed, iterations=1) for seed in (1, 1, 2))
    assert first.values.tobytes() == again.values.tobytes()
    assert first.values.tobytes() != other.values.tobytes()


def test_more_iterations_bring_no_larger_error():
    w = np.random.default_rng(0).standard_normal(2000)
    errors = [((share_weights(w, 8, iterations=i).restore() - w) ** 2).sum() for i in (1, 3, 10, 100)]
    assert errors == sorted(errors, reverse=True)


def test_a_pruned_shared_and_coded_layer_comes_back():
    w = np.random.default_rng(0).standard_normal((40, 30)).astype(np.float32)
    values, _ = prune(w, 300)
    shared = share_weights(values, 16)
    codes = huffman_decode(huffman_encode(shared.codes)).reshape(shared.codes.shape)
    assert np.array_equal(shared.values[codes], shared.restore())


@pytest.mark.parametrize("dtype", [np.int8, np.float16, ">f4", ml_dtypes.bfloat16])
def test_every_type_of_number_is_shared(dtype):
    w = np.array([[1, 2], [5, 6]]).astype(dtype)
    w.flags.writeable = False
    assert share_weights(w.T, 2).restore().tolist() == [[1.5, 5.5], [1.5, 5.5]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: truncated_svd([[np.inf]], 1), ValueError, r"w\[0, 0\] is inf: only finite values can be decomposed"),
        (lambda: truncated_svd([1.0], 1), ValueError, r"w has shape \(1,\): it must be \(inputs, outputs\)"),
        (
            lambda: truncated_svd([[1.7e308, 1.7e308]], 1),
            ValueError,
            r"w reaches 1.7e\+308: its singular values pass the largest float64",
        ),
        (lambda: truncated_svd([[1.0]], 2), ValueError, "rank is 2: it must be from 0 to 1"),
        (lambda: truncated_svd([["a"]], 0), TypeError, "w has dtype"),
        (lambda: share_weights([np.nan], 1), ValueError, r"w\[0\] is nan: only finite values can be clustered"),
        (lambda: share_weights([1.0], 0), ValueError, "clusters is 0: it must be from 1 to 65536"),
        (lambda: share_weights([1.0], 1, start="density"), ValueError, "start is 'density': it must be one of linear"),
        (lambda: share_weights([1.0], 1, seed=-1), ValueError, "seed is -1: it must be at least 0"),
        (lambda: share_weights([1.0], 1, iterations=0), ValueError, "iterations is 0: it must be from 1 to 65536"),
        (lambda: share_weights([1.0], 1.0), TypeError, "clusters is 1.0"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from refcompress.pruning.keep_count import keep_count
from refcompress.pruning.scores import (
    SCOPES,
    first_order_scores,
    global_masks,
    input_norms,
    magnitude_scores,
    masks_by_score,
    random_scores,
    wanda_scores,
)
from refcompress.pruning.selection import top_k_mask

SMALL = st.integers(-4, 4).map(float)
SHAPES = st.tuples(st.integers(0, 5), st.integers(0, 5))
SPARSITIES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])
NORMAL = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)


@given(arrays(np.float32, SHAPES, elements=NORMAL), st.floats(1e-30, 1e30), SPARSITIES)
def test_wanda_with_equal_norms_is_magnitude_for_each_output(w, norm, sparsity):
    by_wanda = masks_by_score([wanda_scores(w, np.full(len(w), norm))], sparsity, scope="output")
    by_magnitude = masks_by_score([magnitude_scores(w)], sparsity, scope="output")
    assert np.array_equal(by_wanda[0], by_magnitude[0])


@given(st.lists(arrays(np.float64, SHAPES, elements=SMALL), max_size=3), SPARSITIES, st.sampled_from(sorted(SCOPES)))
def test_every_scope_keeps_the_count_of_what_it_compares(weights, sparsity, scope):
    masks = masks_by_score([magnitude_scores(w) for w in weights], sparsity, scope=scope)
    kept = sum(int(m.sum()) for m in masks)
    if scope == "model":
        assert kept == keep_count(sum(w.size for w in weights), sparsity)
    elif scope == "tensor":
        assert kept == sum(keep_count(w.size, sparsity) for w in weights)
    else:
        assert kept == sum(w.shape[1] * keep_count(len(w), sparsity) for w in weights)
    assert [m.shape for m in masks] == [w.shape for w in weights]


@given(st.lists(arrays(np.float64, SHAPES, elements=SMALL), min_size=1, max_size=3), st.data())
def test_the_masks_of_a_model_are_those_of_all_its_weights_in_a_row(weights, data):
    k = data.draw(st.integers(0, sum(w.size for w in weights)))
    masks = global_masks(weights, k)
    row = np.concatenate([w.ravel() for w in weights])
    assert np.array_equal(np.concatenate([m.ravel() for m in masks]), top_k_mask(row, k))


def test_a_norm_is_that_of_a_column():
    x = np.arange(1.0, 25.0)[:, np.newaxis]  # 1^2 + ... + 24^2 = 70^2
    assert input_norms(np.hstack([x, -3e200 * x])).tolist() == [70, 210e200]
    assert input_norms(np.zeros((0, 2))).tolist() == [0, 0]


def test_a_larger_input_makes_its_weights_stay():
    scores = wanda_scores([[1.0, 1.0], [2.0, 2.0]], input_norms([[9.0, 1.0]]))
    assert masks_by_score([scores], 0.5, scope="output")[0].tolist() == [[True, True], [False, False]]


def test_first_order_is_the_magnitude_of_the_product():
    assert first_order_scores(np.array([2, -3], np.int8), [-0.5, 0.0]).tolist() == [1.0, 0.0]


def test_random_scores_are_a_shuffle_that_the_seed_decides():
    w = np.zeros((4, 5))
    assert sorted(random_scores(w, seed=3).ravel()) == list(range(1, 21))
    assert np.array_equal(random_scores(w, seed=3), random_scores(w, seed=3))
    assert not np.array_equal(random_scores(w, seed=3), random_scores(w, seed=4))
    assert np.array_equal(random_scores(w), random_scores(w, seed=0))
    assert random_scores(w).shape == w.shape


@pytest.mark.parametrize("dtype", [np.int8, np.float16, ">f4", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_magnitudes_are_exact_in_every_dtype(dtype):
    w = np.array([-128, 3, 0]).astype(dtype)
    assert magnitude_scores(w).tolist() == [128.0, 3.0, 0.0]


@pytest.mark.parametrize("scope", sorted(SCOPES))
@pytest.mark.parametrize("rule", [{"rounding": "floor"}, {"rounding": "ceil"}, {"counts": "pruned"}])
def test_how_many_stay_is_rounded_as_asked(scope, rule):
    (mask,) = masks_by_score([np.arange(5.0).reshape(5, 1)], 0.5, scope=scope, **rule)
    assert mask.sum() == keep_count(5, 0.5, **rule)


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_ties_keep_the_highest_index_in_every_scope_if_asked_to(scope):
    (mask,) = masks_by_score([np.ones((4, 1))], 0.5, scope=scope, ties="highest_index")
    assert mask.ravel().tolist() == [False, False, True, True]


def test_ties_keep_the_lowest_index_in_every_scope():
    ones = np.ones((2, 2))
    assert masks_by_score([ones], 0.5)[0].tolist() == [[True, True], [False, False]]
    assert masks_by_score([ones], 0.5, scope="output")[0].tolist() == [[True, True], [False, False]]
    assert [m.sum() for m in masks_by_score([ones, ones], 0.5, scope="model")] == [4, 0]
    assert [m.sum() for m in masks_by_score([ones, ones], 0.5, scope="model", ties="highest_index")] == [0, 4]


def test_the_largest_of_all_matrices_together_stay():
    masks = global_masks([np.array([[10.0, 9.0]]), np.array([[1.0], [2.0]])], 2)
    assert [m.tolist() for m in masks] == [[[True, True]], [[False], [False]]]


def test_a_model_of_no_arrays_has_no_masks():
    assert global_masks([], 0) == ()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: magnitude_scores([1.0, np.nan]), ValueError, r"w\[1\] is nan: only finite values can be scored"),
        (lambda: magnitude_scores(["a"]), TypeError, "w has dtype"),
        (lambda: random_scores([1.0], seed=-1), ValueError, "seed is -1: it must be at least 0"),
        (lambda: first_order_scores([1.0], [[1.0]]), ValueError, r"gradient has shape \(1, 1\), w has shape \(1,\)"),
        (lambda: input_norms([1.0]), ValueError, r"x has shape \(1,\): it must be \(n, inputs\)"),
        (lambda: wanda_scores([1.0], [1.0]), ValueError, r"w has shape \(1,\): it must be \(inputs, outputs\)"),
        (lambda: wanda_scores([[1.0, 2.0]], [1.0, 2.0]), ValueError, r"norms has shape \(2,\): w has 1 inputs"),
        (lambda: wanda_scores([[1.0]], [-1.0]), ValueError, r"norms\[0\] is -1.0: a norm is at least 0"),
        (
            lambda: masks_by_score([[1.0], [0, 0.5, -1.0]], 0.5),
            ValueError,
            r"scores\[1\]\[2\] is -1.0: a score is at least 0",
        ),
        (lambda: masks_by_score([[np.nan]], 0.5), ValueError, r"scores\[0\]\[0\] is nan: a NaN cannot be ranked"),
        (lambda: masks_by_score([[1.0]], 0.5, scope="row"), ValueError, "scope is 'row': it must be one of tensor"),
        (lambda: masks_by_score([[1.0]], 0.5, scope="output"), ValueError, r"scores\[0\] has shape \(1,\)"),
        (lambda: masks_by_score([[1.0]], 2.0), ValueError, "sparsity is 2.0"),
        (lambda: masks_by_score([], 2.0), ValueError, "sparsity is 2.0"),
        (lambda: masks_by_score([], 0.5, ties="any"), ValueError, "ties is 'any'"),
        (lambda: masks_by_score([], 0.5, scope="output", rounding="up"), ValueError, "rounding is 'up'"),
        (lambda: global_masks([[1.0]], 2), ValueError, "k is 2: it must be from 0 to 1"),
        (lambda: global_masks([[1.0], ["a"]], 1), TypeError, r"weights\[1\] has dtype"),
        (lambda: global_masks(3, 1), TypeError, "weights is 3"),
        (lambda: masks_by_score([[1.0], ["a"]], 0.5), TypeError, r"scores\[1\] has dtype"),
        (lambda: masks_by_score(3, 0.5), TypeError, "scores is 3"),
        (lambda: global_masks([[1.0], [np.nan]], 1), ValueError, r"weights\[1\]\[0\] is nan: a NaN cannot be ranked"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

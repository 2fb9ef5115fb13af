from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import second_order as oracle

from refcompress.pruning.second_order import damage_scores, inverse, removal
from refcompress.pruning.selection import top_k_mask
from refcompress.pruning.sparse_gpt import in_order, reconstruct, sparse_gpt, sparse_gpt_n_m
from refcompress.pruning.structured import n_m_mask

ROWS = np.random.default_rng(0).standard_normal((200, 24))
HESSIAN = 2 * (ROWS.T @ ROWS)
HESSIAN = np.tril(HESSIAN) + np.tril(HESSIAN, -1).T
WEIGHTS = np.random.default_rng(1).standard_normal((24, 7))


def fractions(values):
    exact = np.empty(np.shape(values), object)
    for index, value in np.ndenumerate(np.array(values, object)):
        exact[index] = Fraction(value)
    return exact


def factors(h):
    """V and D in fractions: D_i is [H_i^-1]_00 for the rows from i on, and row i of V is row 0 of H_i^-1 over it."""
    v, d = fractions(np.zeros(h.shape, int)), fractions(np.zeros(len(h), int))
    for i in range(len(h)):
        first = inverse(h[i:, i:])[0]
        d[i], v[i, i:] = first[0], first / first[0]
    return v, d


@st.composite
def columns(draw, smallest=1):
    n = draw(st.integers(smallest, 5))
    x = np.array(draw(st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=1, max_size=4)))
    w = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    return w, (x.T @ x + np.eye(n, dtype=int)).tolist()


@given(columns())
def test_one_factorization_holds_the_inverse(column):
    h = fractions(column[1])
    v, d = factors(h)
    assert np.array_equal(v.T @ (d[:, np.newaxis] * v), inverse(h))


@given(columns())
def test_without_damping_removing_the_first_weight_is_optimal_brain_surgeon(column):
    w, h = fractions(column[0]), fractions(column[1])
    mask = np.arange(len(w)) > 0
    moved, _ = in_order(w[:, np.newaxis].copy(), *factors(h), lambda i, costs: mask[i : i + 1, np.newaxis], 1, 2)
    surgeon, _, cost = removal(w, inverse(h), 0)
    assert moved[:, 0].tolist() == surgeon.tolist()
    assert w[0] * w[0] / factors(h)[1][0] / 2 == cost


@given(columns(), st.data())
def test_removing_one_weight_is_optimal_brain_surgeon_on_the_rows_from_it_on(column, data):
    w, h = fractions(column[0]), fractions(column[1])
    q = data.draw(st.integers(0, len(w) - 1))
    mask = np.arange(len(w)) != q
    moved, _ = in_order(w[:, np.newaxis].copy(), *factors(h), lambda i, costs: mask[i : i + 1, np.newaxis], 1, 2)
    surgeon, _, _ = removal(w[q:], inverse(h[q:, q:]), 0)
    assert moved[:, 0].tolist() == [*w[:q], *surgeon]


@given(columns(), st.data())
def test_every_row_makes_the_best_of_what_the_rows_before_it_lost(column, data):
    w, h = column
    mask = data.draw(st.lists(st.booleans(), min_size=len(w), max_size=len(w)))
    flags = np.array(mask)[:, np.newaxis]
    exact = [Fraction(v) for v in w]
    for i in range(
        len(w)
    ):  # the best weights from row i on, after row i alone was removed, the rows before as they are
        if not mask[i]:
            tail = [row[i:] for row in h[i:]]
            exact[i:] = oracle.best(exact[i:], tail, [False] + [True] * (len(w) - i - 1), [True] * (len(w) - i))
    moved, _ = in_order(fractions(w)[:, np.newaxis], *factors(fractions(h)), lambda i, c: flags[i : i + len(c)], 2, 4)
    assert moved[:, 0].tolist() == exact


@pytest.mark.parametrize("block", [1, 2, 3, 5])
@pytest.mark.parametrize("batches", [1, 2, 7])
def test_batches_change_nothing_but_the_order_of_the_sums(block, batches):
    h = fractions(np.random.default_rng(2).integers(-2, 3, (5, 5)))
    h = h @ h.T + fractions(np.eye(5, dtype=int))
    w = fractions(np.random.default_rng(3).integers(-4, 5, (5, 2)))

    def choose(start, costs):
        return top_k_mask(costs.astype(float), costs.size // 2)

    together = in_order(w.copy(), *factors(h), choose, block, 5 * block)
    lazily = in_order(w.copy(), *factors(h), choose, block, batches * block)
    assert np.array_equal(together[0], lazily[0])
    assert np.array_equal(together[1], lazily[1])


@pytest.mark.parametrize("lazy_batch", [1, 3, 128])
def test_reconstructing_with_the_mask_that_was_chosen_gives_the_same_weights(lazy_batch):
    generator = np.random.default_rng(6)
    w, x = generator.normal(size=(8, 4)), generator.normal(size=(20, 8))
    weights, mask = sparse_gpt(w, x.T @ x, 0.5, mask_block=1, lazy_batch=lazy_batch)
    assert np.array_equal(reconstruct(w, x.T @ x, mask, lazy_batch=lazy_batch), weights)
    assert not weights[~mask].any()


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8), st.data())
def test_a_diagonal_of_powers_of_two_gives_the_rule_of_damage_and_moves_no_weight(w, data):
    diagonal = np.array([4.0 ** data.draw(st.integers(-3, 3)) for _ in w])  # whose roots are exact
    weights, mask = sparse_gpt(np.array(w)[:, np.newaxis], np.diag(diagonal), 0.5, damping=0.0)
    assert np.array_equal(mask[:, 0], top_k_mask(damage_scores(w, diagonal), round(len(w) / 2)))
    assert np.array_equal(weights, np.where(mask, np.array(w)[:, np.newaxis], 0))


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("mask_block", [1, 5, 24, 128])
def test_every_block_of_rows_keeps_its_count(sparsity, mask_block):
    weights, mask = sparse_gpt(WEIGHTS, HESSIAN, sparsity, mask_block=mask_block)
    for start in range(0, 24, mask_block):
        rows = mask[start : start + mask_block]
        assert rows.sum() == round(rows.size * (1 - Fraction(str(sparsity))))
    assert weights[~mask].tobytes() == np.zeros((~mask).sum()).tobytes()


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 2), (0, 3), (3, 8), (1, 1)])
def test_of_every_m_inputs_n_stay(n, m):
    weights, mask = sparse_gpt_n_m(WEIGHTS, HESSIAN, n=n, m=m)
    assert (mask.reshape(-1, m, 7).sum(axis=1) == n).all()
    assert not weights[~mask].any()


@given(columns(), st.integers(1, 3))
def test_what_a_choice_removes_a_mask_removes_likewise(column, block):
    w, h = fractions(column[0])[:, np.newaxis], fractions(column[1])
    moved, mask = in_order(w.copy(), *factors(h), lambda i, c: top_k_mask(c.astype(float), c.size // 2), block, block)
    again, _ = in_order(w.copy(), *factors(h), lambda i, costs: mask[i : i + len(costs)], 1, 4)
    assert np.array_equal(moved, again)


def test_the_error_is_below_that_of_magnitude_pruning():
    def error(pruned):
        moved = ROWS @ (pruned - WEIGHTS)
        return float((moved * moved).sum())

    weights, _ = sparse_gpt_n_m(WEIGHTS, HESSIAN)
    assert error(weights) < error(np.where(n_m_mask(WEIGHTS, axis=0), WEIGHTS, 0))


def test_weights_of_an_input_that_was_always_zero_go_first():
    h = np.diag([1.0, 0.0, 4.0])
    weights, mask = sparse_gpt([[1.0], [99.0], [1.0]], h, Fraction(1, 3), damping=0.0)
    assert mask.ravel().tolist() == [True, False, True]
    assert weights.ravel().tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("dtype", [np.float16, ">f4", ml_dtypes.bfloat16])
def test_the_dtype_of_the_weights_stays(dtype):
    weights, _ = sparse_gpt(np.array([[1.0], [3.0]]).astype(dtype), [[2.0, 1.0], [1.0, 2.0]], 0.5, damping=0.0)
    assert weights.dtype == np.dtype(dtype).newbyteorder("=")
    assert weights.astype(float).ravel().tolist() == [0.0, 3.5]


@pytest.mark.parametrize("damping", [0.01, 0.5, 3])
def test_damping_adds_a_share_of_the_mean_of_the_diagonal_to_it(damping):
    damped = HESSIAN + damping * np.diag(HESSIAN).mean() * np.eye(24)
    ours, theirs = sparse_gpt(WEIGHTS, HESSIAN, 0.5, damping=damping), sparse_gpt(WEIGHTS, damped, 0.5, damping=0)
    assert all(map(np.array_equal, ours, theirs))


def test_the_order_in_memory_changes_no_bit():
    ours, theirs = sparse_gpt(np.asfortranarray(WEIGHTS), HESSIAN, 0.5), sparse_gpt(WEIGHTS, HESSIAN, 0.5)
    assert all(map(np.array_equal, ours, theirs))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_a_layer_of_no_weights_stays(shape):
    weights, mask = sparse_gpt(np.zeros(shape), np.eye(shape[0]), 0.5)
    assert (weights.shape, mask.shape, mask.dtype) == (shape, shape, np.bool_)


def test_inputs_are_not_changed():
    w, h = WEIGHTS.copy(), HESSIAN.copy()
    w.flags.writeable = h.flags.writeable = False
    sparse_gpt(w, h, 0.5)
    assert np.array_equal(w, WEIGHTS)
    assert np.array_equal(h, HESSIAN)


ONE, EYE = [[1.0], [2.0]], [[1.0, 0.0], [0.0, 1.0]]
NOTHING = np.zeros((0, 1)), np.zeros((0, 0))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: sparse_gpt([1.0], [[1.0]], 0.5), ValueError, r"w has shape \(1,\): it must be \(inputs, outputs\)"),
        (
            lambda: sparse_gpt([[np.nan]], [[1.0]], 0.5),
            ValueError,
            r"w\[0, 0\] is nan: only finite values can be pruned",
        ),
        (lambda: sparse_gpt(ONE, [[1.0]], 0.5), ValueError, r"hessian has shape \(1, 1\): w has length 2"),
        (lambda: sparse_gpt(ONE, [[1, 2], [3, 4]], 0.5), ValueError, r"hessian\[0, 1\] is 2.0: it must be symmetric"),
        (lambda: sparse_gpt(ONE, [[1, 2], [2, 1]], 0.5), ValueError, "hessian is not positive definite with damping"),
        (lambda: sparse_gpt(ONE, EYE, 1.5), ValueError, "sparsity is 1.5"),
        (lambda: sparse_gpt(ONE, EYE, 0.5, damping=-1), ValueError, "damping is -1: it must be at least 0"),
        (lambda: sparse_gpt(ONE, EYE, 0.5, mask_block=0), ValueError, "mask_block is 0: it must be at least 1"),
        (lambda: sparse_gpt(ONE, EYE, 0.5, lazy_batch=0), ValueError, "lazy_batch is 0: it must be at least 1"),
        (lambda: sparse_gpt(ONE, EYE, 0.5, ties="both"), ValueError, "ties is 'both'"),
        (lambda: sparse_gpt_n_m(ONE, EYE), ValueError, "w has 2 inputs: it must be a multiple of m = 4"),
        (lambda: sparse_gpt_n_m(ONE, EYE, n=3, m=2), ValueError, "n is 3: it must be from 0 to 2"),
        (lambda: sparse_gpt_n_m(ONE, EYE, m=0), ValueError, "m is 0: it must be at least 1"),
        (lambda: sparse_gpt_n_m(*NOTHING, n=3, m=2), ValueError, "n is 3: it must be from 0 to 2"),
        (lambda: sparse_gpt_n_m(*NOTHING, n=-1), ValueError, "n is -1: it must be from 0 to 4"),
        (lambda: reconstruct(ONE, EYE, [[1], [0, 1]]), TypeError, "^mask is a list that is no array"),
        (lambda: reconstruct(ONE, EYE, [[1], [0]]), TypeError, "mask has dtype int64: it must hold booleans"),
        (lambda: reconstruct(ONE, EYE, [True, False]), ValueError, r"mask has shape \(2,\), w has shape \(2, 1\)"),
        (
            lambda: sparse_gpt(np.array([[60000], [60000]], np.float16), [[1, 0.9], [0.9, 1]], 0.5, damping=0.0),
            ValueError,
            r"w\[1, 0\] is inf: the corrections of the rows before it pass the largest float",
        ),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import second_order as oracle

from refcompress.pruning.second_order import (
    damage_scores,
    inverse,
    operate,
    optimal_brain_surgeon,
    removal,
)
from refcompress.pruning.selection import top_k_mask


def fractions(values):
    exact = np.empty(np.shape(values), object)
    for index, value in np.ndenumerate(np.array(values, object)):
        exact[index] = Fraction(value)
    return exact


@st.composite
def minima(draw, smallest=1):
    """Weights and a positive definite Hessian, both of small integers."""
    n = draw(st.integers(smallest, 4))
    x = np.array(draw(st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=1, max_size=4)))
    w = draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))
    return w, (x.T @ x + np.eye(n, dtype=int)).tolist()


@given(minima(), st.data())
def test_the_predicted_increase_is_the_true_one_on_a_quadratic(minimum, data):
    w, h = minimum
    k = data.draw(st.integers(0, len(w)))
    done = operate(fractions(w), inverse(fractions(h)), k)
    assert done.increase == oracle.loss(w, done.weights.tolist(), h)


@given(minima(), st.data())
def test_the_surgery_is_that_of_the_exact_twin(minimum, data):
    w, h = minimum
    k = data.draw(st.integers(0, len(w)))
    done = operate(fractions(w), inverse(fractions(h)), k)
    assert (done.weights.tolist(), done.mask.tolist(), done.increase) == oracle.surgery(w, h, k)


@given(minima())
def test_the_inverse_is_the_inverse(minimum):
    h = fractions(minimum[1])
    assert np.array_equal(h @ inverse(h), fractions(np.eye(len(h), dtype=int)))


@given(minima(2), st.data())
def test_a_removal_leaves_the_inverse_of_the_hessian_without_that_weight(minimum, data):
    w, h = minimum
    q = data.draw(st.integers(0, len(w) - 1))
    _, left, _ = removal(fractions(w), inverse(fractions(h)), q)
    rest = [i for i in range(len(w)) if i != q]
    assert np.array_equal(left[np.ix_(rest, rest)], inverse(fractions(h)[np.ix_(rest, rest)]))
    assert not left[q].any()
    assert not left[:, q].any()


@given(minima(), st.data())
def test_floats_remove_exactly_and_leave_k(minimum, data):
    w, h = minimum
    k = data.draw(st.integers(0, len(w)))
    done = optimal_brain_surgeon(w, h, k)
    removed = done.weights[~done.mask]
    assert done.mask.sum() == k
    assert removed.tobytes() == np.zeros(len(w) - k).tobytes()


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=8), st.data())
def test_a_diagonal_of_powers_of_two_gives_the_rule_of_damage_and_moves_no_weight(w, data):
    diagonal = np.array([2.0 ** data.draw(st.integers(-3, 3)) for _ in w])
    k = data.draw(st.integers(0, len(w)))
    done = optimal_brain_surgeon(w, np.diag(diagonal), k)
    scores = damage_scores(w, diagonal)
    assert np.array_equal(done.mask, top_k_mask(scores, k))
    assert np.array_equal(done.weights, np.where(done.mask, w, 0))
    assert done.increase == scores[~done.mask].sum()


def test_nothing_removed_changes_nothing():
    w = np.array([0.1, -0.0, 3.0])
    done = optimal_brain_surgeon(w, np.eye(3) + 1, 3)
    assert done.weights.tobytes() == w.tobytes()
    assert done.increase == 0
    assert isinstance(done.increase, float)


def test_damage_knows_that_a_flat_direction_costs_nothing():
    assert damage_scores([1e200, 1e200, 0.0], [0.0, 1.0, 5.0]).tolist() == [0.0, np.inf, 0.0]


EDGES = [0.0, 5e-324, 1.5e-323, 2.0**-1022, 3e-200, 1.1, 3e200, 1.7976931348623157e308]


@pytest.mark.parametrize("w", EDGES)
@pytest.mark.parametrize("curvature", EDGES)
def test_damage_is_the_square_and_its_product_each_rounded_once(w, curvature):
    square = w * w
    (score,) = damage_scores([w], [curvature]).tolist()
    if square == np.inf:
        assert score == (np.inf if curvature else 0.0)
    else:
        assert score == rounded(Fraction(square) * Fraction(curvature) / 2)


def rounded(value):
    """A rational number to the nearest float64, by Python's own division of integers."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return np.inf


def test_inputs_are_not_changed():
    w, h = np.array([1.0, 3.0]), np.array([[2.0, 1.0], [1.0, 2.0]])
    w.flags.writeable = h.flags.writeable = False
    assert optimal_brain_surgeon(w, h, 1).weights.tolist() == [0.0, 3.5]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: damage_scores([1.0] * 3, [0, 0.5, -1]),
            ValueError,
            r"curvature\[2\] is -1.0: a minimum has no negative",
        ),
        (lambda: damage_scores([np.inf], [1.0]), ValueError, r"w\[0\] is inf: only finite values can be scored"),
        (lambda: damage_scores([1.0], [np.inf]), ValueError, r"curvature\[0\] is inf: only finite values can be used"),
        (lambda: damage_scores(["a"], [1.0]), TypeError, "w has dtype"),
        (lambda: damage_scores([1.0], ["a"]), TypeError, "curvature has dtype"),
        (lambda: optimal_brain_surgeon(["a"], [[1.0]], 1), TypeError, "w has dtype"),
        (lambda: optimal_brain_surgeon([np.nan], [[1.0]], 1), ValueError, "nan: only finite values can be pruned"),
        (lambda: damage_scores([1.0], [[1.0]]), ValueError, r"curvature has shape \(1, 1\), w has shape \(1,\)"),
        (lambda: optimal_brain_surgeon([[1.0]], [[1.0]], 1), ValueError, r"w has shape \(1, 1\)"),
        (lambda: optimal_brain_surgeon([1.0], [[1.0, 2.0]], 1), ValueError, r"hessian has shape \(1, 2\)"),
        (lambda: optimal_brain_surgeon([1.0, 1.0], [[1, 2], [3, 9]], 1), ValueError, r"hessian\[0, 1\] is 2.0"),
        (lambda: optimal_brain_surgeon([1.0, 1.0], [[1, 1], [1, 1]], 1), ValueError, "hessian is not positive def"),
        (lambda: optimal_brain_surgeon([1.0], [[-1.0]], 1), ValueError, "meets a pivot of -1.0"),
        (lambda: optimal_brain_surgeon([1.0], [[1.0]], 2), ValueError, "k is 2: it must be from 0 to 1"),
        (
            lambda: optimal_brain_surgeon([1.7e308, 1.7e308], [[1, 0.9], [0.9, 1]], 1),
            ValueError,
            r"w\[0\] is inf: the corrections pass the largest float64",
        ),
        (lambda: optimal_brain_surgeon([1.0], [["a"]], 1), TypeError, "hessian has dtype"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

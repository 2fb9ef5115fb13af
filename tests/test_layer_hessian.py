from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import second_order as oracle

from refcompress.layer_hessian import checked_hessian, hessian, inverse_factors

TRIANGLES = hnp.arrays(np.float64, (4, 4), elements=st.integers(-3, 3).map(float)).map(np.triu)


@given(hnp.arrays(np.int64, (5, 3), elements=st.integers(-9, 9)), st.integers(0, 5))
def test_the_hessian_of_batches_is_the_sum_of_theirs(x, cut):
    np.testing.assert_array_equal(hessian(x), hessian(x[:cut]) + hessian(x[cut:]))
    np.testing.assert_array_equal(hessian(x), 2 * x.T @ x)


@given(TRIANGLES, st.lists(st.integers(-2, 2), min_size=4, max_size=4))
def test_the_factors_are_the_first_rows_of_the_inverses_that_are_left(triangle, exponents):
    np.fill_diagonal(triangle, 2.0 ** np.array(exponents))
    h = triangle @ triangle.T  # whose Cholesky factor, all quotients and all sums are exact
    v, d = inverse_factors(h, 0.0)
    for i in range(4):
        first = oracle.solve(h[i:, i:].tolist(), [1] + [0] * (3 - i))
        assert Fraction(d[i]) == first[0]
        assert [Fraction(value) * first[0] for value in v[i, i:].tolist()] == first
    assert not np.tril(v, -1).any()


@pytest.mark.parametrize("x", [1e154, 1.7e308])
def test_squares_past_the_largest_float_are_refused_without_a_warning(x):
    with np.errstate(all="raise"), pytest.raises(ValueError, match="the sums of its squares pass the largest float64"):
        hessian([[x, 1.0]])


def test_damping_is_a_share_of_the_mean_of_the_diagonal():
    _, d = inverse_factors(np.diag([2.0, 14.0]), 0.25)  # adds 2
    assert d.tolist() == [0.25, 0.0625]


def test_damping_past_the_largest_float_is_refused_and_none_is_free():
    large = np.diag([1.5e308, 1.5e308])
    with pytest.raises(ValueError, match=r"^hessian has a diagonal .* with damping = 0\.01$"):
        inverse_factors(large, 0.01)
    v, d = inverse_factors(large, 0.0)
    assert np.array_equal(v, np.eye(2))
    np.testing.assert_allclose(d, 1 / 1.5e308, rtol=2**-50)  # a root, its square and a quotient


def test_an_input_that_was_always_zero_moves_nothing_and_costs_nothing():
    v, d = inverse_factors(np.diag([4.0, 0.0]), 0.0)
    assert v.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert d.tolist() == [0.25, np.inf]


def test_a_hessian_without_an_inverse_is_refused():
    with pytest.raises(ValueError, match=r"hessian is not positive definite with damping = 0\.0: more damping"):
        inverse_factors(np.ones((2, 2)), 0.0)


@pytest.mark.parametrize(
    ("h", "error", "text"),
    [
        ([[1.0]], ValueError, r"hessian has shape \(1, 1\): w has length 2, so it must be \(2, 2\)"),
        ([[1.0, 2.0], [3.0, 4.0]], ValueError, r"hessian\[0, 1\] is 2.0: it must be symmetric"),
        ([[np.nan, 0.0], [0.0, 1.0]], ValueError, r"hessian\[0, 0\] is nan: only finite values can be used"),
        ([["a"]], TypeError, "hessian has dtype"),
    ],
)
def test_what_is_no_hessian_is_refused(h, error, text):
    with pytest.raises(error, match=text):
        checked_hessian(h, 2)


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        ([[np.inf]], ValueError, r"x\[0, 0\] is inf: only finite values can be calibrated with"),
        ([1.0], ValueError, r"x has shape \(1,\): it must be \(n, inputs\)"),
        ([[1e200]], ValueError, r"x reaches 1e\+200: the sums of its squares pass the largest float64"),
        ([["a"]], TypeError, "x has dtype"),
    ],
)
def test_bad_inputs_of_the_hessian_are_refused(x, error, text):
    with pytest.raises(error, match=text):
        hessian(x)

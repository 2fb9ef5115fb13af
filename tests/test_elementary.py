from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress.elementary import exp, log, product, tanh

SMALL, LARGE = 2.0**-1022, np.finfo(np.float64).max


def exact_tanh(z):
    if abs(z) < Decimal("1e-20"):
        return z - z**3 / 3
    e = (-2 * abs(z)).exp()
    return ((1 - e) / (1 + e)).copy_sign(z)


def ulps(got, x, function):
    """How far a float is from the exact value, in units of the last place of that."""
    with localcontext(prec=60):
        exact = function(Decimal(x))
        return abs(Decimal(float(got)) - exact) / Decimal(float(np.spacing(abs(float(exact)))))


@given(st.floats(-708, 709) | st.floats(-1, 1) | st.floats(-1e-9, 1e-9))
def test_an_exponential_is_within_two_units_in_the_last_place(x):
    assert ulps(exp(np.array(x)), x, Decimal.exp) < 2


@given(st.floats(SMALL, LARGE) | st.floats(0.5, 2) | st.floats(1 - 2.0**-30, 1 + 2.0**-30))
def test_a_logarithm_is_within_two_units_in_the_last_place(x):
    assert log(np.array(x)) == 0 if x == 1 else ulps(log(np.array(x)), x, Decimal.ln) < 2


@given(st.floats(-20, 20) | st.floats(-1, 1) | st.floats(-1e-9, 1e-9).filter(lambda z: abs(z) >= SMALL or z == 0))
def test_a_hyperbolic_tangent_is_within_two_units_in_the_last_place_and_odd(z):
    assert tanh(np.array(z)) == 0 if z == 0 else ulps(tanh(np.array(z)), z, exact_tanh) < 2
    assert tanh(np.array(-z)).tobytes() == (-tanh(np.array(z))).tobytes()


@given(st.floats(-745.2, -708))
def test_a_subnormal_exponential_is_within_a_quantum(x):
    with localcontext(prec=60):
        assert abs(Decimal(float(exp(np.array(x)))) - Decimal(x).exp()) <= Decimal(2.0**-1074)


@np.errstate(all="ignore")
def test_the_ends_are_those_of_the_functions():
    ends = np.array([np.nan, np.inf, -np.inf, 710.0, -746.0, 0.0, -0.0])
    np.testing.assert_array_equal(exp(ends), [np.nan, np.inf, 0, np.inf, 0, 1, 1])
    np.testing.assert_array_equal(
        log(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0])), [np.nan, np.inf, np.nan, -np.inf, -np.inf, np.nan]
    )
    assert log(np.array([2.0**-1074, LARGE])).tolist() == pytest.approx(
        [-744.4400719213812, 709.782712893384], rel=2e-16
    )
    np.testing.assert_array_equal(tanh(np.array([np.nan, np.inf, -np.inf, 30.0, -0.0])), [np.nan, 1, -1, 1, -0.0])
    assert tanh(np.array(2.0**-1074)) == 2.0**-1074
    assert [f(np.zeros((0, 2))).shape for f in (exp, log, tanh)] == [(0, 2)] * 3


@given(
    hnp.arrays(np.float64, (2, 3), elements=st.floats(-9, 9)), hnp.arrays(np.float64, (3, 2), elements=st.floats(-9, 9))
)
def test_a_product_adds_up_from_the_first_term_to_the_last(a, b):
    expected = [[0.0, 0.0], [0.0, 0.0]]
    for i, j, k in np.ndindex(2, 2, 3):
        term = float(Fraction(a[i, k]) * Fraction(b[k, j]))
        expected[i][j] = float(Fraction(expected[i][j]) + Fraction(term))
    np.testing.assert_array_equal(product(a, b), expected)


def test_a_product_over_nothing_is_zero():
    assert product(np.ones((2, 0)), np.ones((0, 3))).tolist() == [[0.0] * 3] * 2

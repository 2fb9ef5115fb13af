from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from refcompress.norms import norms

SHAPES = array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6)
LARGE, TINY = 2.0**700, 2.0**-700


@given(arrays(np.float64, SHAPES, elements=st.floats(-1e300, 1e300)), st.integers(-2, 1))
def test_a_norm_is_within_its_roundings_of_the_exact_one(x, axis):
    # every square and sum, n + 1 in all, is rounded once relative to a sum of positive terms, the root halves that and
    # is rounded itself; a square that vanishes is below 2^-1022 of the largest one, which the last term allows for
    vectors = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    for vector, norm in zip(vectors.tolist(), norms(x, axis).ravel().tolist(), strict=True):
        exact = sum((Fraction(v) ** 2 for v in vector), Fraction(0))
        error = (len(vector) + 3) * Fraction(1, 2**53)
        tiny = Fraction(1, 2**1074)  # where the norm itself is subnormal
        assert max(Fraction(norm) - tiny, 0) ** 2 <= exact * (1 + error) ** 2
        assert (Fraction(norm) + tiny) ** 2 >= exact * (1 - error) ** 2


@pytest.mark.parametrize("axis", [0, 1])
def test_each_vector_is_scaled_by_itself(axis):
    x = np.array([[3 * LARGE, 3 * TINY, 0.0], [4 * LARGE, 4 * TINY, -0.0]])
    assert norms(x if axis == 0 else x.T, axis).tolist() == [5 * LARGE, 5 * TINY, 0.0]


def test_neither_end_of_the_floats_signals():
    largest, smallest = np.finfo(np.float64).max, 5e-324
    with np.errstate(all="raise"):
        assert norms(np.array([[1.0, 1e-300], [largest, largest], [smallest, 0.0]]), 1).tolist() == [
            1,
            np.inf,
            smallest,
        ]


def test_no_numbers_have_the_norm_0():
    assert norms(np.zeros((0, 2)), 0).tolist() == norms(np.zeros((2, 0)), 1).tolist() == [0, 0]


def test_equal_columns_have_equal_norms_however_they_lie_in_memory():
    x = np.column_stack([np.random.default_rng(0).standard_normal(1000)] * 7)
    assert len({*norms(x, 0).tolist(), *norms(np.asfortranarray(x), 0).tolist()}) == 1


def test_an_exact_norm_is_exact():
    assert norms(np.arange(1.0, 25.0), 0) == 70  # 1^2 + ... + 24^2 = 70^2

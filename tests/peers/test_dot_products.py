"""Accumulators as dot products of int8 codes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.peers.dot_products import REACH, as_dot_products, within_dot_products


@given(st.lists(st.integers(-REACH, REACH), min_size=1, max_size=20))
def test_the_products_add_up_to_the_accumulators(values):
    row, columns = as_dot_products(np.array(values, np.int32))
    assert (row.astype(np.int64) @ columns.astype(np.int64)).reshape(-1).tolist() == values


@pytest.mark.parametrize("value", [REACH, -REACH])
def test_the_ends_of_the_reach_are_within(value):
    row, columns = as_dot_products(np.array([value]))
    assert within_dot_products(np.array([value])).all()
    assert (row.astype(np.int64) @ columns.astype(np.int64)).tolist() == [[value]]


def test_no_two_products_stand_side_by_side():
    row, _ = as_dot_products(np.array([REACH]))
    assert not row.reshape(-1)[1::2].any()


def test_what_is_longer_is_left_out():
    assert within_dot_products(np.array([REACH + 1, -(2**31)], np.int64)).tolist() == [False, False]

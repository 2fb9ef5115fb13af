from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from methods.small import PLAN, bench

from refcompress.datasets import Dataset
from refcompress.methods.bench import Sized, prepare
from refcompress.methods.storage import METHODS, SHARED, as_many_as_fit, shared_codes


@pytest.mark.parametrize("name", METHODS)
def test_every_form_is_within_the_budget(name):
    sized = METHODS[name](bench())
    assert 0 < sized.bytes <= bench().budget


def test_a_form_that_the_data_do_not_fit_is_left_out():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(80, 3))
    data = Dataset(x, (x[:, 0] > 0).astype(np.int64), ("a", "b"), "made")
    narrow = prepare(data, replace(PLAN, student_hidden=(4,)))
    assert METHODS["2:4, codes and 2-bit places"](narrow) is None
    assert METHODS["pruned, codes and places"](narrow) is not None


@given(st.lists(st.floats(-4, 4, width=16), min_size=1, max_size=200))
def test_shared_codes_are_0_for_0_and_within_one_byte(values):
    w = np.array(values)
    table, codes = shared_codes(w)
    assert ((codes == 0) == (w == 0)).all()
    assert codes.max() <= len(table) <= SHARED


def test_as_many_weights_stay_as_the_budget_holds():
    asked = []

    def two_bytes_a_weight(bench, model):
        asked.append(sum(int(np.count_nonzero(w)) for w in model.weights))
        return Sized(2 * asked[-1], 0.5)

    found = as_many_as_fit(two_bytes_a_weight)(bench())
    assert found.bytes <= bench().budget
    assert asked[-1] == bench().budget // 2


def test_nothing_may_fit():
    assert as_many_as_fit(lambda bench, model: Sized(10**9, 0.5))(bench()) is None

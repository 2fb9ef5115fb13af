"""A short climb towards every error bound; ``bounds.py`` climbs as long as it is told to."""

import pytest
from proof.bounds import DTYPES, TABLE, search

from refcompress.verify.operations import OPERATIONS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TABLE)
def test_no_order_of_the_same_steps_passes_the_bound_and_it_is_not_out_of_reach(name, dtype):
    part, order = search(name, dtype, tries=24)
    assert 1e-3 < part <= 1, order


def test_every_operation_with_a_bound_is_searched():
    assert {name.partition(",")[0] for name in TABLE} == {
        name for name, operation in OPERATIONS.items() if operation.bound is not None
    }

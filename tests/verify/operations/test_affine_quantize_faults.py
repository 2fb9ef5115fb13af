"""Where a rule of ``affine_quantize`` parts from the others only at the ends of what it computes in."""

import numpy as np
import pytest
from verify.rivals import fault_named, full

from refcompress.verify.operations.affine import AFFINE_QUANTIZE


def codes(name, x, z, **settings):
    settings = full(AFFINE_QUANTIZE, settings)
    args = np.array(x, settings["dtype"]), 1.0, z
    with np.errstate(all="ignore"):
        return fault_named(AFFINE_QUANTIZE, name).answer(args, settings).tolist()


@pytest.mark.parametrize(("x", "code"), [(2.0**63 - 1024, 2**31 - 1), (2.0**63, -(2**31))])
def test_what_is_cast_to_int64_is_lost_from_2_63_on_before_the_zero_point_is_added(x, code):
    assert codes("cast_and_sum_in_int64", [x], 2**31 - 1, bits=32, dtype="float64") == [code]


def test_unsigned_codes_of_32_bits_become_0_where_the_bound_is_held_in_float32():
    x = [0.0, 2.0**31, 2.0**32 - 256, 2.0**32]
    assert codes("range_in_float32", x, 0, bits=32, signed=False) == [*x[:3], 0]


def test_signed_codes_of_32_bits_become_the_lowest_where_the_bound_is_held_in_float32():
    assert codes("range_in_float32", [2.0**31 - 128, 2.0**31], 0, bits=32) == [2**31 - 128, -(2**31)]


def test_a_sum_that_wraps_takes_the_code_that_a_narrow_range_drops():
    assert codes("range_first_wrapped", [127.0], 1, narrow_range=True) == [-128]


def test_who_flushes_subnormals_flushes_a_subnormal_quotient_but_not_the_smallest_normal_number():
    settings = full(AFFINE_QUANTIZE, {"rounding": "ceil"})
    fault = fault_named(AFFINE_QUANTIZE, "subnormals_flushed")
    x = np.array([2.0**-125, 2.0**-126], np.float32)
    assert fault.answer((x, 2.0, 0), settings).tolist() == [1, 0]

import numpy as np
import pytest

from refcompress.verify.operations.bounded import beside_reference, each, in_dtype, low_precision_faults, wide


def test_a_function_goes_through_lists_and_tuples_and_keeps_their_form():
    assert each(lambda a, b: a + b, ([1, 2], 3), ([10, 20], 30)) == ([11, 22], 33)


def test_lists_of_another_length_are_an_error():
    with pytest.raises(ValueError, match="zip"):
        each(lambda a, b: a, [1], [1, 2])


def test_wide_holds_the_same_numbers():
    x = np.array([0.1, 65504], np.float16)
    (same,) = wide((x,))
    assert same.dtype == np.float64
    assert (same == x).all()


def test_the_dtype_is_that_of_the_inputs_only_where_it_is_checked():
    answer = np.array([0.1])
    assert in_dtype(answer, {"check_dtype": False, "dtype": "float16"}) is answer
    assert in_dtype(answer, {"check_dtype": True, "dtype": "float16"}).dtype == np.float16


@pytest.mark.parametrize(("dtype", "share"), [("float64", 1.0), ("float32", 2.0**-29), ("bfloat16", 2.0**-45)])
def test_the_reference_adds_its_own_share_to_the_bound(dtype, share):
    factor = float(beside_reference(np.array(1.0), dtype))
    assert (1 + share) <= factor <= (1 + share) * (1 + 2.0**-49)


def test_arithmetic_in_16_bits_rounds_what_goes_in_and_what_comes_out():
    fault = low_precision_faults(lambda args, s: args[0] * 1.5, lambda args, dtype, s: np.array(0.0))[1]
    assert fault.answer((np.array(1 + 2.0**-9),), {}) == 1.5
    assert fault.answer((np.array(1 + 2.0**-7),), {}) == 1.5 + 2.0**-6  # 1.5 + 3 * 2^-8 is half-way: the even one

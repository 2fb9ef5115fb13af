from fractions import Fraction

import numpy as np
import pytest

from refcompress.verify.operations.bounded import (
    beside_reference,
    bound_of,
    cast_error,
    each,
    in_dtype,
    low_precision_faults,
    relative_bound,
    rounded_to,
    wide,
)


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


def test_a_result_is_rounded_to_bfloat16_once():
    above_half = np.array([1 + 2.0**-8 + 2.0**-40])  # by way of float32 it is half-way, and the even one is 1
    assert in_dtype(above_half, {"check_dtype": True, "dtype": "bfloat16"}).tolist() == [1 + 2.0**-7]
    assert rounded_to("bfloat16", lambda args, settings: args[0])((above_half,), {}).tolist() == [1 + 2.0**-7]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_past_either_end_of_a_dtype_is_rounded_without_a_warning(dtype):
    ends, checked = np.array([1e300, -1e-300]), {"check_dtype": True, "dtype": dtype}
    with np.errstate(all="raise"):
        assert in_dtype(ends, checked).astype(np.float64).tolist() == [np.inf, 0.0]
        assert rounded_to(dtype, lambda args, settings: ends)((np.array(1.0),), {}).tolist() == [np.inf, 0.0]


@pytest.mark.parametrize(("dtype", "share"), [("float64", 1.0), ("float32", 2.0**-29), ("bfloat16", 2.0**-45)])
def test_the_reference_adds_its_own_share_to_the_bound(dtype, share):
    factor = float(beside_reference(np.array(1.0), dtype))
    assert (1 + share) <= factor <= (1 + share) * (1 + 2.0**-49)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_the_bound_beside_the_reference_pays_for_five_roundings_of_its_own(dtype):
    unit = Fraction(1, 2 ** {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}[dtype])
    for b in (1.0, 1 + 2.0**-52, 1.75, 2 - 2.0**-52):
        share = 1 + Fraction(1, 2**53) / unit
        # the first three are in the result
        assert Fraction(float(beside_reference(np.array(b), dtype))) >= b * share * (1 + Fraction(2, 2**53))
    assert Fraction(float(beside_reference(np.array(1.0), dtype))) >= share * (1 + Fraction(5, 2**53))


def test_a_bound_keeps_the_form_of_the_answer():
    (first, second), third = beside_reference(([np.array([1.0]), np.array([2.0])], np.array(3.0)), "float64")
    assert [float(first[0]), float(second[0]), float(third)] == pytest.approx([2, 4, 6], rel=2.0**-49)


def low_precision(exact, bound=lambda args, dtype, settings: np.array(0.0)):
    return low_precision_faults(exact, bound)


def test_arithmetic_in_16_bits_rounds_what_goes_in_and_what_comes_out():
    fault = low_precision(lambda args, s: args[0] * 1.5)[1]
    assert fault.answer((np.array(1 + 2.0**-9),), {}) == 1.5
    assert fault.answer((np.array(1 + 2.0**-7),), {}) == 1.5 + 2.0**-6  # 1.5 + 3 * 2^-8 is half-way: the even one
    rest = low_precision(lambda args, s: args[0] - 1)[1]
    assert rest.answer((np.array(1 + 2.0**-9),), {}) == 0


def test_a_number_comes_out_as_a_number_in_float64():
    for fault in low_precision(lambda args, s: np.float64(args[0].sum())):
        answer = fault.answer((np.array([1, 2.0**-40], np.float16),), {})
        assert (answer.shape, answer.dtype, answer) == ((), np.float64, 1)


def test_arithmetic_in_float32_rounds_the_arrays_of_all_layers():
    def total(args, settings):
        (first, second), third = args
        return first.sum() + second.sum() + third.sum() - settings["less"]

    fault = low_precision(total)[0]
    lost = np.array([2.0**-25, 1 + 2.0**-25])
    assert fault.answer(([lost, lost[1:]], lost), {"less": 3}) == 2.0**-24


def test_what_the_shorter_dtype_cannot_hold_is_taken_as_it_is():
    fault = low_precision(lambda args, settings: (args[0][0] * 2.0**-200, args[1]))[0]
    large, small = fault.answer(([np.array([2.0**210])], np.array([1 + 2.0**-40, 2.0, 3.0])), {})
    assert large.tolist() == [2.0**10]
    assert small.tolist() == [1.0, 2.0, 3.0]


def test_two_in_the_shorter_dtype_are_twice_its_bound_apart_the_wider_one_of_both_for_16_bits():
    def bound(args, dtype, settings):
        widths = {"float32": [5.0, 7.0], "bfloat16": [1.0, 5.0], "float16": [3.0, 2.0]}
        return np.array(widths[dtype]) * args[0] * settings["times"]

    in_float32, in_16_bits = low_precision(lambda args, settings: args[0], bound)
    assert in_float32.bound((10,), {"times": 3}).tolist() == [300, 420]
    assert in_16_bits.bound((10,), {"times": 3}).tolist() == [180, 300]


def test_a_shorter_dtype_is_called_so_and_its_wide_bound_coarse():
    in_float32, in_16_bits = low_precision(lambda args, settings: args[0])
    assert in_float32.coarse is in_16_bits.coarse is True
    assert [fault.name for fault in (in_float32, in_16_bits)] == ["in_float32", "in_16_bits"]
    for fault, words in ((in_float32, {"float32"}), (in_16_bits, {"float16", "bfloat16"})):
        assert {word for word in ("float16", "bfloat16", "float32") if f" {word}" in fault.statement} == words
        assert fault.statement.endswith("arithmetic explains")


def test_the_error_of_a_cast_is_how_far_the_nearest_number_is():
    args, under = (np.array([2049.0, 2050.0]),), {"check_dtype": True, "dtype": "float16"}
    assert cast_error(lambda args, settings: -args[0], args, under).tolist() == [1, 0]  # even numbers alone are held
    several = cast_error(lambda args, settings: (args[0], [args[0] + 2]), args, under)
    assert each(np.ndarray.tolist, several) == ([1, 0], [[1, 0]])


def test_an_infinity_is_cast_without_an_error():
    with np.errstate(all="raise"):
        infinite = cast_error(
            lambda args, settings: args[0], (np.array([np.inf]),), {"check_dtype": True, "dtype": "float16"}
        )
    assert infinite.tolist() == [0]


def own(args, dtype, settings):
    return args[0] * {"float16": 4.0, "float64": 8.0}[dtype] * settings.get("times", 1)


def test_the_bound_about_a_checked_dtype_holds_the_error_of_the_cast_as_well():
    bound = bound_of(lambda args, settings: args[0] * settings["scale"], own)
    x = np.array([2049.0])  # in float16 even numbers alone
    under = {"check_dtype": False, "dtype": "float16", "times": 3, "scale": 1}
    plain = bound((x,), under)
    assert plain == beside_reference(own((x,), "float16", under), "float16")
    assert bound((x,), {**under, "check_dtype": True}) == plain + 1
    assert bound((x,), {**under, "check_dtype": True, "scale": 2}) == plain + 2


def test_a_sum_of_one_sign_is_moved_by_32_units_of_it_at_most():
    bound = relative_bound(lambda args, settings: (args[0] * settings["times"], [args[0]]))
    first, (second,) = bound((np.array([-1.0, 2.0]),), {"dtype": "float16", "times": 2})
    assert first.tolist() == [2.0**-5, 2.0**-4]
    assert second.tolist() == [2.0**-6, 2.0**-5]

import re

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import arguments


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, "i1", "u8"])
def test_real_arrays_of_every_dtype_pass(dtype):
    array = np.ones(3, dtype)
    assert arguments.real_array(array, "x") is array


@pytest.mark.parametrize("dtype", [">f4", ">i8", ">u2", ">f2"])
def test_a_foreign_byte_order_becomes_native_with_the_same_values(dtype):
    result = arguments.real_array(np.array([1, 2, 300], dtype), "x")
    assert result.dtype.isnative
    assert result.tolist() == [1, 2, 300]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: arguments.real_array(["a"], "x"), TypeError, "x has dtype <U1: it must hold integers or floats"),
        (lambda: arguments.real_array([None], "x"), TypeError, "x has dtype object"),
        (lambda: arguments.real_array([True], "x"), TypeError, "x has dtype bool"),
        (lambda: arguments.real_array([[1], [2, 3]], "x"), TypeError, "x is a list that is no array"),
        (lambda: arguments.real_array(np.ma.masked_array([1.0]), "x"), TypeError, "x is a masked array: fill or drop"),
        (lambda: arguments.boolean_array([1, 0], "mask"), TypeError, "mask has dtype int64: it must hold booleans"),
        (lambda: arguments.integer_array([1.0], "q"), TypeError, "q has dtype float64: it must hold integers"),
        (
            lambda: arguments.float_array([2**53 + 1], "x"),
            ValueError,
            r"x\[0\] is 9007199254740993: float64 cannot hold this integer exactly",
        ),
        (
            lambda: arguments.float_array(np.array([2**64 - 1], np.uint64), "x"),
            ValueError,
            r"x\[0\] is 18446744073709551615: float64 cannot",
        ),
        (lambda: arguments.finite(np.array([[0, np.inf]]), "x", "used"), ValueError, r"x\[0, 1\] is inf: only finite"),
        (
            lambda: arguments.finite(np.array(np.nan), "x", "used"),
            ValueError,
            "x is nan: only finite values can be used",
        ),
        (
            lambda: arguments.finite_array([1.0, -np.inf], "x", "used"),
            ValueError,
            r"x\[1\] is -inf: only finite values can be used",
        ),
        (
            lambda: arguments.not_nan(np.array([0, np.nan]), "x", "ranked"),
            ValueError,
            r"x\[1\] is nan: a NaN cannot be",
        ),
        (lambda: arguments.integer(1.0, "k"), TypeError, r"k is 1.0 \(float\): it must be an integer"),
        (lambda: arguments.integer(True, "k"), TypeError, "k is True: it must be an integer"),
        (lambda: arguments.integer(5, "k", 0, 4), ValueError, "k is 5: it must be from 0 to 4"),
        (lambda: arguments.integer(-1, "k", 0), ValueError, "k is -1: it must be at least 0"),
        (lambda: arguments.integer(5, "k", None, 4), ValueError, "k is 5: it must be at most 4"),
        (lambda: arguments.real_number("1", "lr"), TypeError, r"lr is '1' \(str\): it must be a number"),
        (lambda: arguments.real_number(float("nan"), "lr"), ValueError, "lr is nan: it must be finite"),
        (lambda: arguments.real_number(np.inf, "lr", 0, exclusive=True), ValueError, "lr is inf: it must be finite"),
        (lambda: arguments.real_number(10**400, "lr", 0), ValueError, "it must be finite"),
        (lambda: arguments.real_number(-np.inf, "lr", 0), ValueError, "lr is -inf: it must be at least 0"),
        (lambda: arguments.real_number(np.inf, "lr", 0, 1), ValueError, "lr is inf: it must be from 0 to 1"),
        (lambda: arguments.real_number(0, "lr", 0, exclusive=True), ValueError, "lr is 0: it must be above 0"),
        (lambda: arguments.real_number(2, "r", 0, 1), ValueError, "r is 2: it must be from 0 to 1"),
        (lambda: arguments.real_number(1, "r", 0, 1, exclusive=True), ValueError, "strictly between 0 and 1"),
        (lambda: arguments.real_number(1, "r", None, 1, exclusive=True), ValueError, "r is 1: it must be below 1"),
        (lambda: arguments.boolean(1, "signed"), TypeError, "signed is 1: it must be True or False"),
        (lambda: arguments.choice("c", "word", ["a", "b"]), ValueError, "word is 'c': it must be one of a, b"),
        (lambda: arguments.choice(1, "word", ["a", "b"]), TypeError, "word is 1: it must be one of a, b"),
        (lambda: arguments.axis_number(2, "axis", 2), ValueError, "axis is 2: the array has 2 dimensions"),
        (lambda: arguments.axis_number(-2, "axis", 1), ValueError, "axis is -2: the array has 1 dimension$"),
        (
            lambda: arguments.same_shape(np.ones((77, 1)), np.ones(77), "student", "teacher"),
            ValueError,
            r"student has shape \(77, 1\), teacher has shape \(77,\): they must be equal",
        ),
    ],
)
def test_a_bad_value_is_named_with_what_it_must_be(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(shape=st.lists(st.integers(1, 4), max_size=3), data=st.data())
def test_the_first_offending_index_is_the_first_in_c_order(shape, data):
    flags = np.zeros(shape, bool)
    flat = data.draw(st.integers(0, flags.size - 1))
    flags.reshape(-1)[flat:] = True
    assert arguments.first_index(flags) == np.unravel_index(flat, flags.shape)


@given(axis=st.integers(-3, 2))
def test_a_negative_axis_counts_from_the_back(axis):
    assert arguments.axis_number(axis, "axis", 3) == range(3)[axis]


@given(value=st.integers(-(2**63), 2**63 - 1))
def test_integers_become_float64_only_where_that_is_exact(value):
    if int(float(value)) == value:
        assert arguments.float_array([value], "x")[0] == float(value)
    else:
        with pytest.raises(ValueError, match="float64 cannot hold this integer exactly"):
            arguments.float_array(np.array([value]), "x")


def test_numpy_integers_are_integers():
    assert arguments.integer(np.int8(3), "k") == 3
    assert type(arguments.integer(np.uint64(3), "k")) is int


def test_an_empty_list_is_an_array_of_integers():
    assert arguments.integer_array([], "q").dtype == np.int64
    assert arguments.boolean_array([], "mask").dtype == np.bool_


def test_a_tensor_that_refuses_to_become_an_array_is_a_type_error():
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("needs grad")

    with pytest.raises(TypeError, match="x is a Tensor that is no array: needs grad"):
        arguments.real_array(Tensor(), "x")


class Unwritable:
    def __repr__(self):
        raise RuntimeError("no words")


def test_what_cannot_be_written_is_named_by_its_type():
    assert arguments.shown(-(10**5000)) == "a value of type int"
    assert arguments.shown(Unwritable()) == "a value of type Unwritable"


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000], ids=["large", "low", "unwritable"])
def test_an_integer_past_every_float_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"lr is .*: it must be finite"):
        arguments.real_number(value, "lr")


@pytest.mark.parametrize("value", [None, 3, "ab", b"ab", {}, np.array(1)])
def test_what_is_no_list_is_refused_by_name(value):
    with pytest.raises(TypeError, match=r"batches is .*: it must be a list of arrays"):
        arguments.iterated(value, "batches")


def test_what_is_of_no_allowed_class_is_refused_by_name():
    with pytest.raises(TypeError, match=r"model is 3: it must be int64 or str"):
        arguments.instance(3, "model", np.int64, str)


def test_a_shape_past_all_memory_is_refused_by_name():
    arguments.room((0, 2**40), "shape")
    for shape in ((2**62,), (2**30, 2**30), (0, 2**70)):
        with pytest.raises(ValueError, match=r"shape is \("):
            arguments.room(shape, "shape")


@pytest.mark.parametrize("shape", [(0, 2**45), (2**40, 0, 2**10)])
def test_an_empty_array_that_nothing_can_reshape_is_refused_by_name(shape):
    with pytest.raises(ValueError, match=rf"x has shape {re.escape(str(shape))}: .* more than 17,592,186,044,416$"):
        arguments.any_array(np.empty(shape, np.int8), "x")


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (3, TypeError, "hidden is 3: it must be a list of widths"),
        ((4, 0), ValueError, r"hidden\[1\] is 0: it must be at least 1"),
        ((4, 2.0), TypeError, r"hidden\[1\] is 2\.0 \(float\): it must be an integer"),
        ((2**44 + 1,), ValueError, r"hidden\[0\] is 17592186044417: no layer has more than 17,592,186,044,416 units"),
    ],
)
def test_a_width_that_is_none_is_named(value, error, message):
    assert arguments.widths([np.int8(3), 2**44], "hidden") == [3, 2**44]
    with pytest.raises(error, match=message):
        arguments.widths(value, "hidden")


def test_finite_numbers_are_kept_as_they_are_and_integers_become_float64():
    x = np.array([1.5, -0.0], np.float32)
    assert arguments.finite_array(x, "x", "used") is x
    assert arguments.finite_array([1, 2], "x", "used").dtype == np.float64


def test_the_widths_of_a_network_are_those_of_its_hidden_layers_between_its_ends():
    assert arguments.network_widths(4, (np.int8(3), 2), 5) == (4, 3, 2, 5)
    assert arguments.network_widths(4, (), 5) == (4, 5)


@pytest.mark.parametrize("ends", [(2**31, 1), (1, 2**31)])
def test_a_layer_that_no_memory_holds_is_one_of_hidden(ends):
    with pytest.raises(ValueError, match=r"a layer of hidden is \(.*\): no array has more than"):
        arguments.network_widths(ends[0], (32768,), ends[1])

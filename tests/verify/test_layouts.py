import sys
from contextlib import nullcontext
from fractions import Fraction
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.verify.agreement import NoArray
from refcompress.verify.layouts import (
    FRAMEWORKS,
    LAYOUTS,
    contiguous,
    during_call,
    from_framework,
    laid_out,
    straight_through,
)

SHAPES = st.sampled_from([(), (0,), (1,), (5,), (2, 3), (3, 1), (2, 0, 2), (2, 3, 2)])
EACH_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)


@st.composite
def arrays(draw):
    shape = draw(SHAPES)
    size = int(np.prod(shape))
    return np.array(draw(st.lists(st.integers(-99, 99), min_size=size, max_size=size)), np.float32).reshape(shape)


@EACH_LAYOUT
@given(array=arrays())
def test_a_layout_keeps_the_values_in_memory_of_its_own(layout, array):
    out = laid_out(array, layout)
    assert (out.dtype, out.shape, out.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert not np.may_share_memory(out, array)


@EACH_LAYOUT
@given(array=arrays())
def test_straight_through_is_what_stands_in_memory_from_the_first_byte_on(layout, array):
    out = laid_out(array, layout)
    whole = out
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    memory = whole.ravel(order="K")[: array.size]
    read = straight_through(array, layout)
    assert read.shape == array.shape
    assert read.reshape(-1).tolist() == memory.tolist()


def test_in_the_gaps_of_a_strided_array_are_its_numbers_in_another_order():
    assert laid_out(np.array([1.0, 2.0, 3.0]), "strided").base.tolist() == [1, 3, 2, 2, 3, 1]


@EACH_LAYOUT
def test_lists_are_read_straight_through_array_by_array(layout):
    one, two = np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(2, 2)
    out = straight_through([one, [two], 7], layout)
    assert np.array_equal(out[0], straight_through(one, layout))
    assert np.array_equal(out[1][0], straight_through(two, layout))
    assert out[2] == 7


@EACH_LAYOUT
def test_plain_and_read_only_arrays_are_contiguous_and_no_others(layout):
    array, line = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    expected = layout in ("plain", "read-only")
    assert contiguous(array, layout) == contiguous((5, [line, array]), layout) == expected
    assert contiguous((5, [None]), layout)


def test_the_layouts_are_what_they_say():
    array = np.arange(6.0).reshape(2, 3)
    assert laid_out(array, "plain").flags.c_contiguous
    assert laid_out(array, "strided").strides == (48, 16)
    assert laid_out(array, "reversed").strides == (24, -8)
    assert laid_out(array, "fortran").strides == (8, 16)
    assert not laid_out(array, "read-only").flags.writeable


@EACH_LAYOUT
def test_lists_keep_their_form_and_numbers_their_value(layout):
    value = [np.arange(3.0), [np.arange(2.0)]]
    out = laid_out(value, layout)
    assert [out[0].tolist(), out[1][0].tolist()] == [[0, 1, 2], [0, 1]]
    assert not np.may_share_memory(out[0], value[0])
    assert not np.may_share_memory(out[1][0], value[1][0])
    assert laid_out(7, layout) == 7


def test_numpy_candidates_are_given_the_arrays_themselves():
    array = np.arange(3.0)
    assert FRAMEWORKS["numpy"](array) is array


@pytest.mark.parametrize("arrays", ["numpy", "torch"])
def test_a_call_without_jax_needs_nothing_around_it(arrays):
    with during_call(arrays, [np.arange(3)]) as around:
        assert around is None


ENABLES = {
    "new": {"jax": SimpleNamespace(enable_x64=nullcontext)},
    "until 0.8": {
        "jax": SimpleNamespace(),
        "jax.experimental": SimpleNamespace(enable_x64=lambda: nullcontext(True)),
    },
}


@pytest.mark.parametrize("jax", ENABLES)
@pytest.mark.parametrize(
    ("values", "enabled"),
    [([3, np.arange(3)], True), ([3, [np.arange(3)]], True), ([3, [np.arange(3, dtype=np.int32)]], None)],
)
def test_jax_is_told_to_keep_64_bits_where_there_are_any(monkeypatch, jax, values, enabled):
    for name, module in ENABLES[jax].items():
        monkeypatch.setitem(sys.modules, name, module)
    with during_call("jax", values) as around:
        assert around is enabled


class WithArray:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values)


class WithDlpack:
    def __init__(self, values):
        self.array = np.array(values)

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def of_framework(module):
    """An array of a class that is defined there, with a ``detach`` that is not torch's."""
    return type("Tensor", (WithArray,), {"__module__": module, "detach": None})([1, 2])


class Failing:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("not today")


class Number(float):
    pass


class Pair(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (2**64 - 1, 2**64 - 1),
        (2.5, 2.5),
        (Number(2.5), 2.5),
        (2**64, NoArray("an integer past 64 bits")),
        (-(2**63), -(2**63)),
        (-(2**63) - 1, NoArray("an integer past 64 bits")),
        ("text", NoArray("a str")),
        ({}, NoArray("a dict")),
        (Fraction(1, 2), NoArray("a Fraction")),
        (range(3), NoArray("a range")),
        (Failing(), NoArray("a Failing that cannot be read as an array (RuntimeError: not today)")),
        (np.broadcast_to(np.int8(0), 2**31 + 1), NoArray("an array of 2,147,483,649 bytes")),
        (np.array([Fraction(1, 2)]), NoArray("an array of objects (Fraction)")),
        (np.array([2**2000], object), NoArray("an array of objects (int)")),
        (np.array([{}, "", None, b"", 1], object), NoArray("an array of objects (NoneType, bytes, dict)")),
    ],
)
def test_what_comes_back_holds_nothing_of_the_candidates_own(answer, value):
    out, remark = from_framework(answer)
    assert out == value
    assert type(out) is type(value)
    assert remark is None


@pytest.mark.parametrize(
    ("answer", "dtype", "remark"),
    [
        (np.float32(1), "float32", None),
        (np.array([1, 2], ">i4"), ">i4", None),
        (np.array([1, 2], object), "int64", None),
        (np.array([1, 2.5], object), "float64", None),
        (np.array([-(2**63), 2**63 - 1], object), "int64", None),
        (np.array([2**63], object), "float64", None),
        (np.array([-(2**63) - 1], object), "float64", None),
        (np.broadcast_to(np.int8(0), 2**31), "int8", None),
        (ml_dtypes.bfloat16(1), ml_dtypes.bfloat16, None),
        (np.array([1, 2], ml_dtypes.bfloat16), ml_dtypes.bfloat16, None),
        (np.array([[1]]).view(np.matrix), "int64", None),
        (WithArray([1]), "int64", " WithArray: it was read as a NumPy array"),
        (WithDlpack([1]), "int64", " WithDlpack: it was read as a NumPy array"),
        (np.ma.masked_array([1, 2], [0, 1]), "int64", "returns a masked array: its data was read, whatever"),
    ],
)
def test_what_can_be_read_is_a_plain_array(answer, dtype, remark):
    out, said = from_framework(answer)
    assert type(out) is np.ndarray
    assert out.dtype == np.dtype(dtype)
    assert (said is None) == (remark is None)
    assert (remark or "") in (said or "")


def test_tuples_and_lists_of_any_kind_become_plain_ones():
    out, _ = from_framework(Pair([np.array([1]), [Failing(), None]]))
    assert type(out) is tuple
    assert type(out[1]) is list
    assert out[0].tolist() == [1]
    assert type(out[1][0]) is NoArray
    assert out[1][1] is None


@pytest.mark.parametrize(("module", "name"), [("frame.work", "frame"), ("jaxlib.core", "jax"), ("jax", "jax")])
def test_an_array_of_another_framework_than_was_given_is_a_remark(module, name):
    answer = of_framework(module)
    remark = f"returns a {name} Tensor: it was read as a NumPy array"
    for returned in (answer, [answer]):
        assert from_framework(returned)[1] == from_framework(returned, "torch")[1] == remark
        assert from_framework(returned, name)[1] is None
    assert from_framework(answer)[0].tolist() == [1, 2]


def test_an_array_of_numpy_is_no_remark_whatever_was_given():
    assert from_framework(np.array([[1]]).view(np.matrix), "torch")[1] is None

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import limits

from refcompress.audit.code_ranges import Range, at_work, idle_note, possible_ranges
from refcompress.audit.rules import Declared, Pair
from refcompress.rounding import OVERFLOW


def ranges_of(y, **declared):
    y = np.asarray(y)
    found = possible_ranges(Pair("a", np.zeros(y.shape), y, Declared(**declared)), y.astype(float), (y.min(), y.max()))
    return {(r.bits, r.signed, r.narrow_range) for r in found}


@given(st.integers(2, 16), st.booleans(), st.booleans())
def test_codes_that_reach_an_end_name_their_range(bits, signed, narrow):
    low, high = limits(bits, signed, narrow and signed)
    assert (bits, signed, narrow and signed) in ranges_of(np.array([low + (0 if signed else 1), high], np.float64))


def test_an_integer_dtype_names_its_own_width_and_no_wider_one():
    assert {(8, True, False), (8, True, True)} <= ranges_of(np.int8([3, -4]))
    assert max(bits for bits, _, _ in ranges_of(np.int8([127, 0]))) == 8
    assert {signed for _, signed, _ in ranges_of(np.uint8([255, 0]))} == {False}


def test_a_declared_width_is_tried():
    assert (5, True, False) in ranges_of(np.int8([1, 2]), bits=5)


def test_one_damaged_code_does_not_hide_the_range_of_the_others():
    pair = Pair("a", np.zeros(3), np.int8([-8, 7, 99]))
    found = possible_ranges(pair, np.array([-8.0, 7.0]), (-8.0, 99.0))
    assert (4, True, False) in {(r.bits, r.signed, r.narrow_range) for r in found}


def test_every_range_comes_with_every_overflow_and_full_ones_come_first():
    found = possible_ranges(Pair("a", np.zeros(2), np.int8([127, -127])), np.array([127.0, -127.0]), (-127.0, 127.0))
    assert {r.overflow for r in found} == set(OVERFLOW)
    assert [r.narrow_range for r in found] == sorted(r.narrow_range for r in found)


INT8 = Range(8, True, False, "saturate")
NARROW = Range(8, True, True, "saturate")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-128, 127, [None, NARROW]),
        (-127, 127, [None]),
        (-129, 3, [INT8, NARROW]),
        (-np.inf, np.inf, [INT8, NARROW]),
    ],
)
def test_a_range_is_at_work_where_codes_leave_it(low, high, expected):
    assert at_work([INT8, NARROW], low, high) == expected


def test_without_ranges_there_is_none_at_work():
    assert at_work([], -1e9, 1e9) == [None]


def test_a_range_is_applied_as_the_table_of_overflows_says():
    codes = np.array([-300.0, 5.0, 128.0, np.nan, np.inf])
    assert np.array_equal(INT8.apply(codes), [-128, 5, 127, np.nan, 127], equal_nan=True)
    wrapped = Range(8, True, False, "wrap").apply(codes)
    assert np.array_equal(wrapped, [-44, 5, -128, np.nan, np.nan], equal_nan=True)
    assert INT8.settings == {"bits": 8, "signed": True, "narrow_range": False, "overflow": "saturate"}


def test_the_note_names_the_codes():
    assert idle_note(-0.0, 70000.0) == "codes 0 to 70,000: none leaves its range"

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress.audit.rules import (
    BLOCK,
    SAMPLE,
    Candidate,
    Declared,
    Kin,
    Pair,
    blocks,
    number_range,
    same_bits,
    same_numbers,
    sample_of,
)

ANY = st.floats(width=32) | st.sampled_from([0.0, -0.0, float("nan"), float("inf")])


@given(hnp.arrays(np.float32, 4, elements=ANY), hnp.arrays(np.float32, 4, elements=ANY))
def test_bits_and_numbers_are_two_kinds_of_sameness(a, b):
    assert same_bits(a, b).tolist() == [x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True)]
    expected = [bool(x == y) or (np.isnan(x) and np.isnan(y)) for x, y in zip(a, b, strict=True)]
    assert same_numbers(a, b).tolist() == expected


def test_an_integer_past_2_53_is_not_rounded_before_it_is_compared():
    expected = np.array([2.0**60, 2.0**60, 2.0**63])
    assert same_numbers(expected, np.array([2**60, 2**60 + 1, 2**63 - 1])).tolist() == [True, False, False]
    integers = np.array([2**60 + 1])
    assert same_numbers(integers, integers + 1).tolist() == [False]


def test_blocks_cover_a_line_once():
    size = 2 * BLOCK + 3
    assert np.concatenate([np.arange(size)[b] for b in blocks(size)]).tolist() == list(range(size))
    assert list(blocks(0)) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_a_range_leaves_out_what_is_no_number(dtype):
    line = np.array([1.0, np.nan, -3.0, np.inf]).astype(dtype)
    assert number_range(line, finite=True) == (-3.0, 1.0)
    assert number_range(line, finite=False) == (-3.0, np.inf)
    assert number_range(line[1:2], finite=False) == (0.0, 0.0)


def test_a_short_line_is_its_own_sample():
    assert sample_of(np.ones(5), np.ones(5)).tolist() == [0, 1, 2, 3, 4]


def test_a_sample_has_the_extremes_and_enough_of_the_few_that_are_not_zero():
    x = np.random.default_rng(0).normal(size=40 * SAMPLE)
    x[123_456], x[7] = 99.0, -99.0
    y = np.zeros(x.size, np.int8)
    y[::1000] = 1
    chosen = sample_of(x, y)
    assert {7, 123_456} <= set(chosen.tolist())
    assert np.count_nonzero(y[chosen]) >= y.sum() * 0.9
    assert chosen.size < 4 * SAMPLE


def test_a_pair_knows_what_it_is_made_of():
    pair = Pair("a", np.float32([[0.5, -2.0]]), np.int8([[1, -4]]), Declared(p=1))
    assert (pair.shape, pair.size, pair.holds_codes) == ((1, 2), 2, True)
    assert (pair.x_range, pair.y_range) == ((-2.0, 0.5), (-4.0, 1.0))
    assert [part.tolist() for part in pair.sampled] == [[0.5, -2.0], [1, -4]]


@pytest.mark.parametrize(
    ("y", "codes"),
    [
        (np.float32([1.0, -3.0]), True),
        (np.float32([1.0, 0.5]), False),
        (np.float32([1.0, np.inf]), False),
        (np.array([True, False]), False),
        (np.uint16([1, 2]), True),
    ],
)
def test_codes_are_integers_in_any_dtype(y, codes):
    assert Pair("a", np.zeros(2), y).holds_codes is codes


def test_a_candidate_compares_numbers_unless_bits_are_asked_for():
    zeros = np.array([0.0]), np.array([-0.0])
    number = Candidate("r", {}, lambda x, where: x, (0,), kin=Kin((), lambda x, where: x == 0))
    bits = Candidate("r", {}, lambda x, where: x, (0,), bitwise=True)
    assert number.agrees(*zeros).tolist() == [True]
    assert bits.agrees(*zeros).tolist() == [False]
    assert number.zero(slice(0, 1)) == 0


@pytest.mark.parametrize(
    ("y", "rounded"),
    [
        (np.float32([0.25, 0.0]), False),
        (np.float32([0.5, 0.0]), True),
        (np.int8([1, 2]), False),
    ],
)
def test_where_all_kept_entries_are_as_they_were_nothing_was_rounded(y, rounded):
    assert Pair("a", np.float32([0.25, 2.0]), y).holds_rounded is rounded

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.selection import mask as exact_mask
from oracles.selection import mask_along

from refcompress.audit.selections import (
    DROPPED,
    FREE,
    KEPT,
    WRONG,
    nearest_selection,
    plainest_count,
    possible_selections,
    ways,
)

TIED = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=12)


def status_of(x, mask):
    """What a compressed tensor shows of a mask: of a zero, nothing."""
    return np.where(x.reshape(-1) == 0, FREE, np.where(mask, KEPT, DROPPED)).astype(np.int8)


@given(TIED, st.data())
def test_a_mask_by_magnitude_is_explained_and_made_again(values, data):
    k = data.draw(st.integers(0, len(values)))
    ties = data.draw(st.sampled_from(["lowest_index", "highest_index"]))
    x, mask = np.array(values), np.array(exact_mask(values, k, ties))
    status = status_of(x, mask)
    first = next(possible_selections(x, status))
    assert "whole tensor" in first.words
    again = [s.mask(x, status) for s in possible_selections(x, status) if "whole tensor" in s.words]
    assert any(np.array_equal((m & (x != 0)), mask & (x != 0)) for m in again)


@given(st.integers(0, 4), st.integers(0, 1), st.data())
def test_a_mask_along_an_axis_is_explained(k, axis, data):
    values = data.draw(st.permutations(range(1, 25)))
    x = np.array(values, np.float32).reshape(4, 6)
    mask = np.array(mask_along(values, (4, 6), axis, k))
    found = [s for s in possible_selections(x, status_of(x, mask)) if s.settings.get("axis") == axis]
    assert k in [s.settings.get("k") for s in found if "m" not in s.settings]
    assert all(np.array_equal(s.mask(x, status_of(x, mask)), mask) for s in found if s.settings.get("k") == k)


@pytest.mark.parametrize(("shape", "axis"), [((6, 16), 1), ((16, 6), 0), ((2, 16, 3), 1)])
@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 2), (3, 8)])
def test_n_of_every_m_is_explained(shape, axis, n, m):
    x = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32) + 1
    groups = np.moveaxis(x, axis, -1).reshape(-1, m)
    order = np.argsort(np.argsort(-groups, axis=1), axis=1)
    mask = np.moveaxis((order < n).reshape(np.moveaxis(x, axis, -1).shape), -1, axis).reshape(-1)
    found = next(possible_selections(x, status_of(x, mask)), None)
    assert found is not None
    assert found.settings == {"m": m, "axis": axis, "n": n}
    assert np.array_equal(found.mask(x, status_of(x, mask)), mask)


def test_ties_that_follow_no_order_are_taken_as_they_are():
    x = np.float32([1, 2, 1, 1, 1, 3])
    mask = np.array([False, True, True, False, True, True])
    found = list(possible_selections(x, status_of(x, mask)))
    assert [s.settings["ties"] for s in found] == ["lowest_index", "highest_index", "any"]
    assert [np.array_equal(s.mask(x, status_of(x, mask)), mask) for s in found] == [False, False, True]
    assert [s.ordered for s in found] == [True, True, False]
    assert "in no order of index" in found[2].notes[0]


def test_all_that_tie_with_the_smallest_kept_may_stay():
    x = np.float32([1, 2, 2, 2, 3])
    (found,) = possible_selections(x, status_of(x, np.abs(x) >= 2))
    assert found.notes == ("3 tie with the smallest kept and stay, as where all at a threshold do",)


@given(TIED.filter(lambda v: len({abs(x) for x in v}) > 1))
def test_a_mask_that_keeps_the_smaller_is_not_explained_as_one_of_the_whole(values):
    x = np.array(values)
    smallest = np.abs(x) == np.abs(x).min()
    status = np.where(smallest, KEPT, DROPPED).astype(np.int8)
    assert not any("whole tensor" in s.words for s in possible_selections(x, status))


def test_entries_that_say_nothing_leave_a_choice_of_k():
    x = np.arange(1, 11, dtype=np.float32)
    status = np.array([DROPPED] * 4 + [FREE] * 2 + [KEPT] * 4, np.int8)
    found = next(possible_selections(x, status))
    assert found.settings == {"k": 6}
    assert found.sparsity == 0.4
    assert found.notes == ("k from 4 to 6 gives the same",)


@pytest.mark.parametrize(
    ("size", "least", "most", "k"),
    [(1000, 480, 510, 500), (1000, 487, 487, 487), (10, 0, 10, 10), (3, 1, 1, 1), (7, 2, 2, 2), (0, 0, 0, 0)],
)
def test_the_plainest_count_has_a_sparsity_of_few_decimals(size, least, most, k):
    assert plainest_count(size, least, most) == k


def test_a_long_line_is_walked_in_blocks():
    x = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    mask = np.abs(x) >= np.sort(np.abs(x))[-30_000]
    found = next(possible_selections(x, status_of(x, mask)))
    assert found.settings == {"k": 30_000}
    assert np.array_equal(found.mask(x, status_of(x, mask)), mask)


def test_the_nearest_selection_keeps_as_many_as_were_kept():
    x = np.float32([1, 2, 3, 4])
    near = nearest_selection(x, np.array([KEPT, WRONG, DROPPED, FREE], np.int8))
    assert near.settings == {"k": 2}


def test_the_ways_to_cut_a_tensor_are_the_simplest_first():
    words = [lines.words for lines in ways((8, 4, 3))]
    assert words[:5] == [
        "of the whole tensor",
        "along axis 2",
        "along axis 1",
        "along axis 0",
        "of every slice of axis 0",
    ]
    assert [lines.words for lines in ways(())] == ["of the whole tensor"]
    assert all(np.prod(lines.shape) == 96 for lines in ways((8, 4, 3)))

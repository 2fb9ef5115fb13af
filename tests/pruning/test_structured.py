import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import pruning as oracle

from refcompress import n_m_mask, n_m_sparsify, top_k_mask

VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 1e-45, -1e-45, np.inf, -np.inf, 1e30, 0.5])


@given(st.data(), st.integers(1, 6), st.integers(0, 4), st.sampled_from(["lowest_index", "highest_index"]))
def test_every_group_keeps_its_largest(data, m, groups, ties):
    n = data.draw(st.integers(0, m))
    x = np.array(data.draw(st.lists(VALUES, min_size=m * groups, max_size=m * groups)), np.float32)
    mask = n_m_mask(x, n=n, m=m, ties=ties)
    for group in range(groups):
        place = slice(group * m, group * m + m)
        assert set(np.flatnonzero(mask[place])) == oracle.largest(x[place].tolist(), n, ties == "lowest_index")


@given(st.lists(VALUES, min_size=8, max_size=8), st.integers(0, 8))
def test_one_group_is_top_k(values, n):
    x = np.array(values)
    assert np.array_equal(n_m_mask(x, n=n, m=8), top_k_mask(x, n))


@given(st.lists(VALUES, min_size=12, max_size=12))
def test_sparsifying_twice_changes_nothing(values):
    once = n_m_sparsify(np.array(values))
    assert once.tobytes() == n_m_sparsify(once).tobytes()


def test_kept_entries_keep_their_bits_and_the_rest_is_plus_zero():
    x = np.array([-0.0, -0.0, 0.0, -0.0, -1.0, 2.0, -3.0, -4.0])
    assert n_m_sparsify(x).tobytes() == np.array([-0.0, -0.0, 0.0, 0.0, 0.0, 0.0, -3.0, -4.0]).tobytes()


def test_a_negative_zero_takes_no_place_of_a_number():
    assert n_m_sparsify([-0.0, 1.0, 2.0, 0.0]).tolist() == [0.0, 1.0, 2.0, 0.0]


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_groups_lie_along_the_axis(axis):
    x = np.array([[4.0, 3, 2, 1]] * 4)
    expected = [[1, 1, 0, 0]] * 4 if axis in (1, -1) else [[1] * 4] * 2 + [[0] * 4] * 2
    assert n_m_mask(x, axis=axis).tolist() == np.array(expected, bool).tolist()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", ">f4", ml_dtypes.bfloat16])
def test_every_type_of_number_is_ranked(dtype):
    x = np.array([1, 4, 2, 3]).astype(dtype)
    assert n_m_sparsify(x).tolist() == [0, 4, 0, 3]
    assert n_m_sparsify(x).dtype == x.dtype.newbyteorder("=")


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[:, ::-1], np.asfortranarray, lambda x: x.T])
def test_a_view_gives_what_its_copy_gives(view):
    x = np.arange(64.0).reshape(8, 8) % 7 - 3
    x.flags.writeable = False
    assert np.array_equal(n_m_sparsify(view(x)), n_m_sparsify(view(x).copy()))


@pytest.mark.parametrize("shape", [(0,), (8,), (4, 3)])
def test_the_mask_holds_booleans(shape):
    assert n_m_mask(np.ones(shape), m=4, axis=0).dtype == np.bool_


@pytest.mark.parametrize("m", [255, 256, 257, 300])
def test_the_first_and_the_last_of_a_long_group_are_counted_right(m):
    rising = np.arange(m, dtype=np.float32)
    assert np.flatnonzero(n_m_mask(rising, n=1, m=m)).tolist() == [m - 1]
    assert np.flatnonzero(n_m_mask(np.ones(m), n=1, m=m)).tolist() == [0]


def test_long_arrays_are_cut_between_groups():
    x = (np.arange(300_000) * 7919 % 1009).astype(np.float32)
    assert np.array_equal(n_m_mask(x, n=1, m=3).reshape(-1, 3), top_k_mask(x.reshape(-1, 3), 1, axis=1))


def test_empty_arrays_stay_empty():
    assert n_m_sparsify(np.zeros((3, 0))).shape == (3, 0)
    assert n_m_sparsify(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize(
    ("x", "settings", "error", "text"),
    [
        ([1.0, 2.0, 3.0], {}, ValueError, "x has 3 entries along axis 0: it must be a multiple of m = 4"),
        ([1.0, np.nan], {"m": 2}, ValueError, r"x\[1\] is nan: a NaN cannot be ranked"),
        (1.0, {}, ValueError, "x is 0-d: groups need an axis"),
        ([1.0, 2.0], {"n": 3, "m": 2}, ValueError, "n is 3: it must be from 0 to 2"),
        ([1.0, 2.0], {"m": 0}, ValueError, "m is 0: it must be at least 1"),
        ([1.0, 2.0], {"axis": 1}, ValueError, "axis is 1"),
        ([1.0, 2.0], {"m": 2, "ties": "both"}, ValueError, "ties is 'both'"),
        (["a"], {"m": 1}, TypeError, "x has dtype"),
    ],
)
def test_bad_input_is_refused(x, settings, error, text):
    with pytest.raises(error, match=text):
        n_m_sparsify(x, **settings)


@pytest.mark.parametrize("function", [n_m_mask, n_m_sparsify])
def test_a_group_that_no_memory_holds_is_refused_of_an_empty_axis_too(function):
    with pytest.raises(ValueError, match=r"^m is \(1000000000000000000,\): no array has more than"):
        function(np.zeros((2, 0)), n=1, m=10**18)

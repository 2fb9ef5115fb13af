import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from refcompress.pruning.compact import FORMATS, SPARSE_DTYPES, from_scipy, n_m_compact, n_m_expand, to_scipy
from refcompress.pruning.structured import n_m_sparsify
from refcompress.quantization.packing import pack_int2, unpack_int2

VALUES = st.sampled_from([0.0, 0.0, 0.0, -0.0, -0.0, 1.0, -2.0, 5e-324, np.inf, -np.inf])
EACH_FORMAT = pytest.mark.parametrize("format", FORMATS)


@given(st.lists(VALUES, max_size=6), st.integers(1, 5), st.data())
def test_what_was_made_sparse_comes_back_bit_for_bit(values, m, data):
    n = data.draw(st.integers(1, m))
    x = n_m_sparsify(np.tile(np.array(values), m), n=n, m=m) + 0.0  # no -0.0
    again = n_m_expand(*n_m_compact(x, n=n, m=m), n=n, m=m)
    assert again.tobytes() == x.tobytes()


@given(st.lists(st.lists(VALUES, min_size=4, max_size=4).filter(lambda g: sum(v != 0 for v in g) <= 2), max_size=4))
def test_numbers_come_first_then_negative_zeros_as_far_as_there_is_place(groups):
    x = np.array(groups).reshape(-1, 4)
    again = n_m_expand(*n_m_compact(x))
    assert np.array_equal(again, x)
    for before, after in zip(x, again, strict=True):
        negative = np.signbit(before) & (before == 0)
        place = 2 - np.count_nonzero(before)
        assert np.flatnonzero(np.signbit(after) & (after == 0)).tolist() == np.flatnonzero(negative)[:place].tolist()


@pytest.mark.parametrize(
    ("group", "values", "indices"),
    [
        ([-0.0, 1.0, 2.0, 0.0], [1.0, 2.0], [1, 2]),
        ([-0.0, 1.0, 0.0, 0.0], [-0.0, 1.0], [0, 1]),
        ([0.0, 0.0, 0.0, 7.0], [0.0, 7.0], [0, 3]),
        ([0.0, 0.0, -0.0, 0.0], [0.0, -0.0], [0, 2]),
        ([0.0, 0.0, 0.0, 0.0], [0.0, 0.0], [0, 1]),
        ([0.0, np.nan, 0.0, 5e-324], [np.nan, 5e-324], [1, 3]),
    ],
)
def test_which_entries_have_the_places(group, values, indices):
    kept, places = n_m_compact(group)
    assert kept.tobytes() == np.array(values).tobytes()
    assert places.tolist() == indices


def test_the_indices_of_two_in_four_have_two_bits_each():
    _, indices = n_m_compact([0.0, 1.0, 0.0, 2.0, 3.0, 0.0, 4.0, 0.0])
    packed = pack_int2(indices, signed=False)
    assert packed.tolist() == [0b10_00_11_01]
    assert unpack_int2(packed, 4, signed=False).tolist() == indices.tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.float16, ">f4", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_every_type_of_number_has_a_compact_form(dtype):
    x = np.array([[0, 3, 0, -4], [5, 0, 0, 0]]).astype(dtype)
    values, indices = n_m_compact(x)
    assert values.dtype == x.dtype.newbyteorder("=")
    assert n_m_expand(values, indices).tolist() == x.tolist()


@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[:, ::-1], np.asfortranarray, lambda x: x.T])
def test_a_view_gives_what_its_copy_gives(view):
    x = n_m_sparsify(np.arange(64.0).reshape(8, 8) % 7, n=1, m=8) * np.eye(8)
    x.flags.writeable = False
    for ours, theirs in zip(n_m_compact(view(x)), n_m_compact(view(x).copy()), strict=True):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(from_scipy(to_scipy(view(x))), view(x))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 4)])
def test_an_empty_array_has_an_empty_form(shape):
    assert n_m_expand(*n_m_compact(np.zeros(shape))).shape == shape


def test_of_groups_of_zeros_nothing_may_be_kept():
    values, indices = n_m_compact(np.zeros((3, 8)), n=0)
    assert values.shape == indices.shape == (3, 0)


@EACH_FORMAT
@given(st.data(), st.integers(0, 4), st.integers(0, 4), st.sampled_from([np.float32, np.float64]))
def test_scipy_holds_every_bit(format, data, rows, columns, dtype):
    values = st.sampled_from([0.0, 0.0, -0.0, 1.0, np.inf, np.nan, 1e-45])
    x = np.array(data.draw(st.lists(values, min_size=rows * columns, max_size=rows * columns)), dtype)
    x = x.reshape(rows, columns)
    matrix = to_scipy(x, format=format)
    assert matrix.format == format
    assert matrix.nnz == np.count_nonzero(x) + np.count_nonzero((x == 0) & np.signbit(x))
    again = from_scipy(matrix)
    assert again.dtype == x.dtype
    assert again.tobytes() == x.tobytes()


@EACH_FORMAT
@pytest.mark.parametrize("dtype", SPARSE_DTYPES)
def test_scipy_holds_every_dtype_that_is_named(format, dtype):
    x = np.array([[0, 3], [4, 0]], dtype)
    matrix = to_scipy(x, format=format)
    assert matrix.dtype == x.dtype
    assert np.array_equal(from_scipy(matrix), x)
    assert np.array_equal(matrix.toarray(), x)


def test_what_scipy_made_is_read_whatever_its_format_and_order():
    dense = np.array([[0.0, 2.0], [3.0, 4.0]])
    for make in (sparse.lil_array, sparse.dok_array, sparse.bsr_array, sparse.csr_matrix):
        assert np.array_equal(from_scipy(make(dense)), dense)
    unsorted = sparse.csr_array((np.array([4.0, 3.0, 2.0]), np.array([1, 0, 1]), np.array([0, 0, 2])), shape=(2, 2))
    assert from_scipy(unsorted).tolist() == [[0.0, 0.0], [3.0, 4.0]]


TWICE = sparse.coo_array((np.ones(3), ([0, 1, 1], [0, 1, 1])), shape=(2, 2))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: n_m_compact([1.0, 2.0, 0.0, 3.0]), ValueError, r"x\[3\] is 3.0: its group of 4 has 3 numbers"),
        (
            lambda: n_m_compact([[0.0] * 12, [0.0] * 4 + [1.0, 1.0, 0.0, 0.0] + [1.0, 1.0, 2.0, 1.0]]),
            ValueError,
            r"x\[1, 10\] is 2.0: its group of 4 has 4 numbers other than 0, there is place for 2",
        ),
        (lambda: n_m_compact([0.0] * 4, n=5), ValueError, "n is 5: it must be from 0 to 4"),
        (lambda: n_m_compact([0.0] * 4, n="2"), TypeError, "n is '2'"),
        (lambda: n_m_compact([1.0, 2.0]), ValueError, "x has 2 entries along axis 0"),
        (lambda: n_m_compact(1.0), ValueError, "x is 0-d"),
        (lambda: n_m_compact([1.0], m=257), ValueError, "m is 257: it must be from 1 to 256"),
        (lambda: n_m_compact(["a"]), TypeError, "x has dtype"),
        (lambda: n_m_expand([1.0, 2.0], [0]), ValueError, r"indices has shape \(1,\), values has shape \(2,\)"),
        (lambda: n_m_expand([1.0], [0]), ValueError, r"values has shape \(1,\): its last length must be a multiple"),
        (lambda: n_m_expand([1.0, 2.0], [0, 4]), ValueError, r"indices\[1\] is 4: it must be from 0 to 3"),
        (lambda: n_m_expand([1.0, 2.0], [1, 1]), ValueError, r"indices\[1\] is 1: indices must rise within a group"),
        (lambda: n_m_expand([1.0, 2.0, 3.0], [0, 2, 1], n=3), ValueError, r"indices\[2\] is 1: indices must rise"),
        (lambda: n_m_expand(["a", "b"], [0, 1]), TypeError, "values has dtype <U1"),
        (lambda: n_m_expand([1.0], [0], n="2"), TypeError, "n is '2'"),
        (lambda: n_m_expand([1.0], [0], n=5), ValueError, "n is 5: it must be from 1 to 4"),
        (lambda: n_m_expand([1.0], [0], n=0), ValueError, "n is 0: it must be from 1 to 4"),
        (lambda: n_m_expand([1.0, 2.0], [0.0, 1.0]), TypeError, "indices has dtype float64"),
        (lambda: to_scipy([["a"]]), TypeError, "x has dtype <U1"),
        (lambda: to_scipy([1.0]), ValueError, r"x has shape \(1,\): it must have two dimensions"),
        (lambda: to_scipy(np.zeros((1, 1), np.float16)), TypeError, "x has dtype float16: scipy.sparse holds"),
        (lambda: to_scipy([[1.0]], format="bsr"), ValueError, "format is 'bsr': it must be one of csr, csc, coo"),
        (lambda: from_scipy(np.eye(2)), TypeError, "matrix is a ndarray: it must be a sparse array of scipy"),
        (lambda: from_scipy(sparse.coo_array([1.0, 0.0])), ValueError, r"matrix has shape \(2,\): it must have two"),
        (lambda: from_scipy(sparse.coo_array(np.eye(2) * 1j)), TypeError, "matrix.data has dtype complex128"),
        (lambda: from_scipy(TWICE), ValueError, r"matrix\[1, 1\] is stored 2 times"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

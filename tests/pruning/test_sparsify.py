import itertools
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.selection import mask, smallest_loss, squared_loss

from refcompress.pruning.selection import top_k_mask
from refcompress.pruning.sparsify import sparsify

RULES = ["lowest_index", "highest_index"]
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT8 = np.dtype(ml_dtypes.float8_e4m3fn)
DTYPES = [np.dtype(name) for name in ("f2", "f4", "f8", "i1", "u2", "i8", ">f4", ">i2")] + [BFLOAT16, FLOAT8]


@st.composite
def arrays(draw, min_dims=0):
    """Small numbers that every dtype holds, -0.0 among them: ties everywhere."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=0, max_side=5))
    signed = dtype.kind != "u"
    numbers = st.sampled_from([-0.0, 0.0, 1.0, 2.0, 3.0, *((-1.0, -2.0, -3.0) if signed else ())])
    return np.asarray(draw(hnp.arrays(np.float64, shape, elements=numbers))).astype(dtype)


def counts(n):
    return st.integers(0, n)


def native(x):
    return x.astype(x.dtype.newbyteorder("=")) if x.dtype.byteorder == ">" else x


@given(x=arrays(), ties=st.sampled_from(RULES), data=st.data())
def test_kept_entries_have_their_bits_and_the_rest_is_plus_zero(x, ties, data):
    k = data.draw(counts(x.size))
    before = x.tobytes()
    sparse = sparsify(x, k, ties=ties)
    marks = mask(x.reshape(-1).astype(np.float64).tolist(), k, ties)
    zero = bytes(x.dtype.itemsize)
    entries = [native(v).tobytes() if kept else zero for v, kept in zip(x.reshape(-1, 1), marks, strict=True)]
    assert (sparse.dtype, sparse.shape) == (native(x).dtype, x.shape)
    assert sparse.tobytes() == b"".join(entries)
    assert x.tobytes() == before


@given(x=arrays(min_dims=1), ties=st.sampled_from(RULES), data=st.data())
def test_with_an_axis_the_mask_of_the_same_axis_is_used(x, ties, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    k = data.draw(counts(x.shape[axis]))
    kept = top_k_mask(x, k, ties=ties, axis=axis)
    assert (
        sparsify(x, k, ties=ties, axis=axis).tobytes()
        == np.where(kept, native(x), np.zeros((), native(x).dtype)).tobytes()
    )


@given(x=arrays(), ties=st.sampled_from(RULES), data=st.data())
def test_sparsify_is_idempotent(x, ties, data):
    k = data.draw(counts(x.size))
    once = sparsify(x, k, ties=ties)
    assert np.array_equal(sparsify(once, k, ties=ties), once)


@given(x=arrays(), ties=st.sampled_from(RULES), data=st.data())
def test_sparsifying_further_does_not_need_the_first_array(x, ties, data):
    k = data.draw(counts(x.size))
    fewer = data.draw(counts(k))
    assert np.array_equal(sparsify(sparsify(x, k, ties=ties), fewer, ties=ties), sparsify(x, fewer, ties=ties))


@given(x=arrays(), data=st.data())
def test_kept_and_dropped_add_up_to_the_array(x, data):
    sparse = sparsify(x, data.draw(counts(x.size)))
    dropped = np.where(sparse == 0, native(x), np.zeros((), sparse.dtype))
    assert np.array_equal(sparse + dropped, x)


@given(
    x=hnp.arrays(np.float64, st.integers(0, 7), elements=st.floats(allow_nan=False, allow_infinity=False)),
    ties=st.sampled_from(RULES),
)
def test_no_choice_of_k_entries_is_nearer_in_the_2_norm(x, ties):
    values = [Fraction(v) for v in x.tolist()]
    for k in range(x.size + 1):
        lost = [v - Fraction(s) for v, s in zip(values, sparsify(x, k, ties=ties).tolist(), strict=True)]
        assert squared_loss(lost, set()) == smallest_loss(values, k)


@pytest.mark.parametrize("ties", RULES)
def test_all_short_arrays_of_few_values_with_all_k(ties):
    for n in range(5):
        for x in itertools.product([0.0, -0.0, 1.0, -1.0, -2.0], repeat=n):
            for k in range(n + 1):
                expected = [v if kept else 0.0 for v, kept in zip(x, mask(x, k, ties), strict=True)]
                assert sparsify(np.array(x, np.float64), k, ties=ties).tobytes() == np.array(expected).tobytes()


def test_a_kept_negative_zero_stays_negative_and_a_dropped_one_does_not():
    assert np.signbit(sparsify([-0.0, -0.0], 1)).tolist() == [True, False]


def test_the_result_is_in_c_order_whatever_the_memory_order():
    assert sparsify(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]), 2).flags.c_contiguous


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        (([0.0, np.nan], 1), {}, ValueError, r"x\[1\] is nan: a NaN cannot be ranked"),
        (([0.0], 2), {}, ValueError, "k is 2: it must be from 0 to 1"),
        (([0.0], 0.5), {}, TypeError, r"k is 0.5 \(float\): it must be an integer"),
        (([0.0], 1), {"ties": "any"}, ValueError, "ties is 'any': it must be one of lowest_index, highest_index"),
        (([0.0], 1), {"axis": 2}, ValueError, "axis is 2: the array has 1 dimension"),
        (("text", 1), {}, TypeError, "x has dtype <U4: it must hold integers or floats"),
    ],
)
def test_bad_calls_name_the_argument_and_what_came(arguments, settings, error, message):
    with pytest.raises(error, match=message):
        sparsify(*arguments, **settings)

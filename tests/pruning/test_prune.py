import itertools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.selection import pruned

from refcompress.pruning.prune import ORDERS, prune, restore
from refcompress.pruning.sparsify import sparsify

RULES = ["lowest_index", "highest_index"]
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT8 = np.dtype(ml_dtypes.float8_e5m2)
DTYPES = [np.dtype(name) for name in ("f2", "f4", "f8", "i1", "u2", "i8", ">f4", ">i2")] + [BFLOAT16, FLOAT8]


@st.composite
def arrays(draw):
    """Small numbers that every dtype holds, -0.0 among them: ties everywhere."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5))
    signed = dtype.kind != "u"
    numbers = st.sampled_from([-0.0, 0.0, 1.0, 2.0, 3.0, *((-1.0, -2.0, -3.0) if signed else ())])
    return np.asarray(draw(hnp.arrays(np.float64, shape, elements=numbers))).astype(dtype)


def native(x):
    return x.astype(x.dtype.newbyteorder("=")) if x.dtype.byteorder == ">" else x


def counts(x):
    return st.integers(0, x.size)


SETTINGS = st.fixed_dictionaries({"order": st.sampled_from(ORDERS), "ties": st.sampled_from(RULES)})


@given(x=arrays(), settings=SETTINGS, data=st.data())
def test_the_kept_indices_are_those_of_the_exact_ranking_in_the_asked_order(x, settings, data):
    k = data.draw(counts(x))
    values, indices = prune(x, k, **settings)
    assert (values.shape, indices.shape, indices.dtype) == ((k,), (k,), np.int64)
    assert indices.tolist() == pruned(x.reshape(-1).astype(np.float64).tolist(), k, **settings)


@given(x=arrays(), settings=SETTINGS, data=st.data())
def test_the_values_are_the_entries_at_the_indices_bit_for_bit(x, settings, data):
    before = x.tobytes()
    values, indices = prune(x, data.draw(counts(x)), **settings)
    assert values.dtype == native(x).dtype
    assert values.tobytes() == native(x).reshape(-1)[indices].tobytes()
    assert x.tobytes() == before


@given(x=arrays(), settings=SETTINGS, data=st.data())
def test_restore_gives_back_the_sparsified_array_bit_for_bit(x, settings, data):
    k = data.draw(counts(x))
    restored = restore(*prune(x, k, **settings), x.shape)
    sparse = sparsify(x, k, ties=settings["ties"])
    assert (restored.dtype, restored.shape) == (sparse.dtype, sparse.shape)
    assert restored.tobytes() == sparse.tobytes()


@given(x=arrays(), ties=st.sampled_from(RULES), data=st.data())
def test_the_memory_order_does_not_change_the_indices(x, ties, data):
    k = data.draw(counts(x))
    for order in ORDERS:
        plain = prune(x, k, order=order, ties=ties)
        for other in (np.asfortranarray(x), np.ascontiguousarray(x.T).T):
            values, indices = prune(other, k, order=order, ties=ties)
            assert values.tobytes() == plain[0].tobytes()
            assert np.array_equal(indices, plain[1])


@given(x=arrays(), data=st.data())
def test_restore_takes_the_pairs_in_any_order_and_leaves_them_as_they_were(x, data):
    values, indices = prune(x, data.draw(counts(x)))
    shuffle = np.array(data.draw(st.permutations(range(indices.size))), np.intp)
    values, places = values[shuffle], indices[shuffle]
    values.setflags(write=False)
    places.setflags(write=False)
    assert restore(values, places, x.shape).tobytes() == restore(*prune(x, indices.size), x.shape).tobytes()


@pytest.mark.parametrize("ties", RULES)
@pytest.mark.parametrize("order", ORDERS)
def test_all_short_arrays_of_few_values_with_all_k(order, ties):
    for n in range(5):
        for x in itertools.product([0.0, -0.0, 1.0, -1.0, -2.0], repeat=n):
            for k in range(n + 1):
                _, indices = prune(np.array(x, np.float64), k, order=order, ties=ties)
                assert indices.tolist() == pruned(x, k, order, ties)


@pytest.mark.parametrize(
    ("settings", "values", "indices"),
    [
        ({}, [1, -2, 2], [0, 1, 3]),
        ({"ties": "highest_index"}, [-2, -1, 2], [1, 2, 3]),
        ({"order": "magnitude"}, [-2, 2, 1], [1, 3, 0]),
        ({"order": "magnitude", "ties": "highest_index"}, [2, -2, -1], [3, 1, 2]),
    ],
)
def test_equal_magnitudes_stand_as_the_rule_prefers_them(settings, values, indices):
    kept, places = prune([1, -2, -1, 2], 3, **settings)
    assert (kept.tolist(), places.tolist()) == (values, indices)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u4", "i8", "u8", ">i2", ">u8"])
def test_restore_takes_indices_of_every_integer_dtype(dtype):
    restored = restore(np.array([5, 6], np.float32), np.array([3, 0], dtype), [2, 2])
    assert restored.tolist() == [[6.0, 0.0], [0.0, 5.0]]


def test_restore_keeps_a_nan_that_came_after_pruning():
    assert np.isnan(restore([np.nan], [1], (2,))).tolist() == [False, True]


@pytest.mark.parametrize(
    ("shape", "size"), [((), 1), ((0,), 0), ((3, 0, 2), 0), ((2, 1), 2), (np.zeros((2, 3)).shape, 6)]
)
def test_restoring_nothing_gives_zeros_of_the_shape(shape, size):
    restored = restore(np.zeros(0, np.float16), [], shape)
    assert (restored.dtype, restored.shape, restored.size) == (np.float16, shape, size)
    assert restored.tobytes() == bytes(2 * size)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        (([0.0, np.nan], 1), {}, ValueError, r"x\[1\] is nan: a NaN cannot be ranked"),
        (([0.0], 2), {}, ValueError, "k is 2: it must be from 0 to 1"),
        (([0.0], None), {}, TypeError, r"k is None \(NoneType\): it must be an integer"),
        (([0.0], 1), {"order": "size"}, ValueError, "order is 'size': it must be one of index, magnitude"),
        (([0.0], 1), {"ties": "any"}, ValueError, "ties is 'any': it must be one of lowest_index, highest_index"),
        (([0.0], 1), {"order": "magnitude", "ties": "any"}, ValueError, "ties is 'any': it must be one of"),
        (([1j], 1), {}, TypeError, "x has dtype complex128: it must hold integers or floats"),
    ],
)
def test_bad_calls_of_prune_name_the_argument_and_what_came(arguments, settings, error, message):
    with pytest.raises(error, match=message):
        prune(*arguments, **settings)


@pytest.mark.parametrize(
    ("values", "indices", "shape", "error", "message"),
    [
        ([1.0], [2], (2,), ValueError, r"indices\[0\] is 2: it must be at least 0 and below 2, for shape \(2,\)"),
        ([1.0, 2.0], [0, -1], (2,), ValueError, r"indices\[1\] is -1: it must be at least 0 and below 2"),
        ([1.0], [0], (3, 0), ValueError, r"indices\[0\] is 0: it must be at least 0 and below 0, for shape \(3, 0\)"),
        ([1.0], np.array([2**64 - 1], np.uint64), (2,), ValueError, r"indices\[0\] is 18446744073709551615: "),
        ([1, 2, 3, 4], [5, 1, 5, 1], (6,), ValueError, r"indices\[2\] is 5: no place may occur twice"),
        ([1.0, 2.0], [0], (2,), ValueError, r"indices has shape \(1,\), values has shape \(2,\): they must be equal"),
        ([[1.0]], [0], (2,), ValueError, r"values has shape \(1, 1\): it must have one dimension"),
        ([1.0], 0, (2,), ValueError, r"indices has shape \(\): it must have one dimension"),
        ([1.0], [0.0], (2,), TypeError, "indices has dtype float64: it must hold integers"),
        ([1.0], [True], (2,), TypeError, "indices has dtype bool: it must hold integers"),
        (["a"], [0], (2,), TypeError, "values has dtype <U1: it must hold integers or floats"),
        ([1.0], [0], (2, -1), ValueError, r"shape\[1\] is -1: it must be at least 0"),
        ([1.0], [0], (2.0,), TypeError, r"shape\[0\] is 2.0 \(float\): it must be an integer"),
        ([1.0], [0], (2**40, 2**40), ValueError, r"^shape is \(1099511627776, 1099511627776\): no array has more"),
        ([1.0], [0], 2, TypeError, "shape is 2: it must be a sequence of integers"),
        ([1.0], [0], "2", TypeError, "shape is '2': it must be a sequence of integers"),
    ],
)
def test_bad_calls_of_restore_name_the_argument_and_what_came(values, indices, shape, error, message):
    with pytest.raises(error, match=message):
        restore(values, indices, shape)

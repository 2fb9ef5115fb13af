import itertools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.selection import mask as expected_mask
from oracles.selection import mask_along, ranking

from refcompress.arguments import SMALL_FLOATS
from refcompress.pruning import selection
from refcompress.pruning.selection import TIES, top_k_mask

RULES = sorted(TIES)
SMALL_FLOAT_DTYPES = [np.dtype(getattr(ml_dtypes, name)) for name in sorted(SMALL_FLOATS)]
NUMPY_FLOATS = [np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)]
INTEGERS = [np.dtype(f"{sign}int{width}") for sign in ("", "u") for width in (8, 16, 32, 64)]
DTYPES = SMALL_FLOAT_DTYPES + NUMPY_FLOATS + INTEGERS


def word(dtype):
    return np.dtype(f"u{dtype.itemsize}")


def is_nan(x):
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return np.isnan(x)


def hard_patterns(dtype):
    """The zeros, the smallest and the largest magnitudes, infinities and a few everyday numbers of both signs."""
    if dtype in INTEGERS:
        edges = [np.iinfo(dtype).min, np.iinfo(dtype).min + 1, -1, 0, 1, 2, np.iinfo(dtype).max]
        numbers = np.array([edge for edge in edges if edge >= np.iinfo(dtype).min], dtype)
    else:
        info = ml_dtypes.finfo(dtype)
        with np.errstate(invalid="ignore"):
            numbers = np.array([0, info.smallest_subnormal, info.tiny, 1, 1.5, info.max, np.inf]).astype(dtype)
        numbers = np.concatenate([numbers, -numbers])
        numbers = numbers[~is_nan(numbers)]
    return sorted({int(bits) for bits in numbers.view(word(dtype))})


def elements(dtype):
    """Hard values, so that there are many ties, and any value that is no NaN."""
    anything = st.integers(0, 2 ** (8 * dtype.itemsize) - 1)
    if dtype not in INTEGERS:
        anything = anything.filter(lambda bits: not is_nan(np.array([bits], word(dtype)).view(dtype))[0])
    return st.sampled_from(hard_patterns(dtype)) | anything


@st.composite
def arrays(draw, dtypes=DTYPES, min_dims=0, max_dims=3, max_side=5):
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0, max_side=max_side))
    few = st.lists(st.sampled_from(hard_patterns(dtype)), min_size=1, max_size=3).flatmap(st.sampled_from)
    bits = draw(hnp.arrays(word(dtype), shape, elements=draw(st.sampled_from([few, elements(dtype)]))))
    return np.asarray(bits).view(dtype)


def exact(x):
    """The entries in C order as Python numbers, which hold every one of them exactly."""
    flat = x.reshape(-1)
    return flat.tolist() if x.dtype.kind in "iu" else flat.astype(np.float64).tolist()


def counts(n):
    return st.integers(0, n) | st.sampled_from([0, n])


@given(x=arrays(), ties=st.sampled_from(RULES), data=st.data())
def test_the_mask_is_that_of_the_exact_ranking(x, ties, data):
    k = data.draw(counts(x.size), label="k")
    mask = top_k_mask(x, k, ties=ties)
    assert (mask.dtype, mask.shape) == (np.bool_, x.shape)
    assert mask.reshape(-1).tolist() == expected_mask(exact(x), k, ties)


@given(x=arrays(min_dims=1), ties=st.sampled_from(RULES), data=st.data())
def test_with_an_axis_every_slice_has_its_own_ranking(x, ties, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1), label="axis")
    k = data.draw(counts(x.shape[axis]), label="k")
    mask = top_k_mask(x, k, ties=ties, axis=axis)
    assert (mask.dtype, mask.shape) == (np.bool_, x.shape)
    assert mask.reshape(-1).tolist() == mask_along(exact(x), x.shape, axis % x.ndim, k, ties)


@pytest.mark.parametrize("ties", RULES)
def test_all_short_arrays_of_few_values_with_all_k(ties):
    values = [0.0, -0.0, 1.0, -1.0, 2.0, float("-inf"), 5e-324]
    for n in range(5):
        for x in itertools.product(values, repeat=n):
            for k in range(n + 1):
                assert top_k_mask(np.array(x, np.float64), k, ties=ties).tolist() == expected_mask(x, k, ties)


@settings(max_examples=200)
@given(
    x=arrays(dtypes=[np.dtype(np.int8), np.dtype(np.uint64), np.dtype(np.float32)], min_dims=1, max_dims=2, max_side=9),
    block=st.integers(1, 5),
    sampling=st.sampled_from([(1, 1), (4, 1), (32, 4)]),
    ties=st.sampled_from(RULES),
    data=st.data(),
)
def test_the_mask_depends_neither_on_the_blocks_nor_on_the_sample(x, block, sampling, ties, data):
    k = data.draw(counts(x.size), label="k")
    k_row = min(k, x.shape[-1])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("BLOCK", "SAMPLE", "MARGIN"), (block, *sampling), strict=True):
            patch.setattr(selection, name, value)
        mask = top_k_mask(x, k, ties=ties)
        rows = top_k_mask(x, k_row, ties=ties, axis=-1)
    assert mask.reshape(-1).tolist() == expected_mask(exact(x), k, ties)
    assert rows.reshape(-1).tolist() == mask_along(exact(x), x.shape, x.ndim - 1, k_row, ties)


@pytest.mark.parametrize("sampling", [(1, 1), (2, 1), (4, 1)])
def test_all_short_arrays_with_all_k_where_the_sample_is_too_small_to_be_right(monkeypatch, sampling):
    for name, value in zip(("BLOCK", "SAMPLE", "MARGIN"), (1, *sampling), strict=True):
        monkeypatch.setattr(selection, name, value)
    for n in range(2, 6):
        for x in itertools.product([0, -1, 2], repeat=n):
            for k in range(1, n):
                assert top_k_mask(np.array(x, np.int8), k).tolist() == expected_mask(x, k)


LONG = selection.BLOCK + 1000
LONG_LINES = {
    "random": lambda r: r.normal(size=LONG),
    "two values": lambda r: r.choice([1.0, -2.0], LONG),
    "mostly zeros": lambda r: r.normal(size=LONG) * (r.random(LONG) < 0.01),
    "all equal": lambda r: np.full(LONG, -3.0),
    "one smaller": lambda r: np.where(np.arange(LONG) == LONG // 2, 0.0, 3.0),
    "sorted": lambda r: np.arange(LONG) * 0.5,
    "organ pipe": lambda r: np.minimum(np.arange(LONG), np.arange(LONG)[::-1]) * 1.0,
}


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("line", LONG_LINES)
def test_long_lines_follow_the_exact_ranking(line, dtype):
    x = LONG_LINES[line](np.random.default_rng(1)) * 100
    x = (x if np.dtype(dtype).kind != "u" else np.abs(x) % 256).astype(dtype)
    for rule in RULES:
        order = ranking(exact(x), rule)
        for k in (1, 100, LONG // 10, LONG // 2, LONG - 100, LONG - 1):
            assert np.array_equal(np.flatnonzero(top_k_mask(x, k, ties=rule)), np.sort(order[:k]))


@pytest.mark.parametrize("block", [1, 2, 4, 8])
def test_lines_of_any_number_are_marked_some_at_a_time(monkeypatch, block):
    monkeypatch.setattr(selection, "BLOCK", block)
    x = np.array([[1, -2], [3, 1], [2, 2]] * 5, np.int8)
    assert top_k_mask(x, 1, axis=1).reshape(-1).tolist() == mask_along(exact(x), x.shape, 1, 1, "lowest_index")


N = 100_000
NARROWED = {
    "distinct": np.random.default_rng(2).normal(size=N),
    "a few zeros": np.where(np.arange(N) < 10, 0, np.random.default_rng(3).normal(size=N)),
    "a few of the largest": np.where(np.arange(N) < 10, 255, np.arange(N) % 250).astype(np.uint8),
    "two values": np.where(np.arange(N) % 3, 1.0, -2.0),
}


@pytest.mark.parametrize("line", NARROWED)
def test_a_sample_spares_the_partition_of_all_but_an_eighth_of_a_long_line(monkeypatch, line):
    x, sizes, kth_largest = NARROWED[line], [], selection._kth_largest
    monkeypatch.setattr(selection, "_kth_largest", lambda v, k: sizes.append(v.size) or kth_largest(v, k))
    order = np.argsort(-np.abs(x.astype(np.float64)), kind="stable")
    edge = N * selection.MARGIN // selection.SAMPLE  # the margin ends with the sample
    for k in (1, 5, edge, N // 4, N // 2, N - 5, N - 1):
        assert np.array_equal(np.flatnonzero(top_k_mask(x, k)), np.sort(order[:k]))
    assert max(sizes, default=0) <= N // 8


def test_a_magnitude_is_found_strictly_between_bounds_with_an_eighth_of_the_entries():
    x = np.array([1, 2, 3, -4, 5, -6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -16], np.int8)
    found = {k: selection._kth_between(x, k, 3, 6) for k in range(1, 17)}
    assert {k: v for k, v in found.items() if v is not None} == {12: 5, 13: 4}
    assert selection._kth_between(x, 13, 2, 6) is None  # three are between: more than an eighth


@pytest.mark.parametrize("block", [1, 3, 5])
def test_a_magnitude_is_the_kth_for_as_many_k_as_it_has_entries(monkeypatch, block):
    monkeypatch.setattr(selection, "BLOCK", block)
    x = np.array([2, 1, 3, -2, 4], np.int8)
    assert [k for k in range(1, 6) if selection._is_kth(x, k, 2)] == [3, 4]


@given(x=arrays(), data=st.data())
def test_exactly_k_are_kept_and_none_smaller_than_what_is_dropped(x, data):
    k = data.draw(counts(x.size), label="k")
    mask = top_k_mask(x, k).reshape(-1)
    magnitudes = [abs(v) for v in exact(x)]
    assert np.count_nonzero(mask) == k
    kept, dropped = list(itertools.compress(magnitudes, mask)), list(itertools.compress(magnitudes, ~mask))
    assert not kept or not dropped or min(kept) >= max(dropped)


@given(x=arrays(dtypes=NUMPY_FLOATS + SMALL_FLOAT_DTYPES), ties=st.sampled_from(RULES), data=st.data())
def test_the_signs_do_not_matter(x, ties, data):
    k = data.draw(counts(x.size), label="k")
    assert np.array_equal(top_k_mask(-x, k, ties=ties), top_k_mask(x, k, ties=ties))


@given(x=arrays(), data=st.data())
def test_the_two_rules_for_ties_are_mirror_images(x, data):
    k = data.draw(counts(x.size), label="k")
    flat = x.reshape(-1)
    assert np.array_equal(top_k_mask(flat, k, ties="highest_index"), top_k_mask(flat[::-1], k)[::-1])


@given(
    magnitudes=st.lists(st.floats(0, width=32), min_size=1, max_size=40, unique=True),
    ties=st.sampled_from(RULES),
    data=st.data(),
)
def test_permuting_distinct_magnitudes_permutes_the_mask(magnitudes, ties, data):
    x = np.array(magnitudes, np.float32) * np.array(data.draw(signs(len(magnitudes)), label="signs"), np.float32)
    order = np.array(data.draw(st.permutations(range(x.size)), label="order"))
    k = data.draw(counts(x.size), label="k")
    assert np.array_equal(top_k_mask(x[order], k, ties=ties), top_k_mask(x, k, ties=ties)[order])


def signs(count):
    return st.lists(st.sampled_from([-1.0, 1.0]), min_size=count, max_size=count)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "reversed twice": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "unaligned": lambda x: np.frombuffer(b"\0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
}


@settings(max_examples=200)
@given(
    x=arrays(dtypes=NUMPY_FLOATS + INTEGERS, min_dims=1),
    layout=st.sampled_from(sorted(LAYOUTS)),
    ties=st.sampled_from(RULES),
    data=st.data(),
)
def test_the_layout_in_memory_does_not_matter(x, layout, ties, data):
    k = data.draw(counts(x.size), label="k")
    axis = data.draw(st.integers(0, x.ndim - 1), label="axis")
    other = LAYOUTS[layout](x)
    assert np.array_equal(top_k_mask(other, k, ties=ties), top_k_mask(x, k, ties=ties))
    k = min(k, x.shape[axis])
    assert np.array_equal(top_k_mask(other, k, ties=ties, axis=axis), top_k_mask(x, k, ties=ties, axis=axis))


@given(x=arrays(min_dims=1, max_side=4), rows=st.integers(0, 3), data=st.data())
def test_a_broadcast_array_is_ranked_as_its_copy(x, rows, data):
    wide = np.broadcast_to(x, (rows, *x.shape))
    k = data.draw(counts(wide.size), label="k")
    assert np.array_equal(top_k_mask(wide, k), top_k_mask(wide.copy(), k))


@given(x=arrays(min_dims=1), data=st.data())
def test_the_input_is_left_as_it_was_and_may_be_read_only(x, data):
    k = data.draw(counts(x.size), label="k")
    before = x.tobytes()
    x.setflags(write=False)
    top_k_mask(x, k)
    top_k_mask(x, min(k, x.shape[0]), axis=0)
    assert x.tobytes() == before


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.itemsize <= 2], ids=lambda dtype: dtype.name)
def test_every_pattern_of_a_narrow_dtype_is_ranked_by_its_magnitude(dtype):
    x = np.arange(2 ** (8 * dtype.itemsize)).astype(word(dtype)).view(dtype)
    x = x if dtype in INTEGERS else x[~is_nan(x)]
    values = np.abs(x.astype(np.float64))
    codes = selection.magnitudes(x)
    order = np.lexsort((values,))
    steps = values[order][1:] > values[order][:-1]
    assert np.array_equal(codes[order][1:] > codes[order][:-1], steps)
    assert np.array_equal(codes[order][1:] == codes[order][:-1], ~steps)


@settings(max_examples=30)
@given(x=arrays(), data=st.data())
def test_what_is_kept_is_kept_bit_for_bit_and_the_rest_is_plus_zero(x, data):
    mask = data.draw(hnp.arrays(np.bool_, x.shape), label="mask")
    result = selection.kept(x, mask)
    assert (result.dtype, result.shape) == (x.dtype, x.shape)
    assert result.view(word(x.dtype)).tolist() == np.where(mask, x.view(word(x.dtype)), 0).tolist()


@pytest.mark.parametrize("dtype", NUMPY_FLOATS + SMALL_FLOAT_DTYPES, ids=lambda dtype: dtype.name)
def test_every_kind_of_nan_is_refused_at_its_first_place(dtype):
    if dtype.itemsize <= 2:
        patterns = np.arange(2 ** (8 * dtype.itemsize)).astype(word(dtype)).view(dtype)
    else:
        infinity = int(np.array([np.inf], dtype).view(word(dtype))[0])
        sign = 1 << (8 * dtype.itemsize - 1)
        patterns = np.array([infinity + 1, infinity | infinity >> 1, sign + infinity + 1, sign - 1], word(dtype)).view(
            dtype
        )
    nans = patterns[is_nan(patterns)].view(word(dtype))
    assert nans.size
    for nan in nans[:: max(1, nans.size // 40)]:
        x = np.zeros(5, word(dtype))
        x[[2, 4]] = nan  # by its bits: an assignment of floats makes a signalling NaN quiet
        x = x.view(dtype)
        for k in (0, 1, 5):
            with pytest.raises(ValueError, match=r"^x\[2\] is -?nan: a NaN cannot be ranked$"):
                top_k_mask(x, k)


@pytest.mark.parametrize(
    ("x", "k", "convention", "kept"),
    [
        ([-5, 1, 2], 1, {}, [0]),
        ([0, 0, 1, 1, 2, 2], 3, {}, [2, 4, 5]),
        ([0, 0, 1, 1, 2, 2], 3, {"ties": "highest_index"}, [3, 4, 5]),
        ([-0.0, 0.0, -0.0], 2, {}, [0, 1]),
        (np.array([127, -127, -128], np.int8), 1, {}, [2]),
        (np.array([2**63 - 1, -(2**63)], np.int64), 1, {}, [1]),
        (np.array([2**64 - 2, 2**64 - 1], np.uint64), 1, {}, [1]),
        ([1e308, float("-inf"), float("inf")], 1, {}, [1]),
        ([5e-324, -1e-323, 0.0], 1, {}, [1]),
        ([1e-200, 1.0000000000000002e-200], 1, {}, [1]),
        (7.0, 1, {}, [0]),
        (7.0, 0, {}, []),
        ([], 0, {}, []),
        (np.zeros((0, 3)), 2, {"axis": 1}, []),
        ([[1, -2], [4, 3]], 1, {"axis": 0}, [2, 3]),
        ([[1, -2], [4, 3]], 1, {"axis": -1}, [1, 2]),
    ],
)
def test_examples_that_a_person_can_follow(x, k, convention, kept):
    assert np.flatnonzero(top_k_mask(x, k, **convention)).tolist() == kept


@pytest.mark.parametrize(
    ("arguments", "convention", "error", "message"),
    [
        (([1.0, np.nan], 1), {}, ValueError, r"x\[1\] is nan: a NaN cannot be ranked"),
        (([[1.0], [np.nan]], 0), {"axis": 0}, ValueError, r"x\[1, 0\] is nan: a NaN cannot be ranked"),
        ((np.float16("nan"), 1), {}, ValueError, "x is nan: a NaN cannot be ranked"),
        (([1.0, 2.0], 3), {}, ValueError, "k is 3: it must be from 0 to 2"),
        (([1.0, 2.0], -1), {}, ValueError, "k is -1: it must be from 0 to 2"),
        ((np.ones((2, 3)), 3), {"axis": 0}, ValueError, "k is 3: it must be from 0 to 2"),
        (([], 1), {}, ValueError, "k is 1: it must be from 0 to 0"),
        (([1.0], 1.0), {}, TypeError, r"k is 1.0 \(float\): it must be an integer"),
        (([1.0], True), {}, TypeError, "k is True: it must be an integer"),
        (([1.0], 1), {"ties": "first"}, ValueError, "ties is 'first': it must be one of lowest_index, highest_index"),
        (([1.0], 1), {"ties": None}, TypeError, "ties is None: it must be one of lowest_index, highest_index"),
        (([1.0], 1), {"axis": 1}, ValueError, "axis is 1: the array has 1 dimension"),
        ((1.0, 1), {"axis": 0}, ValueError, "axis is 0: the array has 0 dimensions"),
        (([1.0], 1), {"axis": 0.0}, TypeError, r"axis is 0.0 \(float\): it must be an integer"),
        (([True], 1), {}, TypeError, "x has dtype bool: it must hold integers or floats"),
        (([1j], 1), {}, TypeError, "x has dtype complex128: it must hold integers or floats"),
        ((["a"], 1), {}, TypeError, "x has dtype <U1: it must hold integers or floats"),
        ((np.array([1.0], object), 1), {}, TypeError, "x has dtype object: it must hold integers or floats"),
    ],
)
def test_bad_calls_name_the_argument_and_what_came(arguments, convention, error, message):
    with pytest.raises(error, match=message):
        top_k_mask(*arguments, **convention)

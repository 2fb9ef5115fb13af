import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.quantization import channels

SIGNALLING = np.array([0x3FF0000000000000, 0x7FF0000000000001], np.uint64).view(np.float64)
SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


@given(SHAPES, st.data())
def test_an_axis_divides_an_array_into_runs(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    (outer, count, inner), own = channels.arrange(shape, axis, None)
    assert outer * count * inner == math.prod(shape)
    assert own == (shape[axis],) == (count,)


@given(SHAPES, st.integers(1, 3))
def test_with_blocks_every_element_has_a_run_of_its_own(shape, block_size):
    runs, _ = channels.arrange(shape, 0, block_size)
    assert runs == (1, math.prod(shape), 1)


def test_blocks_without_an_axis_are_refused():
    with pytest.raises(ValueError, match=r"^block_size is 2: blocks need an axis along which they lie$"):
        channels.arrange((4,), None, 2)


@pytest.mark.parametrize("block_size", [0, -3])
def test_a_block_has_an_element_at_least(block_size):
    with pytest.raises(ValueError, match=f"^block_size is {block_size}: it must be at least 1$"):
        channels.arrange((4,), 0, block_size)


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        ([1.0, 1e300], r"scale\[1\] is 1e\+300: it must be positive and finite in float32"),
        ([1.0, 1e-300], r"scale\[1\] is 1e-300: it must be positive and finite in float32"),
        ([1.0, np.nan], r"scale\[1\] is nan: it must be positive and finite in float32"),
        (SIGNALLING, r"scale\[1\] is nan: it must be positive and finite in float32"),
        ([1.0, 0.0], r"scale\[1\] is 0.0: it must be positive and finite in float32"),
        ([1.0], r"scale has shape \(1,\): it must have shape \(2,\)"),
    ],
)
def test_a_scale_is_positive_finite_and_one_a_channel_though_numpy_raises(scale, told):
    with np.errstate(all="raise"), pytest.raises(ValueError, match=f"^{told}$"):
        channels.checked_scale(scale, (2,), np.dtype(np.float32))


def test_a_scale_keeps_its_dtype_where_none_is_asked_for():
    assert channels.checked_scale(np.float32([1, 2]), (2,), None).dtype == np.float32


@pytest.mark.parametrize(
    ("zero_point", "told"),
    [
        ([0, 3], r"zero_point\[1\] is 3: it must be a code, from -2 to 2"),
        ([-3, 0], r"zero_point\[0\] is -3: it must be a code, from -2 to 2"),
        ([0, 0, 0], r"zero_point has shape \(3,\): it must have shape \(2,\)"),
    ],
)
def test_a_zero_point_is_a_code_and_one_a_channel(zero_point, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        channels.checked_zero_point(zero_point, (2,), -2, 2)


@pytest.mark.parametrize("zero_point", [[-2, 2], 2, [-2]])
def test_one_zero_point_may_stand_for_all_channels(zero_point):
    checked = channels.checked_zero_point(zero_point, (2,), -2, 2)
    assert (checked.dtype, checked.tolist()) == (np.int64, zero_point)


def test_an_array_for_a_single_scale_has_a_single_number():
    told = r"^scale has shape \(2,\): it must have a single number: an axis gives one a channel$"
    with pytest.raises(ValueError, match=told):
        channels.checked_scale([1.0, 2.0], (), None)


@given(SHAPES, st.data(), st.integers(1, 3))
def test_every_element_gets_the_value_of_its_block(shape, data, block_size):
    axis = data.draw(st.integers(0, len(shape) - 1))
    _, own = channels.arrange(shape, axis, block_size)
    values = np.arange(math.prod(own)).reshape(own)
    each = channels.expanded(values, shape, axis, block_size)
    each = np.broadcast_to(each, math.prod(shape)).reshape(shape)  # a single one stands for all
    for index in np.ndindex(shape):
        place = tuple(i // block_size if d == axis else i for d, i in enumerate(index))
        assert each[index] == values[place]


@pytest.mark.parametrize("outer", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 70_000])
@pytest.mark.parametrize("inner", [1, 5, 40, 70_000])
def test_the_pieces_cover_every_element_once_with_its_value(outer, count, inner):
    if outer * count * inner > 10**7:
        inner = 100
    values = np.arange(count, dtype=np.float64)
    seen = np.full(outer * count * inner, np.nan)
    for where, shape, (own,) in channels.pieces((outer, count, inner), values):
        assert np.isnan(seen[where]).all()
        seen[where].reshape(shape)[...] = np.broadcast_to(own, shape)
    expected = np.broadcast_to(values[:, None], (outer, count, inner)).reshape(-1)
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize(
    "runs",
    [(3000, 1, 1), (3000, 3, 31), (3000, 3, 40), (2, 200_000, 1), (1, 20_000, 31), (2, 3, 65_537), (2, 3, 131_073)],
)
def test_pieces_fit_the_cache_and_are_few(runs):
    values = np.arange(float(runs[1]))
    sizes = [where.stop - where.start for where, _, _ in channels.pieces(runs, values)]
    assert max(sizes) <= channels.PIECE
    assert len(sizes) <= 2 * math.prod(runs) / channels.PIECE + 1


@pytest.mark.parametrize(
    ("x", "scale", "dtype"),
    [
        ("f4", 0.1, "float32"),
        ("f2", 1, "float16"),
        ("f4", np.float64(0.1), "float64"),
        ("f2", np.float32(0.1), "float32"),
        ("f4", [0.1], "float64"),
        (ml_dtypes.bfloat16, 0.1, "bfloat16"),
        (ml_dtypes.bfloat16, np.float16(1), "float32"),
        (ml_dtypes.float8_e4m3fn, 0.1, "float32"),
    ],
)
def test_arithmetic_is_in_the_dtype_of_both(x, scale, dtype):
    assert channels.common_dtype(np.zeros(1, x), scale).name == dtype

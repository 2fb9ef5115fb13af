import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.verify.inputs import (
    FLOATS,
    TAIL_LENGTHS,
    array_pairs,
    extremes,
    finite_floats,
    float_dtype,
    floats,
    floats_and_p,
    floats_around,
    groups_of,
    integers_and_p,
    masked_steps,
    networks,
    next_to,
    scattered,
    selections,
    sizes_and_sparsities,
)

DTYPES = sorted(FLOATS)
EACH_DTYPE = pytest.mark.parametrize("name", DTYPES)


def values(array):
    return array.astype(np.float64).tolist()


def leaves(value):
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value] if isinstance(value, np.ndarray) else []


@given(st.data(), st.sampled_from(DTYPES))
def test_a_finite_float_is_a_float_of_the_dtype(data, name):
    value = data.draw(finite_floats(name))
    assert values(floats([value], name)) == [value]


@given(st.data(), st.sampled_from(DTYPES))
def test_a_float_lies_between_its_two_neighbours(data, name):
    value = data.draw(finite_floats(name))
    largest = FLOATS[name][1]
    below, same, above = values(next_to(floats([value], name)))
    assert below < same < above or abs(value) == largest
    assert same == value


@given(st.data(), st.sampled_from(DTYPES))
def test_nothing_lies_between_a_float_and_its_neighbour(data, name):
    value = data.draw(finite_floats(name))
    below, same, above = values(next_to(floats([value], name)))
    if np.isfinite([below, above]).all():
        with np.errstate(under="ignore"):
            between = [below + (same - below) / 2, same + (above - same) / 2]
            rounded = np.array(between).astype(float_dtype(name)).astype(np.float64)
        assert set(rounded.tolist()) <= {below, same, above}


@given(st.data(), st.sampled_from(DTYPES))
def test_floats_and_p_stay_below_the_limit(data, name):
    x, p = data.draw(floats_and_p(name, [8 * 127, 8 * 127 + 4], 2.0**20))
    assert x.dtype == float_dtype(name)
    assert np.all(np.abs(np.ldexp(x.astype(np.float64), p)) < 2.0**20)


@given(integers_and_p(("int8", "uint8", "int64"), (2**53 + 1, -128), (149,)))
def test_codes_are_integers_of_a_dtype_that_was_asked_for(call):
    q, p = call
    assert q.dtype.name in ("int8", "uint8", "int64")
    assert -3 <= p <= 9 or p == 149


@given(st.data(), st.sampled_from(DTYPES))
def test_every_strategy_of_floats_keeps_the_dtype(data, name):
    strategies = [floats_around(name, [127.5, 1.0]), selections(name, 1), array_pairs(name), networks(name)]
    for strategy in strategies:
        assert {leaf.dtype for leaf in leaves(data.draw(strategy))} == {float_dtype(name)}


@EACH_DTYPE
def test_the_limits_of_a_dtype_are_those_of_its_finfo(name):
    import ml_dtypes

    precision, largest, normal, subnormal = FLOATS[name]
    info = ml_dtypes.finfo(float_dtype(name))
    assert (precision, largest, normal) == (info.nmant + 1, float(info.max), float(info.smallest_normal))
    assert values(next_to(np.zeros(1, float_dtype(name)))) == [-subnormal, 0.0, subnormal]


@EACH_DTYPE
def test_extremes_hold_both_signs_of_zero_the_smallest_and_the_largest(name):
    _, largest, normal, subnormal = FLOATS[name]
    x = extremes(name)
    signs = {(abs(v), bool(np.signbit(v))) for v in values(x)}
    assert {(v, s) for v in (0.0, subnormal, normal, largest) for s in (True, False)} <= signs


def test_what_a_dtype_cannot_hold_is_left_out():
    assert values(floats([1.0, 2049.0, 0.1, 1e6, 2.0**-24, 2.0**-25], "float16")) == [1.0, 2.0**-24]


def test_lengths_lie_around_the_widths_of_vector_loops():
    assert {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33} <= set(TAIL_LENGTHS)


def test_scattered_integers_reach_both_ends_and_are_the_same_each_time():
    x = scattered((20, 50), 9)
    assert (x.min(), x.max(), x.shape) == (-9, 9, (20, 50))
    assert np.array_equal(x, scattered((20, 50), 9))
    assert not np.array_equal(x, scattered((20, 50), 9, seed=1))


@given(sizes_and_sparsities())
def test_sizes_and_sparsities_are_such_that_a_count_exists(call):
    size, sparsity = call
    assert type(size) is int
    assert 0 <= size < 2**63
    assert 0.0 <= sparsity <= 1.0


@pytest.mark.parametrize("axis", [-1, 0])
@given(st.data(), st.sampled_from([2, 4, 8, 16]), st.sampled_from(DTYPES))
def test_groups_fill_the_length_along_the_axis(axis, data, m, name):
    (x,) = data.draw(groups_of(m, axis, name))
    assert x.dtype == float_dtype(name)
    assert x.shape[axis] in (m, 2 * m, 3 * m)
    assert not np.isnan(x.astype(np.float64)).any()


@given(masked_steps("float16"))
def test_the_arrays_of_a_step_have_one_shape_and_the_mask_is_of_booleans(call):
    w, gradient, velocity, mask = call
    assert w.shape == gradient.shape == velocity.shape == mask.shape
    assert (w.dtype, mask.dtype) == (np.float16, np.bool_)

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress import affine_parameters, fake_quantize
from refcompress.quantization.calibration import min_max, minimal_squared_error, moving_average, percentile
from refcompress.quantization.histogram import empty_histogram, entropy, observe

LARGEST = float(np.finfo(np.float32).max)
VALUES = st.one_of(
    st.floats(-LARGEST, LARGEST),
    st.integers(-40, 40).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, 2.0**-149, LARGEST]),
)
BATCH = st.lists(VALUES, min_size=1, max_size=8)


def numbers(ends):
    return tuple(float(end) for end in ends)


@given(st.lists(BATCH, min_size=1, max_size=5), st.integers(0, 5))
def test_min_max_of_batches_is_that_of_all_values_whatever_empty_batches_come_between(batches, place):
    together = [v for batch in batches for v in batch]
    batches.insert(min(place, len(batches)), [])
    assert numbers(min_max(batches)) == (min(together), max(together))


def test_an_empty_first_batch_brings_nothing_into_the_range():
    assert numbers(min_max([[], [3.0, 4.0]])) == (3.0, 4.0)


def test_every_channel_has_a_range_of_its_own():
    batches = [np.arange(12.0).reshape(2, 3, 2), np.zeros((0, 3, 2)), -np.ones((1, 3, 2))]
    low, high = min_max(batches, axis=1)
    assert (low.tolist(), high.tolist()) == ([-1.0] * 3, [7.0, 9.0, 11.0])
    np.testing.assert_array_equal(min_max(batches, axis=-2), (low, high))


@given(VALUES, st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 1.0]))
def test_a_stream_of_one_constant_gives_the_constant_after_one_batch_and_after_a_hundred(value, decay):
    state = None
    for number in range(1, 101):
        state = moving_average(state, np.full(3, value), decay=decay)
        if number in (1, 100):
            assert numbers(state) == (value, value)


def test_an_average_of_tiny_ends_underflows_without_a_warning():
    with np.errstate(all="raise"):
        low, high = moving_average((0.0, 1e-323), [5e-324], decay=0.3)
    assert 0 <= low <= high <= 1e-323


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6))
def test_moving_average_is_the_formula_in_rational_arithmetic(values):
    state, exact = None, None
    for value in values:
        state = moving_average(state, [float(value), value + 1.0], decay=0.75)
        exact = value if exact is None else Fraction(3, 4) * exact + Fraction(1, 4) * value
    assert numbers(state) == (exact, exact + 1)  # quarters of quarters: float64 holds them


@given(st.lists(BATCH, min_size=1, max_size=5))
def test_the_average_never_has_its_ends_swapped(batches):
    state = None
    for batch in batches:
        state = moving_average(state, batch)
    assert state[0] <= state[1]


def test_empty_batches_leave_the_average_as_it_is():
    state = moving_average(moving_average(None, []), [2.0])
    assert moving_average(state, np.zeros((0, 4))) is state
    assert moving_average(None, []) is None


def test_zero_is_not_forced_into_the_average():
    assert numbers(moving_average(moving_average(None, [4.0, 8.0]), [2.0, 8.0], decay=0.5)) == (3.0, 8.0)


def test_the_average_of_channels_is_taken_channel_by_channel():
    state = moving_average(moving_average(None, [[0.0, 4.0]], axis=1), [[8.0, 0.0]], axis=1, decay=0.75)
    assert state[0].tolist() == state[1].tolist() == [2.0, 3.0]


PERCENTS = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).filter(lambda p: p[0] < p[1])


@given(BATCH, PERCENTS)
def test_percentiles_are_those_of_their_definition(values, tenths):
    lower, upper = (Fraction(t, 10) for t in tenths)
    low, high = percentile(values, lower=float(lower), upper=float(upper))
    n = len(values)
    enough = [v for v in values if 100 * sum(w <= v for w in values) >= upper * n]
    reached = [v for v in values if 100 * sum(w >= v for w in values) >= (100 - lower) * n]
    assert (float(low), float(high)) == (max(reached), min(enough))


@given(BATCH)
def test_all_percent_are_the_smallest_and_the_largest(values):
    assert numbers(percentile(values, lower=0, upper=100)) == numbers(min_max([values]))


def test_a_percent_is_the_decimal_number_that_was_written():
    # 99.9 as a float is just above 99.9: ceil(1000 * 99.9 / 100) would be 1000 with its exact value
    assert numbers(percentile(np.arange(1000.0))) == (1.0, 998.0)


def test_an_end_is_the_decimal_number_that_was_written_in_its_own_dtype():
    for dtype in (np.float16, np.float32, np.float64):
        assert numbers(percentile(np.arange(1000.0), lower=dtype(0.1), upper=dtype(99.9))) == (1.0, 998.0)


def squared_error(x, ends, settings):
    own = {name: value for name, value in settings.items() if name != "symmetric"}
    back = fake_quantize(x, *affine_parameters(*ends, **settings), **own)
    return sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x.tolist(), back.tolist(), strict=True))


@given(
    hnp.arrays(np.float32, st.integers(1, 12), elements=st.floats(-100, 100, width=32)),
    st.sampled_from([2, 3, 8]),
    st.booleans(),
    st.booleans(),
)
def test_the_least_squared_error_is_never_more_than_that_of_min_max(x, bits, signed, symmetric):
    settings = {"bits": bits, "signed": signed, "symmetric": symmetric}
    ends = minimal_squared_error(x, steps=10, **settings)
    assert ends[0] <= 0 <= ends[1]
    assert squared_error(x, ends, settings) <= squared_error(x, min_max([x]), settings)


@pytest.mark.parametrize("symmetric", [False, True])
def test_clipping_a_heavy_tail_halves_the_squared_error(symmetric):
    x = np.random.default_rng(0).standard_t(3, 1000)
    settings = {"bits": 3, "symmetric": symmetric}
    owed, plain = (squared_error(x, ends, settings) for ends in (minimal_squared_error(x, **settings), min_max([x])))
    assert 2 * owed < plain


def test_the_end_with_the_tail_is_clipped_more():
    x = np.concatenate([-np.linspace(0, 1, 400), np.random.default_rng(0).exponential(0.2, 400)])
    low, high = minimal_squared_error(x, bits=4)
    assert 1.1 * high / x.max() < low / x.min()


WAYS = {
    "min_max": lambda x: min_max([x]),
    "moving_average": lambda x: moving_average(None, x),
    "percentile": percentile,
    "minimal_squared_error": minimal_squared_error,
    "entropy": lambda x: entropy(observe(empty_histogram(), x)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [0.0, -0.0, 5.0, -5.0, 1e-30])
def test_a_constant_comes_back(way, value):
    x = np.full(7, value, np.float32)
    scale, zero_point = affine_parameters(*WAYS[way](x), signed=False)
    back = fake_quantize(x, scale, zero_point, signed=False)
    # the scale c / 255 is rounded once, and 255 times it once more
    assert np.all(np.abs(back.astype(np.float64) - x) <= 2 * np.abs(x).astype(np.float64) * 2.0**-24)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sign", [1, -1])
def test_values_on_one_side_are_no_further_from_their_codes_than_half_a_step(way, sign):
    x = sign * np.arange(10.5, 14.5, 0.5)
    scale, zero_point = affine_parameters(*WAYS[way](x), bits=4, signed=False)
    error = np.abs(fake_quantize(x, scale, zero_point, bits=4, signed=False) - x)
    # half a step, and what the rounding of the scale moves the far end by, 15 steps away
    assert np.all(error <= scale * (0.5 + 15 * 2.0**-24))


@pytest.mark.parametrize("way", WAYS)
def test_inputs_of_any_layout_are_read_and_left_as_they_are(way):
    x = np.asfortranarray(np.arange(12, dtype=">f4").reshape(3, 4))[:, ::2]
    x.flags.writeable = False
    assert numbers(WAYS[way](x)) == numbers(WAYS[way](np.array([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])))
    assert numbers(WAYS[way](np.float64(3.0))) == numbers(WAYS[way]([3.0]))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: min_max([]), ValueError, "batches hold no value: a range needs at least one"),
        (lambda: min_max([[], np.zeros((0, 2))]), ValueError, "batches hold no value"),
        (
            lambda: min_max([[1.0], [2.0, np.nan]]),
            ValueError,
            r"batches\[1\]\[1\] is nan: only finite values can be calibrated with",
        ),
        (lambda: min_max([[np.inf]]), ValueError, r"batches\[0\]\[0\] is inf: only finite"),
        (lambda: min_max([[1e39]]), ValueError, r"batches\[0\]\[0\] is 1e\+39: it must be within float32"),
        (lambda: min_max([["a"]]), TypeError, r"batches\[0\] has dtype"),
        (lambda: min_max([[1.0]], axis=1), ValueError, "axis is 1: the array has 1 dimension"),
        (
            lambda: min_max([np.ones((1, 2)), np.ones((1, 3))], axis=1),
            ValueError,
            r"batches\[1\] has ends of shape \(3,\): those before have \(2,\)",
        ),
        (lambda: moving_average(None, [np.nan]), ValueError, r"batch\[0\] is nan"),
        (lambda: moving_average(None, [1.0], decay=1.5), ValueError, "decay is 1.5: it must be from 0 to 1"),
        (
            lambda: moving_average(([0.0, 1.0], [2.0, 3.0]), [1.0]),
            ValueError,
            r"batch has ends of shape \(\): those before have \(2,\)",
        ),
        (
            lambda: moving_average(([0.0, 1.0], [2.0]), [1.0]),
            ValueError,
            r"state\[0\] has shape \(2,\), state\[1\] has shape \(1,\)",
        ),
        (lambda: moving_average([0.0], []), ValueError, r"state holds 1 arrays: it must be \(x_min, x_max\)"),
        (lambda: moving_average(10**5000, []), TypeError, "state is "),
        (lambda: moving_average(1.0, []), TypeError, r"state is 1.0: it must be \(x_min, x_max\)"),
        (lambda: moving_average([0.0], [1.0]), ValueError, r"state holds 1 arrays: it must be \(x_min, x_max\)"),
        (lambda: percentile([]), ValueError, "x is empty: a range needs at least one value"),
        (lambda: percentile([np.nan]), ValueError, r"x\[0\] is nan"),
        (lambda: percentile([1.0], lower=50, upper=50), ValueError, "lower is 50: it must be below upper, 50"),
        (lambda: percentile([1.0], upper=101), ValueError, "upper is 101: it must be from 0 to 100"),
        (lambda: minimal_squared_error([]), ValueError, "x is empty"),
        (lambda: minimal_squared_error([0.0, np.inf]), ValueError, r"x\[1\] is inf"),
        (lambda: minimal_squared_error([1.0], steps=0), ValueError, "steps is 0: it must be from 1 to 65536"),
        (lambda: minimal_squared_error([1.0], bits=1), ValueError, "bits is 1"),
    ],
)
def test_bad_observations_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_the_least_squared_error_is_that_of_eight_bits_unless_asked_otherwise():
    x = np.random.default_rng(0).standard_normal(200)
    right = numbers(minimal_squared_error(x))
    assert right == numbers(minimal_squared_error(x, bits=8, signed=True, symmetric=False, steps=100))
    assert right != numbers(minimal_squared_error(x, bits=9))
    assert numbers(minimal_squared_error(x, bits=3)) == numbers(minimal_squared_error(x, bits=3, steps=100))
    assert numbers(minimal_squared_error(x, bits=3)) != numbers(minimal_squared_error(x, bits=3, steps=101))
    assert numbers(minimal_squared_error(x, bits=3)) == numbers(minimal_squared_error(x, bits=3, signed=False))


@pytest.mark.parametrize("power", [-130, -60, 60, 126])
def test_the_scale_of_all_values_is_the_scale_of_the_range(power):
    x = np.random.default_rng(0).integers(-90, 91, 60) / 256 + 0.5
    low, high = numbers(minimal_squared_error(x, bits=3))
    assert numbers(minimal_squared_error(np.ldexp(x, power), bits=3)) == (np.ldexp(low, power), np.ldexp(high, power))


def test_values_below_float32_are_zero_in_every_range():
    with np.errstate(all="raise"):
        assert numbers(minimal_squared_error([1e-200, -1e-300])) == (-1e-300, 1e-200)


def test_of_ranges_with_the_same_sum_that_of_all_values_stays():
    """All are 0 in float32, and so owe the same in every range: their own squares."""
    assert numbers(minimal_squared_error([1e-100, -1e-100, 0.0])) == (-1e-100, 1e-100)


@pytest.mark.parametrize(("units", "taken"), [(128, False), (136, True)])
def test_a_range_is_taken_only_where_its_sum_is_smaller_by_more_than_rounding(units, taken):
    """Half the range loses the last value, gains as much by the nine before it, and a gain d by the first one.

    Of 11 values, sums of 2.25 + 0.25^2 must differ by 4 (11 + 3) 2^-53 of themselves: by 129.5 2^-53.
    """
    d = units * 2.0**-53
    x = [0.75 - d] + [0.5] * 9 + [3.0]
    whole, half = (squared_error(np.array(x), ends, {"bits": 2}) for ends in ((0.0, 3.0), (0.0, 1.5)))
    assert whole - half == Fraction(d)
    assert numbers(minimal_squared_error(x, bits=2, steps=2)) == (0.0, 1.5 if taken else 3.0)


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_range_is_the_one_that_three_searches_one_after_the_other_find(symmetric):
    """The second and third move one end alone; symmetric codes have the first alone."""
    settings, moved = {"bits": 3, "symmetric": symmetric}, set()
    for seed in range(8):
        x, n = np.random.default_rng(seed).standard_t(3, 20), 6
        best = min(x.min(), 0.0), max(x.max(), 0.0)
        least = squared_error(x, best, settings)
        for moves in [(1, 1)] if symmetric else [(1, 1), (0, 1), (1, 0)]:
            start = best
            for t in range(1, n):
                ends = tuple(end * t / n if moves_it else end for end, moves_it in zip(start, moves, strict=True))
                if (error := squared_error(x, ends, settings)) < least:
                    best, least = ends, error
                    moved.add(moves)
        assert numbers(minimal_squared_error(x, **settings, steps=n)) == best
    assert len(moved) == (1 if symmetric else 3)

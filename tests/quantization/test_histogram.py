import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oracles import histogram as oracle

from refcompress.quantization.histogram import Histogram, empty_histogram, entropy, observe

LARGEST = float(np.finfo(np.float32).max)
VALUES = st.one_of(
    st.floats(-LARGEST, LARGEST),
    st.integers(-40, 40).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, 2.0**-149, LARGEST]),
)
BATCHES = st.lists(st.lists(VALUES, max_size=6), max_size=6)


def all_of(batches, bins=8):
    seen = empty_histogram(bins)
    for batch in batches:
        seen = observe(seen, batch)
    return seen


def contents(histogram):
    return histogram.counts.tolist(), histogram.exponent, histogram.low, histogram.high


@given(BATCHES, st.randoms(use_true_random=False))
def test_counts_depend_on_what_was_seen_and_not_on_batches_or_their_order(batches, random):
    values = [v for batch in batches for v in batch]
    shuffled = random.sample(values, len(values))
    assert contents(all_of(batches)) == contents(all_of([shuffled])) == contents(all_of([[v] for v in shuffled]))


@given(BATCHES)
def test_total_is_the_number_of_values_seen(batches):
    assert all_of(batches).total == sum(map(len, batches))


@given(BATCHES.filter(lambda batches: any(any(batch) for batch in batches)), st.sampled_from([2, 8, 64]))
def test_counts_agree_with_rational_arithmetic_on_all_values_at_once(batches, bins):
    seen = all_of(batches, bins)
    assert (seen.counts.tolist(), seen.exponent) == oracle.counts([v for batch in batches for v in batch], bins)


def test_batches_inside_the_range_seen_before_are_counted():
    seen = all_of([[0.0, 10.0], np.ones(1000)], 16)
    assert seen.total == 1002
    assert {j: int(n) for j, n in enumerate(seen.counts) if n} == {0: 1, 1: 1000, 10: 1}


def test_values_far_below_the_largest_are_in_the_first_bin_though_numpy_raises():
    with np.errstate(all="raise"):
        seen = all_of([[1e-300, 1e30]])
    assert (seen.counts[0], seen.total) == (1, 2)


def test_an_empty_batch_changes_nothing():
    seen = all_of([[1.0]])
    assert observe(seen, []) is seen


@given(st.lists(st.integers(0, 5), min_size=16, max_size=16).filter(any), st.sampled_from([2, 3]))
@example([3, 5, 4, 1] + 12 * [0], 2)  # one bin more, in which nothing lies, would have less divergence
def test_entropy_takes_the_threshold_with_the_least_divergence_in_rational_arithmetic(counts, bits):
    levels = 2 ** (bits - 1)
    last = max(j for j, c in enumerate(counts) if c) + 1
    assume(last >= levels)
    exact = {i: oracle.divergence(counts, i, levels) for i in range(levels, last + 1)}
    finite = {i: float(d) for i, d in exact.items() if d is not None}
    best = min(finite, key=finite.get)
    # the products are at least 1; two that differ by less than 2^-40 are closer than 16 terms of float64 can tell
    assume(all(i == best or d > finite[best] * (1 + 2.0**-40) for i, d in finite.items()))
    threshold = last if best == last else best + 0.5
    low, high = entropy(Histogram(np.array(counts), 0, -float(last), float(last)), bits=bits)
    assert (float(low), float(high)) == (-threshold, threshold)


@given(BATCHES.filter(any), st.sampled_from([2, 4, 8]), st.booleans())
def test_entropy_stays_within_what_was_seen(batches, bits, signed):
    values = [v for batch in batches for v in batch]
    low, high = entropy(all_of(batches), bits=bits, signed=signed)
    assert min(values) <= low <= high <= max(values)


def test_far_values_are_clipped_and_near_ones_are_not():
    near = np.random.default_rng(0).normal(size=20_000)
    low, high = entropy(all_of([near, [-7.0, 7.5]], 2048))
    assert np.quantile(near, 0.001) > low > -6
    assert np.quantile(near, 0.999) < high < 6


def test_bits_are_8_where_nothing_else_is_asked_for():
    seen = all_of([np.random.default_rng(1).laplace(size=4096)], 1024)
    assert entropy(seen) == entropy(seen, bits=8) != entropy(seen, bits=9)


def test_evenly_spread_values_are_not_clipped():
    values = np.linspace(-1, 1, 4096)
    assert [float(end) for end in entropy(all_of([values], 256))] == [-1.0, 1.0]


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e-40])
def test_a_constant_gives_itself(value):
    assert [float(end) for end in entropy(all_of([np.full(9, value)], 2048))] == [value, value]


def test_thresholds_under_which_nothing_lies_are_passed_over():
    low, high = entropy(all_of([np.full(50, 7.5), np.full(50, 7.0)], 16), bits=2)
    assert (float(low), float(high)) == (7.0, 7.5)


def test_the_divergence_of_two_levels_by_hand():
    # i = 2: P = (4, 1 + 1) / 6, Q = (4, 1) / 5; i = 3 has an empty last bin; i = 4 clips nothing, Q = (2.5, 2.5, -, 1)
    clipped = 4 / 6 * math.log(4 / 6 / (4 / 5)) + 2 / 6 * math.log(2 / 6 / (1 / 5))
    whole = 4 / 6 * math.log(4 / 2.5) + 1 / 6 * math.log(1 / 2.5)
    assert clipped < whole
    low, high = entropy(Histogram(np.array([4, 1, 0, 1]), 0, 0.0, 3.0), bits=2)
    assert (float(low), float(high)) == (0.0, 2.5)


def test_of_equal_divergences_the_one_that_clips_least_is_taken():
    # i = 4 clips half of the values, and both of its distributions lie in one bin: a divergence of 0, as that of i = 5
    low, high = entropy(Histogram(np.array([0, 0, 0, 1, 1, 0, 0, 0]), 0, 3.0, 4.75), bits=2)
    assert (float(low), float(high)) == (3.0, 4.75)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: empty_histogram(6), ValueError, "bins is 6: it must be a power of two"),
        (lambda: empty_histogram(1), ValueError, "bins is 1: it must be from 2 to 16777216"),
        (lambda: empty_histogram(8.0), TypeError, "bins is 8.0"),
        (lambda: observe(empty_histogram(), [1.0, np.nan]), ValueError, r"batch\[1\] is nan: only finite values can"),
        (lambda: observe(empty_histogram(), [1e39]), ValueError, r"batch\[0\] is 1e\+39: it must be within float32"),
        (lambda: observe(empty_histogram(), ["a"]), TypeError, "batch has dtype"),
        (lambda: entropy(empty_histogram()), ValueError, "histogram holds no value: a range needs at least one"),
        (lambda: entropy(all_of([[1.0]]), bits=17), ValueError, "bits is 17: it must be from 2 to 16"),
        (lambda: entropy(all_of([[1.0]]), signed=1), TypeError, "signed is 1"),
    ],
)
def test_bad_histograms_and_batches_are_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("bins", [16, 2048])
def test_an_empty_histogram_counts_in_integers(bins):
    counts = empty_histogram(bins).counts
    assert (counts.dtype, counts.shape, counts.any()) == (np.int64, (bins,), False)


def test_the_width_of_a_bin_is_open_as_long_as_zeros_alone_were_seen():
    seen = observe(empty_histogram(8), [0.0, -0.0])
    assert (seen.exponent, seen.total) == (None, 2)
    assert observe(seen, [1e-30]).exponent == observe(empty_histogram(8), [1e-30]).exponent

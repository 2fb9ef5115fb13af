from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import pruning as oracle

from refcompress import keep_count

SPARSITIES = st.one_of(st.integers(0, 100).map(lambda n: n / 100), st.floats(0, 1), st.sampled_from([0.0, 1.0, 5e-324]))
WORDS = st.sampled_from(["half_even", "floor", "ceil", "half_away"])


@given(st.integers(0, 10**9), SPARSITIES, WORDS, st.sampled_from(["kept", "pruned"]))
def test_every_word_agrees_with_decimal_arithmetic(size, sparsity, rounding, counts):
    k = keep_count(size, sparsity, rounding=rounding, counts=counts)
    assert k == oracle.count(size, sparsity, rounding, counts)
    assert 0 <= k <= size


@given(st.integers(0, 1000), SPARSITIES)
def test_rounding_towards_keeping_never_raises_the_sparsity(size, sparsity):
    asked = Fraction(repr(sparsity))
    for settings in ({"rounding": "ceil"}, {"rounding": "floor", "counts": "pruned"}):
        assert size - keep_count(size, sparsity, **settings) <= asked * size


@given(st.integers(0, 1000), SPARSITIES)
def test_what_is_not_kept_is_pruned(size, sparsity):
    assert keep_count(size, sparsity, rounding="floor") == keep_count(size, sparsity, rounding="ceil", counts="pruned")


def test_two_conventions_part_by_one_at_a_tie():
    # 15 * 0.5 = 7.5: the kept ones to even are 8, and so are the pruned ones
    assert (keep_count(15, 0.5), keep_count(15, 0.5, counts="pruned")) == (8, 7)


def test_the_number_counts_that_was_written():
    assert int(100 * 0.29) == 28
    assert keep_count(100, 0.29, rounding="floor", counts="pruned") == 71
    assert keep_count(100, Fraction(29, 100)) == 71
    assert [keep_count(5, Fraction(s)) for s in (0, 1)] == [5, 0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(percent=st.integers(0, 100), size=st.integers(0, 10_000))
def test_the_number_counts_that_was_written_in_any_float(dtype, percent, size):
    for rounding in ("floor", "ceil"):
        kept = keep_count(size, dtype(percent / 100), rounding=rounding, counts="pruned")
        assert kept == keep_count(size, Fraction(percent, 100), rounding=rounding, counts="pruned")


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "text"),
    [
        ((-1, 0.5), {}, ValueError, "size is -1: it must be at least 0"),
        ((2.0, 0.5), {}, TypeError, "size is 2.0"),
        ((2, 1.5), {}, ValueError, "sparsity is 1.5: it must be from 0.0 to 1.0"),
        ((2, Fraction(3, 2)), {}, ValueError, "sparsity is 3/2: it must be from 0.0 to 1.0"),
        ((2, np.nan), {}, ValueError, "sparsity is nan"),
        ((2, "half"), {}, TypeError, "sparsity is 'half'"),
        ((2, 0.5), {"rounding": "half_up"}, ValueError, "rounding is 'half_up': it must be one of half_even, floor"),
        ((2, 0.5), {"counts": "all"}, ValueError, "counts is 'all': it must be one of kept, pruned"),
    ],
)
def test_bad_input_is_refused(arguments, settings, error, text):
    with pytest.raises(error, match=text):
        keep_count(*arguments, **settings)

import hashlib
import itertools
import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import words
from refcompress.verify.variation import (
    Draws,
    Stock,
    separable,
    varied,
    vary_flags,
    vary_floats,
    vary_integers,
)

QUANTIZE = OPERATIONS["quantize"]
FLOATS = [np.dtype(t) for t in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)]
INTEGERS = [np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.int32, np.int64)]


def as_words(values, dtype):
    return np.array(values, dtype).view(f"u{dtype.itemsize}").astype(np.uint64)


def as_values(words, dtype):
    return words.astype(f"u{dtype.itemsize}").view(dtype)


@given(st.integers(0, 2**32), st.integers(1, 2**40))
def test_a_drawn_integer_is_below_its_limit(seed, n):
    draws = Draws(seed)
    assert all(0 <= draws.below(n) < n for _ in range(20))


def test_what_is_drawn_is_the_raw_output_of_pcg64():
    draws = Draws(1)
    words = draws.words(3).tolist()
    assert words == np.random.PCG64(1).random_raw(3).tolist()
    assert words == [9441442522235856127, 17532960557476522086, 2659275481604167885]


@given(st.integers(0, 1000), st.integers(1, 100))
def test_drawn_indices_lie_in_their_range_and_reach_all_of_it(seed, n):
    drawn = Draws(seed).indices(100 * n, n)
    assert set(drawn.tolist()) <= set(range(n))
    assert len(set(drawn.tolist())) > n / 2


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@given(seed=st.integers(0, 2**20), wild=st.booleans(), scale=st.integers(-200, 200))
def test_finite_floats_stay_finite(dtype, seed, wild, scale):
    with np.errstate(over="ignore"):
        values = np.ldexp(np.arange(-32.0, 32), scale).astype(dtype)
    values = values[np.isfinite(values)]
    changed = as_values(vary_floats(as_words(values, dtype), dtype, Draws(seed), wild=wild), dtype)
    assert changed.shape == values.shape
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_about_half_of_the_floats_change_and_neighbours_and_signs_are_among_them(dtype):
    ones = as_words(np.ones(1000), dtype)
    changed = vary_floats(ones, dtype, Draws(0), wild=False)
    assert 400 < np.count_nonzero(changed != ones) < 750
    values = as_values(changed, dtype).astype(np.float64)
    step = float(ml_dtypes.finfo(dtype).eps)
    assert {1 + step, 1 - step / 2, -1.0, 2.0, 0.5, 8.0} <= set(values.tolist())


def test_infinities_keep_their_size():
    dtype = np.dtype(np.float32)
    changed = as_values(vary_floats(as_words([np.inf] * 500, dtype), dtype, Draws(3), wild=True), dtype)
    assert set(changed.tolist()) == {math.inf, -math.inf}


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@given(seed=st.integers(0, 2**20), data=st.data())
def test_integers_stay_between_the_ends(dtype, seed, data):
    ends = np.iinfo(dtype)
    low, high = sorted(data.draw(st.tuples(*[st.integers(ends.min, ends.max)] * 2)))
    words = as_words([low + (high - low) * i // 50 for i in range(51)], dtype)
    changed = as_values(vary_integers(words, dtype, Draws(seed), low, high), dtype)
    assert all(low <= v <= high for v in changed.tolist())


def test_flags_are_turned_now_and_then():
    flags = np.zeros(800, np.uint64)
    changed = vary_flags(flags, Draws(0))
    assert set(changed.tolist()) == {0, 1}
    assert 50 < changed.sum() < 150


def test_what_is_varied_is_the_same_with_every_release():
    dtype = np.dtype(np.float32)
    changed = vary_floats(as_words(np.arange(1, 4096), dtype), dtype, Draws(7), wild=True)
    integers = vary_integers(np.arange(4096, dtype=np.uint64), np.dtype(np.int32), Draws(7), -(2**31), 2**31 - 1)
    digest = hashlib.sha256(changed.astype("<u8").tobytes() + integers.astype("<u8").tobytes()).hexdigest()
    assert digest[:16] == "cc3fedaf6dc0a68a"


@pytest.mark.parametrize("name", OPERATIONS)
def test_variations_have_the_answers_of_the_reference(name):
    op = OPERATIONS[name]
    for case, args, expected, cuts in itertools.islice(varied(op, op.defaults, 5), 40):
        np.testing.assert_equal(op.answer(args, op.defaults), expected)
        assert case.removesuffix(", varied") in {c.name for c in op.cases}
        assert cuts is None or (cuts[0] == 0 and separable(op, args))


@pytest.mark.parametrize("name", OPERATIONS)
def test_variations_are_mostly_new_and_the_same_for_a_seed(name):
    op = OPERATIONS[name]
    first, second, other = (
        [words(call[1]) for call in itertools.islice(varied(op, op.defaults, seed), 60)] for seed in (1, 1, 2)
    )
    assert first == second
    assert first != other
    assert len(set(first)) > 30


def test_variations_of_quantize_meet_most_regions():
    settings = {**QUANTIZE.defaults, "bits": 8}
    met = set()
    for _, args, expected, _ in itertools.islice(varied(QUANTIZE, settings, 0), 100):
        met |= {r.name for r in QUANTIZE.regions if any(m.any() for m in r.mask(args, expected, settings))}
    assert {"tie", "near_tie", "saturates", "subnormal", "zero", "lowest", "highest", "past_2_31"} <= met


def test_an_operation_is_separable_where_the_other_inputs_are_numbers():
    x = np.ones(3, np.float32)
    assert separable(QUANTIZE, (x, 2))
    assert not separable(QUANTIZE, (x, np.array([2, 3])))
    assert not separable(OPERATIONS["sparsify"], (x, 2))


def test_numbers_vary_within_what_the_cases_hold():
    stock, draws = Stock(QUANTIZE, QUANTIZE.defaults), Draws(0)
    drawn = {stock.vary_number(3, 1, draws) for _ in range(500)}
    assert {1, 2, 3, 4, 5} <= drawn
    assert drawn <= set(range(stock.numbers[1][0], stock.numbers[1][-1] + 1))

import dataclasses
import hashlib
import itertools
import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify.toys import SCALE

from refcompress.verify.operation import Case
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import words
from refcompress.verify.variation import (
    LONGEST,
    TOGETHER,
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


def operation(*calls, answer=lambda args, s: args[0], **more):
    """An operation with one case, ``some``, of these calls."""
    return dataclasses.replace(SCALE, cases=(Case("some", lambda s: calls),), answer=answer, **more)


def variations(op, count):
    return list(itertools.islice(varied(op, op.defaults, 0), count))


def first_inputs(op, count):
    return [args[0] for _, args, _, _ in variations(op, count)]


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


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_only_wild_floats_leave_the_neighbourhood(dtype):
    ones = as_words(np.ones(1000), dtype)
    near, far = (
        np.abs(as_values(vary_floats(ones, dtype, Draws(0), wild=wild), dtype).astype(np.float64))
        for wild in (False, True)
    )
    assert (near.min(), near.max()) == (1 / 8, 8)
    assert far.min() < 1 / 8
    assert far.max() > 8


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_largest_floats_stay_finite(dtype):
    largest = as_words([float(ml_dtypes.finfo(dtype).max)] * 500, dtype)
    assert np.isfinite(as_values(vary_floats(largest, dtype, Draws(0), wild=True), dtype)).all()


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


def test_where_no_integer_is_negative_few_are_cut_to_zero():
    hundreds = np.full(8000, 100, np.uint64)
    changed = vary_integers(hundreds, np.dtype(np.uint8), Draws(0), 0, 255)
    assert np.count_nonzero(changed == 0) < 8000 / 12  # a negated one in 16, and hardly one of the others


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
        with np.errstate(invalid="ignore"):  # an infinity is no distance from a tie
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


def test_a_number_becomes_a_neighbour_or_that_of_another_call_and_never_passes_the_ends():
    stock = Stock(operation(*((p,) for p in (-10, 0, 10))), SCALE.defaults)
    drawn = {p: {stock.vary_number(p, 0, Draws(seed)) for seed in range(500)} for p in (-10, 0, 10)}
    assert drawn == {-10: {-10, -9, -8, 0, 10}, 0: {-10, -2, -1, 0, 1, 2, 10}, 10: {-10, 0, 8, 9, 10}}


def test_a_float_is_multiplied_by_a_power_of_two():
    stock = Stock(operation((1.5,)), SCALE.defaults)
    drawn = {stock.vary_number(1.5, 0, Draws(seed)) for seed in range(500)}
    assert drawn == {1.5 * 2**k for k in range(-3, 4)}


def test_a_switch_stays_as_it_is():
    stock = Stock(operation((True,), (False,)), SCALE.defaults)
    assert {stock.vary_number(True, 0, Draws(seed)) for seed in range(100)} == {True}


def test_calls_that_cannot_be_cut_are_varied_if_they_are_small():
    sizes = {n: (np.ones(n, np.float32),) for n in (0, 1, 64, 65)}
    whole, cut = (
        Stock(operation(*sizes.values(), elementwise=elementwise), SCALE.defaults).cases
        for elementwise in (False, True)
    )
    assert [args[0].size for args in whole[0][1]] == [1, 64]
    assert [args[0].size for args in cut[0][1]] == [1, 64, 65]


@pytest.mark.parametrize(("bound", "wild"), [(None, True), (lambda args, s: 0.5, False)])
def test_floats_go_anywhere_only_where_the_answer_is_determined(bound, wild):
    varied = np.abs(np.concatenate(first_inputs(operation((np.ones(50, np.float32),), bound=bound), 50)))
    assert (varied.max() > 8) == (varied.min() < 1 / 8) == wild


def test_elements_that_have_no_moves_are_exchanged_with_other_calls():
    ones, twos = (np.full(20, value, ml_dtypes.float8_e4m3fn) for value in (1, 2))
    met = [set(x.astype(float).tolist()) for x in first_inputs(operation((ones,), (twos,)), 20)]
    assert {1.0, 2.0} in met
    assert set.union(*met) == {1.0, 2.0}


def test_masks_are_varied():
    assert {True, False} in [set(x.tolist()) for x in first_inputs(operation((np.zeros(20, bool),)), 20)]


def test_elementwise_calls_are_cut_into_pieces_of_every_length():
    lengths = set()
    for name, (x,), _, cuts in variations(operation((np.ones(5, np.float32),), elementwise=True), 200):
        pieces = np.diff([*cuts, x.size])
        assert (name, cuts[0]) == ("some, varied", 0)
        assert pieces.min() > 0
        lengths |= set(pieces.tolist())
    assert lengths == set(range(1, LONGEST + 1))


@pytest.mark.parametrize("elementwise", [False, True])
def test_a_call_is_given_as_it_is_where_all_its_variations_are_rejected(elementwise):
    own, asked = np.arange(60, dtype=np.float32), itertools.count()

    def answer(args, settings):
        assert next(asked) < 200, "there is no end to it"
        if not np.array_equal(args[0], own):
            raise ValueError("other than the only one")
        return own

    for name, (x,), expected, cuts in variations(operation((own,), answer=answer, elementwise=elementwise), 5):
        assert (name, cuts) == ("some", None)
        np.testing.assert_array_equal(x, own)
        np.testing.assert_array_equal(expected, own)


def test_after_a_call_that_is_rejected_come_others():
    asked = itertools.count()

    def answer(args, settings):
        if next(asked) == 0:
            raise ValueError("the first one")
        return args[0]

    assert {name for name, *_ in variations(operation((np.ones(9),), answer=answer), 20)} == {"some, varied"}


def test_elements_without_an_answer_are_left_out_whatever_overflows():
    def accepts(args, settings):
        return (args[0] * np.float32(1e38)) ** 3 > 0

    def answer(args, settings):
        if (args[0] <= 0).any():
            raise ValueError("not positive")
        return args[0]

    op = operation((np.array([1, -1, 0], np.float32),), answer=answer, accepts=accepts, elementwise=True)
    for name, (x,), _, _ in variations(op, 10):
        assert name == "some, varied"
        assert x.size > 200


def test_a_call_is_given_as_it_is_where_no_element_has_an_answer():
    x = np.ones(3, np.float32)
    op = operation((x,), accepts=lambda args, s: np.zeros(args[0].shape, bool), elementwise=True)
    assert [(name, args[0].size) for name, args, _, _ in variations(op, 3)] == [("some", 3)] * 3


def test_arrays_in_lists_are_varied_and_what_is_empty_stays():
    layers = [np.ones(6, np.float32), np.ones((2, 3), np.float32)]
    op = operation((layers, (), np.empty((0, 2)), tuple(layers), []))
    changed = 0
    for _, args, _, _ in variations(op, 40):
        assert [type(a) for a in args] == [list, tuple, np.ndarray, tuple, list]
        assert (args[1], args[2].shape, args[4]) == ((), (0, 2), [])
        for own in (args[0], args[3]):
            assert [a.shape for a in own] == [(6,), (2, 3)]
            changed += any((a != 1).any() for a in own)
    assert changed > 70


def test_rows_are_cut_off_or_rearranged_in_all_arrays_that_have_as_many():
    """Most elements that have no moves stay: a row in all calls that are made together tells which one it was."""
    rows = np.repeat(np.arange(4), 7).reshape(4, 7).astype(ml_dtypes.float8_e4m3fn)
    other = np.ones((3, 2), ml_dtypes.float8_e4m3fn)
    orders = []
    calls = [args for _, args, _, _ in variations(operation((rows, rows, other)), 300 * TOGETHER)]
    for i in range(0, len(calls), TOGETHER):
        x, y, z = (np.concatenate(column, axis=1) for column in zip(*calls[i : i + TOGETHER], strict=True))
        assert len(z) == 3
        of_x, of_y = (tuple(np.median(a.astype(float), axis=1).tolist()) for a in (x, y))
        assert of_x == of_y
        orders.append(of_x)
    whole = (0, 1, 2, 3)
    assert {(1, 2, 3), (1, 2), (0, 1), (2, 3), (3,)} <= set(orders)
    assert {o for o in orders if len(o) < 4} <= {whole[i:j] for i in range(4) for j in range(i + 1, 5)}
    assert any(sorted(o) == list(whole) != list(o) for o in orders)
    assert 0.4 < orders.count(whole) / len(orders) < 0.6


def test_variations_of_an_operation_are_the_same_with_every_release():
    x = np.arange(-20, 21).astype(np.float32) / 4
    i, mask = np.arange(-30, 30).astype(np.int16), np.arange(4) < 2

    def answer(args, settings):
        if isinstance(args[0], np.ndarray) and args[0][0] == 0:
            raise ValueError("begins with zero")
        return args[0]

    elementwise = operation((x, 3, 0.5), (2 * x, -7, 4.0), (i, 100, 1.5), answer=answer, elementwise=True)
    whole = operation(([x[:4], x[:6].reshape(2, 3)], mask, i[:4], 1), (i[:4], mask, i[9:], 9), answer=answer)
    digest = hashlib.sha256()
    for op in (elementwise, whole):
        for name, args, _, cuts in variations(op, 300):
            digest.update(f"{name}: {words(args)} {cuts}\n".encode())
    assert digest.hexdigest()[:16] == "599318e2a90959c8"

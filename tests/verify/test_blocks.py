import dataclasses

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress.verify.agreement import equal
from refcompress.verify.bit_patterns import complexity
from refcompress.verify.blocks import (
    Found,
    NoAnswer,
    Splits,
    Sweep,
    _among_simple,
    _runs,
    coarsened,
    differs,
    evaluate,
    joined,
    split,
)
from refcompress.verify.candidates import from_callable
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operations import OPERATIONS, find_operation
from refcompress.verify.wire import encode

DTYPES = ("int8", "uint8", "int32", "int64", "bool", "float16", "float32", "float64", "bfloat16")
NUMBERS = [0, 1, -0.0, 2.5, 3, 127, -1, 2**31 - 1, 2**53 + 1, 2**53, -(2**63), np.nan, np.inf, 1e-40]


def quantize_sweep(dtype="float16", p=4, **settings):
    return Sweep(
        "quantize", {**find_operation("quantize").defaults, "bits": 8, "dtype": dtype, **settings}, (p,), dtype
    )


def found(function, sweep):
    return evaluate(from_callable(function, ["x", "p"]), sweep, 0, sweep.patterns.count - 1)


def right(x, p):
    return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127)


PAIR = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS))


@settings(max_examples=300)
@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.lists(PAIR, min_size=1, max_size=6))
def test_the_fast_comparison_is_that_of_the_tester(left, right_dtype, values):
    with np.errstate(all="ignore"):
        a = np.array([v[0] for v in values], float).astype(float_dtype(left))
        b = np.array([v[0] if i % 2 else v[1] for i, v in enumerate(values)], float).astype(float_dtype(right_dtype))
        assert np.array_equal(differs(a, b), ~equal(a, b))


@given(hnp.arrays(np.int64, 5), hnp.arrays(np.float64, 5))
def test_the_fast_comparison_of_long_integers_with_floats_is_exact(a, b):
    with np.errstate(all="ignore"):
        b = np.where(np.arange(5) % 2, a.astype(float), b)
    assert np.array_equal(differs(a, b), ~equal(a, b))
    assert np.array_equal(differs(b, a), ~equal(b, a))


def test_what_the_operation_rejects_is_not_given_and_counted():
    sweep, given_numbers = quantize_sweep(overflow="wrap"), []

    def watching(x, p):
        given_numbers.append(x.copy())
        return np.zeros(x.shape, np.int8)

    result = found(watching, sweep)
    assert np.isfinite(np.concatenate(given_numbers)).all()
    assert (result.nan, result.infinite, result.outside) == (2046, 2, 0)
    assert result.accepted == 2**16 - 2048


ACCEPTED = [
    ("quantize", (4,), "float16", {"bits": 8}),
    ("quantize", (4,), "bfloat16", {"bits": 8, "overflow": "wrap"}),
    ("quantize", (49,), "float16", {"bits": None}),
    ("quantize", (-3,), "bfloat16", {"bits": None, "rounding": "away_from_zero"}),
    ("quantize", (3,), "bfloat16", {"bits": None, "rounding": "floor"}),
    ("dequantize", (4,), "int8", {}),
]


@pytest.mark.parametrize(("name", "fixed", "dtype", "chosen"), ACCEPTED)
def test_what_an_operation_accepts_is_what_its_reference_answers(name, fixed, dtype, chosen):
    operation = OPERATIONS[name]
    chosen = {**operation.defaults, **chosen} | ({"dtype": dtype} if name == "quantize" else {})
    sweep = Sweep(name, chosen, fixed, dtype)
    numbers = sweep.patterns.at(np.arange(sweep.patterns.count))
    accepts = operation.accepts or (lambda args, settings: np.ones(args[0].shape, bool))
    kept = accepts((numbers, *fixed), chosen)
    assert operation.answer((numbers[kept], *fixed), chosen).size == kept.sum()
    rejected = numbers[~kept]
    for number in rejected[:: max(1, rejected.size // 100)]:
        with pytest.raises(ValueError, match="x"), np.errstate(invalid="ignore"):  # a signalling nan
            operation.answer((np.array([number]), *fixed), chosen)


def test_the_intervals_are_exactly_the_inputs_that_differ():
    sweep = quantize_sweep()
    result = found(lambda x, p: right(x, p) + ((x >= 1) & (x <= 2)) + (x == -3), sweep)
    places = sweep.patterns.places(np.array([-3, 1, 2], np.float16)).tolist()
    assert result.intervals == ((places[0],) * 2 + (1,), (places[1], places[2], 1025))
    assert result.differing == 1026
    assert result.example[0] == places[1]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_many_intervals_hold_what_differs_and_nothing_else(dtype):
    sweep = quantize_sweep(dtype)
    numbers = sweep.patterns.at(np.arange(sweep.patterns.count))
    with np.errstate(invalid="ignore"):
        odd = (numbers.view(np.uint16) % 2 == 1) & ~np.isnan(numbers)
    result = found(lambda x, p: right(x, p) + (x.view(np.uint16) % 2), sweep)
    held = np.concatenate([np.arange(a, b + 1) for a, b, _ in result.intervals])
    assert np.array_equal(held, np.flatnonzero(odd))


def test_an_input_that_makes_it_raise_is_found():
    sweep = quantize_sweep()

    def fails(x, p):
        if (x == 2.5).any():
            raise RuntimeError("not this one")
        return right(x, p)

    result = found(fails, sweep)
    place = int(sweep.patterns.places(np.array([2.5], np.float16))[0])
    assert result.silent == ((place, place, "raises RuntimeError: not this one"),)
    assert result.differing == 0


def test_one_that_always_raises_costs_few_calls_and_leaves_nothing_answered():
    calls = []

    def fails(x, p):
        calls.append(x.size)
        raise KeyboardInterrupt

    first, last = quantize_sweep("float32").places(700)
    result = evaluate(from_callable(fails, ["x", "p"]), quantize_sweep("float32"), first, last)
    assert result.silent == ((first, last, "raises KeyboardInterrupt"),)
    assert len(calls) < 200


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda x, p: None, "returns None: it must be an array"),
        (lambda x, p: right(x, p)[:-1], "returns shape (0,): it must be (1,)"),
        (lambda x, p: "text", "returns a str: it must be an array"),
    ],
)
def test_what_cannot_be_compared_is_no_answer(answer, why):
    result = evaluate(from_callable(answer, ["x", "p"]), quantize_sweep(), 40000, 40000)
    assert [s[:2] for s in result.silent] == [(40000, 40000)]
    assert result.silent[0][2] == why


def test_a_list_of_numbers_is_read_as_an_array():
    assert found(lambda x, p: right(x, p).tolist(), quantize_sweep()).differing == 0


def test_another_dtype_is_wrong_only_where_it_is_asked_for():
    assert found(right, quantize_sweep()).silent == ()
    silent = evaluate(from_callable(right, ["x", "p"]), quantize_sweep(check_dtype=True), 40000, 40001).silent
    assert silent == ((40000, 40001, "returns dtype float64: it must be int8"),)


def test_one_that_writes_to_its_input_is_given_copies_and_counted():
    def in_place(x, p):
        np.clip(x, -8, 8, out=x)
        return right(x, p)

    result = found(in_place, quantize_sweep())
    assert result.changed == 2
    assert (result.differing, result.silent) == (0, ())


def test_pieces_that_touch_become_one_interval():
    pieces = [Found(2, intervals=((0, 1, 2),)), Found(2, intervals=((2, 3, 2),)), Found(9, intervals=((5, 6, 1),))]
    result = joined(pieces, quantize_sweep())
    assert result.intervals == ((0, 3, 4), (5, 6, 1))
    assert result.accepted == 13


def test_too_many_intervals_become_one_that_says_how_many_differ():
    many = Found(intervals=((3, 3, 1), (5, 6, 2), (9, 9, 1)))
    assert coarsened(many, 3) is many
    assert coarsened(many, 2).intervals == ((3, 9, 4),)


@given(st.sets(st.integers(0, 63), max_size=3))
def test_splitting_finds_exactly_the_bad_places(bad):
    def attempt(first, last):
        if bad & set(range(first, last + 1)):
            raise NoAnswer("bad")
        return Found(last - first + 1)

    pieces = list(split(attempt, 0, 63, Splits(64)))
    assert {s[0] for p in pieces for s in p.silent} == bad
    assert sum(p.accepted for p in pieces) == 64 - len(bad)


def test_without_splits_left_a_range_stays_whole():
    def attempt(first, last):
        raise NoAnswer("bad")

    pieces = list(split(attempt, 0, 63, Splits(0)))
    assert pieces == [dataclasses.replace(Found(), silent=((0, 63, "bad"),))]


@pytest.mark.parametrize("dtype", ["int8", "float16", "float32"])
def test_the_blocks_hold_every_place_once(dtype):
    sweep, place = quantize_sweep(dtype), 0
    for first, last in map(sweep.places, sweep.blocks()):
        assert first == place <= last
        place = last + 1
    assert place == sweep.patterns.count


def test_before_anything_is_tried_nothing_is_counted():
    nothing = Found()
    assert (nothing.accepted, nothing.nan, nothing.infinite, nothing.outside, nothing.changed) == (0, 0, 0, 0, 0)
    assert nothing.lost is False


def test_what_lies_where_there_was_no_answer_is_counted():
    assert Found(silent=((3, 5, "bad"), (9, 9, "worse"))).unanswered == 4


def test_every_cut_costs_one_split():
    attempts = []

    def attempt(first, last):
        attempts.append((first, last))
        raise NoAnswer("bad")

    list(split(attempt, 0, 63, Splits(3)))
    assert len(attempts) == 7


def test_a_process_that_a_piece_cost_is_remembered():
    sweep = quantize_sweep()
    assert joined([Found(), Found(lost=True), Found()], sweep).lost is True
    assert joined([Found(), Found()], sweep).lost is False


def test_one_interval_for_all_reaches_from_the_first_place_to_the_last():
    many = Found(intervals=((3, 4, 2), (9, 9, 1), (11, 12, 2)))
    assert coarsened(many, 2).intervals == ((3, 12, 5),)


def test_runs_of_places_are_intervals_unless_they_are_too_many():
    places = np.array([1, 2, 5, 8, 9])
    assert _runs(places, 3) == ((1, 2, 2), (5, 5, 1), (8, 9, 2))
    assert _runs(places, 2) == ((1, 9, 5),)


def test_of_a_long_sweep_a_call_with_many_intervals_gives_one_that_holds_them_all():
    sweep = quantize_sweep("float32")
    first, _ = sweep.places(700)

    def odd(x, p):
        return right(x, p) + x.view(np.uint32) % 2

    def two(x, p):
        return right(x, p) + (x.view(np.uint32) % 2**17 == 1)

    for function, intervals in (odd, 1), (two, 2):
        result = evaluate(from_callable(function, ["x", "p"]), sweep, first, first + 2**18 - 1)
        assert len(result.intervals) == intervals
    assert evaluate(from_callable(odd, ["x", "p"]), sweep, first, first + 2**18 - 1).differing == 2**17


def places_of(sweep, *values):
    return sweep.patterns.places(np.array(values, np.float16)).tolist()


def within(function, sweep, *ends):
    return evaluate(from_callable(function, ["x", "p"]), sweep, *places_of(sweep, *ends))


@pytest.mark.parametrize("wrong", [1.5, 2.0])
def test_the_example_is_the_place_with_what_was_expected_and_returned(wrong):
    sweep = quantize_sweep()
    result = within(lambda x, p: right(x, p) + (x == wrong), sweep, 1, 2)
    (place,) = places_of(sweep, wrong)
    expected = np.array([16 * wrong], np.int8)
    assert result.intervals == ((place, place, 1),)
    assert result.example == (place, encode(expected), encode(expected + 1.0))


def test_an_operation_that_accepts_everything_but_raises_is_heard():
    def fails(args, settings):
        raise ValueError("not this one")

    sweep = dataclasses.replace(
        quantize_sweep(), operation=dataclasses.replace(OPERATIONS["quantize"], answer=fails, accepts=None)
    )
    with pytest.raises(ValueError, match="not this one"):
        within(right, sweep, 1, 2)


def test_only_what_has_an_answer_is_given_even_if_it_is_one_number_or_none():
    sweep, sizes = quantize_sweep(overflow="wrap"), []

    def zeros(x, p):
        sizes.append(x.size)
        return np.zeros(x.shape, np.int8)

    (infinity,) = places_of(sweep, np.inf)
    candidate = from_callable(zeros, ["x", "p"])
    result = evaluate(candidate, sweep, infinity, infinity + 1)
    assert (result.accepted, result.infinite, result.nan, sizes) == (0, 1, 1, [])
    result = evaluate(candidate, sweep, infinity - 1, infinity)
    assert (result.accepted, result.infinite, sizes) == (1, 1, [1])


def test_what_has_no_answer_though_it_is_a_number_is_counted():
    result = found(lambda x, p: np.zeros(x.shape), quantize_sweep(p=60, bits=None))
    assert result.outside > 0
    assert result.accepted + result.nan + result.infinite + result.outside == 2**16


def test_an_error_within_the_bound_of_an_operation_is_none():
    sweep = quantize_sweep()

    def bound(args, settings):
        assert settings is sweep.settings
        return np.where(args[0] < 1.5, 1.0, 0.0)

    bounded = dataclasses.replace(sweep, operation=dataclasses.replace(OPERATIONS["quantize"], bound=bound))
    result = within(lambda x, p: right(x, p) + 1, bounded, 1, 2)
    start, end = places_of(sweep, 1.5, 2)
    assert (result.intervals, result.silent) == (((start, end, end - start + 1),), ())


def test_one_that_only_reads_is_called_once_with_an_array_it_cannot_write_to():
    writeable = []

    def reads(x, p):
        writeable.append(x.flags.writeable)
        return right(x, p)

    result = within(reads, quantize_sweep(), 1, 2)
    assert (writeable, result.changed) == ([False], 0)


def test_one_that_writes_what_was_there_changes_nothing():
    def rewrites(x, p):
        x[:] = x.copy()
        return right(x, p)

    result = within(rewrites, quantize_sweep(), 1, 2)
    assert (result.changed, result.silent) == (0, ())


def test_any_dtype_will_do_where_the_settings_do_not_say():
    sweep = quantize_sweep()
    silent = {name: value for name, value in sweep.settings.items() if name != "check_dtype"}
    assert within(right, dataclasses.replace(sweep, settings=silent), 1, 2).silent == ()


def test_complex_numbers_are_no_answer():
    result = within(lambda x, p: right(x, p).astype(complex), quantize_sweep(), 1, 1)
    assert result.silent[0][2] == "returns dtype complex128: it must hold real numbers"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_long_integer_beside_what_a_float_rounds_it_to_differs(dtype):
    power = 2 ** (15 if dtype == "float16" else 53)
    integers, floats = np.array([power, power + 1]), np.array([power, power], dtype)
    with np.errstate(over="ignore"):  # float16 ends below
        assert differs(integers, floats).tolist() == [False, True]
        assert differs(floats, integers).tolist() == [False, True]


def test_an_integer_beside_what_a_float_of_8_bits_rounds_it_to_differs():
    integers, floats = np.array([127, 128], np.uint8), np.array([128, 128]).astype(ml_dtypes.float8_e5m2)
    assert differs(integers, floats).tolist() == [True, False]
    assert differs(floats, integers).tolist() == [True, False]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_nan_is_the_same_answer_in_the_fast_comparison(dtype):
    nan = np.array([np.nan, 1], dtype)
    assert differs(nan, -nan).tolist() == [False, True]


def test_a_long_double_is_compared_as_the_number_it_is():
    numbers = np.array([1.5, -0.0, np.nan], np.longdouble)
    assert not differs(numbers, numbers).any()
    assert differs(numbers, numbers + 1).tolist() == [True, True, False]


def test_a_call_is_given_a_megabyte_of_float32():
    sweep, sizes = quantize_sweep("float32"), []
    first, _ = sweep.places(700)

    def sized(x, p):
        sizes.append(x.nbytes)
        return right(x, p)

    evaluate(from_callable(sized, ["x", "p"]), sweep, first, first + 2**19 - 1)
    assert sizes == [2**20, 2**20]


def test_at_most_64_cuts_narrow_down_what_has_no_answer():
    def fails(x, p):
        raise RuntimeError(str(x.view(np.uint16)[0]))

    result = evaluate(from_callable(fails, ["x", "p"]), quantize_sweep(), 40000, 49999)
    assert len(result.silent) == 65
    assert result.unanswered == 10000


def differing_at_every(step, calls):
    """What differs of so many calls of a long sweep at one place out of ``step``."""
    sweep = quantize_sweep("float32")
    first, _ = sweep.places(700)
    candidate = from_callable(lambda x, p: right(x, p) + (x.view(np.uint32) % step == 1), ["x", "p"])
    return evaluate(candidate, sweep, first, first + calls * 2**18 - 1)


def test_a_call_gives_at_most_4096_intervals():
    assert len(differing_at_every(64, 1).intervals) == 4096
    more = differing_at_every(63, 1)
    assert len(more.intervals) == 1
    assert more.differing > 4096


def test_a_block_gives_at_most_32768_intervals():
    assert len(differing_at_every(64, 8).intervals) == 32768
    more = differing_at_every(64, 9)
    assert len(more.intervals) == 1
    assert more.differing == 9 * 4096


FLOATS = st.floats(width=32)


@given(st.lists(FLOATS, min_size=1, max_size=20), st.integers(0, 254), st.booleans())
def test_of_many_numbers_the_simplest_is_found(values, exponent, negative):
    many = np.arange(1, 2**13, 2, dtype=np.uint32) | np.uint32((negative << 31) | (exponent << 23))
    x = np.concatenate([many.view(np.float32), np.array(values, np.float32)])
    assert x.size > 2**12
    with np.errstate(all="ignore"):
        assert _among_simple(x) == np.argmin(complexity(x))


@pytest.mark.parametrize("ending", [1 << 12, 1 << 15, 1 << 16, 1 << 22])
def test_of_many_numbers_the_one_of_fewest_digits_is_found(ending):
    words = np.arange(1, 2**13, 2, dtype=np.uint32)
    words[-1] = ending
    for first in 1.0, -1.0, 2.0**100:
        assert _among_simple((words | np.float32(first).view(np.uint32)).view(np.float32)) == words.size - 1


def test_of_many_subnormals_that_differ_the_one_of_fewest_digits_is_the_example():
    sweep = quantize_sweep("float32")
    (zero,) = sweep.patterns.places(np.zeros(1, np.float32)).tolist()

    def wrong(x, p):
        words = x.view(np.uint32)
        return right(x, p) + ((words == 1) | (words == 0x11000) | (words > 2**17) & (words % 2**12 != 0))

    result = evaluate(from_callable(wrong, ["x", "p"]), sweep, zero, zero + 2**18 - 1)
    assert result.example[0] == zero + 1

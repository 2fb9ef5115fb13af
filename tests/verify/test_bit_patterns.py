import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refcompress.verify.bit_patterns import FLOAT_WORDS, INTEGER_WORDS, Patterns, complexity, spans

SMALL = [word for word in (*FLOAT_WORDS, *INTEGER_WORDS) if Patterns(word).width <= 16]


def halves(patterns):
    middle = patterns.count // 2
    return [patterns.numbers(0, middle - 1), patterns.numbers(middle, patterns.count - 1)]


@pytest.mark.parametrize("word", SMALL)
def test_every_bit_pattern_comes_once(word):
    patterns = Patterns(word)
    words = np.concatenate(halves(patterns)).view(f"u{patterns.dtype.itemsize}")
    assert np.array_equal(np.sort(words), np.arange(patterns.count))


@pytest.mark.parametrize("word", SMALL)
def test_the_numbers_rise_between_the_nans(word):
    with np.errstate(invalid="ignore"):
        numbers = np.concatenate(halves(Patterns(word))).astype(np.float64)
    ordered = np.flatnonzero(~np.isnan(numbers))
    assert ordered.size == ordered[-1] - ordered[0] + 1
    assert (numbers[ordered][:-1] <= numbers[ordered][1:]).all()


@given(st.sampled_from([*FLOAT_WORDS, *INTEGER_WORDS]), st.data())
def test_a_place_is_that_of_its_number(word, data):
    patterns = Patterns(word)
    places = data.draw(st.lists(st.integers(0, patterns.count - 1), min_size=1, max_size=5))
    assert patterns.places(patterns.at(places)).tolist() == places


@pytest.mark.parametrize("word", SMALL)
def test_the_places_of_all_numbers_in_order_are_0_1_2(word):
    patterns = Patterns(word)
    assert np.array_equal(patterns.places(np.concatenate(halves(patterns))), np.arange(patterns.count))


@pytest.mark.parametrize("word", [*FLOAT_WORDS, *INTEGER_WORDS])
def test_at_no_places_there_are_no_numbers(word):
    none = Patterns(word).at([])
    assert (none.dtype, none.size) == (Patterns(word).dtype, 0)


def test_the_patterns_of_a_dtype_are_one_key():
    assert {Patterns("int8"), Patterns("int8"), Patterns("uint8")} == {Patterns("uint8"), Patterns("int8")}


@given(st.sampled_from([*FLOAT_WORDS, *INTEGER_WORDS]), st.data())
def test_a_range_of_numbers_is_that_of_its_places(word, data):
    patterns = Patterns(word)
    middle = patterns.count // 2
    first = data.draw(st.integers(0, middle - 1)) + data.draw(st.sampled_from([0, middle]))
    last = min(first + data.draw(st.integers(0, 9)), middle - 1 if first < middle else patterns.count - 1)
    bits = f"u{patterns.dtype.itemsize}"
    expected = patterns.at(np.arange(first, last + 1)).view(bits)
    assert np.array_equal(patterns.numbers(first, last).view(bits), expected)


@pytest.mark.parametrize(
    ("word", "number", "text"),
    [
        ("float32", 0.1, "0.1"),
        ("float32", -0.0, "-0"),
        ("float32", 2.0**100, "1.2676506e+30"),
        ("float16", 0.53125, "0.53125"),
        ("bfloat16", np.inf, "inf"),
        ("int8", -128, "-128"),
    ],
)
def test_a_number_is_written_so_that_it_can_be_read_back(word, number, text):
    patterns = Patterns(word)
    held = np.array([number]).astype(patterns.dtype)
    written = patterns.text(int(patterns.places(held)[0]))
    assert written == text
    assert np.array(float(written)).astype(patterns.dtype) == held[0]


def test_a_nan_is_written_with_its_bits():
    assert Patterns("float16").text(65535) == "nan (0x7fff)"


def test_a_signalling_nan_makes_no_complaint():
    signalling = np.array([0x7F800001], np.uint32).view(np.float32)
    patterns = Patterns("float32")
    with np.errstate(all="raise"):
        assert patterns.text(int(patterns.places(signalling)[0])) == "nan (0x7f800001)"
        assert complexity(signalling)[0] > complexity(np.array([np.inf], np.float32))[0]


@pytest.mark.parametrize(("word", "bits"), [("int8", "00"), ("float16", "0000"), ("float32", "00000000")])
def test_a_word_is_written_with_all_its_digits(word, bits):
    patterns = Patterns(word)
    assert patterns.bits(patterns.count // 2) == bits


@given(st.integers(0, 100), st.integers(0, 100), st.sampled_from([1, 2, 8, 64]))
def test_spans_cover_a_range_without_crossing_a_multiple(first, size, step):
    parts = list(spans(first, first + size, step))
    assert [p for a, b in parts for p in range(a, b + 1)] == list(range(first, first + size + 1))
    assert all(a // step == b // step for a, b in parts)


@given(st.integers(-1000, 1000), st.integers(1, 10))
def test_a_number_of_fewer_digits_is_simpler(numerator, shift):
    odd = 2 * numerator + 1
    shorter, longer = np.array([odd]) / 2**shift, np.array([4096 * odd + 1]) / 2**shift
    assert complexity(shorter)[0] < complexity(longer)[0]


def hardness(number):
    """Binary digits, powers of two away from 1, and the sign; what is not finite comes after."""
    negative = math.copysign(1, number) < 0
    if not math.isfinite(number):
        return math.inf, math.isnan(number), negative
    numerator, _ = abs(number).as_integer_ratio()
    digits = len(f"{numerator:b}".strip("0"))
    return digits, abs(math.frexp(number)[1] - 1), negative


@given(st.lists(st.floats()))
@example([-np.nan, np.nan, -np.inf, np.inf, 0.1, -2.5, 2.5, 1024, -0.5, 0.5, 2, -1, 1, -0.0, 0.0])
def test_few_digits_come_first_then_what_is_close_to_1_then_the_positive(numbers):
    order = np.argsort(complexity(np.array(numbers, np.float64)), kind="stable")
    assert order.tolist() == sorted(range(len(numbers)), key=lambda i: hardness(numbers[i]))


@given(st.lists(st.integers(-100, 100)), st.sampled_from(["int8", "int32", "int64"]))
@example([-4, 4, -3, 3, 0], "int16")
def test_integers_rise_in_magnitude_the_positive_first(numbers, word):
    order = np.argsort(complexity(np.array(numbers, word)), kind="stable")
    assert order.tolist() == sorted(range(len(numbers)), key=lambda i: (abs(numbers[i]), numbers[i] < 0))


@pytest.mark.parametrize(
    ("word", "end"), [("int8", -(2**7)), ("int64", -(2**63)), ("int64", 2**63 - 1), ("uint64", 2**64 - 1)]
)
def test_the_ends_of_an_integer_dtype_are_harder_than_2(word, end):
    easy, hard = complexity(np.array([2, end], word))
    assert easy < hard


def test_one_step_weighs_2():  # as much as a step of another input, where such are added
    assert np.diff(complexity(np.array([1.0, 2.0, 4.0]))).tolist() == [2, 2]
    assert np.diff(complexity(np.array([0, 1, 2]))).tolist() == [2, 2]

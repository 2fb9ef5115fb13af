import numpy as np
import pytest
from hypothesis import given
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

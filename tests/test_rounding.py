from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import rounded

from refcompress.rounding import (
    OVERFLOW,
    ROUNDING,
    ROUNDING_WORDS,
    UFUNC,
    code_dtype,
    code_range,
    goes_up,
    keep_from_zero,
    narrow,
    round_shifted,
    round_to_integer,
    round_to_odd,
)

WORDS = sorted(ROUNDING)
DOUBLES = st.floats(-1e6, 1e6) | st.integers(-(2**54), 2**54).map(lambda n: n / 2) | st.floats(allow_nan=False)
NEIGHBOURS = np.array([np.nextafter(h, d) for h in np.arange(-5.5, 6) for d in (-np.inf, np.inf)])


@pytest.mark.parametrize("word", WORDS)
@given(value=DOUBLES.filter(np.isfinite))
def test_floats_round_as_the_rational_does(word, value):
    assert int(round_to_integer(np.array([value]), word)[0]) == rounded(Fraction(value), word)


@pytest.mark.parametrize("word", WORDS)
def test_halves_and_their_neighbours_round_as_the_rational_does(word):
    values = np.concatenate([np.arange(-6, 6.5, 0.5), NEIGHBOURS, [0.49999999999999994, -0.49999999999999994]])
    expected = [rounded(Fraction(v), word) for v in values.tolist()]
    assert round_to_integer(values, word).tolist() == expected


@pytest.mark.parametrize("word", sorted(UFUNC))
@given(values=st.lists(DOUBLES, max_size=20))
def test_the_one_pass_ufunc_equals_its_row_of_the_table(word, values):
    v = np.array(values)
    magnitude = np.abs(v)
    whole = np.floor(magnitude)
    with np.errstate(invalid="ignore"):
        up = ROUNDING[word](magnitude - whole, np.fmod(whole, 2) == 1, np.signbit(v))
    np.testing.assert_array_equal(np.copysign(whole + up, v), UFUNC[word](v))


@pytest.mark.parametrize("word", WORDS)
def test_infinities_stay(word):
    assert round_to_integer(np.array([np.inf, -np.inf]), word).tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize("word", WORDS)
@given(magnitude=st.integers(0, 2**64 - 1) | st.integers(0, 40), negative=st.booleans(), shift=st.integers(0, 130))
def test_shifted_integers_round_as_the_rational_does(word, magnitude, negative, shift):
    v = Fraction(-magnitude if negative else magnitude, 2**shift)
    result = round_shifted(np.array([magnitude], np.uint64), np.array([negative]), shift, word)
    assert int(result[0]) == abs(rounded(v, word))


@pytest.mark.parametrize("shift", [64, 65, 66, 127, 128, 129, 1000])
@pytest.mark.parametrize("word", WORDS)
def test_what_is_shifted_out_whole_is_a_fraction_that_is_not_zero(word, shift):
    numbers = [0, 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]
    for negative in (False, True):
        result = round_shifted(np.array(numbers, np.uint64), np.full(len(numbers), negative), shift, word)
        expected = [abs(rounded(Fraction(-n if negative else n, 2**shift), word)) for n in numbers]
        assert result.tolist() == expected


@pytest.mark.parametrize("shift", [1, 2, 11, 12, 53, 54, 62, 63, 64])
@pytest.mark.parametrize("word", WORDS)
def test_exact_halves_and_one_beside_them_are_told_apart_at_every_shift(word, shift):
    half = 2 ** (shift - 1)
    numbers = [n for odd in (0, 1, 2) for n in (odd * 2 * half + half + d for d in (-1, 0, 1)) if n < 2**64]
    for negative in (False, True):
        result = round_shifted(np.array(numbers, np.uint64), np.full(len(numbers), negative), shift, word)
        expected = [abs(rounded(Fraction(-n if negative else n, 2**shift), word)) for n in numbers]
        assert result.tolist() == expected


def test_each_element_can_have_its_own_shift():
    result = round_shifted(np.full(3, 10, np.uint64), np.zeros(3, bool), np.array([0, 1, 3]), "half_even")
    assert result.tolist() == [10, 5, 1]


def test_stochastic_goes_up_as_often_as_the_fraction_says():
    generator = np.random.default_rng(1)
    n = 100_000
    ups = round_to_integer(np.full(n, 2.25), "stochastic", generator) == 3
    # a binomial(n, 1/4) leaves its mean by six standard deviations about once in 10^9
    assert abs(ups.sum() - n / 4) < 6 * (n * 0.25 * 0.75) ** 0.5


def test_stochastic_takes_negative_numbers_away_from_zero_as_often():
    generator = np.random.default_rng(1)
    n = 100_000
    values = round_to_integer(np.full(n, -2.75), "stochastic", generator)
    assert set(values.tolist()) == {-2.0, -3.0}
    assert abs((values == -3).sum() - n * 0.75) < 6 * (n * 0.25 * 0.75) ** 0.5


def test_stochastic_never_moves_an_integer():
    values = np.arange(-1000.0, 1000.0)
    assert np.array_equal(round_to_integer(values, "stochastic", np.random.default_rng(0)), values)


def test_stochastic_never_moves_an_integer_even_where_zero_is_drawn():
    class Zeros:
        def random(self, shape):
            return np.zeros(shape)

    assert round_to_integer(np.array([3.0, -3.0, 3.25, -3.25]), "stochastic", Zeros()).tolist() == [3, -3, 4, -4]


def test_shifted_integers_go_up_where_the_generator_draws_less_than_the_fraction():
    drawn = np.random.default_rng(5).random(1000)
    result = round_shifted(np.full(1000, 7, np.uint64), np.zeros(1000, bool), 2, "stochastic", np.random.default_rng(5))
    assert result.tolist() == np.where(drawn < 0.75, 2, 1).tolist()


def test_every_word_but_stochastic_is_a_row_of_the_table():
    assert set(ROUNDING_WORDS) - set(ROUNDING) == {"stochastic"}


@given(fraction=st.floats(0, 1, exclude_max=True), odd=st.booleans(), negative=st.booleans())
def test_each_pair_of_rules_differs_somewhere_and_never_on_an_integer(fraction, odd, negative):
    for word in WORDS:
        assert not goes_up(word, np.array([0.0]), np.array([odd]), np.array([negative]))[0]
    decisions = {
        word: [
            bool(goes_up(word, np.array([f]), np.array([o]), np.array([s]))[0])
            for f in (0.25, 0.5, 0.75)
            for o in (False, True)
            for s in (False, True)
        ]
        for word in WORDS
    }
    assert len({tuple(d) for d in decisions.values()}) == len(WORDS)


@given(q=st.integers(-(2**60), 2**60), bits=st.integers(2, 32), signed=st.booleans(), narrow=st.booleans())
def test_wrapped_integers_lie_in_range_and_differ_by_a_multiple_of_the_number_of_codes(q, bits, signed, narrow):
    low, high = code_range(bits, signed=signed, narrow_range=narrow)
    wrapped = int(OVERFLOW["wrap"](np.array([q]), low, high)[0])
    assert low <= wrapped <= high
    assert (wrapped - q) % (high - low + 1) == 0


@given(q=st.integers(-(2**60), 2**60), bits=st.integers(2, 32), signed=st.booleans())
def test_saturated_integers_are_the_nearest_in_range(q, bits, signed):
    low, high = code_range(bits, signed=signed)
    assert int(OVERFLOW["saturate"](np.array([q]), low, high)[0]) == min(max(q, low), high)


def test_wrapping_a_full_range_is_two_s_complement():
    q = np.arange(-1000, 1000)
    assert np.array_equal(OVERFLOW["wrap"](q, -128, 127), q.astype(np.int8))


@pytest.mark.parametrize(
    ("bits", "signed", "dtype"),
    [(2, True, "int8"), (8, False, "uint8"), (9, True, "int16"), (17, False, "uint32"), (None, True, "int64")],
)
def test_the_dtype_is_the_smallest_that_holds_the_codes(bits, signed, dtype):
    assert code_dtype(bits, signed=signed) == np.dtype(dtype)


def test_rounding_to_odd_keeps_what_float32_holds():
    values = np.array([0.0, -0.0, 1.0, -2.0, 2.0**-149, np.inf, -np.inf, np.nan])
    assert np.array_equal(round_to_odd(values), values.astype(np.float32), equal_nan=True)


@given(value=st.floats(-(2.0**127), 2.0**127))
def test_rounding_to_odd_takes_the_odd_one_of_the_two_neighbours(value):
    nearest = np.float32(value)
    other = np.nextafter(nearest, np.float32(np.inf if float(nearest) < value else -np.inf))
    odd = nearest if float(nearest) == value or nearest.view(np.uint32) % 2 == 1 else other
    assert round_to_odd(np.array([value])).tolist() == [float(odd)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numpys_own_floats_are_reached_in_one_rounding(dtype):
    values = np.array([0.1, 1 + 2.0**-24, 1 + 2.0**-11, 1 + 2.0**-11 + 2.0**-40, -1 / 3])
    assert narrow(values, np.dtype(dtype)).tolist() == [float(dtype(v)) for v in values.tolist()]


def test_float64_stays_the_same_memory():
    values = np.array([0.1, 0.2])
    assert np.shares_memory(narrow(values, np.dtype(np.float64)), values)


@pytest.mark.parametrize(
    "dtype", [ml_dtypes.bfloat16, *(getattr(ml_dtypes, f"float8_{n}") for n in ("e5m2", "e4m3fn"))]
)
def test_a_value_just_above_a_tie_is_rounded_up_in_every_small_float(dtype):
    half = float(ml_dtypes.finfo(dtype).eps) / 2
    assert float(narrow(np.array([1 + half + 2.0**-40]), np.dtype(dtype))[0]) == 1 + 2 * half


def test_a_range_is_full_unless_narrow_is_asked_for():
    assert code_range(8, signed=True) == (-128, 127)


@pytest.mark.parametrize("bits", [np.uint8(8), np.int8(8), np.array(8, np.uint8)])
def test_a_width_in_one_of_numpys_integers_is_the_same_width(bits):
    assert code_range(bits, signed=True, narrow_range=np.True_) == (-127, 127)
    assert code_range(bits, signed=False) == (0, 255)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_that_was_lost_keeps_its_sign_and_is_no_zero(dtype):
    x = np.array([1e-30, -1e-30, 0.0, -0.0, 3.0], dtype)
    product = np.array([0.0, -0.0, 0.0, -0.0, 3 * 2.0**-900])
    keep_from_zero(product, x)
    assert product.tolist() == [2.0**-1000, -(2.0**-1000), 0.0, 0.0, 3 * 2.0**-900]
    assert np.signbit(product).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_rule_tells_the_stand_in_from_what_is_smaller(word, sign):
    v = sign * np.ldexp(1.0, np.arange(-1074, -1000))
    kept = v.copy()
    keep_from_zero(kept, v)
    assert (np.abs(kept) == 2.0**-1000).all()
    assert round_to_integer(kept, word).tolist() == round_to_integer(v, word).tolist()

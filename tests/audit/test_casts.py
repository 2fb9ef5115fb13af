from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import rounded

from refcompress.audit.casts import FORMATS, casts, emptied, format_of, round_to_format, unchanged
from refcompress.audit.rules import Pair
from refcompress.audit.tensor_files import numpy_dtype
from refcompress.rounding import ROUNDING


@pytest.mark.parametrize("name", FORMATS)
def test_half_even_is_what_a_cast_gives(name):
    x = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    x = np.concatenate([x, x * 2.0**-9, x * 100, np.float32([0, -0.0, np.nan])]).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = x.astype(numpy_dtype(name)).astype(np.float64)
    mine = round_to_format(x, format_of(name), "half_even", "ieee")
    inside = np.abs(x) < format_of(name).largest
    assert np.array_equal(mine[inside], cast[inside])


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(ROUNDING)), st.sampled_from(FORMATS))
def test_the_last_place_is_rounded_as_a_fraction_is(x, rounding, name):
    target = format_of(name)
    quantum = target.lowest
    while abs(Fraction(x)) >= Fraction(2) ** (quantum + target.precision):
        quantum += 1
    exact = rounded(Fraction(x) / Fraction(2) ** quantum, rounding) * Fraction(2) ** quantum
    got = float(round_to_format(np.array([x]), target, rounding, "saturate")[0])
    assert Fraction(got) == max(min(exact, Fraction(target.largest)), -Fraction(target.largest))


@pytest.mark.parametrize(("name", "past"), [("float16", np.inf), ("float8_e5m2", np.inf), ("float8_e4m3fn", np.nan)])
def test_what_is_too_large_becomes_infinite_or_a_nan_or_saturates(name, past):
    x = np.array([1e6, -1e6])
    assert np.array_equal(
        round_to_format(x, format_of(name), "half_even", "ieee"), np.array([past, -past]), equal_nan=True
    )
    largest = format_of(name).largest
    assert round_to_format(x, format_of(name), "half_even", "saturate").tolist() == [largest, -largest]


def settings(candidates):
    return [(c.rule, dict(c.settings)) for c in candidates]


def test_one_dtype_on_both_sides_may_be_unchanged():
    x = np.float32([1, 2])
    assert next(unchanged(Pair("a", x, x))).rule == "unchanged, bit for bit"
    assert settings(unchanged(Pair("a", np.array([1, 2]), np.int8([1, 2])))) == [("cast", {"dtype": "int8"})]
    assert settings(unchanged(Pair("a", x, np.int8([1, 2])))) == []


def test_a_cast_to_a_wider_format_rounds_nothing():
    pair = Pair("a", np.float16([1, 2]), np.float32([1, 2]))
    (cast,) = (c for c in casts(pair) if c.rule == "cast")
    assert (cast.settings, cast.note) == ({"dtype": "float32"}, "no number is rounded")


def test_overflow_is_a_question_only_where_something_is_too_large():
    small, large = (Pair("a", np.float32([x]), np.float16([1])) for x in (1.0, 1e6))
    assert not any("overflow" in c.settings for c in casts(small) if c.rule == "cast")
    assert all("overflow" in c.settings for c in casts(large) if c.rule == "cast")


def test_narrower_formats_are_tried_there_and_back():
    pair = Pair("a", np.float32([1, 2]), np.float32([1, 2]))
    names = {c.settings["dtype"] for c in casts(pair)}
    assert {"bfloat16", "float16", "float8_e4m3fn"} <= names
    assert "float32" not in names
    assert {c.rule for c in casts(pair)} == {"cast and back"}
    bfloat = Pair("a", np.ones(2, ml_dtypes.bfloat16), np.float32([1, 2]))
    assert "bfloat16" not in {c.settings["dtype"] for c in casts(bfloat) if c.rule == "cast and back"}


def test_integers_are_not_cast_to_floats():
    assert list(casts(Pair("a", np.array([1, 2]), np.float32([1, 2])))) == []


def test_a_tensor_of_zeros_is_called_that():
    assert [c.rule for c in emptied(Pair("a", np.ones(2), np.zeros(2, np.int8)))] == ["every entry is 0"]
    assert list(emptied(Pair("a", np.ones(2), np.ones(2)))) == []

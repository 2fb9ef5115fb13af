from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import nearest_float, rounded

from refcompress import rounding
from refcompress.audit.affine_codes import Way, codes_of, kin_of, ways
from refcompress.audit.scales import Scale
from refcompress.quantization.affine import affine_quantize

LARGEST = Fraction(float(np.finfo(np.float32).max))
VALUES = st.floats(-100, 100, width=32)
STEPS = st.floats(2.0**-6, 4, width=32)


def scale(value, zero=0, dtype=np.float32):
    return Scale("s", (1,), (1,), np.array([value], dtype), np.array([zero]))


@given(VALUES, STEPS, st.integers(-128, 127), st.data())
def test_codes_are_those_of_affine_quantize_before_the_range(x, s, zero, data):
    way = data.draw(st.sampled_from([w for w in ways(scale(s, zero)) if w.zero_point_added != "unfused"]))
    expected = affine_quantize(
        np.float32([x]),
        np.float32(s),
        zero,
        bits=32,
        rounding=way.rounding,
        scaling=way.scaling,
        zero_point_added=way.zero_point_added,
    )
    got = codes_of(np.float32([x]), np.float32([s]), np.array([zero]), way)
    assert got.tolist() == expected.tolist()


@given(VALUES, STEPS, st.integers(1, 255), st.sampled_from(sorted(rounding.ROUNDING)))
def test_an_unfused_sum_is_rounded_twice(x, s, zero, word):
    inverse = np.float32(1) / np.float32(s)
    product = nearest_float(Fraction(x) * Fraction(float(inverse)), 24, -149, LARGEST)
    total = nearest_float(product + zero, 24, -149, LARGEST)
    got = codes_of(np.float32([x]), np.float32([s]), np.array([zero]), Way(word, "reciprocal", "unfused"))
    assert int(got[0]) == rounded(total, word)


@given(
    st.lists(st.floats(-3000, 3000, width=32) | st.integers(-40, 40).map(lambda n: n / 2), min_size=1),
    STEPS | st.sampled_from([0.5, 1.0, 0.25]),
    st.integers(-200, 200),
)
def test_kin_differ_only_where_they_say(x, s, zero):
    x, on = np.float32(x), scale(s, zero)
    safe = ~kin_of(x.dtype, on, ()).may_differ(x, slice(0, x.size))
    nearest = [w for w in ways(on) if w.rounding.startswith("half")]
    answers = [codes_of(x, on.values, on.zeros, way)[safe].tolist() for way in nearest]
    assert all(answer == answers[0] for answer in answers)


def test_narrow_arithmetic_may_differ_anywhere():
    x = np.float16([1.25])
    assert kin_of(x.dtype, scale(1.0, dtype=np.float16), ()).may_differ(x, slice(0, 1)).tolist() == [True]


@pytest.mark.parametrize(("zero", "count"), [(0, 27), (5, 63)])
def test_the_place_of_the_zero_point_is_a_question_only_where_there_is_one(zero, count):
    found = list(ways(scale(1.0, zero)))
    assert (len(found), found[0]) == (count, Way("half_even", "divide", "after_rounding"))

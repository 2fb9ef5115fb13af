from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.affine import in_dtype
from oracles.fixed_point import rounded

from refcompress.arguments import NATIVE_FLOATS
from refcompress.quantization import exactly
from refcompress.rounding import ROUNDING, round_to_integer

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
MODERATE = st.floats(-1e90, 1e90).filter(lambda v: v == 0 or abs(v) > 1e-90)


def test_the_table_of_dtypes_is_whole():
    assert set(NATIVE_FLOATS) < set(DTYPES)


@given(MODERATE, MODERATE)
def test_a_product_and_its_error_are_the_exact_product(a, b):
    product, error = exactly.two_product(np.array([a]), np.array([b]))
    assert Fraction(float(product[0])) + Fraction(float(error[0])) == Fraction(a) * Fraction(b)


@given(MODERATE, MODERATE)
def test_a_sum_and_its_error_are_the_exact_sum(a, b):
    total, error = exactly.two_sum(np.array([a]), np.array([b]))
    assert Fraction(float(total[0])) + Fraction(float(error[0])) == Fraction(a) + Fraction(b)


@st.composite
def quotients(draw):
    """Draw x and s whose quotient is at, or one unit beside, a multiple of one half; or any."""
    s = draw(st.floats(5e-324, 1e300))
    halves = draw(st.integers(-(2**54), 2**54) | st.integers(2**52 - 9, 2**52 + 9) | st.integers(-9, 9))
    with np.errstate(over="ignore", under="ignore"):
        near = np.float64(halves) * s / 2
    near = near if np.isfinite(near) else s
    x = draw(
        st.sampled_from([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)]) | st.floats(-1e300, 1e300)
    )
    return float(x), s


@given(quotients(), st.sampled_from(sorted(ROUNDING)))
def test_a_quotient_rounds_as_the_true_one_does(pair, word):
    x, s = pair
    q = exactly.quotient(np.array([x]), np.array([s]))
    true = Fraction(x) / Fraction(s)
    if abs(true) < 2**51:
        assert int(round_to_integer(q, word)[0]) == rounded(true, word)
    else:
        assert np.nextafter(q[0], -np.inf) <= x / s <= np.nextafter(q[0], np.inf)
        assert abs(q[0]) >= 2.0**51


@pytest.mark.parametrize("x", [1.0, -1.0])
@pytest.mark.parametrize("halves", range(3, 99, 2))
def test_a_quotient_beside_a_tie_is_none_for_a_numerator_of_one_either(x, halves):
    s = 2 / halves
    for word in ("half_down", "half_up", "half_away"):
        q = exactly.quotient(np.array([x]), np.array([s]))
        assert int(round_to_integer(q, word)[0]) == rounded(Fraction(x) / Fraction(s), word)


@pytest.mark.parametrize("s", [1.0, 3.0, 1e300])
def test_a_quotient_that_underflows_is_still_above_or_below_zero(s):
    with np.errstate(all="raise"):
        q = exactly.quotient(np.array([5e-324, -5e-324, 0.0]), np.array([s]))
    assert np.ceil(q).tolist() == [1, 0, 0]
    assert np.floor(q).tolist() == [0, -1, 0]


def test_a_signalling_nan_has_a_quotient_without_a_warning():
    with np.errstate(all="raise"):
        assert np.isnan(exactly.quotient(np.array([0x7FF0000000000001]).view(np.float64), np.array([2.0])))


@pytest.mark.parametrize(
    ("tiny", "sum_"),
    [(2.0**-30, 2**24 + 2), (-(2.0**-30), 2**24), (3 * 2.0**-30, 2**24 + 2), (-3 * 2.0**-30, 2**24)],
)
def test_a_sum_beside_a_tie_is_not_rounded_to_it_first(tiny, sum_):
    v, n = np.array([tiny], np.float32), np.array([2**24 + 1])
    assert exactly.total(v, n, np.dtype(np.float32)).tolist() == [sum_]
    assert exactly.multiply_add(v, np.ones(1, np.float32), n, np.dtype(np.float32)).tolist() == [sum_]


def test_a_multiply_add_of_float64_keeps_what_the_product_alone_would_round_away():
    near = np.array([1 + 2.0**-52]), np.array([1 - 2.0**-52])
    assert exactly.multiply_add(*near, np.array([-1]), np.dtype(np.float64)).tolist() == [-(2.0**-104)]


@pytest.mark.parametrize(
    ("x", "r", "n", "sum_"), [(1e200, 1e200, 1, np.inf), (1e-200, -1e-200, 1, 1.0), (2.0**1000, 2.0**-1000, 5, 6.0)]
)
def test_a_multiply_add_reaches_both_ends_of_the_floats_without_a_warning(x, r, n, sum_):
    with np.errstate(all="raise"):
        got = exactly.multiply_add(np.array([x]), np.array([r]), np.array([n]), np.dtype(np.float64))
    assert got.tolist() == [sum_]


def test_a_multiply_add_of_infinities_gives_no_warning():
    with np.errstate(all="raise"):
        got = exactly.multiply_add(np.array([np.inf, -np.inf]), np.ones(2), np.array([1, 1]), np.dtype(np.float64))
    assert got.tolist() == [np.inf, -np.inf]


@given(
    st.integers(-(2**33), 2**33) | st.integers(-(2**52), 2**52),
    st.floats(5e-324, 1e300),
    st.sampled_from(sorted(DTYPES)),
)
def test_a_product_is_rounded_once(n, s, name):
    with np.errstate(over="ignore", under="ignore"):
        got = float(exactly.product(np.array([n]), np.array([s]), np.dtype(DTYPES[name]))[0])
    expected = in_dtype(n * Fraction(s), name)
    assert np.isinf(got) if expected is None else Fraction(got) == expected


@given(MODERATE, st.integers(-(2**32), 2**32), st.sampled_from(sorted(DTYPES)))
def test_a_sum_is_rounded_once(v, n, name):
    got = float(exactly.total(np.array([v]), np.array([n]), np.dtype(DTYPES[name]))[0])
    expected = in_dtype(Fraction(v) + n, name)
    assert np.isinf(got) if expected is None else Fraction(got) == expected


@given(st.data(), st.integers(-(2**32), 2**32), st.sampled_from(sorted(DTYPES)))
def test_a_multiply_add_is_rounded_once(data, n, name):
    values = st.floats(-1e4, 1e4) | st.integers(-99, 99).map(float)
    with np.errstate(under="ignore"):
        x, r = (np.array([data.draw(values)]).astype(DTYPES[name]) for _ in range(2))
    exact = Fraction(float(x[0])) * Fraction(float(r[0])) + n
    if 0 < abs(Fraction(float(x[0])) * Fraction(float(r[0]))) < Fraction(1, 2**900):
        return  # the error of the product is no float64
    got = float(exactly.multiply_add(x, r, np.array([n]), np.dtype(DTYPES[name]))[0])
    expected = in_dtype(exact, name)
    assert np.isinf(got) if expected is None else Fraction(got) == expected


@pytest.mark.parametrize("name", sorted(DTYPES))
def test_narrowing_keeps_infinities_and_nans(name):
    got = exactly.narrow(np.array([np.inf, -np.inf, np.nan]), np.dtype(DTYPES[name])).astype(float)
    assert np.array_equal(got, [np.inf, -np.inf, np.nan], equal_nan=True)


def test_narrowing_past_the_ends_gives_no_warning():
    with np.errstate(all="raise"):
        ends = exactly.narrow(np.array([1e300, -1e300, 1e-300]), np.dtype(np.float32))
        signalling = exactly.narrow(np.array([0x7FF0000000000001]).view(np.float64), np.dtype(np.float32))
    assert ends.tolist() == [np.inf, -np.inf, 0.0]
    assert np.isnan(signalling).all()

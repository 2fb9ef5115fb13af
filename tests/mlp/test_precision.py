from fractions import Fraction
from itertools import combinations, permutations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import nearest_float

from refcompress.mlp.precision import common_dtype, narrow, numbers, widen

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
EXACT = np.dtype(object)
# dtype -> (bits of the significand, exponent of the smallest subnormal)
FORMATS = {
    np.dtype(np.float16): (11, -24),
    BFLOAT16: (8, -133),
    np.dtype(np.float32): (24, -149),
    np.dtype(ml_dtypes.float8_e5m2): (3, -16),
}
LARGEST = {dtype: Fraction(float(ml_dtypes.finfo(dtype).max)) for dtype in FORMATS}


def near_ties(dtype):
    """Float64 values at, and just beside, the middle between two neighbours of the dtype, and anything else."""
    precision, _ = FORMATS[dtype]
    exponents = st.integers(-160, 130)
    significands = st.integers(2 ** (precision - 1), 2**precision - 1)
    beside = st.sampled_from([0.0, 2.0**-40, -(2.0**-40), 2.0**-30, 0.25])
    ties = st.builds(lambda m, e, d: float(np.ldexp(m + 0.5 + d, e)), significands, exponents, beside)
    return ties | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("dtype", FORMATS)
@given(data=st.data(), negative=st.booleans())
def test_float64_is_rounded_once(dtype, data, negative):
    value = data.draw(near_ties(dtype)) * (-1 if negative else 1)
    with np.errstate(over="ignore", under="ignore"):
        result = narrow(np.array([value]), dtype)
    assert result.dtype == dtype
    expected = nearest_float(Fraction(value), *FORMATS[dtype], LARGEST[dtype])
    rounded = float(result[0])
    assert np.isinf(rounded) if expected is None else Fraction(rounded) == expected
    assert np.signbit(rounded) == np.signbit(value)


def test_a_value_just_above_a_tie_of_bfloat16_goes_up():
    value = np.array([1 + 2.0**-8 + 2.0**-40])
    assert float(value.astype(BFLOAT16)[0]) == 1.0  # two roundings: to the tie in float32, then to even
    assert float(narrow(value, BFLOAT16)[0]) == 1 + 2.0**-7


@pytest.mark.parametrize("dtype", ["f2", BFLOAT16, "f4", "f8", "i1", "u8", ">f4", ml_dtypes.float8_e4m3fn])
def test_widening_is_exact(dtype):
    array = np.array([0, 1, 3, 96]).astype(dtype)
    assert widen(array, np.dtype(np.float64)).tolist() == [0.0, 1.0, 3.0, 96.0]
    assert widen(array, EXACT).tolist() == [Fraction(0), Fraction(1), Fraction(3), Fraction(96)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_floats_become_the_fractions_they_are(values):
    assert widen(np.array(values, float), EXACT).tolist() == [Fraction(v) for v in values]


@pytest.mark.parametrize("dtype", ["f2", BFLOAT16, "f8", "O"])
def test_what_meets_fractions_is_made_of_fractions(dtype):
    values = np.array([0.5, 3.0]).astype(dtype) if dtype != "O" else np.array([Fraction(1, 2), Fraction(3)], object)
    result = widen(values, EXACT)
    assert result.dtype == object
    assert {type(v) for v in result} == {Fraction}


def test_widening_does_not_round_a_fraction():
    third = np.array([Fraction(1, 3)], object)
    assert widen(third, EXACT).tolist() == [Fraction(1, 3)]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_wide_array_lies_in_c_order_however_it_lay(dtype):
    array = np.asfortranarray(np.arange(6).reshape(2, 3), dtype)
    assert widen(array, np.dtype(np.float64)).flags.c_contiguous


def test_whole_numbers_among_fractions_become_fractions():
    result = numbers(np.array([2**70, Fraction(1, 3), np.int8(3)], object), "x", "used")
    assert result.tolist() == [Fraction(2**70), Fraction(1, 3), Fraction(3)]
    assert {type(v) for v in result} == {Fraction}
    assert {type(v) for v in narrow(np.array([0, Fraction(1, 2)], object), EXACT)} == {Fraction}


@pytest.mark.parametrize(
    ("dtypes", "common"),
    [
        (["f4", "f4"], "float32"),
        (["f2", BFLOAT16], "float32"),
        ([ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2], "float32"),
        ([ml_dtypes.float8_e4m3fn, BFLOAT16, "f8"], "float64"),
        (["f4", "O", "f8"], "object"),
    ],
)
def test_the_common_dtype_holds_all_exactly(dtypes, common):
    assert common_dtype(*(np.zeros(1, dtype) for dtype in dtypes)).name == common


def test_fractions_hold_floats_that_have_no_common_dtype_in_numpy():
    fractions = np.zeros(1, object)
    for pair in combinations(FORMATS, 2):
        for arrays in permutations([*(np.zeros(1, dtype) for dtype in pair), fractions]):
            assert common_dtype(*arrays) == EXACT


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.array([0.5], object), TypeError, r"x\[0\] is 0.5 \(float\): an object array must hold fractions.Fraction"),
        (np.array([1, True], object), TypeError, r"x\[1\] is True \(bool\): an object array must hold fractions"),
        ([1.0, np.nan], ValueError, r"x\[1\] is nan: only finite values can be used"),
        ([1j], TypeError, "x has dtype complex128"),
        ([[1], [1, 2]], TypeError, "x is a list that is no array"),
    ],
)
def test_what_holds_no_numbers_is_named(value, error, message):
    with pytest.raises(error, match=message):
        numbers(value, "x", "used")

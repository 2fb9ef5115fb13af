import itertools
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.fixed_point import best_fraction_bits, limits, nearest_float, quantized

from refcompress.quantization.fixed_point import BLOCK, dequantize, fraction_bits, quantize
from refcompress.rounding import ROUNDING

WORDS = sorted(ROUNDING)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOAT_DTYPES = [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64)]
INTEGER_DTYPES = [np.dtype(f"{sign}int{width}") for sign in ("", "u") for width in (8, 16, 32, 64)]
# dtype -> bits of the significand, exponent of the smallest subnormal: IEEE 754, table 3.5; bfloat16 is a cut float32
FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}
LARGEST = {name: Fraction(float(ml_dtypes.finfo(name).max)) for name in FORMATS}
SYMMETRIC = ["half_even", "half_odd", "half_away", "toward_zero", "away_from_zero"]


def patterns(dtype):
    """All bit patterns of a float as likely as any other, plus numbers of everyday size and halves."""
    word = np.dtype(f"u{dtype.itemsize}")
    anything = st.integers(0, 2 ** (8 * dtype.itemsize) - 1).map(lambda n: np.array(n, word).view(dtype)[()])
    everyday = st.integers(-2100, 2100).map(lambda n: np.array(n / 16).astype(dtype)[()])
    return (anything | everyday).filter(lambda v: bool(np.isfinite(v)))


def numbers():
    integers = st.sampled_from(INTEGER_DTYPES).flatmap(
        lambda d: st.integers(int(np.iinfo(d).min), int(np.iinfo(d).max)).map(lambda n: np.array(n, d)[()])
    )
    return st.sampled_from(FLOAT_DTYPES).flatmap(patterns) | integers


def exact(value):
    return Fraction(int(value)) if isinstance(value, np.integer) else Fraction(float(value))


SETTINGS = st.fixed_dictionaries(
    {
        "bits": st.none() | st.integers(2, 32),
        "signed": st.booleans(),
        "rounding": st.sampled_from(WORDS),
        "overflow": st.sampled_from(["saturate", "wrap"]),
        "narrow_range": st.booleans(),
    }
)
ANY_P = st.integers(-40, 40) | st.integers(-2500, 2500) | st.sampled_from([-(2**31) + 1, 2**31 - 1, 10**6, -(10**6)])


@given(x=numbers(), p=st.integers(-40, 40) | st.integers(-2500, 2500), settings=SETTINGS)
def test_quantize_is_round_of_the_exact_product(x, p, settings):
    expected = quantized(exact(x), p, **settings)
    if expected is None:
        with pytest.raises(ValueError, match="does not fit int64"):
            quantize(np.array([x]), p, **settings)
    else:
        assert int(quantize(np.array([x]), p, **settings)[0]) == expected


@pytest.mark.parametrize("rounding", ["away_from_zero", "floor", "half_even"])
@pytest.mark.parametrize("dtype", FLOAT_DTYPES)
def test_the_ends_of_every_float_follow_the_exact_product_at_every_p(dtype, rounding):
    ends = ml_dtypes.finfo(dtype)
    x = np.array([s * v for v in (ends.smallest_subnormal, ends.smallest_normal, 1, ends.max) for s in (1, -1)], dtype)
    exactly = [Fraction(v) for v in x.astype(np.float64).tolist()]
    for p in range(-2200, 2201):
        expected = [quantized(v, p, 8, True, rounding) for v in exactly]
        assert quantize(x, p, bits=8, rounding=rounding).tolist() == expected, p


@pytest.mark.parametrize("narrow_range", [False, True])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("dtype", INTEGER_DTYPES)
def test_the_ends_of_every_integer_follow_the_exact_product(dtype, overflow, narrow_range):
    ends = np.iinfo(dtype)
    x = np.array([ends.min, ends.min + 1, ends.max // 3, ends.max - 1, ends.max], dtype)
    for p, bits in itertools.product((-130, -64, -63, -3, 0, 1, 31, 33, 63, 64, 65, 200), (2, 8, 31, 32)):
        expected = [quantized(n, p, bits, True, "half_even", overflow, narrow_range) for n in x.tolist()]
        codes = quantize(x, p, bits=bits, overflow=overflow, narrow_range=narrow_range)
        assert codes.tolist() == expected, (p, bits)


@pytest.mark.parametrize("rounding", WORDS)
@pytest.mark.parametrize("dtype", FLOAT_DTYPES[:2])
@pytest.mark.parametrize(("bits", "signed"), [(8, True), (4, False), (24, True), (32, False)])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_16_bit_floats_of_every_kind_follow_the_exact_product(dtype, rounding, bits, signed, overflow):
    x = np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(invalid="ignore"):  # signalling nans
        x = x[np.isfinite(x)][::41]
    for p in (-20, -3, 0, 5, 20):
        expected = [quantized(Fraction(v), p, bits, signed, rounding, overflow) for v in x.astype(float).tolist()]
        result = quantize(x, p, bits=bits, signed=signed, rounding=rounding, overflow=overflow)
        assert result.tolist() == expected


@pytest.mark.parametrize(
    ("x", "p", "rounding", "code"),
    [
        (-5e-324, -3, "floor", -1),
        (5e-324, -3, "ceil", 1),
        (5e-324, -3, "half_even", 0),
        (-5e-324, -(2**31) + 1, "away_from_zero", -1),
        (0.49999999999999994, 0, "half_up", 0),
        (-0.49999999999999994, 0, "half_away", 0),
        (2.0**52 + 1, 0, "half_up", 2**52 + 1),
        (np.float32(8388609), 0, "half_up", 8388609),
        (0.0, -3, "ceil", 0),
        (2.5, 0, "half_even", 2),
        (-2.5, 0, "half_away", -3),
        (-2.5, 0, "half_up", -2),
        (2.5, 0, "half_down", 2),
        (2.5, 0, "half_odd", 3),
        (np.float32(16777216), 1, "half_even", 2**25),
        (2**53 + 1, 0, "half_even", 2**53 + 1),
        (-(2.0**63), 0, "half_even", -(2**63)),
    ],
)
def test_known_hard_values(x, p, rounding, code):
    assert int(quantize(x, p, rounding=rounding)) == code


@pytest.mark.parametrize(("bits", "signed"), [(24, False), (25, True), (25, False), (26, True)])
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_codes_wider_than_the_significand_of_float32_are_exact(bits, signed, overflow):
    x = np.array([-1, 2**24 - 1, 2**25, 3e38, -3e38], np.float32)
    expected = [quantized(v, 0, bits, signed, overflow=overflow) for v in x.tolist()]
    assert quantize(x, 0, bits=bits, signed=signed, overflow=overflow).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32, np.float64])
def test_no_error_state_of_numpy_makes_a_difference(dtype):
    x = np.array([ml_dtypes.finfo(dtype).smallest_subnormal, 1, ml_dtypes.finfo(dtype).max, np.inf], dtype)
    signalling = np.array([0x7D00 if dtype is np.float16 else 0x7FA0], np.uint16).view(
        np.float16 if dtype is np.float16 else BFLOAT16
    )
    with np.errstate(all="raise"):
        assert quantize(x, 2000, bits=8, rounding="half_up").tolist() == [127] * 4
        assert quantize(x, 100, bits=8).tolist()[1:] == [127] * 3
        assert quantize(x, -1022, bits=8, rounding="ceil").tolist()[-1] == 127
        assert quantize(x, -1070, bits=8, rounding="ceil").tolist() == [1, 1, 1, 127]
        for p in (-1000, 10, 800, 1200):
            dequantize(np.array([1, 2**31 - 1]), p, dtype=dtype)
            dequantize(np.array([1, 2**31 - 1], np.int32), p, dtype=dtype)
        with pytest.raises(ValueError, match="only finite values"):
            quantize(signalling, 0, bits=8)


@pytest.mark.parametrize("dtype", FLOAT_DTYPES + INTEGER_DTYPES)
def test_every_dtype_is_quantized(dtype):
    assert quantize(np.array([3, 5], dtype), 1, bits=8).tolist() == [6, 10]


@given(p=ANY_P, x=st.floats(allow_nan=False, allow_infinity=False), rounding=st.sampled_from(WORDS))
def test_no_p_is_too_large_for_saturation(p, x, rounding):
    code = int(quantize(x, p, bits=8, rounding=rounding))
    assert code == quantized(Fraction(x), max(min(p, 3000), -3000), 8, rounding=rounding)


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("narrow_range", [False, True])
@given(x=st.floats(allow_nan=False, allow_infinity=False), p=st.integers(0, 2000), bits=st.integers(2, 32))
def test_huge_products_come_into_range_as_their_exact_integer_does(overflow, narrow_range, x, p, bits):
    expected = quantized(Fraction(x), p, bits, True, "half_even", overflow, narrow_range)
    assert int(quantize(x, p, bits=bits, overflow=overflow, narrow_range=narrow_range)) == expected


@pytest.mark.parametrize("position", [0, 5, BLOCK - 1, BLOCK, 3 * BLOCK + 7])
@pytest.mark.parametrize("dtype", FLOAT_DTYPES)
@pytest.mark.parametrize(
    "settings", [{}, {"bits": 8}, {"bits": 8, "overflow": "wrap"}, {"bits": 8, "rounding": "half_up"}]
)
def test_a_nan_is_refused_wherever_it_stands(dtype, position, settings):
    x = np.zeros(3 * BLOCK + 8, dtype)
    x[position] = np.nan
    with pytest.raises(ValueError, match=rf"x\[{position}\] is nan: only finite values can be quantized$"):
        quantize(x, 3, **settings)


@pytest.mark.parametrize("settings", [{}, {"bits": 8, "overflow": "wrap"}])
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_an_infinity_is_refused_where_no_rule_gives_it_a_code(settings, infinity):
    with pytest.raises(ValueError, match=rf"x\[1, 2\] is {infinity}: only finite values can be quantized \(infinity"):
        quantize(np.array([[0, 0, 0], [0, 0, infinity]], np.float32), 0, **settings)


@pytest.mark.parametrize("dtype", FLOAT_DTYPES)
@pytest.mark.parametrize("rounding", WORDS)
def test_an_infinity_saturates(dtype, rounding):
    x = np.array([np.inf, -np.inf], dtype)
    assert quantize(x, 0, bits=8, rounding=rounding).tolist() == [127, -128]


@pytest.mark.parametrize(
    ("x", "p", "place"),
    [
        ([-(2.0**63), 200, 2.0**63], 0, r"x\[2\]"),
        ([[1, 1], [1, -(2.0**62)]], 2, r"x\[1, 1\]"),
        (np.array([2**64 - 1], np.uint64), 0, r"x\[0\]"),
        (np.array([1, 2**62], np.int64), 1, r"x\[1\]"),
        (1e300, 0, "x is"),
        (np.array([-(2**63)]), 1, r"x\[0\]"),
    ],
)
def test_a_code_outside_int64_is_refused_with_its_place(x, p, place):
    with pytest.raises(ValueError, match=f"{place}.*its code at p = {p} does not fit int64"):
        quantize(x, p)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_the_largest_and_the_smallest_int64_are_codes(dtype):
    ends = [2**63 - 1, 2**63 - 2] if dtype is np.uint64 else [2**63 - 1, -(2**63)]
    assert quantize(np.array(ends, dtype), 0).tolist() == ends


def test_a_rounded_uint64_that_fits_is_not_refused():
    assert quantize(np.array([2**63 + 2], np.uint64), -1).tolist() == [2**62 + 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": ["a"], "p": 0}, TypeError, "x has dtype .*: it must hold integers or floats"),
        ({"x": [1 + 2j], "p": 0}, TypeError, "x has dtype complex128"),
        ({"x": [True], "p": 0}, TypeError, "x has dtype bool"),
        ({"x": [[1], [1, 2]], "p": 0}, TypeError, "x is a list that is no array"),
        ({"x": [2**70], "p": 0}, TypeError, "x has dtype object"),
        ({"x": np.array([1], np.longdouble), "p": 0}, TypeError, "x has dtype float128"),
        ({"x": np.ma.array([1.0], mask=[True]), "p": 0}, TypeError, "x is a masked array"),
        ({"x": [1.0], "p": 1.0}, TypeError, r"p is 1.0 \(float\): it must be an integer"),
        ({"x": [1.0], "p": True}, TypeError, "p is True: it must be an integer"),
        ({"x": [1.0], "p": 2**31}, ValueError, "p is 2147483648: it must be from -2147483647 to 2147483647"),
        ({"x": [1.0], "p": 0, "bits": 1}, ValueError, "bits is 1: it must be from 2 to 32"),
        ({"x": [1.0], "p": 0, "bits": 33}, ValueError, "bits is 33: it must be from 2 to 32"),
        ({"x": [1.0], "p": 0, "bits": 8.0}, TypeError, "bits is 8.0"),
        ({"x": [1.0], "p": 0, "rounding": "nearest"}, ValueError, "rounding is 'nearest': it must be one of half_even"),
        ({"x": [1.0], "p": 0, "rounding": None}, TypeError, "rounding is None: it must be one of half_even"),
        ({"x": [1.0], "p": 0, "overflow": "clip"}, ValueError, "overflow is 'clip': it must be one of saturate, wrap"),
        ({"x": [1.0], "p": 0, "signed": 1}, TypeError, "signed is 1: it must be True or False"),
        ({"x": [1.0], "p": 0, "narrow_range": "no"}, TypeError, "narrow_range is 'no': it must be True or False"),
        ({"x": [1.0], "p": 0, "rounding": "stochastic"}, TypeError, "generator is None: rounding='stochastic' needs"),
    ],
)
def test_a_bad_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        quantize(**arguments)


@given(x=hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-9, 9, width=32)), p=st.integers(0, 10))
def test_the_error_is_at_most_half_a_step_where_nothing_saturates(x, p):
    back = dequantize(quantize(x, p), p, dtype="float64")
    assert np.all(np.abs(x.astype(np.float64) - back) <= 2.0 ** -(p + 1))


@pytest.mark.parametrize("rounding", WORDS)
@given(x=hnp.arrays(np.float64, 30, elements=st.floats(-300, 300)), p=st.integers(-2, 8))
def test_quantize_is_monotone(rounding, x, p):
    assert np.all(np.diff(quantize(np.sort(x), p, bits=8, rounding=rounding).astype(int)) >= 0)


@pytest.mark.parametrize("rounding", SYMMETRIC)
@given(x=hnp.arrays(np.float32, 30, elements=st.floats(-300, 300, width=32)), p=st.integers(-2, 8))
def test_symmetric_rules_are_odd(rounding, x, p):
    settings = {"bits": 8, "rounding": rounding, "narrow_range": True}
    assert np.array_equal(quantize(-x, p, **settings), -quantize(x, p, **settings))


@given(x=hnp.arrays(np.float64, 20, elements=st.floats(-300, 300)), p=st.integers(-2, 8))
def test_floor_and_ceil_mirror_each_other(x, p):
    assert np.array_equal(quantize(-x, p, rounding="floor"), -quantize(x, p, rounding="ceil"))


@pytest.mark.parametrize("rounding", WORDS)
@given(x=hnp.arrays(np.float32, 20, elements=st.floats(-300, 300, width=32)), p=st.integers(-2, 8))
def test_quantize_is_idempotent_through_dequantize(rounding, x, p):
    codes = quantize(x, p, bits=8, rounding=rounding)
    assert np.array_equal(quantize(dequantize(codes, p), p, bits=8, rounding=rounding), codes)


@given(x=hnp.arrays(np.float64, 20, elements=st.floats(-300, 300)), p=st.integers(-4, 8))
def test_one_more_fraction_bit_refines_the_code(x, p):
    coarse, fine = quantize(x, p, rounding="floor"), quantize(x, p + 1, rounding="floor")
    assert np.array_equal(fine >> 1, coarse)


@given(x=hnp.arrays(np.float64, 20, elements=st.floats(-300, 300)), p=st.integers(-4, 8))
def test_one_more_fraction_bit_is_the_same_as_doubled_input(x, p):
    assert np.array_equal(quantize(x, p + 1), quantize(2 * x, p))


@pytest.mark.parametrize(
    "settings", [{}, {"bits": 8}, {"bits": 8, "overflow": "wrap"}, {"bits": 16, "rounding": "half_up"}]
)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "i8"])
def test_views_and_orders_give_what_their_copy_gives(settings, dtype):
    base = (np.arange(-60, 60).reshape(4, 5, 6) * 0.75).astype(dtype)
    expected = quantize(base.copy(), 1, **settings)
    read_only = base.copy()
    read_only.flags.writeable = False
    for view in (np.asfortranarray(base), base.astype(base.dtype.newbyteorder(">")), read_only):
        assert np.array_equal(quantize(view, 1, **settings), expected)
    for cut in (np.s_[::2], np.s_[:, ::-1], np.s_[..., 1::2], np.s_[1, 2, 3], np.s_[:0]):
        assert np.array_equal(quantize(base[cut], 1, **settings), expected[cut])
    assert np.array_equal(quantize(base.T, 1, **settings), expected.T)
    assert np.array_equal(quantize(np.broadcast_to(base[0], (3, 5, 6)), 1, **settings)[2], expected[0])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 3), (1, 1, 1)])
def test_the_shape_is_kept(shape):
    assert quantize(np.ones(shape), 0).shape == shape
    assert dequantize(np.ones(shape, int), 0).shape == shape


@pytest.mark.parametrize("size", [1, 7, 8, 9, 31, 33, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_the_length_does_not_matter(size):
    x = np.resize(np.arange(-300, 300) * 0.25, size)
    expected = np.resize([quantized(Fraction(v), 1, 8) for v in (np.arange(-300, 300) * 0.25).tolist()], size)
    assert np.array_equal(quantize(x.astype(np.float32), 1, bits=8), expected)
    assert np.array_equal(quantize(x, 1, bits=8), expected)


def test_the_input_is_not_changed():
    for x in (np.array([0.5, 300, -7.25], np.float32), np.array([0.5, 300, -7.25]), np.array([5, -9])):
        before = x.copy()
        result = quantize(x, 0, bits=8)
        assert np.array_equal(x, before)
        assert not np.shares_memory(result, x)


def test_a_seeded_generator_gives_the_same_codes_again():
    x = np.linspace(-3, 3, 1000)
    first, second = (quantize(x, 0, rounding="stochastic", generator=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)
    assert set((first - np.floor(x)).tolist()) == {0.0, 1.0}


def test_stochastic_rounding_draws_one_number_for_each_element():
    used, fresh = np.random.default_rng(5), np.random.default_rng(5)
    quantize(np.full(9, 0.5), 0, rounding="stochastic", generator=used)
    fresh.random(9)
    assert used.bit_generator.state == fresh.bit_generator.state


def test_stochastic_integers_go_up_as_often_as_the_fraction_says():
    n = 100_000
    codes = quantize(np.full(n, 5), -2, rounding="stochastic", generator=np.random.default_rng(3))
    assert set(codes.tolist()) == {1, 2}
    assert abs((codes == 2).sum() - n / 4) < 6 * (n * 0.25 * 0.75) ** 0.5  # six standard deviations


def test_what_speaks_dlpack_alone_is_accepted():
    class Foreign:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    assert quantize(Foreign(np.array([1.5, 2.5])), 0).tolist() == [2, 2]


CODES = st.sampled_from(INTEGER_DTYPES).flatmap(
    lambda d: st.integers(int(np.iinfo(d).min), int(np.iinfo(d).max)).map(lambda n: np.array(n, d)[()])
)


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(q=CODES, p=st.integers(-40, 40) | st.integers(-1200, 1200))
def test_dequantize_is_correctly_rounded(name, q, p):
    precision, smallest = FORMATS[name]
    expected = nearest_float(Fraction(int(q)) / Fraction(2) ** p, precision, smallest, LARGEST[name])
    result = dequantize(np.array([q]), p, dtype=name)
    assert result.dtype.name == name
    value = float(result[0])
    assert (np.isinf(value) and (value > 0) == (q > 0)) if expected is None else Fraction(value) == expected


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_integers_beside_a_tie_of_the_format_are_rounded_once(name):
    precision, smallest = FORMATS[name]
    numbers = [
        sign * (2**length + (2 * odd + 1) * 2 ** (length - precision) + beside)
        for length in range(precision + 1, 63)
        for odd in (0, 1)
        for beside in (-1, 0, 1)
        for sign in (1, -1)
    ]
    for p in (0, 10, -smallest, 70 - smallest):
        result = dequantize(np.array(numbers), p, dtype=name).astype(float).tolist()
        expected = [nearest_float(Fraction(n) / Fraction(2) ** p, precision, smallest, LARGEST[name]) for n in numbers]
        assert [None if np.isinf(v) else Fraction(v) for v in result] == expected
        small = [n for n in numbers if abs(n) < 2**31]
        narrow = dequantize(np.array(small, np.int32), p, dtype=name).astype(float).tolist()
        assert narrow == [v for v, n in zip(result, numbers, strict=True) if abs(n) < 2**31]


@pytest.mark.parametrize("length", [1, 2, 10, 50])
@pytest.mark.parametrize("name", sorted(FORMATS))
def test_integers_beside_a_tie_of_subnormals_are_rounded_once(name, length):
    precision, smallest = FORMATS[name]
    numbers = [sign * (odd * 2**length + beside) for odd in (1, 3, 5) for beside in (-1, 0, 1) for sign in (1, -1)]
    p = length + 1 - smallest  # where 2^length is half of the smallest subnormal
    expected = [nearest_float(Fraction(n) / Fraction(2) ** p, precision, smallest, LARGEST[name]) for n in numbers]
    assert dequantize(np.array(numbers), p, dtype=name).astype(float).tolist() == expected


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_zero_codes_give_positive_zero(name):
    result = dequantize(np.array([0], np.int8), 3, dtype=name)
    assert not np.signbit(result.astype(float))[0]


@pytest.mark.parametrize("q", [2**62 + 1, -1])
def test_the_ends_of_p_give_an_infinity_and_a_zero(q):
    assert dequantize([q], -(2**31) + 1).tolist() == [np.inf if q > 0 else -np.inf]
    assert dequantize([q], 2**31 - 1).tolist() == [0]


def test_a_dtype_is_known_by_its_word_and_its_native_order_is_given(monkeypatch):
    monkeypatch.delitem(np.sctypeDict, "bfloat16")  # as long as nothing has imported ml_dtypes
    assert dequantize([3], 1, dtype="bfloat16").dtype == BFLOAT16
    assert dequantize([3], 1, dtype=">f4").dtype == np.dtype(np.float32)


@given(q=hnp.arrays(np.int16, 20), p=st.integers(-30, 30))
def test_dequantize_is_odd_and_strictly_increasing_where_exact(q, p):
    assume(q.min() > -(2**15))
    assert np.array_equal(dequantize(-q, p), -dequantize(q, p))
    assert np.all(np.diff(dequantize(np.unique(q), p)) > 0)


@pytest.mark.parametrize("dtype", INTEGER_DTYPES)
def test_codes_of_every_dtype_and_order_are_dequantized(dtype):
    q = np.arange(0, 120).reshape(10, 12).astype(dtype)
    expected = (np.arange(0, 120).reshape(10, 12) / 4).astype(np.float32)
    for view in (q, np.asfortranarray(q), q.astype(dtype.newbyteorder(">"))):
        assert np.array_equal(dequantize(view, 2), expected)
    assert np.array_equal(dequantize(q[::2, ::-1], 2), expected[::2, ::-1])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"q": [1.0], "p": 0}, TypeError, "q has dtype float64: it must hold integers"),
        ({"q": [1], "p": 0.5}, TypeError, "p is 0.5"),
        ({"q": [1], "p": 2**31}, ValueError, "p is 2147483648: it must be from -2147483647 to 2147483647"),
        ({"q": [1], "p": 0, "dtype": "int8"}, ValueError, "dtype is 'int8': it must be one of float16, bfloat16"),
        ({"q": [1], "p": 0, "dtype": "nonsense"}, ValueError, "dtype is 'nonsense'"),
    ],
)
def test_a_bad_argument_of_dequantize_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        dequantize(**arguments)


@given(x=st.lists(numbers(), max_size=4), bits=st.integers(2, 32), signed=st.booleans())
def test_fraction_bits_is_the_largest_p_at_which_nothing_saturates(x, bits, signed):
    values = [exact(v) for v in x]
    ps = [fraction_bits(np.array([v]), bits=bits, signed=signed) for v in x if v != 0]
    assert min(ps, default=0) == best_fraction_bits(values, bits, signed)


@given(
    x=hnp.arrays(np.float32, st.integers(1, 9), elements=st.floats(-1e6, 1e6, width=32)),
    bits=st.integers(2, 32),
    signed=st.booleans(),
)
def test_the_whole_array_decides_fraction_bits(x, bits, signed):
    assert fraction_bits(x, bits=bits, signed=signed) == best_fraction_bits(x.tolist(), bits, signed)


@pytest.mark.parametrize("bits", [2, 3, 8, 16, 32])
@pytest.mark.parametrize("signed", [True, False])
def test_fraction_bits_turns_exactly_at_the_last_value_that_does_not_saturate(bits, signed):
    low, high = limits(bits, signed, False)
    for edge in (high + 0.5, low - 0.5):
        for v in (np.nextafter(edge, 0), edge, np.nextafter(edge, 2 * edge)):
            assert fraction_bits(v, bits=bits, signed=signed) == best_fraction_bits([float(v)], bits, signed)


@pytest.mark.parametrize("x", [[], [0.0, -0.0], [0], np.zeros((2, 3))])
def test_fraction_bits_of_nothing_but_zeros_is_0(x):
    assert fraction_bits(x) == 0


def test_fraction_bits_takes_8_signed_bits_unless_told_otherwise():
    assert fraction_bits([127.49]) == fraction_bits([-128.5]) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": ["a"]}, TypeError, "^x has dtype <U1"),
        ({"x": [1.0], "bits": 1}, ValueError, "^bits is 1: it must be from 2 to 32"),
        ({"x": [1.0], "bits": 33}, ValueError, "^bits is 33: it must be from 2 to 32"),
        ({"x": [1.0], "signed": 1}, TypeError, "^signed is 1: it must be True or False"),
    ],
)
def test_a_bad_argument_of_fraction_bits_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        fraction_bits(**arguments)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_fraction_bits_refuses_what_has_no_code(value):
    with pytest.raises(ValueError, match=rf"x\[1\] is {value}: only finite values can be quantized"):
        fraction_bits([0.0, value])


def test_every_combination_of_settings_gives_codes_of_the_smallest_dtype():
    for bits, signed, narrow in itertools.product((2, 8, 9, 16, 17, 32), (True, False), (True, False)):
        codes = quantize([1e10, -1e10], 0, bits=bits, signed=signed, narrow_range=narrow)
        assert (int(codes[1]), int(codes[0])) == limits(bits, signed, narrow)
        assert codes.dtype.itemsize * 8 >= bits > codes.dtype.itemsize * 4 or bits <= 8


@pytest.mark.parametrize("rounding", WORDS)
def test_a_product_outside_float32_is_exact_for_float32_inputs(rounding):
    values = [0.0, -0.0, 2.0**-149, -(2.0**-140), 1e-30, -1e-30, 1.5, -2.5, 3e38, -3e38]
    x = np.array(values, np.float32)
    for p in (-300, -149, -127, -126, 127, 128, 129, 132, 140, 149, 300):
        for overflow in ("saturate", "wrap"):
            expected = [quantized(v, p, bits=8, rounding=rounding, overflow=overflow) for v in x.tolist()]
            assert quantize(x, p, bits=8, rounding=rounding, overflow=overflow).tolist() == expected

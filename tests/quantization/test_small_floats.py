import itertools
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import small_floats as oracle

from refcompress import cast_float8, round_to_format
from refcompress.quantization.small_floats import FLOAT8, FORMATS, OVERFLOW_WORDS, decode, encode
from refcompress.rounding import ROUNDING

SIGNED = tuple(name for name in FORMATS if name != "e8m0fnu")
EACH_FORMAT = pytest.mark.parametrize("name", FORMATS)
EACH_FLOAT8 = pytest.mark.parametrize("name", FLOAT8)
EACH_OVERFLOW = pytest.mark.parametrize("overflow", OVERFLOW_WORDS)
EACH_RULE = pytest.mark.parametrize("rounding", ROUNDING)

RULES = st.sampled_from(sorted(ROUNDING))
SYMMETRIC_RULES = st.sampled_from(["half_even", "half_away", "half_odd", "toward_zero", "away_from_zero"])
ANY_FLOAT = st.one_of(
    st.floats(),
    st.floats(-1000, 1000),
    st.floats(-8, 8, width=16),
    st.builds(math.ldexp, st.integers(-40, 40), st.integers(-20, 16)),
    st.builds(lambda m, e, d: math.ldexp(m + d, e), st.integers(-40, 40), st.integers(-20, 16), st.floats(-1e-9, 1e-9)),
)


def same(actual, expected):
    """Equal as numbers, with the sign of zero, NaN with NaN."""
    actual, expected = (wide(np.asarray(v)) for v in (actual, expected))
    alike = (actual == expected) & (np.signbit(actual) == np.signbit(expected))
    return bool(np.all(alike | (np.isnan(actual) & np.isnan(expected))))


def ml(name):
    return np.dtype(getattr(ml_dtypes, FORMATS[name].dtype, np.float16))


def wide(array):
    with np.errstate(invalid="ignore"):  # a signalling nan
        return array.astype(np.float64)


def every_pattern(dtype):
    dtype = np.dtype(dtype)
    count = 2 ** (8 * dtype.itemsize)
    return np.arange(count, dtype=f"u{dtype.itemsize}").view(dtype)


def midpoints(name, dtype):
    """Every number of a format and every midpoint of two, with the floats of a dtype on both sides; both signs."""
    table, last = oracle.numbers(name)
    table = table[: last + 2]
    points = [float(v) for v in table] + [float((a + b) / 2) for a, b in itertools.pairwise(table)]
    with np.errstate(over="ignore"):
        cast = np.array(points).astype(dtype)
    up, down = (np.nextafter(cast, dtype(end)) for end in (np.inf, -np.inf))
    x = np.concatenate([cast, up, down])
    return np.concatenate([x, -x])


# against exact arithmetic


@EACH_OVERFLOW
@pytest.mark.parametrize("name", SIGNED)
@settings(max_examples=30)
@given(rounding=RULES, x=st.lists(ANY_FLOAT, min_size=1, max_size=20))
@example(rounding="half_even", x=[1.0625 + 2.0**-12, (3.5 - 2.0**-10) * 2.0**-9])
@example(rounding="half_even", x=[464.0, math.nextafter(464, 500), 448.0, -0.0, math.inf, -math.inf, 5e-324])
def test_each_value_is_what_exact_arithmetic_gives(name, overflow, rounding, x):
    expected = [oracle.round_to(v, name, overflow, rounding) for v in x]
    kept = [v for v, e in zip(x, expected, strict=True) if e is not None]
    values = round_to_format(np.array(kept, np.float64), name, overflow=overflow, rounding=rounding)
    assert same(values, [e for e in expected if e is not None])


@EACH_OVERFLOW
@EACH_RULE
@settings(max_examples=10)
@given(x=st.lists(st.one_of(ANY_FLOAT, st.floats(2.0**-130, 2.0**130)), min_size=1, max_size=20))
@example(x=[1.5, 3.0, 1.5 * 2.0**127, 1.5 * 2.0**-127, 2.0**-130, 0.0, -0.0, -1.0])
def test_a_scale_is_what_exact_arithmetic_gives(rounding, overflow, x):
    values = round_to_format(np.array(x, np.float64), "e8m0fnu", overflow=overflow, rounding=rounding)
    assert same(values, [oracle.round_to_power(v, overflow, rounding) for v in x])


@EACH_OVERFLOW
@EACH_RULE
@EACH_FLOAT8
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_midpoints_and_their_neighbours_are_what_exact_arithmetic_gives(name, rounding, overflow, dtype):
    x = midpoints(name, dtype)
    expected = [oracle.round_to(float(v), name, overflow, rounding) for v in x]
    assert same(cast_float8(x, format=name, overflow=overflow, rounding=rounding), expected)


@EACH_RULE
@EACH_FLOAT8
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, *(ml(name) for name in FLOAT8)])
def test_a_narrow_input_gives_what_its_float64_gives(name, rounding, dtype):
    x = every_pattern(dtype)
    for overflow in OVERFLOW_WORDS:
        settings = {"format": name, "overflow": overflow, "rounding": rounding}
        assert same(cast_float8(x, **settings), cast_float8(wide(x), **settings))


# against ml_dtypes, over every bit pattern


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, *(ml(name) for name in FLOAT8)])
def test_every_pattern_of_8_and_16_bits_is_cast_as_ml_dtypes_does(name, dtype):
    x = every_pattern(dtype)
    overflow = "ieee" if FORMATS[name].nan else "saturate"
    x = x if FORMATS[name].nan else x[~np.isnan(wide(x))]
    with np.errstate(over="ignore", invalid="ignore"):
        assert same(round_to_format(x, name, overflow=overflow), wide(x.astype(ml(name))))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_every_pattern_but_the_least_is_cast_to_a_scale_as_ml_dtypes_does(dtype):
    x = every_pattern(dtype)
    x = x[~((wide(x) > 2.0**-127) & (wide(x) < 1.5 * 2.0**-127))]
    with np.errstate(invalid="ignore"):
        assert same(round_to_format(x, "e8m0fnu", overflow="ieee"), wide(x.astype(ml("e8m0fnu"))))


def test_ml_dtypes_rounds_up_to_a_scale_above_the_smallest_one():
    x = np.array([(1 + 2.0**-6) * 2.0**-127], np.float32).astype(ml_dtypes.bfloat16)  # the next number after 2^-127
    assert round_to_format(x, "e8m0fnu").item() == 2.0**-127
    assert float(x.astype(ml("e8m0fnu"))[0]) == 2.0**-126


@EACH_FLOAT8
def test_midpoints_in_float32_are_cast_as_ml_dtypes_does(name):
    x = midpoints(name, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        assert same(cast_float8(x, format=name, overflow="ieee"), wide(x.astype(ml(name))))


def test_ml_dtypes_rounds_a_float64_to_float32_first():
    x = np.array([1.0625 + 2.0**-25])  # above the midpoint of 1 and 1.125 by less than float32 can tell
    assert cast_float8(x).item() == 1.125
    assert float(x.astype(ml_dtypes.float8_e4m3fn)[0]) == 1.0
    x = np.array([1.0625 + 2.0**-23])
    assert cast_float8(x).item() == float(x.astype(ml_dtypes.float8_e4m3fn)[0]) == 1.125


# the properties of a cast


@EACH_OVERFLOW
@EACH_RULE
@EACH_FORMAT
def test_every_number_of_a_format_is_kept(name, rounding, overflow):
    values = decode(np.arange(2 ** FORMATS[name].bits), name)
    kept = values if overflow == "ieee" else values[~np.isinf(values)]
    assert same(round_to_format(kept, name, overflow=overflow, rounding=rounding), kept)


@EACH_FLOAT8
@settings(max_examples=30)
@given(rounding=RULES, x=st.lists(st.floats(allow_nan=False), min_size=2, max_size=20))
def test_a_larger_x_never_gives_a_smaller_value(name, rounding, x):
    values = cast_float8(np.sort(np.array(x)), format=name, rounding=rounding)
    assert (np.diff(values) >= 0).all()


@EACH_FLOAT8
@EACH_OVERFLOW
@settings(max_examples=30)
@given(rounding=SYMMETRIC_RULES, x=st.lists(ANY_FLOAT, min_size=1, max_size=20))
def test_a_symmetric_rule_gives_the_negative_of_the_negative(name, overflow, rounding, x):
    x = np.array(x)
    settings = {"format": name, "overflow": overflow, "rounding": rounding}
    negative = -cast_float8(-x, **settings)
    assert np.array_equal(cast_float8(x, **settings), negative, equal_nan=True)


@EACH_FLOAT8
@settings(max_examples=30)
@given(x=st.floats(-240, 240))
def test_no_number_of_the_format_is_nearer(name, x):
    table, last = oracle.numbers(name)
    value = cast_float8(x, format=name).item()
    nearest = min(abs(abs(Fraction(x)) - v) for v in table[: last + 1])
    assert abs(Fraction(x) - Fraction(value)) == nearest


# special values


@pytest.mark.parametrize(
    ("name", "saturated", "ieee"),
    [
        ("e4m3fn", [448, 448, -448], [448, np.nan, np.nan]),
        ("e5m2", [57344, 57344, -57344], [57344, np.inf, -np.inf]),
        ("e4m3fnuz", [240, 240, -240], [240, np.nan, np.nan]),
        ("e5m2fnuz", [57344, 57344, -57344], [57344, np.nan, np.nan]),
    ],
)
def test_an_overflow_and_an_infinity_are_what_the_setting_says(name, saturated, ieee):
    for far in (1e9, np.inf):
        x = [saturated[0], far, -far]
        assert same(cast_float8(x, format=name), saturated)
        assert same(cast_float8(x, format=name, overflow="ieee"), ieee)


@pytest.mark.parametrize(
    ("name", "last_kept", "first_lost"),
    [
        ("e4m3fn", 464.0, np.nextafter(464.0, 500)),  # a tie between 448 and 480, and 448 is even
        ("e5m2", np.nextafter(61440.0, 0), 61440.0),  # a tie between 57344 and 65536, and 65536 is even
        ("e4m3fnuz", np.nextafter(248.0, 0), 248.0),
        ("e5m2fnuz", np.nextafter(61440.0, 0), 61440.0),
        ("float16", np.nextafter(65520.0, 0), 65520.0),
    ],
)
def test_the_overflow_begins_where_rounding_passes_the_largest_number(name, last_kept, first_lost):
    kept, lost = round_to_format([last_kept, first_lost], name, overflow="ieee")
    assert kept == FORMATS[name].largest
    assert not np.isfinite(lost)


@pytest.mark.parametrize(
    ("rounding", "positive", "negative"),
    [
        ("toward_zero", 448, -448),
        ("floor", 448, np.nan),
        ("ceil", np.nan, -448),
        ("away_from_zero", np.nan, np.nan),
        ("half_up", np.nan, np.nan),
    ],
)
def test_a_rule_that_rounds_toward_zero_does_not_overflow_but_from_an_infinity(rounding, positive, negative):
    assert same(cast_float8([1000, -1000], overflow="ieee", rounding=rounding), [positive, negative])
    assert np.isnan(cast_float8([np.inf, -np.inf], overflow="ieee", rounding=rounding)).all()


@pytest.mark.parametrize(("name", "signed"), [(name, not name.endswith("uz")) for name in FLOAT8])
def test_zero_keeps_its_sign_where_the_format_has_two(name, signed):
    values = cast_float8([0.0, -0.0, -1e-30, 1e-30], format=name)
    assert (values == 0).all()
    assert np.signbit(values).tolist() == [False, signed, signed, False]


@EACH_FLOAT8
@EACH_OVERFLOW
def test_a_nan_stays_one(name, overflow):
    assert np.isnan(cast_float8([np.nan, -np.nan], format=name, overflow=overflow)).all()


def test_the_faults_of_rounding_twice_are_not_made():
    assert cast_float8(1.0625 + 2.0**-12).item() == 1.125  # float16 first would give 1
    assert cast_float8((3.5 - 2.0**-10) * 2.0**-9).item() == 3 * 2.0**-9  # 3 bits first would give 4 * 2^-9


# bit patterns


def test_a_format_stays_as_it_is():
    for target in FORMATS.values():
        assert {type(v) for v in (target.infinite, target.nan, target.negative_zero, target.signed)} == {bool}
        with pytest.raises(AttributeError):
            target.bias = 0


@EACH_FORMAT
def test_every_pattern_decodes_and_comes_back(name):
    patterns = np.arange(2 ** FORMATS[name].bits, dtype=np.uint32)
    values = decode(patterns, name)
    kept = ~np.isnan(values)
    overflow = "ieee" if FORMATS[name].nan else "saturate"
    assert values.dtype == np.float32
    assert FORMATS[name].negative_zero == (np.signbit(values) & (values == 0)).any()
    assert np.array_equal(encode(values[kept], name, overflow=overflow), patterns[kept])
    assert np.isnan(decode(encode(values[~kept], name), name)).all()


@EACH_FORMAT
def test_patterns_decode_to_the_numbers_that_the_table_says(name):
    if name == "e8m0fnu":
        expected = [2.0 ** (p - 127) for p in range(255)] + [math.nan]
        assert same(decode(np.arange(256), name), expected)
        assert FORMATS[name].smallest == expected[0]
        return
    table, last = oracle.numbers(name)
    values = decode(np.arange(last + 1), name)
    assert [Fraction(float(v)) for v in values] == table[: last + 1]
    assert values[-1] == FORMATS[name].largest
    assert values[1] == FORMATS[name].smallest


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("e4m3fn", {0x7F, 0xFF}),
        ("e5m2", {0x7D, 0x7E, 0x7F, 0xFD, 0xFE, 0xFF}),
        ("e4m3fnuz", {0x80}),
        ("e5m2fnuz", {0x80}),
        ("e8m0fnu", {0xFF}),
        ("e2m1fn", set()),
    ],
)
def test_the_patterns_of_nan_are_those_of_the_specification(name, patterns):
    values = decode(np.arange(2 ** FORMATS[name].bits), name)
    assert set(np.flatnonzero(np.isnan(values)).tolist()) == patterns


def test_a_pattern_is_that_of_the_value_which_the_settings_give():
    assert encode([1.06, 1000], "e4m3fn", overflow="ieee", rounding="ceil").tolist() == [0x39, 0x7F]


# arrays and errors


def test_a_signalling_nan_is_refused_whatever_the_error_state_of_numpy():
    x = np.array([0x7FA0], np.uint16).view(ml_dtypes.bfloat16)
    with np.errstate(all="raise"), pytest.raises(ValueError, match=r"x\[0\] is nan: e2m1fn has no nan"):
        round_to_format(x, "e2m1fn")


def test_any_layout_and_byte_order_gives_the_same_values():
    x = np.linspace(-500, 500, 24).reshape(4, 6)
    expected = cast_float8(x)
    read_only = x.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(x), x.astype(">f8"), read_only, np.repeat(x, 2, axis=1)[:, ::2]):
        assert np.array_equal(cast_float8(other), expected)


def test_the_input_is_not_changed():
    x = np.array([1.06, np.nan, -500.0], np.float32)
    before = x.tobytes()
    cast_float8(x)
    assert x.tobytes() == before


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1, 1, 1)])
def test_the_shape_is_kept(shape):
    values = cast_float8(np.full(shape, 1.06, np.float32))
    assert (values.shape, values.dtype) == (shape, np.float32)


def test_an_array_longer_than_a_block_gives_what_its_elements_give():
    x = np.linspace(-500, 500, 100_001, dtype=np.float32)
    assert np.array_equal(cast_float8(x), np.concatenate([cast_float8(part) for part in np.array_split(x, 7)]))


def test_integers_are_taken_for_what_they_are():
    assert cast_float8(np.array([17, -500, 3], np.int16)).tolist() == [16, -448, 3]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cast_float8([1.0], format="e2m1fn"), ValueError, "format is 'e2m1fn': it must be one of e4m3fn, e5m2"),
        (lambda: cast_float8([1.0], overflow="wrap"), ValueError, "overflow is 'wrap': it must be one of saturate"),
        (lambda: cast_float8([1.0], rounding="stochastic"), ValueError, "rounding is 'stochastic': it must be one of"),
        (lambda: cast_float8(["a"]), TypeError, "x has dtype <U1: it must hold integers or floats"),
        (lambda: round_to_format([1.0, np.nan], "e2m1fn"), ValueError, r"x\[1\] is nan: e2m1fn has no nan"),
        (
            lambda: round_to_format([[1.0], [8.0]], "e2m3fn", overflow="ieee"),
            ValueError,
            r"x\[1, 0\] is 8.0: it overflows, and e2m3fn has neither an infinity nor a nan",
        ),
        (lambda: decode([16], "e2m1fn"), ValueError, r"patterns\[0\] is 16: e2m1fn has patterns from 0 to 15"),
        (lambda: decode([1, -1], "e4m3fn"), ValueError, r"patterns\[1\] is -1: e4m3fn has patterns from 0 to 255"),
        (lambda: decode([200], "e4m3"), ValueError, "^format is 'e4m3': it must be one of e4m3fn"),
        (lambda: decode([1.0], "e4m3fn"), TypeError, "patterns has dtype float64: it must hold integers"),
        (lambda: encode([1.0], "e4m3"), ValueError, "format is 'e4m3': it must be one of e4m3fn"),
    ],
)
def test_a_bad_call_says_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()

import itertools
from fractions import Fraction

import numpy as np
import pytest
from oracles import small_floats as oracle
from verify.rivals import broken_laws, fault_named, full, named

from refcompress.quantization.small_floats import FLOAT8, FORMATS, OVERFLOW_WORDS, cast_float8
from refcompress.rounding import ROUNDING
from refcompress.verify import check
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operations import small_floats_cases, small_floats_kills
from refcompress.verify.operations.small_floats import CAST_FLOAT8

EVERY = [
    {"format": name, "overflow": overflow, "rounding": rounding, "dtype": dtype}
    for (name, overflow, rounding), dtype in zip(
        itertools.product(FLOAT8, OVERFLOW_WORDS, ROUNDING), itertools.cycle(FLOATS), strict=False
    )
]
ALL_SETTINGS = pytest.mark.parametrize("given", EVERY, ids=lambda s: " ".join(s.values()))
EACH_FLOAT8 = pytest.mark.parametrize("name", FLOAT8)


def calls(given):
    return [(case, args) for case in CAST_FLOAT8.cases for args in case.make(full(CAST_FLOAT8, given))]


def fault(name):
    return fault_named(CAST_FLOAT8, name)


def given_by(name, x, dtype=np.float32, **given):
    """What an implementation with a fault gives."""
    return fault(name).answer((np.array(x, dtype),), full(CAST_FLOAT8, given)).tolist()


def mask(name, x, **given):
    settings, args = full(CAST_FLOAT8, given), (np.array(x, np.float64),)
    region = named(CAST_FLOAT8.regions, name)
    return region.mask(args, CAST_FLOAT8.answer(args, settings), settings)[0].tolist()


@ALL_SETTINGS
def test_the_reference_agrees_with_itself_and_breaks_no_law_whatever_the_settings(given):
    settings = full(CAST_FLOAT8, given)
    report = check(lambda x: CAST_FLOAT8.answer((x,), settings), CAST_FLOAT8, examples=5, **given)
    assert report.verdict == "agrees", str(report)
    for case, args in calls(given):
        assert broken_laws(CAST_FLOAT8, args, CAST_FLOAT8.answer(args, settings), settings) == [], (case.name, args)


@pytest.mark.parametrize("dtype", FLOATS)
@EACH_FLOAT8
def test_every_input_has_the_dtype_and_nothing_else_is_given(name, dtype):
    for case, args in calls({"format": name, "dtype": dtype}):
        assert len(args) == 1, case.name
        assert args[0].dtype == float_dtype(dtype), case.name


def test_some_case_has_more_elements_than_a_block():
    assert max(args[0].size for _, args in calls({})) > 65_536


def test_every_line_of_kills_belongs_to_a_case():
    assert {case.name for case in CAST_FLOAT8.cases} == set(small_floats_kills.CAST_FLOAT8)


@EACH_FLOAT8
def test_the_ties_are_half_way_between_all_numbers(name):
    table, last = oracle.numbers(name)
    expected = [(a + b) / 2 for a, b in itertools.pairwise(table[: last + 2])]
    assert [Fraction(float(v)) for v in small_floats_cases.midpoints({"format": name})] == expected


@EACH_FLOAT8
def test_the_numbers_of_a_format_are_those_of_the_table(name):
    table, last = oracle.numbers(name)
    assert [Fraction(float(v)) for v in small_floats_cases.positive_numbers(name)] == table[: last + 1]
    assert FORMATS[name].largest == small_floats_cases.positive_numbers(name)[-1]


def test_nobody_can_write_into_the_table_that_all_calls_share():
    with pytest.raises(ValueError, match="read-only"):
        small_floats_cases.positive_numbers("e5m2")[0] = 1.0


@pytest.mark.parametrize("layout", ["strided", "reversed", "fortran", "read-only"])
def test_every_layout_has_a_case(layout):
    assert layout in {case.layout for case in CAST_FLOAT8.cases}


@pytest.mark.parametrize(
    ("name", "x", "values"),
    [
        ("through_float16", [1.0625 + 2.0**-12], [1.0]),
        ("through_bfloat16", [1.0625 + 2.0**-9], [1.0]),
        ("mantissa_first", [(3.5 - 2.0**-10) * 2.0**-9], [4 * 2.0**-9]),
        ("guard_bits_1", [1.03125 + 2.0**-6], [1.0]),
        ("sticky_lost_1", [1.09, 1.2], [1.0, 1.25]),
        ("carry_lost", [1.97, 1.9], [1.0, 1.875]),
        ("carry_stopped", [1.97, 1.9], [1.875, 1.875]),
        ("one_bit_less", [1.125, 416.0], [1.0, 384.0]),
        ("one_bit_more", [1.0625, 500.0], [1.0625, 448.0]),
        ("bias_plus_one", [300.0, 2.0**-10], [224.0, 2.0**-10]),
        ("bias_minus_one", [500.0, 2.0**-9], [512.0, 0.0]),
        ("one_code_short", [448.0, 430.0], [416.0, 416.0]),
        ("one_code_too_high", [470.0, 1000.0], [480.0, 480.0]),
        ("top_exponent_reserved", [448.0, 200.0], [240.0, 192.0]),
        ("top_exponent_used", [960.0, 470.0], [960.0, 480.0]),
        ("no_subnormals", [0.01, 0.007], [2.0**-6, 0.0]),
        ("no_subnormal_grid", [2.0**-10, 1.1 * 2.0**-8], [2.0**-10, 1.125 * 2.0**-8]),
        ("no_subnormal_grid", [1.125 * 2.0**-998, 1.125 * 2.0**-1000], [1.125 * 2.0**-998, 2.0**-1000]),
        ("subnormals_flushed", [0.007, 0.02], [0.0, 0.01953125]),
        ("unbounded", [500.0, -1e4], [512.0, -10240.0]),
        ("float16_chopped", [1.12, 1.125], [1.0, 1.125]),
        ("overflow_positive", [-500.0, 500.0], [448.0, 448.0]),
        ("nan_is_largest", [np.nan, 1.0], [448.0, 1.0]),
    ],
)
def test_a_fault_gives_what_it_says(name, x, values):
    assert given_by(name, x, np.float64) == values


@pytest.mark.parametrize(
    ("name", "x", "values"),
    [
        ("overflows_at_largest", [449.0, 448.0, 464.0], [np.nan, 448.0, np.nan]),
        ("overflows_at_next", [470.0, 480.0, 481.0], [448.0, 448.0, np.nan]),
        ("infinity_otherwise", [np.inf, 500.0], [448.0, np.nan]),
        ("numbers_otherwise", [np.inf, 500.0], [np.nan, 448.0]),
        ("nan_is_480", [500.0, -np.inf, 1.0], [480.0, -480.0, 1.0]),
        ("overflow_is_infinite", [500.0, np.inf], [np.inf, np.nan]),
    ],
)
def test_a_fault_of_overflow_gives_what_it_says(name, x, values):
    assert np.array_equal(given_by(name, x, overflow="ieee"), values, equal_nan=True)


def test_a_float16_that_overflows_on_the_way_is_infinite():
    cut = {"format": "e5m2", "overflow": "ieee", "rounding": "toward_zero"}
    assert given_by("through_float16", [1e6, 6e4], **cut) == [np.inf, 57344.0]


def test_the_range_of_e4m3fn_is_that_of_no_other_format_however_it_is_rounded():
    away = {"format": "e5m2", "rounding": "away_from_zero"}
    assert given_by("clipped_at_448", [1000.0, -1000.0], **away) == [448.0, -448.0]


@pytest.mark.parametrize(
    ("name", "x", "flags"),
    [
        ("nan", [np.nan, 1, np.inf], [True, False, False]),
        ("overflow", [464, 465, -1e9, np.inf], [False, True, True, False]),
        ("above_largest", [448, 449, 464, 465], [False, True, True, False]),
        ("tie", [1.0625, 1.06, 1.0, 464, np.nan], [True, False, False, True, False]),
        ("carries", [1.97, -1.97, 1.9, 2.0], [True, True, False, False]),
        ("subnormal", [0.01, 0.02, 0, np.nan], [True, False, True, False]),
        ("underflow", [1e-9, 0, -1e-9], [True, False, True]),
        ("beyond", [449, 448, np.inf, np.nan], [True, False, True, True]),
        ("inexact", [1.06, 1.0, np.inf], [True, False, False]),
        ("negative", [-0.0, 0.0, -1, np.nan], [True, False, True, False]),
    ],
)
def test_a_region_flags_what_it_says(name, x, flags):
    assert mask(name, x) == flags


@pytest.mark.parametrize(
    ("x", "given", "text"),
    [
        (1.0625, {}, "x = 1.0625 lies between 1.0 and 1.125; half_even gives 1.0"),
        (1.125, {}, "x = 1.125 has no more bits than e4m3fn has: it is kept"),
        (450.0, {}, "x = 450.0 lies between 448.0 and 480.0; half_even gives 448.0"),
        (
            470.0,
            {"overflow": "ieee"},
            "x = 470.0 lies between 448.0 and 480.0; 480.0 is past the largest number 448.0, and ieee gives nan",
        ),
        (
            1000.0,
            {"rounding": "toward_zero", "overflow": "ieee"},
            "x = 1000.0 lies between 960.0 and 1024.0; 960.0 is past the largest number 448.0, and ieee gives 448.0",
        ),
        (np.inf, {}, "x = inf gives 448.0 in e4m3fn with overflow=saturate"),
        (-0.0, {"format": "e5m2fnuz"}, "x = -0.0 gives 0.0 in e5m2fnuz with overflow=saturate"),
    ],
)
def test_a_value_is_derived_by_hand(x, given, text):
    assert CAST_FLOAT8.by_hand((np.array([x]),), (0,), full(CAST_FLOAT8, given)) == text


@pytest.mark.parametrize(
    ("law", "x", "wrong"),
    [
        ("keeps_numbers", [1.125], [1.25]),
        ("nearest", [1.1], [1.0]),
        ("neighbour", [1.1], [1.25]),
        ("is_value", [1.1], [1.1]),
        ("is_value", [500.0], [np.inf]),
        ("nan", [np.nan], [448.0]),
        ("nan", [1.0], [np.nan]),
        ("nan", [500.0], [np.nan]),
        ("sign", [-0.0], [0.0]),
        ("symmetric", [1.0625, -1.0625], [1.0, -1.125]),
        ("monotone", [1.0, 1.1], [1.25, 1.0]),
    ],
)
def test_a_law_is_broken_by_what_breaks_it(law, x, wrong):
    holds = named(CAST_FLOAT8.laws, law).holds
    args, settings = (np.array(x),), full(CAST_FLOAT8, {})
    assert holds(args, CAST_FLOAT8.answer(args, settings), settings)
    assert not holds(args, np.array(wrong), settings)


def test_what_one_number_gives_at_several_places_need_not_be_the_same_for_the_order_to_hold():
    x, given = np.resize([1.0, 2.0], 1000), np.resize([0.0, 600.0], 1000) + np.arange(1000) / 2
    assert named(CAST_FLOAT8.laws, "monotone").holds((x,), given, full(CAST_FLOAT8, {}))


def test_what_overflows_stands_past_the_last_vector_too():
    def unsaturated(x):
        y = cast_float8(x).reshape(-1)
        if x.size > 8:
            past = np.arange(x.size) >= x.size - x.size % 8
            y = np.where(past & (np.abs(x.reshape(-1)) > 480), np.nan, y)
        return y.reshape(x.shape)

    assert check(unsaturated, "cast_float8", examples=0).verdict == "differs"

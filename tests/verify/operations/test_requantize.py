import random

import numpy as np
import pytest
from oracles.requantize import requantized
from verify.rivals import fault_named, full, named

from refcompress.quantization.requantize import REQUANTIZE_WORDS, requantize, scale_accumulators
from refcompress.verify import check
from refcompress.verify.operations import requantize_cases, requantize_faults, requantize_kills
from refcompress.verify.operations.requantize import REQUANTIZE

TEN = pytest.mark.parametrize("number", range(10))


def some_settings(number):
    """Settings drawn from all that there are; the defaults first."""
    draw = random.Random(number)
    chosen = {s.name: draw.choice(s.allowed) for s in REQUANTIZE.settings if s.name != "check_dtype"}
    return chosen if number else {}


def calls(settings):
    return [args for case in REQUANTIZE.cases for args in case.make(full(REQUANTIZE, settings))]


def case_named(name, settings):
    return list(named(REQUANTIZE.cases, name).make(full(REQUANTIZE, settings)))


def fault(name, args, **settings):
    found = fault_named(REQUANTIZE, name)
    return found.answer(args, full(REQUANTIZE, settings)).tolist()


def region(name, args, **settings):
    settings = full(REQUANTIZE, settings)
    found = named(REQUANTIZE.regions, name)
    return found.mask(args, REQUANTIZE.answer(args, settings), settings)[0].tolist()


def int32(*values):
    return np.array(values, np.int32)


@TEN
def test_the_reference_agrees_with_itself_whatever_the_settings(number):
    given = some_settings(number)
    settings = full(REQUANTIZE, given)
    report = check(lambda *args: REQUANTIZE.answer(args, settings), REQUANTIZE, examples=20, **given)
    assert report.verdict == "agrees", str(report)


@TEN
def test_every_law_holds_for_the_reference_whatever_the_settings(number):
    settings = full(REQUANTIZE, some_settings(number))
    for args in calls(some_settings(number)):
        answer = REQUANTIZE.answer(args, settings)
        assert [law.name for law in REQUANTIZE.laws if not law.holds(args, answer, settings)] == [], (settings, args)


@TEN
def test_what_is_expected_is_the_exact_twin(number):
    settings = full(REQUANTIZE, some_settings(number))
    words = {name: settings[name] for name in ("bits", "signed", "rounding")}
    for acc, multiplier, shift, zero_point in calls(some_settings(number))[::11]:
        some = acc.reshape(-1)[:40]
        answer = REQUANTIZE.answer((some, multiplier, shift, zero_point), settings)
        assert answer.tolist() == [requantized(a, multiplier, shift, zero_point, **words) for a in some.tolist()]


@TEN
def test_a_rival_has_an_answer_whatever_the_zero_point(number):
    settings = full(REQUANTIZE, some_settings(number))
    args = (int32(5, -5, 2**31 - 1), 2**30, 0, 200)
    low, high = requantize_cases.limits(settings)
    answer = REQUANTIZE.rival_answer(args, settings)
    assert ((answer >= low) & (answer <= high)).all()


@pytest.mark.parametrize("bits", [2, 3, 8, 31, 32])
@pytest.mark.parametrize("signed", [True, False])
def test_every_case_has_calls_and_every_input_is_valid(bits, signed):
    for case in REQUANTIZE.cases:
        made = list(case.make(full(REQUANTIZE, {"bits": bits, "signed": signed})))
        assert made
        for acc, multiplier, shift, zero_point in made:
            assert acc.dtype == np.int32
            assert 2**30 <= multiplier < 2**31
            assert -31 <= shift <= 31
            assert zero_point in range(*requantize_cases.limits({"bits": bits, "signed": signed})) or zero_point > 0


def test_exact_halves_are_halves():
    for acc, multiplier, shift, _ in case_named("exact halves", {}):
        assert ((acc.astype(np.int64) * multiplier) % 2 ** (31 - shift) == 2 ** (30 - shift)).all()


def test_beside_halves_are_one_unit_beside():
    for acc, multiplier, shift in requantize_cases.BESIDE_HALVES:
        assert (acc * multiplier) % 2 ** (31 - shift) - 2 ** (30 - shift) in (-1, 1)
        assert float(acc * multiplier) % 2.0 ** (31 - shift) == 2.0 ** (30 - shift)


def test_nearest_to_halves_is_where_one_rounding_and_two_part():
    made = case_named("nearest to halves", {})
    parted = sum(
        int((scale_accumulators(a, m, s, "half_up") != scale_accumulators(a, m, s, "double")).sum())
        for a, m, s, _ in made
    )
    assert parted >= len(made) * 20


@pytest.mark.parametrize("shift", [31, 30, 1, 0, -1, -31])
def test_accumulators_around_halves_lie_on_both_sides(shift):
    acc = requantize_cases.around([3], 1583594044, shift).astype(object)
    values = [2 * a * 1583594044 - 3 * 2 ** (31 - shift) for a in acc]
    if values:
        assert values[0] <= 0 <= values[-1] or shift > 29


@pytest.mark.parametrize(
    ("name", "args", "flags"),
    [
        ("tie", (int32(1, 2, -3), 2**30, 0, 0), [True, False, True]),
        ("twice_rounded", (int32(7984, 7983), 1583594044, -9, 0), [True, False]),
        ("saturates", (int32(127, 128, -128, -129), 2**30, 1, 0), [False, True, False, True]),
        ("crossed", (int32(130, 127, -128), 2**30, 1, -5), [True, False, True]),
        ("past_int32", (int32(2**30, 2**29, -(2**30), -(2**30) - 1), 2**30, 1, 0), [True, False, False, True]),
        ("past_2_24", (int32(2**24, -(2**24), 2**24 - 1), 2**30, 0, 0), [True, True, False]),
        ("in_float32", (int32(2**24 + 1, 3), 2**30, 1, 0), [True, False]),
        ("lowest_acc", (int32(-(2**31), 0), 2**30, 0, 0), [True, False]),
        ("shift_left", (int32(1), 2**30, 3, 0), [True]),
        ("zero_point_negative", (int32(1), 2**30, 3, -2), [True]),
    ],
)
def test_a_region_flags_its_places(name, args, flags):
    assert region(name, args) == flags


def within(args, codes, **settings):
    return named(REQUANTIZE.laws, "within").holds(args, np.array(codes), full(REQUANTIZE, settings))


@pytest.mark.parametrize(
    ("rounding", "acc", "shift", "codes"),
    [
        ("half_up", 511, -9, [0]),
        ("double", 511, -9, [0, 1]),  # the high half is 255.5
        ("gemmlowp", 511, -9, [0, 1]),
        ("double", 510, -9, [0]),
        ("double", 2, 0, [1]),
        ("float", 1, -1, [0]),
        ("float", 2**24, 1, list(range(2**24 - 4, 2**24 + 5))),
    ],
)
def test_no_code_is_further_away_than_its_rounding_takes_it(rounding, acc, shift, codes):
    args = int32(acc), 2**30, shift, 0
    near = range(codes[0] - 99, codes[-1] + 100)
    assert [q for q in near if within(args, [q], bits=32, rounding=rounding)] == codes


def test_a_fraction_is_as_close_as_rounding_takes_it_only_where_it_saturates():
    args = int32(3, 300, -300), 2**30, 1, 0
    assert within(args, [3.0, 127.5, -128.5])
    assert not within(args, [3.25, 127, -128])
    assert not within(args, [np.nan, 127, -128])


@pytest.mark.parametrize(
    ("name", "args", "codes"),
    [
        ("logical_shift", (int32(-8, 8), 2**30, -1, 0), [127, 2]),
        ("half_then_divided", (int32(-3, 3), 2**30, -1, 0), [0, 1]),
        ("product_32", (int32(4, 2), 2**30, 0, 0), [0, -1]),
        ("zero_point_before_shift", (int32(8), 2**30, 0, 5), [4]),
        ("zero_point_before_scale", (int32(8), 2**30, 0, 5), [7]),
        ("clipped_first_cast", (int32(300), 2**30, 1, 5), [-124]),
        ("clipped_first", (int32(300), 2**30, 1, 5), [132]),
        ("clipped_twice", (int32(-300, 130), 2**30, 1, -5), [-128, 122]),
        ("cast", (int32(300), 2**30, 1, 0), [44]),
        ("shift_one_more", (int32(8), 2**30, 1, 0), [4]),
        ("shift_one_less", (int32(8), 2**30, 1, 0), [16]),
        ("high_half_floored", (int32(3), 2**30, -1, 0), [1]),
        ("second_shift_floored", (int32(3), 2**30, -1, 0), [1]),
        ("left_shift_wraps", (int32(2**31 - 1), 2**30, 1, 0), [-1]),
        ("multiplier_q15", (int32(2**20), 2**30 + 1, -10, 0), [127]),
    ],
)
def test_a_fault_answers_as_it_says(name, args, codes):
    assert fault(name, args) == codes


@pytest.mark.parametrize("rounding", REQUANTIZE_WORDS)
def test_the_faults_follow_the_rounding_of_the_settings(rounding):
    acc = np.arange(-99, 100, 3, dtype=np.int32)
    settings = full(REQUANTIZE, {"rounding": rounding})
    args, twice = (acc, 2**30, -2, 0), (acc, 2**30, -1, 0)
    shifted = fault_named(REQUANTIZE, "shift_one_less").answer(args, settings)
    assert shifted.tolist() == REQUANTIZE.answer(twice, settings).tolist()


@pytest.mark.parametrize("rounding", ["double", "gemmlowp", "float"])
@pytest.mark.parametrize(
    ("name", "acc", "shift"),  # halves
    [("product_32", 3, 0), ("multiplier_q15", 3, 0), ("product_float64", 3, 0), ("high_word", 4, -2)],
)
def test_a_fault_that_rounds_once_takes_halves_up_where_the_word_is_no_single_rounding(name, acc, shift, rounding):
    args = (int32(acc, -acc), 2**30, shift, 0)
    assert fault(name, args, rounding=rounding) == fault(name, args, rounding="half_up")
    assert fault(name, args, rounding="half_down") != fault(name, args, rounding="half_up")


def test_the_high_half_is_rounded_by_the_word_before_it_is_shifted_as_an_unsigned_number():
    args = (int32(-1), 2**30, 0, 0)  # -1/2
    found = {word: fault("logical_second_shift", args, rounding=word) for word in ("double", "gemmlowp", "ceil")}
    assert found == {"double": [-1], "gemmlowp": [0], "ceil": [0]}


@pytest.mark.parametrize(
    ("args", "settings", "text"),
    [
        ((int32(7984), 1583594044, -9, 0), {}, "7984 * 1583594044 * 2^-40 = 11.4991188, half_up: 11"),
        (
            (int32(7984), 1583594044, -9, 3),
            {"rounding": "double"},
            "7984 * 1583594044 * 2^-31 rounds to 5888, 5888 * 2^-9 to 12; + 3 = 15",
        ),
        ((int32(5), 2**30, 1, 0), {"rounding": "gemmlowp"}, "5 * 1073741824 * 2^-30 rounds to 5"),
        ((int32(5), 2**30, 0, 0), {"rounding": "double"}, "5 * 1073741824 * 2^-31 rounds to 3"),
        ((int32(127), 2**30, 1, 0), {}, "127 * 1073741824 * 2^-30 = 127, half_up: 127"),
        (
            (int32(-300), 2**30, 1, 0),
            {"rounding": "float"},
            "-300 * 1073741824 * 2^-30 = -300, in float32: -300, saturated to -128",
        ),
    ],
)
def test_a_value_is_derived_by_hand(args, settings, text):
    assert REQUANTIZE.by_hand(args, (0,), full(REQUANTIZE, settings)) == text


def test_every_case_has_its_line_of_kills():
    assert list(requantize_kills.REQUANTIZE) == [case.name for case in REQUANTIZE.cases]
    assert len(requantize_faults.FAULTS) == len({f.statement for f in requantize_faults.FAULTS})


def test_what_saturates_stands_in_three_dimensions_too():
    def unsaturated(acc, multiplier, shift, zero_point):
        codes = requantize(acc, multiplier, shift, zero_point)
        return np.where((codes == 127) & (codes.ndim == 3), -128, codes)

    assert check(unsaturated, "requantize", examples=0).verdict == "differs"

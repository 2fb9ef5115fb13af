import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import affine as oracle
from oracles.fixed_point import rounded
from verify.rivals import fault_named, full, named

from refcompress.rounding import ROUNDING
from refcompress.verify import check
from refcompress.verify.operations import affine_kills, affine_parameters_faults
from refcompress.verify.operations.affine_parameters import AFFINE_PARAMETERS

EVERY = [
    {"bits": bits, "signed": signed, "symmetric": symmetric, "narrow_range": narrow, "arithmetic": arithmetic}
    for bits, signed, symmetric, narrow, arithmetic in itertools.product(
        (2, 5, 8, 16, 32), (True, False), (False, True), (False, True), ("exact", "float32")
    )
]


def calls(settings):
    return [(case, args) for case in AFFINE_PARAMETERS.cases for args in case.make(full(AFFINE_PARAMETERS, settings))]


@pytest.mark.parametrize("number", range(10))
def test_the_reference_agrees_with_itself_whatever_the_settings(number):
    for given_settings in EVERY[number::10][:4]:
        settings = full(AFFINE_PARAMETERS, given_settings)
        report = check(
            lambda *args, s=settings: AFFINE_PARAMETERS.answer(args, s),
            AFFINE_PARAMETERS,
            examples=20,
            **given_settings,
        )
        assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("number", range(10))
def test_every_law_holds_for_the_reference_whatever_the_settings(number):
    for given_settings in EVERY[number::10]:
        settings = full(AFFINE_PARAMETERS, given_settings)
        for case, args in calls(given_settings):
            answer = AFFINE_PARAMETERS.answer(args, settings)
            broken = [law.name for law in AFFINE_PARAMETERS.laws if not law.holds(args, answer, settings)]
            assert broken == [], (given_settings, case.name, args)


@pytest.mark.parametrize("number", range(10))
def test_the_steps_that_faults_change_are_the_right_ones_where_none_is(number):
    unchanged = affine_parameters_faults._by()
    for given_settings in EVERY[number::10]:
        settings = full(AFFINE_PARAMETERS, given_settings)
        for case, args in calls(given_settings):
            scale, zero_point = AFFINE_PARAMETERS.answer(args, settings)
            assert unchanged(args, settings) == (float(scale), int(zero_point)), (given_settings, case.name, args)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("bits", [2, 8, 32])
def test_what_is_expected_of_the_cases_is_what_rational_arithmetic_gives(bits, symmetric):
    settings = full(AFFINE_PARAMETERS, {"bits": bits, "symmetric": symmetric})
    for case, args in calls({"bits": bits, "symmetric": symmetric}):
        scale, zero_point = AFFINE_PARAMETERS.answer(args, settings)
        assert (Fraction(float(scale)), int(zero_point)) == oracle.parameters(*args, bits, symmetric=symmetric), (
            case.name
        )


def test_the_ends_are_ordered_python_floats_that_float32_holds():
    for case, (low, high) in calls({}):
        assert type(low) is type(high) is float, case.name
        assert low <= high, case.name
        assert [float(np.float32(end)) for end in (low, high)] == [low, high], case.name


def test_every_line_of_kills_belongs_to_a_case():
    assert {c.name for c in AFFINE_PARAMETERS.cases} == set(affine_kills.AFFINE_PARAMETERS)


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_some_zero_points_are_ties_of_both_parities(bits):
    case = next(c for c in AFFINE_PARAMETERS.cases if "ties" in c.name)
    below = set()
    for low, high in case.make(full(AFFINE_PARAMETERS, {"bits": bits})):
        steps = -Fraction(low) * (2**bits - 1) / (Fraction(high) - Fraction(low))
        if steps % 1 == Fraction(1, 2):
            below.add(int(steps // 1) % 2)
    assert below == {0, 1}


@given(st.fractions(-1000, 1000) | st.integers(-9, 9).map(lambda n: Fraction(n, 2)), st.sampled_from(sorted(ROUNDING)))
def test_a_fraction_is_rounded_by_the_word(v, word):
    assert affine_parameters_faults._whole(v, word) == rounded(v, word)


@pytest.mark.parametrize(
    ("name", "ends", "settings", "answer"),
    [
        ("not_widened", (1.0, 256.0), {}, (1.0, -128)),
        ("not_widened_nor_clipped", (1.0, 256.0), {}, (1.0, -129)),
        ("x_min_ignored", (-255.0, 255.0), {}, (1.0, -128)),
        ("magnitudes", (-1.0, 127.5), {}, (1.0, 0)),
        ("number_of_codes", (0.0, 256.0), {}, (1.0, -128)),
        ("symmetric_q_min", (-128.0, 1.0), {"symmetric": True}, (1.0, 0)),
        ("symmetric_half", (-127.5, 1.0), {"symmetric": True}, (1.0, 0)),
        ("symmetric_x_max", (-300.0, 127.0), {"symmetric": True}, (1.0, 0)),
        ("symmetric_below", (-1.0, 127.0), {"symmetric": True, "signed": False}, (1.0, 127)),
        ("least_eps", (0.0, 0.0), {}, (2.0**-23, -128)),
        ("least_1e_8", (0.0, 255 * 2.0**-40), {}, (float(np.float32(1e-8)), -128)),
        ("scale_zero", (0.0, 0.0), {}, (0.0, -128)),
        ("scale_underflows", (0.0, 2.0**-149), {}, (0.0, -128)),
        ("scale_infinite", (-3e38, 3e38), {}, (np.inf, -128)),
        ("constant_is_one", (5.0, 5.0), {}, (1.0, 0)),
        ("no_width_has_zero", (0.0, 0.0), {}, (1.0, 0)),
        ("scale_float64", (0.0, 1.0), {}, (1 / 255, -128)),
        ("scale_power_of_two", (0.0, 300.0), {}, (2.0, -128)),
        ("scale_inverse", (0.0, 510.0), {}, (0.5, -128)),
        ("zero_point_half_away", (-0.5, 254.5), {}, (1.0, -128)),
        ("zero_point_floor", (-1.0, 1.0), {}, (float(np.float32(2 / 255)), -1)),
        ("zero_point_from_0", (-3.0, 252.0), {}, (1.0, 3)),
        ("zero_point_negated", (-3.0, 252.0), {}, (1.0, 125)),
        ("zero_point_not_rounded", (-3.25, 251.75), {}, (1.0, -124.75)),
        ("zero_point_none", (-3.0, 252.0), {}, (1.0, 0)),
        ("swapped", (-3.0, 252.0), {}, (-125, 1.0)),
    ],
)
def test_a_fault_of_affine_parameters_answers_as_it_says(name, ends, settings, answer):
    chosen = full(AFFINE_PARAMETERS, settings)
    got = tuple(np.asarray(part).tolist() for part in fault_named(AFFINE_PARAMETERS, name).answer(ends, chosen))
    right = tuple(part.tolist() for part in AFFINE_PARAMETERS.answer(ends, chosen))
    assert got == answer
    assert right != answer or name == "zero_point_half_away"


@pytest.mark.parametrize(
    ("name", "ends", "answer"),
    [
        ("usable", (0.0, 1.0), (0.0, -128)),
        ("usable", (0.0, 1.0), (np.inf, -128)),
        ("is_code", (-1.0, 0.0), (1 / 255, 128)),
        ("is_code", (-1.0, 0.0), (1 / 255, 0.5)),
        ("is_float32", (0.0, 1.0), (1 / 255, -128)),
        ("no_width", (0.0, 0.0), (0.5, -128)),
        ("covers", (-1.0, 3.0), (4 / 255, -128)),
        ("covers", (10.5, 14.0), (3.5 / 255, -128)),
        ("covers", (0.0, 255 * 2.0**-126), (2.0**-126, 0)),
        ("no_wider", (0.0, 1.0), (1 / 254, -128)),
        ("one_sided", (0.0, 1.0), (1 / 255, -127)),
    ],
)
def test_a_law_of_affine_parameters_is_broken_by(name, ends, answer):
    settings = full(AFFINE_PARAMETERS, {})
    law = named(AFFINE_PARAMETERS.laws, name)
    assert not law.holds(ends, answer, settings)
    assert law.holds(ends, AFFINE_PARAMETERS.answer(ends, settings), settings)


@pytest.mark.parametrize(
    ("arithmetic", "beyond", "covered"),
    [("exact", 3.0e-5, True), ("exact", 3.1e-5, False), ("float32", 2.433e-4, True), ("float32", 2.44e-4, False)],
)
def test_the_end_codes_reach_the_ends_but_for_half_a_step_and_what_roundings_add(arithmetic, beyond, covered):
    settings = full(AFFINE_PARAMETERS, {"arithmetic": arithmetic})
    ends = -0.5 - beyond, 254.5 - beyond  # in steps: the sum of their magnitudes is 255
    assert bool(named(AFFINE_PARAMETERS.laws, "covers").holds(ends, (1.0, -128), settings)) is covered


def test_the_end_codes_of_a_symmetric_scheme_reach_the_ends_but_for_the_rounding_of_the_scale():
    settings, law = full(AFFINE_PARAMETERS, {"symmetric": True}), named(AFFINE_PARAMETERS.laws, "covers")
    assert law.holds((-127.0, 127.0), (1 - 2.0**-22, 0), settings)
    assert not law.holds((-127.0, 127.0), (1 - 2.0**-21, 0), settings)


def test_what_an_infinite_scale_covers_is_not_asked():
    assert named(AFFINE_PARAMETERS.laws, "covers").holds((0.0, 1.0), (np.inf, -128), full(AFFINE_PARAMETERS, {}))


def test_a_scale_may_be_rounded_up():
    law, settings = named(AFFINE_PARAMETERS.laws, "no_wider"), full(AFFINE_PARAMETERS, {})
    assert law.holds((0.0, 255.0), (1 + 2.0**-21, -128), settings)
    assert not law.holds((0.0, 255.0), (1 + 2.0**-20, -128), settings)


@pytest.mark.parametrize(
    ("bits", "high", "held"), [(16, 1.0, False), (17, 1.0, True), (8, 255 * 2.0**-126, False), (8, 2.0**-120, True)]
)
def test_in_float32_the_zero_point_of_one_sided_ranges_is_promised_of_normal_scales_and_16_bits(bits, high, held):
    settings = full(AFFINE_PARAMETERS, {"arithmetic": "float32", "bits": bits})
    assert named(AFFINE_PARAMETERS.laws, "one_sided").holds((0.0, high), (high, 0), settings) is held


def test_a_symmetric_scheme_has_its_zero_point_in_the_middle():
    settings = full(AFFINE_PARAMETERS, {"symmetric": True, "signed": False})
    law = named(AFFINE_PARAMETERS.laws, "symmetric")
    assert law.holds((-1.0, 1.0), (1 / 127, 128), settings)
    assert not law.holds((-1.0, 1.0), (1 / 127, 127), settings)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("no_width", (0.0, 0.0), (5.0, 5.0)),
        ("constant", (5.0, 5.0), (0.0, 5.0)),
        ("too_wide", (-3e38, 3e38), (0.0, 3e38)),
        ("subnormal", (0.0, 1e-38), (0.0, 1e-30)),
        ("subnormal", (0.0, 254 * 2.0**-126), (0.0, 255 * 2.0**-126)),
        ("below_eps", (0.0, 254 * 2.0**-23), (0.0, 255 * 2.0**-23)),
        ("zero_outside", (1.0, 3.0), (0.0, 3.0)),
        ("balanced", (-2.0, 2.0), (-2.0, 3.0)),
        ("no_negative", (0.0, 3.0), (-1.0, 3.0)),
        ("no_positive", (-3.0, 0.0), (-1.0, 3.0)),
        ("left_heavy", (-3.0, 1.0), (-1.0, 3.0)),
        ("right_heavy", (-1.0, 3.0), (-3.0, 1.0)),
    ],
)
def test_a_region_of_affine_parameters_flags_both_parts_of_a_call(name, inside, outside):
    settings = full(AFFINE_PARAMETERS, {})
    region = named(AFFINE_PARAMETERS.regions, name)
    for ends, flag in ((inside, True), (outside, False)):
        masks = region.mask(ends, AFFINE_PARAMETERS.answer(ends, settings), settings)
        assert [(m.shape, m.tolist()) for m in masks] == [((), flag)] * 2


def test_a_wrong_zero_point_is_shown_on_a_small_range_and_named():
    def truncates(x_min, x_max):
        scale, _ = AFFINE_PARAMETERS.answer((x_min, x_max), full(AFFINE_PARAMETERS, {}))
        low, high = min(x_min, 0.0), max(x_max, 0.0)
        width = Fraction(high) - Fraction(low)
        return float(scale), int(-128 - Fraction(low) * 255 / width) if width else -128

    report = check(truncates, "affine_parameters")
    assert report.diagnosis[0].fault == "zero_point_toward_zero"
    assert max(abs(v) for v in report.counterexample.inputs.values()) <= 9


def test_ends_in_the_wrong_order_that_are_taken_get_a_remark():
    report = check(lambda x_min, x_max: (1.0, 0), "affine_parameters", examples=0)
    assert "accepts x_min above x_max, which the operation rejects" in report.remarks


@pytest.mark.parametrize(
    ("ends", "given", "lines"),
    [
        (
            (-1.0, 1.0),
            {},
            (
                "the range with 0 in it is -1.0 to 1.0: s = (1.0 - -1.0) / (127 - -128) = 0.007843137718737125, "
                "rounded once to float32",
                "the range with 0 in it is -1.0 to 1.0: z = -128 - -1.0 / ((1.0 - -1.0) / (127 - -128)) = -0.5, "
                "half_even gives 0",
            ),
        ),
        (
            (1.0, 3.0),
            {"signed": False, "arithmetic": "float32"},
            (
                "the range with 0 in it is 0.0 to 3.0: s = (3.0 - 0.0) / (255 - 0) = 0.0117647061124444, each step in "
                "float32",
                "the range with 0 in it is 0.0 to 3.0: z = 0 - 0.0 / 0.0117647061124444, each step in float32, "
                "half_even gives 0",
            ),
        ),
        (
            (0.0, 0.0),
            {},
            (
                "the range with 0 in it is 0.0 to 0.0: s = 1.0",
                "the range with 0 in it is 0.0 to 0.0: the code of 0 is -128",
            ),
        ),
        (
            (-2.0, 1.0),
            {"symmetric": True, "signed": False},
            (
                "s = max(|-2.0|, |1.0|) / (255 - 128) = 0.015748031437397003, rounded once to float32",
                "symmetric: z is the middle code 128",
            ),
        ),
    ],
)
def test_both_parts_are_worked_out_by_hand(ends, given, lines):
    settings = full(AFFINE_PARAMETERS, given)
    assert tuple(AFFINE_PARAMETERS.by_hand(ends, (part,), settings) for part in range(2)) == lines

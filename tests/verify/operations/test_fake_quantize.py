import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import affine as oracle
from verify.few import drawn
from verify.rivals import broken_laws, fault_named, full, named, rivals_of

from refcompress import fake_quantize_gradient
from refcompress.verify import check
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operations import fake_gradient_cases, fake_quantize_cases, fake_quantize_kills
from refcompress.verify.operations.fake_quantize import FAKE_QUANTIZE, FAKE_QUANTIZE_GRADIENT

OPERATIONS = (FAKE_QUANTIZE, FAKE_QUANTIZE_GRADIENT)
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
NUMBERS = pytest.mark.parametrize("number", range(6))


def some_settings(operation, number):
    """Settings drawn from all that there are; the defaults first."""
    draw = random.Random(number)
    chosen = {s.name: draw.choice(s.allowed) for s in operation.settings if s.name != "check_dtype"}
    return chosen if number else {}


def calls(operation, settings):
    return [(case, args) for case in operation.cases for args in case.make(settings)]


def holds(law, args, answer, settings):
    with np.errstate(all="ignore"):  # as whoever asks a law does
        return law.holds(args, answer, settings)


def region_named(operation, name):
    return named(operation.regions, name)


def law_named(operation, name):
    return named(operation.laws, name)


# both


@NUMBERS
@EACH
def test_the_reference_agrees_with_itself_whatever_the_settings(operation, number):
    given_settings = some_settings(operation, number)
    settings = full(operation, given_settings)
    report = check(lambda *args: operation.answer(args, settings), operation, examples=20, **given_settings)
    assert report.verdict == "agrees", str(report)


@NUMBERS
@EACH
def test_laws_and_rivals_hold_for_the_reference_whatever_the_settings(operation, number):
    settings = full(operation, some_settings(operation, number))
    for case, args in calls(operation, settings):
        answer = operation.answer(args, settings)
        assert np.array_equal(answer, operation.rival_answer(args, settings), equal_nan=True), (case.name, args)
        broken = broken_laws(operation, args, answer, settings)
        assert broken == [], (case.name, args)


@NUMBERS
@EACH
def test_a_region_has_the_shape_of_the_answer_whatever_the_settings(operation, number):
    settings = full(operation, some_settings(operation, number))
    for _, args in calls(operation, settings)[::5]:
        answer = operation.answer(args, settings)
        for region in operation.regions:
            with np.errstate(all="ignore"):
                (mask,) = region.mask(args, answer, settings)
            assert (mask.shape, mask.dtype) == (np.shape(answer), np.bool_), region.name


@NUMBERS
@EACH
def test_every_fault_and_every_other_setting_has_an_answer_to_most_calls(operation, number):
    """One that gives nothing cannot be told from what a candidate does."""
    settings = full(operation, some_settings(operation, number))
    some = [args for _, args in calls(operation, settings)[::9]]
    for fault in operation.faults:
        with np.errstate(all="ignore"):
            shapes = [np.shape(fault.answer(args, settings)) for args in some]
        assert shapes == [args[0].shape for args in some], fault.name


@EACH
def test_every_line_of_kills_belongs_to_a_case(operation):
    assert {c.name for c in operation.cases} == set(getattr(fake_quantize_kills, operation.name.upper()))


@EACH
def test_some_case_has_more_elements_than_a_block(operation):
    assert max(args[0].size for _, args in calls(operation, full(operation, {}))) > 65_536


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@EACH
def test_a_candidate_is_given_numbers_or_one_scale_a_channel(operation, axis, dtype):
    settings = full(operation, {"axis": axis, "dtype": dtype})
    low, high = fake_gradient_cases.limits(settings)
    for case, (x, s, z, *upstream) in calls(operation, settings):
        assert x.dtype == float_dtype(dtype), case.name
        assert not np.isnan(x.astype(np.float64)).any(), case.name
        assert [(u.shape, u.dtype) for u in upstream] == [(x.shape, x.dtype)] * len(upstream), case.name
        if axis is None:
            assert (type(s), type(z)) == (float, int), case.name
            assert float(np.float64(s).astype(float_dtype(dtype))) == s, case.name
            assert low <= z <= high, case.name
        else:
            assert (s.shape, s.dtype) == ((x.shape[axis],), x.dtype), case.name
            assert (z.shape, z.dtype.kind) == (s.shape, "i"), case.name


# the values


@given(st.integers(-300, 300), st.sampled_from([0.1, 0.5, 3.7]), st.sampled_from([-128, -3, 0, 133]))
def test_codes_outside_the_range_have_values_too(code, s, z):
    settings = full(FAKE_QUANTIZE, {})
    (value,) = fake_quantize_cases.to_values(np.array([float(code)]), (np.zeros(1, np.float32), s, z), settings)
    assert value.dtype == np.float32
    assert Fraction(float(value)) == oracle.dequantized(code, s, z, "float32")


def test_infinite_codes_have_infinite_values():
    args = np.zeros(3, np.float32), 0.5, 3
    values = fake_quantize_cases.to_values(np.array([np.inf, -np.inf, 4.5]), args, full(FAKE_QUANTIZE, {}))
    assert values.tolist() == [np.inf, -np.inf, 0.75]


@pytest.mark.parametrize(
    ("name", "x", "s", "z", "expected"),
    [
        ("zero", [3.0], 1.0, 0, [0]),
        ("unchanged", [3.3], 1.0, 0, [np.float32(3.3)]),
        ("clipped_alone", [3.25, 200.0], 1.0, 0, [3.25, 127]),
        ("codes", [3.0], 1.0, 5, [8]),
        ("scale_left_out", [3.0], 0.5, 5, [6]),
        ("zero_point_left_in", [3.0], 0.5, 5, [5.5]),
        ("zero_point_added_back", [3.0], 0.5, 5, [8]),
        ("divided_back", [3.0], 0.5, 5, [12]),
        ("two_products", [0.7], np.float32(0.1).item(), 3, [np.float32(1) - np.float32(0.3)]),
        ("from_x_min", [-1e9, 0.25], 0.5, 0, [-64, 0]),
        ("scale_power_of_two", [3.0], 3.0, 0, [4]),
        ("zero_point_zero", [200.0], 1.0, -100, [127]),
        ("outside_unchanged", [200.0, 3.2], 1.0, 0, [200, 3]),
        ("outside_is_zero", [200.0, 3.2], 1.0, 0, [0, 3]),
        ("infinity_is_zero", [np.inf, 200.0], 1.0, 0, [0, 127]),
        ("integer_result", [0.75], 0.5, 0, [1]),
        ("overflow_saturates", [np.inf], 3e38, 0, [FLOATS["float32"][1]]),
        ("scale_float16", [2049.0], 1.0, 0, [127]),
        ("zero_point_ignored", [3.0], 1.0, 5, [-2]),
    ],
)
def test_a_fault_answers_as_it_says(name, x, s, z, expected):
    answer = fault_named(FAKE_QUANTIZE, name).answer((np.array(x, np.float32), s, z), full(FAKE_QUANTIZE, {}))
    assert np.asarray(answer).tolist() == expected


def test_a_negative_number_that_rounds_to_zero_keeps_its_sign_by_mistake():
    x = np.array([-0.25, 0.25, -0.0, -1.0], np.float32)
    answer = fault_named(FAKE_QUANTIZE, "zero_keeps_sign").answer((x, 1.0, 3), full(FAKE_QUANTIZE, {}))
    assert np.signbit(answer).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("law", "x", "answer"),
    [
        ("keeps_zero", 0.0, -0.0),
        ("keeps_zero", 0.0, 0.5),
        ("on_grid", 0.7, 0.7),
        ("in_range", 300.0, 127.5),
        ("half_step", 3.0, 2.0),
        ("whole_step", 3.0, 1.0),
        ("side", -3.0, 0.5),
    ],
)
def test_a_law_sees_one_wrong_value(law, x, answer):
    args = np.array([x], np.float32), 0.5, 0
    settings = full(FAKE_QUANTIZE, {})
    assert holds(law_named(FAKE_QUANTIZE, law), args, FAKE_QUANTIZE.answer(args, settings), settings)
    assert not holds(law_named(FAKE_QUANTIZE, law), args, np.array([answer], np.float32), settings)


def law_holds(name, x, s, z, answer=None, **chosen):
    """Whether a law of the values holds: for the right answer, unless another one is given."""
    settings = full(FAKE_QUANTIZE, chosen)
    args = np.array([x], float_dtype(settings["dtype"])), s, z
    right = FAKE_QUANTIZE.answer(args, settings)
    given = right if answer is None else np.array([answer], right.dtype)
    return holds(law_named(FAKE_QUANTIZE, name), args, given, settings)


def test_half_a_step_is_a_law_of_rounding_to_nearest_alone():
    assert law_holds("half_step", 0.75, 1.0, 0, rounding="floor")
    assert law_holds("half_step", 0.75, 1.0, 0, 0.0, rounding="floor")
    assert law_holds("whole_step", 0.75, 1.0, 0, rounding="floor")
    assert not law_holds("whole_step", 0.75, 1.0, 0, -1.0, rounding="floor")


def test_a_value_may_be_off_by_the_roundings_too_but_no_further():
    most = np.float32(0.5 + 2.0**-22)
    assert law_holds("half_step", 0.0, 1.0, 0, most)
    assert not law_holds("half_step", 0.0, 1.0, 0, np.nextafter(most, np.float32(1)))


@pytest.mark.parametrize(("x", "z"), [(6553.6, 0), (3276.0, 40_000), (-3276.0, -40_000)])
def test_what_overflows_on_the_way_to_a_code_may_be_far_from_x(x, z):
    """The quotient or the sum is infinite in float16, and is clipped to an end of a range that is wider."""
    width = {"bits": 18, "dtype": "float16", "zero_point_added": "before_rounding"}
    s = float(np.float16(0.1))
    settings = full(FAKE_QUANTIZE, width)
    args = np.array([x], np.float16), s, z
    assert abs(float(FAKE_QUANTIZE.answer(args, settings)[0]) - x) > 1000
    assert law_holds("half_step", x, s, z, **width)
    assert law_holds("whole_step", x, s, z, **width)


@pytest.mark.parametrize(("x", "z"), [(3250.0, 0), (2400.0, 8000), (-2400.0, 8000)])
def test_what_does_not_overflow_is_close_to_x(x, z):
    width = {"bits": 18, "dtype": "float16"}
    s = float(np.float16(0.1))
    assert law_holds("half_step", x, s, z, **width)
    assert not law_holds("half_step", x, s, z, x - 100, **width)


@pytest.mark.parametrize(("law", "x", "answer"), [("keeps_zero", 0.0, 1.0), ("side", 0.25, -1.0)])
def test_zero_has_a_code_as_long_as_the_dtype_holds_the_zero_point(law, x, answer):
    """In float16 2049 is 2048, where it is added before rounding."""
    summed = {"bits": 16, "dtype": "float16", "zero_point_added": "before_rounding"}
    assert law_holds(law, x, 1.0, 2048, **summed)
    assert not law_holds(law, x, 1.0, 2048, answer, **summed)
    assert law_holds(law, x, 1.0, 2049, **summed)
    assert law_holds(law, x, 1.0, 2049, answer, **summed)


def test_a_value_that_overflows_has_its_region():
    args = np.array([np.inf, 1.0], np.float32), 3e38, 0
    settings = full(FAKE_QUANTIZE, {})
    mask = region_named(FAKE_QUANTIZE, "overflow").mask(args, FAKE_QUANTIZE.answer(args, settings), settings)
    assert mask[0].tolist() == [True, False]


def test_a_rounded_product_has_its_region():
    args = np.array([0.3, 0.1, 0.0], np.float32), float(np.float32(0.1)), 0
    settings = full(FAKE_QUANTIZE, {})
    mask = region_named(FAKE_QUANTIZE, "rounded_product").mask(args, FAKE_QUANTIZE.answer(args, settings), settings)
    assert mask[0].tolist() == [True, False, False]


def test_a_value_is_worked_out_by_hand():
    args = np.array([1.25], np.float32), 0.5, 3
    text = FAKE_QUANTIZE.by_hand(args, (0,), full(FAKE_QUANTIZE, {}))
    assert text.startswith("x / s = 1.25 / 0.5 = 2.5 in float32, half_even gives 2, + 3 = 5")
    assert text.endswith("x' = (5 - 3) * 0.5 = 1.0 in float32")


# the gradient


def named_case(name):
    return named(FAKE_QUANTIZE_GRADIENT.cases, name)


@pytest.mark.parametrize("settings", [{}, {"signed": False}, {"narrow_range": True}, {"bits": 4, "axis": 0}])
def test_clamps_own_bounds_are_met_with_gradients_that_pass(settings):
    settings = full(FAKE_QUANTIZE_GRADIENT, settings)
    low, high = fake_gradient_cases.limits(settings)
    for args in named_case("at the bounds of clamp: all that saturates").make(settings):
        at_ends = np.isin(fake_gradient_cases.unclipped(args, settings), (low, high))
        assert at_ends.sum() * 2 >= args[0].size
        assert (FAKE_QUANTIZE_GRADIENT.answer(args, settings)[at_ends] != 0).all()
        strict = {**settings, "boundary": "zero"}
        assert (FAKE_QUANTIZE_GRADIENT.answer(args, strict)[at_ends] == 0).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_exact_ties_lie_at_both_ends_for_zero_points_of_both_parities(dtype):
    settings = full(FAKE_QUANTIZE_GRADIENT, {"dtype": dtype})
    low, high = fake_gradient_cases.limits(settings)
    met = set()
    for x, s, z, _ in named_case("exact ties at the ends").make(settings):
        codes = [Fraction(float(v)) / Fraction(s) + z for v in x]
        met |= {(float(code), z % 2) for code in codes}
    assert {(end, parity) for end in (low - 0.5, high + 0.5) for parity in (0, 1)} <= met


def test_every_special_upstream_is_met_inside_and_outside():
    settings = full(FAKE_QUANTIZE_GRADIENT, {})
    met = set()
    for args in named_case("special upstreams").make(settings):
        flags = fake_gradient_cases.inside(args, settings)
        met |= set(zip(args[3].view(np.uint32).tolist(), flags.tolist(), strict=True))
    words = {word for word, _ in met}
    assert met == {(word, flag) for word in words for flag in (True, False)}
    assert len(words) == 16


@given(
    st.lists(st.integers(-600, 600), min_size=1, max_size=5),
    st.sampled_from([0.1, 0.5, 3.7]),
    st.sampled_from([-128, -3, 0, 127]),
    st.sampled_from(["code", "value"]),
    st.sampled_from(["pass", "zero"]),
)
def test_what_is_inside_agrees_with_rational_arithmetic(quarters, s, z, mask, boundary):
    s = float(np.float32(s))
    settings = full(FAKE_QUANTIZE_GRADIENT, {"mask": mask, "boundary": boundary})
    x = (np.array(quarters) / 4 * s).astype(np.float32)
    expected = [oracle.passes(float(v), s, z, mask=mask, boundary=boundary) for v in x]
    assert fake_gradient_cases.inside((x, s, z), settings).tolist() == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zero", [0, 0, 0, 0, 0]),
        ("no_mask", [-2, -2, -2, -2, -2]),
        ("inverted", [-2, 0, 0, 0, -2]),
        ("no_upper_end", [0, -2, -2, -2, -2]),
        ("no_lower_end", [-2, -2, -2, -2, 0]),
        ("half_at_ends", [0, -1, -2, -1, 0]),
        ("half_at_value_ends", [0, -1, -2, -1, 0]),
        ("zero_point_ignored", [-2, -2, -2, 0, 0]),
        ("value_without_zero_point", [-2, -2, -2, 0, 0]),
        ("x_in_codes", [-2, -2, -2, -2, -2]),
        ("hard_tanh", [0, 0, -2, 0, 0]),
        ("where_unchanged", [0, -2, -2, -2, 0]),
        ("one_code_too_high", [0, -2, -2, -2, -2]),
        ("one_code_short", [0, -2, -2, 0, 0]),
        ("ones", [0, 1, 1, 1, 0]),
        ("divided_by_scale", [0, -4, -4, -4, 0]),
        ("times_scale", [0, -1, -1, -1, 0]),
        ("sign_flipped", [0, 2, 2, 2, 0]),
        ("clipped_to_one", [0, -1, -1, -1, 0]),
        ("zero_stops", [0, -2, 0, -2, 0]),
        ("leads_back", [-2, -2, -2, -2, 0]),
    ],
)
def test_a_wrong_gradient_answers_as_it_says(name, expected):
    """One step below the range, its ends, zero, and one step above it, with z = -100: from -14 to 113.5."""
    x = np.array([-14.5, -14.0, 0.0, 113.5, 114.0], np.float32)
    args = x, 0.5, -100, np.full(5, -2, np.float32)
    answer = fault_named(FAKE_QUANTIZE_GRADIENT, name).answer(args, full(FAKE_QUANTIZE_GRADIENT, {}))
    assert np.asarray(answer).tolist() == expected


@pytest.mark.parametrize(
    ("law", "x", "answer"),
    [
        ("all_or_nothing", [3.0], [1.0]),
        ("all_or_nothing", [300.0], [-0.0]),
        ("inside_passes", [3.0], [0.0]),
        ("outside_stops", [300.0], [-2.0]),
        ("infinite_stops", [np.inf], [-2.0]),
        ("one_interval", [1.0, 2.0, 3.0], [-2.0, 0.0, -2.0]),
    ],
)
def test_a_law_sees_one_wrong_gradient(law, x, answer):
    args = np.array(x, np.float32), 1.0, 0, np.full(len(x), -2, np.float32)
    settings = full(FAKE_QUANTIZE_GRADIENT, {})
    law = law_named(FAKE_QUANTIZE_GRADIENT, law)
    assert holds(law, args, FAKE_QUANTIZE_GRADIENT.answer(args, settings), settings)
    assert not holds(law, args, np.array(answer, np.float32), settings)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("tie_at_ends", [True, False, False, False]),
        ("highest", [False, True, True, False]),
        ("code_or_value", [False, False, True, False]),
        ("above", [True, False, False, False]),
        ("inside", [False, True, True, True]),
    ],
)
def test_the_regions_around_the_ends(name, flags):
    args = np.array([127.5, 127.0, 127.25, 3.0], np.float32), 1.0, 0, np.ones(4, np.float32)
    settings = full(FAKE_QUANTIZE_GRADIENT, {})
    assert region_named(FAKE_QUANTIZE_GRADIENT, name).mask(args, None, settings)[0].tolist() == flags


def test_near_the_value_of_an_end_is_within_a_part_of_it():
    """From q_min to q_max is from -100 to 155."""
    near = [end * (1 + d * 2.0**-12) for end in (-100.0, 155.0) for d in (0.5, 1, 1.25, -1, -1.25)]
    args = np.array([*near, np.inf], np.float32), 1.0, -28, np.ones(11, np.float32)
    (mask,) = region_named(FAKE_QUANTIZE_GRADIENT, "near_value_ends").mask(args, None, full(FAKE_QUANTIZE_GRADIENT, {}))
    assert mask.tolist() == [True, True, False, True, False] * 2 + [False]


@pytest.mark.parametrize("law", ["inside_passes", "outside_stops"])
def test_a_step_is_told_as_long_as_codes_are_shorter_than_the_dtype_by_two_bits(law):
    """The largest code and the zero point are 511 together, and 512, which is 2^9."""
    x = np.array([-1000.0, -384.0, 384.0, 1000.0], np.float16)
    settings = full(FAKE_QUANTIZE_GRADIENT, {"dtype": "float16"})
    for z, told in ((383, True), (384, False), (-383, True), (-384, False)):
        args = x, 1.0, z, np.ones(4, np.float16)
        wrong = np.asarray(~fake_gradient_cases.inside(args, settings), np.float16)
        assert holds(law_named(FAKE_QUANTIZE_GRADIENT, law), args, wrong, settings) is not told


def test_the_search_draws_what_has_no_code_that_could_be_wrapped():
    settings = full(FAKE_QUANTIZE_GRADIENT, {"overflow": "wrap", "dtype": "float16"})

    def overflows(args):
        with np.errstate(over="ignore"):
            return np.isinf(args[0] / np.float16(args[1])).any()

    found = [args for args in drawn(FAKE_QUANTIZE_GRADIENT.strategy, settings) if overflows(args)]
    assert found
    assert not any(fake_quantize_cases.has_code(args[:3], settings).all() for args in found)


@pytest.mark.parametrize("signed", [True, False])
def test_cases_of_codes_that_are_too_large_for_the_dtype_do_not_warn(signed):
    settings = full(FAKE_QUANTIZE_GRADIENT, {"bits": 32, "signed": signed, "dtype": "float16", "axis": 0})
    assert any(np.isinf(args[0]).any() for args in named_case("axes of equal length").make(settings))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "before clipping: inside the codes [-128, 127]; the upstream -2.0 passes"),
        ({"mask": "value"}, "x = 127.25: not inside the values of -128 to 127 [-128.0, 127.0]; the upstream -2.0"),
        ({"boundary": "zero"}, "not inside the codes [-128, 127], ends excluded; the upstream -2.0 becomes 0"),
        ({"overflow": "wrap"}, "+ 0 = 127, before clipping: inside the codes"),
        ({"overflow": "wrap", "bits": 4}, "+ 0 = 127, before clipping: not inside the codes [-8, 7]"),
    ],
)
def test_a_gradient_is_worked_out_by_hand(settings, text):
    args = np.array([127.25], np.float32), 1.0, 0, np.array([-2.0], np.float32)
    assert text in FAKE_QUANTIZE_GRADIENT.by_hand(args, (0,), full(FAKE_QUANTIZE_GRADIENT, settings))


def test_ends_that_overflow_are_told_by_hand_without_a_warning():
    args = np.array([1.0]), 1e307, 0, np.array([-2.0])
    settings = full(FAKE_QUANTIZE_GRADIENT, {"mask": "value", "dtype": "float64"})
    assert "[-inf, inf]; the upstream -2.0 passes" in FAKE_QUANTIZE_GRADIENT.by_hand(args, (0,), settings)


def test_overflow_is_a_setting_without_effect_on_the_gradient():
    settings = full(FAKE_QUANTIZE_GRADIENT, {})
    assert not any("overflow" in name for name in rivals_of(FAKE_QUANTIZE_GRADIENT, settings))
    args = np.array([3.0, 300.0], np.float32), 1.0, 0, np.ones(2, np.float32)
    answers = [FAKE_QUANTIZE_GRADIENT.answer(args, {**settings, "overflow": o}).tolist() for o in ("wrap", "saturate")]
    assert answers == [[1, 0], [1, 0]]


def test_a_fault_of_long_arrays_is_shown_on_the_shortest_with_its_upstream():
    def forgets_the_mask_from_300_on(x, s, z, upstream):
        right = FAKE_QUANTIZE_GRADIENT.answer((x, s, z, upstream), full(FAKE_QUANTIZE_GRADIENT, {}))
        return upstream.copy() if x.size >= 300 else right

    inputs = check(forgets_the_mask_from_300_on, FAKE_QUANTIZE_GRADIENT, examples=20).counterexample.inputs
    assert inputs["x"].size == inputs["upstream"].size == 300


def test_gradients_that_stop_stand_in_matrices_too():
    def product_in_matrices(x, scale, zero_point, upstream):
        gradient = fake_quantize_gradient(x, scale, zero_point, upstream)
        return np.copysign(gradient, upstream) if x.ndim > 1 else gradient

    assert check(product_in_matrices, "fake_quantize_gradient", examples=0).verdict == "differs"

import numpy as np
import pytest
from verify.rivals import full, named

from refcompress.verify.operations.affine import AFFINE_QUANTIZE
from refcompress.verify.operations.affine_quantize_laws import LAWS, REGIONS, by_hand


@pytest.mark.parametrize(
    ("name", "x", "s", "z", "codes"),
    [
        ("keeps_zero", [0.0], 0.3, 5, [0]),
        ("keeps_steps", [9.0], 3.0, 5, [7]),
        ("half_step", [10.0], 3.0, 5, [9]),
        ("whole_step", [10.0], 3.0, 5, [10]),
        ("in_range", [9000.0], 3.0, 5, [3005]),
        ("side", [0.3], 1.0, 5, [4]),
        ("side", [-0.3], 1.0, 5, [6]),
        ("monotone", [1.0, 2.0], 1.0, 5, [7, 6]),
        ("same_for_same", [1.0, 1.0], 1.0, 5, [6, 7]),
    ],
)
def test_a_law_of_affine_quantize_is_broken_by(name, x, s, z, codes):
    args, settings = (np.array(x, np.float32), s, z), full(AFFINE_QUANTIZE, {})
    law = named(LAWS, name)
    assert not law.holds(args, np.array(codes), settings)
    assert law.holds(args, AFFINE_QUANTIZE.answer(args, settings), settings)


def test_codes_need_rise_within_a_channel_alone():
    args = np.array([[1.0, 2.0], [1.5, 2.5]], np.float32), np.array([1, 0.5], np.float32), np.array([0, 9], np.int32)
    settings = full(AFFINE_QUANTIZE, {"axis": 0})
    law = named(LAWS, "monotone")
    assert law.holds(args, AFFINE_QUANTIZE.answer(args, settings), settings)
    assert not law.holds(args, np.array([[1, 2], [12, 11]]), settings)


def test_the_half_step_allows_for_the_rounding_of_the_quotient():
    x = np.array([float(np.float32(0.1) * np.float32(12.5))], np.float32)
    settings, law = full(AFFINE_QUANTIZE, {}), named(LAWS, "half_step")
    assert law.holds((x, float(np.float32(0.1)), 0), np.array([12]), settings)
    assert law.holds((x, float(np.float32(0.1)), 0), np.array([13]), settings)


@pytest.mark.parametrize(("x", "s", "z"), [(60000.0, 1.0, 10000), (32768.0, 0.5, 0)])
def test_a_step_is_promised_where_neither_quotient_nor_sum_overflows(x, s, z):
    settings = full(AFFINE_QUANTIZE, {"dtype": "float16", "bits": 32, "zero_point_added": "before_rounding"})
    args = np.array([x], np.float16), s, z
    assert AFFINE_QUANTIZE.answer(args, settings).tolist() == [2**31 - 1]
    assert named(LAWS, "half_step").holds(args, np.array([2**31 - 1]), settings)


def test_who_rounds_down_is_not_held_to_half_a_step():
    settings, args = full(AFFINE_QUANTIZE, {"rounding": "floor"}), (np.array([0.75], np.float32), 1.0, 0)
    assert named(LAWS, "half_step").holds(args, np.array([0]), settings)


def test_who_multiplies_by_the_reciprocal_may_move_a_whole_number_of_steps():
    settings = full(AFFINE_QUANTIZE, {"rounding": "floor", "scaling": "reciprocal"})
    args = np.arange(1, 100, dtype=np.float32) * 41, 41.0, 0
    codes = AFFINE_QUANTIZE.answer(args, settings)
    assert (codes < np.arange(1, 100)).any()
    assert named(LAWS, "keeps_steps").holds(args, codes, settings)


def test_zero_keeps_its_code_up_to_the_last_zero_point_that_the_dtype_holds():
    settings = full(AFFINE_QUANTIZE, {"bits": 32})
    law = named(LAWS, "keeps_zero")
    for z, broken in ((2**24, True), (2**24 + 1, False)):
        assert law.holds((np.zeros(1, np.float32), 1.0, z), np.array([z - 1]), settings) is not broken


def test_a_sum_that_is_rounded_may_fall_below_the_zero_point():
    settings = full(AFFINE_QUANTIZE, {"bits": 32, "zero_point_added": "before_rounding"})
    law = named(LAWS, "side")
    x = np.array([0.25], np.float32)
    assert AFFINE_QUANTIZE.answer((x, 1.0, 2**25 + 1), settings).tolist() == [2**25]
    assert law.holds((x, 1.0, 2**25 + 1), np.array([2**25]), settings)
    assert not law.holds((x, 1.0, 2**24), np.array([2**24 - 1]), settings)


@pytest.mark.parametrize(
    ("scaling", "text"),
    [
        ("divide", "x / s = 7.5 / 5.0 = 1.5 in float16, half_even gives 2, + 3 = 5"),
        ("exact", "x / s = 7.5 / 5.0 = 1.5, not rounded to float16, half_even gives 2, + 3 = 5"),
        ("reciprocal", "x * (1 / s) = 7.5 * 0.199951171875 = 1.5 in float16, half_even gives 2, + 3 = 5"),
    ],
)
def test_a_code_by_hand_shows_how_the_quotient_comes_about(scaling, text):
    settings = full(AFFINE_QUANTIZE, {"dtype": "float16", "scaling": scaling})
    assert by_hand((np.array([7.5], np.float16), 5.0, 3), (0,), settings) == text


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("tie", [1, 0, 0, 0, 0, 1]),
        ("true_tie", [1, 0, 0, 0, 0, 0]),
        ("negative", [0, 1, 0, 0, 0, 0]),
        ("saturates", [0, 0, 1, 0, 0, 0]),
        ("highest", [0, 0, 1, 0, 0, 0]),
        ("infinite", [0, 0, 0, 0, 0, 0]),
        ("subnormal", [0, 0, 0, 0, 1, 0]),
        ("inexact", [1, 0, 1, 0, 1, 1]),
        ("below_one", [1, 0, 0, 1, 1, 0]),
        ("zero", [0, 0, 0, 1, 0, 0]),
        ("no_reciprocal", [0] * 6),
        ("zero_point_odd", [1] * 6),
        ("zero_point_zero", [0] * 6),
        ("scale_no_power", [1] * 6),
        ("scale_large", [1] * 6),
        ("subnormal_scale", [0] * 6),
        ("later_channels", [0] * 6),
    ],
)
def test_a_region_of_affine_quantize_flags(name, flags):
    args = np.array([1.5, -3.0, 1000.0, 0.0, 1e-40, np.float32(3 * 2.5) + 2.0**-22], np.float32), 3.0, 1
    args[0][5] = np.nextafter(np.float32(7.5), np.float32(8))
    settings = full(AFFINE_QUANTIZE, {})
    region = named(REGIONS, name)
    mask = region.mask(args, AFFINE_QUANTIZE.answer(args, settings), settings)[0]
    if name == "tie":
        flags = [*flags[:5], mask[5]]  # whether the quotient rounds to the tie, the dtype says
    if name == "inexact":
        assert mask[2]
    assert mask.tolist() == [bool(f) for f in flags]


def test_the_later_channels_are_all_but_the_first():
    x = np.zeros((2, 3), np.float32)
    args = x, np.ones(3, np.float32), np.zeros(3, np.int32)
    region = named(REGIONS, "later_channels")
    (mask,) = region.mask(args, x, full(AFFINE_QUANTIZE, {"axis": 1}))
    assert mask.tolist() == [[False, True, True]] * 2

import numpy as np
import pytest
from verify.rivals import full, named

from refcompress.verify.operations.affine import AFFINE_QUANTIZE
from refcompress.verify.operations.affine_quantize_laws import LAWS, REGIONS


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

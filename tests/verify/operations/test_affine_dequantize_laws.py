import numpy as np
import pytest
from verify.rivals import full, named

from refcompress.verify.operations.affine import AFFINE_DEQUANTIZE
from refcompress.verify.operations.affine_dequantize_laws import LAWS, REGIONS


@pytest.mark.parametrize(
    ("name", "q", "s", "z", "values"),
    [
        ("keeps_zero", [5], 0.5, 5, [-0.0]),
        ("keeps_zero", [5], 0.5, 5, [2.5]),
        ("keeps_steps", [6], 0.75, 5, [1.0]),
        ("nearest", [8], 0.75, 5, [2.0]),
        ("is_float", [8], 0.75, 5, [2.25 + 2.0**-40]),
        ("sign", [4], 0.5, 5, [0.5]),
        ("rising", [4, 6], 0.5, 5, [0.5, -0.5]),
        ("rising", [4, 6], 0.5, 5, [0.5, 0.5]),
        ("rising", [2**23 - 1, 2**23], 1.0, 0, [2.0**23, 2.0**23]),
    ],
)
def test_a_law_of_affine_dequantize_is_broken_by(name, q, s, z, values):
    args, settings = (np.array(q, np.int32), s, z), full(AFFINE_DEQUANTIZE, {})
    law = named(LAWS, name)
    assert not law.holds(args, np.array(values), settings)
    assert law.holds(args, AFFINE_DEQUANTIZE.answer(args, settings), settings)


def test_values_need_rise_within_a_channel_alone():
    args = np.array([[1, 2], [1, 2]], np.int8), np.array([8, 0.5], np.float32), np.array([0, 0], np.int32)
    settings = full(AFFINE_DEQUANTIZE, {"axis": 0})
    law = named(LAWS, "rising")
    assert law.holds(args, AFFINE_DEQUANTIZE.answer(args, settings), settings)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("zero", [1, 0, 0, 0]),
        ("lowest", [0, 0, 0, 1]),
        ("outside_type", [0, 0, 0, 1]),
        ("negative", [0, 1, 0, 1]),
        ("positive", [0, 0, 1, 0]),
        ("negative_code", [0, 0, 0, 1]),
        ("inexact", [0, 0, 1, 0]),
        ("infinite", [0, 0, 0, 0]),
        ("subnormal", [0, 0, 0, 0]),
        ("int8", [1, 1, 1, 1]),
        ("int16", [0, 0, 0, 0]),
        ("past_2_8", [0, 0, 0, 0]),
        ("zero_point_odd", [1, 1, 1, 1]),
    ],
)
def test_a_region_of_affine_dequantize_flags(name, flags):
    args, settings = (np.array([5, 4, 8, -128], np.int8), 1 + 2.0**-23, 5), full(AFFINE_DEQUANTIZE, {})
    region = named(REGIONS, name)
    (mask,) = region.mask(args, AFFINE_DEQUANTIZE.answer(args, settings), settings)
    if name == "inexact":
        flags = [*flags[:3], mask[3]]  # 133 * (1 + 2^-23) has 31 bits
        assert mask[3]
    assert mask.tolist() == [bool(f) for f in flags]

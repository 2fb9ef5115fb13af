"""gfloat and torch: casts to small floats over every bit pattern of 8 and 16 bits, and gfloat's microscaling blocks."""

import gfloat
import ml_dtypes
import numpy as np
import pytest
import torch
from gfloat import RoundMode, formats

from refcompress import cast_float8, mx_dequantize, mx_quantize, round_to_format
from refcompress.quantization.small_floats import FLOAT8, FORMATS, decode
from refcompress.verify import check

OURS_AND_THEIRS = {
    "e4m3fn": formats.format_info_ocp_e4m3,
    "e5m2": formats.format_info_ocp_e5m2,
    "e2m3fn": formats.format_info_ocp_e2m3,
    "e3m2fn": formats.format_info_ocp_e3m2,
    "e2m1fn": formats.format_info_ocp_e2m1,
    "bfloat16": formats.format_info_bfloat16,
    "float16": formats.format_info_binary16,
}
MODES = {
    "half_even": RoundMode.TiesToEven,
    "half_away": RoundMode.TiesToAway,
    "toward_zero": RoundMode.TowardZero,
    "floor": RoundMode.TowardNegative,
    "ceil": RoundMode.TowardPositive,
}
INPUTS = ("float16", "bfloat16", *FLOAT8)
MX = {
    "mxfp8_e4m3": formats.format_info_mxfp8_e4m3,
    "mxfp8_e5m2": formats.format_info_mxfp8_e5m2,
    "mxfp6_e2m3": formats.format_info_mxfp6_e2m3,
    "mxfp6_e3m2": formats.format_info_mxfp6_e3m2,
    "mxfp4_e2m1": formats.format_info_mxfp4_e2m1,
    "mxint8": formats.format_info_mxint8,
}


def every_value(name):
    with np.errstate(invalid="ignore"):  # a signalling nan
        return decode(np.arange(2 ** FORMATS[name].bits), name).astype(np.float64)


def same(actual, expected):
    alike = (actual == expected) & (np.signbit(actual) == np.signbit(expected))
    return bool(np.all(alike | (np.isnan(actual) & np.isnan(expected))))


# gfloat


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("name", OURS_AND_THEIRS)
@pytest.mark.parametrize("source", INPUTS)
def test_gfloat_rounds_every_pattern_of_8_and_16_bits_as_we_do(source, name, rounding):
    x = every_value(source)
    if not FORMATS[name].nan:
        x = x[~np.isnan(x)]
    for overflow in ("saturate", "ieee"):
        if overflow == "ieee" and not FORMATS[name].nan:
            continue  # both refuse what overflows
        ours = round_to_format(x, name, overflow=overflow, rounding=rounding).astype(np.float64)
        with np.errstate(all="ignore"):
            theirs = gfloat.round_ndarray(OURS_AND_THEIRS[name], x, MODES[rounding], sat=overflow == "saturate")
        assert same(ours, theirs), overflow


@pytest.mark.parametrize("name", OURS_AND_THEIRS)
def test_gfloat_decodes_every_pattern_as_we_do(name):
    patterns = np.arange(2 ** FORMATS[name].bits)
    assert same(every_value(name), gfloat.decode_ndarray(OURS_AND_THEIRS[name], patterns))


def test_gfloat_rounds_scales_that_tie_to_the_even_pattern_and_has_none_below_its_smallest():
    """IEEE 754-2019, section 4.3.1, gives the larger of two where none has an even significand."""
    theirs = formats.format_info_ocp_e8m0
    assert round_to_format([0.75, 3.0, 2.0**-128], "e8m0fnu").tolist() == [1.0, 4.0, 2.0**-127]
    assert [gfloat.round_float(theirs, v) for v in (0.75, 3.0, 2.0**-128)] == [0.5, 2.0, 2.0**-128]


def blocks():
    random = np.random.default_rng(0)
    for power in (-140, -127, -30, 0, 40, 120):
        yield np.ldexp(random.normal(size=32), power)
        yield np.ldexp(random.integers(-16, 17, 32) / 8, power)
    yield np.zeros(32)


@pytest.mark.parametrize("name", [name for name in MX if name != "mxint8"])
def test_gfloat_quantizes_microscaling_blocks_as_we_do(name):
    for x in blocks():
        ours = mx_dequantize(*mx_quantize(x, name)).astype(np.float64)
        theirs = gfloat.quantize_block(MX[name], x, gfloat.compute_scale_amax)
        assert np.array_equal(ours, theirs), x


def test_gfloat_takes_the_lowest_integer_of_mxint8():
    x = np.full(32, -1.999)
    assert set(gfloat.quantize_block(MX["mxint8"], x, gfloat.compute_scale_amax).tolist()) == {-2.0}
    assert set(mx_dequantize(*mx_quantize(x, "mxint8")).tolist()) == {-127 / 64}


# torch

TORCH = {"e4m3fn": "saturate", "e5m2": "ieee", "e4m3fnuz": "ieee", "e5m2fnuz": "ieee"}  # what it does where x overflows


@pytest.mark.parametrize("name", FLOAT8)
@pytest.mark.parametrize("source", ["float16", "bfloat16"])
def test_torch_casts_every_pattern_of_16_bits_as_we_do(name, source):
    with np.errstate(invalid="ignore"):
        x = every_value(source).astype(np.float32)
    tensor = torch.from_numpy(x).to(getattr(torch, source))
    theirs = tensor.to(getattr(torch, f"float8_{name}")).to(torch.float32).numpy()
    assert same(cast_float8(x, format=name, overflow=TORCH[name]), theirs)


@pytest.mark.parametrize("name", FLOAT8)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_tester_accepts_torch(name, dtype):
    settings = {"format": name, "overflow": TORCH[name], "dtype": dtype}
    report = check(lambda x: x.to(getattr(torch, f"float8_{name}")), "cast_float8", arrays="torch", **settings)
    assert report.verdict == "agrees", str(report)


def test_465_is_448_in_torch_and_nan_in_ml_dtypes():
    x = np.array([464, 465, np.inf], np.float32)
    assert torch.from_numpy(x).to(torch.float8_e4m3fn).to(torch.float32).tolist() == [448, 448, 448]
    assert np.isnan(cast_by_ml_dtypes(x).astype(np.float32)).tolist() == [False, True, True]


def test_the_tester_names_what_torch_and_ml_dtypes_do_to_a_float64():
    in_torch = check(lambda x: x.to(torch.float8_e4m3fn), "cast_float8", arrays="torch", dtype="float64")
    in_numpy = check(cast_by_ml_dtypes, "cast_float8", overflow="ieee", dtype="float64")
    for report in (in_torch, in_numpy):
        assert report.verdict == "differs"
        assert report.diagnosis[0].statement.startswith("rounds twice: to float32, then to the format")


def cast_by_ml_dtypes(x):
    with np.errstate(all="ignore"):
        return x.astype(ml_dtypes.float8_e4m3fn)

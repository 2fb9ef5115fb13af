import ml_dtypes
import numpy as np
import pytest

from refcompress.audit.affine import affine, fitted
from refcompress.audit.rules import Declared, Pair
from refcompress.quantization.affine import affine_dequantize, affine_quantize

X = (np.random.default_rng(0).normal(size=(16, 24)) + 0.2).astype(np.float32)
LARGEST = np.abs(X).max()


def right(propose, y, **declared):
    """The candidates that explain all."""
    pair = Pair("a", X, y, Declared(**declared))
    everything = slice(0, X.size)
    return [c for c in propose(pair) if c.agrees(c.answer(X.reshape(-1), everything), y.reshape(-1)).all()]


@pytest.mark.parametrize("steps", [127, 128, 127.5])
@pytest.mark.parametrize("bits", [8, 4])
def test_codes_of_a_symmetric_scale_are_found(steps, bits):
    steps = steps if bits == 8 else {127: 7, 128: 8, 127.5: 7.5}[steps]
    q = affine_quantize(X, np.float32(LARGEST / steps), 0, bits=bits)
    assert f"max|x| / {steps}" in {c.settings["scale"] for c in right(affine, q)}


def test_numbers_of_a_symmetric_scale_are_found():
    scale = np.float32(LARGEST / 127)
    y = affine_dequantize(affine_quantize(X, scale, 0), scale, 0)
    found = right(affine, y)
    assert {(c.rule, c.settings["scale"]) for c in found} == {("affine, dequantized", "max|x| / 127")}


def test_codes_of_a_range_with_a_zero_point_are_found():
    scale = np.float32((X.max() - X.min()) / 255)
    zero = int(np.rint(-X.min() / scale))
    found = right(affine, affine_quantize(X, scale, zero, signed=False))
    assert {c.settings["zero_point"] for c in found} == {zero}
    assert {c.zero(slice(0, 1)).item() for c in found} == {zero}


@pytest.mark.parametrize("axis", [0, 1])
def test_codes_of_a_scale_a_channel_are_found(axis):
    scale = (np.abs(X).max(axis=1 - axis) / np.float32(127)).astype(np.float32)
    q = affine_quantize(X, scale, 0, axis=axis)
    assert {c.settings["axis"] for c in right(affine, q)} == {axis}
    assert {c.settings["scale"] for c in right(affine, q, scale=scale, names=("s",)) if not c.contradicts} == {"s"}


def test_codes_of_blocks_need_the_scales_that_the_file_holds():
    scale = (np.abs(X).reshape(16, 3, 8).max(axis=2) / np.float32(7)).astype(np.float32)
    q = affine_quantize(X, scale, 0, bits=4, axis=1, block_size=8)
    assert right(affine, q) == []
    assert right(affine, q, scale=scale, names=("s",))[0].settings["cells"] == [16, 3]


@pytest.mark.parametrize("scaling", ["divide", "exact", "reciprocal"])
def test_a_scaling_is_named_where_a_tie_shows_it(scaling):
    scale = np.float32(0.265)
    x = ((np.arange(-120, 120) + 0.5) * float(scale)).astype(np.float32)
    q = affine_quantize(x, scale, 0, scaling=scaling)
    pair = Pair("a", x, q, Declared(scale=scale, names=("s",)))
    found = [c for c in affine(pair) if c.agrees(c.answer(x, slice(0, x.size)), q).all()]
    assert {c.settings["scaling"] for c in found if c.settings["rounding"] == "half_even"} == {scaling}


def test_a_scale_in_the_file_is_named_by_its_formula():
    scale = np.float32(LARGEST / 127)
    found = right(affine, affine_quantize(X, scale, 0), scale=scale, names=("a.scale",))
    assert "the scale is max|x| / 127" in next(c for c in found if c.settings["scale"] == "a.scale").note


def test_a_scale_that_is_not_the_one_in_the_file_contradicts_it():
    found = right(affine, affine_quantize(X, np.float32(LARGEST / 127), 0), scale=np.float32(9), names=("a.scale",))
    assert {c.contradicts for c in found} == {"the file has another scale in a.scale"}


def test_eight_bit_floats_of_a_scale_are_found():
    scale = np.float32(LARGEST / 448)
    y = (X / scale).astype(ml_dtypes.float8_e4m3fn)
    found = right(affine, y, scale=scale, names=("s",))
    assert found[0].rule == "cast of x / scale"
    assert found[0].settings["rounding"] == "half_even"


@pytest.mark.parametrize("rounding", ["half_even", "half_up"])
def test_codes_of_any_other_scale_are_fitted(rounding):
    found = right(fitted, affine_quantize(X, np.float32(0.0371), 3, rounding=rounding))
    assert found[0].settings["scale"].startswith("fitted, any from 0.037")
    assert found[0].settings["zero_point"] == 3


def test_numbers_of_any_other_scale_show_it():
    scale = np.float32(0.0371)
    found = right(fitted, affine_dequantize(affine_quantize(X, scale, 0), scale, 0))
    assert found[0].settings["value"] == scale


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.arange(4), np.int8([0, 1, 2, 3])),
        (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int8)),
        (np.ones(3, np.float32), np.array([True, False, True])),
        (np.full(3, np.nan, np.float32), np.int8([1, 2, 3])),
    ],
)
def test_where_there_is_nothing_to_infer_from_nothing_is_proposed(x, y):
    assert [*affine(Pair("a", x, y)), *fitted(Pair("a", x, y))] == []

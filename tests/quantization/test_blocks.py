import numpy as np
import pytest

from refcompress.quantization.blocks import blocks_of, joined, scales_of


@pytest.mark.parametrize(
    ("axis", "shape"), [(0, (5, 6, 2, 4)), (1, (8, 6, 1, 5)), (2, (8, 5, 2, 3)), (-3, (5, 6, 2, 4))]
)
def test_blocks_are_consecutive_entries_along_the_axis_and_come_back(axis, shape):
    x = np.arange(240.0).reshape(8, 5, 6)
    blocks, counted = blocks_of(x, "x", axis, shape[-1])
    assert blocks.shape == shape
    assert np.array_equal(blocks[0, 0, 0], np.moveaxis(x, axis, -1)[0, 0, : shape[-1]])
    assert np.array_equal(joined(blocks, counted), x)


def test_scales_stand_where_their_blocks_do():
    x = np.zeros((4, 64))
    blocks, axis = blocks_of(x, "x", 0, 2)
    scales = np.arange(128.0).reshape(2, 64)
    assert np.array_equal(scales_of(scales, "scales", blocks, axis), scales.T)


@pytest.mark.parametrize("shape", [(0,), (0, 8), (3, 0)])
def test_an_empty_array_has_no_blocks(shape):
    blocks, axis = blocks_of(np.zeros(shape), "x", -1, 4)
    assert blocks.size == 0
    assert joined(blocks, axis).shape == shape


def test_the_size_must_divide_the_length():
    with pytest.raises(ValueError, match="x has 6 entries along axis 1: 4 must divide that"):
        blocks_of(np.zeros((2, 6)), "x", -1, 4)


def test_there_is_one_scale_a_block():
    blocks, axis = blocks_of(np.zeros((2, 8)), "x", 1, 4)
    with pytest.raises(ValueError, match=r"scales has shape \(2,\): one a block makes \(2, 2\)"):
        scales_of([1.0, 2.0], "scales", blocks, axis)


@pytest.mark.parametrize("length", [0, 8])
def test_a_block_that_no_memory_holds_is_refused_of_an_empty_axis_too(length):
    with pytest.raises(ValueError, match=r"^block_size is \(1000000000000000000,\): no array has more than"):
        blocks_of(np.zeros((2, length)), "x", -1, 10**18)


def test_scales_that_are_no_numbers_are_named():
    blocks, axis = blocks_of(np.zeros(8), "x", 0, 4)
    with pytest.raises(TypeError, match=r"^scales has dtype <U1: it must hold integers or floats"):
        scales_of(["a", "b"], "scales", blocks, axis)

import numpy as np
import pytest
from safetensors.numpy import save_file

from refcompress.audit.pairing import (
    SCALES,
    ZERO_POINTS,
    Tensor,
    companion,
    dtype_of,
    known_shape,
    read_tensor,
    tensors_of,
)
from refcompress.audit.tensor_files import open_tensors
from refcompress.huffman import huffman_encode


def stored(path, **arrays):
    save_file(arrays, path / "a.safetensors")
    file = open_tensors(path / "a.safetensors")
    return file, tensors_of(file.tensors)


def test_values_and_indices_are_one_sparse_tensor(tmp_path):
    file, tensors = stored(
        tmp_path, **{"w.values": np.float32([-3, 2]), "w.indices": np.uint8([1, 3]), "b": np.ones(2, np.int8)}
    )
    assert tensors == {"b": Tensor("dense", ("b",)), "w": Tensor("sparse", ("w.values", "w.indices"))}
    assert read_tensor(file, "w", tensors["w"], (2, 2)).tolist() == [[0, -3], [0, 2]]
    assert (known_shape(file, tensors["w"]), dtype_of(file, tensors["w"])) == (None, "float32")


@pytest.mark.parametrize("shape", [(2**22, 2**21), (2**40, 2**40)])
def test_a_sparse_tensor_of_a_shape_that_no_memory_holds_is_refused(tmp_path, shape):
    file, tensors = stored(tmp_path, **{"w.values": np.float32([-3]), "w.indices": np.uint8([1])})
    with pytest.raises(ValueError, match=r"a.safetensors: w is no whole sparse tensor: "):
        read_tensor(file, "w", tensors["w"], shape)


def test_codes_by_huffman_are_a_tensor_of_int8(tmp_path):
    data = np.frombuffer(huffman_encode([255, 0, 0, 1]), np.uint8)
    file, tensors = stored(tmp_path, **{"w.huffman": data})
    assert tensors == {"w": Tensor("huffman", ("w.huffman",))}
    assert read_tensor(file, "w", tensors["w"]).tolist() == [-1, 0, 0, 1]
    assert read_tensor(file, "w", tensors["w"], (2, 2)).tolist() == [[-1, 0], [0, 1]]
    assert (known_shape(file, tensors["w"]), dtype_of(file, tensors["w"])) == (None, "int8")
    with pytest.raises(
        ValueError, match=r"w is no whole huffman tensor: w.huffman has 4 codes in 21 bytes: they must be 6"
    ):
        read_tensor(file, "w", tensors["w"], (2, 3))


def test_a_tensor_and_its_mask_are_one_masked_tensor(tmp_path):
    file, tensors = stored(tmp_path, w_orig=np.float32([1, -2, 3]), w_mask=np.float32([1, 0, 1]))
    assert tensors == {"w": Tensor("masked", ("w_orig", "w_mask"))}
    assert read_tensor(file, "w", tensors["w"]).tolist() == [1, 0, 3]
    assert known_shape(file, tensors["w"]) == (3,)


@pytest.mark.parametrize(
    "names",
    [
        ["w.values"],
        ["w.indices"],
        ["w", "w.values", "w.indices"],
        [".values", ".indices"],
        ["w.values", "v.indices"],
        ["w_orig"],
        ["w", "w.huffman"],
        [".huffman"],
    ],
)
def test_parts_that_make_no_whole_are_tensors_of_their_own(names):
    assert tensors_of(names) == {name: Tensor("dense", (name,)) for name in names}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w.values": np.ones(2), "w.indices": np.uint8([0, 9])}, r"indices\[1\] is 9"),
        ({"w.values": np.ones(2), "w.indices": np.uint8([0, 0])}, r"indices\[1\] is 0: no place may occur twice"),
        ({"w.values": np.ones(3), "w.indices": np.uint8([0, 1])}, "indices has shape"),
        ({"w.values": np.ones(2), "w.indices": np.float32([0, 1])}, "must hold integers"),
        ({"w.values": np.ones((2, 1)), "w.indices": np.uint8([0, 1])}, "one dimension"),
        ({"w_orig": np.ones(2), "w_mask": np.ones(3)}, "w_mask has shape"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(tmp_path, arrays, message):
    file, tensors = stored(tmp_path, **arrays)
    with pytest.raises(ValueError, match=rf"a.safetensors: w is no whole (sparse|masked) tensor: .*{message}"):
        read_tensor(file, "w", tensors["w"], (2, 2))


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("a.weight", "a.weight.scale"),
        ("a.weight", "a.weight_scale"),
        ("a.weight", "a.scale"),
        ("a.weight", "a.scales"),
        ("w", "w_scale"),
        ("w", "w.weight_scale"),
    ],
)
def test_the_usual_names_of_a_scale_are_known(name, beside):
    assert companion(name, SCALES, [name, beside], [name]) == beside
    zero = beside.replace("scale", "zero_point")
    assert companion(name, ZERO_POINTS, [name, zero], [name]) == zero


def test_a_scale_that_the_original_has_too_is_a_tensor_of_its_own():
    assert companion("norm.weight", SCALES, ["norm.weight", "norm.scale"], ["norm.weight", "norm.scale"]) is None
    assert companion("bias", SCALES, ["bias", "weight_scale"], ["bias"]) is None

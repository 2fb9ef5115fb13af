import json
import struct

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from refcompress.audit.tensor_files import DTYPES, numpy_dtype, open_tensors

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def write(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_every_dtype_comes_back_bit_for_bit(tmp_path, dtype):
    bits = np.random.default_rng(0).integers(0, 2, 12 * 8, dtype=np.uint8)  # 0 and 1 are booleans too
    size = numpy_dtype(DTYPES[dtype]).itemsize
    data = bits[: 6 * size].tobytes()
    path = write(
        tmp_path / "a.safetensors", {"a": {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, len(data)]}}, data
    )
    array = open_tensors(path).read("a")
    assert (array.shape, array.tobytes()) == ((2, 3), data)
    assert array.dtype == numpy_dtype(DTYPES[dtype])


def test_what_the_format_s_own_library_writes_is_read(tmp_path):
    arrays = {
        "x": np.arange(6, dtype=np.float32).reshape(2, 3),
        "empty": np.zeros((0, 3), np.int8),
        "one": np.array(2.5),
        "half": np.ones(3, ml_dtypes.bfloat16),
    }
    save_file(arrays, tmp_path / "a.safetensors", metadata={"k": "v"})
    file = open_tensors(tmp_path / "a.safetensors")
    assert file.metadata == {"k": "v"}
    assert {n: (a.dtype, a.shape, a.tobytes()) for n in file.tensors if (a := file.read(n)) is not None} == {
        n: (a.dtype, a.shape, a.tobytes()) for n, a in arrays.items()
    }


def test_metadata_that_are_null_are_none(tmp_path):
    path = write(tmp_path / "a.safetensors", {"__metadata__": None, "a": ENTRY}, bytes(8))
    assert open_tensors(path).metadata == {}


def test_names_are_in_the_order_of_their_numbers(tmp_path):
    save_file({f"layer.{i}": np.ones(1) for i in (10, 2, 1)}, tmp_path / "a.safetensors")
    assert list(open_tensors(tmp_path / "a.safetensors").tensors) == ["layer.1", "layer.2", "layer.10"]


def test_a_dtype_that_numpy_has_not_is_told_by_its_name(tmp_path):
    header = {"a": {"dtype": "F4", "shape": [16], "data_offsets": [0, 8]}, "b": {**ENTRY, "data_offsets": [8, 16]}}
    file = open_tensors(write(tmp_path / "a.safetensors", header, bytes(16)))
    assert (file.readable("a"), file.readable("b"), file.tensors["a"].dtype) == (False, True, "F4")


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"a": ENTRY}, b"1234", None),
        ({"a": {**ENTRY, "shape": [2**40, 2**40]}}, b"12345678", None),
        ({"a": {**ENTRY, "shape": [2**60], "data_offsets": [0, 2**62]}}, b"12345678", None),
        ({"a": ENTRY}, b"12345678", 2**40),
        ({"a": {**ENTRY, "data_offsets": [-8, 0]}}, b"12345678", None),
        ({"a": ENTRY, "b": ENTRY}, b"12345678", None),
        ({"a": ENTRY}, b"123456789", None),
        ({"a": {**ENTRY, "dtype": "F99"}}, b"12345678", None),
        ({"a": {**ENTRY, "shape": [2.0]}}, b"12345678", None),
        (b"hello", b"", None),
        (b"[" * 100_000, b"", None),
        (b'{"a\xff": 1}', b"", None),
    ],
    ids=range(12),
)
def test_a_lying_header_is_refused_with_one_line(tmp_path, header, data, length):
    path = write(tmp_path / "a.safetensors", header, data, length)
    with pytest.raises(ValueError, match=r"a.safetensors is no whole safetensors file: ") as refused:
        open_tensors(path)
    assert "\n" not in str(refused.value)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": np.ones(5, np.float32)}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="no whole safetensors file"):
            open_tensors(path)


def test_a_file_that_shrinks_after_it_was_opened_is_told(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": np.ones(5, np.float32)}, path)
    file = open_tensors(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"a.safetensors: a ends after 4 of 5 entries"):
        file.read("a")


def test_a_missing_file_is_an_os_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        open_tensors(tmp_path / "none.safetensors")

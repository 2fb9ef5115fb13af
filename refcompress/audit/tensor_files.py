"""Safetensors files, a tensor at a time: the header first, then the bytes of what is asked for.

The format's own library checks the file (the header, that the tensors lie in it without gaps); the bytes are then read
here, because its NumPy side knows none of the 8-bit floats, and bfloat16 only from a late version on.
"""

import json
import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refcompress.arguments import Array

# dtype in a file -> NumPy's name for it, or that of ml_dtypes
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}


@dataclass(frozen=True)
class Stored:
    """What the header says of a tensor, and where its bytes begin in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class TensorFile:
    """The header of a file; ``read`` gets one tensor."""

    path: Path
    tensors: Mapping[str, Stored]
    metadata: Mapping[str, str]

    def readable(self, name: str) -> bool:
        """Whether a tensor has a dtype that NumPy or ml_dtypes has too."""
        return self.tensors[name].dtype in DTYPES.values()

    def read(self, name: str) -> Array:
        """Read one tensor into memory of its own.

        Raises
        ------
        ValueError
            If the file has become shorter since it was opened.
        """
        stored = self.tensors[name]
        array = np.fromfile(self.path, numpy_dtype(stored.dtype), count=stored.size, offset=stored.start)
        if array.size != stored.size:
            raise ValueError(f"{self.path}: {name} ends after {array.size} of {stored.size} entries")
        return array.reshape(stored.shape)


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the dtype of a name, those of ml_dtypes included, as the little-endian bytes of a file hold it."""
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name, name)).newbyteorder("<")


def open_tensors(path: str | os.PathLike[str]) -> TensorFile:
    """Check a safetensors file and read its header.

    Raises
    ------
    ValueError
        For a file that is damaged or no safetensors file, with its name and what is wrong in it.
    OSError
        If the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    with path.open("rb") as file:  # a missing file is an OSError that names it
        try:
            with safe_open(path, framework="numpy") as checked:
                names = list(checked.keys())
        except SafetensorError as error:
            raise ValueError(f"{path} is no whole safetensors file: {error}") from error
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    tensors = {name: _stored(header[name], 8 + length) for name in sorted(names, key=_natural)}
    return TensorFile(path, tensors, header.get("__metadata__") or {})


def _stored(entry: Mapping[str, Any], data: int) -> Stored:
    dtype = entry["dtype"]
    return Stored(DTYPES.get(dtype, dtype), tuple(entry["shape"]), data + entry["data_offsets"][0])


def _natural(name: str) -> list[tuple[int, str]]:
    """Order layer.2 before layer.10."""
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in name.split(".")]

"""Arrays as JSON: dtype, shape, the bit pattern of every element, and its value for reading.

The bits are what counts; ``values`` is accepted in place of them. Infinities and NaN, which JSON lacks, are the strings
"inf", "-inf" and "nan".
"""

import math
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import float_dtype


def encode(value: Any) -> Any:
    """Turn an input or an answer into what ``json`` can write; a tuple or a list of arrays becomes a list."""
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return _number(value)
    return _encode_array(np.asarray(value))


def _encode_array(array: Array) -> dict[str, Any]:
    flat = np.ascontiguousarray(array).reshape(-1)
    width = flat.dtype.itemsize
    words = flat.view(f"u{width}").astype(np.uint64).tolist()
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "bits": [f"{w:0{2 * width}x}" for w in words],
        "values": [_number(v) for v in _python_values(flat)],
    }


def _python_values(flat: Array) -> list[Any]:
    return list(flat.tolist()) if flat.dtype.kind in "biu" else list(flat.astype(np.float64).tolist())


def _number(value: Any) -> Any:
    return value if isinstance(value, bool | int) or math.isfinite(value) else str(value)


def decode(value: Any) -> Any:
    """Turn what ``encode`` wrote, or the same with ``values`` alone, back into arrays.

    Raises
    ------
    ValueError
        For an object that is no array, or whose counts do not match its shape.
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    missing = {"dtype", "shape"} - set(value)
    if missing or not ({"bits", "values"} & set(value)):
        raise ValueError(
            f"an array needs dtype, shape and bits or values: got {', '.join(map(str, value)) or 'nothing'}"
        )
    try:
        dtype, shape = float_dtype(value["dtype"]), tuple(int(n) for n in value["shape"])
        if "bits" in value:
            words = np.array([int(text, 16) for text in value["bits"]], np.uint64)
            flat = words.astype(f"u{dtype.itemsize}").view(dtype)
        else:
            flat = np.array([float(v) if isinstance(v, str) else v for v in value["values"]]).astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"an array cannot be read: {error}") from error
    if flat.size != math.prod(shape):
        raise ValueError(f"an array of shape {shape} has {flat.size} elements")
    return flat.reshape(shape)

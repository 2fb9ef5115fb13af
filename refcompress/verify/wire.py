"""Arrays as JSON: dtype, shape, the bit pattern of every element, and its value for reading.

The bits are what counts; ``values`` is accepted in place of them. Infinities and NaN, which JSON lacks, are the strings
"inf", "-inf" and "nan".
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from refcompress.arguments import Array, is_float
from refcompress.rounding import narrow
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Operation, Settings

PROTOCOL = 1
NOT_FINITE = ("inf", "-inf", "nan")


def header(operation: Operation, settings: Settings) -> str:
    """Return the first line that an external program is sent: what it will be asked.

    Examples
    --------
    >>> from refcompress.verify.operations import OPERATIONS
    >>> json.loads(header(OPERATIONS["fraction_bits"], {"bits": 8}))["inputs"]
    [{'name': 'x', 'kind': 'floats'}]
    """
    inputs = [{"name": i.name, "kind": i.kind} for i in operation.inputs]
    chosen = {name: encode(value) for name, value in settings.items()}
    return json.dumps({"operation": operation.name, "settings": chosen, "inputs": inputs, "protocol": PROTOCOL})


def request(number: int, inputs: Mapping[str, Any]) -> str:
    """Return the line that asks for one answer; an input that is a number is a JSON number.

    Examples
    --------
    >>> import numpy as np
    >>> request(7, {"k": np.int64(4)})
    '{"id": 7, "k": 4}'
    """
    given = {name: v.item() if isinstance(v, np.generic) else v for name, v in inputs.items()}
    return json.dumps({"id": number} | {name: encode(value) for name, value in given.items()}, allow_nan=False)


def encode(value: Any) -> Any:
    """Turn an input or an answer into what ``json`` can write; a tuple or a list of arrays becomes a list.

    Raises
    ------
    TypeError
        For an array of anything but bools, integers and floats of at most 64 bits.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.array([0.5, -0.0], np.float16))
    {'dtype': 'float16', 'shape': [2], 'bits': ['3800', '8000'], 'values': [0.5, -0.0]}
    """
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(np.asarray(value))
    return _number(value) if isinstance(value, float) else value


def _encode_array(array: Array) -> dict[str, Any]:
    if array.dtype.kind not in "biu" and not is_float(array.dtype):
        raise TypeError(f"an array of dtype {array.dtype} cannot be written")
    flat = array.reshape(-1).astype(array.dtype.newbyteorder("="))
    width = flat.dtype.itemsize
    digits = flat.view(f"u{width}").astype(f">u{width}").tobytes().hex()
    return {
        "dtype": flat.dtype.name,
        "shape": list(array.shape),
        "bits": [digits[i : i + 2 * width] for i in range(0, len(digits), 2 * width)],
        "values": _numbers(flat),
    }


def _numbers(flat: Array) -> list[Any]:
    if flat.dtype.kind in "biu":
        return list(flat.tolist())
    with np.errstate(invalid="ignore"):  # a signalling nan
        wide = flat.astype(np.float64)
    return list(wide.tolist()) if np.isfinite(wide).all() else [_number(v) for v in wide.tolist()]


def _number(value: Any) -> Any:
    return value if isinstance(value, bool | int) or math.isfinite(value) else str(float(value))


def decode(value: Any) -> Any:
    """Turn what ``encode`` wrote, or the same with ``values`` alone, back into arrays.

    Raises
    ------
    ValueError
        For an object that is no array, whose counts do not match its shape, or whose values its dtype cannot hold.

    Examples
    --------
    >>> decode({"dtype": "float16", "shape": [2], "values": [0.5, "-inf"]})
    array([ 0.5, -inf], dtype=float16)
    """
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return float(value) if isinstance(value, str) and value in NOT_FINITE else value
    missing = {"dtype", "shape"} - set(value)
    if missing or not ({"bits", "values"} & set(value)):
        raise ValueError(
            f"an array needs dtype, shape and bits or values: got {', '.join(map(str, value)) or 'nothing'}"
        )
    try:
        dtype, shape = _dtype(value["dtype"]), tuple(int(n) for n in value["shape"])
        flat = _from_bits(value["bits"], dtype) if "bits" in value else _from_values(value["values"], dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"an array cannot be read: {error}") from error
    if flat.size != math.prod(shape) or any(n < 0 for n in shape):
        raise ValueError(f"an array of shape {shape} has {flat.size} elements")
    return flat.reshape(shape)


def _dtype(name: Any) -> np.dtype[Any]:
    if not isinstance(name, str):
        raise TypeError(f"dtype is {name!r}: it must be a word such as float32")
    try:
        dtype = float_dtype(name)
    except SyntaxError:  # NumPy parses some words as Python
        raise ValueError(f"dtype is {name[:40]!r}: it must be a word such as float32") from None
    except TypeError:
        import ml_dtypes

        dtype = np.dtype(getattr(ml_dtypes, name, object))
    if dtype.name != name or (dtype.kind not in "biu" and not is_float(dtype)):
        raise ValueError(f"dtype is {name!r}: it must be bool, an integer or a float of at most 64 bits")
    return dtype


def _from_bits(texts: list[str], dtype: np.dtype[Any]) -> Array:
    words = [int(text, 16) for text in texts]
    most = 1 if dtype.kind == "b" else 2 ** (8 * dtype.itemsize) - 1
    wrong = next((text for text, word in zip(texts, words, strict=True) if not 0 <= word <= most), None)
    if wrong is not None:
        raise ValueError(f"{wrong} is no {dtype.name}")
    return np.array(words, f"u{dtype.itemsize}").view(dtype)


def _from_values(values: list[Any], dtype: np.dtype[Any]) -> Array:
    numbers = [float(v) if isinstance(v, str) else v for v in values]
    if dtype.kind not in "biu":
        with np.errstate(over="ignore"):  # the nearest value of the dtype, infinity where that is the nearest
            return narrow(np.array(numbers, np.float64), dtype)
    flat = np.array([int(v) for v in numbers], object).astype(dtype)
    wrong = next((v for v, held in zip(values, flat.tolist(), strict=True) if v != held), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no {dtype.name}")
    return flat

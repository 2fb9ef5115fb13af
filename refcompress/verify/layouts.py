"""How the arrays of a call lie in memory, and how they are handed to a framework."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.agreement import NoArray, describe

MOST_BYTES = 2**31  # no right answer to a call is as large


def _plain(array: Array) -> Array:
    return array.copy(order="C")


def _strided(array: Array) -> Array:
    if array.ndim == 0:
        return _plain(array)
    # the gaps hold the same numbers in another order, so that reading straight through gives likely ones
    wide = np.repeat(array[..., ::-1], 2, axis=-1)
    wide[..., ::2] = array
    return wide[..., ::2]


def _reversed(array: Array) -> Array:
    return array[..., ::-1].copy()[..., ::-1] if array.ndim else _plain(array)


def _fortran(array: Array) -> Array:
    return array.copy(order="F")


def _read_only(array: Array) -> Array:
    copy = _plain(array)
    copy.flags.writeable = False
    return copy


# layout -> a fresh array of the same values that lies in memory so
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "plain": _plain,
    "strided": _strided,
    "reversed": _reversed,
    "fortran": _fortran,
    "read-only": _read_only,
}


def laid_out(value: Any, layout: str) -> Any:
    """Return a fresh copy of an input, its arrays in the given layout; lists keep their form."""
    if isinstance(value, list):
        return [laid_out(item, layout) for item in value]
    return LAYOUTS[layout](value) if isinstance(value, np.ndarray) else value


def contiguous(value: Any, layout: str) -> bool:
    """Whether all arrays of an input, or of several, are contiguous in C order when they are so laid out."""
    if isinstance(value, tuple | list):
        return all(contiguous(item, layout) for item in value)
    return not isinstance(value, np.ndarray) or bool(LAYOUTS[layout](value).flags.c_contiguous)


def straight_through(value: Any, layout: str) -> Any:
    """Return what a reader sees who takes an array so laid out for a contiguous one."""
    if isinstance(value, list):
        return [straight_through(item, layout) for item in value]
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return value
    if layout == "strided":
        memory = laid_out(value, layout).base.reshape(-1)[: value.size]
    elif layout == "reversed":
        memory = value[..., ::-1].reshape(-1)
    else:
        memory = value.ravel(order="F") if layout == "fortran" else value.reshape(-1)
    return memory.reshape(value.shape)


def to_numpy(value: Any) -> Any:
    """Hand an input over as it is."""
    return value


def to_torch(value: Any) -> Any:
    """Hand arrays over as CPU tensors that share their memory where torch has the layout."""
    import torch

    if isinstance(value, list):
        return [to_torch(item) for item in value]
    if not isinstance(value, np.ndarray):
        return value
    if not value.flags.writeable or any(step < 0 for step in value.strides):
        value = value.copy()  # torch has neither read-only nor reversed tensors
    if value.dtype.name == "bfloat16":
        return torch.from_numpy(value.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(value)


def to_jax(value: Any) -> Any:
    """Hand arrays over as jax arrays, which have no layout."""
    import jax

    if isinstance(value, list):
        return [to_jax(item) for item in value]
    return jax.numpy.asarray(value) if isinstance(value, np.ndarray) else value


# what --arrays may say -> how an input is handed over
FRAMEWORKS: dict[str, Callable[[Any], Any]] = {"numpy": to_numpy, "torch": to_torch, "jax": to_jax}


def during_call(arrays: str, values: Sequence[Any]) -> Any:
    """Return the context in which a candidate is given these inputs: jax drops 64-bit numbers unless told not to."""
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    if arrays != "jax" or not any(isinstance(item, np.ndarray) and item.dtype.itemsize == 8 for item in flat):
        return nullcontext()
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64  # until jax 0.8

    return enable_x64()


def from_framework(answer: Any, arrays: str = "numpy") -> tuple[Any, str | None]:
    """Turn an answer into NumPy arrays; the second value is a remark, where it came as something unexpected.

    What is no array becomes a ``NoArray`` that says what it is, so that nothing of the candidate's own is left in what
    is returned.
    """
    if isinstance(answer, tuple | list):
        converted = [from_framework(item, arrays) for item in answer]
        values = [value for value, _ in converted]
        return _sequence_type(answer)(values), next((remark for _, remark in converted if remark), None)
    if answer is None or isinstance(answer, bool):
        return answer, None
    if isinstance(answer, int):
        return (int(answer) if -(2**63) <= answer < 2**64 else NoArray("an integer past 64 bits")), None
    if isinstance(answer, float) and not isinstance(answer, np.generic):
        return float(answer), None
    try:
        array, remark = _to_array(answer, arrays)
    except Exception as error:  # whatever the object's own conversion raises
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        return NoArray(f"{describe(answer)} that cannot be read as an array ({why})"), None
    return (NoArray(describe(answer)) if array is None else _numbers(array)), remark


def _sequence_type(answer: Any) -> type:
    """Return list for a list and tuple for a tuple, named ones included."""
    return list if isinstance(answer, list) else tuple


def _to_array(answer: Any, arrays: str) -> tuple[Array | None, str | None]:
    """Return the array that an object stands for, or None, and a remark on whose it is."""
    if type(answer) is np.ndarray or isinstance(answer, np.generic):
        return np.asarray(answer), None
    if isinstance(answer, np.ma.MaskedArray):
        return np.asarray(answer.data), "returns a masked array: its data was read, whatever the mask says"
    module = type(answer).__module__.split(".")[0].replace("jaxlib", "jax")
    what = f"a {module} {type(answer).__name__}"
    remark = None if module in ("numpy", arrays) else f"returns {what}: it was read as a NumPy array"
    if module == "torch" and hasattr(answer, "detach"):
        return _from_torch(answer), remark
    if hasattr(answer, "__array__"):
        return np.asarray(answer), remark
    if hasattr(answer, "__dlpack__"):
        return np.from_dlpack(answer), remark
    return None, None


def _from_torch(tensor: Any) -> Array:
    import ml_dtypes
    import torch

    tensor = tensor.detach().cpu().resolve_neg()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    name = str(tensor.dtype).removeprefix("torch.")
    if not hasattr(ml_dtypes, name):
        return np.asarray(tensor.numpy())
    word = torch.int16 if tensor.itemsize == 2 else torch.uint8
    return np.asarray(tensor.view(word).numpy().view(name))


def _numbers(array: Array) -> Array | NoArray:
    """Turn Python numbers in an array into integers of 64 bits, or floats; refuse other objects, and floods."""
    if array.nbytes > MOST_BYTES:
        return NoArray(f"an array of {array.nbytes:,} bytes")
    if not array.dtype.hasobject:
        return array
    items = list(array.flat)
    if all(isinstance(v, int | np.integer) and -(2**63) <= v < 2**63 for v in items):
        return array.astype(np.int64)
    if all(isinstance(v, int | float | np.number) for v in items):
        with suppress(OverflowError):
            return array.astype(np.float64)
    kinds = sorted({type(item).__name__ for item in items})
    return NoArray(f"an array of objects ({', '.join(kinds[:3])})")

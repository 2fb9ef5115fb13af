"""How the arrays of a call lie in memory, and how they are handed to a framework."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array


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
    """Hand arrays over as CPU tensors that share their memory where torch allows the layout."""
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
    """Hand arrays over as jax arrays; 64-bit ones switch jax's 64-bit mode on."""
    import jax

    if isinstance(value, list):
        return [to_jax(item) for item in value]
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.itemsize == 8:
        jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    return jax.numpy.asarray(value)


# what --arrays may say -> how an input is handed over
FRAMEWORKS: dict[str, Callable[[Any], Any]] = {"numpy": to_numpy, "torch": to_torch, "jax": to_jax}


def from_framework(answer: Any) -> tuple[Any, str | None]:
    """Turn an answer into NumPy arrays; the second value is a remark on what it was, if it was no array."""
    if isinstance(answer, np.ndarray | np.generic | bool | int | float | None):
        return answer, None
    if isinstance(answer, tuple | list):
        if isinstance(answer, list) and answer and all(isinstance(v, bool | int | float | np.generic) for v in answer):
            return np.asarray(answer), "returns a list of numbers: it was read as an array"
        converted = [from_framework(item) for item in answer]
        values = [value for value, _ in converted]
        return type(answer)(values) if type(answer) in (tuple, list) else tuple(values), next(
            (remark for _, remark in converted if remark), None
        )
    module = type(answer).__module__.split(".")[0]
    if module == "torch" and hasattr(answer, "detach"):
        tensor = answer.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":
            import ml_dtypes
            import torch

            return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16), None
        return tensor.resolve_conj().resolve_neg().numpy(), None
    if hasattr(answer, "__array__"):
        return np.asarray(answer), None
    return answer, None

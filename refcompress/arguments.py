"""The one place where a bad argument becomes an error text.

Every function here takes the value and the name under which the caller knows it, and returns the value in the form
that the formulas work on, or raises ``ValueError`` (a wrong value) or ``TypeError`` (a wrong type) with the name, what
it must be, what came, and the first offending index.
"""

import math
import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, Any]

# The floats of ml_dtypes that float32 holds exactly; NumPy itself gives them kind "V".
SMALL_FLOATS = frozenset(
    {"bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e4m3", "float8_e3m4"}
)


# NumPy's own floats; by name, since a float of ml_dtypes, float8_e5m2, has kind "f" too.
NATIVE_FLOATS = ("float16", "float32", "float64")

LONGEST_TEXT = 200  # characters of a value in an error text
MOST_ELEMENTS = 2**44  # of 8 bytes: what the addresses of a process reach


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is a float that float64 holds exactly."""
    return (dtype.kind == "f" and dtype.itemsize <= 8) or dtype.name in SMALL_FLOATS


def common_float(dtypes: Collection[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the narrowest float that holds all of some float dtypes exactly.

    bfloat16 and float16 have no common dtype in NumPy; float32 holds both, and the 8-bit floats too.
    """
    try:
        return np.result_type(*dtypes)
    except TypeError:
        return np.result_type(np.float32, *(dtype for dtype in dtypes if dtype.name in NATIVE_FLOATS))


def is_integer(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is a signed or unsigned integer of at most 64 bits."""
    return dtype.kind in "iu"


def shown(value: Any, write: Callable[[Any], str] = repr) -> str:
    """Write a value for an error text: not without end, and where it cannot be written, as its type alone.

    Python writes no integer of more than 4,300 digits, and an object may fail in its own ``__repr__``.

    Examples
    --------
    >>> shown("half_even"), shown(-(10**5000)), len(shown([0] * 10_000))
    ("'half_even'", 'a value of type int', 200)
    """
    try:
        text = write(value)
    except Exception:
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}..."


def place(name: str, index: Sequence[int]) -> str:
    """Write where an element stands: ``x[3]``, ``x[1, 2]``, or ``x`` for a 0-d array."""
    return f"{name}[{', '.join(str(int(i)) for i in index)}]" if len(index) else name


def first_index(flags: Array) -> tuple[int, ...]:
    """Return the index (C order) of the first true element."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(flags)), flags.shape))


def refuse_element(name: str, array: Array, flags: Array, must: str) -> NoReturn:
    """Raise ``ValueError`` for the first element that is flagged: ``x[3] is nan: must``."""
    index = first_index(flags)
    raise ValueError(f"{place(name, index)} is {array[index]}: {must}")


def any_array(value: npt.ArrayLike, name: str) -> Array:
    """Turn an array-like, or anything that speaks DLPack, into an array in native byte order."""
    if type(value) is not np.ndarray:
        value = _foreign_array(value, name)
    if value.size == 0 and math.prod(n or 1 for n in value.shape) > MOST_ELEMENTS:  # which few functions can reshape
        raise ValueError(
            f"{name} has shape {value.shape}: its other dimensions multiply to more than {MOST_ELEMENTS:,}"
        )
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _foreign_array(value: Any, name: str) -> Array:
    if any(cls.__name__ == "MaskedArray" for cls in type(value).__mro__):
        raise TypeError(f"{name} is a masked array: fill or drop the masked entries first")
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        raise TypeError(f"{name} is a {type(value).__name__} that is no array: {error}") from error


def real_array(value: npt.ArrayLike, name: str) -> Array:
    """Return an array of floats (at most 64 bits) or integers."""
    array = any_array(value, name)
    if not (is_float(array.dtype) or is_integer(array.dtype)):
        raise TypeError(f"{name} has dtype {array.dtype}: it must hold integers or floats of at most 64 bits")
    return array


def float_array(value: npt.ArrayLike, name: str) -> Array:
    """Return an array of floats; integers become float64 where that is exact."""
    array = real_array(value, name)
    if is_float(array.dtype):
        return array
    wide = array.astype(np.float64)
    if array.size and array.dtype.itemsize == 8:
        lost = (wide >= 2.0**63) if array.dtype.kind == "i" else (wide >= 2.0**64)
        changed = lost | (np.where(lost, 0, wide).astype(array.dtype) != array)
        if changed.any():
            refuse_element(name, array, changed, "float64 cannot hold this integer exactly")
    return wide


def _is_empty_list(value: Any, array: Array) -> bool:
    """Whether an array is float64 only because an empty list says nothing of its dtype."""
    return array.size == 0 and isinstance(value, list | tuple) and array.dtype == np.float64


def integer_array(value: npt.ArrayLike, name: str) -> Array:
    """Return an array of integers of at most 64 bits."""
    array = any_array(value, name)
    if not is_integer(array.dtype):
        if _is_empty_list(value, array):
            return array.astype(np.int64)
        raise TypeError(f"{name} has dtype {array.dtype}: it must hold integers")
    return array


def boolean_array(value: npt.ArrayLike, name: str) -> Array:
    """Return an array of booleans; integers are none."""
    array = any_array(value, name)
    if array.dtype.kind != "b":
        if _is_empty_list(value, array):
            return array.astype(np.bool_)
        raise TypeError(f"{name} has dtype {array.dtype}: it must hold booleans")
    return array


def finite(array: Array, name: str, what: str) -> None:
    """Raise for the first NaN or infinity: ``x[3] is nan: only finite values can be quantized``."""
    with np.errstate(invalid="ignore"):  # a signalling nan
        if is_float(array.dtype) and not np.isfinite(array).all():
            refuse_element(name, array, ~np.isfinite(array), f"only finite values can be {what}")


def finite_array(value: npt.ArrayLike, name: str, what: str) -> Array:
    """Return an array of floats that holds no NaN and no infinity; integers become float64 where that is exact."""
    array = float_array(value, name)
    finite(array, name, what)
    return array


def not_nan(array: Array, name: str, what: str) -> None:
    """Raise for the first NaN: ``x[3] is nan: a NaN cannot be ranked``."""
    with np.errstate(invalid="ignore"):
        if is_float(array.dtype) and np.isnan(array).any():
            refuse_element(name, array, np.isnan(array), f"a NaN cannot be {what}")


def integer(value: Any, name: str, low: int | None = None, high: int | None = None) -> int:
    """Return a Python integer within [low, high]; a bool or a float is no integer."""
    if type(value) is not int:
        if isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} is {value!r}: it must be an integer")
        try:
            value = operator.index(value)
        except TypeError:
            raise TypeError(f"{name} is {shown(value)} ({type(value).__name__}): it must be an integer") from None
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{name} is {shown(value)}: it must be {_interval(low, high)}")
    return int(value)


def real_number(
    value: Any, name: str, low: float | None = None, high: float | None = None, *, exclusive: bool = False
) -> float:
    """Return a finite Python float within [low, high], or strictly inside when exclusive."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} is {shown(value)} ({type(value).__name__}): it must be a number")
    number = _as_float(value)
    below = low is not None and (number <= low if exclusive else number < low)
    above = high is not None and (number >= high if exclusive else number > high)
    if not np.isfinite(number) or below or above:
        inside = np.isinf(number) and not (below or above)
        must = "finite" if inside else _interval(low, high, exclusive=exclusive)
        raise ValueError(f"{name} is {shown(value, str)}: it must be {must}")
    return number


def decimal(value: Any) -> Fraction:
    """Return the decimal number that was written for a finite number: the shortest that is read as it, in its dtype.

    Examples
    --------
    >>> decimal(0.29), decimal(np.float32(0.29)), Fraction(0.29) == Fraction(29, 100)
    (Fraction(29, 100), Fraction(29, 100), False)
    """
    return Fraction(str(value) if isinstance(value, np.floating) else repr(float(value)))


def share(value: Any, name: str) -> Fraction:
    """Return a part from 0 to 1, of a number the decimal one that was written."""
    if not isinstance(value, Fraction):
        real_number(value, name, 0.0, 1.0)
        return decimal(value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {shown(value, str)}: it must be {_interval(0.0, 1.0)}")
    return value


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer past the largest float
        return math.inf if value > 0 else -math.inf


def _interval(low: float | None, high: float | None, *, exclusive: bool = False) -> str:
    if low is not None and high is not None:
        return f"strictly between {low} and {high}" if exclusive else f"from {low} to {high}"
    if low is not None:
        return f"above {low}" if exclusive else f"at least {low}"
    if high is not None:
        return f"below {high}" if exclusive else f"at most {high}"
    return "finite"


def boolean(value: Any, name: str) -> bool:
    """Return a Python bool; nothing else is taken for one."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {shown(value)}: it must be True or False")
    return bool(value)


def choice(value: Any, name: str, allowed: Collection[str]) -> str:
    """Return a word of a setting, or raise with the list of what is allowed."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is {shown(value)}: it must be one of {', '.join(allowed)}")
    if value not in allowed:
        raise ValueError(f"{name} is {shown(value)}: it must be one of {', '.join(allowed)}")
    return value


def axis_number(value: Any, name: str, ndim: int) -> int:
    """Return an axis counted from the front; negative ones count from the back."""
    axis = integer(value, name)
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name} is {shown(axis)}: the array has {ndim} dimension{'s' if ndim != 1 else ''}")
    return axis % ndim


def iterated(value: Any, name: str, what: str = "a list of arrays") -> Iterator[Any]:
    """Return an iterator over what must be a list, or anything else that is read one by one; a text is none."""
    try:
        if not isinstance(value, str | bytes | bytearray | dict):
            return iter(value)
    except TypeError:
        pass
    raise TypeError(f"{name} is {shown(value)}: it must be {what}")


def instance(value: Any, name: str, *kinds: type) -> None:
    """Raise ``TypeError`` unless a value is of one of some classes."""
    if not isinstance(value, kinds):
        raise TypeError(f"{name} is {shown(value)}: it must be {' or '.join(kind.__name__ for kind in kinds)}")


def widths(value: Any, name: str) -> list[int]:
    """Return a list of the widths of layers, each at least 1."""
    sizes = [integer(size, f"{name}[{i}]", 1) for i, size in enumerate(iterated(value, name, "a list of widths"))]
    for i, size in enumerate(sizes):
        if size > MOST_ELEMENTS:
            raise ValueError(f"{name}[{i}] is {shown(size)}: no layer has more than {MOST_ELEMENTS:,} units")
    return sizes


def network_widths(inputs: int, hidden: Sequence[int], outputs: int) -> tuple[int, ...]:
    """Return the widths of a network with these hidden layers; raise for a layer that no memory holds."""
    sizes = (inputs, *widths(hidden, "hidden"), outputs)
    for shape in pairwise(sizes):
        room(shape, "a layer of hidden")
    return sizes


def room(shape: Sequence[int], name: str) -> None:
    """Raise ``ValueError`` for a shape that no memory holds; one that this memory does not is a ``MemoryError``."""
    if math.prod(shape) > MOST_ELEMENTS or max(shape, default=0) > MOST_ELEMENTS:
        raise ValueError(f"{name} is {shown(tuple(shape))}: no array has more than {MOST_ELEMENTS:,} elements")


def same_shape(first: Array, second: Array, first_name: str, second_name: str) -> None:
    """Raise unless two arrays have one shape; nothing is broadcast."""
    if first.shape != second.shape:
        raise ValueError(
            f"{first_name} has shape {first.shape}, {second_name} has shape {second.shape}: they must be equal"
        )

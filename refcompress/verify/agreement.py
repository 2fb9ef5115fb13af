"""Same value, or within a derived bound: the only comparisons there are.

An answer is an array, a number, or a tuple or list of arrays; ``parts`` takes it apart. Integers must be equal, in any
integer dtype or as floats that hold integers. Floats must be equal as numbers with the sign of zero, NaN with NaN; with
a bound, the error must not exceed it, written so that a NaN fails.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array, is_float


@dataclass(frozen=True)
class NoArray:
    """Stands for an answer, or a part of one, that is no array."""

    text: str
    """What it is instead: ``a str``."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What comparing one answer with what was expected gave."""

    problem: str | None
    """Why the answer could not be compared at all: ``returns None``, a wrong shape; else None."""
    wrong: tuple[Array, ...] = ()
    """A flag an element, for each part."""
    worst: float = 0.0
    """Largest error as a fraction of the bound; 0 where the comparison is exact."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return self.problem is None and not any(w.any() for w in self.wrong)


def parts(answer: Any) -> list[Array]:
    """Take an answer apart into arrays: one, or those of a tuple or list, nested lists flattened in order."""
    if isinstance(answer, tuple | list):
        return [array for item in answer for array in parts(item)]
    return [np.asarray(answer)]


def conform(expected: Any, actual: Any) -> tuple[Any, str | None]:
    """Read lists of numbers as arrays where arrays are due; the second value is a remark, if there were any."""
    if isinstance(expected, tuple | list):
        if not isinstance(actual, tuple | list) or len(actual) != len(expected):
            return actual, None
        pairs = [conform(e, a) for e, a in zip(expected, actual, strict=True)]
        return type(expected)([value for value, _ in pairs]), next((remark for _, remark in pairs if remark), None)
    if not isinstance(actual, tuple | list):
        return actual, None
    name = type(actual).__name__
    for item in _flattened(actual):
        if item is None or isinstance(item, NoArray):
            return NoArray(f"a {name} that holds {describe(item)}"), None
    try:
        array = np.asarray(actual)
    except (ValueError, TypeError):
        return NoArray(f"a ragged {name}"), None
    if array.size == 0 and np.size(expected) == 0:  # an empty list does not say along which axis
        array = array.reshape(np.shape(expected))
    return array, f"returns a {name}: it was read as an array"


def _flattened(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, tuple | list):
            yield from _flattened(item)
        else:
            yield item


def compare(expected: Any, actual: Any, bound: Any = None, *, check_dtype: bool = False) -> Comparison:
    """Hold an answer against the expected one, part by part."""
    actual, _ = conform(expected, actual)
    problem = _problem(expected, actual, "", check_dtype)
    if problem is not None:
        return Comparison(problem)
    wrong, worst = [], 0.0
    bounds = [None] * len(parts(expected)) if bound is None else parts(bound)
    for right, got, limit in zip(parts(expected), parts(actual), bounds, strict=True):
        if limit is None:
            wrong.append(~equal(right, got))
            continue
        with np.errstate(all="ignore"):
            right, got = right.astype(np.float64), got.astype(np.float64)
            error = np.where(right == got, 0.0, np.abs(got - right))  # infinities that are equal have no error
            # an infinite bound promises nothing, so that even an infinity or a nan is no fault
            within = (error <= limit) | np.isposinf(limit)
            # a bound of -0.0 says that the element is determined, the sign of zero included
            determined = (limit == 0) & np.signbit(limit)
            wrong.append(np.asarray(~within | (determined & ~equal(right, got))))
            shares = np.where(np.isposinf(limit) | (error == 0), 0.0, error / limit)
        worst = max(worst, float(np.nan_to_num(shares, nan=np.inf).max(initial=0.0)))
    return Comparison(None, tuple(wrong), worst)


def _problem(expected: Any, actual: Any, place: str, check_dtype: bool) -> str | None:
    """Say in plain words why an answer cannot be compared, or return None: a verb phrase, as a person would say it."""
    if isinstance(expected, tuple | list):
        if not isinstance(actual, tuple | list):
            return f"returns {describe(actual)}{place}: it must be {len(expected)} arrays"
        if len(actual) != len(expected):
            return f"returns {len(actual)} parts{place}: it must be {len(expected)}"
        problems = (
            _problem(e, a, f"{place or ' in out'}[{i}]", check_dtype)
            for i, (e, a) in enumerate(zip(expected, actual, strict=True))
        )
        return next((p for p in problems if p is not None), None)
    if actual is None or isinstance(actual, NoArray):
        return f"returns {describe(actual)}{place}: it must be {'an array' if np.ndim(expected) else 'a number'}"
    right, got = np.asarray(expected), np.asarray(actual)
    if got.dtype.kind not in "biuf" and not is_float(got.dtype):
        return f"returns dtype {got.dtype}{place}: it must hold real numbers"
    if got.shape != right.shape:
        return f"returns shape {got.shape}{place}: it must be {right.shape}"
    if check_dtype and got.dtype != right.dtype:
        return f"returns dtype {got.dtype}{place}: it must be {right.dtype}"
    return None


def describe(value: Any) -> str:
    """Name a value by what it is: ``None``, ``a str``, ``an array of shape (3,)``."""
    if value is None or isinstance(value, NoArray):
        return "None" if value is None else value.text
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def equal(expected: Array, actual: Array) -> Array:
    """Flag the elements that are the same number: exact for integers of 64 bits, with the sign of zero for floats."""
    whole, whole_actual = expected.dtype.kind in "biu", actual.dtype.kind in "biu"
    if whole and whole_actual:
        return np.asarray(expected == actual)
    if whole or whole_actual:  # an integer has no negative zero
        return _integer_is_float(expected, actual) if whole else _integer_is_float(actual, expected)
    with np.errstate(invalid="ignore"):
        right, got = _wide(expected), _wide(actual)
    same = (right == got) & (np.signbit(right) == np.signbit(got))
    return np.asarray(same | (np.isnan(right) & np.isnan(got)))


def _wide(array: Array) -> Array:
    """Return floats as float64, or as they are where they are longer."""
    return array.astype(np.float64) if array.dtype.kind != "f" or array.dtype.itemsize < 8 else array


def _integer_is_float(integers: Array, floats: Array) -> Array:
    if integers.dtype.kind == "b":
        integers = integers.astype(np.int8)
    ends = np.iinfo(integers.dtype)
    with np.errstate(invalid="ignore"):
        wide = _wide(floats)
        inside = (wide >= float(ends.min)) & (wide < float(ends.max + 1))  # false for nan
        whole = np.where(inside, wide, 0).astype(integers.dtype)
        return np.asarray(inside & (whole == integers) & (whole.astype(wide.dtype) == wide))

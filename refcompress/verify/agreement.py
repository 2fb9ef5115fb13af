"""Same value, or within a derived bound: the only comparisons there are.

An answer is an array, a number, or a tuple or list of arrays; ``parts`` takes it apart. Integers must be equal, in any
integer dtype or as floats that hold integers. Floats must be equal as numbers with the sign of zero, NaN with NaN; with
a bound, the error must not exceed it, written so that a NaN fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array, is_float


@dataclass(frozen=True)
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


def compare(expected: Any, actual: Any, bound: Any = None, *, check_dtype: bool = False) -> Comparison:
    """Hold an answer against the expected one, part by part."""
    problem = shape_problem(expected, actual, "the result", check_dtype=check_dtype)
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
            wrong.append(np.asarray(~((error <= limit) | np.isposinf(limit))))
            shares = np.where(np.isposinf(limit) | (error == 0), 0.0, error / limit)
        worst = max(worst, float(np.nan_to_num(shares, nan=np.inf).max(initial=0.0)))
    return Comparison(None, tuple(wrong), worst)


def shape_problem(expected: Any, actual: Any, name: str, *, check_dtype: bool = False) -> str | None:
    """Say in plain words why an answer cannot be compared, or return None."""
    if isinstance(expected, tuple | list):
        if not isinstance(actual, tuple | list):
            return f"{name} is {describe(actual)}: it must be {len(expected)} arrays"
        if len(actual) != len(expected):
            return f"{name} has {len(actual)} parts: it must have {len(expected)}"
        problems = (
            shape_problem(e, a, f"{name}[{i}]", check_dtype=check_dtype)
            for i, (e, a) in enumerate(zip(expected, actual, strict=True))
        )
        return next((p for p in problems if p is not None), None)
    if actual is None or isinstance(actual, str | bytes | dict | set):
        return f"{name} is {describe(actual)}: it must be an array"
    right = np.asarray(expected)
    try:
        got = np.asarray(actual)
    except (ValueError, TypeError, RuntimeError) as error:
        return f"{name} is {describe(actual)}: it cannot be read as an array ({error})"
    if got.dtype.kind not in "biuf" and not is_float(got.dtype):
        return f"{name} has dtype {got.dtype}: it must hold numbers"
    if got.shape != right.shape:
        return f"{name} has shape {got.shape}: it must have {right.shape}"
    if check_dtype and got.dtype != right.dtype:
        return f"{name} has dtype {got.dtype}: it must have {right.dtype}"
    return None


def describe(value: Any) -> str:
    """Name a value by what it is: ``None``, ``a str``."""
    return "None" if value is None else f"a {type(value).__name__}"


def equal(expected: Array, actual: Array) -> Array:
    """Flag the elements that are the same number: exact for integers of 64 bits, with the sign of zero for floats."""
    if expected.dtype.kind in "biu":
        return _equal_integers(expected, actual)
    with np.errstate(invalid="ignore"):
        right, got = expected.astype(np.float64), actual.astype(np.float64)
    if actual.dtype.kind in "iu":  # an integer has no negative zero
        return np.asarray(right == got)
    same = (right == got) & (np.signbit(right) == np.signbit(got))
    return np.asarray(same | (np.isnan(right) & np.isnan(got)))


def _equal_integers(expected: Array, actual: Array) -> Array:
    if actual.dtype.kind in "biu":
        return np.asarray(expected == actual)
    got = actual.astype(np.float64)
    inside = (got >= -(2.0**63)) & (got < 2.0**63)  # false for nan
    whole = np.where(inside, got, 0).astype(np.int64)
    return np.asarray(inside & (whole == got) & (whole == expected.astype(np.int64)))


def count(answers: Sequence[Any]) -> int:
    """Count the numbers in some answers."""
    return sum(array.size for answer in answers for array in parts(answer))

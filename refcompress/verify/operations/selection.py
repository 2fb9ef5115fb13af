"""``top_k_mask`` as an operation, and the settings, laws and regions that ``sparsify`` and ``prune`` share with it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.selection import top_k_mask
from refcompress.verify.operation import Arguments, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.selection_cases import REJECTS, search, selection_cases
from refcompress.verify.operations.selection_faults import by_lines, first_by, magnitude, selection_faults

INPUTS = (
    Input("x", "floats", "an array of any shape, of the dtype of the settings"),
    Input("k", "integer", "how many entries stay, a Python int"),
)
TIES_SETTING = Setting(
    "ties",
    "lowest_index",
    ("lowest_index", "highest_index"),
    "which of equal magnitudes stay",
    {
        "lowest_index": "keeps the lowest index of equal magnitudes",
        "highest_index": "keeps the highest index of equal magnitudes",
    },
)
AXIS_SETTING = Setting(
    "axis",
    None,
    (None, 0, 1, -1),
    "the axis along which k entries of each slice stay; none: k of the whole array",
    {
        None: "keeps the best k of the whole array",
        0: "keeps the best k of each slice along axis 0",
        1: "keeps the best k of each slice along axis 1",
        -1: "keeps the best k of each row (along the last axis)",
    },
)


def reference_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that the reference takes."""
    return {"ties": settings["ties"], "axis": settings["axis"]}


def fitted(args: Arguments, settings: Settings) -> tuple[Arguments, Settings]:
    """Bring inputs to what an implementation along another axis makes of them.

    A k past the end of a slice keeps it whole; where x has no such axis it takes the last, or all of a 0-d array.
    """
    x, k = args
    axis = settings["axis"]
    if axis is not None and not -x.ndim <= axis < x.ndim:
        axis = -1 if x.ndim else None
    return (x, k if axis is None else min(k, x.shape[axis])), {**settings, "axis": axis}


def _lines_of(values: Array, settings: Settings) -> Array:
    """Return an array of the shape of x as (lines, n)."""
    axis = settings.get("axis")
    if axis is None:
        return values.reshape(1, -1)
    moved = np.moveaxis(values, axis, -1)
    return moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1])


def no_smaller_stays(x: Array, kept: Array, dropped: Array, settings: Settings) -> bool:
    """Whether no dropped magnitude exceeds a kept one, in the whole or in each slice."""
    m = _lines_of(magnitude(x), settings)
    least = np.where(_lines_of(kept, settings), m, np.inf).min(axis=-1, initial=np.inf)
    most = np.where(_lines_of(dropped, settings), m, -1.0).max(axis=-1, initial=-1.0)
    return bool(np.all(least >= most))


def ties_in_order(x: Array, kept: Array, dropped: Array, settings: Settings) -> bool:
    """Whether of equal magnitudes none stays after one that goes, in the order in which the rule for ties takes them.

    Entries that are neither may only be all of one magnitude.
    """
    direction = -1 if settings["ties"] == "highest_index" else 1
    m, stays, goes = (_lines_of(a, settings)[:, ::direction] for a in (magnitude(x), kept, dropped))
    order = np.argsort(-m, axis=-1, kind="stable")
    m, stays, goes = (np.take_along_axis(a, order, axis=-1) for a in (m, stays, goes))
    return not bool(np.any(goes[:, :-1] & stays[:, 1:] & (m[:, :-1] == m[:, 1:])))


def _mask(args: Arguments, settings: Settings) -> Array:
    return top_k_mask(*args, **reference_settings(settings))


def _fitted_mask(args: Arguments, settings: Settings) -> Array:
    return _mask(*fitted(args, settings))


def _marks(answer: Any) -> Array:
    return np.asarray(answer).astype(np.bool_)


def _exactly_k(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(np.all(_lines_of(_marks(answer), settings).sum(axis=-1) == args[1]))


def _keeps_the_largest(args: Arguments, answer: Any, settings: Settings) -> bool:
    return no_smaller_stays(args[0], _marks(answer), ~_marks(answer), settings)


def _ties_as_said(args: Arguments, answer: Any, settings: Settings) -> bool:
    return ties_in_order(args[0], _marks(answer), ~_marks(answer), settings)


def at_the_threshold(x: Array, k: int, settings: Settings) -> Array:
    """Flag the entries whose magnitude is the k-th largest and occurs more than once."""

    def rule(lines: Array, k: int, settings: Settings) -> Array:
        m = magnitude(lines)
        kth = np.sort(m, axis=-1)[:, m.shape[-1] - max(k, 1), np.newaxis] if m.size else m
        tied = m == kth
        return np.asarray(tied & (tied.sum(axis=-1, keepdims=True) > 1))

    return by_lines(rule, x, k, settings)


def _where(test: Callable[[Array], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(args[0].astype(np.float64)))]


def _where_k(test: Callable[[int, int], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        x, k = args
        n = x.size if settings.get("axis") is None else x.shape[settings["axis"]]
        return [np.full(x.shape, test(k, n))]

    return mask


# regions of the shape of x
REGIONS = (
    Region("k_is_0", "where k is 0", _where_k(lambda k, n: k == 0)),
    Region("k_is_n", "where k is n", _where_k(lambda k, n: k == n)),
    Region(
        "tie",
        "among equal magnitudes at the threshold",
        lambda args, expected, settings: [at_the_threshold(args[0], args[1], settings)],
    ),
    Region("zeros", "where x is zero", _where(lambda v: v == 0)),
    Region("negative", "where x is negative", _where(lambda v: v < 0)),
    Region("positive", "where x is positive", _where(lambda v: v > 0)),
    Region("infinite", "where x is infinite", _where(np.isinf)),
    Region("large", "where n is above 1000", _where(lambda v: np.full(v.shape, v.size > 1000))),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Give an entry's place in the ranking."""
    x, k = args

    def places(lines: Array, k: int, settings: Settings) -> Array:
        masks = [first_by(-magnitude(lines), i, settings) for i in range(1, lines.shape[-1] + 1)]
        return np.asarray(lines.shape[-1] + 1 - np.sum(masks, axis=0))

    place = int(by_lines(places, x, k, settings)[index])
    at = ", ".join(map(str, index))
    verb = "stays" if place <= k else "goes"
    ties = settings["ties"].replace("_", " ")
    return f"|x[{at}]| = {abs(float(x[index]))!r} is number {place} by magnitude, {ties} first: with k = {k} it {verb}"


# float32 cannot rank all magnitudes of the second
TYPICAL: tuple[Settings, ...] = ({}, {"dtype": "float64"})

TOP_K_MASK = Operation(
    name="top_k_mask",
    formula="mask = top_k(|x|, k)",
    summary="mark the k entries of largest magnitude",
    inputs=INPUTS,
    settings=(TIES_SETTING, AXIS_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="booleans of the shape of x, exactly k of them true",
    parts=("the mask",),
    answer=_mask,
    rival_answer=_fitted_mask,
    cases=selection_cases(),
    strategy=search,
    laws=(
        Law("exactly_k", "exactly k entries are marked, in every slice where there is an axis", _exactly_k),
        Law("keeps_the_largest", "no entry that goes is larger in magnitude than one that stays", _keeps_the_largest),
        Law("ties", "of equal magnitudes those stay that the rule for ties prefers", _ties_as_said),
    ),
    faults=selection_faults(lambda x, mask, settings: mask),
    regions=REGIONS,
    typical=TYPICAL,
    by_hand=by_hand,
    rejects=REJECTS,
)

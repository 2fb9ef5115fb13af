"""``top_k_mask`` as an operation, and the cases and settings that ``sparsify`` and ``prune`` share with it."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.selection import top_k_mask
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, float_dtype, floats, selections
from refcompress.verify.operation import Arguments, Case, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.selection_rules import by_lines, first_by, magnitude, right_mask, selection_faults

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

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

Line = tuple[Array, int]


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


def _k_values(n: int) -> list[int]:
    return sorted({0, min(1, n), n // 3, n // 2, max(n - 1, 0), n})


def _every_k(line: Array) -> Iterator[Line]:
    for k in range(line.size + 1):
        yield line, k


def _some_k(line: Array) -> Iterator[Line]:
    for k in _k_values(line.size):
        yield line, k


def _all_equal(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.full(9, 1.5), name))
    yield floats(np.full(6, -2.0), name), 3
    yield floats(np.zeros(5), name), 2


def _few_magnitudes(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.resize([1, -2, 2, -1, 0.5, -2, 1, 2, 3, -3, 1], 23), name))
    yield from _every_k(floats([0, 0, 1, 1, 2, 2], name))


def _ends(name: str) -> Iterator[Line]:
    line = floats([3, -1, 4, -1.5, 5, -9, 2, -6], name)
    for k in (0, 1, 7, 8):
        yield line, k


def _twins(name: str) -> Iterator[Line]:
    line = floats([1, 3, 2, 0.5], name)
    yield from _every_k(np.concatenate([line, -line]))
    yield from _every_k(np.concatenate([-line, line])[::-1].copy())


def _zeros(name: str) -> Iterator[Line]:
    yield from _every_k(floats([-0.0, 0.0, -0.0, 1, 0.0, -1, -0.0], name))
    yield floats([-0.0, -0.0, -0.0], name), 2


ORDER = np.array([1, 3, -2, 5, -4, 7, 6, -8])  # distinct magnitudes, the large ones late


def _squares_underflow(name: str) -> Iterator[Line]:
    yield from _some_k(floats(ORDER * 8 * FLOATS[name][2], name))


def _squares_overflow(name: str) -> Iterator[Line]:
    high = 2.0 ** (math.frexp(FLOATS[name][1])[1] - 5)
    yield from _some_k(floats(ORDER * high, name))


def _neighbours(name: str) -> Iterator[Line]:
    """One unit in the last place apart, the larger ones late."""
    step = 2.0 ** (1 - FLOATS[name][0])
    line = (1 + np.arange(16) * step) * np.resize([1, -1, -1], 16)
    yield from _some_k(floats(line, name))
    yield from _some_k(floats(line * 1024, name))
    yield from _some_k(floats(np.sort(line) * 0.75, name))


def _close(name: str) -> Iterator[Line]:
    """Closer than a millionth, and below a hundred millionth, where the dtype has such values."""
    yield from _some_k(floats(1 + np.array([1, 0, 3, 2, 5, 4, 7, 6]) * 2.0**-20, name))
    yield from _some_k(floats(ORDER * 2.0**-34, name))
    yield from _some_k(floats(ORDER[::-1] * 2.0**-18, name))


def _subnormals(name: str) -> Iterator[Line]:
    yield from _some_k(floats(ORDER * FLOATS[name][3], name))
    normal, subnormal = FLOATS[name][2:]
    yield floats([0.0, subnormal, normal, -normal + subnormal, -0.0, 2 * subnormal], name), 3


def _infinities(name: str) -> Iterator[Line]:
    yield from _every_k(floats([1, np.inf, -np.inf, 2, np.inf, -3, FLOATS[name][1], 0], name))


def _one_sided(name: str) -> Iterator[Line]:
    for line in ([-9, -8, -7, 1, 2, 3, 4], [1, 2, 3, -4, 5, -9], [-3, -1, -2, -5, -4], [-5, 1, 2]):
        yield from _some_k(floats(line, name))


def _largest_last(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.arange(1, 18), name))


def _fractions(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.arange(1, 17) * np.resize([1, -1, 1], 16) / 16, name))


def _tails(name: str) -> Iterator[Line]:
    for length in TAIL_LENGTHS:
        line = floats(np.resize([1, 4, -2, 8, -5, 7, 3], length), name)
        if length:
            line[-1] = 9
        yield line, length // 2
        yield line, (length + 2) // 3


def _thousands(name: str) -> Iterator[Line]:
    i = np.arange(3000)
    levels = floats((i * i * 7 + 3 * i) % 32 - 16.0, name)
    for k in (1, 300, 1500, 2999):
        yield levels, k
    mostly = np.where(i % 100 == 99, i % 7 + 2.0, 1.0) * np.where(i % 3, 1, -1)
    for k in (20, 1000):
        yield floats(mostly, name), k


def _placed(lines: Callable[[str], Iterator[Line]]) -> Callable[[Settings], Iterator[Arguments]]:
    """Give lines as they are, or three at a time along the axis of the settings."""

    def make(settings: Settings) -> Iterator[Arguments]:
        axis = settings.get("axis")
        for line, k in lines(settings["dtype"]):
            if axis is None:
                yield line, k
            else:
                three = np.stack([line, np.roll(line, 1), line[::-1]])
                yield np.ascontiguousarray(np.moveaxis(three, -1, axis)), k

    return make


def _with_k(arrays: Iterable[Array], settings: Settings) -> Iterator[Arguments]:
    axis = settings.get("axis")
    for x in arrays:
        n = x.size if axis is None else x.shape[axis]
        for k in sorted({min(1, n), n // 3, n // 2, max(n - 1, 0)}):
            yield x, k


def _matrices(settings: Settings) -> Iterator[Arguments]:
    shapes = ((4, 4), (3, 5), (5, 3), (2, 3, 4), (3, 3, 3), (2, 1, 6))
    arrays = [floats(np.arange(math.prod(s)) * 7 % 11 - 5.0, settings["dtype"]).reshape(s) for s in shapes]
    rows = floats([10, -9, 8, 7, 4, 3, -2, 1], settings["dtype"])
    yield from _with_k([*arrays, rows.reshape(2, 4), rows[::-1].reshape(4, 2).copy()], settings)


def _equal_matrices(settings: Settings) -> Iterator[Arguments]:
    one = floats(np.ones(12), settings["dtype"])
    yield from _with_k([one.reshape(3, 4), -one.reshape(2, 3, 2), one[:9].reshape(3, 3)], settings)


def _layouts(settings: Settings) -> Iterator[Arguments]:
    values = floats((np.arange(96) * 29) % 23 - 11.0, settings["dtype"])
    arrays = [values.reshape(8, 12), values[:36].reshape(6, 6), values.reshape(2, 4, 12)]
    if settings.get("axis") != 1:
        arrays.append(values[:31])
    yield from _with_k(arrays, settings)


def _shapes(settings: Settings) -> Iterator[Arguments]:
    axis, dtype = settings.get("axis"), float_dtype(settings["dtype"])
    if axis is None:
        yield np.array(2.5, dtype), 0
        yield np.array(-0.75, dtype), 1
    if axis != 1:
        yield np.zeros(0, dtype), 0
        yield np.array([-2], dtype), 1
    yield np.zeros((0, 3), dtype), 0
    yield np.zeros((3, 0), dtype), 0
    x = np.array([0.5, 1.5, -2.5, 3], dtype).reshape(1, 2, 2, 1)
    yield x, 3 if axis is None else 1


# name, the calls, how arrays lie in memory
CASES: tuple[tuple[str, Callable[[Settings], Iterator[Arguments]], str], ...] = (
    ("all equal", _placed(_all_equal), "plain"),
    ("few distinct magnitudes", _placed(_few_magnitudes), "plain"),
    ("k = 0, 1, n - 1 and n", _placed(_ends), "plain"),
    ("x and -x together", _placed(_twins), "plain"),
    ("signed zeros", _placed(_zeros), "plain"),
    ("squares that underflow", _placed(_squares_underflow), "plain"),
    ("squares that overflow", _placed(_squares_overflow), "plain"),
    ("one ulp apart", _placed(_neighbours), "plain"),
    ("close together", _placed(_close), "plain"),
    ("subnormals", _placed(_subnormals), "plain"),
    ("infinities", _placed(_infinities), "plain"),
    ("large negative values", _placed(_one_sided), "plain"),
    ("the largest last", _placed(_largest_last), "plain"),
    ("fractions of one", _placed(_fractions), "plain"),
    ("lengths around vector widths", _placed(_tails), "plain"),
    ("thousands with ties at the threshold", _placed(_thousands), "plain"),
    ("matrices and 3-d", _matrices, "plain"),
    ("equal matrices", _equal_matrices, "plain"),
    ("0-d, empty and 4-d", _shapes, "plain"),
    ("strided", _layouts, "strided"),
    ("reversed", _layouts, "reversed"),
    ("Fortran order", _layouts, "fortran"),
    ("read-only", _layouts, "read-only"),
)


def selection_cases(kills: dict[str, tuple[str, ...]]) -> tuple[Case, ...]:
    """Return the cases, each with the rivals of one operation that it kills."""
    return tuple(Case(name, make, kills.get(name, ()), layout) for name, make, layout in CASES)


def search(settings: Settings) -> "SearchStrategy[Arguments]":
    """Return few entries with many ties, and k from 0 to n."""
    return selections(settings["dtype"], settings.get("axis"))


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
        return tied & (tied.sum(axis=-1, keepdims=True) > 1)

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
        "ties",
        "among equal magnitudes at the threshold",
        lambda args, expected, settings: [at_the_threshold(*args, settings)],
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
        return lines.shape[-1] + 1 - np.sum(masks, axis=0)

    place = int(by_lines(places, x, k, settings)[index])
    at = ", ".join(map(str, index))
    verb = "stays" if place <= k else "goes"
    ties = settings["ties"].replace("_", " ")
    return f"|x[{at}]| = {abs(float(x[index]))!r} is number {place} by magnitude, {ties} first: with k = {k} it {verb}"


REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("x[1] = nan", lambda s: (_rejected([[1, np.nan, 2]], s), 1)),
    ("k past the end", lambda s: (_rejected([[1, 2, 3]], s), 4)),
    ("k = -1", lambda s: (_rejected([[1, 2, 3]], s), -1)),
)


def _rejected(values: list[list[float]], settings: Settings) -> Array:
    x = np.array(values, float_dtype(settings["dtype"]))
    return x.T.copy() if settings.get("axis") == 0 else x


# the second has an axis, the other rule for ties, and a dtype whose magnitudes float32 cannot rank
TYPICAL: tuple[Settings, ...] = ({}, {"axis": 1, "ties": "highest_index", "dtype": "float64"})

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
    cases=selection_cases({}),
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

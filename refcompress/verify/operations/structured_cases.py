"""Where n:m sparsity is hard: the directed cases of ``n_m_sparsify``, laws and regions.

Most arrays have lengths that every m divides, so that implementations of another m have an answer too. The laws and
many of the faults are those of the selection of k = n entries of each row of an array (groups, m).
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.structured import n_m_sparsify
from refcompress.verify.inputs import FLOATS, MANY, float_dtype, floats, scattered
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.selection_faults import first_by, magnitude
from refcompress.verify.operations.sparsify import SPARSIFY

Calls = Iterator[Arguments]
LENGTH = 16  # every m divides it


def sparse(args: Arguments, settings: Settings) -> Array:
    """Return the entries that stay in their places; an n past m keeps whole groups."""
    n, m = settings["n"], settings["m"]
    return n_m_sparsify(args[0], n=min(n, m), m=m, axis=settings["axis"], ties=settings["ties"])


def grouped(values: Array, settings: Settings) -> Array:
    """Return an array of the shape of x as (groups, m); m divides its length."""
    moved = np.moveaxis(values, settings["axis"], -1)
    return moved.reshape(values.size // settings["m"], settings["m"])


def ungrouped(groups: Array, shape: tuple[int, ...], settings: Settings) -> Array:
    """Undo ``grouped``."""
    axis = settings["axis"]
    rest = [length for i, length in enumerate(shape) if i != axis % len(shape)]
    return np.moveaxis(groups.reshape(*rest, shape[axis]), -1, axis)


def in_group(settings: Settings) -> dict[str, Any]:
    """Return the settings of a selection in the rows of (groups, m)."""
    return {"ties": settings["ties"], "axis": -1}


def _placed(rows: Iterable[Any], settings: Settings) -> Calls:
    """Give rows of values: each as it is, and three of them along the axis."""
    for row in rows:
        x = floats(row, settings["dtype"])
        if x.size and x.size == np.size(row):
            yield (x,)
            three = np.stack([x, np.roll(x, 1), x[::-1]])
            yield (np.ascontiguousarray(np.moveaxis(three, -1, settings["axis"])),)


def _simple(rows: Callable[[str], Iterable[Any]]) -> Callable[[Settings], Calls]:
    return lambda settings: _placed(rows(settings["dtype"]), settings)


def one_group(settings: Settings) -> Calls:
    """Give one group and two, which a person can follow by hand."""
    values = np.resize([1.0, -4, 3, 2, 5, -6, 8, -7, 1, 3, -2, 0.5], 2 * settings["m"])
    yield (floats(values[: settings["m"]], settings["dtype"]),)
    yield (floats(values, settings["dtype"]),)
    yield (floats(values[::-1], settings["dtype"]),)


def _ties(name: str) -> Iterator[Any]:
    yield np.full(LENGTH, 1.5)
    yield np.full(LENGTH, -2.0)
    yield np.resize([1, -1, 1, 1, 2, -1, 2, 1], 2 * LENGTH)
    yield np.resize([1, -2, 2, -1, 0.5, -2, 1, 2, 3, -3, 1], 4 * LENGTH)
    yield np.resize([3, 1, -3, 2, 3, -1, 1, 1, 0, 0, 1, 0, -1], 4 * LENGTH)


def _zeros(name: str) -> Iterator[Any]:
    yield np.resize([-0.0, 1, 2, 0.0], LENGTH)
    yield np.resize([-0.0, 1, -0.0, 2, 0.0, -0.0, -3, 4], LENGTH)
    yield np.resize([-0.0, -0.0, 0.0, -0.0, -0.0, 5, 0.0, 0.0], 2 * LENGTH)
    yield np.resize([-0.0, 0.0, 0.0], 2 * LENGTH)
    yield np.full(LENGTH, -0.0)
    yield np.resize([0.0, 0.0, -0.0, 0.0, -1], 3 * LENGTH)


def _one_sided(name: str) -> Iterator[Any]:
    yield np.resize([-9, -8, 1, 2, 3, -7, 5, -6], LENGTH)
    yield -np.resize([9.0, 2, 4, 7, 1, 3, 8, 6], LENGTH)
    yield np.resize([1, 2, -4, -3, 5, -9, 6, 0.5, 2.5], 4 * LENGTH)


ORDER = np.resize([1.0, 3, -2, 5, -4, 7, 6, -8, 2, -6, 4, 1], 2 * LENGTH)


def _squares_underflow(name: str) -> Iterator[Any]:
    yield ORDER * 2.0 ** (math.frexp(FLOATS[name][3])[1] // 2 - 4)


def _squares_overflow(name: str) -> Iterator[Any]:
    yield ORDER * 2.0 ** (math.frexp(FLOATS[name][1])[1] - 5)


def _neighbours(name: str) -> Iterator[Any]:
    step = 2.0 ** (1 - FLOATS[name][0])
    row = (1 + np.resize([0, 1, 3, 2, 5, 7, 6, 8, 4], 3 * LENGTH) * step) * np.resize([1, -1, -1], 3 * LENGTH)
    yield row
    yield row * 1024
    yield np.resize([*(1.75 + np.arange(7) * step), 2.25], LENGTH)


def _close(name: str) -> Iterator[Any]:
    yield 1 + np.resize([1, 0, 3, 2, 5, 4, 7, 6], LENGTH) * 2.0 ** max(-20, 1 - FLOATS[name][0])
    yield np.resize(ORDER[::-1], LENGTH) * 2.0**-18
    yield ORDER * 2.0 ** (-34 if name != "float16" else -14)


def _subnormals(name: str) -> Iterator[Any]:
    yield ORDER * FLOATS[name][3]
    normal, subnormal = FLOATS[name][2:]
    yield np.resize([subnormal, 0.0, normal, -normal + subnormal, -0.0, -2 * subnormal, 0.0, subnormal], LENGTH)


def _infinities(name: str) -> Iterator[Any]:
    largest = FLOATS[name][1]
    yield np.resize([1, np.inf, -np.inf, 2, np.inf, -3, largest, 0], LENGTH)
    yield np.resize([np.inf, -np.inf, np.inf, 1, -np.inf, -largest, 2, 3, 4], 3 * LENGTH)


def _fractions(name: str) -> Iterator[Any]:
    yield np.resize(np.arange(1, 17) * np.resize([1, -1, 1], 16) / 16, 2 * LENGTH)
    yield np.resize([0.25, 0.75, -0.5, 0.125, 1.5, -1.25, 1.75, 1.0], LENGTH)


def _uneven_rows(name: str) -> Iterator[Any]:
    """Yield groups whose magnitudes lie far apart: the best half of a row is not the best half of each group."""
    yield np.repeat([1.0, 100, 10, 1000], LENGTH // 4) + np.arange(LENGTH) % 3
    yield np.concatenate([np.arange(1.0, LENGTH + 1), np.arange(LENGTH, 0.0, -1) * 20])
    yield np.arange(1.0, 4 * LENGTH + 1)


def _whole(values: Any, name: str) -> Array:
    """Return small integers, which every dtype holds."""
    return np.asarray(values).astype(float_dtype(name))


def squares(settings: Settings) -> Calls:
    """Give square matrices, whose groups could lie along either axis: sorted rows, sorted columns, and others."""
    for size in (LENGTH, 2 * LENGTH):
        falling = _whole(np.tile(np.arange(size, 0.0, -1), (size, 1)), settings["dtype"])
        yield (falling,)
        yield (np.ascontiguousarray(falling.T),)
        yield (_whole(scattered((size, size), 9), settings["dtype"]),)


def matrices(settings: Settings) -> Calls:
    """Give matrices and arrays of three and four dimensions, of which one length alone is a multiple of m."""
    m, axis = settings["m"], settings["axis"]
    for i, rest in enumerate(((3,), (LENGTH,), (5, LENGTH), (LENGTH, 2), (2, 3, 1), (1,))):
        shape = (*rest, LENGTH) if axis == -1 else (LENGTH, *rest)
        yield (_whole(scattered(shape, 9, i), settings["dtype"]),)
    for i, shape in enumerate(((3, m), (5, 3 * m), (2, 3, m))):
        yield (_whole(scattered(shape if axis == -1 else shape[::-1], 7, i), settings["dtype"]),)


def lengths(settings: Settings) -> Calls:
    """Give lengths around the widths of vector loops, with the largest last."""
    for groups in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33):
        row = np.resize([1, 4, -2, 8, -5, 7, 3], groups * settings["m"]).astype(np.float64)
        row[-1] = 9
        yield (_whole(row, settings["dtype"]),)


def thousands(settings: Settings) -> Calls:
    """Give layers of hundreds of rows or columns and more than a thousand, and a long row."""
    shape = (256, LENGTH) if settings["axis"] == -1 else (LENGTH, 256)
    yield (_whole(scattered(shape, 15, 3), settings["dtype"]),)
    yield (_whole(scattered((128 * LENGTH,), 40, 4), settings["dtype"]),)
    for shape in ((3, (MANY // LENGTH + 1) * LENGTH), (MANY, LENGTH)):
        yield (_whole(scattered(shape if settings["axis"] == -1 else shape[::-1], 15, 8), settings["dtype"]),)


def shapes(settings: Settings) -> Calls:
    """Give arrays without entries."""
    dtype, axis = float_dtype(settings["dtype"]), settings["axis"]
    yield (np.zeros(0, dtype),)
    for shape in ((3, 0), (0, LENGTH), (0, 0), (2, 0, LENGTH)):
        yield (np.zeros(shape if axis == -1 else shape[::-1], dtype),)


def layouts(settings: Settings) -> Calls:
    """Give matrices in which rows and columns are easily mistaken for one another."""
    yield (_whole(scattered((LENGTH, LENGTH), 11, 5), settings["dtype"]),)
    shape = (3, LENGTH) if settings["axis"] == -1 else (LENGTH, 3)
    yield (_whole(scattered(shape, 11, 6), settings["dtype"]),)
    yield (_whole(scattered((2 * LENGTH,), 11, 7), settings["dtype"]),)


ties, zeros, one_sided = _simple(_ties), _simple(_zeros), _simple(_one_sided)
squares_underflow, squares_overflow = _simple(_squares_underflow), _simple(_squares_overflow)
neighbours, close, subnormals = _simple(_neighbours), _simple(_close), _simple(_subnormals)
infinities, fractions, uneven_rows = _simple(_infinities), _simple(_fractions), _simple(_uneven_rows)


def _in_groups(name: str) -> Callable[[Arguments, Any, Settings], bool]:
    """Return a law of ``sparsify``, of every group."""
    holds = next(law.holds for law in SPARSIFY.laws if law.name == name)

    def law(args: Arguments, answer: Any, settings: Settings) -> bool:
        groups, given = grouped(args[0], settings), grouped(np.asarray(answer), settings)
        return holds((groups, min(settings["n"], settings["m"])), given, in_group(settings))

    return law


LAWS = (
    Law("value_or_zero", "every entry is that of x, bit for bit, or +0", _in_groups("value_or_zero")),
    Law("count", "exactly n entries of every group stay, zeros of x aside", _in_groups("count")),
    Law(
        "keeps_the_largest",
        "no entry that goes is larger in magnitude than one of its group that stays",
        _in_groups("keeps_the_largest"),
    ),
    Law("ties", "of equal magnitudes in a group those stay that the rule for ties prefers", _in_groups("ties")),
)


def places(x: Array, settings: Settings) -> Array:
    """Return the number of each entry in its group, from 1: the largest magnitude first."""
    groups, own = grouped(x, settings), in_group(settings)
    masks = [first_by(-magnitude(groups), k, own) for k in range(1, settings["m"] + 1)]
    return ungrouped(np.asarray(settings["m"] + 1 - np.sum(masks, axis=0)), x.shape, settings)


def _where(test: Callable[[Array, Settings], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(args[0], settings))]


def _tied(x: Array, settings: Settings) -> Array:
    """Flag the entries at the n-th largest magnitude of their group, where another one has it too."""
    m = magnitude(grouped(x, settings))
    n = min(settings["n"], settings["m"])
    at = m == np.sort(m, axis=-1)[:, m.shape[-1] - n, np.newaxis]
    return ungrouped(at & (at.sum(axis=-1, keepdims=True) > 1), x.shape, settings)


def _stays(x: Array, settings: Settings) -> Array:
    return np.asarray(places(x, settings) <= settings["n"])


def _last_group(x: Array, settings: Settings) -> Array:
    along = np.arange(x.shape[settings["axis"]]) >= x.shape[settings["axis"]] - settings["m"]
    return np.moveaxis(np.broadcast_to(along, np.moveaxis(x, settings["axis"], -1).shape), -1, settings["axis"])


def _subnormal(x: Array, settings: Settings) -> Array:
    size = magnitude(x)
    return (size > 0) & (size < FLOATS[x.dtype.name][2])


REGIONS = (
    Region("tie", "among equal magnitudes at the n-th largest of a group", _where(_tied)),
    Region("zeros", "where x is zero", _where(lambda x, s: x == 0)),
    Region("negative_zeros", "where x is -0", _where(lambda x, s: (x == 0) & np.signbit(x))),
    Region("subnormal", "where x is subnormal", _where(_subnormal)),
    Region("infinite", "where x is infinite", _where(lambda x, s: np.isinf(x))),
    Region("negative", "where x is negative", _where(lambda x, s: x < 0)),
    Region("positive", "where x is positive", _where(lambda x, s: x > 0)),
    Region("kept", "where x stays", _where(_stays)),
    Region("dropped", "where x goes", _where(lambda x, s: ~_stays(x, s))),
    Region("last_group", "in the last group along the axis", _where(_last_group), positional=True),
    Region("matrices", "in arrays of two and more dimensions", _where(lambda x, s: np.full(x.shape, x.ndim > 1))),
    Region("large", "where x has more than 1000 entries", _where(lambda x, s: np.full(x.shape, x.size > 1000))),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Give an entry's place in its group."""
    x, n, m = args[0], settings["n"], settings["m"]
    place = int(places(x, settings)[index])
    flags = np.zeros(x.shape, np.bool_)
    flags[index] = True
    group = grouped(x, settings)[grouped(flags, settings).any(axis=-1)][0]
    text = ", ".join(repr(float(v)) for v in group)
    at, ties = ", ".join(map(str, index)), settings["ties"].replace("_", " ")
    what = f"stays: {float(x[index])!r}" if place <= n else "goes: 0.0"
    return f"x[{at}] is number {place} by magnitude in its group ({text}), {ties} first; of {n}:{m} it {what}"

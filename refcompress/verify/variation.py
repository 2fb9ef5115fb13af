"""Variations of the directed cases: millions of cheap calls near the hard places, from a seed.

Everything is made of the raw integers of PCG64 and of integer arithmetic on bit patterns, whose results are the same on
every machine and with every NumPy: the methods that draw from distributions promise no such thing.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS
from refcompress.verify.operation import Arguments, Operation, Settings

AT_ONCE = 1024  # elements of one call of the reference, which are then cut into many calls
LONGEST = 31  # elements of one of these; 16 on average
TOGETHER = 16  # variations of one call that are made at once
MOST = 64  # numbers of a call that is varied, where it cannot be cut

Words = Array
"""Bit patterns or integers as uint64, in the order of the elements."""


class Draws:
    """Integers from the raw output of PCG64."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)
        self._few: list[int] = []

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1."""
        if not self._few:
            self._few = self._bits.random_raw(256).tolist()
        return self._few.pop() * n >> 64

    def words(self, count: int) -> Words:
        """Return as many integers of 64 bits."""
        return np.asarray(self._bits.random_raw(count))

    def indices(self, count: int, n: int) -> Array:
        """Return as many integers from 0 to n - 1, n below 2^32."""
        return ((self.words(count) >> np.uint64(32)) * np.uint64(n) >> np.uint64(32)).astype(np.intp)


def separable(op: Operation, args: Arguments) -> bool:
    """Whether each element of the first input could be a call of its own."""
    others = (isinstance(a, list | tuple) or np.ndim(a) > 0 for a in args[1:])
    return op.elementwise and isinstance(args[0], np.ndarray) and not any(others)


def _as_words(array: Array) -> Words:
    return np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}").astype(np.uint64)


def _from_words(words: Words, dtype: np.dtype[Any]) -> Array:
    return np.asarray(words.astype(f"u{dtype.itemsize}").view(dtype))


# what becomes of a float's magnitude: pattern, a drawn word, bits of the fraction -> pattern; the others stay
FLOAT_MOVES: dict[int, Callable[[Words, Words, int], Words]] = {
    7: lambda size, r, f: size + np.uint64(1),
    8: lambda size, r, f: size - np.uint64(1),
    9: lambda size, r, f: size + (r & np.uint64(15)) - np.uint64(8),
    11: lambda size, r, f: size + (r % np.uint64(7) << np.uint64(f)) - np.uint64(3 << f),  # 2^-3 to 2^3 times as large
    12: lambda size, r, f: size ^ (np.uint64(1) << r % np.uint64(f)),
    13: lambda size, r, f: size >> r % np.uint64(f + 1) << r % np.uint64(f + 1),  # fewer digits
}
NEGATED, ANYTHING = (10, 14), 15


def vary_floats(words: Words, dtype: np.dtype[Any], draws: Draws, *, wild: bool) -> Words:
    """Change about half of some floats: neighbours, signs, powers of two, digits, and if ``wild`` anything.

    No infinity and no NaN comes of a finite number.
    """
    fraction, width = FLOATS[dtype.name][0] - 1, 8 * dtype.itemsize
    top = np.uint64(1 << (width - 1))
    infinity = np.uint64(((1 << (width - 1 - fraction)) - 1) << fraction)
    drawn = draws.words(words.size)
    kind, drawn = drawn & np.uint64(15), drawn >> np.uint64(4)
    sign, size = words & top, words & ~top
    moves = {k: move(size, drawn, fraction) for k, move in FLOAT_MOVES.items()}
    if wild:
        moves[ANYTHING] = draws.words(words.size) & (top - np.uint64(1))
    moved = np.select([kind == k for k in moves], list(moves.values()), size)
    moved = np.where((moved < infinity) & (size != infinity), moved, size)
    return np.where(np.isin(kind, NEGATED), sign ^ top, sign) | moved


def vary_integers(words: Words, dtype: np.dtype[Any], draws: Draws, low: int, high: int) -> Words:
    """Change about half of some integers: neighbours, signs, doubles, halves, bits, anything from low to high."""
    values = _from_words(words, dtype).astype(np.int64)
    drawn = draws.words(words.size)
    kind, drawn = drawn & np.uint64(15), (drawn >> np.uint64(4)).view(np.int64)
    width = 8 * dtype.itemsize
    anything = draws.words(words.size).view(np.int64) >> (64 - width + drawn % width)
    moves = {
        7: values + 1,
        8: values - 1,
        9: values + drawn % 17 - 8,
        10: -values,
        11: values * 2,
        12: values >> 1,
        13: values ^ (np.int64(1) << drawn % width),
        15: anything if low < 0 else np.abs(anything),
    }
    moved = np.select([kind == k for k in moves], list(moves.values()), values)
    clipped = np.clip(moved, low, high).astype(dtype)
    return np.asarray(clipped.view(f"u{dtype.itemsize}").astype(np.uint64))


def vary_flags(words: Words, draws: Draws) -> Words:
    """Turn about one flag in eight."""
    return np.asarray(words ^ (draws.words(words.size) & np.uint64(7) == 0).astype(np.uint64))


class Stock:
    """The directed calls that are varied, and what their inputs hold."""

    def __init__(self, op: Operation, settings: Settings) -> None:
        plain = [case for case in op.cases if case.layout == "plain"]
        calls = {case.name: [args for args in case.make(settings) if _fits(op, args)] for case in plain}
        self.cases = [(name, own) for name, own in calls.items() if own]
        self.wild = op.bound is None  # where sums overflow nothing is promised
        every = [args for _, own in self.cases for args in own]
        self.numbers = [_numbers(values) for values in zip(*every, strict=True)]
        columns = enumerate(zip(*every, strict=True))
        self.elements = {(i, dtype): words for i, column in columns for dtype, words in _elements(column)}
        self.ends = {key: _ends(words, key[1]) for key, words in self.elements.items()}

    def draw(self, draws: Draws) -> tuple[str, Arguments]:
        """Return a call, with the name of its case; each case is as likely as another."""
        name, calls = self.cases[draws.below(len(self.cases))]
        return name, calls[draws.below(len(calls))]

    def vary(self, words: Words, place: int, dtype: np.dtype[Any], draws: Draws) -> Array:
        """Return as many elements for the input at a place: some from other calls, and some changed."""
        others = self.elements[place, dtype]
        chosen = draws.indices(words.size, 8 * others.size)
        words = np.where(chosen < others.size, others[chosen % others.size], words)
        if dtype.kind in "iu":
            words = vary_integers(words, dtype, draws, *self.ends[place, dtype])
        elif dtype.kind == "b":
            words = vary_flags(words, draws)
        elif dtype.name in FLOATS:
            words = vary_floats(words, dtype, draws, wild=self.wild)
        return _from_words(words, dtype)

    def vary_number(self, value: Any, place: int, draws: Draws) -> Any:
        """Return a number for the input at a place: mostly the same, its neighbour, or that of another call."""
        kind, known = draws.below(8), self.numbers[place]
        if isinstance(value, bool) or kind < 4:
            return value
        if kind < 6:
            return known[draws.below(len(known))]
        if isinstance(value, int):
            return min(max(value + draws.below(5) - 2, known[0]), known[-1])
        return type(value)(math.ldexp(value, draws.below(7) - 3))


def _fits(op: Operation, args: Arguments) -> bool:
    arrays = [part for value in args for part in _arrays(value)]
    size = sum(part.size for part in arrays)
    return not arrays or (size > 0 and (size <= MOST or separable(op, args)))


def _arrays(value: Any) -> Sequence[Array]:
    if isinstance(value, list | tuple):
        return [array for item in value for array in _arrays(item)]
    return [value] if isinstance(value, np.ndarray) else []


def _numbers(values: Sequence[Any]) -> list[Any]:
    return sorted({value for value in values if isinstance(value, int | float)})


def _elements(values: Sequence[Any]) -> Iterator[tuple[np.dtype[Any], Words]]:
    """Yield the different elements of the arrays of each dtype."""
    arrays = [array for value in values for array in _arrays(value) if array.size]
    for dtype in dict.fromkeys(array.dtype for array in arrays):
        yield dtype, np.unique(np.concatenate([_as_words(a) for a in arrays if a.dtype == dtype]))


def _ends(words: Words, dtype: np.dtype[Any]) -> tuple[int, int]:
    if dtype.kind not in "iu":
        return 0, 0
    values = _from_words(words, dtype)
    return int(values.min()), int(values.max())


Variation = tuple[str, Arguments, Any, list[int] | None]
"""Name, inputs, answer, and where to cut the first input and the answer into calls; None where it is one call."""


def varied(op: Operation, settings: Settings, seed: int) -> Iterator[Variation]:
    """Yield variations without end, each with its answer; what the reference rejects is left out."""
    draws, stock = Draws(seed), Stock(op, settings)
    while True:
        name, args = stock.draw(draws)
        make = _in_one_call if separable(op, args) else _one_by_one
        found = False
        for call, expected, cuts in make(op, settings, stock, args, draws):
            found = True
            yield f"{name}, varied", call, expected, cuts
        if not found:  # so that there is an end to it
            yield name, args, op.answer(args, settings), None


Calls = Iterator[tuple[Arguments, Any, list[int] | None]]


def _in_one_call(op: Operation, settings: Settings, stock: Stock, args: Arguments, draws: Draws) -> Calls:
    """Give many elements with the same numbers, to be cut into calls."""
    words = _as_words(args[0])
    x = stock.vary(words[draws.indices(AT_ONCE, words.size)], 0, args[0].dtype, draws)
    numbers = [stock.vary_number(value, place, draws) for place, value in enumerate(args[1:], 1)]
    try:
        if op.accepts is not None:
            with np.errstate(all="ignore"):
                x = x[op.accepts((x, *numbers), settings)]
        expected = op.answer((x, *numbers), settings)
    except ValueError:
        return
    cuts = list(itertools.takewhile(lambda c: c < x.size, _steps(draws)))
    if x.size:
        yield (x, *numbers), expected, cuts


def _steps(draws: Draws) -> Iterator[int]:
    place = 0
    while True:
        yield place
        place += 1 + draws.below(LONGEST)


def _one_by_one(op: Operation, settings: Settings, stock: Stock, args: Arguments, draws: Draws) -> Calls:
    """Give calls of one form, each with elements of its own."""
    args = _rearranged(args, draws)
    columns = [_column(stock, value, place, draws) for place, value in enumerate(args)]
    for call in zip(*columns, strict=True):
        try:
            yield call, op.answer(call, settings), None
        except ValueError:
            continue


def _column(stock: Stock, value: Any, place: int, draws: Draws) -> list[Any]:
    """Return variations of one input."""
    if isinstance(value, list | tuple):
        columns = [_column(stock, item, place, draws) for item in value]
        return [type(value)(items) for items in zip(*columns, strict=True)] if columns else [value] * TOGETHER
    if not isinstance(value, np.ndarray):
        return [stock.vary_number(value, place, draws) for _ in range(TOGETHER)]
    if value.size == 0:
        return [value] * TOGETHER
    flat = stock.vary(np.tile(_as_words(value), TOGETHER), place, value.dtype, draws)
    return list(flat.reshape(TOGETHER, *value.shape))


def _rearranged(args: Arguments, draws: Draws) -> Arguments:
    """Cut rows off, or bring them into another order, in all arrays that have as many rows as the first one."""
    arrays = [value for value in args if isinstance(value, np.ndarray) and value.ndim]
    kind = draws.below(4)
    if not arrays or kind > 1:
        return args
    rows = arrays[0].shape[0]
    order = np.argsort(draws.words(rows), kind="stable")
    if kind == 0 and rows:
        start = draws.below(rows)
        order = np.arange(start, start + 1 + draws.below(rows - start))
    return tuple(
        value[order] if isinstance(value, np.ndarray) and value.shape[:1] == (rows,) else value for value in args
    )

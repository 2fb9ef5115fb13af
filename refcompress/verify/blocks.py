"""One block of a sweep over all bit patterns: generate it, call the candidate, compare, and keep where it differs.

The array of a call is as long as fits in the processor's second cache, since otherwise memory sets the pace; a block is
many calls, so that what is done once a block costs nothing. Nothing but a ``Found`` leaves a block.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import NATIVE_FLOATS, Array, is_float
from refcompress.verify.agreement import compare, conform, equal
from refcompress.verify.bit_patterns import Patterns, complexity, spans
from refcompress.verify.candidates import Candidate, raised
from refcompress.verify.layouts import FRAMEWORKS, from_framework
from refcompress.verify.operation import Operation, Settings
from refcompress.verify.operations import find_operation
from refcompress.verify.wire import encode

CALL = 1 << 18  # patterns a call
BLOCK = 1 << 22  # patterns a block
MOST_INTERVALS = 1 << 15  # of a block: where there are more, one holds them all
MOST_OF_CALL = 1 << 12  # of a call, where a block is many calls
MOST_SPLITS = 64  # of a block, to narrow down which inputs it gives no answer to
KEPT = 1 << 24  # bytes of freed memory that a process keeps
EXACT = 2.0**53  # up to here, float64 holds every integer
MANY = 1 << 12  # numbers that differ in a call
LEAST_NORMAL = float(np.finfo(np.float32).tiny)

Interval = tuple[int, int, int]
"""The first place, the last one, and on how many of the places between them the candidate differs."""
Silence = tuple[int, int, str]
"""The first place, the last one, and why there is no answer to what lies between them."""
Example = tuple[int, Any, Any]
"""A place, and what was expected and returned there, as ``wire`` writes it."""


@dataclass(frozen=True)
class Sweep:
    """What is swept: an operation under one convention, with all inputs but the first one fixed."""

    operation: str | Operation
    settings: Settings
    fixed: tuple[Any, ...]
    dtype: str
    arrays: str = "numpy"

    @property
    def patterns(self) -> Patterns:
        """The values of the first input."""
        return Patterns(self.dtype)

    def blocks(self) -> range:
        """Return the numbers of the blocks, in the order of their places."""
        return range(-(-self.patterns.count // BLOCK))

    def places(self, block: int) -> tuple[int, int]:
        """Return the first and the last place of a block."""
        return block * BLOCK, min((block + 1) * BLOCK, self.patterns.count) - 1


@dataclass(frozen=True)
class Found:
    """What came of a range of places."""

    accepted: int = 0
    """Inputs that have an answer, and were given to the candidate."""
    nan: int = 0
    """Inputs without an answer that are NaN."""
    infinite: int = 0
    """Inputs without an answer that are infinite."""
    outside: int = 0
    """Other inputs without an answer."""
    intervals: tuple[Interval, ...] = ()
    silent: tuple[Silence, ...] = ()
    example: Example | None = None
    """The simplest input on which it differs."""
    changed: int = 0
    """Calls that changed their input."""
    lost: bool = False
    """Whether a process was lost over it."""

    @property
    def differing(self) -> int:
        """How many inputs the candidate answers wrongly."""
        return sum(count for _, _, count in self.intervals)

    @property
    def unanswered(self) -> int:
        """How many inputs lie where there was no answer."""
        return sum(last - first + 1 for first, last, _ in self.silent)


class NoAnswer(Exception):  # noqa: N818 - what came of a call, no error
    """A candidate gave nothing that can be compared."""


class Splits:
    """How many more times ranges may be cut in two."""

    def __init__(self, left: int) -> None:
        self.left = left


def evaluate(candidate: Candidate, sweep: Sweep, first: int, last: int) -> Found:
    """Compare a candidate with the reference on the numbers at the places ``first`` to ``last``."""
    assert candidate.function is not None
    calls = _Calls(candidate.function, sweep)
    splits = Splits(MOST_SPLITS)
    with np.errstate(all="ignore"):
        pieces = [found for span in spans(first, last, calls.size) for found in split(calls.compare, *span, splits)]
    return coarsened(joined(pieces, sweep), MOST_INTERVALS)


def split(attempt: Callable[[int, int], Found], first: int, last: int, splits: Splits) -> Iterator[Found]:
    """Attempt a range; where it gets no answer, its halves, down to single numbers, as long as splits are left."""
    try:
        yield attempt(first, last)
    except NoAnswer as error:
        if first == last or splits.left == 0:
            yield Found(silent=((first, last, str(error)),))
            return
        splits.left -= 1
        middle = (first + last) // 2
        yield from split(attempt, first, middle, splits)
        yield from split(attempt, middle + 1, last, splits)


def joined(pieces: Iterable[Found], sweep: Sweep) -> Found:
    """Put together what came of ranges that follow one another."""
    pieces = list(pieces)
    intervals: list[Interval] = []
    silent: list[Silence] = []
    for first, last, count in (i for piece in pieces for i in piece.intervals):
        if intervals and intervals[-1][1] + 1 == first and _full(intervals[-1]) and _full((first, last, count)):
            intervals[-1] = (intervals[-1][0], last, intervals[-1][2] + count)
        else:
            intervals.append((first, last, count))
    for first, last, why in (s for piece in pieces for s in piece.silent):
        if silent and silent[-1][1] + 1 == first and silent[-1][2] == why:
            silent[-1] = (silent[-1][0], last, why)
        else:
            silent.append((first, last, why))
    examples = [piece.example for piece in pieces if piece.example is not None]
    counts = {
        name: sum(getattr(piece, name) for piece in pieces)
        for name in ("accepted", "nan", "infinite", "outside", "changed")
    }
    return Found(
        **counts,
        intervals=tuple(intervals),
        silent=tuple(silent),
        example=examples[_simplest(sweep.patterns.at([e[0] for e in examples]))] if examples else None,
        lost=any(piece.lost for piece in pieces),
    )


def coarsened(found: Found, most: int) -> Found:
    """Replace more than so many intervals by one that holds them all, with their count."""
    if len(found.intervals) <= most:
        return found
    return dataclasses.replace(found, intervals=((found.intervals[0][0], found.intervals[-1][1], found.differing),))


def _full(interval: Interval) -> bool:
    first, last, count = interval
    return count == last - first + 1


def _simplest(numbers: Array) -> int:
    return int(np.argmin(complexity(numbers)))


class _Calls:
    """The calls of a candidate that a block is made of."""

    def __init__(self, function: Callable[..., Any], sweep: Sweep) -> None:
        self.function, self.sweep, self.patterns = function, sweep, sweep.patterns
        self.operation = find_operation(sweep.operation)
        self.size = min(CALL, self.patterns.count // 2)  # of one sign
        self.line = self.patterns.words(self.size)
        self.most = MOST_OF_CALL if self.patterns.count > CALL else CALL
        # glibc gives freed memory back to the system, and every call takes it anew at ten times the cost of the call,
        # unless a larger array was freed before: see M_MMAP_THRESHOLD in mallopt(3)
        np.empty(KEPT, np.uint8)
        self.writes = False
        """Whether the candidate wants an array that it may write to."""

    def compare(self, first: int, last: int) -> Found:
        """Call the candidate once, on the inputs in the range that have an answer."""
        x = self.patterns.numbers(first, last, self.line)
        places: Array | range = range(first, last + 1)
        found = Found()
        try:  # what accepts everything is not asked
            expected = self.operation.answer((x, *self.sweep.fixed), self.sweep.settings)
        except ValueError:
            if self.operation.accepts is None:
                raise
            kept = self.operation.accepts((x, *self.sweep.fixed), self.sweep.settings)
            found = _rejected(x[~kept])
            x, places = x[kept], first + np.flatnonzero(kept)
            if x.size == 0:
                return found
            expected = self.operation.answer((x, *self.sweep.fixed), self.sweep.settings)
        value, changed = self._answer(x)
        value, _ = conform(expected, value)
        found = dataclasses.replace(found, accepted=x.size, changed=int(changed))
        wrong = self._wrong(expected, value, x)
        if not wrong.any():
            return found
        where = np.flatnonzero(wrong)
        simplest = where[_among_simple(x[where])]
        example = (
            int(places[simplest]),
            encode(expected[simplest : simplest + 1]),
            encode(np.asarray(value)[simplest : simplest + 1]),
        )
        runs = _runs(where + first if isinstance(places, range) else places[where], self.most)
        return dataclasses.replace(found, intervals=runs, example=example)

    def _answer(self, x: Array) -> tuple[Any, bool]:
        """Return what the candidate answers, and whether it changed its input.

        It is given a read-only array, which costs nothing; one that fails with it is given copies from then on.
        """
        if not self.writes:
            x.flags.writeable = False
            try:
                return self._called(x), False
            except NoAnswer:
                self.writes = True
        given = x.copy()
        value = self._called(given)
        word = f"u{x.dtype.itemsize}"
        return value, not np.array_equal(given.view(word), x.view(word))

    def _called(self, x: Array) -> Any:
        try:
            return from_framework(self.function(FRAMEWORKS[self.sweep.arrays](x), *self.sweep.fixed))[0]
        except BaseException as error:  # SystemExit and KeyboardInterrupt included, since no Ctrl-C comes here
            problem = raised(error)
        raise NoAnswer(problem)

    def _wrong(self, expected: Array, value: Any, x: Array) -> Array:
        """Flag the answers that differ; raise NoAnswer where they cannot be compared."""
        settings, bound = self.sweep.settings, self.operation.bound
        check_dtype = settings.get("check_dtype", False)
        plain = isinstance(value, np.ndarray) and value.shape == expected.shape and _is_real(value)
        if plain and bound is None and not (check_dtype and value.dtype != expected.dtype):
            return differs(expected, value)
        limit = None if bound is None else bound((x, *self.sweep.fixed), settings)
        comparison = compare(expected, value, limit, check_dtype=check_dtype)
        if comparison.problem is not None:
            raise NoAnswer(comparison.problem)
        return comparison.wrong[0]


def _is_real(value: Array) -> bool:
    return value.dtype.kind in "biuf" or is_float(value.dtype)


def _rejected(others: Array) -> Found:
    """Count inputs that have no answer."""
    nan = int(np.isnan(others).sum())
    infinite = int(np.isinf(others).sum())
    return Found(nan=nan, infinite=infinite, outside=others.size - nan - infinite)


def differs(expected: Array, value: Array) -> Array:
    """Flag the elements that are not the same number: what ``agreement.equal`` says, in as few passes as can be.

    Examples
    --------
    >>> import numpy as np
    >>> differs(np.array([1, 2, 0]), np.array([1.0, 2.5, -0.0]))
    array([False,  True, False])
    """
    whole, whole_value = expected.dtype.kind in "biu", value.dtype.kind in "biu"
    if whole and whole_value:
        return np.asarray(expected != value)
    integers, floats = (expected, value) if whole else (value, expected)
    if whole != whole_value and floats.dtype.name in NATIVE_FLOATS:
        wrong = np.asarray(expected != value)  # in a float that holds every integer of up to 32 bits
        if integers.dtype.itemsize == 8:
            large = ~(np.abs(floats) < EXACT)
            wrong[large] = ~equal(expected[large], value[large])
        return wrong
    if expected.dtype == value.dtype and expected.dtype.itemsize <= 8:
        word = f"u{expected.dtype.itemsize}"
        wrong = np.asarray(expected.view(word) != np.ascontiguousarray(value).view(word))
        if wrong.any():
            wrong &= ~(np.isnan(expected) & np.isnan(value))
        return wrong
    return ~equal(expected, value)


def _among_simple(numbers: Array) -> int:
    """Return the index of the simplest number; of many normal floats, only the ones that end in zeros are weighed."""
    if numbers.dtype == np.float32 and numbers.size > MANY:
        magnitude = np.abs(numbers)
        if magnitude.min() >= LEAST_NORMAL and magnitude.max() < np.inf:  # of subnormals, the lowest bits count
            few = np.flatnonzero((numbers.view(np.uint32) & np.uint32(0xFFF)) == 0)
            if few.size:
                return int(few[_simplest(numbers[few])])
    return _simplest(numbers)


def _runs(places: Array, most: int) -> tuple[Interval, ...]:
    """Return the intervals that rising places make up; where they are more than ``most``, one that holds them all."""
    cuts = np.flatnonzero(np.diff(places) > 1)
    if cuts.size >= most:
        return ((int(places[0]), int(places[-1]), places.size),)
    firsts = places[np.concatenate([[0], cuts + 1])].tolist()
    lasts = places[np.concatenate([cuts, [places.size - 1]])].tolist()
    return tuple((a, b, b - a + 1) for a, b in zip(firsts, lasts, strict=True))

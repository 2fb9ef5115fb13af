"""Test vectors: calls of an operation with their right answers, as a lazy stream, from its declaration alone.

Level 1 is the directed cases: hundreds. Levels 2 and 3 go on with variations of them: a hundred thousand, and two
million. A level begins with all of the one before. The calls are the same to the byte for a seed and a version of this
package, on every machine. So are the expected answers of exact operations; those of ``mlp_forward``, ``mlp_gradients``
and the two of distillation, sums and exponentials in float64, may part in their last place, far within the bound: a
file has them from ``operations.in_decimals`` instead.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.variation import Variation, separable, varied

PIECE = 256  # elements of a call, where a longer one can be cut

# level -> variations that follow on the directed cases
LEVELS = {1: 0, 2: 100_000, 3: 2_000_000}


@dataclass(frozen=True)
class Vector:
    """One call, and the right answer."""

    number: int
    """Its place in the stream, from 1."""
    case: str
    args: Arguments
    expected: Any
    flags: tuple[str, ...]
    """The hard places that it meets: the names of the operation's regions."""


def vectors(
    op: Operation, settings: Settings, *, level: int = 1, seed: int = 0, flagged: bool = False
) -> Iterator[Vector]:
    """Yield the vectors of a level; their flags, which cost time, only if they are wanted.

    Examples
    --------
    >>> from refcompress.verify.operations import OPERATIONS
    >>> op = OPERATIONS["quantize"]
    >>> vector = next(vectors(op, op.defaults, flagged=True))
    >>> vector.case, vector.args, vector.expected, vector.flags[:2]
    ('small numbers, one a call', (array([0.5], dtype=float32), 0), array([0]), ('tie', 'near_tie'))
    """
    more = itertools.islice(_cut(op, settings, varied(op, settings, seed), flagged), LEVELS[level])
    calls = itertools.chain(_cut(op, settings, _directed(op, settings), flagged), more)
    for number, (case, args, expected, flags) in enumerate(calls, 1):
        yield Vector(number, case, args, expected, flags)


def count(op: Operation, settings: Settings, level: int) -> int:
    """Return how many vectors a level has."""
    return LEVELS[level] + sum(1 if cuts is None else len(cuts) for *_, cuts in _directed(op, settings))


def case_names(op: Operation) -> list[str]:
    """Return the names that vectors may have, in the order of a report."""
    return [name for case in op.cases if case.layout == "plain" for name in (case.name, f"{case.name}, varied")]


def _directed(op: Operation, settings: Settings) -> Iterator[Variation]:
    """Yield the directed cases but those of layouts in memory, which vectors have not."""
    for case in op.cases:
        for args in case.make(settings) if case.layout == "plain" else ():
            expected = op.answer(args, settings)
            if not separable(op, args) or args[0].size <= PIECE:
                yield case.name, args, expected, None
            else:
                flat = (args[0].reshape(-1), *args[1:])
                yield case.name, flat, expected.reshape(-1), list(range(0, args[0].size, PIECE))


Call = tuple[str, Arguments, Any, tuple[str, ...]]


def _cut(op: Operation, settings: Settings, calls: Iterable[Variation], flagged: bool) -> Iterator[Call]:
    """Cut calls where they are to be cut."""
    for case, args, expected, cuts in calls:
        if cuts is None:
            yield case, args, expected, flags(op, settings, args, expected) if flagged else ()
            continue
        x, *numbers = args
        marks = _piecewise_flags(op, settings, args, expected, cuts) if flagged else itertools.repeat(())
        for (start, end), own in zip(itertools.pairwise([*cuts, x.size]), marks, strict=False):
            yield case, (x[start:end], *numbers), expected[start:end], own


def flags(op: Operation, settings: Settings, args: Arguments, expected: Any) -> tuple[str, ...]:
    """Return the names of the regions that a call has elements in."""
    with np.errstate(all="ignore"):
        return tuple(r.name for r in _regions(op) if any(m.any() for m in r.mask(args, expected, settings)))


def _regions(op: Operation) -> list[Any]:
    return [region for region in op.regions if not region.positional]


def _piecewise_flags(
    op: Operation, settings: Settings, args: Arguments, expected: Any, cuts: Sequence[int]
) -> Iterable[tuple[str, ...]]:
    regions = _regions(op)
    if not regions:
        return itertools.repeat(())
    with np.errstate(all="ignore"):
        masks = np.stack([region.mask(args, expected, settings)[0] for region in regions])
    names = np.array([region.name for region in regions], object)
    return [tuple(names[held]) for held in np.logical_or.reduceat(masks, cuts, axis=1).T]

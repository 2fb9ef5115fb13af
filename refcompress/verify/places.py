"""Where the differences of a candidate may lie: in a layout, a form of array, the tail of a loop, a region, a part."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.agreement import parts
from refcompress.verify.exchange import Exchange
from refcompress.verify.layouts import contiguous
from refcompress.verify.operation import Operation, Settings

VECTOR_WIDTHS = (2, 4, 8, 16, 32, 64)
# where the tail of a loop lies, and the lengths of what it runs along: all of an array, each row, the rows; one number
# is a row of one, and what has less than two dimensions is one row
TAILS: tuple[tuple[str, Callable[[Array], tuple[int, ...]]], ...] = (
    ("in the last n mod {} elements", lambda p: p.shape),
    ("in the last n mod {} elements of each row of n", lambda p: p.shape[-1:]),
    ("in the last n mod {} of n rows", lambda p: (len(p), *(1,) * (p.ndim - 1)) if p.ndim > 1 else ()),
)


@dataclass(frozen=True)
class Place:
    """A region, ready to be evaluated: one flag an element of each part of the answer."""

    where: str
    mask: Callable[[Exchange], list[Array]]


def places_of_differences(
    operation: Operation, settings: Settings, judged: Sequence[Exchange], forms: bool = True
) -> list[Place]:
    """Return the regions of the operation and those that any operation has, the most specific first.

    ``forms``: whether the form of an array may be one; not if it follows from what differs, as in a sweep.
    """

    def of_exchange(test: Callable[[Exchange], bool]) -> Callable[[Exchange], list[Array]]:
        return lambda exchange: [np.full(p.shape, test(exchange)) for p in parts(exchange.expected)]

    def tail(along: Callable[[Array], tuple[int, ...]], width: int) -> Callable[[Exchange], list[Array]]:
        def mask(p: Array) -> Array:
            lengths = along(p)
            n = math.prod(lengths)
            return np.broadcast_to((np.arange(n) >= n - n % width).reshape(lengths), p.shape)

        return lambda exchange: [mask(p) for p in parts(exchange.expected)]

    def part(number: int) -> Callable[[Exchange], list[Array]]:
        return lambda exchange: [np.full(p.shape, i == number) for i, p in enumerate(parts(exchange.expected))]

    def of_array(test: Callable[[Array], bool]) -> Callable[[Exchange], list[Array]]:
        return of_exchange(lambda e: forms and isinstance(e.args[0], np.ndarray) and test(e.args[0]))

    # the whole of a short array is its tail, and in arrays of one length any place is: only others show that
    # differences lie there
    wrong = [p for e in judged if not e.comparison.agrees for p in parts(e.expected)]
    tails = []
    for where, along in TAILS if forms else ():
        lengths = {math.prod(along(p)) for p in wrong}
        widths = [width for width in VECTOR_WIDTHS if sum(n > width for n in lengths) > 1]
        tails += [Place(where.format(width), tail(along, width)) for width in widths]
    named = [Place(r.where, lambda e, r=r: r.mask(e.args, e.expected, settings)) for r in operation.regions]  # type: ignore[misc]
    places = [
        Place("on repeated calls", of_exchange(lambda e: e.repeated)),
        *(
            Place(f"on {layout} arrays", of_exchange(lambda e, layout=layout: e.layout == layout))  # type: ignore[misc]
            for layout in ("strided", "reversed", "fortran", "read-only")
        ),
        Place("on arrays that are not contiguous", of_exchange(lambda e: not contiguous(e.args, e.layout))),
        Place("on 0-d arrays", of_array(lambda x: x.ndim == 0)),
        Place("on arrays of one element", of_array(lambda x: x.size == 1)),
        *tails,
        *named,
        Place("on arrays with axes of equal length", of_array(lambda x: len({*x.shape}) < x.ndim)),
        Place("on 1-d arrays", of_array(lambda x: x.ndim == 1)),
        Place("on matrices", of_array(lambda x: x.ndim == 2)),
        Place("on arrays of three dimensions or more", of_array(lambda x: x.ndim > 2)),
    ]
    if any(_is_flat(e.expected) for e in judged):
        most = max(len(parts(e.expected)) for e in judged)
        places += [Place(f"in {_part_name(operation, i)}", part(i)) for i in range(most)]
    return [place for place in places if _holds_every_difference(place, judged) and not _is_everywhere(place, judged)]


def _is_everywhere(place: Place, judged: Sequence[Exchange]) -> bool:
    return all(mask.all() for e in judged for mask in place.mask(e))


def _is_flat(answer: Any) -> bool:
    """Whether an answer is several arrays, in a number that is always the same: not lists, one array a layer."""
    return isinstance(answer, tuple | list) and not any(isinstance(part, tuple | list) for part in answer)


def _part_name(operation: Operation, number: int) -> str:
    return operation.parts[number] if number < len(operation.parts) else f"part {number} of the result"


def _holds_every_difference(place: Place, judged: Sequence[Exchange]) -> bool:
    return all(
        not (wrong & ~inside).any()
        for e in judged
        if not e.comparison.agrees
        for wrong, inside in zip(e.comparison.wrong, place.mask(e), strict=True)
    )

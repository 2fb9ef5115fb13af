"""The directed cases once more, in other shapes, lengths and layouts.

A kernel has paths of its own for the last elements of a vector, for matrices, single numbers and arrays that are not
contiguous. What is hard for one path is hard for all: each of them is given numbers of every case.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.exchange import Exchange
from refcompress.verify.inputs import LONG_MATRICES
from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.variation import Draws, separable

OF_A_CASE = 32  # calls that are made of each case
SINGLES = 12  # besides, each a number without a dimension
OF_BOUNDED = 16  # where bounds have to be derived too
OF_NETWORKS = 8  # which take many operations each
MOST = 4096  # numbers of a call that is rearranged, where its answer has to be computed again
TRIES = 4  # shapes that are tried where not every shape has an answer
LONG = 4099  # longer than most blocks, and no multiple of a vector's width
LENGTHS = (*range(1, 6), *range(7, 10), 12, *range(15, 18), 20, 24, *range(31, 34), 36, 48, *range(63, 66), 80)
LARGE = (127, 128, 129, 257, 300, 1000)
MATRICES = ((1, 9), (9, 1), (17, 1), (4, 4), (5, 3), (3, 5), (8, 9), (33, 2), (2, 33), (16, 4), (3, 20), (20, 32))
DEEPER = ((2, 3, 4), (4, 3, 2), (3, 1, 5), (5, 7, 1), (3, 3, 3), (4, 4, 4), (2, 2, 3, 2), (1, 1, 1, 9), (2, 3, 4, 2))
SHAPES: tuple[tuple[int, ...], ...] = ((), (1, 1), *((n,) for n in (*LENGTHS, *LARGE)), *MATRICES, *DEEPER)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33)
WIDTHS = (1, 2, 3, 5, 7, 8, 9, 16, 17, 33)
LAYOUTS = ("plain", "strided", "reversed", "fortran", "read-only")


@dataclass(frozen=True)
class Call:
    """Inputs in a layout, with the answer that is due."""

    args: Arguments
    layout: str
    expected: Any


def rearranged(op: Operation, settings: Settings, directed: Sequence[Exchange], seed: int) -> Iterator[Call]:
    """Yield calls made of the numbers of the directed ones, as many of each case."""
    draws, known = Draws(seed), known_shapes(directed)
    long = ((LONG,), *(LONG_MATRICES if any(len(shape) == 2 for shape in known) else ()))
    own: dict[str, list[Exchange]] = {}
    for e in directed:
        if e.layout == "plain" and not e.repeated and _can_be_rearranged(op, e.args):
            own.setdefault(e.case, []).append(e)
    for exchanges in own.values():
        count = OF_NETWORKS if not _is_array(exchanges[0].args[0]) else OF_A_CASE if op.bound is None else OF_BOUNDED
        for _ in range(count):
            e = exchanges[draws.below(len(exchanges))]
            shapes = [known[draws.below(len(known))] for _ in range(TRIES)]
            yield from _in_form(op, settings, e, shapes, LAYOUTS[draws.below(len(LAYOUTS))], draws)
        singles = SINGLES if () in known and separable(op, exchanges[0].args) else 0
        for n in range(singles):
            e, layout = exchanges[n % len(exchanges)], "read-only" if n % 2 else "plain"
            yield from _in_form(op, settings, e, [()], layout, draws)
        if separable(op, exchanges[-1].args):
            for shape in long:
                yield from _in_form(op, settings, exchanges[-1], [shape], "plain", draws)


def known_shapes(directed: Sequence[Exchange]) -> list[tuple[int, ...]]:
    """Return the shapes of as many dimensions as the first input has in some case: what another means is not said."""
    dimensions = {e.args[0].ndim for e in directed if _is_array(e.args[0])}
    return [shape for shape in SHAPES if len(shape) in dimensions] or [*SHAPES]


def in_every_form(
    op: Operation, settings: Settings, directed: Sequence[Exchange], e: Exchange, layouts: Sequence[str] = LAYOUTS
) -> Iterator[Call]:
    """Yield the inputs of a call in every layout and in arrays of few and many dimensions, to see which matters."""
    for layout in layouts:
        yield Call(e.args, layout, e.expected)
    x = e.args[0]
    if not _is_array(x) or not x.size:
        return
    dimensions = {len(known) for known in known_shapes(directed)}
    for shape in ((), (x.size,), (x.size, 1), (1, x.size), (1, x.size, 1), (1, 1, 1, x.size)):
        if math.prod(shape) == x.size and len(shape) in dimensions:
            args = _reshaped(e.args, np.arange(x.size), shape)
            with suppress(ValueError, TypeError):
                yield Call(args, "plain", op.answer(args, settings))


def _reshaped(args: Arguments, index: Array, shape: tuple[int, ...]) -> Arguments:
    """Take elements of the first input, and of the arrays of its shape, in another shape."""
    x = args[0]
    return tuple(v.reshape(-1)[index].reshape(shape) if _is_array(v) and v.shape == x.shape else v for v in args)


def _can_be_rearranged(op: Operation, args: Arguments) -> bool:
    sizes = [part.size for value in args for part in (value if isinstance(value, list) else [value]) if _is_array(part)]
    return bool(sizes) and min(sizes) > 0 and (sum(sizes) <= MOST or separable(op, args))


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _in_form(
    op: Operation, settings: Settings, e: Exchange, shapes: Sequence[tuple[int, ...]], layout: str, draws: Draws
) -> Iterator[Call]:
    """Give the numbers of a call in another shape, the first in which they have an answer, else in their own."""
    if not _is_array(e.args[0]):
        yield _network(op, settings, e, math.prod(shapes[0]) % 33 + 1, layout, draws)
        return
    axis = settings.get("axis")
    if axis is not None and any(_is_array(v) and v.ndim == 1 for v in e.args[1:3]):
        yield _channels(op, settings, e, axis, draws, layout)
        return
    for form in (*shapes, e.args[0].shape):
        index = _index(e.args[0].size, math.prod(form), draws)
        args = _reshaped(e.args, index, form)
        if separable(op, e.args):
            yield Call(args, layout, np.asarray(e.expected).reshape(-1)[index].reshape(form))
            return
        with suppress(ValueError, TypeError):  # of another shape than the scales, or fewer than k
            yield Call(args, layout, op.answer(args, settings))
            return


def _channels(op: Operation, settings: Settings, e: Exchange, axis: int, draws: Draws, layout: str) -> Call:
    """Give other numbers of channels, each with its scale, in arrays of which some have axes of equal length."""
    x = np.moveaxis(e.args[0], axis, 0)
    count = CHANNELS[draws.below(len(CHANNELS))]
    square = min(count, 9)  # an axis as long as that of the channels, unless they are many
    rest = ((square,), (square,), (3,), (1,), (2, square), (square, 2), (square, square), (8,))[draws.below(8)]
    chosen = _index(x.shape[0], count, draws)
    others = _index(x[0].size, math.prod(rest), draws)

    def of_channels(value: Array) -> Array:
        rows = np.moveaxis(value, axis, 0).reshape(x.shape[0], -1)[chosen][:, others]
        return np.ascontiguousarray(np.moveaxis(rows.reshape(count, *rest), 0, axis))

    args = tuple(
        v if not _is_array(v) else of_channels(v) if v.shape == e.args[0].shape and v.ndim > 1 else v[chosen]
        for v in e.args
    )
    return Call(args, layout, op.answer(args, settings))


def _index(size: int, count: int, draws: Draws) -> Array:
    """Return ``count`` places in an array: one after the other, from anywhere on, or scattered if they are many."""
    return draws.indices(count, size) if count == LONG else (draws.below(size) + np.arange(count)) % size


def _network(op: Operation, settings: Settings, e: Exchange, rows: int, layout: str, draws: Draws) -> Call:
    """Give a network other numbers of units and examples: of the weights, biases, inputs and targets of the call."""
    if len(e.args) < 3:
        return Call(e.args, layout, e.expected)
    weights, biases, *batches = e.args
    sizes = [weights[0].shape[0], *(w.shape[1] for w in weights)]
    units = [_index(n, n if draws.below(2) else WIDTHS[draws.below(len(WIDTHS))], draws) for n in sizes]
    examples = _index(len(batches[0]), rows, draws)
    columns = (units[0], units[-1])  # of the inputs, and of the targets
    args = (
        [w[np.ix_(*places)] for w, places in zip(weights, pairwise(units), strict=True)],
        [b[places] for b, places in zip(biases, units[1:], strict=True)],
        *(v[np.ix_(examples, places)] for v, places in zip(batches, columns, strict=False)),
    )
    return Call(args, layout, op.answer(args, settings))

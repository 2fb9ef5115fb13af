"""Which entries were pruned: the zeros of a compressed tensor, held against selections by magnitude.

Every entry of the compressed tensor is kept for certain (it is what a rule makes of x, and not what the rule makes of
0), dropped for certain (it is what the rule makes of 0, and x is not), or says nothing. A selection keeps the k largest
magnitudes of every line: of the whole tensor, along an axis, or of every m in a row. It is possible where in each line
no entry dropped is larger than one kept, and where one k suits all lines.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.audit.rules import BLOCK
from refcompress.pruning.selection import TIES, magnitudes, top_k_mask

FREE, KEPT, DROPPED, WRONG = 0, 1, 2, 3
GROUPS = (4, 2, 8, 16)  # the m of n:m that are tried, the usual one first
NOTHING = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Lines:
    """A way to cut a tensor into lines of which each keeps k: shape (before, length, after), lines along the middle."""

    words: str
    settings: dict[str, Any]
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Selection:
    """A selection with its settings, and the mask that it makes."""

    words: str
    settings: Mapping[str, Any]
    sparsity: float
    """The share of every line that goes."""
    mask: Callable[[Array, Array], Array]
    """Of the entries that stay, as a line, from the original (any shape) and the status of its entries (a line)."""
    notes: tuple[str, ...] = ()
    ordered: bool = True
    """Whether a rule says which entries stay: else ties are taken as they are found."""


def ways(shape: tuple[int, ...]) -> Iterator[Lines]:
    """Yield the ways to cut a tensor of this shape, the simplest first.

    Examples
    --------
    >>> [lines.words for lines in ways((6, 8))][:4]
    ['of the whole tensor', 'of every row', 'of every column', 'of every 4 along axis 1']
    """
    size = math.prod(shape)
    yield Lines("of the whole tensor", {}, (1, size, 1))
    axes = list(range(len(shape)))[::-1]
    cuts = {axis: (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])) for axis in axes}
    if len(shape) > 1:
        for axis in axes:
            names = {1: "of every row", 0: "of every column"} if len(shape) == 2 else {}
            yield Lines(names.get(axis, f"along axis {axis}"), {"axis": axis}, cuts[axis])
    if len(shape) > 2:
        first = (shape[0], size // max(shape[0], 1), 1)
        yield Lines("of every slice of axis 0", {"slices": 0}, first)
    for axis in axes:
        before, length, after = cuts[axis]
        for m in GROUPS:
            if length % m == 0 and length > m:
                shape3 = (before * (length // m), m, after)
                yield Lines(f"of every {m} along axis {axis}", {"m": m, "axis": axis}, shape3)


def possible_selections(x: Array, status: Array) -> Iterator[Selection]:
    """Yield the selections by magnitude of the entries of x (any shape) that agree with their status (a line)."""
    flat = x.reshape(-1)
    for lines in ways(x.shape):
        found = _agreement(flat.reshape(lines.shape), status.reshape(lines.shape))
        if found is not None:
            least, most, tied, alike = found
            k = plainest_count(lines.shape[1], least, most)
            notes = [f"k from {least:,} to {most:,} gives the same"] if least < most else []
            if not tied and alike > 1:
                notes.append(f"{alike:,} tie with the smallest kept and stay, as where all at a threshold do")
            for ties in (*TIES, "any") if tied else ("lowest_index",):
                yield by_magnitude(lines, k, ties, tied=tied, notes=notes)


def nearest_selection(x: Array, status: Array) -> Selection:
    """Return the selection of the whole tensor that keeps as many as were kept."""
    k = int(np.count_nonzero((status == KEPT) | (status == WRONG)))
    return by_magnitude(next(ways(x.shape)), k, "lowest_index", tied=False, notes=[])


def by_magnitude(lines: Lines, k: int, ties: str, *, tied: bool, notes: list[str]) -> Selection:
    """Return the selection of the k largest magnitudes of every line; ``tied``: its rule for ties is needed."""
    size = lines.shape[1]
    settings: dict[str, Any] = {**lines.settings, "n" if "m" in lines.settings else "k": k}
    if tied:
        settings["ties"] = ties
        order = "in no order of index" if ties == "any" else ties
        notes = [*notes, f"of those that tie with the smallest kept: {order}"]
    words = f"the {k:,} largest {lines.words} of {size:,} stay"
    if "m" in lines.settings:
        words = f"{k}:{size} along axis {lines.settings['axis']}"

    def mask(x: Array, status: Array) -> Array:
        if ties == "any":
            return _mask_without_order(x.reshape(-1), status, lines.shape, k)
        if lines.shape[0] == lines.shape[2] == 1:
            return top_k_mask(x.reshape(-1), k, ties=ties)
        return top_k_mask(x.reshape(lines.shape), k, ties=ties, axis=1).reshape(-1)

    share = 1 - k / size if size else 0.0
    return Selection(f"by magnitude: {words}", settings, share, mask, tuple(notes), ties != "any")


def _mask_without_order(flat: Array, status: Array, shape: tuple[int, int, int], k: int) -> Array:
    """Return a mask of k entries in which those that tie with the smallest kept one follow the status."""
    cut, state = flat.reshape(shape), status.reshape(shape)
    mask = top_k_mask(cut, k, axis=1)
    for part in _parts(shape):
        x, s, kept = cut[part], state[part], mask[part]  # views
        smallest = np.full((x.shape[0], 1, x.shape[2]), NOTHING)
        for step in _steps(x):
            m = np.where(kept[:, step], magnitudes(x[:, step]).astype(np.int64), NOTHING)
            smallest = np.minimum(smallest, m.min(axis=1, keepdims=True))
        for step in _steps(x):
            m = magnitudes(x[:, step]).astype(np.int64)
            kept[:, step] = (m > smallest) | ((m == smallest) & (s[:, step] == KEPT))
    return mask.reshape(-1)


def plainest_count(size: int, least: int, most: int) -> int:
    """Return the k from least to most whose sparsity has the fewest decimals, up to four; else the least.

    Examples
    --------
    >>> plainest_count(1000, 480, 510), plainest_count(1000, 487, 487)
    (500, 487)
    """
    for decimals in range(1, 5):
        unit = 10**decimals
        for share in range(unit + 1):
            k: int = size - round(size * share / unit)
            if least <= k <= most:
                return k
            if k < least:
                break
    return least


def _parts(shape: tuple[int, int, int]) -> Iterator[tuple[slice, slice, slice]]:
    """Yield parts of at most a block or one line, each of whole lines."""
    before, length, after = shape
    wide = max(1, min(after, BLOCK // max(length, 1)))
    deep = max(1, BLOCK // max(length * wide, 1))
    for b in range(0, before, deep):
        for a in range(0, after, wide):
            yield slice(b, b + deep), slice(None), slice(a, a + wide)


def _agreement(x: Array, status: Array) -> tuple[int, int, bool, int] | None:
    """Return the least and the greatest k that suit every line; None where none suits.

    Then whether entries of one magnitude lie on both sides, and how many at most share that of the smallest kept.
    """
    least, most, tied, alike = 0, x.shape[1], False, 0
    for part in _parts((x.shape[0], x.shape[1], x.shape[2])):
        found = _part_agreement(x[part], status[part])
        if found is None:
            return None
        least, most = max(least, found[0]), min(most, found[1])
        tied, alike = tied or found[2], max(alike, found[3])
        if least > most:
            return None
    return least, most, tied, alike


def _part_agreement(x: Array, status: Array) -> tuple[int, int, bool, int] | None:
    """Return the same of a part, walked along its lines a block at a time."""
    shape = (x.shape[0], 1, x.shape[2])
    smallest_kept, largest_dropped = np.full(shape, NOTHING), np.full(shape, -1)
    for step in _steps(x):
        m, s = magnitudes(x[:, step]).astype(np.int64), status[:, step]
        smallest_kept = np.minimum(smallest_kept, np.where(s == KEPT, m, NOTHING).min(axis=1, keepdims=True))
        largest_dropped = np.maximum(largest_dropped, np.where(s == DROPPED, m, -1).max(axis=1, keepdims=True))
    if np.any(largest_dropped > smallest_kept):
        return None
    low, high, alike = (np.zeros(shape, np.int64) for _ in range(3))
    for step in _steps(x):
        m, s = magnitudes(x[:, step]).astype(np.int64), status[:, step]
        low += ((m >= smallest_kept) & (s != DROPPED)).sum(axis=1, keepdims=True)
        high += ((m > largest_dropped) | ((m == largest_dropped) & (s == KEPT))).sum(axis=1, keepdims=True)
        alike += (m == smallest_kept).sum(axis=1, keepdims=True)
    tied = bool(np.any(largest_dropped == smallest_kept))
    return int(low.max(initial=0)), int(high.min(initial=x.shape[1])), tied, int(alike.max(initial=0))


def _steps(x: Array) -> Iterator[slice]:
    wide = max(1, BLOCK // max(x.shape[0] * x.shape[2], 1))
    for start in range(0, x.shape[1], wide):
        yield slice(start, start + wide)

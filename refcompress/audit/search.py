"""Which candidate explains a tensor: a sample first, then every entry; then, where zeros are left, a selection.

What is reported as explained has been compared entry by entry: the answer of the rule, in place of which a pruned entry
has what the rule makes of 0, is the compressed tensor. Where several candidates explain all, the simplest is named, and
the others are mentioned.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.audit.affine import affine, fitted
from refcompress.audit.casts import casts, emptied, unchanged
from refcompress.audit.fixed_points import fixed_point
from refcompress.audit.rules import Candidate, Pair, Where, as_float64, blocks, same_numbers
from refcompress.audit.selections import (
    DROPPED,
    FREE,
    KEPT,
    WRONG,
    Selection,
    nearest_selection,
    possible_selections,
)
from refcompress.audit.structures import possible_structures

Family = Callable[[Pair], Iterator[Candidate]]

# family of rules -> the candidates of it that the numbers of a pair allow
FAMILIES: dict[str, Family] = {
    "unchanged": unchanged,
    "cast": casts,
    "emptied": emptied,
    "fixed point": fixed_point,
    "affine": affine,
}

# family of selections -> those of it that agree with the status of the entries
SELECTIONS: dict[str, Callable[[Array, Array], Iterator[Selection]]] = {
    "by magnitude": possible_selections,
    "whole slices": possible_structures,
}

# families of rules that look a parameter up in the result: tried where no other is right
LAST: dict[str, Family] = {"fitted": fitted}

# which entries are kept: all, those of an array, or any ("some": whatever is 0 may have been dropped)
Mask = Array | Literal["some"] | None

FEW = 512  # entries of the sample that every candidate is tried on
WORTH = 16  # candidates that are tried on more
ALMOST = 0.99  # of the entries explained by a rule: no selection is looked for
TRIED = 3  # candidates at least for which a selection is looked for; of a small tensor more, up to
ENTRIES = 2**20  # so many entries in all
NEAR = 0.25  # of the smaller side of a selection may be wrong for it to be called the nearest


@dataclass(frozen=True)
class Unexplained:
    """The first entry that a rule does not explain."""

    index: tuple[int, ...]
    original: Any
    expected: Any
    found: Any


@dataclass(frozen=True)
class Explanation:
    """A rule, how many entries it explains, and which others explain as many."""

    candidate: Candidate
    explained: int
    of: int
    selection: Selection | None = None
    first: Unexplained | None = None
    also: tuple[Candidate, ...] = ()
    also_selections: tuple[Selection, ...] = ()
    unselected: int = 0
    """Entries that became 0 by no selection that is known here; all others are explained."""

    negative_zeros: int = 0
    """Dropped entries that are -0.0."""

    @property
    def whole(self) -> bool:
        """Whether every entry is explained, and the file says nothing else."""
        return self.explained == self.of and not self.candidate.contradicts


def explain(pair: Pair) -> Explanation | None:
    """Return the simplest explanation of all entries, else the one that explains most; None where no rule applies."""
    untouched = _survivors(pair, list(unchanged(pair)))
    if untouched:
        return Explanation(untouched[0], pair.size, pair.size)
    if not all(arguments.is_float(d) or d.kind in "iub" for d in (pair.x.dtype, pair.y.dtype)):
        return next((_counted(pair, c) for c in unchanged(pair)), None)
    tried = _tried(pair, FAMILIES)
    if not any(outside == 0 for _, _, outside in tried):
        tried += _tried(pair, LAST)
    right = _survivors(pair, [c for c, wrong, _ in tried if wrong == 0])
    if right:
        return Explanation(right[0], pair.size, pair.size, also=_consistent(right[1:]))
    pruned = _pruned(pair, [c for c, _, outside in tried if outside == 0])
    if pruned is not None:
        return pruned
    return _nearest(pair, tried)


def _consistent(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """Leave out what the file itself says is not so."""
    return tuple(c for c in candidates if not c.contradicts)


def _nearest(pair: Pair, tried: list[tuple[Candidate, int, int]]) -> Explanation | None:
    """Return the candidate that explains most, as it is or with the nearest selection."""
    partial = [_counted(pair, c) for c, _, _ in sorted(tried, key=lambda t: t[1])[:3]]
    if not any(e.explained >= ALMOST * e.of for e in partial):
        pruned = (_partly_pruned(pair, c) for c, _, _ in sorted(tried, key=lambda t: t[2])[:2])
        partial += [e for e in pruned if e is not None]
    return max(partial, key=lambda e: e.explained, default=None)


def _tried(pair: Pair, families: Mapping[str, Family]) -> list[tuple[Candidate, int, int]]:
    """Return the candidates worth a whole pass, in their order, with how many of the sample each gets wrong.

    The second number leaves those out that a selection may have dropped.
    """
    candidates = [c for propose in families.values() for c in propose(pair)]
    candidates.sort(key=lambda c: (bool(c.contradicts), c.rank))
    count = pair.sample.size
    few = np.arange(count) if count <= FEW else np.random.default_rng(1).choice(count, FEW, replace=False)
    first = [(i, *_wrong(pair, c, few)) for i, c in enumerate(candidates)]
    worth = {t[0] for column in (1, 2) for t in sorted(first, key=lambda t: t[column])[:WORTH]}
    worth |= {i for i, wrong, outside in first if wrong == 0}
    everything = np.arange(count)
    return [(candidates[i], *_wrong(pair, candidates[i], everything)) for i in sorted(worth)]


def _wrong(pair: Pair, candidate: Candidate, chosen: Array) -> tuple[int, int]:
    x, y = (part[chosen] for part in pair.sampled)
    where = pair.sample[chosen]
    wrong = ~candidate.agrees(candidate.answer(x, where), y)
    return int(np.count_nonzero(wrong)), int(np.count_nonzero(wrong & ~_is_zero(candidate, y, where)))


def _is_zero(candidate: Candidate, y: Array, where: Any) -> Array:
    return same_numbers(np.broadcast_to(np.asarray(candidate.zero(where)), y.shape), y)


def _agreeing(pair: Pair, candidate: Candidate, where: Where, mask: Mask) -> Array:
    """Mark the entries that are explained by a candidate, pruned by a mask where there is one."""
    x, y = (part[where] for part in pair.flat)
    agrees = candidate.agrees(candidate.answer(x, where), y)
    if mask is None:
        return agrees
    zero = _is_zero(candidate, y, where)
    return agrees | zero if isinstance(mask, str) else np.where(mask[where], agrees, zero)


def _survivors(pair: Pair, candidates: list[Candidate], mask: Mask = None) -> list[Candidate]:
    """Return the candidates that explain every entry, in their order."""
    alive = candidates
    for block in blocks(pair.size):
        if not alive:
            break
        alive = _alive_after(pair, alive, block, mask)
    return alive


def _alive_after(pair: Pair, candidates: list[Candidate], block: slice, mask: Mask) -> list[Candidate]:
    """Return the candidates that explain a block; of kin, all but the first are tried only where they may differ."""
    alive, parting = [], dict[Any, Array]()
    for candidate in candidates:
        kin = candidate.kin
        where = block if kin is None or kin.name not in parting else parting[kin.name]
        if _agreeing(pair, candidate, where, mask).all():
            alive.append(candidate)
            if kin is not None and kin.name not in parting:
                differ = kin.may_differ(pair.flat[0][block], block)
                parting[kin.name] = block.start + np.flatnonzero(differ)
    return alive


def _counted(
    pair: Pair, candidate: Candidate, selection: Selection | None = None, mask: Array | None = None
) -> Explanation:
    """Count what a candidate explains, and find the first entry that it does not."""
    explained, first = 0, None
    for block in blocks(pair.size):
        agrees = _agreeing(pair, candidate, block, mask)
        explained += int(np.count_nonzero(agrees))
        if first is None and not agrees.all():
            first = _unexplained(pair, candidate, mask, block.start + int(np.argmin(agrees)))
    return Explanation(candidate, explained, pair.size, selection, first)


def _unexplained(pair: Pair, candidate: Candidate, mask: Array | None, place: int) -> Unexplained:
    x, y = (part[place : place + 1] for part in pair.flat)
    where = slice(place, place + 1)
    kept = mask is None or bool(mask[place])
    expected = candidate.answer(x, where) if kept else np.broadcast_to(np.asarray(candidate.zero(where)), (1,))
    if arguments.is_integer(y.dtype) and np.isfinite(as_float64(expected)).all():
        expected = expected.astype(np.int64)
    index = tuple(int(i) for i in np.unravel_index(place, pair.shape))
    return Unexplained(index, x[0], expected[0], y[0])


def status_of(pair: Pair, candidate: Candidate) -> Array:
    """Return, entry by entry, whether it was kept or dropped for certain, says nothing, or is explained by neither."""
    status = np.empty(pair.size, np.int8)
    for block in blocks(pair.size):
        x, y = (part[block] for part in pair.flat)
        agrees = candidate.agrees(candidate.answer(x, block), y)
        zero = _is_zero(candidate, y, block)
        status[block] = np.select([agrees & zero, zero, agrees], [FREE, DROPPED, KEPT], WRONG)
    return status


def _pruned(pair: Pair, candidates: list[Candidate]) -> Explanation | None:
    """Return the explanation by a candidate and a selection; by the first that is right but for zeros if none is."""
    alive = _survivors(pair, candidates, "some")
    for candidate in alive[: max(TRIED, ENTRIES // max(pair.size, 1))]:
        status = status_of(pair, candidate)
        right = _right_selections(pair, candidate, status)
        selection = next(right, None)
        if selection is not None:
            mask = selection.mask(pair.x, status)
            # where kept entries are as they were, no other rule has changed anything
            others = [] if candidate.bitwise else [c for c in alive if c is not candidate]
            return Explanation(
                candidate,
                pair.size,
                pair.size,
                selection,
                also=_consistent(_survivors(pair, others, mask)),
                also_selections=tuple(s for s in right if s.ordered),
                negative_zeros=_negative_zeros(pair, mask),
            )
    return _nearly_pruned(pair, alive[0], status_of(pair, alive[0])) if alive else None


def _right_selections(pair: Pair, candidate: Candidate, status: Array) -> Iterator[Selection]:
    """Yield the selections with which a candidate explains every entry."""
    if _rankable(pair):
        for propose in SELECTIONS.values():
            for selection in propose(pair.x, status):
                if _survivors(pair, [candidate], selection.mask(pair.x, status)):
                    yield selection


def _negative_zeros(pair: Pair, mask: Array) -> int:
    """Count the dropped entries that are -0.0, where ``sparsify`` has +0."""
    count = 0
    for block in blocks(pair.size):
        y = as_float64(pair.flat[1][block])
        count += int(np.count_nonzero(np.signbit(y) & (y == 0) & ~mask[block]))
    return count


def _nearly_pruned(pair: Pair, candidate: Candidate, status: Array) -> Explanation:
    """Return the nearest selection if it is near, else that there is none: all that is wrong are zeros."""
    kept, dropped = (int(np.count_nonzero(status == state)) for state in (KEPT, DROPPED))
    if _rankable(pair):
        near = _nearest_selection(pair, candidate, status)
        if pair.size - near.explained <= min(kept, dropped) * NEAR:
            return near
    first = _unexplained(pair, candidate, None, int(np.argmax(status == DROPPED)))
    return Explanation(candidate, pair.size - dropped, pair.size, first=first, unselected=dropped)


def _partly_pruned(pair: Pair, candidate: Candidate) -> Explanation | None:
    status = status_of(pair, candidate)
    if DROPPED not in status or not _rankable(pair):
        return None
    return _nearest_selection(pair, candidate, status)


def _nearest_selection(pair: Pair, candidate: Candidate, status: Array) -> Explanation:
    selection = next(possible_selections(pair.x, status), None) or nearest_selection(pair.x, status)
    return _counted(pair, candidate, selection, selection.mask(pair.x, status))


def _rankable(pair: Pair) -> bool:
    """Whether magnitudes can be compared: not those of a NaN, or of what is no number."""
    line = pair.flat[0]
    if not (arguments.is_float(line.dtype) or arguments.is_integer(line.dtype)):
        return False
    return not any(np.isnan(as_float64(line[block])).any() for block in blocks(line.size))

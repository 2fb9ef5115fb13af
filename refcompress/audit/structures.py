"""Whole slices that were pruned: rows, columns or filters of which those of largest norm stay."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from refcompress.arguments import Array
from refcompress.audit.rules import BLOCK, as_float64
from refcompress.audit.selections import DROPPED, KEPT, Selection

# norm of a slice -> how its magnitudes are added up, and what becomes of the sum
NORMS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "L1": (lambda m: m, lambda total: total),
    "L2": (np.square, np.sqrt),
}


def possible_structures(x: Array, status: Array) -> Iterator[Selection]:
    """Yield the selections of whole slices along an axis, by their norm, that agree with the status of the entries.

    A norm that somebody has computed in float32 errs by at most m * 2^-24 of itself, for slices of m entries: a sum of
    m terms of one sign, each rounded. Slices whose norms lie nearer than that may be kept in either order.
    """
    for axis in range(x.ndim if x.ndim > 1 else 0):
        cut = (math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
        state = status.reshape(cut)
        kept, dropped = ((state == which).any(axis=(0, 2)) for which in (KEPT, DROPPED))
        if np.any(kept & dropped) or not dropped.any() or not kept.any():
            continue
        for name in NORMS:
            norms = slice_norms(x.reshape(cut), name)
            slack = 1 + (x.size // x.shape[axis]) * 2.0**-24
            if norms[dropped].max() <= norms[kept].min() * slack:
                yield _by_norm(x.shape, axis, name, dropped)


def _by_norm(shape: tuple[int, ...], axis: int, name: str, dropped: Array) -> Selection:
    k = int(np.count_nonzero(~dropped))
    along = tuple(-1 if i == axis else 1 for i in range(len(shape)))

    def mask(x: Array, status: Array) -> Array:
        return np.array(np.broadcast_to(~dropped.reshape(along), x.shape)).reshape(-1)

    words = f"whole slices: the {k:,} of {dropped.size:,} along axis {axis} with the largest {name} norm stay"
    return Selection(words, {"axis": axis, "k": k, "norm": name}, 1 - k / dropped.size, mask)


def slice_norms(x: Array, name: str) -> Array:
    """Return the norm of every slice x[:, i, :], in float64.

    Examples
    --------
    >>> slice_norms(np.array([[[3.0, 4.0], [1.0, 0.0]]]), "L2")
    array([5., 1.])
    """
    add_up, finish = NORMS[name]
    totals = np.zeros(x.shape[1])
    wide = max(1, BLOCK // max(x.shape[2], 1))
    for before in range(x.shape[0]):
        for start in range(0, x.shape[1], wide):
            part = np.abs(as_float64(x[before, start : start + wide]))
            totals[start : start + wide] += add_up(part).sum(axis=1)
    return np.asarray(finish(totals))

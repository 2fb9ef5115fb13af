"""Exact twins of selection, sparsification and pruning, on lists of Python ints, floats and fractions alone.

Python compares ints, floats and fractions by their exact values, so that a magnitude needs no rounding.
"""

from fractions import Fraction
from itertools import combinations, product
from math import prod


def ranking(values, ties="lowest_index"):
    """All indices, the largest magnitude first; of equal magnitudes the preferred index first."""
    prefer = {"lowest_index": 1, "highest_index": -1}[ties]
    return sorted(range(len(values)), key=lambda i: (-abs(values[i]), prefer * i))


def mask(values, k, ties="lowest_index"):
    """Whether each entry is among the first k of the ranking."""
    kept = set(ranking(values, ties)[:k])
    return [i in kept for i in range(len(values))]


def mask_along(values, shape, axis, k, ties="lowest_index"):
    """The mask of every slice along an axis, of values that are listed in C order."""
    marks = [False] * len(values)
    stride = prod(shape[axis + 1 :])
    for before, after in product(range(prod(shape[:axis])), range(stride)):
        places = [(before * shape[axis] + i) * stride + after for i in range(shape[axis])]
        for place, kept in zip(places, mask([values[p] for p in places], k, ties), strict=True):
            marks[place] = kept
    return marks


def pruned(values, k, order="index", ties="lowest_index"):
    """The indices of the kept entries, in the order of the entries or of the ranking."""
    kept = ranking(values, ties)[:k]
    return sorted(kept) if order == "index" else kept


def restored(values, places, size):
    """A list of zeros with the values at their places."""
    whole = [0] * size
    for value, place in zip(values, places, strict=True):
        whole[place] = value
    return whole


def squared_loss(values, kept):
    """The squared 2-norm of what is lost when only the given indices are kept."""
    return sum((Fraction(v) ** 2 for i, v in enumerate(values) if i not in kept), Fraction(0))


def smallest_loss(values, k):
    """The smallest squared loss over all choices of k entries."""
    return min(squared_loss(values, set(kept)) for kept in combinations(range(len(values)), k))

"""Exact twins of the second order formulas, in fractions, by solving for the best weights directly."""

from fractions import Fraction


def solve(a: list, b: list) -> list:
    """Return x with a x = b, by Gauss-Jordan elimination with rows exchanged where a pivot is 0."""
    rows = [[Fraction(v) for v in row] + [Fraction(r)] for row, r in zip(a, b, strict=True)]
    for i in range(len(rows)):
        swap = next(j for j in range(i, len(rows)) if rows[j][i] != 0)
        rows[i], rows[swap] = rows[swap], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [v - rows[j][i] * p for v, p in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


def loss(w: list, moved: list, h: list) -> Fraction:
    """d^T H d / 2 for d = moved - w."""
    d = [Fraction(m) - Fraction(v) for m, v in zip(moved, w, strict=True)]
    n = range(len(d))
    return sum((d[i] * Fraction(h[i][j]) * d[j] for i in n for j in n), Fraction(0)) / 2


def best(w: list, h: list, stays: list, free: list) -> list:
    """Return the w' of least loss that is 0 where nothing stays, moved only where it is free (and stays)."""
    moving = [i for i in range(len(w)) if stays[i] and free[i]]
    fixed = [Fraction(0) if not s else Fraction(v) for v, s in zip(w, stays, strict=True)]
    rest = [j for j in range(len(w)) if j not in moving]
    # the gradient H (w' - w) is 0 at every weight that moves
    right = [-sum((Fraction(h[i][j]) * (fixed[j] - Fraction(w[j])) for j in rest), Fraction(0)) for i in moving]
    for i, d in zip(moving, solve([[h[i][j] for j in moving] for i in moving], right), strict=True):
        fixed[i] += d
    return fixed


def surgery(w: list, h: list, k: int) -> tuple[list, list, Fraction]:
    """Remove all weights but k, each time the one after whose removal the loss is least."""
    stays = [True] * len(w)
    everything = [True] * len(w)
    for _ in range(len(w) - k):
        costs = {}
        for q in range(len(w)):
            if stays[q]:
                trial = [s and i != q for i, s in enumerate(stays)]
                costs[q] = loss(w, best(w, h, trial, everything), h)
        cheapest = min(costs.values())
        stays[max(q for q, cost in costs.items() if cost == cheapest)] = False
    moved = best(w, h, stays, everything)
    return moved, stays, loss(w, moved, h)

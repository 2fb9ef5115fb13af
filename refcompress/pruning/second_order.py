"""Second order: what the loss gains when a weight becomes 0, by its curvature, and how the others make up for it.

At a minimum w of a loss whose Hessian is H, moving by d costs d^T H d / 2. Optimal Brain Damage takes H for diagonal;
Optimal Brain Surgeon takes the whole of it and moves all weights: for d_q = -w_q the cheapest d is
-w_q / [H^-1]_qq * H^-1 e_q, and costs w_q^2 / (2 [H^-1]_qq).

``inverse``, ``removal`` and ``operate`` check nothing, and run on floats and, without rounding, on object arrays of
``fractions.Fraction``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.layer_hessian import checked_hessian


def damage_scores(w: npt.ArrayLike, curvature: npt.ArrayLike) -> Array:
    """Score by Optimal Brain Damage: s_i = H_ii w_i^2 / 2, what the loss gains if H is diagonal and only w_i moves.

    Parameters
    ----------
    w, curvature : array_like
        Finite numbers of one shape; curvature is the diagonal of H, at least 0, each where its weight stands.

    Returns
    -------
    numpy.ndarray of float64
        The shape of w: w^2 and its product with H_ii / 2, each rounded once; infinite past the largest float64.

    Raises
    ------
    ValueError
        For a NaN, an infinity, a negative curvature (a minimum has none), or shapes that differ.
    TypeError
        For arrays that hold no numbers.

    References
    ----------
    LeCun, Denker and Solla, "Optimal Brain Damage", section 2.2, equation 5, 1990.

    Examples
    --------
    >>> damage_scores([1.0, -2.0], [8.0, 1.0])
    array([4., 2.])
    """
    weights, diagonal = arguments.float_array(w, "w"), arguments.float_array(curvature, "curvature")
    arguments.finite(weights, "w", "scored")
    arguments.finite(diagonal, "curvature", "used")
    arguments.same_shape(diagonal, weights, "curvature", "w")
    if (diagonal < 0).any():
        arguments.refuse_element("curvature", diagonal, diagonal < 0, "a minimum has no negative curvature")
    wide, diagonal = weights.astype(np.float64), diagonal.astype(np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        square = wide * wide
        # the larger is halved: half of the smallest float64 is none
        scores = np.maximum(square, diagonal) / 2 * np.minimum(square, diagonal)
    return np.asarray(np.where(diagonal == 0, 0.0, scores))  # not infinity times 0


@dataclass(frozen=True, eq=False)
class Operated:
    """The weights after the surgery, which of them stayed, and what the loss gained by H."""

    weights: Array
    mask: Array
    increase: Any


def optimal_brain_surgeon(w: npt.ArrayLike, hessian: npt.ArrayLike, k: int) -> Operated:
    """Remove all weights but k, one at a time, each time the one that costs least, and let the others make up for it.

    For the q of smallest w_q^2 / (2 [H^-1]_qq): w <- w - w_q / [H^-1]_qq * H^-1 e_q, and then
    H^-1 <- H^-1 - H^-1 e_q e_q^T H^-1 / [H^-1]_qq, the inverse for the weights that are left. Where the loss is
    quadratic and w its minimum, what it gains is exactly the sum of these costs.

    Parameters
    ----------
    w : array_like of shape (n,)
        Finite numbers, at a minimum of the loss.
    hessian : array_like of shape (n, n)
        H, finite, symmetric and positive definite. (Some losses have a 2 where others have a 1/2; H is that of the
        loss whose increase is wanted.)
    k : int
        How many stay, 0 to n.

    Returns
    -------
    Operated
        weights: float64 (n,), +0 where removed; mask: booleans, true where a weight stayed; increase: float.
        Of equal costs, as they are computed, the lowest index stays.

    Raises
    ------
    ValueError
        For values that are not finite, shapes that do not fit, an H that is not symmetric or, as far as float64 can
        tell, not positive definite, for a k outside 0 to n, for weights that grow past the largest float64.
    TypeError
        For what holds no numbers, or a k that is no integer.

    References
    ----------
    Hassibi and Stork, "Second order derivatives for network pruning: Optimal Brain Surgeon", section 2, equation 5,
    1993. Frantar and Alistarh, "Optimal Brain Compression", section 4, lemma 1, 2022, for the inverse without a row.

    Examples
    --------
    The second weight takes over half of what the first one did.

    >>> done = optimal_brain_surgeon([1.0, 3.0], [[2.0, 1.0], [1.0, 2.0]], 1)
    >>> done.weights, done.mask, done.increase
    (array([0. , 3.5]), array([False,  True]), 0.75)
    """
    weights = arguments.finite_array(w, "w", "pruned")
    if weights.ndim != 1:
        raise ValueError(f"w has shape {weights.shape}: it must have one dimension")
    h = checked_hessian(hessian, len(weights))
    k = arguments.integer(k, "k", 0, len(weights))
    with np.errstate(all="ignore"):  # what goes wrong shows itself in the pivots and in the weights
        done = operate(weights.astype(np.float64), inverse(h), k)
    if not np.isfinite(done.weights).all():
        arguments.refuse_element(
            "w", done.weights, ~np.isfinite(done.weights), "the corrections pass the largest float64"
        )
    return Operated(done.weights, done.mask, float(done.increase))


def inverse(h: Array) -> Array:
    """Return H^-1 of a symmetric positive definite H, by elimination: every pivot is then above 0."""
    a = h.copy()
    for q in range(len(a)):
        pivot = a[q, q]
        _positive(pivot)
        row, column = a[q] / pivot, a[:, q].copy()
        a -= np.multiply.outer(column, row)
        a[q], a[:, q], a[q, q] = row, -column / pivot, 1 / pivot
    return a


def removal(w: Array, inverse: Array, q: int) -> tuple[Array, Array, Any]:
    """Return the weights without weight q, the inverse Hessian of those left (0 at q), and what the loss gains."""
    column, pivot = inverse[:, q], inverse[q, q]
    _positive(pivot)
    moved = w - w[q] / pivot * column
    left = inverse - np.multiply.outer(column / pivot, column)
    moved[q] = left[q] = left[:, q] = 0  # what they are but for rounding
    return moved, left, w[q] * w[q] / (2 * pivot)


def operate(w: Array, inverse: Array, k: int) -> Operated:
    """Remove all weights but k, the cheapest first and, of equally cheap ones, the one of highest index."""
    mask = np.ones(len(w), np.bool_)
    increase = w.dtype.type(0)
    for _ in range(len(w) - k):
        left = np.flatnonzero(mask)[::-1]
        costs = w[left] * w[left] / np.diag(inverse)[left]
        q = int(left[np.argmin(costs)])
        w, inverse, cost = removal(w, inverse, q)
        mask[q] = False
        w[~mask] = 0  # and no -0 of a correction by 0
        increase = increase + cost
    return Operated(w, mask, increase)


def _positive(pivot: Any) -> None:
    if not pivot > 0:
        raise ValueError(f"hessian is not positive definite: an elimination meets a pivot of {pivot}")

"""SparseGPT: remove the weights of a layer row by row, and let the rows still to come make up for them.

A layer computes y = x w + b, with w (inputs, outputs). Removing weights from a column costs d^T H d / 2 for what the
column moves by, d, and H = 2 x^T x. Optimal Brain Surgeon needs an inverse for every column, as each loses other
weights; here row i may be corrected by the rows before it alone, and one factorization serves all columns:

(H + damping * mean(diag H) I)^-1 = V^T D V,  V upper triangular with ones on its diagonal, D diagonal.

D_i tells what removing a weight of row i costs, and row i of V how the rows after it move.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.layer_hessian import checked_hessian, inverse_factors
from refcompress.pruning.keep_count import keep_count
from refcompress.pruning.selection import top_k_mask
from refcompress.pruning.structured import n_m_mask
from refcompress.rounding import narrow

# the first row of a block, what its weights would cost -> which of them stay
Choice = Callable[[int, Array], Array]


def sparse_gpt(
    w: npt.ArrayLike,
    hessian: npt.ArrayLike,
    sparsity: float | Fraction,
    *,
    damping: float = 0.01,
    mask_block: int = 128,
    lazy_batch: int = 128,
    ties: str = "lowest_index",
) -> tuple[Array, Array]:
    """Prune a layer to a sparsity: of every block of rows the weights stay that would cost most, w_ij^2 / D_i.

    For i = 0, 1, ..., inputs - 1: where w_ij goes, w_lj <- w_lj - w_ij V_il for all l > i, and w_ij becomes +0.

    Parameters
    ----------
    w : array_like of shape (inputs, outputs)
        Finite numbers. (The paper has (outputs, inputs) and goes column by column.)
    hessian : array_like of shape (inputs, inputs)
        H = 2 x^T x, symmetric: see ``layer_hessian.hessian``. A factor on it changes nothing.
    sparsity : float or Fraction
        The part of every block of rows that goes, from 0 to 1.
    damping : float
        What is added to the diagonal of H, as a share of its mean; at least 0, default 0.01. With 0, an input that was
        always 0 has weights that cost nothing.
    mask_block : int
        How many rows are chosen from at once, default 128, when all rows before are done: ``keep_count`` of each
        block stay, whichever outputs they belong to.
    lazy_batch : int
        After how many rows those beyond are brought up to date, in one product; rounded up to whole blocks, default
        128. It matters to the speed, and to the order of the sums, alone.
    ties : str
        lowest_index (default) or highest_index: which of equal costs stay.

    Returns
    -------
    weights : numpy.ndarray
        The shape of w: computed in float64, then rounded to the dtype of w (float64 for integers); +0 where removed.
    mask : numpy.ndarray
        Booleans, true where a weight stayed.

    Raises
    ------
    ValueError
        For values that are not finite, shapes that do not fit, an H that is not symmetric, or not positive definite
        with its damping; for a setting outside its range; for weights that the corrections drive past the largest
        float.
    TypeError
        For what holds no numbers.

    See Also
    --------
    sparse_gpt_n_m : n of every m along the inputs.
    reconstruct : With a mask that is given.

    References
    ----------
    Frantar and Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot", section 3 and
    Algorithm 1, 2023.

    Examples
    --------
    >>> sparse_gpt([[1.0], [3.0]], [[2.0, 1.0], [1.0, 2.0]], 0.5, damping=0.0)[0]
    array([[0. ],
           [3.5]])
    """
    mask_block = arguments.integer(mask_block, "mask_block", 1)
    keep_count(0, sparsity)  # the sparsity is checked before the work begins

    def choose(start: int, costs: Array) -> Array:
        return top_k_mask(costs, keep_count(costs.size, sparsity), ties=ties)

    return _pruned(w, hessian, choose, mask_block, damping, lazy_batch)


def sparse_gpt_n_m(
    w: npt.ArrayLike,
    hessian: npt.ArrayLike,
    *,
    n: int = 2,
    m: int = 4,
    damping: float = 0.01,
    lazy_batch: int = 128,
    ties: str = "lowest_index",
) -> tuple[Array, Array]:
    """Prune a layer so that of every m consecutive inputs of every output n stay: those that would cost most.

    Parameters
    ----------
    w, hessian, damping, lazy_batch, ties
        As for ``sparse_gpt``; m divides the number of inputs.
    n, m : int
        How many stay (0 to m) of how many; default 2 of 4.

    Returns
    -------
    weights, mask : numpy.ndarray
        As for ``sparse_gpt``.

    Raises
    ------
    ValueError, TypeError
        As for ``sparse_gpt``; also for a number of inputs that m does not divide.

    References
    ----------
    Frantar and Alistarh, "SparseGPT", section 3.3, "Extension to Semi-Structured Sparsity", 2023.

    Examples
    --------
    >>> sparse_gpt_n_m([[1.0], [3.0]], [[2.0, 1.0], [1.0, 2.0]], n=1, m=2, damping=0.0)[1].ravel()
    array([False,  True])
    """
    m = arguments.integer(m, "m", 1)
    n = arguments.integer(n, "n", 0, m)
    inputs = len(_layer(w))
    if inputs % m:
        raise ValueError(f"w has {inputs} inputs: it must be a multiple of m = {m}")

    def choose(start: int, costs: Array) -> Array:
        return n_m_mask(costs, n=n, m=m, axis=0, ties=ties)

    return _pruned(w, hessian, choose, m, damping, lazy_batch)


def reconstruct(
    w: npt.ArrayLike,
    hessian: npt.ArrayLike,
    mask: npt.ArrayLike,
    *,
    damping: float = 0.01,
    lazy_batch: int = 128,
) -> Array:
    """Remove the weights where a mask is not set, and let the rows after each make up for it, as ``sparse_gpt`` does.

    Parameters
    ----------
    w, hessian, damping, lazy_batch
        As for ``sparse_gpt``.
    mask : array_like of bool
        The shape of w, true where a weight stays.

    Returns
    -------
    numpy.ndarray
        The weights, as ``sparse_gpt`` gives them.

    Raises
    ------
    ValueError, TypeError
        As for ``sparse_gpt``; also for a mask that is not of booleans, or of another shape.

    References
    ----------
    Frantar and Alistarh, "SparseGPT", section 3.2, 2023.

    Examples
    --------
    >>> reconstruct([[1.0], [3.0]], [[2.0, 1.0], [1.0, 2.0]], [[False], [True]], damping=0.0).ravel()
    array([0. , 3.5])
    """
    flags = arguments.boolean_array(mask, "mask")
    arguments.same_shape(flags, _layer(w), "mask", "w")
    return _pruned(w, hessian, lambda start, costs: flags[start : start + len(costs)], 1, damping, lazy_batch)[0]


def _layer(w: npt.ArrayLike) -> Array:
    array = arguments.finite_array(w, "w", "pruned")
    if array.ndim != 2:
        raise ValueError(f"w has shape {array.shape}: it must be (inputs, outputs)")
    return array


def _pruned(
    w: npt.ArrayLike, hessian: npt.ArrayLike, choose: Choice, block: int, damping: float, lazy_batch: int
) -> tuple[Array, Array]:
    array = _layer(w)
    h = checked_hessian(hessian, len(array))
    damping = arguments.real_number(damping, "damping", 0)
    batch = -(-arguments.integer(lazy_batch, "lazy_batch", 1) // block) * block
    if not array.size:
        return array.copy(), np.ones(array.shape, np.bool_)
    v, d = inverse_factors(h, damping)
    with np.errstate(all="ignore"):  # an overflow shows itself in the weights
        wide, mask = in_order(array.astype(np.float64, order="C"), v, d, choose, block, batch)
        weights = narrow(wide, array.dtype)
    if not np.isfinite(weights.astype(np.float64)).all():
        wrong = ~np.isfinite(weights.astype(np.float64))
        arguments.refuse_element("w", weights, wrong, "the corrections of the rows before it pass the largest float")
    return weights, mask


def in_order(w: Array, v: Array, d: Array, choose: Choice, block: int, batch: int) -> tuple[Array, Array]:
    """Return the weights and the mask, from the first row to the last; w is overwritten.

    Checks nothing, and runs on floats and on object arrays of ``fractions.Fraction``. A batch is whole blocks.
    """
    mask, removed = np.empty(w.shape, np.bool_), np.empty_like(w)
    for start in range(0, len(w), batch):
        stop = min(start + batch, len(w))
        for first in range(start, stop, block):
            last = min(first + block, stop)
            w[first:last] -= v[start:first, first:last].T @ removed[start:first]
            costs = w[first:last] * w[first:last] / d[first:last, np.newaxis]
            mask[first:last] = choose(first, costs)
            for i in range(first, last):
                w[i] -= v[first:i, i] @ removed[first:i]
                removed[i] = np.where(mask[i], 0, w[i])
                w[i] = np.where(mask[i], w[i], 0)
        w[stop:] -= v[start:stop, stop:].T @ removed[start:stop]
    return w, mask

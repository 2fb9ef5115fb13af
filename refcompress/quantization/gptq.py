"""GPTQ: round one weight at a time, and let the weights still to come make up for the error.

A layer computes X @ W, with X (n, inputs) and W (inputs, outputs). Wanted are codes whose W_q keeps ||X W - X W_q||^2
small: every column e of W - W_q adds e^T (X^T X) e, half of e^T H e for the Hessian H = 2 X^T X. Rounding to nearest
makes each |e_i| small; GPTQ looks at the whole sum.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.layer_hessian import checked_hessian, inverse_factors
from refcompress.quantization.affine import Convention, prepared, unclipped
from refcompress.rounding import code_dtype


def gptq_quantize(
    w: npt.ArrayLike,
    hessian: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    narrow_range: bool = False,
    damping: float = 0.01,
    lazy_batch: int = 128,
    guarded: bool = True,
) -> Array:
    """Quantize a layer's weights so that X @ W_q is near X @ W: each rounding error goes into the weights after it.

    For i = 0, 1, ..., inputs - 1: q_i = round(w_i / s) + z, brought into range; e_i = w_i - (q_i - z) s; and
    w_j <- w_j - e_i U_ij / U_ii for all j > i. U is the upper Cholesky factor of the inverse of the damped Hessian,
    (H + damping * mean(diag H) I)^-1 = U^T U, and w_i is row i of W: all columns go along.

    The way is greedy, so that on some columns it ends above plain rounding to nearest. With ``guarded`` those columns
    keep the codes of ``affine_quantize``, and then for every column, and for the sum, e^T H e is never more than that
    of rounding to nearest (exactly, for the H that is given: the two are compared with the rounding errors of both in
    hand). A diagonal H, and weights that are all on the grid, give the codes of ``affine_quantize`` bit for bit.

    Parameters
    ----------
    w : array_like of shape (inputs, outputs)
        Finite floats or integers.
    hessian : array_like of shape (inputs, inputs)
        H, symmetric: see the function ``hessian``.
    scale, zero_point : array_like
        One for all, or one a column: see ``affine_parameters``.
    bits, signed, narrow_range
        As for ``affine_quantize``.
    damping : float
        What is added to the diagonal of H, as a share of its mean; at least 0, default 0.01. An input that was always
        0 gets a 1 there if nothing is added, so that its weights are rounded to nearest (the authors' code makes them
        0).
    lazy_batch : int
        After how many rows those beyond are brought up to date, in one product; default 128. It matters to the speed,
        and to the order of the sums, alone.
    guarded : bool
        Whether to keep rounding to nearest in the columns where it is better; default True.

    Returns
    -------
    numpy.ndarray
        The codes, as ``affine_quantize`` with ``axis=1`` gives them.

    Raises
    ------
    ValueError
        For values that are not finite, shapes that do not fit, an H that is not symmetric, or not positive definite
        with its damping; for weights that the corrections drive past the largest float.
    TypeError
        For what holds no numbers.

    See Also
    --------
    affine_dequantize : The way back, with ``axis=1``.

    Notes
    -----
    The quotient is rounded to the dtype that ``affine_quantize`` divides in, everything else is float64. U is found
    without the inverse: where H = R R^T with an upper triangular R, U is the inverse of R.

    References
    ----------
    Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
    Transformers", section 3.3 and Algorithm 1, 2022. Frantar and Alistarh, "Optimal Brain Compression", section 4,
    2022.

    Examples
    --------
    The second weight, 2.25, makes up for the half that the first one loses.

    >>> from refcompress.layer_hessian import hessian
    >>> h = hessian([[2.0, 1.0], [0.0, 1.0]])
    >>> gptq_quantize([[2.5], [2.25]], h, 1.0, 0, damping=0.0).ravel()
    array([2, 3], dtype=int8)
    """
    axis = 1 if arguments.any_array(scale, "scale").ndim else None
    by = Convention(bits, signed, narrow_range=narrow_range, axis=axis)
    array = arguments.finite_array(w, "w", "quantized")
    if array.ndim != 2:
        raise ValueError(f"w has shape {array.shape}: it must be (inputs, outputs)")
    h = checked_hessian(hessian, len(array))
    damping = arguments.real_number(damping, "damping", 0)
    lazy_batch = arguments.integer(lazy_batch, "lazy_batch", 1)
    arguments.boolean(guarded, "guarded")
    _, s, z, dtype = prepared(array, scale, zero_point, by)
    grid, target = _Grid(s, z, dtype, by), code_dtype(by.bits, signed=by.signed)
    if not array.size:
        return np.empty(array.shape, target)
    wide = array.astype(np.float64, order="C")
    codes = _in_order(wide.copy(), inverse_factors(h, damping)[0], grid, lazy_batch)
    if guarded:
        nearest = grid.codes(wide)
        difference, bound = objective_difference(wide, grid.values(codes), grid.values(nearest), h)
        codes = np.where(difference < -bound, codes, nearest)  # a nan is not smaller
    return codes.astype(target)


@dataclass(frozen=True, eq=False)
class _Grid:
    """The codes of every column, and what they stand for."""

    scale: Array
    zero_point: Array
    dtype: np.dtype[Any]
    by: Convention

    def codes(self, w: Array) -> Array:
        """Return what ``affine_quantize`` gives for rows of weights, as floats."""
        with np.errstate(over="ignore", under="ignore"):
            q = unclipped(w.astype(self.dtype, copy=False), self.scale, self.zero_point, self.dtype, self.by)
        return np.asarray(np.clip(q, *self.by.ends, out=q))

    def values(self, codes: Array) -> Array:
        """Return (q - z) * s in float64."""
        return np.asarray((codes.astype(np.float64) - self.zero_point) * self.scale.astype(np.float64))


def _in_order(w: Array, u: Array, grid: _Grid, lazy_batch: int) -> Array:
    """Return the codes of the rows of w, one after the other; w is overwritten."""
    codes, errors = np.empty(w.shape), np.empty(w.shape)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # an overflow shows itself in the weights
        for start in range(0, len(w), lazy_batch):
            stop = min(start + lazy_batch, len(w))
            for i in range(start, stop):
                w[i] -= u[start:i, i] @ errors[start:i]
                codes[i] = grid.codes(w[i])
                errors[i] = w[i] - grid.values(codes[i])
            w[stop:] -= u[start:stop, stop:].T @ errors[start:stop]
    if not np.isfinite(w).all():
        arguments.refuse_element("w", w, ~np.isfinite(w), "the corrections passed the largest float")
    return codes


def objective_difference(w: Array, values: Array, nearest: Array, h: Array) -> tuple[Array, Array]:
    """Return what e^T H e of every column is more with the first values than with the second, and an error bound.

    a^T H a - b^T H b = (a - b)^T H (a + b), as H is symmetric; with a = w - values and b = w - nearest, a - b is
    nearest - values. Each of a, b, a - b and a + b is rounded once, relative to |a| + |b| at most; then come one
    product and n - 1 sums for every element of H (a + b), and one product and n - 1 sums to the end: at most
    K = 2 n + 4 roundings on the way of each term, and an error of at most gamma_K times the sum of |a - b| |H| (|a| +
    |b|), gamma_K = K u / (1 - K u), u = 2^-53 (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1).
    A product that underflows adds half of the smallest float, 2^-1074, at most. All of it is doubled, for the roundings
    of the bound itself.
    """
    n, u = len(w), 2.0**-53
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        a, b, change = w - values, w - nearest, np.abs(nearest - values)
        difference = ((nearest - values) * (h @ (a + b))).sum(axis=0)
        largest = (np.abs(a) + np.abs(b)).max(axis=0)
        terms = (change * np.abs(h).sum(axis=1)[:, None]).sum(axis=0) * largest
        k = 2 * n + 4
        bound = 2 * (k * u / (1 - k * u) * terms + n * 2.0**-1074 * (change.sum(axis=0) + 1))
    return difference, bound

"""The Hessian of a layer's squared error, and the factors of its inverse by which weights make up for each other.

A layer computes x w, with x (n, inputs) and w (inputs, outputs). Moving a column of w by d adds ||x d||^2, half of
d^T H d for the Hessian H = 2 x^T x, which is the same for every column.
"""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array


def hessian(x: npt.ArrayLike) -> Array:
    """Return the Hessian of a layer's squared error with respect to a column of its weights: H = 2 X^T X.

    That of several batches is the sum of theirs.

    Parameters
    ----------
    x : array_like of shape (n, inputs)
        Finite floats or integers: what goes into the layer, one example a row.

    Returns
    -------
    numpy.ndarray of float64, shape (inputs, inputs)
        Symmetric; of integers exact while the sums stay below 2^53.

    Raises
    ------
    ValueError
        For a NaN or an infinity, for an x that is not 2-d, or one whose squares pass the largest float64.
    TypeError
        For an x that holds no numbers.

    References
    ----------
    Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
    Transformers", section 3.1, 2022.

    Examples
    --------
    >>> hessian([[1.0, 2.0], [0.0, 1.0]])
    array([[ 2.,  4.],
           [ 4., 10.]])
    """
    array = arguments.finite_array(x, "x", "calibrated with")
    if array.ndim != 2:
        raise ValueError(f"x has shape {array.shape}: it must be (n, inputs), one example a row")
    wide = array.astype(np.float64, order="C")  # a BLAS adds up in another order for each layout
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        half = wide.T @ wide
        h = half + half
    if not np.isfinite(h).all():
        raise ValueError(f"x reaches {np.abs(wide).max()}: the sums of its squares pass the largest float64")
    return np.asarray(np.tril(h) + np.tril(h, -1).T)  # symmetric to the bit, whatever the order of the sums


def checked_hessian(value: npt.ArrayLike, n: int) -> Array:
    """Return a Hessian for n weights as float64: finite, symmetric, of shape (n, n)."""
    array = arguments.finite_array(value, "hessian", "used")
    if array.shape != (n, n):
        raise ValueError(f"hessian has shape {array.shape}: w has length {n}, so it must be {(n, n)}")
    if (array != array.T).any():
        arguments.refuse_element("hessian", array, array != array.T, "it must be symmetric")
    return array.astype(np.float64, order="C")


def inverse_factors(h: Array, damping: float) -> tuple[Array, Array]:
    """Return V and D with (H + damping * mean(diag H) I)^-1 = V^T D V, V upper triangular with ones on its diagonal.

    D_i is [H_i^-1]_00 for the damped Hessian H_i of the weights from i on, and row i of V is row 0 of H_i^-1 divided by
    it: what the weights after i move by for every unit that weight i is moved by, where those before it stand still.
    An input that was always 0 gets a 1 on the diagonal if no damping is added, and an infinite D: its weight costs
    nothing, and moves no other.

    Found without the inverse: where H = R R^T with an upper triangular R, V is the inverse of R with its columns
    divided by their diagonal, and D_i = 1 / R_ii^2. (The texts have U with U^T U = H^-1: V_ij = U_ij / U_ii.)
    """
    from scipy.linalg import solve_triangular  # type: ignore[import-untyped]  # scipy has no type hints

    damped = h.copy()
    diagonal = np.einsum("ii->i", damped)  # a view
    if damping:
        with np.errstate(over="ignore", under="ignore"):
            diagonal += damping * diagonal.mean()
        if np.isinf(diagonal).any():
            raise ValueError(f"hessian has a diagonal that passes the largest float64 with damping = {damping}")
    unused = diagonal == 0
    diagonal[unused] = 1.0
    try:
        r = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError:
        raise ValueError(
            f"hessian is not positive definite with damping = {damping}: more damping, or more rows of x, may help"
        ) from None
    v = np.asarray(solve_triangular(r / np.diag(r), np.eye(len(h)), unit_diagonal=True))
    with np.errstate(over="ignore"):  # of a subnormal diagonal: infinite, as for an input that was always 0
        return v, np.where(unused, np.inf, np.diag(r) ** -2.0)

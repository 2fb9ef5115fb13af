"""Top-k gradient compression with error feedback: what is not sent now is added to the gradient of the next step."""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.pruning.selection import kept, top_k_mask


def compress_gradient(
    gradient: npt.ArrayLike, residual: npt.ArrayLike, k: int, *, ties: str = "lowest_index"
) -> tuple[Array, Array]:
    """Send the k entries of largest magnitude of gradient + residual, and keep the others for the next step.

    a = gradient + residual, sent = sparsify(a, k), residual' = a - sent. Every entry of a is sent whole or kept whole,
    bit for bit, so that sent + residual' = a without any rounding: nothing is lost from one call to the next. The sum a
    itself is one rounded addition, exact for integers (64 bits, in which it must not overflow) and wherever the floats
    hold it.

    Parameters
    ----------
    gradient, residual : array_like
        Two arrays of one shape and one dtype: finite floats, or integers. The first residual is 0.
    k : int
        How many entries are sent, 0 to their number.
    ties : str
        lowest_index (default) or highest_index: which of equal magnitudes are sent.

    Returns
    -------
    sent, residual : numpy.ndarray
        The shape and dtype of the gradient; where one holds an entry of a, the other is +0.

    Raises
    ------
    ValueError
        For shapes that differ, a NaN or an infinity, a sum that overflows, or a k outside its range.
    TypeError
        For dtypes that differ, or arrays that hold no numbers.

    See Also
    --------
    sparsify : The selection.

    References
    ----------
    Seide, Fu, Droppo, Li and Yu, "1-Bit Stochastic Gradient Descent and its Application to Data-Parallel Distributed
    Training of Speech DNNs", section 3, 2014, for error feedback. Stich, Cordonnier and Jaggi, "Sparsified SGD with
    Memory", Algorithm 1, 2018, for top-k with memory; it keeps the step size in the memory, here it is the caller's.

    Examples
    --------
    >>> sent, residual = compress_gradient([3.0, -1.0, 0.5], [0.0, -3.0, 0.25], 1)
    >>> sent, residual
    (array([ 0., -4.,  0.]), array([3.  , 0.  , 0.75]))
    """
    g, r = arguments.real_array(gradient, "gradient"), arguments.real_array(residual, "residual")
    arguments.same_shape(g, r, "gradient", "residual")
    if g.dtype != r.dtype:
        raise TypeError(f"gradient has dtype {g.dtype}, residual has dtype {r.dtype}: they must be equal")
    arguments.finite(g, "gradient", "sent")
    arguments.finite(r, "residual", "sent")
    with np.errstate(over="ignore"):
        total = np.asarray(g + r)
    overflow = _overflows(g, r, total)
    if overflow.any():
        arguments.refuse_element("gradient + residual", total, overflow, f"the sum is past what {g.dtype} holds")
    mask = top_k_mask(total, k, ties=ties)
    return kept(total, mask), kept(total, ~mask)


def _overflows(g: Array, r: Array, total: Array) -> Array:
    if total.dtype.kind not in "iu":
        return np.asarray(~np.isfinite(total))
    if total.dtype.kind == "u":
        return np.asarray(total < g)
    return np.asarray(((g ^ total) & (r ^ total)) < 0)  # both have another sign than their sum

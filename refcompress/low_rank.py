"""Fewer numbers for a layer: two thin matrices in place of one, or a few values that many weights share."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array


@dataclass(frozen=True, eq=False)
class LowRank:
    """A layer as two: w is about first @ second, so that y = (x @ first) @ second + b."""

    first: Array
    """(inputs, rank)"""
    second: Array
    """(rank, outputs)"""
    dropped: Array
    """The singular values that were left out, falling."""

    @property
    def error(self) -> float:
        """The Frobenius norm of what is lost: the root of the sum of the squares of the dropped singular values."""
        return math.hypot(*self.dropped.tolist())  # whose squares neither overflow nor vanish


def truncated_svd(w: npt.ArrayLike, rank: int) -> LowRank:
    """Return the best approximation of a matrix of at most a rank: w = U S V^T, of which the largest ``rank`` stay.

    first = U_r S_r, second = V_r^T, and ||w - first @ second||_F^2 = sum of the squares of the dropped singular values:
    no matrix of that rank is nearer. It has fewer numbers than w where rank < inputs outputs / (inputs + outputs).

    Parameters
    ----------
    w : array_like of shape (inputs, outputs)
        Finite numbers.
    rank : int
        0 to the smaller of inputs and outputs.

    Returns
    -------
    LowRank
        float64. With R = w - U S V^T for the computed U, S, V, and e_U and e_V the spectral norms of U^T U - I and
        V^T V - I, the error differs from ``error`` by at most ||R||_F + (sqrt((1 + e_U) (1 + e_V)) - 1) ``error`` and
        the roundings of first and second: U S V^T cut down leaves U_2 S_2 V_2^T, whose norm is that of S_2 within
        those factors.

    Raises
    ------
    ValueError
        For a NaN or an infinity, a w that is not 2-d or whose singular values pass the largest float64, a rank outside
        its range.
    TypeError
        For a w that holds no numbers, or a rank that is no integer.

    References
    ----------
    Eckart and Young, "The approximation of one matrix by another of lower rank", 1936. Denton, Zaremba, Bruna, LeCun
    and Fergus, "Exploiting Linear Structure Within Convolutional Networks for Efficient Evaluation", section 3.2, 2014.

    Examples
    --------
    >>> low = truncated_svd([[3.0, 0.0], [0.0, -4.0]], 1)
    >>> low.error
    3.0
    >>> np.abs(low.first @ low.second)
    array([[0., 0.],
           [0., 4.]])
    """
    array = arguments.finite_array(w, "w", "decomposed")
    if array.ndim != 2:
        raise ValueError(f"w has shape {array.shape}: it must be (inputs, outputs)")
    rank = arguments.integer(rank, "rank", 0, min(array.shape))
    u, s, vt = np.linalg.svd(array.astype(np.float64, order="C"), full_matrices=False)
    if not np.isfinite(s).all():
        raise ValueError(f"w reaches {np.abs(array).max()}: its singular values pass the largest float64")
    with np.errstate(under="ignore"):
        return LowRank(u[:, :rank] * s[:rank], vt[:rank].copy(), s[rank:].copy())


@dataclass(frozen=True, eq=False)
class Shared:
    """Weights that share values: w is about values[codes]."""

    values: Array
    """float64, rising, each used."""
    codes: Array
    """uint8, or uint16 for more than 256 values; the shape of the weights."""

    def restore(self) -> Array:
        """Return values[codes]."""
        return np.asarray(self.values[self.codes])


def _linear(flat: Array, clusters: int, seed: int) -> Array:
    return np.linspace(flat.min(), flat.max(), clusters)


def _random(flat: Array, clusters: int, seed: int) -> Array:
    return np.sort(np.random.default_rng(seed).choice(np.unique(flat), clusters, replace=False))


# how the values begin
STARTS: dict[str, Callable[[Array, int, int], Array]] = {"linear": _linear, "random": _random}


def share_weights(
    w: npt.ArrayLike, clusters: int, *, start: str = "linear", seed: int = 0, iterations: int = 100
) -> Shared:
    """Let weights share at most a number of values, by k-means.

    Each weight takes the nearest value, each value becomes the mean of its takers, and so on (by scipy.cluster.vq).
    What they reach depends on where they begin; nothing says that it is the best. A w of no more different values than
    ``clusters`` is kept as it is (-0.0 as 0.0).

    Parameters
    ----------
    w : array_like
        Finite numbers, of any shape; of a pruned layer, the values of ``prune`` alone, so that the zeros stay zeros.
    clusters : int
        1 to 65536.
    start : str
        linear (default): evenly from the smallest to the largest, which keeps the large weights, rare as they are,
        near to a value. random: different weights, drawn with the seed.
    seed : int
        At least 0; matters to a random start alone.
    iterations : int
        How often the means are taken, 1 to 65,536; default 100.

    Returns
    -------
    Shared
        ``huffman_encode`` writes the codes with fewer bits where some are more frequent than others. Every weight has
        the nearest of the values; of two that are equally near, as float64 computes it, the lower.

    Raises
    ------
    ValueError
        For a NaN or an infinity, for a setting outside its range.
    TypeError
        For a w that holds no numbers, or a count that is no integer.

    References
    ----------
    Han, Mao and Dally, "Deep Compression", sections 3.1 and 3.2, 2016.

    Examples
    --------
    >>> shared = share_weights([0.0, 1.0, 9.0, 11.0], 2)
    >>> shared.values, shared.codes
    (array([ 0.5, 10. ]), array([0, 0, 1, 1], dtype=uint8))
    """
    array = arguments.finite_array(w, "w", "clustered")
    clusters = arguments.integer(clusters, "clusters", 1, 65536)
    begin = STARTS[arguments.choice(start, "start", STARTS)]
    seed = arguments.integer(seed, "seed", 0)
    iterations = arguments.integer(iterations, "iterations", 1, 65536)
    flat = array.astype(np.float64).reshape(-1)
    values = np.unique(flat) + 0.0  # the sum of -0.0 and 0.0 is 0.0
    if values.size > clusters:
        exponent = int(np.frexp(np.abs(flat).max())[1])  # so that no square overflows or vanishes
        with np.errstate(under="ignore"):
            scaled = np.ldexp(flat, -exponent)
            values = np.unique(np.ldexp(_means(scaled, begin(scaled, clusters, seed), iterations), exponent))
    used, codes = np.unique(_nearest(flat, values), return_inverse=True)
    small = np.uint8 if used.size <= 256 else np.uint16
    return Shared(values[used], codes.reshape(array.shape).astype(small))


def _means(flat: Array, values: Array, iterations: int) -> Array:
    from scipy.cluster.vq import kmeans2  # type: ignore[import-untyped]  # scipy has no type hints

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # it stays where it is, and is dropped later
        return np.asarray(kmeans2(flat, values, iter=iterations, minit="matrix")[0])


def _nearest(flat: Array, values: Array) -> Array:
    """Return the place of the nearest of rising values, the lower of two."""
    if not flat.size:
        return np.empty(0, np.int64)
    above = np.searchsorted(values, flat).clip(0, values.size - 1)
    below = (above - 1).clip(0)
    with np.errstate(over="ignore"):  # to infinity, which is further than any value that is nearer
        return np.where(flat - values[below] <= values[above] - flat, below, above)

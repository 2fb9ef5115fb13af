"""What a weight is worth, and among which weights it is compared: scores, and masks of the entries that score most.

Legend: w (inputs, outputs) weights of a layer y = x w + b, x (n, inputs) what goes into it, one example a row.
Scores are computed in float64, which holds every narrower float exactly, and are at least 0.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.norms import norms
from refcompress.pruning.keep_count import keep_count
from refcompress.pruning.selection import top_k_mask


def magnitude_scores(w: npt.ArrayLike) -> Array:
    """Score by magnitude: s = |w|.

    Parameters
    ----------
    w : array_like
        Finite floats of at most 64 bits or integers, of any shape.

    Returns
    -------
    numpy.ndarray of float64
        The shape of w; exact.

    Raises
    ------
    ValueError
        For a NaN or an infinity.
    TypeError
        For a w that holds no numbers.

    References
    ----------
    Han, Pool, Tran and Dally, "Learning both Weights and Connections for Efficient Neural Networks", section 3, 2015.

    Examples
    --------
    >>> magnitude_scores([0.5, -3.0])
    array([0.5, 3. ])
    """
    return np.asarray(np.abs(_wide(w, "w")))


def random_scores(w: npt.ArrayLike, *, seed: int = 0) -> Array:
    """Score at random: the numbers 1 to the size of w, shuffled; no two are equal, every mask is as likely.

    What a method has to beat. The same seed gives the same scores with the same version of NumPy.

    Parameters
    ----------
    w : array_like
        Finite numbers; only the shape matters.
    seed : int
        At least 0.

    Returns
    -------
    numpy.ndarray of float64
        The shape of w.

    Raises
    ------
    ValueError
        For a NaN or an infinity, or a seed below 0.
    TypeError
        For a w that holds no numbers, or a seed that is no integer.

    Examples
    --------
    >>> sorted(random_scores([7.0, 7.0, 7.0], seed=1).tolist())
    [1.0, 2.0, 3.0]
    """
    array = _wide(w, "w")
    rng = np.random.default_rng(arguments.integer(seed, "seed", 0))
    return rng.permutation(np.arange(1.0, array.size + 1)).reshape(array.shape)


def first_order_scores(w: npt.ArrayLike, gradient: npt.ArrayLike) -> Array:
    """Score by what the loss changes to first order when the weight becomes 0: s = |w * gradient|.

    Some texts square it, which ranks alike; not every text takes the magnitude.

    Parameters
    ----------
    w, gradient : array_like
        Finite numbers of one shape; gradient = dLoss/dw.

    Returns
    -------
    numpy.ndarray of float64
        The shape of w: the product rounded once, infinite past the largest float64.

    Raises
    ------
    ValueError
        For a NaN or an infinity, or shapes that differ.
    TypeError
        For arrays that hold no numbers.

    References
    ----------
    Molchanov, Tyree, Karras, Aila and Kautz, "Pruning Convolutional Neural Networks for Resource Efficient Inference",
    section 2.2, equation 6, 2017.

    Examples
    --------
    >>> first_order_scores([0.5, -3.0], [4.0, 0.25])
    array([2.  , 0.75])
    """
    weights, slope = _wide(w, "w"), _wide(gradient, "gradient")
    arguments.same_shape(slope, weights, "gradient", "w")
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.abs(weights * slope))


def input_norms(x: npt.ArrayLike) -> Array:
    """Return how large every input of a layer is over all examples: norm_i = sqrt(sum over the rows of x_i^2).

    Those of several batches join as ``numpy.hypot`` of theirs.

    Parameters
    ----------
    x : array_like of shape (n, inputs)
        Finite numbers, one example a row.

    Returns
    -------
    numpy.ndarray of float64, shape (inputs,)
        No square overflows or vanishes on the way: a column is scaled by a power of two first. Equal columns have
        equal norms.

    Raises
    ------
    ValueError
        For a NaN or an infinity, or an x that is not 2-d.
    TypeError
        For an x that holds no numbers.

    Examples
    --------
    >>> input_norms([[3.0, 0.0], [4.0, -1.0]])
    array([5., 1.])
    """
    rows = _wide(x, "x")
    if rows.ndim != 2:
        raise ValueError(f"x has shape {rows.shape}: it must be (n, inputs), one example a row")
    return norms(rows, axis=0)


def wanda_scores(w: npt.ArrayLike, norms: npt.ArrayLike) -> Array:
    """Score by magnitude times the size of the input: s_ij = |w_ij| * ||x_i||_2, to be compared for each output.

    With equal norms the weights of up to 32 bits rank as by magnitude: their products with one float64 stay apart when
    they are rounded, unless they overflow or vanish.

    Parameters
    ----------
    w : array_like of shape (inputs, outputs)
        Finite numbers. (The paper has a weight matrix of shape (outputs, inputs).)
    norms : array_like of shape (inputs,)
        Finite and at least 0: see ``input_norms``.

    Returns
    -------
    numpy.ndarray of float64, shape (inputs, outputs)
        The product rounded once, infinite past the largest float64.

    Raises
    ------
    ValueError
        For a NaN, an infinity, a negative norm, or shapes that do not fit.
    TypeError
        For arrays that hold no numbers.

    See Also
    --------
    masks_by_score : With ``scope="output"``, the comparison that belongs to these scores.

    References
    ----------
    Sun, Liu, Bair and Kolter, "A Simple and Effective Pruning Approach for Large Language Models", section 3, 2023.

    Examples
    --------
    >>> wanda_scores([[1.0, -2.0], [3.0, 0.5]], [4.0, 1.0])
    array([[4. , 8. ],
           [3. , 0.5]])
    """
    weights, sizes = _wide(w, "w"), _wide(norms, "norms")
    _refuse_negative(sizes, "norms", "a norm is at least 0")
    if weights.ndim != 2:
        raise ValueError(f"w has shape {weights.shape}: it must be (inputs, outputs)")
    if sizes.shape != weights.shape[:1]:
        raise ValueError(f"norms has shape {sizes.shape}: w has {len(weights)} inputs, so it must be ({len(weights)},)")
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.abs(weights) * sizes[:, np.newaxis])


def global_masks(weights: Sequence[npt.ArrayLike], k: int, *, ties: str = "lowest_index") -> tuple[Array, ...]:
    """Mark the k largest magnitudes of all arrays together.

    Parameters
    ----------
    weights : sequence of array_like
        Numbers or scores, of any shapes and dtypes.
    k : int
        How many stay, 0 to the sum of the sizes.
    ties : str
        lowest_index (default) or highest_index, where the arrays stand one after the other.

    Returns
    -------
    tuple of numpy.ndarray
        A mask for every array, of its shape.

    Raises
    ------
    ValueError
        For a NaN, for a k or a word outside its range.
    TypeError
        For arrays that hold no numbers, or a k that is no integer.

    Examples
    --------
    >>> [mask.tolist() for mask in global_masks([np.array([[10.0, 9.0]]), np.array([[1.0, 2.0]])], 2)]
    [[[True, True]], [[False, False]]]
    """
    arrays = [arguments.float_array(w, f"weights[{i}]") for i, w in enumerate(arguments.iterated(weights, "weights"))]
    for i, array in enumerate(arrays):
        arguments.not_nan(array, f"weights[{i}]", "ranked")
    mask = top_k_mask(np.concatenate([np.empty(0), *(a.astype(np.float64).reshape(-1) for a in arrays)]), k, ties=ties)
    ends = np.cumsum([a.size for a in arrays])[:-1]
    return tuple(part.reshape(a.shape) for part, a in zip(np.split(mask, ends), arrays, strict=True)) if arrays else ()


def _per_tensor(scores: list[Array], count: Callable[[int], int], ties: str) -> tuple[Array, ...]:
    return tuple(top_k_mask(s, count(s.size), ties=ties) for s in scores)


def _per_output(scores: list[Array], count: Callable[[int], int], ties: str) -> tuple[Array, ...]:
    for i, s in enumerate(scores):
        if s.ndim != 2:
            raise ValueError(f"scores[{i}] has shape {s.shape}: it must be (inputs, outputs) for scope = 'output'")
    return tuple(top_k_mask(s, count(len(s)), ties=ties, axis=0) for s in scores)


def _over_the_model(scores: list[Array], count: Callable[[int], int], ties: str) -> tuple[Array, ...]:
    return global_masks(scores, count(sum(s.size for s in scores)), ties=ties)


# which scores are compared with each other
SCOPES = {"tensor": _per_tensor, "output": _per_output, "model": _over_the_model}


def masks_by_score(
    scores: Sequence[npt.ArrayLike],
    sparsity: float | Fraction,
    *,
    scope: str = "tensor",
    rounding: str = "half_even",
    counts: str = "kept",
    ties: str = "lowest_index",
) -> tuple[Array, ...]:
    """Mark the k largest scores among those that are compared with each other, k = keep_count(how many, sparsity).

    Parameters
    ----------
    scores : sequence of array_like
        One array for every array of weights, at least 0; an infinity is the largest.
    sparsity : float or Fraction
        The part that goes, from 0 to 1.
    scope : str
        tensor (default): every array for itself. output: every column of every array (inputs, outputs), which holds
        the weights of one output. model: all arrays together.
    rounding, counts
        As for ``keep_count``.
    ties : str
        lowest_index (default) or highest_index: which of equal scores stay.

    Returns
    -------
    tuple of numpy.ndarray
        A mask for every array, of its shape.

    Raises
    ------
    ValueError
        For a NaN, a negative score, a sparsity or a word outside its range, a shape without outputs for
        ``scope="output"``.
    TypeError
        For arrays that hold no numbers.

    Examples
    --------
    >>> masks_by_score([[[1.0, 6.0], [2.0, 5.0]]], 0.5)[0].astype(int).tolist()
    [[0, 1], [0, 1]]
    >>> masks_by_score([[[1.0, 6.0], [2.0, 5.0]]], 0.5, scope="output")[0].astype(int).tolist()
    [[0, 1], [1, 0]]
    """
    arrays = [arguments.float_array(s, f"scores[{i}]") for i, s in enumerate(arguments.iterated(scores, "scores"))]
    for i, array in enumerate(arrays):
        arguments.not_nan(array, f"scores[{i}]", "ranked")
        _refuse_negative(array, f"scores[{i}]", "a score is at least 0")
    marked = SCOPES[arguments.choice(scope, "scope", SCOPES)]

    def count(size: int) -> int:
        return keep_count(size, sparsity, rounding=rounding, counts=counts)

    top_k_mask(np.empty(0), count(0), ties=ties)  # a bad setting is refused where there is nothing to compare, too
    return marked(arrays, count, ties)


def _refuse_negative(array: Array, name: str, must: str) -> None:
    if (array < 0).any():
        arguments.refuse_element(name, array, array < 0, must)


def _wide(value: npt.ArrayLike, name: str) -> Array:
    return arguments.finite_array(value, name, "scored").astype(np.float64)

"""How many entries stay for a sparsity: k = round(size * (1 - sparsity)), or size - round(size * sparsity)."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

from refcompress import arguments

# rounding word -> a rational number of at least 0 to an integer
ROUNDING: dict[str, Callable[[Fraction], int]] = {
    "half_even": round,
    "floor": floor,
    "ceil": ceil,
    "half_away": lambda v: floor(v + Fraction(1, 2)),
}
COUNTS = ("kept", "pruned")


def keep_count(size: int, sparsity: float | Fraction, *, rounding: str = "half_even", counts: str = "kept") -> int:
    """Return how many of ``size`` entries stay: k = round(size * (1 - sparsity)).

    Computed without rounding on the decimal number that the user wrote, not on the float next to it: 29% of 100 is 29,
    though 100 * 0.29 is 28.999999999999996 in floats, which ``int`` takes to 28. (A float stands for the shortest
    decimal number that is read as it.)

    Libraries differ in which of the two counts they round, and how, and so by one: a weight comes back where masks of
    two of them are mixed. The sparsity that comes about is above the one asked for only where rounding the kept ones
    down, or the pruned ones up, says so: ceil with ``counts="kept"``, or floor with ``counts="pruned"``, never does.

    Parameters
    ----------
    size : int
        How many entries there are, at least 0.
    sparsity : float or Fraction
        The part of them that is to be 0, from 0 to 1.
    rounding : str
        half_even (default), floor, ceil or half_away.
    counts : str
        kept (default) rounds the entries that stay; pruned those that go: k = size - round(size * sparsity).

    Returns
    -------
    int
        From 0 to size.

    Raises
    ------
    ValueError
        For a size below 0, a sparsity outside 0 to 1, or a word that is none.
    TypeError
        For a size that is no integer, or a sparsity that is no number.

    References
    ----------
    Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", section 3,
    2017, for sparsity. PyTorch, ``torch.nn.utils.prune``, rounds the pruned ones half to even.

    Examples
    --------
    >>> keep_count(10, 0.75), keep_count(10, 0.75, counts="pruned")
    (2, 2)
    >>> keep_count(6, 0.75), keep_count(6, 0.75, counts="pruned"), keep_count(6, 0.75, rounding="floor")
    (2, 2, 1)
    """
    size = arguments.integer(size, "size", 0)
    part = arguments.share(sparsity, "sparsity")
    arguments.choice(rounding, "rounding", ROUNDING)
    arguments.choice(counts, "counts", COUNTS)
    if counts == "kept":
        return ROUNDING[rounding](size * (1 - part))
    return size - ROUNDING[rounding](size * part)

"""Which k entries stay: those of largest magnitude, mask = top_k(|x|, k).

With t the k-th largest magnitude, an entry above t stays, one below goes, and of those at t as many stay as are needed
for exactly k: the lowest indices first, or the highest. Magnitudes are compared as bit patterns: the pattern of a float
without its sign, read as an unsigned integer, orders as the magnitudes do, subnormals and infinities included.
"""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array

BLOCK = 65_536  # elements a pass: the temporaries stay in the processor's cache
SAMPLE = 16_384  # entries that tell where the k-th largest may be
MARGIN = 320  # ranks in the sample to either side: five standard deviations, each at most sqrt(SAMPLE) / 2

# which rule -> the direction in which the surplus ties of a line are dropped
TIES = {"lowest_index": -1, "highest_index": 1}

# bytes of an entry -> the integer that holds its magnitude, and the one that NumPy partitions fast
UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
RANKED = {1: np.uint32, 2: np.uint32, 4: np.uint32, 8: np.uint64}


def top_k_mask(x: npt.ArrayLike, k: int, *, ties: str = "lowest_index", axis: int | None = None) -> Array:
    """Mark the k entries of largest magnitude: mask = |x| > t, and at |x| = t the first ones up to k in all.

    t is the k-th largest magnitude. Libraries that mark ``|x| >= t`` keep too many where there are ties at t, those
    that mark ``|x| > t`` too few, and those that take an unstable partition keep ties at unspecified places.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits (bfloat16 and the 8-bit floats included) or integers, of any shape. Infinities are
        the largest magnitudes, -0.0 and 0.0 are equal, and the magnitude of the int8 -128 is 128.
    k : int
        How many stay, 0 to n: the size of x, or of x along ``axis``.
    ties : str
        lowest_index (default) or highest_index: which of equal magnitudes stay. Indices count in C order, however x
        lies in memory.
    axis : int, optional
        Keep k entries of every slice along this axis; without it, k of the whole array.

    Returns
    -------
    numpy.ndarray
        Booleans of the shape of x, exactly k of them true (in every slice along ``axis``).

    Raises
    ------
    ValueError
        For a NaN, for a k outside 0 to n, for an unknown ``ties`` or an ``axis`` that x does not have.
    TypeError
        For an x that holds no numbers, or a k or an axis that is no integer.

    Notes
    -----
    The time is proportional to the size, whatever the values are; on data made against the fixed seed of the sample it
    is at worst n log n. Beside the mask, a call needs scratch memory for one magnitude to every eighth entry, and for
    one to each entry where the sample misleads; and a copy of x where its memory is not in C order or ``axis`` is not
    the last.

    See Also
    --------
    sparsify : The entries themselves, in place.
    prune : The entries themselves, compact.

    References
    ----------
    Han, Pool, Tran and Dally, "Learning both Weights and Connections for Efficient Neural Networks", section 3, 2015,
    for pruning by magnitude. IEEE 754-2019, section 3.4: the fields of a float stand in the order of their weight.
    Floyd and Rivest, "Expected Time Bounds for Selection", 1975, for narrowing by a sample.

    Examples
    --------
    >>> top_k_mask([0.5, -3.0, 0.5, 2.0], 2)
    array([False,  True, False,  True])
    >>> top_k_mask([0.5, -3.0, 0.5, 2.0], 3)
    array([ True,  True, False,  True])
    >>> top_k_mask([[1, -2], [4, 3]], 1, axis=1)
    array([[False,  True],
           [ True, False]])
    """
    array = arguments.real_array(x, "x")
    _refuse_nan(array)
    direction = TIES[arguments.choice(ties, "ties", TIES)]
    axis = None if axis is None else arguments.axis_number(axis, "axis", array.ndim)
    n = array.size if axis is None else array.shape[axis]
    k = arguments.integer(k, "k", 0, n)
    if k in (0, n):
        return np.full(array.shape, k > 0)
    if axis is None:
        mask_of = _mask_short if n <= BLOCK else _mask_long
        return mask_of(array.reshape(-1), k, direction).reshape(array.shape)
    moved = np.moveaxis(array, axis, -1)
    mask = _mask_lines(moved.reshape(math.prod(moved.shape[:-1]), n), k, direction)
    return np.ascontiguousarray(np.moveaxis(mask.reshape(moved.shape), -1, axis))


def magnitudes(x: Array) -> Array:
    """Return unsigned integers that compare as the magnitudes of x do; x has no NaN and native byte order."""
    return np.abs(x).view(UNSIGNED[x.dtype.itemsize])  # abs wraps the smallest integer: unsigned, its magnitude


def kept(x: Array, mask: Array) -> Array:
    """Return x where the mask is set, bit for bit, and +0 elsewhere: its bit patterns times 1 or 0."""
    entries = np.empty(x.shape, x.dtype)
    unsigned = UNSIGNED[x.dtype.itemsize]
    np.multiply(x.view(unsigned), mask, out=entries.view(unsigned))
    return entries


def _refuse_nan(x: Array) -> None:
    if x.dtype.kind != "f" or np.count_nonzero(np.isnan(x)):  # a count is faster than any()
        arguments.not_nan(x, "x", "ranked")


def _mask_lines(x: Array, k: int, direction: int) -> Array:
    """Return the mask of every line of x (lines, n)."""
    lines, n = x.shape
    mask = np.empty(x.shape, np.bool_)
    if n <= BLOCK:
        at_once = BLOCK // n
        for start in range(0, lines, at_once):
            mask[start : start + at_once] = _mask_short(x[start : start + at_once], k, direction)
    else:
        for i in range(lines):
            mask[i] = _mask_long(x[i], k, direction)
    return mask


def _mask_short(x: Array, k: int, direction: int) -> Array:
    """Return the mask of one line, or of several at once along the last axis."""
    values = magnitudes(x)
    threshold = _kth_largest(values.astype(RANKED[values.dtype.itemsize]), k)
    if x.ndim > 1:
        threshold = threshold[:, np.newaxis]
    mask: Array = values >= threshold
    if np.count_nonzero(mask) > k * (x.size // x.shape[-1]):
        surplus = mask.sum(axis=-1, keepdims=True) - k
        tie = (values == threshold)[..., ::direction]
        walked = mask[..., ::direction]
        walked &= ~tie | (tie.cumsum(axis=-1) > surplus)
    return mask


def _mask_long(x: Array, k: int, direction: int) -> Array:
    """Return the mask of one line, block by block."""
    threshold = _kth_of_long(x, k)
    mask = np.empty(x.size, np.bool_)
    blocks = [slice(start, start + BLOCK) for start in range(0, x.size, BLOCK)]
    for block in blocks:
        np.greater_equal(magnitudes(x[block]), threshold, out=mask[block])
    surplus = int(np.count_nonzero(mask)) - k
    for block in blocks[::direction]:
        if surplus == 0:
            break
        tie = magnitudes(x[block]) == threshold
        found = int(np.count_nonzero(tie))
        if found > surplus:
            tie[np.flatnonzero(tie)[::direction][surplus:]] = False  # these stay
            found = surplus
        mask[block] ^= tie
        surplus -= found
    return mask


def _kth_largest(values: Array, k: int) -> Array:
    """Return the k-th largest along the last axis; the values change places."""
    place = values.shape[-1] - k
    values.partition(place)
    return np.asarray(values[..., place])


def _kth_of_long(x: Array, k: int) -> int:
    """Return the k-th largest magnitude of one line.

    A sample gives two bounds near it. It lies strictly between them, or is one of them where many entries tie, or the
    sample misled and everything is partitioned.
    """
    low, high = _bounds(x, k)
    kth = _kth_between(x, k, low, high) if low < high else None
    for bound in (low, high):
        if kth is None and _is_kth(x, k, bound):
            kth = bound
    if kth is None:
        kth = int(_kth_largest(magnitudes(x).astype(RANKED[x.dtype.itemsize], copy=False), k))
    return kth


def _bounds(x: Array, k: int) -> tuple[int, int]:
    """Return two magnitudes of a sample around the place of the k-th largest, or past the end where there are none."""
    # drawn at random: even steps would fall in with the columns of a matrix
    sample = np.sort(magnitudes(x[np.random.default_rng(0).integers(x.size, size=SAMPLE)]))
    place = SAMPLE - round(SAMPLE * k / x.size)
    low = int(sample[place - MARGIN]) if place >= MARGIN else -1
    high = int(sample[place + MARGIN]) if place + MARGIN < SAMPLE else int(np.iinfo(sample.dtype).max) + 1
    return low, high


def _kth_between(x: Array, k: int, low: int, high: int) -> int | None:
    """Return the k-th largest magnitude where it lies strictly between the bounds and few others do, else None."""
    near = np.empty(x.size // 8, RANKED[x.dtype.itemsize])
    above = end = 0
    for block in _blocks(x):
        above += int(np.count_nonzero(block >= high))
        some = block[(block > low) & (block < high)]
        if end + some.size > near.size:
            return None
        near[end : end + some.size] = some
        end += some.size
    return int(_kth_largest(near[:end], k - above)) if above < k <= above + end else None


def _is_kth(x: Array, k: int, value: int) -> bool:
    above = at_least = 0
    for block in _blocks(x):
        above += int(np.count_nonzero(block > value))
        at_least += int(np.count_nonzero(block >= value))
    return above < k <= at_least


def _blocks(x: Array) -> Iterator[Array]:
    """Yield the magnitudes of x, a block at a time."""
    for start in range(0, x.size, BLOCK):
        yield magnitudes(x[start : start + BLOCK])

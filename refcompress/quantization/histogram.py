"""A histogram of observed magnitudes, and the range that it gives by entropy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.quantization.calibration import Range, observed

MOST_BINS = 2**24


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many magnitudes fall into each bin: bin j counts those with j * 2^exponent <= |x| < (j + 1) * 2^exponent.

    The exponent is the smallest at which the largest magnitude has a bin. When that grows, bins are merged two by two,
    so that the counts depend on what was seen alone: not on how it came in batches, nor in which order.
    """

    counts: Array
    """int64, one a bin; their number is a power of two."""
    exponent: int | None = None
    """None as long as nothing but zeros was seen."""
    low: float = np.inf
    """The smallest value seen; infinite as long as there was none."""
    high: float = -np.inf
    """The largest value seen; minus infinite as long as there was none."""

    @property
    def total(self) -> int:
        """The number of values seen."""
        return int(self.counts.sum())


def empty_histogram(bins: int = 2048) -> Histogram:
    """Return a histogram that has seen nothing.

    Raises
    ------
    ValueError
        For a number of bins that is no power of two, below 2 or above 2^24.

    Examples
    --------
    >>> empty_histogram(8).counts
    array([0, 0, 0, 0, 0, 0, 0, 0])
    """
    bins = arguments.integer(bins, "bins", 2, MOST_BINS)
    if bins & (bins - 1):
        raise ValueError(f"bins is {bins}: it must be a power of two, so that bins can be merged two by two")
    return Histogram(np.zeros(bins, np.int64))


def observe(histogram: Histogram, batch: npt.ArrayLike) -> Histogram:
    """Return the histogram with a batch counted in; an empty batch changes nothing.

    Raises
    ------
    ValueError
        For values that are not finite or past float32.
    TypeError
        For a batch that holds no numbers.

    Examples
    --------
    >>> seen = observe(observe(empty_histogram(4), [0.5, -1.75]), [3.0])
    >>> seen.counts, seen.exponent, seen.total
    (array([1, 1, 0, 1]), 0, 3)
    """
    arguments.instance(histogram, "histogram", Histogram)
    values = observed(batch, "batch")
    if not values.size:
        return histogram
    counts, bins = histogram.counts, histogram.counts.size
    low, high = min(histogram.low, float(values.min())), max(histogram.high, float(values.max()))
    largest = max(-low, high)
    exponent = None
    if largest > 0:
        exponent = int(np.frexp(largest)[1]) - (bins.bit_length() - 1)
        if histogram.exponent is not None and histogram.exponent < exponent:
            merged = np.zeros_like(counts)
            np.add.at(merged, np.arange(bins) >> min(exponent - histogram.exponent, 62), counts)
            counts = merged
    with np.errstate(under="ignore"):  # far below the first bin's end
        bin_numbers = np.floor(np.ldexp(np.abs(values), -(exponent or 0))).astype(np.int64)
    return Histogram(counts + np.bincount(bin_numbers.reshape(-1), minlength=bins), exponent, low, high)


def entropy(histogram: Histogram, *, bits: int = 8, signed: bool = True) -> Range:
    """Return the range at whose threshold the quantized distribution of |x| is nearest to the observed one.

    The codes have L levels for magnitudes: 2^(bits-1), or 2^bits where unsigned. For every i from L to the last bin
    that holds something: P = bins 0 to i - 1, with all that lies beyond added to the last; Q = the same bins without
    that, summed over L levels (bin j in level floor(j L / i)), each level spread evenly over those of its bins that
    hold something. With both normalized, the i with the least sum of P log(P / Q) is taken, of equal ones the largest,
    and the threshold is (i + 1/2) bin widths. The range is [-threshold, threshold], as far as values were seen.

    Where a bin of P has mass and Q has none there, the divergence is infinite: a threshold in a gap is never taken
    (other codes put a small number there). At the last i, which clips nothing, it is finite. Values that fill fewer
    than L bins are not clipped.

    Parameters
    ----------
    histogram : Histogram
        From ``observe``, not empty.
    bits, signed
        As for ``affine_parameters``; bits from 2 to 16.

    Returns
    -------
    x_min, x_max : numpy.ndarray of float64
        0-d.

    Raises
    ------
    ValueError
        For a histogram that has seen no value, or bits outside 2 to 16.

    References
    ----------
    Migacz, "8-bit Inference with TensorRT", GPU Technology Conference, "Calibration" and its pseudocode, 2017.

    Examples
    --------
    Two far values among many near ones are clipped.

    >>> seen = observe(empty_histogram(), np.linspace(-1, 1, 10_001))
    >>> [round(float(end), 2) for end in entropy(observe(seen, [8.0, 9.0]))]
    [-1.0, 1.0]
    """
    levels = 1 << (arguments.integer(bits, "bits", 2, 16) - arguments.boolean(signed, "signed"))
    arguments.instance(histogram, "histogram", Histogram)
    if not histogram.total:
        raise ValueError("histogram holds no value: a range needs at least one")
    counts = histogram.counts
    last = int(np.flatnonzero(counts)[-1]) + 1
    best, least = last, np.inf
    for i in range(levels, last + 1):
        divergence = _divergence(counts[:i], int(counts[i:].sum()), levels)
        if divergence <= least:
            best, least = i, divergence
    threshold = float(np.ldexp(best + 0.5, histogram.exponent or 0))
    low, high = (min(max(end, -threshold), threshold) for end in (histogram.low, histogram.high))
    return np.asarray(low), np.asarray(high)


def _divergence(inside: Array, beyond: int, levels: int) -> float:
    """Return the Kullback-Leibler divergence of the quantized bins from the observed ones."""
    held = inside > 0
    p = inside.astype(np.float64)
    p[-1] += beyond
    if beyond and not held[-1]:
        return np.inf
    level = np.arange(inside.size) * levels // inside.size
    share = np.bincount(level, inside) / np.maximum(np.bincount(level, held), 1)
    q = share[level][held]
    p, q = p[held] / p.sum(), q / inside.sum()
    return float((p * np.log(p / q)).sum())

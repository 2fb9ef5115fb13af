"""Calibration: from the values that were observed to the range (x_min, x_max) for ``affine_parameters``.

A range that takes in every value wastes codes on the few far ones, and one that clips errs on those: each function
here weighs that otherwise. None of them brings zero into what it averages or counts: ``affine_parameters`` does that,
once, where the scale is computed.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.quantization.affine_parameters import affine_parameters
from refcompress.quantization.fake_quantize import fake_quantize

Range = tuple[Array, Array]

MOST_STEPS = 65_536


def min_max(batches: Iterable[npt.ArrayLike], *, axis: int | None = None) -> Range:
    """Return the smallest and the largest value of all batches: x_min = min x, x_max = max x.

    Parameters
    ----------
    batches : iterable of array_like
        Finite floats or integers within float32, of any shapes; empty batches change nothing.
    axis : int, optional
        The axis of the channels, for a pair a channel; the batches then have equally many.

    Returns
    -------
    x_min, x_max : numpy.ndarray of float64
        0-d, or one a channel.

    Raises
    ------
    ValueError
        For values that are not finite or past float32, for channels that do not fit, or where no batch has a value.
    TypeError
        For batches that hold no numbers.

    References
    ----------
    Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", section 3.1.2, 2018.

    Examples
    --------
    >>> min_max([[1.0, 3.0], [], [-2.0]])
    (array(-2.), array(3.))
    """
    seen: Range | None = None
    for number, batch in enumerate(arguments.iterated(batches, "batches")):
        own = _ends(observed(batch, f"batches[{number}]"), axis)
        if own is not None and seen is not None:
            _same_channels(own, seen, f"batches[{number}]")
            own = np.minimum(seen[0], own[0]), np.maximum(seen[1], own[1])
        seen = seen if own is None else own
    if seen is None:
        raise ValueError("batches hold no value: a range needs at least one")
    return np.asarray(seen[0]), np.asarray(seen[1])


def moving_average(
    state: Range | None, batch: npt.ArrayLike, *, decay: float = 0.9, axis: int | None = None
) -> Range | None:
    """Return the exponential moving average of the batches' ends: decay * m + (1 - decay) * end, for both ends.

    The first batch gives its own ends, so that nothing pulls towards 0 at the start (an average that begins at 0
    without a correction takes 44 batches of decay 0.9 to come within a hundredth). A stream of one constant gives that
    constant, to the bit: it is computed as end + decay * (m - end).

    Parameters
    ----------
    state : (x_min, x_max) or None
        What the last call returned; None at the start.
    batch : array_like
        Finite floats or integers within float32; an empty one changes nothing.
    decay : float
        The share of what was before, from 0 to 1; default 0.9.
    axis : int, optional
        The axis of the channels.

    Returns
    -------
    (x_min, x_max) or None
        float64 arrays, 0-d or one a channel; None as long as every batch was empty.

    Raises
    ------
    ValueError, TypeError
        As ``min_max``; for a decay outside 0 to 1.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 3.1, 2018.

    Examples
    --------
    >>> first = moving_average(None, [-1.0, 10.0])
    >>> moving_average(first, [-1.0, 20.0])
    (array(-1.), array(11.))
    """
    share = arguments.real_number(decay, "decay", 0, 1)
    own = _ends(observed(batch, "batch"), axis)
    if state is None:
        return own
    before = _checked_state(state)
    if own is None:
        return state
    _same_channels(own, before, "batch")
    with np.errstate(under="ignore"):
        low, high = (np.asarray(end + share * (m - end)) for m, end in zip(before, own, strict=True))
    return low, np.asarray(np.maximum(low, high))  # a rounding must not swap two ends that lie side by side


def percentile(x: npt.ArrayLike, *, lower: float = 0.1, upper: float = 99.9) -> Range:
    """Return the values below and above which a share of the values lies.

    x_max is the smallest value that at least ``upper`` percent of all do not exceed, and x_min the largest one that at
    least 100 - ``lower`` percent reach: sorted, x[ceil(n upper / 100) - 1] and x[floor(n lower / 100)], with the
    decimal numbers that were written. Nothing is interpolated. lower=0 and upper=100 give the smallest and the largest.

    Parameters
    ----------
    x : array_like
        n > 0 finite floats or integers within float32, of any shape.
    lower, upper : float
        Percent, 0 <= lower < upper <= 100.

    Returns
    -------
    x_min, x_max : numpy.ndarray of float64
        0-d.

    Raises
    ------
    ValueError
        For values that are not finite or past float32, for no values, or percents out of order.
    TypeError
        For an x that holds no numbers.

    References
    ----------
    Wu et al., "Integer Quantization for Deep Learning Inference: Principles and Empirical Evaluation", section 4.1,
    2020. Hyndman and Fan, "Sample Quantiles in Statistical Packages", definition 1, 1996.

    Examples
    --------
    >>> percentile([*range(10), 1000], lower=0, upper=90)
    (array(0.), array(9.))
    """
    values = _some(observed(x, "x"), "x").reshape(-1)
    for end, name in ((lower, "lower"), (upper, "upper")):
        arguments.real_number(end, name, 0, 100)
    low, high = arguments.decimal(lower), arguments.decimal(upper)
    if low >= high:
        raise ValueError(f"lower is {lower}: it must be below upper, {upper}")
    first = low * values.size // 100
    last = -(-high * values.size // 100) - 1
    ordered = np.partition(values, [first, last])
    return np.asarray(ordered[first]), np.asarray(ordered[last])


def minimal_squared_error(
    x: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    symmetric: bool = False,
    narrow_range: bool = False,
    steps: int = 100,
) -> Range:
    """Return the range on a grid with the least sum of (x - x')^2, where x' is x quantized with it and dequantized.

    The grid starts at a = min(x, 0) and b = max(x, 0), and is searched three times, each time from the best so far:
    (a t / n, b t / n), then (a, b t / n), then (a t / n, b), for t = 1, ..., n and n = ``steps``; symmetric codes, of
    which the larger end decides, have the first search alone. The range of all values is on the grid, and another one
    is taken only where its sum is smaller by more than 4 (size + 3) 2^-53 of it, which is more than rounding can have
    done to both: the sum is never more than that of min-max.

    Parameters
    ----------
    x : array_like
        Finite floats or integers within float32, at least one, of any shape.
    bits, signed, symmetric, narrow_range
        As for ``affine_parameters``.
    steps : int
        n, 1 to 65,536; default 100.

    Returns
    -------
    x_min, x_max : numpy.ndarray of float64
        0-d, with zero between them.

    Raises
    ------
    ValueError
        For values that are not finite or past float32, for no values, or a setting outside its range.
    TypeError
        For an x that holds no numbers.

    References
    ----------
    Choukroun, Kravchik, Yang and Kisilev, "Low-bit Quantization of Neural Networks for Efficient Inference",
    section 3, 2019.

    Examples
    --------
    >>> minimal_squared_error([*range(64)] * 8 + [90], bits=4, signed=False)
    (array(0.), array(74.97))
    """
    array = _some(arguments.float_array(x, "x"), "x")
    values = observed(array, "x")
    n = arguments.integer(steps, "steps", 1, MOST_STEPS)
    codes = {"bits": bits, "signed": signed, "narrow_range": narrow_range}

    def owed(low: float, high: float) -> float:
        scale, zero_point = affine_parameters(low, high, symmetric=symmetric, **codes)  # type: ignore[arg-type]
        back = fake_quantize(array, scale, zero_point, **codes)  # type: ignore[arg-type]
        with np.errstate(under="ignore"):  # of what is far below float32, and 0 in every range
            return float(np.square(values - back.astype(np.float64)).sum())

    a, b = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    least = owed(a, b)
    # a difference, its square and size - 1 sums: each sum is off by (size + 3) 2^-53 of itself at most, to first order
    smaller = 1 - 4 * (values.size + 3) * 2.0**-53
    for moves_a, moves_b in ((True, True),) if symmetric else ((True, True), (False, True), (True, False)):
        from_a, from_b = a, b
        for t in range(1, n):
            low, high = (end * t / n if moves else end for end, moves in ((from_a, moves_a), (from_b, moves_b)))
            if (error := owed(low, high)) < least * smaller:
                a, b, least = low, high, error
    return np.asarray(a), np.asarray(b)


def observed(value: npt.ArrayLike, name: str) -> Array:
    """Return observed values as float64: finite, and as far as the ends of a range may reach."""
    array = arguments.finite_array(value, name, "calibrated with")
    wide = array.astype(np.float64)
    beyond = np.abs(wide) > np.finfo(np.float32).max
    if beyond.any():
        arguments.refuse_element(name, array, beyond, "it must be within float32")
    return wide


def _some(array: Array, name: str) -> Array:
    if not array.size:
        raise ValueError(f"{name} is empty: a range needs at least one value")
    return array


def _ends(values: Array, axis: int | None) -> Range | None:
    """Return the smallest and largest value, or those of every channel; None of an empty batch."""
    if axis is None:
        others = None
    else:
        own = arguments.axis_number(axis, "axis", values.ndim)
        others = tuple(i for i in range(values.ndim) if i != own)
    return (values.min(axis=others), values.max(axis=others)) if values.size else None


def _checked_state(state: Any) -> Range:
    ends = list(arguments.iterated(state, "state", "(x_min, x_max)"))
    if len(ends) != 2:
        raise ValueError(f"state holds {len(ends)} arrays: it must be (x_min, x_max)")
    low, high = (observed(end, f"state[{i}]") for i, end in enumerate(ends))
    arguments.same_shape(low, high, "state[0]", "state[1]")
    return low, high


def _same_channels(own: Range, seen: Range, name: str) -> None:
    (low, _), (before, _) = own, seen
    if np.shape(low) != np.shape(before):
        raise ValueError(f"{name} has ends of shape {np.shape(low)}: those before have {np.shape(before)}")

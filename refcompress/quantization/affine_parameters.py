"""A scale and a zero point for a range of values: s = (x_max - x_min) / (q_max - q_min), z = q_min - x_min / s."""

from fractions import Fraction
from math import frexp, ldexp

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.rounding import code_range

ARITHMETIC = ("exact", "float32")
SMALLEST = 2.0**-149  # the smallest positive float32


def affine_parameters(
    x_min: npt.ArrayLike,
    x_max: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    symmetric: bool = False,
    narrow_range: bool = False,
    arithmetic: str = "exact",
) -> tuple[Array, Array]:
    """Choose the scale and the zero point with which the codes cover a range of values.

    Zero is brought into the range first, so that it has a code of its own: x_min = min(x_min, 0), x_max =
    max(x_max, 0). Then s = (x_max - x_min) / (q_max - q_min), rounded once to float32, and z = q_min - x_min / s with
    the unrounded s, rounded half to even and clipped to the codes. Symmetric: z = 0 (the middle code 2^(bits-1) when
    unsigned) and s = max(|x_min|, |x_max|) / (q_max - z).

    A range of zero width gives s = 1. A scale that would round to 0 is 2^-149, the smallest float32; none is infinite.
    A constant c comes back, since the range from 0 to c has it at one end.

    Parameters
    ----------
    x_min, x_max : array_like
        The ends of the range, finite, as far as float32 reaches: numbers, or arrays with one a channel.
    bits : int
        Width of a code, 2 to 32; default 8.
    signed : bool
        Codes [-2^(bits-1), 2^(bits-1) - 1] (default), or [0, 2^bits - 1].
    symmetric : bool
        Put zero at the middle of the range; default False.
    narrow_range : bool
        Drop the most negative code of a signed range; default False.
    arithmetic : str
        exact (default); float32 rounds the ends and every step to float32, as many libraries do, and divides by the
        rounded s (where x_max - x_min is infinite in float32, each end is divided on its own).

    Returns
    -------
    scale : numpy.ndarray of float32
        Positive and finite, of the shape of x_min.
    zero_point : numpy.ndarray of int64
        A code, of the same shape.

    Raises
    ------
    ValueError
        For an end that is not finite or past the largest float32, for x_min > x_max, or for shapes that differ.
    TypeError
        For ends that are no numbers.

    See Also
    --------
    affine_quantize : What they are for.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 3, 2018. Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", section 2, 2018.

    Examples
    --------
    >>> scale, zero_point = affine_parameters(-1.0, 3.0, signed=False)
    >>> float(scale) == float(np.float32(4 / 255)), int(zero_point)
    (True, 64)
    >>> [p.tolist() for p in affine_parameters([0.0, -2.0], [0.0, 1.0], symmetric=True, bits=2)]
    [[1.0, 2.0], [0, 0]]
    """
    low, high = _range(x_min, x_max)
    bits = arguments.integer(bits, "bits", 2, 32)
    for value, name in ((signed, "signed"), (symmetric, "symmetric"), (narrow_range, "narrow_range")):
        arguments.boolean(value, name)
    arguments.choice(arithmetic, "arithmetic", ARITHMETIC)
    codes = code_range(bits, signed=signed, narrow_range=narrow_range)
    middle = 0 if signed else 1 << (bits - 1)
    if arithmetic == "float32":
        return _symmetric_float32(low, high, codes, middle) if symmetric else _in_float32(low, high, codes)
    # a pair a tensor or channel, each with rational numbers: plain, and exact for every range
    exact = [_exact(a, b, codes, middle if symmetric else None) for a, b in zip(low.flat, high.flat, strict=True)]
    scales = np.array([s for s, _ in exact], np.float32).reshape(low.shape)
    return scales, np.array([z for _, z in exact], np.int64).reshape(low.shape)


def _range(x_min: npt.ArrayLike, x_max: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the ends as float64, with zero between them."""
    ends = []
    for value, name in ((x_min, "x_min"), (x_max, "x_max")):
        array = arguments.finite_array(value, name, "the end of a range")
        wide = array.astype(np.float64)
        beyond = np.abs(wide) > np.finfo(np.float32).max
        if beyond.any():
            arguments.refuse_element(name, array, beyond, "it must be within float32")
        ends.append(wide)
    low, high = ends
    arguments.same_shape(low, high, "x_min", "x_max")
    if (low > high).any():
        arguments.refuse_element("x_min", low, low > high, f"it must be at most x_max, {high[low > high][0]}")
    return np.minimum(low, 0.0), np.maximum(high, 0.0)


def _exact(x_min: float, x_max: float, codes: tuple[int, int], middle: int | None) -> tuple[float, int]:
    low, high, (q_min, q_max) = Fraction(x_min), Fraction(x_max), codes
    if middle is None:
        scale = (high - low) / (q_max - q_min)
        zero_point = round(q_min - low / (scale or 1))  # of a Fraction: half to even
    else:
        scale, zero_point = max(-low, high) / (q_max - middle), middle
    if scale == 0:
        return 1.0, zero_point
    return max(_nearest_float32(scale), SMALLEST), min(max(zero_point, q_min), q_max)


def _nearest_float32(v: Fraction) -> float:
    """Round a positive rational to float32, half to even."""
    exponent = max(frexp(v)[1] - 24, -149)  # of the last place; float(v) may round up to the next power of two,
    return ldexp(round(v / Fraction(2) ** exponent), exponent)  # where both steps hold the same nearest value


@np.errstate(over="ignore", under="ignore")
def _in_float32(low: Array, high: Array, codes: tuple[int, int]) -> tuple[Array, Array]:
    q_min, q_max = codes
    a, b, steps = low.astype(np.float32), high.astype(np.float32), np.float32(q_max - q_min)
    scale = (b - a) / steps
    scale = _usable(np.where(np.isfinite(scale), scale, b / steps - a / steps), low, high)
    zero_point = np.rint(np.float32(q_min) - a / scale).astype(np.float64)
    return scale, np.clip(zero_point, q_min, q_max).astype(np.int64)


@np.errstate(under="ignore")
def _symmetric_float32(low: Array, high: Array, codes: tuple[int, int], middle: int) -> tuple[Array, Array]:
    largest = np.maximum(-low, high).astype(np.float32)
    scale = _usable(largest / np.float32(codes[1] - middle), low, high)
    return scale, np.full(scale.shape, middle, np.int64)


def _usable(scale: Array, low: Array, high: Array) -> Array:
    """Return 1 where the range has no width, and the smallest float32 where the scale came out as 0."""
    return np.where(high > low, np.maximum(scale, np.float32(SMALLEST)), np.float32(1))

"""Blocks of small floats that share a scale: the OCP microscaling (MX) formats, and NVFP4.

    x_i ~ scale * element_i,    i within one block of consecutive entries along an axis

An MX block has 32 elements and a power of two as its scale; an NVFP4 block has 16 elements of 4 bits, an 8-bit float as
its scale, and there is one float32 scale for the whole tensor. Elements and scales are float32 values, which
``small_floats.encode`` turns into bytes. Every quotient is exact until the one rounding to the format.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.quantization.blocks import blocks_of, joined, scales_of
from refcompress.quantization.small_floats import round_to_format
from refcompress.rounding import ROUNDING, keep_from_zero, round_to_integer

MX_BLOCK = 32
SCALE_EXPONENTS = (-127, 127)  # of E8M0
NVFP4_BLOCK = 16
NVFP4_SCALES = (2.0**-9, 448.0)  # the smallest and the largest positive number of e4m3fn
NVFP4_ELEMENT = 6.0  # the largest element
FLOAT32_ENDS = (2.0**-149, float(np.finfo(np.float32).max))


@dataclass(frozen=True)
class BlockFormat:
    """The elements of one MX format."""

    element: str
    """A word of ``FORMATS``, or int8: the integers from -127 to 127, divided by 64."""
    emax: int
    """Exponent of the largest power of two among the elements."""


MX_FORMATS = MappingProxyType(
    {
        "mxfp8_e4m3": BlockFormat("e4m3fn", 8),
        "mxfp8_e5m2": BlockFormat("e5m2", 15),
        "mxfp6_e2m3": BlockFormat("e2m3fn", 2),
        "mxfp6_e3m2": BlockFormat("e3m2fn", 4),
        "mxfp4_e2m1": BlockFormat("e2m1fn", 2),
        "mxint8": BlockFormat("int8", 0),
    }
)


def mx_quantize(x: npt.ArrayLike, format: str, *, axis: int = -1, rounding: str = "half_even") -> tuple[Array, Array]:
    """Quantize to a microscaling format: a power of two a block, and x / scale rounded to small floats.

        scale = 2^(floor(log2(max |x_i|)) - emax),    element_i = round(x_i / scale)

    Both are exact but for the one rounding; the elements saturate. The specification fixes this much, and half_even as
    a rule that every implementation has; it leaves open what follows. A block of zeros has the smallest scale, 2^-127,
    which is also the scale of a block whose own would be smaller, and its elements may then be subnormal or 0. A NaN
    makes the scale of its block NaN, and its elements 0: every value of the block comes back as NaN. An infinity has
    the largest scale, 2^127, and saturates. The integer -128 of mxint8 is not used: its range is symmetric.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits, or integers that float64 holds.
    format : str
        mxfp8_e4m3, mxfp8_e5m2, mxfp6_e2m3, mxfp6_e3m2, mxfp4_e2m1 or mxint8.
    axis : int
        Along which 32 consecutive entries form a block; 32 must divide its length. Default: the last.
    rounding : str
        A rounding word, as for ``cast_float8``; default half_even.

    Returns
    -------
    elements : numpy.ndarray
        float32 values of the element format, in the shape of x.
    scales : numpy.ndarray
        float32 powers of two, or NaN; the axis is 32 times shorter.

    Raises
    ------
    ValueError
        For a length that 32 does not divide, or an unknown word.
    TypeError
        For an x that holds no numbers.

    See Also
    --------
    mx_dequantize : The way back.

    References
    ----------
    Open Compute Project, "OCP Microscaling Formats (MX) Specification", version 1.0, section 5 (formats) and 6.3
    (conversion), 2023. Rouhani et al., "Microscaling Data Formats for Deep Learning", section 3, 2023.

    Examples
    --------
    >>> elements, scales = mx_quantize(np.arange(32) / 8, "mxfp4_e2m1")
    >>> scales
    array([0.5], dtype=float32)
    >>> elements[[1, 9, 31]]
    array([0., 2., 6.], dtype=float32)
    """
    block_format = MX_FORMATS[arguments.choice(format, "format", MX_FORMATS)]
    arguments.choice(rounding, "rounding", ROUNDING)
    blocks, axis = blocks_of(arguments.float_array(x, "x"), "x", axis, MX_BLOCK)
    lost = np.asarray(np.isnan(blocks).any(axis=-1))
    kept = np.where(lost[..., None], 0.0, blocks)
    exponents = _scale_exponents(np.abs(kept).max(axis=-1), block_format.emax)
    elements = _round_elements(_times_power(kept, -exponents[..., None]), block_format.element, rounding)
    scales = np.where(lost, np.nan, np.ldexp(1.0, exponents)).astype(np.float32)
    return joined(elements, axis), np.moveaxis(scales, -1, axis)


def _scale_exponents(largest: Array, emax: int) -> Array:
    # frexp gives a fraction of at least one half: floor(log2) is its exponent less one, which log2 would round
    exponents = np.frexp(largest)[1].astype(np.int64) - 1 - emax
    lowest, highest = SCALE_EXPONENTS
    exponents = np.where(largest == 0, lowest, np.where(np.isinf(largest), highest, exponents))
    return np.clip(exponents, lowest, highest)


def _times_power(x: Array, exponents: Array) -> Array:
    """Return x * 2^exponent, far below the largest float: exact, but kept from 0."""
    with np.errstate(under="ignore"):
        v = np.ldexp(x, exponents)
    keep_from_zero(v, x)
    return v


def _round_elements(v: Array, element: str, rounding: str) -> Array:
    if element != "int8":
        return round_to_format(v, element, rounding=rounding)
    codes = round_to_integer(np.clip(v * 64, -127, 127), rounding)
    return (codes / 64).astype(np.float32)


def mx_dequantize(elements: npt.ArrayLike, scales: npt.ArrayLike, *, axis: int = -1) -> Array:
    """Dequantize microscaling blocks: x' = element * scale.

    Parameters
    ----------
    elements, scales : array_like
        As ``mx_quantize`` gives them.
    axis : int
        The axis of the blocks; default the last.

    Returns
    -------
    numpy.ndarray
        float32 in the shape of the elements: the exact products, infinite past the largest float32, NaN throughout a
        block whose scale is NaN.

    Raises
    ------
    ValueError
        For shapes that do not fit, or a scale that is no power of two from 2^-127 to 2^127.
    TypeError
        For arrays that hold no numbers.

    See Also
    --------
    mx_quantize : The way there.

    References
    ----------
    Open Compute Project, "OCP Microscaling Formats (MX) Specification", version 1.0, section 5.1, 2023.

    Examples
    --------
    >>> mx_dequantize(np.full(32, 1.5), [0.25])[:2]
    array([0.375, 0.375], dtype=float32)
    """
    blocks, axis = blocks_of(arguments.float_array(elements, "elements"), "elements", axis, MX_BLOCK)
    powers = scales_of(scales, "scales", blocks, axis)
    stray = ~np.isnan(powers) & (round_to_format(powers, "e8m0fnu") != powers)
    if stray.any():
        arguments.refuse_element("scales", powers, stray, "it must be a power of two from 2^-127 to 2^127, or NaN")
    return joined(_product(blocks, powers), axis)


def nvfp4_quantize(
    x: npt.ArrayLike, *, tensor_scale: float | None = None, axis: int = -1
) -> tuple[Array, Array, float]:
    """Quantize to NVFP4: 4-bit floats, an e4m3 scale a block of 16, and a float32 scale for all.

        t = max |x| / (448 * 6),    s = e4m3(max |x_i| / (6 t)),    element_i = e2m1(x_i / (s t))

    The quotients are exact until they are rounded, once and half to even, to float32 (t), e4m3fn (s) and e2m1fn (the
    elements), which saturate. Kernels round each step to float32 on the way, and may part from this at ties.

    No scale is 0: t is at least 2^-149, s at least 2^-9, so that a block much smaller than the tensor keeps what the
    4-bit floats can hold of it, and a block of zeros has a finite scale. A NaN makes the scale of its block NaN, and
    the elements 0; the scale of the tensor comes from the other numbers.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits, or integers that float64 holds; no infinities.
    tensor_scale : float, optional
        t from a calibration, rounded to float32, in place of that of x; blocks may then saturate.
    axis : int
        Along which 16 consecutive entries form a block; 16 must divide its length. Default: the last.

    Returns
    -------
    elements : numpy.ndarray
        float32 values of e2m1fn, in the shape of x.
    scales : numpy.ndarray
        float32 values of e4m3fn; the axis is 16 times shorter.
    tensor_scale : float
        t, a float32.

    Raises
    ------
    ValueError
        For an infinity, a length that 16 does not divide, or a tensor scale that is no positive float32.
    TypeError
        For an x that holds no numbers.

    See Also
    --------
    nvfp4_dequantize : The way back.

    References
    ----------
    NVIDIA, "Pretraining Large Language Models with NVFP4", appendix on the quantization procedure, 2025.

    Examples
    --------
    >>> elements, scales, t = nvfp4_quantize([0.0, 1.0, -2.0, 6.0] * 4)
    >>> elements[:4], scales
    (array([ 0.,  1., -2.,  6.], dtype=float32), array([448.], dtype=float32))
    """
    array = arguments.float_array(x, "x")
    with np.errstate(invalid="ignore"):
        if np.isinf(array).any():
            arguments.refuse_element("x", array, np.isinf(array), "an infinity has no place in NVFP4")
    blocks, axis = blocks_of(array, "x", axis, NVFP4_BLOCK)
    nan = np.isnan(blocks)
    lost = np.asarray(nan.any(axis=-1))
    magnitudes = np.where(nan, 0.0, np.abs(blocks))
    if tensor_scale is None:
        whole = _quotient(magnitudes.max(initial=0.0), np.array(NVFP4_SCALES[1] * NVFP4_ELEMENT))
        t = _float32(np.clip(whole, *FLOAT32_ENDS))
    else:
        t = _tensor_scale(tensor_scale)
    scales = round_to_format(_quotient(magnitudes.max(axis=-1), np.array(NVFP4_ELEMENT * t)), "e4m3fn")
    scales = np.clip(scales, *NVFP4_SCALES)
    steps = scales.astype(np.float64) * t  # 4 bits times 24: exact
    elements = round_to_format(_quotient(np.where(lost[..., None], 0.0, blocks), steps[..., None]), "e2m1fn")
    scales = np.where(lost, np.float32(np.nan), scales)
    return joined(elements, axis), np.moveaxis(scales, -1, axis), t


def _tensor_scale(value: Any) -> float:
    t = _float32(np.asarray(arguments.real_number(value, "tensor_scale")))
    if not 0 < t < np.inf:
        raise ValueError(f"tensor_scale is {value}: it must be a positive float32")
    return t


def _float32(value: Array) -> float:
    with np.errstate(over="ignore", under="ignore"):
        return float(value.astype(np.float32))


def _quotient(x: Array, d: Array) -> Array:
    """Return x / d rounded to float64, after which a second rounding to few bits gives what one rounding gives.

    The second rounding changes at numbers T of at most 25 bits (the ties of float32), and d has at most 28, so that T d
    is exact in float64. An x beside it differs from it by 2^-52 x / m at least, where m < 2 is the significand of x:
    x / d differs from T by more than half of the distance between T and the next float64, and is not rounded to T.
    """
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(x / d)


def nvfp4_dequantize(elements: npt.ArrayLike, scales: npt.ArrayLike, tensor_scale: float, *, axis: int = -1) -> Array:
    """Dequantize NVFP4 blocks: x' = element * s * t.

    Parameters
    ----------
    elements, scales, tensor_scale : array_like, array_like, float
        As ``nvfp4_quantize`` gives them.
    axis : int
        The axis of the blocks; default the last.

    Returns
    -------
    numpy.ndarray
        float32 in the shape of the elements: element * s is exact, and its product with t rounded once; NaN throughout
        a block whose scale is NaN.

    Raises
    ------
    ValueError
        For shapes that do not fit, or a tensor scale that is no positive float32.
    TypeError
        For arrays that hold no numbers.

    See Also
    --------
    nvfp4_quantize : The way there.

    References
    ----------
    NVIDIA, "Pretraining Large Language Models with NVFP4", appendix on the quantization procedure, 2025.

    Examples
    --------
    >>> nvfp4_dequantize(np.full(16, 6.0), [448.0], 0.5)[:2]
    array([1344., 1344.], dtype=float32)
    """
    blocks, axis = blocks_of(arguments.float_array(elements, "elements"), "elements", axis, NVFP4_BLOCK)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # a signalling nan
        steps = scales_of(scales, "scales", blocks, axis) * _tensor_scale(tensor_scale)
    return joined(_product(blocks, steps), axis)


def _product(blocks: Array, scales: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return (blocks * scales[..., None]).astype(np.float32)

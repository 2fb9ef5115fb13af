"""NF4, the 4-bit "normal float": a table of 16 values, and the largest magnitude of each block as its scale.

x_i ~ table[code_i] * max |x|,    the maximum over a block of 64 consecutive entries
"""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.quantization.blocks import blocks_of, joined, scales_of

BLOCK = 64

# Quantiles of the normal distribution, scaled to [-1, 1], with an exact 0: as the paper lists them, in float32.
NF4 = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    np.float32,
)
NF4.flags.writeable = False
MIDPOINTS = (NF4[:-1].astype(np.float64) + NF4[1:]) / 2  # exact: 25 bits
MIDPOINTS.flags.writeable = False


def nf4_quantize(x: npt.ArrayLike, *, block_size: int = BLOCK, axis: int = -1) -> tuple[Array, Array]:
    """Quantize to NF4: the place in the table of the value nearest to x_i / max |x|.

    A tie between two values gives the lower one, as implementations that ask "is it above the midpoint" do. The
    comparison is exact: of x_i with the midpoint times the maximum, a product of 24 and 25 bits. A block of zeros gives
    the code of 0, which is 7.

    Parameters
    ----------
    x : array_like
        Finite floats of at most 64 bits, or integers that float64 holds.
    block_size : int
        Entries a block; default 64.
    axis : int
        Along which consecutive entries form a block; the block size must divide its length. Default: the last.

    Returns
    -------
    codes : numpy.ndarray
        uint8 from 0 to 15, in the shape of x.
    scales : numpy.ndarray
        The largest magnitude of each block, rounded to float32 (at most the largest float32).

    Raises
    ------
    ValueError
        For a NaN or an infinity, or a length that the block size does not divide.
    TypeError
        For an x that holds no numbers.

    See Also
    --------
    nf4_dequantize : The way back.

    References
    ----------
    Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", section 3 and appendix E, 2023.

    Examples
    --------
    >>> codes, scales = nf4_quantize([0.0, 0.5, -4.0, 4.0], block_size=4)
    >>> codes, scales
    (array([ 7,  9,  0, 15], dtype=uint8), array([4.], dtype=float32))
    """
    array = arguments.finite_array(x, "x", "quantized")
    size = arguments.integer(block_size, "block_size", 1)
    blocks, axis = blocks_of(array, "x", axis, size)
    with np.errstate(under="ignore"):
        scales = np.minimum(np.abs(blocks).max(axis=-1), np.finfo(np.float32).max).astype(np.float32)
    divisors = np.where(scales == 0, 1.0, scales.astype(np.float64))[..., None]
    codes = np.zeros(blocks.shape, np.uint8)
    for midpoint in MIDPOINTS:
        codes += blocks > midpoint * divisors
    return joined(codes, axis), np.moveaxis(scales, -1, axis)


def nf4_dequantize(codes: npt.ArrayLike, scales: npt.ArrayLike, *, block_size: int = BLOCK, axis: int = -1) -> Array:
    """Dequantize NF4: x' = table[code] * scale, rounded once to float32.

    Parameters
    ----------
    codes, scales : array_like
        As ``nf4_quantize`` gives them.
    block_size, axis : int
        As for ``nf4_quantize``.

    Returns
    -------
    numpy.ndarray
        float32 in the shape of the codes.

    Raises
    ------
    ValueError
        For a code outside 0 to 15, or shapes that do not fit.
    TypeError
        For codes that are no integers.

    See Also
    --------
    nf4_quantize : The way there.

    References
    ----------
    Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", section 3 and appendix E, 2023.

    Examples
    --------
    >>> nf4_dequantize([7, 9, 0, 15], [4.0], block_size=4)
    array([ 0.       ,  0.6437208, -4.       ,  4.       ], dtype=float32)
    """
    array = arguments.integer_array(codes, "codes")
    outside = (array < 0) | (array > 15)
    if outside.any():
        arguments.refuse_element("codes", array, outside, "a code is from 0 to 15")
    blocks, axis = blocks_of(array, "codes", axis, arguments.integer(block_size, "block_size", 1))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # 0 times infinity
        steps = scales_of(scales, "scales", blocks, axis).astype(np.float32)[..., None]
        return joined(NF4[blocks.astype(np.int64)] * steps, axis)

"""Integer arithmetic of a quantized layer: acc = x @ W + (b << shift), in int32.

With x = x_q * 2^-p_x, W = W_q * 2^-p_w and b = b_q * 2^-p_b the product x @ W + b is acc * 2^-(p_x + p_w), where b_q
moves up by p_x + p_w - p_b places to the accumulator's binary point. Nothing is rounded: the accumulator holds the
exact sum, provided that no sum can leave int32, which the shapes and the largest codes decide beforehand.
"""

import numpy as np

from refcompress.arguments import Array

INT32_MAX = 2**31 - 1


def largest_sum(inputs: int, x_code: int, w_code: int, b_code: int, shift: int) -> int:
    """Return the largest |acc| that codes of these magnitudes can give: inputs * x_code * w_code + b_code * 2^shift.

    Examples
    --------
    >>> largest_sum(64, 255, 128, 128, 3)
    2089984
    """
    return inputs * x_code * w_code + (b_code << shift)


def integer_linear(x: Array, w: Array, b: Array, shift: int) -> Array:
    """Return the int32 accumulators acc = x @ w + (b << shift) of integer codes.

    Unchecked: the caller has compared ``largest_sum`` with int32, so that every partial sum fits in any order.

    Examples
    --------
    >>> x, w, b = np.array([[3, -2]]), np.array([[5], [7]]), np.array([1])
    >>> integer_linear(x, w, b, 2)
    array([[5]], dtype=int32)
    """
    acc = np.matmul(x.astype(np.int32), w.astype(np.int32)) + (b.astype(np.int32) << np.int32(shift))
    return np.asarray(acc)

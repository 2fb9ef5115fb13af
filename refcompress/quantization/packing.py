"""Packing: codes of 4 or 2 bits, several to a byte, along the last axis; and back.

A row of n codes becomes whole bytes, which no two rows share. Where the codes go, by ``order``:

==============  ====  =====================================================================================
order           bits  which code of a group stands where, from the lowest bits of the first byte upwards
==============  ====  =====================================================================================
low_first       4     0, 1: byte = q0 | q1 << 4
low_first       2     0, 1, 2, 3: byte = q0 | q1 << 2 | q2 << 4 | q3 << 6
high_first      4     1, 0: byte = q1 | q0 << 4
high_first      2     3, 2, 1, 0: byte = q3 | q2 << 2 | q1 << 4 | q0 << 6
interleaved     4     0, 2, 4, 6, 1, 3, 5, 7: four bytes, which as one little-endian word of 32 bits hold nibble
                      i in the bits 4 i to 4 i + 3; the bytes are q2:q0, q6:q4, q3:q1, q7:q5 (high:low)
==============  ====  =====================================================================================

A group that the row does not fill is filled up with zeros. A negative code stands as its lowest bits (two's
complement).
"""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.rounding import code_range

# bits -> order -> which code of a group stands in each place, from the lowest bits of the first byte upwards
ORDERS: dict[int, dict[str, tuple[int, ...]]] = {
    4: {"low_first": (0, 1), "high_first": (1, 0), "interleaved": (0, 2, 4, 6, 1, 3, 5, 7)},
    2: {"low_first": (0, 1, 2, 3), "high_first": (3, 2, 1, 0)},
}


def pack_int4(q: npt.ArrayLike, *, signed: bool = True, order: str = "low_first") -> Array:
    """Pack codes of 4 bits, two to a byte: byte = (q0 & 15) | (q1 & 15) << 4.

    Parameters
    ----------
    q : array_like of int
        Codes of any integer dtype, [-8, 7] or [0, 15], of shape (..., n).
    signed : bool
        Whether the codes are [-8, 7] (default) or [0, 15].
    order : str
        low_first (default): the even code in the low nibble, as ONNX stores int4. high_first: in the high one.
        interleaved: 0, 2, 4, 6, 1, 3, 5, 7 of eight codes, from the lowest nibble of four bytes upwards, as AWQ's
        kernels take them.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (..., ceil(n / 2)), or (..., 4 ceil(n / 8)) when interleaved; what the codes do not fill is 0.

    Raises
    ------
    ValueError
        For a code out of range, a 0-d array, or an unknown order.
    TypeError
        For a q that does not hold integers.

    See Also
    --------
    unpack_int4 : The way back.

    References
    ----------
    ONNX, "4 bit integer types", version 1.16, for low_first. Lin et al., "AWQ: Activation-aware Weight Quantization
    for On-Device LLM Compression and Acceleration", section 4, 2024, for interleaving.

    Examples
    --------
    >>> [f"{byte:02x}" for byte in pack_int4([1, 2, -3])]
    ['21', '0d']
    >>> [f"{byte:02x}" for byte in pack_int4(range(8), signed=False, order="interleaved")]
    ['20', '64', '31', '75']
    """
    return _pack(q, 4, signed, order)


def unpack_int4(packed: npt.ArrayLike, length: int, *, signed: bool = True, order: str = "low_first") -> Array:
    """Unpack codes of 4 bits: q0 and q1 are the low and the high nibble of a byte, with their sign.

    Parameters
    ----------
    packed : array_like of int
        Bytes, 0 to 255, of shape (..., size); what stands in the padding is ignored.
    length : int
        How many codes a row has; its bytes must be as many as they take, no more and no fewer.
    signed : bool
        Whether the codes are [-8, 7] (default) or [0, 15].
    order : str
        As in ``pack_int4``.

    Returns
    -------
    numpy.ndarray
        int8 (uint8 if not signed) of shape (..., length).

    Raises
    ------
    ValueError
        For a size that is not what ``length`` codes take, a number that is no byte, a 0-d array, or an unknown order.
    TypeError
        For what does not hold integers, or a length that is no integer.

    See Also
    --------
    pack_int4 : The way there.

    References
    ----------
    ONNX, "4 bit integer types", version 1.16.

    Examples
    --------
    >>> unpack_int4([0x21, 0x0D], 3)
    array([ 1,  2, -3], dtype=int8)
    """
    return _unpack(packed, length, 4, signed, order)


def pack_int2(q: npt.ArrayLike, *, signed: bool = True, order: str = "low_first") -> Array:
    """Pack codes of 2 bits, four to a byte: byte = (q0 & 3) | (q1 & 3) << 2 | (q2 & 3) << 4 | (q3 & 3) << 6.

    Parameters
    ----------
    q : array_like of int
        Codes [-2, 1] or [0, 3], of shape (..., n).
    signed : bool
        Whether the codes are [-2, 1] (default) or [0, 3].
    order : str
        low_first (default): the first code in the lowest bits. high_first: in the highest.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (..., ceil(n / 4)); what the codes do not fill is 0.

    Raises
    ------
    ValueError
        For a code out of range, a 0-d array, or an unknown order.
    TypeError
        For a q that does not hold integers.

    Examples
    --------
    >>> [f"{byte:02x}" for byte in pack_int2([1, 0, -1, -2, 1])]
    ['b1', '01']
    """
    return _pack(q, 2, signed, order)


def unpack_int2(packed: npt.ArrayLike, length: int, *, signed: bool = True, order: str = "low_first") -> Array:
    """Unpack codes of 2 bits: q0 to q3 are the bits 0-1, 2-3, 4-5 and 6-7 of a byte, with their sign.

    Parameters
    ----------
    packed : array_like of int
        Bytes, 0 to 255, of shape (..., size); what stands in the padding is ignored.
    length : int
        How many codes a row has; its bytes must be as many as they take, no more and no fewer.
    signed : bool
        Whether the codes are [-2, 1] (default) or [0, 3].
    order : str
        As in ``pack_int2``.

    Returns
    -------
    numpy.ndarray
        int8 (uint8 if not signed) of shape (..., length).

    Raises
    ------
    ValueError
        For a size that is not what ``length`` codes take, a number that is no byte, a 0-d array, or an unknown order.
    TypeError
        For what does not hold integers, or a length that is no integer.

    Examples
    --------
    >>> unpack_int2([0xB1, 0x01], 5)
    array([ 1,  0, -1, -2,  1], dtype=int8)
    """
    return _unpack(packed, length, 2, signed, order)


def packed_size(length: int, bits: int, order: str) -> int:
    """Return how many bytes a row of codes takes.

    Examples
    --------
    >>> packed_size(3, 4, "low_first"), packed_size(9, 4, "interleaved"), packed_size(5, 2, "low_first")
    (2, 8, 2)
    """
    group = len(ORDERS[bits][order])
    return -(-length // group) * group * bits // 8


def _pack(q: npt.ArrayLike, bits: int, signed: bool, order: str) -> Array:
    codes = _rows(q, "q")
    low, high = code_range(bits, signed=arguments.boolean(signed, "signed"))
    places = ORDERS[bits][arguments.choice(order, "order", ORDERS[bits])]
    outside = (codes < low) | (codes > high)
    if outside.any():
        arguments.refuse_element("q", codes, outside, f"{bits} bits hold {low} to {high}")
    *rows, n = codes.shape
    size, per_byte = packed_size(n, bits, order), 8 // bits
    filled = np.zeros((*rows, size * per_byte), np.uint8)
    np.bitwise_and(codes, (1 << bits) - 1, out=filled[..., :n], casting="unsafe")
    groups = filled.reshape(*rows, size * per_byte // len(places), len(places))
    fields = groups[..., places].reshape(*rows, size, per_byte)
    packed = np.zeros((*rows, size), np.uint8)
    for i in range(per_byte):
        packed |= fields[..., i] << np.uint8(bits * i)
    return packed


def _unpack(packed: npt.ArrayLike, length: int, bits: int, signed: bool, order: str) -> Array:
    words = _rows(packed, "packed")
    length = arguments.integer(length, "length", 0)
    arguments.boolean(signed, "signed")
    places = ORDERS[bits][arguments.choice(order, "order", ORDERS[bits])]
    *rows, given = words.shape
    size, per_byte = packed_size(length, bits, order), 8 // bits
    if given != size:
        raise ValueError(f"packed has {given} bytes a row: {length} codes of {bits} bits take {size}")
    outside = (words < 0) | (words > 255)
    if outside.any():
        arguments.refuse_element("packed", words, outside, "it must be a byte, 0 to 255")
    fields = np.empty((*words.shape, per_byte), np.uint8)
    for i in range(per_byte):  # a field moves to the top of its byte, from where a shift to the right brings its sign
        np.left_shift(words.astype(np.uint8), 8 - bits * (i + 1), out=fields[..., i])
    codes = fields.view(np.int8 if signed else np.uint8) >> (8 - bits)
    groups = codes.reshape(*rows, size * per_byte // len(places), len(places))[..., np.argsort(places)]
    return np.ascontiguousarray(groups.reshape(*rows, size * per_byte)[..., :length])


def _rows(value: npt.ArrayLike, name: str) -> Array:
    """Return an array of integers that has a last axis."""
    array = arguments.integer_array(value, name)
    if array.ndim == 0:
        raise ValueError(f"{name} is a single number: it must have an axis to pack along")
    return array

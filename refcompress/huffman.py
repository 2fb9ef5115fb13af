"""Huffman coding of codes of one byte: the shortest bits that tell them apart, and a file that says everything.

The bytes of a file, all numbers little-endian:

==========  =====================================================================================================
bytes       what
==========  =====================================================================================================
8           how many codes, n
2           how many different ones, d (0 to 256)
2 d         each of them, rising, and after it the length of its codeword in bits (0 if d = 1)
ceil(b/8)   the b bits of the codewords one after the other, the first bit the highest of its byte, filled with 0
4           CRC-32 of all bytes before
==========  =====================================================================================================

The codewords follow from the lengths (they are canonical): ordered by length, then by code, each is the one before it
plus 1, with zeros appended up to its length; the first is all zeros.
"""

import heapq
import struct
import zlib

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array

HEADER = struct.Struct("<QH")
CHECKSUM = struct.Struct("<I")
LONGEST = 63  # bits of a codeword: a longer one needs more codes than any memory holds (a Fibonacci number of them)


def huffman_encode(codes: npt.ArrayLike) -> bytes:
    """Write codes with as few bits as codewords of whole bits can, with all that is needed to read them.

    Parameters
    ----------
    codes : array_like of int
        0 to 255, of any shape; written in C order, the shape is not stored.

    Returns
    -------
    bytes
        As described at the top of the module. The same codes give the same bytes.

    Raises
    ------
    ValueError
        For a code outside 0 to 255.
    TypeError
        For codes that are no integers.

    See Also
    --------
    huffman_decode : The way back.
    huffman_size : How many bytes these are.

    References
    ----------
    Huffman, "A Method for the Construction of Minimum-Redundancy Codes", 1952. Han, Mao and Dally, "Deep Compression",
    section 4, 2016. Schwartz and Kallick, "Generating a canonical prefix encoding", 1964.

    Examples
    --------
    >>> huffman_encode([3, 3, 3, 3]).hex(" ")
    '04 00 00 00 00 00 00 00 01 00 03 00 b6 c9 42 eb'
    >>> len(huffman_encode([0] * 60 + [1] * 20 + [2] * 20))
    38
    """
    flat = _checked(codes)
    counts = np.bincount(flat, minlength=256)
    lengths = _lengths(counts)
    symbols = np.flatnonzero(counts)
    table = np.column_stack([symbols, lengths[symbols]]).astype(np.uint8)
    body = HEADER.pack(flat.size, symbols.size) + table.tobytes() + _bits(flat, lengths).tobytes()
    return body + CHECKSUM.pack(zlib.crc32(body))


def huffman_size(codes: npt.ArrayLike) -> int:
    """Return how many bytes ``huffman_encode`` writes, without writing them.

    Parameters
    ----------
    codes : array_like of int
        0 to 255.

    Returns
    -------
    int
        14 + 2 d + ceil(b / 8), for d different codes and b bits.

    Raises
    ------
    ValueError, TypeError
        As for ``huffman_encode``.

    Examples
    --------
    >>> huffman_size([3, 3, 3, 3])
    16
    """
    counts = np.bincount(_checked(codes), minlength=256)
    bits = int(counts @ _lengths(counts))
    return HEADER.size + 2 * int(np.count_nonzero(counts)) + -(-bits // 8) + CHECKSUM.size


def huffman_decode(data: bytes) -> Array:
    """Read what ``huffman_encode`` wrote.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    numpy.ndarray of uint8, shape (n,)
        The codes.

    Raises
    ------
    ValueError
        For bytes that are not such a file: cut short, altered, or with lengths that no code has.
    TypeError
        For anything but bytes.

    Notes
    -----
    Needs some 50 bytes of memory for every bit.

    Examples
    --------
    >>> huffman_decode(huffman_encode([7, 0, 7, 7]))
    array([7, 0, 7, 7], dtype=uint8)
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data is a {type(data).__name__}: it must be bytes")
    data = bytes(data)
    if len(data) < HEADER.size + CHECKSUM.size:
        raise ValueError(f"data has {len(data)} bytes: a file of codes has at least {HEADER.size + CHECKSUM.size}")
    body, (checksum,) = data[: -CHECKSUM.size], CHECKSUM.unpack(data[-CHECKSUM.size :])
    if zlib.crc32(body) != checksum:
        raise ValueError(f"data is damaged: its checksum is {zlib.crc32(body):08x}, it says {checksum:08x}")
    n, different = HEADER.unpack_from(body)
    end = HEADER.size + 2 * different
    table = np.frombuffer(body[HEADER.size : end], np.uint8)
    if table.size != 2 * different:
        raise ValueError(f"data is cut short: its table has {table.size} of {2 * different} bytes")
    symbols, lengths = table[::2], table[1::2].astype(np.int64)
    _check_table(n, symbols, lengths)
    if different <= 1:
        if len(body) > end:
            raise ValueError(f"data has {len(body) - end} bytes of codewords: a file of at most one code has none")
        return np.full(n, symbols[0] if different else 0, np.uint8)
    return _read(np.frombuffer(body[end:], np.uint8), n, symbols, lengths)


def _checked(codes: npt.ArrayLike) -> Array:
    array = arguments.integer_array(codes, "codes")
    outside = (array < 0) | (array > 255)
    if outside.any():
        arguments.refuse_element("codes", array, outside, "it must be from 0 to 255")
    return array.reshape(-1).astype(np.uint8, copy=False)


def _lengths(counts: Array) -> Array:
    """Return the bits of each symbol's codeword, 0 where there is none: the two rarest become one, again and again.

    Of equal counts the symbol of lower number is the rarer, and a symbol is rarer than what was joined.
    """
    heap = [(int(count), i, [i]) for i, count in enumerate(counts.tolist()) if count]
    heapq.heapify(heap)
    lengths = np.zeros(len(counts), np.int64)
    joined = len(counts)
    while len(heap) > 1:
        a, _, some = heapq.heappop(heap)
        b, _, others = heapq.heappop(heap)
        lengths[some + others] += 1
        heapq.heappush(heap, (a + b, joined, some + others))
        joined += 1
    return lengths


def _codewords(lengths: Array) -> Array:
    """Return the canonical codewords of symbols that stand in the order of length, then number."""
    words, word, before = [], 0, 0
    for length in lengths.tolist():
        word <<= length - before
        words.append(word)
        word, before = word + 1, length
    return np.array(words, np.uint64)


def _bits(flat: Array, lengths: Array) -> Array:
    """Return the codewords of all codes one after the other, eight bits to a byte."""
    order = np.lexsort((np.arange(256), lengths))
    order = order[lengths[order] > 0]
    words = np.zeros(256, np.uint64)
    words[order] = _codewords(lengths[order])
    each = lengths[flat]
    ends = np.cumsum(each)
    total = int(ends[-1]) if flat.size else 0
    behind = np.repeat(ends, each) - 1 - np.arange(total)  # how many bits of the codeword follow
    return np.packbits(((np.repeat(words[flat], each) >> behind.astype(np.uint64)) & np.uint64(1)).astype(np.uint8))


def _check_table(n: int, symbols: Array, lengths: Array) -> None:
    if symbols.size > 256 or (np.diff(symbols.astype(np.int64)) <= 0).any():
        raise ValueError("data is no file of codes: the codes of its table do not rise")
    if n < symbols.size or (n and not symbols.size):
        raise ValueError(f"data is no file of codes: it has {n} codes, {symbols.size} of them different")
    bits = lengths.tolist()
    if len(bits) <= 1:
        fits = bits in ([], [0])
    else:  # every string of bits is read in one way: the sum of 2^-length is 1
        fits = min(bits) >= 1 and max(bits) <= LONGEST and sum(1 << (LONGEST - b) for b in bits) == 1 << LONGEST
    if not fits:
        raise ValueError(f"data is no file of codes: no code has codewords of {', '.join(map(str, bits))} bits")


def _read(packed: Array, n: int, symbols: Array, lengths: Array) -> Array:
    """Return n codes: what stands at every bit is found for all bits at once, then the codewords are walked along."""
    order = np.lexsort((symbols, lengths))
    symbols, lengths = symbols[order], lengths[order]
    longest = int(lengths[-1])
    firsts = _codewords(lengths) << (longest - lengths).astype(np.uint64)  # rising, as wide as the longest
    bits = np.unpackbits(packed)
    padded = np.concatenate([bits, np.zeros(longest, np.uint8)])
    window = np.zeros(bits.size, np.uint64)
    for i in range(longest):
        window = (window << np.uint64(1)) | padded[i : i + bits.size]
    which = np.searchsorted(firsts, window, side="right") - 1
    steps, place = lengths[which].tolist(), 0
    places: list[int] = []
    for _ in range(n):
        if place >= bits.size:
            raise ValueError(f"data is cut short: its codewords end after {len(places)} of {n} codes")
        places.append(place)
        place += steps[place]
    if place > bits.size or bits.size - place >= 8 or bits[place:].any():
        raise ValueError(f"data is no file of codes: its {n} codewords take {place} bits, it has {bits.size}")
    return symbols[which[places]]

"""An exact twin of Huffman coding, in Python integers and strings of bits, written from the description of the file."""

import zlib


def fewest_bits(codes: list) -> int:
    """Return the bits that a best code takes: the sum of all counts that come about by joining the two smallest."""
    counts = [codes.count(c) for c in set(codes)]
    bits = 0
    while len(counts) > 1:
        counts.sort()
        counts = [counts[0] + counts[1], *counts[2:]]
        bits += counts[0]
    return bits


def decode(data: bytes) -> list:
    """Read a file code by code, bit by bit."""
    n, different = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:10], "little")
    table = {data[10 + 2 * i]: data[11 + 2 * i] for i in range(different)}
    bits = "".join(f"{byte:08b}" for byte in data[10 + 2 * different : -4])
    assert int.from_bytes(data[-4:], "little") == zlib.crc32(data[:-4])
    words, word, length = {}, -1, 0
    for symbol in sorted(table, key=lambda s: (table[s], s)):
        word = (word + 1) << (table[symbol] - length)
        length = table[symbol]
        words[f"{word:0{length}b}" if length else ""] = symbol
    if different == 1:
        return [*table] * n
    codes, start, end = [], 0, 0
    while len(codes) < n:
        end += 1
        if bits[start:end] in words:
            codes.append(words[bits[start:end]])
            start = end
    return codes

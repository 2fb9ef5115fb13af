"""Exact twins of packing, one code at a time in Python integers, written from the layout alone."""

AWQ = (0, 2, 4, 6, 1, 3, 5, 7)


def place(index, bits, order):
    """Return the byte and the lowest bit at which a code of a row stands."""
    if order == "interleaved":
        nibble = index // 8 * 8 + AWQ.index(index % 8)
        return nibble // 2, 4 * (nibble % 2)
    per_byte = 8 // bits
    within = index % per_byte
    return index // per_byte, bits * (within if order == "low_first" else per_byte - 1 - within)


def size(length, bits, order):
    """Return how many bytes a row takes."""
    per_group = 8 if order == "interleaved" else 8 // bits
    groups = (length + per_group - 1) // per_group
    return groups * per_group * bits // 8


def packed_row(codes, bits, order):
    """Pack one row."""
    row = [0] * size(len(codes), bits, order)
    for index, code in enumerate(codes):
        byte, low = place(index, bits, order)
        row[byte] += (code % 2**bits) * 2**low
    return row


def unpacked_row(row, length, bits, order, signed):
    """Unpack one row."""
    codes = []
    for index in range(length):
        byte, low = place(index, bits, order)
        code = row[byte] // 2**low % 2**bits
        codes.append(code - 2**bits if signed and code >= 2 ** (bits - 1) else code)
    return codes

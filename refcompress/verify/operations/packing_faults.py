"""Known wrong ways to pack and unpack codes of 4 bits, each as a small function that answers as it does."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization.packing import ORDERS
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.packing_cases import (
    filled,
    nibbles,
    packed_nibbles,
    standing,
    unpacked,
)

Answer = Callable[[Arguments, Settings], Any]

BACK = (0, 4, 1, 5, 2, 6, 3, 7)  # the interleaved order, the other way round
WORD = (7, 6, 5, 4, 3, 2, 1, 0)


def _joined(held: Array) -> Array:
    """Return the bytes of rows of nibbles, the low one of each first."""
    return np.asarray(held[..., ::2] | held[..., 1::2] << 4)


def _with_codes(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of packing other codes, of which four bits are taken."""
    return lambda args, settings: packed_nibbles((change(args[0].astype(np.int64)),), settings)


def _with_nibbles(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of another order of the nibbles that are due."""
    return lambda args, settings: _joined(change(standing(args[0], settings["order"])))


def _with_pairs(join: Callable[[Array, Array], Array]) -> Answer:
    """Return the fault of joining the codes of a byte, with their signs, by another formula."""

    def answer(args: Arguments, settings: Settings) -> Any:
        held = standing(args[0], settings["order"])
        if settings["signed"]:
            held = (held ^ 8) - 8
        return join(held[..., ::2], held[..., 1::2]) & 255

    return answer


def _on_bytes(change: Callable[[Array], Array]) -> Answer:
    return lambda args, settings: change(packed_nibbles(args, settings).astype(np.int64))


def _grouped(rows: Array, places: Sequence[int]) -> Array:
    """Return rows whose whole groups are put into another order; what is left at the end stays."""
    n = rows.shape[-1] // len(places) * len(places)
    groups = rows[..., :n].reshape(*rows.shape[:-1], n // len(places), len(places))[..., tuple(places)]
    return np.concatenate([groups.reshape(*rows.shape[:-1], n), rows[..., n:]], axis=-1)


def _by_places(places: tuple[int, ...]) -> Answer:
    """Return the fault of another order within groups of eight, filled up with zeros to whole groups."""

    def answer(args: Arguments, settings: Settings) -> Any:
        wide = filled(args[0], "interleaved")
        return _joined(_grouped(wide, places))

    return answer


def _padded_with(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of another nibble in the padding, made of the last codes of the rows."""

    def answer(args: Arguments, settings: Settings) -> Any:
        codes = args[0]
        held = standing(codes, settings["order"])
        empty = standing(np.ones_like(codes), settings["order"]) == 0
        return _joined(np.where(empty, change(codes[..., -1:].astype(np.int64)) & 15, held))

    return answer


def _without_the_last(args: Arguments, settings: Settings) -> Any:
    codes = args[0]
    return packed_nibbles((codes[..., : codes.shape[-1] // 2 * 2],), settings)


def _halves(codes: Array, block: int | None = None) -> Array:
    """Return rows in which the codes of each block's first half stand beside those of its second."""
    *rows, n = codes.shape
    size = block or n
    if n == 0 or n % size or size % 2:
        return codes
    return codes.reshape(*rows, n // size, 2, size // 2).swapaxes(-1, -2).reshape(codes.shape)


def _rejoined(rows: Array, block: int | None = None) -> Array:
    """Undo ``_halves``."""
    *lead, n = rows.shape
    size = block or n
    if n == 0 or n % size or size % 2:
        return rows
    return rows.reshape(*lead, n // size, size // 2, 2).swapaxes(-1, -2).reshape(rows.shape)


def _flat(args: Arguments, settings: Settings) -> Any:
    return packed_nibbles((args[0].reshape(-1),), settings)


def _first_axis(args: Arguments, settings: Settings) -> Any:
    return np.moveaxis(packed_nibbles((np.moveaxis(args[0], 0, -1),), settings), -1, 0)


def _reversed_bits(values: Array, bits: int) -> Array:
    return np.asarray(sum((values >> i & 1) << (bits - 1 - i) for i in range(bits)))


PACK_FAULTS = (
    Fault("zero", "gives 0", _on_bytes(np.zeros_like)),
    Fault(
        "offset", "adds 8 to the codes (offset binary) instead of their two's complement", _with_codes(lambda q: q + 8)
    ),
    Fault(
        "offset_padding",
        "adds 8 to the codes (offset binary), and to the padding",
        _with_nibbles(lambda held: held ^ 8),
    ),
    Fault(
        "sign_magnitude",
        "stores a sign bit and a magnitude instead of two's complement",
        _with_codes(lambda q: np.where(q < 0, 8 - q, q)),
    ),
    Fault("ones_complement", "stores negative codes in ones' complement", _with_codes(lambda q: q - (q < 0))),
    Fault("sign_dropped", "drops the sign", _with_codes(np.abs)),
    Fault("three_bits", "keeps three bits of a code", _with_codes(lambda q: q & 7)),
    Fault(
        "saturated", "saturates codes to [0, 7]: it stores 0 for negative ones", _with_codes(lambda q: np.clip(q, 0, 7))
    ),
    Fault(
        "low_not_masked",
        "does not mask the low nibble: the sign of its code fills the high one",
        _with_pairs(lambda low, high: low | high << 4),
    ),
    Fault(
        "added",
        "adds the codes, unmasked, instead of joining their bits: a negative one borrows from the high nibble",
        _with_pairs(lambda low, high: low + (high << 4)),
    ),
    Fault("low_alone", "stores the low nibble alone", _with_pairs(lambda low, high: low & 15)),
    Fault("high_alone", "stores the high nibble alone", _with_pairs(lambda low, high: high << 4)),
    Fault("high_not_shifted", "does not shift the high nibble", _with_pairs(lambda low, high: low & 15 | high & 15)),
    Fault("shift_of_3", "shifts the high nibble by 3", _with_pairs(lambda low, high: low & 15 | (high & 15) << 3)),
    Fault("bytes_signed", "gives the bytes as int8", _on_bytes(lambda b: (b ^ 128) - 128)),
    Fault("bits_of_nibbles", "reverses the bits of every nibble", _with_nibbles(lambda n: _reversed_bits(n, 4))),
    Fault("bits_of_bytes", "reverses the bits of every byte", _on_bytes(lambda b: _reversed_bits(b, 8))),
    Fault("inverted", "inverts all bits", _on_bytes(lambda b: 255 - b)),
    Fault("padded_with_last", "fills the last byte up with the last code", _padded_with(lambda last: last)),
    Fault("padded_with_ones", "fills the last byte up with ones", _padded_with(lambda last: last * 0 + 15)),
    Fault("padded_with_8", "fills the last byte up with 8", _padded_with(lambda last: last * 0 + 8)),
    Fault(
        "padded_with_sign",
        "fills the last byte up with the sign of the last code",
        _padded_with(lambda last: np.where(last < 0, 15, 0)),
    ),
    Fault("odd_code_dropped", "drops the last code of a row of an odd length", _without_the_last),
    Fault("flat", "packs the codes flat, across the rows", _flat),
    Fault("first_axis", "packs along the first axis", _first_axis),
    Fault(
        "halves",
        "puts the codes of the first half of a row beside those of the second",
        lambda args, settings: packed_nibbles((_halves(args[0]),), settings),
    ),
    Fault(
        "halves_of_32",
        "puts the codes of the first half of every 32 beside those of the second",
        lambda args, settings: packed_nibbles((_halves(args[0], 32),), settings),
    ),
    Fault("interleaved_back", "stores the codes 0, 4, 1, 5, 2, 6, 3, 7 of every eight", _by_places(BACK)),
    Fault("word_reversed", "stores every eight codes from the last to the first (a big-endian word)", _by_places(WORD)),
    Fault("words_swapped", "swaps the bytes of words of 32 bits", _on_bytes(lambda b: _grouped(b, (3, 2, 1, 0)))),
    Fault("bytes_swapped", "swaps the bytes of words of 16 bits", _on_bytes(lambda b: _grouped(b, (1, 0)))),
    Fault("reversed_rows", "stores the bytes of a row in reverse order", _on_bytes(lambda b: b[..., ::-1])),
    Fault("not_packed", "stores one code a byte", lambda args, settings: args[0].astype(np.int64) & 15),
    Fault(
        "column_order",
        "takes the bytes in column order",
        _on_bytes(lambda b: b.reshape(-1, order="F").reshape(b.shape)),
    ),
)


def _unpack(read: Callable[[Array, Settings], Array], settings: Settings, args: Arguments) -> Array:
    """Unpack rows of nibbles as they stand, taken through ``read`` on the way."""
    rows, length = args
    places = ORDERS[4][settings["order"]]
    return _grouped(read(nibbles(rows), settings), np.argsort(places).tolist())[..., :length]


def _signed(held: Array, settings: Settings) -> Array:
    return (held ^ 8) - 8 if settings["signed"] else held


def _reads(read: Callable[[Array], Array]) -> Answer:
    """Return the fault of taking a nibble for another number."""
    return lambda args, settings: _unpack(lambda held, s: read(held), settings, args)


def _reads_at(parity: int, read: Callable[[Array], Array]) -> Answer:
    """Return the fault of taking the low (0) or the high (1) nibble of a byte for another number."""

    def answer(args: Arguments, settings: Settings) -> Any:
        def changed(held: Array, settings: Settings) -> Array:
            return np.where(np.arange(held.shape[-1]) % 2 == parity, read(held), _signed(held, settings))

        return _unpack(changed, settings, args)

    return answer


def _reordered(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of another order of the codes of a row."""
    return lambda args, settings: change(unpacked(args, settings).astype(np.int64))


def _from_bytes(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of reading other bytes."""
    return lambda args, settings: unpacked((change(args[0]), args[1]), settings)


def _borrowed(codes: Array) -> Array:
    """Subtract 8 from four lanes in one word of 32 bits: a negative lane borrows from the one above it."""
    n = codes.shape[-1]
    wide = np.zeros((*codes.shape[:-1], -(-n // 4) * 4), np.int64)
    wide[..., :n] = codes & 15 ^ 8
    lanes = wide.reshape(*codes.shape[:-1], wide.shape[-1] // 4, 4)
    word = (lanes << np.arange(0, 32, 8)).sum(axis=-1) - 0x08080808
    bytes_ = (word[..., None] >> np.arange(0, 32, 8)) & 255
    return np.asarray(((bytes_ ^ 128) - 128).reshape(wide.shape)[..., :n])


def _borrowed_apart(codes: Array) -> Array:
    """Do so with the low nibbles of four bytes in one word, and the high ones in another."""
    result = codes.copy()
    for parity in (0, 1):
        result[..., parity::2] = _borrowed(codes[..., parity::2])
    return result


def _all_codes(args: Arguments, settings: Settings) -> Any:
    rows, _ = args
    return _unpack(_signed, settings, (rows, 2 * rows.shape[-1]))


def _one_less(args: Arguments, settings: Settings) -> Any:
    return unpacked(args, settings)[..., : args[1] // 2 * 2]


def _last_is_zero(args: Arguments, settings: Settings) -> Any:
    codes = unpacked(args, settings).copy()
    codes[..., codes.shape[-1] // 2 * 2 :] = 0
    return codes


def _run_on(args: Arguments, settings: Settings) -> Any:
    """Read the rows as one stream of codes, padding included."""
    rows, length = args
    stream = _all_codes((rows.reshape(-1), length), settings)
    count = int(np.prod(rows.shape[:-1])) * length
    return stream[:count].reshape(*rows.shape[:-1], length)


def _first_axis_unpacked(args: Arguments, settings: Settings) -> Any:
    rows, length = args
    codes = _all_codes((np.moveaxis(rows, 0, -1), length), settings)
    return np.moveaxis(codes, -1, 0)[:length]


def _shift_of_3(args: Arguments, settings: Settings) -> Any:
    """Shift the byte, with its sign, to the right by 3 instead of 4 for the high nibble."""

    def read(held: Array, settings: Settings) -> Array:
        byte = (_joined(held) ^ 128) - 128
        low = _signed(held, settings)
        return np.where(np.arange(held.shape[-1]) % 2 == 1, np.repeat(byte >> 3, 2, axis=-1), low)

    return _unpack(read, settings, args)


def _twice(parity: int) -> Answer:
    """Return the fault of giving the low (0) or the high (1) nibble of a byte twice."""
    return lambda args, settings: _unpack(
        lambda held, s: np.repeat(_signed(held[..., parity::2], s), 2, axis=-1), settings, args
    )


def _back(codes: Array) -> Array:
    return _grouped(codes, BACK)


def _word(codes: Array) -> Array:
    return _grouped(codes, WORD)


UNPACK_FAULTS = (
    Fault("zero", "gives 0", _reordered(np.zeros_like)),
    Fault("offset", "subtracts 8 from every nibble (offset binary)", _reads(lambda n: n - 8)),
    Fault(
        "sign_magnitude",
        "reads a sign bit and a magnitude instead of two's complement",
        _reads(lambda n: np.where(n >= 8, 8 - n, n)),
    ),
    Fault("ones_complement", "reads ones' complement", _reads(lambda n: np.where(n >= 8, n - 15, n))),
    Fault("sign_dropped", "drops the sign", _reads(lambda n: np.minimum(n, 16 - n))),
    Fault("three_bits", "keeps three bits of a nibble", _reads(lambda n: n & 7)),
    Fault("saturated", "saturates nibbles to [0, 7]", _reads(lambda n: np.minimum(n, 7))),
    Fault("lowest_lost", "gives -7 for -8", _reads(lambda n: np.maximum((n ^ 8) - 8, -7))),
    Fault("lowest_flipped", "gives 8 for -8", _reads(lambda n: np.where(n == 8, 8, (n ^ 8) - 8))),
    Fault("low_unsigned", "does not extend the sign of the low nibble", _reads_at(0, lambda n: n)),
    Fault("high_unsigned", "does not extend the sign of the high nibble", _reads_at(1, lambda n: n)),
    Fault("high_not_shifted", "does not shift the high nibble down", _reads_at(1, lambda n: ((n ^ 8) - 8) * 16)),
    Fault("high_shift_of_3", "shifts the high nibble down by 3", _shift_of_3),
    Fault("low_twice", "gives the low nibble twice", _twice(0)),
    Fault("high_twice", "gives the high nibble twice", _twice(1)),
    Fault(
        "borrowed",
        "subtracts in several lanes at once: the code after a negative one is one too small",
        _reordered(_borrowed),
    ),
    Fault(
        "borrowed_apart",
        "subtracts in several lanes at once: the code two places after a negative one is one too small",
        _reordered(_borrowed_apart),
    ),
    Fault("padding_kept", "gives all nibbles of a row, padding included", _all_codes),
    Fault("odd_code_dropped", "drops the last code of a row of an odd length", _one_less),
    Fault("odd_code_zero", "gives 0 for the last code of a row of an odd length", _last_is_zero),
    Fault("run_on", "reads the rows as one stream, padding included", _run_on),
    Fault("first_axis", "unpacks along the first axis", _first_axis_unpacked),
    Fault("halves", "gives the low nibbles of a row first and then the high ones", _reordered(_rejoined)),
    Fault(
        "halves_of_32",
        "gives the low nibbles of every 32 codes first and then the high ones",
        _reordered(lambda codes: _rejoined(codes, 32)),
    ),
    Fault("interleaved_back", "takes the codes of every eight in the order 0, 4, 1, 5, 2, 6, 3, 7", _reordered(_back)),
    Fault("word_reversed", "gives every eight codes from the last to the first", _reordered(_word)),
    Fault("words_swapped", "swaps the bytes of words of 32 bits", _from_bytes(lambda b: _grouped(b, (3, 2, 1, 0)))),
    Fault("bytes_swapped", "swaps the bytes of words of 16 bits", _from_bytes(lambda b: _grouped(b, (1, 0)))),
    Fault("bits_of_nibbles", "reverses the bits of every nibble", _reads(lambda n: (_reversed_bits(n, 4) ^ 8) - 8)),
    Fault("reversed_rows", "gives the codes of a row in reverse order", _reordered(lambda codes: codes[..., ::-1])),
    Fault("negated", "flips the sign", _reordered(lambda codes: -codes)),
    Fault(
        "column_order",
        "takes the codes in column order",
        _reordered(lambda codes: codes.reshape(-1, order="F").reshape(codes.shape)),
    ),
)

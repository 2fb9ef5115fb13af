"""Where packing goes wrong: the directed cases of ``pack_int4`` and ``unpack_int4``, their laws, and regions.

A code goes wrong by its sign, by its neighbour's sign, by the place where it stands in its byte or word, and at the end
of its row; so every pair of neighbours is here, every length around a word, and rows of odd lengths.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization.packing import ORDERS, pack_int4, packed_size, unpack_int4
from refcompress.verify.inputs import MANY, TAIL_LENGTHS
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.quantize_cases import LONG

Calls = Iterator[Arguments]
Rows = Iterator[Array]


def packed(args: Arguments, settings: Settings) -> Array:
    """Return the bytes."""
    return pack_int4(*args, signed=settings["signed"], order=settings["order"])


def packed_nibbles(args: Arguments, settings: Settings) -> Array:
    """Return the bytes of codes of either sign."""
    return pack_int4(np.asarray(args[0]) & 15, signed=False, order=settings["order"])


def unpacked(args: Arguments, settings: Settings) -> Array:
    """Return the codes."""
    return unpack_int4(*args, signed=settings["signed"], order=settings["order"])


def unpacked_of_any_size(args: Arguments, settings: Settings) -> Array:
    """Return the codes, the bytes of a row cut off or filled up with zeros to what another order takes."""
    rows, length = args
    size = packed_size(length, 4, settings["order"])
    wide = np.zeros((*rows.shape[:-1], max(size, rows.shape[-1])), np.uint8)
    wide[..., : rows.shape[-1]] = rows
    return unpacked((wide[..., :size], length), settings)


def _held(codes: npt.ArrayLike, settings: Settings) -> Array:
    """Return codes 0 to 15, or the same four bits with a sign, in the 8-bit integer of that kind."""
    nibbles = np.asarray(codes) & 15
    return (((nibbles ^ 8) - 8).astype(np.int8)) if settings["signed"] else nibbles.astype(np.uint8)


def _small() -> Rows:
    for row in ([1, 2], [1], [2, 1, 3], [-1, 0], [0, -1], [-3, 5], [7, -8], [-8, 7], [-6, 2, 3, -2], [0], [0, 0]):
        yield np.array(row)


def _pairs() -> Rows:
    """Every pair of neighbours: as rows of two, and in one row."""
    pairs = np.array([(a, b) for a in range(16) for b in range(16)])
    yield pairs
    yield pairs.reshape(-1)
    yield np.insert(pairs, 0, 9)  # each pair across two bytes


def _places() -> Rows:
    """One code at every place of two words among zeros, and zeros in a word of others."""
    for code in (1, 7, 8, 15):
        yield np.eye(16, dtype=np.int64) * code
        yield 13 - np.eye(16, dtype=np.int64) * code


def _lengths() -> Rows:
    """Rows of every length up to two words and a little more, and those around vector widths, also with a 0 last."""
    pattern = np.array([3, -5, 7, -8, 1, -1, 6, -2, 5, 2, -7])
    for n in dict.fromkeys((*range(20), *TAIL_LENGTHS, 63, 64, 65)):
        row = np.resize(pattern, n)
        yield row
        row[-1:] = 0  # no padding, though it looks like some
        yield row


def _rows() -> Rows:
    """Several rows, of odd and even lengths."""
    pattern = np.array([1, -2, 3, -4, 5, -6, 7, -8, 2, 6, -1, 4, -3])
    for shape in ((2, 3), (3, 1), (3, 2), (4, 5), (2, 8), (3, 9), (5, 16), (2, 3, 7), (2, 2, 32)):
        yield np.resize(pattern, shape)


def _empty() -> Rows:
    for shape in ((0,), (3, 0), (0, 3), (0, 4), (2, 0, 5)):
        yield np.zeros(shape, np.int64)


def _long() -> Rows:
    for shape in ((LONG + 1,), (MANY, 3), (2, 2 * MANY + 1)):
        yield np.resize(np.arange(23), shape)


def _layouts() -> Rows:
    codes = np.resize(np.array([1, -2, 3, -4, 5, -6, 7, -8, 2, 6, -1, 4, -3]), 120)
    for shape in ((4, 30), (2, 3, 20), (12, 10), (8, 15)):
        yield codes.reshape(shape)
    yield codes[:31]


def _shapes() -> Rows:
    yield np.array([5, -3]).reshape(1, 1, 1, 2)
    yield np.array([1, -3, 0, 7, 2, -8, 4, 5]).reshape(2, 1, 2, 2)


# case -> the rows of codes that it is about, for packing and for unpacking alike
ROWS: dict[str, Callable[[], Rows]] = {
    "small rows, one a call": _small,
    "every pair of neighbours": _pairs,
    "one code at every place": _places,
    "rows of every length": _lengths,
    "several rows": _rows,
    "empty": _empty,
    "longer than a block": _long,
    "3-d and 4-d": _shapes,
}
LAYOUT_ROWS = _layouts


def to_pack(rows: Callable[[], Rows]) -> Callable[[Settings], Calls]:
    """Return the calls of ``pack_int4`` with these rows."""
    return lambda settings: ((_held(codes, settings),) for codes in rows())


def to_unpack(rows: Callable[[], Rows]) -> Callable[[Settings], Calls]:
    """Return the calls of ``unpack_int4`` whose answers are these rows."""
    return lambda settings: ((packed_nibbles((q,), settings), q.shape[-1]) for q in rows())


def nibbles(rows: Array) -> Array:
    """Return the nibbles of bytes, the low one of each first."""
    rows = rows.astype(np.int64)
    return np.stack([rows & 15, rows >> 4 & 15], axis=-1).reshape(*rows.shape[:-1], 2 * rows.shape[-1])


def filled(codes: Array, order: str) -> Array:
    """Return rows of nibbles, filled up with zeros to whole groups."""
    *rows, n = codes.shape
    wide = np.zeros((*rows, 2 * packed_size(n, 4, order)), np.int64)
    wide[..., :n] = codes.astype(np.int64) & 15
    return wide


def standing(codes: Array, order: str) -> Array:
    """Return the nibbles of rows as they stand in their bytes, the low one of each byte first."""
    places = ORDERS[4][order]
    wide = filled(codes, order)
    groups = wide.reshape(*wide.shape[:-1], wide.shape[-1] // len(places), len(places))
    return groups[..., places].reshape(wide.shape)


def _bytes(answer: Any) -> Array | None:
    """Return the answer, or None where one is no byte."""
    given = np.asarray(answer).astype(np.float64)
    return given if bool(np.all((given >= 0) & (given <= 255) & (given == np.rint(given)))) else None


def _are_bytes(args: Arguments, answer: Any, settings: Settings) -> bool:
    return _bytes(answer) is not None


def _same_nibbles(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = _bytes(answer)
    if given is None:
        return True
    return np.array_equal(np.sort(nibbles(given)), np.sort(filled(args[0], settings["order"])))


def _in_place(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = _bytes(answer)
    return given is None or np.array_equal(nibbles(given), standing(args[0], settings["order"]))


def _padding_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = _bytes(answer)
    if given is None:
        return True
    empty = standing(np.ones_like(args[0]), settings["order"]) == 0
    return not nibbles(given)[empty].any()


PACK_LAWS = (
    Law("bytes", "every result is a byte, 0 to 255", _are_bytes),
    Law("padding_zero", "what the codes of a row do not fill is 0", _padding_zero),
    Law("same_nibbles", "a row's nibbles are the low four bits of its codes, and zeros", _same_nibbles),
    Law("in_place", "every code stands in the nibble where the order has it", _in_place),
)


def _code_limits(settings: Settings) -> tuple[int, int]:
    return (-8, 7) if settings["signed"] else (0, 15)


def _are_codes(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = _code_limits(settings)
    given = np.asarray(answer).astype(np.float64)
    return bool(np.all((given >= low) & (given <= high)))


def _low_bits(answer: Any) -> Array:
    return np.asarray(answer).astype(np.float64).astype(np.int64) & 15


def _from_the_nibbles(args: Arguments, answer: Any, settings: Settings) -> bool:
    return np.array_equal(np.sort(filled(_low_bits(answer), settings["order"])), np.sort(nibbles(args[0])))


def _packs_back(args: Arguments, answer: Any, settings: Settings) -> bool:
    return np.array_equal(standing(_low_bits(answer), settings["order"]), nibbles(args[0]))


UNPACK_LAWS = (
    Law("codes", "every code lies in the range of 4 bits", _are_codes),
    Law("from_the_nibbles", "the low four bits of a row's codes are the nibbles of its bytes", _from_the_nibbles),
    Law("packs_back", "packing the codes gives the bytes back", _packs_back),
)

Mask = Callable[[Arguments, Any, Settings], list[Array]]


def _neighbours(args: Arguments, settings: Settings) -> Array:
    """Return the nibbles of every byte that is due, of shape (..., size, 2)."""
    held = standing(args[0], settings["order"])
    return held.reshape(*held.shape[:-1], held.shape[-1] // 2, 2)


def _of_bytes(test: Callable[[Array], npt.ArrayLike]) -> Mask:
    return lambda args, expected, settings: [np.asarray(test(_neighbours(args, settings)))]


def _along(test: Callable[[Array, int], Array]) -> Mask:
    """Return the mask of the places in a row of the answer that pass a test of their number and the row's length."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        n = expected.shape[-1]
        return [np.broadcast_to(test(np.arange(n), n), expected.shape)]

    return mask


def _last_byte(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    n = expected.shape[-1]
    return [np.broadcast_to((np.arange(n) == n - 1) & (args[0].shape[-1] % 2 == 1), expected.shape)]


def _last_code(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    n = expected.shape[-1]
    return [np.broadcast_to((np.arange(n) == n - 1) & (n % 2 == 1), expected.shape)]


def _lower_rows(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    mask = np.zeros(expected.shape, bool)
    mask[1:] = expected.ndim > 1
    return [mask]


def _odd_rows(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    length = args[1] if len(args) > 1 else args[0].shape[-1]
    return [np.full(expected.shape, length % 2 == 1)]


def _several_rows(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [np.full(expected.shape, expected.ndim > 1)]


def _codes(test: Callable[[Array], Array]) -> Mask:
    return lambda args, expected, settings: [test(expected)]


def _after_negative(codes: Array) -> Array:
    """Flag the codes whose neighbour in the row before them is negative."""
    flags = np.zeros(codes.shape, bool)
    flags[..., 1:] = codes[..., :-1] < 0
    return flags


def _negative_at(parity: int) -> Callable[[Array], Array]:
    return lambda codes: (codes < 0) & (np.arange(codes.shape[-1]) % 2 == parity)


ALONG_ROWS = (
    Region("row_end", "at the end of a row", _along(lambda i, n: i == n - 1), positional=True),
    Region("first_word", "in the first 4 of a row", _along(lambda i, n: i < 4), positional=True),
    Region("lower_rows", "below the first row", _lower_rows, positional=True),
    Region("odd_rows", "in rows of an odd length", _odd_rows),
    Region("several_rows", "where there are several rows", _several_rows),
)

PACK_REGIONS = (
    Region("last_byte", "in the last byte of rows of an odd length", _last_byte),
    Region("low_negative", "where the low nibble is 8 or more", _of_bytes(lambda pair: pair[..., 0] >= 8)),
    Region("high_negative", "where the high nibble is 8 or more", _of_bytes(lambda pair: pair[..., 1] >= 8)),
    Region("any_negative", "where a nibble is 8 or more", _of_bytes(lambda pair: (pair >= 8).any(axis=-1))),
    *ALONG_ROWS,
)

UNPACK_REGIONS = (
    Region("last_code", "in the last code of rows of an odd length", _last_code),
    Region("lowest", "where the code is -8", _codes(lambda q: q == -8)),
    Region(
        "negative_even", "where the code is negative and stands at an even place of its row", _codes(_negative_at(0))
    ),
    Region("negative_odd", "where the code is negative and stands at an odd place of its row", _codes(_negative_at(1))),
    Region("negative", "where the code is negative", _codes(lambda q: q < 0)),
    Region("after_negative", "where the code before is negative", _codes(_after_negative)),
    Region("even", "at the even places of a row", _along(lambda i, n: i % 2 == 0), positional=True),
    Region("odd", "at the odd places of a row", _along(lambda i, n: i % 2 == 1), positional=True),
    *ALONG_ROWS,
)


def pack_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one byte in one line."""
    low, high = _neighbours(args, settings)[index].tolist()
    return f"the low nibble is {low}, the high one {high}: {low} + 16 * {high} = {low + 16 * high} = 0x{high:x}{low:x}"


def unpack_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one code in one line."""
    rows, _ = args
    places = ORDERS[4][settings["order"]]
    group, within = divmod(index[-1], len(places))
    place = group * len(places) + places.index(within)
    byte = int(rows[(*index[:-1], place // 2)])
    nibble = byte >> 4 * (place % 2) & 15
    text = f"code {index[-1]} is the {('low', 'high')[place % 2]} nibble of byte {place // 2}, 0x{byte:02x}: {nibble}"
    return f"{text}, which is {nibble - 16} with its sign" if settings["signed"] and nibble >= 8 else text

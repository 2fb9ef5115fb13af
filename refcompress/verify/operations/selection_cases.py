"""The directed cases of ``top_k_mask``, ``sparsify`` and ``prune``: ties, both ends of k, magnitudes hard to rank.

A case is written once for lines of n entries. Where the settings have an axis, three such lines lie along it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS, MANY, TAIL_LENGTHS, float_dtype, floats, selections
from refcompress.verify.operation import Arguments, Case, Settings

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Line = tuple[Array, int]


def _k_values(n: int) -> list[int]:
    return sorted({0, min(1, n), n // 3, n // 2, max(n - 1, 0), n})


def _every_k(line: Array) -> Iterator[Line]:
    for k in range(line.size + 1):
        yield line, k


def _some_k(line: Array) -> Iterator[Line]:
    for k in _k_values(line.size):
        yield line, k


def _all_equal(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.full(9, 1.5), name))
    yield floats(np.full(6, -2.0), name), 3
    yield floats(np.zeros(5), name), 2


def _few_magnitudes(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.resize([1, -2, 2, -1, 0.5, -2, 1, 2, 3, -3, 1], 23), name))
    yield from _every_k(floats([0, 0, 1, 1, 2, 2], name))


def _ends(name: str) -> Iterator[Line]:
    line = floats([3, -1, 4, -1.5, 5, -9, 2, -6], name)
    for k in (0, 1, 7, 8):
        yield line, k


def _twins(name: str) -> Iterator[Line]:
    line = floats([1, 3, 2, 0.5], name)
    yield from _every_k(np.concatenate([line, -line]))
    yield from _every_k(np.concatenate([-line, line])[::-1].copy())


def _zeros(name: str) -> Iterator[Line]:
    yield from _every_k(floats([-0.0, 0.0, -0.0, 1, 0.0, -1, -0.0], name))
    yield floats([-0.0, -0.0, -0.0], name), 2


ORDER = np.array([1, 3, -2, 5, -4, 7, 6, -8])  # distinct magnitudes, the large ones late


def _squares_underflow(name: str) -> Iterator[Line]:
    low = 2.0 ** (math.frexp(FLOATS[name][3])[1] // 2 - 4)
    yield from _some_k(floats(ORDER * low, name))


def _squares_overflow(name: str) -> Iterator[Line]:
    high = 2.0 ** (math.frexp(FLOATS[name][1])[1] - 5)
    yield from _some_k(floats(ORDER * high, name))


def _neighbours(name: str) -> Iterator[Line]:
    """One unit in the last place apart, the larger ones late."""
    step = 2.0 ** (1 - FLOATS[name][0])
    line = (1 + np.arange(16) * step) * np.resize([1, -1, -1], 16)
    yield from _some_k(floats(line, name))
    yield from _some_k(floats(line * 1024, name))
    yield from _every_k(floats([*(1.75 + np.arange(8) * step), 2.25], name))  # a quotient by the largest merges them


def _close(name: str) -> Iterator[Line]:
    """Closer than a millionth, and below a hundred millionth, where the dtype has such values."""
    yield from _some_k(floats(1 + np.array([1, 0, 3, 2, 5, 4, 7, 6]) * 2.0**-20, name))
    yield from _some_k(floats(ORDER * 2.0**-34, name))
    yield from _some_k(floats(ORDER[::-1] * 2.0**-18, name))


def _subnormals(name: str) -> Iterator[Line]:
    yield from _some_k(floats(ORDER * FLOATS[name][3], name))
    normal, subnormal = FLOATS[name][2:]
    yield floats([0.0, subnormal, normal, -normal + subnormal, -0.0, 2 * subnormal], name), 3


def _infinities(name: str) -> Iterator[Line]:
    yield from _every_k(floats([1, np.inf, -np.inf, 2, np.inf, -3, FLOATS[name][1], 0], name))


def _one_sided(name: str) -> Iterator[Line]:
    for line in ([-9, -8, -7, 1, 2, 3, 4], [1, 2, 3, -4, 5, -9], [-3, -1, -2, -5, -4], [-5, 1, 2]):
        yield from _some_k(floats(line, name))


def _largest_last(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.arange(1, 18), name))


def _fractions(name: str) -> Iterator[Line]:
    yield from _some_k(floats(np.arange(1, 17) * np.resize([1, -1, 1], 16) / 16, name))


def _tails(name: str) -> Iterator[Line]:
    for length in (*TAIL_LENGTHS, 257):  # past the indices of 8 bits
        line = floats(np.resize([1, 4, -2, 8, -5, 7, 3], length), name)
        if length:
            line[-1] = 9
        yield line, length // 2
        yield line, (length + 2) // 3


def _thousands(name: str) -> Iterator[Line]:
    i = np.arange(3000)
    levels = floats((i * i * 7 + 3 * i) % 32 - 16.0, name)
    for k in (1, 300, 1500, 2999):
        yield levels, k
    mostly = np.where(i % 100 == 99, i % 7 + 2.0, 1.0) * np.where(i % 3, 1, -1)
    for k in (20, 1000):
        yield floats(mostly, name), k


def _past_16_bits(name: str) -> Iterator[Line]:
    """Entries that stay before and after the places 2^15 and 2^16, and ties with those from there on."""
    i = np.arange(66_000)
    yield floats(np.where(i % 6_000 == 5_600, i // 6_000 + 2.0, 1.0) * np.where(i % 3, 1, -1), name), 12


def _placed(lines: Callable[[str], Iterator[Line]]) -> Callable[[Settings], Iterator[Arguments]]:
    """Give lines as they are, or three at a time along the axis of the settings."""

    def make(settings: Settings) -> Iterator[Arguments]:
        axis = settings.get("axis")
        for line, k in lines(settings["dtype"]):
            if axis is None:
                yield line, k
            else:
                three = np.stack([line, np.roll(line, 1), line[::-1]])
                yield np.ascontiguousarray(np.moveaxis(three, -1, axis)), k

    return make


def _with_k(arrays: Iterable[Array], settings: Settings) -> Iterator[Arguments]:
    axis = settings.get("axis")
    for x in arrays:
        n = x.size if axis is None else x.shape[axis]
        for k in sorted({1, n // 3, n // 2, n - 1}):
            yield x, k


def _matrices(settings: Settings) -> Iterator[Arguments]:
    shapes = ((4, 4), (3, 5), (5, 3), (2, 3, 4), (3, 3, 3), (2, 1, 6))
    arrays = [floats(np.arange(math.prod(s)) * 7 % 11 - 5.0, settings["dtype"]).reshape(s) for s in shapes]
    rows = floats([10, -9, 8, 7, 4, 3, -2, 1], settings["dtype"])
    long = floats(np.arange(4 * MANY) * 77 % 251 - 125.0, settings["dtype"])
    arrays += [rows.reshape(2, 4), rows[::-1].reshape(4, 2).copy(), long.reshape(4, MANY), long.reshape(MANY, 4)]
    yield from _with_k(arrays, settings)


def _equal_matrices(settings: Settings) -> Iterator[Arguments]:
    one = floats(np.ones(12), settings["dtype"])
    yield from _with_k([one.reshape(3, 4), -one.reshape(2, 3, 2), one[:9].reshape(3, 3)], settings)


def _layouts(settings: Settings) -> Iterator[Arguments]:
    values = floats((np.arange(96) * 29) % 23 - 11.0, settings["dtype"])
    arrays = [values.reshape(8, 12), values[:36].reshape(6, 6), values.reshape(2, 4, 12)]
    if settings.get("axis") != 1:
        arrays.append(values[:31])
    yield from _with_k(arrays, settings)


def _shapes(settings: Settings) -> Iterator[Arguments]:
    axis, dtype = settings.get("axis"), float_dtype(settings["dtype"])
    if axis is None:
        yield np.array(2.5, dtype), 0
        yield np.array(-0.75, dtype), 1
    if axis != 1:
        yield np.zeros(0, dtype), 0
        yield np.array([-2], dtype), 1
    yield np.zeros((0, 3), dtype), 0
    yield np.zeros((3, 0), dtype), 0
    x = np.array([0.5, 1.5, -2.5, 3], dtype).reshape(1, 2, 2, 1)
    yield x, 3 if axis is None else 1


# rivals that differ from the reference only where there is a matrix, are ties, are unusual or negative numbers
NO_MATRIX = ("axis=*", "columns_first", "share_of_rows")
NO_TIES = ("ties=highest_index", "at_least_kth", "above_next", "distinct")
NO_ODD_SCALE = ("ranks_*", "squares", "close_is_tie", "nudged")
NO_ODD_NUMBER = ("subnormals_flushed", "infinities_last", "normalized")
USUAL = (*NO_ODD_SCALE, *NO_ODD_NUMBER, "whole_parts")
NO_NEGATIVES = ("signed", "bits_signed", "bits_unsigned", "negatives_as_zero")

Calls = Callable[[Settings], Iterator[Arguments]]

# name, the calls, the rivals that it does not tell from the reference
CASES: tuple[tuple[str, Calls, tuple[str, ...]], ...] = (
    ("all equal", _placed(_all_equal), (*NO_MATRIX, *USUAL, *NO_NEGATIVES, "first_k", "smallest")),
    ("few distinct magnitudes", _placed(_few_magnitudes), (*NO_MATRIX, *USUAL)),
    (
        "k = 0, 1, n - 1 and n",
        _placed(_ends),
        (*NO_MATRIX, *NO_TIES, *NO_ODD_SCALE, *NO_ODD_NUMBER, "never_zero", "tail_ignored"),
    ),
    ("x and -x together", _placed(_twins), (*NO_MATRIX, *USUAL, "both_ends", "never_zero", "tail_ignored")),
    ("signed zeros", _placed(_zeros), (*NO_MATRIX, *USUAL)),
    (
        "squares that underflow",
        _placed(_squares_underflow),
        (*NO_MATRIX, *NO_TIES, *NO_ODD_NUMBER, "never_zero", "tail_ignored"),
    ),
    (
        "squares that overflow",
        _placed(_squares_overflow),
        (
            *NO_MATRIX,
            *NO_TIES,
            *NO_ODD_NUMBER,
            "close_is_tie",
            "never_zero",
            "nudged",
            "tail_ignored",
            "whole_parts",
        ),
    ),
    (
        "one ulp apart",
        _placed(_neighbours),
        (*NO_MATRIX, *NO_TIES, "infinities_last", "never_zero", "squares", "subnormals_flushed"),
    ),
    (
        "close together",
        _placed(_close),
        (*NO_MATRIX, *NO_TIES, *NO_ODD_NUMBER, "never_zero", "ranks_float32", "squares", "tail_ignored"),
    ),
    ("subnormals", _placed(_subnormals), (*NO_MATRIX, *NO_TIES, "infinities_last", "never_zero", "normalized")),
    (
        "infinities",
        _placed(_infinities),
        (*NO_MATRIX, *NO_ODD_SCALE, "subnormals_flushed", "tail_ignored", "whole_parts"),
    ),
    ("large negative values", _placed(_one_sided), (*NO_MATRIX, *NO_TIES, *USUAL, "never_zero")),
    ("the largest last", _placed(_largest_last), (*NO_MATRIX, *NO_TIES, *USUAL, *NO_NEGATIVES, "never_zero")),
    (
        "fractions of one",
        _placed(_fractions),
        (*NO_MATRIX, *NO_TIES, *NO_ODD_SCALE, *NO_ODD_NUMBER, "never_zero", "tail_ignored"),
    ),
    ("lengths around vector widths", _placed(_tails), (*NO_MATRIX, *USUAL, "never_zero")),
    ("thousands with ties at the threshold", _placed(_thousands), (*NO_MATRIX, *USUAL, "tail_ignored")),
    ("places past 2^15 and 2^16", _placed(_past_16_bits), (*NO_MATRIX, *USUAL, "never_zero", "tail_ignored")),
    ("matrices and 3-d", _matrices, USUAL),
    ("equal matrices", _equal_matrices, (*USUAL, *NO_NEGATIVES, "first_k", "never_zero", "smallest")),
    (
        "0-d, empty and 4-d",
        _shapes,
        (*NO_TIES, *USUAL, "bits_unsigned", "both_ends", "columns_first", "never_zero"),
    ),
    ("strided", _layouts, USUAL),
    ("reversed", _layouts, USUAL),
    ("Fortran order", _layouts, USUAL),
    ("read-only", _layouts, USUAL),
)
LAYOUT = {"Fortran order": "fortran", **{name: name for name in ("strided", "reversed", "read-only")}}


def selection_cases(
    usual: tuple[str, ...] = (), unusual: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> tuple[Case, ...]:
    """Return the cases of an operation.

    Of its own rivals, those that the cases of a name in ``unusual`` do not tell from the reference stand there, those
    of all other cases in ``usual``.
    """

    def kills(name: str, not_told: tuple[str, ...]) -> tuple[str, ...]:
        return ("*", *(f"!{rival}" for rival in (*not_told, *unusual.get(name, usual))))

    return tuple(Case(name, make, kills(name, same), LAYOUT.get(name, "plain")) for name, make, same in CASES)


def search(settings: Settings) -> "SearchStrategy[Arguments]":
    """Return few entries with many ties, and k from 0 to n."""
    return selections(settings["dtype"], settings.get("axis"))


REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("x[1] = nan", lambda s: (_rejected([[1, np.nan, 2]], s), 1)),
    ("k past the end", lambda s: (_rejected([[1, 2, 3]], s), 4)),
    ("k = -1", lambda s: (_rejected([[1, 2, 3]], s), -1)),
)


def _rejected(values: list[list[float]], settings: Settings) -> Array:
    x = np.array(values, float_dtype(settings["dtype"]))
    return x.T.copy() if settings.get("axis") == 0 else x

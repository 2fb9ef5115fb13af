"""Where finding the fraction bits is hard: the cases of ``fraction_bits``, its laws, and where differences may lie.

The answer turns where round(x * 2^p) leaves the codes: at q_max + 1/2, which is out (halves go to even, and q_max is
odd), and at q_min - 1/2, which is in (q_min is even). Both times a power of two, in every dtype.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization.fixed_point import fraction_bits
from refcompress.rounding import code_range
from refcompress.verify.inputs import FLOATS, LONG_MATRICES, TAIL_LENGTHS, extremes, float_dtype, next_to
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.quantize_cases import LONG

Calls = Iterator[Arguments]


def largest_p(args: Arguments, settings: Settings) -> int:
    """Return the largest p at which no element saturates."""
    return fraction_bits(args[0], bits=settings["bits"], signed=settings["signed"])


def limits(settings: Settings) -> tuple[int, int]:
    """Return q_min and q_max."""
    return code_range(settings["bits"], signed=settings["signed"])


def _array(values: Sequence[float], settings: Settings) -> Array:
    """Round values to the dtype: what matters is on which side of a turning point they come to lie."""
    with np.errstate(over="ignore"):
        array = np.array(values).astype(float_dtype(settings["dtype"]))
    return np.asarray(array[np.isfinite(array)])


def _powers(settings: Settings) -> tuple[int, ...]:
    """Return exponents that every dtype can follow."""
    return (0, 1, -1, 3, -5, -9 if settings["dtype"] == "float16" else -30)


def _around(value: float, settings: Settings) -> Calls:
    """Give one element at a value and at the floats around it, at several powers of two."""
    for e in _powers(settings):
        for x in next_to(_array([np.ldexp(value, -e)], settings)):
            yield (np.array([x]),)


def small(settings: Settings) -> Calls:
    """Give numbers that a person can follow by hand, one a call, the simplest first."""
    high = limits(settings)[1]
    for v in (1, 3, 0, -1, 0.5, -0.5, 2, -3, 5, -100, 100, high, high + 0.5, high + 1, -high, -high - 1, -high - 1.5):
        yield (_array([v], settings),)


def above_q_max(settings: Settings) -> Calls:
    """Give q_max + 1/2 and the floats next to it."""
    yield from _around(limits(settings)[1] + 0.5, settings)


def below_q_min(settings: Settings) -> Calls:
    """Give q_min - 1/2 and the floats next to it; -1/2 where codes are unsigned."""
    yield from _around(limits(settings)[0] - 0.5, settings)


def whole_codes(settings: Settings) -> Calls:
    """Give the ends of the range, one beyond, and quarters between."""
    low, high = limits(settings)
    for end in (low, high):
        for d in (-1, -0.75, -0.25, 0, 0.25, 0.75, 1):
            if end + d:
                yield (_array([end + d], settings),)


def both_ends(settings: Settings) -> Calls:
    """Give a positive and a negative element that each ask for another p, or just for the same."""
    low, high = limits(settings)
    top, bottom = high + 0.5, low - 0.5
    for values in (
        [top, bottom],
        [high, low],
        [high, bottom],
        [high, bottom - 1],
        [top / 2, bottom],
        [top, bottom / 2],
        [1, -1],
        [0.75, -1],
        [1, -0.75],
        [3, -100],
        [100, -3],
        [1, -(2.0**-6)],
        [2.0**-6, -1],
        [0, -1],
        [5, 0, -0.0],
    ):
        for e in (0, 4):
            yield (_array([np.ldexp(v, -e) for v in values], settings),)


def powers_of_two(settings: Settings) -> Calls:
    """Give powers of two and the floats next to them, then every power from 2^-160 to 2^160 and some beyond."""
    for sign in (1, -1):
        for e in (-14, -13, -10, -7, -3, -1, 0, 1, 2, 5, 6, 7, 8, 11, 14):
            for x in next_to(_array([sign * 2.0**e], settings)):
                yield (np.array([x]),)
    _, largest, _, subnormal = FLOATS[settings["dtype"]]
    for e in range(int(np.frexp(subnormal)[1]), int(np.frexp(largest)[1])):
        if abs(e) <= 160 or e % 16 == 0:
            yield (_array([2.0**e], settings),)


def between(settings: Settings) -> Calls:
    """Give numbers spread over one power of two, where logarithms that are cut and that are rounded part."""
    for sign in (1, -1):
        for k in range(33, 65, 2):
            yield (_array([sign * k / 32], settings),)


def far(settings: Settings) -> Calls:
    """Give subnormals, the largest and the smallest floats, alone and with others."""
    x = extremes(settings["dtype"])
    for v in x[x != 0]:
        yield (np.array([v]),)
    _, largest, normal, subnormal = FLOATS[settings["dtype"]]
    yield (_array([largest, subnormal, -normal], settings),)
    yield (_array([-largest, 1], settings),)


def zeros(settings: Settings) -> Calls:
    """Give nothing but zeros, or no element at all."""
    dtype = float_dtype(settings["dtype"])
    for x in ([], [0.0], [-0.0], [0.0] * 9, [0.0, -0.0]):
        yield (np.array(x, dtype),)
    yield (np.zeros((2, 0), dtype),)
    yield (np.array(0.0, dtype),)


def _one_of(size: int, at: int, large: float, settings: Settings) -> Array:
    x = np.resize(np.array([0.25, -0.125, 0.0, 0.5]), size)
    x[at] = large
    return _array(list(x), settings)


def places(settings: Settings) -> Calls:
    """Put the element that decides first, last and in between, at lengths around the widths of vector loops."""
    for size in (*TAIL_LENGTHS[1:], 65, 129, 257):
        for at in {0, size // 2, size - 1}:
            for large in (37.0, -37.0):
                yield (_one_of(size, at, large, settings),)


def long(settings: Settings) -> Calls:
    """Put the element that decides last of more than fit one block, of a row or of a matrix."""
    for shape in ((LONG,), *LONG_MATRICES):
        size = math.prod(shape)
        yield (_one_of(size, size - 1, 37.0, settings).reshape(shape),)


def layouts(settings: Settings) -> Calls:
    """Put the element that decides in each part of a matrix, to be laid out in memory in other ways."""
    for at in (0, 11, 40, 119):
        for large in (37.0, -37.0):
            yield (_one_of(120, at, large, settings).reshape(4, 30),)


def shapes(settings: Settings) -> Calls:
    """Give arrays of no, two, three and four dimensions, the element that decides in each row."""
    yield (_array([5.0], settings).reshape(()),)
    for at in (0, 5, 11):
        x = _one_of(12, at, -21.0, settings)
        yield (x.reshape(3, 4),)
        yield (x.reshape(2, 3, 2),)
        yield (x.reshape(1, 12, 1, 1),)
    for at in (64, 66, 194):
        yield (_one_of(195, at, -21.0, settings).reshape(3, 65),)


def turning_points(settings: Settings) -> list[float]:
    """Return what the search places at any power of two."""
    low, high = limits(settings)
    return [1.0, high + 0.5, high, high + 0.25, high + 0.75, high + 1.0, 0.5 - low, 0.75 - low, -low or 0.75, 0.75]


def _codes(args: Arguments, p: int) -> Array:
    """Return round(x * 2^p) of the elements that decide: the largest and the smallest, or 0."""
    x = args[0].astype(np.float64)
    ends = np.array([np.max(x, initial=0), np.min(x, initial=0)])
    return np.asarray(np.rint(np.ldexp(ends, p)))


def _number(answer: Any) -> int | None:
    value = np.asarray(answer).astype(np.float64).item()
    return int(value) if value.is_integer() and abs(value) < 5000 else None


def _all_zero(args: Arguments) -> bool:
    return not np.any(args[0].astype(np.float64))


def _fits(args: Arguments, answer: Any, settings: Settings) -> bool:
    p, (low, high) = _number(answer), limits(settings)
    if p is None:
        return False
    codes = _codes(args, p)
    return bool(np.all((codes >= low) & (codes <= high)))


def _is_largest(args: Arguments, answer: Any, settings: Settings) -> bool:
    p, (low, high) = _number(answer), limits(settings)
    if p is None:
        return False
    codes = _codes(args, p + 1)
    return _all_zero(args) or bool(np.any((codes < low) | (codes > high)))


def _zero_gives_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    return not _all_zero(args) or _number(answer) == 0


LAWS = (
    Law("fits", "at this p, round(x * 2^p) lies in [q_min, q_max] for every element", _fits),
    Law("largest", "at p + 1 some element would saturate", _is_largest),
    Law("zero", "an x that is empty or all zero gives 0", _zero_gives_zero),
)


def _of_x(test: Callable[[Array], Any]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(bool(test(args[0].astype(np.float64))))]

    return mask


def _of_answer(test: Callable[[int], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(int(expected)))]


def _at_turn(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    low, high = limits(settings)
    x = args[0].astype(np.float64)
    scaled = np.ldexp(x, int(expected))
    turns = (scaled == low - 0.5) | (scaled == (high + 0.5) / 2) | (scaled == (low - 0.5) / 2)
    return [np.asarray(bool(np.any(turns)))]


def _subnormal(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    x = np.abs(args[0].astype(np.float64))
    return [np.asarray(0 < np.max(x, initial=0) < FLOATS[settings["dtype"]][2])]


def _outweighs(x: Array) -> bool:
    return bool(np.max(-x, initial=0) > np.max(x, initial=0))


REGIONS = (
    Region("empty", "where x is empty", _of_x(lambda x: x.size == 0)),
    Region("zero", "where x is empty or all zero", _of_x(lambda x: not np.any(x))),
    Region("subnormal", "where x is subnormal", _subnormal),
    Region("tiny", "where no |x| reaches 1e-5", _of_x(lambda x: np.max(np.abs(x), initial=0) < 1e-5)),
    Region("at_turn", "where x * 2^p is exactly q_max + 1/2 or q_min - 1/2", _at_turn),
    Region("above_bits", "where the right p is above 32", _of_answer(lambda p: p > 32)),
    Region("negative_p", "where the right p is negative", _of_answer(lambda p: p < 0)),
    Region("large_p", "where the right p is above 7", _of_answer(lambda p: p > 7)),
    Region("no_dimensions", "where x has no dimensions", _of_x(lambda x: x.ndim == 0)),
    Region("many_dimensions", "where x has more than one dimension", _of_x(lambda x: x.ndim > 1)),
    Region("long", "where x has more than 1,024 elements", _of_x(lambda x: x.size > 1024)),
    Region("negative_decides", "where the largest magnitude is negative", _of_x(_outweighs)),
    Region("some_negative", "where some of x is negative", _of_x(lambda x: np.any(x < 0))),
    Region("all_positive", "where nothing is negative", _of_x(lambda x: not np.any(x < 0))),
    Region("several", "where x has more than one element", _of_x(lambda x: x.size > 1)),
    Region("one", "where x has one element", _of_x(lambda x: x.size == 1)),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive p in one line."""
    p, (low, high) = largest_p(args, settings), limits(settings)
    if _all_zero(args):
        return "no element limits p, which is then 0"
    largest, smallest = (float(v) for v in (args[0].max(), args[0].min()))
    value = next(v for v, q in zip((largest, smallest), _codes(args, p + 1), strict=True) if not low <= q <= high)
    scaled, above = float(np.ldexp(value, p)), float(np.ldexp(value, p + 1))
    return (
        f"codes are [{low}, {high}]: {value!r} * 2^{p} = {scaled!r} rounds to {int(np.rint(scaled))}, "
        f"* 2^{p + 1} = {above!r} to {np.rint(above):.0f}"
    )

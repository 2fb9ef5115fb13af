"""Where dequantizing is hard: the directed cases of ``dequantize``, its laws, and the places where differences may lie.

``dtype`` is the dtype of the result. A code needs rounding where it has more bits than the significand (P of them), or
where the result is subnormal; both are laid out as m * 2^k + 2^(k-1): the ties of k dropped bits, and their neighbours.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization.fixed_point import dequantize
from refcompress.rounding import round_shifted
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, float_dtype
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.quantize_cases import LONG, any_p, index_regions

Calls = Iterator[Arguments]
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")


def dequantized(args: Arguments, settings: Settings) -> Array:
    """Return q * 2^-p, correctly rounded."""
    return dequantize(*args, dtype=settings["dtype"])


def rounded_to(q: Array, p: int, name: str, rounding: str = "half_even") -> Array:
    """Round q * 2^-p once to a float format, by any of the rounding words; overflow as IEEE 754 has it."""
    precision, largest, _, subnormal = FLOATS[name]
    negative = q < 0
    magnitude = q.astype(np.uint64)
    magnitude = np.where(negative, 0 - magnitude, magnitude)
    high, low = ((magnitude >> shift) & np.uint64(2**32 - 1) for shift in (np.uint64(32), np.uint64(0)))
    length = np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, np.frexp(low.astype(np.float64))[1])
    last = np.maximum(length.astype(np.int64) - p - precision, lowest_exponent(subnormal))
    drop = np.maximum(last + p, 0)
    whole = round_shifted(magnitude, negative, drop, rounding).astype(np.float64)
    with np.errstate(over="ignore"):
        v = np.ldexp(whole, np.minimum(drop - p, 4000).astype(np.int32))  # no less than the lowest exponent, or -p
    inward = rounding == "toward_zero" or (np.where(negative, "ceil", "floor") == rounding)
    v = np.where(v > largest, np.where(inward, largest, np.inf), v)
    return np.asarray(np.where(negative, -v, v))


def nearest_float(v: Array, name: str) -> Array:
    """Round float64 values once to another float format, half to even; bfloat16's own cast rounds to float32 first."""
    precision, largest, _, subnormal = FLOATS[name]
    last = np.maximum(np.frexp(v)[1] - precision, lowest_exponent(subnormal))
    result = np.ldexp(np.rint(np.ldexp(v, -last)), last)
    return np.asarray(np.where(np.abs(result) > largest, np.copysign(np.inf, v), result))


def lowest_exponent(subnormal: float) -> int:
    """Return e for the smallest subnormal 2^e."""
    return int(np.frexp(subnormal)[1]) - 1


def _integers(values: Sequence[int], dtype: str) -> Array:
    ends = np.iinfo(dtype)
    return np.array([v for v in values if ends.min <= v <= ends.max], dtype)


def _both(values: Sequence[int]) -> list[int]:
    return [sign * v for v in values for sign in (1, -1)]


def _ties(k: int, wholes: Sequence[int]) -> list[int]:
    """Return what lies half-way and one beside it when k bits are dropped and these numbers stay."""
    half = (1 << k) >> 1
    return [(m << k) + half + d for m in wholes for d in (-1, 0, 1)]


def small(settings: Settings) -> Calls:
    """Give codes that a person can follow by hand, one a call, the simplest first."""
    for p in (1, 0, 2, -1):
        for code in (1, 3, 0, -1, -3, 2, 5, 100, -128):
            yield np.array([code], np.int8), p


def all_int8(settings: Settings) -> Calls:
    """Every code of 8 bits, signed and unsigned."""
    for p in (0, 7, 4, -3):
        yield np.arange(-128, 128, dtype=np.int8), p
    for p in (0, 8):
        yield np.arange(256, dtype=np.uint8), p


def int16_codes(settings: Settings) -> Calls:
    """Codes of 16 bits, spread over the range."""
    for p in (0, 15, 8):
        yield np.arange(-32768, 32768, 37, dtype=np.int16), p


def last_place(settings: Settings) -> Calls:
    """Codes longer than the significand: ties of its last place, and one beside them, for every number of bits."""
    precision = FLOATS[settings["dtype"]][0]
    top = 1 << precision
    wholes = (top >> 1, (top >> 1) + 1, top - 2, top - 1)
    for dtype in ("int16", "int32", "int64"):
        q = _integers(_both([v for k in range(1, np.iinfo(dtype).bits) for v in _ties(k, wholes)]), dtype)
        if q.size:
            for p in (0, 7, 24, 48):
                yield q, p


def past_2_24(settings: Settings) -> Calls:
    """Codes around 2^11, 2^24 and 2^53, where the floats of 16, 32 and 64 bits lose the odd numbers."""
    around = [2**e + d for e in (8, 11, 24, 25) for d in range(-3, 6)]
    for p in (0, 12, -1):
        yield _integers(_both(around), "int32"), p
        yield _integers(_both([2**e + d for e in (53, 54, 62) for d in range(-3, 6)]), "int64"), p


def subnormal_results(settings: Settings) -> Calls:
    """Results among the subnormals: exact, ties and beside ties, half of the smallest one and below."""
    precision, _, _, subnormal = FLOATS[settings["dtype"]]
    lowest = -lowest_exponent(subnormal)
    wholes = [0, 1, 2, 3, 4, 5, (1 << (precision - 1)) - 1, 1 << (precision - 1)]
    for dtype, drops in (("int8", (0, 1, 2)), ("int16", (0, 1, 3, 8)), ("int32", (0, 1, 5)), ("int64", (1, 9, 40))):
        for k in drops:
            yield _integers(_both(_ties(k, wholes)), dtype), lowest + k


def overflow(settings: Settings) -> Calls:
    """Give the largest float, the tie above it, and what is infinite."""
    precision, largest, _, _ = FLOATS[settings["dtype"]]
    last = int(np.frexp(largest)[1]) - precision  # exponent of its last place
    top = (1 << precision) - 1
    for k, dtype in ((0, "int64"), (1, "int64"), (4, "int64"), (7, "int32"), (9, "int64")):
        yield _integers(_both([*_ties(k, (top - 1, top)), (top + 1) << k, 1, 0]), dtype), k - last
    yield np.array([1, -1, 0, 127, -128], np.int8), -last - precision


def type_ends(settings: Settings) -> Calls:
    """Give the lowest and the highest integer of each type."""
    for dtype in INTEGERS:
        ends = np.iinfo(dtype)
        q = _integers([ends.min, ends.min + 1, -1, 0, 1, ends.max - 1, ends.max], dtype)
        for p in (0, ends.bits - 1, -1):
            yield q, p


def zeros(settings: Settings) -> Calls:
    """Zero codes, alone and among others."""
    for dtype in INTEGERS:
        yield np.zeros(3, dtype), 5
        yield _integers([0, 1, 0, -1, 0], dtype), -5


def many_p(settings: Settings) -> Calls:
    """Give the same codes at many p, those of a 32-bit and a 64-bit shift among them."""
    q = np.array([0, 1, -1, 3, -3, 5, -7, 100, -77, 127, -128, 2047, 30_001], np.int32)
    for p in (*range(-8, 13), 16, 20, 24, 30, 31, 32, 33, 62, 63, 64, -31, -32, -33):
        yield q, p
        for dtype in (np.int8, np.uint8, np.int16):
            yield q[(q >= np.iinfo(dtype).min) & (q <= np.iinfo(dtype).max)].astype(dtype), p


def huge_p(settings: Settings) -> Calls:
    """Give a p at which 2^-p is no float of 32 bits."""
    q = np.array([0, 1, -1, 127, -128, 2**30 + 1, -(2**31)], np.int32)
    for p in (130, 150, 160, 1000, -128, -200, -1000):
        yield q, p
    yield np.array([0, 2**62 + 1, -(2**63)]), 170


# small codes among such as float32 has to round
SMALL_AND_LONG = np.array([1, -1, 3, 2**24 + 1, -(2**24) - 3, 77, 0, -128])


def tails(settings: Settings) -> Calls:
    """Lengths around the widths of vector loops."""
    for length in TAIL_LENGTHS:
        yield np.resize(SMALL_AND_LONG, length).astype(np.int32), 3


def long(settings: Settings) -> Calls:
    """More elements than fit one block."""
    yield np.resize(np.arange(-128, 128), LONG).astype(np.int8), 5


def layouts(settings: Settings) -> Calls:
    """Arrays of one, two and three dimensions, to be laid out in memory in other ways."""
    q = np.arange(-60, 60)
    yield q.reshape(4, 30).astype(np.int8), 2
    yield (q * 2001).reshape(2, 3, 20).astype(np.int32), 0
    yield (q * (2**55 + 1)).reshape(12, 10), 40
    for shape in ((3, 9), (2, 3, 4)):
        yield np.resize(SMALL_AND_LONG, shape).astype(np.int32), 3
    yield q[:31].astype(np.int16), 1


def shapes(settings: Settings) -> Calls:
    """Arrays of no, one and four dimensions, and one without elements."""
    yield np.array(-5, np.int8), 1
    yield np.array(2**24 + 1, np.int32), 0
    yield np.zeros((0, 3), np.int16), 1
    yield np.array([1, -3, 0, 7]).reshape(1, 2, 2, 1), 2


def search_edges() -> list[int]:
    """Return codes that are hard to get right."""
    ends = [end for dtype in INTEGERS for end in (np.iinfo(dtype).min, np.iinfo(dtype).max)]
    return ends + _both([2**e + d for e in (8, 11, 24, 25, 31, 53, 54, 62) for d in (-1, 0, 1, 2, 3)])


def search_powers(settings: Settings) -> list[int]:
    """Return the p at which results become subnormal or infinite."""
    _, largest, _, subnormal = FLOATS[settings["dtype"]]
    low, high = -lowest_exponent(subnormal), int(np.frexp(largest)[1])
    return [low, low + 1, low + 4, -high, 1 - high, 8 - high, 24, 31, 32, 48, 62]


def _rule_differs(first: str, second: str) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Return the mask of where two ways of rounding to the dtype part."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        q, p = args
        one, other = (rounded_to(q, p, settings["dtype"], word) for word in (first, second))
        return [np.asarray(one != other)]

    return mask


def _codes(test: Callable[[Array], npt.ArrayLike]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(args[0]))]


def _results(test: Callable[[Array, float], npt.ArrayLike]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        size = np.abs(np.asarray(expected).astype(np.float64))
        return [np.asarray(test(size, FLOATS[settings["dtype"]][2]) & (args[0] != 0))]

    return mask


def _of_dtype(name: str) -> Region:
    return Region(
        name, f"on {name} arrays", lambda args, expected, settings: [np.full(args[0].shape, args[0].dtype.name == name)]
    )


def _magnitude_from(bits: int) -> Callable[[Array], npt.ArrayLike]:
    return lambda q: (q >= 2**bits) | (q <= -(2**bits))


REGIONS = (
    Region("zero", "where q is 0", _codes(lambda q: q == 0)),
    Region("lowest", "where q is the lowest integer of its type", _codes(lambda q: q == np.iinfo(q.dtype).min)),
    Region("infinite", "where the result overflows to infinity", _results(lambda size, normal: np.isinf(size))),
    Region("underflow", "where the result underflows to zero", _results(lambda size, normal: size == 0)),
    Region("subnormal", "where the result is subnormal or underflows", _results(lambda size, normal: size < normal)),
    Region("tie", "at ties of the result's last place", _rule_differs("half_even", "half_odd")),
    Region("past_2_53", "where |q| reaches 2^53", _codes(_magnitude_from(53))),
    Region("past_2_31", "where |q| reaches 2^31", _codes(_magnitude_from(31))),
    Region("past_2_24", "where |q| reaches 2^24", _codes(_magnitude_from(24))),
    Region("past_2_15", "where |q| reaches 2^15", _codes(_magnitude_from(15))),
    Region("inexact", "where the result is rounded", _rule_differs("floor", "ceil")),
    Region("p_above_30", "where p is above 30", any_p(lambda p: p > 30)),
    Region("p_negative", "where p is negative", any_p(lambda p: p < 0)),
    Region("p_zero", "where p is 0", any_p(lambda p: p == 0)),
    *map(_of_dtype, INTEGERS),
    Region("negative", "where q is negative", _codes(lambda q: q < 0)),
    Region("positive", "where q is positive", _codes(lambda q: q > 0)),
    Region("p_positive", "where p is positive", any_p(lambda p: p > 0)),
    *index_regions(),
)


def _exact(args: Arguments) -> tuple[Array, Array]:
    """Return q * 2^-p in float64, and where that is exact."""
    q, p = args
    with np.errstate(over="ignore"):
        v = np.ldexp(q.astype(np.float64), -p)
    exact = np.abs(q.astype(np.float64)) < 2.0**53
    return v, np.asarray(exact & ((np.abs(v) >= 2.0**-1022) | (q == 0)) & np.isfinite(v))


def _half_place(args: Arguments, answer: Any, settings: Settings) -> bool:
    precision, largest, _, subnormal = FLOATS[settings["dtype"]]
    v, exact = _exact(args)
    last = np.maximum(np.frexp(v)[1] - precision, lowest_exponent(subnormal))
    inside = exact & (np.abs(v) <= largest)
    error = np.abs(np.asarray(answer).astype(np.float64)[inside] - v[inside])
    return bool(np.all(np.ldexp(error, 1 - last[inside]) <= 1))


def _keeps_floats(args: Arguments, answer: Any, settings: Settings) -> bool:
    v, exact = _exact(args)
    same = exact & (nearest_float(v, settings["dtype"]) == v)
    return bool(np.all(np.asarray(answer).astype(np.float64)[same] == v[same]))


def _is_float(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = np.asarray(answer).astype(np.float64)
    kept = given.astype(float_dtype(settings["dtype"])).astype(np.float64)
    return bool(np.all((kept == given) | np.isnan(given)))


def _sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = np.asarray(answer).astype(np.float64)
    return bool(np.all(np.signbit(given) == (args[0] < 0)))


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = np.asarray(answer).astype(np.float64).reshape(-1)
    given = given[np.lexsort((given, args[0].reshape(-1)))]
    return bool(np.all(given[1:] >= given[:-1]))


LAWS = (
    Law("keeps_floats", "q * 2^-p comes back exactly where it is a float of the dtype", _keeps_floats),
    Law("half_place", "the result is within half a unit in its last place of q * 2^-p", _half_place),
    Law("is_float", "every result is a float of the dtype", _is_float),
    Law("sign", "the result has the sign of q, and 0 gives +0", _sign),
    Law("monotone", "a larger q never gives a smaller result", _monotone),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one result in one line."""
    q, p = args[0][index].reshape(1), args[1]
    name = settings["dtype"]
    low, high, result = (float(rounded_to(q, p, name, word)[0]) for word in ("floor", "ceil", "half_even"))
    text = f"q * 2^-p = {int(q[0])} * 2^{-p}"
    if low == high:
        return f"{text} = {result!r}, a {name}"
    return f"{text} lies between the {name}s {low!r} and {high!r}; the nearest (of equal ones the even) is {result!r}"

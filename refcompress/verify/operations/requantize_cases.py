"""Where requantizing is hard: the directed cases of ``requantize``, its laws, and the places where differences may lie.

The scaled value is v = acc * multiplier / 2^n with n = 31 - shift. Roundings part where v is a half, or as close to one
as an integer accumulator brings it; these accumulators are found by dividing the half by the factor.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization.requantize import (
    HIGH_MULTIPLY,
    INT32_MAX,
    INT32_MIN,
    requantize,
    scale_accumulators,
)
from refcompress.rounding import code_range
from refcompress.verify.inputs import TAIL_LENGTHS
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.quantize_cases import LONG, index_regions

Calls = Iterator[Arguments]

ONE = 2**30  # the multiplier of a power of two: at shift 1 the factor is 1
ODD_FACTORS = (1583594044, 2**31 - 1, 2**30 + 1, 1999999943)
# acc * multiplier is (2 k + 1) * 2^(30 - shift), plus or minus one
BESIDE_HALVES = (
    (2**30 - 1, 2**30 + 1, -30),  # 2^60 - 1
    (315916329, 1824726041, -29),
    (1977587791, 1311736145, -28),
    (99789673, 1444189401, -27),
    (1879048193, 1879048191, -26),
    (692323649, 1092848321, -25),
    (94237979, 1720427245, -24),
    (218947415, 1727822951, -24),
)
EXTREMES = (INT32_MIN, INT32_MIN + 1, -(2**30) - 1, -(2**30), -1, 0, 1, 2**30, 2**30 + 1, INT32_MAX - 1, INT32_MAX)


def requantized(args: Arguments, settings: Settings) -> Array:
    """Return the codes."""
    return requantize(*args, **{word: settings[word] for word in ("bits", "signed", "rounding")})


def in_any_range(args: Arguments, settings: Settings) -> Array:
    """Return the codes, whether or not the zero point is one of them."""
    acc, multiplier, shift, zero_point = args
    scaled = scale_accumulators(acc, multiplier, shift, settings["rounding"])
    return np.asarray(np.clip(scaled + zero_point, *limits(settings)))


def limits(settings: Settings) -> tuple[int, int]:
    """Return q_min and q_max."""
    return code_range(settings["bits"], signed=settings["signed"])


def _code(value: int, settings: Settings) -> int:
    low, high = limits(settings)
    return min(max(value, low), high)


def _int32(values: Iterable[int]) -> Array:
    return np.array([v for v in values if INT32_MIN <= v <= INT32_MAX], np.int32)


def around(halves: Iterable[int], multiplier: int, shift: int) -> Array:
    """Return the accumulators on both sides of these multiples of one half."""
    # h * 2^(30 - shift) / multiplier, whatever the sign of that power
    places = [(h << 62) // (multiplier << (32 + shift)) for h in halves]
    return _int32(p + d for p in places for d in (0, 1))


def small(settings: Settings) -> Calls:
    """Give accumulators that a person can follow by hand, one a call, the simplest first."""
    for zero_point in (0, _code(3, settings)):
        for shift in (0, 1, -1):
            for acc in (1, 3, 0, -1, -3, 2, 5, -2, -8, 100, -100):
                yield np.array([acc], np.int32), ONE, shift, zero_point


def reported(settings: Settings) -> Calls:
    """Give the inputs of reports in which one rounding and two part."""
    yield np.array([7984, -7984], np.int32), 1583594044, -9, 0
    yield np.array([1, -1], np.int32), ONE, -1, 0
    yield np.array([-1, 1, -3, 3], np.int32), ONE, 0, 0


def ties(settings: Settings) -> Calls:
    """Give exact halves: odd accumulators times a power of two."""
    odd = [h for m in range(20) for h in (2 * m + 1, -2 * m - 1)]
    zero_point = _code(5, settings)
    for multiplier, trailing in ((ONE, 30), (3 * 2**29, 29), (5 * 2**28, 28), (1025 * 2**20, 20)):
        for shift in (0, -1, -2, -7, -8, -16, -25):
            power = 30 - shift - trailing
            yield _int32(h << power for h in odd), multiplier, shift, zero_point if shift & 1 else 0


def near_ties(settings: Settings) -> Calls:
    """Give the accumulators on both sides of halves: a first rounding takes one of the two to the half itself."""
    halves = range(-255, 256, 2)
    for i, multiplier in enumerate(ODD_FACTORS):
        for shift in (-1, -2, -5, -9, -14, -22):
            yield around(halves, multiplier, shift), multiplier, shift, _code(i, settings)


def near_integers(settings: Settings) -> Calls:
    """Give the accumulators on both sides of integers."""
    for multiplier in ODD_FACTORS:
        for shift in (-4, -11, -20):
            yield around(range(-250, 251, 10), multiplier, shift), multiplier, shift, 0


def ends(settings: Settings) -> Calls:
    """Results around q_min and q_max, with zero points at and near the ends, and in the middle."""
    low, high = limits(settings)
    for zero_point in dict.fromkeys((0, low, high, _code(-7, settings), _code(10, settings))):
        halves = [2 * (end - zero_point) + h for end in (low, high, 0) for h in range(-5, 6)]
        for multiplier, shift in ((ONE, -3), (1583594044, -9), (2**31 - 1, 0), (ONE, 1)):
            yield around(halves, multiplier, shift), multiplier, shift, zero_point


def storage_ends(settings: Settings) -> Calls:
    """Results around the ends of codes of every width."""
    halves = [s * (2 << b) + h for b in range(1, 32) for s in (1, -1) for h in (-2, -1, 0, 1, 2, 3)]
    for multiplier, shift in ((ONE, 1), (ONE, -2), (1999999943, 3)):
        yield around(halves, multiplier, shift), multiplier, shift, 0
    yield around(halves, ONE, 0), ONE, 0, _code(1, settings)


def extremes(settings: Settings) -> Calls:
    """Give the ends of int32, and every shift."""
    for shift in range(-31, 32):
        yield _int32(EXTREMES), (ONE, 2**31 - 1)[shift & 1], shift, _code(shift, settings)


def every_shift(settings: Settings) -> Calls:
    """Accumulators of both signs that give small codes, at every shift."""
    for shift in range(-31, 32):
        multiplier = (1583594044, ONE)[shift & 1]
        yield around(range(-33, 34, 3), multiplier, shift), multiplier, shift, 0


def left_shifts(settings: Settings) -> Calls:
    """Accumulators of every size, shifted to the left: past int32 and far past it."""
    acc = _int32(s * ((1 << e) + d) for e in range(31) for d in (0, 1, 5) for s in (1, -1))
    for shift in (1, 2, 8, 16, 24, 31):
        yield acc, 1583594044, shift, _code(2, settings)


def past_float32(settings: Settings) -> Calls:
    """Accumulators and products that float32 cannot hold."""
    acc = _int32(s * ((1 << e) + d) for e in range(23, 31) for d in (1, 3, 5, 77, 1001) for s in (1, -1))
    for multiplier, shift in ((ONE, 1), (1583594044, 0), (2**31 - 1, -1), (2**30 + 1, 1)):
        yield acc, multiplier, shift, 0


def past_float64(settings: Settings) -> Calls:
    """Products of 55 to 61 bits, one unit beside a half, which float64 takes for the half."""
    for acc, multiplier, shift in BESIDE_HALVES:
        for zero_point in (0, _code(3, settings)):
            yield np.array([acc, -acc], np.int32), multiplier, shift, zero_point


# what saturates among what does not
OF_ALL_KINDS = np.array([7984, -7984, 348, -348, 10_000, -90_000, 200_000, 0, 1041, -1042], np.int32)


def tails(settings: Settings) -> Calls:
    """Lengths around the widths of vector loops."""
    for length in TAIL_LENGTHS:
        yield np.resize(OF_ALL_KINDS, length), 1583594044, -9, _code(3, settings)


def long(settings: Settings) -> Calls:
    """More elements than fit one block."""
    yield np.resize(np.arange(-3000, 3001, 7), LONG).astype(np.int32), 1583594044, -5, _code(-2, settings)


def layouts(settings: Settings) -> Calls:
    """Arrays of one, two and three dimensions, to be laid out in memory in other ways."""
    acc = np.arange(-60, 60, dtype=np.int32)
    yield (acc * 1237).reshape(4, 30), 1583594044, -9, _code(1, settings)
    yield (acc * 3).reshape(2, 3, 20), ONE, -1, 0
    yield (acc * 1_000_003).reshape(12, 10), 1999999943, -20, _code(-5, settings)
    yield acc[:31], 3 * 2**29, 0, 0
    for shape in ((3, 9), (2, 3, 5)):
        yield np.resize(OF_ALL_KINDS, shape), 1583594044, -9, _code(3, settings)


def shapes(settings: Settings) -> Calls:
    """Arrays of no, one and four dimensions, and one without elements."""
    yield np.array(-5, np.int32), ONE, 0, 0
    yield np.array(7984, np.int32), 1583594044, -9, _code(2, settings)
    yield np.zeros((0, 3), np.int32), ONE, 0, 0
    yield np.array([1, -3, 40, 7], np.int32).reshape(1, 2, 2, 1), ONE, -1, 0


Mask = Callable[[Arguments, Any, Settings], list[Array]]


def _accs(test: Callable[[Array], npt.ArrayLike]) -> Mask:
    return lambda args, expected, settings: [np.asarray(test(args[0].astype(np.int64)))]


def _calls(test: Callable[[int, int, int], bool]) -> Mask:
    """Return the mask of all elements of the calls whose multiplier, shift and zero point pass a test."""
    return lambda args, expected, settings: [np.full(args[0].shape, test(*args[1:]))]


def _products(test: Callable[[Array], npt.ArrayLike]) -> Mask:
    return lambda args, expected, settings: [np.asarray(test(np.abs(args[0].astype(np.int64) * args[1])))]


def words_part(first: str, second: str) -> Mask:
    """Return the mask of where two rounding words give other integers."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        acc, multiplier, shift, _ = args
        one, other = (scale_accumulators(acc, multiplier, shift, word) for word in (first, second))
        return [one != other]

    return mask


def _sum(args: Arguments, settings: Settings) -> Array:
    acc, multiplier, shift, zero_point = args
    return np.asarray(scale_accumulators(acc, multiplier, shift, settings["rounding"]) + zero_point)


def _outside(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    low, high = limits(settings)
    total = _sum(args, settings)
    return [(total < low) | (total > high)]


def _crossed(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    """Flag where the scaled value is outside the range and the zero point brings it in, or the other way round."""
    low, high = limits(settings)
    total = _sum(args, settings)
    before = total - args[3]
    return [((before < low) | (before > high)) != ((total < low) | (total > high))]


def _shifted_past(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    acc, _, shift, _ = args
    moved = acc.astype(np.int64) << max(shift, 0)
    return [(moved < INT32_MIN) | (moved > INT32_MAX)]


REGIONS = (
    Region("lowest_acc", "where acc is -2^31", _accs(lambda a: a == INT32_MIN)),
    Region("zero_acc", "where acc is 0", _accs(lambda a: a == 0)),
    Region("tie", "at ties", words_part("half_up", "half_down")),
    Region("past_int32", "where acc << shift leaves int32", _shifted_past),
    Region("crossed", "where the zero point moves the value into or out of the range", _crossed),
    Region("saturates", "where the result saturates", _outside),
    Region("past_2_53", "where acc * multiplier reaches 2^53", _products(lambda p: p >= 2**53)),
    Region("past_2_24", "where |acc| reaches 2^24", _accs(lambda a: np.abs(a) >= 2**24)),
    Region("past_2_15", "where |acc| reaches 2^15", _accs(lambda a: np.abs(a) >= 2**15)),
    Region("shift_left", "where shift is positive", _calls(lambda m, shift, z: shift > 0)),
    Region("shift_none", "where shift is 0", _calls(lambda m, shift, z: shift == 0)),
    Region("shift_far", "where shift is below -15", _calls(lambda m, shift, z: shift < -15)),
    Region("zero_point_negative", "where the zero point is negative", _calls(lambda m, shift, z: z < 0)),
    Region("zero_point_positive", "where the zero point is positive", _calls(lambda m, shift, z: z > 0)),
    Region("shift_right", "where shift is negative", _calls(lambda m, shift, z: shift < 0)),
    Region("zero_point", "where the zero point is not 0", _calls(lambda m, shift, z: z != 0)),
    Region("no_zero_point", "where the zero point is 0", _calls(lambda m, shift, z: z == 0)),
    Region("negative", "where acc is negative", _accs(lambda a: a < 0)),
    Region("positive", "where acc is positive", _accs(lambda a: a > 0)),
    Region("twice_rounded", "where one rounding and two part", words_part("half_up", "double")),
    Region("in_float32", "where float32 and integers part", words_part("half_even", "float")),
    *index_regions(),
)


def _flat(args: Arguments, answer: Any) -> tuple[Array, Array]:
    """Return acc and the answer in float64, flat."""
    return args[0].reshape(-1).astype(np.int64), np.asarray(answer).reshape(-1).astype(np.float64)


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    acc, codes = _flat(args, answer)
    order = np.lexsort((codes, acc))
    return bool(np.all(np.diff(codes[order]) >= 0))


def _stays_in_range(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = limits(settings)
    codes = np.asarray(answer).astype(np.float64)
    return bool(np.all((codes >= low) & (codes <= high)))


def _keeps_sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    acc, codes = _flat(args, answer)
    side = np.sign(codes - args[3])
    return bool(np.all((side == 0) | (side == np.sign(acc))))


def _within(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether (q - zero_point) * 2^n is as close to acc * multiplier as the rounding promises, in integers."""
    _, multiplier, shift, zero_point = args
    low, high = limits(settings)
    flat, codes = _flat(args, answer)
    moved = flat << max(shift, 0)
    saturated = (codes <= low) | (codes >= high)
    if not np.all(saturated | (codes == np.rint(codes))):
        return False
    inside = ~saturated & (moved >= INT32_MIN) & (moved <= INT32_MAX)
    product = flat[inside] * multiplier
    n, word = 31 - shift, settings["rounding"]
    limit = (1 << n) >> 1 if word.startswith("half") or word in HIGH_MULTIPLY or word == "float" else (1 << n) - 1
    if word in HIGH_MULTIPLY and shift < 0:
        limit += 2**30  # the first rounding, of the product to a multiple of 2^31
    if word == "float":  # three roundings to 24 bits: (1 + 2^-24)^3 - 1 is below 2^-22
        limit = limit + (np.abs(product) >> 22)
    return bool(np.all(np.abs(((codes[inside].astype(np.int64) - zero_point) << n) - product) <= limit))


LAWS = (
    Law(
        "within",
        "no code is further from acc * multiplier * 2^(shift - 31) + zero_point than rounding takes it",
        _within,
    ),
    Law("stays_in_range", "every code lies in [q_min, q_max]", _stays_in_range),
    Law("keeps_sign", "a positive acc never gives less than the zero point, a negative one never more", _keeps_sign),
    Law("monotone", "a larger acc never gives a smaller code", _monotone),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one code in one line."""
    acc, multiplier, shift, zero_point = args
    a, word = acc[index].reshape(1), settings["rounding"]
    low, high = limits(settings)
    scaled = int(scale_accumulators(a, multiplier, shift, word)[0])
    value = Fraction(int(a[0]) * multiplier, 2 ** (31 - shift))
    text = f"{int(a[0])} * {multiplier} * 2^{shift - 31} = {float(value):.9g}"
    if word in HIGH_MULTIPLY:
        high_half = int(scale_accumulators(a, multiplier, max(shift, 0), word)[0])
        text = f"{int(a[0])} * {multiplier} * 2^{max(shift, 0) - 31} rounds to {high_half}"
        text += f", {high_half} * 2^{shift} to {scaled}" if shift < 0 else ""
    else:
        text += f", {'in float32' if word == 'float' else word}: {scaled}"
    total = scaled + zero_point
    text += f"; + {zero_point} = {total}" if zero_point else ""
    return text if low <= total <= high else f"{text}, saturated to {min(max(total, low), high)}"

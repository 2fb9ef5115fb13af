"""Where quantizing is hard: the directed cases of ``quantize``, its laws, and the places where differences may lie.

Cases are laid out in codes: ``_steps([0.5, 1.5], p, settings)`` are the floats whose product with 2^p is 0.5 and 1.5.
Every 2^p is a finite float of float32 (of float64 for float64 inputs), so that no case is about the scale itself.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization.fixed_point import quantize
from refcompress.rounding import code_range, round_to_integer
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, extremes, float_dtype, floats, next_to
from refcompress.verify.operation import Arguments, Law, Region, Settings

LONG = 66_000  # longer than a block of 65,536
INT64_MIN = -(2**63)
Calls = Iterator[Arguments]


def quantized(args: Arguments, settings: Settings) -> Array:
    """Return the codes."""
    words = ("bits", "signed", "rounding", "overflow", "narrow_range")
    return quantize(*args, **{word: settings[word] for word in words})


def has_code(args: Arguments, settings: Settings) -> Array:
    """Flag the elements that the settings have a code for."""
    x, p = args
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling nan is invalid even to isnan
        if settings["bits"] is not None:
            return np.asarray(~np.isnan(x) if settings["overflow"] == "saturate" else np.isfinite(x))
        rounded = round_to_integer(np.ldexp(x.astype(np.float64), p), settings["rounding"])
    return np.asarray((rounded >= -(2.0**63)) & (rounded < 2.0**63))  # false for nan


def converted(args: Arguments, settings: Settings) -> Array:
    """Return the codes; where the reference refuses, what the processor's conversion to int64 leaves.

    An infinity without a range to saturate in, or a code outside int64, is met only when a rule that refuses it is
    held against a candidate that was not to: the conversion gives -2^63, whose low bits are 0.
    """
    x, p = args
    if settings["bits"] is None:
        v = product(args)
        fits = np.abs(v) < 2.0**63
        return np.where(fits, quantized((_kept(x, fits), p), settings), INT64_MIN)
    if settings["overflow"] == "wrap":
        return quantized((_kept(x, np.isfinite(x)), p), settings)
    return quantized(args, settings)


def _kept(x: Array, flags: Array) -> Array:
    return np.where(flags, x, x.dtype.type(0))


def limits(settings: Settings) -> tuple[int, int]:
    """Return q_min and q_max; without ``bits``, ends that no case reaches from within."""
    if settings["bits"] is None:
        return -(2**62), 2**62
    return code_range(settings["bits"], signed=settings["signed"], narrow_range=settings["narrow_range"])


def product(args: Arguments) -> Array:
    """Return x * 2^p in float64: exact on everything but the edges of float64."""
    with np.errstate(over="ignore"):
        return np.asarray(np.ldexp(args[0].astype(np.float64), args[1]))


def wraps(settings: Settings) -> bool:
    """Whether codes are taken modulo their number."""
    return settings["bits"] is not None and settings["overflow"] == "wrap"


def _steps(codes: npt.ArrayLike, p: int, settings: Settings) -> Array:
    """Return the floats that lie exactly at these (fractional) codes, as far as the dtype holds them."""
    return floats(np.ldexp(codes, -p), settings["dtype"])


def _at(codes: npt.ArrayLike, powers: tuple[int, ...], settings: Settings) -> Calls:
    for p in powers:
        x = _steps(codes, p, settings)
        if x.size:
            yield x, p


def _both(values: list[float]) -> list[float]:
    return [sign * v for v in values for sign in (1, -1)]


def small(settings: Settings) -> Calls:
    """Give numbers that a person can follow by hand, one a call, the simplest first."""
    for p in (0, 1, 2, -1):
        for code in (0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.25, 0.75, -0.25, -0.75, 1, -1, 3, -3):
            yield from _at([code], (p,), settings)


def halves(settings: Settings) -> Calls:
    """Exact ties, of both parities and both signs."""
    yield from _at(np.arange(-9, 9) + 0.5, (0, 3, -2), settings)


def beside_halves(settings: Settings) -> Calls:
    """Give a tie and its two neighbours, one unit in the last place away."""
    for x, p in _at(np.arange(-5, 5) + 0.5, (0, 4, -1), settings):
        yield next_to(x), p


def integers(settings: Settings) -> Calls:
    """Numbers that lie on a code."""
    yield from _at(np.arange(-20, 21), (0, 5), settings)


def fractions(settings: Settings) -> Calls:
    """Every sixteenth between codes, closer to 0 every 64th, and what lies 2^-7 to 2^-12 beside a tie."""
    yield from _at(np.arange(-640, 640) / 16, (0, 2), settings)
    yield from _at(np.arange(-256, 257) / 64, (1,), settings)
    beside = np.concatenate([[0.5 - 2.0**-k, 0.5 + 2.0**-k] for k in range(7, 13)])
    yield from _at(np.arange(-8, 8)[:, None] + beside, (0, 3), settings)


def ends(settings: Settings) -> Calls:
    """Give the ends of the range, and up to three codes beyond."""
    if settings["bits"] is None:
        return
    low, high = limits(settings)
    around = np.array([-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3])
    yield from _at(np.concatenate([low + around, high + around]), (0, 4, -2), settings)


def far_outside(settings: Settings) -> Calls:
    """One, two and three times the number of codes beyond either end."""
    if settings["bits"] is None:
        return
    low, high = limits(settings)
    span = high - low + 1
    codes = [side + k * span + d for side in (low, high) for k in (-3, -2, -1, 1, 2, 3) for d in (-1, 0, 1, 2.5)]
    yield from _at(codes, (0, 3), settings)


def storage_ends(settings: Settings) -> Calls:
    """Codes around the ends of the integer types of 8, 16 and 32 bits, whatever ``bits`` says."""
    codes = _both([2.0**e + d for e in (7, 8, 15, 16, 31, 32) for d in (-2, -1, -0.5, 0, 0.5, 1, 5, 130)])
    yield from _at([*codes, *_both([2.0**31 - 128, 2.0**31 + 256, 3e9, 2.0**32 + 512])], (0, 6), settings)


def largest(settings: Settings) -> Calls:
    """Give the largest numbers that there are: of the dtype, or of int64 where codes have no range."""
    below = [2.0**63 - 2.0**k for k in (10, 39, 55)]  # the last before 2^63 in each dtype
    powers = [2.0**e for e in (33, 40, 52, 61, 62)]
    if settings["bits"] is None:
        yield from _at(_both([*powers, *below]), (0, 20), settings)
        yield _steps([-(2.0**63)], 0, settings), 0
        return
    x = extremes(settings["dtype"])
    yield x, 0
    yield x, 7
    yield from _at(_both([*powers, *below, 2.0**63, 2.0**64, 2.0**100]), (0,), settings)


def infinities(settings: Settings) -> Calls:
    """Infinities, where they have a code."""
    if settings["bits"] is not None and settings["overflow"] == "saturate":
        yield np.array([np.inf, -np.inf, 1, -1], float_dtype(settings["dtype"])), 2


def subnormals(settings: Settings) -> Calls:
    """Zeros and subnormal numbers, at a p that makes codes of the larger ones, and at one that rounds all away."""
    _, _, normal, subnormal = FLOATS[settings["dtype"]]
    lift = 1 - int(np.frexp(normal)[1])  # normal * 2^lift = 1
    eighths = np.ldexp(np.arange(-16, 17) / 8, -lift)
    for p in (lift, lift + 1):
        yield floats(eighths, settings["dtype"]), p
    tiny = floats(_both([m * subnormal for m in (1, 2, 3, 5, 7)] + [normal, 0.0]), settings["dtype"])
    for p in (0, -3, -lift):
        yield tiny, p


def large_integers(settings: Settings) -> Calls:
    """Codes past 2^22 and 2^51, where one half is the last place, or less than it."""
    if settings["bits"] is not None and settings["bits"] < 24:
        return
    ends = [2.0**e + d for e in (22, 23, 24, 25, 31) for d in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 3)]
    wide = [2.0**e + d for e in (51, 52, 53, 54, 61) for d in (-1, -0.5, 0, 0.5, 1, 2)]
    yield from _at(_both(ends), (0, 12), settings)
    yield from _at(_both(wide), (0,), settings)


def many_p(settings: Settings) -> Calls:
    """Give the same codes at many p, those of a 32-bit and a 64-bit shift among them."""
    codes = np.concatenate([np.arange(-6, 6.5, 0.5), np.arange(-100, 103, 7.25), [512, -768, 1536]])
    yield from _at(codes, (*range(-8, 13), 16, 20, 24, 30, 31, 32, 33, 40, 62, 63, -31, -32, -40), settings)


def ends_of_p(settings: Settings) -> Calls:
    """Codes where 2^p is the largest of the dtype, and where it is the smallest normal number, or below it."""
    highest = int(np.frexp(FLOATS[settings["dtype"]][1])[1]) - 1
    below_two = [1.0, *np.arange(-15, 16) / 8]  # at the lowest p the dtype holds no other
    yield from _at([*below_two, *range(-6, 7), 100, -300], (highest, highest - 1), settings)
    yield from _at(below_two, (-highest, 1 - highest, 2 - highest), settings)


def grid(settings: Settings) -> Calls:
    """Every eighth of a code over the range, or over the middle of a wide one."""
    low, high = limits(settings)
    low, high = max(low, -300), min(high, 300)
    yield from _at(np.arange(8 * (low - 20), 8 * (high + 20) + 1) / 8, (0, 6), settings)


def _of_all_kinds(p: int, settings: Settings) -> Array:
    """Return ties, what lies one unit in the last place beside them, and what lies outside the range."""
    beside = next_to(_steps([0.5, -1.5, 2.5], p, settings))
    low, high = limits(settings)
    span = high - low + 1
    outside = [] if settings["bits"] is None else [high + 1, low - 1, high + 0.5, low - 3, high + span, low - 2 * span]
    return np.concatenate([beside, _steps([*outside, 3.5], p, settings)])


def long(settings: Settings) -> Calls:
    """More elements than fit one block, with ties, what lies beside them and what is out of range in every part."""
    kinds = [_steps(np.arange(-101, 101) * 0.5, 1, settings), _of_all_kinds(1, settings)]
    yield np.resize(np.concatenate(kinds), LONG), 1


def tails(settings: Settings) -> Calls:
    """Lengths around the widths of vector loops."""
    pattern = np.array([0.5, 1.5, -0.5, -1.5, 2.5, -2.5, 0.25, 3.75])
    for length in TAIL_LENGTHS:
        yield _steps(np.resize(pattern, length), 1, settings), 1
        if length:
            yield np.resize(_of_all_kinds(0, settings), length), 0


def layouts(settings: Settings) -> Calls:
    """Arrays of one, two and three dimensions, to be laid out in memory in other ways."""
    codes = (np.arange(120) - 60) * 0.5
    yield _steps(codes, 2, settings).reshape(4, 30), 2
    yield _steps(codes, 0, settings).reshape(2, 3, 20), 0
    yield _steps(codes[:31], 1, settings), 1
    yield np.resize(_of_all_kinds(0, settings), (3, 17)), 0


def shapes(settings: Settings) -> Calls:
    """Arrays of no, one and four dimensions, and one without elements."""
    dtype = float_dtype(settings["dtype"])
    yield np.array(2.5, dtype), 0
    yield np.array(-0.75, dtype), 1
    yield np.zeros((0, 3), dtype), 1
    yield _steps([0.5, 1.5, -2.5, 3], 0, settings).reshape(1, 2, 2, 1), 0


def _in_range(args: Arguments, settings: Settings) -> Array:
    low, high = limits(settings)
    v = product(args)
    held = (v != 0) | (args[0] == 0)  # what underflows lies beside 0, where rules part
    return np.asarray((v >= low) & (v <= high) & held)


def _half_step(args: Arguments, answer: Any, settings: Settings) -> bool:
    if not settings["rounding"].startswith("half"):
        return True
    inside = _in_range(args, settings)
    return bool(np.all(np.abs(np.asarray(answer) - product(args))[inside] <= 0.5))


def _whole_step(args: Arguments, answer: Any, settings: Settings) -> bool:
    inside, v = _in_range(args, settings), product(args)
    error = np.abs(np.asarray(answer) - v)[inside]  # rounded up to 1 next to an integer
    return bool(np.all((error < 1) | ((error == 1) & (v != np.rint(v))[inside])))


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    if wraps(settings):
        return True
    codes = np.asarray(answer, np.float64).reshape(-1)
    order = np.lexsort((codes, args[0].astype(np.float64).reshape(-1)))
    return bool(np.all(np.diff(codes[order]) >= 0))


def _stays_in_range(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = limits(settings)
    codes = np.asarray(answer)
    return settings["bits"] is None or bool(np.all((codes >= low) & (codes <= high)))


def _keeps_sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    if wraps(settings):
        return True
    return bool(np.all(np.asarray(answer) * np.sign(args[0].astype(np.float64)) >= 0))


def _keeps_integers(args: Arguments, answer: Any, settings: Settings) -> bool:
    v = product(args)
    whole = (v == np.floor(v)) & _in_range(args, settings)
    return bool(np.all(np.asarray(answer)[whole] == v[whole]))


LAWS = (
    Law("half_step", "|x - Q(x) * 2^-p| is at most half a step, 2^-(p+1), where nothing saturates", _half_step),
    Law("keeps_integers", "an x that lies exactly on a code keeps it: no rule moves an integer", _keeps_integers),
    Law("whole_step", "|x - Q(x) * 2^-p| is below a step, 2^-p, where nothing saturates", _whole_step),
    Law("in_range", "every code lies in [q_min, q_max]", _stays_in_range),
    Law("sign", "a code never has the other sign than x", _keeps_sign),
    Law("monotone", "a larger x never gets a smaller code", _monotone),
)


def _where(test: Callable[[Array], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(test(product(args)))]

    return mask


def _from_tie(v: Array) -> Array:
    """Return how far |v| lies from the nearest tie."""
    magnitude = np.abs(v)
    return np.asarray(np.abs(magnitude - np.floor(magnitude) - 0.5))


def _outside(overflow: str) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        low, high = limits(settings)
        v = round_to_integer(product(args), settings["rounding"])
        return [np.asarray(((v > high) | (v < low)) & (settings["overflow"] == overflow))]

    return mask


def _subnormal(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    x = np.abs(args[0].astype(np.float64))
    return [np.asarray((x > 0) & (x < FLOATS[args[0].dtype.name][2]))]


def _lowest(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [np.asarray(expected == limits(settings)[0])]


def _highest(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [np.asarray(expected == limits(settings)[1])]


def any_p(test: Callable[[int], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Return the mask of all elements of the calls with such a p."""
    return lambda args, expected, settings: [np.full(args[0].shape, test(args[1]))]


def _below_the_first_row(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    mask = np.full(args[0].shape, args[0].ndim > 1)
    if mask.ndim:
        mask[:1] = False
    return [mask]


def index_regions() -> tuple[Region, ...]:
    """Return the regions that are counted along the elements, in C order."""

    def counted(test: Callable[[Array, int], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
        def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
            x = args[0]
            return [np.asarray(test(np.arange(x.size), x.size)).reshape(x.shape)]

        return mask

    return (
        Region("last", "in the last element", counted(lambda i, n: i == n - 1), positional=True),
        Region("first", "in the first element", counted(lambda i, n: i == 0), positional=True),
        Region("lower_rows", "below the first row", _below_the_first_row, positional=True),
        *(
            Region(f"from_{n}", f"from element {n:,} on", counted(lambda i, _, n=n: i >= n), positional=True)  # type: ignore[misc]
            for n in (65_536, 1_024, 256)
        ),
    )


REGIONS = (
    Region("tie", "at ties", _where(lambda v: _from_tie(v) == 0)),
    Region("infinite", "where x is infinite", _where(np.isinf)),
    Region("subnormal", "where x is subnormal", _subnormal),
    Region("near_tie", "within 2^-8 of a tie", _where(lambda v: _from_tie(v) <= 2.0**-8)),
    Region("past_2_63", "where |x * 2^p| reaches 2^63", _where(lambda v: np.abs(v) >= 2.0**63)),
    Region("past_2_31", "where |x * 2^p| reaches 2^31", _where(lambda v: np.abs(v) >= 2.0**31)),
    Region("past_2_24", "where |x * 2^p| reaches 2^24", _where(lambda v: np.abs(v) >= 2.0**24)),
    Region("saturates", "where the code is out of range", _outside("saturate")),
    Region("wraps", "where the code is out of range", _outside("wrap")),
    Region("lowest", "where the lowest code is due", _lowest),
    Region("highest", "where the highest code is due", _highest),
    Region("p_above_30", "where p is above 30", any_p(lambda p: p > 30)),
    Region("p_negative", "where p is negative", any_p(lambda p: p < 0)),
    Region("p_zero", "where p is 0", any_p(lambda p: p == 0)),
    Region("zero", "where x is zero", _where(lambda v: v == 0)),
    Region("below_one", "where |x * 2^p| is below 1", _where(lambda v: np.abs(v) < 1)),
    Region("negative", "where x is negative", _where(lambda v: v < 0)),
    Region("positive", "where x is positive", _where(lambda v: v > 0)),
    Region("inexact", "where x * 2^p is no integer", _where(lambda v: np.isfinite(v) & (v != np.rint(v)))),
    Region("p_positive", "where p is positive", any_p(lambda p: p > 0)),
    *index_regions(),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one code in one line."""
    x, p = args
    code = int(quantized(args, settings)[index])
    v, about = float(product(args)[index]), ""
    if v == 0 and x[index] != 0:
        v, about = math.copysign(FLOATS["float64"][3], x[index]), ", or nearer to 0"
    whole = int(round_to_integer(np.array(v), settings["rounding"])) if np.isfinite(v) else v
    text = f"x * 2^p = {float(x[index])!r} * 2^{p} = {v!r}{about}, {settings['rounding']} gives {whole}"
    return text if whole == code else f"{text}, {settings['overflow']} gives {code}"

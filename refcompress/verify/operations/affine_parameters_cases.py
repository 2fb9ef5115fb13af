"""Where a scale and a zero point are hard to choose: the directed cases of ``affine_parameters``, laws and regions.

The ends are Python floats that float32 holds. The zero point q_min - x_min / s is a tie where x_min is an odd multiple
of the step's half: for every range that is symmetric around 0, and for those that are laid out so below.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization.affine_parameters import affine_parameters
from refcompress.rounding import code_range
from refcompress.verify.inputs import FLOATS, scattered
from refcompress.verify.operation import Arguments, Law, Region, Settings

Calls = Iterator[Arguments]
LARGEST, NORMAL, SUBNORMAL = FLOATS["float32"][1:]
WORDS = ("bits", "signed", "symmetric", "narrow_range", "arithmetic")


def chosen(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return the scale and the zero point."""
    return affine_parameters(*args, **{word: settings[word] for word in WORDS})


def limits(settings: Settings) -> tuple[int, int]:
    """Return q_min and q_max."""
    return code_range(settings["bits"], signed=settings["signed"], narrow_range=settings["narrow_range"])


def middle(settings: Settings) -> int:
    """Return the zero point of a symmetric range."""
    return 0 if settings["signed"] else 1 << (settings["bits"] - 1)


def widened(args: Arguments) -> tuple[float, float]:
    """Bring zero into the range."""
    return min(args[0], 0.0), max(args[1], 0.0)


def _ranges(pairs: Iterable[tuple[float, float]]) -> Calls:
    """Give the ranges whose ends float32 holds exactly."""
    for low, high in pairs:
        if all(abs(v) <= LARGEST and float(np.float32(v)) == v for v in (low, high)):
            yield float(low), float(high)


def _near(value: float) -> float:
    return float(np.float32(value))


def small(settings: Settings) -> Calls:
    """Give ranges that a person can follow by hand, the simplest first."""
    yield from _ranges(
        [(-1, 1), (0, 1), (-1, 0), (-1, 3), (-3, 1), (0, 0), (2, 2), (-2, -2), (1, 3), (-3, -1), (0, 255)]
    )
    yield from _ranges(
        [
            (-1, 5),
            (-1, 6),
            (-5, 1),
            (-2, 3),
            (-128, 127),
            (-127, 127),
            (-0.5, 1.5),
            (-8, 7),
            (-1, 254),
            (-2, 2),
            (-253, 257),
        ]
    )


def symmetric_ranges(settings: Settings) -> Calls:
    """Ranges with 0 in the middle: the zero point is a tie, or close to one in float32."""
    sizes = (0.1, 0.7, 3.7, 6.0, 1e-3, 1e-6, 1e3, 65504.0, 1 / 3, 2.5, 11.1, 0.05, 1e10, 1e-10, 127.5, 40.9)
    yield from _ranges((-_near(m), _near(m)) for m in sizes)


def ties(settings: Settings) -> Calls:
    """Zero points that are exact ties, of both parities, and their neighbours."""
    low, high = limits(settings)
    steps = high - low
    wanted = {0, 1, 2, 3, 6, steps // 3, steps // 2, steps - 2, steps - 1}
    counts = sorted(k for k in wanted if 0 <= k < steps)
    for k in counts:
        for unit in (1.0, 3.0, 2.0**-20):
            yield from _ranges([(-(2 * k + 1) * unit, (2 * steps - 2 * k - 1) * unit)])
    for k in counts[:4]:
        a, b = np.float32(-(2 * k + 1)), np.float32(2 * steps - 2 * k - 1)
        for toward in (-np.inf, np.inf):
            yield from _ranges([(float(np.nextafter(a, np.float32(toward))), float(b))])
            yield from _ranges([(float(a), float(np.nextafter(b, np.float32(toward))))])


def every_code(settings: Settings) -> Calls:
    """Zero points at whole codes over the range, and a quarter beside."""
    low, high = limits(settings)
    steps = high - low
    for k in range(0, steps + 1, max(1, steps // 12)):
        yield from _ranges([(-k, steps - k), (-4 * k - 1, 4 * (steps - k) - 1)])
        yield from _ranges([(-_near(0.1 * k), _near(0.1 * (steps - k)))])


def one_sided(settings: Settings) -> Calls:
    """Ranges without a negative or without a positive end, with 0 at one end or outside."""
    for a, b in (
        (0, 6),
        (10.5, 14),
        (0.1, 0.2),
        (3, 3.5),
        (1e-6, 1e3),
        (0, 0.3),
        (100, 101),
        (0, 1e30),
        (5, 1000),
        (0, 11),
    ):
        yield from _ranges([(_near(a), _near(b)), (-_near(b), -_near(a))])


def constants(settings: Settings) -> Calls:
    """Ranges of one value."""
    for c in (0.0, 5.0, 0.1, 1e-30, 1.0, 255.0, SUBNORMAL, NORMAL, LARGEST, 1e-8, 127.0):
        yield from _ranges([(_near(c), _near(c)), (-_near(c), -_near(c))])
    yield from _ranges([(-0.0, 0.0), (0.0, -0.0)])


def small_ranges(settings: Settings) -> Calls:
    """Ranges whose scale is subnormal, or would round to 0, or lies below the guards that libraries set."""
    for m in (1, 2, 100, 128, 255, 1000):
        yield from _ranges([(0, m * SUBNORMAL), (-m * SUBNORMAL, m * SUBNORMAL), (-m * SUBNORMAL, 3 * m * SUBNORMAL)])
    for size in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12, 1e-30, 1e-37, 1e-38, 1e-40):
        yield from _ranges([(-_near(size), _near(2.7 * size)), (0, _near(size)), (-_near(size), 0)])


def huge_ranges(settings: Settings) -> Calls:
    """Ranges at the end of float32, some wider than it reaches."""
    for m in (LARGEST, LARGEST / 2, _near(LARGEST / 3), _near(3e38), _near(1e38), _near(1e37)):
        yield from _ranges([(-m, m), (0, m), (-m, 0), (-m, _near(m / 3)), (-_near(m / 3), m), (-m, 1), (-1, m), (m, m)])


def uneven(settings: Settings) -> Calls:
    """Ranges as data has them: ends without a pattern, of many sizes."""
    draws = scattered((80, 2), 1_000_000) / 1e6
    for number, (a, b) in enumerate(draws):
        size = 10.0 ** (number % 9 - 4)
        yield from _ranges([(-_near(abs(a) * size), _near(abs(b) * size))])


def _scale(answer: Any) -> tuple[float, float]:
    return float(np.asarray(answer[0]).astype(np.float64)), float(np.asarray(answer[1]).astype(np.float64))


def _usable(args: Arguments, answer: Any, settings: Settings) -> bool:
    s, _ = _scale(answer)
    return 0 < s < np.inf


def _is_float32(args: Arguments, answer: Any, settings: Settings) -> bool:
    s, _ = _scale(answer)
    return float(np.float32(s)) == s or np.isnan(s)


def _is_code(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = limits(settings)
    _, z = _scale(answer)
    return low <= z <= high and z == np.floor(z)


def _covers(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether both ends lie within half a step, and what roundings add, of what the end codes stand for.

    The zero point is off by half a code at most; float32 adds four roundings of numbers up to the count of the codes.
    The scale is off by 2^-24 of it (three times that in float32), unless it is subnormal.
    """
    s, z = _scale(answer)
    (a, b), (low, high) = widened(args), limits(settings)
    if not NORMAL <= s < np.inf:
        return True
    exact = settings["arithmetic"] == "exact"
    slack = 0.0 if settings["symmetric"] else s * (0.5 + (0.0 if exact else (high - low + 1) * 2.0**-21))
    slack += (-a + b) * 2.0 ** (-23 if exact else -21)
    return (low - z) * s <= a + slack and (high - z) * s >= b - slack


def _no_wider(args: Arguments, answer: Any, settings: Settings) -> bool:
    s, _ = _scale(answer)
    (a, b), (low, high) = widened(args), limits(settings)
    steps = high - middle(settings) if settings["symmetric"] else high - low
    width = max(-a, b) if settings["symmetric"] else -a + b
    return width == 0 or s <= width / steps * (1 + 2.0**-21) + SUBNORMAL


def _no_width(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(widened(args) != (0.0, 0.0) or _scale(answer)[0] == 1)


def _one_sided(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether a range without negative (positive) numbers has its zero at the lowest (highest) code."""
    if settings["symmetric"] or (settings["arithmetic"] == "float32" and settings["bits"] > 16):
        return True
    (a, b), (low, high), z = widened(args), limits(settings), _scale(answer)[1]
    small = max(-a, b) / (high - low) < NORMAL and settings["arithmetic"] == "float32"
    return small or not ((a == 0 and z != low) or (a < 0 and b == 0 and z != high))


def _symmetric(args: Arguments, answer: Any, settings: Settings) -> bool:
    return not settings["symmetric"] or _scale(answer)[1] == middle(settings)


LAWS = (
    Law("usable", "the scale is positive and finite", _usable),
    Law("is_code", "the zero point is a code", _is_code),
    Law("is_float32", "the scale is a float32", _is_float32),
    Law("no_width", "a range of zero width has the scale 1", _no_width),
    Law("covers", "the end codes reach the ends of the range, but for half a step", _covers),
    Law("no_wider", "the scale is no larger than the width of the range over the number of steps", _no_wider),
    Law("one_sided", "a range that 0 ends has its zero point at an end of the codes", _one_sided),
    Law("symmetric", "a symmetric scheme has the middle code for its zero point", _symmetric),
)


def _calls_where(test: Callable[[float, float], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Return the mask of both parts of the calls whose widened range passes a test."""
    return lambda args, expected, settings: [np.array(bool(test(*widened(args))))] * 2


def _subnormal_scale(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [np.array(bool(expected[0] < NORMAL))] * 2


REGIONS = (
    Region("no_width", "where the range has no width", _calls_where(lambda a, b: a == b)),
    Region(
        "constant",
        "where both ends are equal",
        lambda args, expected, settings: [np.array(args[0] == args[1])] * 2,
    ),
    Region("too_wide", "where x_max - x_min overflows float32", _calls_where(lambda a, b: b - a > LARGEST)),
    Region("subnormal", "where the scale is subnormal", _subnormal_scale),
    Region(
        "zero_outside",
        "where 0 lies outside the range",
        lambda args, expected, settings: [np.array(args[0] > 0 or args[1] < 0)] * 2,
    ),
    Region("balanced", "where the range is symmetric around 0", _calls_where(lambda a, b: a == -b)),
    Region("below_eps", "where the scale is below 2^-23", lambda args, e, s: [np.array(bool(e[0] < 2.0**-23))] * 2),
    Region("no_negative", "where x_min is not negative", _calls_where(lambda a, b: a == 0)),
    Region("no_positive", "where x_max is not positive", _calls_where(lambda a, b: b == 0)),
    Region("left_heavy", "where |x_min| is larger than |x_max|", _calls_where(lambda a, b: -a > b)),
    Region("right_heavy", "where |x_max| is larger than |x_min|", _calls_where(lambda a, b: b > -a)),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Work out a scale or a zero point."""
    (low, high), (q_min, q_max) = widened(args), limits(settings)
    right = [part.item() for part in chosen(args, settings)]
    width = f"the range with 0 in it is {low} to {high}"
    exact = settings["arithmetic"] == "exact"
    rounded = "rounded once to float32" if exact else "each step in float32"
    if low == high:
        return f"{width}: s = 1.0" if index[0] == 0 else f"{width}: the code of 0 is {right[1]}"
    if settings["symmetric"]:
        zero = middle(settings)
        return (
            f"s = max(|{args[0]}|, |{args[1]}|) / ({q_max} - {zero}) = {right[0]!r}, {rounded}"
            if index[0] == 0
            else f"symmetric: z is the middle code {zero}"
        )
    steps = f"({high} - {low}) / ({q_max} - {q_min})"
    if index[0] == 0:
        return f"{width}: s = {steps} = {right[0]!r}, {rounded}"
    if not exact:
        return f"{width}: z = {q_min} - {low} / {right[0]!r}, each step in float32, half_even gives {right[1]}"
    z = q_min - Fraction(low) * (q_max - q_min) / (Fraction(high) - Fraction(low))
    return f"{width}: z = {q_min} - {low} / ({steps}) = {_number(z)}, half_even gives {right[1]}"


def _number(z: Fraction) -> str:
    """Write a number exactly where a short decimal does, else to six digits."""
    return str(float(z)) if (z * 64).denominator == 1 else f"{float(z):.6g}..."

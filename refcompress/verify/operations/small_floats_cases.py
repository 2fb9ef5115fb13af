"""Where casting to an 8-bit float is hard: the directed cases of ``cast_float8``, its laws, and where differences lie.

``dtype`` is the dtype of x. Cases are laid out around the numbers of the format: at them, half-way between two of them
(the ties), and beside that by one unit in the last place of x, or by what a narrower float on the way would lose.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization.small_floats import FORMATS, FloatFormat, cast_float8, decode, quantum_of
from refcompress.rounding import round_to_integer
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, extremes, float_dtype, floats, next_to
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.quantize_cases import LONG, index_regions

Calls = Iterator[Arguments]


def cast(args: Arguments, settings: Settings) -> Array:
    """Return the values of the format."""
    return cast_float8(*args, **{word: settings[word] for word in ("format", "overflow", "rounding")})


def format_of(settings: Settings) -> FloatFormat:
    """Return the format of the settings."""
    return FORMATS[settings["format"]]


def wide(x: Array) -> Array:
    """Return floats as float64."""
    return x.astype(np.float64)


def unbounded(x: Array, target: FloatFormat, rounding: str) -> Array:
    """Round float64 to the mantissa of a format, as if its exponents had no upper end."""
    flat = x.reshape(-1)
    quantum = quantum_of(flat, target)
    return (round_to_integer(flat / quantum, rounding) * quantum).reshape(x.shape)


@cache
def positive_numbers(word: str) -> Array:
    """Return 0 and all positive numbers of a format, in their order."""
    values = decode(np.arange(128), word).astype(np.float64)
    values = values[np.isfinite(values)]
    values.flags.writeable = False
    return values


def midpoints(settings: Settings) -> Array:
    """Return the ties: half-way between two numbers, and between the largest and the next that there is no more."""
    numbers = positive_numbers(settings["format"])
    largest = format_of(settings).largest
    return np.append(
        (numbers[:-1] + numbers[1:]) / 2, largest + quantum_of(np.array([largest]), format_of(settings)) / 2
    )


def _floats(values: npt.ArrayLike, settings: Settings) -> Array:
    """Return these and their negatives, as far as the dtype holds them."""
    array = np.asarray(values)
    return floats(np.concatenate([array, -array]), settings["dtype"])


def _beside(values: npt.ArrayLike, settings: Settings) -> Array:
    """Return these and their negatives, each with the floats of the dtype on both sides."""
    return next_to(_floats(values, settings))


def small(settings: Settings) -> Calls:
    """Give numbers that a person can follow by hand, one a call, the simplest first."""
    step = 2.0 ** -format_of(settings).mantissa_bits
    for x in (1, 1 + step / 2, 1 + 1.5 * step, 1 + 0.75 * step, 1 + 0.25 * step, 0, 2 - step / 2, 3, 100, 0.1):
        for value in (x, -x):
            yield (np.array([value], float_dtype(settings["dtype"])),)


def numbers(settings: Settings) -> Calls:
    """Every number of the format: none may move."""
    yield (_floats(positive_numbers(settings["format"]), settings),)


def ties(settings: Settings) -> Calls:
    """Half-way between neighbours, all over the range."""
    yield (_floats(midpoints(settings), settings),)


def beside_ties(settings: Settings) -> Calls:
    """Give each tie with the floats of the dtype on both sides of it."""
    yield (_beside(midpoints(settings), settings),)


def beside_numbers(settings: Settings) -> Calls:
    """Give each number with the floats of the dtype on both sides of it."""
    yield (_beside(positive_numbers(settings["format"]), settings),)


def rounded_twice(settings: Settings) -> Calls:
    """Give what lies 2^-9 to 2^-40 of itself beside a tie: a float of fewer bits on the way would make it one."""
    points = midpoints(settings)
    for bits in (9, 12, 16, 25, 40):
        near = np.concatenate([points * (1 + side * 2.0**-bits) for side in (1, -1)])
        x = _floats(near, settings)
        if x.size:
            yield (x,)


def between(settings: Settings) -> Calls:
    """Every sixteenth between neighbours."""
    values = positive_numbers(settings["format"])
    grid = values[:-1, None] + np.diff(values)[:, None] * (np.arange(1, 16) / 16)
    yield (_floats(grid, settings),)


def subnormals(settings: Settings) -> Calls:
    """Zeros, and eighths of the smallest number, up into the normal ones."""
    target = format_of(settings)
    count = 2 ** (target.mantissa_bits + 1) + 2
    yield (_floats(np.arange(8 * count) / 8 * target.smallest, settings),)
    yield (_beside(np.array([0.5, 1, 1.5, count - 2.5]) * target.smallest, settings),)
    # (n + 1/2 - 2^-bits) quanta: a first rounding to the mantissa makes them ties
    odd = np.concatenate([np.arange(2**target.mantissa_bits) + 0.5 - 2.0**-bits for bits in (3, 4, 5, 8, 10)])
    yield (_floats(odd * target.smallest, settings),)


def tiny(settings: Settings) -> Calls:
    """Give numbers far below the smallest of the format, and zeros of both signs."""
    smallest = format_of(settings).smallest
    yield (_floats([0.0, smallest / 2, smallest / 4, smallest * 2.0**-8, 1e-30, 2.0**-120], settings),)
    yield (extremes(settings["dtype"]),)


def around_largest(settings: Settings) -> Calls:
    """Give the largest number, the tie above it, the number that would be next, and what is around them."""
    largest = format_of(settings).largest
    step = float(quantum_of(np.array([largest]), format_of(settings))[0])
    eighths = largest + step * np.arange(-8, 25) / 8
    yield (_beside(eighths, settings),)


def far_outside(settings: Settings) -> Calls:
    """Give numbers past the largest by powers of two, up to the largest of the dtype."""
    largest = format_of(settings).largest
    powers = [largest * 2.0**e * f for e in (1, 2, 3, 4, 8, 16, 100, 900) for f in (1, 1.25, 0.75)]
    yield (_floats([*powers, 1e4, 65504, FLOATS[settings["dtype"]][1]], settings),)


def infinities(settings: Settings) -> Calls:
    """Infinities, alone and among others."""
    yield (np.array([np.inf, -np.inf], float_dtype(settings["dtype"])),)
    yield (np.array([1, np.inf, -1, -np.inf, 0, 2], float_dtype(settings["dtype"])),)


def nans(settings: Settings) -> Calls:
    """Give NaNs of both signs, alone and among others."""
    yield (np.array([np.nan, -np.nan], float_dtype(settings["dtype"])),)
    yield (np.array([1, np.nan, -1, -np.nan, 0, 500, -1e4], float_dtype(settings["dtype"])),)


def all_float16(settings: Settings) -> Calls:
    """Every finite float16 that the dtype holds."""
    patterns = np.arange(65_536, dtype=np.uint16).view(np.float16).astype(np.float64)
    yield (floats(patterns[np.isfinite(patterns)], settings["dtype"]),)


def long(settings: Settings) -> Calls:
    """More elements than fit one block."""
    yield (np.resize(_floats(midpoints(settings), settings), LONG),)


def _of_all_kinds(settings: Settings) -> Array:
    """Return what overflows, what is subnormal or rounds to 0, and ties."""
    form = format_of(settings)
    tie, tiny = 1 + 2.0 ** (-form.mantissa_bits - 1), form.smallest
    over = 1.5 * form.largest
    return floats([over, 2.5 * tiny, tie, -over, tiny / 4, -tiny, 0.0], settings["dtype"])


def tails(settings: Settings) -> Calls:
    """Lengths around the widths of vector loops."""
    step = 2.0 ** -format_of(settings).mantissa_bits
    pattern = np.array([1 + step / 2, -1 - step / 2, 1 + 1.5 * step, 3, -1.03, 0.0, 7.7, -2 + step / 2])
    for length in TAIL_LENGTHS:
        yield (np.resize(pattern, length).astype(float_dtype(settings["dtype"])),)
        if length:
            yield (np.resize(_of_all_kinds(settings), length),)


def layouts(settings: Settings) -> Calls:
    """Arrays of one, two and three dimensions, to be laid out in memory in other ways."""
    x = (np.arange(120) - 60.0) * 1.09
    for shape in ((4, 30), (2, 3, 20), (120,)):
        yield (x.reshape(shape).astype(float_dtype(settings["dtype"])),)
    yield (np.resize(_of_all_kinds(settings), (3, 9)),)


def shapes(settings: Settings) -> Calls:
    """Arrays of no, one and four dimensions, and one without elements."""
    dtype = float_dtype(settings["dtype"])
    yield (np.array(1.07, dtype),)
    yield (np.array(-33.3, dtype),)
    yield (np.zeros((0, 3), dtype),)
    yield (np.array([1.07, -2.2, 17.3, 0.4], dtype).reshape(1, 2, 2, 1),)


def turning_points(settings: Settings) -> list[float]:
    """Return ties, numbers and ends for the search, which moves them by powers of two."""
    target = format_of(settings)
    step = 2.0**-target.mantissa_bits
    quarters = [1 + k * step / 4 for k in range(4 * 2**target.mantissa_bits)]
    largest = [float(v) for v in midpoints(settings)[-2:]]
    return [*quarters, *largest, target.largest, *(k * target.smallest / 4 for k in range(1, 12))]


def _inside(args: Arguments, settings: Settings) -> Array:
    return np.asarray(np.abs(wide(args[0])) <= format_of(settings).largest)


def _given(answer: Any) -> Array:
    return wide(np.asarray(answer))


def _keeps_numbers(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, given = wide(args[0]), _given(answer)
    kept = _inside(args, settings) & (unbounded(x, format_of(settings), "floor") == x)
    return bool(np.all(given[kept] == x[kept]))


def _nearest(args: Arguments, answer: Any, settings: Settings) -> bool:
    if not settings["rounding"].startswith("half"):
        return True
    inside = _inside(args, settings)
    x, given = wide(args[0])[inside], _given(answer)[inside]
    low, high = (unbounded(x, format_of(settings), word) for word in ("floor", "ceil"))
    # one of the two neighbours, and not the farther: both distances have few bits more than x
    return bool(np.all(((given == low) & (x - low <= high - x)) | ((given == high) & (high - x <= x - low))))


def _neighbour(args: Arguments, answer: Any, settings: Settings) -> bool:
    inside = _inside(args, settings)
    x, given = wide(args[0])[inside], _given(answer)[inside]
    low, high = (unbounded(x, format_of(settings), word) for word in ("floor", "ceil"))
    return bool(np.all((given == low) | (given == high)))


def _is_value(args: Arguments, answer: Any, settings: Settings) -> bool:
    given, target = _given(answer), format_of(settings)
    values = np.concatenate([positive_numbers(settings["format"]), [np.inf] if target.infinite else []])
    return bool(np.all(np.isin(np.abs(given), values) | np.isnan(given)))


def _sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, given = wide(args[0]), _given(answer)
    counts = ~(np.isnan(x) | np.isnan(given)) & ((given != 0) | format_of(settings).negative_zero)
    unsigned_zero = (given == 0) & np.signbit(given) & (not format_of(settings).negative_zero)
    return bool(np.all(np.signbit(given[counts]) == np.signbit(x[counts])) and not unsigned_zero.any())


def _nan_stays(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, given = wide(args[0]), _given(answer)
    overflows = (settings["overflow"] == "ieee") & ~_inside(args, settings)
    return bool(np.all(np.isnan(given[np.isnan(x)])) and not np.isnan(given[~np.isnan(x) & ~overflows]).any())


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, given = wide(args[0]).reshape(-1), _given(answer).reshape(-1)
    numbers_alone = ~(np.isnan(x) | np.isnan(given))
    order = np.lexsort((given[numbers_alone], x[numbers_alone]))
    return bool(np.all(given[numbers_alone][order][1:] >= given[numbers_alone][order][:-1]))


def _symmetric(args: Arguments, answer: Any, settings: Settings) -> bool:
    if settings["rounding"] in ("half_up", "half_down", "floor", "ceil"):
        return True
    x, given = np.abs(wide(args[0]).reshape(-1)), np.abs(_given(answer).reshape(-1))
    order = np.argsort(x)
    x, given = x[order], given[order]
    twins = x[1:] == x[:-1]
    return bool(np.array_equal(given[1:][twins], given[:-1][twins], equal_nan=True))


LAWS = (
    Law("keeps_numbers", "a number of the format is kept: casting twice changes nothing", _keeps_numbers),
    Law("nearest", "no number of the format is nearer to x, where x does not overflow", _nearest),
    Law("neighbour", "the result is one of the two numbers around x, where x does not overflow", _neighbour),
    Law("is_value", "every result is a value of the format", _is_value),
    Law("nan", "a NaN stays one, and nothing else becomes one unless it overflows", _nan_stays),
    Law("sign", "a result has the sign of x, that of a zero included where the format has it", _sign),
    Law("symmetric", "-x gives the negative of what x gives", _symmetric),
    Law("monotone", "a larger x never gives a smaller result", _monotone),
)


Test = Callable[[Array, Settings], Array]


def _where(test: Test) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(test(wide(args[0]), settings))]

    return mask


def _rules_differ(first: str, second: str) -> Test:
    def test(x: Array, settings: Settings) -> Array:
        one, other = (unbounded(x, format_of(settings), word) for word in (first, second))
        return np.asarray(np.isfinite(x) & (one != other))

    return test


def _result(test: Callable[[Array, FloatFormat], Array]) -> Test:
    """Return the test of the magnitude that a number rounds to as if the exponents had no end."""

    def of_result(x: Array, settings: Settings) -> Array:
        size = np.abs(unbounded(x, format_of(settings), settings["rounding"]))
        return np.asarray(np.isfinite(x) & test(size, format_of(settings)))

    return of_result


def _smallest_normal(target: FloatFormat) -> float:
    return 2.0**target.lowest_exponent


def _carries(x: Array, settings: Settings) -> Array:
    size = np.abs(unbounded(x, format_of(settings), settings["rounding"]))
    return np.asarray(np.isfinite(x) & (size > np.abs(x)) & (np.frexp(size)[0] == 0.5))


REGIONS = (
    Region("nan", "where x is NaN", _where(lambda x, settings: np.isnan(x))),
    Region("infinite", "where x is infinite", _where(lambda x, settings: np.isinf(x))),
    Region("zero", "where x is 0", _where(lambda x, settings: x == 0)),
    Region("underflow", "where x rounds to 0", _where(lambda x, s: (x != 0) & _result(lambda v, t: v == 0)(x, s))),
    Region("overflow", "where a number overflows", _where(_result(lambda size, target: size > target.largest))),
    Region(
        "above_largest",
        "where x lies above the largest number and rounds to it",
        _where(lambda x, s: (np.abs(x) > format_of(s).largest) & _result(lambda v, t: v == t.largest)(x, s)),
    ),
    Region("tie", "at ties", _where(_rules_differ("half_even", "half_odd"))),
    Region("carries", "where x rounds up to a power of two", _where(_carries)),
    Region(
        "subnormal",
        "where the result is subnormal or 0",
        _where(_result(lambda size, target: size < _smallest_normal(target))),
    ),
    Region(
        "beyond", "where |x| is above the largest number", _where(lambda x, s: ~(np.abs(x) <= format_of(s).largest))
    ),
    Region("inexact", "where x is rounded", _where(_rules_differ("floor", "ceil"))),
    Region("normal", "where the result is a normal number", _where(_result(lambda v, t: v >= _smallest_normal(t)))),
    Region("negative", "where x is negative", _where(lambda x, settings: np.signbit(x) & ~np.isnan(x))),
    Region("positive", "where x is positive", _where(lambda x, settings: ~np.signbit(x) & ~np.isnan(x))),
    *index_regions(),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one result in one line."""
    x, name, target = wide(np.asarray(args[0][index]).reshape(1)), settings["format"], format_of(settings)
    result = float(cast((args[0][index].reshape(1),), settings)[0])
    if not np.isfinite(x[0]) or x[0] == 0:
        return f"x = {float(x[0])!r} gives {result!r} in {name} with overflow={settings['overflow']}"
    low, high, y = (float(unbounded(x, target, word)[0]) for word in ("floor", "ceil", settings["rounding"]))
    text = f"x = {float(x[0])!r} lies between {low!r} and {high!r}"
    if low == high:
        text = f"x = {low!r} has no more bits than {name} has"
    if abs(y) > target.largest:
        return (
            f"{text}; {y!r} is past the largest number {target.largest!r}, and {settings['overflow']} gives {result!r}"
        )
    return f"{text}; {settings['rounding']} gives {result!r}" if low != high else f"{text}: it is kept"

"""Where affine quantization is hard: the directed cases of ``affine_quantize``.

Cases are laid out in steps: u of them are the float nearest to u * s, or u * s itself where ties must be exact. Ways
to compute x / s part only at ties of scales that are no power of two, and where the quotient rounds to one.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, affine_calls, extremes, float_dtype, floats, next_to
from refcompress.verify.operation import Arguments, Settings
from refcompress.verify.operations.affine_cases import (
    FRACTION_SCALES,
    INTEGER_SCALES,
    POWERS,
    Calls,
    Row,
    calls,
    each_with,
    held,
    huge_scales,
    long_shapes,
    one_by_one,
    shaped,
    subnormal_scales,
)
from refcompress.verify.operations.affine_stages import divided, has_code, limits

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def zero_points(settings: Settings) -> list[int]:
    """Return codes for 0: 0 itself, odd and even ones, of both signs, the middle and the ends."""
    low, high = limits(settings)
    wanted = (0, 1, -3, 2, (low + high + 1) // 2, -128, 133, low, high, low + 1)
    return list(dict.fromkeys(z for z in wanted if low <= z <= high))


def nearest(values: npt.ArrayLike, settings: Settings) -> Array:
    """Round to the dtype, leaving out what it has only an infinity for."""
    with np.errstate(over="ignore"):
        x = np.asarray(values).astype(float_dtype(settings["dtype"]))
    return np.asarray(x[np.isfinite(x)])


Pairs = Iterable[tuple[float, int]]


def _answered(rows: Iterable[Row], settings: Settings) -> Iterator[Row]:
    """Leave out what the settings have no answer to."""
    for x, s, z in rows:
        if settings["scaling"] == "reciprocal":
            with np.errstate(over="ignore"):
                if not np.isfinite(divided(np.ones((), x.dtype), np.asarray(s))):
                    continue
        yield x[has_code((x, s, z), settings)], s, z


def _near(steps: npt.ArrayLike, pairs: Pairs, settings: Settings) -> Iterator[Row]:
    """Give the floats nearest to so many steps."""
    u = np.asarray(steps)
    with np.errstate(over="ignore"):
        yield from _answered(((nearest(u * s, settings), s, z) for s, z in pairs), settings)


def _exact(steps: npt.ArrayLike, pairs: Pairs, settings: Settings) -> Iterator[Row]:
    """Give the floats that are so many steps."""
    u = np.asarray(steps)
    yield from _answered(((floats(u * s, settings["dtype"]), s, z) for s, z in pairs), settings)


def _codes(codes: npt.ArrayLike, pairs: Pairs, settings: Settings) -> Iterator[Row]:
    """Give the floats nearest to these codes, whatever the zero point."""
    for s, z in pairs:
        yield from _near(np.asarray(codes) - z, [(s, z)], settings)


def _held_pairs(scales: Iterable[float], settings: Settings) -> list[tuple[float, int]]:
    return each_with(held(scales, settings), zero_points(settings))


def _both(values: Sequence[float]) -> list[float]:
    return [sign * v for v in values for sign in (1, -1)]


def small(settings: Settings) -> Calls:
    """Give numbers that a person can follow by hand, one a call, the simplest first."""
    codes = zero_points(settings)[:3]
    for s, u in ((1.0, (0.5, 1.5, 2.5, -0.5, -1.5, 0.25, 0.75, -0.75, 1.0, -1.0, 3.0, 0.0)), (2.0, (0.5, 1.5, 1, -2))):
        for z in codes:
            for steps in u:
                yield from one_by_one(_exact([steps], [(s, z)], settings), settings)
    for x, s in ((4.5, 3), (7.5, 5), (45.5, 7), (91, 14), (38.5, 11), (73.5, 49), (147, 98), (10, 3), (-8, 3)):
        yield from one_by_one(_exact([x / s], [(float(s), codes[0])], settings), settings)


def reported(settings: Settings) -> Calls:
    """Give inputs on which implementations were seen to be wrong."""
    low, high = limits(settings)
    middle = 133 if high >= 133 else (low + high) // 2
    for x, s, z in (
        ([0.25, 0.75, 1.25, 1.75], 0.5, 0),
        ([0.050018, -0.050018], 0.099976, 0),
        ([0.5, 1.5, 2.5, -0.5], 1.0, 1),
        ([91.0], 14.0, 0),
        ([147.0], 98.0, 0),
        ([3e9, 2.0**31 - 128, 2.0**31], 1.0, 0),
        ([-128.0, 127.0], 1.0, 0),
        ([2000.0, -2000.0], 1.0, -5),
        ([-5.0], 0.1, 0),
        ([1e30, -1e30, 0.0], 1.0, middle),
        ([0.49999997, 8388609.0], 1.0, 0),
    ):
        if low <= z <= high:
            (scale,) = held([s], settings)
            yield from calls(_answered([(nearest(x, settings), scale, z)], settings), settings)


def binary_ties(settings: Settings) -> Calls:
    """Exact ties of scales that are powers of two, of both parities and signs, with zero points of both parities."""
    pairs = [(s, z) for s in POWERS for z in zero_points(settings)]
    yield from calls(_exact(np.arange(-9, 9) + 0.5, pairs, settings), settings)


def integer_ties(settings: Settings) -> Calls:
    """Exact ties of scales that are no power of two: x = (2 k + 1) * s / 2."""
    yield from calls(_exact(np.arange(-40, 40) + 0.5, _held_pairs(INTEGER_SCALES, settings), settings), settings)


def fraction_ties(settings: Settings) -> Calls:
    """Give the floats nearest to ties: the quotient rounds to the tie, or to what lies beside it."""
    _, high = limits(settings)
    most = min(high, 130)
    scales = [s * 2.0**e for s in FRACTION_SCALES for e in (0, -3)]
    yield from calls(_near(np.arange(-most, most) + 0.5, _held_pairs(scales, settings), settings), settings)


def beside_ties(settings: Settings) -> Calls:
    """Give ties and their two neighbours, one unit in the last place away."""
    pairs = _held_pairs([*POWERS, 3.0, 7.0, 14.0, 49.0, *FRACTION_SCALES[:5]], settings)
    rows = ((next_to(x), s, z) for x, s, z in _near(np.arange(-7, 7) + 0.5, pairs, settings) if x.size)
    yield from calls(rows, settings)


def whole_steps(settings: Settings) -> Calls:
    """Numbers that lie on a code, and their two neighbours."""
    pairs = _held_pairs([1.0, 0.5, 3.0, 7.0, 0.1, 1 / 3, 41.0, 1 / 255], settings)
    yield from calls(_exact(np.arange(-20, 21), pairs, settings), settings)
    yield from calls(((next_to(x), s, z) for x, s, z in _near(np.arange(-8, 9), pairs, settings) if x.size), settings)


def fractions(settings: Settings) -> Calls:
    """Every sixteenth of a step, and what lies 2^-7 to 2^-12 beside a tie."""
    pairs = _held_pairs([1.0, 0.5, 3.0, 0.1], settings)
    yield from calls(_near(np.arange(-320, 320) / 16, pairs, settings), settings)
    beside = np.concatenate([[0.5 - 2.0**-k, 0.5 + 2.0**-k] for k in range(7, 13)])
    yield from calls(_near(np.arange(-8, 8)[:, None] + beside, pairs, settings), settings)


def ends(settings: Settings) -> Calls:
    """Give the ends of the range, with every kind of zero point, and up to three codes beyond."""
    low, high = limits(settings)
    around = np.array([-2, -1, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3])
    pairs = [(s, z) for s in held([1.0, 3.0, 0.1], settings) for z in zero_points(settings)]
    yield from calls(_codes(np.concatenate([low + around, high + around]), pairs, settings), settings)


def far_outside(settings: Settings) -> Calls:
    """One, two, three and many times the number of codes beyond either end."""
    low, high = limits(settings)
    span = high - low + 1
    far = [side + k * span + d for side in (low, high) for k in (-9, -3, -2, -1, 1, 2, 3, 9) for d in (-1, 0, 1, 2.5)]
    pairs = [(s, z) for s in held([1.0, 7.0, 0.05], settings) for z in zero_points(settings)]
    yield from calls(_codes(far, pairs, settings), settings)


def storage_ends(settings: Settings) -> Calls:
    """Give steps around the ends of the integer types of 8, 16 and 32 bits, whatever ``bits`` says."""
    steps = _both([2.0**e + d for e in (7, 8, 15, 16, 31, 32) for d in (-2, -1, -0.5, 0, 0.5, 1, 5, 130)])
    wide = _both([2.0**31 - 128, 2.0**31 + 256, 3e9, 2.0**32 + 512, 2.0**40, 2.0**62, 2.0**63, 2.0**64, 2.0**100])
    yield from calls(_near([*steps, *wide], _held_pairs([1.0, 0.5, 3.0, 0.1, 2.0], settings), settings), settings)


def largest(settings: Settings) -> Calls:
    """Give the largest and smallest numbers, with scales at which the quotient overflows or vanishes."""
    x = extremes(settings["dtype"])
    tiny = [2.0**-e for e in (3, 10, 14, 20, 40, 100)]
    pairs = _held_pairs([1.0, 0.1, 100.0, *tiny, 1e4, 2.0**40, 2.0**100], settings)
    yield from calls(_answered(((x, s, z) for s, z in pairs), settings), settings)


def infinities(settings: Settings) -> Calls:
    """Infinities, where they have a code, also where the scale is so large that an end of the range overflows."""
    if settings["overflow"] == "saturate":
        largest = FLOATS[settings["dtype"]][1]
        x = np.array([np.inf, -np.inf, 1, -1], float_dtype(settings["dtype"]))
        pairs = _held_pairs([1.0, 0.1, largest / 2, largest / 100], settings)
        yield from calls(_answered(((x, s, z) for s, z in pairs), settings), settings)


def tiny_scales(settings: Settings) -> Calls:
    """Scales at which 1 / s is infinite, with ordinary quotients."""
    steps = np.concatenate([np.arange(-9, 9.5, 0.5), [40, -100, 126.5]])
    yield from calls(_exact(steps, _held_pairs(subnormal_scales(settings), settings), settings), settings)


def large_scales(settings: Settings) -> Calls:
    """Scales at which 1 / s is subnormal, with quotients of at most 1, and the largest numbers."""
    pairs = _held_pairs(huge_scales(settings), settings)
    yield from calls(
        _near([0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1, -1, 1.5, -1.5, 2, -2], pairs, settings), settings
    )


def large_steps(settings: Settings) -> Calls:
    """Quotients past 2^10, 2^22 and 2^51, where one half is the last place of some dtype, or less than it."""
    if settings["bits"] < 12:
        return
    steps = [2.0**e + d for e in (10, 11, 12, 22, 23, 24, 25, 30) for d in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5, 3)]
    pairs = _held_pairs([1.0, 0.5, 3.0, 7.0, 0.1, 14.0, 1 / 3, 2 / 255], settings)
    yield from calls(_near(_both(steps), pairs, settings), settings)


def many_scales(settings: Settings) -> Calls:
    """Give the same steps at scales of every size."""
    steps = np.concatenate([np.arange(-6, 6.5, 0.5), np.arange(28) * 7.25 - 100])
    powers = range(-14, 9) if settings["dtype"] == "float16" else (*range(-24, 25, 3), -40, -64, -100, 40, 64, 100)
    scales = [m * 2.0**e for e, m in zip(powers, itertools.cycle((1, 3, 1.1)), strict=False)]
    yield from calls(_near(steps, _held_pairs(scales, settings), settings), settings)


def many_zero_points(settings: Settings) -> Calls:
    """Give the same numbers with zero points over the whole range."""
    low, high = limits(settings)
    step = max(1, (high - low) // 24)
    steps = np.concatenate([np.arange(-4, 4.5, 0.5), [-300, 300, 60.25, -60.25]])
    pairs = [
        (s, z)
        for z, s in zip((*range(low, high, step), high), itertools.cycle(held([1.0, 0.3], settings)), strict=False)
    ]
    yield from calls(_near(steps, pairs, settings), settings)


def grid(settings: Settings) -> Calls:
    """Every quarter of a code over the range, or over the middle of a wide one."""
    low, high = limits(settings)
    low, high = max(low, -300), min(high, 300)
    codes = np.arange(4 * (low - 10), 4 * (high + 10) + 1) / 4
    yield from calls(_codes(codes, _held_pairs([0.1, 1.0, 3.0], settings), settings), settings)


def _from_codes(u: Array, settings: Settings) -> Callable[[Array, Array], Array]:
    """Return a function of scales and zero points that gives the floats nearest to codes, from their place in range."""
    low, high = limits(settings)
    centre = min((low + high) // 2, 64)

    def values(s: Array, z: Array) -> Array:
        steps = np.clip(u + centre, low - 2, high + 2) - z
        return np.asarray((steps * s.astype(np.float64)).astype(float_dtype(settings["dtype"])))

    return values


def _some_outside(u: Array, settings: Settings) -> Array:
    """Move every fifth place out of a range of up to 8 bits, beyond one end and the other in turn."""
    low, high = limits(settings)
    far = 2.0 * min(high - low, 255)
    flat = u.reshape(-1).copy()
    flat[3::5] = np.resize([far, -far], flat[3::5].size)
    return flat.reshape(u.shape)


def _small_zero_points(settings: Settings) -> list[int]:
    return [z for z in zero_points(settings) if abs(z) < 200]


def long(settings: Settings) -> Calls:
    """More elements than fit one block, with ties and what is out of range in every part."""
    for shape in long_shapes(settings["axis"]):
        u = _some_outside(np.resize(np.arange(-101, 102) * 0.5, shape), settings)
        yield from shaped(shape, [0.5, 3.0, 0.25], [1, 0], _from_codes(u, settings), settings)


def tails(settings: Settings) -> Calls:
    """Lengths around the widths of vector loops."""
    pattern = np.array([0.5, 1.5, -0.5, -1.5, 2.5, -2.5, 0.25, 3.75])
    for length in TAIL_LENGTHS:
        shape = {None: (length,), 0: (2, length), 1: (1, 2, length), -1: (length, 2)}[settings["axis"]]
        u = _some_outside(np.resize(pattern, shape), settings)
        yield from shaped(shape, held([0.5, 3.0], settings), [1, 0], _from_codes(u, settings), settings)


def equal_sizes(settings: Settings) -> Calls:
    """Arrays whose axes are equally long, with channels that differ in scale and zero point."""
    if settings["axis"] is None:
        return
    scales, zeros = held([0.5, 0.1, 3.0, 0.7], settings), _small_zero_points(settings)
    for shape in ((3, 3, 3), (4, 4), (2, 2, 2), (4, 4, 2, 4), (4,), (2, 2)):
        u = (np.arange(np.prod(shape)) * 1.75 - np.prod(shape)).reshape(shape)
        yield from shaped(shape, scales, zeros, _from_codes(u, settings), settings)


def layouts(settings: Settings) -> Calls:
    """Arrays of one, two and three dimensions, to be laid out in memory in other ways."""
    for shape in ((4, 30), (2, 3, 20), (31,)):
        u = _some_outside(((np.arange(np.prod(shape)) * 37) % 121 * 0.5 - 30).reshape(shape), settings)
        values = _from_codes(u, settings)
        yield from shaped(shape, held([0.5, 3.0, 0.1, 1.0], settings), _small_zero_points(settings), values, settings)


def shapes(settings: Settings) -> Calls:
    """Arrays of no, one and four dimensions, and arrays without elements."""
    for shape in ((), (3, 0), (0, 3), (1, 2, 2, 1), (2, 1, 2, 2)):
        u = (np.arange(np.prod(shape)) * 1.5 - 2.5).reshape(shape)
        yield from shaped(shape, held([1.0, 0.3], settings), [1, 0], _from_codes(u, settings), settings)


def search(settings: Settings) -> "SearchStrategy[Arguments]":
    """Return the strategy of the search: steps and halves, codes around the ends of the range, and any float."""
    low, high = limits(settings)
    scales = held([*POWERS, 3.0, 14.0, 0.1, 49.0, 7.0, 1 / 255, *FRACTION_SCALES[2:5]], settings)

    def call(drawn: list[tuple[float, int]], elements: list[int | float | tuple[int, int]]) -> Arguments:
        rows = []
        for s, z in drawn if settings["axis"] is not None else drawn[:1]:
            steps = [
                e if isinstance(e, float) else (e / 2 if isinstance(e, int) else (low, high)[e[0]] - z + e[1] / 2) * s
                for e in elements
            ]
            rows += list(_answered([(nearest(steps, settings), s, z)], settings))
        filled = [row for row in rows if row[0].size] or [(np.zeros(1, float_dtype(settings["dtype"])), 1.0, 0)]
        return next(calls(filled, settings))

    return affine_calls(settings["dtype"], scales, zero_points(settings), call)

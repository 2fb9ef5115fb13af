"""Where fake quantization is hard: what ``fake_quantize`` adds to the cases of ``affine_quantize``, and its laws.

The codes are those of ``affine_quantize``; on the way back (q - z) * s is rounded once to the dtype.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization import exactly
from refcompress.quantization.fake_quantize import fake_quantize
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations import affine_quantize_laws
from refcompress.verify.operations.affine_cases import (
    FRACTION_SCALES,
    INTEGER_SCALES,
    Calls,
    Row,
    broadcast,
    calls,
    each_with,
    held,
    huge_scales,
)
from refcompress.verify.operations.affine_quantize_cases import nearest, zero_points
from refcompress.verify.operations.affine_stages import WORDS, converted, has_code, limits, narrowed, quantized


def fake_quantized(args: Arguments, settings: Settings) -> Array:
    """Return the values."""
    return fake_quantize(*args, **{word: settings[word] for word in WORDS})


def to_values(codes: Array, args: Arguments, settings: Settings) -> Array:
    """Return (q - z) * s, rounded once to the dtype, for codes that may lie outside the range or between integers."""
    _, s, z = broadcast(args, settings)
    dtype = float_dtype(settings["dtype"])
    with np.errstate(all="ignore"):
        n, s = np.broadcast_arrays(np.asarray(codes).astype(np.float64) - z, s)
        return np.where(np.isfinite(n), exactly.product(n, s, dtype), n).astype(dtype)


def other_values(args: Arguments, settings: Settings) -> Array:
    """Return the values of one who follows other settings, also where the reference refuses."""
    return to_values(converted(args, settings), args, settings)


def end_values(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return what q_min and q_max stand for, as float64."""
    low, high = (to_values(np.asarray(end), args, settings).astype(np.float64) for end in limits(settings))
    return low, high


def at_codes(codes: Array, s: float, z: int, settings: Settings) -> Row:
    """Return the floats nearest to what these codes stand for, as a channel."""
    return nearest((codes - z) * s, settings), s, z


def _answered(rows: Iterable[Row], settings: Settings) -> Iterator[Row]:
    """Leave out what the settings have no answer to."""
    for x, s, z in rows:
        yield x[has_code((x, s, z), settings)], s, z


def products(settings: Settings) -> Calls:
    """Codes over the whole range at scales with long significands: (q - z) * s is rounded."""
    low, high = limits(settings)
    codes = np.unique(np.linspace(low, high, 257).round()) + 0.0
    codes = np.append(codes, -0.0)  # both zeros: which one unique keeps depends on the processor
    scales = held([*FRACTION_SCALES, *INTEGER_SCALES[::10]], settings)
    rows = (at_codes(codes, s, z, settings) for s, z in each_with(scales, zero_points(settings)))
    yield from calls(_answered(rows, settings), settings)


def overflow(settings: Settings) -> Calls:
    """Scales at which codes of the range stand for more than the largest float; infinities, where they have a code."""
    largest = FLOATS[settings["dtype"]][1]
    x = np.array([largest, -largest, 0.75 * largest, 0.0, np.inf, -np.inf]).astype(float_dtype(settings["dtype"]))
    scales = [*huge_scales(settings), *held([largest / 1.5, largest / 7, largest / 130], settings)]
    pairs = each_with(scales, zero_points(settings))
    yield from calls(_answered(((x, s, z) for s, z in pairs), settings), settings)


def _on_grid(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Where neighbouring values fall together in the dtype, the nearest code may be another one of the same value."""
    _, s, z = broadcast(args, settings)
    given = np.asarray(answer).astype(np.float64)
    back = to_values(np.rint(given / s) + z, args, settings).astype(np.float64)
    return bool(np.all(back == given))


def _in_range(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = end_values(args, settings)
    given = np.asarray(answer).astype(np.float64)
    return bool(np.all((given >= low) & (given <= high)))


def _within(steps: float) -> Callable[[Arguments, Any, Settings], bool]:
    """Return the law that no value is further from x than so many steps, and the roundings of x / s and the product."""

    def law(args: Arguments, answer: Any, settings: Settings) -> bool:
        if steps < 1 and not settings["rounding"].startswith("half"):
            return True
        x, s, z = broadcast(args, settings)
        value, given = x.astype(np.float64), np.asarray(answer).astype(np.float64)
        unit = 2.0 ** (1 - FLOATS[settings["dtype"]][0])
        low, high = end_values(args, settings)
        # at most three roundings before the integer, of x / s or its sum with z, and one of the product
        slack = 2 * unit * (2 * np.abs(value) + np.abs(z) * s + s)
        inside = (np.clip(value, low + slack, high - slack) == value) & np.isfinite(low) & np.isfinite(high)
        # x / s and its sum with z do not overflow
        held = narrowed(settings["dtype"])(2 * (np.abs(value) / s + np.abs(z)))
        inside &= np.isfinite(held) & (s >= FLOATS[settings["dtype"]][2])
        return bool(np.all((np.abs(given - value) <= steps * s + slack)[inside]))

    return law


def _keeps_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, _, z = broadcast(args, settings)
    given = np.asarray(answer).astype(np.float64)
    zero = (x == 0) & (np.abs(z) <= 2.0 ** FLOATS[settings["dtype"]][0])  # further out x / s + z is no integer
    return bool(np.all((given[zero] == 0) & ~np.signbit(given[zero])))


def _side(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, _, z = broadcast(args, settings)
    if settings["overflow"] == "wrap" or np.any(np.abs(z) > 2.0 ** FLOATS[settings["dtype"]][0]):
        return True
    return bool(np.all(np.sign(np.asarray(answer).astype(np.float64)) * np.sign(x.astype(np.float64)) >= 0))


def by_channel(x: Array, values: Array, settings: Settings) -> Iterator[tuple[Array, Array]]:
    """Yield the numbers of each channel, and what belongs to them, flat."""
    axis = settings["axis"]
    pairs = [(x, values)] if axis is None else zip(np.moveaxis(x, axis, 0), np.moveaxis(values, axis, 0), strict=True)
    for numbers, own in pairs:
        yield numbers.reshape(-1).astype(np.float64), own.reshape(-1).astype(np.float64)


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    for x, values in by_channel(args[0], np.asarray(answer), settings):
        order = np.argsort(x)
        rise, step = values[order][1:] >= values[order][:-1], x[order][1:] > x[order][:-1]
        level = values[order][1:] == values[order][:-1]
        if not np.all(np.where(step, rise | (settings["overflow"] == "wrap"), level)):
            return False
    return True


LAWS = (
    Law("keeps_zero", "0 gives +0", _keeps_zero),
    Law("on_grid", "every value is (q - z) * s for an integer q, rounded once to the dtype", _on_grid),
    Law("in_range", "every value lies between those of q_min and q_max", _in_range),
    Law("half_step", "|x - x'| is at most s / 2, but for roundings, inside the range", _within(0.5)),
    Law("whole_step", "|x - x'| is at most s, but for roundings, inside the range", _within(1)),
    Law("side", "a value never has the other sign than x", _side),
    Law(
        "monotone",
        "a larger x of the same channel never gets a smaller value, and an equal one gets the same",
        _monotone,
    ),
)


def _of_codes(region: Region) -> Region:
    """Return a region of ``affine_quantize``, which looks at the codes, for the values."""
    return Region(
        region.name,
        region.where,
        lambda args, expected, settings: region.mask(args, quantized(args, settings), settings),
        region.positional,
    )


def _rounded_product(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    _, s, z = broadcast(args, settings)
    n, s = np.broadcast_arrays(quantized(args, settings).astype(np.float64) - z, s)
    product, error = exactly.two_product(n, np.frexp(s)[0])
    return [(error != 0) | (np.ldexp(product, np.frexp(s)[1]) != np.asarray(expected).astype(np.float64))]


REGIONS = (
    Region("overflow", "where the value overflows to infinity", lambda args, expected, settings: [np.isinf(expected)]),
    *map(_of_codes, affine_quantize_laws.REGIONS),
    Region("rounded_product", "where (q - z) * s is rounded", _rounded_product),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one value in one line."""
    _, s, z = (np.broadcast_to(v, np.shape(args[0]))[index] for v in broadcast(args, settings))
    q = int(quantized(args, settings)[index])
    value = float(fake_quantized(args, settings)[index])
    text = affine_quantize_laws.by_hand(args, index, settings)
    return f"{text}; x' = ({q} - {int(z)}) * {float(s)!r} = {value!r} in {settings['dtype']}"

"""What any right affine quantizer satisfies, where the differences of a wrong one may lie, and one code by hand."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization import exactly
from refcompress.rounding import round_to_integer
from refcompress.verify.inputs import FLOATS
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.affine_cases import broadcast, parameter_regions
from refcompress.verify.operations.affine_stages import (
    divided,
    fuses,
    limits,
    quantized,
    quotient,
    staged,
    to_be_rounded,
)
from refcompress.verify.operations.quantize_cases import index_regions


def _steps(args: Arguments, settings: Settings) -> tuple[Array, Array, Array]:
    """Return x / s in float64, z, and how far roundings may take x / s on the way: three of one unit at most.

    A subnormal reciprocal lacks two bits at most: off by up to 2^(2 - p) of itself, half of the slack.
    """
    x, s, z = broadcast(args, settings)
    v = x.astype(np.float64) / s
    slack = (2 * np.abs(v) + np.abs(z)) * 2.0 ** (2 - FLOATS[settings["dtype"]][0])
    slack += (v == 0) & (x != 0)  # it underflowed, and some rules round what is not 0 to 1
    return v, z, slack


def _in_range(v: Array, z: Array, slack: Array, settings: Settings) -> Array:
    """Flag where x / s + z is in range, and neither of the two overflows the dtype."""
    (low, high), largest = limits(settings), FLOATS[settings["dtype"]][1]
    held = np.abs(v) + np.abs(z) + slack < largest
    return np.asarray((v + z - slack >= low) & (v + z + slack <= high) & held)


def _half_step(args: Arguments, answer: Any, settings: Settings) -> bool:
    if not settings["rounding"].startswith("half"):
        return True
    v, z, slack = _steps(args, settings)
    inside = _in_range(v, z, slack, settings)
    error = np.abs(np.asarray(answer) - z - v)
    return bool(np.all((error <= 0.5 + slack)[inside]))


def _whole_step(args: Arguments, answer: Any, settings: Settings) -> bool:
    v, z, slack = _steps(args, settings)
    inside = _in_range(v, z, slack, settings)
    error = np.abs(np.asarray(answer) - z - v)
    return bool(np.all((error <= 1 + slack)[inside]))


def _keeps_steps(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether whole numbers of steps stay whole: in every arithmetic but that of the reciprocal, if floats hold it."""
    if settings["scaling"] == "reciprocal":
        return True
    x, s, z = broadcast(args, settings)
    v = _steps(args, settings)[0]
    most = 2.0 ** FLOATS[settings["dtype"]][0]
    k = np.rint(v)
    product, error = exactly.two_product(k, np.frexp(s)[0])
    whole = (error == 0) & (np.ldexp(product, np.frexp(s)[1]) == x.astype(np.float64)) & (np.abs(k) < most)
    whole &= (np.abs(k + z) < most) & _in_range(v, z, np.zeros(()), settings)
    return bool(np.all((np.asarray(answer) == k + z)[whole]))


def _keeps_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, _, z = broadcast(args, settings)
    low, high = limits(settings)
    zero = (x == 0) & (np.abs(z) <= 2.0 ** FLOATS[settings["dtype"]][0]) & (z >= low) & (z <= high)
    return bool(np.all((np.asarray(answer) == z)[zero]))


def _side(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, _, z = broadcast(args, settings)
    if settings["overflow"] == "wrap" or np.any(np.abs(z) > 2.0 ** FLOATS[settings["dtype"]][0]):
        return True
    return bool(np.all((np.asarray(answer) - z) * np.sign(x.astype(np.float64)) >= 0))


def _stays_in_range(args: Arguments, answer: Any, settings: Settings) -> bool:
    low, high = limits(settings)
    codes = np.asarray(answer)
    return bool(np.all((codes >= low) & (codes <= high)))


def _of_each_channel(args: Arguments, answer: Any, settings: Settings) -> Iterator[tuple[Array, Array]]:
    """Yield the numbers of each channel, rising, with their codes."""
    x, codes = args[0].astype(np.float64), np.asarray(answer)
    axis = settings["axis"]
    pairs = [(x, codes)] if axis is None else zip(np.moveaxis(x, axis, 0), np.moveaxis(codes, axis, 0), strict=True)
    for values, own in pairs:
        values, own = values.reshape(-1), own.reshape(-1)
        order = np.lexsort((own, values))
        yield values[order], own[order]


def _monotone(args: Arguments, answer: Any, settings: Settings) -> bool:
    if settings["overflow"] == "wrap":
        return True
    return all(bool(np.all(codes[1:] >= codes[:-1])) for _, codes in _of_each_channel(args, answer, settings))


def _same_for_same(args: Arguments, answer: Any, settings: Settings) -> bool:
    return all(
        bool(np.all((codes[1:] == codes[:-1]) | (x[1:] != x[:-1])))
        for x, codes in _of_each_channel(args, answer, settings)
    )


LAWS = (
    Law("keeps_zero", "0 gets the zero point", _keeps_zero),
    Law("keeps_steps", "x = k * s, a whole number of steps, gets the code k + z: no rule moves it", _keeps_steps),
    Law("half_step", "|x - (q - z) * s| is at most s / 2, but for the rounding of x / s, inside the range", _half_step),
    Law("whole_step", "|x - (q - z) * s| is at most s, but for the rounding of x / s, inside the range", _whole_step),
    Law("in_range", "every code lies in [q_min, q_max]", _stays_in_range),
    Law("side", "a positive x never gets a code below the zero point, a negative one none above", _side),
    Law("monotone", "a larger x of the same channel never gets a smaller code", _monotone),
    Law("same_for_same", "equal x of the same channel get equal codes", _same_for_same),
)


def _where(test: Callable[[Array], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(test(staged(args, settings)[0]))]

    return mask


def _x(test: Callable[[Array, float], npt.ArrayLike]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(test(args[0].astype(np.float64), FLOATS[settings["dtype"]][2]))]

    return mask


def from_tie(v: Array) -> Array:
    """Return how far |v| lies from the nearest tie."""
    magnitude = np.abs(v)
    return np.asarray(np.abs(magnitude - np.floor(magnitude) - 0.5))


def _true_ties(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    x, s, _ = broadcast(args, settings)
    return [np.asarray(from_tie(quotient(x, s, "exact")) == 0)]


def _outside(overflow: str) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Return the mask of the codes that this overflow rule brings into range."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        low, high = limits(settings)
        w, z = to_be_rounded(args, settings)
        codes = round_to_integer(w, settings["rounding"])
        codes = codes + (0 if settings["zero_point_added"] == "before_rounding" else z)
        return [np.asarray((codes > high) | (codes < low)) & (settings["overflow"] == overflow)]

    return mask


def _end(which: int) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(expected == limits(settings)[which])]


def _no_reciprocal(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    x, s, _ = broadcast(args, settings)
    infinite = np.isinf(divided(np.ones((), x.dtype), s).astype(np.float64))
    return [np.broadcast_to(infinite, x.shape).copy()]


REGIONS = (
    Region("true_tie", "at ties of the true quotient", _true_ties),
    Region("tie", "at ties", _where(lambda v: from_tie(v) == 0)),
    Region("infinite", "where x is infinite", _x(lambda x, normal: np.isinf(x))),
    Region("subnormal", "where x is subnormal", _x(lambda x, normal: (x != 0) & (np.abs(x) < normal))),
    Region("no_reciprocal", "where 1 / s is infinite", _no_reciprocal),
    Region("near_tie", "within 2^-8 of a tie", _where(lambda v: from_tie(v) <= 2.0**-8)),
    Region("past_2_63", "where |x / s| reaches 2^63", _where(lambda v: np.abs(v) >= 2.0**63)),
    Region("past_2_31", "where |x / s| reaches 2^31", _where(lambda v: np.abs(v) >= 2.0**31)),
    Region("past_2_24", "where |x / s| reaches 2^24", _where(lambda v: np.abs(v) >= 2.0**24)),
    Region("saturates", "where the code is out of range", _outside("saturate")),
    Region("wraps", "where the code is out of range", _outside("wrap")),
    Region("lowest", "where the lowest code is due", _end(0)),
    Region("highest", "where the highest code is due", _end(1)),
    Region("zero", "where x is zero", _x(lambda x, normal: x == 0)),
    Region("below_one", "where |x| is below a step", _where(lambda v: np.abs(v) < 1)),
    *parameter_regions(),
    Region("negative", "where x is negative", _x(lambda x, normal: x < 0)),
    Region("positive", "where x is positive", _x(lambda x, normal: x > 0)),
    Region("inexact", "where x is no whole number of steps", _where(lambda v: np.isfinite(v) & (v != np.rint(v)))),
    *index_regions(),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one code in one line."""
    x, scales, zero_points = broadcast(args, settings)
    s, z = float(np.broadcast_to(scales, x.shape)[index]), int(np.broadcast_to(zero_points, x.shape)[index])
    one = x[index].reshape(1)
    v = quotient(one, np.array([s]), settings["scaling"])
    w, _ = to_be_rounded((one, s, z), settings)
    whole = float(round_to_integer(w, settings["rounding"])[0])
    code = int(np.asarray(quantized(args, settings))[index])
    text = _quotient_by_hand(x[index], s, float(v[0]), settings)
    before = settings["zero_point_added"] == "before_rounding"
    text += f", + {z} = {float(w[0])!r}{' of the unrounded product' * fuses(settings)}" * before
    text += f", {settings['rounding']} gives {_whole(whole)}"
    text += f", + {z} = {_whole(whole + z)}" * (not before)
    return text if whole + z * (not before) == code else f"{text}, {settings['overflow']} gives {code}"


def _quotient_by_hand(x: Any, s: float, v: float, settings: Settings) -> str:
    number = float(x)
    if settings["scaling"] == "reciprocal":
        inverse = float(divided(np.ones((1,), x.dtype), np.array([s]))[0])
        return f"x * (1 / s) = {number!r} * {inverse!r} = {v!r} in {x.dtype.name}"
    if settings["scaling"] == "exact":
        return f"x / s = {number!r} / {s!r} = {v!r}, not rounded to {x.dtype.name}"
    return f"x / s = {number!r} / {s!r} = {v!r} in {x.dtype.name}"


def _whole(v: float) -> str:
    return str(int(v)) if np.isfinite(v) else str(v)

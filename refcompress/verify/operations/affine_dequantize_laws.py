"""What any right affine dequantizer satisfies, where the differences of a wrong one may lie, and one value by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.affine_cases import broadcast, parameter_regions
from refcompress.verify.operations.affine_dequantize_cases import CODES, differences, rounded
from refcompress.verify.operations.quantize_cases import index_regions


def _floats(answer: Any) -> Array:
    return np.asarray(answer).astype(np.float64)


def _keeps_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    zero = differences(args, settings)[0] == 0
    given = _floats(answer)[zero]
    return bool(np.all((given == 0) & ~np.signbit(given)))


def _keeps_steps(args: Arguments, answer: Any, settings: Settings) -> bool:
    n, s = differences(args, settings)
    one = np.abs(n) == 1
    return bool(np.all((_floats(answer) == n * s)[one]))


def _nearest(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether each value is one of the two floats around the product, which round it down and up."""
    n, s = differences(args, settings)
    low, high = (rounded(n, s, settings["dtype"], word) for word in ("floor", "ceil"))
    given = _floats(answer)
    return bool(np.all((given == low) | (given == high)))


def _is_float(args: Arguments, answer: Any, settings: Settings) -> bool:
    given = _floats(answer)
    kept = given.astype(float_dtype(settings["dtype"])).astype(np.float64)
    return bool(np.all((kept == given) | np.isnan(given)))


def _sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(np.all(np.signbit(_floats(answer)) == (differences(args, settings)[0] < 0)))


def _rising(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether codes of one channel rise with their values, strictly where a step is no less than a last place."""
    q, s, _ = broadcast(args, settings)
    axis, given = settings["axis"], _floats(answer)
    _, largest, normal, _ = FLOATS[settings["dtype"]]
    scales = np.broadcast_to(s, q.shape)
    pairs = [(q, given, scales)]
    if axis is not None:
        pairs = list(zip(*(np.moveaxis(v, axis, 0) for v in (q, given, scales)), strict=True))
    for codes, values, own in pairs:
        order = np.argsort(codes, axis=None, kind="stable")
        codes, values = codes.reshape(-1)[order], values.reshape(-1)[order]
        step = own.reshape(-1)[0] if own.size else 1.0
        few = np.all(np.abs(values) <= min(largest, step * 2.0 ** (FLOATS[settings["dtype"]][0] - 1)))
        strictly = few and step >= normal
        rises = values[1:] > values[:-1] if strictly else values[1:] >= values[:-1]
        if not np.all(rises | (codes[1:] == codes[:-1])):
            return False
    return True


LAWS = (
    Law("keeps_zero", "the zero point gives +0", _keeps_zero),
    Law("keeps_steps", "one step from the zero point gives the scale itself, or its negative", _keeps_steps),
    Law("nearest", "every value is one of the two floats of the dtype around (q - z) * s", _nearest),
    Law("is_float", "every value is a float of the dtype", _is_float),
    Law("sign", "a code below the zero point gives a negative value, no other does", _sign),
    Law("rising", "a larger code of the same channel gives a larger value", _rising),
)


def _difference(test: Callable[[Array], npt.ArrayLike]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(differences(args, settings)[0]))]


def _codes(test: Callable[[Array], npt.ArrayLike]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(args[0]))]


def _results(test: Callable[[Array, float], npt.ArrayLike]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        size = np.abs(_floats(expected))
        return [np.asarray(test(size, FLOATS[settings["dtype"]][2]) & (differences(args, settings)[0] != 0))]

    return mask


def _parting(first: str, second: str) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Return the mask of where two ways of rounding to the dtype part."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        n, s = differences(args, settings)
        one, other = (rounded(n, s, settings["dtype"], word) for word in (first, second))
        return [np.asarray(one != other)]

    return mask


def _outside_type(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    n, ends = differences(args, settings)[0], np.iinfo(args[0].dtype)
    return [np.asarray((n < ends.min) | (n > ends.max))]


def _of_type(name: str) -> Region:
    return Region(
        name, f"on {name} codes", lambda args, expected, settings: [np.full(args[0].shape, args[0].dtype == name)]
    )


REGIONS = (
    Region("zero", "where q is the zero point", _difference(lambda n: n == 0)),
    Region("lowest", "where q is the lowest integer of its type", _codes(lambda q: q == np.iinfo(q.dtype).min)),
    Region("outside_type", "where q - z does not fit the type of the codes", _outside_type),
    Region("infinite", "where the result overflows to infinity", _results(lambda size, normal: np.isinf(size))),
    Region("subnormal", "where the result is subnormal", _results(lambda size, normal: size < normal)),
    Region("tie", "at ties of the result's last place", _parting("half_even", "half_odd")),
    Region("past_2_31", "where |q - z| reaches 2^31", _difference(lambda n: np.abs(n) >= 2**31)),
    Region("past_2_24", "where |q - z| reaches 2^24", _difference(lambda n: np.abs(n) >= 2**24)),
    Region("past_2_11", "where |q - z| reaches 2^11", _difference(lambda n: np.abs(n) >= 2**11)),
    Region("past_2_8", "where |q - z| reaches 2^8", _difference(lambda n: np.abs(n) >= 2**8)),
    Region("inexact", "where the result is rounded", _parting("floor", "ceil")),
    *map(_of_type, CODES),
    *parameter_regions(),
    Region("negative", "where q is below the zero point", _difference(lambda n: n < 0)),
    Region("positive", "where q is above the zero point", _difference(lambda n: n > 0)),
    Region("negative_code", "where q is negative", _codes(lambda q: q < 0)),
    *index_regions(),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one value in one line."""
    q, s, z = broadcast(args, settings)
    code, zero, scale = (
        int(q[index]),
        int(np.broadcast_to(z, q.shape)[index]),
        float(np.broadcast_to(s, q.shape)[index]),
    )
    name = settings["dtype"]
    low, high, result = (float(rounded(code - zero, scale, name, word)) for word in ("floor", "ceil", "half_even"))
    text = f"(q - z) * s = ({code} - {zero}) * {scale!r} = {code - zero} * {scale!r}"
    if low == high:
        return f"{text} = {result!r}, a {name}"
    return f"{text} lies between the {name}s {low!r} and {high!r}; the nearest (of equal ones the even) is {result!r}"

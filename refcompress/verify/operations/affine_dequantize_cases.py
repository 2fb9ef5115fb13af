"""Where affine dequantization is hard: the directed cases of ``affine_dequantize``.

``dtype`` is the dtype of the result, and of the scales. The difference q - z is exact in 34 bits; what is hard is one
rounding of its product with the scale, a difference that the dtype of the codes does not hold, and the signs of zero.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization import exactly
from refcompress.quantization.affine import affine_dequantize
from refcompress.rounding import goes_up
from refcompress.verify.inputs import FLOATS, TAIL_LENGTHS, affine_codes
from refcompress.verify.operation import Arguments, Settings
from refcompress.verify.operations.affine_cases import (
    FRACTION_SCALES,
    INTEGER_SCALES,
    POWERS,
    Calls,
    Row,
    broadcast,
    calls,
    each_with,
    held,
    huge_scales,
    long_shapes,
    one_by_one,
    shaped,
    subnormal_scales,
)
from refcompress.verify.operations.dequantize_cases import lowest_exponent

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

CODES = ("int8", "uint8", "int16", "int32")


def dequantized(args: Arguments, settings: Settings) -> Array:
    """Return (q - z) * s, correctly rounded."""
    return affine_dequantize(*args, dtype=settings["dtype"], axis=settings["axis"])


def as_given(args: Arguments, settings: Settings) -> Array:
    """Return (q - z) * s of one who follows another dtype or axis: the scale is what it was given as."""
    return rounded(*differences(args, settings), settings["dtype"])


def differences(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return q - z, and the scales that broadcast to it."""
    q, s, z = broadcast(args, settings)
    return np.asarray(q - z), s


def rounded(n: npt.ArrayLike, s: npt.ArrayLike, name: str, rounding: str = "half_even") -> Array:
    """Round n * s once to a float format by any of the rounding words, for |n| < 2^53; as float64.

    The product is a pair of floats, high + error; what rounding needs of it is the whole number of last places below it
    and on which side of one half the rest lies.
    """
    n, s = np.broadcast_arrays(np.asarray(n).astype(np.float64), np.asarray(s))
    precision, largest, _, subnormal = FLOATS[name]
    significand, exponent = np.frexp(s)
    high, error = exactly.two_product(np.abs(n), significand)
    last = np.maximum(np.frexp(high)[1] - precision, lowest_exponent(subnormal) - exponent)
    scaled, rest = np.ldexp(high, -last), np.ldexp(error, -last)
    whole = np.floor(scaled)
    above = scaled - whole
    below = (above == 0) & (rest < 0)
    side = np.sign(np.where(below, 0.5 + rest, (above - 0.5) + rest))  # sums of floats have the right sign
    fraction = np.where((above == 0) & (rest == 0), 0.0, 0.5 + side / 4)
    whole -= below
    whole += goes_up(rounding, fraction, whole % 2 == 1, n < 0)
    value = np.ldexp(whole, last + exponent)
    inward = rounding == "toward_zero" or (np.where(n < 0, "ceil", "floor") == rounding)
    value = np.where(value > largest, np.where(inward, largest, np.inf), value)
    return np.asarray(np.where(n < 0, -value, value))


def zero_points(dtype: str) -> list[int]:
    """Return codes of an integer type for 0: of both signs and parities, and the ends."""
    ends = np.iinfo(dtype)
    wanted = (0, 1, -1, 128, -3, ends.max, ends.min, 100, -128)
    return list(dict.fromkeys(z for z in wanted if ends.min <= z <= ends.max))


def _integers(values: Iterable[int], dtype: str) -> Array:
    ends = np.iinfo(dtype)
    return np.array([v for v in values if ends.min <= v <= ends.max], dtype)


def _every(dtype: str, scales: Sequence[float], step: int = 1) -> Iterator[Row]:
    ends = np.iinfo(dtype)
    q = np.arange(ends.min, ends.max + 1, step).astype(dtype)
    yield from ((q, s, z) for s in scales for z in zero_points(dtype)[:7])


def small(settings: Settings) -> Calls:
    """Give codes that a person can follow by hand, one a call, the simplest first."""
    for s in (1.0, 0.5, 3.0):
        for code, z in ((1, 0), (0, 0), (3, 1), (1, 3), (-1, 0), (5, 5), (-128, 1), (127, -1), (100, -100)):
            yield from one_by_one([(np.array([code], np.int8), s, z)], settings)
    yield from one_by_one([(np.array([255], np.uint8), 0.5, 128), (np.array([0], np.uint8), 0.5, 128)], settings)


def all_int8(settings: Settings) -> Calls:
    """Every code of int8 with zero points of both signs and at both ends."""
    yield from calls(_every("int8", held([1.0, 0.1], settings)), settings)


def all_uint8(settings: Settings) -> Calls:
    """Every code of uint8 with zero points at the middle and at both ends."""
    yield from calls(_every("uint8", held([0.5, 1 / 255], settings)), settings)


def int16_codes(settings: Settings) -> Calls:
    """Codes of 16 bits, spread over the range."""
    yield from calls(_every("int16", held([1.0, 0.1, 3.7], settings), 197), settings)


def many_scales(settings: Settings) -> Calls:
    """Every code of int8 with many scales: fractions, whose products are rounded, and integers."""
    q = np.arange(-128, 128).astype(np.int8)
    pairs = each_with(held([*FRACTION_SCALES, *POWERS, *INTEGER_SCALES[:9]], settings), zero_points("int8"))
    yield from calls(((q, s, z) for s, z in pairs), settings)


def last_place(settings: Settings) -> Calls:
    """Products that are ties of the last place, and their neighbours: n * m of one bit more than the significand."""
    precision = FLOATS[settings["dtype"]][0]
    length = 4 if precision == 8 else 6
    scales = [float((1 << (precision - length)) + 1 + 2 * j) * 2.0**-precision for j in range(6)]
    n = np.arange(1 << length, 2 << length)
    rows = []
    for s, z in each_with(scales, [1, 0, -2]):
        rows.append((_integers([int(v) + z for m in n for v in (m, -m)], "int16"), s, z))
    yield from calls(rows, settings)


def wide_differences(settings: Settings) -> Calls:
    """Give codes of 32 bits whose difference to z is longer than a significand of 11 or 24 bits, or than 31 bits."""
    near = [2**e + d for e in (8, 11, 24, 25, 30) for d in (-1, 0, 1, 2, 3)]
    q = _integers([*near, *(-v for v in near), 2**31 - 1, -(2**31), 0, 5], "int32")
    scales = held([1.0, 0.5, 0.1, 2.0**-20], settings)
    yield from calls(((q, s, z) for s in scales for z in zero_points("int32")), settings)


def beside_ties(settings: Settings) -> Calls:
    """Give products that lie so close beside a tie of the dtype that the next wider one rounds them to it."""
    if settings["dtype"] == "float64":
        return
    precision = FLOATS[settings["dtype"]][0]
    dropped, shift = (20, precision + 5) if settings["dtype"] == "float16" else (32, precision)  # it ends at 2^16
    rows = []
    for m in range(2**precision - 1, 2**precision - 81, -2):
        for beside in (2 ** (dropped - 1) - 1, 2 ** (dropped - 1) + 1):
            n = beside * pow(m, -1, 2**dropped) % 2**dropped  # the low bits of n * m are ``beside``
            if n * m >= 2 ** (dropped + precision - 1):
                rows.append((_integers([n - 2**31, 0, -(2**31)], "int32"), math.ldexp(m, -shift), -(2**31)))
    yield from calls(rows, settings)


def subnormal_results(settings: Settings) -> Calls:
    """Results among the subnormals, the smallest scales, and results that underflow."""
    normal, subnormal = FLOATS[settings["dtype"]][2:]
    q = np.arange(-128, 128).astype(np.int8)
    scales = [*subnormal_scales(settings), *held([normal / 3, 1.5 * normal, 5 * subnormal], settings)]
    yield from calls(((q, s, z) for s, z in each_with(scales, [0, 1, -100])), settings)


def overflow(settings: Settings) -> Calls:
    """Give scales at which products reach the largest float, pass it, or become infinite."""
    largest = FLOATS[settings["dtype"]][1]
    q = np.arange(-128, 128).astype(np.int8)
    scales = [*huge_scales(settings), *held([largest / 127, largest / 128, largest / 255], settings)]
    yield from calls(((q, s, z) for s, z in each_with(scales, [0, -1, 127])), settings)


def zeros(settings: Settings) -> Calls:
    """Codes equal to the zero point, alone and among others: +0 is due."""
    (s,) = held([0.1], settings)
    pairs = [(dtype, z) for dtype in CODES for z in zero_points(dtype)]
    yield from calls(((_integers([z, z + 1, z, z - 1, z], dtype), s, z) for dtype, z in pairs), settings)


def type_ends(settings: Settings) -> Calls:
    """Give the lowest and the highest code of each type."""
    for dtype in CODES:
        ends = np.iinfo(dtype)
        q = _integers([ends.min, ends.min + 1, -1, 0, 1, ends.max - 1, ends.max], dtype)
        yield from calls(((q, s, z) for s in held([1.0, 0.3], settings) for z in zero_points(dtype)), settings)


def _around(shape: tuple[int, ...], dtype: str, factor: int) -> Callable[[Array, Array], Array]:
    """Return a function of scales and zero points that gives codes, scattered over the type, whatever those are."""
    ends = np.iinfo(dtype)
    flat = (np.arange(int(np.prod(shape))) * factor) % (ends.max - ends.min + 1) + ends.min
    return lambda s, z: flat.astype(dtype).reshape(shape)


def long(settings: Settings) -> Calls:
    """More elements than fit one block."""
    for shape in long_shapes(settings["axis"]):
        yield from shaped(shape, held([0.1, 3.0, 0.25], settings), [1, -3], _around(shape, "int8", 37), settings)


def tails(settings: Settings) -> Calls:
    """Lengths around the widths of vector loops."""
    for length in TAIL_LENGTHS:
        shape = {None: (length,), 0: (2, length), 1: (1, 2, length), -1: (length, 2)}[settings["axis"]]
        yield from shaped(shape, held([0.1, 3.0], settings), [1, -3], _around(shape, "int8", 77), settings)


def equal_sizes(settings: Settings) -> Calls:
    """Arrays whose axes are equally long, with channels that differ in scale and zero point."""
    if settings["axis"] is None:
        return
    for shape in ((3, 3, 3), (4, 4), (2, 2, 2), (4, 4, 2, 4), (4,), (2, 2)):
        scales = held([0.5, 0.1, 3.0, 0.7], settings)
        yield from shaped(shape, scales, [1, 0, -3, 100], _around(shape, "int8", 37), settings)


def layouts(settings: Settings) -> Calls:
    """Arrays of one, two and three dimensions, to be laid out in memory in other ways."""
    for shape, dtype in (((4, 30), "int8"), ((2, 3, 20), "int16"), ((31,), "uint8"), ((12, 10), "int32")):
        values = _around(shape, dtype, 20011)
        yield from shaped(shape, held([0.5, 3.0, 0.1, 1.0], settings), zero_points(dtype)[:5], values, settings)


def shapes(settings: Settings) -> Calls:
    """Arrays of no, one and four dimensions, and arrays without elements."""
    for shape in ((), (3, 0), (0, 3), (1, 2, 2, 1), (2, 1, 2, 2)):
        yield from shaped(shape, held([0.5, 0.3], settings), [1, 0], _around(shape, "int8", 45), settings)


def search(settings: Settings) -> "SearchStrategy[Arguments]":
    """Return the strategy of the search: small codes, ends, and any, with scales of every kind."""
    scales = held([*POWERS, 3.0, 0.1, 1 / 255, *FRACTION_SCALES[2:5]], settings)
    scales += [*subnormal_scales(settings), *huge_scales(settings)]

    def call(dtype: str, drawn: list[tuple[float, int]], codes: list[int]) -> Arguments:
        ends = np.iinfo(dtype)
        q = np.array([min(max(c, ends.min), ends.max) for c in codes], dtype)
        rows = [(q, s, min(max(z, ends.min), ends.max)) for s, z in drawn]
        return next(calls(rows if settings["axis"] is not None else rows[:1], settings))

    return affine_codes(CODES, scales, call)

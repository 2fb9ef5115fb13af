"""What the cases of the affine operations share: scales, zero points, and how they are laid out along an axis.

With axis=none a candidate is given the scale as a Python float that the dtype holds and the zero point as a Python int;
with an axis, as arrays with one a channel. A ``Row`` is one channel: a call of its own, or one channel among others.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS, LONG_MATRICES, MANY, float_dtype
from refcompress.verify.operation import Arguments, Region, Settings
from refcompress.verify.operations.quantize_cases import LONG

Calls = Iterator[Arguments]
Row = tuple[Array, float, int]
"""Numbers, their scale and their zero point."""

# at ties of these, whose halves are floats, multiplying by the reciprocal is seen; of some in each dtype
INTEGER_SCALES = (
    *(3, 5, 7, 11, 13, 14, 15, 27, 41, 47, 49, 53, 54, 55, 61, 63, 75, 77, 82, 83, 91, 93, 98, 99, 105, 107),
    *(117, 123, 150, 161, 187),
)
FRACTION_SCALES = (0.1, 0.05, 1 / 3, 0.7, 2 / 255, 1 / 255, 0.0123, 3.7, 1 / 127, 10.9, 0.3, 6 / 255, 23.3, 0.0371)
POWERS = (1.0, 0.5, 4.0)


def held(values: Iterable[float], settings: Settings) -> list[float]:
    """Return the positive, finite numbers nearest to these that the dtype holds."""
    with np.errstate(over="ignore"):
        near = np.array(list(values)).astype(float_dtype(settings["dtype"])).astype(np.float64)
    return [float(v) for v in near if 0 < v < np.inf]


def subnormal_scales(settings: Settings) -> list[float]:
    """Return scales at and below the smallest normal number of the dtype."""
    _, _, normal, subnormal = FLOATS[settings["dtype"]]
    return held([subnormal, 3 * subnormal, 21 * subnormal, normal - subnormal, normal / 2, normal], settings)


def huge_scales(settings: Settings) -> list[float]:
    """Return scales whose reciprocal is subnormal, and others near the end of the dtype."""
    largest = FLOATS[settings["dtype"]][1]
    return held([largest, largest / 2, largest / 3, largest / 100, largest / 1e4], settings)


def each_with(scales: Iterable[float], zero_points: Sequence[int]) -> list[tuple[float, int]]:
    """Pair scales with zero points, which are taken in turn."""
    return list(zip(scales, itertools.cycle(zero_points), strict=False))


def integers_for(zero_points: Sequence[int]) -> Array:
    """Return zero points as the array that a candidate is given: int32, or int64 where that is too short."""
    wide = any(not -(2**31) <= z < 2**31 for z in zero_points)
    return np.array(zero_points, np.int64 if wide else np.int32)


def calls(rows: Iterable[Row], settings: Settings) -> Calls:
    """Make a call of each row; with an axis one call of all, as channels: shorter ones are filled up by repeating."""
    kept = [row for row in rows if row[0].size]
    axis = settings["axis"]
    if axis is None or not kept:
        yield from kept
        return
    length = max(values.size for values, _, _ in kept)
    stacked = np.stack([np.resize(values, length) for values, _, _ in kept])
    x = {0: stacked, 1: stacked[None], -1: stacked.T.copy()}[axis]
    yield (
        x,
        np.array([s for _, s, _ in kept]).astype(float_dtype(settings["dtype"])),
        integers_for([z for *_, z in kept]),
    )


def one_by_one(rows: Iterable[Row], settings: Settings) -> Calls:
    """Make a call of each row, with an axis too."""
    for row in rows:
        yield from calls([row], settings)


def channels(shape: Sequence[int], axis: int | None) -> int | None:
    """Return how many channels an array has: 1 without an axis, None where it has no such axis."""
    if axis is None:
        return 1
    return shape[axis] if -len(shape) <= axis < len(shape) else None


def shaped(
    shape: tuple[int, ...],
    scales: Sequence[float],
    zero_points: Sequence[int],
    values: Callable[[Array, Array], Array],
    settings: Settings,
) -> Calls:
    """Make a call of an array of a shape, unless it has no such axis.

    ``values`` gives the numbers, from scales and zero points that broadcast to the shape; those are taken in turn.
    """
    axis = settings["axis"]
    count = channels(shape, axis)
    if count is None:
        return
    s = np.resize(np.array(scales), count).astype(float_dtype(settings["dtype"]))
    z = np.resize(np.array(zero_points), count)
    if axis is None:
        yield values(s, z).reshape(shape), float(s[0]), int(z[0])
        return
    x = values(along(s, len(shape), axis), along(z, len(shape), axis))
    yield x, s, integers_for(z.tolist())


def long_shapes(axis: int | None) -> tuple[tuple[int, ...], ...]:
    """Return shapes that no block covers: of many elements a channel, and of many channels."""
    shapes: dict[int | None, tuple[tuple[int, ...], ...]] = {
        None: ((LONG,), *LONG_MATRICES),
        0: ((2, LONG // 2), (MANY, 3)),
        1: ((1, 2, LONG // 2), (2, MANY, 3)),
        -1: ((LONG // 2, 2), (3, MANY)),
    }
    return shapes[axis]


def along(values: Array, dimensions: int, axis: int) -> Array:
    """Reshape one value a channel so that it broadcasts along the axis."""
    shape = [1] * dimensions
    shape[axis] = values.size
    return values.reshape(shape)


def broadcast(args: Arguments, settings: Settings) -> tuple[Array, Array, Array]:
    """Return the first input with the scales and zero points that broadcast to it, as float64 and int64.

    Numbers count as one for all whatever the axis says, and an array without an axis stands for its first entry. Where
    the axis has another length than the channels, the first one that fits is taken: who follows another axis can do so
    only where that one fits.

    Raises
    ------
    ValueError
        Where no axis fits.
    """
    x, axis = args[0], settings["axis"]
    s, z = np.asarray(args[1]).astype(np.float64), np.asarray(args[2]).astype(np.int64)
    if s.ndim == 0 or axis is None:
        return x, s.reshape(-1)[:1].reshape(()) if s.size else np.ones(()), _first(z)
    if channels(x.shape, axis) != s.size:
        axis = x.shape.index(s.size)
    return x, along(s, x.ndim, axis), along(z, x.ndim, axis)


def _first(z: Array) -> Array:
    return z.reshape(-1)[:1].reshape(()) if z.size else np.zeros((), np.int64)


Test = Callable[[Array, Array], npt.ArrayLike]


def _parameters(test: Test) -> Callable[[Arguments, object, Settings], list[Array]]:
    def mask(args: Arguments, expected: object, settings: Settings) -> list[Array]:
        x, s, z = broadcast(args, settings)
        return [np.broadcast_to(np.asarray(test(s, z)), x.shape).copy()]

    return mask


def _subnormal_scale(args: Arguments, expected: object, settings: Settings) -> list[Array]:
    return _parameters(lambda s, z: s < FLOATS[settings["dtype"]][2])(args, None, settings)


def _later_channels(args: Arguments, expected: object, settings: Settings) -> list[Array]:
    x, s, _ = args[0], *broadcast(args, settings)[1:]
    later = np.arange(s.size).reshape(s.shape) > 0
    return [np.broadcast_to(later, x.shape).copy()]


def parameter_regions() -> tuple[Region, ...]:
    """Return the regions that the scale and the zero point decide."""
    return (
        Region("subnormal_scale", "where the scale is subnormal", _subnormal_scale),
        Region("later_channels", "beyond the first channel", _later_channels),
        Region("zero_point_odd", "where the zero point is odd", _parameters(lambda s, z: z % 2 == 1)),
        Region("zero_point_negative", "where the zero point is negative", _parameters(lambda s, z: z < 0)),
        Region("zero_point_positive", "where the zero point is positive", _parameters(lambda s, z: z > 0)),
        Region("zero_point_zero", "where the zero point is 0", _parameters(lambda s, z: z == 0)),
        Region("zero_point_other", "where the zero point is not 0", _parameters(lambda s, z: z != 0)),
        Region(
            "scale_no_power",
            "where the scale is no power of two",
            _parameters(lambda s, z: np.frexp(s)[0] != 0.5),
        ),
        Region("scale_power", "where the scale is a power of two", _parameters(lambda s, z: np.frexp(s)[0] == 0.5)),
        Region("scale_large", "where the scale is above 1", _parameters(lambda s, z: s > 1)),
        Region("scale_small", "where the scale is below 1", _parameters(lambda s, z: s < 1)),
    )

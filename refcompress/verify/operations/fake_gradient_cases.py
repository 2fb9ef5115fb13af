"""Where the gradient of fake quantization is hard: its directed cases, laws, and the places of differences.

All that is at stake are the ends of the range: which x still pass, by their code or by their value. The upstream is
passed bit for bit, and what is stopped is +0.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array
from refcompress.quantization import affine
from refcompress.quantization.fake_quantize import fake_quantize_gradient
from refcompress.verify.inputs import FLOATS, float_dtype, floats, next_to
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations import affine_quantize_cases
from refcompress.verify.operations.affine_cases import (
    FRACTION_SCALES,
    INTEGER_SCALES,
    Calls,
    Row,
    broadcast,
    calls,
    each_with,
    held,
    one_by_one,
    parameter_regions,
    shaped,
)
from refcompress.verify.operations.affine_quantize_cases import zero_points
from refcompress.verify.operations.affine_quantize_laws import by_hand as code_by_hand
from refcompress.verify.operations.affine_stages import WORDS, divided, limits
from refcompress.verify.operations.fake_quantize_cases import at_codes, by_channel, end_values
from refcompress.verify.operations.quantize_cases import index_regions

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

UPSTREAM = (-2.0, 1.0, 0.75, -1.5, 3.0, 1 / 3, -0.1, 2049.0, -257.0, 1e-3)
BESIDE_ENDS = (-2, -1, -0.75, -0.51, -0.5, -0.49, -0.25, 0, 0.25, 0.49, 0.5, 0.51, 0.75, 1, 1.5, 2)


def gradient(args: Arguments, settings: Settings) -> Array:
    """Return the gradient with respect to x."""
    words = (*WORDS, "boundary", "mask")
    return fake_quantize_gradient(*args, **{word: settings[word] for word in words})


def unclipped(args: Arguments, settings: Settings) -> Array:
    """Return round(x / s) + z before any range is applied, as float64; also for a z outside the range."""
    x, s, z = broadcast(args, settings)
    by = affine.Convention(**{word: settings[word] for word in WORDS})
    with np.errstate(all="ignore"):
        s = divided(np.ones((), x.dtype), s) if by.scaling == "reciprocal" else s
        return affine.unclipped(x, s, z, x.dtype, by).astype(np.float64)


WITHIN = {"pass": (np.greater_equal, np.less_equal), "zero": (np.greater, np.less)}


def between(value: Array, low: npt.ArrayLike, high: npt.ArrayLike, settings: Settings) -> Array:
    """Flag what lies in a range, with its ends or without."""
    above, below = WITHIN[settings["boundary"]]
    return np.asarray(above(value, low) & below(value, high))


def _code_inside(args: Arguments, settings: Settings) -> Array:
    return between(unclipped(args, settings), *limits(settings), settings)


def _value_inside(args: Arguments, settings: Settings) -> Array:
    flags = between(args[0].astype(np.float64), *end_values(args, settings), settings)
    return np.asarray(flags & np.isfinite(args[0]))  # an end may be infinite


INSIDE = {"code": _code_inside, "value": _value_inside}


def inside(args: Arguments, settings: Settings) -> Array:
    """Flag the x whose gradient passes."""
    return INSIDE[settings["mask"]](args, settings)


def passed(args: Arguments, flags: Array) -> Array:
    """Return the upstream where it passes, and +0 elsewhere."""
    return np.where(flags, args[3], 0)


def other_gradient(args: Arguments, settings: Settings) -> Array:
    """Return the gradient of one who follows other settings, also where the reference refuses."""
    return passed(args, inside(args, settings))


def upstream_for(shape: tuple[int, ...], settings: Settings) -> Array:
    """Return a gradient with numbers of both signs, few of them equal."""
    return np.resize(np.array(UPSTREAM), shape).astype(float_dtype(settings["dtype"]))


def _with_upstream(made: Calls, settings: Settings) -> Calls:
    for args in made:
        yield (*args, upstream_for(args[0].shape, settings))


def _calls(rows: Iterable[Row], settings: Settings) -> Calls:
    yield from _with_upstream(calls(rows, settings), settings)


def of_codes(make: Callable[[Settings], Calls]) -> Callable[[Settings], Calls]:
    """Return a case of ``affine_quantize`` with an upstream; no x is refused here that would be wrapped there."""
    return lambda settings: _with_upstream(make({**settings, "overflow": "saturate"}), settings)


def search(settings: Settings) -> "SearchStrategy[Arguments]":
    """Return the strategy of the search."""
    found = affine_quantize_cases.search({**settings, "overflow": "saturate"})

    def call(args: Arguments) -> Arguments:
        return (*args, upstream_for(args[0].shape, settings))

    return found.map(call)


def small(settings: Settings) -> Calls:
    """Give numbers that a person can follow by hand, one a call, the simplest first."""
    low, high = limits(settings)
    places = (high, high + 1, high + 0.25, high + 0.5, low, low - 1, low - 0.25, low - 0.5, high - 1, low + 1, 1)
    for s, z in ((1.0, 0), (1.0, 1), (0.5, high), (2.0, low)):
        for code in places:
            for args in one_by_one([at_codes(np.array([code]), s, z, settings)], settings):
                yield (*args, np.full(args[0].shape, -3, args[0].dtype))


def _specials(settings: Settings) -> Array:
    precision, largest, normal, subnormal = FLOATS[settings["dtype"]]
    odd = 1 + 2.0 ** (1 - precision)
    values = [-0.0, 0.0, -1.0, 1.0, odd, -odd, 300.0, -300.0, subnormal, -3 * subnormal, normal, largest, -largest]
    return np.array([*values, np.inf, -np.inf, np.nan]).astype(float_dtype(settings["dtype"]))


def special_upstreams(settings: Settings) -> Calls:
    """Signed zeros, subnormals, infinities and nan for an upstream, inside the range, at an end, and outside."""
    low, high = limits(settings)
    specials = _specials(settings)
    for value in specials:
        for code in (1, high + 9, high):
            for args in one_by_one([at_codes(np.array([code]), 1.0, 0, settings)], settings):
                yield (*args, np.full(args[0].shape, value))
    codes = np.repeat([1.0, high + 9, low - 9, low, high], specials.size)
    for args in one_by_one([at_codes(codes, 2.0, 0, settings)], settings):
        yield (*args, np.resize(specials, args[0].shape))


def at_clamp_bounds(settings: Settings) -> Calls:
    """Codes that are q_min or q_max, as the largest of all x is where the scale comes from it.

    Clamping rounded numbers meets its bounds all the time: where its own gradient there is 0, or one half, all of them
    are cut off.
    """
    low, high = limits(settings)
    for s, z in _pairs([1.0, 0.25, 1 / 127, 0.1], settings):
        x = np.array([low, high, low + 0.375, high - 0.375, low - 0.375, high + 0.375, low + 1, high - 1, z])
        yield from _calls([at_codes(x, s, z, settings)], settings)


def _pairs(scales: Iterable[float], settings: Settings) -> list[tuple[float, int]]:
    return [(s, z) for s in held(scales, settings) for z in zero_points(settings)]


def beside_ends(settings: Settings) -> Calls:
    """Give both ends of the range, and a quarter, .49, .5, .51, three quarters and more inside and outside."""
    codes = np.array([end + d for end in limits(settings) for d in BESIDE_ENDS])
    yield from _calls((at_codes(codes, s, z, settings) for s, z in _pairs([1.0, 3.0, 0.1], settings)), settings)


def _around(codes: npt.ArrayLike, pairs: Iterable[tuple[float, int]], settings: Settings) -> Iterator[Row]:
    """Give the floats nearest to codes, and their two neighbours."""
    for s, z in pairs:
        x, _, _ = at_codes(np.asarray(codes), s, z, settings)
        x = next_to(x)
        yield x[np.isfinite(x)], s, z


def ulps_beside_ends(settings: Settings) -> Calls:
    """Give the values of q_min and q_max, and one unit in the last place beside them."""
    yield from _calls(_around(limits(settings), _pairs([1.0, 0.1, 1 / 3, 7.0], settings), settings), settings)


def ties_at_ends(settings: Settings) -> Calls:
    """Exact ties half a step beyond each end and within it: each rounding word stays or leaves in its own way."""
    low, high = limits(settings)
    codes = np.array([low - 1.5, low - 0.5, low + 0.5, high - 0.5, high + 0.5, high + 1.5])
    pairs = _pairs([1.0, 0.5, 4.0], settings)
    pairs += each_with(held(INTEGER_SCALES, settings), zero_points(settings))
    yield from _calls(((floats((codes - z) * s, settings["dtype"]), s, z) for s, z in pairs), settings)


def near_ties_at_ends(settings: Settings) -> Calls:
    """Give the floats nearest to those ties, and beside them, of scales that are no power of two."""
    low, high = limits(settings)
    scales = held([s * 2.0**e for s in (*FRACTION_SCALES, *INTEGER_SCALES[::2]) for e in (0, -3)], settings)
    pairs = [*each_with(scales, zero_points(settings)), *each_with(scales, zero_points(settings)[1:])]
    yield from _calls(_around([low - 0.5, high + 0.5], pairs, settings), settings)


def ends_of_every_width(settings: Settings) -> Calls:
    """Codes at and around the ends of every width, signed and unsigned, whatever ``bits`` says."""
    steps = np.array([sign * 2.0**b + d for b in range(1, 33) for sign in (1, -1) for d in (-1, -0.5, 0, 0.5, 1)])
    for s in held([1.0, 0.25], settings):
        yield from _calls([at_codes(np.concatenate([steps, 1.5 * steps]), s, 0, settings)], settings)


def equal_sizes(settings: Settings) -> Calls:
    """Arrays whose axes are equally long, with channels that differ in scale and zero point, at the ends of each."""
    if settings["axis"] is None:
        return
    low, high = limits(settings)
    codes = np.array([high - 1, high + 1, low + 1, low - 1, (low + high) // 2, high, low - 2, low, high + 3])
    for shape in ((3, 3, 3), (4, 4), (2, 2, 2), (4, 4, 4, 2), (4,)):
        places = np.resize(codes, shape).astype(np.float64)

        def values(s: Array, z: Array, places: Array = places) -> Array:
            with np.errstate(over="ignore"):
                return np.asarray(((places - z) * s.astype(np.float64)).astype(s.dtype))

        made = shaped(shape, held([0.5, 0.1, 3.0, 0.7], settings), zero_points(settings), values, settings)
        yield from _with_upstream(made, settings)


def infinities(settings: Settings) -> Calls:
    """Infinite x, also where the scale is so large that an end of the range overflows."""
    largest = FLOATS[settings["dtype"]][1]
    x = np.array([np.inf, -np.inf, 1, -1, largest, -largest]).astype(float_dtype(settings["dtype"]))
    pairs = _pairs([1.0, 0.1, largest / 2, largest / 100], settings)
    yield from _calls(((x, s, z) for s, z in pairs), settings)


def _flat(args: Arguments, answer: Any) -> tuple[Array, Array]:
    """Return the upstream and the answer as float64."""
    return args[3].astype(np.float64), np.asarray(answer).astype(np.float64)


def _same(one: Array, other: Array) -> Array:
    equal = (one == other) & (np.signbit(one) == np.signbit(other))
    return np.asarray(equal | (np.isnan(one) & np.isnan(other)))


def _all_or_nothing(args: Arguments, answer: Any, settings: Settings) -> bool:
    upstream, given = _flat(args, answer)
    return bool(np.all(_same(given, upstream) | _same(given, np.zeros(()))))


def _steps_inside(args: Arguments, settings: Settings) -> Array:
    """Return how many steps x lies inside the ends; negative ones lie outside. Off by far less than a half."""
    x, s, z = broadcast(args, settings)
    low, high = limits(settings)
    code = x.astype(np.float64) / s + z
    return np.asarray(np.minimum(code - low, high - code))


def _clear(args: Arguments, settings: Settings) -> bool:
    """Whether a code fits the dtype, so that no rounding moves one by as much as a step."""
    most = 2.0 ** (FLOATS[settings["dtype"]][0] - 2)
    z = broadcast(args, settings)[2]
    return bool(np.all(max(abs(end) for end in limits(settings)) + np.abs(z) < most))


def _inside_passes(args: Arguments, answer: Any, settings: Settings) -> bool:
    upstream, given = _flat(args, answer)
    return not _clear(args, settings) or bool(np.all(_same(given, upstream)[_steps_inside(args, settings) > 1]))


def _outside_stops(args: Arguments, answer: Any, settings: Settings) -> bool:
    _, given = _flat(args, answer)
    return not _clear(args, settings) or bool(np.all((given == 0)[_steps_inside(args, settings) < -1]))


def _infinite_stops(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(np.all(_flat(args, answer)[1][np.isinf(args[0])] == 0))


def _one_interval(args: Arguments, answer: Any, settings: Settings) -> bool:
    """No x of a channel is stopped between two that pass; an upstream of 0 does not tell."""
    upstream, given = _flat(args, answer)
    for x, own in by_channel(args[0], np.where(upstream == 0, np.nan, given != 0), settings):
        through, stopped = x[own == 1], x[own == 0]
        if through.size and np.any((stopped > through.min()) & (stopped < through.max())):
            return False
    return True


LAWS = (
    Law("all_or_nothing", "every element of the gradient is that of the upstream, or +0", _all_or_nothing),
    Law("inside_passes", "more than a step inside both ends of the range, the upstream passes", _inside_passes),
    Law("outside_stops", "more than a step outside the range, the gradient is 0", _outside_stops),
    Law("infinite_stops", "where x is infinite, the gradient is 0", _infinite_stops),
    Law("one_interval", "of one channel, no x is stopped between two that pass", _one_interval),
)

Mask = Callable[[Arguments, Any, Settings], list[Array]]


def _codes(test: Callable[[Array, int, int], npt.ArrayLike]) -> Mask:
    """Return the mask of where the code before clipping passes a test, which is given the ends too."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(test(unclipped(args, settings), *limits(settings)))]

    return mask


def _parted(**other: Any) -> Mask:
    """Return the mask of where other settings give another answer, with or without the settings' own values."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [inside(args, settings) != inside(args, {**settings, **other})]

    return mask


def _inputs(test: Callable[[Array, float], npt.ArrayLike], which: int) -> Mask:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        return [np.asarray(test(args[which].astype(np.float64), FLOATS[settings["dtype"]][2]))]

    return mask


def _ties_at_ends(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    floor, ceil = (unclipped(args, {**settings, "rounding": word}) for word in ("half_down", "half_up"))
    low, high = limits(settings)
    return [((floor == high) & (ceil > high)) | ((floor < low) & (ceil == low))]


def _near_value_ends(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    x = args[0].astype(np.float64)
    near = [np.abs(x - end) <= np.abs(end) * 2.0**-12 for end in end_values(args, settings)]
    return [np.asarray((near[0] | near[1]) & np.isfinite(x))]


REGIONS = (
    Region("infinite", "where x is infinite", _inputs(lambda x, normal: np.isinf(x), 0)),
    Region("negative_zero", "where the upstream is -0.0", _inputs(lambda g, normal: (g == 0) & np.signbit(g), 3)),
    Region("upstream_nan", "where the upstream is nan", _inputs(lambda g, normal: np.isnan(g), 3)),
    Region("upstream_infinite", "where the upstream is infinite", _inputs(lambda g, normal: np.isinf(g), 3)),
    Region(
        "upstream_subnormal",
        "where the upstream is subnormal",
        _inputs(lambda g, normal: (g != 0) & (np.abs(g) < normal), 3),
    ),
    Region("tie_at_ends", "at ties half a step beyond the ends of the range", _ties_at_ends),
    Region("highest", "where the code is q_max", _codes(lambda q, low, high: q == high)),
    Region("lowest", "where the code is q_min", _codes(lambda q, low, high: q == low)),
    Region("ends", "where the code is q_min or q_max", _codes(lambda q, low, high: (q == high) | (q == low))),
    Region(
        "near_value_ends", "close to the values of the ends of the range, by less than 2^-12 of them", _near_value_ends
    ),
    Region("code_or_value", "where x rounds to an end of the range from outside", _parted(mask="value")),
    Region("above", "above the range", _codes(lambda q, low, high: q > high)),
    Region("below", "below the range", _codes(lambda q, low, high: q < low)),
    Region("outside", "outside the range", _codes(lambda q, low, high: (q > high) | (q < low))),
    *parameter_regions(),
    Region("zero", "where x is zero", _inputs(lambda x, normal: x == 0, 0)),
    Region("negative", "where x is negative", _inputs(lambda x, normal: x < 0, 0)),
    Region("positive", "where x is positive", _inputs(lambda x, normal: x > 0, 0)),
    Region("upstream_negative", "where the upstream is negative", _inputs(lambda g, normal: g < 0, 3)),
    Region("inside", "inside the range", _codes(lambda q, low, high: (q <= high) & (q >= low))),
    *index_regions(),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Derive one element in one line."""
    low, high = limits(settings)
    flag = bool(np.broadcast_to(inside(args, settings), np.shape(args[0]))[index])
    ends: tuple[str, ...]
    if settings["mask"] == "code":
        saturating = {**settings, "overflow": "saturate"}
        text = code_by_hand(args[:3], index, saturating).split(", saturate")[0]
        text, ends, name = f"{text}, before clipping", (str(low), str(high)), "the codes"
    else:
        text = f"x = {float(args[0][index])!r}"
        values = (np.broadcast_to(end, np.shape(args[0]))[index] for end in end_values(args, settings))
        ends, name = tuple(repr(float(v)) for v in values), f"the values of {low} to {high}"
    where = f"{'inside' if flag else 'not inside'} {name} [{', '.join(ends)}]"
    where += ", ends excluded" if settings["boundary"] == "zero" else ""
    return f"{text}: {where}; the upstream {float(args[3][index])!r} {'passes' if flag else 'becomes 0'}"

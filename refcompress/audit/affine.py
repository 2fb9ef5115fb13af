"""Affine quantization: codes round(x / scale) + zero_point, or the numbers (q - zero_point) * scale they stand for.

The scale is the one that the file holds, one that a usual formula makes of the original, or one that is fitted: every
entry allows an interval of scales, and where these have a part in common, a number in it explains the codes.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.audit.affine_codes import Way, codes_of, kin_of, ways
from refcompress.audit.casts import format_of, round_to_format
from refcompress.audit.code_ranges import Range, at_work, idle_note, possible_ranges
from refcompress.audit.rules import TO_NEAREST, Candidate, Pair, Where, as_float64, blocks
from refcompress.audit.scales import Scale, declared_scales, extremes, formula_scales, whole_grid
from refcompress.quantization.affine import SCALING, times_scale
from refcompress.quantization.channels import common_dtype
from refcompress.rounding import ROUNDING

SHARE = 0.9  # of the sample must lie near a scale's codes for the scale to be tried
SCALES = 6  # are tried at most
DEQUANTIZED_WIDTHS = [8, 4, 16, 7, 6, 5, 3, 2]


def affine(pair: Pair) -> Iterator[Candidate]:
    """Propose affine codes, their numbers, and 8-bit floats of x / scale."""
    if not arguments.is_float(pair.x.dtype) or pair.size == 0:
        return
    declared = list(declared_scales(pair))
    for number, scale in enumerate(declared):
        if arguments.is_float(pair.y.dtype) and pair.y.dtype.itemsize == 1:
            yield from _scaled_floats(pair, scale, number)
    if pair.holds_codes:
        scales = [*declared, *formula_scales(pair, _widths(pair))]
        yield from _proposals(pair, _likely(pair, scales, _near_codes), dequantized=False)
    if pair.holds_rounded:
        scales = [*declared, *formula_scales(pair, DEQUANTIZED_WIDTHS)]
        yield from _proposals(pair, _likely(pair, scales, _near_numbers), dequantized=True)


def fitted(pair: Pair) -> Iterator[Candidate]:
    """Propose affine codes on a scale that the codes themselves allow, and numbers on one that they show."""
    if not arguments.is_float(pair.x.dtype) or pair.size == 0:
        return
    if pair.holds_codes:
        yield from _proposals(pair, list(_fitted(pair)), dequantized=False)
    if pair.holds_rounded:
        yield from _proposals(pair, _likely(pair, list(_smallest_step(pair)), _near_numbers), dequantized=True)


def _smallest_step(pair: Pair) -> Iterator[Scale]:
    """Yield the smallest number that is not 0 as a scale: what the code 1 stands for."""
    step = np.inf
    for block in blocks(pair.size):
        y = np.abs(as_float64(pair.flat[1][block]))
        step = min(step, y[y > 0].min(initial=np.inf))
    if np.isfinite(step):
        value, zeros = np.array([step]).astype(pair.y.dtype), np.zeros(1, np.int64)
        yield Scale("fitted, the smallest number", pair.shape, whole_grid(pair.shape), value, zeros, fitted=True)


def _widths(pair: Pair) -> list[int]:
    ranges = possible_ranges(pair, as_float64(pair.sampled[1]), pair.y_range)
    return sorted({r.bits for r in ranges if r.bits <= 16}, reverse=True)


def _likely(pair: Pair, scales: Sequence[Scale], near: Callable[[Pair, Scale], float]) -> list[Scale]:
    """Return the scales that most of the sample is near, those that more is near first."""
    shares = [(near(pair, scale), scale) for scale in scales]
    likely = [(share, scale) for share, scale in shares if share >= SHARE]
    return [scale for _, scale in sorted(likely, key=lambda pair: -pair[0])[:SCALES]]


def _near_codes(pair: Pair, scale: Scale) -> float:
    """Return the share of the codes, but for zeros and those at an end, that are within 1 of x / scale + zero."""
    x, y = (as_float64(part) for part in pair.sampled)
    s, z = scale.at(pair.sample)
    inner = (y != z) & (y > y.min()) & (y < y.max())
    with np.errstate(all="ignore"):
        near = np.abs(x / as_float64(s) + z - y)[inner] <= 1.001
    return float(near.mean()) if near.size else float(scale.declared)


def _near_numbers(pair: Pair, scale: Scale) -> float:
    """Return the share of the numbers, but for zeros, that are near a multiple of the scale, and within one of x."""
    x, y = (as_float64(part) for part in pair.sampled)
    s = np.broadcast_to(as_float64(scale.at(pair.sample)[0]), y.shape)
    some = (y != 0) & np.isfinite(y)
    with np.errstate(all="ignore"):
        steps = np.abs(y / s)[some]
        slack = 1e-3 + steps * 2 * format_of(pair.y.dtype.name).epsilon
        near = (np.abs(steps - np.rint(steps)) < slack) & (slack < 0.05) & (steps > 0.5)
        # one that saturates is far from x: half of them may
        close = np.abs(y - x)[some] < 1.001 * s[some]
    return float(near.mean()) if near.size and close.mean() >= 0.5 else 0.0


def _fitted(pair: Pair) -> Iterator[Scale]:
    """Yield a scale that rounding to nearest allows, from the codes alone."""
    x, y = (as_float64(part) for part in pair.sampled)
    inner = (y > y.min()) & (y < y.max()) & np.isfinite(x)
    if np.count_nonzero(inner) < 2 or np.ptp(x[inner]) == 0:
        return
    slope, zero = np.polyfit(x[inner], y[inner], 1)
    if not np.isfinite(slope) or slope <= 0:
        return
    zeros = np.array([np.rint(zero)], np.int64)
    low, high = 0.0, np.inf
    for block in blocks(pair.size):
        xs, q = (as_float64(part[block]) for part in pair.flat)
        q = q - zeros[0]
        used = (q != 0) & (q + zeros[0] > pair.y_range[0]) & (q + zeros[0] < pair.y_range[1]) & (q * xs > 0)
        size, code = np.abs(xs[used]), np.abs(q[used])
        low = max(low, (size / (code + 0.5)).max(initial=0.0))
        high = min(high, (size / (code - 0.5)).min(initial=np.inf))
    if 0 < low < high < np.inf:
        value = np.array([(low + high) / 2]).astype(np.float32)
        words = f"fitted, any from {low:.9g} to {high:.9g}"
        yield Scale(words, pair.shape, whole_grid(pair.shape), value, zeros, fitted=True)


def _proposals(pair: Pair, scales: Sequence[Scale], *, dequantized: bool) -> Iterator[Candidate]:
    for number, scale in enumerate(scales):
        codes, ends = _codes_found(pair, scale, dequantized)
        ranges = possible_ranges(pair, codes, ends)
        least, greatest = (line.astype(pair.x.dtype) for line in extremes(pair.x, scale.grid))
        known = _formula_of(pair, scale)
        for rank, way in enumerate(ways(scale)):
            low = float(codes_of(least, scale.values, scale.zeros, way).min())
            high = float(codes_of(greatest, scale.values, scale.zeros, way).max())
            for k, limits in enumerate(at_work(ranges, low, high)):
                family = (number, limits, dequantized)
                chosen = scale.settings | {"rounding": way.rounding, "scaling": way.scaling}
                chosen |= {"zero_point_added": way.zero_point_added} if scale.zeros.any() else {}
                yield Candidate(
                    "affine, dequantized" if dequantized else "affine",
                    chosen | (limits.settings if limits else {}),
                    _answer(pair, scale, way, limits, dequantized),
                    (25 if scale.declared else 60 if dequantized else 50, number, rank, k),
                    zero=(lambda where: 0) if dequantized else (lambda where, s=scale: s.at(where)[1]),  # type: ignore[misc]
                    note=", ".join(known if limits else [*known, idle_note(low, high)]),
                    contradicts=_contradiction(pair, scale),
                    kin=kin_of(pair.x.dtype, scale, family) if way.rounding in TO_NEAREST else None,
                )


def _formula_of(pair: Pair, scale: Scale) -> list[str]:
    """Return the formula that gives a declared scale, if one does."""
    if not scale.declared:
        return []
    for formula in formula_scales(pair, [8, 4]):
        same = scale.grid == formula.grid and np.array_equal(scale.values.astype(np.float32), formula.values)
        if same and np.array_equal(scale.zeros, formula.zeros):
            return [f"the scale is {formula.words}"]
    return []


def _codes_found(pair: Pair, scale: Scale, dequantized: bool) -> tuple[Array, tuple[float, float]]:
    """Return the codes of the sample, and the least and the greatest that there are."""
    if not dequantized:
        return as_float64(pair.sampled[1]), pair.y_range
    s, z = scale.at(pair.sample)
    with np.errstate(all="ignore"):
        codes = np.rint(as_float64(pair.sampled[1]) / as_float64(s)) + z
    finite = codes[np.isfinite(codes)]
    return codes, (finite.min(initial=0.0), finite.max(initial=0.0))


def _answer(pair: Pair, scale: Scale, way: Way, limits: Range | None, dequantized: bool) -> Any:
    def answer(x: Array, where: Where) -> Array:
        s, z = scale.at(where)
        codes = codes_of(x, s, z, way)
        if limits is not None:
            codes = limits.apply(codes)
        if not dequantized:
            return codes
        with np.errstate(all="ignore"):
            return times_scale(codes - z, s, pair.y.dtype)

    return answer


def _scaled_floats(pair: Pair, scale: Scale, number: int) -> Iterator[Candidate]:
    target = format_of(pair.y.dtype.name)
    ends = np.abs(as_float64(np.concatenate(extremes(pair.x, scale.grid))))
    beyond = ends.max() / as_float64(scale.values).min() > target.largest
    overflows = ("saturate", "ieee") if beyond else ("saturate",)
    for i, (rounding, scaling, overflow) in enumerate(product(ROUNDING, SCALING, overflows)):

        def answer(x: Array, where: Where, r: str = rounding, s: str = scaling, o: str = overflow) -> Array:
            scales = scale.at(where)[0]
            dtype = common_dtype(x, scales)
            with np.errstate(all="ignore"):
                steps = np.divide(1, scales, dtype=dtype) if s == "reciprocal" else scales
                return round_to_format(SCALING[s](x, steps, dtype), target, r, o)

        settings = {"dtype": target.name, **scale.settings, "rounding": rounding, "scaling": scaling}
        settings |= {"overflow": overflow} if beyond else {}
        yield Candidate("cast of x / scale", settings, answer, (25, number, i))


def _contradiction(pair: Pair, scale: Scale) -> str:
    if pair.declared.scale is not None and not scale.declared:
        return f"the file has another scale in {pair.declared.names[0]}"
    if pair.declared.p is not None:
        return f"the file says p={pair.declared.p}"
    return "neither the file nor a formula gives its zero point" if scale.fitted and scale.zeros.any() else ""

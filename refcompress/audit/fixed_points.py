"""Fixed point: codes round(x * 2^p), or the numbers that they stand for.

p shows itself in the data: a code that is not brought into a range lies less than 1 from x * 2^p, so that every entry
allows a few p only, and the p that most entries allow is the one. Dequantized numbers are multiples of 2^-p, about half
of them odd ones.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.audit.code_ranges import Range, at_work, idle_note, possible_ranges
from refcompress.audit.rules import TO_NEAREST, Candidate, Kin, Pair, Where, as_float64
from refcompress.quantization.fixed_point import fraction_bits, quantize
from refcompress.rounding import ROUNDING

MOST = 5  # values of p that are worth a try
P_LOW, P_HIGH = -1100, 1200


def fixed_point(pair: Pair) -> Iterator[Candidate]:
    """Propose Q(x) = round(x * 2^p), as integers and dequantized."""
    if not arguments.is_float(pair.x.dtype):
        return
    x, y = (as_float64(part) for part in pair.sampled)
    if pair.y_range == (0.0, 0.0):
        return
    if pair.holds_codes:
        for p in _tried(exponents_of_codes(x, y), pair.declared.p):
            ranges = possible_ranges(pair, y, pair.y_range)
            yield from _proposals(pair, p, ranges, dequantized=False)
    if pair.holds_rounded:
        for p in _tried(exponents_of_grid(y), pair.declared.p):
            codes = np.ldexp(y, p)
            low, high = (math.ldexp(end, p) for end in pair.y_range)
            yield from _proposals(pair, p, possible_ranges(pair, codes, (low, high)), dequantized=True)


def _tried(found: list[int], declared: int | None) -> list[int]:
    return found if declared is None or declared in found else [declared, *found]


def exponents_of_codes(x: Array, codes: Array) -> list[int]:
    """Return the values of p for which most codes lie less than 1 from x * 2^p, the best first.

    Codes that are 0 may have been pruned: they count only where the others leave a choice.

    Examples
    --------
    >>> exponents_of_codes(np.array([0.3, -0.7, 0.9]), np.array([38.0, -90.0, 115.0]))[0]
    7
    """
    keep = np.isfinite(x) & np.isfinite(codes) & (x != 0)
    size, codes = np.abs(x[keep]), np.where(np.signbit(x[keep]), -codes[keep], codes[keep])
    # code - 1 < |x| * 2^p < code + 1: about the least and the greatest such p
    voters = codes > 0
    low = np.where(codes > 1, _floor_log2(codes - 1, size), P_LOW)[voters]
    high = (_floor_log2(codes + 1, size) + 1)[voters]
    inside = (low >= P_LOW) & (high < P_HIGH)
    steps = np.zeros(P_HIGH - P_LOW + 2, np.int64)
    np.add.at(steps, low[inside] - P_LOW, 1)
    np.add.at(steps, high[inside] + 1 - P_LOW, -1)
    votes = np.cumsum(steps)
    best = np.lexsort((-np.arange(votes.size), -votes))[: 2 * MOST]  # of equals the greatest
    counted = [(*_near(size, codes, int(i) + P_LOW), int(i) + P_LOW) for i in best if votes[i] > 0]
    return [p for near, _, p in sorted(counted, reverse=True)[:MOST] if near > 0]


def _floor_log2(numerator: Array, denominator: Array) -> Array:
    """Return floor(log2(numerator / denominator)) or one less; 1 too low does not matter to a vote."""
    n, d = np.frexp(np.maximum(numerator, 1e-300)), np.frexp(denominator)
    return np.asarray(n[1].astype(np.int64) - d[1] - 1)


def _near(size: Array, codes: Array, p: int) -> tuple[int, int]:
    """Count the codes that are at most 1 from their product: those that are not 0, and all."""
    with np.errstate(over="ignore", under="ignore"):
        near = np.abs(np.ldexp(size, p) - codes) <= 1
    return int(np.count_nonzero(near & (codes != 0))), int(np.count_nonzero(near))


def exponents_of_grid(y: Array) -> list[int]:
    """Return the values of p for which the numbers, or all but a few, are multiples of 2^-p.

    Examples
    --------
    >>> exponents_of_grid(np.array([0.5, 0.75, -2.25, 1.0]))
    [2]
    """
    numbers = y[np.isfinite(y) & (y != 0)]
    if not numbers.size:
        return []
    fraction, exponent = np.frexp(numbers)
    significand = np.abs(np.ldexp(fraction, 53)).astype(np.int64)
    last = exponent - 53 + np.frexp((significand & -significand).astype(np.float64))[1] - 1
    places, counts = np.unique(-last, return_counts=True)
    usual = places[np.argmax(counts)]
    nearly_all = places[np.searchsorted(np.cumsum(counts), 0.99 * numbers.size)]
    return list(dict.fromkeys(int(p) for p in (places[-1], nearly_all, usual)))


def codes_of(x: Array, p: int, rounding: str) -> Array:
    """Return round(x * 2^p) as float64, by ``quantize`` where an int64 holds it; what is larger needs no rounding."""
    v = as_float64(x)
    with np.errstate(over="ignore"):
        fits = np.abs(v) < np.ldexp(1.0, 62 - p)  # false for NaN and infinity
        codes = quantize(np.where(fits, v, 0.0), p, rounding=rounding).astype(np.float64)
        return codes if fits.all() else np.where(fits, codes, np.ldexp(v, p))


def _proposals(pair: Pair, p: int, ranges: list[Range], *, dequantized: bool) -> Iterator[Candidate]:
    for i, rounding in enumerate(ROUNDING):
        low, high = codes_of(np.array(pair.x_range), p, rounding)
        for j, limits in enumerate(at_work(ranges, low, high)):
            settings: dict[str, Any] = {"p": p, "rounding": rounding} | (limits.settings if limits else {})
            yield Candidate(
                "fixed point, dequantized" if dequantized else "fixed point",
                settings,
                _answer(pair, p, rounding, limits, dequantized),
                (40 if dequantized else 30, abs(p), i, j),
                note=_note(pair, p, limits, low, high),
                contradicts=_contradiction(pair, p, limits),
                kin=Kin((p, limits, dequantized), _ties(p)) if rounding in TO_NEAREST else None,
            )


def _note(pair: Pair, p: int, limits: Range | None, low: float, high: float) -> str:
    """Say which codes there are where none leaves its range, and whether p is the one that ``fraction_bits`` gives."""
    notes = [] if limits else [idle_note(low, high)]
    dtype = pair.y.dtype
    bits = limits.bits if limits else 8 * dtype.itemsize if dtype.kind in "iu" and dtype.itemsize <= 4 else None
    signed = limits.signed if limits else dtype.kind == "i"
    ends = np.array(pair.x_range)
    if bits and np.isfinite(ends).all() and p == fraction_bits(ends, bits=bits, signed=signed):
        notes.append(f"the largest p at which {bits} bits do not saturate")
    return ", ".join(notes)


def _answer(pair: Pair, p: int, rounding: str, limits: Range | None, dequantized: bool) -> Any:
    def answer(x: Array, where: Where) -> Array:
        codes = codes_of(x, p, rounding)
        if limits is not None:
            codes = limits.apply(codes)
        if not dequantized:
            return codes
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(codes, -p).astype(pair.y.dtype)

    return answer


def _ties(p: int) -> Callable[[Array, Where], Array]:
    """Return what marks the entries whose product with 2^p lies half way between two integers."""

    def may_differ(x: Array, where: Where) -> Array:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            v = np.abs(np.ldexp(as_float64(x), p))
            return np.asarray(~(v - np.floor(v) != 0.5))

    return may_differ


def _contradiction(pair: Pair, p: int, limits: Range | None) -> str:
    if pair.declared.scale is not None:
        return f"the file has a scale in {pair.declared.names[0]}"
    if pair.declared.p is not None and pair.declared.p != p:
        return f"the file says p={pair.declared.p}"
    if pair.declared.bits is not None and limits is not None and limits.bits != pair.declared.bits:
        return f"the file says bits={pair.declared.bits}"
    return ""

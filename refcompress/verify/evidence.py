"""After a sweep: the simplest input on which a candidate fails, called again, and the rule that it follows instead.

A sweep leaves intervals of places. What a report shows of them is made by ordinary calls: the candidate is given the
simplest failing number alone, and a sample of what differed and of what agreed, on which every rival is judged.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.agreement import Comparison
from refcompress.verify.bit_patterns import complexity
from refcompress.verify.blocks import CALL, Found, Sweep
from refcompress.verify.candidates import Answer, Candidate
from refcompress.verify.check import cut_down, make_exchange
from refcompress.verify.diagnosis import Explanation, diagnose
from refcompress.verify.exchange import Exchange
from refcompress.verify.operations import find_operation
from refcompress.verify.wire import decode

PROBE = 4096  # inputs of the calls before the sweep
ALL = 1 << 16  # inputs up to which a diagnosis is judged on every one
SAMPLE = 1 << 13  # else on so many that differ, and on as many of each kind that agree
DIGITS = 8  # binary digits of the numbers that are always in the sample
FIRST = 64  # inputs of the first call: most rivals are given up there
READABLE = 1000  # numbers of a counterexample that a person is shown


@dataclass(frozen=True)
class Probe:
    """What came of the calls before a sweep."""

    exchanges: tuple[Exchange, ...]
    each: float
    """Seconds that one input takes; 0 where that is not known."""
    hopeless: int | None
    """The place of a number that, alone, cost a process; None where that was answered."""


def probe(sweep: Sweep, subject: Candidate) -> Probe:
    """Call the candidate on one number, and on inputs from all over the range, on some of them twice."""
    places = _accepted(sweep, np.linspace(0, sweep.patterns.count - 1, PROBE, dtype=np.int64))
    one = _accepted(sweep, sweep.patterns.places(np.ones(1, sweep.patterns.dtype)))
    one = one if one.size else places[:1]
    alone = _call(sweep, subject, one)
    if alone.answer.lost:
        return Probe((alone,), 0.0, int(one[0]))
    some = places[: places.size // 2]
    calls = [alone, _call(sweep, subject, some)]
    if calls[1].answer.lost:
        return Probe(tuple(calls), 0.0, None)
    start = time.perf_counter()
    calls.append(_call(sweep, subject, places))
    each = (time.perf_counter() - start) / places.size
    if calls[2].answer.lost:
        return Probe(tuple(calls), 0.0, None)
    calls.append(_call(sweep, subject, some, repeated=True))
    return Probe(tuple(calls), each, None)


def _call(sweep: Sweep, subject: Candidate, places: Array, *, repeated: bool = False) -> Exchange:
    args = (sweep.patterns.at(places), *sweep.fixed)
    operation = find_operation(sweep.operation)
    return make_exchange(operation, sweep.settings, subject, f"every {sweep.dtype}", args, "plain", repeated)


def _accepted(sweep: Sweep, places: Array) -> Array:
    """Leave out the places of inputs that have no answer."""
    accepts = find_operation(sweep.operation).accepts
    if accepts is None:
        return places
    with np.errstate(all="ignore"):
        return places[accepts((sweep.patterns.at(places), *sweep.fixed), sweep.settings)]


def simplest(sweep: Sweep, subject: Candidate, found: Found) -> Exchange | None:
    """Return the failing call with the simplest input; None where nothing failed."""
    if found.example is not None:
        place, expected, actual = found.example
        alone = _call(sweep, subject, np.array([place]))
        if alone.fails and not alone.answer.given_up:
            return alone
        return _in_company(sweep, subject, place) or _recorded(alone, decode(expected), decode(actual))
    if not found.silent:
        return None
    ends = np.array(sorted({place for first, last, _ in found.silent for place in (first, last)}))
    ends = _accepted(sweep, ends)
    if not ends.size:
        return None
    single = {first for first, last, _ in found.silent if first == last}
    order = sorted(ends.tolist(), key=lambda p: (p not in single, int(complexity(sweep.patterns.at([p]))[0])))
    return _call(sweep, subject, np.array(order[:1]))


def smaller(sweep: Sweep, subject: Candidate, failing: Exchange) -> Exchange:
    """Return a failing call with as few numbers as can be had of one made before the sweep."""
    if failing.repeated or failing.answer.lost or failing.only_overwrites:
        return failing
    return cut_down(find_operation(sweep.operation), sweep.settings, subject, failing)


def _in_company(sweep: Sweep, subject: Candidate, place: int) -> Exchange | None:
    """Return the failing call with the fewest numbers around a place that is answered rightly alone."""
    first = place // CALL * CALL
    places = _accepted(sweep, np.arange(first, min(first + CALL, sweep.patterns.count)))
    whole = _call(sweep, subject, places)
    if not whole.fails:
        return None
    fewest = smaller(sweep, subject, whole)
    return fewest if fewest.size <= READABLE else None


def _recorded(alone: Exchange, expected: Any, actual: Any) -> Exchange:
    """Return the call as it was answered in the sweep, where it is answered rightly now."""
    wrong = (np.array([True]),)
    return Exchange(
        alone.case, alone.args, "plain", False, expected, alone.bound, Answer(actual), Comparison(None, wrong)
    )


@dataclass(frozen=True)
class Judgement:
    """What a candidate that differs does, and on how many inputs that was judged."""

    explanations: tuple[Explanation, ...]
    differing: int
    agreeing: int
    exchanges: tuple[Exchange, ...]


def judge(
    sweep: Sweep, subject: Candidate, found: Found, ends: tuple[int, int], calls: Sequence[Exchange]
) -> Judgement:
    """Diagnose a candidate on its answers to a sample; ``calls`` were made before, ``ends`` are of what was swept."""
    differing, agreeing = _sample(sweep, found, ends)
    hard = differing[np.argsort(complexity(sweep.patterns.at(differing)), kind="stable")]
    few = np.arange(agreeing.size) % max(1, agreeing.size // FIRST) == 0
    groups = (hard[:FIRST], agreeing[few], hard[FIRST:], agreeing[~few])
    sampled = [_call(sweep, subject, group) for group in groups if group.size]
    sampled = [e for e in sampled if not e.answer.given_up]
    exchanges = [*calls, *sampled]
    explanations = diagnose(find_operation(sweep.operation), sweep.settings, exchanges, forms=False)
    wrong = sum(e.failed for e in sampled)
    return Judgement(tuple(explanations), wrong, sum(e.size for e in sampled) - wrong, tuple(exchanges))


def _sample(sweep: Sweep, found: Found, ends: tuple[int, int]) -> tuple[Array, Array]:
    """Return places that differed and places that agreed: all of them, or the hard ones and some from everywhere."""
    first, last = ends
    if last - first < ALL:
        places = np.arange(first, last + 1)
    else:
        places = np.unique(np.concatenate([_within(found), _beside(found), _few_digits(sweep), _spread(first, last)]))
        places = places[(places >= first) & (places <= last)]
    places = _accepted(sweep, places)
    for start, end, _ in found.silent:
        places = places[(places < start) | (places > end)]
    starts = np.array([i[0] for i in found.intervals], np.int64)
    stops = np.array([i[1] for i in found.intervals], np.int64)
    inside = np.searchsorted(starts, places, "right") - 1
    differs = (inside >= 0) & (places <= stops[inside]) if starts.size else np.zeros(places.shape, bool)
    return places[differs], places[~differs]


def _within(found: Found) -> Array:
    """Return places that differ: spread over all of them."""
    starts = np.array([i[0] for i in found.intervals], np.int64)
    sizes = np.array([i[1] - i[0] + 1 for i in found.intervals], np.int64)
    before = np.cumsum(sizes) - sizes
    total = int(sizes.sum())
    ranks = np.unique(np.linspace(0, total - 1, min(total, SAMPLE), dtype=np.int64))
    interval = np.searchsorted(before, ranks, "right") - 1
    return starts[interval] + ranks - before[interval]


def _beside(found: Found) -> Array:
    """Return the places just outside the intervals."""
    step = max(1, 2 * len(found.intervals) // SAMPLE)
    return np.array([place for a, b, _ in found.intervals[::step] for place in (a - 1, b + 1)], np.int64)


def _few_digits(sweep: Sweep) -> Array:
    """Return the places of numbers of few binary digits: ties, codes and powers of two are among them."""
    patterns = sweep.patterns
    most = 24 if patterns.is_float else patterns.width
    digits = np.arange(1, 2**DIGITS, 2, dtype=np.float64)
    values = np.concatenate([[0.0], *(np.ldexp(digits, e) for e in range(-most if patterns.is_float else 0, most))])
    values = np.concatenate([values, -values])
    if patterns.is_float:
        return patterns.places(values.astype(patterns.dtype))
    ends = np.iinfo(patterns.dtype)
    return patterns.places(values[(values >= ends.min) & (values <= ends.max)].astype(patterns.dtype))


def _spread(first: int, last: int) -> Array:
    return np.linspace(first, last, SAMPLE, dtype=np.int64)

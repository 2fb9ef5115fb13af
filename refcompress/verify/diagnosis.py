"""Which other rule a candidate follows, which known fault it has, and where it differs.

Every rival (another value of a setting, a known fault, a pair of settings) is evaluated on everything the candidate
returned. One explains the candidate only if it gives *all* of its answers. Where none does, a rival is tried inside one
region with the reference outside ("rounds halves away from zero in the last n mod 8 elements"); where that fails too,
a rival is tried that explains all but the sign of zeros, which a product with a mask or a cast may change besides;
then the best partial explanation and the place of the differences are given, and marked as partial.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from refcompress.arguments import Array, is_float
from refcompress.verify.agreement import compare, parts
from refcompress.verify.exchange import Exchange
from refcompress.verify.layouts import straight_through
from refcompress.verify.operation import Fault, Operation, Settings
from refcompress.verify.places import Place, places_of_differences

MOST_STATEMENTS = 3
LEAST_COARSE = 3  # of what shows that an arithmetic is coarse, a third has to be wrong
SMALL = 8  # an error of an eighth is small
LEAST_SHARE = 8  # a rival has to explain an eighth of the differences, or it is not named
# names of what no implementation may do, whatever it answers; such a statement stands beside the others
CONDUCT = frozenset({"changes_input", "overwrites", "second_call", "history", "no_answer", "no_comparison"})
MOSTLY = 0.5  # of all values: a region that holds more is named only if many failing calls lie in it
CHANCE = 0.05  # that they do for no reason


@dataclass(frozen=True)
class Explanation:
    """One statement about a candidate."""

    statement: str
    settings: Settings | None
    fault: str | None
    explained: int
    """On how many of the candidate's answers the statement gives the very value."""
    of: int

    @property
    def complete(self) -> bool:
        """Whether it explains everything that the candidate returned."""
        return self.explained == self.of


@dataclass(frozen=True)
class Rival:
    """Another rule, ready to be evaluated."""

    says: str
    settings: Settings | None
    fault: str | None
    answer: Callable[[Exchange], Any]
    bound: Callable[[Exchange], Any]
    coarse: bool = False
    """Whether it allows for the errors of a coarser arithmetic."""


def setting_rivals(operation: Operation, settings: Settings, together: int = 1) -> Iterator[Rival]:
    """Yield the rivals that are other values of ``together`` settings at once."""
    others = [[(s, value) for value in s.allowed if value != settings[s.name]] for s in operation.settings if s.rival]
    for chosen in itertools.combinations(others, together):
        for pairs in itertools.product(*chosen):
            changed = {s.name: value for s, value in pairs}
            says = " and ".join(s.says.get(value, f"follows {s.name}={word(value)}") for s, value in pairs)
            yield Rival(says, changed, None, *_under(operation, {**settings, **changed}))


def _under(operation: Operation, settings: Settings) -> tuple[Callable[[Exchange], Any], Callable[[Exchange], Any]]:
    bound, answer = operation.bound, operation.rival_answer or operation.answer
    return (
        lambda exchange: answer(exchange.args, settings),
        lambda exchange: None if bound is None else bound(exchange.args, settings),
    )


def fault_rivals(operation: Operation, settings: Settings) -> Iterator[Rival]:
    """Yield the known faults."""
    for fault in operation.faults:
        yield Rival(
            fault.statement,
            None,
            fault.name,
            lambda exchange, f=fault: f.answer(exchange.args, settings),  # type: ignore[misc]
            lambda exchange, f=fault: _of_fault(f, exchange, settings),  # type: ignore[misc]
            fault.coarse,
        )


def _of_fault(fault: Fault, exchange: Exchange, settings: Settings) -> Any:
    """Return the larger of the bounds of the right answer and of the fault's own, element by element."""
    if fault.bound is None or exchange.bound is None:
        return exchange.bound
    own = fault.bound(exchange.args, settings)
    return [np.fmax(a, b) for a, b in zip(parts(exchange.bound), parts(own), strict=True)]


def _straight_through(operation: Operation, settings: Settings) -> Rival:
    """Return the fault of reading an array's memory from its first byte on, whatever its strides."""
    bound = operation.bound
    return Rival(
        "ignores the strides of its input: it reads the memory straight through",
        None,
        "strides_ignored",
        lambda e: operation.answer(tuple(straight_through(v, e.layout) for v in e.args), settings),
        lambda e: None if bound is None else bound(tuple(straight_through(v, e.layout) for v in e.args), settings),
    )


def word(value: Any) -> str:
    """Write a setting's value as the command line takes it."""
    return str(value).lower() if isinstance(value, bool | None) else str(value)


@np.errstate(all="ignore")
def diagnose(
    operation: Operation, settings: Settings, exchanges: Sequence[Exchange], forms: bool = True
) -> list[Explanation]:
    """Explain a candidate that differs, if ``forms`` by the forms of arrays too; the best statement comes first."""
    statements = [*_conduct(exchanges)]
    judged = [e for e in exchanges if e.answer.problem is None]
    if all(e.comparison.agrees for e in judged):
        return statements
    memory = [_straight_through(operation, settings)] if any(e.layout != "plain" for e in judged) else []
    singles = [*setting_rivals(operation, settings), *memory, *fault_rivals(operation, settings)]
    same = all(compare(e.expected, e.answer.value, e.bound).agrees for e in judged)  # what differs is a dtype alone
    found = [] if same else _complete(singles, judged)
    if not found and not same:
        found = _complete(setting_rivals(operation, settings, 2), judged)
    misshapen = [] if found else [e for e in judged if e.comparison.problem is not None]
    if misshapen:
        statements.append(_misshapen(misshapen, exchanges))
        judged = [e for e in judged if e.comparison.problem is None]
        if all(e.comparison.agrees for e in judged):
            return statements
        found = _complete(singles, judged)
    if not found:
        places = places_of_differences(operation, settings, judged, forms)
        found = _inside(singles, places, judged) or _but_for_signs_of_zeros(singles, judged)
        found = found or _in_part(singles, places, judged) or [_unknown(judged)]
    return [*statements, *found[:MOST_STATEMENTS]]


def _conduct(exchanges: Sequence[Exchange]) -> Iterator[Explanation]:
    """Yield what a candidate did that no implementation may do, whatever it answers."""
    total = sum(e.size for e in exchanges)
    right = total - sum(e.failed for e in exchanges)
    changed = [e for e in exchanges if e.answer.changed]
    if changed:
        names = ", ".join(sorted({name for e in changed for name in e.answer.changed}))
        yield Explanation(
            f"changes its input {names} ({len(changed):,} of {len(exchanges):,} calls)",
            None,
            "changes_input",
            right,
            total,
        )
    written = sum(e.answer.overwrote is not None for e in exchanges)
    if written:
        text = f"writes into an array that it returned before ({written:,} of {len(exchanges):,} calls)"
        yield Explanation(text, None, "overwrites", right, total)
    moody = [e for e in exchanges if e.repeated and _differs(e) and _was_right(e, exchanges)]
    if moody:
        again = sum(e.repeated for e in exchanges)
        text = f"gives another answer the second time ({len(moody):,} of {again:,} repeated calls)"
        yield Explanation(text, None, "second_call", right, total)
    silent = [e for e in exchanges if e.answer.problem is not None]
    if silent:
        end = "; it was not called again" if exchanges[-1].answer.lost else ""
        text = f"{silent[0].answer.problem} ({_calls(silent, exchanges)}{end})"
        yield Explanation(text, None, "no_answer", right, total)


def _misshapen(misshapen: Sequence[Exchange], exchanges: Sequence[Exchange]) -> Explanation:
    """Say what is returned that cannot be compared; one of a shape that a rival would give is explained before."""
    total = sum(e.size for e in exchanges)
    right = total - sum(e.failed for e in exchanges)
    text = f"{misshapen[0].comparison.problem} ({_calls(misshapen, exchanges)})"
    return Explanation(text, None, "no_comparison", right, total)


def _calls(some: Sequence[Exchange], exchanges: Sequence[Exchange]) -> str:
    """Count some calls, and name their cases if they are few."""
    cases = list(dict.fromkeys(e.case for e in some))
    where = f"; only in: {', '.join(cases)}" if len(cases) <= 3 and len(some) < len(exchanges) else ""
    return f"{len(some):,} of {len(exchanges):,} calls{where}"


def _differs(exchange: Exchange) -> bool:
    """Whether a call gave an answer that is wrong."""
    return exchange.answer.problem is None and not exchange.comparison.agrees


def _was_right(again: Exchange, exchanges: Sequence[Exchange]) -> bool:
    return any(e.args is again.args and e.layout == again.layout and not e.repeated and not e.fails for e in exchanges)


def _values(rival: Rival, exchange: Exchange) -> Any:
    """Return the rival's answer, as integers where integers are due; None where it has none."""
    try:
        return as_integers(rival.answer(exchange), exchange.expected)
    except (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError):
        return None


def as_integers(answer: Any, expected: Any) -> Any:
    """Turn a rival's floats into integers where integers are due, unless it gives fractions."""
    if isinstance(expected, tuple | list):
        if not isinstance(answer, tuple | list) or len(answer) != len(expected):
            return answer
        return type(expected)([as_integers(a, e) for a, e in zip(answer, expected, strict=True)])
    array = np.asarray(answer)
    if np.asarray(expected).dtype.kind not in "iu" or array.dtype.kind in "iub":
        return array
    inside = (array >= -(2.0**63)) & (array < 2.0**63)
    return array.astype(np.int64) if inside.all() and (array == np.rint(array)).all() else array


def _limits(rival: Rival, exchange: Exchange, values: Any) -> list[Array] | None:
    """Widen the bound, for each part of a rival's answer, by as much as that is larger than the reference's."""
    bound = rival.bound(exchange)
    if bound is None:
        return None
    limits = []
    for limit, right, other in zip(parts(bound), parts(exchange.expected), parts(values), strict=False):
        most = float(np.max(np.abs(right), initial=0.0))
        larger = float(np.max(np.abs(other), initial=0.0)) / most if most else 1.0
        if limit.shape != other.shape:  # a rival of another form is held to the largest
            limit = np.full(other.shape, np.max(limit, initial=0.0))
        limits.append(limit * max(1.0, larger if np.isfinite(larger) else 1.0))
    return limits


def _agreeing(rival: Rival, exchange: Exchange) -> int:
    """Count the values of one answer that the rival gives too."""
    values = _values(rival, exchange)
    if values is None:
        return 0
    limits, value = _limits(rival, exchange, values), exchange.answer.value
    if limits is not None:
        values, value = _without_shared_nans(values, value)
    result = compare(values, value, limits)
    return 0 if result.problem is not None else exchange.size - sum(int(w.sum()) for w in result.wrong)


def _without_shared_nans(values: Any, answer: Any) -> tuple[Any, Any]:
    """Return a rival's array and a candidate's with 0 where both are nan: within a bound no nan equals another."""
    if isinstance(values, tuple | list) or isinstance(answer, tuple | list):
        return values, answer
    one, other = np.asarray(values), np.asarray(answer)
    if one.shape != other.shape or not (is_float(one.dtype) and is_float(other.dtype)):
        return values, answer
    one, other = one.astype(np.float64), other.astype(np.float64)
    nan = np.isnan(one) & np.isnan(other)
    return np.where(nan, 0.0, one), np.where(nan, 0.0, other)


def _differences(judged: Sequence[Exchange]) -> int:
    """Count the values that differ; a call that is wrong in what it does, and not in its answer, has none."""
    return sum(int(wrong.sum()) for e in judged for wrong in e.comparison.wrong)


def _failing_first(judged: Sequence[Exchange]) -> list[Exchange]:
    return sorted(judged, key=lambda e: (e.comparison.agrees, e.size))


def _complete(rivals: Iterator[Rival] | Sequence[Rival], judged: Sequence[Exchange]) -> list[Explanation]:
    """Return the rivals that give every answer of the candidate."""
    ordered, total = _failing_first(judged), sum(e.size for e in judged)
    found: list[Explanation] = []
    explaining: list[Rival] = []
    for rival in rivals:
        if rival.coarse and any(r.coarse for r in explaining):  # the finest that explains all
            continue
        gives_all = all(_agreeing(rival, e) == e.size for e in ordered) and _is_another_rule(rival, ordered)
        if gives_all and not (rival.coarse and _is_finer(rival, ordered)):
            explaining.append(rival)
            if rival.settings is not None:
                rule = " ".join(f"{name}={word(value)}" for name, value in rival.settings.items())
                text = f"{rival.says}; agrees with {rule} on all {total:,} values"
            else:
                text = f"{rival.says}; this explains all {total:,} values"
            found.append(Explanation(text, rival.settings, rival.fault, total, total))
    return found


def _is_another_rule(rival: Rival, ordered: Sequence[Exchange]) -> bool:
    """Whether a rival parts from the reference on what came: else a wrong dtype is all there is to explain."""
    return any(not e.comparison.agrees and not compare(e.expected, _values(rival, e), e.bound).agrees for e in ordered)


def _is_finer(rival: Rival, judged: Sequence[Exchange], place: Place | None = None) -> bool:
    """Whether a candidate is right, most of the time, where a coarser arithmetic shows: it does not compute in that.

    Asked is where it allows for small errors: a long sum of few digits may be anything.
    """
    shows = both = 0
    for e in judged:
        values = _values(rival, e)
        if values is None:
            continue
        coarse = compare(e.expected, values, e.bound).wrong
        inside = [np.True_] * len(coarse) if place is None else place.mask(e)
        rows = zip(parts(e.expected), _limits(rival, e, values) or (), inside, coarse, e.comparison.wrong, strict=False)
        for right, limit, there, seen, wrong in rows:
            asked = there & seen & (SMALL * limit <= np.abs(right))
            shows, both = shows + int(asked.sum()), both + int((asked & wrong).sum())
    return LEAST_COARSE * both < shows


def _in_part(rivals: Sequence[Rival], places: Sequence[Place], judged: Sequence[Exchange]) -> list[Explanation]:
    """Return the best partial explanation and the place of the differences, the better lead first."""
    partial, location = _partial(rivals, judged), _location(places, judged)
    failed = _differences(judged)
    right = sum(e.size for e in judged) - failed
    # one that explains few of the differences, or one alone of several, does so by chance
    least = max(failed / LEAST_SHARE, min(failed, 2))
    partial = [p for p in partial if p.explained - right >= least]
    # a rival that explains less than half of the differences is a worse lead than their place
    lead = all(2 * (p.explained - right) >= failed for p in partial)
    return [*partial, *location] if lead else [*location, *partial]


def _partial(rivals: Sequence[Rival], judged: Sequence[Exchange]) -> list[Explanation]:
    """Return the rival that gives most of the answers, if it gives more of them than the reference does.

    A fault that allows for the errors of a coarser arithmetic is left out: they hold some of any differences.
    """
    total = sum(e.size for e in judged)
    failed = _differences(judged)
    best, fewest = None, failed
    # a rival that explains none of the differences is given up as soon as they are all seen
    ordered = sorted(judged, key=lambda e: (e.comparison.agrees, -e.size))
    for rival in (r for r in rivals if not r.coarse):
        missed = 0
        for e in ordered:
            missed += e.size - _agreeing(rival, e)
            if missed >= fewest:
                break
        else:
            best, fewest = rival, missed
    if best is None:
        return []
    explained = total - fewest
    text = f"in part {best.says}; this explains {explained:,} of {total:,} values, the reference {total - failed:,}"
    return [Explanation(text, best.settings, best.fault, explained, total)]


def _inside(rivals: Sequence[Rival], places: Sequence[Place], judged: Sequence[Exchange]) -> list[Explanation]:
    """Return the rivals that the candidate follows inside one region, the first, with the reference outside."""
    ordered, total = _failing_first(judged), sum(e.size for e in judged)

    @cache
    def answer(rival_number: int, exchange_number: int) -> Any:
        return _values(rivals[rival_number], ordered[exchange_number])

    def explains(place: Place, number: int) -> bool:
        for i, exchange in enumerate(ordered):
            values = answer(number, i)
            if values is None:
                if any(inside.any() for inside in place.mask(exchange)):
                    return False
                continue
            got = compare(values, exchange.answer.value, _limits(rivals[number], exchange, values))
            # outside of a place nothing is wrong
            if got.problem is not None or any(
                (inside & wrong).any() for inside, wrong in zip(place.mask(exchange), got.wrong, strict=True)
            ):
                return False
        return True

    def of_place(place: Place) -> Iterator[Explanation]:
        for number, rival in enumerate(rivals):
            if explains(place, number) and not (rival.coarse and _is_finer(rival, judged, place)):
                text = f"{rival.says}, but only {place.where}; this explains all {total:,} values"
                yield Explanation(text, rival.settings, rival.fault, total, total)

    for place in places:
        found = [*of_place(place)]
        if found:
            return found
    return []


def _but_for_signs_of_zeros(rivals: Sequence[Rival], judged: Sequence[Exchange]) -> list[Explanation]:
    """Return the first rival that gives every number of the candidate, though not the sign of every zero."""
    ordered, total = _failing_first(judged), sum(e.size for e in judged)

    def wrong(rival: Rival, exchange: Exchange) -> tuple[int, int] | None:
        """Count the values that the rival does not give, to the bit; None where a number is among them."""
        values = _values(rival, exchange)
        if values is None:
            return None
        limits = _limits(rival, exchange, values)
        unsigned = None if limits is None else [np.abs(limit) for limit in limits]
        plain = [_without_signs_of_zeros(v) for v in (values, exchange.answer.value, exchange.expected)]
        result = compare(plain[0], plain[1], unsigned)
        if not result.agrees:
            return None
        another = not compare(plain[2], plain[0], unsigned).agrees
        return exchange.size - _agreeing(rival, exchange), int(another and not exchange.comparison.agrees)

    for rival in rivals:
        counts = []
        for e in ordered:
            count = wrong(rival, e)
            if count is None:
                break
            counts.append(count)
        else:
            signs = sum(signs for signs, _ in counts)
            if any(another for _, another in counts):
                text = f"{rival.says}; this explains all {total:,} values but the sign of {signs:,} zeros"
                return [Explanation(text, rival.settings, rival.fault, total - signs, total)]
    return []


def _without_signs_of_zeros(answer: Any) -> Any:
    """Return an answer with +0 for every zero."""
    if isinstance(answer, tuple | list):
        return type(answer)([_without_signs_of_zeros(part) for part in answer])
    array = np.asarray(answer)
    return np.where(array == 0, 0, array)


def _location(places: Sequence[Place], judged: Sequence[Exchange]) -> list[Explanation]:
    """Say where all differences lie: in the region with the fewest elements, unless they could by chance."""
    if not places:
        return []
    total = sum(e.size for e in judged)
    failed = _differences(judged)
    sizes = [sum(int(mask.sum()) for e in judged for mask in place.mask(e)) for place in places]
    best = min(range(len(places)), key=sizes.__getitem__)
    # where most values are, and most of them are right, a few failing calls lie for no reason
    share, calls = Fraction(sizes[best], total), sum(not e.comparison.agrees for e in judged)
    if share > MOSTLY and 2 * failed < sizes[best] and share**calls > CHANCE:
        return []
    text = f"differs only {places[best].where}: {failed:,} of the {sizes[best]:,} values there, none elsewhere"
    return [Explanation(text, None, None, total - failed, total)]


def _unknown(judged: Sequence[Exchange]) -> Explanation:
    """Say that nothing explains the differences, and in which cases they are."""
    total = sum(e.size for e in judged)
    failed = _differences(judged)
    failing = [e for e in judged if not e.comparison.agrees]
    text = f"follows no rule that is known here: {failed:,} of {total:,} values differ ({_calls(failing, judged)})"
    return Explanation(text, None, None, total - failed, total)

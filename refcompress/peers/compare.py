"""Find the settings under which the reference gives a peer's every answer, to the bit.

The peer is asked once on all directed cases of its operation and on boundary-aimed numbers beside them; then every
combination of the settings that it does not fix is held against its answers, and, where none gives them all, the known
faults of the operation under the combinations that come nearest.
"""

import functools
import importlib.metadata
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.peer import Peer, Probe
from refcompress.verify.agreement import compare, conform, parts
from refcompress.verify.candidates import from_callable
from refcompress.verify.check import check, resolve
from refcompress.verify.operation import Arguments, Fault, Operation, Settings
from refcompress.verify.operations import find_operation
from refcompress.verify.report import Report
from refcompress.verify.variation import varied

FIRST, LIKELY = 4, 24  # calls that all rules are held against first, and how many of these are held against more
SCREENED = 24  # calls that put the likely rules in order: one that fails any of them is not held against the others
NEAREST = 8  # combinations of settings with which the faults are tried
SAMPLED = 500  # calls that decide which rule comes nearest, where none gives everything
MOST_REFUSALS = 1000  # calls that a peer may refuse before no more are made


@dataclass(frozen=True)
class Asked:
    """One call that a peer answered."""

    args: Arguments
    value: Any


@dataclass(frozen=True)
class Rule:
    """The reference under some settings, or a known fault under them."""

    settings: dict[str, Any]
    fault: Fault | None = None

    def missed(self, op: Operation, call: Asked) -> tuple[int, int]:
        """Count the numbers of an answer that the rule does not give, and those to which it has no answer."""
        try:
            with np.errstate(all="ignore"):  # a fault may overflow, or divide by 0: that is what it is
                expected = (self.fault or op).answer(call.args, self.settings)
        except ValueError:
            return 0, _size(call.value)
        bound = None if op.bound is None else op.bound(call.args, self.settings)
        result = compare(expected, call.value, bound)
        wrong = _size(call.value) if result.problem is not None else sum(int(w.sum()) for w in result.wrong)
        return wrong, 0


@dataclass(frozen=True)
class Finding:
    """What a peer was found to compute."""

    peer: Peer
    version: str
    elements: int
    """How many numbers were compared."""
    refused: int
    """How many calls the peer raised an exception on."""
    settings: Mapping[str, Any]
    """The settings that reproduce it; where none does, those that come nearest."""
    fault: Fault | None
    """The known fault that gives its every answer under these settings, where no settings alone do."""
    wrong: int
    """How many numbers that rule does not give."""
    silent: int
    """How many numbers the peer gives where that rule refuses the input."""
    equivalent: int
    """How many other combinations of settings give the same answers on everything that was asked."""
    report: Report | None
    """Where the peer departs from its own specification, or from every rule: the smallest input that shows it."""
    probes: tuple[tuple[str, str], ...]

    @property
    def reproduced(self) -> bool:
        """Whether the rule gives every answer."""
        return self.elements > 0 and self.wrong == 0


def installed(package: str) -> str | None:
    """Return the version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def investigate(peer: Peer, version: str) -> Finding:
    """Ask a peer, and find the settings that reproduce it."""
    op = find_operation(peer.operation)
    fixed = resolve(op, peer.settings)
    asked, refused = _ask(peer, op, fixed)
    best, wrong, silent = _nearest(op, list(combinations(op, fixed, peer)), asked)
    claimed = resolve(op, {**peer.settings, **peer.specification}) if peer.specification else best[0].settings
    departs = wrong > 0 or not asked or best[0].fault is not None or claimed not in [rule.settings for rule in best]
    return Finding(
        peer,
        version,
        sum(_size(a.value) for a in asked),
        refused,
        best[0].settings,
        best[0].fault,
        wrong,
        silent,
        len(best) - 1,
        check(_excused(peer, op, claimed), op, **claimed) if departs else None,
        tuple((probe.name, _probed(peer, probe)) for probe in peer.probes),
    )


def combinations(op: Operation, fixed: Settings, peer: Peer) -> Iterator[dict[str, Any]]:
    """Yield the settings of a peer, with every value of those that it leaves open; the defaults come first."""
    free = [s for s in op.settings if s.rival and s.name not in peer.settings]
    values = [sorted(s.allowed, key=lambda value, s=s: value != s.default) for s in free]  # type: ignore[misc]
    for chosen in itertools.product(*values):
        yield {**fixed, **dict(zip((s.name for s in free), chosen, strict=True))}


def _ask(peer: Peer, op: Operation, fixed: Settings) -> tuple[list[Asked], int]:
    """Return the calls that the peer answered, and how many it refused."""
    subject = from_callable(peer.function, [i.name for i in op.inputs])
    asked: list[Asked] = []
    elements = refused = 0
    for args, layout, expected in _questions(op.name, tuple(fixed.items())):
        if (elements >= peer.numbers and layout is None) or refused > MOST_REFUSALS:
            break
        flags = _within(peer, args)
        if flags is not None and not flags.any():
            continue
        if flags is not None:
            args, expected = _cut(args, flags), expected[flags]
        answer = subject.call(args, layout or "plain")
        if answer.problem is not None:
            refused += 1
            continue
        value, _ = conform(expected, answer.value)
        asked.append(Asked(args, value))
        elements += _size(value)
    return asked, refused


def _within(peer: Peer, args: Arguments) -> Array | None:
    """Return which elements of the first input the peer can be asked for; None where those are all."""
    if peer.within is None:
        return None
    flags = np.asarray(peer.within(*args))
    return None if flags.size and flags.all() else flags


def _cut(args: Arguments, flags: Array) -> Arguments:
    return (args[0][flags], *args[1:])


def _excused(peer: Peer, op: Operation, settings: Settings) -> Callable[..., Any]:
    """Return the peer's function, with the right answers where it cannot be asked."""
    if peer.within is None:
        return peer.function

    def function(*args: Any) -> Any:
        flags = _within(peer, args)
        if flags is None:
            return peer.function(*args)
        answer = np.array(op.answer(args, settings))
        if flags.any():
            answer[flags] = peer.function(*_cut(args, flags))
        return answer

    return function


Question = tuple[Arguments, str | None, Any]
"""Inputs, their layout (None: one of the variations, which have no end), and the answer."""


class _Questions:
    """Questions that are made once, when they are first asked."""

    def __init__(self, made: Iterator[Question]) -> None:
        self._kept: list[Question] = []
        self._made = made

    def __iter__(self) -> Iterator[Question]:
        for number in itertools.count():
            if number == len(self._kept):
                self._kept.append(next(self._made))
            yield self._kept[number]


@functools.cache
def _questions(operation: str, settings: tuple[tuple[str, Any], ...]) -> _Questions:
    """Return the directed cases with their layouts, then variations without end."""
    op, fixed = find_operation(operation), dict(settings)
    directed = ((args, case.layout, op.answer(args, fixed)) for case in op.cases for args in case.make(fixed))
    return _Questions(itertools.chain(directed, ((a, None, expected) for _, a, expected, _ in varied(op, fixed, 0))))


def _nearest(op: Operation, choices: Sequence[dict[str, Any]], asked: Sequence[Asked]) -> tuple[list[Rule], int, int]:
    """Return the rules that give all of a peer's numbers, or else the one that gives most of those that were tried.

    Beside it how many numbers it does not give, and on how many it refuses: a rule may refuse an input that the peer
    answers, since the reciprocal of a subnormal scale is infinite.
    """
    ordered = sorted(asked, key=lambda call: _size(call.value), reverse=True)
    screen = [*ordered[: SCREENED // 2], *ordered[SCREENED // 2 :: max(1, 2 * len(ordered) // SCREENED)]]
    likely = _in_order(op, map(Rule, choices), screen[:FIRST])
    hopeful = [rule for (wrong, silent), rule in likely[:LIKELY] + [each for each in likely[LIKELY:] if not each[0][0]]]
    plain = _in_order(op, hopeful, screen)
    complete = _complete(op, plain, ordered)
    near = [rule for _, rule in plain[:NEAREST]]
    if complete is None:
        faults = [Rule(rule.settings, fault) for rule in near for fault in op.faults]
        complete = _complete(op, [(_total(op, rule, screen, 0), rule) for rule in faults], ordered)
    if complete is not None:
        return complete
    some = ordered[:: max(1, len(ordered) // SAMPLED)]
    best = min(near, key=lambda rule: sum(_total(op, rule, some)))
    return [best], *_total(op, best, ordered)


Counted = tuple[tuple[int, int], Rule]


def _in_order(op: Operation, rules: Iterable[Rule], calls: Sequence[Asked]) -> list[Counted]:
    """Put rules in the order of what they miss of a few calls."""
    return sorted(((_total(op, rule, calls), rule) for rule in rules), key=lambda counted: sum(counted[0]))


def _total(op: Operation, rule: Rule, calls: Sequence[Asked], most: float = math.inf) -> tuple[int, int]:
    """Count what a rule misses of some calls; once that is more than ``most`` no more is counted."""
    wrong = silent = 0
    for call in calls:
        more, refused = rule.missed(op, call)
        wrong, silent = wrong + more, silent + refused
        if wrong > most:
            break
    return wrong, silent


def _complete(op: Operation, counted: Sequence[Counted], calls: Sequence[Asked]) -> tuple[list[Rule], int, int] | None:
    """Return the rules that give every number, those that refuse fewest; None where there are none."""
    found = [(_total(op, rule, calls, 0), rule) for (wrong, _), rule in counted if wrong == 0]
    right = [(silent, rule) for (wrong, silent), rule in found if wrong == 0 and silent <= _numbers(calls) // 2]
    if not right:
        return None
    fewest = min(silent for silent, _ in right)
    return [rule for silent, rule in right if silent == fewest], 0, fewest


def _numbers(calls: Sequence[Asked]) -> int:
    return sum(_size(call.value) for call in calls)


def _size(value: Any) -> int:
    return sum(math.prod(np.shape(part)) for part in parts(value))


def _probed(peer: Peer, probe: Probe) -> str:
    try:
        answer = probe.ask(peer.function)
    except Exception as error:  # whatever a peer raises is its answer
        return f"raises {type(error).__name__}"
    return ", ".join(str(v) for v in np.asarray(answer).reshape(-1).tolist())

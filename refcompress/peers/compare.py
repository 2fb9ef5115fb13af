"""Find the settings under which the reference gives a peer's every answer, to the bit.

The peer is asked once on all directed cases of its operation and on boundary-aimed numbers beside them; then every
combination of the settings that it does not fix is held against its answers.
"""

import importlib.metadata
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.peers.peer import Peer, Probe
from refcompress.verify.agreement import compare, conform, parts
from refcompress.verify.candidates import from_callable
from refcompress.verify.check import check, resolve
from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.operations import find_operation
from refcompress.verify.report import Report
from refcompress.verify.variation import varied

ELEMENTS = 100_000  # numbers that a peer is asked for at least
SCREENED = 8  # calls by which settings are put in order
MOST_REFUSALS = 1000  # calls that a peer may refuse before no more are made

Chosen = list[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """One call that a peer answered."""

    args: Arguments
    value: Any


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
    wrong: int
    """How many numbers those settings do not give."""
    silent: int
    """How many numbers the peer gives where those settings refuse the input."""
    equivalent: int
    """How many other combinations of settings give the same answers on everything that was asked."""
    report: Report | None
    """Where the peer departs from its own specification, or from every rule: the smallest input that shows it."""
    probes: tuple[tuple[str, str], ...]

    @property
    def reproduced(self) -> bool:
        """Whether the settings give every answer."""
        return self.wrong == 0


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
    claimed = resolve(op, {**peer.settings, **peer.specification})
    departs = wrong > 0 or (bool(peer.specification) and claimed not in best)
    return Finding(
        peer,
        version,
        sum(_size(a.value) for a in asked),
        refused,
        best[0],
        wrong,
        silent,
        len(best) - 1,
        check(peer.function, op, **(claimed if peer.specification else best[0])) if departs else None,
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
    for args, layout in _inputs(op, fixed):
        if (elements >= ELEMENTS and layout is None) or refused > MOST_REFUSALS:
            break
        answer = subject.call(args, layout or "plain")
        if answer.problem is not None:
            refused += 1
            continue
        value, _ = conform(op.answer(args, fixed), answer.value)
        asked.append(Asked(args, value))
        elements += _size(value)
    return asked, refused


def _inputs(op: Operation, fixed: Settings) -> Iterator[tuple[Arguments, str | None]]:
    """Yield the directed cases with their layouts, then variations without end, with None for theirs."""
    for case in op.cases:
        yield from ((args, case.layout) for args in case.make(fixed))
    yield from ((args, None) for _, args, _, _ in varied(op, fixed, 0))


def _nearest(op: Operation, choices: Sequence[dict[str, Any]], asked: Sequence[Asked]) -> tuple[Chosen, int, int]:
    """Return the settings that give most of a peer's numbers, how many they do not give, and on how many they refuse.

    A rule may refuse an input that the peer answers: the reciprocal of a subnormal scale is infinite.
    """
    best: list[dict[str, Any]] = []
    everything = sum(_size(call.value) for call in asked)
    fewest = (everything, everything)
    ordered = sorted(asked, key=lambda call: _size(call.value), reverse=True)
    # the likeliest first, so that the others are given up early
    likely = sorted(choices, key=lambda chosen: sum(sum(_missed(op, chosen, call)) for call in ordered[:SCREENED]))
    for chosen in likely:
        wrong = silent = 0
        for call in ordered:
            more, refused = _missed(op, chosen, call)
            wrong, silent = wrong + more, silent + refused
            if (wrong, silent) > fewest:
                break
        else:
            best = [*(best if (wrong, silent) == fewest else []), chosen]
            fewest = wrong, silent
    return best, *fewest


def _missed(op: Operation, settings: Settings, call: Asked) -> tuple[int, int]:
    """Count the numbers of an answer that some settings do not give, and those to which they have no answer."""
    try:
        expected = op.answer(call.args, settings)
    except ValueError:
        return 0, _size(call.value)
    bound = None if op.bound is None else op.bound(call.args, settings)
    result = compare(expected, call.value, bound)
    return _size(call.value) if result.problem is not None else sum(int(w.sum()) for w in result.wrong), 0


def _size(value: Any) -> int:
    return sum(math.prod(np.shape(part)) for part in parts(value))


def _probed(peer: Peer, probe: Probe) -> str:
    try:
        answer = probe.ask(peer.function)
    except Exception as error:  # whatever a peer raises is its answer
        return f"raises {type(error).__name__}"
    return ", ".join(str(v) for v in np.asarray(answer).reshape(-1).tolist())

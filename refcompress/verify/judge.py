"""Judge answers to test vectors: make the vectors again, in step with the answers, and build the usual Report.

Nothing but what the report needs is kept, however many answers there are.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from refcompress.verify import raw_lines
from refcompress.verify.agreement import Comparison, compare, conform
from refcompress.verify.answers import DamagedError, Reply
from refcompress.verify.bit_patterns import complexity
from refcompress.verify.candidates import Answer
from refcompress.verify.check import as_counterexample
from refcompress.verify.diagnosis import diagnose
from refcompress.verify.exchange import Exchange
from refcompress.verify.operation import Operation, Settings
from refcompress.verify.report import CaseCount, Report, distinct
from refcompress.verify.variation import separable
from refcompress.verify.vectors import LEVELS, Vector, case_names, count, vectors

WINDOW = 4096  # cases that an answer may come early or late
KEPT = 12  # exchanges with variations of each case, of those that agree and of those that do not


def judge(
    op: Operation,
    settings: Settings,
    replies: Iterable[Reply],
    *,
    level: int = 1,
    seed: int = 0,
    name: str = "the program on the pipe",
) -> Report:
    """Hold answers against the vectors of a level.

    Raises
    ------
    DamagedError
        For answers that cannot be read, or belong to no case, come twice or far out of order, or are missing.
    """
    total = count(op, settings, level)
    steps = _Steps(vectors(op, settings, level=level, seed=seed), total)
    kept = _Kept(op)
    for reply in replies:
        vector = steps.find(reply)
        try:
            answer = reply.read(vector)
        except ValueError as error:
            raise DamagedError(f"{reply.place} {error}") from None
        kept.add(_exchange(op, settings, vector, answer), vector.number)
    steps.finish()
    return kept.report(settings, level, seed, name)


class _Steps:
    """The vectors, made as far as the answers have come."""

    def __init__(self, source: Iterator[Vector], total: int) -> None:
        self.source, self.total = source, total
        self.made = 0
        self.waiting: dict[int, Vector] = {}
        """The vectors that have no answer yet, in order."""

    def find(self, reply: Reply) -> Vector:
        """Return the vector that is answered."""
        number = reply.number
        if not 0 < number <= self.total:
            wrong = f"answers case {number:,}, and there are cases 1 to {self.total:,}"
            raise DamagedError(f"{reply.place} {wrong}: were --set, --level and --seed the same?")
        while self.made < number:
            if len(self.waiting) > WINDOW:
                first = next(iter(self.waiting))
                late = f"answers case {number:,}, and case {first:,} has no answer yet"
                raise DamagedError(f"{reply.place} {late}: an answer may be {WINDOW:,} cases late, and no more")
            vector = next(self.source)
            self.made = vector.number
            self.waiting[self.made] = vector
        if number not in self.waiting:
            raise DamagedError(f"{reply.place} answers case {number:,} a second time")
        return self.waiting.pop(number)

    def finish(self) -> None:
        """Raise DamagedError if answers are missing."""
        missing = len(self.waiting) + self.total - self.made
        if missing:
            first = next(iter(self.waiting.values()), None) or next(self.source)
            some = "1 case has" if missing == 1 else f"{missing:,} of {self.total:,} cases have"
            raise DamagedError(f"{some} no answer; the first is case {first.number:,} ({first.case})")


def _exchange(op: Operation, settings: Settings, vector: Vector, answer: Answer) -> Exchange:
    expected = vector.expected
    bound = None if op.bound is None else op.bound(vector.args, settings)
    if answer.problem is not None:
        comparison = Comparison(answer.problem)
    else:
        value, remark = conform(expected, answer.value)
        answer = Answer(value, remarks=(remark,) if remark else ())
        comparison = compare(expected, value, bound, check_dtype=settings.get("check_dtype", False))
    return Exchange(vector.case, vector.args, "plain", False, expected, bound, answer, comparison)


class _Kept:
    """What a report needs: counts, all exchanges with directed cases, and some of the others."""

    def __init__(self, op: Operation) -> None:
        self.op = op
        self.exchanges: list[Exchange] = []
        self.numbers: list[int] = []
        self.compared: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.of_kind: Counter[tuple[str, bool]] = Counter()
        self.remarks: dict[str, None] = {}
        self.worst = 0.0

    def add(self, e: Exchange, number: int) -> None:
        self.compared[e.case] += e.size
        self.failed[e.case] += e.failed
        self.worst = max(self.worst, e.comparison.worst)
        self.remarks.update(dict.fromkeys(e.answer.remarks))
        kind = e.case, e.fails
        self.of_kind[kind] += 1
        if not e.case.endswith(", varied") or self.of_kind[kind] <= KEPT:
            self.exchanges.append(e)
            self.numbers.append(number)

    def report(self, settings: Settings, level: int, seed: int, name: str) -> Report:
        """Return the report."""
        op, differs = self.op, bool(self.failed.total())
        remarks = list(self.remarks)
        held, compared = sum(e.size for e in self.exchanges), self.compared.total()
        if differs and held < compared:
            remarks.append(f"was diagnosed on {held:,} of the {compared:,} values")
        number, smallest = self._smallest() if differs else (0, None)
        return Report(
            operation=op.name,
            settings=dict(settings),
            candidate=name,
            imports="",
            arrays="numpy",
            verdict="differs" if differs else "agrees",
            examples=LEVELS[level],
            seed=seed,
            cases=tuple(CaseCount(n, self.compared[n], self.failed[n]) for n in case_names(op)),
            counterexample=None if smallest is None else as_counterexample(op, settings, smallest),
            diagnosis=tuple(diagnose(op, settings, self.exchanges)) if differs else (),
            remarks=distinct(remarks),
            worst=self.worst if op.bound is not None else None,
            reproduce=None if smallest is None else _reproduce(number, smallest),
        )

    def _smallest(self) -> tuple[int, Exchange]:
        """Return the failing exchange that is easiest to follow by hand, and its number."""
        failing = [(n, e) for n, e in zip(self.numbers, self.exchanges, strict=True) if e.fails]
        single = [(n, c, k) for n, e in failing for c, k in _elements(self.op, e)]
        if single:
            number, e, _ = min(single, key=lambda found: found[2])
            return number, e
        return min(failing, key=lambda found: found[1].size)


def _elements(op: Operation, e: Exchange) -> Iterator[tuple[Exchange, int]]:
    """Yield the exchange cut down to its simplest wrong element, with how hard that is to follow by hand."""
    if e.problem is not None or not separable(op, e.args):
        return
    x, *numbers = e.args
    wrong = np.flatnonzero(e.comparison.wrong[0])
    hard = complexity(x.reshape(-1)[wrong])
    best = wrong[int(np.argmin(hard))]

    def only(value: Any) -> Any:
        return np.asarray(value).reshape(-1)[best : best + 1]

    bound = None if e.bound is None else only(e.bound)
    answer = dataclasses.replace(e.answer, value=only(e.answer.value))
    wrong_one = Comparison(None, (np.ones(1, bool),))
    cut = Exchange(e.case, (only(x), *numbers), "plain", False, only(e.expected), bound, answer, wrong_one)
    yield cut, int(hard.min()) + 2 * sum(min(abs(int(n)), 1000) for n in numbers)


def _reproduce(number: int, e: Exchange) -> str:
    """Write the case as a line for the program, and the line that it should answer."""
    asked = raw_lines.line(number, e.args)
    right = "# it should answer" if e.bound is None else "# it should answer, within the bound,"
    return f"echo '{asked}' | PROGRAM\n{right} {asked.split()[0]} {raw_lines.words(e.expected)}"

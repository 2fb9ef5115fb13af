"""The Report of a check, as text and as JSON."""

import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array, place
from refcompress.verify.agreement import NoArray, parts
from refcompress.verify.candidates import Program
from refcompress.verify.diagnosis import CONDUCT, Explanation, word
from refcompress.verify.snippet import places, plain, snippet
from refcompress.verify.wire import encode

if TYPE_CHECKING:
    from refcompress.verify.proof import Proof

MOST_ROWS = 8
MOST_LISTED = 12
COLOURS = {"agrees": "32", "differs": "31", "error": "33"}


@dataclass(frozen=True)
class CaseCount:
    """How many values of a named case were compared, and how many of them were wrong."""

    name: str
    exercised: int
    failed: int


@dataclass(frozen=True, eq=False)
class Counterexample:
    """The smallest input found on which the candidate is wrong."""

    inputs: dict[str, Any]
    layout: str
    repeated: bool
    expected: Any
    actual: Any
    problem: str | None
    """Why the answer could not be compared, as a verb phrase; None where it could."""
    wrong: tuple[Array, ...]
    bound: Any
    law: str | None
    why: str | None
    """How the expected value comes about, by hand."""
    silent: bool = False
    """Whether there was no answer at all."""
    changed: tuple[str, ...] = ()
    """The inputs that the call changed."""
    before: dict[str, Any] | None = None
    """The inputs of the call before, if this call wrote into what that one had returned."""
    said: tuple[str, ...] = ()
    """The last lines on the standard error of an external program that was lost."""
    sent: tuple[dict[str, Any], ...] = ()
    """The inputs of all the calls that it takes to see the problem, where it takes more than one."""


@dataclass(frozen=True)
class Report:
    """What a check found."""

    operation: str
    settings: dict[str, Any]
    candidate: str
    imports: str
    arrays: str
    verdict: str
    """agrees, differs, or error."""
    examples: int
    seed: int
    cases: tuple[CaseCount, ...]
    counterexample: Counterexample | None
    diagnosis: tuple[Explanation, ...]
    remarks: tuple[str, ...] = ()
    worst: float | None = None
    """The largest error as a fraction of the bound; None where the answer is determined."""
    error: str | None = None
    program: Program | None = None
    """The candidate, where it is an external program."""
    proof: "Proof | None" = None
    """What a sweep over all bit patterns found, in place of cases and search."""
    reproduce: str | None = None
    """The lines that show the counterexample, where it is no call of a function or a program that is known."""

    def __str__(self) -> str:
        return self.text()

    def text(self, *, colour: bool = False) -> str:
        """Write the report for a person."""
        rule = " ".join(f"{name}={word(value)}" for name, value in self.settings.items())
        if self.error is not None:
            return f"{self.candidate} {_coloured('cannot be run', self.verdict, colour)}: {self.error}"
        preposition = "from" if self.verdict == "differs" else "with"
        lines = [f"{self.candidate} {_coloured(self.verdict, self.verdict, colour)} {preposition} {self.operation}"]
        lines += _wrapped(rule, "  ")
        if self.proof is not None:
            lines += _wrapped(self.proof.given(), "  ")
        if self.verdict == "differs":
            lines += ["", *self._statements()]
        if self.counterexample is not None:
            lines += ["", "smallest counterexample:", *_counterexample_lines(self.counterexample)]
            lines += ["", "to reproduce:", "", *snippet(self).splitlines()]
        lines += ["", *(self._compared() if self.proof is None else self.proof.lines())]
        lines += [line for remark in self.remarks[:MOST_ROWS] for line in _wrapped(remark, "remark: it ")]
        if len(self.remarks) > MOST_ROWS:
            lines.append(f"and {len(self.remarks) - MOST_ROWS:,} more remarks")
        return "\n".join(lines)

    def _compared(self) -> Iterator[str]:
        compared = sum(case.exercised for case in self.cases)
        wrong = sum(case.failed for case in self.cases)
        yield f"{compared:,} values compared, {wrong:,} wrong; seed {self.seed}, {self.examples:,} examples"
        if self.worst is not None:
            yield f"largest error: {self.worst:.3g} of what is allowed"
        yield from _case_lines(self.cases)

    def _statements(self) -> Iterator[str]:
        if not self.diagnosis:
            yield "  none of the known rules and faults explains it"
        beside = True  # whether the statement before stands beside this one: conduct and a rule are two things
        for number, e in enumerate(self.diagnosis):
            yield from _wrapped(e.statement, "  it " if number == 0 else "  and it " if beside else "  or it ")
            beside = e.fault in CONDUCT

    def json(self) -> dict[str, Any]:
        """Return the report as what ``json`` can write, in the form that the manual documents under "Reference"."""
        example = self.counterexample
        return {
            "operation": self.operation,
            "settings": self.settings,
            "verdict": self.verdict,
            "examples": self.examples,
            "seed": self.seed,
            "cases": [{"name": c.name, "exercised": c.exercised, "failed": c.failed} for c in self.cases],
            "counterexample": None
            if example is None
            else {
                "inputs": {name: encode(value) for name, value in example.inputs.items()},
                "layout": example.layout,
                "expected": encode(example.expected),
                "actual": "\n".join([example.problem or "", *example.said])
                if example.actual is None
                else _encodable(example.actual),
                "law": example.law,
            },
            "diagnosis": [
                {
                    "statement": e.statement,
                    "settings": None if e.settings is None else dict(e.settings),
                    "fault": e.fault,
                    "explained": e.explained,
                    "of": e.of,
                }
                for e in self.diagnosis
            ],
            "remarks": list(self.remarks),
            "error": self.error,
            **({} if self.proof is None else {"exhaustive": self.proof.json()}),
        }


def _encodable(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_encodable(item) for item in value]
    if isinstance(value, NoArray):
        return value.text
    try:
        return encode(value)
    except (TypeError, ValueError):  # text, complex numbers
        return repr(value)[:300]


def _coloured(text: str, verdict: str, colour: bool) -> str:
    return f"\x1b[1;{COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=indent, subsequent_indent="     ")


def _counterexample_lines(example: Counterexample) -> list[str]:
    lines = _input_lines(example.inputs)
    if example.layout != "plain":
        lines.append(f"  given as {example.layout} arrays")
    if example.repeated:
        lines.append("  given for the second time")
    if example.problem is not None:
        lines.append(f"  {example.problem}")
    if example.said:
        lines += ["  the end of its standard error:", *(f"    {line}" for line in example.said)]
    lines += [f"  {line}".rstrip() for line in _table(example)]
    if example.changed:
        lines.append(f"  after the call, {' and '.join(example.changed)} held something else")
    if example.before is not None:
        lines += ["  the call writes into what this call before it had returned:", *_input_lines(example.before)]
    if example.why is not None:
        lines.append(f"  by hand: {example.why}")
    if example.law is not None:
        lines += _wrapped(example.law, "  law broken: ")
    return lines


def _input_lines(inputs: dict[str, Any]) -> list[str]:
    lines = []
    for name, value in inputs.items():
        if isinstance(value, list):
            lines += [f"  {name}[{i}] = {shortened(item)}" for i, item in enumerate(value)]
        else:
            lines.append(f"  {name} = {shortened(value)}")
    return lines


def shortened(value: Any) -> str:
    """Write a value for a person: what is long is cut, with its shape."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.size <= MOST_LISTED:
        kind = value.dtype.name if value.size and value.ndim else f"{value.dtype.name}, shape {value.shape}"
        return f"{plain(value)} ({kind})".replace("np.", "")
    flat = value.reshape(-1)
    first, last = plain(flat[:4])[1:-1], plain(flat[-2:])[1:-1]
    return f"{first}, ..., {last} ({value.size:,} {value.dtype.name} values, shape {value.shape})".replace("np.", "")


def _table(example: Counterexample) -> list[str]:
    """Write the first wrong values in columns: place, input, expected, got, and where there is a bound, that."""
    rows = list(itertools.islice(_rows(example), MOST_ROWS))
    if not rows:
        return []
    head = ("", next(iter(example.inputs)), "expected", "got", "off by", "allowed")
    columns = [column for column in zip(head, *rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*columns, strict=True)
    ]
    wrong = sum(int(w.sum()) for w in example.wrong)
    return lines if wrong <= len(rows) else [*lines, f"  and {wrong - len(rows):,} more"]


def _rows(example: Counterexample) -> Iterator[tuple[str, ...]]:
    if not example.wrong:
        return
    first = next(iter(example.inputs.values()))
    right, got = parts(example.expected), parts(example.actual)
    bounds = [None] * len(right) if example.bound is None else parts(example.bound)
    names = places("out", example.expected)
    for name, flags, e, g, bound in zip(names, example.wrong, right, got, bounds, strict=True):
        for index in zip(*np.nonzero(np.atleast_1d(flags)), strict=True):
            at = index if flags.ndim else ()
            beside = len(right) == 1 and isinstance(first, np.ndarray) and first.shape == flags.shape
            given = _show(first[at]) if beside else ""
            off, allowed = "", ""
            if bound is not None:
                with np.errstate(all="ignore"):
                    off = f"{abs(float(g[at]) - float(e[at])):.3g}"
                allowed = f"{abs(float(np.broadcast_to(bound, flags.shape)[at])):.3g}"
            yield place(name, at), given, _show(e[at]), _show(g[at]), off, allowed


def distinct(remarks: Sequence[str]) -> tuple[str, ...]:
    """Drop remarks that say the same again: but for numbers in a warning, or another text that was printed."""

    def kind(remark: str) -> str:
        return remark.partition(": ")[0] if remark.startswith("prints") else re.sub(r"[-+.\de]+", "#", remark)

    firsts: dict[str, str] = {}
    for remark in remarks:
        firsts.setdefault(kind(remark), remark)
    return tuple(firsts.values())


def _case_lines(cases: tuple[CaseCount, ...]) -> list[str]:
    width = max((len(case.name) for case in cases if case.exercised), default=0)
    return [
        f"  {case.name.ljust(width)}  {case.exercised:>9,}" + (f"  {case.failed:,} wrong" if case.failed else "")
        for case in cases
        if case.exercised
    ]


def _show(value: Any) -> str:
    if isinstance(value, np.bool_ | bool):
        return str(bool(value))
    if np.asarray(value).dtype.kind in "iu":
        return str(int(value))
    return repr(float(value))

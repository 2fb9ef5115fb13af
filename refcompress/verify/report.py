"""The Report of a check, as text and as JSON."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.agreement import parts
from refcompress.verify.diagnosis import Explanation, word
from refcompress.verify.wire import encode

MOST_ROWS = 8
COLOURS = {"agrees": "32", "differs": "31", "error": "33"}


@dataclass(frozen=True)
class CaseCount:
    """How many values of a named case were compared, and how many of them were wrong."""

    name: str
    exercised: int
    failed: int


@dataclass(frozen=True)
class Row:
    """One wrong value of a counterexample."""

    place: str
    given: str
    expected: str
    got: str


@dataclass(frozen=True)
class Counterexample:
    """The smallest input found on which the candidate is wrong."""

    inputs: dict[str, Any]
    layout: str
    repeated: bool
    expected: Any
    actual: Any
    problem: str | None
    wrong: tuple[Array, ...]
    bound: Any
    law: str | None
    why: str | None
    """How the expected value comes about, by hand."""

    def rows(self) -> list[Row]:
        """Return the wrong values, the first few."""
        rows: list[Row] = []
        if self.problem is not None and not self.wrong:
            return rows
        first = next(iter(self.inputs.values()))
        right, got = parts(self.expected), parts(self.actual)
        for number, flags in enumerate(self.wrong):
            name = "out" if len(right) == 1 else f"out[{number}]"
            for index in zip(*np.nonzero(np.atleast_1d(flags)), strict=True):
                at = tuple(int(i) for i in index) if flags.ndim else ()
                same_shape = isinstance(first, np.ndarray) and first.shape == flags.shape
                place = f"{name}[{', '.join(map(str, at))}]" if at else name
                rows.append(
                    Row(place, _show(first[at]) if same_shape else "", _show(right[number][at]), _show(got[number][at]))
                )
        return rows


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

    def __str__(self) -> str:
        return self.text()

    def text(self, *, colour: bool = False) -> str:
        """Write the report for a person."""
        verdict = f"\x1b[1;{COLOURS[self.verdict]}m{self.verdict}\x1b[0m" if colour else self.verdict
        rule = " ".join(f"{name}={word(value)}" for name, value in self.settings.items())
        lines = [f"{self.candidate} {verdict} with {self.operation} ({rule})".replace(" error with", ": error in")]
        if self.error is not None:
            return "\n".join([*lines, f"  {self.error}"])
        for number, explanation in enumerate(self.diagnosis):
            lines += _wrapped(explanation.statement, "  it " if number == 0 else "  or: it ")
        if self.counterexample is not None:
            lines += ["", "smallest counterexample:", *_counterexample_lines(self.counterexample)]
            lines += ["", "to reproduce:", *("    " + line for line in snippet(self).splitlines())]
        compared = sum(case.exercised for case in self.cases)
        wrong = sum(case.failed for case in self.cases)
        lines += ["", f"{compared:,} values compared, {wrong:,} wrong; seed {self.seed}, {self.examples:,} examples"]
        if self.worst is not None:
            lines.append(f"largest error: {self.worst:.3g} of the bound")
        lines += _case_lines(self.cases)
        lines += [line for remark in self.remarks for line in _wrapped(remark, "remark: ")]
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """Return the report as what ``json`` can write, in the form that the README documents."""
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
                "actual": example.problem if example.actual is None else _encodable(example.actual),
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
        }


def _encodable(value: Any) -> Any:
    try:
        return encode(value)
    except (TypeError, ValueError):
        return repr(value)[:300]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=indent, subsequent_indent="     ")


def _counterexample_lines(example: Counterexample) -> list[str]:
    lines = []
    for name, value in example.inputs.items():
        lines.append(f"  {name} = {literal(value)}")
    if example.layout != "plain":
        lines.append(f"  given as {example.layout} arrays")
    if example.repeated:
        lines.append("  given for the second time")
    if example.problem is not None:
        lines.append(f"  {example.problem}")
    rows = example.rows()
    if rows:
        table = [Row("", next(iter(example.inputs)), "expected", "got"), *rows[:MOST_ROWS]]
        widths = [max(len(getattr(r, column)) for r in table) for column in ("place", "given", "expected", "got")]
        for r in table:
            cells = zip((r.place, r.given, r.expected, r.got), widths, strict=True)
            lines.append("    " + "  ".join(cell.rjust(width) for cell, width in cells).rstrip())
        if len(rows) > MOST_ROWS:
            lines.append(f"    and {len(rows) - MOST_ROWS:,} more")
    if example.why is not None:
        lines.append(f"  by hand: {example.why}")
    if example.law is not None:
        lines += _wrapped(example.law, "  law broken: ")
    return lines


def _case_lines(cases: tuple[CaseCount, ...]) -> list[str]:
    width = max(len(case.name) for case in cases)
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


def literal(value: Any) -> str:
    """Write a value as Python code that gives it again, bit for bit."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(literal(item) for item in value)}]"
    if not isinstance(value, np.ndarray | np.generic):
        return repr(value)
    array = np.asarray(value)
    flat = array.tolist() if array.dtype.kind in "biu" else array.astype(np.float64).tolist()
    text = repr(flat).replace("nan", "np.nan").replace("inf", "np.inf")
    name = "bool" if array.dtype.kind == "b" else f"np.{array.dtype.name}"
    shape = f".reshape{array.shape}" if array.size == 0 and array.ndim != 1 else ""
    return f"np.array({text}, {name.replace('np.bfloat16', 'ml_dtypes.bfloat16')}){shape}"


LAYOUT_CODE = {
    "plain": "{0}",
    "strided": "np.repeat({0}, 2, axis=-1)[..., ::2]",
    "reversed": "{0}[..., ::-1].copy()[..., ::-1]",
    "fortran": "np.asfortranarray({0})",
    "read-only": "{0}",
}


def snippet(report: Report) -> str:
    """Write the lines that reproduce the counterexample with nothing but the candidate and NumPy."""
    example = report.counterexample
    assert example is not None
    lines = ["import numpy as np"]
    values = [*example.inputs.values(), example.expected]
    if "ml_dtypes" in "".join(literal(v) for v in values):
        lines.append("import ml_dtypes")
    if report.arrays != "numpy":
        lines.append("import torch" if report.arrays == "torch" else "import jax")
    lines += report.imports.splitlines()
    for name, value in example.inputs.items():
        if not isinstance(value, np.ndarray):
            lines.append(f"{name} = {literal(value)}")
            continue
        lines.append(f"{name} = {LAYOUT_CODE[example.layout].format(literal(value))}")
        if example.layout == "read-only":
            lines.append(f"{name}.flags.writeable = False")
    call = f"candidate({', '.join(_handed_over(n, v, report.arrays) for n, v in example.inputs.items())})"
    if example.problem is not None and example.problem.startswith("changes"):
        name = next(n for n, v in example.inputs.items() if isinstance(v, np.ndarray | list))
        return "\n".join([*lines, f"before = np.array({name})", call, f"assert np.array_equal({name}, before)"])
    if example.repeated:
        lines.append(f"{call}  # the first call; the second differs")
    lines.append(f"out = {call}")
    if isinstance(example.expected, tuple | list):
        right = [np.asarray(e) for e in parts(example.expected)]
        lines.append(f"expected = {literal(right)}")
        lines += ["flat = [a for part in out for a in (part if isinstance(part, (list, tuple)) else [part])]"]
        pairs = "for o, e in zip(flat, expected, strict=True)"
        if example.bound is None:
            lines.append(f"assert all(np.array_equal(o, e) {pairs})")
        else:
            lines.append(f"bound = {literal([np.asarray(b) for b in parts(example.bound)])}")
            lines.append(
                "assert all(np.all(np.abs(o - e) <= b) for o, e, b in zip(flat, expected, bound, strict=True))"
            )
        return "\n".join(lines)
    lines.append(f"expected = {literal(np.asarray(example.expected))}")
    if example.bound is None:
        signs = np.asarray(example.expected).dtype.kind not in "biu"
        sign = " and np.array_equal(np.signbit(out), np.signbit(expected))" if signs else ""
        lines.append(f"assert np.array_equal(out, expected){sign}, out")
    else:
        lines.append(f"assert np.all(np.abs(out - expected) <= {literal(np.asarray(example.bound))}), out")
    return "\n".join(lines)


def _handed_over(name: str, value: Any, arrays: str) -> str:
    one = {"numpy": "{0}", "torch": "torch.from_numpy({0})", "jax": "jax.numpy.asarray({0})"}[arrays]
    if isinstance(value, list):
        return name if arrays == "numpy" else f"[{one.format('a')} for a in {name}]"
    return one.format(name) if isinstance(value, np.ndarray) else name

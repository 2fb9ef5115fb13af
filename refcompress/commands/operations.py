"""``refcompress operations``: what can be verified, read from the declarations."""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from refcompress.commands.terminal import write

if TYPE_CHECKING:
    from refcompress.verify.operation import Case, Operation

SUMMARY = "what can be verified; one operation's inputs, settings, cases, laws and faults"
WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="an operation to describe in full")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")


def run(options: argparse.Namespace) -> int:
    """List the operations, or describe one."""
    from refcompress.verify.operations import OPERATIONS, find_operation

    if options.name is None:
        summaries = [_summary(operation) for operation in OPERATIONS.values()]
        write(json.dumps(summaries, indent=2) if options.json else "\n".join(_overview(OPERATIONS.values())))
        return 0
    try:
        operation = find_operation(options.name)
    except ValueError as error:
        print(f"refcompress operations: {error}", file=sys.stderr)
        return 2
    write(json.dumps(_everything(operation), indent=2) if options.json else "\n".join(_description(operation)))
    return 0


def _overview(operations: "Iterable[Operation]") -> Iterator[str]:
    for operation in operations:
        yield f"{operation.name}({', '.join(i.name for i in operation.inputs)})"
        yield f"    {operation.formula}"
        yield from _indented(operation.summary, "    ")
    yield ""
    yield "refcompress operations NAME describes one; refcompress verify NAME CANDIDATE tests an implementation of it"


def _description(operation: "Operation") -> Iterator[str]:
    from refcompress.commands.settings import listed
    from refcompress.verify.diagnosis import word

    yield f"{operation.name}({', '.join(i.name for i in operation.inputs)}): {operation.summary}"
    yield f"    {operation.formula}"
    exactness = "to the bit" if operation.bound is None else "within a bound that is derived for each input"
    sections: dict[str, list[tuple[str, ...]]] = {
        "inputs, by position": [(i.name, i.kind, i.text) for i in operation.inputs],
        f"result, compared {exactness}": [(operation.result,)],
        "settings (--set NAME=VALUE), with the default and what is allowed": [
            (s.name, word(s.default), f"{listed(s.allowed)}: {s.text}") for s in operation.settings
        ],
        "directed cases": [(_with_layout(c),) for c in operation.cases],
        "laws": [(law.name, law.sentence) for law in operation.laws],
        "faults that are recognized, beside the other values of the settings": [
            (f.name, f.statement) for f in operation.faults
        ],
        "inputs that are rejected": [(name,) for name, _ in operation.rejects],
    }
    for title, rows in sections.items():
        if rows:
            yield from ("", title, *_columns(rows))


def _with_layout(case: "Case") -> str:
    told = case.layout == "plain" or case.layout in case.name.lower()
    return case.name if told else f"{case.name} ({case.layout} arrays)"


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Set rows in columns; the last one is wrapped."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for row in rows:
        head = "".join(f"{cell.ljust(width)}  " for cell, width in zip(row, widths, strict=False))
        yield from _indented(row[-1], f"    {head}")


def _indented(text: str, head: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False)
    return lines or [head.rstrip()]


def _summary(operation: "Operation") -> dict[str, Any]:
    return {
        "name": operation.name,
        "formula": operation.formula,
        "summary": operation.summary,
        "inputs": [i.name for i in operation.inputs],
    }


def _everything(operation: "Operation") -> dict[str, Any]:
    return {
        **_summary(operation),
        "inputs": [{"name": i.name, "kind": i.kind, "text": i.text} for i in operation.inputs],
        "settings": [
            {"name": s.name, "default": s.default, "allowed": list(s.allowed), "text": s.text}
            for s in operation.settings
        ],
        "result": operation.result,
        "exact": operation.bound is None,
        "cases": [{"name": c.name, "layout": c.layout, "tells_apart": list(c.kills)} for c in operation.cases],
        "laws": [{"name": law.name, "sentence": law.sentence} for law in operation.laws],
        "faults": [{"name": f.name, "statement": f.statement} for f in operation.faults],
        "rejects": [name for name, _ in operation.rejects],
    }

"""``refcompress vectors``: test vectors in files and on pipes, and the answers that some program gave to them."""

import argparse
import contextlib
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from refcompress.commands.terminal import said, takes_colour, write

if TYPE_CHECKING:
    from refcompress.verify.answers import Reply
    from refcompress.verify.operation import Operation
    from refcompress.verify.report import Report
    from refcompress.verify.vectors import Vector

SUMMARY = "test vectors for programs in any language, as files or on a pipe, and the judge of their answers"
STATUS = {"agrees": 0, "differs": 1}
WITH_DTYPES = (".jsonl", ".npz")
AT_ONCE = 256  # lines that are written together
DEFAULTS = {"level": 1, "seed": 0}

ON_A_PIPE = """\
refcompress vectors stream quantize --set bits=8 | ./program | refcompress vectors judge quantize --set bits=8
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    own = actions.add_parser("write", help="write a file of vectors", formatter_class=raw, epilog=_doc("vector_files"))
    _add_choice(own)
    own.add_argument("--out", metavar="FILE", type=Path, required=True, help="a file that ends in .jsonl, .npz or .hex")
    own.set_defaults(act=_write)
    own = actions.add_parser("stream", help="write vectors to a pipe", formatter_class=raw, epilog=_doc("raw_lines"))
    _add_choice(own)
    own.add_argument("--layout", action="store_true", help="say what the words of a line are, and end")
    own.set_defaults(act=_stream)
    own = actions.add_parser(
        "judge",
        help="judge answers from a pipe or a file",
        formatter_class=raw,
        epilog=f"as in\n  {ON_A_PIPE}\nThe form of the lines: refcompress vectors stream --help.",
    )
    _add_choice(own)
    own.usage = "%(prog)s OPERATION [FILE] [options]"
    file = own.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help='answers in a file: .jsonl, as {"id": 7, "result": {...}} or in a copy of the vectors; .npz, as members'
        " 7/result; .hex and others, as lines of words. Without it they are read from the pipe. Of a copy of the"
        " vectors, --set, --level and --seed are known",
    )
    file.required = False  # with nargs="?" it could not follow options
    own.add_argument("--json", action="store_true", help="print the report as JSON")
    own.set_defaults(act=_judge)


def _doc(module: str) -> str:
    """Return how a form is laid out: the docstring of the module that reads or writes it, without importing it."""
    path = Path(__file__).parent.parent / "verify" / f"{module}.py"
    return path.read_text(encoding="utf-8").split('"""')[1]


def _add_choice(parser: argparse.ArgumentParser) -> None:
    """Declare what says which vectors are meant."""
    parser.add_argument("operation", metavar="OPERATION", help="one that `refcompress operations` lists")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="a setting to test against (`refcompress operations OPERATION` lists them); may be repeated",
    )
    parser.add_argument(
        "--level",
        metavar="N",
        type=int,
        help="1: the directed cases, hundreds (default); 2: and 100,000 variations of them; 3: and 2,000,000",
    )
    parser.add_argument("--seed", metavar="S", type=int, help="of the variations (default: 0)")


def run(options: argparse.Namespace) -> int:
    """Do what is asked; the exit status of a judge is 0 if the answers agree, 1 if not, 2 if they are damaged."""
    return int(options.act(options))


class _Choice:
    """Which vectors are meant: what the options say, and for what they do not say, a header or the defaults."""

    def __init__(self, options: argparse.Namespace, header: dict[str, Any] | None = None) -> None:
        from refcompress import arguments
        from refcompress.commands.settings import read_settings
        from refcompress.verify.operations import find_operation
        from refcompress.verify.vectors import LEVELS

        self.operation: Operation = find_operation(options.operation)
        given = {**read_settings(self.operation, options.settings), **_numbers(options)}
        known = {**self.operation.defaults, **DEFAULTS, **given}
        if header is not None:
            known = _agreed(self.operation, given, header)
        self.level: int = arguments.integer(known.pop("level"), "--level", min(LEVELS), max(LEVELS))
        self.seed: int = arguments.integer(known.pop("seed"), "--seed", 0)
        self.settings: dict[str, Any] = known

    def vectors(self) -> "Iterator[Vector]":
        from refcompress.verify.vectors import vectors

        return vectors(self.operation, self.settings, level=self.level, seed=self.seed)

    def progress(self) -> "Callable[[Iterable[Any]], Iterable[Any]]":
        """Return what shows on a terminal how far vectors have come."""
        from tqdm import tqdm  # type: ignore[import-untyped]  # it has no type hints

        from refcompress.verify.vectors import count

        total = count(self.operation, self.settings, self.level) if sys.stderr.isatty() else None
        return lambda items: tqdm(items, total=total, unit=" cases", unit_scale=True, disable=None)


def _numbers(options: argparse.Namespace) -> dict[str, int]:
    return {name: value for name in DEFAULTS if (value := getattr(options, name)) is not None}


def _agreed(operation: "Operation", given: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """Return what a header says, or raise if the options say something else."""
    from refcompress.verify.check import resolve
    from refcompress.verify.diagnosis import word

    if header.get("operation") != operation.name:
        raise ValueError(f"the file holds vectors of {header.get('operation')}, not of {operation.name}")
    settings, numbers = header.get("settings", {}), header.get("vectors", {})
    if not isinstance(settings, dict) or not isinstance(numbers, dict):
        raise ValueError("the file has a damaged header: its settings and its vectors must be objects")
    wrong = next((name for name in DEFAULTS if type(numbers.get(name, 0)) is not int), None)
    if wrong is not None:
        raise ValueError(f"the file has a damaged header: {wrong} is {numbers[wrong]!r}, which is no integer")
    said = {**resolve(operation, settings), **DEFAULTS}
    said |= {name: value for name, value in numbers.items() if name in DEFAULTS}
    for name, value in given.items():
        if said[name] != value:
            raise ValueError(f"{name} is {word(value)}, and the file was written with {name}={word(said[name])}")
    return said


def _write(options: argparse.Namespace) -> int:
    from refcompress.verify.vector_files import write_vectors

    choice = _Choice(options)
    write_vectors(
        options.out,
        choice.operation,
        choice.settings,
        level=choice.level,
        seed=choice.seed,
        progress=choice.progress(),
    )
    return 0


def _stream(options: argparse.Namespace) -> int:
    from refcompress.verify import raw_lines

    choice = _Choice(options)
    if options.layout:
        write("\n".join(raw_lines.layout(choice.operation, choice.settings)))
        return 0
    lines = (f"{raw_lines.line(v.number, v.args)}\n" for v in choice.vectors())
    while some := "".join(itertools.islice(lines, AT_ONCE)):
        sys.stdout.write(some)
    return 0


def _judge(options: argparse.Namespace) -> int:
    from refcompress.verify.answers import from_raw, read_header, replies

    try:
        if options.file is None:
            report = _report(_Choice(options), from_raw, sys.stdin.buffer)
        else:
            report = _report(_Choice(options, read_header(options.file)), replies, options.file)
    except (ValueError, OSError) as error:
        print(f"refcompress vectors judge: {said(error)}", file=sys.stderr)
        if options.json:
            write(json.dumps(_nothing_found(options, said(error)).json(), indent=2))
        return 2
    write(json.dumps(report.json(), indent=2) if options.json else report.text(colour=takes_colour(sys.stdout)))
    return STATUS[report.verdict]


def _report(choice: _Choice, read: "Callable[[Any, Operation], Iterator[Reply]]", source: IO[bytes] | Path) -> "Report":
    from refcompress.verify.judge import judge

    if choice.settings["check_dtype"] and not (isinstance(source, Path) and source.suffix in WITH_DTYPES):
        raise ValueError(f"check_dtype is true: only {' and '.join(WITH_DTYPES)} files say of which dtype an answer is")
    with contextlib.closing(read(source, choice.operation)) as answers:  # type: ignore[type-var]
        return judge(
            choice.operation,
            choice.settings,
            choice.progress()(answers),
            level=choice.level,
            seed=choice.seed,
            name=_named(source),
        )


def _named(source: IO[bytes] | Path | None) -> str:
    return str(source) if isinstance(source, Path) else "the program on the pipe"


def _nothing_found(options: argparse.Namespace, error: str) -> "Report":
    from refcompress.verify.operations import OPERATIONS
    from refcompress.verify.report import Report
    from refcompress.verify.vectors import LEVELS

    operation = OPERATIONS.get(options.operation)
    return Report(
        operation=options.operation,
        settings={} if operation is None else operation.defaults,
        candidate=_named(options.file),
        imports="",
        arrays="numpy",
        verdict="error",
        examples=LEVELS.get(options.level, 0),
        seed=options.seed or 0,
        cases=(),
        counterexample=None,
        diagnosis=(),
        error=error,
    )

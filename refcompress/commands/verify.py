"""``refcompress verify``: hold somebody's implementation against the reference."""

import argparse
import contextlib
import json
import shlex
import sys
from typing import TYPE_CHECKING, Any

from refcompress.commands import exhaustive
from refcompress.commands.terminal import takes_colour, write

if TYPE_CHECKING:
    from refcompress.verify.candidates import Candidate
    from refcompress.verify.operation import Operation
    from refcompress.verify.report import Report

SUMMARY = "hold an implementation against the reference, and say which rule it follows instead"
STATUS = {"agrees": 0, "differs": 1, "error": 2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.usage = "%(prog)s OPERATION CANDIDATE [options]\n       %(prog)s OPERATION [options] -- COMMAND ARG..."
    parser.add_argument("operation", metavar="OPERATION", help="one that `refcompress operations` lists")
    candidate = parser.add_argument(
        "candidate",
        metavar="CANDIDATE",
        help="module:function or path/file.py:function, which takes the operation's inputs by position; "
        "or, last and after --, the command line of a program that answers JSON lines",
    )
    candidate.required = False  # with nargs="?" it could not follow options
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="a setting to test against (`refcompress operations OPERATION` lists them); may be repeated",
    )
    parser.add_argument(
        "--arrays",
        default="numpy",
        choices=("numpy", "torch", "jax"),
        help="what the candidate is given as arrays (default: numpy)",
    )
    parser.add_argument("--examples", metavar="N", type=int, default=200, help="inputs that the search tries")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="the same seed gives the same report")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=10.0, help="for one call (default: 10)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    exhaustive.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Verify, and print the report; the exit status is 0 if the candidate agrees, 1 if not, 2 if it cannot be run."""
    from refcompress.verify.candidates import CandidateError

    try:
        report = _report(options)
    except (CandidateError, ValueError) as error:
        print(f"refcompress verify: {error}", file=sys.stderr)
        if options.json:
            write(json.dumps(_nothing_found(options, str(error)).json(), indent=2))
        return STATUS["error"]
    write(json.dumps(report.json(), indent=2) if options.json else report.text(colour=takes_colour(sys.stdout)))
    return STATUS[report.verdict]


def _report(options: argparse.Namespace) -> "Report":
    from refcompress import arguments
    from refcompress.commands.settings import read_settings
    from refcompress.verify.check import check
    from refcompress.verify.operations import find_operation

    _refuse_candidates(options)
    if options.exhaustive is not None:
        return exhaustive.report(options)
    exhaustive.refuse_without(options)
    operation = find_operation(options.operation)
    settings = read_settings(operation, options.settings)
    arguments.integer(options.examples, "--examples", 0)
    arguments.integer(options.seed, "--seed", 0)
    arguments.real_number(options.timeout, "--timeout", 0, exclusive=True)
    with _running(options, operation, settings) as candidate:
        return check(
            candidate,
            operation,
            examples=options.examples,
            seed=options.seed,
            arrays=options.arrays,
            **settings,
        )


def _refuse_candidates(options: argparse.Namespace) -> None:
    """Raise unless there is one candidate, with options that have a meaning for it."""
    if options.program is None:
        if options.candidate is None:
            raise ValueError("there is no candidate: it must be module:function, or a command after --")
        return
    if not options.program:
        raise ValueError("no command follows --")
    if options.candidate is not None:
        raise ValueError(f"candidate is {options.candidate!r}, and a command follows --: it must be one of them")
    if options.arrays != "numpy":
        raise ValueError(f"--arrays {options.arrays} does not apply to a program, which is given JSON")
    if options.exhaustive is not None:
        raise ValueError("--exhaustive does not apply to a program: JSON lines are too slow for every bit pattern")


def _running(
    options: argparse.Namespace, operation: "Operation", settings: dict[str, Any]
) -> "contextlib.AbstractContextManager[Candidate]":
    from refcompress.verify.child import in_child
    from refcompress.verify.external import running

    if options.program is None:
        return in_child(options.candidate, [i.name for i in operation.inputs], options.arrays, options.timeout)
    return running(options.program, operation, {**operation.defaults, **settings}, options.timeout)


def _nothing_found(options: argparse.Namespace, error: str) -> "Report":
    from refcompress.commands.settings import read_settings
    from refcompress.verify.operations import OPERATIONS
    from refcompress.verify.report import Report

    settings: dict[str, Any] = {}
    operation = OPERATIONS.get(options.operation)
    if operation is not None:
        try:
            settings = {**operation.defaults, **read_settings(operation, options.settings)}
        except ValueError:  # it is the settings that are wrong
            settings = operation.defaults
    return Report(
        operation=options.operation,
        settings=settings,
        candidate=options.candidate or shlex.join(options.program or []),
        imports="",
        arrays=options.arrays,
        verdict="error",
        examples=options.examples,
        seed=options.seed,
        cases=(),
        counterexample=None,
        diagnosis=(),
        error=error,
    )

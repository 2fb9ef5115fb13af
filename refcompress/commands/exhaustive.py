"""``refcompress verify ... --exhaustive DTYPE``: every bit pattern of the first input."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refcompress.verify.report import Report

OPTIONS = ("input", "jobs", "resume", "scheduler", "intervals_out")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("every bit pattern of the first input (elementwise operations)")
    group.add_argument(
        "--exhaustive",
        metavar="DTYPE",
        help="sweep all numbers of float16, bfloat16 or float32; where the input is integers, of int8 to int32",
    )
    group.add_argument(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="the value of another input, each of which must be given; may be repeated",
    )
    group.add_argument("--jobs", metavar="N", type=int, help="processes (default: one a core)")
    group.add_argument(
        "--resume", metavar="FILE", help="keep what is done in a file, and go on with what it holds already"
    )
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="let the workers of a Dask scheduler sweep: tcp://HOST:8786"
    )
    group.add_argument(
        "--intervals-out", metavar="FILE", help="write the intervals of inputs that differ as comma-separated values"
    )


def refuse_without(options: argparse.Namespace) -> None:
    """Raise if an option was given that means nothing without ``--exhaustive``."""
    for name in OPTIONS:
        if getattr(options, name) not in (None, []):
            raise ValueError(f"--{name.replace('_', '-')} needs --exhaustive DTYPE")


def report(options: argparse.Namespace) -> "Report":
    """Sweep, and return what was found."""
    from refcompress import arguments
    from refcompress.commands.settings import read_settings
    from refcompress.verify.exhaustive import prove_named
    from refcompress.verify.sweep_plan import elementwise, read_input

    operation = elementwise(options.operation)
    settings = read_settings(operation, options.settings)
    declared = {i.name: i for i in operation.inputs[1:]}
    inputs: dict[str, Any] = {}
    for text in options.input:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise ValueError(f"--input {text}: it must be NAME=VALUE")
        inputs[name] = read_input(declared[name], value) if name in declared else value
    arguments.real_number(options.timeout, "--timeout", 0, exclusive=True)
    if options.jobs is not None:
        arguments.integer(options.jobs, "--jobs", 1)
    found = prove_named(
        options.candidate,
        operation,
        options.exhaustive,
        inputs,
        settings,
        arrays=options.arrays,
        jobs=options.jobs,
        timeout=options.timeout,
        resume=options.resume,
        scheduler=options.scheduler,
    )
    if options.intervals_out is not None:
        _write_intervals(options.intervals_out, found)
    return found


def _write_intervals(path: str, found: "Report") -> None:
    import csv

    from refcompress.files import written_whole

    assert found.proof is not None
    names = ("first", "last", "first_bits", "last_bits", "inputs", "differing")
    with written_whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, names)
        rows.writeheader()
        rows.writerows(found.proof.json()["intervals"])

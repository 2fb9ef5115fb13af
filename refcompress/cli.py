"""The command line: one table of commands, a module each."""

import argparse
import contextlib
import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

from refcompress import __version__
from refcompress.commands.terminal import forget_output, said

# in the order of the help; each is a module of refcompress.commands, which imports what is heavy when it runs
COMMANDS = ("demo", "explore", "compress", "operations", "verify", "vectors", "audit", "peers")

# those on whose lines -- and the command line of a program may follow
WITH_PROGRAM = ("verify",)

WRONG_USAGE = 2


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = _Parser("refcompress", description="A NumPy reference of model compression, and a tester for all others.")
    whole.add_argument("--version", action="version", version=f"refcompress {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"refcompress.commands.{name}")
        text = module.SUMMARY
        own = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        module.add_arguments(own)
        own.set_defaults(run=module.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: for wrong usage, one line on standard error and 2."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack the signs of the formulas
    own, program = _divided(list(sys.argv[1:] if arguments is None else arguments))
    try:
        options = parser().parse_args(own, argparse.Namespace(program=program))
    except SystemExit as end:  # help, version, wrong usage
        return int(end.code or 0)
    with _ended_in_order():
        try:
            status = int(options.run(options))
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read the output has stopped
            forget_output()
            status = 128 + signal.SIGPIPE
        except (ValueError, OSError, ArithmeticError, MemoryError) as error:
            print(f"refcompress: {said(error)}", file=sys.stderr)
            status = WRONG_USAGE
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            status = 128 + signal.SIGINT
    return status


def _open_what_is_closed() -> None:
    """Give a program that was started without a standard stream (``>&-``) one that leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - it stays open


def _divided(words: list[str]) -> tuple[list[str], list[str] | None]:
    """Part our own words from those of a program, which are left as they stand."""
    if words[:1] and words[0] in WITH_PROGRAM and "--" in words:
        place = words.index("--")
        return words[:place], words[place + 1 :]
    return words, None


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Make a request to end an exit like any other, so that child processes are ended too."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # which alone may handle signals
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

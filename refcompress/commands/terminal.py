"""What commands need of a terminal."""

import os
import sys
from typing import TextIO


def write(text: str) -> None:
    """Print to standard output; when its reader has stopped reading (``| head -1``), the rest goes nowhere."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        forget_output()


def forget_output() -> None:
    """Send what is still to be written to standard output nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def tell(text: str) -> None:
    """Say how far the work has come, where somebody may be watching: if standard error is a terminal."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def said(error: Exception) -> str:
    """Return in one line what an error says; of a file that cannot be opened or made, its name and why."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, MemoryError):
        text = f"not enough memory: {text}".removesuffix(": ")
    return "\\n".join(text.splitlines())


def takes_colour(stream: TextIO) -> bool:
    """Whether colours are wanted: on a terminal that has them, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

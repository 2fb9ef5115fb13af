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


def takes_colour(stream: TextIO) -> bool:
    """Whether colours are wanted: on a terminal that has them, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

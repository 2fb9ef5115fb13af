"""Processes that are started for a candidate, and how they end.

Each leads a session of its own: Ctrl-C does not reach it, and what it starts is ended together with it.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

from refcompress.verify.candidates import Answer

ENDING = 2.0  # seconds for a process that was told to end, or says that it does, to be gone
MOST_DEATHS = 3  # processes that may be lost before a candidate is given up
GIVEN_UP = Answer(problem=f"is not called any more after {MOST_DEATHS} lost processes", given_up=True)


def started(command: Sequence[str], stdin: int, **more: Any) -> subprocess.Popen[bytes]:
    """Start a process that leads a session, its output and errors on pipes."""
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        **more,
    )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process, and every one that it started in its session; also from another thread than its user's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all that it started, and close its pipes."""
    kill(process)
    process.wait()
    for end in (process.stdin, process.stdout, process.stderr):
        if end is not None:
            end.close()


def ending(process: "subprocess.Popen[bytes]", alive: str) -> str:
    """Say how a process ended that is about to, or, where it does not, what it did instead."""
    try:
        code = process.wait(ENDING)
    except subprocess.TimeoutExpired:
        return alive
    names = {s.value: s.name for s in signal.Signals}
    return f"signal {names.get(-code, -code)}" if code < 0 else f"exit status {code}"

"""Waiting for what other processes do, which may take long on a busy machine."""

import time
from pathlib import Path


def wait_until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen within a minute")


def ended(process):
    """Whether a process is gone, or a zombie that its parent has yet to collect."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True

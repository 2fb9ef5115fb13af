"""How long the demonstration takes: ``python tests/benchmarks/demo.py``."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import show

PROJECT = str(Path(__file__).parents[2])


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    if quick:
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "refcompress", "demo"],
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": PROJECT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield "refcompress demo, seconds", time.perf_counter() - start, "<= 20"


if __name__ == "__main__":
    show(rows())

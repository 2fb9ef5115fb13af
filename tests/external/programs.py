"""Programs in other languages, between the two ends of a pipe of test vectors."""

import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
REFCOMPRESS = f"{shlex.quote(sys.executable)} -m refcompress"

# sample, the settings it follows, what is said of its wrong variant
SAMPLES = [("quantize", "--set bits=8"), ("sparsify", ""), ("requantize", "")]


def compiled(command, *arguments):
    """Run a compiler; what it says is shown if it fails."""
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def judged(operation, options, program):
    """The exit status and the report for a program on the pipe."""
    asked = f"{REFCOMPRESS} vectors stream {operation} {options}"
    judge = f"{REFCOMPRESS} vectors judge {operation} {options}"
    pipe = f"{asked} | {shlex.quote(str(program))} | {judge}"
    done = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, cwd=HERE.parents[1])
    assert done.stderr == ""
    return done.returncode, done.stdout

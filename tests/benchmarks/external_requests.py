"""How many requests a second a trivial program answers: one at a time, and with several on their way.

python tests/benchmarks/external_requests.py
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import show

from refcompress.verify.external import running
from refcompress.verify.operations import OPERATIONS

ECHO = """
import json, sys
sys.stdin.readline()
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps({"id": r["id"], "result": r["x"]}), flush=True)
"""


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    quantize = OPERATIONS["quantize"]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "echo.py"
        program.write_text(ECHO)
        for size in (1, 8, 1000):
            call = ((np.arange(size, dtype=np.float32), 4), "plain")
            calls = (500 if quick else 5000) // (1 if size < 100 else 20)
            with running([sys.executable, "-I", "-S", str(program)], quantize, quantize.defaults, 60) as candidate:
                candidate.call(*call)
                begin = time.perf_counter()
                for _ in range(calls):
                    candidate.call(*call)
                middle = time.perf_counter()
                for _ in candidate.answers([call] * calls):
                    pass
                end = time.perf_counter()
            yield f"requests of {size:,} numbers a second, one at a time", calls / (middle - begin), None
            yield f"requests of {size:,} numbers a second, several on their way", calls / (end - middle), None


if __name__ == "__main__":
    show(rows())

"""How many requests a second a trivial program answers: one at a time, and with several on their way.

python tests/benchmarks/external_requests.py
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from refcompress.verify.external import running
from refcompress.verify.operations import OPERATIONS

ECHO = """
import json, sys
sys.stdin.readline()
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps({"id": r["id"], "result": r["x"]}), flush=True)
"""
CALLS = 5000


def main():
    quantize = OPERATIONS["quantize"]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "echo.py"
        program.write_text(ECHO)
        for size in (1, 8, 1000):
            call = ((np.arange(size, dtype=np.float32), 4), "plain")
            calls = CALLS if size < 100 else CALLS // 20
            with running([sys.executable, "-I", "-S", str(program)], quantize, quantize.defaults, 60) as candidate:
                candidate.call(*call)
                begin = time.perf_counter()
                for _ in range(calls):
                    candidate.call(*call)
                middle = time.perf_counter()
                for _ in candidate.answers([call] * calls):
                    pass
                end = time.perf_counter()
            alone, ahead = calls / (middle - begin), calls / (end - middle)
            print(f"{size:>5} numbers: {alone:>7,.0f} requests/s one at a time, {ahead:>7,.0f} several on their way")


if __name__ == "__main__":
    main()

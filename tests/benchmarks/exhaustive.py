"""How long a sweep over all 2^32 float32 inputs takes: ``python tests/benchmarks/exhaustive.py [--quick]``.

The candidate is one line of NumPy. Its own time and the reference's are taken on the arrays that the sweep gives them,
in turn with the sweep of the same blocks on one core. ``--quick`` leaves out the two whole sweeps.
"""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import interleaved, show

from refcompress.verify.bit_patterns import spans
from refcompress.verify.blocks import BLOCK, CALL, Sweep, evaluate
from refcompress.verify.candidates import from_callable
from refcompress.verify.exhaustive import prove_named
from refcompress.verify.operations import find_operation

CODE = """import numpy as np
def one_line(x, p): return np.clip(np.round(x * 16), -128, 127)
"""
SPREAD = range(8, 1016, 63)  # blocks from all over the range, those of NaN left out


def one_line(x, p):
    return np.clip(np.round(x * 16), -128, 127)


def ratio():
    """Return the nanoseconds an input of the candidate, the reference and the sweep, each alone on one core."""
    operation = find_operation("quantize")
    settings = {**operation.defaults, "bits": 8}
    sweep = Sweep("quantize", settings, (4,), "float32")
    candidate = from_callable(one_line, ["x", "p"])
    places = [sweep.places(block) for block in SPREAD]

    def arrays():
        for first, last in places:
            for a, b in spans(first, last, CALL):
                yield sweep.patterns.at(np.arange(a, b + 1))

    held = list(arrays())

    def swept():
        for first, last in places:
            assert evaluate(candidate, sweep, first, last).differing == 0

    def candidates():
        with np.errstate(all="ignore"):
            for x in held:
                one_line(x, 4)

    def references():
        for x in held:
            operation.answer((x, 4), settings)

    seconds = interleaved({"candidate": candidates, "reference": references, "sweep": swept}, 5)
    return {name: value / (len(places) * BLOCK) * 1e9 for name, value in seconds.items()}


def whole(jobs):
    """Return the seconds of a sweep over everything, started as the command line does."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("one.py").write_text(CODE)
        start = time.perf_counter()
        report = prove_named("one.py:one_line", "quantize", "float32", {"p": 4}, {"bits": 8}, jobs=jobs)
        assert report.verdict == "agrees"
        return time.perf_counter() - start


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    nanoseconds = ratio()
    own = nanoseconds["candidate"] + nanoseconds["reference"]
    for name, value in nanoseconds.items():
        yield f"{name}, all 2^32 inputs on one core, seconds", value * 2**32 / 1e9, None
    yield "sweep / (candidate + reference)", nanoseconds["sweep"] / own, "<= 1.5"
    for jobs, asked in () if quick else ((2, "< 20"), (1, None)):
        load = os.getloadavg()[0]
        yield f"the whole sweep, processes: {jobs}, seconds (load before: {load:.1f})", whole(jobs), asked


if __name__ == "__main__":
    show(rows("--quick" in sys.argv))

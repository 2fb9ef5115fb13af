"""Every speed that is promised, measured side by side in one process and printed as one table.

    python tests/benchmarks/run.py [--quick] [--all] [--json FILE] [NAME ...]

``NAME`` is a file of this folder (``quantize``, ``top_k``); without one, all are run. ``--quick`` takes small arrays
and leaves out what takes minutes; the promises are stated at full size, so it judges none. ``--all`` prints what has no
target too. The exit status is 0 whatever is measured: a busy machine is no fault of the code.
"""

import os
import sys

for library in ("OPENBLAS", "OMP", "MKL"):  # one thread each: read by the libraries as they are loaded
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import argparse  # noqa: E402
import importlib.util  # noqa: E402
import json  # noqa: E402
import operator  # noqa: E402
import platform  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parents[1]), str(FOLDER)]
# Counts and whole sweeps come last: they load the most modules, and take the longest.
BENCHMARKS = (
    "quantize",
    "affine",
    "requantize",
    "small_floats",
    "gptq",
    "top_k",
    "structured",
    "sparse_gpt",
    "distillation",
    "training",
    "demo",
    "external_requests",
    "vectors",
    "verdicts",
    "exhaustive",
)
PEERS = ("torch", "sklearn")
COMPARE = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


def met(value, asked):
    """Whether the value is as asked, such as ``">= 3"``; None if nothing is."""
    if asked is None:
        return None
    sign, bound = asked.split()
    return COMPARE[sign](value, float(bound))


def measure(name, quick):
    """Yield the rows of one file as dictionaries, up to those that need a peer that is not installed."""
    try:
        for row, value, asked in importlib.import_module(name).rows(quick=quick):
            verdict = None if quick else met(value, asked)
            yield {"benchmark": name, "name": row, "measured": float(value), "target": asked, "met": verdict}
    except ModuleNotFoundError as error:
        if error.name not in PEERS:
            raise


def line(row):
    verdict = {None: "", True: "met", False: "MISSED"}[row["met"]]
    return f"{row['benchmark']:18} {row['name']:76} {row['measured']:10.2f}  {row['target'] or '':9} {verdict}".rstrip()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*BENCHMARKS, []], help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small arrays, nothing that takes minutes")
    parser.add_argument("--all", action="store_true", help="print the rows without a target too")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every row, with the versions and the load")
    options = parser.parse_args(argv)
    load, found = os.getloadavg()[0], []
    print(f"{'benchmark':18} {'what is measured':76} {'measured':>10}  {'target':9} met")
    for peer in PEERS:
        if importlib.util.find_spec(peer) is None:
            print(f"{peer} is not installed: what is measured against it is left out")
    for name in options.names or BENCHMARKS:
        for row in measure(name, options.quick):
            found.append(row)
            if options.all or row["target"]:
                print(line(row), flush=True)
    judged = [row["met"] for row in found if row["met"] is not None]
    summary = "small arrays: no target judged" if options.quick else f"{sum(judged)} of {len(judged)} targets met"
    print(f"{summary} ({os.cpu_count()} cores, load before: {load:.1f})")
    if options.json:
        options.json.write_text(json.dumps({**circumstances(), "quick": options.quick, "load": load, "rows": found}))


def circumstances():
    """What a trend has to be read against."""
    import numpy as np

    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    main()

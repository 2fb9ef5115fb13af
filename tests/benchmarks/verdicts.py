"""How long a verdict takes, and the tester against a plain property test: ``python tests/benchmarks/verdicts.py``.

The plain way is a ``@given`` test with ``assert_array_equal`` at 1,000 examples of hypothesis' own arrays and integers.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.extra import numpy as hnp
from timing import show

sys.path.insert(0, str(Path(__file__).parents[1]))

from verify.test_faults import RIGHT, WRONG

from refcompress import quantize, samples
from refcompress.verify import check
from refcompress.verify.operations import OPERATIONS

PLAIN = settings(max_examples=1000, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def seconds(function, rounds=3):
    """Return the median seconds of a call."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def rows(quick=False):
    """Yield name, measured value and what is asked for."""
    check(samples.quantize_plus_half, "quantize", bits=8)  # the imports are not counted
    wrong, right = samples.quantize_plus_half, samples.quantize_in_float64
    yield "wrong quantizer: verdict and diagnosis, seconds", seconds(lambda: check(wrong, "quantize", bits=8)), "< 1"
    yield "right quantizer, seconds", seconds(lambda: check(right, "quantize", bits=8)), "< 3"
    yield "right quantizer of 5 million values, million a second", throughput(), ">= 5"
    if quick:
        return
    start = time.perf_counter()
    for member in [*WRONG, *RIGHT]:
        check(member.function, member.operation, arrays=member.arrays, **member.settings)
    yield f"the whole collection ({len(WRONG) + len(RIGHT)} members), seconds", time.perf_counter() - start, "< 90"
    table = list(compared())
    yield f"faults of quantize found, of {len(table)}", sum(r[1] for r in table), f">= {len(table)}"
    yield f"faults of quantize that a plain @given finds, of {len(table)}", sum(r[3] for r in table), None
    yield "a fault of quantize: median seconds", statistics.median(r[2] for r in table), None
    yield "a fault of quantize, plain @given: median seconds", statistics.median(r[4] for r in table), None


def throughput(n=5_000_000):
    """Million values a second that one exchange compares: the candidate's call, the reference and the comparison."""
    from refcompress.verify.agreement import compare

    x = np.random.default_rng(0).normal(size=n).astype(np.float32) * 40
    operation = OPERATIONS["quantize"]
    chosen = {**operation.defaults, "bits": 8}

    def exchange():
        answer = quantize(x.copy(), 2, bits=8)
        assert compare(operation.answer((x, 2), chosen), answer).agrees

    return n / seconds(exchange) / 1e6


def plain_way(member):
    """Return whether a plain property test finds the fault, and the seconds that it took."""
    operation = OPERATIONS[member.operation]
    chosen = {**operation.defaults, **member.settings}
    dtype = {"bfloat16": "float32"}.get(chosen["dtype"], chosen["dtype"])
    width = np.dtype(dtype).itemsize * 8
    arrays = hnp.arrays(dtype, st.integers(1, 20), elements=st.floats(-1000, 1000, width=width))
    given = st.tuples(arrays, st.integers(-10, 10))
    start = time.perf_counter()

    def differs(args):
        expected = operation.answer(args, chosen)
        try:
            return not np.array_equal(member.function(args[0].copy(), args[1]), expected)
        except Exception:
            return True

    try:
        find(given, differs, settings=PLAIN)
    except NoSuchExample:
        return False, time.perf_counter() - start
    except Flaky:
        pass  # what answers otherwise the second time is found too: hypothesis says so
    return True, time.perf_counter() - start


def compared():
    """Yield the faults of quantize with what either way made of them."""
    for member in WRONG:
        if member.operation == "quantize" and member.arrays == "numpy":
            start = time.perf_counter()
            found = check(member.function, "quantize", **member.settings).verdict == "differs"
            ours = time.perf_counter() - start
            with np.errstate(all="ignore"):
                theirs, spent = plain_way(member)
            yield member.name, found, ours, theirs, spent


if __name__ == "__main__":
    show(rows(quick=True))
    print(f"\n{'fault of quantize':44} {'refcompress':>18} {'a plain @given':>18}")
    table = list(compared())
    for name, found, ours, theirs, spent in table:
        words = ["found" if f else "missed" for f in (found, theirs)]
        print(f"{name:44} {words[0]:>9} {ours:6.2f} s {words[1]:>9} {spent:6.2f} s")
    print(f"found: {sum(r[1] for r in table)} and {sum(r[3] for r in table)} of {len(table)}")

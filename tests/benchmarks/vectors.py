"""How fast test vectors are made and judged: cases and numbers a second of processor time, for every operation.

python tests/benchmarks/vectors.py [CASES]
"""

import itertools
import sys
import time
from unittest.mock import patch

from timing import show

from refcompress.verify.agreement import parts
from refcompress.verify.answers import Reply
from refcompress.verify.candidates import Answer
from refcompress.verify.judge import judge
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import identity, line, read_result, words
from refcompress.verify.vector_files import json_line
from refcompress.verify.vectors import LEVELS, count, vectors


def numbers(stream):
    return sum(part.size for v in stream for a in v.args for part in parts(a))


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


def replies(op, level):
    """Right answers as lines of words, read as those of a program are."""
    for v in vectors(op, op.defaults, level=level):
        text, own = words(v.expected), identity(v.number, words(v.args))

        def read(vector, text=text, own=own):
            assert identity(vector.number, words(vector.args)) == own
            return Answer(read_result(text, vector.expected))

        yield Reply("line", v.number, read)


def rows(quick=False, cases=5_000):
    """Yield name, measured value and what is asked for."""
    level, cases = max(LEVELS), 500 if quick else cases
    with patch.dict(LEVELS, {level: cases}):
        for op in OPERATIONS.values():
            stream = list(vectors(op, op.defaults, level=level))
            made = seconds(lambda op=op: [line(v.number, v.args) for v in vectors(op, op.defaults, level=level)])
            some = cases // 10 + count(op, op.defaults, 1)
            written = seconds(
                lambda op=op, some=some: [
                    json_line(op, op.defaults, v)
                    for v in itertools.islice(vectors(op, op.defaults, level=level, flagged=True), some)
                ]
            )
            judged = seconds(lambda op=op: judge(op, op.defaults, replies(op, level), level=level)) - made
            yield f"{op.name}: cases streamed a second", len(stream) / made, None
            yield f"{op.name}: numbers streamed a second", numbers(stream) / made, None
            yield f"{op.name}: cases written a second", some / written, None
            yield f"{op.name}: cases judged a second", len(stream) / judged, None


if __name__ == "__main__":
    show(rows(cases=int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))

"""How fast test vectors are made and judged: cases and numbers a second of processor time, for every operation.

python tests/benchmarks/vectors.py [CASES]
"""

import itertools
import sys
import time

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


def main(cases):
    level = max(LEVELS)
    LEVELS[level] = cases
    print(
        f"{'operation':24} {'cases':>8} {'numbers':>9}   {'stream':>9} {'write':>9} {'judge':>9}   numbers/s streamed"
    )
    for op in OPERATIONS.values():
        stream = list(vectors(op, op.defaults, level=level))
        size = numbers(stream)
        made = seconds(lambda op=op: [line(v.number, v.args) for v in vectors(op, op.defaults, level=level)])
        some = cases // 10 + count(op, op.defaults, 1)
        written = seconds(
            lambda op=op, some=some: [
                json_line(op, op.defaults, v)
                for v in itertools.islice(vectors(op, op.defaults, level=level, flagged=True), some)
            ]
        )
        judged = seconds(lambda op=op: judge(op, op.defaults, replies(op, level), level=level)) - made
        rates = len(stream) / made, some / written, len(stream) / judged
        print(
            f"{op.name:24} {len(stream):8,} {size:9,}   " + " ".join(f"{r:7,.0f}/s" for r in rates),
            f"  {size / made:9,.0f}",
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)

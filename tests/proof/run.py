"""The formulas against their exact twins, to the bit: ``python tests/proof/run.py [PROOF ...] [--full]``.

Proofs: quantize (every float16 and bfloat16), pairs (all pairs of codes and short arrays), boundaries (numbers at the
boundaries of the elementwise operations). Without ``--full`` what the test suite runs. ``--resume FILE`` keeps which
parts of a full run are done, and goes on behind them.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from proof import boundaries, every_pair, whole_formats

FEW = [(("float16", "bfloat16")[i % 2], word, (3, -7)[i // 2 % 2]) for i, word in enumerate(whole_formats.ROUNDING)]
FEW_RANGES = [r for r in whole_formats.RANGES if r[0] in (2, 8)]


def quantize(full):
    every = itertools.product(whole_formats.FORMATS, whole_formats.ROUNDING, whole_formats.P)
    ranges = whole_formats.RANGES if full else FEW_RANGES
    for name, word, p in every if full else FEW:
        yield (
            f"quantize {name} {word} p={p}",
            lambda name=name, word=word, p=p: whole_formats.compare(name, p, word, ranges),
        )


def pairs(full):
    yield from every_pair.dequantized_pairs(every_pair.SCALES if full else (0.1,))
    yield from every_pair.packed_pairs()
    yield from every_pair.quantized_pairs(every_pair.ROUNDING if full else ("half_even", "floor"))
    for dtype in ("float64", "float32", "float16") if full else ("float64",):
        yield from every_pair.short_arrays(dtype, 4 if full else 3)


def aimed(full):
    count = 1_000_000 if full else 6_000
    for name in boundaries.OPERATIONS:
        for dtype in boundaries.TYPES if name != "requantize" else ("float32",):
            yield f"boundaries {name} {dtype}", lambda n=name, d=dtype: (count, boundaries.compare(n, d, count))


PROOFS = {"quantize": quantize, "pairs": pairs, "boundaries": aimed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proofs", metavar="PROOF", nargs="*", choices=[*PROOFS, []], help=f"of {', '.join(PROOFS)}")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--resume", type=Path, metavar="FILE")
    options = parser.parse_args()
    done = json.loads(options.resume.read_text()) if options.resume and options.resume.exists() else {}
    start, counts, wrongs = time.monotonic(), 0, 0
    for proof in options.proofs or PROOFS:
        for name, part in PROOFS[proof](options.full):
            if name not in done:
                done[name] = part()
                if options.resume:
                    options.resume.write_text(json.dumps(done))
            count, wrong = done[name]
            counts, wrongs = counts + count, wrongs + wrong
            print(f"{name:50} {count:13,} compared {wrong:7,} differ {time.monotonic() - start:8.1f} s", flush=True)
    print(f"{'in all':50} {counts:13,} compared {wrongs:7,} differ")
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a sweep over all bit patterns found, as text and as JSON."""

import itertools
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.verify.blocks import Found, Interval
from refcompress.verify.wire import encode

SHOWN = 8  # intervals in the text
WIDTH = 110
KINDS = {"nan": "NaN", "infinite": "infinite", "outside": "without an answer"}


@dataclass(frozen=True)
class Proof:
    """The result of a sweep: with what the other inputs were fixed, and on which numbers the candidate differs."""

    operation: str
    dtype: str
    fixed: dict[str, Any]
    found: Found
    first: int
    last: int
    """The places between which numbers were swept: all of them unless it was asked for less or given up."""
    judged: tuple[int, int] = (0, 0)
    """On how many inputs that differ and that agree the diagnosis was judged."""
    given_up: str | None = None
    """Why it was not ended."""
    misbehaved: bool = False
    """Whether a call did what no call may do, whatever the answers."""

    @property
    def swept(self) -> int:
        """How many bit patterns were swept."""
        return self.last - self.first + 1

    @property
    def right(self) -> bool:
        """Whether every answer was right."""
        return not self.found.intervals and not self.found.silent

    def given(self) -> str:
        """Say what the other inputs were."""
        return " ".join(f"{name}={value}" for name, value in self.fixed.items())

    def lines(self) -> Iterator[str]:
        """Write the result for a person."""
        found, inputs = self.found, self._inputs()
        if self.right:
            verb = "proved for" if self.swept == self._patterns.count else "right for"
            verb = "every answer is right, for" if self.misbehaved else verb
            yield from _wrapped(f"{verb} {inputs}{self._rejected()}")
        else:
            parts = []
            if found.intervals:
                parts.append(f"differs on {found.differing:,}")
            if found.silent:
                parts.append(f"gives no answer to {found.unanswered:,}")
            yield from _wrapped(f"{' and '.join(parts)} of {inputs}{self._rejected()}")
            yield from self._intervals()
            yield from self._silent()
            if self.found.intervals:
                yield from _wrapped(self._judged())
        if self.given_up is not None:
            yield from _wrapped(f"given up: {self.given_up}")

    @property
    def _patterns(self) -> Any:
        from refcompress.verify.bit_patterns import Patterns

        return Patterns(self.dtype)

    def _inputs(self) -> str:
        patterns = self._patterns
        if self.swept == patterns.count:
            return f"all 2^{patterns.width} {self.dtype} inputs"
        ends = f"{patterns.text(self.first)} to {patterns.text(self.last)}"
        return f"the {self.swept:,} {self.dtype} inputs from {ends} (2^{patterns.width} were not all swept)"

    def _rejected(self) -> str:
        counts = [f"{getattr(self.found, name):,} of them {text}" for name, text in KINDS.items() if self._count(name)]
        if not counts:
            return ""
        texts = [counts[0], *(text.replace(" of them", "") for text in counts[1:])]
        return f" ({' and '.join(texts)}, which {self.operation} rejects and the candidate was not given)"

    def _count(self, name: str) -> int:
        return int(getattr(self.found, name))

    def _intervals(self) -> Iterator[str]:
        intervals = self.found.intervals
        if not intervals:
            return
        with np.errstate(invalid="ignore"):  # a signalling nan
            ends = self._patterns.at([(first, last) for first, last, _ in intervals]).astype(np.float64)
        away = np.fmin(*np.abs(ends).T)  # of the end that is a number, where the other is nan
        nearest = np.sort(np.argsort(away, kind="stable")[:SHOWN])
        texts = [self._interval(intervals[i]) for i in nearest]
        more = len(intervals) - len(texts)
        end = f" and {more:,} more intervals" if more else ""
        yield from _wrapped(f"it differs on {', '.join(texts)}{end}", "  ")

    def _interval(self, interval: Interval) -> str:
        first, last, count = interval
        patterns = self._patterns
        if first == last:
            return f"[{patterns.text(first)}]"
        size = last - first + 1
        counted = f"{count:,}" if count == size else f"{count:,} of the {size:,} in it"
        return f"[{patterns.text(first)}, {patterns.text(last)}] ({counted})"

    def _silent(self) -> Iterator[str]:
        by_reason: dict[str, list[Interval]] = {}
        for first, last, why in self.found.silent:
            by_reason.setdefault(why, []).append((first, last, last - first + 1))
        for why, intervals in itertools.islice(by_reason.items(), SHOWN):
            texts = [self._interval(i) for i in intervals[:SHOWN]]
            more = len(intervals) - len(texts)
            end = f" and {more:,} more intervals" if more else ""
            yield from _wrapped(f"it {why}: on inputs in {', '.join(texts)}{end}", "  ")
        if len(by_reason) > SHOWN:
            yield f"  and for {len(by_reason) - SHOWN:,} more reasons"

    def _judged(self) -> str:
        differing, agreeing = self.judged
        of_those = "all" if differing >= self.found.differing else f"{differing:,} of the"
        rest = self.found.accepted - self.found.differing
        others = "all" if agreeing >= rest else f"{agreeing:,} of the"
        return (
            f"the statements above were judged on {of_those} {self.found.differing:,} inputs that differ"
            f" and {others} {rest:,} that agree"
        )

    def json(self) -> dict[str, Any]:
        """Return what ``json`` can write."""
        patterns = self._patterns
        return {
            "dtype": self.dtype,
            "inputs": self.swept,
            "fixed": {name: encode(value) for name, value in self.fixed.items()},
            "accepted": self.found.accepted,
            "rejected": {name: self._count(name) for name in KINDS},
            "differing": self.found.differing,
            "unanswered": self.found.unanswered,
            "intervals": [
                {**self._ends(patterns, first, last), "inputs": last - first + 1, "differing": count}
                for first, last, count in self.found.intervals
            ],
            "silent": [{**self._ends(patterns, first, last), "why": why} for first, last, why in self.found.silent],
            "judged": {"differing": self.judged[0], "agreeing": self.judged[1]},
            "given_up": self.given_up,
        }

    def _ends(self, patterns: Any, first: int, last: int) -> dict[str, Any]:
        ends = {"first": first, "last": last}
        with np.errstate(invalid="ignore"):
            wide = patterns.at([first, last]).astype(np.float64 if patterns.is_float else np.int64)
        return {
            **{name: encode(number) for name, number in zip(ends, wide.tolist(), strict=True)},
            **{f"{name}_bits": patterns.bits(place) for name, place in ends.items()},
        }


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)

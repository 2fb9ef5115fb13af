"""What a rule is to an audit, and what both sides of a comparison are.

A rule with all its settings is a ``Candidate``: a function of the original's entries that gives the compressed ones.
Families of rules are tables of functions that look at a ``Pair`` and propose the few candidates that its numbers allow.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array

BLOCK = 65_536  # entries a pass
SAMPLE = 4_096  # entries of either kind that decide which candidates are worth a whole pass

# flat indices of the entries in hand: a range of them, or one by one
Where = slice | Array


@dataclass(frozen=True, eq=False)
class Declared:
    """What the compressed file says of a tensor's codes."""

    p: int | None = None
    bits: int | None = None
    scale: Array | None = None
    zero_point: Array | None = None
    names: tuple[str, ...] = ()
    """Of the tensors that hold the scale and the zero point."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One tensor of both files: x the original, y the compressed, of one shape and in C order."""

    name: str
    x: Array
    y: Array
    declared: Declared = field(default_factory=Declared)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of both."""
        return tuple(self.x.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return int(self.x.size)

    @cached_property
    def flat(self) -> tuple[Array, Array]:
        """Both as lines, without a copy."""
        return self.x.reshape(-1), self.y.reshape(-1)

    @cached_property
    def x_range(self) -> tuple[float, float]:
        """The least and the greatest entry of the original, infinities included."""
        return number_range(self.flat[0], finite=False)

    @cached_property
    def y_range(self) -> tuple[float, float]:
        """The least and the greatest finite entry of the compressed one."""
        return number_range(self.flat[1], finite=True)

    @cached_property
    def sample(self) -> Array:
        """Flat indices: some at random, some at random of those that are not zero, and the extremes of both."""
        return sample_of(*self.flat)

    @cached_property
    def sampled(self) -> tuple[Array, Array]:
        """The entries of the sample."""
        x, y = self.flat
        return x[self.sample], y[self.sample]

    @cached_property
    def holds_rounded(self) -> bool:
        """Whether the compressed entries are floats, some of which are neither 0 nor what the original has."""
        x, y = (as_float64(part) for part in self.sampled)
        return arguments.is_float(self.y.dtype) and bool(np.any((x != y) & (y != 0)))

    @cached_property
    def holds_codes(self) -> bool:
        """Whether the compressed entries are integers, in an integer dtype or as floats."""
        if not arguments.is_float(self.y.dtype):
            return arguments.is_integer(self.y.dtype)
        y = as_float64(self.sampled[1])
        return bool(np.all(np.isfinite(y) & (y == np.rint(y))))


@dataclass(frozen=True)
class Kin:
    """A family of candidates that all give one answer, but for entries near a tie."""

    name: tuple[Any, ...]
    may_differ: Callable[[Array, Where], Array]
    """Mark the entries of the original at which members may give different answers."""


@dataclass(frozen=True)
class Candidate:
    """One rule with its settings."""

    rule: str
    settings: Mapping[str, Any]
    answer: Callable[[Array, Where], Array]
    """What the rule makes of some entries of the original, given where they stand."""
    rank: tuple[int, ...]
    """The simplest of those that explain a tensor has the lowest."""
    zero: Callable[[Where], Any] = lambda where: 0
    """What it makes of 0, which is what a pruned entry becomes."""
    bitwise: bool = False
    """Whether bits count, and not numbers."""
    note: str = ""
    """What its numbers are, or which settings nothing in the data can tell apart."""
    contradicts: str = ""
    """What the compressed file says that this candidate is not."""
    kin: "Kin | None" = None
    """Candidates that can differ from this one only at entries that are known beforehand."""

    def agrees(self, expected: Array, found: Array) -> Array:
        """Mark the entries in which two arrays are the same."""
        return same_bits(expected, found) if self.bitwise else same_numbers(expected, found)


# the rounding words that differ at ties alone
TO_NEAREST = frozenset({"half_even", "half_away", "half_up", "half_down", "half_odd"})


def as_float64(values: Array) -> Array:
    """Return the numbers as float64; a signalling NaN is a NaN."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)


def same_bits(first: Array, second: Array) -> Array:
    """Compare the bits of two arrays of one dtype."""
    unsigned = np.dtype(f"u{first.dtype.itemsize}")
    return np.asarray(np.ascontiguousarray(first).view(unsigned) == np.ascontiguousarray(second).view(unsigned))


def same_numbers(expected: Array, found: Array) -> Array:
    """Compare numbers: NaN with NaN is the same, +0 with -0 too; an integer past 2^53 is not rounded."""
    e, f = as_float64(expected), as_float64(found)
    same = (e == f) | (np.isnan(e) & np.isnan(f))
    if arguments.is_integer(found.dtype) and found.dtype.itemsize == 8:
        if arguments.is_integer(expected.dtype):
            return np.asarray(expected == found)
        inside = np.abs(f) < 2.0**63
        same &= inside & (np.where(inside, f, 0).astype(np.int64) == found.astype(np.int64))
    return np.asarray(same)


def blocks(size: int) -> Iterator[slice]:
    """Yield the slices of a line, a block at a time."""
    for start in range(0, size, BLOCK):
        yield slice(start, min(start + BLOCK, size))


def number_range(line: Array, *, finite: bool) -> tuple[float, float]:
    """Return the least and the greatest number, or finite number; 0 and 0 where there is none."""
    low, high = np.inf, -np.inf
    for block in blocks(line.size):
        values = as_float64(line[block])
        values = values[np.isfinite(values) if finite else ~np.isnan(values)]
        low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
    return (float(low), float(high)) if low <= high else (0.0, 0.0)


def sample_of(x: Array, y: Array) -> Array:
    """Return sorted flat indices of entries to try candidates on."""
    if x.size <= 2 * SAMPLE:
        return np.arange(x.size)
    generator = np.random.default_rng(0)
    chosen = [generator.integers(x.size, size=SAMPLE)]
    share = -(-SAMPLE // -(-x.size // BLOCK))
    for block in blocks(x.size):
        nonzero = np.flatnonzero(y[block])
        if nonzero.size > share:
            nonzero = nonzero[generator.integers(nonzero.size, size=share)]
        chosen.append(block.start + nonzero)
        for line in (x, y):
            values = np.nan_to_num(as_float64(line[block]), nan=0.0)
            chosen.append(block.start + np.array([values.argmin(), values.argmax()]))
    return np.unique(np.concatenate(chosen))

"""Where a count is hard to take: the directed cases of ``keep_count``, laws, regions, and a count by hand."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.keep_count import keep_count
from refcompress.verify.operation import Arguments, Law, Region, Settings

Calls = Iterator[Arguments]
HALF_WORDS = ("half_even", "half_away")


def counted(args: Arguments, settings: Settings) -> int:
    """Return how many stay."""
    return keep_count(*args, rounding=settings["rounding"], counts=settings["counts"])


def written(sparsity: float) -> Fraction:
    """Return the decimal number that was written for a float."""
    return Fraction(repr(sparsity))


def rounded_part(args: Arguments, settings: Settings) -> Fraction:
    """Return what is rounded: the exact number of entries that stay, or that go."""
    size, part = Fraction(args[0]), written(args[1])
    return size * (1 - part if settings["counts"] == "kept" else part)


def small(settings: Settings) -> Calls:
    """Give sizes that a person can follow by hand, the simplest first."""
    for size in (10, 4, 8, 6, 7, 3):
        for sparsity in (0.5, 0.25, 0.75, 0.9, 0.1):
            yield size, sparsity


def ties(settings: Settings) -> Calls:
    """Halves between an even and an odd count, of both parities: there the kept and the pruned part by one."""
    for size in (15, 1, 3, 5, 7, 9, 11, 13, 17, 101, 102, 1001, 4095):
        yield size, 0.5
    for size in (2, 6, 10, 14, 18, 22, 50, 1002):
        yield size, 0.25
        yield size, 0.75
    for size, sparsity in ((50, 0.01), (50, 0.29), (50, 0.57), (50, 0.07), (20, 0.125), (4, 0.125), (4, 0.875)):
        yield size, sparsity


def decimals(settings: Settings) -> Calls:
    """Hundredths, whose product with the size is a whole number or a half, but not in floats."""
    for hundredths in range(1, 100, 2):
        yield 100, hundredths / 100
        yield 50, hundredths / 100
    for size in (10, 200, 700):
        for hundredths in (7, 14, 28, 29, 55, 56, 58, 69, 83):
            yield size, hundredths / 100


def reported(settings: Settings) -> Calls:
    """Give calls that libraries were seen to answer by one less or more."""
    yield 100, 0.29
    yield 8, 0.85
    yield 100, 0.57
    yield 100, 0.58
    yield 50, 0.58
    yield 6, 0.5
    yield 784, 0.3


def ends(settings: Settings) -> Calls:
    """Nothing and everything is asked for, of some, one and no entries."""
    for size in (0, 1, 2, 3, 10, 1000):
        for sparsity in (0.0, 1.0, 0.5, 0.999, 0.001):
            yield size, sparsity


def beside_whole(settings: Settings) -> Calls:
    """Give sparsities one unit in the last place beside those of a whole number or a half."""
    for size in (8, 10, 64, 100):
        for part in (0.25, 0.5, 0.75, 0.625, 0.29, 0.9):
            yield size, float(np.nextafter(part, 0.0))
            yield size, float(np.nextafter(part, 1.0))


def fine(settings: Settings) -> Calls:
    """Give sparsities of many digits: what is cut to per cents or to a shorter float shows."""
    for size in (1000, 4096, 100_000):
        for sparsity in (0.125, 0.333, 0.0625, 0.9999, 0.98765, 0.6667, 1 / 3, 2 / 3, 0.12345, 0.00512):
            yield size, sparsity


def thousands(settings: Settings) -> Calls:
    """Give sizes of layers, at the sparsities that are usual."""
    for size in (64, 784, 1024, 4608, 589_824, 16_777_216):
        for sparsity in (0.3, 0.7, 0.8, 0.95, 0.99):
            yield size, sparsity


def tiny(settings: Settings) -> Calls:
    """Give sparsities next to 0 and next to 1."""
    for sparsity in (5e-324, 1e-300, 1e-20, 1e-9, 1e-7, 0.0004, float(np.nextafter(1.0, 0.0)), 0.9999999):
        for size in (1, 10, 1000, 10**9):
            yield size, sparsity


def huge(settings: Settings) -> Calls:
    """Give sizes past 2^24, 2^31 and 2^53, where floats and short integers end."""
    sizes = (2**24 + 1, 2**25 + 3, 2**31, 2**31 + 5, 3 * 2**31 + 1, 2**32 + 7, 2**53 + 1, 2**53 + 3, 2**62 + 1)
    for size in sizes:
        for sparsity in (0.0, 0.5, 0.25, 0.1, 0.9, 0.29, 1.0):
            yield size, sparsity


def _in_range(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(0 <= _count(answer) <= args[0])


def _count(answer: Any) -> Fraction:
    value = np.asarray(answer).item()
    return Fraction(value) if np.isfinite(value) else Fraction(-1)


def _ends(args: Arguments, answer: Any, settings: Settings) -> bool:
    size, sparsity = args
    if sparsity not in (0.0, 1.0):
        return True
    return bool(_count(answer) == (size if sparsity == 0.0 else 0))


def _within_one(args: Arguments, answer: Any, settings: Settings) -> bool:
    away = abs(_count(answer) - args[0] * (1 - written(args[1])))
    return bool(away <= Fraction(1, 2) if settings["rounding"] in HALF_WORDS else away < 1)


def _not_raised(args: Arguments, answer: Any, settings: Settings) -> bool:
    if (settings["rounding"], settings["counts"]) not in (("ceil", "kept"), ("floor", "pruned")):
        return True
    return bool(args[0] - _count(answer) <= args[0] * written(args[1]))


LAWS = (
    Law("in_range", "from none to all of the entries stay", _in_range),
    Law("ends", "all entries stay at sparsity 0, none at sparsity 1", _ends),
    Law(
        "within_one", "the count is within the rounding of size * (1 - sparsity): 1/2 at most, or below 1", _within_one
    ),
    Law(
        "not_raised", "the sparsity that was asked for is not exceeded where rounding is to the kept side", _not_raised
    ),
)


def _where(test: Callable[[int, Fraction, Fraction], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Flag a call by its size, its sparsity and what is rounded."""
    return lambda args, expected, settings: [np.asarray(test(args[0], written(args[1]), rounded_part(args, settings)))]


REGIONS = (
    Region("tie", "at ties", _where(lambda size, part, exact: exact.denominator == 2)),
    Region("whole", "where size * sparsity is a whole number", _where(lambda n, part, exact: exact.denominator == 1)),
    Region("all_stay", "at sparsity 0", _where(lambda size, part, exact: part == 0)),
    Region("none_stay", "at sparsity 1", _where(lambda size, part, exact: part == 1)),
    Region("empty", "where there are no entries", _where(lambda size, part, exact: size == 0)),
    Region("one", "where there is one entry", _where(lambda size, part, exact: size == 1)),
    Region("below_half", "at sparsities below 1/2", _where(lambda size, part, exact: part < Fraction(1, 2))),
    Region("past_24_bits", "at sizes above 2^24", _where(lambda size, part, exact: size > 2**24)),
    Region("past_53_bits", "at sizes above 2^53", _where(lambda size, part, exact: size > 2**53)),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Work out a count."""
    size, sparsity = args
    exact, right = rounded_part(args, settings), counted(args, settings)
    value = exact.numerator if exact.denominator == 1 else float(exact)
    if settings["counts"] == "kept":
        return f"round({size} * (1 - {sparsity!r}) = {value}) = {right}"
    return f"{size} - round({size} * {sparsity!r} = {value}) = {right}"

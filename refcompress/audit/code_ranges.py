"""The ranges that codes may have been brought into, inferred from the codes found; and what a range does to a rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.audit.rules import Pair
from refcompress.rounding import OVERFLOW, code_range


@dataclass(frozen=True)
class Range:
    """Where codes end, and how they get there."""

    bits: int
    signed: bool
    narrow_range: bool
    overflow: str

    @property
    def ends(self) -> tuple[int, int]:
        """q_min and q_max."""
        return code_range(self.bits, signed=self.signed, narrow_range=self.narrow_range)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings, by the names that `quantize` has for them."""
        return {
            "bits": self.bits,
            "signed": self.signed,
            "narrow_range": self.narrow_range,
            "overflow": self.overflow,
        }

    def apply(self, codes: Array) -> Array:
        """Bring codes, held as floats, into the range; a NaN stays, an infinity saturates."""
        with np.errstate(invalid="ignore"):
            return np.asarray(OVERFLOW[self.overflow](codes, *self.ends))


def possible_ranges(pair: Pair, codes: Array, ends: tuple[float, float]) -> list[Range]:
    """Return the ranges whose ends the codes found meet, and those of their dtype and of what the file declares.

    ``codes`` are those of the sample and ``ends`` the least and the greatest of all: one entry that was damaged does
    not hide the range of the others.
    """
    wanted: set[tuple[int, bool, bool]] = set()
    finite = codes[np.isfinite(codes)]
    for low, high in (ends, (finite.min(initial=0.0), finite.max(initial=0.0))):
        wanted |= set(_meeting(low, high))
    if arguments.is_integer(pair.y.dtype) and pair.y.dtype.itemsize <= 4:
        signed, bits = pair.y.dtype.kind == "i", 8 * pair.y.dtype.itemsize
        wanted |= {(bits, signed, False), (bits, signed, signed)}
    if pair.declared.bits is not None:
        wanted |= {(pair.declared.bits, signed, False) for signed in (True, False)}
    held = [form for form in wanted if _is_held(pair.y.dtype, *form[:2])]
    return [Range(*form, overflow) for form in sorted(held, key=_simplest) for overflow in OVERFLOW]


def _is_held(dtype: np.dtype[Any], bits: int, signed: bool) -> bool:
    """Whether codes of a width and sign are the usual content of a dtype: unsigned ones of an unsigned dtype."""
    if not arguments.is_integer(dtype):
        return True
    return bits <= 8 * dtype.itemsize - (dtype.kind == "i" and not signed) and (
        signed == (dtype.kind == "i") or not signed
    )


def _meeting(low: float, high: float) -> Iterator[tuple[int, bool, bool]]:
    for bits in range(2, 33):
        for signed, narrow in ((True, False), (True, True), (False, False)):
            least, most = code_range(bits, signed=signed, narrow_range=narrow)
            smallest = low == 0 and bits == max(2, int(high).bit_length())  # what unsigned codes above 0 fit in
            meets = high == most or (low == least if signed else smallest)
            if meets and low >= least and high <= most:
                yield bits, signed, narrow


def _simplest(form: tuple[int, bool, bool]) -> tuple[bool, bool, int]:
    bits, signed, narrow = form
    return narrow, not signed, bits


def at_work(ranges: list[Range], low: float, high: float) -> list[Range | None]:
    """Return the ranges that codes from low to high leave; None (no range) first where there are some that they fit."""
    fitting = [r for r in ranges if r.ends[0] <= low and high <= r.ends[1]]
    leaving: list[Range | None] = [r for r in ranges if r not in fitting]
    return [None, *leaving] if fitting or not ranges else leaving


def idle_note(low: float, high: float) -> str:
    """Say that no code leaves the range, so that nothing shows what would happen to it."""
    ends = [f"{int(end):,}" if np.isfinite(end) else str(end) for end in (low, high)]
    return f"codes {ends[0]} to {ends[1]}: none leaves its range"

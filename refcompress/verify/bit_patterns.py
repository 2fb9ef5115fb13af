"""All numbers of a small dtype in their numerical order: place 0 is the lowest, the last place the highest.

A float's place is its word, or the complement where the sign bit is set: from the NaNs with the sign bit over -inf, -0
and +0 to inf and the NaNs without it. So a range of numbers is a range of places, and all that has no answer because it
is NaN or too large lies at the two ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import float_dtype

FLOAT_WORDS = ("float16", "bfloat16", "float32")
INTEGER_WORDS = ("int8", "uint8", "int16", "uint16", "int32")


@dataclass(frozen=True)
class Patterns:
    """The bit patterns of one dtype."""

    name: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype."""
        return float_dtype(self.name)

    @property
    def width(self) -> int:
        """Bits of a pattern."""
        return 8 * self.dtype.itemsize

    @property
    def count(self) -> int:
        """How many patterns there are."""
        return 1 << self.width

    @property
    def is_float(self) -> bool:
        """Whether they are floats."""
        return self.name in FLOAT_WORDS

    def numbers(self, first: int, last: int, out: Array | None = None) -> Array:
        """Return the numbers at the places ``first`` to ``last``, which lie on one side of the middle.

        ``out`` is a line of words, 0, 1, 2, ..., at least as long: see ``words``.
        """
        size = last - first + 1
        line = self.words(size) if out is None else out[:size]
        middle = self.count // 2
        if self.dtype.kind == "u":
            words = line + line.dtype.type(first)
        elif self.is_float and first < middle:  # the sign bit is set, and the words fall
            words = line.dtype.type(self.count - 1 - first) - line
        else:
            words = line + line.dtype.type(first ^ middle)
        return np.asarray(words.view(self.dtype))

    def words(self, size: int) -> Array:
        """Return the words 0, 1, 2, ..."""
        return np.arange(size, dtype=f"u{self.dtype.itemsize}")

    def at(self, places: Sequence[int] | Array) -> Array:
        """Return the numbers at these places."""
        line = np.asarray(places, np.int64)
        middle = self.count // 2
        if self.dtype.kind == "u":
            words = line
        elif self.is_float:
            words = np.where(line < middle, self.count - 1 - line, line - middle)
        else:
            words = line ^ middle
        return words.astype(f"u{self.dtype.itemsize}").view(self.dtype)

    def places(self, numbers: Array) -> Array:
        """Return the places of numbers of the dtype.

        Examples
        --------
        >>> import numpy as np
        >>> patterns = Patterns("float16")
        >>> patterns.places(np.array([-0.0, 0.0, 1.0], np.float16))
        array([32767, 32768, 48128])
        >>> patterns.at([32767, 32768, 48128])
        array([-0.,  0.,  1.], dtype=float16)
        """
        words = numbers.view(f"u{self.dtype.itemsize}").astype(np.int64)
        middle = self.count // 2
        if self.dtype.kind == "u":
            return words
        if self.is_float:
            return np.asarray(np.where(words >= middle, self.count - 1 - words, words + middle))
        return np.asarray(words ^ middle)

    def text(self, place: int) -> str:
        """Write the number at a place, so that it can be read back exactly."""
        number = self.at([place])
        if not self.is_float:
            return str(int(number[0]))
        with np.errstate(invalid="ignore"):  # a signalling nan
            wide = float(number.astype(np.float64)[0])
        if not np.isfinite(wide):
            return f"{wide} (0x{self.bits(place)})" if np.isnan(wide) else str(wide)
        if self.width < 32:
            return repr(wide)
        shortest = np.format_float_positional if 1e-4 <= abs(wide) < 1e16 or wide == 0 else np.format_float_scientific
        return shortest(number[0], unique=True, trim="-")

    def bits(self, place: int) -> str:
        """Write the word at a place in hexadecimal."""
        word = int(self.at([place]).view(f"u{self.dtype.itemsize}")[0])
        return f"{word:0{self.width // 4}x}"


def spans(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut a range of places into ones that end at multiples of ``size``, a power of two.

    Examples
    --------
    >>> list(spans(6, 17, 8))
    [(6, 7), (8, 15), (16, 17)]
    """
    while first <= last:
        end = min(last, first | (size - 1))
        yield first, end
        first = end + 1


def complexity(numbers: Array) -> Array:
    """Return how hard numbers are to follow by hand: those of few binary digits come first, then those close to 1.

    A half is simpler than a third, and 2 than 1024; infinities and NaN come last, and of two that are equally simple
    the positive one is first.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([np.inf, 0.1, -0.5, 0.5, 2.5, 0.0])
    >>> x[np.argsort(complexity(x), kind="stable")]
    array([ 0. ,  0.5, -0.5,  2.5,  0.1,  inf])
    """
    if numbers.dtype.kind in "iu":
        magnitude = np.abs(numbers.astype(np.float64))  # the lowest int64 has no magnitude among them
        return np.asarray(2 * magnitude + (numbers < 0))
    with np.errstate(all="ignore"):
        wide = numbers.astype(np.float64)
        finite = np.isfinite(wide)
        fraction, exponent = np.frexp(np.where(finite, np.abs(wide), 1.0))
    significand = np.ldexp(fraction, 53).astype(np.int64)
    lowest = significand & -significand
    digits = np.where(significand == 0, 0, 54 - np.frexp(lowest.astype(np.float64))[1])
    key = 2 * (4096 * digits + np.abs(exponent.astype(np.int64) - 1)) + np.signbit(wide)
    return np.asarray(np.where(finite, key, 2**62 + 2 * np.isnan(wide) + np.signbit(wide)))

"""Test vectors as lines of hexadecimal words, which C reads with ``scanf("%llx", &word)`` and nothing else.

A line of questions (``refcompress vectors stream``) holds words, with one space between two:

  - the id, 16 digits, to be copied into the answer as it stands: the CRC-32 of the line behind the id and its space in
    the upper half (so that an answer to a case of other settings is told), the number of the case in the lower half;
  - then every input in order (``refcompress operations OPERATION`` names them).

An input, and a result, is one of these:

  - an integer: one word, two's complement in 64 bits;
  - a number that is no integer: one word, the bit pattern of its type (float64 for a plain number);
  - an array: its number of dimensions, its sizes, then its elements in C order (the last index runs fastest): of floats
    one word, the bit pattern in the dtype's own width (8 digits for float32); of integers of any width one word, two's
    complement in 64 bits; of booleans one word, 0 or 1;
  - a list of arrays: its length, then the arrays.

A line of answers (to ``refcompress vectors judge``) holds the id, then the result in the same form, the parts of a
result of several parts one after another. A word may be written with or without leading zeros, in lower or upper case.
Answers may come in another order, each at most 4,096 cases early or late. Every case needs one answer, and a line holds
nothing else. ``refcompress vectors stream OPERATION --layout`` says what the words of an operation are.

quantize([2.5, -1.0], 4) with --set bits=8, whose codes are 40 and -16, and its answer:

  c0e468df00000007 1 2 40200000 bf800000 4
  c0e468df00000007 1 2 28 fffffffffffffff0
"""

import math
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.agreement import parts
from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.vectors import vectors

MASK = 2**64 - 1
MOST_DIMENSIONS = 32


def line(number: int, args: Arguments) -> str:
    """Return the line of questions for one case.

    Examples
    --------
    >>> import numpy as np
    >>> line(7, (np.array([2.5, -1.0], np.float32), 4))
    'c0e468df00000007 1 2 40200000 bf800000 4'
    """
    rest = words(args)
    return f"{identity(number, rest)} {rest}"


def identity(number: int, rest: str) -> str:
    """Return the id of the case of that number whose inputs are these words."""
    return f"{zlib.crc32(rest.encode()):08x}{number:08x}"


def words(value: Any) -> str:
    """Write an input or an answer; what a tuple holds, one after another.

    Examples
    --------
    >>> import numpy as np
    >>> words((np.array([[True], [False]]), [np.array([0.5], np.float16)], -2))
    '2 2 1 01 00 1 1 1 3800 fffffffffffffffe'
    """
    if isinstance(value, tuple):
        return " ".join(map(words, value))
    if isinstance(value, list):
        return " ".join([f"{len(value):x}", *map(words, value)])
    if isinstance(value, np.ndarray):
        head = " ".join([f"{n:x}" for n in (value.ndim, *value.shape)])
        return f"{head} {_elements(value)}" if value.size else head
    if isinstance(value, int):
        return f"{value & MASK:x}"
    return _elements(np.asarray(value))


def _elements(array: Array) -> str:
    if array.dtype.kind in "iu":
        return array.astype(">i8").tobytes().hex(" ", 8)
    width = array.dtype.itemsize
    native = array.astype(array.dtype.newbyteorder("="))
    return native.view(f"u{width}").astype(f">u{width}").tobytes().hex(" ", width)


def read_id(text: str) -> tuple[int, str]:
    """Return the number of the case that a line answers, and the line's id."""
    first = next(iter(text.split(None, 1)), "")
    word = first.lower()
    if not word or len(word.lstrip("0")) > 16 or not _is_hexadecimal(word):
        raise ValueError(f"begins with {first[:40]!r}: it must begin with the id of a case, 16 hexadecimal digits")
    return int(word, 16) & 0xFFFFFFFF, word.lstrip("0").zfill(16)


def _is_hexadecimal(word: str) -> bool:
    return all(c in "0123456789abcdef" for c in word)


def read_result(text: str, like: Any) -> Any:
    """Read what follows on the id of an answer, in the form of ``like``, the expected answer.

    Raises
    ------
    ValueError
        For words that are no result: a verb phrase that completes "line 7 ...".

    Examples
    --------
    >>> import numpy as np
    >>> read_result("1 2 28 fffffffffffffff0", np.array([1, 1], np.int8))
    array([ 40, -16])
    """
    reader = _Reader(_words(text))
    value = reader.value(like)
    if reader.place < len(reader.words):
        raise ValueError(f"goes on after the result: {len(reader.words) - reader.place:,} words too many")
    return value


PLAIN = re.compile(r"[0-9a-fA-F\s]*")


def _words(text: str) -> list[int]:
    if PLAIN.fullmatch(text):
        numbers = [int(word, 16) for word in text.split()]
        if max(numbers, default=0) <= MASK:
            return numbers
    return [_word(word) for word in text.split()]


def _word(text: str) -> int:
    word = text.lower().removeprefix("0x")
    if "x" in word and all(c in "0123456789abcdefxz" for c in word):
        raise ValueError(f"holds {text[:40]}: a value that is unknown in the simulation")
    if not _is_hexadecimal(word) or not word or len(word.lstrip("0")) > 16:
        raise ValueError(f"holds {text[:40]!r}: it must be a hexadecimal number of at most 16 digits")
    return int(word, 16)


class _Reader:
    """The words of a result, taken one after another."""

    def __init__(self, words: Sequence[int]) -> None:
        self.words, self.place = words, 0

    def take(self, count: int, what: str) -> Sequence[int]:
        taken = self.words[self.place : self.place + count]
        if len(taken) < count:
            raise ValueError(f"ends early: {count:,} words are due for {what}, and {len(taken):,} are left")
        self.place += count
        return taken

    def value(self, like: Any) -> Any:
        if isinstance(like, tuple):
            return tuple(self.value(item) for item in like)
        if isinstance(like, list):
            length = self.take(1, "the length of a list")[0]
            if length > len(self.words):
                raise ValueError(f"has a list of length {length:,}, which cannot be")
            return [self.value(like[min(i, len(like) - 1)] if like else np.empty(0)) for i in range(length)]
        if isinstance(like, np.ndarray):
            return self.array(like.dtype)
        word = self.take(1, "a number")
        number = np.asarray(like)
        return _as_array(word, number.dtype)[0]

    def array(self, dtype: np.dtype[Any]) -> Array:
        dimensions = self.take(1, "the number of dimensions")[0]
        if dimensions > MOST_DIMENSIONS:
            raise ValueError(f"has an array of {dimensions:,} dimensions, which cannot be")
        shape = tuple(self.take(dimensions, "the sizes of an array"))
        if math.prod(max(n, 1) for n in shape) >= 2**31:
            raise ValueError(f"has an array of shape {shape}, which cannot be")
        text = "x".join(map(str, shape)) if shape else "one element"
        return _as_array(self.take(math.prod(shape), f"an array of {text}"), dtype).reshape(shape)


def _as_array(words: Sequence[int], dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "iu":
        return np.array(words, np.uint64).view(np.int64)
    most = 1 if dtype.kind == "b" else 2 ** (8 * dtype.itemsize) - 1
    wrong = next((word for word in words if word > most), None)
    if wrong is not None:
        raise ValueError(f"holds {wrong:x}, which is no {dtype.name}")
    return np.array(words, f"u{dtype.itemsize}").view(dtype)


def layout(op: Operation, settings: Settings) -> list[str]:
    """Say what the words of an operation's lines are.

    Examples
    --------
    >>> from refcompress.verify.operations import OPERATIONS
    >>> for text in layout(OPERATIONS["quantize"], {**OPERATIONS["quantize"].defaults, "bits": 8}):
    ...     print(text)
    question: the id
      x: an array of float32: dimensions, sizes, elements of 8 digits
      p: an integer: 1 word
    answer: the id
      the codes: an array of integers (int8): dimensions, sizes, elements of 64 bits
    """
    seen = list(vectors(op, settings))
    asked = [f"  {i.name}: {_form([v.args[n] for v in seen])}" for n, i in enumerate(op.inputs)]
    whole = len(op.parts) != 1 and isinstance(seen[0].expected, tuple)
    results = [list(v.expected) if whole else [v.expected] for v in seen]
    names = op.parts if len(op.parts) == len(results[0]) else ["the result"] * len(results[0])
    answered = [f"  {name}: {_form(list(r))}" for name, r in zip(names, zip(*results, strict=True), strict=True)]
    return ["question: the id", *asked, "answer: the id", *answered]


def _form(values: Sequence[Any]) -> str:
    """Say how values of one place are written."""
    first = values[0]
    if isinstance(first, list | tuple):
        held = [part for value in values for part in parts(value)]
        return f"a list: its length, then {_form(held) if held else 'the arrays'}"
    names = sorted({np.asarray(value).dtype.name for value in values})
    dtype = np.asarray(first).dtype
    if not isinstance(first, np.ndarray):
        kind = "an integer" if dtype.kind in "iu" else f"a number, the bit pattern of a {dtype.name}"
        return f"{kind}: 1 word"
    if dtype.kind in "iu":
        return f"an array of integers ({', '.join(names)}): dimensions, sizes, elements of 64 bits"
    digits = f"of {2 * dtype.itemsize} digits" if dtype.kind != "b" else "0 or 1"
    return f"an array of {', '.join(names)}: dimensions, sizes, elements {digits}"

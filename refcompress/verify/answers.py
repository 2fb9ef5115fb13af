"""Answers to test vectors, in every form that they may come in: lines of words, JSON lines, .hex, .npz.

A form yields replies, each with the place that it stands at, for what is said of it. Lines are read one by one: a file
of any size is never held as a whole.
"""

import contextlib
import itertools
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify import raw_lines
from refcompress.verify.candidates import Answer
from refcompress.verify.operation import Operation
from refcompress.verify.vectors import Vector
from refcompress.verify.wire import decode, encode

LONGEST_LINE = 2**26  # bytes
DEEPEST = 8  # lists within lists that an answer may be
OTHER = "answers a case of other settings: were --set, --level and --seed the same?"
HEADER = "header: "  # before the header in a comment of a .hex file


@dataclass(frozen=True)
class Reply:
    """An answer to the case of a number, not read yet."""

    place: str
    """Where it stands: ``line 7``."""
    number: int
    read: Callable[[Vector], Answer]
    """The case that it answers -> the answer. Raises ValueError, with a verb phrase, for what is damaged."""


class DamagedError(ValueError):
    """What came is no set of answers."""


def lines(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each with its place."""
    number = 0
    while raw := stream.readline(LONGEST_LINE):
        number += 1
        place = f"line {number:,}"
        if len(raw) == LONGEST_LINE:
            raise DamagedError(f"{place} is longer than {LONGEST_LINE:,} bytes")
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise DamagedError(f"{place} is no text: it holds the bytes {raw[:20]!r}") from None
        if text:
            yield place, text


def from_raw(stream: IO[bytes], op: Operation) -> Iterator[Reply]:
    """Read lines of words, and .hex files, which are the same with comments."""
    for place, text in lines(stream):
        text = re.sub(r"//.*|@[0-9a-fA-F]+", "", text).strip()
        if text:
            yield _raw_reply(place, text)


def _raw_reply(place: str, text: str) -> Reply:
    try:
        number, identity = raw_lines.read_id(text)
    except ValueError as error:
        raise DamagedError(f"{place} {error}") from None

    def read(vector: Vector) -> Answer:
        if raw_lines.identity(vector.number, raw_lines.words(vector.args)) != identity:
            raise ValueError(OTHER)
        return Answer(raw_lines.read_result(text.partition(" ")[2], vector.expected))

    return Reply(place, number, read)


def from_jsonl(stream: IO[bytes], op: Operation) -> Iterator[Reply]:
    """Read JSON lines: {"id", "result"}, or vectors to which "result" was added."""
    names = [i.name for i in op.inputs]
    for place, text in lines(stream):
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise DamagedError(f"{place} is no JSON: {text[:60]!r}") from None
        if not isinstance(message, dict):
            raise DamagedError(f"{place} is no JSON object: {text[:60]!r}")
        if "id" not in message and "protocol" in message:
            continue
        number = message.get("id")
        if type(number) is not int:
            wrong = f"the id {number!r}" if "id" in message else "no id"
            raise DamagedError(f"{place} has {wrong}: it must be the number of a case")
        yield Reply(place, number, lambda vector, message=message: _json_answer(message, names, vector))  # type: ignore[misc]


def _json_answer(message: dict[str, Any], names: list[str], vector: Vector) -> Answer:
    for name, value in zip(names, vector.args, strict=True):
        if name in message and not _same(message[name], encode(value)):
            raise ValueError(OTHER)
    if message.get("error") is not None:
        return Answer(problem=f"reports an error: {str(message['error'])[:200]}")
    if "result" not in message:
        raise ValueError("has no result")
    try:
        return Answer(decode(message["result"]))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"has a result that cannot be read: {error}") from None


def _same(given: Any, due: Any) -> bool:
    try:
        return bool(_bits(given) == _bits(due))
    except RecursionError:  # lists within lists, deeper than any input
        return False


def _bits(value: Any) -> Any:
    """Leave out what is there for reading alone."""
    if isinstance(value, list):
        return [_bits(item) for item in value]
    if isinstance(value, dict):
        return {k: v for k, v in value.items() if k != "values" or "bits" not in value}
    return value


def from_npz(path: Path, op: Operation) -> Iterator[Reply]:
    """Read the members ``7/result``, or ``7/result/0`` and so on, or ``7`` alone; each when it is asked for."""
    names = [i.name for i in op.inputs]
    with _npz(path) as file:
        members: dict[int, list[str]] = {}
        for key in file.files:
            number, _, rest = key.partition("/")
            if (
                number.isascii()
                and number.isdecimal()
                and len(number) <= 10
                and (not rest or rest.split("/")[0] == "result")
            ):
                others = members.setdefault(int(number), [])
                if others and min(key.count("/"), others[0].count("/")) < 2:
                    raise DamagedError(f"member {key} is another answer to case {number}")
                others.append(key)
        every = set(file.files)
        for number, keys in members.items():
            yield Reply(
                f"member {keys[0]}",
                number,
                lambda vector, keys=keys: _npz_answer(file, every, keys, names, vector),  # type: ignore[misc]
            )


UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError)


@contextlib.contextmanager
def _npz(path: Path) -> Iterator[Any]:
    """Open an .npz file, which reads a member when it is asked for."""
    with path.open("rb") as stream:
        try:
            file: Any = np.load(stream, allow_pickle=False)
            file.files  # noqa: B018  # a lone array has none
        except (*UNREADABLE, AttributeError) as error:
            raise DamagedError(f"{path} is no .npz file, or is damaged: {error}") from None
        with file:
            yield file


def _member(file: Any, key: str) -> Array:
    """Read a member; for what is damaged, raise ValueError with a verb phrase."""
    try:
        array = file[key]
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds for a damaged archive
        raise ValueError(f"cannot be read: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ValueError("cannot be read: it is no array")
    return array


def _npz_answer(file: Any, every: set[str], keys: list[str], names: list[str], vector: Vector) -> Answer:
    for name, value in zip(names, vector.args, strict=True):
        key = f"{vector.number}/{name}"
        if isinstance(value, np.ndarray) and key in every and _member(file, key).tobytes() != value.tobytes():
            raise ValueError(OTHER)
    if keys[0].count("/") < 2:
        return Answer(_own_dtype(_member(file, keys[0]), vector.expected))
    result: list[Any] = []
    places = sorted((_indices(key), key) for key in keys)
    for (indices, _), (following, key) in itertools.pairwise(places):
        if following[: len(indices)] == indices:
            raise ValueError(f"has the member {key!r}, where another array stands")
    for indices, key in places:
        _place(result, indices, _own_dtype(_member(file, key), _at(vector.expected, indices)))
    return Answer(result)


def _indices(key: str) -> list[int]:
    """Return the place in nested lists that a member is named for."""
    words = key.split("/")[2:]
    if len(words) > DEEPEST or not all(word.isascii() and word.isdecimal() and len(word) <= 4 for word in words):
        raise ValueError(f"has the member {key[:60]!r}, which is no place in a list")
    return [int(word) for word in words]


def _at(value: Any, indices: list[int]) -> Any:
    """Return what stands at a place in nested lists; None where there is no such place."""
    for index in indices:
        value = value[index] if isinstance(value, list | tuple) and index < len(value) else None
    return value


def _own_dtype(array: Array, expected: Any) -> Array:
    """Give bit patterns their dtype back, where .npy files have none for it."""
    if isinstance(expected, np.ndarray | np.generic) and expected.dtype.kind == "V":
        same = array.dtype.kind in "uV" and array.dtype.itemsize == expected.dtype.itemsize
        return np.asarray(array.view(expected.dtype)) if same else array
    return array


def _place(items: list[Any], indices: list[int], array: Array) -> None:
    """Put an array to its place in nested lists; those before it are there already."""
    index, *deeper = indices
    items += [[] if deeper else None for _ in range(index + 1 - len(items))]
    if deeper:
        _place(items[index], deeper, array)
    else:
        items[index] = array


def replies(path: Path, op: Operation) -> Iterator[Reply]:
    """Read the answers in a file, in the form that its name ends in."""
    ending = path.suffix.lower()
    if ending == ".npz":
        yield from from_npz(path, op)
        return
    read = from_jsonl if ending == ".jsonl" else from_raw
    with path.open("rb") as stream:
        yield from read(stream, op)


def read_header(path: Path) -> dict[str, Any] | None:
    """Return the header of a file of vectors, or of answers that were added to one; None where it has none."""
    if path.suffix.lower() == ".npz":
        return _npz_header(path)
    with path.open("rb") as stream:
        for _, text in lines(stream):
            if text.startswith("//") and HEADER not in text:
                continue
            return _as_header(text.partition(HEADER)[2] if text.startswith("//") else text)
    return None


def _npz_header(path: Path) -> dict[str, Any] | None:
    with _npz(path) as file:
        if "header" not in file.files:
            return None
        try:
            return _as_header(str(_member(file, "header")))
        except ValueError as error:
            raise DamagedError(f"{path}: member header {error}") from None


def _as_header(text: str) -> dict[str, Any] | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and "protocol" in message and "id" not in message else None

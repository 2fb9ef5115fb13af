"""Files of test vectors: JSON lines, .npz and .hex, each with the expected answers.

- ``.jsonl``: a header, then one vector a line, in the form of the protocol for external programs:
  ``{"id": 7, "x": {...}, "p": 4, "case": ..., "flags": [...], "exact": true, "expected": {...}}``. A program that
  speaks the protocol answers such a file as it stands. Its JSON Schema is ``vectors.schema.json`` beside this module.
- ``.npz``: arrays by name: ``7/x``, ``7/p``, ``7/expected``, and ``7/bound`` where there is a bound; the array at place
  i of a list is ``7/weights/i``. ``header`` is the header as text. ``cases`` holds the place of each vector's name in
  ``case_names``, ``flags`` a row of flags for each vector, one for each of ``flag_names``, and ``exact`` whether every
  conforming implementation must agree. What NumPy has no dtype for (bfloat16) is written as bit patterns, uint16.
- ``.hex``: what ``$readmemh`` reads into words of 64 bits: for each vector the line of ``raw_lines``, followed by the
  expected answer in the same form; comments say so.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.files import written_whole
from refcompress.verify import raw_lines
from refcompress.verify.answers import HEADER
from refcompress.verify.operation import Operation, Settings
from refcompress.verify.operations.in_decimals import IN_DECIMALS
from refcompress.verify.vectors import Vector, vectors
from refcompress.verify.wire import encode, header

NPZ_LEVELS = (1, 2)  # a member takes 200 bytes of a directory that is held in memory
DATE = (1980, 1, 1, 0, 0, 0)  # of every member, so that the bytes are the same every time
RESERVED = ("id", "case", "flags", "exact", "expected", "bound", "result", "error")


def write_vectors(
    path: Path,
    op: Operation,
    settings: Settings,
    *,
    level: int = 1,
    seed: int = 0,
    progress: Callable[[Iterable[Vector]], Iterable[Vector]] = iter,
) -> None:
    """Write the vectors of a level, in the form that the name of the file ends in.

    Raises
    ------
    ValueError
        For an ending that has no form, and for a form that a level is too large for.
    OSError
        If the file cannot be written; what it was before stays.
    """
    ending = path.suffix.lower()
    if ending not in WRITERS:
        raise ValueError(f"{path} ends in {ending or 'nothing'!r}: a file of vectors ends in {', '.join(WRITERS)}")
    if ending == ".npz" and level not in NPZ_LEVELS:
        raise ValueError(f"{path} would have millions of members at level {level}: .npz holds {NPZ_LEVELS[-1]} at most")
    op = IN_DECIMALS.get(op.name, op)
    with written_whole(path) as temporary:
        stream = progress(vectors(op, settings, level=level, seed=seed, flagged=True))
        WRITERS[ending](temporary, op, settings, stream, vector_header(op, settings, level, seed))


def vector_header(op: Operation, settings: Settings, level: int, seed: int) -> str:
    """Return the first line of a file: the header of the protocol, with what it takes to make the vectors again."""
    from refcompress import __version__

    own = {"vectors": {"level": level, "seed": seed, "version": __version__}}
    return json.dumps({**json.loads(header(op, settings)), **own})


def json_line(op: Operation, settings: Settings, vector: Vector) -> str:
    """Return the line of one vector."""
    message: dict[str, Any] = {"id": vector.number}
    message |= {i.name: _encoded(v) for i, v in zip(op.inputs, vector.args, strict=True)}
    message |= {"case": vector.case, "flags": list(vector.flags), "exact": op.bound is None}
    message["expected"] = encode(vector.expected)
    if op.bound is not None:
        message["bound"] = encode(op.bound(vector.args, settings))
    return json.dumps(message, allow_nan=False)


def _encoded(value: Any) -> Any:
    """Encode an input as the protocol does: one that is a number is a JSON number."""
    return encode(value.item() if isinstance(value, np.generic) else value)


def _write_jsonl(path: Path, op: Operation, settings: Settings, stream: Iterable[Vector], head: str) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"{head}\n")
        file.writelines(f"{json_line(op, settings, vector)}\n" for vector in stream)


def _write_hex(path: Path, op: Operation, settings: Settings, stream: Iterable[Vector], head: str) -> None:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"// {line}\n" for line in _comments(op, settings, head))
        for vector in stream:
            text = f"{raw_lines.line(vector.number, vector.args)} {raw_lines.words(vector.expected)}"
            marks = f": {', '.join(vector.flags)}" if vector.flags else ""
            file.write(f"{text} // {vector.case}{marks}\n")


def _comments(op: Operation, settings: Settings, head: str) -> Iterator[str]:
    """Say how a .hex file is read."""
    yield f"{HEADER}{head}"
    yield "words of 64 bits for $readmemh; each vector is these words, one after another:"
    asked, answered = (list(part) for part in _halves(raw_lines.layout(op, settings)))
    yield from [*asked, "  and what is expected:", *answered]
    exact = "to the bit" if op.bound is None else "within a bound that .jsonl and .npz files give"
    yield f"every implementation must agree {exact}; an answer is the id and the result, in the same form"
    yield "an array is its number of dimensions, its sizes, its elements; a negative integer is two's complement"


def _halves(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    middle = lines.index("answer: the id")
    return ["  the id, to be copied into the answer", *lines[1:middle]], lines[middle + 1 :]


def _write_npz(path: Path, op: Operation, settings: Settings, stream: Iterable[Vector], head: str) -> None:
    names: dict[str, int] = {}
    regions = [region.name for region in op.regions if not region.positional]
    cases, flags = [], []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
        _put(file, "header", np.array(head))
        for vector in stream:
            values = {i.name: v for i, v in zip(op.inputs, vector.args, strict=True)} | {"expected": vector.expected}
            if op.bound is not None:
                values["bound"] = op.bound(vector.args, settings)
            for name, value in values.items():
                _put_all(file, f"{vector.number}/{name}", value)
            cases.append(names.setdefault(vector.case, len(names)))
            flags.append(np.packbits(np.array([name in vector.flags for name in regions], bool)))
        _put(file, "case_names", np.array(list(names)))
        _put(file, "cases", np.array(cases, np.int32))
        _put(file, "flag_names", np.array(regions, str))
        unpacked = np.unpackbits(np.array(flags, np.uint8), axis=1, count=len(regions)).astype(bool)
        _put(file, "flags", unpacked)
        _put(file, "exact", np.array(op.bound is None))


def _put_all(file: zipfile.ZipFile, name: str, value: Any) -> None:
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _put_all(file, f"{name}/{i}", item)
    else:
        _put(file, name, np.asarray(value))


def _put(file: zipfile.ZipFile, name: str, array: Array) -> None:
    member = zipfile.ZipInfo(f"{name}.npy", DATE)
    member.create_system, member.external_attr = 3, 0o644 << 16  # the same from every system
    if array.dtype.kind == "V":
        array = array.view(f"u{array.dtype.itemsize}")
    data = io.BytesIO()
    np.lib.format.write_array(data, np.asarray(array, order="C"), allow_pickle=False)
    file.writestr(member, data.getvalue())


Writer = Callable[[Path, Operation, Settings, Iterable[Vector], str], None]

# ending of a file -> what writes it
WRITERS: dict[str, Writer] = {".jsonl": _write_jsonl, ".npz": _write_npz, ".hex": _write_hex}

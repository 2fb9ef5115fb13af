"""Labelled rows: the numbers and the label of each example, as a file holds them.

``read_npz`` and ``read_csv`` take an open binary file and the name to call it by in an error, and return x (n, d) in
float64, finite, the n labels as text, and where each label stands in the file.
"""

import reprlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """What a file holds."""

    x: Array
    labels: list[str]
    place: Callable[[int], str]
    """Row number -> where its label stands: ``data.csv, line 7, column 'kind'``."""


def read_npz(file: IO[bytes], name: str) -> LabelledRows:
    """Read the arrays ``X`` (n, d) and ``y`` (n,) of a NumPy archive; pickled objects are never loaded.

    Raises
    ------
    ValueError
        For a file that is no such archive, and for arrays of a wrong shape or dtype or with a NaN or infinity.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> np.savez(file, X=[[0, 1], [2, 3]], y=["low", "high"])
    >>> rows = read_npz(file, "ramp.npz")
    >>> rows.x.tolist(), rows.labels, rows.place(1)
    ([[0.0, 1.0], [2.0, 3.0]], ['low', 'high'], 'ramp.npz: y[1]')
    """
    x, y = _archived(file, name)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"{name}: X has shape {x.shape}: it must be (rows, features)")
    if y.shape != x.shape[:1]:
        raise ValueError(f"{name}: y has shape {y.shape}: it must be ({len(x)},), a label for each row of X")
    if y.dtype.kind not in "biufU":
        raise ValueError(f"{name}: y has dtype {y.dtype}: labels must be integers, whole floats, booleans or text")
    try:
        x = arguments.float_array(x, f"{name}: X")
    except TypeError as error:  # a wrong dtype is no wrong type here: the caller passed a path
        raise ValueError(str(error)) from None
    arguments.finite(x, f"{name}: X", "learned from")
    try:
        labels = [str(label).strip() for label in y.tolist()]
    except (ValueError, SystemError):  # NumPy holds any 32 bits for a character, Python does not
        raise ValueError(f"{name}: y holds text that is no Unicode") from None
    return LabelledRows(np.array(x, np.float64, order="C"), labels, lambda row: f"{name}: y[{row}]")


def _archived(file: IO[bytes], name: str) -> tuple[Array, Array]:
    import zipfile

    if not zipfile.is_zipfile(file):
        raise ValueError(f"{name} is no .npz file, or not all of one: it must be a zip archive of arrays")
    file.seek(0)
    arrays = {}
    try:
        with np.load(file, allow_pickle=False) as archive:
            held = list(archive)
            for key in [key for key in ("X", "y") if key in held]:
                arrays[key] = np.asarray(archive[key])
    except Exception as error:  # NumPy, zipfile and zlib raise a dozen kinds for a damaged archive
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{name} cannot be read as .npz: {reason}") from error
    for key in ("X", "y"):
        if key not in arrays:
            raise ValueError(f"{name} has no array {key}: it must have X and y, and has {reprlib.repr(held)}")
    return arrays["X"], arrays["y"]


def read_csv(
    file: Iterable[bytes], name: str, *, label: str | int | None = None, header: bool | None = None
) -> LabelledRows:
    r"""Read comma-separated lines: a number in every column and a label in one.

    Parameters
    ----------
    file : iterable of bytes
        The lines: UTF-8, with or without a byte order mark, ending in ``\n`` or ``\r\n``.
    name : str
        What an error calls the file.
    label : str or int, optional
        The label's column, by name or by position; the last by default.
    header : bool, optional
        Whether the first line holds names; without it, decided where the line leaves no doubt.

    Raises
    ------
    ValueError
        For what is no such table, with the line and the column.

    Examples
    --------
    >>> rows = read_csv([b"kind,width\n", b"rose,1.5\n", b"iris,3\n"], "flowers.csv", label="kind")
    >>> rows.x.tolist(), rows.labels, rows.place(1)
    ([[1.5], [3.0]], ['rose', 'iris'], "flowers.csv, line 3, column 'kind'")
    """
    import csv

    # decoded line by line, so that a wrong byte has a line number; a byte order mark stands before the first alone
    lines = (line.decode("utf-8" if number else "utf-8-sig") for number, line in enumerate(file))
    reader = csv.reader(lines, skipinitialspace=True, strict=True)
    try:
        return _read_table(reader, lambda: reader.line_num, name, label, header)
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise ValueError(f"{name}, line {reader.line_num + 1} is no UTF-8 text: it has the byte {byte:#04x}") from None
    except csv.Error as error:  # the part behind the dash is advice to whoever called open()
        raise ValueError(f"{name}, line {reader.line_num}: {str(error).partition(' - ')[0]}") from None


def _read_table(
    reader: Iterator[list[str]], line: Callable[[], int], name: str, label: str | int | None, header: bool | None
) -> LabelledRows:
    rows = filter(None, reader)  # a blank line is no row
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{name} is empty")
    columns, width = _columns(first, label, header, name, line()), len(first)
    values, labels, lines = array("d"), [], array("q")
    for row in rows if columns.named else chain([first], rows):
        if len(row) != width:
            fields = f"{len(row)} field{'s' if len(row) != 1 else ''}"
            raise ValueError(f"{name}, line {line()} has {fields}, the first line has {width}")
        labels.append(row.pop(columns.label).strip())
        lines.append(line())
        try:
            values.extend([_number(cell) for cell in row])
        except ValueError:
            wrong = next(i for i, cell in enumerate(row) if not _is_number(cell))
            found = reprlib.repr(row[wrong]) if row[wrong].strip() else "empty"
            raise ValueError(f"{columns.feature(line(), wrong)} is {found}: every feature must be a number") from None
    x = np.array(values, np.float64).reshape(-1, width - 1)
    if not np.isfinite(x).all():
        r, c = arguments.first_index(~np.isfinite(x))
        raise ValueError(f"{columns.feature(lines[r], c)} is {x[r, c]}: only finite values can be learned from")
    return LabelledRows(x, labels, lambda row: columns.place(lines[row], columns.label))


@dataclass(frozen=True)
class _Columns:
    file: str
    names: list[str]
    named: bool
    label: int

    def place(self, line: int, column: int) -> str:
        which = repr(self.names[column]) if self.named else f"{column + 1} of {len(self.names)}"
        return f"{self.file}, line {line}, column {which}"

    def feature(self, line: int, feature: int) -> str:
        return self.place(line, feature + (feature >= self.label))


def _columns(first: list[str], label: str | int | None, header: bool | None, file: str, line: int) -> _Columns:
    names = [cell.strip() for cell in first]
    width = len(names)
    if width < 2:
        raise ValueError(f"{file}, line {line} has 1 field: features and a label must stand there, with commas between")
    if isinstance(label, str):
        if header is not None and not arguments.boolean(header, "header"):
            raise ValueError(f"label is {label!r}: without a header a column has a position and no name")
        if names.count(label) != 1:
            found = f"{names.count(label)} columns" if label in names else "no column"
            raise ValueError(f"{file}, line {line} has {found} named {label!r}: the names are {reprlib.repr(names)}")
        columns = _Columns(file, names, True, names.index(label))
    else:
        at = arguments.integer(-1 if label is None else label, "label", -width, width - 1) % width
        features = names[:at] + names[at + 1 :]
        named = _are_names(features, f"{file}, line {line}") if header is None else arguments.boolean(header, "header")
        columns = _Columns(file, names, named, at)
    if columns.named and "" in names:  # so spreadsheets and pandas write row numbers, which are no feature
        nameless = names.index("") + 1
        raise ValueError(f"{file}, line {line} has no name for column {nameless} of {width}: name it or take it out")
    return columns


def _are_names(cells: list[str], place: str) -> bool:
    """Decide whether the features of the first line are names, or refuse where they may be both."""
    numbers = [_number(cell) for cell in cells if _is_number(cell)]
    if not numbers:
        return True
    if len(numbers) < len(cells):
        raise ValueError(f"{place} has names and numbers: say header=True or header=False, or make all names")
    if numbers == [numbers[0] + i for i in range(len(numbers))] and numbers[0].is_integer():
        raise ValueError(
            f"{place} may be data or the numbers of the columns: say header=True or header=False, or add names"
        )
    return False


def _number(cell: str) -> float:
    return float(cell.replace("_", "?"))  # 1_000 is a number in Python alone


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True

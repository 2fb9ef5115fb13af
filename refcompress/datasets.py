"""Real data: the bundled digits, files of your own, and the parts that a model is trained and tested on.

x (n, d) are the inputs, a row an example; y (n,) are class numbers; ``class_names[y[i]]`` is the label of row i.

A file must hold at least 10 rows, two classes, and two rows of each class, so that a split has all classes on both
sides. Labels that are all numbers must be whole, and 1, 1.0 and 01 are one class; other labels are text, without the
blanks around it. The classes are numbered in numeric or else in alphabetic order of their labels.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import NoReturn

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.labelled_rows import LabelledRows, read_csv, read_npz

FEWEST_ROWS = 10
FEWEST_OF_A_CLASS = 2

# Two draws with one seed must not follow each other: each has a stream of its own.
SPLIT_STREAM, SUBSET_STREAM = 0, 1


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and their classes, as read-only views in float64 and int64."""

    x: Array
    """Inputs, shape (n, d), finite."""
    y: Array
    """Class numbers, shape (n,), from 0 to len(class_names) - 1."""
    class_names: tuple[str, ...]
    """The label of each class."""
    name: str

    def __post_init__(self) -> None:
        x, y = arguments.float_array(self.x, "x"), arguments.integer_array(self.y, "y")
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise ValueError(f"x has shape {x.shape}, y has shape {y.shape}: they must be (n, d) and (n,)")
        arguments.finite(x, "x", "learned from")
        outside = (y < 0) | (y >= len(self.class_names))
        if outside.any():
            arguments.refuse_element("y", y, outside, f"it must be from 0 to {len(self.class_names) - 1}")
        for field, values in (("x", x.astype(np.float64, copy=False)), ("y", y.astype(np.int64, copy=False))):
            view = values.view()
            view.flags.writeable = False
            object.__setattr__(self, field, view)


def load_digits() -> Dataset:
    """Return the 1,797 test images of the UCI handwritten digits, 8 x 8 pixels each.

    x = pixel / 16, which is exact in binary; a pixel is 0 (paper) to 16 (ink), and class k is the digit k. The rows
    are those of scikit-learn's ``load_digits``, in the same order.

    Examples
    --------
    >>> digits = load_digits()
    >>> digits.x.shape, digits.class_names
    ((1797, 64), ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'))

    References
    ----------
    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
    doi:10.24432/C50P49, licensed under CC BY 4.0.
    """
    from importlib.resources import files

    with files("refcompress").joinpath("data", "digits.npz").open("rb") as file:
        rows = read_npz(file, "digits.npz")
    return _dataset(LabelledRows(rows.x / 16, rows.labels, rows.place), "digits")


def load(path: str | os.PathLike[str], *, label: str | int | None = None, header: bool | None = None) -> Dataset:
    """Read a ``.csv`` or a ``.npz`` file, chosen by the ending: see ``load_csv`` and ``load_npz``.

    Raises
    ------
    ValueError
        For another ending, for ``label`` or ``header`` with a ``.npz``, and for all that the two readers refuse.
    OSError
        If the file is missing or cannot be opened.
    """
    name = os.fsdecode(path)
    ending = os.path.splitext(name)[1].lower()
    if ending == ".csv":
        return load_csv(path, label=label, header=header)
    if ending != ".npz":
        raise ValueError(f"{name} ends in {ending!r}: it must be a .npz or a .csv file")
    for setting, value in (("label", label), ("header", header)):
        if value is not None:
            raise ValueError(f"{setting} is {value!r}, which is for .csv files: a .npz holds the arrays X and y")
    return load_npz(path)


def load_npz(path: str | os.PathLike[str]) -> Dataset:
    """Read the arrays ``X``, shape (n, d), and ``y``, shape (n,), of a NumPy archive.

    Parameters
    ----------
    path : path
        X holds finite floats or integers that float64 holds exactly; y holds the labels: integers, floats that are
        whole, booleans or text. Pickled objects are never loaded.

    Raises
    ------
    ValueError
        For a file that is no such archive or holds too little, with the array and the index.
    OSError
        If the file is missing or cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ramp.npz")
    ...     np.savez(path, X=np.arange(20).reshape(10, 2), y=["low"] * 4 + ["high"] * 6)
    ...     load_npz(path).class_names
    ('high', 'low')
    """
    name = _file_name(path)
    with open(path, "rb") as file:
        return _dataset(read_npz(file, name), name)


def load_csv(path: str | os.PathLike[str], *, label: str | int | None = None, header: bool | None = None) -> Dataset:
    r"""Read comma-separated lines: a number in every column and a label in one.

    Parameters
    ----------
    path : path
        UTF-8, with or without a byte order mark; lines end in ``\n`` or ``\r\n``, blank ones are skipped; fields may
        be quoted as in RFC 4180.
    label : str or int, optional
        The label's column: its name in the header, or its position from 0 (from -1 backwards); the last by default.
    header : bool, optional
        Whether the first line names the columns. By default it does if ``label`` is a name or if no feature in it is
        a number, and it does not if all are. A line with both, or with whole numbers that count up by one, as
        columns without names are often numbered, may be either and is refused.

    Raises
    ------
    ValueError
        For what is no such table or holds too little, with the line and the column.
    OSError
        If the file is missing or cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "flowers.csv")
    ...     with open(path, "w") as file:
    ...         size = file.write("kind,width\n" + "rose,1.5\niris,3\n" * 5)
    ...     flowers = load_csv(path, label="kind")
    >>> flowers.class_names, flowers.x[:2].tolist(), flowers.y[:2].tolist()
    (('iris', 'rose'), [[1.5], [3.0]], [1, 0])
    """
    name = _file_name(path)
    with open(path, "rb") as file:
        return _dataset(read_csv(file, name, label=label, header=header), name)


def _file_name(path: str | os.PathLike[str]) -> str:
    name = os.fsdecode(path)  # so that a number is no path: open() would take it for a descriptor
    if os.path.isdir(name):
        raise ValueError(f"{name} is a folder: it must be a file")
    return name


def _dataset(rows: LabelledRows, name: str) -> Dataset:
    """Make a dataset of all rows, or refuse what is too little to learn from and be tested on."""
    if len(rows.labels) < FEWEST_ROWS:
        raise ValueError(f"{name} has too few rows, {len(rows.labels)}: it must have at least {FEWEST_ROWS}")
    y, class_names = _classes(rows)
    if len(class_names) < 2:
        raise ValueError(f"{name} has one class only, {class_names[0]!r}: it must have at least 2")
    counts = np.bincount(y)
    if counts.min() < FEWEST_OF_A_CLASS:
        rare = int(counts.argmin())
        place = rows.place(int(np.argmax(y == rare)))
        raise ValueError(
            f"{place} has the only row of class {class_names[rare]!r}: a class must have at least {FEWEST_OF_A_CLASS}"
        )
    return Dataset(rows.x, y, class_names, os.path.basename(name))


def _classes(rows: LabelledRows) -> tuple[Array, tuple[str, ...]]:
    values = {label: _label_value(label) for label in dict.fromkeys(rows.labels)}
    as_text = any(isinstance(value, str) for value in values.values())
    for label, value in values.items():
        if isinstance(value, Decimal) and not (value.is_finite() and (as_text or value == value.to_integral_value())):
            _refuse_label(rows, label, f"is {label}: a label must be a whole number or text")
        if label == "":
            _refuse_label(rows, label, "is empty: every row must have a label")
    names = {label: label if as_text else str(int(value)) for label, value in values.items()}
    order = sorted(set(names.values()), key=None if as_text else int)
    numbers = {name: number for number, name in enumerate(order)}
    return np.array([numbers[names[label]] for label in rows.labels], np.int64), tuple(order)


def _refuse_label(rows: LabelledRows, label: str, what: str) -> NoReturn:
    raise ValueError(f"{rows.place(rows.labels.index(label))} {what}")


def _label_value(label: str) -> int | Decimal | str:
    text = label.replace("_", "?")  # 1_000 is a number in Python alone
    with suppress(ValueError):
        return int(text)
    try:
        # exactly: past 2^53 a float is whole whatever was written
        return Decimal(text if isfinite(float(text)) else "nan")
    except InvalidOperation:  # an exponent of twenty digits
        return Decimal("nan")
    except ValueError:
        return label


def split(dataset: Dataset, *, test: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Split the rows into a training and a test part with the same mix of classes.

    Of the n_c rows of class c, round(test * n_c) go to the test part, half to even, but at least one, and at least
    one stays. They are those with the smallest of n 64-bit keys that the generator PCG64 draws from the seed, so
    that they are the same everywhere, and those of a smaller part belong to every larger one. Both parts keep the
    order of the rows.

    Raises
    ------
    ValueError
        For a share that is not strictly between 0 and 1, or a class of fewer than two rows.

    Examples
    --------
    >>> training, test = split(load_digits(), test=0.2, seed=0)
    >>> len(training.y), len(test.y)
    (1438, 359)
    """
    arguments.instance(dataset, "dataset", Dataset)
    arguments.real_number(test, "test", 0.0, 1.0, exclusive=True)
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    if (counts < FEWEST_OF_A_CLASS).any():
        rare = int(counts.argmin())
        rows = f"{counts[rare]} row{'s' if counts[rare] != 1 else ''}"
        name = dataset.class_names[rare]
        raise ValueError(f"class {name!r} has {rows}: a split needs at least {FEWEST_OF_A_CLASS} of each class")
    chosen = _drawn(dataset.y, np.clip(_shares(counts, test), 1, counts - 1), SPLIT_STREAM, seed)
    return _part(dataset, ~chosen), _part(dataset, chosen)


def subset(dataset: Dataset, fraction: float, *, seed: int = 0) -> Dataset:
    """Return a fraction of the rows with the same mix of classes.

    Of the n_c rows of class c, round(fraction * n_c) are taken, half to even, but at least one: chosen as ``split``
    chooses, from other keys.

    Raises
    ------
    ValueError
        For a fraction that is not above 0 and at most 1.

    Examples
    --------
    >>> quarter = subset(load_digits(), 0.25)
    >>> len(quarter.y), np.bincount(quarter.y).tolist()
    (450, [44, 46, 44, 46, 45, 46, 45, 45, 44, 45])
    """
    arguments.instance(dataset, "dataset", Dataset)
    if arguments.real_number(fraction, "fraction", 0.0, 1.0) == 0:
        raise ValueError(f"fraction is {fraction}: it must be above 0 and at most 1")
    counts = np.bincount(dataset.y, minlength=len(dataset.class_names))
    wanted = np.minimum(np.maximum(_shares(counts, fraction), 1), counts)
    return _part(dataset, _drawn(dataset.y, wanted, SUBSET_STREAM, seed))


def _shares(counts: Array, share: float) -> Array:
    """Return round(share * count) of the decimal number that the user wrote, not of the float next to it."""
    exact = arguments.decimal(share)
    return np.array([round(exact * count) for count in counts.tolist()], np.int64)


def _drawn(y: Array, counts: Array, stream: int, seed: int) -> Array:
    """Flag the ``counts[c]`` rows of each class c that have the smallest keys.

    The raw stream of a bit generator is the one part of ``numpy.random`` that no release may change.
    """
    generator = np.random.PCG64([stream, arguments.integer(seed, "seed", 0)])
    order = np.lexsort((generator.random_raw(len(y)), y))
    starts = np.searchsorted(y[order], np.arange(len(counts)))
    rank = np.arange(len(y)) - starts[y[order]]
    chosen = np.zeros(len(y), np.bool_)
    chosen[order[rank < counts[y[order]]]] = True
    return chosen


def _part(dataset: Dataset, rows: Array) -> Dataset:
    return Dataset(dataset.x[rows], dataset.y[rows], dataset.class_names, dataset.name)

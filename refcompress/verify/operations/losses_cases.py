"""The directed cases of ``mse_loss`` and ``mse_gradient``: pairs of arrays that show what a wrong rule does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from refcompress.verify.inputs import FLOATS, MANY, adds_many, float_dtype, scattered
from refcompress.verify.operation import Arguments, Case, Settings


def pair(student: Any, teacher: Any, settings: Settings) -> Arguments:
    """Return two arrays in the dtype of the settings."""
    dtype = float_dtype(settings["dtype"])
    return np.asarray(student).astype(dtype), np.asarray(teacher).astype(dtype)


def _whole(shape: tuple[int, ...], settings: Settings, span: int = 4) -> Arguments:
    """Return two arrays of small integers: everything about them is exact in any dtype."""
    return pair(scattered(shape, span, 1), scattered(shape, span, 2), settings)


def _shaped(*shapes: tuple[int, ...]) -> Callable[[Settings], Iterator[Arguments]]:
    return lambda settings: (_whole(shape, settings) for shape in shapes)


def _long(settings: Settings) -> Iterator[Arguments]:
    """Yield long rows and columns, where something is promised of so long a sum."""
    if adds_many(settings["dtype"]):
        yield from _shaped((2, MANY), (MANY, 2))(settings)


def _one_element(settings: Settings) -> Iterator[Arguments]:
    for student, teacher in ((3, 1), (1, 3), (-2, 3), (0.5, 0.25), (0, 1), (1, 0)):
        yield pair([student], [teacher], settings)


def _no_dimension(settings: Settings) -> Iterator[Arguments]:
    if settings["reduction"] != "batch_mean":
        yield pair(3.0, 1.0, settings)
        yield pair(-0.5, -0.25, settings)


def _empty(settings: Settings) -> Iterator[Arguments]:
    if settings["reduction"] == "sum":
        for shape in ((0,), (0, 3), (2, 0)):
            yield pair(np.zeros(shape), np.zeros(shape), settings)


def _equal(settings: Settings) -> Iterator[Arguments]:
    for shape in ((1,), (4,), (2, 3)):
        values = scattered(shape, 5, 3) / 3
        yield pair(values, values, settings)
    yield pair([0.0, -0.0, 0.0], [-0.0, 0.0, 0.0], settings)


def _one_differs(settings: Settings) -> Iterator[Arguments]:
    values = scattered((3, 4), 5, 4)
    for row, column, by in ((0, 0, 1), (2, 3, -3), (1, 2, 0.125)):
        moved = values.copy()
        moved[row, column] += by
        yield pair(moved, values, settings)


def _repeated_rows(settings: Settings) -> Iterator[Arguments]:
    row, other = np.array([1.0, -2, 4]), np.array([2.0, 1, 1])
    for n in (1, 2, 8):
        yield pair(np.tile(row, (n, 1)), np.tile(other, (n, 1)), settings)


def _small_and_large(settings: Settings) -> Iterator[Arguments]:
    teacher = scattered((12,), 3, 5)
    for size in (0.25, 0.5, 1, 1.5, 2, 8):
        yield pair(teacher + size * np.resize([1, -1, 1], 12), teacher, settings)
    yield pair(teacher + 0.5 * np.resize([1, -1], 12), teacher, settings)


def _opposite_signs(settings: Settings) -> Iterator[Arguments]:
    values = np.array([[1.0, -2, 3], [-4, 5, -6]])
    yield pair(values, -values, settings)
    yield pair(-values, np.abs(values), settings)
    yield pair(values, np.zeros((2, 3)), settings)
    yield pair(np.zeros((2, 3)), values, settings)


def _cancelling(settings: Settings) -> Iterator[Arguments]:
    """Yield differences that are small beside the numbers: exact to subtract, and lost where squares are subtracted."""
    digits = {"float16": 9, "bfloat16": 6, "float32": 20, "float64": 40}[settings["dtype"]]
    base, step = 1.0, 2.0**-digits
    for shape in ((8,), (4, 2)):
        by = step * scattered(shape, 3, 6)
        yield pair(base + by, np.full(shape, base), settings)
        yield pair(base + by, base - by, settings)


def _long_fractions(settings: Settings) -> Iterator[Arguments]:
    for shape in ((5,), (7, 3), (32, 10)):
        yield pair(scattered(shape, 50, 7) / 7, scattered(shape, 50, 8) / 11, settings)
    if settings["dtype"] != "float16":
        yield pair(scattered((9,), 50, 7) * 1e4 / 7, scattered((9,), 50, 8) * 1e4 / 11, settings)


def _unlike_sizes(settings: Settings) -> Iterator[Arguments]:
    powers = np.ldexp(1.0, np.arange(-7, 5))
    yield pair(powers, -powers / 3, settings)
    yield pair(powers.reshape(4, 3), powers[::-1].reshape(4, 3), settings)


def _tiny(settings: Settings) -> Iterator[Arguments]:
    small = 2.0 ** {"float16": -11, "bfloat16": -60, "float32": -60, "float64": -500}[settings["dtype"]]
    yield pair(small * scattered((6,), 9, 9), small * scattered((6,), 9, 10), settings)
    yield pair([small, 0.0, -small], [0.0, 0.0, 0.0], settings)
    subnormal = 64 * FLOATS[settings["dtype"]][3]
    yield pair(subnormal * scattered((2, 3), 9, 9), subnormal * scattered((2, 3), 9, 10), settings)


# the rivals that each case tells from the reference, with blanks between them
LOSS_KILLS = {
    "one element": (
        "* !batch_divided_again !divided_by_last !divided_twice !every_pair !expanded !first_row_only "
        "!in_16_bits !in_float32 !largest !mean_squared !one_less !reduction=batch_mean !reduction=mean "
        "!reduction=sum"
    ),
    "0-d": (
        "* !batch_divided_again !divided_by_last !divided_twice !every_pair !expanded !first_row_only "
        "!in_16_bits !in_float32 !largest !magnitudes !mean_squared !one_less !reduction=batch_mean "
        "!reduction=mean !reduction=sum"
    ),
    "small integers, 1-d": "* !expanded",
    "small integers, 2-d": "* !expanded",
    "longer than a block": "* !expanded",
    "small integers, 3-d": "* !expanded",
    "square": "* !expanded",
    "a batch of 1": "* !batch_divided_again !expanded !first_row_only !in_float32",
    "batches of 2, 7 and 32": "* !expanded !in_float32",
    "one column": "* !expanded",
    "student = teacher": "added every_pair student_ignored teacher_ignored",
    "one element differs": "* !expanded !largest !magnitudes",
    "the same row again": "* !every_pair !expanded !in_float32",
    "differences below, at and above 1": "* !expanded !in_16_bits !in_float32",
    "opposite signs, and zeros on one side": "* !expanded !in_float32",
    "differences that are small beside the numbers": "* !capped !magnitudes",
    "fractions of all digits": "* !expanded",
    "elements of unlike size": "* !expanded",
    "squares near the smallest numbers": "* !capped !expanded",
    "strided": "* !expanded",
    "reversed": "* !expanded",
    "Fortran order": "* !expanded !in_float32",
    "read-only": "* !expanded",
}

GRADIENT_KILLS = {
    "one element": (
        "* !batch_divided_again !batch_not_divided !divided_by_last !divided_twice !first_row !in_16_bits "
        "!in_float32 !mean_everywhere !one_less !reduction=batch_mean !reduction=mean !reduction=sum "
        "!rows_added !rows_averaged !small_dropped !sum_everywhere"
    ),
    "0-d": (
        "* !batch_divided_again !batch_not_divided !divided_by_last !divided_twice !first_row !in_16_bits "
        "!in_float32 !mean_everywhere !one_less !reduction=batch_mean !reduction=mean !reduction=sum "
        "!rows_added !rows_averaged !small_dropped !sum_everywhere"
    ),
    "small integers, 1-d": "* !small_dropped",
    "small integers, 2-d": "* !small_dropped",
    "longer than a block": "* !small_dropped",
    "small integers, 3-d": "* !small_dropped",
    "square": "* !small_dropped",
    "a batch of 1": (
        "* !batch_divided_again !batch_not_divided !first_row !in_float32 !rows_added !rows_averaged !small_dropped"
    ),
    "batches of 2, 7 and 32": "* !small_dropped",
    "one column": "* !small_dropped",
    "student = teacher": "added student_ignored student_softmax teacher_ignored",
    "one element differs": "* !small_dropped",
    "the same row again": "* !first_row !in_float32 !rows_averaged !small_dropped",
    "differences below, at and above 1": "* !small_dropped",
    "opposite signs, and zeros on one side": "* !in_float32 !small_dropped",
    "differences that are small beside the numbers": "* !clipped !difference_clipped !magnitudes !through_relu",
    "fractions of all digits": "* !small_dropped",
    "elements of unlike size": "* !small_dropped !through_relu",
    "squares near the smallest numbers": "* !clipped !difference_clipped !through_tanh",
    "strided": "* !small_dropped",
    "reversed": "* !small_dropped",
    "Fortran order": "* !in_float32 !small_dropped",
    "read-only": "* !small_dropped",
}

SHARED_CASES: tuple[tuple[str, Callable[[Settings], Any], str], ...] = (
    ("one element", _one_element, "plain"),
    ("0-d", _no_dimension, "plain"),
    ("no elements", _empty, "plain"),
    ("small integers, 1-d", _shaped((2,), (5,), (33,)), "plain"),
    ("small integers, 2-d", _shaped((2, 3), (3, 2), (7, 4)), "plain"),
    ("longer than a block", _long, "plain"),
    ("small integers, 3-d", _shaped((2, 3, 4), (3, 1, 2)), "plain"),
    ("square", _shaped((2, 2), (3, 3)), "plain"),
    ("a batch of 1", _shaped((1, 2), (1, 5)), "plain"),
    ("batches of 2, 7 and 32", _shaped((2, 5), (7, 5), (32, 5)), "plain"),
    ("one column", _shaped((1, 1), (2, 1), (7, 1)), "plain"),
    ("student = teacher", _equal, "plain"),
    ("one element differs", _one_differs, "plain"),
    ("the same row again", _repeated_rows, "plain"),
    ("differences below, at and above 1", _small_and_large, "plain"),
    ("opposite signs, and zeros on one side", _opposite_signs, "plain"),
    ("differences that are small beside the numbers", _cancelling, "plain"),
    ("fractions of all digits", _long_fractions, "plain"),
    ("elements of unlike size", _unlike_sizes, "plain"),
    ("squares near the smallest numbers", _tiny, "plain"),
    ("strided", _shaped((9,), (4, 3)), "strided"),
    ("reversed", _shaped((9,), (4, 3)), "reversed"),
    ("Fortran order", _shaped((4, 3), (2, 3, 4)), "fortran"),
    ("read-only", _shaped((9,), (4, 3)), "read-only"),
)


def mse_cases(kills: Mapping[str, str]) -> tuple[Case, ...]:
    """Return the cases of an operation, with the rivals that each tells from the reference."""
    return tuple(Case(name, make, tuple(kills.get(name, "").split()), layout) for name, make, layout in SHARED_CASES)

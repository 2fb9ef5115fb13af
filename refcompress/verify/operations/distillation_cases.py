"""The directed cases of ``distillation_loss`` and ``distillation_gradient``: where a wrong rule shows itself."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import MANY, adds_many, float_dtype, scattered
from refcompress.verify.operation import Arguments, Case, Settings
from refcompress.verify.operations.distillation_kills import GRADIENT_KILLS, LOSS_KILLS

# dtype -> a number whose exponential overflows, with room, and whose negative's underflows
BEYOND = {"float16": 24.0, "bfloat16": 200.0, "float32": 200.0, "float64": 1000.0}


def pair(student: Any, teacher: Any, settings: Settings) -> Arguments:
    """Return two arrays in the dtype of the settings."""
    dtype = float_dtype(settings["dtype"])
    return np.asarray(student).astype(dtype), np.asarray(teacher).astype(dtype)


def _halves(shape: tuple[int, ...], span: int, seed: int) -> Array:
    return scattered(shape, span, seed) / 2


def _shaped(*shapes: tuple[int, ...], span: int = 9) -> Callable[[Settings], Iterator[Arguments]]:
    return lambda settings: (pair(_halves(shape, span, 1), _halves(shape, span, 2), settings) for shape in shapes)


def _long(settings: Settings) -> Iterator[Arguments]:
    """Yield many classes and many examples, where something is promised of so long a sum."""
    if adds_many(settings["dtype"]):
        yield from _shaped((2, MANY), (MANY, 3))(settings)


def _two_classes(settings: Settings) -> Iterator[Arguments]:
    for student, teacher in (((0, 0), (2, 0)), ((2, 0), (0, 0)), ((0, 0), (0, 3)), ((-1, 1), (1, -1))):
        yield pair([student], [teacher], settings)


def _one_class(settings: Settings) -> Iterator[Arguments]:
    yield pair([[3.0]], [[1.0]], settings)
    yield pair([[3.0], [-2.0], [0.5]], [[1.0], [4.0], [0.5]], settings)


def _empty(settings: Settings) -> Iterator[Arguments]:
    if settings["reduction"] == "sum":
        yield pair(np.zeros((0, 3)), np.zeros((0, 3)), settings)


def _equal(settings: Settings) -> Iterator[Arguments]:
    for shape in ((1, 3), (3, 4)):
        values = _halves(shape, 7, 3)
        yield pair(values, values, settings)


def _shifted(settings: Settings) -> Iterator[Arguments]:
    values = _halves((3, 4), 7, 3)
    yield pair(values + np.array([[1.0], [-4.0], [8.0]]), values, settings)
    yield pair(np.zeros((2, 3)), np.full((2, 3), 5.0), settings)


def _repeated_rows(settings: Settings) -> Iterator[Arguments]:
    for n in (1, 2, 5):
        yield pair(np.tile([1.0, -2, 4], (n, 1)), np.tile([2.0, 1, 1], (n, 1)), settings)


def _one_row_differs(settings: Settings) -> Iterator[Arguments]:
    values = _halves((3, 4), 5, 4)
    for row in (0, 1, 2):
        moved = values.copy()
        moved[row] += [2.0, -1, 0, 0.5]
        yield pair(moved, values, settings)


def _uniform(settings: Settings) -> Iterator[Arguments]:
    values = _halves((3, 5), 6, 5)
    yield pair(values, np.zeros((3, 5)), settings)
    yield pair(np.zeros((3, 5)), values, settings)


def _certain(settings: Settings) -> Iterator[Arguments]:
    """Yield probabilities of nearly 0 and nearly 1: gaps of 6 and of 25 after the temperature."""
    T = settings["temperature"]
    for gap in (6 * T, 25 * T):
        likely = np.where(np.eye(3) > 0, gap, 0.0)
        yield pair(likely, np.roll(likely, 1, axis=1), settings)
        yield pair(likely, np.zeros((3, 3)), settings)
        yield pair(np.zeros((3, 3)), likely, settings)


def _close(settings: Settings) -> Iterator[Arguments]:
    teacher = _halves((3, 4), 4, 6)
    for step in (0.5, 0.125):
        yield pair(teacher + step * scattered((3, 4), 1, 7), teacher, settings)


def _beyond(settings: Settings) -> Iterator[Arguments]:
    """Yield logits whose exponentials overflow, or all underflow, unless the maximum is subtracted first."""
    far = BEYOND[settings["dtype"]] * settings["temperature"]
    student, teacher = _halves((2, 3), 4, 8), _halves((2, 3), 4, 9)
    for up, down in ((far, far), (-far, -far), (far, 0.0), (0.0, far), (-far, 0.0), (0.0, -far)):
        yield pair(student + up, teacher + down, settings)


def _far_above(settings: Settings) -> Iterator[Arguments]:
    """Yield a batch in which all exponentials of the other examples underflow, even in float64, by its maximum."""
    far = BEYOND["float64"] * settings["temperature"]
    student, teacher = _halves((3, 3), 4, 14), _halves((3, 3), 4, 15)
    for row in (0, 2):
        up = np.where(np.arange(3) == row, far, 0.0)[:, np.newaxis]
        yield pair(student + up, teacher + up, settings)


def _underflowing(settings: Settings) -> Iterator[Arguments]:
    """Yield probabilities below the smallest number of the dtype where the other side's are large."""
    far = BEYOND[settings["dtype"]] * settings["temperature"]
    yield pair([[0.0, -far, 1]], [[1.0, 0, 0.5]], settings)
    yield pair([[1.0, 0, 0.5]], [[0.0, -far, 1]], settings)
    yield pair([[0.0, -far, 1]], [[1.0, -far, 0]], settings)


def _impossible(settings: Settings) -> Iterator[Arguments]:
    """Yield classes with a logit of -1e9 (float16: -6e4) on both sides, as a mask gives."""
    low = -6e4 if settings["dtype"] == "float16" else -1e9
    student, teacher = _halves((2, 4), 6, 10), _halves((2, 4), 6, 11)
    student[:, 2:] = teacher[:, 2:] = low
    yield pair(student, teacher, settings)


def _long_fractions(settings: Settings) -> Iterator[Arguments]:
    for shape in ((3, 5), (6, 2)):
        yield pair(scattered(shape, 50, 12) / 7, scattered(shape, 50, 13) / 11, settings)


SHARED_CASES: tuple[tuple[str, Callable[[Settings], Any], str], ...] = (
    ("two classes", _two_classes, "plain"),
    ("one class", _one_class, "plain"),
    ("no examples", _empty, "plain"),
    ("a batch of 1", _shaped((1, 2), (1, 5)), "plain"),
    ("as many classes as examples", _shaped((2, 2), (3, 3)), "plain"),
    ("more classes than examples", _shaped((2, 5), (3, 7)), "plain"),
    ("more examples than classes", _shaped((5, 2), (7, 3)), "plain"),
    ("3-d", _shaped((2, 3, 4), (3, 1, 2)), "plain"),
    ("many classes", _shaped((2, 40)), "plain"),
    ("longer than a block", _long, "plain"),
    ("student = teacher", _equal, "plain"),
    ("a constant in each row", _shifted, "plain"),
    ("the same example again", _repeated_rows, "plain"),
    ("one example differs", _one_row_differs, "plain"),
    ("one side is uniform", _uniform, "plain"),
    ("nearly certain", _certain, "plain"),
    ("small differences", _close, "plain"),
    ("exponentials past the largest number", _beyond, "plain"),
    ("one example far above the others", _far_above, "plain"),
    ("probabilities below the smallest number", _underflowing, "plain"),
    ("impossible classes", _impossible, "plain"),
    ("fractions of all digits", _long_fractions, "plain"),
    ("strided", _shaped((4, 3)), "strided"),
    ("reversed", _shaped((4, 3)), "reversed"),
    ("Fortran order", _shaped((4, 3), (2, 3, 4)), "fortran"),
    ("read-only", _shaped((4, 3)), "read-only"),
)


def distillation_cases(kills: Mapping[str, str]) -> tuple[Case, ...]:
    """Return the cases of an operation, with the rivals that each tells from the reference."""
    return tuple(Case(name, make, tuple(kills.get(name, "").split()), layout) for name, make, layout in SHARED_CASES)


LOSS_CASES = distillation_cases(LOSS_KILLS)
GRADIENT_CASES = distillation_cases(GRADIENT_KILLS)

"""``mse_loss`` and ``mse_gradient`` as operations; how bounded operations call their references."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import mse_gradient_bound, mse_loss_bound, precision_of
from refcompress.mlp.losses import mse_gradient, mse_loss
from refcompress.verify.inputs import array_pairs, float_dtype, scattered
from refcompress.verify.operation import Arguments, Case, Fault, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.bounded import (
    Answer,
    beside_reference,
    cast_error,
    in_dtype,
    low_precision_faults,
    relative_bound,
    wide,
)
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

REDUCTION_SETTING = Setting(
    "reduction",
    "mean",
    ("mean", "sum", "batch_mean"),
    "what the sum of squares is divided by",
    {
        "mean": "divides by the number of elements",
        "sum": "does not divide: the sum",
        "batch_mean": "divides by the first dimension alone",
    },
)


def _loss(args: Arguments, settings: Settings) -> Any:
    return np.float64(mse_loss(*wide(args), reduction=settings["reduction"]))


def _rival_loss(args: Arguments, settings: Settings) -> Any:
    return np.float64(mse_loss(*wide(args), reduction=_possible(args, settings)))


def _possible(args: Arguments, settings: Settings) -> str:
    """Return the reduction, or the sum where a mean is over nothing: what a rival may give there is 0."""
    shape = args[0].shape
    none = 0 in shape or not shape
    return "sum" if none else str(settings["reduction"])


def _loss_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    reduction, precision = _possible(args, settings), precision_of(dtype)
    return np.float64(mse_loss_bound(*wide(args), reduction=reduction, precision=precision))


def _loss_bound(args: Arguments, settings: Settings) -> Any:
    return beside_reference(_loss_bound_in(args, settings["dtype"], settings), settings["dtype"])


def _exact_gradient(args: Arguments, settings: Settings) -> Array:
    return mse_gradient(*wide(args), reduction=settings["reduction"])


def _gradient(args: Arguments, settings: Settings) -> Any:
    return in_dtype(_exact_gradient(args, settings), settings)


def _rival_gradient(args: Arguments, settings: Settings) -> Array:
    return mse_gradient(*wide(args), reduction=_possible(args, settings))


def _gradient_bound_in(args: Arguments, dtype: str, settings: Settings) -> Array:
    return mse_gradient_bound(*wide(args), reduction=_possible(args, settings), precision=precision_of(dtype))


def _gradient_bound(args: Arguments, settings: Settings) -> Any:
    bound = beside_reference(_gradient_bound_in(args, settings["dtype"], settings), settings["dtype"])
    return bound + cast_error(_exact_gradient, args, settings) if settings["check_dtype"] else bound


def _pair(student: Any, teacher: Any, settings: Settings) -> Arguments:
    dtype = float_dtype(settings["dtype"])
    return np.asarray(student, np.float64).astype(dtype), np.asarray(teacher, np.float64).astype(dtype)


def _whole(shape: tuple[int, ...], settings: Settings, span: int = 4) -> Arguments:
    """Return two arrays of small integers: everything about them is exact in any dtype."""
    return _pair(scattered(shape, span, 1), scattered(shape, span, 2), settings)


def _shaped(*shapes: tuple[int, ...]) -> Callable[[Settings], Iterator[Arguments]]:
    return lambda settings: (_whole(shape, settings) for shape in shapes)


def _one_element(settings: Settings) -> Iterator[Arguments]:
    for student, teacher in ((3, 1), (1, 3), (-2, 3), (0.5, 0.25), (0, 1), (1, 0)):
        yield _pair([student], [teacher], settings)


def _no_dimension(settings: Settings) -> Iterator[Arguments]:
    if settings["reduction"] != "batch_mean":
        yield _pair(3.0, 1.0, settings)
        yield _pair(-0.5, -0.25, settings)


def _empty(settings: Settings) -> Iterator[Arguments]:
    if settings["reduction"] == "sum":
        for shape in ((0,), (0, 3), (2, 0)):
            yield _pair(np.zeros(shape), np.zeros(shape), settings)


def _equal(settings: Settings) -> Iterator[Arguments]:
    for shape in ((1,), (4,), (2, 3)):
        values = scattered(shape, 5, 3) / 3
        yield _pair(values, values, settings)
    yield _pair([0.0, -0.0, 0.0], [-0.0, 0.0, 0.0], settings)


def _one_differs(settings: Settings) -> Iterator[Arguments]:
    values = scattered((3, 4), 5, 4)
    for row, column, by in ((0, 0, 1), (2, 3, -3), (1, 2, 0.125)):
        moved = values.copy()
        moved[row, column] += by
        yield _pair(moved, values, settings)


def _repeated_rows(settings: Settings) -> Iterator[Arguments]:
    row, other = np.array([1.0, -2, 4]), np.array([2.0, 1, 1])
    for n in (1, 2, 8):
        yield _pair(np.tile(row, (n, 1)), np.tile(other, (n, 1)), settings)


def _small_and_large(settings: Settings) -> Iterator[Arguments]:
    teacher = scattered((12,), 3, 5)
    for size in (0.25, 0.5, 1, 1.5, 2, 8):
        yield _pair(teacher + size * np.resize([1, -1, 1], 12), teacher, settings)
    yield _pair(teacher + 0.5 * np.resize([1, -1], 12), teacher, settings)


def _opposite_signs(settings: Settings) -> Iterator[Arguments]:
    values = np.array([[1.0, -2, 3], [-4, 5, -6]])
    yield _pair(values, -values, settings)
    yield _pair(-values, np.abs(values), settings)
    yield _pair(values, np.zeros((2, 3)), settings)
    yield _pair(np.zeros((2, 3)), values, settings)


def _cancelling(settings: Settings) -> Iterator[Arguments]:
    """Yield differences that are small beside the numbers: exact to subtract, and lost where squares are subtracted."""
    digits = {"float16": 9, "bfloat16": 6, "float32": 20, "float64": 40}[settings["dtype"]]
    base, step = 1.0, 2.0**-digits
    for shape in ((8,), (4, 2)):
        by = step * scattered(shape, 3, 6)
        yield _pair(base + by, np.full(shape, base), settings)
        yield _pair(base + by, base - by, settings)


def _long_fractions(settings: Settings) -> Iterator[Arguments]:
    for shape in ((5,), (7, 3), (32, 10)):
        yield _pair(scattered(shape, 50, 7) / 7, scattered(shape, 50, 8) / 11, settings)
    if settings["dtype"] != "float16":
        yield _pair(scattered((9,), 50, 7) * 1e4 / 7, scattered((9,), 50, 8) * 1e4 / 11, settings)


def _unlike_sizes(settings: Settings) -> Iterator[Arguments]:
    powers = np.ldexp(1.0, np.arange(-7, 5))
    yield _pair(powers, -powers / 3, settings)
    yield _pair(powers.reshape(4, 3), powers[::-1].reshape(4, 3), settings)


def _tiny(settings: Settings) -> Iterator[Arguments]:
    small = 2.0 ** {"float16": -11, "bfloat16": -60, "float32": -60, "float64": -500}[settings["dtype"]]
    yield _pair(small * scattered((6,), 9, 9), small * scattered((6,), 9, 10), settings)
    yield _pair([small, 0.0, -small], [0.0, 0.0, 0.0], settings)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return array_pairs(settings["dtype"])


SHARED_CASES: tuple[tuple[str, Callable[[Settings], Any], str], ...] = (
    ("one element", _one_element, "plain"),
    ("0-d", _no_dimension, "plain"),
    ("no elements", _empty, "plain"),
    ("small integers, 1-d", _shaped((2,), (5,), (33,)), "plain"),
    ("small integers, 2-d", _shaped((2, 3), (3, 2), (7, 4)), "plain"),
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


LOSS_KILLS: dict[str, tuple[str, ...]] = {
    "one element": (
        "*",
        "!batch_divided_again",
        "!divided_by_last",
        "!divided_twice",
        "!every_pair",
        "!expanded",
        "!first_row_only",
        "!in_16_bits",
        "!in_float32",
        "!largest",
        "!mean_squared",
        "!one_less",
        "!reduction=batch_mean",
        "!reduction=mean",
        "!reduction=sum",
    ),
    "0-d": (
        "*",
        "!batch_divided_again",
        "!divided_by_last",
        "!divided_twice",
        "!every_pair",
        "!expanded",
        "!first_row_only",
        "!in_16_bits",
        "!in_float32",
        "!largest",
        "!magnitudes",
        "!mean_squared",
        "!one_less",
        "!reduction=batch_mean",
        "!reduction=mean",
        "!reduction=sum",
    ),
    "small integers, 1-d": ("*", "!divided_by_last", "!expanded", "!reduction=batch_mean", "!reduction=mean"),
    "small integers, 2-d": ("*", "!expanded"),
    "small integers, 3-d": ("*", "!expanded"),
    "square": ("*", "!expanded"),
    "a batch of 1": ("*", "!batch_divided_again", "!expanded", "!first_row_only", "!in_float32"),
    "batches of 2, 7 and 32": ("*", "!expanded", "!in_float32"),
    "one column": ("*", "!expanded", "!reduction=batch_mean", "!reduction=mean"),
    "student = teacher": ("added", "every_pair", "student_ignored", "teacher_ignored"),
    "one element differs": ("*", "!expanded", "!largest", "!magnitudes"),
    "the same row again": ("*", "!every_pair", "!expanded", "!in_float32"),
    "differences below, at and above 1": (
        "*",
        "!divided_by_last",
        "!expanded",
        "!in_16_bits",
        "!in_float32",
        "!reduction=batch_mean",
        "!reduction=mean",
    ),
    "opposite signs, and zeros on one side": ("*", "!expanded", "!in_float32"),
    "differences that are small beside the numbers": ("*", "!capped", "!magnitudes"),
    "fractions of all digits": ("*", "!expanded"),
    "elements of unlike size": ("*", "!expanded"),
    "squares near the smallest numbers": (
        "*",
        "!capped",
        "!divided_by_last",
        "!expanded",
        "!reduction=batch_mean",
        "!reduction=mean",
    ),
    "strided": ("*", "!expanded"),
    "reversed": ("*", "!expanded"),
    "Fortran order": ("*", "!expanded", "!in_float32"),
    "read-only": ("*", "!expanded"),
}
GRADIENT_KILLS: dict[str, tuple[str, ...]] = {
    "one element": (
        "*",
        "!batch_divided_again",
        "!batch_not_divided",
        "!divided_by_last",
        "!divided_twice",
        "!first_row",
        "!in_16_bits",
        "!in_float32",
        "!mean_everywhere",
        "!one_less",
        "!reduction=batch_mean",
        "!reduction=mean",
        "!reduction=sum",
        "!rows_added",
        "!rows_averaged",
        "!small_dropped",
        "!sum_everywhere",
    ),
    "0-d": (
        "*",
        "!batch_divided_again",
        "!batch_not_divided",
        "!divided_by_last",
        "!divided_twice",
        "!first_row",
        "!in_16_bits",
        "!in_float32",
        "!mean_everywhere",
        "!one_less",
        "!reduction=batch_mean",
        "!reduction=mean",
        "!reduction=sum",
        "!rows_added",
        "!rows_averaged",
        "!small_dropped",
        "!sum_everywhere",
    ),
    "small integers, 1-d": ("*", "!divided_by_last", "!reduction=batch_mean", "!reduction=mean", "!small_dropped"),
    "small integers, 2-d": ("*", "!small_dropped"),
    "small integers, 3-d": ("*", "!small_dropped"),
    "square": ("*", "!small_dropped"),
    "a batch of 1": (
        "*",
        "!batch_divided_again",
        "!batch_not_divided",
        "!first_row",
        "!in_float32",
        "!rows_added",
        "!rows_averaged",
        "!small_dropped",
    ),
    "batches of 2, 7 and 32": ("*", "!small_dropped"),
    "one column": ("*", "!reduction=batch_mean", "!reduction=mean", "!small_dropped"),
    "student = teacher": ("added", "student_ignored", "student_softmax", "teacher_ignored"),
    "one element differs": ("*", "!small_dropped"),
    "the same row again": ("*", "!first_row", "!in_float32", "!rows_averaged", "!small_dropped"),
    "differences below, at and above 1": (
        "*",
        "!divided_by_last",
        "!reduction=batch_mean",
        "!reduction=mean",
        "!small_dropped",
    ),
    "opposite signs, and zeros on one side": ("*", "!in_float32", "!small_dropped"),
    "differences that are small beside the numbers": (
        "*",
        "!clipped",
        "!difference_clipped",
        "!magnitudes",
        "!through_relu",
    ),
    "fractions of all digits": ("*", "!small_dropped"),
    "elements of unlike size": ("*", "!small_dropped", "!through_relu"),
    "squares near the smallest numbers": (
        "*",
        "!clipped",
        "!difference_clipped",
        "!divided_by_last",
        "!reduction=batch_mean",
        "!reduction=mean",
        "!through_tanh",
    ),
    "strided": ("*", "!small_dropped"),
    "reversed": ("*", "!small_dropped"),
    "Fortran order": ("*", "!in_float32", "!small_dropped"),
    "read-only": ("*", "!small_dropped"),
}


def _cases(kills: dict[str, tuple[str, ...]]) -> tuple[Case, ...]:
    return tuple(Case(name, make, kills.get(name, ()), layout) for name, make, layout in SHARED_CASES)


def _count(shape: tuple[int, ...], settings: Settings) -> int:
    """Return what the reduction divides by."""
    return {"mean": int(np.prod(shape)), "sum": 1, "batch_mean": shape[0] if shape else 1}[settings["reduction"]]


def _of_difference(total: Callable[[Array], Any]) -> Answer:
    """Return a wrong loss that is made of d = student - teacher and divided as the settings say."""

    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.float64(total(student - teacher) / _count(student.shape, settings))

    return answer


def _of_both(total: Callable[[Array, Array], Any]) -> Answer:
    """Return the same of student and teacher themselves."""

    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.float64(total(student, teacher) / _count(student.shape, settings))

    return answer


def _scaled_by(answer: Answer, factor: Callable[[tuple[int, ...], Settings], float]) -> Answer:
    return lambda args, settings: answer(args, settings) * factor(args[0].shape, settings)


def _first(shape: tuple[int, ...]) -> int:
    return shape[0] if shape else 1


def _last(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 1


def _huber(d: Array) -> Array:
    size = np.abs(d)
    return np.where(size < 1, d * d / 2, size - 0.5)


def _softmax(z: Array) -> Array:
    if z.ndim == 0:
        return np.ones(())
    e = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _root(args: Arguments, settings: Settings) -> Any:
    return np.sqrt(_loss(args, settings))


def _every_pair(student: Array, teacher: Array) -> Any:
    return np.sum((student.reshape(-1, 1) - teacher.reshape(-1)) ** 2) / max(student.size, 1)


def _expanded(args: Arguments, settings: Settings) -> Any:
    student, teacher = args
    with np.errstate(over="ignore", under="ignore"):
        terms = (student * student - student * teacher * student.dtype.type(2) + teacher * teacher).astype(np.float64)
    return np.float64(terms.sum() / _count(student.shape, settings))


def _expanded_bound(args: Arguments, settings: Settings) -> Any:
    """Every square and product is rounded: to first order 4 units of (|s| + |t|)^2, for both that are compared."""
    student, teacher = wide(args)
    unit = precision_of(settings["dtype"]).unit
    total = np.sum((np.abs(student) + np.abs(teacher)) ** 2) / _count(student.shape, settings)
    return np.float64(2 * (student.size + 8) * unit * total)


def _signed(answer: Answer, sizes: Answer) -> tuple[Answer, Answer]:
    """Return an answer whose terms cancel, with the bound that the sum of their sizes gives."""
    return answer, relative_bound(sizes)


def _plain(answer: Answer) -> tuple[Answer, Answer]:
    return answer, relative_bound(answer)


_all_sizes = _of_both(lambda s, t: np.sum((np.abs(s) + np.abs(t)) ** 2))

LOSS_FAULTS = (
    Fault("halved", "halves the loss", *_plain(_scaled_by(_loss, lambda shape, s: 0.5))),
    Fault("root", "takes the square root (RMSE)", *_plain(_root)),
    Fault("absolute", "adds up |d| and not d^2 (MAE)", *_plain(_of_difference(lambda d: np.sum(np.abs(d))))),
    Fault(
        "not_squared",
        "does not square: it adds up the differences with their signs",
        *_signed(_of_difference(np.sum), _of_both(lambda s, t: np.sum(np.abs(s) + np.abs(t)))),
    ),
    Fault(
        "norm",
        "takes the norm of the difference: a root of the sum before dividing",
        *_plain(_of_difference(lambda d: np.sqrt(np.sum(d * d)))),
    ),
    Fault("fourth_power", "squares twice", *_plain(_of_difference(lambda d: np.sum(d**4)))),
    Fault(
        "mean_squared",
        "squares the sum of the differences and not each difference",
        *_signed(
            _of_difference(lambda d: np.sum(d) ** 2 / max(d.size, 1)),
            _of_both(lambda s, t: np.sum(np.abs(s) + np.abs(t)) ** 2),
        ),
    ),
    Fault(
        "variance",
        "subtracts the square of the mean difference: the variance",
        *_signed(_of_difference(lambda d: np.sum((d - np.mean(d)) ** 2)), _all_sizes),
    ),
    Fault(
        "difference_of_squares",
        "subtracts the squares and does not square the difference",
        *_signed(_of_both(lambda s, t: np.sum(s * s - t * t)), _all_sizes),
    ),
    Fault("teacher_ignored", "ignores the teacher", *_plain(_of_both(lambda s, t: np.sum(s * s)))),
    Fault("student_ignored", "ignores the student", *_plain(_of_both(lambda s, t: np.sum(t * t)))),
    Fault(
        "magnitudes",
        "compares magnitudes: |student| and |teacher|",
        *_signed(_of_both(lambda s, t: np.sum((np.abs(s) - np.abs(t)) ** 2)), _loss),
    ),
    Fault(
        "added",
        "adds student and teacher where it should subtract",
        *_plain(_of_both(lambda s, t: np.sum((s + t) ** 2))),
    ),
    Fault(
        "every_pair",
        "compares each element with every other: (n, 1) broadcast against (n,)",
        *_plain(_of_both(_every_pair)),
    ),
    Fault("huber", "computes the smooth L1 (Huber) loss", *_plain(_of_difference(lambda d: np.sum(_huber(d))))),
    Fault(
        "log_cosh",
        "computes log cosh of the difference",
        *_plain(_of_difference(lambda d: np.sum(np.logaddexp(d, -d) - np.log(2)))),
    ),
    Fault(
        "largest",
        "takes the largest square and not their sum",
        *_plain(_of_difference(lambda d: np.max(d * d, initial=0.0))),
    ),
    Fault(
        "softmax_first",
        "takes the softmax of both first",
        *_plain(_of_both(lambda s, t: np.sum((_softmax(s) - _softmax(t)) ** 2))),
    ),
    Fault("capped", "cuts the loss off at 1", *_plain(lambda args, settings: np.minimum(_loss(args, settings), 1.0))),
    Fault(
        "last_row_left_out",
        "leaves the last row out",
        *_plain(_of_difference(lambda d: np.sum(np.atleast_1d(d)[:-1] ** 2))),
    ),
    Fault(
        "first_row_only",
        "looks at the first row only",
        *_plain(_of_difference(lambda d: np.sum(np.atleast_1d(d)[:1] ** 2))),
    ),
    Fault(
        "divided_by_last",
        "divides by the last dimension alone",
        *_plain(lambda args, s: _loss(args, {**s, "reduction": "sum"}) / max(1, _last(args[0].shape))),
    ),
    Fault(
        "divided_twice",
        "divides twice by what it should divide by once",
        *_plain(_scaled_by(_loss, lambda shape, s: 1 / _count(shape, s))),
    ),
    Fault(
        "batch_divided_again",
        "divides by the first dimension once more",
        *_plain(_scaled_by(_loss, lambda shape, s: 1 / max(1, _first(shape)))),
    ),
    Fault(
        "one_less",
        "divides by one less than it should (n - 1)",
        *_plain(_scaled_by(_loss, lambda shape, s: _count(shape, s) / max(_count(shape, s) - 1, 1))),
    ),
    Fault("expanded", "computes s^2 - 2 s t + t^2, which cancels", _expanded, _expanded_bound),
    *low_precision_faults(_loss, _loss_bound_in),
)


def _squares(args: Arguments) -> Array:
    student, teacher = wide(args)
    return np.asarray((student - teacher) ** 2)


def _not_negative(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(np.asarray(answer, np.float64) >= 0)


def _zero_only_if_equal(args: Arguments, answer: Any, settings: Settings) -> bool:
    loss, right, bound = float(answer), float(_loss(args, settings)), float(_loss_bound(args, settings))
    return loss == 0 if right == 0 else loss > 0 or right <= bound


def _at_least_the_largest(args: Arguments, answer: Any, settings: Settings) -> bool:
    largest = float(np.max(_squares(args), initial=0.0)) / _count(args[0].shape, settings)
    return float(answer) >= largest - float(_loss_bound(args, settings))


def _at_most_all_as_large(args: Arguments, answer: Any, settings: Settings) -> bool:
    squares = _squares(args)
    most = float(np.max(squares, initial=0.0)) * squares.size / _count(squares.shape, settings)
    bound = float(_loss_bound(args, settings))
    return float(answer) <= most + bound or bound == np.inf


def _loss_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    student, teacher = (a.reshape(-1) for a in wide(args))
    n = _count(args[0].shape, settings)
    terms = [f"({s!r} - {t!r})^2" for s, t in zip(student.tolist(), teacher.tolist(), strict=True)]
    text = " + ".join(terms[:4]) + (f" + {len(terms) - 4} more" if len(terms) > 4 else "") or "nothing"
    return f"({text}) / {n} = {float(_loss(args, settings))!r}"


MSE_INPUTS = (
    Input("student", "floats", "an array of any shape, of the dtype of the settings"),
    Input("teacher", "floats", "an array of the same shape"),
)


MSE_REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("shapes (2, 1) and (2,)", lambda s: _pair([[1.0], [2.0]], [1.0, 2.0], s)),
    ("shapes (2, 3) and (3,)", lambda s: _pair(np.ones((2, 3)), np.ones(3), s)),
    ("student[0] = nan", lambda s: _pair([np.nan, 1.0], [1.0, 1.0], s)),
)

MSE_TYPICAL: tuple[Settings, ...] = ({}, {"reduction": "batch_mean", "dtype": "float64"})


def _where(test: Callable[[Array, Array], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(*wide(args)))]


REGIONS = (
    Region("below", "where the student is below the teacher", _where(np.less)),
    Region("above", "where the student is above the teacher", _where(np.greater)),
)


MSE_LOSS = Operation(
    name="mse_loss",
    formula="L = sum((student - teacher)^2) / N",
    summary="mean squared error of two arrays of one shape",
    inputs=MSE_INPUTS,
    settings=(REDUCTION_SETTING, FLOAT_DTYPE),
    result="a number",
    parts=("the loss",),
    answer=_loss,
    rival_answer=_rival_loss,
    cases=_cases(LOSS_KILLS),
    strategy=_search,
    laws=(
        Law("not_negative", "a sum of squares is never negative", _not_negative),
        Law("zero_if_equal", "the loss is 0 if student = teacher, and only then", _zero_only_if_equal),
        Law("at_least_largest", "the loss is at least the largest square divided by N", _at_least_the_largest),
        Law(
            "at_most_largest",
            "the loss is at most what it would be if all squares were as large as the largest",
            _at_most_all_as_large,
        ),
    ),
    faults=LOSS_FAULTS,
    bound=_loss_bound,
    typical=MSE_TYPICAL,
    by_hand=_loss_by_hand,
    rejects=MSE_REJECTS,
)


def _times(factor: Callable[[tuple[int, ...], Settings], Any]) -> tuple[Answer, Answer]:
    """Return a gradient that is right but for a factor."""
    return _plain(_scaled_by(_exact_gradient, factor))


def _from_difference(function: Callable[[Array, Settings], Any]) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.asarray(function(student - teacher, settings), np.float64)

    return answer


def _from_both(function: Callable[[Array, Array], Any]) -> Answer:
    """Return a wrong gradient of student and teacher, with the right factor 2 / N."""

    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.asarray(function(student, teacher) * 2 / _count(student.shape, settings))

    return answer


def _of_root(d: Array, settings: Settings) -> Any:
    root = np.sqrt(np.sum(d * d) / _count(d.shape, settings))
    return d / _count(d.shape, settings) / root if root > 0 else np.zeros(d.shape)


def _sizes(s: Array, t: Array) -> Array:
    return np.asarray(np.abs(s) + np.abs(t))


def _everywhere(total: Callable[[Array], Any]) -> tuple[Answer, Answer]:
    """Return a gradient that is the same number everywhere, made of all of them."""
    return _signed(
        _from_both(lambda s, t: np.zeros(s.shape) + total(s - t)),
        _from_both(lambda s, t: np.zeros(s.shape) + total(_sizes(s, t))),
    )


def _over_rows(total: Callable[[Array], Any]) -> tuple[Answer, Answer]:
    """Return a gradient that is the same in each row."""
    return _signed(
        _from_both(lambda s, t: np.zeros(s.shape) + total(np.atleast_1d(s - t))),
        _from_both(lambda s, t: np.zeros(s.shape) + total(np.atleast_1d(_sizes(s, t)))),
    )


GRADIENT_FAULTS = (
    Fault("halved", "misses the factor 2", *_times(lambda shape, s: 0.5)),
    Fault("doubled", "has the factor 2 twice", *_times(lambda shape, s: 2.0)),
    Fault(
        "negated", "has the other sign: it is the gradient with respect to the teacher", *_times(lambda shape, s: -1.0)
    ),
    Fault("negated_half", "has the other sign and misses the factor 2", *_times(lambda shape, s: -0.5)),
    Fault(
        "difference",
        "gives student - teacher: no factor 2 and no division",
        *_plain(_from_difference(lambda d, s: d)),
    ),
    Fault(
        "negated_difference",
        "gives teacher - student: the other sign, no factor 2 and no division",
        *_plain(_from_difference(lambda d, s: -d)),
    ),
    Fault(
        "difference_per_example",
        "divides the difference by the first dimension, without the factor 2",
        *_plain(_from_difference(lambda d, s: d / max(1, _first(d.shape)))),
    ),
    Fault(
        "divided_by_last",
        "divides by the last dimension alone",
        *_plain(_from_difference(lambda d, s: 2 * d / max(1, _last(d.shape)))),
    ),
    Fault(
        "divided_twice",
        "divides twice by what it should divide by once",
        *_times(lambda shape, s: 1 / _count(shape, s)),
    ),
    Fault(
        "batch_divided_again",
        "divides by the first dimension once more",
        *_times(lambda shape, s: 1 / max(1, _first(shape))),
    ),
    Fault(
        "batch_not_divided",
        "is the gradient times the first dimension: the batch is not divided out",
        *_times(lambda shape, s: _first(shape)),
    ),
    Fault(
        "one_less",
        "divides by one less than it should (n - 1)",
        *_times(lambda shape, s: _count(shape, s) / max(_count(shape, s) - 1, 1)),
    ),
    Fault(
        "sign_only",
        "gives the sign of the difference: the gradient of |d| (MAE)",
        *_plain(_from_difference(lambda d, s: np.sign(d) / _count(d.shape, s))),
    ),
    Fault("of_root", "is the gradient of the square root (RMSE)", *_plain(_from_difference(_of_root))),
    Fault(
        "of_huber",
        "is the gradient of the smooth L1 (Huber) loss",
        *_plain(_from_difference(lambda d, s: np.clip(d, -1, 1) / _count(d.shape, s))),
    ),
    Fault(
        "difference_clipped", "clips the difference to [-1, 1]", *_plain(_from_both(lambda s, t: np.clip(s - t, -1, 1)))
    ),
    Fault(
        "clipped", "clips the gradient to [-1, 1]", *_plain(lambda args, s: np.clip(_exact_gradient(args, s), -1, 1))
    ),
    Fault(
        "magnitude", "gives the magnitude of the gradient", *_plain(lambda args, s: np.abs(_exact_gradient(args, s)))
    ),
    Fault("squared", "squares the difference", *_plain(_from_both(lambda s, t: (s - t) ** 2))),
    Fault("teacher_ignored", "ignores the teacher", *_plain(_from_both(lambda s, t: s))),
    Fault("student_ignored", "ignores the student", *_plain(_from_both(lambda s, t: -t))),
    Fault("added", "adds student and teacher where it should subtract", *_plain(_from_both(np.add))),
    Fault(
        "difference_of_squares",
        "subtracts the squares and does not take the difference",
        *_signed(_from_both(lambda s, t: s * s - t * t), _from_both(lambda s, t: s * s + t * t)),
    ),
    Fault(
        "magnitudes",
        "compares magnitudes: |student| and |teacher|",
        *_plain(_from_both(lambda s, t: np.abs(s) - np.abs(t))),
    ),
    Fault(
        "centred",
        "subtracts the mean of the differences",
        *_signed(
            _from_both(lambda s, t: s - t - np.mean(s - t)),
            _from_both(lambda s, t: _sizes(s, t) + np.mean(_sizes(s, t))),
        ),
    ),
    Fault("mean_everywhere", "gives every element the mean of the gradients", *_everywhere(np.mean)),
    Fault("sum_everywhere", "gives every element the sum of the gradients", *_everywhere(np.sum)),
    Fault(
        "rows_averaged", "gives every example the mean gradient of the batch", *_over_rows(lambda d: np.mean(d, axis=0))
    ),
    Fault(
        "rows_added", "gives every example the gradient of the whole batch", *_over_rows(lambda d: np.sum(d, axis=0))
    ),
    Fault(
        "first_row", "gives every example the gradient of the first one", *_over_rows(lambda d: d[0] if len(d) else 0.0)
    ),
    Fault(
        "softmax_first", "takes the softmax of both first", *_plain(_from_both(lambda s, t: _softmax(s) - _softmax(t)))
    ),
    Fault(
        "student_softmax", "takes the softmax of the student first", *_plain(_from_both(lambda s, t: _softmax(s) - t))
    ),
    Fault(
        "through_tanh",
        "also multiplies by the derivative of a tanh",
        *_plain(_from_both(lambda s, t: (s - t) * (1 - np.tanh(s) ** 2))),
    ),
    Fault(
        "through_relu",
        "also takes the output through a relu: 0 where the student is not above 0",
        *_plain(_from_both(lambda s, t: (s - t) * (s > 0))),
    ),
    Fault(
        "normalized",
        "divides the gradient by its norm",
        *_plain(_from_difference(lambda d, s: d / (np.linalg.norm(d.reshape(-1)) or 1.0))),
    ),
    Fault(
        "small_dropped",
        "gives 0 where the difference is small (below 1e-3)",
        *_plain(_from_both(lambda s, t: np.where(np.abs(s - t) < 1e-3, 0, s - t))),
    ),
    *low_precision_faults(_exact_gradient, _gradient_bound_in),
)


def _same_sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    student, teacher = wide(args)
    return bool(np.all(np.asarray(answer, np.float64) * np.sign(student - teacher) >= 0))


def _zero_where_equal(args: Arguments, answer: Any, settings: Settings) -> bool:
    got, right = np.asarray(answer, np.float64), _exact_gradient(args, settings)
    return bool(np.all((got != 0) | (right == 0) | (np.abs(right) <= _gradient_bound(args, settings)))) and bool(
        np.all(got[right == 0] == 0)
    )


def _proportional(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether the ratios of the gradients are those of the differences: g_i d_j = g_j d_i for the largest d_j."""
    student, teacher = wide(args)
    d, g = (student - teacher).reshape(-1), np.asarray(answer, np.float64).reshape(-1)
    if not d.size:
        return True
    bound = np.reshape(_gradient_bound(args, settings), -1)
    j = int(np.argmax(np.abs(d)))
    rounding = 2.0**-50 * (np.abs(g * d[j]) + np.abs(g[j] * d))
    return bool(np.all(np.abs(g * d[j] - g[j] * d) <= bound * abs(d[j]) + bound[j] * np.abs(d) + rounding))


def _gradient_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    student, teacher = wide(args)
    n = _count(student.shape, settings)
    right = float(_exact_gradient(args, settings)[index])
    return f"2 * ({float(student[index])!r} - {float(teacher[index])!r}) / {n} = {right!r}"


MSE_GRADIENT = Operation(
    name="mse_gradient",
    formula="dL/dstudent = 2 (student - teacher) / N",
    summary="gradient of the mean squared error with respect to the student",
    inputs=MSE_INPUTS,
    settings=(REDUCTION_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="floats of the shape of student",
    parts=("the gradient",),
    answer=_gradient,
    rival_answer=_rival_gradient,
    cases=_cases(GRADIENT_KILLS),
    strategy=_search,
    laws=(
        Law("sign", "the gradient has the sign of student - teacher", _same_sign),
        Law("zero_where_equal", "the gradient is 0 where student = teacher, and only there", _zero_where_equal),
        Law("proportional", "the gradient is student - teacher times one number", _proportional),
    ),
    faults=GRADIENT_FAULTS,
    regions=REGIONS,
    bound=_gradient_bound,
    typical=MSE_TYPICAL,
    by_hand=_gradient_by_hand,
    rejects=MSE_REJECTS,
)

"""``mse_loss`` and ``mse_gradient`` as operations: laws, regions, and how a value comes about by hand."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import array_pairs
from refcompress.verify.operation import Arguments, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.bounded import wide
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.losses_cases import GRADIENT_KILLS, LOSS_KILLS, mse_cases, pair
from refcompress.verify.operations.losses_faults import (
    GRADIENT_FAULTS,
    LOSS_FAULTS,
    count,
    exact_gradient,
    gradient_bound,
    loss_bound,
    right_gradient,
    right_loss,
    rival_gradient,
    rival_loss,
)

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


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return array_pairs(settings["dtype"])


def _squares(args: Arguments) -> Array:
    student, teacher = wide(args)
    return np.asarray((student - teacher) ** 2)


def _not_negative(args: Arguments, answer: Any, settings: Settings) -> bool:
    return float(answer) >= 0


def _zero_only_if_equal(args: Arguments, answer: Any, settings: Settings) -> bool:
    loss, right, bound = float(answer), float(right_loss(args, settings)), float(loss_bound(args, settings))
    return loss == 0 if right == 0 else loss > 0 or right <= bound


def _at_least_the_largest(args: Arguments, answer: Any, settings: Settings) -> bool:
    squares = _squares(args)
    largest = float(np.max(squares, initial=0.0)) / count(squares.shape, settings)
    return float(answer) >= largest - float(loss_bound(args, settings))


def _at_most_all_as_large(args: Arguments, answer: Any, settings: Settings) -> bool:
    squares = _squares(args)
    most = float(np.max(squares, initial=0.0)) * squares.size / count(squares.shape, settings)
    return float(answer) <= most + float(loss_bound(args, settings))


def _loss_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    student, teacher = (a.reshape(-1) for a in wide(args))
    terms = [f"({s!r} - {t!r})^2" for s, t in zip(student.tolist(), teacher.tolist(), strict=True)]
    shown = terms if len(terms) < 5 else [*terms[:4], f"{len(terms) - 4} more"]
    total, n = " + ".join(shown) or "nothing", count(args[0].shape, settings)
    return f"({total}) / {n} = {float(right_loss(args, settings))!r}"


MSE_INPUTS = (
    Input("student", "floats", "an array of any shape, of the dtype of the settings"),
    Input("teacher", "floats", "an array of the same shape"),
)


MSE_REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("shapes (2, 1) and (2,)", lambda s: pair([[1.0], [2.0]], [1.0, 2.0], s)),
    ("shapes (2, 3) and (3,)", lambda s: pair(np.ones((2, 3)), np.ones(3), s)),
    ("student[0] = nan", lambda s: pair([np.nan, 1.0], [1.0, 1.0], s)),
)

MSE_TYPICAL: tuple[Settings, ...] = ({}, {"reduction": "batch_mean", "dtype": "float64"}, {"reduction": "sum"})


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
    answer=right_loss,
    rival_answer=rival_loss,
    cases=mse_cases(LOSS_KILLS),
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
    bound=loss_bound,
    typical=MSE_TYPICAL,
    by_hand=_loss_by_hand,
    rejects=MSE_REJECTS,
)


def _same_sign(args: Arguments, answer: Any, settings: Settings) -> bool:
    student, teacher = wide(args)
    return bool(np.all(np.asarray(answer) * np.sign(student - teacher) >= 0))


def _zero_where_equal(args: Arguments, answer: Any, settings: Settings) -> bool:
    got, right = np.asarray(answer), exact_gradient(args, settings)
    near = np.abs(right) <= gradient_bound(args, settings)
    return bool(np.all(np.where(right == 0, got == 0, near | (got != 0))))


def _proportional(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether the ratios of the gradients are those of the differences: g_i d_j = g_j d_i for the largest d_j."""
    student, teacher = wide(args)
    d, g = (student - teacher).reshape(-1), np.asarray(answer).reshape(-1)
    if not d.size:
        return True
    bound = gradient_bound(args, settings).reshape(-1)
    j = int(np.argmax(np.abs(d)))
    # 8 roundings at most: of both products and their difference, and of the products and sums that they are held to
    rounding = 2.0**-50 * (np.abs(g * d[j]) + np.abs(g[j] * d))
    return bool(np.all(np.abs(g * d[j] - g[j] * d) <= bound * abs(d[j]) + bound[j] * np.abs(d) + rounding))


def _gradient_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    student, teacher = wide(args)
    n = count(student.shape, settings)
    right = float(exact_gradient(args, settings)[index])
    return f"2 * ({float(student[index])!r} - {float(teacher[index])!r}) / {n} = {right!r}"


MSE_GRADIENT = Operation(
    name="mse_gradient",
    formula="dL/dstudent = 2 (student - teacher) / N",
    summary="gradient of the mean squared error with respect to the student",
    inputs=MSE_INPUTS,
    settings=(REDUCTION_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="floats of the shape of student",
    parts=("the gradient",),
    answer=right_gradient,
    rival_answer=rival_gradient,
    cases=mse_cases(GRADIENT_KILLS),
    strategy=_search,
    laws=(
        Law("sign", "the gradient has the sign of student - teacher", _same_sign),
        Law("zero_where_equal", "the gradient is 0 where student = teacher, and only there", _zero_where_equal),
        Law("proportional", "the gradient is student - teacher times one number", _proportional),
    ),
    faults=GRADIENT_FAULTS,
    regions=REGIONS,
    bound=gradient_bound,
    typical=MSE_TYPICAL,
    by_hand=_gradient_by_hand,
    rejects=MSE_REJECTS,
)

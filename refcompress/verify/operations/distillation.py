"""``distillation_loss`` and ``distillation_gradient`` as operations: laws, regions, and how a value comes about."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import logit_pairs
from refcompress.verify.operation import Arguments, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.bounded import wide
from refcompress.verify.operations.distillation_answers import (
    exact_gradient,
    factor,
    gradient_bound,
    log_softmax,
    loss_bound,
    right_gradient,
    right_loss,
    rival_gradient,
    rival_loss,
    softmax,
)
from refcompress.verify.operations.distillation_cases import GRADIENT_CASES, LOSS_CASES, pair
from refcompress.verify.operations.distillation_faults import GRADIENT_FAULTS, LOSS_FAULTS
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SETTINGS = (
    Setting(
        "temperature",
        4,
        (4, 1, 2, 0.5, 10, 20),
        "what the logits are divided by",
        {T: f"divides the logits by {T}" for T in (4, 2, 0.5, 10, 20)} | {1: "does not divide by the temperature"},
    ),
    Setting(
        "scaled",
        True,
        (True, False),
        "whether the loss is multiplied by T^2",
        {True: "multiplies by T^2", False: "does not multiply by T^2"},
    ),
    Setting(
        "reduction",
        "batch_mean",
        ("batch_mean", "mean", "sum"),
        "what the sum is divided by",
        {
            "batch_mean": "divides by the first dimension alone",
            "mean": "divides by the number of elements: it takes the mean over the classes as well",
            "sum": "does not divide: the sum",
        },
    ),
    Setting(
        "direction",
        "forward",
        ("forward", "reverse"),
        "which distribution weighs the terms: the teacher's (forward) or the student's",
        {
            "forward": "takes KL(teacher || student), weighed by the teacher",
            "reverse": "takes KL(student || teacher), weighed by the student",
        },
    ),
    FLOAT_DTYPE,
)
INPUTS = (
    Input("student", "floats", "logits, the classes on the last axis, of the dtype of the settings"),
    Input("teacher", "floats", "logits of the same shape"),
)
REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("shapes (2, 3) and (1, 3)", lambda s: pair(np.ones((2, 3)), np.ones((1, 3)), s)),
    ("shapes (2, 3) and (3,)", lambda s: pair(np.ones((2, 3)), np.ones(3), s)),
    ("student[0, 0] = nan", lambda s: pair([[np.nan, 1.0]], [[1.0, 1.0]], s)),
)
TYPICAL: tuple[Settings, ...] = (
    {},
    {"temperature": 2, "reduction": "sum", "dtype": "float64"},
    {"temperature": 0.5, "reduction": "mean", "direction": "reverse", "dtype": "float64"},
)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return logit_pairs(settings["dtype"])


def _logarithms(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return the log-probabilities of the one that weighs and of the other."""
    a, b = (log_softmax(z / settings["temperature"]) for z in wide(args))
    return (a, b) if settings["direction"] == "reverse" else (b, a)


def _not_negative(args: Arguments, answer: Any, settings: Settings) -> bool:
    return bool(float(answer) >= -float(loss_bound(args, settings)))


def _zero_if_equal(args: Arguments, answer: Any, settings: Settings) -> bool:
    right, bound = float(right_loss(args, settings)), float(loss_bound(args, settings))
    return abs(float(answer)) <= bound if right == 0 else float(answer) > 0 or right <= bound


def _at_least_pinsker(args: Arguments, answer: Any, settings: Settings) -> bool:
    first, second = (np.exp(v) for v in _logarithms(args, settings))
    least = np.sum(np.sum(np.abs(first - second), axis=-1) ** 2) / 2 * factor(first.shape, settings)
    return bool(float(answer) >= least - float(loss_bound(args, settings)) - 2.0**-40 * least)


def _at_most_the_largest_ratio(args: Arguments, answer: Any, settings: Settings) -> bool:
    first, second = _logarithms(args, settings)
    most = np.sum(np.max(first - second, axis=-1)) * factor(first.shape, settings)
    return bool(float(answer) <= most * (1 + 2.0**-40) + float(loss_bound(args, settings)))


def _row_by_hand(values: Array) -> str:
    texts = [f"{v:.6g}" for v in values[:4].tolist()] + ["..."] * (len(values) > 4)
    return f"[{', '.join(texts)}]"


def _probabilities_by_hand(args: Arguments, row: tuple[int, ...], settings: Settings) -> tuple[str, str]:
    T = settings["temperature"]
    p, q = (softmax(z / T)[row] for z in wide(args))
    return f"p = softmax(student / {T}) = {_row_by_hand(p)}", f"q = softmax(teacher / {T}) = {_row_by_hand(q)}"


def _loss_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    right, shape = float(right_loss(args, settings)), args[0].shape
    if 0 in shape:
        return f"a sum of nothing = {right!r}"
    p, q = _probabilities_by_hand(args, (0,) * (len(shape) - 1), settings)
    terms = "p log(p / q)" if settings["direction"] == "reverse" else "q log(q / p)"
    return f"{p}, {q} in the first example; {factor(shape, settings):.6g} * sum of {terms} = {right!r}"


DISTILLATION_LOSS = Operation(
    name="distillation_loss",
    formula="L = T^2 / N * sum(q (log q - log p)), p = softmax(student / T), q = softmax(teacher / T)",
    summary="divergence of the softened outputs of a student from those of its teacher",
    inputs=INPUTS,
    settings=SETTINGS,
    result="a number",
    parts=("the loss",),
    answer=right_loss,
    rival_answer=rival_loss,
    cases=LOSS_CASES,
    strategy=_search,
    laws=(
        Law("not_negative", "a divergence is never negative", _not_negative),
        Law(
            "zero_if_equal",
            "the loss is 0 if the logits of each example differ by a constant, and only then",
            _zero_if_equal,
        ),
        Law(
            "at_least",
            "a divergence is at least half the square of the sum of |p - q| (Pinsker)",
            _at_least_pinsker,
        ),
        Law(
            "at_most",
            "a divergence is at most the largest difference of two log-probabilities",
            _at_most_the_largest_ratio,
        ),
    ),
    faults=LOSS_FAULTS,
    bound=loss_bound,
    typical=TYPICAL,
    by_hand=_loss_by_hand,
    rejects=REJECTS,
)


def _rows_sum_to_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    got, bound = np.asarray(answer, np.float64), np.asarray(gradient_bound(args, settings))
    rounding = 2.0**-40 * np.sum(np.abs(got), axis=-1)
    return bool(np.all(np.abs(np.sum(got, axis=-1)) <= np.sum(bound, axis=-1) + rounding))


def _zero_where_equal(args: Arguments, answer: Any, settings: Settings) -> bool:
    got, right = np.asarray(answer), exact_gradient(args, settings)
    bound = np.asarray(gradient_bound(args, settings))
    equal = np.all(right == 0, axis=-1)
    return bool(np.all(np.abs(got[equal]) <= bound[equal])) and bool(np.all((got != 0) | (np.abs(right) <= bound)))


def _away_from_the_teacher(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether g (s - t) >= 0 in each example: T times a mean, or a variance, of the differences under p."""
    student, teacher = wide(args)
    got, d = np.asarray(answer, np.float64), student - teacher
    each = (np.asarray(gradient_bound(args, settings)) + 2.0**-40 * np.abs(got)) * np.abs(d)
    allowed = np.sum(np.where(d == 0, 0.0, each), axis=-1)  # a bound may be infinite
    return bool(np.all(np.sum(got * d, axis=-1) >= -allowed))


def _gradient_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    T, row = settings["temperature"], index[:-1]
    p, q = _probabilities_by_hand(args, row, settings)
    by = factor(args[0].shape, settings) / T
    right = float(exact_gradient(args, settings)[index])
    formula = "p (log(p / q) - KL(p || q))" if settings["direction"] == "reverse" else "(p - q)"
    return f"{p}, {q}; {by:.6g} * {formula} at class {index[-1]} = {right!r}"


def _where(test: Callable[[Array, Array], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    return lambda args, expected, settings: [np.asarray(test(*wide(args)))]


REGIONS = (
    Region("below", "where the student is below the teacher", _where(np.less)),
    Region("above", "where the student is above the teacher", _where(np.greater)),
    Region(
        "largest",
        "at the teacher's largest class",
        _where(lambda s, t: t == np.max(t, axis=-1, keepdims=True)),
    ),
)


DISTILLATION_GRADIENT = Operation(
    name="distillation_gradient",
    formula="dL/dstudent = T^2 / N * (p - q) / T, p = softmax(student / T), q = softmax(teacher / T)",
    summary="gradient of the distillation loss with respect to the student's logits",
    inputs=INPUTS,
    settings=(*SETTINGS, CHECK_DTYPE),
    result="floats of the shape of student",
    parts=("the gradient",),
    answer=right_gradient,
    rival_answer=rival_gradient,
    cases=GRADIENT_CASES,
    strategy=_search,
    laws=(
        Law("rows_sum_to_zero", "the gradient of each example sums to 0", _rows_sum_to_zero),
        Law(
            "zero_where_equal", "the gradient is 0 where the probabilities are equal, and only there", _zero_where_equal
        ),
        Law(
            "away_from_teacher",
            "a step against the gradient takes each example towards the teacher, not away from it",
            _away_from_the_teacher,
        ),
    ),
    faults=GRADIENT_FAULTS,
    regions=REGIONS,
    bound=gradient_bound,
    typical=TYPICAL,
    by_hand=_gradient_by_hand,
    rejects=REJECTS,
)

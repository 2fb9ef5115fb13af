"""The right answers and the wrong ones of ``mse_loss`` and ``mse_gradient``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import mse_gradient_bound, mse_loss_bound, precision_of
from refcompress.mlp.losses import mse_gradient, mse_loss
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.bounded import (
    Answer,
    beside_reference,
    bound_of,
    in_dtype,
    low_precision_faults,
    relative_bound,
    wide,
)


def right_loss(args: Arguments, settings: Settings) -> Any:
    """Return the loss in float64."""
    return np.float64(mse_loss(*wide(args), reduction=settings["reduction"]))


def rival_loss(args: Arguments, settings: Settings) -> Any:
    """Return the loss of one who follows other settings: of nothing it is 0."""
    return np.float64(mse_loss(*wide(args), reduction=_possible(args, settings)))


def _possible(args: Arguments, settings: Settings) -> str:
    """Return the reduction, or the sum where a mean is over nothing: what a rival may give there is 0."""
    shape = args[0].shape
    none = 0 in shape or not shape
    return "sum" if none else str(settings["reduction"])


def _loss_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    reduction, precision = _possible(args, settings), precision_of(dtype)
    return np.float64(mse_loss_bound(*wide(args), reduction=reduction, precision=precision))


def loss_bound(args: Arguments, settings: Settings) -> Any:
    """Return the largest error of an honest loss."""
    return beside_reference(_loss_bound_in(args, settings["dtype"], settings), settings["dtype"])


def exact_gradient(args: Arguments, settings: Settings) -> Array:
    """Return the gradient in float64."""
    return mse_gradient(*wide(args), reduction=settings["reduction"])


def right_gradient(args: Arguments, settings: Settings) -> Any:
    """Return the gradient, in the dtype of the settings where that is checked."""
    return in_dtype(exact_gradient(args, settings), settings)


def rival_gradient(args: Arguments, settings: Settings) -> Array:
    """Return the gradient of one who follows other settings."""
    return mse_gradient(*wide(args), reduction=_possible(args, settings))


def _gradient_bound_in(args: Arguments, dtype: str, settings: Settings) -> Array:
    return mse_gradient_bound(*wide(args), reduction=_possible(args, settings), precision=precision_of(dtype))


gradient_bound = bound_of(exact_gradient, _gradient_bound_in)


def count(shape: tuple[int, ...], settings: Settings) -> int:
    """Return what the reduction divides by."""
    return {"mean": int(np.prod(shape)), "sum": 1, "batch_mean": shape[0] if shape else 1}[settings["reduction"]]


def _of_difference(total: Callable[[Array], Any]) -> Answer:
    """Return a wrong loss that is made of d = student - teacher and divided as the settings say."""

    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.float64(total(student - teacher) / count(student.shape, settings))

    return answer


def _of_both(total: Callable[[Array, Array], Any]) -> Answer:
    """Return the same of student and teacher themselves."""

    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.float64(total(student, teacher) / count(student.shape, settings))

    return answer


def _scaled_by(answer: Answer, factor: Callable[[tuple[int, ...], Settings], float]) -> Answer:
    return lambda args, settings: answer(args, settings) * factor(args[0].shape, settings)


def _first(shape: tuple[int, ...]) -> int:
    return shape[0] if shape else 1


def _last(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 1


def _mean(d: Array) -> Any:
    return np.sum(d) / max(d.size, 1)


def _huber(d: Array) -> Array:
    size = np.abs(d)
    return np.where(size < 1, d * d / 2, size - 0.5)


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _root(args: Arguments, settings: Settings) -> Any:
    return np.sqrt(right_loss(args, settings))


def _every_pair(student: Array, teacher: Array) -> Any:
    return np.sum((student.reshape(-1, 1) - teacher.reshape(-1)) ** 2) / max(student.size, 1)


def _expanded(args: Arguments, settings: Settings) -> Any:
    student, teacher = args
    terms = (student * student - student * teacher * student.dtype.type(2) + teacher * teacher).astype(np.float64)
    return np.float64(terms.sum() / count(student.shape, settings))


def _expanded_bound(args: Arguments, settings: Settings) -> Any:
    """Every square and product is rounded: to first order 4 units of (|s| + |t|)^2, for both that are compared."""
    student, teacher = wide(args)
    unit = precision_of(settings["dtype"]).unit
    total = np.sum((np.abs(student) + np.abs(teacher)) ** 2) / count(student.shape, settings)
    return np.float64(2 * (student.size + 8) * unit * total)


def _signed(answer: Answer, sizes: Answer) -> tuple[Answer, Answer]:
    """Return an answer whose terms cancel, with the bound that the sum of their sizes gives."""
    return answer, relative_bound(sizes)


def _plain(answer: Answer) -> tuple[Answer, Answer]:
    return answer, relative_bound(answer)


_all_sizes = _of_both(lambda s, t: np.sum((np.abs(s) + np.abs(t)) ** 2))

LOSS_FAULTS = (
    Fault("halved", "halves the loss", *_plain(_scaled_by(right_loss, lambda shape, s: 0.5))),
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
        *_signed(_of_difference(lambda d: np.sum((d - _mean(d)) ** 2)), _all_sizes),
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
        *_signed(_of_both(lambda s, t: np.sum((np.abs(s) - np.abs(t)) ** 2)), right_loss),
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
    Fault(
        "capped", "cuts the loss off at 1", *_plain(lambda args, settings: np.minimum(right_loss(args, settings), 1.0))
    ),
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
        *_plain(lambda args, s: right_loss(args, {**s, "reduction": "sum"}) / max(1, _last(args[0].shape))),
    ),
    Fault(
        "divided_twice",
        "divides twice by what it should divide by once",
        *_plain(_scaled_by(right_loss, lambda shape, s: 1 / count(shape, s))),
    ),
    Fault(
        "batch_divided_again",
        "divides by the first dimension once more",
        *_plain(_scaled_by(right_loss, lambda shape, s: 1 / max(1, _first(shape)))),
    ),
    Fault(
        "one_less",
        "divides by one less than it should (n - 1)",
        *_plain(_scaled_by(right_loss, lambda shape, s: count(shape, s) / max(count(shape, s) - 1, 1))),
    ),
    Fault("expanded", "computes s^2 - 2 s t + t^2, which cancels", _expanded, _expanded_bound),
    *low_precision_faults(right_loss, _loss_bound_in),
)


def _times(factor: Callable[[tuple[int, ...], Settings], Any]) -> tuple[Answer, Answer]:
    """Return a gradient that is right but for a factor."""
    return _plain(_scaled_by(exact_gradient, factor))


def _from_difference(function: Callable[[Array, Settings], Any]) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.asarray(function(student - teacher, settings))

    return answer


def _from_both(function: Callable[[Array, Array], Any]) -> Answer:
    """Return a wrong gradient of student and teacher, with the right factor 2 / N."""

    def answer(args: Arguments, settings: Settings) -> Any:
        student, teacher = wide(args)
        return np.asarray(function(student, teacher) * 2 / count(student.shape, settings))

    return answer


def _of_root(d: Array, settings: Settings) -> Any:
    root = np.sqrt(np.sum(d * d) / count(d.shape, settings))
    return d / count(d.shape, settings) / root if root > 0 else np.zeros(d.shape)


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
        *_times(lambda shape, s: 1 / count(shape, s)),
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
        *_times(lambda shape, s: count(shape, s) / max(count(shape, s) - 1, 1)),
    ),
    Fault(
        "sign_only",
        "gives the sign of the difference: the gradient of |d| (MAE)",
        *_plain(_from_difference(lambda d, s: np.sign(d) / count(d.shape, s))),
    ),
    Fault("of_root", "is the gradient of the square root (RMSE)", *_plain(_from_difference(_of_root))),
    Fault(
        "of_huber",
        "is the gradient of the smooth L1 (Huber) loss",
        *_plain(_from_difference(lambda d, s: np.clip(d, -1, 1) / count(d.shape, s))),
    ),
    Fault(
        "difference_clipped", "clips the difference to [-1, 1]", *_plain(_from_both(lambda s, t: np.clip(s - t, -1, 1)))
    ),
    Fault("clipped", "clips the gradient to [-1, 1]", *_plain(lambda args, s: np.clip(exact_gradient(args, s), -1, 1))),
    Fault("magnitude", "gives the magnitude of the gradient", *_plain(lambda args, s: np.abs(exact_gradient(args, s)))),
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
            _from_both(lambda s, t: s - t - _mean(s - t)),
            _from_both(lambda s, t: _sizes(s, t) + _mean(_sizes(s, t))),
        ),
    ),
    Fault("mean_everywhere", "gives every element the mean of the gradients", *_everywhere(_mean)),
    Fault("sum_everywhere", "gives every element the sum of the gradients", *_everywhere(np.sum)),
    Fault(
        "rows_averaged",
        "gives every example the mean gradient of the batch",
        *_over_rows(lambda d: np.sum(d, axis=0) / max(len(d), 1)),
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
        *_plain(_from_difference(lambda d, s: d / (np.linalg.norm(d) or 1.0))),
    ),
    Fault(
        "small_dropped",
        "gives 0 where the difference is small (below 1e-3)",
        *_plain(_from_both(lambda s, t: np.where(np.abs(s - t) < 1e-3, 0, s - t))),
    ),
    *low_precision_faults(exact_gradient, _gradient_bound_in),
)

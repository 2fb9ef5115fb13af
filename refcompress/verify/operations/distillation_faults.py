"""The known wrong rules of ``distillation_loss`` and ``distillation_gradient``."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import precision_of
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.bounded import IN_FLOAT32, Answer, BoundIn, apart, rounded_to, wide
from refcompress.verify.operations.distillation_answers import (
    LOGITS,
    Logits,
    Terms,
    divergence,
    exact_gradient,
    factor,
    gradient_bound_in,
    gradient_of_scaled,
    log_of_probability,
    log_softmax,
    log_without_maximum,
    loss_bound_in,
    of_scaled,
    right_loss,
    slope,
    softmax,
    with_maximum_of_batch,
    without_maximum,
)

BATCH_MAXIMUM = "subtracts the maximum of the batch and not of each example: what is far below it underflows"
DIRECTIONS = ("forward", "reverse")


def _grown(bound: BoundIn) -> Answer:
    """Return the bound of logits that no temperature divides, or that are multiplied by it."""

    def of(args: Arguments, settings: Settings) -> Any:
        T = settings["temperature"]
        return bound(tuple(z * max(T * T, 1.0) for z in wide(args)), settings["dtype"], settings)

    return of


def _of_both(bound: BoundIn) -> Answer:
    """Return the sum of the bounds of both directions, for terms that either distribution weighs, or none."""
    return lambda args, settings: sum(bound(args, settings["dtype"], {**settings, "direction": d}) for d in DIRECTIONS)


def _with_rounding(answer: Answer, bound: Answer | None) -> Answer:
    """Return what a few dozen roundings of the answer do, and another bound; infinities and nans stay themselves."""

    def of(args: Arguments, settings: Settings) -> Any:
        value = np.abs(answer(args, settings))
        rounding = 64 * precision_of(settings["dtype"]).unit * value
        return np.where(np.isfinite(value), rounding if bound is None else rounding + bound(args, settings), 0.0)

    return of


def _fault(name: str, statement: str, answer: Answer, bound: Answer | None = None) -> Fault:
    """Return a fault; its bound counts where it is larger than that of the right answer."""
    return Fault(name, statement, answer, _with_rounding(answer, bound))


def _loss_of_logits(logits: Logits) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        s, t = wide(args)
        a, b = logits(s, t, float(settings["temperature"]))
        return np.float64(np.sum(divergence(a, b, settings)) * factor(a.shape, settings))

    return answer


def _gradient_of_logits(logits: Logits) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        s, t = wide(args)
        a, b = logits(s, t, float(settings["temperature"]))
        return np.asarray(slope(a, b, settings) * (factor(a.shape, settings) / settings["temperature"]))

    return answer


def _times(right: Answer, by: Callable[[tuple[int, ...], float, Settings], float]) -> Answer:
    """Return an answer that is right but for a factor of the shape, T and the settings."""
    return lambda args, s: right(args, s) * by(args[0].shape, float(s["temperature"]), s)


def _divided(shape: tuple[int, ...], settings: Settings) -> float:
    return 1.0 / max(1, {"mean": int(np.prod(shape)), "sum": 1, "batch_mean": shape[0]}[settings["reduction"]])


# a factor too many: name, statement, the factor of the shape, T and the settings
FACTORS: tuple[tuple[str, str, Callable[[tuple[int, ...], float, Settings], float]], ...] = (
    (
        "scaled_twice",
        "multiplies by T^2 once more than it should",
        lambda shape, T, s: T**2 if s["scaled"] else T**4,
    ),
    ("mean_over_classes", "takes the mean over the classes as well", lambda shape, T, s: 1 / shape[-1]),
    (
        "divided_by_last",
        "divides by the last dimension alone",
        lambda shape, T, s: 1 / _divided(shape, s) / shape[-1],
    ),
    (
        "rows_divided",
        "divides by the number of rows, as after flattening to two dimensions, and not by the first dimension",
        lambda shape, T, s: 1 / _divided(shape, s) / max(1, int(np.prod(shape[:-1]))),
    ),
    ("divided_twice", "divides twice by what it should divide by once", lambda shape, T, s: _divided(shape, s)),
    ("batch_divided_again", "divides by the batch once more", lambda shape, T, s: 1 / max(shape[0], 1)),
    ("batch_not_divided", "is too large by the size of the batch", lambda shape, T, s: shape[0]),
    ("base_two", "takes logarithms to the base 2", lambda shape, T, s: 1 / np.log(2)),
    ("halved", "halves it", lambda shape, T, s: 0.5),
    ("negated", "has the other sign", lambda shape, T, s: -1.0),
)


def _first(a: Array, b: Array, settings: Settings) -> tuple[Array, Array]:
    """Return the distribution that the terms are weighed by, and the other one."""
    return (a, b) if settings["direction"] == "reverse" else (b, a)


def _weighed(terms: Callable[[Array, Array], Any]) -> Answer:
    """Return a wrong loss, made of the log-probabilities of the one that weighs and of the other."""

    def of(s: Array, t: Array, settings: Settings) -> Any:
        return terms(*_first(log_softmax(s), log_softmax(t), settings))

    return of_scaled(of)


def _of_probabilities(terms: Callable[[Array, Array], Any]) -> Terms:
    return lambda s, t, settings: terms(softmax(s), softmax(t))


def _direct(terms: Callable[[Array, Array], Any]) -> Terms:
    return lambda s, t, settings: terms(s, t)


def _both(s: Array, t: Array, settings: Settings) -> Any:
    a, b = log_softmax(s), log_softmax(t)
    return sum(divergence(a, b, {**settings, "direction": d}) for d in DIRECTIONS)


def _from_the_mean(s: Array, t: Array, settings: Settings) -> Any:
    a, b = log_softmax(s), log_softmax(t)
    mean = np.logaddexp(a, b) - np.log(2)
    return (np.exp(a) * (a - mean) + np.exp(b) * (b - mean)) / 2


def _overflowing(s: Array, t: Array, settings: Settings) -> Any:
    p, q = (without_maximum(z, settings) for z in (s, t))
    first, second = (p, q) if settings["direction"] == "reverse" else (q, p)
    return first * (np.log(first) - np.log(second))


def _by(log_softmax: Callable[[Array, Settings], Array]) -> Callable[[Array, Array, Settings], Any]:
    """Return the terms of the divergence by a log-softmax of its own."""

    def terms(s: Array, t: Array, settings: Settings) -> Any:
        first, second = _first(log_softmax(s, settings), log_softmax(t, settings), settings)
        return np.exp(first) * (first - second)

    return terms


def _underflowing(s: Array, t: Array, settings: Settings) -> Any:
    first, second = _first(log_of_probability(s, settings), log_of_probability(t, settings), settings)
    return np.where(np.isfinite(first), np.exp(first) * (first - second), 0.0)


def _with_epsilon(least: Callable[[Array], Array]) -> Callable[[Array, Array], Any]:
    return lambda first, second: np.exp(first) * (np.log(least(np.exp(first))) - np.log(least(np.exp(second))))


def _at_least(least: float) -> Callable[[Array], Array]:
    return lambda p: np.maximum(p, least)


# the faults of ``LOGITS`` that leave the logits larger than the temperature makes them
NOT_SOFTENED = ("student_not_softened", "teacher_not_softened", "multiplied", "after_softmax")


def _in_float32(exact: Answer, bound: BoundIn) -> Fault:
    """Return the fault of computing in float32 what is in float64.

    The bounds of 16 bits are so wide that they would explain anything: that fault is not declared.
    """
    shortened, float32_apart = rounded_to("float32", exact), apart(bound, "float32")

    def own(args: Arguments, settings: Settings) -> Any:
        if settings["dtype"] != "float64":
            return np.zeros(np.shape(exact(args, settings)))  # the answer is the right one
        return float32_apart(args, settings)

    def answer(args: Arguments, settings: Settings) -> Any:
        return shortened(args, settings) if settings["dtype"] == "float64" else exact(args, settings)

    return Fault("in_float32", IN_FLOAT32, answer, own)


LOSS_FAULTS = (
    _fault(
        "scaled_once",
        "multiplies by T where T^2 belongs",
        _times(right_loss, lambda shape, T, s: 1 / T if s["scaled"] else T),
    ),
    *(_fault(name, statement, _times(right_loss, by)) for name, statement, by in FACTORS),
    *(
        _fault(name, statement, _loss_of_logits(logits), _grown(loss_bound_in) if name in NOT_SOFTENED else None)
        for name, statement, logits in LOGITS
        if name != "hard_teacher"
    ),
    _fault(
        "hard_teacher",
        "takes the teacher's largest class for certain: the cross-entropy with its label",
        of_scaled(lambda s, t, settings: -np.take_along_axis(log_softmax(s), t.argmax(-1)[..., None], -1)),
    ),
    _fault(
        "probabilities",
        "takes probabilities where log-probabilities belong",
        _weighed(lambda first, second: np.exp(first) * (first - np.exp(second))),
    ),
    _fault(
        "target_probabilities",
        "takes the exponentials of probabilities: what it weighs by should be log-probabilities",
        _weighed(lambda first, second: np.exp(np.exp(first)) * (np.exp(first) - second)),
    ),
    _fault(
        "cross_entropy",
        "leaves the entropy out: it is the cross-entropy, whose gradient is the same",
        _weighed(lambda first, second: -np.exp(first) * second),
    ),
    _fault(
        "entropy_alone",
        "leaves the cross-entropy out: it is the negative entropy",
        _weighed(lambda first, second: np.exp(first) * first),
    ),
    _fault("both_directions", "adds both directions", of_scaled(_both), _of_both(loss_bound_in)),
    _fault(
        "half_of_both",
        "takes the mean of both directions",
        of_scaled(lambda s, t, settings: _both(s, t, settings) / 2),
        _of_both(loss_bound_in),
    ),
    _fault(
        "jensen_shannon",
        "is the Jensen-Shannon divergence: the mean of the divergences of both from their mean",
        of_scaled(_from_the_mean),
        _of_both(loss_bound_in),
    ),
    _fault(
        "magnitudes",
        "adds up the magnitudes of the terms",
        _weighed(lambda first, second: np.exp(first) * np.abs(first - second)),
    ),
    _fault(
        "not_weighed",
        "adds up the differences of log-probabilities and does not weigh them",
        _weighed(lambda first, second: first - second),
        _of_both(loss_bound_in),
    ),
    _fault(
        "epsilon",
        "adds a small number (1e-8) to the probabilities inside the logarithms",
        _weighed(_with_epsilon(lambda p: p + 1e-8)),
    ),
    *(
        _fault(name, f"clamps the probabilities at {least}", _weighed(_with_epsilon(_at_least(least))))
        for name, least in (("clamped", 1e-7), ("clamped_1e_8", 1e-8))
    ),
    _fault(
        "mse_of_logits",
        "takes the squared differences of the logits divided by T",
        of_scaled(_direct(lambda s, t: (s - t) ** 2)),
    ),
    _fault(
        "mse_of_probabilities",
        "takes the squared differences of the probabilities",
        of_scaled(_of_probabilities(lambda p, q: (p - q) ** 2)),
    ),
    _fault(
        "last_example_left_out",
        "leaves the last example out",
        of_scaled(lambda s, t, settings: divergence(log_softmax(s), log_softmax(t), settings)[:-1]),
    ),
    _fault(
        "first_example_only",
        "looks at the first example alone",
        of_scaled(lambda s, t, settings: divergence(log_softmax(s), log_softmax(t), settings)[:1]),
    ),
    _fault("overflow", "does not subtract the maximum: its exponentials overflow", of_scaled(_overflowing)),
    _fault(
        "log_overflow",
        "does not subtract the maximum in its log-softmax: the sum of exponentials overflows",
        of_scaled(_by(log_without_maximum)),
    ),
    _fault("batch_maximum", BATCH_MAXIMUM, of_scaled(_by(with_maximum_of_batch))),
    _fault(
        "underflow",
        "takes the logarithm of probabilities that underflow to 0",
        of_scaled(_underflowing),
    ),
    _in_float32(right_loss, loss_bound_in),
)


def _teacher_slope(s: Array, t: Array, settings: Settings) -> Any:
    """Return the derivative by the teacher's logits: the other direction, with the two exchanged."""
    other = next(d for d in DIRECTIONS if d != settings["direction"])
    return slope(log_softmax(t), log_softmax(s), {**settings, "direction": other})


def _of_slope(change: Callable[[Array, Array], Any]) -> Terms:
    """Return a wrong gradient made of the right one and of the student's probabilities."""

    def of(s: Array, t: Array, settings: Settings) -> Any:
        a = log_softmax(s)
        return change(slope(a, log_softmax(t), settings), np.exp(a))

    return of


def _log_ratio_weighed(s: Array, t: Array, settings: Settings) -> Any:
    a, b = log_softmax(s), log_softmax(t)
    return np.exp(a) * (a - b) if settings["direction"] == "reverse" else np.exp(a) - np.exp(b)


def _overflowing_slope(s: Array, t: Array, settings: Settings) -> Any:
    p, q = (without_maximum(z, settings) for z in (s, t))
    if settings["direction"] == "forward":
        return p - q
    d = np.log(p) - np.log(q)
    return p * (d - np.sum(p * d, axis=-1, keepdims=True))


GRADIENT_FAULTS = (
    _fault(
        "chain_rule",
        "misses the factor 1/T of the chain rule",
        _times(exact_gradient, lambda shape, T, s: T),
    ),
    _fault(
        "divided_by_temperature",
        "divides by the temperature once more",
        _times(exact_gradient, lambda shape, T, s: 1 / T),
    ),
    *(_fault(name, statement, _times(exact_gradient, by)) for name, statement, by in FACTORS),
    *(
        _fault(
            name, statement, _gradient_of_logits(logits), _grown(gradient_bound_in) if name in NOT_SOFTENED else None
        )
        for name, statement, logits in LOGITS
        if name not in ("hard_teacher", "same_logits")
    ),
    _fault("nothing", "is always 0", gradient_of_scaled(lambda s, t, settings: 0.0)),
    _fault(
        "hard_teacher",
        "takes the teacher's largest class for certain: the gradient of the cross-entropy with its label",
        gradient_of_scaled(lambda s, t, _: softmax(s) - (np.arange(t.shape[-1]) == t.argmax(-1)[..., None])),
    ),
    _fault(
        "by_teacher",
        "is the gradient with respect to the teacher's logits",
        gradient_of_scaled(_teacher_slope),
        _of_both(gradient_bound_in),
    ),
    _fault(
        "both_sides",
        "adds the gradient with respect to the teacher's logits",
        gradient_of_scaled(lambda s, t, s_: _of_slope(lambda g, p: g)(s, t, s_) + _teacher_slope(s, t, s_)),
        _of_both(gradient_bound_in),
    ),
    _fault(
        "divergence_not_subtracted",
        "does not subtract the divergence of the example",
        gradient_of_scaled(_log_ratio_weighed),
    ),
    _fault("teacher_ignored", "ignores the teacher", gradient_of_scaled(_of_probabilities(lambda p, q: p))),
    _fault("student_ignored", "ignores the student", gradient_of_scaled(_of_probabilities(lambda p, q: -q))),
    _fault(
        "log_probabilities",
        "subtracts log-probabilities where probabilities belong",
        gradient_of_scaled(lambda s, t, settings: log_softmax(s) - log_softmax(t)),
        _of_both(gradient_bound_in),
    ),
    _fault("logits", "subtracts the logits and takes no softmax", gradient_of_scaled(_direct(lambda s, t: s - t))),
    _fault(
        "through_sigmoid",
        "multiplies by p (1 - p) as well",
        gradient_of_scaled(_of_slope(lambda g, p: g * p * (1 - p))),
    ),
    _fault(
        "through_softmax",
        "goes through the softmax once more",
        gradient_of_scaled(_of_slope(lambda g, p: p * (g - np.sum(p * g, axis=-1, keepdims=True)))),
    ),
    _fault("magnitude", "gives the magnitude of the gradient", lambda args, s: np.abs(exact_gradient(args, s))),
    _fault(
        "clipped",
        "clips the gradient to [-0.1, 0.1]",
        lambda args, s: np.clip(exact_gradient(args, s), -0.1, 0.1),
    ),
    _fault(
        "examples_averaged",
        "gives every example the mean gradient of the batch",
        gradient_of_scaled(_of_slope(lambda g, p: np.sum(g, axis=0) / max(len(g), 1))),
    ),
    _fault(
        "first_example",
        "gives every example the gradient of the first one",
        gradient_of_scaled(_of_slope(lambda g, p: g[:1])),
    ),
    _fault(
        "last_example_left_out",
        "leaves the last example at 0",
        gradient_of_scaled(_of_slope(lambda g, p: np.concatenate([g[:-1], np.zeros_like(g[-1:])]))),
    ),
    _fault(
        "overflow", "does not subtract the maximum: its exponentials overflow", gradient_of_scaled(_overflowing_slope)
    ),
    _fault(
        "batch_maximum",
        BATCH_MAXIMUM,
        gradient_of_scaled(
            lambda s, t, under: slope(with_maximum_of_batch(s, under), with_maximum_of_batch(t, under), under)
        ),
    ),
    _in_float32(exact_gradient, gradient_bound_in),
)

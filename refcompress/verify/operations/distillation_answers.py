"""What the right answers and the wrong ones of the distillation operations are made of, in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.distillation.error_bounds import distillation_gradient_bound, distillation_loss_bound
from refcompress.distillation.losses import distillation_gradient, distillation_loss
from refcompress.mlp.error_bounds import precision_of
from refcompress.verify.operation import Arguments, Settings
from refcompress.verify.operations.bounded import Answer, beside_reference, bound_of, in_dtype, wide

RULES = ("temperature", "scaled", "reduction", "direction")


def rules(settings: Settings) -> dict[str, Any]:
    """Return the settings that the formulas know."""
    return {name: settings[name] for name in RULES}


def _possible(args: Arguments, settings: Settings) -> dict[str, Any]:
    """Return the same with the sum where a mean is over nothing: what a rival may give there is 0."""
    chosen = rules(settings)
    return {**chosen, "reduction": "sum"} if 0 in args[0].shape else chosen


def right_loss(args: Arguments, settings: Settings) -> Any:
    """Return the loss in float64."""
    return np.float64(distillation_loss(*wide(args), **rules(settings)))


def rival_loss(args: Arguments, settings: Settings) -> Any:
    """Return the loss of one who follows other settings: of nothing it is 0."""
    return np.float64(distillation_loss(*wide(args), **_possible(args, settings)))


def loss_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    """Return the largest error of an honest loss that is computed in a dtype."""
    return np.float64(distillation_loss_bound(*wide(args), **_possible(args, settings), precision=precision_of(dtype)))


def loss_bound(args: Arguments, settings: Settings) -> Any:
    """Return the largest error of an honest loss."""
    return beside_reference(loss_bound_in(args, settings["dtype"], settings), settings["dtype"])


def exact_gradient(args: Arguments, settings: Settings) -> Array:
    """Return the gradient in float64."""
    return distillation_gradient(*wide(args), **rules(settings))


def right_gradient(args: Arguments, settings: Settings) -> Any:
    """Return the gradient, in the dtype of the settings where that is checked."""
    return in_dtype(exact_gradient(args, settings), settings)


def rival_gradient(args: Arguments, settings: Settings) -> Array:
    """Return the gradient of one who follows other settings."""
    return distillation_gradient(*wide(args), **_possible(args, settings))


def gradient_bound_in(args: Arguments, dtype: str, settings: Settings) -> Array:
    """Return the largest errors of an honest gradient that is computed in a dtype."""
    return distillation_gradient_bound(*wide(args), **_possible(args, settings), precision=precision_of(dtype))


gradient_bound = bound_of(exact_gradient, gradient_bound_in)


def factor(shape: tuple[int, ...], settings: Settings) -> float:
    """Return T^2 / N, or 1 / N."""
    n = {"mean": int(np.prod(shape)), "sum": 1, "batch_mean": shape[0]}[settings["reduction"]]
    return (float(settings["temperature"]) ** 2 if settings["scaled"] else 1.0) / max(n, 1)


def log_softmax(z: Array, axis: Any = -1) -> Array:
    """Return log softmax along an axis."""
    x = z - z.max(axis=axis, keepdims=True, initial=-np.inf)
    return np.asarray(x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True)))


def softmax(z: Array, axis: Any = -1) -> Array:
    """Return softmax along an axis."""
    return np.exp(log_softmax(z, axis))


def divergence(a: Array, b: Array, settings: Settings) -> Array:
    """Return the terms of the divergence of log-probabilities of student and teacher; 0 log 0 = 0."""
    first, second = (a, b) if settings["direction"] == "reverse" else (b, a)
    p = np.exp(first)
    return np.where(p > 0, p * (first - second), 0.0)


def slope(a: Array, b: Array, settings: Settings) -> Array:
    """Return the derivative of a row's divergence by s / T, of its log-probabilities."""
    p = np.exp(a)
    if settings["direction"] == "forward":
        return np.asarray(p - np.exp(b))
    d = np.where(p > 0, a - b, 0.0)
    return np.asarray(p * (d - np.sum(p * d, axis=-1, keepdims=True)))


Terms = Callable[[Array, Array, Settings], Any]


def of_scaled(terms: Terms) -> Answer:
    """Return a wrong loss: T^2 / N times the sum of what is made of s / T and t / T."""

    def answer(args: Arguments, settings: Settings) -> Any:
        s, t = (z / settings["temperature"] for z in wide(args))
        return np.float64(np.sum(terms(s, t, settings)) * factor(s.shape, settings))

    return answer


def gradient_of_scaled(terms: Terms) -> Answer:
    """Return a wrong gradient: T / N times what is made of s / T and t / T."""

    def answer(args: Arguments, settings: Settings) -> Any:
        s, t = (z / settings["temperature"] for z in wide(args))
        each = np.zeros(s.shape) + terms(s, t, settings)
        return np.asarray(each * (factor(s.shape, settings) / settings["temperature"]))

    return answer


Logits = Callable[[Array, Array, float], tuple[Array, Array]]
"""Logits of student and teacher and the temperature -> the two log-probabilities."""

# the ways to wrong log-probabilities, from which a loss and a gradient follow alike: name, statement, how
LOGITS: tuple[tuple[str, str, Logits], ...] = (
    (
        "over_the_batch",
        "takes the softmax over the batch and not over the classes",
        lambda s, t, T: (log_softmax(s / T, 0), log_softmax(t / T, 0)),
    ),
    (
        "over_everything",
        "takes one softmax over the whole batch",
        lambda s, t, T: (log_softmax(s / T, None), log_softmax(t / T, None)),
    ),
    (
        "student_not_softened",
        "divides the teacher's logits alone by the temperature",
        lambda s, t, T: (log_softmax(s), log_softmax(t / T)),
    ),
    (
        "teacher_not_softened",
        "divides the student's logits alone by the temperature",
        lambda s, t, T: (log_softmax(s / T), log_softmax(t)),
    ),
    (
        "multiplied",
        "multiplies the logits by the temperature where it should divide",
        lambda s, t, T: (log_softmax(s * T), log_softmax(t * T)),
    ),
    (
        "softened_twice",
        "divides the logits by the temperature twice",
        lambda s, t, T: (log_softmax(s / T / T), log_softmax(t / T / T)),
    ),
    (
        "after_softmax",
        "divides by the temperature after the softmax, and takes the softmax again",
        lambda s, t, T: (log_softmax(softmax(s) / T), log_softmax(softmax(t) / T)),
    ),
    (
        "softmax_twice",
        "takes the softmax twice",
        lambda s, t, T: (log_softmax(softmax(s / T)), log_softmax(softmax(t / T))),
    ),
    (
        "teacher_softmax_twice",
        "takes the teacher's logits for the softmax of its softmax",
        lambda s, t, T: (log_softmax(s / T), log_softmax(softmax(t / T))),
    ),
    (
        "teacher_reversed",
        "takes the teacher's examples in reverse order",
        lambda s, t, T: (log_softmax(s / T), log_softmax(t[::-1] / T)),
    ),
    (
        "teacher_shifted",
        "takes the teacher's examples one place further on",
        lambda s, t, T: (log_softmax(s / T), log_softmax(np.roll(t, -1, axis=0) / T)),
    ),
    (
        "teacher_classes_reversed",
        "takes the teacher's classes in reverse order",
        lambda s, t, T: (log_softmax(s / T), log_softmax(t[..., ::-1] / T)),
    ),
    (
        "same_logits",
        "reads the same logits on both sides: it is always 0",
        lambda s, t, T: (log_softmax(s / T), log_softmax(s / T)),
    ),
    (
        "hard_teacher",
        "takes the teacher's largest class for certain",
        lambda s, t, T: (log_softmax(s / T), np.where(np.arange(t.shape[-1]) == t.argmax(-1)[..., None], 0.0, -1e4)),
    ),
)


def held(e: Array, settings: Settings) -> Array:
    """Return exponentials as the dtype holds them: infinite past the largest number, 0 to half of the smallest."""
    precision = precision_of(settings["dtype"])
    return np.where(e > precision.largest, np.inf, np.where(e <= precision.tiny / 2, 0.0, e))


def without_maximum(z: Array, settings: Settings) -> Array:
    """Return a softmax whose exponentials overflow."""
    e = held(np.exp(z), settings)
    return np.asarray(e / np.sum(e, axis=-1, keepdims=True))


def log_without_maximum(z: Array, settings: Settings) -> Array:
    """Return a log-softmax whose exponentials overflow."""
    return np.asarray(z - np.log(np.sum(held(np.exp(z), settings), axis=-1, keepdims=True)))


def with_maximum_of_batch(z: Array, settings: Settings) -> Array:
    """Return a log-softmax that is nan where all exponentials of an example underflow, far below the largest of any."""
    x = z - z.max(initial=-np.inf)
    total = np.sum(held(np.exp(x), settings), axis=-1, keepdims=True)
    return np.where(total > 0, x - np.log(total), np.nan)


def log_of_probability(z: Array, settings: Settings) -> Array:
    """Return the logarithms of probabilities, of which the small ones underflow to 0."""
    return np.log(held(softmax(z), settings))

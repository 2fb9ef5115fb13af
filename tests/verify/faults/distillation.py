"""Distillation by softened outputs: as people write it, right and wrong."""

import math

import numpy as np
from verify.faults.kinds import Right, Wrong

T = 4


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(z, axis=-1):
    z = z - z.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def kd(log_p, log_q, weight=T * T):
    return weight * np.sum(np.exp(log_q) * (log_q - log_p)) / len(log_p)


# wrong losses


def scale_forgotten(student, teacher):
    return kd(log_softmax(student / T), log_softmax(teacher / T), 1)


def scale_not_squared(student, teacher):
    return kd(log_softmax(student / T), log_softmax(teacher / T), T)


def torch_reduction_mean(student, teacher):
    from torch.nn import functional

    return (
        functional.kl_div(
            functional.log_softmax(student / T, -1), functional.softmax(teacher / T, -1), reduction="mean"
        )
        * T
        * T
    )


def torch_probabilities_as_input(student, teacher):
    from torch.nn import functional

    return (
        functional.kl_div(
            functional.softmax(student / T, -1), functional.softmax(teacher / T, -1), reduction="batchmean"
        )
        * T
        * T
    )


def torch_log_target_of_probabilities(student, teacher):
    from torch.nn import functional

    inputs, targets = functional.log_softmax(student / T, -1), functional.softmax(teacher / T, -1)
    return functional.kl_div(inputs, targets, reduction="batchmean", log_target=True) * T * T


def softmax_over_the_batch(student, teacher):
    return kd(log_softmax(student / T, 0), log_softmax(teacher / T, 0))


def student_on_both_sides(student, teacher):
    return kd(log_softmax(student / T), log_softmax(student / T))


def temperature_of_the_student_alone(student, teacher):
    return kd(log_softmax(student / T), log_softmax(teacher))


def no_maximum(student, teacher):
    with np.errstate(all="ignore"):
        p, q = (np.exp(z / T) / np.exp(z / T).sum(-1, keepdims=True) for z in (student, teacher))
        return T * T * np.sum(q * (np.log(q) - np.log(p))) / len(p)


def maximum_of_the_batch(student, teacher):
    """Softmax as it is written for one example, applied to a batch."""
    with np.errstate(all="ignore"):
        p, q = (np.exp(z / T - (z / T).max()) for z in (student, teacher))
        p, q = (e / e.sum(-1, keepdims=True) for e in (p, q))
        return T * T * np.where(q > 0, q * (np.log(q) - np.log(p)), q).sum() / len(p)


def directions_exchanged(student, teacher):
    return kd(log_softmax(teacher / T), log_softmax(student / T))


def another_order(student, teacher):
    return kd(log_softmax(student / T), log_softmax(teacher[::-1] / T))


def soft_cross_entropy(student, teacher):
    return -T * T * (softmax(teacher / T) * log_softmax(student / T)).sum() / len(student)


def in_bits(student, teacher):
    return kd(log_softmax(student / T), log_softmax(teacher / T)) / math.log(2)


def epsilon_in_the_logarithms(student, teacher):
    p, q = softmax(student / T).astype(np.float64), softmax(teacher / T).astype(np.float64)
    return T * T * (q * (np.log(q + 1e-8) - np.log(p + 1e-8))).sum() / len(p)


def epsilon_in_the_student_s_logarithm(student, teacher):
    p, q = softmax(student.astype(np.float64) / T), softmax(teacher.astype(np.float64) / T)
    return T * T * (q * (log_softmax(teacher.astype(np.float64) / T) - np.log(p + 1e-8))).sum() / len(p)


def clamped(student, teacher):
    p, q = (np.clip(softmax(z.astype(np.float64) / T), 1e-7, 1) for z in (student, teacher))
    return T * T * (q * np.log(q / p)).sum() / len(p)


def clamped_lower(student, teacher):
    p, q = (np.maximum(softmax(z.astype(np.float64) / T), 1e-8) for z in (student, teacher))
    return T * T * (q * (np.log(q) - np.log(p))).sum() / len(p)


def softened_twice(student, teacher):
    return kd(log_softmax(student / T / T), log_softmax(teacher / T / T))


def mean_over_all_rows(student, teacher):
    rows = (z.reshape(-1, z.shape[-1]) for z in (student / T, teacher / T))
    return kd(*map(log_softmax, rows))


def jensen_shannon(student, teacher):
    p, q = (softmax(z.astype(np.float64) / T) for z in (student, teacher))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.nansum(one * np.log(one / ((p + q) / 2))) for one in (p, q)]
    return T * T * sum(terms) / 2 / len(p)


def student_overwritten(student, teacher):
    student -= student.max(axis=-1, keepdims=True)
    return kd(log_softmax(student / T), log_softmax(teacher / T))


def reverse_without_scale(student, teacher):
    a, b = log_softmax(student / T), log_softmax(teacher / T)
    return np.sum(np.exp(a) * (a - b)) / len(a)


# wrong gradients


def difference(student, teacher, by=T):
    return by * (softmax(student / T) - softmax(teacher / T)) / len(student)


def chain_rule_forgotten(student, teacher):
    return difference(student, teacher, T * T)


def temperature_once_more(student, teacher):
    return difference(student, teacher, 1)


def scale_forgotten_in_the_gradient(student, teacher):
    return difference(student, teacher, 1 / T)


def not_divided_by_the_batch(student, teacher):
    return T * (softmax(student / T) - softmax(teacher / T))


def divided_by_the_batch_twice(student, teacher):
    return difference(student, teacher) / len(student)


def softened_twice_in_the_gradient(student, teacher):
    return difference(student / T, teacher / T)


def gradient_over_all_rows(student, teacher):
    rows = (z.reshape(-1, z.shape[-1]) for z in (student, teacher))
    return difference(*rows).reshape(student.shape)


def with_respect_to_the_teacher(student, teacher):
    a, b = log_softmax(student / T), log_softmax(teacher / T)
    q = np.exp(b)
    return T * q * (b - a - np.sum(q * (b - a), axis=-1, keepdims=True)) / len(a)


def temperature_on_one_side(student, teacher):
    return T * (softmax(student / T) - softmax(teacher)) / len(student)


def batch_axis(student, teacher):
    return T * (softmax(student / T, 0) - softmax(teacher / T, 0)) / len(student)


def log_softmax_for_softmax(student, teacher):
    return T * (log_softmax(student / T) - log_softmax(teacher / T)) / len(student)


def gradient_with_the_maximum_of_the_batch(student, teacher):
    with np.errstate(all="ignore"):
        p, q = (np.exp(z / T - (z / T).max()) for z in (student, teacher))
        return T * (p / p.sum(-1, keepdims=True) - q / q.sum(-1, keepdims=True)) / len(p)


def overflowing(student, teacher):
    with np.errstate(all="ignore"):
        p, q = (np.exp(z / T) / np.exp(z / T).sum(-1, keepdims=True) for z in (student, teacher))
    return T * (p - q) / len(student)


def reverse_without_the_mean(student, teacher):
    a, b = log_softmax(student / T), log_softmax(teacher / T)
    return T * np.exp(a) * (a - b) / len(a)


# right ones


def torch_kl_div(student, teacher, log_target=True):
    from torch.nn import functional

    targets = functional.log_softmax(teacher / T, -1) if log_target else functional.softmax(teacher / T, -1)
    inputs = functional.log_softmax(student / T, -1)
    return functional.kl_div(inputs, targets, reduction="batchmean", log_target=log_target) * T * T


def torch_kl_div_of_probabilities(student, teacher):
    return torch_kl_div(student, teacher, log_target=False)


def torch_autograd(student, teacher):
    leaf = student.detach().clone().requires_grad_(True)
    torch_kl_div(leaf, teacher).backward()
    return leaf.grad


def torch_autograd_reversed(student, teacher):
    import torch

    leaf = student.detach().clone().requires_grad_(True)
    a, b = torch.log_softmax(leaf / T, -1), torch.log_softmax(teacher / T, -1)
    (torch.sum(a.exp() * (a - b)) * T * T / len(leaf)).backward()
    return leaf.grad


def rel_entr(student, teacher):
    from scipy.special import rel_entr, softmax

    p, q = (softmax(z.astype(np.float64) / T, axis=-1) for z in (student, teacher))
    return T * T * rel_entr(q, p).sum() / len(p)


def kl_div(student, teacher):
    from scipy.special import kl_div, softmax

    p, q = (softmax(z.astype(np.float64) / T, axis=-1) for z in (student, teacher))
    return T * T * kl_div(q, p).sum() / len(p)


def scipy_log_softmax(student, teacher):
    from scipy.special import log_softmax

    a, b = log_softmax(student / T, axis=-1), log_softmax(teacher / T, axis=-1)
    return T * T * np.vdot(np.exp(b), b - a) / len(a)


def logsumexp(student, teacher):
    from scipy.special import logsumexp, xlogy

    a = student / T - logsumexp(student / T, axis=-1, keepdims=True)
    q = np.exp(teacher / T - logsumexp(teacher / T, axis=-1, keepdims=True))
    return T * T * (xlogy(q, q) - q * a).sum() / len(q)


def loops(student, teacher):
    terms = []
    for s, t in zip(student.reshape(-1, student.shape[-1]), teacher.reshape(-1, student.shape[-1]), strict=True):
        s, t = ([float(v) / T for v in z] for z in (s, t))
        total, other = (max(z) + math.log(math.fsum(math.exp(v - max(z)) for v in z)) for z in (s, t))
        terms += [math.exp(y - other) * ((y - other) - (x - total)) for x, y in zip(s, t, strict=True)]
    return T * T * math.fsum(terms) / len(student)


def reversed_in_float64(student, teacher):
    a, b = (log_softmax(z.astype(np.float64) / T) for z in (student, teacher))
    return T * T * np.vdot(np.exp(a), a - b) / len(a)


def gradient_in_float64(student, teacher):
    return difference(student.astype(np.float64), teacher.astype(np.float64)).astype(student.dtype)


def reversed_gradient(student, teacher):
    a, b = log_softmax(student / T), log_softmax(teacher / T)
    p = np.exp(a)
    return T * p * (a - b - np.sum(p * (a - b), axis=-1, keepdims=True)) / len(a)


LOSS, GRADIENT = "distillation_loss", "distillation_gradient"
REVERSE = {"direction": "reverse"}

WRONG = [
    Wrong("scale forgotten", LOSS, scale_forgotten, "does not multiply by T.2"),
    Wrong("scale not squared", LOSS, scale_not_squared, "multiplies by T where T.2 belongs"),
    Wrong("torch, reduction mean", LOSS, torch_reduction_mean, "number of elements", arrays="torch"),
    Wrong("torch, probabilities", LOSS, torch_probabilities_as_input, "takes probabilities where", arrays="torch"),
    Wrong("torch, log_target", LOSS, torch_log_target_of_probabilities, "exponentials of probabil", arrays="torch"),
    Wrong("softmax over the batch", LOSS, softmax_over_the_batch, "softmax over the batch"),
    Wrong("student on both sides", LOSS, student_on_both_sides, "the same logits on both sides"),
    Wrong("temperature of the student alone", LOSS, temperature_of_the_student_alone, "the student's logits alone"),
    Wrong("no maximum", LOSS, no_maximum, "does not subtract the maximum"),
    Wrong("maximum of the batch", LOSS, maximum_of_the_batch, "the maximum of the batch and not of each example"),
    Wrong("directions exchanged", LOSS, directions_exchanged, r"KL\(student \|\| teacher\)"),
    Wrong("another order", LOSS, another_order, "examples in reverse order"),
    Wrong("soft cross-entropy", LOSS, soft_cross_entropy, "leaves the entropy out"),
    Wrong("in bits", LOSS, in_bits, "to the base 2"),
    Wrong("epsilon", LOSS, epsilon_in_the_logarithms, "adds a small number"),
    Wrong("epsilon on one side", LOSS, epsilon_in_the_student_s_logarithm, "adds a small number"),
    Wrong("clamped", LOSS, clamped, "clamps the probabilities"),
    Wrong("clamped at 1e-8", LOSS, clamped_lower, "clamps the probabilities at 1e-08"),
    Wrong("temperature twice", LOSS, softened_twice, "logits by the temperature twice"),
    Wrong("all rows", LOSS, mean_over_all_rows, "divides by the number of rows"),
    Wrong("Jensen-Shannon", LOSS, jensen_shannon, "is the Jensen-Shannon divergence"),
    Wrong("student overwritten", LOSS, student_overwritten, "changes its input student"),
    Wrong("reverse without scale", LOSS, reverse_without_scale, r"does not multiply by T.2.*KL\(student"),
    Wrong("chain rule forgotten", GRADIENT, chain_rule_forgotten, "misses the factor 1/T"),
    Wrong("temperature once more", GRADIENT, temperature_once_more, "divides by the temperature once more"),
    Wrong("scale forgotten", GRADIENT, scale_forgotten_in_the_gradient, "does not multiply by T.2"),
    Wrong("not divided", GRADIENT, not_divided_by_the_batch, "does not divide: the sum"),
    Wrong("divided twice", GRADIENT, divided_by_the_batch_twice, "divides twice|once more"),
    Wrong("temperature twice", GRADIENT, softened_twice_in_the_gradient, "logits by the temperature twice"),
    Wrong("all rows", GRADIENT, gradient_over_all_rows, "divides by the number of rows"),
    Wrong("by the teacher", GRADIENT, with_respect_to_the_teacher, "with respect to the teacher"),
    Wrong("temperature on one side", GRADIENT, temperature_on_one_side, "the student's logits alone"),
    Wrong("batch axis", GRADIENT, batch_axis, "softmax over the batch"),
    Wrong("log-softmax", GRADIENT, log_softmax_for_softmax, "log-probabilities where probabilities"),
    Wrong("overflowing", GRADIENT, overflowing, "does not subtract the maximum"),
    Wrong("maximum of the batch", GRADIENT, gradient_with_the_maximum_of_the_batch, "the maximum of the batch"),
    Wrong("reverse without the mean", GRADIENT, reverse_without_the_mean, "does not subtract the divergence", REVERSE),
]

RIGHT = [
    Right("torch kl_div, log_target", LOSS, torch_kl_div, arrays="torch"),
    Right("torch kl_div, probabilities", LOSS, torch_kl_div_of_probabilities, arrays="torch"),
    Right("torch kl_div in half", LOSS, torch_kl_div, {"dtype": "float16"}, arrays="torch"),
    Right("scipy rel_entr", LOSS, rel_entr),
    Right("scipy kl_div", LOSS, kl_div),
    Right("scipy log_softmax", LOSS, scipy_log_softmax),
    Right("scipy logsumexp and xlogy", LOSS, logsumexp),
    Right("loops with fsum", LOSS, loops),
    Right("loops with fsum, float64", LOSS, loops, {"dtype": "float64"}),
    Right("reverse in float64", LOSS, reversed_in_float64, REVERSE),
    Right("torch autograd", GRADIENT, torch_autograd, arrays="torch"),
    Right("torch autograd, reverse", GRADIENT, torch_autograd_reversed, REVERSE, arrays="torch"),
    Right("plain float32", GRADIENT, difference),
    Right("rounded once", GRADIENT, gradient_in_float64, {"check_dtype": True}),
    Right("reverse by hand", GRADIENT, reversed_gradient, REVERSE),
]

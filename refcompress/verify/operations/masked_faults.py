"""The right answers and the wrong ones of ``masked_sgd_step``.

With S = m |v| + |g| + d |w|, for momentum m and weight decay d: in an honest implementation each term of v' passes
through at most the rounding of its coefficient, a product, two sums and a store: |error| <= gamma_5 S and 4 quanta. A
term of w' passes through the rounding of lr, a product, a difference and a store more: gamma_9 (|w| + lr S), 4 lr + 4
quanta. That holds too where lr or lr * d is multiplied in early. What is pruned is determined, to the sign of zero.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import precision_of
from refcompress.mlp.masked import masked_sgd_step
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.bounded import beside_reference, cast_error, in_dtype, low_precision_faults

Pair = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Step:
    """The inputs of a step in float64, and its settings."""

    w: Array
    g: Array
    v: Array
    mask: Array
    lr: float
    momentum: float
    decay: float

    @property
    def decayed(self) -> Array:
        """The gradient with that of the weight decay."""
        return np.asarray(self.g + self.decay * self.w)

    @property
    def velocity(self) -> Array:
        """The velocity of all entries, pruned or not."""
        return np.asarray(self.momentum * self.v + self.decayed)

    @property
    def sizes(self) -> Pair:
        """The sums of the magnitudes that w' and v' are made of."""
        velocity = self.momentum * np.abs(self.v) + np.abs(self.g) + self.decay * np.abs(self.w)
        return np.asarray(np.abs(self.w) + self.lr * velocity), velocity

    def along(self, velocity: Array) -> Array:
        """Go a step along a velocity."""
        return np.asarray(self.w - self.lr * velocity)


def step_of(args: Arguments, settings: Settings) -> Step:
    """Read the inputs and the settings."""
    w, g, v, mask = (np.asarray(a, np.float64) for a in args)
    return Step(w, g, v, mask != 0, settings["lr"], settings["momentum"], settings["weight_decay"])


def exact_step(args: Arguments, settings: Settings) -> Pair:
    """Return w and velocity in float64."""
    s = step_of(args, settings)
    return masked_sgd_step(s.w, s.g, s.v, s.mask, lr=s.lr, momentum=s.momentum, weight_decay=s.decay)


def right_step(args: Arguments, settings: Settings) -> Any:
    """Return w and velocity, in the dtype of the settings where that is checked."""
    return in_dtype(exact_step(args, settings), settings)


def _bound_in(args: Arguments, dtype: str, settings: Settings) -> Pair:
    precision, lr = precision_of(dtype), settings["lr"]
    sizes = step_of(args, settings).sizes
    safe = sizes[1] * (1 + 16 * precision.unit) < precision.largest
    bounds = []
    for size, roundings, quanta in zip(sizes, (9, 5), (4 * lr + 4, 4.0), strict=True):
        gamma = roundings * precision.unit / (1 - roundings * precision.unit)
        bound = (gamma * size + np.where(size > 0, quanta * precision.tiny, 0.0)) * (1 + 2.0**-40)
        bounds.append(np.where(safe & (size * (1 + 16 * precision.unit) < precision.largest), bound, np.inf))
    return bounds[0], bounds[1]


def step_bound(args: Arguments, settings: Settings) -> Any:
    """Return the largest errors of an honest step; -0.0, for none at all, where an entry is pruned."""
    bounds = beside_reference(_bound_in(args, settings["dtype"], settings), settings["dtype"])
    if settings["check_dtype"]:
        errors = cast_error(exact_step, args, settings)
        bounds = tuple(a + b for a, b in zip(bounds, errors, strict=True))
    return tuple(np.where(args[3], bound, -0.0) for bound in bounds)


def _masked(velocity: Callable[[Step], Array]) -> Callable[[Step], Pair]:
    """Go along a wrong velocity, and mask both."""
    return lambda s: _where(s, s.along(velocity(s)), velocity(s))


def _where(s: Step, w: Array, v: Array) -> Pair:
    return np.where(s.mask, w, 0.0), np.where(s.mask, v, 0.0)


def _with_mask(mask: Callable[[Step], Array]) -> Callable[[Step], Pair]:
    return lambda s: (np.where(mask(s), s.along(s.velocity), 0.0), np.where(mask(s), s.velocity, 0.0))


def _unmasked(velocity: Callable[[Step], Array]) -> Callable[[Step], Pair]:
    return lambda s: (s.along(velocity(s)), velocity(s))


def _mask_before(s: Step) -> Pair:
    before = replace(s, w=s.w * s.mask, v=s.v * s.mask)
    return before.along(before.velocity), before.velocity


def _times_mask(s: Step) -> Pair:
    return s.along(s.velocity) * s.mask, s.velocity * s.mask


def _times_mask_twice(s: Step) -> Pair:
    velocity = s.velocity * s.mask
    return s.along(velocity) * s.mask, velocity


def _lr_in_velocity(s: Step) -> Array:
    return np.asarray(s.momentum * s.v + s.lr * s.decayed)


def _negative_velocity(s: Step) -> Pair:
    v = s.momentum * s.v - s.lr * s.decayed
    return _where(s, s.w + v, v)


def _decoupled(rate: Callable[[Step], float]) -> Callable[[Step], Pair]:
    def rule(s: Step) -> Pair:
        v = s.momentum * s.v + s.g
        return _where(s, s.along(v) - rate(s) * s.w, v)

    return rule


def _decay_after_mask(s: Step) -> Pair:
    v = s.momentum * s.v + s.g
    w, v = _where(s, s.along(v), v)
    return w - s.lr * s.decay * s.w, v


def _decayed_by(decay: Callable[[Step], Array]) -> Callable[[Step], Pair]:
    return _masked(lambda s: s.momentum * s.v + s.g + decay(s))


def _nesterov(s: Step) -> Pair:
    return _where(s, s.along(s.decayed + s.momentum * s.velocity), s.velocity)


# name, what it does, (w, velocity) of a step
RULES: tuple[tuple[str, str, Callable[[Step], Pair]], ...] = (
    ("mask_ignored", "ignores the mask", _unmasked(lambda s: s.velocity)),
    ("mask_inverted", "keeps what is pruned and prunes what is kept", _with_mask(lambda s: ~s.mask)),
    (
        "gradient_masked",
        "masks the gradient alone: momentum and weight decay move pruned weights",
        _unmasked(lambda s: s.momentum * s.v + s.g * s.mask + s.decay * s.w),
    ),
    (
        "decayed_gradient_masked",
        "masks the gradient with its weight decay alone: the velocity moves pruned weights",
        _unmasked(lambda s: s.momentum * s.v + s.decayed * s.mask),
    ),
    (
        "velocity_decays",
        "masks gradient and weights, but lets the velocity of pruned weights die away",
        lambda s: (np.where(s.mask, s.along(s.velocity), 0.0), s.momentum * s.v + s.decayed * s.mask),
    ),
    (
        "velocity_unmasked",
        "masks the weights and not the velocity",
        lambda s: (np.where(s.mask, s.along(s.velocity), 0.0), s.velocity),
    ),
    (
        "weights_unmasked",
        "masks the velocity and not the weights: pruned ones keep the value that they have",
        lambda s: (s.along(np.where(s.mask, s.velocity, 0.0)), np.where(s.mask, s.velocity, 0.0)),
    ),
    (
        "update_masked",
        "masks the change of the weights, and neither weights nor velocity",
        lambda s: (s.along(np.where(s.mask, s.velocity, 0.0)), s.velocity),
    ),
    ("mask_before", "masks weights and velocity before the step and not after it", _mask_before),
    ("mask_of_weights", "takes the weights that are not 0 for the mask", _with_mask(lambda s: s.w != 0)),
    (
        "zeros_stay_zero",
        "prunes kept weights that happen to be 0 as well",
        _with_mask(lambda s: s.mask & (s.w != 0)),
    ),
    ("times_mask", "multiplies by the mask: pruned negatives become -0", _times_mask),
    (
        "velocity_times_mask",
        "multiplies the velocity by the mask, then the weights: pruned negatives become -0",
        _times_mask_twice,
    ),
    ("nesterov", "looks ahead (Nesterov): it steps along gradient + momentum * velocity", _nesterov),
    (
        "lr_in_velocity",
        "folds lr into the velocity: v' = momentum * v + lr * g', w' = w - v'",
        lambda s: _where(s, s.w - _lr_in_velocity(s), _lr_in_velocity(s)),
    ),
    (
        "negative_velocity",
        "folds -lr into the velocity: v' = momentum * v - lr * g', w' = w + v'",
        _negative_velocity,
    ),
    (
        "dampened",
        "dampens the gradient by 1 - momentum",
        _masked(lambda s: s.momentum * s.v + (1 - s.momentum) * s.decayed),
    ),
    (
        "momentum_of_sum",
        "multiplies the gradient by momentum as well",
        _masked(lambda s: s.momentum * (s.v + s.decayed)),
    ),
    ("momentum_one", "adds up gradients without momentum: v' = v + g'", _masked(lambda s: s.v + s.decayed)),
    ("old_velocity", "steps along the velocity from before", lambda s: _where(s, s.along(s.v), s.velocity)),
    (
        "gradient_step",
        "steps along the gradient and not along the velocity",
        lambda s: _where(s, s.along(s.decayed), s.velocity),
    ),
    ("decoupled", "decays by lr * weight_decay, decoupled from the gradient", _decoupled(lambda s: s.lr * s.decay)),
    (
        "decoupled_whole",
        "decays by weight_decay whatever lr is, decoupled from the gradient",
        _decoupled(lambda s: s.decay),
    ),
    (
        "decay_after_mask",
        "decays by lr * weight_decay after the mask: what is pruned only now is not 0",
        _decay_after_mask,
    ),
    ("decay_negated", "takes the weight decay with the wrong sign", _decayed_by(lambda s: -s.decay * s.w)),
    ("decay_doubled", "decays by 2 * weight_decay, as of weight_decay * w^2", _decayed_by(lambda s: 2 * s.decay * s.w)),
    ("decay_of_sign", "decays by the sign of w (L1)", _decayed_by(lambda s: s.decay * np.sign(s.w))),
    (
        "decay_of_velocity",
        "decays the velocity instead of the weights",
        _masked(lambda s: (s.momentum + s.decay) * s.v + s.g),
    ),
    ("ascends", "steps up instead of down", lambda s: _where(s, s.w + s.lr * s.velocity, s.velocity)),
    ("swapped", "returns velocity and weights in the wrong order", lambda s: exact_pair(s)[::-1]),
    ("velocity_unchanged", "returns the old velocity", lambda s: _where(s, s.along(s.velocity), s.v)),
)


def exact_pair(s: Step) -> Pair:
    """Return what is right."""
    return _where(s, s.along(s.velocity), s.velocity)


def _fault(name: str, statement: str, rule: Callable[[Step], Pair]) -> Fault:
    def answer(args: Arguments, settings: Settings) -> Any:
        return rule(step_of(args, settings))

    def bound(args: Arguments, settings: Settings) -> Any:
        """Take 16 roundings of all terms that a rule can have, with coefficients of 2 at most.

        Where the rule has 0 for what is pruned, that is determined, the sign of zero included.
        """
        s, precision = step_of(args, settings), precision_of(settings["dtype"])
        size = (1 + s.lr) * (np.abs(s.w) * (1 + 2 * s.decay) + 2 * np.abs(s.g) + 2 * np.abs(s.v))
        most = 16 * precision.unit * size + 32 * precision.tiny
        return tuple(np.where((part == 0) & ~s.mask, -0.0, most) for part in rule(s))

    return Fault(name, statement, answer, bound)


def _kept_bound_in(args: Arguments, dtype: str, settings: Settings) -> Pair:
    w, v = _bound_in(args, dtype, settings)
    return np.where(args[3], w, -0.0), np.where(args[3], v, -0.0)


FAULTS = (*(_fault(*rule) for rule in RULES), *low_precision_faults(exact_step, _kept_bound_in))

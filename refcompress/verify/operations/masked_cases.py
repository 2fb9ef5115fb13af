"""The directed cases of ``masked_sgd_step``: pruned and kept weights with every way to be moved; laws and regions."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS, MANY, TAIL_LENGTHS, float_dtype, scattered
from refcompress.verify.operation import Arguments, Law, Region, Settings
from refcompress.verify.operations.masked_faults import step_bound, step_of

Calls = Iterator[Arguments]


def call(w: Any, g: Any, v: Any, mask: Any, settings: Settings) -> Arguments:
    """Return a call, its arrays in the dtype of the settings."""
    dtype = float_dtype(settings["dtype"])
    arrays = (np.asarray(a).astype(dtype) for a in (w, g, v))
    return (*arrays, np.asarray(mask, np.bool_))


def _scattered(shape: tuple[int, ...], settings: Settings, seed: int) -> Arguments:
    w, g, v = (scattered(shape, 6, 3 * seed + i) for i in range(3))
    return call(w, g, v, scattered(shape, 1, 91 + seed) > 0, settings)


def one_kept(settings: Settings) -> Calls:
    """Give one weight that stays, which a person can follow by hand."""
    for w, g, v in ((1, 2, 4), (1, 0, 0), (0, 1, 0), (0, 0, 1), (-2, 1, 3), (2, -1, 1), (0, 2, -4), (-4, -8, 0)):
        yield call([w], [g], [v], [True], settings)


def one_pruned(settings: Settings) -> Calls:
    """Give one weight that is pruned and would become positive or negative."""
    for w, g, v in ((1, 2, 4), (1, 0, 0), (0, 1, 0), (0, 0, 1), (-2, 1, 3), (2, -1, 1), (0, 0, 0), (-4, -8, 0)):
        yield call([w], [g], [v], [False], settings)


def old_velocity(settings: Settings) -> Calls:
    """Give pruned weights that are 0 and get no gradient, with a velocity from before the pruning."""
    for v in (0.5, -0.5, 8.0):
        yield call([0], [0], [v], [False], settings)
    yield call([0, 3, 0, -1], [0, 0, 0, 0], [0.5, 0.5, -2, 4], [False, True, False, True], settings)


def late_mask(settings: Settings) -> Calls:
    """Give weights that were pruned only now: they are not 0 yet."""
    yield call([3, -2, 5, 0.5], [0, 0, 0, 0], [0, 0, 0, 0], [False, True, False, True], settings)
    yield call([3, -2, 5, 0.5], [1, -1, 2, 4], [1, 2, -1, -2], [True, False, False, True], settings)


def regrown(settings: Settings) -> Calls:
    """Give weights that are 0 and stay: the mask is not what is not 0."""
    yield call([0, 0, -0.0, 1], [1, -2, 4, 8], [0, 0, 0, 0], [True, True, True, False], settings)
    yield call([0, 0, 0, 0], [0, 0, 1, 1], [2, -4, 2, -4], [True, False, True, False], settings)


def one_term(settings: Settings) -> Calls:
    """Give weights, gradients and velocities alone, so that every term of the formula stands alone."""
    zeros, values, mask = np.zeros(6), [1, -2, 4, -8, 3, 16], [True, True, False, True, False, True]
    for place in range(3):
        w, g, v = (np.array(values) if i == place else zeros for i in range(3))
        yield call(w, g, v, mask, settings)
        yield call(w, g, v, np.ones(6), settings)


def two_terms(settings: Settings) -> Calls:
    """Give all pairs of signs, with every part in turn much larger than the others."""
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=3)))
    for sizes in ((1, 1, 1), (16, 1, 1), (1, 16, 1), (1, 1, 16), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
        w, g, v = (signs * sizes).T
        yield call(w, g, v, np.arange(8) % 4 != 1, settings)


def all_or_none(settings: Settings) -> Calls:
    """Give masks that keep everything and nothing."""
    w, g, v, _ = _scattered((7,), settings, 5)
    yield w, g, v, np.ones(7, np.bool_)
    yield w, g, v, np.zeros(7, np.bool_)


def cancelling(settings: Settings) -> Calls:
    """Give terms that cancel one another: what is left is small beside them."""
    lr, momentum, decay = settings["lr"], settings["momentum"], settings["weight_decay"]
    w = np.array([8.0, -16, 4, 2, -32])
    v = np.array([4.0, 8, -2, 16, 1])
    mask = [True, True, False, True, True]
    yield call(w, -momentum * v, v, mask, settings)
    yield call(w, -decay * w - momentum * v, v, mask, settings)
    if lr:
        yield call(w, w / lr - decay * w - momentum * v, v, mask, settings)


def long_fractions(settings: Settings) -> Calls:
    """Give numbers of all digits."""
    w, g, v = (scattered((24,), 997, i) / 333 for i in range(3))
    yield call(w, g, v, scattered((24,), 1, 8) >= 0, settings)


def unlike_sizes(settings: Settings) -> Calls:
    """Give weights from small to large, with gradients of other sizes."""
    size = 2.0 ** np.arange(-6, 7)
    sign = np.resize([1.0, -1, -1], 13)
    yield call(np.copysign(size, sign), size[::-1], sign, np.arange(13) % 5 != 2, settings)
    yield call(sign, np.copysign(size, sign), size[::-1], np.arange(13) % 5 != 3, settings)


def small(settings: Settings) -> Calls:
    """Give numbers near the smallest of the dtype whose products are not subnormal: some hardware takes these for 0."""
    unit = 2.0**12 * FLOATS[settings["dtype"]][2]
    row = np.resize([1.0, -3, 5, 2], 8)
    mask = [True, False, True, True, False, True, True, True]
    yield call(row * unit, row[::-1] * unit, row * unit, mask, settings)
    yield call(row * 4 * unit, row[::-1] * unit, -row * unit, mask, settings)


def sizes(settings: Settings) -> Calls:
    """Give lengths around the widths of vector loops."""
    for i, length in enumerate(TAIL_LENGTHS[1:-1]):
        yield _scattered((length,), settings, i)
    yield _scattered((300,), settings, 3)


def shapes(settings: Settings) -> Calls:
    """Give arrays of no to four dimensions, without entries, and longer than a block."""
    for i, shape in enumerate(((), (0,), (2, 0), (3, 4), (4, 4), (2, 3, 4), (1, 2, 1, 3), (2, MANY), (MANY, 2))):
        yield _scattered(shape, settings, i)


def layouts(settings: Settings) -> Calls:
    """Give matrices and a vector without a pattern."""
    for i, shape in enumerate(((5, 6), (4, 4), (9,))):
        yield _scattered(shape, settings, 20 + i)


def _parts(answer: Any) -> tuple[Array, Array]:
    w, v = (np.asarray(part, np.float64) for part in answer)
    return w, v


def _pruned_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    pruned = ~args[3]
    return not any(np.any((part != 0) & pruned) or np.any(np.signbit(part) & pruned) for part in _parts(answer))


def _two_steps(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether pruned weights stay where a second step gets no gradient and forgets the mask."""
    w, v = _parts(answer)
    second = w - settings["lr"] * (settings["momentum"] * v + settings["weight_decay"] * w)
    return not np.any((second != 0) & ~args[3])


def _along_velocity(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether w' = w - lr v' for the velocity that was returned."""
    w, v = _parts(answer)
    s, (w_bound, v_bound) = step_of(args, settings), step_bound(args, settings)
    away = np.abs(w - s.along(v))
    slack = w_bound + s.lr * np.abs(v_bound)  # of the 9 roundings in the first, a step along v' takes 7 at most
    return bool(np.all((away <= slack) | ~s.mask | np.isinf(w_bound)))


def _velocity_size(args: Arguments, answer: Any, settings: Settings) -> bool:
    s, bound = step_of(args, settings), step_bound(args, settings)[1]
    return bool(np.all((np.abs(_parts(answer)[1]) <= s.sizes[1] + bound) | np.isinf(bound)))


LAWS = (
    Law("pruned_zero", "pruned weights are +0, and so is their velocity", _pruned_zero),
    Law("two_steps", "a pruned weight stays 0 over two steps, the second without gradient", _two_steps),
    Law("along_velocity", "a kept weight moves by lr times the new velocity, downwards", _along_velocity),
    Law(
        "velocity_size",
        "no velocity exceeds momentum * |velocity| + |gradient| + weight_decay * |w|",
        _velocity_size,
    ),
)


def _where(test: Callable[[Any], Array]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Flag the same places in both parts."""
    return lambda args, expected, settings: [np.asarray(test(step_of(args, settings)))] * 2


REGIONS = (
    Region("pruned", "where weights are pruned", _where(lambda s: ~s.mask)),
    Region("kept", "where weights stay", _where(lambda s: s.mask)),
    Region("zero_weights", "where w is 0", _where(lambda s: s.w == 0)),
    Region("moving", "where the velocity was not 0", _where(lambda s: s.v != 0)),
    Region("at_rest", "where the velocity was 0", _where(lambda s: s.v == 0)),
    Region("no_gradient", "where the gradient is 0", _where(lambda s: s.g == 0)),
    Region("negative", "where w is negative", _where(lambda s: s.w < 0)),
    Region("against", "where gradient and velocity have opposite signs", _where(lambda s: s.g * s.v < 0)),
)


def by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    """Work out a weight or a velocity."""
    part, *place = index
    s = step_of(args, settings)
    w, g, v, kept, new = (a[tuple(place)] for a in (s.w, s.g, s.v, s.mask, s.velocity))
    if not kept:
        return f"the mask prunes it: {'the velocity' if part else 'w'} is 0"
    velocity = f"v' = {s.momentum} * {v} + {g} + {s.decay} * {w} = {new}"
    return velocity if part else f"{velocity}; w' = {w} - {s.lr} * {new} = {s.along(s.velocity)[tuple(place)]}"

"""Counts for a sparsity, n:m sparsity and steps with a mask, as people write them, right and wrong."""

import decimal
import math
from fractions import Fraction

import numpy as np
from verify.faults.kinds import Right, Wrong

# Wrong: counts


def count_truncating_the_pruned(size, sparsity):
    return size - int(size * sparsity)


def count_truncating_the_kept(size, sparsity):
    return int(size * (1 - sparsity))


def count_as_torch_prune(size, sparsity):
    to_prune = round(sparsity * size)
    return size - to_prune


def count_rounding_floats(size, sparsity):
    return round(size * (1.0 - sparsity))


def count_never_empty(size, sparsity):
    return max(1, exact_count(size, sparsity))


def count_always_up(size, sparsity):
    return math.ceil(size * (1 - Fraction(str(sparsity))))


def count_of_density(size, sparsity):
    return round(size * Fraction(str(sparsity)))


def count_of_percent(size, sparsity):
    return round(size * (1 - Fraction(str(sparsity)) / 100))


def count_with_default(size, sparsity):
    return exact_count(size, max(0.5, sparsity))


def count_unless_given(size, sparsity=0.5):
    return exact_count(size, sparsity or 0.5)


def count_in_float32(size, sparsity):
    return int(np.rint(np.float32(size) * (np.float32(1) - np.float32(sparsity))))


def count_of_the_binary_fraction(size, sparsity):
    return round(size * (1 - Fraction(sparsity)))


def count_for_hardware(size, sparsity):
    k = exact_count(size, sparsity)
    return k // 8 * 8


def count_off_at_whole_numbers(size, sparsity):
    """Takes the place of the threshold, which is one too far where the product is whole."""
    dropped = size * Fraction(str(sparsity))
    k = exact_count(size, sparsity)
    return min(k + 1, size) if dropped.denominator == 1 and 0 < sparsity < 1 else k


def count_half_up(size, sparsity):
    return int(size * (1 - sparsity) + 0.5)


def count_raising_on_nothing(size, sparsity):
    if size == 0:
        raise ValueError("empty tensor")
    return exact_count(size, sparsity)


def count_as_fraction(size, sparsity):
    return float(size * (1 - Fraction(str(sparsity))))


# Right: counts


def exact_count(size, sparsity):
    return round(size * (1 - Fraction(str(sparsity))))


def count_by_decimals(size, sparsity):
    with decimal.localcontext(prec=800, Emin=-(10**5)):
        kept = decimal.Decimal(size) * (1 - decimal.Decimal(repr(sparsity)))
        return int(kept.to_integral_value(decimal.ROUND_HALF_EVEN))


def count_by_integers(size, sparsity):
    numerator, denominator = Fraction(repr(sparsity)).as_integer_ratio()
    q, r = divmod(size * (denominator - numerator), denominator)
    return q + (2 * r > denominator or (2 * r == denominator and q % 2))


def pruned_by_fractions(size, sparsity):
    return np.int64(size - math.floor(size * Fraction(str(sparsity))))


def never_above_the_sparsity(size, sparsity):
    return math.ceil(size * (1 - Fraction(str(sparsity))))


# Wrong: n:m


def groups_in_rows(x, score, n=2, m=4):
    """Keep the n largest scores of each group along the last axis, by a stable sort."""
    if x.size == 0:
        return x.copy()
    groups = score.reshape(-1, m)
    order = np.argsort(-groups, axis=1, kind="stable")[:, :n]
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, order, True, axis=1)
    return np.where(mask.reshape(x.shape), x, x.dtype.type(0))


def groups_down_columns(x):
    flat = np.ascontiguousarray(x.T)
    return np.ascontiguousarray(groups_in_rows(flat.reshape(-1), np.abs(flat).reshape(-1)).reshape(flat.shape).T)


def groups_along_axis_0_filled_up(x):
    missing = -x.shape[0] % 4 if x.ndim else 0
    filled = np.concatenate([x, np.zeros((missing, *x.shape[1:]), x.dtype)])
    moved = np.ascontiguousarray(np.moveaxis(filled, 0, -1))
    return np.moveaxis(groups_in_rows(moved, np.abs(moved)), -1, 0)[: x.shape[0]]


def groups_with_all_ties(x):
    groups = np.abs(x).reshape(-1, 4)
    second = np.sort(groups, axis=1)[:, 2:3]
    return np.where((groups >= second).reshape(x.shape), x, 0)


def groups_above_the_third(x):
    groups = np.abs(x).reshape(-1, 4)
    third = np.sort(groups, axis=1)[:, 1:2]
    return np.where((groups > third).reshape(x.shape), x, 0)


def groups_by_value(x):
    return groups_in_rows(x, x)


def groups_by_squares(x):
    with np.errstate(over="ignore", under="ignore"):
        return groups_in_rows(x, x * x)


def half_of_each_row(x):
    out = np.zeros_like(x)
    if x.size == 0:
        return out
    rows, kept = x.reshape(-1, x.shape[-1]), out.reshape(-1, x.shape[-1])
    for row, target in zip(rows, kept, strict=True):
        best = sorted(range(len(row)), key=lambda i: (-abs(float(row[i])), i))[: len(row) // 2]
        target[best] = row[best]
    return out


def half_of_everything(x):
    out = np.zeros_like(x)
    best = np.argsort(-np.abs(x.reshape(-1)), kind="stable")[: x.size // 2]
    out.reshape(-1)[best] = x.reshape(-1)[best]
    return out


def groups_of_columns_apart(x):
    if x.size == 0:
        return x.copy()
    apart = x.reshape(*x.shape[:-1], 4, -1)
    order = np.argsort(-np.abs(apart), axis=-2, kind="stable")
    mask = np.zeros(apart.shape, bool)
    np.put_along_axis(mask, order[..., :2, :], True, axis=-2)
    return np.where(mask, apart, apart.dtype.type(0)).reshape(x.shape)


def smallest_of_groups(x):
    return groups_in_rows(x, -np.abs(x))


def first_of_groups(x):
    out = x.copy()
    out.reshape(-1, 4)[:, 2:] = 0
    return out


def groups_times_mask(x):
    mask = groups_in_rows(np.ones_like(x), np.abs(x))
    with np.errstate(invalid="ignore"):
        return x * mask


def pairs_of_two(x):
    return groups_in_rows(x, np.abs(x), n=1, m=2)


def groups_of_eight(x):
    if x.shape[-1] % 8:
        return groups_in_rows(x, np.abs(x))
    return groups_in_rows(x, np.abs(x), n=2, m=8)


def one_in_four(x):
    return groups_in_rows(x, np.abs(x), n=1)


def one_in_four_dropped(x):
    return groups_in_rows(x, np.abs(x), n=3)


def three_in_four(x):
    return groups_in_rows(x, np.abs(x), n=3)


def ties_to_the_right(x):
    return np.ascontiguousarray(groups_in_rows(x[..., ::-1], np.abs(x[..., ::-1]))[..., ::-1])


def groups_in_float16(x):
    with np.errstate(over="ignore", under="ignore"):
        return groups_in_rows(x, np.abs(x).astype(np.float16))


def compressed_by_bits(x):
    """As a compressor reads a matrix that is sparse already: zero is the pattern 0."""
    out = groups_in_rows(x, np.abs(x))
    for group, target in zip(x.reshape(-1, 4), out.reshape(-1, 4), strict=True):
        if np.count_nonzero(group) <= 2:
            places = [i for i in range(4) if group[i] != 0 or np.signbit(group[i])][:2]
            target[:] = 0
            target[places] = group[places]
    return out


def last_group_forgotten(x):
    out = groups_in_rows(x, np.abs(x))
    out[..., -4:] = x[..., -4:]
    return out


def mask_of_groups(x):
    return groups_in_rows(np.ones_like(x), np.abs(x))


def groups_over_the_flat_array(x):
    if x.ndim < 2:
        return groups_in_rows(x, np.abs(x))
    return groups_in_rows(x.reshape(-1), np.abs(x).reshape(-1)).reshape(x.shape)


def in_place(x):
    x.reshape(-1)[:] = groups_in_rows(x, np.abs(x)).reshape(-1)
    return x.copy()


def groups_by_topk_of_torch(x):
    import torch

    out = torch.zeros_like(x)
    if x.numel():
        best = torch.topk(x.reshape(-1, 4), 2).indices
        out = out.reshape(-1, 4).scatter(1, best, x.reshape(-1, 4).gather(1, best)).reshape(x.shape)
    return out


# Right: n:m


def groups_by_sorting(x):
    return groups_in_rows(x, np.abs(x))


def groups_by_python(x):
    out = []
    flat = x.reshape(-1).tolist()
    for start in range(0, len(flat), 4):
        group = flat[start : start + 4]
        best = sorted(range(4), key=lambda i: (-abs(group[i]), i))[:2]
        out += [group[i] if i in best else 0.0 for i in range(4)]
    return np.array(out, x.dtype).reshape(x.shape)


def groups_by_rounds(x):
    """Take the largest out of every group, twice."""
    score = np.abs(x).reshape(-1, 4).astype(np.float64)
    mask = np.zeros(score.shape, bool)
    rows = np.arange(len(score))
    for _ in range(2):
        best = np.argmax(np.where(mask, -1.0, score), axis=1)
        mask[rows, best] = True
    return np.where(mask.reshape(x.shape), x, x.dtype.type(0))


def groups_by_torch(x):
    import torch

    if not x.numel():
        return x.clone()
    score = x.abs().reshape(-1, 4)
    order = torch.argsort(score, dim=1, descending=True, stable=True)[:, :2]
    mask = torch.zeros_like(score, dtype=torch.bool).scatter(1, order, True)
    return torch.where(mask.reshape(x.shape), x, torch.zeros_like(x))


def groups_down_axis_0(x):
    last = np.ascontiguousarray(np.moveaxis(x, 0, -1))
    return np.moveaxis(groups_in_rows(last, np.abs(last)), -1, 0)


def four_in_sixteen(x):
    return groups_in_rows(x, np.abs(x), n=4, m=16)


# Wrong: steps with a mask, at lr 0.1, momentum 0.9, weight decay 0.01 where nothing else is said

LR, MOMENTUM, DECAY = 0.1, 0.9, 0.01


def torch_sgd(w, gradient, velocity, **options):
    """Run torch.optim.SGD from a velocity; return the parameter and the velocity."""
    import torch

    parameter = torch.nn.Parameter(w.clone())
    optimizer = torch.optim.SGD([parameter], **{"lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY, **options})
    optimizer.state[parameter]["momentum_buffer"] = velocity.clone()
    parameter.grad = gradient.clone()
    optimizer.step()
    return parameter.detach(), optimizer.state[parameter]["momentum_buffer"]


def torch_with_masked_gradient(w, gradient, velocity, mask):
    return torch_sgd(w, gradient * mask, velocity)


def torch_with_masked_weights(w, gradient, velocity, mask):
    stepped, buffer = torch_sgd(w, gradient, velocity)
    return stepped.masked_fill(~mask, 0.0), buffer


def torch_nesterov(w, gradient, velocity, mask):
    stepped, buffer = torch_sgd(w, gradient, velocity, nesterov=True)
    return stepped.masked_fill(~mask, 0.0), buffer.masked_fill(~mask, 0.0)


def torch_dampened(w, gradient, velocity, mask):
    stepped, buffer = torch_sgd(w, gradient, velocity, dampening=0.9)
    return stepped.masked_fill(~mask, 0.0), buffer.masked_fill(~mask, 0.0)


def torch_maximizing(w, gradient, velocity, mask):
    stepped, buffer = torch_sgd(w, gradient, velocity, maximize=True)
    return stepped.masked_fill(~mask, 0.0), buffer.masked_fill(~mask, 0.0)


def torch_without_momentum(w, gradient, velocity, mask):
    stepped, _ = torch_sgd(w, gradient, velocity, momentum=0.0)
    return stepped.masked_fill(~mask, 0.0), (gradient + DECAY * w).masked_fill(~mask, 0.0)


def step_without_mask(w, gradient, velocity, mask):
    velocity = MOMENTUM * velocity + gradient + DECAY * w
    return w - LR * velocity, velocity


def step_times_mask(w, gradient, velocity, mask):
    velocity = (MOMENTUM * velocity + (gradient + DECAY * w)) * mask
    return (w - LR * velocity) * mask, velocity


def step_with_mask_before(w, gradient, velocity, mask):
    w, velocity = np.where(mask, w, 0), np.where(mask, velocity, 0)
    velocity = MOMENTUM * velocity + gradient + DECAY * w
    return w - LR * velocity, velocity


def step_with_decay_after(w, gradient, velocity, mask):
    velocity = np.where(mask, MOMENTUM * velocity + gradient, 0)
    return np.where(mask, w - LR * velocity, 0) - np.where(mask, LR * DECAY * w, 0), velocity


def step_with_decay_after_the_mask(w, gradient, velocity, mask):
    wide, g, v = (a.astype(np.float64) for a in (w, gradient, velocity))
    v = np.where(mask, 0.9 * v + g, 0)
    return (np.where(mask, wide - 0.1 * v, 0) - 0.1 * 0.01 * wide).astype(w.dtype), v.astype(w.dtype)


def step_of_multiplied_weights(w, gradient, velocity, mask):
    v = np.float32(0.9) * velocity + gradient + np.float32(0.01) * w
    return (w - np.float32(0.1) * v) * mask, v


def step_without_decay(w, gradient, velocity, mask):
    velocity = np.where(mask, MOMENTUM * velocity + gradient, 0)
    return np.where(mask, w - LR * velocity, 0), velocity


def step_with_lr_in_velocity(w, gradient, velocity, mask):
    velocity = np.where(mask, MOMENTUM * velocity - LR * (gradient + DECAY * w), 0)
    return np.where(mask, w + velocity, 0), velocity


def step_with_half_the_decay(w, gradient, velocity, mask):
    velocity = np.where(mask, MOMENTUM * velocity + gradient + 2 * DECAY * w, 0)
    return np.where(mask, w - LR * velocity, 0), velocity


def step_of_nonzero_weights(w, gradient, velocity, mask):
    alive = w != 0
    velocity = np.where(alive, MOMENTUM * velocity + gradient + DECAY * w, 0)
    return np.where(alive, w - LR * velocity, 0), velocity


def step_whose_velocity_dies_away(w, gradient, velocity, mask):
    velocity = MOMENTUM * velocity + (gradient + DECAY * w) * mask
    return np.where(mask, w - LR * velocity, 0), velocity


def step_into_the_velocity(w, gradient, velocity, mask):
    if w.size and velocity.flags.writeable:
        velocity *= velocity.dtype.type(MOMENTUM)
        velocity += gradient + DECAY * w
        return np.where(mask, w - LR * velocity, 0), np.where(mask, velocity, 0)
    return exact_step(w, gradient, velocity, mask)


def step_of_weights_alone(w, gradient, velocity, mask):
    return exact_step(w, gradient, velocity, mask)[0]


# Right: steps with a mask


def exact_step(w, gradient, velocity, mask):
    velocity = np.where(mask, MOMENTUM * velocity + gradient + DECAY * w, 0)
    return np.where(mask, w - LR * velocity, 0), velocity


def step_of_torch(w, gradient, velocity, mask):
    stepped, buffer = torch_sgd(w, gradient, velocity)
    return stepped.masked_fill(~mask, 0.0), buffer.masked_fill(~mask, 0.0)


def step_in_another_order(w, gradient, velocity, mask):
    """All terms at once, the coefficients multiplied before."""
    moved = w * w.dtype.type(1 - LR * DECAY) - w.dtype.type(LR) * gradient - w.dtype.type(LR * MOMENTUM) * velocity
    changed = velocity - velocity * w.dtype.type(1 - MOMENTUM) + (w.dtype.type(DECAY) * w + gradient)
    return np.where(mask, moved, 0), np.where(mask, changed, 0)


def step_of_jax(w, gradient, velocity, mask):
    import jax.numpy as jnp

    velocity = jnp.where(mask, MOMENTUM * velocity + gradient + DECAY * w, 0)
    return jnp.where(mask, w - LR * velocity, 0), velocity


def step_by_fractions(w, gradient, velocity, mask):
    new_w, new_v = np.zeros(w.shape), np.zeros(w.shape)
    for i in np.flatnonzero(mask):
        v = Fraction(9, 10) * Fraction(float(velocity.flat[i])) + Fraction(float(gradient.flat[i]))
        v += Fraction(1, 100) * Fraction(float(w.flat[i]))
        new_v.flat[i], new_w.flat[i] = float(v), float(Fraction(float(w.flat[i])) - v / 10)
    return new_w, new_v


def plain_step(w, gradient, velocity, mask):
    """As is done without momentum and decay."""
    return np.where(mask, w - w.dtype.type(0.5) * gradient, 0), np.where(mask, gradient, 0)


WRONG = [
    Wrong("int of the pruned", "keep_count", count_truncating_the_pruned, "truncates the pruned ones"),
    Wrong("int of the kept", "keep_count", count_truncating_the_kept, "truncates the kept ones"),
    Wrong("torch.nn.utils.prune", "keep_count", count_as_torch_prune, r"size - round\(size \* sparsity\) in floats"),
    Wrong("floats", "keep_count", count_rounding_floats, "takes the product in floats|in floats"),
    Wrong("at least one", "keep_count", count_never_empty, r"max\(1, k\)"),
    Wrong("always up", "keep_count", count_always_up, r"rounds up \(ceil\)"),
    Wrong("density", "keep_count", count_of_density, "takes the sparsity for the density"),
    Wrong("percent", "keep_count", count_of_percent, "percentage"),
    Wrong("a default that wins", "keep_count", count_with_default, "raises sparsities below 1/2"),
    Wrong("0 is no sparsity", "keep_count", count_unless_given, "takes a sparsity of 0 for none given"),
    Wrong("float32", "keep_count", count_in_float32, "product in float32"),
    Wrong("the float itself", "keep_count", count_of_the_binary_fraction, "binary fraction next to it"),
    Wrong("eights", "keep_count", count_for_hardware, "down to a multiple of 8"),
    Wrong(
        "one more at whole numbers",
        "keep_count",
        count_off_at_whole_numbers,
        r"keeps one more, but only where size \* sparsity is a whole number|differs only where size",
    ),
    Wrong("half up", "keep_count", count_half_up, r"int\(size \* \(1 - sparsity\) \+ 0.5\) in floats"),
    Wrong("raises on an empty one", "keep_count", count_raising_on_nothing, "raises ValueError: empty tensor"),
    Wrong("no integer", "keep_count", count_as_fraction, "does not round"),
    Wrong(
        "the kept where the pruned are due",
        "keep_count",
        exact_count,
        "counts=kept",
        {"counts": "pruned"},
    ),
    Wrong("floor where it is ceil", "keep_count", pruned_by_fractions, r"rounds down \(floor\)", {"counts": "pruned"}),
    Wrong("down the columns", "n_m_sparsify", groups_down_columns, "flattened array, in Fortran order"),
    Wrong("axis 0, filled up", "n_m_sparsify", groups_along_axis_0_filled_up, "takes groups along axis 0"),
    Wrong("all ties", "n_m_sparsify", groups_with_all_ties, "keeps all that tie with the n-th"),
    Wrong("above the third", "n_m_sparsify", groups_above_the_third, "exceeds the largest magnitude to be dropped"),
    Wrong("signed", "n_m_sparsify", groups_by_value, "ranks signed values"),
    Wrong("squares", "n_m_sparsify", groups_by_squares, r"ranks x \* x"),
    Wrong("half of each row", "n_m_sparsify", half_of_each_row, "share n / m of every line"),
    Wrong("half of everything", "n_m_sparsify", half_of_everything, "share n / m of the whole array"),
    Wrong("apart", "n_m_sparsify", groups_of_columns_apart, "groups entries that lie L / m apart"),
    Wrong("smallest", "n_m_sparsify", smallest_of_groups, "keeps the n smallest"),
    Wrong("first", "n_m_sparsify", first_of_groups, "by their index"),
    Wrong("times the mask", "n_m_sparsify", groups_times_mask, "multiplies x by the mask"),
    Wrong(
        "1:2",
        "n_m_sparsify",
        pairs_of_two,
        "best of every m / n neighbours|keeps 1 of each group and takes groups of 2",
    ),
    Wrong("2:8 where that fits", "n_m_sparsify", groups_of_eight, "takes groups of 8"),
    Wrong("1:4", "n_m_sparsify", one_in_four, "n=1|keeps 1 of each group"),
    Wrong("3:4", "n_m_sparsify", three_in_four, r"keeps n \+ 1"),
    Wrong("ties to the right", "n_m_sparsify", ties_to_the_right, "highest index of equal magnitudes"),
    Wrong("float16", "n_m_sparsify", groups_in_float16, "ranks magnitudes in float16"),
    Wrong("-0.0 takes a place", "n_m_sparsify", compressed_by_bits, "-0.0 takes one of the n places"),
    Wrong("last group forgotten", "n_m_sparsify", last_group_forgotten, "leaves the last group"),
    Wrong("mask", "n_m_sparsify", mask_of_groups, "gives the mask instead of the values"),
    Wrong("flat", "n_m_sparsify", groups_over_the_flat_array, "flattened array, in C order", {"axis": 0}),
    Wrong("in place", "n_m_sparsify", in_place, "changes its input x|read-only"),
    Wrong(
        "topk of values",
        "n_m_sparsify",
        groups_by_topk_of_torch,
        "ranks signed values|in part ranks signed values",
        {},
        "torch",
    ),
    Wrong("n dropped", "n_m_sparsify", one_in_four_dropped, "drops n entries of a group", {"n": 1}),
    Wrong("no mask", "masked_sgd_step", step_without_mask, "ignores the mask"),
    Wrong("times the mask", "masked_sgd_step", step_times_mask, "pruned negatives become -0"),
    Wrong("mask before", "masked_sgd_step", step_with_mask_before, "before the step and not after"),
    Wrong(
        "torch, gradient masked", "masked_sgd_step", torch_with_masked_gradient, "masks the gradient alone", {}, "torch"
    ),
    Wrong(
        "torch, weights masked",
        "masked_sgd_step",
        torch_with_masked_weights,
        "masks the weights and not the velocity",
        {},
        "torch",
    ),
    Wrong("torch, nesterov", "masked_sgd_step", torch_nesterov, "Nesterov", {}, "torch"),
    Wrong("torch, dampened", "masked_sgd_step", torch_dampened, "1 - momentum", {}, "torch"),
    Wrong(
        "torch, maximizing", "masked_sgd_step", torch_maximizing, "follows no rule|in part|differs only", {}, "torch"
    ),
    Wrong("torch, no momentum", "masked_sgd_step", torch_without_momentum, "takes no momentum", {}, "torch"),
    Wrong("decoupled", "masked_sgd_step", step_with_decay_after, r"lr \* weight_decay, decoupled"),
    Wrong("decay after the mask", "masked_sgd_step", step_with_decay_after_the_mask, "weight_decay after the mask"),
    Wrong(
        "velocity forgotten, weights times the mask",
        "masked_sgd_step",
        step_of_multiplied_weights,
        "masks the weights and not the velocity; this explains all .* but the sign",
    ),
    Wrong("no decay", "masked_sgd_step", step_without_decay, "takes no weight_decay"),
    Wrong("lr in the velocity", "masked_sgd_step", step_with_lr_in_velocity, "folds -lr into the velocity"),
    Wrong("derivative of d w^2", "masked_sgd_step", step_with_half_the_decay, "decays by 2"),
    Wrong("nonzero weights", "masked_sgd_step", step_of_nonzero_weights, "weights that are not 0 for the mask"),
    Wrong(
        "velocity dies away", "masked_sgd_step", step_whose_velocity_dies_away, "lets the velocity of pruned weights"
    ),
    Wrong("into the velocity", "masked_sgd_step", step_into_the_velocity, "changes its input velocity"),
    Wrong("one array", "masked_sgd_step", step_of_weights_alone, "returns an array|it must be 2 arrays"),
    Wrong("another lr", "masked_sgd_step", exact_step, "takes 0.1 for lr|lr=0.1", {"lr": 0.5}),
    Wrong("another decay", "masked_sgd_step", exact_step, "weight_decay=0.01", {"weight_decay": 0.5}),
]

RIGHT = [
    Right("fractions", "keep_count", exact_count),
    Right("decimals", "keep_count", count_by_decimals),
    Right("integers", "keep_count", count_by_integers),
    Right("never above the sparsity", "keep_count", never_above_the_sparsity, {"rounding": "ceil"}),
    Right("floor of the pruned", "keep_count", pruned_by_fractions, {"rounding": "floor", "counts": "pruned"}),
    Right("sorting", "n_m_sparsify", groups_by_sorting),
    Right("python", "n_m_sparsify", groups_by_python, {"dtype": "float64"}),
    Right("rounds", "n_m_sparsify", groups_by_rounds, {"dtype": "float16"}),
    Right("torch", "n_m_sparsify", groups_by_torch, {}, "torch"),
    Right("axis 0", "n_m_sparsify", groups_down_axis_0, {"axis": 0}),
    Right("4:16", "n_m_sparsify", four_in_sixteen, {"n": 4, "m": 16, "dtype": "bfloat16"}),
    Right("numpy", "masked_sgd_step", exact_step),
    Right("numpy, float64", "masked_sgd_step", exact_step, {"dtype": "float64"}),
    Right("numpy, float16", "masked_sgd_step", exact_step, {"dtype": "float16"}),
    Right("torch.optim.SGD", "masked_sgd_step", step_of_torch, {}, "torch"),
    Right("another order", "masked_sgd_step", step_in_another_order),
    Right("jax", "masked_sgd_step", step_of_jax, {}, "jax"),
    Right("fractions", "masked_sgd_step", step_by_fractions, {"dtype": "float64"}),
    Right(
        "neither momentum nor decay", "masked_sgd_step", plain_step, {"lr": 0.5, "momentum": 0.0, "weight_decay": 0.0}
    ),
]

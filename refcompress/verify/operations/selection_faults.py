"""Wrong ways to choose the k entries that stay, as masks: what ``top_k_mask``, ``sparsify`` and ``prune`` share.

A rule takes x, k and the settings and marks what it keeps. Rules on lines see x as (lines, n): one line for the whole
array, or all slices along the ``axis`` of the settings.
"""

from collections.abc import Callable

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.selection import UNSIGNED, top_k_mask
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings

Rule = Callable[[Array, int, Settings], Array]


def by_lines(rule: Rule, x: Array, k: int, settings: Settings) -> Array:
    """Apply a rule for lines to the whole of x or along the axis of the settings."""
    axis = settings.get("axis")
    if axis is None:
        return rule(x.reshape(1, -1), k, settings).reshape(x.shape)
    moved = np.moveaxis(x, axis, -1)
    lines = moved.reshape(int(np.prod(moved.shape[:-1])), moved.shape[-1])
    return np.moveaxis(rule(lines, k, settings).reshape(moved.shape), -1, axis)


def right_mask(x: Array, k: int, settings: Settings) -> Array:
    """Return the mask of the reference."""
    return top_k_mask(x, k, ties=settings["ties"], axis=settings.get("axis"))


def magnitude(x: Array) -> Array:
    """Return |x| in float64, which holds each of the dtypes."""
    return np.abs(x.astype(np.float64))


def first_by(key: Array, k: int, settings: Settings) -> Array:
    """Mark the k smallest keys of each line, of equal ones those that the settings prefer."""
    direction = -1 if settings["ties"] == "highest_index" else 1
    mask = np.zeros(key.shape, np.bool_)
    order = np.argsort(key[:, ::direction], kind="stable")[:, :k]
    np.put_along_axis(mask[:, ::direction], order, True, axis=1)
    return mask


def _ranked(score: Callable[[Array], Array]) -> Rule:
    """Keep exactly k, by another score than the magnitude; a NaN comes last."""
    return lambda x, k, settings: first_by(-score(x), k, settings)


def _counted(count: Callable[[int, int], int]) -> Rule:
    """Keep the largest magnitudes, but another number of them, from k and n."""
    return lambda x, k, settings: first_by(-magnitude(x), count(k, x.shape[1]), settings)


def _kth(values: Array, k: int) -> Array:
    """Return the k-th largest of each line, for k from 1 to n."""
    return np.sort(values)[:, values.shape[1] - k, np.newaxis]


def _at_least(x: Array, k: int, settings: Settings) -> Array:
    m = magnitude(x)
    return m >= _kth(m, k) if k else np.zeros(x.shape, np.bool_)


def _at_least_unguarded(x: Array, k: int, settings: Settings) -> Array:
    """Take ``sorted[-k]`` for the threshold, which for k = 0 is the smallest."""
    return _at_least(x, k, settings) if k else np.ones(x.shape, np.bool_)


def _above(x: Array, k: int, settings: Settings) -> Array:
    m = magnitude(x)
    return m > _kth(m, k) if k else np.zeros(x.shape, np.bool_)


def _above_next(x: Array, k: int, settings: Settings) -> Array:
    m = magnitude(x)
    return m > _kth(m, k + 1) if k < x.shape[1] else np.ones(x.shape, np.bool_)


def _quantile(compare: Callable[[Array, Array], Array]) -> Rule:
    def rule(x: Array, k: int, settings: Settings) -> Array:
        m = magnitude(x) if x.dtype.name == "bfloat16" else np.abs(x)
        if not m.size:
            return np.zeros(m.shape, np.bool_)
        return compare(m, np.quantile(m, 1 - k / m.shape[1], axis=1, keepdims=True))

    return rule


def _distinct(x: Array, k: int, settings: Settings) -> Array:
    mask = np.zeros(x.shape, np.bool_)
    for i, line in enumerate(magnitude(x)):
        levels = np.unique(line)
        if k and levels.size:
            mask[i] = line >= levels[-min(k, levels.size)]
    return mask


def _smallest(x: Array, k: int, settings: Settings) -> Array:
    return first_by(magnitude(x), k, settings)


def _close_is_tie(x: Array, k: int, settings: Settings) -> Array:
    """Take what ``isclose`` takes for equal for ties with the threshold."""
    if not k:
        return np.zeros(x.shape, np.bool_)
    m = magnitude(x)
    t = _kth(m, k)
    close = (m == t) | (np.isfinite(t) & (np.abs(m - t) <= 1e-8 + 1e-5 * t))
    return first_by(np.where(close, 0, t - m), k, settings)


def _both_ends(x: Array, k: int, settings: Settings) -> Array:
    """Keep half of k from each end of the sorted values."""
    mask = np.zeros(x.shape, np.bool_)
    order = np.argsort(x.astype(np.float64), kind="stable")
    ends = np.concatenate([order[:, : k // 2], order[:, x.shape[1] - (k - k // 2) :]], axis=1)
    np.put_along_axis(mask, ends, True, axis=1)
    return mask


def _nonzero(x: Array, k: int, settings: Settings) -> Array:
    m = magnitude(x)
    return first_by(-m, k, settings) & (m > 0)


def _bits(word: Callable[[Array], Array]) -> Rule:
    return lambda x, k, settings: first_by(~word(np.ascontiguousarray(x)), k, settings)


def _signed_word(x: Array) -> Array:
    return x.view(f"i{x.dtype.itemsize}")


def _unsigned_word(x: Array) -> Array:
    return x.view(UNSIGNED[x.dtype.itemsize])


def _nudged(x: Array, k: int, settings: Settings) -> Array:
    """Take a small multiple of the index off, so that earlier ties win."""
    steps = np.arange(x.shape[1]) * (-1e-6 if settings["ties"] == "highest_index" else 1e-6)
    return first_by(steps - magnitude(x), k, settings)


def _tail_ignored(x: Array, k: int, settings: Settings) -> Array:
    n = x.shape[1]
    seen = np.arange(n) < n - n % 8
    return np.asarray(first_by(np.where(seen, -magnitude(x), np.inf), k, settings) & seen)


def _infinity_last(x: Array) -> Array:
    m = magnitude(x)
    return np.where(np.isinf(m), -np.inf, m)


def _flushed(x: Array) -> Array:
    m = magnitude(x)
    return np.where(m < FLOATS[x.dtype.name][2], 0.0, m)


def _normalized(x: Array) -> Array:
    m = np.abs(x)
    return np.asarray(m / m.max(axis=1, keepdims=True, initial=0))


def _held_in(name: str) -> Callable[[Array], Array]:
    return lambda x: np.abs(x).astype(float_dtype(name))


def values_in(name: str) -> Callable[[Array], Array]:
    """Return the change of holding values in another dtype."""
    return lambda values: values.astype(float_dtype(name)).astype(values.dtype)


def values_flushed(values: Array) -> Array:
    """Turn subnormals into 0."""
    return np.where(magnitude(values) < FLOATS[values.dtype.name][2], values * 0, values)


def _columns_first(x: Array, k: int, settings: Settings) -> Array:
    """Count down the columns: ties are then decided in Fortran order."""
    if settings.get("axis") is not None:
        return right_mask(x, k, settings)
    return right_mask(x.T, k, settings).T


def _share_of_rows(x: Array, k: int, settings: Settings) -> Array:
    """Keep the same number in every row of the last axis, k in all."""
    if settings.get("axis") is not None or x.ndim < 2 or not x.size:
        return right_mask(x, k, settings)
    return right_mask(x, k // (x.size // x.shape[-1]), {**settings, "axis": -1})


def _lines(rule: Rule) -> Rule:
    return lambda x, k, settings: by_lines(rule, x, k, settings)


# name, what it does, the rule
RULES: tuple[tuple[str, str, Rule], ...] = (
    ("signed", "ranks signed values instead of magnitudes", _lines(_ranked(lambda x: x.astype(np.float64)))),
    ("at_least_kth", "keeps all that tie with the k-th largest magnitude: more than k", _lines(_at_least)),
    (
        "at_least_unguarded",
        "keeps all that tie with the k-th largest magnitude: more than k; and all entries where k is 0",
        _lines(_at_least_unguarded),
    ),
    ("above_kth", "keeps only what exceeds the k-th largest magnitude: fewer than k", _lines(_above)),
    (
        "above_next",
        "keeps only what exceeds the largest magnitude to be dropped: fewer than k at ties",
        _lines(_above_next),
    ),
    ("at_least_quantile", "keeps what reaches an interpolated quantile of |x|", _lines(_quantile(np.greater_equal))),
    ("above_quantile", "keeps what exceeds an interpolated quantile of |x|", _lines(_quantile(np.greater))),
    ("distinct", "counts equal magnitudes once: it keeps the k largest distinct ones", _lines(_distinct)),
    ("squares", "ranks x * x, which underflows and overflows to ties", _lines(_ranked(lambda x: x * x))),
    ("smallest", "keeps the k smallest magnitudes", _lines(_smallest)),
    ("inverted", "keeps what must go and drops what must stay", lambda x, k, s: ~right_mask(x, k, s)),
    ("drops_k", "drops k entries instead of keeping k", _lines(_counted(lambda k, n: n - k))),
    ("k_plus_one", "keeps k + 1 entries", _lines(_counted(lambda k, n: min(k + 1, n)))),
    ("k_minus_one", "keeps k - 1 entries", _lines(_counted(lambda k, n: max(k - 1, 0)))),
    ("first_k", "keeps k entries by their index, whatever their magnitude", _lines(_ranked(np.zeros_like))),
    ("both_ends", "keeps half of k from each end of the sorted values", _lines(_both_ends)),
    ("negatives_as_zero", "ranks negative values as zeros", _lines(_ranked(lambda x: np.maximum(x, 0)))),
    ("never_zero", "never keeps a zero", _lines(_nonzero)),
    ("ranks_float16", "ranks magnitudes in float16", _lines(_ranked(_held_in("float16")))),
    ("ranks_bfloat16", "ranks magnitudes in bfloat16", _lines(_ranked(_held_in("bfloat16")))),
    ("ranks_float32", "ranks magnitudes in float32", _lines(_ranked(_held_in("float32")))),
    ("whole_parts", "ranks magnitudes cut to integers", _lines(_ranked(lambda x: np.trunc(magnitude(x))))),
    ("normalized", "ranks |x| / max |x|, where neighbours become ties", _lines(_ranked(_normalized))),
    ("nudged", "ranks |x| less 1e-6 times the index, which overtakes close magnitudes", _lines(_nudged)),
    ("close_is_tie", "takes magnitudes that are close (isclose) for ties", _lines(_close_is_tie)),
    ("subnormals_flushed", "ranks subnormals as zeros", _lines(_ranked(_flushed))),
    ("infinities_last", "ranks infinities behind all else", _lines(_ranked(_infinity_last))),
    ("bits_unsigned", "ranks bit patterns with the sign bit: negative values first", _lines(_bits(_unsigned_word))),
    ("bits_signed", "ranks bit patterns as signed integers: negative values last", _lines(_bits(_signed_word))),
    ("tail_ignored", "never keeps one of the last n mod 8 entries", _lines(_tail_ignored)),
    ("columns_first", "breaks ties in Fortran order: down the columns", _columns_first),
    ("share_of_rows", "keeps the same number in each row, k in all", _share_of_rows),
)


def selection_faults(answer: Callable[[Array, Array, Settings], object]) -> tuple[Fault, ...]:
    """Return every rule as a fault of an operation; ``answer`` makes its result of x and a mask."""

    def fault(name: str, statement: str, rule: Rule) -> Fault:
        def wrong(args: Arguments, settings: Settings) -> object:
            return answer(args[0], rule(args[0], args[1], settings), settings)

        return Fault(name, statement, wrong)

    return tuple(fault(*row) for row in RULES)

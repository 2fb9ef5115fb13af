"""Top-k masks, sparsification and pruning as people write them, right and wrong."""

import heapq
from fractions import Fraction

import numpy as np
from verify.faults.kinds import Right, Wrong

# Wrong: masks


def mask_reaching_the_kth(x, k):
    size = np.abs(x)
    if k == 0:
        return np.zeros(x.shape, bool)
    return size >= np.sort(size, axis=None)[::-1][k - 1]


def mask_reaching_the_kth_unguarded(x, k):
    if x.size == 0:
        return np.zeros(x.shape, bool)
    size = np.abs(x)
    return size >= np.partition(size.ravel(), -k)[-k]


def mask_above_the_kth(x, k):
    size = np.abs(x)
    if k == 0:
        return np.zeros(x.shape, bool)
    return size > np.sort(size, axis=None)[x.size - k]


def mask_above_the_pruned(x, k):
    size, drop = np.abs(x), x.size - k
    if drop == 0:
        return np.ones(x.shape, bool)
    return size > np.partition(size.ravel(), drop - 1)[drop - 1]


def mask_by_quantile(x, k):
    size = np.abs(x)
    if x.size == 0:
        return np.zeros(x.shape, bool)
    with np.errstate(invalid="ignore"):
        return size >= np.quantile(size, 1 - k / x.size)


def mask_by_percentile_above(x, k):
    size = np.abs(x)
    if x.size == 0:
        return np.zeros(x.shape, bool)
    with np.errstate(invalid="ignore"):
        return size > np.quantile(size, 1 - k / x.size)


def mask_signed(x, k):
    order = sorted(range(x.size), key=lambda i: -float(x.flat[i]))
    return marked(x.shape, order[:k])


def mask_squares(x, k):
    with np.errstate(all="ignore"):
        score = (x * x).ravel()
    return marked(x.shape, sorted(range(x.size), key=lambda i: (-score[i], i))[:k])


def mask_each_row(x, k):
    mask = np.zeros(x.shape, bool)
    if x.ndim < 2 or x.size == 0:
        return stable_mask(x, k)
    for row, flags in zip(x.reshape(-1, x.shape[-1]), mask.reshape(-1, x.shape[-1]), strict=True):
        flags[np.argsort(-np.abs(row), kind="stable")[:k]] = True
    return mask


def mask_smallest(x, k):
    return marked(x.shape, np.argsort(np.abs(x), axis=None, kind="stable")[:k])


def mask_last_of_equals(x, k):
    order = np.argsort(np.abs(x), axis=None, kind="stable")
    return marked(x.shape, order[x.size - k :])


def mask_argpartition(x, k):
    """Ties fall where the partition leaves them."""
    if k == 0:
        return np.zeros(x.shape, bool)
    return marked(x.shape, np.argpartition(np.abs(x).ravel(), x.size - k)[x.size - k :])


def mask_middle_of_equals(x, k):
    size = np.abs(x).ravel()
    return marked(x.shape, np.lexsort((np.abs(np.arange(x.size) - x.size // 2), -size))[:k])


def mask_one_more(x, k):
    return stable_mask(x, k + 1)


def mask_one_less(x, k):
    return stable_mask(x, max(0, k - 1))


def mask_inverted(x, k):
    return ~stable_mask(x, k)


def mask_drops_k(x, k):
    return stable_mask(x, x.size - k)


def mask_half_precision(x, k):
    with np.errstate(over="ignore"):
        return stable_mask(x.astype(np.float16), k)


def mask_single_precision(x, k):
    with np.errstate(over="ignore"):
        return stable_mask(x.astype(np.float32), k)


def mask_raw_bits(x, k):
    words = np.ascontiguousarray(x).view(np.int32).ravel()
    return marked(x.shape, sorted(range(x.size), key=lambda i: (-int(words[i]), i))[:k])


def mask_fortran_ties(x, k):
    flat = np.abs(x).ravel(order="F")
    mask = np.zeros(x.size, bool)
    mask[np.argsort(-flat, kind="stable")[:k]] = True
    return mask.reshape(x.shape, order="F")


def mask_memory_order(x, k):
    flat = np.abs(x).ravel(order="K")
    mask = np.zeros(x.size, bool)
    mask[np.argsort(-flat, kind="stable")[:k]] = True
    return mask.reshape(x.shape, order="F" if x.flags.f_contiguous and not x.flags.c_contiguous else "C")


def mask_zero_is_nothing(x, k):
    return stable_mask(x, k) & (x != 0)


def mask_unique_levels(x, k):
    levels = sorted({abs(v) for v in x.ravel().tolist()}, reverse=True)[:k]
    return np.isin(np.abs(x), np.array(levels, x.dtype)) if levels else np.zeros(x.shape, bool)


def mask_isclose(x, k):
    if k == 0:
        return np.zeros(x.shape, bool)
    size = np.abs(x).ravel().astype(np.float64)
    kth = np.sort(size)[x.size - k]
    close = np.isclose(size, kth)
    first = np.flatnonzero((size > kth) & ~close)
    return marked(x.shape, [*first, *np.flatnonzero(close)][:k])


def mask_with_index_nudge(x, k):
    score = np.abs(x).ravel() - np.float32(1e-6) * np.arange(x.size, dtype=np.float32)
    return marked(x.shape, np.argsort(-score, kind="stable")[:k])


def mask_scaled_to_one(x, k):
    if x.size == 0:
        return np.zeros(x.shape, bool)
    with np.errstate(all="ignore"):
        return marked(x.shape, np.argsort(-(np.abs(x) / np.abs(x).max()), axis=None, kind="stable")[:k])


def mask_both_tails(x, k):
    order = np.argsort(x, axis=None, kind="stable")
    return marked(x.shape, [*order[: k // 2], *order[x.size - (k - k // 2) :]])


def mask_whole_vectors(x, k):
    size = np.abs(x).ravel()
    whole = x.size // 8 * 8
    return marked(x.shape, np.argsort(-size[:whole], kind="stable")[:k])


def mask_fails_on_empty(x, k):
    if k == 0:
        return np.zeros(x.shape, bool) & (np.abs(x).max() > 0)
    return stable_mask(x, k)


def mask_flat(x, k):
    return stable_mask(x, k).ravel()


def columns_mask(x, k):
    """Along axis 0 where rows were asked for."""
    mask = np.zeros(x.shape, bool)
    order = np.argsort(-np.abs(x), axis=0, kind="stable")[:k]
    np.put_along_axis(mask, order, True, axis=0)
    return mask


# Wrong: sparse arrays


def sparse_by_product(x, k):
    with np.errstate(invalid="ignore"):
        return x * stable_mask(x, k)


def sparse_in_place(x, k):
    if not x.flags.writeable:
        x = x.copy()
    x[~stable_mask(x, k)] = 0
    return x


def sparse_negative_zero_lost(x, k):
    return np.where(stable_mask(x, k), x, 0) + np.float32(0)


def sparse_keeps_zeros(x, k):
    out = x.copy()
    out[(x != 0) & ~stable_mask(x, k)] = 0
    return out


def sparse_soft(x, k):
    if k == 0:
        return np.zeros_like(x)
    kth = np.sort(np.abs(x), axis=None)[x.size - k]
    with np.errstate(invalid="ignore"):
        return np.where(stable_mask(x, k), np.copysign(np.abs(x) - kth, x), np.float32(0))


def sparse_threshold(x, k):
    if k == 0:
        return np.zeros_like(x)
    kth = sorted(abs(v) for v in x.ravel().tolist())[-k]
    return np.array([v if abs(v) >= kth else 0.0 for v in x.ravel().tolist()], x.dtype).reshape(x.shape)


def sparse_by_value(x, k):
    out = np.zeros(x.size, x.dtype)
    for i in heapq.nlargest(k, range(x.size), key=lambda i: (x.flat[i], -i)):
        out[i] = x.flat[i]
    return out.reshape(x.shape)


def sparse_unsigned(x, k):
    return np.where(stable_mask(x, k), np.abs(x), np.float32(0))


def sparse_dropout(x, k):
    scale = np.float32(x.size / k) if k else np.float32(1)
    with np.errstate(all="ignore"):
        return np.where(stable_mask(x, k), x * scale, np.float32(0))


def sparse_flushed(x, k):
    normal = np.where(np.abs(x) < np.finfo(x.dtype).tiny, x * 0, x)
    return np.where(stable_mask(x, k), normal, np.float32(0))


def sparse_nan_scrubbed(x, k):
    return np.where(stable_mask(x, k), np.nan_to_num(x), np.float32(0))


def sparse_compact(x, k):
    return x[stable_mask(x, k)]


def sparse_none(x, k):
    x.copy()[~stable_mask(x, k)] = 0


# Wrong: listings


def pruned_by_magnitude(x, k):
    places = np.argsort(-np.abs(x), axis=None, kind="stable")[:k]
    return x.ravel()[places], places


def pruned_smallest_first(x, k):
    places = np.sort(np.argsort(-np.abs(x), axis=None, kind="stable")[:k])
    places = sorted(places, key=lambda i: abs(x.flat[i]))
    return x.ravel()[places] if places else np.zeros(0, x.dtype), np.array(places, int)


def pruned_indices_sorted_alone(x, k):
    places = np.argsort(-np.abs(x), axis=None, kind="stable")[:k]
    return x.ravel()[places], np.sort(places)


def pruned_within_rows(x, k):
    places = np.flatnonzero(stable_mask(x, k))
    return x.ravel()[places], places % max(1, x.shape[-1] if x.ndim else 1)


def pruned_down_columns(x, k):
    flat = x.ravel(order="F")
    places = np.sort(np.argsort(-np.abs(flat), kind="stable")[:k])
    return flat[places], places


def pruned_from_one(x, k):
    places = np.flatnonzero(stable_mask(x, k))
    return x.ravel()[places], places + 1


def pruned_magnitudes(x, k):
    places = np.flatnonzero(stable_mask(x, k))
    return np.abs(x).ravel()[places], places


def pruned_nonzero(x, k):
    sparse = np.where(stable_mask(x, k), x, 0).ravel()
    places = np.flatnonzero(sparse)
    return sparse[places], places


def pruned_argpartition(x, k):
    if k == 0:
        return np.zeros(0, x.dtype), np.zeros(0, int)
    places = np.sort(np.argpartition(-np.abs(x).ravel(), k - 1)[:k])
    return x.ravel()[places], places


def pruned_reaching_the_kth(x, k):
    if k == 0:
        return np.zeros(0, x.dtype), np.zeros(0, int)
    places = np.flatnonzero(np.abs(x).ravel() >= np.sort(np.abs(x), axis=None)[-k])
    return x.ravel()[places], places


def pruned_values_alone(x, k):
    return x.ravel()[np.flatnonzero(stable_mask(x, k))]


def pruned_swapped(x, k):
    places = np.flatnonzero(stable_mask(x, k))
    return places, x.ravel()[places]


def pruned_multi_index(x, k):
    places = np.argwhere(stable_mask(x, k))
    return x[stable_mask(x, k)], places


def marked(shape, places):
    mask = np.zeros(int(np.prod(shape)), bool)
    mask[np.asarray(places, int)] = True
    return mask.reshape(shape)


def stable_mask(x, k):
    return marked(x.shape, np.argsort(-np.abs(x), axis=None, kind="stable")[:k])


# Right: masks


def mask_by_sorted(x, k):
    values = x.ravel().tolist()
    kept = set(sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))[:k])
    return np.array([i in kept for i in range(len(values))], bool).reshape(x.shape)


def mask_by_lexsort(x, k):
    size = np.abs(x).ravel()
    return marked(x.shape, np.lexsort((np.arange(x.size), -size))[:k])


def mask_by_bits(x, k):
    """Integers hold magnitude and index: no two are equal, and any sort will do."""
    words = [int(w) & 0x7FFFFFFF for w in np.ascontiguousarray(x).view(np.uint32).ravel()]
    keys = sorted(((w << 32) | (2**32 - 1 - i) for i, w in enumerate(words)), reverse=True)[:k]
    return marked(x.shape, [2**32 - 1 - (key & (2**32 - 1)) for key in keys])


def mask_by_threshold_and_count(x, k):
    if k == 0:
        return np.zeros(x.shape, bool)
    size = np.abs(x).ravel()
    kth = np.partition(size, x.size - k)[x.size - k]
    mask = size > kth
    mask[np.flatnonzero(size == kth)[: k - mask.sum()]] = True
    return mask.reshape(x.shape)


def mask_by_levels(x, k):
    levels, group, counts = np.unique(np.abs(x), return_inverse=True, return_counts=True)
    mask, left = np.zeros(x.size, bool), k
    for level in range(levels.size - 1, -1, -1):
        members = np.flatnonzero(group.ravel() == level)[:left] if left else []
        mask[members] = True
        left -= min(left, counts[level])
    return mask.reshape(x.shape)


def mask_as_nested_lists(x, k):
    return mask_by_sorted(x, k).tolist()


def mask_as_integers(x, k):
    return mask_by_lexsort(x, k).astype(np.int8)


def slices_mask(x, k):
    places = np.argsort(np.argsort(-np.abs(x), axis=1, kind="stable"), axis=1, kind="stable")
    return places < k


def last_axis_by_heap(x, k):
    mask = np.zeros(x.shape, bool)
    for place in np.ndindex(x.shape[:-1]):
        row = np.abs(x[place]).tolist()
        for i in heapq.nlargest(k, range(len(row)), key=lambda i: (row[i], i)):
            mask[(*place, i)] = True
    return mask


# Right: sparse arrays


def sparse_by_heap(x, k):
    values, out = x.ravel(), np.zeros(x.size, x.dtype)
    for i in heapq.nlargest(k, range(x.size), key=lambda i: (abs(values[i]), -i)):
        out[i] = values[i]
    return out.reshape(x.shape)


def sparse_by_zeroing(x, k):
    """Take the smallest away, one after the other; of equal ones the last."""
    out, size = x.copy().reshape(-1), np.abs(x).ravel()
    order = np.lexsort((-np.arange(x.size), size))
    for i in order[: x.size - k]:
        out[i] = 0
    return out.reshape(x.shape)


def sparse_with_fractions(x, k):
    def exact(v):
        return (1, 0) if np.isinf(v) else (0, abs(Fraction(float(v))))

    values = x.ravel()
    kept = set(sorted(range(x.size), key=lambda i: exact(values[i]), reverse=True)[:k])
    return np.array([v if i in kept else 0 for i, v in enumerate(values)], x.dtype).reshape(x.shape)


def sparse_by_bits(x, k):
    """The mask as all ones or all zeros over the bits."""
    words = np.ascontiguousarray(x).view(np.uint32).reshape(x.shape)
    cover = (0 - mask_by_threshold_and_count(x, k).astype(np.uint32)).astype(np.uint32)
    return np.asarray(words & cover).view(np.float32)


def sparse_in_double(x, k):
    wide = x.astype(np.float64)
    return np.where(stable_mask(wide, k), wide, 0.0)


# Right: listings


def pruned_by_repeated_argmax(x, k):
    size, kept = np.abs(x).astype(np.float64).ravel(), []
    for _ in range(k):
        kept.append(int(np.argmax(size)))
        size[kept[-1]] = -1
    kept.sort()
    return x.ravel()[kept] if kept else np.zeros(0, x.dtype), np.array(kept, np.int64)


def pruned_as_lists(x, k):
    values = x.ravel().tolist()
    kept = sorted(sorted(range(len(values)), key=lambda i: -abs(values[i]))[:k])
    return [values[i] for i in kept], kept


def pruned_by_flags(x, k):
    flags = mask_by_levels(x, k)
    return x[flags], np.flatnonzero(flags).astype(np.int32)


def ranked_by_sorted(x, k):
    values = x.ravel()
    kept = sorted(range(x.size), key=lambda i: (-abs(float(values[i])), -i))[:k]
    return values[kept] if kept else values[:0], np.array(kept, int)


WRONG = [
    Wrong("keeps all that reach the k-th", "top_k_mask", mask_reaching_the_kth, "ties? .*more than k; this"),
    Wrong(
        "keeps all at k = 0", "top_k_mask", mask_reaching_the_kth_unguarded, "more than k; and all entries where k is 0"
    ),
    Wrong("strictly above the k-th", "top_k_mask", mask_above_the_kth, "exceeds the k-th .* fewer than k"),
    Wrong("strictly above the pruned", "top_k_mask", mask_above_the_pruned, "largest magnitude to be dropped"),
    Wrong("quantile", "top_k_mask", mask_by_quantile, "reaches an interpolated quantile"),
    Wrong("above the quantile", "top_k_mask", mask_by_percentile_above, "exceeds an interpolated quantile"),
    Wrong("signed values", "top_k_mask", mask_signed, "signed values"),
    Wrong("squares", "top_k_mask", mask_squares, r"x \* x"),
    Wrong("each row", "top_k_mask", mask_each_row, "each row .*axis=-1 on all"),
    Wrong("smallest", "top_k_mask", mask_smallest, "k smallest"),
    Wrong("last of equals", "top_k_mask", mask_last_of_equals, "highest index"),
    Wrong("first of equals", "top_k_mask", stable_mask, "lowest index", {"ties": "highest_index"}),
    Wrong("argpartition", "top_k_mask", mask_argpartition, "differs only among equal magnitudes at the threshold"),
    Wrong("middle of equals", "top_k_mask", mask_middle_of_equals, "equal magnitudes"),
    Wrong("one more", "top_k_mask", mask_one_more, r"k \+ 1"),
    Wrong("one less", "top_k_mask", mask_one_less, "k - 1"),
    Wrong("inverted", "top_k_mask", mask_inverted, "keeps what must go"),
    Wrong("k dropped", "top_k_mask", mask_drops_k, "drops k entries"),
    Wrong("float16", "top_k_mask", mask_half_precision, "in float16"),
    Wrong("float32 for float64", "top_k_mask", mask_single_precision, "in float32", {"dtype": "float64"}),
    Wrong("raw bits", "top_k_mask", mask_raw_bits, "bit patterns as signed integers"),
    Wrong("ties by columns", "top_k_mask", mask_fortran_ties, "Fortran order"),
    Wrong("order of memory", "top_k_mask", mask_memory_order, "on fortran|strides|not contiguous|reversed"),
    Wrong("zero is nothing", "top_k_mask", mask_zero_is_nothing, "never keeps a zero"),
    Wrong("levels", "top_k_mask", mask_unique_levels, "distinct"),
    Wrong("isclose", "top_k_mask", mask_isclose, "isclose"),
    Wrong("index nudge", "top_k_mask", mask_with_index_nudge, "1e-6 times the index"),
    Wrong("scaled to one", "top_k_mask", mask_scaled_to_one, "max"),
    Wrong("both tails", "top_k_mask", mask_both_tails, "each end"),
    Wrong("whole vectors of 8", "top_k_mask", mask_whole_vectors, "n mod 8"),
    Wrong("fails on empty", "top_k_mask", mask_fails_on_empty, "raises ValueError: zero-size .*0-d, empty"),
    Wrong("flat mask", "top_k_mask", mask_flat, r"returns shape \(\d+,\)"),
    Wrong("columns for rows", "top_k_mask", columns_mask, "slice along axis 0", {"axis": 1}),
    Wrong("product", "sparsify", sparse_by_product, "multiplies x by the mask"),
    Wrong("in place", "sparsify", sparse_in_place, "changes its input x"),
    Wrong("sign of zero", "sparsify", sparse_negative_zero_lost, "kept -0 into 0"),
    Wrong("dropped -0 stays", "sparsify", sparse_keeps_zeros, "leaves -0"),
    Wrong("soft threshold", "sparsify", sparse_soft, "soft threshold"),
    Wrong("threshold", "sparsify", sparse_threshold, "more than k"),
    Wrong("by value", "sparsify", sparse_by_value, "signed values"),
    Wrong("unsigned", "sparsify", sparse_unsigned, "sign of what stays"),
    Wrong("dropout", "sparsify", sparse_dropout, "n / k"),
    Wrong("flushed", "sparsify", sparse_flushed, "subnormals"),
    Wrong("infinities scrubbed", "sparsify", sparse_nan_scrubbed, "where x is infinite"),
    Wrong("compact", "sparsify", sparse_compact, r"returns shape \(\d+,\)"),
    Wrong("nothing", "sparsify", sparse_none, "returns None"),
    Wrong("by magnitude", "prune", pruned_by_magnitude, "by magnitude, the largest first; agrees with order=magnitude"),
    Wrong("smallest first", "prune", pruned_smallest_first, "smallest first"),
    Wrong("indices sorted alone", "prune", pruned_indices_sorted_alone, "do not pair"),
    Wrong("within rows", "prune", pruned_within_rows, "places within the rows"),
    Wrong("down columns", "prune", pruned_down_columns, "flattens x in Fortran order"),
    Wrong("from one", "prune", pruned_from_one, "indices from 1"),
    Wrong("magnitudes", "prune", pruned_magnitudes, "sign of the values is lost"),
    Wrong("nonzero of the sparse", "prune", pruned_nonzero, "never keeps a zero"),
    Wrong("argpartition", "prune", pruned_argpartition, "equal magnitudes at the threshold"),
    Wrong("all that reach the k-th", "prune", pruned_reaching_the_kth, "more than k"),
    Wrong("values alone", "prune", pruned_values_alone, "must be 2 arrays"),
    Wrong("swapped", "prune", pruned_swapped, "indices first and the values second"),
    Wrong("indices of every axis", "prune", pruned_multi_index, r"returns shape \(\d+, \d+\)"),
]
RIGHT = [
    Right("sorted with keys", "top_k_mask", mask_by_sorted),
    Right("lexsort", "top_k_mask", mask_by_lexsort, {"dtype": "float64"}),
    Right("integers of magnitude and index", "top_k_mask", mask_by_bits),
    Right("threshold and count", "top_k_mask", mask_by_threshold_and_count, {"dtype": "float16"}),
    Right("level by level", "top_k_mask", mask_by_levels),
    Right("nested lists", "top_k_mask", mask_as_nested_lists),
    Right("small integers", "top_k_mask", mask_as_integers),
    Right("sort of all slices", "top_k_mask", slices_mask, {"axis": 1}),
    Right("heap of each row", "top_k_mask", last_axis_by_heap, {"axis": -1, "ties": "highest_index"}),
    Right("heap", "sparsify", sparse_by_heap),
    Right("zeroing from the bottom", "sparsify", sparse_by_zeroing, {"dtype": "bfloat16"}),
    Right("fractions", "sparsify", sparse_with_fractions),
    Right("bits under a cover", "sparsify", sparse_by_bits, {"check_dtype": True}),
    Right("in float64", "sparsify", sparse_in_double),
    Right("repeated argmax", "prune", pruned_by_repeated_argmax),
    Right("lists", "prune", pruned_as_lists),
    Right("flags", "prune", pruned_by_flags),
    Right("ranked by sorted", "prune", ranked_by_sorted, {"order": "magnitude", "ties": "highest_index"}),
]

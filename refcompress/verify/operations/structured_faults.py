"""Known wrong ways to n:m sparsity: other groups, and in each group what is known of the selection of k entries."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.selection_faults import RULES, first_by, magnitude
from refcompress.verify.operations.sparsify import SPARSIFY_FAULTS
from refcompress.verify.operations.structured_cases import grouped, in_group, sparse, ungrouped

Mask = Callable[[Array, Settings], Array]


def in_any_groups(args: Arguments, settings: Settings) -> Array:
    """Return the answer of one who follows other settings: where m does not divide, the last group is short."""
    x = args[0]
    moved = np.moveaxis(x, settings["axis"], -1)
    missing = -moved.shape[-1] % settings["m"]
    filled = np.concatenate([moved, np.zeros((*moved.shape[:-1], missing), x.dtype)], axis=-1)
    last = settings["ties"] == "highest_index"  # so that what is filled in takes no place
    whole = sparse((filled[..., ::-1] if last else filled,), {**settings, "axis": -1, "ties": "lowest_index"})
    whole = whole[..., ::-1] if last else whole
    return np.moveaxis(whole[..., : moved.shape[-1]], -1, settings["axis"])


def _masked(mask: Mask) -> Callable[[Arguments, Settings], Array]:
    return lambda args, settings: np.where(mask(args[0], settings), args[0], 0)


def _largest(x: Array, n: int, settings: Settings) -> Array:
    """Mark the n largest magnitudes of every row of (rows, length)."""
    return first_by(-magnitude(x), n, settings)


def right_mask(x: Array, settings: Settings) -> Array:
    """Return the mask of the reference."""
    return ungrouped(_largest(grouped(x, settings), settings["n"], settings), x.shape, settings)


def _drops_n(x: Array, settings: Settings) -> Array:
    n = min(settings["n"], settings["m"])
    return ungrouped(_largest(grouped(x, settings), settings["m"] - n, settings), x.shape, settings)


def _second_axis(x: Array, settings: Settings) -> Array:
    other = {**settings, "axis": 1}
    if x.ndim < 3 or x.shape[1] % settings["m"]:
        return right_mask(x, settings)
    return right_mask(x, other)


def _of_rows(x: Array, settings: Settings) -> Array:
    """Keep the share n / m of every line."""
    length = x.shape[settings["axis"]]
    whole = {**settings, "m": length}
    if not x.size:
        return right_mask(x, settings)
    return ungrouped(_largest(grouped(x, whole), length * settings["n"] // settings["m"], settings), x.shape, whole)


def _of_array(x: Array, settings: Settings) -> Array:
    count = x.size * settings["n"] // settings["m"]
    return _largest(x.reshape(1, -1), count, settings).reshape(x.shape)


def _strided(x: Array, settings: Settings) -> Array:
    """Group the entries i, i + L/m, i + 2 L/m, ... of a line of L entries."""
    moved = np.moveaxis(x, settings["axis"], -1)
    lines = moved.reshape(*moved.shape[:-1], settings["m"], moved.shape[-1] // settings["m"]).swapaxes(-1, -2)
    groups = lines.reshape(x.size // settings["m"], settings["m"])
    mask = _largest(groups, settings["n"], settings).reshape(lines.shape).swapaxes(-1, -2)
    return np.moveaxis(mask.reshape(moved.shape), -1, settings["axis"])


def _flattened(order: Any) -> Mask:
    """Count groups over the flattened array."""

    def mask(x: Array, settings: Settings) -> Array:
        groups = x.reshape(-1, order=order).reshape(-1, settings["m"])
        return _largest(groups, settings["n"], settings).reshape(-1).reshape(x.shape, order=order)

    return mask


def _one_mask(x: Array, settings: Settings) -> Array:
    """Choose by the sum of magnitudes over all lines, the same for each."""
    moved = magnitude(np.moveaxis(x, settings["axis"], -1))
    lines = moved.reshape(-1, moved.shape[-1]) if x.size else moved.reshape(0, moved.shape[-1])
    total = lines.sum(axis=0).reshape(-1, settings["m"])
    mask = np.broadcast_to(first_by(-total, settings["n"], settings).reshape(-1), moved.shape)
    return np.moveaxis(mask, -1, settings["axis"])


def _in_last_group(stays: bool) -> Mask:
    def mask(x: Array, settings: Settings) -> Array:
        right = np.moveaxis(right_mask(x, settings), settings["axis"], -1).copy()
        right[..., max(right.shape[-1] - settings["m"], 0) :] = stays
        return np.moveaxis(right, -1, settings["axis"])

    return mask


def _bit_zeros(x: Array, settings: Settings) -> Array:
    """Take the first n entries that are not all zero bits, of groups with at most n numbers that are not zero."""
    groups = grouped(x, settings)
    present = (groups != 0) | np.signbit(groups)
    first = present & (np.cumsum(present, axis=1) <= settings["n"])
    compressed = (groups != 0).sum(axis=1, keepdims=True) <= settings["n"]
    return ungrouped(np.where(compressed, first, _largest(groups, settings["n"], settings)), x.shape, settings)


def _pairs_then_pairs(x: Array, settings: Settings) -> Array:
    """Keep the better of every m / n neighbours: the same count, but not the best of the group."""
    m = settings["m"] // settings["n"] or 1
    return right_mask(x, {**settings, "n": 1, "m": m})


# rule of the selection in a group -> what it does, in words of n and m
IN_GROUPS = {
    "signed": "ranks signed values instead of magnitudes",
    "at_least_kth": "keeps all that tie with the n-th largest magnitude of a group: more than n",
    "above_kth": "keeps only what exceeds the n-th largest magnitude of a group: fewer than n",
    "above_next": "keeps only what exceeds the largest magnitude to be dropped: fewer than n at ties",
    "at_least_quantile": "keeps what reaches an interpolated quantile of the group",
    "distinct": "counts equal magnitudes once: it keeps the n largest distinct ones of a group",
    "squares": "ranks x * x, which underflows and overflows to ties",
    "smallest": "keeps the n smallest magnitudes of a group",
    "inverted": "keeps what must go and drops what must stay",
    "k_plus_one": "keeps n + 1 entries of a group",
    "k_minus_one": "keeps n - 1 entries of a group",
    "first_k": "keeps n entries of a group by their index, whatever their magnitude",
    "both_ends": "keeps half of n from each end of the sorted values",
    "negatives_as_zero": "ranks negative values as zeros",
    "ranks_float16": "ranks magnitudes in float16",
    "ranks_bfloat16": "ranks magnitudes in bfloat16",
    "ranks_float32": "ranks magnitudes in float32",
    "whole_parts": "ranks magnitudes cut to integers",
    "normalized": "ranks |x| / max |x| of the group, where neighbours become ties",
    "nudged": "ranks |x| less 1e-6 times the index, which overtakes close magnitudes",
    "close_is_tie": "takes magnitudes that are close (isclose) for ties",
    "subnormals_flushed": "ranks subnormals as zeros",
    "infinities_last": "ranks infinities behind all else",
    "bits_unsigned": "ranks bit patterns with the sign bit: negative values, and -0.0, first",
    "bits_signed": "ranks bit patterns as signed integers: negative values last",
}


def _in_group(rule: Callable[[Array, int, Settings], Array]) -> Mask:
    def mask(x: Array, settings: Settings) -> Array:
        n = min(settings["n"], settings["m"])
        return ungrouped(rule(grouped(x, settings), n, in_group(settings)), x.shape, settings)

    return mask


def _value_fault(fault: Fault) -> Fault:
    """Return a wrong way to make values of a right selection, in every group."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, n = args[0], min(settings["n"], settings["m"])
        return ungrouped(np.asarray(fault.answer((grouped(x, settings), n), in_group(settings))), x.shape, settings)

    statement = "multiplies what stays by m / n, as dropout does" if fault.name == "rescaled" else fault.statement
    return Fault(fault.name, statement, answer)


FAULTS = (
    *(Fault(name, IN_GROUPS[name], _masked(_in_group(rule))) for name, _, rule in RULES if name in IN_GROUPS),
    Fault("drops_n", "drops n entries of a group instead of keeping n", _masked(_drops_n)),
    Fault("second_axis", "groups along axis 1 of arrays of three and more dimensions", _masked(_second_axis)),
    Fault("share_of_rows", "keeps the share n / m of every line instead of n of each group", _masked(_of_rows)),
    Fault("share_of_array", "keeps the share n / m of the whole array instead of n of each group", _masked(_of_array)),
    Fault("strided_groups", "groups entries that lie L / m apart instead of consecutive ones", _masked(_strided)),
    Fault("flattened", "counts groups over the flattened array, in C order", _masked(_flattened("C"))),
    Fault("flattened_fortran", "counts groups over the flattened array, in Fortran order", _masked(_flattened("F"))),
    Fault("one_mask", "chooses by sums of magnitudes over all lines: one mask for all", _masked(_one_mask)),
    Fault("best_of_parts", "keeps the best of every m / n neighbours", _masked(_pairs_then_pairs)),
    Fault("last_group_whole", "leaves the last group along the axis as it is", _masked(_in_last_group(True))),
    Fault("last_group_zero", "drops the last group along the axis", _masked(_in_last_group(False))),
    Fault(
        "negative_zero_counts",
        "tests for zero by bit pattern: -0.0 takes one of the n places in a group that is sparse already",
        _masked(_bit_zeros),
    ),
    *(_value_fault(f) for f in SPARSIFY_FAULTS if f.name in (
        "times_mask", "dropped_keep_sign", "dropped_zeros_stay", "zero_sign_lost", "magnitudes", "signs",
        "mask_for_values", "rescaled", "values_flushed", "values_float16", "values_bfloat16", "values_float32",
    )),
)  # fmt: skip

"""``sparsify`` as an operation: the cases and wrong selections of ``top_k_mask``, and what can go wrong with values."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.sparsify import sparsify
from refcompress.verify.agreement import equal
from refcompress.verify.inputs import FLOATS
from refcompress.verify.operation import Arguments, Fault, Law, Operation, Region, Settings
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.selection import (
    AXIS_SETTING,
    INPUTS,
    REGIONS,
    TIES_SETTING,
    TYPICAL,
    by_hand,
    fitted,
    no_smaller_stays,
    reference_settings,
    ties_in_order,
)
from refcompress.verify.operations.selection_cases import REJECTS, search, selection_cases
from refcompress.verify.operations.selection_faults import (
    by_lines,
    magnitude,
    right_mask,
    selection_faults,
    values_flushed,
    values_in,
)


def _sparse(args: Arguments, settings: Settings) -> Array:
    return sparsify(*args, **reference_settings(settings))


def _fitted_sparse(args: Arguments, settings: Settings) -> Array:
    return _sparse(*fitted(args, settings))


def _where(x: Array, mask: Array, settings: Settings) -> Array:
    return np.where(mask, x, 0)


def _with(values: Callable[[Array, Array, Settings], Array]) -> Callable[[Arguments, Settings], Any]:
    """Select rightly, then make the result of x and the mask in another way."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return values(args[0], right_mask(args[0], args[1], settings), settings)

    return answer


def _kept_as(change: Callable[[Array], Array]) -> Callable[[Arguments, Settings], Any]:
    """Select rightly, then change what stays."""
    return _with(lambda x, mask, settings: np.where(mask, change(x), 0))


def _zeros_left(x: Array, mask: Array, settings: Settings) -> Array:
    return np.where(mask | (x == 0), x, 0)


def _soft(args: Arguments, settings: Settings) -> Any:
    """Take the smallest magnitude that stays off all of them."""
    mask = right_mask(args[0], args[1], settings)

    def rule(lines: Array, k: int, settings: Settings) -> Array:
        m = np.sort(np.abs(lines))
        t = m[:, m.shape[-1] - k, np.newaxis] if k else 0
        return np.asarray(np.copysign(np.abs(lines) - t, lines))

    return _where(by_lines(rule, args[0], args[1], settings), mask, settings)


def _rescaled(args: Arguments, settings: Settings) -> Any:
    """Multiply what stays by n / k, as dropout does."""
    x, k = args
    n = x.size if settings["axis"] is None else x.shape[settings["axis"]]
    factor = np.asarray(n / max(k, 1)).astype(x.dtype)
    return _where(x * factor, right_mask(x, k, settings), settings)


SPARSIFY_FAULTS = (
    *(f for f in selection_faults(_where) if f.name != "never_zero"),  # the same as zero_sign_lost
    Fault(
        "times_mask",
        "multiplies x by the mask: dropped negatives become -0, dropped infinities nan",
        _with(lambda x, mask, settings: x * mask.astype(x.dtype)),
    ),
    Fault(
        "dropped_keep_sign",
        "gives dropped negatives as -0",
        _with(lambda x, mask, settings: np.where(mask, x, np.copysign(np.zeros_like(x), x))),
    ),
    Fault("dropped_zeros_stay", "leaves -0 where it is dropped", _with(_zeros_left)),
    Fault("zero_sign_lost", "turns a kept -0 into 0", _kept_as(lambda x: x + 0)),
    Fault("magnitudes", "gives magnitudes: the sign of what stays is lost", _kept_as(np.abs)),
    Fault("signs", "gives the sign of what stays", _kept_as(np.sign)),
    Fault("mask_for_values", "gives the mask instead of the values", _kept_as(np.ones_like)),
    Fault("soft_threshold", "takes the threshold off what stays (soft threshold)", _soft),
    Fault("rescaled", "multiplies what stays by n / k, as dropout does", _rescaled),
    Fault("values_flushed", "turns kept subnormals into 0", _kept_as(values_flushed)),
    Fault("values_float16", "holds the values in float16", _kept_as(values_in("float16"))),
    Fault("values_bfloat16", "holds the values in bfloat16", _kept_as(values_in("bfloat16"))),
    Fault("values_float32", "holds the values in float32", _kept_as(values_in("float32"))),
)


def _floats(answer: Any) -> Array:
    return np.asarray(answer).astype(np.float64)


def _value_or_zero(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, y = args[0].astype(np.float64), _floats(answer)
    return bool(np.all(equal(x, y) | equal(np.zeros(()), y)))


def _stays_and_goes(x: Array, answer: Any) -> tuple[Array, Array]:
    """Flag what visibly stays and goes; a zero in x may do either."""
    y, nonzero = _floats(answer), magnitude(x) > 0
    return nonzero & (y != 0), nonzero & (y == 0)


def _count(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether the nonzeros of the result are k in number, or all of x."""
    stays, _ = _stays_and_goes(args[0], answer)
    axis = settings["axis"]
    nonzeros = np.sum(magnitude(args[0]) > 0, axis=axis)
    return bool(np.all(np.sum(stays, axis=axis) == np.minimum(args[1], nonzeros)))


def _keeps_the_largest(args: Arguments, answer: Any, settings: Settings) -> bool:
    return no_smaller_stays(args[0], *_stays_and_goes(args[0], answer), settings)


def _ties_as_said(args: Arguments, answer: Any, settings: Settings) -> bool:
    return ties_in_order(args[0], *_stays_and_goes(args[0], answer), settings)


def _kept(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [right_mask(args[0], args[1], settings)]


def _dropped(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [~right_mask(args[0], args[1], settings)]


def _subnormal(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    m = magnitude(args[0])
    return [(m > 0) & (m < FLOATS[args[0].dtype.name][2])]


def _by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    value = float(_sparse(args, settings)[index])
    return f"{by_hand(args, index, settings)}, which gives {value!r}"


NO_ZEROS = ("dropped_zeros_stay", "zero_sign_lost")
# what most cases cannot tell from the reference
USUAL_VALUES = (*NO_ZEROS, "values_*")
UNUSUAL_VALUES = {
    "signed zeros": ("values_*",),
    "squares that underflow": (*NO_ZEROS, "values_flushed"),
    "squares that overflow": (*NO_ZEROS, "values_flushed"),
    "one ulp apart": (*NO_ZEROS, "values_flushed"),
    "close together": (*NO_ZEROS, "values_float32", "values_flushed"),
    "subnormals": ("zero_sign_lost",),
    "infinities": (*NO_ZEROS, "values_flushed"),
    "the largest last": (*USUAL_VALUES, "dropped_keep_sign", "magnitudes", "times_mask"),
    "equal matrices": (*USUAL_VALUES, "signs"),
    "0-d, empty and 4-d": (*USUAL_VALUES, "dropped_keep_sign", "times_mask"),
}

SPARSIFY = Operation(
    name="sparsify",
    formula="Sparse(x) = [x1, 0, x3, 0, ..., xn]",
    summary="keep the k entries of largest magnitude in their places",
    inputs=INPUTS,
    settings=(TIES_SETTING, AXIS_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="floats of the shape of x: what stays bit for bit, +0 elsewhere",
    parts=("the values",),
    answer=_sparse,
    rival_answer=_fitted_sparse,
    cases=selection_cases(USUAL_VALUES, UNUSUAL_VALUES),
    strategy=search,
    laws=(
        Law("value_or_zero", "every entry is that of x, bit for bit, or +0", _value_or_zero),
        Law("count", "exactly k entries stay, zeros of x aside, in every slice where there is an axis", _count),
        Law("keeps_the_largest", "no entry that goes is larger in magnitude than one that stays", _keeps_the_largest),
        Law("ties", "of equal magnitudes those stay that the rule for ties prefers", _ties_as_said),
    ),
    faults=SPARSIFY_FAULTS,
    regions=(
        *REGIONS,
        Region("subnormal", "where x is subnormal", _subnormal),
        Region("kept", "where x stays", _kept),
        Region("dropped", "where x goes", _dropped),
    ),
    typical=TYPICAL,
    by_hand=_by_hand,
    rejects=REJECTS,
)

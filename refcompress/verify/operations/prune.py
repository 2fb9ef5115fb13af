"""``prune`` as an operation: the cases and wrong selections of ``top_k_mask``, and wrong listings."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.pruning.prune import ORDERS, prune
from refcompress.verify.agreement import equal
from refcompress.verify.operation import Arguments, Fault, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.selection import (
    INPUTS,
    TIES_SETTING,
    TYPICAL,
    at_the_threshold,
    no_smaller_stays,
    ties_in_order,
)
from refcompress.verify.operations.selection_cases import REJECTS, search, selection_cases
from refcompress.verify.operations.selection_faults import magnitude, selection_faults, values_flushed, values_in

ORDER_SETTING = Setting(
    "order",
    "index",
    ORDERS,
    "how the kept entries are listed",
    {"index": "lists what stays by index", "magnitude": "lists what stays by magnitude, the largest first"},
)

Listing = tuple[Array, Array]


def _prune(args: Arguments, settings: Settings) -> Listing:
    return prune(*args, order=settings["order"], ties=settings["ties"])


def _ranked(m: Array, places: Array, settings: Settings) -> Array:
    """Return places, the largest magnitude first, equal ones as the rule for ties prefers them."""
    direction = -1 if settings["ties"] == "highest_index" else 1
    places = places[::direction]
    return places[np.argsort(-m[places], kind="stable")]


def _listed(x: Array, mask: Array, settings: Settings) -> Listing:
    """List what a mask keeps."""
    places = np.flatnonzero(mask)
    if settings["order"] == "magnitude":
        places = _ranked(magnitude(x).reshape(-1), places, settings)
    return x.reshape(-1)[places], places


def _reordered(order: Callable[[Array, Array, Settings], Array]) -> Callable[[Arguments, Settings], Any]:
    """Select rightly and list in another order, made of x flat, the right places and the settings."""

    def answer(args: Arguments, settings: Settings) -> Any:
        flat = args[0].reshape(-1)
        places = order(flat, _prune(args, settings)[1], settings)
        return flat[places], places

    return answer


def _relabelled(label: Callable[[Array, Array], Array]) -> Callable[[Arguments, Settings], Any]:
    """Select and list rightly, and give other indices, made of x and the right ones."""

    def answer(args: Arguments, settings: Settings) -> Any:
        values, places = _prune(args, settings)
        return values, label(args[0], places)

    return answer


def _revalued(change: Callable[[Array], Array]) -> Callable[[Arguments, Settings], Any]:
    """Select and list rightly, and change the values."""

    def answer(args: Arguments, settings: Settings) -> Any:
        values, places = _prune(args, settings)
        return change(values), places

    return answer


def _smallest_first(flat: Array, places: Array, settings: Settings) -> Array:
    places = np.sort(places)
    return places[np.argsort(magnitude(flat[places]), kind="stable")]


def _by_value(flat: Array, places: Array, settings: Settings) -> Array:
    places = np.sort(places)
    return places[np.argsort(-flat[places].astype(np.float64), kind="stable")]


def _ties_backwards(flat: Array, places: Array, settings: Settings) -> Array:
    """List by magnitude, but equal magnitudes against the rule for ties."""
    return _ranked(magnitude(flat), np.sort(places)[::-1], settings)


def _in_columns(args: Arguments, settings: Settings) -> Any:
    """Flatten in Fortran order."""
    return prune(args[0].ravel(order="F"), args[1], order=settings["order"], ties=settings["ties"])


def _values_ranked(args: Arguments, settings: Settings) -> Any:
    """Sort the indices and forget the values."""
    by_magnitude = prune(*args, order="magnitude", ties=settings["ties"])
    return by_magnitude[0], np.sort(by_magnitude[1])


def _indices_ranked(args: Arguments, settings: Settings) -> Any:
    """List the values where they stand and the indices by magnitude."""
    by_index, by_magnitude = (prune(*args, order=order, ties=settings["ties"]) for order in ORDERS)
    return by_index[0], by_magnitude[1]


def _column_number(x: Array, places: Array) -> Array:
    where = np.unravel_index(places, x.shape) if x.ndim else (places,)
    return np.ravel_multi_index(where, x.shape, order="F") if x.ndim else places


def _place_in_row(x: Array, places: Array) -> Array:
    return places % x.shape[-1] if x.size and x.ndim else places


def _row(x: Array, places: Array) -> Array:
    return np.unravel_index(places, x.shape)[0] if x.ndim else places


def _place_in_kept(x: Array, places: Array) -> Array:
    return np.arange(places.size)


def _places_in(dtype: type[np.integer[Any]]) -> Callable[[Array, Array], Array]:
    return lambda x, places: places.astype(dtype)


PRUNE_FAULTS = (
    *selection_faults(_listed),
    Fault("backwards", "lists what stays in the reverse order", _reordered(lambda flat, places, s: places[::-1])),
    Fault("smallest_first", "lists what stays by magnitude, the smallest first", _reordered(_smallest_first)),
    Fault("by_value", "lists what stays by signed value, the largest first", _reordered(_by_value)),
    Fault(
        "ties_backwards",
        "lists what stays by magnitude, the largest first, but equal magnitudes in the reverse order",
        _reordered(_ties_backwards),
    ),
    Fault("values_ranked", "lists the values by magnitude and the indices in order: they do not pair", _values_ranked),
    Fault(
        "indices_ranked", "lists the values in order and the indices by magnitude: they do not pair", _indices_ranked
    ),
    Fault("swapped", "gives the indices first and the values second", lambda args, s: _prune(args, s)[::-1]),
    Fault("in_columns", "flattens x in Fortran order: down the columns", _in_columns),
    Fault("column_numbers", "numbers the places down the columns (Fortran order)", _relabelled(_column_number)),
    Fault("place_in_row", "gives the places within the rows instead of in x flat", _relabelled(_place_in_row)),
    Fault("rows", "gives the places along axis 0 instead of in x flat", _relabelled(_row)),
    Fault("place_in_kept", "numbers what stays from 0 on", _relabelled(_place_in_kept)),
    Fault("one_based", "counts indices from 1", _relabelled(lambda x, places: places + 1)),
    Fault("places_int16", "holds the indices in int16: 2^15 becomes -2^15", _relabelled(_places_in(np.int16))),
    Fault("places_uint16", "holds the indices in uint16: 2^16 becomes 0", _relabelled(_places_in(np.uint16))),
    Fault("magnitudes", "gives magnitudes: the sign of the values is lost", _revalued(np.abs)),
    Fault("zero_sign_lost", "turns a kept -0 into 0", _revalued(lambda v: v + 0)),
    Fault("values_flushed", "turns kept subnormals into 0", _revalued(values_flushed)),
    Fault("values_float16", "holds the values in float16", _revalued(values_in("float16"))),
    Fault("values_bfloat16", "holds the values in bfloat16", _revalued(values_in("bfloat16"))),
    Fault("values_float32", "holds the values in float32", _revalued(values_in("float32"))),
)


def _places(args: Arguments, answer: Any) -> Array | None:
    """Return the indices as integers, or None where one of them is no place in x."""
    given = np.asarray(answer[1]).astype(np.float64)
    right = (given >= 0) & (given < args[0].size) & (given == np.floor(given))
    return given.astype(np.int64) if bool(right.all()) else None


def _are_places(args: Arguments, answer: Any, settings: Settings) -> bool:
    places = _places(args, answer)
    return places is not None and np.unique(places).size == places.size


def _pair(args: Arguments, answer: Any, settings: Settings) -> bool:
    places = _places(args, answer)
    return places is None or bool(np.all(equal(args[0].reshape(-1)[places], np.asarray(answer[0]))))


def _in_order(args: Arguments, answer: Any, settings: Settings) -> bool:
    if settings["order"] == "index":
        return bool(np.all(np.diff(np.asarray(answer[1]).astype(np.float64)) > 0))
    m = magnitude(np.asarray(answer[0]))
    return bool(np.all(m[:-1] >= m[1:]))


def _kept(args: Arguments, answer: Any) -> Array | None:
    """Return the mask of what stays, by the indices, flat."""
    places = _places(args, answer)
    if places is None:
        return None
    kept = np.zeros(args[0].size, np.bool_)
    kept[places] = True
    return kept


def _keeps_the_largest(args: Arguments, answer: Any, settings: Settings) -> bool:
    kept = _kept(args, answer)
    return kept is None or no_smaller_stays(args[0], kept, ~kept, settings)


def _ties_as_said(args: Arguments, answer: Any, settings: Settings) -> bool:
    kept = _kept(args, answer)
    return kept is None or ties_in_order(args[0], kept, ~kept, settings)


def _region(name: str, where: str, test: Callable[[Array], Array]) -> Region:
    """Return a region of both parts: the values that pass a test."""
    return Region(name, where, lambda args, expected, settings: [test(expected[0].astype(np.float64))] * 2)


def _at_ties(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    return [at_the_threshold(args[0], args[1], settings).reshape(-1)[expected[1]]] * 2


def _cut_ties(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    """Flag whole listings where some of the entries at the threshold stay and some go: others move what follows."""
    tied = at_the_threshold(args[0], args[1], settings).reshape(-1)
    stay = np.count_nonzero(tied[expected[1]])
    return [np.full(expected[1].shape, stay < np.count_nonzero(tied))] * 2


def _equal_kept(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
    _, group, counts = np.unique(magnitude(expected[0]), return_inverse=True, return_counts=True)
    return [counts[group] > 1] * 2


ONE_LINE = ("column_numbers", "in_columns", "place_in_row", "places_*", "rows")
FINE_VALUES = (*ONE_LINE, "values_flushed", "zero_sign_lost")
# what most cases cannot tell from the reference: in a line, in a matrix, where all magnitudes are equal
IN_LINE = (*ONE_LINE, "values_*16", "values_float32", "values_flushed", "zero_sign_lost")
IN_MATRIX = ("places_*", "values_*16", "values_float32", "values_flushed", "zero_sign_lost")
ALL_EQUAL = ("by_value", "in_columns", "indices_ranked", "order=magnitude", "place_in_kept", "smallest_first")
UNUSUAL_LISTING = {
    "all equal": (*IN_LINE, *ALL_EQUAL, "values_ranked"),
    "signed zeros": (*ONE_LINE, "values_*16", "values_float32", "values_flushed"),
    "squares that underflow": FINE_VALUES,
    "squares that overflow": FINE_VALUES,
    "one ulp apart": (*FINE_VALUES, "smallest_first"),
    "close together": (*FINE_VALUES, "values_float32"),
    "subnormals": (*ONE_LINE, "zero_sign_lost"),
    "infinities": FINE_VALUES,
    "the largest last": (*IN_LINE, "magnitudes", "smallest_first"),
    "fractions of one": (*IN_LINE, "smallest_first"),
    "equal matrices": (*IN_MATRIX, *ALL_EQUAL, "values_ranked"),
    "places past 2^15 and 2^16": (*(r for r in IN_LINE if r != "places_*"), "smallest_first"),
    "0-d, empty and 4-d": (*IN_MATRIX, "smallest_first"),
    **dict.fromkeys(("matrices and 3-d", "strided", "reversed", "Fortran order", "read-only"), IN_MATRIX),
}

PRUNE = Operation(
    name="prune",
    formula="X_prune = [x1, ..., xk]",
    summary="the k entries of largest magnitude, compact, with their places",
    inputs=INPUTS,
    settings=(ORDER_SETTING, TIES_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="the k values, bit for bit, and their indices in x flat (C order)",
    parts=("the values", "the indices"),
    answer=_prune,
    cases=selection_cases(IN_LINE, UNUSUAL_LISTING),
    strategy=search,
    laws=(
        Law("places", "the indices are places in x flat, none of them twice", _are_places),
        Law("pair", "every value is the one at its index, bit for bit", _pair),
        Law("order", "what stays is listed by index, or by falling magnitude, as the order says", _in_order),
        Law("keeps_the_largest", "no entry that goes is larger in magnitude than one that stays", _keeps_the_largest),
        Law("ties", "of equal magnitudes those stay that the rule for ties prefers", _ties_as_said),
    ),
    faults=PRUNE_FAULTS,
    regions=(
        Region("tie", "among equal magnitudes at the threshold", _at_ties),
        Region("cut_tie", "where some of the equal magnitudes at the threshold stay and some go", _cut_ties),
        Region("equal_kept", "among kept entries of equal magnitude", _equal_kept),
        _region("zeros", "where the value is zero", lambda v: v == 0),
        _region("negative", "where the value is negative", lambda v: v < 0),
        _region("positive", "where the value is positive", lambda v: v > 0),
        _region("infinite", "where the value is infinite", np.isinf),
    ),
    typical=TYPICAL,
    rejects=REJECTS,
)

"""Known wrong ways to the count that stays."""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from refcompress.pruning.keep_count import ROUNDING
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.keep_count_cases import counted, written

Answer = Callable[[Arguments, Settings], Any]
HALF, MOST = Fraction(1, 2), Fraction(99, 100)


def _of_part(part: Callable[[float], Fraction]) -> Answer:
    """Count rightly, but for another sparsity."""
    return lambda args, settings: counted((args[0], part(args[1])), settings)


def _of_count(change: Callable[[int, int], int]) -> Answer:
    """Count rightly, then change the count; it is given the count and the size."""
    return lambda args, settings: change(counted(args, settings), args[0])


def _in_floats(kind: Callable[[Any], Any]) -> Answer:
    """Take the product in floats of a type, and round that as the settings say."""

    def answer(args: Arguments, settings: Settings) -> Any:
        size, sparsity = kind(args[0]), kind(args[1])
        if settings["counts"] == "kept":
            return ROUNDING[settings["rounding"]](Fraction(float(size * (kind(1) - sparsity))))
        return args[0] - ROUNDING[settings["rounding"]](Fraction(float(size * sparsity)))

    return answer


def _kept_by(function: Callable[[float], int]) -> Answer:
    return lambda args, settings: function(args[0] * (1 - args[1]))


def _pruned_by(function: Callable[[float], int]) -> Answer:
    return lambda args, settings: args[0] - function(args[0] * args[1])


def _cut_to_percent(sparsity: float) -> Fraction:
    return Fraction(floor(written(sparsity) * 100), 100)


def _to_percent(sparsity: float) -> Fraction:
    return Fraction(round(written(sparsity) * 100), 100)


def _density(args: Arguments, settings: Settings) -> int:
    return counted((args[0], 1 - written(args[1])), settings)


def _size_wraps(args: Arguments, settings: Settings) -> Any:
    size, sparsity = (args[0] + 2**31) % 2**32 - 2**31, args[1]
    return counted((size, sparsity), settings) if size >= 0 else -counted((-size, sparsity), settings)


def _exact_rounded_twice(args: Arguments, settings: Settings) -> Any:
    """Round the count to tenths first."""
    exact = args[0] * (1 - written(args[1]))
    tenths = Fraction(round(exact * 10), 10)
    if settings["counts"] == "kept":
        return ROUNDING[settings["rounding"]](tenths)
    return args[0] - ROUNDING[settings["rounding"]](args[0] - tenths)


def _unrounded(args: Arguments, settings: Settings) -> float:
    return float(args[0] * (1 - written(args[1])))


FAULTS = (
    Fault("unrounded", "does not round: it returns size * (1 - sparsity) as it is", _unrounded),
    Fault(
        "float_product",
        "takes the product in floats, where 100 * 0.29 is 28.999999999999996, and rounds as it should",
        _in_floats(float),
    ),
    Fault("float32_product", "takes the product in float32, and rounds as it should", _in_floats(np.float32)),
    Fault(
        "binary_value",
        "takes a sparsity for the binary fraction next to it, so that few products are whole or halves",
        _of_part(Fraction),
    ),
    Fault("sparsity_float32", "holds the sparsity in float32", _of_part(lambda s: Fraction(float(np.float32(s))))),
    Fault("sparsity_float16", "holds the sparsity in float16", _of_part(lambda s: Fraction(float(np.float16(s))))),
    Fault("int_pruned", "truncates the pruned ones: size - int(size * sparsity) in floats", _pruned_by(int)),
    Fault("int_kept", "truncates the kept ones: int(size * (1 - sparsity)) in floats", _kept_by(int)),
    Fault("round_pruned", "takes size - round(size * sparsity) in floats", _pruned_by(round)),
    Fault("round_kept", "takes round(size * (1 - sparsity)) in floats", _kept_by(round)),
    Fault("ceil_pruned", "takes size - ceil(size * sparsity) in floats", _pruned_by(ceil)),
    Fault("ceil_kept", "takes ceil(size * (1 - sparsity)) in floats", _kept_by(ceil)),
    Fault("half_up_kept", "takes int(size * (1 - sparsity) + 0.5) in floats", _kept_by(lambda v: floor(v + 0.5))),
    Fault("half_up_pruned", "takes size - int(size * sparsity + 0.5) in floats", _pruned_by(lambda v: floor(v + 0.5))),
    Fault("rounded_twice", "rounds the count to one decimal before it rounds it to an integer", _exact_rounded_twice),
    Fault("density", "takes the sparsity for the density: size * sparsity entries stay", _density),
    Fault("pruned_count", "returns how many go instead of how many stay", _of_count(lambda k, size: size - k)),
    Fault("percent", "takes the sparsity for a percentage", _of_part(lambda s: written(s) / 100)),
    Fault("whole_percent", "cuts the sparsity to whole per cents", _of_part(_cut_to_percent)),
    Fault("two_decimals", "rounds the sparsity to two decimals", _of_part(_to_percent)),
    Fault("raised_to_half", "raises sparsities below 1/2 to 1/2", _of_part(lambda s: max(written(s), HALF))),
    Fault("zero_is_unset", "takes a sparsity of 0 for none given: uses 1/2", _of_part(lambda s: written(s) or HALF)),
    Fault("at_most_99", "brings sparsities above 99% down to that", _of_part(lambda s: min(written(s), MOST))),
    Fault("at_least_one", "keeps at least one entry, even of none: max(1, k)", _of_count(lambda k, size: max(1, k))),
    Fault("one_if_any", "keeps one entry at least, of any", _of_count(lambda k, size: max(min(1, size), k))),
    Fault("prunes_one", "prunes at least one entry", _of_count(lambda k, size: min(k, max(size - 1, 0)))),
    Fault("one_more", "keeps one more", _of_count(lambda k, size: min(k + 1, size))),
    Fault("one_less", "keeps one less", _of_count(lambda k, size: max(k - 1, 0))),
    Fault("to_even", "brings the count down to a multiple of 2", _of_count(lambda k, size: k - k % 2)),
    Fault("to_fours", "brings the count down to a multiple of 4", _of_count(lambda k, size: k - k % 4)),
    Fault("to_eights", "brings the count down to a multiple of 8", _of_count(lambda k, size: k - k % 8)),
    Fault(
        "up_to_eights",
        "brings the count up to a multiple of 8, or to all",
        _of_count(lambda k, size: min(k + -k % 8, size)),
    ),
    Fault("size_32_bits", "holds the size in 32 bits, where 2^31 is below 0", _size_wraps),
)  # fmt: skip

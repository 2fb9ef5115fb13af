"""Known wrong rules for the number of fraction bits, each as a small function that answers as it does.

Most hold the largest and the smallest element against other limits: x * 2^p up to ``top`` and down to ``-bottom``, with
the limit itself in or out. The right ones are q_max + 1/2, out, and -q_min + 1/2, in.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.fraction_bits_cases import largest_p, limits
from refcompress.verify.operations.quantize_cases import INT64_MIN

Answer = Callable[[Arguments, Settings], Any]
Limit = tuple[float, bool]
"""A limit, and whether it is itself within."""


def _most(magnitude: float, limit: Limit) -> int:
    """Return the largest p with magnitude * 2^p within the limit."""
    most, inclusive = limit
    (a, a_exponent), (b, b_exponent) = math.frexp(most), math.frexp(magnitude)
    return a_exponent - b_exponent - (a < b or (a == b and not inclusive))


def _ends(x: Array) -> tuple[float, float]:
    """Return how far x reaches up and down from 0."""
    wide = x.astype(np.float64)
    return float(np.max(wide, initial=0.0)), float(np.max(-wide, initial=0.0))


def _within(choose: Callable[[int, int], tuple[Limit, Limit]]) -> Answer:
    """Return the fault of other limits, chosen from q_min and q_max."""

    def answer(args: Arguments, settings: Settings) -> Any:
        sides = zip(_ends(args[0]), choose(*limits(settings)), strict=True)
        return min((_most(end, limit) for end, limit in sides if end), default=0)

    return answer


def _of_largest(rule: Callable[[float, int, int], float]) -> Answer:
    """Return the fault of another formula of the largest magnitude, bits (without the sign bit) and q_max."""

    def answer(args: Arguments, settings: Settings) -> Any:
        most, high = max(_ends(args[0])), limits(settings)[1]
        p = rule(most, high.bit_length(), high) if most else 0
        return int(p) if np.isfinite(p) else INT64_MIN

    return answer


def _log2_in_float32(of: Callable[[np.float32, int], np.float32]) -> Callable[[float, int, int], float]:
    return lambda most, bits, high: float(np.floor(np.log2(of(np.float32(most), high))))


def _of_part(choose: Callable[[Array], Array]) -> Answer:
    """Return the fault of looking at some of x, or at something made of it."""
    return lambda args, settings: largest_p((choose(args[0]),), settings)


def _in_dtype(name: str) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        narrow = args[0].astype(float_dtype(name)).astype(np.float64)
        return largest_p((np.where(np.isfinite(narrow), narrow, args[0].astype(np.float64)),), settings)

    return answer


def _on_right(change: Callable[[int, int], int]) -> Answer:
    """Return the fault of changing what was right: from p and bits; an x without a limit keeps its 0."""

    def answer(args: Arguments, settings: Settings) -> Any:
        p = largest_p(args, settings)
        return change(p, settings["bits"]) if any(_ends(args[0])) else p

    return answer


def _zero_gives(value: Callable[[int], int]) -> Answer:
    return lambda args, settings: largest_p(args, settings) if any(_ends(args[0])) else value(settings["bits"])


def _not_below(smallest: float) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        return largest_p((np.append(args[0].astype(np.float64), smallest),), settings)

    return answer


def _flushed(args: Arguments, settings: Settings) -> Any:
    x = args[0].astype(np.float64)
    return largest_p((np.where(np.abs(x) < FLOATS[args[0].dtype.name][2], 0.0, x),), settings)


def _smallest(x: Array) -> Array:
    magnitude = np.abs(x.astype(np.float64))
    return np.min(magnitude, initial=np.inf, where=magnitude > 0) if magnitude.any() else magnitude


def _mean(x: Array) -> Array:
    mean = np.mean(np.abs(x.astype(np.float64))) if x.size else 0.0
    return np.asarray(np.minimum(mean, FLOATS["float64"][1]))


def _span(args: Arguments, settings: Settings) -> Any:
    low, high = limits(settings)
    span = sum(_ends(args[0]))
    return _most(min(span, FLOATS["float64"][1]), (high - low + 0.5, False)) if span else 0


def _flat(cut: Callable[[int], slice]) -> Answer:
    """Return the fault of looking at a part of the elements in C order."""
    return _of_part(lambda x: x.reshape(-1)[cut(x.size)])


FAULTS = (
    Fault(
        "log2_of_q_max",
        "takes floor(log2(q_max / max|x|)): it forgets that values round, and the code q_min",
        _within(lambda low, high: ((high, True), (high, True))),
    ),
    Fault(
        "not_rounded",
        "keeps x * 2^p itself in [q_min, q_max]: it forgets that values round",
        _within(lambda low, high: ((high, True), (-low, True))),
    ),
    Fault(
        "ceil_log2",
        "takes bits - 1 - ceil(log2(max|x|)): |x| * 2^p may reach 2^(bits-1), which saturates",
        _within(lambda low, high: ((high + 1, True), (high + 1, True))),
    ),
    Fault(
        "floor_log2",
        "takes bits - 1 - floor(log2(max|x|)): |x| * 2^p may pass 2^(bits-1)",
        _within(lambda low, high: ((2 * high + 2, False), (2 * high + 2, False))),
    ),
    Fault(
        "frexp",
        "takes bits - 1 less the exponent of frexp: |x| * 2^p stays below 2^(bits-1), and q_min is never used",
        _within(lambda low, high: ((high + 1, False), (high + 1, False))),
    ),
    Fault(
        "integer_part",
        "counts the bits of the integer part: p is bits - 1 for everything below 1",
        _of_largest(lambda most, bits, high: bits - int(most).bit_length()),
    ),
    Fault(
        "rounded_log2",
        "rounds log2(q_max / max|x|) to nearest instead of down",
        _of_largest(lambda most, bits, high: np.rint(np.log2(high) - np.log2(most))),
    ),
    Fault(
        "truncated_log2",
        "cuts log2(q_max / max|x|) toward zero: one too high where it is negative",
        _of_largest(lambda most, bits, high: np.trunc(np.log2(high) - np.log2(most))),
    ),
    Fault(
        "log2_in_float32",
        "takes floor(log2((q_max + 1/2) / max|x|)) in float32",
        _of_largest(_log2_in_float32(lambda most, high: np.float32(high + 0.5) / most)),
    ),
    Fault(
        "log2_difference_in_float32",
        "takes floor(log2(q_max + 1/2) - log2(max|x|)) in float32",
        _of_largest(lambda most, bits, high: np.floor(np.log2(np.float32(high + 0.5)) - np.log2(np.float32(most)))),
    ),
    Fault(
        "ceil_log2_in_float32",
        "takes bits - 1 - ceil(log2(max|x|)) in float32",
        _of_largest(lambda most, bits, high: bits - np.ceil(np.log2(np.float32(most)))),
    ),
    Fault(
        "half_within",
        "takes floor(log2((q_max + 1/2) / max|x|)): q_max + 1/2 counts as within, though it rounds to q_max + 1",
        _within(lambda low, high: ((high + 0.5, True), (high + 0.5, True))),
    ),
    Fault(
        "half_away",
        "rounds halves away from zero",
        _within(lambda low, high: ((high + 0.5, False), (-low + 0.5, False))),
    ),
    Fault(
        "half_down",
        "rounds halves down",
        _within(lambda low, high: ((high + 0.5, True), (-low + 0.5, False))),
    ),
    Fault(
        "half_toward_zero",
        "rounds halves toward zero",
        _within(lambda low, high: ((high + 0.5, True), (-low + 0.5, True))),
    ),
    Fault(
        "truncated",
        "rounds x * 2^p toward zero",
        _within(lambda low, high: ((high + 1, False), (-low + 1, False))),
    ),
    Fault("floor", "rounds x * 2^p down", _within(lambda low, high: ((high + 1, False), (-low, True)))),
    Fault("ceil", "rounds x * 2^p up", _within(lambda low, high: ((high, True), (-low + 1, False)))),
    Fault(
        "symmetric",
        "holds max|x| against q_max: it never uses q_min (narrow range)",
        _within(lambda low, high: ((high + 0.5, False), (high + 0.5, False))),
    ),
    Fault(
        "q_min_for_both",
        "holds max|x| against |q_min|: positive values may saturate",
        _within(lambda low, high: ((high + 1.5, True), (high + 1.5, True))),
    ),
    Fault(
        "sign_bit_forgotten",
        "holds max|x| against 2^bits - 1: it forgets the sign bit",
        _within(lambda low, high: ((2 * high + 1.5, False), (2 * high + 1.5, False))),
    ),
    Fault("span", "holds max(x) - min(x) against the number of codes", _span),
    Fault(
        "max_only",
        "looks at max(x) instead of max|x|: negative elements do not count",
        _of_part(lambda x: np.maximum(x, 0)),
    ),
    Fault("min_only", "looks at min(x) only: positive elements do not count", _of_part(lambda x: np.minimum(x, 0))),
    Fault("smallest", "looks at the smallest |x| that is not 0", _of_part(_smallest)),
    Fault("mean", "looks at the mean of |x|", _of_part(_mean)),
    Fault(
        "median",
        "looks at the median of |x|",
        _of_part(lambda x: np.median(np.abs(x.astype(np.float64))) if x.size else x),
    ),
    Fault("first", "looks at the first element only", _flat(lambda n: slice(1))),
    Fault("last_ignored", "ignores the last element", _flat(lambda n: slice(max(n - 1, 0)))),
    Fault("first_ignored", "ignores the first element", _flat(lambda n: slice(1, None))),
    Fault("first_row", "looks at the first row only", _of_part(lambda x: x[0] if x.ndim > 1 and x.size else x)),
    *(
        Fault(f"tail_ignored_{w}", f"ignores the last n mod {w} elements", _flat(lambda n, w=w: slice(n - n % w)))  # type: ignore[misc]
        for w in (4, 8, 16, 32)
    ),
    *(
        Fault(f"first_{n}", f"looks at the first {n:,} elements only", _flat(lambda _, n=n: slice(n)))  # type: ignore[misc]
        for n in (256, 65_536)
    ),
    Fault("one_too_high", "gives one more than the largest p", _on_right(lambda p, bits: p + 1)),
    Fault("one_too_low", "gives one less than the largest p", _on_right(lambda p, bits: p - 1)),
    Fault("negated", "gives -p: the exponent of the step", _on_right(lambda p, bits: -p)),
    Fault("scale", "gives 2^p, the scale itself", lambda args, settings: np.ldexp(1.0, largest_p(args, settings))),
    Fault("step", "gives 2^-p, the step itself", lambda args, settings: np.ldexp(1.0, -largest_p(args, settings))),
    Fault("integer_bits", "gives the number of integer bits, bits - 1 - p", _on_right(lambda p, bits: bits - 1 - p)),
    Fault("never_negative", "never gives a negative p", _on_right(lambda p, bits: max(p, 0))),
    Fault("at_most_bits_less_one", "never gives more than bits - 1", _on_right(lambda p, bits: min(p, bits - 1))),
    Fault("at_most_bits", "never gives more than bits", _on_right(lambda p, bits: min(p, bits))),
    Fault("at_most_31", "never gives more than 31", _on_right(lambda p, bits: min(p, 31))),
    Fault(
        "format_of_bits",
        "keeps p in [0, bits - 1]",
        _on_right(lambda p, bits: min(max(p, 0), bits - 1)),
    ),
    Fault("zero_gives_bits_less_one", "gives bits - 1 where x is all zero", _zero_gives(lambda bits: bits - 1)),
    Fault("zero_gives_bits", "gives bits where x is all zero", _zero_gives(lambda bits: bits)),
    Fault("not_below_1e_8", "takes the largest |x| for 1e-8 where it is smaller", _not_below(1e-8)),
    Fault("not_below_1e_12", "takes the largest |x| for 1e-12 where it is smaller", _not_below(1e-12)),
    Fault("not_below_1", "takes the largest |x| for 1 where it is smaller", _not_below(1.0)),
    Fault("subnormals_flushed", "takes subnormal numbers for 0", _flushed),
    Fault("x_in_float16", "takes x in as float16", _in_dtype("float16")),
    Fault("x_in_bfloat16", "takes x in as bfloat16", _in_dtype("bfloat16")),
    Fault("x_in_float32", "takes x in as float32", _in_dtype("float32")),
    Fault("zero", "gives 0", lambda args, settings: 0),
)

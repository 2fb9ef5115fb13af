"""Known wrong rules of casting to an 8-bit float, each as a small function that answers as it does."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization.small_floats import FloatFormat, quantum_of, round_by, round_to_format
from refcompress.rounding import round_to_integer
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.small_floats_cases import cast, format_of, unbounded, wide

Answer = Callable[[Arguments, Settings], Any]


def _as_format(change: Callable[[FloatFormat], FloatFormat]) -> Answer:
    """Return the fault of casting to another format."""

    def answer(args: Arguments, settings: Settings) -> Any:
        target = change(format_of(settings))
        return round_by(wide(args[0]), target, settings["overflow"], settings["rounding"])

    return answer


def _wider(target: FloatFormat, bits: int) -> FloatFormat:
    largest = (2 - 2.0 ** -(target.mantissa_bits + bits)) * 2.0 ** (np.frexp(target.largest)[1] - 1)
    return replace(target, mantissa_bits=target.mantissa_bits + bits, largest=min(largest, target.largest))


def _other_bias(by: int) -> Callable[[FloatFormat], FloatFormat]:
    return lambda target: replace(target, bias=target.bias + by, largest=target.largest * 2.0**-by)


def _next_largest(steps: int) -> Callable[[FloatFormat], FloatFormat]:
    return lambda target: replace(target, largest=_past(target, steps))


def _top_exponent(change: float) -> Callable[[FloatFormat], FloatFormat]:
    """Return the format whose largest exponent is one more or less, with a full mantissa there."""

    def other(target: FloatFormat) -> FloatFormat:
        top = 2.0 ** (np.frexp(target.largest)[1] - 1) * change
        return replace(target, largest=(2 - 2.0**-target.mantissa_bits) * top)

    return other


def _through(word: str) -> Answer:
    """Round to a wider float first, as hardware does."""

    def answer(args: Arguments, settings: Settings) -> Any:
        first = round_to_format(wide(args[0]), word, overflow="ieee")
        return cast((first,), settings)

    return answer


def _through_float32(args: Arguments, settings: Settings) -> Any:
    return cast((args[0].astype(np.float32),), settings)


def _changed(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of casting another x."""
    return lambda args, settings: cast((change(wide(args[0])),), settings)


def _on_right(change: Callable[[Array, Array, FloatFormat], Any]) -> Answer:
    """Return the fault of changing what was right: x, right, format -> answer."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return change(wide(args[0]), wide(cast(args, settings)), format_of(settings))

    return answer


def _rounding_otherwise(rule: Callable[[Array, FloatFormat, str], Array]) -> Answer:
    """Return the fault of rounding to the mantissa by another rule; the range is brought in as it should."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, target = wide(args[0]).reshape(-1), format_of(settings)
        if settings["overflow"] == "saturate":
            x = np.clip(x, -target.largest, target.largest)
        y = np.where(np.isfinite(x), rule(x, target, settings["rounding"]), x)
        y += -0.0 if target.negative_zero else 0.0
        return np.where(np.abs(y) <= target.largest, y, cast((y,), settings)).reshape(args[0].shape)

    return answer


def _without_subnormal_grid(target: FloatFormat) -> FloatFormat:
    return replace(target, bias=1000)


def _mantissa_first(x: Array, target: FloatFormat, rounding: str) -> Array:
    first = unbounded(x, _without_subnormal_grid(target), rounding)
    return unbounded(first, target, rounding)


def _no_subnormal_grid(x: Array, target: FloatFormat, rounding: str) -> Array:
    return unbounded(x, _without_subnormal_grid(target), rounding)


def _guard_bits(bits: int) -> Callable[[Array, FloatFormat, str], Array]:
    """Round to some bits more first."""

    def rule(x: Array, target: FloatFormat, rounding: str) -> Array:
        quantum = quantum_of(x, target)
        first = round_to_integer(np.ldexp(x / quantum, bits), rounding)
        return round_to_integer(np.ldexp(first, -bits), rounding) * quantum

    return rule


def _sticky_lost(bits: int) -> Callable[[Array, FloatFormat, str], Array]:
    """Look at some bits behind the mantissa, and at none of those after."""

    def rule(x: Array, target: FloatFormat, rounding: str) -> Array:
        quantum = quantum_of(x, target)
        first = np.trunc(np.ldexp(x / quantum, bits))
        return round_to_integer(np.ldexp(first, -bits), rounding) * quantum

    return rule


def _carry_lost(x: Array, target: FloatFormat, rounding: str) -> Array:
    """Let a mantissa that rounds up to 2 fall back to 1."""
    y = unbounded(x, target, rounding)
    return np.where(_carried(x, y, target), y / 2, y)


def _carry_stopped(x: Array, target: FloatFormat, rounding: str) -> Array:
    """Stop a mantissa at all ones."""
    y = unbounded(x, target, rounding)
    return np.where(_carried(x, y, target), np.copysign(np.abs(y) - quantum_of(x, target), y), y)


def _carried(x: Array, y: Array, target: FloatFormat) -> Array:
    normal = np.abs(x) >= 2.0**target.lowest_exponent
    return np.asarray(normal & (np.frexp(y)[1] > np.frexp(x)[1]))


def _float16_chopped(x: Array, target: FloatFormat, rounding: str) -> Array:
    """Round to float16, then drop the bits that there is no room for."""
    return unbounded(wide(round_to_format(x, "float16")), target, "toward_zero")


def _flushed(x: Array, right: Array, target: FloatFormat) -> Array:
    return np.where(np.abs(right) < 2.0**target.lowest_exponent, np.copysign(0.0, right), right)


def _zero_or_normal(x: Array, target: FloatFormat, rounding: str) -> Array:
    """Round to 0 or the smallest normal number, where there should be subnormal ones."""
    smallest = 2.0**target.lowest_exponent
    coarse = round_to_integer(x / smallest, rounding) * smallest
    return np.where(np.abs(x) < smallest, coarse, unbounded(x, target, rounding))


def _overflow_value(target: FloatFormat) -> float:
    return np.inf if target.infinite else np.nan


def _other(settings: Settings) -> dict[str, Any]:
    return {**settings, "overflow": "ieee" if settings["overflow"] == "saturate" else "saturate"}


def _infinity_by_the_other(args: Arguments, settings: Settings) -> Any:
    return np.where(np.isinf(wide(args[0])), cast(args, _other(settings)), cast(args, settings))


def _numbers_by_the_other(args: Arguments, settings: Settings) -> Any:
    return np.where(np.isinf(wide(args[0])), cast(args, settings), cast(args, _other(settings)))


def _threshold(limit: Callable[[FloatFormat], float]) -> Answer:
    """Return the fault of deciding by x itself whether it overflows, where that is not an end."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, target = wide(args[0]), format_of(settings)
        if settings["overflow"] == "saturate":
            return cast(args, settings)
        y = np.clip(unbounded(x, target, settings["rounding"]), -target.largest, target.largest)
        over = np.abs(x) > limit(target)
        return np.where(over, np.copysign(_overflow_value(target), x), y) + (0.0 if not target.negative_zero else -0.0)

    return answer


def _past(target: FloatFormat, steps: float) -> float:
    return target.largest + steps * float(quantum_of(np.array([target.largest]), target)[0])


def _on_overflow(value: Callable[[Array, FloatFormat, Settings], Any]) -> Answer:
    """Return the fault of giving something else for every number that overflows."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, target = wide(args[0]), format_of(settings)
        over = np.isfinite(x) & (np.abs(unbounded(x, target, settings["rounding"])) > target.largest)
        return np.where(over, value(x, target, settings), wide(cast(args, settings)))

    return answer


def _unbounded(x: Array, target: FloatFormat, settings: Settings) -> Array:
    return unbounded(x, target, settings["rounding"])


def _negative_zero_is_nan(x: Array, right: Array, target: FloatFormat) -> Array:
    lost = (right == 0) & np.signbit(x)
    return np.where(lost & (not target.negative_zero), np.nan, right)


FAULTS = (
    Fault("zero", "gives 0", _on_right(lambda x, right, t: np.zeros_like(right))),
    Fault("not_cast", "gives x as it is", _on_right(lambda x, right, t: x)),
    Fault(
        "clipped_alone",
        "clips x to the range of the format, but does not round it",
        _on_right(lambda x, right, t: np.clip(x, -t.largest, t.largest)),
    ),
    Fault("clipped_at_448", "clips x to the range of e4m3fn", _changed(lambda x: np.clip(x, -448, 448))),
    Fault("through_float16", "rounds twice: to float16, then to the format", _through("float16")),
    Fault("through_bfloat16", "rounds twice: to bfloat16, then to the format", _through("bfloat16")),
    Fault("through_float32", "rounds twice: to float32, then to the format", _through_float32),
    Fault(
        "float16_chopped", "rounds to float16 and drops the bits that are left", _rounding_otherwise(_float16_chopped)
    ),
    Fault(
        "mantissa_first",
        "rounds twice where the result is subnormal: to the mantissa of a normal number, then to the subnormal grid",
        _rounding_otherwise(_mantissa_first),
    ),
    *(
        Fault(
            f"guard_bits_{bits}",
            f"rounds twice: to {bits} more bit{'s' if bits > 1 else ''}, then to the format",
            _rounding_otherwise(_guard_bits(bits)),
        )
        for bits in (1, 2, 3)
    ),
    *(
        Fault(
            f"sticky_lost_{bits}",
            f"looks at {bits} bit{'s' if bits > 1 else ''} behind the mantissa and at none after: more becomes a tie",
            _rounding_otherwise(_sticky_lost(bits)),
        )
        for bits in (1, 2, 3)
    ),
    Fault(
        "carry_lost",
        "does not carry into the exponent where the mantissa rounds up to 2",
        _rounding_otherwise(_carry_lost),
    ),
    Fault("carry_stopped", "stops at a mantissa of all ones instead of carrying", _rounding_otherwise(_carry_stopped)),
    Fault("one_bit_less", "rounds to one bit of mantissa less", _as_format(lambda t: _wider(t, -1))),
    Fault("one_bit_more", "rounds to one bit of mantissa more", _as_format(lambda t: _wider(t, 1))),
    Fault("bias_plus_one", "has the exponent bias too large by one", _as_format(_other_bias(1))),
    Fault("bias_minus_one", "has the exponent bias too small by one", _as_format(_other_bias(-1))),
    Fault("doubled", "gives twice the value: it decodes with the wrong bias", _on_right(lambda x, right, t: 2 * right)),
    Fault("halved", "gives half the value: it decodes with the wrong bias", _on_right(lambda x, right, t: right / 2)),
    Fault("subnormals_flushed", "gives 0 for subnormal results", _on_right(_flushed)),
    Fault(
        "no_subnormals",
        "has no subnormal numbers: below the smallest normal one it gives that or 0",
        _rounding_otherwise(_zero_or_normal),
    ),
    Fault(
        "no_subnormal_grid",
        "keeps the full mantissa below the smallest normal number",
        _rounding_otherwise(_no_subnormal_grid),
    ),
    Fault("one_code_short", "has its largest number one code too low", _as_format(_next_largest(-1))),
    Fault(
        "one_code_too_high", "has its largest number one code too high: the NaN's pattern", _as_format(_next_largest(1))
    ),
    Fault("top_exponent_reserved", "leaves out the largest exponent, as IEEE 754 does", _as_format(_top_exponent(0.5))),
    Fault("top_exponent_used", "has numbers one binade past the largest exponent", _as_format(_top_exponent(2.0))),
    Fault(
        "overflows_at_largest",
        "lets every number above the largest overflow, before it is rounded",
        _threshold(lambda t: t.largest),
    ),
    Fault(
        "overflows_at_next",
        "lets a number overflow only past the number that would come next",
        _threshold(lambda t: _past(t, 1)),
    ),
    Fault("unbounded", "has no largest number: what overflows goes on", _on_overflow(_unbounded)),
    Fault("overflow_is_zero", "gives 0 for what overflows", _on_overflow(lambda x, t, s: np.copysign(0.0, x))),
    Fault("overflow_is_nan", "gives nan for what overflows", _on_overflow(lambda x, t, s: np.full_like(x, np.nan))),
    Fault(
        "overflow_is_infinite",
        "gives infinity for what overflows",
        _on_overflow(lambda x, t, s: np.copysign(np.inf, x)),
    ),
    Fault(
        "overflow_positive",
        "gives the positive largest number for what overflows, whatever the sign",
        _on_overflow(lambda x, t, s: np.full_like(x, t.largest)),
    ),
    Fault("infinity_otherwise", "brings infinities into range by the other overflow rule", _infinity_by_the_other),
    Fault(
        "numbers_otherwise",
        "brings numbers, but not infinities, into range by the other overflow rule",
        _numbers_by_the_other,
    ),
    Fault(
        "infinity_is_nan",
        "gives nan for an infinity",
        _on_right(lambda x, right, t: np.where(np.isinf(x), np.nan, right)),
    ),
    Fault("infinity_is_kept", "keeps infinities", _on_right(lambda x, right, t: np.where(np.isinf(x), x, right))),
    Fault(
        "infinity_is_zero",
        "gives 0 for an infinity",
        _on_right(lambda x, right, t: np.where(np.isinf(x), 0 * right, right)),
    ),
    Fault(
        "nan_is_largest",
        "gives the largest number for nan",
        _on_right(lambda x, right, t: np.where(np.isnan(x), t.largest, right)),
    ),
    Fault(
        "nan_is_lowest",
        "gives the lowest number for nan",
        _on_right(lambda x, right, t: np.where(np.isnan(x), -t.largest, right)),
    ),
    Fault("nan_is_zero", "gives 0 for nan", _on_right(lambda x, right, t: np.where(np.isnan(x), 0.0, right))),
    Fault(
        "nan_is_infinite", "gives infinity for nan", _on_right(lambda x, right, t: np.where(np.isnan(x), np.inf, right))
    ),
    Fault(
        "nan_is_480",
        "takes the pattern of nan for the number after the largest",
        _on_right(lambda x, right, t: np.where(np.isnan(right), np.copysign(_past(t, 1), x), right)),
    ),
    Fault("zero_loses_sign", "gives +0 for every zero", _on_right(lambda x, right, t: right + 0.0)),
    Fault(
        "zero_keeps_sign",
        "gives -0.0, which the format has not",
        _on_right(lambda x, right, t: np.where(right == 0, np.copysign(right, x), right)),
    ),
    Fault(
        "negative_zero_is_nan",
        "gives nan for -0.0 and what rounds to it: its pattern is that of nan",
        _on_right(_negative_zero_is_nan),
    ),
    Fault(
        "underflow_loses_sign",
        "gives +0 where a negative number rounds to -0",
        _on_right(lambda x, right, t: np.where((right == 0) & (x != 0), 0.0, right)),
    ),
    Fault("sign_dropped", "drops the sign", _on_right(lambda x, right, t: np.abs(right))),
    Fault("sign_flipped", "gives the negative of what is due", _on_right(lambda x, right, t: 0.0 - right)),
    Fault(
        "negative_is_zero", "gives 0 where x is negative", _on_right(lambda x, right, t: np.where(x < 0, 0.0, right))
    ),
    Fault("x_rounded", "rounds x to an integer first", _changed(np.rint)),
    Fault(
        "column_order",
        "takes the elements in column order",
        _on_right(lambda x, right, t: right.reshape(-1, order="F").reshape(right.shape)),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        _on_right(lambda x, right, t: right.reshape(-1)[::-1].reshape(right.shape)),
    ),
)

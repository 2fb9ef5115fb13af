"""Known wrong rules of requantization, each as a small function that answers as it does.

They follow the stages: the inputs, the product, its rounding shift, the zero point, the range. A fault of one stage
follows the settings in the others, so that it is told from another setting.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization.requantize import HIGH_MULTIPLY, INT32_MAX, INT32_MIN, scale_accumulators
from refcompress.rounding import round_shifted, round_to_integer
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.requantize_cases import limits, requantized

Answer = Callable[[Arguments, Settings], Any]


def _product(args: Arguments) -> Array:
    return np.asarray(args[0].astype(np.int64) * np.int64(args[1]))


def _rounded(p: Array, n: int, word: str) -> Array:
    """Return p * 2^-n rounded to int64, for any n."""
    p = p << max(-n, 0)
    negative = p < 0
    whole = round_shifted(np.abs(p).astype(np.uint64), negative, max(n, 0), word).astype(np.int64)
    return np.where(negative, -whole, whole)


def _scaled(acc: Array, multiplier: int, shift: int, word: str) -> Array:
    """Return acc * multiplier * 2^(shift - 31) by one of the words, for any accumulators, multiplier and shift."""
    if word in (*HIGH_MULTIPLY, "float"):
        return scale_accumulators(acc, multiplier, shift, word)
    return _rounded(acc.astype(np.int64) * multiplier, 31 - shift, word)


def _of(args: Arguments, settings: Settings) -> Array:
    return _scaled(args[0], args[1], args[2], settings["rounding"])


def _finished(value: Array, args: Arguments, settings: Settings) -> Array:
    """Add the zero point and saturate."""
    return np.asarray(np.clip(value + args[3], *limits(settings)))


def _with_acc(change: Callable[[Array], Array]) -> Answer:
    return lambda args, settings: _finished(_of((change(args[0]), *args[1:]), settings), args, settings)


def _with_shift(change: Callable[[int], int]) -> Answer:
    return lambda args, settings: _finished(_of((args[0], args[1], change(args[2]), args[3]), settings), args, settings)


def _with_multiplier(change: Callable[[int], int]) -> Answer:
    return lambda args, settings: _finished(_of((args[0], change(args[1]), args[2], args[3]), settings), args, settings)


def _with_zero_point(change: Callable[[int], int]) -> Answer:
    return lambda args, settings: _finished(_of(args, settings), (*args[:3], change(args[3])), settings)


def _shifted(shift: Callable[[Array, int], Array]) -> Answer:
    """Return the fault of another way to take a product p to p * 2^-n."""
    return lambda args, settings: _finished(shift(_product(args), 31 - args[2]), args, settings)


def _twice(first: str, second: str) -> Answer:
    """Return the fault of rounding twice by these words."""

    def answer(args: Arguments, settings: Settings) -> Any:
        moved = np.clip(args[0].astype(np.int64) << max(args[2], 0), INT32_MIN, INT32_MAX)
        high_half = _rounded(moved * args[1], 31, first)
        return _finished(_rounded(high_half, max(-args[2], 0), second), args, settings)

    return answer


def _after(change: Callable[[Array, int, Settings], Array]) -> Answer:
    """Return the fault of another way to add the zero point and to come into range."""
    return lambda args, settings: change(_of(args, settings), args[3], settings)


def _on_right(change: Callable[[Array], Array]) -> Answer:
    return lambda args, settings: change(requantized(args, settings))


def _low_bits(value: Array, bits: int, *, signed: bool) -> Array:
    """Return the lowest bits of integers: what a cast leaves."""
    low = value & ((1 << bits) - 1)
    return np.where(low >> (bits - 1) & 1, low - (1 << bits), low) if signed else np.asarray(low)


def _int32(value: Array) -> Array:
    return _low_bits(value, 32, signed=True)


def _cast(value: Array, settings: Settings) -> Array:
    return _low_bits(value, settings["bits"], signed=settings["signed"])


def _half(n: int) -> int:
    return (1 << n) >> 1


def _logical(p: Array, n: int) -> Array:
    """Shift as unsigned numbers of 64 bits; what passes int64 is as large as can be."""
    return ((p + _half(n)).view(np.uint64) >> np.uint64(n)).clip(max=2**62).astype(np.int64)


def _logical_second(args: Arguments, settings: Settings) -> Any:
    """Round to the high half rightly, and shift that as an unsigned number of 32 bits."""
    word = settings["rounding"]
    high_half = _scaled(args[0], args[1], max(args[2], 0), word if word in HIGH_MULTIPLY else "half_up")
    right = max(-args[2], 0)
    unsigned = ((high_half + _half(right)) & (2**32 - 1)) >> right
    return _finished(_int32(unsigned), args, settings)


def _divided(p: Array, n: int) -> Array:
    """Add one half and divide toward zero."""
    return _rounded(p + _half(n), n, "toward_zero")


def _product_32(args: Arguments, settings: Settings) -> Any:
    return _finished(_rounded(_int32(_product(args)), 31 - args[2], settings_word(settings)), args, settings)


def settings_word(settings: Settings) -> str:
    """Return a word of one rounding: that of the settings, or half_up."""
    word: str = settings["rounding"]
    return "half_up" if word in HIGH_MULTIPLY or word == "float" else word


def _high_word(args: Arguments, settings: Settings) -> Any:
    """Keep the high 32 bits of the product, unrounded, and shift by what is left: one less is lost than is due."""
    n = 31 - args[2]
    high_word = _product(args) >> 32
    return _finished(_rounded(high_word, max(n - 32, 0), settings_word(settings)) << max(32 - n, 0), args, settings)


def _multiplier_16(args: Arguments, settings: Settings) -> Any:
    """Round the multiplier to 16 bits, as kernels with accumulators of 64 bits do."""
    acc, multiplier, shift, _ = args
    short = min((multiplier + 2**15) >> 16, 0x7FFF)
    return _finished(_rounded(acc.astype(np.int64) * short, 15 - shift, settings_word(settings)), args, settings)


def _in_float64(args: Arguments, settings: Settings) -> Any:
    return _floats(np.float64, lambda v: round_to_integer(v, settings_word(settings)))(args, settings)


def _floats(dtype: type, rule: Callable[[Array], Array]) -> Answer:
    """Return the fault of scaling in a float dtype and taking the product to an integer by a rule."""

    def answer(args: Arguments, settings: Settings) -> Any:
        factor = dtype(np.ldexp(float(args[1]), args[2] - 31))
        return _finished(rule(args[0].astype(dtype) * factor).astype(np.int64), args, settings)

    return answer


def _with_zero_point_before(args: Arguments, settings: Settings) -> Any:
    """Add the zero point to the product, before it is shifted."""
    p = _product(args) + args[3]
    return np.clip(_rounded(p, 31 - args[2], settings_word(settings)), *limits(settings))


def _clipped_first(value: Array, zero_point: int, settings: Settings) -> Array:
    return np.asarray(np.clip(value, *limits(settings)) + zero_point)


def _never_lowest(value: Array, zero_point: int, settings: Settings) -> Array:
    low, high = limits(settings)
    return np.asarray(np.clip(value + zero_point, low + 1, high))


def _left_wraps(args: Arguments, settings: Settings) -> Any:
    """Shift acc to the left in 32 bits, before the multiplication: high bits fall off."""
    acc, multiplier, shift, _ = args
    moved = _int32(acc.astype(np.int64) << max(shift, 0))
    return _finished(_scaled(moved, multiplier, min(shift, 0), settings["rounding"]), args, settings)


def _left_saturates(args: Arguments, settings: Settings) -> Any:
    """Shift acc to the left before the multiplication, saturated to int32."""
    acc, multiplier, shift, _ = args
    moved = np.clip(acc.astype(np.int64) << max(shift, 0), INT32_MIN, INT32_MAX)
    return _finished(_scaled(moved, multiplier, min(shift, 0), settings["rounding"]), args, settings)


def _lowest_flipped(acc: Array) -> Array:
    return np.where(acc == INT32_MIN, -INT32_MIN, acc.astype(np.int64))


def _rule(word: str) -> Callable[[Array], Array]:
    return lambda v: round_to_integer(v, word)


# what libraries call lround, rint, and a cast
FLOAT64_SAYS = {
    "half_away": "rounds halves away from zero",
    "half_even": "rounds halves to even",
    "toward_zero": "truncates",
}

FAULTS = (
    Fault("zero", "gives 0", _on_right(np.zeros_like)),
    Fault("zero_code", "gives the zero point whatever acc", _with_acc(np.zeros_like)),
    Fault("shift_one_more", "shifts one place too far to the right", _with_shift(lambda s: s - 1)),
    Fault("shift_one_less", "shifts one place too few to the right", _with_shift(lambda s: s + 1)),
    Fault("shift_negated", "takes a positive shift for one to the right", _with_shift(lambda s: -s)),
    Fault("shift_ignored", "does not shift", _with_shift(lambda s: 0)),
    Fault("shift_absolute", "takes every shift for one to the left", _with_shift(abs)),
    Fault("shift_right_only", "ignores a shift to the left", _with_shift(lambda s: min(s, 0))),
    Fault("shift_left_only", "ignores a shift to the right", _with_shift(lambda s: max(s, 0))),
    Fault("multiplier_ignored", "takes the multiplier for 2^30", _with_multiplier(lambda m: 2**30)),
    Fault("multiplier_24_bits", "keeps the high 24 bits of the multiplier", _with_multiplier(lambda m: m >> 7 << 7)),
    Fault("multiplier_16_bits", "keeps the high 16 bits of the multiplier", _with_multiplier(lambda m: m >> 15 << 15)),
    Fault("multiplier_q15", "rounds the multiplier to 16 bits, one of them the sign", _multiplier_16),
    Fault(
        "multiplier_float32",
        "rounds the multiplier to float32, and computes on exactly",
        _with_multiplier(lambda m: int(np.float32(m))),
    ),
    Fault("acc_unsigned", "reads acc as unsigned", _with_acc(lambda a: a.astype(np.int64) & (2**32 - 1))),
    Fault("acc_low_16", "keeps the low 16 bits of acc", _with_acc(lambda a: a.astype(np.int16))),
    Fault("acc_saturated_16", "saturates acc to int16", _with_acc(lambda a: np.clip(a, -(2**15), 2**15 - 1))),
    Fault("acc_float32", "rounds acc to float32, and computes on exactly", _with_acc(lambda a: a.astype(np.float32))),
    Fault("acc_absolute", "drops the sign of acc", _with_acc(lambda a: np.abs(a.astype(np.int64)))),
    Fault("acc_negated", "flips the sign of acc", _with_acc(lambda a: -a.astype(np.int64))),
    Fault("acc_lowest_flipped", "takes -2^31 for 2^31 (|acc| in int32)", _with_acc(_lowest_flipped)),
    Fault("bytes_swapped", "reads the bytes of acc in the wrong order", _with_acc(lambda a: a.byteswap())),
    Fault("product_32", "multiplies in 32 bits: high bits of the product are lost", _product_32),
    Fault("high_word", "keeps the high 32 bits of the product, which drops the rest before it is rounded", _high_word),
    Fault(
        "product_float64",
        "computes in float64, which does not hold the product of 62 bits",
        _in_float64,
    ),
    Fault(
        "float32_half_up",
        "scales in float32 and takes floor(v + 0.5)",
        _floats(np.float32, lambda v: np.floor(v + np.float32(0.5))),
    ),
    Fault(
        "float32_half_away",
        "scales in float32 and rounds halves away from zero",
        _floats(np.float32, lambda v: round_to_integer(v, "half_away")),
    ),
    Fault("float32_truncated", "scales in float32 and truncates", _floats(np.float32, np.trunc)),
    *(
        Fault(f"float64_{word}", f"computes in float64 and {says}", _floats(np.float64, _rule(word)))
        for word, says in FLOAT64_SAYS.items()
    ),
    Fault("logical_shift", "shifts negative products as unsigned numbers: they become huge", _shifted(_logical)),
    Fault(
        "logical_shift_low_32",
        "shifts the product as an unsigned number of 64 bits and keeps the low 32",
        _shifted(lambda p, n: _int32(_logical(p, n))),
    ),
    Fault(
        "logical_second_shift",
        "rounds twice, and shifts the high half as an unsigned number: negative ones become huge",
        _logical_second,
    ),
    Fault("half_then_divided", "adds one half and divides toward zero: negative ones go up", _shifted(_divided)),
    Fault(
        "constant_2_30",
        "adds 2^30 to the product whatever the shift",
        _shifted(lambda p, n: _rounded(p + 2**30, n, "floor")),
    ),
    Fault(
        "constant_one_shift_more",
        "adds twice the rounding constant, 2^n instead of 2^(n - 1)",
        _shifted(lambda p, n: _rounded(p + 2 * _half(n), n, "floor")),
    ),
    Fault(
        "constant_one_shift_less",
        "adds half the rounding constant, 2^(n - 2) instead of 2^(n - 1)",
        _shifted(lambda p, n: _rounded(p + _half(n) // 2, n, "floor")),
    ),
    Fault(
        "high_half_floored",
        "rounds the second of two shifts alone (halves up): the high half of the product is cut off",
        _twice("floor", "half_up"),
    ),
    Fault(
        "high_half_floored_away",
        "rounds the second of two shifts alone (halves away from zero): the high half of the product is cut off",
        _twice("floor", "half_away"),
    ),
    Fault(
        "second_shift_floored",
        "rounds the high half of the product and cuts off what the second shift drops",
        _twice("half_up", "floor"),
    ),
    Fault("twice_half_up", "rounds twice, halves up both times", _twice("half_up", "half_up")),
    Fault(
        "twice_away_then_up",
        "rounds twice, halves away from zero and then up",
        _twice("half_away", "half_up"),
    ),
    Fault("twice_half_even", "rounds twice, halves to even both times", _twice("half_even", "half_even")),
    Fault("left_shift_wraps", "shifts acc to the left in 32 bits: high bits fall off", _left_wraps),
    Fault("left_shift_saturates", "shifts acc to the left first, saturated to int32", _left_saturates),
    Fault(
        "low_32_bits",
        "keeps the low 32 bits of the scaled value before it saturates",
        _after(lambda v, z, s: np.clip(_int32(v) + z, *limits(s))),
    ),
    Fault(
        "low_16_bits",
        "keeps the low 16 bits of the scaled value before it saturates",
        _after(lambda v, z, s: np.clip(_low_bits(v, 16, signed=True) + z, *limits(s))),
    ),
    Fault("cast", "casts to the code's width without saturating: values wrap", _after(lambda v, z, s: _cast(v + z, s))),
    Fault("not_saturated", "does not saturate", _after(lambda v, z, s: v + z)),
    Fault("clipped_first", "saturates before the zero point is added, and not after", _after(_clipped_first)),
    Fault(
        "clipped_first_cast",
        "saturates before the zero point is added: the sum wraps",
        _after(lambda v, z, s: _cast(_clipped_first(v, z, s), s)),
    ),
    Fault(
        "clipped_twice",
        "saturates before the zero point is added, and again after",
        _after(lambda v, z, s: np.clip(_clipped_first(v, z, s), *limits(s))),
    ),
    Fault("never_lowest", "never gives the lowest code", _after(_never_lowest)),
    Fault("zero_point_ignored", "does not add the zero point", _with_zero_point(lambda z: 0)),
    Fault("zero_point_subtracted", "subtracts the zero point", _with_zero_point(lambda z: -z)),
    Fault("zero_point_doubled", "adds the zero point twice", _with_zero_point(lambda z: 2 * z)),
    Fault("zero_point_before_shift", "adds the zero point before the shift", _with_zero_point_before),
    Fault(
        "zero_point_before_scale",
        "adds the zero point to acc",
        lambda args, s: np.clip(_of((args[0].astype(np.int64) + args[3], *args[1:]), s), *limits(s)),
    ),
    Fault(
        "relu_at_zero",
        "clamps at 0 (a relu that forgets the zero point)",
        _on_right(lambda codes: np.maximum(codes, 0)),
    ),
    Fault(
        "relu_at_zero_point",
        "clamps at the zero point (a relu that was not asked for)",
        lambda args, s: np.maximum(requantized(args, s), args[3]),
    ),
    Fault(
        "column_order",
        "takes the elements in column order",
        _on_right(lambda codes: codes.reshape(-1, order="F").reshape(codes.shape)),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        _on_right(lambda codes: codes.reshape(-1)[::-1].reshape(codes.shape)),
    ),
)

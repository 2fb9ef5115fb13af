"""Known wrong rules of fake quantization, each as a small function that answers as it does.

A fault of the codes is one of ``affine_quantize`` with the right way back; the others are of the way back, or of both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.rounding import round_to_integer
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations import affine_quantize_faults
from refcompress.verify.operations.affine_cases import broadcast
from refcompress.verify.operations.affine_channel_faults import channel_faults
from refcompress.verify.operations.affine_stages import (
    converted,
    divided,
    finished,
    limits,
    narrowed,
    staged,
    steps_of,
)
from refcompress.verify.operations.fake_quantize_cases import end_values, fake_quantized, other_values, to_values

Answer = Callable[[Arguments, Settings], Any]

# faults of the codes that stay as they are when the way back is right, and what their statement lacks
OF_CODES = (
    *("range_twice", "x_truncated", "x_rounded", "plus_half_float32", "plus_half_float64"),
    *("plus_half_truncated", "sign_half_truncated", "half_after_zero_point", "guard_bits_1", "guard_bits_2"),
    *("decimals_1", "decimals_2", "epsilon_added", "tie_tolerance", "even_codes", "sign_flipped", "negative_is_zero"),
    *("negative_is_huge", "low_8_bits_first", "low_16_bits_first", "low_32_bits_first", "cast_before_range"),
    *("cast_before_sum", "codes_in_float16", "one_code_too_high", "one_code_short", "one_code_too_low"),
    *(
        "unsigned_q_max",
        "unbounded",
        "ends_swapped",
        "infinity_is_lowest",
        "huge_is_lowest",
        "quotient_float16",
        "quotient_bfloat16",
    ),
    *("quotient_float32", "reciprocal_float64", "reciprocal_unrounded", "bytes_swapped"),
    *("subnormals_flushed", "reciprocal_nan_low", "reciprocal_nan_high"),
)
ONE_WAY = (
    *("zero_point_ignored", "zero_point_subtracted", "zero_point_twice", "scale_multiplied", "scale_ignored"),
    "scale_float16",
)


def _through(fault: Fault, where: str = "") -> Fault:
    def answer(args: Arguments, settings: Settings) -> Any:
        return to_values(fault.answer(args, settings), args, settings)

    return Fault(fault.name, fault.statement + where, answer)


def _of_codes() -> list[Fault]:
    named = {fault.name: fault for fault in affine_quantize_faults.FAULTS}
    there = [_through(named[name], " on the way to the codes, but not back") for name in ONE_WAY]
    return [_through(named[name]) for name in OF_CODES] + there


def _back(value: Callable[[Array, Array, Array, "np.dtype[Any]"], Array]) -> Answer:
    """Return the fault of another way back: from the codes, s, z (all float64) and the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, s, z = broadcast(args, settings)
        codes = converted(args, settings).astype(np.float64)
        dtype = float_dtype(settings["dtype"])
        return np.broadcast_to(value(codes, s, z.astype(np.float64), dtype), x.shape).astype(dtype)

    return answer


def _both_ways(scale: Callable[[Array], Array] = np.asarray, zero: Callable[[Array], Array] = np.asarray) -> Answer:
    """Return the fault of another scale or zero point, there and back."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, s, z = broadcast(args, settings)
        s, z = narrowed(settings["dtype"])(scale(s)), zero(z)
        codes = finished(steps_of(x, s, settings), z, settings)
        return _times(codes - z, s, settings)

    return answer


def _times(n: Array, s: Array, settings: Settings) -> Array:
    return np.asarray((n * s).astype(float_dtype(settings["dtype"])))


def _elementwise(x: Array, s: Array, z: Array, settings: Settings) -> Array:
    """Return the values for a scale and a zero point an element."""
    return _times(finished(steps_of(x, s, settings), z, settings) - z, s, settings)


def _on_values(change: Callable[[Array, Arguments, Settings], Array]) -> Answer:
    """Return the fault of changing the right values, given as float64."""
    return lambda args, settings: change(fake_quantized(args, settings).astype(np.float64), args, settings)


def _clipped_alone(args: Arguments, settings: Settings) -> Any:
    return np.clip(args[0].astype(np.float64), *end_values(args, settings))


def _outside(give: Callable[[Array], Array]) -> Answer:
    """Return the fault of giving something else, made of x, where x is outside the range."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x = args[0].astype(np.float64)
        low, high = end_values(args, settings)
        return np.where((x < low) | (x > high), give(x), fake_quantized(args, settings).astype(np.float64))

    return answer


def _infinite(give: Callable[[Array], Array]) -> Answer:
    """Return the fault of giving something else, made of x, where x is infinite."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x = args[0].astype(np.float64)
        return np.where(np.isinf(x), give(x), fake_quantized(args, settings).astype(np.float64))

    return answer


def _held_in(name: str) -> Answer:
    narrow = narrowed(name)
    return _on_values(lambda values, args, settings: narrow(values))


def _product_in(name: str) -> Answer:
    """Round q - z, the scale and their product to another float."""
    narrow = narrowed(name)
    return _back(lambda q, s, z, dtype: narrow(narrow(q - z) * narrow(s)))


def _computed_in(name: str) -> Answer:
    """Do all of it in another float, and give the result the dtype that is due."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, s, z = args
        narrow = x.astype(float_dtype(name)), np.asarray(s).astype(float_dtype(name)), z
        return other_values(narrow, {**settings, "dtype": name}).astype(x.dtype)

    return answer


def _two_products(q: Array, s: Array, z: Array, dtype: "np.dtype[Any]") -> Array:
    narrow = narrowed(dtype.name)
    return narrow(q * s) - narrow(z * s)


def _from_x_min(args: Arguments, settings: Settings) -> Any:
    """Clip x to the range of values, count steps from x_min and add x_min again, all in the dtype."""
    x, s, z = broadcast(args, settings)
    x_min, x_max = (((end - z) * s).astype(x.dtype) for end in limits(settings))
    shifted = np.asarray(np.clip(x, x_min, x_max) - x_min).astype(x.dtype)
    steps = round_to_integer(divided(shifted, s).astype(np.float64), settings["rounding"])
    return np.asarray((steps * s).astype(x.dtype) + x_min)


def _integers(values: Array, args: Arguments, settings: Settings) -> Array:
    return np.asarray(np.trunc(values) + 0.0)  # an integer has no negative zero


def _zero_keeps_sign(values: Array, args: Arguments, settings: Settings) -> Array:
    v, _ = staged(args, settings)
    steps = round_to_integer(v, settings["rounding"])
    return np.where((values == 0) & (steps == 0) & np.signbit(steps), -0.0, values)


def _largest(values: Array, args: Arguments, settings: Settings) -> Array:
    top = FLOATS[settings["dtype"]][1]
    return np.asarray(np.clip(values, -top, top))


FAULTS = (
    Fault("zero", "gives 0", _on_values(lambda values, args, settings: np.zeros_like(values))),
    Fault("unchanged", "gives x back as it is", lambda args, settings: args[0]),
    Fault("clipped_alone", "clips x to the range of values, and does not quantize it", _clipped_alone),
    *_of_codes(),
    Fault("codes", "returns the codes instead of (q - z) * s", _back(lambda q, s, z, dtype: q)),
    Fault("scale_left_out", "returns q - z: it does not multiply by the scale", _back(lambda q, s, z, dtype: q - z)),
    Fault("zero_point_left_in", "returns q * s: it does not subtract the zero point", _back(lambda q, s, z, _: q * s)),
    Fault("zero_point_added_back", "returns (q + z) * s", _back(lambda q, s, z, dtype: (q + z) * s)),
    Fault("divided_back", "divides by the scale on the way back, too", _back(lambda q, s, z, dtype: (q - z) / s)),
    Fault("two_products", "returns q * s - z * s, each rounded", _back(_two_products)),
    Fault(
        "divided_by_reciprocal",
        "divides by 1 / s on the way back, which is rounded",
        _back(lambda q, s, z, dtype: (q - z) / narrowed(dtype.name)(1 / s)),
    ),
    Fault("from_x_min", "clips x, counts steps from x_min = (q_min - z) * s, and adds x_min again", _from_x_min),
    *(
        Fault(f"product_{name}", f"computes (q - z) * s in {name}", _product_in(name))
        for name in ("float16", "bfloat16", "float32")
    ),
    *(
        Fault(f"computed_in_{name}", f"computes all of it in {name}, x and the scale as well", _computed_in(name))
        for name in ("float16", "bfloat16", "float32")
    ),
    Fault(
        "scale_float16_back",
        "holds the scale in float16 on the way back",
        _back(lambda q, s, z, dtype: (q - z) * narrowed("float16")(s)),
    ),
    *(
        Fault(f"scale_{name}_both", f"holds the scale in {name}", _both_ways(narrowed(name)))
        for name in ("float16", "bfloat16", "float32")
    ),
    Fault(
        "scale_power_of_two",
        "takes the nearest power of two for the scale",
        _both_ways(lambda s: np.exp2(np.rint(np.log2(s)))),
    ),
    *(
        Fault(f"scale_plus_1e_{n}", f"adds 1e-{n} to the scale", _both_ways(lambda s, n=n: s + 10.0**-n))  # type: ignore[misc]
        for n in (6, 8, 12)
    ),
    Fault(
        "scale_at_least_eps",
        "takes 2^-23, the eps of float32, for a smaller scale",
        _both_ways(lambda s: np.maximum(s, 2.0**-23)),
    ),
    Fault(
        "zero_point_zero",
        "takes 0 for the zero point, or applies the range before it is added",
        _both_ways(zero=np.zeros_like),
    ),
    Fault("zero_point_int8", "takes the zero point as int8", _both_ways(zero=lambda z: (z + 128) % 256 - 128)),
    Fault("zero_point_negated", "takes -z for the zero point", _both_ways(zero=np.negative)),
    Fault("outside_unchanged", "leaves x as it is outside the range", _outside(lambda x: x)),
    Fault("outside_is_zero", "gives 0 for what is outside the range", _outside(np.zeros_like)),
    Fault("infinity_unchanged", "leaves infinities as they are", _infinite(lambda x: x)),
    Fault("infinity_is_zero", "turns infinities into 0", _infinite(np.zeros_like)),
    Fault("zero_keeps_sign", "gives -0.0 where a negative x rounds to 0", _on_values(_zero_keeps_sign)),
    Fault("integer_result", "cuts the values to integers, as an integer dtype does", _on_values(_integers)),
    Fault("overflow_saturates", "gives the largest float where the value is infinite", _on_values(_largest)),
    Fault(
        "overflow_is_nan",
        "gives nan where the value is infinite",
        _on_values(lambda values, args, settings: np.where(np.isinf(values), np.nan, values)),
    ),
    *(
        Fault(f"result_{name}", f"holds the result in {name}", _held_in(name))
        for name in ("float16", "bfloat16", "float32")
    ),
    *channel_faults(other_values, _elementwise),
    Fault(
        "column_order",
        "takes the elements in column order",
        _on_values(lambda values, args, settings: values.reshape(-1, order="F").reshape(values.shape)),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        _on_values(lambda values, args, settings: values.reshape(-1)[::-1].reshape(values.shape)),
    ),
)

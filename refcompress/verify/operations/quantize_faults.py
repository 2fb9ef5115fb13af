"""Known wrong rules of fixed-point quantization, each as a small function that answers as it does.

They follow the stages of round(x * 2^p): the product, the rounding, the range. A fault of one stage follows the
settings in the others, so that it is told from another setting.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.rounding import OVERFLOW, round_to_integer
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.number_faults import (
    cast_to_int32,
    guard_bits,
    low_bits,
    magnitude_plus_half,
    near_ties_to_even,
    plus_half,
    to_decimals,
)
from refcompress.verify.operations.quantize_cases import INT64_MIN, limits, product, quantized, wraps

Answer = Callable[[Arguments, Settings], Any]


def _ranged(value: Array, settings: Settings) -> Array:
    """Bring floats that hold integers into range; what has no code becomes what a processor's conversion leaves."""
    if settings["bits"] is None:
        return np.where(np.abs(value) < 2.0**63, value, float(INT64_MIN))
    low, high = limits(settings)
    value = np.where(np.isnan(value), 0.0 if settings["bits"] < 32 else low, value)
    if settings["overflow"] == "wrap":
        value = np.where(np.isfinite(value), value, 0.0)
    return OVERFLOW[settings["overflow"]](value, low, high)


def _rounded(value: Array, settings: Settings) -> Array:
    return round_to_integer(value, settings["rounding"])


def _scaled(scale: Callable[[Array, int], Array]) -> Answer:
    """Return the fault of another product."""
    return lambda args, settings: _ranged(_rounded(scale(args[0].astype(np.float64), args[1]), settings), settings)


def _whole(rule: Callable[[Array], Array]) -> Answer:
    """Return the fault of another way to an integer."""
    return lambda args, settings: _ranged(rule(product(args)), settings)


def _before_rounding(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of changing the product before it is rounded."""
    return lambda args, settings: _ranged(_rounded(change(product(args)), settings), settings)


def _after_rounding(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of changing the integers before they are brought into range."""
    return lambda args, settings: _ranged(change(_rounded(product(args), settings)), settings)


def _clipped_to(ends: Callable[[int, int], tuple[int, int]]) -> Answer:
    """Return the fault of saturating at other ends."""

    def answer(args: Arguments, settings: Settings) -> Any:
        codes = _rounded(product(args), settings)
        if settings["bits"] is None:
            return _ranged(codes, settings)
        low, high = ends(*limits(settings))
        return OVERFLOW[settings["overflow"]](np.where(np.isfinite(codes) | (not wraps(settings)), codes, 0), low, high)

    return answer


def _replaced(give: Callable[[Array, Array, int, int], Array]) -> Answer:
    """Return the fault of giving something else, from x, the right codes and the ends of the range."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return give(_rounded(product(args), settings), quantized(args, settings).astype(np.float64), *limits(settings))

    return answer


def _in_dtype(name: str, *, x_only: bool = False) -> Callable[[Array, int], Array]:
    def scale(x: Array, p: int) -> Array:
        narrow = x.astype(float_dtype(name)).astype(np.float64)
        v = np.ldexp(narrow, p)
        return v if x_only else np.asarray(v.astype(float_dtype(name)).astype(np.float64))

    return scale


def _factor(value: Callable[[int], float]) -> Callable[[Array, int], Array]:
    def scale(x: Array, p: int) -> Array:
        return x * value(p)

    return scale


def _power_of(base: float) -> Callable[[int], float]:
    return lambda p: float(np.float64(base) ** p)


def _shift_in(bits: int) -> Callable[[int], float]:
    """Compute 1 << p as a C compiler's int does: the shift is taken modulo the width, the top bit is the sign."""

    def factor(p: int) -> float:
        value = 1 << (p % bits)
        return float(value - (1 << bits) if value >> (bits - 1) else value)

    return factor


def _subnormals_flushed(args: Arguments, settings: Settings) -> Any:
    x, p = args
    normal = FLOATS[x.dtype.name][2]
    wide = x.astype(np.float64)
    return _scaled(np.ldexp)((np.where(np.abs(wide) < normal, 0.0, wide), p), settings)


def _scale_in_float16(args: Arguments, settings: Settings) -> Any:
    x, p = args
    v = x * np.ldexp(1.0, p).astype(np.float16).astype(x.dtype)
    return _ranged(_rounded(v.astype(np.float64), settings), settings)


def _below_normal(times: float) -> Answer:
    """Return the fault of taking so many times the smallest normal number of x's dtype for a 2^p that is smaller."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, p = args
        normal = FLOATS[x.dtype.name][2]
        if np.ldexp(1.0, p) >= normal:
            return quantized(args, settings)
        return _scaled(_factor(lambda p: times * normal))(args, settings)

    return answer


def _bytes_swapped(args: Arguments, settings: Settings) -> Any:
    return _scaled(np.ldexp)((args[0].byteswap(), args[1]), settings)


def _x_clipped(args: Arguments, settings: Settings) -> Any:
    if settings["bits"] is None:
        return quantized(args, settings)
    low, high = limits(settings)
    clipped = np.clip(args[0].astype(np.float64), low, high)
    return OVERFLOW["wrap"](_rounded(np.ldexp(clipped, args[1]), settings), low, high)


def _x_clipped_too(args: Arguments, settings: Settings) -> Any:
    if settings["bits"] is None:
        return quantized(args, settings)
    clipped = np.clip(args[0].astype(np.float64), *limits(settings))
    return _scaled(np.ldexp)((clipped, args[1]), settings)


def _scale_from_data(args: Arguments, settings: Settings) -> Any:
    x = args[0].astype(np.float64)
    most = np.max(np.abs(x), initial=0.0)
    high = limits(settings)[1] if settings["bits"] is not None else 127
    return _ranged(_rounded(x / most * high if most else x, settings), settings)


def _rounded_twice(bits: int) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        once = np.ldexp(_rounded(np.ldexp(product(args), bits), settings), -bits)
        return _ranged(_rounded(once, settings), settings)

    return answer


def _step_back(args: Arguments, settings: Settings) -> Any:
    return np.ldexp(_ranged(_rounded(product(args), settings), settings), -args[1])


def _range_in_float32(args: Arguments, settings: Settings) -> Any:
    """Clip against bounds held in float32, where 2^31 - 1 is 2^31, then cast to int32."""
    codes = _rounded(product(args), settings)
    if settings["bits"] is None or wraps(settings):
        return _ranged(codes, settings)
    low, high = (float(np.float32(end)) for end in limits(settings))
    v = np.clip(codes, low, high)
    return np.where(v >= 2.0**31, -(2.0**31), v) if settings["signed"] else np.where(v >= 2.0**32, 0.0, v)


def _held_in(name: str) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        return quantized(args, settings).astype(float_dtype(name)).astype(np.float64)

    return answer


def _wrapped_in_floats(args: Arguments, settings: Settings) -> Any:
    codes = _rounded(product(args), settings)
    return _ranged(codes, settings) if settings["bits"] is None else OVERFLOW["wrap"](codes, *limits(settings))


FAULTS = (
    Fault("zero", "gives 0", lambda args, settings: np.zeros(args[0].shape)),
    Fault("p_plus_one", "scales by 2^(p + 1)", _scaled(lambda x, p: np.ldexp(x, p + 1))),
    Fault("p_minus_one", "scales by 2^(p - 1)", _scaled(lambda x, p: np.ldexp(x, p - 1))),
    Fault("p_negated", "scales by 2^-p", _scaled(lambda x, p: np.ldexp(x, -p))),
    Fault("p_ignored", "does not scale by 2^p", _scaled(lambda x, p: x)),
    Fault(
        "p_absolute",
        "scales by 2^|p|",
        _scaled(lambda x, p: np.ldexp(x, abs(p))),
    ),
    Fault("p_at_least_zero", "takes a negative p for 0", _scaled(lambda x, p: np.ldexp(x, max(p, 0)))),
    Fault("scale_minus_one", "scales by 2^p - 1", _scaled(_factor(lambda p: 2.0**p - 1))),
    Fault("scale_linear", "scales by 2 * p instead of 2^p", _scaled(_factor(lambda p: 2.0 * p))),
    Fault("scale_squared", "scales by p^2 instead of 2^p", _scaled(_factor(lambda p: float(p * p)))),
    Fault("scale_ten", "scales by 10^p instead of 2^p", _scaled(_factor(_power_of(10)))),
    Fault("scale_e", "scales by e^p instead of 2^p", _scaled(_factor(lambda p: float(np.exp(p))))),
    Fault(
        "scale_by_exp",
        "computes 2^p as exp(p * log 2), which is not exact",
        _scaled(_factor(lambda p: float(np.exp(p * np.log(2.0))))),
    ),
    Fault("shift_in_int32", "computes 2^p as a 32-bit 1 << p: wrong from p = 31 on", _scaled(_factor(_shift_in(32)))),
    Fault("scale_127", "scales by 127, whatever p", _scaled(_factor(lambda p: 127.0))),
    Fault("scale_255", "scales by 255, whatever p", _scaled(_factor(lambda p: 255.0))),
    Fault("scale_from_data", "takes the scale from the largest |x| instead of p", _scale_from_data),
    Fault("product_in_float16", "computes x * 2^p in float16", _scaled(_in_dtype("float16"))),
    Fault("product_in_bfloat16", "computes x * 2^p in bfloat16", _scaled(_in_dtype("bfloat16"))),
    Fault("product_in_float32", "computes x * 2^p in float32", _scaled(_in_dtype("float32"))),
    Fault("x_in_float16", "takes x in as float16", _scaled(_in_dtype("float16", x_only=True))),
    Fault("scale_in_float16", "holds 2^p in float16, where it is infinite from p = 16 on", _scale_in_float16),
    Fault("power_flushed", "takes 2^p for 0 where it is no normal number", _below_normal(0.0)),
    Fault("power_at_least_normal", "holds 2^p to the normal numbers: none is smaller", _below_normal(1.0)),
    Fault("x_truncated", "makes x an integer before it is scaled", _scaled(lambda x, p: np.ldexp(np.trunc(x), p))),
    Fault("x_rounded", "rounds x before it is scaled", _scaled(lambda x, p: np.ldexp(np.rint(x), p))),
    Fault("x_clipped", "brings x itself into [q_min, q_max] before it is scaled, and not the code", _x_clipped),
    Fault(
        "x_clipped_too",
        "brings x itself into [q_min, q_max] before it is scaled, and the code afterwards",
        _x_clipped_too,
    ),
    Fault("subnormals_flushed", "takes subnormal inputs for 0", _subnormals_flushed),
    Fault("plus_half_float32", "computes floor(v + 0.5) in float32", _whole(plus_half("float32"))),
    Fault("plus_half_float64", "computes floor(v + 0.5) in float64", _whole(plus_half("float64"))),
    Fault(
        "plus_half_truncated",
        "computes trunc(v + 0.5): right for positive numbers only",
        _whole(lambda v: np.trunc(v + 0.5)),
    ),
    Fault(
        "sign_half_truncated",
        "computes trunc(v + sign(v) * 0.5): halves away from zero, but the sum is rounded",
        _whole(magnitude_plus_half),
    ),
    *(
        Fault(
            f"guard_bits_{n}",
            f"drops what lies more than {n} bit{'s' * (n > 1)} below the code before it rounds",
            _before_rounding(guard_bits(n)),
        )
        for n in (1, 2, 3, 4, 8)
    ),
    *(
        Fault(f"rounded_twice_{n}", f"rounds twice: to p + {n} fraction bits, then to p", _rounded_twice(n))
        for n in (1, 2, 4, 8)
    ),
    *(
        Fault(
            f"decimals_{n}",
            f"rounds to {n} decimal place{'s' * (n > 1)} before it rounds to an integer",
            _before_rounding(to_decimals(n)),
        )
        for n in (1, 2, 3)
    ),
    Fault("epsilon_added", "adds 1e-6 before it rounds", _before_rounding(lambda v: v + 1e-6)),
    Fault(
        "epsilon_shrinks",
        "brings v 1e-6 nearer to 0 before it rounds",
        _before_rounding(lambda v: v - np.sign(v) * 1e-6),
    ),
    Fault(
        "tie_tolerance",
        "takes what lies within 1e-5 of a tie for a tie, and rounds it to even",
        _whole(near_ties_to_even),
    ),
    Fault("even_codes", "rounds to even integers, and not only at ties", _whole(lambda v: 2 * np.rint(v / 2))),
    Fault("not_rounded", "does not round: it returns x * 2^p", lambda args, settings: _ranged(product(args), settings)),
    Fault("fake_quantized", "returns Q(x) * 2^-p instead of the codes", _step_back),
    Fault("sign_dropped", "drops the sign", _after_rounding(np.abs)),
    Fault("sign_flipped", "gives the code of -x", _after_rounding(np.negative)),
    Fault("negative_is_zero", "gives 0 where x is negative", _after_rounding(lambda v: np.maximum(v, 0))),
    Fault(
        "negative_is_huge",
        "takes negative numbers for large unsigned ones: they get the highest code",
        _replaced(lambda v, right, low, high: np.where(v < 0, high, right)),
    ),
    Fault("low_16_bits_first", "keeps the low 16 bits before the range is applied", _after_rounding(low_bits(16))),
    Fault("low_32_bits_first", "keeps the low 32 bits before the range is applied", _after_rounding(low_bits(32))),
    Fault(
        "range_in_float32",
        "holds the ends of the range in float32, where a wide q_max is one too high and its cast overflows",
        _range_in_float32,
    ),
    Fault(
        "cast_before_range",
        "casts to int32 before any range is applied: what does not fit becomes -2^31",
        _after_rounding(cast_to_int32),
    ),
    Fault("codes_in_float16", "holds the codes in float16, which has no odd ones past 2^11", _held_in("float16")),
    Fault("codes_in_bfloat16", "holds the codes in bfloat16, which has no odd ones past 2^8", _held_in("bfloat16")),
    Fault("codes_in_float32", "holds the codes in float32, which has no odd ones past 2^24", _held_in("float32")),
    Fault("one_code_too_high", "takes q_max one code too high", _clipped_to(lambda low, high: (low, high + 1))),
    Fault("one_code_short", "takes q_max one code too low", _clipped_to(lambda low, high: (low, high - 1))),
    Fault("one_code_too_low", "takes q_min one code too low", _clipped_to(lambda low, high: (low - 1, high))),
    Fault(
        "unsigned_q_max",
        "takes 2^bits - 1 for q_max",
        _clipped_to(lambda low, high: (low, 2 * high + 1)),
    ),
    Fault(
        "unbounded",
        "never brings the codes into a range: what is huge or infinite stays so",
        lambda args, settings: _rounded(product(args), settings),
    ),
    Fault(
        "wrapped_in_floats",
        "wraps out-of-range values around, in floats: infinities become nan",
        _wrapped_in_floats,
    ),
    Fault(
        "ends_swapped",
        "saturates at the wrong end",
        _replaced(lambda v, right, low, high: np.where(v > high, low, np.where(v < low, high, right))),
    ),
    Fault(
        "outside_is_zero",
        "gives 0 for what is out of range",
        _replaced(lambda v, right, low, high: np.where((v > high) | (v < low), 0, right)),
    ),
    Fault(
        "infinity_is_zero",
        "turns infinities into 0",
        _replaced(lambda v, right, low, high: np.where(np.isinf(v), 0, right)),
    ),
    Fault(
        "infinity_is_lowest",
        "turns both infinities into the lowest code",
        _replaced(lambda v, right, low, high: np.where(np.isinf(v), low, right)),
    ),
    Fault(
        "huge_is_lowest",
        "turns values past int64 into the lowest code",
        _replaced(lambda v, right, low, high: np.where(v >= 2.0**63, low, right)),
    ),
    Fault(
        "huge_is_zero",
        "turns values past int64 into 0",
        _replaced(lambda v, right, low, high: np.where(np.abs(v) >= 2.0**63, 0, right)),
    ),
    Fault(
        "column_order",
        "takes the elements in column order",
        lambda args, settings: quantized(args, settings).reshape(-1, order="F").reshape(args[0].shape),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        lambda args, settings: quantized(args, settings).reshape(-1)[::-1].reshape(args[0].shape),
    ),
    Fault("bytes_swapped", "reads the bytes of x in the wrong order", _bytes_swapped),
)

"""Known wrong rules of affine quantization, each as a small function that answers as it does.

They follow the stages of round(x / s) + z: quotient (see ``affine_quotient_faults``), rounding, sum, range. A fault of
one stage follows the settings in the others, so that it is told from another setting.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization import exactly
from refcompress.rounding import OVERFLOW, round_to_integer
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.affine_cases import broadcast
from refcompress.verify.operations.affine_channel_faults import channel_faults
from refcompress.verify.operations.affine_quotient_faults import QUOTIENT_FAULTS
from refcompress.verify.operations.affine_stages import (
    added,
    converted,
    finished,
    limits,
    quantized,
    ranged,
    staged,
    steps_of,
    to_be_rounded,
)
from refcompress.verify.operations.number_faults import (
    cast_to_int32,
    guard_bits,
    low_bits,
    magnitude_plus_half,
    near_ties_to_even,
    plus_half,
    to_decimals,
)

Answer = Callable[[Arguments, Settings], Any]


def _elementwise(x: Array, s: Array, z: Array, settings: Settings) -> Array:
    """Quantize with a scale and a zero point an element."""
    return finished(steps_of(x, s, settings), z, settings)


def _whole(rule: Callable[[Array], Array]) -> Answer:
    """Return the fault of another way to an integer."""

    def answer(args: Arguments, settings: Settings) -> Any:
        w, z = to_be_rounded(args, settings)
        return ranged(added(rule(w), z, settings), settings)

    return answer


def _before_rounding(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of changing what is rounded."""

    def answer(args: Arguments, settings: Settings) -> Any:
        w, z = to_be_rounded(args, settings)
        steps = round_to_integer(change(w), settings["rounding"])
        return ranged(added(steps, z, settings), settings)

    return answer


def _sums(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return round(x / s) + z before the range is applied, and z."""
    w, z = to_be_rounded(args, settings)
    steps = round_to_integer(w, settings["rounding"])
    return np.asarray(steps if settings["zero_point_added"] == "before_rounding" else steps + z), z


def _on_steps(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of changing round(x / s) before z is added."""

    def answer(args: Arguments, settings: Settings) -> Any:
        codes, z = _sums(args, settings)
        return ranged(change(codes - z) + z, settings)

    return answer


def _on_codes(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of changing the codes before they are brought into range."""
    return lambda args, settings: ranged(change(_sums(args, settings)[0]), settings)


def _clipped_to(ends: Callable[[int, int], tuple[int, int]]) -> Answer:
    """Return the fault of bringing codes into another range."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return OVERFLOW[settings["overflow"]](_sums(args, settings)[0], *ends(*limits(settings)))

    return answer


def _replaced(give: Callable[[Array, Array, Array, tuple[int, int]], Array]) -> Answer:
    """Return the fault of giving something else, from the unbounded codes, the right ones, z and the range."""

    def answer(args: Arguments, settings: Settings) -> Any:
        codes, z = _sums(args, settings)
        return give(codes, quantized(args, settings).astype(np.float64), z, limits(settings))

    return answer


def _range_first(then: Callable[[Array, Settings], Array]) -> Answer:
    """Bring round(x / s) into range, add z, and do something with the sum."""

    def answer(args: Arguments, settings: Settings) -> Any:
        codes, z = _sums(args, settings)
        return then(ranged(codes - z, settings) + z, settings)

    return answer


def _stored(codes: Array, settings: Settings) -> Array:
    """Keep the bits that a code has."""
    return OVERFLOW["wrap"](codes, *limits({**settings, "narrow_range": False}))


def _half_after_zero_point(cut: Callable[[Array], Array]) -> Answer:
    """Cut x / s + z + 0.5 to an integer, each sum rounded to the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        v, z = staged(args, settings)
        dtype = float_dtype(settings["dtype"])
        total = exactly.total(v, z, dtype)
        return ranged(cut((total + dtype.type(0.5)).astype(np.float64)), settings)

    return answer


def _sum_in_int32(args: Arguments, settings: Settings) -> Any:
    codes, z = _sums(args, settings)
    return ranged(low_bits(32)(cast_to_int32(codes - z) + z), settings)


def _sum_in_int64(args: Arguments, settings: Settings) -> Any:
    """Cast to int64, which has -2^63 for what does not fit: with a negative z the sum wraps to the other end."""
    codes, z = _sums(args, settings)
    steps = codes - z
    fits = (steps > -(2.0**63)) & (steps < 2.0**63)
    lost = z.astype(np.float64) if settings["overflow"] == "wrap" else np.where(z < 0, np.inf, -np.inf)
    return ranged(np.where(fits, codes, lost), settings)


def _sum_in_float32(args: Arguments, settings: Settings) -> Any:
    """Add z in float32 and clip against bounds held in it, as NumPy does where x is float32."""
    codes, z = _sums(args, settings)
    total = (codes - z).astype(np.float32) + z.astype(np.float32)
    return _cast_from_float32(total.astype(np.float64), settings)


def _of_other_sign(args: Arguments, settings: Settings) -> Any:
    """Bring the codes into [0, 2^bits) where they are signed, and the other way round; then move them."""
    other = {**settings, "signed": not settings["signed"], "narrow_range": False}
    half = 2 ** (settings["bits"] - 1)
    return ranged(_sums(args, settings)[0], other) + (-half if settings["signed"] else half)


def _range_in_float32(args: Arguments, settings: Settings) -> Any:
    """Clip against bounds held in float32, where 2^31 - 1 is 2^31, then cast to int32."""
    return _cast_from_float32(_sums(args, settings)[0], settings)


def _cast_from_float32(codes: Array, settings: Settings) -> Array:
    if settings["overflow"] == "wrap":
        return ranged(codes, settings)
    low, high = (float(np.float32(end)) for end in limits(settings))
    v = np.clip(codes, low, high)
    return np.where(v >= 2.0**31, -(2.0**31), v) if settings["signed"] else np.where(v >= 2.0**32, 0.0, v)


def _held_in(name: str) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        return quantized(args, settings).astype(float_dtype(name)).astype(np.float64)

    return answer


def _back_again(args: Arguments, settings: Settings) -> Any:
    _, s, z = broadcast(args, settings)
    return (quantized(args, settings).astype(np.float64) - z) * s


FAULTS = (
    Fault("zero", "gives 0", lambda args, settings: np.zeros(args[0].shape)),
    *QUOTIENT_FAULTS,
    Fault("range_first", "adds the zero point after the range is applied", _range_first(lambda codes, s: codes)),
    Fault(
        "range_first_wrapped",
        "adds the zero point after the range is applied, in the dtype of the codes, where the sum wraps",
        _range_first(_stored),
    ),
    Fault("range_twice", "applies the range before and after it adds the zero point", _range_first(ranged)),
    Fault("plus_half_float32", "computes floor(x / s + 0.5) in float32", _whole(plus_half("float32"))),
    Fault("plus_half_float64", "computes floor(x / s + 0.5) in float64", _whole(plus_half("float64"))),
    Fault(
        "plus_half_truncated",
        "computes trunc(x / s + 0.5): right for positive numbers only",
        _whole(lambda v: np.trunc(v + 0.5)),
    ),
    Fault(
        "sign_half_truncated",
        "computes trunc(v + sign(v) * 0.5): halves away from zero, but the sum is rounded",
        _whole(magnitude_plus_half),
    ),
    Fault("half_after_zero_point", "computes floor(x / s + z + 0.5) in the dtype", _half_after_zero_point(np.floor)),
    Fault("half_truncated_last", "computes trunc(x / s + z + 0.5) in the dtype", _half_after_zero_point(np.trunc)),
    *(
        Fault(
            f"guard_bits_{n}",
            f"drops what lies more than {n} bit{'s' * (n > 1)} below the code before it rounds",
            _before_rounding(guard_bits(n)),
        )
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
        "tie_tolerance",
        "takes what lies within 1e-5 of a tie for a tie, and rounds it to even",
        _whole(near_ties_to_even),
    ),
    Fault("even_codes", "rounds to even integers, and not only at ties", _whole(lambda v: 2 * np.rint(v / 2))),
    Fault("not_rounded", "does not round", _whole(lambda v: v)),
    Fault("fake_quantized", "returns (q - z) * s instead of the codes", _back_again),
    Fault("sign_dropped", "drops the sign of x", _on_steps(np.abs)),
    Fault("sign_flipped", "gives the code of -x", _on_steps(np.negative)),
    Fault("negative_is_zero", "takes a negative x for 0", _on_steps(lambda v: np.maximum(v, 0))),
    Fault("negative_code_dropped", "drops the sign of the codes", _on_codes(np.abs)),
    Fault(
        "negative_is_huge",
        "takes negative codes for large unsigned ones: they get the highest code",
        _replaced(lambda v, right, z, ends: np.where(v < 0, ends[1], right)),
    ),
    Fault("low_8_bits_first", "keeps the low 8 bits of round(x / s) before z is added", _on_steps(low_bits(8))),
    Fault(
        "low_16_bits_first", "keeps the low 16 bits of the code before the range is applied", _on_codes(low_bits(16))
    ),
    Fault(
        "low_32_bits_first", "keeps the low 32 bits of the code before the range is applied", _on_codes(low_bits(32))
    ),
    Fault(
        "range_in_float32",
        "holds the ends of the range in float32, where a wide q_max is one too high and its cast overflows",
        _range_in_float32,
    ),
    Fault(
        "cast_before_range",
        "casts to int32 before any range is applied: what does not fit becomes -2^31",
        _on_codes(cast_to_int32),
    ),
    Fault(
        "cast_before_sum",
        "casts round(x / s) to int32 before z is added: what does not fit becomes -2^31",
        _on_steps(cast_to_int32),
    ),
    Fault(
        "cast_and_sum_in_int32",
        "casts round(x / s) to int32, where what does not fit becomes -2^31, and adds z there, where the sum wraps",
        _sum_in_int32,
    ),
    Fault(
        "cast_and_sum_in_int64",
        "casts round(x / s) to int64, where what does not fit becomes -2^63, and adds z there, where the sum wraps",
        _sum_in_int64,
    ),
    Fault(
        "sum_and_range_in_float32",
        "adds z and applies the range in float32, where a wide q_max is one too high and its cast overflows",
        _sum_in_float32,
    ),
    Fault(
        "other_sign_moved",
        "has the codes of the other signedness, moved by 2^(bits - 1), but not the zero point",
        _of_other_sign,
    ),
    Fault("codes_in_float16", "holds the codes in float16, which has no odd ones past 2^11", _held_in("float16")),
    Fault("codes_in_bfloat16", "holds the codes in bfloat16, which has no odd ones past 2^8", _held_in("bfloat16")),
    Fault("codes_in_float32", "holds the codes in float32, which has no odd ones past 2^24", _held_in("float32")),
    Fault("one_code_too_high", "takes q_max one code too high", _clipped_to(lambda low, high: (low, high + 1))),
    Fault("one_code_short", "takes q_max one code too low", _clipped_to(lambda low, high: (low, high - 1))),
    Fault("one_code_too_low", "takes q_min one code too low", _clipped_to(lambda low, high: (low - 1, high))),
    Fault("unsigned_q_max", "takes 2^bits - 1 for q_max", _clipped_to(lambda low, high: (low, 2 * high + 1))),
    Fault("unbounded", "never brings the codes into a range", lambda args, settings: _sums(args, settings)[0]),
    Fault(
        "ends_swapped",
        "saturates at the wrong end",
        _replaced(lambda v, right, z, ends: np.where(v > ends[1], ends[0], np.where(v < ends[0], ends[1], right))),
    ),
    Fault(
        "outside_is_zero",
        "gives 0 for what is out of range",
        _replaced(lambda v, right, z, ends: np.where((v > ends[1]) | (v < ends[0]), 0, right)),
    ),
    Fault(
        "outside_is_zero_point",
        "gives the zero point for what is out of range",
        _replaced(lambda v, right, z, ends: np.where((v > ends[1]) | (v < ends[0]), z, right)),
    ),
    Fault(
        "infinity_is_zero",
        "turns infinities into 0",
        _replaced(lambda v, right, z, ends: np.where(np.isinf(v), 0, right)),
    ),
    Fault(
        "infinity_is_lowest",
        "turns both infinities into the lowest code",
        _replaced(lambda v, right, z, ends: np.where(np.isinf(v), ends[0], right)),
    ),
    Fault(
        "huge_is_lowest",
        "turns values past int64 into the lowest code",
        _replaced(lambda v, right, z, ends: np.where(v >= 2.0**63, ends[0], right)),
    ),
    *channel_faults(converted, _elementwise),
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
)

"""Known wrong rules of dequantization, each as a small function that answers as it does."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.dequantize_cases import dequantized, nearest_float, rounded_to
from refcompress.verify.operations.number_faults import ROUNDING_SAYS

Answer = Callable[[Arguments, Settings], Any]


def _with_p(change: Callable[[int], int]) -> Answer:
    return lambda args, settings: dequantized((args[0], change(args[1])), settings)


def _with_q(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of reading the codes as others."""
    return lambda args, settings: dequantized((change(args[0]), args[1]), settings)


def _rounding(word: str) -> Answer:
    def answer(args: Arguments, settings: Settings) -> Any:
        q, p = args
        return rounded_to(q, p, settings["dtype"], word)

    return answer


def _chopped(args: Arguments, settings: Settings) -> Any:
    """Round to float32, then drop what the dtype has no room for, as a shift of the bits does."""
    if settings["dtype"] == "float64":
        return dequantized(args, settings)
    q, p = args
    bits = rounded_to(q, p, "float32").astype(np.float32).view(np.uint32)
    drop = np.uint32(24 - FLOATS[settings["dtype"]][0])
    return ((bits >> drop) << drop).view(np.float32)


def _through(name: str) -> Answer:
    """Round q * 2^-p to one format, and that to the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        q, p = args
        return nearest_float(rounded_to(q, p, name), settings["dtype"])

    return answer


def _q_in(name: str) -> Answer:
    """Round q to a format, scale it exactly, and round that to the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        q, p = args
        return nearest_float(np.ldexp(rounded_to(q, 0, name), -p), settings["dtype"])

    return answer


def _computed_in(name: str) -> Answer:
    """Round q and 2^-p to a format, multiply there, and round the product to the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        q, p = args
        scale = rounded_to(np.array(1), p, name)
        return nearest_float(nearest_float(rounded_to(q, 0, name) * scale, name), settings["dtype"])

    return answer


def _quotient_in(name: str) -> Answer:
    """Round q and 2^p to a format, divide there, and round the quotient to the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        q, p = args
        scale = rounded_to(np.array(1), -p, name)
        return nearest_float(nearest_float(rounded_to(q, 0, name) / scale, name), settings["dtype"])

    return answer


def _factor(value: Callable[[int], float]) -> Answer:
    """Return the fault of multiplying with something else."""
    return lambda args, settings: nearest_float(
        args[0].astype(np.float64) * np.float64(value(args[1])), settings["dtype"]
    )


def _shifted(args: Arguments, settings: Settings) -> Any:
    """Shift the integers to the right, which leaves no fraction."""
    q, p = args
    return nearest_float(np.floor(np.ldexp(q.astype(np.float64), -p)), settings["dtype"])


def _divided(args: Arguments, settings: Settings) -> Any:
    q, p = args
    return nearest_float(np.trunc(np.ldexp(q.astype(np.float64), -p)), settings["dtype"])


def _shift_overflows(args: Arguments, settings: Settings) -> Any:
    """Shift left in the dtype of q where p is negative."""
    q, p = args
    left = min(max(-p, 0), q.dtype.itemsize * 8 - 1)
    return dequantized((q << left, max(p, 0)), settings)


def _on_right(change: Callable[[Arguments, Array, str], Array]) -> Answer:
    """Return the fault of changing what was right."""

    def answer(args: Arguments, settings: Settings) -> Any:
        return change(args, dequantized(args, settings).astype(np.float64), settings["dtype"])

    return answer


def _low_bytes(size: int) -> Callable[[Array], Array]:
    return lambda q: q if q.dtype.itemsize <= size else q.astype(f"i{size}")


def _saturated(bits: int) -> Callable[[Array], Array]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return lambda q: q if q.dtype.itemsize * 8 <= bits else np.clip(q, low, high)


def _other_sign(q: Array) -> Array:
    """Read signed codes as unsigned ones, and the other way round."""
    return q.view(("i" if q.dtype.kind == "u" else "u") + str(q.dtype.itemsize))


def _unsigned_as_signed(q: Array) -> Array:
    return _other_sign(q) if q.dtype.kind == "u" else q


def _signed_as_unsigned(q: Array) -> Array:
    return _other_sign(q) if q.dtype.kind == "i" else q


def _lowest_flipped(args: Arguments, right: Array, name: str) -> Array:
    return np.where(args[0] == np.iinfo(args[0].dtype).min, np.abs(right), right)


def _flushed(args: Arguments, right: Array, name: str) -> Array:
    return np.where(np.abs(right) < FLOATS[name][2], np.copysign(0.0, right), right)


def _overflow_saturates(args: Arguments, right: Array, name: str) -> Array:
    return np.clip(right, -FLOATS[name][1], FLOATS[name][1])


def _midpoint(args: Arguments, settings: Settings) -> Any:
    q, p = args
    return nearest_float(np.ldexp(q.astype(np.float64) + 0.5, -p), settings["dtype"])


FAULTS = (
    Fault("zero", "gives 0", _on_right(lambda args, right, name: np.zeros_like(right))),
    Fault("p_plus_one", "scales by 2^-(p + 1)", _with_p(lambda p: p + 1)),
    Fault("p_minus_one", "scales by 2^-(p - 1)", _with_p(lambda p: p - 1)),
    Fault("p_negated", "scales by 2^p instead of 2^-p", _with_p(lambda p: -p)),
    Fault("p_ignored", "does not scale by 2^-p", _with_p(lambda p: 0)),
    Fault("p_absolute", "scales by 2^-|p|", _with_p(abs)),
    Fault("p_at_least_zero", "takes a negative p for 0", _with_p(lambda p: max(p, 0))),
    Fault("p_modulo_32", "takes p modulo 32, as a shift of 32 bits does", _with_p(lambda p: p % 32)),
    Fault("scale_minus_one", "divides by 2^p - 1", _factor(lambda p: float(1 / (np.exp2(np.float64(p)) - 1)))),
    Fault("scale_linear", "divides by 2 * p instead of 2^p", _factor(lambda p: float(1 / np.float64(2 * p)))),
    Fault("scale_ten", "divides by 10^p instead of 2^p", _factor(lambda p: float(np.float64(10) ** -p))),
    Fault("scale_e", "divides by e^p instead of 2^p", _factor(lambda p: float(np.exp(-p)))),
    Fault(
        "scale_by_exp",
        "computes 2^-p as exp(-p * log 2), which is not exact",
        _factor(lambda p: float(np.exp(-p * np.log(2.0)))),
    ),
    Fault("scale_1_255", "divides by 255, whatever p", _factor(lambda p: 1 / 255)),
    Fault("scale_1_127", "divides by 127, whatever p", _factor(lambda p: 1 / 127)),
    Fault("shifted", "shifts the integers: no fraction is left", _shifted),
    Fault("divided", "divides the integers toward zero: no fraction is left", _divided),
    Fault("shift_overflows", "shifts left in the dtype of q where p is negative: high bits fall off", _shift_overflows),
    Fault("midpoint", "adds one half to the codes: it gives the middle of a step", _midpoint),
    *(Fault(f"rounding_{word}", says, _rounding(word)) for word, says in ROUNDING_SAYS.items()),
    Fault("chopped", "computes in float32 and drops the bits that the dtype has no room for", _chopped),
    *(
        Fault(f"through_{name}", f"rounds twice: to {name}, then to the dtype", _through(name))
        for name in ("float16", "float32", "float64")
    ),
    *(Fault(f"q_in_{name}", f"converts q to {name} before it is scaled", _q_in(name)) for name in FLOATS),
    *(
        Fault(f"computed_in_{name}", f"multiplies in {name}, q and 2^-p both converted", _computed_in(name))
        for name in FLOATS
    ),
    *(
        Fault(f"quotient_in_{name}", f"divides in {name}, q and 2^p both converted", _quotient_in(name))
        for name in ("float16", "float32")
    ),
    Fault("low_8_bits", "keeps the low 8 bits of q", _with_q(_low_bytes(1))),
    Fault("low_16_bits", "keeps the low 16 bits of q", _with_q(_low_bytes(2))),
    Fault("low_32_bits", "keeps the low 32 bits of q", _with_q(_low_bytes(4))),
    Fault("saturated_8", "saturates q to int8", _with_q(_saturated(8))),
    Fault("saturated_16", "saturates q to int16", _with_q(_saturated(16))),
    Fault("saturated_32", "saturates q to int32", _with_q(_saturated(32))),
    Fault("bytes_swapped", "reads the bytes of q in the wrong order", _with_q(lambda q: q.byteswap())),
    Fault("unsigned_as_signed", "reads unsigned codes as signed ones", _with_q(_unsigned_as_signed)),
    Fault("signed_as_unsigned", "reads signed codes as unsigned ones", _with_q(_signed_as_unsigned)),
    Fault("sign_dropped", "drops the sign", _on_right(lambda args, right, name: np.abs(right))),
    Fault("sign_flipped", "gives the negative of what is due", _on_right(lambda args, right, name: 0.0 - right)),
    Fault(
        "lowest_flipped", "takes |q| in the dtype of q, where the lowest integer has none", _on_right(_lowest_flipped)
    ),
    Fault("negative_is_zero", "gives 0 where q is negative", _on_right(lambda args, right, name: np.maximum(right, 0))),
    Fault("subnormals_flushed", "gives 0 for subnormal results", _on_right(_flushed)),
    Fault("overflow_saturates", "gives the largest float instead of infinity", _on_right(_overflow_saturates)),
    Fault(
        "overflow_is_nan",
        "gives nan instead of infinity",
        _on_right(lambda args, right, name: np.where(np.isinf(right), np.nan, right)),
    ),
    Fault(
        "zero_is_negative",
        "gives -0.0 for 0",
        _on_right(lambda args, right, name: np.where(args[0] == 0, -0.0, right)),
    ),
    Fault(
        "zero_loses_sign",
        "gives +0 where a negative code rounds to -0",
        _on_right(lambda args, right, name: right + 0.0),
    ),
    Fault(
        "column_order",
        "takes the elements in column order",
        _on_right(lambda args, right, name: right.reshape(-1, order="F").reshape(right.shape)),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        _on_right(lambda args, right, name: right.reshape(-1)[::-1].reshape(right.shape)),
    ),
)

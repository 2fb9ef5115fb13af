"""Known wrong ways to the quotient of affine quantization: of x, the scale, the division, and the zero point."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization import exactly
from refcompress.rounding import round_to_integer
from refcompress.verify.inputs import FLOATS, float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.affine_cases import broadcast
from refcompress.verify.operations.affine_stages import (
    divided,
    finished,
    limits,
    quotient,
    ranged,
    rounded_and_ranged,
    staged,
    steps_of,
    to_be_rounded,
)

Answer = Callable[[Arguments, Settings], Any]
Quotient = Callable[[Array, Array, Settings], Array]
NARROWER = ("float16", "bfloat16", "float32")


def _divided_by(quotient_of: Quotient) -> Answer:
    """Return the fault of another quotient, made of x, s and the settings."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, s, z = broadcast(args, settings)
        v = quotient_of(x, s, settings).astype(np.float64)
        return finished(v, z, settings)

    return answer


def _scaled_by(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of another scale."""
    return _divided_by(lambda x, s, settings: steps_of(x, change(s), settings))


def _scaled_by_at_least(least: Callable[[str], float]) -> Answer:
    """Return the fault of a scale that is no smaller than this of the dtype."""
    return _divided_by(lambda x, s, settings: steps_of(x, np.maximum(s, least(settings["dtype"])), settings))


def _with_x(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of another x."""
    return lambda args, settings: _safely((change(args[0]), *args[1:]), settings)


def _safely(args: Arguments, settings: Settings) -> Any:
    """Quantize what may have become nan."""
    return rounded_and_ranged(*to_be_rounded(args, settings), settings)


def _with_zero_point(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of another zero point."""

    def answer(args: Arguments, settings: Settings) -> Any:
        v, z = staged(args, settings)
        return finished(v, change(z), settings)

    return answer


def _in(name: str) -> Callable[[Array], Array]:
    return lambda values: values.astype(float_dtype(name)).astype(values.dtype)


def _quotient_in(name: str) -> Quotient:
    return lambda x, s, settings: divided(x.astype(float_dtype(name)), s)


def _times_reciprocal_in_float64(x: Array, s: Array, settings: Settings) -> Array:
    return np.asarray(x.astype(np.float64) * (1 / s.astype(np.float64)))


def _times_rounded_reciprocal(x: Array, s: Array, settings: Settings) -> Array:
    """Multiply by the reciprocal of the dtype, and do not round the product: exact but for float64."""
    return np.asarray(x.astype(np.float64) * divided(np.ones((), x.dtype), s).astype(np.float64))


def _reciprocal_then_sum(args: Arguments, settings: Settings) -> Any:
    """Multiply by the reciprocal and round, add z and round, then round to an integer."""
    x, s, z = broadcast(args, settings)
    v = exactly.total(quotient(x, s, "reciprocal"), z, float_dtype(settings["dtype"])).astype(np.float64)
    return ranged(round_to_integer(v, settings["rounding"]), settings)


def _from_x_min(args: Arguments, settings: Settings) -> Any:
    """Count steps from x_min = (q_min - z) * s, in the dtype of x."""
    x, s, z = broadcast(args, settings)
    low = limits(settings)[0]
    x_min = ((low - z) * s).astype(x.dtype)
    v = divided(np.asarray(x - x_min), s).astype(np.float64)
    return ranged(round_to_integer(v, settings["rounding"]) + low, settings)


def _z_and_x(sign: int) -> Answer:
    """Shift x by z before it is divided."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, s, z = broadcast(args, settings)
        shifted = np.asarray(x.astype(np.float64) + sign * z).astype(x.dtype)
        v = quotient(shifted, s, settings["scaling"])
        return ranged(round_to_integer(v, settings["rounding"]), settings)

    return answer


def _subnormals_flushed(args: Arguments, settings: Settings) -> Any:
    x, s, z = broadcast(args, settings)
    normal = FLOATS[settings["dtype"]][2]
    flat = np.where(np.abs(x.astype(np.float64)) < normal, x * x.dtype.type(0), x).astype(x.dtype)
    s = np.where(s < normal, 0.0, s)
    v = quotient(flat, s, settings["scaling"])
    v = np.where(np.abs(v) < normal, 0.0, v)
    return finished(v, z, settings)


def _to_power_of_two(s: Array) -> Array:
    return np.exp2(np.rint(np.log2(s)))


def _nan_to(which: int) -> Answer:
    """Multiply by a reciprocal that may be infinite, and turn the nan of 0 * infinity into an end of the range."""

    def answer(args: Arguments, settings: Settings) -> Any:
        x, s, z = broadcast(args, settings)
        v = quotient(x, s, "reciprocal")
        return np.where(np.isnan(v), limits(settings)[which], finished(v, z, settings))

    return answer


def _fused_nan_high(args: Arguments, settings: Settings) -> Any:
    """Multiply by a reciprocal that may be infinite and add z in one step; nan becomes the highest code."""
    fused = {**settings, "scaling": "reciprocal", "zero_point_added": "before_rounding"}
    w, z = to_be_rounded(args, fused)
    return np.where(np.isnan(w), limits(settings)[1], rounded_and_ranged(w, z, fused))


QUOTIENT_FAULTS = (
    Fault("zero_point_alone", "gives the zero point, whatever x", _with_x(np.zeros_like)),
    Fault("zero_point_ignored", "does not add the zero point", _with_zero_point(np.zeros_like)),
    Fault("zero_point_subtracted", "subtracts the zero point instead of adding it", _with_zero_point(np.negative)),
    Fault("zero_point_twice", "adds the zero point twice", _with_zero_point(lambda z: 2 * z)),
    Fault("zero_point_int8", "takes the zero point as int8", _with_zero_point(lambda z: (z + 128) % 256 - 128)),
    Fault("zero_point_uint8", "takes the zero point as uint8", _with_zero_point(lambda z: z % 256)),
    Fault("zero_point_in_x", "adds the zero point to x before it divides by the scale", _z_and_x(1)),
    Fault("zero_point_from_x", "subtracts the zero point from x before it divides by the scale", _z_and_x(-1)),
    Fault("from_x_min", "counts steps from x_min = (q_min - z) * s: round((x - x_min) / s) + q_min", _from_x_min),
    Fault(
        "scale_multiplied",
        "multiplies by the scale instead of dividing",
        _divided_by(lambda x, s, settings: x * s.astype(x.dtype)),
    ),
    Fault("scale_ignored", "does not divide by the scale", _divided_by(lambda x, s, settings: x)),
    Fault("scale_float16", "holds the scale in float16", _scaled_by(_in("float16"))),
    Fault("scale_bfloat16", "holds the scale in bfloat16", _scaled_by(_in("bfloat16"))),
    Fault("scale_float32", "holds the scale in float32", _scaled_by(_in("float32"))),
    Fault("scale_power_of_two", "takes the nearest power of two for the scale", _scaled_by(_to_power_of_two)),
    *(
        Fault(f"scale_plus_1e_{n}", f"adds 1e-{n} to the scale", _scaled_by(lambda s, n=n: s + 10.0**-n))  # type: ignore[misc]
        for n in (5, 6, 8, 12)
    ),
    *(
        Fault(
            f"scale_at_least_{word}",
            f"takes {text} for a smaller scale",
            _scaled_by_at_least(least),
        )
        for word, text, least in (
            ("eps", "2^-23, the eps of float32,", lambda dtype: 2.0**-23),
            ("1e_8", "1e-8", lambda dtype: 1e-8),
            ("normal", "the smallest normal number", lambda dtype: FLOATS[dtype][2]),
        )
    ),
    Fault("reciprocal_float64", "multiplies by 1 / s in float64", _divided_by(_times_reciprocal_in_float64)),
    Fault(
        "reciprocal_unrounded",
        "multiplies by 1 / s of the dtype and does not round the product to it",
        _divided_by(_times_rounded_reciprocal),
    ),
    Fault("reciprocal_then_sum", "computes x * (1 / s) + z in two roundings, then rounds", _reciprocal_then_sum),
    Fault(
        "fused_nan_high",
        "computes x * (1 / s) + z in one step (fma) and rounds that, and 0 times infinity gives the highest code",
        _fused_nan_high,
    ),
    Fault("reciprocal_nan_low", "multiplies by 1 / s, and 0 times infinity gives the lowest code", _nan_to(0)),
    Fault("reciprocal_nan_high", "multiplies by 1 / s, and 0 times infinity gives the highest code", _nan_to(1)),
    *(Fault(f"quotient_{name}", f"computes x / s in {name}", _divided_by(_quotient_in(name))) for name in NARROWER),
    *(Fault(f"x_{name}", f"takes x in as {name}", _with_x(_in(name))) for name in NARROWER),
    Fault("x_truncated", "makes x an integer before it divides", _with_x(lambda x: np.trunc(x).astype(x.dtype))),
    Fault("x_rounded", "rounds x before it divides", _with_x(lambda x: np.rint(x).astype(x.dtype))),
    Fault("subnormals_flushed", "takes subnormal numbers for 0: x, the scale, and the quotient", _subnormals_flushed),
    Fault("bytes_swapped", "reads the bytes of x in the wrong order", _with_x(lambda x: np.asarray(x.byteswap()))),
)

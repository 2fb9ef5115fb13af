"""Known wrong rules of affine dequantization, each as a small function that answers as it does."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.inputs import FLOATS
from refcompress.verify.operation import Arguments, Fault, Settings
from refcompress.verify.operations.affine_cases import broadcast
from refcompress.verify.operations.affine_channel_faults import channel_faults
from refcompress.verify.operations.affine_dequantize_cases import as_given, differences, rounded
from refcompress.verify.operations.dequantize_cases import nearest_float
from refcompress.verify.operations.number_faults import ROUNDING_SAYS

Answer = Callable[[Arguments, Settings], Any]
NARROWER = ("float16", "bfloat16", "float32")


def _difference(change: Callable[[Array, Array], Array]) -> Answer:
    """Return the fault of another difference, made of q and z."""

    def answer(args: Arguments, settings: Settings) -> Any:
        q, s, z = broadcast(args, settings)
        return rounded(change(q, z), s, settings["dtype"])

    return answer


def _wide(change: Callable[[Array, Array], Array]) -> Answer:
    """Return the fault of another difference, made of q and z as int64."""
    return _difference(lambda q, z: change(q.astype(np.int64), z))


def _with_scale(change: Callable[[Array, str], Array]) -> Answer:
    """Return the fault of another scale, made of s and the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        n, s = differences(args, settings)
        other = change(s, settings["dtype"])
        infinite = np.where(n == 0, np.nan, np.copysign(np.inf, n))
        return np.where(
            np.isfinite(other), rounded(n, np.where(np.isfinite(other), other, 1), settings["dtype"]), infinite
        )

    return answer


def _rounding(word: str) -> Answer:
    return lambda args, settings: rounded(*differences(args, settings), settings["dtype"], word)


def _in_floats(compute: Callable[[Array, Array, Array, str], Array], name: str | None = None) -> Answer:
    """Return the fault of computing in a float format, that of the result by default, which ``compute`` is told."""

    def answer(args: Arguments, settings: Settings) -> Any:
        q, s, z = broadcast(args, settings)
        value = compute(q.astype(np.float64), s, z.astype(np.float64), name or settings["dtype"])
        return nearest_float(value, settings["dtype"])

    return answer


def _difference_in(q: Array, s: Array, z: Array, name: str) -> Array:
    """Round q and z, then their difference, then the product with s."""
    n = nearest_float(nearest_float(q, name) - nearest_float(z, name), name)
    return nearest_float(n * nearest_float(s, name), name)


def _then_scaled(name: str) -> Answer:
    """Round q - z to a format, and scale that exactly."""

    def answer(args: Arguments, settings: Settings) -> Any:
        n, s = differences(args, settings)
        return rounded(nearest_float(n.astype(np.float64), name), s, settings["dtype"])

    return answer


def _two_products(q: Array, s: Array, z: Array, name: str) -> Array:
    """Round q and z, their products with s, then the difference."""
    q, z = nearest_float(q, name), nearest_float(z, name)
    return nearest_float(rounded(q, s, name) - rounded(z, s, name), name)


def _fused(q: Array, s: Array, z: Array, name: str) -> Array:
    """Round z * s, then q * s less that, in one step."""
    return nearest_float(q * s - rounded(z, s, name), name)


def _zero_point_unscaled(q: Array, s: Array, z: Array, name: str) -> Array:
    return nearest_float(rounded(nearest_float(q, name), s, name) - nearest_float(z, name), name)


def _by_reciprocal(q: Array, s: Array, z: Array, name: str) -> Array:
    return nearest_float((q - z) / nearest_float(1 / s, name), name)


def _through(name: str) -> Answer:
    """Round (q - z) * s to one format, and that to the dtype."""
    return lambda args, settings: nearest_float(rounded(*differences(args, settings), name), settings["dtype"])


def _chopped(args: Arguments, settings: Settings) -> Any:
    """Round to float32, then drop what the dtype has no room for, as a shift of the bits does."""
    n, s = differences(args, settings)
    if FLOATS[settings["dtype"]][0] >= 24:
        return rounded(n, s, settings["dtype"])
    bits = rounded(n, s, "float32").astype(np.float32).view(np.uint32)
    drop = np.uint32(24 - FLOATS[settings["dtype"]][0])
    return ((bits >> drop) << drop).view(np.float32)


def _on_right(change: Callable[[Array, Array, str], Array]) -> Answer:
    """Return the fault of changing what was right, given q - z, that, and the dtype."""

    def answer(args: Arguments, settings: Settings) -> Any:
        right = as_given(args, settings)
        return change(differences(args, settings)[0], right, settings["dtype"])

    return answer


def _in_type(q: Array, z: Array) -> Array:
    """Subtract in the type of the codes, where the difference wraps."""
    return np.asarray((q - z.astype(q.dtype)).astype(np.float64))


def _saturated(q: Array, z: Array) -> Array:
    ends = np.iinfo(q.dtype)
    return np.clip(q.astype(np.float64) - z, ends.min, ends.max)


def _other_sign(q: Array) -> Array:
    """Read signed codes as unsigned ones, and the other way round."""
    return q.view(("i" if q.dtype.kind == "u" else "u") + str(q.dtype.itemsize))


def _read_as(change: Callable[[Array], Array]) -> Answer:
    """Return the fault of reading the codes as others."""
    return _difference(lambda q, z: change(q).astype(np.float64) - z)


def _flushed(n: Array, right: Array, name: str) -> Array:
    return np.where(np.abs(right) < FLOATS[name][2], np.copysign(0.0, right), right)


def _flushed_scale(s: Array, name: str) -> Array:
    return np.where(s < FLOATS[name][2], 0.0, s)


def _plus(epsilon: float) -> Callable[[Array, str], Array]:
    return lambda s, name: nearest_float(s + epsilon, name)


FAULTS = (
    Fault("zero", "gives 0", _on_right(lambda n, right, name: np.zeros_like(right))),
    Fault("zero_point_ignored", "does not subtract the zero point", _wide(lambda q, z: q)),
    Fault("zero_point_added", "adds the zero point instead of subtracting it", _wide(lambda q, z: q + z)),
    Fault("zero_point_negated", "gives (z - q) * s", _wide(lambda q, z: z - q)),
    Fault("zero_point_magnitude", "subtracts |z|", _wide(lambda q, z: q - np.abs(z))),
    Fault("zero_point_int8", "takes the zero point as int8", _wide(lambda q, z: q - ((z + 128) % 256 - 128))),
    Fault("zero_point_uint8", "takes the zero point as uint8", _wide(lambda q, z: q - z % 256)),
    Fault("zero_point_unscaled", "computes q * s - z", _in_floats(_zero_point_unscaled)),
    Fault("in_type", "subtracts in the type of the codes, where q - z wraps", _difference(_in_type)),
    Fault("saturated", "subtracts in the type of the codes, where q - z saturates", _difference(_saturated)),
    Fault(
        "in_int8",
        "keeps the low 8 bits of q - z",
        _wide(lambda q, z: (q - z).astype(np.int8).astype(np.float64)),
    ),
    Fault(
        "in_int16", "keeps the low 16 bits of q - z", _wide(lambda q, z: (q - z).astype(np.int16).astype(np.float64))
    ),
    Fault(
        "in_int32", "keeps the low 32 bits of q - z", _wide(lambda q, z: (q - z).astype(np.int32).astype(np.float64))
    ),
    Fault("scale_ignored", "does not multiply by the scale", _with_scale(lambda s, name: np.ones_like(s))),
    Fault(
        "scale_divided", "divides by the scale instead of multiplying", _in_floats(lambda q, s, z, name: (q - z) / s)
    ),
    Fault("scale_reciprocal", "divides by a rounded 1 / s", _in_floats(_by_reciprocal)),
    Fault("scale_float16", "holds the scale in float16", _with_scale(lambda s, name: nearest_float(s, "float16"))),
    Fault("scale_bfloat16", "holds the scale in bfloat16", _with_scale(lambda s, name: nearest_float(s, "bfloat16"))),
    Fault("scale_float32", "holds the scale in float32", _with_scale(lambda s, name: nearest_float(s, "float32"))),
    Fault("scale_flushed", "takes a subnormal scale for 0", _with_scale(_flushed_scale)),
    Fault(
        "scale_power_of_two",
        "takes the nearest power of two for the scale",
        _with_scale(lambda s, name: np.exp2(np.rint(np.log2(s)))),
    ),
    *(
        Fault(
            f"scale_plus_1e_{n}",
            f"adds 1e-{n} to the scale",
            _with_scale(_plus(10.0**-n)),
        )
        for n in (6, 8, 12)
    ),
    Fault("two_products", "computes q * s - z * s, each product rounded", _in_floats(_two_products)),
    Fault("fused", "computes q * s - z * s in one step (fma) from a rounded z * s", _in_floats(_fused)),
    Fault(
        "two_products_float32",
        "computes q * s - z * s in float32, each product rounded",
        _in_floats(_two_products, "float32"),
    ),
    Fault(
        "two_products_float16",
        "computes q * s - z * s in float16, each product rounded",
        _in_floats(_two_products, "float16"),
    ),
    *(
        Fault(
            f"computed_in_{name}",
            f"computes (q - z) * s in {name}, q, z and s converted first",
            _in_floats(_difference_in, name),
        )
        for name in NARROWER
    ),
    *(
        Fault(f"difference_in_{name}", f"converts q - z to {name} before it is scaled", _then_scaled(name))
        for name in NARROWER
    ),
    *(
        Fault(f"through_{name}", f"rounds twice: to {name}, then to the dtype", _through(name))
        for name in ("float16", "float32", "float64")
    ),
    *(Fault(f"rounding_{word}", says, _rounding(word)) for word, says in ROUNDING_SAYS.items()),
    Fault("chopped", "computes in float32 and drops the bits that the dtype has no room for", _chopped),
    Fault(
        "midpoint",
        "adds one half to the codes: it gives the middle of a step",
        _in_floats(lambda q, s, z, name: (q - z + 0.5) * s),
    ),
    Fault("whole", "rounds the result to an integer", _on_right(lambda n, right, name: np.rint(right))),
    Fault(
        "low_8_bits", "keeps the low 8 bits of q", _read_as(lambda q: q if q.dtype.itemsize == 1 else q.astype(np.int8))
    ),
    Fault(
        "low_16_bits",
        "keeps the low 16 bits of q",
        _read_as(lambda q: q if q.dtype.itemsize <= 2 else q.astype(np.int16)),
    ),
    Fault(
        "unsigned_as_signed",
        "reads unsigned codes as signed ones",
        _read_as(lambda q: _other_sign(q) if q.dtype.kind == "u" else q),
    ),
    Fault(
        "signed_as_unsigned",
        "reads signed codes as unsigned ones",
        _read_as(lambda q: _other_sign(q) if q.dtype.kind == "i" else q),
    ),
    Fault("bytes_swapped", "reads the bytes of q in the wrong order", _read_as(lambda q: q.byteswap())),
    Fault("sign_dropped", "drops the sign", _on_right(lambda n, right, name: np.abs(right))),
    Fault(
        "negative_is_zero",
        "gives 0 below the zero point",
        _on_right(lambda n, right, name: np.where(n < 0, 0.0, right)),
    ),
    Fault("subnormals_flushed", "gives 0 for subnormal results", _on_right(_flushed)),
    Fault(
        "overflow_saturates",
        "gives the largest float instead of infinity",
        _on_right(lambda n, right, name: np.clip(right, -FLOATS[name][1], FLOATS[name][1])),
    ),
    Fault(
        "overflow_is_nan",
        "gives nan instead of infinity",
        _on_right(lambda n, right, name: np.where(np.isinf(right), np.nan, right)),
    ),
    Fault(
        "zero_is_negative",
        "gives -0.0 for the zero point",
        _on_right(lambda n, right, name: np.where(n == 0, -0.0, right)),
    ),
    *channel_faults(as_given, lambda q, s, z, settings: rounded(q.astype(np.float64) - z, s, settings["dtype"])),
    Fault(
        "column_order",
        "takes the elements in column order",
        _on_right(lambda n, right, name: right.reshape(-1, order="F").reshape(right.shape)),
    ),
    Fault(
        "reversed_order",
        "gives the elements in reverse order",
        _on_right(lambda n, right, name: right.reshape(-1)[::-1].reshape(right.shape)),
    ),
)

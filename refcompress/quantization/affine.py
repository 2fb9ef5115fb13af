"""Affine quantization: q = round(x / s) + z, and back: x' = (q - z) * s.

``s`` is the scale, a positive float; ``z`` the zero point, the code that stands for 0. Both are one number for the
whole array, one a channel (``axis``), or one a block of consecutive entries along it (``axis`` and ``block_size``).

The formula leaves open how x / s is computed, and implementations part there, at ties: see ``scaling``.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.quantization import channels, exactly
from refcompress.quantization.fixed_point import float_dtype
from refcompress.rounding import OVERFLOW, ROUNDING, UFUNC, code_dtype, code_range, round_to_integer

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
CODES = -(2**31), 2**32 - 1  # of any width and sign


def _in_dtype(operator: np.ufunc, x: Array, s: Array, dtype: np.dtype[Any]) -> Array:
    """Return a quotient or a product rounded once to the dtype."""
    if dtype.itemsize >= 4:
        return np.asarray(operator(x, s, dtype=dtype))
    # 24 bits are more than twice 11 and two: what float32 rounds to rounds to what the true result rounds to
    return np.asarray(operator(x, s, dtype=FLOAT32).astype(dtype))


_divide, _multiply = functools.partial(_in_dtype, np.divide), functools.partial(_in_dtype, np.multiply)


# scaling word -> x / s in the dtype of the arithmetic, given s or, for ``reciprocal``, 1 / s
SCALING: dict[str, Callable[[Array, Array, np.dtype[Any]], Array]] = {
    "divide": _divide,
    "exact": lambda x, s, dtype: exactly.quotient(x, s),
    "reciprocal": _multiply,
}
ZERO_POINT_ADDED = ("after_rounding", "before_rounding")


@dataclass(frozen=True)
class Convention:
    """The settings of an affine quantizer, checked: see ``affine_quantize``."""

    bits: int = 8
    signed: bool = True
    rounding: str = "half_even"
    overflow: str = "saturate"
    narrow_range: bool = False
    scaling: str = "divide"
    zero_point_added: str = "after_rounding"
    axis: int | None = None
    block_size: int | None = None

    def __post_init__(self) -> None:
        """Check all but the axis, which needs an array."""
        object.__setattr__(self, "bits", arguments.integer(self.bits, "bits", 2, 32))
        arguments.boolean(self.signed, "signed")
        arguments.boolean(self.narrow_range, "narrow_range")
        arguments.choice(self.rounding, "rounding", ROUNDING)
        arguments.choice(self.overflow, "overflow", OVERFLOW)
        arguments.choice(self.scaling, "scaling", SCALING)
        arguments.choice(self.zero_point_added, "zero_point_added", ZERO_POINT_ADDED)

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest code."""
        return code_range(self.bits, signed=self.signed, narrow_range=self.narrow_range)


def affine_quantize(
    x: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    rounding: str = "half_even",
    overflow: str = "saturate",
    narrow_range: bool = False,
    scaling: str = "divide",
    zero_point_added: str = "after_rounding",
    axis: int | None = None,
    block_size: int | None = None,
) -> Array:
    """Quantize: q = round(x / s) + z, brought into the range of the codes.

    Parameters
    ----------
    x : array_like
        Floats of at most 64 bits, or integers, of any shape.
    scale : array_like
        The step s > 0: one number; with ``axis`` an array with one a channel; with ``block_size`` an array of the
        shape of x with one a block along the axis.
    zero_point : array_like of int
        The code z that stands for 0: one for all, or of the shape of the scale.
    bits : int
        Width of a code, 2 to 32; default 8.
    signed : bool
        Codes [-2^(bits-1), 2^(bits-1) - 1] (default), or [0, 2^bits - 1].
    rounding : str
        half_even (default), half_away, half_up, half_down, half_odd, floor, ceil, toward_zero or away_from_zero.
    overflow : str
        saturate (default) clips the sum to the range; wrap takes it modulo the number of codes.
    narrow_range : bool
        Drop the most negative code of a signed range; default False.
    scaling : str
        How x / s comes about, in the dtype that NumPy promotes x and the scale to (a Python number takes that of x).
        divide (default): the quotient rounded once to the dtype. reciprocal: x times 1 / s, each rounded to the
        dtype. exact: the true quotient, which nothing rounds but the rule.
    zero_point_added : str
        after_rounding (default): round(x / s) + z. before_rounding: round(x / s + z), where the sum is rounded to the
        dtype, unless the scaling is exact. With ``scaling="reciprocal"`` the product and the sum are one fused
        multiply-add, rounded once: x * (1 / s) + z, as PyTorch does it.
    axis : int, optional
        The axis of the channels; negative ones count from the back. None: one scale for all.
    block_size : int, optional
        How many consecutive entries along the axis share a scale; the last block may be shorter.

    Returns
    -------
    numpy.ndarray
        Integers of the shape of x: the smallest of int8 to int32 (or uint8 to uint32) that holds ``bits``.

    Raises
    ------
    ValueError
        For a NaN; for an infinite x or quotient with ``overflow="wrap"``; for a scale that is not positive and
        finite, or whose reciprocal is not, where that is asked for; for a zero point that is no code; for shapes that
        do not fit.
    TypeError
        For an x that holds no numbers, or a zero point that is no integer.

    See Also
    --------
    affine_dequantize : The way back.
    affine_parameters : A scale and a zero point for a range of values.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 2.1, 2018. ONNX, "QuantizeLinear", opset 21, for division, rounding half to even, and blocks.

    Examples
    --------
    >>> affine_quantize([0.25, 0.75, 1.25, -3.0], 0.5, 1)
    array([ 1,  3,  3, -5], dtype=int8)
    >>> affine_quantize([[1.0, 2.0], [1.0, 2.0]], [0.5, 0.25], 0, axis=1)
    array([[2, 8],
           [2, 8]], dtype=int8)
    """
    by = Convention(
        bits, signed, rounding, overflow, narrow_range, scaling, zero_point_added, axis=axis, block_size=block_size
    )
    return quantize_by(x, scale, zero_point, by)


def quantize_by(x: npt.ArrayLike, scale: npt.ArrayLike, zero_point: npt.ArrayLike, by: Convention) -> Array:
    """Quantize by a checked convention: see ``affine_quantize``."""
    array, s, z, dtype = prepared(x, scale, zero_point, by)
    codes = np.empty(array.size, code_dtype(by.bits, signed=by.signed))
    flat = array.reshape(-1)
    runs, _ = channels.arrange(array.shape, by.axis, by.block_size)
    bring_into_range = _wrapped if by.overflow == "wrap" else _clipped
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for where, shape, (step, zero) in channels.pieces(runs, s, z):
            piece = flat[where].reshape(shape)
            q, refused = bring_into_range(piece, step, zero, dtype, by)
            if refused is not None:
                _refuse(array, where.start + int(np.argmax(refused)))
            np.copyto(codes[where].reshape(shape), q, casting="unsafe")
    return codes.reshape(array.shape)


def prepared(
    x: npt.ArrayLike, scale: npt.ArrayLike, zero_point: npt.ArrayLike, by: Convention
) -> tuple[Array, Array, Array, np.dtype[Any]]:
    """Check the inputs; return x, one scale (or reciprocal) and zero point a channel, and the arithmetic's dtype."""
    array = arguments.float_array(x, "x")
    dtype = channels.common_dtype(array, scale)
    _, shape = channels.arrange(array.shape, by.axis, by.block_size)
    s = channels.checked_scale(scale, shape, dtype)
    z = channels.checked_zero_point(zero_point, shape, *by.ends)
    if by.scaling == "reciprocal":
        with np.errstate(over="ignore", under="ignore"):
            inverse = _divide(np.ones((), dtype), s, dtype)
        if not np.isfinite(inverse).all():
            arguments.refuse_element("scale", s, ~np.isfinite(inverse), f"its reciprocal is infinite in {dtype}")
        s = inverse
    s, z = (channels.expanded(v, array.shape, by.axis, by.block_size) for v in (s, z))
    return array, s, z, dtype


def unclipped(x: Array, s: Array, z: Array, dtype: np.dtype[Any], by: Convention) -> Array:
    """Return round(x / s) + z of a piece, as floats that hold it exactly up to 2^24, or 2^50 past 16 bits."""
    if by.zero_point_added == "before_rounding":
        return _rounded(_sum(x, s, z, dtype, by), by)
    q = _rounded(SCALING[by.scaling](x, s, dtype), by)
    q += z.astype(q.dtype)
    return q


def _rounded(v: Array, by: Convention) -> Array:
    v = v.astype(FLOAT32 if v.dtype.itemsize <= 4 and by.bits <= 16 else FLOAT64, copy=False)
    return np.asarray(UFUNC[by.rounding](v, out=v)) if by.rounding in UFUNC else round_to_integer(v, by.rounding)


def _sum(x: Array, s: Array, z: Array, dtype: np.dtype[Any], by: Convention) -> Array:
    """Return x / s + z, as ``scaling`` and ``zero_point_added`` round it."""
    if by.scaling == "exact":
        return _exact_sum(exactly.quotient(x, s), z)
    if by.scaling == "reciprocal":
        return exactly.multiply_add(x, s, z, dtype)
    return exactly.total(_divide(x, s, dtype), z, dtype)


def _exact_sum(v: Array, z: Array) -> Array:
    """Return what every rule rounds as v + z, for |v| < 2^50: the fraction is kept as 0, 1/4, 1/2 or 3/4."""
    whole = np.trunc(v)
    fraction = np.abs(np.where(np.isinf(v), 0.0, v - whole))
    quarters = np.sign(fraction) + np.sign(fraction - 0.5) + 1.0  # 0 comes out as 0, 1 below one half, 2, 3 above
    return np.asarray(whole + z + np.copysign(quarters / 4, v))


def _clipped(x: Array, s: Array, z: Array, dtype: np.dtype[Any], by: Convention) -> tuple[Array, Array | None]:
    """Return the saturated codes of a piece, and which of them are none (None where all are)."""
    q = unclipped(x, s, z, dtype, by)
    np.clip(q, *by.ends, out=q)
    return q, np.isnan(q) if np.isnan(q.max(initial=by.ends[0])) else None


def _wrapped(x: Array, s: Array, z: Array, dtype: np.dtype[Any], by: Convention) -> tuple[Array, Array | None]:
    """Return the codes of a piece modulo their number, and which of them are none (None where all are)."""
    v = SCALING[by.scaling](x, s, dtype).astype(np.float64)
    if by.zero_point_added == "before_rounding":
        q = unclipped(x, s, z, dtype, by).astype(np.float64)
    else:
        q = OVERFLOW["wrap"](_rounded(v.copy(), by).astype(np.float64), *by.ends) + z
    refused = ~(np.isfinite(x) & np.isfinite(v) & np.isfinite(q))
    if refused.any():
        return q, refused
    q = OVERFLOW["wrap"](q, *by.ends)
    far = np.abs(v) >= 2.0**50  # where float64 runs out of fractions, and a sum with z would be rounded
    if by.scaling == "exact" and far.any():
        x, s, z = np.broadcast_arrays(x, s, z)
        q[far] = [_residue(*each, by) for each in zip(x[far].tolist(), s[far].tolist(), z[far].tolist(), strict=True)]
    return q, None


def _residue(x: float, s: float, z: int, by: Convention) -> int:
    """Return one wrapped code by rational arithmetic: the quotient is too large for float64 to hold exactly."""
    before = by.zero_point_added == "before_rounding"
    value = Fraction(x) / Fraction(s) + (z if before else 0)
    whole, rest = divmod(abs(value), 1)
    fraction = np.asarray(
        0.5 if rest == Fraction(1, 2) else 0.0 if rest == 0 else 0.25 if rest < Fraction(1, 2) else 0.75
    )
    up = ROUNDING[by.rounding](fraction, np.asarray(whole % 2 == 1), np.asarray(value < 0))
    q = (whole + int(up)) * (-1 if value < 0 else 1) + (0 if before else z)
    low, high = by.ends
    return int((q - low) % (high - low + 1) + low)


def _refuse(x: Array, flat_index: int) -> NoReturn:
    """Raise for the first element that has no code."""
    index = tuple(int(i) for i in np.unravel_index(flat_index, x.shape))
    where = f"{arguments.place('x', index)} is {x[index]}"
    if np.isnan(x[index]):
        raise ValueError(f"{where}: a NaN cannot be quantized")
    if np.isinf(x[index]):
        raise ValueError(f"{where}: an infinity cannot be wrapped (it saturates with overflow='saturate')")
    raise ValueError(
        f"{where}: x / scale is infinite in the dtype of the arithmetic, and an infinity cannot be wrapped"
    )


def affine_dequantize(
    q: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    *,
    dtype: npt.DTypeLike = "float32",
    axis: int | None = None,
    block_size: int | None = None,
) -> Array:
    """Dequantize affine codes: x' = (q - z) * s, correctly rounded to the asked dtype.

    The difference is exact, the product is rounded once, half to even, subnormals included; past the largest float it
    is infinite, as IEEE 754 rounds.

    Parameters
    ----------
    q : array_like of int
        The codes, of any shape, from -2^31 to 2^32 - 1.
    scale : array_like
        As for ``affine_quantize``; a Python number is taken in the asked dtype, any other float as it is.
    zero_point : array_like of int
        As for ``affine_quantize``.
    dtype : dtype
        float16, bfloat16, float32 (default) or float64.
    axis, block_size : int, optional
        As for ``affine_quantize``.

    Returns
    -------
    numpy.ndarray
        Floats of the shape of q.

    Raises
    ------
    ValueError
        For a scale that is not positive and finite, a code or zero point outside 32 bits, or shapes that do not fit.
    TypeError
        For codes or zero points that are no integers.

    See Also
    --------
    affine_quantize : The way there.

    References
    ----------
    ONNX, "DequantizeLinear", opset 21. IEEE 754-2019, section 4.3.1, roundTiesToEven.

    Examples
    --------
    >>> affine_dequantize([-128, 0, 3], 0.5, 1)
    array([-64.5,  -0.5,   1. ], dtype=float32)
    """
    return dequantize_by(q, scale, zero_point, float_dtype(dtype), axis, block_size)


def dequantize_by(
    q: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    target: np.dtype[Any],
    axis: int | None,
    block_size: int | None,
) -> Array:
    """Dequantize to a checked dtype: see ``affine_dequantize``."""
    codes = arguments.integer_array(q, "q")
    _check_codes(codes, "q")
    runs, shape = channels.arrange(codes.shape, axis, block_size)
    s = channels.checked_scale(scale, shape, target if type(scale) in (int, float) else None)
    z = channels.checked_zero_point(zero_point, shape, *CODES)
    s, z = (channels.expanded(v, codes.shape, axis, block_size) for v in (s, z))
    values, flat = np.empty(codes.size, target), codes.reshape(-1)
    # such q, z and q - z are floats as they stand, so that the product is the only rounding
    direct = (
        codes.dtype.itemsize <= 2 and s.dtype == target and target.itemsize >= 4 and bool((np.abs(z) < 2**23).all())
    )
    with np.errstate(over="ignore", under="ignore"):
        for where, shape, (step, zero) in channels.pieces(runs, s, z.astype(target) if direct else z):
            piece, value = flat[where].reshape(shape), values[where].reshape(shape)
            if direct:
                np.copyto(value, piece)
                value -= zero
                value *= step
            else:
                value[...] = times_scale(piece - zero, step, target)
    return values.reshape(codes.shape)


def times_scale(n: Array, s: Array, dtype: np.dtype[Any]) -> Array:
    """Return n * s rounded once to the dtype, for integers of at most 33 bits."""
    if s.dtype == dtype and dtype.itemsize >= 4 and np.abs(n).max(initial=0) <= 2**24:
        return np.asarray(np.multiply(n.astype(dtype), s))  # both factors are exact: this is the one rounding
    return exactly.product(n, s, dtype)


def _check_codes(codes: Array, name: str) -> None:
    if codes.dtype.itemsize == 8:
        wrong = (codes < CODES[0]) | (codes > CODES[1])
        if wrong.any():
            arguments.refuse_element(name, codes, wrong, "a code has at most 32 bits")

"""Quotients and products of floats as if computed without rounding: what the affine formulas round just once.

The quotient x / s of two floats is seldom a float. What a rounding rule must know of it is the integer below it, and
whether the rest is 0, below one half, one half, or above; the nearest float64 tells that unless it is itself a multiple
of one half, and then the sign of the remainder x - (x / s) * s, which is computed without error, tells on which side
of it the true quotient lies.
"""

import numpy as np

from refcompress import rounding
from refcompress.arguments import Array

SPLITTER = 134217729.0  # 2^27 + 1: cuts a significand of 53 bits into two halves


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a product and its rounding error: a * b = product + error, exactly.

    Holds where neither the product's last place nor 2^27 times an operand leaves the range of float64.

    References
    ----------
    Dekker, "A Floating-Point Technique for Extending the Available Precision", section 5, 1971.
    """
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _halves(a: Array) -> tuple[Array, Array]:
    shifted = SPLITTER * a
    high = shifted - (shifted - a)
    return high, a - high


def quotient(x: Array, s: Array) -> Array:
    """Return a float64 that every rounding rule takes to the same integer as the true quotient x / s, for s > 0.

    Below 2^51 in magnitude it is the nearest float64, moved off a multiple of one half that the true quotient is not;
    from there on, where floats are multiples of one half themselves, a float beside the true quotient.
    """
    x, s = np.broadcast_arrays(x.astype(np.float64), s.astype(np.float64))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        q = np.asarray(x / s)  # of two 0-d arrays a number
        suspects = np.isfinite(q) & (2 * q == np.floor(2 * q)) & (np.abs(q) <= 2.0**51) & (x != 0)
        if not suspects.any():
            return q
        # significands alone neither overflow nor underflow, and a power of two between them moves no remainder's sign
        (a, exponent), (b, less) = np.frexp(x[suspects]), np.frexp(s[suspects])
        product, error = two_product(np.ldexp(q[suspects], less - exponent), b)
        remainder = (a - product) - error  # a and the product are neighbours or equal: the difference is exact
        toward = np.copysign(np.inf, remainder)
        q[suspects] = np.where(remainder == 0, q[suspects], np.nextafter(q[suspects], toward))
    return q


def product(n: Array, s: Array, dtype: "np.dtype[np.generic]") -> Array:
    """Return n * s rounded once to a float dtype, half to even, for integers |n| < 2^53 and floats s."""
    n, s = n.astype(np.float64), s.astype(np.float64)
    if dtype == np.float64:
        return np.asarray(n * s)
    (b, exponent) = np.frexp(s)
    high, error = two_product(*np.broadcast_arrays(n, b))
    return narrow(np.ldexp(_odd(high, error), exponent), dtype)


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a sum and its rounding error: a + b = sum + error, exactly.

    References
    ----------
    Knuth, "The Art of Computer Programming", volume 2, section 4.2.2, theorem B, 1997.
    """
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def total(v: Array, n: Array, dtype: "np.dtype[np.generic]") -> Array:
    """Return v + n rounded once to a float dtype, half to even, for floats v of at most 53 bits and |n| < 2^53."""
    high, error = two_sum(v.astype(np.float64), n.astype(np.float64))
    if dtype == np.float64:
        return np.asarray(high)
    return narrow(_odd(high, np.where(np.isfinite(high), error, 0.0)), dtype)


def multiply_add(x: Array, r: Array, n: Array, dtype: "np.dtype[np.generic]") -> Array:
    """Return x * r + n rounded once to a float dtype, half to even, for floats of the dtype and integers |n| < 2^53.

    References
    ----------
    Boldo and Melquiond, "Emulation of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd",
    section 4, 2008.
    """
    x, r, n = (v.astype(np.float64) for v in np.broadcast_arrays(x, r, n))
    if dtype != np.float64:
        return total(x * r, n, dtype)  # two significands of 24 bits: the product is exact
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        high, low = two_product(x, r)
        middle, lowest = two_sum(n, low)
        high, rest = two_sum(high, middle)
        fused = high + _odd(*two_sum(lowest, rest))
        return np.where(np.isfinite(fused), fused, x * r + n)


def _odd(high: Array, error: Array) -> Array:
    """Round high + error to odd, which makes a second rounding harmless: see ``rounding.round_to_odd``."""
    even = (error != 0) & (high.view(np.int64) & 1 == 0)
    return np.where(even, np.nextafter(high, np.copysign(np.inf, error)), high)


def narrow(value: Array, dtype: "np.dtype[np.generic]") -> Array:
    """Round float64 once to a float dtype, half to even, without a warning past its ends: see ``rounding.narrow``."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return rounding.narrow(value, dtype)

"""Exponentials, logarithms and matrix products that have the same bits on every machine.

A library of mathematical functions and a BLAS choose their steps by the processor. Here every step is one that IEEE 754
rounds correctly, in an order that is written down: what is stated to the last bit, as an error bound in a file of test
vectors is, is made with these. They are slower than NumPy's, and as exact: within 2 units in the last place. What
overflows or is not defined signals so, as NumPy's ufuncs do.

References
----------
J. M. Muller, "Elementary Functions: Algorithms and Implementation", 3rd edition, 2016, section 11.1 (reduction by two
constants). H. S. Wall, "Analytic Theory of Continued Fractions", 1948, section 90 (exp), and section 90 (arc tangent,
here of an imaginary number).
"""

import numpy as np

from refcompress.arguments import Array

# log 2 in two parts: the first has 32 bits, so that its product with an exponent is exact
LN2_HIGH, LN2_LOW = float.fromhex("0x1.62e42fefp-1"), float.fromhex("0x1.473de6af278edp-34")


def product(a: Array, b: Array) -> Array:
    """Return a @ b for two matrices, each sum from its first term to its last.

    Examples
    --------
    >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    total = np.zeros((len(a), b.shape[1]))
    for column, row in zip(a.T, b, strict=True):
        total += np.multiply.outer(column, row)
    return total


def exp(x: Array) -> Array:
    """Return e^x = 2^k e^r with r = x - k log 2, and e^r = 1 + 2 r / (2 - r + r^2 / (6 + r^2 / (10 + ...))).

    Examples
    --------
    >>> exp(np.array([0.0, 1.0, -np.inf]))
    array([1.        , 2.71828183, 0.        ])
    """
    inside = np.clip(x, -746.0, 710.0)  # beyond are 0 and infinity
    k = np.rint(inside / (LN2_HIGH + LN2_LOW))
    r = (inside - k * LN2_HIGH) - k * LN2_LOW
    square, tail = r * r, np.array(22.0)
    for term in (18.0, 14.0, 10.0, 6.0):
        tail = term + square / tail
    return np.asarray(np.ldexp(1 + 2 * r / (2 - r + square / tail), k.astype(np.int64)))


def log(x: Array) -> Array:
    """Return log x = k log 2 + log m with sqrt(1/2) <= m < sqrt(2), f = m - 1 and s = f / (m + 1).

    log m = 2 artanh s = f - (f^2 / 2 - s (f^2 / 2 + R)), where only small terms are rounded, R = 2 u / (1 - u) and
    u = s^2 / (3 - 4 s^2 / (5 - 9 s^2 / (7 - ...))).

    Examples
    --------
    >>> log(np.array([1.0, 2.0, 10.0]))
    array([0.        , 0.69314718, 2.30258509])
    """
    m, k = np.frexp(x)
    low = m < np.sqrt(0.5)
    f, k = np.where(low, 2 * m, m) - 1, k - low
    s = f / (f + 2)
    square, tail = s * s, np.array(15.0)
    for i in range(7, 1, -1):
        tail = (2 * i - 1) - i * i * square / tail
    u, half = square / tail, f * f / 2
    of_m = f - (half - s * (half + 2 * u / (1 - u)))
    inside = k * LN2_HIGH + (k * LN2_LOW + of_m)
    return np.where(x > 0, np.where(np.isinf(x), np.inf, inside), np.where(x == 0, -np.inf, np.nan))


def tanh(z: Array) -> Array:
    """Return tanh z = (1 - e) / (1 + e) with e = exp(-2 |z|), or z / (1 + z^2 / (3 + z^2 / (5 + ...))) near 0.

    Examples
    --------
    >>> tanh(np.array([0.0, 0.5, -np.inf]))
    array([ 0.        ,  0.46211716, -1.        ])
    """
    e = exp(-2 * np.abs(z))
    near = np.abs(z) < 0.55
    square, tail = np.where(near, z * z, 0.0), np.array(17.0)
    for term in range(15, 0, -2):
        tail = term + square / tail
    return np.asarray(np.where(near, z / tail, np.copysign((1 - e) / (1 + e), z)))

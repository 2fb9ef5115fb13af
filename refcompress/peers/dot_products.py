"""Accumulators as what libraries make them of: dot products of int8 codes.

A library that requantizes is seldom asked for that alone: it multiplies matrices and then does. So an accumulator is
cut into products a[i] * b[i], with one row a for all of them.
"""

from typing import Any

import numpy as np

from refcompress.arguments import Array

LARGEST = 127  # of a code of the row
LONGEST = 128  # products but one
REACH = LONGEST * LARGEST * LARGEST


def within_dot_products(acc: Array, *others: Any) -> Array:
    """Say which accumulators can be made: the others would take longer rows.

    Examples
    --------
    >>> within_dot_products([3, 2**31 - 1]).tolist()
    [True, False]
    """
    return np.asarray(np.abs(np.asarray(acc).astype(np.int64)) <= REACH)


def as_dot_products(acc: Array) -> tuple[Array, Array]:
    """Return a row (1, n) and columns (n, size) of int8 whose product is the accumulators, in C order.

    Every other entry is zero: instructions that add two products in 16 bits, and saturate there, meet one at a time.

    Examples
    --------
    >>> row, columns = as_dot_products(np.array([-1000, 7, 2**20]))
    >>> (row.astype(np.int64) @ columns).tolist()
    [[-1000, 7, 1048576]]
    """
    flat = acc.reshape(-1).astype(np.int64)
    row = np.zeros(2 * LONGEST + 2, np.int8)
    row[:-2:2], row[-2] = LARGEST, 1
    columns = np.zeros((row.size, flat.size), np.int8)
    sign, rest = np.sign(flat), np.abs(flat) // LARGEST
    for i in range(LONGEST):
        part = np.minimum(rest, LARGEST)
        columns[2 * i], rest = sign * part, rest - part
    columns[-2] = sign * (np.abs(flat) % LARGEST)
    return row[None], columns

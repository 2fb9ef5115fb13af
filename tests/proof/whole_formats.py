"""quantize over every float16 and every bfloat16, all settings, p from -20 to 20, to the bit.

The products are rounded by the twin in Python integers (``oracles.quantize_tables``), and are brought into the range of
the codes by ``coded`` on int64, where + - % of numbers below 2^62 are exact: NumPy's % takes the sign of the divisor,
as Python's does. Larger products (bfloat16 alone has them) are past every code; modulo n they are their odd part times
the residue of their power of two, since (a b) mod n = (a (b mod n)) mod n. ``test_exact_twins.py`` holds ``coded``
against the twin on integers around every end of every range, and on large ones.
"""

import functools
import itertools

import ml_dtypes
import numpy as np
from oracles.fixed_point import limits
from oracles.quantize_tables import parts, rounded_products

from refcompress import quantize

ROUNDING = ("half_even", "half_away", "half_up", "half_down", "half_odd", "floor", "ceil", "toward_zero")
ROUNDING += ("away_from_zero",)
BITS = range(2, 33)
P = range(-20, 21)
FORMATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
RANGES = [*itertools.product(BITS, (True, False), (False, True), ("saturate", "wrap"))]
FITS = 2**62
MEMOS = {}  # rounding word -> the products that were rounded before


@functools.cache
def everything(name):
    """All finite numbers of a format as an array, and their parts."""
    found = [(pattern, parts(pattern, name)) for pattern in range(2**16)]
    kept = [(pattern, own) for pattern, own in found if own is not None]
    return np.array([pattern for pattern, _ in kept], np.uint16).view(FORMATS[name]), [own for _, own in kept]


def coded(q, large, bits, signed, narrow_range, overflow):
    """The codes of integers in an int64 array, with those that do not fit given apart."""
    low, high = limits(bits, signed, narrow_range)
    places, odd, powers = large
    if overflow == "saturate":
        codes = np.clip(q, low, high)
        codes[places] = np.where(odd > 0, high, low)
        return codes
    size = high - low + 1
    residues = {power: pow(2, power, size) for power in set(powers)}
    codes = q % size
    codes[places] = odd * np.array([residues[power] for power in powers], np.int64) % size
    return (codes - low) % size + low


def split(products):
    """Integers as an int64 array, and those that do not fit: their places, odd parts and powers of two."""
    places = [place for place, value in enumerate(products) if abs(value) >= FITS]
    powers = [(products[place] & -products[place]).bit_length() - 1 for place in places]
    odd = [products[place] >> power for place, power in zip(places, powers, strict=True)]
    assert all(abs(number) < 2**24 for number in odd)  # so that its product with a residue is below 2^62
    q = np.array([0 if abs(value) >= FITS else value for value in products], np.int64)
    return q, (np.array(places, np.int64), np.array(odd, np.int64), powers)


def compare(name, p, word, ranges=RANGES):
    """Return how many values were compared, and how many differ, under one rounding word and one p."""
    x, numbers = everything(name)
    products = rounded_products(numbers, p, word, MEMOS.setdefault(word, {}))
    q, large = split(products)
    wrong = 0
    for bits, signed, narrow_range, overflow in ranges:
        expected = coded(q, large, bits, signed, narrow_range, overflow)
        found = quantize(x, p, bits=bits, signed=signed, narrow_range=narrow_range, overflow=overflow, rounding=word)
        wrong += int((found != expected).sum())
    held = [place for place, value in enumerate(products) if -(2**63) <= value < 2**63]
    wrong += sum(
        f != products[place] for f, place in zip(quantize(x[held], p, rounding=word).tolist(), held, strict=True)
    )
    return len(x) * len(ranges) + len(held), wrong

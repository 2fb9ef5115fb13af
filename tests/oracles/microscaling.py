"""Blocks with a shared scale, one block at a time, in Fractions: MX, NVFP4 and NF4."""

import math
from fractions import Fraction

from oracles import small_floats
from oracles.affine import in_dtype

EMAX = {"e4m3fn": 8, "e5m2": 15, "e2m3fn": 2, "e3m2fn": 4, "e2m1fn": 2, "int8": 0}


def rounded(value, name):
    """A Fraction to the nearest number of a format, of equally near ones the even pattern; past the largest: that."""
    table, last = small_floats.numbers(name)
    magnitude = abs(value)
    best = min(range(last + 1), key=lambda place: (abs(table[place] - magnitude), place % 2))
    return table[best] if value >= 0 else -table[best]


def rounded_to_float32(value):
    """A positive Fraction to the nearest float32 that is neither 0 nor infinite."""
    quantum = Fraction(2) ** -149
    while value / quantum >= 2**24:
        quantum *= 2
    n = round(value / quantum)  # of equally near ones the even integer
    return max(min(n * quantum, (2**24 - 1) * Fraction(2) ** 104), Fraction(2) ** -149)


def element(value, name):
    if name != "int8":
        return rounded(value, name)
    return Fraction(max(-127, min(127, round(value * 64))), 64)


def mx_block(x, name):
    """The scale and the elements of one block of Python floats without infinities; a scale of NaN for a NaN."""
    if any(math.isnan(v) for v in x):
        return math.nan, [Fraction(0)] * len(x)
    largest = max(abs(Fraction(v)) for v in x)
    scale = Fraction(2) ** 127
    while scale > Fraction(2) ** -127 and scale * 2 ** EMAX[name] > largest:
        scale /= 2
    return scale, [element(Fraction(v) / scale, name) for v in x]


def nvfp4_tensor_scale(x):
    return rounded_to_float32(max((abs(Fraction(v)) for v in x if not math.isnan(v)), default=Fraction(0)) / 2688)


def nvfp4_block(x, tensor_scale):
    if any(math.isnan(v) for v in x):
        return math.nan, [Fraction(0)] * len(x)
    largest = max(abs(Fraction(v)) for v in x)
    scale = max(rounded(largest / (6 * tensor_scale), "e4m3fn"), Fraction(2) ** -9)
    return scale, [rounded(Fraction(v) / (scale * tensor_scale), "e2m1fn") for v in x]


def nf4_block(x, table):
    """The codes and the scale of one block; ``table`` the 16 values as Fractions, in their order."""
    largest = max(abs(Fraction(v)) for v in x)
    scale = rounded_to_float32(largest) if largest > Fraction(2) ** -150 else Fraction(0)
    divisor = scale or Fraction(1)
    return [min(range(16), key=lambda i: (abs(table[i] - Fraction(v) / divisor), i)) for v in x], scale


def number(element, *scales):
    """What an element of a block stands for, in float32; None for an infinity."""
    return in_dtype(math.prod((Fraction(scale) for scale in scales), start=Fraction(element)), "float32")

"""Values that no formula asked for: wrong types, dtypes, layouts and sizes, and the right ones at their extremes.

Every function takes a ``random.Random`` and returns one value, so that a seed gives the same values everywhere.
"""

import datetime
import decimal
import fractions
import math

import ml_dtypes
import numpy as np

FLOATS = ("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

# numbers at which floats change their ways, of both signs
EDGES = (0.0, -0.0, 0.5, 1.0, 1.5, 2.5, 127.5, 65504.0, 65520.0, 2.0**-24, 2.0**-25, 2.0**-126, 2.0**-149, 2.0**-150)
EDGES += (2.0**24 + 1, 2.0**31, 2.0**53, 2.0**63, 2.0**64, 2.0**127, 3.4e38, 5e-324, 2.3e-308, 1.7e308)


def dtype(name):
    """The dtype of a name, those of ml_dtypes included."""
    return np.dtype(getattr(ml_dtypes, name, name))


def floats(r, shape, name=None):
    """An array of ordinary floats, some of them at an edge."""
    values = [r.choice((-1, 1)) * (r.choice(EDGES[:8]) if r.random() < 0.3 else r.uniform(0, 8)) for _ in cells(shape)]
    with np.errstate(all="ignore"):
        return np.array(values, np.float64).reshape(shape).astype(dtype(name or r.choice(FLOATS[:4])))


def integers(r, shape, low=-8, high=7, name=None):
    """An array of integers in a range."""
    return np.array([r.randint(low, high) for _ in cells(shape)], np.int64).reshape(shape).astype(name or "int64")


def cells(shape):
    """Something with as many items as an array of a shape has elements."""
    return range(math.prod(shape))


def laid_out(r, array):
    """The same numbers in another layout: strided, reversed, Fortran order, read-only, another byte order."""
    layout = r.randrange(6)
    if layout == 0 and array.dtype.kind in "iuf" and array.dtype.itemsize > 1:
        return array.astype(array.dtype.newbyteorder(">"))
    if layout == 1 and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == 2 and array.ndim:
        return array[::-1].copy()[::-1]
    if layout == 3:
        return np.array(array, order="F")
    if layout == 4:
        frozen = array.copy()
        frozen.flags.writeable = False
        return frozen
    return array


def extreme(r, like):
    """An array of numbers beside one that is valid: extremes, another dtype, shape or layout."""
    shape = like.shape if r.random() < 0.6 else shape_beside(r, like.shape)
    kind = r.randrange(8)
    if kind == 0:
        values = [r.choice((-1, 1)) * r.choice((*EDGES, math.nan, math.inf)) for _ in cells(shape)]
        with np.errstate(all="ignore"):
            array = np.array(values, np.float64).reshape(shape).astype(dtype(r.choice(FLOATS)))
    elif kind == 1:
        name = r.choice(INTEGERS)
        ends = np.iinfo(name)
        values = [r.choice((ends.min, ends.max, 0, 1, ends.max // 2)) for _ in cells(shape)]
        array = np.array(values, name).reshape(shape)
    elif kind == 2:
        name = r.choice(FLOATS)
        words = [r.getrandbits(8 * dtype(name).itemsize) for _ in cells(shape)]
        array = np.array(words, f"u{dtype(name).itemsize}").view(dtype(name)).reshape(shape)
    elif kind == 3:
        array = np.full(shape, r.choice((0, 1, -1, math.nan, 2.0**-149, 1e300)), np.float64)
    elif kind == 4 and like.dtype.kind in "iuf":
        with np.errstate(all="ignore"):
            array = np.resize(like, shape).astype(dtype(r.choice((*FLOATS[:4], *INTEGERS[:4]))))
    elif kind == 5 and like.size and like.dtype.kind in "biuf":
        array = np.array(like)
        array.flat[r.randrange(array.size)] = r.choice((1, 0, 100))
    else:
        array = np.resize(like, shape)
    return laid_out(r, array)


def shape_beside(r, shape):
    """A shape that is not the valid one, often: empty, of more or fewer dimensions, longer."""
    return r.choice(
        ((), (0,), (1,), shape[:-1], (*shape, 1), (*shape[:-1], shape[-1] + 1) if shape else (3,), shape[::-1], (0, 3))
    )


class Sequence:
    """A sequence that raises when it is read."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise RuntimeError("broken sequence")


class Number:
    """A thing that claims to be every kind of number, and is none."""

    def __index__(self):
        raise TypeError("no index")

    def __float__(self):
        raise OverflowError("no float")


def structured(r):
    return np.zeros(r.randrange(3), [("a", "f4"), ("b", "i4")])


def masked(r):
    return np.ma.masked_array([1.0, 2.0], [True, False])


# what is no array of real numbers; each makes one
NO_NUMBERS = (
    lambda r: None,
    lambda r: "text",
    lambda r: b"bytes",
    lambda r: {},
    lambda r: {"a": 1},
    lambda r: {1, 2},
    lambda r: object(),
    lambda r: [[1, 2], [3]],
    lambda r: [None, 1.0],
    lambda r: ["1", "2"],
    lambda r: (i for i in range(3)),
    lambda r: range(3),
    lambda r: [],
    lambda r: (),
    lambda r: True,
    lambda r: 1j,
    lambda r: math.nan,
    lambda r: -math.inf,
    lambda r: [10**30],
    lambda r: 10**400,
    lambda r: -(10**5000),
    lambda r: [-(2**63), 2**64 - 1],
    lambda r: fractions.Fraction(1, 3),
    lambda r: [fractions.Fraction(1, 3)],
    lambda r: fractions.Fraction(10**400, 7),
    lambda r: decimal.Decimal("0.1"),
    lambda r: decimal.Decimal("sNaN"),
    lambda r: datetime.datetime(2026, 1, 1),
    lambda r: np.array(["2026-01-01"], "M8[D]"),
    lambda r: np.array([1, 2], "m8[s]"),
    lambda r: np.array(["a", "b"]),
    lambda r: np.array([b"a", b"b"]),
    lambda r: np.array([1.0, None], object),
    lambda r: np.array([10**30], object),
    lambda r: np.array([1 + 2j, 3], np.complex64),
    lambda r: np.array([1.0, 2.0], np.longdouble),
    lambda r: np.array([True, False]),
    lambda r: np.zeros((2, 3), "V3"),
    lambda r: np.float32(1.5),
    lambda r: np.int8(-1),
    lambda r: np.uint64(2**64 - 1),
    lambda r: np.longdouble("1e4000"),
    lambda r: np.bool_(True),
    lambda r: np.array(2),
    lambda r: np.array(0.5, np.float16),
    lambda r: np.array([], np.float32),
    lambda r: np.zeros((2, 0)),
    lambda r: np.matrix([[1.0, 2.0]]),
    lambda r: np.datetime64("NaT"),
    lambda r: memoryview(b"\x01\x02"),
    lambda r: bytearray(b"\x01\x02"),
    lambda r: lambda: 1,
    lambda r: float,
    lambda r: np.float32,
    lambda r: np.dtype("float32"),
    lambda r: np.random.default_rng(0),
    lambda r: Sequence(),
    lambda r: Number(),
    lambda r: np.broadcast_to(np.float32(1), (2, 3)),
    lambda r: [np.zeros(2), np.zeros(3)],
    lambda r: [np.zeros((2, 2)), "x"],
    lambda r: "\ud800",
    lambda r: "x" * 100_000,
    structured,
    masked,
)

NUMBERS = (0, 1, -1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 100, -100, 1023, 1074, -1075, 2**31 - 1, -(2**31), 2**31, 2**53)
NUMBERS += (2**62, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 0.0, -0.0, 0.5, 1.5, 1e-300, 1e300, 5e-324, math.nan)
NUMBERS += (math.inf, -math.inf, 1e39, True, False, np.int64(3), np.uint8(2), np.float32(0.5), np.float64("nan"))
NUMBERS += (np.uint8(8), np.int8(8), np.uint16(16), np.int16(32), np.uint8(0), np.int8(-1), np.uint64(1))


def anything(r, like):
    """What may stand in the place of a valid argument."""
    if isinstance(like, np.ndarray):
        return extreme(r, like) if r.random() < 0.7 else r.choice(NO_NUMBERS)(r)
    if isinstance(like, list | tuple) and like and r.random() < 0.8:
        return beside_list(r, like)
    if isinstance(like, int | float | fractions.Fraction) and r.random() < 0.7:
        return r.choice(NUMBERS)
    return r.choice(NO_NUMBERS)(r)


def beside_list(r, like):
    """A list with one item wrong, missing or too many."""
    items = list(like)
    place = r.randrange(len(items))
    way = r.randrange(5)
    if way == 0:
        del items[place]
    elif way == 1:
        items.append(items[place])
    else:
        items[place] = anything(r, items[place])
    return items if way < 4 else type(like)(items)

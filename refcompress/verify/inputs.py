"""Numbers that implementations stumble over: as fixed arrays for directed cases, and as hypothesis strategies."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from refcompress.arguments import Array

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

TAIL_LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1000)  # around the widths of vector loops
MANY = 1030  # entries of one axis, beside a short one: more than a block of 1,024
LONG_MATRICES = ((MANY, 2), (2, MANY))

# dtype -> (bits of the significand, largest finite value, smallest normal, smallest subnormal)
FLOATS = {
    "float16": (11, 65504.0, 2.0**-14, 2.0**-24),
    "bfloat16": (8, math.ldexp(255, 120), 2.0**-126, 2.0**-133),
    "float32": (24, math.ldexp(2**24 - 1, 104), 2.0**-126, 2.0**-149),
    "float64": (53, math.ldexp(2**53 - 1, 971), 2.0**-1022, 5e-324),
}


def adds_many(name: str) -> bool:
    """Return whether the rounding of a sum of ``MANY`` numbers is small beside them: not in 16 bits."""
    return FLOATS[name][0] >= 24


def float_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a setting's word, bfloat16 included."""
    if name == "bfloat16":
        import ml_dtypes

        dtype: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return dtype
    return np.dtype(name)


def floats(values: npt.ArrayLike, name: str) -> Array:
    """Cast to a float dtype, leaving out what it cannot hold exactly or at all."""
    wide = np.asarray(values, np.float64)
    dtype = float_dtype(name)
    with np.errstate(over="ignore", under="ignore"):
        cast = wide.astype(dtype)
    return np.asarray(cast[cast.astype(np.float64) == wide])


def next_to(values: Array) -> Array:
    """Return each float with its two neighbours, one unit in the last place below and above."""
    word = np.dtype(f"i{values.dtype.itemsize}")
    lowest = np.iinfo(word).min
    bits = values.view(word).astype(np.int64)
    line = np.where(bits < 0, lowest - bits, bits)  # the integers in the order of the floats
    around = (line[:, None] + np.array([-1, 0, 1])).reshape(-1)
    bits = np.where(around < 0, lowest - around, around).astype(word)
    return np.asarray(bits.view(values.dtype))


def extremes(name: str) -> Array:
    """Return both zeros, subnormals, the smallest normal and the largest finite values, with both signs."""
    _, largest, normal, subnormal = FLOATS[name]
    below = float(next_to(floats([largest], name))[0])
    positive = [0.0, subnormal, 3 * subnormal, normal - subnormal, normal, 2 * normal, largest, below]
    return floats([v for p in positive for v in (p, -p)], name)


def finite_floats(name: str) -> "SearchStrategy[float]":
    """Any finite value of a float dtype."""
    from hypothesis import strategies as st

    if name == "bfloat16":
        largest = FLOATS[name][1]
        return (
            st.floats(-largest, largest, width=32)
            .map(lambda v: float(np.float32(v).astype(float_dtype(name))))
            .filter(math.isfinite)
        )
    width: Any = {"float16": 16, "float32": 32, "float64": 64}[name]
    return st.floats(allow_nan=False, allow_infinity=False, width=width)


def selections(name: str, axis: int | None) -> "SearchStrategy[tuple[Array, int]]":
    """Return a few entries that are hard to rank, in some shape, and how many to keep: of all, or along an axis.

    Most are small numbers that tie in magnitude, neighbours, and both ends of the dtype.
    """
    from hypothesis import strategies as st

    precision, _, normal, _ = FLOATS[name]
    near = [s * (1 + i * 2.0 ** (1 - precision)) for i in (1, 2) for s in (1, -1)]
    hard = [*near, 16 * normal, -32 * normal, math.inf, -math.inf, *extremes(name).astype(np.float64).tolist()]
    few = [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, -0.0]
    value = st.one_of(st.sampled_from([*few, *few, *hard]), finite_floats(name))

    def call(values: list[float], arrangement: int, most: int) -> tuple[Array, int]:
        n = len(values)
        shapes = [(1, n) if axis == 1 else (n,), (2, n // 2), (n // 2, 2), (3, n // 3), (2, n // 4, 2), (1, n // 2, 2)]
        shape = shapes[arrangement] if math.prod(shapes[arrangement]) else shapes[0]
        x = np.array(values[: math.prod(shape)]).astype(float_dtype(name)).reshape(shape)
        return x, min(most, x.size if axis is None else shape[axis])

    # an array is cut out of a list and k cut to it: what is drawn does not depend on itself, which shrinks best
    arrangement = st.one_of(st.just(0), st.integers(0, 5))
    return st.builds(call, st.lists(value, min_size=1, max_size=10), arrangement, st.integers(0, 10))


def floats_and_p(name: str, edges: Sequence[int], limit: float = math.inf) -> "SearchStrategy[tuple[Array, int]]":
    """Floats and fraction bits, the floats at and around codes: eighths near zero, ``edges`` (in eighths), any.

    What the dtype cannot hold is left out, and so is a float whose product with 2^p passes ``limit``.
    """
    from hypothesis import strategies as st

    outwards = sorted(edges, key=lambda e: (abs(e), -e))  # the first of what fails is shown
    element = st.one_of(st.integers(-48, 48), st.sampled_from(outwards), finite_floats(name))

    def call(drawn: tuple[int, list[int | float]]) -> tuple[Array, int]:
        p, elements = drawn
        largest = math.ldexp(limit, -p)
        placed = [math.ldexp(e / 8, -p) if isinstance(e, int) else e for e in elements]
        return floats([v for v in placed if abs(v) < largest], name), p

    return st.tuples(st.integers(-3, 9), st.lists(element, min_size=1, max_size=6)).map(call)


def integers_and_p(
    dtypes: Sequence[str], edges: Sequence[int], powers: Sequence[int]
) -> "SearchStrategy[tuple[Array, int]]":
    """Codes of some integer dtype and fraction bits: small codes, ``edges``, any; those that the dtype holds stay."""
    from hypothesis import strategies as st

    code = st.one_of(st.integers(-9, 9), st.sampled_from(edges), st.integers(-(2**63), 2**63 - 1))

    def call(drawn: tuple[str, list[int], int]) -> tuple[Array, int]:
        dtype, codes, p = drawn
        ends = np.iinfo(dtype)
        return np.array([c for c in codes if ends.min <= c <= ends.max], dtype), p

    p = st.sampled_from([*range(10), -1, -2, -3, *powers]) | st.integers(-100, 100)
    return st.tuples(st.sampled_from(dtypes), st.lists(code, min_size=1, max_size=6), p).map(call)


def floats_around(name: str, values: Sequence[float]) -> "SearchStrategy[tuple[Array]]":
    """Floats of which some are turning points: ``values`` and their negatives, any power of two away."""
    from hypothesis import strategies as st

    turning = st.tuples(st.sampled_from([*values, *(-v for v in values)]), st.integers(-9, 9))
    element = st.one_of(st.integers(-9, 9), turning, finite_floats(name))

    def call(elements: list[int | float | tuple[float, int]]) -> tuple[Array]:
        return (floats([math.ldexp(*e) if isinstance(e, tuple) else e for e in elements], name),)

    return st.lists(element, max_size=5).map(call)


def accumulators(low: int, high: int) -> "SearchStrategy[tuple[Array, int, int, int]]":
    """Accumulators, a multiplier, a shift and a zero point from low to high: near halves, at the ends, and any."""
    from hypothesis import strategies as st

    ends = [-(2**31), 2**31 - 1, 1 - 2**31, 2**30, -(2**30), 2**24 + 1, 2**15, -(2**15) - 1]
    half = st.tuples(st.integers(2 * low - 9, 2 * high + 9) | st.integers(-300, 300), st.integers(-1, 1))
    element = st.one_of(st.integers(-9, 9), half, st.sampled_from(ends), st.integers(-(2**31), 2**31 - 1))
    multiplier = st.sampled_from([2**30, 3 * 2**29, 1583594044, 2**31 - 1]) | st.integers(2**30, 2**31 - 1)
    shift = st.sampled_from([0, -1, 1, -2, 2, *range(-31, 32)])

    def call(
        elements: list[int | tuple[int, int]], multiplier: int, shift: int, zero_point: int
    ) -> tuple[Array, int, int, int]:
        n = 31 - shift
        placed = [e if isinstance(e, int) else (e[0] << n) // (2 * multiplier) + e[1] for e in elements]
        acc = np.array([a for a in placed if -(2**31) <= a < 2**31], np.int32)
        return acc, multiplier, shift, min(max(zero_point, low), high)

    zero_point = st.just(0) | st.integers(low, high)
    return st.builds(call, st.lists(element, min_size=1, max_size=5), multiplier, shift, zero_point)


def affine_calls(
    name: str,
    scales: Sequence[float],
    zero_points: Sequence[int],
    call: Callable[[list[tuple[float, int]], list[int | float | tuple[int, int]]], tuple[Any, ...]],
) -> "SearchStrategy[tuple[Any, ...]]":
    """Draw what ``call`` makes the inputs of: scales with zero points, one a channel, and elements.

    An element is a number of half steps, an offset in half steps from the lowest code (0, offset) or from the highest
    (1, offset), or any finite float.
    """
    from hypothesis import strategies as st

    end = st.tuples(st.integers(0, 1), st.integers(-6, 6))
    element: Any = st.one_of(st.integers(-24, 24), end, finite_floats(name))
    channel = st.tuples(st.sampled_from(scales), st.sampled_from(zero_points))
    channels = st.lists(channel, min_size=1, max_size=3)
    return st.builds(call, channels, st.lists(element, min_size=1, max_size=5))


def rows_of_codes(signed: bool) -> "SearchStrategy[Array]":
    """Rows of codes of 4 bits, one or several, of any length."""
    from hypothesis import strategies as st

    def arranged(codes: list[int], rows: int) -> Array:
        n = len(codes) // rows
        flat = np.array(codes, np.int8 if signed else np.uint8)
        return flat if rows == 1 else flat[: n * rows].reshape(rows, n)

    code = st.integers(-8, 7) if signed else st.integers(0, 15)
    return st.builds(arranged, st.lists(code, max_size=20), st.sampled_from([1, 1, 2, 3]))


def affine_codes(
    dtypes: Sequence[str],
    scales: Sequence[float],
    call: Callable[[str, list[tuple[float, int]], list[int]], tuple[Any, ...]],
) -> "SearchStrategy[tuple[Any, ...]]":
    """Draw what ``call`` makes the inputs of: an integer type, scales with zero points, one a channel, and codes."""
    from hypothesis import strategies as st

    code = st.one_of(st.integers(-9, 9), st.integers(-300, 300), st.integers(-(2**31), 2**31 - 1))
    channels = st.lists(st.tuples(st.sampled_from(scales), code), min_size=1, max_size=3)
    return st.builds(call, st.sampled_from(dtypes), channels, st.lists(code, min_size=1, max_size=5))


def ranges(steps: int) -> "SearchStrategy[tuple[float, float]]":
    """Two ordered float32 as Python floats: small ones, equal or balanced ones, odd multiples of half a step, any."""
    from hypothesis import strategies as st

    value = st.one_of(st.integers(-9, 9), st.sampled_from(SIMPLE), finite_floats("float32"))

    def call(kind: int, a: float, b: float, k: int, unit: float) -> tuple[float, float]:
        tie = -(2 * k + 1) * unit, (2 * steps - 2 * k - 1) * unit
        low, high = sorted(float(np.float32(v)) for v in ((a, b), (a, a), (-a, a), tie)[kind])
        return low, high

    k = st.integers(0, min(steps - 1, 2**20))
    return st.builds(call, st.integers(0, 3), value, value, k, st.sampled_from([1.0, 0.5, 3.0, 2.0**-20]))


def scattered(shape: tuple[int, ...], span: int, seed: int = 0) -> Array:
    """Return integers from -span to span, scattered without a pattern, the same on every machine and version."""
    n = np.arange(math.prod(shape), dtype=np.uint64)
    mixed = (n + np.uint64(977 * seed + 1)) * np.uint64(0x9E3779B97F4A7C15)  # the golden ratio, times 2^64
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((mixed >> np.uint64(40)) % np.uint64(2 * span + 1)).astype(np.float64).reshape(shape) - span


SIMPLE = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, -0.0, 1.5, 0.25, -0.75, 1 / 3, -0.7, 5.0, 0.1, -7.9, 1e-3)


def simple_floats(most: float = 8.0) -> "SearchStrategy[float]":
    """Draw small integers, halves, and other numbers up to ``most``: sums of their products do not overflow."""
    from hypothesis import strategies as st

    usual = st.sampled_from([v for v in SIMPLE if abs(v) <= most])
    return st.one_of(usual, usual, usual, st.floats(-most, most, width=16))


def _filled(values: Sequence[float], shapes: Sequence[tuple[int, ...]], name: str) -> list[Array]:
    """Return arrays of these shapes that repeat a few values, in an order that is not the same in every row."""
    size = sum(math.prod(shape) for shape in shapes)
    flat = np.array([values[(5 * j + j // 3) % len(values)] for j in range(size)], np.float64).astype(float_dtype(name))
    ends = list(itertools.accumulate(math.prod(shape) for shape in shapes))
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]


PAIR_SHAPES = ((1,), (2,), (2, 1), (1, 2), (2, 2), (3,), (2, 3), (3, 2), (2, 1, 2), (9,), (5, 3))


def array_pairs(name: str) -> "SearchStrategy[tuple[Array, Array]]":
    """Draw two arrays of one shape, of one to three dimensions."""
    from hypothesis import strategies as st

    def pair(shape: tuple[int, ...], values: list[float]) -> tuple[Array, Array]:
        student, teacher = _filled(values, (shape, shape), name)
        return student, teacher

    return st.builds(pair, st.sampled_from(PAIR_SHAPES), st.lists(simple_floats(), min_size=1, max_size=14))


LOGIT_SHAPES = ((1, 2), (2, 2), (1, 3), (2, 3), (3, 2), (1, 1), (2, 1), (3, 3), (2, 1, 2), (5, 3), (2, 7))


def logit_pairs(name: str) -> "SearchStrategy[tuple[Array, Array]]":
    """Draw two arrays of logits of one shape, examples before classes."""
    from hypothesis import strategies as st

    def pair(shape: tuple[int, ...], values: list[float]) -> tuple[Array, Array]:
        student, teacher = _filled(values, (shape, shape), name)
        return student, teacher

    return st.builds(pair, st.sampled_from(LOGIT_SHAPES), st.lists(simple_floats(), min_size=1, max_size=14))


Network = tuple[list[Array], list[Array], Array, Array]


def networks(name: str) -> "SearchStrategy[Network]":
    """Draw weights, biases, inputs and targets: one to three layers of up to three units, up to four examples."""
    from hypothesis import strategies as st

    def network(sizes: list[int], n: int, values: list[float]) -> Network:
        layers = list(itertools.pairwise(sizes))
        shapes = [*layers, *((outputs,) for outputs in sizes[1:]), (n, sizes[0]), (n, sizes[-1])]
        *parameters, x, target = _filled(values, shapes, name)
        return parameters[: len(layers)], parameters[len(layers) :], x, target

    widths = st.lists(st.integers(1, 3), min_size=2, max_size=4)
    return st.builds(network, widths, st.integers(1, 4), st.lists(simple_floats(3.0), min_size=1, max_size=14))


def sizes_and_sparsities() -> "SearchStrategy[tuple[int, float]]":
    """Draw a size and a sparsity: hundredths, fractions of a few entries, and any; small sizes and any up to 2^62."""
    from hypothesis import strategies as st

    size = st.one_of(st.integers(0, 20), st.sampled_from([50, 100, 200, 1000]), st.integers(0, 2**62))
    hundredth = st.integers(0, 100).map(lambda n: n / 100)
    eighth = st.integers(0, 8).map(lambda n: n / 8)
    return st.tuples(size, st.one_of(eighth, hundredth, st.floats(0, 1)))


def groups_of(m: int, axis: int, name: str) -> "SearchStrategy[tuple[Array]]":
    """Draw one to three groups of m entries that are hard to rank, in one line or in lines along the axis."""
    from hypothesis import strategies as st

    precision, _, normal, _ = FLOATS[name]
    near = [s * (1 + i * 2.0 ** (1 - precision)) for i in (1, 2) for s in (1, -1)]
    hard = [*near, 16 * normal, -32 * normal, math.inf, -math.inf, *extremes(name).astype(np.float64).tolist()]
    few = [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, -0.0]
    value = st.one_of(st.sampled_from([*few, *few, *hard]), finite_floats(name))

    def call(values: list[float], groups: int, lines: int) -> tuple[Array]:
        length = groups * m
        flat = np.resize(values, (lines or 1) * length).astype(float_dtype(name))
        x = flat.reshape(lines, length) if lines else flat
        return (np.ascontiguousarray(x.T) if axis == 0 else x,)

    # few values, repeated in a period of their own: as many entries would be slow to draw and to shrink
    lines = st.sampled_from([0, 0, 1, 2, 3])
    return st.builds(call, st.lists(value, min_size=1, max_size=13), st.integers(1, 3), lines)


def masked_steps(name: str) -> "SearchStrategy[tuple[Array, Array, Array, Array]]":
    """Draw weights, gradients and velocities of one shape, and a mask."""
    from hypothesis import strategies as st

    def step(shape: tuple[int, ...], values: list[float], stays: list[bool]) -> tuple[Array, Array, Array, Array]:
        w, gradient, velocity = _filled(values, (shape,) * 3, name)
        return w, gradient, velocity, np.resize(np.array(stays), shape)

    values = st.lists(simple_floats(), min_size=1, max_size=14)
    return st.builds(step, st.sampled_from(PAIR_SHAPES), values, st.lists(st.booleans(), min_size=1, max_size=5))

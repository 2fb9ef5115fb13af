"""Rules that change no number, or only its format: unchanged, and rounded to another float."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.arguments import SMALL_FLOATS, Array
from refcompress.audit.rules import Candidate, Pair, Where, as_float64
from refcompress.audit.tensor_files import numpy_dtype
from refcompress.rounding import ROUNDING, round_to_integer

FORMATS = ("float32", "float16", *sorted(SMALL_FLOATS))
OVERFLOW = ("ieee", "saturate")


@dataclass(frozen=True)
class Format:
    """The numbers of a float dtype."""

    name: str
    precision: int
    """Bits of the significand, the leading one included."""
    lowest: int
    """Exponent of the smallest subnormal."""
    largest: float
    infinite: bool
    """Whether it has infinities; the others have a NaN for what is too large."""

    @property
    def epsilon(self) -> float:
        """The largest relative error of a normal number that is rounded to nearest, times 2."""
        return 2.0 ** (1 - self.precision)


@functools.cache
def format_of(name: str) -> Format:
    """Return the format of a dtype.

    Examples
    --------
    >>> format_of("bfloat16").precision, format_of("float8_e4m3fn").largest
    (8, 448.0)
    """
    import ml_dtypes

    info: Any = ml_dtypes.finfo(numpy_dtype(name))  # type: ignore[no-untyped-call]
    with np.errstate(invalid="ignore", over="ignore"):
        infinite = bool(np.isinf(np.array(np.inf).astype(numpy_dtype(name)).astype(np.float64)))
    lowest = int(np.frexp(np.float64(info.smallest_subnormal))[1]) - 1
    return Format(name, int(info.nmant) + 1, lowest, float(info.max), infinite)


def round_to_format(x: Array, target: Format, rounding: str, overflow: str) -> Array:
    """Round to a float format, exactly and once: round(x * 2^-e) * 2^e with 2^e the last place of x in the format.

    What is then past the largest number becomes infinite (NaN in a format without infinities) or, where it saturates,
    the largest.
    """
    v = as_float64(x)
    exponent = np.frexp(v)[1].astype(np.int32)
    quantum = np.maximum(exponent - target.precision, target.lowest)
    with np.errstate(over="ignore"):  # then it is past the largest number in any case
        rounded = np.ldexp(round_to_integer(np.ldexp(v, -quantum), rounding), quantum)
    beyond = np.abs(rounded) > target.largest
    if overflow == "saturate":
        return np.asarray(np.where(beyond, np.copysign(target.largest, v), rounded))
    return np.asarray(np.where(beyond, np.copysign(np.inf, v) if target.infinite else np.nan, rounded))


def unchanged(pair: Pair) -> Iterator[Candidate]:
    """Propose that nothing has changed, bit for bit; or no number, in another integer dtype."""

    def itself(x: Array, where: Where) -> Array:
        return x

    if pair.x.dtype == pair.y.dtype:
        yield Candidate("unchanged, bit for bit", {}, itself, (0,), bitwise=True)
        if arguments.is_float(pair.x.dtype):
            yield Candidate("unchanged but for the signs of zeros and the bits of NaNs", {}, itself, (1,))
    elif not arguments.is_float(pair.x.dtype) and not arguments.is_float(pair.y.dtype):
        yield Candidate("cast", {"dtype": pair.y.dtype.name}, itself, (10,), note="every number is the same")


def emptied(pair: Pair) -> Iterator[Candidate]:
    """Propose that every entry is 0: as pruned as can be, or rounded away."""
    if pair.y_range == (0.0, 0.0):
        yield Candidate("every entry is 0", {}, lambda x, where: np.zeros(x.shape), (11,))


def casts(pair: Pair) -> Iterator[Candidate]:
    """Propose roundings to the compressed dtype, and to narrower ones and back."""
    x, y = pair.x.dtype, pair.y.dtype
    if not (arguments.is_float(x) and arguments.is_float(y)):
        return
    if x != y:
        yield from _cast(pair, y.name, back=False)
    for name in FORMATS:
        if name != y.name and _narrower(name, y.name) and not _narrower(x.name, name):
            yield from _cast(pair, name, back=True)


def _cast(pair: Pair, name: str, *, back: bool) -> Iterator[Candidate]:
    target = format_of(name)
    if not back and not _narrower(name, pair.x.dtype.name) and _narrower(pair.x.dtype.name, name):
        yield Candidate("cast", {"dtype": name}, lambda x, where: x, (10,), note="no number is rounded")
        return
    settings: dict[str, Any] = {"dtype": name}
    reach = max(abs(bound) for bound in pair.x_range)
    for i, rounding in enumerate(ROUNDING):
        for j, overflow in enumerate(OVERFLOW if reach > target.largest else OVERFLOW[:1]):
            chosen = settings | {"rounding": rounding} | ({"overflow": overflow} if reach > target.largest else {})
            yield Candidate(
                "cast and back" if back else "cast",
                chosen,
                lambda x, where, r=rounding, o=overflow: round_to_format(x, target, r, o),  # type: ignore[misc]
                (20 if back else 10, i, j),
                note={"half_even": "correctly rounded", "toward_zero": "truncated"}.get(rounding, ""),
            )


def _narrower(first: str, second: str) -> bool:
    """Whether every number of the first format is one of the second."""
    a, b = format_of(first), format_of(second)
    return a.precision <= b.precision and a.lowest >= b.lowest and a.largest <= b.largest

"""What operations share whose result is right within a derived bound.

A fault of such an operation has a bound of its own: how far rounding may take an implementation with that fault.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import FLOAT64_UNIT, precision_of
from refcompress.rounding import narrow
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Arguments, Fault, Settings

Answer = Callable[[Arguments, Settings], Any]
BoundIn = Callable[[Arguments, str, Settings], Any]
"""arguments, dtype, settings -> how far honest arithmetic in that dtype may be from the exact result."""


def each(function: Callable[..., Any], *values: Any) -> Any:
    """Apply a function to arrays, and to the arrays of lists and tuples of one form."""
    if isinstance(values[0], list | tuple):
        return type(values[0])([each(function, *items) for items in zip(*values, strict=True)])
    return function(*values)


def wide(args: Arguments) -> Any:
    """Return the arguments in float64, which holds every value of the narrower floats."""
    return each(lambda a: np.asarray(a, np.float64), args)


def in_dtype(answer: Any, settings: Settings) -> Any:
    """Return an answer in the dtype that the settings want checked, rounded once, else as it is."""
    if not settings["check_dtype"]:
        return answer
    with np.errstate(over="ignore", under="ignore"):
        return each(lambda a: narrow(a, float_dtype(settings["dtype"])), answer)


def beside_reference(bound: Any, dtype: str) -> Any:
    """Turn a bound on the distance from the exact result into one on the distance from the reference.

    The reference computes in float64, with the same steps. Let c = 2^-53 / u, for the unit u of the dtype. What a step
    adds has a factor gamma_k or a number of quanta, and those of float64 are at most c times as large: so what two
    results differ by is at most 1 + c times the bound, by induction over the steps. Where the bound is the whole size
    of a gradient (a relu whose input is within reach of 0), either result is 0 or of at most that size.

    The last factor pays for what is rounded on the way: c + 1, the factor, the bound, its sum with the error of a cast,
    and the difference of two results are 5 roundings, and 5 * 2^-53 is below 2^-50.
    """
    factor = (1 + FLOAT64_UNIT / precision_of(dtype).unit) * (1 + 2.0**-50)
    return each(lambda b: b * factor, bound)


def rounded_to(dtype: str, exact: Answer) -> Answer:
    """Return the answers of an implementation that rounds its inputs and its result to another dtype."""

    def shortened(array: Array) -> Array:
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(narrow(array, float_dtype(dtype)), np.float64)

    def answer(args: Arguments, settings: Settings) -> Any:
        shorter = each(shortened, args)
        if not all(np.isfinite(a).all() for a in _arrays(shorter)):
            shorter = args  # past the largest number of the dtype: nothing is promised, the bound is infinite
        return each(shortened, exact(shorter, settings))

    return answer


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item)
    else:
        yield value


def apart(bound: BoundIn, *dtypes: str) -> Answer:
    """Return how far two honest results may be apart in any of the dtypes: each stays within its bound."""
    return lambda args, settings: each(lambda *b: 2 * np.fmax.reduce(b), *(bound(args, d, settings) for d in dtypes))


IN_FLOAT32 = "computes in float32: its errors are what such arithmetic explains"
IN_16_BITS = "computes in 16 bits, float16 or bfloat16: its errors are what such arithmetic explains"


def low_precision_faults(exact: Answer, bound: BoundIn) -> tuple[Fault, ...]:
    """Return the faults of computing in a shorter dtype than that of the arrays.

    Rounding the inputs and the result stays within the bound of that dtype, as does any other honest arithmetic in it.
    """
    in_float32 = rounded_to("float32", exact), apart(bound, "float32")
    in_16_bits = rounded_to("bfloat16", exact), apart(bound, "bfloat16", "float16")
    return (
        Fault("in_float32", IN_FLOAT32, *in_float32, coarse=True),
        Fault("in_16_bits", IN_16_BITS, *in_16_bits, coarse=True),
    )


def cast_error(exact: Answer, args: Arguments, settings: Settings) -> Any:
    """Return how far the answer in the checked dtype is from the one in float64."""
    right = exact(args, settings)
    with np.errstate(invalid="ignore"):
        return each(lambda a, b: np.nan_to_num(np.abs(a - b.astype(np.float64))), right, in_dtype(right, settings))


def bound_of(exact: Answer, bound_in: BoundIn) -> Answer:
    """Return the bound about the answers that a function gives in float64: the largest errors of honest ones."""

    def bound(args: Arguments, settings: Settings) -> Any:
        own = beside_reference(bound_in(args, settings["dtype"], settings), settings["dtype"])
        return each(np.add, own, cast_error(exact, args, settings)) if settings["check_dtype"] else own

    return bound


def relative_bound(answer: Answer) -> Answer:
    """Return what rounding can move a fault's answer by that is a sum of numbers of one sign: 32 u of it."""
    return lambda args, settings: each(
        lambda a: np.abs(a) * 32 * precision_of(settings["dtype"]).unit, answer(args, settings)
    )

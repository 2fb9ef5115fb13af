"""The stages of round(x / s) + z, one by one: what the cases, the laws and the known faults of it are made of.

Unlike the reference they go on where it refuses, as an implementation does that follows other settings.
"""

from collections.abc import Callable

import numpy as np

from refcompress.arguments import Array
from refcompress.quantization import exactly
from refcompress.quantization.affine import SCALING, affine_quantize
from refcompress.rounding import OVERFLOW, code_range, round_to_integer
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Arguments, Settings
from refcompress.verify.operations.affine_cases import broadcast

WORDS = ("bits", "signed", "rounding", "overflow", "narrow_range", "scaling", "zero_point_added", "axis")


def quantized(args: Arguments, settings: Settings) -> Array:
    """Return the codes."""
    return affine_quantize(*args, **{word: settings[word] for word in WORDS})


def converted(args: Arguments, settings: Settings) -> Array:
    """Return the codes of one who follows other settings, also where the reference refuses.

    A zero point outside the codes is added all the same; an infinity that would be wrapped, and the nan of 0 times an
    infinite reciprocal, become 0, as a processor's conversion leaves their low bits. A code has no negative zero.
    """
    try:
        return quantized(args, settings)
    except ValueError:
        return rounded_and_ranged(*to_be_rounded(args, settings), settings) + 0.0


def limits(settings: Settings) -> tuple[int, int]:
    """Return q_min and q_max."""
    return code_range(settings["bits"], signed=settings["signed"], narrow_range=settings["narrow_range"])


def narrowed(name: str) -> Callable[[Array], Array]:
    """Return the way of floats to a dtype and back to float64."""
    return lambda values: np.asarray(values).astype(float_dtype(name)).astype(np.float64)


def divided(x: Array, s: Array) -> Array:
    """Return x / s rounded once to the dtype of x."""
    return SCALING["divide"](x, s.astype(x.dtype), x.dtype)


def quotient(x: Array, s: Array, scaling: str) -> Array:
    """Return x / s as the scaling has it, as float64."""
    with np.errstate(all="ignore"):
        s = divided(np.ones((), x.dtype), s) if scaling == "reciprocal" else s.astype(x.dtype)
        return SCALING[scaling](x, s, x.dtype).astype(np.float64)


def fuses(settings: Settings) -> bool:
    """Whether the product with 1 / s and the sum with z are rounded once, together."""
    return bool(settings["scaling"] == "reciprocal" and settings["zero_point_added"] == "before_rounding")


def steps_of(x: Array, s: Array, settings: Settings) -> Array:
    """Return x / s as the settings have it, as float64; a product that z is yet to be added to is not rounded."""
    if not fuses(settings):
        return quotient(x, s, settings["scaling"])
    with np.errstate(all="ignore"):
        return np.asarray(x.astype(np.float64) * divided(np.ones((), x.dtype), s).astype(np.float64))


def staged(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return x / s, and the zero points that broadcast to it."""
    x, s, z = broadcast(args, settings)
    return steps_of(x, s, settings), z


def to_be_rounded(args: Arguments, settings: Settings) -> tuple[Array, Array]:
    """Return what is rounded to an integer, x / s or its sum with z, and z."""
    x, s, z = broadcast(args, settings)
    if not fuses(settings):
        return before_rounding(steps_of(x, s, settings), z, settings), z
    with np.errstate(all="ignore"):
        inverse = divided(np.ones((), x.dtype), s)
        return exactly.multiply_add(x, inverse, z, x.dtype).astype(np.float64), z


def before_rounding(v: Array, z: Array, settings: Settings) -> Array:
    """Return x / s, or the sum with z where that is rounded: to the dtype first, unless the scaling is exact."""
    if settings["zero_point_added"] == "after_rounding":
        return v
    whole = np.trunc(v)
    with np.errstate(under="ignore", invalid="ignore"):
        if settings["scaling"] != "exact":
            return exactly.total(v, z, float_dtype(settings["dtype"])).astype(np.float64)
        fraction = np.abs(v - whole)  # all that counts of it is on which side of one half it lies
    place = np.where(fraction == 0, 0.0, np.where(fraction < 0.5, 0.25, np.where(fraction == 0.5, 0.5, 0.75)))
    return np.asarray(whole + z + np.copysign(place, v))


def finished(v: Array, z: Array, settings: Settings) -> Array:
    """Round x / s, add z and bring the sum into range."""
    return rounded_and_ranged(before_rounding(v, z, settings), z, settings)


def rounded_and_ranged(w: Array, z: Array, settings: Settings) -> Array:
    """Round what is to be rounded, add z unless that is done, and bring the sum into range."""
    return ranged(added(round_to_integer(w, settings["rounding"]), z, settings), settings)


def added(steps: Array, z: Array, settings: Settings) -> Array:
    """Add z to what was rounded, unless that was done before."""
    if settings["zero_point_added"] == "before_rounding":
        return steps
    if settings["overflow"] == "wrap":
        finite = np.where(np.isfinite(steps), steps, 0.0)
        return np.asarray(OVERFLOW["wrap"](finite, *limits(settings)) + z)
    return np.asarray(steps + z)


def ranged(codes: Array, settings: Settings) -> Array:
    """Bring floats that hold integers into range; what has no code becomes what a processor's conversion leaves."""
    low, high = limits(settings)
    codes = np.where(np.isnan(codes), 0.0 if settings["bits"] < 32 else low, codes)
    if settings["overflow"] == "wrap":
        codes = np.where(np.isfinite(codes), codes, 0.0)
    return OVERFLOW[settings["overflow"]](codes, low, high)


def has_code(args: Arguments, settings: Settings) -> Array:
    """Flag the numbers that the settings have a code for."""
    x = args[0]
    if settings["overflow"] == "saturate":
        return np.asarray(~np.isnan(x))
    s = broadcast(args, settings)[1]
    finite = np.isfinite(quotient(x, s, settings["scaling"]))
    return np.asarray(finite & np.isfinite(to_be_rounded(args, settings)[0]))

"""How an affine code is rounded: the ways of the reference, and the one of a product and a sum that are not fused."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.audit.rules import Kin, Where, as_float64
from refcompress.audit.scales import Scale
from refcompress.quantization import exactly
from refcompress.quantization.affine import SCALING, ZERO_POINT_ADDED, Convention, unclipped
from refcompress.quantization.channels import common_dtype
from refcompress.rounding import ROUNDING, round_to_integer

# x * (1 / scale), rounded to the dtype, + zero_point, rounded to it again: what PyTorch's quantize_per_channel does,
# where its quantize_per_tensor has a fused multiply-add as the reference's before_rounding
UNFUSED = "unfused"


@dataclass(frozen=True)
class Way:
    """The settings that decide how a code is rounded, before any range."""

    rounding: str
    scaling: str
    zero_point_added: str


def ways(scale: Scale) -> Iterator[Way]:
    """Yield the ways that may differ on a scale, the reference's default first."""
    shifted = bool(scale.zeros.any())
    for rounding, scaling in product(ROUNDING, SCALING):
        for added in ZERO_POINT_ADDED if shifted else ZERO_POINT_ADDED[:1]:
            yield Way(rounding, scaling, added)
        if shifted and scaling == "reciprocal":
            yield Way(rounding, scaling, UNFUSED)


def codes_of(x: Array, scales: Array, zeros: Array, way: Way) -> Array:
    """Return round(x / scale) + zero_point as float64, in no range.

    Examples
    --------
    >>> x, scale, zero = np.float32([0.25, 0.75]), np.float32([0.5]), np.array([1])
    >>> codes_of(x, scale, zero, Way("half_even", "divide", "after_rounding"))
    array([1., 3.])
    >>> codes_of(x, scale, zero, Way("half_even", "reciprocal", "unfused"))
    array([2., 2.])
    """
    dtype = common_dtype(x, scales)
    with np.errstate(all="ignore"):
        steps = np.divide(1, scales, dtype=dtype) if way.scaling == "reciprocal" else scales
        if way.zero_point_added == UNFUSED:
            total = exactly.total(SCALING[way.scaling](x, steps, dtype), zeros, dtype)
            return round_to_integer(as_float64(total), way.rounding)
        by = Convention(32, True, way.rounding, scaling=way.scaling, zero_point_added=way.zero_point_added)
        return as_float64(unclipped(x, steps, zeros, dtype, by))  # 32 bits leave the codes in float64


def kin_of(dtype: np.dtype[Any], scale: Scale, name: tuple[Any, ...]) -> Kin:
    """Return the family of the rules to nearest, in all scalings: they part near ties alone.

    In float32 the reciprocal, its product with x and the sum with the zero point err by 2^-24 of their size each: where
    the sizes add up to less than 2^12, by less than 2^-10 together. Wider arithmetic errs less; where it is narrower,
    or the size is greater, every entry counts as near.
    """

    def near_ties(x: Array, where: Where) -> Array:
        s, z = scale.at(where)
        with np.errstate(all="ignore"):
            v = np.abs(as_float64(x) / as_float64(s))
            far = np.abs(v - np.floor(v) - 0.5) > 2.0**-10
            return np.asarray(~(far & (v + np.abs(z) < 2.0**12)))

    def every_one(x: Array, where: Where) -> Array:
        return np.ones(x.shape, np.bool_)

    return Kin(name, near_ties if min(dtype.itemsize, scale.values.dtype.itemsize) >= 4 else every_one)

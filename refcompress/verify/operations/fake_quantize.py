"""``fake_quantize`` and ``fake_quantize_gradient`` as operations."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refcompress.quantization.fake_quantize import BOUNDARY, MASK
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import (
    affine_quantize_cases,
    affine_stages,
    fake_gradient_cases,
    fake_gradient_faults,
    fake_quantize_cases,
    fake_quantize_faults,
    fake_quantize_kills,
)
from refcompress.verify.operations.affine import (
    AT_BOUNDARIES,
    CONVENTION,
    OVER_THE_RANGE,
    REJECTS,
    SCALE,
    TYPICAL,
    ZERO_POINT,
)
from refcompress.verify.operations.fake_gradient_cases import of_codes
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

BOUNDARY_SETTING = Setting(
    "boundary",
    "pass",
    BOUNDARY,
    "whether the gradient passes at the very ends of the range",
    {
        "pass": "passes the gradient at both ends of the range",
        "zero": "stops the gradient at both ends of the range: every saturated value lies there",
    },
)
MASK_SETTING = Setting(
    "mask",
    "code",
    MASK,
    "whether the code before clipping has to lie in [q_min, q_max], or x between the values of the ends",
    {
        "code": "passes the gradient where the code is in range before clipping",
        "value": "passes the gradient where x lies between the values of q_min and q_max",
    },
)
# what settings of the codes mean for a gradient
FOR_GRADIENTS: dict[str, dict[str, Any]] = {
    "overflow": {"rival": False, "text": "taken, and without effect: nothing is clipped or wrapped"},
    "narrow_range": {
        "says": {
            True: "stops the gradient at the most negative code, but not at q_max (narrow range)",
            False: "passes the gradient at the most negative code, too (full range)",
        }
    },
}
GRADIENT_CONVENTION = tuple(replace(s, **FOR_GRADIENTS.get(s.name, {})) for s in CONVENTION)
X = Input("x", "floats", "an array of any shape, of the dtype of the settings")
UPSTREAM = Input("upstream", "floats", "the gradient with respect to what fake_quantize returns, of the shape of x")


def _with_upstream(make: Callable[[Settings], Arguments]) -> Callable[[Settings], Arguments]:
    def with_ones(settings: Settings) -> Arguments:
        args = make(settings)
        return (*args, np.ones_like(args[0]))

    return with_ones


FAKE_QUANTIZE = Operation(
    name="fake_quantize",
    formula="x' = (q - z) * s with q = round(x / s) + z",
    summary="quantization and back in one, in floats, as quantization-aware training sees it",
    inputs=(X, SCALE, ZERO_POINT),
    settings=(*CONVENTION, FLOAT_DTYPE, CHECK_DTYPE),
    result="floats of the shape of x",
    parts=("the values",),
    answer=fake_quantize_cases.fake_quantized,
    rival_answer=fake_quantize_cases.other_values,
    cases=that_tell(
        fake_quantize_kills.FAKE_QUANTIZE,
        *AT_BOUNDARIES,
        Case("values that overflow", fake_quantize_cases.overflow),
        Case("products that are rounded", fake_quantize_cases.products),
        *OVER_THE_RANGE,
    ),
    strategy=affine_quantize_cases.search,
    laws=fake_quantize_cases.LAWS,
    faults=fake_quantize_faults.FAULTS,
    regions=fake_quantize_cases.REGIONS,
    typical=TYPICAL,
    by_hand=fake_quantize_cases.by_hand,
    rejects=REJECTS,
    elementwise=True,
    accepts=affine_stages.has_code,
)

FAKE_QUANTIZE_GRADIENT = Operation(
    name="fake_quantize_gradient",
    formula="dL/dx = dL/dx' where x is in range, else 0",
    summary="the straight-through gradient of fake quantization",
    inputs=(X, SCALE, ZERO_POINT, UPSTREAM),
    settings=(*GRADIENT_CONVENTION, BOUNDARY_SETTING, MASK_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="the gradient with respect to x: the upstream bit for bit, or +0",
    parts=("the gradient",),
    answer=fake_gradient_cases.gradient,
    rival_answer=fake_gradient_cases.other_gradient,
    cases=that_tell(
        fake_quantize_kills.FAKE_QUANTIZE_GRADIENT,
        Case("small numbers, one a call", fake_gradient_cases.small),
        Case("special upstreams", fake_gradient_cases.special_upstreams),
        Case("at the bounds of clamp: all that saturates", fake_gradient_cases.at_clamp_bounds),
        Case("parts of a step beside the ends", fake_gradient_cases.beside_ends),
        Case("the values of the ends, and one ulp beside", fake_gradient_cases.ulps_beside_ends),
        Case("exact ties at the ends", fake_gradient_cases.ties_at_ends),
        Case("nearest to ties at the ends", fake_gradient_cases.near_ties_at_ends),
        Case("the ends of every width", fake_gradient_cases.ends_of_every_width),
        Case("infinities", fake_gradient_cases.infinities),
        Case("far outside the range", of_codes(affine_quantize_cases.far_outside)),
        Case("largest and smallest values", of_codes(affine_quantize_cases.largest)),
        Case("subnormal scales", of_codes(affine_quantize_cases.tiny_scales)),
        Case("huge scales", of_codes(affine_quantize_cases.large_scales)),
        Case("many zero points", of_codes(affine_quantize_cases.many_zero_points)),
        Case("every quarter of a code over the range", of_codes(affine_quantize_cases.grid)),
        Case("longer than a block", of_codes(affine_quantize_cases.long)),
        Case("lengths around vector widths", of_codes(affine_quantize_cases.tails)),
        Case("axes of equal length", fake_gradient_cases.equal_sizes),
        Case("0-d, empty and 4-d", of_codes(affine_quantize_cases.shapes)),
        *in_every_layout(of_codes(affine_quantize_cases.layouts)),
    ),
    strategy=fake_gradient_cases.search,
    laws=fake_gradient_cases.LAWS,
    faults=fake_gradient_faults.FAULTS,
    regions=fake_gradient_cases.REGIONS,
    typical=TYPICAL,
    by_hand=fake_gradient_cases.by_hand,
    rejects=tuple((name, _with_upstream(make)) for name, make in REJECTS),
)

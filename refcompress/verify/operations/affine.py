"""``affine_quantize`` and ``affine_dequantize`` as operations."""

from collections.abc import Callable

import numpy as np

from refcompress.quantization.affine import SCALING, ZERO_POINT_ADDED
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import (
    affine_dequantize_cases,
    affine_dequantize_faults,
    affine_dequantize_laws,
    affine_kills,
    affine_quantize_cases,
    affine_quantize_faults,
    affine_quantize_laws,
    affine_stages,
)
from refcompress.verify.operations.fixed_point import (
    BITS,
    CHECK_DTYPE,
    FLOAT_DTYPE,
    NARROW_SETTING,
    OVERFLOW_SAYS,
    RESULT_DTYPE,
    ROUNDING_SAYS,
    SIGNED_SETTING,
    bits_setting,
)
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

AFFINE_ROUNDING = Setting("rounding", "half_even", tuple(ROUNDING_SAYS), "how x / s becomes an integer", ROUNDING_SAYS)
AFFINE_OVERFLOW = Setting(
    "overflow", "saturate", tuple(OVERFLOW_SAYS), "what becomes of sums outside the codes", OVERFLOW_SAYS
)
SCALING_SETTING = Setting(
    "scaling",
    "divide",
    tuple(SCALING),
    "how x / s comes about",
    {
        "divide": "rounds x / s to the dtype before it rounds to an integer",
        "exact": "rounds the true x / s once, as a division in a wider float does",
        "reciprocal": "multiplies by 1 / s instead of dividing by s",
    },
)
ZERO_POINT_ADDED_SETTING = Setting(
    "zero_point_added",
    "after_rounding",
    ZERO_POINT_ADDED,
    "whether round(x / s) + z or round(x / s + z)",
    {
        "after_rounding": "adds the zero point after rounding",
        "before_rounding": "adds the zero point before rounding: ties go by the parity of the sum",
    },
)
AXIS_SETTING = Setting(
    "axis",
    None,
    (None, 0, 1, -1),
    "the axis of the channels, each with a scale and a zero point of its own",
    {
        None: "takes the first scale and zero point for the whole array",
        0: "takes the channels along axis 0",
        1: "takes the channels along axis 1",
        -1: "takes the channels along the last axis",
    },
)
CONVENTION = (
    bits_setting(8, BITS[1:]),
    SIGNED_SETTING,
    AFFINE_ROUNDING,
    AFFINE_OVERFLOW,
    NARROW_SETTING,
    SCALING_SETTING,
    ZERO_POINT_ADDED_SETTING,
    AXIS_SETTING,
)
SCALE = Input(
    "scale", "number", "the step s > 0, a Python float that the dtype holds; with an axis an array, one a channel"
)
ZERO_POINT = Input(
    "zero_point", "integer", "the code of 0, a Python int; with an axis an array of int32 (int64 for unsigned 32 bits)"
)


def _rejected(settings: Settings, first: float, scale: float) -> Arguments:
    """Return inputs of which one is not allowed, as one row or as two channels."""
    dtype, axis = float_dtype(settings["dtype"]), settings["axis"]
    x = np.array([[first, 1.0], [2.0, 3.0]], dtype)
    return (x, scale, 1) if axis is None else (x, np.array([scale, 1.0], dtype), np.array([1, 0], np.int32))


REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("x[0] = nan", lambda s: _rejected(s, np.nan, 1.0)),
    ("scale = 0", lambda s: _rejected(s, 1.0, 0.0)),
)
TYPICAL: tuple[Settings, ...] = (
    {},
    {"axis": 0, "bits": 32, "dtype": "float64"},
    {"axis": 1, "dtype": "float16"},
    {"axis": -1, "bits": 4},
)
# the cases of whatever quantizes
AT_BOUNDARIES = (
    Case("small numbers, one a call", affine_quantize_cases.small),
    Case("reported inputs", affine_quantize_cases.reported),
    Case("exact ties, powers of two for a scale", affine_quantize_cases.binary_ties),
    Case("exact ties, integers for a scale", affine_quantize_cases.integer_ties),
    Case("nearest to ties, fractions for a scale", affine_quantize_cases.fraction_ties),
    Case("one ulp beside a tie", affine_quantize_cases.beside_ties),
    Case("whole steps", affine_quantize_cases.whole_steps),
    Case("sixteenths of a step, and close to ties", affine_quantize_cases.fractions),
    Case("around q_min and q_max", affine_quantize_cases.ends),
    Case("far outside the range", affine_quantize_cases.far_outside),
    Case("around the ends of int8, int16 and int32", affine_quantize_cases.storage_ends),
    Case("largest and smallest values", affine_quantize_cases.largest),
    Case("infinities", affine_quantize_cases.infinities),
    Case("subnormal scales", affine_quantize_cases.tiny_scales),
    Case("huge scales", affine_quantize_cases.large_scales),
)
OVER_THE_RANGE = (
    Case("past 2^10, 2^22 and 2^30", affine_quantize_cases.large_steps),
    Case("many scales", affine_quantize_cases.many_scales),
    Case("many zero points", affine_quantize_cases.many_zero_points),
    Case("every quarter of a code over the range", affine_quantize_cases.grid),
    Case("longer than a block", affine_quantize_cases.long),
    Case("lengths around vector widths", affine_quantize_cases.tails),
    Case("axes of equal length", affine_quantize_cases.equal_sizes),
    Case("0-d, empty and 4-d", affine_quantize_cases.shapes),
    *in_every_layout(affine_quantize_cases.layouts),
)

AFFINE_QUANTIZE = Operation(
    name="affine_quantize",
    formula="q = round(x / s) + z",
    summary="affine quantization with a scale and a zero point, per tensor or per channel",
    inputs=(Input("x", "floats", "an array of any shape, of the dtype of the settings"), SCALE, ZERO_POINT),
    settings=(*CONVENTION, FLOAT_DTYPE, CHECK_DTYPE),
    result="integers of the shape of x",
    parts=("the codes",),
    answer=affine_stages.quantized,
    rival_answer=affine_stages.converted,
    cases=that_tell(
        affine_kills.AFFINE_QUANTIZE,
        *AT_BOUNDARIES,
        *OVER_THE_RANGE,
    ),
    strategy=affine_quantize_cases.search,
    laws=affine_quantize_laws.LAWS,
    faults=affine_quantize_faults.FAULTS,
    regions=affine_quantize_laws.REGIONS,
    typical=TYPICAL,
    by_hand=affine_quantize_laws.by_hand,
    rejects=REJECTS,
    elementwise=True,
    accepts=affine_stages.has_code,
)

AFFINE_DEQUANTIZE = Operation(
    name="affine_dequantize",
    formula="x' = (q - z) * s",
    summary="from affine codes back to floats, correctly rounded, per tensor or per channel",
    inputs=(Input("q", "integers", "an array of any shape, of int8, uint8, int16 or int32"), SCALE, ZERO_POINT),
    settings=(RESULT_DTYPE, AXIS_SETTING, CHECK_DTYPE),
    result="floats of the shape of q",
    parts=("the floats",),
    answer=affine_dequantize_cases.dequantized,
    rival_answer=affine_dequantize_cases.as_given,
    cases=that_tell(
        affine_kills.AFFINE_DEQUANTIZE,
        Case("small numbers, one a call", affine_dequantize_cases.small),
        Case("every code of int8", affine_dequantize_cases.all_int8),
        Case("every code of uint8", affine_dequantize_cases.all_uint8),
        Case("codes of 16 bits", affine_dequantize_cases.int16_codes),
        Case("many scales", affine_dequantize_cases.many_scales),
        Case("ties of the last place, and beside", affine_dequantize_cases.last_place),
        Case("differences past 2^8, 2^11, 2^24 and 2^31", affine_dequantize_cases.wide_differences),
        Case("products beside ties, which wider floats round to them", affine_dequantize_cases.beside_ties),
        Case("subnormal results", affine_dequantize_cases.subnormal_results),
        Case("overflow to infinity", affine_dequantize_cases.overflow),
        Case("zeros", affine_dequantize_cases.zeros),
        Case("the ends of the integer types", affine_dequantize_cases.type_ends),
        Case("longer than a block", affine_dequantize_cases.long),
        Case("lengths around vector widths", affine_dequantize_cases.tails),
        Case("axes of equal length", affine_dequantize_cases.equal_sizes),
        Case("0-d, empty and 4-d", affine_dequantize_cases.shapes),
        *in_every_layout(affine_dequantize_cases.layouts),
    ),
    strategy=affine_dequantize_cases.search,
    laws=affine_dequantize_laws.LAWS,
    faults=affine_dequantize_faults.FAULTS,
    regions=affine_dequantize_laws.REGIONS,
    typical=(
        {},
        {"axis": 0, "dtype": "float64"},
        {"axis": 1, "dtype": "float16"},
        {"axis": -1, "dtype": "bfloat16"},
    ),
    by_hand=affine_dequantize_laws.by_hand,
    elementwise=True,
)

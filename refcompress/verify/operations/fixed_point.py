"""``quantize``, ``dequantize`` and ``fraction_bits`` as operations, and the settings that they share with others."""

from typing import TYPE_CHECKING

import numpy as np

from refcompress.rounding import OVERFLOW, ROUNDING
from refcompress.verify.inputs import FLOATS, float_dtype, floats_and_p, floats_around, integers_and_p
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import (
    dequantize_cases,
    dequantize_faults,
    fixed_point_kills,
    fraction_bits_cases,
    fraction_bits_faults,
    quantize_cases,
    quantize_faults,
)
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BITS = (None, *range(2, 33))

ROUNDING_SAYS = {
    "half_even": "rounds halves to even",
    "half_away": "rounds halves away from zero",
    "half_up": "rounds halves up",
    "half_down": "rounds halves down",
    "half_odd": "rounds halves to odd",
    "floor": "rounds down (floor)",
    "ceil": "rounds up (ceil)",
    "toward_zero": "truncates (rounds toward zero)",
    "away_from_zero": "rounds away from zero",
}
OVERFLOW_SAYS = {"saturate": "saturates out-of-range values", "wrap": "wraps out-of-range values around"}
DTYPE_TEXT = "the dtype of the arrays that the candidate is given"

FLOAT_DTYPE = Setting("dtype", "float32", ("float32", "float16", "bfloat16", "float64"), DTYPE_TEXT, rival=False)
RESULT_DTYPE = Setting(
    "dtype",
    "float32",
    tuple(FLOATS),
    "the dtype of the result",
    {name: f"rounds to {name}" for name in FLOATS},
)
CHECK_DTYPE = Setting(
    "check_dtype", False, (False, True), "whether another dtype of the result is a fault", rival=False
)
ROUNDING_SETTING = Setting("rounding", "half_even", tuple(ROUNDING), "how x * 2^p becomes an integer", ROUNDING_SAYS)
OVERFLOW_SETTING = Setting(
    "overflow", "saturate", tuple(OVERFLOW), "what becomes of integers outside the codes", OVERFLOW_SAYS
)
SIGNED_SETTING = Setting(
    "signed",
    True,
    (True, False),
    "signed or unsigned codes",
    {True: "uses a signed range", False: "uses an unsigned range"},
)
NARROW_SETTING = Setting(
    "narrow_range",
    False,
    (False, True),
    "whether the most negative code is dropped",
    {True: "never gives the most negative code (narrow range)", False: "uses the full range"},
)


def bits_setting(default: int | None, allowed: tuple[int | None, ...]) -> Setting:
    """Return the setting ``bits``."""
    says = {b: "does not bring codes into a range" if b is None else f"uses {b} bits" for b in allowed}
    return Setting("bits", default, allowed, "the width of a code", says)


def _search_quantize(settings: Settings) -> "SearchStrategy[Arguments]":
    """Codes around zero and around the ends of the range, or where floats thin out."""
    ends = (-(2**31), 2**23, 2**24, 2**31) if settings["bits"] is None else quantize_cases.limits(settings)
    edges = [8 * code + offset for code in ends for offset in (0, 4, -4, 8, -8, 2, 6)]
    return floats_and_p(settings["dtype"], edges, 2.0**62 if settings["bits"] is None else np.inf)


QUANTIZE = Operation(
    name="quantize",
    formula="Q(x) = round(x * 2^p)",
    summary="fixed-point quantization with p fraction bits",
    inputs=(
        Input("x", "floats", "an array of any shape, of the dtype of the settings"),
        Input("p", "integer", "fraction bits, a Python int"),
    ),
    settings=(
        bits_setting(None, BITS),
        SIGNED_SETTING,
        ROUNDING_SETTING,
        OVERFLOW_SETTING,
        NARROW_SETTING,
        FLOAT_DTYPE,
        CHECK_DTYPE,
    ),
    result="integers of the shape of x",
    parts=("the codes",),
    answer=quantize_cases.quantized,
    rival_answer=quantize_cases.converted,
    cases=that_tell(
        fixed_point_kills.QUANTIZE,
        Case("small numbers, one a call", quantize_cases.small),
        Case("exact halves", quantize_cases.halves),
        Case("one ulp beside a half", quantize_cases.beside_halves),
        Case("integers", quantize_cases.integers),
        Case("sixteenths, 64ths, and close to halves", quantize_cases.fractions),
        Case("around q_min and q_max", quantize_cases.ends),
        Case("far outside the range", quantize_cases.far_outside),
        Case("around the ends of int8, int16 and int32", quantize_cases.storage_ends),
        Case("largest values", quantize_cases.largest),
        Case("infinities", quantize_cases.infinities),
        Case("subnormals and zeros", quantize_cases.subnormals),
        Case("past 2^22 and 2^51", quantize_cases.large_integers),
        Case("many p", quantize_cases.many_p),
        Case("the ends of 2^p", quantize_cases.ends_of_p),
        Case("every eighth of a code over the range", quantize_cases.grid),
        Case("longer than a block", quantize_cases.long),
        Case("lengths around vector widths", quantize_cases.tails),
        Case("0-d, empty and 4-d", quantize_cases.shapes),
        *in_every_layout(quantize_cases.layouts),
    ),
    strategy=_search_quantize,
    laws=quantize_cases.LAWS,
    faults=quantize_faults.FAULTS,
    regions=quantize_cases.REGIONS,
    typical=({"bits": 8}, {"bits": 32, "dtype": "float64"}, {}),
    by_hand=quantize_cases.by_hand,
    rejects=(("x[0] = nan", lambda s: (np.array([np.nan, 1], float_dtype(s["dtype"])), 2)),),
    elementwise=True,
    accepts=quantize_cases.has_code,
)


def _search_dequantize(settings: Settings) -> "SearchStrategy[Arguments]":
    edges, powers = dequantize_cases.search_edges(), dequantize_cases.search_powers(settings)
    return integers_and_p(dequantize_cases.INTEGERS, edges, powers)


DEQUANTIZE = Operation(
    name="dequantize",
    formula="x' = q * 2^-p",
    summary="from fixed-point codes back to floats, correctly rounded",
    inputs=(
        Input("q", "integers", "an array of any shape, of int8, uint8, int16, int32 or int64"),
        Input("p", "integer", "fraction bits, a Python int"),
    ),
    settings=(RESULT_DTYPE, CHECK_DTYPE),
    result="floats of the shape of q",
    parts=("the floats",),
    answer=dequantize_cases.dequantized,
    cases=that_tell(
        fixed_point_kills.DEQUANTIZE,
        Case("small numbers, one a call", dequantize_cases.small),
        Case("every code of 8 bits", dequantize_cases.all_int8),
        Case("codes of 16 bits", dequantize_cases.int16_codes),
        Case("ties of the last place, and one beside", dequantize_cases.last_place),
        Case("around 2^8, 2^11, 2^24 and 2^53", dequantize_cases.past_2_24),
        Case("subnormal results", dequantize_cases.subnormal_results),
        Case("overflow to infinity", dequantize_cases.overflow),
        Case("the ends of the integer types", dequantize_cases.type_ends),
        Case("zeros", dequantize_cases.zeros),
        Case("many p", dequantize_cases.many_p),
        Case("huge p", dequantize_cases.huge_p),
        Case("longer than a block", dequantize_cases.long),
        Case("lengths around vector widths", dequantize_cases.tails),
        Case("0-d, empty and 4-d", dequantize_cases.shapes),
        *in_every_layout(dequantize_cases.layouts),
    ),
    strategy=_search_dequantize,
    laws=dequantize_cases.LAWS,
    faults=dequantize_faults.FAULTS,
    regions=dequantize_cases.REGIONS,
    typical=({}, {"dtype": "float64"}, {"dtype": "bfloat16"}),
    by_hand=dequantize_cases.by_hand,
    elementwise=True,
)


def _search_fraction_bits(settings: Settings) -> "SearchStrategy[Arguments]":
    return floats_around(settings["dtype"], fraction_bits_cases.turning_points(settings))


FRACTION_BITS = Operation(
    name="fraction_bits",
    formula="the largest p at which round(x * 2^p) stays in [q_min, q_max]",
    summary="how many fraction bits the codes have room for",
    inputs=(Input("x", "floats", "an array of any shape, of the dtype of the settings"),),
    settings=(bits_setting(8, BITS[1:]), SIGNED_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="an integer; 0 where x is empty or all zero",
    parts=("p",),
    answer=fraction_bits_cases.largest_p,
    cases=that_tell(
        fixed_point_kills.FRACTION_BITS,
        Case("small numbers, one a call", fraction_bits_cases.small),
        Case("q_max + 1/2 and the floats beside it", fraction_bits_cases.above_q_max),
        Case("q_min - 1/2 and the floats beside it", fraction_bits_cases.below_q_min),
        Case("q_min, q_max and around", fraction_bits_cases.whole_codes),
        Case("a positive and a negative end", fraction_bits_cases.both_ends),
        Case("powers of two and the floats beside them", fraction_bits_cases.powers_of_two),
        Case("between two powers of two", fraction_bits_cases.between),
        Case("subnormal and largest", fraction_bits_cases.far),
        Case("zeros and empty", fraction_bits_cases.zeros),
        Case("the element that decides, at every place", fraction_bits_cases.places),
        Case("longer than a block", fraction_bits_cases.long),
        Case("0-d to 4-d", fraction_bits_cases.shapes),
        *in_every_layout(fraction_bits_cases.layouts),
    ),
    strategy=_search_fraction_bits,
    laws=fraction_bits_cases.LAWS,
    faults=fraction_bits_faults.FAULTS,
    regions=fraction_bits_cases.REGIONS,
    typical=({}, {"bits": 16, "dtype": "float64"}, {"bits": 12, "dtype": "float16"}),
    by_hand=fraction_bits_cases.by_hand,
    rejects=(
        ("x[0] = nan", lambda s: (np.array([np.nan, 1], float_dtype(s["dtype"])),)),
        ("x[1] = inf", lambda s: (np.array([1, np.inf], float_dtype(s["dtype"])),)),
    ),
)

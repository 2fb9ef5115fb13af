"""``cast_float8`` as an operation."""

from dataclasses import replace
from typing import TYPE_CHECKING

from refcompress.quantization.small_floats import FLOAT8, OVERFLOW_WORDS
from refcompress.rounding import ROUNDING
from refcompress.verify.inputs import floats_around
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import small_floats_cases, small_floats_faults, small_floats_kills
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE, ROUNDING_SAYS
from refcompress.verify.operations.shared_cases import in_every_layout

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FORMAT_SETTING = Setting("format", "e4m3fn", FLOAT8, "the 8-bit float", {word: f"casts to {word}" for word in FLOAT8})
OVERFLOW_SETTING = Setting(
    "overflow",
    "saturate",
    OVERFLOW_WORDS,
    "what becomes of infinities and of numbers that round past the largest",
    {
        "saturate": "saturates infinities and what overflows at the largest number",
        "ieee": "gives infinity, or nan where the format has none, for infinities and what overflows",
    },
)
ROUNDING_SETTING = Setting(
    "rounding", "half_even", tuple(ROUNDING), "which of the numbers around x is taken", ROUNDING_SAYS
)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return floats_around(settings["dtype"], small_floats_cases.turning_points(settings))


def _that_tell(*cases: Case) -> tuple[Case, ...]:
    return tuple(replace(case, kills=tuple(small_floats_kills.CAST_FLOAT8[case.name].split())) for case in cases)


CAST_FLOAT8 = Operation(
    name="cast_float8",
    formula="y = round(x / quantum) * quantum, the quantum that of the format at x",
    summary="cast to an 8-bit float, exactly rounded once",
    inputs=(Input("x", "floats", "an array of any shape, of the dtype of the settings; NaN and infinities included"),),
    settings=(FORMAT_SETTING, OVERFLOW_SETTING, ROUNDING_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="float32 values of the format, of the shape of x",
    parts=("the values",),
    answer=small_floats_cases.cast,
    cases=_that_tell(
        Case("small numbers, one a call", small_floats_cases.small),
        Case("every number of the format", small_floats_cases.numbers),
        Case("half-way between neighbours", small_floats_cases.ties),
        Case("one ulp beside a tie", small_floats_cases.beside_ties),
        Case("one ulp beside a number", small_floats_cases.beside_numbers),
        Case("closer to a tie than a narrower float can tell", small_floats_cases.rounded_twice),
        Case("every sixteenth between neighbours", small_floats_cases.between),
        Case("among the subnormals", small_floats_cases.subnormals),
        Case("zeros and far below the smallest number", small_floats_cases.tiny),
        Case("around the largest number", small_floats_cases.around_largest),
        Case("far past the largest number", small_floats_cases.far_outside),
        Case("infinities", small_floats_cases.infinities),
        Case("NaN", small_floats_cases.nans),
        Case("every float16", small_floats_cases.all_float16),
        Case("longer than a block", small_floats_cases.long),
        Case("lengths around vector widths", small_floats_cases.tails),
        Case("0-d, empty and 4-d", small_floats_cases.shapes),
        *in_every_layout(small_floats_cases.layouts),
    ),
    strategy=_search,
    laws=small_floats_cases.LAWS,
    faults=small_floats_faults.FAULTS,
    regions=small_floats_cases.REGIONS,
    typical=(
        {},
        {"overflow": "ieee"},
        {"format": "e5m2", "overflow": "ieee", "dtype": "float64"},
        {"format": "e4m3fnuz", "dtype": "float16"},
    ),
    by_hand=small_floats_cases.by_hand,
    elementwise=True,
)

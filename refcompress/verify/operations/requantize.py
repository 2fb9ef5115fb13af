"""``requantize`` as an operation."""

from typing import TYPE_CHECKING

import numpy as np

from refcompress.quantization.requantize import REQUANTIZE_WORDS
from refcompress.verify.inputs import accumulators
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import requantize_cases, requantize_faults, requantize_kills
from refcompress.verify.operations.fixed_point import (
    BITS,
    CHECK_DTYPE,
    ROUNDING_SAYS,
    SIGNED_SETTING,
    bits_setting,
)
from refcompress.verify.operations.requantize_cases import ONE
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

REQUANTIZE_ROUNDING = Setting(
    "rounding",
    "half_up",
    REQUANTIZE_WORDS,
    "how acc * multiplier * 2^(shift - 31) becomes an integer",
    {
        **ROUNDING_SAYS,
        "double": "rounds twice, to the high half of the product and after the shift, halves away from zero",
        "gemmlowp": "rounds twice as gemmlowp's code does: halves up in the high half, then away from zero",
        "float": "scales in float32 and rounds halves to even",
    },
)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return accumulators(*requantize_cases.limits(settings))


REQUANTIZE = Operation(
    name="requantize",
    formula="q = round(acc * multiplier * 2^(shift - 31)) + zero_point",
    summary="from int32 accumulators to codes, on integers alone",
    inputs=(
        Input("acc", "integers", "an array of int32, of any shape"),
        Input("multiplier", "integer", "2^30 to 2^31 - 1, a Python int"),
        Input("shift", "integer", "-31 to 31, positive to the left, a Python int"),
        Input("zero_point", "integer", "the code of 0, in the range of the codes, a Python int"),
    ),
    settings=(bits_setting(8, BITS[1:]), SIGNED_SETTING, REQUANTIZE_ROUNDING, CHECK_DTYPE),
    result="integers of the shape of acc, saturated to the range of the codes",
    parts=("the codes",),
    answer=requantize_cases.requantized,
    rival_answer=requantize_cases.in_any_range,
    cases=that_tell(
        requantize_kills.REQUANTIZE,
        Case("small numbers, one a call", requantize_cases.small),
        Case("reported inputs", requantize_cases.reported),
        Case("exact halves", requantize_cases.ties),
        Case("nearest to halves", requantize_cases.near_ties),
        Case("nearest to integers", requantize_cases.near_integers),
        Case("around q_min and q_max", requantize_cases.ends),
        Case("around the ends of every width", requantize_cases.storage_ends),
        Case("the ends of int32 at every shift", requantize_cases.extremes),
        Case("small codes at every shift", requantize_cases.every_shift),
        Case("shifts to the left", requantize_cases.left_shifts),
        Case("past 2^24", requantize_cases.past_float32),
        Case("products past 2^53, beside halves", requantize_cases.past_float64),
        Case("longer than a block", requantize_cases.long),
        Case("lengths around vector widths", requantize_cases.tails),
        Case("0-d, empty and 4-d", requantize_cases.shapes),
        *in_every_layout(requantize_cases.layouts),
    ),
    strategy=_search,
    laws=requantize_cases.LAWS,
    faults=requantize_faults.FAULTS,
    regions=requantize_cases.REGIONS,
    typical=({}, {"bits": 32}, {"bits": 16}),
    by_hand=requantize_cases.by_hand,
    rejects=(
        ("multiplier = 2^29", lambda s: (np.array([1], np.int32), 2**29, 0, 0)),
        ("shift = 32", lambda s: (np.array([1], np.int32), ONE, 32, 0)),
    ),
    elementwise=True,
)

"""``affine_parameters`` as an operation."""

from typing import TYPE_CHECKING

from refcompress.quantization.affine_parameters import ARITHMETIC
from refcompress.verify.inputs import ranges
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import affine_kills, affine_parameters_cases, affine_parameters_faults
from refcompress.verify.operations.fixed_point import (
    BITS,
    CHECK_DTYPE,
    NARROW_SETTING,
    SIGNED_SETTING,
    bits_setting,
)
from refcompress.verify.operations.shared_cases import that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SYMMETRIC_SETTING = Setting(
    "symmetric",
    False,
    (False, True),
    "whether zero lies at the middle of the range",
    {True: "uses a symmetric range, its zero point at the middle", False: "uses an asymmetric range"},
)
ARITHMETIC_SETTING = Setting(
    "arithmetic",
    "exact",
    ARITHMETIC,
    "whether each step is exact or rounded to float32",
    {
        "exact": "computes exactly and rounds the scale once",
        "float32": "rounds every step to float32, and divides by the rounded scale",
    },
)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    low, high = affine_parameters_cases.limits(settings)
    return ranges(high - low)


AFFINE_PARAMETERS = Operation(
    name="affine_parameters",
    formula="s = (x_max - x_min) / (q_max - q_min), z = round(q_min - x_min / s)",
    summary="a scale and a zero point for a range of values, zero included",
    inputs=(
        Input("x_min", "number", "the smallest value, a Python float that float32 holds"),
        Input("x_max", "number", "the largest value, likewise"),
    ),
    settings=(
        bits_setting(8, BITS[1:]),
        SIGNED_SETTING,
        SYMMETRIC_SETTING,
        NARROW_SETTING,
        ARITHMETIC_SETTING,
        CHECK_DTYPE,
    ),
    result="the scale, a float32, and the zero point, an integer",
    parts=("the scale", "the zero point"),
    answer=affine_parameters_cases.chosen,
    cases=that_tell(
        affine_kills.AFFINE_PARAMETERS,
        Case("small numbers", affine_parameters_cases.small),
        Case("symmetric around zero", affine_parameters_cases.symmetric_ranges),
        Case("zero points at ties, and beside", affine_parameters_cases.ties),
        Case("zero points at every code", affine_parameters_cases.every_code),
        Case("one-sided", affine_parameters_cases.one_sided),
        Case("constant", affine_parameters_cases.constants),
        Case("small ranges", affine_parameters_cases.small_ranges),
        Case("huge ranges", affine_parameters_cases.huge_ranges),
        Case("ends without a pattern", affine_parameters_cases.uneven),
    ),
    strategy=_search,
    laws=affine_parameters_cases.LAWS,
    faults=affine_parameters_faults.FAULTS,
    regions=affine_parameters_cases.REGIONS,
    typical=(
        {},
        {"symmetric": True},
        {"arithmetic": "float32", "bits": 32},
        {"narrow_range": True, "bits": 4},
        {"symmetric": True, "signed": False},
        {"arithmetic": "float32", "signed": False},
    ),
    by_hand=affine_parameters_cases.by_hand,
    rejects=(
        ("x_min = nan", lambda s: (float("nan"), 1.0)),
        ("x_min above x_max", lambda s: (1.0, -1.0)),
    ),
)

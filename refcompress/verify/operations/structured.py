"""``n_m_sparsify`` as an operation."""

from typing import TYPE_CHECKING

import numpy as np

from refcompress.verify.inputs import float_dtype, groups_of
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import structured_cases, structured_faults, structured_kills
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.selection import TIES_SETTING
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

N_SETTING = Setting(
    "n",
    2,
    (2, 1, 4),
    "how many entries of a group stay; where n is m or more, all",
    {n: f"keeps {n} of each group" for n in (2, 1, 4)},
)
M_SETTING = Setting(
    "m",
    4,
    (4, 2, 8, 16),
    "how many consecutive entries a group has",
    {m: f"takes groups of {m}" for m in (4, 2, 8, 16)},
)
GROUP_AXIS_SETTING = Setting(
    "axis",
    -1,
    (-1, 0),
    "the axis along which groups lie",
    {-1: "takes groups along the last axis", 0: "takes groups along axis 0"},
)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return groups_of(settings["m"], settings["axis"], settings["dtype"])


N_M_SPARSIFY = Operation(
    name="n_m_sparsify",
    formula="of x[i m], ..., x[i m + m - 1] the n largest in magnitude stay, the rest become 0",
    summary="structured sparsity: n of every m consecutive entries, 2:4 above all",
    inputs=(Input("x", "floats", "an array of one or more dimensions; m divides its length along the axis"),),
    settings=(N_SETTING, M_SETTING, GROUP_AXIS_SETTING, TIES_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="floats of the shape of x: what stays bit for bit, +0 elsewhere",
    parts=("the values",),
    answer=structured_cases.sparse,
    rival_answer=structured_faults.in_any_groups,
    cases=that_tell(
        structured_kills.N_M_SPARSIFY,
        Case("one group, and two", structured_cases.one_group),
        Case("ties", structured_cases.ties),
        Case("-0.0 among numbers", structured_cases.zeros),
        Case("large negative values", structured_cases.one_sided),
        Case("groups of unlike size", structured_cases.uneven_rows),
        Case("square matrices, rows or columns sorted", structured_cases.squares),
        Case("matrices to 4-d", structured_cases.matrices),
        Case("squares that underflow", structured_cases.squares_underflow),
        Case("squares that overflow", structured_cases.squares_overflow),
        Case("one ulp apart", structured_cases.neighbours),
        Case("close together", structured_cases.close),
        Case("subnormals", structured_cases.subnormals),
        Case("infinities", structured_cases.infinities),
        Case("fractions of one", structured_cases.fractions),
        Case("lengths around vector widths", structured_cases.lengths),
        Case("thousands", structured_cases.thousands),
        Case("empty", structured_cases.shapes),
        *in_every_layout(structured_cases.layouts),
    ),
    strategy=_search,
    laws=structured_cases.LAWS,
    faults=structured_faults.FAULTS,
    regions=structured_cases.REGIONS,
    typical=({}, {"dtype": "float64"}, {"axis": 0, "n": 4, "m": 16}, {"m": 8}),
    by_hand=structured_cases.by_hand,
    rejects=(
        ("x[1] = nan", lambda s: (np.resize([1, np.nan, 2, 3], s["m"]).astype(float_dtype(s["dtype"])),)),
        ("a length that m does not divide", lambda s: (np.ones(s["m"] + 1, float_dtype(s["dtype"])),)),
        ("0-d", lambda s: (np.ones((), float_dtype(s["dtype"])),)),
    ),
)

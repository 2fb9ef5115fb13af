"""``keep_count`` as an operation."""

from typing import TYPE_CHECKING

from refcompress.pruning.keep_count import COUNTS
from refcompress.pruning.keep_count import ROUNDING as WORDS
from refcompress.verify.inputs import sizes_and_sparsities
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import keep_count_cases, keep_count_faults, keep_count_kills
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, ROUNDING_SAYS
from refcompress.verify.operations.shared_cases import that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ROUNDING_SETTING = Setting("rounding", "half_even", tuple(WORDS), "how a count becomes an integer", ROUNDING_SAYS)
COUNTS_SETTING = Setting(
    "counts",
    "kept",
    COUNTS,
    "which of the two counts is rounded; the other is what is left",
    {
        "kept": "rounds the count of the entries that stay",
        "pruned": "rounds the count of the entries that go, and keeps the others",
    },
)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return sizes_and_sparsities()


KEEP_COUNT = Operation(
    name="keep_count",
    formula="k = round(size * (1 - sparsity))",
    summary="how many entries stay for a sparsity",
    inputs=(
        Input("size", "integer", "how many entries there are, from 0, a Python int"),
        Input(
            "sparsity", "number", "the part that goes, 0 to 1, a Python float: the decimal number that it is read from"
        ),
    ),
    settings=(ROUNDING_SETTING, COUNTS_SETTING, CHECK_DTYPE),
    result="an integer from 0 to size",
    parts=("k",),
    answer=keep_count_cases.counted,
    cases=that_tell(
        keep_count_kills.KEEP_COUNT,
        Case("small sizes", keep_count_cases.small),
        Case("ties, where the kept and the pruned part", keep_count_cases.ties),
        Case("hundredths that floats do not hold", keep_count_cases.decimals),
        Case("reported calls", keep_count_cases.reported),
        Case("sparsities 0 and 1, sizes 0 and 1", keep_count_cases.ends),
        Case("one ulp beside whole numbers and halves", keep_count_cases.beside_whole),
        Case("sparsities of many digits", keep_count_cases.fine),
        Case("sizes of layers", keep_count_cases.thousands),
        Case("next to 0 and to 1", keep_count_cases.tiny),
        Case("sizes past 2^24, 2^31 and 2^53", keep_count_cases.huge),
    ),
    strategy=_search,
    laws=keep_count_cases.LAWS,
    faults=keep_count_faults.FAULTS,
    regions=keep_count_cases.REGIONS,
    typical=({}, {"rounding": "floor", "counts": "pruned"}, {"counts": "pruned"}, {"rounding": "ceil"}),
    by_hand=keep_count_cases.by_hand,
    rejects=(
        ("size = -1", lambda s: (-1, 0.5)),
        ("sparsity = 1.5", lambda s: (10, 1.5)),
        ("sparsity = nan", lambda s: (10, float("nan"))),
    ),
)

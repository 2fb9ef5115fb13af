"""``pack_int4`` and ``unpack_int4`` as operations."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from refcompress.quantization.packing import ORDERS
from refcompress.verify.inputs import rows_of_codes
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import packing_cases, packing_faults, packing_kills
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, SIGNED_SETTING
from refcompress.verify.operations.packing_cases import LAYOUT_ROWS, ROWS, to_pack, to_unpack
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ORDER_SETTING = Setting(
    "order",
    "low_first",
    tuple(ORDERS[4]),
    "where the codes stand in their bytes",
    {
        "low_first": "puts the first code of a byte into its low nibble",
        "high_first": "puts the first code of a byte into its high nibble",
        "interleaved": "interleaves eight codes: 0, 2, 4, 6, 1, 3, 5, 7",
    },
)


def _search_pack(settings: Settings) -> "SearchStrategy[Arguments]":
    return rows_of_codes(settings["signed"]).map(lambda q: (q,))


def _search_unpack(settings: Settings) -> "SearchStrategy[Arguments]":
    return rows_of_codes(settings["signed"]).map(lambda q: (packing_cases.packed_nibbles((q,), settings), q.shape[-1]))


PACK_INT4 = Operation(
    name="pack_int4",
    formula="byte = (q0 & 15) | (q1 & 15) << 4",
    summary="codes of 4 bits, two to a byte, along the last axis",
    inputs=(Input("q", "integers", "an array of int8 (uint8 if not signed) of one dimension or more"),),
    settings=(
        # two's complement and unsigned codes have the same bits: what is given differs, and not the rule
        replace(SIGNED_SETTING, text="whether the codes are [-8, 7] or [0, 15]", rival=False),
        ORDER_SETTING,
        CHECK_DTYPE,
    ),
    result="uint8, each row by itself in whole bytes, filled up with zeros",
    parts=("the bytes",),
    answer=packing_cases.packed,
    cases=that_tell(
        packing_kills.PACK_INT4,
        *(Case(name, to_pack(rows)) for name, rows in ROWS.items()),
        *in_every_layout(to_pack(LAYOUT_ROWS)),
    ),
    strategy=_search_pack,
    laws=packing_cases.PACK_LAWS,
    faults=packing_faults.PACK_FAULTS,
    regions=packing_cases.PACK_REGIONS,
    by_hand=packing_cases.pack_by_hand,
    rejects=(
        ("q[0] = 16", lambda s: (np.array([16, 1], np.int8),)),
        ("q without an axis", lambda s: (np.array(1, np.int8),)),
    ),
)

UNPACK_INT4 = Operation(
    name="unpack_int4",
    formula="q0 = byte & 15, q1 = byte >> 4, with their sign",
    summary="codes of 4 bits out of their bytes",
    inputs=(
        Input("packed", "integers", "an array of uint8 of one dimension or more, padding 0"),
        Input("length", "integer", "how many codes a row has, a Python int"),
    ),
    settings=(SIGNED_SETTING, ORDER_SETTING, CHECK_DTYPE),
    result="int8 (uint8 if not signed) of shape (..., length)",
    parts=("the codes",),
    answer=packing_cases.unpacked,
    rival_answer=packing_cases.unpacked_of_any_size,
    cases=that_tell(
        packing_kills.UNPACK_INT4,
        *(Case(name, to_unpack(rows)) for name, rows in ROWS.items()),
        *in_every_layout(to_unpack(LAYOUT_ROWS)),
    ),
    strategy=_search_unpack,
    laws=packing_cases.UNPACK_LAWS,
    faults=packing_faults.UNPACK_FAULTS,
    regions=packing_cases.UNPACK_REGIONS,
    by_hand=packing_cases.unpack_by_hand,
    rejects=(("a length that the bytes do not have", lambda s: (np.zeros(8, np.uint8), 5)),),
)

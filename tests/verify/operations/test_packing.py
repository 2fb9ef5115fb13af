import numpy as np
import pytest
from oracles.packing import packed_row, unpacked_row
from verify.rivals import fault_named, full, named

from refcompress.quantization.packing import ORDERS, unpack_int4
from refcompress.verify import check
from refcompress.verify.operations import packing_cases, packing_kills
from refcompress.verify.operations.packing import PACK_INT4, UNPACK_INT4

SETTINGS = [{"signed": signed, "order": order} for signed in (True, False) for order in ORDERS[4]]
EACH = pytest.mark.parametrize("operation", [PACK_INT4, UNPACK_INT4], ids=lambda o: o.name)
EVERY_SETTING = pytest.mark.parametrize("given", SETTINGS, ids=str)


def calls(operation, given):
    return [args for case in operation.cases for args in case.make(full(operation, given))]


def fault(operation, name, args, **given):
    found = fault_named(operation, name)
    return np.asarray(found.answer(args, full(operation, given))).tolist()


def region(operation, name, args, **given):
    settings = full(operation, given)
    found = named(operation.regions, name)
    return found.mask(args, operation.answer(args, settings), settings)[0].tolist()


def int8(*values):
    return np.array(values, np.int8)


def uint8(*values):
    return np.array(values, np.uint8)


@EACH
@EVERY_SETTING
def test_the_reference_agrees_with_itself_whatever_the_settings(operation, given):
    settings = full(operation, given)
    report = check(lambda *args: operation.answer(args, settings), operation, examples=20, **given)
    assert report.verdict == "agrees", str(report)


@EACH
@EVERY_SETTING
def test_every_law_holds_for_the_reference_whatever_the_settings(operation, given):
    settings = full(operation, given)
    for args in calls(operation, given):
        answer = operation.answer(args, settings)
        assert [law.name for law in operation.laws if not law.holds(args, answer, settings)] == [], args


@EVERY_SETTING
def test_what_is_expected_is_the_exact_twin(given):
    for (q,) in calls(PACK_INT4, given):
        if 0 < q.size < 5000:
            answer = PACK_INT4.answer((q,), full(PACK_INT4, given))
            rows = [packed_row(row, 4, given["order"]) for row in q.reshape(-1, q.shape[-1]).tolist()]
            assert answer.reshape(-1, answer.shape[-1]).tolist() == rows
    for packed, length in calls(UNPACK_INT4, given):
        if 0 < packed.size < 5000:
            answer = UNPACK_INT4.answer((packed, length), full(UNPACK_INT4, given))
            rows = packed.reshape(-1, packed.shape[-1]).tolist()
            expected = [unpacked_row(row, length, 4, given["order"], given["signed"]) for row in rows]
            assert answer.reshape(-1, length).tolist() == expected


@EVERY_SETTING
def test_both_operations_are_given_the_same_codes(given):
    for (q,), args in zip(calls(PACK_INT4, given), calls(UNPACK_INT4, given), strict=True):
        assert UNPACK_INT4.answer(args, full(UNPACK_INT4, given)).tolist() == q.tolist()


def test_every_pair_of_neighbours_is_given_in_both_places():
    rows = [q for (q,) in calls(PACK_INT4, {}) if q.ndim == 1]
    within = {(a, b) for q in rows for a, b in zip(q[::2].tolist(), q[1::2].tolist(), strict=False)}
    across = {(a, b) for q in rows for a, b in zip(q[1::2].tolist(), q[2::2].tolist(), strict=False)}
    assert len(within) == len(across) == 256


def test_the_padding_that_is_given_is_zero():
    for packed, length in calls(UNPACK_INT4, {}):
        if length % 2:
            assert (packed[..., -1] < 16).all()


def test_a_rival_of_another_order_reads_what_bytes_there_are():
    args = uint8(0x21, 0x43), 4
    answer = packing_cases.unpacked_of_any_size(args, {"signed": True, "order": "interleaved"})
    assert answer.tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    ("name", "q", "packed"),
    [
        ("offset", int8(-8, 7, 0), [0xF0, 0x08]),
        ("offset_padding", int8(-8, 7, 0), [0xF0, 0x88]),
        ("sign_magnitude", int8(-3, 5), [0x5B]),
        ("ones_complement", int8(-3, 5), [0x5C]),
        ("low_not_masked", int8(-3, 5), [0xFD]),
        ("added", int8(-3, 5), [0x4D]),
        ("bytes_signed", int8(0, -1), [-16]),
        ("padded_with_last", int8(1, 2, 3), [0x21, 0x33]),
        ("padded_with_sign", int8(1, 2, -3), [0x21, 0xFD]),
        ("odd_code_dropped", int8(1, 2, 3), [0x21]),
        ("halves", int8(1, 2, 3, 4), [0x31, 0x42]),
        ("interleaved_back", int8(0, 1, 2, 3, 4, 5, 6, 7), [0x40, 0x51, 0x62, 0x73]),
        ("word_reversed", int8(0, 1, 2, 3, 4, 5, 6, 7), [0x67, 0x45, 0x23, 0x01]),
        ("words_swapped", int8(0, 1, 2, 3, 4, 5, 6, 7), [0x76, 0x54, 0x32, 0x10]),
        ("not_packed", int8(1, -1), [1, 15]),
        ("bits_of_nibbles", int8(1, 2), [0x48]),
    ],
)
def test_a_fault_of_packing_answers_as_it_says(name, q, packed):
    assert fault(PACK_INT4, name, (q,)) == packed


def test_packing_flat_runs_across_the_rows():
    assert fault(PACK_INT4, "flat", (np.array([[1, 2, 3], [4, 5, 6]], np.int8),)) == [0x21, 0x43, 0x65]


@pytest.mark.parametrize(
    ("name", "packed", "length", "codes"),
    [
        ("borrowed", uint8(0x2A, 0xE3), 4, [-6, 1, 3, -2]),
        ("borrowed_apart", uint8(0x2A, 0xE3), 4, [-6, 2, 2, -2]),
        ("offset", uint8(0x0F), 2, [7, -8]),
        ("low_unsigned", uint8(0xFF), 2, [15, -1]),
        ("high_unsigned", uint8(0xFF), 2, [-1, 15]),
        ("high_not_shifted", uint8(0x21), 2, [1, 32]),
        ("high_shift_of_3", uint8(0x21), 2, [1, 4]),
        ("low_twice", uint8(0x21), 2, [1, 1]),
        ("high_twice", uint8(0x21), 2, [2, 2]),
        ("padding_kept", uint8(0x21, 0x03), 3, [1, 2, 3, 0]),
        ("odd_code_zero", uint8(0x21, 0x03), 3, [1, 2, 0]),
        ("halves", uint8(0x21, 0x43), 4, [1, 3, 2, 4]),
        ("lowest_flipped", uint8(0x78), 2, [8, 7]),
    ],
)
def test_a_fault_of_unpacking_answers_as_it_says(name, packed, length, codes):
    assert fault(UNPACK_INT4, name, (packed, length)) == codes


def test_rows_that_run_on_take_their_padding_along():
    args = np.array([[0x21, 0x03], [0x54, 0x06]], np.uint8), 3
    assert fault(UNPACK_INT4, "run_on", args) == [[1, 2, 3], [0, 4, 5]]


@pytest.mark.parametrize(
    ("operation", "name", "args", "flags"),
    [
        (PACK_INT4, "last_byte", (int8(1, 2, 3),), [False, True]),
        (PACK_INT4, "low_negative", (int8(-1, 2, 3, -4),), [True, False]),
        (PACK_INT4, "high_negative", (int8(-1, 2, 3, -4),), [False, True]),
        (UNPACK_INT4, "last_code", (uint8(0x21, 0x03), 3), [False, False, True]),
        (UNPACK_INT4, "after_negative", (uint8(0x2F, 0x03), 3), [False, True, False]),
        (UNPACK_INT4, "negative_odd", (uint8(0xFF), 2), [False, True]),
        (UNPACK_INT4, "even", (uint8(0xFF), 2), [True, False]),
        (UNPACK_INT4, "odd_rows", (uint8(0xFF), 2), [False, False]),
    ],
)
def test_a_region_flags_its_places(operation, name, args, flags):
    assert region(operation, name, args) == flags


def test_values_are_derived_by_hand():
    settings = full(PACK_INT4, {})
    text = "the low nibble is 13, the high one 2: 13 + 16 * 2 = 45 = 0x2d"
    assert packing_cases.pack_by_hand((int8(1, 2, -3, 2),), (1,), settings) == text
    text = "code 0 is the low nibble of byte 0, 0x0d: 13, which is -3 with its sign"
    assert packing_cases.unpack_by_hand((uint8(0x0D), 2), (0,), settings) == text
    settings = full(PACK_INT4, {"order": "interleaved"})
    text = "code 1 is the low nibble of byte 2, 0x31: 1"
    assert packing_cases.unpack_by_hand((uint8(0x20, 0x64, 0x31, 0x75), 8), (1,), settings) == text


def test_every_case_has_its_line_of_kills():
    for operation, kills in ((PACK_INT4, packing_kills.PACK_INT4), (UNPACK_INT4, packing_kills.UNPACK_INT4)):
        assert list(kills) == [case.name for case in operation.cases]
        assert len(operation.faults) == len({f.statement for f in operation.faults})


def test_a_last_code_of_0_is_no_padding():
    def guesses(packed, length):
        codes = unpack_int4(packed, length)
        return codes[:-1] if length % 2 and codes.ndim == 1 and length > 3 and codes[-1] == 0 else codes

    assert check(guesses, "unpack_int4", examples=0).verdict == "differs"


@pytest.mark.parametrize(("signed", "ends"), [(True, [-8, 7]), (False, [0, 15])])
def test_no_code_lies_beyond_the_ends(signed, ends):
    law = named(UNPACK_INT4.laws, "codes")
    settings = full(UNPACK_INT4, {"signed": signed})
    args = uint8(0), 1
    assert [q for q in range(-10, 18) if law.holds(args, np.array([q]), settings)] == list(range(ends[0], ends[1] + 1))

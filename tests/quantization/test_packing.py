import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.packing import packed_row, size, unpacked_row

from refcompress.quantization.packing import (
    ORDERS,
    pack_int2,
    pack_int4,
    packed_size,
    unpack_int2,
    unpack_int4,
)

PACK = {4: pack_int4, 2: pack_int2}
UNPACK = {4: unpack_int4, 2: unpack_int2}
LAYOUTS = [(bits, order) for bits in ORDERS for order in ORDERS[bits]]
EACH_LAYOUT = pytest.mark.parametrize(("bits", "order"), LAYOUTS)
EACH_SIGN = pytest.mark.parametrize("signed", [True, False])


def all_codes(bits, signed):
    low = -(2 ** (bits - 1)) if signed else 0
    return range(low, low + 2**bits)


def rows(bits, signed, most=40):
    return st.lists(st.sampled_from(all_codes(bits, signed)), max_size=most)


@EACH_LAYOUT
@EACH_SIGN
@given(data=st.data())
def test_packing_puts_every_code_where_the_layout_says(bits, order, signed, data):
    codes = data.draw(rows(bits, signed))
    packed = PACK[bits](np.array(codes, np.int64), signed=signed, order=order)
    assert packed.dtype == np.uint8
    assert packed.tolist() == packed_row(codes, bits, order)


@EACH_LAYOUT
@EACH_SIGN
@given(data=st.data())
def test_unpacking_takes_every_code_from_where_the_layout_says(bits, order, signed, data):
    length = data.draw(st.integers(0, 40))
    words = data.draw(st.lists(st.integers(0, 255), min_size=(n := size(length, bits, order)), max_size=n))
    codes = UNPACK[bits](np.array(words, np.uint8), length, signed=signed, order=order)
    assert codes.dtype == (np.int8 if signed else np.uint8)
    assert codes.tolist() == unpacked_row(words, length, bits, order, signed)


@EACH_LAYOUT
@EACH_SIGN
@given(data=st.data())
def test_unpacking_brings_back_what_was_packed(bits, order, signed, data):
    codes = data.draw(rows(bits, signed))
    packed = PACK[bits](codes, signed=signed, order=order)
    assert UNPACK[bits](packed, len(codes), signed=signed, order=order).tolist() == codes


@EACH_SIGN
def test_every_pair_of_neighbours_stands_apart(signed):
    pairs = np.array([(a, b) for a in all_codes(4, signed) for b in all_codes(4, signed)])
    packed = pack_int4(pairs, signed=signed)
    assert packed[:, 0].tolist() == [(a % 16) + 16 * (b % 16) for a, b in pairs.tolist()]
    assert unpack_int4(packed, 2, signed=signed).tolist() == pairs.tolist()


@pytest.mark.parametrize(
    ("codes", "settings", "expected"),
    [
        ([1, 2], {}, "21"),
        ([1, 2], {"order": "high_first"}, "12"),
        ([1, 2, 3], {}, "21 03"),
        ([1, 2, 3], {"order": "high_first"}, "12 30"),
        ([-8, -1], {}, "f8"),
        ([8, 15], {"signed": False}, "f8"),
        ([-6, 2, 3, -2], {}, "2a e3"),
        ([], {}, ""),
        ([7], {}, "07"),
        (range(8), {"signed": False, "order": "interleaved"}, "20 64 31 75"),
        ([5], {"order": "interleaved"}, "05 00 00 00"),
        ([0, 0, 0, 0, 0, 0, 0, 0, 6], {"order": "interleaved"}, "00 00 00 00 06 00 00 00"),
    ],
)
def test_known_bytes(codes, settings, expected):
    packed = pack_int4(np.array(codes, int), **settings)
    assert packed.tobytes() == bytes.fromhex(expected)
    assert unpack_int4(packed, len(codes), **settings).tolist() == list(codes)


@pytest.mark.parametrize(
    ("codes", "settings", "expected"),
    [
        ([1, -2, 0, -1], {}, "c9"),
        ([1, -2, 0, -1], {"order": "high_first"}, "63"),
        ([1, 2, 0, 3, 1], {"signed": False}, "c9 01"),
    ],
)
def test_known_bytes_of_two_bits(codes, settings, expected):
    packed = pack_int2(np.array(codes), **settings)
    assert packed.tobytes() == bytes.fromhex(expected)
    assert unpack_int2(packed, len(codes), **settings).tolist() == codes


def test_the_interleaved_order_is_that_of_a_little_endian_word():
    words = pack_int4(np.arange(16), signed=False, order="interleaved").view("<u4")
    assert [f"{word:08x}" for word in words.tolist()] == ["75316420", "fdb9eca8"]


def test_rows_are_padded_each_for_itself():
    assert pack_int4([[1, 2, 3], [4, 5, 6]]).tolist() == [[0x21, 0x03], [0x54, 0x06]]
    assert unpack_int4([[0x21, 0x03], [0x54, 0x06]], 3).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_what_stands_in_the_padding_is_ignored():
    assert unpack_int4([0x21, 0xF3], 3).tolist() == [1, 2, 3]


@EACH_LAYOUT
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 5), (1, 1), (2, 3, 7)])
def test_every_shape_packs_along_its_last_axis(bits, order, shape):
    q = (np.arange(np.prod(shape)) % 2**bits).reshape(shape)
    packed = PACK[bits](q, signed=False, order=order)
    assert packed.shape == (*shape[:-1], packed_size(shape[-1], bits, order))
    assert np.array_equal(UNPACK[bits](packed, shape[-1], signed=False, order=order), q)


def test_views_and_read_only_arrays_work_and_are_not_changed():
    q = (np.arange(40, dtype=np.int8).reshape(5, 8) % 16) - 8
    q.flags.writeable = False
    before = q.copy()
    for view in (q.T, q[::2, ::-1], q[:, 1:6:3], np.asfortranarray(q)):
        packed = pack_int4(view)
        assert packed.tolist() == [packed_row(row, 4, "low_first") for row in view.tolist()]
        assert unpack_int4(np.asfortranarray(packed)[:, ::1], view.shape[1]).tolist() == view.tolist()
    assert np.array_equal(q, before)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">u2"])
def test_every_integer_dtype_is_taken(dtype):
    assert pack_int4(np.array([1, 2, 3], dtype)).tolist() == [0x21, 0x03]
    assert unpack_int4(np.array([0x21, 0x03], dtype), 3).tolist() == [1, 2, 3]


def test_an_answer_shares_no_memory_with_its_input():
    packed = pack_int4([1, 2])
    assert not np.shares_memory(packed, unpack_int4(packed, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pack_int4([0, 8]), ValueError, r"q\[1\] is 8: 4 bits hold -8 to 7"),
        (lambda: pack_int4([[0], [-9]]), ValueError, r"q\[1, 0\] is -9: 4 bits hold -8 to 7"),
        (lambda: pack_int4([-1], signed=False), ValueError, r"q\[0\] is -1: 4 bits hold 0 to 15"),
        (lambda: pack_int4([16], signed=False), ValueError, r"q\[0\] is 16: 4 bits hold 0 to 15"),
        (lambda: pack_int2([2]), ValueError, r"q\[0\] is 2: 2 bits hold -2 to 1"),
        (lambda: pack_int4(3), ValueError, "q is a single number: it must have an axis to pack along"),
        (lambda: pack_int4([1.0]), TypeError, "q has dtype float64: it must hold integers"),
        (
            lambda: pack_int4([1], order="low"),
            ValueError,
            "order is 'low': it must be one of low_first, high_first, in",
        ),
        (
            lambda: pack_int2([1], order="interleaved"),
            ValueError,
            "order is 'interleaved': it must be one of low_first",
        ),
        (lambda: pack_int4([1], signed=0), TypeError, "signed is 0: it must be True or False"),
        (lambda: unpack_int4([1, 2], 2), ValueError, "packed has 2 bytes a row: 2 codes of 4 bits take 1"),
        (lambda: unpack_int4([1], 3), ValueError, "packed has 1 bytes a row: 3 codes of 4 bits take 2"),
        (lambda: unpack_int4([1], 0), ValueError, "packed has 1 bytes a row: 0 codes of 4 bits take 0"),
        (lambda: unpack_int4([1], 1, order="interleaved"), ValueError, "1 codes of 4 bits take 4"),
        (lambda: unpack_int2([1, 2], 4), ValueError, "packed has 2 bytes a row: 4 codes of 2 bits take 1"),
        (lambda: unpack_int4([256], 2), ValueError, r"packed\[0\] is 256: it must be a byte, 0 to 255"),
        (lambda: unpack_int4(np.array([-1], np.int8), 2), ValueError, r"packed\[0\] is -1: it must be a byte"),
        (lambda: unpack_int4(7, 2), ValueError, "packed is a single number"),
        (lambda: unpack_int4([1], 1, order="low"), ValueError, "^order is 'low': it must be one of low_first"),
        (lambda: unpack_int4([1], -1), ValueError, "length is -1: it must be at least 0"),
        (lambda: unpack_int4([1], 2.0), TypeError, r"length is 2.0 \(float\): it must be an integer"),
        (lambda: unpack_int4([1], 2, signed=None), TypeError, "signed is None"),
    ],
)
def test_bad_calls_are_refused_with_a_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()

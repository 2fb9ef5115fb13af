import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import huffman as oracle

from refcompress.huffman import huffman_decode, huffman_encode, huffman_size

CODES = st.one_of(
    st.lists(st.integers(0, 255), max_size=60),
    st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 7, 200, 255]), max_size=200),
)


@given(CODES)
def test_the_codes_come_back(codes):
    again = huffman_decode(huffman_encode(codes))
    assert again.dtype == np.uint8
    assert again.tolist() == codes


@given(CODES)
def test_the_bytes_counted_are_the_bytes_written(codes):
    assert huffman_size(codes) == len(huffman_encode(codes))


@given(CODES)
def test_no_code_of_whole_bits_is_shorter(codes):
    assert huffman_size(codes) == 14 + 2 * len(set(codes)) + -(-oracle.fewest_bits(codes) // 8)


@given(CODES)
def test_the_file_is_what_its_description_says(codes):
    assert oracle.decode(huffman_encode(codes)) == codes


@given(CODES, st.data())
def test_a_byte_that_was_altered_is_found(codes, data):
    written = bytearray(huffman_encode(codes))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="data is damaged: its checksum is"):
        huffman_decode(bytes(written))


@given(CODES, st.data())
def test_a_file_that_was_cut_short_is_found(codes, data):
    written = huffman_encode(codes)
    with pytest.raises(ValueError, match=r"^data (has|is damaged)"):
        huffman_decode(written[: data.draw(st.integers(0, len(written) - 1))])


@given(st.integers(0, 40), st.integers(0, 9), st.binary(max_size=60))
def test_bytes_with_a_right_checksum_are_read_or_refused(n, different, rest):
    body = struct.pack("<QH", n, different) + rest
    data = body + struct.pack("<I", zlib.crc32(body))
    try:
        codes = huffman_decode(data)
    except ValueError as error:
        assert str(error).startswith("data ")  # noqa: PT017 - it may be a file, too
    else:
        assert oracle.decode(data) == codes.tolist()


def test_one_code_takes_no_bits_however_often():
    assert huffman_size(np.full(10_000, 9)) == 16
    assert huffman_decode(huffman_encode(np.full(10_000, 9))).tolist() == [9] * 10_000


def test_no_codes_are_a_file_too():
    assert huffman_encode([]) == bytes(10) + struct.pack("<I", zlib.crc32(bytes(10)))
    assert huffman_decode(huffman_encode([])).tolist() == []


def test_all_codes_equally_often_take_eight_bits():
    codes = np.tile(np.arange(256), 3)
    assert huffman_size(codes) == 14 + 512 + 3 * 256
    assert huffman_encode(codes)[522:-4] == codes.astype(np.uint8).tobytes()
    assert huffman_decode(huffman_encode(codes)).tolist() == codes.tolist()


def test_fibonacci_counts_make_the_longest_codewords():
    counts = [1, 1]
    while len(counts) < 20:
        counts.append(counts[-1] + counts[-2])
    codes = np.repeat(np.arange(20), counts)
    written = huffman_encode(codes)
    assert max(written[11:50:2]) == 19
    assert np.array_equal(huffman_decode(written), codes)


def test_known_bytes():
    # counts 3, 1, 1: codewords 0 (one bit), 10, 11; the bits 0 0 0 10 11 and a 0 to fill
    body = struct.pack("<QH", 5, 3) + bytes([4, 1, 5, 2, 6, 2, 0b00010110])
    assert huffman_encode([4, 4, 4, 5, 6]) == body + struct.pack("<I", zlib.crc32(body))


def test_any_shape_and_layout_is_written_in_c_order():
    codes = np.arange(12, dtype=">i4").reshape(3, 4)
    codes.flags.writeable = False
    assert huffman_encode(codes.T) == huffman_encode(codes.T.ravel().tolist())


def test_many_codes_come_back():
    codes = np.abs(np.random.default_rng(0).normal(0, 8, 300_000)).astype(np.uint8)
    assert np.array_equal(huffman_decode(huffman_encode(codes)), codes)


def sealed(n, table, payload=b""):
    body = struct.pack("<QH", n, len(table)) + bytes(b for row in table for b in row) + payload
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: huffman_encode([256]), ValueError, r"codes\[0\] is 256: it must be from 0 to 255"),
        (lambda: huffman_encode([[1, -1]]), ValueError, r"codes\[0, 1\] is -1"),
        (lambda: huffman_encode([1.0]), TypeError, "codes has dtype float64: it must hold integers"),
        (lambda: huffman_size([256]), ValueError, r"codes\[0\] is 256"),
        (lambda: huffman_decode("abc"), TypeError, "data is a str: it must be bytes"),
        (lambda: huffman_decode(b"abc"), ValueError, "data has 3 bytes: a file of codes has at least 14"),
        (lambda: huffman_decode(sealed(2, [(1, 1), (1, 1)], b"\0")), ValueError, "the codes of its table do not rise"),
        (lambda: huffman_decode(sealed(1, [(1, 1), (2, 1)], b"\0")), ValueError, "it has 1 codes, 2 of them different"),
        (lambda: huffman_decode(sealed(3, [])), ValueError, "it has 3 codes, 0 of them different"),
        (lambda: huffman_decode(sealed(2, [(1, 1), (2, 2)], b"\0")), ValueError, "no code has codewords of 1, 2 bits"),
        (lambda: huffman_decode(sealed(2, [(1, 0), (2, 0)])), ValueError, "no code has codewords of 0, 0 bits"),
        (lambda: huffman_decode(sealed(1, [(1, 1)], b"\0")), ValueError, "no code has codewords of 1 bits"),
        (lambda: huffman_decode(sealed(1, [(1, 0)], b"\0")), ValueError, "has 1 bytes of codewords"),
        (lambda: huffman_decode(sealed(9, [(1, 1), (2, 1)], b"\0")), ValueError, "end after 8 of 9 codes"),
        (lambda: huffman_decode(sealed(2, [(1, 1), (2, 1)], b"\1")), ValueError, "take 2 bits, it has 8"),
        (lambda: huffman_decode(sealed(2, [(1, 1), (2, 1)], b"\0\0")), ValueError, "take 2 bits, it has 16"),
        (lambda: huffman_decode(sealed(2, [(1, 1)] * 300)), ValueError, "do not rise"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

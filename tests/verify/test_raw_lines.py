import dataclasses
import itertools
import struct
import zlib

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from verify.toys import LAYERS, PARTS

from refcompress.verify.agreement import compare
from refcompress.verify.operation import Case
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import identity, layout, line, read_id, read_result, words
from refcompress.verify.vectors import vectors

DTYPES = st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "?"]).map(np.dtype)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


def same(a, b):
    return compare(a, b).agrees


@given(ARRAYS)
def test_an_array_comes_back(array):
    assert same(array, read_result(words(array), array))


@given(st.lists(ARRAYS, min_size=1, max_size=3))
def test_lists_and_tuples_of_arrays_come_back(arrays):
    for value in (arrays, tuple(arrays), (arrays, arrays[0])):
        assert same(value, read_result(words(value), value))


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_comes_back(value):
    assert words(value) == f"{value % 2**64:x}"
    assert int(read_result(words(value), 0)) == value


@given(st.floats())
def test_a_plain_number_is_a_float64(value):
    assert words(value) == struct.pack(">d", value).hex()
    assert struct.pack(">d", float(read_result(words(value), 0.0))).hex() == words(value)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_the_right_answers_are_read_as_what_they_are(op):
    for vector in itertools.islice(vectors(op, op.defaults), 0, 400, 9):
        value = read_result(words(vector.expected), vector.expected)
        assert same(vector.expected, value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, -0.0], np.float32), "1 2 3f800000 80000000"),
        (np.array([[1, -1]], np.int8), "2 1 2 0000000000000001 ffffffffffffffff"),
        (np.array([200], np.uint8), "1 1 00000000000000c8"),
        (np.array([1.0], ml_dtypes.bfloat16), "1 1 3f80"),
        (np.array([True, False]), "1 2 01 00"),
        (np.array(0.5), "0 3fe0000000000000"),
        (np.zeros((0, 3), np.float32), "2 0 3"),
        ([np.array([0.5], np.float16), np.zeros(0, np.float16)], "2 1 1 3800 1 0"),
        ((np.array([7]), 4), "1 1 0000000000000007 4"),
        (True, "1"),
        (np.float32(1), "3f800000"),
        (-1, "ffffffffffffffff"),
        ([], "0"),
    ],
)
def test_how_a_value_is_written(value, text):
    assert words(value) == text


@pytest.mark.parametrize("kind", ["i4", "f4", "f8"])
def test_an_array_is_written_in_c_order_whatever_its_layout(kind):
    array = np.arange(6, dtype=kind).reshape(2, 3)
    assert words(np.asfortranarray(array)) == words(array)
    assert words(array.astype(f">{kind}")) == words(array)
    assert words(array[::-1]) == words(array[::-1].copy())


def test_a_line_begins_with_the_checksum_and_the_number():
    text = line(5, (np.array([0.5], np.float32), 2))
    assert text == f"{zlib.crc32(b'1 1 3f000000 2'):08x}00000005 1 1 3f000000 2"
    assert identity(5, "1 1 3f000000 2") == text.split()[0]


@pytest.mark.parametrize("text", ["C0E468DF00000007 1", "c0e468df00000007", "0000c0e468df00000007\t1 2"])
def test_an_id_is_read_however_it_is_written(text):
    assert read_id(text) == (7, "c0e468df00000007")


def test_an_id_without_leading_zeros_is_the_same():
    assert read_id("aa00000007 1") == (7, "000000aa00000007")


@pytest.mark.parametrize("text", ["zz 1", "-1", "123456789abcdef01", "7,"])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match=r"begins with .*: it must begin with the id of a case"):
        read_id(text)


def test_no_more_than_the_beginning_of_a_wrong_word_is_shown():
    with pytest.raises(ValueError, match=r"^begins with 'z{40}':"):
        read_id("z" * 99)
    with pytest.raises(ValueError, match=r"^holds 'z{40}':"):
        read_result("z" * 99, 0)
    with pytest.raises(ValueError, match=r"^holds x{40}:"):
        read_result("x" * 99, 0)


@pytest.mark.parametrize(
    "text", ["1 2 28 FFFFFFFFFFFFFFF0", "01  0002 0x28\tfffffffffffffff0", f"1 2 {'0' * 99}28 0xFFFFFFFFFFFFFFF0"]
)
def test_words_are_read_however_they_are_written(text):
    assert read_result(text, np.zeros(2, np.int8)).tolist() == [40, -16]


CODES, FLOATS, FLAGS = np.zeros(2, np.int8), np.zeros(2, np.float32), np.zeros(2, bool)


@pytest.mark.parametrize(
    ("text", "like", "message"),
    [
        ("", CODES, "ends early: 1 words are due for the number of dimensions, and 0 are left"),
        ("2 2", CODES, "ends early: 2 words are due for the sizes of an array, and 1 are left"),
        ("1 2 28", CODES, "ends early: 2 words are due for an array of 2, and 1 are left"),
        ("2 2 3 28", CODES, "ends early: 6 words are due for an array of 2x3, and 1 are left"),
        ("0", CODES, "ends early: 1 words are due for an array of one element, and 0 are left"),
        ("1 2 28 1 3", CODES, "goes on after the result: 1 words too many"),
        ("1 2 28 1g", CODES, "holds '1g': it must be a hexadecimal number of at most 16 digits"),
        ("1 2 28 -1", CODES, "holds '-1': it must be"),
        ("1 2 28 10000000000000000", CODES, "holds '10000000000000000': it must be"),
        ("1 2 28 1_0", CODES, "holds '1_0': it must be"),
        ("1 2 28 xxxxxxxxxxxxxxXX", CODES, "holds x+X+: a value that is unknown in the simulation"),
        ("ff 2", CODES, "has an array of 255 dimensions, which cannot be"),
        (f"21{' 1' * 34}", CODES, "has an array of 33 dimensions, which cannot be"),
        ("1 80000000", CODES, r"has an array of shape \(2147483648,\), which cannot be"),
        ("1 2 3f800000 100000000", FLOATS, "holds 100000000, which is no float32"),
        ("1 2 1 2", FLAGS, "holds 2, which is no bool"),
        ("", [CODES], "ends early: 1 words are due for the length of a list, and 0 are left"),
        ("1", [CODES], "ends early: 1 words are due for the number of dimensions, and 0 are left"),
        ("2", [CODES], "has a list of length 2, which cannot be"),
        ("ffff", [CODES], "has a list of length 65,535, which cannot be"),
        ("", 0, "ends early: 1 words are due for a number, and 0 are left"),
        ("3f800000 0", np.float32(1), "goes on after the result: 1 words too many"),
    ],
)
def test_what_is_no_result_is_refused(text, like, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        read_result(text, like)


def test_a_result_of_another_shape_is_read_and_left_to_the_comparison():
    assert read_result("2 1 2 1 2", CODES).shape == (1, 2)
    assert len(read_result("2 1 1 3f800000 1 0", [FLOATS])) == 2
    assert len(read_result("1 1 1 3ff0000000000000", [])) == 1
    assert read_result(f"20{' 1' * 32} 7", CODES).shape == (1,) * 32


def test_every_bit_pattern_is_a_number():
    assert read_result("1 2 ffffffff 0", FLOATS).view(np.uint32).tolist() == [2**32 - 1, 0]


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_the_layout_names_every_input_and_every_part(op):
    text = layout(op, op.defaults)
    middle = text.index("answer: the id")
    assert [t.split(":")[0].strip() for t in text[1:middle]] == [i.name for i in op.inputs]
    assert [t.split(":")[0].strip() for t in text[middle + 1 :]] == list(op.parts)


def test_the_layout_says_which_dtypes_there_are():
    assert layout(OPERATIONS["dequantize"], OPERATIONS["dequantize"].defaults)[1] == (
        "  q: an array of integers (int16, int32, int64, int8, uint8): dimensions, sizes, elements of 64 bits"
    )


def test_the_layout_says_what_is_one_word():
    asked = layout(OPERATIONS["keep_count"], OPERATIONS["keep_count"].defaults)[1:3]
    assert asked == ["  size: an integer: 1 word", "  sparsity: a number, the bit pattern of a float64: 1 word"]


def test_the_layout_says_what_a_list_holds():
    array = "a list: its length, then an array of {}: dimensions, sizes, elements {}"
    text = layout(LAYERS, LAYERS.defaults)  # one call: a list of arrays, whose answer is another
    assert text[1] == f"  weights: {array.format('float32', 'of 8 digits')}"
    assert text[3:] == [f"  the result: {array.format('float64', 'of 16 digits')}"]
    empty = dataclasses.replace(LAYERS, cases=(Case("no layers", lambda s: [([],)]),))
    assert layout(empty, empty.defaults)[1] == "  weights: a list: its length, then the arrays"


def test_the_layout_tells_lists_apart_though_their_arrays_alone_have_names():
    answered = layout(PARTS, PARTS.defaults)[3:]
    assert all(text.startswith("  the result: a list: its length, then an array of ") for text in answered)
    assert answered[1].endswith("an array of bool: dimensions, sizes, elements 0 or 1")


@pytest.mark.parametrize("text", ["", "   "])
def test_a_line_without_a_word_has_no_id(text):
    with pytest.raises(ValueError, match="begins with ''"):
        read_id(text)

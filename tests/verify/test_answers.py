import dataclasses
import io
import itertools
import json
import zipfile
from dataclasses import FrozenInstanceError

import ml_dtypes
import numpy as np
import pytest
from verify.toys import LAYERS, PARTS, SCALE, STEP, TOTAL

from refcompress.verify.answers import (
    OTHER,
    DamagedError,
    from_jsonl,
    from_npz,
    from_raw,
    lines,
    read_header,
    replies,
)
from refcompress.verify.judge import judge
from refcompress.verify.operation import Setting
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import line, words
from refcompress.verify.vector_files import json_line, write_vectors
from refcompress.verify.vectors import vectors
from refcompress.verify.wire import encode

QUANTIZE = OPERATIONS["quantize"]
BITS = {**QUANTIZE.defaults, "bits": 8}
FIRST = next(vectors(QUANTIZE, BITS))  # x = [0.5], p = 0


def stream(*texts):
    return io.BytesIO("".join(f"{text}\n" for text in texts).encode())


def raw(*texts):
    return list(from_raw(stream(*texts), QUANTIZE))


def as_json(*messages):
    texts = [m if isinstance(m, str) else json.dumps(m) for m in messages]
    return list(from_jsonl(stream(*texts), QUANTIZE))


def test_blank_lines_and_line_ends_of_other_systems_are_passed_over():
    assert list(lines(io.BytesIO(b"\n a \r\n\n\nb"))) == [("line 2", "a"), ("line 5", "b")]


def test_a_line_without_end_is_refused_before_it_fills_the_memory():
    class Endless(io.RawIOBase):
        def readline(self, size=-1):
            return b"0" * size

    with pytest.raises(DamagedError, match="line 1 is longer than 67,108,864 bytes"):
        next(lines(Endless()))


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DamagedError, match="line 2 is no text: it holds the bytes"):
        list(lines(io.BytesIO(b"ok\n\xff\xfe\x00\n")))


def test_no_more_than_the_beginning_of_what_is_refused_is_shown():
    with pytest.raises(DamagedError, match=r"it holds the bytes b'(\\xff){20}'$"):
        list(lines(io.BytesIO(b"\xff" * 99)))
    with pytest.raises(DamagedError, match=r"line 1 is no JSON: 'x{60}'$"):
        as_json("x" * 99)
    with pytest.raises(DamagedError, match=r"line 1 is no JSON object: '7{60}'$"):
        as_json("7" * 99)
    reply = as_json({"id": 1, "error": "x" * 999})[0]
    assert reply.read(FIRST).problem == f"reports an error: {'x' * 200}"


def test_a_reply_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        as_json({"id": 1, "result": 0})[0].number = 2


def test_a_line_of_words_is_an_answer():
    question = line(1, FIRST.args)
    reply = raw(f"{question.split()[0]} 1 1 0")[0]
    assert (reply.place, reply.number) == ("line 1", 1)
    assert reply.read(FIRST).value.tolist() == [0]


def test_comments_and_addresses_of_a_memory_file_are_passed_over():
    identity = line(1, FIRST.args).split()[0]
    reply = raw("// 0x00000000", f"@0 {identity} 1 1 0 // half", "@1fA")
    assert [r.place for r in reply] == ["line 2"]
    assert reply[0].read(FIRST).value.tolist() == [0]


def test_a_line_of_other_settings_is_told_by_its_checksum():
    reply = raw(f"{'0' * 15}1 1 1 0")[0]
    with pytest.raises(ValueError, match="of other settings: were --set, --level and --seed the same"):
        reply.read(FIRST)


def test_a_line_without_an_id_is_refused():
    with pytest.raises(DamagedError, match=r"line 2 begins with 'Segmentation'"):
        raw(f"{line(1, FIRST.args)}", "Segmentation fault")


def test_a_json_line_answers_the_case_of_its_id():
    replies = as_json({"id": 7, "result": 0}, {"id": 3, "result": 0, "protocol": 1})
    assert [r.number for r in replies] == [7, 3]


def test_a_json_line_is_an_answer_in_bits_or_values():
    for result in (encode(np.array([3], np.int8)), {"dtype": "int8", "shape": [1], "values": [3]}, [3]):
        assert np.asarray(as_json({"id": 1, "result": result})[0].read(FIRST).value).tolist() == [3]


def test_a_header_is_passed_over_and_an_error_is_an_answer():
    found = as_json({"operation": "quantize", "protocol": 1}, {"id": 1, "error": "overflow"})
    assert [r.place for r in found] == ["line 2"]
    assert found[0].read(FIRST).problem == "reports an error: overflow"


def test_a_copy_of_a_vector_with_a_result_is_held_against_its_inputs():
    message = json.loads(json_line(QUANTIZE, BITS, FIRST)) | {"result": 0}
    assert as_json(message)[0].read(FIRST).value == 0
    with pytest.raises(ValueError, match=r"other settings"):
        as_json(message | {"p": 1})[0].read(FIRST)
    del message["x"]["values"]
    assert as_json(message)[0].read(FIRST).value == 0
    message["x"]["bits"] = ["3f800000"]
    with pytest.raises(ValueError, match=r"other settings"):
        as_json(message)[0].read(FIRST)


def test_a_copy_of_a_list_of_arrays_is_held_against_the_bits_of_each():
    settings = dict(LAYERS.defaults)
    vector = next(vectors(LAYERS, settings))
    message = json.loads(json_line(LAYERS, settings, vector)) | {"result": 0}
    del message["weights"][1]["values"]

    def read():
        return next(from_jsonl(stream(json.dumps(message)), LAYERS)).read(vector)

    assert read().value == 0
    message["weights"][1]["bits"][0] = "00000000"
    with pytest.raises(ValueError, match=r"other settings"):
        read()


def test_a_copy_with_lists_within_lists_without_end_is_refused():
    with pytest.raises(ValueError, match=r"other settings"):
        as_json(f'{{"id": 1, "x": {"[" * 500}{"]" * 500}, "result": 0}}')[0].read(FIRST)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("{", "line 1 is no JSON: '{'"),
        ("[1]", r"line 1 is no JSON object: '\[1\]'"),
        ({"result": 3}, "line 1 has no id: it must be the number of a case"),
        ({"id": "1"}, "line 1 has the id '1': it must be"),
        ({"id": 1.0}, "line 1 has the id 1.0: it must be"),
        ({"id": True}, "line 1 has the id True: it must be"),
    ],
)
def test_json_lines_that_are_no_answers_are_refused(message, text):
    with pytest.raises(DamagedError, match=text):
        as_json(message)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"id": 1}, "has no result"),
        ({"id": 1, "result": {"dtype": "int8"}}, "has a result that cannot be read: an array needs"),
        ({"id": 1, "result": {"dtype": "int8", "shape": [2], "bits": ["00"]}}, "cannot be read: an array of shape"),
    ],
)
def test_json_results_that_cannot_be_read_are_refused(message, text):
    with pytest.raises(ValueError, match=text):
        as_json(message)[0].read(FIRST)


def members(path, op=QUANTIZE, **arrays):
    """Write an .npz file of those members, and read the answers to the first case of an operation."""
    np.savez(path, **arrays)
    vector = next(vectors(op, dict(op.defaults)))
    return [reply.read(vector).value for reply in from_npz(path, op)]


def saved(path, op, settings, **changes):
    """An .npz file of right answers, some of them changed."""
    arrays = {}
    for vector in vectors(op, settings):
        put(arrays, f"{vector.number}/result", vector.expected)
    arrays |= changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def put(arrays, name, value):
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            put(arrays, f"{name}/{i}", item)
    else:
        array = np.asarray(value)
        arrays[name] = array.view(np.uint16) if array.dtype == ml_dtypes.bfloat16 else array


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("quantize", {"bits": 8}),
        ("prune", {"dtype": "bfloat16"}),
        ("dequantize", {"dtype": "bfloat16"}),
        ("mlp_gradients", {}),
    ],
)
def test_the_members_of_an_npz_file_are_answers(tmp_path, name, more):
    op = OPERATIONS[name]
    settings = {**op.defaults, **more}
    path = saved(tmp_path / "a.npz", op, settings)
    assert judge(op, settings, replies(path, op)).verdict == "agrees"


def test_the_members_of_an_npz_file_may_be_numbers_alone(tmp_path):
    arrays = {str(v.number): v.expected for v in vectors(QUANTIZE, BITS)}
    np.savez_compressed(tmp_path / "a.npz", **arrays, note=np.array(1))
    assert judge(QUANTIZE, BITS, replies(tmp_path / "a.npz", QUANTIZE)).verdict == "agrees"


@pytest.mark.parametrize(("number", "count"), [("9" * 10, 1), ("9" * 11, 0), ("9" * 5000, 0), ("²", 0)])
def test_a_member_whose_name_begins_with_no_number_of_a_case_is_passed_over(tmp_path, number, count):
    assert len(members(tmp_path / "a.npz", **{number: np.zeros(1)})) == count


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, np.float32, np.float64, np.int8])
def test_numbers_of_any_dtype_may_stand_for_bfloat16(tmp_path, dtype):
    bfloat16 = dataclasses.replace(SCALE, settings=(STEP, Setting("dtype", "bfloat16", ("bfloat16",), "", rival=False)))
    for member in ("1/result", "1"):
        (value,) = members(tmp_path / "a.npz", bfloat16, **{member: np.array([2, 1], dtype)})
        assert value.astype(float).tolist() == [2, 1]


def test_unsigned_integers_are_numbers_where_no_bit_pattern_of_their_width_is_due(tmp_path):
    bfloat16 = dataclasses.replace(SCALE, settings=(STEP, Setting("dtype", "bfloat16", ("bfloat16",), "", rival=False)))
    for op, dtype in ((bfloat16, np.uint32), (SCALE, np.uint32), (SCALE, np.uint16)):
        (value,) = members(tmp_path / "a.npz", op, **{"1/result": np.array([2, 1], dtype)})
        assert value.tolist() == [2, 1]


def test_a_list_of_another_length_is_read_and_left_to_the_comparison(tmp_path):
    one, two = np.array(1.5), np.array(2.5)
    for op in (SCALE, LAYERS, TOTAL):
        (value,) = members(tmp_path / "a.npz", op, **{"1/result/2": two, "1/result/0": one})
        assert value == [one, None, two]
    (value,) = members(tmp_path / "a.npz", PARTS, **{"1/result/1/0": one})
    assert value == [[], [one]]


def test_an_array_of_a_list_stands_at_the_place_in_its_name(tmp_path):
    (value,) = members(tmp_path / "a.npz", **{"1/result/9999": np.array(1)})
    assert len(value) == 10_000
    assert value[-1] == 1
    (value,) = members(tmp_path / "a.npz", **{f"1/result{'/0' * 8}": np.array(1)})
    assert value == [[[[[[[[1]]]]]]]]


@pytest.mark.parametrize("place", ["x", "", "-1", "²", "0/x", "10000", f"0{'/0' * 8}", f"0{'/0' * 2000}", "x" * 99])
def test_what_is_no_place_in_a_list_is_refused(tmp_path, place):
    name = f"1/result/{place}"
    with pytest.raises(ValueError, match=f"^has the member '{name[:60]}', which is no place in a list"):
        members(tmp_path / "a.npz", **{name: np.array(1)})


@pytest.mark.parametrize("first", ["1/result/0", "1/result/00"])
@pytest.mark.parametrize("second", ["1/result/0/0", "1/result/0/1/0", "1/result/000"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_arrays_that_stand_at_the_same_place_are_refused(tmp_path, first, second, shape):
    for names in ((first, second), (second, first)):
        with pytest.raises(ValueError, match=r"^has the member '1/result/0.*', where another array stands"):
            members(tmp_path / "a.npz", **dict.fromkeys(names, np.zeros(shape)))


def test_the_order_of_the_members_makes_no_difference(tmp_path):
    a, b, c = np.array(1), np.array(2), np.array(3)
    arrays = {"1/result/0/0": a, "1/result/0/1": b, "1/result/1": c}
    for order in itertools.permutations(arrays):
        (value,) = members(tmp_path / "a.npz", PARTS, **{name: arrays[name] for name in order})
        assert value == [[a, b], c]


def test_a_member_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("1/result", "3")
    with pytest.raises(DamagedError, match="member 1/result cannot be read: it is no array"):
        judge(QUANTIZE, BITS, replies(tmp_path / "a.npz", QUANTIZE))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"3/result": None}, r"1 case has no answer; the first is case 3 "),
        ({"5000/result": np.zeros(1)}, "member 5000/result answers case 5,000, and there are"),
        ({"1/x": np.zeros(1, np.float32)}, "member 1/result answers a case of other settings"),
        ({"1/result": np.array([None])}, "member 1/result cannot be read: Object arrays cannot be loaded"),
        ({"1": np.zeros(1)}, "member 1 is another answer to case 1"),
    ],
)
def test_members_that_are_no_answers_are_refused(tmp_path, changes, text):
    path = saved(tmp_path / "a.npz", QUANTIZE, BITS, **changes)
    with pytest.raises(DamagedError, match=text):
        judge(QUANTIZE, BITS, replies(path, QUANTIZE))


def test_an_npz_file_that_is_cut_off_is_refused(tmp_path):
    path = saved(tmp_path / "a.npz", QUANTIZE, BITS)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DamagedError, match=r"a\.npz is no \.npz file, or is damaged"):
        judge(QUANTIZE, BITS, replies(path, QUANTIZE))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY"])
def test_a_file_that_is_no_npz_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"a\.npz is no \.npz file, or is damaged"):
        list(replies(path, QUANTIZE))


def test_an_npz_file_with_a_wrong_byte_is_refused(tmp_path):
    path = saved(tmp_path / "a.npz", QUANTIZE, BITS)
    data = bytearray(path.read_bytes())
    place = data.index(b"\x93NUMPY")
    data[place + 128] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="member 1/result cannot be read: Bad CRC-32"):
        judge(QUANTIZE, BITS, replies(path, QUANTIZE))


def test_an_npy_file_under_another_name_is_refused(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DamagedError, match=r"is no \.npz file"):
        list(replies(tmp_path / "a.npz", QUANTIZE))


@pytest.mark.parametrize("ending", [".jsonl", ".npz", ".hex"])
def test_the_header_of_a_file_of_vectors_is_found(tmp_path, ending):
    path = tmp_path / f"v{ending}"
    write_vectors(path, QUANTIZE, BITS, seed=4)
    header = read_header(path)
    assert header["settings"]["bits"] == 8
    assert header["vectors"]["seed"] == 4


@pytest.mark.parametrize("before", ["", "// made by a simulator\n", "\n// 0x0\n" * 50])
def test_a_header_may_stand_behind_other_comments(tmp_path, before):
    header = {"protocol": 1, "note": "header: none"}
    (tmp_path / "v.hex").write_text(f"{before}// header: {json.dumps(header)}\nabc 1 1\n")
    assert read_header(tmp_path / "v.hex") == header


def test_an_npz_file_of_answers_alone_has_no_header(tmp_path):
    assert read_header(saved(tmp_path / "a.npz", QUANTIZE, BITS)) is None


def test_a_damaged_header_of_an_npz_file_is_refused(tmp_path):
    path = saved(tmp_path / "a.npz", QUANTIZE, BITS, header=np.array([None]))
    with pytest.raises(DamagedError, match=r"a\.npz: member header cannot be read"):
        read_header(path)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".jsonl", '{"id": 1, "result": 3}\n'),
        (".jsonl", '{"id": 1, "result": 3, "protocol": 1}\n'),
        (".jsonl", '{"result": 3}\n'),
        (".jsonl", "[" * 5000),
        (".hex", "// 0x0\nabc 1 1\n"),
        (".txt", "abc 1 1\n"),
        (".jsonl", "{\n"),
        (".txt", ""),
    ],
)
def test_a_file_without_a_header_has_none(tmp_path, ending, text):
    path = tmp_path / f"v{ending}"
    path.write_text(text)
    assert read_header(path) is None


@pytest.mark.parametrize("ending", [".jsonl", ".JSONL"])
def test_a_file_of_json_lines_is_read_by_its_ending(tmp_path, ending):
    path = tmp_path / f"answers{ending}"
    write_vectors(tmp_path / "vectors.jsonl", QUANTIZE, BITS)
    path.write_text((tmp_path / "vectors.jsonl").read_text().replace('"expected"', '"result"'))
    assert judge(QUANTIZE, BITS, replies(path, QUANTIZE)).verdict == "agrees"


@pytest.mark.parametrize("ending", [".hex", ".txt", ".out", ""])
def test_files_of_words_are_read_by_their_endings(tmp_path, ending):
    path = tmp_path / f"answers{ending}"
    path.write_text(
        "".join(f"{line(v.number, v.args).split()[0]} {words(v.expected)}\n" for v in vectors(QUANTIZE, BITS))
    )
    assert judge(QUANTIZE, BITS, replies(path, QUANTIZE)).verdict == "agrees"


def test_the_words_of_other_settings_are_one_text():
    assert OTHER.endswith("were --set, --level and --seed the same?")

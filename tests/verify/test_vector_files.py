import _pyio
import dataclasses
import io
import itertools
import json
import locale
import os
import re
import stat
import zipfile
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from verify.toys import SCALE

import refcompress
from refcompress.verify.agreement import compare
from refcompress.verify.answers import replies
from refcompress.verify.judge import judge
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.operations.in_decimals import IN_DECIMALS
from refcompress.verify.raw_lines import line, read_result, words
from refcompress.verify.vector_files import RESERVED, WRITERS, json_line, vector_header, write_vectors
from refcompress.verify.vectors import LEVELS, Vector, vectors
from refcompress.verify.wire import decode

QUANTIZE = OPERATIONS["quantize"]
BITS = {**QUANTIZE.defaults, "bits": 8}
SCHEMA = json.loads((Path(refcompress.__file__).parent / "verify" / "vectors.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert VALIDATOR.is_valid({"operation": "o"}) is False


ARRAY = SCHEMA["$defs"]["array"]["properties"]
BITS_PATTERN, VALUE_PATTERN = (re.compile(ARRAY[name]["items"]["pattern"]) for name in ("bits", "values"))


def thinned(value):
    """The same with eight elements an array; of all of them it is asserted here that they are as the schema says.

    A validator in Python takes seconds for a line of 66,000 elements.
    """
    if isinstance(value, list):
        return [thinned(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "shape" not in value:
        return {name: thinned(item) for name, item in value.items()}
    assert all(BITS_PATTERN.search(text) for text in value["bits"])
    assert all(
        VALUE_PATTERN.search(v) if isinstance(v, str) else type(v) in (bool, int, float) for v in value["values"]
    )
    return value | {"bits": value["bits"][:8], "values": value["values"][:8]}


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_every_line_of_level_1_is_valid(op):
    settings = op.defaults
    found = [vector_header(op, settings, 1, 0)]
    found += [json_line(op, settings, vector) for vector in vectors(op, settings, flagged=True)]
    errors = [e.message[:200] for text in found for e in VALIDATOR.iter_errors(thinned(json.loads(text)))]
    assert errors == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": 0},
        {"id": "1"},
        {"flags": ["tie", "tie"]},
        {"flags": ["A tie"]},
        {"exact": False},
        {"bound": 0.5},
        {"case": ""},
        {"expected": {"dtype": "int8", "shape": [1], "bits": ["0"]}},
        {"expected": {"dtype": "float31", "shape": [1], "bits": ["00"]}},
        {"x": {"dtype": "float32", "shape": [-1], "bits": []}},
        {"x": {"dtype": "float32", "shape": [1], "bits": ["00000000"], "values": ["0"]}},
        {"p": "4"},
    ],
)
def test_the_schema_refuses(change):
    message = json.loads(json_line(QUANTIZE, BITS, next(vectors(QUANTIZE, BITS, flagged=True))))
    assert VALIDATOR.is_valid(message)
    assert not VALIDATOR.is_valid(message | change)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_no_input_has_the_name_of_something_else(op):
    assert not {i.name for i in op.inputs} & set(RESERVED)


def test_the_names_that_no_input_may_have_are_those_of_the_schema():
    refused = SCHEMA["$defs"]["header"]["properties"]["inputs"]["items"]["properties"]["name"]["not"]["enum"]
    assert set(RESERVED) == set(refused) == set(SCHEMA["$defs"]["vector"]["properties"])


def test_the_header_says_what_it_takes_to_make_the_vectors_again():
    own = json.loads(vector_header(QUANTIZE, BITS, 2, 7))["vectors"]
    assert own == {"level": 2, "seed": 7, "version": refcompress.__version__}


def test_a_number_of_numpy_is_a_number_in_a_json_line():
    vector = Vector(1, "one", (np.ones(1, np.float32), np.int64(4)), np.array([16]), ())
    assert json.loads(json_line(QUANTIZE, BITS, vector))["p"] == 4


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_a_json_line_gives_the_vector_again(op):
    for vector in itertools.islice(vectors(op, op.defaults, flagged=True), 0, 300, 11):
        message = json.loads(json_line(op, op.defaults, vector))
        assert (message["id"], message["case"], tuple(message["flags"])) == (vector.number, vector.case, vector.flags)
        assert compare(vector.expected, decode(message["expected"]), check_dtype=op.name != "fraction_bits").agrees
        args = tuple(decode(message[i.name]) for i in op.inputs)
        assert words(args) == words(vector.args)
        assert message["exact"] == (op.bound is None)
        if op.bound is not None:
            assert compare(op.bound(vector.args, op.defaults), decode(message["bound"])).agrees


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("name", ["quantize", "mlp_gradients", "mse_loss"])
def test_a_file_is_the_same_to_the_byte(tmp_path, name, ending, monkeypatch):
    monkeypatch.setitem(LEVELS, 2, 50)
    op = OPERATIONS[name]
    first, second, other = (tmp_path / f"{n}{ending}" for n in ("first", "second", "other"))
    for path, seed in ((first, 3), (second, 3), (other, 4)):
        write_vectors(path, op, op.defaults, level=2, seed=seed)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


def test_a_file_holds_the_vectors_of_its_level_and_seed(tmp_path, monkeypatch):
    monkeypatch.setitem(LEVELS, 2, 50)
    path = tmp_path / "v.jsonl"
    for given, level, seed in (({}, 1, 0), ({"level": 2, "seed": 3}, 2, 3)):
        write_vectors(path, QUANTIZE, BITS, **given)
        stream = vectors(QUANTIZE, BITS, level=level, seed=seed, flagged=True)
        wanted = [vector_header(QUANTIZE, BITS, level, seed), *(json_line(QUANTIZE, BITS, v) for v in stream)]
        assert path.read_text().splitlines() == wanted


def test_the_answers_of_a_file_are_those_in_decimals_where_there_are_such(tmp_path, monkeypatch):
    op = dataclasses.replace(SCALE, answer=lambda args, s: args[0] + 1)
    monkeypatch.setitem(IN_DECIMALS, "scale", op)
    write_vectors(tmp_path / "v.npz", SCALE, SCALE.defaults)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["1/expected"], file["1/x"] + 1)


def test_what_the_system_takes_for_a_text_makes_no_difference(tmp_path, monkeypatch):
    for ending in (".jsonl", ".hex"):
        write_vectors(tmp_path / f"here{ending}", SCALE, SCALE.defaults)
    monkeypatch.setattr(io, "open", _pyio.open)  # which asks for these when it is called
    monkeypatch.setattr(os, "linesep", "\r\n")
    monkeypatch.setattr(locale, "getencoding", lambda: "utf-16")
    for ending in (".jsonl", ".hex"):
        write_vectors(tmp_path / f"there{ending}", SCALE, SCALE.defaults)
        assert (tmp_path / f"there{ending}").read_bytes() == (tmp_path / f"here{ending}").read_bytes()


def test_an_npz_file_holds_arrays_by_name_and_no_time(tmp_path):
    write_vectors(tmp_path / "v.npz", QUANTIZE, BITS)
    with zipfile.ZipFile(tmp_path / "v.npz") as file:
        assert {m.date_time for m in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        stream = list(vectors(QUANTIZE, BITS, flagged=True))
        for vector in stream[::29]:
            n = vector.number
            assert words((file[f"{n}/x"], int(file[f"{n}/p"]))) == words(vector.args)
            assert compare(vector.expected, file[f"{n}/expected"], check_dtype=True).agrees
        names, flags = file["flag_names"], file["flags"]
        assert names.tolist() == [region.name for region in QUANTIZE.regions if not region.positional]
        assert [tuple(names[row]) for row in flags] == [v.flags for v in stream]
        assert file["case_names"][file["cases"]].tolist() == [v.case for v in stream]
        assert file["exact"]
        assert json.loads(str(file["header"]))["vectors"]["level"] == 1


def test_an_npz_file_holds_lists_and_bounds(tmp_path):
    op = OPERATIONS["mlp_gradients"]
    write_vectors(tmp_path / "v.npz", op, op.defaults)
    vector = next(vectors(op, op.defaults))
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["1/weights/0"], vector.args[0][0])
        np.testing.assert_array_equal(file["1/expected/1/0"], vector.expected[1][0])
        np.testing.assert_array_equal(file["1/bound/0/0"], op.bound(vector.args, op.defaults)[0][0])
        assert not file["exact"]


def test_the_members_of_an_npz_file_are_files_that_all_may_read_whatever_wrote_them(tmp_path):
    write_vectors(tmp_path / "v.npz", SCALE, SCALE.defaults)
    with zipfile.ZipFile(tmp_path / "v.npz") as file:
        members = file.infolist()
    assert {(m.create_system, stat.filemode(m.external_attr >> 16)) for m in members} == {(3, "?rw-r--r--")}


@pytest.mark.parametrize("op", [QUANTIZE, SCALE], ids=["with flags", "without"])
def test_what_an_npz_file_says_of_its_vectors_is_of_the_same_types_everywhere(tmp_path, op):
    write_vectors(tmp_path / "v.npz", op, op.defaults)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        assert (file["flag_names"].dtype.kind, file["case_names"].dtype.kind) == ("U", "U")
        assert (file["cases"].dtype, file["flags"].dtype, file["exact"].dtype) == (np.int32, bool, bool)
        assert file["flags"].shape == (*file["cases"].shape, *file["flag_names"].shape)


def test_an_npz_file_holds_bit_patterns_of_what_numpy_has_no_dtype_for(tmp_path):
    settings = {**SCALE.defaults, "dtype": "bfloat16"}
    write_vectors(tmp_path / "v.npz", SCALE, settings)
    vector = next(vectors(SCALE, settings))
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        for name, array in (("x", vector.args[0]), ("expected", vector.expected)):
            assert file[f"1/{name}"].dtype == np.uint16
            np.testing.assert_array_equal(file[f"1/{name}"], array.view(np.uint16))


def test_arrays_in_an_npz_file_lie_in_c_order(tmp_path):
    op = dataclasses.replace(SCALE, answer=lambda args, s: np.asfortranarray(args[0]))
    write_vectors(tmp_path / "v.npz", op, op.defaults)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        assert file["1/expected"].shape == (2, 3)
        assert file["1/expected"].flags.c_contiguous
        np.testing.assert_array_equal(file["1/expected"], file["1/x"])


def test_no_npz_file_holds_a_pickle(tmp_path):
    op = dataclasses.replace(SCALE, answer=lambda args, s: np.array([1, None], object))
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_vectors(tmp_path / "v.npz", op, op.defaults)


def test_an_npz_file_may_have_more_members_than_the_first_zip_files_could(tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 5)
    write_vectors(tmp_path / "v.npz", SCALE, SCALE.defaults)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        assert len(file.files) > 5


@pytest.mark.parametrize("name", ["quantize", "prune", "mse_loss", "mlp_gradients"])
def test_every_line_of_a_hex_file_is_a_question_and_its_answer(tmp_path, name):
    op = IN_DECIMALS.get(name, OPERATIONS[name])
    write_vectors(tmp_path / "v.hex", op, op.defaults)
    text = [t for t in (tmp_path / "v.hex").read_text().splitlines() if not t.startswith("//")]
    for own, vector in zip(text, vectors(op, op.defaults, flagged=True), strict=True):
        content, _, comment = own.partition(" // ")
        question = line(vector.number, vector.args)
        assert content.startswith(question)
        assert comment == vector.case + (f": {', '.join(vector.flags)}" if vector.flags else "")
        answer = read_result(content.removeprefix(question), vector.expected)
        assert compare(vector.expected, answer).agrees


@pytest.mark.parametrize(
    ("op", "settings", "asked", "expected", "agree"),
    [
        (
            QUANTIZE,
            BITS,
            ["x: an array of float32: dimensions, sizes, elements of 8 digits", "p: an integer: 1 word"],
            "the codes: an array of integers (int8): dimensions, sizes, elements of 64 bits",
            "to the bit",
        ),
        (
            OPERATIONS["mse_loss"],
            OPERATIONS["mse_loss"].defaults,
            [f"{n}: an array of float32: dimensions, sizes, elements of 8 digits" for n in ("student", "teacher")],
            "the loss: a number, the bit pattern of a float64: 1 word",
            "within a bound that .jsonl and .npz files give",
        ),
    ],
    ids=["exact", "within a bound"],
)
def test_a_hex_file_says_how_it_is_read(tmp_path, op, settings, asked, expected, agree):
    write_vectors(tmp_path / "v.hex", op, settings)
    head = [t.removeprefix("// ") for t in (tmp_path / "v.hex").read_text().splitlines() if t.startswith("// ")]
    assert head.pop(0) == f"header: {vector_header(op, settings, 1, 0)}"
    assert head == [
        "words of 64 bits for $readmemh; each vector is these words, one after another:",
        "  the id, to be copied into the answer",
        *(f"  {line}" for line in asked),
        "  and what is expected:",
        f"  {expected}",
        f"every implementation must agree {agree}; an answer is the id and the result, in the same form",
        "an array is its number of dimensions, its sizes, its elements; a negative integer is two's complement",
    ]


def test_the_right_answers_are_judged_right_in_the_copy_of_a_file(tmp_path):
    write_vectors(tmp_path / "v.jsonl", QUANTIZE, BITS)
    copy = tmp_path / "a.jsonl"
    with (tmp_path / "v.jsonl").open() as file, copy.open("w") as out:
        out.write(next(file))
        for text in file:
            message = json.loads(text)
            out.write(f"{json.dumps(message | {'result': message['expected']})}\n")
    assert judge(QUANTIZE, BITS, replies(copy, QUANTIZE)).verdict == "agrees"


def test_progress_sees_every_vector(tmp_path):
    seen = []

    def watch(stream):
        for vector in stream:
            seen.append(vector.number)
            yield vector

    write_vectors(tmp_path / "v.hex", QUANTIZE, BITS, progress=watch)
    assert seen == [v.number for v in vectors(QUANTIZE, BITS)]


@pytest.mark.parametrize(
    ("name", "level", "message"),
    [
        ("v.csv", 1, r"v\.csv ends in '\.csv': a file of vectors ends in \.jsonl, \.npz, \.hex"),
        ("v", 1, r"v ends in 'nothing': a file of vectors ends in"),
        ("v.npz", 3, r"v\.npz would have millions of members at level 3: \.npz holds 2 at most"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(tmp_path, name, level, message):
    with pytest.raises(ValueError, match=message):
        write_vectors(tmp_path / name, QUANTIZE, BITS, level=level)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_no_file(tmp_path):
    def fails(stream):
        yield next(stream)
        raise OSError("no space left")

    (tmp_path / "v.hex").write_text("before")
    with pytest.raises(OSError, match="no space left"):
        write_vectors(tmp_path / "v.hex", QUANTIZE, BITS, progress=fails)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("v.hex", "before")]

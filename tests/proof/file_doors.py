"""The files and the lines that commands read as doors: each writes a damaged one, has it read, and judges the outcome.

A door takes a ``random.Random`` and returns a complaint, or None. What reads a file may answer or raise ``ValueError``;
a command may end with status 0, 1 or 2, with 2 after one line on standard error and nothing more.
"""

import contextlib
import functools
import io
import json
import os
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from refcompress import checkpoints, cli, datasets
from refcompress.audit.tensor_files import open_tensors
from refcompress.commands.settings import read_settings
from refcompress.mlp.network import initialize
from refcompress.quantized_model import quantize_model
from refcompress.verify import raw_lines, wire
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.sweep_file import SweepFile
from refcompress.verify.sweep_plan import read_input

# what is put into a file in the place of something else
TOKENS = (b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b",", b"\r\n", b"\n\n", b"nan", b"inf", b"-1", b"1e999")
TOKENS += (b"9" * 400, b"9" * 5000, b"[" * 3000, b"{" * 50, b"null", b"true", b'{"a":1}', b"..", b"../../x", b"/etc/x")
TOKENS += (b"x" * 200_000, b"2147483648", b"18446744073709551615", b"-9223372036854775809", b"0x", b"\xc0\x80", b"1_0")
# operations of few and small vectors: answers of an integer, an array of floats and an array of integers
ANSWERED = ("keep_count", "mse_gradient", "pack_int4")


def damaged(r, data):
    """Bytes with some of them changed, gone, twice, or replaced."""
    for _ in range(r.choice((0, 1, 1, 1, 2, 5))):
        place, length = r.randint(0, len(data)), r.choice((1, 1, 2, 8, 40))
        way = r.randrange(6)
        if way == 0:
            data = data[:place]
        elif way == 1:
            data = data[:place] + data[place + length :]
        elif way == 2:
            data = data[:place] + r.choice(TOKENS) + data[place + length * r.randrange(2) :]
        elif way == 3 and place < len(data):
            data = data[:place] + bytes([data[place] ^ 1 << r.randrange(8)]) + data[place + 1 :]
        elif way == 4:
            data = data[:place] + data[place : place + length] + data[place:]
        else:
            data = data[:place] + r.randbytes(length) + data[place + length :]
    return data


def replaced(r, value):
    """A JSON value with one part replaced by something else."""
    others = (
        None,
        True,
        -1,
        0.5,
        10**30,
        2**31,
        "",
        "x" * 300,
        [],
        {},
        [[[]]],
        {"a": []},
        float("nan"),
        "../x",
    )
    if isinstance(value, dict) and value and r.random() < 0.8:
        key = r.choice(list(value))
        if r.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: replaced(r, value[key])}
    if isinstance(value, list) and value and r.random() < 0.8:
        place = r.randrange(len(value))
        return [*value[:place], replaced(r, value[place]), *value[place + 1 :]]
    return r.choice(others)


@contextlib.contextmanager
def folder():
    """A folder of its own; afterwards nothing may have come to be beside it."""
    with tempfile.TemporaryDirectory() as outer:
        inner = Path(outer) / "inner"
        inner.mkdir()
        yield inner
        if os.listdir(outer) != ["inner"]:
            raise AssertionError(f"wrote outside the folder: {os.listdir(outer)}")


def judged(read, *must_name):
    """Read, and say what is wrong with the outcome."""
    try:
        read()
    except ValueError as error:
        return None if any(name in str(error) for name in must_name) else f"names no file: {error!r}"
    except Exception as error:
        return repr(error)[:300]
    return None


def command(*words, stdin=b""):
    """Run a command, and say what is wrong with its outcome."""
    out, errors = io.StringIO(), io.StringIO()
    source = io.TextIOWrapper(io.BytesIO(stdin))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors), replaced_stdin(source):
            status = cli.main([*words])
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    if status not in (0, 1, 2):
        return f"status {status}"
    lines = errors.getvalue().rstrip("\n").split("\n")
    if status == 2 and (len(lines) != 1 or not lines[0]):
        return f"status 2 with {len(lines)} lines on standard error: {errors.getvalue()[:200]}"
    return None


@contextlib.contextmanager
def replaced_stdin(source):
    import sys

    before, sys.stdin = sys.stdin, source
    try:
        yield
    finally:
        sys.stdin = before


CSV = b"kind,width,height\n" + b'rose,1.5,2\n"iris",3,4.25\n' * 5


def csv_rows(r):
    with folder() as where:
        path = where / "mine.csv"
        path.write_bytes(damaged(r, CSV))
        label, header = r.choice((None, None, "kind", 0, -1, 9, "")), r.choice((None, None, True, False))
        return judged(lambda: datasets.load_csv(path, label=label, header=header), "mine.csv", "label", "header")


def zipped(r, arrays):
    """An archive of arrays, whole or damaged: wrong members, lying headers, pickles, more than it says."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", r.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            way = r.randrange(12)
            if way == 0:
                np.save(content, np.array([{"a": 1}], object), allow_pickle=True)
            elif way == 1:
                kind = r.choice(("f4", "M8[s]", "c16", "S3", "V5", "?", "f2", "u8"))
                np.save(content, np.zeros(array.shape, kind))
            elif way == 2:  # a header that promises more than any memory holds
                shape = r.choice(((2**62,), (2**31, 2**31), (-1, 4), (2**40, 3), (10**30,)))
                text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
                content.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
            elif way == 3:
                content.write(bytes(r.randrange(40)))
            else:
                np.save(content, array)
            member = r.choice((name, name, name, name, name, f"../{name}", f"{name}/x", name.upper()))
            with contextlib.suppress(ValueError):
                archive.writestr(
                    f"{member}.npy", damaged(r, content.getvalue()) if r.random() < 0.2 else content.getvalue()
                )
    return damaged(r, data.getvalue()) if r.random() < 0.5 else data.getvalue()


def npz_rows(r):
    arrays = {"X": np.arange(20.0).reshape(10, 2), "y": np.array(["a", "b"] * 5)}
    with folder() as where:
        path = where / "mine.npz"
        path.write_bytes(zipped(r, arrays))
        return judged(lambda: datasets.load_npz(path), "mine.npz")


@functools.cache
def models():
    """Two models on disk, as bytes: {ending: (floats, codes, sparse, coded)}."""
    model = initialize((2, 3, 2), dtype="float32")
    codes = quantize_model(model, np.array([[0.5, 1.0], [0.25, -1.0]]))
    found = {}
    with tempfile.TemporaryDirectory() as where:
        for ending in (".safetensors", ".npz"):
            path = Path(where) / f"m{ending}"
            found[ending] = []
            for kept, how in ((model, {}), (codes, {}), (codes, {"sparse": True}), (codes, {"huffman": True})):
                checkpoints.save_model(path, kept, **how)
                found[ending].append(path.read_bytes())
    return found


def tensors(r):
    """A safetensors file whose header lies, or whose bytes are damaged."""
    data = r.choice(models()[".safetensors"])
    if r.random() < 0.4:
        return damaged(r, data)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    if r.random() < 0.5:
        own = json.loads(header["__metadata__"]["refcompress"])
        header["__metadata__"]["refcompress"] = json.dumps(replaced(r, own))
    else:
        header = replaced(r, header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", r.choice((len(text),) * 6 + (0, 2**63, 2**40, 1))) + text + data[8 + length :]


def model_safetensors(r):
    with folder() as where:
        path = where / "m.safetensors"
        path.write_bytes(tensors(r))
        return judged(lambda: checkpoints.load_model(path), "m.safetensors")


def model_npz(r):
    data = r.choice(models()[".npz"])
    if r.random() < 0.7:
        arrays = dict(np.load(io.BytesIO(data)))
        own = json.dumps(replaced(r, json.loads(arrays["refcompress"].tobytes())))
        arrays["refcompress"] = np.frombuffer(own.encode(), np.uint8)
        data = zipped(r, arrays)
    with folder() as where:
        path = where / "m.npz"
        path.write_bytes(damaged(r, data) if r.random() < 0.3 else data)
        return judged(lambda: checkpoints.load_model(path), "m.npz")


def tensor_file(r):
    with folder() as where:
        path = where / "m.safetensors"
        path.write_bytes(tensors(r))

        def read():
            file = open_tensors(path)
            for name in file.tensors:
                if file.readable(name):
                    file.read(name)

        return judged(read, "m.safetensors")


def audit(r):
    with folder() as where:
        first, second = where / "a.safetensors", where / "b.safetensors"
        first.write_bytes(models()[".safetensors"][0])
        second.write_bytes(tensors(r))
        return command("audit", str(first), str(second), *(["--json"] if r.random() < 0.5 else []))


@functools.cache
def vector_files():
    """Answers to the vectors of small operations, as {ending: {operation: bytes}}."""
    found = {}
    with tempfile.TemporaryDirectory() as where:
        for ending in (".jsonl", ".hex", ".npz"):
            for name in ANSWERED:
                path = Path(where) / f"v{ending}"
                assert cli.main(["vectors", "write", name, "--out", str(path)]) == 0
                found[ending, name] = path.read_bytes()
    return found


def cut(r, data):
    """The beginning of a file with some of its lines, each as it is or damaged."""
    lines = data.split(b"\n")[:40]
    place = r.randrange(len(lines))
    lines[place] = damaged(r, lines[place])
    return b"\n".join(lines)


def answers_jsonl(r):
    name = r.choice(ANSWERED)
    lines = vector_files()[".jsonl", name].split(b"\n")[:20]
    place = r.randrange(len(lines))
    message = json.loads(lines[place])
    message["result"] = message.get("expected")
    lines[place] = json.dumps(replaced(r, message)).encode() if r.random() < 0.6 else damaged(r, lines[place])
    return judge(name, ".jsonl", b"\n".join(lines))


def answers_hex(r):
    name = r.choice(ANSWERED)
    return judge(name, ".hex", cut(r, vector_files()[".hex", name]))


def answers_npz(r):
    header = np.array(json.dumps({"operation": "keep_count", "protocol": 1, "settings": {}}))
    arrays = {"header": header, "0/result": np.array(7), "1/result": np.array(3), "2/result/0": np.array([1, 2])}
    return judge("keep_count", ".npz", zipped(r, arrays))


def judge(name, ending, data):
    with folder() as where:
        path = where / f"answers{ending}"
        path.write_bytes(data)
        return command("vectors", "judge", name, str(path))


def answers_on_a_pipe(r):
    name = r.choice(ANSWERED)
    return command("vectors", "judge", name, stdin=cut(r, vector_files()[".hex", name]))


def sweep_file(r):
    identity = {"operation": "quantize", "settings": {"bits": 8}, "dtype": "float16"}
    found = {
        "accepted": 3,
        "nan": 0,
        "infinite": 0,
        "outside": 0,
        "intervals": [[0, 1, 2]],
        "silent": [],
        "example": None,
    }
    held = {"sweep": identity, "coarse": False, "blocks": {"0": {**found, "changed": 0, "lost": False}}}
    text = json.dumps(replaced(r, held)).encode() if r.random() < 0.7 else damaged(r, json.dumps(held).encode())
    with folder() as where:
        path = where / "sweep.json"
        path.write_bytes(text)
        return judged(lambda: SweepFile(str(path), identity), "sweep.json")


def array_of_a_line(r):
    value = {"dtype": "float32", "shape": [2, 1], "bits": ["3f000000", "bf800000"], "values": [0.5, -1.0]}
    value = r.choice((value, {"dtype": "int8", "shape": [1], "values": [8]}, [value, value]))
    text = (
        json.dumps(replaced(r, value)) if r.random() < 0.7 else damaged(r, json.dumps(value).encode()).decode("latin-1")
    )

    def read():
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        wire.decode(message)

    return judged(read, "an array", "array")


def words_of_a_line(r):
    like = r.choice((np.array([1, 1], np.int8), np.array([0.5], np.float16), [np.zeros(2)], 3, np.array([True])))
    text = damaged(r, raw_lines.words(like).encode()).decode("latin-1")

    def read():
        raw_lines.read_id(text or "0")
        raw_lines.read_result(text, like)

    return judged(read, "holds", "ends early", "goes on", "has a", "begins with")


def settings(r):
    operation = r.choice(list(OPERATIONS.values()))
    setting = r.choice(operation.settings)
    word = r.choice([str(v) for v in setting.allowed] + ["", "=", "none", "-1", "9" * 5000, "\0", "ü", "1e3", "true "])
    text = r.choice((f"{setting.name}={word}", f" {setting.name} = {word}", word, f"={word}", f"x={word}"))
    return judged(lambda: read_settings(operation, [text]), text[:40], setting.name, "must be")


def number_of_an_input(r):
    operation = OPERATIONS[r.choice(("quantize", "affine_quantize", "requantize"))]
    declared = r.choice(operation.inputs)
    text = damaged(r, r.choice((b"-3", b"0x1p-3", b"1e-5"))).decode("latin-1")
    return judged(lambda: read_input(declared, text), declared.name)


def layout_words(r):
    name = r.choice((*OPERATIONS, "nothing", "", "../x"))
    own = OPERATIONS.get(name, OPERATIONS["quantize"])
    setting = r.choice(own.settings)
    word = r.choice(("x", "", "9" * 5000, "\0", "-1", str(setting.default)))
    more = r.choice(
        ([], ["--level", "9"], ["--seed", "-1"], ["--seed", "x"], ["--layout", "--layout"], ["--no"], ["x"])
    )
    return (
        command("operations", name, *more[:1])
        if r.random() < 0.5
        else command("vectors", "stream", name, "--layout", "--set", f"{setting.name}={word}", *more)
    )


# name of a door -> what runs one input of it
FILES = {
    "file: data .csv": csv_rows,
    "file: data .npz": npz_rows,
    "file: model .safetensors": model_safetensors,
    "file: model .npz": model_npz,
    "file: tensors of an audit": tensor_file,
    "file: refcompress audit": audit,
    "file: answers .jsonl": answers_jsonl,
    "file: answers .hex": answers_hex,
    "file: answers .npz": answers_npz,
    "file: --resume": sweep_file,
    "line: answers on a pipe": answers_on_a_pipe,
    "line: an array in JSON": array_of_a_line,
    "line: words": words_of_a_line,
    "word: --set": settings,
    "word: --input": number_of_an_input,
    "word: operations and vectors": layout_words,
}

import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from refcompress import quantize
from refcompress.cli import main

W = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"w": W, "b": W[0]}, "model.safetensors")
    save_file({"w": quantize(W, 5, bits=8), "b": W[0]}, "small.safetensors")
    save_file({"w": quantize(W, 5, bits=8) + np.int8(1), "b": W[0]}, "wrong.safetensors")
    return tmp_path


def run(capsys, *arguments):
    status = main(["audit", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_where_everything_is_explained_the_status_is_0(capsys):
    status, out, err = run(capsys, "model.safetensors", "small.safetensors")
    assert (status, err) == (0, "")
    assert out.startswith("b  (8,) float32\n  unchanged, bit for bit; this explains all 8 entries\nw  (6, 8) float32")
    assert out.endswith("\n2 tensors: 2 explained; 56 of 56 entries explained\n")


def test_where_something_is_not_explained_the_status_is_1(capsys):
    status, out, err = run(capsys, "model.safetensors", "wrong.safetensors")
    assert (status, err) == (1, "")
    assert "not explained" in out


@pytest.mark.parametrize(("name", "status"), [("small", 0), ("wrong", 1)])
def test_json_is_one_object_with_the_same_verdict(capsys, name, status):
    got, out, err = run(capsys, "model.safetensors", f"{name}.safetensors", "--json")
    report = json.loads(out)
    assert (got, err, report["verdict"]) == (status, "", "not explained" if status else "explained")
    assert (report["original"], report["compressed"]) == ("model.safetensors", f"{name}.safetensors")
    assert [tensor["name"] for tensor in report["tensors"]] == ["b", "w"]


def test_the_same_files_give_the_same_bytes(capsys):
    arguments = ("model.safetensors", "wrong.safetensors", "--json")
    assert run(capsys, *arguments) == run(capsys, *arguments)


def damaged(content):
    def write():
        with open("bad.safetensors", "wb") as file:
            file.write(content)

    return write


def sparse():
    save_file({"w.values": W[0], "w.indices": np.full(8, 99, np.uint8), "b": W[0]}, "bad.safetensors")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (damaged(b""), "bad.safetensors is no whole safetensors file: "),
        (damaged(struct.pack("<Q", 2**50) + b"{}"), "bad.safetensors is no whole safetensors file: "),
        (sparse, "bad.safetensors: w is no whole sparse tensor: indices[0] is 99"),
        (lambda: None, "bad.safetensors: No such file or directory"),
    ],
    ids=["empty", "lying", "sparse", "missing"],
)
@pytest.mark.parametrize("side", [0, 1])
def test_a_file_that_cannot_be_read_is_one_line_and_status_2(capsys, write, message, side):
    write()
    names = ["bad.safetensors", "model.safetensors"]
    status, _, err = run(capsys, names[side], names[1 - side])
    assert status == 2
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("arguments", [[], ["model.safetensors"], ["a", "b", "c"], ["a", "b", "--jsom"]])
def test_wrong_usage_is_one_line_and_status_2(capsys, arguments):
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert err.count("\n") == 1
    assert err.startswith("refcompress")


def test_nothing_but_findings_is_printed_in_a_pipe(folder):
    command = [sys.executable, "-m", "refcompress", "audit", "model.safetensors", "small.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 6

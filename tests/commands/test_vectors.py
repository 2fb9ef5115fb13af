import json
import subprocess
import sys
from pathlib import Path

import pytest

from refcompress.cli import main
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import line, words
from refcompress.verify.vectors import vectors

ROOT = Path(__file__).parents[2]
QUANTIZE = OPERATIONS["quantize"]
BITS = {**QUANTIZE.defaults, "bits": 8}
PROGRAM = [sys.executable, "-m", "refcompress", "vectors"]


def answer_lines(settings=BITS, wanted=BITS):
    for vector in vectors(QUANTIZE, settings):
        answer = QUANTIZE.answer(vector.args, wanted)
        yield f"{line(vector.number, vector.args).split()[0]} {words(answer)}"


@pytest.fixture(name="right")
def _right(tmp_path):
    return saved(tmp_path, answer_lines())


def saved(folder, texts):
    path = folder / "answers.txt"
    path.write_text("\n".join(texts))
    return str(path)


def piped(*arguments, text=None):
    return subprocess.run([*PROGRAM, *arguments], input=text, capture_output=True, text=True, cwd=ROOT)


def test_the_stream_is_a_line_for_each_vector(capsys):
    assert main(["vectors", "stream", "quantize", "--set", "bits=8"]) == 0
    assert capsys.readouterr().out.splitlines() == [line(v.number, v.args) for v in vectors(QUANTIZE, BITS)]


@pytest.mark.parametrize("ending", ["jsonl", "npz", "hex", "txt"])
def test_a_missing_file_of_answers_is_named(tmp_path, monkeypatch, capsys, ending):
    monkeypatch.chdir(tmp_path)
    assert main(["vectors", "judge", "quantize", f"none.{ending}"]) == 2
    assert capsys.readouterr() == ("", f"refcompress vectors judge: none.{ending}: No such file or directory\n")


def test_the_layout_is_said(capsys):
    assert main(["vectors", "stream", "quantize", "--set", "bits=8", "--layout"]) == 0
    assert "  p: an integer: 1 word" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("text", ["scanf", "two's complement in 64 bits", "CRC-32", "c0e468df00000007 1 2 28"])
def test_the_help_documents_the_lines(text, capsys):
    assert main(["vectors", "stream", "--help"]) == 0
    assert text in capsys.readouterr().out


def test_the_help_of_files_names_the_schema(capsys):
    assert main(["vectors", "write", "--help"]) == 0
    assert "vectors.schema.json" in capsys.readouterr().out


def test_a_reader_that_stops_ends_the_stream_quietly():
    pipe = f"'{sys.executable}' -m refcompress vectors stream quantize --level 3 | head -1"
    done = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, cwd=ROOT)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_right_answers_on_the_pipe_have_status_0():
    done = piped("judge", "quantize", "--set", "bits=8", text="\n".join(answer_lines()))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("the program on the pipe agrees with quantize\n")


def test_wrong_answers_have_status_1_and_a_rule(tmp_path, capsys):
    path = saved(tmp_path, answer_lines(wanted={**BITS, "rounding": "half_away"}))
    assert main(["vectors", "judge", "quantize", path, "--set", "bits=8"]) == 1
    out = capsys.readouterr().out
    assert "it rounds halves away from zero; agrees with rounding=half_away on all" in out
    assert "echo '1e59e36200000001 1 1 3f000000 0' | PROGRAM" in out


def test_the_report_is_given_as_json(tmp_path, capsys):
    path = saved(tmp_path, answer_lines(wanted={**BITS, "rounding": "half_away"}))
    assert main(["vectors", "judge", "quantize", path, "--set", "bits=8", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "differs"
    assert report["diagnosis"][0]["settings"] == {"rounding": "half_away"}
    assert report["counterexample"]["inputs"]["x"]["values"] == [0.5]


def test_damaged_answers_have_status_2_and_one_line(right, capsys):
    text = Path(right).read_text().splitlines()
    text[6] = text[6][:-5] + "zz"
    Path(right).write_text("\n".join(text))
    assert main(["vectors", "judge", "quantize", right, "--set", "bits=8"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("refcompress vectors judge: line 7 holds")
    assert captured.err.count("\n") == 1


def test_damaged_answers_are_an_error_in_json(right, capsys):
    Path(right).write_text("")
    assert main(["vectors", "judge", "quantize", right, "--set", "bits=8", "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "error"
    assert "cases have no answer; the first is case 1" in report["error"]


@pytest.mark.parametrize("options", [[], ["--set", "bits=9"]])
def test_answers_to_other_settings_are_told(right, options, capsys):
    assert main(["vectors", "judge", "quantize", right, *options]) == 2
    assert "of other settings: were --set, --level and --seed the same?" in capsys.readouterr().err


def test_a_copy_of_the_vectors_says_which_they_are(tmp_path, capsys):
    path = tmp_path / "v.jsonl"
    assert main(["vectors", "write", "quantize", "--out", str(path), "--set", "bits=8", "--set", "rounding=floor"]) == 0
    head, *rest = path.read_text().splitlines()
    copies = [json.loads(text) for text in rest]
    path.write_text("\n".join([head, *(json.dumps(m | {"result": m["expected"]}) for m in copies)]))
    assert main(["vectors", "judge", "quantize", str(path)]) == 0
    assert main(["vectors", "judge", "quantize", str(path), "--set", "bits=8"]) == 0
    assert main(["vectors", "judge", "quantize", str(path), "--set", "bits=9"]) == 2
    assert "bits is 9, and the file was written with bits=8" in capsys.readouterr().err
    assert main(["vectors", "judge", "quantize", str(path), "--level", "2"]) == 2
    assert "level is 2, and the file was written with level=1" in capsys.readouterr().err
    assert main(["vectors", "judge", "sparsify", str(path)]) == 2
    assert "the file holds vectors of quantize, not of sparsify" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stream", "quantise"], "operation is 'quantise': it must be one of quantize,"),
        (["stream", "quantize", "--set", "bits=1"], "bits is '1': it must be one of none, 2 to 32"),
        (["stream", "quantize", "--level", "4"], "--level is 4: it must be"),
        (["stream", "quantize", "--level", "0"], "--level is 0: it must be"),
        (["stream", "quantize", "--seed", "-1"], "--seed is -1: it must be"),
        (["write", "quantize", "--out", "v.csv"], "v.csv ends in '.csv': a file of vectors ends in .jsonl"),
        (["write", "quantize", "--out", "no/such/folder/v.hex"], "no/such/folder"),
        (["judge", "quantize", "no_such_file.txt"], "no_such_file.txt"),
        (["judge", "quantize", "--set", "check_dtype=true"], "check_dtype is true: only .jsonl and .npz files say"),
        (["write", "quantize"], "the following arguments are required: --out"),
        ([], "the following arguments are required: ACTION"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, message, capsys):
    assert main(["vectors", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from refcompress.cli import main

ROOT = Path(__file__).parents[2]
CODE = """
import os, subprocess, time

import numpy as np

def one_line(x, p):
    return np.clip(np.round(x.astype(float) * 16), -128, 127)

def half_away(x, p):
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127).astype(int)

def slow(x, p):
    if x.size > 100_000:
        with open("processes", "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.2)
    return one_line(x, p)
"""
ARGUMENTS = ("--set", "bits=8", "--exhaustive", "float16", "--input", "p=4")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path


def run(capsys, *arguments):
    status = main(["verify", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_right_candidate_is_proved_with_status_0(capsys):
    status, out, err = run(capsys, "quantize", "mine.py:one_line", *ARGUMENTS)
    assert (status, err) == (0, "")
    assert out.startswith("mine.py:one_line agrees with quantize\n")
    assert "\n  p=4\n" in out
    assert out.endswith(
        "proved for all 2^16 float16 inputs"
        " (2,046 of them NaN, which quantize rejects and the candidate was not given)\n"
    )


def test_a_wrong_one_gives_status_1_the_set_that_differs_and_a_file_of_it(capsys, folder):
    status, out, err = run(capsys, "quantize", "mine.py:half_away", *ARGUMENTS, "--json", "--intervals-out", "a.csv")
    written = json.loads(out)
    assert (status, err) == (1, "")
    assert (written["verdict"], written["diagnosis"][0]["settings"]) == ("differs", {"rounding": "half_away"})
    assert written["exhaustive"]["dtype"] == "float16"
    assert written["exhaustive"]["differing"] == 128
    rows = list(csv.DictReader((folder / "a.csv").read_text().splitlines()))
    assert [row["first_bits"] for row in rows] == [i["first_bits"] for i in written["exhaustive"]["intervals"]]


WRONG = [
    (("--input", "p"), "--input p: it must be NAME=VALUE"),
    (("--input", "p=4.5"), "p is '4.5': it must be an integer (fraction bits, a Python int)"),
    (("--input", "q=1"), "q is no input to fix: quantize needs p (fraction bits, a Python int)"),
    (("--jobs", "0"), "--jobs is 0: it must be at least 1"),
    (("--timeout", "0"), "--timeout is 0.0: it must be above 0"),
    (("--set", "dtype=float32"), "dtype is 'float32', and every float16 is asked for: leave the setting out"),
    (
        ("--exhaustive", "float8"),
        "quantize cannot be swept over 'float8': it must be one of float16, bfloat16, float32",
    ),
    (("--resume", "none/a.json"), "none/a.json cannot be written: there is no folder none"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_a_mistake_gives_status_2_and_one_line(capsys, arguments, message):
    status, out, err = run(capsys, "quantize", "mine.py:one_line", *ARGUMENTS, *arguments)
    assert (status, out, err) == (2, "", f"refcompress verify: {message}\n")


@pytest.mark.parametrize(
    "option", [("--input", "p=4"), ("--jobs", "2"), ("--resume", "a"), ("--scheduler", "a"), ("--intervals-out", "a")]
)
def test_options_of_a_sweep_need_one(capsys, option):
    status, _, err = run(capsys, "quantize", "mine.py:one_line", *option)
    assert (status, err) == (2, f"refcompress verify: {option[0]} needs --exhaustive DTYPE\n")


def test_a_missing_input_is_named(capsys):
    status, _, err = run(capsys, "quantize", "mine.py:one_line", "--exhaustive", "float16")
    assert status == 2
    assert err == "refcompress verify: p must be given a value: quantize needs p (fraction bits, a Python int)\n"


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen within a minute")


def test_an_interrupt_ends_every_process_keeps_what_is_done_and_leaves_no_traceback(folder):
    noted = folder / "processes"
    words = ["quantize", "mine:slow", "--set", "bits=8", "--exhaustive", "float32", "--input", "p=4"]
    running = subprocess.Popen(
        [sys.executable, "-m", "refcompress", "verify", *words, "--resume", "a.json", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    wait_until(lambda: noted.exists() and len(set(noted.read_text().split())) == 2)
    start = time.monotonic()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert (running.returncode, out, err) == (130, "", "interrupted\n")
    assert not any(is_running(process) for process in noted.read_text().split())
    assert json.loads((folder / "a.json").read_text())["sweep"]["dtype"] == "float32"

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from verify.programs import TIMES
from verify.toys import SCALE
from verify.waiting import ended, wait_until

from refcompress.cli import main
from refcompress.verify.layouts import FRAMEWORKS
from refcompress.verify.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
CODE = """
import os, subprocess, sys, time

def twice(x):
    return x * 2

def thrice(x):
    return 3 * x

def doubles_what_is_large(x):
    print("hello")
    return [float(v) * (4 if v > 2 else 2) for v in x.flat] if x.ndim == 1 else 2 * x

def needs_two(x, y):
    return x

def waits_here(x, p):
    with open("processes", "a") as file:
        file.write(f"{os.getpid()} {subprocess.Popen(['sleep', '300']).pid}\\n")
    time.sleep(300)

def quantize_half_away(x, p):
    import numpy as np
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127).astype(int)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(OPERATIONS, "scale", SCALE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "dies.py").write_text("import os; os._exit(9)")
    (tmp_path / "times it's.py").write_text(TIMES)
    return tmp_path


def run(capsys, *arguments):
    status = main(["verify", *arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_one_that_differs_gives_status_1_and_the_rule_that_it_follows(capsys):
    status, out, err = run(capsys, "scale", "mine.py:thrice", "--examples", "20")
    assert status == 1
    assert out.startswith("mine.py:thrice differs from scale\n")
    assert "it multiplies by 3; agrees with step=3 on all" in out
    assert err == ""


def test_one_that_agrees_with_the_rule_that_is_asked_for_gives_status_0(capsys):
    chosen = ("--set", "step=3", "--set", "dtype=bfloat16", "--seed", "4", "--examples", "20")
    status, out, err = run(capsys, "scale", "mine:thrice", *chosen)
    assert (status, err) == (0, "")
    assert out.startswith("mine:thrice agrees with scale\n  step=3 dtype=bfloat16")
    assert "seed 4, 20 examples" in out


def test_the_same_seed_gives_the_same_bytes(capsys):
    arguments = ("scale", "mine:doubles_what_is_large", "--seed", "3", "--examples", "50")
    first = run(capsys, *arguments)
    assert first == run(capsys, *arguments)
    assert first[0] == 1
    assert "prints to standard output: 'hello'" in first[1]


def test_the_json_is_one_object_of_the_documented_form(capsys):
    status, out, err = run(capsys, "scale", "mine:thrice", "--json", "--examples", "20")
    written = json.loads(out)
    assert (status, err) == (1, "")
    assert (written["operation"], written["verdict"], written["examples"]) == ("scale", "differs", 20)
    assert written["diagnosis"][0]["settings"] == {"step": 3}
    assert written["counterexample"]["inputs"]["x"]["dtype"] == "float32"


def program(*arguments):
    return ("--", sys.executable, "-I", "-S", "times it's.py", *arguments)


def test_a_program_that_agrees_gives_status_0(capsys):
    status, out, err = run(capsys, "scale", "--examples", "20", *program("2"))
    assert (status, err) == (0, "")
    assert out.startswith(f"{sys.executable} -I -S 'times it'\"'\"'s.py' 2 agrees with scale\n")


def test_a_program_that_differs_gives_status_1_the_rule_and_what_to_type_to_see_it(capsys):
    status, out, err = run(capsys, "scale", "--examples", "20", *program("3"))
    assert (status, err) == (1, "")
    assert "it multiplies by 3; agrees with step=3 on all" in out
    typed = out.partition("to reproduce:\n\n")[2].splitlines()[0]
    shown = subprocess.run(["sh", "-c", typed], capture_output=True, text=True, check=True)
    answer = json.loads(shown.stdout)
    assert (answer["id"], answer["result"]["values"]) == (1, [3.0])
    assert '# it should be: {"dtype": "float32", "shape": [1], "bits": ["40000000"], "values": [2.0]}\n' in out


def test_what_costs_a_program_its_life_is_told_and_can_be_typed(capsys):
    status, out, _ = run(capsys, "scale", "--examples", "20", *program("2", "--die"))
    assert status == 1
    assert "ends its process at request 1: exit status 1\n  the end of its standard error:\n    no use\n" in out
    typed = out.partition("to reproduce:\n\n")[2].splitlines()[0]
    shown = subprocess.run(["sh", "-c", typed], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout, shown.stderr) == (1, "", "no use\nfor many numbers\n")


def test_the_report_of_a_program_gives_the_same_bytes_and_has_the_same_form_as_json(capsys):
    arguments = ("scale", "--json", "--examples", "20", *program("2", "--die"))
    first = run(capsys, *arguments)
    assert first == run(capsys, *arguments)
    written = json.loads(first[1])
    assert list(written) == list(json.loads(run(capsys, "scale", "mine:thrice", "--json")[1]))
    assert written["counterexample"]["actual"] == (
        "ends its process at request 1: exit status 1\nno use\nfor many numbers"
    )


def test_the_candidate_may_follow_the_options(capsys):
    assert run(capsys, "scale", "--set", "step=3", "--examples", "5", "mine:thrice")[0] == 0
    assert run(capsys, "--set", "step=3", "scale", "--examples", "5", *program("3"))[0] == 0


def test_what_follows_the_dashes_is_the_program_s_own(capsys):
    status, out, _ = run(capsys, "scale", "--examples", "5", "--", "sh", "-c", "exit 5", "--json", "--", "--set")
    assert (status, out) == (2, "")


UNRUNNABLE = [
    (("scal", "mine:twice"), "operation is 'scal': it must be one of quantize, "),
    (("scale", "mine"), "candidate is 'mine': it must be module:function or file.py:function"),
    (("scale", "missing:f"), "there is no module missing"),
    (("scale", "mine:needs_two"), "mine.needs_two takes (x, y): it must take (x)"),
    (("scale", "dies:f"), "dies:f ended its process at import: exit status 9"),
    (("scale", "mine:twice", "--set", "step=9"), "step is '9': it must be one of none, 1 to 5"),
    (("scale", "mine:twice", "--set", "stop=1"), "scale has no setting 'stop': it has step, dtype, check_dtype"),
    (("scale", "mine:twice", "--examples", "-1"), "--examples is -1: it must be at least 0"),
    (("scale", "mine:twice", "--seed", "-1"), "--seed is -1: it must be at least 0"),
    (("scale", "mine:twice", "--timeout", "0"), "--timeout is 0.0: it must be above 0"),
    (("scale", "mine:twice", "--timeout", "nan"), "--timeout is nan: it must be above 0"),
    (("scale",), "there is no candidate: it must be module:function, or a command after --"),
    (("scale", "--"), "no command follows --"),
    (("scale", "mine:twice", "--", "true"), "candidate is 'mine:twice', and a command follows --: it must be one of"),
    (("scale", "--arrays", "torch", "--", "true"), "--arrays torch does not apply to a program, which is given JSON"),
    (
        ("scale", "--exhaustive", "float16", "--", "true"),
        "--exhaustive does not apply to a program: JSON lines are too",
    ),
    (("scale", "--", "./missing"), "./missing cannot be started: No such file or directory"),
    (("scale", "--", "sh", "-c", "exit 5"), "sh -c 'exit 5' ended before it was asked anything: exit status 5"),
]


@pytest.mark.parametrize(("arguments", "message"), UNRUNNABLE)
def test_what_cannot_be_run_gives_status_2_and_one_line(capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(f"refcompress verify: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("scale", "missing:f", "--set", "step=3"), {"step": 3, "dtype": "float32", "check_dtype": False}),
        (("scale", "mine:twice", "--set", "step=9"), {"step": 2, "dtype": "float32", "check_dtype": False}),
        (("scal", "mine:twice"), {}),
    ],
)
def test_what_cannot_be_run_gives_an_error_as_json_too(capsys, arguments, settings):
    status, out, err = run(capsys, *arguments, "--json", "--seed", "2")
    written = json.loads(out)
    assert status == 2
    assert written["verdict"] == "error"
    assert written["error"] == err.removeprefix("refcompress verify: ").strip()
    assert (written["operation"], written["settings"], written["seed"]) == (arguments[0], settings, 2)
    assert (written["cases"], written["counterexample"], written["diagnosis"]) == ([], None, [])


def test_every_framework_can_be_asked_for(capsys):
    assert main(["verify", "--help"]) == 0
    assert f"--arrays {{{','.join(FRAMEWORKS)}}}" in capsys.readouterr().out


def command(*arguments):
    return [sys.executable, "-m", "refcompress", "verify", *arguments]


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.usefixtures("environment")
def test_in_a_shell_the_report_goes_to_standard_output_and_its_reader_may_stop():
    arguments = ["quantize", "mine.py:quantize_half_away", "--set", "bits=8", "--examples", "20"]
    whole = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert (whole.returncode, whole.stderr) == (1, "")
    assert "it rounds halves away from zero; agrees with rounding=half_away on all " in whole.stdout
    assert "\x1b" not in whole.stdout
    reading, writing = os.pipe()
    os.close(reading)
    stopped = subprocess.run(command(*arguments), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (stopped.returncode, stopped.stderr) == (1, "")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("candidate", [("mine:waits_here",), program("1", "--note")], ids=["Python", "program"])
@pytest.mark.parametrize(
    ("number", "status", "told"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_an_interrupt_ends_every_process_and_leaves_no_traceback(folder, number, status, told, candidate):
    noted = folder / "processes"
    running = subprocess.Popen(
        command("quantize", "--timeout", "200", *candidate),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: noted.exists() and noted.read_text().endswith("\n"))
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (status, "", told)
    wait_until(lambda: all(ended(process) for process in noted.read_text().split()))

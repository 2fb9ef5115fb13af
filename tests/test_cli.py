import importlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

import refcompress
from refcompress import cli
from refcompress.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]


@pytest.fixture
def act(monkeypatch):
    """Make a command ``act`` the only one; it does what the test says."""

    def install(run):
        module = types.ModuleType("refcompress.commands.act")
        module.SUMMARY = "what the test says"
        module.add_arguments = lambda parser: parser.add_argument("--number", type=int)
        module.run = run
        monkeypatch.setitem(sys.modules, "refcompress.commands.act", module)
        monkeypatch.setattr(cli, "COMMANDS", ("act",))

    return install


def raising(error):
    def run(options):
        raise error

    return run


def test_the_status_of_the_command_is_the_status(act, capsys):
    act(lambda options: options.number)
    assert main(["act", "--number", "7"]) == 7
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("sparsity is 2: it must be from 0 to 1"), "sparsity is 2: it must be from 0 to 1"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), "x.csv: No such file or directory"),
        (FloatingPointError("the loss is nan"), "the loss is nan"),
        (MemoryError("Unable to allocate 5 TiB"), "not enough memory: Unable to allocate 5 TiB"),
        (MemoryError(), "not enough memory"),
        (FileNotFoundError(2, "No such file or directory", "a\nb.csv"), r"a\nb.csv: No such file or directory"),
        (ValueError("two\r\nlines"), r"two\nlines"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(act, capsys, error, line):
    act(raising(error))
    assert main(["act"]) == 2
    assert capsys.readouterr() == ("", f"refcompress: {line}\n")


@pytest.mark.parametrize(
    ("redirected", "words", "status"),
    [
        (">&-", ["operations"], 0),
        ("2>&-", ["operations", "nothing"], 2),
        (">&- 2>&-", ["operations", "nothing"], 2),
        ("<&-", ["vectors", "judge", "quantize"], 2),
        (">&-", ["nothing"], 2),
    ],
)
def test_a_standard_stream_that_is_closed_is_no_fault(redirected, words, status):
    shell = ["sh", "-c", f'exec "$@" {redirected}', "sh", sys.executable, "-m", "refcompress", *words]
    done = subprocess.run(shell, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == status
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_fault_of_our_own_is_not_hidden(act):
    act(raising(AssertionError("a bug")))
    with pytest.raises(AssertionError, match="a bug"):
        main(["act"])


def test_an_interrupt_is_one_word(act, capsys):
    act(raising(KeyboardInterrupt()))
    assert main(["act"]) == 128 + signal.SIGINT
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "refcompress: the following arguments are required: COMMAND"),
        (["nothing"], "refcompress: argument COMMAND: invalid choice: 'nothing' (choose from"),
        (["act", "--number", "x"], "refcompress act: argument --number: invalid int value: 'x'"),
        (["act", "--other"], "refcompress: unrecognized arguments: --other"),
    ],
)
def test_arguments_that_are_not_understood_are_one_line(act, capsys, arguments, line):
    act(lambda options: 0)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_what_follows_two_dashes_is_a_program_for_the_commands_that_run_one(act, monkeypatch):
    seen = []
    act(lambda options: seen.append((options.number, options.program)) or 0)
    monkeypatch.setattr(cli, "WITH_PROGRAM", ("act",))
    assert main(["act", "--number", "7", "--", "a", "--number", "8", "--", "b"]) == 0
    assert main(["act", "--number", "7", "--"]) == 0
    assert main(["act"]) == 0
    assert seen == [(7, ["a", "--number", "8", "--", "b"]), (7, []), (None, None)]


def test_what_follows_two_dashes_is_ours_for_all_other_commands(act, capsys):
    act(lambda options: 0)
    assert main(["act", "--", "x"]) == 2
    assert re.fullmatch(r"refcompress: unrecognized arguments: (-- )?x\n", capsys.readouterr().err)


def test_a_request_to_end_is_an_exit_and_the_handlers_are_put_back(act):
    before = signal.getsignal(signal.SIGTERM)

    def run(options):
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    act(run)
    with pytest.raises(SystemExit) as caught:
        main(["act"])
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_runs_in_any_thread(act):
    act(lambda options: 5)
    statuses = []
    thread = threading.Thread(target=lambda: statuses.append(main(["act"])))
    thread.start()
    thread.join()
    assert statuses == [5]


def test_signs_that_the_terminal_lacks_are_written_as_escapes(act, monkeypatch):
    def run(options):
        print("∂L/∂x")
        return 0

    act(run)
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
    assert main(["act"]) == 0
    assert raw.getvalue() == b"\\u2202L/\\u2202x\n"


def test_a_reader_that_stops_ends_a_command_quietly(act, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)

    def run(options):
        print("x" * 100_000)
        return 0

    act(run)
    with os.fdopen(writing, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(["act"]) == 128 + signal.SIGPIPE


def test_the_help_lists_every_command_and_every_command_has_its_own(capsys):
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in COMMANDS:
        assert f"    {name} " in listed or f"    {name}\n" in listed
        assert main([name, "--help"]) == 0
        assert f"usage: refcompress {name}" in capsys.readouterr().out


def test_the_version_is_told(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"refcompress {refcompress.__version__}\n"


def test_the_help_loads_nothing_that_takes_long():
    code = (
        "import sys; from refcompress.cli import main; main(['--help']);"
        "print(*sorted({n.split('.')[0] for n in sys.modules} | {n for n in sys.modules if 'verify.' in n}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"hypothesis", "scipy", "matplotlib", "torch", "jax", "safetensors", "tqdm", "ml_dtypes", "sklearn"}
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & heavy
    assert not {name for name in loaded if name.startswith("refcompress.verify.")}


def test_python_m_refcompress_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "refcompress", "operations", "nothing"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("refcompress operations: operation is 'nothing'")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_what_the_table_needs(name):
    module = importlib.import_module(f"refcompress.commands.{name}")
    assert module.SUMMARY[0].islower()
    assert not module.SUMMARY.endswith(".")
    assert callable(module.run)
    assert callable(module.add_arguments)

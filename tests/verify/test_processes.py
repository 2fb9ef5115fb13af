import signal
import subprocess
import sys

import pytest
from verify.waiting import ended, wait_until

from refcompress.verify import processes
from refcompress.verify.processes import ending, kill, started, stop

PYTHON = (sys.executable, "-I", "-S", "-c")


def run(code, *arguments):
    return started([*PYTHON, code, *arguments], subprocess.PIPE)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("pass", "exit status 0"),
        ("raise SystemExit(3)", "exit status 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", "signal SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 2)", f"signal {signal.SIGRTMIN + 2}"),
    ],
)
def test_how_a_process_ended_is_said_in_a_few_words(monkeypatch, code, text):
    monkeypatch.setattr(processes, "ENDING", 60.0)
    process = run(code)
    assert ending(process, "it lives") == text
    stop(process)


def test_one_that_does_not_end_is_said_to_do_what_it_does(monkeypatch):
    monkeypatch.setattr(processes, "ENDING", 0.05)
    process = run("import time; time.sleep(300)")
    assert ending(process, "it lives") == "it lives"
    stop(process)


def test_stopping_ends_what_it_started_too_and_closes_its_pipes():
    process = run("import subprocess; print(subprocess.Popen(['sleep', '300']).pid, flush=True); input()")
    other = int(process.stdout.readline())
    stop(process)
    assert process.returncode == -signal.SIGKILL
    assert all(pipe.closed for pipe in (process.stdin, process.stdout, process.stderr))
    wait_until(lambda: ended(other))


def test_what_it_started_is_ended_though_it_ended_before():
    process = run("import subprocess; print(subprocess.Popen(['sleep', '300']).pid, flush=True)")
    other = int(process.stdout.readline())
    process.wait()
    assert not ended(other)
    stop(process)
    wait_until(lambda: ended(other))


def test_killing_what_is_gone_is_no_error():
    process = run("pass")
    process.wait()
    kill(process)
    stop(process)
    assert process.returncode == 0

import fcntl
import os
import signal
import subprocess
import sys
import termios

import numpy as np
import pytest
from verify.programs import TIMES
from verify.toys import SCALE
from verify.waiting import ended, wait_until

from refcompress.verify import processes
from refcompress.verify.external import running
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


def test_one_that_does_not_end_is_waited_for_no_longer_than_a_person_waits():
    class Stays:
        def wait(self, seconds):
            assert 0 < seconds < 60
            raise subprocess.TimeoutExpired("stays", seconds)

    assert ending(Stays(), "it lives") == "it lives"


def test_what_is_written_to_it_is_in_its_pipe_at_once():
    process = run("import time; time.sleep(300)")
    process.stdin.write(b"words")
    held = fcntl.ioctl(process.stdin.fileno(), termios.FIONREAD, bytes(4))
    stop(process)
    assert int.from_bytes(held, sys.byteorder) == 5


def test_one_without_input_that_is_handed_a_pipe_writes_to_it():
    reading, writing = os.pipe()
    process = started(
        [*PYTHON, "import os, sys; os.write(int(sys.argv[1]), b'words')", f"{writing}"],
        subprocess.DEVNULL,
        pass_fds=[writing],
    )
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read() == b"words"
    stop(process)
    assert process.stdout.closed


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


def test_killing_what_may_not_be_killed_is_no_error(monkeypatch):  # macOS says so of what has ended
    def refuses(group, number):
        raise PermissionError

    process = run("pass")
    process.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", refuses)
        kill(process)
    stop(process)


def test_a_program_that_lost_three_processes_is_not_called_any_more():
    one, two = np.ones(1, np.float32), np.ones(2, np.float32)
    with running([*PYTHON, TIMES, "2", "--die"], SCALE, SCALE.defaults) as candidate:
        answers = [candidate.call((x,), "plain") for x in (one, two, two, two, two)]
    assert [answer.lost for answer in answers] == [False, True, True, True, False]
    assert [answer.given_up for answer in answers] == [False, False, False, False, True]
    assert answers[-1].problem == "is not called any more after 3 lost processes"

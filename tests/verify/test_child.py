import ctypes
import multiprocessing
import os
import selectors
import signal
import sys
from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from operator import methodcaller
from pathlib import Path
from threading import Timer
from types import SimpleNamespace

import numpy as np
import pytest
from verify.waiting import ended, wait_until

import refcompress
from refcompress.verify import child as module_of_child
from refcompress.verify import processes
from refcompress.verify.candidates import CandidateError
from refcompress.verify.child import MOST_DEATHS, Child, Lost, in_child, serve
from refcompress.verify.processes import started

X = np.array([1.5, -2.0], np.float32)

# one module for all tests: the second input says what is to be done
CODE = r"""
import ctypes, os, subprocess, sys, threading, time
import numpy as np

print("at import")
os.write(1, b"at import"), os.write(2, b"at import")
LIBC = ctypes.CDLL(None)


class Own:
    def __reduce__(self):
        raise RuntimeError("cannot be pickled")


class FromFile:
    def __array__(self, dtype=None, copy=None):
        return np.array([3.0])


def note(process):
    with open("processes", "a") as file:
        file.write(f"{process} ")


def flood():
    for _ in range(30):
        os.write(1, b"y\n" * 100_000)
        os.write(2, b"z\n" * 100_000)


def fork():
    child = os.fork()
    note(child or os.getpid())


def leave_a_copy(silent=False):
    if copy := os.fork():
        note(copy)
        os._exit(3)
    if silent:
        os.closerange(0, 3)
    time.sleep(300)


def leave_another():
    note(subprocess.Popen(["sleep", "300"], close_fds=False).pid)
    os._exit(3)


def start_another():
    note(os.getpid())
    note(subprocess.Popen(["sleep", "300"]).pid)
    time.sleep(300)


def hold_the_interpreter():
    note(os.getpid())
    ctypes.PyDLL(None).sleep(300)


def flood_without_end():
    note(os.getpid())
    while True:
        os.write(1, b"y\n" * 10_000)


DO = {
    "answer": lambda: None,
    "print": lambda: print("hello"),
    "print and write": lambda: (print("hello"), os.write(1, b"raw\n")),
    "print from C": lambda: LIBC.printf(b"from C\n"),
    "write": lambda: os.write(1, b"\xff\xferaw\n"),
    "write slowly": lambda: (os.write(1, b"a" * 60), time.sleep(0.2), os.write(1, b"b" * 60)),
    "close the output": lambda: (os.close(1), os.write(2, b"oh\n")),
    "complain": lambda: os.write(2, b"oh\n"),
    "flood": flood,
    "fill": lambda: os.write(1, b"y\n" * 32_768),
    "sys.exit": lambda: sys.exit(3),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    "os._exit": lambda: os._exit(3),
    "crash": lambda: ctypes.string_at(0),
    "close": lambda: os.closerange(3, 64),
    "read": input,
    "thread": lambda: threading.Thread(target=time.sleep, args=(300,)).start(),
    "fork": fork,
    "start another": start_another,
    "leave another": leave_another,
    "leave a copy": leave_a_copy,
    "leave a silent copy": lambda: leave_a_copy(silent=True),
    "hold": hold_the_interpreter,
    "flood without end": flood_without_end,
    "cd": lambda: os.chdir("/"),
}
RETURN = {
    "None": lambda: None,
    "an own object": Own,
    "a lambda": lambda: lambda: 0,
    "own objects in a list": lambda: [Own(), 1],
    "a read object": FromFile,
    "a read object, and write": lambda: (os.write(1, b"raw\n"), FromFile())[1],
    "a large array": lambda: np.arange(3_000_000),
    "how many arguments": lambda: np.array(len(sys.argv)),
    "how a copy ended": lambda: np.array(os.wait()[1]),
}


def act(x, what):
    if what in RETURN:
        return RETURN[what]()
    DO[what]()
    return 2 * x


def one(x):
    return x


CALLS = []


def counts(x):
    CALLS.append(x)
    return len(CALLS)
"""


def noted():
    file = Path("processes")
    return [int(word) for word in file.read_text().split()] if file.exists() else []


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("child")
    (folder / "acts.py").write_text(CODE)
    return folder


@pytest.fixture(autouse=True)
def folder(module, monkeypatch):
    monkeypatch.chdir(module)
    Path("processes").unlink(missing_ok=True)


def forked(command, stdin, pass_fds):
    """As ``started``, but what the new process would do is done in a fork of this one."""
    (link,) = pass_fds

    def instead():
        os.closerange(3, link)
        os.closerange(link + 1, 256)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        sys.argv[:] = ["-c", *command[4:]]
        try:
            serve(link)
        finally:
            os._exit(1)

    return started(command, stdin, pass_fds=pass_fds, preexec_fn=instead)


WAYS = {"new": started, "forked": forked}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """How processes are started."""
    monkeypatch.setattr(module_of_child, "started", WAYS[request.param])
    return request.param


@pytest.fixture(scope="module")
def children(module):
    """A child of each way, for all calls that do not cost it its life."""
    before = Path.cwd()
    os.chdir(module)
    try:
        with ExitStack() as stack:
            children = {}
            for way, start in WAYS.items():
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(module_of_child, "started", start)
                    children[way] = stack.enter_context(in_child("acts:act", ["x", "what"], "numpy", 30.0))
            yield children
    finally:
        os.chdir(before)


@pytest.fixture
def child(children, way):
    return children[way]


@pytest.fixture
def own(monkeypatch):
    """A child for one test, of the way that is quicker."""
    monkeypatch.setattr(module_of_child, "started", forked)
    own = Child("acts:act", ["x", "what"], "numpy", 30.0)
    own.start()
    yield own
    own.stop()


@contextmanager
def fresh(timeout=30.0, spec="acts:act", names=("x", "what")):
    with in_child(spec, names, "numpy", timeout) as candidate:
        yield lambda what, layout="plain": candidate.call((X, what), layout)


def test_a_call_is_answered_from_another_process(child):
    answer = child.call((X, "answer"), "plain")
    assert answer.value.tolist() == [3, -4]
    assert answer.remarks == ()
    assert child.name == "acts:act"
    assert child.imports == "from acts import act as candidate"


@pytest.mark.parametrize(
    ("what", "remarks"),
    [
        ("print", ("prints to standard output: 'hello'",)),
        ("print and write", ("prints to standard output: 'hello'",)),
        ("print from C", ("prints to standard output: 'from C'",)),
        ("write", ("prints to standard output: 'raw'",)),
        ("write slowly", (f"prints to standard output: '{60 * 'a' + 20 * 'b'}'",)),
        ("complain", ("prints to standard error",)),
        ("flood", ("prints to standard output: 'y'", "prints to standard error")),
        ("answer", ()),
    ],
)
def test_what_is_printed_reaches_nobody_and_is_a_remark(child, capfd, what, remarks):
    answer = child.call((X, what), "plain")
    assert answer.value.tolist() == [3, -4]
    assert answer.remarks == remarks
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("sys.exit", "exits the interpreter: SystemExit: 3"),
        ("interrupt", "raises KeyboardInterrupt"),
        ("read", "raises EOFError: EOF when reading a line"),
    ],
)
def test_what_is_raised_does_not_end_the_process(child, what, problem):
    answer = child.call((X, what), "plain")
    assert answer.problem == problem
    assert not answer.lost


@pytest.mark.parametrize(
    ("what", "text"),
    [("an own object", "an Own"), ("a lambda", "a function")],
)
def test_an_object_of_its_own_is_named_and_stays_where_it_is(child, what, text):
    assert child.call((X, what), "plain").value.text == text


def test_objects_in_a_list_are_named_too(child):
    value = child.call((X, "own objects in a list"), "plain").value
    assert (value[0].text, value[1]) == ("an Own", 1)


def test_an_array_like_is_read_in_the_child(child):
    answer = child.call((X, "a read object"), "plain")
    assert answer.value.tolist() == [3.0]
    assert answer.remarks == ("returns a acts FromFile: it was read as a NumPy array",)
    again = child.call((X, "a read object, and write"), "plain")
    assert again.remarks == (*answer.remarks, "prints to standard output: 'raw'")


def test_large_answers_and_large_inputs_pass(child):
    assert child.call((X, "a large array"), "plain").value.size == 3_000_000
    long = np.arange(3_000_000, dtype=np.float32)
    assert child.call((long, "answer"), "strided").value[-1] == 2 * 2_999_999


def test_a_child_that_goes_elsewhere_or_starts_threads_goes_on_answering(child):
    assert child.call((X, "thread"), "plain").problem is None
    assert child.call((X, "cd"), "plain").problem is None
    assert child.call((X, "answer"), "plain").value.tolist() == [3, -4]


def test_a_candidate_is_not_told_what_its_process_was_told(child):
    assert child.call((X, "how many arguments"), "plain").value == 1


class AnswersAlone(selectors.DefaultSelector):
    """Tells of the answer, and never of what is printed."""

    def select(self, timeout=None):
        return [(key, mask) for key, mask in super().select(timeout) if key.data is None]


@pytest.mark.parametrize(
    ("what", "remarks"),
    [
        ("write", ("prints to standard output: 'raw'",)),
        ("complain", ("prints to standard error",)),
        ("close the output", ("prints to standard error",)),
    ],
)
def test_what_is_printed_belongs_to_the_call_though_the_answer_is_seen_first(own, monkeypatch, what, remarks):
    monkeypatch.setattr(selectors, "DefaultSelector", AnswersAlone)
    assert own.call((X, "answer"), "plain").value.tolist() == [3, -4]
    assert own.call((X, what), "plain").remarks == remarks


def test_what_fills_the_pipe_belongs_to_the_call_that_printed_it(child):
    assert child.call((X, "fill"), "plain").remarks == ("prints to standard output: 'y'",)
    assert child.call((X, "answer"), "plain").remarks == ()


def test_a_new_process_can_be_asked_alone():
    with in_child("acts:counts", ["x"], "numpy", timeout=60) as candidate:
        assert [candidate.call((X,), "plain").value for _ in range(3)] == [1, 2, 3]
        assert candidate.afresh((X,), "plain").value == 1
        assert candidate.call((X,), "plain").value == 2


def test_a_call_that_ends_the_process_is_told_and_the_next_ones_are_answered_until_it_is_given_up(way):
    with fresh() as call:
        for what, problem in (
            ("os._exit", "ends its process: exit status 3"),
            ("crash", "ends its process: signal SIGSEGV"),
            ("close", "ends its process: "),
        ):
            answer = call("answer")
            assert answer.value.tolist() == [3, -4]
            answer = call(what)
            assert answer.problem.startswith(problem)
            assert (answer.lost, answer.given_up) == (True, False)
        assert call("answer").given_up
    assert MOST_DEATHS == 3


@pytest.mark.parametrize("what", ["start another", "hold", "flood without end"])
def test_a_call_that_takes_too_long_is_ended_with_all_that_it_started(what):
    with fresh(timeout=3.0) as call:
        answer = call(what)
    assert (answer.problem, answer.lost) == ("does not answer within 3 s", True)
    assert len(noted()) == (2 if what == "start another" else 1)
    wait_until(lambda: all(ended(process) for process in noted()))


def test_a_copy_of_the_process_does_not_answer_too(way):
    with fresh() as call:
        assert call("fork").value.tolist() == [3, -4]
        assert call("how a copy ended").value == 0
        wait_until(lambda: len(noted()) == 2)
    wait_until(lambda: all(ended(process) for process in noted()))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; print('words'); os.abort()", "bad:f ended its process at import: signal SIGABRT"),
        ("print('words'); 1 / 0", "bad cannot be imported: it raises ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_run_at_all_is_told_in_one_line(capfd, code, message):
    Path("bad.py").write_text(code)
    with pytest.raises(CandidateError) as caught, in_child("bad:f", ["x", "what"], "numpy", 30.0):
        pass
    assert str(caught.value) == message
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_started_again_costs_a_process_too(way):
    Path("gone.py").write_text("import os\ndef f(x, what): os._exit(3)\n")
    with fresh(spec="gone.py:f") as call:
        assert call("").problem == "ends its process: exit status 3"
        Path("gone.py").unlink()
        again = [call("") for _ in range(3)]
    assert [answer.problem for answer in again[:2]] == ["cannot be started again: there is no file gone.py"] * 2
    assert [answer.given_up for answer in again] == [False, False, True]


def test_what_takes_too_long_to_import_cannot_be_run(way, monkeypatch):
    monkeypatch.setattr(module_of_child, "STARTING", 0.5)
    Path("slow.py").write_text("import time\ntime.sleep(300)")
    with pytest.raises(CandidateError, match=r"^slow\.py:f was not imported within 0\.5 s$"), fresh(spec="slow.py:f"):
        pass


@pytest.mark.parametrize("what", ["leave another", "leave a copy", "leave a silent copy"])
def test_a_process_that_its_own_children_outlive_is_lost_when_it_ends(way, what):
    with fresh() as call:
        assert call(what).problem == "ends its process: exit status 3"
    assert len(noted()) == 1
    wait_until(lambda: all(ended(process) for process in noted()))


def test_work_of_another_kind_than_a_call_is_done_for_its_name(own):
    assert own.ask(getattr, "name", seconds=30.0) == "acts:act"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        own.ask(getattr, "nothing", seconds=30.0)


@pytest.mark.parametrize(
    ("what", "seconds", "problem"),
    [("os._exit", 30.0, "ends its process: exit status 3"), ("hold", 0.3, "does not answer in time")],
)
def test_work_that_costs_the_process_is_done_by_another_one_next(own, what, seconds, problem):
    with pytest.raises(Lost, match=f"^{problem}$"):
        own.ask(methodcaller("call", (X, what), "plain"), seconds=seconds)
    assert own.ask(methodcaller("call", (X, "answer"), "plain"), seconds=30.0).value.tolist() == [3, -4]


class Link:
    """The socket of a child, on which a method raises the first time; counts what is called."""

    def __init__(self, link, name="", error=None):
        self.link, self.name, self.error, self.called = link, name, error, Counter()

    def __getattr__(self, name):
        self.called[name] += 1
        return self.raises if name == self.name and self.called[name] == 1 else getattr(self.link, name)

    def raises(self, *_):
        raise self.error


@pytest.mark.parametrize("name", ["send", "recv"])
def test_a_socket_that_was_not_ready_after_all_is_tried_again(own, name):
    own.link = Link(own.link, name, BlockingIOError)
    assert own.call((X, "answer"), "plain").value.tolist() == [3, -4]
    assert own.link.called[name] > 1


@pytest.mark.parametrize(("name", "error"), [("send", BrokenPipeError), ("recv", ConnectionResetError)])
def test_a_process_that_does_not_listen_any_more_is_lost_though_it_lives(own, monkeypatch, name, error):
    monkeypatch.setattr(processes, "ENDING", 0.05)
    own.link = Link(own.link, name, error)
    answer = own.call((X, "answer"), "plain")
    assert (answer.problem, answer.lost) == ("ends its process: it closed what it answers on", True)


def test_nothing_is_sent_while_an_answer_is_awaited(own):
    own.link = Link(own.link)
    own.call((X, "answer"), "plain")
    assert own.link.called["send"] == 1


def test_time_is_up_for_a_process_that_does_not_take_the_question_too(own):
    os.kill(own.process.pid, signal.SIGSTOP)
    with pytest.raises(Lost, match=r"^does not answer in time$"):
        own.ask(len, np.zeros(3_000_000), seconds=0.3)


def test_a_process_that_is_killed_over_a_question_is_lost(own):
    os.kill(own.process.pid, signal.SIGSTOP)
    Timer(0.3, own.kill).start()
    with pytest.raises(Lost, match=r"^ends its process: signal SIGKILL$"):
        own.ask(len, np.zeros(3_000_000), seconds=30.0)


def test_there_is_nothing_to_kill_before_it_is_started():
    own = Child("acts:act", ["x", "what"], "numpy", 30.0)
    own.kill()
    own.stop()
    assert own.process is None


@pytest.mark.parametrize(("seconds", "answers"), [(0.0, False), (1.0, True)])
def test_time_is_up_when_all_of_it_has_passed(own, monkeypatch, seconds, answers):
    monkeypatch.setattr(module_of_child, "time", SimpleNamespace(monotonic=lambda: 1000.0))  # stands still
    with nullcontext() if answers else pytest.raises(Lost, match=r"^does not answer in time$"):
        assert own.ask(getattr, "name", seconds=seconds) == "acts:act"


@pytest.mark.parametrize("begun", [b"", b"abc", (1000).to_bytes(8) + b"abc"])
def test_a_process_that_nobody_asks_any_more_ends_though_threads_are_left_in_it(own, begun):
    own.call((X, "thread"), "plain")
    own.link.setblocking(True)
    own.link.sendall(begun)
    own.link.close()
    assert own.process.wait(30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it is to answer")
def test_a_busy_process_ends_when_the_one_that_started_it_is_killed(way):
    def ask():
        with fresh() as call:
            call("hold")

    asking = multiprocessing.get_context("fork").Process(target=ask)
    asking.start()
    wait_until(lambda: len(noted()) == 1)
    asking.kill()
    asking.join()
    assert asking.exitcode == -signal.SIGKILL
    try:
        wait_until(lambda: ended(noted()[0]))
    finally:
        with suppress(ProcessLookupError):
            os.kill(noted()[0], signal.SIGKILL)


def test_where_there_is_no_linux_nothing_is_asked_of_it(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    asked = []
    monkeypatch.setattr(ctypes, "CDLL", asked.append)
    module_of_child._end_with_parent()
    assert asked == []


def test_a_candidate_reads_nothing_of_what_the_tester_is_told(way):
    reading, writing = os.pipe()
    os.write(writing, b"words\n")
    own = os.dup(0)
    os.dup2(reading, 0)
    try:
        with fresh() as call:
            assert call("read").problem == "raises EOFError: EOF when reading a line"
    finally:
        os.dup2(own, 0)
        for end in (own, reading, writing):
            os.close(end)


def test_the_tester_is_found_though_the_path_does_not_lead_to_it(monkeypatch):
    monkeypatch.setattr(
        sys, "path", [p for p in sys.path if Path(p).resolve() != Path(refcompress.__file__).parents[1]]
    )
    with fresh() as call:
        assert call("answer").value.tolist() == [3, -4]


def test_the_folder_of_the_tester_is_searched_last_and_once(monkeypatch):
    commands = []

    def noted(command, *args, **more):
        commands.append(command)
        return started(command, *args, **more)

    monkeypatch.setattr(module_of_child, "started", noted)
    root = str(Path(refcompress.__file__).parents[1])
    monkeypatch.setattr(sys, "path", [root, *sys.path])
    with fresh():
        assert [i for i, word in enumerate(commands[0]) if word == root] == [len(commands[0]) - 1]


def test_files_in_the_current_folder_do_not_get_in_the_way_of_the_tester(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    for name in ("pickle", "selectors", "random", "numpy", "refcompress"):
        Path(f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    Path("mine.py").write_text("def f(x):\n    return x + 1")
    with in_child("mine.py:f", ["x"], "numpy", 30.0) as candidate:
        assert candidate.call((X,), "plain").value.tolist() == [2.5, -1]

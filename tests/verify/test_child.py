import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from verify.waiting import ended, wait_until

from refcompress.verify.candidates import CandidateError
from refcompress.verify.child import MOST_DEATHS, in_child

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
    "print from C": lambda: LIBC.printf(b"from C\n"),
    "write": lambda: os.write(1, b"raw\n"),
    "complain": lambda: os.write(2, b"oh\n"),
    "flood": flood,
    "sys.exit": lambda: sys.exit(3),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    "os._exit": lambda: os._exit(3),
    "crash": lambda: ctypes.string_at(0),
    "close": lambda: os.closerange(3, 64),
    "read": input,
    "thread": lambda: threading.Thread(target=time.sleep, args=(300,)).start(),
    "fork": fork,
    "start another": start_another,
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
    "a large array": lambda: np.arange(3_000_000),
}


def act(x, what):
    if what in RETURN:
        return RETURN[what]()
    DO[what]()
    return 2 * x


def one(x):
    return x
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


@pytest.fixture(scope="module")
def child(module):
    """A child for all calls that do not cost it its life."""
    before = Path.cwd()
    os.chdir(module)
    try:
        with in_child("acts:act", ["x", "what"], timeout=60) as candidate:
            yield candidate
    finally:
        os.chdir(before)


@contextmanager
def fresh(timeout=60.0, spec="acts:act", names=("x", "what")):
    with in_child(spec, names, timeout=timeout) as candidate:
        yield lambda what, layout="plain": candidate.call((X, what), layout)


def test_a_call_is_answered_from_another_process(child):
    answer = child.call((X, "answer"), "plain")
    assert answer.value.tolist() == [3, -4]
    assert answer.remarks == ()
    assert child.imports == "from acts import act as candidate"


@pytest.mark.parametrize(
    ("what", "remarks"),
    [
        ("print", ("prints to standard output: 'hello'",)),
        ("print from C", ("prints to standard output: 'from C'",)),
        ("write", ("prints to standard output: 'raw'",)),
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


def test_large_answers_and_large_inputs_pass(child):
    assert child.call((X, "a large array"), "plain").value.size == 3_000_000
    long = np.arange(3_000_000, dtype=np.float32)
    assert child.call((long, "answer"), "strided").value[-1] == 2 * 2_999_999


def test_a_child_that_goes_elsewhere_or_starts_threads_goes_on_answering(child):
    assert child.call((X, "thread"), "plain").problem is None
    assert child.call((X, "cd"), "plain").problem is None
    assert child.call((X, "answer"), "plain").value.tolist() == [3, -4]


def test_a_call_that_ends_the_process_is_told_and_the_next_ones_are_answered_until_it_is_given_up():
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


def test_a_copy_of_the_process_does_not_answer_too():
    with fresh() as call:
        assert call("fork").value.tolist() == [3, -4]
        assert call("answer").value.tolist() == [3, -4]
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
    with pytest.raises(CandidateError) as caught, in_child("bad:f", ["x", "what"]):
        pass
    assert str(caught.value) == message
    assert capfd.readouterr() == ("", "")


def test_files_in_the_current_folder_do_not_get_in_the_way_of_the_tester(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("pickle", "selectors", "random", "numpy", "refcompress"):
        Path(f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    Path("mine.py").write_text("def f(x):\n    return x + 1")
    with in_child("mine.py:f", ["x"]) as candidate:
        assert candidate.call((X,), "plain").value.tolist() == [2.5, -1]

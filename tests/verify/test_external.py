import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verify.programs import ACTS, FIVES, TIMES
from verify.toys import SCALE
from verify.waiting import ended, wait_until

from refcompress.verify import external, lines
from refcompress.verify.candidates import CandidateError
from refcompress.verify.check import check
from refcompress.verify.external import LINGER, WINDOW, running
from refcompress.verify.operation import Input
from refcompress.verify.processes import MOST_DEATHS
from refcompress.verify.wire import request

PYTHON = (sys.executable, "-I", "-S")
X = np.array([1.5, -2.0], np.float32)
TOLD = replace(SCALE, inputs=(*SCALE.inputs, Input("what", "word", "what else is to be done")))


def noted():
    """What the program wrote down, without the headers."""
    return [line for line in Path("noted").read_text().splitlines() if not line.startswith("{")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acts.py").write_text(ACTS)
    (tmp_path / "fives.py").write_text(FIVES)
    (tmp_path / "times.py").write_text(TIMES)
    return tmp_path


@contextmanager
def acting(timeout=60.0, operation=TOLD):
    with running([*PYTHON, "acts.py"], operation, operation.defaults, timeout) as candidate:
        yield candidate


def ahead(candidate, words):
    return list(candidate.answers(((X, word), "plain") for word in words))


def values(answers):
    return [None if a.value is None else np.asarray(a.value).tolist() for a in answers]


def test_the_first_line_says_what_will_be_asked():
    with acting() as candidate:
        assert candidate.call((X, "answer"), "plain").value.tolist() == [3, -4]
    assert json.loads(Path("noted").read_text().splitlines()[0]) == {
        "operation": "scale",
        "settings": {"step": 2, "dtype": "float32", "check_dtype": False},
        "inputs": [{"name": "x", "kind": "floats"}, {"name": "what", "kind": "word"}],
        "protocol": 1,
    }


def test_a_new_process_can_be_asked_alone():
    with running([*PYTHON, "times.py", "2", "--moody"], SCALE, SCALE.defaults, 60) as candidate:
        assert values(candidate.answers([((X,), "plain")] * 2)) == [[3, -4], [4.5, -6]]
        assert candidate.afresh((X,), "plain").value.tolist() == [3, -4]
        assert candidate.call((X,), "plain").value.tolist() == [4.5, -6]


def test_answers_come_in_the_order_of_the_calls():
    inputs = [np.array([i, -i], np.float32) for i in range(3 * WINDOW + 1)]
    with acting() as candidate:
        answers = candidate.answers(((x, "answer"), "plain") for x in inputs)
        assert values(answers) == [[2 * i, -2 * i] for i in range(len(inputs))]


def test_several_requests_are_on_their_way_but_no_more_than_the_window():
    taken = []
    with acting() as candidate:
        answers = candidate.answers((taken.append(i) or (X, "answer"), "plain") for i in range(100))
        next(answers)
        assert len(taken) == WINDOW
        answers.close()


def test_large_requests_are_not_piled_up():
    taken = []
    with acting() as candidate:
        x = np.zeros(30_000, np.float32)
        answers = candidate.answers((taken.append(i) or (x, "answer"), "plain") for i in range(100))
        next(answers)
        assert len(taken) == 1
        answers.close()


def test_neither_side_blocks_when_both_have_more_to_write_than_a_pipe_holds(monkeypatch):
    monkeypatch.setattr(external, "AHEAD", 2**40)
    x = np.arange(20_000, dtype=np.float32)
    with acting() as candidate:
        assert all(np.array_equal(a.value, 2 * x) for a in candidate.answers([((x, "answer"), "plain")] * 8))


@pytest.mark.parametrize("count", [1, 5, 23])
def test_answers_may_come_in_any_order(count):
    with running([*PYTHON, "fives.py"], SCALE, SCALE.defaults, 60) as candidate:
        inputs = [np.array([i, 0.5], np.float32) for i in range(count)]
        assert values(candidate.answers(((x,), "plain") for x in inputs)) == [[2 * i, 1] for i in range(count)]


def test_a_right_program_agrees_and_a_wrong_rule_is_named():
    with running([*PYTHON, "fives.py"], SCALE, SCALE.defaults, 60) as candidate:
        flat = replace(SCALE, cases=(replace(SCALE.cases[0], make=lambda s: [(X,), (-X,)]),))
        assert check(candidate, flat, examples=20).verdict == "agrees"
        report = check(candidate, flat, examples=20, step=4)
    assert report.diagnosis[0].settings == {"step": 2}
    assert report.counterexample.inputs["x"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("options", "settings", "statement"),
    [
        (["--flat"], {}, "returns shape (6,): it must be (2, 3) ("),
        ([], {"check_dtype": True}, "returns dtype float64: it must be float32 ("),
        (["--moody"], {}, "gives another answer the second time ("),
    ],
)
def test_a_wrong_form_and_a_second_answer_are_told_as_of_any_candidate(options, settings, statement):
    plain = replace(SCALE, cases=SCALE.cases[:1])
    chosen = {**SCALE.defaults, **settings}
    with running([*PYTHON, "times.py", "2", *options], plain, chosen, 60) as candidate:
        report = check(candidate, plain, examples=20, **settings)
    assert report.diagnosis[0].statement.startswith(statement)


# what the program does -> what is said, at request 3
LOST = {
    "die": "ends its process at request 3: exit status 3",
    "crash": "ends its process at request 3: signal SIGSEGV",
    "rubbish": "writes what is no JSON at request 3: 'hello'",
    "nothing": "writes what is no JSON at request 3: an empty line",
    "no utf-8": "writes what is no JSON at request 3: '\ufffd\ufffd'",
    "deep": f"writes what is no JSON at request 3: '{'[' * lines.WIDTH}...'",
    "a list": "writes JSON that is no object at request 3: '[1, 2]'",
    "half a line and the end": "ends its process in the middle of a line at request 3: exit status 0, after '{\"id",
    "another id": "answers with a wrong id at request 3: 1000, which no request has",
    "a word as id": 'answers with a wrong id at request 3: "7", which no request has',
    "true as id": "answers with a wrong id at request 3: true, which no request has",
    "no id": "writes an answer without an id at request 3: '{\"result\": 1}'",
    "flood": "writes without an end of line at request 3: more than 1,0",
    "flood of lines": "answers with a wrong id at request 3: 0, which no request has",
    "close": "ends its process at request 3: it closed its standard output",
}


@pytest.mark.parametrize(("what", "problem"), LOST.items(), ids=LOST)
def test_what_no_program_may_do_is_told_of_the_request_with_which_it_does(what, problem):
    with acting() as candidate:
        answers = ahead(candidate, ["answer", "answer", what, "answer", "answer"])
    assert values(answers) == [[3, -4], [3, -4], None, [3, -4], [3, -4]]
    assert answers[2].problem.startswith(problem)
    assert [a.lost for a in answers] == [False, False, True, False, False]


@pytest.mark.parametrize("what", ["die", "rubbish", "another id", "half a line and the end"])
def test_it_is_told_too_when_one_request_is_made_at_a_time(what):
    with acting() as candidate:
        answers = [candidate.call((X, w), "plain") for w in ("answer", "answer", what, "answer")]
    assert [a.problem is None for a in answers] == [True, True, False, True]
    assert answers[2].problem.startswith(LOST[what])


AFTER = [
    ("twice", "answers a second time at request 1"),
    ("more", "writes what is no JSON at request 1, after the answer to it: 'done'"),
    ("answer and die", "ends its process at request 1, after the answer to it: exit status 0"),
]


@pytest.mark.parametrize(("what", "problem"), AFTER)
def test_what_follows_on_an_answer_is_told_of_its_request_though_it_is_seen_at_the_next(what, problem):
    other = 10 * X
    with acting() as candidate:
        assert candidate.call((X, what), "plain").value.tolist() == [3, -4]
        time.sleep(LINGER)
        seen = candidate.call((other, "answer"), "plain")
    assert (seen.problem, seen.lost) == (problem, True)
    assert seen.asked[0] is X


@pytest.mark.parametrize(("what", "problem"), AFTER)
def test_what_follows_on_an_answer_is_told_of_its_request_among_several(what, problem):
    with acting() as candidate:
        answers = ahead(candidate, [what, "answer", "answer", "answer"])
    assert [a.problem for a in answers if a.lost] == [problem]


LATE = [
    ("silence", "does not answer within 1 s at request 2"),
    ("half a line", """does not answer within 1 s at request 2: it wrote half a line, '{"id": 2, "r'"""),
    ("flood of errors", "does not answer within 1 s at request 2"),
]


@pytest.fixture
def impatient(monkeypatch):
    """Wait but shortly for a late program to answer at the end of its input."""
    monkeypatch.setattr(external, "ENDING", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("what", "problem"), LATE)
def test_one_that_is_too_late_is_told(what, problem):
    with acting(timeout=1.0) as candidate:
        answers = [candidate.call((X, w), "plain") for w in ("answer", what, "answer")]
    assert [a.lost for a in answers] == [False, True, False]
    assert answers[1].problem == problem


@pytest.mark.usefixtures("impatient")
def test_one_that_is_too_late_is_found_among_several():
    with acting(timeout=1.0) as candidate:
        answers = ahead(candidate, ["answer", "silence", "answer"])
    assert [a.problem for a in answers] == [None, "does not answer within 1 s at request 2", None]


ANSWERED = [
    ("an error", "reports an error: cannot do that"),
    ("no result", "answers without a result"),
    ('{"dtype": "float32"}', "answers with a result that cannot be read: an array needs dtype, shape and bits or"),
    (
        '{"dtype": "f4", "shape": [1], "values": [1]}',
        "answers with a result that cannot be read: an array cannot",
    ),
]


@pytest.mark.parametrize(("what", "problem"), ANSWERED)
def test_an_answer_that_is_none_does_not_cost_the_process(what, problem):
    with acting() as candidate:
        answers = ahead(candidate, ["pid", what, "pid"])
    assert answers[1].problem.startswith(problem)
    assert not any(a.lost for a in answers)
    assert len({*noted()[:2]}) == 1


@pytest.mark.parametrize("what", ["no error", "id as float", "many errors"])
def test_what_is_allowed_is_no_problem(what):
    with acting() as candidate:
        assert candidate.call((X, what), "plain").value.tolist() == [3, -4]


def test_bits_count_before_values_and_numbers_may_stand_alone():
    with acting() as candidate:
        array = {"dtype": "float32", "shape": [1], "bits": ["80000000"], "values": [5]}
        answers = ahead(candidate, [json.dumps(array), "2.5", '"-inf"', "[1, 2]", json.dumps([array, array])])
    assert np.signbit(answers[0].value[0])
    assert [a.value for a in answers[1:4]] == [2.5, -np.inf, [1, 2]]
    assert [v.tolist() for v in answers[4].value] == [[-0.0], [-0.0]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["float32", "ff"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.fixed_dictionaries({}, optional=dict.fromkeys(["dtype", "shape", "bits", "values"], inner))
    ),
    max_leaves=8,
)


def test_no_result_whatever_costs_the_tester_its_life():
    with acting() as candidate:

        @given(JSON)
        @settings(max_examples=200)
        def asked(result):
            answer = candidate.call((X, json.dumps(result)), "plain")
            assert not answer.lost

        asked()
        huge = [
            {"dtype": "int8", "shape": [0, 2**70], "bits": []},
            {"dtype": "int8", "shape": [10**400], "values": [1]},
        ]
        for result in huge:
            assert "cannot be read" in candidate.call((X, json.dumps(result)), "plain").problem


def test_the_last_lines_of_standard_error_are_kept():
    with acting() as candidate:
        answers = ahead(candidate, ["many errors", "die"])
    assert answers[0].said == ()
    assert answers[1].said == tuple(f"complaint {i}" for i in range(3, 8))


def test_a_program_that_is_lost_again_and_again_is_given_up():
    with acting() as candidate:
        answers = ahead(candidate, ["die", "answer", "die", "crash", "answer", "die"])
    assert [a.lost for a in answers] == [True, False, True, True, False, False]
    assert [a.given_up for a in answers] == [False, False, False, False, True, True]
    assert MOST_DEATHS == 3


TOGETHER = """
import json, os, sys, time
while os.read(0, 1) != b"\\n":
    pass
while time.sleep(0.5) or (requests := os.read(0, 100_000).splitlines()):  # what is sent together is there together
    if len(requests) > 1:
        sys.exit("too many")
    print(json.dumps({"id": json.loads(requests[0])["id"], "result": [3, -4]}), flush=True)
"""


def test_what_happens_only_with_several_requests_is_told_as_such(folder):
    (folder / "together.py").write_text(TOGETHER)
    with running([*PYTHON, "together.py"], SCALE, SCALE.defaults, 60) as candidate:
        assert candidate.call((X,), "plain").value == [3, -4]
        answers = list(candidate.answers([((X,), "plain")] * 4))
        told = next(a for a in answers if a.problem is not None)
    assert told.problem.startswith("ends its process at requests 1 to 5: ")
    assert told.problem.endswith("exit status 1; a new process that is asked one at a time answers all of them")
    assert len(told.sent) >= 3


UNFLUSHED = """
import json, sys
sys.stdin.readline()
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "result": [3, -4]}))
"""


def test_one_that_does_not_flush_its_output_is_told_so_once(folder):
    (folder / "unflushed.py").write_text(UNFLUSHED)
    with running([*PYTHON, "unflushed.py"], SCALE, SCALE.defaults, 1.0) as candidate:
        answers = list(candidate.answers([((X,), "plain")] * 3))
    assert answers[0].problem == (
        "does not answer within 1 s at request 1: it does when its input ends, "
        "but it must answer each line at once, and flush its output"
    )
    assert answers[1].given_up


def test_one_that_starts_slowly_has_the_time_of_an_answer_from_when_it_reads(folder):
    (folder / "slow.py").write_text("import time; time.sleep(1.5)\n" + ACTS)
    with running([*PYTHON, "slow.py"], TOLD, TOLD.defaults, 1.0) as candidate:
        assert candidate.call((X, "answer"), "plain").value.tolist() == [3, -4]


def test_one_that_never_reads_is_given_up(monkeypatch, folder):
    monkeypatch.setattr(lines, "STARTING", 1.0)
    monkeypatch.setattr(external, "STARTING", 1.0)
    with running(["sleep", "300"], SCALE, SCALE.defaults, 0.5) as candidate:
        answers = list(candidate.answers([((X,), "plain")] * 2))
    assert answers[0].problem == "does not read its input within 1 s at request 1"
    assert answers[1].given_up


UNSTARTED = [
    (["./missing", "a b"], r"^\./missing 'a b' cannot be started: No such file or directory$"),
    (["./acts.py"], r"^\./acts\.py cannot be started: Permission denied$"),
    (["a\0b"], "cannot be started: embedded null byte"),
    (["./empty"], "cannot be started: Exec format error"),
]


@pytest.mark.parametrize(("command", "message"), UNSTARTED)
def test_what_cannot_be_started_is_an_error(folder, command, message):
    (folder / "empty").touch(0o755)
    with pytest.raises(CandidateError, match=message), running(command, SCALE, SCALE.defaults):
        pass


def test_what_ends_before_it_is_asked_is_an_error():
    expected = r"missing\.py ended before it was asked anything: exit status 2, after it wrote \".*can.t open file"
    with (
        pytest.raises(CandidateError, match=expected),
        running([*PYTHON, "missing.py"], SCALE, SCALE.defaults) as candidate,
    ):
        candidate.call((X,), "plain")


def test_what_dies_of_the_first_request_is_a_problem_of_that_request():
    with acting() as candidate:
        assert candidate.call((X, "die"), "plain").problem == "ends its process at request 1: exit status 3"


def test_a_program_may_end_by_itself_when_its_input_does():
    with acting() as candidate:
        candidate.call((X, "end late"), "plain")
    assert noted() == ["end"]


@pytest.mark.usefixtures("impatient")
def test_nothing_that_it_started_is_left_behind():
    with acting(timeout=1.0) as candidate:
        assert candidate.call((X, "start another"), "plain").lost
    assert len(noted()) == 2
    wait_until(lambda: all(ended(int(process)) for process in noted()))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_nothing_is_left_behind_after_an_interrupt(error):
    def interrupted():
        with acting() as candidate:
            candidate.call((X, "pid"), "plain")
            raise error

    with pytest.raises(error):
        interrupted()
    assert len(noted()) == 1
    assert ended(int(noted()[0]))


def test_an_interrupt_of_the_keyboard_does_not_reach_it():
    with acting() as candidate:
        candidate.call((X, "pid"), "plain")
        assert os.getsid(int(noted()[0])) != os.getsid(0)
        assert candidate.call((X, "answer"), "plain").value.tolist() == [3, -4]


def test_an_input_that_has_no_form_in_json_is_not_asked():
    with acting() as candidate:
        answers = ahead(candidate, [np.array([1j]), "answer"])
    assert answers[0].problem == "is not asked: an array of dtype complex128 cannot be written"
    assert answers[1].value.tolist() == [3, -4]


def test_the_memory_that_a_flood_takes_is_bounded():
    with acting() as candidate:
        problem = candidate.call((X, "flood"), "plain").problem
    longest = external.SHORTEST + external.LONGER * 300
    assert external.SHORTEST < int(problem.split("more than ")[1].split(" ")[0].replace(",", "")) < longest


class Played:
    """In the place of a process: each time a line is awaited it does the next of what it is to do, at once."""

    start = 100.0

    def __init__(self, *acts, begun=True, inbox=b"", said=()):
        self.acts, self.begun, self.inbox, self.said = list(acts), begun, inbox, said
        self.sent, self.awaited = [], []

    def send(self, line):
        self.sent.append(line)

    def line(self, seconds, most):
        self.awaited.append(seconds)
        act = self.acts.pop(0)
        if isinstance(act, bytes):
            return act
        raise act

    def ending(self):
        return "exit status 3"

    def last_words(self):
        return self.said

    def nothing(self):
        pass

    close_input = finish = kill = stop = nothing


@contextmanager
def playing(monkeypatch, *processes, command=("program",)):
    """Run a program whose processes are these, one after the other, and no others."""
    started = []

    def start(_):
        started.append(processes[len(started)])
        return started[-1]

    monkeypatch.setattr(external, "Lines", start)
    with running(command, SCALE, SCALE.defaults) as candidate:
        yield candidate
    assert len(started) == len(processes)
    assert not any(process.acts for process in processes)


def one(number):
    return b'{"id": %d, "result": 1}' % number


def several(candidate, count):
    return list(candidate.answers([((X,), "plain")] * count))


SILENT = "does not answer within 10 s at request"
ENDS = "ends its process at request"


def test_a_candidate_bears_its_command_and_the_program_that_it_is(monkeypatch):
    with playing(monkeypatch, Played(), command=["program", "a b"]) as candidate:
        assert candidate.name == "program 'a b'"
        assert candidate.program.command == ("program", "a b")
        assert json.loads(candidate.program.header)["operation"] == "scale"


def test_an_error_that_is_no_text_is_told_as_json(monkeypatch):
    with playing(monkeypatch, Played(b'{"id": 1, "error": {"code": 3}}')) as candidate:
        assert several(candidate, 1)[0].problem == 'reports an error: {"code": 3}'


def test_requests_are_held_back_when_those_on_their_way_fill_the_room(monkeypatch):
    monkeypatch.setattr(external, "AHEAD", len(request(1, {"x": X}).encode()))
    taken = []
    with playing(monkeypatch, Played(one(1))) as candidate:
        answers = candidate.answers((taken.append(i) or (X,), "plain") for i in range(4))
        next(answers)
    assert taken == [0]


def test_what_is_not_asked_takes_no_room_on_the_way(monkeypatch):
    monkeypatch.setattr(external, "AHEAD", len(request(1, {"x": X}).encode()) + 1)
    taken = []
    with playing(monkeypatch, Played()) as candidate:
        inputs = [np.array([1j]), X, X, X]
        answers = candidate.answers((taken.append(i) or (x,), "plain") for i, x in enumerate(inputs))
        next(answers)
    assert taken == [0, 1, 2]


@pytest.mark.parametrize("then", [TimeoutError, EOFError, b"rubbish"])
def test_silence_is_told_whatever_it_does_at_the_end_of_its_input(monkeypatch, then):
    with playing(monkeypatch, Played(TimeoutError, then)) as candidate:
        assert several(candidate, 1)[0].problem == f"{SILENT} 1"


def test_the_beginning_alone_of_half_a_line_is_told(monkeypatch):
    with playing(monkeypatch, Played(TimeoutError, TimeoutError, inbox=b" " * 1000 + b"word")) as candidate:
        assert several(candidate, 1)[0].problem == f"{SILENT} 1"


def test_what_is_asked_alone_and_is_late_is_not_asked_again(monkeypatch):
    with playing(monkeypatch, Played(one(1), TimeoutError, TimeoutError)) as candidate:
        answers = [candidate.call((X,), "plain") for _ in range(2)]
    assert [a.problem for a in answers] == [None, f"{SILENT} 2"]


@pytest.mark.parametrize(
    ("acts", "begun", "problem"),
    [
        ([TimeoutError], False, f"does not read its input within {lines.STARTING:g} s at request 1"),
        ([TimeoutError, one(1)], True, f"{SILENT} 1: it does when its input ends, but"),
    ],
)
def test_what_it_would_do_again_whatever_it_is_asked_costs_one_process(monkeypatch, acts, begun, problem):
    with playing(monkeypatch, Played(*acts, begun=begun)) as candidate:
        answers = several(candidate, 3)
    assert answers[0].problem.startswith(problem)
    assert [a.given_up for a in answers] == [False, True, True]


def test_one_that_answers_a_second_time_is_not_asked_again(monkeypatch):
    with playing(monkeypatch, Played(one(1), one(1))) as candidate:
        answers = [candidate.call((x,), "plain") for x in (X, -X)]
    assert answers[1].problem == "answers a second time at request 1"
    assert answers[1].asked[0] is X


@pytest.mark.parametrize(("age", "seconds"), [(0.25, 1.0), (5.0, 10.0)])
def test_one_that_ends_without_an_answer_is_watched_when_it_is_asked_nothing_but_once(monkeypatch, age, seconds):
    monkeypatch.setattr(external, "time", SimpleNamespace(monotonic=lambda: Played.start + age))
    watched = Played(TimeoutError)
    with playing(monkeypatch, Played(EOFError), watched, Played(EOFError)) as candidate:
        answers = [candidate.call((X,), "plain") for _ in range(2)]
    assert [a.problem for a in answers] == [f"{ENDS} {i}: exit status 3" for i in (1, 2)]
    assert len(watched.sent) == 1
    assert watched.awaited == [seconds]


@pytest.mark.parametrize(
    ("said", "told"), [((), ""), (("one",), ", after it wrote 'one'"), (("one", "two", "3"), ", after it wrote '3'")]
)
def test_one_that_ends_without_being_asked_is_no_candidate(monkeypatch, said, told):
    ends = [Played(EOFError, inbox=b"half a line", said=said) for _ in range(2)]
    with (
        pytest.raises(CandidateError, match=f"^program ended before it was asked anything: exit status 3{told}$"),
        playing(monkeypatch, *ends) as candidate,
    ):
        candidate.call((X,), "plain")


def test_each_request_under_suspicion_is_asked_alone_until_it_happens_again(monkeypatch):
    again = Played(one(1), TimeoutError, EOFError)
    with playing(monkeypatch, Played(one(1), EOFError), again, Played(one(3))) as candidate:
        answers = several(candidate, 3)
    assert [a.problem for a in answers] == [None, f"{ENDS} 2: exit status 3", None]
    assert again.awaited == [10, LINGER, 10]
    assert (answers[1].asked, answers[1].sent) == (None, ())


def test_what_does_not_happen_again_is_told_of_the_last_that_it_was_sent(monkeypatch):
    alone = Played(*(act for i in (1, 2, 3) for act in (one(i), TimeoutError)))
    with playing(monkeypatch, Played(one(2), EOFError), alone) as candidate:
        answers = several(candidate, 3)
    assert [a.value for a in answers] == [1, 1, None]
    assert answers[2].problem == (
        "ends its process at requests 1 to 3: exit status 3; "
        "a new process that is asked one at a time answers all of them"
    )
    assert (answers[2].asked, answers[2].sent) == (None, ((X,),) * 3)


NODE = r"""
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const r = JSON.parse(line);
  if (r.protocol) return;
  const values = r.x.values.map(v => 2 * v);
  console.log(JSON.stringify({id: r.id, result: {dtype: "float64", shape: r.x.shape, values}}));
});
"""

if shutil.which("node"):

    def test_a_program_in_another_language_needs_a_json_library_alone(folder):
        (folder / "scale.js").write_text(NODE)
        with running(["node", "scale.js"], SCALE, SCALE.defaults, 60) as candidate:
            assert check(candidate, SCALE, examples=20).verdict == "agrees"
            assert check(candidate, SCALE, examples=20, step=3).diagnosis[0].settings == {"step": 2}

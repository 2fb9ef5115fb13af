import multiprocessing
import os
import signal
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from refcompress.verify import blocks, workers
from refcompress.verify.blocks import CALL, Found, Sweep
from refcompress.verify.candidates import CandidateError, from_callable
from refcompress.verify.child import Lost
from refcompress.verify.exhaustive import prove
from refcompress.verify.operations import find_operation
from refcompress.verify.workers import ByName, Forked, Here, Limit, crew, runs_in_threads, silenced, swept

SETTINGS = {**find_operation("quantize").defaults, "bits": 8}
HALVES = Sweep("quantize", {**SETTINGS, "dtype": "float16"}, (4,), "float16")
WHOLE = Sweep("quantize", SETTINGS, (4,), "float32")
LIMIT = Limit(5.0, 0.0)
PLACE = int(HALVES.patterns.places(np.array([2.5], np.float16))[0])


def right(x, p):
    return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127)


def dies(x, p):
    if (x == 2.5).any():
        os.kill(os.getpid(), signal.SIGKILL)
    return right(x, p)


def hangs(x, p):
    if (x == 2.5).any():
        time.sleep(60)
    return right(x, p)


def holds_the_lock(x, p):
    total = 0
    for i in range(200_000):
        total += i
    return right(x, p)


def candidate(function):
    return from_callable(function, ["x", "p"])


@pytest.mark.parametrize("kind", [Here, Forked])
@pytest.mark.parametrize("jobs", [1, 2])
def test_whoever_sweeps_finds_the_same(kind, jobs):
    blocks = [766, 767, 768]
    with crew(lambda: kind(candidate(right), WHOLE), jobs, WHOLE, blocks, LIMIT) as results:
        found = dict(results)
    alone = Here(candidate(right), WHOLE)
    assert found == {block: alone.ask(*WHOLE.places(block), 5.0) for block in blocks}


@pytest.mark.parametrize(
    ("function", "why"), [(dies, "ends its process: signal SIGKILL"), (hangs, "does not answer in time")]
)
def test_the_input_that_costs_a_process_is_found_by_cutting_the_block(function, why):
    worker = Forked(candidate(function), HALVES)
    found = swept(worker, HALVES, 0, Limit(0.3, 0.0))
    worker.stop()
    assert found.silent == ((PLACE, PLACE, why),)
    assert found.lost
    assert found.accepted == 2**16 - 2046 - 1


def test_a_named_candidate_is_swept_in_its_own_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import numpy as np\ndef zeros(x, p): return np.zeros(x.shape, int)\n")
    worker = ByName("mine.py:zeros", ["x", "p"], 5.0, HALVES)
    found = swept(worker, HALVES, 0, LIMIT)
    worker.stop()
    assert found == Here(candidate(lambda x, p: np.zeros(x.shape, int)), HALVES).ask(0, 2**16 - 1, 5.0)


def test_a_named_candidate_that_is_gone_later_costs_blocks_and_not_the_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import os\ndef f(x, p): os._exit(3)\n")
    worker = ByName("mine.py:f", ["x", "p"], 5.0, HALVES)
    with pytest.raises(Lost, match=r"^ends its process: exit status 3$"):
        worker.ask(PLACE, PLACE, 60.0)
    (tmp_path / "mine.py").unlink()
    with pytest.raises(Lost, match=r"^cannot be started again: there is no file mine\.py"):
        worker.ask(PLACE, PLACE, 60.0)
    worker.stop()


def test_a_named_candidate_that_is_left_is_not_started_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def f(x, p): return x\n")
    worker = ByName("mine.py:f", ["x", "p"], 5.0, HALVES)
    worker.kill()
    with pytest.raises(workers.Ended):
        worker.ask(PLACE, PLACE, 60.0)
    worker.stop()


def test_a_named_candidate_that_is_left_while_it_is_asked_is_no_loss(monkeypatch):
    def ask(*_, seconds):
        worker.kill()
        raise Lost("is gone")

    worker = ByName("mine.py:f", ["x", "p"], 5.0, HALVES)
    monkeypatch.setattr(worker.child, "start", lambda: "")
    monkeypatch.setattr(worker.child, "ask", ask)
    with pytest.raises(workers.Ended):
        worker.ask(PLACE, PLACE, 60.0)


def test_one_that_cannot_be_imported_ends_the_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(CandidateError, match=r"there is no file mine\.py"),
        crew(lambda: ByName("mine.py:f", ["x", "p"], 5.0, HALVES), 2, HALVES, [0], LIMIT) as results,
    ):
        list(results)


def test_the_same_fork_is_asked_again_and_gone_after_it_is_stopped():
    worker = Forked(candidate(right), HALVES)
    worker.ask(PLACE, PLACE, 60.0)
    process = worker.process
    worker.ask(PLACE, PLACE, 60.0)
    again = worker.process
    worker.stop()
    worker.stop()
    assert again is process
    assert process.daemon
    assert process.exitcode == -signal.SIGKILL


def test_it_is_a_fork_whatever_way_to_start_processes_the_caller_chose():
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("spawn", force=True)
    worker = Forked(candidate(lambda x, p: right(x, p)), HALVES)
    try:
        assert worker.ask(PLACE, PLACE, 60.0) == Found(accepted=1)
    finally:
        worker.stop()
        multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda: os._exit(0), "exit status 0"),
        (lambda: os._exit(3), "exit status 3"),
        (lambda: os.kill(os.getpid(), signal.SIGRTMIN + 2), f"signal {signal.SIGRTMIN + 2}"),
    ],
)
def test_how_a_fork_ended_is_said_in_a_few_words(end, why):
    worker = Forked(candidate(lambda x, p: end()), HALVES)
    with pytest.raises(Lost, match=f"^ends its process: {why}$"):
        worker.ask(PLACE, PLACE, 60.0)


def test_a_fork_is_waited_for_as_long_as_is_allowed_and_then_ended(monkeypatch):
    waited = []
    monkeypatch.setattr(workers.connection, "wait", lambda _, seconds: waited.append(seconds) or [])
    worker = Forked(candidate(right), HALVES)
    with pytest.raises(Lost, match=r"^does not answer in time$"):
        worker.ask(PLACE, PLACE, 0.25)
    assert waited == [0.25]
    assert worker.process is None


def test_a_fork_that_is_left_while_it_is_asked_is_no_loss(monkeypatch):
    worker = Forked(candidate(hangs), HALVES)
    monkeypatch.setattr(workers.connection, "wait", lambda ends, _: worker.kill() or ends)
    with pytest.raises(workers.Ended):
        worker.ask(PLACE, PLACE, 60.0)


def test_what_goes_wrong_beside_the_candidate_is_raised_where_it_was_asked(monkeypatch):
    def evaluate(*_):
        raise MemoryError("too much")

    monkeypatch.setattr(workers, "evaluate", evaluate)
    worker = Forked(candidate(right), HALVES)
    with pytest.raises(RuntimeError, match=r"^MemoryError: too much$"):
        worker.ask(PLACE, PLACE, 60.0)
    worker.stop()


def test_what_a_fork_writes_goes_nowhere(capfd):
    def writes(x, p):
        os.write(1, b"output")
        os.write(2, b"errors")
        return right(x, p)

    worker = Forked(candidate(writes), HALVES)
    assert worker.ask(PLACE, PLACE, 60.0).accepted == 1
    worker.stop()
    assert capfd.readouterr() == ("", "")


def test_a_fork_that_nobody_can_ask_any_more_ends_by_itself():
    worker = Forked(candidate(right), HALVES)
    worker.ask(PLACE, PLACE, 60.0)
    worker.link.close()
    worker.process.join()
    assert worker.process.exitcode == 0
    worker.stop()


def test_leaving_ends_every_process_at_once():
    made = []

    def make():
        made.append(Forked(candidate(hangs), HALVES))
        return made[-1]

    start = time.monotonic()
    with crew(make, 1, HALVES, [0], Limit(60.0, 0.0)):
        while made[0].process is None:
            time.sleep(0.01)
        process = made[0].process
    assert time.monotonic() - start < 5
    assert not process.is_alive()


def test_a_sweep_that_is_left_starts_no_process_again():
    worker = Forked(candidate(right), HALVES)
    worker.kill()
    with pytest.raises(workers.Ended):
        worker.ask(0, 1, 1.0)


class Toy:
    """A worker that is lost over all that holds a place, and finds a difference in the rest."""

    def __init__(self, place=None):
        self.place, self.asked, self.kills = place, [], 0

    def ask(self, first, last, seconds):
        self.asked.append((first, last, seconds))
        if self.place is not None and first <= self.place <= last:
            raise Lost("is gone")
        return Found(accepted=last - first + 1, example=(first, 1, 2))

    def kill(self):
        self.kills += 1

    def stop(self):
        pass


def test_a_lost_block_is_cut_in_two_until_the_input_that_does_it_is_left():
    first, last = WHOLE.places(766)
    worker, limit = Toy(first), Limit(10.0, 0.5)
    found = swept(worker, WHOLE, 766, limit)
    assert found.silent == ((first, first, "is gone"),)
    assert found.accepted == last - first
    assert found.example is not None
    sizes = [2**i for i in range(22, -1, -1)]
    assert worker.asked[:23] == [
        (first, first + size - 1, (limit.part if i else limit.whole)(size)) for i, size in enumerate(sizes)
    ]
    assert worker.asked[23:] == [(first + size, first + 2 * size - 1, limit.part(size)) for size in reversed(sizes[1:])]


def test_a_lost_block_costs_51_processes_at_most():
    class Losing(Toy):
        def ask(self, first, last, seconds):
            self.place = first
            return super().ask(first, last, seconds)

    worker = Losing()
    first, last = WHOLE.places(766)
    assert swept(worker, WHOLE, 766, LIMIT) == Found(silent=((first, last, "is gone"),), lost=True)
    assert len(worker.asked) == 51


@pytest.mark.parametrize("silent", [(), ((7, 7, "raises ValueError"),)])
def test_a_block_that_is_lost_as_a_whole_alone_is_not_a_lost_one(silent):
    class Once(Toy):
        def ask(self, first, last, seconds):
            self.place = None if self.asked else first
            found = super().ask(first, last, seconds)
            return replace(found, silent=silent if first == 0 else ())

    found = swept(Once(), HALVES, 0, LIMIT)
    assert (found.accepted, found.silent, found.lost) == (2**16, silent, False)


def test_a_worker_that_finds_nothing_more_to_do_ends_and_leaves_the_others_to_theirs():
    ended = threading.Event()

    class Waiting(Toy):
        def ask(self, first, last, seconds):
            assert threading.current_thread().daemon
            if first == 0:
                assert ended.wait(60)
            return super().ask(first, last, seconds)

        def stop(self):
            ended.set()

    with crew(Waiting, 2, WHOLE, [0, 1], LIMIT) as results:
        assert {block for block, _ in results} == {0, 1}


def test_a_worker_is_killed_until_its_thread_ends():
    killed = threading.Event()

    class Stubborn(Toy):
        def ask(self, first, last, seconds):
            killed.wait(5)
            return super().ask(first, last, seconds)

        def kill(self):
            super().kill()
            if self.kills == 2:
                killed.set()

    worker = Stubborn()
    with crew(lambda: worker, 1, WHOLE, [0], LIMIT):
        pass
    assert worker.kills >= 2


def test_a_sweep_is_given_up_at_the_third_block_that_costs_a_process(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1 << 12)
    monkeypatch.setattr(workers, "MOST_CUTS", 0)
    monkeypatch.setattr(workers, "runs_in_threads", lambda *_: False)
    here = os.getpid()

    def dies_elsewhere(x, p):
        if os.getpid() != here:
            os._exit(3)
        return right(x, p)

    report = prove(dies_elsewhere, "quantize", "float16", p=4, bits=8, jobs=2)
    assert report.proof.given_up.startswith("3 blocks of inputs cost a process or more each")


def test_threads_are_for_what_releases_the_lock(monkeypatch):
    seconds = {1: 1.0, 2: 1.9}
    monkeypatch.setattr(workers, "_seconds", lambda works: seconds[len(works)])
    assert not runs_in_threads(candidate(holds_the_lock), HALVES, PLACE)
    seconds[2] = 1.5
    assert not runs_in_threads(candidate(right), HALVES, PLACE)
    seconds.update({1: 2.0, 2: 2.9})
    assert runs_in_threads(candidate(right), HALVES, PLACE)


def test_where_there_are_no_forks_it_is_threads_in_any_case(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(workers, "_seconds", lambda works: float(len(works)))
    assert runs_in_threads(candidate(holds_the_lock), HALVES, PLACE)


@pytest.mark.parametrize(
    ("sweep", "place", "last"),
    [(HALVES, 0, 32_767), (HALVES, 32_767, 32_767), (HALVES, 32_768, 65_535), (WHOLE, 1000, 1000 + CALL - 1)],
)
def test_what_is_measured_is_a_call_of_one_sign(monkeypatch, sweep, place, last):
    spans = []
    monkeypatch.setattr(workers, "evaluate", lambda _, sweep, first, last: spans.append(range(first, last + 1)))
    runs_in_threads(candidate(right), sweep, place)
    assert set(spans) == {range(place, last + 1)}


def test_what_is_measured_is_the_time_of_all_threads():
    met, done = threading.Barrier(2), []
    assert workers._seconds([lambda: done.append(met.wait())] * 2) < 60
    assert sorted(done) == [0, 1]


def test_what_a_candidate_prints_goes_nowhere(capsys):
    with silenced():
        print("hello")
        assert sys.stdout.write("hello") == 5
    assert capsys.readouterr().out == ""


def test_more_time_is_allowed_for_a_block_than_for_a_part_of_a_lost_one():
    limit = Limit(10.0, 0.5)
    assert limit.whole(2) == 10 + 20
    assert limit.part(2) == 1 + 20

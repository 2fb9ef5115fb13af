import os
import signal
import threading
import time

import numpy as np
import pytest

from refcompress.verify import workers
from refcompress.verify.blocks import Found, Sweep
from refcompress.verify.candidates import CandidateError, from_callable
from refcompress.verify.child import Lost
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


def test_one_that_cannot_be_imported_ends_the_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(CandidateError, match=r"there is no file mine\.py"),
        crew(lambda: ByName("mine.py:f", ["x", "p"], 5.0, HALVES), 2, HALVES, [0], LIMIT) as results,
    ):
        list(results)


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


def test_a_lost_block_of_one_input_is_not_cut():
    class Losing:
        def ask(self, first, last, seconds):
            raise Lost("is gone")

    sweep = Sweep("quantize", SETTINGS, (4,), "float16")
    object.__setattr__(sweep, "places", lambda block: (7, 7))
    assert swept(Losing(), sweep, 0, LIMIT) == Found(silent=((7, 7, "is gone"),), lost=True)


def test_threads_are_for_what_releases_the_lock(monkeypatch):
    seconds = {1: 1.0, 2: 1.9}
    monkeypatch.setattr(workers, "_seconds", lambda works: seconds[len(works)])
    assert not runs_in_threads(candidate(holds_the_lock), HALVES, PLACE)
    seconds[2] = 1.1
    assert runs_in_threads(candidate(right), HALVES, PLACE)


def test_what_is_measured_is_the_time_of_all_threads():
    met = threading.Barrier(2)
    assert workers._seconds([met.wait, met.wait]) < 60


def test_what_a_candidate_prints_goes_nowhere(capsys):
    with silenced():
        print("hello")
    assert capsys.readouterr().out == ""


def test_more_time_is_allowed_for_a_block_than_for_a_part_of_a_lost_one():
    limit = Limit(10.0, 0.5)
    assert limit.whole(2) == 10 + 20
    assert limit.part(2) == 1 + 20

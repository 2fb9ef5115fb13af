import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed import Client, KilledWorker, LocalCluster, default_client

from refcompress import __version__
from refcompress.verify import cluster as module
from refcompress.verify.blocks import Found, Sweep
from refcompress.verify.candidates import from_callable
from refcompress.verify.cluster import _Sweeper, crew
from refcompress.verify.exhaustive import prove_named
from refcompress.verify.operations import find_operation
from refcompress.verify.workers import Here, Limit

ROOT = Path(__file__).parents[2]
BLOCKS = range(766, 774)  # of float32: 1 to 16
CODE = """
import os, pathlib, time

import numpy as np

def quantize_half_away(x, p):
    if x.size > 100_000:  # slow enough to be ended half way
        time.sleep(0.01)
        pathlib.Path(f"processes/{os.getpid()}-{os.getppid()}").touch()
    v = np.ldexp(x.astype(np.float64), p)
    return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127).astype(int)
"""


def wait_until(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within half a minute")


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A scheduler and two workers as processes of their own; gives the address and the workers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "processes").mkdir()
    started = []

    def start(*words):
        command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
        with open(tmp_path / "log", "a") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
        return started[-1]

    file = tmp_path / "scheduler.json"
    start("dask_scheduler", "--scheduler-file", str(file), "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
    wait_until(file.exists)
    workers = [
        start("dask_worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny", "--no-dashboard")
        for _ in range(2)
    ]
    with Client(scheduler_file=str(file), set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
        address = client.scheduler_info()["address"]
    yield address, workers
    for process in reversed(started):
        process.kill()
        process.wait()


def prove(**options):
    settings = {"bits": 8}
    return prove_named(
        "mine.py:quantize_half_away", "quantize", "float32", {"p": 4}, settings, blocks=BLOCKS, **options
    )


def test_two_workers_of_which_one_ends_half_way_find_what_one_machine_finds(cluster, tmp_path):
    address, workers = cluster

    def busy():
        return {int(p.name.partition("-")[2]) for p in (tmp_path / "processes").iterdir()}

    code = f"""
import json
from refcompress.verify.exhaustive import prove_named
report = prove_named("mine.py:quantize_half_away", "quantize", "float32", {{"p": 4}}, {{"bits": 8}},
    blocks=range({BLOCKS.start}, {BLOCKS.stop}), scheduler={address!r})
print(json.dumps(report.json()), report.text())
"""
    sweeping = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: {w.pid for w in workers} <= busy() or sweeping.poll() is not None)
    workers[0].send_signal(signal.SIGKILL)
    out, err = sweeping.communicate(timeout=60)
    local = prove(jobs=2)
    assert sweeping.returncode == 0, err
    assert out == f"{json.dumps(local.json())} {local.text()}\n"
    assert local.proof.found.differing == 56
    wait_until(lambda: not any(is_running(p.name.partition("-")[0]) for p in (tmp_path / "processes").iterdir()))


def test_a_scheduler_that_is_not_there_is_said_in_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    monkeypatch.setattr("refcompress.verify.cluster.CONNECTING", 0.5)
    with pytest.raises(ValueError, match=r"^no Dask scheduler answers at tcp://127.0.0.1:9: ") as told:
        prove(scheduler="tcp://127.0.0.1:9")
    assert "\n" not in str(told.value)


SWEEP = Sweep("dequantize", find_operation("dequantize").defaults, (4,), "int16")
LIMIT = Limit(5.0, 0.25)
ORDER = ("mine:f", ("x", "p"), 5.0)


class StandIn:
    """What evaluates ranges in the place of a process: it finds that it was asked."""

    made = ()

    def __init__(self, *order):
        self.order, self.asked, self.killed = order, [], False
        StandIn.made += (self,)

    def ask(self, *span):
        self.asked.append(span)
        return Found(accepted=1)

    def kill(self):
        self.killed = True


@pytest.fixture
def stand_ins(monkeypatch):
    """A way to the processes that were started, none of which is one."""
    monkeypatch.setattr(StandIn, "made", ())
    monkeypatch.setattr(module, "ByName", StandIn)
    return lambda: StandIn.made


@pytest.fixture
def here():
    """A cluster of one worker with one thread in this process."""
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster


def worker_of(cluster):
    return cluster.workers[0]


def of_this_package(worker):
    return [name for name in worker.plugins if name.startswith("refcompress")]


def sweeper(order=ORDER):
    """A plugin that was set up."""
    plugin = _Sweeper(order, SWEEP, LIMIT)
    plugin.setup(SimpleNamespace(address="tcp://worker"))
    return plugin


def test_a_block_is_swept_in_a_process_of_its_thread_that_ends_with_the_sweep(stand_ins):
    plugin = sweeper()
    assert plugin.found(0) == plugin.found(0) == Found(accepted=1)
    thread = threading.Thread(target=plugin.found, args=(0,))
    thread.start()
    thread.join()
    mine, other = stand_ins()
    assert mine.order == ("mine:f", ("x", "p"), 5.0, SWEEP)
    assert mine.asked == [(0, 65535, LIMIT.whole(65536))] * 2
    assert other.asked == mine.asked[:1]
    assert not mine.killed
    plugin.teardown(None)
    assert mine.killed
    assert other.killed


@pytest.mark.parametrize("name", ["mine.py", "a:b.py"])
def test_a_file_travels_as_its_text_and_is_gone_at_the_end(name, stand_ins, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / name).write_text(CODE)
    plugin = _Sweeper((f"{tmp_path / name}:quantize_half_away", ("x", "p"), 5.0), SWEEP, LIMIT)
    (tmp_path / name).unlink()
    plugin.setup(None)
    plugin.found(0)
    place, _, function = stand_ins()[0].order[0].rpartition(":")
    assert (Path(place).name, function, Path(place).read_text()) == (name, "quantize_half_away", CODE)
    assert [folder.name.startswith("refcompress-") for folder in tmp_path.iterdir()] == [True]
    plugin.teardown(None)
    assert list(tmp_path.iterdir()) == []


def test_a_candidate_that_is_imported_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sweeper()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_with_another_version_is_refused(monkeypatch):
    plugin = _Sweeper(ORDER, SWEEP, LIMIT)
    monkeypatch.setattr(module, "__version__", "0.0")
    with pytest.raises(ValueError, match=f"^worker tcp://worker has refcompress 0.0, and {__version__} is needed$"):
        plugin.setup(SimpleNamespace(address="tcp://worker"))


def test_a_cluster_finds_what_this_process_finds(here, monkeypatch):
    candidate = from_callable(lambda x, p: x / 2.0**p + (x == 3), ["x", "p"])
    monkeypatch.setattr(module, "ByName", lambda *order: Here(candidate, SWEEP))
    with crew(here.scheduler_address, ORDER, SWEEP, [0], LIMIT) as results:
        assert list(results) == [(0, Here(candidate, SWEEP).ask(0, 65535, 1.0))]


def test_nothing_is_left_on_a_cluster_and_no_client_for_others(here, stand_ins):
    before = list(worker_of(here).plugins)
    with crew(here.scheduler_address, ORDER, SWEEP, [0], LIMIT) as results:
        assert list(results) == [(0, Found(accepted=1))]
        assert len(of_this_package(worker_of(here))) == 1
        with pytest.raises(ValueError, match="No clients found"):
            default_client()
    assert list(worker_of(here).plugins) == before
    assert [process.killed for process in stand_ins()] == [True]
    assert stand_ins()[0].order == (*ORDER, SWEEP)
    assert stand_ins()[0].asked == [(0, 65535, LIMIT.whole(65536))]


def lost(monkeypatch, times):
    """Have block 1 cost workers so often; return the blocks that are tried, as they are."""
    tried = []

    def swept(process, sweep, block, limit):
        tried.append(block)
        if block == 1 and tried.count(1) <= times:
            raise KilledWorker("a block", SimpleNamespace(address="tcp://lost"), 3)
        return Found(accepted=block)

    monkeypatch.setattr(module, "swept", swept)
    return tried


@pytest.fixture
def cancelled(monkeypatch):
    """The keys of what is cancelled."""
    keys, cancel = [], Client.cancel

    def watched(client, futures, **options):
        keys.extend(future.key for future in futures)
        return cancel(client, futures, **options)

    monkeypatch.setattr(Client, "cancel", watched)
    return keys


def test_a_block_that_costs_workers_is_swept_again_up_to_20_times(here, stand_ins, monkeypatch, cancelled):
    tried = lost(monkeypatch, 20)
    with crew(here.scheduler_address, ORDER, SWEEP, [0, 1, 2], LIMIT) as results:
        assert sorted(results) == [(block, Found(accepted=block)) for block in range(3)]
    assert tried.count(1) == 21
    assert len(set(cancelled)) == 3 + 20


def test_a_block_that_costs_more_workers_cannot_be_had(here, stand_ins, monkeypatch):
    tried = lost(monkeypatch, 100)
    with (
        pytest.raises(ValueError, match=r"^block 1 of the sweep cannot be had: Attempted to run .* tcp://lost"),
        crew(here.scheduler_address, ORDER, SWEEP, [1], LIMIT) as results,
    ):
        list(results)
    assert tried.count(1) == 21


def test_a_sweep_that_is_left_early_cancels_its_blocks_and_leaves_nothing(here, stand_ins, monkeypatch, cancelled):
    before = list(worker_of(here).plugins)
    with crew(here.scheduler_address, ORDER, SWEEP, [0] * 4, LIMIT) as results:
        next(results)
    assert len(set(cancelled)) == 4
    assert list(worker_of(here).plugins) == before


def test_a_cluster_that_is_gone_at_the_end_is_no_error(here, stand_ins, monkeypatch):
    def gone(*args, **options):
        raise OSError("gone")

    with crew(here.scheduler_address, ORDER, SWEEP, [0], LIMIT) as results:
        assert len(list(results)) == 1
        monkeypatch.setattr(Client, "cancel", gone)


def test_workers_that_cannot_sweep_say_why(here, monkeypatch):
    def setup(self, worker):
        raise RuntimeError("no room")

    monkeypatch.setattr(_Sweeper, "setup", setup)
    address = here.scheduler_address
    with (
        pytest.raises(ValueError, match=f"^the workers of {address} cannot sweep: RuntimeError: no room$"),
        crew(address, ORDER, SWEEP, [0], LIMIT),
    ):
        pass


def test_a_cluster_without_workers_is_refused():
    with LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty:
        address = empty.scheduler_address
        with (
            pytest.raises(ValueError, match=f"^the Dask scheduler at {address} has no workers$"),
            crew(address, ORDER, SWEEP, [0], LIMIT),
        ):
            pass


@pytest.mark.parametrize(
    ("error", "text"), [(OSError("one\ntwo"), "one"), (ValueError("odd"), "odd"), (TimeoutError(), "TimeoutError")]
)
def test_a_scheduler_has_ten_seconds_to_answer_and_why_it_does_not_is_said_in_a_line(monkeypatch, error, text):
    asked = []

    def client(address, timeout, **options):
        asked.append((address, timeout))
        raise error

    monkeypatch.setattr(module, "Client", client)
    with (
        pytest.raises(ValueError, match=f"^no Dask scheduler answers at tcp://there: {text}$"),
        crew("tcp://there", ORDER, SWEEP, [0], LIMIT),
    ):
        pass
    assert asked == [("tcp://there", 10.0)]

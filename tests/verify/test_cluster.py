import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import Client

from refcompress.verify.exhaustive import prove_named

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

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser

import pytest

from refcompress.cli import main
from refcompress.commands import explore
from refcompress.commands.explore import _open, started
from refcompress.commands.explore_views import VIEWS
from refcompress.compression import Plan
from refcompress.datasets import load_digits

QUICK = Plan(teacher_hidden=(8,), teacher_epochs=1, student_epochs=1, prune_steps=1, tuning_epochs=1)
QUERY = {"p": "3", "bits": "4", "k": "1000", "T": "4", "rounding": "half_even", "example": "7"}


@pytest.fixture(scope="module")
def address():
    with started(0, load_digits(), QUICK) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def stop(connection, dataset, plan):
    """In place of the training: what is spawned is looked up by this name."""


def ask(address, path):
    with urllib.request.urlopen(address + path, timeout=30) as reply:
        return json.load(reply)


def wait_until_ready(address):
    for _ in range(1200):
        now = ask(address, "/api/progress")
        if now["ready"]:
            return now
        time.sleep(0.05)
    raise AssertionError(now)


def test_the_page_is_served(address):
    with urllib.request.urlopen(address, timeout=30) as reply:
        assert b"<title>refcompress explore</title>" in reply.read()


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_served(address, name):
    query = "&".join(f"{setting}={QUERY[setting]}" for setting in VIEWS[name].settings)
    assert ask(address, f"/api/{name}?{query}")


def test_a_bad_value_is_a_400_with_the_message(address):
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(address, "/api/mask?k=-1")
    assert caught.value.code == 400
    assert json.load(caught.value) == {"error": "k is -1: it must be from 0 to 4736"}


def test_the_training_ends_with_the_frontier(address):
    now = wait_until_ready(address)
    assert now["trained"]
    answer = ask(address, "/api/frontier?p=3&bits=4&k=1000")
    assert [series["bits"] for series in answer["series"]] == [2, 3, 4, 6, 8]
    assert [name for name, _, _ in answer["stages"]] == ["teacher", "student"]


COMMAND = [sys.executable, "-m", "refcompress", "explore", "--port", "0", "--no-browser"]


@pytest.mark.parametrize("wait", [0, 1.5])
def test_ctrl_c_stops_it_cleanly_with_the_process_that_trains(wait):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(COMMAND, **pipes, start_new_session=True) as process:
        line = process.stdout.readline()
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to both
        out, err = process.communicate(timeout=60)
    assert line.startswith("http://127.0.0.1:")
    assert (process.returncode, out, err) == (0, "", "")


def test_a_training_that_is_stopped_is_told(monkeypatch):
    monkeypatch.setattr(explore, "_train", stop)
    with started(0, load_digits(), QUICK) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for _ in range(600):
            text = ask(f"http://127.0.0.1:{server.server_port}", "/api/progress")["text"]
            if text != "starting":
                break
            time.sleep(0.05)
        server.shutdown()
        thread.join()
    assert text == "the training was stopped from outside: start refcompress explore again"


def test_a_port_that_is_taken_is_one_line_and_status_2(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["explore", "--no-browser", "--port", str(port)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"refcompress: cannot listen on port {port} ")
    assert err.count("\n") == 1


def test_a_port_that_is_none_is_one_line_and_status_2(capsys):
    assert main(["explore", "--no-browser", "--port", "65536"]) == 2
    assert capsys.readouterr().err == "refcompress: port is 65536: it must be from 0 to 65535\n"


@pytest.mark.parametrize(
    ("browser", "opened"),
    [(webbrowser.BackgroundBrowser, ["http://127.0.0.1:1/"]), (webbrowser.GenericBrowser, [])],
)
def test_only_a_browser_with_windows_is_opened(monkeypatch, browser, opened):
    seen = []
    monkeypatch.setattr(browser, "open", lambda self, url: seen.append(url))
    monkeypatch.setattr(webbrowser, "get", lambda: browser("name"))
    _open("http://127.0.0.1:1/")
    assert seen == opened


def test_no_browser_is_no_error(monkeypatch):
    def none():
        raise webbrowser.Error("no browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert _open("http://127.0.0.1:1/") is None

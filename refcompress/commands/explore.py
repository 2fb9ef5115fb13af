"""``refcompress explore``: a page in the browser where sliders move the formulas, computed by the package itself."""

import argparse
import contextlib
import functools
import multiprocessing
import signal
import threading
import webbrowser
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING

from refcompress.commands.compress import one_thread_each

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer
    from multiprocessing.connection import Connection

    from refcompress.compression import Plan
    from refcompress.datasets import Dataset

SUMMARY = "a page in your browser: move p, bits, k and T, and see staircase, histogram, mask and frontier move"
PORT = 8017


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"port (default {PORT}; 0 for a free one)")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")


def run(options: argparse.Namespace) -> int:
    """Serve the page to this machine until Ctrl-C."""
    from refcompress import arguments
    from refcompress.compression import Plan
    from refcompress.datasets import load_digits

    port = arguments.integer(options.port, "port", 0, 65_535)
    with contextlib.suppress(KeyboardInterrupt), started(port, load_digits(), Plan()) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"{address} shows the page, to this machine alone; Ctrl-C stops it", flush=True)
        if not options.no_browser:
            _open(address)
        server.serve_forever(poll_interval=0.1)
    return 0


@contextlib.contextmanager
def started(port: int, dataset: "Dataset", plan: "Plan") -> "Iterator[ThreadingHTTPServer]":
    """Yield a server of the page that listens, while what it shows is trained in a process of its own."""
    from multiprocessing import resource_tracker

    from refcompress.commands.explore_server import Query, listening
    from refcompress.commands.explore_study import untrained
    from refcompress.commands.explore_views import VIEWS, Answer, view

    study = untrained(dataset, plan)

    def asked(name: str, query: Query) -> Answer:
        return view(study, name, query)

    def follow() -> None:
        nonlocal study
        with contextlib.suppress(EOFError):
            while True:
                study = ours.recv()
        if study.text != "ready":
            study = replace(study, text="the training was stopped from outside: start refcompress explore again")

    page = resources.files("refcompress").joinpath("data", "explore.html").read_bytes()
    with listening(port, page, {name: functools.partial(asked, name) for name in VIEWS}) as server:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe(duplex=False)
        trainer = spawn.Process(target=_train, args=(theirs, dataset, plan), daemon=True)
        # the trainer inherits that it does not see Ctrl-C: it is ended by the server, which does;
        # the tracker's own start would unblock it again
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            trainer.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        reader = threading.Thread(target=follow, daemon=True)
        reader.start()
        try:
            yield server
        finally:
            trainer.terminate()
            trainer.join()
            reader.join()
            ours.close()


def _train(connection: "Connection", dataset: "Dataset", plan: "Plan") -> None:
    """Train, and send every new state of the study; beside the server, so that both answer at once."""
    from refcompress.commands.explore_study import train

    one_thread_each()
    with contextlib.suppress(BrokenPipeError):  # the server is gone
        train(dataset, plan, connection.send)


def _open(address: str) -> None:
    """Open a browser if there is one with windows; one of the terminal would take the place of this command."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser:
        browser.open(address)

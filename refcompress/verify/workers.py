"""Who sweeps a block: threads of this process, forks of it, or processes that import the candidate by its name.

A thread of ours stands behind each of them and takes one block after the other. A process that dies or hangs over a
block costs that block alone: it is started again, and the block is cut in two and asked for again until the inputs that
do it are found.
"""

import contextlib
import dataclasses
import io
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Protocol

from refcompress.verify.blocks import CALL, Found, NoAnswer, Splits, Sweep, evaluate, joined, split
from refcompress.verify.candidates import Candidate
from refcompress.verify.child import Child, Lost

MOST_CUTS = 24  # of the halves of a lost block, to narrow down which inputs do it: 1 + 2 + 2 * 24 processes at most
MOST_LOST_BLOCKS = 3  # blocks that may cost processes before a sweep is given up
SHORT = 1.0  # seconds that are allowed for a part of a block that was lost, beside what it should take
SLOWER = 20  # times as long as on average a block may take, beside the seconds that are allowed for a call
ENDING = 0.05  # seconds between two looks at a thread that is to end
PATIENCE = 5.0  # seconds for threads to end: one that hangs in a candidate goes with the process


@dataclass(frozen=True)
class Limit:
    """How long a range of inputs may take."""

    timeout: float
    """Seconds for any call."""
    each: float
    """Seconds that one input takes on average."""

    def whole(self, size: int) -> float:
        """Return the seconds for so many inputs."""
        return self.timeout + SLOWER * self.each * size

    def part(self, size: int) -> float:
        """Return the seconds for so many inputs of a block that was lost."""
        return min(SHORT, self.timeout) + SLOWER * self.each * size


class Worker(Protocol):
    """Evaluates one range of places after the other."""

    def ask(self, first: int, last: int, seconds: float) -> Found:
        """Return what came of the range, or raise Lost."""

    def kill(self) -> None:
        """Make the ``ask`` of another thread return soon."""

    def stop(self) -> None:
        """End what was started."""


class Ended(Exception):  # noqa: N818 - no error
    """Nothing more is to be evaluated."""


class Here:
    """Evaluates in this process."""

    def __init__(self, candidate: Candidate, sweep: Sweep) -> None:
        self.candidate, self.sweep = candidate, sweep

    def ask(self, first: int, last: int, seconds: float) -> Found:
        """Evaluate at once; nothing can end it."""
        return evaluate(self.candidate, self.sweep, first, last)

    def kill(self) -> None:
        """Do nothing: a thread cannot be ended."""

    def stop(self) -> None:
        """Do nothing."""


class ByName:
    """Evaluates in a process that imports the candidate by its name."""

    def __init__(self, spec: str, names: Sequence[str], timeout: float, sweep: Sweep) -> None:
        self.child, self.sweep = Child(spec, names, sweep.arrays, timeout), sweep
        self.started = self.ended = False

    def ask(self, first: int, last: int, seconds: float) -> Found:
        """Ask the process, which is started when there is none; CandidateError if it cannot be at first."""
        if self.ended:
            raise Ended
        if not self.started:
            self.child.start()
            self.started = True
        try:
            found: Found = self.child.ask(evaluate, self.sweep, first, last, seconds=seconds)
        except Lost:
            if self.ended:
                raise Ended from None
            raise
        return found

    def kill(self) -> None:
        """End the process for good."""
        self.ended = True
        self.child.kill()

    def stop(self) -> None:
        """End the process."""
        self.child.stop()


class Forked:
    """Evaluates in a fork of this process, which has the candidate, whatever it is."""

    starting = threading.Lock()  # so that no fork holds the ends of another one's pipes

    def __init__(self, candidate: Candidate, sweep: Sweep) -> None:
        self.candidate, self.sweep = candidate, sweep
        self.process: Any = None
        self.link: Any = None
        self.ended = False

    def ask(self, first: int, last: int, seconds: float) -> Found:
        """Ask the fork, which is made when there is none."""
        if self.ended:
            raise Ended
        if self.process is None:
            self._start()
        try:
            self.link.send((first, last))
            if not connection.wait([self.link, self.process.sentinel], seconds):
                self.stop()
                raise Lost("does not answer in time")
            answer = self.link.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self.stop()
            if self.ended:
                raise Ended from None
            names = {s.value: s.name for s in signal.Signals}
            ending = f"signal {names.get(-code, -code)}" if code < 0 else f"exit status {code}"
            raise Lost(f"ends its process: {ending}") from None
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[no-any-return]

    def _start(self) -> None:
        context: Any = multiprocessing.get_context("fork")
        with self.starting, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads that a fork does not have: they only wait for blocks
            self.link, theirs = context.Pipe()
            order = (self.candidate, self.sweep, theirs, self.link)
            process = context.Process(target=_serve, args=order, daemon=True)
            process.start()
            theirs.close()
        self.process = process  # once there is one to kill: another thread may look at any moment

    def kill(self) -> None:
        """End the fork for good."""
        self.ended = True
        process = self.process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """End the fork and wait for it."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.link.close()
            self.process = None


def _serve(candidate: Candidate, sweep: Sweep, link: Any, theirs: Any) -> None:
    """Evaluate what the process that was forked from asks for, until it is gone."""
    theirs.close()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its forks
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    while True:
        try:
            span = link.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            link.send(evaluate(candidate, sweep, *span))
        except BaseException as error:
            link.send(RuntimeError(f"{type(error).__name__}: {error}"))


def swept(worker: Worker, sweep: Sweep, block: int, limit: Limit) -> Found:
    """Return what came of a block; where it costs a process, of its parts."""
    first, last = sweep.places(block)
    with contextlib.suppress(Lost):
        return worker.ask(first, last, limit.whole(last - first + 1))
    reasons = set()

    def attempt(start: int, end: int) -> Found:
        try:
            return worker.ask(start, end, limit.part(end - start + 1))
        except Lost as lost:
            reasons.add(str(lost))
            raise NoAnswer(str(lost)) from None

    splits, middle = Splits(MOST_CUTS), (first + last) // 2
    halves = ((first, middle), (middle + 1, last))
    found = joined((piece for half in halves for piece in split(attempt, *half, splits)), sweep)
    return dataclasses.replace(found, lost=any(why in reasons for _, _, why in found.silent))


Results = Iterator[tuple[int, Found]]


@contextlib.contextmanager
def crew(make: Callable[[], Worker], jobs: int, sweep: Sweep, blocks: Sequence[int], limit: Limit) -> Iterator[Results]:
    """Sweep blocks with so many workers; give what comes of them, as it comes, and end them all at the end."""
    workers = [make() for _ in range(min(jobs, len(blocks)))]
    todo, done, over = iter(blocks), queue.SimpleQueue[tuple[int, Any]](), threading.Event()
    taking = threading.Lock()

    def work(worker: Worker) -> None:
        try:
            while not over.is_set():
                with taking:
                    block = next(todo, None)
                if block is None:
                    break
                done.put((block, swept(worker, sweep, block, limit)))
        except BaseException as error:
            done.put((-1, error))
        finally:
            worker.stop()

    def results() -> Results:
        for _ in blocks:
            block, found = done.get()
            if isinstance(found, BaseException):
                raise found
            yield block, found

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        yield results()
    finally:
        over.set()
        deadline = time.monotonic() + PATIENCE
        for worker, thread in zip(workers, threads, strict=True):
            while thread.is_alive() and time.monotonic() < deadline:
                worker.kill()
                thread.join(ENDING)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Send nowhere what a candidate in this process prints from Python, and drop its warnings."""
    with contextlib.redirect_stdout(_Nowhere()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


def runs_in_threads(candidate: Candidate, sweep: Sweep, place: int) -> bool:
    """Whether two threads that call a candidate are well under twice as slow as one: it releases the interpreter lock.

    Measured on some calls at and after a place; where there are no forks, threads are taken in any case.
    """
    if sys.platform != "linux":
        return True
    half = sweep.patterns.count // 2
    end = min(place + CALL, half if place < half else 2 * half)

    def once() -> None:
        evaluate(candidate, sweep, place, end - 1)

    once()
    alone = min(_seconds([once]) for _ in range(3))
    together = min(_seconds([once, once]) for _ in range(3))
    return together < 1.5 * alone


def _seconds(works: Sequence[Callable[[], None]]) -> float:
    threads = [threading.Thread(target=work) for work in works]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start

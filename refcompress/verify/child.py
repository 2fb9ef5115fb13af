"""A candidate in a process of its own, where it may print, hang, exit or crash without breaking the tester.

The two processes talk over a socket, in turns: a pickled message after its length. What the candidate prints, from
Python or from C, arrives on two pipes that are read while an answer is awaited, and is dropped but for its beginning.
"""

import contextlib
import ctypes
import dataclasses
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from refcompress.verify.candidates import PRINTED, Answer, Candidate, CandidateError, load, raised, steady
from refcompress.verify.operation import Arguments
from refcompress.verify.processes import GIVEN_UP, MOST_DEATHS, ending, kill, started, stop

STARTING = 60.0  # seconds for a child to start and import a framework
LENGTH = 8  # bytes before a message that say how long it is
PIECE = 1 << 20  # bytes that are read at once: no fewer than a pipe holds

START = "import sys; sys.path[:] = sys.argv[2:]; from refcompress.verify.child import serve; serve(int(sys.argv[1]))"


@contextlib.contextmanager
def in_child(spec: str, names: Sequence[str], arrays: str, timeout: float) -> Iterator[Candidate]:
    """Run a named candidate in a child process, which is started again when a call ends it, and ended at the end.

    ``timeout`` is in seconds, for any call.

    Raises
    ------
    CandidateError
        With one line that says why it cannot be run.
    """
    child = Child(spec, names, arrays, timeout)
    try:
        imports = child.start()
        yield Candidate(spec, child.call, imports, afresh=child.afresh)
    finally:
        child.stop()


class Lost(Exception):  # noqa: N818 - what came of a call, no error
    """The process of a candidate ended, or had to be ended; the text is a verb phrase."""


class Child:
    """The process that runs a candidate, and how many of them were lost."""

    def __init__(self, spec: str, names: Sequence[str], arrays: str, timeout: float) -> None:
        self.order = (spec, tuple(names), arrays)
        self.timeout = timeout
        self.deaths = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.link: socket.socket  # there with the process
        self.printed: dict[str, bytes]  # in answer to the last question

    def start(self) -> str:
        """Start the process and import the candidate; return the lines of a snippet that do the same."""
        self.link, theirs = socket.socketpair()
        with theirs:
            root = str(Path(__file__).parents[2])
            paths = [*(p for p in sys.path if p and p != root), root]
            command = [sys.executable, "-P", "-c", START, str(theirs.fileno()), *paths]
            self.process = started(command, subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        try:
            ready, text = self._ask(self.order, STARTING)
        except TimeoutError:
            raise CandidateError(f"{self.order[0]} was not imported within {STARTING:g} s") from None
        except EOFError:
            raise CandidateError(f"{self.order[0]} ended its process at import: {self._ending()}") from None
        if not ready:
            raise CandidateError(text)
        return str(text)

    def stop(self) -> None:
        """End the process, and every one that it started in its session."""
        if self.process is None:
            return
        stop(self.process)
        self.link.close()
        self.process = None

    def call(self, args: Arguments, layout: str) -> Answer:
        """Call the candidate once."""
        if self.deaths >= MOST_DEATHS:
            return GIVEN_UP
        try:
            if self.process is None:
                self.start()
            answer: Answer = self._ask((args, layout), self.timeout)
        except (TimeoutError, EOFError, CandidateError) as error:
            problem = self._lost(error)
            self.deaths += 1
            self.stop()
            return Answer(problem=problem, lost=True)
        return dataclasses.replace(answer, remarks=(*answer.remarks, *self._prints(answer)))

    def afresh(self, args: Arguments, layout: str) -> Answer:
        """Call the candidate once, in a new process."""
        self.stop()
        return self.call(args, layout)

    def ask(self, work: Callable[..., Any], *more: Any, seconds: float) -> Any:
        """Have ``work(candidate, *more)`` done in the process; ``work`` travels as its name.

        Raises
        ------
        Lost
            If the process does not live to answer, or not in time.
        """
        try:
            if self.process is None:
                self.start()
            answer = self._ask((work, *more), seconds)
        except (TimeoutError, EOFError, CandidateError) as error:
            problem = "does not answer in time" if isinstance(error, TimeoutError) else self._lost(error)
            self.stop()
            raise Lost(problem) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self) -> None:
        """End the process from another thread than the one that waits for it."""
        process = self.process
        if process is not None:
            kill(process)

    def _lost(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"does not answer within {self.timeout:g} s"
        if isinstance(error, EOFError):
            return f"ends its process: {self._ending()}"
        return f"cannot be started again: {error}"

    def _prints(self, answer: Answer) -> Iterator[str]:
        """Yield a remark for what was written past Python's own standard output."""
        if self.printed["output"] and not any(r.startswith("prints to standard output") for r in answer.remarks):
            yield f"prints to standard output: {steady(self.printed['output'].decode(errors='ignore'))!r}"
        if self.printed["error"]:  # not quoted: logs bear the time
            yield "prints to standard error"

    def _ask(self, message: Any, seconds: float) -> Any:
        """Send a message and wait for the answer; EOFError when the process ends, TimeoutError when time is up."""
        assert self.process is not None
        self.printed = {"output": b"", "error": b""}
        todo = memoryview(_packed(message))
        reply = bytearray()
        self.link.setblocking(False)
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(self.link, selectors.EVENT_READ | selectors.EVENT_WRITE)
            for name, stream in (("output", self.process.stdout), ("error", self.process.stderr)):
                assert stream is not None
                os.set_blocking(stream.fileno(), False)
                ready.register(stream, selectors.EVENT_READ, name)
            while len(reply) < LENGTH + int.from_bytes(reply[:LENGTH]):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                events = ready.select(min(0.5, left))
                if not events and self.process.poll() is not None:
                    raise EOFError
                for key, mask in events:
                    if key.data is not None:
                        self._drop(key.fd, key.data, ready)
                    elif mask & selectors.EVENT_READ:
                        reply += self._received()
                    else:
                        todo = todo[self._sent(todo) :]
                        if not todo:
                            ready.modify(self.link, selectors.EVENT_READ)
            ready.unregister(self.link)
            for key in list(ready.get_map().values()):  # what was printed before the answer has arrived before it
                self._drop(key.fd, key.data, ready)
        return pickle.loads(reply[LENGTH:])

    def _sent(self, data: memoryview) -> int:
        try:
            return self.link.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            raise EOFError from None

    def _received(self) -> bytes:
        try:
            data = self.link.recv(PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            raise EOFError from None
        if not data:
            raise EOFError
        return data

    def _drop(self, stream: int, name: str, ready: selectors.BaseSelector) -> None:
        """Read what was printed, and keep the beginning."""
        try:
            data = os.read(stream, PIECE)
        except BlockingIOError:
            return
        if not data:
            ready.unregister(stream)
        self.printed[name] += data[: PRINTED - len(self.printed[name])]

    def _ending(self) -> str:
        """Say how the process ended, once it has closed the socket."""
        assert self.process is not None
        return ending(self.process, "it closed what it answers on")


def serve(number: int) -> None:
    """Import the candidate that the parent names and answer its calls, until the parent is gone."""
    sys.argv[:] = sys.argv[:1]
    _end_with_parent()
    link = socket.socket(fileno=number)
    link.set_inheritable(False)
    stream = link.makefile("rb")
    try:
        candidate = load(*_receive(stream))
    except CandidateError as error:
        link.sendall(_packed((False, str(error))))
        return
    _flush()
    link.sendall(_packed((True, candidate.imports)))
    own = os.getpid()
    while True:
        try:
            message = _receive(stream)
        except (EOFError, OSError):
            os._exit(0)  # without waiting for threads of the candidate
        try:
            answer = message[0](candidate, *message[1:]) if callable(message[0]) else candidate.call(*message)
        except KeyboardInterrupt as error:
            answer = Answer(problem=raised(error))
        except Exception as error:  # of the work that was asked for: a call raises nothing else
            answer = error
        if os.getpid() != own:  # the candidate forked, and this is the copy
            os._exit(0)
        _flush()
        link.sendall(_packed(answer))


def _end_with_parent() -> None:
    """Ask Linux to end this process when the parent is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _flush() -> None:
    """Bring out what C libraries have printed so far."""
    ctypes.CDLL(None).fflush(None)


def _packed(message: Any) -> bytes:
    body = pickle.dumps(message)
    return len(body).to_bytes(LENGTH) + body


def _receive(stream: IO[bytes]) -> Any:
    length = int.from_bytes(_exactly(stream, LENGTH))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data

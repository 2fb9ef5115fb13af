"""An external program as a candidate: it reads JSON objects, one a line, and writes one for each.

The first line that it reads is the header ``{"operation", "settings", "inputs", "protocol": 1}``, to which there is no
answer. Each line after it is a request: its ``id``, and the operation's inputs by name. Arrays are in the form of
``wire``, with the bit patterns and the values; numbers are JSON numbers. The answer is

    {"id": 7, "result": ...}    an array, a number, or a list of them, with "bits" or "values" as it likes
    {"id": 7, "error": "text"}  where it has none; counts as an exception does

with a line feed after it, at once: it may take in several requests and answer them in any order, but never wait for
more than it was sent. Standard output is for answers alone; standard error is its own. It ends when its input does.

Up to ``WINDOW`` requests are on their way at a time. When something goes wrong with several of them under suspicion, a
new process is asked each of them alone, so that the one which does it is found.
"""

import contextlib
import json
import shlex
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from refcompress.verify.candidates import Answer, Candidate, CandidateError, Program
from refcompress.verify.lines import STARTING, Lines, TooLongError, shown
from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.processes import ENDING, GIVEN_UP, MOST_DEATHS
from refcompress.verify.wire import decode, header, request

WINDOW = 32  # requests that may be on their way
AHEAD = 2**18  # bytes of requests on their way beyond which no more are sent
LINGER = 0.1  # seconds in which what follows on the answer to a suspect is still its doing
SHORTEST = 2**20  # bytes in a line that are not too many after any request,
LONGER = 64  # and how many times as long as its request an answer may be


@contextlib.contextmanager
def running(
    command: Sequence[str], operation: Operation, settings: Settings, timeout: float = 10.0
) -> Iterator[Candidate]:
    """Run a program as a candidate, which is started again when it is lost, and ended at the end.

    Raises
    ------
    CandidateError
        With one line that says why it cannot be run.
    """
    program = Program(tuple(command), header(operation, settings))
    external = _External(program, [i.name for i in operation.inputs], timeout)
    try:
        external.start()
        call, ahead, afresh = external.call, external.ahead, external.afresh
        yield Candidate(external.name, call, program=program, ahead=ahead, afresh=afresh)
        if external.lines is not None:
            external.lines.finish()
    finally:
        external.stop()


@dataclass(frozen=True)
class _Request:
    """A call under a number."""

    number: int
    args: Arguments
    line: bytes


@dataclass(eq=False)
class _BrokenError(Exception):
    """The program did what none may do."""

    what: str
    """A verb phrase."""
    detail: str = ""
    kind: str = "writes"
    """writes, ends, or late."""
    culprit: _Request | None = None
    """The request that did it, where that is known at once."""
    always: bool = False
    """Whether it would do so again, whatever it is asked."""
    after: bool = False
    """Whether it did so after it had answered."""

    def problem(self, requests: Sequence[_Request]) -> str:
        """Say it as a verb phrase, and with which requests."""
        first, last = requests[0].number, requests[-1].number
        which = f"request {first}" if len(requests) == 1 else f"requests {first} to {last}"
        after = ", after the answer to it" if self.after else ""
        return f"{self.what} at {which}{after}{self.detail and ': '}{self.detail}"


class _External:
    """The program, what is on its way to and from it, and how many processes were lost."""

    def __init__(self, program: Program, names: Sequence[str], timeout: float) -> None:
        self.program, self.names, self.timeout = program, names, timeout
        self.name = shlex.join(program.command)
        self.lines: Lines | None = None
        self.count = 0  # requests so far
        self.deaths = 0
        self.answered = False  # whether any request ever was
        self.longest = 0  # bytes of a request so far
        self.answers: dict[int, Answer] = {}  # that are not handed over yet
        self.waiting: dict[int, _Request] = {}  # sent to this process and not answered
        self.done: dict[int, _Request] = {}  # answered by this process
        self.last: _Request | None = None  # the last of these

    def start(self) -> Lines:
        """Start the program and send the header."""
        self.waiting, self.done, self.last = {}, {}, None
        try:
            self.lines = Lines(self.program.command)
        except (OSError, ValueError) as error:  # no such file, no program, a null character
            reason = getattr(error, "strerror", None) or str(error)
            raise CandidateError(f"{self.name} cannot be started: {reason}") from None
        self.lines.send(self.program.header.encode())
        return self.lines

    def stop(self) -> None:
        """End the program with all that it started."""
        if self.lines is not None:
            self.lines.stop()
            self.lines = None

    def call(self, args: Arguments, layout: str) -> Answer:
        """Ask for one answer."""
        return next(self.ahead([(args, layout)]))

    def afresh(self, args: Arguments, layout: str) -> Answer:
        """Ask a new process for one answer."""
        self.stop()
        return self.call(args, layout)

    def ahead(self, calls: Iterable[tuple[Arguments, str]]) -> Iterator[Answer]:
        """Yield the answers in order, and send what comes after while one is awaited."""
        calls = iter(calls)
        queue: deque[_Request] = deque()
        while True:
            while len(queue) < WINDOW and sum(len(r.line) for r in queue) < AHEAD:
                call = next(calls, None)
                if call is None:
                    break
                queue.append(self._request(call[0]))
            if not queue:
                return
            yield self._answer(queue)
            queue.popleft()

    def _request(self, args: Arguments) -> _Request:
        self.count += 1
        try:
            line = request(self.count, dict(zip(self.names, args, strict=True))).encode()
        except (TypeError, ValueError) as error:  # an input that is to be rejected and has no form in JSON
            self.answers[self.count], line = Answer(problem=f"is not asked: {error}"), b""
        return _Request(self.count, args, line)

    def _answer(self, queue: Sequence[_Request]) -> Answer:
        """Wait for the answer to the first."""
        first = queue[0].number
        while first not in self.answers:
            if self.deaths >= MOST_DEATHS:
                return GIVEN_UP
            try:
                self._send(queue)
                self._receive()
            except _BrokenError as error:
                self._lose(error, first)
        return self.answers.pop(first)

    def _send(self, requests: Iterable[_Request]) -> None:
        lines = self.lines or self.start()
        for r in requests:
            if r.number not in self.waiting and r.number not in self.answers:
                self.waiting[r.number] = r
                self.longest = max(self.longest, len(r.line))
                lines.send(r.line)

    def _receive(self) -> None:
        """Take in one answer, to whichever request it is."""
        try:
            line = self._line(self.timeout)
        except TimeoutError:
            raise self._late() from None
        number, answer = self._read(line)
        self.answered = True
        self.answers[number] = answer
        self.last = self.done[number] = self.waiting.pop(number)

    def _line(self, seconds: float) -> bytes:
        assert self.lines is not None
        most = SHORTEST + LONGER * self.longest
        try:
            return self.lines.line(seconds, most)
        except EOFError:
            half, end = self._half(), self.lines.ending()
            if half:
                raise _BrokenError("ends its process in the middle of a line", f"{end}, after {half}", "ends") from None
            raise _BrokenError("ends its process", end, "ends") from None
        except TooLongError:
            detail = f"more than {most:,} bytes, which begin with {self._half()}"
            raise _BrokenError("writes without an end of line", detail) from None

    def _half(self) -> str:
        """Return the beginning of a line that has no end, for a person."""
        assert self.lines is not None
        return _quoted(bytes(self.lines.inbox[:1000]))

    def _late(self) -> _BrokenError:
        """Say how the program is late: it does not read, it is silent, or its answers wait in a buffer."""
        assert self.lines is not None
        oldest = next(iter(self.waiting.values()))
        if not self.lines.begun:
            seconds = max(STARTING, self.timeout)
            return _BrokenError(f"does not read its input within {seconds:g} s", "", "late", oldest, always=True)
        silence, half = f"does not answer within {self.timeout:g} s", self._half()
        self.lines.close_input()
        with contextlib.suppress(_BrokenError, TimeoutError):
            self._read(self._line(ENDING))
            detail = "it does when its input ends, but it must answer each line at once, and flush its output"
            return _BrokenError(silence, detail, "late", oldest, always=True)
        return _BrokenError(silence, half and f"it wrote half a line, {half}", "late")

    def _read(self, line: bytes) -> tuple[int, Answer]:
        """Read an answer, and find the request that it belongs to."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            raise _BrokenError("writes what is no JSON", _quoted(line) or "an empty line") from None
        if not isinstance(message, dict):
            raise _BrokenError("writes JSON that is no object", _quoted(line))
        if "id" not in message:
            raise _BrokenError("writes an answer without an id", _quoted(line))
        number = message["id"]
        if type(number) not in (int, float) or (number not in self.waiting and number not in self.done):
            raise _BrokenError("answers with a wrong id", f"{shown(json.dumps(number))}, which no request has")
        if number not in self.waiting:
            raise _BrokenError("answers a second time", culprit=self.done[number])
        return int(number), _as_answer(message)

    def _lose(self, error: _BrokenError, first: int) -> None:
        """End the process, and let the answer to the request that did it tell; ``first`` is the one due next."""
        assert self.lines is not None
        age = time.monotonic() - self.lines.start
        suspects = [error.culprit] if error.culprit else list(self.waiting.values())
        if error.culprit is None and error.kind != "late" and self.last is not None:
            suspects.append(self.last)  # it may have done so after its answer
        suspects.sort(key=lambda r: r.number)
        said = self._last_words()
        if error.kind == "ends" and not self.answered:
            self._stands(age)
        culprit = suspects[0]
        sent: tuple[Arguments, ...] = ()
        if len(suspects) > 1:
            found = self._investigate(suspects)
            if found is not None:
                error, said = found
                assert error.culprit is not None
                culprit = error.culprit
            else:
                culprit, sent = suspects[-1], tuple(r.args for r in suspects)
                error.detail += f"{error.detail and '; '}a new process that is asked one at a time answers all of them"
        problem = error.problem(suspects if sent else [culprit])
        told = max(culprit.number, first)
        asked = culprit.args if told != culprit.number else None
        self.answers[told] = Answer(problem=problem, lost=True, said=said, asked=asked, sent=sent)
        self.deaths = MOST_DEATHS if error.always else self.deaths + 1

    def _investigate(self, suspects: Sequence[_Request]) -> tuple[_BrokenError, tuple[str, ...]] | None:
        """Ask a new process each alone; return what happened at the first with which something does."""
        for suspect in suspects:
            self.answers.pop(suspect.number, None)
            try:
                self._send([suspect])
                self._receive()
                self._linger()
            except _BrokenError as error:
                error.after = suspect.number in self.done and error.culprit is None
                error.culprit = suspect
                return error, self._last_words()
        return None

    def _linger(self) -> None:
        """See whether anything follows on an answer when nothing is asked."""
        with contextlib.suppress(TimeoutError):
            self._read(self._line(LINGER))

    def _last_words(self) -> tuple[str, ...]:
        """End the process, and return the last lines of its standard error."""
        assert self.lines is not None
        self.lines.kill()
        said = self.lines.last_words()
        self.stop()
        return said

    def _stands(self, age: float) -> None:
        """Raise CandidateError if a program that never answered ends before it is asked anything, too."""
        self.answered = True
        lines = self.start()
        try:
            lines.line(max(1.0, 2 * age), SHORTEST)
        except EOFError:
            end, said = lines.ending(), self._last_words()
            tail = f", after it wrote {said[-1]!r}" if said else ""
            raise CandidateError(f"{self.name} ended before it was asked anything: {end}{tail}") from None
        except (TimeoutError, TooLongError):
            pass
        self.stop()


def _as_answer(message: dict[str, Any]) -> Answer:
    if message.get("error") is not None:
        error = message["error"]
        return Answer(problem=f"reports an error: {shown(error if isinstance(error, str) else json.dumps(error))}")
    if "result" not in message:
        return Answer(problem="answers without a result")
    try:
        return Answer(decode(message["result"]))
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        return Answer(problem=f"answers with a result that cannot be read: {shown(str(error))}")


def _quoted(line: bytes) -> str:
    text = shown(line.decode("utf-8", "replace"))
    return repr(text) if text else ""

"""A live process that reads lines and writes lines: neither side can block the other, and what is kept is bounded.

All pipes are non-blocking on our side and served together: while we wait to write, its output is read, and the other
way round. Of its standard error the end is kept.
"""

import fcntl
import os
import selectors
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from typing import IO

from refcompress.verify.processes import ending, kill, started, stop

STARTING = 60.0  # seconds for a program to start and begin to read
LOOK = 0.1  # seconds between two looks at a process that is silent
PIECE = 2**20
MOST_PIECES = 16  # that a pipe can hold
TAIL = 4000  # bytes of its standard error that are kept, and the one before them
LAST_LINES = 5
WIDTH = 160  # characters of a line that are shown


class TooLongError(Exception):
    """More came without an end of line than any answer has."""


class Lines:
    """The process.

    Raises
    ------
    OSError
        If it cannot be started.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.process = started(command, subprocess.PIPE)
        self.start = time.monotonic()
        self.outbox, self.inbox, self.tail = bytearray(), bytearray(), bytearray()
        self.searched = 0  # bytes at the beginning of the inbox that hold no end of line
        self.written = 0
        self.begun = False  # whether it has begun to read
        self.closed = False  # whether its output has ended
        self.ready = selectors.DefaultSelector()
        for stream, act in ((self._output, self._read), (self._errors, self._keep)):
            os.set_blocking(stream, False)
            self.ready.register(stream, selectors.EVENT_READ, act)
        os.set_blocking(self._input, False)

    @property
    def _input(self) -> int:
        return _number(self.process.stdin)

    @property
    def _output(self) -> int:
        return _number(self.process.stdout)

    @property
    def _errors(self) -> int:
        return _number(self.process.stderr)

    def send(self, line: bytes) -> None:
        """Write a line, or as much of it as there is room for; ``line`` writes the rest."""
        waiting = bool(self.outbox)
        self.outbox += line + b"\n"
        if not waiting:
            self.ready.register(self._input, selectors.EVENT_WRITE, self._write)
            self._write()

    def line(self, seconds: float, most: int) -> bytes:
        """Wait for the next whole line.

        A program that has not begun to read is still starting: its time runs from when it begins.

        Raises
        ------
        TimeoutError
            If it does not come in time.
        EOFError
            If the process ends, or closes its output.
        TooLongError
            If it is longer than ``most`` bytes.
        """
        since = time.monotonic()
        while (line := self._whole()) is None:
            if len(self.inbox) > most:
                raise TooLongError
            if self.closed:
                raise EOFError
            now = time.monotonic()
            if not self.begun:
                since, self.begun = now, self._reads()
            left = since + seconds - now if self.begun else self.start + max(STARTING, seconds) - now
            events = self.ready.select(min(LOOK, max(left, 0)))
            for key, _ in events:
                key.data()
            if not events and self.process.poll() is not None and not self._read():
                raise EOFError  # though another process holds the pipe open
            if left <= 0 and b"\n" not in self.inbox:
                raise TimeoutError
        return line

    def close_input(self) -> None:
        """Tell the program that there is no more."""
        if self.outbox:
            self._forget()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def finish(self) -> None:
        """Let the program end by itself, for a moment."""
        self.close_input()
        ending(self.process, "")

    def stop(self) -> None:
        """End the program with all that it started."""
        self.ready.close()
        stop(self.process)

    def kill(self) -> None:
        """End the program; what it has written can still be read."""
        kill(self.process)

    def ending(self) -> str:
        """Say how the program ended, once its output has."""
        return ending(self.process, "it closed its standard output")

    def last_words(self) -> tuple[str, ...]:
        """Return the last lines of its standard error, once it is killed."""
        for _ in range(MOST_PIECES):  # one that it started may have left its session, and go on
            if not self._keep():
                break
        lines = self.tail.decode("utf-8", "replace").splitlines()
        if len(self.tail) > TAIL:
            del lines[0]  # of which the beginning is lost, unless that byte is the end of the line before
        return tuple(shown(line) for line in lines if line.strip())[-LAST_LINES:]

    def _whole(self) -> bytes | None:
        end = self.inbox.find(b"\n", self.searched)
        self.searched = len(self.inbox) if end < 0 else 0
        if end < 0:
            return None
        line = bytes(self.inbox[:end])
        del self.inbox[: end + 1]
        return line

    def _write(self) -> None:
        try:
            count = os.write(self._input, self.outbox)
        except BlockingIOError:
            return
        except OSError:  # it reads no more: its silence will tell
            self._forget()
            return
        self.written += count
        del self.outbox[:count]
        if not self.outbox:
            self._forget()

    def _forget(self) -> None:
        self.outbox.clear()
        self.ready.unregister(self._input)

    def _read(self) -> int:
        data = self._taken(self._output)
        self.closed = self.closed or data == b""
        self.inbox += data or b""
        return len(data or b"")

    def _keep(self) -> int:
        data = self._taken(self._errors)
        self.tail = (self.tail + (data or b""))[-TAIL - 1 :]
        return len(data or b"")

    def _taken(self, stream: int) -> bytes | None:
        """Read what is there: None where nothing is, and nothing at the end."""
        try:
            data = os.read(stream, PIECE)
        except BlockingIOError:
            return None
        if not data and stream in self.ready.get_map():
            self.ready.unregister(stream)
        return data

    def _reads(self) -> bool:
        """Whether the program has taken anything out of its input."""
        left = fcntl.ioctl(self._input, termios.FIONREAD, bytes(4))
        return int.from_bytes(left, sys.byteorder) < self.written


def _number(stream: IO[bytes] | None) -> int:
    assert stream is not None
    return stream.fileno()


def shown(text: str) -> str:
    """Write a line for a person: no control characters, and not without end."""
    line = "".join(c if c.isprintable() else " " for c in text).strip()
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}..."

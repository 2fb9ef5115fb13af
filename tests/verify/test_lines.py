import itertools
import sys
import time
import tracemalloc
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from refcompress.verify import lines, processes
from refcompress.verify.lines import LAST_LINES, TAIL, Lines, TooLongError, shown

MOST = 2**20


@contextmanager
def running(code, *, first=True):
    """A program that has begun to read, unless it is not to."""
    talk = Lines([sys.executable, "-I", "-S", "-c", f"import os, sys, time\n{'input()' if first else ''}\n{code}"])
    try:
        if first:
            talk.send(b"first")
        yield talk
    finally:
        talk.stop()


def test_lines_go_in_and_lines_come_out():
    with running("for line in sys.stdin: print(line[::-1].strip(), flush=True)") as talk:
        for text in (b"one", b"two"):
            talk.send(text)
        assert [talk.line(60, MOST), talk.line(60, MOST)] == [b"eno", b"owt"]


def test_empty_lines_are_lines_too():
    with running("os.write(1, b'\\n\\na\\n')") as talk:
        assert [talk.line(60, MOST) for _ in range(3)] == [b"", b"", b"a"]


def test_a_line_that_comes_in_pieces_is_one_line():
    with running("for c in b'ab\\ncd\\n': os.write(1, bytes([c])); time.sleep(0.01)") as talk:
        assert [talk.line(60, MOST), talk.line(60, MOST)] == [b"ab", b"cd"]


def test_it_reads_while_it_waits_to_write_and_the_other_way_round():
    # the program writes four million bytes before it reads the first line of four million
    with running("for _ in range(2): print('x' * 4_000_000, flush=True); input()") as talk:
        for _ in range(2):
            talk.send(b"y" * 4_000_000)
        assert [len(talk.line(60, 2**23)) for _ in range(2)] == [4_000_000] * 2


def test_silence_is_told_when_the_time_is_up():
    with running("time.sleep(300)") as talk:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            talk.line(0.5, MOST)
        assert time.monotonic() - begin >= 0.5
        assert talk.begun


@pytest.mark.parametrize("stream", [1, 2])
def test_a_flood_neither_hides_that_time_is_up_nor_fills_the_memory(stream):
    with running(f"while True: os.write({stream}, b'y' * 10_000)") as talk:
        with pytest.raises(TooLongError if stream == 1 else TimeoutError):
            talk.line(0.5, MOST)
        assert len(talk.inbox) <= MOST + lines.PIECE
        assert len(talk.tail) <= TAIL + 1


def test_the_time_of_a_program_that_starts_slowly_runs_from_when_it_reads():
    with running("time.sleep(1); input(); print(1, flush=True); time.sleep(300)", first=False) as talk:
        talk.send(b"first")
        assert talk.line(0.7, MOST) == b"1"


def test_one_that_never_reads_is_told(monkeypatch):
    monkeypatch.setattr(lines, "STARTING", 0.5)
    with running("time.sleep(300)", first=False) as talk:
        talk.send(b"first")
        with pytest.raises(TimeoutError):
            talk.line(0.1, MOST)
        assert not talk.begun


def test_one_that_has_read_no_more_than_the_first_line_has_begun_to_read(monkeypatch):
    with running("os.read(0, 6); print('read', flush=True); time.sleep(300)", first=False) as talk:
        for _ in range(2):
            talk.send(b"first")
        assert talk.line(60, MOST) == b"read"
        monkeypatch.setattr(lines, "STARTING", 0.1)
        with pytest.raises(TimeoutError):
            talk.line(0.1, MOST)
        assert talk.begun


def test_a_program_has_a_minute_to_begin_to_read(monkeypatch):
    seconds = itertools.count()  # one passes between two looks
    monkeypatch.setattr(lines, "time", SimpleNamespace(monotonic=seconds.__next__))
    monkeypatch.setattr(lines, "LOOK", 0)
    with running("time.sleep(300)", first=False) as talk:
        talk.send(b"first")
        with pytest.raises(TimeoutError):
            talk.line(0.1, MOST)
        assert next(seconds) - 1 == 60


def test_a_line_that_is_there_is_heard_though_no_time_is_left():
    with running("print('a')") as talk:
        talk.process.wait(60)
        assert talk.line(0, MOST) == b"a"


def test_as_many_bytes_as_a_line_may_have_are_no_flood():
    with running("os.write(1, b'ab')") as talk, pytest.raises(EOFError):  # and not TooLongError
        talk.line(60, 2)


def test_to_read_takes_little_memory():
    with running("print('a')") as talk:
        tracemalloc.start()
        try:
            talk.line(60, MOST)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 2**24


def test_a_program_that_ends_when_its_input_does_ends_by_itself():
    with running("sys.stdin.read(); sys.exit(7)") as talk:
        talk.finish()
        assert talk.process.returncode == 7


def test_the_end_is_told_after_the_last_line():
    with running("os.write(1, b'last\\nhalf'); sys.exit(3)") as talk:
        assert talk.line(60, MOST) == b"last"
        with pytest.raises(EOFError):
            talk.line(60, MOST)
        assert (bytes(talk.inbox), talk.ending()) == (b"half", "exit status 3")


@pytest.mark.parametrize("errors", ["None", "subprocess.DEVNULL"], ids=["both", "output"])
def test_the_end_is_told_though_another_process_holds_the_pipe(errors):
    start = f"import subprocess; subprocess.Popen(['sleep', '300'], stderr={errors})"
    code = f"{start}; os.write(1, b'last\\n'); os._exit(4)"
    with running(code) as talk:
        assert talk.line(60, MOST) == b"last"
        with pytest.raises(EOFError):
            talk.line(60, MOST)
        assert talk.ending() == "exit status 4"


def test_one_that_closes_its_output_is_told_to_have_done_so(monkeypatch):
    monkeypatch.setattr(processes, "ENDING", 0.1)
    with running("os.close(1); time.sleep(300)") as talk:
        with pytest.raises(EOFError):
            talk.line(60, MOST)
        assert talk.ending() == "it closed its standard output"


def test_one_that_closes_its_input_can_still_be_heard():
    with running("os.close(0); print(1, flush=True); time.sleep(0.2); print(2, flush=True)") as talk:
        assert talk.line(60, MOST) == b"1"
        for _ in range(3):
            talk.send(b"x" * 100_000)
        assert talk.line(60, MOST) == b"2"


def test_what_is_written_when_the_input_ends_can_be_read():
    with running("for line in sys.stdin: print(line, end='')") as talk:
        talk.send(b"a")
        with pytest.raises(TimeoutError):
            talk.line(0.2, MOST)
        talk.close_input()
        assert talk.line(60, MOST) == b"a"


def test_the_last_lines_of_its_errors_are_kept_and_no_more():
    code = "[os.write(2, b'line %d\\n\\n' % i) for i in range(5000)]; os.write(2, b'no end'); print(1, flush=True)"
    with running(code) as talk:
        talk.line(60, MOST)
        talk.kill()
        assert talk.last_words() == ("line 4996", "line 4997", "line 4998", "line 4999", "no end")
    assert LAST_LINES == 5


def test_errors_that_nobody_waited_for_are_read():
    with running("os.write(2, b'end\\n')") as talk:
        talk.process.wait(60)
        assert talk.last_words() == ("end",)


def test_errors_that_are_no_text_are_shown_as_far_as_they_are():
    with running("os.write(2, b'a\\xffb\\n'); print(1, flush=True)") as talk:
        talk.line(60, MOST)
        talk.kill()
        assert talk.last_words() == ("a\ufffdb",)


@pytest.mark.parametrize("before", ["", "before\\n"])
@pytest.mark.parametrize(("size", "kept"), [(3999, True), (4000, False), (9000, False)])
def test_a_line_of_errors_is_shown_if_all_of_it_is_among_the_last_4000_bytes(before, size, kept):
    with running(f"os.write(2, b'{before}' + b'y' * {size} + b'\\n'); print(1, flush=True)") as talk:
        talk.line(60, MOST)
        talk.kill()
        assert talk.last_words() == ((shown("y" * size),) if kept else ())


def test_what_follows_a_line_of_errors_that_has_lost_its_beginning_is_shown():
    with running(f"os.write(2, b'y' * {2 * TAIL}); os.write(2, b'\\nend\\n'); print(1, flush=True)") as talk:
        talk.line(60, MOST)
        talk.kill()
        assert talk.last_words() == ("end",)


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\tb\x1b[0m ", "a b [0m"), ("x" * 160, "x" * 160), ("x" * 161, "x" * 160 + "..."), ("\r", "")],
)
def test_a_line_is_shown_without_control_characters_and_not_without_end(text, line):
    assert shown(text) == line

import io
import os
import sys

import pytest
from terminals import Terminal

from refcompress.commands.terminal import takes_colour, tell, write


@pytest.mark.parametrize(
    ("stream", "no_color", "term", "wanted"),
    [
        (Terminal(), None, "xterm", True),
        (Terminal(), "", "xterm", True),
        (Terminal(), "1", "xterm", False),
        (Terminal(), None, "dumb", False),
        (io.StringIO(), None, "xterm", False),
    ],
)
def test_colours_are_for_terminals_whose_user_wants_them(monkeypatch, stream, no_color, term, wanted):
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert takes_colour(stream) is wanted


@pytest.mark.parametrize(("stream", "heard"), [(Terminal(), "done\n"), (io.StringIO(), "")])
def test_progress_is_told_to_a_terminal_alone(monkeypatch, stream, heard):
    monkeypatch.setattr(sys, "stderr", stream)
    tell("done")
    assert stream.getvalue() == heard


def test_text_is_printed_as_a_line(capsys):
    write("some text")
    assert capsys.readouterr().out == "some text\n"


def test_a_reader_that_has_stopped_is_no_error(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        write("nobody reads this")
        write("nor this")
        assert os.fstat(output.fileno()).st_rdev == os.stat(os.devnull).st_rdev

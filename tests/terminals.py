"""A stand-in for a terminal."""

import io


class Terminal(io.StringIO):
    """Keeps what is written to it, and says that a person is watching."""

    def isatty(self):
        return True

"""Files are written whole: to a temporary name in the same folder, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to ``path`` when the block ends without an error.

    Raises
    ------
    OSError
        If the folder cannot be written to, or the disk is full, with the name of ``path``; it is then as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(Path(folder) / "a.txt") as temporary:
    ...         size = temporary.write_text("whole")
    ...     sorted(p.name for p in Path(folder).iterdir())
    ['a.txt']
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise _naming(error, path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp is stricter than a file that open() makes
        temporary.replace(target)
    except OSError as error:
        raise _naming(error, path) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _naming(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Return the error with the name that was asked for: the temporary one says nothing, a full disk gives none."""
    return OSError(error.errno, error.strerror, os.fspath(path)) if error.errno is not None else error

"""Files are written whole: to a temporary name in the same folder, then renamed."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to ``path`` when the block ends without an error.

    Where ``path`` is a link, what it leads to is written; a file that is there already keeps its permissions.

    Raises
    ------
    OSError
        If the folder cannot be written to, the disk is full, or ``path`` is a folder, a pipe or a device, with the
        name of ``path``; it is then as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_whole(Path(folder) / "a.txt") as temporary:
    ...         size = temporary.write_text("whole")
    ...     sorted(p.name for p in Path(folder).iterdir())
    ['a.txt']
    """
    target = Path(os.path.realpath(path))
    try:
        permissions = _permissions(path)
        # not the whole name, which may be as long as a name can be
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:30]}.", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise _naming(error, path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(permissions)  # mkstemp is stricter than open()
        temporary.replace(target)
    except OSError as error:
        raise _naming(error, path) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _permissions(path: str | os.PathLike[str]) -> int:
    """Return the permissions of the file that is there, or those of a new one; refuse what is no file."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    if not stat.S_ISREG(mode):
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, "No regular file, which alone can be replaced")
    return stat.S_IMODE(mode)


def _naming(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """Return the error with the name that was asked for: the temporary one says nothing, a full disk gives none."""
    return OSError(error.errno, error.strerror, os.fspath(path)) if error.errno is not None else error

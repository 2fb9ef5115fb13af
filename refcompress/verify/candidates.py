"""How a candidate is called, and everything that can go wrong in it, in plain words.

A candidate is a Python callable in this process, or one named on the command line that runs in a child process, where
it may print, hang or exit without breaking the tester. Either way a call gives an ``Answer``.
"""

import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import multiprocessing
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from refcompress.verify.layouts import FRAMEWORKS, from_framework, laid_out
from refcompress.verify.operation import Arguments

STARTING = 60.0  # seconds for a child process to start and import a framework
MOST_DEATHS = 3  # child processes that may be lost before the candidate is given up


@dataclass(frozen=True)
class Answer:
    """What came of one call."""

    value: Any = None
    problem: str | None = None
    """Why there is no value: the exception, the silence, the end of the process."""
    changed: tuple[str, ...] = ()
    """The names of inputs that the call changed."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """An implementation under test."""

    name: str
    call: Callable[[Arguments, str], Answer]
    """The inputs and the layout of the arrays in memory -> the answer."""
    imports: str = ""
    """The line of a snippet that gives ``candidate``."""


class CandidateError(Exception):
    """The candidate could not be run at all."""


def from_callable(function: Callable[..., Any], names: Sequence[str], arrays: str = "numpy") -> Candidate:
    """Wrap a callable of this process."""
    if not callable(function):
        raise CandidateError(f"the candidate is {function!r}: it must be callable")
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    importable = module and name and "<" not in name
    title = f"{module}.{name}" if importable else repr(function)
    imports = f"from {module} import {name} as candidate" if importable else f"candidate = ...  # {title}"
    bound = _bind(function, names, title)
    return Candidate(title, functools.partial(_call_here, bound, tuple(names), arrays), imports)


def _bind(function: Callable[..., Any], names: Sequence[str], title: str) -> Callable[..., Any]:
    """Return a function of the inputs by position, whether the candidate takes them so or by keyword."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # a builtin that has none
        return function
    with contextlib.suppress(TypeError):
        signature.bind(*names)
        return function
    with contextlib.suppress(TypeError):
        signature.bind(**dict.fromkeys(names))
        return lambda *values: function(**dict(zip(names, values, strict=True)))
    raise CandidateError(f"{title} takes {signature}: it must take ({', '.join(names)})")


def _call_here(
    function: Callable[..., Any], names: tuple[str, ...], arrays: str, args: Arguments, layout: str
) -> Answer:
    given = [laid_out(value, layout) for value in args]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = function(*(FRAMEWORKS[arrays](value) for value in given))
            value, remark = from_framework(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit included: nothing a candidate does may end the tester
            return Answer(problem=_raised(error))
    remarks = [remark] if remark else []
    if printed.getvalue():
        remarks.append(f"prints to standard output: {printed.getvalue().strip()[:80]!r}")
    remarks += sorted({f"warns: {w.category.__name__}: {str(w.message)[:120]}" for w in caught})
    changed = tuple(name for name, was, now in zip(names, args, given, strict=True) if not _same(was, now))
    return Answer(_own(value), None, changed, tuple(remarks))


def _raised(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
    return f"exits the interpreter ({text})" if isinstance(error, SystemExit) else f"raises {text}"


def _own(value: Any) -> Any:
    """Copy arrays out of the candidate's hands: a later call may write into what it returned before."""
    if isinstance(value, tuple | list):
        return type(value)([_own(item) for item in value]) if type(value) in (tuple, list) else value
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(was: Any, now: Any) -> bool:
    if isinstance(was, list):
        return len(was) == len(now) and all(_same(a, b) for a, b in zip(was, now, strict=True))
    if not isinstance(was, np.ndarray):
        return True
    return bool(was.shape == now.shape and was.tobytes() == now.tobytes())


def load(spec: str, names: Sequence[str], arrays: str = "numpy") -> Candidate:
    """Import ``package.module:function`` or ``path/file.py:function``; the current folder is importable."""
    place, separator, name = spec.rpartition(":")
    if not separator or not place or not name:
        raise CandidateError(f"candidate is {spec!r}: it must be module:function or file.py:function")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    function = functools.reduce(_attribute, name.split("."), _module(place))
    bound = from_callable(function, names, arrays)
    module = Path(place).stem if place.endswith(".py") else place
    return Candidate(spec, bound.call, f"from {module} import {name.split('.')[0]}\ncandidate = {name}")


def _module(place: str) -> Any:
    try:
        if not place.endswith(".py"):
            return importlib.import_module(place)
        if not Path(place).is_file():
            raise CandidateError(f"there is no file {place}")
        description = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert description is not None
        assert description.loader is not None
        module = importlib.util.module_from_spec(description)
        sys.modules[Path(place).stem] = module
        sys.path.insert(0, str(Path(place).resolve().parent))
        description.loader.exec_module(module)
    except (CandidateError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise CandidateError(f"{place} cannot be imported: {_raised(error)}") from error
    return module


def _attribute(owner: Any, name: str) -> Any:
    if not hasattr(owner, name):
        raise CandidateError(f"{getattr(owner, '__name__', owner)} has no {name}")
    return getattr(owner, name)


@contextlib.contextmanager
def in_child(spec: str, names: Sequence[str], arrays: str = "numpy", timeout: float = 10.0) -> Iterator[Candidate]:
    """Run a named candidate in a child process, which is started again when a call ends it, and ended at the end."""
    child = _Child(spec, tuple(names), arrays, timeout)
    try:
        imports = child.start()
        yield Candidate(spec, child.call, imports)
    finally:
        child.stop()


class _Child:
    """The process that runs a candidate: the one thing here that has to remember a state."""

    def __init__(self, spec: str, names: tuple[str, ...], arrays: str, timeout: float) -> None:
        self.order = (spec, names, arrays)
        self.timeout = timeout
        self.deaths = 0
        self.process: Any = None
        self.pipe: Any = None

    def start(self) -> str:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *self.order), daemon=True)
        self.process.start()
        theirs.close()
        try:
            if not self.pipe.poll(STARTING):
                raise CandidateError(f"{self.order[0]} did not start within {STARTING:g} s")
            ready, text = self.pipe.recv()
        except EOFError:
            self.process.join()
            raise CandidateError(f"{self.order[0]} ended the process at import ({self._ending()})") from None
        if not ready:
            raise CandidateError(text)
        return str(text)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = None

    def call(self, args: Arguments, layout: str) -> Answer:
        if self.process is None:
            if self.deaths >= MOST_DEATHS:
                return Answer(problem=f"was not called any more after {self.deaths} lost processes")
            self.start()
        try:
            self.pipe.send((args, layout))
            if self.pipe.poll(self.timeout):
                answer: Answer = self.pipe.recv()
                return answer
            problem = f"did not answer within {self.timeout:g} s"
        except (EOFError, OSError):
            self.process.join()
            problem = f"ended its process ({self._ending()})"
        self.deaths += 1
        self.stop()
        return Answer(problem=problem)

    def _ending(self) -> str:
        code = self.process.exitcode
        return f"signal {-code}" if code < 0 else f"exit status {code}"


def _serve(pipe: Connection, spec: str, names: tuple[str, ...], arrays: str) -> None:
    """Answer calls until the pipe closes; what the candidate prints goes to a file, of which only the size is read."""
    with tempfile.TemporaryFile() as printed:
        sys.stdout.flush()
        os.dup2(printed.fileno(), 1)
        try:
            candidate = load(spec, names, arrays)
        except CandidateError as error:
            pipe.send((False, str(error)))
            return
        pipe.send((True, candidate.imports))
        told = False
        while True:
            try:
                args, layout = pipe.recv()
            except (EOFError, KeyboardInterrupt):
                return
            answer = candidate.call(args, layout)
            if not told and os.fstat(printed.fileno()).st_size:  # written past Python, by a library
                told = True
                answer = Answer(
                    answer.value, answer.problem, answer.changed, (*answer.remarks, "prints to standard output")
                )
            _send(pipe, answer)


def _send(pipe: Connection, answer: Answer) -> None:
    try:
        pipe.send(answer)
    except (TypeError, AttributeError, ValueError, ImportError) as error:  # what cannot be pickled
        pipe.send(Answer(problem=f"returns a {type(answer.value).__name__} that cannot be read ({error})"))

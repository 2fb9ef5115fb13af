"""How a candidate is called in this process, and everything that can go wrong in it, in plain words.

Whatever a candidate does, a call gives an ``Answer``. One that is named on the command line is called in a process of
its own: see ``child``.
"""

import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from refcompress.verify.agreement import NoArray, describe
from refcompress.verify.layouts import FRAMEWORKS, during_call, from_framework, laid_out
from refcompress.verify.operation import Arguments

MOST_TEXT = 200  # characters of a candidate's own words in a report
PRINTED = 80  # bytes of what it prints that are kept


@dataclass(frozen=True)
class Answer:
    """What came of one call."""

    value: Any = None
    problem: str | None = None
    """Why there is no value, as a verb phrase: the exception, the silence, the end of the process."""
    changed: tuple[str, ...] = ()
    """The names of inputs that the call changed."""
    overwrote: Arguments | None = None
    """The inputs of the call before, if this call wrote into what that one returned."""
    remarks: tuple[str, ...] = ()
    lost: bool = False
    """Whether the call cost a process."""
    given_up: bool = False
    """Whether the call was not made, because too many processes were lost before."""
    said: tuple[str, ...] = ()
    """The last lines on the standard error of a program that was lost."""
    asked: Arguments | None = None
    """The inputs of the call that the problem belongs to, where that is one before this."""
    sent: tuple[Arguments, ...] = ()
    """The inputs of the calls that it takes to see the problem, where it takes more than one."""


@dataclass(frozen=True)
class Program:
    """An external program, and how it is addressed."""

    command: tuple[str, ...]
    header: str
    """The first line that it is sent."""


@dataclass(frozen=True)
class Candidate:
    """An implementation under test."""

    name: str
    call: Callable[[Arguments, str], Answer]
    """The inputs and the layout of the arrays in memory -> the answer."""
    imports: str = ""
    """The lines of a snippet that give ``candidate``."""
    function: Callable[..., Any] | None = None
    """What is called, with the inputs by position; None where it lives in another process."""
    program: Program | None = None
    """What is run, where it is an external program: such a one sees nothing of the layout of arrays."""
    ahead: Callable[[Iterable[tuple[Arguments, str]]], Iterator[Answer]] | None = None
    """As ``call`` for one after the other, which may be sent before the answers to those before them are there."""
    afresh: Callable[[Arguments, str], Answer] | None = None
    """As ``call``, in a new process that was asked nothing before; None where it lives in this one."""

    def answers(self, calls: Iterable[tuple[Arguments, str]]) -> Iterator[Answer]:
        """Call it for one after the other, and yield the answers in order."""
        return (self.call(*call) for call in calls) if self.ahead is None else self.ahead(calls)


class CandidateError(Exception):
    """The candidate could not be run at all."""


def from_callable(function: Callable[..., Any], names: Sequence[str], arrays: str = "numpy") -> Candidate:
    """Wrap a callable of this process, which takes inputs of these names by position or by keyword.

    Raises
    ------
    TypeError
        If it is no callable, or takes other inputs.
    ModuleNotFoundError
        If the framework whose arrays it wants is not installed.
    """
    if not callable(function):
        raise TypeError(f"candidate is {describe(function)}: it must be callable")
    if arrays != "numpy":
        importlib.import_module(arrays)
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    title = described(function)
    imports = f"# candidate is {title}"
    if module and name and _resolved(module, name) is function:
        imports = f"candidate = {name}" if module == "__main__" else _import_lines(module, name)
    calls = _Calls(_bind(function, names, title), tuple(names), arrays)
    return Candidate(title, calls.call, imports, calls.function)


def _resolved(module: str, name: str) -> Any:
    try:
        return functools.reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):  # a local function has <locals> in its name
        return None


def described(function: Any) -> str:
    """Name a callable, the same in every run: no addresses."""
    if isinstance(function, functools.partial):
        return f"a partial of {described(function.func)}"
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if name is None:
        return f"a {type(function).__qualname__} object"
    code = getattr(function, "__code__", None)
    if code is None or "<" not in name:
        module = getattr(function, "__module__", None)
        return f"{module}.{name}" if module else str(name)
    what = "the lambda" if name.endswith("<lambda>") else name.split(".")[-1]
    return f"{what} in {Path(code.co_filename).name}, line {code.co_firstlineno}"


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
    raise TypeError(f"{title} takes {steady(str(signature))}: it must take ({', '.join(names)})")


class _Calls:
    """The calls of one function, with what the last one returned, to see whether the next one writes into it."""

    def __init__(self, function: Callable[..., Any], names: tuple[str, ...], arrays: str) -> None:
        self.function, self.names, self.arrays = function, names, arrays
        self.errors = np.geterr()
        """What NumPy is to do at an overflow and the like: as its caller wants it, whatever the tester needs."""
        self.before: tuple[Arguments, Any, Any] | None = None
        """Inputs, returned object, and a copy of what it held."""

    def call(self, args: Arguments, layout: str) -> Answer:
        given = [laid_out(value, layout) for value in args]
        printed: Any = _Head()
        with (
            np.errstate(**self.errors),  # and what the candidate sets itself ends here
            contextlib.redirect_stdout(io.TextIOWrapper(printed, "utf-8", "replace", write_through=True)),
            warnings.catch_warnings(record=True) as caught,
            during_call(self.arrays, given),
        ):
            warnings.simplefilter("default")  # once a line and text
            try:
                returned = self.function(*(FRAMEWORKS[self.arrays](value) for value in given))
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit included: nothing a candidate does may end the tester
                return Answer(problem=raised(error))
            value, remark = _read(returned, self.arrays)
            overwrote = self._overwrote()
        remarks = [remark] if remark else []
        if _shares_memory(value, given):
            remarks.append("returns memory of its input: who writes into the result changes the input")
        if printed.kept:
            text = steady(printed.kept.decode("utf-8", "ignore"))
            remarks.append(f"prints to standard output: {text!r}")
        remarks += [f"warns: {w.category.__name__}: {_words(w.message)}" for w in caught]
        changed = tuple(name for name, was, now in zip(self.names, args, given, strict=True) if not _same(was, now))
        own = _own(value)
        self.before = (args, returned, own)
        return Answer(own, None, changed, overwrote, tuple(dict.fromkeys(remarks)))

    def _overwrote(self) -> Arguments | None:
        """Return the inputs of the call before, if what it returned holds something else now."""
        if self.before is None:
            return None
        args, returned, held = self.before
        return None if _same(held, _read(returned, self.arrays)[0]) else args


def _read(returned: Any, arrays: str) -> tuple[Any, str | None]:
    try:
        return from_framework(returned, arrays)
    except RecursionError:
        return NoArray(f"a {type(returned).__name__} nested without end"), None


class _Head(io.RawIOBase):
    """A stream that keeps the first bytes written to it and drops the rest, however many they are."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if len(self.kept) < PRINTED:
            self.kept += bytes(memoryview(data).cast("B")[: PRINTED - len(self.kept)])
        return size


def raised(error: BaseException) -> str:
    """Say what an exception is, in one line."""
    name, text = type(error).__name__, _words(error)
    if isinstance(error, SystemExit):
        return f"exits the interpreter: {name}: {text}".removesuffix(": ")
    return f"raises {name}: {text}".removesuffix(": ")


def _words(thing: object) -> str:
    try:
        return steady(str(thing))
    except Exception:  # even this may be the candidate's own code
        return ""


def steady(text: str) -> str:
    """Cut a candidate's own words to one line, without the addresses that change from run to run."""
    line = next((line for line in text.splitlines() if line.strip()), "")[:MOST_TEXT]
    line = "".join(c if c.isprintable() else " " for c in line).strip()
    return re.sub(r" at 0x[0-9a-fA-F]+|0x[0-9a-fA-F]{9,}", "", line)


def _own(value: Any) -> Any:
    """Copy arrays out of the candidate's hands: a later call may write into what it returned before."""
    if isinstance(value, tuple | list):
        return type(value)([_own(item) for item in value])
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(was: Any, now: Any) -> bool:
    """Whether two values hold the same bits."""
    if isinstance(was, tuple | list):
        return type(was) is type(now) and len(was) == len(now) and all(map(_same, was, now))
    if not isinstance(was, np.ndarray):
        return type(was) is type(now) and (was == now or was != was)
    return bool(isinstance(now, np.ndarray) and was.shape == now.shape and was.tobytes() == now.tobytes())


def _shares_memory(value: Any, given: Sequence[Any]) -> bool:
    if isinstance(value, tuple | list):
        return any(_shares_memory(item, given) for item in value)
    return isinstance(value, np.ndarray) and any(
        _shares_memory(value, item) if isinstance(item, list) else np.may_share_memory(value, item)
        for item in given
        if isinstance(item, list | np.ndarray)
    )


def load(spec: str, names: Sequence[str], arrays: str = "numpy") -> Candidate:
    """Import ``package.module:function`` or ``path/file.py:function``; the current folder is importable.

    Raises
    ------
    CandidateError
        With one line that says why it cannot be run.
    """
    place, separator, name = spec.rpartition(":")
    if not separator or not place or not name:
        raise CandidateError(f"candidate is {spec!r}: it must be module:function or file.py:function")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    function = functools.reduce(_attribute, name.split("."), module)
    try:
        candidate = from_callable(function, names, arrays)
    except (TypeError, ImportError) as error:
        raise CandidateError(steady(str(error))) from error
    return replace(candidate, name=spec, imports=_import_lines(place, name))


def _import_lines(place: str, name: str) -> str:
    """Write the lines of a snippet that give ``candidate``."""
    first, dot, rest = name.partition(".")
    if place.endswith(".py"):
        path = Path(place)
        if not path.stem.isidentifier() or path.stem in sys.stdlib_module_names:
            return f'import runpy\ncandidate = runpy.run_path({place!r})["{first}"]{dot}{rest}'
        if path.parent != Path():
            lines = ["import sys", f"sys.path.insert(0, {str(path.parent)!r})"]
            return "\n".join([*lines, _import_lines(path.stem, name)])
        place = path.stem
    return f"from {place} import {first}\ncandidate = {name}" if dot else f"from {place} import {name} as candidate"


def _module(name: str) -> Any:
    with _importing(name):
        return importlib.import_module(name)


def _file(path: Path) -> Any:
    if not path.is_file():
        raise CandidateError(f"there is no file {path}")
    # a file may have the name of a module that is in use: its own name is then another
    name = path.stem if path.stem not in sys.modules else f"candidate {path.stem}"
    description = importlib.util.spec_from_file_location(name, path)
    if description is None or description.loader is None:
        raise CandidateError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(description)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    with _importing(str(path)):
        description.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _importing(place: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and error.name == place:
            raise CandidateError(f"there is no module {place}") from None
        raise CandidateError(f"{place} cannot be imported: it {raised(error)}") from error


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise CandidateError(f"{getattr(owner, '__name__', owner)} has no {name}") from None

"""Try the changes of a module of ``verify/operations`` by what the operations declare, which is soon seen.

A table is all declarations, and ``tests/verify/declarations.py`` works out the parts of each, piece by piece. A process
that has done so, and has seen which code each piece ran, forks for each change: the child imports the changed module
and those that import it, works out the pieces that run the changed code, and stops at the first value that is another.
Those are values of which ``declarations.json`` holds the digests, so that a test fails by them. What changes no value
is left to the other tests.
"""

import ast
import collections
import dataclasses
import functools
import hashlib
import importlib
import itertools
import json
import os
import sys
import time
import types
import warnings

import numpy as np
from forked import FORK, Changed, alone, within
from swap import beside, changed_codes, codes, compiled

PACKAGE = "refcompress.verify.operations"
SECONDS = 120  # for one change


def value_marks(values):
    """Yield a short mark of each value."""
    from verify.declarations import plain

    for value in values:
        yield hashlib.sha256(plain(value).encode()).digest()[:8]


def traced(folder, work):
    """Do some work; return what it gives, the code objects of a folder's modules that it ran, and its seconds."""
    ran = {}

    def enter(frame, event, argument):
        if frame.f_code.co_filename.startswith(folder):
            ran[id(frame.f_code)] = frame.f_code

    start = time.perf_counter()
    sys.settrace(enter)
    try:
        result = work()
    finally:
        sys.settrace(None)
    return result, set(ran.values()), time.perf_counter() - start


def imports_of(path):
    """Return the modules of the package that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("refcompress"):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def importers(imports, name):
    """Return the modules of the package that are to be imported anew for a change of one: those that import it too."""
    found, more = set(), {name}
    while more:
        found |= more
        more = {other for other, used in imports.items() if used & more} - found
    return {*found, PACKAGE}


def lines_around(old, text):
    """Return the lines about the first that has changed: an entry of a table has its name there."""
    before, after = old.splitlines(), text.splitlines()
    at = next(i for i, (a, b) in enumerate(itertools.zip_longest(before, after)) if a != b)
    return "\n".join(before[max(at - 3, 0) : at + 2])


def is_data(value):
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def shapes(package):
    """Return a function that describes what a value does: functions by their code and all of the package they use."""
    known = {}

    def shape(value):
        if isinstance(value, types.FunctionType | functools.partial) or is_data(value):
            if id(value) not in known:
                known[id(value)] = value, "..."  # met again inside itself
                known[id(value)] = value, hashlib.sha256(repr(inner(value)).encode()).hexdigest()
            return known[id(value)][1]
        if isinstance(value, tuple | list):
            return [shape(item) for item in value]
        if isinstance(value, dict | types.MappingProxyType):
            return [(shape(key), shape(item)) for key, item in value.items()]
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        return repr(value)  # with its address, if it is of another kind: the same in a fork

    def inner(value):
        if isinstance(value, functools.partial):
            return shape(value.func), shape(value.args), shape(value.keywords)
        if not isinstance(value, types.FunctionType):
            return type(value).__qualname__, [shape(getattr(value, f.name)) for f in dataclasses.fields(value)]
        if not value.__module__.startswith(package):
            return value.__module__, value.__qualname__, cells(value)
        code = list(codes(value.__code__))
        used = named(value.__globals__, {name for c in code for name in c.co_names})
        given = shape(value.__defaults__ or ()), shape(value.__kwdefaults__ or {}), cells(value)
        return [beside(c) for c in code], given, sorted((name, repr(shape(used[name]))) for name in used)

    def named(space, names):
        """Return what the names stand for in a module, and in the modules of the package that are named there."""
        found = {name: space[name] for name in names if name in space}
        for module in [m for m in found.values() if isinstance(m, types.ModuleType) and m.__name__.startswith(package)]:
            found |= {f"{module.__name__}.{name}": vars(module)[name] for name in names if name in vars(module)}
        return found

    def cells(value):
        return [shape(cell.cell_contents) for cell in value.__closure__ or ()]

    return shape


def drawn_from(operation, part, piece, shape):
    """Describe all that a piece is made of."""
    tables = {
        "cases": operation.cases,
        "regions": operation.regions,
        "laws": operation.laws,
        "rivals": operation.faults,
    }
    own = [item for item in tables.get(part, ()) if item.name == piece]
    of_all = operation if part == "texts" else (operation.answer, operation.bound, operation.rival_answer)
    calls = () if part == "cases" else operation.cases
    return repr(shape((own, calls, of_all, operation.settings, operation.typical)))


class Declared:
    """A process that has worked out all that some operations declare, and tries changes in forks of itself."""

    def __init__(self, root, operations):
        self.folder = root.joinpath(*PACKAGE.split("."))
        self.operations = operations
        self.imports = {f"{PACKAGE}.{path.stem}": imports_of(path) for path in self.folder.glob("*.py")}
        self.here, self.there = FORK.Pipe()
        self.process = FORK.Process(target=self.serve)
        self.process.start()
        self.there.close()

    def serve(self):
        alone()
        self.here.close()
        sys.path.insert(0, "tests")
        _, self.at_import, _ = traced(str(self.folder), lambda: importlib.import_module("verify.declarations"))
        warnings.simplefilter("error")  # as in the test run
        self.work_out()
        self.there.send(None)
        wins = collections.Counter()
        while (asked := self.there.recv()) is not None:
            name, path, old, text, function = asked
            status, by, _ = within(self.changed, (name, path, old, text, function, wins), SECONDS)
            wins[function, by] += 1
            self.there.send((status, by))

    def work_out(self):
        """Work out every call and every piece: their marks, the code they run and the time they take."""
        from verify import rivals
        from verify.declarations import FILE, PARTS, digest, settings_of

        from refcompress.verify.operations import OPERATIONS

        declared = json.loads(FILE.read_text())
        self.calls, self.marks, self.ran, self.seconds, self.shapes = {}, {}, {}, {}, {}
        for name in self.operations:
            operation = OPERATIONS[name]
            for settings, case in itertools.product(settings_of(operation), operation.cases):
                before = set(rivals.CALLS)
                _, ran, _ = traced(str(self.folder), lambda s=settings, c=case, o=operation: rivals.calls(o, s, c))
                self.calls |= dict.fromkeys(set(rivals.CALLS) - before, ran)
            shape = shapes(PACKAGE)
            for part, pieces in PARTS.items():
                made, making, _ = traced(str(self.folder), lambda p=pieces, o=operation: p(o))
                for piece in made:
                    key = name, part, piece
                    values, ran, self.seconds[key] = traced(str(self.folder), lambda m=made, p=piece: list(m[p]))
                    if digest(values) != declared[name][part][piece]:
                        raise ValueError(f"{key} is not what declarations.json says")
                    self.marks[key], self.ran[key] = list(value_marks(values)), ran | making
                    self.shapes[key] = drawn_from(operation, part, piece, shape)

    def changed(self, pipe, name, path, old, text, function, wins):
        """Import a changed module and work out what it may have changed; what a process for ``within`` does."""
        os.setpgid(0, 0)
        changed = changed_codes(compiled(old, str(path)), compiled(text, str(path)))
        made = {code for outer in changed or () if outer.co_name != "<module>" for code in codes(outer)}
        around = lines_around(old, text)

        def late(key):
            likely = made & self.ran[key] or f'"{key[2]}"' in around
            return not likely, self.seconds[key] / (1 + 20 * wins[function, key])

        try:
            by = self.first_difference(name, path, text, changed, late)
        except Exception as error:
            by = type(error).__name__
        pipe.send((int(by is not None), by, {}))

    def first_difference(self, name, path, text, codes, late):
        """Return a piece that has other values now, or None; those that ``late`` puts last are worked out last."""
        from verify import rivals
        from verify.declarations import PARTS

        for module in importers(self.imports, name) & set(sys.modules):
            del sys.modules[module]
        sys.meta_path.insert(0, Changed(name, path, text))
        operations = importlib.import_module(PACKAGE).OPERATIONS
        anything = codes is None or bool(codes & self.at_import)
        touched = {call for call, ran in self.calls.items() if anything or codes & ran}
        for call in touched:
            del rivals.CALLS[call]
        whose = {call[0] for call in touched}
        asked = [key for key, ran in self.ran.items() if anything or codes & ran or key[0] in whose]
        asked.sort(key=late)
        made, shape = {}, shapes(PACKAGE)
        for operation, part, piece in asked:
            if (operation, part) not in made:
                made[operation, part] = PARTS[part](operations[operation])
                if list(made[operation, part]) != [key[2] for key in self.marks if key[:2] == (operation, part)]:
                    return operation, part, "names"
            if drawn_from(operations[operation], part, piece, shape) == self.shapes[operation, part, piece]:
                continue
            now = value_marks(made[operation, part][piece])
            if any(a != b for a, b in itertools.zip_longest(self.marks[operation, part, piece], now)):
                return operation, part, piece
        return None

    def ready(self):
        """Wait until all is worked out; return whether it is what the file says."""
        try:
            return self.here.recv() is None
        except EOFError:
            return False

    def attempt(self, name, path, old, change):
        """Return whether a declaration is another with this change, and what tells so."""
        self.here.send((name, path, old, change.text, change.place[0]))
        status, by = self.here.recv()
        return status, by if isinstance(by, str) or by is None else " ".join(by)

    def stop(self):
        self.here.send(None)
        self.process.join()

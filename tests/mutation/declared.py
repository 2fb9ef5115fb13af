"""Try the changes of a module of ``verify/operations`` by what the operations declare, which is soon seen.

A table is all declarations, and ``tests/verify/declarations.py`` works out the parts of each, piece by piece. A process
that has done so forks for each change: the child imports the changed module and those that import it, works out the
pieces that are made of other code now, and stops at the first value that is another. Those are values of which
``declarations.json`` holds the digests, so that a test fails by them. What changes no value is left to the other tests.
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
from forked import Changed, served, within
from swap import beside, codes

PACKAGE = "refcompress.verify.operations"
SECONDS = 120  # for one change


def value_marks(values):
    """Yield a short mark of each value."""
    from verify.declarations import plain

    for value in values:
        yield hashlib.sha256(plain(value).encode()).digest()[:8]


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


def is_data(value):
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def methods(kind):
    """Yield the functions that a class is made of, those of properties among them."""
    for name, value in vars(kind).items():
        function = getattr(value, "fget", getattr(value, "func", getattr(value, "__func__", value)))
        if isinstance(function, types.FunctionType):
            yield name, function


def shapes(package):
    """Return a function that describes what a value does: functions by their code and all of the package they use."""
    known = {}

    def shape(value):
        if isinstance(value, types.FunctionType | functools.partial) or is_data(value) or is_ours(value):
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
        if isinstance(value, type):
            return value.__qualname__, [(name, shape(function)) for name, function in methods(value)]
        if not isinstance(value, types.FunctionType):
            return shape(type(value)), [shape(getattr(value, f.name)) for f in dataclasses.fields(value)]
        if not value.__module__.startswith(package):
            return value.__module__, value.__qualname__, cells(value)
        code = list(codes(value.__code__))
        used = named(value.__globals__, {name for c in code for name in c.co_names})
        given = shape(value.__defaults__ or ()), shape(value.__kwdefaults__ or {}), cells(value)
        return [beside(c) for c in code], given, sorted((name, repr(shape(used[name]))) for name in used)

    def is_ours(value):
        return isinstance(value, type) and value.__module__.startswith(package)

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
    """Describe all that a piece is made of, but the numbers of the cases, which are worked out before anything else."""
    tables = {
        "cases": operation.cases,
        "regions": operation.regions,
        "laws": operation.laws,
        "rivals": operation.faults,
        "own_bounds": operation.faults,
    }
    own = [item for item in tables.get(part, ()) if item.name == piece]
    if part == "searches":
        return repr(shape(operation.strategy))
    if part == "texts":
        own = {"by hand": operation.by_hand, "accepts": operation.accepts}.get(piece, operation)
    of_all = operation.answer, operation.bound, operation.rival_answer, operation.settings, operation.typical
    return repr(shape((own, of_all)))


class Declared:
    """A process that has worked out all that some operations declare, and tries changes in forks of itself."""

    def __init__(self, root, operations):
        self.operations = operations
        folder = root.joinpath(*PACKAGE.split("."))
        self.imports = {f"{PACKAGE}.{path.stem}": imports_of(path) for path in folder.glob("*.py")}
        self.here, self.process = served(self.serve)

    def serve(self, there):
        sys.path.insert(0, "tests")
        try:
            self.work_out()
        except Exception as error:
            there.send(f"{type(error).__name__}: {error}")
            return
        there.send(None)
        wins = collections.Counter()
        while (asked := there.recv()) is not None:
            name, path, text, function = asked
            status, by, _ = within(self.changed, (name, path, text, function, wins), SECONDS)
            wins[function, by] += 1
            there.send((status, by))

    def work_out(self):
        """Work out every piece: the marks of its values, what it is made of and the time it takes."""
        from verify.declarations import FILE, PARTS, digest

        from refcompress.verify.operations import OPERATIONS

        warnings.simplefilter("error")  # as in the test run
        declared = json.loads(FILE.read_text())
        self.marks, self.shapes, self.seconds = {}, {}, {}
        shape = shapes(PACKAGE)
        for name, (part, pieces) in itertools.product(self.operations, PARTS.items()):
            for piece, made in pieces(OPERATIONS[name]).items():
                key, start = (name, part, piece), time.perf_counter()
                values = list(made)
                self.seconds[key] = time.perf_counter() - start
                if digest(values) != declared[name][part][piece]:
                    raise ValueError(f"{' '.join(key)} is not what declarations.json says")
                self.marks[key] = list(value_marks(values))
                self.shapes[key] = drawn_from(OPERATIONS[name], part, piece, shape)

    def changed(self, pipe, name, path, text, function, wins):
        """Import a changed module and work out what it may have changed; what a process for ``within`` does."""
        os.setpgid(0, 0)
        try:
            by = self.first_difference(name, path, text, lambda key: self.seconds[key] / (1 + 20 * wins[function, key]))
        except Exception as error:
            by = type(error).__name__
        pipe.send((int(by is not None), by, {}))

    def first_difference(self, name, path, text, late):
        """Return a piece that has other values now, or None; those that ``late`` puts last are worked out last."""
        from verify.declarations import PARTS
        from verify.rivals import CALLS

        for module in importers(self.imports, name) & set(sys.modules):
            del sys.modules[module]
        sys.meta_path.insert(0, Changed(name, path, text))
        operations, shape = importlib.import_module(PACKAGE).OPERATIONS, shapes(PACKAGE)
        asked = [key for key, old in self.shapes.items() if drawn_from(operations[key[0]], *key[1:], shape) != old]
        for call in [c for c in CALLS if (c[0], "cases", c[1]) in asked]:
            del CALLS[call]
        made = {}
        for key in sorted(asked, key=lambda key: (key[1] != "cases", late(key))):
            operation, part, piece = key
            if (operation, part) not in made:
                made[operation, part] = PARTS[part](operations[operation])
                if list(made[operation, part]) != [key[2] for key in self.marks if key[:2] == (operation, part)]:
                    return operation, part, "names"
            now = value_marks(made[operation, part][piece])
            if any(a != b for a, b in itertools.zip_longest(self.marks[key], now)):
                return key
        return None

    def problem(self):
        """Wait until all is worked out; return why it cannot be, or None."""
        return self.here.recv()

    def attempt(self, name, path, change):
        """Return whether a declaration is another with this change, and what tells so."""
        self.here.send((name, path, change.text, change.place[0]))
        status, by = self.here.recv()
        return status, by if isinstance(by, str) or by is None else " ".join(by)

    def stop(self):
        self.here.send(None)
        self.process.join()

"""A docstring that names a default, or a function that has the same, says what the signature says."""

import importlib
import inspect
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import refcompress

ROOT = Path(__file__).parent.parent
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "refcompress").rglob("*.py") if path.name != "__main__.py")
PARAMETER = re.compile(r"^(\w+(?:, \w+)*)(?: : .*)?\n((?:    .*\n|\n)+)", re.MULTILINE)
SAID = re.compile(r"\bdefault (-?\d[\d./]*(?: of \d+)?|True|False|the last|half_\w+)|([^\s,]+?):? \(default\b")


def described(function):
    """Yield the names of parameters and what the docstring says of them, in one line."""
    text = inspect.getdoc(function) + "\n"
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    for names, description in PARAMETER.findall(section[1] if section else ""):
        yield names.split(", "), " ".join(description.split())


def documented(function):
    """Yield each parameter with the default that the docstring gives it, as it is written there."""
    for names, description in described(function):
        words = [a.rstrip(".;") or b for a, b in SAID.findall(description)]
        if words:
            yield from zip(names, words[0].split(" of "), strict=False)


def as_elsewhere(function):
    """Yield each parameter that is said to be as for another function, with that function."""
    for names, description in described(function):
        other = re.search(r"\bAs for ``(\w+)``", description)
        if other:
            home = importlib.import_module(function.__module__)
            yield from ((name, getattr(home, other[1], getattr(refcompress, other[1], None))) for name in names)


def is_meant(word, default):
    """Whether a default is what a word says."""
    if isinstance(default, bool):
        return word == str(default) or (default and word.endswith("]"))  # a range of codes, [-8, 7] (default)
    if isinstance(default, int | float | Fraction):
        return Fraction(-1 if word == "the last" else word) == Fraction(str(default))
    return word == (default if isinstance(default, str) else np.dtype(default).name)


def functions_of(path):
    module = importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
    return [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__ and f.__doc__]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_the_defaults_are_those_that_the_docstring_names(path):
    for function in functions_of(path):
        parameters = inspect.signature(function).parameters
        for name, word in documented(function):
            assert is_meant(word, parameters[name].default), (function.__name__, name, word)


def test_most_defaults_are_found():
    found = [pair for path in MODULES for function in functions_of(path) for pair in documented(function)]
    assert len(found) > 80


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_parameter_that_is_as_for_another_function_has_its_default(path):
    for function in functions_of(path):
        parameters = inspect.signature(function).parameters
        for name, other in as_elsewhere(function):
            theirs = inspect.signature(other).parameters
            if name in theirs:
                same = (parameters[name].default, inspect.Parameter.empty)
                assert theirs[name].default in same, (function.__name__, name, other.__name__)

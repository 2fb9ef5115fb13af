"""The README's formula index leads to the code, and its commands are those that exist."""

import importlib
import re
from pathlib import Path

import pytest

import refcompress

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = re.findall(r"^\| .* \| `([a-z_0-9]+)` \| \[`(refcompress/[\w/]+\.py)`\]", README, re.MULTILINE)


def test_the_index_is_not_empty():
    assert len(INDEX) >= 14


@pytest.mark.parametrize(("name", "path"), INDEX)
def test_a_formula_of_the_index_is_in_the_module_that_it_names(name, path):
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    function = getattr(module, name)
    assert function.__module__ == module.__name__


def test_every_public_name_is_in_the_index():
    listed = {name for name, _ in INDEX}
    functions = {name for name in refcompress.__all__ if name[0].islower()}
    assert functions <= listed


@pytest.mark.parametrize("name", [n for n in refcompress.__all__ if n[0].islower()])
def test_every_public_docstring_has_its_parts(name):
    text = getattr(refcompress, name).__doc__
    assert re.match(r"^[A-Z].*\.$", text.strip().splitlines()[0]), "one sentence first"
    for part in ("Parameters\n", "Returns\n", "Raises\n", "Examples\n"):
        assert part in text, part
    assert ">>> " in text


def test_the_readme_has_one_command_to_try_and_one_to_test():
    commands = re.findall(r"^\$ (python3 -m venv .*)$", README, re.MULTILINE)
    assert [("refcompress demo" in c, "-m pytest" in c) for c in commands] == [(True, False), (False, True)]

"""Every command of the page ``kernels.md``, and of notebook 6 on PyTorch, runs as it stands and prints what it says.

``...`` in what it says stands for anything. Sections whose compiler or framework is not there are not collected, but
for those of C and Verilog, whose compilers the tests need anyway.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MANUAL = Path(__file__).parents[2] / "notebooks" / "manual"
PAGE = (MANUAL / "kernels.md").read_text(encoding="utf-8")

# section -> the modules or programs that it needs
NEEDS = {"PyTorch": ["torch"], "JAX": ["jax"], "ONNX": ["onnx", "onnxruntime"], "Rust": ["rustc"]}


def commands(text):
    """The commands of a text, each with what it is said to print."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for command in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, said = command.partition("\n")
            yield line, said


PARTS = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
SECTIONS = {title: list(commands(text)) for title, text in PARTS}


def is_there(name):
    return shutil.which(name) is not None or importlib.util.find_spec(name) is not None


@pytest.fixture(name="folder")
def _folder(tmp_path, monkeypatch):
    """The samples in a folder of their own, in a shell that finds this interpreter and its refcompress."""
    shutil.copytree(MANUAL / "kernels", tmp_path / "kernels")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, words in (("python", ""), ("refcompress", " -m refcompress")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(MANUAL.parents[1]))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")
    return tmp_path / "kernels"


def pattern(said):
    """What is said, as a regular expression in which dots stand for anything: whole lines, or what is within one."""
    escaped = re.escape(said).replace(r"\.\.\.", "...")
    escaped = re.sub(r"^\.\.\.\\?\n", lambda _: r"(?:.*\n)*?", escaped, flags=re.MULTILINE)
    return escaped.replace("...", ".*")


def try_out(said, folder):
    """Run commands in a folder, and compare what each prints with what it is said to."""
    for line, printed in said:
        done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True)
        assert done.returncode == int("differs" in done.stdout.partition("\n")[0]), (line, done.stdout, done.stderr)
        assert re.fullmatch(pattern(printed), done.stdout), f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("title", [t for t in SECTIONS if all(map(is_there, NEEDS.get(t, [])))])
def test_every_command_of_a_section_prints_what_it_says(title, folder):
    assert SECTIONS[title]
    try_out(SECTIONS[title], folder)


if is_there("torch"):

    def test_what_notebook_6_says_of_torch_is_what_is_printed(folder):
        cells = json.loads((MANUAL.parent / "6_verify_your_own.ipynb").read_text(encoding="utf-8"))["cells"]
        markdown = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        text = re.search(r"^## In PyTorch.*?(?=^## )", markdown, re.DOTALL | re.MULTILINE)[0]
        (folder / "mine.py").write_text(re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1])
        said = list(commands(text))
        assert len(said) == 2
        try_out(said, folder)


def test_every_kind_of_kernel_has_its_section():
    kinds = {"Python", "PyTorch", "JAX", "ONNX", "C", "Rust", "Verilog", "Files of test vectors", "Checkpoints"}
    assert kinds <= set(SECTIONS)
    assert all(SECTIONS.values())


@pytest.mark.parametrize("path", sorted((MANUAL / "kernels").iterdir()), ids=lambda path: path.name)
def test_every_sample_is_shown(path):
    assert f"```{{literalinclude}} kernels/{path.name}\n" in PAGE


def test_the_dots_of_the_page_stand_for_lines_or_for_a_part_of_one():
    assert re.fullmatch(pattern("a\n...\nb ... d\n"), "a\n1\n2\nb c d\n")
    assert not re.fullmatch(pattern("a\n...\nb\n"), "a\n1\nc\n")

"""The manual is built without a warning, and its pages hold what the package computes.

Run with the extra ``[manual]``: python -m pytest tests/manual
"""

import doctest
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import refcompress
import refcompress.verify
from refcompress.peers import PEERS
from refcompress.verify import check
from refcompress.verify.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "notebooks" / "manual"
PAGES = sorted([ROOT / "notebooks" / "index.md", *MANUAL.rglob("*.md")])
API = "\n".join(page.read_text(encoding="utf-8") for page in (MANUAL / "api").glob("*.md"))

# modules that nobody calls by themselves
INSIDE = {
    "__main__",
    "arguments",
    "cli",
    "files",
    "labelled_rows",
    "layer_hessian",
    "mlp.precision",
    "norms",
    "quantization.blocks",
    "quantization.channels",
    "quantization.exactly",
}
sys.path.insert(0, str(MANUAL))

import tables  # noqa: E402 - it lies beside the pages


@pytest.fixture(scope="module", name="built")
def _built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manual")
    command = ["-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-c", str(MANUAL), str(MANUAL.parent), str(folder)]
    return folder, subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT)


def test_the_manual_is_built_without_a_warning(built):
    _, done = built
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_is_built(built, page):
    folder, _ = built
    assert (folder / page.relative_to(MANUAL.parent)).with_suffix(".html").exists()


@pytest.mark.parametrize("notebook", sorted(MANUAL.parent.glob("[0-9]_*.ipynb")), ids=lambda path: path.stem)
def test_every_notebook_is_built(built, notebook):
    folder, _ = built
    assert (folder / f"{notebook.stem}.html").exists()


@pytest.mark.parametrize("notebook", sorted(MANUAL.parent.glob("[0-9]_*.ipynb")), ids=lambda path: path.stem)
def test_the_formulas_of_a_notebook_are_formulas(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert re.findall(r"\\\\[A-Za-z]\w*", text) == [], "a backslash too many: it would show the word"


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.stem)
def test_the_tables_of_a_page_are_what_the_package_computes(page):
    text = page.read_text(encoding="utf-8")
    assert tables.filled(text) == text, "python notebooks/manual/tables.py writes them"


def test_every_table_stands_on_a_page():
    places = [name for page in tables.PAGES for name, _ in tables.PLACE.findall(page.read_text(encoding="utf-8"))]
    assert sorted(places) == sorted(tables.TABLES)


@pytest.mark.parametrize("name", ["rounding", "overflow", "ties", "reduction"])
def test_a_rule_has_a_table_of_ten_inputs_and_its_users(name):
    assert {len(row) for row in tables.TABLES[name]()} == {1 + 10}
    [operation] = [OPERATIONS[o] for o in ("quantize", "top_k_mask", "mse_loss") if name in names_of(OPERATIONS[o])]
    text = (MANUAL / "rules.md").read_text(encoding="utf-8")
    section = text.partition(f"<!-- table: {name} -->")[2].partition("\n## ")[0]
    computed, _, users = section.partition("<!-- end -->")
    for word in operation.setting(name).allowed:
        assert re.search(rf"^\| `{word}`", computed, re.MULTILINE), word
        assert re.search(rf"^\|[^|]*`{word}`[^|]*\|[^|]*\w[^|]*\|$", users, re.MULTILINE), word


def names_of(operation):
    return {setting.name for setting in operation.settings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page):
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


def test_the_index_has_every_public_name_in_reading_order():
    listed = re.findall(r"^   ([A-Za-z]\w+)$", (MANUAL / "api" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert listed[: len(refcompress.__all__)] == refcompress.__all__
    assert sorted(listed[len(refcompress.__all__) :]) == sorted(refcompress.verify.__all__)


def modules():
    """The modules of the formulas, without those that are inside."""
    package = ROOT / "refcompress"
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package).with_suffix("").parts)
        if not name.startswith(("verify.", "peers.", "commands.", "audit.")) and not name.endswith("__init__"):
            yield name


@pytest.mark.parametrize("name", sorted(set(modules()) - INSIDE))
def test_every_module_has_its_place_in_the_manual(name):
    assert f".. automodule:: refcompress.{name}\n" in API


def test_the_report_is_described_as_it_is():
    def shows_a_half(x, p):
        return x * 2.0**p

    report = check(shows_a_half, "quantize", examples=0, bits=8).json()
    members = {*report, *report["counterexample"], *report["diagnosis"][0], *report["cases"][0], "exhaustive"}
    text = (MANUAL / "reference.md").read_text(encoding="utf-8")
    assert {name for name in members if f"`{name}`" not in text} == set()


def test_the_sweep_is_described_as_it_is():
    from refcompress.verify.blocks import Found
    from refcompress.verify.proof import Proof

    fields = inspect.signature(Found).parameters
    assert {"intervals", "silent"} <= set(fields)
    source = inspect.getsource(Proof.json)
    text = (MANUAL / "reference.md").read_text(encoding="utf-8")
    assert {name for name in re.findall(r'^ {12}"(\w+)":', source, re.MULTILINE) if f"`{name}`" not in text} == set()


MEASURED = json.loads((MANUAL / "peers.json").read_text(encoding="utf-8"))["peers"]


def test_the_peers_that_were_measured_are_those_that_there_are():
    assert [p["name"] for p in MEASURED] == [p.name for p in PEERS], "refcompress peers --json measures them"


def test_the_citation_names_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {refcompress.__version__}\n" in text
    assert importlib.import_module("yaml").safe_load(text)["cff-version"] == "1.2.0"

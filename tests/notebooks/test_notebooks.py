"""The notebooks run whole from a fresh kernel, and show what they showed when they were committed.

Run with the extra ``[study]``: python -m pytest tests/notebooks
"""

import base64
import io
import os
import re
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "notebooks"))

import run  # noqa: E402 - it lies beside the notebooks
import study  # noqa: E402 - the same

from refcompress import rounding  # noqa: E402
from refcompress.mlp.optimizers import SGD  # noqa: E402

NOTEBOOKS = pytest.mark.parametrize("path", run.notebooks(), ids=lambda path: path.stem)


def test_there_are_notebooks():
    assert run.notebooks()


@NOTEBOOKS
def test_a_notebook_runs_without_a_warning_and_shows_what_it_showed(path):
    assert list(run.stale(run.read(path), run.executed(path))) == []


@NOTEBOOKS
def test_a_notebook_is_stored_as_the_tool_writes_it(path):
    assert path.read_text(encoding="utf-8") == run.text(run.clean(run.read(path))), "notebooks/run.py writes it so"


@NOTEBOOKS
def test_a_notebook_opens_with_its_question(path):
    first = run.read(path).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \d\. .+\n\n\*\*[^\n]+\?\*\*", first.source)


@NOTEBOOKS
def test_nothing_random_in_a_notebook_is_unseeded(path):
    source = "\n".join(cell.source for cell in run.code_cells(run.read(path)))
    assert (
        re.findall(
            r"default_rng\(\)|np\.random\.(?!default_rng\b|Generator\b)\w+|^(?:import|from) random\b", source, re.M
        )
        == []
    )


@NOTEBOOKS
def test_every_picture_of_a_notebook_is_drawn_in_the_one_style(path):
    source = "\n".join(cell.source for cell in run.code_cells(run.read(path)))
    assert re.findall(r"style\.\w+\([^)]*\)|rcParams", source) == ['style.use("study.mplstyle")']


@NOTEBOOKS
def test_a_notebook_shows_sources_and_ends_with_three_exercises_and_their_answers(path):
    cells = run.read(path).cells
    headings = re.findall(r"^#+ .*", "\n".join(c.source for c in cells if c.cell_type == "markdown"), re.MULTILINE)
    assert [h for h in headings if h.startswith("## ")][-2:] == ["## Exercises", "## Answers"]
    assert sum(h.startswith("### Exercise ") for h in headings) == 3
    assert sum("answer" in run.tags(c) for c in cells) >= 3
    assert any("show(" in c.source for c in run.code_cells(run.read(path)))


@NOTEBOOKS
def test_the_answers_agree_with_the_reference(path):
    for cell in run.code_cells(run.read(path)):
        if "answer" in run.tags(cell):
            printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
            assert re.search(r"agrees with|values compared, 0 wrong", printed), cell.id


@NOTEBOOKS
def test_no_path_of_the_machine_stands_in_a_notebook(path):
    notebook = run.read(path)
    for cell in run.code_cells(notebook):
        for output in cell.outputs:
            output.get("data", {}).pop("image/png", None)  # base64, in which /tmp may stand by chance
    text = run.text(notebook)
    assert [p for p in (str(ROOT), f"{Path.home()}/", tempfile.gettempdir(), sys.prefix) if p in text] == []


# what the tool must notice: a notebook of one code cell, and what is said of it


def written(folder, source, *outputs, count=1):
    """The path of a notebook of one cell."""
    cell = nbformat.v4.new_code_cell(source, execution_count=count, outputs=list(outputs), id="cell")
    path = folder / "1_example.ipynb"
    nbformat.write(run.clean(nbformat.v4.new_notebook(cells=[cell])), path)
    return path


@pytest.fixture
def store(tmp_path):
    return partial(written, tmp_path)


@cache
def fresh(source):
    """A notebook of one cell as a fresh kernel leaves it: one kernel for all that is compared with it."""
    with tempfile.TemporaryDirectory() as folder:
        return run.executed(written(Path(folder), source))


def printed(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def picture(x):
    figure, file = Figure(figsize=(1, 1)), io.BytesIO()
    figure.subplots().plot([0, x])
    figure.savefig(file)
    return base64.b64encode(file.getvalue()).decode()


def drawn(png):
    return nbformat.v4.new_output("display_data", {"image/png": png})


def test_an_output_that_is_as_it_was_is_not_stale(store):
    path = store("print(1 + 1)", printed("2\n"))
    assert list(run.stale(run.read(path), fresh("print(1 + 1)"))) == []


@pytest.mark.parametrize(
    ("source", "outputs", "count", "said"),
    [
        ("print(1 + 1)", [printed("3\n")], 1, "stdout is another\n--- was\n+++ would be\n@@ -1 +1 @@\n-3\n+2"),
        ("print(1 + 1)", [], 1, "has []"),
        ("pass", [printed("2\n")], 1, "would have []"),
        ("print(1 + 1)", [printed("2\n")], 7, "its number is 7, and would be 1"),
        ("print(1 + 1)", [printed("2\n")], None, "its number is None"),
        ("print(1 + 1)", [drawn(picture(1))], 1, "has ['image/png']"),
    ],
)
def test_a_stale_output_is_noticed(store, source, outputs, count, said):
    path = store(source, *outputs, count=count)
    assert said in "".join(run.stale(run.read(path), fresh(source)))


def test_a_picture_is_compared_by_its_pixels():
    assert run.same_picture(picture(1), picture(1))
    assert not run.same_picture(picture(1), picture(2))


def test_a_picture_of_another_release_of_matplotlib_need_only_be_there():
    other = base64.b64encode(re.sub(rb"version[0-9]", b"versionX", base64.b64decode(picture(2)))).decode()
    assert run.same_picture(picture(1), other)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings; warnings.warn('beware')", "UserWarning"),
        ("import numpy as np; np.float64(1) / 0", "RuntimeWarning"),
        ("import sys; print('beware', file=sys.stderr)", "writes to standard error"),
        ("import logging; logging.getLogger().warning('beware')", "writes to standard error"),
    ],
)
def test_an_error_or_a_warning_is_refused(store, source, said):
    with pytest.raises(ValueError, match=said):
        run.executed(store(source))


def test_the_notebook_runs_on_the_package_beside_it(store):
    source = "import refcompress; print(refcompress.__file__)"
    path = store(source, printed(f"{ROOT / 'refcompress' / '__init__.py'}{os.linesep}"))
    assert list(run.stale(run.read(path), run.executed(path))) == []


def test_metadata_and_the_pieces_of_an_output_are_cleaned(store):
    path = store("print(1)", printed("a"), printed("b\n"))
    notebook = run.read(path)
    notebook.cells[0].metadata = {"execution": {"time": "now"}, "tags": ["answer", "other"]}
    notebook.metadata["language_info"] = {"version": "3.99"}
    cleaned = run.clean(notebook)
    assert cleaned.metadata == run.METADATA
    assert cleaned.cells[0].metadata == {"jupyter": {"source_hidden": True}, "tags": ["answer"]}
    assert [o.text for o in cleaned.cells[0].outputs] == ["ab\n"]


# what the notebooks show of a source


@pytest.fixture
def shown(monkeypatch):
    """What ``study.show`` displays of things."""

    def shown(*things):
        displayed = []
        monkeypatch.setattr(study, "display", lambda data, raw: displayed.append(data["text/markdown"]))
        study.show(*things)
        return displayed

    return shown


def test_a_function_is_shown_with_the_first_sentence_of_its_docstring(shown):
    [text] = shown(rounding.wrap)
    assert text.startswith(
        "`refcompress/rounding.py`\n\n```python\ndef wrap(q: Array, low: int, high: int) -> Array:\n"
    )
    assert '    """Take q modulo' in text
    assert text.endswith("\n```")


def test_a_method_is_shown_as_if_it_stood_by_itself(shown):
    [text] = shown(SGD.initial_state)
    assert "```python\ndef initial_state(self, w: Array) -> Array:\n    " in text


def test_a_long_docstring_is_cut_to_its_first_sentence(shown):
    assert "The fraction" in rounding.round_to_integer.__doc__
    [text] = shown(rounding.round_to_integer)
    assert "The fraction" not in text
    assert text.count('"""') == 2


def test_a_table_is_shown_by_its_name_and_functions_of_one_module_together(shown):
    [text] = shown((rounding, "OVERFLOW"), rounding.saturate)
    assert 0 < text.index("OVERFLOW") < text.index("def saturate")
    with pytest.raises(ValueError, match=r"refcompress\.rounding has no 'MISSING' at its top level"):
        study.show((rounding, "MISSING"))

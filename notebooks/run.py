"""Execute the notebooks from a fresh kernel, and write their outputs or say which are stale.

Run from anywhere: ``python notebooks/run.py [NAME ...]`` writes the notebooks whose file names contain a NAME (all
without one); ``--check`` writes nothing and exits with 1 if an output is stale.
"""

import argparse
import base64
import io
import os
import re
import sys
import time
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import matplotlib
import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from matplotlib.image import imread
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
TIMEOUT = 120  # seconds a cell

# a warning is an error, but for those of the kernel itself, which are not ours to mend
STRICT = "import warnings; warnings.simplefilter('error'); warnings.filterwarnings('ignore', module='ipykernel')"
KERNEL = [f"--IPKernelApp.exec_lines={STRICT}", "--IPKernelApp.log_level=ERROR", "--HistoryManager.enabled=False"]

# the matrices are small; one thread, and one kernel of the library on every processor, sum in one order
STEADY = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "PYTHONHASHSEED": "0",
}

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebooks(folder: Path = FOLDER) -> list[Path]:
    """Return the notebooks in reading order."""
    return sorted(folder.glob("[0-9]*_*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook, and refuse one that is not valid."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of a fresh kernel, in which every warning is an error.

    Raises
    ------
    ValueError
        For a cell that fails, or writes to standard error.
    """
    notebook = clean(read(path))
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    # the kernel of this very interpreter, whatever else is installed for the user
    specs = KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True)
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs),
        timeout=TIMEOUT,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=KERNEL,
    )
    paths = os.pathsep.join([str(FOLDER.parent), str(FOLDER), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    try:
        client.execute(cleanup_kc=True, env={**os.environ, **STEADY, "PYTHONPATH": paths})
    except CellExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # without the colours
        raise ValueError(f"{path.name}: a cell fails\n{plain}") from None
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                raise ValueError(f"{path.name}, cell {cell.id}: writes to standard error\n{output.text}")
    return clean(notebook)


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Keep of the metadata what a reader needs, so that a difference between two versions is one of content."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    for cell in notebook.cells:
        kept = {"jupyter": {"source_hidden": True}, "tags": ["answer"]} if "answer" in tags(cell) else {}
        cell.metadata = nbformat.from_dict(kept)
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Make one of the pieces in which a text arrived, which depend on the time, and drop what is said about outputs."""
    joined: list[nbformat.NotebookNode] = []
    for output in outputs:
        if "metadata" in output:
            output.metadata = nbformat.from_dict({})
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """Return the cells that are executed."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook: nbformat.NotebookNode) -> str:
    """Return what stands in the file."""
    return nbformat.writes(notebook) + "\n"


def stale(committed: nbformat.NotebookNode, fresh: nbformat.NotebookNode) -> Iterator[str]:
    """Yield a line for each code cell whose outputs are not those of the fresh run."""
    for old, new in zip(code_cells(committed), code_cells(fresh), strict=True):
        if old.execution_count != new.execution_count:
            yield f"cell {old.id}: its number is {old.execution_count}, and would be {new.execution_count}"
        before, after = [list(_parts(cell)) for cell in (old, new)]
        if [kind for kind, _ in before] != [kind for kind, _ in after]:
            yield f"cell {old.id}: has {[k for k, _ in before]}, and would have {[k for k, _ in after]}"
            continue
        for (kind, was), (_, is_now) in zip(before, after, strict=True):
            if kind == "image/png" and not same_picture(was, is_now):
                yield f"cell {old.id}: its picture has changed"
            elif kind != "image/png" and was != is_now:
                changes = unified_diff(was.splitlines(), is_now.splitlines(), "was", "would be", n=1, lineterm="")
                yield "\n".join([f"cell {old.id}: {kind} is another", *changes])


def _parts(cell: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.name, output.text
        else:
            yield from sorted(output.get("data", {"error": ""}).items())


def same_picture(one: str, other: str) -> bool:
    """Compare two PNG files by their pixels, where one release of matplotlib drew both.

    Releases differ in the last grey level of a letter: between them it is enough that there is a picture.
    """
    files = [base64.b64decode(picture) for picture in (one, other)]
    if len({_drawn_by(file) for file in files}) > 1:
        return True
    first, second = [imread(io.BytesIO(file)) for file in files]
    return first.shape == second.shape and bool((first == second).all())


def _drawn_by(file: bytes) -> bytes:
    """Return what a PNG says of the software that drew it, which for matplotlib is its release."""
    _, found, rest = file.partition(b"Software\0")
    return rest[:40].partition(b",")[0] if found else matplotlib.__version__.encode()


def main() -> int:
    """Write or check the notebooks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a file name; all notebooks without one")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    chosen = parser.parse_args()
    status = 0
    for path in notebooks():
        if chosen.names and not any(name in path.name for name in chosen.names):
            continue
        start = time.perf_counter()
        fresh = executed(path)
        seconds = time.perf_counter() - start
        problems = list(stale(read(path), fresh)) if chosen.check else []
        if not chosen.check:
            path.write_text(text(fresh), encoding="utf-8")
        print(f"{path.name}: {seconds:.1f} s", *problems, sep="\n  ")
        status |= bool(problems)
    return status


if __name__ == "__main__":
    sys.exit(main())

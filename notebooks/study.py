"""What every notebook uses: ``show`` prints a function's own source, ``check_answer`` judges an answer."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

from IPython.display import display

from refcompress.verify import check


def show(*things: Callable[..., Any] | tuple[ModuleType, str]) -> None:
    """Show the source of functions as it stands in the package, each docstring cut to its first sentence.

    A name that is no function, such as a table of rules, is given as (module, name).
    """
    by_path: dict[str, list[str]] = {}
    for thing in things:
        module = thing[0] if isinstance(thing, tuple) else inspect.getmodule(thing)
        source = _assignment(*thing) if isinstance(thing, tuple) else _function(thing)
        by_path.setdefault(f"{module.__name__.replace('.', '/')}.py", []).append(source)
    for path, sources in by_path.items():
        code = "\n\n".join(sources)
        display({"text/markdown": f"`{path}`\n\n```python\n{code}\n```", "text/plain": f"source: {path}"}, raw=True)


def _function(function: Callable[..., Any]) -> str:
    source = textwrap.dedent(inspect.getsource(function)).rstrip()  # a method stands indented in its class
    lines = source.splitlines()
    first = ast.parse(source).body[0].body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and first.lineno < first.end_lineno:
        lines[first.lineno - 1 : first.end_lineno] = [lines[first.lineno - 1] + '"""']
    return "\n".join(lines)


def _assignment(module: ModuleType, name: str) -> str:
    source = inspect.getsource(module)
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.get_source_segment(source, node)
    raise ValueError(f"{module.__name__} has no {name!r} at its top level")


def check_answer(candidate: Callable[..., Any], operation: str, **settings: Any) -> None:
    """Print whether an answer agrees with the reference, or else the smallest input on which it does not.

    A function that returns None is an exercise that waits for its answer.
    """
    report = check(candidate, operation, **settings)
    if report.verdict == "agrees":
        compared = sum(case.exercised for case in report.cases)
        print(f"{candidate.__name__} agrees with {operation}: {compared:,} values compared.")
    elif (report.counterexample.problem or "").startswith("returns None"):
        print(f"{candidate.__name__} returns None: write it, then run this cell again.")
    else:
        print(str(report).split("\nto reproduce:")[0].rstrip())

"""The lines that reproduce a counterexample: they need the candidate and NumPy, run as they stand, and fail.

For an external program they are a line for the shell, which shows what it answers.
"""

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.verify.agreement import parts
from refcompress.verify.candidates import Program
from refcompress.verify.wire import encode, request

if TYPE_CHECKING:
    from refcompress.verify.report import Counterexample, Report

WIDTH = 100

# layout -> the name of a function that lays an array out so, and its code
LAYOUT_CODE = {
    "strided": (
        "strided",
        """def strided(a):
    wide = np.repeat(a[..., ::-1], 2, axis=-1)
    wide[..., ::2] = a
    return wide[..., ::2]""",
    ),
    "reversed": (
        "from_the_end",
        """def from_the_end(a):
    return a[..., ::-1].copy()[..., ::-1]""",
    ),
    "fortran": (
        "fortran",
        """def fortran(a):
    return np.asfortranarray(a)""",
    ),
    "read-only": (
        "read_only",
        """def read_only(a):
    a.flags.writeable = False
    return a""",
    ),
}
HAS_LAYOUT = {"numpy": set(LAYOUT_CODE), "torch": {"strided", "fortran"}, "jax": set()}


def snippet(report: "Report") -> str:
    """Write the lines."""
    example = report.counterexample
    assert example is not None
    if report.reproduce is not None:
        return report.reproduce
    if report.program is not None:
        return _shell(report.program, example)
    body = list(_body(report, example))
    names = [name for name in ("ml_dtypes", "torch", "jax") if any(f"{name}." in line for line in body)]
    lines = ["import numpy as np", *(f"import {name}" for name in names), *report.imports.splitlines(), "", *body]
    return "\n".join(lines)


def _shell(program: Program, example: "Counterexample") -> str:
    """Write what to type: the header and the requests, piped into the program."""
    inputs = example.sent or (example.inputs,) * (2 if example.repeated else 1)
    lines = [program.header, *(request(number, given) for number, given in enumerate(inputs, 1))]
    sends = " ".join(["printf", "'%s\\n'", *map(shlex.quote, lines)])
    right = "" if example.silent else f"# {'within the bound of' if example.bound is not None else 'it should be'}: "
    expected = [right + json.dumps(encode(example.expected))] if right else []
    return "\n".join([f"{sends} | {shlex.join(program.command)}", *expected])


def _body(report: "Report", example: "Counterexample") -> Iterator[str]:
    given = [*example.inputs.values(), *(example.before or {}).values()]
    layout = None
    if example.layout in HAS_LAYOUT[report.arrays] and any(_has_axes(value) for value in given):
        layout, code = LAYOUT_CODE[example.layout]
        yield from [*code.splitlines(), ""]
    call = f"candidate({', '.join(handed_over(n, v, report.arrays) for n, v in example.inputs.items())})"
    inputs = list(_assigned(example.inputs, layout))
    if example.silent:
        yield from [*inputs, f"{call}  # {example.problem}"]
    elif example.problem is not None or any(w.any() for w in example.wrong):
        yield from inputs
        if example.repeated:
            yield f"{call}  # the first answer is right"
        yield f"out = {call}"
        yield from _form(example, report)
        yield from _values(example, report.arrays)
    elif example.before is not None:
        yield from _overwritten(report, example, inputs, call, layout)
    else:
        yield from [*inputs, call]
        for name in example.changed:
            value = example.inputs[name]
            now = f"[a.tolist() for a in {name}]" if isinstance(value, list) else f"{name}.tolist()"
            yield from _wrapped(f"assert str({now}) == str({plain(value)}), {name}")


def _overwritten(
    report: "Report", example: "Counterexample", inputs: list[str], call: str, layout: str | None
) -> Iterator[str]:
    """Write the lines for a call that writes into what the one before it returned."""
    assert example.before is not None
    held = ", ".join(_read(place, report.arrays) for place in places("first", example.expected))
    yield from _assigned(example.before, layout)
    yield from [f"first = {call}", "", "", "def held():", f"    return str([{held}])", "", "", "before = held()"]
    yield from [*inputs, call, "assert held() == before, held()"]


def _assigned(inputs: dict[str, Any], layout: str | None) -> Iterator[str]:
    for name, value in inputs.items():
        yield from _wrapped(f"{name} = {literal(value)}")
        if layout is not None and _has_axes(value):
            each = f"[{layout}(a) for a in {name}]" if isinstance(value, list) else f"{layout}({name})"
            yield f"{name} = {each}"


def _has_axes(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_axes(item) for item in value)
    return isinstance(value, np.ndarray) and value.ndim > 0


def handed_over(name: str, value: Any, arrays: str) -> str:
    """Write how an input of that name is given to a candidate that wants these arrays."""
    if isinstance(value, list):
        first = next(iter(value), None)
        one = handed_over("a", first, arrays)
        return name if one == "a" else f"[{one} for a in {name}]"
    if not isinstance(value, np.ndarray) or arrays == "numpy":
        return name
    if arrays == "jax":
        return f"jax.numpy.asarray({name})"
    if value.dtype.name == "bfloat16":
        return f"torch.from_numpy({name}.view(np.int16)).view(torch.bfloat16)"
    return f"torch.from_numpy({name})"


def _form(example: "Counterexample", report: "Report") -> Iterator[str]:
    """Write assertions about tuples, shapes and dtypes, where one of these is wrong."""
    if example.problem is None:
        return
    yield from (f"assert {test}, {place}" for place, test in _sequences("out", example.expected))
    for place, right in zip(places("out", example.expected), parts(example.expected), strict=True):
        yield f"assert np.shape({place}) == {right.shape}, np.shape({place})"
        if report.settings.get("check_dtype", False):
            yield f'assert np.asarray({place}).dtype.name == "{right.dtype.name}", {place}.dtype'


def _sequences(place: str, expected: Any) -> Iterator[tuple[str, str]]:
    if isinstance(expected, tuple | list):
        yield place, f"isinstance({place}, (tuple, list)) and len({place}) == {len(expected)}"
        for i, item in enumerate(expected):
            yield from _sequences(f"{place}[{i}]", item)


def places(name: str, expected: Any) -> list[str]:
    """Return how each part of an answer is reached: ``out[0][1]``."""
    if isinstance(expected, tuple | list):
        return [place for i, item in enumerate(expected) for place in places(f"{name}[{i}]", item)]
    return [name]


def _values(example: "Counterexample", arrays: str) -> Iterator[str]:
    """Write an assertion for each part of the answer."""
    rights, subtle = parts(example.expected), set(_subtle(example))
    bounds = [None] * len(rights) if example.bound is None else parts(example.bound)
    for place, right, bound in zip(places("out", example.expected), rights, bounds, strict=True):
        whole = right.dtype.kind in "biu"
        got = _read(place, arrays, whole=whole)
        if bound is None:
            # as text, -0.0 is not 0.0 and nan is nan
            test = f"str({got}) == str({plain(right)})" if place in subtle else f"{got} == {plain(right)}"
            yield from _wrapped(f"assert {test}, {place}")
            continue
        got = got.removesuffix(".tolist()") if arrays != "torch" else f"np.array({got})"
        test = f"np.abs({got} - {plain(right)}) <= {plain(bound)}"
        if place in subtle:  # where the bound is -0.0, the sign of zero counts
            signs = f"np.signbit({got}) == np.signbit({plain(right)})"
            test = f"({test}) & (({signs}) | ~np.signbit({plain(bound)}))"
        if np.isinf(right.astype(np.float64)).any():
            test = f"({got} == {plain(right)}) | ({test})"
        if np.isinf(bound).any():
            test = f"np.isinf({plain(bound)}) | ({test})"
        yield from _wrapped(f"assert np.all({test}), {place}")


def _subtle(example: "Counterexample") -> Iterator[str]:
    """Yield the parts of an answer whose numbers are not told apart by ``==``: for a sign of zero, or a nan."""
    if not example.wrong:
        return
    names, rights, gots = places("out", example.expected), parts(example.expected), parts(example.actual)
    for place, right, got, wrong in zip(names, rights, gots, example.wrong, strict=True):
        if right.dtype.kind not in "biu" and bool(((wrong & (right == got)) | np.isnan(right)).any()):
            yield place


def _read(place: str, arrays: str, *, whole: bool = True) -> str:
    """Write how a part of an answer becomes plain Python numbers."""
    if arrays == "torch":
        return f"torch.as_tensor({place}).tolist()" if whole else f"torch.as_tensor({place}).double().tolist()"
    return f"np.asarray({place}).tolist()" if whole else f"np.asarray({place}, float).tolist()"


def _wrapped(line: str) -> Iterator[str]:
    """Break a long line behind commas that stand in brackets."""
    first, *pieces = line.split(", ")
    depth = _depth(first)
    for piece in pieces:
        if depth > 0 and len(first) + len(piece) + 3 > WIDTH:
            yield f"{first},"
            first = f"    {piece}"
        else:
            first += f", {piece}"
        depth += _depth(piece)
    yield first


def _depth(text: str) -> int:
    return sum((c in "([") - (c in ")]") for c in text)


def plain(value: Any) -> str:
    """Write arrays as lists of Python numbers, which hold them exactly."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(plain(item) for item in value)}]"
    array = np.asarray(value)
    numbers = array if array.dtype.kind in "biu" else array.astype(np.float64)
    return repr(numbers.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")


def literal(value: Any) -> str:
    """Write an input as Python code that gives it again, bit for bit."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(literal(item) for item in value)}]"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{float(value)}")'
    if not isinstance(value, np.ndarray | np.generic):
        return repr(value)
    array: Array = np.asarray(value)
    dtype = "bool" if array.dtype.kind == "b" else f"np.{array.dtype.name}".replace("np.bfloat16", "ml_dtypes.bfloat16")
    if isinstance(value, np.generic):
        return f"{dtype}({plain(value)})"
    shape = f".reshape{array.shape}" if array.size == 0 and array.ndim != 1 else ""
    return f"np.array({plain(array)}, {dtype}){shape}"

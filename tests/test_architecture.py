"""The laws of the house: who imports whom, names that mirror, no comparison whose answer is dropped."""

import ast
import collections.abc
import dataclasses
import importlib
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "refcompress"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

FORMULAS = ("quantization", "pruning", "mlp")
WHOLE = ("quantized_model", "checkpoints", "compression", "sweep", "plots", "samples", "datasets", "files")
TOP = ("audit", "peers", "verify", "commands", "cli", "__main__", "pytest_plugin")
METHODS = ("gradual_pruning", "neuron_pruning", "layer_hessian", "low_rank", "huffman", "quantization_aware")
FRAMEWORKS = {"torch", "jax", "onnx", "onnxruntime", "tensorflow", "sklearn", "ai_edge_litert", "flatbuffers"}

# parts of an operation's declaration, which the tests of all operations hold together; and tables of peers, which the
# tests of their comparison do
PARTS = ("_cases", "_faults", "_kills", "_laws", "_stages", "_peers")

# a part of the package -> the parts that it may import beside itself
MAY_IMPORT = {
    "__init__": {"rounding", "quantization", "pruning", "mlp", "distillation"},
    "arguments": set(),
    "elementary": {"arguments"},
    "norms": {"arguments"},
    "rounding": {"arguments"},
    "files": set(),
    "labelled_rows": {"arguments"},
    "datasets": {"arguments", "labelled_rows"},
    "layer_hessian": {"arguments"},
    "quantization": {"arguments", "rounding", "layer_hessian"},
    "pruning": {"arguments", "norms", "rounding", "layer_hessian"},
    "mlp": {"arguments", "elementary", "rounding"},
    "distillation": {"arguments", "elementary", "norms", "rounding", "mlp", "pruning"},
    "neuron_pruning": {"arguments", "norms", "mlp", "pruning"},
    "low_rank": {"arguments"},
    "huffman": {"arguments"},
    "quantized_model": {"arguments", "rounding", "mlp", "quantization"},
    "integer_network": {"arguments", "rounding", "mlp", "quantization"},
    "quantization_aware": {"arguments", "mlp", "quantization", "datasets"},
    "checkpoints": {"arguments", "files", "huffman", "mlp", "pruning", "quantized_model"},
    "gradual_pruning": {"arguments", "mlp", "pruning"},
    "compression": {
        "arguments",
        *FORMULAS,
        "distillation",
        "datasets",
        "checkpoints",
        "gradual_pruning",
        "quantized_model",
    },
    "sweep": {"datasets", "distillation", "pruning", "checkpoints", "quantized_model", "compression"},
    "methods": {"arguments", *FORMULAS, "distillation", "datasets", "compression", "quantized_model", *METHODS},
    "samples": {"arguments"},
    "plots": {"compression", "files", "sweep"},
    "audit": {"arguments", "rounding", "quantization", "pruning", "checkpoints"},
    "verify": {"arguments", "files", "rounding", *FORMULAS, "distillation"},
    "peers": {"arguments", "verify"},
    "commands": {
        "arguments",
        "rounding",
        *FORMULAS,
        "distillation",
        *WHOLE,
        "quantization_aware",
        "methods",
        "verify",
        "audit",
        "peers",
    },
    "cli": {"commands"},
    "__main__": {"cli"},
    "pytest_plugin": {"verify"},
}


def part(path):
    """The first name below the package: a folder, or a module."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    """Every absolute name that a module imports, wherever in it, with whether that is at the top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in top
        elif isinstance(node, ast.ImportFrom):
            yield node.module, node in top
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node in top


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_place_in_the_house_allows(path):
    own = part(path)
    inside = [name.split(".")[1] for name, _ in imports(path) if name.startswith("refcompress.")]
    wanted = {name for name in inside if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()}
    assert wanted - {own} <= MAY_IMPORT[own]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_framework_is_imported_unless_the_user_asked_for_it(path):
    at_import = {name.split(".")[0] for name, top in imports(path) if top}
    assert not at_import & FRAMEWORKS
    anywhere = {name.split(".")[0] for name, _ in imports(path)} & FRAMEWORKS
    asked_for = path.relative_to(PACKAGE).as_posix() == "verify/layouts.py" or path.parent.name == "peers"
    assert not anywhere or asked_for


@pytest.mark.parametrize("path", sorted((PACKAGE / "verify" / "operations").glob("*.py")), ids=lambda p: p.name)
def test_an_operation_knows_nothing_of_the_engine_that_runs_it(path):
    engine = {f"refcompress.verify.{name}" for name in ("check", "diagnosis", "report", "candidates")}
    assert not engine & {name for name, _ in imports(path)}


def types_of(path):
    """The names that a module imports for the type checker alone."""
    return {
        name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in node.body
        if isinstance(inner, ast.ImportFrom)
        for name in (inner.module, *(f"{inner.module}.{alias.name}" for alias in inner.names))
    }


def test_hypothesis_is_met_in_two_modules_alone():
    met = set()
    for path in MODULES:
        if any(n.split(".")[0] == "hypothesis" for n in {n for n, top in imports(path)} - types_of(path)):
            met.add(path.relative_to(PACKAGE).as_posix())
    assert met <= {"verify/inputs.py", "verify/check.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "oracles").glob("*.py")), ids=lambda p: p.name)
def test_an_oracle_shares_nothing_with_the_package(path):
    assert not {"refcompress", "numpy"} & {name.split(".")[0] for name, _ in imports(path)}


def test_importing_the_package_loads_numpy_and_the_formulas_only():
    code = "import sys, refcompress; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    late = {"hypothesis", "scipy", "matplotlib", "tqdm", "ml_dtypes", "safetensors", "json", "csv", "tempfile"}
    assert not set(loaded.split()) & (late | FRAMEWORKS)


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if p.name not in ("__init__.py", "__main__.py") and not p.stem.endswith(PARTS)],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_every_module_has_its_tests_at_the_same_path(path):
    place = path.relative_to(PACKAGE)
    assert (ROOT / "tests" / place.parent / f"test_{place.name}").exists()


EVERY_MODULE = pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name != "__main__.py"], ids=lambda p: str(p.relative_to(ROOT))
)


def data_of(path):
    """The dataclasses that a module defines."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    own = [thing for thing in vars(importlib.import_module(name)).values() if getattr(thing, "__module__", "") == name]
    return [thing for thing in own if hasattr(thing, "__dataclass_params__")]


@EVERY_MODULE
def test_data_is_frozen(path):
    changing = {data.__name__ for data in data_of(path) if data.__dataclass_params__.frozen is not True}
    assert changing == ({"_BrokenError"} if path.stem == "external" else set())


def holds_arrays(kind):
    """Whether a value of this type is an array, or a container of arrays; a function that takes them is neither."""
    if isinstance(kind, str):
        return "Array" in kind
    origin = typing.get_origin(kind)
    if origin is collections.abc.Callable:
        return False
    return (
        kind == npt.ArrayLike
        or (origin or kind) is np.ndarray
        or any(holds_arrays(part) for part in typing.get_args(kind))
    )


@EVERY_MODULE
def test_data_that_holds_arrays_is_equal_only_to_itself(path):
    for data in data_of(path):
        if any(holds_arrays(field.type) for field in dataclasses.fields(data)):
            assert data.__eq__ is object.__eq__, data


def dropped(tree):
    """Statements that compare and do nothing with the answer."""
    asking = {"array_equal", "allclose", "isclose", "all", "any", "isinstance", "equal"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Expr):
            continue
        call = node.value
        name = getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""
        if isinstance(call, ast.Compare | ast.BoolOp) or name in asking:
            yield node.lineno


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_comparison_is_made_whose_answer_is_dropped(path):
    assert list(dropped(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_test_is_defined_twice(path):
    names = [n.name for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef)]
    assert len(names) == len(set(names))


def called(function):
    """The names that a function calls."""
    return {getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(function) if isinstance(n, ast.Call)}


def checks(function, helpers):
    """Whether a function asserts, expects an error, or calls a helper that does."""
    asserts = any(isinstance(node, ast.Assert) for node in ast.walk(function))
    return asserts or any(
        n in helpers or n in ("raises", "fail") or n.startswith(("assert_", "fnmatch")) for n in called(function)
    )


@pytest.mark.parametrize(
    "path", [p for p in TESTS if p.name.startswith("test_")], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_test_can_fail(path):
    functions = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)]
    helpers = {f.name for f in functions if checks(f, set())}
    assert [f.name for f in functions if f.name.startswith("test_") and not checks(f, helpers)] == []


def test_no_module_is_longer_than_a_person_reads_in_one_sitting():
    long = {p.relative_to(ROOT).as_posix(): n for p in MODULES if (n := len(p.read_text().splitlines())) > 500}
    assert long == {}

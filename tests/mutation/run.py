"""Change one module in every small way, and see whether its tests notice.

    pip install mutmut        # and, for verify/layouts.py, torch and jax
    python tests/mutation/run.py refcompress/rounding.py [refcompress/pruning/prune.py ...] [--again] [--list]
                                    [--sample N] [--declared]

The changes are those of mutmut 3, and two more: each ``if`` taken always, and never. A process that has imported what
the tests need, and nothing of the package, forks for each change; the child imports the changed module from memory, so
no file is written, and runs the tests that mirror the module, those first that notice the most in the least time.
Before that, a process that has imported the module forks and exchanges the code of its functions: sooner done. The
tables of verify/operations are tried by what they declare first (``declared.py``); ``--declared`` stops there.

What no test notices is printed as a diff, unless ``equivalent.toml`` says why it cannot be noticed. Changes that were
noticed are kept in ``.mutation/`` and not tried again as long as the module stays the same, so an interrupted run goes
on where it stopped; ``--again`` forgets them, ``--list`` prints the changes and runs nothing. ``--sample N`` tries N of
a module's changes, the same ones every time: some tables of ``verify/operations`` have more than a thousand.

The exit status is 0 if every change is noticed or explained, 1 if not, and 2 if the tests fail on the module as it is.
"""

import argparse
import collections
import contextlib
import difflib
import hashlib
import importlib
import json
import os
import random
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from changes import changes
from declared import Declared
from forked import Changed, alone, served, within
from swap import compiled, exchange, functions_of

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutation"
WARM = (
    "numpy",
    "scipy.stats",
    "scipy.special",
    "hypothesis",
    "hypothesis.extra.numpy",
    "ml_dtypes",
    "pytest",
    "safetensors.numpy",
)
# Tests beside the mirrored ones that state a part of what the module promises: for all formulas, that neither the ends
# of the floats nor a caller who asks NumPy to raise for every underflow makes a difference, and that what is refused
# has its name.
FORMULAS = ("quantization", "pruning", "mlp", "distillation")
EDGES = "tests/proof/test_fuzz.py::test_signalling_nans_and_the_ends_of_the_floats_are_as_any_number"
NAMED = "tests/proof/test_fuzz.py::test_words_in_the_place_of_numbers_are_refused_by_the_name_of_the_argument"
LAWS = [
    "tests/test_architecture.py::test_data_is_frozen",
    "tests/test_architecture.py::test_data_that_holds_arrays_is_equal_only_to_itself",
    "tests/test_docstrings.py::test_the_defaults_are_those_that_the_docstring_names",
    "tests/test_docstrings.py::test_a_parameter_that_is_as_for_another_function_has_its_default",
]
ALSO = {
    "refcompress/quantization/integer.py": ["tests/quantization/test_affine.py"],
    "refcompress/quantization/channels.py": ["tests/quantization/test_affine.py"],
    "refcompress/quantization/blocks.py": ["tests/quantization/test_microscaling.py"],
}
# A module of verify/operations has its name from its family: the operations, of which each case and law is tested.
FAMILIES = {
    "affine_dequantize": ["affine_dequantize"],
    "affine_parameters": ["affine_parameters"],
    "affine": ["affine_quantize", "affine_dequantize", "fake_quantize"],
    "bounded": ["mse_loss", "mse_gradient", "mlp_forward", "distillation_loss"],
    "dequantize": ["dequantize"],
    "distillation": ["distillation_loss", "distillation_gradient"],
    "fake_gradient": ["fake_quantize_gradient"],
    "fake_quantize": ["fake_quantize", "fake_quantize_gradient"],
    "fixed_point": ["quantize", "dequantize", "fraction_bits"],
    "fraction_bits": ["fraction_bits"],
    "gradient": ["mlp_gradients"],
    "in_decimals": [],  # other answers to the same calls
    "keep_count": ["keep_count"],
    "losses": ["mse_loss", "mse_gradient"],
    "masked": ["masked_sgd_step"],
    "network": ["mlp_forward", "mlp_gradients"],
    "number": ["quantize", "affine_quantize", "dequantize"],
    "packing": ["pack_int4", "unpack_int4"],
    "prune": ["prune"],
    "quantize": ["quantize"],
    "requantize": ["requantize"],
    "selection": ["top_k_mask", "sparsify", "prune"],
    "shared": ["quantize", "affine_quantize"],
    "small_floats": ["cast_float8"],
    "sparsify": ["sparsify"],
    "structured": ["n_m_sparsify"],
}
# The tests of these stand in the file of another family.
HOME = {
    "quantize": "fixed_point",
    "dequantize": "fixed_point",
    "fraction_bits": "fixed_point",
    "number": "fixed_point",
    "fake_gradient": "fake_quantize",
    "gradient": "network",
}
# Tested of every operation, with its name in brackets, beside what it declares: ``declared.py`` has tried that before.
OF_EACH = "tests/verify/test_operation.py"
CONTRACT = "tests/verify/test_operation.py::test_the_operations_and_their_inputs_are_those_of_the_contract"
# Tests that are run where the mirrored ones passed.
LATER = {
    "refcompress/verify/layouts.py": ["tests/peers/test_torch_arrays.py", "tests/peers/test_jax_arrays.py"],
    "refcompress/verify/rearrangement.py": [
        f"tests/verify/test_declarations.py::test_what_an_operation_declares_is_what_the_file_says[{name}-rearrangements]"
        for name in sorted({name for family in FAMILIES.values() for name in family})
    ],
}


class Watch:
    """Puts the likeliest killers first, stops hypothesis from shrinking, and tells which test failed."""

    def __init__(self, order):
        self.order, self.failed, self.seconds = order, None, {}

    def pytest_collection(self):
        from hypothesis import HealthCheck, Phase, settings

        settings.register_profile(
            "mutation",
            derandomize=True,
            deadline=None,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutation")

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.order.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed and self.failed is None:
            self.failed = report.nodeid


def session(name, path, text, tests, *plugins):
    """Run the tests on a module with that text."""
    import pytest

    sys.meta_path.insert(0, Changed(name, path, text))
    without = [word for plugin in ("cacheprovider", "xdist", "cov") for word in ("-p", f"no:{plugin}")]
    return int(pytest.main(["-x", "-q", "--no-header", "--tb=no", "--assert=plain", *without, *tests], list(plugins)))


def imported_anew(pipe, name, path, text, tests, order):
    """Import the module with that text and run its tests; what a process for ``within`` does."""
    alone()
    watch = Watch(order)
    status = session(name, path, text, tests, watch)
    pipe.send((status, watch.failed or "(cannot be imported)", watch.seconds))


class Server:
    """A process that has imported a module and collected its tests, and tries changes in forks of itself."""

    def __init__(self, name, path, source, tests):
        self.name, self.path, self.source = name, path, source
        self.here, self.process = served(self.serve, tests)

    def serve(self, there, tests):
        self.there = there
        session(self.name, self.path, self.source, tests, Watch({}), self)

    def pytest_runtestloop(self, session):
        """In place of running the tests that were collected: wait for changes."""
        functions, old = functions_of(self.name), compiled(self.source, str(self.path))
        while (asked := self.there.recv()) is not None:
            text, order, timeout = asked
            self.there.send(within(self.exchanged, (session, functions, old, text, order), timeout))
        return True

    def exchanged(self, pipe, session, functions, old, text, order):
        """Exchange the code and run the tests that were collected; what a process for ``within`` does."""
        os.setpgid(0, 0)
        if not exchange(functions, old, compiled(text, str(self.path))):
            pipe.send((0, "", {}))
            return
        from _pytest.main import pytest_runtestloop

        watch = Watch(order)
        session.config.pluginmanager.register(watch)
        watch.pytest_collection_modifyitems(session.items)
        with contextlib.suppress(session.Failed):
            pytest_runtestloop(session)
        pipe.send((int(session.testsfailed > 0), watch.failed, watch.seconds))

    def attempt(self, text, order, timeout):
        """Return how the tests end; 0, too, if the change is not one that can be seen so."""
        self.here.send((text, order, timeout))
        return self.here.recv()

    def stop(self):
        self.here.send(None)
        self.process.join()


class Tests:
    """The tests of a module, which pass on it as it is."""

    def __init__(self, module, name, path, source):
        self.name, self.path, self.groups, self.seconds = name, path, tests_of(module), {}
        start = time.monotonic()
        for tests in self.groups:
            status, failed, took = within(imported_anew, (name, path, source, tests, {}), 600)
            if status:
                print(f"the tests of {module} fail as it is: {failed}", file=sys.stderr)
                sys.exit(2)
            self.seconds |= took
        self.timeout = 10 + 4 * (time.monotonic() - start)
        self.server = Server(name, path, source, self.groups[0])

    def attempt(self, text, wins):
        """Return whether a test notices that text, and which."""
        order = {test: took / (1 + wins[test]) for test, took in self.seconds.items()}
        status, by, _ = self.server.attempt(text, order, self.timeout)
        for tests in self.groups:
            if status:
                break
            status, by, _ = within(imported_anew, (self.name, self.path, text, tests, order), self.timeout)
        return status, by

    def stop(self):
        self.server.stop()


def tests_of(module):
    """Return the tests of a module, relative to the project, in groups: one is run where all before it passed."""
    inner = Path(module).relative_to("refcompress")
    mirrored = Path("tests") / inner.with_name(f"test_{inner.name}")
    own = [str(mirrored)] if (ROOT / mirrored).exists() else []
    own += of_operations(inner.stem) if inner.parent.name == "operations" else ALSO.get(module, [])
    own += [f"{test}[{module}]" for test in LAWS]
    later = [EDGES, NAMED] if inner.parts[0] in FORMULAS or len(inner.parts) == 1 else LATER.get(module, [])
    return [own, later] if later else [own]


def family_of(stem):
    return next(name for name in FAMILIES if stem.startswith(name))


def of_operations(stem):
    """Return the tests of the operations that a module of verify/operations has a part in."""
    family = family_of(stem)
    families = {family, HOME.get(family, family)}
    files = sorted(file for f in families for file in Path("tests/verify/operations").glob(f"test_{f}*.py"))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", OF_EACH]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ids = [line for line in listed if re.match(rf".*?\[({'|'.join(FAMILIES[family])})[]:-]", line)]
    return [*(str(file) for file in files if file.stem != f"test_{stem}"), CONTRACT, *ids]


def explained(module):
    """Return a function that gives the reason why a change cannot be noticed, or None; refuse a list out of date."""
    listed = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text())
    source = (ROOT / module).read_text()
    places = [
        ((entry["function"], old, new), entry["reason"])
        for entry in listed["equivalent"]
        if entry["module"] == module
        for old, new in entry["changes"]
    ]
    exact = dict(places)
    if len(exact) < len(places):
        twice = collections.Counter(place for place, _ in places).most_common(1)[0][0]
        sys.exit(f"equivalent.toml lists a change of {module} twice: {twice}")
    anywhere = [(old, new, entry["reason"]) for entry in listed["anywhere"] for old, new in entry["changes"]]
    gone = set(exact) - {change.place for change in changes(source)}
    if gone:
        sys.exit("\n".join(f"equivalent.toml lists a change of {module} that does not exist: {g}" for g in gone))

    def reason(change):
        _, line, changed = change.place
        pieces = (why for old, new, why in anywhere if old in line and changed in replaced(line, old, new))
        return exact.get(change.place) or next(pieces, None)

    return reason


def replaced(line, old, new):
    """Return the line with each occurrence replaced in turn, one at a time."""
    parts = line.split(old)
    return [old.join(parts[:i]) + new + old.join(parts[i:]) for i in range(1, len(parts))]


def try_all(module, options, declared):
    """Try every change of a module, or a sample: how many, how many are explained, and those that no test notices."""
    path = ROOT / module
    name = module.removesuffix(".py").replace("/", ".")
    source = path.read_text()
    found = list(changes(source))
    if options.sample is not None and options.sample < len(found):
        found = random.Random(module).sample(found, options.sample)
    reason = explained(module)
    kept = KEPT / f"{name}.jsonl"
    mark = hashlib.sha256(source.encode()).hexdigest()
    KEPT.mkdir(exist_ok=True)
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() and not options.again else []
    noticed = {line["change"]: line["by"] for line in lines if line["module"] == mark}
    wins, survivors = collections.Counter(noticed.values()), []
    tests, progress = None, sys.stderr.isatty()
    with kept.open("w") as file:
        for change, by in noticed.items():
            print(json.dumps({"module": mark, "change": change, "by": by}), file=file)
        for number, change in enumerate(found, 1):
            if change.digest in noticed or reason(change):
                continue
            status, by = declared.attempt(name, path, change) if declared else (0, None)
            if not status and not (declared and options.declared):
                tests = tests or Tests(module, name, path, source)
                status, by = tests.attempt(change.text, wins)
            if status:
                wins[by] += 1
                print(json.dumps({"module": mark, "change": change.digest, "by": by}), file=file, flush=True)
            else:
                survivors.append(change)
                print(diff(module, source, change), flush=True)
            if progress and number % 10 == 0:
                print(f"\r{module}: {number} of {len(found)}", end="", file=sys.stderr, flush=True)
    if tests:
        tests.stop()
    if progress:
        print("\r", end="", file=sys.stderr)
    equivalent = sum(reason(change) is not None for change in found)
    return len(found), equivalent, survivors


def diff(module, source, change):
    lines = difflib.unified_diff(source.splitlines(), change.text.splitlines(), module, change.place[0], "", "", 2, "")
    return "\n".join(lines) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="such as refcompress/rounding.py")
    parser.add_argument("--again", action="store_true", help="try again what was noticed before")
    parser.add_argument("--sample", type=int, metavar="N", help="try so many of a module's changes")
    parser.add_argument("--declared", action="store_true", help="of verify/operations: by its declarations alone")
    parser.add_argument("--list", action="store_true", help="print the changes, run nothing")
    options = parser.parse_args(argv)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    if options.list:
        for module in options.modules:
            for change in changes((ROOT / module).read_text()):
                print(*change.place, sep="\n    ")
        return 0
    for name in WARM:
        importlib.import_module(name)
    total, declared = 0, None
    for module in options.modules:
        start = time.monotonic()
        declared = declared_by(module, declared)
        count, equivalent, survivors = try_all(module, options, declared)
        total += len(survivors)
        print(
            f"{module}: {count} changes, {count - equivalent - len(survivors)} noticed, {equivalent} equivalent, "
            f"{len(survivors)} not noticed ({time.monotonic() - start:.0f} s)",
            flush=True,
        )
    if declared:
        declared.stop()
    return int(total > 0)


def declared_by(module, before):
    """Return a process for what the operations of a module declare, the one before if they are the same, or None."""
    path = Path(module)
    operations = FAMILIES[family_of(path.stem)] if path.parent.name == "operations" else []
    if before and before.operations == operations:
        return before
    if before:
        before.stop()
    if not operations:
        return None
    declared = Declared(ROOT, operations)
    problem = declared.problem()
    if problem is not None:
        print(f"{', '.join(operations)}: {problem}", file=sys.stderr)
        sys.exit(2)
    return declared


if __name__ == "__main__":
    sys.exit(main())

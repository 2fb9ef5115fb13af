import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytest_plugins = ["pytester"]

RIGHT = """
    import numpy as np

    def right(x, p):
        return np.clip(np.rint(np.ldexp(x.astype(np.float64), p)), -128, 127).astype(int)
"""
WRONG = """
    import numpy as np

    def wrong(x, p):
        v = np.ldexp(x.astype(np.float64), p)
        return np.clip(np.trunc(v + np.copysign(0.5, v)), -128, 127).astype(int)
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """A project of its own, run in another process, with the plugin as an installed package has it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(code, *options):
        pytester.makepyfile(code)
        # where the package is installed its entry point is blocked, so that the plugin is not there twice
        plugin = ("-p", "no:refcompress", "-p", "refcompress.pytest_plugin", "-p", "no:cacheprovider")
        return pytester.runpytest_subprocess(*plugin, *options, timeout=120)

    return run


def test_the_fixture_and_assert_agrees_pass_one_that_agrees(project):
    result = project(
        RIGHT
        + """
    import pytest
    from refcompress.verify import assert_agrees

    def test_options_of_the_command_line(refcompress_check):
        report = refcompress_check(right, "quantize", bits=8)
        assert (report.verdict, report.examples, report.seed) == ("agrees", 30, 5)

    def test_options_of_the_call(refcompress_check):
        assert refcompress_check(right, "quantize", bits=8, examples=20, seed=1).examples == 20

    def test_without_the_fixture():
        assert_agrees(right, "quantize", bits=8, examples=20)
        with pytest.raises(AssertionError, match="it rounds halves to even"):
            assert_agrees(right, "quantize", bits=8, rounding="floor", examples=20)
    """,
        "--refcompress-examples=30",
        "--refcompress-seed=5",
        "-W",
        "error",
    )
    result.assert_outcomes(passed=3)


def test_the_fixture_fails_the_test_with_the_report_as_its_text(project):
    result = project(
        WRONG
        + """
    def test_mine(refcompress_check):
        refcompress_check(wrong, "quantize", bits=8)
    """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*.wrong differs from quantize",
            "*it rounds halves away from zero; agrees with rounding=half_away on all * values",
            "*smallest counterexample:",
            "import numpy as np",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_the_options_are_in_the_help(project):
    result = project("", "--help")
    result.stdout.fnmatch_lines(["refcompress:", "*--refcompress-examples=N*", "*--refcompress-seed=S*"])


def test_the_plugin_is_announced_to_pytest():
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert written["project"]["entry-points"]["pytest11"] == {"refcompress": "refcompress.pytest_plugin"}
    assert hasattr(importlib.import_module("refcompress.pytest_plugin"), "pytest_addoption")


def test_a_suite_that_does_not_use_it_loads_no_more_than_the_formulas():
    code = "import sys, refcompress.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert not loaded & {"hypothesis", "scipy", "ml_dtypes", "refcompress.verify", "refcompress.cli"}

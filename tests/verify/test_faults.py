"""The collection: every wrong implementation is found and named, every right one accepted."""

import importlib
import re
from pathlib import Path

import pytest

from refcompress.verify import check

MODULES = [
    importlib.import_module(f"verify.faults.{path.stem}")
    for path in sorted((Path(__file__).parent / "faults").glob("*.py"))
    if path.stem != "kinds"
]
WRONG = [wrong for module in MODULES for wrong in module.WRONG]
RIGHT = [right for module in MODULES for right in module.RIGHT]


def named(members):
    return [pytest.param(m, id=f"{m.operation}: {m.name}") for m in members]


@pytest.mark.parametrize("wrong", named(WRONG))
@pytest.mark.parametrize("seed", range(3))
def test_every_wrong_implementation_is_found(wrong, seed):
    report = check(wrong.function, wrong.operation, seed=seed, arrays=wrong.arrays, **wrong.settings)
    assert report.verdict == "differs"
    assert report.diagnosis, "something must be said"


@pytest.mark.parametrize("wrong", named(WRONG))
def test_the_first_statement_names_the_fault(wrong):
    report = check(wrong.function, wrong.operation, arrays=wrong.arrays, **wrong.settings)
    assert re.search(wrong.says, report.diagnosis[0].statement), str(report)


@pytest.mark.parametrize("right", named(RIGHT))
@pytest.mark.parametrize("seed", range(20))
def test_every_right_implementation_is_accepted(right, seed):
    examples = 200 if seed == 0 else 50
    report = check(right.function, right.operation, seed=seed, examples=examples, arrays=right.arrays, **right.settings)
    assert report.verdict == "agrees", str(report)


def test_the_collection_is_large_and_covers_every_operation():
    assert len(WRONG) >= 80
    assert len(RIGHT) >= 30
    assert len({(m.operation, m.name) for m in [*WRONG, *RIGHT]}) == len(WRONG) + len(RIGHT)

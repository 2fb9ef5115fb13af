"""The collection: every wrong implementation is found and named, every right one accepted."""

import importlib
import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import pytest

from refcompress.verify import check
from refcompress.verify.check import REARRANGED
from refcompress.verify.operations import OPERATIONS

MODULES = [
    importlib.import_module(f"verify.faults.{path.stem}")
    for path in sorted((Path(__file__).parent / "faults").glob("*.py"))
    if path.stem != "kinds"
]
FRAMEWORKS = ("torch", "jax")


def codes(function, seen):
    """The code of a function, and of the functions of its module that it calls or closes over."""
    function = getattr(function, "func", function)
    code = getattr(function, "__code__", None)
    if code is None or code in seen:
        return
    seen.add(code)
    inner = [code]
    while inner:
        inner += [c for c in inner.pop().co_consts if hasattr(c, "co_names") and not seen.add(c)]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    names = {name for c in list(seen) for name in c.co_names}
    for other in [*cells, *(function.__globals__.get(name) for name in names)]:
        if getattr(other, "__module__", None) == function.__module__:
            codes(other, seen)


def needs(member):
    """The frameworks that a member works with."""
    seen = set()
    codes(member.function, seen)
    names = {name.split(".")[0] for code in seen for name in code.co_names}
    return {framework for framework in FRAMEWORKS if framework in names or framework == member.arrays}


def runs_here(member):
    """Whether what a member needs is installed; tests/peers, where all of it is, holds the others."""
    return all(importlib.util.find_spec(framework) for framework in needs(member))


WRONG = [wrong for module in MODULES for wrong in module.WRONG if runs_here(wrong)]
RIGHT = [right for module in MODULES for right in module.RIGHT if runs_here(right)]


def named(members):
    return [pytest.param(m, id=f"{m.operation}: {m.name}") for m in members]


def report_of(member, seed, examples):
    return check(
        member.function, member.operation, seed=seed, examples=examples, arrays=member.arrays, **member.settings
    )


@pytest.mark.parametrize("wrong", named(WRONG))
def test_every_wrong_implementation_is_found_with_three_seeds_and_its_fault_named_first(wrong):
    reports = [report_of(wrong, 0, 0)]  # no directed case depends on the seed, but for the forms that they are given in
    if not any(case.failed for case in reports[0].cases if case.name != REARRANGED):
        reports = [report_of(wrong, seed, 200) for seed in range(3)]
    for report in reports:
        assert report.verdict == "differs"
        assert re.search(wrong.says, report.diagnosis[0].statement), str(report)


@pytest.mark.parametrize("right", named(RIGHT))
def test_every_right_implementation_passes_the_directed_cases_in_every_form(right):
    for seed in range(2):
        report = report_of(right, seed, 0)
        assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("right", named(RIGHT))
def test_every_right_implementation_passes_the_search_with_twenty_seeds(right):
    search_alone = replace(OPERATIONS[right.operation], cases=())  # no directed case depends on the seed
    for seed in range(20):
        report = check(right.function, search_alone, seed=seed, examples=10, arrays=right.arrays, **right.settings)
        assert report.verdict == "agrees", str(report)


def test_the_collection_is_large_and_covers_every_operation():
    assert len(WRONG) >= 80
    assert len(RIGHT) >= 30
    assert len({(m.operation, m.name) for m in [*WRONG, *RIGHT]}) == len(WRONG) + len(RIGHT)

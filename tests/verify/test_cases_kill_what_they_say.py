import itertools
import random

import numpy as np
import pytest
from verify.rivals import all_names, answers, broken_laws, calls, differs, expand, full, killed, rivals_of

from refcompress.verify.agreement import compare, parts
from refcompress.verify.operations import OPERATIONS

CASES = [pytest.param(o, c, id=f"{o.name}: {c.name}") for o in OPERATIONS.values() for c in o.cases]
LAWS = [pytest.param(o, law, id=f"{o.name}: {law.name}") for o in OPERATIONS.values() for law in o.laws]
EACH_OPERATION = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


@pytest.mark.parametrize(("operation", "case"), CASES)
def test_a_case_tells_from_the_reference_exactly_the_rivals_that_it_declares(operation, case):
    found = set().union(*(killed(operation, full(operation, s), case) for s in operation.typical))
    assert found == expand(case.kills, all_names(operation))


@EACH_OPERATION
def test_every_rival_is_told_from_the_reference_by_some_case(operation):
    names = all_names(operation)
    assert names == set().union(*(expand(case.kills, names) for case in operation.cases))


@EACH_OPERATION
def test_no_two_rivals_are_left_that_no_case_tells_apart(operation):
    apart, together = set(), set()
    for given in operation.typical:
        settings = full(operation, given)
        rivals = rivals_of(operation, settings)
        pairs = set(itertools.combinations(sorted(rivals), 2))  # a value is no rival of the one that is set
        together |= pairs
        for case in operation.cases:
            left = pairs - apart  # what was told apart before costs no more time
            results = {
                name: [(*a, _bits(a[-1])) for a in answers(operation, settings, rivals[name], case)]
                for name in sorted(set().union(*left))
            }
            apart |= {pair for pair in left if _told_apart(*(results[name] for name in pair))}
    assert together - apart == set()


def _bits(answer):
    """Bytes that are equal only for answers that no comparison tells apart: most are told so, and quickly."""
    return None if answer is None else [(part.shape, _as_floats(part).tobytes()) for part in parts(answer)]


def _as_floats(part):
    if part.dtype.itemsize == 8 and part.dtype.kind in "iu" and (np.abs(part.astype(np.float64)) >= 2.0**53).any():
        return part
    return part.astype(np.float64)


def _told_apart(first, second):
    return any(
        bits != other and (differs(a, b, bound) if a is not None else b is not None)
        for (_, bound, a, bits), (_, _, b, other) in zip(first, second, strict=True)
    )


@EACH_OPERATION
def test_every_law_holds_for_the_reference_on_every_case(operation):
    for given in operation.typical:
        settings = full(operation, given)
        for case in operation.cases:
            for args in case.make(settings):
                broken = broken_laws(operation, args, operation.answer(args, settings), settings)
                assert broken == [], (given, case.name, args)


@pytest.mark.parametrize("number", range(24))
@EACH_OPERATION
def test_every_law_holds_for_the_reference_whatever_the_settings(operation, number):
    draw = random.Random(number)
    settings = {setting.name: draw.choice(setting.allowed) for setting in operation.settings}
    for case in operation.cases:
        made = list(case.make(settings))
        for args in draw.sample(made, min(3, len(made))):
            assert broken_laws(operation, args, operation.answer(args, settings), settings) == [], (case.name, args)


@pytest.mark.parametrize(("operation", "law"), LAWS)
def test_every_law_is_broken_by_some_rival(operation, law):
    def broken_in(settings):
        for case in operation.cases:
            for rival in rivals_of(operation, settings).values():
                both = zip(calls(operation, settings, case), answers(operation, settings, rival, case), strict=True)
                for (args, right, _), (_, _, value) in both:
                    if value is not None and compare(right, value).problem is None:
                        with np.errstate(all="ignore"):
                            if not law.holds(args, value, settings):
                                return True
        return False

    assert any(broken_in(full(operation, given)) for given in operation.typical)

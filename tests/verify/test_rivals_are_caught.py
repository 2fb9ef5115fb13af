import pytest
from verify.rivals import Call, all_names, full, rivals_of

from refcompress.verify import check
from refcompress.verify.operations import OPERATIONS

RIVALS = [pytest.param(o, name, id=f"{o.name} {name}") for o in OPERATIONS.values() for name in sorted(all_names(o))]


@pytest.mark.parametrize(("operation", "name"), RIVALS)
def test_an_implementation_that_follows_a_rival_is_found_and_the_rival_is_named_first(operation, name):
    first = False
    for given in operation.typical:
        rival = rivals_of(operation, full(operation, given)).get(name)
        if first or rival is None:
            continue
        report = check(lambda *args, r=rival: r.answer(Call(args)), operation, examples=0, **given)
        if report.verdict == "agrees":
            continue  # under these settings it is no other rule
        best = report.diagnosis[0]
        assert best.complete, str(report)
        first = (best.settings, best.fault) == (rival.settings, rival.fault)
    assert first


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_the_reference_agrees_with_itself_whatever_the_settings_and_the_seed(operation):
    for seed, given in enumerate(operation.typical):
        settings = full(operation, given)
        report = check(lambda *args, s=settings: operation.answer(args, s), operation, seed=seed, **given)
        assert report.verdict == "agrees", str(report)
        assert report.diagnosis == ()

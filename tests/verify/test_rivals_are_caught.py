import pytest
from verify.rivals import Call, all_names, full, killed, rivals_of

from refcompress.verify import check
from refcompress.verify.operations import OPERATIONS

RIVALS = [pytest.param(o, name, id=f"{o.name} {name}") for o in OPERATIONS.values() for name in sorted(all_names(o))]


@pytest.mark.parametrize(("operation", "name"), RIVALS)
def test_an_implementation_that_follows_a_rival_is_found_and_the_rival_is_named(operation, name):
    first = []
    for given in operation.typical:
        settings = full(operation, given)
        rival = rivals_of(operation, settings).get(name)
        if rival is None or not any(name in killed(operation, settings, case) for case in operation.cases):
            continue  # under these settings it is no other rule
        report = check(lambda *args, r=rival: r.answer(Call(args)), operation, examples=50, **given)
        assert report.verdict == "differs"
        assert report.diagnosis[0].complete, str(report)
        first.append((report.diagnosis[0].settings, report.diagnosis[0].fault) == (rival.settings, rival.fault))
    assert any(first)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_the_reference_agrees_with_itself(operation, seed):
    for given in operation.typical:
        settings = full(operation, given)
        report = check(lambda *args, s=settings: operation.answer(args, s), operation, seed=seed, **given)
        assert report.verdict == "agrees", str(report)
        assert report.diagnosis == ()

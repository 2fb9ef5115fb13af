"""The members of the collection that are written in a framework."""

import pytest
from verify.test_faults import RIGHT, WRONG, named, needs, report_of

IN_FRAMEWORKS = [named([member])[0] for member in [*WRONG, *RIGHT] if needs(member)]


@pytest.mark.parametrize("member", IN_FRAMEWORKS)
def test_a_member_written_in_a_framework_gets_its_verdict(member):
    assert report_of(member, 0, 50).verdict == ("differs" if member in WRONG else "agrees")

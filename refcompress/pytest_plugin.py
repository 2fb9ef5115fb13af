"""For other people's test suites: the fixture ``refcompress_check`` and two options.

::

    def test_my_quantizer_rounds_halves_away_from_zero(refcompress_check):
        refcompress_check(my_quantize, "quantize", rounding="half_away", bits=8)
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from refcompress.verify import Report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, for the fixture's checks that do not say otherwise."""
    group = parser.getgroup("refcompress")
    group.addoption(
        "--refcompress-examples", metavar="N", type=int, default=200, help="inputs that the search of a check tries"
    )
    group.addoption("--refcompress-seed", metavar="S", type=int, default=0, help="the seed of that search")


@pytest.fixture(scope="session")
def refcompress_check(pytestconfig: pytest.Config) -> "Callable[..., Report]":
    """Hold an implementation against the reference: ``refcompress_check(function, "quantize", bits=8)``.

    It takes what ``refcompress.verify.check`` takes. The test fails with the report as its text if the implementation
    differs; else the report is returned.
    """
    from refcompress.verify import check

    defaults = {
        "examples": pytestconfig.getoption("--refcompress-examples"),
        "seed": pytestconfig.getoption("--refcompress-seed"),
    }

    def checked(candidate: Callable[..., Any], operation: str, **options: Any) -> "Report":
        __tracebackhide__ = True
        report = check(candidate, operation, **{**defaults, **options})
        if report.verdict != "agrees":
            pytest.fail(str(report), pytrace=False)
        return report

    return checked

"""Everything that tests somebody else's implementation."""

from refcompress.verify.check import assert_agrees, check
from refcompress.verify.operation import Case, Law, Operation
from refcompress.verify.report import Report

__all__ = ["Case", "Law", "Operation", "Report", "assert_agrees", "check"]

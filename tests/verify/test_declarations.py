"""Who changes a declaration on purpose writes the file again: ``python tests/verify/declarations.py``."""

import json

import pytest
from verify.declarations import FILE, PARTS, digest

from refcompress.verify.operations import OPERATIONS

DECLARED = json.loads(FILE.read_text())


def test_the_operations_are_those_of_the_file():
    assert list(OPERATIONS) == list(DECLARED)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_operation_declares_is_what_the_file_says(name, part):
    found = {piece: digest(values) for piece, values in PARTS[part](OPERATIONS[name]).items()}
    assert found == DECLARED[name][part]

"""What of ``run.py`` every run of the test suite repeats, and that its fast twin is the exact one."""

import itertools

import numpy as np
import pytest
from oracles.fixed_point import limits, quantized
from oracles.quantize_tables import code
from proof import whole_formats
from proof.run import PROOFS

PARTS = [(name, part) for proof in PROOFS.values() for name, part in proof(False)]


@pytest.mark.parametrize(("name", "part"), PARTS, ids=[name for name, _ in PARTS])
def test_the_reference_is_its_exact_twin_to_the_bit(name, part):
    count, wrong = part()
    assert count > 0
    assert wrong == 0


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("bits", whole_formats.BITS)
def test_ranges_on_int64_are_those_of_python_integers(bits, overflow):
    around = range(-3, 4)
    for signed, narrow in itertools.product((True, False), (False, True)):
        low, high = limits(bits, signed, narrow)
        size = high - low + 1
        ends = (0, low, high, low - size, high + size, -(2**40), 2**40, -(2**61), 2**61)
        values = [end + step for end in ends for step in around]
        values += [sign * odd << power for sign in (1, -1) for odd in (1, 3, 255) for power in (62, 63, 64, 99, 140)]
        found = whole_formats.coded(*whole_formats.split(values), bits, signed, narrow, overflow).tolist()
        assert found == [code(value, bits, signed, narrow, overflow) for value in values]


def test_the_tables_are_the_twin_of_one_number_on_all_of_a_small_range():
    x, numbers = whole_formats.everything("float16")
    every = slice(None, None, 97)
    for p, word in itertools.product((-9, 0, 6), whole_formats.ROUNDING):
        table = whole_formats.rounded_products(numbers[every], p, word, {})
        assert table == [quantized(v, p, rounding=word) for v in x[every].astype(np.float64).tolist()]

"""The oracles and the declared operations are two other ways to the same numbers."""

import itertools

import numpy as np
import pytest

from refcompress.verify.agreement import parts
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.operations.in_decimals import IN_DECIMALS, exact_gradient, exact_loss, exact_output
from refcompress.verify.vectors import vectors

FLOAT64 = {"dtype": "float64", "check_dtype": False}
EVERY = [
    pytest.param(name, {**OPERATIONS[name].defaults, **settings}, id=f"{name}-{i}")
    for name in IN_DECIMALS
    for i, settings in enumerate([FLOAT64, *(typical | FLOAT64 for typical in OPERATIONS[name].typical)])
]


@pytest.mark.parametrize(("name", "settings"), EVERY)
def test_an_answer_in_decimals_is_within_the_float64_bound_of_the_reference(name, settings):
    exact, op = IN_DECIMALS[name], OPERATIONS[name]
    for vector in vectors(op, settings):
        answers = exact.answer(vector.args, settings), vector.expected, op.bound(vector.args, settings)
        for ours, theirs, bound in zip(*map(parts, answers), strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            with np.errstate(invalid="ignore"):
                assert ((ours == theirs) | (np.abs(ours - theirs) <= bound) | (bound == np.inf)).all(), vector.case


@pytest.mark.parametrize("name", IN_DECIMALS)
def test_a_checked_dtype_is_that_of_the_answer(name):
    op = IN_DECIMALS[name]
    settings = {**op.defaults, "dtype": "float16", "check_dtype": True}
    for vector in itertools.islice(vectors(op, settings), 20):
        floats = {part.dtype for part in parts(vector.expected)}
        assert floats == {np.dtype(np.float64 if name == "distillation_loss" else np.float16)}


def test_cancellation_costs_no_digit():
    w, b, x = [np.array([[1.0], [1.0], [1.0]])], [np.zeros(1)], np.array([[2.0**30, 2.0**-30, -(2.0**30)]])
    assert exact_output((w, b, x), {"activation": "relu"}).tolist() == [[2.0**-30]]


def test_logits_that_differ_in_their_last_bit_have_a_divergence():
    settings = OPERATIONS["distillation_loss"].defaults | {"temperature": 1.0}
    s, t = np.array([[0.0, 1.0]]), np.array([[0.0, 1 + 2.0**-52]])
    p = 1 / (1 + np.exp(-1.0))
    # to second order in d it is p (1 - p) d^2 / 2, and p (1 - p) d is the gradient
    assert exact_loss((s, t), settings) == pytest.approx(p * (1 - p) * 2.0**-104 / 2, rel=1e-14, abs=0)
    gradient = exact_gradient((s, t), settings)
    np.testing.assert_allclose(gradient, [[p * (1 - p) * 2.0**-52, -p * (1 - p) * 2.0**-52]], rtol=1e-14)

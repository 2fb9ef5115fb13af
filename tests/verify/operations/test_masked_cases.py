import numpy as np
import pytest
from verify.rivals import full, named

from refcompress.verify.operations.masked import MASKED_SGD_STEP
from refcompress.verify.operations.masked_cases import LAWS, call

HALVES = full(MASKED_SGD_STEP, {}) | {"lr": 0.5, "momentum": 0.5, "weight_decay": 0.5, "dtype": "float32"}


def holds(name, inputs, kept, w, v):
    """Whether a law takes one weight and velocity for an answer to one weight, gradient and velocity."""
    answer = np.array([w], np.float32), np.array([v], np.float32)
    return named(LAWS, name).holds(call(*([x] for x in inputs), [kept], HALVES), answer, HALVES)


@pytest.mark.parametrize(
    ("w", "v", "stays"),
    [
        (0, 0, True),
        (0, 1, False),
        (1, 0, False),
        (1, 3, True),  # 1 - (3 / 2 + 1 / 2) / 2 = 0
        (0, 2.0**-149, False),  # which float32 would lose on the way
    ],
)
def test_two_steps_is_about_where_the_second_step_leaves_what_is_pruned(w, v, stays):
    assert holds("two_steps", (0, 0, 0), False, w, v) is stays
    assert holds("two_steps", (0, 0, 0), True, w, v)


@pytest.mark.parametrize(
    ("inputs", "w", "v", "along"),
    [((4, 2, 8), 0, 8, True), ((4, 2, 8), 1, 6, True), ((4, 2, 8), 0, 6, False), ((0, 0, 0), 0, 0, True)],
)
def test_along_velocity_goes_by_the_velocity_that_was_returned(inputs, w, v, along):
    assert holds("along_velocity", inputs, True, w, v) is along
    assert holds("along_velocity", inputs, False, w, v)

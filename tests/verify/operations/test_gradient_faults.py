import numpy as np
import pytest
from verify.rivals import fault_named, full

from refcompress.verify.operations.network import MLP_GRADIENTS

# y = 2 relu(x + 0) on x = 1, 3 and 0: output 2, 6, 0; target 0; 2 (y - t) / 3 = 4/3, 4, 0
ARGS = [np.array([[1.0]]), np.array([[2.0]])], [np.zeros(1), np.zeros(1)], np.array([[1.0], [3], [0]]), np.zeros((3, 1))


@pytest.mark.parametrize(
    ("name", "part", "value"),
    [
        ("bias_mean", 1, 16 / 9),
        ("bias_zero", 1, 0.0),
        ("bias_of_first", 1, 4 / 3),
        ("halved", 1, 8 / 3),
        ("negated", 1, -16 / 3),
        ("batch_divided_again", 1, 16 / 9),
        ("weight_without_input", 0, 16 / 3),
        ("clipped", 0, 1.0),
    ],
)
def test_a_wrong_gradient_is_what_its_name_says(name, part, value):
    fault = fault_named(MLP_GRADIENTS, name)
    assert fault.answer(ARGS, full(MLP_GRADIENTS, {}))[part][-1].item() == pytest.approx(value, rel=1e-15, abs=0)


@pytest.mark.parametrize(("name", "share"), [("at_zero_1", 1.0), ("at_zero_half", 0.5)])
def test_the_derivative_at_zero_shows_where_a_target_is_missed_there(name, share):
    fault = fault_named(MLP_GRADIENTS, name)
    args = (*ARGS[:3], np.array([[2.0], [6], [3]]))
    assert fault.answer(args, full(MLP_GRADIENTS, {}))[1][0].item() == share * 2 * (0 - 3) / 3 * 2

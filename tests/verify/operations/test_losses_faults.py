import numpy as np
import pytest
from verify.rivals import full

from refcompress.verify.operations.losses import MSE_GRADIENT, MSE_LOSS

STUDENT, TEACHER = np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 0], [0, 1]])  # differences 0, 2, 3, 3; squares 22


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("halved", 22 / 8),
        ("root", 5.5**0.5),
        ("absolute", 2.0),
        ("not_squared", 2.0),
        ("divided_by_last", 11.0),
        ("divided_twice", 22 / 16),
        ("one_less", 22 / 3),
        ("variance", 1.5),
        ("largest", 9 / 4),
    ],
)
def test_a_wrong_loss_is_what_its_name_says(name, value):
    fault = next(f for f in MSE_LOSS.faults if f.name == name)
    assert fault.answer((STUDENT, TEACHER), full(MSE_LOSS, {})) == pytest.approx(value, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("halved", [[0, 0.5], [0.75, 0.75]]),
        ("negated", [[0, -1], [-1.5, -1.5]]),
        ("difference", [[0, 2], [3, 3]]),
        ("clipped", [[0, 1], [1, 1]]),
        ("sign_only", [[0, 0.25], [0.25, 0.25]]),
        ("rows_added", [[1.5, 2.5], [1.5, 2.5]]),
    ],
)
def test_a_wrong_gradient_is_what_its_name_says(name, value):
    fault = next(f for f in MSE_GRADIENT.faults if f.name == name)
    assert fault.answer((STUDENT, TEACHER), full(MSE_GRADIENT, {})).tolist() == value

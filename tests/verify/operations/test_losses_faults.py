import numpy as np
import pytest
from verify.rivals import fault_named, full

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
    fault = fault_named(MSE_LOSS, name)
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
    fault = fault_named(MSE_GRADIENT, name)
    assert fault.answer((STUDENT, TEACHER), full(MSE_GRADIENT, {})).tolist() == value


# differences 2, -2, 3, 3; sums of magnitudes 2, 2, 3, 5, whose squares are 42
SIGNED = np.array([[1.0, -2], [3, 4]]), np.array([[-1.0, 0], [0, 1]])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("doubled", [[2, -2], [3, 3]]),
        ("negated", [[-1, 1], [-1.5, -1.5]]),
        ("negated_half", [[-0.5, 0.5], [-0.75, -0.75]]),
        ("of_huber", [[0.25, -0.25], [0.25, 0.25]]),
        ("mean_everywhere", [[0.75, 0.75], [0.75, 0.75]]),
        ("sum_everywhere", [[3, 3], [3, 3]]),
        ("rows_averaged", [[1.25, 0.25], [1.25, 0.25]]),
        ("through_tanh", np.array([[1, -1], [1.5, 1.5]]) / np.cosh(SIGNED[0]) ** 2),
    ],
)
def test_a_wrong_gradient_of_either_sign_is_what_its_name_says(name, value):
    fault = fault_named(MSE_GRADIENT, name)
    np.testing.assert_allclose(fault.answer(SIGNED, full(MSE_GRADIENT, {})), value, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "student", "value"),
    [
        ("huber", [0.5, 1.5], (0.125 + 1) / 2),
        ("softmax_first", np.log([1 / 4, 3 / 4]), 1 / 16),
    ],
)
def test_a_wrong_loss_beside_zeros_is_what_its_name_says(name, student, value):
    fault = fault_named(MSE_LOSS, name)
    args = np.array([student]), np.zeros((1, 2))
    assert fault.answer(args, full(MSE_LOSS, {})) == pytest.approx(value, rel=1e-12)


def test_a_difference_of_a_thousandth_is_not_dropped():
    fault = fault_named(MSE_GRADIENT, "small_dropped")
    assert fault.answer((np.array([[1e-3, 9e-4]]), np.zeros((1, 2))), full(MSE_GRADIENT, {})).tolist() == [[1e-3, 0]]


@pytest.mark.parametrize(
    ("operation", "name", "sizes"),
    [
        (MSE_LOSS, "halved", 3.25),
        (MSE_LOSS, "not_squared", 3),
        (MSE_LOSS, "mean_squared", 36),
        (MSE_LOSS, "variance", 10.5),
        (MSE_LOSS, "difference_of_squares", 10.5),
        (MSE_LOSS, "magnitudes", 6.5),
        (MSE_LOSS, "expanded", 2 * (4 + 8) * 10.5 / 32),
        (MSE_GRADIENT, "doubled", [[2, 2], [3, 3]]),
        (MSE_GRADIENT, "mean_everywhere", [[1.5, 1.5], [1.5, 1.5]]),
        (MSE_GRADIENT, "sum_everywhere", [[6, 6], [6, 6]]),
        (MSE_GRADIENT, "rows_averaged", [[1.25, 1.75], [1.25, 1.75]]),
        (MSE_GRADIENT, "rows_added", [[2.5, 3.5], [2.5, 3.5]]),
        (MSE_GRADIENT, "difference_of_squares", [[1, 2], [4.5, 8.5]]),
        (MSE_GRADIENT, "centred", [[2.5, 2.5], [3, 4]]),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_bound_of_a_fault_is_32_units_of_the_sizes_of_its_terms(operation, name, sizes):
    fault = fault_named(operation, name)
    bound = fault.bound(SIGNED, full(operation, {"dtype": "float32"}))
    np.testing.assert_allclose(bound, 32 * 2.0**-24 * np.array(sizes), rtol=1e-12)


@pytest.mark.parametrize("operation", [MSE_LOSS, MSE_GRADIENT], ids=lambda o: o.name)
def test_in_float32_has_twice_the_bound_of_float32(operation):
    fault = fault_named(operation, "in_float32")
    bound = operation.bound(SIGNED, full(operation, {"dtype": "float32"}))
    np.testing.assert_allclose(fault.bound(SIGNED, full(operation, {"dtype": "float64"})), 2 * bound, rtol=1e-7)


def test_a_softmax_is_of_each_row_however_far_apart_they_are_and_of_one_number_it_is_1():
    answer = fault_named(MSE_LOSS, "softmax_first").answer
    halves, ones = np.array([[0.0, 0.0], [1000.0, 1000.0]]), np.array([[0.0, 1000.0], [1000.0, 2000.0]])
    assert answer((halves, ones), full(MSE_LOSS, {})) == pytest.approx(0.25)
    assert answer((np.array(3.0), np.array(5.0)), full(MSE_LOSS, {})) == 0


def test_the_batch_of_one_number_is_one():
    settings = full(MSE_LOSS, {"reduction": "batch_mean"})
    assert fault_named(MSE_LOSS, "not_squared").answer((np.array(3.0), np.array(5.0)), settings) == pytest.approx(-2.0)

from math import exp, log

import numpy as np
import pytest
from verify.rivals import fault_named, full

from refcompress.verify.operations.distillation import DISTILLATION_GRADIENT, DISTILLATION_LOSS
from refcompress.verify.operations.distillation_answers import (
    exact_gradient,
    gradient_bound_in,
    loss_bound_in,
    right_loss,
)

# two examples of which each adds as much: p = 1/4, 3/4 and q = 1/2, 1/2
STUDENT, TEACHER = np.log([[1 / 4, 3 / 4]] * 2), np.log([[1 / 2, 1 / 2]] * 2)
EACH = pytest.mark.parametrize("operation", [DISTILLATION_LOSS, DISTILLATION_GRADIENT], ids=lambda o: o.name)
OF = {
    DISTILLATION_LOSS.name: (right_loss, loss_bound_in),
    DISTILLATION_GRADIENT.name: (exact_gradient, gradient_bound_in),
}
LARGER = ("student_not_softened", "teacher_not_softened", "multiplied", "after_softmax")
OF_BOTH = {
    DISTILLATION_LOSS.name: ("both_directions", "half_of_both", "jensen_shannon", "not_weighed"),
    DISTILLATION_GRADIENT.name: ("by_teacher", "both_sides", "log_probabilities"),
}


@EACH
@pytest.mark.parametrize(
    ("name", "scaled", "times"),
    [
        ("halved", True, 1 / 2),
        ("negated", True, -1),
        ("base_two", True, 1 / log(2)),
        ("batch_divided_again", True, 1 / 2),
        ("scaled_twice", True, 9),
        ("scaled_twice", False, 81),
    ],
)
def test_a_factor_too_many_is_what_its_name_says(operation, name, scaled, times):
    under = full(operation, {"temperature": 3, "scaled": scaled})
    right = operation.answer((STUDENT, TEACHER), under)
    answer = fault_named(operation, name).answer((STUDENT, TEACHER), under)
    np.testing.assert_allclose(answer, np.asarray(right) * times, rtol=1e-12)


@pytest.mark.parametrize(("scaled", "times"), [(True, 1 / 3), (False, 3)])
def test_scaled_once_has_the_temperature_once(scaled, times):
    under = full(DISTILLATION_LOSS, {"temperature": 3, "scaled": scaled})
    right = DISTILLATION_LOSS.answer((STUDENT, TEACHER), under)
    assert fault_named(DISTILLATION_LOSS, "scaled_once").answer((STUDENT, TEACHER), under) == pytest.approx(
        right * times
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jensen_shannon", (log(2 / 3) / 4 + log(6 / 5) * 3 / 4 + log(4 / 3) / 2 + log(4 / 5) / 2) / 2),
        ("probabilities", -log(2) - 1 / 2),
        ("target_probabilities", exp(1 / 2) * (1 + log(16 / 3))),
        ("entropy_alone", -log(2)),
        ("mse_of_probabilities", 1 / 8),
    ],
)
def test_a_wrong_loss_is_worked_out_from_probabilities(name, value):
    answer = fault_named(DISTILLATION_LOSS, name).answer(
        (STUDENT, TEACHER), full(DISTILLATION_LOSS, {"temperature": 1})
    )
    assert answer == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("both_sides", -1 / 4 + log(3) / 4),
        ("through_sigmoid", -3 / 64),
        ("through_softmax", -3 / 32),
    ],
)
def test_a_wrong_gradient_is_worked_out_from_probabilities(name, value):
    under = full(DISTILLATION_GRADIENT, {"temperature": 1})
    args = STUDENT[:1, None], TEACHER[:1, None]  # three dimensions, of which the last one is that of the classes
    answer = fault_named(DISTILLATION_GRADIENT, name).answer(args, under)
    np.testing.assert_allclose(answer, [[[value, -value]]], rtol=1e-12)


@EACH
@pytest.mark.parametrize("temperature", [0.5, 2])
def test_the_bound_of_a_fault_is_64_roundings_and_what_larger_logits_or_other_terms_add(operation, temperature):
    under = full(operation, {"temperature": temperature, "dtype": "float32"})
    bound_in = OF[operation.name][1]
    args = STUDENT, TEACHER
    for fault in operation.faults:
        if fault.name == "in_float32":
            continue
        bound = 64 * 2.0**-24 * np.abs(fault.answer(args, under))
        if fault.name in LARGER:
            bound = bound + bound_in([z * max(temperature**2, 1) for z in args], "float32", under)
        if fault.name in OF_BOTH[operation.name]:
            bound = bound + bound_in(args, "float32", under | {"direction": "forward"})
            bound = bound + bound_in(args, "float32", under | {"direction": "reverse"})
        np.testing.assert_allclose(fault.bound(args, under), bound, rtol=1e-12, err_msg=fault.name)


@EACH
def test_an_infinity_or_a_nan_of_a_fault_is_one_and_not_near_one(operation):
    under = full(operation, {"dtype": "float32"})
    args = np.array([[1e4, 0.0]]), np.array([[0.0, 1e4]])
    fault = fault_named(operation, "overflow")
    with np.errstate(all="ignore"):
        assert not np.isfinite(fault.answer(args, under)).any()
        assert (fault.bound(args, under) == 0).all()


@EACH
def test_in_float32_is_a_fault_of_float64_alone(operation):
    fault, (exact, bound_in) = fault_named(operation, "in_float32"), OF[operation.name]
    args = STUDENT, TEACHER
    for dtype in ("float16", "float32"):
        under = full(operation, {"dtype": dtype})
        assert np.array_equal(fault.answer(args, under), exact(args, under))
        assert np.all(fault.bound(args, under) == 0)
    under = full(operation, {"dtype": "float64"})
    assert not np.array_equal(fault.answer(args, under), exact(args, under))
    assert np.array_equal(fault.bound(args, under), 2 * bound_in(args, "float32", under))

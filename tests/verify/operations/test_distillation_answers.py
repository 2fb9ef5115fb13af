import numpy as np
import pytest
from verify.rivals import full

from refcompress.verify.operations.distillation import DISTILLATION_GRADIENT, DISTILLATION_LOSS
from refcompress.verify.operations.distillation_answers import (
    LOGITS,
    divergence,
    factor,
    log_of_probability,
    log_softmax,
    log_without_maximum,
    right_gradient,
    right_loss,
    rival_gradient,
    rival_loss,
    slope,
    softmax,
    without_maximum,
)

STUDENT = np.array([[0.0, 1.0, 3.0], [2.0, -1.0, 0.5]])
TEACHER = np.array([[1.0, 1.0, 0.0], [0.0, -2.0, 4.0]])
FLOAT32 = full(DISTILLATION_LOSS, {})


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("reduction", ["batch_mean", "mean", "sum"])
def test_the_parts_of_the_faults_make_the_right_answers_too(direction, reduction):
    under = full(DISTILLATION_GRADIENT, {"direction": direction, "reduction": reduction, "temperature": 2})
    a, b = log_softmax(STUDENT / 2), log_softmax(TEACHER / 2)
    times = factor(STUDENT.shape, under)
    loss, gradient = times * np.sum(divergence(a, b, under)), times / 2 * slope(a, b, under)
    assert loss == pytest.approx(right_loss((STUDENT, TEACHER), under), rel=1e-14, abs=0)
    assert gradient == pytest.approx(right_gradient((STUDENT, TEACHER), under), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("reduction", "scaled", "expected"), [("sum", True, 16), ("batch_mean", True, 8), ("mean", False, 1 / 6)]
)
def test_the_factor_is_the_square_of_the_temperature_divided_by_what_the_reduction_counts(reduction, scaled, expected):
    assert factor((2, 3), full(DISTILLATION_LOSS, {"reduction": reduction, "scaled": scaled})) == expected


def test_softmax_over_another_axis_sums_to_one_there():
    assert softmax(STUDENT, 0).sum(axis=0) == pytest.approx(np.ones(3), rel=1e-15, abs=0)
    assert softmax(STUDENT, None).sum() == pytest.approx(1, rel=1e-15, abs=0)


def test_every_way_to_wrong_probabilities_gives_other_ones():
    right = log_softmax(STUDENT / 4), log_softmax(TEACHER / 4)
    for name, _, logits in LOGITS:
        wrong = logits(STUDENT, TEACHER, 4.0)
        assert not all(np.array_equal(w, r) for w, r in zip(wrong, right, strict=True)), name


def test_exponentials_overflow_where_those_of_the_dtype_do():
    z = np.array([[100.0, 0.0]])
    with np.errstate(all="ignore"):
        assert np.isnan(without_maximum(z, FLOAT32)).any()
        assert np.isinf(log_without_maximum(z, FLOAT32)).all()
        assert np.isfinite(without_maximum(z, {**FLOAT32, "dtype": "float64"})).all()


def test_the_logarithm_of_a_probability_that_underflows_is_infinite():
    with np.errstate(divide="ignore"):
        assert log_of_probability(np.array([[200.0, 0.0]]), FLOAT32).tolist() == [[0.0, -np.inf]]


@pytest.mark.parametrize("reduction", ["batch_mean", "mean"])
def test_a_rival_s_mean_over_nothing_is_zero(reduction):
    under = full(DISTILLATION_GRADIENT, {"reduction": reduction})
    nothing = np.zeros((0, 3)), np.zeros((0, 3))
    assert rival_loss(nothing, under) == 0
    assert rival_gradient(nothing, under).shape == (0, 3)

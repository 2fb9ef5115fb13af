import numpy as np
import pytest

from refcompress.distillation.knowledge import Knowledge, extract_knowledge
from refcompress.distillation.objectives import distillation_objective, target_outputs
from refcompress.distillation.student import train_student, train_teacher
from refcompress.mlp.losses import mse_gradient, mse_loss, softmax_cross_entropy, softmax_cross_entropy_gradient
from refcompress.mlp.network import initialize
from refcompress.mlp.training import accuracy

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
KNOWLEDGE = Knowledge(GENERATOR.normal(size=(200, 2)) * 7 + 3, (), None)


def test_a_teacher_learns_what_no_linear_model_can():
    teacher = train_teacher(X, Y, hidden=(16,), epochs=60, seed=0).model
    assert teacher.sizes == (3, 16, 2)
    assert accuracy(teacher, X, Y) > 0.95


def test_a_student_learns_the_teacher_s_outputs():
    teacher = train_teacher(X, Y, hidden=(16,), epochs=60, seed=0).model
    knowledge = extract_knowledge(teacher, X)
    result = train_student(X, knowledge, hidden=(8,), epochs=150, seed=0)
    assert result.history.training[-1] < result.history.training[0] / 10
    assert accuracy(result.model, X, Y) > 0.9


def test_training_a_student_does_not_change_the_teacher_or_its_knowledge():
    teacher = train_teacher(X, Y, hidden=(6,), epochs=3, seed=0).model
    knowledge = extract_knowledge(teacher, X, sizes=(3, 4, 2))
    arrays = (*teacher.weights, *teacher.biases, knowledge.outputs, *knowledge.start.weights)
    before = [a.tobytes() for a in arrays]
    train_student(X, knowledge, hidden=(4,), start=knowledge.start, epochs=3)
    assert [a.tobytes() for a in arrays] == before


def test_targets_are_centred_over_the_classes_and_have_spread_1():
    targets = target_outputs(KNOWLEDGE)
    # sums of 2 terms of size below 4 and a deviation of 400 terms: far below 1e-12
    assert np.abs(targets.sum(axis=1)).max() < 1e-12
    assert abs(targets.std() - 1) < 1e-12
    assert np.array_equal(targets.argmax(axis=1), KNOWLEDGE.outputs.argmax(axis=1))


def test_equal_outputs_give_zero_targets():
    assert not target_outputs(Knowledge(np.full((4, 3), 2.5), (), None)).any()


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_objective_mixes_the_two_losses_by_the_weight(weight):
    rows = np.array([3, 1, 7])
    output = np.array([[0.5, -1.0], [2.0, 0.0], [0.25, 0.75]])
    loss, gradient = distillation_objective(KNOWLEDGE, Y, weight)(output, rows)
    targets = target_outputs(KNOWLEDGE)[rows]
    expected = weight * softmax_cross_entropy(output, Y[rows]) + (1 - weight) * mse_loss(output, targets)
    slope = weight * softmax_cross_entropy_gradient(output, Y[rows]) + (1 - weight) * mse_gradient(output, targets)
    # one product and one sum more than the terms: a few units in the last place of numbers below 4
    assert abs(loss - expected) < 1e-14
    assert np.abs(gradient - slope).max() < 1e-14


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: train_teacher([1.0], [0]), ValueError, r"x has shape \(1,\): it must be \(n, inputs\)"),
        (lambda: train_teacher(np.ones((1, 0)), [0]), ValueError, r"x has shape \(1, 0\): it must be \(n, inputs\)"),
        (lambda: train_teacher(np.ones((0, 2)), []), ValueError, "labels is empty: a teacher learns from examples"),
        (
            lambda: train_teacher([[1.0]], [2**50]),
            ValueError,
            r"labels\[0\] is 1125899906842624: no network has as many",
        ),
        (lambda: train_teacher([[1.0]], [0], hidden=3), TypeError, "hidden is 3: it must be a list of widths"),
        (lambda: train_student(X, KNOWLEDGE, hidden=(0,)), ValueError, r"hidden\[0\] is 0: it must be at least 1"),
        (lambda: train_student(X, "all"), TypeError, "knowledge is 'all': it must be Knowledge"),
        (lambda: train_student(X, KNOWLEDGE, start=[1]), TypeError, r"model is \[1\]: it must be MLP"),
    ],
)
def test_a_wrong_argument_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_student(X[:5], KNOWLEDGE), "x has 5 rows, the knowledge 200: they must be the same inputs"),
        (lambda: distillation_objective(KNOWLEDGE, None, 0.5), "label_weight is 0.5: the labels are missing"),
        (lambda: distillation_objective(KNOWLEDGE, Y, 1.5), "label_weight is 1.5: it must be from 0.0 to 1.0"),
    ],
)
def test_bad_calls_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_start_is_where_the_student_begins():
    start = initialize((3, 4, 2), seed=9)
    result = train_student(X, KNOWLEDGE, hidden=(4,), start=start, epochs=0)
    assert all(np.array_equal(a, b) for a, b in zip(result.model.weights, start.weights, strict=True))

import sys
from inspect import signature

import numpy as np
import pytest
from terminals import Terminal

from refcompress.arguments import MOST_ELEMENTS
from refcompress.compression import Plan
from refcompress.distillation.knowledge import Knowledge, extract_knowledge
from refcompress.distillation.objectives import distillation_objective
from refcompress.distillation.student import STUDENT_OPTIMIZER, TEACHER_OPTIMIZER, train_student, train_teacher
from refcompress.mlp.network import initialize
from refcompress.mlp.training import accuracy, classification, train

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(200, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
KNOWLEDGE = Knowledge(GENERATOR.normal(size=(200, 2)) * 7 + 3, (), None)


def parameters(model):
    return [a.tobytes() for a in (*model.weights, *model.biases)]


def defaults(function):
    return {name: p.default for name, p in signature(function).parameters.items() if p.default is not p.empty}


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
        (
            lambda: train_teacher([[1.0]], [MOST_ELEMENTS]),
            ValueError,
            r"labels\[0\] is 17592186044416: no network has as many",
        ),
        (lambda: train_teacher([[1.0]], [0], hidden=3), TypeError, "hidden is 3: it must be a list of widths"),
        (lambda: train_student(X, KNOWLEDGE, hidden=(0,)), ValueError, r"hidden\[0\] is 0: it must be at least 1"),
        (
            lambda: train_student(X[:5], KNOWLEDGE),
            ValueError,
            "x has 5 rows, the knowledge 200: they must be the same inputs",
        ),
        (lambda: train_student(X, "all"), TypeError, "knowledge is 'all': it must be Knowledge"),
        (lambda: train_student(X, KNOWLEDGE, start=[1]), TypeError, r"model is \[1\]: it must be MLP"),
    ],
)
def test_a_wrong_argument_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_start_is_where_the_student_begins():
    start = initialize((3, 4, 2), seed=9)
    result = train_student(X, KNOWLEDGE, hidden=(4,), start=start, epochs=0)
    assert all(np.array_equal(a, b) for a, b in zip(result.model.weights, start.weights, strict=True))


def test_a_teacher_is_a_network_of_the_seed_trained_on_the_labels():
    ours = train_teacher(X, Y, hidden=(4,), epochs=2, seed=5)
    start = initialize((3, 4, 2), seed=5)
    right = train(start, X, classification(Y), optimizer=TEACHER_OPTIMIZER, epochs=2, seed=5)
    assert parameters(ours.model) == parameters(right.model)
    assert ours.history == right.history


@pytest.mark.parametrize("loss", ["mse", "kl"])
def test_a_student_is_a_network_of_the_seed_trained_on_the_objective(loss):
    settings = {"labels": Y, "label_weight": 0.25, "loss": loss, "temperature": 2.5}
    ours = train_student(X, KNOWLEDGE, hidden=(4,), epochs=2, seed=5, **settings)
    objective = distillation_objective(KNOWLEDGE, **settings)
    right = train(initialize((3, 4, 2), seed=5), X, objective, optimizer=STUDENT_OPTIMIZER, epochs=2, seed=5)
    assert parameters(ours.model) == parameters(right.model)
    assert ours.history == right.history


def test_a_teacher_s_weights_decay_where_no_example_needs_them():
    before = initialize((3, 4, 2), seed=0).weights[0]
    after = train_teacher(np.zeros((200, 3)), Y, hidden=(4,), epochs=1, seed=0).model.weights[0]
    assert (np.abs(after) < np.abs(before)).all()


def test_by_default_the_networks_are_those_of_a_plan():
    plan = Plan()
    teacher, student = defaults(train_teacher), defaults(train_student)
    assert (teacher["hidden"], teacher["epochs"]) == (plan.teacher_hidden, plan.teacher_epochs)
    assert (student["hidden"], student["epochs"]) == (plan.student_hidden, plan.student_epochs)


@pytest.mark.parametrize(
    ("function", "inner"),
    [(train_teacher, train), (train_student, train), (train_student, distillation_objective)],
)
def test_a_setting_that_is_handed_on_has_the_default_of_where_it_goes(function, inner):
    ours, theirs = defaults(function), defaults(inner)
    both = ours.keys() & theirs.keys()
    assert both
    assert {name: ours[name] for name in both} == {name: theirs[name] for name in both}


@pytest.mark.parametrize(
    "call",
    [
        lambda **settings: train_teacher(X, Y, hidden=(4,), epochs=3, **settings),
        lambda **settings: train_student(X, KNOWLEDGE, hidden=(4,), epochs=3, **settings),
    ],
)
def test_progress_is_shown_to_who_asks_for_it(monkeypatch, call):
    monkeypatch.setattr(sys, "stderr", Terminal())
    call()
    assert sys.stderr.getvalue() == ""
    call(progress=True)
    assert "3/3" in sys.stderr.getvalue()

"""What students are trained on: each objective is a formula of the package, row by row."""

from dataclasses import replace

import numpy as np
import pytest

from refcompress.distillation.features import (
    rkd_angle_gradient,
    rkd_angle_loss,
    rkd_distance_gradient,
    rkd_distance_loss,
)
from refcompress.distillation.knowledge import Knowledge
from refcompress.distillation.losses import distillation_gradient, distillation_loss
from refcompress.distillation.objectives import (
    distillation_objective,
    hinted_start,
    relation_objective,
)
from refcompress.mlp.network import hidden_features, initialize, mlp_forward
from refcompress.mlp.optimizers import Adam
from refcompress.mlp.training import classification

GENERATOR = np.random.default_rng(0)
KNOWLEDGE = Knowledge(GENERATOR.normal(size=(20, 3)) * 7, (GENERATOR.normal(size=(20, 5)),), None)
LABELS = np.arange(20) % 3
OUTPUT, ROWS = GENERATOR.normal(size=(6, 3)), np.array([3, 1, 19, 0, 7, 12])


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kl_is_the_distillation_loss_of_the_batch_at_the_temperature(temperature):
    loss, gradient = distillation_objective(KNOWLEDGE, loss="kl", temperature=temperature)(OUTPUT, ROWS)
    assert loss == distillation_loss(OUTPUT, KNOWLEDGE.outputs[ROWS], temperature=temperature)
    right = distillation_gradient(OUTPUT, KNOWLEDGE.outputs[ROWS], temperature=temperature)
    assert np.array_equal(gradient, right)


def test_labels_are_mixed_in_by_their_weight():
    parts = (classification(LABELS), distillation_objective(KNOWLEDGE, loss="kl"))
    (a, da), (b, db) = (part(OUTPUT, ROWS) for part in parts)
    loss, gradient = distillation_objective(KNOWLEDGE, LABELS, 0.25, loss="kl")(OUTPUT, ROWS)
    assert loss == 0.25 * a + 0.75 * b
    assert np.array_equal(gradient, 0.25 * da + 0.75 * db)


def test_relations_are_those_between_the_outputs_and_the_features_of_the_same_rows():
    loss, gradient = relation_objective(KNOWLEDGE.features[0], distance=1.0, angle=2.0)(OUTPUT, ROWS)
    features = KNOWLEDGE.features[0][ROWS]
    assert loss == rkd_distance_loss(OUTPUT, features) + 2 * rkd_angle_loss(OUTPUT, features)
    right = rkd_distance_gradient(OUTPUT, features) + 2 * rkd_angle_gradient(OUTPUT, features)
    assert np.array_equal(gradient, right)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_batch_too_small_for_a_relation_teaches_no_such_relation(rows):
    loss, gradient = relation_objective(KNOWLEDGE.features[0], distance=0.0)(OUTPUT[:rows], ROWS[:rows])
    assert loss == 0
    assert gradient.shape == (rows, 3)
    assert not gradient.any()


def test_a_hint_brings_the_hidden_layer_nearer_to_the_teacher_s():
    x = GENERATOR.normal(size=(60, 4))
    teacher = initialize((4, 12, 3), seed=1)
    knowledge = Knowledge(mlp_forward(teacher.weights, teacher.biases, x), tuple(hidden_features(teacher, x)), None)

    def unexplained(epochs):
        start = hinted_start(x, knowledge, hidden=(8,), optimizer=Adam(lr=1e-2), epochs=epochs)
        h = np.column_stack([hidden_features(start, x)[0], np.ones(len(x))])
        return np.linalg.lstsq(h, knowledge.features[0], rcond=None)[1].sum()

    assert unexplained(200) < unexplained(0) / 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: distillation_objective(KNOWLEDGE, loss="l1"), ValueError, "loss is 'l1': it must be one of mse, kl"),
        (lambda: distillation_objective(KNOWLEDGE, temperature=0), ValueError, "temperature is 0: it must be above 0"),
        (lambda: relation_objective([1.0]), ValueError, r"features has shape \(1,\)"),
        (lambda: relation_objective([[np.nan]]), ValueError, r"features\[0, 0\] is nan"),
        (lambda: relation_objective([[1.0]], angle=-1), ValueError, "angle is -1: it must be at least 0"),
        (lambda: distillation_objective([[1.0]]), TypeError, r"knowledge is \[\[1\.0\]\]: it must be Knowledge"),
        (
            lambda: hinted_start(np.eye(20), None, hidden=(4,), optimizer=Adam(), epochs=1),
            TypeError,
            "knowledge is None: it must be Knowledge",
        ),
        (
            lambda: hinted_start([1.0], KNOWLEDGE, hidden=(4,), optimizer=Adam(), epochs=1),
            ValueError,
            r"x has shape \(1,\): it must be \(n, inputs\)",
        ),
        (
            lambda: hinted_start(np.eye(20), replace(KNOWLEDGE, features=()), hidden=(4,), optimizer=Adam(), epochs=1),
            ValueError,
            "knowledge has no features: a hint is taken from a hidden layer of the teacher",
        ),
        (
            lambda: hinted_start(np.eye(20), KNOWLEDGE, hidden=(), optimizer=Adam(), epochs=1),
            ValueError,
            "hidden is empty",
        ),
        (
            lambda: hinted_start(np.eye(20), KNOWLEDGE, hidden=(4,), optimizer=Adam(), epochs=1, layer=1),
            ValueError,
            "layer is 1: it must be from 0 to 0",
        ),
    ],
)
def test_a_bad_argument_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()

"""What students are trained on: each objective is a formula of the package, row by row."""

from dataclasses import replace
from inspect import signature

import ml_dtypes
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
    target_outputs,
)
from refcompress.mlp.losses import mse_gradient, mse_loss, softmax_cross_entropy, softmax_cross_entropy_gradient
from refcompress.mlp.network import hidden_features, initialize, mlp_forward
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import classification, regression, train

GENERATOR = np.random.default_rng(0)
KNOWLEDGE = Knowledge(GENERATOR.normal(size=(20, 3)) * 7, (GENERATOR.normal(size=(20, 5)),), None)
LABELS = np.arange(20) % 3
OUTPUT, ROWS = GENERATOR.normal(size=(6, 3)), np.array([3, 1, 19, 0, 7, 12])
X = GENERATOR.normal(size=(20, 4))


def same(arrays, others):
    return [a.tolist() for a in arrays] == [b.tolist() for b in others]


@pytest.mark.parametrize("scale", [1.0, 2.0**-20, 2.0**-600, 2.0**1000])
def test_targets_are_centred_over_the_classes_and_have_spread_1(scale):
    outputs = scale * (KNOWLEDGE.outputs + np.arange(20)[:, None])
    targets = target_outputs(Knowledge(outputs, (), None))
    # sums of 3 terms of size below 4 and a deviation of 60 terms: far below 1e-12
    assert np.abs(targets.sum(axis=1)).max() < 1e-12
    assert abs(targets.std() - 1) < 1e-12
    assert np.array_equal(targets.argmax(axis=1), outputs.argmax(axis=1))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 2.0**10])
def test_outputs_of_few_bits_are_centred_and_scaled_as_well(dtype, scale):
    outputs = (scale * KNOWLEDGE.outputs).astype(dtype)
    targets = target_outputs(Knowledge(outputs, (), None)).astype(np.float64)
    wide = target_outputs(Knowledge(outputs.astype(np.float64), (), None))
    # float32: 3 terms of a mean and 60 of a deviation, each below 4 after scaling, leave less than 64 * 4 * 2^-24
    assert np.abs(targets - wide).max() < 2.0**-16


def test_equal_outputs_give_zero_targets():
    assert not target_outputs(Knowledge(np.full((4, 3), 2.5), (), None)).any()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_outputs_of_no_examples_or_no_classes_are_no_targets(shape):
    assert target_outputs(Knowledge(np.zeros(shape, np.float16), (), None)).shape == shape


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_objective_mixes_the_two_losses_by_the_weight(weight):
    loss, gradient = distillation_objective(KNOWLEDGE, LABELS, weight)(OUTPUT, ROWS)
    targets, labels = target_outputs(KNOWLEDGE)[ROWS], LABELS[ROWS]
    expected = weight * softmax_cross_entropy(OUTPUT, labels) + (1 - weight) * mse_loss(OUTPUT, targets)
    slope = weight * softmax_cross_entropy_gradient(OUTPUT, labels) + (1 - weight) * mse_gradient(OUTPUT, targets)
    # one product and one sum more than the terms: a few units in the last place of numbers below 4
    assert abs(loss - expected) < 1e-14
    assert np.abs(gradient - slope).max() < 1e-14


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kl_is_the_distillation_loss_of_the_batch_at_the_temperature(temperature):
    loss, gradient = distillation_objective(KNOWLEDGE, loss="kl", temperature=temperature)(OUTPUT, ROWS)
    assert loss == distillation_loss(OUTPUT, KNOWLEDGE.outputs[ROWS], temperature=temperature)
    right = distillation_gradient(OUTPUT, KNOWLEDGE.outputs[ROWS], temperature=temperature)
    assert np.array_equal(gradient, right)


def test_kl_is_by_default_at_the_temperature_of_the_distillation_loss():
    loss, _ = distillation_objective(KNOWLEDGE, loss="kl")(OUTPUT, ROWS)
    assert loss == distillation_loss(OUTPUT, KNOWLEDGE.outputs[ROWS])


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


def test_relations_have_by_default_the_weights_of_the_paper():
    features = KNOWLEDGE.features[0]
    ours, paper_s = relation_objective(features), relation_objective(features, distance=1, angle=2)
    assert ours(OUTPUT, ROWS)[0] == paper_s(OUTPUT, ROWS)[0]


def test_two_examples_have_a_distance():
    z, t = np.ones((2, 3)), KNOWLEDGE.features[0][:2]
    loss, _ = relation_objective(KNOWLEDGE.features[0], angle=0.0)(z, np.arange(2))
    # the student sees no distance where the teacher sees one: Huber of 0 - 1
    assert loss == rkd_distance_loss(z, t) == 0.5


def test_three_examples_have_angles():
    loss, gradient = relation_objective(KNOWLEDGE.features[0], distance=0.0, angle=1.0)(OUTPUT[:3], ROWS[:3])
    assert loss == rkd_angle_loss(OUTPUT[:3], KNOWLEDGE.features[0][ROWS[:3]]) > 0
    assert np.array_equal(gradient, rkd_angle_gradient(OUTPUT[:3], KNOWLEDGE.features[0][ROWS[:3]]))


@pytest.mark.parametrize(
    "objective",
    [distillation_objective(KNOWLEDGE, loss="kl"), relation_objective(KNOWLEDGE.features[0])],
)
def test_an_objective_is_for_as_many_rows_as_the_teacher_saw(objective):
    model = initialize((4, 3))
    train(model, X, objective, optimizer=SGD(0.1), epochs=1)
    with pytest.raises(ValueError, match="x has 19 rows, the objective has 20 rows: they must be equal"):
        train(model, X[:19], objective, optimizer=SGD(0.1), epochs=1)


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


def test_a_hint_trains_the_hidden_layers_below_a_regressor_that_a_random_output_layer_replaces():
    start = hinted_start(X, KNOWLEDGE, hidden=(8, 6), optimizer=Adam(lr=1e-2), epochs=2, seed=5)
    features = KNOWLEDGE.features[0]
    objective = regression(features / features.std())
    learned = train(initialize((4, 8, 6, 5), seed=5), X, objective, optimizer=Adam(lr=1e-2), epochs=2, seed=5).model
    random = initialize((4, 8, 6, 3), seed=5)
    assert same(start.weights, (*learned.weights[:2], random.weights[2]))
    assert same(start.biases, (*learned.biases[:2], random.biases[2]))


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_the_size_of_the_teacher_s_features_makes_no_difference_to_a_hint(scale):
    scaled = replace(KNOWLEDGE, features=(KNOWLEDGE.features[0] * scale,))
    first, second = (hinted_start(X, k, hidden=(8,), optimizer=SGD(0.1), epochs=2) for k in (KNOWLEDGE, scaled))
    assert same(first.weights, second.weights)


def test_features_without_spread_are_a_hint_like_others():
    flat = replace(KNOWLEDGE, features=(np.full((20, 5), 3.0),))
    start = hinted_start(X, flat, hidden=(8,), optimizer=SGD(0.1), epochs=2)
    objective = regression(flat.features[0])
    learned = train(initialize((4, 8, 5)), X, objective, optimizer=SGD(0.1), epochs=2).model
    assert same(start.weights[:1], learned.weights[:1])


def test_a_hint_without_a_seed_has_that_of_training():
    assert signature(hinted_start).parameters["seed"].default == signature(train).parameters["seed"].default


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: distillation_objective(KNOWLEDGE, loss="l1"), ValueError, "loss is 'l1': it must be one of mse, kl"),
        (lambda: distillation_objective(KNOWLEDGE, temperature=0), ValueError, "temperature is 0: it must be above 0"),
        (
            lambda: distillation_objective(KNOWLEDGE, None, 0.5),
            ValueError,
            "label_weight is 0.5: the labels are missing",
        ),
        (
            lambda: distillation_objective(KNOWLEDGE, LABELS, 1.5),
            ValueError,
            "label_weight is 1.5: it must be from 0.0 to 1.0",
        ),
        (lambda: relation_objective([["a"]]), TypeError, "features has dtype <U1"),
        (lambda: relation_objective([1.0]), ValueError, r"features has shape \(1,\)"),
        (
            lambda: relation_objective([[np.nan]]),
            ValueError,
            r"features\[0, 0\] is nan: only finite values can be compared$",
        ),
        (lambda: relation_objective([[1.0]], distance=-1), ValueError, "distance is -1: it must be at least 0"),
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
            lambda: hinted_start([["a"]], KNOWLEDGE, hidden=(4,), optimizer=Adam(), epochs=1),
            TypeError,
            "x has dtype <U1",
        ),
        (
            lambda: hinted_start(np.eye(20), KNOWLEDGE, hidden=4, optimizer=Adam(), epochs=1),
            TypeError,
            "hidden is 4: it must be a list of widths",
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
    with pytest.raises(error, match=f"^{message}"):
        call()

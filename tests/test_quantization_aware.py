"""Quantization-aware training; the comparison is made on the bundled digits, trained for real."""

from functools import cache
from math import sqrt

import numpy as np
import pytest

from refcompress.datasets import load_digits, split
from refcompress.mlp.network import MLP, initialize
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import accuracy, classification, regression, train
from refcompress.quantization_aware import (
    Comparison,
    compare,
    mean_and_spread,
    quantize_weights,
    train_quantization_aware,
    weight_scales,
)

SEEDS = (0, 1, 2, 3, 4)


@cache
def comparisons():
    return {row.bits: row for row in compare(load_digits(), bits=(2, 3), seeds=SEEDS)}


@pytest.mark.parametrize("bits", [2, 3])
def test_training_with_the_quantization_beats_quantizing_afterwards_by_more_than_chance(bits):
    from scipy.stats import t

    mean, spread = mean_and_spread(comparisons()[bits].gains)
    # Student's test of the five paired differences, one-sided, at 5 percent
    assert mean > t.ppf(0.95, len(SEEDS) - 1) * spread / sqrt(len(SEEDS))


def test_two_bits_gain_more_than_three():
    assert mean_and_spread(comparisons()[2].gains)[0] > mean_and_spread(comparisons()[3].gains)[0]


def test_by_default_four_widths_are_compared_on_five_seeds():
    digits = load_digits()
    assert compare(digits, epochs=0) == compare(digits, hidden=(16,), bits=(2, 3, 4, 8), seeds=SEEDS, epochs=0)


def test_the_accuracies_are_those_on_the_fifth_that_a_seed_holds_out():
    digits, seeds = load_digits(), (3, 4)
    (row,) = compare(digits, bits=(3,), seeds=seeds, epochs=0)
    models = [initialize((64, 16, 10), seed=seed) for seed in seeds]
    coarse = [quantize_weights(model, weight_scales(model, bits=3), bits=3) for model in models]
    tests = [split(digits, test=0.2, seed=seed)[1] for seed in seeds]
    assert row.floats == tuple(accuracy(m, test.x, test.y) for m, test in zip(models, tests, strict=True))
    assert row.after == row.aware == tuple(accuracy(m, test.x, test.y) for m, test in zip(coarse, tests, strict=True))


def test_both_go_on_from_one_network_with_the_seed_that_follows():
    digits, options = load_digits(), {"optimizer": Adam(lr=2e-3), "epochs": 1}
    (row,) = compare(digits, bits=(3,), seeds=(4,), epochs=1)
    training, test = split(digits, test=0.2, seed=4)
    x, goal = training.x, classification(training.y)
    half = train(initialize((64, 16, 10), seed=4), x, goal, seed=4, **options).model
    whole = train(half, x, goal, seed=5, **options).model
    after = quantize_weights(whole, weight_scales(whole, bits=3), bits=3)
    aware = train_quantization_aware(half, x, goal, bits=3, seed=5, **options)
    found = (*row.floats, *row.after, *row.aware)
    assert found == tuple(accuracy(model, test.x, test.y) for model in (whole, after, aware))


def one_weight(value):
    return MLP([np.array([[value]])], [np.zeros(1)])


X, GOAL = np.array([[1.0], [2.0]]), regression([[1.0], [3.0]])


def latent_step(value, lr):
    """The weight after one step of one batch on a grid so fine that it shows where the float weight went."""
    trained = train_quantization_aware(
        one_weight(value), X, GOAL, bits=32, scales=[2.0**-20], optimizer=SGD(lr=lr), epochs=1
    )
    return trained.weights[0].item()


def test_the_gradient_is_that_at_the_quantized_weight():
    # w = 1.25 on a grid of ones is 1: the errors are (0, -1), the gradient is 2 (0 * 1 - 1 * 2) / 2 = -2
    trained = train_quantization_aware(one_weight(1.25), X, GOAL, bits=8, scales=[1.0], optimizer=SGD(lr=1.0), epochs=1)
    assert trained.weights[0].item() == np.rint(1.25 + 2)
    assert trained.biases[0].item() == 1.0  # 2 (0 - 1) / 2 the other way


def test_a_fine_grid_gives_a_plain_step_of_gradient_descent():
    # errors (0.25, -0.5), gradient 2 (0.25 - 1) / 2 = -0.75
    assert latent_step(1.25, 1.0) == 2.0


def test_a_weight_out_of_range_is_not_moved():
    # 3 bits on a grid of ones hold -4 to 3: 9 stands for 3, and the errors would move it
    trained = train_quantization_aware(one_weight(9.0), X, GOAL, bits=3, scales=[1.0], optimizer=SGD(lr=3.0), epochs=5)
    assert trained.weights[0].item() == 3.0


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_the_scale_of_each_layer_has_the_least_squared_error_of_a_hundred(bits):
    model, most = initialize((5, 4, 3), seed=0), 2 ** (bits - 1) - 1
    for w, scale in zip(model.weights, weight_scales(model, bits=bits), strict=True):
        steps = np.abs(w).max() * np.arange(1, 101) / 100 / most
        errors = [np.square(w - s * np.clip(np.rint(w / s), -most - 1, most)).sum() for s in steps]
        assert scale == np.float32(steps[np.argmin(errors)])


def test_by_default_a_model_is_trained_for_20_epochs():
    one, same = (
        train_quantization_aware(one_weight(1.0), X, GOAL, bits=8, scales=[0.5], **more)
        for more in ({}, {"epochs": 20})
    )
    assert one.biases[0] == same.biases[0] != 0


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_of_no_epochs_the_model_is_only_quantized(bits):
    model = initialize((5, 4, 3), seed=0)
    trained = train_quantization_aware(model, np.ones((2, 5)), classification([0, 2]), bits=bits, epochs=0)
    quantized = quantize_weights(model, weight_scales(model, bits=bits), bits=bits)
    for a, b in zip(trained.weights, quantized.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_float32_model_is_quantized_in_float64():
    # 3.5 * 0.1 of float32 is a tie for a quotient in float32, and lies below it in float64
    scale = np.float32(0.1)
    model = MLP([np.float32([[3.5]]) * scale], [np.zeros(1, np.float32)])
    trained = train_quantization_aware(model, np.ones((2, 1)), GOAL, bits=4, scales=[scale], epochs=0)
    wide = MLP([w.astype(np.float64) for w in model.weights], [np.zeros(1)])
    assert trained.weights[0].tolist() == quantize_weights(wide, [scale], bits=4).weights[0].tolist()
    assert trained.weights[0].dtype == np.float64
    assert trained.weights[0].tolist() != quantize_weights(model, [scale], bits=4).weights[0].tolist()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda m: quantize_weights(m, [1.0, 1.0], bits=8), ValueError, "there are 2 scales: the model has 1 weight"),
        (lambda m: quantize_weights(m, 1.0, bits=8), TypeError, "scales is 1.0: it must be a list of scales"),
        (lambda m: quantize_weights(None, [1.0], bits=8), TypeError, "model is None: it must be MLP"),
        (lambda m: mean_and_spread([1.0]), ValueError, "values has 1 entry: a spread needs two"),
        (lambda m: mean_and_spread([]), ValueError, "values has 0 entries: a spread needs two"),
    ],
)
def test_what_cannot_be_quantized_or_compared_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call(one_weight(1.0))


def test_trained_weights_lie_on_the_grid_and_the_model_is_left_as_it_was():
    model, x = initialize((5, 4, 3), seed=0), np.random.default_rng(0).normal(size=(40, 5))
    before = [w.copy() for w in model.weights]
    scales = weight_scales(model, bits=3)
    trained = train_quantization_aware(model, x, classification(np.arange(40) % 3), bits=3, scales=scales)
    for w, s in zip(trained.weights, scales, strict=True):
        codes = w / s
        assert np.all((codes == np.rint(codes)) & (codes >= -4) & (codes <= 3))
    for a, b in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_seed_gives_one_model_and_another_another():
    model, x, y = initialize((5, 4, 3), seed=0), np.random.default_rng(0).normal(size=(40, 5)), np.arange(40) % 3
    settings = {"bits": 4, "epochs": 3, "optimizer": Adam(lr=0.05)}
    one, same, other = (
        train_quantization_aware(model, x, classification(y), seed=seed, **settings).biases[0] for seed in (1, 1, 2)
    )
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_gains_are_taken_seed_by_seed():
    assert Comparison(2, (1.0, 1.0), (0.5, 0.25), (0.75, 0.75)).gains == (0.25, 0.5)


def test_the_spread_is_that_of_a_sample():
    assert mean_and_spread([0.25, 0.75]) == (0.5, sqrt(0.125))


@pytest.mark.parametrize(
    ("x", "changed", "error", "text"),
    [
        ([[np.nan], [1.0]], {}, ValueError, r"x\[0, 0\] is nan: only finite values can be trained on"),
        ([[1.0, 2.0]], {}, ValueError, r"x has shape \(1, 2\): it must be \(n, 1\)"),
        ([[1.0]], {}, ValueError, "x has 1 rows, the objective has 2 rows: they must be equal"),
        (X, {"epochs": -1}, ValueError, "epochs is -1: it must be at least 0"),
        (X, {"batch_size": 0}, ValueError, "batch_size is 0: it must be at least 1"),
        (X, {"bits": 1}, ValueError, "bits is 1"),
        (X, {"seed": -1}, ValueError, "seed is -1"),
        (X, {"scales": 1.0}, TypeError, "scales is 1.0: it must be a list of scales, one a layer"),
        (X, {"optimizer": "sgd"}, TypeError, "optimizer is 'sgd': it must be SGD or Adam"),
        (X, {"scales": [1.0, 1.0]}, ValueError, "there are 2 scales: the model has 1 weight matrices"),
        (X, {"optimizer": SGD(lr=1e200)}, ValueError, "the loss is inf at epoch 2, batch 1: training has diverged"),
        ([["a"]], {}, TypeError, "x has dtype"),
    ],
)
def test_bad_calls_are_refused(x, changed, error, text):
    with pytest.raises(error, match=text):
        train_quantization_aware(one_weight(1.0), x, GOAL, **{"bits": 8, "epochs": 4, **changed})


def test_an_objective_is_asked_about_no_output_that_is_not_finite():
    model = MLP([np.full((2, 1), 100.0)], [np.zeros(1)])

    def objective(output, rows):
        return 0.0, np.where(np.isfinite(output), 0.0, np.nan)

    with pytest.raises(ValueError, match="an output is not finite at epoch 1, batch 1: training has diverged"):
        train_quantization_aware(model, np.full((1, 2), 1e307), objective, bits=8, optimizer=SGD(0.1), epochs=1)


def test_a_parameter_past_the_floats_is_refused():
    with pytest.raises(ValueError, match="a parameter is not finite: training has diverged; a lower lr than 1e"):
        train_quantization_aware(
            one_weight(1.0), X, lambda output, rows: (1.0, output + 1e300), bits=8, optimizer=SGD(lr=1e300), epochs=1
        )


def test_a_gradient_of_another_shape_than_the_output_is_refused():
    with pytest.raises(ValueError, match=r"objective gave a gradient of shape \(1,\): the output has shape \(2, 1\)"):
        train_quantization_aware(one_weight(1.0), X, lambda output, rows: (1.0, output[0]), bits=8)

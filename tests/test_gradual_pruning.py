"""Gradual pruning: which weights go at which cut, which may come back, and what training leaves alone."""

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refcompress.gradual_pruning import SCHEDULES, SCORES, Pruning, Situation, curvatures, prune_gradually
from refcompress.mlp.network import MLP, initialize, mlp_forward, mlp_gradients
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import classification, regression, train

X = np.random.default_rng(0).normal(size=(40, 8))
Y = np.arange(40) % 3
OBJECTIVE = classification(Y)


@cache
def trained():
    model = initialize((8, 8, 3), seed=0)
    return train(model, X, OBJECTIVE, optimizer=Adam(lr=1e-2), epochs=10).model


def pruned(k=30, optimizer=None, **how):
    optimizer = Adam(lr=1e-2) if optimizer is None else optimizer
    return prune_gradually(trained(), X, OBJECTIVE, k, optimizer=optimizer, how=Pruning(**{"epochs": 2, **how}))


def nonzeros(model):
    return sum(np.count_nonzero(w) for w in model.weights)


def test_a_pruned_weight_comes_back_when_others_have_become_smaller_than_it_was():
    model = MLP([np.array([[4.0], [3.0], [2.0], [1.9]])], [np.zeros(1)])
    x, goal = np.eye(4), regression([[4.0], [3.0], [0.1], [1.9]])  # training takes 2.0 far down

    def kept(k, steps):
        how = Pruning(schedule="linear", steps=steps, epochs=100)
        result = prune_gradually(model, x, goal, k, optimizer=SGD(lr=0.2), how=how)
        return np.flatnonzero(result.weights[0]).tolist()

    assert kept(3, steps=1) == [0, 1, 2]
    assert kept(2, steps=2) == [0, 3]


def test_a_pruned_weight_that_is_still_the_smallest_stays_away():
    model = MLP([np.array([[4.0], [3.0], [2.0], [0.1]])], [np.zeros(1)])
    goal = regression([[4.0], [3.0], [2.0], [9.0]])  # the loss wants it more than any other
    how = Pruning(schedule="linear", steps=2)
    result = prune_gradually(model, np.eye(4), goal, 2, optimizer=SGD(lr=0.01), how=how)
    assert result.weights[0][3] == 0


@pytest.mark.parametrize("scores", sorted(SCORES))
@pytest.mark.parametrize("scope", ["model", "tensor", "output"])
def test_every_score_in_every_scope_leaves_the_asked_number_of_weights(scores, scope):
    model = pruned(44, scores=scores, scope=scope, steps=3)  # half of 64 and of 24, and of each of their columns
    assert nonzeros(model) == 44


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@given(k=st.integers(0, 88), steps=st.integers(1, 5))
@settings(max_examples=10)
def test_every_schedule_ends_at_k_and_what_is_pruned_is_plus_zero(schedule, k, steps):
    model = pruned(k, schedule=schedule, steps=steps, epochs=0)
    assert nonzeros(model) == k
    assert not any(np.signbit(w[w == 0]).any() for w in model.weights)


@given(steps=st.integers(1, 20))
def test_a_schedule_rises_and_ends_with_everything(steps):
    for schedule in SCHEDULES.values():
        shares = schedule(steps)
        assert list(shares) == sorted(shares)
        assert shares[-1] == 1
    assert SCHEDULES["linear"](steps)[0] == Fraction(1, steps)
    assert SCHEDULES["cubic"](steps)[0] == 1 - (1 - Fraction(1, steps)) ** 3


def test_every_schedule_trains_as_long(monkeypatch):
    import refcompress.gradual_pruning as module

    for schedule in SCHEDULES:
        epochs = []

        def counted(model, *args, epochs, counter=epochs, **settings):
            counter.append(epochs)
            return train(model, *args, epochs=0, **settings)

        monkeypatch.setattr(module, "train", counted)
        pruned(schedule=schedule, steps=5, epochs=3)
        assert sum(epochs) == 3 * (5 - 1 + 4)


@pytest.mark.parametrize("structure", [(2, 4), (1, 4), (1, 2), (4, 4)])
def test_a_structure_leaves_n_of_every_m_inputs_of_an_output(structure):
    n, m = structure
    for w in pruned(structure=structure).weights:
        groups = (w != 0).reshape(-1, m, w.shape[1]).sum(axis=1)
        assert (groups == n).all()


def test_the_gradient_is_that_of_the_pruned_network_also_for_what_is_pruned():
    dense = trained().weights
    model = pruned(30)
    target = np.random.default_rng(1).normal(size=(40, 3))
    scores = SCORES["gradient"](Situation(model, dense, X, regression(target), 0))
    slopes, _ = mlp_gradients(model.weights, model.biases, X, target)
    for score, v, slope in zip(scores, dense, slopes, strict=True):
        assert np.array_equal(score, np.abs(v * slope))
        assert score[(v != 0) & (slope != 0)].all()


def test_random_scores_of_one_seed_are_the_same_at_every_cut():
    now = Situation(trained(), trained().weights, X, OBJECTIVE, 3)
    later = Situation(pruned(30), pruned(30).weights, X, OBJECTIVE, 3)
    assert all(map(np.array_equal, SCORES["random"](now), SCORES["random"](later)))


@given(values=st.lists(st.integers(-4, 4), min_size=6, max_size=6), x=st.lists(st.integers(-4, 4), min_size=2))
def test_the_curvature_of_one_layer_is_the_second_difference_of_its_loss(values, x):
    # one linear layer: half the sum of the squared outputs is a square, whose second difference is exact
    w = np.array(values, float).reshape(1, 6)
    rows = np.array(x, float)[:, None]
    model = MLP([w], [np.zeros(6)])

    def loss(weights):
        return (mlp_forward([weights], model.biases, rows) ** 2).sum() / 2

    (found,) = curvatures(model, rows)
    for index in np.ndindex(w.shape):
        move = np.zeros(w.shape)
        move[index] = 1
        assert loss(w + move) - 2 * loss(w) + loss(w - move) == found[index]


def test_the_curvature_behind_a_dead_relu_is_zero():
    model = MLP([np.array([[1.0, -1.0]]), np.array([[2.0], [5.0]])], [np.zeros(2), np.zeros(1)])
    first, second = curvatures(model, np.array([[3.0]]))
    assert first.tolist() == [[9 * 4, 0]]
    assert second.tolist() == [[9], [0]]


def test_nothing_that_is_passed_in_is_changed():
    model = trained()
    before = [a.tobytes() for a in (*model.weights, *model.biases, X)]
    pruned(20)
    assert [a.tobytes() for a in (*model.weights, *model.biases, X)] == before


def test_numbers_of_any_integer_type_prune_alike():
    # the 300 inputs, and the 25 * (8 - 1 + 4) epochs after the last cut, are more than a byte holds
    small = Pruning(structure=(np.uint8(2), np.uint8(4)), steps=np.int8(8), epochs=np.int8(25))
    assert small == Pruning(structure=[2, 4], steps=8, epochs=25)
    assert [type(n) for n in (*small.structure, small.steps, small.epochs)] == [int] * 4
    small.fits((300, 10))


@pytest.mark.parametrize(
    ("how", "k", "error", "message"),
    [
        ({"scores": "size"}, 3, ValueError, "scores is 'size': it must be one of magnitude, random, gradient"),
        ({"scope": "row"}, 3, ValueError, "scope is 'row': it must be one of tensor, output, model"),
        ({"schedule": "fast"}, 3, ValueError, "schedule is 'fast': it must be one of cubic, linear, one_shot"),
        ({"steps": 0}, 3, ValueError, "steps is 0: it must be at least 1"),
        ({"epochs": -1}, 3, ValueError, "epochs is -1: it must be at least 0"),
        ({"structure": (5, 4)}, 3, ValueError, "n is 5: it must be from 0 to 4"),
        ({"structure": (1, 2, 4)}, 3, ValueError, r"structure is \(1, 2, 4\): it must be a pair \(n, m\)"),
        ({"structure": 4}, 3, TypeError, r"structure is 4: it must be a pair \(n, m\)"),
        ({"structure": "24"}, 3, TypeError, r"structure is '24': it must be a pair \(n, m\)"),
        ({"structure": (1, 4.0)}, 3, TypeError, "m is 4.0"),
        ({"structure": (1, 3)}, 3, ValueError, "structure is 1:3: layer 0 has 8 inputs, no multiple of 3"),
        ({}, 89, ValueError, "k is 89: it must be from 0 to 88"),
        ({}, 1.5, TypeError, "k is 1.5"),
    ],
)
def test_a_bad_setting_is_named(how, k, error, message):
    with pytest.raises(error, match=message):
        pruned(k, **how)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": None}, "model is None: it must be MLP"),
        ({"objective": 1}, "objective is 1: it must be a function of the output and the rows"),
        ({"optimizer": 0.1}, "optimizer is 0.1: it must be SGD or Adam"),
        ({"how": "cubic"}, "how is 'cubic': it must be Pruning"),
    ],
)
def test_what_cannot_be_pruned_or_trained_is_named(changed, message):
    model = MLP([np.ones((2, 1))], [np.zeros(1)])
    valid = {"model": model, "x": np.eye(2), "objective": regression(np.ones((2, 1))), "k": 1, "optimizer": SGD(lr=0.1)}
    with pytest.raises(TypeError, match=message):
        prune_gradually(**{**valid, **changed})

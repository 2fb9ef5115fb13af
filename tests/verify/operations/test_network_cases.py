import numpy as np
import pytest
from verify.rivals import full

from refcompress.verify.operations.network import MLP_GRADIENTS
from refcompress.verify.operations.network_cases import CASES, FORWARD_KILLS, GRADIENTS_KILLS


def calls(name, **settings):
    make = next(make for case, make, _ in CASES if case == name)
    return list(make(full(MLP_GRADIENTS, settings)))


@pytest.mark.parametrize("kills", [FORWARD_KILLS, GRADIENTS_KILLS])
def test_the_rivals_are_declared_for_cases_that_exist(kills):
    assert set(kills) <= {name for name, _, _ in CASES}


def test_some_hidden_sums_are_exactly_zero_and_nothing_was_rounded_there():
    weights, biases, x, _ = calls("hidden sums of exactly 0 and -0.0")[0]
    z = x @ weights[0] + biases[0]
    assert (z == 0).sum() >= 3
    assert ((np.abs(x) @ np.abs(weights[0]) + np.abs(biases[0]))[z == 0] == 0).all()


def test_dead_units_are_off_on_every_example():
    weights, biases, x, _ = calls("dead units")[-1]
    hidden = np.maximum(x @ weights[0] + biases[0], 0)
    assert (hidden @ weights[1] + biases[1] < 0).all()


@pytest.mark.parametrize("name", ["one unit in each layer", "four layers", "square layers", "widths that differ"])
def test_deep_and_narrow_networks_have_a_gradient_in_every_layer(name):
    under = full(MLP_GRADIENTS, {"activation": "relu"})
    for args in calls(name, activation="relu"):
        assert all(dw.any() for dw in MLP_GRADIENTS.answer(args, under)[0])


def test_met_targets_are_met_exactly():
    weights, biases, x, target = calls("targets that are met")[0]
    hidden = np.maximum(x @ weights[0] + biases[0], 0)
    assert (hidden @ weights[1] + biases[1] == target).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_directed_inputs_are_promised_something(dtype):
    under = full(MLP_GRADIENTS, {"dtype": dtype})
    for name, make, _ in CASES:
        for args in make(under):
            dws, dbs = MLP_GRADIENTS.bound(args, under)
            assert all(np.isfinite(b).all() for b in (*dws, *dbs)), name

import numpy as np
import pytest
from hypothesis import given, settings
from verify.rivals import full

from refcompress.verify.agreement import compare
from refcompress.verify.operations.network import MLP_FORWARD, MLP_GRADIENTS
from refcompress.verify.operations.network_faults import RIGHT, STRANGERS, gradients_of, output_of, softmax


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
@given(MLP_GRADIENTS.strategy(full(MLP_GRADIENTS, {"dtype": "float64"})))
@settings(max_examples=30)
def test_a_network_with_nothing_done_otherwise_is_right(activation, args):
    under = full(MLP_GRADIENTS, {"dtype": "float64", "activation": activation})
    forward = full(MLP_FORWARD, {"dtype": "float64", "activation": activation})
    right, bound = MLP_GRADIENTS.answer(args, under), MLP_GRADIENTS.bound(args, under)
    assert compare(right, gradients_of(RIGHT)(args, under), bound).agrees
    output = output_of(RIGHT)(args[:3], forward)
    assert compare(MLP_FORWARD.answer(args[:3], forward), output, MLP_FORWARD.bound(args[:3], forward)).agrees


@pytest.mark.parametrize("name", [name for name in STRANGERS if name != "step"])
def test_the_derivative_of_a_strange_activation_is_its_own(name):
    _, function, derivative = STRANGERS[name]
    z, step = np.array([-3.3, -0.4, 0.3, 0.9, 2.1, 7.0]), 2.0**-20
    slope = (function(z + step) - function(z - step)) / (2 * step)
    # the third derivatives are below 4 and values below 8: step^2 and 8 * 2^-52 / step bound the difference
    assert np.abs(slope - derivative(z, function(z))).max() <= 4 * step**2 + 16 * 2.0**-52 / step


@pytest.mark.parametrize("shape", [(2, 0), (0, 3), (0, 0)])
def test_a_softmax_of_nothing_is_nothing(shape):
    assert softmax(np.zeros(shape)).shape == shape

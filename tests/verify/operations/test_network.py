import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from verify.rivals import full

from refcompress.verify import check
from refcompress.verify.agreement import compare
from refcompress.verify.operations.network import MLP_FORWARD, MLP_GRADIENTS

DTYPES = ("float32", "float16", "bfloat16", "float64")
ACTIVATIONS = ("relu", "tanh", "identity")
EACH = pytest.mark.parametrize("operation", [MLP_FORWARD, MLP_GRADIENTS], ids=lambda o: o.name)


@EACH
@pytest.mark.parametrize(("dtype", "activation"), list(itertools.product(DTYPES, ACTIVATIONS)))
def test_the_reference_agrees_with_itself_under_all_settings(operation, dtype, activation):
    number = DTYPES.index(dtype) + ACTIVATIONS.index(activation)
    chosen = {"dtype": dtype, "activation": activation, "check_dtype": number % 2 == 0}
    if "reduction" in operation.defaults:
        chosen["reduction"] = ("mean", "sum", "batch_mean")[number % 3]
    under = full(operation, chosen)
    report = check(lambda *args: operation.answer(args, under), operation, examples=5, **chosen)
    assert report.verdict == "agrees", str(report)


@given(MLP_GRADIENTS.strategy(full(MLP_GRADIENTS, {})))
@settings(max_examples=50)
def test_plain_float32_is_within_the_bounds(args):
    weights, biases, x, _ = args
    under = full(MLP_FORWARD, {})
    h = x
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        h = h @ w + b
        h = np.maximum(h, 0) if i < len(weights) - 1 else h
    assert compare(MLP_FORWARD.answer(args[:3], under), h, MLP_FORWARD.bound(args[:3], under)).agrees


@EACH
def test_what_is_declared_as_rejected_is_rejected(operation):
    under = full(operation, {})
    for name, make in operation.rejects:
        with pytest.raises(ValueError, match=r"biases|x\[0, 0\]|target"):
            operation.answer(make(under), under)
        assert name


def test_an_output_is_worked_out_by_hand():
    args = [np.array([[1.0, -1]]), np.array([[2.0], [3]])], [np.zeros(2), np.ones(1)], np.array([[5.0]])
    text = "the last layer: 5.0 * 2.0 + 0.0 * 3.0 + 1.0 = 11.0"
    assert MLP_FORWARD.by_hand(args, (0, 0), full(MLP_FORWARD, {})) == text


def test_a_fault_in_one_layers_bias_is_said_to_be_there():
    under = full(MLP_GRADIENTS, {})

    def candidate(*args):
        dws, dbs = MLP_GRADIENTS.answer(args, under)
        return dws, [dbs[0], *(-b for b in dbs[1:2]), *dbs[2:]]

    report = check(candidate, "mlp_gradients", examples=20)
    assert "but only in the bias gradient of layer 2" in report.diagnosis[0].statement
    assert report.diagnosis[0].complete

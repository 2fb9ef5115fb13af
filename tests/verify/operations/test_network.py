import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from verify.rivals import full, named

from refcompress.verify import check
from refcompress.verify.agreement import compare
from refcompress.verify.operations.network import MLP_FORWARD, MLP_GRADIENTS, output_bound_in

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


def test_by_hand_more_than_four_terms_are_counted():
    args = [np.ones((6, 1))], [np.zeros(1)], np.ones((1, 6))
    text = "the last layer: " + "1.0 * 1.0 + " * 4 + "2 more + 0.0 = 6.0"
    assert MLP_FORWARD.by_hand(args, (0, 0), full(MLP_FORWARD, {})) == text


def holds(operation, name, args, answer, **chosen):
    return named(operation.laws, name).holds(args, answer, full(operation, chosen))


def test_equal_examples_may_have_unsigned_outputs_that_differ_by_rounding():
    args = [np.ones((2, 1))], [np.zeros(1)], np.array([[2000.0, 1], [2000, 1]])
    assert holds(MLP_FORWARD, "equal_rows", args, np.array([[2001], [2000]], np.uint16), dtype="float16")
    assert not holds(MLP_FORWARD, "equal_rows", args, np.array([[2001], [1900]], np.uint16), dtype="float16")


def test_an_output_is_past_its_reach_by_no_more_than_rounding():
    args = [np.ones((1, 1))], [np.zeros(1)], np.ones((1, 1))
    assert holds(MLP_FORWARD, "within_reach", args, np.array([[1 + 2.0**-40]]), dtype="float64")
    assert not holds(MLP_FORWARD, "within_reach", args, np.array([[1 + 2.0**-39]]), dtype="float64")


def test_an_input_may_be_unused_among_others():
    args = [np.ones((2, 1))], [np.zeros(1)], np.array([[1.0, 0], [2, 0]]), np.zeros((2, 1))
    assert holds(MLP_GRADIENTS, "unused_inputs", args, ([np.array([[5.0], [0]])], [np.ones(1)]))
    assert not holds(MLP_GRADIENTS, "unused_inputs", args, ([np.array([[5.0], [1]])], [np.ones(1)]))


@pytest.mark.parametrize(("times", "dead"), [(1.9, False), (2.1, True)])
def test_a_unit_is_dead_where_rounding_cannot_turn_it_on(times, dead):
    one, under = np.ones((1, 1)), full(MLP_GRADIENTS, {})
    reach = output_bound_in(([one], [np.array([-1.000001])], one), "float32", under).item()
    args = [one, one], [np.array([-1 - times * reach]), np.zeros(1)], one, one
    answer = [one, np.zeros((1, 1))], [np.ones(1), np.ones(1)]
    assert holds(MLP_GRADIENTS, "dead_units", args, answer) is not dead


def test_for_one_example_the_first_gradient_is_a_product_but_for_rounding():
    one = np.ones((1, 1))
    args, large = ([one], [np.zeros(1)], one, np.zeros((1, 1))), 2.0**60
    for off, kept in ((0, True), (2.0**10, True), (2.0**11, False)):
        answer = [(large + off) * one], [np.array([large])]
        assert holds(MLP_GRADIENTS, "outer_product", args, answer, dtype="float64") is kept


def test_a_fault_in_one_layers_bias_is_said_to_be_there():
    under = full(MLP_GRADIENTS, {})

    def candidate(*args):
        dws, dbs = MLP_GRADIENTS.answer(args, under)
        return dws, [dbs[0], *(-b for b in dbs[1:2]), *dbs[2:]]

    report = check(candidate, "mlp_gradients", examples=20)
    assert "but only in the bias gradient of layer 2" in report.diagnosis[0].statement
    assert report.diagnosis[0].complete

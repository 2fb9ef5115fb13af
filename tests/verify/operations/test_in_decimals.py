"""The oracles and the declared operations are two other ways to the same numbers."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from oracles import distillation as distillation_oracle
from oracles import mlp as mlp_oracle

from refcompress.verify.agreement import parts
from refcompress.verify.inputs import float_dtype
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.operations.in_decimals import (
    IN_DECIMALS,
    exact_gradient,
    exact_gradients,
    exact_loss,
    exact_output,
)
from refcompress.verify.vectors import vectors

FLOAT64 = {"dtype": "float64", "check_dtype": False}
EVERY = [
    pytest.param(name, {**OPERATIONS[name].defaults, **settings}, id=f"{name}-{i}")
    for name in IN_DECIMALS
    for i, settings in enumerate([FLOAT64, *(typical | FLOAT64 for typical in OPERATIONS[name].typical)])
]


@pytest.mark.parametrize(("name", "settings"), EVERY)
def test_an_answer_in_decimals_is_within_the_float64_bound_of_the_reference(name, settings):
    exact, op = IN_DECIMALS[name], OPERATIONS[name]
    for vector in vectors(op, settings):
        answers = exact.answer(vector.args, settings), vector.expected, op.bound(vector.args, settings)
        for ours, theirs, bound in zip(*map(parts, answers), strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            with np.errstate(invalid="ignore"):
                assert ((ours == theirs) | (np.abs(ours - theirs) <= bound) | (bound == np.inf)).all(), vector.case


@pytest.mark.parametrize("name", IN_DECIMALS)
def test_a_checked_dtype_is_that_of_the_answer(name):
    op = IN_DECIMALS[name]
    settings = {**op.defaults, "dtype": "float16", "check_dtype": True}
    for vector in itertools.islice(vectors(op, settings), 20):
        floats = {part.dtype for part in parts(vector.expected)}
        assert floats == {np.dtype(np.float64 if name == "distillation_loss" else np.float16)}


def rational(array):
    """Nested lists of fractions."""
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(array).tolist()


def nearest(fractions):
    return np.array(fractions, object).astype(np.float64)


def network(seed, dtype="float64"):
    """Two hidden layers, and some of the sums near 0, for arguments of which no sum is a float64."""
    rng = np.random.default_rng(seed)
    sizes = (3, 4, 3, 2)
    weights = [rng.standard_normal(pair).astype(float_dtype(dtype)) for pair in itertools.pairwise(sizes)]
    biases = [rng.standard_normal(n).astype(float_dtype(dtype)) for n in sizes[1:]]
    return weights, biases, *(rng.standard_normal((3, n)).astype(float_dtype(dtype)) for n in (sizes[0], sizes[-1]))


EACH_ACTIVATION = pytest.mark.parametrize("activation", ["relu", "identity", "tanh"])
EACH_REDUCTION = pytest.mark.parametrize("reduction", ["mean", "sum", "batch_mean"])


@EACH_ACTIVATION
@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_an_output_is_the_float64_nearest_to_the_exact_one(activation, dtype):
    weights, biases, x, _ = network(1, dtype)
    _, sums = mlp_oracle.forward(*([rational(a) for a in of] for of in (weights, biases)), rational(x), activation)
    got = exact_output((weights, biases, x), {"activation": activation})
    assert got.dtype == np.float64
    assert got.tolist() == nearest(sums[-1]).tolist()


@EACH_ACTIVATION
@EACH_REDUCTION
def test_the_gradients_of_a_network_are_the_float64_nearest_to_the_exact_ones(activation, reduction):
    weights, biases, x, target = network(2)
    exact = mlp_oracle.gradients(
        *([rational(a) for a in of] for of in (weights, biases)), rational(x), rational(target), activation, reduction
    )
    got = exact_gradients((weights, biases, x, target), {"activation": activation, "reduction": reduction})
    for layers, right in zip(got, exact, strict=True):
        assert [layer.tolist() for layer in layers] == [nearest(layer).tolist() for layer in right]
        assert {layer.dtype for layer in layers} == {np.dtype(np.float64)}


LOGITS = np.random.default_rng(3).standard_normal((2, 2, 3)) * 3


@EACH_REDUCTION
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(("temperature", "scaled"), [(4, True), (0.7, True), (0.7, False)])
def test_the_distillation_is_the_float64_nearest_to_the_exact_one(reduction, direction, temperature, scaled):
    under = {"reduction": reduction, "direction": direction, "temperature": temperature, "scaled": scaled}
    loss, gradient = distillation_oracle.distillation(*(rational(z) for z in LOGITS), **under)
    assert exact_loss(tuple(LOGITS), under) == float(loss)
    assert exact_gradient(tuple(LOGITS), under).tolist() == nearest(gradient).tolist()


@EACH_REDUCTION
def test_logits_without_a_dimension_of_examples_are_one_example(reduction):
    under = OPERATIONS["distillation_loss"].defaults | {"reduction": reduction}
    row = tuple(LOGITS[:, 1])
    assert exact_loss(row, under) == exact_loss(tuple(LOGITS[:, 1:]), under)
    assert exact_gradient(row, under).tolist() == exact_gradient(tuple(LOGITS[:, 1:]), under)[0].tolist()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_the_sum_over_nothing_is_zero_and_another_mean_an_error(shape):
    under = OPERATIONS["distillation_loss"].defaults | {"reduction": "sum"}
    nothing = np.zeros(shape), np.zeros(shape)
    assert exact_loss(nothing, under).tolist() == 0.0
    assert exact_gradient(nothing, under).shape == shape
    assert exact_gradient(nothing, under).dtype == np.float64
    for answer in (exact_loss, exact_gradient):
        with pytest.raises(ValueError, match=r"^student has shape"):
            answer(nothing, under | {"reduction": "mean"})


def test_a_mean_over_no_examples_of_a_network_is_an_error_that_names_the_target():
    weights, biases, x, target = network(4)
    with pytest.raises(ValueError, match=r"^target has shape"):
        exact_gradients((weights, biases, x[:0], target[:0]), {"activation": "relu", "reduction": "mean"})


@pytest.mark.parametrize(("temperature", "constant"), [(3, 1024.0), (7, 1024.0), (7, 100.0)])
def test_rounding_makes_no_divergence_negative(temperature, constant):
    shifted = LOGITS[0] + constant
    under = OPERATIONS["distillation_loss"].defaults | {"temperature": temperature}
    # the same probabilities, of which the last digits of 50 are not the same
    assert 0 <= exact_loss((shifted - constant, shifted), under) < 1e-45


@pytest.mark.parametrize("z", [1e-40, -1e-40, 1e-30, -3e-29, 2.0**-60, 5e-324])
def test_a_small_tanh_has_all_its_digits(z):
    hidden = [np.ones((1, 1))] * 2, [np.zeros(1)] * 2
    assert exact_output((*hidden, np.array([[z]])), {"activation": "tanh"}) == float(mlp_oracle.tanh(Fraction(z)))


def test_fifty_digits_are_held_and_no_more():
    def sum_with_one(large):
        return float(exact_output(([np.ones((3, 1))], [np.zeros(1)], np.array([[large, 1, -large]])), LINEAR)[0, 0])

    assert 10**49 <= 2**163 < 10**50 <= 2**167 < 10**51
    assert sum_with_one(2.0**163) == 1
    assert sum_with_one(2.0**167) == 0


def test_a_sum_past_the_largest_float64_is_infinite():
    large = [np.full((2, 1), 1e308)], [np.zeros(1)], np.array([[1.0, 1.0], [1.0, -1.0]])
    assert exact_output(large, LINEAR).tolist() == [[np.inf], [0.0]]


LINEAR = {"activation": "identity"}


def test_the_operation_answers_with_the_decimals():
    under = FLOAT64 | {"activation": "tanh", "reduction": "mean"}
    for seed in range(10):  # a sum in float64 is not always the nearest
        args = network(seed)
        assert IN_DECIMALS["mlp_forward"].answer(args[:3], under).tolist() == exact_output(args[:3], under).tolist()
        got, right = IN_DECIMALS["mlp_gradients"].answer(args, under), exact_gradients(args, under)
        assert [part.tolist() for part in parts(got)] == [part.tolist() for part in parts(right)]
        under_both = FLOAT64 | OPERATIONS["distillation_loss"].defaults
        logits = args[2], args[2][::-1]
        assert IN_DECIMALS["distillation_loss"].answer(logits, under_both) == exact_loss(logits, under_both)


@pytest.mark.parametrize("name", [name for name in IN_DECIMALS if name != "distillation_loss"])
def test_the_bound_about_a_checked_dtype_is_the_operation_s_and_how_far_the_cast_is_from_the_decimals(name):
    op = IN_DECIMALS[name]
    plain, checked = ({**op.defaults, "dtype": "float16", "check_dtype": flag} for flag in (False, True))
    for seed in range(10):
        args = tuple(LOGITS.astype(np.float16)) if name == "distillation_gradient" else network(seed, "float16")
        args = args[: len(op.inputs)]
        own, bounds = OPERATIONS[name].bound(args, plain), op.bound(args, checked)
        for of in zip(*map(parts, (own, bounds, op.answer(args, plain), op.answer(args, checked))), strict=True):
            without, bound, answer, cast = of
            assert cast.dtype == np.float16
            assert bound.tolist() == (without + np.abs(answer - cast.astype(np.float64))).tolist()
        assert [b.tolist() for b in parts(op.bound(args, plain))] == [b.tolist() for b in parts(own)]


def test_logits_whose_exponentials_are_past_the_decimals_are_taken_from_the_largest_of_their_row():
    under = OPERATIONS["distillation_loss"].defaults | {"temperature": 1}
    far = LOGITS + np.array([[1e9], [-1e9]])
    near = far - np.array([[1e9], [-1e9]])  # what is left of the logits, exactly
    assert exact_loss(tuple(far), under) == exact_loss(tuple(near), under)
    assert exact_gradient(tuple(far), under).tolist() == exact_gradient(tuple(near), under).tolist()


def test_cancellation_costs_no_digit():
    w, b, x = [np.array([[1.0], [1.0], [1.0]])], [np.zeros(1)], np.array([[2.0**30, 2.0**-30, -(2.0**30)]])
    assert exact_output((w, b, x), {"activation": "relu"}).tolist() == [[2.0**-30]]


def test_logits_that_differ_in_their_last_bit_have_a_divergence():
    settings = OPERATIONS["distillation_loss"].defaults | {"temperature": 1.0}
    s, t = np.array([[0.0, 1.0]]), np.array([[0.0, 1 + 2.0**-52]])
    p = 1 / (1 + np.exp(-1.0))
    # to second order in d it is p (1 - p) d^2 / 2, and p (1 - p) d is the gradient
    assert exact_loss((s, t), settings) == pytest.approx(p * (1 - p) * 2.0**-104 / 2, rel=1e-14, abs=0)
    gradient = exact_gradient((s, t), settings)
    np.testing.assert_allclose(gradient, [[p * (1 - p) * 2.0**-52, -p * (1 - p) * 2.0**-52]], rtol=1e-14)

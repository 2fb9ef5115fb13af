from fractions import Fraction
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import MLP, initialize, mlp_forward
from refcompress.mlp.network import hidden_features
from refcompress.neuron_pruning import dead_neurons, neuron_norms, prune_neurons, remove_neurons


def exactly(a):
    exact = np.empty(a.shape, object)
    for index, value in np.ndenumerate(a):
        exact[index] = Fraction(float(value))
    return exact


def run(model, x):
    return mlp_forward(model.weights, model.biases, x, activation=model.activation)


def alive(model, x=None):
    return [~dead for dead in dead_neurons(model, x)]


@st.composite
def networks(draw):
    """Networks of small integers, whose sums are exact in float64; the first neuron of every layer is alive."""
    sizes = [draw(st.integers(1, 4)) for _ in range(draw(st.integers(2, 4)))]
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    weights = [rng.integers(-3, 4, pair).astype(float) for pair in pairwise(sizes)]
    biases = [rng.integers(-3, 4, n).astype(float) for n in sizes[1:]]
    for i in range(len(weights) - 1):
        weights[i][:, 1:] *= rng.integers(0, 2, sizes[i + 1] - 1)
        weights[i + 1][1:] *= rng.integers(0, 2, (sizes[i + 1] - 1, 1))
    for w in weights:
        w[0, 0] = 1.0
    x = rng.integers(-4, 5, (6, sizes[0])).astype(float)
    return MLP(weights, biases, draw(st.sampled_from(["relu", "identity"]))), x


@given(networks(), st.booleans(), st.booleans())
def test_dead_are_those_that_nothing_enters_or_leaves_and_those_that_no_row_wakes(network, with_x, exact):
    model, x = network
    if exact:
        model, x = (
            MLP([exactly(w) for w in model.weights], [exactly(b) for b in model.biases], model.activation),
            exactly(x),
        )
    features = hidden_features(model, x)
    for i, dead in enumerate(dead_neurons(model, x if with_x else None)):
        assert dead.dtype == bool
        for j, found in enumerate(dead.tolist()):
            parts = [model.weights[i][:, j], model.weights[i + 1][j], *([features[i][:, j]] if with_x else [])]
            assert found == any(not any(part.tolist()) for part in parts)


def test_a_neuron_that_no_row_wakes_is_dead_beside_one_that_some_row_does():
    model = MLP([np.ones((1, 3)), np.ones((3, 1))], [np.array([0.0, -9.0, 0.0]), np.zeros(1)])
    assert dead_neurons(model, [[-1.0], [2.0]])[0].tolist() == [False, True, False]


@given(networks())
def test_without_its_dead_neurons_a_network_of_exact_sums_is_the_same_to_the_bit(network):
    model, x = network
    smaller = remove_neurons(model, alive(model))
    assert (run(smaller, x) + 0.0).tobytes() == (run(model, x) + 0.0).tobytes()  # a sum of nothing is +0


@given(networks())
def test_without_its_dead_neurons_a_network_of_fractions_is_the_same(network):
    model, x = network
    exact = MLP([exactly(w) / 3 for w in model.weights], [exactly(b) / 7 for b in model.biases], model.activation)
    smaller = remove_neurons(exact, alive(exact))
    assert np.array_equal(run(smaller, exactly(x)), run(exact, exactly(x)))


@given(networks())
def test_neurons_that_were_never_active_are_not_missed_on_these_inputs(network):
    model, x = network
    keep = alive(model, x)
    for mask in keep:
        mask[0] = True
    smaller = remove_neurons(model, keep)
    assert (run(smaller, x) + 0.0).tobytes() == (run(model, x) + 0.0).tobytes()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_neurons_that_nothing_hears_are_not_missed_whatever_the_activation(activation):
    first = np.array([[1.0, 2.0], [-1.0, 0.5], [0.25, 1.0]])
    model = MLP([first, np.array([[1.0], [0.0]])], [np.ones(2), np.zeros(1)], activation)
    x = np.random.default_rng(0).integers(-4, 5, (9, 3))
    smaller = remove_neurons(model, alive(model))
    assert smaller.sizes == (3, 1, 1)
    assert run(smaller, x).tobytes() == run(model, x).tobytes()  # exact sums, then a product with 1


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_a_constant_goes_into_the_next_bias(activation):
    w, b = (np.array([[1.0, 0.0]]), np.array([[0.0], [4.0]])), (np.array([0.0, 0.0]), np.array([0.5]))
    smaller = remove_neurons(MLP(w, b, activation), [[True, False]])
    assert smaller.biases[1].tolist() == [2.5 if activation == "sigmoid" else 0.5]


def test_the_arrays_shrink_and_keep_their_dtypes():
    model = initialize((6, 5, 4, 3), dtype=np.float32)
    smaller = remove_neurons(model, [[True, False, True, True, False], [False, True, True, False]])
    assert smaller.sizes == (6, 3, 2, 3)
    assert smaller.parameter_count == 6 * 3 + 3 + 3 * 2 + 2 + 2 * 3 + 3
    assert {a.dtype for a in (*smaller.weights, *smaller.biases)} == {np.dtype(np.float32)}
    assert np.array_equal(smaller.weights[1], model.weights[1][np.ix_([0, 2, 3], [1, 2])])


@given(st.integers(0, 20), st.sampled_from([0.0, 0.25, 0.5]), st.sampled_from(["incoming", "outgoing", "both"]))
def test_those_of_largest_norm_stay(seed, sparsity, side):
    model = initialize((3, 8, 4, 2), seed=seed)
    smaller = prune_neurons(model, sparsity, side=side)
    assert smaller.sizes == (3, round(8 * (1 - sparsity)), round(4 * (1 - sparsity)), 2)
    first = neuron_norms(model, side=side)[0]
    largest = np.sort(np.argsort(-first)[: smaller.sizes[1]])
    assert np.array_equal(smaller.weights[0], model.weights[0][:, largest])


def test_over_the_model_the_layers_are_compared_with_each_other():
    model = MLP([np.ones((1, 2)), np.full((2, 2), 9.0), np.ones((2, 1))], [np.zeros(2), np.zeros(2), np.zeros(1)])
    with pytest.raises(ValueError, match=r"sparsity is 0.5: hidden layer 1 keeps nothing"):
        prune_neurons(model, 0.5, scope="model")
    assert prune_neurons(model, 0.25, scope="model").sizes == (1, 2, 1, 1)


def test_the_product_of_both_norms_does_not_see_how_they_are_shared():
    w = [np.array([[3.0, 6.0], [4.0, 8.0]]), np.array([[2.0], [1.0]])]
    assert neuron_norms(MLP(w, [np.zeros(2), np.zeros(1)]), side="both")[0].tolist() == [10.0, 10.0]


def test_a_folded_bias_is_rounded_once():
    # 1 + 2^-8 is a tie of bfloat16, and 2^-30 above it is lost in a float32
    bfloat16 = ml_dtypes.bfloat16
    weights = [np.zeros((1, 3), bfloat16), np.array([[1.0], [2.0**-30], [1.0]], bfloat16)]
    model = MLP(weights, [np.array([2.0**-8, 1.0, 1.0], bfloat16), np.ones(1, bfloat16)])
    smaller = remove_neurons(model, [[False, False, True]])
    assert (smaller.biases[1].dtype, smaller.biases[1].item()) == (bfloat16, 1 + 2.0**-7)


def test_a_product_of_norms_past_either_end_of_the_floats_does_not_signal():
    w = [np.array([[1e200, 1e-200]]), np.array([[1e200], [1e-200]])]
    with np.errstate(all="raise"):
        assert neuron_norms(MLP(w, [np.zeros(2), np.zeros(1)]), side="both")[0].tolist() == [np.inf, 0.0]


def test_a_bias_into_which_nothing_is_folded_is_the_same_to_the_bit_and_each_keeps_its_dtype():
    dtypes = (np.float16, np.float64, np.float32)
    weights = [np.ones((2, 2), d) for d in dtypes]
    weights[1][:, 1] = 0
    biases = [np.array([-0.0, 1.5], d) for d in dtypes]
    smaller = remove_neurons(MLP(weights, biases), [[True, False], [True, False]])
    assert [b.dtype for b in smaller.biases] == [w.dtype for w in smaller.weights] == list(dtypes)
    assert [b.tolist() for b in smaller.biases] == [[0.0], [0.0], [1.5, 3.0]]
    assert np.signbit(smaller.biases[0]).tolist() == np.signbit(smaller.biases[1]).tolist() == [True]


@pytest.mark.parametrize(("ties", "stays"), [("lowest_index", 1.0), ("highest_index", -1.0)])
def test_of_equal_norms_the_one_that_was_asked_for_stays(ties, stays):
    model = MLP([np.array([[1.0, -1.0]]), np.ones((2, 1))], [np.zeros(2), np.zeros(1)])
    assert prune_neurons(model, 0.5, ties=ties).weights[0].tolist() == [[stays]]


@pytest.mark.parametrize("power", [-1074, -1000, -600, 0, 600, 1020])
def test_no_norm_overflows_or_vanishes_that_float64_holds(power):
    size = 2.0**power
    first, last = np.array([[3.0, 0.0], [4.0, 1.0]]) * size, np.array([[2.0], [1.0]])
    model = MLP([first, last], [np.zeros(2), np.zeros(1)])
    with np.errstate(all="raise"):
        assert neuron_norms(model, side="incoming")[0].tolist() == [5 * size, size]
        assert neuron_norms(model, side="both")[0].tolist() == [10 * size, size]
    upside_down = MLP([last.T, first.T], [np.zeros(2), np.zeros(2)])
    assert neuron_norms(upside_down)[0].tolist() == [5 * size, size]


def test_a_network_without_hidden_layers_has_no_neurons_to_remove():
    model = initialize((3, 2))
    assert neuron_norms(model) == dead_neurons(model) == ()
    assert remove_neurons(model, []).sizes == (3, 2)


MODEL = initialize((2, 3, 1))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: remove_neurons(MODEL, []), ValueError, "keep has 0 masks: the model has 1 hidden layers"),
        (lambda: remove_neurons(MODEL, [[True]]), ValueError, r"keep\[0\] has shape \(1,\): the layer has 3 neurons"),
        (lambda: remove_neurons(MODEL, [[1, 0, 1]]), TypeError, r"keep\[0\] has dtype int64: it must hold booleans"),
        (lambda: remove_neurons(MODEL, [[False] * 3]), ValueError, r"keep\[0\] keeps nothing"),
        (lambda: neuron_norms(MODEL, side="left"), ValueError, "side is 'left': it must be one of incoming"),
        (lambda: prune_neurons(MODEL, 0.5, scope="output"), ValueError, "scope is 'output'"),
        (lambda: prune_neurons(MODEL, 1.5), ValueError, "sparsity is 1.5"),
        (lambda: dead_neurons(MODEL, np.zeros((0, 2))), ValueError, "x has no rows"),
        (lambda: dead_neurons(MODEL, [[1.0]]), ValueError, "x has shape"),
    ],
)
def test_bad_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

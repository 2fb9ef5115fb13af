import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.requantize import requantized

from refcompress.datasets import load_digits, split
from refcompress.integer_network import IntegerLayer, IntegerNetwork, quantize_network
from refcompress.mlp.network import MLP, initialize, mlp_forward
from refcompress.mlp.optimizers import Adam
from refcompress.mlp.training import classification, train
from refcompress.quantization.integer import INT32_MAX
from refcompress.quantization.requantize import REQUANTIZE_WORDS

UNIT = {"multiplier": 2**30, "shift": 1}  # the factor 1


@st.composite
def layers(draw):
    """A layer of any settings, and codes for it."""
    signed = draw(st.booleans())
    low = -128 if signed else 0
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    code = st.integers(low, low + 255)
    layer = IntegerLayer(
        draw(hnp.arrays(np.int8, shape)),
        draw(hnp.arrays(np.int32, shape[1], elements=st.integers(-100_000, 100_000))),
        draw(st.integers(2**30, 2**31 - 1)),
        draw(st.integers(-14, 2)),
        input_zero_point=draw(code),
        weight_zero_point=draw(st.integers(-128, 127)),
        output_zero_point=draw(code),
        relu=draw(st.booleans()),
        signed=signed,
        rounding=draw(st.sampled_from(REQUANTIZE_WORDS)),
    )
    codes = draw(hnp.arrays(np.int8 if signed else np.uint8, (draw(st.integers(0, 3)), shape[0])))
    return layer, codes


def sums_by_hand(layer, codes):
    w = layer.weights.tolist()
    return [
        [
            sum((a - layer.input_zero_point) * (w[i][j] - layer.weight_zero_point) for i, a in enumerate(row)) + b
            for j, b in enumerate(layer.bias.tolist())
        ]
        for row in codes.tolist()
    ]


@given(case=layers())
def test_a_layer_sums_exactly_and_requantizes_once(case):
    layer, codes = case
    sums = sums_by_hand(layer, codes)
    assert layer.accumulate(codes).tolist() == sums
    z = layer.output_zero_point
    expected = [
        [requantized(a, layer.multiplier, layer.shift, z, 8, layer.signed, layer.rounding) for a in row] for row in sums
    ]
    expected = [[max(q, z) for q in row] if layer.relu else row for row in expected]
    assert layer.outputs(codes).tolist() == expected


@given(case=layers())
def test_no_sum_passes_the_largest_that_is_foretold(case):
    layer, codes = case
    assert all(abs(a) <= layer.largest_sum for row in sums_by_hand(layer, codes) for a in row)


def test_the_largest_sum_is_reached():
    layer = IntegerLayer(np.array([[127], [-127]]), np.array([5]), **UNIT)
    assert layer.largest_sum == 2 * 128 * 127 + 5
    assert int(layer.accumulate([[-128, 127]])[0, 0]) == -128 * 127 - 127 * 127 + 5


@pytest.mark.parametrize(("inputs", "fits"), [(516, True), (517, False)])
def test_codes_of_16_bits_are_refused_where_their_sum_could_pass_int32(inputs, fits):
    weights = np.full((inputs, 1), 127, np.int16)
    settings = {"bits": 16, "input_zero_point": 0, **UNIT}
    if fits:
        layer = IntegerLayer(weights, np.zeros(1, int), **settings)
        assert int(layer.accumulate(np.full((1, inputs), 32767))[0, 0]) == 516 * 127 * 32767
    else:
        with pytest.raises(
            ValueError, match=r"a sum could reach 2,151,514,112, past int32 \(2,147,483,647\): 517 inputs"
        ):
            IntegerLayer(weights, np.zeros(1, int), **settings)


def test_the_bias_counts_in_units_of_the_accumulator():
    # s_x s_w = 0.01: acc = 100 and a bias of 0.1, which is 10 units, give 1.10 in steps of 0.01
    model = MLP((np.array([[1.0]]),), (np.array([0.1]),))
    network = quantize_network(model, [[0.0], [1.0]])
    assert abs(float(network.outputs([[1.0]])[0, 0]) - 1.1) <= network.output_scale
    weight_scale, input_scale = np.float32(1 / 127), np.float32(1 / 255)
    assert network.layers[0].bias.tolist() == [round(0.1 / (float(weight_scale) * float(input_scale)))]


def test_relu_clamps_at_the_zero_point():
    layer = IntegerLayer(np.eye(3, dtype=int), np.zeros(3, int), output_zero_point=-5, relu=True, **UNIT)
    assert layer.outputs([[-10, 0, 10]]).tolist() == [[-5, -5, 5]]


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    numbers = st.floats(-3, 3, width=32)
    weights = tuple(draw(hnp.arrays(np.float64, shape, elements=numbers)) for shape in itertools.pairwise(sizes))
    biases = tuple(draw(hnp.arrays(np.float64, w.shape[1], elements=numbers)) for w in weights)
    return MLP(weights, biases), draw(hnp.arrays(np.float64, (4, sizes[0]), elements=numbers))


def built(model, x, **settings):
    """The network, or None where the scales of its layers are further apart than a shift or int32 reaches."""
    try:
        return quantize_network(model, x, **settings)
    except ValueError as error:
        if "real is" in str(error) or "past int32" in str(error):
            return None
        raise


def error_bound(model, network, x):
    """How far one output can be from the model's: the roundings of each layer, carried to the end by its weights.

    Input codes and requantized codes are off by at most 1 step (half a step, and as much where the rounded zero point
    cuts an end of the range off), weights by half a step of theirs, biases by half a unit; the factor of 31 bits moves
    an output of at most 2 * 128 steps by less than a thousandth of one.
    """
    scale = network.input_scale
    error, size = np.full(x.shape, scale), np.abs(x)
    for number, layer in enumerate(network.layers):
        w = np.abs(model.weights[number])
        s_w = max(float(w.max()) / 127, 2.0**-149) if w.max() else 1.0
        error = error @ (w + s_w / 2) + size.sum(axis=1, keepdims=True) * s_w / 2 + scale * s_w / 2
        size = size @ w + np.abs(model.biases[number])
        factor = layer.multiplier * 2.0 ** (layer.shift - 31)
        scale = scale * s_w / factor
        error = error + 1.001 * scale
    return error * 1.001  # and the scales are float32


@given(case=networks())
def test_outputs_are_as_close_to_the_model_as_its_roundings_allow(case):
    model, x = case
    network = built(model, x)
    assume(network is not None)
    exact = mlp_forward(model.weights, model.biases, x)
    assert (np.abs(network.outputs(x) - exact) <= error_bound(model, network, x)).all()


@given(case=networks(), rounding=st.sampled_from(REQUANTIZE_WORDS), signed=st.booleans())
def test_every_rounding_word_and_both_signs_build_a_network(case, rounding, signed):
    model, x = case
    network = built(model, x, rounding=rounding, signed=signed)
    assume(network is not None)
    low = -128 if signed else 0
    codes = network.run(np.full((2, model.sizes[0]), low + 3))
    assert codes.dtype == (np.int8 if signed else np.uint8)


def test_a_float32_factor_is_kept_exactly():
    network = quantize_network(initialize((5, 4, 3), seed=0), np.eye(5), factor_dtype="float32")
    assert all(layer.multiplier % 2**7 == 0 for layer in network.layers)


@pytest.mark.parametrize(("sign", "fits"), [(1, True), (-1, True), (1, False), (-1, False)])
def test_a_bias_that_int32_does_not_hold_is_refused_where_no_weight_adds_to_it(sign, fits):
    # x reaches 255 and the weights 127: both steps are 1, so that a bias is its own code
    bias = sign * (INT32_MAX + (0 if fits else 1))
    model, x = MLP((np.array([[127.0, 0.0]]),), (np.array([0.0, bias]),)), [[255.0]]
    if fits:
        assert quantize_network(model, x).layers[0].bias.tolist() == [0, bias]
        return
    with pytest.raises(
        ValueError, match=rf"model.biases\[0\]\[1\] is {bias}.0: in units of s_x s_w = 1.0 it is past int32"
    ):
        quantize_network(model, x)


@pytest.mark.parametrize("rounding", ["half_up", "double", "gemmlowp", "float"])
def test_the_digits_lose_at_most_a_point_on_integers(rounding):
    training, test = split(load_digits(), seed=0)
    start, objective = initialize((64, 32, 10), seed=0), classification(training.y)
    model = train(start, training.x, objective, optimizer=Adam(0.01), epochs=15).model
    network = quantize_network(model, training.x, rounding=rounding)
    before = np.argmax(mlp_forward(model.weights, model.biases, test.x), axis=1) == test.y
    after = np.argmax(network.outputs(test.x), axis=1) == test.y
    assert before.mean() > 0.93
    assert after.mean() >= before.mean() - 0.01


def layer(**changed):
    fields = {"weights": np.ones((2, 3), int), "bias": np.zeros(3, int), **UNIT, **changed}
    return IntegerLayer(**fields)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layer(bias=np.zeros(2, int)), ValueError, r"weights have shape \(2, 3\), bias has shape \(2,\)"),
        (lambda: layer(weights=np.ones(3, int)), ValueError, r"weights have shape \(3,\)"),
        (
            lambda: layer(weights=np.full((2, 3), 128)),
            ValueError,
            r"weights\[0, 0\] is 128: it must be from -128 to 127",
        ),
        (lambda: layer(bias=np.array([0, 2**31, 0])), ValueError, r"bias\[1\] is 2147483648: it must be from"),
        (lambda: layer(bias=np.array([0, INT32_MAX, 0])), ValueError, "a sum could reach 2,147,483,903, past int32"),
        (lambda: layer(weights=np.ones((2, 3))), TypeError, "weights has dtype float64: it must hold integers"),
        (lambda: layer(multiplier=1), ValueError, "multiplier is 1: it must be from"),
        (lambda: layer(shift=40), ValueError, "shift is 40"),
        (lambda: layer(input_zero_point=128), ValueError, "input_zero_point is 128: it must be from -128 to 127"),
        (lambda: layer(output_zero_point=-1, signed=False), ValueError, "output_zero_point is -1: it must be from 0"),
        (lambda: layer(weight_zero_point=200), ValueError, "weight_zero_point is 200"),
        (lambda: layer(rounding="up"), ValueError, "rounding is 'up': it must be one of half_up"),
        (lambda: layer(bits=32), ValueError, "bits is 32: it must be from 2 to 16"),
        (lambda: layer(relu="yes"), TypeError, "relu is 'yes': it must be True or False"),
        (lambda: layer().outputs([[1, 2, 3]]), ValueError, r"codes has shape \(1, 3\): the layer takes \(n, 2\)"),
        (lambda: layer().outputs([[1, 200]]), ValueError, r"codes\[0, 1\] is 200: it must be from -128 to 127"),
        (lambda: layer().outputs([[0.5, 1.0]]), TypeError, "codes has dtype float64: it must hold integers"),
        (lambda: IntegerNetwork((), 1.0, 1.0), ValueError, "layers is empty: a network has at least one"),
        (
            lambda: IntegerNetwork((layer(), layer()), 1.0, 1.0),
            ValueError,
            r"layers\[1\] takes 2 inputs: the one before has 3",
        ),
        (
            lambda: IntegerNetwork((layer(output_zero_point=1), layer(weights=np.ones((3, 3), int))), 1.0, 1.0),
            ValueError,
            r"layers\[1\] reads its input in another format than the one before writes it",
        ),
        (lambda: IntegerNetwork((layer(),), 0.0, 1.0), ValueError, "input_scale is 0.0: it must be above 0"),
        (
            lambda: quantize_network(MLP((np.eye(2),), (np.zeros(2),), "tanh"), np.eye(2)),
            ValueError,
            "activation is 'tanh': it must be one of relu, identity",
        ),
        (
            lambda: quantize_network(initialize((2, 2), seed=0), np.eye(2), factor_dtype="float16"),
            ValueError,
            "factor_dtype is 'float16': it must be one of float64, float32",
        ),
        *(
            (
                lambda bits=bits: quantize_network(initialize((2, 2), seed=0), np.eye(2), bits=bits),
                ValueError,
                f"^bits is {bits}: it must be from 2 to 16",
            )
            for bits in (1, 17)
        ),
    ],
)
def test_bad_calls_are_refused_with_a_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()

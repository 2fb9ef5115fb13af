import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.fixed_point import best_fraction_bits, quantized

from refcompress.mlp.network import MLP, initialize, mlp_forward
from refcompress.quantized_model import ActivationFormat, Codes, QuantizedMLP, quantize_model

FINE = ActivationFormat(4, 16, True)


def codes(values, p, dtype=np.int8):
    return Codes(np.array(values, dtype), p)


ANY_FORMAT = st.builds(ActivationFormat, st.integers(-2, 6), st.integers(4, 8), st.just(True))


@st.composite
def models(draw, formats=ANY_FORMAT):
    """Small quantized models of any shape, and inputs for them."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    layers = list(itertools.pairwise(sizes))
    inputs = tuple(draw(formats) for _ in layers)
    weights = tuple(Codes(draw(hnp.arrays(np.int8, shape)), draw(st.integers(0, 8))) for shape in layers)
    biases = tuple(
        Codes(draw(hnp.arrays(np.int8, shape[1])), form.p + w.p - draw(st.integers(0, 6)))
        for shape, form, w in zip(layers, inputs, weights, strict=True)
    )
    activation = draw(st.sampled_from(["relu", "identity"]))
    x = draw(hnp.arrays(np.float64, (draw(st.integers(1, 3)), sizes[0]), elements=st.floats(-20, 20)))
    return QuantizedMLP(weights, biases, inputs, 8, activation), x


def by_fractions(model, x):
    """The same inference on rationals: every activation is brought to its format, nothing else is rounded."""
    values = [[Fraction(v) for v in row] for row in x.tolist()]
    for number, (w, b, form) in enumerate(zip(model.weights, model.biases, model.formats, strict=True)):
        if number and model.activation == "relu":
            values = [[max(v, Fraction(0)) for v in row] for row in values]
        step = Fraction(2) ** form.p
        values = [[Fraction(quantized(v, form.p, form.bits, form.signed)) / step for v in row] for row in values]
        matrix = [[Fraction(int(c)) / Fraction(2) ** w.p for c in row] for row in w.values]
        offset = [Fraction(int(c)) / Fraction(2) ** b.p for c in b.values]
        values = [
            [sum((v * matrix[i][j] for i, v in enumerate(row)), offset[j]) for j in range(len(offset))]
            for row in values
        ]
    return values


@given(case=models())
def test_inference_on_integers_rounds_the_activations_and_nothing_else(case):
    model, x = case
    assert [[Fraction(v) for v in row] for row in model.outputs(x).tolist()] == by_fractions(model, x)


@given(case=models(st.just(ActivationFormat(8, 12, True))), data=st.data())
def test_one_layer_equals_the_dequantized_float64_model_to_the_bit_when_the_inputs_are_codes(case, data):
    model, x = case
    model = QuantizedMLP(model.weights[:1], model.biases[:1], model.formats[:1], 8, model.activation)
    x = data.draw(hnp.arrays(np.int16, (3, model.sizes[0]), elements=st.integers(-2048, 2047))) / 2.0**8
    plain = model.dequantized()
    expected = mlp_forward(plain.weights, plain.biases, x, activation=plain.activation)
    assert model.outputs(x).tobytes() == (expected + 0.0).tobytes()


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_two_layers_equal_the_dequantized_float64_model_to_the_bit_where_no_activation_is_rounded(activation):
    generator = np.random.default_rng(0)
    weights = tuple(codes(generator.integers(-8, 8, shape), 3) for shape in [(5, 4), (4, 3)])
    biases = tuple(codes(generator.integers(-8, 8, n), 2) for n in (4, 3))
    # the hidden format has the accumulator's own binary point and room for its largest sum
    model = QuantizedMLP(weights, biases, (ActivationFormat(2, 6, True), ActivationFormat(5, 14, True)), 8, activation)
    x = generator.integers(-32, 32, (50, 5)) / 4.0
    plain = model.dequantized()
    expected = mlp_forward(plain.weights, plain.biases, x, activation=activation)
    assert model.outputs(x).tobytes() == (expected + 0.0).tobytes()
    assert len(np.unique(expected)) > 20


@given(seed=st.integers(0, 1000), bits=st.integers(2, 12))
def test_every_array_is_quantized_with_the_largest_p_at_which_none_saturates(seed, bits):
    model = initialize((3, 4, 2), seed=seed)
    x = np.random.default_rng(seed).normal(size=(6, 3))
    result = quantize_model(model, x, bits=bits)
    for own, codes_ in zip(model.weights, result.weights, strict=True):
        assert codes_.p == best_fraction_bits(own.reshape(-1).tolist(), bits, True)
        assert codes_.values.reshape(-1).tolist() == [quantized(v, codes_.p, bits) for v in own.reshape(-1).tolist()]


def test_one_p_for_all_parameters_saturates_what_does_not_fit():
    model = MLP((np.array([[0.5, 3.0]]),), (np.array([0.25, -9.0]),))
    result = quantize_model(model, [[1.0]], bits=4, p=2)
    assert result.weights[0].values.tolist() == [[2, 7]]
    assert result.biases[0].values.tolist() == [1, -8]


def test_the_model_is_not_changed():
    model = initialize((3, 4, 2), seed=1)
    before = [w.tobytes() for w in (*model.weights, *model.biases)]
    quantize_model(model, np.ones((2, 3)), bits=8)
    assert [w.tobytes() for w in (*model.weights, *model.biases)] == before


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: QuantizedMLP((), (), (), 8), "there are 0 weights, 0 biases and 0 formats"),
        (
            lambda: QuantizedMLP((codes([[1, 2]], 0),), (codes([1], 0),), (FINE,), 8),
            r"layer 0 has weights of shape \(1, 2\) and biases of shape \(1,\)",
        ),
        (
            lambda: QuantizedMLP(
                (codes([[1]], 0), codes([[1], [2]], 0)), (codes([1], 0), codes([1], 0)), (FINE, FINE), 8
            ),
            r"weights\[1\] has shape \(2, 1\): the layer before has 1 outputs",
        ),
        (
            lambda: QuantizedMLP((codes([[8]], 0),), (codes([1], 0),), (FINE,), 4),
            r"weights\[0\]\[0, 0\] is 8: 4 bits hold -8 to 7",
        ),
        (
            lambda: QuantizedMLP((codes([[1]], 0),), (codes([1], 5),), (FINE,), 8),
            r"biases\[0\] has p = 5: the accumulator has 4",
        ),
        *(
            (
                lambda p=p: QuantizedMLP((codes([[1]], p),), (codes([1], 0),), (FINE,), 8),
                rf"biases\[0\] has p = 0: the accumulator has {p + 4}, so that the largest bias, .* is past int32",
            )
            for p in (28, 10**12, 10**30)
        ),
        (
            lambda: QuantizedMLP(
                (Codes(np.ones((600, 1), np.int16), 0),), (codes([1], 0),), (ActivationFormat(0, 16, True),), 16
            ),
            r"layer 0 could sum to 644,245,.*past int32",
        ),
        (
            lambda: QuantizedMLP((codes([[1]], 0),), (codes([1], 0),), (FINE,), 8, "tanh"),
            "activation is 'tanh': it must be one of relu, identity",
        ),
    ],
)
def test_a_model_that_integers_cannot_run_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("values", [[[0.5]], [[True]], [[1.0]], [["1"]], [[1j]]])
def test_codes_that_are_no_integers_are_refused(values):
    with pytest.raises(TypeError, match=r"values has dtype .*: it must hold integers"):
        Codes(np.array(values), 0)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Codes([[1]], 0.5), TypeError, "p is 0.5"),
        (lambda: ActivationFormat(0.5, 8, True), TypeError, "p is 0.5"),
        (lambda: ActivationFormat(0, 99, True), ValueError, "bits is 99: it must be from 2 to 32"),
        (lambda: ActivationFormat(0, 8, 1), TypeError, "signed is 1: it must be True or False"),
    ],
)
def test_a_bad_number_of_a_format_is_named(build, error, message):
    with pytest.raises(error, match=message):
        build()


@pytest.mark.parametrize("number", [int, np.int8, np.int64])
def test_numbers_of_any_integer_type_give_the_same_model(number):
    # the accumulator has 64 + 64 fraction bits, which an int8 does not hold
    form = ActivationFormat(number(64), number(8), True)
    model = QuantizedMLP((Codes([[3]], number(64)),), (Codes([5], number(120)),), (form,), number(8))
    assert model.shift(0) == 8
    assert model.accumulate([[2.0**-64]]).tolist() == [[3 + 5 * 2**8]]

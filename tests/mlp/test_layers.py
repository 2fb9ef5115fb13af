from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import mlp as oracle

from refcompress.mlp.layers import (
    ACTIVATIONS,
    EXACT_ACTIVATIONS,
    linear,
    linear_backward,
    linear_backward_parameters,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)

FEW = settings(max_examples=40)  # fractions are slow, and one example has many elements
U = Fraction(1, 2**53)
TINY = Fraction(1, 2**1074)
SMOOTH = {
    "tanh": (tanh, tanh_backward, oracle.tanh, oracle.tanh_slope),
    "sigmoid": (sigmoid, sigmoid_backward, oracle.sigmoid, oracle.sigmoid_slope),
}
VALUES = st.floats(-760, 760) | st.floats(-2, 2)


def fractions(shape):
    size = int(np.prod(shape))
    numbers = st.lists(st.integers(-9, 9), min_size=size, max_size=size)
    return numbers.map(lambda values: np.array([Fraction(v, 6) for v in values], object).reshape(shape))


def shaped():
    return st.tuples(*[st.integers(1, 3)] * 3).flatmap(
        lambda s: st.tuples(fractions(s[:2]), fractions(s[1:]), fractions(s[2:]), fractions((s[0], s[2])))
    )


@FEW
@given(shaped())
def test_linear_backward_is_the_exact_derivative_of_linear(arrays):
    x, w, b, dy = arrays
    gradients = linear_backward(dy, x, w)
    for moved, gradient in enumerate(gradients):
        assert gradient.shape == arrays[moved].shape
        for index in np.ndindex(gradient.shape):
            ends = []
            for step in (1, -1):  # linear in each element, so that any step will do
                args = [a.copy() for a in (x, w, b)]
                args[moved][index] += step
                ends.append((dy * linear(*args)).sum())
            assert gradient[index] == (ends[0] - ends[1]) / 2


@FEW
@given(shaped(), st.integers(-3, 3))
def test_linear_backward_is_linear_in_the_upstream(arrays, factor):
    x, w, _, dy = arrays
    other = dy[::-1] + 1
    for mixed, first, second in zip(
        linear_backward(dy * factor + other, x, w),
        linear_backward(dy, x, w),
        linear_backward(other, x, w),
        strict=True,
    ):
        assert (mixed == first * factor + second).all()


@FEW
@given(shaped())
def test_linear_commutes_with_a_permutation_of_the_examples(arrays):
    x, w, b, dy = arrays
    dx, dw, db = linear_backward(dy, x, w)
    dx_reversed, dw_reversed, db_reversed = linear_backward(dy[::-1], x[::-1], w)
    assert (linear(x[::-1], w, b) == linear(x, w, b)[::-1]).all()
    assert (dx_reversed == dx[::-1]).all()
    assert (dw_reversed == dw).all()
    assert (db_reversed == db).all()


def test_every_output_has_a_bias_gradient_of_its_own():
    _, _, db = linear_backward(np.array([[0.25, 0.5, -0.75], [1.0, 2.0, 4.0]]), np.ones((2, 1)), np.ones((1, 3)))
    assert db.tolist() == [1.25, 2.5, 3.25]


def test_the_gradients_of_the_parameters_are_written_where_they_are_wanted():
    dy, x = np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(2, 2)
    memory = np.full(9, np.nan)
    dw, db = linear_backward_parameters(dy, x, memory[:6].reshape(2, 3), memory[6:])
    assert np.shares_memory(dw, memory)
    assert np.shares_memory(db, memory)
    assert memory.tolist() == [*(x.T @ dy).ravel().tolist(), *dy.sum(axis=0).tolist()]


def test_no_examples_give_zero_gradients():
    dx, dw, db = linear_backward(np.zeros((0, 3)), np.zeros((0, 2)), np.ones((2, 3)))
    assert dx.shape == (0, 2)
    assert not dw.any()
    assert not db.any()


@FEW
@given(st.lists(st.fractions(-3, 3, max_denominator=9), min_size=1, max_size=9))
def test_relu_and_its_derivative_are_exact_on_fractions(values):
    z = np.array(values, object)
    dh = np.array([Fraction(i + 1, 7) for i in range(len(values))], object)
    assert relu(z).tolist() == [max(v, 0) for v in values]
    assert relu_backward(dh, z).tolist() == [d if v > 0 else 0 for d, v in zip(dh, values, strict=True)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_relu_at_zero_of_either_sign_is_zero(dtype):
    z = np.array([0.0, -0.0, np.finfo(dtype).smallest_subnormal, -np.finfo(dtype).smallest_subnormal], dtype)
    assert relu_backward(np.full(4, 3, dtype), z).tolist() == [0, 0, 3, 0]


def test_identity_gives_what_it_is_given():
    forward, backward = ACTIVATIONS["identity"]
    z, dh = np.array([-1.0, 2.0]), np.array([5.0, 6.0])
    assert forward(z) is z
    assert backward(dh, z) is dh


@pytest.mark.parametrize("name", SMOOTH)
@given(v=VALUES)
def test_smooth_activations_are_within_their_bound(name, v):
    # tanh: NumPy states at most 1 ulp for its own kernels and glibc 2, that is 4 u. sigmoid: e by exp, at most 1 ulp
    # (2 u), weighs at most 1 in e / (1 + e); 1 + e has that and one rounding more, the quotient one: 2 + 3 + 1 = 6.
    forward, _, exact, _ = SMOOTH[name]
    result, expected = Fraction(float(forward(np.array([v]))[0])), exact(Fraction(v))
    assert abs(result - expected) <= 6 * U / (1 - 6 * U) * abs(expected) + 2 * TINY


@pytest.mark.parametrize("name", SMOOTH)
@given(v=VALUES, upstream=st.sampled_from([1.0, -0.75, 3.0]))
def test_derivatives_of_smooth_activations_are_within_their_bound_even_where_they_vanish(name, v, upstream):
    # e by exp: at most 1 ulp, 2 u (4 e is exact); 1 + e: at most 2 u from e (e / (1 + e) <= 1/2, so 1 u) and 1 of its
    # own; its square twice that and one; the quotient and the product with dh one each: 2 + (2 * 2 + 1) + 1 + 1 = 9.
    # exp, the quotient and the product can be subnormal: 2 quanta of exp, 1 each of the others, times 4 * |dh| <= 12.
    _, backward, _, exact = SMOOTH[name]
    result = Fraction(float(backward(np.array([upstream]), np.array([v]))[0]))
    expected = exact(Fraction(v)) * Fraction(upstream)
    assert abs(result - expected) <= 9 * U / (1 - 9 * U) * abs(expected) + 48 * TINY


@pytest.mark.parametrize("name", SMOOTH)
@given(v=st.floats(-300, 300) | st.floats(-2, 2))
def test_derivatives_of_smooth_activations_are_those_of_the_complex_step(name, v):
    # f(v + ih) has imaginary part h f'(v) (1 + h^2 c) with |c| < 1 here: h = 2^-100 leaves 2^-200. There a complex exp,
    # sinh or tan errs by 2 u, a square or a product by 1. The C library's tanh, t / (1 + (1 + t^2) sinh^2 v), has
    # 2 + (5 + 2) + 1 = 10 of them; sigmoid, a complex quotient (two products, a sum, |1 + e|^2 below), has
    # 2 (2 + 3 + 3) + 1 = 17; and the backward has 9, as above.
    forward, backward, _, _ = SMOOTH[name]
    step = forward(np.array([complex(v, 2.0**-100)]))[0].imag * 2.0**100
    result = backward(np.ones(1), np.array([v]))[0]
    assert not abs(step - result) > float(26 * U) * abs(result)


@pytest.mark.parametrize("name", SMOOTH)
def test_large_magnitudes_neither_overflow_nor_lose_their_limit(name):
    forward, backward, _, _ = SMOOTH[name]
    z = np.array([-1e308, -800.0, 800.0, 1e308])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        h, dz = forward(z), backward(np.ones(4), z)
    low = {"tanh": -1.0, "sigmoid": 0.0}[name]
    assert h.tolist() == [low, low, 1.0, 1.0]
    assert dz.tolist() == [0.0] * 4


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_and_the_shape_stay(name, dtype):
    forward, backward = ACTIVATIONS[name]
    z = np.linspace(-3, 3, 12).astype(dtype).reshape(3, 4)
    for result in (forward(z), backward(z, z)):
        assert result.dtype == dtype
        assert result.shape == z.shape


@pytest.mark.parametrize("name", ACTIVATIONS)
@FEW
@given(z=hnp.arrays(np.float64, 5, elements=st.floats(-30, 30)), exponent=st.integers(-3, 3))
def test_activation_backwards_are_linear_in_the_upstream(name, z, exponent):
    _, backward = ACTIVATIONS[name]
    factor = 2.0**exponent  # a product that rounds nothing
    dh = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
    assert np.array_equal(backward(factor * dh, z), factor * backward(dh, z))


def test_the_exact_activations_are_in_the_table():
    assert set(EXACT_ACTIVATIONS) < set(ACTIVATIONS) == {"relu", "tanh", "sigmoid", "identity"}

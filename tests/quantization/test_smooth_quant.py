from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress import affine_parameters, fake_quantize, initialize, mlp_forward
from refcompress.quantization.calibration import min_max
from refcompress.quantization.smooth_quant import smooth, smoothing_scales

FLOATS = st.floats(-1000, 1000, width=32).filter(lambda v: v == 0 or abs(v) > 1e-6)
ALPHAS = st.sampled_from([0.0, 0.25, 0.5, 0.85, 1.0])


@st.composite
def layers(draw, dtype=np.float64):
    n, inputs, outputs = (draw(st.integers(1, 4)) for _ in range(3))
    x = draw(hnp.arrays(dtype, (n, inputs), elements=FLOATS))
    return x, draw(hnp.arrays(dtype, (inputs, outputs), elements=FLOATS))


def exact(a):
    return [[Fraction(v) for v in row] for row in a.tolist()]


def product(a, b):
    return [[sum(p * q for p, q in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a]


@given(layers(), ALPHAS)
def test_the_product_stays_in_exact_arithmetic_with_powers_of_two(layer, alpha):
    x, w = layer
    s = smoothing_scales(np.abs(x).max(axis=0), w, alpha=alpha, powers_of_two=True)
    assert product(*map(exact, smooth(x, w, s))) == product(exact(x), exact(w))


@given(layers(np.float32), ALPHAS)
def test_with_powers_of_two_the_product_of_floats_stays_to_the_bit(layer, alpha):
    x, w = layer
    s = smoothing_scales(np.abs(x).max(axis=0), w, alpha=alpha, powers_of_two=True)
    smoothed = smooth(x, w, s)
    assert smoothed[0].dtype == smoothed[1].dtype == np.float32
    np.testing.assert_array_equal((smoothed[0] @ smoothed[1]).view(np.uint32), (x @ w).view(np.uint32))


@given(layers(), ALPHAS)
def test_any_other_scales_move_the_product_by_two_roundings_a_term(layer, alpha):
    x, w = layer
    s = smoothing_scales(np.abs(x).max(axis=0), w, alpha=alpha)
    after, before = product(*map(exact, smooth(x, w, s))), product(exact(x), exact(w))
    size = product(exact(np.abs(x)), exact(np.abs(w)))
    u = Fraction(1, 2**53)
    for row, old, bound in zip(after, before, size, strict=True):
        assert all(abs(a - b) <= (2 * u + u * u) * c for a, b, c in zip(row, old, bound, strict=True))


@given(layers(), ALPHAS)
def test_powers_of_two_are_the_nearest_in_the_exponent(layer, alpha):
    x, w = layer
    s = smoothing_scales(np.abs(x).max(axis=0), w, alpha=alpha)
    rounded = smoothing_scales(np.abs(x).max(axis=0), w, alpha=alpha, powers_of_two=True)
    assert np.all(np.frexp(rounded)[0] == 0.5)
    # sqrt(1/2) is irrational: no ratio lies on the border, but it and the quotient here are rounded once
    border = np.sqrt(2.0) * (1 + 2.0**-51)
    assert np.all((s / rounded <= border) & (rounded / s <= border))


def test_the_float_next_to_the_border_is_past_it():
    above = np.sqrt(0.5)  # 0.70710678118654757, the root is 0.7071067811865475244
    assert smoothing_scales([0.5], [[1.0]]) == above
    assert smoothing_scales([0.5], [[1.0]], powers_of_two=True) == 1
    below = np.nextafter(above, 0)
    assert smoothing_scales([below], [[1.0]], alpha=1, powers_of_two=True) == 0.5


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=5))
def test_at_one_half_the_largest_of_inputs_and_weights_become_equal(powers):
    x = np.array([[4.0**a for a, _ in powers]])
    w = np.array([[4.0**b] for _, b in powers])
    inputs, weights = smooth(x, w, smoothing_scales(x[0], w))
    np.testing.assert_array_equal(inputs[0], weights[:, 0])


@pytest.mark.parametrize(("alpha", "part"), [(0.0, 1), (1.0, 0)])
def test_at_the_ends_of_alpha_one_factor_has_the_largest_magnitude_one(alpha, part):
    x, w = np.array([[-2.0, 0.5], [1.0, 8.0]]), np.array([[4.0, -1.0], [0.5, 0.25]])
    factors = smooth(x, w, smoothing_scales([2.0, 8.0], w, alpha=alpha))
    np.testing.assert_array_equal(np.abs(factors[part]).max(axis=part), [1.0, 1.0])


@given(layers(), ALPHAS, st.booleans())
def test_channels_without_inputs_or_weights_are_left_as_they_are(layer, alpha, powers_of_two):
    x, w = layer
    idle = (x == 0).all(axis=0) | (w == 0).all(axis=1)
    s = smoothing_scales(np.abs(x).max(axis=0), w, alpha=alpha, powers_of_two=powers_of_two)
    assert np.all(s[idle] == 1)
    assert np.all(np.isfinite(s) & (s > 0))


def quantized(a):
    return fake_quantize(a, *affine_parameters(*min_max([a]), symmetric=True))


@pytest.mark.parametrize("powers_of_two", [False, True])
def test_outlying_inputs_cost_less_than_a_quarter_of_the_squared_error(powers_of_two):
    generator = np.random.default_rng(0)
    x, w = generator.normal(size=(256, 64)), generator.normal(size=(64, 32))
    x[:, [3, 17]] *= 100  # two channels a hundred times as large as the rest
    s = smoothing_scales(np.abs(x).max(axis=0), w, powers_of_two=powers_of_two)
    plain, smoothed = (np.square(quantized(a) @ quantized(b) - x @ w).sum() for a, b in ((x, w), smooth(x, w, s)))
    assert smoothed < plain / 4


@given(st.integers(0, 50), ALPHAS)
def test_scales_that_are_powers_of_two_go_into_the_layer_before_without_a_trace(seed, alpha):
    first, second = initialize((3, 5, 2), seed=seed).weights
    x = np.random.default_rng(seed).normal(size=(6, 3))
    hidden = np.maximum(x @ first, 0)
    s = smoothing_scales(hidden.max(axis=0), second, alpha=alpha, powers_of_two=True)
    biases = [np.full(5, 0.1), np.zeros(2)]
    smoothed = [first / s, smooth(hidden, second, s)[1]]
    np.testing.assert_array_equal(
        mlp_forward(smoothed, [biases[0] / s, biases[1]], x), mlp_forward([first, second], biases, x)
    )


def test_inputs_are_left_as_they_are_whatever_their_layout():
    x, w = np.asfortranarray(np.ones((2, 3), ">f4")), np.ones((3, 4), np.float16)[:, ::2]
    for array in (x, w):
        array.flags.writeable = False
    inputs, weights = smooth(x, w, smoothing_scales(np.ones(3), w))
    assert (inputs.tolist(), weights.tolist()) == (x.tolist(), w.tolist())
    assert (inputs.dtype, weights.dtype) == (np.float32, np.float16)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float16, np.float32])
def test_quotients_and_products_are_rounded_once(dtype):
    # above a tie of the dtype by less than the last place of a float32
    last = float(ml_dtypes.finfo(dtype).eps)
    above = 1 + last / 2 + 2.0**-40
    one = np.ones((1, 1), dtype)
    assert smooth(one, one, [above])[1].item() == 1 + last
    assert smooth(one, one, [1 / above])[0].item() == 1 + last


def test_empty_layers_stay_empty():
    assert smoothing_scales([], np.ones((0, 3))).shape == (0,)
    assert smoothing_scales([1.0], np.ones((1, 0))).tolist() == [1.0]
    assert [a.shape for a in smooth(np.ones((0, 2)), np.ones((2, 3)), [1.0, 1.0])] == [(0, 2), (2, 3)]


def test_subnormal_scales_are_scales_though_numpy_raises():
    with np.errstate(all="raise"):
        assert 0 < smoothing_scales([5e-324], [[1e308]])[0] < 2.0**-1022


ONES = np.ones((2, 1))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: smoothing_scales([1.0, np.nan], ONES),
            ValueError,
            r"x_max\[1\] is nan: only finite values can be used",
        ),
        (
            lambda: smoothing_scales([0.0, 0.5, -1.0], ONES[[0, 0, 0]]),
            ValueError,
            r"x_max\[2\] is -1.0: a largest magnitude is at le",
        ),
        (lambda: smoothing_scales([1.0], ONES), ValueError, r"x_max has shape \(1,\): w has 2 inputs"),
        (
            lambda: smoothing_scales([1.0, 1.0], ONES * np.nan),
            ValueError,
            r"w\[0, 0\] is nan: only finite values can be smoothed",
        ),
        (lambda: smoothing_scales([1.0], [1.0]), ValueError, r"w has shape \(1,\): it must have two dimensions"),
        (lambda: smoothing_scales([1.0, 1.0], ONES, alpha=2), ValueError, "alpha is 2: it must be from 0 to 1"),
        (lambda: smoothing_scales([1.0, 1.0], ONES, powers_of_two=1), TypeError, "powers_of_two is 1"),
        (lambda: smoothing_scales([1e308], [[5e-324]]), ValueError, r"x_max\[0\] is 1e\+308: with these weights its"),
        (lambda: smoothing_scales(["a"], [[1.0]]), TypeError, "x_max has dtype"),
        (
            lambda: smooth([[1.0, np.inf]], ONES, [1.0, 1.0]),
            ValueError,
            r"x\[0, 1\] is inf: only finite values can be smoothed$",
        ),
        (
            lambda: smooth([[1.0, 1.0]], ONES, [np.nan, 1.0]),
            ValueError,
            r"s\[0\] is nan: only finite values can be divi",
        ),
        (lambda: smooth([[1.0]], ONES, [1.0, 1.0]), ValueError, r"x has shape \(1, 1\), w has shape \(2, 1\): x has a"),
        (lambda: smooth([[1.0, 1.0]], ONES, [1.0]), ValueError, r"s has shape \(1,\): w has 2 inputs"),
        (lambda: smooth([[1.0, 1.0]], ONES, [1.0, 0.0]), ValueError, r"s\[1\] is 0.0: it must be positive"),
    ],
)
def test_bad_layers_are_refused(call, error, text):
    with np.errstate(all="raise"), pytest.raises(error, match=text):
        call()

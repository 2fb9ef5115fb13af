from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import gptq as oracle

from refcompress import affine_dequantize, affine_parameters, affine_quantize, initialize, mlp_forward
from refcompress.datasets import load_digits, split
from refcompress.layer_hessian import hessian
from refcompress.mlp.network import hidden_features
from refcompress.mlp.optimizers import Adam
from refcompress.mlp.training import classification, train
from refcompress.quantization import gptq
from refcompress.quantization.gptq import gptq_quantize, objective_difference

QUARTERS = st.integers(-40, 40).map(lambda n: n / 4)


@st.composite
def layers(draw, most=4, values=QUARTERS):
    """Weights on a fine grid, and inputs of small whole numbers."""
    inputs, outputs = draw(st.integers(1, most)), draw(st.integers(1, 3))
    w = draw(hnp.arrays(np.float64, (inputs, outputs), elements=values))
    x = draw(hnp.arrays(np.float64, (draw(st.integers(1, 6)), inputs), elements=st.integers(-3, 3).map(float)))
    return w, x


def determinant(h):
    """The determinant of X^T X of whole numbers, which float64 has to far less than one half."""
    return round(np.linalg.det(h / 2))


@given(layers(3), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([2, 4]), st.integers(-2, 1))
def test_codes_are_those_of_the_best_continuation_in_rational_arithmetic(layer, scale, bits, zero_point):
    w, x = layer
    h = hessian(x).astype(int)
    assume(determinant(h) > 0)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    answers = [oracle.column(column, h.tolist(), scale, zero_point, low, high) for column in w.T.tolist()]
    # a quotient is a fraction over 8 det(H_rr), a whole number of at most 8 * 108^3: one that is no tie is further
    # from it than 2^-28, and ten operations in float64 do not err so far
    assume(not any(tie for _, tie in answers))
    codes = gptq_quantize(w, h, scale, zero_point, bits=bits, damping=0.0, guarded=False)
    assert codes.T.tolist() == [codes for codes, _ in answers]


@given(layers(6), st.sampled_from([2, 3, 8]), st.booleans(), st.sampled_from([0.0, 0.01, 1.0]))
def test_guarded_codes_are_never_worse_than_rounding_to_nearest_in_any_column(layer, bits, symmetric, damping):
    w, x = layer
    h = hessian(x)
    assume(damping > 0 or determinant(h) > 0)
    scale, zero_point = affine_parameters(w.min(axis=0), w.max(axis=0), bits=bits, symmetric=symmetric)
    codes = gptq_quantize(w, h, scale, zero_point, bits=bits, damping=damping)
    nearest = affine_quantize(w, scale, zero_point, bits=bits, axis=1)
    ours, plain = (
        affine_dequantize(q, scale, zero_point, axis=1, dtype="float64").T.tolist() for q in (codes, nearest)
    )
    for column, a, b in zip(w.T.tolist(), ours, plain, strict=True):
        assert oracle.objective(column, a, h.tolist()) <= oracle.objective(column, b, h.tolist())


@given(
    hnp.arrays(np.float32, (5, 3), elements=st.floats(-9, 9, width=32)),
    hnp.arrays(np.float64, 5, elements=st.floats(0, 100)),
    st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
    st.sampled_from([0.0, 0.01]),
    st.booleans(),
)
def test_a_diagonal_hessian_gives_rounding_to_nearest_bit_for_bit(w, diagonal, dtype, damping, guarded):
    import ml_dtypes

    w = w.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    wide = w.astype(np.float64)
    scale, zero_point = affine_parameters(wide.min(axis=0), wide.max(axis=0), bits=4)
    codes = gptq_quantize(w, np.diag(diagonal), scale, zero_point, bits=4, damping=damping, guarded=guarded)
    nearest = affine_quantize(w, scale, zero_point, bits=4, axis=1)
    assert codes.dtype == nearest.dtype
    np.testing.assert_array_equal(codes, nearest)


def test_the_quotient_is_rounded_to_the_dtype_of_weights_and_scale():
    scale = np.float32(0.1)
    w = ((np.arange(-100, 100) + 0.5) * float(scale)).astype(np.float32)[np.newaxis]  # in float64 some are no tie
    codes = gptq_quantize(w, [[1.0]], scale, 0)
    assert codes.tolist() == affine_quantize(w, scale, 0).tolist()
    assert codes.tolist() != affine_quantize(w.astype(np.float64), float(scale), 0).tolist()


def test_a_corrected_weight_is_rounded_to_the_dtype_before_it_is_divided():
    s = np.float16(0.78173828125)
    w = np.float16([[s / 4], [1.955078125]])  # 2.50093 s; with the error of the first, s / 4096, 2.50118 s
    codes = gptq_quantize(w, [[1.0, 1.0], [1.0, 1024.0]], s, 0, damping=0.0, guarded=False)
    corrected = 1.955078125 + float(s) / 4096
    assert codes.ravel().tolist() == [0, affine_quantize(np.float16(corrected), s, 0)] == [0, 2]
    assert np.rint(np.float16(corrected / float(s))) == 3


def test_quotients_past_the_ends_of_the_floats_are_clipped_though_numpy_raises():
    w = np.array([[1e30, -1e30, 1e-30]], np.float32)
    with np.errstate(all="raise"):
        codes = gptq_quantize(w, [[1.0]], np.float32([1e-30, 1e-30, 1e30]), [0, 0, 0])
    assert codes.tolist() == [[127, -128, 0]]


@given(layers(6, st.integers(-8, 7).map(lambda n: n * 0.375)), st.booleans())
def test_weights_on_the_grid_keep_their_codes(layer, guarded):
    w, x = layer
    codes = gptq_quantize(w, hessian(x), 0.375, 0, bits=4, guarded=guarded)
    np.testing.assert_array_equal(codes * 0.375, w)


@given(st.floats(-200, 200), st.floats(0, 1e6), st.sampled_from([0.1, 0.5, 3.0]))
def test_a_layer_of_one_weight_is_rounded_by_the_closed_form(weight, curvature, scale):
    codes = gptq_quantize([[weight]], [[curvature]], scale, 3)
    assert codes.item() == min(max(round(weight / scale) + 3, -128), 127)


@given(st.integers(-64, 64), st.integers(-64, 64), st.integers(-7, 7), st.integers(1, 3))
def test_the_second_of_two_weights_moves_by_the_error_times_h12_over_h22(a, b, h12, power):
    w1, w2, h22 = a / 16, b / 16, 2**power
    q1 = round(w1)
    q2 = round(w2 + (w1 - q1) * h12 / h22)  # dyadic: exact
    codes = gptq_quantize([[w1], [w2]], [[64, h12], [h12, h22]], 1.0, 0, damping=0.0, guarded=False)
    # the factors of 1 / sqrt(h22) leave the quotient an ulp off where h22 is an odd power of two; ties are left out
    assume((w2 + (w1 - q1) * h12 / h22) % 1 != 0.5)
    assert codes.ravel().tolist() == [q1, q2]


@given(hnp.arrays(np.float64, (7, 2), elements=QUARTERS), st.integers(1, 7))
def test_lazy_batches_change_nothing_but_the_order_of_the_sums(w, size):
    # row i of the inverse of this Hessian's factor is 1, -1/2, 1/4, ...: every sum is exact in any order
    r = np.linalg.inv([[(-0.5) ** (j - i) if j >= i else 0 for j in range(7)] for i in range(7)])
    h = np.rint(4 * r @ r.T)
    codes = gptq_quantize(w, h, 0.5, 0, damping=0.0, lazy_batch=size)
    np.testing.assert_array_equal(codes, gptq_quantize(w, h, 0.5, 0, damping=0.0, lazy_batch=128))


@given(layers(6), st.integers(-40, 40))
def test_a_power_of_two_on_the_inputs_changes_nothing(layer, power):
    w, x = layer
    codes = gptq_quantize(w, hessian(x), 0.3, 0, bits=4)
    np.testing.assert_array_equal(gptq_quantize(w, hessian(np.ldexp(x, power)), 0.3, 0, bits=4), codes)


def test_correlated_inputs_owe_less_than_half_of_what_rounding_to_nearest_owes():
    generator = np.random.default_rng(0)
    w = generator.normal(size=(64, 32))
    x = generator.normal(size=(256, 8)) @ generator.normal(size=(8, 64)) + 0.1 * generator.normal(size=(256, 64))
    scale, zero_point = affine_parameters(w.min(axis=0), w.max(axis=0), bits=3)
    owed = [
        np.square(x @ (w - affine_dequantize(q, scale, zero_point, axis=1))).sum()
        for q in (
            gptq_quantize(w, hessian(x), scale, zero_point, bits=3),
            affine_quantize(w, scale, zero_point, bits=3, axis=1),
        )
    ]
    assert owed[0] < owed[1] / 2


def test_greedy_rounding_may_owe_more_than_the_nearest_and_the_guard_keeps_that_one():
    h, w = [[26, 4, 16], [4, 12, 16], [16, 16, 26]], [-0.25, -0.125, -0.75]
    greedy, guarded = (
        gptq_quantize(np.array([w]).T, h, 1.0, 0, damping=0.0, guarded=g).ravel().tolist() for g in (False, True)
    )
    assert (greedy, guarded) == ([0, 1, -2], [0, 0, -1])
    assert [float(oracle.objective(w, q, h)) for q in (greedy, guarded)] == [4.6875, 0.6875]


ENTRIES = hnp.arrays(np.float64, (4, 2), elements=st.floats(-1e3, 1e3).map(lambda v: v if abs(v) > 1e-3 else 0.0))


@given(ENTRIES, ENTRIES, ENTRIES, hnp.arrays(np.float64, (4, 4), elements=st.integers(-9, 9).map(lambda n: n / 3)))
def test_the_difference_of_the_objectives_is_within_half_of_its_bound(w, values, nearest, root):
    h = root + root.T
    differences, bounds = objective_difference(w, values, nearest, h)
    for column, first, second, got, bound in zip(
        *(a.T.tolist() for a in (w, values, nearest)), differences, bounds, strict=True
    ):
        exact = oracle.objective(column, first, h.tolist()) - oracle.objective(column, second, h.tolist())
        assert abs(Fraction(float(got)) - exact) <= Fraction(float(bound)) / 2
        promised = oracle.difference_bound(column, first, second, h.tolist())
        assert abs(Fraction(float(bound)) - promised) <= promised / 2**40


@pytest.mark.parametrize(("scale", "curvature"), [(2.0**-537, 0.3), (2.0**-530, 0.3), (3.0, 2.0**-1074)])
def test_the_bound_of_the_difference_counts_products_that_underflow(scale, curvature):
    w, zero, h = np.full((2, 1), scale), np.zeros((2, 1)), np.eye(2) * curvature
    with np.errstate(all="raise"):
        difference, bound = objective_difference(w, zero, 3 * w, h)
    promised = oracle.difference_bound(w[:, 0], zero[:, 0], 3 * w[:, 0], h.tolist())
    assert abs(Fraction(float(bound[0])) - promised) <= Fraction(2) ** -1073
    exact = -3 * Fraction(curvature) * 2 * Fraction(scale) ** 2
    assert abs(Fraction(float(difference[0])) - exact) <= Fraction(float(bound[0]))


def test_the_bound_of_the_difference_is_gamma_k_of_the_terms():
    n = 512
    w = np.full((n, 1), 0.5)
    _, bound = objective_difference(w, 0 * w, 2 * w, np.eye(n))  # the terms are exact: n of 1 * 1 * (1/2 + 1/2)
    k_u = Fraction(2 * n + 4, 2**53)
    promised = 2 * k_u / (1 - k_u) * n
    assert abs(Fraction(float(bound[0])) / promised - 1) <= Fraction(6, 2**53)  # six roundings to the bound


@given(layers(4), st.sampled_from([2, 3]))
def test_where_both_owe_the_same_the_nearest_codes_stay(layer, bits):
    w, x = layer
    h = hessian(x)
    assume(determinant(h) > 0)
    greedy, guarded = (gptq_quantize(w, h, 1.0, 0, bits=bits, damping=0.0, guarded=g).T for g in (False, True))
    nearest = affine_quantize(w, 1.0, 0, bits=bits).T
    for column, a, b, c in zip(*(array.tolist() for array in (w.T, greedy, nearest, guarded)), strict=True):
        if oracle.objective(column, a, h.tolist()) == oracle.objective(column, b, h.tolist()):
            assert c == b


@pytest.mark.parametrize(("difference", "kept"), [(-1.5, True), (-1.0, False), (0.0, False), (np.nan, False)])
def test_codes_are_kept_where_they_owe_less_by_more_than_the_bound(monkeypatch, difference, kept):
    layer = [[-0.25], [-0.125], [-0.75]], [[26, 4, 16], [4, 12, 16], [16, 16, 26]], 1.0, 0
    monkeypatch.setattr(gptq, "objective_difference", lambda *_: (np.array([difference]), np.array([1.0])))
    codes = gptq_quantize(*layer, damping=0.0).ravel().tolist()
    assert codes == ([0, 1, -2] if kept else [0, 0, -1])


def test_a_difference_of_infinities_is_no_gain_though_numpy_raises():
    w = np.array([[1e200], [-1e200]])
    with np.errstate(all="raise"):
        difference, bound = objective_difference(w, np.full((2, 1), 1e200), 0 * w, np.eye(2) * 1e200)
    assert np.isnan(difference).all()
    assert not (difference < -bound).any()


def test_objectives_past_the_largest_float_leave_the_nearest_codes_though_numpy_raises():
    with np.errstate(all="raise"):
        difference, bound = objective_difference(*(np.full((2, 1), v) for v in (1e200, 0.0, 2e200)), np.eye(2))
    assert not (difference < -bound).any()


def test_an_input_that_was_always_zero_has_its_weights_rounded_to_nearest():
    codes = gptq_quantize([[0.4], [2.6]], hessian([[1.0, 0.0]]), 1.0, 0, damping=0.0)
    assert codes.ravel().tolist() == [0, 3]


def test_inputs_are_left_as_they_are_whatever_their_layout():
    w, x = np.asfortranarray(np.arange(6.0).reshape(3, 2) / 7), np.eye(3, dtype=">f4")
    h = hessian(x)
    for array in (w, h):
        array.flags.writeable = False
    codes = gptq_quantize(w, h, [0.25, 0.5], [0, 1])
    np.testing.assert_array_equal(codes, affine_quantize(w, [0.25, 0.5], [0, 1], axis=1))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_empty_layers_have_empty_codes(shape):
    codes = gptq_quantize(np.ones(shape), np.eye(shape[0]), 1.0, 0, bits=12)
    assert (codes.shape, codes.dtype) == (shape, np.int16)


@given(layers(6), st.sampled_from([2, 4]), st.booleans())
def test_the_narrow_range_has_no_most_negative_code(layer, bits, guarded):
    w, x = layer
    codes = gptq_quantize(w * 64, hessian(x), 1.0, 0, bits=bits, narrow_range=True, guarded=guarded)
    most = 2 ** (bits - 1) - 1
    assert set(np.unique(codes)) <= set(range(-most, most + 1))
    assert (codes[0][w[0] < 0] == -most).all()


def test_the_order_in_memory_changes_no_code():
    generator = np.random.default_rng(3)
    w, h = generator.normal(size=(24, 7)), hessian(generator.normal(size=(60, 24)))
    codes = gptq_quantize(w, h, 0.125, 0, guarded=False)
    np.testing.assert_array_equal(gptq_quantize(np.asfortranarray(w), h, 0.125, 0, guarded=False), codes)


TWO = np.eye(2)


@pytest.mark.parametrize(
    ("w", "h", "changed", "error", "text"),
    [
        ([[1.0], [np.nan]], TWO, {}, ValueError, r"w\[1, 0\] is nan: only finite values can be quantized"),
        ([1.0, 2.0], TWO, {}, ValueError, r"w has shape \(2,\): it must be \(inputs, outputs\)"),
        ([[1.0]], TWO, {}, ValueError, r"hessian has shape \(2, 2\): w has length 1, so it must be \(1, 1\)"),
        ([[1.0], [1.0]], np.full((2, 2), np.inf), {}, ValueError, r"hessian\[0, 0\] is inf: only finite"),
        ([[1.0], [1.0]], [[1.0, 2.0], [0.0, 1.0]], {}, ValueError, r"hessian\[0, 1\] is 2.0: it must be symmetric"),
        ([[1.0], [1.0]], np.ones((2, 2)), {"damping": 0.0}, ValueError, "hessian is not positive definite with damp"),
        ([[1.0], [1.0]], -TWO, {}, ValueError, "hessian is not positive definite"),
        ([[1.0], [1.0]], TWO, {"damping": -1.0}, ValueError, "damping is -1.0: it must be at least 0"),
        ([[1.0], [1.0]], TWO, {"lazy_batch": 0}, ValueError, "lazy_batch is 0: it must be at least 1"),
        ([[1.0], [1.0]], TWO, {"guarded": 1}, TypeError, "guarded is 1: it must be True or False"),
        ([[1.0], [1.0]], TWO, {"bits": 1}, ValueError, "bits is 1"),
        ([["a"], ["b"]], TWO, {}, TypeError, "w has dtype"),
        ([[1e308], [1e308]], [[100, 9], [9, 1]], {"damping": 0.0}, ValueError, r"w\[1, 0\] is inf: the corrections"),
    ],
)
def test_bad_layers_are_refused(w, h, changed, error, text):
    with pytest.raises(error, match=text):
        gptq_quantize(w, h, 1.0, 0, **changed)


def test_scales_are_an_array():
    with pytest.raises(TypeError, match=r"^scale is a list that is no array"):
        gptq_quantize([[1.0, 1.0]], [[1.0]], [1.0, [1.0]], 0)


def test_a_network_s_outputs_on_unseen_digits_err_less_than_a_quarter_of_what_rounding_to_nearest_gives():
    training, test = split(load_digits(), test=0.2, seed=0)
    model = train(
        initialize((64, 32, 10), seed=0), training.x, classification(training.y), optimizer=Adam(lr=2e-3), epochs=5
    ).model

    def error(codes_of):
        weights = []
        for w, x in zip(model.weights, [training.x, *hidden_features(model, training.x)], strict=True):
            scale, zero_point = affine_parameters(w.min(axis=0), w.max(axis=0), bits=3)
            weights.append(affine_dequantize(codes_of(w, x, scale, zero_point), scale, zero_point, axis=1))
        outputs = (mlp_forward(each, model.biases, test.x) for each in (weights, model.weights))
        return np.square(np.subtract(*outputs)).sum()

    ours = error(lambda w, x, scale, zero_point: gptq_quantize(w, hessian(x), scale, zero_point, bits=3))
    plain = error(lambda w, x, scale, zero_point: affine_quantize(w, scale, zero_point, bits=3, axis=1))
    assert ours < plain / 4

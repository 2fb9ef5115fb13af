from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import mlp as oracle

from refcompress import masked_sgd_step

ETA = Fraction(1, 2**1074)
VALUES = st.one_of(
    st.integers(-9, 9).map(float), st.sampled_from([-0.0, 5e-324, -1e-310, 0.1, -0.7, 1e300]), st.floats(-1e6, 1e6)
)
RATES = st.sampled_from([0.0, 0.1, 0.5, 1.0])


def gamma(k):
    return Fraction(k, 2**53 - k)


def column(data, n, values=VALUES):
    return data.draw(st.lists(values, min_size=n, max_size=n))


@given(st.data(), st.integers(0, 5), RATES, RATES, RATES)
def test_every_element_is_within_the_bound_of_the_exact_step(data, n, lr, momentum, weight_decay):
    w, g, v = (column(data, n) for _ in range(3))
    mask = column(data, n, st.booleans())
    got = masked_sgd_step(w, g, v, mask, lr=lr, momentum=momentum, weight_decay=weight_decay)
    numbers = [list(map(Fraction, values)) for values in (w, g, v)]
    a, mu, decay = map(Fraction, (lr, momentum, weight_decay))
    right = oracle.sgd_step(*numbers, a, mu, decay, mask)
    for i in range(n):
        size = mu * abs(numbers[2][i]) + abs(numbers[1][i]) + decay * abs(numbers[0][i])
        assert abs(Fraction(got[1][i]) - right[1][i]) <= gamma(3) * size + 3 * ETA
        most = gamma(5) * (abs(numbers[0][i]) + a * size) + (3 * a + 1) * ETA
        assert abs(Fraction(got[0][i]) - right[0][i]) <= most


@given(st.data(), st.integers(1, 4))
def test_fractions_are_stepped_without_rounding(data, n):
    thirds = st.integers(-9, 9).map(lambda i: Fraction(i, 3))
    w, g, v = (column(data, n, thirds) for _ in range(3))
    mask = column(data, n, st.booleans())
    arrays = [np.array(values, object) for values in (w, g, v)]
    got = masked_sgd_step(*arrays, mask, lr=0.5, momentum=0.25, weight_decay=0.125)
    right = oracle.sgd_step(w, g, v, Fraction(1, 2), Fraction(1, 4), Fraction(1, 8), mask)
    assert [part.tolist() for part in got] == list(right)


@given(st.data(), st.integers(1, 5))
def test_a_pruned_weight_and_its_velocity_stay_plus_zero_over_two_steps(data, n):
    w, g, v = (column(data, n) for _ in range(3))
    mask = np.array(column(data, n, st.booleans()))
    for _ in range(2):
        w, v = masked_sgd_step(w, g, v, mask, lr=0.1, momentum=0.9, weight_decay=0.5)
        for part in (w, v):
            assert not part[~mask].any()
            assert not np.signbit(part[~mask]).any()


def test_the_velocity_from_before_the_pruning_does_not_bring_a_weight_back():
    assert masked_sgd_step([0.0], [0.0], [0.5], [False], lr=0.1, momentum=0.9) == ([0.0], [0.0])
    w, v = masked_sgd_step([0.0], [0.0], [0.5], [True], lr=0.1, momentum=0.9)
    assert (w.tolist(), v.tolist()) == ([-0.1 * (0.9 * 0.5)], [0.45])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ml_dtypes.bfloat16, ">f4"])
def test_the_result_is_that_of_float64_rounded_once(dtype):
    w, g, v = (np.array(values).astype(dtype) for values in ([1 / 3, 2.7], [0.1, -0.3], [5.5, 7.1]))
    got = masked_sgd_step(w, g, v, [True, True], lr=0.1, momentum=0.9)
    wide = masked_sgd_step(*(a.astype(np.float64) for a in (w, g, v)), [True, True], lr=0.1, momentum=0.9)
    for part, right in zip(got, wide, strict=True):
        assert part.dtype == np.dtype(dtype).newbyteorder("=")
        assert part.tolist() == right.astype(dtype).tolist()


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3), (1, 2, 1)])
def test_the_shape_is_that_of_w_and_no_input_is_changed(shape):
    arrays = [np.full(shape, value) for value in (1.0, 2.0, 3.0)]
    mask = np.ones(shape, bool)
    for array in [*arrays, mask]:
        array.flags.writeable = False
    w, v = masked_sgd_step(*arrays, mask, lr=1.0, momentum=1.0)
    assert w.shape == v.shape == shape
    assert (w == -4).all()
    assert (v == 5).all()


def test_without_momentum_the_velocity_is_forgotten():
    w, v = masked_sgd_step([1.0], [2.0], [4.0], [True], lr=0.5)
    assert (w.tolist(), v.tolist()) == ([0.0], [2.0])


def test_what_the_caller_asks_of_numpy_about_overflow_changes_nothing():
    huge, tiny = [1.7e308], [5e-324]
    with np.errstate(all="raise"):
        assert masked_sgd_step([-1.7e308], huge, [0.0], [True], lr=1.0)[0].tolist() == [-np.inf]
        assert masked_sgd_step(tiny, tiny, [0.0], [True], lr=0.25)[0].tolist() == tiny
        assert np.isnan(masked_sgd_step([1.0], huge, huge, [True], lr=0.0, momentum=1.0)[0]).all()


def test_fortran_order_and_strides_change_nothing():
    w = np.arange(12.0).reshape(3, 4)
    mask = w % 3 > 0
    plain = masked_sgd_step(w, w, w, mask, lr=0.1)
    other = masked_sgd_step(np.asfortranarray(w), w[::-1][::-1], w.T.copy().T, np.asfortranarray(mask), lr=0.1)
    assert [a.tolist() for a in plain] == [a.tolist() for a in other]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"gradient": [1.0]}, ValueError, r"w has shape \(2,\), gradient has shape \(1,\): they must be equal"),
        ({"velocity": [[1.0, 2.0]]}, ValueError, r"velocity has shape \(1, 2\)"),
        ({"velocity": [0.0, np.nan]}, ValueError, r"^velocity\[1\] is nan"),
        ({"mask": [True]}, ValueError, r"mask has shape \(1,\)"),
        ({"mask": [1, 0]}, TypeError, "mask has dtype int64: it must hold booleans"),
        ({"w": [np.nan, 1.0]}, ValueError, r"w\[0\] is nan: only finite values can be trained"),
        ({"gradient": [1.0, np.inf]}, ValueError, r"gradient\[1\] is inf"),
        ({"lr": -0.1}, ValueError, "lr is -0.1: it must be at least 0"),
        ({"momentum": 1.5}, ValueError, "momentum is 1.5: it must be from 0 to 1"),
        ({"weight_decay": "much"}, TypeError, "weight_decay is 'much'"),
    ],
)
def test_bad_input_is_refused(change, error, text):
    given_ = {
        "w": [1.0, 2.0],
        "gradient": [1.0, 2.0],
        "velocity": [0.0, 0.0],
        "mask": [True, False],
        "lr": 0.1,
        **change,
    }
    arrays = [given_.pop(name) for name in ("w", "gradient", "velocity", "mask")]
    with pytest.raises(error, match=text):
        masked_sgd_step(*arrays, **given_)

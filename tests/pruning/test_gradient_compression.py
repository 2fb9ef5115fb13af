from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import sparsify
from refcompress.pruning.gradient_compression import compress_gradient

FINITE = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 5e-324, -1e-310, 1e16, 0.1]), st.floats(-1e300, 1e300))


def pairs(elements, most=6):
    return st.integers(0, most).flatmap(
        lambda n: st.tuples(*[st.lists(elements, min_size=n, max_size=n)] * 2, st.integers(0, n))
    )


@given(pairs(FINITE))
def test_every_entry_is_sent_whole_or_kept_whole(call):
    gradient, residual, k = call
    g, r = np.array(gradient, np.float64), np.array(residual, np.float64)
    sent, left = compress_gradient(g, r, k)
    assert sent.tobytes() == sparsify(g + r, k).tobytes()
    assert np.array_equal(sent + left, g + r)
    assert not np.any((sent != 0) & (left != 0))
    for a, s, rest in zip((g + r).tolist(), sent.tolist(), left.tolist(), strict=True):
        assert Fraction(s) + Fraction(rest) == Fraction(a)


@given(st.data(), st.integers(1, 6), st.integers(1, 8))
def test_nothing_is_lost_over_many_steps(data, n, steps):
    """The sum of what was sent and what is left is the sum of all gradients: of eighths, in exact arithmetic."""
    eighths = st.lists(st.integers(-80, 80).map(lambda i: i / 8), min_size=n, max_size=n)
    residual, total, sum_sent = np.zeros(n), [Fraction(0)] * n, [Fraction(0)] * n
    for _ in range(steps):
        gradient = data.draw(eighths)
        sent, residual = compress_gradient(gradient, residual, data.draw(st.integers(0, n)))
        total = [t + Fraction(g) for t, g in zip(total, gradient, strict=True)]
        sum_sent = [t + Fraction(s) for t, s in zip(sum_sent, sent.tolist(), strict=True)]
    assert total == [s + Fraction(r) for s, r in zip(sum_sent, residual.tolist(), strict=True)]


@given(pairs(st.integers(-(2**40), 2**40)))
def test_integers_are_never_rounded(call):
    gradient, residual, k = call
    sent, left = compress_gradient(np.array(gradient, np.int64), np.array(residual, np.int64), k)
    assert (sent + left).tolist() == [g + r for g, r in zip(gradient, residual, strict=True)]


def test_an_entry_that_is_small_at_every_step_is_sent_in_the_end():
    residual, sent_at = np.zeros(2), []
    for step in range(1, 5):
        sent, residual = compress_gradient([1.0, 0.3], residual, 1)
        if sent[1]:
            sent_at.append(step)
    assert sent_at == [4]
    assert sent[1] == 0.3 + 0.3 + 0.3 + 0.3


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "i1", "u8", ml_dtypes.bfloat16])
def test_the_dtype_is_that_of_the_gradient(dtype):
    g, r = np.array([1, 5, 2]).astype(dtype), np.array([3, 0, 2]).astype(dtype)
    g.flags.writeable = r.flags.writeable = False
    sent, left = compress_gradient(g, r, 1)
    assert (sent.tolist(), left.tolist()) == ([0, 5, 0], [4, 0, 4])
    assert sent.dtype == left.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (2, 0, 1)])
def test_the_shape_stays(shape):
    sent, left = compress_gradient(np.ones(shape), np.ones(shape), min(1, np.ones(shape).size))
    assert sent.shape == left.shape == shape
    assert float(sent.sum() + left.sum()) == 2 * np.ones(shape).size


@pytest.mark.parametrize(
    ("gradient", "residual", "k", "error", "text"),
    [
        ([1.0, 2.0], [0.0], 1, ValueError, r"gradient has shape \(2,\), residual has shape \(1,\)"),
        ([1.0], [0], 1, TypeError, "gradient has dtype float64, residual has dtype int64: they must be equal"),
        ([np.nan], [0.0], 1, ValueError, r"gradient\[0\] is nan: only finite values can be sent"),
        ([1.0], [np.inf], 1, ValueError, r"residual\[0\] is inf: only finite values can be sent"),
        (["a"], [0.0], 1, TypeError, "gradient has dtype <U1"),
        ([1.0], ["a"], 1, TypeError, "residual has dtype <U1"),
        ([1.7e308], [1.7e308], 1, ValueError, r"gradient \+ residual\[0\] is inf: the sum is past what float64 holds"),
        (np.array([100], np.int8), np.array([100], np.int8), 1, ValueError, "past what int8 holds"),
        (np.array([200], np.uint8), np.array([100], np.uint8), 1, ValueError, "past what uint8 holds"),
        ([1.0], [0.0], 2, ValueError, "k is 2: it must be from 0 to 1"),
        ([1.0], [0.0], 1, ValueError, "ties is 'any'"),
    ],
)
def test_bad_input_is_refused(gradient, residual, k, error, text):
    settings = {"ties": "any"} if text.startswith("ties") else {}
    with pytest.raises(error, match=text):
        compress_gradient(gradient, residual, k, **settings)

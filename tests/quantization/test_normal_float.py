from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import microscaling as oracle
from scipy.stats import norm

from refcompress import nf4_dequantize, nf4_quantize
from refcompress.quantization.normal_float import MIDPOINTS, NF4

TABLE = [Fraction(float(v)) for v in NF4]
NUMBER = st.one_of(st.integers(-20, 20).map(float), st.floats(-1e30, 1e30), st.floats(-1, 1, width=16))


@settings(max_examples=100)
@given(x=st.lists(NUMBER, min_size=1, max_size=12))
def test_a_block_is_what_exact_arithmetic_gives(x):
    codes, scales = nf4_quantize(x, block_size=len(x))
    expected, scale = oracle.nf4_block(x, TABLE)
    assert codes.tolist() == expected
    assert scales.tolist() == [float(scale)]


def test_a_tie_gives_the_lower_value_and_the_next_float_the_upper():
    x = np.concatenate([MIDPOINTS, np.nextafter(MIDPOINTS, 2), [1.0]])
    codes, _ = nf4_quantize(x, block_size=31)
    assert codes.tolist() == [*range(15), *range(1, 16), 15]


def test_every_value_of_the_table_is_kept():
    codes, scales = nf4_quantize(NF4 * np.float32(3), block_size=16)
    assert codes.tolist() == list(range(16))
    assert np.array_equal(nf4_dequantize(codes, scales, block_size=16), NF4 * np.float32(3))


def test_the_table_holds_the_quantiles_of_the_paper():
    offset = 0.9677083  # the mean of 1 - 1/30 and 1 - 1/32, as the authors' code has it
    negative, positive = (norm.ppf(np.linspace(offset, 0.5, n)[:-1]) for n in (8, 9))
    quantiles = np.sort(np.concatenate([-negative, [0.0], positive])) / positive.max()
    assert np.round(quantiles, 6).tolist() == np.round(NF4.astype(np.float64), 6).tolist()


def test_a_zero_block_next_to_another_is_zero():
    x = np.concatenate([np.zeros(64), np.linspace(-1, 1, 64)])
    codes, scales = nf4_quantize(x)
    assert scales.tolist() == [0.0, 1.0]
    assert set(codes[:64].tolist()) == {7}
    assert not nf4_dequantize(codes, scales)[:64].any()


def test_a_negative_zero_is_zero():
    assert nf4_quantize([-0.0, 1.0], block_size=2)[0].tolist() == [7, 15]


@pytest.mark.parametrize("axis", [0, 1])
def test_an_axis_is_quantized_as_its_lines_are(axis):
    x = np.sin(np.arange(128.0 * 128)).reshape(128, 128)
    codes, scales = nf4_quantize(x, axis=axis)
    line, line_scales = nf4_quantize(np.take(x, 7, 1 - axis))
    assert np.array_equal(np.take(codes, 7, 1 - axis), line)
    assert np.array_equal(np.take(scales, 7, 1 - axis), line_scales)
    back = np.take(nf4_dequantize(codes, scales, axis=axis), 7, 1 - axis)
    assert np.array_equal(back, nf4_dequantize(line, line_scales))


def test_a_float64_past_float32_has_the_largest_scale():
    codes, scales = nf4_quantize([1e300, -1e300, 0.0], block_size=3)
    assert scales.tolist() == [float(np.finfo(np.float32).max)]
    assert codes.tolist() == [15, 0, 7]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nf4_quantize([1.0, np.nan], block_size=2), ValueError, r"x\[1\] is nan: only finite values can be"),
        (lambda: nf4_quantize([np.inf], block_size=1), ValueError, "inf: only finite values can be quantized"),
        (lambda: nf4_quantize(["a"], block_size=1), TypeError, "x has dtype <U1"),
        (lambda: nf4_dequantize([1] * 63, [1.0]), ValueError, "codes has 63 entries along axis 0: 64 must divide that"),
        (lambda: nf4_dequantize([1], [1.0], block_size=0), ValueError, "block_size is 0: it must be at least 1"),
        (lambda: nf4_quantize([1.0] * 63), ValueError, "x has 63 entries along axis 0: 64 must divide that"),
        (lambda: nf4_quantize([1.0], block_size=0), ValueError, "block_size is 0: it must be at least 1"),
        (lambda: nf4_dequantize([16], [1.0], block_size=1), ValueError, r"codes\[0\] is 16: a code is from 0 to 15"),
        (lambda: nf4_dequantize([1.5], [1.0], block_size=1), TypeError, "codes has dtype float64"),
        (lambda: nf4_dequantize([1], [1.0, 2.0], block_size=1), ValueError, r"scales has shape \(2,\): one a block"),
    ],
)
def test_a_bad_call_says_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_block_that_no_memory_holds_is_refused_of_an_empty_axis_too():
    nothing = np.zeros((2, 0))
    for call in (
        lambda: nf4_quantize(nothing, block_size=2**62),
        lambda: nf4_dequantize(nothing.astype(np.uint8), nothing, block_size=2**62),
    ):
        with pytest.raises(ValueError, match=r"^block_size is \(4611686018427387904,\): no array has more than"):
            call()


@pytest.mark.parametrize("table", [NF4, MIDPOINTS])
def test_the_tables_cannot_be_changed(table):
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 7


def test_the_table_holds_float32_and_its_midpoints_are_exact():
    assert NF4.dtype == np.float32
    exact = [(Fraction(float(a)) + Fraction(float(b))) / 2 for a, b in pairwise(NF4)]
    assert [Fraction(float(m)) for m in MIDPOINTS] == exact


def test_the_ends_of_the_floats_give_no_warning():
    with np.errstate(all="raise"):
        codes, scales = nf4_quantize([[1e300, -1.0], [5e-324, 0.0], [2.0**-149, -(2.0**-149)]], block_size=2)
        assert (codes.tolist()[0], scales.ravel().tolist()) == (
            [15, 7],
            [float(np.finfo(np.float32).max), 0, 2.0**-149],
        )
        assert nf4_dequantize([15, 8], [2.0**-149], block_size=2).tolist() == [2.0**-149, 0]
        for scale, expected in ((1e300, np.inf), (5e-324, 0.0)):
            assert nf4_dequantize([15, 15], [scale], block_size=2).tolist() == [expected] * 2
        assert np.isnan(nf4_dequantize([7, 7], [1e300], block_size=2)).all()

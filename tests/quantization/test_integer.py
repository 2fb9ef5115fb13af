import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress.quantization.integer import INT32_MAX, integer_linear, largest_sum


def linear_by_hand(x, w, b, shift):
    return [
        [
            sum(int(a) * int(c) for a, c in zip(row, column, strict=True)) + int(d) * 2**shift
            for column, d in zip(w.T, b, strict=True)
        ]
        for row in x
    ]


@given(
    data=st.data(), n=st.integers(0, 4), inputs=st.integers(1, 5), outputs=st.integers(1, 4), shift=st.integers(0, 12)
)
def test_accumulators_are_the_exact_integers(data, n, inputs, outputs, shift):
    x = data.draw(hnp.arrays(np.uint8, (n, inputs)))
    w = data.draw(hnp.arrays(np.int8, (inputs, outputs)))
    b = data.draw(hnp.arrays(np.int8, outputs))
    result = integer_linear(x, w, b, shift)
    assert result.dtype == np.int32
    assert result.tolist() == linear_by_hand(x, w, b, shift)


def test_codes_at_their_ends_stay_within_the_largest_sum():
    inputs = 64
    most = largest_sum(inputs, 255, 128, 128, 4)
    x = np.full((1, inputs), 255, np.uint8)
    w = np.full((inputs, 1), -128, np.int8)
    acc = integer_linear(x, w, np.array([-128], np.int8), 4)
    assert abs(int(acc[0, 0])) == most <= INT32_MAX


def test_the_largest_sum_just_below_int32_does_not_wrap():
    assert np.iinfo(np.int32).max == INT32_MAX
    # 516 * 32767 * 127 = 2,147,287,044 fits, one more input does not
    assert largest_sum(516, 32767, 127, 0, 0) <= INT32_MAX < largest_sum(517, 32767, 127, 0, 0)
    acc = integer_linear(np.full((1, 516), 32767, np.int16), np.full((516, 1), 127, np.int8), np.array([0]), 0)
    assert int(acc[0, 0]) == 516 * 32767 * 127

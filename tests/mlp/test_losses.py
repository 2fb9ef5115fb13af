from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import mlp as oracle
from oracles.fixed_point import nearest_float

from refcompress.mlp.losses import (
    REDUCTIONS,
    cross_entropy,
    mse_gradient,
    mse_loss,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
    squared_error,
    squared_error_gradient,
)

FEW = settings(max_examples=40)  # fractions are slow, and one example has many elements
U = Fraction(1, 2**53)
TINY = Fraction(1, 2**1074)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64)]
FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}
LARGEST = {name: Fraction(float(ml_dtypes.finfo(name).max)) for name in FORMATS}
REDUCTION = st.sampled_from(sorted(REDUCTIONS))
SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4))


def gamma(k):
    return k * U / (1 - k * U)


def exact(array):
    return [[Fraction(float(v)) for v in row] for row in array]


def flat(matrix):
    return [v for row in matrix for v in row]


def pairs_of(dtype):
    elements = st.floats(-100, 100, width=16) | st.sampled_from([0.0, -0.0, 1.0, 2.0**-24, 3.0])
    return SHAPES.flatmap(
        lambda shape: st.tuples(
            hnp.arrays(np.float64, shape, elements=elements), hnp.arrays(np.float64, shape, elements=elements)
        )
    ).map(lambda pair: (pair[0].astype(dtype), pair[1].astype(dtype)))


EIGHTHS = SHAPES.flatmap(
    lambda shape: hnp.arrays(np.float64, (2, *shape), elements=st.integers(-7, 7).map(lambda v: v / 8))
)


def fractions():
    return SHAPES.flatmap(
        lambda shape: st.lists(
            st.integers(-12, 12), min_size=2 * shape[0] * shape[1], max_size=2 * shape[0] * shape[1]
        ).map(lambda v: np.array([Fraction(n, 7) for n in v], object).reshape(2, *shape))
    )


@FEW
@given(reduction=REDUCTION, pair=fractions())
def test_mse_of_fractions_is_exact(reduction, pair):
    student, teacher = pair
    loss = mse_loss(student, teacher, reduction=reduction)
    gradient = mse_gradient(student, teacher, reduction=reduction)
    assert isinstance(loss, Fraction)
    assert loss == oracle.mse(student.tolist(), teacher.tolist(), reduction)
    assert gradient.tolist() == oracle.mse_gradient(student.tolist(), teacher.tolist(), reduction)
    assert {type(v) for v in gradient.flat} == {Fraction}


@FEW
@given(reduction=REDUCTION, pair=fractions(), step=st.fractions(1, 5, max_denominator=9))
def test_the_central_difference_of_mse_equals_its_gradient(reduction, pair, step):
    student, teacher = pair
    gradient = mse_gradient(student, teacher, reduction=reduction)
    for index in np.ndindex(student.shape):
        ends = []
        for move in (step, -step):
            moved = student.copy()
            moved[index] += move
            ends.append(mse_loss(moved, teacher, reduction=reduction))
        assert (ends[0] - ends[1]) / (2 * step) == gradient[index]


@FEW
@given(reduction=REDUCTION, pair=st.sampled_from(FLOATS).flatmap(pairs_of))
def test_mse_of_floats_is_within_the_stated_bound(reduction, pair):
    student, teacher = pair
    loss = mse_loss(student, teacher, reduction=reduction)
    expected = oracle.mse(exact(student), exact(teacher), reduction)
    assert type(loss) is float
    assert abs(Fraction(loss) - expected) <= gamma(student.size + 3) * expected + (student.size + 1) * TINY / 2


@pytest.mark.parametrize("dtype", FLOATS)
@FEW
@given(reduction=REDUCTION, data=st.data())
def test_the_gradient_of_mse_is_rounded_once_to_the_dtype(dtype, reduction, data):
    student, teacher = data.draw(pairs_of(dtype))
    gradient = mse_gradient(student, teacher, reduction=reduction)
    expected = oracle.mse_gradient(exact(student), exact(teacher), reduction)
    assert gradient.dtype == dtype
    for result, value in zip(flat(exact(gradient)), flat(expected), strict=True):
        assert_rounded(result, value, gamma(2) * abs(value) + TINY / 2, dtype)


def assert_rounded(result, value, error, dtype):
    """Rounding is monotone: what lies within the error of the exact value rounds to something between these two."""
    if dtype == np.float64:  # nothing is left to round
        assert abs(result - value) <= error
        return
    low, high = (nearest_float(v, *FORMATS[dtype.name], LARGEST[dtype.name]) for v in (value - error, value + error))
    assert low <= result <= high


@FEW
@given(pair=pairs_of(np.float32))
def test_mse_is_symmetric_and_its_gradient_is_antisymmetric(pair):
    student, teacher = pair
    assert mse_loss(student, teacher) == mse_loss(teacher, student)
    assert np.array_equal(mse_gradient(student, teacher), -mse_gradient(teacher, student))


@FEW
@given(pair=fractions())
def test_mse_is_zero_for_equal_arrays_alone(pair):
    student, teacher = pair
    assert mse_loss(student, teacher) >= 0
    assert (mse_loss(student, teacher) == 0) == (student == teacher).all()
    assert mse_loss(student, student) == 0
    assert not mse_gradient(student, student).any()


@FEW
@given(pair=fractions())
def test_the_reductions_differ_by_the_number_they_divide_by(pair):
    student, teacher = pair
    total = mse_loss(student, teacher, reduction="sum")
    slope = mse_gradient(student, teacher, reduction="sum")
    for reduction, n in (("mean", student.size), ("batch_mean", len(student))):
        assert mse_loss(student, teacher, reduction=reduction) * n == total
        assert (mse_gradient(student, teacher, reduction=reduction) * n == slope).all()


@FEW
@given(pair=fractions(), factor=st.integers(-4, 4))
def test_mse_scales_with_the_square_and_its_gradient_with_the_factor(pair, factor):
    student, teacher = pair
    assert mse_loss(factor * student, factor * teacher) == factor**2 * mse_loss(student, teacher)
    assert (mse_gradient(factor * student, factor * teacher) == factor * mse_gradient(student, teacher)).all()


@FEW
@given(pair=fractions(), shift=st.fractions(-3, 3, max_denominator=5))
def test_mse_depends_on_the_difference_alone(pair, shift):
    student, teacher = pair
    assert mse_loss(student + shift, teacher + shift) == mse_loss(student, teacher)


@FEW
@given(reduction=REDUCTION, pair=fractions())
def test_mse_goes_down_along_its_negative_gradient(reduction, pair):
    student, teacher = pair
    assume((student != teacher).any())
    gradient = mse_gradient(student, teacher, reduction=reduction)
    # the loss is |d|^2 / N and the gradient 2 d / N: a step t leaves |d|^2 (1 - 2 t / N)^2 / N, less for 0 < t < N
    step = Fraction(1, 3)
    moved = student - step * gradient
    assert mse_loss(moved, teacher, reduction=reduction) < mse_loss(student, teacher, reduction=reduction)


@FEW
@given(pair=fractions())
def test_a_batch_s_mean_is_the_size_weighted_mean_of_its_parts(pair):
    student, teacher = pair
    assume(len(student) > 1)
    parts = [mse_loss(s, t) * s.size for s, t in ((student[:1], teacher[:1]), (student[1:], teacher[1:]))]
    assert mse_loss(student, teacher) == sum(parts) / student.size


@pytest.mark.parametrize(
    ("student", "teacher", "dtype"),
    [
        (np.float32(1), np.float16(2), "float32"),
        (np.array(1).astype(BFLOAT16), np.float16(2), "float32"),
        (np.array(1).astype(BFLOAT16), np.float32(2), "float32"),
        (np.float32(1), np.float64(2), "float64"),
        (np.int8(1), np.int64(2), "float64"),
        (np.float16(1), np.int8(2), "float64"),
        ([1], [2], "float64"),
    ],
)
def test_the_gradient_has_the_common_dtype(student, teacher, dtype):
    assert mse_gradient(student, teacher).dtype.name == dtype


def test_floats_beside_fractions_are_taken_exactly():
    assert mse_loss(np.array([Fraction(1, 3)], object), np.array([0.1])) == (Fraction(1, 3) - Fraction(0.1)) ** 2
    assert mse_gradient(np.array([Fraction(1, 3)], object), [1])[0] == Fraction(-4, 3)


@given(pair=EIGHTHS, reduction=REDUCTION, square=st.integers(500, 515), power=st.integers(1015, 1023))
def test_a_mean_is_infinite_where_it_is_past_the_largest_float_and_not_its_sum(pair, reduction, square, power):
    s, t = pair
    with np.errstate(over="ignore"):  # powers of two change no rounding
        loss = mse_loss(np.ldexp(s, square), np.ldexp(t, square), reduction=reduction)
        assert loss == np.ldexp(mse_loss(s, t, reduction=reduction), 2 * square)
        gradient = mse_gradient(np.ldexp(s, power), np.ldexp(t, power), reduction=reduction)
        np.testing.assert_array_equal(gradient, np.ldexp(mse_gradient(s, t, reduction=reduction), power))


def test_squares_past_the_largest_float_are_infinite():
    assert mse_loss([1e200], [-1e200]) == np.inf
    assert mse_loss([1.5e308], [-1.5e308]) == np.inf
    assert mse_gradient([1.5e308], [-1.5e308]).tolist() == [np.inf]
    assert mse_gradient(np.array([6e4], np.float16), np.array([-6e4], np.float16)).tolist() == [np.inf]


def test_the_sum_of_nothing_is_zero():
    assert mse_loss([], [], reduction="sum") == 0
    assert mse_loss(np.zeros((3, 0)), np.zeros((3, 0)), reduction="batch_mean") == 0
    nothing = np.array([], object)
    assert mse_loss(nothing, nothing, reduction="sum") == 0
    assert isinstance(mse_loss(nothing, nothing, reduction="sum"), Fraction)
    assert mse_gradient(np.zeros((0, 2)), np.zeros((0, 2)), reduction="sum").shape == (0, 2)


def test_a_number_is_a_mean_of_one():
    assert mse_loss(3.0, 1.0) == 4.0
    assert mse_gradient(3.0, 1.0).shape == ()


@pytest.mark.parametrize("function", [mse_loss, mse_gradient])
@pytest.mark.parametrize(
    ("student", "teacher", "settings", "error", "message"),
    [
        (
            np.ones((77, 1)),
            np.ones(77),
            {},
            ValueError,
            r"student has shape \(77, 1\), teacher has shape \(77,\): they must be equal",
        ),
        (1.0, [1.0], {}, ValueError, r"student has shape \(\), teacher has shape \(1,\): they must be equal"),
        ([0.0, np.nan], [0.0, 0.0], {}, ValueError, r"student\[1\] is nan: only finite values can be compared"),
        ([[0.0]], [[-np.inf]], {}, ValueError, r"teacher\[0, 0\] is -inf: only finite values can be compared"),
        ([], [], {}, ValueError, r"student has shape \(0,\): reduction='mean' would be 0 / 0; the sum is 0"),
        (np.ones((0, 2)), np.ones((0, 2)), {"reduction": "batch_mean"}, ValueError, "'batch_mean' would be 0 / 0"),
        (1.0, 1.0, {"reduction": "batch_mean"}, ValueError, "student is 0-d: reduction='batch_mean' divides by the fi"),
        ([1.0], [1.0], {"reduction": "average"}, ValueError, "reduction is 'average': it must be one of mean, sum, ba"),
        ([1.0], [1.0], {"reduction": None}, TypeError, "reduction is None: it must be one of mean, sum, batch_mean"),
        (["a"], [1.0], {}, TypeError, "student has dtype <U1: it must hold integers or floats"),
        ([1.0], [True], {}, TypeError, "teacher has dtype bool"),
        ([1.0], [None], {}, TypeError, r"teacher\[0\] is None \(NoneType\): an object array must hold fractions"),
        ([1.0], np.array([1.5], object), {}, TypeError, r"teacher\[0\] is 1.5 \(float\): an object array must hold"),
        ([1.0], np.array([True], object), {}, TypeError, r"teacher\[0\] is True \(bool\): an object array must hold"),
        ([2**53 + 1], [1.0], {}, ValueError, r"student\[0\] is 9007199254740993: float64 cannot hold this integer"),
    ],
)
def test_a_bad_argument_of_mse_is_named(function, student, teacher, settings, error, message):
    with pytest.raises(error, match=message):
        function(student, teacher, **settings)


def test_views_and_orders_give_what_their_copy_gives():
    student = np.arange(24.0).reshape(4, 6) / 7
    teacher = student[::-1] * 1.5
    expected = mse_gradient(student, teacher.copy())
    for view in (np.asfortranarray(student), student.astype(">f8"), np.lib.stride_tricks.as_strided(student)):
        assert np.array_equal(mse_gradient(view, teacher), expected)
        assert mse_loss(view, teacher) == mse_loss(student, teacher.copy())


def test_the_inputs_are_not_changed():
    student, teacher = np.array([1.0, 2.0]), np.array([Fraction(1), Fraction(2)], object)
    student.flags.writeable = teacher.flags.writeable = False
    for other in (student, teacher):
        mse_loss(student, other)
        assert not np.shares_memory(mse_gradient(student, other), student)
    assert student.tolist() == [1.0, 2.0]


def test_the_cores_of_mse_take_complex_numbers():
    d = np.array([3.0 + 1e-200j, -1.0])
    assert squared_error(d, 2).imag == 3e-200
    assert squared_error_gradient(np.array([3.0, -1.0]), 2)[0] == 3.0


def logits(low, high):
    return st.tuples(st.integers(1, 3), st.integers(1, 4)).flatmap(
        lambda s: st.tuples(
            hnp.arrays(np.float64, s, elements=st.floats(low, high) | st.integers(-3, 3).map(float)),
            hnp.arrays(np.int64, s[0], elements=st.integers(0, s[1] - 1)),
        )
    )


def gap(z):
    """R, the largest difference of logits of an example, up to where exp underflows."""
    return min(Fraction(745), max(max(row) - min(row) for row in exact(z)))


@FEW
@given(logits(-1000, 1000))
def test_softmax_is_within_its_bound(arrays):
    z, _ = arrays
    k = z.shape[1] + 2 * gap(z) + 8
    for result, row in zip(exact(softmax(z)), exact(z), strict=True):
        for p, expected in zip(result, oracle.softmax(row), strict=True):
            # exp and the quotient can be subnormal
            assert abs(p - expected) <= gamma(k) * expected + 3 * TINY


@FEW
@given(logits(-1000, 1000))
def test_cross_entropy_is_within_its_bound(arrays):
    z, labels = arrays
    n, c = z.shape
    losses, _ = zip(*(oracle.cross_entropy(row, y) for row, y in zip(exact(z), labels, strict=True)), strict=True)
    for reduction, divisor in (("sum", 1), ("mean", n)):
        expected = sum(losses) / divisor
        result = Fraction(softmax_cross_entropy(z, labels, reduction=reduction))
        assert abs(result - expected) <= gamma(n + c + gap(z) + 9) * expected + n * c * TINY


@FEW
@given(logits(-1000, 1000))
def test_the_gradient_of_cross_entropy_is_within_its_bound(arrays):
    z, labels = arrays
    n, c = z.shape
    gradients = [oracle.cross_entropy(row, y)[1] for row, y in zip(exact(z), labels, strict=True)]
    for reduction, divisor in (("sum", 1), ("mean", n)):
        result = softmax_cross_entropy_gradient(z, labels, reduction=reduction)
        for d, expected in zip(flat(exact(result)), flat(gradients), strict=True):
            # what underflows: c exponentials, the quotients by the sum and by n
            error = gamma(2 * c + 2 * gap(z) + 8) * abs(expected) / divisor + (c + 2) * TINY
            assert abs(d - expected / divisor) <= error


@FEW
@given(logits(-30, 30))
def test_the_gradient_of_cross_entropy_is_that_of_the_complex_step(arrays):
    z, labels = arrays
    _, gradient = cross_entropy(z, labels)
    # A derivative is the sum of two terms of size at most 1 each, -1 and the probability. Both ways err on each by at
    # most (2 c + 2 R + 8) u as above; complex exp, log1p (1 + x and an arc tangent) and the products and sums of
    # imaginary parts add fewer than 2 c + 16 more. h = 2^-100 leaves h^2 of the third derivative, which is below 1.
    c = z.shape[1]
    bound = float(gamma(2 * (2 * c + 2 * gap(z) + 8) + 2 * (2 * c + 16)))
    for j in range(c):
        moved = z.astype(complex)
        moved[:, j] += 2.0**-100 * 1j
        loss, _ = cross_entropy(moved, labels)
        assert not (np.abs(loss.imag * 2.0**100 - gradient[:, j]) > bound).any()


def test_a_large_gap_is_the_loss_itself():
    z = np.array([[-431.0, 279.0, 427.0]])
    assert softmax_cross_entropy(z, [0]) == 858.0
    gradient = softmax_cross_entropy_gradient(z, [0])[0]
    assert gradient[0] == -1.0
    assert gradient[2] == 1.0
    expected = oracle.cross_entropy(exact(z)[0], 0)[1][1]
    assert abs(Fraction(gradient[1]) - expected) <= gamma(2 * 3 + 2 * 745 + 8) * expected


@FEW
@given(logits(-1e300, 1e300))
def test_the_loss_is_at_least_the_gap_between_the_largest_logit_and_the_label_s(arrays):
    z, labels = arrays
    for row, label in zip(z, labels, strict=True):
        with np.errstate(over="ignore"):
            assert softmax_cross_entropy(row[None], [label]) >= row.max() - row[label] >= 0


def test_a_sure_and_right_answer_keeps_its_tiny_loss():
    assert softmax_cross_entropy([[100.0, 0.0]], [0]) == np.exp(-100.0)
    assert softmax_cross_entropy_gradient([[100.0, 0.0]], [0]).tolist() == [[-np.exp(-100.0), np.exp(-100.0)]]


@FEW
@given(logits(-50, 50), st.integers(-(10**4), 10**4))
def test_a_shift_of_all_logits_changes_nothing(arrays, shift):
    z, labels = arrays
    z = np.round(z * 64) / 64  # so that the shifted logits are exact
    assert softmax_cross_entropy(z + shift, labels) == softmax_cross_entropy(z, labels)
    assert np.array_equal(softmax(z + shift), softmax(z))
    assert np.array_equal(softmax_cross_entropy_gradient(z + shift, labels), softmax_cross_entropy_gradient(z, labels))


@FEW
@given(logits(-50, 50))
def test_an_impossible_class_changes_nothing(arrays):
    z, labels = arrays
    wider = np.column_stack([z, np.full(len(z), -1e9)])
    # the sums have one term more, a zero
    assert softmax_cross_entropy(wider, labels) == softmax_cross_entropy(z, labels)
    assert np.array_equal(softmax_cross_entropy_gradient(wider, labels)[:, -1], np.zeros(len(z)))


@FEW
@given(logits(-50, 50))
def test_an_example_is_not_affected_by_the_others(arrays):
    z, labels = arrays
    gradient = softmax_cross_entropy_gradient(z, labels, reduction="sum")
    for i in range(len(z)):
        alone = softmax_cross_entropy_gradient(z[i : i + 1], labels[i : i + 1], reduction="sum")
        assert np.array_equal(gradient[i : i + 1], alone)


@pytest.mark.parametrize("dtype", FLOATS)
def test_logits_of_every_float_are_computed_in_float64_and_rounded_once(dtype):
    z = np.array([[0.5, -1.25, 3.0], [2.0, 2.0, -7.0]]).astype(dtype)
    for function, args in ((softmax, ()), (softmax_cross_entropy_gradient, ([0, 2],))):
        result, wide = function(z, *args), function(z.astype(np.float64), *args)
        assert result.dtype == dtype
        for v, w in zip(flat(exact(result)), flat(exact(wide)), strict=True):
            assert_rounded(v, w, 0, dtype)
    assert softmax_cross_entropy(z, [0, 2]) == softmax_cross_entropy(z.astype(np.float64), [0, 2])


@pytest.mark.parametrize("low", [-740.0, -800.0, -1.7e308])  # a subnormal exponential, none, and a gap past all floats
def test_a_caller_who_asks_numpy_to_raise_hears_nothing_of_what_underflows(low):
    z = [[1.7e308 if low < -1e308 else 0.0, low]]
    with np.errstate(all="raise"):
        assert softmax(z)[0, 0] == 1
        assert softmax_cross_entropy(z, [0]) < 1e-300
        assert np.abs(softmax_cross_entropy_gradient(z, [0])).max() < 1e-300


def test_softmax_is_over_the_last_axis_of_any_shape():
    z = np.array([[[5.0, 1.0]], [[0.0, 0.0]]])
    assert np.array_equal(softmax(z)[1, 0], [0.5, 0.5])
    assert np.array_equal(softmax(z)[0, 0], softmax(z[0, 0]))
    assert softmax(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("labels", [np.array([2, 0], np.uint64), np.array([2, 0], ">i2"), [2, 0]])
def test_labels_of_every_integer_dtype_count(labels):
    z = np.array([[1.0, 2.0, 4.0], [0.0, 1.0, -1.0]])
    assert softmax_cross_entropy(z, labels) == softmax_cross_entropy(z, np.array([2, 0]))


def test_no_examples_have_no_loss():
    assert softmax_cross_entropy(np.zeros((0, 3)), [], reduction="sum") == 0.0
    assert softmax_cross_entropy_gradient(np.zeros((0, 3)), [], reduction="sum").shape == (0, 3)


@pytest.mark.parametrize("function", [softmax_cross_entropy, softmax_cross_entropy_gradient])
@pytest.mark.parametrize(
    ("logits", "labels", "settings", "error", "message"),
    [
        ([[1.0, 2.0]], [2], {}, ValueError, r"labels\[0\] is 2: the classes are 0 to 1"),
        ([[1.0, 2.0]] * 2, [0, -1], {}, ValueError, r"labels\[1\] is -1: the classes are 0 to 1"),
        ([[1.0, 2.0]], [0, 1], {}, ValueError, r"labels has shape \(2,\), logits has shape \(1, 2\): labels must be"),
        ([[1.0, 2.0]], [[0]], {}, ValueError, r"labels has shape \(1, 1\)"),
        ([1.0, 2.0], 0, {}, ValueError, r"logits has shape \(2,\): it must be \(n, c\), one example a row"),
        (1.0, [0], {}, ValueError, r"logits has shape \(\): there must be at least one class"),
        (np.zeros((2, 0)), [0, 0], {}, ValueError, r"logits has shape \(2, 0\): there must be at least one class"),
        ([[1.0, np.nan]], [0], {}, ValueError, r"logits\[0, 1\] is nan: only finite values can be compared"),
        ([[1.0, np.inf]], [0], {}, ValueError, r"logits\[0, 1\] is inf"),
        (np.zeros((0, 2)), [], {}, ValueError, r"logits has shape \(0,\): reduction='mean' would be 0 / 0"),
        ([[1.0, 2.0]], [0], {"reduction": "batch_mean"}, ValueError, "'batch_mean': it must be one of mean, sum"),
        ([[1.0, 2.0]], [0.0], {}, TypeError, "labels has dtype float64: it must hold integers"),
        ([["a"]], [0], {}, TypeError, "logits has dtype <U1"),
        (np.array([[Fraction(1)]], object), [0], {}, TypeError, "logits has dtype object"),
    ],
)
def test_a_bad_argument_of_cross_entropy_is_named(function, logits, labels, settings, error, message):
    with pytest.raises(error, match=message):
        function(logits, labels, **settings)

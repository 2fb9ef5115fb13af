from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.distillation import cosines, distance, relation_loss, relative_distances

from refcompress.distillation.features import (
    angle_relation,
    distance_relation,
    hint_gradients,
    hint_loss,
    rkd_angle_gradient,
    rkd_angle_loss,
    rkd_distance_gradient,
    rkd_distance_loss,
)

FEW = settings(max_examples=20)  # decimals and fractions are slow
U = Fraction(1, 2**53)
REDUCTION = st.sampled_from(["batch_mean", "mean", "sum"])
RELATIONS = pytest.mark.parametrize(
    ("core", "psi", "loss", "gradient"),
    [
        (distance_relation, relative_distances, rkd_distance_loss, rkd_distance_gradient),
        (angle_relation, cosines, rkd_angle_loss, rkd_angle_gradient),
    ],
    ids=["distance", "angle"],
)


def gamma(k):
    return k * U / (1 - k * U)


def fractions(*shapes):
    size = sum(a * b for a, b in shapes)
    return st.lists(st.integers(-9, 9).map(lambda v: Fraction(v, 4)), min_size=size, max_size=size).map(
        lambda values: cut(values, shapes)
    )


def cut(values, shapes):
    arrays = []
    for rows, columns in shapes:
        part, values = values[: rows * columns], values[rows * columns :]
        array = np.empty((rows, columns), object)
        array[...] = np.array(part, object).reshape(rows, columns)
        arrays.append(array)
    return arrays


SIZES = st.tuples(*(st.integers(1, 3) for _ in range(3)))
HINTS = SIZES.flatmap(lambda v: fractions((v[0], v[1]), (v[0], v[2]), (v[1], v[2])))


@FEW
@given(arrays=HINTS, reduction=REDUCTION)
def test_the_hint_loss_of_fractions_is_its_formula(arrays, reduction):
    s, t, w = arrays
    total = sum(
        (sum(s[i, k] * w[k, j] for k in range(len(w))) - t[i, j]) ** 2 for i in range(len(t)) for j in range(t.shape[1])
    )
    divisor = {"batch_mean": len(t), "mean": t.size, "sum": 1}[reduction]
    assert hint_loss(s, t, w, reduction=reduction) == total / (2 * divisor)


@FEW
@given(arrays=HINTS, reduction=REDUCTION, step=st.fractions(1, 3, max_denominator=5))
def test_the_central_differences_of_the_hint_loss_are_its_gradients(arrays, reduction, step):
    gradients = hint_gradients(*arrays, reduction=reduction)
    for which, gradient in ((0, gradients[0]), (2, gradients[1])):
        for index in np.ndindex(arrays[which].shape):
            ends = []
            for move in (step, -step):
                moved = [a.copy() for a in arrays]
                moved[which][index] += move
                ends.append(hint_loss(*moved, reduction=reduction))
            assert (ends[0] - ends[1]) / (2 * step) == gradient[index]  # the loss is a square in each


@FEW
@given(arrays=HINTS, reduction=REDUCTION, up=st.integers(480, 512), by=st.integers(-40, 600))
def test_hints_are_infinite_where_the_result_is_and_not_on_the_way(arrays, reduction, up, by):
    s, t, w = (a.astype(np.float64) for a in arrays)
    large = np.ldexp(s, up - by), np.ldexp(t, up), np.ldexp(w, by)  # powers of two change no rounding
    with np.errstate(over="ignore"):
        assert hint_loss(*large, reduction=reduction) == np.ldexp(hint_loss(s, t, w, reduction=reduction), 2 * up)
        for got, plain, power in zip(
            hint_gradients(*large, reduction=reduction),
            hint_gradients(s, t, w, reduction=reduction),
            (up + by, 2 * up - by),
            strict=True,
        ):
            np.testing.assert_array_equal(got, np.ldexp(plain, power))


@FEW
@given(n=st.integers(1, 4), up=st.integers(1022, 1023), of_w=st.integers(0, 20), teacher=st.integers(-3, 3))
def test_gradients_are_exact_where_only_the_prediction_of_one_example_overflows(n, up, of_w, teacher):
    # s W = 2^up (1 + 1 - 1), which overflows on the way; each number is a few bits, so that no rounding is left
    s = np.zeros((n, 3))
    s[0] = np.ldexp([1.0, 1.0, -1.0], up - of_w)
    t, w = np.ldexp(np.full((n, 1), float(teacher)), up - 3), np.ldexp(np.ones((3, 1)), of_w)
    exact = [np.vectorize(Fraction, otypes=[object])(a) for a in (s, t, w)]
    assert hint_loss(s, t, w) == np.inf
    for got, right in zip(hint_gradients(s, t, w), hint_gradients(*exact), strict=True):
        np.testing.assert_array_equal(got, np.vectorize(_float, otypes=[float])(right))


@FEW
@given(up=st.integers(0, 900), lone=st.integers(-150, 150))
def test_a_projection_may_be_as_large_as_a_float_is(up, lone):
    s, t, w = np.array([[1.0, 1.0, -1.0]]), np.array([[0.0]]), np.full((3, 1), 2.0**1023)
    by_student, by_projection = hint_gradients(np.ldexp(s, -lone), t, np.ldexp(w, min(lone, 0)))
    assert np.isinf(by_student).all()
    far = 1023 + min(lone, 0) - 2 * lone
    np.testing.assert_array_equal(by_projection.ravel(), [_float(v * Fraction(2) ** far) for v in (1, 1, -1)])


def _float(v):
    return float(v) if abs(v) < 2**1024 else np.copysign(np.inf, float(v > 0) - 0.5)


def test_a_loss_may_be_finite_where_its_sum_of_squares_is_not():
    s, t, w = np.zeros((4, 1)), np.zeros((4, 1)), np.ones((1, 1))
    s[2] = 2.0**512
    assert hint_loss(s, t, w) == 2.0**1021


def test_examples_beside_one_that_overflows_keep_their_digits():
    s, t, w = np.array([[2.0**1023, 2.0**1023], [2.0**-600, 2.0**-610]]), np.zeros((2, 1)), np.ones((2, 1))
    by_student, _ = hint_gradients(s, t, w)
    assert by_student[1].tolist() == [2.0**-601 + 2.0**-611] * 2


def test_hints_of_float32_neither_overflow_nor_underflow_with_a_warning():
    with np.errstate(all="raise"):
        for size, gradient in ((2.0**100, np.inf), (2.0**-100, 0.0)):
            s = np.array([[size]], np.float32)
            assert [g.item() for g in hint_gradients(s, 0 * s, s)] == [gradient, gradient]


@FEW
@given(arrays=HINTS, reduction=REDUCTION)
def test_hints_of_floats_are_within_their_bounds(arrays, reduction):
    exact = [np.vectorize(lambda v: Fraction(float(v) / 7), otypes=[object])(a) for a in arrays]
    floats = [a.astype(np.float64) for a in exact]
    s, t, w = (np.abs(a) for a in exact)
    (n, d), c = s.shape, t.shape[1]
    N = {"batch_mean": n, "mean": n * c, "sum": 1}[reduction]
    E = s @ w + t
    error = abs(Fraction(hint_loss(*floats, reduction=reduction)) - hint_loss(*exact, reduction=reduction))
    assert error <= gamma(2 * d + n * c + 6) * np.sum(E * E) / (2 * N)
    bounds = gamma(d + c + 3) * (E @ w.T) / N, gamma(d + n + 3) * (s.T @ E) / N
    for got, right, bound in zip(
        hint_gradients(*floats, reduction=reduction), hint_gradients(*exact, reduction=reduction), bounds, strict=True
    ):
        assert all(abs(Fraction(float(got[i])) - right[i]) <= bound[i] for i in np.ndindex(right.shape))


def decimals(values, rows, columns):
    array = np.empty((rows, columns), object)
    array[...] = np.array([Decimal(v) / 4 for v in values], object).reshape(rows, columns)
    return array


def relations(least=3):
    return st.tuples(st.integers(least, 4), st.integers(1, 3), st.integers(1, 2)).flatmap(
        lambda v: st.tuples(
            st.lists(st.integers(-9, 9), min_size=v[0] * v[1], max_size=v[0] * v[1]).map(
                lambda x: decimals(x, v[0], v[1])
            ),
            st.lists(st.integers(-9, 9), min_size=v[0] * v[2], max_size=v[0] * v[2]).map(
                lambda x: decimals(x, v[0], v[2])
            ),
        )
    )


def distinct(rows):
    return len({tuple(row) for row in rows.tolist()}) == len(rows)


@RELATIONS
@FEW
@given(pair=relations())
def test_the_loss_of_a_relation_is_its_formula(core, psi, loss, gradient, pair):
    with localcontext() as context:
        context.prec = 60
        got, _ = core(*pair)
    # 60 digits, fewer than 100 operations on numbers up to 100
    assert abs(got - relation_loss(*(a.tolist() for a in pair), psi)) <= Decimal(10) ** -54


@RELATIONS
@FEW
@given(pair=relations().filter(lambda pair: distinct(pair[0])))
def test_the_central_difference_of_a_relation_is_its_gradient(core, psi, loss, gradient, pair):
    student, teacher = pair
    h = Decimal(10) ** -20
    with localcontext() as context:
        context.prec = 60
        _, slopes = core(student, teacher)
        for index in np.ndindex(student.shape):
            ends = []
            for move in (h, -h):
                moved = student.copy()
                moved[index] += move
                ends.append(core(moved, teacher)[0])
            # where huber's second derivative jumps, the error is h times that jump: distances are at least 1/4, so
            # that first derivatives of psi are below 100 and their squares below 10^4
            assert abs((ends[0] - ends[1]) / (2 * h) - slopes[index]) <= Decimal(10) ** -15


@RELATIONS
@FEW
@given(pair=relations().filter(lambda pair: distinct(pair[0])))
def test_floats_follow_the_decimals(core, psi, loss, gradient, pair):
    with localcontext() as context:
        context.prec = 60
        value, slopes = core(*pair)
    floats = [a.astype(np.float64) for a in pair]
    # n <= 4 and d <= 3: differences are exact and fewer than 200 roundings follow one another; distances from 1/4 to
    # 10, a mean of at least 1/8 and 24 terms keep all intermediate sums of magnitudes below 2^10 for the gradient
    assert abs(Fraction(loss(*floats)) - Fraction(value)) <= gamma(200) * 2**10
    result = gradient(*floats)
    assert all(
        abs(Fraction(float(result[i])) - Fraction(slopes[i])) <= gamma(200) * 2**10 for i in np.ndindex(slopes.shape)
    )


@FEW
@given(pair=relations(), odd=st.sampled_from([7, 11, 13]))
def test_the_losses_of_relations_are_within_their_bounds(pair, odd):
    floats = [np.array([[float(v) / odd for v in row] for row in a.tolist()]).reshape(a.shape) for a in pair]
    exact = [np.vectorize(Decimal, otypes=[object])(a) for a in floats]
    (n, d), c = floats[0].shape, floats[1].shape[1]
    pairs, triples = n * (n - 1) // 2, n * (n - 1) * (n - 2)
    with localcontext() as context:
        context.prec = 60
        right = distance_relation(*exact)[0], angle_relation(*exact)[0]
    slack = Fraction(1, 10**50)  # of the decimals
    for got, value, k in (
        (rkd_distance_loss(*floats), right[0], 3 * (d + c) + 6 * pairs + 28),
        (rkd_angle_loss(*floats), right[1], 5 * (d + c) + 2 * triples + 40),
    ):
        assert abs(Fraction(got) - Fraction(value)) <= gamma(k) + slack


def unit(a, b):
    """Return (a - b) / |a - b|, or zeros."""
    length = distance(a, b)
    return [(x - y) / length if length else Decimal(0) for x, y in zip(a, b, strict=True)]


def sizes_of_distances(s, t):
    """Return sum_j (P_ij + R) |e_ijk| / (M mu) for every entry, and what stands in the gamma."""
    n, pairs = len(s), [(i, j) for i in range(len(s)) for j in range(i + 1, len(s))]
    mean = sum(distance(s[i], s[j]) for i, j in pairs) / len(pairs)
    psi, goal = relative_distances(s), relative_distances(t)
    size = [a + b for a, b in zip(psi, goal, strict=True)]
    rest = sum(p * a for p, a in zip(size, psi, strict=True)) / len(pairs)
    total = [[Decimal(0)] * len(s[0]) for _ in s]
    for (i, j), p in zip(pairs, size, strict=True):
        for k, e in enumerate(unit(s[i], s[j])):
            for row in (i, j):
                total[row][k] += (p + rest) * abs(e) / (len(pairs) * mean) if e else 0
    return total, 10 * max(len(s[0]), len(t[0])) + 7 * len(pairs) + n + 39


def sizes_of_angles(s, t):
    """Return sum_j (B_ijk + B_jik) for every entry, and what stands in the gamma."""
    n, d = len(s), len(s[0])
    triples = n * (n - 1) * (n - 2)
    total = [[Decimal(0)] * d for _ in s]
    for i in range(n):
        for j in range(n):
            length = distance(s[i], s[j])
            if not length:
                continue
            others = [unit(s[k], s[j]) for k in range(n) if k not in (i, j)]
            h = [2 * sum(abs(e[c]) for e in others) / triples for c in range(d)]
            e = [abs(v) for v in unit(s[i], s[j])]
            along = sum(a * b for a, b in zip(e, h, strict=True))
            for row in (i, j):
                for c in range(d):
                    total[row][c] += (h[c] + e[c] * along) / length
    return total, 14 * d + 5 * len(t[0]) + 2 * n + 69


@pytest.mark.parametrize(
    ("core", "gradient", "sizes"),
    [
        (distance_relation, rkd_distance_gradient, sizes_of_distances),
        (angle_relation, rkd_angle_gradient, sizes_of_angles),
    ],
    ids=["distance", "angle"],
)
@FEW
@given(pair=relations(), odd=st.sampled_from([7, 11, 13]))
def test_the_gradients_of_relations_are_within_their_bounds(core, gradient, sizes, pair, odd):
    floats = [np.array([[float(v) / odd for v in row] for row in a.tolist()]).reshape(a.shape) for a in pair]
    exact = [np.vectorize(Decimal, otypes=[object])(a) for a in floats]
    with localcontext() as context:
        context.prec = 60
        right = core(*exact)[1]
        size, k = sizes(*(a.tolist() for a in exact))
    got = gradient(*floats)
    slack = Fraction(1, 10**50)  # of the decimals
    for i in np.ndindex(right.shape):
        assert abs(Fraction(float(got[i])) - Fraction(right[i])) <= gamma(k) * Fraction(size[i[0]][i[1]]) + slack


def test_the_bounds_of_the_gradients_of_relations_tell_float32_from_float64():
    s, t = np.array([[0.1, 1.7], [2.3, 0.4], [1.9, -1.3]]), np.array([[1.1], [3.4], [4.2]])
    exact = [np.vectorize(Decimal, otypes=[object])(a).tolist() for a in (s, t)]
    for core, sizes in ((distance_relation, sizes_of_distances), (angle_relation, sizes_of_angles)):
        right, narrow = core(s, t)[1], core(s.astype(np.float32), t.astype(np.float32))[1]
        size, k = sizes(*exact)
        assert (np.abs(narrow - right) > 1e4 * float(gamma(k)) * np.array(size, float)).any()


@RELATIONS
@given(values=st.lists(st.integers(-9, 9), min_size=24, max_size=24), shift=st.integers(-50, 50))
def test_a_relation_does_not_see_where_all_examples_stand(core, psi, loss, gradient, values, shift):
    s, t = np.array(values[:12], float).reshape(4, 3), np.array(values[12:], float).reshape(4, 3)
    assert loss(s + shift, t) == loss(s, t)
    assert np.array_equal(gradient(s + shift, t), gradient(s, t))


@RELATIONS
@given(values=st.lists(st.integers(-9, 9), min_size=12, max_size=12), power=st.integers(-3, 3))
def test_a_relation_does_not_see_the_scale(core, psi, loss, gradient, values, power):
    s = np.array(values, float).reshape(4, 3)
    assert loss(s * 2.0**power, s) == 0
    assert not gradient(s * 2.0**power, s).any()


@RELATIONS
@given(values=st.lists(st.integers(-9, 9), min_size=24, max_size=24))
def test_the_gradient_of_a_relation_moves_no_centre(core, psi, loss, gradient, values):
    s, t = np.array(values[:12], float).reshape(4, 3), np.array(values[12:], float).reshape(4, 3)
    slopes = gradient(s, t)
    # every difference gives to one example what it takes from another: only the sums of 4 examples round
    assert (np.abs(slopes.sum(axis=0)) <= 64 * 2.0**-53 * np.maximum(np.abs(slopes).max(), 1)).all()


@RELATIONS
def test_equal_examples_have_a_gradient_of_zero(core, psi, loss, gradient):
    s, t = np.ones((4, 2)), np.arange(8.0).reshape(4, 2) ** 2
    assert np.isfinite(loss(s, t))
    assert not gradient(s, t).any()
    some = np.array([[0.0, 0], [0, 0], [1, 2], [3, 1]])
    assert np.isfinite(gradient(some, t)).all()


def test_known_relations():
    # distances 1, 2, 3 with mean 2 against 1, 1, 2 with mean 4/3: .5, 1, 1.5 against .75, .75, 1.5
    assert rkd_distance_loss([[0.0], [1.0], [3.0]], [[0.0], [1.0], [2.0]]) == pytest.approx(
        (0.25**2) / 3, rel=1e-14, abs=0
    )
    # a right angle and two of 45 degrees against a straight line
    straight, square = [[-1.0, 0], [0, 0], [1, 0]], [[0.0, 1], [0, 0], [1, 0]]
    at_vertex, at_ends = 0.5, 2 * (1 - 0.5**0.5) ** 2 / 2
    assert rkd_angle_loss(square, straight) == pytest.approx((at_vertex + at_ends) / 3, rel=1e-14, abs=0)


def test_a_gradient_has_the_dtype_of_the_student():
    s, t = np.arange(6, dtype=np.float32).reshape(3, 2) ** 2, np.arange(6.0).reshape(3, 2)
    assert rkd_distance_gradient(s, t).dtype == np.float32
    assert rkd_angle_gradient(s.astype(np.int8), t).dtype == np.float64
    assert {g.dtype for g in hint_gradients(s, s, np.eye(2, dtype=np.float32))} == {np.dtype(np.float32)}


@pytest.mark.parametrize("wide", range(3))
def test_one_float64_makes_both_gradients_of_a_hint_float64(wide):
    arrays = [np.eye(2, dtype=np.float64 if place == wide else np.float32) for place in range(3)]
    assert {g.dtype for g in hint_gradients(*arrays)} == {np.dtype(np.float64)}


def test_the_inputs_are_not_changed():
    s, t, w = np.arange(6.0).reshape(3, 2), np.ones((3, 1)), np.ones((2, 1))
    for array in (s, t, w):
        array.flags.writeable = False
    hint_gradients(s, t, w)
    rkd_distance_gradient(s, t)
    rkd_angle_gradient(s, t)
    assert s.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]


@pytest.mark.parametrize(
    ("function", "given", "error", "message"),
    [
        (hint_loss, ([1.0], [[1.0]], [[1.0]]), ValueError, r"student has shape \(1,\): it must be \(examples, feat"),
        (hint_loss, ([[1.0]], [[1.0], [2.0]], [[1.0]]), ValueError, "they must have as many rows"),
        (
            hint_loss,
            ([[1.0]], [[1.0, 2.0]], [[1.0]]),
            ValueError,
            r"projection has shape \(1, 1\): it must be \(1, 2\)",
        ),
        (hint_loss, ([[1.0]], [1.0], [[1.0]]), ValueError, r"teacher has shape \(1,\): it must be \(examples, feat"),
        (
            hint_gradients,
            ([[np.nan]], [[1.0]], [[1.0]]),
            ValueError,
            "student.* is nan: only finite values can be compared",
        ),
        (
            hint_loss,
            (np.ones((0, 1)), np.ones((0, 2)), np.ones((1, 2))),
            ValueError,
            r"teacher has shape \(0, 2\): reduc",
        ),
        (rkd_distance_loss, ([["a"]], [[1.0]]), TypeError, "student has dtype <U1"),
        (rkd_distance_loss, ([1.0], [[1.0]]), ValueError, r"student has shape \(1,\): it must be \(examples, feat"),
        (rkd_distance_loss, ([[np.inf]], [[1.0]]), ValueError, "student.* is inf: only finite values can be compared"),
        (rkd_distance_loss, ([[1.0]], [[1.0]]), ValueError, r"student has shape \(1, 1\): relations need at least 2"),
        (rkd_angle_loss, (np.eye(2), np.eye(2)), ValueError, "relations need at least 3 examples"),
        (rkd_angle_gradient, (np.eye(3), np.eye(4)), ValueError, "they must have as many rows"),
        (rkd_distance_gradient, (np.eye(3), [[np.inf]] * 3), ValueError, r"teacher\[0, 0\] is inf: only finite"),
        (rkd_distance_gradient, (np.eye(3), [["a"]] * 3), TypeError, "teacher has dtype <U1"),
    ],
)
def test_a_bad_argument_is_named(function, given, error, message):
    with pytest.raises(error, match=message):
        function(*given)


@pytest.mark.parametrize("scale", [2.0**1000, 2.0**-1000, 2.0**-1020])
def test_relations_and_their_gradients_take_any_scale_that_a_float_has(scale):
    s, t = np.array([[0.0, 1.0], [2.0, 0.5], [1.0, -1.0]]), np.array([[1.0], [3.0], [4.0]])
    for loss, gradient in ((rkd_distance_loss, rkd_distance_gradient), (rkd_angle_loss, rkd_angle_gradient)):
        assert loss(s * scale, t / scale) == loss(s, t)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(gradient(s * scale, t), gradient(s, t) / scale)


@pytest.mark.parametrize("loss", [rkd_distance_loss, rkd_angle_loss])
def test_examples_that_all_but_coincide_give_a_loss_without_a_warning(loss):
    features = [[1.0, 0.0], [0.0, 2.0**-1070], [0.0, 0.0], [1.0, 1.0]]
    with np.errstate(all="raise"):
        assert 0 <= loss(features, features[::-1]) < 1


FAR, NEAR = np.array([[0.0, 0, 1], [1, 0, 1], [0, 2, 1], [1, 3, 1]]), np.arange(8.0).reshape(4, 2) ** 2


@pytest.mark.parametrize("size", [2.0**-1040, 2.0**-1072, 2.0**-1074])
@pytest.mark.parametrize("loss", [rkd_distance_loss, rkd_angle_loss])
def test_examples_may_differ_by_subnormals_alone(loss, size):
    scale = np.array([size, size, 4 * size])  # the last is the same for all, and no larger than it need be
    with np.errstate(all="raise"):
        assert loss(FAR * scale, NEAR) == loss(FAR, NEAR)
        assert np.isfinite(loss(FAR * [size, size, 1.0], NEAR))


@pytest.mark.parametrize("gradient", [rkd_distance_gradient, rkd_angle_gradient])
def test_gradients_overflow_without_a_warning(gradient):
    with np.errstate(all="raise"):
        assert not np.isfinite(gradient(FAR * [2.0**-1072, 2.0**-1072, 1.0], NEAR)).all()


def test_subnormal_features_keep_every_digit():
    steps = np.array([[0.0], [1.0], [3.0], [4.0]])  # the mean distance, 14/6, is no multiple of the smallest float
    near = [[0.0], [1.0], [2.0], [5.0]]
    assert rkd_distance_loss(steps * 2.0**-1074, near) == rkd_distance_loss(steps, near)


def test_an_angle_at_examples_that_coincide_has_no_gradient():
    s, t = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    assert rkd_angle_loss(s, t) > 0
    assert not rkd_angle_gradient(s, t).any()


def test_features_of_no_width_are_all_alike():
    none, some = np.zeros((3, 0)), np.array([[0.0], [1.0], [3.0]])
    for loss, gradient in ((rkd_distance_loss, rkd_distance_gradient), (rkd_angle_loss, rkd_angle_gradient)):
        assert loss(none, some) == loss(np.zeros((3, 1)), some)
        assert gradient(none, some).shape == (3, 0)


def test_of_two_examples_the_one_distance_is_its_own_mean():
    two = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert rkd_distance_gradient(two, 3 * two).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="2"):
        rkd_distance_gradient(two[:1], two[:1])


def test_a_hint_is_divided_by_the_examples_unless_asked_otherwise():
    student, teacher, projection = np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 3)), np.ones((2, 3))
    assert hint_loss(student, teacher, projection) == (3 * 2**2 + 3 * 6**2) / (2 * 2)

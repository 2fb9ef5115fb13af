from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles.distillation import distillation
from oracles.fixed_point import nearest_float

from refcompress.distillation.error_bounds import distillation_gradient_bound, distillation_loss_bound
from refcompress.distillation.losses import distillation_gradient, distillation_loss
from refcompress.mlp.error_bounds import precision_of
from refcompress.mlp.losses import mse_gradient

FEW = settings(max_examples=25)  # decimals are slow
FLOAT64 = precision_of("float64")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FORMATS = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149)}
DIRECTION = st.sampled_from(["forward", "reverse"])
SETTINGS = st.fixed_dictionaries(
    {
        "temperature": st.sampled_from([0.5, 1.0, 2, 3.7, 4.0, 20.0]),
        "scaled": st.booleans(),
        "reduction": st.sampled_from(["batch_mean", "mean", "sum"]),
        "direction": DIRECTION,
    }
)


def pairs(largest=30.0, least=1):
    elements = st.floats(-largest, largest, width=32) | st.integers(-3, 3).map(float)
    return st.tuples(st.integers(1, 3), st.integers(least, 4)).flatmap(
        lambda shape: st.tuples(*(hnp.arrays(np.float64, shape, elements=elements) for _ in range(2)))
    )


def exact(array):
    return [[Fraction(float(v)) for v in row] for row in array]


def loss_bound(student, teacher, chosen):
    return distillation_loss_bound(student, teacher, **{**DEFAULTS, **chosen}, precision=FLOAT64)


def gradient_bound(student, teacher, chosen):
    return distillation_gradient_bound(student, teacher, **{**DEFAULTS, **chosen}, precision=FLOAT64)


DEFAULTS = {"temperature": 4.0, "scaled": True, "reduction": "batch_mean", "direction": "forward"}


@pytest.mark.parametrize("largest", [3.0, 30.0, 2000.0])
@FEW
@given(chosen=SETTINGS, data=st.data())
def test_the_loss_and_its_gradient_are_within_their_bounds_of_the_exact_ones(largest, chosen, data):
    student, teacher = data.draw(pairs(largest))
    loss, gradient = distillation(student.tolist(), teacher.tolist(), **chosen)
    assert abs(Fraction(distillation_loss(student, teacher, **chosen)) - loss) <= Fraction(
        loss_bound(student, teacher, chosen)
    )
    bounds = gradient_bound(student, teacher, chosen)
    result = exact(distillation_gradient(student, teacher, **chosen))
    assert all(
        abs(result[i][j] - gradient[i][j]) <= Fraction(float(bounds[i, j])) for i, j in np.ndindex(student.shape)
    )


@FEW
@given(pair=pairs(5.0), chosen=SETTINGS)
def test_the_exact_gradient_is_the_central_difference_of_the_exact_loss(pair, chosen):
    student, teacher = (exact(a) for a in pair)
    _, gradient = distillation(student, teacher, **chosen)
    # h^2 times the third derivative, which is below 10^4 for logits up to 5, and 10^-80 of the loss divided by h
    h = Fraction(1, 10**20)
    for i, j in np.ndindex(pair[0].shape):
        ends = []
        for move in (h, -h):
            moved = [list(row) for row in student]
            moved[i][j] += move
            ends.append(distillation(moved, teacher, **chosen)[0])
        assert abs((ends[0] - ends[1]) / (2 * h) - gradient[i][j]) <= Fraction(1, 10**36)


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BFLOAT16, np.dtype(np.float32)])
@FEW
@given(pair=pairs(), chosen=SETTINGS)
def test_the_gradient_is_rounded_once_to_the_dtype(dtype, pair, chosen):
    student, teacher = (a.astype(dtype) for a in pair)
    result = distillation_gradient(student, teacher, **chosen)
    wide = distillation_gradient(student.astype(np.float64), teacher.astype(np.float64), **chosen)
    assert result.dtype == dtype
    largest = Fraction(float(ml_dtypes.finfo(dtype).max))
    for got, value in zip(result.flat, wide.flat, strict=True):
        assert Fraction(float(got)) == nearest_float(Fraction(float(value)), *FORMATS[dtype.name], largest)


@given(pair=pairs(2000.0), chosen=SETTINGS)
def test_the_loss_is_never_negative(pair, chosen):
    assert distillation_loss(*pair, **chosen) >= 0


@given(pair=pairs(100.0), chosen=SETTINGS, constants=st.lists(st.integers(-50, 50), min_size=3, max_size=3))
def test_the_loss_is_zero_for_logits_that_differ_by_a_constant_in_each_row(pair, chosen, constants):
    teacher = np.round(pair[1] * 8) / 8  # so that adding a constant is exact
    student = teacher + np.array(constants[: len(teacher)])[:, None]
    assert distillation_loss(student, teacher, **chosen) == 0
    assert not distillation_gradient(student, teacher, **chosen).any()


@given(pair=pairs(5.0, least=2), chosen=SETTINGS, gap=st.integers(-20, 20).map(lambda v: 2.0**v))
def test_the_loss_is_above_zero_where_one_logit_differs(pair, chosen, gap):
    student = pair[1].copy()
    student[0, 0] += min(gap, 50.0)
    assert distillation_loss(student, pair[1], **chosen) > 0


@given(pair=pairs(), chosen=SETTINGS, shift=st.integers(-100, 100))
def test_a_constant_added_to_a_row_changes_nothing(pair, chosen, shift):
    student, teacher = (np.round(a * 8) / 8 for a in pair)
    moved = student + shift
    assert distillation_loss(moved, teacher, **chosen) == distillation_loss(student, teacher, **chosen)
    assert np.array_equal(
        distillation_gradient(moved, teacher, **chosen), distillation_gradient(student, teacher, **chosen)
    )


@given(pair=pairs(200.0), chosen=SETTINGS)
def test_the_rows_of_the_gradient_sum_to_zero(pair, chosen):
    gradient = distillation_gradient(*pair, **chosen)
    bound = gradient_bound(*pair, chosen).sum(axis=1) + 2.0**-50 * np.abs(gradient).sum(axis=1)
    assert (np.abs(gradient.sum(axis=1)) <= bound).all()


@given(pair=pairs(), direction=DIRECTION, times=st.integers(2, 4))
def test_the_same_batch_again_leaves_the_batch_mean(pair, direction, times):
    once = distillation_loss(*pair, direction=direction)
    again = [np.tile(a, (times, 1)) for a in pair]
    bound = loss_bound(*pair, {"direction": direction}) + loss_bound(*again, {"direction": direction})
    assert abs(distillation_loss(*again, direction=direction) - once) <= bound


@given(pair=pairs(), chosen=SETTINGS, more=st.integers(1, 3))
def test_impossible_classes_change_nothing_but_the_mean_over_elements(pair, chosen, more):
    extended = [np.column_stack([a, np.full((len(a), more), -1e9)]) for a in pair]
    classes = pair[0].shape[1]
    factor = classes / (classes + more) if chosen["reduction"] == "mean" else 1.0
    bound = loss_bound(*pair, chosen) + loss_bound(*extended, chosen)
    assert abs(distillation_loss(*extended, **chosen) - factor * distillation_loss(*pair, **chosen)) <= bound
    gradient = distillation_gradient(*extended, **chosen)
    assert not gradient[:, classes:].any()
    bounds = gradient_bound(*pair, chosen) + gradient_bound(*extended, chosen)[:, :classes]
    assert (np.abs(gradient[:, :classes] - factor * distillation_gradient(*pair, **chosen)) <= bounds).all()


@given(pair=pairs(), chosen=SETTINGS, data=st.data())
def test_examples_and_classes_may_be_reordered_together(pair, chosen, data):
    rows, classes = (data.draw(st.permutations(range(n))) for n in pair[0].shape)
    moved = [a[np.ix_(rows, classes)] for a in pair]
    bound = loss_bound(*pair, chosen) + loss_bound(*moved, chosen)
    assert abs(distillation_loss(*moved, **chosen) - distillation_loss(*pair, **chosen)) <= bound
    expected = distillation_gradient(*pair, **chosen)[np.ix_(rows, classes)]
    bounds = 2 * gradient_bound(*moved, chosen)
    assert (np.abs(distillation_gradient(*moved, **chosen) - expected) <= bounds).all()


def test_the_teacher_in_another_order_is_another_teacher():
    student, teacher = np.array([[0.0, 1, 2], [3, 1, 0]]), np.array([[0.0, 1, 3], [2, 1, 0]])
    assert distillation_loss(student, teacher[::-1]) > 2 * distillation_loss(student, teacher)
    assert distillation_loss(student, teacher[:, ::-1]) > 2 * distillation_loss(student, teacher)


@given(pair=pairs(), chosen=SETTINGS)
def test_an_example_s_gradient_does_not_depend_on_the_others(pair, chosen):
    chosen = {**chosen, "reduction": "sum"}
    whole = distillation_gradient(*pair, **chosen)
    for i in range(len(whole)):
        assert np.array_equal(distillation_gradient(pair[0][i], pair[1][i], **chosen), whole[i])


@given(pair=pairs(8.0), direction=DIRECTION, doublings=st.integers(0, 20))
def test_the_gradient_tends_to_that_of_mse_on_centred_logits_with_the_rate_one_over_the_temperature(
    pair, direction, doublings
):
    spread = max(np.ptp(a, axis=1).max() for a in pair)
    T = max(spread, 1.0) * 2.0**doublings
    student, teacher = (a - a.mean(axis=1, keepdims=True) for a in pair)
    limit = mse_gradient(student, teacher, reduction="mean") / 2
    gradient = distillation_gradient(student, teacher, temperature=T, direction=direction)
    n, c = student.shape
    bound = np.zeros(n)
    for z in (student, teacher):
        R = np.ptp(z, axis=1)
        bound += R**2 * np.exp(R / T) * (1 + R / T) / (2 * c * n * T)
    if direction == "reverse":
        # p (d - KL) beside d / c: c p lies within e^r of 1, d has both signs and so at most its range D, and
        # KL = sum p (exp(-d) - 1 + d) is at most D^2 e^D / 2
        r, D = spread / T, 2 * spread / T
        bound += T / (n * c) * (np.expm1(r) * D + np.exp(r + D) * D**2 / 2)
    error = np.abs(gradient - limit)
    rounding = gradient_bound(student, teacher, {"temperature": T, "direction": direction}) + 2.0**-50 * np.abs(limit)
    assert (error <= bound[:, None] + rounding).all()


def test_twice_the_temperature_halves_what_is_left_to_the_limit():
    student, teacher = np.array([[1.0, 2.0, -3.0]]), np.array([[-2.0, 2.0, 0.0]])
    limit = mse_gradient(student, teacher) / 2
    left = [np.abs(distillation_gradient(student, teacher, temperature=T) - limit).max() for T in (64, 128, 256)]
    assert 1.9 < left[0] / left[1] < 2.1
    assert 1.95 < left[1] / left[2] < 2.05


@pytest.mark.parametrize(
    ("chosen", "loss"),
    [
        ({}, 0.484798),
        ({"scaled": False}, 0.0303),
        ({"reduction": "mean"}, 0.242399),
        ({"temperature": 1}, 0.32781),
        ({"temperature": 1, "direction": "reverse"}, 0.43378),
    ],
)
def test_known_losses(chosen, loss):
    assert distillation_loss([[0.0, 0.0]], [[2.0, 0.0]], **chosen) == pytest.approx(loss, abs=6e-6)


def test_a_known_gradient():
    gradient = distillation_gradient([[0.0, 0.0]], [[2.0, 0.0]], temperature=2)
    assert gradient.round(4).tolist() == [[-0.4621, 0.4621]]


def test_one_example_is_a_batch_of_one():
    assert distillation_loss([0.0, 0.0], [2.0, 0.0]) == distillation_loss([[0.0, 0.0]], [[2.0, 0.0]])
    assert distillation_gradient([0.0, 0.0], [2.0, 0.0]).shape == (2,)


def test_more_dimensions_divide_by_the_first_alone():
    student, teacher = np.arange(12.0).reshape(2, 3, 2) % 5, np.arange(12.0).reshape(2, 3, 2) % 7
    flat = [a.reshape(6, 2) for a in (student, teacher)]
    assert distillation_loss(student, teacher) == pytest.approx(3 * distillation_loss(*flat), rel=1e-14, abs=0)
    assert distillation_gradient(student, teacher).shape == (2, 3, 2)


def test_small_differences_keep_their_digits():
    # KL is half the variance of d = s - t under q, less cubic terms: d^2 / 8 for two equal classes
    assert distillation_loss([[2.0**-30, 0.0]], [[0.0, 0.0]], temperature=1) == pytest.approx(2.0**-63, rel=1e-8, abs=0)


def test_the_settings_left_out_are_those_stated():
    pair = [[0.5, -1.0], [2.0, 0.25]], [[0.0, 2.0], [1.0, 4.0]]
    assert distillation_loss(*pair) == distillation_loss(*pair, **DEFAULTS)
    assert np.array_equal(distillation_gradient(*pair), distillation_gradient(*pair, **DEFAULTS))


@pytest.mark.parametrize(("student", "teacher"), [("float16", "float32"), ("float32", "float16")])
def test_the_gradient_has_the_common_dtype(student, teacher):
    pair = np.array([[0.1, 0.7]], student), np.array([[0.3, 0.2]], teacher)
    expected = distillation_gradient(*(a.astype(np.float64) for a in pair)).astype(np.float32)
    assert distillation_gradient(*pair).tobytes() == expected.tobytes()


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_temperature_whose_square_is_infinite_makes_no_nan(direction):
    pair, hot = ([[0.0, 0.0]], [[2.0, 0.0]]), {"temperature": 1e200, "direction": direction}
    assert distillation_loss(*pair, **hot) == 0.0  # the divergence is below every float
    assert distillation_gradient(*pair, **hot).tolist() == [[0.0, 0.0]]


def test_a_class_past_every_exponential_has_no_gradient_and_no_nan():
    largest = np.finfo(np.float64).max  # a difference of two is infinite
    z = np.array([[largest, -largest]])
    assert distillation_gradient(z, z, direction="reverse").tolist() == [[0.0, 0.0]]
    assert distillation_gradient(z, -z, direction="reverse", temperature=1).tolist() == [[0.0, 0.0]]
    assert distillation_loss(z, z, direction="reverse") == 0
    chosen = {"direction": "reverse", "temperature": 0.5, "reduction": "sum"}
    beside = distillation_gradient([[0.0, 1.0, -largest]], [[1.0, 0.0, -largest]], **chosen)
    alone = distillation_gradient([0.0, 1.0], [1.0, 0.0], **chosen)
    np.testing.assert_array_equal(beside, [[*alone, 0.0]])
    above = distillation_gradient([[0.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [largest, -largest]], **chosen)
    np.testing.assert_array_equal(above[0], alone)


@FEW
@given(
    student=hnp.arrays(np.float64, (2, 3), elements=st.integers(-4, 4).map(float)),
    teacher=hnp.arrays(np.float64, (2, 3), elements=st.sampled_from([-7, -4, 0, 4, 7]).map(lambda v: v * 2.0**1020)),
    temperature=st.sampled_from([0.25, 0.75, 3.0]),
)
def test_beside_a_teacher_past_the_largest_float_all_else_is_nothing(student, teacher, temperature):
    gradient = distillation_gradient(student, teacher, direction="reverse", temperature=temperature, reduction="sum")
    for s, t, row in zip(student, teacher, gradient, strict=True):
        e = [Fraction(float(v)) for v in np.exp((s - s.max()) / temperature)]
        p = [v / sum(e) for v in e]
        d = [(Fraction(t.max()) - Fraction(v)) / Fraction(temperature) for v in t]  # less numbers below 20
        mean = sum(x * y for x, y in zip(p, d, strict=True))
        for value, x, y in zip(row.tolist(), p, d, strict=True):
            right = x * (y - mean) * Fraction(temperature)
            # each step is within 2^-53 of numbers up to max(d): 5 for p, 4 for the mean, 4 for what is left
            near = 26 * max(d) * Fraction(temperature) / 2**53 + 40
            assert abs(right) > Fraction(2) ** 1023 or abs(Fraction(value) - right) <= near


@pytest.mark.parametrize("temperature", [1, 2.0**-1000])
def test_a_gradient_past_the_largest_float_is_infinite_and_no_nan(temperature):
    # p = 1/2 each, d = (0, (z_0 - z_1) / T): the gradient is T^2 / N p (d - KL) / T = -+T / 4 * d_1
    far = np.finfo(np.float64).max
    for z, d in ((np.array([[far, -far]]), 2 * Fraction(far)), (np.array([[far / 8, 0.0]]), Fraction(far / 8))):
        gradient = distillation_gradient(np.zeros((1, 2)), z, direction="reverse", temperature=temperature)
        assert gradient.tolist() == [[-float(d / 4), float(d / 4)]]
        unscaled = distillation_gradient(
            np.zeros((1, 2)), z, direction="reverse", temperature=temperature, scaled=False
        )
        expected = d / 4 / Fraction(temperature) ** 2
        assert unscaled.tolist() == [[-np.inf, np.inf] if expected > far else [-float(expected), float(expected)]]


def test_logits_of_any_size_are_compared():
    assert distillation_loss([[1e300, 0.0]], [[1e300, 0.0]]) == 0
    assert distillation_loss([[0.0, 1e6]], [[1e6, 0.0]], temperature=1) == 1e6
    assert distillation_gradient([[0.0, 1e6]], [[1e6, 0.0]], temperature=1).tolist() == [[-1.0, 1.0]]
    assert distillation_loss([[-1.5e308, 1.5e308]], [[1.5e308, -1.5e308]], temperature=1) == np.inf


def test_one_class_has_nothing_to_learn():
    assert distillation_loss([[3.0], [4.0]], [[1.0], [9.0]]) == 0
    assert distillation_gradient([[3.0], [4.0]], [[1.0], [9.0]]).tolist() == [[0.0], [0.0]]


def test_the_sum_of_no_examples_is_zero():
    nothing = np.zeros((0, 3))
    assert distillation_loss(nothing, nothing, reduction="sum") == 0
    assert distillation_gradient(nothing, nothing, reduction="sum").shape == (0, 3)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_large_batches_give_what_their_rows_give(direction):
    student, teacher = (np.random.default_rng(seed).normal(size=(50, 1000)) for seed in (0, 1))
    whole = distillation_gradient(student, teacher, reduction="sum", direction=direction)
    rows = [distillation_gradient(s, t, direction=direction) for s, t in zip(student, teacher, strict=True)]
    assert np.array_equal(whole, rows)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_views_and_orders_give_what_their_copy_gives(direction):
    student = np.arange(24.0).reshape(4, 6) / 7
    teacher = student[::-1] * 1.5
    expected = distillation_gradient(student, teacher.copy(), direction=direction)
    for view in (np.asfortranarray(student), student.astype(">f8"), np.repeat(student, 2, axis=1)[:, ::2]):
        assert np.array_equal(distillation_gradient(view, teacher, direction=direction), expected)
        assert distillation_loss(view, teacher, direction=direction) == distillation_loss(
            student, teacher.copy(), direction=direction
        )


@pytest.mark.parametrize("function", [distillation_loss, distillation_gradient])
def test_the_inputs_are_not_changed(function):
    student, teacher = np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]])
    student.flags.writeable = teacher.flags.writeable = False
    for direction in ("forward", "reverse"):
        function(student, teacher, direction=direction)
    assert student.tolist() == [[1.0, 2.0]]
    assert teacher.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("function", [distillation_loss, distillation_gradient])
@pytest.mark.parametrize(
    ("student", "teacher", "chosen", "error", "message"),
    [
        ([[1.0]], [1.0], {}, ValueError, r"student has shape \(1, 1\), teacher has shape \(1,\): they must be equal"),
        (1.0, 1.0, {}, ValueError, r"student has shape \(\): there must be at least one class on the last axis"),
        (np.ones((2, 0)), np.ones((2, 0)), {}, ValueError, r"student has shape \(2, 0\): there must be at least one"),
        (
            np.ones((0, 2)),
            np.ones((0, 2)),
            {},
            ValueError,
            r"^student has shape \(0, 2\): reduction='batch_mean' would be 0 / 0",
        ),
        ([[0.0, np.nan]], [[0.0, 0.0]], {}, ValueError, r"student\[0, 1\] is nan: only finite values can be compared"),
        ([[0.0]], [[-np.inf]], {}, ValueError, r"teacher\[0, 0\] is -inf: only finite values can be compared"),
        ([["a"]], [[0.0]], {}, TypeError, "student has dtype <U1"),
        ([[0.0]], [[0.0]], {"temperature": 0}, ValueError, "temperature is 0: it must be above 0"),
        ([[0.0]], [[0.0]], {"temperature": True}, TypeError, "temperature is True"),
        ([[0.0]], [[0.0]], {"scaled": 1}, TypeError, "scaled is 1: it must be True or False"),
        ([[0.0]], [[0.0]], {"reduction": "none"}, ValueError, "reduction is 'none': it must be one of batch_mean, m"),
        ([[0.0]], [[0.0]], {"direction": "both"}, ValueError, "direction is 'both': it must be one of forward, reve"),
    ],
)
def test_a_bad_argument_is_named(function, student, teacher, chosen, error, message):
    with pytest.raises(error, match=message):
        function(student, teacher, **chosen)

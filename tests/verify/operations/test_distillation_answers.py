import math

import numpy as np
import pytest
from oracles import distillation as oracle
from verify.rivals import full

from refcompress.distillation.error_bounds import distillation_gradient_bound, distillation_loss_bound
from refcompress.mlp.error_bounds import precision_of
from refcompress.verify.operations.bounded import beside_reference
from refcompress.verify.operations.distillation import DISTILLATION_GRADIENT, DISTILLATION_LOSS
from refcompress.verify.operations.distillation_answers import (
    LOGITS,
    divergence,
    exact_gradient,
    factor,
    gradient_bound,
    gradient_bound_in,
    gradient_of_scaled,
    held,
    log_of_probability,
    log_softmax,
    log_without_maximum,
    loss_bound,
    loss_bound_in,
    of_scaled,
    right_gradient,
    right_loss,
    rival_gradient,
    rival_loss,
    slope,
    softmax,
    with_maximum_of_batch,
    without_maximum,
)

STUDENT = np.array([[0.0, 1.0, 3.0], [2.0, -1.0, 0.5]])
TEACHER = np.array([[1.0, 1.0, 0.0], [0.0, -2.0, 4.0]])
FLOAT32 = full(DISTILLATION_LOSS, {})


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("reduction", ["batch_mean", "mean", "sum"])
def test_the_parts_of_the_faults_make_the_right_answers_too(direction, reduction):
    under = full(DISTILLATION_GRADIENT, {"direction": direction, "reduction": reduction, "temperature": 2})
    a, b = log_softmax(STUDENT / 2), log_softmax(TEACHER / 2)
    times = factor(STUDENT.shape, under)
    loss, gradient = times * np.sum(divergence(a, b, under)), times / 2 * slope(a, b, under)
    assert loss == pytest.approx(right_loss((STUDENT, TEACHER), under), rel=1e-14, abs=0)
    assert gradient == pytest.approx(right_gradient((STUDENT, TEACHER), under), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("reduction", "scaled", "expected"), [("sum", True, 16), ("batch_mean", True, 8), ("mean", False, 1 / 6)]
)
def test_the_factor_is_the_square_of_the_temperature_divided_by_what_the_reduction_counts(reduction, scaled, expected):
    under = full(DISTILLATION_LOSS, {"reduction": reduction, "scaled": scaled})
    assert factor((2, 3), under) == expected
    assert factor((1, 1), under) == factor((0, 0), under) == (16 if scaled else 1)


def test_softmax_over_another_axis_sums_to_one_there():
    assert softmax(STUDENT, 0).sum(axis=0) == pytest.approx(np.ones(3), rel=1e-15, abs=0)
    assert softmax(STUDENT, None).sum() == pytest.approx(1, rel=1e-15, abs=0)


def logs(row):
    """The log-probabilities of a list of logits, without the maximum."""
    total = math.fsum(math.exp(z) for z in row)
    return [z - math.log(total) for z in row]


def by_rows(rows, T):
    return [logs([z / T for z in row]) for row in rows]


def by_columns(rows, T):
    return list(map(list, zip(*by_rows(list(zip(*rows, strict=True)), T), strict=True)))


def at_once(rows, T):
    flat, (n, classes) = iter(logs([z / T for row in rows for z in row])), np.shape(rows)
    return [[next(flat) for _ in range(classes)] for _ in range(n)]


def softmaxes(rows, T):
    return [[math.exp(z) for z in row] for row in by_rows(rows, T)]


# the same of lists, one row after another
WAYS = {
    "over_the_batch": lambda s, t, T: (by_columns(s, T), by_columns(t, T)),
    "over_everything": lambda s, t, T: (at_once(s, T), at_once(t, T)),
    "student_not_softened": lambda s, t, T: (by_rows(s, 1), by_rows(t, T)),
    "teacher_not_softened": lambda s, t, T: (by_rows(s, T), by_rows(t, 1)),
    "multiplied": lambda s, t, T: (by_rows(s, 1 / T), by_rows(t, 1 / T)),
    "softened_twice": lambda s, t, T: (by_rows(s, T * T), by_rows(t, T * T)),
    "after_softmax": lambda s, t, T: (by_rows(softmaxes(s, 1), T), by_rows(softmaxes(t, 1), T)),
    "softmax_twice": lambda s, t, T: (by_rows(softmaxes(s, T), 1), by_rows(softmaxes(t, T), 1)),
    "teacher_softmax_twice": lambda s, t, T: (by_rows(s, T), by_rows(softmaxes(t, T), 1)),
    "teacher_reversed": lambda s, t, T: (by_rows(s, T), by_rows([t[2], t[1], t[0]], T)),
    "teacher_shifted": lambda s, t, T: (by_rows(s, T), by_rows([t[1], t[2], t[0]], T)),
    "teacher_classes_reversed": lambda s, t, T: (by_rows(s, T), by_rows([list(reversed(row)) for row in t], T)),
    "same_logits": lambda s, t, T: (by_rows(s, T), by_rows(s, T)),
}
ROWS = np.array([[0.0, 1.0, 3.0, -2.0], [2.0, -1.0, 0.5, 1.0], [1.5, 0.25, -3.0, 4.0]])
ROUNDED = {"rtol": 0, "atol": 2.0**-42}  # numbers of at most 2^5, in fewer than 2^6 roundings of 2^-53
OTHERS = np.array([[1.0, 1.5, 0.0, 2.0], [0.0, -2.0, 4.0, 1.0], [-1.0, 3.0, 0.5, 0.75]])


@pytest.mark.parametrize(("name", "logits"), [(name, logits) for name, _, logits in LOGITS if name != "hard_teacher"])
def test_a_way_to_wrong_probabilities_is_what_its_name_says(name, logits):
    for got, right in zip(logits(ROWS, OTHERS, 4.0), WAYS[name](ROWS.tolist(), OTHERS.tolist(), 4.0), strict=True):
        np.testing.assert_allclose(got, right, **ROUNDED)


def test_a_hard_teacher_is_certain_of_its_largest_class():
    logits = next(logits for name, _, logits in LOGITS if name == "hard_teacher")
    student, teacher = logits(ROWS, OTHERS, 4.0)
    np.testing.assert_allclose(student, by_rows(ROWS.tolist(), 4.0), **ROUNDED)
    assert np.exp(teacher).tolist() == [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert np.isfinite(teacher).all()


CUBE = np.random.default_rng(1).standard_normal((2, 3, 4)) * 3


def test_the_classes_are_on_the_last_axis_of_any_number():
    rows = [by_rows(matrix.tolist(), 1) for matrix in CUBE]
    np.testing.assert_allclose(log_softmax(CUBE), rows, **ROUNDED)
    np.testing.assert_allclose(softmax(CUBE), np.exp(rows), **ROUNDED)
    np.testing.assert_allclose(without_maximum(CUBE, FLOAT32), np.exp(rows), **ROUNDED)
    np.testing.assert_allclose(log_without_maximum(CUBE, FLOAT32), rows, **ROUNDED)
    np.testing.assert_allclose(log_of_probability(CUBE, FLOAT32), rows, **ROUNDED)
    reverse = full(DISTILLATION_LOSS, {"direction": "reverse"})
    slopes = [slope(log_softmax(one), log_softmax(-one), reverse) for one in CUBE]
    np.testing.assert_allclose(slope(log_softmax(CUBE), log_softmax(-CUBE), reverse), slopes, **ROUNDED)
    hard = next(logits for name, _, logits in LOGITS if name == "hard_teacher")
    assert np.exp(hard(CUBE, CUBE, 1.0)[1]).tolist() == (CUBE.max(axis=-1, keepdims=True) == CUBE).tolist()


def test_logits_far_from_zero_have_finite_logarithms_in_each_row():
    far = np.array([[0.0, 1.0], [2000.0, 2001.0], [-2000.0, -2001.0]])
    right = by_rows([[0.0, 1.0], [0.0, 1.0], [0.0, -1.0]], 1)
    np.testing.assert_allclose(log_softmax(far), right, **ROUNDED)


@pytest.mark.parametrize(("shape", "axis"), [((0, 3), -1), ((0, 3), 0), ((0, 3), None), ((2, 0), -1)])
def test_nothing_has_no_probabilities(shape, axis):
    with np.errstate(divide="ignore"):
        assert log_softmax(np.zeros(shape), axis).shape == shape


def test_a_probability_of_zero_adds_nothing():
    certain, even = np.array([[-np.inf, 0.0]]), np.log([[0.25, 0.75]])
    with np.errstate(invalid="ignore"):
        assert divergence(even, certain, full(DISTILLATION_LOSS, {})).tolist() == [[0, -math.log(0.75)]]
        reverse = full(DISTILLATION_LOSS, {"direction": "reverse"})
        assert divergence(certain, even, reverse).tolist() == [[0, -math.log(0.75)]]
        assert slope(certain, even, reverse).tolist() == [[0, 0]]


EVERY_RULE = {"temperature": 2, "scaled": False, "reduction": "mean", "direction": "reverse"}
PAIR = ROWS.astype(np.float32), OTHERS.astype(np.float32)


@pytest.mark.parametrize("given", [{}, EVERY_RULE, {"reduction": "sum", "temperature": 0.5}], ids=str)
@pytest.mark.parametrize("rows", [1, 3])
def test_the_right_answers_and_those_of_rivals_are_the_exact_twin_s(given, rows):
    under, args = full(DISTILLATION_GRADIENT, given), tuple(z[:rows] for z in PAIR)
    loss, gradient = oracle.distillation(*(z.tolist() for z in args), **{word: under[word] for word in EVERY_RULE})
    words = {word: under[word] for word in EVERY_RULE} | {"precision": precision_of("float64")}
    for answer in (right_loss, rival_loss):
        assert abs(answer(args, under) - float(loss)) <= 2 * distillation_loss_bound(*args, **words)
    for answer in (right_gradient, rival_gradient):
        error = np.abs(answer(args, under) - np.array(gradient).astype(float))
        assert (error <= 2 * distillation_gradient_bound(*args, **words)).all()
    checked = right_gradient(args, {**under, "check_dtype": True, "dtype": "float16"})
    assert checked.tolist() == exact_gradient(args, under).astype(np.float16).tolist()
    assert checked.dtype == np.float16


@pytest.mark.parametrize("given", [{}, EVERY_RULE], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_bounds_are_those_of_the_dtype_beside_the_reference(given, dtype):
    under = full(DISTILLATION_GRADIENT, {**given, "dtype": dtype})
    words = {word: under[word] for word in EVERY_RULE} | {"precision": precision_of(dtype)}
    loss, gradient = distillation_loss_bound(*PAIR, **words), distillation_gradient_bound(*PAIR, **words)
    assert loss_bound_in(PAIR, dtype, {**under, "dtype": "float32"}) == loss
    assert loss_bound(PAIR, under) == beside_reference(loss, dtype)
    assert gradient_bound_in(PAIR, dtype, {**under, "dtype": "float32"}).tolist() == gradient.tolist()
    assert gradient_bound(PAIR, under).tolist() == beside_reference(gradient, dtype).tolist()
    cast = np.abs(exact_gradient(PAIR, under) - exact_gradient(PAIR, under).astype(dtype))
    with_cast = gradient_bound(PAIR, {**under, "check_dtype": True})
    assert with_cast.tolist() == (beside_reference(gradient, dtype) + cast).tolist()


def test_the_bound_about_a_rival_s_mean_over_nothing_is_zero():
    nothing = np.zeros((0, 3)), np.zeros((0, 3))
    assert loss_bound_in(nothing, "float32", FLOAT32) <= 64 * 2.0**-1074  # of underflows that there were none of
    assert gradient_bound_in(nothing, "float32", FLOAT32).shape == (0, 3)


def test_a_wrong_formula_is_given_the_softened_logits_and_scaled_as_the_right_one():
    under = full(DISTILLATION_LOSS, {"temperature": 4, "reduction": "batch_mean"})
    loss = of_scaled(lambda s, t, settings: (s - 2 * t) * settings["temperature"])(PAIR, under)
    assert loss == pytest.approx(16 / 3 * np.sum(ROWS - 2 * OTHERS), rel=2.0**-50, abs=0)
    gradient = gradient_of_scaled(lambda s, t, settings: (s - 2 * t) * settings["temperature"])(PAIR, under)
    np.testing.assert_allclose(gradient, 4 / 3 * (ROWS - 2 * OTHERS), rtol=2.0**-50)
    everywhere = gradient_of_scaled(lambda s, t, settings: 1.5)(PAIR, under)
    assert everywhere.tolist() == [[2.0] * 4] * 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_an_exponential_is_held_from_above_half_of_the_smallest_number_to_the_largest(dtype):
    p = precision_of(dtype)
    assert held(np.array([p.largest, p.tiny, 1.0]), {"dtype": dtype}).tolist() == [p.largest, p.tiny, 1]
    if dtype != "float64":  # itself held in float64
        ends = np.array([np.nextafter(p.largest, np.inf), p.tiny / 2, np.nextafter(p.tiny / 2, 1)])
        assert held(ends, {"dtype": dtype}).tolist() == [np.inf, 0, ends[2]]


def test_exponentials_overflow_where_those_of_the_dtype_do():
    z = np.array([[100.0, 0.0]])
    with np.errstate(all="ignore"):
        assert np.isnan(without_maximum(z, FLOAT32)).any()
        assert np.isinf(log_without_maximum(z, FLOAT32)).all()
        assert np.isfinite(without_maximum(z, {**FLOAT32, "dtype": "float64"})).all()


def test_by_the_maximum_of_the_batch_an_example_is_no_number_where_all_its_exponentials_underflow():
    z = np.array([[0.0, -1.0], [-80.0, -81.0], [-800.0, -801.0]])
    with np.errstate(all="ignore"):
        single, double = (with_maximum_of_batch(z, {"dtype": dtype}) for dtype in ("float32", "float64"))
        lower = with_maximum_of_batch(z - 500, {"dtype": "float32"})
    np.testing.assert_allclose(single[:2], log_softmax(z)[:2], **ROUNDED)
    assert np.isnan(single).tolist() == np.isnan(double).tolist() == [[False] * 2, [False] * 2, [True] * 2]
    np.testing.assert_allclose(lower, single, **ROUNDED)
    with np.errstate(all="ignore"):
        assert np.isnan(with_maximum_of_batch(z[:2] * 2, {"dtype": "float32"})[1]).all()


def test_the_logarithm_of_a_probability_that_underflows_is_infinite():
    with np.errstate(divide="ignore"):
        assert log_of_probability(np.array([[200.0, 0.0]]), FLOAT32).tolist() == [[0.0, -np.inf]]


@pytest.mark.parametrize("reduction", ["batch_mean", "mean"])
def test_a_rival_s_mean_over_nothing_is_zero(reduction):
    under = full(DISTILLATION_GRADIENT, {"reduction": reduction})
    nothing = np.zeros((0, 3)), np.zeros((0, 3))
    assert rival_loss(nothing, under) == 0
    assert rival_gradient(nothing, under).shape == (0, 3)

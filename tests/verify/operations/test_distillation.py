import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from verify.rivals import broken_laws, fault_named, full, named

from refcompress.verify import check
from refcompress.verify.agreement import compare
from refcompress.verify.operations import distillation
from refcompress.verify.operations.distillation import DISTILLATION_GRADIENT, DISTILLATION_LOSS

EACH = pytest.mark.parametrize("operation", [DISTILLATION_LOSS, DISTILLATION_GRADIENT], ids=lambda o: o.name)
STUDENT, TEACHER = np.array([[0.0, 0.0]]), np.array([[2.0, 0.0]])
# every value of every setting, and every pair of reduction and direction
SAMPLED = [
    {"temperature": T, "scaled": scaled, "reduction": reduction, "direction": direction, "dtype": dtype}
    for (reduction, direction), (T, scaled, dtype) in zip(
        itertools.product(("batch_mean", "mean", "sum"), ("forward", "reverse")),
        [
            (4, False, "float16"),
            (1, True, "bfloat16"),
            (2, True, "float64"),
            (0.5, False, "float32"),
            (10, True, "float32"),
            (20, False, "float64"),
        ],
        strict=True,
    )
]


@EACH
@pytest.mark.parametrize("chosen", SAMPLED, ids=lambda s: " ".join(map(str, s.values())))
def test_the_reference_agrees_with_itself_under_all_settings(operation, chosen):
    under = full(operation, chosen)
    report = check(lambda *args: operation.answer(args, under), operation, examples=10, **chosen)
    assert report.verdict == "agrees", str(report)
    assert report.worst == 0


@EACH
@pytest.mark.parametrize("chosen", [{}, {"dtype": "float64", "temperature": 0.5, "direction": "reverse"}])
def test_the_directed_inputs_are_promised_something(operation, chosen):
    under = full(operation, chosen)
    for case in operation.cases:
        for args in case.make(under):
            assert np.isfinite(operation.bound(args, under)).all(), case.name


@given(DISTILLATION_GRADIENT.strategy(full(DISTILLATION_GRADIENT, {})))
@settings(max_examples=50)
def test_plain_float32_is_within_the_bounds(args):
    a, b = (z / 4 - np.log(np.exp(z / 4).sum(axis=-1, keepdims=True)) for z in args)
    n = len(a)
    loss, gradient = 16 * np.sum(np.exp(b) * (b - a)) / n, 4 * (np.exp(a) - np.exp(b)) / n
    for operation, answer in ((DISTILLATION_LOSS, loss), (DISTILLATION_GRADIENT, gradient)):
        under = full(operation, {})
        assert compare(operation.answer(args, under), answer, operation.bound(args, under)).agrees


def test_the_loss_is_worked_out_by_hand():
    text = DISTILLATION_LOSS.by_hand((STUDENT, TEACHER), (), full(DISTILLATION_LOSS, {}))
    assert text.startswith(
        "p = softmax(student / 4) = [0.5, 0.5], q = softmax(teacher / 4) = [0.622459, 0.377541] in the first example; "
        "16 * sum of q log(q / p) = 0.484797791692"
    )


def test_a_gradient_is_worked_out_by_hand():
    under = full(DISTILLATION_GRADIENT, {"temperature": 2})
    text = DISTILLATION_GRADIENT.by_hand((STUDENT, TEACHER), (0, 1), under)
    assert "q = softmax(teacher / 2) = [0.731059, 0.268941]; 2 * (p - q) at class 1 = 0.46211715726" in text


def test_the_class_is_the_last_index_by_hand():
    args = np.zeros((1, 2, 2)), np.zeros((1, 2, 2))
    assert " at class 0 = 0.0" in DISTILLATION_GRADIENT.by_hand(args, (0, 1, 0), DISTILLATION_GRADIENT.defaults)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scaled_once", 0.12119945),
        ("scaled_twice", 7.756765),
        ("mean_over_classes", 0.242399),
        ("over_the_batch", 0.0),
        ("same_logits", 0.0),
        ("cross_entropy", 11.090355),
        ("negated", -0.484798),
    ],
)
def test_a_wrong_loss_is_what_its_name_says(name, value):
    fault = fault_named(DISTILLATION_LOSS, name)
    answer = fault.answer((STUDENT, TEACHER), full(DISTILLATION_LOSS, {}))
    assert answer == pytest.approx(value, abs=1e-6)


def test_probabilities_for_log_probabilities_give_a_negative_divergence():
    fault = fault_named(DISTILLATION_LOSS, "probabilities")
    under = full(DISTILLATION_LOSS, {"temperature": 2, "scaled": False})
    assert fault.answer((TEACHER, TEACHER), under) == pytest.approx(-1.189, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("chain_rule", [-0.9242, 0.9242]),
        ("divided_by_temperature", [-0.4621 / 2, 0.4621 / 2]),
        ("negated", [0.4621, -0.4621]),
        ("nothing", [0.0, 0.0]),
        ("hard_teacher", [-1.0, 1.0]),
        ("teacher_ignored", [1.0, 1.0]),
    ],
)
def test_a_wrong_gradient_is_what_its_name_says(name, value):
    fault = fault_named(DISTILLATION_GRADIENT, name)
    answer = fault.answer((STUDENT, TEACHER), full(DISTILLATION_GRADIENT, {"temperature": 2}))
    assert answer[0] == pytest.approx(value, abs=1e-4)


@EACH
def test_what_is_declared_as_rejected_is_rejected(operation):
    under = full(operation, {})
    for name, make in operation.rejects:
        with pytest.raises(ValueError, match=r"student|teacher"):
            operation.answer(make(under), under)
        assert name


@EACH
def test_the_places_where_exponentials_overflow_are_reached_in_every_dtype(operation):
    case = named(operation.cases, "exponentials past the largest number")
    for dtype, T in itertools.product(("float16", "bfloat16", "float32", "float64"), (0.5, 4)):
        for args in case.make(full(operation, {"dtype": dtype, "temperature": T})):
            with np.errstate(all="ignore"):
                e = [np.exp((z / z.dtype.type(T)).astype(z.dtype)) for z in args]
            assert any(np.isinf(v).any() or (v == 0).any() for v in e), (dtype, T)


@EACH
def test_of_one_example_far_above_the_others_these_alone_underflow_even_in_float64(operation):
    case = named(operation.cases, "one example far above the others")
    for dtype, T in itertools.product(("float16", "bfloat16", "float32", "float64"), (0.5, 20)):
        for args in case.make(full(operation, {"dtype": dtype, "temperature": T})):
            x = [z.astype(np.float64) / T for z in args]
            by_batch, by_example = ([np.exp(z - z.max(axis, keepdims=True)).sum(-1) for z in x] for axis in (None, -1))
            assert [(sums == 0).sum() for sums in by_batch] == [2, 2]
            assert min(sums.min() for sums in by_example) >= 1


def test_each_row_of_a_gradient_sums_to_zero_within_its_own_rounding():
    op = DISTILLATION_GRADIENT
    law = named(op.laws, "rows_sum_to_zero")
    args = (np.zeros((2, 2)), np.zeros((2, 2)))
    assert law.holds(args, np.array([[1e9, -1e9], [1e-4, -1e-4]]), op.defaults)
    assert not law.holds(args, np.array([[1e9, -1e9], [1e-4, 0.0]]), op.defaults)


def bounds_of(monkeypatch, bound):
    """Let the laws believe in another bound."""
    for name in ("loss_bound", "gradient_bound"):
        monkeypatch.setattr(distillation, name, lambda args, settings: np.array(bound))


@pytest.mark.parametrize(
    ("answer", "laws"),
    [
        (0.25, []),
        (-0.25, []),
        (0.26, ["zero_if_equal", "at_most"]),
        (-0.26, ["not_negative", "zero_if_equal", "at_least"]),
    ],
)
def test_a_loss_of_equal_logits_may_be_off_by_its_bound(monkeypatch, answer, laws):
    bounds_of(monkeypatch, 0.25)
    assert broken_laws(DISTILLATION_LOSS, (TEACHER, TEACHER), answer, DISTILLATION_LOSS.defaults) == laws


def test_a_loss_within_its_bound_of_zero_may_be_zero(monkeypatch):
    args, under = (STUDENT, TEACHER), DISTILLATION_LOSS.defaults
    right = DISTILLATION_LOSS.answer(args, under)
    bounds_of(monkeypatch, right)
    assert broken_laws(DISTILLATION_LOSS, args, 0.0, under) == []
    bounds_of(monkeypatch, np.nextafter(right, 0))
    assert "zero_if_equal" in broken_laws(DISTILLATION_LOSS, args, 0.0, under)


# three times the probabilities 1/2 and 1/2 of the student, 1/4 and 3/4 of the teacher
HALVES, QUARTERS = np.zeros((1, 3, 2)), np.array([[[0.0, np.log(3)]] * 3])
LEAST, MOST = 3 / 8, 3 * np.log(3 / 2)
INSIDE, OUTSIDE = 2.0**-40 * (1 - 2.0**-8), 2.0**-40 * (1 + 2.0**-8)


@pytest.mark.parametrize(
    ("answer", "laws"),
    [
        (LEAST * (1 - INSIDE), []),
        (LEAST * (1 - OUTSIDE), ["at_least"]),
        (MOST * (1 + INSIDE), []),
        (MOST * (1 + OUTSIDE), ["at_most"]),
    ],
)
def test_the_ends_of_a_loss_are_added_up_over_the_examples_and_as_exact_as_their_own_rounding(
    monkeypatch, answer, laws
):
    bounds_of(monkeypatch, 0.0)
    under = full(DISTILLATION_LOSS, {"temperature": 1, "reduction": "sum"})
    assert broken_laws(DISTILLATION_LOSS, (HALVES, QUARTERS), answer, under) == laws


def holds(name, args, answer):
    return named(DISTILLATION_GRADIENT.laws, name).holds(args, answer, DISTILLATION_GRADIENT.defaults)


def test_a_gradient_may_be_off_the_sum_of_zero_by_its_own_rounding_alone(monkeypatch):
    bounds_of(monkeypatch, [[0.0, 0.0]])
    args = np.zeros((1, 2)), np.zeros((1, 2))
    assert holds("rows_sum_to_zero", args, np.zeros((1, 2)))
    assert holds("rows_sum_to_zero", args, np.array([[1, -1 + 2 * INSIDE]]))
    assert not holds("rows_sum_to_zero", args, np.array([[1, -1 + 2 * OUTSIDE]]))
    # the sum of these magnitudes is past the largest number of float16
    assert not holds("rows_sum_to_zero", args, np.array([[60000, -30000]], np.float16))


def test_a_gradient_may_be_off_zero_by_its_bound(monkeypatch):
    bounds_of(monkeypatch, [[0.25, 0.25]])
    assert holds("zero_where_equal", (TEACHER, TEACHER), np.array([[0.25, -0.25]]))
    assert not holds("zero_where_equal", (TEACHER, TEACHER), np.array([[0.25, -0.26]]))


def test_a_gradient_within_its_bound_of_zero_may_be_zero(monkeypatch):
    args = STUDENT, TEACHER
    right = np.abs(DISTILLATION_GRADIENT.answer(args, DISTILLATION_GRADIENT.defaults))
    bounds_of(monkeypatch, right)
    assert holds("zero_where_equal", args, np.zeros((1, 2)))
    bounds_of(monkeypatch, np.nextafter(right, 0))
    assert not holds("zero_where_equal", args, np.zeros((1, 2)))


@pytest.mark.parametrize(("dtype", "far"), [(np.float64, 1), (np.float16, 1), (np.float64, 8)])
def test_a_step_may_be_off_the_way_to_the_teacher_by_the_rounding_of_the_gradient_alone(monkeypatch, dtype, far):
    bounds_of(monkeypatch, [[0.0, 0.0]])
    inside, outside = (far * np.array([[-1 - 2 * by, 1.0]]) for by in (INSIDE, OUTSIDE))
    assert holds("away_from_teacher", (inside, np.zeros((1, 2))), np.ones((1, 2), dtype))
    assert not holds("away_from_teacher", (outside, np.zeros((1, 2))), np.ones((1, 2), dtype))


def test_the_gradients_laws_hold_where_its_bound_is_infinite_and_student_and_teacher_are_equal_in_a_class():
    under = full(DISTILLATION_GRADIENT, {"temperature": 10, "reduction": "batch_mean", "dtype": "bfloat16"})
    args = np.eye(3) * 250, np.roll(np.eye(3), 1, axis=1) * 250
    assert np.isinf(DISTILLATION_GRADIENT.bound(args, under)).all()
    assert broken_laws(DISTILLATION_GRADIENT, args, DISTILLATION_GRADIENT.answer(args, under), under) == []

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from verify.rivals import full

from refcompress.verify import check
from refcompress.verify.agreement import compare
from refcompress.verify.operations import losses
from refcompress.verify.operations.losses import MSE_GRADIENT, MSE_LOSS

DTYPES = ("float32", "float16", "bfloat16", "float64")
REDUCTIONS = ("mean", "sum", "batch_mean")
EACH = pytest.mark.parametrize("operation", [MSE_LOSS, MSE_GRADIENT], ids=lambda o: o.name)


@EACH
@pytest.mark.parametrize(("dtype", "reduction"), list(itertools.product(DTYPES, REDUCTIONS)))
def test_the_reference_agrees_with_itself_under_all_settings(operation, dtype, reduction):
    given_settings = {"dtype": dtype, "reduction": reduction}
    checked = [False, True] if "check_dtype" in operation.defaults else [None]
    for flag in checked:
        chosen = given_settings if flag is None else {**given_settings, "check_dtype": flag}
        under = full(operation, chosen)
        report = check(lambda *args, s=under: operation.answer(args, s), operation, examples=20, **chosen)
        assert report.verdict == "agrees", str(report)
        assert report.worst == 0


@EACH
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])  # 320 terms are past what bfloat16 promises
def test_the_directed_inputs_are_promised_something(operation, dtype):
    under = full(operation, {"dtype": dtype})
    for case in operation.cases:
        for args in case.make(under):
            assert np.isfinite(operation.bound(args, under)).all(), case.name


@given(MSE_GRADIENT.strategy(full(MSE_GRADIENT, {})))
@settings(max_examples=50)
def test_plain_float32_is_within_the_bounds(args):
    student, teacher = args
    d = student - teacher
    for operation, answer in ((MSE_LOSS, np.mean(d * d)), (MSE_GRADIENT, 2 * d / d.size)):
        under = full(operation, {})
        assert compare(operation.answer(args, under), answer, operation.bound(args, under)).agrees


def both(student, teacher):
    return np.asarray(student, np.float32), np.asarray(teacher, np.float32)


@pytest.mark.parametrize(
    ("student", "teacher", "reduction", "text"),
    [
        ([3], [1], "mean", "((3.0 - 1.0)^2) / 1 = 4.0"),
        ([0, 0], [1, 1], "mean", "((0.0 - 1.0)^2 + (0.0 - 1.0)^2) / 2 = 1.0"),
        ([[0, 2]], [[1, 0]], "batch_mean", "((0.0 - 1.0)^2 + (2.0 - 0.0)^2) / 1 = 5.0"),
        ([1] * 4, [0] * 4, "sum", "(" + " + ".join(["(1.0 - 0.0)^2"] * 4) + ") / 1 = 4.0"),
        ([1] * 5, [0] * 5, "mean", "(" + " + ".join(["(1.0 - 0.0)^2"] * 4) + " + 1 more) / 5 = 1.0"),
        ([1] * 9, [0] * 9, "sum", "(" + " + ".join(["(1.0 - 0.0)^2"] * 4) + " + 5 more) / 1 = 9.0"),
        ([], [], "sum", "(nothing) / 1 = 0.0"),
    ],
)
def test_the_loss_is_worked_out_by_hand(student, teacher, reduction, text):
    assert MSE_LOSS.by_hand(both(student, teacher), (), full(MSE_LOSS, {"reduction": reduction})) == text


def test_a_gradient_is_worked_out_by_hand():
    args = np.array([3.0, 1.0]), np.array([1.0, 1.0])
    assert MSE_GRADIENT.by_hand(args, (0,), full(MSE_GRADIENT, {})) == "2 * (3.0 - 1.0) / 2 = 2.0"
    by_batch = full(MSE_GRADIENT, {"reduction": "batch_mean"})
    args = both([[3, 1, 0], [1, 1, 5]], [[0, 0, 0], [0, 0, 1]])
    assert MSE_GRADIENT.by_hand(args, (1, 2), by_batch) == "2 * (5.0 - 1.0) / 2 = 4.0"


@EACH
def test_what_is_declared_as_rejected_is_what_its_name_says(operation):
    under = full(operation, {})
    for name, make in operation.rejects:
        student, teacher = make(under)
        if name.startswith("shapes"):
            assert name == f"shapes {student.shape} and {teacher.shape}"
        else:
            assert (name, np.isnan(student).tolist()) == ("student[0] = nan", [True, False])
            assert student.shape == teacher.shape
        finite = name.startswith("shapes")
        assert np.isfinite(teacher).all()
        assert np.isfinite(student).all() == finite
        with pytest.raises(ValueError, match=r"student|teacher"):
            operation.answer((student, teacher), under)
    assert len(operation.rejects) == 3


def broken(operation, args, answer, **settings):
    under = full(operation, settings)
    return [law.name for law in operation.laws if not law.holds(args, answer, under)]


@pytest.fixture
def loss_bound_of_a_quarter(monkeypatch):
    def quarter(args, settings):
        student, teacher = args
        return np.float64({"float32": 0.25}[settings["dtype"]] + student.size - teacher.size)

    monkeypatch.setattr(losses, "loss_bound", quarter)


@pytest.mark.usefixtures("loss_bound_of_a_quarter")
@pytest.mark.parametrize(
    ("student", "teacher", "reduction", "answer", "laws"),
    [
        ([2, 0], [0, 1], "mean", 2.5, []),
        # the largest square is 4, half of it 2, and all of two such 4: to a quarter
        ([2, 0], [0, 1], "mean", 1.75, []),
        ([2, 0], [0, 1], "mean", 1.7, ["at_least_largest"]),
        ([2, 0], [0, 1], "mean", 4.25, []),
        ([2, 0], [0, 1], "mean", 4.3, ["at_most_largest"]),
        ([2, 0], [0, 1], "sum", 3.75, []),
        ([2, 0], [0, 1], "sum", 8.25, []),
        ([2, 0], [0, 1], "sum", 8.3, ["at_most_largest"]),
        ([[2, 0]], [[0, 1]], "batch_mean", 8.25, []),
        ([[2, 0]], [[0, 1]], "batch_mean", 8.3, ["at_most_largest"]),
        ([[2, 0]], [[0, 1]], "batch_mean", 3.7, ["at_least_largest"]),
        ([3, 0], [0, 0], "mean", -1e-9, ["not_negative", "zero_if_equal", "at_least_largest"]),
        ([3, 0], [0, 0], "mean", 0, ["zero_if_equal", "at_least_largest"]),
        # of what is within a quarter of 0 no more can be said
        ([0.5], [0], "mean", 0.25, []),
        ([0.5], [0], "mean", 0, []),
        ([0.5], [0], "mean", 0.51, ["at_most_largest"]),
        ([0.75, 0], [0, 0], "sum", 0, ["zero_if_equal", "at_least_largest"]),
        ([0.75, 0], [0, 0], "sum", 0.5, []),
        ([1, 0], [0, 0], "sum", 1, []),
        ([1, 2], [1, 2], "mean", 0, []),
        ([1, 2], [1, 2], "mean", 0.125, ["zero_if_equal"]),
        ([1, 2], [1, 2], "mean", 1, ["zero_if_equal", "at_most_largest"]),
        ([], [], "sum", 0, []),
        ([], [], "sum", 0.5, ["zero_if_equal", "at_most_largest"]),
    ],
)
def test_a_loss_breaks_the_laws_that_it_is_beyond(student, teacher, reduction, answer, laws):
    assert broken(MSE_LOSS, both(student, teacher), answer, reduction=reduction) == laws


@pytest.mark.parametrize(
    ("student", "teacher", "answer", "laws"),
    [
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[1, -0.5], [0, -1]], []),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[0.5, -0.25], [0, -0.5]], []),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[-1, 0.5], [0, 1]], ["sign"]),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[1, -0.5], [0.5, -1]], ["zero_where_equal", "proportional"]),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[1, 0], [0, -1]], ["zero_where_equal", "proportional"]),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[1, -1], [0, -1]], ["proportional"]),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[1, -0.5], [0, -1.5]], ["proportional"]),
        ([[2, 0], [1, 1]], [[0, 1], [1, 3]], [[0, 0], [0, 0]], ["zero_where_equal"]),
        ([2, 0], [2, 0], [0, 0], []),
        ([2, 0], [2, 0], [0, 0.5], ["zero_where_equal"]),
        ([], [], [], []),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_a_gradient_breaks_the_laws_that_it_is_beyond(student, teacher, answer, laws, dtype):
    reduction = "mean" if student else "sum"
    assert broken(MSE_GRADIENT, both(student, teacher), np.array(answer, dtype), reduction=reduction) == laws


def gradient_bound_of(monkeypatch, *bounds):
    monkeypatch.setattr(losses, "gradient_bound", lambda args, settings: np.array(bounds))


@pytest.mark.parametrize(
    ("answer", "laws"),
    [([0.5, 0], []), ([0, 0], ["zero_where_equal"]), ([0.5, -1], []), ([0.5, 0.25], ["sign"])],
)
def test_a_gradient_within_its_bound_of_zero_may_be_zero(monkeypatch, answer, laws):
    gradient_bound_of(monkeypatch, 0.75, 1.0)  # the gradients are 1 and -1
    found = broken(MSE_GRADIENT, both([1, 0], [0, 1]), np.array(answer))
    assert [name for name in found if name != "proportional"] == laws


@pytest.mark.parametrize(("second", "laws"), [(2.5, []), (1.5, []), (2.51, ["proportional"]), (1.49, ["proportional"])])
def test_two_gradients_may_be_off_their_ratio_by_both_their_bounds(monkeypatch, second, laws):
    # d = 4 and 2: |4 g_2 - 2 g_1| is at most 4 * 1/4 + 2 * 1/2
    gradient_bound_of(monkeypatch, 0.5, 0.25)
    assert broken(MSE_GRADIENT, both([4, 2], [0, 0]), np.array([4, second])) == laws


@pytest.mark.parametrize(("roundings", "laws"), [(7, []), (9, ["proportional"])])
def test_two_gradients_may_be_off_their_ratio_by_eight_roundings_of_the_law_itself(monkeypatch, roundings, laws):
    gradient_bound_of(monkeypatch, 0.0, 0.0)
    # d = 4 and 2, and both products are 8
    assert broken(MSE_GRADIENT, both([4, 2], [0, 0]), np.array([4, 2 + 2 * roundings * 2.0**-52])) == laws


def test_ratios_are_taken_to_the_gradient_of_the_largest_difference(monkeypatch):
    gradient_bound_of(monkeypatch, 0.0, 0.0, 0.0)
    assert broken(MSE_GRADIENT, both([0, 4, 2], [0, 0, 0]), np.array([0, 4.0, 2.0])) == []
    assert broken(MSE_GRADIENT, both([0, 4, 2], [0, 0, 0]), np.array([0, 4.0, 1.0])) == ["proportional"]


def test_no_gradient_of_equal_arrays_is_off_its_ratio(monkeypatch):
    gradient_bound_of(monkeypatch, 0.0, 0.0)
    assert broken(MSE_GRADIENT, both([1, 2], [1, 2]), np.zeros(2)) == []


def test_the_regions_are_where_the_student_is_on_either_side_of_the_teacher():
    args, under = both([[1, 2, 3]], [[2, 2, 2]]), full(MSE_GRADIENT, {})
    found = {region.name: region.mask(args, None, under)[0].tolist() for region in MSE_GRADIENT.regions}
    assert found == {"below": [[True, False, False]], "above": [[False, False, True]]}


@pytest.mark.parametrize("reduction", ["mean", "batch_mean"])
def test_a_rival_s_mean_over_nothing_is_zero(reduction):
    under, nothing = full(MSE_GRADIENT, {"reduction": reduction}), both(np.zeros((0, 3)), np.zeros((0, 3)))
    assert MSE_LOSS.rival_answer(nothing, under) == 0
    assert MSE_GRADIENT.rival_answer(nothing, under).shape == (0, 3)


@EACH
def test_a_search_draws_two_arrays_of_one_shape_in_the_dtype(operation):
    @given(operation.strategy(full(operation, {"dtype": "float16"})))
    @settings(max_examples=5)
    def drawn(args):
        student, teacher = args
        assert student.shape == teacher.shape
        assert student.dtype == teacher.dtype == np.float16

    drawn()


def test_a_candidate_that_broadcasts_gets_a_remark():
    report = check(lambda s, t: np.mean((s - t) ** 2), "mse_loss")
    assert report.verdict == "agrees"
    assert "accepts shapes (2, 1) and (2,), which the operation rejects" in report.remarks

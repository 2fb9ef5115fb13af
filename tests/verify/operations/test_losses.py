import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from verify.rivals import full

from refcompress.verify import check
from refcompress.verify.agreement import compare
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


@pytest.mark.parametrize(
    ("args", "index", "text"),
    [
        ((np.array([3.0]), np.array([1.0])), (), "((3.0 - 1.0)^2) / 1 = 4.0"),
        ((np.zeros(2), np.ones(2)), (), "((0.0 - 1.0)^2 + (0.0 - 1.0)^2) / 2 = 1.0"),
    ],
)  # fmt: skip
def test_the_loss_is_worked_out_by_hand(args, index, text):
    assert MSE_LOSS.by_hand(args, index, full(MSE_LOSS, {})) == text


def test_a_gradient_is_worked_out_by_hand():
    args = np.array([3.0, 1.0]), np.array([1.0, 1.0])
    assert MSE_GRADIENT.by_hand(args, (0,), full(MSE_GRADIENT, {})) == "2 * (3.0 - 1.0) / 2 = 2.0"


@EACH
def test_what_is_declared_as_rejected_is_rejected(operation):
    under = full(operation, {})
    for name, make in operation.rejects:
        with pytest.raises(ValueError, match=r"student|teacher"):
            operation.answer(make(under), under)
        assert name


def test_a_candidate_that_broadcasts_gets_a_remark():
    report = check(lambda s, t: np.mean((s - t) ** 2), "mse_loss")
    assert report.verdict == "agrees"
    assert "accepts shapes (2, 1) and (2,), which the operation rejects" in report.remarks

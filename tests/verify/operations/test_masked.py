import random
from fractions import Fraction

import numpy as np
import pytest
from oracles.mlp import sgd_step
from verify.rivals import fault_named, full

from refcompress.verify import check
from refcompress.verify.agreement import compare
from refcompress.verify.operations.masked import MASKED_SGD_STEP
from refcompress.verify.operations.masked_cases import call
from refcompress.verify.snippet import snippet

SAMPLE = pytest.mark.parametrize("number", range(8))


def some_settings(number):
    """Settings drawn from all that there are; the defaults first."""
    draw = random.Random(number)
    return {s.name: draw.choice(s.allowed) for s in MASKED_SGD_STEP.settings} if number else {}


def fault(name, w, g, v, mask, **settings):
    settings = full(MASKED_SGD_STEP, settings)
    found = fault_named(MASKED_SGD_STEP, name)
    return [part.tolist() for part in found.answer(call(w, g, v, mask, settings), settings)]


EASY = {"lr": 0.5, "momentum": 0.5, "weight_decay": 0.5}


@SAMPLE
def test_the_reference_agrees_with_itself_whatever_the_settings(number):
    given = some_settings(number)
    settings = full(MASKED_SGD_STEP, given)
    report = check(lambda *args: MASKED_SGD_STEP.answer(args, settings), MASKED_SGD_STEP, examples=10, **given)
    assert report.verdict == "agrees", str(report)
    assert report.worst == 0


@SAMPLE
def test_every_law_holds_for_the_reference_whatever_the_settings(number):
    settings = full(MASKED_SGD_STEP, some_settings(number))
    for case in MASKED_SGD_STEP.cases:
        for args in case.make(settings):
            answer = MASKED_SGD_STEP.answer(args, settings)
            assert [law.name for law in MASKED_SGD_STEP.laws if not law.holds(args, answer, settings)] == [], case.name


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
def test_plain_arithmetic_in_the_dtype_is_within_the_bound_and_so_is_the_exact_twin(dtype):
    settings = full(MASKED_SGD_STEP, {"dtype": dtype})
    lr, momentum, decay = (settings[name] for name in ("lr", "momentum", "weight_decay"))
    for case in MASKED_SGD_STEP.cases:
        for w, g, v, mask in case.make(settings):
            expected, bound = (f((w, g, v, mask), settings) for f in (MASKED_SGD_STEP.answer, MASKED_SGD_STEP.bound))
            velocity = np.where(mask, momentum * v + g + decay * w, w.dtype.type(0))
            assert velocity.dtype == w.dtype
            stepped = np.where(mask, w - lr * velocity, w.dtype.type(0))
            assert compare(expected, (stepped, velocity), bound).agrees, case.name
            numbers = [[Fraction(x) for x in a.astype(np.float64).reshape(-1).tolist()] for a in (w, g, v)]
            exact = sgd_step(*numbers, *map(Fraction, (lr, momentum, decay)), mask.reshape(-1).tolist())
            twin = tuple(np.array([float(x) for x in part]).reshape(w.shape) for part in exact)
            assert compare(expected, twin, bound).agrees, case.name


def test_a_negative_zero_where_a_weight_is_pruned_is_found_and_the_lines_that_reproduce_it_fail():
    def times_mask(w, gradient, velocity, mask):
        velocity = (0.5 * velocity + gradient + 0.5 * w) * mask
        return (w - 0.5 * velocity) * mask, velocity

    def selected(w, gradient, velocity, mask):
        velocity = np.where(mask, 0.5 * velocity + gradient + 0.5 * w, 0)
        return np.where(mask, w - 0.5 * velocity, 0), velocity

    report = check(times_mask, "masked_sgd_step", **EASY)
    assert report.verdict == "differs"
    assert "become -0" in report.diagnosis[0].statement
    lines = snippet(report)
    exec(lines, {"candidate": selected})
    with pytest.raises(AssertionError):
        exec(lines, {"candidate": times_mask})


def test_a_bound_of_negative_zero_asks_for_the_sign_of_zero_and_one_of_zero_does_not():
    plus, minus = np.array([0.0]), np.array([-0.0])
    assert compare(plus, minus, np.array([0.0])).agrees
    assert not compare(plus, minus, np.array([-0.0])).agrees
    assert compare(plus, plus, np.array([-0.0])).agrees


@pytest.mark.parametrize(
    ("name", "args", "wrong"),
    [
        ("gradient_masked", ([0], [0], [8], [False]), [[-2.0], [4.0]]),
        ("decayed_gradient_masked", ([4], [2], [0], [False]), [[4.0], [0.0]]),
        ("velocity_unmasked", ([4], [2], [0], [False]), [[0.0], [4.0]]),
        ("weights_unmasked", ([4], [2], [0], [False]), [[4.0], [0.0]]),
        ("mask_before", ([4], [2], [8], [False]), [[-1.0], [2.0]]),
        ("nesterov", ([4], [2], [8], [True]), [[0.0], [8.0]]),
        ("dampened", ([4], [2], [8], [True]), [[1.0], [6.0]]),
        ("decoupled", ([4], [2], [8], [True]), [[0.0], [6.0]]),
        ("lr_in_velocity", ([4], [2], [8], [True]), [[-2.0], [6.0]]),
        ("decay_negated", ([4], [2], [8], [True]), [[2.0], [4.0]]),
    ],
)
def test_a_fault_gives_what_an_implementation_with_it_gives(name, args, wrong):
    assert fault(name, *args, **EASY) == wrong


def test_what_is_declared_as_rejected_is_rejected():
    settings = full(MASKED_SGD_STEP, {})
    for name, make in MASKED_SGD_STEP.rejects:
        with pytest.raises(ValueError, match="w"):
            MASKED_SGD_STEP.answer(make(settings), settings)
        assert name


@pytest.mark.parametrize(
    ("kept", "lines"),
    [
        (
            True,
            (
                "v' = 0.5 * 8.0 + 2.0 + 0.5 * 4.0 = 8.0; w' = 4.0 - 0.5 * 8.0 = 0.0",
                "v' = 0.5 * 8.0 + 2.0 + 0.5 * 4.0 = 8.0",
            ),
        ),
        (False, ("the mask prunes it: w is 0", "the mask prunes it: the velocity is 0")),
    ],
)
def test_a_weight_and_a_velocity_are_worked_out_by_hand(kept, lines):
    settings = full(MASKED_SGD_STEP, EASY)
    args = call([4], [2], [8], [kept], settings)
    assert tuple(MASKED_SGD_STEP.by_hand(args, (part, 0), settings) for part in range(2)) == lines


def test_a_report_works_out_the_part_that_is_wrong():
    def keeps_velocity(w, gradient, velocity, mask):
        w, _ = MASKED_SGD_STEP.answer((w, gradient, velocity, mask), full(MASKED_SGD_STEP, {}))
        return w, velocity

    assert "by hand: the mask prunes it: the velocity is 0" in str(check(keeps_velocity, "masked_sgd_step"))

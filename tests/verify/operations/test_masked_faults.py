from fractions import Fraction

import numpy as np
import pytest
from verify.rivals import fault_named, full

from refcompress.verify.operations.masked import MASKED_SGD_STEP
from refcompress.verify.operations.masked_cases import call
from refcompress.verify.operations.masked_faults import step_bound

# w = 4, gradient 2, velocity 8: g' = 2 + 2 * 4 = 10, v' = 0.75 * 8 + 10 = 16, w' = 4 - 16 / 4 = 0
CHOSEN = {"lr": 0.25, "momentum": 0.75, "weight_decay": 2.0, "dtype": "float32"}
SETTINGS = full(MASKED_SGD_STEP, {}) | CHOSEN


@pytest.mark.parametrize(
    ("name", "kept", "w", "v"),
    [
        ("nesterov", True, -1.5, 16),
        ("lr_in_velocity", True, -4.5, 8.5),
        ("negative_velocity", True, 7.5, 3.5),
        ("dampened", True, 1.875, 8.5),
        ("momentum_of_sum", True, 0.625, 13.5),
        ("momentum_one", True, -0.5, 18),
        ("old_velocity", True, 2, 16),
        ("gradient_step", True, 1.5, 16),
        ("decoupled", True, 0, 8),
        ("decoupled_whole", True, -6, 8),
        ("decay_negated", True, 4, 0),
        ("decay_doubled", True, -2, 24),
        ("decay_of_sign", True, 1.5, 10),
        ("decay_of_velocity", True, -2, 24),
        ("ascends", True, 8, 16),
        ("swapped", True, 16, 0),
        ("velocity_unchanged", True, 0, 8),
        ("mask_ignored", False, 0, 16),
        ("gradient_masked", False, 0.5, 14),
        ("decayed_gradient_masked", False, 2.5, 6),
        ("velocity_decays", False, 0, 6),
        ("velocity_unmasked", False, 0, 16),
        ("weights_unmasked", False, 4, 0),
        ("update_masked", False, 4, 16),
        ("mask_before", False, -0.5, 2),
        ("decay_after_mask", False, -2, 0),
    ],
)
def test_a_wrong_step_is_what_its_name_says(name, kept, w, v):
    answer = fault_named(MASKED_SGD_STEP, name).answer(call([4], [2], [8], [kept], SETTINGS), SETTINGS)
    assert [part.tolist() for part in answer] == [[w], [v]]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_bound_of_a_fault_is_16_roundings_of_all_its_terms_and_none_where_what_is_pruned_is_0(sign):
    # (1 + lr) (|w| (1 + 2 * weight_decay) + 2 |g| + 2 |v|) = 1.25 * (20 + 4 + 16) = 50
    most = 16 * 2.0**-24 * 50 + 32 * 2.0**-149
    args = call([4 * sign] * 2, [2 * sign] * 2, [8 * sign] * 2, [True, False], SETTINGS)
    w, v = fault_named(MASKED_SGD_STEP, "velocity_decays").bound(args, SETTINGS)
    np.testing.assert_allclose(w, [most, 0], rtol=1e-12)
    np.testing.assert_allclose(v, [most, most], rtol=1e-12)
    assert np.signbit(w).tolist() == [False, True]  # the sign of a zero is determined, too
    of_zeros = fault_named(MASKED_SGD_STEP, "velocity_decays").bound(call([0], [0], [0], [True], SETTINGS), SETTINGS)
    assert [part.tolist() for part in of_zeros] == [[32 * 2.0**-149]] * 2


def test_in_float32_has_twice_the_bound_of_float32_and_none_where_it_is_pruned():
    args = call([4] * 2, [2] * 2, [8] * 2, [True, False], SETTINGS)
    right = MASKED_SGD_STEP.bound(args, SETTINGS)
    own = fault_named(MASKED_SGD_STEP, "in_float32").bound(args, SETTINGS | {"dtype": "float64"})
    for a, b in zip(own, right, strict=True):
        np.testing.assert_allclose(a, 2 * b, rtol=1e-7)
        assert np.signbit(a).tolist() == [False, True]


def bounds(w, g, v, **settings):
    """The bounds of w' and v' in float32 for one kept weight, of numbers that float32 need not have."""
    args = tuple(np.array([a], np.float64) for a in (w, g, v))
    return [float(b[0]) for b in step_bound((*args, np.array([True])), SETTINGS | settings)]


BESIDE = 1 + Fraction(1, 2**29)  # what the reference itself may be off by, in float64


def test_the_bound_is_that_of_the_derivation_and_its_own_roundings_do_not_take_from_it():
    draw, u = np.random.default_rng(0), Fraction(1, 2**24)
    for w, g, v in draw.standard_normal((200, 3)).tolist():
        velocity = Fraction(3, 4) * abs(Fraction(v)) + abs(Fraction(g)) + 2 * abs(Fraction(w))
        sizes = (abs(Fraction(w)) + velocity / 4, 9, 5), (velocity, 5, 4)
        for bound, (size, roundings, quanta) in zip(bounds(w, g, v), sizes, strict=True):
            exact = (roundings * u / (1 - roundings * u) * size + quanta * Fraction(1, 2**149)) * BESIDE
            assert exact * (1 + Fraction(1, 2**41)) < Fraction(bound) < exact * (1 + Fraction(1, 2**39))


@pytest.mark.parametrize(("lr", "quanta"), [(0.25, 5), (1.0, 8)])
def test_near_the_smallest_number_the_bound_counts_quanta_and_without_any_term_there_is_no_error(lr, quanta):
    tiny = 2.0**-149
    np.testing.assert_allclose(bounds(0, tiny, 0, lr=lr), [quanta * tiny, 4 * tiny], rtol=1e-5)
    assert bounds(0, 0, 0) == [0, 0]


def test_where_rounding_may_reach_infinity_nothing_is_promised():
    largest = float(np.finfo(np.float32).max)
    edge = largest / (1 + 16 * 2.0**-24)
    assert edge * (1 + 16 * 2.0**-24) == largest
    below = float(np.nextafter(edge, 0))
    assert np.isinf(bounds(0, edge, 0)).tolist() == [True, True]  # the velocity alone is that large
    assert np.isinf(bounds(0, below, 0)).tolist() == [False, False]
    assert np.isinf(bounds(edge, 0, 0, weight_decay=0.0)).tolist() == [True, False]
    assert np.isinf(bounds(below, 0, 0, weight_decay=0.0)).tolist() == [False, False]

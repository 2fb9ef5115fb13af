from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import mlp as oracle

from refcompress.mlp.optimizers import SGD, Adam, AdamState, Optimizer

U = Fraction(1, 2**53)
RATES = st.fractions(0, 1, max_denominator=12)
OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, weight_decay=0.01),
    Adam(0.1),
    Adam(0.1, weight_decay=0.01),
]


def vectors(count, size=3):
    values = st.lists(st.integers(-9, 9), min_size=count * size, max_size=count * size)
    return values.map(lambda v: np.array([Fraction(n, 4) for n in v], object).reshape(count, size))


def moments(state):
    return [state] if isinstance(state, np.ndarray) else [state.first, state.second]


@settings(max_examples=60)
@given(
    arrays=vectors(6),
    lr=RATES,
    momentum=RATES,
    weight_decay=RATES,
    mask=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_sgd_on_fractions_is_its_recursion_exactly(arrays, lr, momentum, weight_decay, mask):
    w, *gradients = arrays
    optimizer = SGD(lr, momentum, weight_decay)
    state = optimizer.initial_state(w)
    expected_w, expected_v = w.tolist(), [Fraction(0)] * 3
    for number, g in enumerate(gradients):
        kept = [True] * 3 if number < 2 else mask  # pruned after two steps with momentum
        w, state = optimizer.step(w, g, state, None if number < 2 else np.array(mask))
        expected_w, expected_v = oracle.sgd_step(expected_w, g, expected_v, lr, momentum, weight_decay, kept)
        assert w.tolist() == expected_w
        assert state.tolist() == expected_v


@given(arrays=vectors(3), lr=st.sampled_from([0.1, 0.25]), momentum=st.sampled_from([0.9, 0.5]))
@settings(max_examples=30)
def test_float_settings_count_on_fractions_for_exactly_what_they_are(arrays, lr, momentum):
    w, g, v = arrays
    result = SGD(lr, momentum).step(w, g, v)
    expected = oracle.sgd_step(w, g, v, Fraction(lr), Fraction(momentum), 0, [True] * 3)
    assert (result[0].tolist(), result[1].tolist()) == expected


def test_a_step_of_sgd_by_hand():
    w, v = SGD(lr=0.5, momentum=0.25, weight_decay=0.5).step(np.array([2.0]), np.array([3.0]), np.array([8.0]))
    assert v.tolist() == [0.25 * 8 + 3 + 0.5 * 2]
    assert w.tolist() == [2 - 0.5 * 6]


def test_the_momentum_of_before_does_not_bring_a_pruned_weight_back():
    w, v = SGD(lr=0.1, momentum=0.9).step(np.zeros(1), np.zeros(1), np.array([0.5]), np.array([False]))
    assert w.tolist() == v.tolist() == [0.0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", [bool, np.int8, np.float64])
def test_pruned_entries_are_positive_zero_in_weights_and_moments_after_every_step(optimizer, kind):
    generator = np.random.default_rng(0)
    w, mask = generator.normal(size=50), (np.arange(50) % 3 > 0).astype(kind)
    state = optimizer.initial_state(w)
    for number in range(8):
        w, state = optimizer.step(w, generator.normal(size=50), state, mask if number >= 3 else None)
        if number >= 3:
            for values in (w, *moments(state)):
                assert not values[::3].any()
                assert not np.signbit(values[::3]).any()
        assert w[mask != 0].all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_mask_changes_nothing_for_what_it_keeps(optimizer):
    generator = np.random.default_rng(1)
    w, gradients, mask = generator.normal(size=20), generator.normal(size=(4, 20)), np.arange(20) % 2 == 0
    free, held = (w, optimizer.initial_state(w)), (w, optimizer.initial_state(w))
    for g in gradients:
        free, held = optimizer.step(free[0], g, free[1]), optimizer.step(held[0], g, held[1], mask)
        assert np.array_equal(free[0][mask], held[0][mask])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_not_even_nan_passes_a_mask(optimizer):
    w, state = optimizer.step(np.full(2, np.nan), np.ones(2), optimizer.initial_state(np.ones(2)), np.zeros(2, bool))
    assert not any(values.any() for values in (w, *moments(state)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("mask", [None, np.array([True, False, True])])
def test_a_step_changes_none_of_its_arguments(optimizer, mask):
    w, g = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5, 2.0])
    _, state = optimizer.step(w, g, optimizer.initial_state(w))
    arguments = [w, g, *moments(state)]
    before = [a.copy() for a in arguments]
    for array in arguments:
        array.flags.writeable = False
    new_w, new_state = optimizer.step(w, g, state, mask)
    assert all(np.array_equal(a, b) for a, b in zip(arguments, before, strict=True))
    assert not any(np.shares_memory(n, a) for n in (new_w, *moments(new_state)) for a in arguments)


@pytest.mark.parametrize(
    "optimizer", [*OPTIMIZERS, SGD(np.float64(0.1), np.float64(0.5)), Adam(np.float64(0.1), np.float64(0.5))]
)
def test_float32_stays_float32(optimizer):
    w = np.ones(3, np.float32)
    w, state = optimizer.step(w, w, optimizer.initial_state(w), np.ones(3, bool))
    assert {a.dtype for a in (w, *moments(state))} == {np.dtype(np.float32)}


NUMBERS = st.lists(st.floats(-1e100, 1e100), min_size=3, max_size=3).map(np.array)


@given(
    state=st.tuples(NUMBERS, NUMBERS, NUMBERS.map(np.abs)),
    gradients=st.lists(NUMBERS, min_size=2, max_size=4),
    mask=st.lists(st.booleans(), min_size=3, max_size=3).map(np.array),
    weight_decay=st.sampled_from([0.0, 0.5]),
)
def test_adam_holds_what_is_pruned_and_both_its_means_at_plus_zero_from_any_state(state, gradients, mask, weight_decay):
    w, first, second = state
    optimizer, means = Adam(0.1, weight_decay=weight_decay), AdamState(7, first, second)
    free = w, means
    for g in gradients:
        w, means = optimizer.step(w, g, means, mask)
        free = optimizer.step(free[0], g, free[1])
        for held, alone in ((w, free[0]), (means.first, free[1].first), (means.second, free[1].second)):
            assert held[~mask].tobytes() == bytes(held[~mask].nbytes)
            assert np.array_equal(held[mask], alone[mask])


@settings(max_examples=60)
@given(
    steps=st.lists(st.integers(-9, 9), min_size=1, max_size=6),
    lr=st.sampled_from([1.0, 0.375]),
    epsilon=st.sampled_from([1e-8, 0.5]),
)
def test_adam_follows_its_algorithm_within_its_bound(steps, lr, epsilon):
    # beta1 = 1/2 and beta2 = 3/4, and small integers: both means, 1 - beta^t and their products are exact for 6 steps.
    # Then a step rounds once each in first / (1 - beta1^t), in second / (1 - beta2^t) and its root (1/2 + 1), in the
    # sum with epsilon, in the quotient, and in the product with lr, unless lr is 1: gamma_6 (5.5) of the update; and
    # once in w - update: u times what comes out.
    optimizer, w = Adam(lr, beta1=0.5, beta2=0.75, epsilon=epsilon), np.array([1.0])
    state, exact, error = optimizer.initial_state(w), Fraction(1), Fraction(0)
    updates = oracle.adam_updates([Fraction(g) for g in steps], Fraction(1, 2), Fraction(3, 4), Fraction(epsilon))
    for t, (g, update) in enumerate(zip(steps, updates, strict=True), 1):
        w, state = optimizer.step(w, np.array([float(g)]), state)
        exact -= Fraction(lr) * update
        error += 6 * U / (1 - 6 * U) * abs(Fraction(lr) * update)
        error = (error + U * abs(exact)) / (1 - U)
        assert state.t == t
        assert abs(Fraction(w[0]) - exact) <= error


def test_the_first_step_of_adam_is_lr_whatever_the_gradient():
    optimizer, w = Adam(lr=0.5, epsilon=1e-300), np.zeros(4)
    assert optimizer.step(w, np.array([1e-6, -4.0, 1e6, 0.0]), optimizer.initial_state(w))[0].tolist() == [
        pytest.approx(-0.5, rel=2**-50),  # six roundings of 2^-53 each
        pytest.approx(0.5, rel=2**-50),
        pytest.approx(-0.5, rel=2**-50),
        0.0,
    ]


def test_the_weight_decay_of_adam_is_a_part_of_the_gradient():
    w, g = np.array([2.0, -1.0]), np.array([0.5, 0.25])
    plain, decayed = Adam(0.1), Adam(0.1, weight_decay=0.5)
    expected, state = plain.step(w, g + 0.5 * w, plain.initial_state(w))
    result, decayed_state = decayed.step(w, g, decayed.initial_state(w))
    assert np.array_equal(result, expected)
    assert np.array_equal(decayed_state.second, state.second)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SGD(-0.1), ValueError, "lr is -0.1: it must be at least 0"),
        (lambda: SGD(np.nan), ValueError, "lr is nan: it must be at least 0"),
        (lambda: SGD(np.inf), ValueError, "lr is inf"),
        (lambda: SGD("0.1"), TypeError, r"lr is '0.1' \(str\): it must be a number"),
        (lambda: SGD(0.1, momentum=1.5), ValueError, "momentum is 1.5: it must be from 0 to 1"),
        (lambda: SGD(0.1, momentum=Fraction(3, 2)), ValueError, "momentum is 3/2: it must be from 0 to 1"),
        (lambda: SGD(0.1, weight_decay=-1), ValueError, "weight_decay is -1: it must be at least 0"),
        (lambda: SGD(Fraction(10**400)), ValueError, "lr is 10.*: it must be within float64"),
        (lambda: SGD(Fraction(-1)), ValueError, "lr is -1: it must be at least 0"),
        (lambda: Adam(beta1=1.0), ValueError, "beta1 is 1.0: it must be at least 0 and below 1"),
        (lambda: Adam(beta2=-0.5), ValueError, "beta2 is -0.5: it must be at least 0"),
        (lambda: Adam(epsilon=0.0), ValueError, "epsilon is 0.0: it must be above 0"),
        (lambda: Adam(lr=True), TypeError, r"lr is True \(bool\): it must be a number"),
        (lambda: Adam(weight_decay=None), TypeError, r"weight_decay is None \(NoneType\): it must be a number"),
        (lambda: Adam(beta2=1.0), ValueError, "beta2 is 1.0: it must be at least 0 and below 1"),
    ],
)
def test_a_bad_setting_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_settings_cannot_be_changed():
    for optimizer in OPTIMIZERS:
        with pytest.raises(AttributeError):
            optimizer.lr = 1.0


def test_adam_is_that_of_its_paper_unless_asked_otherwise():
    assert Adam() == Adam(lr=0.001, beta1=0.9, beta2=0.999, epsilon=0.00000001, weight_decay=0.0)


def test_sgd_has_no_momentum_unless_asked_for():
    w, v = SGD(0.5).step(np.array([1.0]), np.array([2.0]), np.array([4.0]))
    assert (w.tolist(), v.tolist()) == ([0.0], [2.0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_one(optimizer):
    assert isinstance(optimizer, Optimizer)


@pytest.mark.parametrize("optimizer", [SGD(0.5), Adam(0.5)])
def test_without_weight_decay_a_weight_has_no_part_in_its_gradient(optimizer):
    w = np.array([np.inf])
    _, state = optimizer.step(w, np.array([1.0]), optimizer.initial_state(w))
    assert np.isfinite(moments(state)).all()


def test_states_that_hold_arrays_are_equal_only_to_themselves():
    state = Adam().initial_state(np.ones(3))
    assert state == state
    assert state != AdamState(state.t, state.first, state.second)


def test_a_fraction_may_be_as_large_as_the_largest_float():
    assert SGD(Fraction(np.finfo(float).max)).lr == Fraction(np.finfo(float).max)

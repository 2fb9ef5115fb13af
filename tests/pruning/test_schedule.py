import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import keep_count, top_k_mask
from refcompress.pruning.schedule import cubic_sparsity

SHARES = st.one_of(st.integers(0, 100).map(lambda n: n / 100), st.fractions(0, 1))


def exactly(share):
    return share if isinstance(share, Fraction) else Fraction(repr(share))


@given(st.integers(0, 40), st.integers(1, 20), SHARES, SHARES, st.integers(0, 10))
def test_every_step_is_the_cubic(step, steps, final, initial, start):
    got = cubic_sparsity(step, steps, final=final, initial=initial, start=start)
    t = min(max(step - start, 0), steps)
    a, b = exactly(initial), exactly(final)
    # of the way from the first sparsity to the last, as much as is not left in three dimensions
    assert (got - a) * steps**3 == (b - a) * (steps**3 - (steps - t) ** 3)


@given(st.integers(1, 30), SHARES, SHARES)
def test_the_ends_are_exact(steps, final, initial):
    assert cubic_sparsity(0, steps, final=final, initial=initial) == exactly(initial)
    assert cubic_sparsity(steps, steps, final=final, initial=initial) == exactly(final)
    assert cubic_sparsity(steps + 5, steps, final=final, initial=initial) == exactly(final)


@given(st.integers(1, 30), SHARES)
def test_the_sparsity_rises_by_less_at_each_step(steps, final):
    path = [cubic_sparsity(t, steps, final=final) for t in range(steps + 1)]
    rises = [b - a for a, b in itertools.pairwise(path)]
    assert all(rise >= 0 for rise in rises)
    assert rises == sorted(rises, reverse=True)


def test_a_count_is_right_where_floats_are_one_short():
    assert int(27 * (1 - (1 - 1 / 3) ** 3)) == 18
    assert 27 - keep_count(27, cubic_sparsity(1, 3, final=1)) == 19


def test_the_numbers_count_that_were_written_in_any_float():
    path = [cubic_sparsity(1, 3, initial=kind(0.1), final=kind(0.8)) for kind in (float, np.float32, np.float16)]
    assert path == [Fraction(8, 10) - Fraction(7, 10) * Fraction(8, 27)] * 3


def test_scores_of_the_dense_weights_let_a_pruned_weight_come_back():
    dense = np.array([3.0, 1.0])
    mask = top_k_mask(dense, 1)
    assert mask.tolist() == [True, False]
    moved = np.array([0.5, 1.0])  # training goes on with the dense weights
    assert top_k_mask(moved, 1).tolist() == [False, True]
    assert top_k_mask(np.where(mask, moved, 0.0), 1).tolist() == [True, False]  # from masked ones it never does


@pytest.mark.parametrize(
    ("step", "steps", "settings", "error", "text"),
    [
        (-1, 4, {"final": 0.5}, ValueError, "step is -1: it must be at least 0"),
        (0, 0, {"final": 0.5}, ValueError, "steps is 0: it must be at least 1"),
        (0, 4, {"final": 1.5}, ValueError, "final is 1.5: it must be from 0.0 to 1.0"),
        (0, 4, {"final": Fraction(3, 2)}, ValueError, "final is 3/2: it must be from 0.0 to 1.0"),
        (0, 4, {"final": 0.5, "initial": -0.5}, ValueError, "initial is -0.5"),
        (0, 4, {"final": 0.5, "start": -1}, ValueError, "start is -1"),
        (0.5, 4, {"final": 0.5}, TypeError, "step is 0.5"),
        (0, 4, {"final": "half"}, TypeError, "final is 'half'"),
    ],
)
def test_bad_input_is_refused(step, steps, settings, error, text):
    with pytest.raises(error, match=text):
        cubic_sparsity(step, steps, **settings)

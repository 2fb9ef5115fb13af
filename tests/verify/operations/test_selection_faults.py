import numpy as np
import pytest
from verify.rivals import named

from refcompress.verify.inputs import float_dtype
from refcompress.verify.operations.selection_faults import RULES, by_lines, first_by, selection_faults

RULE = {name: rule for name, _, rule in RULES}
LOWEST = {"ties": "lowest_index", "axis": None, "dtype": "float32"}


def marks(name, x, k, **settings):
    return RULE[name](np.array(x, np.float32), k, {**LOWEST, **settings}).tolist()


@pytest.mark.parametrize("name", RULE)
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_every_rule_gives_a_mask_of_the_shape_of_x(name, axis, k):
    x = np.array([[1, -2, 0], [-0.0, 2, 3]], np.float32)
    with np.errstate(all="ignore"):
        mask = RULE[name](x, k, {**LOWEST, "axis": axis})
    assert mask.shape == x.shape
    assert mask.dtype == np.bool_


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("at_least_kth", 4),
        ("above_kth", 1),
        ("above_next", 1),
        ("distinct", 4),
        ("k_plus_one", 3),
        ("k_minus_one", 1),
        ("drops_k", 3),
        ("inverted", 3),
    ],
)
def test_a_rule_keeps_another_number_than_k_at_ties(name, kept):
    assert sum(marks(name, [1, 2, 1, -1, 0.5], 2)) == kept


def test_a_threshold_that_is_not_guarded_keeps_all_at_k_0():
    assert marks("at_least_unguarded", [1, 2], 0) == [True, True]


def test_signed_values_put_the_largest_negative_last():
    assert marks("signed", [-5, 1, 2], 1) == [False, False, True]


def test_squares_underflow_to_ties():
    assert marks("squares", [1e-30, 2e-30], 1) == [True, False]


def test_bits_as_signed_integers_put_negative_values_last():
    assert marks("bits_signed", [-5, 1, 2], 1) == [False, False, True]


def test_bits_with_their_sign_put_negative_zero_first():
    assert marks("bits_unsigned", [-0.0, 1, np.inf], 1) == [True, False, False]


def test_quantiles_are_interpolated_between_neighbours_of_bfloat16():
    x = np.array([1, 1 + 2**-7], float_dtype("bfloat16"))
    assert RULE["at_least_quantile"](x, 1, LOWEST).tolist() == [False, True]


def test_close_magnitudes_are_those_that_isclose_takes_for_equal():
    x = np.array([0, 0, 1e-8])
    assert np.isclose(x[2], 0)
    assert RULE["close_is_tie"](x, 2, LOWEST).tolist() == [True, True, False]


def test_neighbours_become_ties_by_the_maximum_of_their_own_line():
    low, high = np.float32(0.4000001), np.float32(0.40000013)
    assert marks("normalized", [[low, high, 0.75], [1, 2, 4]], 2, axis=1)[0] == [True, False, True]
    assert marks("normalized", [[low, high, 1], [1, 2, 4]], 2, axis=1)[0] == [False, True, True]


def test_a_share_of_rows_keeps_as_many_in_each():
    assert marks("share_of_rows", [[10, 9], [1, 2]], 2) == [[True, False], [False, True]]


def test_ties_down_the_columns():
    assert marks("columns_first", [[1, 1], [1, 1]], 2) == [[True, False], [True, False]]


@pytest.mark.parametrize(("ties", "kept"), [("lowest_index", [0, 1]), ("highest_index", [1, 2])])
def test_equal_keys_follow_the_rule_for_ties(ties, kept):
    assert np.flatnonzero(first_by(np.zeros((1, 3)), 2, {"ties": ties})).tolist() == kept


def test_lines_lie_along_the_axis():
    x = np.array([[1, 2], [3, 4]])
    first = by_lines(lambda lines, k, s: np.arange(lines.shape[1]) < np.full((len(lines), 1), k), x, 1, {"axis": 0})
    assert first.tolist() == [[True, True], [False, False]]


def test_a_fault_makes_its_result_of_the_mask():
    fault = named(selection_faults(lambda x, mask, s: x[mask]), "signed")
    assert fault.answer((np.array([-5.0, 1, 2], np.float32), 1), LOWEST).tolist() == [2]


def test_a_quantile_of_bfloat16_lies_between_its_numbers():
    x = np.array([1.0, 1.0078125]).astype(float_dtype("bfloat16"))  # neighbours
    assert RULE["at_least_quantile"](x, 1, {**LOWEST, "dtype": "bfloat16"}).tolist() == [False, True]

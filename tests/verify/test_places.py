"""What each place is; what a diagnosis says of them stands in test_diagnosis."""

import numpy as np
import pytest
from verify.toys import PARTS, SCALE

from refcompress.verify.candidates import Answer, Candidate
from refcompress.verify.check import make_exchange
from refcompress.verify.places import places_of_differences

SETTINGS = SCALE.defaults


def exchange(x, wrong, layout="plain", op=SCALE):
    """One call, answered with 1 too much where ``wrong`` is set."""
    x = np.asarray(x, np.float32)
    candidate = Candidate("toy", lambda args, layout: Answer(op.answer(args, SETTINGS) + np.asarray(wrong)))
    return make_exchange(op, SETTINGS, candidate, "some", (x,), layout)


def names(*exchanges, op=SCALE):
    return [place.where for place in places_of_differences(op, SETTINGS, exchanges)]


@pytest.mark.parametrize(
    ("x", "where"),
    [
        (np.ones(()), "on 0-d arrays"),
        (np.ones(1), "on arrays of one element"),
        (np.ones(2), "on 1-d arrays"),
        (np.ones((3, 3)), "on arrays with axes of equal length"),
        (np.ones((2, 3)), "on matrices"),
        (np.ones((2, 3, 4)), "on arrays of three dimensions or more"),
        (np.ones((2, 3, 4, 5)), "on arrays of three dimensions or more"),
    ],
)
def test_an_array_that_is_wrong_lies_where_its_form_says(x, where):
    other = np.ones((2, 3)) if x.ndim != 2 else np.ones(2)
    assert where in names(exchange(x, np.ones(x.shape)), exchange(other, np.zeros(other.shape)))


def test_a_place_holds_every_difference():
    calls = exchange([1, 2], [1, 0]), exchange(np.ones((2, 3)), np.ones((2, 3)))
    assert not {"on 1-d arrays", "on matrices"} & {*names(*calls, exchange(np.ones(()), 0))}


def test_what_holds_everything_is_no_place():
    assert names(exchange([1, 2], [1, 0]), exchange([1, 2], [0, 0])) == []


def test_a_tail_shows_in_two_lengths():
    tails = [exchange(np.ones(n), np.arange(n) >= 8) for n in (9, 11, 13)]
    assert "in the last n mod 8 elements" in names(*tails[:2])
    assert "in the last n mod 8 elements" in names(*tails)
    assert "in the last n mod 8 elements" not in names(tails[0], tails[0], exchange(np.ones(11), np.zeros(11)))


def test_a_layout_is_a_place_and_so_are_all_that_are_not_contiguous():
    plain, strided = exchange([1, 2], [0, 0]), exchange([1, 2], [0, 1], "strided")
    assert names(plain, strided) == ["on strided arrays", "on arrays that are not contiguous"]
    reversed_too = exchange([1, 2], [0, 1], "reversed")
    assert names(plain, strided, reversed_too) == ["on arrays that are not contiguous"]


def test_lists_of_arrays_have_no_parts_to_name():
    right = Candidate("toy", lambda args, layout: Answer(PARTS.answer(args, SETTINGS)))
    e = make_exchange(PARTS, SETTINGS, right, "some", (np.ones((2, 3), np.float32),), "plain")
    assert not [name for name in names(e, op=PARTS) if name.startswith("in scaled")]


def test_the_form_of_an_array_that_follows_from_what_differs_is_no_place():
    x = np.arange(9.0)
    calls = [exchange(x[:n], np.arange(n) == n - 1) for n in (1, 5, 9)]
    assert not any(
        "array" in p.where or "last" in p.where for p in places_of_differences(SCALE, SETTINGS, calls, False)
    )
    one = [exchange(np.ones(1), [1]), exchange(x, np.zeros(9))]
    assert "on arrays of one element" not in [p.where for p in places_of_differences(SCALE, SETTINGS, one, False)]

"""What each place is; what a diagnosis says of them stands in test_diagnosis."""

from dataclasses import replace

import numpy as np
import pytest
from verify.toys import LAYERS, PARTS, SCALE

from refcompress.verify.candidates import Answer, Candidate
from refcompress.verify.check import make_exchange
from refcompress.verify.operation import Region
from refcompress.verify.places import TAILS, places_of_differences

SETTINGS = SCALE.defaults


def exchange(x, wrong, layout="plain", op=SCALE):
    """One call, answered with 1 too much where ``wrong`` is set."""
    x = np.asarray(x, np.float32)
    candidate = Candidate("toy", lambda args, layout: Answer(op.answer(args, SETTINGS) + np.asarray(wrong)))
    return make_exchange(op, SETTINGS, candidate, "some", (x,), layout)


def answered(op, x, layout="plain"):
    """One call, answered rightly."""
    right = Candidate("toy", lambda args, layout: Answer(op.answer(args, SETTINGS)))
    return make_exchange(op, SETTINGS, right, "some", (x,), layout)


def names(*exchanges, op=SCALE):
    return [place.where for place in places_of_differences(op, SETTINGS, exchanges)]


def flags(*exchanges, op=SCALE):
    """For each place, what it flags of the parts of each answer."""
    places = places_of_differences(op, SETTINGS, exchanges)
    return {place.where: [[m.tolist() for m in place.mask(e)] for e in exchanges] for place in places}


def test_of_right_calls_every_place_is_given_that_does_not_hold_them_all_the_most_specific_first():
    def right(*shape, layout="plain"):
        return exchange(np.ones(shape), 0, layout)

    layouts = [right(2, 3, layout=layout) for layout in ("strided", "reversed", "fortran", "read-only")]
    deep = right(2, 3, 4), right(2, 3, 4, 5), right(2, 2, 2)
    calls = [right(), right(1), right(2), right(2, 3), right(3, 3), *deep, *layouts, replace(right(2), repeated=True)]
    places = places_of_differences(SCALE, SETTINGS, calls)
    assert [(p.where, [i for i, e in enumerate(calls) if p.mask(e)[0].all()]) for p in places] == [
        ("on repeated calls", [12]),
        ("on strided arrays", [8]),
        ("on reversed arrays", [9]),
        ("on fortran arrays", [10]),
        ("on read-only arrays", [11]),
        ("on arrays that are not contiguous", [8, 9, 10]),
        ("on 0-d arrays", [0]),
        ("on arrays of one element", [0, 1]),
        ("on arrays with axes of equal length", [4, 7]),
        ("on 1-d arrays", [1, 2, 12]),
        ("on matrices", [3, 4, 8, 9, 10, 11]),
        ("on arrays of three dimensions or more", [5, 6, 7]),
    ]
    assert all([m.shape for m in p.mask(e)] == [e.expected.shape] for p in places for e in calls)


def test_a_region_of_the_operation_is_a_place():
    above = Region(
        "above", "where the answer is above the number and the step", lambda args, out, s: [out > args[0] + s["step"]]
    )
    calls = exchange([1, 3], [0, 1]), exchange([5, 1], [0, 0])
    assert flags(*calls, op=replace(SCALE, regions=(above,))) == {above.where: [[[False, True]], [[True, False]]]}


@pytest.mark.parametrize("width", [4, 8, 16, 32, 64])
def test_a_tail_is_what_is_left_of_an_array_after_whole_vectors(width):
    long = exchange(np.ones(2 * width + 3), np.arange(2 * width + 3) == 2 * width + 1)
    matrix = exchange(np.ones((width + 1, 1)), np.arange(width + 1).reshape(-1, 1) == width)
    of_long, of_matrix = flags(long, matrix)[f"in the last n mod {width} elements"]
    assert of_long == [[False] * 2 * width + [True] * 3]
    assert of_matrix == [[[False]] * width + [[True]]]


def test_a_part_of_one_whole_vector_is_no_second_length_that_shows_a_tail():
    two = replace(SCALE, answer=lambda args, s: (args[0], args[0][:8]))
    wrong = Candidate("toy", lambda args, layout: Answer((args[0] + (np.arange(9) == 8), args[0][:8])))
    e = make_exchange(two, SETTINGS, wrong, "some", (np.ones(9, np.float32),), "plain")
    tails = [f"in the last n mod {width} elements{row}" for row in ("", " of each row of n") for width in (2, 4)]
    assert names(e, op=two) == [*tails, "in out"]


def test_a_part_of_an_answer_is_a_place_with_its_name_or_its_number():
    pair = replace(PARTS, answer=lambda args, s: (args[0], args[0][:2]), parts=("scaled",))
    found = flags(answered(pair, np.ones(3, np.float32)), op=pair)
    assert found["in scaled"] == [[[True] * 3, [False] * 2]]
    assert found["in part 1 of the result"] == [[[False] * 3, [True] * 2]]
    assert list(found)[-2:] == ["in scaled", "in part 1 of the result"]


def test_a_list_has_a_layout_and_no_form():
    x = [np.ones((2, 3), np.float32), np.ones((2, 2), np.float32)]
    calls = answered(LAYERS, x), answered(LAYERS, x, "strided")
    places = places_of_differences(LAYERS, SETTINGS, calls)
    assert [p.where for p in places if p.mask(calls[1])[0].all() and p.mask(calls[1])[1].all()] == [
        "on strided arrays",
        "on arrays that are not contiguous",
    ]


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


def test_the_tail_of_each_row_is_none_of_the_array():
    calls = [exchange(np.ones((3, n)), np.tile(np.arange(n) >= 4, (3, 1))) for n in (5, 7)]
    assert [name for name in names(*calls) if "last" in name] == ["in the last n mod 4 elements of each row of n"]
    line, number = exchange(np.ones(6), np.arange(6) >= 4), exchange(np.ones(()), 1)  # one number is a row of one
    assert "in the last n mod 4 elements of each row of n" in names(*calls, line, number)
    assert "in the last n mod 4 elements of each row of n" not in names(
        *calls, exchange(np.ones((2, 4)), np.ones((2, 4)))
    )


def test_the_last_rows_are_a_place_and_less_than_a_matrix_is_one_row():
    calls = [exchange(np.ones((n, 2, 3)), np.broadcast_to(np.arange(n)[:, None, None] >= 4, (n, 2, 3))) for n in (5, 7)]
    whole = exchange(np.ones((4, 2)), np.zeros((4, 2)))
    line, number = exchange(np.ones(6), np.ones(6)), exchange(np.ones(()), 1)
    assert "in the last n mod 4 of n rows" in names(*calls, whole, line, number)
    assert "in the last n mod 8 of n rows" not in names(*calls, whole)
    assert "in the last n mod 4 of n rows" not in names(*calls, exchange(np.ones((4, 2)), np.ones((4, 2))))


@pytest.mark.parametrize("shape", [(), (3,), (3, 5), (0,), (2, 0), (0, 2), (5, 1, 3)])
def test_what_a_tail_runs_along_fits_every_array(shape):
    x = np.ones(shape)
    for _, along in TAILS:
        assert np.broadcast_shapes(along(x), shape) == shape


def test_a_layout_is_a_place_and_so_are_all_that_are_not_contiguous():
    plain, strided = exchange([1, 2], [0, 0]), exchange([1, 2], [0, 1], "strided")
    assert names(plain, strided) == ["on strided arrays", "on arrays that are not contiguous"]
    reversed_too = exchange([1, 2], [0, 1], "reversed")
    assert names(plain, strided, reversed_too) == ["on arrays that are not contiguous"]


def test_lists_of_arrays_have_no_parts_to_name():
    e = answered(PARTS, np.ones((2, 3), np.float32))
    assert not [name for name in names(e, op=PARTS) if name.startswith("in scaled")]


def test_the_form_of_an_array_that_follows_from_what_differs_is_no_place():
    x = np.arange(9.0)
    calls = [exchange(x[:n], np.arange(n) == n - 1) for n in (1, 5, 9)]
    assert not any(
        "array" in p.where or "last" in p.where for p in places_of_differences(SCALE, SETTINGS, calls, False)
    )
    one = [exchange(np.ones(1), [1]), exchange(x, np.zeros(9))]
    assert "on arrays of one element" not in [p.where for p in places_of_differences(SCALE, SETTINGS, one, False)]

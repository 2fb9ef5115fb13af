from dataclasses import replace

import numpy as np
import pytest

from refcompress.verify.agreement import Comparison
from refcompress.verify.candidates import Answer
from refcompress.verify.exchange import Exchange

RIGHT = Comparison(None, (np.zeros(3, bool),))
WRONG = Comparison(None, (np.array([True, False, True]),))
SILENT = Comparison("raises ValueError")


def exchange(comparison, expected=(1, 2, 3), **answer):
    return Exchange("a case", (np.zeros(3),), "plain", False, np.array(expected), None, Answer(**answer), comparison)


@pytest.mark.parametrize(
    ("made", "fails", "failed"),
    [
        (exchange(RIGHT), False, 0),
        (exchange(WRONG), True, 2),
        (exchange(SILENT, problem="raises ValueError"), True, 3),
        (exchange(SILENT, expected=()), True, 1),
        (exchange(RIGHT, changed=("x",)), True, 1),
        (exchange(RIGHT, overwrote=(np.zeros(3),)), True, 1),
        (exchange(WRONG, overwrote=(np.zeros(3),)), True, 2),
    ],
)
def test_a_call_fails_when_its_answer_is_wrong_or_it_touches_what_is_not_its_own(made, fails, failed):
    assert made.fails is fails
    assert made.failed == failed


def test_an_empty_answer_counts_as_one_value():
    assert exchange(RIGHT, expected=()).size == 1
    assert exchange(RIGHT).size == 3


def test_a_call_with_a_wrong_answer_does_more_than_overwrite():
    assert exchange(RIGHT, overwrote=(np.zeros(3),)).only_overwrites
    assert not exchange(WRONG, overwrote=(np.zeros(3),)).only_overwrites
    assert not exchange(RIGHT).only_overwrites
    assert not exchange(RIGHT, overwrote=(np.zeros(3),), changed=("x",)).only_overwrites


@pytest.mark.parametrize(
    ("made", "only"),
    [
        (exchange(WRONG), True),
        (replace(exchange(WRONG), repeated=True), False),
        (exchange(WRONG, changed=("x",)), False),
        (exchange(WRONG, overwrote=(np.zeros(3),)), False),
        (exchange(SILENT, problem="raises ValueError"), False),
        (exchange(SILENT), True),  # of another shape, say: an answer, too
    ],
)
def test_a_first_answer_that_is_wrong_is_all_that_is_wrong_with_a_call_that_touches_nothing_else(made, only):
    assert made.only_differs is only


@pytest.mark.parametrize(
    ("x", "in_a_line"),
    [(np.zeros(3), True), (np.float32(1), False), (np.zeros(()), False), (np.zeros((3, 1)), False), ([1], False)],
)
def test_numbers_in_a_line_are_those_of_an_array_of_one_dimension(x, in_a_line):
    assert replace(exchange(WRONG), args=(x, np.zeros(3))).in_a_line is in_a_line

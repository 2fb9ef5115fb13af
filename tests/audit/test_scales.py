import numpy as np
import pytest

from refcompress.audit.rules import Declared, Pair
from refcompress.audit.scales import Scale, declared_scales, extremes, formula_scales, grids_of

X = np.float32([[1, -4, 2], [8, 0, -2]])


def scale(grid, values, zeros=None):
    return Scale("s", (2, 3), grid, np.float32(values), np.zeros(len(values), int) if zeros is None else zeros)


@pytest.mark.parametrize(
    ("shape", "grids"),
    [
        ((), [(1, 1)]),
        ((1,), [(1, 1)]),
        ((4,), [(4, 1)]),
        ((4, 1), [(4, 1)]),
        ((8,), [(1, 8)]),
        ((2, 2), [(2, 2)]),
        ((4, 8), [(4, 8)]),
        ((1, 2), [(1, 2)]),
        ((3,), []),
        ((3, 2), []),
        ((0,), []),
        ((2, 2, 2), []),
    ],
)
def test_the_shape_of_a_scale_says_where_it_belongs(shape, grids):
    assert list(grids_of(shape, (4, 8))) == grids


def test_a_line_may_lie_along_either_axis_of_a_square():
    assert list(grids_of((4,), (4, 4))) == [(4, 1), (1, 4)]


def test_entries_find_the_scale_of_their_cell():
    rows = scale((2, 1), [10, 20], np.array([1, 2]))
    assert [part.tolist() for part in rows.at(slice(0, 6))] == [[10, 10, 10, 20, 20, 20], [1, 1, 1, 2, 2, 2]]
    assert rows.at(np.array([5, 0]))[0].tolist() == [20, 10]
    assert scale((1, 3), [1, 2, 3]).at(slice(2, 5))[0].tolist() == [3, 1, 2]
    assert scale((1, 1), [7]).at(slice(0, 6))[0].tolist() == [7]
    halves = Scale("s", (2, 4), (2, 2), np.float32([1, 2, 3, 4]), np.zeros(4, int))
    assert halves.at(slice(0, 8))[0].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_extremes_are_those_of_every_cell():
    assert [part.tolist() for part in extremes(X, (2, 1))] == [[-4, -2], [2, 8]]
    assert [part.tolist() for part in extremes(X, (1, 3))] == [[1, -4, -2], [8, 0, 2]]
    assert [part.tolist() for part in extremes(X, (1, 1))] == [[-4], [8]]
    assert [part.tolist() for part in extremes(np.float32(3), ())] == [[3], [3]]


def test_the_usual_formulas_are_those_of_the_extremes():
    found = {(s.words, s.grid): s for s in formula_scales(Pair("a", X, np.zeros((2, 3), np.int8)), [8])}
    assert found["max|x| / 127", (1, 1)].values.tolist() == [np.float32(8 / 127)]
    assert found["max|x| / 128", (2, 1)].values.tolist() == [np.float32(4 / 128), np.float32(8 / 128)]
    shifted = found["(max x - min x) / 255", (1, 1)]
    assert shifted.values.tolist() == [np.float32(12 / 255)]
    assert shifted.zeros.tolist() == [-128 + 85]


def test_a_channel_of_zeros_has_scale_1():
    x = np.float32([[0, 0], [1, 2]])
    found = {(s.words, s.grid): s for s in formula_scales(Pair("a", x, np.zeros((2, 2), np.int8)), [8])}
    assert found["max|x| / 127", (2, 1)].values.tolist() == [1, np.float32(2 / 127)]


def declared(scale, zero=None):
    pair = Pair("a", X, np.zeros((2, 3), np.int8), Declared(scale=scale, zero_point=zero, names=("a.scale",)))
    return [(s.words, s.grid, s.values.tolist(), s.zeros.tolist()) for s in declared_scales(pair)]


def test_a_scale_in_the_file_is_laid_over_the_tensor():
    assert declared(np.float32(0.5)) == [("a.scale", (1, 1), [0.5], [0])]
    assert declared(np.float32([1, 2]), np.int8([3])) == [("a.scale", (2, 1), [1, 2], [3, 3])]
    assert declared(np.float32([1, 2]), np.float32([3, 4])) == [("a.scale", (2, 1), [1, 2], [3, 4])]


def test_a_float64_scale_is_also_tried_in_the_arithmetic_of_the_tensor():
    assert [words for words, *_ in declared(np.array(0.1))] == ["a.scale", "a.scale as float32"]


@pytest.mark.parametrize(
    ("scale", "zero"), [(None, None), (np.int8([1, 2]), None), (np.float32([1, 2]), np.int8([1, 2, 3]))]
)
def test_what_is_no_scale_is_left_alone(scale, zero):
    assert declared(scale, zero) == []


@pytest.mark.parametrize("zero", [0.5, -0.25, np.nan, np.inf, -np.inf, 1e300, 2.0**33])
def test_a_zero_point_that_is_no_code_is_not_rounded_to_one(zero):
    assert declared(np.float32([0.5]), np.array([zero])) == []
    assert declared(np.float32([0.5, 0.25]), np.array([3.0, zero])) == []


def test_a_zero_point_may_be_a_float_that_is_whole():
    assert [zeros for *_, zeros in declared(np.float32([0.5]), np.float32([-3.0]))] == [[-3]]


def test_settings_show_the_value_or_the_axis():
    assert scale((1, 1), [0.5]).settings == {"scale": "s", "value": 0.5, "zero_point": 0}
    assert scale((2, 1), [1, 2]).settings == {"scale": "s", "axis": 0}
    assert Scale("s", (2, 4), (2, 2), np.ones(4), np.zeros(4, int)).settings == {"scale": "s", "cells": [2, 2]}

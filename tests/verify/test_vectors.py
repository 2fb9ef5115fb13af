import dataclasses
import itertools

import numpy as np
import pytest
from verify.toys import LAYERS, PARTS, SCALE

from refcompress.verify.agreement import compare
from refcompress.verify.operation import Case, Region
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import line
from refcompress.verify.vectors import LEVELS, case_names, count, flags, vectors

QUANTIZE = OPERATIONS["quantize"]
BITS = {**QUANTIZE.defaults, "bits": 8}
EVERY = [(op, {**op.defaults, **typical}) for op in OPERATIONS.values() for typical in op.typical]
IDS = [f"{op.name} {i}" for i, (op, _) in enumerate(EVERY)]


# an elementwise toy with calls of two rows, the last two of them longer than a piece
SIZES = (1, 128, 129, 200)
LONG = dataclasses.replace(
    SCALE,
    elementwise=True,
    cases=(Case("rows", lambda s: [(np.arange(2 * n, dtype=np.float32).reshape(2, n),) for n in SIZES]),),
)


def as_lines(stream):
    return [f"{v.case} {line(v.number, v.args)}" for v in stream]


@pytest.mark.parametrize(("op", "settings"), EVERY, ids=IDS)
def test_the_answers_of_level_1_are_those_of_the_reference(op, settings):
    for vector in vectors(op, settings):
        right = op.answer(vector.args, settings)
        assert compare(right, vector.expected, check_dtype=True).agrees


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_level_1_is_some_hundreds_of_calls_at_most(op):
    assert 30 <= count(op, op.defaults, 1) <= 1000


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_every_case_that_is_not_about_memory_is_there(op):
    names = {vector.case for vector in vectors(op, op.defaults)}
    wanted = {c.name for c in op.cases if c.layout == "plain" and any(True for _ in c.make(op.defaults))}
    assert names == wanted
    assert names <= set(case_names(op))


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_a_higher_level_begins_with_all_of_the_lower_one(op):
    low = as_lines(vectors(op, op.defaults))
    some = as_lines(itertools.islice(vectors(op, op.defaults, level=2), len(low) + 20))
    assert some[: len(low)] == low
    assert as_lines(itertools.islice(vectors(op, op.defaults, level=3), len(some))) == some


def test_numbers_rise_from_1_without_gaps():
    assert [v.number for v in vectors(QUANTIZE, BITS)] == list(range(1, count(QUANTIZE, BITS, 1) + 1))


def test_a_level_has_as_many_vectors_as_it_says():
    assert (
        sum(1 for _ in vectors(QUANTIZE, BITS, level=2))
        == count(QUANTIZE, BITS, 2)
        == LEVELS[2] + count(QUANTIZE, BITS, 1)
    )


def test_the_levels_above_the_first_are_a_hundred_thousand_and_two_million_variations():
    directed = count(QUANTIZE, BITS, 1)
    assert [count(QUANTIZE, BITS, level) - directed for level in (2, 3)] == [100_000, 2_000_000]


def test_another_seed_gives_other_variations():
    first, second = (
        as_lines(itertools.islice(vectors(QUANTIZE, BITS, level=2, seed=seed), 500, 600)) for seed in (0, 1)
    )
    assert not set(first) & set(second)
    assert as_lines(itertools.islice(vectors(QUANTIZE, BITS, level=2), 500, 600)) == first


def test_a_vector_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        next(vectors(QUANTIZE, BITS)).number = 2


def test_long_arrays_of_elementwise_operations_are_cut():
    assert max(v.args[0].size for v in vectors(QUANTIZE, BITS)) == 256
    whole = next(args for case in QUANTIZE.cases if case.name == "longer than a block" for args in case.make(BITS))
    pieces = [v.args[0] for v in vectors(QUANTIZE, BITS) if v.case == "longer than a block"]
    np.testing.assert_array_equal(np.concatenate(pieces), whole[0])


def test_arrays_of_several_rows_are_cut_across_them_and_no_others():
    found = list(vectors(LONG, LONG.defaults))
    assert [v.args[0].shape for v in found] == [(2, 1), (2, 128), (256,), (2,), (256,), (144,)]
    assert all(np.array_equal(v.expected, 2 * v.args[0]) for v in found)
    assert np.concatenate([v.args[0] for v in found[-2:]]).tolist() == list(range(400))
    assert count(LONG, LONG.defaults, 1) == len(found)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_flags_are_those_of_each_call_by_itself(op):
    for vector in itertools.islice(vectors(op, op.defaults, level=2, flagged=True), 0, 1200, 7):
        assert vector.flags == flags(op, op.defaults, vector.args, vector.expected)


def test_flags_name_what_a_call_meets():
    def of(values):
        args = (np.array(values, np.float32), 0)
        return set(flags(QUANTIZE, BITS, args, QUANTIZE.answer(args, BITS)))

    assert "tie" in of([0.5])
    assert "saturates" in of([300.0, 0.0])
    assert "subnormal" in of([1e-40])
    assert not {"tie", "saturates", "subnormal", "wraps"} & of([1.0, 0.0])


def test_flags_say_nothing_of_where_an_element_stands():
    assert not {"first", "last", "lower_rows", "from_256"} & {
        f for v in vectors(QUANTIZE, BITS, flagged=True) for f in v.flags
    }


def test_what_a_region_computes_raises_nothing_whatever_numpy_was_told():
    region = Region("past_one", "past one", lambda args, expected, s: [np.log(args[0] - 1) > -np.inf])
    op = dataclasses.replace(LONG, regions=(region,))
    with np.errstate(all="raise"):
        found = [v.flags for v in vectors(op, op.defaults, flagged=True)]
    assert found == [(), *[("past_one",)] * 5]
    assert all(type(flag) is str for held in found for flag in held)


def test_a_call_that_is_cut_has_no_flags_where_there_are_no_regions():
    assert {v.flags for v in vectors(LONG, LONG.defaults, flagged=True)} == {()}


def test_flags_are_left_out_unless_they_are_wanted():
    assert {v.flags for v in vectors(QUANTIZE, BITS)} == {()}


@pytest.mark.parametrize("op", [SCALE, PARTS, LAYERS], ids=lambda op: op.name)
def test_any_declaration_gives_vectors(op):
    settings = dict(op.defaults)
    some = list(itertools.islice(vectors(op, settings, level=2, flagged=True), 100))
    assert len(some) == 100
    assert all(compare(op.answer(v.args, settings), v.expected).agrees for v in some)

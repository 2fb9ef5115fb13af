import itertools
import random

import numpy as np
import pytest
from oracles.pruning import largest
from verify.rivals import fault_named, full, named

from refcompress.pruning.structured import n_m_sparsify
from refcompress.verify import check
from refcompress.verify.operations import structured_faults
from refcompress.verify.operations.structured import N_M_SPARSIFY

SAMPLE = pytest.mark.parametrize("number", range(12))


def some_settings(number):
    """Settings drawn from all that there are; the defaults first."""
    draw = random.Random(number)
    return {s.name: draw.choice(s.allowed) for s in N_M_SPARSIFY.settings} if number else {}


def fault(name, x, **settings):
    found = fault_named(N_M_SPARSIFY, name)
    return found.answer((np.array(x, np.float32),), full(N_M_SPARSIFY, settings)).tolist()


def region(name, x, **settings):
    settings = full(N_M_SPARSIFY, settings)
    args = (np.array(x, np.float32),)
    found = named(N_M_SPARSIFY.regions, name)
    return found.mask(args, N_M_SPARSIFY.answer(args, settings), settings)[0].astype(int).tolist()


@SAMPLE
def test_the_reference_agrees_with_itself_whatever_the_settings(number):
    given = some_settings(number)
    settings = full(N_M_SPARSIFY, given)
    report = check(lambda *args: N_M_SPARSIFY.answer(args, settings), N_M_SPARSIFY, examples=10, **given)
    assert report.verdict == "agrees", str(report)


@SAMPLE
def test_every_law_holds_for_the_reference_whatever_the_settings(number):
    settings = full(N_M_SPARSIFY, some_settings(number))
    for case in N_M_SPARSIFY.cases:
        for args in case.make(settings):
            answer = N_M_SPARSIFY.answer(args, settings)
            assert [law.name for law in N_M_SPARSIFY.laws if not law.holds(args, answer, settings)] == [], case.name


@pytest.mark.parametrize(("n", "m"), list(itertools.product((1, 2, 4), (2, 4, 8, 16))))
def test_every_pair_of_n_and_m_has_an_answer_which_is_that_of_the_exact_twin(n, m):
    settings = full(N_M_SPARSIFY, {"n": n, "m": m})
    (x,) = next(named(N_M_SPARSIFY.cases, "ties").make(settings))
    answer = N_M_SPARSIFY.answer((x,), settings)
    for start in range(0, x.size, m):
        group = x[start : start + m].tolist()
        kept = largest(group, min(n, m), True)
        assert answer[start : start + m].tolist() == [v if i in kept else 0.0 for i, v in enumerate(group)]


@pytest.mark.parametrize(
    ("name", "x", "wrong"),
    [
        ("at_least_kth", [1, 1, 1, 2], [1, 1, 1, 2]),
        ("signed", [-5, 1, 2, -3], [0, 1, 2, 0]),
        ("strided_groups", [8, 7, 6, 5, 4, 3, 2, 1], [8, 7, 6, 5, 0, 0, 0, 0]),
        ("share_of_rows", [1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 0, 5, 6, 7, 8]),
        ("negative_zero_counts", [-0.0, 1, 0, 2], [-0.0, 1, 0, 0]),
        ("last_group_whole", [1, 2, 3, 4, 1, 2, 3, 4], [0, 0, 3, 4, 1, 2, 3, 4]),
        ("best_of_parts", [4, 3, 2, 1], [4, 0, 2, 0]),
        ("first_k", [1, 2, 3, 4], [1, 2, 0, 0]),
    ],
)
def test_a_fault_gives_what_an_implementation_with_it_gives(name, x, wrong):
    assert str(fault(name, x)) == str([float(v) for v in wrong])


def test_the_best_of_parts_are_all_where_n_is_past_m():
    assert fault("best_of_parts", [4, 3, 2, 1], n=4, m=2) == [4, 3, 2, 1]


def test_a_square_matrix_of_equal_rows_shows_along_which_axis_groups_lie():
    x = np.tile(np.array([4, 3, 2, 1], np.float32), (4, 1))
    assert N_M_SPARSIFY.answer((x,), full(N_M_SPARSIFY, {})).tolist() == [[4, 3, 0, 0]] * 4
    assert N_M_SPARSIFY.answer((x,), full(N_M_SPARSIFY, {"axis": 0})).tolist() == [[4, 3, 2, 1]] * 2 + [[0] * 4] * 2


@pytest.mark.parametrize("ties", ["lowest_index", "highest_index"])
def test_one_of_another_m_has_a_short_group_at_the_end(ties):
    settings = full(N_M_SPARSIFY, {"m": 8, "ties": ties})
    x = np.array([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 2], np.float32)
    answer = structured_faults.in_any_groups((x,), settings)
    assert answer[:8].tolist() == n_m_sparsify(x[:8], n=2, m=8).tolist()
    assert answer[8:].tolist() == ([1, 0, 0, 2] if ties == "lowest_index" else [0, 0, 1, 2])


@pytest.mark.parametrize(
    ("name", "x", "flags"),
    [
        ("tie", [1, 2, 2, 3, 4, 3, 2, 1], [0, 1, 1, 0, 0, 0, 0, 0]),
        ("negative_zeros", [0.0, -0.0, 1, 2], [0, 1, 0, 0]),
        ("kept", [1, -4, 3, 2], [0, 1, 1, 0]),
        ("dropped", [1, -4, 3, 2], [1, 0, 0, 1]),
        ("last_group", [1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 0, 1, 1, 1, 1]),
        ("subnormal", [1e-45, 1, 2, 3], [1, 0, 0, 0]),
    ],
)
def test_a_region_is_where_it_says(name, x, flags):
    assert region(name, x) == flags


def test_an_entry_is_worked_out_by_hand():
    x = np.array([[1, 2, 3, 4, 4, -3, -5, 1]], np.float32)
    text = (
        "x[0, 5] is number 3 by magnitude in its group (4.0, -3.0, -5.0, 1.0), lowest index first; of 2:4 it goes: 0.0"
    )
    assert N_M_SPARSIFY.by_hand((x,), (0, 5), full(N_M_SPARSIFY, {})) == text


def test_what_is_declared_as_rejected_is_rejected():
    for name, make in N_M_SPARSIFY.rejects:
        with pytest.raises(ValueError, match="x"):
            N_M_SPARSIFY.answer(make(full(N_M_SPARSIFY, {})), full(N_M_SPARSIFY, {}))
        assert name


def test_large_is_more_than_a_thousand_entries():
    region = named(N_M_SPARSIFY.regions, "large")
    flags = [region.mask((np.zeros(size),), np.zeros(size), full(N_M_SPARSIFY, {}))[0] for size in (1000, 1001)]
    assert [f.tolist() for f in flags] == [[False] * 1000, [True] * 1001]

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from methods.small import PLAN
from scipy import stats

from refcompress.datasets import load_digits
from refcompress.methods.comparison import PARTS, Row, compare_methods, count, verdict

DIFFERENCES = st.lists(st.integers(-20, 20).map(lambda v: v / 360), min_size=2, max_size=8)
ALL = [(part, name) for part, methods in PARTS.items() for name in methods]


@cache
def rows():
    told = []
    found = compare_methods(load_digits(), PLAN, seeds=(0, 1), tell=told.append)
    return found, told


def test_there_is_a_row_a_method_in_the_order_of_the_parts():
    assert [(row.part, row.method) for row in rows()[0]] == ALL
    assert all(len(row.accuracies) == len(row.bytes) == 2 for row in rows()[0])


def test_each_step_is_told():
    assert len(rows()[1]) == count((0, 1))


def test_no_method_has_more_bytes_than_its_part_allows():
    biases = 18
    for row in rows()[0]:
        allowed = {"distillation (float32)": 4 * 610, "half pruned, no training": 296 * 3 + biases}
        assert max(row.bytes) <= allowed.get(row.part, 118 * 3 + biases), row.method


def test_each_is_held_against_the_first_of_its_part_seed_by_seed():
    firsts = {}
    for row in rows()[0]:
        first = firsts.setdefault(row.part, row.accuracies)
        assert row.first == first
        assert (row.verdict is None) == (row.accuracies is first)


@given(DIFFERENCES)
def test_the_verdict_is_that_of_scipy_s_paired_t_test(values):
    if len(set(values)) == 1:  # no spread: nothing is left to chance
        expected = "helps" if values[0] > 0 else "harms" if values[0] < 0 else "does not help"
    else:
        test = stats.ttest_1samp(values, 0)
        if abs(test.pvalue - 0.05) < 1e-9:
            return
        expected = "does not help" if test.pvalue > 0.05 else "helps" if test.statistic > 0 else "harms"
    assert verdict(values) == expected


@given(DIFFERENCES)
def test_the_other_way_round_the_verdict_turns(values):
    turned = {"helps": "harms", "harms": "helps", "does not help": "does not help"}
    assert verdict([-v for v in values]) == turned[verdict(values)]


def test_what_is_no_more_accurate_does_not_help():
    row = Row("pruning with training", "random", (1, 1), (0.9, 0.8), (0.9, 0.8))
    assert row.verdict == "does not help"


def test_the_settings_that_the_methods_try_out_do_not_change_the_table():
    from dataclasses import replace

    other = replace(PLAN, scores="random", distillation="kl", structure=(2, 4))
    again = compare_methods(load_digits(), other, seeds=(0, 1))
    assert again == rows()[0]


@pytest.mark.parametrize("seeds", [(), (0,)])
def test_a_spread_needs_two_seeds(seeds):
    with pytest.raises(ValueError, match="entries: a spread needs two"):
        compare_methods(load_digits(), PLAN, seeds=seeds)
    with pytest.raises(ValueError, match="what is chance shows itself from two on"):
        verdict(np.zeros(len(seeds)))

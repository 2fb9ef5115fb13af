import itertools

import numpy as np
import pytest
from verify.rivals import full, named

from refcompress.pruning import top_k_mask
from refcompress.verify import check
from refcompress.verify.operations.selection import TOP_K_MASK, by_hand, fitted, no_smaller_stays, ties_in_order

EVERY_SETTING = [
    dict(zip(("ties", "axis", "dtype"), values, strict=True))
    for values in itertools.product(*(TOP_K_MASK.setting(n).allowed for n in ("ties", "axis", "dtype")))
]
LOWEST = full(TOP_K_MASK, {})


@pytest.mark.parametrize("settings", EVERY_SETTING, ids=str)
def test_the_reference_agrees_with_itself_under_every_setting(settings):
    rule = {name: settings[name] for name in ("ties", "axis")}
    report = check(lambda x, k: top_k_mask(x, k, **rule), "top_k_mask", examples=10, check_dtype=True, **settings)
    assert report.verdict == "agrees", str(report)
    assert report.remarks == ()


@pytest.mark.parametrize("settings", EVERY_SETTING, ids=str)
def test_every_law_holds_for_the_reference_under_every_setting(settings):
    chosen = full(TOP_K_MASK, settings)
    for case in TOP_K_MASK.cases:
        for args in case.make(chosen):
            answer = TOP_K_MASK.answer(args, chosen)
            assert [law.name for law in TOP_K_MASK.laws if not law.holds(args, answer, chosen)] == []


def test_each_row_with_the_other_ties_is_named_as_a_pair():
    def each_row(x, k):
        if x.ndim == 0:
            return top_k_mask(x, k)
        return top_k_mask(x, min(k, x.shape[-1]), axis=-1, ties="highest_index")

    best = check(each_row, "top_k_mask").diagnosis[0]
    assert best.settings == {"ties": "highest_index", "axis": -1}


def test_a_counterexample_is_worked_out_by_hand():
    text = by_hand((np.array([0.5, -3.0, 0.5], np.float32), 2), (2,), LOWEST)
    assert text == "|x[2]| = 0.5 is number 3 by magnitude, lowest index first: with k = 2 it goes"


def test_an_entry_is_ranked_in_its_own_slice():
    x = np.array([[9, 1], [8, -2]], np.float32)
    assert "number 1" in by_hand((x, 1), (1, 1), {**LOWEST, "axis": 0})


def test_a_smaller_entry_that_stays_breaks_the_law():
    x = np.array([1.0, 2.0])
    kept = np.array([True, False])
    assert not no_smaller_stays(x, kept, ~kept, LOWEST)
    assert no_smaller_stays(x, ~kept, kept, LOWEST)


@pytest.mark.parametrize(("ties", "kept"), [("lowest_index", [0, 3]), ("highest_index", [3, 2])])
def test_ties_are_in_order_where_the_preferred_ones_stay(ties, kept):
    x = np.array([1.0, -1.0, 1.0, 5.0])
    mask = np.isin(np.arange(4), kept)
    assert ties_in_order(x, mask, ~mask, {**LOWEST, "ties": ties})


def test_ties_are_out_of_order_where_a_later_one_stays():
    mask = np.array([False, True])
    assert not ties_in_order(np.array([1.0, -1.0]), mask, ~mask, LOWEST)


def test_the_smallest_counterexample_of_a_threshold_is_one_tie():
    def threshold(x, k):
        size = np.abs(x)
        return size >= np.sort(size, axis=None)[x.size - k] if k else np.zeros(x.shape, bool)

    inputs = check(threshold, "top_k_mask").counterexample.inputs
    assert inputs["x"].tolist() == [0, 0]
    assert inputs["k"] == 1


def test_what_the_operation_rejects_is_a_remark():
    report = check(
        lambda x, k: np.isin(np.arange(x.size), np.argsort(-np.abs(x), axis=None, kind="stable")[:k]).reshape(x.shape),
        "top_k_mask",
        examples=0,
    )
    assert report.verdict == "agrees"
    assert report.remarks == (
        "accepts x[1] = nan, which the operation rejects",
        "accepts k past the end, which the operation rejects",
        "accepts k = -1, which the operation rejects",
    )


@pytest.mark.parametrize(
    ("shape", "axis", "taken", "k"),
    [((2, 3), -2, -2, 2), ((2, 3), 1, 1, 3), ((3,), 1, -1, 3), ((), 0, None, 5), ((2, 3), None, None, 5)],
)
def test_where_x_has_no_such_axis_the_last_is_taken_and_a_k_past_its_end_keeps_it_whole(shape, axis, taken, k):
    (_, count), settings = fitted((np.zeros(shape), 5), {**LOWEST, "axis": axis})
    assert (count, settings["axis"]) == (k, taken)


def test_large_is_more_than_a_thousand_entries():
    region = named(TOP_K_MASK.regions, "large")
    flags = [region.mask((np.zeros(size), 1), np.zeros(size, bool), LOWEST)[0].any() for size in (1000, 1001)]
    assert flags == [False, True]

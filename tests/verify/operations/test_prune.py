import itertools

import numpy as np
import pytest
from verify.rivals import full

from refcompress.pruning import prune
from refcompress.verify import check
from refcompress.verify.operations.prune import PRUNE

EVERY_SETTING = [
    dict(zip(("order", "ties", "dtype"), values, strict=True))
    for values in itertools.product(*(PRUNE.setting(n).allowed for n in ("order", "ties", "dtype")))
]


@pytest.mark.parametrize("settings", EVERY_SETTING, ids=str)
def test_the_reference_agrees_with_itself_under_every_setting(settings):
    rule = {name: settings[name] for name in ("order", "ties")}
    report = check(lambda x, k: prune(x, k, **rule), "prune", examples=10, check_dtype=True, **settings)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("settings", EVERY_SETTING, ids=str)
def test_every_law_holds_for_the_reference_under_every_setting(settings):
    chosen = full(PRUNE, settings)
    for case in PRUNE.cases:
        for args in case.make(chosen):
            answer = PRUNE.answer(args, chosen)
            assert [law.name for law in PRUNE.laws if not law.holds(args, answer, chosen)] == []


def broken(x, k, values, indices, **settings):
    args, answer = (np.array(x, np.float32), k), (np.array(values, np.float32), np.array(indices))
    return [law.name for law in PRUNE.laws if not law.holds(args, answer, full(PRUNE, settings))]


def test_an_index_past_the_end_is_no_place():
    assert "places" in broken([1, 2], 1, [2], [2])


def test_an_index_that_occurs_twice_breaks_the_law_of_places():
    assert "places" in broken([1, 2], 2, [2, 2], [1, 1])


def test_a_lost_sign_breaks_the_pair_of_value_and_index():
    assert broken([1, -2], 1, [2], [1]) == ["pair"]


def test_the_order_by_magnitude_is_no_order_by_index():
    assert broken([1, -2], 2, [-2, 1], [1, 0]) == ["order"]
    assert broken([1, -2], 2, [-2, 1], [1, 0], order="magnitude") == []
    assert broken([1, -2, 3], 3, [3, 1, -2], [2, 0, 1], order="magnitude") == ["order"]


def test_both_settings_together_are_named():
    def ranked(x, k):
        return prune(x, k, order="magnitude", ties="highest_index")

    best = check(ranked, "prune").diagnosis[0]
    assert best.settings == {"order": "magnitude", "ties": "highest_index"}


def test_ties_that_fall_anywhere_are_placed_at_the_threshold():
    def middle_first(x, k):
        flat = x.ravel()
        places = np.sort(np.lexsort((np.abs(np.arange(x.size) - x.size // 2), -np.abs(flat)))[:k])
        return flat[places], places

    best = check(middle_first, "prune").diagnosis[0]
    assert "equal magnitudes at the threshold" in best.statement
    assert not best.complete


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_indices_of_16_bits_are_named(dtype):
    def narrow(x, k):
        values, places = prune(x, k)
        return values, places.astype(dtype)

    best = check(narrow, "prune").diagnosis[0]
    assert (best.fault, best.complete) == (f"places_{np.dtype(dtype)}", True)

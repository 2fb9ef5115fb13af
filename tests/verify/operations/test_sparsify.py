import itertools

import numpy as np
import pytest
from verify.rivals import full, named

from refcompress.pruning import sparsify
from refcompress.verify import check
from refcompress.verify.operations.sparsify import SPARSIFY

EVERY_SETTING = [
    dict(zip(("ties", "axis", "dtype"), values, strict=True))
    for values in itertools.product(*(SPARSIFY.setting(n).allowed for n in ("ties", "axis", "dtype")))
]


@pytest.mark.parametrize("settings", EVERY_SETTING, ids=str)
def test_the_reference_agrees_with_itself_under_every_setting(settings):
    rule = {name: settings[name] for name in ("ties", "axis")}
    report = check(lambda x, k: sparsify(x, k, **rule), "sparsify", examples=10, check_dtype=True, **settings)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize("settings", EVERY_SETTING, ids=str)
def test_every_law_holds_for_the_reference_under_every_setting(settings):
    chosen = full(SPARSIFY, settings)
    for case in SPARSIFY.cases:
        for args in case.make(chosen):
            answer = SPARSIFY.answer(args, chosen)
            assert [law.name for law in SPARSIFY.laws if not law.holds(args, answer, chosen)] == []


def law(name, x, k, answer, **settings):
    holds = named(SPARSIFY.laws, name).holds
    return holds((np.array(x, np.float32), k), np.array(answer, np.float32), full(SPARSIFY, settings))


def test_a_dropped_negative_zero_breaks_the_law_of_values():
    assert not law("value_or_zero", [-1, 2], 1, [-0.0, 2])
    assert law("value_or_zero", [-1, 2], 1, [0.0, 2])


def test_zeros_of_x_may_be_among_those_that_stay():
    assert law("count", [0, 2, 0], 2, [0, 2, 0])
    assert not law("count", [1, 2, 0], 2, [0, 2, 0])


def test_the_count_is_held_in_every_slice():
    assert not law("count", [[1, 2], [3, 4]], 1, [[0, 0], [3, 4]], axis=1)
    assert law("count", [[1, 2], [3, 4]], 1, [[0, 2], [0, 4]], axis=1)


def test_the_expected_value_is_worked_out_by_hand():
    args = np.array([-0.5, 2], np.float32), 1
    assert SPARSIFY.by_hand(args, (0,), full(SPARSIFY, {})).endswith("with k = 1 it goes, which gives 0.0")

import itertools
import warnings

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refcompress import dequantize, fraction_bits, quantize, sparsify
from refcompress.audit.rules import BLOCK, Declared, Pair
from refcompress.audit.search import explain, status_of
from refcompress.audit.selections import DROPPED, FREE, KEPT, WRONG
from refcompress.quantization.affine import affine_quantize
from refcompress.rounding import ROUNDING

X = (np.random.default_rng(3).normal(size=(64, 96)) * 0.1).astype(np.float32)
P = fraction_bits(X)
LARGE = (np.random.default_rng(4).normal(size=(300, 400)) * 0.1).astype(np.float32)
RANGES = [{"bits": 8}, {"bits": 4}, {"bits": 8, "narrow_range": True}, {"bits": 8, "signed": False}]


def explained(x, y, **declared):
    return explain(Pair("a", x, y, Declared(**declared)))


@pytest.mark.parametrize("rounding", sorted(ROUNDING))
@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("chosen", RANGES, ids=str)
def test_every_rounding_and_range_of_the_reference_is_named(rounding, overflow, chosen):
    x = np.concatenate([X.reshape(-1), (np.arange(-200, 200) + np.float32(0.5)) * np.float32(2.0 ** -(P + 1))])
    found = explained(x, quantize(x, P + 1, rounding=rounding, overflow=overflow, **chosen))
    assert found.whole
    assert found.candidate.rule == "fixed point"
    wanted = {"p": P + 1, "rounding": rounding, "overflow": overflow, **chosen}
    named = [c.settings for c in (found.candidate, *found.also)]
    assert sum(wanted.items() <= chosen_one.items() for chosen_one in named) == 1
    # where what is negative becomes 0, two rules may be one; else none is like another
    assert len(named) == 1 or (chosen.get("signed") is False and overflow == "saturate")


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_numbers_of_codes_are_explained_in_every_dtype(dtype):
    found = explained(X, dequantize(quantize(X, P, bits=8), P, dtype=dtype))
    assert found.whole
    assert (found.candidate.rule, found.candidate.settings["p"]) == ("fixed point, dequantized", P)


def test_roundings_that_no_tie_tells_apart_are_mentioned():
    x = X[np.ldexp(X, P + 1) % 1 != 0]
    found = explained(x, quantize(x, P))
    assert found.candidate.settings["rounding"] == "half_even"
    assert {c.settings["rounding"] for c in found.also} == {"half_away", "half_up", "half_down", "half_odd"}


SELECTED = {
    "whole": (lambda x: sparsify(x, x.size // 5), {"k": X.size // 5}),
    "rows": (lambda x: sparsify(x, 10, axis=1), {"axis": 1, "k": 10}),
    "columns": (lambda x: sparsify(x, 10, axis=0), {"axis": 0, "k": 10}),
    "2:4": (lambda x: sparsify(x.reshape(-1, 4), 2, axis=1).reshape(x.shape), {"m": 4, "axis": 1, "n": 2}),
}
QUANTIZED = {
    "not": (lambda x, y: y, "unchanged, bit for bit"),
    "codes": (lambda x, y: quantize(y, P, bits=8), "fixed point"),
    "numbers": (lambda x, y: dequantize(quantize(y, P, bits=8), P), "fixed point, dequantized"),
    "affine": (lambda x, y: affine_quantize(y, np.float32(np.abs(x).max() / 127), 0), "affine"),
    "bfloat16": (lambda x, y: y.astype(ml_dtypes.bfloat16), "cast"),
}


@pytest.mark.parametrize(("selected", "quantized"), list(itertools.product(SELECTED, QUANTIZED)))
def test_pruned_and_quantized_together_both_are_named(selected, quantized):
    (prune, selection), (change, rule) = SELECTED[selected], QUANTIZED[quantized]
    found = explained(X, change(X, prune(X)))
    assert found.whole
    assert found.candidate.rule == rule
    assert found.selection is not None
    assert selection.items() <= found.selection.settings.items()


@given(
    hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-4, 4, width=16)),
    st.integers(0, 8),
    st.sampled_from(sorted(ROUNDING)),
    st.data(),
)
@settings(max_examples=50)
def test_what_the_reference_makes_is_always_explained(x, less, rounding, data):
    k, p = data.draw(st.integers(0, x.size)), fraction_bits(x) - less
    y = quantize(sparsify(x, k), p, bits=8, rounding=rounding)
    found = explained(x, y)
    assert found is not None
    assert found.whole, (x, y, found)


@given(
    hnp.arrays(np.float32, 40, elements=st.floats(-4, 4, width=32)),
    hnp.arrays(np.int8, 40),
    st.sampled_from([np.int8, np.float32]),
)
def test_what_is_counted_is_what_the_named_rule_gives(x, y, dtype):
    pair = Pair("a", x, y.astype(dtype))
    found = explain(pair)
    if found is None:
        return
    everything = slice(0, 40)
    agrees = found.candidate.agrees(found.candidate.answer(x, everything), pair.y)
    if found.selection is not None:
        kept = found.selection.mask(x, status_of(pair, found.candidate))
        agrees = np.where(kept, agrees, pair.y == found.candidate.zero(everything))
    assert found.explained == np.count_nonzero(agrees)
    assert found.whole == (agrees.all() and not found.candidate.contradicts)
    assert (found.first is None) == agrees.all()
    assert found.first is None or found.first.index == (int(np.argmin(agrees)),)


def changed(y, index, value):
    y = y.copy()
    y[index] = value
    return y


@pytest.mark.parametrize(
    ("y", "explains", "index", "expected"),
    [
        (changed(quantize(LARGE, P, bits=8), (200, 7), 99), LARGE.size - 1, (200, 7), quantize(LARGE[200, 7], P)),
        (changed(sparsify(LARGE, 30_000), (3, 3), 9), LARGE.size - 1, (3, 3), None),
        (
            changed(quantize(sparsify(LARGE, 30_000), P, bits=8), (299, 399), 99),
            LARGE.size - 1,
            (299, 399),
            None,
        ),
        (changed(LARGE, (299, 399), 1), LARGE.size - 1, (299, 399), LARGE[299, 399]),
    ],
    ids=["codes", "pruned", "both", "unchanged"],
)
def test_one_wrong_entry_is_shown_beside_the_rule_of_all_others(y, explains, index, expected):
    found = explained(LARGE, y)
    assert (found.whole, found.explained, found.first.index) == (False, explains, index)
    assert expected is None or found.first.expected == expected
    assert found.first.found == y[index]
    assert found.first.original == LARGE[index]


def test_zeros_that_follow_no_selection_are_not_explained():
    y = np.where(np.random.default_rng(0).random(X.shape) < 0.5, X, 0).astype(np.float32)
    found = explained(X, y)
    assert not found.whole
    assert found.candidate.rule == "unchanged, bit for bit"
    assert found.unselected == np.count_nonzero(y == 0)
    assert found.explained == np.count_nonzero(y)


def test_one_entry_that_became_zero_is_not_called_pruned():
    found = explained(X, changed(X, (5, 5), 0))
    assert (found.whole, found.unselected, found.first.index) == (False, 1, (5, 5))


def test_a_tensor_of_another_model_is_not_explained():
    found = explained(X, np.random.default_rng(9).normal(size=X.shape).astype(np.float32))
    assert found.explained == 0


def test_the_file_s_own_word_counts():
    y = quantize(X, P, bits=8)
    assert explained(X, y, p=P, bits=8).whole
    lie = explained(X, y, p=P - 1, bits=8)
    assert (lie.explained, lie.whole) == (X.size, False)
    assert lie.candidate.contradicts == f"the file says p={P - 1}"


def test_dropped_entries_that_are_negative_zeros_are_counted():
    keep = np.abs(X) >= np.sort(np.abs(X).reshape(-1))[-1000]
    found = explained(X, X * keep)
    assert found.whole
    assert found.negative_zeros == np.count_nonzero(~keep & (X < 0))


def test_a_kept_negative_zero_is_not_mistaken():
    x = np.float32([-0.0, 1, 2, -0.0, 3])
    assert explained(x, np.float32([0, 1, 2, 0, 3])).candidate.rule.startswith("unchanged but for the signs of zeros")
    assert explained(x, sparsify(x, 2)).whole


@pytest.mark.parametrize(
    ("x", "y", "rule"),
    [
        (np.float32(0.3), np.int8(38), "fixed point"),
        (np.float32(0.3), np.float32(0.3), "unchanged, bit for bit"),
        (np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int8), "every entry is 0"),
        (X, np.zeros(X.shape, np.int8), "every entry is 0"),
        (X * 0, np.zeros(X.shape, np.int8), "every entry is 0"),
        (X > 0, X > 0, "unchanged, bit for bit"),
        (np.arange(9), np.arange(9, dtype=np.int32), "cast"),
        (X.astype(np.complex64), X.astype(np.complex64), "unchanged, bit for bit"),
        (np.float32([np.inf, 1, 2, 0.3]), np.int8([127, 16, 32, 5]), "fixed point"),
        (X, (X.view(np.uint32) & 0xFFFF0000).view(np.float32), "cast and back"),
    ],
    ids=range(10),
)
def test_unusual_tensors_are_explained(x, y, rule):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explained(np.asarray(x), np.asarray(y))
    assert (found.whole, found.candidate.rule) == (True, rule)


def test_truncation_is_told_from_rounding():
    y = (X.view(np.uint32) >> 16).astype(np.uint16).view(ml_dtypes.bfloat16)
    found = explained(X, y)
    assert found.candidate.settings == {"dtype": "bfloat16", "rounding": "toward_zero"}
    assert found.candidate.note == "truncated"


@pytest.mark.parametrize(
    ("x", "y"),
    [(X, X > 0), (X > 0, X < 0), (X.astype(np.complex64), X.astype(np.complex64) + 1), (np.arange(5), np.ones(5))],
    ids=range(4),
)
def test_what_no_rule_gives_is_not_explained(x, y):
    found = explained(x, y)
    assert found is None or not found.whole


def test_a_nan_is_explained_by_a_nan_alone():
    x = changed(X, (1, 1), np.nan)
    y = dequantize(quantize(X, P, bits=8), P)
    assert explained(x, y).first.index == (1, 1)
    assert explained(x, changed(y, (1, 1), np.nan)).whole


def test_a_status_says_what_is_certain():
    pair = Pair("a", np.float32([1, 1, 0, 1, 0.1]), np.float32([1, 0, 0, 2, 0]))
    unchanged_rule = explain(Pair("b", pair.x, pair.x)).candidate
    assert status_of(pair, unchanged_rule).tolist() == [KEPT, DROPPED, FREE, WRONG, DROPPED]


def test_kin_are_told_apart_in_the_last_block_too():
    x = np.full(3 * BLOCK, np.float32(0.3))
    x[-1] = 2.5
    found = explained(x, quantize(x, 0, bits=8, rounding="half_away"))
    assert found.candidate.settings["rounding"] == "half_away"
    assert {c.settings["rounding"] for c in found.also} == {"half_up", "half_odd"}


def test_codes_that_are_all_one_too_large_are_not_taken_for_a_zero_point():
    found = explained(X, quantize(X, P, bits=8) + np.int8(1))
    assert (found.explained, found.whole) == (X.size, False)
    assert found.candidate.contradicts == "neither the file nor a formula gives its zero point"

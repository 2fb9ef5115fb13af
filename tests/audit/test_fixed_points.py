import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.fixed_point import quantized

from refcompress import dequantize, fraction_bits, quantize
from refcompress.audit.fixed_points import codes_of, exponents_of_codes, exponents_of_grid, fixed_point
from refcompress.audit.rules import Declared, Pair
from refcompress.rounding import ROUNDING

X = np.random.default_rng(0).normal(size=400).astype(np.float32)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(FLOATS, st.integers(-1100, 1100), st.sampled_from(sorted(ROUNDING)))
def test_codes_are_exact_as_long_as_an_int64_holds_them(x, p, rounding):
    exact = quantized(x, p, rounding=rounding)
    got = float(codes_of(np.array([x]), p, rounding)[0])
    if exact is not None and abs(exact) < 2**53:
        assert got == exact
    elif exact is not None:
        assert abs(got - exact) <= abs(exact) * 2.0**-52
    else:
        assert abs(got) >= 2.0**63


def test_what_is_no_number_has_no_code():
    got = codes_of(np.array([np.nan, np.inf, -np.inf]), 3, "half_even")
    assert np.array_equal(got, [np.nan, np.inf, -np.inf], equal_nan=True)


@given(st.integers(-30, 30), st.sampled_from(sorted(ROUNDING)), st.sampled_from([3, 8, 12]))
def test_p_shows_itself_in_the_codes(p, rounding, bits):
    x = np.ldexp(X, bits - 3 - p)
    found = exponents_of_codes(x.astype(float), quantize(x, p, rounding=rounding).astype(float))
    assert p in found


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_p_shows_itself_where_many_codes_leave_the_range(overflow):
    codes = quantize(X, 7, bits=8, overflow=overflow).astype(float)
    assert exponents_of_codes(X.astype(float), codes)[0] == 7


def test_pruned_zeros_do_not_vote():
    codes = np.where(np.abs(X) > 1.5, quantize(X, 5), 0).astype(float)
    assert exponents_of_codes(X.astype(float), codes)[0] == 5


@pytest.mark.parametrize(
    ("x", "codes"), [([], []), ([0.0, 0.0], [1.0, 2.0]), ([1.0], [0.0]), ([np.nan], [1.0]), ([1.0], [-4.0])]
)
def test_where_nothing_tells_no_p_is_proposed(x, codes):
    assert exponents_of_codes(np.array(x), np.array(codes)) == []


@given(st.integers(-200, 200), st.lists(st.integers(-127, 127), min_size=1).filter(lambda q: any(v % 2 for v in q)))
def test_the_grid_of_dequantized_numbers_is_found(p, codes):
    assert p in exponents_of_grid(dequantize(codes, p, dtype="float64"))


def test_a_number_off_the_grid_does_not_hide_it():
    y = dequantize(np.arange(-100, 100), 5, dtype="float64")
    y[3] = 0.1
    assert 5 in exponents_of_grid(y)
    assert exponents_of_grid(np.zeros(3)) == []


def test_proposals_contain_the_rule_and_answer_as_quantize_does():
    for rounding in ROUNDING:
        q = quantize(X, 7, bits=8, rounding=rounding)
        (right,) = (
            c
            for c in fixed_point(Pair("a", X, q))
            if c.settings
            == {
                "p": 7,
                "rounding": rounding,
                "bits": 8,
                "signed": True,
                "narrow_range": False,
                "overflow": "saturate",
            }
        )
        assert np.array_equal(right.answer(X, slice(0, X.size)), q)


def test_a_range_that_no_code_leaves_is_no_setting_and_the_note_says_so():
    p = fraction_bits(X)
    first = next(fixed_point(Pair("a", X, quantize(X, p, bits=8))))
    assert first.settings == {"p": p, "rounding": "half_even"}
    assert "none leaves its range" in first.note
    assert "the largest p at which 8 bits do not saturate" in first.note


@pytest.mark.parametrize(
    ("declared", "contradiction"),
    [
        (Declared(p=7, bits=8), ""),
        (Declared(p=6, bits=8), "the file says p=6"),
        (Declared(p=7, bits=5), "the file says bits=5"),
        (Declared(scale=np.float32(1), names=("a.scale",)), "the file has a scale in a.scale"),
    ],
)
def test_what_the_file_says_is_held_against_the_candidate(declared, contradiction):
    found = list(fixed_point(Pair("a", X, quantize(X, 7, bits=8), declared)))
    wanted = {"p": 7, "bits": 8, "rounding": "half_even", "narrow_range": False, "overflow": "saturate"}
    (right,) = (c for c in found if wanted.items() <= c.settings.items() and c.settings["signed"])
    assert right.contradicts == contradiction


def test_a_declared_p_is_tried_even_where_the_data_does_not_propose_it():
    pair = Pair("a", X, quantize(X, 7, bits=8), Declared(p=1, bits=8))
    assert 1 in {c.settings["p"] for c in fixed_point(pair)}


def test_kin_may_differ_at_ties_alone():
    x = np.array([0.5, 0.25, -1.5, 3.0, np.nan])
    kin = next(fixed_point(Pair("a", X, quantize(X, 0)))).kin
    assert kin.may_differ(x, slice(0, 5)).tolist() == [True, False, True, False, False]


def test_integers_are_not_taken_for_what_was_quantized():
    assert list(fixed_point(Pair("a", np.arange(5), np.int8([0, 1, 2, 3, 4])))) == []

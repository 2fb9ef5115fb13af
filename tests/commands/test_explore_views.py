import re
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress import dequantize, quantize, softmax
from refcompress.commands.explore_study import untrained
from refcompress.commands.explore_views import GRID, SETTINGS, VIEWS, view
from refcompress.compression import Plan
from refcompress.datasets import load_digits
from refcompress.rounding import ROUNDING

STUDY = untrained(load_digits(), Plan())
PAGE = resources.files("refcompress").joinpath("data", "explore.html").read_text(encoding="utf-8")
GOOD = {"p": "3", "bits": "4", "k": "1000", "T": "4", "rounding": "half_even", "example": "7"}

ps, widths, rules = st.integers(0, 8), st.integers(2, 8), st.sampled_from(sorted(ROUNDING))


def ask(name, **settings):
    return view(STUDY, name, {key: [str(value)] for key, value in settings.items()})


def good(name, **other):
    return {key: [value] for key, value in {**{s: GOOD[s] for s in VIEWS[name].settings}, **other}.items()}


@given(ps, widths, rules)
def test_the_steps_of_the_staircase_are_quantize_and_back_on_the_whole_grid(p, bits, rounding):
    steps = ask("staircase", p=p, bits=bits, rounding=rounding)["steps"]
    drawn = np.concatenate([np.full(np.sum((first <= GRID) & (last >= GRID)), value) for first, last, value in steps])
    codes = quantize(GRID, p, bits=bits, rounding=rounding)
    assert drawn.tolist() == dequantize(codes, p, dtype="float64").tolist()


@given(ps, widths, rules)
def test_what_fits_has_no_larger_error_than_the_page_says(p, bits, rounding):
    answer = ask("staircase", p=p, bits=bits, rounding=rounding)
    low, high = answer["range"]
    inside = GRID[(low <= GRID) & (high >= GRID)]
    error = np.abs(dequantize(quantize(inside, p, bits=bits, rounding=rounding), p, dtype="float64") - inside)
    assert np.max(error) <= answer["bound"]


@given(ps, widths, st.integers(0, 4736), rules)
def test_every_kept_weight_is_in_one_bar_before_and_in_one_after(p, bits, k, rounding):
    answer = ask("histogram", p=p, bits=bits, k=k, rounding=rounding)
    assert sum(answer["before"]) == sum(n for _, n in answer["after"]) == answer["kept"] == k
    assert len(answer["after"]) <= answer["codes"]


@given(st.integers(0, 4736))
def test_the_mask_shows_exactly_the_k_weights_that_stay(k):
    answer = ask("mask", k=k)
    shown = [np.array(matrix) for matrix in answer["matrices"]]
    assert sum(np.count_nonzero(matrix) for matrix in shown) == k
    for matrix, w in zip(shown, STUDY.student.weights, strict=True):
        assert np.array_equal(np.sign(matrix)[matrix != 0], np.sign(w)[matrix != 0])
    assert (answer["threshold"] is None) == (k == 0)


def test_no_weight_has_no_energy_and_all_have_all_of_it():
    assert ask("mask", k=0)["energy"] == 0
    assert ask("mask", k=4736)["energy"] == 1


def test_the_outputs_are_softened_by_the_temperature():
    sharp, flat = (ask("soften", T=T, example=3)["teacher"] for T in (0.25, 20))
    assert max(sharp) > max(flat)
    assert np.log(sharp) - np.log(sharp[0]) == pytest.approx(80 * (np.log(flat) - np.log(flat[0])))
    assert softmax(np.log(flat)).tolist() == pytest.approx(flat)


def test_the_frontier_has_your_setting_before_anything_is_measured():
    answer = ask("frontier", p=3, bits=4, k=100)
    assert answer["series"] == answer["stages"] == []
    size, accuracy = answer["yours"]
    assert size < ask("frontier", p=3, bits=4, k=4736)["yours"][0]
    assert 0 <= accuracy <= 1


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_answers_at_the_ends_of_every_slider(name):
    for setting in VIEWS[name].settings:
        if setting != "rounding":
            for end in limits(setting):
                assert view(STUDY, name, good(name, **{setting: end}))


def limits(setting):
    slider = re.search(rf'<input type="range" id="{setting}" min="(\S+)" max="(\S+)" step="(\S+)"', PAGE)
    return slider[1], slider[2]


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s != "rounding"])
def test_a_slider_ends_where_its_setting_does(setting):
    name = next(n for n, v in VIEWS.items() if setting in v.settings)
    low, high = (float(text) for text in limits(setting))
    for beyond in (low - 0.001 if setting == "T" else low - 1, high + 1):
        with pytest.raises(ValueError, match=f"^{setting} is "):
            view(STUDY, name, good(name, **{setting: f"{beyond:g}"}))


def test_the_page_offers_every_rounding_rule():
    words = re.search(r"const ROUNDING = \[(.*?)\]", PAGE)[1]
    assert re.findall(r'"(\w+)"', words) == list(ROUNDING)


def test_the_page_asks_for_exactly_the_settings_that_the_views_take():
    listed = re.search(r"const VIEWS = \{(.*?)\};", PAGE, re.DOTALL)[1]
    asked = {name: tuple(re.findall(r'"(\w+)"', words)) for name, words in re.findall(r"(\w+): \[(.*?)\]", listed)}
    assert asked == {name: v.settings for name, v in VIEWS.items() if v.settings}


@pytest.mark.parametrize(
    ("name", "query", "message"),
    [
        ("mask", {}, "k is missing: mask takes k"),
        ("mask", {"k": ["1", "2"]}, "k is given 2 times: once is enough"),
        ("mask", {"k": ["1"], "j": ["2"]}, "mask has no setting 'j': it takes k"),
        ("progress", {"k": ["1"]}, "progress has no setting 'k': it takes none"),
        ("mask", {"k": [""]}, "k is '': it must be an integer from 0 to 4736"),
        ("mask", {"k": ["4737"]}, "k is 4737: it must be from 0 to 4736"),
        ("mask", {"k": ["1e3"]}, "k is '1e3': it must be an integer from 0 to 4736"),
        ("mask", {"k": ["\u0661"]}, "it must be an integer from 0 to 4736"),
        ("mask", {"k": ["9" * 5000]}, "it must be an integer from 0 to 4736"),
        ("staircase", good("staircase", p="nan"), "p is 'nan': it must be an integer from 0 to 8"),
        ("staircase", good("staircase", bits="1"), "bits is 1: it must be from 2 to 8"),
        ("staircase", good("staircase", rounding="up"), "rounding is 'up': it must be one of half_even, half_away"),
        *(
            (
                name,
                good(name, rounding="stochastic"),
                "rounding is 'stochastic': it must be one of half_even, half_away",
            )
            for name in ("staircase", "histogram")
        ),
        ("soften", good("soften", T="0"), "T is 0.0: it must be from 0.25 to 20.0"),
        ("soften", good("soften", T="inf"), "T is 'inf': it must be a decimal number"),
        ("soften", good("soften", example="-1"), "example is -1: it must be from 0 to 358"),
    ],
)
def test_a_bad_query_is_refused_with_its_setting_named(name, query, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}|{re.escape(message)}$"):
        view(STUDY, name, query)

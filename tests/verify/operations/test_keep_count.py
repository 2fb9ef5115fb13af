import itertools
from fractions import Fraction

import numpy as np
import pytest
from oracles.pruning import count
from verify.rivals import fault_named, full, named

from refcompress.verify import check
from refcompress.verify.operations.keep_count import KEEP_COUNT

ALL = pytest.mark.parametrize(
    ("rounding", "counts"), list(itertools.product(["half_even", "floor", "ceil", "half_away"], ["kept", "pruned"]))
)


def calls(settings):
    return [args for case in KEEP_COUNT.cases for args in case.make(settings)]


def fault(name, *args, **settings):
    found = fault_named(KEEP_COUNT, name)
    return found.answer(args, full(KEEP_COUNT, settings))


@ALL
def test_the_reference_agrees_with_itself_whatever_the_settings(rounding, counts):
    settings = full(KEEP_COUNT, {"rounding": rounding, "counts": counts})
    report = check(
        lambda *args: KEEP_COUNT.answer(args, settings), KEEP_COUNT, examples=20, rounding=rounding, counts=counts
    )
    assert report.verdict == "agrees", str(report)


@ALL
def test_every_directed_count_is_the_exact_twin_and_keeps_the_laws(rounding, counts):
    settings = full(KEEP_COUNT, {"rounding": rounding, "counts": counts})
    for args in calls(settings)[::3]:
        right = count(*args, rounding, counts)
        assert KEEP_COUNT.answer(args, settings) == right
        assert [law.name for law in KEEP_COUNT.laws if not law.holds(args, right, settings)] == [], args


def test_a_float_that_holds_the_integer_is_accepted_unless_the_dtype_is_checked():
    def as_float(size, sparsity):
        return np.float64(round(size * (1 - Fraction(repr(sparsity))))) if size < 2**53 else exact(size, sparsity)

    def exact(size, sparsity):
        return round(size * (1 - Fraction(repr(sparsity))))

    assert check(as_float, "keep_count", examples=20).verdict == "agrees"
    assert check(as_float, "keep_count", examples=20, check_dtype=True).verdict == "differs"
    assert check(exact, "keep_count", examples=20, check_dtype=True).verdict == "agrees"


@pytest.mark.parametrize(
    ("name", "args", "wrong", "right"),
    [
        ("int_pruned", (100, 0.29), 72, 71),
        ("float_product", (50, 0.07), 46, 46),
        ("density", (10, 0.75), 8, 2),
        ("at_least_one", (0, 0.5), 1, 0),
        ("one_if_any", (4, 1.0), 1, 0),
        ("raised_to_half", (10, 0.3), 5, 7),
        ("percent", (10, 0.5), 10, 5),
        ("up_to_eights", (100, 0.5), 56, 50),
    ],
)
def test_a_fault_gives_what_an_implementation_with_it_gives(name, args, wrong, right):
    assert fault(name, *args) == wrong
    assert KEEP_COUNT.answer(args, full(KEEP_COUNT, {})) == right


@pytest.mark.parametrize(
    ("args", "settings", "text"),
    [
        ((15, 0.5), {}, "round(15 * (1 - 0.5) = 7.5) = 8"),
        ((15, 0.5), {"counts": "pruned"}, "15 - round(15 * 0.5 = 7.5) = 7"),
        ((100, 0.29), {}, "round(100 * (1 - 0.29) = 71) = 71"),
    ],
)
def test_a_count_is_worked_out_by_hand(args, settings, text):
    assert KEEP_COUNT.by_hand(args, (), full(KEEP_COUNT, settings)) == text


def test_a_call_is_rejected_for_the_one_argument_that_its_name_gives():
    inputs, good = [i.name for i in KEEP_COUNT.inputs], {"size": 10, "sparsity": 0.5}
    for name, make in KEEP_COUNT.rejects:
        wrong, value = name.split(" = ")
        args = dict(zip(inputs, make({}), strict=True))
        assert str(args[wrong]) == value
        with pytest.raises(ValueError, match=f"^{wrong} is {value}"):
            KEEP_COUNT.answer(tuple(args.values()), full(KEEP_COUNT, {}))
        args[wrong] = good[wrong]
        assert KEEP_COUNT.answer(tuple(args.values()), full(KEEP_COUNT, {})) == 5
    assert {name.split()[0] for name, _ in KEEP_COUNT.rejects} == set(inputs)


@pytest.mark.parametrize(
    ("args", "settings", "where"),
    [
        ((15, 0.5), {}, {"tie"}),
        ((10, 0.25), {"counts": "pruned"}, {"tie", "below_half"}),
        ((100, 0.29), {}, {"whole", "below_half"}),
        ((100, 0.291), {}, {"below_half"}),
        ((1, 0.0), {}, {"whole", "all_stay", "one", "below_half"}),
        ((0, 1.0), {}, {"whole", "none_stay", "empty"}),
        ((2**24, 1.0), {}, {"whole", "none_stay"}),
        ((2**24 + 1, 0.5), {}, {"tie", "past_24_bits"}),
        ((2**53 + 1, 0.5), {}, {"tie", "past_24_bits", "past_53_bits"}),
    ],
)
def test_a_region_is_where_its_name_says(args, settings, where):
    under = full(KEEP_COUNT, settings)
    right = KEEP_COUNT.answer(args, under)
    assert {region.name for region in KEEP_COUNT.regions if region.mask(args, right, under)[0]} == where


def test_the_formula_is_that_of_the_part_that_is_named():
    (part,) = KEEP_COUNT.parts
    assert KEEP_COUNT.formula.startswith(f"{part} = ")


def test_mixing_two_conventions_brings_a_weight_back_and_a_case_is_named_for_it():
    case = named(KEEP_COUNT.cases, "ties, where the kept and the pruned part")
    kept, pruned = (full(KEEP_COUNT, {"counts": c}) for c in ("kept", "pruned"))
    gaps = [KEEP_COUNT.answer(args, kept) - KEEP_COUNT.answer(args, pruned) for args in case.make(kept)]
    assert set(gaps) == {-1, 0, 1}


def law(name):
    return named(KEEP_COUNT.laws, name)


@pytest.mark.parametrize(("rounding", "taken"), [("half_even", False), ("half_away", False), ("ceil", True)])
def test_a_count_is_within_a_half_where_rounding_is_to_the_nearest(rounding, taken):
    settings = full(KEEP_COUNT, {"rounding": rounding})
    assert law("within_one").holds((10, 0.29), 8, settings) is taken  # 7.1 stay
    assert law("within_one").holds((10, 0.29), 7, settings)


@pytest.mark.parametrize("answer", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_count(answer):
    assert not law("in_range").holds((10, 0.5), answer, full(KEEP_COUNT, {}))


@pytest.mark.parametrize(("name", "last"), [("past_24_bits", 2**24), ("past_53_bits", 2**53)])
def test_past_so_many_bits_begins_after_the_last_power_that_they_hold(name, last):
    region = named(KEEP_COUNT.regions, name)
    flags = [region.mask((size, 0.5), 0, full(KEEP_COUNT, {}))[0].item() for size in (last - 1, last, last + 1)]
    assert flags == [False, False, True]

import importlib.util
import itertools
import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.verify.inputs import (
    FLOATS,
    LOGIT_SHAPES,
    MANY,
    PAIR_SHAPES,
    SIMPLE,
    TAIL_LENGTHS,
    accumulators,
    adds_many,
    affine_calls,
    affine_codes,
    array_pairs,
    extremes,
    finite_floats,
    float_dtype,
    floats,
    floats_and_p,
    floats_around,
    groups_of,
    integers_and_p,
    logit_pairs,
    masked_steps,
    networks,
    next_to,
    ranges,
    rows_of_codes,
    scattered,
    selections,
    simple_floats,
    sizes_and_sparsities,
)

DTYPES = sorted(FLOATS)
EACH_DTYPE = pytest.mark.parametrize("name", DTYPES)


def values(array):
    return array.astype(np.float64).tolist()


def leaves(value):
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value] if isinstance(value, np.ndarray) else []


@given(st.data(), st.sampled_from(DTYPES))
def test_a_finite_float_is_a_float_of_the_dtype(data, name):
    value = data.draw(finite_floats(name))
    assert values(floats([value], name)) == [value]


@given(st.data(), st.sampled_from(DTYPES))
def test_a_float_lies_between_its_two_neighbours(data, name):
    value = data.draw(finite_floats(name))
    largest = FLOATS[name][1]
    below, same, above = values(next_to(floats([value], name)))
    assert below < same < above or abs(value) == largest
    assert same == value


@given(st.data(), st.sampled_from(DTYPES))
def test_nothing_lies_between_a_float_and_its_neighbour(data, name):
    value = data.draw(finite_floats(name))
    below, same, above = values(next_to(floats([value], name)))
    if np.isfinite([below, above]).all():
        with np.errstate(under="ignore"):
            between = [below + (same - below) / 2, same + (above - same) / 2]
            rounded = np.array(between).astype(float_dtype(name)).astype(np.float64)
        assert set(rounded.tolist()) <= {below, same, above}


@given(st.data(), st.sampled_from(DTYPES))
def test_floats_and_p_stay_below_the_limit(data, name):
    x, p = data.draw(floats_and_p(name, [8 * 127, 8 * 127 + 4], 2.0**20))
    assert x.dtype == float_dtype(name)
    assert np.all(np.abs(np.ldexp(x.astype(np.float64), p)) < 2.0**20)


@given(integers_and_p(("int8", "uint8", "int64"), (2**53 + 1, -128), (149,)))
def test_codes_are_integers_of_a_dtype_that_was_asked_for(call):
    q, p = call
    assert q.dtype.name in ("int8", "uint8", "int64")
    assert -100 <= p <= 100 or p == 149


@given(st.data(), st.sampled_from(DTYPES))
def test_every_strategy_of_floats_keeps_the_dtype(data, name):
    strategies = [floats_around(name, [127.5, 1.0]), selections(name, 1), array_pairs(name), networks(name)]
    for strategy in strategies:
        assert {leaf.dtype for leaf in leaves(data.draw(strategy))} == {float_dtype(name)}


@EACH_DTYPE
def test_the_limits_of_a_dtype_are_those_of_its_finfo(name):
    import ml_dtypes

    precision, largest, normal, subnormal = FLOATS[name]
    info = ml_dtypes.finfo(float_dtype(name))
    assert (precision, largest, normal) == (info.nmant + 1, float(info.max), float(info.smallest_normal))
    assert values(next_to(np.zeros(1, float_dtype(name)))) == [-subnormal, 0.0, subnormal]


@EACH_DTYPE
def test_extremes_hold_both_signs_of_zero_the_smallest_and_the_largest(name):
    _, largest, normal, subnormal = FLOATS[name]
    x = extremes(name)
    signs = {(abs(v), bool(np.signbit(v))) for v in values(x)}
    assert {(v, s) for v in (0.0, subnormal, normal, largest) for s in (True, False)} <= signs


def test_what_a_dtype_cannot_hold_is_left_out():
    assert values(floats([1.0, 2049.0, 0.1, 1e6, 2.0**-24, 2.0**-25], "float16")) == [1.0, 2.0**-24]


def test_the_rounding_of_a_long_sum_is_small_in_32_and_64_bits_alone():
    assert [name for name in FLOATS if adds_many(name)] == ["float32", "float64"]
    roundings = {name: 2 * MANY / 2 ** FLOATS[name][0] for name in FLOATS}
    assert [name for name, size in roundings.items() if size < 0.5] == ["float32", "float64"]


def test_lengths_lie_around_the_widths_of_vector_loops():
    assert {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33} <= set(TAIL_LENGTHS)


def test_scattered_integers_reach_both_ends_and_are_the_same_each_time():
    x = scattered((20, 50), 9)
    assert (x.min(), x.max(), x.shape) == (-9, 9, (20, 50))
    assert np.array_equal(x, scattered((20, 50), 9))
    assert not np.array_equal(x, scattered((20, 50), 9, seed=1))


@given(sizes_and_sparsities())
def test_sizes_and_sparsities_are_such_that_a_count_exists(call):
    size, sparsity = call
    assert type(size) is int
    assert 0 <= size < 2**63
    assert 0.0 <= sparsity <= 1.0


@pytest.mark.parametrize("axis", [-1, 0])
@given(st.data(), st.sampled_from([2, 4, 8, 16]), st.sampled_from(DTYPES))
def test_groups_fill_the_length_along_the_axis(axis, data, m, name):
    (x,) = data.draw(groups_of(m, axis, name))
    assert x.dtype == float_dtype(name)
    assert x.shape[axis] in (m, 2 * m, 3 * m)
    assert not np.isnan(x.astype(np.float64)).any()


@given(masked_steps("float16"))
def test_the_arrays_of_a_step_have_one_shape_and_the_mask_is_of_booleans(call):
    w, gradient, velocity, mask = call
    assert w.shape == gradient.shape == velocity.shape == mask.shape
    assert (w.dtype, mask.dtype) == (np.float16, np.bool_)


class Ends(list):
    """What a strategy may draw: all of a few, or the ends; a list is one entry repeated, or the longest."""

    call = None

    def __or__(self, other):
        return Ends([*self, *other])

    def map(self, call):
        mapped = Ends(call(value) for value in self)
        mapped.call = call
        return mapped

    def filter(self, condition):
        return Ends(value for value in self if condition(value))


class EndsOf:
    """In the place of hypothesis.strategies: every strategy gives its ends, so that no test hopes for a lucky draw."""

    @staticmethod
    def integers(low=None, high=None):
        low, high = -(2**99) if low is None else low, 2**99 if high is None else high
        assert low <= high
        return Ends(range(low, high + 1) if high - low < 128 else sorted({low, max(low, 0), high}))

    @staticmethod
    def floats(low=None, high=None, *, width=64, allow_nan=None, allow_infinity=None):
        dtype = {16: np.float16, 32: np.float32, 64: np.float64}[width]
        open_ended = low is None or high is None
        largest = math.inf if allow_infinity or (allow_infinity is None and open_ended) else float(np.finfo(dtype).max)
        ends = [-largest if low is None else low, largest if high is None else high, float(dtype(0.3))]
        assert ends[0] <= ends[1]
        return Ends([*ends, math.nan] if allow_nan or (allow_nan is None and low is None and high is None) else ends)

    @staticmethod
    def booleans():
        return Ends([False, True])

    @staticmethod
    def just(value):
        return Ends([value])

    @staticmethod
    def sampled_from(values):
        assert len(values)
        return Ends(values)

    @staticmethod
    def one_of(*strategies):
        return Ends(value for strategy in strategies for value in strategy)

    @staticmethod
    def tuples(*strategies):
        return Ends(itertools.product(*strategies))

    @staticmethod
    def lists(element, min_size=0, max_size=None):
        most = 99 if max_size is None else max_size
        repeated = [[value] * max(min_size, 1) for value in element]
        return Ends([[element[0]] * min_size, *repeated, [element[i % len(element)] for i in range(most)]])

    @staticmethod
    def builds(call, *strategies):
        count = math.prod(len(strategy) for strategy in strategies)
        drawn = list(itertools.product(*strategies)) if count < 8192 else list(one_at_a_time(strategies))
        built = Ends(call(*arguments) for arguments in drawn)
        built.call = call
        return built


def one_at_a_time(strategies):
    first = [strategy[0] for strategy in strategies]
    for i, strategy in enumerate(strategies):
        for value in strategy:
            yield [*first[:i], value, *first[i + 1 :]]
    yield [strategy[-1] for strategy in strategies]


@pytest.fixture
def ends(monkeypatch):
    monkeypatch.setattr("hypothesis.strategies", EndsOf)


def signed(numbers):
    """Tell zeros apart by their sign."""
    return {repr(float(v)) for v in numbers}


def entries(arrays):
    return signed(v for x in arrays for v in x.astype(np.float64).ravel())


def plus_minus(*numbers):
    return {s * v for v in numbers for s in (1, -1)}


FEW = [0.0, -0.0, *plus_minus(0.5, 1.0, 2.0, 3.0)]


def hard_to_rank(name):
    normal = FLOATS[name][2]
    one, near = next_to(floats([1.0], name))[1:].astype(np.float64).tolist()
    far = near + (near - one)
    hard = [*plus_minus(near, far, math.inf), 16 * normal, -32 * normal]
    return signed([*FEW, *hard]) | entries([extremes(name)]) | signed(finite_floats(name))


@EACH_DTYPE
def test_any_finite_float_reaches_both_ends_of_the_dtype(ends, name):
    largest = FLOATS[name][1]
    drawn = finite_floats(name)
    assert (min(drawn), max(drawn)) == (-largest, largest)
    assert len(drawn) == 3
    assert len(set(drawn)) == 3


@EACH_DTYPE
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_entries_to_select_are_few_or_hard_to_rank_or_any(ends, name, axis):
    calls = selections(name, axis)
    assert all(x.dtype == float_dtype(name) for x, _ in calls)
    assert entries(x for x, _ in calls) == hard_to_rank(name)


def test_what_is_selected_lies_in_a_line_or_in_one_of_five_shapes(ends):
    call = selections("float32", None).call
    ten = [float(v) for v in range(10)]
    shapes = [(10,), (2, 5), (5, 2), (3, 3), (2, 2, 2), (1, 5, 2)]
    for arrangement, shape in enumerate(shapes):
        x, _ = call(ten, arrangement, 0)
        assert x.shape == shape
        assert x.ravel().tolist() == ten[: x.size]
    assert {x.shape for x, _ in selections("float32", None) if x.size > 7} == set(shapes)


def test_too_few_entries_for_a_shape_lie_in_a_line(ends):
    assert [selections("float32", 0).call([1.0], a, 0)[0].shape for a in range(6)] == [(1,)] * 6
    assert [selections("float32", 1).call([1.0], a, 0)[0].shape for a in range(6)] == [(1, 1)] * 6


def test_as_many_are_kept_as_there_are_at_the_most(ends):
    assert {k for _, k in selections("float32", None)} == set(range(11))
    for x, k in selections("float32", None):
        assert 0 <= k <= x.size <= 10
    assert [selections("float32", axis).call([1.0] * 6, 2, 10)[1] for axis in (None, 0, 1)] == [6, 3, 2]
    assert {x.size for x, _ in selections("float32", None)} == {1, 8, 9, 10}


def test_a_line_is_drawn_more_often_than_another_shape(ends):
    shapes = [x.shape for x, _ in selections("float32", None) if x.size > 7]
    assert shapes.count((10,)) == 2 * shapes.count((2, 5))


def test_floats_lie_at_eighths_of_a_code_at_the_edges_or_anywhere(ends):
    calls = floats_and_p("float64", [1016])
    assert {p for _, p in calls} == set(range(-3, 10))
    any_float = signed(finite_floats("float64"))
    for p in range(-3, 10):
        drawn = entries(x for x, q in calls if q == p)
        assert drawn == signed(e / 8 / 2.0**p for e in [*range(-48, 49), 1016]) | any_float
    assert {x.size for x, _ in calls} == {1, 6}


def test_edges_are_drawn_from_zero_outwards_and_the_positive_one_first(ends):
    calls = floats_and_p("float64", [2000, -1016, 1016, -2000])
    singles = [values(x)[0] for x, p in calls if (p, x.size) == (0, 1)]
    assert [v for v in singles if 6 < abs(v) < 999] == [127, -127, 250, -250]


def test_a_float_at_the_limit_is_left_out(ends):
    call = floats_and_p("float64", [1016], 127.0).call
    assert values(call((1, [1015, 1016, -1016, 1017, 63.5, -63.0]))[0]) == [1015 / 16, -63.0]
    assert values(call((-1, [1015, 1016, 254.0, 253.0]))[0]) == [1015 / 4, 253.0]


def test_codes_are_small_or_at_the_edges_or_anywhere(ends):
    calls = integers_and_p(("int64", "int8"), (77, 300), (149,))
    wide = {v for q, _ in calls if q.dtype == np.int64 for v in q.tolist()}
    narrow = {v for q, _ in calls if q.dtype == np.int8 for v in q.tolist()}
    assert wide == {*range(-9, 10), 77, 300, -(2**63), 2**63 - 1}
    assert narrow == {*range(-9, 10), 77}
    assert {p for _, p in calls} == {*range(-3, 10), 149, -100, 100}
    assert {q.size for q, _ in calls if q.dtype == np.int64} == {1, 6}


def test_both_ends_of_an_integer_dtype_are_codes(ends):
    calls = integers_and_p(("int8", "uint8"), (-129, -128, 127, 128, 255, 256), ())
    assert {(q.dtype.name, v) for q, _ in calls for v in q.tolist() if abs(v) > 9} == {
        *(("int8", v) for v in (-128, 127)),
        *(("uint8", v) for v in (127, 128, 255)),
    }


def test_turning_points_and_their_negatives_lie_any_power_of_two_away(ends):
    calls = floats_around("float64", [127.5])
    turning = {s * 127.5 * 2.0**e for s in (1, -1) for e in range(-9, 10)}
    assert entries(x for (x,) in calls) == signed([*range(-9, 10), *turning]) | signed(finite_floats("float64"))
    assert {x.size for (x,) in calls} == {0, 1, 5}


def test_calls_to_requantize_reach_every_part_of_their_range(ends):
    calls = accumulators(-128, 127)
    drawn = {a for acc, *_ in calls for a in acc.tolist()}
    largest = [2**31 - 1, -(2**31), 1 - 2**31, 2**30, -(2**30), 2**24 + 1, 2**15, -(2**15) - 1]
    assert {*range(-9, 10), *largest} <= drawn
    assert all(acc.dtype == np.int32 for acc, *_ in calls)
    assert {acc.size for acc, *_ in calls} >= {1, 5}
    assert {m for _, m, *_ in calls} == {2**30, 3 * 2**29, 1583594044, 2**31 - 1}
    assert {s for *_, s, _ in calls} == set(range(-31, 32))
    assert {z for *_, z in calls} == {-128, 0, 127}


def test_shifts_near_zero_are_drawn_twice_as_often(ends):
    shifts = [s for *_, s, _ in accumulators(0, 255)]
    for shift in (-1, 1, -2, 2):
        assert shifts.count(shift) == 2 * shifts.count(9)


def test_a_half_is_where_the_product_passes_it(ends):
    multiplier, shift = 3 * 2**29, -2
    for half in (-7, -1, 1, 3):
        (last, at, after), *_ = accumulators(-8, 7).call([(half, -1), (half, 0), (half, 1)], multiplier, shift, 0)
        scale = Fraction(multiplier, 2 ** (31 - shift))
        assert last * scale < at * scale <= Fraction(half, 2) < after * scale
        assert (at - last, after - at) == (1, 1)


def test_accumulators_are_small_or_near_halves_or_at_the_ends_or_any(ends, monkeypatch):
    drawn = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, *strategies: drawn.extend(strategies))
    accumulators(-1000, 2000)
    seen, _, _, zero_points = drawn
    assert set(zero_points) == {-1000, 0, 2000}
    halves = {e for elements in seen for e in elements if isinstance(e, tuple)}
    assert halves == {(h, i) for h in (-2009, 0, 4009, -300, 300) for i in (-1, 0, 1)}
    integers = {e for elements in seen for e in elements if isinstance(e, int)}
    largest = [2**31 - 1, -(2**31), 1 - 2**31, 2**30, -(2**30), 2**24 + 1, 2**15, -(2**15) - 1]
    assert integers == {*range(-9, 10), *largest}
    assert {len(elements) for elements in seen} == {1, 5}
    assert seen.count([-(2**31)]) == seen.count([2**31 - 1]) == 2  # as an end, and as any


def test_an_accumulator_of_more_than_32_bits_is_left_out(ends):
    acc, *_ = accumulators(-128, 127).call([-(2**31) - 1, -(2**31), 2**31 - 1, 2**31], 2**30, 0, 0)
    assert acc.tolist() == [-(2**31), 2**31 - 1]


def test_a_zero_point_is_cut_to_the_codes(ends):
    assert [accumulators(1, 9).call([1], 2**30, 0, z)[3] for z in (0, 1, 5, 9, 10)] == [1, 1, 5, 9, 9]


def test_affine_inputs_are_half_steps_offsets_from_an_end_or_any(ends):
    calls = affine_calls("float16", [0.5, 2.0], [0, 3], lambda channels, elements: (channels, elements))
    assert {e for _, elements in calls for e in elements} == {
        *range(-24, 25),
        *itertools.product((0, 1), range(-6, 7)),
        *finite_floats("float16"),
    }
    assert {c for channels, _ in calls for c in channels} == set(itertools.product((0.5, 2.0), (0, 3)))
    assert {len(channels) for channels, _ in calls} == {1, 3}
    assert {len(elements) for _, elements in calls} == {1, 5}


def test_affine_codes_are_small_or_moderate_or_any(ends):
    calls = affine_codes(["int8", "int32"], [0.5, 2.0], lambda *drawn: drawn)
    some = {*range(-9, 10), -300, 300, -(2**31), 2**31 - 1}
    assert {code for *_, codes in calls for code in codes} == some
    assert {c for _, channels, _ in calls for c in channels} == set(itertools.product((0.5, 2.0), some))
    assert {dtype for dtype, *_ in calls} == {"int8", "int32"}
    assert {len(channels) for _, channels, _ in calls} == {1, 3}
    assert {len(codes) for *_, codes in calls} == {1, 5}


@pytest.mark.parametrize(("signed_codes", "low", "high"), [(True, -8, 7), (False, 0, 15)])
def test_rows_hold_every_code_of_4_bits(ends, signed_codes, low, high):
    rows = rows_of_codes(signed_codes)
    assert {v for q in rows for v in q.ravel().tolist()} == set(range(low, high + 1))
    assert {q.dtype for q in rows} == {np.dtype("int8" if signed_codes else "uint8")}
    assert {q.shape for q in rows} == {(0,), (1,), (20,), (2, 0), (3, 0), (2, 10), (3, 6)}
    assert [q.shape for q in rows].count((20,)) == 2


def test_rows_are_cut_out_of_the_codes_in_order(ends):
    assert rows_of_codes(True).call([0, 1, 2, 3, 4, 5, 6], 3).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert rows_of_codes(True).call([0, 1, 2, 3, 4, 5, 6], 1).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_a_range_is_ordered_equal_balanced_or_a_tie(ends):
    call = ranges(255).call
    assert call(0, 3.0, -1.0, 9, 0.5) == (-1.0, 3.0)
    assert call(1, 3.0, -1.0, 9, 0.5) == (3.0, 3.0)
    assert call(2, 3.0, -1.0, 9, 0.5) == (-3.0, 3.0)
    assert call(2, -3.0, 1.0, 9, 0.5) == (-3.0, 3.0)
    assert call(3, 3.0, -1.0, 0, 1.0) == (-1.0, 509.0)
    assert call(3, 3.0, -1.0, 9, 0.5) == (-9.5, 245.5)


def test_the_ends_of_a_range_are_float32_as_python_floats(ends):
    assert ranges(255).call(0, 0.1, 1 / 3, 0, 1.0) == (float(np.float32(0.1)), float(np.float32(1 / 3)))
    assert {type(v) for low_high in ranges(3) for v in low_high} == {float}


@pytest.mark.parametrize(("steps", "most"), [(15, 14), (2**32, 2**20)])
def test_a_range_is_drawn_of_every_kind(ends, monkeypatch, steps, most):
    seen = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, *strategies: seen.extend(strategies))
    ranges(steps)
    kinds, a, b, k, units = seen
    assert (kinds, [min(k), max(k)], units) == ([0, 1, 2, 3], [0, most], [1.0, 0.5, 3.0, 2.0**-20])
    assert signed(a) == signed(b) == signed(range(-9, 10)) | signed(SIMPLE) | signed(finite_floats("float32"))


def test_simple_floats_are_mostly_the_simplest_and_reach_the_most(ends):
    drawn = simple_floats(3.0)
    assert signed(drawn) == signed([v for v in SIMPLE if abs(v) <= 3]) | signed([float(np.float16(0.3))])
    assert {drawn.count(v) for v in (0.5, -0.7)} == {3}
    assert {drawn.count(v) for v in (3.0, -3.0)} == {4}  # as a simple one, and as an end of any
    assert (min(simple_floats()), max(simple_floats())) == (-8.0, 8.0)


def test_simple_floats_are_zeros_halves_and_numbers_that_are_rounded():
    assert signed(SIMPLE) == signed(
        [*FEW, 1.5, 0.25, -0.75, 1 / 3, -0.7, 5.0, 0.1, -7.9, 0.001],
    )


def test_scattered_integers_are_those_of_every_machine_and_version():
    assert scattered((3, 4), 9).tolist() == [[-7, 7, 9, -7], [4, -5, -1, 1], [8, -3, -5, 0]]
    assert scattered((5,), 2**20, seed=3).tolist() == [566070, -248080, -385672, -949851, -412848]
    assert scattered((2,), 9).dtype == np.float64


PAIRS = [(array_pairs, PAIR_SHAPES), (logit_pairs, LOGIT_SHAPES)]


@pytest.mark.parametrize(("strategy", "shapes"), PAIRS)
def test_a_pair_has_every_shape_and_simple_values(ends, strategy, shapes):
    pairs = strategy("float32")
    assert {a.shape for a, _ in pairs} == set(shapes)
    assert all(a.shape == b.shape and a.dtype == b.dtype == np.float32 for a, b in pairs)
    simple = signed(np.float32(v) for v in simple_floats())
    assert entries(a for a, _ in pairs) == simple
    assert max(len(set(a.ravel().tolist())) for a, _ in pairs) > 9


@pytest.mark.parametrize("strategy", [array_pairs, logit_pairs])
def test_a_pair_repeats_up_to_14_values(ends, monkeypatch, strategy):
    seen = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, shape, values: seen.extend(values))
    strategy("float32")
    assert {len(values) for values in seen} == {1, 14}


@pytest.mark.parametrize("strategy", [array_pairs, logit_pairs])
def test_the_second_array_goes_on_where_the_first_ends(ends, strategy):
    a, b = strategy("float32").call((5, 3), [float(v) for v in range(7)])
    order = [(5 * j + j // 3) % 7 for j in range(30)]
    assert [*a.ravel().tolist(), *b.ravel().tolist()] == order
    assert len({tuple(row) for row in a.tolist()}) == 5


def test_logits_and_pairs_have_rows_of_one_and_of_several():
    assert set(PAIR_SHAPES) == {(1,), (2,), (3,), (9,), (2, 1), (1, 2), (2, 2), (2, 3), (3, 2), (5, 3), (2, 1, 2)}
    assert set(LOGIT_SHAPES) == {*itertools.product((1, 2, 3), (1, 2, 3)), (2, 1, 2), (5, 3), (2, 7)} - {(3, 1)}


def test_a_network_is_of_layers_that_fit_each_other(ends):
    weights, biases, x, target = networks("float16").call([3, 2, 1], 4, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert [w.shape for w in weights] == [(3, 2), (2, 1)]
    assert [b.shape for b in biases] == [(2,), (1,)]
    assert (x.shape, target.shape) == ((4, 3), (4, 1))
    drawn = [v for a in (*weights, *biases, x, target) for v in a.ravel().tolist()]
    assert drawn == [(5 * j + j // 3) % 5 + 1 for j in range(27)]
    assert {a.dtype for a in (*weights, *biases, x, target)} == {np.dtype("float16")}


def test_networks_are_of_one_to_three_layers_and_three_units(ends, monkeypatch):
    seen = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, *strategies: seen.extend(strategies))
    networks("float32")
    widths, examples, values = seen
    assert {len(sizes) for sizes in widths} == {2, 4}
    assert {size for sizes in widths for size in sizes} == {1, 2, 3}
    assert examples == [1, 2, 3, 4]
    assert {len(some) for some in values} == {1, 14}
    assert signed(v for some in values for v in some) == signed(simple_floats(3.0))


def test_sizes_are_small_round_or_any_and_sparsities_are_fractions(ends):
    calls = sizes_and_sparsities()
    assert {size for size, _ in calls} == {*range(21), 50, 100, 200, 1000, 2**62}
    eighths, hundredths = {n / 8 for n in range(9)}, {n / 100 for n in range(101)}
    assert {sparsity for _, sparsity in calls} == eighths | hundredths | {0.3}
    assert [size for size, sparsity in calls if sparsity == 0.125].count(0) == 2  # as a small one, and as any
    ends_of_sparsity = [sparsity for size, sparsity in calls if size == 50]
    assert {ends_of_sparsity.count(v) for v in (0.0, 1.0)} == {3}  # in eighths, in hundredths, and as any


@EACH_DTYPE
def test_entries_of_groups_are_few_or_hard_to_rank_or_any(ends, name):
    assert entries(x for (x,) in groups_of(4, -1, name)) == hard_to_rank(name)


def test_groups_lie_in_one_line_or_in_up_to_three(ends):
    shapes = {x.shape for (x,) in groups_of(4, -1, "float32")}
    assert shapes == {(n,) for n in (4, 8, 12)} | set(itertools.product((1, 2, 3), (4, 8, 12)))
    (down,) = groups_of(4, 0, "float32").call([float(v) for v in range(13)], 2, 3)
    (along,) = groups_of(4, 1, "float32").call([float(v) for v in range(13)], 2, 3)
    assert along.ravel().tolist() == [v % 13 for v in range(24)]
    assert np.array_equal(down, along.T)
    assert down.flags.c_contiguous


def test_groups_repeat_one_to_thirteen_entries_mostly_in_one_line(ends, monkeypatch):
    seen = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, *strategies: seen.extend(strategies))
    groups_of(4, 0, "float32")
    entries_of, groups, lines = seen
    assert {len(some) for some in entries_of} == {1, 13}
    assert groups == [1, 2, 3]
    assert sorted(lines) == [0, 0, 1, 2, 3]


def test_steps_are_of_every_shape_and_masks_of_one_to_five_booleans(ends, monkeypatch):
    call = masked_steps("float32").call
    *arrays, mask = call((2, 3), [1.0, 2.0, 3.0, 4.0], [True, False, False, True, False])
    assert [v for x in arrays for v in x.ravel().tolist()] == [(5 * j + j // 3) % 4 + 1 for j in range(18)]
    assert mask.tolist() == [[True, False, False], [True, False, True]]
    seen = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, *strategies: seen.extend(strategies))
    masked_steps("float32")
    shapes, some, stays = seen
    assert set(shapes) == set(PAIR_SHAPES)
    assert {len(values) for values in some} == {1, 14}
    assert signed(v for values in some for v in values) == signed(simple_floats())
    assert {len(booleans) for booleans in stays} == {1, 5}


def test_bfloat16_is_known_without_an_earlier_import(monkeypatch):
    import ml_dtypes

    monkeypatch.delitem(np.sctypeDict, "bfloat16")
    assert float_dtype("bfloat16") == ml_dtypes.bfloat16


@EACH_DTYPE
def test_floats_are_cast_without_a_word_though_numpy_raises(name):
    with np.errstate(all="raise"):
        assert values(floats([1.0, 1e-320, 1e308, 0.1], name)) == (
            [1.0, 1e-320, 1e308, 0.1] if name == "float64" else [1.0]
        )


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_zero_between_its_neighbours_is_positive(zero):
    below, same, above = next_to(np.array([zero]))
    assert (below, above) == (-5e-324, 5e-324)
    assert not np.signbit(same)


@EACH_DTYPE
def test_extremes_are_at_both_ends_of_the_subnormals_and_of_the_normals(name):
    word = np.dtype(f"u{float_dtype(name).itemsize}")
    normal, largest = np.array(FLOATS[name][2:0:-1]).astype(float_dtype(name)).view(word)
    twice = np.array(2 * FLOATS[name][2]).astype(float_dtype(name)).view(word)
    positive = [0, 1, 3, normal - 1, normal, twice, largest - 1, largest]
    expected = np.array(positive, word).view(float_dtype(name))
    x = extremes(name)
    assert x.dtype == expected.dtype
    assert entries([x]) == entries([expected, -expected])
    assert x.size == 16


@pytest.mark.parametrize("strategy", [lambda: selections("float32", None), lambda: groups_of(4, -1, "float32")])
def test_few_numbers_that_tie_come_twice_as_often_as_hard_ones(ends, monkeypatch, strategy):
    seen = []
    monkeypatch.setattr(EndsOf, "builds", lambda call, some, *others: seen.extend(some))
    strategy()
    drawn = [repr(some[0]) for some in seen if len(some) == 1]
    assert all(drawn.count(repr(v)) >= 2 for v in FEW)
    assert {drawn.count(repr(v)) for v in (math.inf, -math.inf, 1 + 2.0**-23)} == {1}


def test_nine_entries_fill_as_much_of_a_shape_as_they_can(ends):
    call = selections("float32", None).call
    shapes = [call([1.0] * 9, arrangement, 0)[0].shape for arrangement in range(6)]
    assert shapes == [(9,), (2, 4), (4, 2), (3, 3), (2, 2, 2), (1, 4, 2)]


def test_the_longest_fills_loops_of_8_but_not_of_16():
    assert max(TAIL_LENGTHS) >= 1000
    assert max(TAIL_LENGTHS) % 16 == 8


def test_the_fixed_arrays_need_no_hypothesis(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis.strategies", None)
    spec = importlib.util.find_spec("refcompress.verify.inputs")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.extremes("float32").size == 16

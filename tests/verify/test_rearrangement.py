import dataclasses
import itertools

import numpy as np
import pytest
from verify.rivals import answered_rightly, full
from verify.toys import LAYERS, PARTS, SCALE

from refcompress import affine_quantize, dequantize, fraction_bits, mse_gradient, quantize
from refcompress.verify import check
from refcompress.verify.agreement import compare, parts
from refcompress.verify.candidates import Answer, Candidate, Program
from refcompress.verify.check import REARRANGED
from refcompress.verify.inputs import LONG_MATRICES
from refcompress.verify.operation import Case
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.rearrangement import (
    CHANNELS,
    LAYOUTS,
    LONG,
    OF_A_CASE,
    OF_NETWORKS,
    SHAPES,
    SINGLES,
    in_every_form,
    rearranged,
)

QUANTIZE = OPERATIONS["quantize"]
SINGLE_NUMBERS = ("affine_parameters", "keep_count")
WITH_ARRAYS = [name for name in OPERATIONS if name not in SINGLE_NUMBERS]


def exchanges(op, settings=None, keep=lambda args: True):
    settings = full(op, settings or {})
    return settings, answered_rightly(op, settings, keep)


def calls_of(op, seed=0, **more):
    settings, before = exchanges(op, **more)
    return settings, list(rearranged(op, settings, before, seed))


def q(x, p, **more):
    return quantize(x, p, bits=8, **more)


def verdict(candidate, name="quantize", **settings):
    return check(candidate, name, **({"bits": 8} if name == "quantize" else {}), **settings)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_answer_of_every_call_is_the_references(name):
    op = OPERATIONS[name]
    settings, calls = calls_of(op)
    assert all(compare(op.answer(c.args, settings), c.expected, check_dtype=True).agrees for c in calls)


def test_every_shape_and_layout_is_given():
    calls = calls_of(QUANTIZE)[1]
    assert {c.args[0].shape for c in calls} == {*SHAPES, (LONG,), *LONG_MATRICES}
    assert {c.layout for c in calls} == {*LAYOUTS}


def test_each_case_gives_as_many_calls():
    op = dataclasses.replace(SCALE, elementwise=True)
    # cases "some, plain" and "shapes", and the long ones of each
    assert len(calls_of(op)[1]) == 2 * (OF_A_CASE + SINGLES + 1 + len(LONG_MATRICES))


def test_no_long_matrix_is_given_where_no_case_has_two_dimensions():
    rows = Case("rows", lambda settings: iter([(np.ones(3, np.float32),)]))
    op = dataclasses.replace(SCALE, elementwise=True, cases=(rows,))
    assert {c.args[0].ndim for c in calls_of(op)[1]} == {1}


def test_each_element_comes_last():
    settings, before = exchanges(QUANTIZE, {"bits": 8})
    few = [e for e in before if e.case == "infinities"]
    ends = {float(c.args[0].reshape(-1)[-1]) for c in rearranged(QUANTIZE, settings, few, 0)}
    assert ends == {np.inf, -np.inf, 1, -1}


def test_numbers_are_given_with_the_other_inputs_that_they_came_with():
    calls = calls_of(QUANTIZE, keep=lambda args: args[1] in (3, -2))[1]
    of_p = {p: {float(v) for c in calls if c.args[1] == p for v in c.args[0].reshape(-1)} for p in (3, -2)}
    ties = {p: {np.ldexp(n + 0.5, -p) for n in range(-9, 9)} for p in of_p}
    assert ties[3] & of_p[3]
    assert ties[-2] & of_p[-2]


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_matrices_are_given_whose_rows_or_columns_no_block_of_1024_covers(name):
    operation, settings = OPERATIONS[name], OPERATIONS[name].defaults
    directed = answered_rightly(operation, settings)
    calls = [*directed, *rearranged(operation, settings, directed, 0)]
    shapes = [array.shape for call in calls for array in parts(call.args) if array.ndim > 1]
    assert max(shape[0] for shape in shapes) > 1024 < max(shape[-1] for shape in shapes)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("name", ["affine_quantize", "affine_dequantize", "fake_quantize", "fake_quantize_gradient"])
def test_more_channels_are_given_than_a_block_of_1024_and_each_has_its_own_scale(name, axis):
    settings = full(OPERATIONS[name], {"axis": axis})
    calls = [call for call in answered_rightly(OPERATIONS[name], settings) if np.size(call.args[1]) > 1024]
    assert calls
    for call in calls:
        scales = call.args[1]
        assert call.args[0].shape[axis] == scales.size
        assert all((scales[block:] != scales[:-block]).any() for block in (32, 64, 128, 256, 512, 1024))


def test_the_same_seed_gives_the_same_calls_and_another_one_others():
    def bits(seed):
        return [(c.layout, c.args[0].shape, c.args[0].tobytes()) for c in calls_of(QUANTIZE, seed)[1]]

    assert bits(1) == bits(1)
    assert bits(1) != bits(2)


def test_arrays_of_one_shape_are_rearranged_together():
    gradient = OPERATIONS["mse_gradient"]
    calls = calls_of(gradient, keep=lambda args: np.array_equal(*args))[1]
    assert calls
    assert all(np.array_equal(*c.args) for c in calls)


def test_scales_stay_as_they_are_and_x_keeps_a_channel_for_each():
    op = OPERATIONS["affine_quantize"]
    settings, calls = calls_of(op, settings={"axis": -1})
    assert calls
    assert all(c.args[0].shape[-1] == c.args[1].size == c.args[2].size for c in calls)
    assert all(compare(op.answer(c.args, settings), c.expected).agrees for c in calls)


@pytest.mark.parametrize("place", [1, 2])
def test_a_row_in_the_place_of_the_scale_or_of_the_zero_point_has_a_number_for_each_channel(place):
    args = [np.ones((2, 3), np.float32), 1.0, 0]
    args[place] = np.arange(3)
    op = dataclasses.replace(PARTS, cases=(Case("row", lambda s: iter([tuple(args)])),), answer=lambda args, s: args[0])
    calls = calls_of(op, settings={"axis": -1})[1]
    assert calls
    assert all(c.args[0].shape[-1] == c.args[place].size for c in calls)


def test_a_row_in_another_place_is_no_channels():
    args = np.ones(3, np.float32), 1.0, 0, np.ones(3, np.float32)
    op = dataclasses.replace(PARTS, cases=(Case("row", lambda s: iter([args])),), answer=lambda args, s: args[0])
    assert max(c.args[0].size for c in calls_of(op, settings={"axis": -1})[1]) > max(CHANNELS)


def test_a_k_along_an_axis_is_no_scale():
    calls = calls_of(OPERATIONS["top_k_mask"], settings={"axis": -1})[1]
    assert {c.args[0].ndim for c in calls} == {1, 2, 3, 4}


@pytest.mark.parametrize("name", ["mlp_forward", "mlp_gradients"])
def test_a_network_is_given_other_numbers_of_units_and_examples(name):
    calls = calls_of(OPERATIONS[name])[1]
    sizes = [[len(c.args[0][0]), *(w.shape[1] for w in c.args[0])] for c in calls]
    assert all([len(b) for b in c.args[1]] == n[1:] for c, n in zip(calls, sizes, strict=True))
    for some in ([n[0] for n in sizes], [n[-1] for n in sizes], [m for n in sizes for m in n[1:-1]]):
        assert {1, 5, 7, 9, 16, 17, 33} <= {*some}
    assert {1, 8, 9, 16, 17, 33} <= {len(c.args[2]) for c in calls}
    assert all(c.args[2].shape[1] == n[0] for c, n in zip(calls, sizes, strict=True))
    assert {c.layout for c in calls} == {*LAYOUTS}


def test_logits_without_examples_are_not_given_where_no_case_has_them():
    calls = calls_of(OPERATIONS["distillation_loss"])[1]
    assert {c.args[0].ndim for c in calls} == {2, 3}


def test_layers_without_examples_change_their_layout_alone():
    settings, before = exchanges(LAYERS)
    calls = list(rearranged(LAYERS, settings, before, 0))
    assert len(calls) == OF_NETWORKS
    assert all(c.args is before[0].args and c.expected is before[0].expected for c in calls)
    assert {"plain", "strided"} <= {c.layout for c in calls} <= {*LAYOUTS}


def test_numbers_alone_have_no_form():
    assert not calls_of(OPERATIONS["keep_count"])[1]
    assert not calls_of(OPERATIONS["affine_parameters"])[1]


@pytest.mark.parametrize(
    ("sizes", "given"), [((4096,), True), ((4097,), False), ((2048, 2048), True), ((2048, 2049), False)]
)
def test_what_is_long_is_not_computed_again(sizes, given):
    long = Case("long", lambda settings: iter([tuple(np.zeros(n, np.float32) for n in sizes)]))
    assert bool(calls_of(dataclasses.replace(PARTS, cases=(long,)))[1]) is given


def test_what_is_answered_element_by_element_is_not_computed_again():
    settings, before = exchanges(SCALE)
    silent = dataclasses.replace(SCALE, elementwise=True, answer=None)
    assert len(list(rearranged(silent, settings, before, 0))) == 2 * (OF_A_CASE + SINGLES + 1 + len(LONG_MATRICES))


def test_a_k_past_the_end_of_a_shorter_array_is_not_given():
    calls = calls_of(OPERATIONS["sparsify"])[1]
    assert all(c.args[1] <= c.args[0].size for c in calls)


def test_a_failing_call_is_given_in_every_layout_and_with_its_numbers_in_a_row_and_a_column():
    settings, before = exchanges(PARTS)
    e = next(e for e in before if e.args[0].size == 6)
    calls = list(in_every_form(PARTS, settings, before, e))
    assert [c.layout for c in calls[:5]] == [*LAYOUTS]
    assert all(c.args is e.args for c in calls[:5])
    assert [c.args[0].shape for c in calls[5:]] == [(6,), (6, 1), (1, 6)]
    assert all(np.array_equal(c.args[0].reshape(-1), e.args[0].reshape(-1)) for c in calls)
    assert all(compare(PARTS.answer(c.args, settings), c.expected).agrees for c in calls)


@pytest.mark.parametrize(
    ("shape", "forms"),
    [
        ((2, 3), [(6,), (6, 1), (1, 6), (1, 6, 1), (1, 1, 1, 6)]),
        ((1, 1, 1), [(), (1,), (1, 1), (1, 1), (1, 1, 1), (1, 1, 1, 1)]),
    ],
)
def test_the_numbers_of_a_failing_call_are_given_in_as_many_dimensions_as_the_cases_have(shape, forms):
    of_all = [(), (1,), (1, 1), (1, 1, 1), (1, 1, 1, 1), shape]
    deep = Case("deep", lambda settings: iter([(np.ones(form, np.float32),) for form in of_all]))
    settings, before = exchanges(dataclasses.replace(SCALE, cases=(deep,)))
    calls = list(in_every_form(SCALE, settings, before, before[-1]))
    assert [c.args[0].shape for c in calls[len(LAYOUTS) :]] == forms


@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_a_form_that_has_no_answer_is_left_out(error):
    def answer(args, settings):
        if args[0].ndim == 2 and args[0].shape[1] == 1:
            raise error
        return PARTS.answer(args, settings)

    op = dataclasses.replace(PARTS, answer=answer)
    settings, before = exchanges(op)
    forms = [c.args[0].shape for c in in_every_form(op, settings, before, before[0])]
    assert forms == [(2, 3)] * len(LAYOUTS) + [(6,), (1, 6)]
    calls = list(rearranged(op, settings, before, 0))
    assert len(calls) == 2 * OF_A_CASE  # another form in its place
    assert {c.args[0].shape[1:] for c in calls} > {(), (2,)}
    assert (1,) not in {c.args[0].shape[1:] for c in calls}


def test_one_number_is_given_without_a_dimension_too_and_no_number_only_in_layouts():
    settings, before = exchanges(SCALE)
    shapes = next(e for e in before if e.case == "shapes")
    assert () in {c.args[0].shape for c in in_every_form(SCALE, settings, before, shapes)}
    empty = next(e for e in before if e.args[0].size == 0)
    assert len(list(in_every_form(SCALE, settings, before, empty))) == len(LAYOUTS)


# kernels with a path of their own that is wrong for numbers which the other paths are given
def last_truncated(x, p):
    codes = np.array(q(x, p))
    if x.ndim and x.size % 32 == 1 and x.size > 32:
        codes.reshape(-1)[-1] = q(x.reshape(-1)[-1], p, rounding="toward_zero")
    return codes


def single_not_saturated(x, p):
    return quantize(x, p) if x.ndim == 0 and np.isfinite(x) else q(x, p)


def strided_ignores_the_sign_of_p(x, p):
    return q(x, p if x.flags.c_contiguous else abs(p))


def strided_infinity_is_lowest(x, p):
    return q(x, p) if x.flags.c_contiguous else q(np.where(np.isposinf(x), -np.inf, x).astype(x.dtype), p)


def high_matrices_transposed(x, p):
    codes = np.asarray(q(x, p))
    return codes.T.reshape(x.shape) if x.ndim == 2 and x.shape[0] > x.shape[1] else codes


def third_plane_forgotten(x, p):
    codes = np.array(q(x, p))
    if x.ndim == 3:
        codes[2:] = 0
    return codes


def last_of_a_block_not_saturated(x, p):
    codes = np.array(q(x, p), np.int64)
    ends = codes.reshape(-1)[4095::4096]
    ends[...] = np.clip(np.rint(np.ldexp(x.reshape(-1)[4095::4096].astype(float), p)), -(2**40), 2**40)
    return codes


PATHS = (
    last_truncated,
    single_not_saturated,
    strided_ignores_the_sign_of_p,
    strided_infinity_is_lowest,
    high_matrices_transposed,
    third_plane_forgotten,
    last_of_a_block_not_saturated,
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_wrong_for_some_numbers_is_found(path):
    report = verdict(path)
    assert report.verdict == "differs"
    assert [c.name for c in report.cases if c.failed] == [REARRANGED]


def test_in_place_work_on_one_form_is_found():
    def in_place(x, p):
        codes = q(x, p)
        if x.ndim == 2 and x.flags.writeable and x.flags.c_contiguous:
            np.clip(x, -1, 1, out=x)
        return codes

    assert verdict(in_place).diagnosis[0].fault == "changes_input"


def test_the_form_is_named_not_the_layout_in_which_it_was_first_seen():
    def matrices_signed(q, p):
        return dequantize(q.astype(np.int8) if q.ndim == 2 and q.dtype == np.uint8 else q, p)

    (found, *_) = verdict(matrices_signed, "dequantize").diagnosis
    assert "reads unsigned codes as signed ones, but only on matrices" in found.statement


def test_a_reduction_over_a_strided_array_is_given_what_decides_too():
    def by_magnitude(x):
        return fraction_bits(x if x.flags.c_contiguous else np.abs(x))

    assert "but only on arrays that are not contiguous" in verdict(by_magnitude, "fraction_bits").diagnosis[0].statement


def exercised(report):
    return next(c.exercised for c in report.cases if c.name == REARRANGED)


def test_what_fails_often_in_the_directed_cases_is_not_given_in_other_forms():
    assert exercised(verdict(lambda x, p: q(x, p, rounding="half_away"))) == 0


def test_what_fails_rarely_is_so_that_the_rule_is_named_which_the_others_follow_too():
    def before_rounding(x, scale, zero_point):  # one number without a dimension tells it from halves away from zero
        added = "before_rounding" if x.ndim == 0 else "after_rounding"
        return affine_quantize(x, scale, zero_point, zero_point_added=added)

    report = verdict(before_rounding, "affine_quantize")
    assert exercised(report) > 1000
    assert report.diagnosis[0].settings == {"zero_point_added": "before_rounding"}
    assert "but only on 0-d arrays" in report.diagnosis[0].statement


def test_what_fails_rarely_may_fail_again_when_it_is_repeated():
    def column(student, teacher):
        g = mse_gradient(student, teacher)
        return g / len(g) if g.ndim == 2 and g.shape[1] == 1 else g

    report = verdict(column, "mse_gradient")
    assert any(c.failed for c in report.cases if c.name == "one column")
    assert exercised(report) > 1000


def test_what_is_right_but_for_the_second_time_is_not_given_in_other_forms():
    seen = set()

    def moody(x, p):
        key = (x.tobytes(), x.shape, p)
        again = key in seen
        seen.add(key)
        return q(x, p) + again

    assert exercised(verdict(moody)) == 0


def test_what_changes_its_input_or_has_no_answer_is_not_given_in_other_forms():
    def changes(x, p):
        codes = q(x, p)
        if x.ndim == 4:
            x[...] = 0
        return codes

    def refuses(x, p):
        return q(x, p) if x.ndim != 4 else {}[x.ndim]

    assert exercised(verdict(changes)) == exercised(verdict(refuses)) == 0


def test_a_program_is_given_other_shapes_and_lengths_in_the_plain_layout():
    seen = []

    def call(args, layout):
        seen.append((args[0].shape, layout))
        return Answer(problem="refuses nan") if np.isnan(args[0]).any() else Answer(q(*args))

    assert verdict(Candidate("a program", call, program=Program(("a",), "{}"))).verdict == "agrees"
    assert {layout for _, layout in seen} == {"plain"}
    assert {shape for shape, _ in seen} >= {*SHAPES}


def test_no_more_is_asked_of_a_candidate_that_was_given_up():
    answered = itertools.count()

    def call(args, layout):
        return Answer(q(*args)) if next(answered) < 400 else Answer(problem="is not called", given_up=True)

    report = verdict(Candidate("gone", call), examples=0)
    assert sum(c.exercised for c in report.cases if c.name == REARRANGED) > 0
    assert report.verdict == "agrees"

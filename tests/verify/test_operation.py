import itertools
import json
from dataclasses import FrozenInstanceError, fields, replace

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from verify.rivals import broken_laws, each_value

from refcompress.cli import main
from refcompress.verify import check
from refcompress.verify.operation import Case, Fault, Input, Operation, Region, Setting
from refcompress.verify.operations import OPERATIONS, find_operation
from refcompress.verify.sweep_plan import elementwise
from refcompress.verify.vectors import vectors

CONTRACT = {
    "quantize": ("x", "p"),
    "dequantize": ("q", "p"),
    "fraction_bits": ("x",),
    "top_k_mask": ("x", "k"),
    "sparsify": ("x", "k"),
    "prune": ("x", "k"),
    "mse_loss": ("student", "teacher"),
    "mse_gradient": ("student", "teacher"),
    "mlp_forward": ("weights", "biases", "x"),
    "mlp_gradients": ("weights", "biases", "x", "target"),
    "affine_quantize": ("x", "scale", "zero_point"),
    "affine_dequantize": ("q", "scale", "zero_point"),
    "affine_parameters": ("x_min", "x_max"),
    "requantize": ("acc", "multiplier", "shift", "zero_point"),
    "fake_quantize": ("x", "scale", "zero_point"),
    "fake_quantize_gradient": ("x", "scale", "zero_point", "upstream"),
    "pack_int4": ("q",),
    "unpack_int4": ("packed", "length"),
    "cast_float8": ("x",),
    "n_m_sparsify": ("x",),
    "keep_count": ("size", "sparsity"),
    "masked_sgd_step": ("w", "gradient", "velocity", "mask"),
    "distillation_loss": ("student", "teacher"),
    "distillation_gradient": ("student", "teacher"),
}

KINDS = {"floats", "integers", "booleans", "integer", "number", "list of floats"}


def test_the_operations_and_their_inputs_are_those_of_the_contract():
    assert {name: tuple(i.name for i in o.inputs) for name, o in OPERATIONS.items()} == CONTRACT


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_declaration_is_frozen(operation):
    parts = (operation.inputs, operation.settings, operation.cases, operation.laws, operation.faults, operation.regions)
    for declared in (operation, *itertools.chain(*parts)):
        with pytest.raises(FrozenInstanceError):
            declared.name = "other"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_default_is_allowed_and_every_name_is_unique(operation):
    assert all(s.default in s.allowed for s in operation.settings)
    for named in (operation.cases, operation.laws, operation.faults, operation.settings, operation.inputs):
        names = [n.name for n in named]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_value_that_is_another_rule_says_what_it_does(operation):
    for setting in (s for s in operation.settings if s.rival):
        said = [setting.says[value] for value in setting.allowed]
        assert all(said), setting.name
        assert len(set(said)) == len(said), setting.name


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_typical_setting_has_a_value_that_is_allowed(operation):
    for given in operation.typical:
        assert [name for name, value in given.items() if value not in operation.setting(name).allowed] == []


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_input_is_of_a_kind_that_can_be_read(operation):
    assert {i.kind for i in operation.inputs} <= KINDS


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_part_of_an_answer_has_a_name(operation):
    args = next(args for case in operation.cases for args in case.make(operation.defaults))
    answer = operation.answer(args, operation.defaults)
    assert len(operation.parts) == (len(answer) if isinstance(answer, tuple) else 1)
    assert all(operation.parts)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_is_rejected_is_rejected_and_has_a_name(operation):
    for name, make in operation.rejects:
        assert name
        with pytest.raises(ValueError, match=r"."):
            operation.answer(make(operation.defaults), operation.defaults)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_text_a_person_reads_is_there(operation):
    assert all(getattr(operation, f) for f in ("formula", "summary", "result"))
    assert all(i.text for i in operation.inputs)
    assert all(s.text for s in operation.settings)
    assert all(law.sentence for law in operation.laws)
    assert all(region.where for region in operation.regions)
    assert all(fault.statement and not fault.statement.endswith(".") for fault in operation.faults)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_directed_cases_are_the_same_every_time(operation):
    import pickle

    for given in operation.typical:
        settings = {**operation.defaults, **given}
        first, second = ([list(case.make(settings)) for case in operation.cases] for _ in range(2))
        assert pickle.dumps(first) == pickle.dumps(second)


def kinds(value):
    """The dtypes of arrays, and the types of other values."""
    if isinstance(value, (tuple, list)):
        return tuple(kinds(part) for part in value)
    return value.dtype.name if isinstance(value, np.ndarray) else type(value).__name__


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_whatever_the_settings_a_search_draws_inputs_of_the_kinds_of_the_cases_that_have_an_answer(operation):
    for settings in each_value(operation):
        every_draw(operation, settings)


def every_draw(operation, settings):
    known = {kinds(args) for case in operation.cases for args in case.make(settings)}

    @hypothesis.settings(max_examples=6)
    @hypothesis.given(operation.strategy(settings))
    def is_answered(args):
        assert kinds(args) in known
        operation.answer(args, settings)

    is_answered()


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_check_is_the_same_for_who_has_numpy_raise_at_every_underflow(operation):
    settings = each_value(operation)[-1] | {"dtype": "float64"} if "dtype" in operation.defaults else operation.defaults

    @np.errstate(all="ignore")
    def right(*args):
        return operation.answer(args, settings)

    with np.errstate(all="raise"):
        report = check(right, operation, examples=10, **settings)
    assert report.verdict == "agrees", str(report)


@pytest.mark.parametrize(
    ("operation", "dtype", "others"),
    [
        ("quantize", np.float32, (0,)),
        ("cast_float8", np.float32, ()),
        ("affine_quantize", np.float32, (1.0, 0)),
        ("dequantize", np.int32, (0,)),
        ("requantize", np.int32, (2**30, 0, 0)),
    ],
)
def test_two_answers_to_equal_numbers_are_no_fall(operation, dtype, others):
    operation = OPERATIONS[operation]
    args = np.ones(2, dtype), *others
    for answer in (np.array([2, 1]), np.array([1, 2])):
        assert "monotone" not in broken_laws(operation, args, answer, operation.defaults)
    assert "monotone" in broken_laws(
        operation, (np.array([2, 1], dtype), *others), np.array([1, 2]), operation.defaults
    )


def test_a_setting_is_found_by_its_name():
    assert OPERATIONS["quantize"].setting("rounding").default == "half_even"


def test_an_operation_is_found_by_its_name_or_is_itself():
    operation = OPERATIONS["quantize"]
    assert find_operation("quantize") is operation
    assert find_operation(operation) is operation


def test_all_fields_of_an_operation_are_data_or_functions():
    assert {f.name for f in fields(OPERATIONS["quantize"])} >= {
        "inputs",
        "settings",
        "cases",
        "laws",
        "faults",
        "answer",
    }


# the least that a declaration may say; all else is left out
LEAST = Operation(
    name="times",
    formula="x * factor",
    summary="a product",
    inputs=(Input("x", "floats", "an array"),),
    settings=(Setting("factor", 2, (2, 3), "of x"),),
    result="an array",
    parts=("out",),
    answer=lambda args, s: args[0] * s["factor"],
    cases=(Case("some", lambda s: [(np.array([1.0, -2.5, 3.0]),)]),),
    strategy=lambda s: st.just((np.array([0.5]),)),
    laws=(),
    faults=(),
)


def test_the_least_declaration_is_enough_to_find_a_candidate_right():
    report = check(lambda x: x * 2, LEAST, examples=3)
    assert (report.verdict, report.remarks) == ("agrees", ())


def test_another_value_of_a_setting_that_says_nothing_is_named_as_a_rule():
    found = check(lambda x: x * 3, LEAST, examples=3).diagnosis[0]
    assert found.statement.startswith("follows factor=3; agrees with factor=3 on all")


def test_a_fault_without_a_bound_of_its_own_is_held_to_that_of_the_operation():
    fault = Fault("negated", "negates", lambda args, s: -2 * args[0])
    bounded = replace(LEAST, bound=lambda args, s: np.full(args[0].shape, 0.25), faults=(fault,))
    found = check(lambda x: 0.125 - 2 * x, bounded, examples=3).diagnosis[0]
    assert (found.fault, found.complete) == ("negated", True)


def test_a_region_is_a_flag_of_test_vectors_unless_it_is_said_to_go_by_position():
    def region(name, **more):
        return Region(name, "somewhere", lambda args, expected, s: [args[0] < 0], **more)

    op = replace(LEAST, regions=(region("negative"), region("first", positional=True)))
    assert [v.flags for v in vectors(op, op.defaults, flagged=True)] == [("negative",)]
    assert [v.flags for v in vectors(LEAST, op.defaults, flagged=True)] == [()]


def test_an_operation_is_not_elementwise_unless_it_is_said_to_be():
    with pytest.raises(ValueError, match="times"):
        elementwise(LEAST)


def test_all_inputs_of_an_elementwise_operation_are_accepted_unless_it_says_which():
    op = replace(LEAST, elementwise=True)
    varied = itertools.islice(vectors(op, op.defaults, level=2), 1, 20)
    assert all(np.array_equal(v.expected, 2 * v.args[0], equal_nan=True) for v in varied)


def test_what_is_left_out_is_empty_in_a_description(monkeypatch, capsys):
    monkeypatch.setitem(OPERATIONS, "times", LEAST)
    assert main(["operations", "times", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["cases"] == [{"name": "some", "layout": "plain", "tells_apart": []}]
    assert (described["rejects"], described["exact"]) == ([], True)

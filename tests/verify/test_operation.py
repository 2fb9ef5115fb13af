from dataclasses import FrozenInstanceError, fields

import pytest

from refcompress.verify.operations import OPERATIONS, find_operation

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


def test_the_operations_and_their_inputs_are_those_of_the_contract():
    assert {name: tuple(i.name for i in o.inputs) for name, o in OPERATIONS.items()} == CONTRACT


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_declaration_is_frozen(operation):
    with pytest.raises(FrozenInstanceError):
        operation.name = "other"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_default_is_allowed_and_every_name_is_unique(operation):
    assert all(s.default in s.allowed for s in operation.settings)
    for named in (operation.cases, operation.laws, operation.faults, operation.settings, operation.inputs):
        names = [n.name for n in named]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_every_text_a_person_reads_is_there(operation):
    assert all(getattr(operation, f) for f in ("formula", "summary", "result"))
    assert all(i.text for i in operation.inputs)
    assert all(s.text for s in operation.settings)
    assert all(law.sentence for law in operation.laws)
    assert all(fault.statement and not fault.statement.endswith(".") for fault in operation.faults)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_directed_cases_are_the_same_every_time(operation):
    import pickle

    for given in operation.typical:
        settings = {**operation.defaults, **given}
        first, second = ([list(case.make(settings)) for case in operation.cases] for _ in range(2))
        assert pickle.dumps(first) == pickle.dumps(second)


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

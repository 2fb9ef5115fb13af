import json

import pytest
from verify.toys import LAYERS, SCALE

from refcompress.cli import main
from refcompress.verify.operations import OPERATIONS


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """Two operations more."""
    monkeypatch.setitem(OPERATIONS, "scale", SCALE)
    monkeypatch.setitem(OPERATIONS, "layers", LAYERS)


def printed(capsys, *arguments):
    assert main(["operations", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_every_operation_is_listed_with_inputs_formula_and_summary(capsys):
    out = printed(capsys)
    for operation in OPERATIONS.values():
        assert f"{operation.name}({', '.join(i.name for i in operation.inputs)})\n    {operation.formula}\n" in out
        assert operation.summary.split(",")[0] in out


def test_one_operation_is_described_in_full(capsys):
    assert printed(capsys, "scale").splitlines() == [
        "scale(x): a toy",
        "    scale(x)",
        "",
        "inputs, by position",
        "    x  floats  an array",
        "",
        "result, compared to the bit",
        "    an array",
        "",
        "settings (--set NAME=VALUE), with the default and what is allowed",
        "    step         2        none, 1 to 5: what is multiplied with",
        "    dtype        float32  float32, bfloat16: of the arrays",
        "    check_dtype  false    false, true: whether another dtype is a fault",
        "",
        "directed cases",
        "    some, plain",
        "    some, strided",
        "    some, reversed",
        "    some, fortran",
        "    some, read-only",
        "    shapes",
        "",
        "laws",
        "    sign  the sign stays",
        "",
        "faults that are recognized, beside the other values of the settings",
        "    negated  gives the negative",
        "",
        "inputs that are rejected",
        "    x = nan",
    ]


def test_a_bound_is_told_and_empty_sections_are_left_out(capsys):
    out = printed(capsys, "layers")
    assert "result, compared within a bound that is derived for each input" in out
    assert "laws" not in out


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_described_in_lines_that_fit(capsys, name):
    assert max(map(len, printed(capsys, name).splitlines())) <= 130
    assert json.loads(printed(capsys, name, "--json"))["name"] == name


def test_the_list_as_json(capsys):
    written = json.loads(printed(capsys, "--json"))
    assert [o["name"] for o in written] == list(OPERATIONS)
    assert written[-2] == {"name": "scale", "formula": "scale(x)", "summary": "a toy", "inputs": ["x"]}


def test_one_operation_as_json(capsys):
    written = json.loads(printed(capsys, "scale", "--json"))
    assert written["inputs"] == [{"name": "x", "kind": "floats", "text": "an array"}]
    assert written["settings"][0] == {
        "name": "step",
        "default": 2,
        "allowed": [None, 1, 2, 3, 4, 5],
        "text": "what is multiplied with",
    }
    assert written["exact"] is True
    assert written["cases"][1] == {"name": "some, strided", "layout": "strided", "tells_apart": []}
    assert written["laws"] == [{"name": "sign", "sentence": "the sign stays"}]
    assert written["faults"] == [{"name": "negated", "statement": "gives the negative"}]
    assert written["rejects"] == ["x = nan"]


def test_an_unknown_name_is_one_line_with_the_list_of_all(capsys):
    assert main(["operations", "quantise"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("refcompress operations: operation is 'quantise': it must be one of quantize, ")
    assert err.count("\n") == 1

import itertools
from dataclasses import replace

import pytest

from refcompress.verify.operation import Input
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.sweep_plan import elementwise, planned, read_input

QUANTIZE, DEQUANTIZE = OPERATIONS["quantize"], OPERATIONS["dequantize"]


def test_a_plan_holds_the_settings_with_the_dtype_that_is_swept():
    sweep = planned(QUANTIZE, "float16", {"p": 4}, {"bits": 8})
    assert (sweep.operation, sweep.dtype, sweep.fixed) == ("quantize", "float16", (4,))
    assert (sweep.settings["dtype"], sweep.settings["bits"]) == ("float16", 8)


def test_where_integers_are_swept_the_dtype_of_the_settings_is_that_of_the_result():
    sweep = planned(DEQUANTIZE, "int16", {"p": 4}, {"dtype": "bfloat16"})
    assert (sweep.dtype, sweep.settings["dtype"]) == ("int16", "bfloat16")


def test_a_plan_holds_the_arrays_that_the_candidate_is_given():
    assert planned(QUANTIZE, "float16", {"p": 4}, {}).arrays == "numpy"
    assert planned(QUANTIZE, "float16", {"p": 4}, {}, "torch").arrays == "torch"
    with pytest.raises(ValueError, match=r"^arrays is 'lists': it must be one of"):
        planned(QUANTIZE, "float16", {"p": 4}, {}, "lists")


def test_an_operation_of_the_callers_own_is_planned_as_it_is():
    own = replace(QUANTIZE, cases=())
    assert planned(own, "float16", {"p": 4}, {}).operation is own
    assert elementwise(own) is own


def test_blocks_cover_all_places():
    sweep = planned(QUANTIZE, "float32", {"p": 4}, {})
    places = [sweep.places(block) for block in sweep.blocks()]
    assert len(places) == 1024
    assert places[0][0] == 0
    assert places[-1][1] == 2**32 - 1
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(places))


REFUSED = [
    (("float16", {}, {}), r"^p must be given a value: quantize needs p \(fraction bits"),
    (("float16", {"p": 4, "q": 1}, {}), r"^q is no input to fix: quantize needs p \(fraction bits"),
    (("float16", {"p": 2**40}, {}), r"^p is 1099511627776: it must be from -2147483647"),
    (("float16", {"p": 4.5}, {}), r"^p is 4\.5 \(float\): it must be an integer"),
    (("float16", {"p": 4}, {"dtype": "float32"}), r"^dtype is 'float32', and every float16 is asked for"),
    (("float16", {"p": 4}, {"bits": 99}), r"^bits is 99: it must be one of"),
    (("int8", {"p": 4}, {}), r"^quantize cannot be swept over 'int8': it must be one of float16, bfloat16, float32$"),
    (
        ("float64", {"p": 4}, {}),
        r"^2\^64 float64 inputs at [\d,]+ million a second, .* would take [\d,]+ years; a sample can be had: .*"
        r"`refcompress verify quantize CANDIDATE --set dtype=float64 --examples 10000`, .*"
        r"`refcompress vectors write quantize --set dtype=float64 --level 3`$",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_cannot_be_swept_is_said_in_a_line(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        planned(QUANTIZE, *call)


@pytest.mark.parametrize(("seconds", "millions"), [(1, "1"), (2**-20, "1,099,512")])
def test_the_years_are_those_of_the_best_of_three_calls(monkeypatch, seconds, millions):
    clock = iter([0, 4, 10, 10 + seconds, 20, 22])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    years = 2**44 * seconds / 31_557_600  # 2^20 inputs a call, and 365.25 days a year
    with pytest.raises(ValueError, match=f"at {millions} million a second, .* would take {years:,.0f} years;"):
        planned(QUANTIZE, "float64", {"p": 4}, {})


def test_an_operation_of_one_input_has_none_to_fix():
    with pytest.raises(ValueError, match=r"^p is no input to fix: cast_float8 needs none$"):
        planned(OPERATIONS["cast_float8"], "float16", {"p": 4}, {})


def test_integers_of_64_bits_are_refused_with_the_time_that_they_would_take():
    with pytest.raises(ValueError, match=r"^2\^64 int64 inputs at .* vectors write dequantize --level 3`$"):
        planned(DEQUANTIZE, "int64", {"p": 4}, {})


def test_an_operation_that_mixes_elements_is_refused_with_those_that_do_not():
    with pytest.raises(ValueError, match=r"^sparsify is not elementwise: .* swept for quantize, dequantize"):
        elementwise("sparsify")


INTEGER, NUMBER = Input("p", "integer", "fraction bits"), Input("scale", "floats", "the scale")
INTEGERS = Input("zero_point", "integers", "the code of 0")


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [(INTEGER, "-3", -3), (INTEGERS, "7", 7), (NUMBER, "0.1", 0.1), (NUMBER, "0x1.8p-3", 0.1875), (NUMBER, "2", 2.0)],
)
def test_the_value_of_an_input_is_read_from_a_word(declared, text, value):
    assert read_input(declared, text) == value
    assert type(read_input(declared, text)) is type(value)


@pytest.mark.parametrize(
    ("declared", "text", "message"),
    [(INTEGER, "4.5", "p is '4.5': it must be an integer"), (NUMBER, "x", "scale is 'x': it must be a number")],
)
def test_a_word_that_is_no_value_is_named(declared, text, message):
    with pytest.raises(ValueError, match=message):
        read_input(declared, text)


def test_a_hexadecimal_number_past_every_float_is_refused():
    with pytest.raises(ValueError, match="scale is '0x1p99999': it must be a number"):
        read_input(Input("scale", "floats", "a scale"), "0x1p99999")

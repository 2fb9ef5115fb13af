import contextlib
import itertools
import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refcompress.verify.agreement import compare
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.wire import decode, encode, header, request

DTYPES = [
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
]
SHAPES = [(), (0,), (1,), (3,), (2, 0), (2, 3), (1, 2, 1)]


def dtype_of(name):
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)


@st.composite
def arrays_of_any_bits(draw):
    dtype, shape = dtype_of(draw(st.sampled_from(DTYPES))), draw(st.sampled_from(SHAPES))
    size = int(np.prod(shape)) * dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    if dtype.kind == "b":
        raw = bytes(b & 1 for b in raw)
    return np.frombuffer(raw, dtype).reshape(shape)


def through_json(value):
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


@given(arrays_of_any_bits())
@example(np.array([0x7FC1, 0xFF81, 0x8000], np.uint16).view(ml_dtypes.bfloat16))
@example(np.array([0x7FF0000000000001, 0xFFF8000000000123], np.uint64).view(np.float64))
def test_every_array_comes_back_bit_for_bit(array):
    back = through_json(array)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@given(arrays_of_any_bits())
def test_values_alone_give_the_same_numbers(array):
    written = encode(array)
    del written["bits"]
    back = decode(json.loads(json.dumps(written)))
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert [repr(float(v)) for v in back.flat] == [repr(float(v)) for v in array.flat]


@given(st.lists(st.floats(width=32), max_size=4))
def test_byte_order_and_strides_do_not_show(values):
    array = np.array(values, np.float32)
    assert encode(array.astype(">f4")) == encode(array)
    assert encode(np.repeat(array, 2)[::2]) == encode(array)


def test_lists_tuples_and_plain_values_keep_their_form():
    value = ([np.array([1, 2], np.int8)], [np.float32(0.5)], 3, None, "word", True)
    back = through_json(value)
    assert back[0][0].tolist() == [1, 2]
    assert back[1][0].dtype == np.float32
    assert back[2:] == [3, None, "word", True]


def test_infinities_and_nan_are_words():
    assert encode(np.array([np.inf, -np.inf, np.nan], np.float16))["values"] == ["inf", "-inf", "nan"]
    assert [encode(v) for v in (float("inf"), float("nan"), 0.5)] == ["inf", "nan", 0.5]


def test_an_element_is_written_with_all_its_digits():
    assert encode(np.array([1], np.int16))["bits"] == ["0001"]


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([1j]), np.array([None]), np.array([1], "M8[s]")])
def test_arrays_of_other_things_are_not_written(value):
    with pytest.raises(TypeError, match="cannot be written"):
        encode(value)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ({}, "needs dtype, shape and bits or values: got nothing"),
        ({"dtype": "int8", "shape": [1]}, "needs dtype, shape and bits or values: got dtype, shape"),
        ({"shape": [1], "bits": ["00"]}, "needs dtype, shape and bits or values: got shape, bits"),
        ({"dtype": "int8", "values": [1]}, "needs dtype, shape and bits or values: got dtype, values"),
        ({"dtype": "int8", "shape": [2], "values": [1]}, r"shape \(2,\) has 1 elements"),
        ({"dtype": "int8", "shape": [-1, -1], "values": [1]}, r"shape \(-1, -1\) has 1 elements"),
        ({"dtype": "int8", "shape": "x", "values": [1]}, "cannot be read"),
        ({"dtype": "int8", "shape": [1], "values": [300]}, "cannot be read"),
        ({"dtype": "int8", "shape": [1], "values": [0.5]}, r"0\.5 is no int8"),
        ({"dtype": "int8", "shape": [1], "values": ["0.5"]}, r"'0\.5' is no int8"),
        ({"dtype": "bool", "shape": [1], "values": [2]}, "2 is no bool"),
        ({"dtype": "int8", "shape": [1], "values": ["nan"]}, "cannot be read"),
        ({"dtype": "int8", "shape": [1], "values": [None]}, "cannot be read"),
        ({"dtype": "int8", "shape": [1], "bits": ["100"]}, "100 is no int8"),
        ({"dtype": "int8", "shape": [1], "bits": ["-1"]}, "-1 is no int8"),
        ({"dtype": "bool", "shape": [1], "bits": ["02"]}, "02 is no bool"),
        ({"dtype": "int8", "shape": [1], "bits": ["zz"]}, "cannot be read"),
        ({"dtype": "int8", "shape": [1], "bits": [7]}, "cannot be read"),
        ({"dtype": "float31", "shape": [1], "bits": ["00"]}, "dtype is 'float31'"),
        ({"dtype": "object", "shape": [1], "bits": ["00"]}, "dtype is 'object'"),
        ({"dtype": "complex64", "shape": [1], "bits": ["00"]}, "dtype is 'complex64'"),
        ({"dtype": 5, "shape": [1], "bits": ["00"]}, "dtype is 5"),
    ],
)
def test_what_is_no_array_is_refused(wire, message):
    with pytest.raises(ValueError, match=message):
        decode(wire)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.name)
def test_the_header_of_every_operation_names_its_settings_and_inputs(operation):
    read = json.loads(header(operation, operation.defaults))
    assert read["settings"] == operation.defaults
    assert [(i["name"], i["kind"]) for i in read["inputs"]] == [(i.name, i.kind) for i in operation.inputs]
    assert (read["operation"], read["protocol"]) == (operation.name, 1)


@given(arrays_of_any_bits(), st.integers())
def test_a_request_is_one_line_with_the_inputs_by_name(array, number):
    line = request(3, {"x": array, "layers": [array], "p": number, "scale": np.float32(0.1)})
    read = json.loads(line)
    assert "\n" not in line
    assert list(read) == ["id", "x", "layers", "p", "scale"]
    assert (read["id"], read["p"], read["scale"]) == (3, number, float(np.float32(0.1)))
    assert decode(read["x"]).tobytes() == decode(read["layers"])[0].tobytes() == array.tobytes()


def test_a_number_that_is_not_finite_comes_back():
    assert through_json([float("inf"), float("-inf"), 1.5]) == [np.inf, -np.inf, 1.5]
    assert np.isnan(through_json(float("nan")))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.name)
def test_every_operation_can_be_asked_and_answered_in_json(operation):
    names = [i.name for i in operation.inputs]
    for case in operation.cases:
        for args in itertools.islice(case.make(operation.defaults), 2):
            asked = json.loads(request(1, dict(zip(names, args, strict=True))))
            expected = operation.answer(args, operation.defaults)
            got = operation.answer(tuple(decode(asked[name]) for name in names), operation.defaults)
            assert compare(expected, through_json(got), check_dtype=True).agrees


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda o: o.name)
def test_every_input_that_is_to_be_rejected_can_be_asked_or_is_refused_as_such(operation):
    names = [i.name for i in operation.inputs]
    for _, make in operation.rejects:
        with contextlib.suppress(TypeError):
            assert json.loads(request(1, dict(zip(names, make(operation.defaults), strict=True))))["id"] == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [(",", "','"), ("9" * 5000, f"'{'9' * 40}'"), ("float32,", "'float32,'"), ("(1)f4", r"'\(1\)f4'")],
)
def test_a_dtype_that_numpy_would_parse_is_refused(name, shown):
    with pytest.raises(ValueError, match=f"an array cannot be read: dtype is {shown}: it must be"):
        decode({"dtype": name, "shape": [1], "values": [1]})


def test_an_8_bit_float_is_known_though_numpy_does_not_know_it_yet(monkeypatch):
    monkeypatch.delitem(np.sctypeDict, "float8_e5m2")  # as before the first import of ml_dtypes
    assert decode({"dtype": "float8_e5m2", "shape": [1], "values": [1]}).dtype == ml_dtypes.float8_e5m2


def test_values_of_integers_and_bools_are_written_as_such():
    assert json.dumps(encode(np.array([2**64 - 1, 1], np.uint64))["values"]) == "[18446744073709551615, 1]"
    assert json.dumps(encode(np.array([True, False]))["values"]) == "[true, false]"


@pytest.mark.parametrize(
    ("name", "digits"), [("float32", 24), ("float16", 11), ("bfloat16", 8), ("float8_e4m3fn", 4), ("float8_e5m2", 3)]
)
def test_a_value_beside_a_tie_is_rounded_once(name, digits):
    values = [1 + 2.0**-digits + 2.0**-50, 1 + 2.0**-digits, 1 + 2.0**-digits - 2.0**-50]
    out = decode({"dtype": name, "shape": [3], "values": values})
    assert out.astype(np.float64).tolist() == [1 + 2.0 ** (1 - digits), 1, 1]


@pytest.mark.parametrize("name", ["float16", "float32", "bfloat16", "float8_e5m2"])
def test_a_value_past_the_largest_is_an_infinity_without_complaint(name):
    with np.errstate(over="raise"):
        out = decode({"dtype": name, "shape": [2], "values": [1e300, -1e300]})
    assert out.astype(np.float64).tolist() == [np.inf, -np.inf]


def test_a_number_is_the_same_with_a_point_and_without():
    number = 2**60 + 2**36 + 1  # past a tie of float32, on it as a float64
    for value in (number, float(number)):
        assert decode({"dtype": "float32", "shape": [1], "values": [value]}).tolist() == [2.0**60]

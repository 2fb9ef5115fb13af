import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refcompress.verify.agreement import NoArray, compare, conform, describe, equal, parts

INTEGERS = {f"{kind}{bits}": np.iinfo(f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
FLOATS = {"float16": 16, "float32": 32, "float64": 64}


def integers(dtype):
    ends = INTEGERS[dtype]
    near = st.sampled_from([ends.min, ends.max, ends.max // 2, ends.max // 2 + 1]).flatmap(
        lambda end: st.integers(max(ends.min, end - 3), min(ends.max, end + 3))
    )
    return st.one_of(st.integers(ends.min, ends.max), near, st.integers(0, 3))


@st.composite
def integer_and_float(draw):
    dtype = draw(st.sampled_from(sorted(INTEGERS)))
    whole = draw(integers(dtype))
    near = st.sampled_from([float(whole), np.nextafter(float(whole), np.inf), float(whole) + 0.5, -float(whole)])
    return dtype, whole, float(draw(st.one_of(near, st.floats())))


@given(integer_and_float())
@example(("int64", 2**53 + 1, 2.0**53))
@example(("int64", 2**63 - 1, 2.0**63))
@example(("uint64", 2**64 - 1, 2.0**64))
@example(("int64", -(2**63), -(2.0**63)))
@example(("int8", 0, float("nan")))
@example(("int8", 0, -0.0))
@example(("int8", 127, 127.0))
def test_an_integer_and_a_float_are_compared_exactly(given_pair):
    dtype, whole, number = given_pair
    one, other = np.array([whole], dtype), np.array([number])
    assert equal(one, other).tolist() == [whole == number]
    assert equal(other, one).tolist() == [whole == number]


@given(st.data(), st.sampled_from(sorted(INTEGERS)), st.sampled_from(sorted(INTEGERS)))
def test_integers_of_any_two_dtypes_are_compared_exactly(data, first, second):
    a = data.draw(integers(first))
    b = data.draw(st.one_of(integers(second), st.just(a).filter(lambda v: v <= INTEGERS[second].max)))
    b = max(b, INTEGERS[second].min)
    assert equal(np.array([a], first), np.array([b], second)).tolist() == [a == b]


@given(st.data(), st.sampled_from(sorted(FLOATS)), st.sampled_from(sorted(FLOATS)))
def test_floats_agree_when_value_and_sign_of_zero_do_and_nan_with_nan(data, first, second):
    a = data.draw(st.floats(width=FLOATS[first]))
    b = data.draw(st.one_of(st.just(a), st.just(-a), st.floats(width=FLOATS[second])))
    with np.errstate(over="ignore"):
        one, other = np.array([a], first), np.array([b], second)
    assert equal(one, other).tolist() == [repr(float(one[0])) == repr(float(other[0]))]


@given(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
@example(0x7FC0, 0x7FC1)
@example(0x0000, 0x8000)
def test_bfloat16_values_of_any_bits_are_compared_as_floats(first, second):
    one, other = (np.array([bits], np.uint16).view(ml_dtypes.bfloat16) for bits in (first, second))
    assert equal(one, other).tolist() == [repr(float(one[0])) == repr(float(other[0]))]


@given(st.lists(st.booleans(), max_size=5), st.sampled_from(["bool", "int8", "uint64", "float32", "float64"]))
def test_booleans_may_come_as_zeros_and_ones(flags, dtype):
    expected = np.array(flags, bool)
    assert equal(expected, expected.astype(dtype)).all()
    assert not equal(expected, (~expected).astype(dtype)).any()
    assert not equal(expected, np.full(len(flags), 2, np.int8)).any()


def test_a_longer_float_is_not_rounded_before_it_is_compared():
    longer = np.array([1], np.longdouble) + np.finfo(np.longdouble).eps
    assert equal(np.array([1.0]), longer).tolist() == [np.finfo(np.longdouble).eps == np.finfo(np.float64).eps * 2]
    whole = np.array([2**63 - 1], np.longdouble)
    assert equal(np.array([2**63 - 1]), whole).tolist() == [int(whole[0]) == 2**63 - 1]


def test_a_short_infinity_is_not_the_least_integer():
    assert equal(np.array([-(2**63)]), np.array([-np.inf], np.float16)).tolist() == [False]


def test_signalling_nans_are_compared_in_silence():
    signalling = np.array([0x7F80_0001], np.uint32).view(np.float32)
    with np.errstate(all="raise"):
        assert equal(signalling, signalling).tolist() == [True]
        assert equal(np.array([1]), signalling).tolist() == [False]


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(0, 100))
def test_within_a_bound_means_an_error_of_at_most_it(expected, actual, bound):
    result = compare(np.array([float(expected)]), np.array([float(actual)]), np.array([float(bound)]))
    assert result.agrees == (abs(actual - expected) <= bound)
    assert (result.worst <= 1) == result.agrees


@pytest.mark.parametrize(
    ("expected", "actual", "bound", "agrees"),
    [
        (1.0, np.nan, 1e300, False),
        (np.nan, np.nan, 0.0, False),
        (np.inf, np.inf, 0.0, True),
        (np.inf, -np.inf, 1.0, False),
        (np.inf, 1e308, 1e308, False),
        (1.0, np.nan, np.inf, True),
        (0.0, -0.0, 0.0, True),
        (0.0, -0.0, -0.0, False),
        (-0.0, -0.0, -0.0, True),
        (0.0, 5e-324, 0.0, False),
        (1.0, 1.0, np.nan, False),
    ],
)
def test_a_bound_at_the_edges(expected, actual, bound, agrees):
    assert compare(np.float64(expected), np.float64(actual), np.float64(bound)).agrees is agrees


def test_the_worst_error_is_a_fraction_of_the_bound():
    assert compare(np.array([1.0, 2.0]), np.array([1.5, 2.25]), np.array([1.0, 1.0])).worst == 0.5
    assert compare(np.array([1.0]), np.array([np.nan]), np.array([1.0])).worst == np.inf
    assert compare(np.array([1.0]), np.array([1.0]), np.array([2.0])).worst == 0.0
    assert compare(np.array([1.0]), np.array([np.nan]), np.array([np.inf])).worst == 0.0
    assert compare(np.zeros(0), np.zeros(0), np.zeros(0)).worst == 0.0


def test_every_part_has_a_bound_or_none_has():
    with pytest.raises(ValueError, match=r"zip\(\)"):
        compare(PAIR, PAIR, [1.0])


THREE = np.array([1, 2, 3])
PAIR = (THREE, np.array([0.5]))


@pytest.mark.parametrize(
    ("expected", "actual", "problem"),
    [
        (THREE, None, "returns None: it must be an array"),
        (np.float64(1), None, "returns None: it must be a number"),
        (THREE, NoArray("a str"), "returns a str: it must be an array"),
        (THREE, [1, NoArray("a Foo"), 3], "returns a list that holds a Foo: it must be an array"),
        (THREE, (1, None, 3), "returns a tuple that holds None: it must be an array"),
        (THREE, [[1], [2, 3]], "returns a ragged list: it must be an array"),
        (np.ones((1, 2)), [[1, None]], "returns a list that holds None: it must be an array"),
        (THREE, [[1], [2], [3]], r"returns shape (3, 1): it must be (3,)"),
        (THREE, [], r"returns shape (0,): it must be (3,)"),
        (THREE, np.array([1, 2]), r"returns shape (2,): it must be (3,)"),
        (THREE, THREE.reshape(3, 1), r"returns shape (3, 1): it must be (3,)"),
        (THREE, 5, r"returns shape (): it must be (3,)"),
        (np.float64(1), np.array([1.0]), r"returns shape (1,): it must be ()"),
        (THREE, np.array([1j, 2, 3]), "returns dtype complex128: it must hold real numbers"),
        (THREE, np.array(["a", "b", "c"]), "returns dtype <U1: it must hold real numbers"),
        (PAIR, THREE, r"returns an array of shape (3,): it must be 2 arrays"),
        (PAIR, None, "returns None: it must be 2 arrays"),
        (PAIR, [THREE], "returns 1 parts: it must be 2"),
        (PAIR, [THREE, None], "returns None in out[1]: it must be an array"),
        (PAIR, [THREE, np.array([1.0, 2.0])], r"returns shape (2,) in out[1]: it must be (1,)"),
        (([THREE], [THREE]), ([THREE], [NoArray("a set")]), "returns a set in out[1][0]: it must be an array"),
    ],
)
def test_what_cannot_be_compared_is_said_in_plain_words(expected, actual, problem):
    comparison = compare(expected, actual)
    assert (comparison.problem, comparison.wrong, comparison.worst) == (problem, (), 0.0)
    assert not comparison.agrees


def test_what_is_no_array_is_a_value():
    assert {NoArray("a"), NoArray("a")} == {NoArray("a")}


def test_a_dtype_counts_where_it_is_asked_for():
    assert compare(THREE, THREE.astype(np.int8)).agrees
    assert compare(THREE, THREE.astype(np.int8), check_dtype=True).problem == "returns dtype int8: it must be int64"
    nested = compare(PAIR, [THREE.astype(np.int8), PAIR[1]], check_dtype=True)
    assert nested.problem == "returns dtype int8 in out[0]: it must be int64"


def test_floats_that_numpy_does_not_have_are_real_numbers():
    one = np.ones(2, ml_dtypes.bfloat16)
    assert compare(one, one).agrees


def test_each_part_of_an_answer_is_flagged():
    wrong = compare(PAIR, [np.array([1, 0, 3]), np.array([0.5])]).wrong
    assert [flags.tolist() for flags in wrong] == [[False, True, False], [False]]


def test_parts_flatten_nested_lists_in_order():
    assert [part.tolist() for part in parts(([1, 2], [np.array([3])]))] == [1, 2, [3]]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.sampled_from([list, tuple]))
def test_a_list_of_numbers_is_read_as_an_array_with_a_remark(values, form):
    array, remark = conform(np.array(values), form(values))
    assert array.tolist() == values
    assert remark == f"returns a {form.__name__}: it was read as an array"


def test_a_list_of_parts_stays_a_list_and_takes_the_form_that_is_due():
    value, remark = conform(PAIR, [[1, 2, 3], np.array([0.5])])
    assert isinstance(value, tuple)
    assert [part.tolist() for part in value] == [[1, 2, 3], [0.5]]
    assert remark == "returns a list: it was read as an array"


def test_an_empty_list_has_whatever_empty_shape_is_due():
    value, _ = conform(np.zeros((0, 3)), [])
    assert value.shape == (0, 3)


@pytest.mark.parametrize("answer", [None, NoArray("a str"), np.array([1]), 5, 2.5])
def test_what_is_no_list_is_left_as_it_is(answer):
    value, remark = conform(np.array([1]), answer)
    assert value is answer
    assert remark is None


def test_values_are_named_by_what_they_are():
    named = [describe(v) for v in (None, NoArray("a ring"), np.zeros((2, 0)), {}, 3, OSError(), type("Xyz", (), {})())]
    assert named == ["None", "a ring", "an array of shape (2, 0)", "a dict", "an int", "an OSError", "a Xyz"]

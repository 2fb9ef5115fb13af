import dataclasses
import functools
import itertools
import json
import shlex
import sys
import types

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from verify.toys import CODES, LAYERS, PARTS, SCALE, TOTAL

from refcompress.verify import check
from refcompress.verify.agreement import compare, parts
from refcompress.verify.candidates import Program
from refcompress.verify.layouts import LAYOUTS
from refcompress.verify.snippet import LAYOUT_CODE, handed_over, literal, plain, snippet
from refcompress.verify.wire import decode


def right(operation, **settings):
    chosen = {**operation.defaults, **settings}
    return lambda x: operation.answer((x,), chosen)


def run(report, candidate):
    """Run the snippet as a person would who has the candidate at hand."""
    text = snippet(report)
    assert "0x" not in text
    exec(compile(text, "snippet", "exec"), {"candidate": candidate})


def fails(candidate, operation, **settings):
    report = check(candidate, operation, examples=30, **settings)
    assert report.verdict == "differs"
    with pytest.raises(AssertionError):
        run(report, candidate)
    return report


def passes(report, candidate):
    """The snippet of a mended candidate runs through."""
    run(report, candidate)
    return True


def off_by_one(x):
    return right(CODES)(x) + 1


def test_a_wrong_integer_is_reproduced():
    report = fails(lambda x: right(CODES)(x) + 1, CODES)
    assert passes(report, right(CODES))


def test_the_lines_are_the_fewest_that_do():
    lines = snippet(check(off_by_one, CODES)).splitlines()
    assert lines == [
        "import numpy as np",
        f"from {__name__} import off_by_one as candidate",
        "",
        "x = np.array([0.0], np.float32)",
        "out = candidate(x)",
        "assert np.asarray(out).tolist() == [0], out",
    ]


def test_of_floats_that_differ_the_numbers_are_compared():
    assert snippet(check(lambda x: 3 * x, SCALE, examples=0)).endswith(
        "\nassert np.asarray(out, float).tolist() == 3.0, out"
    )


@pytest.mark.parametrize("settings", [{}, {"check_dtype": False}])
def test_nothing_is_said_of_a_dtype_that_does_not_count(settings):
    report = dataclasses.replace(check(lambda x: None, CODES), settings=settings)
    assert ".dtype" not in snippet(report)
    report = dataclasses.replace(report, settings={"check_dtype": True})
    assert ".dtype" in snippet(report)


def test_numbers_of_lists_of_other_lengths_are_written():
    assert plain([np.zeros(1), np.arange(2)]) == "[[0.0], [0, 1]]"


def test_flags_are_written_with_the_type_of_python():
    assert literal(np.array([True, False])) == "np.array([True, False], bool)"


def test_an_integer_that_no_float_holds_is_reproduced_of_a_framework(monkeypatch):
    right, got = np.array([2**53 + 1]), np.array([2**53])
    wrong = (np.array([True]),)
    example = dataclasses.replace(WRONG.counterexample, expected=right, actual=got, wrong=wrong)
    report = dataclasses.replace(WRONG, counterexample=example)
    with pytest.raises(AssertionError):
        reproduced(report, lambda x: got, "torch", monkeypatch)
    assert reproduced(report, lambda x: right, "torch", monkeypatch)


def test_the_place_of_a_list_in_a_list_is_named():
    report = check(lambda x: None, CODES)
    example = dataclasses.replace(report.counterexample, expected=[[np.zeros(1)], [np.zeros(2)]])
    text = snippet(dataclasses.replace(report, counterexample=example))
    assert "assert isinstance(out[1], (tuple, list)) and len(out[1]) == 1, out[1]\n" in text
    assert "assert np.shape(out[1][0]) == (2,), np.shape(out[1][0])\n" in text


def test_lines_that_were_made_before_are_given_as_they_are():
    report = dataclasses.replace(check(off_by_one, CODES), reproduce="as they are")
    assert snippet(report) == "as they are"


class Tensor:
    """As much of a tensor of PyTorch as the lines use; NumPy takes none that has a gradient."""

    def __init__(self, values):
        self.values = np.asarray(values.values if isinstance(values, Tensor) else values)

    def tolist(self):
        return self.values.tolist()

    def double(self):
        return Tensor(self.values.astype(float))


class JaxArray(Tensor):
    """An array of JAX is one of NumPy's where it is asked for."""

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


FRAMEWORKS = {
    "torch": types.SimpleNamespace(from_numpy=Tensor, as_tensor=Tensor, made=Tensor),
    "jax": types.SimpleNamespace(numpy=types.SimpleNamespace(asarray=JaxArray), made=JaxArray),
}


def reproduced(report, candidate, arrays, monkeypatch):
    """Run the lines of a report on a candidate that wants the arrays of a framework, which is imitated."""
    text = snippet(dataclasses.replace(report, arrays=arrays, imports=""))
    others = {"ml_dtypes", "torch", "jax"} - {arrays}
    assert f"import {arrays}\n" in text
    assert not any(f"import {name}" in text for name in others)
    monkeypatch.setitem(sys.modules, arrays, FRAMEWORKS[arrays])

    def wants(*given):
        assert all(isinstance(value, Tensor) for value in given)
        return FRAMEWORKS[arrays].made(candidate(*(value.values for value in given)))

    exec(compile(text, "snippet", "exec"), {"candidate": wants})
    return True


@pytest.mark.parametrize("arrays", FRAMEWORKS)
@pytest.mark.parametrize("operation", [CODES, TOTAL, SCALE])
def test_the_lines_for_a_framework_give_and_read_its_arrays(operation, arrays, monkeypatch):
    report = check(lambda x: right(operation)(x) + 1, operation)
    with pytest.raises(AssertionError):
        reproduced(report, lambda x: right(operation)(x) + 1, arrays, monkeypatch)
    assert reproduced(report, right(operation), arrays, monkeypatch)


@pytest.mark.parametrize("arrays", FRAMEWORKS)
def test_writing_into_what_a_framework_was_given_before_is_reproduced(arrays, monkeypatch):
    report = check(make_reusing(), CODES)
    with pytest.raises(AssertionError):
        reproduced(report, make_reusing(), arrays, monkeypatch)
    assert reproduced(report, right(CODES), arrays, monkeypatch)


@pytest.mark.parametrize("layout", LAYOUT_CODE)
@pytest.mark.parametrize("arrays", ["numpy", *FRAMEWORKS])
def test_the_lines_lay_arrays_out_as_the_framework_can(arrays, layout):
    report = check(off_by_one, CODES)
    example = dataclasses.replace(report.counterexample, layout=layout)
    text = snippet(dataclasses.replace(report, counterexample=example, arrays=arrays))
    laid_out = arrays == "numpy" or (arrays == "torch" and layout in ("strided", "fortran"))
    name = LAYOUT_CODE[layout][0]
    assert (f"\nx = {name}(x)\n" in text, f"def {name}(a):" in text) == (laid_out, laid_out)


def test_what_has_no_axes_has_no_layout():
    report = check(off_by_one, CODES)
    for value in (np.array(1.0), 3, [np.array(1.0), 3], []):
        example = dataclasses.replace(report.counterexample, layout="strided", inputs={"x": value})
        assert "strided" not in snippet(dataclasses.replace(report, counterexample=example))


def test_a_candidate_that_can_be_imported_is_imported():
    report = check(off_by_one, CODES)
    with pytest.raises(AssertionError):
        exec(snippet(report), {})


def test_a_wrong_float_is_reproduced():
    report = fails(lambda x: right(SCALE)(x) * np.float32(1.5), SCALE)
    assert passes(report, right(SCALE))


def test_a_lost_sign_of_zero_is_reproduced():
    report = fails(lambda x: right(SCALE, step=None)(x) + 0.0, SCALE, step=None)
    assert passes(report, right(SCALE, step=None))


def test_a_bfloat16_that_lost_the_sign_of_zero_is_reproduced():
    settings = {"step": None, "dtype": "bfloat16"}
    report = fails(lambda x: right(SCALE, **settings)(x) + x.dtype.type(0.0), SCALE, **settings)
    assert passes(report, right(SCALE, **settings))


def test_a_bfloat16_counterexample_is_reproduced():
    report = fails(lambda x: -right(SCALE, dtype="bfloat16")(x), SCALE, dtype="bfloat16")
    assert "import ml_dtypes" in snippet(report)
    assert passes(report, right(SCALE, dtype="bfloat16"))


def test_an_error_beyond_the_bound_is_reproduced():
    report = fails(lambda x: right(TOTAL)(x) * 1.01, TOTAL)
    assert passes(report, lambda x: right(TOTAL)(x) * 1.0005)


def test_a_wrong_part_of_several_is_reproduced():
    def third_is_wrong(x):
        first, (positive,) = right(PARTS)(x)
        return first, [~positive]

    report = fails(third_is_wrong, PARTS)
    assert "out[1][0]" in snippet(report)
    assert passes(report, right(PARTS))


def test_a_wrong_array_in_a_list_of_bounded_ones_is_reproduced():
    report = fails(lambda weights: [2 * weights[0], weights[1]], LAYERS)
    assert passes(report, lambda weights: [2 * w + np.float32(0.0625) for w in weights])


@pytest.mark.parametrize(
    ("layout", "flaw"),
    [
        ("strided", lambda x: x.strides[-1:] not in ((4,), (-4,)) and not x.flags.f_contiguous),
        ("reversed", lambda x: x.strides[-1:] == (-4,)),
        ("fortran", lambda x: x.ndim > 1 and x.flags.f_contiguous and not x.flags.c_contiguous),
        ("read-only", lambda x: not x.flags.writeable),
    ],
)
def test_a_fault_on_one_layout_is_reproduced(layout, flaw):
    def flawed(x):
        return right(CODES)(x) + flaw(x)

    report = fails(flawed, CODES)
    assert report.counterexample.layout == layout
    assert passes(report, right(CODES))


def test_a_fault_on_strided_layers_is_reproduced():
    def flawed(weights):
        return [2 * w if w.flags.c_contiguous else w for w in weights]

    report = fails(flawed, LAYERS)
    assert report.counterexample.layout == "strided"


def make_moody():
    """Right but for inputs that it has seen before."""
    seen = set()

    def moody(x):
        key = (x.shape, x.strides, x.flags.writeable, x.tobytes())
        again = key in seen
        seen.add(key)
        return right(CODES)(x) + again

    return moody


def test_another_answer_the_second_time_is_reproduced():
    report = check(make_moody(), CODES, examples=0)
    assert report.counterexample.repeated
    with pytest.raises(AssertionError):
        run(report, make_moody())
    assert passes(report, right(CODES))


def test_a_changed_input_is_reproduced():
    def changes(x):
        out = right(CODES)(x)
        if x.flags.writeable:
            x += 1
        return out

    report = fails(changes, CODES)
    assert report.diagnosis[0].fault == "changes_input"
    assert "assert str(x.tolist()) == " in snippet(report)
    assert passes(report, right(CODES))


def test_a_changed_list_of_inputs_is_reproduced():
    def changes(weights):
        out = [2.0 * w for w in weights]
        weights[0] *= 2
        return out

    report = fails(changes, LAYERS)
    assert report.diagnosis[0].fault == "changes_input"


def make_reusing():
    buffers = {}

    def reuses(x):
        out = buffers.setdefault(x.shape, np.zeros(x.shape, np.int64))
        out[...] = right(CODES)(x)
        return out

    return reuses


def test_writing_into_what_was_returned_before_is_reproduced():
    report = check(make_reusing(), CODES)
    example = dataclasses.replace(report.counterexample, expected=[[np.zeros(1)], [np.zeros(1)]])
    lines = snippet(dataclasses.replace(report, counterexample=example))
    assert "return str([np.asarray(first[0][0]).tolist(), np.asarray(first[1][0]).tolist()])" in lines
    example = dataclasses.replace(report.counterexample, layout="reversed")
    assert snippet(dataclasses.replace(report, counterexample=example)).count("\nx = from_the_end(x)\n") == 2
    assert report.diagnosis[0].fault == "overwrites"
    with pytest.raises(AssertionError):
        run(report, make_reusing())
    assert passes(report, right(CODES))


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: None,
        lambda x: "text",
        lambda x: x.reshape(-1, 1),
        lambda x: np.array([1j]),
        lambda x: {},
    ],
)
def test_what_is_no_right_array_is_reproduced(answer):
    fails(answer, CODES)


@pytest.mark.parametrize("answer", [lambda x: None, lambda x: ([x], [x]), lambda x: ([x, x], x[..., None])])
def test_what_has_not_the_right_parts_is_reproduced(answer):
    fails(answer, PARTS)


def test_a_wrong_dtype_is_reproduced_where_it_counts():
    report = fails(lambda x: right(CODES)(x).astype(np.int8), CODES, check_dtype=True)
    assert passes(report, right(CODES))


def test_an_exception_is_reproduced():
    def divides(x):
        return right(CODES)(x) // (x.size > 0)

    def raises(x):
        return divides(x) if x.size else 1 // 0

    report = check(raises, CODES)
    assert snippet(report).endswith("candidate(x)  # raises ZeroDivisionError: integer division or modulo by zero")
    with pytest.raises(ZeroDivisionError):
        run(report, raises)


def test_a_long_input_is_written_whole_in_lines_that_can_be_read():
    def long(settings):
        yield (np.arange(500, dtype=np.float32).reshape(2, 250),)

    operation = functools.reduce(
        lambda op, case: type(op)(**{**op.__dict__, "cases": (case,)}),
        [type(CODES.cases[0])("long", long, layout="fortran")],
        CODES,
    )
    report = check(lambda x: right(CODES)(x) + x.astype(int) * 0 + (x == 499), operation, examples=0)
    text = snippet(report)
    assert max(map(len, text.splitlines())) <= 100
    with pytest.raises(AssertionError):
        run(report, lambda x: right(CODES)(x) + (x == 499))


SHAPES = st.sampled_from([(), (0,), (3,), (2, 0), (0, 2), (2, 2)])
DTYPES = st.sampled_from(["bool", "int8", "uint64", "float16", "float32", "float64", "bfloat16"])


@given(st.data(), SHAPES, DTYPES)
def test_a_literal_gives_the_array_bit_for_bit(data, shape, name):
    dtype = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    numbers = st.floats(width=32) if dtype.kind not in "biu" else st.integers(0, 1 if dtype.kind == "b" else 127)
    size = int(np.prod(shape))
    with np.errstate(over="ignore"):
        array = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size))).astype(dtype).reshape(shape)
    back = eval(literal(array), {"np": np, "ml_dtypes": ml_dtypes})
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert plain(back) == plain(array)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (True, "True"),
        (float("-inf"), 'float("-inf")'),
        (np.float32(0.1), "np.float32(0.10000000149011612)"),
        ([np.array([1], np.int8), 2], "[np.array([1], np.int8), 2]"),
        (np.zeros((0, 2), np.float32), "np.array([], np.float32).reshape(0, 2)"),
        (np.array(-0.0), "np.array(-0.0, np.float64)"),
    ],
)
def test_other_literals(value, text):
    assert literal(value) == text


def typed(report, command=("python", "it's $HOME.py", "a\\nb")):
    """The arguments of ``printf`` and of the program, as a shell reads what a snippet says is to be typed."""
    report = dataclasses.replace(report, program=Program(command, '{"operation": "codes"}'))
    line, *notes = snippet(report).splitlines()
    words = shlex.split(line)
    bar = words.index("|")
    assert words[:2] == ["printf", "%s\\n"]
    return [json.loads(word) for word in words[2:bar]], words[bar + 1 :], notes


WRONG = check(off_by_one, CODES)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=90))
def test_a_line_is_broken_where_the_next_number_does_not_fit_in_100_columns(numbers):
    example = dataclasses.replace(WRONG.counterexample, inputs={"x": np.array(numbers)})
    text = snippet(dataclasses.replace(WRONG, counterexample=example))
    lines = text[text.index("x = ") : text.index("\nout = ")].splitlines()
    assert all(len(line) <= 100 for line in lines)
    for line, after in itertools.pairwise(lines):
        assert len(line) + 1 + len(after.strip().split(", ")[0].removesuffix(",")) + 1 > 100


NUMBERS = [0.0, -0.0, 0.25, -1.0, 1.5, np.inf, -np.inf, np.nan]
BOUNDS = [0.0, -0.0, 0.25, 0.5, np.inf]


def of_three(values):
    return hnp.arrays(np.float64, 3, elements=st.sampled_from(values))


@np.errstate(invalid="ignore")  # of an infinity less itself
def held_against(right, got, others, bound):
    """Whether the lines for an answer that differs fail for it, and pass for each of the others that agrees."""
    bounds = None if bound is None else [bound]
    comparison = compare([right], [got], bounds)
    example = dataclasses.replace(
        WRONG.counterexample, expected=[right], actual=[got], wrong=comparison.wrong, bound=bounds
    )
    report = dataclasses.replace(WRONG, counterexample=example, imports="")
    with pytest.raises(AssertionError):
        run(report, lambda x: [got])
    agreeing = [answer for answer in others if compare([right], [answer], bounds).agrees]
    return all(passes(report, lambda x, answer=answer: [answer]) for answer in agreeing)


@pytest.mark.parametrize("bound", [None, *BOUNDS])
def test_the_lines_of_one_number_fail_for_what_is_wrong_and_for_nothing_else(bound):
    numbers = [np.array(number) for number in NUMBERS]
    limit = None if bound is None else np.array(bound)
    for right, got in itertools.product(numbers, repeat=2):
        agrees = compare([right], [got], None if limit is None else [limit]).agrees
        assert agrees or held_against(right, got, numbers, limit)


@given(of_three(NUMBERS), of_three(NUMBERS), of_three(NUMBERS), st.none() | of_three(BOUNDS))
def test_the_lines_of_several_fail_for_what_is_wrong_and_for_nothing_else(right, got, other, bound):
    assume(not compare([right], [got], None if bound is None else [bound]).agrees)
    assert held_against(right, got, [right, other], bound)


def test_for_a_program_the_header_and_the_request_are_piped_into_it():
    sent, command, notes = typed(check(off_by_one, CODES))
    assert command == ["python", "it's $HOME.py", "a\\nb"]
    assert [line.get("id") for line in sent] == [None, 1]
    assert sent[0] == {"operation": "codes"}
    assert (sent[1]["id"], decode(sent[1]["x"]).tolist()) == (1, [0.0])
    assert notes == ['# it should be: {"dtype": "int64", "shape": [1], "bits": ["0000000000000000"], "values": [0]}']


def test_a_program_is_given_a_repeated_request_twice_and_all_that_it_takes():
    report = check(off_by_one, CODES)
    again = dataclasses.replace(report.counterexample, repeated=True)
    sent, _, _ = typed(dataclasses.replace(report, counterexample=again))
    assert [line.get("id") for line in sent] == [None, 1, 2]
    many = dataclasses.replace(report.counterexample, sent=({"x": np.ones(1)},) * 3, silent=True)
    sent, _, notes = typed(dataclasses.replace(report, counterexample=many))
    assert [line.get("id") for line in sent] == [None, 1, 2, 3]
    assert notes == []


def test_where_a_bound_is_allowed_the_snippet_of_a_program_says_so():
    notes = typed(check(lambda x: right(TOTAL)(x) + 1, TOTAL))[2]
    assert notes[0].startswith("# within the bound of: {")


@pytest.mark.parametrize("layout", LAYOUT_CODE)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 2, 3)])
def test_the_code_of_a_layout_gives_that_layout(layout, shape):
    name, code = LAYOUT_CODE[layout]
    space = {"np": np}
    exec(code, space)
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    wanted = LAYOUTS[layout](array)
    out = space[name](array.copy())
    assert (out.tolist(), out.strides, out.flags.writeable) == (wanted.tolist(), wanted.strides, wanted.flags.writeable)
    if wanted.base is not None and out.base is not None:
        assert parts(out.base)[0].tolist() == wanted.base.tolist()


@pytest.mark.parametrize(
    ("value", "arrays", "text"),
    [
        (np.zeros(2), "numpy", "x"),
        (np.zeros(2), "torch", "torch.from_numpy(x)"),
        (np.zeros(2, ml_dtypes.bfloat16), "torch", "torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)"),
        (np.zeros(2), "jax", "jax.numpy.asarray(x)"),
        ([np.zeros(2)], "jax", "[jax.numpy.asarray(a) for a in x]"),
        (3, "torch", "x"),
        ([3], "torch", "x"),
        ([], "torch", "x"),
    ],
)
def test_inputs_are_handed_over_as_the_framework_wants_them(value, arrays, text):
    assert handed_over("x", value, arrays) == text

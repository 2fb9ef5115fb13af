import dataclasses
import json
import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from verify.toys import CODES, LAYERS, PARTS, SCALE, TOTAL

from refcompress.verify import check
from refcompress.verify.blocks import Found
from refcompress.verify.candidates import Program
from refcompress.verify.diagnosis import Explanation
from refcompress.verify.proof import Proof
from refcompress.verify.report import CaseCount, Counterexample, Report, distinct, shortened
from refcompress.verify.wire import decode


def right(operation, **settings):
    chosen = {**operation.defaults, **settings}
    return lambda x: operation.answer((x,), chosen)


@pytest.fixture(scope="module")
def differs():
    """A report of everything that can be said at once."""
    return Report(
        operation="scale",
        settings={"step": 2, "dtype": "float32", "check_dtype": False},
        candidate="mine:times_three",
        imports="from mine import times_three as candidate",
        arrays="numpy",
        verdict="differs",
        examples=200,
        seed=5,
        cases=(CaseCount("ones", 1200, 1100), CaseCount("nothing", 0, 0), CaseCount("search", 3, 0)),
        counterexample=Counterexample(
            inputs={"x": np.array([1.0, 0.0], np.float32), "p": 3},
            layout="strided",
            repeated=True,
            expected=np.array([2.0, 0.0]),
            actual=np.array([3.0, 0.0]),
            problem=None,
            wrong=(np.array([True, False]),),
            bound=None,
            law="the sum stays",
            why="1.0 * 2 = 2.0",
        ),
        diagnosis=(
            Explanation("changes its input x (3 of 4 calls)", None, "changes_input", 103, 1203),
            Explanation("multiplies by 3; agrees with step=3 on all 1,203 values", {"step": 3}, None, 1203, 1203),
            Explanation("adds x; this explains all 1,203 values", None, "x_added", 1203, 1203),
        ),
        remarks=("accepts x = nan, which the operation rejects",),
    )


def test_the_report_of_one_that_differs_as_a_person_reads_it(differs):
    assert str(differs).splitlines() == [
        "mine:times_three differs from scale",
        "  step=2 dtype=float32 check_dtype=false",
        "",
        "  it changes its input x (3 of 4 calls)",
        "  and it multiplies by 3; agrees with step=3 on all 1,203 values",
        "  or it adds x; this explains all 1,203 values",
        "",
        "smallest counterexample:",
        "  x = [1.0, 0.0] (float32)",
        "  p = 3",
        "  given as strided arrays",
        "  given for the second time",
        "              x  expected  got",
        "    out[0]  1.0       2.0  3.0",
        "  by hand: 1.0 * 2 = 2.0",
        "  law broken: the sum stays",
        "",
        "to reproduce:",
        "",
        "import numpy as np",
        "from mine import times_three as candidate",
        "",
        "def strided(a):",
        "    wide = np.repeat(a[..., ::-1], 2, axis=-1)",
        "    wide[..., ::2] = a",
        "    return wide[..., ::2]",
        "",
        "x = np.array([1.0, 0.0], np.float32)",
        "x = strided(x)",
        "p = 3",
        "candidate(x, p)  # the first answer is right",
        "out = candidate(x, p)",
        "assert np.asarray(out, float).tolist() == [2.0, 0.0], out",
        "",
        "1,203 values compared, 1,100 wrong; seed 5, 200 examples",
        "  ones        1,200  1,100 wrong",
        "  search          3",
        "remark: it accepts x = nan, which the operation rejects",
    ]


def test_what_a_lost_program_said_last_stands_under_what_it_did(differs):
    lost = dataclasses.replace(
        differs.counterexample, problem="ends", actual=None, wrong=(), silent=True, said=("a", "b")
    )
    report = dataclasses.replace(differs, counterexample=lost, program=Program(("./kernel",), "{}"))
    assert "\n  ends\n  the end of its standard error:\n    a\n    b\n" in str(report)
    assert report.json()["counterexample"]["actual"] == "ends\na\nb"


def test_the_report_of_one_that_agrees():
    text = str(check(right(SCALE), SCALE, examples=0))
    assert re.search(
        r"agrees with scale\n  step=2 dtype=float32 check_dtype=false\n\n[\d,]+ values compared, 0 wrong", text
    )
    assert "differs" not in text
    assert "to reproduce" not in text


def test_nothing_is_said_of_how_a_plain_array_was_given(differs):
    plain = dataclasses.replace(differs.counterexample, layout="plain", repeated=False, why=None, law=None)
    assert (
        "smallest counterexample:\n"
        "  x = [1.0, 0.0] (float32)\n"
        "  p = 3\n"
        "              x  expected  got\n"
        "    out[0]  1.0       2.0  3.0\n"
        "\n"
    ) in str(dataclasses.replace(differs, counterexample=plain))


def test_what_the_call_changed_is_told(differs):
    changes = dataclasses.replace(differs.counterexample, changed=("x", "p"))
    text = str(dataclasses.replace(differs, counterexample=changes))
    assert "\n  after the call, x and p held something else\n" in text


def test_an_input_of_several_arrays_is_shown_after_the_ones_before_it(differs):
    several = dataclasses.replace(
        differs.counterexample, inputs={"p": 3, "w": [np.array([1, 2]), np.array([5])]}, sent=()
    )
    text = str(dataclasses.replace(differs, counterexample=several))
    assert ":\n  p = 3\n  w[0] = [1, 2] (int64)\n  w[1] = [5] (int64)\n" in text


def test_the_call_before_whose_answer_was_overwritten_is_told(differs):
    overwrites = dataclasses.replace(differs.counterexample, before={"x": np.array([5.0, 6.0]), "p": 7})
    text = str(dataclasses.replace(differs, counterexample=overwrites))
    assert (
        "  3.0\n"
        "  the call writes into what this call before it had returned:\n"
        "  x = [5.0, 6.0] (float64)\n"
        "  p = 7\n"
        "  by hand: "
    ) in text


@given(st.lists(st.text("ab", min_size=1, max_size=30), min_size=1))
@example(["ab"] + ["a"] * 200)
def test_lines_are_filled_and_what_follows_is_set_in(words):
    report = Report("scale", {}, "f", "", "numpy", "agrees", 0, 0, (), None, (), (" ".join(words),))
    _, lines = str(report).split("remark: it ")
    first, *more = lines.splitlines()
    assert " ".join([first, *more]).split() == words
    assert all(line.startswith("     ") and not line.startswith("      ") for line in more)
    lines = [f"remark: it {first}", *more]
    assert all(len(line) <= 110 for line in lines)
    assert all(len(line) + 1 + len(after.split()[0]) > 110 for line, after in pairwise(lines))


def test_a_remark_is_told_whatever_the_verdict():
    def talks(x):
        print("words", x.size)
        warnings.warn(f"size {x.size}", stacklevel=1)
        return (2 * x).tolist()

    report = check(talks, SCALE, examples=10)
    assert report.verdict == "agrees"
    assert report.remarks == (
        "prints to standard output: 'words 6'",
        "warns: UserWarning: size 6",
        "returns a list: it was read as an array",
        "accepts x = nan, which the operation rejects",
    )
    assert "remark: it accepts x = nan, which the operation rejects" in str(report)


def test_an_error_beyond_the_bound_is_shown_beside_what_is_allowed():
    text = str(check(lambda x: right(TOTAL)(x) * 1.5, TOTAL))
    assert "expected  got  off by  allowed" in text
    assert "largest error: 500 of what is allowed" in text


def test_the_rule_that_it_follows_is_the_first_thing_that_is_said():
    lines = str(check(lambda x: 3 * x, SCALE)).splitlines()
    assert lines[3].startswith("  it multiplies by 3; agrees with step=3 on all ")


def test_where_nothing_explains_it_this_is_said(differs):
    report = dataclasses.replace(differs, diagnosis=())
    assert "  none of the known rules and faults explains it\n" in str(report)


def test_an_answer_that_is_none_is_told():
    report = check(lambda x: None, SCALE)
    assert report.diagnosis[0].statement.startswith("returns None: it must be an array (")
    assert "\n  returns None: it must be an array\n" in str(report)


def test_parts_and_layers_are_shown_by_their_place():
    text = str(check(lambda x: ([2.0 * x, x], [x > 0]), PARTS))
    assert "out[0][1][" in text
    assert [line.split() for line in text.splitlines() if "expected" in line] == [["expected", "got"]]
    text = str(check(lambda weights: [2 * weights[0], weights[1]], LAYERS))
    assert "  weights[1] = [[5.0, 6.0], [7.0, 8.0]] (float32)" in text
    assert "out[1][0, 0]" in text


def test_the_same_seed_gives_the_same_bytes_and_no_addresses():
    def one():
        return check(lambda x: right(CODES)(x) + (x == 3), CODES, seed=7)

    first, second = one(), one()
    assert str(first) == str(second)
    assert json.dumps(first.json()) == json.dumps(second.json())
    assert " at 0x" not in str(first)


def test_only_the_verdict_is_coloured(differs):
    plain, coloured = differs.text(), differs.text(colour=True)
    assert "\x1b" not in plain
    assert coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == plain
    assert coloured.count("\x1b") == 2


@pytest.mark.parametrize(
    ("verdict", "error", "coloured"),
    [
        ("agrees", None, "f \x1b[1;32magrees\x1b[0m with scale"),
        ("differs", None, "f \x1b[1;31mdiffers\x1b[0m from scale"),
        ("error", "no module f", "f \x1b[1;33mcannot be run\x1b[0m: no module f"),
    ],
)
def test_the_verdict_is_green_red_or_yellow(verdict, error, coloured):
    report = Report("scale", {}, "f", "", "numpy", verdict, 0, 0, (), None, (), error=error)
    assert report.text(colour=True).splitlines()[0] == coloured
    assert "\x1b" not in str(report)


def test_a_sweep_is_told_in_place_of_cases():
    proof = Proof("scale", "float16", {"p": 4, "q": 5}, Found(2**16), 0, 2**16 - 1)
    report = Report(
        "scale", {"step": 2}, "f", "", "numpy", "agrees", 0, 0, (CaseCount("a", 9, 0),), None, (), proof=proof
    )
    assert str(report).splitlines() == [
        "f agrees with scale",
        "  step=2",
        "  p=4 q=5",
        "",
        "proved for all 2^16 float16 inputs",
    ]
    assert report.json()["exhaustive"] == proof.json()


def test_an_error_is_one_line(differs):
    report = dataclasses.replace(differs, verdict="error", error="there is no module mine")
    assert str(report) == "mine:times_three cannot be run: there is no module mine"


def test_the_json_has_the_documented_form(differs):
    written = json.loads(json.dumps(differs.json(), allow_nan=False))
    assert list(written) == [
        "operation",
        "settings",
        "verdict",
        "examples",
        "seed",
        "cases",
        "counterexample",
        "diagnosis",
        "remarks",
        "error",
    ]
    assert (written["remarks"], written["error"]) == (["accepts x = nan, which the operation rejects"], None)
    assert written["settings"] == {"step": 2, "dtype": "float32", "check_dtype": False}
    assert written["cases"][0] == {"name": "ones", "exercised": 1200, "failed": 1100}
    example = written["counterexample"]
    assert decode(example["inputs"]["x"]).tolist() == [1.0, 0.0]
    assert [decode(example[name]).tolist() for name in ("expected", "actual")] == [[2.0, 0.0], [3.0, 0.0]]
    assert (example["inputs"]["p"], example["law"], example["layout"]) == (3, "the sum stays", "strided")
    assert written["diagnosis"][1] == {
        "statement": "multiplies by 3; agrees with step=3 on all 1,203 values",
        "settings": {"step": 3},
        "fault": None,
        "explained": 1203,
        "of": 1203,
    }


@pytest.mark.parametrize(
    ("answer", "actual"),
    [
        (lambda x: None, "returns None: it must be an array"),
        (lambda x: "text", "a str"),
        (lambda x: [{}], "a list that holds a dict"),
        (lambda x: np.array(["a"]), "array(['a'], dtype='<U1')"),
        (lambda x: 1 // 0, "raises ZeroDivisionError: integer division or modulo by zero"),
    ],
)
def test_the_json_says_what_came_when_it_is_no_array(answer, actual):
    assert json.loads(json.dumps(check(answer, SCALE).json()))["counterexample"]["actual"] == actual


def test_the_json_holds_the_parts_of_an_answer_some_of_which_are_none():
    actual = check(lambda x: ([2.0 * x, "text"], (x > 0,)), PARTS).json()["counterexample"]["actual"]
    (scaled, shifted), (positive,) = actual
    assert (decode(scaled).dtype, shifted, decode(positive).dtype) == (np.float32, "a str", bool)


def test_the_json_holds_the_beginning_of_a_long_text():
    actual = check(lambda x: np.array(["a" * 1000]), SCALE).json()["counterexample"]["actual"]
    assert actual == "array(['" + "a" * 292


def test_the_json_of_a_silent_program_that_said_nothing_holds_the_problem_alone(differs):
    silent = dataclasses.replace(differs.counterexample, problem="ends", actual=None, wrong=(), silent=True)
    assert dataclasses.replace(differs, counterexample=silent).json()["counterexample"]["actual"] == "ends"


def test_the_json_of_one_that_agrees_has_no_counterexample_and_no_diagnosis():
    written = check(right(SCALE), SCALE, examples=0).json()
    assert (written["verdict"], written["counterexample"], written["diagnosis"]) == ("agrees", None, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (np.array([1.5, -0.0], np.float32), "[1.5, -0.0] (float32)"),
        (np.array([np.inf, np.nan]), "[inf, nan] (float64)"),
        (np.array(2, np.int8), "2 (int8, shape ())"),
        (np.zeros((0, 3)), "[] (float64, shape (0, 3))"),
        (np.full(20, np.inf), "inf, inf, inf, inf, ..., inf, inf (20 float64 values, shape (20,))"),
        (np.arange(12), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] (int64)"),
        (np.arange(13), "0, 1, 2, 3, ..., 11, 12 (13 int64 values, shape (13,))"),
        (np.arange(1000).reshape(10, 100), "0, 1, 2, 3, ..., 998, 999 (1,000 int64 values, shape (10, 100))"),
    ],
)
def test_long_values_are_shortened(value, text):
    assert shortened(value) == text


def test_remarks_that_differ_in_their_numbers_alone_are_told_once():
    remarks = ["warns: W: 3 of 5", "warns: W: 4 of 1e-3", "warns: W: other", "prints to x: 'a'", "prints to x: 'b'"]
    assert distinct(remarks) == ("warns: W: 3 of 5", "warns: W: other", "prints to x: 'a'")


def test_of_what_is_printed_only_where_to_makes_a_difference():
    remarks = ["prints to x: 'a: b'", "prints to x: 'c: d'", "prints to y: 'a: b'"]
    assert distinct(remarks) == ("prints to x: 'a: b'", "prints to y: 'a: b'")


@pytest.mark.parametrize(
    ("expected", "actual", "row"),
    [
        ([True, False], [False, False], ["True", "False"]),
        ([2**60 + 1, 0], [2**60 + 2, 0], [str(2**60 + 1), str(2**60 + 2)]),
        ([2.5, 0.0], [-0.0, 0.0], ["2.5", "-0.0"]),
    ],
)
def test_a_wrong_value_is_shown_as_what_it_is(differs, expected, actual, row):
    example = dataclasses.replace(differs.counterexample, expected=np.array(expected), actual=np.array(actual))
    text = str(dataclasses.replace(differs, counterexample=example))
    assert ["out[0]", "1.0", *row] in [line.split() for line in text.splitlines()]


def test_how_far_a_value_is_off_is_shown_beside_what_is_allowed(differs):
    bounded = dataclasses.replace(differs.counterexample, bound=np.array([0.25, 0.5]))
    text = str(dataclasses.replace(differs, counterexample=bounded))
    assert ["out[0]", "1.0", "2.0", "3.0", "1", "0.25"] in [line.split() for line in text.splitlines()]


def test_more_than_a_few_wrong_values_are_counted(differs):
    many = dataclasses.replace(
        differs.counterexample, actual=np.arange(30), expected=np.zeros(30), wrong=(np.arange(30) > 0,)
    )
    text = str(dataclasses.replace(differs, counterexample=many))
    assert "out[8]" in text
    assert "out[9]" not in text
    assert "\n    and 21 more\n" in text


def test_more_than_a_few_remarks_are_counted(differs):
    many = dataclasses.replace(differs, remarks=tuple(f"says {chr(65 + i)}" for i in range(11)))
    assert "and 3 more remarks" in str(many)


def test_a_few_remarks_are_all_told(differs):
    few = dataclasses.replace(differs, remarks=tuple(f"says {chr(65 + i)}" for i in range(8)))
    assert str(few).endswith("\nremark: it says H")

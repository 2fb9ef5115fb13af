from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from refcompress import quantize
from refcompress.verify import check
from refcompress.verify.answers import DamagedError, Reply
from refcompress.verify.candidates import Answer
from refcompress.verify.judge import KEPT, WINDOW, judge
from refcompress.verify.operation import Case
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.raw_lines import line
from refcompress.verify.variation import LONGEST
from refcompress.verify.vectors import LEVELS, count, vectors

QUANTIZE = OPERATIONS["quantize"]
BITS = {**QUANTIZE.defaults, "bits": 8}
TOTAL = count(QUANTIZE, BITS, 1)


# of the settings of an operation, the first of these that it has is another
TOLD = ("rounding", "ties", "dtype", "order", "reduction", "bits", "activation", "format")


def answered(op, settings, answer, level=1):
    """The replies of a program that gives these answers."""
    for vector in vectors(op, settings, level=level):
        yield Reply(f"line {vector.number}", vector.number, lambda vector: Answer(answer(*vector.args)))


def judged(answer, level=1, op=QUANTIZE, settings=BITS, **more):
    return judge(op, settings, answered(op, settings, answer, level), level=level, **more)


def away(x, p):
    return quantize(x, p, bits=8, rounding="half_away")


def right(x, p):
    return quantize(x, p, bits=8)


@pytest.mark.parametrize("name", OPERATIONS)
def test_right_answers_agree(name):
    op = OPERATIONS[name]
    report = judged(lambda *args: op.answer(args, op.defaults), 1, op, op.defaults)
    assert report.verdict == "agrees"
    assert report.counterexample is None
    assert sum(case.exercised for case in report.cases) >= 30


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_first_rival_setting_is_named(name):
    op = OPERATIONS[name]
    rivals = {s.name: s for s in op.settings if s.rival}
    setting = next((rivals[name] for name in TOLD if name in rivals), next(iter(rivals.values())))
    value = next(value for value in setting.allowed if value != setting.default)
    other = {**op.defaults, setting.name: value}
    answer = op.rival_answer or op.answer
    report = judged(lambda *args: answer(args, other), 1, op, op.defaults)
    assert report.verdict == "differs"
    assert report.diagnosis[0].complete
    assert {setting.name: value} in [e.settings for e in report.diagnosis]


def test_the_diagnosis_is_that_of_a_check():
    own, other = judged(away), check(away, "quantize", bits=8)
    assert own.diagnosis[0].settings == other.diagnosis[0].settings == {"rounding": "half_away"}
    assert own.counterexample.law == other.counterexample.law


def test_the_counterexample_is_one_element():
    example = judged(away).counterexample
    assert example.inputs["x"].tolist() == [0.5]
    assert example.inputs["p"] == 0
    assert (example.expected.tolist(), example.actual.tolist()) == ([0], [1])
    assert "half_even gives 0" in example.why


def test_a_wrong_element_of_a_long_array_is_cut_out():
    def one_wrong(x, p):
        return right(x, p) + ((x == 2.25) & (x.size > 100))

    example = judged(one_wrong).counterexample
    assert example.inputs["x"].tolist() == [2.25]
    assert example.actual.tolist() == [example.expected[0] + 1]


def example_of(*calls, op=QUANTIZE, settings=BITS):
    """The counterexample of a program that is wrong everywhere, of these calls."""
    only = replace(op, cases=(Case("these", lambda settings: iter(calls)),))
    return judged(lambda *args: op.answer(args, settings) + np.int64(1), op=only, settings=settings).counterexample


@pytest.mark.parametrize(
    ("calls", "x", "p"),
    [
        ([([2.625, 5.5], 0), ([0.375, 1.0], 0)], 1, 0),
        ([([1.0], 4), ([1.0], -1)], 1, -1),
        ([([1.0], 2), ([4.0], 0)], 1, 2),  # a power of two is as hard in the one as in the other
        ([([4.0], 0), ([1.0], 2)], 4, 0),
        ([([1.0], 1500), ([1.0], 1000)], 1, 1500),  # one is as hard as the other
        ([([[3.0, 2.625], [1.0, 7.0]], 0)], 1, 0),
    ],
)
def test_the_counterexample_is_the_element_that_is_easiest_by_hand(calls, x, p):
    example = example_of(*((np.array(values, np.float32), number) for values, number in calls))
    assert (example.inputs["x"].tolist(), example.inputs["p"]) == ([x], p)
    assert example.actual.tolist() == [int(example.expected[0]) + 1]
    assert (example.layout, example.repeated) == ("plain", False)


def test_where_elements_belong_together_the_counterexample_is_the_shortest_call():
    op = OPERATIONS["mse_gradient"]
    calls = [tuple(np.full((rows, 2), value, np.float32) for value in (1, 3)) for rows in (2, 1, 3)]
    assert next(iter(example_of(*calls, op=op, settings=op.defaults).inputs.values())).shape == (1, 2)


def test_a_bound_is_cut_out_with_its_element():
    bounded = replace(QUANTIZE, bound=lambda args, settings: args[0] / 16)
    assert example_of((np.array([3.0, 2.0], np.float32), 0), op=bounded).bound.tolist() == [0.125]


def test_what_to_type_is_the_line_that_the_program_gets():
    report = judged(away)
    example = report.counterexample
    asked, right_answer = report.reproduce.splitlines()
    own = line(1, tuple(example.inputs.values()))
    assert asked == f"echo '{own}' | PROGRAM"
    assert right_answer == f"# it should answer {own.split()[0]} 1 1 0000000000000000"
    assert report.reproduce in str(report)


def test_an_answer_of_another_shape_differs():
    report = judged(lambda x, p: right(x, p)[..., :1] if x.ndim and x.size > 1 else right(x, p))
    assert report.verdict == "differs"
    assert "it must be (" in report.counterexample.problem


def test_an_error_that_is_reported_differs():
    replies = (
        Reply(r.place, r.number, lambda vector: Answer(problem="reports an error: too large"))
        for r in answered(QUANTIZE, BITS, right)
    )
    report = judge(QUANTIZE, BITS, replies)
    assert report.verdict == "differs"
    assert report.diagnosis[0].statement.startswith("reports an error: too large")


def test_the_wrong_values_of_each_case_are_counted():
    wrong = Counter()
    for vector in vectors(QUANTIZE, BITS):
        wrong[vector.case] += np.sum(away(*vector.args) != vector.expected)
    assert {case.name: case.failed for case in judged(away).cases if case.failed} == +wrong


def test_the_variations_are_those_of_the_seed(monkeypatch):
    monkeypatch.setitem(LEVELS, 2, 50)
    told = [v.expected for v in vectors(QUANTIZE, BITS, level=2, seed=7)]
    replies = [Reply(f"line {n}", n, lambda vector, value=value: Answer(value)) for n, value in enumerate(told, 1)]
    assert judge(QUANTIZE, BITS, replies, level=2, seed=7).verdict == "agrees"
    assert judge(QUANTIZE, BITS, replies, level=2).verdict == "differs"


def test_the_report_says_what_was_judged():
    report = judged(away, seed=7, name="answers.hex")
    assert (report.operation, report.settings) == ("quantize", BITS)
    assert (report.seed, report.candidate, report.examples) == (7, "answers.hex", 0)
    assert report.worst is None
    assert judged(away).candidate == "the program on the pipe"


def test_lists_are_read_as_arrays_and_the_report_says_so():
    report = judged(lambda x, p: right(x, p).tolist() if x.ndim else right(x, p))
    assert report.verdict == "agrees"
    assert report.remarks == ("returns a list: it was read as an array",)


@pytest.mark.parametrize("check_dtype", [False, True])
def test_another_dtype_is_a_fault_where_that_was_asked_for(check_dtype):
    report = judged(lambda x, p: right(x, p).astype(np.float64), settings={**BITS, "check_dtype": check_dtype})
    assert report.verdict == ("differs" if check_dtype else "agrees")


def test_where_no_dtype_can_be_asked_for_another_is_no_fault():
    op = OPERATIONS["mse_loss"]
    report = judged(lambda *args: np.longdouble(op.answer(args, op.defaults)), 1, op, op.defaults)
    assert report.verdict == "agrees"


def test_answers_may_come_in_another_order():
    replies = list(answered(QUANTIZE, BITS, right))[::-1]
    assert judge(QUANTIZE, BITS, replies).verdict == "agrees"


def test_what_is_kept_of_variations_is_bounded_and_the_report_says_so(monkeypatch):
    monkeypatch.setitem(LEVELS, 2, 4000)

    def sometimes(x, p):
        return right(x, p) + (x == np.float32(3.0))

    report = judged(sometimes, level=2)
    directed = sum(case.exercised for case in report.cases if not case.name.endswith(", varied"))
    assert report.diagnosis[0].of <= directed + len(report.cases) * 2 * KEPT * LONGEST
    assert report.diagnosis[0].of < sum(case.exercised for case in report.cases)
    remark = next(r for r in report.remarks if r.startswith("was diagnosed on"))
    assert f"{report.diagnosis[0].of:,}" in remark


def test_of_the_variations_of_a_case_twelve_calls_are_diagnosed_that_agree_and_twelve_that_do_not(monkeypatch):
    monkeypatch.setitem(LEVELS, 2, 4000)
    calls, values = Counter(), 0
    for vector in vectors(QUANTIZE, BITS, level=2):
        kind = vector.case, np.any(away(*vector.args) != vector.expected)
        calls[kind] += 1
        if calls[kind] <= 12 or not vector.case.endswith(", varied"):
            values += max(1, vector.expected.size)
    assert judged(away, level=2).diagnosis[0].of == values


def test_level_1_is_diagnosed_on_all_of_it():
    report = judged(away)
    assert report.remarks == ()
    assert report.diagnosis[0].of == sum(case.exercised for case in report.cases)


def of(*numbers):
    replies = {r.number: r for r in answered(QUANTIZE, BITS, right)}
    unknown = Reply("line 1", 0, lambda vector: Answer(0))
    return [Reply(f"line {i}", n, replies.get(n, unknown).read) for i, n in enumerate(numbers, 1)]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((), rf"^{TOTAL} of {TOTAL} cases have no answer; the first is case 1 \(small numbers, one a call\)$"),
        (range(1, TOTAL), rf"^1 case has no answer; the first is case {TOTAL} \(0-d, empty and 4-d\)$"),
        ((1, 3, 2, 5), rf"^{TOTAL - 4} of {TOTAL} cases have no answer; the first is case 4 "),
        ((1, 2, 2), "^line 3 answers case 2 a second time$"),
        (
            (1, 0),
            rf"^line 2 answers case 0, and there are cases 1 to {TOTAL}: were --set, --level and --seed the same\?$",
        ),
        ((TOTAL + 1,), rf"^line 1 answers case {TOTAL + 1}, and there are"),
    ],
)
def test_answers_that_are_missing_or_too_many_are_refused(numbers, message):
    with pytest.raises(DamagedError, match=message):
        judge(QUANTIZE, BITS, of(*numbers))


def test_an_answer_far_ahead_of_the_others_is_refused():
    replies = [Reply("line 1", WINDOW + 2, lambda vector: Answer(0))]
    message = "line 1 answers case 4,098, and case 1 has no answer yet: an answer may be 4,096 cases late, and no more"
    with pytest.raises(DamagedError, match=message):
        judge(QUANTIZE, BITS, replies, level=2)


def test_an_answer_may_come_as_early_as_is_promised(monkeypatch):
    monkeypatch.setitem(LEVELS, 2, WINDOW)
    replies = list(answered(QUANTIZE, BITS, right, 2))
    early = replies.pop(WINDOW)  # case 4,097
    report = judge(QUANTIZE, BITS, [early, *replies], level=2)
    assert (report.verdict, report.remarks, report.examples) == ("agrees", (), WINDOW)


def test_an_answer_that_cannot_be_read_is_refused_with_its_place():
    def read(vector):
        raise ValueError("ends early")

    with pytest.raises(DamagedError, match=r"^line 9 ends early$"):
        judge(QUANTIZE, BITS, [Reply("line 9", 1, read)])


def test_a_bound_is_kept_and_the_largest_error_reported():
    op = OPERATIONS["mse_loss"]

    def almost(*args):
        return op.answer(args, op.defaults) + op.bound(args, op.defaults) / 4

    report = judged(almost, 1, op, op.defaults)
    assert report.verdict == "agrees"
    assert 0.2 < report.worst < 0.3


def test_a_counterexample_of_a_bounded_answer_shows_what_is_allowed():
    op = OPERATIONS["mse_loss"]

    def far(*args):
        return op.answer(args, op.defaults) + 2 * op.bound(args, op.defaults)

    report = judged(far, 1, op, op.defaults)
    example = report.counterexample
    assert example.bound == op.bound(tuple(example.inputs.values()), op.defaults)
    assert (example.layout, example.repeated) == ("plain", False)
    assert "\n# it should answer, within the bound, " in report.reproduce

import dataclasses
import datetime
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.extra import numpy as hnp
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from refcompress import quantize, top_k_mask
from refcompress.verify import assert_agrees, check
from refcompress.verify.candidates import Answer, Candidate, Program
from refcompress.verify.check import REARRANGED, _drawing_by_seed_alone, _shortened, _smallest, make_exchange, resolve
from refcompress.verify.operation import Case, Input, Law
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.rearrangement import LAYOUTS


def right(x, p):
    return quantize(x, p, bits=8)


def away(x, p):
    return quantize(x, p, bits=8, rounding="half_away")


def statements(function, **settings):
    return [e.statement for e in check(function, "quantize", **{"bits": 8, **settings}).diagnosis]


def twice(x, p=0):
    return 2 * x


def doubled(args, settings):
    assert settings == {}
    return twice(*args)


def doubling(*calls, **parts):
    """An operation that doubles x, with one case of these calls."""
    plain = {
        "inputs": (Input("x", "floats", ""), Input("p", "integer", "")),
        "settings": (),
        "answer": doubled,
        "cases": (Case("only", lambda settings: calls),) if calls else (),
        "strategy": lambda settings: st.tuples(
            hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=1, max_side=4), elements=st.integers(-99, 99)),
            st.just(0),
        ),
        **dict.fromkeys(("laws", "faults", "regions", "rejects"), ()),
        **dict.fromkeys(("bound", "by_hand", "rival_answer", "accepts")),
    }
    return dataclasses.replace(OPERATIONS["quantize"], **{**plain, **parts})


def numbers(*values):
    return np.array(values, np.float64), 0


def answering(answer, **fields):
    """A candidate whose calls are kept, and its calls."""
    calls = []

    def call(args, layout):
        calls.append((args[0].tolist(), layout))
        return answer(args, layout)

    return Candidate("a stand-in", call, **fields), calls


def test_a_right_candidate_agrees_and_nothing_is_said_of_it():
    report = check(right, "quantize", bits=8)
    assert (report.verdict, report.counterexample, report.diagnosis) == ("agrees", None, ())


def test_a_program_is_sent_cases_ahead_and_sees_no_layouts():
    layouts, ahead = [], []

    def call(args, layout):
        layouts.append(layout)
        return Answer(right(*args))

    def answers(calls):
        calls = list(calls)
        ahead.append(len(calls))
        return (call(*c) for c in calls)

    candidate = Candidate("a program", call, program=Program(("a",), "{}"), ahead=answers)
    report = check(candidate, dataclasses.replace(OPERATIONS["quantize"], rejects=()), bits=8, examples=5)
    assert report.verdict == "agrees"
    assert {*layouts} == {"plain"}
    assert len(ahead) == 2  # the cases, and their numbers in other shapes and lengths
    assert min(ahead) > 100


def rounds_as_first(known):
    """A candidate that keeps the first answer to a shape; ``known`` holds what it keeps."""

    def call(args, layout):
        key = (args[0].shape, args[1])
        return Answer(known.setdefault(key, right(*args) if np.isfinite(args[0]).all() else np.zeros(args[0].shape)))

    return call


@pytest.mark.parametrize("remembers", [True, False])
def test_one_that_is_right_in_a_new_process_depends_on_the_calls_before(remembers):
    call = rounds_as_first({})
    candidate = Candidate("kept", call, afresh=rounds_as_first({}) if remembers else call)
    first = check(candidate, "quantize", bits=8).diagnosis[0]
    assert (first.fault == "history") is remembers
    assert remembers is first.statement.startswith("depends on the calls before: it answers the counterexample rightly")


def test_one_that_agrees_is_not_asked_in_a_new_process():
    candidate, _ = answering(lambda args, layout: Answer(twice(*args)), afresh=pytest.fail)
    assert check(candidate, doubling(numbers(1, 2))).verdict == "agrees"


def test_a_new_process_is_asked_in_the_layout_that_is_shown_and_explains_what_was_right():
    asked = []

    def afresh(args, layout):
        asked.append((args[0].tolist(), layout))
        return Answer(twice(*args))

    cases = (Case("strided", lambda settings: [numbers(50)], layout="strided"), Case("plain", lambda s: [numbers(50)]))
    candidate, _ = answering(lambda args, layout: Answer(twice(*args) + (layout == "strided")), afresh=afresh)
    report = check(candidate, doubling(cases=cases), examples=0)
    (found,) = (e for e in report.diagnosis if e.fault == "history")
    assert asked == [([50], "strided")]
    total, failed = sum(c.exercised for c in report.cases), sum(c.failed for c in report.cases)
    assert (found.explained, found.of) == (total - failed, total)
    assert 0 < failed < total


def test_one_that_a_rule_explains_but_a_new_process_answers_rightly_depends_on_the_calls_before():
    """One that keeps the p of its first call, 0, seems to ignore p: alone, the counterexample would not show it."""

    def keeps_p(known):
        return lambda args, layout: Answer(right(args[0], known.setdefault("p", args[1])))

    candidate = Candidate("kept", keeps_p({}), afresh=keeps_p({}))
    op = dataclasses.replace(OPERATIONS["quantize"], rejects=())
    assert [e.fault for e in check(candidate, op, bits=8).diagnosis] == ["history", "p_ignored"]


def test_a_problem_that_belongs_to_a_call_before_is_shown_with_its_inputs():
    first = (np.array([0.75], np.float32), 2)
    candidate = Candidate("late", lambda args, layout: Answer(problem="fails", lost=True, asked=first))
    example = check(candidate, "quantize", bits=8).counterexample
    assert (example.inputs["x"].tolist(), example.inputs["p"], example.expected.tolist()) == ([0.75], 2, [3])


def test_the_counterexample_is_one_number():
    example = check(away, "quantize", bits=8).counterexample
    assert (example.inputs["x"].tolist(), example.inputs["p"]) == ([0.5], 0)
    assert (example.expected.tolist(), example.actual.tolist()) == ([0], [1])


def test_what_only_the_directed_cases_show_is_cut_down():
    def wrong_past_2_23(x, p):
        codes = np.rint(np.ldexp(x.astype(np.float64), p))
        return np.clip(np.where(codes == 2**23 + 1, 2**23 + 2, codes), -(2**31), 2**31 - 1).astype(np.int64)

    example = check(wrong_past_2_23, "quantize", bits=32, examples=0).counterexample
    assert example.inputs["x"].size == 1
    assert example.expected.tolist() == [2**23 + 1]


def test_the_search_finds_what_no_directed_case_shows():
    def wrong_at_one_code(x, p):
        codes = quantize(x, p, bits=8)
        return np.where(codes == 3, 4, codes) if x.shape == (6,) else codes

    report = check(wrong_at_one_code, "quantize", bits=8, examples=3000)
    assert report.verdict == "differs"
    assert report.counterexample.inputs["x"].shape == (6,)
    assert {case.name: case.failed for case in report.cases}["search"] > 0


def test_the_same_seed_gives_the_same_report():
    for candidate in (right, away):
        first, second = (check(candidate, "quantize", bits=8, seed=7) for _ in range(2))
        assert str(first) == str(second)
        assert first.json() == second.json()


def test_a_candidate_that_changes_its_input_differs_even_if_it_answers_right():
    def scales_in_place(x, p):
        codes = quantize(x, p, bits=8)
        if x.flags.writeable:
            x *= 2
        return codes

    report = check(scales_in_place, "quantize", bits=8)
    assert report.verdict == "differs"
    assert report.diagnosis[0].fault == "changes_input"
    assert report.counterexample.changed == ("x",)


def test_a_candidate_that_answers_otherwise_the_second_time_is_named():
    seen = set()

    def remembers(x, p):
        key = (x.tobytes(), x.shape, p)
        codes = quantize(x, p, bits=8)
        if key in seen:
            return codes + 1
        seen.add(key)
        return codes

    assert "gives another answer the second time" in statements(remembers, examples=0)[0]


def test_a_candidate_that_raises_differs_and_the_exception_is_shown():
    def no_empty(x, p):
        if x.size == 0:
            raise IndexError("nothing there")
        return quantize(x, p, bits=8)

    report = check(no_empty, "quantize", bits=8)
    assert report.verdict == "differs"
    assert "raises IndexError: nothing there" in report.diagnosis[0].statement
    assert "nothing there" in str(report)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda codes: None, "returns None: it must be an array"),
        (lambda codes: "text", "returns a str: it must be an array"),
        (lambda codes: codes.reshape(-1), "returns shape (1,): it must be ()"),
        (lambda codes: codes.astype(complex), "returns dtype complex128: it must hold real numbers"),
        (lambda codes: {"codes": codes}, "returns a dict: it must be an array"),
    ],
)
def test_what_is_no_answer_is_said_in_plain_words(returned, words):
    report = check(lambda x, p: returned(quantize(x, p, bits=8)), "quantize", bits=8, examples=20)
    assert report.verdict == "differs"
    assert words in str(report)


def test_nan_in_place_of_a_code_is_wrong():
    report = check(lambda x, p: np.where(x == 0, np.nan, quantize(x, p, bits=8)), "quantize", bits=8)
    assert report.verdict == "differs"
    assert "nan" in str(report)


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float32, np.float64])
def test_codes_may_come_in_any_dtype_that_holds_them(dtype):
    assert check(lambda x, p: quantize(x, p, bits=8).astype(dtype), "quantize", bits=8).verdict == "agrees"


def test_another_dtype_is_a_fault_where_the_settings_ask_for_it():
    report = check(lambda x, p: quantize(x, p, bits=8).astype(np.int16), "quantize", bits=8, check_dtype=True)
    assert report.verdict == "differs"
    assert "returns dtype int16: it must be int8" in str(report)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_arrays_have_the_dtype_of_the_settings(dtype):
    seen = set()

    def records(x, p):
        seen.add(x.dtype.name)
        return quantize(x, p, bits=8)

    assert check(records, "quantize", bits=8, dtype=dtype, examples=20).verdict == "agrees"
    assert seen == {dtype}


def test_every_layout_is_given():
    seen = set()

    def records(x, p):
        if x.ndim > 1 and x.size:
            seen.add((x.flags.c_contiguous, x.flags.f_contiguous, x.flags.writeable, x.strides[-1] < 0))
        return quantize(x, p, bits=8)

    assert check(records, "quantize", bits=8, examples=0).verdict == "agrees"
    plain, fortran = (True, False, True, False), (False, True, True, False)
    strided, backwards, read_only = (False, False, True, False), (False, False, True, True), (True, False, False, False)
    assert {plain, fortran, strided, backwards, read_only} <= seen


def test_an_input_that_the_operation_rejects_gives_a_remark():
    report = check(lambda x, p: quantize(np.nan_to_num(x), p, bits=8), "quantize", bits=8, examples=0)
    assert "accepts x[0] = nan, which the operation rejects" in report.remarks


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: check(right, "quantise"),
            ValueError,
            "operation is 'quantise': it must be one of quantize, dequantize",
        ),
        (
            lambda: check(right, "quantize", round="up"),
            ValueError,
            "quantize has no setting 'round': it has bits, signed",
        ),
        (
            lambda: check(right, "quantize", rounding="up"),
            ValueError,
            "rounding is 'up': it must be one of half_even, half",
        ),
        (lambda: check(right, "quantize", bits=64), ValueError, "bits is 64: it must be one of none, 2, 3"),
        (lambda: check(right, "quantize", signed=1), ValueError, "signed is 1: it must be one of true, false"),
        (lambda: check(right, "quantize", examples=-1), ValueError, "examples is -1: it must be at least 0"),
        (lambda: check(right, "quantize", seed=-1), ValueError, "^seed is -1: it must be at least 0"),
        (
            lambda: check(right, "quantize", arrays="cupy"),
            ValueError,
            "arrays is 'cupy': it must be one of numpy, torch",
        ),
    ],
)
def test_what_the_contract_does_not_know_is_refused_with_what_it_does(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_settings_that_are_not_given_have_their_defaults():
    quantize_operation = OPERATIONS["quantize"]
    assert resolve(quantize_operation, {"bits": 4}) == {**quantize_operation.defaults, "bits": 4}


def test_assert_agrees_raises_with_the_report():
    assert_agrees(right, "quantize", bits=8, examples=10)
    with pytest.raises(AssertionError, match="rounds halves away from zero"):
        assert_agrees(away, "quantize", bits=8, examples=10)


def test_the_report_names_what_was_asked():
    report = check(right, "quantize", bits=8)
    assert (report.operation, report.candidate, report.worst, report.remarks) == (
        "quantize",
        f"{__name__}.right",
        None,
        (),
    )
    assert "seed 0, 200 examples" in str(report)
    assert "seed 7, 3 examples" in str(check(right, "quantize", bits=8, seed=7, examples=3))


def test_an_agreeing_report_counts_the_directed_cases_and_the_search():
    exercised = {c.name: c.exercised for c in check(twice, doubling(numbers(1, 2)), examples=5).cases}
    assert exercised["only"] == 4  # and once more
    assert exercised["search"] > 0


def test_at_most_twelve_inputs_are_given_a_second_time():
    seen = set()

    def remembers(x, p):
        key = (x.tobytes(), x.shape, x.strides, p)
        again = key in seen
        seen.add(key)
        return quantize(x, p, bits=8) + again

    report = check(remembers, "quantize", bits=8, examples=0)
    assert "of 12 repeated calls" in str(report)


def test_a_framework_that_is_not_installed_is_missed_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ModuleNotFoundError, match="jax"):
        check(right, "quantize", arrays="jax")


def test_a_program_is_named_in_the_report():
    program = Program(("a", "b"), "{}")
    candidate, _ = answering(lambda args, layout: Answer(twice(*args)), program=program)
    report = check(candidate, doubling(), examples=3)
    assert (report.candidate, report.program) == ("a stand-in", program)


def within_one(**parts):
    def bound(args, settings):
        assert settings == {}
        return np.full(args[0].shape, 1.0)

    return doubling(numbers(1, 2), bound=bound, **parts)


def test_an_error_within_the_bound_agrees_and_the_largest_share_is_kept():
    report = check(lambda x, p: 2 * x + 0.25, within_one(), examples=3)
    assert (report.verdict, report.worst) == ("agrees", 0.25)


def test_an_error_past_the_bound_differs_and_the_bound_is_shown():
    example = check(lambda x, p: 2 * x + 3, within_one(), examples=0).counterexample
    assert example.bound.tolist() == [1.0]


def test_where_nothing_was_compared_no_share_of_the_bound_was_used():
    assert check(twice, within_one(cases=()), examples=0).worst == 0.0


def test_an_exception_is_the_problem_of_the_counterexample():
    def fails(x, p):
        raise IndexError("nothing there")

    law = Law("never", "never holds", lambda args, answer, settings: False)
    example = check(fails, doubling(numbers(1), laws=(law,)), examples=0).counterexample
    assert (example.problem, example.silent) == ("raises IndexError: nothing there", True)
    assert (example.law, example.why) == (None, None)


def test_lists_are_read_as_arrays_with_a_remark():
    empty = (np.zeros((0, 3)), 0)
    report = check(lambda x, p: twice(x).tolist(), doubling(numbers(1, 2), empty), examples=0)
    assert report.verdict == "agrees"
    assert report.remarks == ("returns a list: it was read as an array",)
    example = check(lambda x, p: [0.0], doubling(numbers(1)), examples=0).counterexample
    assert isinstance(example.actual, np.ndarray)


def test_any_dtype_will_do_where_an_operation_does_not_say():
    assert check(lambda x, p: twice(x).astype(np.float32), doubling(numbers(1)), examples=0).verdict == "agrees"


def test_calls_that_were_given_up_are_not_counted():
    made = []

    def call(args, layout):
        made.append(args)
        return Answer(twice(*args)) if len(made) < 3 else Answer(problem="was not called", given_up=True)

    report = check(Candidate("tired", call), doubling(numbers(1), numbers(2), numbers(3)), examples=3)
    assert report.verdict == "agrees"
    assert sum(c.exercised for c in report.cases) == 2


def test_the_search_shrinks_and_gives_no_input_twice():
    def wrong_past_5(args, layout):
        return Answer(twice(*args) + (args[0] > 5))

    candidate, calls = answering(wrong_past_5)
    example = check(candidate, doubling()).counterexample
    assert (example.inputs["x"].tolist(), example.repeated, example.layout) == ([6.0], False, "plain")
    given = [str(call) for call in calls]
    assert len(given) == len(set(given))


def wrong_for_pairs(args, layout):
    return Answer(twice(*args) + (args[0].size > 1))


def test_a_failure_of_a_directed_case_is_searched_by_the_seed():
    def wrong_past_99(args, layout):
        return Answer(twice(*args) + (args[0].sum() > 99))

    def calls_of(seed):
        candidate, calls = answering(wrong_past_99)
        check(candidate, doubling(*[numbers(57, 58, 59)] * 9), seed=seed)  # so many that none is given in other forms
        return calls

    assert calls_of(7) == calls_of(7) != calls_of(8)


@pytest.mark.parametrize(("failing", "more"), [(8, True), (9, False)])
def test_other_forms_are_given_where_at_most_eight_calls_fail(failing, more):
    cases = [numbers(i) for i in range(20)]
    report = check(lambda x, p: 2 * x + (x < failing), doubling(*cases), examples=0)
    assert (next(c.exercised for c in report.cases if c.name == REARRANGED) > 0) is more


def test_answers_that_are_known_are_not_computed_again():
    computed, given = [], []
    op = doubling(numbers(1, 2), answer=lambda args, settings: computed.append(args[0].size) or twice(*args))
    check(lambda x, p: given.append(x.size) or twice(x), op, examples=0)
    assert max(given) > 1000
    assert {*computed} == {2}


@pytest.mark.parametrize(("program", "layouts"), [(None, {*LAYOUTS}), (Program(("a",), "{}"), {"plain"})])
def test_twelve_calls_that_fail_in_other_forms_are_given_in_all_that_the_candidate_sees(program, layouts):
    sent = []

    def ahead(calls):
        sent.append(list(calls))
        return (wrong_for_pairs(*call) for call in sent[-1])

    candidate = Candidate("a stand-in", wrong_for_pairs, program=program, ahead=ahead)
    report = check(candidate, doubling(numbers(1), (np.ones((1, 1)), 0)), examples=0)
    cases, others, *followed = sent
    assert len(cases) == 2
    exercised = sum(args[0].size for calls in sent[1:] for args, _ in calls)
    assert [c.exercised for c in report.cases if c.name == REARRANGED] == [exercised]
    assert sum(args[0].size > 1 for args, _ in others) > len(followed) == 12
    for calls in followed:
        assert {layout for _, layout in calls} == layouts
        forms = [(args[0].shape, layout) for args, layout in calls]
        n = calls[0][0][0].size
        assert {((n,), "plain"), ((n, 1), "plain"), ((1, n), "plain")} <= {*forms}
        assert len(forms) == (8 if program is None else 3)


def test_what_the_search_finds_is_smaller_than_what_a_cut_gives():
    candidate, _ = answering(wrong_for_pairs)
    found = check(candidate, doubling(numbers(57, 58, 59))).counterexample
    cut = check(candidate, doubling(numbers(57, 58, 59)), examples=0).counterexample
    assert found.inputs["x"].tolist() == [0, 0]
    assert cut.inputs["x"].tolist() == [57, 58]


def test_a_profile_of_hypothesis_makes_no_difference(capsys):
    few = doubling(strategy=lambda settings: st.tuples(st.integers(0, 400).filter(lambda n: n % 40 == 7), st.just(0)))

    def calls_of(operation):
        calls = []
        report = check(lambda x, p: calls.append(str(x)) or np.add(twice(x), np.size(x) > 1), operation)
        return str(report), calls

    plain = [calls_of(operation) for operation in (doubling(), few)]
    database = InMemoryExampleDatabase()
    before = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.register_profile(
        "another",
        max_examples=1,
        database=database,
        deadline=datetime.timedelta(microseconds=1),
        verbosity=hypothesis.Verbosity.debug,
        phases=(hypothesis.Phase.explicit,),
        suppress_health_check=(),
    )
    try:
        hypothesis.settings.load_profile("another")
        capsys.readouterr()
        assert [calls_of(operation) for operation in (doubling(), few)] == plain
    finally:
        hypothesis.settings.load_profile(before)
    assert capsys.readouterr().out == ""
    assert database.data == {}


def test_numbers_in_loaded_modules_make_no_difference(monkeypatch):
    def drawn(constants):
        monkeypatch.setattr(providers, "_get_local_constants", lambda: constants)
        monkeypatch.setattr(providers, "CONSTANTS_CACHE", type(providers.CONSTANTS_CACHE)(1024))
        calls = []
        check(lambda x, p: calls.append(int(x)) or twice(x), doubling(strategy=strategy), examples=300)
        return calls

    def strategy(settings):
        return st.tuples(st.integers(0, 10**9), st.just(0))

    assert drawn(Constants()) == drawn(Constants(integers=set(range(10**6, 10**6 + 999))))


@pytest.mark.parametrize("name", ["_get_local_constants", "CONSTANTS_CACHE"])
def test_a_hypothesis_without_such_numbers_is_left_as_it_is(monkeypatch, name):
    monkeypatch.delattr(providers, name)
    before = dict(vars(providers))
    with _drawing_by_seed_alone():
        assert vars(providers) == before


def test_a_plain_array_is_shown_before_a_smaller_one_in_another_layout():
    cases = (
        Case("strided", lambda settings: [numbers(1)], layout="strided"),
        Case("plain", lambda settings: [numbers(1, 2)]),
    )
    candidate, _ = answering(lambda args, layout: Answer(twice(*args) + (layout == "strided" or args[0].size > 1)))
    example = check(candidate, doubling(cases=cases), examples=0).counterexample
    assert (example.layout, example.inputs["x"].size) == ("plain", 2)


def test_a_case_is_shown_before_a_smaller_call_of_numbers_in_no_order():
    candidate, _ = answering(lambda args, layout: Answer(twice(*args) + 1))
    calls = (("only", numbers(1, 2)), (REARRANGED, numbers(5)))
    failing = [make_exchange(doubling(), {}, candidate, case, args, "plain") for case, args in calls]
    assert _smallest(doubling(), {}, candidate, failing, 0, 0).args[0].tolist() == [1]


def test_a_failure_in_a_layout_is_cut_down_in_that_layout():
    cases = (Case("strided", lambda settings: [numbers(50, 51)], layout="strided"),)
    candidate, _ = answering(lambda args, layout: Answer(twice(*args) + (layout == "strided")))
    example = check(candidate, doubling(cases=cases)).counterexample
    assert (example.layout, example.inputs["x"].tolist()) == ("strided", [50])


def test_a_layout_is_not_shown_where_plain_arrays_fail_too():
    def wrong_in_matrices(x, p):
        return right(x, p) + (x.ndim == 2 and x.shape[1] > 1)

    example = check(wrong_in_matrices, "quantize", bits=8, examples=0).counterexample
    assert (example.layout, example.inputs["x"].shape) == ("plain", (1, 2))


def test_a_layout_in_which_every_case_is_given_is_not_shown_where_plain_arrays_fail_too():
    cases = (Case("strided", lambda settings: [numbers(i, i) for i in range(9)], layout="strided"),)
    example = check(lambda x, p: 2 * x + 1, doubling(cases=cases), examples=0).counterexample
    assert (example.layout, example.inputs["x"].tolist()) == ("plain", [0])


def test_a_plain_number_that_fails_is_not_asked_again():
    candidate, calls = answering(lambda args, layout: Answer(twice(*args) + 1))
    check(candidate, doubling(*map(numbers, range(9))))
    assert calls == [*(([i], "plain") for i in range(9)), ([8], "plain")]  # the last of a case comes a second time


def test_for_a_number_of_no_case_a_simpler_one_is_searched():
    candidate, _ = answering(lambda args, layout: Answer(twice(*args) + 1))
    first = make_exchange(doubling(), {}, candidate, REARRANGED, numbers(3), "strided")
    assert _smallest(doubling(), {}, candidate, [first], 20, 0).args[0].tolist() == [0]


@pytest.mark.parametrize("fate", [{"problem": "ends the process", "lost": True}, {"overwrote": numbers(3)}])
def test_what_costs_a_process_or_only_overwrites_is_not_called_again(fate):
    def last(args, layout):
        if args[0].size == 1:
            return Answer(twice(*args))
        return Answer(None if "lost" in fate else twice(*args), **fate)

    candidate, calls = answering(last)
    example = check(candidate, doubling(numbers(3), numbers(1, 2))).counterexample
    assert example.inputs["x"].tolist() == [1, 2]
    assert len(calls) <= 4  # each once, and what gave an answer once more


def test_a_failure_of_a_repeated_call_is_shown_as_it_is():
    made = []

    def tires(args, layout):
        made.append(args)
        return Answer(twice(*args) + (len(made) > 1))

    candidate, _ = answering(tires)
    example = check(candidate, doubling(numbers(5, 6))).counterexample
    assert (example.repeated, example.inputs["x"].tolist()) == (True, [5, 6])


def test_a_half_that_the_operation_rejects_is_passed_over():
    def answer(args, settings):
        if args[0][0] < 0:
            raise ValueError("negative")
        return twice(*args)

    whole = {"elementwise": False}
    rejects_first = doubling(numbers(2, -1, 3, 4), answer=answer, **whole)
    example = check(lambda x, p: 2 * x + 1, rejects_first, examples=0).counterexample
    assert example.inputs["x"].size == 1
    column = np.array([[1.0, -1.0]]).T[::-1].copy()
    only_second = doubling((column, 0), answer=lambda args, settings: positive(args[0]), **whole)
    assert check(lambda x, p: 2 * x + 1, only_second, examples=0).counterexample.inputs["x"].tolist() == [[1.0]]


def positive(x):
    if x.sum() < 0:
        raise ValueError("negative")
    return 2 * x


def test_an_array_is_cut_by_a_half_a_quarter_and_one_at_each_end():
    assert [x.tolist() for x, _ in _shortened(numbers(0, 1, 2, 3, 4))] == [
        [0, 1, 2],
        [2, 3, 4],
        [0, 1, 2, 3],
        [1, 2, 3, 4],
    ]
    assert [x.tolist() for x, _ in _shortened(numbers(0, 1))] == [[0], [1]]


def test_a_count_of_entries_falls_with_them():
    def first_of_the_least(x, k):
        mask = top_k_mask(x, k)
        if k == x.size - 1:
            mask[:] = True
            mask[np.argmin(np.abs(x))] = False
        return mask

    example = check(first_of_the_least, top_k_of(np.full(10, 2.0, np.float32), 9), examples=0).counterexample
    assert (example.inputs["x"].tolist(), example.inputs["k"]) == ([2, 2], 1)


def test_a_count_falls_to_zero_and_stays_where_no_entry_goes():
    x, empty = np.arange(2.0), np.zeros((2, 0))
    assert [(v.tolist(), k) for v, k in _shortened((x, 1))] == [([0], 1), ([0], 0), ([1], 1), ([1], 0)]
    assert [(v.shape, k) for v, k in _shortened((empty, 1))] == [((1, 0), 1)] * 2


def top_k_of(*args):
    """The selection with one case of this call."""
    case = Case("one call", lambda settings: iter([args]))
    return dataclasses.replace(OPERATIONS["top_k_mask"], cases=(case,))


def test_a_long_array_is_cut_in_few_steps():
    calls = []

    def wrong_far_out(x, p):
        calls.append(x.size)
        return np.where(np.arange(x.size) >= 40_000, -1, 2 * x)

    example = check(wrong_far_out, doubling((np.ones(66_000), 0)), examples=0).counterexample
    assert example.inputs["x"].size == 40_001
    assert sum(size > 40_000 for size in calls) < 100


def test_a_first_input_that_is_a_number_is_not_cut():
    operation = doubling((2.0, np.ones(3)), answer=lambda args, settings: args[0] * args[1])
    example = check(lambda x, p: x * p + 1, operation, examples=0).counterexample
    assert example.inputs["p"].tolist() == [1, 1, 1]


def test_the_law_that_is_broken_is_shown_whatever_it_divides_by():
    laws = (
        Law("holds", "the one that holds", lambda args, answer, settings: answer is not None and 1 / np.zeros(1) > 0),
        Law("broken", "the one that is broken", lambda args, answer, settings: bool(np.all(answer == 2 * args[0]))),
    )
    example = check(lambda x, p: 2 * x + 1, doubling(numbers(1), laws=laws), examples=0).counterexample
    assert example.law == "the one that is broken"


def test_a_buffer_that_is_written_again_is_shown_with_the_call_before():
    buffer = np.empty(1)

    def reuses(x, p):
        return np.multiply(x, 2, out=buffer)

    example = check(reuses, doubling(numbers(1), numbers(2)), examples=0).counterexample
    assert {name: np.asarray(value).tolist() for name, value in example.before.items()} == {"x": [1.0], "p": 0}


def test_what_a_lost_process_said_and_was_sent_is_shown():
    answer = Answer(problem="ends", lost=True, said=("one", "two"), sent=(numbers(1), numbers(2)))
    example = check(Candidate("lost", lambda args, layout: answer), doubling(numbers(2)), examples=0).counterexample
    assert (example.problem, example.silent, example.said, example.repeated) == ("ends", True, ("one", "two"), False)
    assert [(sent["x"].tolist(), sent["p"]) for sent in example.sent] == [([1], 0), ([2], 0)]


def test_the_first_wrong_value_is_worked_out_by_hand():
    def by_hand(args, index, settings):
        return f"at {index}"

    one = doubling(numbers(1), by_hand=by_hand)
    assert check(lambda x, p: 2 * x + 1, one, examples=0).counterexample.why == "at (0,)"
    two = doubling(numbers(1), by_hand=by_hand, answer=lambda args, settings: (args[0], args[0]))
    example = check(lambda x, p: (x, x + 1), two, examples=0).counterexample
    assert example.why == "at (1, 0)"
    assert (example.layout, example.problem, example.silent, example.before) == ("plain", None, False, None)


def test_an_operation_that_does_not_say_how_shows_nothing_by_hand():
    assert check(lambda x, p: 2 * x + 1, doubling(numbers(1)), examples=0).counterexample.why is None

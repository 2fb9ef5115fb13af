import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.internal.conjecture import providers

from refcompress import affine_parameters, mse_loss, quantize, sparsify
from refcompress.verify import assert_agrees, check
from refcompress.verify.candidates import Answer, Candidate, Program, from_callable
from refcompress.verify.check import _halves, cut_down, make_exchange, resolve
from refcompress.verify.operations import OPERATIONS


def right(x, p):
    return quantize(x, p, bits=8)


def away(x, p):
    return quantize(x, p, bits=8, rounding="half_away")


def statements(function, **settings):
    return [e.statement for e in check(function, "quantize", **{"bits": 8, **settings}).diagnosis]


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
    assert len(ahead) == 1
    assert ahead[0] > 100


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
        return np.where(codes == 3, 4, codes) if x.shape == (2,) else codes

    report = check(wrong_at_one_code, "quantize", bits=8, examples=3000)
    assert report.verdict == "differs"
    assert report.counterexample.inputs["x"].shape == (2,)
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
        (lambda: check(right, "quantize", seed=-1), ValueError, "seed is -1: it must be at least 0"),
        (lambda: check(right, "quantize", seed="a"), TypeError, "seed is 'a'"),
        (lambda: check(right, "quantize", examples=-1), ValueError, "examples is -1: it must be at least 0"),
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


def test_a_report_says_what_was_asked():
    report = check(right, "quantize", bits=8)
    assert (report.operation, report.candidate, report.arrays) == ("quantize", f"{__name__}.right", "numpy")
    assert (report.examples, report.seed, report.program, report.worst) == (200, 0, None, None)
    assert report.settings == resolve(OPERATIONS["quantize"], {"bits": 8})
    sizes = {c.name: sum(x.size for x, _ in c.make(report.settings)) for c in OPERATIONS["quantize"].cases}
    assert all(case.exercised >= sizes.get(case.name, 200) for case in report.cases)
    other = check(away, "quantize", bits=8, examples=3, seed=9)
    assert (other.examples, other.seed, other.candidate) == (3, 9, f"{__name__}.away")


def searched(seed):
    seen = []

    def records(x, p):
        seen.append((x.tolist(), p))
        return quantize(x, p, bits=8)

    check(records, "quantize", bits=8, examples=0)
    directed = len(seen)
    seen.clear()
    check(records, "quantize", bits=8, examples=30, seed=seed)
    return repr(seen[directed:])


def test_the_search_draws_by_its_seed():
    assert searched(1) == searched(1) != searched(2)


def test_the_search_asks_no_input_twice():
    asked = []

    def records(x, p):
        asked.append((x.shape, x.tobytes(), p))
        return quantize(x, p, bits=8)

    operation = dataclasses.replace(OPERATIONS["quantize"], cases=(), rejects=())
    assert check(records, operation, bits=8, examples=300).verdict == "agrees"
    assert len(asked) == len(set(asked)) > 100


@pytest.fixture
def of_the_caller():
    """Load a profile of hypothesis by its settings, and in the end the one from before."""
    before = hypothesis.settings()

    def load(**settings):
        hypothesis.settings.register_profile("of the caller", hypothesis.settings(before, **settings))
        hypothesis.settings.load_profile("of the caller")

    yield load
    hypothesis.settings.register_profile("before", before)
    hypothesis.settings.load_profile("before")


def wrong_at_three(x, p):
    codes = quantize(x, p, bits=8)
    return np.where(codes == 3, 4, codes) if x.shape == (2,) else codes


@pytest.mark.parametrize(
    "profile",
    [
        {"derandomize": True, "database": None},
        {"verbosity": Verbosity.debug, "phases": (Phase.explicit,), "deadline": 0.001},
        {"suppress_health_check": [], "phases": (Phase.generate,)},
    ],
)
def test_the_settings_of_hypothesis_that_a_caller_has_play_no_part(profile, of_the_caller, capsys):
    plain = check(wrong_at_three, "quantize", bits=8, examples=3000)
    of_the_caller(**profile)
    assert check(wrong_at_three, "quantize", bits=8, examples=3000).json() == plain.json()
    assert capsys.readouterr().out == ""


def test_the_search_keeps_nothing_for_later(of_the_caller):
    database = InMemoryExampleDatabase()
    of_the_caller(database=database, derandomize=False)
    check(wrong_at_three, "quantize", bits=8, examples=3000)
    assert database.data == {}


def test_inputs_that_are_rare_are_searched_all_the_same(of_the_caller):
    of_the_caller(suppress_health_check=[])
    rare = st.integers(0, 2**20).filter(lambda i: i % 64 == 1).map(lambda i: (np.array([i], np.float32), 0))
    assert HealthCheck.filter_too_much in HealthCheck
    operation = dataclasses.replace(OPERATIONS["quantize"], strategy=lambda settings: rare)
    assert check(right, operation, bits=8, examples=20).verdict == "agrees"


def test_numbers_in_the_source_of_loaded_modules_are_not_drawn():
    before, found = (providers._get_local_constants, providers.CONSTANTS_CACHE), []

    def looks(x, p):
        found.append((providers._get_local_constants(), providers.CONSTANTS_CACHE))
        return quantize(x, p, bits=8)

    operation = dataclasses.replace(OPERATIONS["quantize"], cases=(), rejects=())
    check(looks, operation, bits=8, examples=10)
    assert {len(constants) for constants, _ in found} == {0}
    assert all(cache is not before[1] for _, cache in found)
    assert (providers._get_local_constants, providers.CONSTANTS_CACHE) == before


def test_a_failure_of_the_search_is_the_simplest_of_its_kind():
    def wrong_for_two(x, p):
        return quantize(x, p, bits=8) + (x.shape == (2,))

    found = check(wrong_for_two, dataclasses.replace(OPERATIONS["quantize"], cases=()), bits=8).counterexample
    assert (found.inputs["x"].tolist(), found.inputs["p"]) == ([0.0, 0.0], 0)


def test_a_failure_of_a_directed_case_is_searched_for_a_simpler_one():
    def wrong_for_some(x, p):
        return quantize(x, p, bits=8) + (x.size > 1)

    found = check(wrong_for_some, "quantize", bits=8).counterexample
    assert (found.inputs["x"].ravel().tolist(), found.inputs["p"]) == ([0.0, 0.0], 0)


def test_a_failure_at_the_second_call_alone_is_shown_as_that():
    seen, broken = set(), []

    def breaks(x, p):
        key = (x.tobytes(), x.shape, x.strides, p)
        broken.extend([key] if key in seen and x.size > 1 else [])
        seen.add(key)
        return quantize(x, p, bits=8) + bool(broken)

    operation = OPERATIONS["quantize"]
    simple = (np.array([0.0, 1.0], np.float32), 0)
    case = dataclasses.replace(operation.cases[0], make=lambda settings: [simple], layout="plain")
    report = check(breaks, dataclasses.replace(operation, cases=(case,), rejects=()), bits=8, examples=0)
    assert report.counterexample.repeated
    assert report.counterexample.inputs["x"].size == 2
    assert [c.failed for c in report.cases if c.name == case.name] == [2]


def test_a_dozen_inputs_at_most_are_given_again():
    asked = []

    def records(x, p):
        asked.append((x.dtype, x.shape, x.strides, x.tobytes(), x.flags.writeable, p))
        return quantize(x, p, bits=8)

    operation = dataclasses.replace(OPERATIONS["quantize"], rejects=())
    check(records, operation, bits=8, examples=0)
    calls = sum(len(list(case.make(resolve(operation, {"bits": 8})))) for case in operation.cases)
    assert len(asked) == calls + 12


@pytest.mark.parametrize("after", [1, 30])
def test_a_candidate_that_has_given_up_is_not_counted(after):
    asked = []

    def call(args, layout):
        asked.append(args)
        return Answer(right(*args)) if len(asked) <= after else Answer(problem="is gone", given_up=True)

    candidate = Candidate("gone", call, ahead=lambda calls: (call(*c) for c in calls))
    report = check(candidate, dataclasses.replace(OPERATIONS["quantize"], rejects=()), bits=8, examples=5)
    assert sum(case.exercised for case in report.cases) == sum(x.size for x, _ in asked[:after])


def test_a_candidate_that_is_lost_is_not_asked_for_a_simpler_failure():
    asked = []

    def call(args, layout):
        asked.append(args)
        return Answer(problem="ends", lost=True)

    operation = dataclasses.replace(OPERATIONS["quantize"], rejects=())
    check(Candidate("ends", call), operation, bits=8, examples=500)
    calls = sum(len(list(case.make(resolve(operation, {"bits": 8})))) for case in operation.cases)
    assert len(asked) == calls


def test_what_only_overwrites_its_input_is_shown_where_it_was_seen():
    layouts = []

    def overwrites(x, p):
        codes = quantize(x, p, bits=8)
        if x.flags.writeable and x.size > 3:
            layouts.append(x.shape)
            x *= 2
        return codes

    report = check(overwrites, "quantize", bits=8, examples=300)
    assert report.counterexample.inputs["x"].shape in layouts
    assert report.counterexample.changed == ("x",)
    assert {c.name: c.exercised for c in report.cases}["search"] == 0


def test_a_layout_that_fails_is_not_searched_in_plain():
    asked = []

    def wrong_in_fortran(x, p):
        asked.append(x.shape)
        return quantize(x, p, bits=8) + (not x.flags.c_contiguous)

    operation = dataclasses.replace(OPERATIONS["quantize"], rejects=())
    check(wrong_in_fortran, operation, bits=8, examples=0)
    without = len(asked)
    asked.clear()
    report = check(wrong_in_fortran, operation, bits=8, examples=500)
    assert report.counterexample.layout != "plain"
    assert len(asked) == without


def test_what_is_cut_is_a_half_or_all_but_one_along_an_axis():
    cuts = [args[0].tolist() for args in _halves((np.arange(5), 3, "word"))]
    assert cuts == [[0, 1], [2, 3, 4], [0, 1, 2, 3], [1, 2, 3, 4]]
    assert [args[0].tolist() for args in _halves((np.arange(2),))] == [[0], [1], [0], [1]]
    assert list(_halves((np.arange(1),))) == list(_halves((3, 0.5))) == []
    x = np.arange(4).reshape(2, 2)
    assert all(a.shape == b.shape == (2,) for _, a, b in _halves((x, np.zeros(2), np.ones(2))))
    assert all(np.array_equal(a, b) for a, b in _halves((x, x.copy())))


def test_what_the_operation_has_no_answer_to_is_passed_over_when_a_call_is_cut():
    operation = OPERATIONS["sparsify"]
    settings = resolve(operation, {})
    wrong = from_callable(lambda x, k: sparsify(x, k) + (x.size >= 5), ["x", "k"], "numpy")
    failing = make_exchange(operation, settings, wrong, "a case", (np.arange(6, dtype=np.float32), 4), "plain")
    assert cut_down(operation, settings, wrong, failing).args[0].size == 5  # halves have fewer than the 4 to be kept


def test_a_list_in_place_of_an_array_is_read_and_remarked_on():
    report = check(lambda x, p: quantize(x, p, bits=8).tolist(), "quantize", bits=8, examples=5)
    assert "returns a list: it was read as an array" in report.remarks
    assert not check(right, "quantize", bits=8, examples=5).remarks


def test_an_exchange_is_the_first_of_its_kind_unless_said_otherwise():
    operation, one = OPERATIONS["quantize"], (np.array([0.5], np.float32), 1)
    subject = from_callable(right, ["x", "p"], "numpy")
    assert not make_exchange(operation, resolve(operation, {"bits": 8}), subject, "a case", one, "plain").repeated


def test_the_worst_error_is_a_part_of_the_bound():
    agrees = check(lambda s, t: mse_loss(s, t) * (1 + 2.0**-52), "mse_loss", examples=20)
    assert agrees.verdict == "agrees"
    assert 0 < agrees.worst <= 1
    differs = check(lambda s, t: mse_loss(s, t) * 1.5, "mse_loss", examples=20)
    assert differs.worst > 1
    assert differs.counterexample.bound > 0
    assert abs(differs.counterexample.actual - differs.counterexample.expected) > differs.counterexample.bound


def test_where_no_type_is_asked_for_any_will_do():
    assert "check_dtype" not in OPERATIONS["mse_loss"].defaults
    assert check(lambda s, t: np.array(mse_loss(s, t), np.longdouble), "mse_loss", examples=5).verdict == "agrees"


def test_the_law_that_is_broken_is_named_and_no_other():
    def keeps_one_more(x, k):
        return sparsify(x, min(k + 1, x.size))

    report = check(keeps_one_more, "sparsify", examples=20)
    assert (
        report.counterexample.law == "exactly k entries stay, zeros of x aside, in every slice where there is an axis"
    )
    assert check(lambda x, k: 0 * sparsify(x, k), "sparsify", examples=20).counterexample.law is not None
    nothing_known = dataclasses.replace(OPERATIONS["sparsify"], laws=())
    assert check(keeps_one_more, nothing_known, examples=20).counterexample.law is None


def test_a_law_is_held_against_an_answer_without_a_warning():
    def overflows(args, value, settings):
        return bool(np.all(np.float64(1e300) * value.astype(np.float64) * 1e300 < 0))

    law = dataclasses.replace(OPERATIONS["quantize"].laws[0], sentence="is infinite", holds=overflows)
    operation = dataclasses.replace(OPERATIONS["quantize"], laws=(law,))
    with np.errstate(all="raise"):
        assert check(away, operation, bits=8, examples=5).counterexample.law == "is infinite"


def test_the_first_wrong_value_is_worked_out_by_hand():
    why = check(away, "quantize", bits=8, examples=5).counterexample.why
    assert "0.5" in why
    assert check(away, dataclasses.replace(OPERATIONS["quantize"], by_hand=None), bits=8).counterexample.why is None
    silent = check(lambda x, p: None, "quantize", bits=8, examples=5).counterexample
    assert (silent.why, silent.law, silent.silent) == (None, None, False)


@pytest.mark.parametrize("part", [0, 1])
def test_of_two_answers_the_wrong_one_is_worked_out(part):
    asked = []
    operation = OPERATIONS["affine_parameters"]
    spied = dataclasses.replace(operation, by_hand=lambda *a: asked.append(a) or operation.by_hand(*a))

    def wrong(x_min, x_max):
        answer = affine_parameters(x_min, x_max)
        return tuple(v + (i == part) for i, v in enumerate(answer))

    example = check(wrong, spied, bits=8, examples=20).counterexample
    assert asked[0][0] == tuple(example.inputs.values())
    assert asked[0][1] == (part,)
    assert example.why == operation.by_hand(*asked[0])


def test_an_answer_that_raises_is_silent():
    def raises(x, p):
        raise IndexError("nothing there")

    report = check(raises, "quantize", bits=8, examples=5)
    assert report.counterexample.silent
    assert not [r for r in report.remarks if "accepts" in r]


def test_what_a_call_overwrote_and_what_was_sent_have_the_names_of_the_inputs():
    before = (np.array([2.5], np.float32), 3)

    def overwrites(args, layout):
        return Answer(right(*args), overwrote=before, sent=(before, args), said=("a last line",))

    operation = dataclasses.replace(OPERATIONS["quantize"], rejects=())
    example = check(Candidate("overwrites", overwrites), operation, bits=8).counterexample
    assert (example.before["x"].tolist(), example.before["p"]) == ([2.5], 3)
    assert next((a["x"].tolist(), a["p"]) for a in example.sent) == ([2.5], 3)
    assert example.said == ("a last line",)
    assert example.actual.tolist() == example.expected.tolist()


def test_a_counterexample_shows_the_call():
    example = check(away, "quantize", bits=8).counterexample
    assert (example.layout, example.repeated, example.problem, example.before) == ("plain", False, None, None)
    assert [flags.tolist() for flags in example.wrong] == [[True]]
    assert (example.changed, example.sent, example.said, example.bound) == ((), (), (), None)

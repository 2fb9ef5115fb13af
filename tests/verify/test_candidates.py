import array
import contextlib
import functools
import sys
import warnings

import numpy as np
import pytest

from refcompress.verify import candidates
from refcompress.verify.candidates import (
    Answer,
    Candidate,
    CandidateError,
    described,
    from_callable,
    load,
    raised,
    steady,
)

X = np.array([1.5, -2.0, 3.0], np.float32)


def twice(x):
    return 2 * x


def call(function, *args, layout="plain", names=("x",)):
    return from_callable(function, names).call(args or (X,), layout)


def test_an_answer_is_what_the_function_returned():
    answer = call(twice)
    assert answer.value.tolist() == [3, -4, 6]
    assert (answer.problem, answer.changed, answer.overwrote, answer.remarks) == (None, (), None, ())


def test_nothing_came_of_a_call_but_what_is_said():
    assert Answer() == Answer(None, None, (), None, (), False, False, (), None, ())
    assert Candidate("name", twice) == Candidate("name", twice, "", None, None, None, None)


def test_a_candidate_that_is_sent_calls_ahead_is_given_them_all():
    calls = [((X,), "plain"), ((X + 1,), "plain")]
    one_by_one = from_callable(twice, ["x"])
    assert [answer.value.tolist() for answer in one_by_one.answers(calls)] == [[3, -4, 6], [5, -2, 8]]
    ahead = Candidate("name", twice, ahead=lambda given: iter([Answer(list(given))]))
    assert [answer.value for answer in ahead.answers(calls)] == [calls]


def test_the_function_that_is_called_can_be_had():
    assert from_callable(twice, ["x"]).function is twice


def test_a_framework_makes_the_arrays_and_reads_the_answer(monkeypatch):
    asked = []

    def read(returned, arrays):
        asked.append(arrays)
        return np.array(returned), "is of another framework"

    @contextlib.contextmanager
    def watch(arrays, given):
        asked.append(arrays)
        yield

    monkeypatch.setitem(candidates.FRAMEWORKS, "array", lambda value: array.array("f", value))
    monkeypatch.setattr(candidates, "from_framework", read)
    monkeypatch.setattr(candidates, "during_call", watch)
    candidate = from_callable(lambda x: x * 2, ["x"], "array")
    for _ in range(2):  # the second reads again what the first had returned
        answer = candidate.call((X,), "plain")
    assert answer.value.tolist() == [*X.tolist()] * 2
    assert answer.remarks == ("is of another framework",)
    assert asked == ["array"] * 5


def test_inputs_may_be_taken_by_name():
    def by_name(*, p, x):
        return x * p

    assert call(by_name, X, 2, names=("x", "p")).value.tolist() == [3, -4, 6]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (5, "candidate is an int: it must be callable"),
        (sys, "candidate is a module: it must be callable"),
        (lambda: 0, r"the lambda in test_candidates.py, line \d+ takes \(\): it must take \(x\)"),
        (lambda a, b: 0, r"takes \(a, b\): it must take \(x\)"),
        (lambda *, y: 0, r"takes \(\*, y\): it must take \(x\)"),
    ],
)
def test_what_cannot_be_called_with_the_inputs_is_refused(function, message):
    with pytest.raises(TypeError, match=message):
        from_callable(function, ["x"])


def test_a_builtin_without_a_signature_is_called_by_position():
    assert call(np.add, X, X, names=("x", "y")).value.tolist() == [3, -4, 6]


class TextError(Exception):
    def __str__(self):
        raise RuntimeError


def raising(error):
    def function(x):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ValueError("no\nsecond line"), "raises ValueError: no"),
        (ZeroDivisionError(), "raises ZeroDivisionError"),
        (KeyError("x"), "raises KeyError: 'x'"),
        (SystemExit(3), "exits the interpreter: SystemExit: 3"),
        (SystemExit(), "exits the interpreter: SystemExit"),
        (GeneratorExit(), "raises GeneratorExit"),
        (TextError(), "raises TextError"),
        (ValueError(f"{object()!r} is odd"), "raises ValueError: <object object> is odd"),
    ],
)
def test_an_exception_is_told_in_one_line(error, problem):
    assert call(raising(error)).problem == problem
    assert raised(error) == problem


def test_the_users_own_interrupt_ends_the_call():
    with pytest.raises(KeyboardInterrupt):
        call(raising(KeyboardInterrupt()))


def test_what_it_prints_is_caught_and_quoted_from_the_beginning(capsys):
    def talks(x):
        print("hello")
        sys.stdout.buffer.write(b"more")
        for _ in range(1000):
            print("and more", "x" * 10_000)
        return x + 1

    assert call(talks).remarks == ("prints to standard output: 'hello'",)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("pieces", "quoted"),
    [
        (["x" * 50, "y" * 100], "x" * 50 + "y" * 30),
        (["x" * 79, "\xe9\xe9"], "x" * 79),  # the first of two bytes alone is no letter
        (["\ud800", "\xe9"], "?\xe9"),  # half a letter of UTF-16 cannot be written
    ],
)
def test_80_bytes_of_what_it_prints_are_kept(pieces, quoted):
    def prints(x):
        sys.stdout.writelines(pieces)
        assert sys.stdout.encoding == "utf-8"
        return x + 1

    assert call(prints).remarks == (f"prints to standard output: {quoted!r}",)


def test_a_write_of_bytes_tells_how_many_as_to_any_stream():
    assert call(lambda x: sys.stdout.buffer.write(b"more")).value == 4


def test_warnings_are_caught_and_told_once_each():
    def warns(x):
        for _ in range(3):
            warnings.warn("careful", RuntimeWarning, stacklevel=1)
        return x / np.zeros(3, np.float32)

    remarks = call(warns).remarks
    assert remarks[0] == "warns: RuntimeWarning: careful"
    assert remarks[1] == "warns: RuntimeWarning: divide by zero encountered in divide"
    assert len(remarks) == 2


def test_settings_of_numpy_do_not_leak_out():
    def sets(x):
        np.seterr(all="raise")
        return x + 1

    before = np.geterr()
    call(sets)
    assert np.geterr() == before


def test_numpy_raises_in_a_candidate_for_what_it_raised_for_where_the_candidate_was_made():
    with np.errstate(divide="raise"):
        candidate = from_callable(lambda x: x / np.zeros(3), ("x",))
    with np.errstate(all="ignore"):
        assert candidate.call((X,), "plain").problem.startswith("raises FloatingPointError")
        assert call(lambda x: x / np.zeros(3)).problem is None


def test_changes_of_an_input_are_seen_and_reach_no_other_call():
    def changes(weights, x):
        weights[1][:] = 0
        return x + 1

    weights = [np.ones(2), np.ones(2)]
    answer = call(changes, weights, X, names=("weights", "x"))
    assert answer.changed == ("weights",)
    assert weights[1].tolist() == [1, 1]


def test_returning_memory_of_an_input_is_a_remark():
    remark = "returns memory of its input: who writes into the result changes the input"
    assert call(lambda x: x[::-1]).remarks == (remark,)
    assert call(lambda w: (3, w[0]), [X], names=("w",)).remarks == (remark,)
    assert call(lambda x: x.copy()).remarks == ()


def test_writing_into_what_was_returned_before_is_seen_at_the_next_call():
    buffer = np.zeros(3, np.float32)

    def reuses(x):
        buffer[:] = 2 * x
        return buffer

    candidate = from_callable(reuses, ["x"])
    first = candidate.call((X,), "plain")
    again = candidate.call((X,), "plain")
    other = candidate.call((X + 1,), "plain")
    assert first.value.tolist() == [3, -4, 6]
    assert (first.overwrote, again.overwrote) == (None, None)
    assert other.overwrote[0] is X


def test_writing_into_a_list_that_was_returned_before_is_seen_too():
    kept = []

    def appends(x):
        kept.append(float(x[0]))
        return kept

    candidate = from_callable(appends, ["x"])
    assert candidate.call((X,), "plain").value == [1.5]
    assert candidate.call((X,), "plain").overwrote[0] is X


@pytest.mark.parametrize("numbers", [[1.0, float("nan")], (2, np.zeros(2)), 5.0, float("nan")])
def test_what_still_holds_what_was_returned_was_not_written_into(numbers):
    candidate = from_callable(lambda x: numbers, ["x"])
    answers = [candidate.call((X,), "plain") for _ in range(2)]
    assert [(answer.overwrote, answer.remarks) for answer in answers] == [(None, ())] * 2


@pytest.mark.parametrize("after", [[2.0], [1], [float("nan")], [], [[1.0]]])
def test_another_number_in_a_list_that_was_returned_is_seen(after):
    kept = [1.0]
    candidate = from_callable(lambda x: kept, ["x"])
    candidate.call((X,), "plain")
    kept[:] = after
    assert candidate.call((X,), "plain").overwrote[0] is X


def test_a_list_within_itself_is_no_array():
    ring = []
    ring.append(ring)
    candidate = from_callable(lambda x: ring, ["x"])
    assert candidate.call((X,), "plain").value.text == "a list nested without end"
    assert candidate.call((X,), "plain").overwrote is None


def test_an_answer_is_not_touched_by_what_the_candidate_does_later():
    out = np.zeros(3)
    answer = call(lambda x: (out, [out]))
    out[:] = 7
    assert answer.value[0].tolist() == answer.value[1][0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("layout", ["plain", "strided", "reversed", "fortran", "read-only"])
def test_inputs_lie_in_memory_as_the_layout_says(layout):
    seen = []
    call(lambda x: seen.append((x.strides, x.flags.writeable)), layout=layout)
    strides = {"strided": (8,), "reversed": (-4,)}.get(layout, (4,))
    assert seen == [(strides, layout != "read-only")]


def local_function():
    def inner(x):
        return x

    return inner


class Callable:
    def __call__(self, x):
        return x

    def method(self, x):
        return x

    @staticmethod
    def static(x):
        return x


def named():
    function = Callable()
    function.__name__ = "mine"
    return function


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.linalg.norm, "numpy.linalg.norm"),
        (lambda x: x, "the lambda in test_candidates.py, line "),
        (local_function(), "inner in test_candidates.py, line "),
        (functools.partial(np.linalg.norm, ord=1), "a partial of numpy.linalg.norm"),
        (Callable(), "a Callable object"),
        (Callable().method, f"{Callable.__module__}.Callable.method"),
        (named(), f"{Callable.__module__}.mine"),
        ((2.0).__mul__, "float.__mul__"),
    ],
)
def test_a_name_holds_no_address(function, name):
    assert described(function).startswith(name)
    assert "0x" not in described(function)
    assert from_callable(function, ["x"]).name == described(function)


def test_the_lines_of_a_snippet_import_what_can_be_imported():
    module = twice.__module__
    assert from_callable(twice, ["x"]).imports == f"from {module} import twice as candidate"
    static = from_callable(Callable.static, ["x"]).imports
    assert static == f"from {module} import Callable\ncandidate = Callable.static"
    assert from_callable(Callable().method, ["x"]).imports.startswith("# candidate is ")
    assert from_callable(lambda x: x, ["x"]).imports.startswith("# candidate is the lambda in")


def test_a_function_of_the_script_itself_needs_no_import(monkeypatch):
    def own(x):
        return x

    own.__module__, own.__qualname__ = "__main__", "own"
    monkeypatch.setattr(sys.modules["__main__"], "own", own, raising=False)
    assert from_callable(own, ["x"]).imports == "candidate = own"


@pytest.mark.parametrize(
    ("text", "steadied"),
    [
        ("<object object at 0x7f00aa> and 0x7f0012345678", "<object object> and "),
        ("0x3f800000 stays", "0x3f800000 stays"),
        ("\n\n  first\nsecond", "first"),
        ("red \x1b[31m", "red  [31m"),
        ("x" * 300, "x" * 200),
        ("", ""),
    ],
)
def test_words_of_the_candidate_are_cut_to_one_steady_line(text, steadied):
    assert steady(text) == steadied


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder; what is imported there is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    return tmp_path


CODE = """
class Kind:
    def twice(x):
        return 2 * x


def twice(x):
    return 2 * x


number = 5
"""


@pytest.mark.parametrize(
    ("file", "spec", "lines"),
    [
        ("cand_a.py", "cand_a:twice", ["from cand_a import twice as candidate"]),
        ("cand_b.py", "cand_b:Kind.twice", ["from cand_b import Kind", "candidate = Kind.twice"]),
        ("cand_c.py", "cand_c.py:twice", ["from cand_c import twice as candidate"]),
        ("sub/cand_d.py", "sub/cand_d.py:twice", ["sys.path.insert(0, 'sub')", "from cand_d import twice as"]),
        ("cand-e.py", "cand-e.py:Kind.twice", ["import runpy", "run_path('cand-e.py')[\"Kind\"].twice"]),
        ("json.py", "json.py:twice", ["import runpy", "run_path('json.py')[\"twice\"]"]),
        ("pkg/cand_f.py", "pkg.cand_f:twice", ["from pkg.cand_f import twice as candidate"]),
        ("a:b/cand_g.py", "a:b/cand_g.py:twice", ["sys.path.insert(0, 'a:b')", "from cand_g import twice as"]),
    ],
)
def test_a_candidate_is_named_by_module_or_by_file(folder, file, spec, lines):
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(CODE)
    candidate = load(spec, ["x"])
    assert candidate.name == spec
    assert candidate.call((X,), "plain").value.tolist() == [3, -4, 6]
    assert all(line in candidate.imports for line in lines)
    space = {}
    exec(candidate.imports, space)
    assert space["candidate"](X).tolist() == [3, -4, 6]


def test_a_file_of_the_current_folder_is_imported_by_its_name_alone(folder):
    (folder / "cand_h.py").write_text(CODE)
    candidate = load("cand_h.py:twice", ["x"])
    assert candidate.imports == "from cand_h import twice as candidate"
    assert candidate.function.__module__ == "cand_h"
    assert sys.modules["cand_h"].twice is candidate.function


def test_a_file_with_the_name_of_a_module_in_use_does_not_take_its_place(folder):
    (folder / "json.py").write_text(CODE)
    before = sys.modules["json"]
    assert load("json.py:twice", ["x"]).call((X,), "plain").value.tolist() == [3, -4, 6]
    assert sys.modules["json"] is before


def test_the_current_folder_comes_before_all_others_and_once(folder):
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "cand_i.py").write_text("def twice(x): return 3 * x")
    (folder / "cand_i.py").write_text(CODE)
    sys.path.insert(0, str(folder / "elsewhere"))
    for _ in range(2):
        assert load("cand_i:twice", ["x"]).call((X,), "plain").value.tolist() == [3, -4, 6]
    assert sys.path.count(str(folder)) == 1


def test_a_framework_that_is_not_there_is_told_of_a_candidate_by_name(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (folder / "cand_j.py").write_text(CODE)
    with pytest.raises(CandidateError, match="torch"):
        load("cand_j:twice", ["x"], "torch")


def test_a_file_may_import_what_lies_beside_it(folder):
    (folder / "cand_helper.py").write_text("two = 3")
    (folder / "near").mkdir()
    (folder / "near" / "cand_helper.py").write_text("two = 2")
    (folder / "near" / "cand_user.py").write_text("from cand_helper import two\ndef f(x):\n    return two * x")
    assert load("near/cand_user.py:f", ["x"]).call((X,), "plain").value.tolist() == [3, -4, 6]


@pytest.mark.parametrize(
    ("code", "spec", "message"),
    [
        (CODE, "cand_bad", "candidate is 'cand_bad': it must be module:function or file.py:function"),
        (CODE, ":f", "it must be module:function or file.py:function"),
        (CODE, "no_such:f", "there is no module no_such"),
        (CODE, "no_such.py:f", "there is no file no_such.py"),
        (CODE, "cand_bad:f", "cand_bad has no f"),
        (CODE, "cand_bad.py:Kind.f", "Kind has no f"),
        (CODE, "cand_bad:number.f", "^5 has no f$"),
        (CODE, "cand_bad:number", "candidate is an int: it must be callable"),
        ("def f(): pass", "cand_bad:f", r"cand_bad.f takes \(\): it must take \(x\)"),
        ("import no_such_thing", "cand_bad:f", "cannot be imported: it raises ModuleNotFoundError: No module named"),
        ("def f(:", "cand_bad:f", r"cannot be imported: it raises SyntaxError: invalid syntax \(cand_bad.py, line 1\)"),
        ("1 / 0", "cand_bad.py:f", "cand_bad.py cannot be imported: it raises ZeroDivisionError: division by zero"),
        ("raise SystemExit(4)", "cand_bad:f", "cannot be imported: it exits the interpreter: SystemExit: 4"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(folder, code, spec, message):
    (folder / "cand_bad.py").write_text(code)
    with pytest.raises(CandidateError, match=message) as caught:
        load(spec, ["x"])
    assert "\n" not in str(caught.value)


def test_a_framework_that_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        from_callable(twice, ["x"], "torch")

"""Run the directed cases, also in other shapes, lengths and layouts, then search, then shrink; build the Report."""

import contextlib
import pickle
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress import arguments
from refcompress.verify.agreement import Comparison, compare, conform
from refcompress.verify.candidates import Answer, Candidate, from_callable
from refcompress.verify.diagnosis import Explanation, diagnose, word
from refcompress.verify.exchange import Exchange
from refcompress.verify.layouts import FRAMEWORKS
from refcompress.verify.operation import Arguments, Operation, Settings
from refcompress.verify.operations import find_operation
from refcompress.verify.rearrangement import LAYOUTS, Call, in_every_form, rearranged
from refcompress.verify.report import CaseCount, Counterexample, Report, distinct

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

REPEATS = 12  # cases whose inputs are given a second time
FEW = 8  # failing calls up to which more are made, to see whether they fail, and which rule explains them
FOLLOWED = 12  # failing calls whose inputs are given in every form, to see which matters
REARRANGED = "other shapes, lengths and layouts"
SEARCH = "search"


def check(
    candidate: Callable[..., Any] | Candidate,
    operation: str | Operation,
    *,
    examples: int = 200,
    seed: int = 0,
    arrays: str = "numpy",
    **settings: Any,
) -> Report:
    """Hold an implementation against the reference, and say which rule it follows instead.

    Parameters
    ----------
    candidate : callable
        Called with the operation's inputs, by position; settings are not passed.
    operation : str
        A name that ``refcompress operations`` lists.
    examples : int
        How many inputs the seeded search tries after the directed cases.
    seed : int
        The same seed gives the same report.
    arrays : str
        numpy, torch or jax: what the candidate is given.
    **settings
        The convention to test against, as the operation declares it.

    Returns
    -------
    Report
        Verdict, smallest counterexample and diagnosis; ``print(report)`` shows it.

    Raises
    ------
    ValueError
        For an unknown operation or setting, with the list of what is allowed.

    Examples
    --------
    >>> import numpy as np
    >>> def rounds_away(x, p):
    ...     v = np.ldexp(x.astype(np.float64), p)
    ...     return np.trunc(v + np.copysign(0.5, v)).astype(np.int64)
    >>> report = check(rounds_away, "quantize", rounding="half_even")
    >>> report.verdict
    'differs'
    """
    op = find_operation(operation)
    chosen = resolve(op, settings)
    arguments.integer(examples, "examples", 0)
    arguments.integer(seed, "seed", 0)
    arguments.choice(arrays, "arrays", FRAMEWORKS)
    names = [i.name for i in op.inputs]
    subject = candidate if isinstance(candidate, Candidate) else from_callable(candidate, names, arrays)
    with np.errstate(all="ignore"):  # whoever has NumPy raise at an underflow means that of the candidate
        return _checked(op, chosen, subject, examples, seed, arrays)


def _checked(op: Operation, chosen: Settings, subject: Candidate, examples: int, seed: int, arrays: str) -> Report:
    """Give the directed cases, some of them again, and more of what fails rarely; search where nothing fails."""
    exchanges = list(_directed(op, chosen, subject))
    exchanges += _again(op, chosen, subject, exchanges)
    if _fails_rarely(exchanges):
        exchanges += _rearranged(op, chosen, subject, exchanges, seed)
    smallest = None
    if any(e.fails for e in exchanges):
        smallest = _smallest(op, chosen, subject, exchanges, examples, seed)
    else:
        searched, smallest = _search(op, chosen, subject, examples, seed)
        exchanges += searched
    return _report(op, chosen, subject, exchanges, smallest, examples, seed, arrays)


def resolve(operation: Operation, settings: Settings) -> dict[str, Any]:
    """Fill in the defaults, and refuse what the operation does not know."""
    known = operation.defaults
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"{operation.name} has no setting {name!r}: it has {', '.join(known)}")
        allowed = operation.setting(name).allowed
        if not any(value == a and type(value) is type(a) for a in allowed):
            raise ValueError(f"{name} is {value!r}: it must be one of {', '.join(word(a) for a in allowed)}")
    return {**known, **settings}


def make_exchange(
    op: Operation,
    settings: Settings,
    subject: Candidate,
    case: str,
    args: Arguments,
    layout: str,
    repeated: bool = False,
) -> Exchange:
    """Call the candidate once, and compare."""
    return _compared(op, settings, subject.call(args, layout), case, args, layout, repeated)


def _compared(
    op: Operation,
    settings: Settings,
    answer: Answer,
    case: str,
    args: Arguments,
    layout: str,
    repeated: bool = False,
    expected: Any = None,
) -> Exchange:
    if answer.asked is not None:
        args, expected = answer.asked, None
    if expected is None:
        expected = op.answer(args, settings)
    bound = None if op.bound is None else op.bound(args, settings)
    if answer.problem is not None:
        comparison = Comparison(answer.problem)
    else:
        value, remark = conform(expected, answer.value)
        answer = replace(answer, value=value, remarks=(*answer.remarks, *([remark] if remark else [])))
        comparison = compare(expected, answer.value, bound, check_dtype=settings.get("check_dtype", False))
    return Exchange(case, args, layout, repeated, expected, bound, answer, comparison)


def _directed(op: Operation, settings: Settings, subject: Candidate) -> Iterator[Exchange]:
    calls = [
        (case.name, args, case.layout if subject.program is None else "plain")
        for case in op.cases
        for args in case.make(settings)
    ]
    answers = subject.answers((args, layout) for _, args, layout in calls)
    for answer, call in zip(answers, calls, strict=True):
        if answer.given_up:
            return
        yield _compared(op, settings, answer, *call)


def _again(op: Operation, settings: Settings, subject: Candidate, before: Sequence[Exchange]) -> list[Exchange]:
    """Give some inputs a second time, in the reverse order."""
    firsts = list({e.case: e for e in before if e.answer.problem is None}.values())[:REPEATS]
    again = [make_exchange(op, settings, subject, e.case, e.args, e.layout, repeated=True) for e in reversed(firsts)]
    return [e for e in again if not e.answer.given_up]


def _fails_rarely(exchanges: Sequence[Exchange]) -> bool:
    """Whether few calls are wrong, and only in their answers, the same the second time: or none at all."""
    failing = [e for e in exchanges if e.fails]
    firsts = [e for e in failing if not e.repeated]
    return len(firsts) <= FEW and all(e.only_differs for e in firsts) and bool(firsts) is bool(failing)


def _rearranged(
    op: Operation, settings: Settings, subject: Candidate, before: Sequence[Exchange], seed: int
) -> list[Exchange]:
    """Give the numbers of the directed cases in other shapes, lengths and layouts, and what fails in all of them."""
    exchanges = _given(op, settings, subject, rearranged(op, settings, before, seed))
    failing = [e for e in exchanges if e.fails and not e.answer.lost][:FOLLOWED]
    layouts = LAYOUTS if subject.program is None else ()
    for e in failing:
        exchanges += _given(op, settings, subject, in_every_form(op, settings, before, e, layouts))
    return exchanges


def _given(op: Operation, settings: Settings, subject: Candidate, calls: Iterable[Call]) -> list[Exchange]:
    calls = [call if subject.program is None else replace(call, layout="plain") for call in calls]
    answers = subject.answers((call.args, call.layout) for call in calls)
    exchanges = [
        _compared(op, settings, answer, REARRANGED, call.args, call.layout, expected=call.expected)
        for answer, call in zip(answers, calls, strict=True)
    ]
    return [e for e in exchanges if not e.answer.given_up]


def _search(
    op: Operation, settings: Settings, subject: Candidate, examples: int, seed: int
) -> tuple[list[Exchange], Exchange | None]:
    """Search for a failing input; return all that was tried, and the shrunk failure."""
    seen: dict[bytes, Exchange] = {}
    failing: list[Exchange] = []

    def fails(args: Arguments) -> bool:
        key = pickle.dumps(args)  # a candidate that answers at random is asked once
        if key not in seen:
            seen[key] = make_exchange(op, settings, subject, SEARCH, args, "plain")
        exchange = seen[key]
        if exchange.answer.given_up or not exchange.fails:
            return False
        failing[:] = [exchange]
        return True

    _find(op.strategy(settings), fails, examples, seed)
    return [e for e in seen.values() if not e.answer.given_up], failing[0] if failing else None


def _find(strategy: "SearchStrategy[Arguments]", fails: Callable[[Arguments], bool], examples: int, seed: int) -> None:
    from hypothesis import HealthCheck, Phase, Verbosity, find
    from hypothesis import settings as hypothesis_settings
    from hypothesis.errors import NoSuchExample

    if examples == 0:
        return
    plan = hypothesis_settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    with _drawing_by_seed_alone(), contextlib.suppress(NoSuchExample):
        find(strategy, fails, settings=plan, random=random.Random(seed))


@contextlib.contextmanager
def _drawing_by_seed_alone() -> Iterator[None]:
    """Keep hypothesis from drawing numbers that stand in the source of the modules that happen to be loaded.

    Otherwise one seed would give other reports in another program, and a cache be written to the current folder.
    """
    try:
        from hypothesis.internal.conjecture import providers
        from hypothesis.internal.constants_ast import Constants
    except ImportError:  # a release that draws no such numbers
        yield
        return
    if not {"_get_local_constants", "CONSTANTS_CACHE"} <= vars(providers).keys():
        yield
        return
    no_constants, no_cache = Constants(), type(providers.CONSTANTS_CACHE)(1024)
    before = providers._get_local_constants, providers.CONSTANTS_CACHE
    providers._get_local_constants, providers.CONSTANTS_CACHE = lambda: no_constants, no_cache
    try:
        yield
    finally:
        providers._get_local_constants, providers.CONSTANTS_CACHE = before


def _smallest(
    op: Operation, settings: Settings, subject: Candidate, exchanges: Sequence[Exchange], examples: int, seed: int
) -> Exchange:
    """Return the smallest failure that can be found: by search, else by cutting a failing call down."""
    failing = [e for e in exchanges if e.fails]
    first = min(failing, key=_simplicity)
    if first.answer.lost or first.only_overwrites:
        return first
    if first.layout != "plain" and not first.repeated:  # a layout is shown only if it matters
        plain = make_exchange(op, settings, subject, first.case, first.args, "plain")
        first = plain if plain.fails else first
    if first.layout == "plain" and not first.repeated:
        single = [v.shape for v in first.args if isinstance(v, np.ndarray)] in ([], [(1,)])
        if single and first.case != REARRANGED:
            return first  # nothing is smaller, and the cases put the simplest first
        _, found = _search(op, settings, subject, examples, seed)
        if found is not None:
            return cut_down(op, settings, subject, found)
    return first if first.repeated else cut_down(op, settings, subject, first)


def _simplicity(e: Exchange) -> tuple[bool | int, ...]:
    return (
        e.only_overwrites,
        e.repeated,
        e.layout != "plain",
        e.case == REARRANGED,  # of numbers in no order
        e.size,
        not e.in_a_line,
    )


def cut_down(op: Operation, settings: Settings, subject: Candidate, failing: Exchange) -> Exchange:
    """Shorten the first input, and what has its shape, along one axis after the other while the call still fails."""
    progress = True
    while progress:
        progress = False
        for args in _shortened(failing.args):
            try:
                shorter = make_exchange(op, settings, subject, failing.case, args, failing.layout)
            except (ValueError, TypeError):  # the operation itself has no answer to it
                continue
            if shorter.fails:
                failing, progress = shorter, True
                break
    return failing


def _shortened(args: Arguments) -> Iterator[Arguments]:
    x = args[0]
    if not isinstance(x, np.ndarray):
        return
    for axis, length in enumerate(x.shape):
        for part in (length >> n for n in range(1, length.bit_length())):  # a half, a quarter, ..., one
            for keep in (slice(length - part), slice(part, None)):
                cut = (slice(None),) * axis + (keep,)
                shorter = tuple(v[cut] if isinstance(v, np.ndarray) and v.shape == x.shape else v for v in args)
                yield shorter
                gone = x.size - shorter[0].size
                if any(type(v) is int and v >= gone > 0 for v in args):  # one that counts entries, as k does
                    yield tuple(v - gone if type(v) is int and v >= gone else v for v in shorter)


def _report(
    op: Operation,
    settings: Settings,
    subject: Candidate,
    exchanges: Sequence[Exchange],
    smallest: Exchange | None,
    examples: int,
    seed: int,
    arrays: str,
) -> Report:
    cases = []
    for name in dict.fromkeys([*(c.name for c in op.cases), REARRANGED, SEARCH]):
        own = [e for e in exchanges if e.case == name]
        cases.append(CaseCount(name, sum(e.size for e in own), sum(e.failed for e in own)))
    differs = smallest is not None
    found: list[Explanation] = []
    if smallest is not None:
        found = [*_history(op, settings, subject, exchanges, smallest), *diagnose(op, settings, exchanges)]
    return Report(
        operation=op.name,
        settings=dict(settings),
        candidate=subject.name,
        imports=subject.imports,
        program=subject.program,
        arrays=arrays,
        verdict="differs" if differs else "agrees",
        examples=examples,
        seed=seed,
        cases=tuple(cases),
        counterexample=None if smallest is None else as_counterexample(op, settings, smallest),
        diagnosis=tuple(found),
        remarks=distinct([*(r for e in exchanges for r in e.answer.remarks), *_accepts(op, settings, subject)]),
        worst=max((e.comparison.worst for e in exchanges), default=0.0) if op.bound is not None else None,
    )


def _history(
    op: Operation, settings: Settings, subject: Candidate, exchanges: Sequence[Exchange], smallest: Exchange
) -> Iterator[Explanation]:
    """Say it where a process that was asked nothing before gives the right answer: one call does not show the fault."""
    if subject.afresh is None or not smallest.only_differs:
        return
    answer = subject.afresh(smallest.args, smallest.layout)
    if answer.given_up or _compared(op, settings, answer, smallest.case, smallest.args, smallest.layout).fails:
        return
    total, failed = sum(e.size for e in exchanges), sum(e.failed for e in exchanges)
    text = "depends on the calls before: it answers the counterexample rightly in a process of its own"
    yield Explanation(text, None, "history", total - failed, total)


def as_counterexample(op: Operation, settings: Settings, e: Exchange) -> Counterexample:
    """Return what a report shows of a failing call."""
    with np.errstate(all="ignore"):
        broken = (law.sentence for law in op.laws if not law.holds(e.args, e.answer.value, settings))
        law = None if e.problem is not None else next(broken, None)
        why = _by_hand(op, settings, e)
    names = [i.name for i in op.inputs]
    return Counterexample(
        inputs=dict(zip(names, e.args, strict=True)),
        before=None if e.answer.overwrote is None else dict(zip(names, e.answer.overwrote, strict=True)),
        layout=e.layout,
        repeated=e.repeated,
        expected=e.expected,
        actual=e.answer.value,
        problem=e.problem,
        silent=e.answer.problem is not None,
        said=e.answer.said,
        sent=tuple(dict(zip(names, args, strict=True)) for args in e.answer.sent),
        changed=e.answer.changed,
        wrong=e.comparison.wrong,
        bound=e.bound,
        law=law,
        why=why,
    )


def _by_hand(op: Operation, settings: Settings, e: Exchange) -> str | None:
    """Work out the first wrong value as a person would; for operations that say how."""
    wrong = e.comparison.wrong
    part = next((i for i, flags in enumerate(wrong) if flags.any()), None)
    if op.by_hand is None or e.problem is not None or part is None:
        return None
    index = arguments.first_index(wrong[part])
    return op.by_hand(e.args, index if len(wrong) == 1 else (part, *index), settings)


def _accepts(op: Operation, settings: Settings, subject: Candidate) -> Iterator[str]:
    """Yield a remark for each input that the operation rejects and the candidate takes."""
    for name, make in op.rejects:
        answer: Answer = subject.call(make(settings), "plain")
        if answer.problem is None:
            yield f"accepts {name}, which the operation rejects"


def assert_agrees(candidate: Callable[..., Any], operation: str, **options: Any) -> None:
    """Raise ``AssertionError`` with the report as its text unless the candidate agrees; takes what ``check`` takes.

    Examples
    --------
    >>> from refcompress import quantize
    >>> assert_agrees(lambda x, p: quantize(x, p, bits=8), "quantize", bits=8, examples=20)
    """
    report = check(candidate, operation, **options)
    if report.verdict != "agrees":
        raise AssertionError(str(report))

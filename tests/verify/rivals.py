"""Every rival of an operation by name, and its answers to the directed cases; the right ones as well."""

from fnmatch import fnmatchcase

import numpy as np

from refcompress.verify.agreement import compare
from refcompress.verify.candidates import Answer, Candidate
from refcompress.verify.check import make_exchange
from refcompress.verify.diagnosis import as_integers, fault_rivals, setting_rivals

NO_ANSWER = (ValueError, TypeError, IndexError, OverflowError, ZeroDivisionError)


class Call:
    """Stands for an exchange: a rival looks at nothing but the inputs and the bound."""

    def __init__(self, args, bound=None):
        self.args = args
        self.bound = bound


def full(operation, settings):
    return {**operation.defaults, **settings}


def each_value(operation):
    """Settings that have every value there is, one after the other, with the defaults beside it."""
    return [full(operation, {setting.name: value}) for setting in operation.settings for value in setting.allowed]


def named(declared, name):
    """The one of some cases, laws, faults or regions that has a name."""
    return next(one for one in declared if one.name == name)


def fault_named(operation, name):
    return named(operation.faults, name)


@np.errstate(all="ignore")
def broken_laws(operation, args, answer, settings):
    """The names of the laws that an answer breaks."""
    return [law.name for law in operation.laws if not law.holds(args, answer, settings)]


def rivals_of(operation, settings):
    return {
        rival.fault or " ".join(f"{k}={v}" for k, v in rival.settings.items()): rival
        for rival in [*setting_rivals(operation, settings), *fault_rivals(operation, settings)]
    }


def all_names(operation):
    return {name for settings in operation.typical for name in rivals_of(operation, full(operation, settings))}


def expand(kills, names):
    """The names that a case's patterns stand for: ``rounding=*`` is all of a family, ``!name`` leaves one out."""
    wanted = {name for name in names if any(fnmatchcase(name, p) for p in kills if not p.startswith("!"))}
    return wanted - {name for name in names if any(fnmatchcase(name, p[1:]) for p in kills if p.startswith("!"))}


CALLS = {}
KILLED = {}


def calls(operation, settings, case):
    """The inputs of a case, what is expected of each and its bound: worked out once."""
    key = operation.name, case.name, repr(sorted(settings.items()))
    if key not in CALLS:
        bound = operation.bound or (lambda args, settings: None)
        CALLS[key] = [(a, operation.answer(a, settings), bound(a, settings)) for a in case.make(settings)]
    return CALLS[key]


def answered_rightly(operation, settings, keep=lambda args: True):
    """The exchanges of a right candidate and the directed cases, of those whose inputs are to be kept."""
    right = Candidate("right", lambda args, layout: Answer(operation.answer(args, settings)))
    given = [(case, args) for case in operation.cases for args in case.make(settings) if keep(args)]
    return [make_exchange(operation, settings, right, case.name, args, case.layout) for case, args in given]


def answers(operation, settings, rival, case):
    """A rival's answers to a case, with the inputs and the bound; None where it has none."""
    for args, _, bound in calls(operation, settings, case):
        try:
            with np.errstate(all="ignore"):
                value = rival.answer(Call(args, bound))
        except NO_ANSWER:
            value = None
        yield args, bound, value


def differs(expected, value, bound):
    """Whether an answer is told from the expected one."""
    return value is None or not compare(expected, as_integers(value, expected), bound).agrees


def killed(operation, settings, case):
    """The names of the rivals that a case tells from the reference."""
    key = operation.name, case.name, repr(sorted(settings.items()))
    if key not in KILLED:
        expected = [right for _, right, _ in calls(operation, settings, case)]
        KILLED[key] = {
            name
            for name, rival in rivals_of(operation, settings).items()
            if any(
                differs(right, value, bound)
                for right, (_, bound, value) in zip(expected, answers(operation, settings, rival, case), strict=True)
            )
        }
    return KILLED[key]

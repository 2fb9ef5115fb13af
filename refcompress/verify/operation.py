"""What an operation is to the tester: one formula, with all that is needed to test an implementation of it. Data only.

Every command, the test vectors, the pytest fixture and the documentation read these declarations; adding an operation
is adding one ``Operation`` to ``refcompress.verify.operations``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from refcompress.arguments import Array

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Arguments = tuple[Any, ...]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Input:
    """One positional argument of a candidate."""

    name: str
    kind: str
    """floats, integers, booleans (arrays), integer, number (one of them), or list of floats (one array a layer)."""
    text: str


@dataclass(frozen=True)
class Setting:
    """One convention: the values it may take, and what an implementation that follows each is said to do."""

    name: str
    default: Any
    allowed: tuple[Any, ...]
    text: str
    says: Mapping[Any, str] = field(default_factory=dict)
    """value -> what it does, as a verb phrase: ``rounds halves away from zero``."""
    rival: bool = True
    """Whether another value is another rule; False for what only says how the candidate is called."""


@dataclass(frozen=True)
class Case:
    """Named inputs aimed at one hard place."""

    name: str
    make: Callable[[Settings], Iterable[Arguments]]
    """settings -> the calls to make; none where the settings leave the place empty."""
    kills: tuple[str, ...] = ()
    """The rivals that the case tells from the reference, under one of the operation's ``typical`` settings: names, or
    patterns such as ``rounding=*``, less those that follow a ``!``."""
    layout: str = "plain"
    """How arrays lie in memory: plain, strided, reversed, fortran or read-only."""


@dataclass(frozen=True)
class Law:
    """What any right implementation satisfies, judged without the reference."""

    name: str
    sentence: str
    holds: Callable[[Arguments, Any, Settings], bool]


@dataclass(frozen=True)
class Fault:
    """A known wrong rule, as a small function that gives the answers of an implementation that follows it."""

    name: str
    statement: str
    """A verb phrase that completes "the candidate ..."."""
    answer: Callable[[Arguments, Settings], Any]
    bound: Callable[[Arguments, Settings], Any] | None = None
    """How far rounding may take an implementation of the fault from ``answer``, where that can be more than the
    operation's own bound, widened by as much as the answers are larger."""
    coarse: bool = False
    """Whether that bound is of a coarser arithmetic: wide enough to hold some of any differences."""


@dataclass(frozen=True)
class Region:
    """A set of places in a result: where differences may lie."""

    name: str
    where: str
    """Completes "differs only ...": ``at ties``."""
    mask: Callable[[Arguments, Any, Settings], list[Array]]
    """arguments, expected answer, settings -> one flag an element, an array for each part of the answer."""
    positional: bool = False
    """Whether it goes by where an element stands and not by what it is: no flag of a test vector."""


@dataclass(frozen=True)
class Operation:
    """One formula and everything the tester knows of it."""

    name: str
    formula: str
    summary: str
    inputs: tuple[Input, ...]
    settings: tuple[Setting, ...]
    result: str
    parts: tuple[str, ...]
    """The names of the parts of an answer, in order; one name for a single array."""
    answer: Callable[[Arguments, Settings], Any]
    """The right answer: the reference called with the inputs and the settings."""
    cases: tuple[Case, ...]
    strategy: Callable[[Settings], "SearchStrategy[Arguments]"]
    laws: tuple[Law, ...]
    faults: tuple[Fault, ...]
    regions: tuple[Region, ...] = ()
    bound: Callable[[Arguments, Settings], Any] | None = None
    """Largest error of an honest implementation, shaped as the answer; None where the answer is determined.

    -0.0, where a single element is determined: then the sign of zero counts too."""
    typical: tuple[Settings, ...] = (MappingProxyType({}),)
    """Settings between which all rivals can be told apart; the cases' ``kills`` are declared for them together."""
    by_hand: Callable[[Arguments, tuple[int, ...], Settings], str] | None = None
    """How the expected value at one index comes about, in one line: ``round(2.5 * 2^0 = 2.5) = 2``; where the answer
    has several parts, the index begins with the number of the part."""
    rival_answer: Callable[[Arguments, Settings], Any] | None = None
    """The answer of one who follows other settings, where those have none to the inputs of a case: a k past the end of
    a row keeps the row. None: ``answer``."""
    rejects: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = ()
    """Inputs that the operation rejects, each with a name: a candidate that takes one gets a remark."""
    elementwise: bool = False
    """Whether element i of the answer depends on element i of the first input, and on the other inputs, which are
    numbers, alone."""
    accepts: Callable[[Arguments, Settings], Array] | None = None
    """For elementwise operations: a flag an element of the first input, whether it has an answer; where a flag is not
    set, the reference raises ValueError. None: every element has one."""

    def setting(self, name: str) -> Setting:
        """Return the setting of that name."""
        return next(s for s in self.settings if s.name == name)

    @property
    def defaults(self) -> dict[str, Any]:
        """The default of every setting."""
        return {s.name: s.default for s in self.settings}

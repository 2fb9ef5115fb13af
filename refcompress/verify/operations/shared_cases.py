"""What the declarations of cases share: the rivals that each tells apart, and the layouts of arrays in memory."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from refcompress.verify.operation import Arguments, Case, Settings

LAYOUTS = {"strided": "strided", "reversed": "reversed", "Fortran order": "fortran", "read-only": "read-only"}


def that_tell(kills: Mapping[str, str], *cases: Case) -> tuple[Case, ...]:
    """Return the cases, each with the rivals that it tells from the reference."""
    return tuple(replace(case, kills=tuple(kills[case.name].split())) for case in cases)


def in_every_layout(make: Callable[[Settings], Iterable[Arguments]]) -> tuple[Case, ...]:
    """Return the cases of the same calls in every layout of arrays in memory but the plain one."""
    return tuple(Case(name, make, layout=layout) for name, layout in LAYOUTS.items())

"""What a member of the collection is: an implementation, its settings, and what must be said of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Wrong:
    """An implementation with one fault."""

    name: str
    operation: str
    function: Callable[..., Any]
    says: str
    """A regular expression that the first statement of the diagnosis must match."""
    settings: dict[str, Any] = field(default_factory=dict)
    arrays: str = "numpy"


@dataclass(frozen=True)
class Right:
    """An implementation without one."""

    name: str
    operation: str
    function: Callable[..., Any]
    settings: dict[str, Any] = field(default_factory=dict)
    arrays: str = "numpy"

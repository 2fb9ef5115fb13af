"""What a peer is: a function of another library that claims to compute an operation; and what several are asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refcompress.arguments import Array


@dataclass(frozen=True)
class Probe:
    """An input outside the operation's contract, whose answer is worth knowing."""

    name: str
    """What is asked: ``NaN``."""
    ask: Callable[[Callable[..., Any]], Any]
    """The peer's function -> what it answers."""


NAN_CODE = Probe("NaN", lambda quantize: quantize(np.array([np.nan], np.float32), 1.0, 1))
FLOAT8 = ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz")


@dataclass(frozen=True)
class Peer:
    """A function of another library, as an implementation of an operation under some of its settings."""

    name: str
    """As its users call it: ``torch.quantize_per_tensor``."""
    package: str
    """The distribution that has it."""
    operation: str
    function: Callable[..., Any]
    """Takes the operation's inputs as NumPy arrays and numbers; imports the library when it is called."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings that its own arguments say: its width, its dtype."""
    specification: Mapping[str, Any] = field(default_factory=dict)
    """Settings that its own documentation states; where it reproduces others, it departs from it."""
    probes: tuple[Probe, ...] = ()
    numbers: int = 100_000
    """How many numbers it is asked for at least, beside the directed cases."""
    within: Callable[..., Array] | None = None
    """The operation's inputs -> a flag an element of the first one, whether the peer can be asked for it; None: all."""

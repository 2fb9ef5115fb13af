"""A sweep on disk: what was swept, and what came of every block that is done, so that it can be gone on with."""

import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refcompress.files import written_whole
from refcompress.verify.blocks import Found

EVERY = 5.0  # seconds between two writes
SHARE = 20  # times as long as the last write took


class SweepFile:
    """The file of ``--resume``: read at the start, written whole now and then and at the end."""

    def __init__(self, path: str, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = Path(path), json.loads(json.dumps(identity))
        self.due = time.monotonic() + EVERY
        self.done: dict[int, Found] = {}
        self.coarse = False
        """Whether intervals were put together because they were too many."""
        if self.path.exists():
            self._read()
        elif not self.path.absolute().parent.is_dir():
            raise ValueError(f"{self.path} cannot be written: there is no folder {self.path.parent}")

    def _read(self) -> None:
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            identity, blocks = held["sweep"], held["blocks"]
            self.done = {int(block): _found(found) for block, found in blocks.items()}
            self.coarse = bool(held["coarse"])
            if not isinstance(identity, dict):
                raise TypeError(f"sweep is {identity!r}")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"{self.path} is no file of a sweep: {type(error).__name__}: {error}") from None
        differing = [
            f"{name} is {_shown(identity.get(name))} there and {_shown(self.identity.get(name))} here"
            for name in dict.fromkeys([*self.identity, *identity])
            if identity.get(name) != self.identity.get(name)
        ]
        if differing:
            raise ValueError(f"{self.path} is of another sweep: {'; '.join(differing)}")

    def write(self, done: Mapping[int, Found], *, coarse: bool, now: bool = False) -> None:
        """Write the file if the last time is long enough ago, or ``now``."""
        start = time.monotonic()
        if start < self.due and not now:
            return
        held = {
            "sweep": self.identity,
            "coarse": coarse,
            "blocks": {str(block): dataclasses.asdict(done[block]) for block in sorted(done)},
        }
        with written_whole(self.path) as temporary:
            temporary.write_text(json.dumps(held), encoding="utf-8")
        end = time.monotonic()
        self.due = end + max(EVERY, SHARE * (end - start))


def _found(held: dict[str, Any]) -> Found:
    for name in ("accepted", "nan", "infinite", "outside", "changed"):
        if type(held[name]) is not int:
            raise TypeError(f"{name} is {held[name]!r}")
    for first, last, count in held["intervals"]:
        if not {type(first), type(last), type(count)} <= {int}:
            raise TypeError(f"an interval is {[first, last, count]!r}")
    for first, last, why in held["silent"]:
        if (type(first), type(last), type(why)) != (int, int, str):
            raise TypeError(f"a silence is {[first, last, why]!r}")
    lists = {"intervals": tuple(map(tuple, held["intervals"])), "silent": tuple(map(tuple, held["silent"]))}
    example = held["example"]
    return Found(**{**held, **lists, "example": None if example is None else tuple(example)})


def _shown(value: Any) -> str:
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)

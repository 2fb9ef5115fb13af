"""Interleaved timing: every function is run in turn, round after round, and the median of each is reported."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping


def interleaved(functions: Mapping[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """Return the median seconds of each function; one round that is not counted goes before."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for counted in range(-1, rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            elapsed = time.perf_counter() - start
            if counted >= 0:
                seconds[name].append(elapsed)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(rows: Iterable[tuple[str, float, str | None]]) -> None:
    """Print each row as it comes: name, measured value, and what is asked for if anything is."""
    for name, value, asked in rows:
        print(f"{name:76} {value:12.2f}  {asked or ''}".rstrip(), flush=True)

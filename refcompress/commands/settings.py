"""Settings as words of the command line: ``--set rounding=half_away``."""

from collections.abc import Iterable, Sequence
from typing import Any

from refcompress.verify.diagnosis import word
from refcompress.verify.operation import Operation, Setting


def listed(values: Iterable[Any]) -> str:
    """List values as words, runs of integers as ``2 to 32``.

    Examples
    --------
    >>> listed((None, 2, 3, 4, 5))
    'none, 2 to 5'
    >>> listed((True, False))
    'true, false'
    """
    runs: list[list[Any]] = []
    for value in values:
        if runs and type(value) is int and type(runs[-1][-1]) is int and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    texts = (f"{word(r[0])} to {word(r[-1])}" if len(r) > 3 else ", ".join(map(word, r)) for r in runs)
    return ", ".join(texts)


def read_value(setting: Setting, text: str) -> Any:
    """Return the allowed value that a word stands for, or raise with the list of what is allowed."""
    for value in setting.allowed:
        if text.strip().lower() == word(value).lower():
            return value
    raise ValueError(f"{setting.name} is {text!r}: it must be one of {listed(setting.allowed)}")


def read_settings(operation: Operation, texts: Sequence[str]) -> dict[str, Any]:
    """Return the settings that some NAME=VALUE texts choose; the last one counts."""
    chosen = {}
    known = {setting.name: setting for setting in operation.settings}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set {text}: it must be NAME=VALUE")
        if name.strip() not in known:
            raise ValueError(f"{operation.name} has no setting {name.strip()!r}: it has {', '.join(known)}")
        chosen[name.strip()] = read_value(known[name.strip()], value)
    return chosen

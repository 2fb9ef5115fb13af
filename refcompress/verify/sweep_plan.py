"""What can be swept, and with which inputs and settings: everything that a person may get wrong about it."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from refcompress import arguments
from refcompress.verify.bit_patterns import FLOAT_WORDS, INTEGER_WORDS
from refcompress.verify.blocks import Sweep
from refcompress.verify.check import resolve
from refcompress.verify.inputs import float_dtype
from refcompress.verify.layouts import FRAMEWORKS
from refcompress.verify.operation import Arguments, Input, Operation, Settings
from refcompress.verify.operations import OPERATIONS, find_operation

TIMED = 1 << 20  # inputs on which the reference is timed
YEAR = 365.25 * 24 * 3600


def elementwise(operation: str | Operation) -> Operation:
    """Return an operation that can be swept, or raise with the list of those that can."""
    op = find_operation(operation)
    if not op.elementwise:
        able = ", ".join(o.name for o in OPERATIONS.values() if o.elementwise)
        raise ValueError(f"{op.name} is not elementwise: every bit pattern can be swept for {able}")
    return op


def planned(op: Operation, dtype: str, inputs: Mapping[str, Any], settings: Settings, arrays: str = "numpy") -> Sweep:
    """Return what is to be swept, or raise with what is wrong with it."""
    arguments.choice(arrays, "arrays", FRAMEWORKS)
    floats = op.inputs[0].kind == "floats"
    settings = dict(settings)
    if floats:
        if settings.get("dtype", dtype) != dtype:
            given = settings["dtype"]
            raise ValueError(f"dtype is {given!r}, and every {dtype} is asked for: leave the setting out")
        held = [w for w in FLOAT_WORDS if w in op.setting("dtype").allowed]
    else:
        held = list(INTEGER_WORDS)
    if dtype not in (*held, "float64" if floats else "int64"):
        raise ValueError(f"{op.name} cannot be swept over {dtype!r}: it must be one of {', '.join(held)}")
    chosen = resolve(op, {**settings, "dtype": dtype} if floats else settings)
    fixed = _fixed(op, inputs)
    _try(op, (np.array([0, 1]).astype(float_dtype(dtype)), *fixed), chosen)
    if dtype not in held:
        raise ValueError(_too_many(op, dtype, fixed, chosen))
    return Sweep(op.name if OPERATIONS.get(op.name) is op else op, chosen, fixed, dtype, arrays)


def _fixed(op: Operation, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    others = op.inputs[1:]
    needed = ", ".join(f"{i.name} ({i.text})" for i in others) or "none"
    for name in inputs:
        if name not in {i.name for i in others}:
            raise ValueError(f"{name} is no input to fix: {op.name} needs {needed}")
    missing = [i.name for i in others if i.name not in inputs]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be given a value: {op.name} needs {needed}")
    return tuple(inputs[i.name] for i in others)


def read_input(declared: Input, text: str) -> Any:
    """Read the value of an input from a word of the command line: an integer, or a number that may be hexadecimal.

    Raises
    ------
    ValueError
        With the name and what it must be.

    Examples
    --------
    >>> read_input(Input("p", "integer", "fraction bits"), "-3"), read_input(Input("s", "floats", "a scale"), "0x1p-3")
    (-3, 0.125)
    """
    whole = declared.kind in ("integer", "integers")
    try:
        if whole:
            return int(text)
        return float.fromhex(text) if "0x" in text.lower() else float(text)
    except (ValueError, OverflowError):  # the latter for a hexadecimal number past every float
        what = "an integer" if whole else "a number"
        raise ValueError(f"{declared.name} is {text!r}: it must be {what} ({declared.text})") from None


def _try(op: Operation, args: Arguments, settings: Settings) -> None:
    """Call the reference, so that it refuses what it does not take."""
    try:
        op.answer(args, settings)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def _too_many(op: Operation, dtype: str, fixed: tuple[Any, ...], settings: Settings) -> str:
    """Say why 2^64 inputs are not swept, with the speed of the reference alone."""
    numbers = np.linspace(0, 1, TIMED).astype(dtype)
    rate = 0.0
    for _ in range(3):  # the first call of a process is slower than those after it
        start = time.perf_counter()
        _try(op, (numbers, *fixed), settings)
        rate = max(rate, numbers.size / (time.perf_counter() - start))
    chosen = "--set dtype=float64 " if dtype == "float64" else ""
    return (
        f"2^64 {dtype} inputs at {rate / 1e6:,.0f} million a second, the speed of the reference alone, would take"
        f" {2.0**64 / rate / YEAR:,.0f} years; a sample can be had: a seeded search after the directed cases with"
        f" `refcompress verify {op.name} CANDIDATE {chosen}--examples 10000`, or the cases at the boundaries of"
        f" `refcompress vectors write {op.name} {chosen}--level 3`"
    )

"""Digests of all that the operations declare: ``python tests/verify/declarations.py`` writes them to a file.

Whoever keeps a file of vectors, or reads rules and cases by name in a report, relies on them. They are the same on
every machine: what is digested of a rival, a law or a region is where it differs, is broken or is set, not a float.
"""

import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from verify.rivals import answered_rightly, answers, calls, full, rivals_of

from refcompress.verify.agreement import compare, parts
from refcompress.verify.diagnosis import as_integers
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.rearrangement import rearranged

FILE = Path(__file__).with_suffix(".json")


def digest(value):
    return hashlib.sha256(plain(value).encode()).hexdigest()[:12]


def plain(value):
    """Write a value in full, arrays by dtype, shape and bytes."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        array = array.astype(array.dtype.newbyteorder("<"))
        return f"{array.dtype.name}{array.shape}{array.tobytes().hex()}"
    if isinstance(value, tuple | list):
        return f"({','.join(plain(item) for item in value)})"
    return repr(value)


def settings_of(operation):
    return [full(operation, given) for given in operation.typical]


def every_call(operation, settings):
    return itertools.chain.from_iterable(calls(operation, settings, case) for case in operation.cases)


def cases(operation):
    """The numbers of each case and the bounds of the answers."""

    def made(case):
        return [[(args, bound) for args, _, bound in calls(operation, s, case)] for s in settings_of(operation)]

    return {case.name: digest((case.layout, made(case))) for case in operation.cases}


def regions(operation):
    """Where each region is."""

    def flags(region):
        return [
            region.mask(args, right, s) for s in settings_of(operation) for args, right, _ in every_call(operation, s)
        ]

    with np.errstate(all="ignore"):
        return {region.name: digest((region.positional, flags(region))) for region in operation.regions}


def rivals(operation):
    """Where each rival differs, and what it gives that no comparison takes."""
    found = {}
    for settings in settings_of(operation):
        for name, rival in rivals_of(operation, settings).items():
            for case in operation.cases:
                rights = (right for _, right, _ in calls(operation, settings, case))
                for right, (_, bound, value) in zip(rights, answers(operation, settings, rival, case), strict=True):
                    found.setdefault(name, []).append(differences(right, value, bound))
    return {name: digest(all_) for name, all_ in found.items()}


def differences(right, value, bound):
    if value is None:
        return None
    comparison = compare(right, as_integers(value, right), bound)
    return comparison.problem or list(comparison.wrong)


def laws(operation):
    """Which answers, right ones and spoilt ones, each law holds for."""
    found = {law.name: [] for law in operation.laws}
    for settings in settings_of(operation):
        for args, right, _ in every_call(operation, settings):
            with np.errstate(all="ignore"):
                for answer, law in itertools.product((right, *spoilt(right)), operation.laws):
                    found[law.name].append(bool(law.holds(args, answer, settings)))
    return {name: digest(all_) for name, all_ in found.items()}


def spoilt(answer):
    """Yield an answer with one part changed: its first element by 1, its last to the negative, or all to 0."""
    if isinstance(answer, tuple | list):
        for number, part in enumerate(answer):
            for changed in spoilt(part):
                yield type(answer)([*answer[:number], changed, *answer[number + 1 :]])
        return
    for place, change in ((0, lambda v: v + 1), (-1, np.negative), (slice(None), lambda v: v * 0)):
        changed = np.array(answer)
        if changed.size:
            flat = changed.reshape(-1)
            flat[place] = ~flat[place] if changed.dtype == bool else change(flat[place])
            yield changed


def texts(operation):
    """How answers come about by hand; which inputs have an answer."""
    said, accepted = [], []
    for settings in settings_of(operation):
        for args, right, _ in every_call(operation, settings):
            if operation.by_hand is not None:
                said += [operation.by_hand(args, index, settings) for index in places(right)]
            if operation.accepts is not None:
                accepted += [operation.accepts((x, *args[1:]), settings) for x in (args[0], ends(args[0]))]
    if operation.bound is not None:  # sums of floats, which need not be the same to the last digit
        said = [re.sub(r"-?\d+(\.\d+)?(e[-+]\d+)?", "#", text) for text in said]
    rejected = [(name, make(operation.defaults)) for name, make in operation.rejects]
    declared = [(s.name, s.default, s.allowed, sorted(s.says, key=repr), s.rival) for s in operation.settings]
    return {
        "by hand": digest(said),
        "accepts": digest(accepted),
        "rejects": digest(rejected),
        "settings": digest(declared),
    }


def ends(x):
    """Numbers of which not all have an answer, in the shape of an array of floats."""
    largest = float(np.finfo(np.float64 if x.dtype.itemsize == 8 else np.float32).max)
    powers = [sign * 2.0**k for k in (-1, 0, 6, 7, 8, 15, 16, 31, 32, 54, 62, 63, 64) for sign in (1, -1)]
    with np.errstate(over="ignore"):
        return np.resize([np.inf, -np.inf, np.nan, largest, -largest, *powers], x.shape).astype(x.dtype)


def places(answer):
    """A few places of a short answer, the number of its part first where it has several."""
    several = isinstance(answer, tuple | list)
    for number, part in enumerate(parts(answer)):
        first = [] if part.size > 40 else list(itertools.islice(np.ndindex(part.shape), 4))
        yield from ((number, *place) if several else place for place in first)


def rearranged_calls(operation):
    """The calls that are made of the cases, in other shapes, lengths and layouts."""

    def made(settings):
        directed = answered_rightly(operation, settings)
        return [(call.layout, call.args) for call in rearranged(operation, settings, directed, 0)]

    return digest([made(settings) for settings in settings_of(operation)])


PARTS = (cases, regions, rivals, laws, texts)


def declared(operation):
    return {part.__name__: part(operation) for part in PARTS} | {"rearranged": rearranged_calls(operation)}


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: declared(o) for name, o in OPERATIONS.items()}, indent=1) + "\n")

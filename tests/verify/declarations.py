"""Digests of all that the operations declare: ``python tests/verify/declarations.py`` writes them to a file.

Whoever keeps a file of vectors, or reads rules and cases by name in a report, relies on them. They are the same on
every machine: a sum or an exponential of floats need not be the same to the last digit, so that a bound, and the
floats which a rival gives, are digested to a thousandth, and what is held to a bound by where it differs alone.
"""

import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from verify.few import drawn
from verify.rivals import answered_rightly, answers, calls, each_value, full, rivals_of

from refcompress.verify.agreement import compare, parts
from refcompress.verify.diagnosis import as_integers
from refcompress.verify.operations import OPERATIONS
from refcompress.verify.rearrangement import rearranged

FILE = Path(__file__).with_suffix(".json")


def digest(values):
    """Name values shortly, one after the other as they come."""
    mark = hashlib.sha256()
    for value in values:
        mark.update(f"{plain(value)}\n".encode())
    return mark.hexdigest()[:12]


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
    """The typical settings, and one that has the middle value of every table: unsigned, and overflow that wraps."""
    others = {s.name: s.allowed[len(s.allowed) // 2] for s in operation.settings}
    return [full(operation, given) for given in (*operation.typical, others)]


def every_call(operation):
    for settings in settings_of(operation):
        for case in operation.cases:
            for call in calls(operation, settings, case):
                yield settings, *call


# Each part of what an operation declares: its names, and all that is digested of each, worked out one by one.


def cases(operation):
    """The numbers of each case and the bounds of the answers; the numbers for each value of a setting."""

    def of(case):
        yield case.layout
        for settings in each_value(operation):
            yield list(case.make(settings))
        for settings in settings_of(operation):
            yield [
                (args, operation.bound and nearly(bound, bound)) for args, _, bound in calls(operation, settings, case)
            ]

    return {case.name: of(case) for case in operation.cases}


def regions(operation):
    """Where each region is."""

    def of(region):
        yield region.positional
        for settings, args, right, _ in every_call(operation):
            with np.errstate(all="ignore"):
                yield region.mask(args, right, settings)

    return {region.name: of(region) for region in operation.regions}


def rivals(operation):
    """What each rival answers, or where that differs; what it gives that no comparison takes."""
    followed = [(settings, rivals_of(operation, settings)) for settings in settings_of(operation)]

    def of(name):
        for settings, found in followed:
            for case in operation.cases if name in found else ():
                rights = (right for _, right, _ in calls(operation, settings, case))
                given = answers(operation, settings, found[name], case)
                for right, (_, bound, value) in zip(rights, given, strict=True):
                    yield differences(right, value, bound), None if operation.bound else nearly(value, right)

    return {name: of(name) for name in dict.fromkeys(name for _, found in followed for name in found)}


def own_bounds(operation):
    """How far rounding may take an implementation of each fault from its answer, where the fault says so itself."""

    def of(fault):
        for settings, args, _, right in every_call(operation):
            with np.errstate(all="ignore"):
                pairs = zip(parts(fault.bound(args, settings)), parts(right), strict=True)
                bound = [without_noise(*pair) for pair in pairs]
            yield nearly(bound, bound)

    return {fault.name: of(fault) for fault in operation.faults if fault.bound is not None}


def without_noise(bound, right):
    """Return 0 for what is 2^40 times smaller than the reference's bound: what would cancel, were it not rounded."""
    largest = np.max(right, where=np.isfinite(right), initial=0.0)
    return np.where(bound < 2.0**-40 * largest, 0.0, bound)


def differences(right, value, bound):
    if value is None:
        return None
    comparison = compare(right, as_integers(value, right), bound)
    return comparison.problem or list(comparison.wrong)


def nearly(value, right):
    """Write an answer by its integers, and by its floats to a thousandth: sign and logarithm."""
    if value is None:
        return None
    held = [np.asarray(part) for part in parts(as_integers(value, right))]
    with np.errstate(all="ignore"):
        return [
            part if part.dtype.kind in "iub" else (np.signbit(part) & ~np.isnan(part), thousandths(part.astype(float)))
            for part in held
        ]


def thousandths(floats):
    """Return the nearest step of a scale that has a thousandth between two: 0, a common answer, lies on none's edge."""
    return np.rint(1000 * np.log(np.abs(floats)))


def laws(operation):
    """Which answers, right ones and spoilt ones, each law holds for."""

    def of(law):
        for settings, args, right, _ in every_call(operation):
            with np.errstate(all="ignore"):
                yield [bool(law.holds(args, answer, settings)) for answer in (right, *spoilt(right))]

    return {law.name: of(law) for law in operation.laws}


def spoilt(answer):
    """Yield an answer with one part changed: its first element by 1 or 256, its last to the negative, or all to 0."""
    if isinstance(answer, tuple | list):
        for number, part in enumerate(answer):
            for changed in spoilt(part):
                yield type(answer)([*answer[:number], changed, *answer[number + 1 :]])
        return
    for place, change in (
        (0, lambda v: v + 1),
        (0, lambda v: v + 256),
        (-1, np.negative),
        (slice(None), lambda v: v * 0),
    ):
        changed = np.array(answer)
        if changed.dtype.kind in "iu" and changed.dtype.itemsize < 8:
            changed = changed.astype(np.int64)  # room for what is no code
        if changed.size:
            flat = changed.reshape(-1)
            flat[place] = ~flat[place] if changed.dtype == bool else change(flat[place])
            yield changed


def texts(operation):
    """How answers come about by hand; which inputs have an answer; what else is said in words."""
    return {
        "by hand": by_hand(operation) if operation.by_hand is not None else (),
        "accepts": accepted(operation) if operation.accepts is not None else (),
        "rejects": ((name, make(s)) for s in each_value(operation) for name, make in operation.rejects),
        "settings": ((s.name, s.default, s.allowed, sorted(s.says, key=repr), s.rival) for s in operation.settings),
        "kills": ((case.name, case.kills) for case in operation.cases),
        "faults": ((f.name, f.coarse, f.bound is None) for f in operation.faults),
        "form": [
            (operation.name, operation.parts, operation.elementwise, *((i.name, i.kind) for i in operation.inputs))
        ],
        "words": words(operation),
    }


def words(operation):
    """Yield every text for people, with the name of what it tells about."""
    yield from (("formula", operation.formula), ("summary", operation.summary), ("result", operation.result))
    yield from ((i.name, i.text) for i in operation.inputs)
    yield from ((s.name, text) for s in operation.settings for text in (s.text, *s.says.values()))
    yield from ((law.name, law.sentence) for law in operation.laws)
    yield from ((fault.name, fault.statement) for fault in operation.faults)
    yield from ((region.name, region.where) for region in operation.regions)


def by_hand(operation):
    for settings, args, right, _ in every_call(operation):
        for index in places(right):
            said = operation.by_hand(args, index, settings)
            # sums of floats need not be the same to the last digit
            yield said if operation.bound is None else re.sub(r"-?\d+(\.\d+)?(e[-+]\d+)?", "#", said)


def accepted(operation):
    for settings, args, *_ in every_call(operation):
        yield [operation.accepts((x, *args[1:]), settings) for x in (args[0], ends(args[0]))]


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


def rearrangements(operation):
    """The calls that are made of the cases, in other shapes, lengths and layouts."""

    def calls_of(settings):
        directed = answered_rightly(operation, settings)
        yield from ((call.layout, call.args) for call in rearranged(operation, settings, directed, 0))

    return {repr(dict(given)): calls_of(full(operation, given)) for given in operation.typical}


def searches(operation):
    """A few inputs that the search may draw, for each value of a setting."""
    return {"a few": (drawn(operation.strategy, settings) for settings in each_value(operation))}


PARTS = {part.__name__: part for part in (cases, regions, rivals, own_bounds, laws, texts, rearrangements, searches)}


def declared(operation):
    return {name: {piece: digest(values) for piece, values in part(operation).items()} for name, part in PARTS.items()}


if __name__ == "__main__":
    FILE.write_text(json.dumps({name: declared(o) for name, o in OPERATIONS.items()}, indent=1) + "\n")

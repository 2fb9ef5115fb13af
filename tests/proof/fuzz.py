"""Hostile inputs at every door: ``python tests/proof/fuzz.py [DOOR ...] --inputs 100000 --seed 0``.

A door is a public function, or a file or a line that a command reads. Whatever comes, it answers, or it raises
``ValueError`` or ``TypeError`` with a message that names an argument: no other exception, no warning, no crash, no
hang, no change of an input, no file outside the folder that was asked for. A function that answers must give the same
answer to the same numbers in plain arrays. ``--only N`` runs one input again.
"""

import argparse
import faulthandler
import inspect
import re
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent.parent))

import ml_dtypes
import numpy as np
from proof.doors import FUNCTIONS, function
from proof.file_doors import FILES
from proof.hostile import anything

SECONDS = 10  # for one input
MEMORY = 4 << 30


class HangError(BaseException):
    """An input took too long; nothing on the way may catch it."""


def draw(name, seed, number):
    """The arguments of one input of a function's door: valid ones, of which none or some are replaced."""
    r = Random(f"{name} {seed} {number}")
    valid, settings = FUNCTIONS[name]
    given = valid(r)
    args = list(given)
    keywords = {key: r.choice(values) for key, values in settings.items() if r.random() < 0.5 or key in NEEDED}
    for _ in range(r.choice((0, 1, 1, 1, 2))):
        place = r.choice([*range(len(args)), *(key for key in settings if key not in LONG)])
        if isinstance(place, int):
            new = anything(r, args[place])
            args[place] = args[place] if callable(new) and callable(given[place]) else new  # its errors are its own
        else:
            keywords[place] = anything(r, r.choice(settings[place]))
    return args, keywords


NEEDED = {"lr", "final", "optimizer", "epochs", "hidden", "bits"}  # settings that may be without a default
LONG = {"epochs"}  # a setting that may ask for years, which are then taken


def call(name, seed, number):
    """Run one input; return what is wrong with what came of it, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is made here: a matrix
        args, keywords = draw(name, seed, number)
    return judged(name, args, keywords, list(FUNCTIONS[name][0](Random(f"{name} {seed} {number}"))))


def few(name):
    """Yield a dozen calls of a function as they are meant: the arguments, and the settings without a default."""
    valid, settings = FUNCTIONS[name]
    for number in range(12):
        yield list(valid(Random(f"{name} {number}"))), {key: settings[key][0] for key in settings if key in NEEDED}


def planted(name):
    """Yield the number and the complaint of every valid input that an array of edges in its place spoils."""
    for number, (valid, keywords) in enumerate(few(name)):
        for place, value in enumerate(valid):
            for edge in EDGE_ARRAYS:
                args = [*valid[:place], edge_in(value, edge), *valid[place + 1 :]]
                wrong = None if args[place] is value else judged(name, args, keywords, valid)
                if wrong is not None:
                    yield number, place, edge, wrong


def misnamed(name):
    """Yield the argument, what was given and the answer, wherever words in place of numbers are not refused by name."""
    f = function(name)
    names = names_of(f)
    for valid, keywords in few(name):
        if isinstance(outcome(f, valid, keywords), BaseException):
            continue  # what was drawn is refused for another reason
        for place, value in enumerate(valid):
            for bad in words_for(value):
                answer = outcome(f, [*valid[:place], bad, *valid[place + 1 :]], keywords)
                if not refuses(answer, names[place]):
                    yield names[place], bad, answer
        for key in FUNCTIONS[name][1]:
            answer = outcome(f, valid, {**keywords, key: Ellipsis})
            if not refuses(answer, key):
                yield key, Ellipsis, answer


def words_for(value):
    """Values of the wrong kind in the place of a right one: as an array of its shape, and as the last of a list."""
    bad = ["?", np.full(getattr(value, "shape", ()), "?"), np.full(getattr(value, "shape", ()), 1j)]
    return bad + ([[*value[:-1], "?"]] if isinstance(value, list | tuple) and value else [])


def refuses(answer, argument):
    return type(answer) in (ValueError, TypeError) and str(answer).startswith(argument)


def edge_in(value, edge):
    """An array of edges in the shape of one of floats, or in that of the first of a list of them."""
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        return [edge_in(value[0], edge), *value[1:]]
    if not (isinstance(value, np.ndarray) and value.size and np.can_cast(value.dtype, np.float64)):
        return value
    dtype, words = EDGE_ARRAYS[edge]
    return np.resize(np.array(words, f"u{dtype.itemsize}"), value.shape).view(dtype)


# what is hard -> dtype, bit patterns
EDGE_ARRAYS = {
    "signalling bfloat16": (np.dtype(ml_dtypes.bfloat16), [0x3F80, 0x7F81, 0xFF81]),
    "signalling float32": (np.dtype(np.float32), [0x3F800000, 0x7F800001, 0xFF800001]),
    "signalling float64": (np.dtype(np.float64), [0x3FF0000000000000, 0x7FF0000000000001, 0xFFF0000000000001]),
    "largest float64": (np.dtype(np.float64), [0x7FEFFFFFFFFFFFFF, 0xFFEFFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFF]),
    "smallest float64": (np.dtype(np.float64), [1, 0x8000000000000001, 0, 1 << 63]),
    "exponentials that underflow": (np.dtype(np.float64), np.array([1.0, -740.0, 1e-200]).view(np.uint64)),
}


def judged(name, args, keywords, valid):
    """Call a function; return what is wrong with what came of it, or None."""
    before = [snapshot(a) for a in args]
    f = function(name)
    answer = outcome(f, args, keywords)
    if any(b is not None and b != snapshot(a) for a, b in zip(args, before, strict=True)):
        return "it changed its input"
    if isinstance(answer, BaseException):
        return complaint(answer, names_of(f), name)
    if not any(isinstance(a, np.ndarray) for a in args) or any(isinstance(a, Iterator) for a in args):
        return None  # an iterator is read by now
    plain = outcome(
        f,
        [a.item() if isinstance(v, int) and is_small(a) else plainly(a) for a, v in zip(args, valid, strict=True)],
        {key: value.item() if is_small(value) else value for key, value in keywords.items()},
    )
    if isinstance(plain, BaseException):
        if large(name) and isinstance(plain, MemoryError):
            return None
        return f"it answers, but plain arrays give {plain!r}"
    return None if same(answer, plain) else f"answers {answer!r}, but {plain!r} to plain arrays"


def outcome(f, args, keywords):
    """What a call returns or raises; a warning is raised too, and for a caller who wants to hear of every underflow."""
    try:
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            return f(*args, **keywords)
    except HangError:
        raise
    except BaseException as error:
        return error


def names_of(f):
    return list(inspect.signature(f).parameters)


def complaint(error, names, name=""):
    """What is wrong with an exception, or None for one that is as it should be."""
    where = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    text = f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})" if where else ""
    if type(error) not in (ValueError, TypeError):
        allowed = BROKEN in str(error) or (large(name) and isinstance(error, MemoryError))
        return None if allowed else text
    words = set(re.findall(r"[A-Za-z_]\w*", str(error)))
    names = [*names, "lr"] if "optimizer" in names else names  # an argument of the optimizer
    singular = {n.removesuffix("es") for n in names} | {n.removesuffix("s") for n in names}
    return None if words & (set(names) | singular) else f"names no argument: {text}"


def large(name):
    """Whether what is asked of a function may be more than the memory of a small machine."""
    return name.endswith(("restore", "initialize", "train_teacher", "train_student", "hinted_start"))


BROKEN = "broken sequence"  # of an object that fails when it is read: its own error goes through


def snapshot(value):
    """The bytes of an array, to be compared after the call."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.tobytes()
    if isinstance(value, list | tuple):
        return [snapshot(v) for v in value]
    return None


def is_small(value):
    """Whether a number is one of NumPy's integers or booleans, which must count as Python's own."""
    return isinstance(value, np.integer | np.bool_) and not isinstance(value, np.timedelta64)


def plainly(value):
    """The same numbers in an array of its own, in C order and native byte order."""
    if type(value) is not np.ndarray or value.dtype.kind == "O":
        return value
    return np.array(value, value.dtype.newbyteorder("=") if value.dtype.kind in "iuf" else value.dtype, order="C")


def same(a, b):
    """Whether two answers are the same bits."""
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(v, w) for v, w in zip(a, b, strict=True))
    if isinstance(a, np.ndarray | np.generic) and a.dtype.kind != "O":
        return a.dtype == b.dtype and a.shape == b.shape and np.asarray(a).tobytes() == np.asarray(b).tobytes()
    if isinstance(a, int):
        return type(a) is type(b) and a == b
    if isinstance(a, float | str | bytes):
        return repr(a) == repr(b)
    return type(a) is type(b)


def alarm(number, frame):
    raise HangError


def attempt(name, seed, number):
    """Run one input of any door under a clock; return a complaint or None."""
    signal.signal(signal.SIGALRM, alarm)
    signal.alarm(SECONDS)
    try:
        return call(name, seed, number) if name in FUNCTIONS else FILES[name](Random(f"{name} {seed} {number}"))
    except HangError:
        return f"took more than {SECONDS} seconds"
    finally:
        signal.alarm(0)


def storm(name, seed, inputs):
    """Yield the number and the complaint of every input that a door handles wrongly."""
    for number in range(inputs):
        wrong = attempt(name, seed, number)
        if wrong is not None:
            yield number, wrong


def kind(text):
    """What complaints that are alike have in common: the exception and the line that raised it."""
    return re.sub(r": .*(?= \()", "", text) if text.endswith(")") else text[:30]


def report(name, seed, inputs):
    """Run one door and print what it does; return how many inputs it handles wrongly."""
    start, kinds = time.monotonic(), {}
    for number, wrong in storm(name, seed, inputs):
        kinds.setdefault(kind(wrong), []).append((number, wrong))
    wrong = sum(map(len, kinds.values()))
    print(f"{name:50} {inputs:9,} inputs {wrong:7,} wrong {time.monotonic() - start:7.1f} s", flush=True)
    for found in sorted(kinds.values(), key=len, reverse=True):
        print(f"    {len(found):6,} x --only {found[0][0]}: {found[0][1]}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("doors", metavar="DOOR", nargs="*", help="the doors; all by default")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one input: run it alone, and show it")
    options = parser.parse_args()
    for name in options.doors:
        if name not in FUNCTIONS and name not in FILES:
            parser.error(f"no door has the name {name!r}; they are {', '.join([*FUNCTIONS, *FILES])}")
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if options.only is not None:
        for name in options.doors:
            if name in FUNCTIONS:
                print(*draw(name, options.seed, options.only), sep="\n")
            print(attempt(name, options.seed, options.only))
        return 0
    return 1 if sum(report(name, options.seed, options.inputs) for name in options.doors or [*FUNCTIONS, *FILES]) else 0


if __name__ == "__main__":
    sys.exit(main())

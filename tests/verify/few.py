"""A few values of any strategy, the same ones on every machine and with every version of hypothesis.

``drawn(make, *args)`` gives those of the strategy that ``make`` returns: for what hypothesis makes strategies with it
puts functions that list values. Those are the ends and the middle of integers, the ends of the floats, and all that is
sampled from; what is made of several takes the first of each, then the second, and so on, and then others together.
"""

import itertools
from unittest import mock

import numpy as np
from hypothesis import strategies


class Few:
    """Stands for a strategy."""

    def __init__(self, values):
        self.values = list(values)

    def __or__(self, other):
        return one_of(self, other)

    def map(self, function):
        return Few(map(function, self.values))

    def filter(self, condition):
        return Few(filter(condition, self.values))


def integers(least, most):
    return Few(dict.fromkeys((least, most, (least + most) // 2, min(least + 1, most))))


def floats(least=None, most=None, *, width=64, **_):
    if least is not None:
        return Few((least, most, least + (most - least) / 4))
    held = np.finfo(f"float{width}")
    return Few(float(v) for v in (held.max, -held.max, held.smallest_subnormal, -0.0, held.tiny, 2.75, -1 - held.eps))


def sampled_from(values):
    return Few(values)


def just(value):
    return Few([value])


def booleans():
    return Few([False, True])


def one_of(*made):
    return Few(value for few in made for value in few.values)


def lists(made, *, min_size=0, max_size):
    """All values, in lists of every length in turn."""
    lengths, values, found = itertools.cycle(range(max_size, min_size - 1, -1)), made.values, []
    while values:
        n = next(lengths)
        found.append(list(itertools.islice(itertools.cycle(values), n)))
        values = values[n:]
    return Few(found)


def tuples(*made):
    n = 2 * max(len(few.values) for few in made)
    return Few(tuple(_met(few.values, i, place) for place, few in enumerate(made)) for i in range(n))


def _met(values, i, place):
    """The i-th of values in circles, each of which begins further on: other values meet."""
    return values[(i + place * (i // len(values))) % len(values)]


def builds(function, *made):
    return tuples(*made).map(lambda values: function(*values))


def drawn(make, *args):
    """Return a few values of the strategy that a function makes of its arguments."""
    own = (integers, floats, sampled_from, just, booleans, one_of, lists, tuples, builds)
    with mock.patch.multiple(strategies, **{function.__name__: function for function in own}):
        return make(*args).values

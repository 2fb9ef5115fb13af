"""Exact twin of the bounds of the mse and of a network: their derivation in decimals of 80 digits, element by element.

A quantity is a pair (v, e), a matrix is a list of rows. An infinity is what nothing is promised of; what is not a
number any more, such as infinity times 0, becomes one.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction
from math import inf

from oracles.distillation import DIGITS, decimal
from oracles.mlp import tanh, terms

F, SCALING = 8, 4
INFINITE = Decimal("inf")


@dataclass
class Rules:
    """The arithmetic; the factor 1 / N, with its roundings and their relative error; what a lost quantum grows by.

    ``held`` collects the sizes that must stay below the largest number.
    """

    unit: Fraction
    quantum: Fraction
    largest: Decimal
    held: list = field(default_factory=list)
    n: int = 1
    roundings: int = 0
    relative: Decimal = Decimal(0)
    growth: int = 1

    @property
    def u(self):
        return decimal(self.unit)

    @property
    def eta(self):
        return decimal(self.quantum)

    def gamma(self, k):
        """Return k u / (1 - k u)."""
        return k * self.u / (1 - k * self.u) if k * self.u < 1 else INFINITE

    def scaled(self, n):
        """Return the rules of a computation with the factor 2 / n."""
        if n <= 1:
            return replace(self, growth=2)
        scaling = (1 + self.gamma(SCALING)) * (1 + 2 * self.eta * n) - 1 if n < self.largest else INFINITE
        return replace(self, n=n, roundings=SCALING, relative=scaling, growth=2)

    def step(self, v, moved, size, relative, quanta, count=1):
        """Return (v, e), with e = moved + relative size + quanta eta and what its evaluation may lose."""
        scaled = (1 + relative) * (1 + self.relative)
        e = moved + relative * size + (quanta + self.roundings if quanta else 0) * self.growth * self.eta * scaled
        own = Decimal(count + 64)
        e = e * (1 + own / 2**52) + (own * Decimal(2) ** -1074 if e else 0)
        self.held.append((size * (1 + own / 2**52) + e) * self.n)
        return (v, e) if self.held[-1] < self.largest else (Decimal(0), INFINITE)

    def read(self, x):
        """Return an input as decimal, with the error of holding it in so many bits and quanta."""
        v = abs(x)
        bits = (v.numerator // (v.numerator & -v.numerator)).bit_length() if v else 0
        e = decimal(v) * self.u if 2**bits * self.unit > 1 else Decimal(0)
        if v < self.quantum / self.unit and v % self.quantum:
            e += decimal(min(v, self.quantum))
        return self.step(decimal(x), e, abs(decimal(x)), Decimal(0), 0)

    def reach(self, e):
        """Return how far a computed value may be from the one of float64."""
        return e * (1 + Decimal(2) ** -53 / self.u)


def most(q):
    """Return what the magnitude of a quantity is at most, exact or computed."""
    return abs(q[0]) + 2 * q[1]


def dot(a, b, rules, bias=None):
    """Return the sum of the products of two lists of quantities, and of a bias."""
    pairs = list(zip(a, b, strict=True))
    v, size = sum(p[0] * q[0] for p, q in pairs), sum(most(p) * most(q) for p, q in pairs)
    moved, m = sum(p[1] * most(q) + most(p) * q[1] for p, q in pairs), sum(most(p) > 0 < most(q) for p, q in pairs)
    if bias:
        v, size, moved, m = v + bias[0], size + most(bias), moved + bias[1], m + (most(bias) > 0)
    return rules.step(v, moved, size, rules.gamma(m + 1), 2 * m, len(pairs) + 1)


def relu(z, rules):
    return max(z[0], Decimal(0)), Decimal(0) if rules.reach(z[1]) <= -z[0] else z[1]


def relu_backward(g, z, h, rules):
    uncertain = abs(z[0]) <= rules.reach(z[1]) and z[1] > 0
    v = g[0] if z[0] > 0 else Decimal(0)
    return v, most(g) if uncertain else g[1] if z[0] > 0 or g[1] == INFINITE else Decimal(0)


def smooth(kind, z, rules):
    """Return tanh or sigmoid of z: F ulps of 2 u and a store."""
    y = value(kind, z[0])
    most_slope = steepest(kind, z, rules)
    size = abs(y) + most_slope * rules.reach(z[1]) if kind == "tanh" else Decimal(1)
    return rules.step(y, most_slope * z[1], size, rules.gamma(2 * F + 1), F + 1 if size else 0)


def smooth_backward(kind, g, z, h, rules):
    y, top, three = h[0], most(h), rules.gamma(3)
    slope, moved = (1 - y * y, 2 * top * h[1]) if kind == "tanh" else (y - y * y, h[1] + h[1] ** 2)
    plain = Rules(rules.unit, rules.quantum, rules.largest, rules.held)
    moved = (moved + three * top**2) * (1 + three)
    slope = plain.step(slope, moved, steepest(kind, z, rules), rules.gamma(4 * F + 4), F + 2)
    size, moved = most(g) * most(slope), g[1] * most(slope) + most(g) * slope[1]
    return rules.step(g[0] * slope[0], moved, size, rules.gamma(2), 8 if most(g) else 0)


def value(kind, z):
    z = max(min(z, Decimal(1000)), Decimal(-1000))  # beyond, the digits are those of the limit
    return decimal(tanh(Fraction(z))) if kind == "tanh" else (1 + decimal(tanh(Fraction(z / 2)))) / 2


def steepest(kind, z, rules):
    """Return the slope at the number within reach that is nearest to 0, and what its evaluation may lose."""
    nearest = max(abs(z[0]) * (1 - Decimal(2) ** -50) - rules.reach(z[1]), Decimal(0))
    rate, factor = (2, 4) if kind == "tanh" else (1, 1)
    decay = max((-rate * nearest).exp(), Decimal(2) ** -1022)
    return factor * decay / (1 + decay) ** 2


ACTIVATIONS = {
    "identity": (lambda z, rules: z, lambda g, z, h, rules: g),
    "relu": (relu, relu_backward),
    "tanh": (lambda *a: smooth("tanh", *a), lambda *a: smooth_backward("tanh", *a)),
    "sigmoid": (lambda *a: smooth("sigmoid", *a), lambda *a: smooth_backward("sigmoid", *a)),
}


@contextmanager
def arithmetic(unit, tiny, largest):
    """Yield the rules of a precision."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = DIGITS, -(10**15), 10**15
        context.traps[InvalidOperation] = False
        yield Rules(Fraction(unit), Fraction(tiny), decimal(largest))


def rational(matrix):
    """Return the errors of a matrix of quantities as fractions, or the infinity that they are."""
    return [[Fraction(e) if e.is_finite() else inf for _, e in row] for row in matrix]


def read(rows, rules):
    return [[rules.read(Fraction(x)) for x in row] for row in rows]


def difference(first, second):
    return [
        [(a[0] - b[0], a[1] + b[1]) for a, b in zip(*rows, strict=True)] for rows in zip(first, second, strict=True)
    ]


def loss_gradient(d, rules):
    """Return 2 d / n: the difference, a store and the scaling."""
    relative = (1 + rules.gamma(2)) * (1 + rules.relative) - 1
    factor = Decimal(2) / rules.n
    return [
        [rules.step(factor * q[0], factor * q[1], factor * most(q), relative, 3 if most(q) else 0) for q in row]
        for row in d
    ]


def mse_loss_bound(student, teacher, reduction, unit, tiny, largest):
    """Return the bound of the loss, and the sizes that must be held."""
    with arithmetic(unit, tiny, largest) as plain:
        d = [q for row in difference(read(student, plain), read(teacher, plain)) for q in row]
        rules = plain.scaled(terms(len(student), len(student[0]), reduction))
        sizes, m = [most(q) for q in d], sum(most(q) > 0 for q in d)
        loss, moved = sum(s * s for s in sizes) / rules.n, 2 * sum(q[1] * most(q) for q in d) / rules.n
        relative = (1 + rules.gamma(m + 6)) * (1 + rules.relative) - 1
        return rational([[rules.step(loss, moved, loss, relative, 4 * sum(sizes) + 6 * m, len(d))]]), rules.held


def mse_gradient_bound(student, teacher, reduction, unit, tiny, largest):
    """Return the bounds of the gradient, and the sizes that must be held."""
    with arithmetic(unit, tiny, largest) as plain:
        rules = plain.scaled(terms(len(student), len(student[0]), reduction))
        d = difference(read(student, plain), read(teacher, plain))
        return rational(loss_gradient(d, rules)), rules.held


def forward(weights, biases, x, activation, rules):
    hs, zs = [read(x, rules)], []
    for w, b in zip(weights, biases, strict=True):
        if zs:
            hs.append([[ACTIVATIONS[activation][0](z, rules) for z in row] for row in zs[-1]])
        columns = zip(*read(w, rules), strict=True)
        layer = list(zip(columns, read([b], rules)[0], strict=True))
        zs.append([[dot(h, column, rules, bias) for column, bias in layer] for h in hs[-1]])
    return hs, zs


def mlp_forward_bound(weights, biases, x, activation, unit, tiny, largest):
    """Return the bounds of the output, and the sizes that must be held."""
    with arithmetic(unit, tiny, largest) as rules:
        return rational(forward(weights, biases, x, activation, rules)[1][-1]), rules.held


def mlp_gradients_bound(weights, biases, x, target, activation, reduction, unit, tiny, largest):
    """Return the bounds of dW and of db (a row) of each layer, and the sizes that must be held."""
    with arithmetic(unit, tiny, largest) as plain:
        hs, zs = forward(weights, biases, x, activation, plain)
        rules = plain.scaled(terms(len(target), len(target[0]), reduction))
        g, dw, db = loss_gradient(difference(zs[-1], read(target, plain)), rules), [], []
        for i in reversed(range(len(weights))):
            columns = list(zip(*g, strict=True))
            dw.insert(0, rational([[dot(h, c, rules) for c in columns] for h in zip(*hs[i], strict=True)]))
            db.insert(0, rational([[dot([(Decimal(1), Decimal(0))] * len(g), c, rules) for c in columns]]))
            if i:
                g = [[dot(row, w, rules) for w in read(weights[i], plain)] for row in g]
                g = [
                    [ACTIVATIONS[activation][1](*each, rules) for each in zip(*rows, strict=True)]
                    for rows in zip(g, zs[i - 1], hs[i], strict=True)
                ]
        return dw, db, rules.held

"""Exact twin of the bounds of distillation: their derivation in decimals of 80 digits, one element at a time.

Names are those of the derivation: u and eta, e, r, A and D of an element, F the ulps of a function.
"""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import inf

from oracles.distillation import DIGITS, decimal, log_softmax, number

F, STEPS = 2, 4 + 4
INFINITE = Decimal("inf")


class Side:
    """Student or teacher of one example: lists of a, A, p, D, and of the most that a probability may be."""

    def __init__(self, row, T, u, eta):
        c, largest = len(row), max(row)
        w = [(abs(z) + abs(largest)) / T for z in row]
        e = [gamma(5, u) * v + 6 * eta * (1 + 1 / T) for v in w]
        x = [(z - largest) / T for z in row]
        S = sum(v.exp() for v in x)
        r = sum(moved(v, d, gamma(2 * F + c + 1, u)) + 3 * eta for v, d in zip(x, e, strict=True)) / S
        self.a = log_softmax(row, T)
        self.A = [
            d
            + (r / (1 - r) if r < 1 else INFINITE)
            + factors(u, 2 * F * (abs(largest) / T + Decimal(c).ln()), 2 * (v + Decimal(c).ln()), (2 * F + 1) * abs(a))
            + 8 * eta * (1 + 1 / T)
            for d, v, a in zip(e, w, self.a, strict=True)
        ]
        self.p = [a.exp() for a in self.a]
        self.D = [moved(a, A, gamma(2 * F + 3, u)) + 3 * eta for a, A in zip(self.a, self.A, strict=True)]
        self.most = [p + 2 * D for p, D in zip(self.p, self.D, strict=True)]


def gamma(k, u):
    """Return k u / (1 - k u)."""
    return k * u / (1 - k * u) if k * u < 1 else INFINITE


def moved(x, error, relative):
    """Return how far exp(x) may move with its exponent and by a relative error, for an x that is in error itself."""
    return (x + 2 * error).exp() * (min(error, Decimal(1)) + relative)


def factors(u, of_sum, difference, of_second):
    """Return the error of a logarithm from the logarithm of S, the difference, the factors and a second logarithm."""
    return gamma(1, u) * (of_sum + difference + 2 * F + 3 + of_second) * (1 + gamma(4 * F + 8, u))


def terms(first, second):
    """Return, for each term of KL(first || second), how far it moves, the sizes that are rounded, the logarithms."""
    found = []
    for j in range(len(first.p)):
        both = first.A[j] + second.A[j]
        logs = abs(first.a[j]) + abs(second.a[j]) + 2 * both
        move = max(first.most[j], second.most[j]) * both + first.D[j] * (logs + 1) + second.D[j]
        if first.D[j] > first.p[j] / 2:
            move += 3 * first.D[j] * (1 + abs((3 * first.D[j]).ln()))
        found.append((move, first.most[j] * (logs + 1) + second.most[j], logs))
    return found


def rational(value):
    """Return a decimal as a fraction, or the infinity that it is or has come from."""
    return Fraction(value) if value.is_finite() else inf


def own_rounding(error, count):
    """Return a bound with what its evaluation in float64 may lose."""
    return error * (1 + Decimal(count + 4096) / 2**52) + (count + 64) * Decimal(2) ** -1074


def sides(student, teacher, T, u, eta):
    """Return the two sides of every example."""
    pairs = zip(student, teacher, strict=True)
    return [tuple(Side([decimal(z) for z in row], T, u, eta) for row in pair) for pair in pairs]


def loss_bound(student, teacher, temperature, scaled, reduction, direction, unit, tiny):
    """Return the bound of the loss before and with its own rounding, and the size that must be held."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = DIGITS, -(10**15), 10**15
        T, u, eta = (decimal(v) for v in (temperature, unit, tiny))
        n, factor = number((len(student), len(student[0])), reduction), T * T if scaled else Decimal(1)
        each = []
        for s, t in sides(student, teacher, T, u, eta):
            each += terms(s, t) if direction == "reverse" else terms(t, s)
        rounding, scaling = gamma(len(each) + 2 * F + 8, u), gamma(STEPS, u)
        whole = sum(size for _, size, _ in each)
        total = sum(move + rounding * size for move, size, _ in each) * (1 + rounding)
        quanta = 16 * eta * sum(1 + logs for _, _, logs in each) * max(Decimal(1), factor)
        error = (total * (1 + scaling) + scaling * whole) * factor / n + quanta * (1 + rounding) * (1 + scaling)
        bound = own_rounding(error, len(each))
        return rational(error), rational(bound), rational(whole * max(Decimal(1), factor) + bound)


def gradient_bound(student, teacher, temperature, scaled, reduction, direction, unit, tiny):
    """Return three such lists of rows, for the gradient."""
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = DIGITS, -(10**15), 10**15
        T, u, eta = (decimal(v) for v in (temperature, unit, tiny))
        c, factor = len(student[0]), T * T if scaled else Decimal(1)
        n, most = number((len(student), c), reduction), max(Decimal(1), factor, factor / T, 1 / T)
        rounding, scaling = gamma(c + 2 * F + 12, u), gamma(STEPS, u)
        errors, bounds, held = [], [], []
        for p, q in sides(student, teacher, T, u, eta):
            lost, each = sum(p.D) + sum(q.D), terms(p, q)
            divergence = sum(move + rounding * size for move, size, _ in each) * (1 + rounding)
            whole = sum(size for _, size, _ in each)
            row = []
            for j, (move, _, logs) in enumerate(each):
                if direction == "forward":
                    logarithms, change, size = Decimal(0), p.D[j] + q.D[j], p.most[j] + q.most[j]
                else:
                    logarithms = logs + whole
                    size = p.most[j] * (logarithms + 2)
                    change = move + p.D[j] * (logarithms + 2) + p.most[j] * divergence
                change = (change + p.most[j] * (lost + rounding) + rounding * size) * (1 + rounding)
                error = (change * (1 + scaling) + scaling * size) * factor / T / n
                row.append((error + 16 * eta * (1 + logarithms) * most * (1 + rounding) * (1 + scaling), size * most))
            errors.append([rational(error) for error, _ in row])
            bounds.append([rational(own_rounding(error, c)) for error, _ in row])
            held.append([rational(size + own_rounding(error, c)) for error, size in row])
        return errors, bounds, held

"""Exact twin of distillation: decimals of 80 digits, one element at a time."""

from decimal import Decimal, localcontext
from fractions import Fraction

DIGITS = 80


def decimal(value):
    """Return a float or a fraction as a decimal: exact for floats."""
    value = Fraction(value)
    return Decimal(value.numerator) / Decimal(value.denominator)


def log_softmax(row, temperature):
    """Return the logarithms of the probabilities of one example."""
    scaled = [z / temperature for z in row]
    total = sum(z.exp() for z in scaled)
    return [z - total.ln() for z in scaled]


def number(shape, reduction):
    """Return what the sum is divided by."""
    rows, classes = shape
    return {"batch_mean": rows, "mean": rows * classes, "sum": 1}[reduction]


def distillation(student, teacher, temperature=4, scaled=True, reduction="batch_mean", direction="forward"):
    """Return the loss, and its derivatives by the student's logits, of two matrices (lists of rows)."""
    with localcontext() as context:
        context.prec = DIGITS
        context.Emin, context.Emax = -(10**15), 10**15
        T = decimal(temperature)
        factor = (T * T if scaled else Decimal(1)) / number((len(student), len(student[0])), reduction)
        loss, gradient = Decimal(0), []
        for student_row, teacher_row in zip(student, teacher, strict=True):
            a = log_softmax([decimal(v) for v in student_row], T)
            b = log_softmax([decimal(v) for v in teacher_row], T)
            p, q = [v.exp() for v in a], [v.exp() for v in b]
            if direction == "forward":
                loss += sum(y * (v - u) for y, v, u in zip(q, b, a, strict=True))
                gradient.append([factor / T * (x - y) for x, y in zip(p, q, strict=True)])
            else:
                divergence = sum(x * (u - v) for x, u, v in zip(p, a, b, strict=True))
                loss += divergence
                gradient.append([factor / T * x * (u - v - divergence) for x, u, v in zip(p, a, b, strict=True)])
        return Fraction(factor * loss), [[Fraction(v) for v in row] for row in gradient]


def huber(y):
    """Return y^2 / 2 up to 1, and |y| - 1/2 past it."""
    return y * y / 2 if abs(y) <= 1 else abs(y) - Decimal(1) / 2


def distance(a, b):
    """Return the Euclidean distance of two rows."""
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)).sqrt()


def relative_distances(rows):
    """Return the distances of all pairs divided by their mean; all 0 if that is 0."""
    found = [distance(rows[i], rows[j]) for i in range(len(rows)) for j in range(i + 1, len(rows))]
    mean = sum(found) / len(found)
    return [d / mean if mean else Decimal(0) for d in found]


def cosines(rows):
    """Return the cosine of the angle at the second of every three different rows; 0 where two are equal."""
    found = []
    for j, vertex in enumerate(rows):
        for i, one in enumerate(rows):
            for k, other in enumerate(rows):
                if len({i, j, k}) == 3:
                    sides = distance(one, vertex) * distance(other, vertex)
                    dot = sum((x - v) * (y - v) for x, y, v in zip(one, other, vertex, strict=True))
                    found.append(dot / sides if sides else Decimal(0))
    return found


def relation_loss(student, teacher, psi):
    """Return the mean Huber loss of a relation of decimals."""
    with localcontext() as context:
        context.prec = DIGITS
        pairs = list(zip(psi(student), psi(teacher), strict=True))
        return sum(huber(t - s) for s, t in pairs) / len(pairs)

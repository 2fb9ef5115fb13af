"""GPTQ as what it stands for: after every rounding, the best weights for the inputs still to come, in rationals.

With the errors d of the weights already rounded, the rest r solves H_rr d_r = -H_rq d_q: the least e^T H e that is
left. There is no Cholesky factor and no inverse here.
"""

from fractions import Fraction


def solve(matrix, right):
    """Gauss-Jordan elimination of a positive definite system."""
    rows = [[Fraction(v) for v in row] + [Fraction(r)] for row, r in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


def column(weights, hessian, scale, zero_point, low, high):
    """Return the codes of one column, and whether a quotient on the way was a tie."""
    codes, errors, tie = [], [], False
    for i, weight in enumerate(weights):
        rest = range(i, len(weights))
        right = [-sum(Fraction(hessian[j][k]) * errors[k] for k in range(i)) for j in rest]
        moved = Fraction(weight) + solve([[hessian[j][k] for k in rest] for j in rest], right)[0]
        quotient = moved / Fraction(scale)
        tie = tie or (quotient % 1 == Fraction(1, 2) and i > 0)
        codes.append(min(max(round(quotient) + zero_point, low), high))
        # the weights to come stand where they stood at first, d = 0, and the rest moves by all the errors so far
        errors.append((codes[-1] - zero_point) * Fraction(scale) - Fraction(weight))
    return codes, tie


def objective(weights, values, hessian):
    """Return e^T H e of a column."""
    e = [Fraction(w) - Fraction(v) for w, v in zip(weights, values, strict=True)]
    return sum(a * Fraction(h) * b for a, row in zip(e, hessian, strict=True) for h, b in zip(row, e, strict=True))


def difference_bound(weights, values, nearest, hessian):
    """Return 2 (gamma_K sum |a - b| |H| max (|a| + |b|) + n 2^-1074 (sum |a - b| + 1)), K = 2 n + 4, of a column."""
    w, v, m = (list(map(Fraction, column)) for column in (weights, values, nearest))
    n, u = len(w), Fraction(1, 2**53)
    change = [abs(p - q) for p, q in zip(v, m, strict=True)]
    largest = max(abs(x - p) + abs(x - q) for x, p, q in zip(w, v, m, strict=True))
    terms = sum(c * sum(abs(Fraction(h)) for h in row) for c, row in zip(change, hessian, strict=True)) * largest
    gamma = (2 * n + 4) * u / (1 - (2 * n + 4) * u)
    return 2 * (gamma * terms + n * Fraction(1, 2**1074) * (sum(change) + 1))

"""Exact twins of the pruning formulas, in Python integers and decimals, written from the formulas alone."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

WORDS = {"half_even": ROUND_HALF_EVEN, "floor": ROUND_FLOOR, "ceil": ROUND_CEILING, "half_away": ROUND_HALF_UP}
EXACT = Context(prec=2000, Emax=10**6, Emin=-(10**6))


def count(size: int, sparsity: float, rounding: str, counts: str) -> int:
    """k = round(size * (1 - sparsity)), or size - round(size * sparsity), of the number as it is written."""
    part = Decimal(str(sparsity))
    if counts == "kept":
        exact = EXACT.multiply(Decimal(size), EXACT.subtract(Decimal(1), part))
        return int(exact.to_integral_value(WORDS[rounding], EXACT))
    return size - int(EXACT.multiply(Decimal(size), part).to_integral_value(WORDS[rounding], EXACT))


def largest(values: list, n: int, lowest_first: bool) -> set[int]:
    """Return the places of the n largest magnitudes of a list."""
    order = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i if lowest_first else -i))
    return set(order[:n])


def cubic(step: int, steps: int, final, initial, start: int) -> Fraction:
    """s_f + (s_i - s_f) (1 - (t - t_0) / n)^3 between t_0 and t_0 + n, of the numbers as they are written."""
    first, last = (Fraction(str(v)) for v in (initial, final))
    if step <= start:
        return first
    return last if step >= start + steps else last + (first - last) * (1 - Fraction(step - start, steps)) ** 3


def sent_and_left(totals: list, k: int, lowest_first: bool) -> tuple[list, list]:
    """Part the sums of a gradient and its residual: the k largest magnitudes go, the others stay."""
    goes = largest(totals, k, lowest_first)
    return [v if i in goes else 0 for i, v in enumerate(totals)], [0 if i in goes else v for i, v in enumerate(totals)]

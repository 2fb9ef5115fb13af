"""Exact twins of the pruning formulas, in Python integers and decimals, written from the formulas alone."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

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

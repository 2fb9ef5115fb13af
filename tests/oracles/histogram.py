"""Histograms and their entropy in rationals: a divergence times the number of values is the logarithm of a fraction."""

from fractions import Fraction


def counts(values, bins):
    """Return the bins of magnitudes and the exponent of their width, from all values at once."""
    magnitudes = [abs(Fraction(v)) for v in values]
    exponent = -1200
    while max(magnitudes) / Fraction(2) ** exponent >= bins:
        exponent += 1
    numbers = [int(m / Fraction(2) ** exponent) for m in magnitudes]
    return [numbers.count(j) for j in range(bins)], exponent


def divergence(counts, i, levels):
    """Return exp(n * divergence) of the first i bins, or None where it is infinite."""
    inside, beyond = counts[:i], sum(counts[i:])
    p = [*inside[:-1], inside[-1] + beyond]
    level = [j * levels // i for j in range(i)]
    result = Fraction(1)
    for j in range(i):
        if p[j]:
            mine = [c for c, own in zip(inside, level, strict=True) if own == level[j] and c]
            if not inside[j]:
                return None
            q = Fraction(sum(mine), len(mine)) / sum(inside)
            result *= (Fraction(p[j], sum(p)) / q) ** p[j]
    return result

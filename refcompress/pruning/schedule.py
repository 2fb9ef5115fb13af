"""Gradual pruning: which sparsity at which step, s_t = s_f + (s_i - s_f) (1 - t / T)^3."""

from fractions import Fraction

from refcompress import arguments


def cubic_sparsity(
    step: int, steps: int, *, final: float | Fraction, initial: float | Fraction = 0, start: int = 0
) -> Fraction:
    """Return the sparsity after a step of gradual pruning: much at first, little at the end.

    s_t = s_f + (s_i - s_f) (1 - (t - t_0) / n)^3 for the n steps from t_0 on; before them it is s_i, after them s_f.
    The ends are exact, and so is all between: rational arithmetic on the decimal numbers that were written, so that no
    step asks for a weight more or less than the formula (floats can: 1 - (1 - 1/3)^3 of 27 entries is 18.999...).

    Scores are to be taken from the dense weights that training moves, and not from those that the last mask has set to
    0: otherwise a weight that was once pruned never comes back.

    Parameters
    ----------
    step : int
        t, from 0 on.
    steps : int
        n, at least 1: pruning ends at t_0 + n.
    final : float or Fraction
        s_f, from 0 to 1.
    initial : float or Fraction
        s_i, from 0 (default) to 1.
    start : int
        t_0, at least 0 (default).

    Returns
    -------
    fractions.Fraction
        From s_i to s_f; ``keep_count`` takes it as it is.

    Raises
    ------
    ValueError
        For a number outside its range.
    TypeError
        For what is no number, or no integer.

    References
    ----------
    Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", section 3,
    2017.

    Examples
    --------
    >>> [float(cubic_sparsity(t, 4, final=0.8)) for t in range(5)]
    [0.0, 0.4625, 0.7, 0.7875, 0.8]
    """
    step = arguments.integer(step, "step", 0)
    steps = arguments.integer(steps, "steps", 1)
    start = arguments.integer(start, "start", 0)
    first, last = arguments.share(initial, "initial"), arguments.share(final, "final")
    left = 1 - Fraction(min(max(step - start, 0), steps), steps)
    return last + (first - last) * left**3

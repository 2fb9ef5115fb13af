"""A table of methods at equal bytes: mean and spread of the accuracy over seeds, and whether a method helps.

What changes the result of ``refcompress compress`` has an option there: the loss, its temperature, the labels' weight
and the teacher's neurons; scores, scope, schedule, n:m and their amount; bits, quantization-aware training; Huffman's
code, which helps. Fewer neurons, low rank and shared values stand here alone: at equal bytes they do not help on the
digits, and ``--student`` makes a network of fewer neurons from the start.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import sqrt
from typing import Any

from refcompress import arguments
from refcompress.compression import Plan
from refcompress.datasets import Dataset
from refcompress.methods import distillation, pruning, storage
from refcompress.methods.bench import Bench, Method, prepare
from refcompress.quantization_aware import mean_and_spread

SEEDS = (0, 1, 2, 3, 4)
LEVEL = 0.05

# the settings of a plan that the methods try out: here they have their defaults
TRIED = (
    *("distillation", "temperature", "label_weight", "start_from_teacher"),
    *("scores", "scope", "schedule", "structure"),
)

# what a part compares -> its methods, of which the first is what the others are held against
PARTS: dict[str, dict[str, Method]] = {
    "distillation (float32)": distillation.METHODS,
    "pruning with training": pruning.TUNED,
    "half pruned, no training": pruning.AT_ONCE,
    "ways to spend the bytes": storage.METHODS,
}


@dataclass(frozen=True)
class Row:
    """One method over all seeds."""

    part: str
    method: str
    bytes: tuple[int, ...]
    accuracies: tuple[float, ...]
    first: tuple[float, ...]
    """The accuracies of the first method of the part, seed by seed."""

    @property
    def differences(self) -> tuple[float, ...]:
        """How much more accurate it is than the first method, seed by seed."""
        return tuple(a - b for a, b in zip(self.accuracies, self.first, strict=True))

    @property
    def verdict(self) -> str | None:
        """``helps``, ``harms``, or ``does not help``: see ``verdict``; None for the first method itself."""
        return None if self.method == next(iter(PARTS[self.part])) else verdict(self.differences)


def verdict(differences: Sequence[float]) -> str:
    """Judge paired differences by Student's t test at the level of 5 %, on both sides.

    With their mean m, their sample standard deviation s and the quantile t of Student's distribution of n - 1 degrees
    of freedom for 97.5 %: ``helps`` where m > t s / sqrt(n), ``harms`` where m < -t s / sqrt(n), and else it is said
    that it ``does not help``: whatever it may do is not to be told from chance with these seeds. Of twenty methods that
    change nothing, one is expected to be called one or the other.

    Parameters
    ----------
    differences : sequence of float
        At least two, one a seed: the same data, the same teacher, another method.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For fewer than two.

    References
    ----------
    Student, "The probable error of a mean", 1908.

    Examples
    --------
    >>> verdict([0.01, 0.02, 0.01, 0.02, 0.01]), verdict([0.01, -0.02, 0.03, 0.0, 0.01])
    ('helps', 'does not help')
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy has no type hints

    n = len(differences)
    if n < 2:
        raise ValueError(f"differences has {n} entries: what is chance shows itself from two on")
    mean, spread = mean_and_spread(differences)
    limit = float(stdtrit(n - 1, 1 - LEVEL / 2)) * spread / sqrt(n)
    return "helps" if mean > limit else "harms" if mean < -limit else "does not help"


def as_all_methods(plan: Plan) -> Plan:
    """Return the plan with the defaults of all that the methods try out.

    Examples
    --------
    >>> as_all_methods(Plan(sparsity=0.5, scores="random"))  == Plan(sparsity=0.5)
    True
    """
    defaults: dict[str, Any] = {field.name: field.default for field in fields(Plan) if field.name in TRIED}
    return replace(plan, **defaults)


def count(seeds: Sequence[int] = SEEDS) -> int:
    """Return how often ``compare_methods`` tells that it is done with something: every method, and a bench a seed."""
    return len(seeds) * (1 + sum(map(len, PARTS.values())))


def compare_methods(
    dataset: Dataset,
    plan: Plan | None = None,
    *,
    seeds: Sequence[int] = SEEDS,
    tell: Callable[[str], object] = lambda text: None,
) -> tuple[Row, ...]:
    """Compress by every method, for every seed, at equal bytes.

    A seed has its own split of the data, its own teacher and student, which all methods share. In the first part all
    networks are the student's, in float32. In the second and the third all keep as many weights, in codes of
    ``plan.bits`` bits with their places. In the fourth each has as many weights as fit into the bytes of the first
    method (at most, for none of its codes may be 0) in its own form.

    Parameters
    ----------
    dataset : Dataset
    plan : Plan, optional
        Widths, amounts, bits and epochs; how to distil and to prune is up to each method.
    seeds : sequence of int
        At least two.
    tell : callable
        Called with a line of text after each method.

    Returns
    -------
    tuple of Row
        Without the methods for which the data or the plan leave nothing to do (2:4 of inputs that 4 does not divide).

    Raises
    ------
    ValueError
        For a plan that does not fit the data, or fewer than two seeds.
    """
    plan = as_all_methods(Plan() if plan is None else plan)
    if len(seeds) < 2:
        raise ValueError(f"seeds has {len(seeds)} entries: a spread needs two")
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for seed in seeds:
        bench = prepare(dataset, replace(plan, seed=arguments.integer(seed, "seeds", 0)))
        tell(f"seed {seed}: teacher and student")
        for part, methods in PARTS.items():
            _measure(bench, part, methods, found, tell)
    return tuple(
        Row(part, method, *_columns(values), tuple(a for _, a in found[part, next(iter(PARTS[part]))]))
        for (part, method), values in found.items()
        if len(values) == len(seeds)
    )


def _measure(
    bench: Bench,
    part: str,
    methods: dict[str, Method],
    found: dict[tuple[str, str], list[tuple[int, float]]],
    tell: Callable[[str], object],
) -> None:
    for name, method in methods.items():
        sized = method(bench)
        if sized is not None:
            found.setdefault((part, name), []).append((sized.bytes, sized.accuracy))
        tell(f"seed {bench.plan.seed}: {name}")


def _columns(values: Sequence[tuple[int, float]]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return tuple(size for size, _ in values), tuple(accuracy for _, accuracy in values)

"""What a student can be given of a teacher: its outputs, its hidden features, and its most important neurons.

The second of the three steps of distillation (train a teacher, extract its knowledge, train a student on it). The
teacher is only read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.network import MLP, hidden_features, mlp_forward
from refcompress.pruning.selection import top_k_mask


@dataclass(frozen=True, eq=False)
class Knowledge:
    """A teacher's knowledge on given inputs."""

    outputs: Array
    """The teacher's outputs (logits), of shape (n, classes)."""
    features: tuple[Array, ...]
    """The activations after each hidden layer, of shape (n, width)."""
    start: MLP | None
    """A student that begins with the teacher's most important neurons, if sizes were given."""


def extract_knowledge(teacher: MLP, x: npt.ArrayLike, *, sizes: Sequence[int] | None = None) -> Knowledge:
    """Extract a teacher's outputs, hidden features and most important neurons on inputs x.

    Parameters
    ----------
    teacher : MLP
        The trained teacher; it is not changed.
    x : array_like of shape (n, inputs)
        The inputs that the student will be trained on.
    sizes : sequence of int, optional
        The student's widths, input and output included; gives ``start``.

    Returns
    -------
    Knowledge

    Raises
    ------
    ValueError
        For inputs or sizes that do not fit the teacher, for sizes and an x without rows.
    TypeError
        For an x that holds no numbers, for sizes and a teacher of fractions.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", section 2, 2015 (outputs). Romero et al.,
    "FitNets: Hints for Thin Deep Nets", section 2.2, 2015 (hidden features).

    Examples
    --------
    >>> from refcompress.mlp.network import initialize
    >>> knowledge = extract_knowledge(initialize((4, 8, 3), seed=0), np.eye(4), sizes=(4, 2, 3))
    >>> knowledge.outputs.shape, knowledge.start.sizes
    ((4, 3), (4, 2, 3))
    """
    arguments.instance(teacher, "teacher", MLP)
    outputs = mlp_forward(teacher.weights, teacher.biases, x, activation=teacher.activation)
    features = tuple(hidden_features(teacher, x))
    start = None if sizes is None else _most_important(teacher, outputs, features, sizes)
    return Knowledge(outputs, features, start)


def _most_important(teacher: MLP, outputs: Array, features: Sequence[Array], sizes: Sequence[int]) -> MLP:
    """Keep the top-k neurons of the teacher's first layers and fit the output layer to the teacher's outputs.

    A neuron's importance is what it contributes to the next layer on average: mean |h_j| * sum_k |W_jk|. The output
    layer is the least-squares solution of [h, 1] @ [W; b] = outputs: the layers that a shallower student leaves out
    cannot be copied.
    """
    widths = [
        arguments.integer(size, f"sizes[{i}]", 1)
        for i, size in enumerate(arguments.iterated(sizes, "sizes", "a list of widths"))
    ]
    _check_fit(teacher, widths)
    if len(widths) == 2:
        return MLP(teacher.weights, teacher.biases, teacher.activation)
    if outputs.dtype == object:
        raise TypeError("teacher holds fractions: a student's start is fitted in floats")
    if not len(outputs):
        raise ValueError("x has no rows: which neurons are important shows itself on examples")
    kept = np.arange(widths[0])
    weights, biases = [], []
    for number, width in enumerate(widths[1:-1]):
        heard = np.abs(at_least_float32(teacher.weights[number + 1])).sum(axis=1)
        importance = np.abs(at_least_float32(features[number])).mean(axis=0) * heard
        chosen = np.flatnonzero(top_k_mask(importance, width))
        weights.append(teacher.weights[number][np.ix_(kept, chosen)])
        biases.append(teacher.biases[number][chosen])
        kept = chosen
    hidden = features[len(widths) - 3][:, kept].astype(np.float64)
    extended = np.column_stack([hidden, np.ones(len(hidden))])
    solution = np.linalg.lstsq(extended, outputs.astype(np.float64))[0]
    return MLP((*weights, solution[:-1]), (*biases, solution[-1]), teacher.activation)


def at_least_float32(array: Array) -> Array:
    """Return an array of float64 as it is and any other in float32: sums of 16 bits are no sums."""
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _check_fit(teacher: MLP, widths: Sequence[int]) -> None:
    own = teacher.sizes
    if len(widths) < 2 or len(widths) > len(own) or widths[0] != own[0] or widths[-1] != own[-1]:
        raise ValueError(
            f"sizes is {tuple(widths)}: a student of a teacher of sizes {own} has its ends and no more layers"
        )
    if len(widths) == 2 and len(own) > 2:
        raise ValueError(f"sizes is {tuple(widths)}: a student without hidden layers has no neuron to take over")
    for number, (mine, theirs) in enumerate(zip(widths[1:-1], own[1:-1], strict=False), 1):
        if mine > theirs:
            raise ValueError(f"sizes[{number}] is {mine}: the teacher's layer has {theirs} neurons")

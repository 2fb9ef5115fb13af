"""Train a teacher on much data, and a small student on little data with the teacher's knowledge.

The first and the third of the three steps. The student's loss is MSE(teacher(x), student(x)) on centred and scaled
outputs, or their divergence, optionally mixed with the loss on the labels: (1 - a) * mse + a * cross-entropy.
"""

from collections.abc import Sequence

import numpy.typing as npt

from refcompress import arguments
from refcompress.distillation.knowledge import Knowledge
from refcompress.distillation.objectives import distillation_objective, examples
from refcompress.mlp.network import MLP, initialize
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import TrainingResult, classification, train

TEACHER_OPTIMIZER = Adam(lr=2e-3, weight_decay=1e-4)
STUDENT_OPTIMIZER = Adam(lr=4e-3)


def train_teacher(
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    hidden: Sequence[int] = (256, 128),
    epochs: int = 40,
    optimizer: SGD | Adam = TEACHER_OPTIMIZER,
    seed: int = 0,
    progress: bool = False,
) -> TrainingResult:
    """Train a large network on labels by softmax cross-entropy.

    Parameters
    ----------
    x : array_like of shape (n, inputs)
    labels : array_like of int of shape (n,)
        Class numbers from 0.
    hidden : sequence of int
        Widths of the hidden layers.
    epochs, optimizer, seed, progress
        As in ``refcompress.mlp.training.train``.

    Returns
    -------
    TrainingResult
        The model and its history.

    Raises
    ------
    ValueError
        For data that does not fit together, or a loss that stops being finite.
    """
    inputs, objective = examples(x), classification(labels)
    classes = arguments.integer_array(labels, "labels")
    if not classes.size:
        raise ValueError("labels is empty: a teacher learns from examples")
    if (many := classes >= arguments.MOST_ELEMENTS).any():
        arguments.refuse_element("labels", classes, many, "no network has as many classes")
    sizes = arguments.network_widths(inputs.shape[1], hidden, int(classes.max()) + 1)
    model = initialize(sizes, seed=seed)
    return train(model, inputs, objective, optimizer=optimizer, epochs=epochs, seed=seed, progress=progress)


def train_student(
    x: npt.ArrayLike,
    knowledge: Knowledge,
    *,
    hidden: Sequence[int] = (64,),
    labels: npt.ArrayLike | None = None,
    label_weight: float = 0.0,
    loss: str = "mse",
    temperature: float = 4.0,
    start: MLP | None = None,
    epochs: int = 150,
    optimizer: SGD | Adam = STUDENT_OPTIMIZER,
    seed: int = 0,
    progress: bool = False,
) -> TrainingResult:
    """Train a small network to give the teacher's outputs: MSE(teacher(x), student(x)).

    Parameters
    ----------
    x : array_like of shape (n, inputs)
        The inputs on which the knowledge was extracted, in the same order.
    knowledge : Knowledge
        From ``extract_knowledge``.
    hidden : sequence of int
        Widths of the hidden layers.
    labels, label_weight, loss, temperature
        As in ``distillation_objective``: how the outputs are compared, and the share of the labels' loss.
    start : MLP, optional
        Where to begin, for example ``knowledge.start``; by default a random student.
    epochs, optimizer, seed, progress
        As in ``refcompress.mlp.training.train``.

    Returns
    -------
    TrainingResult
        The student and its history.

    Raises
    ------
    ValueError
        For data that does not fit together, or a loss that stops being finite.

    References
    ----------
    Ba and Caruana, "Do Deep Nets Really Need to be Deep?", section 2, 2014: mse on the logits.
    """
    inputs = examples(x)
    arguments.instance(knowledge, "knowledge", Knowledge)
    if len(inputs) != len(knowledge.outputs):
        raise ValueError(
            f"x has {len(inputs)} rows, the knowledge {len(knowledge.outputs)}: they must be the same inputs"
        )
    sizes = arguments.network_widths(inputs.shape[1], hidden, knowledge.outputs.shape[1])
    model = initialize(sizes, seed=seed) if start is None else start
    objective = distillation_objective(knowledge, labels, label_weight, loss=loss, temperature=temperature)
    return train(model, inputs, objective, optimizer=optimizer, epochs=epochs, seed=seed, progress=progress)

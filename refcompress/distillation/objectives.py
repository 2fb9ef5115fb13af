"""What a student is trained on: a teacher's outputs, their divergence, hidden features, relations between examples.

Legend: z the student's outputs (logits) of a batch, t the teacher's; every objective is (z, row numbers) -> (loss,
dloss/dz), as ``refcompress.mlp.training.train`` takes it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.distillation.features import angle_relation, distance_relation
from refcompress.distillation.knowledge import Knowledge, at_least_float32
from refcompress.distillation.losses import distillation_gradient, distillation_loss
from refcompress.mlp.network import MLP, initialize
from refcompress.mlp.optimizers import Optimizer
from refcompress.mlp.training import Objective, RowObjective, classification, mixture, regression, train


def target_outputs(knowledge: Knowledge) -> Array:
    """Return the teacher's outputs, centred over the classes and scaled to a standard deviation of 1.

    Neither changes which class is the largest, and a student's mse then has one natural size whatever the teacher's.
    A constant added to all logits of an example changes no softmax, so that the centre carries no knowledge.
    Computed in float64 for outputs of float64, else in float32.
    """
    outputs = at_least_float32(knowledge.outputs)
    if not outputs.size:
        return outputs
    centred = outputs - outputs.mean(axis=1, keepdims=True)
    near_one = np.ldexp(centred, -np.frexp(np.abs(centred).max())[1])  # so that no square overflows
    spread = float(near_one.std())
    return np.asarray(near_one / spread if spread > 0 else centred)


def squared_distance(knowledge: Knowledge, temperature: float) -> Objective:
    """Return the objective mse(z, t') for the centred and scaled outputs t' of ``target_outputs``."""
    return regression(target_outputs(knowledge))


def divergence(knowledge: Knowledge, temperature: float) -> Objective:
    """Return the objective T^2 KL(softmax(t / T) || softmax(z / T)), the mean over a batch."""
    teacher = knowledge.outputs.astype(np.float64)

    def objective(output: Array, rows: Array) -> tuple[float, Array]:
        goal = teacher[rows]
        loss = distillation_loss(output, goal, temperature=temperature)
        return loss, distillation_gradient(output, goal, temperature=temperature)

    return RowObjective(len(teacher), objective)


# how the outputs of student and teacher are compared
LOSSES: dict[str, Callable[[Knowledge, float], Objective]] = {"mse": squared_distance, "kl": divergence}


def distillation_objective(
    knowledge: Knowledge,
    labels: npt.ArrayLike | None = None,
    label_weight: float = 0.0,
    *,
    loss: str = "mse",
    temperature: float = 4.0,
) -> Objective:
    """Return the student's loss: (1 - label_weight) * loss to the teacher's outputs + label_weight * cross-entropy.

    Parameters
    ----------
    knowledge : Knowledge
        Of a teacher, for the rows that are trained on.
    labels : array_like of int of shape (n,), optional
        Needed with a label weight above 0.
    label_weight : float
        From 0 (default) to 1, which is the labels alone.
    loss : str
        mse (default): the mean squared error to ``target_outputs``. kl: ``distillation_loss`` at the temperature.
    temperature : float
        T > 0, for kl.

    Returns
    -------
    callable
        As ``train`` takes it.

    Raises
    ------
    ValueError
        For a setting outside its range, for labels that are missing.
    TypeError
        For a setting of another type.

    Examples
    --------
    >>> knowledge = Knowledge(np.array([[2.0, 0.0]]), (), None)
    >>> distillation_objective(knowledge, loss="kl", temperature=2)(np.zeros((1, 2)), np.array([0]))[1].round(4)
    array([[-0.4621,  0.4621]])
    """
    arguments.instance(knowledge, "knowledge", Knowledge)
    weight = arguments.real_number(label_weight, "label_weight", 0.0, 1.0)
    T = arguments.real_number(temperature, "temperature", 0.0, exclusive=True)
    by_outputs = LOSSES[arguments.choice(loss, "loss", LOSSES)](knowledge, T)
    if weight == 0:
        return by_outputs
    if labels is None:
        raise ValueError(f"label_weight is {weight}: the labels are missing")
    return mixture(classification(labels), by_outputs, weight)


def relation_objective(features: npt.ArrayLike, *, distance: float = 1.0, angle: float = 2.0) -> RowObjective:
    """Return the objective of relations between the examples of a batch: distance * L_distance + angle * L_angle.

    The student's outputs are to lie to each other as the teacher's features do: ``rkd_distance_loss`` and
    ``rkd_angle_loss`` between z and the features of the same rows. A batch of fewer than three examples has no angles,
    one of a single example no relation at all: nothing is learned from what is not there.

    Parameters
    ----------
    features : array_like of shape (n, width)
        Finite features of the teacher, an example a row.
    distance, angle : float
        The two weights, at least 0; 1 and 2 are the paper's.

    Returns
    -------
    RowObjective

    Raises
    ------
    ValueError
        For features that are not 2-d or not finite, for a weight below 0.
    TypeError
        For what holds no numbers.

    References
    ----------
    Park, Kim, Lu and Cho, "Relational Knowledge Distillation", sections 3.2 and 4.1, 2019.

    Examples
    --------
    >>> relation_objective([[0.0], [1.0], [2.0]], angle=0)(np.array([[0.0], [3.0], [6.0]]), np.arange(3))[0]
    0.0
    """
    teacher = arguments.finite_array(features, "features", "compared")
    if teacher.ndim != 2:
        raise ValueError(f"features has shape {teacher.shape}: it must be (examples, features)")
    parts = (
        (arguments.real_number(distance, "distance", 0.0), 2, distance_relation),
        (arguments.real_number(angle, "angle", 0.0), 3, angle_relation),
    )
    wide = teacher.astype(np.float64)

    def objective(output: Array, rows: Array) -> tuple[float, Array]:
        z, t = output.astype(np.float64), wide[rows]
        total, slope = 0.0, np.zeros(z.shape)
        for weight, least, relation in parts:
            if weight and len(rows) >= least:
                loss, gradient = relation(z, t)
                total, slope = total + weight * float(loss), slope + weight * gradient
        return total, slope

    return RowObjective(len(wide), objective)


def hinted_start(
    x: npt.ArrayLike,
    knowledge: Knowledge,
    *,
    hidden: Sequence[int],
    optimizer: Optimizer,
    epochs: int,
    layer: int = 0,
    seed: int = 0,
) -> MLP:
    """Return a student whose hidden layers have learned to give the teacher's hidden features (FitNets' first stage).

    The layers up to the last hidden one are trained with a linear regressor W on top, on the hint loss
    |h W + b - features|^2; the regressor is thrown away, and a random output layer takes its place.

    Parameters
    ----------
    x : array_like of shape (n, inputs)
        The inputs on which the knowledge was extracted.
    knowledge : Knowledge
        Of the teacher.
    hidden : sequence of int
        Widths of the student's hidden layers, at least one.
    optimizer, epochs, seed
        As for ``train``.
    layer : int
        Which of the teacher's hidden layers gives the hint: 0 (default) is the first.

    Returns
    -------
    MLP
        Where to begin: ``start`` of ``train_student``.

    Raises
    ------
    ValueError
        For a student without hidden layers, a layer that the teacher has not, data that does not fit together.

    References
    ----------
    Romero, Ballas, Ebrahimi Kahou, Chassang, Gatta and Bengio, "FitNets: Hints for Thin Deep Nets", section 2.2 and
    Algorithm 1, 2015.

    Examples
    --------
    >>> from refcompress.mlp.optimizers import SGD
    >>> knowledge = Knowledge(np.zeros((2, 3)), (np.ones((2, 5)),), None)
    >>> hinted_start(np.eye(2), knowledge, hidden=(4,), optimizer=SGD(lr=0.1), epochs=1).sizes
    (2, 4, 3)
    """
    inputs, widths = examples(x), arguments.widths(hidden, "hidden")
    if not widths:
        raise ValueError("hidden is empty: a hint needs a hidden layer that takes it")
    arguments.instance(knowledge, "knowledge", Knowledge)
    if not knowledge.features:
        raise ValueError("knowledge has no features: a hint is taken from a hidden layer of the teacher")
    layer = arguments.integer(layer, "layer", 0, len(knowledge.features) - 1)
    features = knowledge.features[layer].astype(np.float64)
    spread = float(features.std())
    objective = regression(features / spread if spread > 0 else features)
    with_regressor = initialize(arguments.network_widths(inputs.shape[1], widths, features.shape[1]), seed=seed)
    learned = train(with_regressor, inputs, objective, optimizer=optimizer, epochs=epochs, seed=seed).model
    fresh = initialize(arguments.network_widths(inputs.shape[1], widths, knowledge.outputs.shape[1]), seed=seed)
    return MLP((*learned.weights[:-1], fresh.weights[-1]), (*learned.biases[:-1], fresh.biases[-1]), fresh.activation)


def examples(x: npt.ArrayLike) -> Array:
    """Return inputs to learn from, checked to be (n, inputs), one example a row."""
    inputs = arguments.float_array(x, "x")
    if inputs.ndim != 2 or not inputs.shape[1]:
        raise ValueError(f"x has shape {inputs.shape}: it must be (n, inputs), one example a row")
    return inputs

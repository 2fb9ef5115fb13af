"""Mini-batch training of an MLP on an objective: shuffle, forward, backward, step; again for every batch and epoch.

The parameters are one flat vector with a view for each matrix, and so are the gradients: an optimizer's step is a few
vector operations whatever the number of layers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.losses import cross_entropy, squared_error, squared_error_gradient
from refcompress.mlp.network import MLP, backward, forward, mlp_forward
from refcompress.mlp.optimizers import SGD, Adam, Optimizer
from refcompress.mlp.precision import common_dtype, is_exact, narrow

Objective = Callable[[Array, Array], tuple[float, Array]]
"""(output of a batch, its row numbers in x) -> (loss, gradient of the loss with respect to the output)."""


@dataclass(frozen=True)
class History:
    """The mean loss of every epoch."""

    training: tuple[float, ...]
    """Over the batches of an epoch, each as it was met, before its step."""
    validation: tuple[float, ...]
    """On the rows held out, after the epoch; empty where none were."""


@dataclass(frozen=True)
class TrainingResult:
    """The trained model, and how its loss went."""

    model: MLP
    history: History


@dataclass(frozen=True)
class RowObjective:
    """An objective that knows how many rows of x it was made for."""

    rows: int
    function: Objective

    def __call__(self, output: Array, rows: Array) -> tuple[float, Array]:
        """Return the loss of a batch, and its gradient with respect to the output."""
        return self.function(output, rows)


def classification(labels: npt.ArrayLike) -> RowObjective:
    """Return the objective of class labels: the mean softmax cross-entropy of a batch.

    Parameters
    ----------
    labels : array_like of int of shape (n,)
        Class numbers from 0.

    Returns
    -------
    RowObjective

    Raises
    ------
    ValueError
        For a negative label, or labels that are not 1-d; when called, for a label without an output.
    TypeError
        For labels that are no integers.

    Examples
    --------
    >>> classification([0, 1])(np.zeros((1, 2)), np.array([1]))
    (0.6931471805599453, array([[ 0.5, -0.5]]))
    """
    classes = arguments.integer_array(labels, "labels")
    if classes.ndim != 1:
        raise ValueError(f"labels has shape {classes.shape}: it must be (n,)")
    if (classes < 0).any():
        arguments.refuse_element("labels", classes, classes < 0, "class numbers begin with 0")
    classes = classes.copy()  # what happens to the labels later does not matter
    highest = int(classes.max(initial=0))

    def objective(output: Array, rows: Array) -> tuple[float, Array]:
        if output.shape[1] <= highest:
            arguments.refuse_element(
                "labels", classes, classes == highest, f"the network has {output.shape[1]} outputs, one a class"
            )
        losses, gradient = cross_entropy(output, classes[rows].astype(np.intp, copy=False))
        return float(np.add.reduce(losses)) / len(rows), gradient / len(rows)

    return RowObjective(len(classes), objective)


def regression(targets: npt.ArrayLike) -> RowObjective:
    """Return the objective of target outputs: the mean squared error of a batch, over all its elements.

    Parameters
    ----------
    targets : array_like of shape (n, outputs)
        Finite floats or integers.

    Returns
    -------
    RowObjective

    Raises
    ------
    ValueError
        For a NaN or an infinity, or targets that are not 2-d; when called, for outputs of another width.
    TypeError
        For targets that hold no numbers.

    Examples
    --------
    >>> regression([[1.0, 0.0]])(np.array([[3.0, 0.0]]), np.array([0]))
    (2.0, array([[2., 0.]]))
    """
    goals = arguments.float_array(targets, "targets").copy()
    arguments.finite(goals, "targets", "compared")
    if goals.ndim != 2:
        raise ValueError(f"targets has shape {goals.shape}: it must be (n, outputs), one example a row")

    def objective(output: Array, rows: Array) -> tuple[float, Array]:
        if output.shape[1] != goals.shape[1]:
            raise ValueError(f"targets has shape {goals.shape}: the network has {output.shape[1]} outputs")
        difference = output - goals[rows].astype(output.dtype, copy=False)
        return float(squared_error(difference, output.size)), squared_error_gradient(difference, output.size)

    return RowObjective(len(goals), objective)


def mixture(first: Objective, second: Objective, weight: float) -> Objective:
    """Return the objective weight * first + (1 - weight) * second.

    Parameters
    ----------
    first, second : callable
        Objectives on the same rows.
    weight : float
        From 0 (the second alone) to 1 (the first alone).

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        For a weight outside 0 to 1, or objectives that were made for different numbers of rows.
    TypeError
        For a weight that is no number.

    Examples
    --------
    >>> both = mixture(regression([[1.0]]), regression([[3.0]]), 0.75)
    >>> both(np.array([[2.0]]), np.array([0]))
    (1.0, array([[1.]]))
    """
    share = arguments.real_number(weight, "weight", 0, 1)
    rows = [objective.rows for objective in (first, second) if isinstance(objective, RowObjective)]
    if len(set(rows)) > 1:
        raise ValueError(f"first has {rows[0]} rows, second has {rows[1]} rows: they must be equal")

    def objective(output: Array, rows: Array) -> tuple[float, Array]:
        (a, da), (b, db) = first(output, rows), second(output, rows)
        return share * a + (1 - share) * b, share * da + (1 - share) * db

    return RowObjective(rows[0], objective) if rows else objective


def train(
    model: MLP,
    x: npt.ArrayLike,
    objective: Objective,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    seed: int = 0,
    validation: float = 0.0,
    patience: int | None = None,
    masks: Sequence[npt.ArrayLike] | None = None,
    progress: bool = False,
) -> TrainingResult:
    """Train a model by mini-batches: in every epoch w <- optimizer(w, dLoss/dw) for each batch of a new shuffle.

    Computed in float64 for a model with a float64 array, else in float32, and rounded once to the model's dtype at the
    end. The same seed gives the same result to the byte (on one machine with one number of threads). Nothing that is
    passed in is changed.

    Parameters
    ----------
    model : MLP
        Where to begin.
    x : array_like of shape (n, inputs)
        Finite floats or integers, one example a row.
    objective : callable
        (output, rows) -> (loss, dLoss/d output), for the outputs of a batch and its row numbers in x; see
        ``classification``, ``regression`` and ``mixture``. The last batch of an epoch may be smaller.
    optimizer : SGD or Adam
    epochs : int
        At least 0.
    batch_size : int
        At least 1.
    seed : int
        Of the validation split and the shuffles.
    validation : float
        The share of the rows that is held out, from 0 (default) to below 1, rounded to whole rows.
    patience : int, optional
        Stop after so many epochs in a row without a smaller validation loss, and return the parameters of the epoch
        with the smallest. Without it, the last ones.
    masks : sequence of array_like of bool, optional
        One a weight matrix, of its shape, true (or 1) where a weight stays: the others are +0 after every step.
    progress : bool
        Show the progress on standard error, where that is a terminal.

    Returns
    -------
    TrainingResult

    Raises
    ------
    ValueError
        For arrays that do not fit together, a setting outside its range, or a loss or an output that stops being
        finite (``the loss is nan at epoch 3, batch 12: ...``).
    TypeError
        For an x or a model that holds no floats, or a setting of another type.

    References
    ----------
    Prechelt, "Early Stopping - But When?", 1998, for ``patience``.

    Examples
    --------
    >>> from refcompress.mlp.optimizers import SGD
    >>> line = MLP([np.zeros((1, 1))], [np.zeros(1)])
    >>> result = train(line, [[0.0], [1.0]], regression([[1.0], [3.0]]), optimizer=SGD(lr=0.5), epochs=200)
    >>> result.model.weights[0].round(6), result.model.biases[0].round(6)
    (array([[2.]]), array([1.]))
    """
    check_training(model, objective, optimizer)
    _check_settings(patience, validation, progress)
    epochs, batch_size = arguments.integer(epochs, "epochs", 0), arguments.integer(batch_size, "batch_size", 1)
    generator = np.random.default_rng(arguments.integer(seed, "seed", 0))
    dtype = common_dtype(*model.weights, *model.biases)
    work = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    mask = None if masks is None else _mask(model, masks)
    with np.errstate(all="ignore"):  # an overflow shows itself in the loss
        inputs = rows_of(model, x, objective, work)
        kept, held = _split(generator, len(inputs), validation)
        if patience is not None and not len(held):
            given = arguments.shown(patience)
            raise ValueError(f"patience is {given}: validation = {validation} holds out none of {len(inputs)} rows")
        task = _Task(model, inputs, objective, optimizer, mask, kept, held, batch_size)
        p = _flat(model.sizes, work, (*model.weights, *model.biases))
        if mask is not None:
            p.vector[~mask] = 0
        history = _run(task, p, generator, epochs, patience, progress)
        weights, biases = (
            tuple(narrow(a.astype(np.float64), dtype) for a in arrays) for arrays in (p.weights, p.biases)
        )
    return TrainingResult(MLP(weights, biases, model.activation), history)


@dataclass(frozen=True, eq=False)
class _Flat:
    """One vector, and views of it in the shapes of the weights and the biases."""

    vector: Array
    weights: list[Array]
    biases: list[Array]


def _flat(sizes: Sequence[int], dtype: npt.DTypeLike, values: Sequence[Array] = ()) -> _Flat:
    shapes: list[tuple[int, ...]] = [*pairwise(sizes), *((size,) for size in sizes[1:])]
    ends = list(accumulate(math.prod(shape) for shape in shapes))
    vector = np.zeros(ends[-1], dtype)
    views = [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes, strict=True)]
    for view, value in zip(views, values, strict=False):
        view[...] = value
    return _Flat(vector, views[: len(sizes) - 1], views[len(sizes) - 1 :])


@dataclass(frozen=True, eq=False)
class _Task:
    """What stays the same from epoch to epoch."""

    model: MLP
    inputs: Array
    objective: Objective
    optimizer: Any
    mask: Array | None
    kept: Array
    held: Array
    batch_size: int


def _run(
    task: _Task, p: _Flat, generator: "np.random.Generator", epochs: int, patience: int | None, progress: bool
) -> History:
    """Train the parameters p in place, and leave the best ones in it where there is a patience."""
    g, state, best = _flat(task.model.sizes, p.vector.dtype), task.optimizer.initial_state(p.vector), p.vector
    training: list[float] = []
    validation: list[float] = []
    with _display(epochs, progress) as tell:
        for epoch in range(1, epochs + 1):
            loss, state = _epoch(task, p, g, state, generator.permutation(task.kept), epoch)
            training.append(loss)
            if len(task.held):
                validation.append(_validation_loss(task, p, epoch))
            tell(loss)
            if patience is not None:
                waited = len(validation) - 1 - validation.index(min(validation))
                if waited == 0:
                    best = p.vector.copy()
                elif waited >= patience:
                    break
    p.vector[...] = best
    return History(tuple(training), tuple(validation))


def _epoch(task: _Task, p: _Flat, g: _Flat, state: Any, order: Array, epoch: int) -> tuple[float, Any]:
    """Take one step a batch; return the mean loss of the epoch and the optimizer's state."""
    activation, total = task.model.activation, 0.0
    for number, start in enumerate(range(0, len(order), task.batch_size), 1):
        rows = order[start : start + task.batch_size]
        output, cache = forward(p.weights, p.biases, task.inputs.take(rows, axis=0), activation)
        loss, d_output = ask(task.objective, output, rows, f"at epoch {epoch}, batch {number}", task.optimizer)
        backward(d_output, cache, p.weights, activation, (g.weights, g.biases))
        p.vector[...], state = task.optimizer.step(p.vector, g.vector, state, task.mask)
        total += loss * len(rows)
    if not np.isfinite(p.vector).all():
        diverged(f"a parameter is not finite after epoch {epoch}", task.optimizer)
    return total / len(order), state


def _validation_loss(task: _Task, p: _Flat, epoch: int) -> float:
    output, _ = forward(p.weights, p.biases, task.inputs[task.held], task.model.activation)
    when = f"on the rows held out, after epoch {epoch}"
    return ask(task.objective, output, task.held, when, task.optimizer)[0]


def ask(objective: Objective, output: Array, rows: Array, when: str, optimizer: Any) -> tuple[float, Array]:
    """Return the loss of a batch and its gradient, checked: an objective is asked about finite outputs alone."""
    if not np.isfinite(output).all():
        diverged(f"an output is not finite {when}", optimizer)
    loss, d_output = objective(output, rows)
    if not math.isfinite(loss):
        diverged(f"the loss is {loss} {when}", optimizer)
    if np.shape(d_output) != output.shape:
        raise ValueError(
            f"objective gave a gradient of shape {np.shape(d_output)}: the output has shape {output.shape}"
        )
    return float(loss), np.asarray(d_output, output.dtype)


def diverged(what: str, optimizer: Any) -> NoReturn:
    """Raise ``ValueError`` for what is not finite any more."""
    raise ValueError(f"{what}: training has diverged; a lower lr than {optimizer.lr} may help")


def _split(generator: "np.random.Generator", n: int, validation: float) -> tuple[Array, Array]:
    """Return the rows to train on and those held out."""
    count = round(n * validation)
    order = generator.permutation(n) if count else np.arange(n)
    if n == count:
        raise ValueError(f"validation is {validation}: of {n} rows of x none is left to train on")
    return np.sort(order[count:]), np.sort(order[:count])


@contextmanager
def _display(epochs: int, shown: bool) -> Iterator[Callable[[float], object]]:
    """Give a function that is told the loss after every epoch, and shows it where standard error is a terminal."""
    if not shown:
        yield lambda loss: None
        return
    from tqdm import tqdm  # type: ignore[import-untyped]  # tqdm has no type hints

    with tqdm(total=epochs, desc="training", unit="epoch", disable=None) as bar:

        def tell(loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            bar.update()

        yield tell


def check_training(model: Any, objective: Any, optimizer: Any) -> None:
    """Raise ``TypeError`` for what cannot be trained, be learned, or make a step."""
    arguments.instance(model, "model", MLP)
    arguments.instance(optimizer, "optimizer", SGD, Adam)
    if not callable(objective):
        raise TypeError(f"objective is {arguments.shown(objective)}: it must be a function of the output and the rows")


def _check_settings(patience: Any, validation: Any, progress: Any) -> None:
    arguments.boolean(progress, "progress")
    arguments.real_number(validation, "validation", 0, 1)
    if patience is not None:
        arguments.integer(patience, "patience", 1)


def rows_of(model: MLP, x: npt.ArrayLike, objective: Objective, dtype: npt.DTypeLike) -> Array:
    """Return x, checked against the model and the objective, in the dtype to compute in."""
    rows = arguments.finite_array(x, "x", "trained on")
    if rows.ndim != 2 or rows.shape[1] != model.sizes[0]:
        raise ValueError(f"x has shape {rows.shape}: it must be (n, {model.sizes[0]}), one example a row")
    if isinstance(objective, RowObjective) and objective.rows != len(rows):
        raise ValueError(f"x has {len(rows)} rows, the objective has {objective.rows} rows: they must be equal")
    if is_exact(common_dtype(*model.weights, *model.biases)):
        raise TypeError("model holds fractions: training computes in floats")
    return rows.astype(dtype, copy=False)


def _mask(model: MLP, masks: Sequence[npt.ArrayLike]) -> Array:
    """Return one flat mask of the weights' masks; biases stay."""
    masks = list(arguments.iterated(masks, "masks"))
    if len(masks) != len(model.weights):
        raise ValueError(f"there are {len(masks)} masks and {len(model.weights)} weights: they must be as many")
    whole = _flat(model.sizes, bool)
    whole.vector[...] = True
    for i, (view, value, w) in enumerate(zip(whole.weights, masks, model.weights, strict=True)):
        mask = arguments.any_array(value, f"masks[{i}]")
        arguments.same_shape(mask, w, f"masks[{i}]", f"weights[{i}]")
        if mask.dtype != bool and not arguments.is_integer(mask.dtype):
            raise TypeError(f"masks[{i}] has dtype {mask.dtype}: it must hold True and False, or 1 and 0")
        if (mask > 1).any() or (mask < 0).any():
            flags = (mask > 1) | (mask < 0)
            arguments.refuse_element(f"masks[{i}]", mask, flags, "a mask holds True and False, or 1 and 0")
        view[...] = mask
    return whole.vector


def accuracy(model: MLP, x: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the share of the examples whose largest output is at the label: mean(argmax(output) = label).

    Of equal outputs the first counts.

    Parameters
    ----------
    model : MLP
    x : array_like of shape (n, inputs)
    labels : array_like of int of shape (n,)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an x as ``mlp_forward`` refuses it, labels of another length, or no examples.
    TypeError
        For labels that are no integers.

    Examples
    --------
    >>> accuracy(MLP([np.eye(2)], [np.zeros(2)]), [[1.0, 0.0], [2.0, 3.0]], [0, 0])
    0.5
    """
    arguments.instance(model, "model", MLP)
    classes = arguments.integer_array(labels, "labels")
    outputs = mlp_forward(model.weights, model.biases, x, activation=model.activation)
    if classes.shape != outputs.shape[:1] or not classes.size:
        raise ValueError(f"labels has shape {classes.shape}, x has {len(outputs)} rows: labels must be (n,), n above 0")
    return float(np.mean(np.argmax(outputs, axis=1) == classes))

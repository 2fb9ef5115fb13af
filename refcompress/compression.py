"""All three together: distil, prune, quantize a model on real data, with what every step costs and saves.

teacher -> student (distilled on a share of the data) -> pruned little by little, fine-tuned with the mask held ->
quantized to integers. For every stage the report has accuracy, parameters, nonzeros, bytes on disk, multiply-adds.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.checkpoints import Model, save_model
from refcompress.datasets import Dataset, split, subset
from refcompress.distillation.knowledge import Knowledge, extract_knowledge
from refcompress.distillation.objectives import distillation_objective
from refcompress.distillation.student import STUDENT_OPTIMIZER, train_student, train_teacher
from refcompress.gradual_pruning import Pruning, masked, prune_gradually
from refcompress.mlp.network import MLP, mlp_forward
from refcompress.mlp.training import Objective
from refcompress.pruning.keep_count import keep_count
from refcompress.pruning.scores import global_masks
from refcompress.quantized_model import QuantizedMLP, nonzeros, quantize_model

MOST_BITS = 8  # of a code that is stored by Huffman's


@dataclass(frozen=True)
class Plan:
    """What to compress to, and how long to train."""

    teacher_hidden: tuple[int, ...] = (256, 128)
    student_hidden: tuple[int, ...] = (64,)
    sparsity: float = 0.8
    k: int | None = None
    """Weights kept, in all matrices together; in place of ``sparsity``."""
    bits: int = 8
    p: int | None = None
    """Fraction bits of every parameter; without it each array gets the largest at which none saturates."""
    activation_bits: int = 8
    seed: int = 0
    test_share: float = 0.2
    student_share: float = 0.25
    """The share of the training rows that the student sees."""
    label_weight: float = 0.0
    distillation: str = "mse"
    """How the outputs of student and teacher are compared: mse or kl."""
    temperature: float = 4.0
    """Of the softened outputs, for kl."""
    start_from_teacher: bool = False
    teacher_epochs: int = 40
    student_epochs: int = 150
    prune_steps: int = 8
    """Pruning steps on the way to the full sparsity."""
    tuning_epochs: int = 20
    """Epochs of fine-tuning after each step, and four times as many after the last."""
    scores: str = "magnitude"
    """What a weight is worth: see ``Pruning``."""
    scope: str = "model"
    schedule: str = "cubic"
    structure: tuple[int, int] | None = None
    """(n, m): n of every m stay; in place of ``sparsity``."""
    huffman: bool = False
    """Whether the codes are stored by Huffman's code as well, in a stage of its own."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.floating):
                object.__setattr__(self, name, float(str(value)))  # the decimal number that was written
            elif isinstance(value, np.generic):  # sums and shifts of NumPy's small integers would wrap
                object.__setattr__(self, name, value.item())

    @property
    def pruning(self) -> Pruning:
        """How the student is pruned."""
        return Pruning(self.scores, self.scope, self.schedule, self.structure, self.prune_steps, self.tuning_epochs)

    def objective(self, knowledge: Knowledge, labels: Array) -> Objective:
        """Return what the student is trained on."""
        return distillation_objective(
            knowledge, labels, self.label_weight, loss=self.distillation, temperature=self.temperature
        )

    def kept(self, size: int) -> int:
        """Return how many of the student's weights stay."""
        structure = self.pruning.structure
        if structure is not None:
            n, m = structure
            return size // m * n
        return keep_count(size, self.sparsity, counts="pruned") if self.k is None else self.k


@dataclass(frozen=True)
class Stage:
    """One row of the report."""

    name: str
    accuracy: float
    parameters: int
    nonzeros: int
    bytes: int
    """Size of the ``.safetensors`` file."""
    multiply_adds: int
    """Multiply-adds of one example, of the nonzero weights alone."""


@dataclass(frozen=True)
class Compression:
    """The models of every stage, and the report on them."""

    plan: Plan
    stages: tuple[Stage, ...]
    teacher: MLP
    student: MLP
    pruned: MLP
    quantized: QuantizedMLP


def lottery_ticket(start: MLP, trained: MLP, k: int) -> tuple[MLP, tuple[Array, ...]]:
    """Return the start of training with the masks of its end: a winning ticket, to be trained again.

    The k weights that are largest after training stay, and go back to the values that they had at the start (or at an
    early step of training); the others are 0. Biases go back whole. Train it with ``masks`` held; to prune little by
    little, take the next ticket of the same start and the newly trained model, with a smaller k.

    Parameters
    ----------
    start, trained : MLP
        Two models of one shape, before and after training.
    k : int
        Weights kept, in all matrices together.

    Returns
    -------
    model : MLP
        The start, pruned.
    masks : tuple of numpy.ndarray
        A mask a matrix, as ``train`` takes them.

    Raises
    ------
    ValueError
        For models of unlike shapes, or a k outside 0 to the number of weights.

    References
    ----------
    Frankle and Carbin, "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks", section 1, 2019.

    Examples
    --------
    >>> start = MLP((np.array([[1.0, 2.0]]),), (np.array([0.5, 0.5]),), "relu")
    >>> trained = MLP((np.array([[9.0, 0.0]]),), (np.array([3.0, 3.0]),), "relu")
    >>> lottery_ticket(start, trained, 1)[0].weights
    (array([[1., 0.]]),)
    """
    arguments.instance(start, "start", MLP)
    arguments.instance(trained, "trained", MLP)
    if start.sizes != trained.sizes:
        raise ValueError(f"start has sizes {start.sizes}, trained has {trained.sizes}: they must be equal")
    masks = global_masks(trained.weights, k)
    return masked(start, start.weights, masks), masks


def as_float32(model: MLP) -> MLP:
    """Return the model with float32 parameters, as a framework would store it."""
    return MLP(
        tuple(w.astype(np.float32) for w in model.weights),
        tuple(b.astype(np.float32) for b in model.biases),
        model.activation,
    )


def compress(
    dataset: Dataset, plan: Plan | None = None, *, tell: Callable[[str], None] = lambda text: None
) -> Compression:
    """Distil, prune and quantize on a dataset, and measure every stage on rows that none of them saw.

    Parameters
    ----------
    dataset : Dataset
        Inputs and class numbers.
    plan : Plan, optional
        Sizes, sparsity, bits, seed and epochs.
    tell : callable
        Called with a line of text as each stage begins.

    Returns
    -------
    Compression

    Raises
    ------
    ValueError
        For a plan that does not fit the data.
    """
    plan = Plan() if plan is None else plan
    if plan.huffman and plan.bits > MOST_BITS:
        raise ValueError(f"bits is {plan.bits}: Huffman's code is for codes of at most {MOST_BITS} bits")
    sizes = (dataset.x.shape[1], *plan.student_hidden, len(dataset.class_names))
    plan.pruning.fits(sizes)
    size = sum(a * b for a, b in pairwise(sizes))
    k = arguments.integer(plan.kept(size), "k", 0, size)
    training, test = split(dataset, test=plan.test_share, seed=plan.seed)
    tell(f"training the teacher on {len(training.y):,} examples")
    teacher = as_float32(
        train_teacher(
            training.x, training.y, hidden=plan.teacher_hidden, epochs=plan.teacher_epochs, seed=plan.seed
        ).model
    )
    few = subset(training, plan.student_share, seed=plan.seed)
    tell(f"training the student on {len(few.y):,} examples with the teacher's outputs")
    knowledge, student = distil(teacher, few, plan)
    tell(f"pruning to {k:,} of {size:,} weights in {plan.prune_steps} steps")
    pruned = as_float32(prune(student, few, plan.objective(knowledge, few.y), k, plan))
    tell(f"quantizing to {plan.bits} bits")
    quantized = quantize_model(pruned, few.x, bits=plan.bits, p=plan.p, activation_bits=plan.activation_bits)
    stages = [
        measure("teacher", teacher, test),
        measure("student", student, test),
        measure("pruned", pruned, test, sparse=True),
        measure("quantized", quantized, test, sparse=True),
    ]
    if plan.huffman:
        stages.append(measure("huffman", quantized, test, huffman=True))
    return Compression(plan, tuple(stages), teacher, student, pruned, quantized)


def distil(teacher: MLP, few: Dataset, plan: Plan) -> tuple[Knowledge, MLP]:
    """Extract the teacher's knowledge on a few examples and train a student with it."""
    classes = teacher.sizes[-1]
    sizes = (few.x.shape[1], *plan.student_hidden, classes) if plan.start_from_teacher else None
    knowledge = extract_knowledge(teacher, few.x, sizes=sizes)
    student = train_student(
        few.x,
        knowledge,
        hidden=plan.student_hidden,
        labels=few.y,
        label_weight=plan.label_weight,
        loss=plan.distillation,
        temperature=plan.temperature,
        start=knowledge.start,
        epochs=plan.student_epochs,
        seed=plan.seed,
    ).model
    return knowledge, as_float32(student)


def prune(student: MLP, few: Dataset, objective: Objective, k: int, plan: Plan) -> MLP:
    """Prune a student to k weights on its way, as the plan says."""
    return prune_gradually(student, few.x, objective, k, optimizer=STUDENT_OPTIMIZER, how=plan.pruning, seed=plan.seed)


def measure(name: str, model: Model, test: Dataset, *, sparse: bool = False, huffman: bool = False) -> Stage:
    """Measure one stage on the test rows; bytes are those of the file that ``save_model`` writes."""
    if isinstance(model, QuantizedMLP):
        weights, biases = [w.values for w in model.weights], [b.values for b in model.biases]
        outputs = model.accumulate(test.x)
    else:
        weights, biases = list(model.weights), list(model.biases)
        outputs = mlp_forward(weights, biases, test.x, activation=model.activation)
    with tempfile.TemporaryDirectory() as folder:
        size = save_model(Path(folder) / "model.safetensors", model, sparse=sparse, huffman=huffman)
    return Stage(
        name=name,
        accuracy=float(np.mean(np.argmax(outputs, axis=1) == test.y)),
        parameters=sum(a.size for a in [*weights, *biases]),
        nonzeros=nonzeros([*weights, *biases]),
        bytes=size,
        multiply_adds=nonzeros(weights),
    )

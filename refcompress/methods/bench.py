"""What all methods are given for one seed, and how what they make is measured: bytes, and accuracy on unseen rows.

Bytes are those of the arrays in the form that a method stores them in (values, places, tables of values, scales,
biases), without the header of a file, which would be the same for all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.compression import Plan, as_float32, distil
from refcompress.datasets import Dataset, split, subset
from refcompress.distillation.knowledge import Knowledge
from refcompress.distillation.student import STUDENT_OPTIMIZER, train_teacher
from refcompress.gradual_pruning import LAST
from refcompress.mlp.network import MLP
from refcompress.mlp.training import Objective, accuracy, train
from refcompress.quantized_model import QuantizedMLP, quantize_model


@dataclass(frozen=True, eq=False)
class Bench:
    """A seed's data, teacher, its knowledge, and the student that the plan makes of it."""

    plan: Plan
    few: Dataset
    test: Dataset
    teacher: MLP
    knowledge: Knowledge
    objective: Objective
    student: MLP

    @property
    def size(self) -> int:
        """The number of the student's weights."""
        return sum(w.size for w in self.student.weights)

    @property
    def k(self) -> int:
        """How many of the student's weights the plan keeps."""
        return arguments.integer(self.plan.kept(self.size), "k", 0, self.size)

    @property
    def tuning(self) -> int:
        """Epochs of training that the plan spends on a student while it is pruned, all cuts together."""
        return self.plan.tuning_epochs * (self.plan.prune_steps - 1 + LAST)

    @property
    def budget(self) -> int:
        """The bytes of k codes with their places, and of the biases: no method of the last three parts has more."""
        code = np.min_scalar_type(-(1 << (self.plan.bits - 1))).itemsize
        place = max(place_bytes(w.size) for w in self.student.weights)
        return self.k * (code + place) + sum(b.size for b in self.student.biases) * code

    def tuned(self, model: MLP, epochs: int, masks: tuple[Array, ...] | None = None, x: Array | None = None) -> MLP:
        """Return the model after more training on the student's objective."""
        inputs = self.few.x if x is None else x
        return train(
            model,
            inputs,
            self.objective,
            optimizer=STUDENT_OPTIMIZER,
            epochs=epochs,
            seed=self.plan.seed + 1,
            masks=masks,
        ).model


def prepare(dataset: Dataset, plan: Plan) -> Bench:
    """Train a teacher, extract what it knows on a few examples, and train a student with it, as ``compress`` does."""
    training, test = split(dataset, test=plan.test_share, seed=plan.seed)
    taught = train_teacher(
        training.x, training.y, hidden=plan.teacher_hidden, epochs=plan.teacher_epochs, seed=plan.seed
    )
    teacher = as_float32(taught.model)
    few = subset(training, plan.student_share, seed=plan.seed)
    knowledge, student = distil(teacher, few, plan)
    return Bench(plan, few, test, teacher, knowledge, plan.objective(knowledge, few.y), student)


@dataclass(frozen=True)
class Sized:
    """What a method made: how many bytes, and how often it is right."""

    bytes: int
    accuracy: float


# None where the data or the plan leave a method nothing to do
Method = Callable[[Bench], Sized | None]


def place_bytes(size: int) -> int:
    """Return the bytes of the smallest unsigned integer that holds every flat index of an array.

    Examples
    --------
    >>> place_bytes(256), place_bytes(257)
    (1, 2)
    """
    return np.min_scalar_type(max(size - 1, 0)).itemsize


def as_floats(bench: Bench, model: MLP) -> Sized:
    """Measure a model that is stored whole, in float32."""
    stored = as_float32(model)
    size = sum(a.nbytes for a in (*stored.weights, *stored.biases))
    return Sized(size, accuracy(stored, bench.test.x, bench.test.y))


def coded(bench: Bench, model: MLP, x: Array | None = None) -> QuantizedMLP:
    """Return the model on integers, as the plan says."""
    plan = bench.plan
    calibration = bench.few.x if x is None else x
    return quantize_model(
        as_float32(model), calibration, bits=plan.bits, p=plan.p, activation_bits=plan.activation_bits
    )


def right(bench: Bench, model: QuantizedMLP, x: Array | None = None) -> float:
    """Return the share of the unseen rows of which a model on integers names the class."""
    outputs = model.accumulate(bench.test.x if x is None else x)
    return float(np.mean(np.argmax(outputs, axis=1) == bench.test.y))


def as_codes(bench: Bench, model: MLP) -> Sized:
    """Measure a model that is stored as codes, all of them."""
    codes = coded(bench, model)
    size = sum(part.values.nbytes for part in (*codes.weights, *codes.biases))
    return Sized(size, right(bench, codes))


def as_sparse_codes(bench: Bench, model: MLP) -> Sized:
    """Measure a model that is stored as the codes that are not 0, and their places."""
    codes = coded(bench, model)
    size = sum(b.values.nbytes for b in codes.biases)
    for w in codes.weights:
        size += int(np.count_nonzero(w.values)) * (w.values.itemsize + place_bytes(w.values.size))
    return Sized(size, right(bench, codes))


def widest(bench: Bench, bytes_of: Callable[[tuple[int, ...]], int], multiple: int = 1) -> tuple[int, ...] | None:
    """Return the widest hidden layers, in the plan's proportions, with which a network is within the budget.

    Parameters
    ----------
    bench : Bench
    bytes_of : callable
        All widths, from the inputs to the outputs -> bytes.
    multiple : int
        Of which every width of a hidden layer has to be a multiple.

    Returns
    -------
    tuple of int, or None
        The hidden layers; None where not even the narrowest ones fit.
    """
    sizes = bench.student.sizes
    first, best = sizes[1], None
    for width in range(multiple, bench.budget + 1):
        hidden = tuple(max(multiple, h * width // first // multiple * multiple) for h in sizes[1:-1])
        if bytes_of((sizes[0], *hidden, sizes[-1])) > bench.budget:
            break
        best = hidden
    return best

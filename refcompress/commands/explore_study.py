"""What the pictures of ``refcompress explore`` are drawn of: a student of the bundled digits, and its sweep.

Training takes some seconds. Until it has ended the pictures show the networks as they are initialized; then the student
as trained; and the frontier grows with every sparsity of the sweep.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from refcompress.compression import Plan, Stage, compress
from refcompress.datasets import Dataset, split, subset
from refcompress.distillation.knowledge import extract_knowledge
from refcompress.mlp.network import MLP, initialize
from refcompress.sweep import SPARSITIES, Point, sweep

STAGES = 4  # of a compression, each told as it begins


@dataclass(frozen=True)
class Study:
    """The models and measurements that there are at a moment."""

    teacher: MLP
    student: MLP
    few: Dataset
    """The rows that the student sees, on which its activations are calibrated."""
    test: Dataset
    trained: bool = False
    output_scale: float = 1.0
    """What the teacher's outputs were divided by before the student learned them."""
    stages: tuple[Stage, ...] = ()
    points: tuple[Point, ...] = ()
    text: str = "starting"
    step: int = 0
    steps: int = STAGES + len(SPARSITIES)

    @property
    def size(self) -> int:
        """How many weights the student has, in all matrices together."""
        return sum(w.size for w in self.student.weights)


def untrained(dataset: Dataset, plan: Plan) -> Study:
    """Return the study before any training."""
    training, test = split(dataset, test=plan.test_share, seed=plan.seed)
    inputs, classes = dataset.x.shape[1], len(dataset.class_names)
    return Study(
        teacher=initialize((inputs, *plan.teacher_hidden, classes), seed=plan.seed),
        student=initialize((inputs, *plan.student_hidden, classes), seed=plan.seed),
        few=subset(training, plan.student_share, seed=plan.seed),
        test=test,
    )


def train(
    dataset: Dataset,
    plan: Plan,
    publish: Callable[[Study], None],
    *,
    sparsities: tuple[float, ...] = SPARSITIES,
) -> None:
    """Train teacher and student, then measure the sweep; hand each new state of the study to ``publish``."""
    study = replace(untrained(dataset, plan), steps=STAGES + len(sparsities))

    def tell(text: str) -> None:
        nonlocal study
        study = replace(study, text=text, step=study.step + 1)
        publish(study)

    publish(study)
    result = compress(dataset, plan, tell=tell)
    study = replace(
        study,
        teacher=result.teacher,
        student=result.student,
        stages=result.stages,
        trained=True,
        output_scale=_output_scale(result.teacher, study.few, plan),
    )
    for sparsity in sparsities:
        found = sweep(result, dataset, sparsities=(sparsity,), tell=tell)
        study = replace(study, points=(*study.points, *found))
    publish(replace(study, text="ready"))


def _output_scale(teacher: MLP, few: Dataset, plan: Plan) -> float:
    """Return the standard deviation of the teacher's centred outputs, by which they are divided for mse alone."""
    if plan.distillation != "mse":
        return 1.0
    outputs = extract_knowledge(teacher, few.x).outputs
    return float(np.std(outputs - outputs.mean(axis=1, keepdims=True)))

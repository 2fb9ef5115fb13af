"""Accuracy against bytes over a sweep of sparsities and bits: the frontier of a compression."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from refcompress.checkpoints import save_model
from refcompress.compression import Compression, as_float32, prune
from refcompress.datasets import Dataset, split, subset
from refcompress.distillation.knowledge import extract_knowledge
from refcompress.pruning.keep_count import keep_count
from refcompress.quantized_model import quantize_model

SPARSITIES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
BITS = (2, 3, 4, 6, 8)


@dataclass(frozen=True)
class Point:
    """One model of the sweep."""

    sparsity: float
    bits: int
    accuracy: float
    bytes: int


def sweep(
    result: Compression,
    dataset: Dataset,
    *,
    sparsities: tuple[float, ...] = SPARSITIES,
    bits: tuple[int, ...] = BITS,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Point]:
    """Prune the student of a compression to each sparsity, quantize each to all bits, and measure.

    The student stays; only the pruning with its fine-tuning and the quantization are done again.

    Parameters
    ----------
    result : Compression
        What ``compress`` returned for the same dataset.
    dataset : Dataset
        The data that it was given.
    sparsities, bits : tuple
        The values to combine.
    tell : callable
        Called with a line of text for each sparsity.

    Returns
    -------
    list of Point
    """
    plan = result.plan
    training, test = split(dataset, test=plan.test_share, seed=plan.seed)
    few = subset(training, plan.student_share, seed=plan.seed)
    objective = plan.objective(extract_knowledge(result.teacher, few.x), few.y)
    size = sum(w.size for w in result.student.weights)
    points = []
    for sparsity in sparsities:
        tell(f"sweep: {sparsity:.0%} pruned")
        pruned = result.student
        if sparsity:
            kept = keep_count(size, sparsity, counts="pruned")
            pruned = as_float32(prune(result.student, few, objective, kept, replace(plan, structure=None)))
        for width in bits:
            model = quantize_model(pruned, few.x, bits=width, activation_bits=plan.activation_bits)
            accuracy = float(np.mean(np.argmax(model.accumulate(test.x), axis=1) == test.y))
            points.append(Point(sparsity, width, accuracy, _smallest_file(model)))
    return points


def _smallest_file(model: object) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return min(
            save_model(Path(folder) / f"{sparse}.safetensors", model, sparse=sparse)  # type: ignore[arg-type]
            for sparse in (False, True)
        )

"""Ways to choose the weights that stay: with training after every cut, and without any.

All keep as many weights, stored as codes with their places; those without training keep half of all.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.compression import lottery_ticket
from refcompress.distillation.student import STUDENT_OPTIMIZER
from refcompress.gradual_pruning import SCORES, Pruning, Situation, masked, prune_gradually
from refcompress.layer_hessian import hessian
from refcompress.methods.bench import Bench, Method, Sized, as_sparse_codes
from refcompress.mlp.network import MLP, forward, initialize
from refcompress.pruning.keep_count import keep_count
from refcompress.pruning.scores import masks_by_score
from refcompress.pruning.second_order import optimal_brain_surgeon
from refcompress.pruning.sparse_gpt import sparse_gpt

UNTUNED = Fraction(1, 2)  # the sparsity where nothing is trained afterwards: little is left of a network beyond it
DAMPING = 0.01  # of the surgeon's Hessian, as a share of its mean diagonal: that of SparseGPT


def gradually(bench: Bench, k: int, model: MLP | None = None, **changes: Any) -> MLP:
    """Return the student, or another model, pruned to k weights: by magnitude, but for what is to be otherwise."""
    plan = bench.plan
    how = Pruning(**{"steps": plan.prune_steps, "epochs": plan.tuning_epochs, **changes})
    start = bench.student if model is None else model
    return prune_gradually(start, bench.few.x, bench.objective, k, optimizer=STUDENT_OPTIMIZER, how=how, seed=plan.seed)


def _tuned(**changes: Any) -> Method:
    return lambda bench: as_sparse_codes(bench, gradually(bench, bench.k, **changes))


def layer_by_layer(model: MLP, x: Array, cut: Callable[[Array, Array], Array]) -> MLP:
    """Return the model after its matrices were cut one after the other, (w, H of its inputs) -> w.

    What goes into a layer is what the layers before it, already cut, put out.
    """
    weights = list(model.weights)
    for i in range(len(weights)):
        _, cache = forward(weights, model.biases, x, model.activation)
        weights[i] = cut(weights[i].astype(np.float64), hessian(cache.inputs[i]))
    return MLP(tuple(weights), model.biases, model.activation)


def operated(w: Array, h: Array) -> Array:
    """Return a matrix of which the surgeon removed half of every column, each by its own inverse Hessian."""
    damped = h + DAMPING * np.diag(h).mean() * np.eye(len(h))
    k = keep_count(len(w), UNTUNED)
    return np.column_stack([optimal_brain_surgeon(column, damped, k).weights for column in w.T])


def _sparse_gpt(bench: Bench, sparsity: Fraction) -> MLP:
    # a block as high as the matrix: the weights of a whole tensor are compared with each other
    return layer_by_layer(
        bench.student, bench.few.x, lambda w, h: sparse_gpt(w, h, sparsity, damping=DAMPING, mask_block=len(w))[0]
    )


def sparse_gpt_tuned(bench: Bench) -> Sized:
    """Cut at once, let the other weights make up for it, then train as long as any other method does."""
    cut = _sparse_gpt(bench, Fraction(bench.size - bench.k, bench.size))
    return as_sparse_codes(bench, bench.tuned(cut, bench.tuning, tuple(w != 0 for w in cut.weights)))


def ticket(bench: Bench) -> Sized:
    """Put the weights that are largest in the trained student back to their start, and train them alone."""
    start = initialize(bench.student.sizes, seed=bench.plan.seed)
    model, masks = lottery_ticket(start, bench.student, bench.k)
    return as_sparse_codes(bench, bench.tuned(model, bench.tuning, masks))


def _at_once(scores: str, scope: str) -> Method:
    """Return the method that removes half of the weights and leaves the others alone."""

    def method(bench: Bench) -> Sized:
        student = bench.student
        now = Situation(student, student.weights, bench.few.x, bench.objective, bench.plan.seed)
        masks = masks_by_score(SCORES[scores](now), UNTUNED, scope=scope)
        return as_sparse_codes(bench, masked(student, student.weights, masks))

    return method


def _layers_cut(cut: Callable[[Array, Array], Array]) -> Method:
    return lambda bench: as_sparse_codes(bench, layer_by_layer(bench.student, bench.few.x, cut))


TUNED: dict[str, Method] = {
    "magnitude over the model, cubic": _tuned(),
    "magnitude per tensor": _tuned(scope="tensor"),
    "magnitude per output": _tuned(scope="output"),
    "linear schedule": _tuned(schedule="linear"),
    "one shot": _tuned(schedule="one_shot"),
    "|w * gradient|": _tuned(scores="gradient"),
    "Optimal Brain Damage": _tuned(scores="damage"),
    "Wanda, per output": _tuned(scores="wanda", scope="output"),
    "SparseGPT, one shot": sparse_gpt_tuned,
    "lottery ticket": ticket,
    "random": _tuned(scores="random"),
}

AT_ONCE: dict[str, Method] = {
    "magnitude over the model": _at_once("magnitude", "model"),
    "magnitude per tensor": _at_once("magnitude", "tensor"),
    "magnitude per output": _at_once("magnitude", "output"),
    "|w * gradient|": _at_once("gradient", "model"),
    "Optimal Brain Damage": _at_once("damage", "model"),
    "Wanda, per output": _at_once("wanda", "output"),
    "Optimal Brain Surgeon, per output": _layers_cut(operated),
    "SparseGPT, per tensor": lambda bench: as_sparse_codes(bench, _sparse_gpt(bench, UNTUNED)),
    "random": _at_once("random", "model"),
}

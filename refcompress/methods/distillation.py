"""Ways to teach a student: each makes a network of the plan's widths, stored whole in float32."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from refcompress.compression import distil
from refcompress.distillation.objectives import (
    hinted_start,
    relation_objective,
    target_outputs,
)
from refcompress.distillation.student import STUDENT_OPTIMIZER
from refcompress.methods.bench import Bench, Method, Sized, as_floats
from refcompress.mlp.network import MLP, initialize
from refcompress.mlp.training import Objective, RowObjective, classification, regression, train


def _planned(changes: Mapping[str, Any]) -> Method:
    """Return the method of a plan with some changes."""

    def method(bench: Bench) -> Sized:
        return as_floats(bench, distil(bench.teacher, bench.few, replace(bench.plan, **changes))[1])

    return method


def first(bench: Bench) -> Sized:
    """Measure the student of the plan."""
    return as_floats(bench, bench.student)


def hints(bench: Bench) -> Sized | None:
    """Spend half of the training on the hidden features, the rest on the outputs."""
    plan = bench.plan
    if not plan.student_hidden or not bench.knowledge.features:
        return None
    half = plan.student_epochs // 2
    start = hinted_start(
        bench.few.x,
        bench.knowledge,
        hidden=plan.student_hidden,
        optimizer=STUDENT_OPTIMIZER,
        epochs=half,
        seed=plan.seed,
    )
    return as_floats(bench, bench.tuned(start, plan.student_epochs - half))


def relations(bench: Bench) -> Sized:
    """Learn the outputs, and the distances and angles between those of the examples of a batch."""
    targets = target_outputs(bench.knowledge)
    by_outputs, by_relations = regression(targets), relation_objective(targets)

    def both(output: Any, rows: Any) -> tuple[float, Any]:
        (a, da), (b, db) = by_outputs(output, rows), by_relations(output, rows)
        return a + b, da + db

    return as_floats(bench, _trained(bench, RowObjective(len(targets), both)))


def from_teacher(bench: Bench) -> Sized | None:
    """Begin with the teacher's most important neurons, where it has enough of them."""
    theirs, ours = bench.teacher.sizes[1:-1], bench.plan.student_hidden
    if not ours or len(ours) > len(theirs) or any(a > b for a, b in zip(ours, theirs, strict=False)):
        return None
    return _planned({"start_from_teacher": True})(bench)


def labels_alone(bench: Bench) -> Sized:
    """Train without a teacher."""
    return as_floats(bench, _trained(bench, classification(bench.few.y)))


def _trained(bench: Bench, objective: Objective) -> MLP:
    """Return a new student, trained as long as that of the plan."""
    plan = bench.plan
    start = initialize(bench.student.sizes, seed=plan.seed)
    return train(
        start, bench.few.x, objective, optimizer=STUDENT_OPTIMIZER, epochs=plan.student_epochs, seed=plan.seed
    ).model


METHODS: dict[str, Method] = {
    "mse of the outputs": first,
    "labels alone": labels_alone,
    "mse, half the weight on labels": _planned({"label_weight": 0.5}),
    "KL at T = 1": _planned({"distillation": "kl", "temperature": 1.0}),
    "KL at T = 4": _planned({"distillation": "kl", "temperature": 4.0}),
    "KL at T = 4, a tenth on labels": _planned({"distillation": "kl", "temperature": 4.0, "label_weight": 0.1}),
    "hidden features, then mse": hints,
    "mse and relations": relations,
    "mse from the teacher's neurons": from_teacher,
}

"""``masked_sgd_step`` as an operation."""

from typing import TYPE_CHECKING

import numpy as np

from refcompress.verify.inputs import masked_steps
from refcompress.verify.operation import Arguments, Case, Input, Operation, Setting, Settings
from refcompress.verify.operations import masked_cases, masked_faults, masked_kills
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.shared_cases import in_every_layout, that_tell

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def _rate(name: str, allowed: tuple[float, ...], text: str) -> Setting:
    says = {value: f"takes {value} for {name}" if value else f"takes no {name}: 0" for value in allowed}
    return Setting(name, allowed[0], allowed, text, says)


def _search(settings: Settings) -> "SearchStrategy[Arguments]":
    return masked_steps(settings["dtype"])


MASKED_SGD_STEP = Operation(
    name="masked_sgd_step",
    formula="v' = momentum * v + g + weight_decay * w, w' = w - lr * v', both times the mask",
    summary="a step of SGD that holds pruned weights, and their velocity, at 0",
    inputs=(
        Input("w", "floats", "the weights, an array of any shape, of the dtype of the settings"),
        Input("gradient", "floats", "an array of that shape"),
        Input("velocity", "floats", "an array of that shape"),
        Input("mask", "booleans", "an array of that shape, true where a weight stays"),
    ),
    settings=(
        _rate("lr", (0.1, 0.01, 0.5, 1.0, 0.0), "the step size"),
        _rate("momentum", (0.9, 0.5, 0.99, 0.0), "the share of the velocity that is left"),
        _rate("weight_decay", (0.01, 0.1, 0.5, 0.0), "the L2 coefficient"),
        FLOAT_DTYPE,
        CHECK_DTYPE,
    ),
    result="w and velocity, two arrays of the shape of w; pruned entries are +0 in both",
    parts=("w", "the velocity"),
    answer=masked_faults.right_step,
    cases=that_tell(
        masked_kills.MASKED_SGD_STEP,
        Case("one weight that stays", masked_cases.one_kept),
        Case("one weight that is pruned", masked_cases.one_pruned),
        Case("velocity from before the pruning", masked_cases.old_velocity),
        Case("pruned only now", masked_cases.late_mask),
        Case("kept weights that are 0", masked_cases.regrown),
        Case("weights, gradients and velocities alone", masked_cases.one_term),
        Case("all signs", masked_cases.two_terms),
        Case("masks of all and of nothing", masked_cases.all_or_none),
        Case("terms that cancel", masked_cases.cancelling),
        Case("fractions of all digits", masked_cases.long_fractions),
        Case("numbers of unlike size", masked_cases.unlike_sizes),
        Case("near the smallest numbers", masked_cases.small),
        Case("lengths around vector widths", masked_cases.sizes),
        Case("0-d, empty and 4-d", masked_cases.shapes),
        *in_every_layout(masked_cases.layouts),
    ),
    strategy=_search,
    laws=masked_cases.LAWS,
    faults=masked_faults.FAULTS,
    regions=masked_cases.REGIONS,
    bound=masked_faults.step_bound,
    typical=({}, {"dtype": "float64"}, {"lr": 1.0, "momentum": 0.5, "weight_decay": 0.5}),
    by_hand=masked_cases.by_hand,
    rejects=(
        ("w[0] = nan", lambda s: masked_cases.call([np.nan, 1], [1, 1], [0, 0], [True, True], s)),
        ("shapes (2,) and (2, 1)", lambda s: masked_cases.call([1, 1], [[1], [1]], [0, 0], [True, True], s)),
    ),
)

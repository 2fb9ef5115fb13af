"""The directed cases of ``mlp_forward`` and ``mlp_gradients``: networks of every form, mostly of small integers.

Sums of products of small integers are exact in any order, so that a wrong rule shows in them at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from refcompress.mlp.network import mlp_forward
from refcompress.verify.inputs import MANY, adds_many, float_dtype, scattered
from refcompress.verify.operation import Arguments, Case, Settings
from refcompress.verify.operations.bounded import wide


def cast(args: Sequence[Any], settings: Settings) -> Arguments:
    """Return weights, biases and other arrays, which may be given as lists of numbers, in the dtype of the settings."""
    dtype = float_dtype(settings["dtype"])
    weights, biases, *rest = args
    layers = ([np.asarray(a).astype(dtype) for a in arrays] for arrays in (weights, biases))
    return (*layers, *(np.asarray(a).astype(dtype) for a in rest))


def network(
    sizes: Sequence[int], n: int, settings: Settings, span: int = 2, divisor: float = 1.0, seed: int = 0
) -> Arguments:
    """Return a network, its inputs and its targets: scattered integers from -span to span, over the divisor."""
    numbers = [
        scattered(shape, span, seed + i) / divisor
        for i, shape in enumerate(
            [*pairwise(sizes), *((outputs,) for outputs in sizes[1:]), (n, sizes[0]), (n, sizes[-1])]
        )
    ]
    layers = len(sizes) - 1
    return cast((numbers[:layers], numbers[layers : 2 * layers], *numbers[-2:]), settings)


Make = Callable[[Settings], Iterator[Arguments]]


def _forms(*forms: tuple[Sequence[int], int], seed: int = 0, **options: Any) -> Make:
    """Return a case of networks of these widths, for batches of these sizes."""
    return lambda settings: (network(sizes, n, settings, seed=i, **options) for i, (sizes, n) in enumerate(forms, seed))


def _long(settings: Settings) -> Iterator[Arguments]:
    """Yield many inputs, units, outputs and examples, where something is promised of so long a sum."""
    if adds_many(settings["dtype"]):
        yield from _forms(((MANY, 2), 3), ((2, MANY, 2), 3), ((2, MANY), 3), ((2, 3, 2), MANY))(settings)


def _by_hand_sized(settings: Settings) -> Iterator[Arguments]:
    for w, b, x, target in (
        ([[[2]]], [[1]], [[3]], [[5]]),
        ([[[1, -1]], [[2], [3]]], [[0, 0], [1]], [[5], [-5]], [[1], [2]]),
        ([[[1, 2], [3, 4]]], [[1, -1]], [[1, 0], [0, 1]], [[0, 0], [0, 0]]),
        ([[[2]], [[2]]], [[0], [0]], [[1]], [[0]]),
    ):
        yield cast((w, b, x, target), settings)


def _zero_preactivation(settings: Settings) -> Iterator[Arguments]:
    """Yield hidden units whose input is exactly 0, and -0.0 where a sum of such is: nothing was rounded there."""
    hidden, out = [[0.0, -0.0, 1.0], [0.0, 0.0, -1.0]], [[1.0, -2], [3, 1], [1, 1]]
    for zero in (0.0, -0.0):
        x = [[1.0, 2], [zero, zero], [2, 1]]
        yield cast(([hidden, out], [[zero, zero, zero], [1.0, -1]], x, [[0.0, 0]] * 3), settings)
    yield cast(([[[1.0, -1]], [[2.0], [3]]], [[0.0, 0], [0.0]], [[0.0], [-0.0], [1]], [[1.0], [1], [1]]), settings)
    yield cast(
        ([[[1.0, 2]], [[0.0, 1], [0, 1]], [[1.0], [1]]], [[1.0, 1], [0.0, 0], [1.0]], [[1.0]], [[0.0]]), settings
    )


def _dead_units(settings: Settings) -> Iterator[Arguments]:
    for bias in (-9.0, 9.0):
        w, _, x, target = network((2, 3, 2), 4, settings, seed=5)
        yield cast((w, [[bias, -bias, bias], [1, -1]], x, target), settings)
    w, b, x, target = network((2, 3, 3, 1), 3, settings, seed=6)
    yield cast((w, [b[0], [-99.0, -99, -99], b[2]], x, target), settings)


def _negative_biases(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = network((3, 4, 2), 5, settings, seed=7)
    yield cast((w, [-np.abs(a.astype(np.float64)) - 1 for a in b], x, target), settings)
    yield cast(
        ([np.abs(a.astype(np.float64)) for a in w], [-np.ones(4), -np.ones(2)], np.abs(wide((x,))[0]), target), settings
    )


def _zero_weights(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = network((2, 3, 2), 3, settings, seed=8)
    for zeros in ((0,), (1,), (0, 1)):
        yield cast(([a * 0 if i in zeros else a for i, a in enumerate(wide((w,))[0])], b, x, target), settings)
    yield cast((w, b, np.zeros((3, 2)), target), settings)
    yield cast((w, [np.zeros(3), np.zeros(2)], x, target), settings)
    yield cast((w, [np.zeros(3), np.zeros(2)], np.zeros((3, 2)), target), settings)


def _same_rows(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = wide(network((3, 4, 2), 1, settings, seed=9))
    for n in (1, 2, 8):
        yield cast((w, b, np.tile(x, (n, 1)), np.tile(target, (n, 1))), settings)


def _right_target(settings: Settings) -> Iterator[Arguments]:
    """Yield targets that the network meets exactly, but for one of them."""
    w, b, x, _ = network((3, 4, 2), 5, settings, seed=10)
    target = mlp_forward(*wide((w, b, x)), activation=settings["activation"])
    if settings["activation"] != "tanh":
        yield cast((w, b, x, target), settings)
        target = target.copy()
        target[2, 1] += 2
        yield cast((w, b, x, target), settings)


def _empty_batch(settings: Settings) -> Iterator[Arguments]:
    if settings.get("reduction", "sum") == "sum":
        yield network((2, 3, 2), 0, settings)
        yield network((3, 1), 0, settings)


def _cancelling(settings: Settings) -> Iterator[Arguments]:
    """Yield sums whose terms are large beside the result."""
    large = {"float16": 64.0, "bfloat16": 16.0, "float32": 2.0**12, "float64": 2.0**30}[settings["dtype"]]
    w = [[[large, 1.0], [-large, 1.0], [1.0, 1.0]], [[1.0], [1.0]]]
    for x in ([[1.0, 1.0, 1.0]], [[2.0, 2.0, 1.0], [1.0, 2.0, 3.0]], [[0.1, 0.1, 0.1]]):
        yield cast((w, [[1.0, -1.0], [0.5]], x, [[0.25]] * len(x)), settings)


def _unlike_sizes(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = wide(network((3, 4, 2), 5, settings, span=9, divisor=7, seed=11))
    scale = 2.0 ** {"float16": 4, "bfloat16": 10, "float32": 10, "float64": 100}[settings["dtype"]]
    yield cast(([w[0] * scale, w[1] / scale], b, x, target), settings)
    yield cast(([w[0] / scale, w[1] * scale], b, x, target), settings)
    yield cast((w, b, x * np.array([scale, 1, 1 / scale]), target), settings)


def _small_slopes(settings: Settings) -> Iterator[Arguments]:
    """Yield hidden sums from far below to far above 0, one unit each: the whole of the activation."""
    z = np.array([-8, -4, -2, -1, -0.5, -0.25, -0.125, 0.125, 0.25, 0.5, 1, 2, 4, 8])
    out = np.resize([1.0, -1, 2], (len(z), 1))
    yield cast(([z[None], out], [np.zeros(len(z)), [0.5]], [[1.0]], [[0.0]]), settings)
    yield cast(([np.ones((1, 1)), np.ones((1, 1))], [[0.0], [0.0]], z[:, None], np.ones((len(z), 1))), settings)


# the rivals that each case tells from the reference, with blanks between them
FORWARD_KILLS = {
    "a person can follow": "* !bias_after !hidden_bias_missing !only_first_activated",
    "one layer": (
        "averaged batch_mean_output bias_subtracted bias_twice centred_output first_example input_activated "
        "input_scaled last_activated last_bias_missing magnitudes no_bias one_bias only_last_activated "
        "residual row_major sigmoid_output softmax"
    ),
    "one layer, square": (
        "averaged batch_mean_output bias_across bias_first bias_subtracted bias_twice centred_output "
        "first_example input_activated input_scaled last_activated last_bias_missing magnitudes no_bias "
        "one_bias only_last_activated residual row_major sigmoid_output softmax transposed"
    ),
    "one unit in each layer": "* !averaged !bias_across !input_scaled !one_bias !row_major !transposed",
    "one output": "* !bias_across !last_layer_only",
    "a batch of 1": "* !batch_mean_output !bias_across !first_example",
    "batches of 2, 7 and 32": "* !bias_first !last_layer_only !only_first_activated !residual !transposed",
    "square layers": "*",
    "widths that differ": "* !bias_first !last_layer_only !residual !transposed",
    "four layers": "*",
    "hidden sums of exactly 0 and -0.0": "* !bias_across !bias_first !input_activated !last_layer_only",
    "dead units": "* !last_layer_only",
    "negative biases": "* !bias_across !bias_first !last_layer_only !only_first_activated !residual !transposed",
    "zero weights, inputs or biases": "* !bias_first !last_layer_only !only_first_activated !residual !transposed",
    "the same row again": (
        "* !batch_mean_output !bias_first !first_example !last_layer_only !only_first_activated !residual !transposed"
    ),
    "targets that are met": (
        "* !bias_across !bias_first !in_16_bits !in_float32 !last_layer_only !only_first_activated !residual "
        "!transposed"
    ),
    "every slope of the activation": (
        "* !bias_across !bias_after !bias_first !hidden_bias_missing !last_layer_only !one_bias "
        "!only_first_activated !row_major !transposed"
    ),
    "large terms that cancel": (
        "* !bias_first !input_activated !last_layer_only !only_first_activated !residual !transposed"
    ),
    "fractions of all digits": "* !only_first_activated",
    "layers of unlike size": (
        "* !bias_across !bias_first !last_layer_only !only_first_activated !residual !transposed"
    ),
    "longer than a block": "* !bias_across !bias_first !last_layer_only !only_first_activated !residual !transposed",
    "strided": "* !only_first_activated",
    "reversed": "* !only_first_activated",
    "Fortran order": "* !only_first_activated",
    "read-only": "* !bias_across !bias_first !last_layer_only !only_first_activated !residual !transposed",
}

GRADIENTS_KILLS = {
    "a person can follow": (
        "* !at_zero_1 !at_zero_half !back_magnitudes !back_transposed !hidden_bias_missing "
        "!only_first_activated !slope_of_layer_below"
    ),
    "one layer": (
        "* !absolute !activation=identity !activation=relu !activation=tanh !at_zero_1 !at_zero_half "
        "!back_magnitudes !back_transposed !back_without_weights !bias_across !bias_first !bias_summed_across "
        "!elu !first_layer_zero !first_not_activated !gelu !hard_tanh !hidden_bias_missing !in_float32 !leaky "
        "!leaky_wide !mask_inverted !mask_of_both !mask_of_gradient !mask_of_nonzero !negative_part "
        "!no_derivative !only_first_activated !only_last_layer !relu6 !sigmoid !silu !slope_leaky "
        "!slope_of_first_example !slope_of_layer_above !slope_of_layer_below !softplus !step !tanh_as_sigmoid "
        "!tanh_of_z !tanh_plus !tanh_square_root !tanh_twice !tanh_without_square !transposed !updated_001 "
        "!updated_01 !updated_1 !weight_transposed"
    ),
    "one layer, square": (
        "* !absolute !activation=identity !activation=relu !activation=tanh !at_zero_1 !at_zero_half "
        "!back_magnitudes !back_transposed !back_without_weights !elu !first_layer_zero !first_not_activated "
        "!gelu !hard_tanh !hidden_bias_missing !in_float32 !leaky !leaky_wide !mask_inverted !mask_of_both "
        "!mask_of_gradient !mask_of_nonzero !negative_part !no_derivative !only_first_activated "
        "!only_last_layer !relu6 !sigmoid !silu !slope_leaky !slope_of_first_example !slope_of_layer_above "
        "!slope_of_layer_below !softplus !step !tanh_as_sigmoid !tanh_of_z !tanh_plus !tanh_square_root "
        "!tanh_twice !tanh_without_square !updated_001 !updated_01 !updated_1"
    ),
    "one unit in each layer": (
        "* !at_zero_1 !at_zero_half !averaged !back_transposed !bias_across !bias_mean_over_units "
        "!bias_of_first_unit !bias_summed_across !bias_summed_over_units !one_bias !row_major !transposed "
        "!weight_row_major !weight_transposed"
    ),
    "one output": "* !at_zero_1 !at_zero_half !bias_across !bias_summed_across",
    "a batch of 1": (
        "* !batch_divided_again !batch_not_divided !bias_across !bias_mean !bias_of_first !bias_of_last "
        "!bias_summed_across !slope_of_first_example !slope_of_layer_below !weight_mean !weight_of_first "
        "!weight_of_last"
    ),
    "batches of 2, 7 and 32": (
        "* !back_transposed !bias_first !only_first_activated !residual !slope_of_layer_above "
        "!slope_of_layer_below !transposed !weight_transposed"
    ),
    "square layers": "* !at_zero_1 !at_zero_half",
    "widths that differ": (
        "* !back_transposed !bias_first !residual !slope_of_layer_above !slope_of_layer_below !transposed "
        "!weight_transposed"
    ),
    "four layers": "*",
    "hidden sums of exactly 0 and -0.0": "* !bias_across !bias_first",
    "dead units": "* !at_zero_1 !at_zero_half !slope_of_layer_above",
    "negative biases": (
        "* !at_zero_1 !at_zero_half !back_transposed !bias_across !bias_first !bias_summed_across "
        "!only_first_activated !residual !slope_of_layer_above !slope_of_layer_below !transposed "
        "!weight_transposed"
    ),
    "zero weights, inputs or biases": (
        "* !back_transposed !bias_first !only_first_activated !residual !slope_of_layer_above "
        "!slope_of_layer_below !transposed !weight_transposed"
    ),
    "the same row again": (
        "* !at_zero_1 !at_zero_half !back_transposed !bias_first !only_first_activated !residual "
        "!slope_of_first_example !slope_of_layer_above !slope_of_layer_below !transposed !weight_transposed"
    ),
    "targets that are met": (
        "* !at_zero_1 !at_zero_half !back_transposed !bias_across !bias_first !bias_summed_across !in_float32 "
        "!last_activated !only_first_activated !residual !slope_of_layer_above !slope_of_layer_below "
        "!tanh_as_sigmoid !tanh_of_z !tanh_plus !tanh_square_root !tanh_twice !tanh_without_square "
        "!transposed !weight_transposed"
    ),
    "every slope of the activation": (
        "* !at_zero_1 !at_zero_half !back_transposed !bias_across !bias_first !bias_summed_across "
        "!hidden_bias_missing !one_bias !only_first_activated !row_major !slope_of_layer_below !transposed "
        "!weight_row_major !weight_transposed"
    ),
    "large terms that cancel": (
        "* !at_zero_1 !at_zero_half !back_magnitudes !back_transposed !back_without_weights !bias_first "
        "!in_float32 !only_first_activated !residual !slope_of_layer_above !slope_of_layer_below !transposed "
        "!weight_transposed"
    ),
    "fractions of all digits": "* !at_zero_1 !at_zero_half !only_first_activated !slope_of_layer_below",
    "layers of unlike size": (
        "* !at_zero_1 !at_zero_half !back_transposed !bias_across !bias_first !bias_summed_across "
        "!only_first_activated !residual !slope_of_layer_above !slope_of_layer_below !transposed "
        "!weight_transposed"
    ),
    "longer than a block": (
        "* !back_transposed !bias_across !bias_first !bias_summed_across !only_first_activated !residual "
        "!slope_of_layer_above !slope_of_layer_below !transposed !weight_transposed"
    ),
    "no examples": "decay_0001 decay_001 decay_01",
    "strided": "* !only_first_activated !slope_of_layer_below",
    "reversed": "* !only_first_activated !slope_of_layer_below",
    "Fortran order": "* !only_first_activated !slope_of_layer_below",
    "read-only": (
        "* !at_zero_1 !at_zero_half !back_transposed !bias_across !bias_first !bias_summed_across "
        "!only_first_activated !residual !slope_of_layer_above !slope_of_layer_below !transposed "
        "!weight_transposed"
    ),
}

# seeds of which some units of every layer are alive under relu
CASES: tuple[tuple[str, Make, str], ...] = (
    ("a person can follow", _by_hand_sized, "plain"),
    ("one layer", _forms(((1, 1), 1), ((3, 1), 4), ((1, 3), 4), ((3, 2), 7)), "plain"),
    ("one layer, square", _forms(((2, 2), 3), ((3, 3), 3)), "plain"),
    ("one unit in each layer", _forms(((1, 1, 1, 1), 2), ((1, 1, 1), 1), ((1, 1, 1), 3), seed=10), "plain"),
    ("one output", _forms(((3, 4, 1), 5), ((2, 3, 3, 1), 2)), "plain"),
    ("a batch of 1", _forms(((3, 4, 2), 1), ((2, 2, 2), 1), ((2, 3, 4, 2), 1)), "plain"),
    ("batches of 2, 7 and 32", _forms(((3, 4, 2), 2), ((3, 4, 2), 7), ((3, 4, 2), 32)), "plain"),
    ("square layers", _forms(((2, 2, 2), 2), ((3, 3, 3, 3), 3), ((4, 4, 4), 2)), "plain"),
    ("widths that differ", _forms(((2, 5, 3), 4), ((4, 1, 3, 2), 3), ((1, 6, 1), 2)), "plain"),
    ("four layers", _forms(((2, 3, 2, 3, 2), 3), ((2, 2, 2, 2, 2), 2), seed=14), "plain"),
    ("hidden sums of exactly 0 and -0.0", _zero_preactivation, "plain"),
    ("dead units", _dead_units, "plain"),
    ("negative biases", _negative_biases, "plain"),
    ("zero weights, inputs or biases", _zero_weights, "plain"),
    ("the same row again", _same_rows, "plain"),
    ("targets that are met", _right_target, "plain"),
    ("every slope of the activation", _small_slopes, "plain"),
    ("large terms that cancel", _cancelling, "plain"),
    ("fractions of all digits", _forms(((3, 4, 2), 5), ((3, 3, 3), 3), ((8, 5, 2), 9), span=20, divisor=13.0), "plain"),
    ("layers of unlike size", _unlike_sizes, "plain"),
    ("longer than a block", _long, "plain"),
    ("no examples", _empty_batch, "plain"),
    ("strided", _forms(((3, 4, 2), 3), ((2, 2, 2), 2)), "strided"),
    ("reversed", _forms(((3, 4, 2), 3), ((2, 2, 2), 2)), "reversed"),
    ("Fortran order", _forms(((3, 4, 2), 3), ((2, 2, 2), 2)), "fortran"),
    ("read-only", _forms(((3, 4, 2), 3)), "read-only"),
)


def _without_target(make: Make) -> Make:
    return lambda settings: (args[:3] for args in make(settings))


def network_cases(kills: Mapping[str, str], *, target: bool) -> tuple[Case, ...]:
    """Return the cases of an operation, with the rivals that each tells from the reference."""
    return tuple(
        Case(name, make if target else _without_target(make), tuple(kills.get(name, "").split()), layout)
        for name, make, layout in CASES
    )

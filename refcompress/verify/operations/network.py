"""``mlp_forward`` and ``mlp_gradients`` as operations: networks of every form, with numbers that show a wrong rule."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import mlp_forward_bound, mlp_gradients_bound, precision_of
from refcompress.mlp.network import mlp_forward, mlp_gradients
from refcompress.verify.inputs import float_dtype, networks, scattered
from refcompress.verify.operation import Arguments, Case, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.bounded import (
    beside_reference,
    cast_error,
    each,
    in_dtype,
    low_precision_faults,
    wide,
)
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.losses import REDUCTION_SETTING
from refcompress.verify.operations.network_faults import FORWARD_FAULTS, GRADIENT_FAULTS, RIGHT, run

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

ACTIVATION_SETTING = Setting(
    "activation",
    "relu",
    ("relu", "tanh", "identity"),
    "what follows every layer but the last",
    {
        "relu": "applies a relu after each hidden layer",
        "tanh": "applies tanh after each hidden layer",
        "identity": "applies no activation",
    },
)


def _exact_output(args: Arguments, settings: Settings) -> Any:
    return mlp_forward(*wide(args), activation=settings["activation"])


def _output(args: Arguments, settings: Settings) -> Any:
    return in_dtype(_exact_output(args, settings), settings)


def _output_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    return mlp_forward_bound(*wide(args), activation=settings["activation"], precision=precision_of(dtype))


def _exact_gradients(args: Arguments, settings: Settings) -> Any:
    return mlp_gradients(*wide(args), activation=settings["activation"], reduction=settings["reduction"])


def _gradients(args: Arguments, settings: Settings) -> Any:
    return in_dtype(_exact_gradients(args, settings), settings)


def _gradients_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    return mlp_gradients_bound(
        *wide(args), activation=settings["activation"], reduction=settings["reduction"], precision=precision_of(dtype)
    )


def _bound(
    exact: Callable[[Arguments, Settings], Any], bound_in: Callable[[Arguments, str, Settings], Any]
) -> Callable[[Arguments, Settings], Any]:
    def bound(args: Arguments, settings: Settings) -> Any:
        own = beside_reference(bound_in(args, settings["dtype"], settings), settings["dtype"])
        return each(np.add, own, cast_error(exact, args, settings)) if settings["check_dtype"] else own

    return bound


_output_bound = _bound(_exact_output, _output_bound_in)
_gradients_bound = _bound(_exact_gradients, _gradients_bound_in)


def _cast(args: Sequence[Any], settings: Settings) -> Arguments:
    """Return weights, biases and other arrays, which may be given as lists of numbers, in the dtype of the settings."""
    dtype = float_dtype(settings["dtype"])
    weights, biases, *rest = args
    layers = ([np.asarray(a, np.float64).astype(dtype) for a in arrays] for arrays in (weights, biases))
    return (*layers, *(np.asarray(a, np.float64).astype(dtype) for a in rest))


def _network(
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
    return _cast((numbers[:layers], numbers[layers : 2 * layers], *numbers[-2:]), settings)


Make = Callable[[Settings], Iterator[Arguments]]


def _forms(*forms: tuple[Sequence[int], int], **options: Any) -> Make:
    """Return a case of networks of these widths, for batches of these sizes."""
    return lambda settings: (_network(sizes, n, settings, seed=i, **options) for i, (sizes, n) in enumerate(forms))


def _by_hand_sized(settings: Settings) -> Iterator[Arguments]:
    for w, b, x, target in (
        ([[[2]]], [[1]], [[3]], [[5]]),
        ([[[1, -1]], [[2], [3]]], [[0, 0], [1]], [[5], [-5]], [[1], [2]]),
        ([[[1, 2], [3, 4]]], [[1, -1]], [[1, 0], [0, 1]], [[0, 0], [0, 0]]),
        ([[[2]], [[2]]], [[0], [0]], [[1]], [[0]]),
    ):
        yield _cast((w, b, x, target), settings)


def _zero_preactivation(settings: Settings) -> Iterator[Arguments]:
    """Yield hidden units whose input is exactly 0, and -0.0 where a sum of such is: nothing was rounded there."""
    hidden, out = [[0.0, -0.0, 1.0], [0.0, 0.0, -1.0]], [[1.0, -2], [3, 1], [1, 1]]
    for zero in (0.0, -0.0):
        x = [[1.0, 2], [zero, zero], [2, 1]]
        yield _cast(([hidden, out], [[zero, zero, zero], [1.0, -1]], x, [[0.0, 0]] * 3), settings)
    yield _cast(([[[1.0, -1]], [[2.0], [3]]], [[0.0, 0], [0.0]], [[0.0], [-0.0], [1]], [[1.0], [1], [1]]), settings)
    yield _cast(
        ([[[1.0, 2]], [[0.0, 1], [0, 1]], [[1.0], [1]]], [[1.0, 1], [0.0, 0], [1.0]], [[1.0]], [[0.0]]), settings
    )


def _dead_units(settings: Settings) -> Iterator[Arguments]:
    for bias in (-9.0, 9.0):
        w, _, x, target = _network((2, 3, 2), 4, settings, seed=5)
        yield _cast((w, [[bias, -bias, bias], [1, -1]], x, target), settings)
    w, b, x, target = _network((2, 3, 3, 1), 3, settings, seed=6)
    yield _cast((w, [b[0], [-99.0, -99, -99], b[2]], x, target), settings)


def _negative_biases(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = _network((3, 4, 2), 5, settings, seed=7)
    yield _cast((w, [-np.abs(a.astype(np.float64)) - 1 for a in b], x, target), settings)
    yield _cast(
        ([np.abs(a.astype(np.float64)) for a in w], [-np.ones(4), -np.ones(2)], np.abs(wide((x,))[0]), target), settings
    )


def _zero_weights(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = _network((2, 3, 2), 3, settings, seed=8)
    for zeros in ((0,), (1,), (0, 1)):
        yield _cast(([a * 0 if i in zeros else a for i, a in enumerate(wide((w,))[0])], b, x, target), settings)
    yield _cast((w, b, np.zeros((3, 2)), target), settings)
    yield _cast((w, [np.zeros(3), np.zeros(2)], x, target), settings)
    yield _cast((w, [np.zeros(3), np.zeros(2)], np.zeros((3, 2)), target), settings)


def _same_rows(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = wide(_network((3, 4, 2), 1, settings, seed=9))
    for n in (1, 2, 8):
        yield _cast((w, b, np.tile(x, (n, 1)), np.tile(target, (n, 1))), settings)


def _right_target(settings: Settings) -> Iterator[Arguments]:
    """Yield targets that the network meets exactly, but for one of them."""
    w, b, x, _ = _network((3, 4, 2), 5, settings, seed=10)
    target = np.asarray(_exact_output((w, b, x), settings))
    if settings["activation"] != "tanh":
        yield _cast((w, b, x, target), settings)
        target = target.copy()
        target[2, 1] += 2
        yield _cast((w, b, x, target), settings)


def _empty_batch(settings: Settings) -> Iterator[Arguments]:
    if settings.get("reduction", "sum") == "sum":
        yield _network((2, 3, 2), 0, settings)
        yield _network((3, 1), 0, settings)


def _cancelling(settings: Settings) -> Iterator[Arguments]:
    """Yield sums whose terms are large beside the result."""
    large = {"float16": 64.0, "bfloat16": 16.0, "float32": 2.0**12, "float64": 2.0**30}[settings["dtype"]]
    w = [[[large, 1.0], [-large, 1.0], [1.0, 1.0]], [[1.0], [1.0]]]
    for x in ([[1.0, 1.0, 1.0]], [[2.0, 2.0, 1.0], [1.0, 2.0, 3.0]], [[0.1, 0.1, 0.1]]):
        yield _cast((w, [[1.0, -1.0], [0.5]], x, [[0.25]] * len(x)), settings)


def _unlike_sizes(settings: Settings) -> Iterator[Arguments]:
    w, b, x, target = wide(_network((3, 4, 2), 5, settings, span=9, divisor=7, seed=11))
    scale = 2.0 ** {"float16": 4, "bfloat16": 10, "float32": 10, "float64": 100}[settings["dtype"]]
    yield _cast(([w[0] * scale, w[1] / scale], b, x, target), settings)
    yield _cast(([w[0] / scale, w[1] * scale], b, x, target), settings)
    yield _cast((w, b, x * np.array([scale, 1, 1 / scale]), target), settings)


def _small_slopes(settings: Settings) -> Iterator[Arguments]:
    """Yield hidden sums from far below to far above 0, one unit each: the whole of the activation."""
    z = np.array([-8, -4, -2, -1, -0.5, -0.25, -0.125, 0.125, 0.25, 0.5, 1, 2, 4, 8])
    out = np.resize([1.0, -1, 2], (len(z), 1))
    yield _cast(([z[None], out], [np.zeros(len(z)), [0.5]], [[1.0]], [[0.0]]), settings)
    yield _cast(([np.ones((1, 1)), np.ones((1, 1))], [[0.0], [0.0]], z[:, None], np.ones((len(z), 1))), settings)


FORWARD_KILLS: dict[str, tuple[str, ...]] = {
    "a person can follow": ("*", "!bias_after", "!hidden_bias_missing", "!only_first_activated"),
    "one layer": (
        "averaged",
        "batch_mean_output",
        "bias_subtracted",
        "bias_twice",
        "centred_output",
        "first_example",
        "input_activated",
        "input_scaled",
        "last_activated",
        "last_bias_missing",
        "magnitudes",
        "no_bias",
        "one_bias",
        "only_last_activated",
        "residual",
        "row_major",
        "sigmoid_output",
        "softmax",
    ),
    "one layer, square": (
        "averaged",
        "batch_mean_output",
        "bias_across",
        "bias_first",
        "bias_subtracted",
        "bias_twice",
        "centred_output",
        "first_example",
        "input_activated",
        "input_scaled",
        "last_activated",
        "last_bias_missing",
        "magnitudes",
        "no_bias",
        "one_bias",
        "only_last_activated",
        "residual",
        "row_major",
        "sigmoid_output",
        "softmax",
        "transposed",
    ),
    "one unit in each layer": (
        "*",
        "!averaged",
        "!batch_mean_output",
        "!bias_across",
        "!first_example",
        "!first_not_activated",
        "!input_activated",
        "!input_scaled",
        "!leaky",
        "!leaky_wide",
        "!one_bias",
        "!row_major",
        "!transposed",
    ),
    "one output": ("*", "!bias_across", "!last_layer_only"),
    "a batch of 1": ("*", "!batch_mean_output", "!bias_across", "!first_example"),
    "batches of 2, 7 and 32": (
        "*",
        "!bias_first",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
    "square layers": ("*",),
    "widths that differ": ("*", "!bias_first", "!last_layer_only", "!residual", "!transposed"),
    "four layers": ("*", "!input_scaled"),
    "hidden sums of exactly 0 and -0.0": ("*", "!bias_across", "!bias_first", "!input_activated", "!last_layer_only"),
    "dead units": ("*", "!bias_across", "!last_layer_only", "!residual", "!transposed"),
    "negative biases": (
        "*",
        "!bias_across",
        "!bias_first",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
    "zero weights, inputs or biases": (
        "*",
        "!bias_first",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
    "the same row again": (
        "*",
        "!batch_mean_output",
        "!bias_first",
        "!first_example",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
    "targets that are met": (
        "*",
        "!activation=relu",
        "!bias_across",
        "!bias_first",
        "!in_16_bits",
        "!in_float32",
        "!last_layer_only",
        "!only_first_activated",
        "!relu6",
        "!residual",
        "!transposed",
    ),
    "every slope of the activation": (
        "*",
        "!bias_across",
        "!bias_after",
        "!bias_first",
        "!hidden_bias_missing",
        "!last_layer_only",
        "!one_bias",
        "!only_first_activated",
        "!row_major",
        "!transposed",
    ),
    "large terms that cancel": (
        "*",
        "!bias_first",
        "!input_activated",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
    "fractions of all digits": ("*", "!only_first_activated"),
    "layers of unlike size": (
        "*",
        "!bias_across",
        "!bias_first",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
    "strided": ("*", "!only_first_activated"),
    "reversed": ("*", "!only_first_activated"),
    "Fortran order": ("*", "!only_first_activated"),
    "read-only": (
        "*",
        "!bias_across",
        "!bias_first",
        "!last_layer_only",
        "!only_first_activated",
        "!residual",
        "!transposed",
    ),
}
GRADIENTS_KILLS: dict[str, tuple[str, ...]] = {
    "a person can follow": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_magnitudes",
        "!back_transposed",
        "!hidden_bias_missing",
        "!only_first_activated",
        "!slope_of_layer_below",
    ),
    "one layer": (
        "*",
        "!absolute",
        "!activation=identity",
        "!activation=relu",
        "!activation=tanh",
        "!at_zero_1",
        "!at_zero_half",
        "!back_magnitudes",
        "!back_transposed",
        "!back_without_weights",
        "!bias_across",
        "!bias_first",
        "!elu",
        "!first_layer_zero",
        "!first_not_activated",
        "!gelu",
        "!hidden_bias_missing",
        "!in_float32",
        "!leaky",
        "!leaky_wide",
        "!mask_inverted",
        "!mask_of_both",
        "!mask_of_gradient",
        "!mask_of_nonzero",
        "!negative_part",
        "!no_derivative",
        "!only_first_activated",
        "!only_last_layer",
        "!relu6",
        "!sigmoid",
        "!silu",
        "!slope_leaky",
        "!slope_of_first_example",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!softplus",
        "!step",
        "!tanh_as_sigmoid",
        "!tanh_of_z",
        "!tanh_plus",
        "!tanh_square_root",
        "!tanh_twice",
        "!tanh_without_square",
        "!transposed",
        "!updated_001",
        "!updated_01",
        "!updated_1",
        "!weight_transposed",
    ),
    "one layer, square": (
        "*",
        "!absolute",
        "!activation=identity",
        "!activation=relu",
        "!activation=tanh",
        "!at_zero_1",
        "!at_zero_half",
        "!back_magnitudes",
        "!back_transposed",
        "!back_without_weights",
        "!elu",
        "!first_layer_zero",
        "!first_not_activated",
        "!gelu",
        "!hidden_bias_missing",
        "!in_float32",
        "!leaky",
        "!leaky_wide",
        "!mask_inverted",
        "!mask_of_both",
        "!mask_of_gradient",
        "!mask_of_nonzero",
        "!negative_part",
        "!no_derivative",
        "!only_first_activated",
        "!only_last_layer",
        "!relu6",
        "!sigmoid",
        "!silu",
        "!slope_leaky",
        "!slope_of_first_example",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!softplus",
        "!step",
        "!tanh_as_sigmoid",
        "!tanh_of_z",
        "!tanh_plus",
        "!tanh_square_root",
        "!tanh_twice",
        "!tanh_without_square",
        "!updated_001",
        "!updated_01",
        "!updated_1",
    ),
    "one unit in each layer": (
        "*",
        "!averaged",
        "!back_transposed",
        "!bias_across",
        "!bias_mean_over_units",
        "!bias_of_first_unit",
        "!bias_summed_over_units",
        "!mask_of_nonzero",
        "!one_bias",
        "!row_major",
        "!slope_of_first_example",
        "!transposed",
        "!weight_row_major",
        "!weight_transposed",
    ),
    "one output": ("*", "!at_zero_1", "!at_zero_half", "!bias_across"),
    "a batch of 1": (
        "*",
        "!batch_divided_again",
        "!batch_not_divided",
        "!bias_across",
        "!bias_mean",
        "!bias_of_first",
        "!bias_of_last",
        "!slope_of_first_example",
        "!slope_of_layer_below",
        "!weight_mean",
        "!weight_of_first",
        "!weight_of_last",
    ),
    "batches of 2, 7 and 32": (
        "*",
        "!back_transposed",
        "!bias_first",
        "!only_first_activated",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "square layers": ("*", "!at_zero_1", "!at_zero_half"),
    "widths that differ": (
        "*",
        "!back_transposed",
        "!bias_first",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "four layers": ("*",),
    "hidden sums of exactly 0 and -0.0": ("*", "!bias_first"),
    "dead units": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_transposed",
        "!bias_across",
        "!residual",
        "!slope_of_layer_above",
        "!transposed",
        "!weight_transposed",
    ),
    "negative biases": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_transposed",
        "!bias_across",
        "!bias_first",
        "!only_first_activated",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "zero weights, inputs or biases": (
        "*",
        "!back_transposed",
        "!bias_first",
        "!only_first_activated",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "the same row again": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_transposed",
        "!bias_first",
        "!only_first_activated",
        "!residual",
        "!slope_of_first_example",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "targets that are met": (
        "*",
        "!activation=relu",
        "!at_zero_1",
        "!at_zero_half",
        "!back_magnitudes",
        "!back_transposed",
        "!bias_across",
        "!bias_first",
        "!difference_per_example",
        "!in_float32",
        "!last_activated",
        "!only_first_activated",
        "!reduction=mean",
        "!relu6",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!tanh_as_sigmoid",
        "!tanh_of_z",
        "!tanh_plus",
        "!tanh_square_root",
        "!tanh_twice",
        "!tanh_without_square",
        "!transposed",
        "!weight_of_magnitudes",
        "!weight_transposed",
    ),
    "every slope of the activation": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_transposed",
        "!bias_across",
        "!bias_first",
        "!hidden_bias_missing",
        "!one_bias",
        "!only_first_activated",
        "!row_major",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_row_major",
        "!weight_transposed",
    ),
    "large terms that cancel": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_magnitudes",
        "!back_transposed",
        "!back_without_weights",
        "!bias_first",
        "!in_float32",
        "!mask_of_both",
        "!only_first_activated",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "fractions of all digits": ("*", "!at_zero_1", "!at_zero_half", "!only_first_activated", "!slope_of_layer_below"),
    "layers of unlike size": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_transposed",
        "!bias_across",
        "!bias_first",
        "!only_first_activated",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
    "no examples": (
        "batch_divided_again",
        "bias_mean",
        "bias_of_first",
        "bias_of_last",
        "decay_0001",
        "decay_001",
        "decay_01",
        "reduction=batch_mean",
        "reduction=mean",
        "weight_mean",
    ),
    "strided": ("*", "!only_first_activated", "!slope_of_layer_below"),
    "reversed": ("*", "!only_first_activated", "!slope_of_layer_below"),
    "Fortran order": ("*", "!only_first_activated", "!slope_of_layer_below"),
    "read-only": (
        "*",
        "!at_zero_1",
        "!at_zero_half",
        "!back_transposed",
        "!bias_across",
        "!bias_first",
        "!only_first_activated",
        "!residual",
        "!slope_of_layer_above",
        "!slope_of_layer_below",
        "!transposed",
        "!weight_transposed",
    ),
}

CASES: tuple[tuple[str, Make, str], ...] = (
    ("a person can follow", _by_hand_sized, "plain"),
    ("one layer", _forms(((1, 1), 1), ((3, 1), 4), ((1, 3), 4), ((3, 2), 7)), "plain"),
    ("one layer, square", _forms(((2, 2), 3), ((3, 3), 3)), "plain"),
    ("one unit in each layer", _forms(((1, 1, 1), 1), ((1, 1, 1), 3), ((1, 1, 1, 1), 2)), "plain"),
    ("one output", _forms(((3, 4, 1), 5), ((2, 3, 3, 1), 2)), "plain"),
    ("a batch of 1", _forms(((3, 4, 2), 1), ((2, 2, 2), 1), ((2, 3, 4, 2), 1)), "plain"),
    ("batches of 2, 7 and 32", _forms(((3, 4, 2), 2), ((3, 4, 2), 7), ((3, 4, 2), 32)), "plain"),
    ("square layers", _forms(((2, 2, 2), 2), ((3, 3, 3, 3), 3), ((4, 4, 4), 2)), "plain"),
    ("widths that differ", _forms(((2, 5, 3), 4), ((4, 1, 3, 2), 3), ((1, 6, 1), 2)), "plain"),
    ("four layers", _forms(((2, 3, 2, 3, 2), 3), ((2, 2, 2, 2, 2), 2), span=1), "plain"),
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
    ("no examples", _empty_batch, "plain"),
    ("strided", _forms(((3, 4, 2), 3), ((2, 2, 2), 2)), "strided"),
    ("reversed", _forms(((3, 4, 2), 3), ((2, 2, 2), 2)), "reversed"),
    ("Fortran order", _forms(((3, 4, 2), 3), ((2, 2, 2), 2)), "fortran"),
    ("read-only", _forms(((3, 4, 2), 3)), "read-only"),
)


def _without_target(make: Make) -> Make:
    return lambda settings: (args[:3] for args in make(settings))


def _search_forward(settings: Settings) -> "SearchStrategy[Arguments]":
    return networks(settings["dtype"]).map(lambda args: args[:3])


def _search_gradients(settings: Settings) -> "SearchStrategy[Arguments]":
    return networks(settings["dtype"])


def _floats(answer: Any) -> Any:
    return each(lambda a: np.asarray(a, np.float64), answer)


def _equal_rows(args: Arguments, answer: Any, settings: Settings) -> bool:
    x, y, bound = wide(args)[2], _floats(answer), _output_bound(args, settings)
    first = {row.tobytes(): i for i, row in reversed(list(enumerate(x)))}
    return all(
        bool(np.all(np.abs(y[i] - y[j]) <= bound[i] + bound[j]))
        for i, row in enumerate(x)
        for j in [first[row.tobytes()]]
    )


def _within_reach(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether the output is no further from the last bias than the inputs of the last layer allow."""
    weights, biases, x = wide(args)
    h = np.abs(x) if len(weights) == 1 else None
    if h is None and settings["activation"] != "tanh":
        h = np.abs(x)
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            h = h @ np.abs(w) + np.abs(b)
    reach = np.abs(weights[-1]).sum(axis=0) if h is None else h @ np.abs(weights[-1])
    slack = 2.0**-40 * (reach + np.abs(biases[-1])) + _output_bound(args, settings)
    return bool(np.all(np.abs(_floats(answer) - biases[-1]) <= reach + slack))


def _nothing_in(args: Arguments, answer: Any, settings: Settings) -> bool:
    _, biases, x = wide(args)
    if np.any(x) or any(np.any(b) for b in biases):
        return True
    return not np.any(_floats(answer))


def _last_bias(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether the last bias gradient is what the gradient of the loss sums to."""
    right = _exact_gradients(args, settings)[1][-1]
    return bool(np.all(np.abs(_floats(answer)[1][-1] - right) <= _gradients_bound(args, settings)[1][-1]))


def _unused_inputs(args: Arguments, answer: Any, settings: Settings) -> bool:
    x = wide(args)[2]
    unused = ~np.any(x, axis=0)
    return not np.any(_floats(answer)[0][0][unused])


def _dead_stay(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether units that are off on every example, beyond what rounding can turn on, get no gradient."""
    weights, biases, x, _ = wide(args)
    if settings["activation"] != "relu":
        return True
    dws, dbs = _floats(answer)
    for i in range(len(weights) - 1):
        z = run(RIGHT, weights[: i + 1], biases[: i + 1], x, "relu").output
        reach = _output_bound((weights[: i + 1], biases[: i + 1], x), {**settings, "check_dtype": False})
        dead = np.all(z <= -2 * reach, axis=0)
        if np.any(dws[i][:, dead]) or np.any(dbs[i][dead]):
            return False
    return True


def _outer_product(args: Arguments, answer: Any, settings: Settings) -> bool:
    """Whether, for one example, the first weights' gradient is the input times the bias gradient."""
    x = wide(args)[2]
    if len(x) != 1:
        return True
    (dws, dbs), (w_bound, b_bound) = _floats(answer), _gradients_bound(args, settings)
    product, reach = np.outer(x[0], dbs[0]), np.outer(np.abs(x[0]), b_bound[0])
    return bool(np.all(np.abs(dws[0] - product) <= w_bound[0] + reach + 2.0**-50 * np.abs(product)))


def _output_by_hand(args: Arguments, index: tuple[int, ...], settings: Settings) -> str:
    weights, biases, x = wide(args)
    done = run(RIGHT, weights, biases, x, settings["activation"])
    row, unit = index
    terms = [
        f"{h!r} * {w!r}" for h, w in zip(done.inputs[-1][row].tolist(), weights[-1][:, unit].tolist(), strict=True)
    ]
    text = " + ".join(terms[:4]) + (f" + {len(terms) - 4} more" if len(terms) > 4 else "")
    return f"the last layer: {text} + {float(biases[-1][unit])!r} = {float(done.sums[-1][row, unit])!r}"


INPUTS = (
    Input("weights", "list of floats", "one array (inputs, outputs) a layer, of the dtype of the settings"),
    Input("biases", "list of floats", "one array (outputs,) a layer"),
    Input("x", "floats", "(n, inputs), one example a row"),
)


def _changed(settings: Settings, **changes: Any) -> Arguments:
    """Return a small network with other arguments in place of some."""
    names = ("weights", "biases", "x", "target")
    right = dict(zip(names, _network((2, 3, 2), 4, settings), strict=True))
    return _cast(tuple({**right, **changes}.values()), settings)


REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("a bias of shape (1,) for 3 units", lambda s: _changed(s, biases=[np.ones(1), np.ones(2)])),
    ("one bias for two layers", lambda s: _changed(s, biases=[np.ones(3)])),
    ("x[0, 0] = nan", lambda s: _changed(s, x=[[np.nan, 1.0]], target=[[1.0, 1.0]])),
)
GRADIENTS_REJECTS = (
    *REJECTS,
    ("a target of one column for two outputs", lambda s: _changed(s, target=np.ones((4, 1)))),
    ("a target of one row for 4 examples", lambda s: _changed(s, target=np.ones((1, 2)))),
)


def _parts_where(test: Callable[[int, int, bool], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    """Return the mask of the gradients of some layers: number of the layer, of the last, whether it is the bias."""

    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        last = len(args[0]) - 1
        return [
            np.full(np.shape(part), test(i, last, bias))
            for bias, layers in enumerate(expected)
            for i, part in enumerate(layers)
        ]

    return mask


REGIONS = (
    Region(
        "last_bias", "in the bias gradient of the last layer", _parts_where(lambda i, last, bias: bias and i == last)
    ),
    Region(
        "last_weight",
        "in the weight gradient of the last layer",
        _parts_where(lambda i, last, bias: not bias and i == last),
    ),
    *(
        Region(
            f"bias_{n}",
            f"in the bias gradient of layer {n}",
            _parts_where(lambda i, last, bias, n=n: bias and i == n - 1),
        )
        for n in (1, 2, 3)
    ),
    *(
        Region(
            f"weight_{n}",
            f"in the weight gradient of layer {n}",
            _parts_where(lambda i, last, bias, n=n: not bias and i == n - 1),
        )
        for n in (1, 2, 3)
    ),
    Region(
        "hidden_biases",
        "in the bias gradients of the hidden layers",
        _parts_where(lambda i, last, bias: bias and i < last),
    ),
    Region(
        "hidden_weights",
        "in the weight gradients of the hidden layers",
        _parts_where(lambda i, last, bias: not bias and i < last),
    ),
    Region("biases", "in the bias gradients", _parts_where(lambda i, last, bias: bias)),
    Region("weights", "in the weight gradients", _parts_where(lambda i, last, bias: not bias)),
    Region("last_layer", "in the gradients of the last layer", _parts_where(lambda i, last, bias: i == last)),
    Region("hidden", "in the gradients of the hidden layers", _parts_where(lambda i, last, bias: i < last)),
)


def _of_form(test: Callable[[Arguments], bool]) -> Callable[[Arguments, Any, Settings], list[Array]]:
    def mask(args: Arguments, expected: Any, settings: Settings) -> list[Array]:
        arrays = expected if isinstance(expected, np.ndarray) else [a for layers in expected for a in layers]
        return [np.full(np.shape(a), test(args)) for a in ([arrays] if isinstance(arrays, np.ndarray) else arrays)]

    return mask


FORMS = (
    Region("batch_of_1", "for a batch of one example", _of_form(lambda args: len(args[2]) == 1)),
    Region("more_than_1", "for batches of more than one example", _of_form(lambda args: len(args[2]) > 1)),
    Region("one_layer", "in networks of one layer", _of_form(lambda args: len(args[0]) == 1)),
    Region("three_layers", "in networks of three layers or more", _of_form(lambda args: len(args[0]) > 2)),
    Region(
        "square",
        "where a layer has as many inputs as outputs",
        _of_form(lambda args: any(w.shape[0] == w.shape[1] for w in args[0])),
    ),
)

MLP_FORWARD = Operation(
    name="mlp_forward",
    formula="h_0 = x, z_i = h_i W_i + b_i, h_(i+1) = activation(z_i); the last z",
    summary="the output of a multilayer perceptron, whose last layer is linear",
    inputs=INPUTS,
    settings=(ACTIVATION_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="floats of shape (n, outputs)",
    parts=("the output",),
    answer=_output,
    cases=tuple(Case(name, _without_target(make), FORWARD_KILLS.get(name, ()), layout) for name, make, layout in CASES),
    strategy=_search_forward,
    laws=(
        Law("equal_rows", "equal examples have equal outputs", _equal_rows),
        Law(
            "within_reach",
            "no output is further from the last bias than what goes into its layer allows",
            _within_reach,
        ),
        Law("nothing_in", "an input of 0 through layers without biases gives 0", _nothing_in),
    ),
    faults=(*FORWARD_FAULTS, *low_precision_faults(_exact_output, _output_bound_in)),
    regions=FORMS,
    bound=_output_bound,
    typical=({}, {"activation": "tanh", "dtype": "float64"}),
    by_hand=_output_by_hand,
    rejects=tuple((name, lambda s, make=make: make(s)[:3]) for name, make in REJECTS),
)

MLP_GRADIENTS = Operation(
    name="mlp_gradients",
    formula="dW_i = h_i^T dz_i, db_i = sum dz_i, dz_(i-1) = dz_i W_i^T activation'(z_(i-1))",
    summary="the gradients of the mean squared error of a multilayer perceptron, by the chain rule",
    inputs=(*INPUTS, Input("target", "floats", "(n, outputs)")),
    settings=(ACTIVATION_SETTING, REDUCTION_SETTING, FLOAT_DTYPE, CHECK_DTYPE),
    result="a list of weight gradients and a list of bias gradients",
    parts=("the weight gradients", "the bias gradients"),
    answer=_gradients,
    cases=tuple(Case(name, make, GRADIENTS_KILLS.get(name, ()), layout) for name, make, layout in CASES),
    strategy=_search_gradients,
    laws=(
        Law("last_bias", "the last bias gradient is the sum of 2 (output - target) / N over the batch", _last_bias),
        Law("unused_inputs", "an input that is 0 on every example has weights without a gradient", _unused_inputs),
        Law("dead_units", "a unit that is off on every example gets no gradient", _dead_stay),
        Law(
            "outer_product",
            "for one example, the first weight gradient is the input times the bias gradient",
            _outer_product,
        ),
    ),
    faults=(*GRADIENT_FAULTS, *low_precision_faults(_exact_gradients, _gradients_bound_in)),
    regions=(*REGIONS, *FORMS),
    bound=_gradients_bound,
    typical=({}, {"activation": "tanh", "reduction": "sum", "dtype": "float64"}),
    rejects=GRADIENTS_REJECTS,
)

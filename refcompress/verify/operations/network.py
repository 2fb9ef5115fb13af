"""``mlp_forward`` and ``mlp_gradients`` as operations: networks of every form, with numbers that show a wrong rule."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from refcompress.arguments import Array
from refcompress.mlp.error_bounds import mlp_forward_bound, mlp_gradients_bound, precision_of
from refcompress.mlp.network import mlp_forward, mlp_gradients
from refcompress.verify.inputs import networks
from refcompress.verify.operation import Arguments, Input, Law, Operation, Region, Setting, Settings
from refcompress.verify.operations.bounded import (
    bound_of,
    each,
    in_dtype,
    low_precision_faults,
    wide,
)
from refcompress.verify.operations.fixed_point import CHECK_DTYPE, FLOAT_DTYPE
from refcompress.verify.operations.gradient_faults import GRADIENT_FAULTS
from refcompress.verify.operations.losses import REDUCTION_SETTING
from refcompress.verify.operations.network_cases import (
    FORWARD_KILLS,
    GRADIENTS_KILLS,
    cast,
    network,
    network_cases,
)
from refcompress.verify.operations.network_faults import FORWARD_FAULTS, RIGHT, run

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


def output_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    """Return the largest errors of honest outputs that are computed in a dtype."""
    return mlp_forward_bound(*wide(args), activation=settings["activation"], precision=precision_of(dtype))


def _exact_gradients(args: Arguments, settings: Settings) -> Any:
    return mlp_gradients(*wide(args), activation=settings["activation"], reduction=settings["reduction"])


def _gradients(args: Arguments, settings: Settings) -> Any:
    return in_dtype(_exact_gradients(args, settings), settings)


def _rival_gradients(args: Arguments, settings: Settings) -> Any:
    """Return the gradients of one who follows other settings: of no examples they are 0."""
    return _exact_gradients(args, settings if len(args[2]) else {**settings, "reduction": "sum"})


def gradients_bound_in(args: Arguments, dtype: str, settings: Settings) -> Any:
    """Return the largest errors of honest gradients that are computed in a dtype."""
    return mlp_gradients_bound(
        *wide(args), activation=settings["activation"], reduction=settings["reduction"], precision=precision_of(dtype)
    )


_output_bound = bound_of(_exact_output, output_bound_in)
_gradients_bound = bound_of(_exact_gradients, gradients_bound_in)


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
        reach = output_bound_in((weights[: i + 1], biases[: i + 1], x), settings["dtype"], settings)
        dead = np.all(z <= -2 * reach, axis=0)  # z itself may be off, and so may what was compared with 0
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
    weights, *others = network((2, 3, 2), 4, settings)
    right = dict(zip(("biases", "x", "target"), others, strict=True))
    return cast((weights, *{**right, **changes}.values()), settings)


REJECTS: tuple[tuple[str, Callable[[Settings], Arguments]], ...] = (
    ("a bias of shape (1,) for 3 units", lambda s: _changed(s, biases=[np.ones(1), np.ones(2)])),
    ("one bias for two layers", lambda s: _changed(s, biases=[np.ones(3)])),
    ("x[0, 0] = nan", lambda s: _changed(s, x=[[np.nan, 1.0]], target=[[1.0, 1.0]])),
)


def _without_target(make: Callable[[Settings], Arguments]) -> Callable[[Settings], Arguments]:
    return lambda settings: make(settings)[:3]


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
            for bias, layers in zip((False, True), expected, strict=True)
            for i, part in enumerate(layers)
        ]

    return mask


def _bias_of(n: int) -> Region:
    return Region(
        f"bias_{n}", f"in the bias gradient of layer {n}", _parts_where(lambda i, _, bias: bias and i == n - 1)
    )


def _weight_of(n: int) -> Region:
    mask = _parts_where(lambda i, _, bias: not bias and i == n - 1)
    return Region(f"weight_{n}", f"in the weight gradient of layer {n}", mask)


# region, where, test: number of the layer and of the last one, whether it is the bias
PARTS: tuple[tuple[str, str, Callable[[int, int, bool], bool]], ...] = (
    ("hidden_biases", "in the bias gradients of the hidden layers", lambda i, last, bias: bias and i < last),
    ("hidden_weights", "in the weight gradients of the hidden layers", lambda i, last, bias: not bias and i < last),
    ("biases", "in the bias gradients", lambda i, last, bias: bias),
    ("weights", "in the weight gradients", lambda i, last, bias: not bias),
    ("last_layer", "in the gradients of the last layer", lambda i, last, bias: i == last),
    ("hidden", "in the gradients of the hidden layers", lambda i, last, bias: i < last),
)
LAST = (
    Region(
        "last_bias", "in the bias gradient of the last layer", _parts_where(lambda i, last, bias: bias and i == last)
    ),
    Region(
        "last_weight",
        "in the weight gradient of the last layer",
        _parts_where(lambda i, last, bias: not bias and i == last),
    ),
)
BY_PART = (
    *LAST,
    *(_bias_of(n) for n in (1, 2, 3)),
    *(_weight_of(n) for n in (1, 2, 3)),
    *(Region(name, where, _parts_where(test)) for name, where, test in PARTS),
)
REGIONS = tuple(replace(region, positional=True) for region in BY_PART)


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
    cases=network_cases(FORWARD_KILLS, target=False),
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
    faults=(*FORWARD_FAULTS, *low_precision_faults(_exact_output, output_bound_in)),
    regions=FORMS,
    bound=_output_bound,
    typical=({}, {"activation": "tanh", "dtype": "float64"}, {"activation": "identity"}),
    by_hand=_output_by_hand,
    rejects=tuple((name, _without_target(make)) for name, make in REJECTS),
)

GRADIENTS_TYPICAL: tuple[Settings, ...] = (
    {},
    {"activation": "tanh", "reduction": "sum", "dtype": "float64"},
    {"activation": "identity", "reduction": "batch_mean"},
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
    rival_answer=_rival_gradients,
    cases=network_cases(GRADIENTS_KILLS, target=True),
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
    faults=(*GRADIENT_FAULTS, *low_precision_faults(_exact_gradients, gradients_bound_in)),
    regions=(*REGIONS, *FORMS),
    bound=_gradients_bound,
    typical=GRADIENTS_TYPICAL,
    rejects=GRADIENTS_REJECTS,
)

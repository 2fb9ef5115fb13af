"""A multilayer perceptron: h_0 = x, z_i = h_i W_i + b_i, h_(i+1) = activation(z_i); the output is the last z.

Legend: x (n, d_in) inputs, one example a row; weights[i] (inputs, outputs) and biases[i] (outputs,) of layer i;
dz = dLoss/dz, and so for every other letter. u = 2^-53 is the unit roundoff of float64, gamma_k = k u / (1 - k u).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.layers import (
    ACTIVATIONS,
    EXACT_ACTIVATIONS,
    linear,
    linear_backward_input,
    linear_backward_parameters,
)
from refcompress.mlp.losses import divisor, squared_error_gradient
from refcompress.mlp.precision import common_dtype, is_exact, narrow, numbers, widen

Arrays = Sequence[npt.ArrayLike]


@dataclass(frozen=True, eq=False)
class MLP:
    """A multilayer perceptron as a value: it is checked when it is made, and cannot be changed.

    Parameters
    ----------
    weights : sequence of array_like of shape (inputs, outputs)
        One a layer; floats (integers become float64), or ``fractions.Fraction``. Kept as read-only copies.
    biases : sequence of array_like of shape (outputs,)
        One a layer.
    activation : str
        relu (default), tanh, sigmoid or identity, after every layer but the last, which is linear.

    Raises
    ------
    ValueError
        For shapes that do not chain, for a NaN or an infinity, for an unknown activation.
    TypeError
        For arrays that hold no numbers.

    Examples
    --------
    >>> MLP([np.ones((2, 3)), np.ones((3, 1))], [np.zeros(3), np.zeros(1)]).sizes
    (2, 3, 1)
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: str = "relu"

    def __post_init__(self) -> None:
        weights, biases = _layers(self.weights, self.biases)
        _check_activation(self.activation, common_dtype(*weights, *biases))
        object.__setattr__(self, "weights", tuple(_frozen(w) for w in weights))
        object.__setattr__(self, "biases", tuple(_frozen(b) for b in biases))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The widths from the inputs to the outputs."""
        return (self.weights[0].shape[0], *(w.shape[1] for w in self.weights))

    @property
    def parameter_count(self) -> int:
        """The number of weights and biases."""
        return sum(a.size for a in (*self.weights, *self.biases))


def _frozen(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def initialize(
    sizes: Sequence[int], *, activation: str = "relu", seed: int = 0, dtype: npt.DTypeLike = np.float64
) -> MLP:
    """Return a random network: W ~ normal(0, 2 / inputs) for relu, uniform(+-sqrt(6 / (inputs + outputs))) otherwise.

    The biases are 0.

    Parameters
    ----------
    sizes : sequence of int
        The widths from the inputs to the outputs, at least two.
    activation : str
        relu (default), tanh, sigmoid or identity.
    seed : int
        The same seed gives the same network.
    dtype : dtype
        float64 (default) or another float; drawn in float64, then rounded once.

    Returns
    -------
    MLP

    Raises
    ------
    ValueError
        For fewer than two sizes or one below 1, for an unknown activation, for a negative seed.
    TypeError
        For a dtype that is no float.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", section 2.2, equation 10, 2015 (relu). Glorot and Bengio,
    "Understanding the difficulty of training deep feedforward neural networks", section 4.2.1, equation 16, 2010.

    Examples
    --------
    >>> initialize((64, 128, 10)).parameter_count
    9610
    """
    widths = arguments.widths(sizes, "sizes")
    if len(widths) < 2:
        raise ValueError(f"sizes is {tuple(widths)}: it must hold the inputs' and the outputs' width")
    arguments.choice(activation, "activation", ACTIVATIONS)
    target = _float_dtype(dtype)
    generator = np.random.default_rng(arguments.integer(seed, "seed", 0))
    shapes = list(pairwise(widths))
    for shape in shapes:
        arguments.room(shape, "sizes")
    with np.errstate(under="ignore"):
        weights = tuple(narrow(_random_weights(generator, shape, activation), target) for shape in shapes)
    return MLP(weights, tuple(np.zeros(outputs, target) for _, outputs in shapes), activation)


def _float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        target = np.dtype(dtype)
    except (TypeError, ValueError):  # NumPy raises either for what is no dtype
        raise TypeError(f"dtype is {arguments.shown(dtype)}: it must be a float of at most 64 bits") from None
    if not arguments.is_float(target):
        raise TypeError(f"dtype is {target}: it must be a float of at most 64 bits")
    return target


def _random_weights(generator: "np.random.Generator", shape: tuple[int, int], activation: str) -> Array:
    inputs, outputs = shape
    if activation == "relu":
        return generator.normal(0.0, np.sqrt(2 / inputs), shape)
    limit = np.sqrt(6 / (inputs + outputs))
    return generator.uniform(-limit, limit, shape)


def mlp_forward(weights: Arrays, biases: Arrays, x: npt.ArrayLike, *, activation: str = "relu") -> Array:
    """Return a network's output, the last z: h_0 = x, z_i = h_i W_i + b_i, h_(i+1) = activation(z_i).

    Parameters
    ----------
    weights : sequence of array_like of shape (inputs, outputs)
        One a layer (frameworks often store the transpose). Finite floats or integers, or ``fractions.Fraction``.
    biases : sequence of array_like of shape (outputs,)
        One a layer.
    x : array_like of shape (n, inputs)
        One example a row; n may be 0.
    activation : str
        relu (default), tanh, sigmoid or identity, after every layer but the last.

    Returns
    -------
    numpy.ndarray
        Shape (n, outputs), in the common float dtype of all arrays (float64 for integers). Exact for fractions. Else
        computed in float64 and rounded once: for relu and identity the error before that rounding is at most
        gamma_K A, element by element, where A is the output for |W|, |b| and |x| without an activation, and K is the
        sum of (inputs + 1) over the layers (a layer adds inputs + 1 to K by Lemma 3.3, and relu takes no difference
        further apart). Past the largest float64 a sum is infinite, and NaN where two such meet.

    Raises
    ------
    ValueError
        For shapes that do not chain (``weights[1] has shape (4, 3): the layer before has 5 outputs``), an x that is not
        2-d, a NaN or an infinity, an unknown activation.
    TypeError
        For arrays that hold no numbers, or fractions with tanh or sigmoid.

    See Also
    --------
    mlp_gradients : Its gradients for a mean squared error.

    References
    ----------
    Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, sections 3.1 and 3.4, 2002, for the bound.

    Examples
    --------
    >>> mlp_forward([np.array([[1.0, -1.0]]), np.array([[2.0], [3.0]])], [np.zeros(2), np.ones(1)], [[5.0], [-5.0]])
    array([[11.],
           [16.]])
    """
    w, b = _layers(weights, biases)
    rows = _rows(x, w[0].shape[0])
    dtype = common_dtype(*w, *b, rows)
    _check_activation(activation, dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        output, _ = forward(_widen(w, dtype), _widen(b, dtype), widen(rows, dtype), activation)
        return narrow(output, dtype)


def mlp_gradients(
    weights: Arrays,
    biases: Arrays,
    x: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    activation: str = "relu",
    reduction: str = "mean",
) -> tuple[list[Array], list[Array]]:
    """Return the gradients of mse(mlp_forward(x), target) with respect to every weight and bias, by the chain rule.

    From the last layer to the first: dz = 2 (z - target) / N, then dW_i = h_i^T dz, db_i = the sum of dz over the
    examples, dh_i = dz W_i^T, and dz = dh_i activation'(z) for the layer before. relu'(0) = 0.

    Parameters
    ----------
    weights, biases, x, activation
        As in ``mlp_forward``.
    target : array_like of shape (n, outputs)
        What the output should be.
    reduction : str
        N: the number of elements for mean (default), 1 for sum, n for batch_mean.

    Returns
    -------
    list of numpy.ndarray, list of numpy.ndarray
        The gradients of the weights and of the biases, in the common float dtype of all arrays. Exact for fractions.
        Else computed in float64 and rounded once: for relu and identity, where no z is so near to 0 that its computed
        sign is wrong, the error before that rounding is at most gamma_K G, element by element, where G is the gradient
        for |W|, |b| and |x|, with |z| + |target| in place of z - target and without an activation. K counts every
        rounding on the way: the K of ``mlp_forward`` for z, and again for h_i; 2 for dz; the layer's outputs for each
        dh; n for the sum over the examples.

    Raises
    ------
    ValueError, TypeError
        As in ``mlp_forward``; also for a target whose shape is not that of the output, and for a mean over nothing.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986.

    Examples
    --------
    >>> mlp_gradients([np.array([[2.0]])], [np.array([1.0])], [[3.0]], [[5.0]])
    ([array([[12.]])], [array([4.])])
    """
    w, b = _layers(weights, biases)
    rows = _rows(x, w[0].shape[0])
    goal = numbers(target, "target", "compared")
    shape = (len(rows), len(b[-1]))
    if goal.shape != shape:
        raise ValueError(f"target has shape {goal.shape}, the output has shape {shape}: they must be equal")
    n = divisor(shape, reduction, "target")
    dtype = common_dtype(*w, *b, rows, goal)
    _check_activation(activation, dtype)
    w = _widen(w, dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        output, cache = forward(w, _widen(b, dtype), widen(rows, dtype), activation)
        dz = squared_error_gradient(output - widen(goal, dtype), n)
        dweights, dbiases = backward(dz, cache, w, activation)
        return [narrow(dw, dtype) for dw in dweights], [narrow(db, dtype) for db in dbiases]


def hidden_features(model: MLP, x: npt.ArrayLike) -> list[Array]:
    """Return the activations after every hidden layer: h_1, h_2, ...

    Parameters
    ----------
    model : MLP
    x : array_like of shape (n, inputs)

    Returns
    -------
    list of numpy.ndarray
        Shape (n, width) each, computed and rounded as in ``mlp_forward``; empty for a network of one layer.

    Raises
    ------
    ValueError, TypeError
        For an x as ``mlp_forward`` refuses it.

    Examples
    --------
    >>> hidden_features(MLP([np.array([[1.0, -1.0]]), np.ones((2, 1))], [np.zeros(2), np.zeros(1)]), [[5.0]])
    [array([[5., 0.]])]
    """
    arguments.instance(model, "model", MLP)
    rows = _rows(x, model.sizes[0])
    dtype = common_dtype(*model.weights, *model.biases, rows)
    _check_activation(model.activation, dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        w, b = _widen(model.weights, dtype), _widen(model.biases, dtype)
        _, cache = forward(w, b, widen(rows, dtype), model.activation)
        return [narrow(h, dtype) for h in cache.inputs[1:]]


@dataclass(frozen=True, eq=False)
class Cache:
    """What the backward pass needs of the forward pass: the inputs h and the sums z of every layer."""

    inputs: list[Array]
    sums: list[Array]


def forward(weights: Sequence[Array], biases: Sequence[Array], x: Array, activation: str) -> tuple[Array, Cache]:
    """Return the output and what ``backward`` needs, unchecked, for arrays of any dtype."""
    return forward_with(ACTIVATIONS[activation][0], weights, biases, x)


def forward_with(
    activate: Callable[[Array], Array], weights: Sequence[Array], biases: Sequence[Array], x: Array
) -> tuple[Array, Cache]:
    """Return the output and what ``backward`` needs, for any function as the activation, unchecked."""
    inputs, sums = [x], [linear(x, weights[0], biases[0])]
    for w, b in zip(weights[1:], biases[1:], strict=True):
        inputs.append(activate(sums[-1]))
        sums.append(linear(inputs[-1], w, b))
    return sums[-1], Cache(inputs, sums)


def backward(
    d_output: Array,
    cache: Cache,
    weights: Sequence[Array],
    activation: str,
    out: tuple[Sequence[Array], Sequence[Array]] | None = None,
) -> tuple[list[Array], list[Array]]:
    """Return the gradients of weights and biases, unchecked, for arrays of any dtype; written to ``out`` if given."""
    _, activate_backward = ACTIVATIONS[activation]
    dweights: list[Array] = []
    dbiases: list[Array] = []
    dz = d_output
    for i in reversed(range(len(weights))):
        into = (None, None) if out is None else (out[0][i], out[1][i])
        dw, db = linear_backward_parameters(dz, cache.inputs[i], *into)
        dweights.insert(0, dw)
        dbiases.insert(0, db)
        if i:
            dz = activate_backward(linear_backward_input(dz, weights[i]), cache.sums[i - 1])
    return dweights, dbiases


def _widen(arrays: Iterable[Array], dtype: np.dtype[Any]) -> list[Array]:
    return [widen(array, dtype) for array in arrays]


def _check_activation(activation: str, dtype: np.dtype[Any]) -> None:
    arguments.choice(activation, "activation", ACTIVATIONS)
    if is_exact(dtype) and activation not in EXACT_ACTIVATIONS:
        raise TypeError(f"activation is {activation!r}: of fractions it must be one of {', '.join(EXACT_ACTIVATIONS)}")


def _rows(x: npt.ArrayLike, inputs: int) -> Array:
    rows = numbers(x, "x", "computed with")
    if rows.ndim != 2:
        raise ValueError(f"x has shape {rows.shape}: it must be (n, {inputs}), one example a row")
    if rows.shape[1] != inputs:
        raise ValueError(f"x has shape {rows.shape}: weights[0] has {inputs} inputs")
    return rows


def _layers(weights: Arrays, biases: Arrays) -> tuple[list[Array], list[Array]]:
    """Return the checked arrays of every layer: their number, shapes and values."""
    w = [numbers(a, f"weights[{i}]", "computed with") for i, a in enumerate(_listed(weights, "weights"))]
    b = [numbers(a, f"biases[{i}]", "computed with") for i, a in enumerate(_listed(biases, "biases"))]
    if len(w) != len(b) or not w:
        raise ValueError(f"there are {len(w)} weights and {len(b)} biases: a layer has one of each, a network a layer")
    for i, (matrix, bias) in enumerate(zip(w, b, strict=True)):
        if matrix.ndim != 2:
            raise ValueError(f"weights[{i}] has shape {matrix.shape}: it must be (inputs, outputs)")
        if i and matrix.shape[0] != w[i - 1].shape[1]:
            before = w[i - 1].shape[1]
            raise ValueError(f"weights[{i}] has shape {matrix.shape}: the layer before has {before} outputs")
        if bias.shape != matrix.shape[1:]:
            outputs = matrix.shape[1]
            raise ValueError(f"biases[{i}] has shape {bias.shape}: weights[{i}] has {outputs} outputs")
    return w, b


def _listed(arrays: Any, name: str) -> list[Any]:
    return list(arguments.iterated(arrays, name, "a list of arrays, one a layer"))

"""Pruning whole hidden neurons: rows and columns leave the arrays, and the network is smaller, not only sparser.

Hidden neuron j of layer i is column j of weights[i] and biases[i], and row j of weights[i + 1]. All functions take and
give one entry for every hidden layer.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.layers import ACTIVATIONS
from refcompress.mlp.network import MLP, hidden_features
from refcompress.mlp.precision import narrow
from refcompress.norms import norms
from refcompress.pruning.scores import masks_by_score

SIDES = ("incoming", "outgoing", "both")


def neuron_norms(model: MLP, *, side: str = "outgoing") -> tuple[Array, ...]:
    """Score every hidden neuron by the Euclidean norm of its weights.

    Parameters
    ----------
    model : MLP
        With parameters that are floats.
    side : str
        outgoing (default): its row of the next matrix, 0 if nothing hears it. incoming: its column, without the bias,
        0 if it is constant. both: the product of the two, which for relu and identity stays the same when a neuron's
        incoming weights are doubled and its outgoing ones halved.

    Returns
    -------
    tuple of numpy.ndarray of float64
        Shape (width,) for every hidden layer.

    Raises
    ------
    ValueError
        For an unknown side.

    References
    ----------
    Li, Kadav, Durdanovic, Samet and Graf, "Pruning Filters for Efficient ConvNets", section 3.1, 2017, which has the
    sum of the magnitudes of the incoming weights. He, Fan, Qian, Tan and Yu, "Reshaping Deep Neural Network for Fast
    Decoding by Node-Pruning", section 3, 2014, for outgoing weights.

    Examples
    --------
    >>> model = MLP([np.array([[3.0, 1.0], [4.0, 0.0]]), np.array([[2.0], [0.0]])], [np.zeros(2), np.zeros(1)])
    >>> neuron_norms(model), neuron_norms(model, side="incoming")
    ((array([2., 0.]),), (array([5., 1.]),))
    """
    arguments.choice(side, "side", SIDES)
    arguments.instance(model, "model", MLP)
    wide = [w.astype(np.float64) for w in model.weights]
    incoming = [norms(w, axis=0) for w in wide[:-1]]
    outgoing = [norms(w, axis=1) for w in wide[1:]]
    if side == "both":
        with np.errstate(over="ignore", under="ignore"):
            return tuple(a * b for a, b in zip(incoming, outgoing, strict=True))
    return tuple(incoming if side == "incoming" else outgoing)


def dead_neurons(model: MLP, x: npt.ArrayLike | None = None) -> tuple[Array, ...]:
    """Mark the hidden neurons that can leave without a change of the function.

    Those whose outgoing weights are all 0: nothing hears them. Those whose incoming weights are all 0: they are
    constant, activation(bias), and ``remove_neurons`` puts what they add into the next bias. With x also those whose
    activation is 0 for every row of it (a relu that is never active): without them nothing changes on these rows,
    elsewhere it may.

    Parameters
    ----------
    model : MLP
    x : array_like of shape (n, inputs), optional
        Examples, at least one.

    Returns
    -------
    tuple of numpy.ndarray
        Booleans (width,) for every hidden layer.

    Raises
    ------
    ValueError
        For an x of no rows, or as ``hidden_features`` refuses it.
    TypeError
        For an x that holds no numbers.

    Examples
    --------
    >>> model = MLP([np.array([[1.0, 0.0, 1.0]]), np.array([[2.0], [2.0], [0.0]])], [np.zeros(3), np.zeros(1)])
    >>> dead_neurons(model), dead_neurons(model, [[-1.0], [-2.0]])
    ((array([False,  True,  True]),), (array([ True,  True,  True]),))
    """
    arguments.instance(model, "model", MLP)
    dead = [
        (w == 0).all(axis=0) | (after == 0).all(axis=1)
        for w, after in zip(model.weights[:-1], model.weights[1:], strict=True)
    ]
    if x is not None:
        features = hidden_features(model, x)
        if features and not len(features[0]):
            raise ValueError("x has no rows: whether a neuron is ever active needs at least one")
        dead = [d | (h == 0).all(axis=0) for d, h in zip(dead, features, strict=True)]
    return tuple(dead)


def remove_neurons(model: MLP, keep: Sequence[npt.ArrayLike]) -> MLP:
    """Return the network of the hidden neurons that are kept, with smaller arrays.

    What a removed constant neuron (all incoming weights 0) adds is folded into the next bias:
    b_next <- b_next + activation(b_j) * w_next[j]. What any other adds is lost.

    Without neurons that are dead the function is the same: exactly for fractions, and to the bit for floats wherever
    the sums are exact. Where they are rounded, matrices of another shape may make the machine add the same terms in
    another order, and a folded constant is rounded with the bias: the results before and after are both within the
    bound of ``mlp_forward`` of one exact result, that of a bias that was rounded aside.

    Parameters
    ----------
    model : MLP
    keep : sequence of array_like of bool
        Shape (width,) for every hidden layer.

    Returns
    -------
    MLP
        With the dtypes of the model.

    Raises
    ------
    ValueError
        For a number or shapes of masks that do not fit the model, for a layer of which nothing is kept.
    TypeError
        For masks that hold no booleans.

    Examples
    --------
    >>> model = MLP([np.array([[1.0, 0.0]]), np.array([[2.0], [3.0]])], [np.array([0.0, 5.0]), np.ones(1)])
    >>> smaller = remove_neurons(model, [[True, False]])
    >>> smaller.sizes, smaller.biases[1]
    ((1, 1, 1), array([16.]))
    """
    arguments.instance(model, "model", MLP)
    weights, biases = list(model.weights), list(model.biases)
    masks = _masks(keep, model.sizes[1:-1])
    for i, mask in enumerate(masks):
        constant = ~mask & (model.weights[i] == 0).all(axis=0)
        if constant.any():
            folded = biases[i + 1] + _activated(biases[i][constant], model) @ weights[i + 1][constant]
            biases[i + 1] = narrow(folded, biases[i + 1].dtype)
        weights[i], biases[i] = weights[i][:, mask], biases[i][mask]
        weights[i + 1] = weights[i + 1][mask]
    return MLP(weights, biases, model.activation)  # type: ignore[arg-type]  # the constructor makes tuples of them


def prune_neurons(
    model: MLP, sparsity: float | Fraction, *, side: str = "outgoing", scope: str = "tensor", ties: str = "lowest_index"
) -> MLP:
    """Remove the hidden neurons of smallest norm, a part of every layer, or of all layers together.

    Parameters
    ----------
    model : MLP
        With parameters that are floats.
    sparsity : float or Fraction
        The part of the neurons that goes, from 0 to 1; see ``keep_count``.
    side : str
        Which norm: see ``neuron_norms``.
    scope : str
        tensor (default): of every layer for itself. model: of all hidden layers together.
    ties : str
        lowest_index (default) or highest_index: which of equal norms stay.

    Returns
    -------
    MLP
        As ``remove_neurons`` gives it.

    Raises
    ------
    ValueError
        For a setting outside its range, and where a layer loses all its neurons.

    Examples
    --------
    >>> model = MLP([np.ones((1, 4)), np.array([[1.0], [-4.0], [2.0], [3.0]])], [np.zeros(4), np.zeros(1)])
    >>> prune_neurons(model, 0.5).weights[1].tolist()
    [[-4.0], [3.0]]
    """
    arguments.choice(scope, "scope", ("tensor", "model"))
    masks = masks_by_score(neuron_norms(model, side=side), sparsity, scope=scope, ties=ties)
    for i, mask in enumerate(masks):
        if not mask.any():
            raise ValueError(f"sparsity is {sparsity}: hidden layer {i} keeps nothing, and a layer needs a neuron")
    return remove_neurons(model, masks)


def _masks(keep: Sequence[npt.ArrayLike], widths: Sequence[int]) -> list[Array]:
    masks = [arguments.boolean_array(mask, f"keep[{i}]") for i, mask in enumerate(arguments.iterated(keep, "keep"))]
    if len(masks) != len(widths):
        raise ValueError(f"keep has {len(masks)} masks: the model has {len(widths)} hidden layers")
    for i, (mask, width) in enumerate(zip(masks, widths, strict=True)):
        if mask.shape != (width,):
            raise ValueError(f"keep[{i}] has shape {mask.shape}: the layer has {width} neurons")
        if not mask.any():
            raise ValueError(f"keep[{i}] keeps nothing: a layer needs a neuron")
    return masks


def _activated(bias: Array, model: MLP) -> Array:
    """Return what neurons of no input put out, in float64, or in fractions."""
    forward = ACTIVATIONS[model.activation][0]
    return forward(bias if bias.dtype == object else bias.astype(np.float64))

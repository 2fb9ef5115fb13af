"""A step of SGD on pruned parameters: what is pruned stays 0, and so does its velocity.

Legend: w parameters, g gradient, v velocity, mask true where a parameter stays.
"""

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.optimizers import SGD
from refcompress.mlp.precision import common_dtype, narrow, numbers, widen


def masked_sgd_step(
    w: npt.ArrayLike,
    gradient: npt.ArrayLike,
    velocity: npt.ArrayLike,
    mask: npt.ArrayLike,
    *,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> tuple[Array, Array]:
    """Return parameters and velocity after a step of SGD that holds pruned parameters at 0.

    g' = gradient + weight_decay * w, v' = momentum * velocity + g', w' = w - lr * v'; then w' and v' are +0 wherever
    the mask is not set. Libraries that mask the gradient alone let the velocity from before the pruning, and weight
    decay, move pruned parameters. (Nesterov's look ahead, PyTorch's dampening, a velocity that holds lr, and a decay
    that is decoupled from the gradient, are other rules.)

    Parameters
    ----------
    w, gradient, velocity : array_like
        Arrays of one shape: finite floats or integers, or ``fractions.Fraction`` (dtype object).
    mask : array_like
        Booleans of that shape, true where a parameter stays.
    lr : float
        The step size, at least 0.
    momentum : float
        From 0 (default) to 1.
    weight_decay : float
        The L2 coefficient, at least 0 (default).

    Returns
    -------
    w, velocity : numpy.ndarray
        In the common dtype of the three arrays (float64 for integers). Exact for fractions. Else computed in float64:
        with S = momentum |v| + |g| + weight_decay |w| and u = 2^-53, an element of the velocity is within gamma_3 S +
        3 eta of the exact one (1 for a product and 2 for the sums; eta = 2^-1074 for products that underflow), one of w
        within gamma_5 (|w| + lr S) + (3 lr + 1) eta (2 more for the product and the difference), gamma_k = k u /
        (1 - k u); then rounded once to the dtype. Past the largest number they are infinite.

    Raises
    ------
    ValueError
        For shapes that differ, for a NaN or an infinity, for a setting outside its range.
    TypeError
        For arrays that hold no numbers, a mask that holds no booleans, a setting that is no number.

    See Also
    --------
    refcompress.mlp.optimizers.SGD : The same for whole models, unchecked.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning", section
    2, 2013. Han, Pool, Tran and Dally, "Learning both Weights and Connections for Efficient Neural Networks", section
    3, 2015, for training what is left. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, section
    3.1, 2002, for the bound.

    Examples
    --------
    >>> w, v = masked_sgd_step([1.0, 2.0], [2.0, 2.0], [4.0, 4.0], [True, False], lr=0.5, momentum=0.5)
    >>> w, v
    (array([-1.,  0.]), array([4., 0.]))
    """
    arrays = [
        numbers(value, name, "trained") for value, name in ((w, "w"), (gradient, "gradient"), (velocity, "velocity"))
    ]
    stays = arguments.boolean_array(mask, "mask")
    for other, name in ((arrays[1], "gradient"), (arrays[2], "velocity"), (stays, "mask")):
        arguments.same_shape(arrays[0], other, "w", name)
    dtype = common_dtype(*arrays)
    flat_w, flat_g, flat_v = (widen(array, dtype).reshape(-1) for array in arrays)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        sgd = SGD(lr=lr, momentum=momentum, weight_decay=weight_decay)
        stepped = sgd.step(flat_w, flat_g, flat_v, stays.reshape(-1))
        new_w, new_velocity = (narrow(part.reshape(stays.shape), dtype) for part in stepped)
    return new_w, new_velocity

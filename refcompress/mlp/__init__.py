"""A multilayer perceptron without autograd: every gradient is written by hand beside its forward pass.

Training is in ``refcompress.mlp.training``, its steps are in ``refcompress.mlp.optimizers``.
"""

from refcompress.mlp.losses import (
    mse_gradient,
    mse_loss,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
)
from refcompress.mlp.network import MLP, hidden_features, initialize, mlp_forward, mlp_gradients

__all__ = [
    "MLP",
    "hidden_features",
    "initialize",
    "mlp_forward",
    "mlp_gradients",
    "mse_gradient",
    "mse_loss",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_gradient",
]

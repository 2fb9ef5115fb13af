"""A multilayer perceptron without autograd: every gradient is written by hand beside its forward pass."""

from refcompress.mlp.losses import (
    mse_gradient,
    mse_loss,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
)
from refcompress.mlp.network import MLP, hidden_features, initialize, mlp_forward, mlp_gradients
from refcompress.mlp.optimizers import SGD, Adam
from refcompress.mlp.training import accuracy, classification, mixture, regression, train

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "accuracy",
    "classification",
    "hidden_features",
    "initialize",
    "mixture",
    "mlp_forward",
    "mlp_gradients",
    "mse_gradient",
    "mse_loss",
    "regression",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_gradient",
    "train",
]

"""Pruning and distillation in PyTorch, SciPy and scikit-learn: counts, 2:4, masked steps, divergences, errors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.peer import Peer
from refcompress.peers.torch_peers import as_tensor

T, LR, MOMENTUM, DECAY = 4, 0.1, 0.9, 0.01
ONE_A_CALL = 2_000  # numbers of which each takes a call
BOUNDED = 10_000  # numbers of which each takes a bound
SOFTENED = {"temperature": T, "dtype": "float32"}
STEP = {"lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY, "dtype": "float32"}


def _pruned_count(size: int, sparsity: float) -> int:
    from torch.nn.utils.prune import _compute_nparams_toprune, _validate_pruning_amount

    _validate_pruning_amount(sparsity, size)
    return size - int(_compute_nparams_toprune(sparsity, size))


def _two_of_four(x: Array) -> Array:
    """Give the rows as the weights of a linear layer."""
    import torch
    from torch.ao.pruning import WeightNormSparsifier

    rows = as_tensor(x.reshape(-1, x.shape[-1]))
    layer = torch.nn.Linear(rows.shape[1], rows.shape[0], bias=False)
    layer.weight.data = rows
    sparsifier = WeightNormSparsifier(sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2)
    sparsifier.prepare(torch.nn.Sequential(layer), [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    sparsifier.squash_mask()
    return np.asarray(layer.weight.detach().numpy()).reshape(x.shape)


def _not_empty(x: Array) -> Array:
    return np.full(x.shape, x.size > 0)


def _stepped(w: Any, gradient: Array, velocity: Array) -> tuple[Any, Any]:
    """Return a parameter after a step of SGD that began with a velocity, and its velocity."""
    import torch

    optimizer = torch.optim.SGD([w], lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    w.grad = as_tensor(gradient)
    optimizer.state[w]["momentum_buffer"] = as_tensor(velocity)
    optimizer.step()
    return w.detach(), optimizer.state[w]["momentum_buffer"]


def _sgd_filled(w: Array, gradient: Array, velocity: Array, mask: Array) -> tuple[Array, Array]:
    import torch

    dropped = ~as_tensor(mask)
    parts = _stepped(torch.nn.Parameter(as_tensor(w)), gradient, velocity)
    new_w, new_velocity = (part.masked_fill(dropped, 0) for part in parts)
    return new_w.numpy(), new_velocity.numpy()


def _sgd_parametrized(w: Array, gradient: Array, velocity: Array, mask: Array) -> tuple[Array, Array]:
    """Step as ``torch.nn.utils.prune`` has it: the mask is on the weight that is used, and so on its gradient."""
    import torch
    from torch.nn.utils import prune

    module = torch.nn.Module()
    module.register_parameter("weight", torch.nn.Parameter(as_tensor(w)))
    prune.custom_from_mask(module, "weight", as_tensor(mask))
    (used,) = torch.autograd.grad(module.weight, module.weight_orig, as_tensor(gradient))
    _, new_velocity = _stepped(module.weight_orig, used.numpy(), velocity)
    for hook in module._forward_pre_hooks.values():  # what a forward pass begins with
        hook(module, ())
    return module.weight.detach().numpy(), new_velocity.numpy()


def _kl_div(reduction: str) -> Callable[[Any, Any], Any]:
    def loss(student: Any, teacher: Any) -> Any:
        from torch.nn import functional

        inputs, target = functional.log_softmax(student / T, -1), functional.softmax(teacher / T, -1)
        return functional.kl_div(inputs, target, reduction=reduction)

    return loss


def _kl_div_of_logs(student: Any, teacher: Any) -> Any:
    from torch.nn import functional

    inputs, target = functional.log_softmax(student / T, -1), functional.log_softmax(teacher / T, -1)
    return functional.kl_div(inputs, target, reduction="batchmean", log_target=True) * (T * T)


def _mse_loss(reduction: str) -> Callable[[Any, Any], Any]:
    def loss(student: Any, teacher: Any) -> Any:
        from torch.nn import functional

        return functional.mse_loss(student, teacher, reduction=reduction)

    return loss


def _value(loss: Callable[[Any, Any], Any]) -> Callable[[Array, Array], Array]:
    return lambda student, teacher: np.asarray(loss(as_tensor(student), as_tensor(teacher)).numpy())


def _slope(loss: Callable[[Any, Any], Any]) -> Callable[[Array, Array], Array]:
    def gradient(student: Array, teacher: Array) -> Array:
        leaf = as_tensor(student).requires_grad_()
        loss(leaf, as_tensor(teacher)).backward()
        return np.asarray(leaf.grad.numpy())

    return gradient


def _rel_entr(student: Array, teacher: Array) -> Any:
    from scipy.special import rel_entr, softmax  # type: ignore[import-untyped]  # scipy has no type hints

    return rel_entr(softmax(teacher / T, axis=-1), softmax(student / T, axis=-1)).sum()


def _mean_squared_error(student: Array, teacher: Array) -> Any:
    from sklearn.metrics import mean_squared_error  # no type hints

    return mean_squared_error(teacher.reshape(-1), student.reshape(-1))


DIVERGENCES = (
    *((f"torch.nn.functional.kl_div ({reduction})", _kl_div(reduction)) for reduction in ("batchmean", "mean", "sum")),
    ("torch.nn.functional.kl_div (log_target) * T^2", _kl_div_of_logs),
)

PEERS = (
    Peer("torch.nn.utils.prune, amount", "torch", "keep_count", _pruned_count, numbers=ONE_A_CALL),
    Peer(
        "torch.ao.pruning.WeightNormSparsifier (2:4)",
        "torch",
        "n_m_sparsify",
        _two_of_four,
        {"n": 2, "m": 4, "axis": -1, "dtype": "float32"},
        within=_not_empty,
    ),
    Peer("torch.optim.SGD, then masked_fill", "torch", "masked_sgd_step", _sgd_filled, STEP, numbers=BOUNDED),
    Peer(
        "torch.optim.SGD under torch.nn.utils.prune",
        "torch",
        "masked_sgd_step",
        _sgd_parametrized,
        STEP,
        numbers=BOUNDED,
    ),
    *(
        Peer(name, "torch", "distillation_loss", _value(loss), SOFTENED, numbers=ONE_A_CALL)
        for name, loss in DIVERGENCES
    ),
    *(
        Peer(f"{name}, its gradient", "torch", "distillation_gradient", _slope(loss), SOFTENED, numbers=BOUNDED)
        for name, loss in DIVERGENCES
    ),
    *(
        Peer(
            f"torch.nn.functional.mse_loss ({reduction}){more}",
            "torch",
            operation,
            made(_mse_loss(reduction)),
            {"dtype": "float32"},
            numbers=numbers,
        )
        for more, operation, made, numbers in (
            ("", "mse_loss", _value, ONE_A_CALL),
            (", its gradient", "mse_gradient", _slope, BOUNDED),
        )
        for reduction in ("mean", "sum")
    ),
    Peer("scipy.special.rel_entr of softmax", "scipy", "distillation_loss", _rel_entr, SOFTENED, numbers=ONE_A_CALL),
    Peer(
        "sklearn.metrics.mean_squared_error",
        "scikit-learn",
        "mse_loss",
        _mean_squared_error,
        {"dtype": "float32"},
        numbers=ONE_A_CALL,
    ),
)

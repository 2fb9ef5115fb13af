"""PyTorch's quantizers, observers, selections and casts, on the CPU."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.dot_products import as_dot_products, within_dot_products
from refcompress.peers.peer import FLOAT8, NAN_CODE, Peer

ENDS = {"qint8": (-128, 127), "quint8": (0, 255)}
EIGHT_BITS = {"bits": 8, "signed": True, "axis": None, "dtype": "float32"}
PER_CHANNEL = {**EIGHT_BITS, "axis": 0}


def as_tensor(array: Any) -> Any:
    """Return a torch tensor with memory of its own, in C order."""
    import torch

    return torch.from_numpy(np.array(array, order="C"))


def _quantize_per_tensor(kind: str) -> Callable[..., Array]:
    def function(x: Array, scale: float, zero_point: int) -> Array:
        import torch

        codes = torch.quantize_per_tensor(as_tensor(x), scale, zero_point, getattr(torch, kind)).int_repr()
        return np.asarray(codes.numpy())

    return function


def _quantize_per_channel(kind: str) -> Callable[..., Array]:
    def function(x: Array, scale: Array, zero_point: Array) -> Array:
        import torch

        codes = torch.quantize_per_channel(
            as_tensor(x), as_tensor(scale), as_tensor(zero_point), 0, getattr(torch, kind)
        )
        return np.asarray(codes.int_repr().numpy())

    return function


def _dequantize(q: Array, scale: float, zero_point: int) -> Array:
    import torch

    return np.asarray(torch._make_per_tensor_quantized_tensor(as_tensor(q), scale, zero_point).dequantize().numpy())


def _dequantize_channels(q: Array, scale: Array, zero_point: Array) -> Array:
    import torch

    held = torch._make_per_channel_quantized_tensor(as_tensor(q), as_tensor(scale), as_tensor(zero_point), 0)
    return np.asarray(held.dequantize().numpy())


def _has_quantized_dtype(q: Array, scale: Any, zero_point: Any) -> Array:
    """Say whether torch has a quantized tensor of these codes: it has none of int16."""
    return np.full(q.shape, q.dtype in (np.int8, np.uint8, np.int32) and q.size > 0)


def _fake_quantize(x: Any, scale: Any, zero_point: Any) -> Any:
    import torch

    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, *ENDS["qint8"])


def _fake_quantize_channels(x: Any, scale: Any, zero_point: Any) -> Any:
    import torch

    return torch.fake_quantize_per_channel_affine(x, as_tensor(scale), as_tensor(zero_point), 0, *ENDS["qint8"])


def _learnable(x: Any, scale: Any, zero_point: Any) -> Any:
    import torch

    s, z = torch.tensor([scale]), torch.tensor([float(zero_point)])
    return torch._fake_quantize_learnable_per_tensor_affine(x, s, z, *ENDS["qint8"], 1.0)


def _cachemask(x: Any, scale: Any, zero_point: Any) -> Any:
    import torch

    return torch.ops.aten.fake_quantize_per_tensor_affine_cachemask(x, scale, zero_point, *ENDS["qint8"])[0]


def _forward(function: Callable[..., Any]) -> Callable[..., Array]:
    def forward(x: Array, scale: Any, zero_point: Any) -> Array:
        return np.asarray(function(as_tensor(x), scale, zero_point).numpy())

    return forward


def _gradient(function: Callable[..., Any]) -> Callable[..., Array]:
    def gradient(x: Array, scale: Any, zero_point: Any, upstream: Array) -> Array:
        leaf = as_tensor(x).requires_grad_()
        function(leaf, scale, zero_point).backward(as_tensor(upstream))
        return np.asarray(leaf.grad.numpy())

    return gradient


@functools.cache
def _min_max_observer(symmetric: bool) -> Any:
    import torch
    from torch.ao.quantization.observer import MinMaxObserver

    return MinMaxObserver(torch.qint8, torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine)


def _observer(symmetric: bool) -> Callable[[float, float], tuple[Array, Array]]:
    def function(x_min: float, x_max: float) -> tuple[Array, Array]:
        import torch

        observer = _min_max_observer(symmetric)
        observer.reset_min_max_vals()
        observer(torch.tensor([x_min, x_max]))
        scale, zero_point = observer.calculate_qparams()
        return np.asarray(scale.numpy()).reshape(()), np.asarray(zero_point.numpy()).reshape(())

    return function


def _choose_qparams(x_min: float, x_max: float) -> tuple[float, int]:
    import torch

    scale, zero_point = torch._choose_qparams_per_tensor(torch.tensor([x_min, x_max]), False)
    return scale, zero_point


def _linear(acc: Array, multiplier: int, shift: int, zero_point: int) -> Array:
    """Give the accumulators as the dot products of a linear layer."""
    import torch

    row, columns = as_dot_products(acc)
    x = torch._make_per_tensor_quantized_tensor(as_tensor(row.astype(np.uint8)), multiplier * 2.0 ** (shift - 31), 0)
    w = torch._make_per_tensor_quantized_tensor(as_tensor(columns.T), 1.0, 0)
    packed = torch.ops.quantized.linear_prepack(w, None)
    y = torch.ops.quantized.linear(x, packed, 1.0, zero_point)
    return np.asarray(y.int_repr().numpy()).reshape(acc.shape)


def _mask(x: Array, kept: Any) -> Array:
    mask = np.zeros(x.size, np.bool_)
    mask[kept.numpy()] = True
    return mask.reshape(x.shape)


def _topk(x: Array, k: int) -> Array:
    return _mask(x, as_tensor(x).abs().reshape(-1).topk(k).indices)


def _stable_sort(x: Array, k: int) -> Array:
    return _mask(x, as_tensor(x).abs().reshape(-1).sort(descending=True, stable=True).indices[:k])


def _l1_unstructured(x: Array, k: int) -> Array:
    from torch.nn.utils.prune import L1Unstructured

    tensor = as_tensor(x)
    return np.asarray(L1Unstructured(x.size - k).prune(tensor).numpy())


def _cast(format: str) -> Callable[[Array], Array]:
    def function(x: Array) -> Array:
        import torch

        return np.asarray(as_tensor(x).to(getattr(torch, f"float8_{format}")).to(torch.float32).numpy())

    return function


QUANTIZERS = tuple(
    Peer(
        f"torch.quantize_per_{what} ({kind})",
        "torch",
        "affine_quantize",
        make(kind),
        {**settings, "signed": kind == "qint8"},
        probes=(NAN_CODE,) if settings["axis"] is None else (),
    )
    for what, make, settings in (
        ("tensor", _quantize_per_tensor, EIGHT_BITS),
        ("channel", _quantize_per_channel, PER_CHANNEL),
    )
    for kind in ENDS
)
DEQUANTIZERS = tuple(
    Peer(
        f"torch.Tensor.dequantize{more}",
        "torch",
        "affine_dequantize",
        function,
        {"axis": axis, "dtype": "float32"},
        within=_has_quantized_dtype,
    )
    for more, function, axis in (("", _dequantize, None), (" (per channel)", _dequantize_channels, 0))
)
FAKE_QUANTIZERS = (
    ("torch.fake_quantize_per_tensor_affine", _fake_quantize, EIGHT_BITS),
    ("torch.fake_quantize_per_channel_affine", _fake_quantize_channels, PER_CHANNEL),
    ("torch._fake_quantize_learnable_per_tensor_affine", _learnable, EIGHT_BITS),
    ("torch.ops.aten.fake_quantize_per_tensor_affine_cachemask", _cachemask, EIGHT_BITS),
)
PARAMETERS = (
    ("torch.ao MinMaxObserver (affine)", _observer(symmetric=False), {"bits": 8, "signed": True}),
    ("torch.ao MinMaxObserver (symmetric)", _observer(symmetric=True), {"bits": 8, "signed": True}),
    ("torch._choose_qparams_per_tensor", _choose_qparams, {"bits": 8, "signed": False}),
)

PEERS = (
    *QUANTIZERS,
    *DEQUANTIZERS,
    *(
        Peer(
            name, "torch", "fake_quantize", _forward(function), settings, probes=(NAN_CODE,) * (settings is EIGHT_BITS)
        )
        for name, function, settings in FAKE_QUANTIZERS
    ),
    *(
        Peer(f"{name}, its gradient", "torch", "fake_quantize_gradient", _gradient(function), settings)
        for name, function, settings in FAKE_QUANTIZERS
    ),
    *(Peer(name, "torch", "affine_parameters", function, settings) for name, function, settings in PARAMETERS),
    Peer(
        "torch.ops.quantized.linear",
        "torch",
        "requantize",
        _linear,
        {"bits": 8, "signed": False},
        within=within_dot_products,
    ),
    Peer("torch.topk of magnitudes", "torch", "top_k_mask", _topk, {"axis": None, "dtype": "float32"}),
    Peer("torch.sort(stable=True) of magnitudes", "torch", "top_k_mask", _stable_sort, {"axis": None}),
    Peer("torch.nn.utils.prune.l1_unstructured", "torch", "sparsify", _l1_unstructured, {"axis": None}),
    *(
        Peer(
            f"torch.Tensor.to(float8_{name})", "torch", "cast_float8", _cast(name), {"format": name, "dtype": "float32"}
        )
        for name in FLOAT8
    ),
)

"""PyTorch's quantizers, selections and casts, on the CPU."""

from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.peer import FLOAT8, NAN_CODE, Peer


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(np.array(array, order="C"))


def _quantize_per_tensor(kind: str) -> Any:
    def function(x: Array, scale: float, zero_point: int) -> Array:
        import torch

        codes = torch.quantize_per_tensor(_tensor(x), scale, zero_point, getattr(torch, kind)).int_repr()
        return np.asarray(codes.numpy())

    return function


def _quantize_per_channel(x: Array, scale: Array, zero_point: Array) -> Array:
    import torch

    codes = torch.quantize_per_channel(_tensor(x), _tensor(scale), _tensor(zero_point), 0, torch.qint8)
    return np.asarray(codes.int_repr().numpy())


def _dequantize(q: Array, scale: float, zero_point: int) -> Array:
    import torch

    return np.asarray(torch._make_per_tensor_quantized_tensor(_tensor(q), scale, zero_point).dequantize().numpy())


def _fake_quantize(x: Array, scale: float, zero_point: int) -> Array:
    import torch

    return np.asarray(torch.fake_quantize_per_tensor_affine(_tensor(x), scale, zero_point, -128, 127).numpy())


def _fake_quantize_gradient(x: Array, scale: float, zero_point: int, upstream: Array) -> Array:
    import torch

    leaf = _tensor(x).requires_grad_()
    torch.fake_quantize_per_tensor_affine(leaf, scale, zero_point, -128, 127).backward(_tensor(upstream))
    return np.asarray(leaf.grad.numpy())


def _observer(symmetric: bool) -> Any:
    def function(x_min: float, x_max: float) -> tuple[Array, Array]:
        import torch
        from torch.ao.quantization.observer import MinMaxObserver

        scheme = torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine
        observer = MinMaxObserver(torch.qint8, scheme)
        observer(torch.tensor([x_min, x_max]))
        scale, zero_point = observer.calculate_qparams()
        return np.asarray(scale.numpy()).reshape(()), np.asarray(zero_point.numpy()).reshape(())

    return function


def _mask(x: Array, kept: Any) -> Array:
    mask = np.zeros(x.size, np.bool_)
    mask[kept.numpy()] = True
    return mask.reshape(x.shape)


def _topk(x: Array, k: int) -> Array:
    return _mask(x, _tensor(x).abs().reshape(-1).topk(k).indices)


def _stable_sort(x: Array, k: int) -> Array:
    return _mask(x, _tensor(x).abs().reshape(-1).sort(descending=True, stable=True).indices[:k])


def _l1_unstructured(x: Array, k: int) -> Array:
    from torch.nn.utils.prune import L1Unstructured

    tensor = _tensor(x)
    return np.asarray(L1Unstructured(x.size - k).prune(tensor).numpy())


def _cast(format: str) -> Any:
    def function(x: Array) -> Array:
        import torch

        return np.asarray(_tensor(x).to(getattr(torch, f"float8_{format}")).to(torch.float32).numpy())

    return function


PEERS = (
    Peer(
        "torch.quantize_per_tensor (qint8)",
        "torch",
        "affine_quantize",
        _quantize_per_tensor("qint8"),
        {"bits": 8, "signed": True, "axis": None, "dtype": "float32"},
        probes=(NAN_CODE,),
    ),
    Peer(
        "torch.quantize_per_tensor (quint8)",
        "torch",
        "affine_quantize",
        _quantize_per_tensor("quint8"),
        {"bits": 8, "signed": False, "axis": None, "dtype": "float32"},
        probes=(NAN_CODE,),
    ),
    Peer(
        "torch.quantize_per_channel (qint8)",
        "torch",
        "affine_quantize",
        _quantize_per_channel,
        {"bits": 8, "signed": True, "axis": 0, "dtype": "float32"},
    ),
    Peer("torch.Tensor.dequantize", "torch", "affine_dequantize", _dequantize, {"axis": None, "dtype": "float32"}),
    Peer(
        "torch.fake_quantize_per_tensor_affine",
        "torch",
        "fake_quantize",
        _fake_quantize,
        {"bits": 8, "signed": True, "axis": None, "dtype": "float32"},
        probes=(NAN_CODE,),
    ),
    Peer(
        "torch.fake_quantize_per_tensor_affine, its gradient",
        "torch",
        "fake_quantize_gradient",
        _fake_quantize_gradient,
        {"bits": 8, "signed": True, "axis": None, "dtype": "float32"},
    ),
    Peer(
        "torch.ao MinMaxObserver (affine)",
        "torch",
        "affine_parameters",
        _observer(symmetric=False),
        {"bits": 8, "signed": True},
    ),
    Peer(
        "torch.ao MinMaxObserver (symmetric)",
        "torch",
        "affine_parameters",
        _observer(symmetric=True),
        {"bits": 8, "signed": True},
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

"""ONNX's operators as two implementations give them: onnxruntime, and the onnx package's reference evaluator."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.peer import NAN_CODE, Peer

OPSET, IR_VERSION = 21, 10
QUANTIZE_LINEAR = {  # ONNX, QuantizeLinear: saturate(round(x / y_scale) + y_zero_point), to the nearest even
    "rounding": "half_even",
    "overflow": "saturate",
    "scaling": "divide",
    "zero_point_added": "after_rounding",
    "narrow_range": False,
}

Signature = tuple[tuple[str, str], ...]  # names and dtypes
Run = Callable[[str, Signature, Signature, dict[str, Array]], list[Array]]


@functools.cache
def _model(node: str, inputs: Signature, outputs: Signature) -> Any:
    """Make a model of one node."""
    from onnx import helper

    def value(name: str, dtype: str) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)

    graph = helper.make_graph(
        [helper.make_node(node, [name for name, _ in inputs], [name for name, _ in outputs])],
        node,
        [value(*each) for each in inputs],
        [value(*each) for each in outputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


@functools.cache
def _session(node: str, inputs: Signature, outputs: Signature) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    model = _model(node, inputs, outputs).SerializeToString()
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


@functools.cache
def _evaluator(node: str, inputs: Signature, outputs: Signature) -> Any:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(_model(node, inputs, outputs))


def _onnxruntime(node: str, inputs: Signature, outputs: Signature, feed: dict[str, Array]) -> list[Array]:
    return list(_session(node, inputs, outputs).run(None, feed))


def _reference(node: str, inputs: Signature, outputs: Signature, feed: dict[str, Array]) -> list[Array]:
    return list(_evaluator(node, inputs, outputs).run(None, feed))


def _ask(run: Run, node: str, outputs: Signature, **feed: Array) -> list[Array]:
    inputs = tuple((name, array.dtype.name) for name, array in feed.items())
    return run(node, inputs, outputs, {name: np.array(array, order="C") for name, array in feed.items()})


def _quantize_linear(run: Run, kind: str) -> Callable[[Array, float, int], Array]:
    def function(x: Array, scale: float, zero_point: int) -> Array:
        s, z = np.array(scale, x.dtype), np.array(zero_point, kind)
        return _ask(run, "QuantizeLinear", (("y", kind),), x=x, scale=s, zero_point=z)[0]

    return function


def _dequantize_linear(run: Run) -> Callable[[Array, float, int], Array]:
    def function(q: Array, scale: float, zero_point: int) -> Array:
        s, z = np.array(scale, np.float32), np.array(zero_point, q.dtype)
        return _ask(run, "DequantizeLinear", (("y", "float32"),), q=q, scale=s, zero_point=z)[0]

    return function


def _dynamic_quantize_linear(run: Run) -> Callable[[float, float], tuple[Array, Array]]:
    def function(x_min: float, x_max: float) -> tuple[Array, Array]:
        outputs = (("y", "uint8"), ("scale", "float32"), ("zero_point", "uint8"))
        _, scale, zero_point = _ask(run, "DynamicQuantizeLinear", outputs, x=np.array([x_min, x_max], np.float32))
        return scale, zero_point

    return function


def _peers(package: str, run: Run) -> tuple[Peer, ...]:
    quantizers = tuple(
        Peer(
            f"{package} QuantizeLinear ({kind}, {dtype})",
            package,
            "affine_quantize",
            _quantize_linear(run, kind),
            {"bits": 8, "signed": kind == "int8", "axis": None, "dtype": dtype},
            QUANTIZE_LINEAR,
            (NAN_CODE,) if dtype == "float32" else (),
        )
        for kind, dtype in (("int8", "float32"), ("uint8", "float32"), ("int8", "float16"))
    )
    return (
        *quantizers,
        Peer(
            f"{package} DequantizeLinear",
            package,
            "affine_dequantize",
            _dequantize_linear(run),
            {"axis": None, "dtype": "float32"},
        ),
        Peer(
            f"{package} DynamicQuantizeLinear",
            package,
            "affine_parameters",
            _dynamic_quantize_linear(run),
            {"bits": 8, "signed": False, "symmetric": False, "narrow_range": False},
        ),
    )


PEERS = (*_peers("onnxruntime", _onnxruntime), *_peers("onnx", _reference))

"""ONNX's operators as two implementations give them: onnxruntime, and the onnx package's reference evaluator."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.dot_products import as_dot_products, within_dot_products
from refcompress.peers.peer import FLOAT8, NAN_CODE, Peer

OPSET, IR_VERSION = 21, 10
QUANTIZE_LINEAR = {  # ONNX, QuantizeLinear: saturate(round(x / y_scale) + y_zero_point), to the nearest even
    "rounding": "half_even",
    "overflow": "saturate",
    "scaling": "divide",
    "zero_point_added": "after_rounding",
    "narrow_range": False,
}

Signature = tuple[tuple[str, str], ...]  # names and dtypes
Attributes = tuple[tuple[str, Any], ...]
Node = tuple[str, tuple[str, ...], str, Attributes]
"""Operator, inputs, output, attributes."""
Run = Callable[[tuple[Node, ...], Signature, Signature, dict[str, Array]], list[Array]]


@functools.cache
def _model(nodes: tuple[Node, ...], inputs: Signature, outputs: Signature) -> Any:
    """Make a model of a few nodes."""
    from onnx import helper

    def value(name: str, dtype: str) -> Any:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)

    graph = helper.make_graph(
        [helper.make_node(kind, list(taken), given.split(), **dict(more)) for kind, taken, given, more in nodes],
        nodes[0][0],
        [value(*each) for each in inputs],
        [value(*each) for each in outputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


@functools.cache
def _session(nodes: tuple[Node, ...], inputs: Signature, outputs: Signature) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    model = _model(nodes, inputs, outputs).SerializeToString()
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


@functools.cache
def _evaluator(nodes: tuple[Node, ...], inputs: Signature, outputs: Signature) -> Any:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(_model(nodes, inputs, outputs))


def _onnxruntime(nodes: tuple[Node, ...], inputs: Signature, outputs: Signature, feed: dict[str, Array]) -> list[Array]:
    return list(_session(nodes, inputs, outputs).run(None, feed))


def _reference(nodes: tuple[Node, ...], inputs: Signature, outputs: Signature, feed: dict[str, Array]) -> list[Array]:
    return list(_evaluator(nodes, inputs, outputs).run(None, feed))


def _ask(run: Run, node: str, outputs: Signature, feed: dict[str, Array], attributes: Attributes = ()) -> list[Array]:
    """Run one node, whose inputs are in the standard's order."""
    inputs = tuple((name, array.dtype.name) for name, array in feed.items())
    nodes = ((node, tuple(feed), " ".join(name for name, _ in outputs), attributes),)
    return run(nodes, inputs, outputs, {name: np.array(array, order="C") for name, array in feed.items()})


def _quantize_linear(run: Run, kind: str, axis: Attributes = ()) -> Callable[[Array, Any, Any], Array]:
    def function(x: Array, scale: Any, zero_point: Any) -> Array:
        s, z = np.array(scale, x.dtype), np.array(zero_point).astype(kind)
        return _ask(run, "QuantizeLinear", (("y", kind),), {"x": x, "scale": s, "zero_point": z}, axis)[0]

    return function


def _dequantize_linear(run: Run, axis: Attributes = ()) -> Callable[[Array, Any, Any], Array]:
    def function(q: Array, scale: Any, zero_point: Any) -> Array:
        s, z = np.array(scale, np.float32), np.array(zero_point).astype(q.dtype)
        return _ask(run, "DequantizeLinear", (("y", "float32"),), {"q": q, "scale": s, "zero_point": z}, axis)[0]

    return function


def _allowed(q: Array, scale: Any, zero_point: Any) -> Array:
    """Say whether the zero points are of the dtype of the codes, and 0 beside int32, as ONNX has it."""
    z, ends = np.asarray(zero_point, np.int64), np.iinfo(q.dtype)
    fits = (z == 0) if q.dtype == np.int32 else (z >= ends.min) & (z <= ends.max)
    return np.full(q.shape, bool(fits.all()))


def _dynamic_quantize_linear(run: Run) -> Callable[[float, float], tuple[Array, Array]]:
    def function(x_min: float, x_max: float) -> tuple[Array, Array]:
        outputs = (("y", "uint8"), ("scale", "float32"), ("zero_point", "uint8"))
        _, scale, zero_point = _ask(run, "DynamicQuantizeLinear", outputs, {"x": np.array([x_min, x_max], np.float32)})
        return scale, zero_point

    return function


def _named(name: str, codes: Array, scale: float = 1.0, zero_point: int = 0) -> dict[str, Array]:
    """Return codes with their scale and zero point, as three inputs."""
    return {
        name: codes,
        f"{name}_scale": np.array(scale, np.float32),
        f"{name}_zero": np.array(zero_point, codes.dtype),
    }


def _asked_for(zero_point: int) -> dict[str, Array]:
    """Return the scale and the zero point of the result."""
    return {"y_scale": np.array(1.0, np.float32), "y_zero": np.array(zero_point, np.int8)}


def _qlinear_matmul(run: Run) -> Callable[[Array, int, int, int], Array]:
    def function(acc: Array, multiplier: int, shift: int, zero_point: int) -> Array:
        row, columns = as_dot_products(acc)
        a = _named("a", row, multiplier * 2.0 ** (shift - 31))
        feed = {**a, **_named("b", columns), **_asked_for(zero_point)}
        return _ask(run, "QLinearMatMul", (("y", "int8"),), feed)[0].reshape(acc.shape)

    return function


def _qlinear_conv(run: Run) -> Callable[[Array, int, int, int], Array]:
    def function(acc: Array, multiplier: int, shift: int, zero_point: int) -> Array:
        """Give the accumulators as the bias of a convolution of nothing."""
        x = _named("x", np.zeros((1, 1, 1, 1), np.int8), multiplier * 2.0 ** (shift - 31))
        w = _named("w", np.zeros((acc.size, 1, 1, 1), np.int8))
        feed = {**x, **w, **_asked_for(zero_point), "bias": acc.reshape(-1)}
        return _ask(run, "QLinearConv", (("y", "int8"),), feed)[0].reshape(acc.shape)

    return function


def _cast(run: Run, name: str, saturate: int) -> Callable[[Array], Array]:
    def function(x: Array) -> Array:
        from onnx import TensorProto

        to = (("to", getattr(TensorProto, f"FLOAT8{name.upper()}")), ("saturate", saturate))
        nodes: tuple[Node, ...] = (
            ("Cast", ("x",), "narrow", to),
            ("Cast", ("narrow",), "y", (("to", TensorProto.FLOAT),)),
        )
        return run(nodes, (("x", "float32"),), (("y", "float32"),), {"x": np.array(x, order="C")})[0]

    return function


def _quantizers(package: str, run: Run) -> tuple[Peer, ...]:
    kinds: tuple[tuple[str, str, int | None], ...] = (
        *((kind, "float32", None) for kind in ("int8", "uint8", "int16")),
        ("int8", "float16", None),
        ("int8", "float32", 0),
    )
    return tuple(
        Peer(
            f"{package} QuantizeLinear ({kind}, {dtype}{'' if axis is None else ', per channel'})",
            package,
            "affine_quantize",
            _quantize_linear(run, kind, () if axis is None else (("axis", axis),)),
            {"bits": 16 if "16" in kind else 8, "signed": kind[0] == "i", "axis": axis, "dtype": dtype},
            QUANTIZE_LINEAR,
            (NAN_CODE,) if dtype == "float32" and axis is None else (),
        )
        for kind, dtype, axis in kinds
    )


def _requantizers(package: str, run: Run) -> tuple[Peer, ...]:
    eight = {"bits": 8, "signed": True}
    return (
        Peer(
            f"{package} QLinearMatMul",
            package,
            "requantize",
            _qlinear_matmul(run),
            eight,
            within=within_dot_products,
        ),
        Peer(f"{package} QLinearConv", package, "requantize", _qlinear_conv(run), eight),
    )


def _peers(package: str, run: Run) -> tuple[Peer, ...]:
    dequantizers = tuple(
        Peer(
            f"{package} DequantizeLinear{'' if axis is None else ' (per channel)'}",
            package,
            "affine_dequantize",
            _dequantize_linear(run, () if axis is None else (("axis", axis),)),
            {"axis": axis, "dtype": "float32"},
            within=_allowed,
        )
        for axis in (None, 0)
    )
    casts = tuple(
        Peer(
            f"{package} Cast to float8 {name}, saturate={saturate}",
            package,
            "cast_float8",
            _cast(run, name, saturate),
            {"format": name, "dtype": "float32"},
        )
        for name in FLOAT8
        for saturate in (1, 0)
    )
    return (
        *_quantizers(package, run),
        *dequantizers,
        Peer(
            f"{package} DynamicQuantizeLinear",
            package,
            "affine_parameters",
            _dynamic_quantize_linear(run),
            {"bits": 8, "signed": False, "symmetric": False, "narrow_range": False},
        ),
        *_requantizers(package, run),
        *casts,
    )


def _pack(q: Array) -> Array:
    """Store int4 as the package puts it into a file."""
    import ml_dtypes
    from onnx import numpy_helper

    return np.frombuffer(numpy_helper.from_array(q.astype(ml_dtypes.int4)).raw_data, np.uint8)


def _unpack(packed: Array, length: int) -> Array:
    from onnx import TensorProto, numpy_helper

    stored = TensorProto(data_type=TensorProto.INT4, dims=[length], raw_data=packed.astype(np.uint8).tobytes())
    return np.asarray(numpy_helper.to_array(stored)).astype(np.int8)


def _one_row(q: Array, length: int = 0) -> Array:
    """Say whether there is but one row: a file holds an array as one run of nibbles."""
    return np.full(q.shape, q.ndim == 1)


PACKING = (
    Peer("onnx TensorProto of int4, written", "onnx", "pack_int4", _pack, {"signed": True}, within=_one_row),
    Peer("onnx TensorProto of int4, read", "onnx", "unpack_int4", _unpack, {"signed": True}, within=_one_row),
)
PEERS = (*_peers("onnxruntime", _onnxruntime), *_peers("onnx", _reference), *PACKING)

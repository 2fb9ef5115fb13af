"""One-node ONNX models, made in memory, and what onnxruntime answers to them."""

import functools

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.set_default_logger_severity(3)

TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "int8": TensorProto.INT8,
    "uint8": TensorProto.UINT8,
}


@functools.cache
def session(node, inputs, outputs, opset=21):
    """A session of one node; inputs and outputs are (name, dtype) pairs of any shape."""
    graph = helper.make_graph(
        [helper.make_node(node, [name for name, _ in inputs], [name for name, _ in outputs])],
        node,
        [helper.make_tensor_value_info(name, TYPES[dtype], None) for name, dtype in inputs],
        [helper.make_tensor_value_info(name, TYPES[dtype], None) for name, dtype in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def quantize_linear(x, p):
    """QuantizeLinear to int8 with scale 2^-p and zero point 0: the fixed-point Q(x), on one branch of the standard."""
    dtype = x.dtype.name
    run = session("QuantizeLinear", (("x", dtype), ("scale", dtype), ("zero", "int8")), (("q", "int8"),))
    scale = np.array(2.0**-p, x.dtype)
    return run.run(None, {"x": np.array(x, order="C"), "scale": scale, "zero": np.array(0, np.int8)})[0]


def dequantize_linear(q, p):
    """DequantizeLinear of int8 codes to float32 with scale 2^-p."""
    run = session("DequantizeLinear", (("q", "int8"), ("scale", "float32"), ("zero", "int8")), (("x", "float32"),))
    return run.run(None, {"q": q, "scale": np.array(2.0**-p, np.float32), "zero": np.array(0, np.int8)})[0]

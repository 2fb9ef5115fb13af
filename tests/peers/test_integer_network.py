"""QLinearMatMul and QLinearConv of ONNX: which rounding of ``requantize`` they follow, and a network of them.

ONNX Runtime scales in float32 and rounds half to even, then adds the zero point: ``float``. The reference evaluator of
the onnx package scales in float64 and adds the zero point before it rounds half to even: ``half_even`` where the zero
point is even, ``half_odd`` where it is odd. Weights beside unsigned codes have 7 bits here: on processors whose dot
product of 8-bit integers saturates pairs of products to int16 ONNX Runtime is wrong with all 8.
"""

import functools

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from refcompress.integer_network import IntegerLayer, quantize_network
from refcompress.mlp.network import initialize
from refcompress.quantization.requantize import quantize_multiplier

onnxruntime.set_default_logger_severity(3)

CODES = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}
RUNNERS = ("onnxruntime", "reference evaluator")


@functools.cache
def model(node, codes):
    """A model of one node, with all that it takes as inputs, in the standard's order."""
    kinds = [codes, TensorProto.FLOAT, codes, TensorProto.INT8, TensorProto.FLOAT, TensorProto.INT8]
    kinds += [TensorProto.FLOAT, codes] + ([TensorProto.INT32] if node == "QLinearConv" else [])
    names = ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero", "bias"][: len(kinds)]
    graph = helper.make_graph(
        [helper.make_node(node, names, ["y"])],
        node,
        [helper.make_tensor_value_info(name, kind, None) for name, kind in zip(names, kinds, strict=True)],
        [helper.make_tensor_value_info("y", codes, None)],
    )
    return names, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@functools.cache
def runner(name, node, codes):
    names, proto = model(node, codes)
    if name == "onnxruntime":
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        return names, lambda feed: session.run(None, feed)[0]
    evaluator = ReferenceEvaluator(proto)
    return names, lambda feed: evaluator.run(None, feed)[0]


def linear(name, codes, layer, scales, dtype):
    """What a peer gives for a layer: QLinearMatMul without a bias, else QLinearConv of one place."""
    with_bias = bool(layer.bias.any())
    names, run = runner(name, "QLinearConv" if with_bias else "QLinearMatMul", CODES[dtype])
    x, w = codes, layer.weights.astype(np.int8)
    if with_bias:
        x, w = x.reshape(*x.shape, 1, 1), w.T.reshape(*w.T.shape, 1, 1)
    zero_points = (layer.input_zero_point, layer.weight_zero_point, layer.output_zero_point)
    a_zero, b_zero, y_zero = (np.array(z, t) for z, t in zip(zero_points, (dtype, np.int8, dtype), strict=True))
    s_x, s_w, s_y = (np.array(s, np.float32) for s in scales)
    values = [x, s_x, a_zero, w, s_w, b_zero, s_y, y_zero, layer.bias.astype(np.int32)]
    return run(dict(zip(names, values, strict=False))).reshape(codes.shape[0], -1)


def rounding_of(name, layer):
    if name == "onnxruntime":
        return "float"
    return "half_odd" if layer["output_zero_point"] % 2 else "half_even"


@functools.cache
def cases(dtype, with_bias):
    """Layers whose factor is a power of two, so that many sums are ties, and others; zero points odd and even."""
    low, most = np.iinfo(dtype).min, 127 if dtype == np.int8 else 63
    generator = np.random.default_rng(0)
    found = []
    for trial in range(24):
        inputs = (1, 3, 64, 300)[trial % 4]
        s_x, s_w = np.float32(generator.uniform(0.01, 0.1)), np.float32(generator.uniform(0.01, 0.1))
        s_y = np.float32(s_x * s_w * 2.0 ** generator.integers(3, 14))
        s_y = s_y if trial % 3 else np.float32(s_y * generator.uniform(0.5, 1))
        layer = {
            "weights": generator.integers(-most, most + 1, (inputs, 20)),
            "bias": generator.integers(-9999, 10_000, 20) if with_bias else np.zeros(20, np.int64),
            "input_zero_point": int(generator.integers(low, low + 256)),
            "output_zero_point": int(generator.integers(low, low + 256)),
            "signed": dtype == np.int8,
        }
        multiplier, shift = quantize_multiplier(float(s_x * s_w / s_y))
        codes = generator.integers(low, low + 256, (300, inputs)).astype(dtype)
        found.append(({**layer, "multiplier": multiplier, "shift": shift}, codes, (s_x, s_w, s_y)))
    return found


@pytest.mark.parametrize("name", RUNNERS)
@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("with_bias", [False, True])
def test_a_layer_equals_the_operator_to_the_bit(name, dtype, with_bias):
    for fields, codes, scales in cases(dtype, with_bias):
        layer = IntegerLayer(**fields, rounding=rounding_of(name, fields))
        assert np.array_equal(linear(name, codes, layer, scales, dtype), layer.outputs(codes))


@pytest.mark.parametrize("name", RUNNERS)
def test_another_rounding_is_told_from_the_operator(name):
    for other in ("half_up", "half_away", "double"):
        layers = [
            (IntegerLayer(**fields, rounding=other), codes, scales) for fields, codes, scales in cases(np.int8, False)
        ]
        assert not all(np.array_equal(linear(name, c, layer, s, np.int8), layer.outputs(c)) for layer, c, s in layers)


@pytest.mark.parametrize(("name", "code"), [("onnxruntime", 64), ("reference evaluator", 65)])
def test_a_sum_past_float32_parts_the_two(name, code):
    # 64.5 * 2^18 + 1 has 25 bits: float32 makes it 64.5 * 2^18, which is a tie, and ties go to even
    fields = {"weights": np.array([[127]] * 1049 + [[1]]), "bias": np.zeros(1, int)}
    codes = np.array([[127] * 1048 + [40, 17]], np.int8)
    multiplier, shift = quantize_multiplier(2.0**-18)
    layer = IntegerLayer(**fields, multiplier=multiplier, shift=shift, rounding="float" if code == 64 else "half_even")
    assert layer.accumulate(codes).tolist() == [[129 * 2**17 + 1]]
    assert linear(name, codes, layer, (1, 1, 2.0**18), np.int8).tolist() == layer.outputs(codes).tolist() == [[code]]


@pytest.mark.parametrize("name", RUNNERS)
def test_a_network_equals_its_layers_run_as_operators(name):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(200, 20))
    network = quantize_network(initialize((20, 30, 12, 5), seed=3), x, factor_dtype="float32", rounding="float")
    codes = generator.integers(-128, 128, (500, 20)).astype(np.int8)
    q = codes
    for layer in network.layers:
        # the factor is a float32, so that it stands for any scales of which it is the quotient
        factor = np.float32(layer.multiplier * 2.0 ** (layer.shift - 31))
        q = linear(name, q, layer, (factor, 1, 1), np.int8)
        q = np.maximum(q, np.int8(layer.output_zero_point)) if layer.relu else q
    # the two round alike but at ties and past 2^24, which do not occur here
    assert np.array_equal(q, network.run(codes))

"""TensorFlow Lite's kernels, in the interpreter of LiteRT: the reference ones, the optimized ones, and XNNPACK's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from refcompress.arguments import Array
from refcompress.peers.peer import NAN_CODE, Peer

PACKAGE = "ai-edge-litert"
# what it is called here -> OpResolverType
KERNELS = {
    "reference": "BUILTIN_REF",
    "optimized": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "XNNPACK": "AUTO",
}
SIGNIFICAND = 2**24  # a scale is a float32


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a model: its dtype and shape, how its codes are to be read, and what it holds if it is constant."""

    dtype: str
    shape: tuple[int, ...]
    scales: Sequence[float] = ()
    zero_points: Sequence[int] = ()
    axis: int = 0
    held: Array | None = None


def _model(operator: str, tensors: Sequence[Tensor], options: Any = None) -> bytes:
    """Make a model of one operator; the last tensor is the output, and those that are not constant are inputs."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    buffers, made = [schema.BufferT()], []
    for number, tensor in enumerate(tensors):
        t = schema.TensorT()
        t.name, t.shape, t.type = f"t{number}", list(tensor.shape), getattr(schema.TensorType, tensor.dtype.upper())
        if tensor.scales:
            t.quantization = schema.QuantizationParametersT()
            t.quantization.scale, t.quantization.zeroPoint = list(tensor.scales), list(tensor.zero_points)
            t.quantization.quantizedDimension = tensor.axis
        if tensor.held is not None:
            t.buffer = len(buffers)
            buffers.append(schema.BufferT())
            buffers[-1].data = np.frombuffer(tensor.held.tobytes(), np.uint8)
        made.append(t)
    graph, node, code, model = schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT(), schema.ModelT()
    graph.tensors, graph.operators, graph.outputs = made, [node], [len(made) - 1]
    graph.inputs = [i for i, tensor in enumerate(tensors[:-1]) if tensor.held is None]
    node.opcodeIndex, node.inputs, node.outputs = 0, list(range(len(made) - 1)), [len(made) - 1]
    if options is not None:
        node.builtinOptions = options
        node.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operator)
    code.version = 4 if operator == "FULLY_CONNECTED" else 2
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _run(kernel: str, model: bytes, *inputs: Array) -> Array:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=getattr(OpResolverType, KERNELS[kernel]),
    )
    interpreter.allocate_tensors()
    for details, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], np.array(array, order="C"))
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def _parameters(scale: Any, zero_point: Any) -> dict[str, Any]:
    return {
        "scales": np.asarray(scale, np.float64).reshape(-1).tolist(),
        "zero_points": np.asarray(zero_point, np.int64).reshape(-1).tolist(),
    }


def _quantize(kernel: str, kind: str) -> Callable[..., Array]:
    def function(x: Array, scale: Any, zero_point: Any) -> Array:
        codes = Tensor(kind, x.shape, **_parameters(scale, zero_point))
        return _run(kernel, _model("QUANTIZE", [Tensor("float32", x.shape), codes]), x)

    return function


def _dequantize(kernel: str) -> Callable[..., Array]:
    def function(q: Array, scale: Any, zero_point: Any) -> Array:
        codes = Tensor(q.dtype.name, q.shape, **_parameters(scale, zero_point))
        return _run(kernel, _model("DEQUANTIZE", [codes, Tensor("float32", q.shape)]), q)

    return function


def _some_8_bit(q: Array, scale: Any, zero_point: Any) -> Array:
    """Say whether the kernels take the codes."""
    low, high = (np.iinfo(q.dtype).min, np.iinfo(q.dtype).max) if q.dtype.itemsize == 1 else (1, 0)
    z = np.asarray(zero_point)
    return np.full(q.shape, q.size > 0 and bool(np.all((z >= low) & (z <= high))))


def _some(x: Array, *others: Any) -> Array:
    """Leave empty arrays out, which the interpreter refuses."""
    return np.full(x.shape, x.size > 0)


def _with_normal_scale(within: Callable[..., Array]) -> Callable[..., Array]:
    """Leave subnormal scales out as well: XNNPACK takes none, and the interpreter crashes when it is refused."""

    def also(values: Array, scale: float, zero_point: int) -> Array:
        return within(values, scale, zero_point) & (scale >= np.finfo(np.float32).tiny)

    return also


def _fake_quant(x: Array, scale: float, zero_point: int) -> Array:
    """Give the range of the values by its ends, as the operator wants it."""
    from ai_edge_litert import schema_py_generated as schema

    options = schema.FakeQuantOptionsT()
    options.numBits = 8
    options.min, options.max = (float(np.float32((end - zero_point) * scale)) for end in (0, 255))
    tensors = [Tensor("float32", x.shape), Tensor("float32", x.shape)]
    return _run("reference", _model("FAKE_QUANT", tensors, options), x)


def _as_scales(multiplier: int, shift: int) -> tuple[float, float]:
    """Return two float32 whose quotient the kernels take for multiplier * 2^(shift - 31).

    A multiplier has 31 bits and a scale has 24: a quotient of two comes near enough, but for a few beside plain
    fractions.
    """
    ratio = Fraction(multiplier, 2**31).limit_denominator(SIGNIFICAND)
    if round(ratio.numerator / ratio.denominator * 2**31) != multiplier:
        raise ValueError("no two float32 have this quotient")
    return float(ratio.numerator) * 2.0**shift, float(ratio.denominator)


def _representable(acc: Array, multiplier: int, shift: int, zero_point: int) -> Array:
    try:
        _as_scales(multiplier, shift)
    except ValueError:
        return np.zeros(acc.shape, np.bool_)
    return _some(acc)


def _requantize(kernel: str) -> Callable[..., Array]:
    def function(acc: Array, multiplier: int, shift: int, zero_point: int) -> Array:
        given, asked = _as_scales(multiplier, shift)
        source = Tensor("int32", acc.shape, [given], [0])
        return _run(kernel, _model("QUANTIZE", [source, Tensor("int8", acc.shape, [asked], [zero_point])]), acc)

    return function


def _fully_connected(kernel: str) -> Callable[..., Array]:
    def function(acc: Array, multiplier: int, shift: int, zero_point: int) -> Array:
        """Give the accumulators as the bias of a layer whose input is 0."""
        from ai_edge_litert import schema_py_generated as schema

        given, asked = _as_scales(multiplier, shift)
        n = acc.size
        tensors = [
            Tensor("int8", (1, 1), [given], [0]),
            Tensor("int8", (n, 1), [1.0], [0], held=np.zeros((n, 1), np.int8)),
            Tensor("int32", (n,), [given], [0], held=acc.reshape(-1).astype("<i4")),
            Tensor("int8", (1, n), [asked], [zero_point]),
        ]
        model = _model("FULLY_CONNECTED", tensors, schema.FullyConnectedOptionsT())
        return _run(kernel, model, np.zeros((1, 1), np.int8)).reshape(acc.shape)

    return function


QUANTIZERS = tuple(
    Peer(
        f"LiteRT QUANTIZE ({kind}, {kernel} kernel)",
        PACKAGE,
        "affine_quantize",
        _quantize(kernel, kind),
        {"bits": 8, "signed": kind == "int8", "axis": None, "dtype": "float32"},
        probes=(NAN_CODE,),
        within=_with_normal_scale(_some) if kernel == "XNNPACK" else _some,
    )
    for kernel in KERNELS
    for kind in ("int8", "uint8")
)
PER_CHANNEL = (
    Peer(
        "LiteRT QUANTIZE (int8, per channel)",
        PACKAGE,
        "affine_quantize",
        _quantize("optimized", "int8"),
        {"bits": 8, "signed": True, "axis": 0, "dtype": "float32"},
        within=_some,
    ),
    Peer(
        "LiteRT DEQUANTIZE (per channel)",
        PACKAGE,
        "affine_dequantize",
        _dequantize("optimized"),
        {"axis": 0, "dtype": "float32"},
        within=_some_8_bit,
    ),
)
DEQUANTIZERS = tuple(
    Peer(
        f"LiteRT DEQUANTIZE ({kernel} kernel)",
        PACKAGE,
        "affine_dequantize",
        _dequantize(kernel),
        {"axis": None, "dtype": "float32"},
        within=_with_normal_scale(_some_8_bit) if kernel == "XNNPACK" else _some_8_bit,
    )
    for kernel in ("reference", "XNNPACK")
)
REQUANTIZERS = tuple(
    Peer(
        f"LiteRT {name} ({kernel} kernel)",
        PACKAGE,
        "requantize",
        make(kernel),
        {"bits": 8, "signed": True},
        within=_representable,
    )
    for name, make, kernels in (
        ("QUANTIZE from int32", _requantize, ("reference", "optimized")),
        ("FULLY_CONNECTED", _fully_connected, tuple(KERNELS)),
    )
    for kernel in kernels
)
FAKE_QUANT = Peer(
    "LiteRT FAKE_QUANT",
    PACKAGE,
    "fake_quantize",
    _fake_quant,
    {"bits": 8, "signed": False, "axis": None, "dtype": "float32"},
    within=_some,
)
PEERS = (*QUANTIZERS, *DEQUANTIZERS, *PER_CHANNEL, FAKE_QUANT, *REQUANTIZERS)

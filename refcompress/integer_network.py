"""An MLP on integers alone, with affine codes: x = s_x (x_q - z_x), w = s_w (w_q - z_w).

A layer sums acc = (x_q - z_x) @ (w_q - z_w) + b_q in int32, with the bias in units of s_x s_w; requantizes it by the
factor s_x s_w / s_y, held as an integer multiplier and a shift; and is a relu where it clamps at the zero point, the
code of 0. Nothing else happens between the input codes and the output codes.

With ``rounding="float"`` and a factor that is a float32 the layer is QLinearMatMul (QLinearConv, QGemm) of ONNX Runtime
to the bit. The reference evaluator of ONNX adds the zero point before it rounds, which is ``half_even`` where the zero
point is even, and ``half_odd`` where it is odd.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.network import MLP, hidden_features, mlp_forward
from refcompress.quantization.affine import affine_dequantize, affine_quantize
from refcompress.quantization.affine_parameters import affine_parameters
from refcompress.quantization.integer import INT32_MAX, integer_linear
from refcompress.quantization.requantize import REQUANTIZE_WORDS, quantize_multiplier, requantize
from refcompress.rounding import code_range

INTEGER_ACTIVATIONS = ("relu", "identity")
FACTOR_DTYPES = ("float64", "float32")
MOST_BITS = 16  # of a code


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """One layer: codes in, codes out.

    Parameters
    ----------
    weights : array_like of int, of shape (inputs, outputs)
        Codes of ``bits`` bits, signed.
    bias : array_like of int, of shape (outputs,)
        Integers in units of the accumulator, s_x s_w; they fit int32.
    input_zero_point, weight_zero_point, output_zero_point : int
        The codes of 0.
    multiplier, shift : int
        The factor s_x s_w / s_y, as ``requantize`` takes it.
    relu : bool
        Whether outputs below the zero point are clamped to it.
    bits : int
        Width of every code but the bias, 2 to 16.
    signed : bool
        Whether the input and output codes are signed.
    rounding : str
        One of the words of ``requantize``.

    Raises
    ------
    ValueError
        For shapes that do not fit, numbers out of range, or a sum that could pass int32.
    """

    weights: Array
    bias: Array
    multiplier: int
    shift: int
    input_zero_point: int = 0
    weight_zero_point: int = 0
    output_zero_point: int = 0
    relu: bool = False
    bits: int = 8
    signed: bool = True
    rounding: str = "half_up"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", arguments.integer(self.bits, "bits", 2, MOST_BITS))
        low, high = code_range(self.bits, signed=arguments.boolean(self.signed, "signed"))
        w_low, w_high = code_range(self.bits, signed=True)
        weights = arguments.integer_array(self.weights, "weights")
        bias = arguments.integer_array(self.bias, "bias")
        if weights.ndim != 2 or bias.shape != weights.shape[1:]:
            raise ValueError(
                f"weights have shape {weights.shape}, bias has shape {bias.shape}: (inputs, outputs) and (outputs,)"
            )
        for name, codes, ends in (("weights", weights, (w_low, w_high)), ("bias", bias, (-(2**31), INT32_MAX))):
            outside = (codes < ends[0]) | (codes > ends[1])
            if outside.any():
                arguments.refuse_element(name, codes, outside, f"it must be from {ends[0]} to {ends[1]}")
        for name, least, most in (
            ("input_zero_point", low, high),
            ("output_zero_point", low, high),
            ("weight_zero_point", w_low, w_high),
            ("multiplier", 2**30, INT32_MAX),
            ("shift", -31, 31),
        ):
            object.__setattr__(self, name, arguments.integer(getattr(self, name), name, least, most))
        arguments.boolean(self.relu, "relu")
        arguments.choice(self.rounding, "rounding", REQUANTIZE_WORDS)
        object.__setattr__(self, "weights", _frozen(weights))
        object.__setattr__(self, "bias", _frozen(bias))
        most = self.largest_sum
        if most > INT32_MAX:
            raise ValueError(
                f"a sum could reach {most:,}, past int32 ({INT32_MAX:,}): {weights.shape[0]} inputs of {self.bits} "
                "bits times these weights; use fewer bits or inputs"
            )

    @property
    def largest_sum(self) -> int:
        """The largest magnitude that a sum, or a part of it in any order, can have."""
        low, high = code_range(self.bits, signed=self.signed)
        most = max(high - self.input_zero_point, self.input_zero_point - low)
        columns = np.abs(self.weights - self.weight_zero_point).sum(axis=0) * most + np.abs(self.bias)
        return int(columns.max(initial=0))

    def accumulate(self, codes: npt.ArrayLike) -> Array:
        """Return the int32 sums acc = (x_q - z_x) @ (w_q - z_w) + b_q of input codes (n, inputs)."""
        x = self._checked(codes)
        return integer_linear(x - self.input_zero_point, self.weights - self.weight_zero_point, self.bias, 0)

    def outputs(self, codes: npt.ArrayLike) -> Array:
        """Return the output codes (n, outputs) of input codes (n, inputs)."""
        acc, zero_point = self.accumulate(codes), self.output_zero_point
        q = requantize(
            acc, self.multiplier, self.shift, zero_point, bits=self.bits, signed=self.signed, rounding=self.rounding
        )
        return np.maximum(q, q.dtype.type(zero_point)) if self.relu else q

    def _checked(self, codes: npt.ArrayLike) -> Array:
        x = arguments.integer_array(codes, "codes")
        if x.ndim != 2 or x.shape[1] != self.weights.shape[0]:
            raise ValueError(f"codes has shape {x.shape}: the layer takes (n, {self.weights.shape[0]})")
        low, high = code_range(self.bits, signed=self.signed)
        outside = (x < low) | (x > high)
        if outside.any():
            arguments.refuse_element("codes", x, outside, f"it must be from {low} to {high}")
        return x.astype(np.int64)


def _frozen(array: Array) -> Array:
    copy = array.astype(np.int64)
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Layers that run one after the other, and the scales at both ends.

    Parameters
    ----------
    layers : tuple of IntegerLayer
        The codes of one are the input of the next.
    input_scale, output_scale : float
        The steps of the first input and of the last output.

    Raises
    ------
    ValueError
        For no layers, or for two that do not fit together.
    """

    layers: tuple[IntegerLayer, ...]
    input_scale: float
    output_scale: float

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("layers is empty: a network has at least one")
        for number, (first, second) in enumerate(pairwise(self.layers)):
            if first.weights.shape[1] != second.weights.shape[0]:
                raise ValueError(
                    f"layers[{number + 1}] takes {second.weights.shape[0]} inputs: the one before has "
                    f"{first.weights.shape[1]} outputs"
                )
            if (first.output_zero_point, first.bits, first.signed) != (
                second.input_zero_point,
                second.bits,
                second.signed,
            ):
                raise ValueError(
                    f"layers[{number + 1}] reads its input in another format than the one before writes it"
                )
        arguments.real_number(self.input_scale, "input_scale", 0, exclusive=True)
        arguments.real_number(self.output_scale, "output_scale", 0, exclusive=True)

    def run(self, codes: npt.ArrayLike) -> Array:
        """Return the output codes of input codes (n, inputs): integers all the way."""
        q = arguments.integer_array(codes, "codes")
        for layer in self.layers:
            q = layer.outputs(q)
        return q

    def outputs(self, x: npt.ArrayLike) -> Array:
        """Return the outputs, as float32, of inputs x (n, inputs): quantized, run, dequantized."""
        first, last = self.layers[0], self.layers[-1]
        codes = affine_quantize(
            x, np.float32(self.input_scale), first.input_zero_point, bits=first.bits, signed=first.signed
        )
        return affine_dequantize(self.run(codes), np.float32(self.output_scale), last.output_zero_point)


def quantize_network(
    model: MLP,
    x: npt.ArrayLike,
    *,
    bits: int = 8,
    signed: bool = True,
    rounding: str = "half_up",
    factor_dtype: str = "float64",
) -> IntegerNetwork:
    """Quantize an MLP for inference on integers: weights symmetric, activations by their range on calibration inputs.

    Parameters
    ----------
    model : MLP
        With relu or identity between its layers; it is not changed.
    x : array_like of shape (n, inputs)
        Calibration inputs; the smallest and the largest value of every layer's input and output decide its scale.
    bits : int
        Width of weight and activation codes, 2 to 16.
    signed : bool
        Whether activation codes are signed.
    rounding : str
        How accumulators are requantized; see ``requantize``.
    factor_dtype : str
        What s_x s_w / s_y is computed in: float64 (default; TFLite), or float32, each step rounded (ONNX).

    Returns
    -------
    IntegerNetwork

    Raises
    ------
    ValueError
        For another activation, a bias that is past int32 in units of the accumulator, a sum that could be, or a factor
        that no shift reaches.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    sections 2.2 to 2.4, 2018.

    Examples
    --------
    >>> model = MLP((np.array([[0.5, -1.0]]),), (np.array([0.25, 0.0]),))
    >>> quantize_network(model, [[1.0], [-1.0]]).outputs([[1.0], [0.5]]).round(2).tolist()
    [[0.75, -1.0], [0.5, -0.5]]
    """
    arguments.instance(model, "model", MLP)
    arguments.choice(model.activation, "activation", INTEGER_ACTIVATIONS)
    arguments.choice(factor_dtype, "factor_dtype", FACTOR_DTYPES)
    bits = arguments.integer(bits, "bits", 2, MOST_BITS)
    calibration = arguments.finite_array(x, "x", "computed with").astype(np.float64)
    last = mlp_forward(model.weights, model.biases, calibration, activation=model.activation)
    formats = [
        _parameters(values, bits, signed) for values in (calibration, *hidden_features(model, calibration), last)
    ]
    layers = []
    for number, ((s_x, z_x), (s_y, z_y)) in enumerate(pairwise(formats)):
        w = np.asarray(model.weights[number], np.float64)
        s_w = _symmetric_scale(w, bits)
        bias = _bias_codes(model.biases[number], s_x, s_w, f"model.biases[{number}]")
        with _of_the_model():
            multiplier, shift = quantize_multiplier(_factor(s_x, s_w, s_y, factor_dtype))
        layers.append(
            IntegerLayer(
                affine_quantize(w, float(s_w), 0, bits=bits, narrow_range=True),
                bias,
                multiplier,
                shift,
                input_zero_point=z_x,
                output_zero_point=z_y,
                relu=model.activation == "relu" and number + 1 < len(model.weights),
                bits=bits,
                signed=signed,
                rounding=rounding,
            )
        )
    return IntegerNetwork(tuple(layers), float(formats[0][0]), float(formats[-1][0]))


def _parameters(values: Array, bits: int, signed: bool) -> tuple[np.float32, int]:
    low, high = values.min(initial=0.0), values.max(initial=0.0)
    with _of_the_model():
        scale, zero_point = affine_parameters(low, high, bits=bits, signed=signed)
    return np.float32(scale), int(zero_point)


@contextmanager
def _of_the_model() -> Iterator[None]:
    """Say of a range or a factor that has no code that it is the model's and that of its x."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"model or x gives numbers that cannot be quantized: {error}") from None


def _symmetric_scale(w: Array, bits: int) -> np.float32:
    scale, _ = affine_parameters(w.min(initial=0.0), w.max(initial=0.0), bits=bits, symmetric=True, narrow_range=True)
    return np.float32(scale)


def _bias_codes(bias: Array, s_x: np.float32, s_w: np.float32, name: str) -> Array:
    """Return round(b / (s_x s_w)), or refuse what int32 does not hold: clipped it would be another bias."""
    wide, step = bias.astype(np.float64), float(s_x) * float(s_w)  # the product of two float32 is exact
    with np.errstate(over="ignore"):
        outside = np.abs(np.rint(wide / step)) > INT32_MAX
    if outside.any():
        arguments.refuse_element(name, bias, outside, f"in units of s_x s_w = {step} it is past int32")
    return affine_quantize(wide, step, 0, bits=32)


def _factor(s_x: np.float32, s_w: np.float32, s_y: np.float32, dtype: str) -> float:
    if dtype == "float32":
        return float(s_x * s_w / s_y)
    return float(s_x) * float(s_w) / float(s_y)

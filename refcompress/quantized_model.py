"""An MLP on integers: W_q = round(W * 2^p) for every parameter, inference on the codes, int32 accumulators.

Between two layers the accumulator is brought back to an activation code, h_q = round(acc * 2^(p_h - p_x - p_w)), by the
same ``quantize``; that is the only rounding of the whole inference. Where it drops no bits, the result is the float64
result of the dequantized model, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.mlp.network import MLP, hidden_features
from refcompress.quantization.fixed_point import dequantize, fraction_bits, quantize
from refcompress.quantization.integer import INT32_MAX, integer_linear, largest_sum
from refcompress.rounding import code_range

INTEGER_ACTIVATIONS = ("relu", "identity")


@dataclass(frozen=True, eq=False)
class Codes:
    """Integers and their binary point: the numbers are values * 2^-p."""

    values: Array
    p: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", arguments.integer_array(self.values, "values"))
        object.__setattr__(self, "p", arguments.integer(self.p, "p"))


@dataclass(frozen=True)
class ActivationFormat:
    """How the input of a layer is held: codes of ``bits`` bits with ``p`` fraction bits."""

    p: int
    bits: int
    signed: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "p", arguments.integer(self.p, "p"))
        object.__setattr__(self, "bits", arguments.integer(self.bits, "bits", 2, 32))
        object.__setattr__(self, "signed", arguments.boolean(self.signed, "signed"))

    def quantize(self, x: npt.ArrayLike, p: int) -> Array:
        """Return codes of numbers x * 2^(p - self.p)."""
        return quantize(x, p, bits=self.bits, signed=self.signed)

    @property
    def largest(self) -> int:
        """The largest magnitude of a code."""
        low, high = code_range(self.bits, signed=self.signed)
        return max(-low, high)


@dataclass(frozen=True)
class QuantizedMLP:
    """The codes of a model, and the formats of its activations.

    Parameters
    ----------
    weights, biases : tuple of Codes
        One each for a layer; weights of shape (inputs, outputs).
    formats : tuple of ActivationFormat
        How the input of each layer is held.
    bits : int
        Width of the weight and bias codes.
    activation : str
        relu or identity: what an integer can do without a table.

    Raises
    ------
    ValueError
        Where shapes do not chain, a code is wider than ``bits``, a bias cannot be aligned, or a sum could pass int32.
    """

    weights: tuple[Codes, ...]
    biases: tuple[Codes, ...]
    formats: tuple[ActivationFormat, ...]
    bits: int
    activation: str = "relu"

    def __post_init__(self) -> None:
        arguments.choice(self.activation, "activation", INTEGER_ACTIVATIONS)
        object.__setattr__(self, "bits", arguments.integer(self.bits, "bits", 2, 32))
        if not len(self.weights) == len(self.biases) == len(self.formats) >= 1:
            raise ValueError(
                f"there are {len(self.weights)} weights, {len(self.biases)} biases and {len(self.formats)} formats: "
                "every layer needs one of each"
            )
        for number in range(len(self.weights)):
            self._check_layer(number)

    def _check_layer(self, number: int) -> None:
        w, b, form = self.weights[number].values, self.biases[number].values, self.formats[number]
        if w.ndim != 2 or b.shape != (w.shape[1],):
            raise ValueError(f"layer {number} has weights of shape {w.shape} and biases of shape {b.shape}")
        if number and w.shape[0] != self.weights[number - 1].values.shape[1]:
            before = self.weights[number - 1].values.shape[1]
            raise ValueError(f"weights[{number}] has shape {w.shape}: the layer before has {before} outputs")
        low, high = code_range(self.bits, signed=True)
        for name, codes in (("weights", w), ("biases", b)):
            outside = (codes < low) | (codes > high)
            if outside.any():
                arguments.refuse_element(f"{name}[{number}]", codes, outside, f"{self.bits} bits hold {low} to {high}")
        shift = self.shift(number)
        if shift < 0:
            raise ValueError(
                f"biases[{number}] has p = {self.biases[number].p}: the accumulator has {self.accumulator_p(number)}, "
                "so that the bias cannot be aligned without rounding"
            )
        if shift > 31:
            raise ValueError(
                f"biases[{number}] has p = {self.biases[number].p}: the accumulator has {self.accumulator_p(number)}, "
                "so that the largest bias, aligned, is past int32"
            )
        most = largest_sum(w.shape[0], form.largest, -low, -low, shift)
        if most > INT32_MAX:
            raise ValueError(
                f"layer {number} could sum to {most:,}, past int32 ({INT32_MAX:,}): {w.shape[0]} inputs of {form.bits} "
                f"bits times weights of {self.bits} bits; use fewer bits"
            )

    def accumulator_p(self, number: int) -> int:
        """Return the fraction bits of a layer's accumulator: p_x + p_w."""
        return self.formats[number].p + self.weights[number].p

    def shift(self, number: int) -> int:
        """Return how far a layer's biases move up to the accumulator's binary point."""
        return self.accumulator_p(number) - self.biases[number].p

    @property
    def sizes(self) -> tuple[int, ...]:
        """The width of the input and of every layer."""
        return (self.weights[0].values.shape[0], *(w.values.shape[1] for w in self.weights))

    def accumulate(self, x: npt.ArrayLike) -> Array:
        """Return the int32 accumulators of the last layer for inputs x (n, inputs), computed on integers alone."""
        codes = self.formats[0].quantize(x, self.formats[0].p)
        for number, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            acc = integer_linear(codes, w.values, b.values, self.shift(number))
            if number + 1 < len(self.weights):
                hidden = np.maximum(acc, 0) if self.activation == "relu" else acc
                form = self.formats[number + 1]
                codes = form.quantize(hidden, form.p - self.accumulator_p(number))
        return acc

    def outputs(self, x: npt.ArrayLike) -> Array:
        """Return the network's outputs as float64: the accumulators * 2^-(p_x + p_w), exactly."""
        return dequantize(self.accumulate(x), self.accumulator_p(len(self.weights) - 1), dtype="float64")

    def dequantized(self) -> MLP:
        """Return the float64 model whose parameters are the codes' numbers."""
        return MLP(
            tuple(dequantize(w.values, w.p, dtype="float64") for w in self.weights),
            tuple(dequantize(b.values, b.p, dtype="float64") for b in self.biases),
            self.activation,
        )


def quantize_model(
    model: MLP, x: npt.ArrayLike, *, bits: int = 8, p: int | None = None, activation_bits: int = 8
) -> QuantizedMLP:
    """Quantize every parameter, W_q = round(W * 2^p), and choose the activations' formats on calibration inputs.

    Parameters
    ----------
    model : MLP
        The model; it is not changed.
    x : array_like of shape (n, inputs)
        Calibration inputs: the largest activation of a layer decides its fraction bits.
    bits : int
        Width of a parameter's code.
    p : int, optional
        Fraction bits of every parameter; without it each array has its own ``fraction_bits``, at which none saturates.
    activation_bits : int
        Width of an activation's code.

    Returns
    -------
    QuantizedMLP

    Raises
    ------
    ValueError
        For an activation that integers cannot do, or sums that could pass int32.

    References
    ----------
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    section 2, 2018; here with powers of two for scales and no zero points.

    Examples
    --------
    >>> model = MLP((np.array([[0.5, -1.0]]),), (np.array([0.25, 0.0]),))
    >>> quantize_model(model, [[1.0]]).outputs([[1.0]])
    array([[ 0.75, -1.  ]])
    """
    arguments.instance(model, "model", MLP)
    bits = arguments.integer(bits, "bits", 2, 32)
    activation_bits = arguments.integer(activation_bits, "activation_bits", 2, 32)
    p = None if p is None else arguments.integer(p, "p")
    calibration = arguments.finite_array(x, "x", "computed with").astype(np.float64)
    inputs = [calibration, *hidden_features(model, calibration)]
    formats = tuple(_activation_format(values, activation_bits) for values in inputs)
    weights = tuple(_codes(w, bits, p) for w in model.weights)
    limits = [form.p + w.p for form, w in zip(formats, weights, strict=True)]
    biases = tuple(_codes(b, bits, p, limit) for b, limit in zip(model.biases, limits, strict=True))
    return QuantizedMLP(weights, biases, formats, bits, model.activation)


def _activation_format(values: Array, bits: int) -> ActivationFormat:
    signed = bool((values < 0).any())
    return ActivationFormat(fraction_bits(values, bits=bits, signed=signed), bits, signed)


def _codes(parameters: Array, bits: int, p: int | None, limit: int | None = None) -> Codes:
    own = fraction_bits(parameters, bits=bits) if p is None else p
    own = own if limit is None else min(own, limit)
    return Codes(quantize(parameters, own, bits=bits), own)


def nonzeros(arrays: Sequence[Array]) -> int:
    """Count the entries that are not zero."""
    return sum(int(np.count_nonzero(array)) for array in arrays)

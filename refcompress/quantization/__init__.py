"""Quantization: numbers to codes, and back."""

from refcompress.quantization.fixed_point import dequantize, fraction_bits, quantize

__all__ = ["dequantize", "fraction_bits", "quantize"]

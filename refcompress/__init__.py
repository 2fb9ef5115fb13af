"""refcompress: a NumPy reference implementation of model compression, and a tester for everybody else's."""

from refcompress.quantization.fixed_point import dequantize, fraction_bits, quantize

__version__ = "0.1.0"

__all__ = ["dequantize", "fraction_bits", "quantize"]

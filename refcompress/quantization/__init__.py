"""Quantization: numbers to codes, and back."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from refcompress.quantization.fixed_point import dequantize, fraction_bits, quantize

if TYPE_CHECKING:
    from refcompress.layer_hessian import hessian
    from refcompress.quantization.calibration import min_max, minimal_squared_error, moving_average, percentile
    from refcompress.quantization.gptq import gptq_quantize
    from refcompress.quantization.histogram import Histogram, empty_histogram, entropy, observe
    from refcompress.quantization.smooth_quant import smooth, smoothing_scales

# name -> module, for what is loaded when it is asked for: ``import refcompress`` needs none of it
LATER = {
    **dict.fromkeys(("min_max", "minimal_squared_error", "moving_average", "percentile"), "quantization.calibration"),
    **dict.fromkeys(("Histogram", "empty_histogram", "entropy", "observe"), "quantization.histogram"),
    **dict.fromkeys(("smooth", "smoothing_scales"), "quantization.smooth_quant"),
    "gptq_quantize": "quantization.gptq",
    "hessian": "layer_hessian",
}

__all__ = [
    "Histogram",
    "dequantize",
    "empty_histogram",
    "entropy",
    "fraction_bits",
    "gptq_quantize",
    "hessian",
    "min_max",
    "minimal_squared_error",
    "moving_average",
    "observe",
    "percentile",
    "quantize",
    "smooth",
    "smoothing_scales",
]


def __getattr__(name: str) -> Any:
    """Load the module of a name when it is first asked for."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"refcompress.{LATER[name]}"), name)

"""refcompress: a NumPy reference implementation of model compression, and a tester for everybody else's.

The formulas are here. Distillation is in ``refcompress.distillation``, all three together in
``refcompress.compression``, and the tester in ``refcompress.verify``.
"""

from refcompress.quantization.fixed_point import dequantize, fraction_bits, quantize  # isort: skip
from refcompress.quantization.affine import affine_dequantize, affine_quantize  # isort: skip
from refcompress.quantization.affine_parameters import affine_parameters  # isort: skip
from refcompress.quantization.requantize import quantize_multiplier, requantize  # isort: skip
from refcompress.quantization.fake_quantize import (  # isort: skip
    fake_quantize,
    fake_quantize_gradient,
    lsq_scale_gradient,
)
from refcompress.quantization.packing import pack_int2, pack_int4, unpack_int2, unpack_int4  # isort: skip
from refcompress.quantization.small_floats import cast_float8, round_to_format  # isort: skip
from refcompress.quantization.microscaling import (  # isort: skip
    mx_dequantize,
    mx_quantize,
    nvfp4_dequantize,
    nvfp4_quantize,
)
from refcompress.quantization.normal_float import nf4_dequantize, nf4_quantize  # isort: skip
from refcompress.pruning.selection import top_k_mask  # isort: skip
from refcompress.pruning.sparsify import sparsify  # isort: skip
from refcompress.pruning.prune import prune, restore  # isort: skip
from refcompress.pruning.keep_count import keep_count  # isort: skip
from refcompress.pruning.structured import n_m_mask, n_m_sparsify  # isort: skip
from refcompress.pruning.schedule import cubic_sparsity  # isort: skip
from refcompress.pruning.gradient_compression import compress_gradient  # isort: skip
from refcompress.mlp.network import MLP, initialize, mlp_forward, mlp_gradients  # isort: skip
from refcompress.mlp.losses import (  # isort: skip
    mse_gradient,
    mse_loss,
    softmax,
    softmax_cross_entropy,
    softmax_cross_entropy_gradient,
)
from refcompress.mlp.masked import masked_sgd_step  # isort: skip
from refcompress.distillation.losses import distillation_gradient, distillation_loss  # isort: skip

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - in reading order
    "quantize",
    "dequantize",
    "fraction_bits",
    "affine_quantize",
    "affine_dequantize",
    "affine_parameters",
    "requantize",
    "quantize_multiplier",
    "fake_quantize",
    "fake_quantize_gradient",
    "lsq_scale_gradient",
    "pack_int4",
    "unpack_int4",
    "pack_int2",
    "unpack_int2",
    "cast_float8",
    "round_to_format",
    "mx_quantize",
    "mx_dequantize",
    "nvfp4_quantize",
    "nvfp4_dequantize",
    "nf4_quantize",
    "nf4_dequantize",
    "top_k_mask",
    "sparsify",
    "prune",
    "restore",
    "keep_count",
    "n_m_mask",
    "n_m_sparsify",
    "cubic_sparsity",
    "compress_gradient",
    "MLP",
    "initialize",
    "mlp_forward",
    "mlp_gradients",
    "mse_loss",
    "mse_gradient",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_gradient",
    "masked_sgd_step",
    "distillation_loss",
    "distillation_gradient",
]

"""All operations by name, in the order of the contract."""

from refcompress.verify.operation import Operation
from refcompress.verify.operations.affine import AFFINE_DEQUANTIZE, AFFINE_QUANTIZE
from refcompress.verify.operations.affine_parameters import AFFINE_PARAMETERS
from refcompress.verify.operations.distillation import DISTILLATION_GRADIENT, DISTILLATION_LOSS
from refcompress.verify.operations.fake_quantize import FAKE_QUANTIZE, FAKE_QUANTIZE_GRADIENT
from refcompress.verify.operations.fixed_point import DEQUANTIZE, FRACTION_BITS, QUANTIZE
from refcompress.verify.operations.keep_count import KEEP_COUNT
from refcompress.verify.operations.losses import MSE_GRADIENT, MSE_LOSS
from refcompress.verify.operations.masked import MASKED_SGD_STEP
from refcompress.verify.operations.network import MLP_FORWARD, MLP_GRADIENTS
from refcompress.verify.operations.packing import PACK_INT4, UNPACK_INT4
from refcompress.verify.operations.prune import PRUNE
from refcompress.verify.operations.requantize import REQUANTIZE
from refcompress.verify.operations.selection import TOP_K_MASK
from refcompress.verify.operations.small_floats import CAST_FLOAT8
from refcompress.verify.operations.sparsify import SPARSIFY
from refcompress.verify.operations.structured import N_M_SPARSIFY

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        QUANTIZE,
        DEQUANTIZE,
        FRACTION_BITS,
        TOP_K_MASK,
        SPARSIFY,
        PRUNE,
        MSE_LOSS,
        MSE_GRADIENT,
        MLP_FORWARD,
        MLP_GRADIENTS,
        AFFINE_QUANTIZE,
        AFFINE_DEQUANTIZE,
        AFFINE_PARAMETERS,
        REQUANTIZE,
        FAKE_QUANTIZE,
        FAKE_QUANTIZE_GRADIENT,
        PACK_INT4,
        UNPACK_INT4,
        CAST_FLOAT8,
        N_M_SPARSIFY,
        KEEP_COUNT,
        MASKED_SGD_STEP,
        DISTILLATION_LOSS,
        DISTILLATION_GRADIENT,
    )
}


def find_operation(operation: str | Operation) -> Operation:
    """Return the operation of that name, or raise with the list of all."""
    if isinstance(operation, Operation):
        return operation
    if operation not in OPERATIONS:
        raise ValueError(f"operation is {operation!r}: it must be one of {', '.join(OPERATIONS)}")
    return OPERATIONS[operation]

"""All operations by name, in the order of the contract."""

from refcompress.verify.operation import Operation
from refcompress.verify.operations.fixed_point import DEQUANTIZE, FRACTION_BITS, QUANTIZE
from refcompress.verify.operations.losses import MSE_GRADIENT, MSE_LOSS
from refcompress.verify.operations.network import MLP_FORWARD, MLP_GRADIENTS
from refcompress.verify.operations.prune import PRUNE
from refcompress.verify.operations.selection import TOP_K_MASK
from refcompress.verify.operations.sparsify import SPARSIFY

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
    )
}


def find_operation(operation: str | Operation) -> Operation:
    """Return the operation of that name, or raise with the list of all."""
    if isinstance(operation, Operation):
        return operation
    if operation not in OPERATIONS:
        raise ValueError(f"operation is {operation!r}: it must be one of {', '.join(OPERATIONS)}")
    return OPERATIONS[operation]

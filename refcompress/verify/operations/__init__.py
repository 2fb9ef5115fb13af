"""All operations by name, in the order of the contract."""

from refcompress.verify.operation import Operation
from refcompress.verify.operations.fixed_point import QUANTIZE

OPERATIONS: dict[str, Operation] = {operation.name: operation for operation in (QUANTIZE,)}


def find_operation(operation: str | Operation) -> Operation:
    """Return the operation of that name, or raise with the list of all."""
    if isinstance(operation, Operation):
        return operation
    if operation not in OPERATIONS:
        raise ValueError(f"operation is {operation!r}: it must be one of {', '.join(OPERATIONS)}")
    return OPERATIONS[operation]

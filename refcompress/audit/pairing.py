"""Which tensors of a file belong together, and how one is read in its dense form.

A tensor is stored ``dense`` under its own name, or ``sparse`` as NAME.values and NAME.indices (the entries that are not
+0 and their flat indices in C order), or ``huffman`` as the bytes NAME.huffman (codes of int8), or ``masked`` as
NAME_orig and NAME_mask (their product, as torch.nn.utils.prune keeps it). A scale and a zero point may stand beside it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from refcompress import arguments
from refcompress.arguments import Array
from refcompress.audit.tensor_files import TensorFile
from refcompress.checkpoints import decoded_weights
from refcompress.pruning.prune import restore

# form of two parts -> the endings of their names
FORMS = {"sparse": (".values", ".indices"), "masked": ("_orig", "_mask")}

CODED = ".huffman"

SCALES = (".scale", "_scale", ".scales", "_scales", ".weight_scale")
ZERO_POINTS = (".zero_point", "_zero_point", ".zero_points", "_zero_points", ".weight_zero_point")


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its form, and the names of the parts."""

    form: str
    parts: tuple[str, ...]


def tensors_of(names: Collection[str]) -> dict[str, Tensor]:
    """Group the names of a file into tensors.

    Examples
    --------
    >>> tensors_of(["a.values", "a.indices", "b"])
    {'a': Tensor(form='sparse', parts=('a.values', 'a.indices')), 'b': Tensor(form='dense', parts=('b',))}
    """
    whole: dict[str, Tensor] = {}
    second_parts: set[str] = set()
    for name in names:
        for form, (first, second) in FORMS.items():
            base = name.removesuffix(first)
            if base not in ("", name) and base not in names and base + second in names:
                whole[name] = Tensor(form, (name, base + second))
                second_parts.add(base + second)
    found: dict[str, Tensor] = {}
    for name in names:
        if name in whole:
            found[name.removesuffix(FORMS[whole[name].form][0])] = whole[name]
        elif name not in second_parts:
            base = name.removesuffix(CODED)
            coded = base not in ("", name) and base not in names
            found[base if coded else name] = Tensor("huffman" if coded else "dense", (name,))
    return found


def read_tensor(file: TensorFile, name: str, tensor: Tensor, shape: tuple[int, ...] | None = None) -> Array:
    """Read a tensor in its dense form; a sparse or coded one takes the shape that it has elsewhere, or is a line.

    Raises
    ------
    ValueError
        For parts that do not fit together or the shape.
    """
    parts = [file.read(part) for part in tensor.parts]
    if tensor.form == "dense":
        return parts[0]
    try:
        if tensor.form == "masked":
            arguments.same_shape(parts[1], parts[0], tensor.parts[1], tensor.parts[0])
            parts[0] *= parts[1].astype(parts[0].dtype)
            return parts[0]
        if tensor.form == "huffman":
            return decoded_weights(parts[0], tensor.parts[0], shape)
        values, indices = parts
        if shape is None:
            shape = (int(arguments.integer_array(indices, tensor.parts[1]).max(initial=-1)) + 1,)
        return restore(values, indices, shape)
    except (ValueError, TypeError, MemoryError) as error:  # a shape that is a lie would take all memory
        raise ValueError(f"{file.path}: {name} is no whole {tensor.form} tensor: {error}") from error


def known_shape(file: TensorFile, tensor: Tensor) -> tuple[int, ...] | None:
    """Return the shape of a tensor, which a sparse or coded one does not say."""
    return None if tensor.form in ("sparse", "huffman") else file.tensors[tensor.parts[0]].shape


def dtype_of(file: TensorFile, tensor: Tensor) -> str:
    """Return the name of the dtype of a tensor's values."""
    return "int8" if tensor.form == "huffman" else file.tensors[tensor.parts[0]].dtype


def companion(name: str, endings: Collection[str], names: Collection[str], taken: Collection[str]) -> str | None:
    """Return the tensor that stands beside ``name`` with one of the endings; one that the original has too is none.

    Examples
    --------
    >>> companion("layer.weight", SCALES, ["layer.weight", "layer.scale"], ["layer.weight"])
    'layer.scale'
    """
    stems = [name, name.removesuffix(".weight")] if name.endswith(".weight") else [name]
    possible = [stem + ending for stem in stems for ending in endings]
    return next((found for found in possible if found in names and found not in taken), None)

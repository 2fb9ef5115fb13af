"""What the JSON text in one of our own checkpoints says of its tensors: their shapes, their p, their bits."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from refcompress import arguments
from refcompress.audit.tensor_files import TensorFile
from refcompress.checkpoints import FORMAT, TEXT


@dataclass(frozen=True)
class OwnText:
    """Shapes of the weights, fraction bits of every tensor, width of the codes; empty for files of others."""

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    p: Mapping[str, int] = field(default_factory=dict)
    bits: int | None = None


def own_text(file: TensorFile) -> OwnText:
    """Read the text of a file that ``save_model`` wrote.

    Raises
    ------
    ValueError
        For a text that is not as ``save_model`` writes it.
    """
    if TEXT not in file.metadata:
        return OwnText()
    try:
        text = json.loads(file.metadata[TEXT])
        if not isinstance(text, dict) or text.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        sizes = [arguments.integer(size, f"sizes[{i}]", 1) for i, size in enumerate(text["sizes"])]
        shapes = {f"weights.{i}": shape for i, shape in enumerate(itertools.pairwise(sizes))}
        if "bits" not in text:
            return OwnText(shapes)
        p: dict[str, int] = {}
        for i, (weights, biases) in enumerate(text["p"]):
            p[f"weights.{i}"] = arguments.integer(weights, f"p[{i}][0]")
            p[f"biases.{i}"] = arguments.integer(biases, f"p[{i}][1]")
        return OwnText(shapes, p, arguments.integer(text["bits"], "bits", 2, 32))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"{file.path}: its text {TEXT!r} is damaged: {what}") from error

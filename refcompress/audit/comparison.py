"""An audit: every tensor of an original file, and what made the one in the compressed file out of it.

Tensors are read one at a time: the memory that an audit takes is a few times that of the largest tensor, whatever the
size of the files.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from refcompress.audit.own_files import OwnText, own_text
from refcompress.audit.pairing import (
    SCALES,
    ZERO_POINTS,
    Tensor,
    companion,
    dtype_of,
    known_shape,
    read_tensor,
    tensors_of,
)
from refcompress.audit.rules import Declared, Pair
from refcompress.audit.search import Explanation, explain
from refcompress.audit.tensor_files import TensorFile, open_tensors

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Side:
    """One of the two files: its tensors, and what it says of them."""

    file: TensorFile
    tensors: Mapping[str, Tensor]
    text: OwnText

    def shape(self, name: str) -> Shape | None:
        """Return the shape of a tensor, None where the file does not say it."""
        return known_shape(self.file, self.tensors[name]) or self.text.shapes.get(name)

    def dtype(self, name: str) -> str:
        """Return the dtype of a tensor's values."""
        return dtype_of(self.file, self.tensors[name])

    def unread(self, name: str) -> str | None:
        """Return a dtype of a tensor that cannot be read, if there is one."""
        dtypes = {self.file.tensors[part].dtype for part in self.tensors[name].parts if not self.file.readable(part)}
        return min(dtypes, default=None)


@dataclass(frozen=True)
class Finding:
    """What there is to say of one tensor."""

    name: str
    verdict: str
    """explained; not explained; or why nothing was compared: missing, added, another shape, unread."""
    shapes: tuple[Shape | None, Shape | None]
    """In the original and in the compressed file; None where it is not there, or is not said."""
    dtypes: tuple[str | None, str | None]
    forms: tuple[str | None, str | None]
    explanation: Explanation | None = None
    of: int = 0
    """Entries that were compared."""
    companions: tuple[str, ...] = ()
    says: str = ""
    """What the compressed file says of the codes."""

    @property
    def explained(self) -> int:
        """How many of the entries the rule explains."""
        return self.explanation.explained if self.explanation else 0


def audit(original: str | os.PathLike[str], compressed: str | os.PathLike[str]) -> Iterator[Finding]:
    """Yield a finding for every tensor of the original, then for those that only the compressed file has.

    Parameters
    ----------
    original, compressed : path
        Safetensors files.

    Yields
    ------
    Finding

    Raises
    ------
    ValueError
        For a file that is damaged or no safetensors file, for values and indices that do not fit together.
    OSError
        For a file that cannot be read.
    """
    first, second = opened(original, compressed)
    used: set[str] = set()
    for name in first.tensors:
        finding = compared(first, second, name) if name in second.tensors else one_sided(first, name, "missing")
        used |= set(finding.companions)
        yield finding
    for name in second.tensors:
        if name not in first.tensors and name not in used:
            yield one_sided(second, name, "added")


def opened(original: str | os.PathLike[str], compressed: str | os.PathLike[str]) -> tuple[Side, Side]:
    """Open both files; values and indices of which neither file knows the shape stay tensors of their own."""
    files = open_tensors(original), open_tensors(compressed)
    texts = own_text(files[0]), own_text(files[1])
    grouped = tensors_of(files[0].tensors), tensors_of(files[1].tensors)
    for name in set(grouped[0]) & set(grouped[1]):
        shapes = [known_shape(file, tensors[name]) for file, tensors in zip(files, grouped, strict=True)]
        shapes += [text.shapes.get(name) for text in texts]
        if shapes == [None] * 4:
            for tensors in grouped:
                tensors |= {part: Tensor("dense", (part,)) for part in tensors.pop(name).parts}
    first, second = (Side(f, t, o) for f, t, o in zip(files, grouped, texts, strict=True))
    return first, second


def one_sided(side: Side, name: str, verdict: str) -> Finding:
    """Return the finding that a tensor is in one file alone."""
    shape, dtype, form = side.shape(name), side.dtype(name), side.tensors[name].form
    if verdict == "missing":
        return Finding(name, verdict, (shape, None), (dtype, None), (form, None))
    return Finding(name, verdict, (None, shape), (None, dtype), (None, form))


def compared(first: Side, second: Side, name: str) -> Finding:
    """Read a tensor from both files, and explain the one by the other."""
    said = first.shape(name), second.shape(name)
    shapes = said[0] or said[1], said[1] or said[0]
    dtypes = first.dtype(name), second.dtype(name)
    forms = first.tensors[name].form, second.tensors[name].form
    declared = _declared(first, second, name)
    if first.unread(name) or second.unread(name):
        return Finding(name, "unread", shapes, dtypes, forms)
    if None not in said and said[0] != said[1]:
        return Finding(name, "another shape", shapes, dtypes, forms, companions=declared.names)
    x = read_tensor(first.file, name, first.tensors[name], shapes[0])
    y = read_tensor(second.file, name, second.tensors[name], shapes[1])
    explanation = explain(Pair(name, x, y, declared))
    verdict = "explained" if explanation is not None and explanation.whole else "not explained"
    says = "" if declared.p is None else f"p={declared.p} bits={declared.bits}"
    return Finding(name, verdict, shapes, dtypes, forms, explanation, int(x.size), declared.names, says)


def _declared(first: Side, second: Side, name: str) -> Declared:
    text, file = second.text, second.file
    scale = companion(name, SCALES, file.tensors, first.file.tensors)
    zero = companion(name, ZERO_POINTS, file.tensors, first.file.tensors) if scale is not None else None
    names = tuple(part for part in (scale, zero) if part is not None)
    if scale is None or not all(file.readable(part) for part in names):
        return Declared(text.p.get(name), text.bits if name in text.p else None)
    return Declared(scale=file.read(scale), zero_point=None if zero is None else file.read(zero), names=names)

"""A plain table of text: the first column to the left, the others to the right."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write rows under a head.

    Examples
    --------
    >>> print(table(("stage", "bytes"), [("teacher", "203,712"), ("student", "19,600")]))
    stage      bytes
    teacher  203,712
    student   19,600
    """
    columns = list(zip(head, *rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    lines = []
    for row in (head, *rows):
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)

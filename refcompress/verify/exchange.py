"""One call of a candidate, with what was expected, what came and how the two compare. Data only."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from refcompress.verify.agreement import Comparison, parts
from refcompress.verify.candidates import Answer
from refcompress.verify.operation import Arguments


@dataclass(frozen=True)
class Exchange:
    """A call that was made."""

    case: str
    args: Arguments
    layout: str
    repeated: bool
    """Whether the same inputs were given before."""
    expected: Any
    bound: Any
    answer: Answer
    comparison: Comparison

    @property
    def problem(self) -> str | None:
        """Why the answer could not be compared, or None."""
        return self.comparison.problem

    @property
    def fails(self) -> bool:
        """Whether the answer is wrong or the call did what no call may do."""
        return not self.comparison.agrees or bool(self.answer.changed) or self.answer.overwrote is not None

    @property
    def only_overwrites(self) -> bool:
        """Whether all that is wrong is that the call wrote into what the one before it had returned."""
        return self.answer.overwrote is not None and self.comparison.agrees and not self.answer.changed

    @property
    def only_differs(self) -> bool:
        """Whether all that is wrong is the answer that the call gave the first time."""
        conduct = self.repeated or self.answer.changed or self.answer.overwrote is not None
        return self.answer.problem is None and not conduct

    @property
    def in_a_line(self) -> bool:
        """Whether the first input is an array of one dimension: the easiest to follow."""
        return isinstance(self.args[0], np.ndarray) and self.args[0].ndim == 1

    @property
    def size(self) -> int:
        """How many numbers were compared; an empty answer counts as one."""
        return max(1, sum(part.size for part in parts(self.expected)))

    @property
    def failed(self) -> int:
        """How many of them were wrong."""
        if self.problem is not None:
            return self.size
        wrong = sum(int(w.sum()) for w in self.comparison.wrong)
        return max(wrong, int(self.fails))

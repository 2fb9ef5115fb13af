"""Pictures, with matplotlib (the extra ``[plots]``): accuracy against bytes."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from refcompress.compression import Stage
from refcompress.files import written_whole
from refcompress.sweep import Point

# Okabe and Ito's palette, told apart by readers of every colour vision
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats, smallest first: none is as small and more accurate.

    Examples
    --------
    >>> frontier([Point(0.0, 8, 0.9, 50), Point(0.5, 8, 0.8, 60), Point(0.9, 8, 0.7, 20)])
    [Point(sparsity=0.9, bits=8, accuracy=0.7, bytes=20), Point(sparsity=0.0, bits=8, accuracy=0.9, bytes=50)]
    """
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.bytes, -p.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def draw_frontier(path: Path, points: Sequence[Point], stages: Sequence[Stage]) -> None:
    """Draw test accuracy against bytes on disk and write it as a PNG: a mark a model, a line through the best ones."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for bits, colour, marker in zip(sorted({p.bits for p in points}), cycle(COLOURS), cycle(MARKERS), strict=False):
        own = [p for p in points if p.bits == bits]
        axes.plot([p.bytes for p in own], [p.accuracy for p in own], marker, color=colour, markersize=4, alpha=0.4)
        line = frontier(own)
        axes.plot(
            [p.bytes for p in line], [p.accuracy for p in line], color=colour, marker=marker, label=f"{bits} bits"
        )
    for stage in stages[:2]:
        axes.annotate(
            f"{stage.name} (float32)",
            (stage.bytes, stage.accuracy),
            textcoords="offset points",
            xytext=(-6, -14),
            ha="right",
        )
        axes.plot([stage.bytes], [stage.accuracy], color="black", marker="*", markersize=11, linestyle="none")
    axes.set_xscale("log")
    axes.set_xlabel("size of the model file (bytes)")
    axes.set_ylabel("test accuracy (share of examples)")
    axes.set_title("Accuracy against size, dense to 95% pruned: the line joins the models that none beats")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(title="weights")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)

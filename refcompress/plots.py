"""Pictures, with matplotlib (the extra ``[plots]``): accuracy against bytes."""

from collections.abc import Sequence
from pathlib import Path

from refcompress.compression import Stage
from refcompress.files import written_whole
from refcompress.sweep import Point

# Okabe and Ito's palette, told apart by readers of every colour vision
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def draw_frontier(path: Path, points: Sequence[Point], stages: Sequence[Stage]) -> None:
    """Draw test accuracy against bytes on disk, a line a width of the codes, and write it as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for bits, colour, marker in zip(sorted({p.bits for p in points}), COLOURS, MARKERS, strict=False):
        line = sorted((p for p in points if p.bits == bits), key=lambda p: p.sparsity)
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
    axes.set_title("Accuracy against size: each line runs from dense (right) to 95% pruned (left)")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(title="weights")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)

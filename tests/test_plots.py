import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from refcompress.compression import Stage
from refcompress.plots import COLOURS, MARKERS, draw_frontier, frontier
from refcompress.sweep import Point

POINTS = [
    Point(s, b, 0.95 - s / 10 - 0.1 / b, int(5000 * (1 - s) * b / 8) + 500) for s in (0.0, 0.5, 0.9) for b in (2, 8)
]
STAGES = [Stage("teacher", 0.98, 50000, 50000, 200000, 50000), Stage("student", 0.97, 5000, 5000, 20000, 5000)]


def test_a_picture_is_written_whole(tmp_path):
    draw_frontier(tmp_path / "frontier.png", POINTS, STAGES)
    assert (tmp_path / "frontier.png").read_bytes()[:4] == b"\x89PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["frontier.png"]


def test_the_same_points_give_the_same_picture(tmp_path):
    for name in ("a.png", "b.png"):
        draw_frontier(tmp_path / name, POINTS, STAGES)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_every_width_is_drawn_however_many_there_are(tmp_path, monkeypatch):
    drawn = []
    plot = Axes.plot

    def noted(axes, x, y, *args, **kwargs):
        drawn.extend(zip(x, y, strict=True))
        return plot(axes, x, y, *args, **kwargs)

    monkeypatch.setattr(Axes, "plot", noted)
    points = [Point(0.5, bits, bits / 32, 100 * bits) for bits in range(2, 17)]
    draw_frontier(tmp_path / "frontier.png", points, STAGES)
    assert {(p.bytes, p.accuracy) for p in points} <= set(drawn)


@given(st.lists(st.builds(Point, st.just(0.5), st.just(8), st.integers(0, 5).map(float), st.integers(1, 9))))
def test_the_frontier_beats_every_other_point(points):
    best = frontier(points)
    assert all(any(b.bytes <= p.bytes and b.accuracy >= p.accuracy for b in best) for p in points)
    assert [b.bytes for b in best] == sorted({b.bytes for b in best})
    assert [b.accuracy for b in best] == sorted({b.accuracy for b in best})


def test_each_width_has_its_own_colour_and_marker():
    assert len(set(COLOURS)) == len(COLOURS) == len(set(MARKERS))


def luminance(colour):
    """Relative luminance by WCAG 2.1, which every reader sees alike."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_stands_out_from_white(colour):
    assert (1.05) / (luminance(colour) + 0.05) >= 2

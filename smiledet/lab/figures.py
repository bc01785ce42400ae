"""Matplotlib figures as files, and labels on them that do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smiledet.system.output_files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEAREST, RING = 4.0, 6.0
"""Distance in points of a label from its point at first, and by how much it grows."""

RINGS, DIRECTIONS = 60, 16
"""How often it grows, and places tried at each distance."""

FAR = 16.0
"""Distance from which on a line joins a label to its point."""


def save_figure(figure: Figure, path: Path, **settings: Any) -> Path:
    """Write a figure in the format of the path's suffix, whole or not at all.

    Args:
        figure: What is drawn.
        path: A `.png`, `.svg` …
        settings: More of `Figure.savefig`, `dpi` say.

    Raises:
        SmiledetError: The file cannot be written.
    """
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix[1:].lower(), **settings)
    write_file(path, drawn.getvalue())
    return path


def label_points(axes: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str], size: float = 7) -> list[Any]:
    """Write a text beside each point, as near as it goes without covering another text or leaving the axes.

    Greedy: each text takes the first free place on rings about its point, above first. Called last, since it fixes the
    layout: axes that move afterwards take the texts with them at the size that they have now.

    Args:
        axes: Where the points are drawn.
        points: In the axes' data coordinates.
        texts: One a point.
        size: Of the letters, in points.

    Returns:
        Matplotlib's annotations.
    """
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    figure = axes.figure
    assert isinstance(figure, Figure)  # no part of another figure, which cannot be laid out alone
    figure.draw_without_rendering()  # settles limits and sizes
    scale = figure.dpi / 72
    frame = axes.get_window_extent()
    taken: list[Bbox] = []
    notes = []
    for point, text in zip(points, texts, strict=True):
        x, y = axes.transData.transform(point)
        note = axes.annotate(text, point, xytext=(0, NEAREST), textcoords="offset points", fontsize=size)
        extent = Text.get_window_extent(note)
        note.remove()
        across, up, distance = 0.0, NEAREST, 0.0  # where it is put that has no place: better covered than lost
        for place, far in _offsets():
            left = x + place[0] * scale - _before(place[0]) * extent.width
            low = y + place[1] * scale - _before(place[1]) * extent.height
            box = Bbox.from_bounds(left - scale, low - scale, extent.width + 2 * scale, extent.height + 2 * scale)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                across, up, distance = *place, far
                taken.append(box)
                break
        notes.append(
            axes.annotate(
                text,
                point,
                xytext=(across, up),
                textcoords="offset points",
                fontsize=size,
                ha=("left", "center", "right")[round(2 * _before(across))],
                va=("bottom", "center", "top")[round(2 * _before(up))],
                arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6} if distance >= FAR else None,
            )
        )
    return notes


def _offsets() -> Iterator[tuple[tuple[float, float], float]]:
    """Places about a point in points, nearest first, above first."""
    for ring in range(RINGS):
        distance = NEAREST + ring * RING
        for step in range(DIRECTIONS):
            angle = math.pi / 2 + (-1) ** step * ((step + 1) // 2) * 2 * math.pi / DIRECTIONS
            yield (distance * math.cos(angle), distance * math.sin(angle)), distance


def _before(offset: float) -> float:
    """The share of a text's width or height that lies before its place: none, half or all."""
    return 0.5 if abs(offset) < NEAREST / 2 else 0.0 if offset > 0 else 1.0

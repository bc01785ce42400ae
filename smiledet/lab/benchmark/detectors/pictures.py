"""Detectors compared, as a person sees it: their boxes side by side, and their faces over their false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from smiledet.frame import Box, Image
from smiledet.lab.benchmark.detectors.measure import Comparison, Seen
from smiledet.lab.figures import save_figure
from smiledet.system.output_files import write_file

ROWS, HEIGHT, TITLE = 8, 200, 24
"""Pictures shown, their height, and that of the names above them, in pixels."""

FOUND, AGREED = (80, 220, 80), (255, 160, 60)
"""BGR of a detector's boxes, and of the faces that the detectors agree on."""


def draw_sheet(seen: Sequence[Seen], path: Path) -> None:
    """Write pictures with each detector's boxes in a column of its own, the agreed faces thin beneath.

    The pictures on which the detectors differ most come first: what Figure 11 of the seed paper shows.

    Raises:
        SmiledetError: The file cannot be written.
    """
    chosen = sorted(seen, key=_unlikeness, reverse=True)[:ROWS]
    rows = [np.hstack([_cell(each, name) for name in each.found]) for each in chosen]
    width = max(row.shape[1] for row in rows)
    rows = [cv2.copyMakeBorder(row, 0, 0, 0, width - row.shape[1], cv2.BORDER_CONSTANT) for row in rows]
    write_file(path, cv2.imencode(".png", np.vstack(rows))[1].tobytes())


def _unlikeness(seen: Seen) -> int:
    """How far the detectors are apart in the number of faces."""
    counts = [len(found) for found in seen.found.values()]
    return max(counts) - min(counts)


def _cell(seen: Seen, name: str) -> Image:
    scale = HEIGHT / seen.grey.shape[0]
    grey = cv2.resize(seen.grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    for face in seen.faces:
        _outline(cell, face, scale, AGREED, 1)
    for detection in seen.found[name]:
        _outline(cell, detection.box, scale, FOUND, 2)
    cell = cv2.copyMakeBorder(cell, TITLE, 0, 0, 4, cv2.BORDER_CONSTANT)
    title = f"{name}: {len(seen.found[name])}"
    cv2.putText(cell, title, (4, TITLE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
    return np.asarray(cell, np.uint8)


def _outline(cell: Image, box: Box, scale: float, colour: tuple[int, int, int], thickness: int) -> None:
    left, top = round(box.x * scale), round(box.y * scale)
    right, bottom = round((box.x + box.width) * scale), round((box.y + box.height) * scale)
    cv2.rectangle(cell, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)


def plot_curves(comparisons: Sequence[Comparison], path: Path) -> None:
    """Write the share of faces found over the false alarms let in, one line a detector, one panel a source.

    Raises:
        SmiledetError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    # Without faces, or with too few detectors to tell, there is no line to draw.
    shown = [each for each in comparisons if any(row.curve for row in each.detectors)] or comparisons[:1]
    figure = Figure(figsize=(5 * len(shown), 4), layout="constrained")
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for panel, comparison in zip(panels, shown, strict=True):
        for row in comparison.detectors:
            if row.curve:
                alarms, shares = zip(*row.curve, strict=True)
                panel.plot(alarms, shares, marker="o", markersize=3, label=row.detector)
        panel.set_title(f"{Path(comparison.source).name}, {comparison.pictures} pictures")
        panel.set_xlabel("false alarms")
        panel.set_ylabel("faces found, of all")
        panel.grid(alpha=0.3)
        if panel.lines:
            panel.legend()
    save_figure(figure, path, dpi=120)

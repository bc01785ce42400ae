"""The line of figures at the bottom of the picture: frames a second, latency, device, faces, drops."""

from __future__ import annotations

from dataclasses import dataclass

from smiledet.drawing.geometry import Rect, Size
from smiledet.drawing.shapes import fill_plate
from smiledet.drawing.style import ALERT, FAINT_INK, INK, Style
from smiledet.drawing.text import draw_text, shorten, text_width
from smiledet.frame import Image
from smiledet.tasks.base import Colour

GAP_BETWEEN_FIGURES = 1.3
"""In heights of a capital; within a figure it is half a one."""


@dataclass(frozen=True, slots=True)
class StatsLine:
    """What `--stats` shows.

    Attributes:
        fps: Annotated frames a second.
        latency_ms: From capture to the annotated frame, in milliseconds.
        device: What the networks run on: 'litert, CPU'.
        dropped: Frames dropped since the start.
        faces: Faces in the picture.
        extra: Anything else that fits; the first to go where there is no room.
        load: What the machine says of itself, the most telling first: 'GPU 63 %', '4.2 W'; as many as fit.
    """

    fps: float
    latency_ms: float
    device: str
    dropped: int
    faces: int
    extra: str = ""
    load: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StatsLayout:
    """The plate, and each text with its left edge and colour; all on one baseline."""

    plate: Rect
    texts: tuple[tuple[str, int, Colour], ...]
    baseline: int


_Part = tuple[str, Colour]


def lay_out_stats(stats: StatsLine, size: Size, style: Style) -> StatsLayout | None:
    """Place the figures in the lower left corner, as many as fit; None in a picture too small for any.

    Args:
        stats: The figures.
        size: The picture's.
        style: Sizes.
    """
    height = style.cap + style.descent + 2 * style.pad - style.descent // 2
    room = size[0] - 2 * style.margin - 2 * style.pad
    if height > size[1] or room < style.cap:
        return None
    figures = _fitting(_figures(stats), room, style.cap)
    x = style.margin + style.pad
    texts = []
    for figure in figures:
        for text, colour in figure:
            text = shorten(text, style.cap, style.margin + style.pad + room - x)
            texts.append((text, x, colour))
            x += text_width(text, style.cap) + style.cap // 2
        x += _gap(style.cap) - style.cap // 2
    width = x - _gap(style.cap) + style.pad - style.margin
    plate = Rect(style.margin, size[1] - style.margin - height, width, height).kept_in(size)
    return StatsLayout(plate, tuple(texts), plate.y + style.pad + style.cap)


def draw_stats(image: Image, layout: StatsLayout, style: Style) -> None:
    """Draw the line of figures into a picture.

    Args:
        image: BGR (height, width, 3), C-contiguous, written to.
        layout: Where everything stands.
        style: Sizes.
    """
    fill_plate(image, layout.plate, style.radius)
    for text, x, colour in layout.texts:
        draw_text(image, text, x, layout.baseline, style.cap, colour)


def _figures(stats: StatsLine) -> list[tuple[int, tuple[_Part, ...]]]:
    """Each figure with how dispensable it is, in the order shown."""
    figures: list[tuple[int, tuple[_Part, ...]]] = [
        (0, ((f"{stats.fps:.1f}", INK), ("FPS", FAINT_INK))),
        (1, ((f"{stats.latency_ms:.0f}", INK), ("ms", FAINT_INK))),
        (3, ((stats.device, INK),)),
        *((4 + rank, ((text, INK),)) for rank, text in enumerate(stats.load)),
        (98, ((f"{stats.faces}", INK), ("face" if stats.faces == 1 else "faces", FAINT_INK))),
        (2, ((f"{stats.dropped}", ALERT if stats.dropped else INK), ("dropped", FAINT_INK))),
        (99, ((stats.extra, FAINT_INK),)),
    ]
    return [figure for figure in figures if figure[1][0][0]]


def _fitting(figures: list[tuple[int, tuple[_Part, ...]]], room: int, cap: int) -> list[tuple[_Part, ...]]:
    """The figures less those that there is no room for, the most dispensable first; the last stays."""
    figures = list(figures)
    while len(figures) > 1 and _width([parts for _, parts in figures], cap) > room:
        figures.remove(max(figures))
    return [parts for _, parts in figures]


def _width(figures: list[tuple[_Part, ...]], cap: int) -> int:
    words = sum(sum(text_width(text, cap) for text, _ in parts) + (len(parts) - 1) * (cap // 2) for parts in figures)
    return words + (len(figures) - 1) * _gap(cap)


def _gap(cap: int) -> int:
    return round(GAP_BETWEEN_FIGURES * cap)

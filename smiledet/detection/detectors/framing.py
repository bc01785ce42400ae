"""Bringing every detector's boxes to Viola-Jones' framing.

Each detector frames a face its own way: dlib's from brow to chin, MTCNN tall and narrow. The landmark trees start from
Viola-Jones' box and the template is given in it, so every box is mapped to what Viola-Jones would have reported.
The maps are measured by `smiledet bench detectors --framing` (see `smiledet.lab.benchmark.detectors.framing`).
"""

from __future__ import annotations

from dataclasses import dataclass

from smiledet.frame import Box


@dataclass(frozen=True, slots=True)
class Framing:
    """Where Viola-Jones' box lies about a detector's own.

    All are in sides of the detector's box, which is the root of its area: its boxes need not be square.

    Attributes:
        right: Viola-Jones' centre to the right of the detector's.
        down: Viola-Jones' centre below it.
        side: Side of Viola-Jones' box.
    """

    right: float = 0.0
    down: float = 0.0
    side: float = 1.0

    def apply(self, box: Box) -> Box:
        """The square box that Viola-Jones would have reported.

        >>> Framing(down=-0.1, side=1.2).apply(Box(10, 20, 100, 100))
        Box(x=0.0, y=0.0, width=120.0, height=120.0)
        """
        own = box.area**0.5
        side = own * self.side
        centre_x, centre_y = box.centre
        return Box(centre_x + own * self.right - side / 2, centre_y + own * self.down - side / 2, side, side)


def framed(box: Box, framing: Framing | None) -> Box:
    """The box as Viola-Jones would have reported it, or as it is without a framing."""
    return box if framing is None else framing.apply(box)

"""What every face detector can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from smiledet.frame import Detection, GreyImage


class FaceDetector(ABC):
    """Finds upright faces in a grey picture.

    A detector belongs to one thread: implementations may keep buffers.
    """

    @abstractmethod
    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """Every face at least `min_size` pixels wide.

        Args:
            image: Grey uint8 (height, width).
            min_size: Side of the smallest face sought, in pixels.
            max_size: Side of the largest face sought, in pixels; None for no limit.

        Returns:
            Detections in pixels of `image`, surest first; the same picture always gives the same list.
        """

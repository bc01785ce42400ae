"""The thread that aligns faces and cuts their chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smiledet.alignment.aligner import FaceAligner
from smiledet.frame import AlignedFace, ChipSpec, Face, Frame
from smiledet.workers import locator
from smiledet.workers.base import Worker

STAGE = "align"


def aligned_faces_of(frame: Frame) -> tuple[tuple[Face, AlignedFace], ...]:
    """A frame's faces with their chips; none where an earlier stage failed on it."""
    return frame.results.get(STAGE) or ()


class AlignerWorker(Worker):
    """Runs a `FaceAligner`.

    Args:
        create: Makes the aligner, in the thread.
        specs: Geometries of the chips that the classifiers take.
        common: See `Worker`.
    """

    def __init__(self, create: Callable[[], FaceAligner], specs: Sequence[ChipSpec], **common: Any) -> None:
        super().__init__(STAGE, **common)
        self._create = create
        self._specs = list(dict.fromkeys(specs))

    def setup(self) -> None:
        """Load the landmark trees."""
        self._aligner = self._create()

    def process(self, frame: Frame) -> tuple[tuple[Face, AlignedFace], ...]:
        """Align every face."""
        located: locator.Located | None = frame.results[locator.STAGE]
        if located is None:
            return ()
        return tuple(
            (face, self._aligner.align(frame.image, located.grey, face.search_box, self._specs))
            for face in located.faces
        )

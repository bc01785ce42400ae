"""The thread that aligns faces and cuts their chips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from smiledet.alignment.aligner import FaceAligner, align_faces
from smiledet.alignment.eyes import eyes_open
from smiledet.alignment.head import head_pose
from smiledet.alignment.mouth import mouth_open
from smiledet.engines.mirror_averaging import group_of_frame
from smiledet.exposure import even_out
from smiledet.frame import AlignedFace, ChipSpec, Face, Frame
from smiledet.workers import locator
from smiledet.workers.base import Worker
from smiledet.workers.track_labels import PostedHead, TrackLabels

STAGE = "align"


def whose_turn(faces: Sequence[Face], frame: int, at_once: int) -> tuple[Face, ...]:
    """The faces of a video's frame that are read in it: all, or where they are too many, those whose turn it is.

    Labels are averaged over time, so a face that is read in every second or third frame keeps its own as well.

    Args:
        faces: All of the frame.
        frame: The frame's number. The turns hang on nothing else, so that a clip is read alike every time.
        at_once: Faces read in one frame at most.

    Returns:
        Some of the faces, in their order.
    """
    groups = -(-len(faces) // at_once)
    if groups <= 1:
        return tuple(faces)
    turn = group_of_frame(frame, groups)
    # By rank, not by number: the tracks that are left after a while may be the odd ones alone.
    rank = {track: place for place, track in enumerate(sorted(face.track for face in faces))}
    return tuple(face for face in faces if rank[face.track] % groups == turn)


def aligned_faces_of(frame: Frame) -> tuple[tuple[Face, AlignedFace], ...]:
    """The faces of a frame whose turn it was, with their chips; none where an earlier stage failed on it."""
    return frame.results.get(STAGE) or ()


class AlignerWorker(Worker):
    """Runs a `FaceAligner`.

    Args:
        create: Makes the aligner, in the thread.
        specs: Geometries of the chips that the classifiers take.
        at_once: Faces of a video's frame that are aligned at most, see `whose_turn`; of a photograph all are. None for
            no limit.
        heads: Where the poses of heads and how far eyes and mouths are open go; None where nobody uses them.
        common: See `Worker`.

    Attributes:
        specs: See above; any thread may put others in their place.
    """

    def __init__(
        self,
        create: Callable[[], FaceAligner],
        specs: Sequence[ChipSpec],
        at_once: int | None = None,
        heads: TrackLabels | None = None,
        **common: Any,
    ) -> None:
        super().__init__(STAGE, **common)
        self._at_once = at_once
        self._heads = heads
        self._create = create
        self.specs = list(dict.fromkeys(specs))

    def setup(self) -> None:
        """Load the landmark models."""
        self._aligner = self._create()

    def teardown(self) -> None:
        """Free them."""
        with suppress(AttributeError):  # there are none after a setup that failed
            del self._aligner

    def process(self, frame: Frame) -> tuple[tuple[Face, AlignedFace], ...]:
        """Align the faces whose turn it is."""
        located: locator.Located | None = frame.results[locator.STAGE]
        if located is None:
            return ()
        faces = located.faces
        if self._at_once is not None and not frame.independent:
            faces = whose_turn(faces, frame.id, self._at_once)
        boxes = [face.search_box for face in faces]
        image = even_out(frame.image, located.table) if faces else frame.image
        aligned = align_faces(self._aligner, image, located.grey, boxes, self.specs, located.turned)
        if self._heads is not None:
            self._heads.post_heads(
                PostedHead(frame.id, face.track, head_pose(points), eyes_open(frame.image, points), mouth_open(points))
                for face, points in zip(faces, (each.landmarks for each in aligned), strict=True)
                if points is not None
            )
        return tuple(zip(faces, aligned, strict=True))

"""What every face detector can do, what it needs, and how it is made."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from smiledet.frame import Detection, GreyImage


@dataclass(frozen=True, slots=True)
class Needs:
    """What a detector has to be shown, and at what cost; the locator spends its time accordingly.

    Attributes:
        window: Side of the smallest face that it sees, in pixels, as Viola-Jones would frame it.
        enlarge: How far a picture may be enlarged to bring a small face up to that.
        min_face: Factor on the smallest face sought; above 1 where searching for small ones costs too much.
        slice_pixels: Pixels, as the detector sees them, that are searched at once, about; None for the whole picture.
            See `smiledet.detection.scheduling.sweep`.
        patience: Factor on the time between whole searches while every known face is in sight.
        follow: Factor on the size to which a known face is shrunk for the search around it.
        rolls: Degrees to which a known face's surroundings are turned where it is not found upright; none where the
            detector sees tilted heads itself, or is too slow to be asked again.
        sure: Score from which a photograph that shows such a face is not turned to look for a surer one.
    """

    window: int = 24
    enlarge: float = 1.0
    min_face: float = 1.0
    slice_pixels: int | None = 25_000
    patience: float = 1.0
    follow: float = 1.0
    rolls: tuple[float, ...] = (20.0, -20.0)
    sure: float = -math.inf

    @property
    def smallest(self) -> int:
        """Side of the smallest face that can be found in any picture, in its pixels."""
        return math.ceil(self.window / self.enlarge)


class FaceDetector(ABC):
    """Finds upright faces in a grey picture.

    A detector belongs to the thread that makes it: implementations may keep buffers, and share what takes long to make.
    """

    needs: ClassVar[Needs] = Needs()

    @abstractmethod
    def detect(self, image: GreyImage, min_size: int, max_size: int | None = None) -> list[Detection]:
        """Every face at least `min_size` pixels wide.

        Args:
            image: Grey uint8 (height, width).
            min_size: Side of the smallest face sought, in pixels; below `needs.window` nothing more is found.
            max_size: Side of the largest face sought, in pixels; None for no limit.

        Returns:
            Detections in pixels of `image`, framed as Viola-Jones frames faces (see `framing`),
            surest first; the same picture always gives the same list.
        """

    def hand_back(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of the memory that the last pictures took; the next one takes it anew."""


@dataclass(frozen=True, slots=True)
class DetectorKind:
    """How one detector is made for each use.

    A module of this folder that has one as `DETECTOR` is a detector; so is one whose `detector_of` makes one of a file.

    Attributes:
        scanning: For whole pictures. It is handed the settings that the configuration has under the detector's name,
            None where it has none.
        following: To find a known face again: something is known to be there, so it may report fainter ones.
        labelled: For photographs that are known to show a face, in the order in which they are tried.
        raw: For whole pictures, with the detector's own boxes instead of Viola-Jones' framing.
        verifying: Another detector, which has to see a new face too; None for none.
        scanning_faint: `scanning` where every face is verified: it may report faint ones. None for `scanning`.
        proposed: For places where a network has proposed a face (`proposal_network`); None where none proposes.
        check: Raises UsageError, naming the extra to install, where the detector cannot be made here.
    """

    scanning: Callable[[Any], FaceDetector]
    following: Callable[[], FaceDetector]
    labelled: tuple[Callable[[], FaceDetector], ...]
    raw: Callable[[], FaceDetector]
    verifying: Callable[[], FaceDetector] | None = None
    scanning_faint: Callable[[Any], FaceDetector] | None = None
    proposed: Callable[[], FaceDetector] | None = None
    check: Callable[[], object] = lambda: None

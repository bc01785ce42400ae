"""The pictures that every peer is given, and where faces are in some of them.

All peers get the same pixels: consecutive pictures of a clip, decoded once, brought to the size asked for once, and
loaded by each of them before its time is taken. Decoding is measured for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.locator import distinct
from smiledet.detection.search import scan
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage, Image
from smiledet.sources.base import USUAL_FPS, Source
from smiledet.sources.choose import create_source


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures, and what is known of them.

    Attributes:
        source: What they are of.
        fps: Pictures a second on the clip's time line.
        frames: BGR uint8 (number, height, width, 3).
        faces: Where faces are, by the number of a picture, for those that were looked at.
        reference: What says so, in words.
    """

    source: str
    fps: float
    frames: npt.NDArray[np.uint8]
    faces: dict[int, tuple[Box, ...]]
    reference: str

    @property
    def size(self) -> str:
        """Width and height, as on the command line."""
        return f"{self.frames.shape[2]}x{self.frames.shape[1]}"


def parse_size(text: str) -> tuple[int, int]:
    """Width and height in pixels.

    >>> parse_size("640x480")
    (640, 480)

    Raises:
        UsageError: It is none.
    """
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and all(32 <= int(side) <= 7680 for side in (width, height))):
        raise UsageError(f"--size {text}: expected WIDTHxHEIGHT, 32 to 7680 pixels each, 640x480 say")
    return int(width), int(height)


def take_clip(
    spec: str, count: int, size: tuple[int, int] | None = None, sampled: int = 10, references: Sequence[str] = ("hog",)
) -> Clip:
    """The first pictures of a clip, and the faces in some of them.

    Args:
        spec: SOURCE, as on the command line.
        count: How many at most.
        size: Width and height that they are brought to: scaled until they fill it, then cut about the faces; None
            leaves them as they are.
        sampled: On how many of them faces are sought.
        references: The detectors that seek them.

    Raises:
        UsageError: There is nothing to read, it is live, its pictures differ in size, or a detector is missing.
    """
    with create_source(spec) as source:
        if source.live:
            raise UsageError(f"--clip {spec}: a live source shows nothing twice; expected a clip, a folder or demo")
        pictures = list(islice(_pictures(source), count))
        fps = source.fps or USUAL_FPS
    if not pictures:
        raise UsageError(f"--clip {spec}: no pictures in it")
    if len({picture.shape for picture in pictures}) > 1:
        raise UsageError(f"--clip {spec}: its pictures differ in size; expected pictures of one size")
    step = max(1, len(pictures) // sampled)
    looked_at = range(step // 2, len(pictures), step)[:sampled]
    if size is not None and size != pictures[0].shape[1::-1]:
        pictures = _filled(pictures, size, [pictures[index] for index in looked_at])
    faces = {index: reference_faces(_grey(pictures[index]), references) for index in looked_at}
    return Clip(spec, fps, np.stack(pictures), faces, f"{' or '.join(references)}, pictures up to twice as large")


def _pictures(source: Source) -> Iterator[Image]:
    while (picture := source.read()) is not None:
        yield picture.image


def reference_faces(grey: GreyImage, detectors: Sequence[str]) -> tuple[Box, ...]:
    """Where any of some detectors sees a face, down to the smallest that it can see in an enlarged picture.

    Args:
        grey: Grey uint8 (height, width).
        detectors: Their names.
    """
    found = []
    for name in detectors:
        detector = detector_kind(name).scanning(None)
        found += scan(detector, grey, detector.needs.smallest)
    return tuple(detection.box for detection in distinct(found))


def _grey(picture: Image) -> GreyImage:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _filled(pictures: Sequence[Image], size: tuple[int, int], samples: Sequence[Image]) -> list[Image]:
    """Every picture scaled until it fills a size, and the same part of each: the one with the faces in the middle."""
    height, width = pictures[0].shape[:2]
    scale = max(size[0] / width, size[1] / height)
    scaled = max(size[0], round(width * scale)), max(size[1], round(height * scale))
    centres = [face.centre for sample in samples for face in reference_faces(_grey(sample), ("hog",))]
    middle = np.median(centres, axis=0) * scale if centres else np.array(scaled) / 2
    left, top = (
        int(np.clip(round(at - wanted / 2), 0, there - wanted))
        for at, wanted, there in zip(middle, size, scaled, strict=True)
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    large = (cv2.resize(picture, scaled, interpolation=how) for picture in pictures)
    return [picture[top : top + size[1], left : left + size[0]].copy() for picture in large]

"""Annotated frames to write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from smiledet.frame import Annotation, Box, Face, FaceReading, Frame, Prediction

STEP = 40
"""Grey steps between frames: far enough apart to know a frame again after a lossy codec."""

BOX = Box(10.4, 20.6, 30, 30)


def make_reading(
    track: int = 1,
    box: Box = BOX,
    score: float = 12.0,
    predictions: Mapping[str, Prediction] | None = None,
) -> FaceReading:
    return FaceReading(Face(box, score, track, box), predictions or {})


def make_frame(
    index: int = 0,
    timestamp: float = 0.0,
    size: tuple[int, int] = (64, 48),
    readings: Sequence[FaceReading] = (),
    captured_ns: int = 0,
    file: str | None = None,
) -> tuple[Frame, Annotation]:
    """A frame and its annotation, grey 40 x index (counted round after the sixth)."""
    image = np.full((size[1], size[0], 3), STEP * (index % 7), np.uint8)
    return Frame(index, captured_ns, timestamp, image, file=file), Annotation(image, tuple(readings))


@pytest.fixture
def reading_of() -> Callable[..., FaceReading]:
    return make_reading


@pytest.fixture
def frame_of() -> Callable[..., tuple[Frame, Annotation]]:
    return make_frame

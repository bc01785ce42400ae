"""Pictures, faces and tasks to draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from smiledet.frame import Box, Face, FaceReading, Image, Prediction
from smiledet.tasks.base import Task, get_task


@pytest.fixture
def tasks() -> list[Task]:
    return [get_task("smile"), get_task("emotion")]


@pytest.fixture
def picture() -> Callable[[int, int], Image]:
    """Makes a picture of a size that may not be written to, with something different in every corner."""

    def make(width: int, height: int) -> Image:
        image = np.empty((height, width, 3), np.uint8)
        image[..., 0] = np.arange(width) % 256
        image[..., 1] = np.arange(height)[:, None] % 256
        image[..., 2] = image[..., 0] // 2 + image[..., 1] // 2
        image.setflags(write=False)
        return image

    return make


@pytest.fixture
def reading(tasks: list[Task]) -> Callable[..., FaceReading]:
    """Makes a reading: a box, a track, and labels with some score."""

    def make(
        box: tuple[float, float, float, float], track: int = 1, smile: str = "smiling", emotion: str = "happy"
    ) -> FaceReading:
        predictions = {}
        for task, label in zip(tasks, (smile, emotion), strict=True):
            rest = 0.1 / (len(task.labels) - 1)
            predictions[task.name] = Prediction.of(task.labels, [0.9 if one == label else rest for one in task.labels])
        return FaceReading(Face(Box(*box), 10.0, track, Box(*box)), predictions)

    return make


@pytest.fixture
def unread() -> Callable[..., FaceReading]:
    """Makes a reading of a face of which nothing is known yet."""

    def make(box: tuple[float, float, float, float], track: int = 1) -> FaceReading:
        return FaceReading(Face(Box(*box), 10.0, track, Box(*box)), {})

    return make

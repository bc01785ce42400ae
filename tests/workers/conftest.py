"""Frames, faces and a record of how threads ended."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from smiledet.errors import SmiledetError
from smiledet.frame import AlignedFace, Box, ChipSpec, Face, Frame
from smiledet.sources.decoding import read_image
from smiledet.sources.demo import PORTRAITS
from smiledet.workers import aligner, locator
from smiledet.workers.locator import Located
from smiledet.workers.thread import StageThread

LIMIT = 20.0
"""Seconds after which a thread counts as stuck; no passing test comes near."""


class Ends:
    """How threads ended, in the order in which they did: hand it over as `on_end`."""

    def __init__(self) -> None:
        self.problems: list[SmiledetError | None] = []

    def __call__(self, thread: StageThread, problem: SmiledetError | None) -> None:
        assert thread.name == threading.current_thread().name
        self.problems.append(problem)

    @property
    def message(self) -> str:
        """The one problem of the one thread that ended, on one line."""
        (problem,) = self.problems
        assert problem is not None
        assert "\n" not in str(problem)
        return str(problem)


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def frame_of() -> Callable[..., Frame]:
    """A small frame by number, grey 40 x the number (counted round after the sixth)."""

    def make(number: int = 0, independent: bool = False) -> Frame:
        return Frame(number, 0, number / 30, np.full((48, 64, 3), 40 * (number % 7), np.uint8), independent)

    return make


@pytest.fixture(scope="session")
def photographs() -> list[np.ndarray]:
    """The two portraits, no larger than 512 pixels."""
    return [read_image(portrait.path) for portrait in PORTRAITS]


@pytest.fixture
def portrait_frame(photographs: list[np.ndarray]) -> Callable[..., Frame]:
    """A frame that shows one of the portraits, on its own."""

    def make(number: int = 0, which: int = 0) -> Frame:
        return Frame(number, 0, number / 30, photographs[which], independent=True)

    return make


@pytest.fixture
def aligned_frame(frame_of: Callable[..., Frame]) -> Callable[..., Frame]:
    """A frame with faces that are located and aligned; each face's chip is grey, as bright as given."""

    def make(number: int, brightness: list[int], spec: ChipSpec) -> Frame:
        frame = frame_of(number)
        shape = (spec.size, spec.size) if spec.channels == 1 else (spec.size, spec.size, spec.channels)
        faces = []
        for place, value in enumerate(brightness):
            box = Box(4 + 20 * place, 10, 16, 16)
            chip = np.full(shape, value, np.uint8)
            faces.append((Face(box, 9.0, place + 1, box), AlignedFace(None, False, {spec: chip})))
        grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        frame.results[locator.STAGE] = Located(tuple(face for face, _ in faces), grey)
        frame.results[aligner.STAGE] = tuple(faces)
        return frame

    return make

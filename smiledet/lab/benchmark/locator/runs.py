"""The pictures that locators are compared on, a locator's run over them, and what it costs.

Times are processor time of the measuring thread, which is what a frame costs with OpenCV bound to one thread, and says
little less on a busy machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2

from smiledet.detection.locator import FaceLocator
from smiledet.errors import UsageError
from smiledet.frame import Face, GreyImage
from smiledet.lab.benchmark.detectors.measure import read_photographs
from smiledet.sources.choose import create_source

SCAN = "full scan"
EVERY_FRAME, LIVE = "every frame", "live"


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """One picture to locate faces in.

    Attributes:
        grey: Grey uint8 (height, width).
        time: Seconds on the source's line.
        cut: Whether it has nothing to do with the one before (photographs).
    """

    grey: GreyImage
    time: float
    cut: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """What locating costs, in processor time, against a full scan of the same frames.

    Attributes:
        searcher: `every frame`, `live`, or `full scan`.
        frames: Frames that it located faces in.
        milliseconds: Median a frame.
        mean_ms: Mean a frame.
        slow_ms: The 95th percentile.
        ratio: Median over the full scan's median.
        scans: Full scans' equivalent a frame: all of its time over all of the full scan's, a frame.
    """

    searcher: str
    frames: int
    milliseconds: float
    mean_ms: float
    slow_ms: float
    ratio: float
    scans: float


def clip_pictures(spec: str, max_frames: int | None) -> Iterator[TimedPicture]:
    """A clip's pictures, one after the other.

    Args:
        spec: SOURCE, as on the command line.
        max_frames: How many at most; None for all.

    Raises:
        UsageError: It is a live source, or cannot be read.
    """
    with create_source(spec) as source:
        if source.live:
            raise UsageError(f"--clip {spec}: a live source shows nothing twice; expected a clip, a folder or demo")
        number = 0
        while (max_frames is None or number < max_frames) and (picture := source.read()) is not None:
            yield TimedPicture(cv2.cvtColor(picture.image, cv2.COLOR_BGR2GRAY), picture.timestamp, picture.independent)
            number += 1


def photograph_pictures(data: str, count: int) -> Iterator[TimedPicture]:
    """Photographs of a data set, evenly spread over it, each on its own.

    Raises:
        UsageError: See `smiledet.lab.benchmark.detectors.measure.read_photographs`.
    """
    for number, grey in enumerate(read_photographs(data, count)):
        yield TimedPicture(grey, float(number), True)


class Runner:
    """One locator, and what it takes."""

    def __init__(self, searcher: str, locator: FaceLocator) -> None:
        self.searcher = searcher
        self.faces: tuple[Face, ...] | None = None
        self.taken: list[float] = []
        self._locator = locator
        self._free = float("-inf")

    def locate(self, picture: TimedPicture) -> None:
        """Locate, unless it runs live and is still busy when the picture comes; `faces` is None then."""
        live = self.searcher == LIVE and not picture.cut
        self.faces = None
        if live and picture.time < self._free:
            return
        start = time.thread_time()
        self.faces = self._locator.locate(picture.grey, picture.time, picture.cut)
        spent = time.thread_time() - start
        self.taken.append(spent)
        self._free = picture.time + spent


def cost(searcher: str, taken: Sequence[float], scans: Sequence[float]) -> Cost:
    """Sum up times.

    Args:
        searcher: See `Cost`.
        taken: Its seconds on each frame that it located faces in.
        scans: The full scan's seconds on each frame.
    """
    median, mean = statistics.median(taken), statistics.fmean(taken)
    slow = sorted(taken)[min(len(taken) - 1, int(0.95 * len(taken)))]
    whole, part = statistics.fmean(scans), statistics.median(scans)
    return Cost(searcher, len(taken), 1000 * median, 1000 * mean, 1000 * slow, median / part, mean / whole)

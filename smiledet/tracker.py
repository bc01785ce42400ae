"""Reading a video of one's own, picture by picture: identities that last and labels that do not flicker."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

from typing_extensions import Self

from smiledet.buffer import FrameBuffer
from smiledet.config import Config
from smiledet.errors import UsageError
from smiledet.frame import Frame, Image
from smiledet.model_plan import ModelPlan
from smiledet.photographs.decode import Color, to_image
from smiledet.results import Reading, video_reading
from smiledet.stage_spec import Policy, StageSpec
from smiledet.stages import make_classifiers, make_finders
from smiledet.workers.base import Worker
from smiledet.workers.locator import faces_of
from smiledet.workers.track_labels import TrackLabels


class Tracker:
    """Follows and reads the faces of a video that the caller takes the pictures of; `FaceReader.track` makes one.

    It is given picture after picture and does what the stages of `watch` do, one after the other: a clip is read alike
    by both. Models and detector belong to a thread of its own, so any thread may call it, one at a time has its turn.

    Args:
        config: Every setting.
        plan: The models.

    Raises:
        UsageError: The detector is not installed, or a model is damaged.

    Examples:
        >>> from smiledet import FaceReader
        >>> from smiledet.sources.demo import scene
        >>> with FaceReader(("smile",)) as reader, reader.track() as tracker:
        ...     reading = tracker.update(scene(0), timestamp=0.0)
        >>> reading.frame, reading.time
        (0, 0.0)
    """

    def __init__(self, config: Config, plan: ModelPlan) -> None:
        config = replace(config, worker={})  # one of each stage
        self._detector, self._tasks = config.detector, plan.tasks
        self._track_labels = TrackLabels(plan.tasks)
        idle = FrameBuffer([StageSpec("update")], Policy.EVERY_FRAME, 2)  # the stages are handed frames without one

        def common(_stage: str, _name: str) -> dict[str, Any]:
            return {"buffer": idle}

        self._stages: list[Worker] = [
            *make_finders(config, plan, self._track_labels, False, common),
            *make_classifiers(config, plan, {"": self._track_labels}, common),
        ]
        self._number = 0
        self._time = float("-inf")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smiledet-track")
        try:
            self._thread.submit(self._set_up).result()
        except BaseException:
            self.close()
            raise

    def update(self, picture: Any, timestamp: float | None = None, color: Color = "bgr") -> Reading:
        """Read the next picture of the video.

        Args:
            picture: What `FaceReader.read` takes; usually a BGR uint8 array (height, width, 3). It must not be written
                to before the next call has returned.
            timestamp: Seconds on the video's own time line: faces are followed and labels smoothed along it. Must not
                decrease. None for the time of the call, which is right for a camera.
            color: Order of an array's channels: `bgr`, as OpenCV has it, or `rgb`.

        Returns:
            The faces in order of appearance; `track` is each one's identity. A new face is shown once it is confirmed,
            some pictures after it appears; of many faces not all are read in every picture, and one whose turn it was
            not has no landmarks.

        Raises:
            ImageError: It is no picture.
            UsageError: The time runs backwards, or the tracker was closed.
        """
        image = to_image(picture, color)
        try:
            future = self._thread.submit(self._update, image, timestamp)
        except RuntimeError as problem:
            raise UsageError("this tracker was closed") from problem
        return future.result()

    def close(self) -> None:
        """Free the models; closing twice does no harm."""
        with suppress(RuntimeError):  # closed already
            self._thread.submit(self._tear_down)
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    # The rest runs in the tracker's thread.

    def _set_up(self) -> None:
        for stage in self._stages:
            stage.setup()

    def _tear_down(self) -> None:
        for stage in self._stages:
            stage.teardown()

    def _update(self, image: Image, timestamp: float | None) -> Reading:
        try:
            now = time.monotonic() if timestamp is None else float(timestamp)
        except (TypeError, ValueError):
            now = math.nan
        if not math.isfinite(now):
            raise UsageError(f"timestamp={timestamp!r}: expected seconds, no less than before")
        if not now >= self._time:
            raise UsageError(
                f"timestamp={now:g} after {self._time:g}: expected no less; another video, another tracker"
            )
        frame = Frame(self._number, time.monotonic_ns(), now, image)
        self._number, self._time = self._number + 1, now
        for stage in self._stages:
            frame.results[stage.stage] = stage.process(frame)
        return video_reading(frame, self._track_labels.read(faces_of(frame), frame.id), self._tasks, self._detector)

"""Labels that do not flicker: scores averaged along a track over time, and a label that changes with hysteresis.

Classifiers post what they read whenever they are done with it; the drawer takes up everything posted of frames up to
the one that it draws, in order of capture. In every-frame mode it waits for that frame's readings, so what it shows is
the same from run to run; live it shows each track's latest.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from smiledet.frame import Face, FaceReading, HeadPose, Prediction
from smiledet.tasks.base import Task


class LabelSmoother:
    """One task's label on one face.

    Args:
        task: Its smoothing time constant and hysteresis.

    Attributes:
        task: See above; another of the same labels may take its place.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._scores: dict[str, float] | None = None
        self._prediction: Prediction | None = None
        self._time = 0.0

    def update(self, scores: Mapping[str, float], time: float) -> None:
        """Take a new reading.

        The mean is an exponential one whose weights depend on the time between readings, not on their number: at 5 and
        at 60 readings a second a label settles equally fast. A late reading, older than the last, weighs what it would
        by now, had it come in time.

        Args:
            scores: Probability by label.
            time: Of the frame, seconds on the source's line.
        """
        if self._scores is None:
            self._scores = dict(scores)
            self._prediction = self.task.settle(dict(scores))
            self._time = time
            return
        share = self._share(time - self._time)
        for label, score in scores.items():
            self._scores[label] += share * (score - self._scores[label])
        self._time = max(self._time, time)
        shown = self._prediction.label if self._prediction else None
        self._prediction = self.task.settle(dict(self._scores), shown)

    def _share(self, elapsed: float) -> float:
        """What a reading weighs in the mean, 0 to 1, so many seconds after the last; negative if it is late."""
        if self.task.smoothing == 0:
            return 1.0 if elapsed >= 0 else 0.0
        faded = math.exp(-abs(elapsed) / self.task.smoothing)
        return 1 - faded if elapsed >= 0 else (1 - faded) * faded

    @property
    def prediction(self) -> Prediction | None:
        """The label to show with its smoothed score; None before the first reading."""
        return self._prediction


@dataclass(frozen=True, slots=True)
class PostedPrediction:
    """What a classifier read from one face of one frame."""

    frame: int
    track: int
    task: str
    time: float
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class PostedHead:
    """Where one face of one frame looks, and how far its eyes and its mouth are open."""

    frame: int
    track: int
    pose: HeadPose
    eyes_open: float
    mouth_open: float


BY_CAPTURE, BY_FRAME = attrgetter("frame", "track", "task"), attrgetter("frame", "track")
"""In which order what was posted is taken up."""


class TrackLabels:
    """Every track's labels: classifiers post to it from their threads, the drawer reads from its own.

    Args:
        tasks: The tasks that are read.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = {task.name: task for task in tasks}
        self._posted: list[PostedPrediction] = []
        self._lock = threading.Lock()
        self._smoothers: dict[int, dict[str, LabelSmoother]] = {}
        self._posted_heads: list[PostedHead] = []
        self._heads: dict[int, PostedHead] = {}

    def set_tasks(self, tasks: Iterable[Task]) -> None:
        """Go on with other tasks, or with others of their settings; any thread."""
        self._tasks = {task.name: task for task in tasks}

    def post(self, readings: Iterable[PostedPrediction]) -> None:
        """Hand in what was read; any thread."""
        with self._lock:
            self._posted.extend(readings)

    def post_heads(self, heads: Iterable[PostedHead]) -> None:
        """Hand in where faces look; any thread."""
        with self._lock:
            self._posted_heads.extend(heads)

    def read(self, faces: Iterable[Face], frame: int) -> tuple[FaceReading, ...]:
        """Take up what was posted of frames up to this one, and label its faces; the drawer's thread only.

        What a classifier that is ahead of the drawer read from later frames waits for them: what a frame shows does not
        depend on how fast anybody was. Tracks that are not among the faces are forgotten, so that nothing grows with
        the length of a run.

        Args:
            faces: The frame's faces.
            frame: Its id; must not decrease from call to call.
        """
        with self._lock:
            posted = sorted((reading for reading in self._posted if reading.frame <= frame), key=BY_CAPTURE)
            self._posted = [reading for reading in self._posted if reading.frame > frame]
            heads = sorted((head for head in self._posted_heads if head.frame <= frame), key=BY_FRAME)
            self._posted_heads = [head for head in self._posted_heads if head.frame > frame]
        shown, tasks = list(faces), self._tasks
        known = {
            face.track: {name: each for name, each in self._smoothers.get(face.track, {}).items() if name in tasks}
            for face in shown
        }
        for reading in posted:
            of_track = known.get(reading.track)
            if of_track is not None and reading.task in tasks:
                task = tasks[reading.task]
                smoother = of_track.setdefault(reading.task, LabelSmoother(task))
                smoother.task = task
                smoother.update(reading.prediction.scores, reading.time)
        self._smoothers = known
        newest = self._heads | {head.track: head for head in heads}
        self._heads = {track: newest[track] for track in known if track in newest}
        return tuple(self._reading(face) for face in shown)

    def _reading(self, face: Face) -> FaceReading:
        head = self._heads.get(face.track)
        answers = self._predictions(self._smoothers[face.track])
        if head is None:
            return FaceReading(face, answers)
        return FaceReading(face, answers, pose=head.pose, eyes_open=head.eyes_open, mouth_open=head.mouth_open)

    def _predictions(self, smoothers: Mapping[str, LabelSmoother]) -> dict[str, Prediction]:
        # In the order of the tasks, not of the classifiers' finishing.
        found = {name: smoothers[name].prediction for name in self._tasks if name in smoothers}
        return {name: prediction for name, prediction in found.items() if prediction is not None}

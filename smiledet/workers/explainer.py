"""What the network looks at, while a run goes on: a picture beside the frame, made in a thread of its own."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.drawing.contact_sheet import contact_sheet
from smiledet.drawing.explanations import guided_picture, heat_picture
from smiledet.engines.files import gradient_file
from smiledet.engines.gradients import GradientNetwork
from smiledet.errors import UsageError
from smiledet.frame import AlignedFace, ChipSpec, Face, Frame, Image, Prediction
from smiledet.model_index import Model
from smiledet.workers.locator import faces_of

log = logging.getLogger(__name__)

KINDS = {"gradcam": "Grad-CAM", "guided": "guided"}
"""What can be shown, and what it is called below the picture."""

RATE = 12.0
"""Pictures a second at most, on the source's time line."""

LATE = 2.0
"""Times the usual age from which a live frame is late: something else needs the processors, and no picture is made."""

USUAL_OVER = 30
"""Frames over which the usual age is averaged, about."""

SHOWN = 1.0
"""Seconds that a picture is shown without a newer one."""

KEPT = 16
"""Pictures that are kept for frames that are drawn later."""

SHOWN_SIDE = 160
"""Pixels of the face in the picture; the networks see 64 or 96."""

SIDE = 0.5
"""Width of the picture as a share of the frame's height."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A model whose gradients are to be had.

    Attributes:
        model: The model.
        chip: What it is shown.
        file: Its gradients.
    """

    model: Model
    chip: ChipSpec
    file: Path

    @classmethod
    def by(cls, model: Model) -> Explained:
        """The gradients of a model.

        Raises:
            UsageError: There are none, or a damaged file.
        """
        if model.input is None:
            raise UsageError(f"model {model.task}/{model.name} takes no chips")
        return cls(model, model.input, gradient_file(model))


@dataclass(frozen=True, slots=True)
class _Picture:
    frame: int
    timestamp: float
    picture: Image


def parse_explain(given: str) -> tuple[str, str]:
    """The task and the kind of picture of `TASK[:gradcam|:guided]`.

    Raises:
        UsageError: There is no such kind.

    >>> parse_explain("emotion")
    ('emotion', 'gradcam')
    """
    task, colon, kind = given.partition(":")
    kind = kind if colon else "gradcam"
    if kind not in KINDS:
        raise UsageError(f"--explain {given}: expected TASK, {' or '.join(f'TASK:{each}' for each in KINDS)}")
    return task, kind


class Explainer:
    """Explains the label of one face of a frame, several times a second at most.

    What comes while it is busy, or while the run is late, is left out, so that nothing waits for it, unless the frames
    wait for each other anyway.

    Args:
        explained: What reads the task.
        kind: One of `KINDS`.
        every_frame: Whether whoever offers a face waits for its picture: a clip's frames then have those of their own
            time.
        clock: Monotonic nanoseconds; tests bring their own.

    Attributes:
        task: Whose labels are explained.
        explained: See above; any thread may put another of the same task in its place, or None while it is not read.
        chosen: The track of the face that is explained; None for the largest, which is also taken while the chosen one
            is not there. Any thread may set it.
        pictures: How many were made.
    """

    def __init__(
        self, explained: Explained, kind: str, every_frame: bool, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.task = explained.model.task
        self.explained: Explained | None = explained
        self.chosen: int | None = None
        self.pictures = 0
        self._kind, self._every_frame = kind, every_frame
        self._loaded: tuple[Path, GradientNetwork] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smiledet-explain")
        self._running: Future[None] | None = None
        self._clock = clock
        self._due = 0.0
        self._usual_age: float | None = None
        self._made: deque[_Picture] = deque(maxlen=KEPT)
        self._shown: tuple[_Picture | None, Image | None] = None, None

    def offer(
        self, frame: Frame, faces: Sequence[tuple[Face, AlignedFace]], answers: Sequence[Mapping[str, Prediction]]
    ) -> None:
        """Take a frame whose faces were read, if it is time for one and the last is done.

        Args:
            frame: The frame.
            faces: Those of its faces that a network has read.
            answers: What it said of each, by task; other networks are let go by.
        """
        explained = self.explained
        located = faces_of(frame)
        if (
            explained is None
            or not located
            or not answers
            or self.task not in answers[0]
            or (self._running is not None and not self._running.done())
        ):
            return
        if self._is_late(frame) or not (frame.independent or self._is_due(frame.timestamp)):
            return
        wanted = self._wanted(located)
        for (face, placed), said in zip(faces, answers, strict=True):
            if face.track == wanted and explained.chip in placed.chips:
                in_time = frame.timestamp - self._due < 1 / RATE
                self._due = (self._due if in_time else frame.timestamp) + 1 / RATE
                answer = said[self.task]
                label = max(answer.scores, key=lambda each: answer.scores[each])
                chip, score = placed.chips[explained.chip], answer.scores[label]
                work = (explained, frame.id, frame.timestamp, chip, label, score)
                try:
                    self._running = self._thread.submit(self._explain, *work)
                except RuntimeError:  # closed meanwhile
                    return
                if self._every_frame:
                    self._running.result()

    def _is_due(self, timestamp: float) -> bool:
        """Whether it is time for a picture: on the average as often as may be, whatever the frames' own rate."""
        if self._due - timestamp > 1 / RATE:  # the source began again
            self._due = timestamp
        return timestamp >= self._due

    def _is_late(self, frame: Frame) -> bool:
        """Whether a live frame took much longer than usual to get here."""
        if self._every_frame:
            return False
        age = self._clock() - frame.captured_ns
        usual = age if self._usual_age is None else self._usual_age
        self._usual_age = usual + (age - usual) / USUAL_OVER
        return age > LATE * usual

    def _wanted(self, located: Sequence[Face]) -> int:
        """The track of the face that is explained."""
        chosen = self.chosen
        if chosen is not None and any(face.track == chosen for face in located):
            return chosen
        return max(located, key=lambda face: face.box.area).track

    def beside(self, frame: Frame, image: Image) -> Image:
        """A frame with the newest picture at its right; without one that part is dark.

        Args:
            frame: What was read.
            image: The frame as it is shown, BGR uint8.
        """
        height = image.shape[0]
        side = max(48, round(SIDE * height))
        made = [each for each in tuple(self._made) if each.frame <= frame.id]
        newest = made[-1] if made else None
        if newest is not None and frame.independent and newest.frame != frame.id:
            newest = None
        if newest is not None and not frame.independent and frame.timestamp - newest.timestamp > SHOWN:
            newest = None
        return np.asarray(cv2.hconcat([image, self._panel(newest, side + side % 2, height)]), np.uint8)

    def _panel(self, made: _Picture | None, width: int, height: int) -> Image:
        """A picture at the top of a dark panel; the last one is kept, which is shown with two frames of three."""
        last, panel = self._shown
        if panel is None or last is not made or panel.shape[:2] != (height, width):
            panel = np.zeros((height, width, 3), np.uint8)
            if made is not None:
                rows, columns = made.picture.shape[:2]
                scale = min(width / columns, height / rows)
                shown = cv2.resize(made.picture, (round(scale * columns), round(scale * rows)))
                panel[: shown.shape[0], : shown.shape[1]] = shown
            self._shown = made, panel
        return panel

    def load(self, explained: Explained) -> None:
        """Load a model's gradients, so that no frame waits for it; ends once that is done.

        Args:
            explained: The model that is explained, or is about to be.
        """
        try:
            self._thread.submit(self._warm_up, explained).result()
        except RuntimeError:  # closed meanwhile
            return
        except Exception:
            log.exception("loading the gradients of %s failed", self.task)

    def close(self) -> None:
        """End the thread; closing twice does no harm."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _explain(
        self,
        explained: Explained,
        frame: int,
        timestamp: float,
        chip: npt.NDArray[np.uint8],
        label: str,
        score: float,
    ) -> None:
        model = explained.model
        try:
            network = self._network_of(explained.file)
            place = model.labels.index(label)
            found = network.explain(chip, network.one(model.outputs[place] if model.outputs else place))
        except Exception:
            log.exception("explaining %s failed", self.task)
            return
        face = (
            chip
            if chip.ndim == 3 and chip.shape[2] == 3
            else cv2.cvtColor(chip.reshape(chip.shape[:2]), cv2.COLOR_GRAY2BGR)
        )
        large = np.asarray(cv2.resize(face, (SHOWN_SIDE, SHOWN_SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
        picture = (
            heat_picture(large, found.cam, float(found.cam.max()))
            if self._kind == "gradcam"
            else guided_picture(_strongest(found.guided), SHOWN_SIDE)
        )
        captions = [f"{label} {score:.0%}", KINDS[self._kind]]
        sheet = contact_sheet([large, picture], captions, columns=1, cell_width=SHOWN_SIDE)
        self._made.append(_Picture(frame, timestamp, sheet))
        self.pictures += 1

    def _warm_up(self, explained: Explained) -> None:
        chip = explained.chip
        network = self._network_of(explained.file)
        network.explain(np.zeros((chip.size, chip.size, chip.channels), np.uint8), network.one(0))

    def _network_of(self, file: Path) -> GradientNetwork:
        """The network of a file, loaded once; in the thread that it belongs to."""
        if self._loaded is None or self._loaded[0] != file:
            self._loaded = (file, GradientNetwork(file))
        return self._loaded[1]


def _strongest(gradient: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of each pixel the channel with the largest gradient."""
    channel = np.abs(gradient).argmax(axis=-1)[..., None]
    return np.take_along_axis(gradient, channel, axis=-1)[..., 0]

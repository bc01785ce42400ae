"""The photo booth: counts down when everybody smiles with open eyes, and keeps the sharpest picture of a burst."""

from __future__ import annotations

import logging
import math
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import cv2
from typing_extensions import override

from smiledet.drawing.jpeg import jpeg
from smiledet.errors import OutputError, SmiledetError
from smiledet.frame import Annotation, FaceReading, Frame, Image
from smiledet.photographs.quality import face_sharpness
from smiledet.rules.conditions import Trigger
from smiledet.sinks.base import Sink
from smiledet.system.output_files import free_path, write_file
from smiledet.tasks.smile import TASK as SMILE
from smiledet.web.live.hub import Newest

log = logging.getLogger(__name__)

HOLD = 0.4
"""Seconds for which everybody must smile before the countdown begins."""

COUNTDOWN = 3.0
BURST = 0.8
SHOWN = 10.0
"""Seconds of the countdown, of the burst, and for which the photograph is shown."""

PATIENCE = 0.8
"""Seconds for which somebody may look away without the countdown being given up."""

OPEN, SURELY_OPEN = 0.35, 0.5
"""`eyes_open` from which on eyes count as open, and from which on they are hardly ever closed; a picture on which all
are is preferred. Of 137 smiling faces of GENKI-4K 122 lie above the first, 117 above the second, and the five between
have open eyes; of five frames of clips that lie between, two have. Narrowed and shaded eyes can lie below both."""

KEPT = 500
"""Photographs that can be fetched by their address; those before stay in the folder."""

Phase = Literal["ready", "countdown", "burst", "shown"]


@dataclass(frozen=True, slots=True)
class State:
    """What the page shows.

    Attributes:
        phase: What is done.
        faces: How many there are.
        happy: How many of them smile with open eyes.
        seconds: Whole seconds that are left of the countdown.
        photo: The key of the photograph that is shown; empty for none.
        problem: Why the last one was not saved; empty where it was.
    """

    phase: Phase = "ready"
    faces: int = 0
    happy: int = 0
    seconds: int = 0
    photo: str = ""
    problem: str = ""


def is_happy(face: FaceReading) -> bool:
    """Whether a face smiles with open eyes."""
    smile = face.predictions.get(SMILE.name)
    return smile is not None and smile.label == SMILE.strength and face.eyes_open is not None and face.eyes_open >= OPEN


class Shutter(Sink):
    """Watches the faces, and takes photographs.

    Args:
        folder: Where the photographs go; made where it is not there.

    Attributes:
        state: What the page shows, for who follows.
        photographs: The file by its key, which nobody can guess.
    """

    reads_heads = True
    uses_drawing = False

    def __init__(self, folder: Path) -> None:
        self.description = f"photo booth {folder}"
        self._folder = folder
        self.state: Newest[State] = Newest()
        self.photographs: OrderedDict[str, Path] = OrderedDict()
        self._phase: Phase = "ready"
        self._since = self._happy_at = -math.inf
        self._trigger = Trigger(HOLD, 0.0)
        self._best: tuple[tuple[bool, bool, float], Image] | None = None
        self._photo = self._problem = ""

    @override
    def open(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise OutputError(f"cannot make the folder {self._folder}: {problem.strerror}") from problem

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        now, faces = frame.timestamp, annotation.readings
        happy = sum(map(is_happy, faces))
        everybody = bool(faces) and happy == len(faces)
        if now < self._since:  # the source began anew
            self._go("ready", now)
        if everybody:
            self._happy_at = now
        # A smile at the photograph that is shown does not take it away; one that ceases meanwhile counts as ceased.
        if (self._phase == "ready" or not everybody) and self._trigger.take(everybody, now):
            self._go("countdown", now)
        elif self._phase == "countdown":
            self._count_down(now)
        elif self._phase == "shown" and now - self._since >= SHOWN:
            self._go("ready", now)
        if self._phase == "burst":
            self._shoot(frame, faces, everybody, now)
        left = math.ceil(COUNTDOWN - (now - self._since)) if self._phase == "countdown" else 0
        self._tell(State(self._phase, len(faces), happy, left, self._photo, self._problem))

    @override
    def close(self) -> None:
        self.state.close()

    def _count_down(self, now: float) -> None:
        if now - self._happy_at > PATIENCE:
            self._go("ready", now)
        elif now - self._since >= COUNTDOWN:
            self._go("burst", now)

    def _go(self, phase: Phase, now: float) -> None:
        self._phase, self._since = phase, now
        if phase != "shown":
            self._photo = self._problem = ""
        if phase == "burst":
            self._best = None

    def _shoot(self, frame: Frame, faces: Sequence[FaceReading], everybody: bool, now: float) -> None:
        """Keep the frame if it is better than the best.

        Everybody smiles; then all eyes are surely open; then the least sharp face is sharper.
        """
        grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        sharp = min((face_sharpness(grey, face.box) for face in faces), default=0.0)
        surely = all((face.eyes_open or 0.0) >= SURELY_OPEN for face in faces)
        if self._best is None or (everybody, surely, sharp) > self._best[0]:
            self._best = ((everybody, surely, sharp), frame.image)
        if now - self._since >= BURST:
            self._save(self._best[1])
            self._best = None
            self._go("shown", now)

    def _save(self, image: Image) -> None:
        path = free_path(self._folder / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}.jpg")
        try:
            write_file(path, jpeg(image), new=True)
        except SmiledetError as problem:
            self._problem = str(problem)
            log.warning("%s: %s", self.description, problem)
            return
        self._photo = secrets.token_urlsafe(16)
        self.photographs[self._photo] = path
        self.wrote = path
        while len(self.photographs) > KEPT:
            self.photographs.popitem(last=False)

    def _tell(self, state: State) -> None:
        if state != self.state.value:
            self.state.put(state)

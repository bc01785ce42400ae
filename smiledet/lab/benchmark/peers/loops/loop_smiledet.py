"""smiledet itself: every frame through the pipeline as `smiledet run` builds it, smile and emotion read and drawn.

One pipeline serves all rounds, as a peer's loaded networks do. Rounds follow one another without a word, for MediaPipe
as well: both go on following the faces of the round before where they still are.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import override

from smiledet.config import load_config
from smiledet.errors import SmiledetError
from smiledet.frame import Annotation, Frame, Image
from smiledet.pipeline import Pipeline
from smiledet.platform.choice import pick_platform
from smiledet.sinks.base import Sink
from smiledet.sources.base import Picture, Source
from smiledet.system.own_process import settle_process

Boxes = list[tuple[float, float, float, float]]


class _Handed(Source):
    """Pictures handed over by another thread, at a clip's pace on the time line."""

    live = False
    description = "pictures in memory"

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._pictures: queue.SimpleQueue[Image | None] = queue.SimpleQueue()
        self._taken = 0

    def hand(self, pictures: Sequence[Image]) -> None:
        """Hand pictures over."""
        for picture in pictures:
            self._pictures.put(picture)

    @override
    def open(self) -> None:
        pass

    @override
    def read(self) -> Picture | None:
        picture = self._pictures.get()
        if picture is None:
            return None
        self._taken += 1
        return Picture(picture, self._taken / self.fps)

    @override
    def close(self) -> None:
        self._pictures.put(None)


class _Found(Sink):
    """Passes on the boxes that were drawn on each frame of a round, at its end: whoever waits is woken once."""

    description = "boxes"

    def __init__(self, uses_drawing: bool) -> None:
        self.uses_drawing = uses_drawing
        self.rounds: queue.SimpleQueue[list[Boxes] | BaseException] = queue.SimpleQueue()
        self._boxes: list[Boxes] = []
        self._count = 0

    def expect(self, count: int) -> None:
        """Say how many frames the next round has."""
        self._boxes, self._count = [], count

    @override
    def open(self) -> None:
        pass

    @override
    def write(self, frame: Frame, annotation: Annotation) -> None:
        boxes = [reading.face.box for reading in annotation.readings]
        self._boxes.append([(box.x, box.y, box.width, box.height) for box in boxes])
        if len(self._boxes) == self._count:
            self.rounds.put(self._boxes)

    @override
    def close(self) -> None:
        pass


def prepare(options: dict[str, Any]) -> Callable[[Sequence[Image]], list[Boxes]]:
    """Build and start the pipeline, with this machine's platform and the default tasks.

    Args:
        options: `fps` of the clip: how often the whole picture is searched goes by its time line.
            `uses_drawing`: whether what is drawn is wanted; it is by default.
    """
    source, sink = _Handed(options["fps"]), _Found(options.get("uses_drawing", True))
    config = load_config(pick_platform("auto").name).config
    settle_process(config.opencv_threads, config.source.read_timeout)  # as the command line does
    pipeline = Pipeline(config, source, [sink])

    def work() -> None:
        try:
            pipeline.run()
            sink.rounds.put(SmiledetError("the pipeline ended early"))
        except BaseException as problem:  # raised again where it is waited for
            sink.rounds.put(problem)

    threading.Thread(target=work, name="pipeline", daemon=True).start()

    def read(pictures: Sequence[Image]) -> list[Boxes]:
        if not pictures:
            return []
        sink.expect(len(pictures))
        source.hand(pictures)
        found = sink.rounds.get()
        if isinstance(found, BaseException):
            raise found
        return found

    return read

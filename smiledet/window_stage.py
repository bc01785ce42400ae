"""The stage that the main thread is: it shows the newest frames in the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

from smiledet.buffer_group import BufferGroup
from smiledet.drawing.mosaic import Mosaic
from smiledet.drawing.privacy import PrivacySettings
from smiledet.frame import FaceReading
from smiledet.line import WINDOW
from smiledet.sinks.window import Window
from smiledet.telemetry.trace import Trace
from smiledet.workers.drawer import annotation_of
from smiledet.workers.explainer import Explainer

WAIT = 0.02
"""Seconds to wait for a frame; keys are looked at in between."""


class WindowStage:
    """A window, and the frames that it shows.

    Args:
        window: The window; opened with the first frame.
        buffer: The frames of all sources.
        sources: Their names.
        privacy: What is hidden.
        trace: Where it writes down what it does; None for nowhere.
        explainers: What is shown beside a source's picture; a click chooses the face.
    """

    def __init__(
        self,
        window: Window,
        buffer: BufferGroup,
        sources: Sequence[str],
        privacy: PrivacySettings,
        trace: Trace | None,
        explainers: Mapping[str, Explainer],
    ) -> None:
        self._window, self._buffer, self._privacy, self._trace = window, buffer, privacy, trace
        self._explainers = explainers
        self._mosaic = Mosaic(sources)
        self._shown: dict[str, Sequence[FaceReading]] = {}

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to show."""
        return self._buffer.finished(WINDOW)

    def show_newest(self) -> bool:
        """Show the newest frame, where there is one soon; True where the user wants to end."""
        frame = self._buffer.newest(by=WINDOW, timeout=WAIT)
        if frame is not None:
            with self._trace.work(WINDOW, frame) if self._trace is not None else nullcontext():
                annotation = annotation_of(frame, self._privacy)
                self._window.show(self._mosaic.put(frame.source, annotation.image))
            self._shown[frame.source] = annotation.readings
            self._buffer.done(frame, WINDOW, None)
        over = self._window.poll()
        if self._explainers and (click := self._window.take_click()) is not None:
            self._choose_at(*click)
        return over

    def _choose_at(self, x: float, y: float) -> None:
        """Explain the face that stands at a place of the window; the largest where there is none."""
        name, x, y = self._mosaic.place_of(x, y)
        there = (face for face in self._shown.get(name, ()) if face.box.holds(x, y))
        face = next(there, None)
        self._explainers[name].chosen = None if face is None else face.track

    def hold(self, is_over: Callable[[], bool]) -> bool:
        """Keep the last picture on show until the user wants to end, or `is_over`; True for the user."""
        while not self._window.poll(wait_ms=round(1000 * WAIT)):
            if is_over():
                return False
        return True

    def close(self) -> None:
        """Close the window."""
        self._window.close()

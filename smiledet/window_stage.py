"""The stage that the main thread is: it shows the newest frames in the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from smiledet.buffer_group import BufferGroup
from smiledet.drawing.mosaic import Mosaic
from smiledet.drawing.privacy import PrivacySettings
from smiledet.line import WINDOW
from smiledet.sinks.window import Window
from smiledet.telemetry.trace import Trace
from smiledet.workers.drawer import annotation_of

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
    """

    def __init__(
        self,
        window: Window,
        buffer: BufferGroup,
        sources: Sequence[str],
        privacy: PrivacySettings,
        trace: Trace | None,
    ) -> None:
        self._window, self._buffer, self._privacy, self._trace = window, buffer, privacy, trace
        self._mosaic = Mosaic(sources)

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to show."""
        return self._buffer.finished(WINDOW)

    def show_newest(self) -> bool:
        """Show the newest frame, where there is one soon; True where the user wants to end."""
        frame = self._buffer.newest(by=WINDOW, timeout=WAIT)
        if frame is not None:
            with self._trace.work(WINDOW, frame) if self._trace is not None else nullcontext():
                self._window.show(self._mosaic.put(frame.source, annotation_of(frame, self._privacy).image))
            self._buffer.done(frame, WINDOW, None)
        return self._window.poll()

    def hold(self, is_over: Callable[[], bool]) -> bool:
        """Keep the last picture on show until the user wants to end, or `is_over`; True for the user."""
        while not self._window.poll(wait_ms=round(1000 * WAIT)):
            if is_over():
                return False
        return True

    def close(self) -> None:
        """Close the window."""
        self._window.close()

"""The thread that asks for the machine's state once a second."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from smiledet.errors import SmiledetError, UsageError
from smiledet.system.cancel import CancelToken
from smiledet.telemetry.jetson_stats import JetsonStatsReader
from smiledet.telemetry.kernel import KernelReader
from smiledet.telemetry.machine_state import MachineState, Reader, event_columns, summarise

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two readings."""

CLOSE_WITHIN = 0.2
"""Seconds that the thread gets to end."""

MOST = 24 * 3600
"""Readings kept for the report: a day of them; after that the oldest half is let go."""


class Telemetry:
    """Asks for the machine's state in a thread of its own, for as long as the context lasts.

    jetson-stats is asked first; where it is not to be had, or goes away, the kernel's files.

    Args:
        first: Makes the preferred reader; tests bring their own, as below.
        second: Makes the one that is always there.
        interval: Seconds between two readings.
        cancel: Set when the run is over; a token of its own by default.
    """

    def __init__(
        self,
        first: Callable[[], Reader] = JetsonStatsReader,
        second: Callable[[], Reader] = KernelReader,
        interval: float = INTERVAL,
        cancel: CancelToken | None = None,
    ) -> None:
        self._first, self._second = first, second
        self._interval = interval
        self._lock = threading.Lock()
        self._readings: list[MachineState] = []
        self._cancel = cancel or CancelToken()
        self._has_one = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def __enter__(self) -> Telemetry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._cancel.set()
        self._thread.join(CLOSE_WITHIN)  # a service that hangs is left behind: the thread is a daemon

    @property
    def latest(self) -> MachineState | None:
        """The newest reading; None before the first."""
        with self._lock:
            return self._readings[-1] if self._readings else None

    def parts(self) -> tuple[str, ...]:
        """What the stats line says of it; nothing before the first reading."""
        reading = self.latest
        return reading.parts if reading else ()

    def columns(self) -> dict[str, float | str | None]:
        """What a line of events says of it; every column, empty before the first reading."""
        return event_columns(self.latest)

    def summary(self, fps: float = 0.0) -> dict[str, Any]:
        """All readings so far as figures; see `summarise`."""
        with self._lock:
            readings = list(self._readings)
        return summarise(readings, fps)

    def wait(self, timeout: float) -> bool:
        """Wait for the first reading.

        Args:
            timeout: Seconds.

        Returns:
            Whether there is one.
        """
        return self._has_one.wait(timeout)

    def _run(self) -> None:
        reader = self._open()
        try:
            while not self._cancel.wait(self._interval):
                try:
                    reading = reader.read()
                except SmiledetError as problem:
                    log.warning("%s; going on with the kernel's files", problem)
                    reader.close()
                    reader = self._second()
                    continue
                self._keep(reading)
        finally:
            reader.close()

    def _open(self) -> Reader:
        try:
            return self._first()
        except UsageError as problem:
            log.info("telemetry from the kernel's files: %s", problem)
            return self._second()

    def _keep(self, reading: MachineState) -> None:
        with self._lock:
            self._readings.append(reading)
            if len(self._readings) > MOST:
                del self._readings[: MOST // 2]
        self._has_one.set()

"""How a run is: rates, drops and ages by stage, for the page, for /healthz and for /metrics."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from smiledet.buffer import FrameBuffer, StageCount
from smiledet.workers import drawer

REFRESH = 1.0
"""Seconds over which a rate is taken."""

STALE = 2.0
"""Seconds without a finished frame after which a run is unhealthy: two refreshes missed."""

AGES = 64
"""Frames over which the median latency is taken."""


class Status:
    """What the buffer counts, with rates.

    Args:
        buffer: The run's.
        clock_ns: The buffer's clock; tests bring their own.
    """

    def __init__(self, buffer: FrameBuffer, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._buffer, self._clock_ns = buffer, clock_ns
        self._lock = threading.Lock()
        self._before = (clock_ns(), buffer.published, dict.fromkeys(buffer.counts(), 0))
        self._rates: dict[str, float] = {}
        self._published_rate = 0.0
        self._started_ns = clock_ns()

    def stages(self) -> dict[str, dict[str, Any]]:
        """Figures by stage.

        Frames processed, failed, dropped by cause, frames a second, median latency in ms, and whether it is stale.
        """
        counts = self._buffer.counts()
        self._take_rates(counts)
        return {name: self._stage(name, count) for name, count in counts.items()}

    def health(self) -> dict[str, Any]:
        """Whether frames are taken and drawn, and how long ago the last one was."""
        count = self._buffer.count(drawer.STAGE, 1)
        last = count.last_ns or self._started_ns
        age = (self._clock_ns() - last) / 1e9
        return {
            "healthy": age <= STALE,
            "seconds_since_last_frame": round(age, 3),
            "stages": {name: ("stale" if each["stale"] else "ok") for name, each in self.stages().items()},
        }

    def source(self) -> dict[str, Any]:
        """Frames taken from the source, and how many a second."""
        self._take_rates(self._buffer.counts())
        return {"frames": self._buffer.published, "fps": round(self._published_rate, 1)}

    def _take_rates(self, counts: Mapping[str, StageCount]) -> None:
        with self._lock:
            now = self._clock_ns()
            then, published, processed = self._before
            seconds = (now - then) / 1e9
            if seconds < REFRESH:
                return
            self._rates = {name: (each.processed - processed.get(name, 0)) / seconds for name, each in counts.items()}
            self._published_rate = (self._buffer.published - published) / seconds
            self._before = (now, self._buffer.published, {name: each.processed for name, each in counts.items()})

    def _stage(self, name: str, count: StageCount) -> dict[str, Any]:
        ages = list(count.ages_ns)[-AGES:]
        last = count.last_ns or self._started_ns
        return {
            "processed": count.processed,
            "failed": count.failed,
            "dropped": {cause.value: number for cause, number in count.dropped.items()},
            "fps": round(self._rates.get(name, 0.0), 1),
            "latency_ms": round(statistics.median(ages) / 1e6, 2) if ages else None,
            "stale": (self._clock_ns() - last) / 1e9 > STALE,
        }


class StatusCollector(Collector):
    """The same for Prometheus.

    Args:
        status: Where the figures come from.
    """

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Any:
        """The metrics; Prometheus' library calls it."""
        frames = CounterMetricFamily("smiledet_frames", "Frames taken from the source.")
        frames.add_metric([], self._status.source()["frames"])
        yield frames
        processed = CounterMetricFamily("smiledet_stage_frames", "Frames that a stage finished.", labels=["stage"])
        failed = CounterMetricFamily("smiledet_stage_failures", "Frames on which a stage failed.", labels=["stage"])
        dropped = CounterMetricFamily(
            "smiledet_stage_drops", "Frames that a stage never got.", labels=["stage", "cause"]
        )
        latency = GaugeMetricFamily(
            "smiledet_stage_latency_seconds", "Median time from capture to a stage's end.", labels=["stage"]
        )
        for name, stage in self._status.stages().items():
            processed.add_metric([name], stage["processed"])
            failed.add_metric([name], stage["failed"])
            for cause, number in stage["dropped"].items():
                dropped.add_metric([name, cause], number)
            if stage["latency_ms"] is not None:
                latency.add_metric([name], stage["latency_ms"] / 1000)
        yield from (processed, failed, dropped, latency)

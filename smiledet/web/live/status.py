"""How a run is: rates, drops and ages by stage, for the page, for /healthz and for /metrics."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from smiledet.buffer import FrameBuffer
from smiledet.buffer_group import BufferGroup
from smiledet.stage_count import StageCount
from smiledet.web.live.hub import ALL
from smiledet.workers import drawer

REFRESH = 1.0
"""Seconds over which a rate is taken."""

MISSED = 2
"""Intervals without a finished frame after which a stage is stale. An interval is a second, or the time between two
frames of a source that is slower."""

AGES = 64
"""Frames of each source over which the median latency is taken."""


class Status:
    """What the buffers count, with rates.

    Args:
        buffers: The run's.
        clock_ns: The buffers' clock; tests bring their own.
        rates: Frames a second of each source, by name; 0 where it is not known.
        lost: Says what ended the sources that were lost, by name.
    """

    def __init__(
        self,
        buffers: BufferGroup,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        rates: Mapping[str, float] | None = None,
        lost: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        several = len(buffers.sources) > 1
        self.lost = lost
        self.sources: dict[str, SourceStatus] = {
            name: SourceStatus(buffer, clock_ns, (rates or {}).get(name, 0.0))
            for name, buffer in buffers.sources.items()
        }
        whole = SourceStatus(buffers, clock_ns) if several else next(iter(self.sources.values()))
        self._all = {**self.sources, ALL: whole}

    def stages(self, source: str) -> dict[str, dict[str, Any]]:
        """See `SourceStatus`; of all sources together where the name is `ALL`."""
        return self._all[source].stages()

    def source(self, source: str) -> dict[str, Any]:
        """See `SourceStatus`."""
        return self._all[source].source()

    def health(self) -> dict[str, Any]:
        """Whether frames are taken and drawn of every source that has not ended, and how long ago the last one was."""
        lost = self.lost()
        every = {name: each.health(lost.get(name, "")) for name, each in self.sources.items()}
        if len(every) == 1:
            return next(iter(every.values()))
        return {"healthy": all(each["healthy"] for each in every.values()), "sources": every}


class SourceStatus:
    """What the buffer of one source counts, or those of all, with rates.

    Args:
        buffer: Its.
        clock_ns: The buffer's clock; tests bring their own.
        rate: Frames a second of the source; 0 where it is not known.
    """

    def __init__(
        self, buffer: FrameBuffer | BufferGroup, clock_ns: Callable[[], int] = time.monotonic_ns, rate: float = 0.0
    ) -> None:
        self._buffer, self._clock_ns = buffer, clock_ns
        self._stale_after = MISSED * max(REFRESH, 1 / rate if rate else 0.0)
        self._lock = threading.Lock()
        self._before = (clock_ns(), buffer.published, dict.fromkeys(buffer.counts(0), 0))
        self._rates: dict[str, float] = {}
        self._published_rate = 0.0
        self._started_ns = clock_ns()

    def stages(self) -> dict[str, dict[str, Any]]:
        """Figures by stage.

        Frames processed, failed, dropped by cause, frames a second, median latency in ms, and whether it is stale.
        """
        counts = self._buffer.counts(AGES)
        self._take_rates(counts)
        return {name: self._stage(name, count) for name, count in counts.items() if self._buffer.has(name)}

    def health(self, lost: str = "") -> dict[str, Any]:
        """Whether frames are taken and drawn, and how long ago the last one was.

        Args:
            lost: What ended the source before its end; empty where nothing did.
        """
        count = self._buffer.count(drawer.STAGE, 1)
        last = count.last_ns or self._started_ns
        age = (self._clock_ns() - last) / 1e9
        ended = self._buffer.finished(drawer.STAGE)
        state = {
            "healthy": not lost and (ended or age <= self._stale_after),
            "ended": ended,
            "seconds_since_last_frame": round(age, 3),
            "stages": {
                name: "ended" if ended else "stale" if each["stale"] else "ok" for name, each in self.stages().items()
            },
        }
        return state | ({"lost": lost} if lost else {})

    def source(self) -> dict[str, Any]:
        """Frames taken from the source, and how many a second."""
        self._take_rates(self._buffer.counts(0))
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
        ages = count.ages_ns
        last = count.last_ns or self._started_ns
        return {
            "processed": count.processed,
            "failed": count.failed,
            "dropped": {cause.value: number for cause, number in count.dropped.items()},
            "fps": round(self._rates.get(name, 0.0), 1),
            "latency_ms": round(statistics.median(ages) / 1e6, 2) if ages else None,
            "stale": (self._clock_ns() - last) / 1e9 > self._stale_after,
        }


class StatusCollector(Collector):
    """The same for Prometheus; of several sources with a label `source`.

    Args:
        status: Where the figures come from.
    """

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Any:
        """The metrics; Prometheus' library calls it."""
        several = len(self._status.sources) > 1
        labels = ["source", "stage"] if several else ["stage"]
        healthy = GaugeMetricFamily("smiledet_healthy", "1 while frames come, as /healthz has it.", labels=labels[:-1])
        frames = CounterMetricFamily("smiledet_frames", "Frames taken from the source.", labels=labels[:-1])
        processed = CounterMetricFamily("smiledet_stage_frames", "Frames that a stage finished.", labels=labels)
        failed = CounterMetricFamily("smiledet_stage_failures", "Frames on which a stage failed.", labels=labels)
        dropped = CounterMetricFamily(
            "smiledet_stage_drops", "Frames that a stage never got.", labels=[*labels, "cause"]
        )
        latency = GaugeMetricFamily(
            "smiledet_stage_latency_seconds", "Median time from capture to a stage's end.", labels=labels
        )
        lost = self._status.lost()
        for source, status in self._status.sources.items():
            whose = [source] if several else []
            healthy.add_metric(whose, status.health(lost.get(source, ""))["healthy"])
            frames.add_metric(whose, status.source()["frames"])
            for name, stage in status.stages().items():
                processed.add_metric([*whose, name], stage["processed"])
                failed.add_metric([*whose, name], stage["failed"])
                for cause, number in stage["dropped"].items():
                    dropped.add_metric([*whose, name, cause], number)
                if stage["latency_ms"] is not None:
                    latency.add_metric([*whose, name], stage["latency_ms"] / 1000)
        yield from (healthy, frames, processed, failed, dropped, latency)

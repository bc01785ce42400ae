"""The main thread's part: build the stages, own the buffer, hear how the threads fare, show the window."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from smiledet.buffer import Dropped, FrameBuffer, Policy, StageSpec
from smiledet.config import Config
from smiledet.detection.photographs import detector_name
from smiledet.drawing.stats import StatsLine
from smiledet.errors import SmiledetError
from smiledet.model_plan import plan_models
from smiledet.report import RunReport, summarise
from smiledet.sinks.base import Sink
from smiledet.sinks.window import Window
from smiledet.sources.base import Source
from smiledet.stages import make_stages, worker_settings
from smiledet.supervisor import Ended, Stop, Supervisor
from smiledet.system.memory import hand_back_memory
from smiledet.system.processes import ProcessorTimes, processor_times, usable_processors
from smiledet.tasks.base import Task
from smiledet.telemetry.rate import RateMeter
from smiledet.telemetry.trace import Trace
from smiledet.workers import aligner, drawer, grabber, locator
from smiledet.workers.base import Worker
from smiledet.workers.drawer import DrawerWorker, annotation_of
from smiledet.workers.grabber import Grabber
from smiledet.workers.sink import SinkWorker
from smiledet.workers.thread import StageThread, WorkerSettings
from smiledet.workers.track_labels import TrackLabels

log = logging.getLogger(__name__)

WINDOW = "window"

TIDY_EVERY = 60.0
"""Seconds after which memory that is free goes back to the system."""

LATENCIES_SHOWN = 64
"""Frames over which the stats line takes the median latency."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to end before the source does.

    Attributes:
        max_frames: Frames to take at most; None for no limit.
        duration: Seconds on the source's time line; None for no limit.

    Examples:
        >>> Limits(duration=2.5).max_frames is None
        True
    """

    max_frames: int | None = None
    duration: float | None = None


class Pipeline:
    """Everything between a source and its sinks.

    Constructing one loads and checks the models but starts nothing.

    Args:
        config: Every setting.
        source: Open already; closed at the end of the run.
        sinks: Not yet open: each is opened, written and closed by a thread of its own.
        window: Shown on the calling thread; None for none.
        limits: Where to end early.
        load: What the stats line says of the machine, asked for once a frame; None for nothing.
        trace: Where every thread writes down what it does; None for nowhere. Closed by whoever opened it.
        draw: Whether to draw on the frames; without it sinks are handed the bare picture as the annotated one.
        supervisor: What owns the run; one of its own by default.

    Raises:
        UsageError: A model is missing or damaged, or the detector is not installed.

    Examples:
        >>> from smiledet.sources.demo import DemoSource
        >>> with DemoSource() as source:
        ...     pipeline = Pipeline(Config(tasks=("smile",)), source, limits=Limits(max_frames=5))
        ...     why, report = pipeline.run()
        >>> why.value, report.published
        ('end of input', 5)
    """

    def __init__(
        self,
        config: Config,
        source: Source,
        sinks: Sequence[Sink] = (),
        window: Window | None = None,
        limits: Limits | None = None,
        load: Callable[[], tuple[str, ...]] | None = None,
        trace: Trace | None = None,
        draw: bool = True,
        supervisor: Supervisor | None = None,
    ) -> None:
        self._config = config
        self._supervisor = supervisor or Supervisor()
        source.heed(self._supervisor.cancel)
        self._draw = draw
        self._heads = any(sink.reads_heads for sink in sinks)
        self._load = load
        self._trace = trace
        self._window = window
        self._still = source.still
        self._plan = plan_models(config)
        self._tasks = self._plan.tasks
        self._track_labels = TrackLabels(self._tasks)
        self._drawn = RateMeter()
        self._late: list[SmiledetError] = []
        self._ready: ProcessorTimes | None = None
        policy = Policy.LIVE if source.live else Policy.EVERY_FRAME
        self._sinks = {f"sink {number}: {sink.description}": sink for number, sink in enumerate(sinks, start=1)}
        on_drop = _mark_drops(trace) if trace is not None else None
        # Live, whoever has a frame is to work at once; where all of them are read, the processors are the limit.
        at_once = max(2, usable_processors()) if policy is Policy.EVERY_FRAME else None
        stages = self._stages(policy, list(self._sinks))
        ring = config.buffer
        self.buffer = FrameBuffer(
            stages, policy, ring.capacity, on_drop=on_drop, at_once=at_once, byte_budget=round(1e6 * ring.megabytes)
        )
        self._grabber = Grabber(
            source,
            self.buffer,
            *((limits.max_frames, limits.duration) if limits else ()),
            settings=self._settings(grabber.STAGE),
            trace=trace,
            **self._supervisor.common,
        )
        self._workers: list[Worker] = self._make_workers()
        self._workers += [
            SinkWorker(stage, sink, config.privacy, buffer=self.buffer, trace=trace, **self._supervisor.common)
            for stage, sink in self._sinks.items()
        ]
        if trace is not None:
            trace.order_threads([self._grabber.name, *(worker.name for worker in self._workers)])

    @property
    def detector(self) -> str:
        """The face detector that runs."""
        return detector_name(self._config.photographs) if self._still else self._config.detector

    @property
    def device(self) -> str:
        """What runs the networks, in words."""
        return self._plan.device

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is read from each face."""
        return self._tasks

    def stop(self) -> None:
        """End the run as an interrupt does; safe in a signal handler and from any thread."""
        self._supervisor.stop()

    def run(self) -> tuple[Stop, RunReport]:
        """Run until the input ends, the user or a signal stops it, or a stage gives up.

        Returns:
            Why it ended, and what was done.

        Raises:
            SmiledetError: A stage gave up; outputs are closed and readable.
            UsageError: An output cannot be written; it is as it was before.
        """
        started = time.monotonic()
        self._ready = None
        try:
            why = self._watch()
        finally:
            over = processor_times()
            self.buffer.close()
            self._late += self._supervisor.end([self._grabber, *self._workers])
            self.buffer.settle()
            if self._window is not None:
                self._window.close()
        if self._late:
            raise self._late[0]
        report = summarise(self.buffer, over.clock - started, self._ready, over)
        for stage, sink in self._sinks.items():
            missed = report.stages[stage].missed
            if missed and sink.wrote is not None:
                what = sink.description
                log.warning("%s was too slow for %d of %d annotated frames, which it lacks", what, missed, report.drawn)
        return why, report

    def _stages(self, policy: Policy, sink_stages: Sequence[str]) -> list[StageSpec]:
        """Who needs what. In every-frame mode the drawer waits for the classifiers; live it takes their latest."""
        names = [network.stage for network in self._plan.networks]
        waits_for = [locator.STAGE, *(names if policy is Policy.EVERY_FRAME else [])]
        watchers = [StageSpec(stage, frozenset({drawer.STAGE}), in_order=True) for stage in sink_stages]
        if self._window is not None:
            watchers.append(StageSpec(WINDOW, frozenset({drawer.STAGE}), uncounted=True))
        return [
            StageSpec(locator.STAGE),
            StageSpec(aligner.STAGE, frozenset({locator.STAGE})),
            *(StageSpec(name, frozenset({aligner.STAGE})) for name in names),
            StageSpec(drawer.STAGE, frozenset(waits_for)),
            *watchers,
        ]

    def _settings(self, stage: str) -> WorkerSettings:
        return worker_settings(self._config, stage)

    def _make_workers(self) -> list[Worker]:
        config = self._config

        def common(stage: str) -> dict[str, object]:
            return {
                "buffer": self.buffer,
                "settings": self._settings(stage),
                "faults": config.faults,
                "trace": self._trace,
                **self._supervisor.common,
            }

        workers = make_stages(config, self._plan, self._track_labels, self._still, common, self._heads)
        stats = self._stats if config.stats and not self._still else None  # a photograph has no frame rate
        workers.append(
            DrawerWorker(
                self._tasks, self._track_labels, self._drawn, stats, self._draw, config.privacy, **common(drawer.STAGE)
            )
        )
        return workers

    def _stats(self, faces: int) -> StatsLine:
        """What the stats line says now; the drawer asks once a frame."""
        count = self.buffer.count(drawer.STAGE, LATENCIES_SHOWN)
        ages = count.ages_ns
        return StatsLine(
            fps=self._drawn.rate,
            latency_ms=statistics.median(ages) / 1e6 if ages else 0.0,
            device=self._plan.device,
            dropped=count.total_dropped,
            faces=faces,
            load=self._load() if self._load else (),
        )

    def _watch(self) -> Stop:
        """Start the threads, wait for what ends the run, and show frames meanwhile."""
        setting_up: set[StageThread] = set(self._workers)
        running: set[StageThread] = {self._grabber, *self._workers}
        self._supervisor.start(self._workers)
        tidied = time.monotonic()
        while running or (self._window is not None and not self.buffer.finished(WINDOW)):
            if self._window is not None and self._show_newest(self._window):
                return Stop.KEY
            # With a window the wait was for its next frame; without one there is nothing else to do but to tidy.
            message = self._supervisor.next_message(TIDY_EVERY if self._window is None else 0)
            if time.monotonic() - tidied >= TIDY_EVERY:
                hand_back_memory()
                tidied = time.monotonic()
            if isinstance(message, Stop):
                return message
            if self._grabber in running and self._grabber.overdue:
                running.discard(self._grabber)
                self._supervisor.give_up(self._grabber)
                self.buffer.end()
            if isinstance(message, Ended):
                running.discard(message.thread)
                self._note(message)
            elif message is not None:
                setting_up.discard(message.thread)
                if not setting_up and self._ready is None:  # pictures are not taken before somebody can look at them
                    self._ready = processor_times()
                    self._supervisor.start([self._grabber])
        return self._hold(self._window) if self._window is not None and self._still else Stop.END

    def _note(self, end: Ended) -> None:
        """End the run at once where a stage gave up; where an output could not be finished, let the others finish.

        Raises:
            SmiledetError: The problem, if frames would have to do without the stage.
        """
        if end.problem is None:
            return
        if end.thread is self._grabber or not self.buffer.finished(end.thread.stage):
            raise end.problem
        self._late.append(end.problem)

    def _hold(self, window: Window) -> Stop:
        """Keep the last photograph on show until a key or a signal."""
        while not window.poll(wait_ms=20):
            if isinstance(message := self._supervisor.next_message(0), Stop):
                return message
        return Stop.KEY

    def _show_newest(self, window: Window) -> bool:
        frame = self.buffer.newest(by=WINDOW, timeout=0.02)
        if frame is not None:
            with self._trace.work(WINDOW, frame) if self._trace is not None else nullcontext():
                window.show(annotation_of(frame, self._config.privacy).image)
            self.buffer.done(frame, WINDOW, None)
        return window.poll()


def _mark_drops(trace: Trace) -> Dropped:
    return lambda frame, stage, cause: trace.dropped(frame, stage, cause.value)

"""The main thread's part: build the stages, own the buffers, hear how the threads fare, show the window."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from smiledet.buffer_group import BufferGroup
from smiledet.config import Config
from smiledet.detection.photographs import detector_name
from smiledet.errors import SmiledetError, UsageError
from smiledet.line import Line
from smiledet.line_maker import LineMaker, make_explainers
from smiledet.model_plan import ModelPlan, plan_models
from smiledet.report import RunReport, summarise
from smiledet.sinks.base import Sink
from smiledet.sinks.window import Window
from smiledet.sources.base import Source
from smiledet.stage_spec import Policy, StageSpec
from smiledet.stages import Common, locator_maker, make_classifiers, worker_arguments
from smiledet.supervisor import Ended, Request, Stop, Supervisor
from smiledet.system.memory import hand_back_memory
from smiledet.system.processes import ProcessorTimes, processor_times, usable_processors
from smiledet.tasks.base import Task
from smiledet.telemetry.trace import Trace
from smiledet.turns import Turns
from smiledet.watchdog import Watchdog
from smiledet.window_stage import WindowStage
from smiledet.workers import aligner, drawer
from smiledet.workers.base import Worker
from smiledet.workers.explainer import Explained
from smiledet.workers.sink import SinkWorker
from smiledet.workers.thread import StageThread

log = logging.getLogger(__name__)

TIDY_EVERY = 60.0
"""Seconds after which memory that is free goes back to the system."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to end each source before it does.

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
    """Everything between sources and sinks.

    Each source has a buffer, a grabber, a locator, aligners and a drawer of its own (`Line`); classifiers, sinks and
    the window serve all of them. Constructing one loads and checks the models but starts nothing.

    Args:
        config: Every setting.
        source: Open already; closed at the end of the run. Or several by name: one that ends or is lost does not end
            the others.
        sinks: Not yet open: each is opened, written and closed by a thread of its own. It takes the frames of all
            sources, or of the one that its `of_source` names.
        window: Shown on the calling thread; None for none.
        limits: Where to end each source early.
        load: What the stats line says of the machine, asked for once a frame; None for nothing.
        trace: Where every thread writes down what it does; None for nowhere. Closed by whoever opened it.
        supervisor: What owns the run; one of its own by default.

    Attributes:
        buffer: The frames of all sources.

    Raises:
        UsageError: A model is missing or damaged, the detector is not installed, there is no source, or a sink is of
            none of them.

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
        source: Source | Mapping[str, Source],
        sinks: Sequence[Sink] = (),
        window: Window | None = None,
        limits: Limits | None = None,
        load: Callable[[], tuple[str, ...]] | None = None,
        trace: Trace | None = None,
        supervisor: Supervisor | None = None,
    ) -> None:
        sources = {"": source} if isinstance(source, Source) else dict(source)
        if not sources:
            raise UsageError("there is no source")
        self._config = config
        self._supervisor = supervisor or Supervisor()
        self._trace = trace
        self._plan = plan_models(config)
        self._watchdog = Watchdog(config.faults.hang)
        self._switching = threading.Lock()
        self._late: list[SmiledetError] = []
        self._ready: ProcessorTimes | None = None
        self._sinks = {f"sink {number}: {sink.description}": sink for number, sink in enumerate(sinks, start=1)}
        for sink in sinks:
            if sink.of_source is not None and sink.of_source not in sources:
                raise UsageError(f"{sink.description}: there is no source {sink.of_source!r}")
        for each in sources.values():
            each.heed(self._supervisor.cancel)
        # Live, whoever has a frame is to work at once; where all of them are read, the processors are the limit.
        turns = Turns(None if any(each.live for each in sources.values()) else max(2, usable_processors()))
        self._explainers = make_explainers(config, self._plan, sources)
        ends = limits or Limits()
        maker = LineMaker(
            config=config,
            plan=self._plan,
            sinks=self._sinks,
            explainers=self._explainers,
            turns=turns,
            supervisor=self._supervisor,
            trace=trace,
            window=window is not None,
            load=load,
            max_frames=ends.max_frames,
            duration=ends.duration,
        )
        self._lines = [maker.make(name, each) for name, each in sources.items()]
        self.buffer = self._group(self._lines)
        self._window = None
        if window is not None:
            shown = [line.name for line in self._lines]
            self._window = WindowStage(window, self.buffer, shown, config.privacy, trace, self._explainers)
        labels = {line.name: line.track_labels for line in self._lines}
        self._classifiers = make_classifiers(config, self._plan, labels, self._common, explainers=self._explainers)
        self._sink_workers: list[SinkWorker] = []
        for stage, sink in self._sinks.items():
            group = self._group([line for line in self._lines if sink.of_source in (None, line.name)])
            self._sink_workers.append(
                SinkWorker(stage, sink, config.privacy, buffer=group, trace=trace, **self._supervisor.common)
            )
        if trace is not None:
            threads: list[StageThread] = [line.grabber for line in self._lines]
            trace.order_threads([thread.name for thread in [*threads, *self._workers]])

    @property
    def config(self) -> Config:
        """Every setting as it is now; see `switch`."""
        return self._config

    @property
    def detector(self) -> str:
        """The face detector that runs; of photographs and video together, both."""
        photographs = detector_name(self._config.photographs)
        used = (photographs if line.source.still else self._config.detector for line in self._lines)
        return ", ".join(dict.fromkeys(used))

    @property
    def device(self) -> str:
        """What runs the networks, in words."""
        return self._plan.device

    @property
    def models(self) -> dict[str, str]:
        """The name of the model that reads each task."""
        return {task: model.name for task, model in self._plan.models.items()}

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is read from each face."""
        return self._plan.tasks

    @property
    def lost(self) -> dict[str, str]:
        """The sources that were lost, by name, with what ended them."""
        return {line.name: str(line.lost) for line in self._lines if line.lost is not None}

    @property
    def chosen(self) -> dict[str, int | None]:
        """The face of each source that is explained; None for the largest. Empty where nothing is explained."""
        return {name: explainer.chosen for name, explainer in self._explainers.items()}

    def choose(self, source: str, track: int | None) -> None:
        """Explain another face from now on; from any thread.

        Args:
            source: The name of the face's source.
            track: The face; None for the largest.

        Raises:
            UsageError: Nothing is explained, or there is no such source.
        """
        if source not in self._explainers:
            raise UsageError(f"there is no source {source!r}" if self._explainers else "nothing is explained")
        self._explainers[source].chosen = track

    def stop(self) -> None:
        """End the run as an interrupt does; safe in a signal handler and from any thread."""
        self._supervisor.stop()

    def switch(self, config: Config) -> None:
        """Go on with other tasks, models, thresholds, or another detector, while the run goes on; from any thread.

        What is new is loaded first. Files keep the columns with which they began: what is read in addition is shown
        and not written.

        Args:
            config: Every setting. What is said of tasks, the detector, the locator and the engine counts; the rest
                stays as it was.

        Raises:
            UsageError: A model is missing or damaged, or explained and has no gradients; the detector is not installed;
                the run is over.
        """
        with self._switching:
            plan = plan_models(config)
            task = next((each.task for each in self._explainers.values()), "")
            explained = Explained.by(plan.models[task]) if task in plan.models else None
            now = self._config
            moved = (now.detector, now.photographs, now.locator, now.haar) != (
                *(config.detector, config.photographs, config.locator, config.haar),
            )
            create = {
                line.name: locator_maker(config, line.source.still, line.tracker, line.source.live)
                for line in self._lines
                if moved
            }
            for each in create.values():
                each()  # what cannot be made is said before the one that runs is given up
            if not self._supervisor.ask(partial(self._apply, config, plan, create)):
                raise UsageError("the run is over")
            for explainer in self._explainers.values():
                if explained is not None:
                    explainer.load(explained)
                explainer.explained = explained

    def run(self) -> tuple[Stop, RunReport]:
        """Run until the input ends, the user or a signal stops it, or a stage gives up.

        Returns:
            Why it ended, and what was done; what was lost meanwhile where there are other sources.

        Raises:
            SmiledetError: A stage gave up, or the last source was lost; outputs are closed and readable.
            UsageError: An output cannot be written; it is as it was before.
        """
        try:
            return self._run()
        except BaseException as problem:
            # What its frames refer to, the pictures and this run, would be freed late: a cycle.
            traceback.clear_frames(problem.__traceback__)
            raise
        finally:
            self._late.clear()
            for line in self._lines:
                line.lost = None

    def _run(self) -> tuple[Stop, RunReport]:
        started = time.monotonic()
        self._ready = None
        try:
            if self._explainers:
                self._supervisor.call(self._load_explainers, "load explainers")
            why = self._watch()
        finally:
            over = processor_times()
            self.buffer.close()
            self._late += self._supervisor.end([*(line.grabber for line in self._lines), *self._workers])
            self.buffer.settle()
            for explainer in self._explainers.values():
                explainer.close()
            if self._window is not None:
                self._window.close()
        if self._late:
            raise self._late[0]
        lost = {line.name: line.lost for line in self._lines if line.lost is not None}
        report = summarise(self.buffer, over.clock - started, self._ready, over, lost)
        for stage, sink in self._sinks.items():
            missed = report.stages[stage].missed
            if missed and sink.wrote is not None:
                what = sink.description
                drawn = sum(each.drawn for each in report.sources.values() if stage in each.stages)
                log.warning("%s was too slow for %d of %d annotated frames, which it lacks", what, missed, drawn)
        return why, report

    def _load_explainers(self) -> None:
        for explainer in self._explainers.values():
            if explainer.explained is not None:
                explainer.load(explainer.explained)

    @property
    def _workers(self) -> list[Worker]:
        own = (worker for line in self._lines for worker in line.workers)
        return [*own, *self._classifiers, *self._sink_workers]

    def _group(self, lines: Sequence[Line]) -> BufferGroup:
        return BufferGroup({line.name: line.buffer for line in lines})

    @property
    def _common(self) -> Common:
        """The arguments of the workers that serve all sources."""
        return worker_arguments(self._config, self._supervisor, self._trace, self.buffer)

    def _watch(self) -> Stop:
        """Start the threads, wait for what ends the run, and show frames meanwhile."""
        grabbers = [line.grabber for line in self._lines]
        setting_up: set[StageThread] = set(self._workers)
        running: set[StageThread] = {*grabbers, *self._workers}
        self._supervisor.start(self._workers)
        still = any(line.source.still for line in self._lines)
        tidied = time.monotonic()
        while running or (self._window is not None and not self._window.finished):
            if self._window is not None and self._window.show_newest():
                return Stop.KEY
            # With a window the wait was for its next frame; without one there is nothing else to do but to tidy.
            message = self._supervisor.next_message(TIDY_EVERY if self._window is None else 0)
            if not still:  # a photograph may take as long as it takes
                self._watchdog.look([worker for worker in self._workers if not worker.may_wait])
            if time.monotonic() - tidied >= TIDY_EVERY:
                hand_back_memory()
                tidied = time.monotonic()
            if isinstance(message, Stop):
                return message
            for line in self._lines:
                if line.grabber in running and line.grabber.overdue:
                    running.discard(line.grabber)
                    self._supervisor.give_up(line.grabber)
                    line.buffer.end()
            if isinstance(message, Ended):
                running.discard(message.thread)
                self._note(message)
            elif isinstance(message, Request):
                message.action()
                message.done.set()
            elif message is not None:
                setting_up.discard(message.thread)
                if not setting_up and self._ready is None:  # pictures are not taken before somebody can look at them
                    self._ready = processor_times()
                    self._supervisor.start(grabbers)
        if self._window is None or not still:
            return Stop.END
        return Stop.KEY if self._window.hold(self._is_stopped) else Stop.SIGNAL

    def _apply(self, config: Config, plan: ModelPlan, create: Mapping[str, Callable[[], Any]]) -> None:
        """Put other classifiers in the place of those that are not wanted any more; see `switch`."""
        before = self._plan.files_by_stage()
        stages = {stage for stage, files in plan.files_by_stage().items() if before.get(stage) == files}
        gone = {network.stage for network in self._plan.networks} - stages
        fresh = [network.stage for network in plan.networks if network.stage not in stages]
        self._config, self._plan = config, plan
        for line in self._lines:
            line.switch(plan, create.get(line.name))
            for stage in gone:
                line.buffer.remove_stage(stage)
            for stage in fresh:
                needed = line.buffer.policy is Policy.EVERY_FRAME
                line.buffer.add_stage(StageSpec(stage, frozenset({aligner.STAGE})), drawer.STAGE, needed)
        networks = {network.stage: network for network in plan.networks}
        for worker in self._classifiers:
            if worker.stage in gone:
                worker.retire()
            else:
                worker.network = networks[worker.stage]
        labels = {line.name: line.track_labels for line in self._lines}
        started = make_classifiers(config, plan, labels, self._common, fresh, self._explainers)
        self._classifiers = [each for each in self._classifiers if each.stage not in gone] + started
        self._supervisor.start(started)

    def _note(self, end: Ended) -> None:
        """Let the other sources go on where one is lost, and the other outputs where one cannot be finished.

        Raises:
            SmiledetError: The problem, if frames would have to do without the stage, or it was the last source.
        """
        if end.problem is None:
            return
        line = next((line for line in self._lines if line.owns(end.thread)), None)
        if line is not None and self._ready is not None:
            self._lose(line, end)
        elif line is not None or not self.buffer.finished(end.thread.stage):
            raise end.problem
        else:
            self._late.append(end.problem)

    def _lose(self, line: Line, end: Ended) -> None:
        """Go on without a source.

        Raises:
            SmiledetError: There is no other that was not lost.
        """
        assert end.problem is not None
        first = line.lost is None
        line.lost = line.lost or end.problem
        if all(each.lost is not None for each in self._lines):
            raise end.problem
        if end.thread is not line.grabber:
            line.buffer.close()  # without one of its stages it would wait for ever
        if first:
            log.warning("source %s is lost, the others go on: %s", line.name, end.problem)

    def _is_stopped(self) -> bool:
        return self._supervisor.next_message(0) is Stop.SIGNAL

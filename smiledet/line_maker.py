"""From a source to its line: the buffer and the threads that serve it alone, made from a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from smiledet.buffer import FrameBuffer
from smiledet.config import Config
from smiledet.detection.following.tracker import FaceTracker
from smiledet.errors import UsageError
from smiledet.line import Line, stage_specs, stats_line
from smiledet.model_plan import ModelPlan
from smiledet.sinks.base import Sink
from smiledet.sources.base import Source
from smiledet.stage_count import Dropped
from smiledet.stage_spec import Policy
from smiledet.stages import make_finders, worker_arguments, worker_settings
from smiledet.supervisor import Supervisor
from smiledet.telemetry.trace import Trace
from smiledet.turns import Turns
from smiledet.workers import drawer, grabber
from smiledet.workers.drawer import DrawerWorker
from smiledet.workers.explainer import Explained, Explainer, parse_explain
from smiledet.workers.grabber import Grabber
from smiledet.workers.track_labels import TrackLabels


@dataclass(frozen=True, slots=True)
class LineMaker:
    """What the lines of a run have in common.

    Attributes:
        config: Every setting.
        plan: The models.
        sinks: By the name of their stage.
        explainers: What is shown beside a source's picture, by its name; nothing where nobody asked.
        turns: What the buffers share.
        supervisor: What owns the run.
        trace: Where the threads write down what they do; None for nowhere.
        window: Whether there is one.
        load: What the stats line says of the machine; None for nothing.
        max_frames: Frames to take of each source at most; None for no limit.
        duration: Seconds on its time line; None for no limit.
    """

    config: Config
    plan: ModelPlan
    sinks: Mapping[str, Sink]
    explainers: Mapping[str, Explainer]
    turns: Turns
    supervisor: Supervisor
    trace: Trace | None
    window: bool
    load: Callable[[], tuple[str, ...]] | None
    max_frames: int | None
    duration: float | None

    def make(self, name: str, source: Source) -> Line:
        """A source's line; nothing of it is started.

        Raises:
            UsageError: The detector is not installed.
        """
        config = self.config
        sinks = [stage for stage, sink in self.sinks.items() if sink.of_source in (None, name)]
        buffer = self._make_buffer(source, sinks)
        line = Line(name, source, buffer, TrackLabels(self.plan.tasks), FaceTracker(config.tracker))
        of = f" {name}" if name else ""
        line.grabber = Grabber(
            source,
            buffer,
            self.max_frames,
            self.duration,
            source_name=name,
            settings=worker_settings(config, grabber.STAGE),
            name=grabber.STAGE + of,
            trace=self.trace,
            **self.supervisor.common,
        )
        common = worker_arguments(config, self.supervisor, self.trace, buffer, of)
        heads = any(self.sinks[stage].reads_heads for stage in sinks)
        line.workers = make_finders(
            config, self.plan, line.track_labels, source.still, common, heads, line.tracker, source.live
        )
        stats = config.stats and not source.still  # a photograph has no frame rate
        line.workers.append(
            DrawerWorker(
                self.plan.tasks,
                line.track_labels,
                line.drawn,
                partial(stats_line, buffer, line.drawn, self.plan.device, self.load) if stats else None,
                partial(_is_drawing_used, self.window, [self.sinks[stage] for stage in sinks]),
                config.privacy,
                self.explainers.get(name),
                **common(drawer.STAGE, drawer.STAGE),
            )
        )
        return line

    def _make_buffer(self, source: Source, sinks: list[str]) -> FrameBuffer:
        policy = Policy.LIVE if source.live else Policy.EVERY_FRAME
        return FrameBuffer(
            stage_specs([network.stage for network in self.plan.networks], policy, sinks, self.window),
            policy,
            self.config.buffer.capacity,
            on_drop=_mark_drops(self.trace) if self.trace is not None else None,
            byte_budget=round(1e6 * self.config.buffer.megabytes),
            turns=self.turns,
        )


def _is_drawing_used(window: bool, sinks: Sequence[Sink]) -> bool:
    return window or any(sink.uses_drawing for sink in sinks)


def make_explainers(config: Config, plan: ModelPlan, sources: Mapping[str, Source]) -> dict[str, Explainer]:
    """What is shown beside each source's picture; nothing where nobody asked.

    Raises:
        UsageError: It would show what is hidden, or explain what is not read.
    """
    if not config.explain:
        return {}
    task, kind = parse_explain(config.explain)
    if config.privacy.covers:
        raise UsageError("--explain shows the face, which --blur and --no-images hide: take one of the two")
    if task not in plan.models:
        raise UsageError(f"--explain {config.explain}: the run reads {', '.join(plan.models)}")
    explained = Explained.by(plan.models[task])
    return {name: Explainer(explained, kind, every_frame=not source.live) for name, source in sources.items()}


def _mark_drops(trace: Trace) -> Dropped:
    return lambda frame, stage, cause: trace.dropped(frame, stage, cause.value)

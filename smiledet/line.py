"""One source of a run: its buffer, and the threads that serve it alone."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smiledet.buffer import FrameBuffer
from smiledet.detection.following.tracker import FaceTracker
from smiledet.drawing.stats import StatsLine
from smiledet.errors import SmiledetError
from smiledet.model_plan import ModelPlan
from smiledet.sources.base import Source
from smiledet.stage_spec import Policy, StageSpec
from smiledet.telemetry.rate import RateMeter
from smiledet.workers import aligner, drawer, locator
from smiledet.workers.aligner import AlignerWorker
from smiledet.workers.base import Worker
from smiledet.workers.drawer import DrawerWorker
from smiledet.workers.grabber import Grabber
from smiledet.workers.thread import StageThread
from smiledet.workers.track_labels import TrackLabels

WINDOW = "window"
"""The stage that the main thread is."""

LATENCIES_SHOWN = 64
"""Frames over which the stats line takes the median latency."""


@dataclass(slots=True)
class Line:
    """A source, its buffer, and the threads that serve it alone.

    Attributes:
        name: The source's name; empty for the only one that was given none.
        source: Open already.
        buffer: Its frames.
        track_labels: The labels of its faces; track numbers are its own.
        drawn: Ticked once a drawn frame.
        grabber: Takes its pictures.
        workers: Its locator, aligners and drawer.
        tracker: Gives its faces their numbers.
        lost: What ended it before its end; None where nothing did.
    """

    name: str
    source: Source
    buffer: FrameBuffer
    track_labels: TrackLabels
    tracker: FaceTracker
    drawn: RateMeter = field(default_factory=RateMeter)
    grabber: Grabber = field(init=False)
    workers: list[Worker] = field(default_factory=list)
    lost: SmiledetError | None = None

    def owns(self, thread: StageThread) -> bool:
        """Whether a thread serves this source alone, and it cannot go on without."""
        return thread is self.grabber or thread in self.workers

    def switch(self, plan: ModelPlan, create: Callable[[], Any] | None) -> None:
        """Go on with other tasks, chips and, where `create` is given, another locator."""
        self.track_labels.set_tasks(plan.tasks)
        for worker in self.workers:
            if isinstance(worker, AlignerWorker):
                worker.specs = plan.chips
            elif isinstance(worker, DrawerWorker):
                worker.tasks = plan.tasks
            elif create is not None:
                worker.renew(create)


def stats_line(
    buffer: FrameBuffer, drawn: RateMeter, device: str, load: Callable[[], tuple[str, ...]] | None, faces: int
) -> StatsLine:
    """What the stats line of a source says now; the drawer asks once a frame.

    Args:
        buffer: The source's frames.
        drawn: Ticked once a drawn frame.
        device: What runs the networks.
        load: What it says of the machine; None for nothing.
        faces: On the frame.
    """
    count = buffer.count(drawer.STAGE, LATENCIES_SHOWN)
    ages = count.ages_ns
    return StatsLine(
        fps=drawn.rate,
        latency_ms=statistics.median(ages) / 1e6 if ages else 0.0,
        device=device,
        dropped=count.total_dropped,
        faces=faces,
        load=load() if load else (),
    )


def stage_specs(networks: Sequence[str], policy: Policy, sinks: Sequence[str], window: bool) -> list[StageSpec]:
    """Who needs what of a source's frames.

    Args:
        networks: The stages of the classifiers. In every-frame mode the drawer waits for them; live it takes their
            latest readings.
        policy: See `Policy`.
        sinks: Their stages.
        window: Whether there is one.
    """
    waits_for = [locator.STAGE, *(networks if policy is Policy.EVERY_FRAME else [])]
    watchers = [StageSpec(stage, frozenset({drawer.STAGE}), in_order=True) for stage in sinks]
    if window:
        watchers.append(StageSpec(WINDOW, frozenset({drawer.STAGE}), uncounted=True))
    return [
        StageSpec(locator.STAGE),
        StageSpec(aligner.STAGE, frozenset({locator.STAGE})),
        *(StageSpec(name, frozenset({aligner.STAGE})) for name in networks),
        StageSpec(drawer.STAGE, frozenset(waits_for)),
        *watchers,
    ]

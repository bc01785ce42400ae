"""The stages that find and read faces, made from a configuration.

`Pipeline` gives each a thread; `Tracker` calls them one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeAlias

from smiledet.alignment.aligner import FaceAligner
from smiledet.buffer import FrameBuffer
from smiledet.buffer_group import BufferGroup
from smiledet.config import Config
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import create_locator
from smiledet.detection.photographs import PhotographLocator
from smiledet.model_plan import ModelPlan
from smiledet.shared_network import BETWEEN
from smiledet.shipped_models import make_aligner
from smiledet.supervisor import Supervisor
from smiledet.telemetry.trace import Trace
from smiledet.workers import aligner, locator
from smiledet.workers.aligner import AlignerWorker
from smiledet.workers.base import Worker
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.explainer import Explainer
from smiledet.workers.locator import LocatorWorker, PhotographLocatorWorker
from smiledet.workers.thread import WorkerSettings
from smiledet.workers.track_labels import TrackLabels

Common: TypeAlias = Callable[[str, str], "dict[str, Any]"]
"""The arguments that a worker takes, by its stage and its thread's name."""


def make_finders(
    config: Config,
    plan: ModelPlan,
    track_labels: TrackLabels,
    still: bool,
    common: Common,
    heads: bool = False,
    tracker: FaceTracker | None = None,
    live: bool = False,
) -> list[Worker]:
    """The locator and the aligners of a source, in this order; as many aligners as the configuration says.

    Args:
        config: Every setting.
        plan: The models.
        track_labels: Where the aligners post what nobody has to ask a network.
        still: Whether the pictures are photographs, each of its own.
        common: The arguments that a worker takes, by stage and name: see `Worker`.
        heads: Whether somebody uses where faces look and how far their eyes are open.
        tracker: Gives faces their numbers; one of its own by default.
        live: Whether a picture that takes long makes others be dropped.

    Raises:
        UsageError: The detector is not installed.
    """
    create = locator_maker(config, still, tracker or FaceTracker(config.tracker), live)

    def create_aligner() -> FaceAligner:
        return make_aligner(plan.landmarks, config.aligner.max_distortion)

    posted = track_labels if heads else None
    locating = common(locator.STAGE, locator.STAGE)
    return [
        PhotographLocatorWorker(create, **locating) if still else LocatorWorker(create, **locating),
        *(
            AlignerWorker(create_aligner, plan.chips, config.aligner.at_once, posted, **common(aligner.STAGE, name))
            for name in _names(config, aligner.STAGE)
        ),
    ]


def worker_arguments(
    config: Config, supervisor: Supervisor, trace: Trace | None, buffer: FrameBuffer | BufferGroup, of: str = ""
) -> Common:
    """The arguments of the workers of a run that work on a buffer's frames.

    Args:
        config: Every setting.
        supervisor: What owns the run.
        trace: Where they write down what they do; None for nowhere.
        buffer: The frames.
        of: Ends the threads' names.
    """
    return lambda stage, name: {
        "buffer": buffer,
        "settings": worker_settings(config, stage),
        "faults": config.faults,
        "name": name + of,
        "trace": trace,
        **supervisor.common,
    }


def locator_maker(config: Config, still: bool, tracker: FaceTracker, live: bool = False) -> Callable[[], Any]:
    """What makes a source's locator, in its thread.

    Args:
        config: Every setting.
        still: Whether the pictures are photographs.
        tracker: Outlives a restart of the locator, so that no number is given twice.
        live: Whether a picture that takes long makes others be dropped.

    Raises:
        UsageError: The detector is not installed.
    """
    if still:
        PhotographLocator(config.photographs)  # a detector that is not installed is said before any thread starts
        return partial(PhotographLocator, config.photographs)
    return partial(
        create_locator,
        detector_kind(config.detector),
        getattr(config, config.detector, None),
        tracker,
        config.locator,
        live,
    )


def make_classifiers(
    config: Config,
    plan: ModelPlan,
    track_labels: Mapping[str, TrackLabels],
    common: Common,
    only: Collection[str] | None = None,
    explainers: Mapping[str, Explainer] | None = None,
) -> list[ClassifierWorker]:
    """The threads that read the faces of all sources; as many of each network as the configuration says.

    Args:
        config: Every setting.
        plan: The models.
        track_labels: Where they post what they read, by the source's name.
        common: See `make_finders`.
        only: Stages that are wanted; None for all.
        explainers: Are offered what is read, by the source's name; None for nobody.
    """
    return [
        ClassifierWorker(network, partial(plan.load, network), track_labels, explainers, **common(network.stage, name))
        for network in plan.networks
        if only is None or network.stage in only
        for name in _names(config, network.stage)
    ]


def _names(config: Config, stage: str) -> list[str]:
    """Of the threads of a stage."""
    return [f"{stage} {number}" for number in range(1, worker_settings(config, stage).workers + 1)]


def worker_settings(config: Config, stage: str) -> WorkerSettings:
    """The settings of a stage's threads; of one that reads several tasks those of the first that has any."""
    named = (config.worker[name] for name in stage.split(BETWEEN) if name in config.worker)
    return next(named, WorkerSettings())

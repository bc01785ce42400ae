"""The stages that find and read faces, made from a configuration.

`Pipeline` gives each a thread; `Tracker` calls them one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from smiledet.alignment.aligner import FaceAligner
from smiledet.config import Config
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.following.tracker import FaceTracker
from smiledet.detection.locator import FaceLocator, create_locator
from smiledet.detection.photographs import PhotographLocator
from smiledet.model_plan import ModelPlan
from smiledet.shared_network import BETWEEN, SharedNetwork
from smiledet.shipped_models import make_aligner
from smiledet.workers import aligner, locator
from smiledet.workers.aligner import AlignerWorker
from smiledet.workers.base import Worker
from smiledet.workers.classifier import ClassifierWorker
from smiledet.workers.explainer import Explainer
from smiledet.workers.locator import LocatorWorker, PhotographLocatorWorker
from smiledet.workers.thread import WorkerSettings
from smiledet.workers.track_labels import TrackLabels


def make_stages(
    config: Config,
    plan: ModelPlan,
    track_labels: TrackLabels,
    still: bool,
    common: Callable[[str], dict[str, Any]],
    heads: bool = False,
    explainer: Explainer | None = None,
) -> list[Worker]:
    """The locator, the aligners and the classifiers, in this order; as many of each as the configuration says.

    Args:
        config: Every setting.
        plan: The models.
        track_labels: Where the classifiers post what they read.
        still: Whether the pictures are photographs, each of its own.
        common: The arguments that every worker of a stage takes, see `Worker`.
        heads: Whether somebody uses where faces look and how far their eyes are open.
        explainer: Is offered what is read of its task; None for nobody.

    Raises:
        UsageError: The detector is not installed.
    """
    photographs = partial(PhotographLocator, config.photographs)
    if still:
        photographs()  # a detector that is not installed is said before any thread starts
    finder = detector_kind(config.detector)
    tracker = FaceTracker(config.tracker)  # outlives a restart of the locator, so that no number is given twice

    def make_locator() -> FaceLocator:
        return create_locator(finder, getattr(config, config.detector, None), tracker, config.locator)

    def create_aligner() -> FaceAligner:
        return make_aligner(plan.landmarks, config.aligner.max_distortion)

    def names(stage: str) -> list[str]:
        count = worker_settings(config, stage).workers
        return [f"{stage} {number}" for number in range(1, count + 1)]

    stages: list[Worker] = [
        PhotographLocatorWorker(photographs, **common(locator.STAGE))
        if still
        else LocatorWorker(make_locator, **common(locator.STAGE))
    ]
    for name in names(aligner.STAGE):
        at_once = config.aligner.at_once
        posted = track_labels if heads else None
        stages.append(AlignerWorker(create_aligner, plan.chips, at_once, posted, name=name, **common(aligner.STAGE)))
    for network in plan.networks:
        create = partial(plan.load, network)
        stages += (
            ClassifierWorker(
                network, create, track_labels, _its(explainer, network), name=name, **common(network.stage)
            )
            for name in names(network.stage)
        )
    return stages


def _its(explainer: Explainer | None, network: SharedNetwork) -> Explainer | None:
    """The explainer, for the network that reads its task."""
    return explainer if explainer is not None and explainer.task in [task.name for task in network.tasks] else None


def worker_settings(config: Config, stage: str) -> WorkerSettings:
    """The settings of a stage's threads; of one that reads several tasks those of the first that has any."""
    named = (config.worker[name] for name in stage.split(BETWEEN) if name in config.worker)
    return next(named, WorkerSettings())

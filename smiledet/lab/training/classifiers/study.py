"""The papers' studies: the same training with the faces prepared in different ways.

Preprocessing (seed `001_*`, its data set's preparation): none, histogram equalisation, difference of Gaussians, gamma.
Alignment (seed `000_*`, section 3.2): none, the full affine map, the restricted similarity that runs at deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from typing_extensions import override

from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.similarity import Target, affine_of, match
from smiledet.errors import UsageError
from smiledet.frame import Matrix, Points
from smiledet.lab.datasets.base import read_samples
from smiledet.lab.training.classifiers.training_set import Preparation
from smiledet.lab.training.evaluation.metrics import report
from smiledet.lab.training.faces.chips import cut_chips
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.model_index import find_model
from smiledet.shipped_models import make_aligner, shipped_aligner
from smiledet.tasks.base import Task

Chips = npt.NDArray[np.uint8]

GAMMA = 0.75
"""The value that seed `001_*` shows; below one it brightens."""

INNER_SIGMA, OUTER_SIGMA = 1.0, 2.0
"""Of the difference of Gaussians, in pixels (Tan and Triggs, 2010)."""


class AffineAligner(FaceAligner):
    """Applies the affine map itself, shear and all."""

    @override
    def fit(self, inner: Points, target: Target) -> Matrix | None:
        return affine_of(match(inner, target))


def affine_aligner() -> FaceAligner:
    """The shipped landmark models, with the affine map."""
    return make_aligner(find_model("landmarks", "ert68"), kind=AffineAligner)


def upright() -> FaceAligner:
    """Never aligns: every chip is the face's box."""
    return shipped_aligner(max_distortion=0)


def _each_plane(chips: Chips) -> Iterator[Chips]:
    for chip in chips:
        yield from (chip[:, :, channel] for channel in range(chip.shape[2]))


def _from_planes(planes: Sequence[Chips], like: Chips) -> Chips:
    count, height, width, channels = like.shape
    stacked = np.array(planes, np.uint8).reshape(count, channels, height, width)
    return np.ascontiguousarray(stacked.transpose(0, 2, 3, 1))


def equalise(chips: Chips) -> Chips:
    """Histogram equalisation of each channel."""
    return _from_planes([np.asarray(cv2.equalizeHist(plane), np.uint8) for plane in _each_plane(chips)], chips)


def difference_of_gaussians(chips: Chips) -> Chips:
    """A band of the spatial frequencies, about mid-grey, stretched to the full scale chip by chip.

    What is fainter than one grey level is not stretched: it is rounding.
    """
    bands = []
    for plane in _each_plane(chips):
        levels = plane.astype(np.float32)
        band = cv2.GaussianBlur(levels, (0, 0), INNER_SIGMA) - cv2.GaussianBlur(levels, (0, 0), OUTER_SIGMA)
        bands.append(np.clip(127.5 + 127.5 * band / max(1.0, float(np.abs(band).max())), 0, 255).astype(np.uint8))
    return _from_planes(bands, chips)


def gamma(chips: Chips) -> Chips:
    """Grey values raised to a power below one."""
    table = np.round(255 * (np.arange(256) / 255) ** GAMMA).astype(np.uint8)
    return np.asarray(table[chips], np.uint8)


STUDIES: Mapping[str, tuple[Preparation, ...]] = {
    "preprocessing": (
        Preparation("none"),
        Preparation("histogram equalisation", process=equalise),
        Preparation("difference of Gaussians", process=difference_of_gaussians),
        Preparation("gamma", process=gamma),
    ),
    "alignment": (
        Preparation("none", aligner=upright),
        Preparation("affine", aligner=affine_aligner),
        Preparation("restricted similarity"),
    ),
}


def shortened(recipe: ClassifierRecipe, epochs: int | None, task: Task) -> ClassifierRecipe:
    """The recipe as a study runs it: one task, from random weights and the labels alone, in one phase.

    What was trained on chips of one preparation would favour it.

    Args:
        recipe: A shipped recipe.
        epochs: Of that phase; None for the recipe's own.
        task: What is studied; of a recipe with heads the one of that task counts.

    Raises:
        UsageError: `epochs` is below 1, or no head of the recipe is of that task.
    """
    if epochs is not None and epochs < 1:
        raise UsageError(f"--epochs is {epochs}, expected 1 or more")
    if recipe.heads:
        data = next((head.data for head in recipe.heads if head.task == task.name), None)
        if data is None:
            raise UsageError(f"the recipe {recipe.name} has no head for {task.name} alone")
        recipe = replace(recipe, data=data, heads=())
    schedule = replace(recipe.schedule, epochs=epochs or recipe.schedule.epochs, small_epochs=0, frozen_layers=0)
    return replace(recipe, schedule=schedule, finish=(), initial="", teacher=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of a study's table.

    Attributes:
        name: The preparation.
        accuracy: On the test splits of the recipe's data sets.
        auc: Likewise; None for more than two classes.
        count: Faces tested.
    """

    name: str
    accuracy: float
    auc: float | None
    count: int


def run_study(name: str, task: Task, recipe: ClassifierRecipe, data_folder: Path, output: Path) -> Iterator[Outcome]:
    """Train and test once for each preparation, each from the same seed.

    Args:
        name: One of `STUDIES`.
        task: What is learnt.
        recipe: How; its data sets are trained on their training split and tested on their test split.
        data_folder: What the recipe's data paths are relative to.
        output: Folder for checkpoints, one below it a preparation; an interrupted study goes on where it stopped.

    Yields:
        A row when it is measured.

    Raises:
        UsageError: No such study, or see `smiledet.lab.training.classifiers.train.train_classifier`.
    """
    if name not in STUDIES:
        raise UsageError(f"--study {name!r}: there are {', '.join(STUDIES)}")
    from smiledet.lab.training.classifiers.train import train_classifier

    samples = [
        sample
        for source in dict.fromkeys(recipe.data)
        for sample in read_samples(source.replace(":", f":{data_folder}/", 1), task.name)[1]
        if sample.split == "test"
    ]
    for preparation in STUDIES[name]:
        network, _ = train_classifier(
            task, recipe, data_folder, output / preparation.name.replace(" ", "-"), preparation
        )
        cut = cut_chips(samples, task.labels, preparation.aligner(), recipe.input)
        scores = network.predict(preparation.process(cut.chips).astype(np.float32), verbose=0)
        figures = report(task.labels, cut.classes, scores)
        yield Outcome(preparation.name, figures["accuracy"], figures.get("auc"), figures["count"])

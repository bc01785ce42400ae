"""Variants of a training, each trained and tested alike: the papers' studies and their comparison of architectures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from smiledet.errors import UsageError
from smiledet.lab.training.classifiers.training_set import DEPLOYED, Preparation, read_training
from smiledet.lab.training.own_data import held_out_split
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.system.output_files import write_file
from smiledet.tasks.base import Task

if TYPE_CHECKING:
    import keras

    from smiledet.lab.datasets.base import Sample

OUTCOME, LOG = "outcome.json", "log.csv"
"""In a variant's folder: its row of the table, and Keras' log."""

SMALLEST = 1e-7
"""Probability that a logarithm is taken of at least."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One training of several.

    Attributes:
        name: What the table calls it.
        recipe: How it is trained.
        preparation: How its faces become chips.
    """

    name: str
    recipe: ClassifierRecipe
    preparation: Preparation = DEPLOYED

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the table.

    Attributes:
        name: The variant's.
        accuracy: On the test splits of the recipe's data sets.
        auc: Likewise; None for more than two classes.
        loss: Mean cross-entropy of the right labels there.
        count: Faces tested.
        parameters: Of the network.
        multiply_adds: Its work for one face.
        milliseconds: Of one face on one thread, LiteRT in float32.
        side: Of its chips, in pixels.
        epochs: Trained.
    """

    name: str
    accuracy: float
    auc: float | None
    loss: float
    count: int
    parameters: int
    multiply_adds: int
    milliseconds: float
    side: int
    epochs: int


def shortened(recipe: ClassifierRecipe, epochs: int | None, task: Task) -> ClassifierRecipe:
    """The recipe as variants are trained: one task, from random weights and the labels alone, in one phase.

    What was trained on chips of one preparation, or with one architecture, would favour it.

    Args:
        recipe: A shipped recipe.
        epochs: Of that phase; None for the recipe's own.
        task: What is learnt; of a recipe with heads the one of that task counts.

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


def run_variants(
    variants: Sequence[Variant], task: Task, data_folder: Path, output: Path, fresh: bool = False
) -> Iterator[Outcome]:
    """Train and test each variant from the same seed.

    Args:
        variants: Their recipes have the same data sets; trained on the training splits, tested on the test splits.
        task: What is learnt.
        data_folder: What the recipes' data paths are relative to.
        output: Folder for checkpoints, one below it a variant; an interrupted call goes on where it stopped, and what
            is done there is not done again.
        fresh: Empty the variants' folders first.

    Yields:
        A row when it is measured.

    Raises:
        UsageError: A variant's folder holds another run; see `smiledet.lab.training.classifiers.train`.
    """
    from smiledet.lab.training.fingerprint import check_run, take_fingerprint

    if not variants:
        return
    first = variants[0].recipe
    learnt = read_training(task, first.data, data_folder, first.schedule.faces, apart_from=first.apart_from)
    prints = take_fingerprint(first, task.labels, learnt)
    for variant in variants:
        recipe = json.loads(json.dumps(asdict(variant.recipe)))
        check_run(output / variant.folder, replace(prints, recipe=recipe), fresh)
    samples = _held_out(first.data, data_folder, task.name)
    for variant in variants:
        kept = output / variant.folder / OUTCOME
        if not kept.is_file():
            outcome = _run(variant, task, data_folder, output, samples)
            write_file(kept, (json.dumps(asdict(outcome)) + "\n").encode())
        yield Outcome(**json.loads(kept.read_text()))


def _held_out(data: Sequence[str], data_folder: Path, task: str) -> list[Sample]:
    from smiledet.lab.datasets.base import read_samples

    held_out: list[Sample] = []
    for source in dict.fromkeys(data):
        layout, _, path = source.partition(":")
        held_out += held_out_split(layout, read_samples(f"{layout}:{data_folder / path}", task)[1])
    return held_out


def _run(variant: Variant, task: Task, data_folder: Path, output: Path, samples: Sequence[Sample]) -> Outcome:
    """Train and test one variant."""
    from smiledet.lab.networks.flops import count_flops
    from smiledet.lab.training.classifiers.train import train_classifier
    from smiledet.lab.training.evaluation.metrics import report
    from smiledet.lab.training.faces.chips import cached_chips

    recipe, preparation = variant.recipe, variant.preparation
    folder, chips = output / variant.folder, output / "chips"
    network, _ = train_classifier(task, recipe, data_folder, folder, preparation, chips)
    named = hashlib.sha256(preparation.name.encode()).hexdigest()
    cut = cached_chips(
        samples, task.labels, preparation.aligner(), named, recipe.input, chips, detector=recipe.detector
    )
    shown = preparation.process(cut.chips)
    scores = np.asarray(network.predict(shown.astype(np.float32), verbose=0), np.float32)
    figures = report(task.labels, cut.classes, scores)
    return Outcome(
        variant.name,
        figures["accuracy"],
        figures.get("auc"),
        _cross_entropy(scores, cut.classes),
        figures["count"],
        network.count_params(),
        count_flops(network).multiply_adds,
        _milliseconds(network, folder, shown[:1]),
        recipe.input.size,
        recipe.schedule.epochs,
    )


def _cross_entropy(scores: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    right = scores[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(right, SMALLEST)).mean())


def _milliseconds(network: keras.Model, folder: Path, chips: npt.NDArray[np.uint8]) -> float:
    from smiledet.engines.base import load_engine
    from smiledet.lab.training.export.agreement import milliseconds
    from smiledet.lab.training.export.conversion import to_litert

    path = folder / "model.tflite"
    write_file(path, to_litert(network))
    engine = load_engine("litert", path)
    try:
        return milliseconds(engine, chips)
    finally:
        engine.close()

"""Training one network of the zoo from its recipe."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt

from smiledet.alignment.shipped import shipped_aligner
from smiledet.datasets.base import Sample, content_hash, read_samples
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.networks.base import build_network
from smiledet.tasks.base import Task
from smiledet.training.augment import augment, centre
from smiledet.training.chips import ChipSet, cached_chips
from smiledet.training.recipe import ClassifierRecipe, Finish, Schedule
from smiledet.zoo import find_model

log = logging.getLogger(__name__)

SURROUND = 1.25
"""Training chips are cut this much larger than the network's input, so that shifts bring in picture, not edge."""


def surrounded(spec: ChipSpec) -> ChipSpec:
    """The geometry of training chips: the same scale, a wider view."""
    size = 2 * math.ceil(spec.size * SURROUND / 2)
    return ChipSpec(size, spec.margin * size / spec.size, spec.channels)


class AugmentedChips(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of freshly augmented chips with one-hot labels, in a new order each epoch.

    Args:
        chips: uint8 (n, side, side, channels), wider than `size`.
        targets: float32 (n, classes).
        side: Side of the views.
        recipe: Geometry, augmentation and schedule.
    """

    def __init__(
        self,
        chips: npt.NDArray[np.uint8],
        targets: npt.NDArray[np.float32],
        side: int,
        recipe: ClassifierRecipe,
    ) -> None:
        super().__init__()
        self._chips, self._targets, self._side, self._recipe = chips, targets, side, recipe
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Draw an epoch's order; its randomness depends on nothing but the seed and its number."""
        self._generator = np.random.default_rng([self._recipe.schedule.seed, epoch])
        self._order = self._generator.permutation(len(self._chips))

    def __len__(self) -> int:
        return len(self._chips) // self._recipe.schedule.batch

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        batch = self._recipe.schedule.batch
        rows = self._order[index * batch : (index + 1) * batch]
        limits, shown = self._recipe.augmentation, self._recipe.input.size
        views = [augment(self._chips[row], self._side, shown, limits, self._generator) for row in rows]
        return np.stack(views).astype(np.float32), self._targets[rows]


def split_validation(samples: Sequence[Sample], share: float) -> tuple[list[Sample], list[Sample]]:
    """Hold back a share of the samples, told by the content of the files: the same on every machine."""
    limit = int(share * 16**8)
    held = [int(content_hash(sample.image)[:8], 16) < limit for sample in samples]
    train = [sample for sample, out in zip(samples, held, strict=True) if not out]
    return train, [sample for sample, out in zip(samples, held, strict=True) if out]


def compiled(network: keras.Model, schedule: Schedule, steps: int) -> keras.Model:
    """The network with its loss, and Adam on a cosine with a linear warm-up."""
    warmup = round(schedule.warmup * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=schedule.learning_rate / 25 if warmup else schedule.learning_rate,
        decay_steps=max(1, schedule.epochs * steps - warmup),
        warmup_target=schedule.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    averaging = schedule.weight_average > 0
    optimiser = keras.optimizers.Adam(rate, use_ema=averaging, ema_momentum=schedule.weight_average or 0.99)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=schedule.label_smoothing)
    # XLA takes eight times as long over these networks on a processor.
    network.compile(optimizer=optimiser, loss=loss, metrics=["accuracy"], jit_compile=False)
    # Built now: a phase that a resumed training finds done has no first step to build it on.
    optimiser.build(network.trainable_variables)
    return network


def phases(recipe: ClassifierRecipe) -> list[tuple[int, int, int]]:
    """What the schedule comes to: (side of the chips, first epoch, epoch after the last), the small chips first."""
    schedule = recipe.schedule
    steps = [
        (schedule.small_side, 0, schedule.small_epochs),
        (recipe.input.size, schedule.small_epochs, schedule.epochs),
    ]
    return [step for step in steps if step[1] < step[2]]


def shrunk(chips: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """Chips (n, size, size, channels) at another side, float32."""
    if chips.shape[1] == side:
        return chips.astype(np.float32)
    resized = [cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA) for chip in chips]
    return np.array(resized, np.float32).reshape(len(chips), side, side, chips.shape[3])


@dataclass(frozen=True, slots=True)
class Lesson:
    """The chips of one phase.

    Attributes:
        train: To learn from; wider than the network's input.
        held: Held back to watch the training; likewise.
    """

    train: ChipSet
    held: ChipSet


def load_lesson(task: Task, recipe: ClassifierRecipe, data: Sequence[str], data_folder: Path, cache: Path) -> Lesson:
    """Cut the chips of some training sets, or take them from the cache.

    Raises:
        UsageError: A data set or the landmark model is missing, a label is none of the task, or there are fewer faces
            than a batch takes.
    """
    samples: list[Sample] = []
    for source in data:
        name, _, path = source.partition(":")
        _, found = read_samples(f"{name}:{data_folder / path}", task.name)
        if unknown := {sample.label for sample in found} - set(task.labels):
            raise UsageError(
                f"{source}: the label {min(unknown)!r} is none of the task {task.name!r}: {', '.join(task.labels)}"
            )
        samples += [sample for sample in found if sample.split == "train"]
    parts = split_validation(samples, recipe.schedule.validation)
    aligner = shipped_aligner()
    digest = find_model("landmarks", "ert68").files["dlib"].sha256
    spec = surrounded(recipe.input)
    lesson = Lesson(*(cached_chips(part, task.labels, aligner, digest, spec, cache) for part in parts))
    log.info("%d chips to train on, %d to watch", len(lesson.train.chips), len(lesson.held.chips))
    if len(lesson.train.chips) < recipe.schedule.batch:
        raise UsageError(
            f"{len(lesson.train.chips)} faces to train on in {', '.join(data) or 'no data set'}: "
            f"fewer than the recipe's batch of {recipe.schedule.batch}"
        )
    return lesson


def _fit(
    network: keras.Model, recipe: ClassifierRecipe, lesson: Lesson, phase: tuple[int, int, int], backup: Path
) -> dict[str, float]:
    """Train through one phase (side, first epoch, epoch after the last); returns the last epoch's figures."""
    side, first, last = phase
    one_hot = np.eye(network.output_shape[-1], dtype=np.float32)
    batches = AugmentedChips(lesson.train.chips, one_hot[lesson.train.classes], side, recipe)
    held = shrunk(centre(lesson.held.chips, recipe.input.size), side)
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if recipe.schedule.weight_average > 0 else []
    # Keras remembers the epoch that a restored network had come to, and would go on there in the next phase as well.
    network._initial_epoch = None
    history = network.fit(
        batches,
        shuffle=False,  # Keras' own order of batches depends on all that was drawn before
        initial_epoch=first,
        epochs=last,
        validation_data=(held, one_hot[lesson.held.classes]) if len(held) else None,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _logs: batches.begin(epoch)),
            # Kept when a phase is over: a training that is called again passes over what it has done. Before the swap:
            # weights and running mean have to be found in their own places.
            keras.callbacks.BackupAndRestore(str(backup), delete_checkpoint=False),
            *averaging,
            keras.callbacks.CSVLogger(str(backup.parent / "log.csv"), append=True),
        ],
        verbose=2,
    )
    return {name: float(values[-1]) for name, values in history.history.items() if values}


def finishing(recipe: ClassifierRecipe, finish: Finish) -> ClassifierRecipe:
    """The recipe of a further phase on its own."""
    schedule = replace(
        recipe.schedule,
        epochs=finish.epochs,
        small_epochs=0,
        learning_rate=finish.learning_rate,
        weight_average=finish.weight_average,
    )
    augmentation = finish.augmentation or recipe.augmentation
    return replace(recipe, data=finish.data, schedule=schedule, augmentation=augmentation)


def _copied(network: keras.Model, recipe: ClassifierRecipe, side: int | None) -> keras.Model:
    """The weights in a fresh network for chips of that side (None for any), without optimiser or history."""
    fresh = build_network(recipe.architecture, (side, side, recipe.input.channels), network.output_shape[-1])
    fresh.set_weights(network.get_weights())
    return fresh


def start_from(network: keras.Model, initial: str) -> None:
    """Take over the weights of a shipped model, layer by layer, but for layers that have another shape.

    Args:
        network: Changed in place.
        initial: TASK/NAME, as in `ClassifierRecipe`.

    Raises:
        UsageError: There is no such model, it keeps no Keras file, or it is of another architecture.
    """
    task, _, name = initial.partition("/")
    source = keras.saving.load_model(find_model(task, name).file("keras"), compile=False)
    pairs = list(zip(network.layers, source.layers, strict=False))
    if len(network.layers) != len(source.layers) or any(type(ours) is not type(theirs) for ours, theirs in pairs):
        raise UsageError(f"initial: {initial} is of another architecture than {network.name}")
    for ours, theirs in pairs:
        weights = theirs.get_weights()
        if [weight.shape for weight in weights] == [weight.shape for weight in ours.get_weights()]:
            ours.set_weights(weights)


def train_classifier(
    task: Task, recipe: ClassifierRecipe, data_folder: Path, output: Path
) -> tuple[keras.Model, dict[str, Any]]:
    """Train a network.

    Interrupted training goes on where it stopped when called again with the same `output`.

    Args:
        task: What to learn.
        recipe: How.
        data_folder: What the recipe's data paths are relative to.
        output: Folder for checkpoints, the log (`log.csv`) and the result (`model.keras`).

    Returns:
        The trained network and what was seen: `samples`, `validation`, `missed`, and the last epoch's figures.

    Raises:
        UsageError: See `load_lesson`; an unknown architecture.
    """
    keras.utils.set_random_seed(recipe.schedule.seed)
    cache = output / "chips"
    lesson = load_lesson(task, recipe, recipe.data, data_folder, cache)
    # Cut now: what is wrong with them should not come out after hours of training.
    finishes = [finishing(recipe, finish) for finish in recipe.finish]
    lessons = [load_lesson(task, recipe, last.data, data_folder, cache) for last in finishes]
    seen: dict[str, Any] = {
        "samples": len(lesson.train.chips),
        "validation": len(lesson.held.chips),
        "missed": lesson.train.missed + lesson.held.missed,
    }
    # Any side while training, so that the chips may grow; the network that is kept has the one side of its recipe.
    network = build_network(recipe.architecture, (None, None, recipe.input.channels), len(task.labels))
    if recipe.initial:
        start_from(network, recipe.initial)
    compiled(network, recipe.schedule, len(lesson.train.chips) // recipe.schedule.batch)
    for phase in phases(recipe):
        seen |= _fit(network, recipe, lesson, phase, output / f"backup-{phase[0]}")
    for number, (last, last_lesson) in enumerate(zip(finishes, lessons, strict=True), start=1):
        network = _copied(network, recipe, None)
        for layer in network.layers[: recipe.finish[number - 1].frozen_layers]:
            layer.trainable = False
        compiled(network, last.schedule, len(last_lesson.train.chips) // last.schedule.batch)
        phase = (recipe.input.size, 0, last.schedule.epochs)
        seen |= _fit(network, last, last_lesson, phase, output / f"backup-finish-{number}")
    network = _copied(network, recipe, recipe.input.size)
    network.save(output / "model.keras")
    kept = output / "seen.json"
    if kept.is_file():  # where nothing was left to train, the last epoch's figures are those of then
        seen = json.loads(kept.read_text()) | seen
    kept.write_text(json.dumps(seen, default=float) + "\n")
    return network, seen

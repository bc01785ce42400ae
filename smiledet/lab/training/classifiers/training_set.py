"""What a network is shown while it learns: chips, the answers that are wanted, and how they are varied."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import keras
import numpy as np
import numpy.typing as npt

from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.template import load_template
from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.datasets.base import Sample, content_hash, read_samples
from smiledet.lab.datasets.splits import count_copies, duplicate_digests, of_one_mind, spread
from smiledet.lab.datasets.twins import drop_twins
from smiledet.lab.training.classifiers.distillation import Teacher
from smiledet.lab.training.classifiers.heads import TaskHead, joined
from smiledet.lab.training.faces.augment import augment, centre
from smiledet.lab.training.faces.chips import ChipSet, cached_chips
from smiledet.lab.training.faces.glasses import put_on, random_glasses
from smiledet.lab.training.own_data import held_out_split, training_split
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.model_index import find_model
from smiledet.shipped_models import shipped_aligner
from smiledet.tasks.base import Task

log = logging.getLogger(__name__)

SURROUND = 1.25
"""Training chips are cut this much larger than the network's input, so that shifts bring in picture, not edge."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How faces become chips; the studies try others than what runs at deployment.

    Attributes:
        name: What a study's table calls it.
        aligner: Makes the aligner.
        process: Changes chips uint8 (n, size, size, channels) once they are cut.
    """

    name: str = ""
    aligner: Callable[[], FaceAligner] = shipped_aligner
    process: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] = lambda chips: chips


DEPLOYED = Preparation()
"""What the pipeline does."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What one phase learns from.

    Attributes:
        chips: uint8 (views, n, side, side, channels), wider than the network's input; a view is one cut of all the
            faces, from Viola-Jones' own box or from one beside it.
        targets: float32 (n, outputs), probabilities of each head, scaled by its weight.
        held_chips: Held back to watch the training; uint8 (m, side, side, channels).
        held_targets: float32 (m, outputs).
        missed: Photographs in which no face was found.
    """

    chips: npt.NDArray[np.uint8]
    targets: npt.NDArray[np.float32]
    held_chips: npt.NDArray[np.uint8]
    held_targets: npt.NDArray[np.float32]
    missed: int


class AugmentedChips(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of freshly augmented chips with their targets, in a new order each epoch.

    Args:
        chips: uint8 (views, n, side, side, channels), wider than the network's input.
        targets: float32 (n, classes).
        side: Side of the batches' chips.
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
        self._template = load_template(find_model("landmarks", "ert68").file("template"))
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Draw an epoch's order; its randomness depends on nothing but the seed and its number."""
        self._generator = np.random.default_rng([self._recipe.schedule.seed, epoch])
        self._order = self._generator.permutation(len(self._targets))

    def __len__(self) -> int:
        return len(self._targets) // self._recipe.schedule.batch

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        batch = self._recipe.schedule.batch
        rows = self._order[index * batch : (index + 1) * batch]
        cuts = self._generator.integers(0, len(self._chips), len(rows))
        views = [self._view(self._chips[cut, row]) for cut, row in zip(cuts, rows, strict=True)]
        return np.stack(views).astype(np.float32), self._targets[rows]

    def _view(self, chip: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        limits, shown = self._recipe.augmentation, self._recipe.input
        # Put on before anything else: they move with the face.
        if limits.glasses and self._generator.random() < limits.glasses:
            wide = replace(shown, size=chip.shape[0], margin=shown.margin * chip.shape[0] / shown.size)
            chip = put_on(chip, wide, self._template, random_glasses(self._generator))
        return augment(chip, self._side, shown.size, limits, self._generator)


def surrounded(spec: ChipSpec) -> ChipSpec:
    """The geometry of training chips: the same scale, a wider view."""
    size = 2 * math.ceil(spec.size * SURROUND / 2)
    return ChipSpec(size, spec.margin * size / spec.size, spec.channels)


def shrunk(chips: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """Chips (n, size, size, channels) at another side, float32."""
    if chips.shape[1] == side:
        return chips.astype(np.float32)
    resized = [cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA) for chip in chips]
    return np.array(resized, np.float32).reshape(len(chips), side, side, chips.shape[3])


def split_validation(samples: Sequence[Sample], share: float) -> tuple[list[Sample], list[Sample]]:
    """Hold back a share of the samples, told by the content of the files: the same on every machine.

    Told by a digest of its own: whoever published a data set may have held photographs back by their plain one.
    """
    limit = int(share * 16**8)
    digests = [hashlib.sha256(f"validation:{content_hash(sample.image)}".encode()).hexdigest() for sample in samples]
    held = [int(digest[:8], 16) < limit for digest in digests]
    train = [sample for sample, out in zip(samples, held, strict=True) if not out]
    return train, [sample for sample, out in zip(samples, held, strict=True) if out]


def class_weights(targets: npt.NDArray[np.float32], power: float) -> dict[int, float] | None:
    """Weights of the classes in the loss: (mean count / count) ** power, 1 on average over the samples.

    Args:
        targets: float32 (n, classes).
        power: 0 for equal weights, 1 for classes that count alike however rare they are.

    Returns:
        Weight by class; None where all are equal.
    """
    if power == 0:
        return None
    counts = np.maximum(targets.sum(axis=0), 1.0)
    weights = (counts.mean() / counts) ** power
    weights /= (weights * counts).sum() / counts.sum()
    return {index: float(weight) for index, weight in enumerate(weights)}


def read_training(
    task: Task,
    data: Sequence[str],
    data_folder: Path,
    count: int = 0,
    aloud: bool = False,
    apart_from: Sequence[str] = (),
) -> list[Sample]:
    """The training split of some data sets, at most `count` photographs of each (0 for all).

    Photographs that a set of `apart_from` has in its test split, by content or by look, are left out, and counted.

    Photographs whose content is there under several labels are left out (83 of FER-2013's, of 33 contents); copies
    under one label stay. Both are counted in the log if `aloud`.

    Raises:
        UsageError: A data set is missing, or a label is none of the task.
    """
    samples: list[Sample] = []
    for source in data:
        name, _, path = source.partition(":")
        _, found = read_samples(f"{name}:{data_folder / path}", task.name)
        if unknown := {sample.label for sample in found} - set(task.labels):
            raise UsageError(
                f"{source}: the label {min(unknown)!r} is none of the task {task.name!r}: {', '.join(task.labels)}"
            )
        samples += spread(training_split(name, found), count)
    if apart_from:
        held_out = tuple(sample.image for sample in _held_out(apart_from, data_folder))
        apart = _apart(tuple(sample.image for sample in samples), held_out, task.name)
        samples = [sample for sample in samples if sample.image in apart]
    digests = duplicate_digests(samples)
    kept = of_one_mind(samples, digests)
    if aloud and len(kept) < len(samples):
        log.info("%d photographs left out: the same picture stands under several labels", len(samples) - len(kept))
    if aloud and (copies := count_copies(samples, digests)):
        log.info("%d photographs are copies of others under the same label; each counts", copies)
    return kept


@lru_cache(maxsize=2)
def _apart(images: tuple[Path, ...], held_out: tuple[Path, ...], name: str) -> frozenset[Path]:
    """The photographs that no held-out one is a twin of; kept, since a training asks several times."""
    samples, others = ([Sample(image, "", "") for image in part] for part in (images, held_out))
    return frozenset(sample.image for sample in drop_twins(samples, others, name))


def _held_out(data: Sequence[str], data_folder: Path) -> list[Sample]:
    """The photographs of the test splits."""
    held_out: list[Sample] = []
    for source in data:
        name, _, path = source.partition(":")
        held_out += held_out_split(name, read_samples(f"{name}:{data_folder / path}")[1])
    return held_out


def read_faces(task: Task, data: Sequence[str], data_folder: Path, count: int = 0) -> list[Sample]:
    """The training split of data sets whose labels are not looked at, under the task's first label."""
    samples: list[Sample] = []
    for source in data:
        name, _, path = source.partition(":")
        _, found = read_samples(f"{name}:{data_folder / path}")
        chosen = spread([sample for sample in found if sample.split == "train"], count)
        samples += [replace(sample, label=task.labels[0]) for sample in chosen]
    return samples


def load_training_set(
    heads: Sequence[TaskHead],
    recipe: ClassifierRecipe,
    data_folder: Path,
    cache: Path,
    preparation: Preparation = DEPLOYED,
) -> TrainingSet:
    """Cut the chips of the heads' training sets, or take them from the cache, and ask the teacher, if there is one.

    Raises:
        UsageError: A data set or the landmark model is missing, a label is none of its task, or there are fewer faces
            than a batch takes.
    """
    count = recipe.schedule.faces
    parts = [
        split_validation(
            read_training(head.task, head.data, data_folder, count, aloud=True, apart_from=recipe.apart_from),
            recipe.schedule.validation,
        )
        for head in heads
    ]
    train, targets = joined(heads, [part[0] for part in parts])
    held, held_targets = joined(heads, [part[1] for part in parts])
    aligner = preparation.aligner()
    landmarks = find_model("landmarks", "ert68")
    digest = "".join(file.sha256 for _, file in sorted(landmarks.files.items())) + preparation.name
    spec = surrounded(recipe.input)

    def cut(samples: Sequence[Sample], spec: ChipSpec, jitter: int | None = None) -> ChipSet:
        # What a chip shows does not depend on its label, and a photograph that is shown twice is cut once.
        once = list({sample.image: replace(sample, label="") for sample in samples}.values())
        found = cached_chips(once, ("",), aligner, digest, spec, cache, jitter, recipe.detector)
        return _repeated(found, [sample.image for sample in once], samples)

    labelled, watched = cut(train, spec), cut(held, spec)
    targets = targets[labelled.rows]
    faces: list[Sample] = []
    if recipe.teacher:
        teacher = Teacher(recipe.teacher, heads[0].task)
        faces = read_faces(heads[0].task, recipe.teacher.unlabelled, data_folder, count)
        targets = teacher.targets(targets, lambda spec: cut(train, spec).chips)
        if faces:
            said = teacher.targets(None, lambda spec: cut(faces, spec).chips)
            targets = np.concatenate([targets, said])
    views = [
        np.concatenate([cut(part, spec, number or None).chips for part in ((train, faces) if faces else (train,))])
        for number in range(1 + recipe.augmentation.box_jitter)
    ]
    missed = labelled.missed + watched.missed
    log.info("%d chips to train on, %d to watch", len(views[0]), len(watched.chips))
    if missed:
        log.info("%d photographs left out: no face was found in them", missed)
    if len(views[0]) < recipe.schedule.batch:
        sources = ", ".join(dict.fromkeys(source for head in heads for source in head.data))
        raise UsageError(
            f"{len(views[0])} faces to train on in {sources or 'no data set'}: "
            f"fewer than the recipe's batch of {recipe.schedule.batch}"
        )
    return TrainingSet(
        np.stack([preparation.process(view) for view in views]),
        targets,
        preparation.process(watched.chips),
        held_targets[watched.rows],
        missed,
    )


def _repeated(found: ChipSet, cut: Sequence[Path], samples: Sequence[Sample]) -> ChipSet:
    """The chips of photographs that were cut once, in the order of the samples and as often as they stand there."""
    chip_of = {cut[row]: place for place, row in enumerate(found.rows)}
    rows = [row for row, sample in enumerate(samples) if sample.image in chip_of]
    chips = found.chips[[chip_of[samples[row].image] for row in rows]]
    classes = np.zeros(len(rows), np.int64)
    return ChipSet(chips, classes, len(samples) - len(rows), found.unaligned, np.array(rows, np.int64))


def held_views(training_set: TrainingSet, size: int, side: int) -> npt.NDArray[np.float32]:
    """The watched chips as the network sees them in a phase of that side."""
    return shrunk(centre(training_set.held_chips, size), side)

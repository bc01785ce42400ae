"""What is shown while a network learns, and the targets that it is shown with."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.frame import ChipSpec
from smiledet.lab.datasets.base import Sample
from smiledet.lab.training.recipe import TeacherRecipe
from smiledet.tasks.base import get_task

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

TASK = get_task("smile")


@pytest.fixture
def training_set():
    from smiledet.lab.training.classifiers import training_set as module

    return module


def test_training_chips_show_more_at_the_same_scale(training_set):
    assert training_set.surrounded(ChipSpec(64, 0.8)) == ChipSpec(80, 1.0)
    wide = training_set.surrounded(ChipSpec(48, 1.0, 3))
    assert wide == ChipSpec(60, 1.25, 3)
    assert wide.size / wide.margin == pytest.approx(48)


def test_validation_is_told_by_content(training_set, tmp_path):
    samples = []
    for number in range(400):
        path = tmp_path / str(number)
        path.write_text(str(number % 200))  # every file has a twin
        samples.append(Sample(path, "x", "train"))
    kept, held = training_set.split_validation(samples, 0.25)
    assert len(kept) + len(held) == 400 and 60 < len(held) < 140
    assert not {sample.image.read_text() for sample in kept} & {sample.image.read_text() for sample in held}
    assert training_set.split_validation(samples[::-1], 0.25)[1] == held[::-1]
    assert training_set.split_validation(samples, 0.0) == (samples, [])


def heads(task, recipe):
    from smiledet.lab.training.classifiers.heads import heads_of

    return heads_of(recipe, task)


def test_an_epoch_depends_on_its_number_alone(training_set, recipe):
    chips = np.random.default_rng(1).integers(0, 256, (2, 20, 40, 40, 1), dtype=np.uint8)
    targets = np.eye(20, dtype=np.float32)
    one, other = (training_set.AugmentedChips(chips, targets, 24, recipe) for _ in range(2))
    assert len(one) == 2
    batches = [one[index] for index in range(2)]
    assert batches[0][0].shape == (8, 24, 24, 1) and batches[0][0].dtype == np.float32
    drawn = np.concatenate([labels.argmax(axis=1) for _, labels in batches])
    assert len(set(drawn)) == 16  # nobody twice in an epoch
    one.begin(3)
    assert other[0][0].shape == batches[0][0].shape  # another past
    other.begin(3)
    for index in range(2):
        for mine, theirs in zip(one[index], other[index], strict=True):
            assert np.array_equal(mine, theirs)
    one.begin(3)
    assert not np.array_equal(batches[0][0], one[0][0])


def test_shrinking_keeps_what_fits(training_set):
    chips = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    assert np.array_equal(training_set.shrunk(chips, 32), chips)
    small = training_set.shrunk(chips, 16)
    assert small.shape == (3, 16, 16, 1) and small.dtype == np.float32
    assert small == pytest.approx(chips.reshape(3, 16, 2, 16, 2, 1).mean(axis=(2, 4)), abs=0.51)
    assert training_set.shrunk(chips[:0], 16).shape == (0, 16, 16, 1)


def test_validation_does_not_look_at_plain_digests(training_set, tmp_path):
    """GENKI-4K as it could be had lacks a quarter of its photographs: those of the lowest digests."""
    samples = []
    for number in range(600):
        path = tmp_path / str(number)
        path.write_text(str(number))
        if hashlib.sha256(path.read_bytes()).hexdigest() > "4":
            samples.append(Sample(path, "x", "train"))
    _, held = training_set.split_validation(samples, 0.2)
    assert 0.1 < len(held) / len(samples) < 0.3


def test_rare_classes_count_for_more(training_set):
    targets = np.eye(2, dtype=np.float32)[[0] * 30 + [1] * 10]
    assert training_set.class_weights(targets, 0) is None
    weights = training_set.class_weights(targets, 1)
    assert weights[0] * 30 == pytest.approx(weights[1] * 10)
    assert (weights[0] * 30 + weights[1] * 10) / 40 == pytest.approx(1)
    mild = training_set.class_weights(targets, 0.5)
    assert 1 < mild[1] / mild[0] < weights[1] / weights[0]


def test_further_cuts_show_the_same_faces_a_little_elsewhere(training_set, recipe, data_folder, tmp_path):
    jitter = replace(recipe, augmentation=replace(recipe.augmentation, box_jitter=2))
    shown = training_set.load_training_set(heads(TASK, jitter), jitter, data_folder, tmp_path)
    assert shown.chips.shape[:2] == (3, len(shown.targets)) == (3, 52)
    first, second, third = shown.chips.astype(float)
    assert not np.array_equal(second, third)
    for cut in (second, third):
        near = np.abs(cut - first).mean(axis=(1, 2, 3))
        far = np.abs(np.roll(cut, 2, axis=0) - first).mean(axis=(1, 2, 3))
        assert np.median(near) < np.median(far)


def test_a_teacher_is_mixed_with_the_labels(training_set, recipe, data_folder, tmp_path):
    plain = training_set.load_training_set(heads(TASK, recipe), recipe, data_folder, tmp_path)
    taught = replace(
        recipe, teacher=TeacherRecipe(("smile/mini-xception",), weight=0.25, unlabelled=("smiles:smiles",))
    )
    shown = training_set.load_training_set(heads(TASK, taught), taught, data_folder, tmp_path)
    assert len(shown.targets) == 52 + 26  # the training split of both, and again that of the unlabelled
    assert shown.chips.shape[1] == len(shown.targets)
    assert shown.targets.sum(axis=1) == pytest.approx(1, abs=1e-4)
    said = (shown.targets[:52] - 0.75 * plain.targets) / 0.25
    assert said.min() >= -1e-5 and said.max() <= 1 + 1e-5
    assert np.ptp(said[:, 1]) > 0.01
    # Smiles stand in the labelled part as well: there the same faces, here the teacher alone.
    assert shown.targets[52:] == pytest.approx(said[26:52], abs=1e-4)


def test_a_teacher_of_another_task_is_refused(training_set, recipe, data_folder, tmp_path):
    wrong = replace(recipe, teacher=TeacherRecipe(("emotion/mini-xception",)))
    with pytest.raises(UsageError, match="teacher: emotion/mini-xception has other labels than smile"):
        training_set.load_training_set(heads(TASK, wrong), wrong, data_folder, tmp_path)


def test_photographs_that_are_measured_on_are_not_learnt_from(training_set, tmp_path):
    """One set's training face is another set's held-out one, saved anew and mirrored."""
    chance = np.random.default_rng(1)
    for layout in ("here", "there"):
        for number in range(10):
            place = tmp_path / layout / ("not smiling", "smiling")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            noise = cv2.resize(chance.integers(0, 256, (8, 8), dtype=np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(place / f"{number}.png"), noise)
    (held,) = [each for each in training_set._held_out(["folders:there"], tmp_path) if each.label == "smiling"]
    twin = tmp_path / "here" / "smiling" / "twin.jpg"
    cv2.imwrite(str(twin), cv2.imread(str(held.image))[:, ::-1])
    learnt = training_set.read_training(TASK, ["folders:here", "folders:there"], tmp_path)
    assert twin in {sample.image for sample in learnt}
    apart = training_set.read_training(TASK, ["folders:here", "folders:there"], tmp_path, apart_from=["folders:there"])
    assert [sample for sample in learnt if sample.image != twin] == apart

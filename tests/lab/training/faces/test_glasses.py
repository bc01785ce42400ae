"""Glasses on aligned chips: where they go, and that training puts them on."""

from dataclasses import replace

import numpy as np
import pytest

from smiledet.alignment.template import load_template
from smiledet.frame import ChipSpec
from smiledet.lab.training.faces.glasses import EYES, Glasses, put_on, random_glasses
from smiledet.model_index import find_model

WHITE = 255


@pytest.fixture(scope="module")
def template():
    return load_template(find_model("landmarks", "ert68").file("template"))


@pytest.mark.parametrize("spec", [ChipSpec(64), ChipSpec(96, 1.15), ChipSpec(80, 1.25, 3)])
def test_a_pair_goes_around_the_eyes(spec, template):
    face = np.full((spec.size, spec.size, spec.channels), WHITE, np.uint8)
    face.setflags(write=False)
    drawn = put_on(face, spec, template, Glasses(drop=0.0))
    assert drawn.shape == face.shape and drawn.dtype == np.uint8
    dark = np.argwhere(drawn[..., 0] < 128)
    scale = spec.size / spec.margin
    eyes = [(template[points].mean(axis=0) - 0.5) * scale + spec.size / 2 - 0.5 for points in EYES]
    top, left = dark.min(axis=0)
    bottom, right = dark.max(axis=0)
    assert left == pytest.approx(eyes[0][0] - 0.125 * scale, abs=2)
    assert right == pytest.approx(eyes[1][0] + 0.125 * scale, abs=2)
    assert (top + bottom) / 2 == pytest.approx(eyes[0][1], abs=1)
    for x, y in eyes:  # one looks through a lens
        assert (drawn[round(y), round(x)] == WHITE).all()
    assert np.array_equal(drawn, drawn[:, ::-1]) or np.abs(drawn.astype(int) - drawn[:, ::-1]).mean() < 6


def drawn_on_white(template, **changes):
    face = np.full((120, 120, 1), WHITE, np.uint8)
    return put_on(face, ChipSpec(120), template, Glasses(**changes))[..., 0].astype(int)


def test_tinted_lenses_half_rims_and_temples(template):
    plain = drawn_on_white(template)
    tinted = drawn_on_white(template, tint=0.5, lens_shade=55)
    eye = np.rint(template[EYES[0]].mean(axis=0) * 120).astype(int)
    assert plain[eye[1], eye[0]] == WHITE and tinted[eye[1], eye[0]] == pytest.approx(155, abs=2)
    upper = drawn_on_white(template, lower_rim=False)
    rows = np.flatnonzero((upper < 128).any(axis=1))
    assert rows.max() < np.flatnonzero((plain < 128).any(axis=1)).max() - 5
    assert rows.min() == pytest.approx(np.flatnonzero((plain < 128).any(axis=1)).min(), abs=1)
    across = [np.flatnonzero((each < 128).any(axis=0)) for each in (plain, drawn_on_white(template, temples=True))]
    assert across[1].min() < across[0].min() - 5 and across[1].max() > across[0].max() + 5


def test_a_square_lens_reaches_into_its_corners(template):
    covered = [(drawn_on_white(template, squareness=power, tint=1.0) < 128).sum() for power in (2.0, 6.0)]
    assert covered[1] > 1.1 * covered[0]


def test_no_two_random_pairs_are_alike_and_a_seed_repeats_them():
    draw = [random_glasses(np.random.default_rng(seed)) for seed in (1, 2, 1)]
    assert draw[0] == draw[2] != draw[1]


def test_a_training_set_puts_them_on_as_often_as_asked(keras, template):
    from smiledet.lab.training.classifiers.training_set import AugmentedChips
    from smiledet.lab.training.recipe import Augmentation, ClassifierRecipe, Schedule

    still = Augmentation(0, 0, 0, 0, False, 0, 0, 0, 0)
    recipe = ClassifierRecipe("any", "mini-xception", (), ChipSpec(64), still, Schedule(batch=50))
    chips = np.full((1, 200, 80, 80, 1), WHITE, np.uint8)
    targets = np.eye(2, dtype=np.float32)[np.arange(200) % 2]

    def wearing(share: float) -> int:
        batches = AugmentedChips(chips, targets, 64, replace(recipe, augmentation=replace(still, glasses=share)))
        return sum(int((view < WHITE).any()) for index in range(4) for view in batches[index][0])

    assert wearing(0.0) == 0
    assert wearing(1.0) == 200
    assert 60 < wearing(0.5) < 140

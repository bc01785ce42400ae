"""The papers' studies: what each way to prepare a face does to it, and a tiny study from end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smiledet.alignment.similarity import Target, affine_of, distortion, match
from smiledet.frame import ChipSpec
from smiledet.lab.training.recipe import Finish, TeacherRecipe
from smiledet.tasks.base import get_task

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("keras")]

SPEC = ChipSpec(48)


@pytest.fixture
def study():
    from smiledet.lab.training.classifiers import study as module

    return module


@pytest.fixture
def variants():
    from smiledet.lab.training.classifiers import variants as module

    return module


@pytest.fixture
def chips():
    ramp = np.linspace(80, 120, 32, dtype=np.float32)
    grey = np.round(ramp[None, :] + np.zeros((32, 1))).astype(np.uint8)
    return np.stack([np.dstack([grey, grey.T]), np.dstack([255 - grey, grey])])


def test_equalising_spreads_each_channel_over_the_whole_scale(study, chips):
    spread = study.equalise(chips)
    assert spread.shape == chips.shape and spread.dtype == np.uint8
    for chip in spread:
        for channel in range(2):
            assert chip[..., channel].min() == 0 and chip[..., channel].max() == 255
    assert np.array_equal(spread[0, ..., 0], spread[0, ..., 1].T)
    assert (np.diff(spread[0, 0, :, 0].astype(int)) >= 0).all()


def test_a_band_of_frequencies_knows_no_level(study):
    flat = np.full((1, 32, 32, 1), 200, np.uint8)
    assert np.abs(study.difference_of_gaussians(flat).astype(int) - 127).max() <= 1
    edge = np.zeros((2, 32, 32, 1), np.uint8)
    edge[0, :, 16:] = 100
    edge[1, :, 16:] = 200  # the same edge, twice as strong: each chip is stretched to the full scale
    band = study.difference_of_gaussians(edge)
    assert np.abs(band[0].astype(int) - band[1]).max() <= 1
    assert band[0, 16, 14, 0] < 64 < 192 < band[0, 16, 17, 0]


def test_gamma_brightens_and_keeps_black_and_white(study):
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    lit = study.gamma(levels).ravel().astype(int)
    assert (lit[0], lit[255]) == (0, 255)
    assert (lit[1:255] >= np.arange(1, 255)).all() and (np.diff(lit) >= 0).all()
    assert lit[64] == round(255 * (64 / 255) ** 0.75)


def test_the_three_alignments(study, variant):
    face = variant(3)
    none, affine, similarity = (
        preparation.aligner().align(None, face.image, face.box, [SPEC]) for preparation, _ in study.STUDIES["alignment"]
    )
    assert (none.aligned, affine.aligned, similarity.aligned) == (False, True, True)
    cuts = [aligned.chips[SPEC] for aligned in (none, affine, similarity)]
    assert not np.array_equal(cuts[0], cuts[2]) and not np.array_equal(cuts[1], cuts[2])


def test_the_affine_map_may_shear(study):
    aligner = study.affine_aligner()
    template = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    skewed = template @ np.array([[1.0, 0.0], [0.6, 1.0]])
    fitted = aligner.fit(skewed, Target.of(template))
    assert fitted == pytest.approx(affine_of(match(skewed, Target.of(template))))
    assert distortion(fitted) > 1.5


def test_a_study_starts_from_nothing(variants, recipe):
    shipped = replace(
        recipe,
        initial="smile/mini-xception",
        teacher=TeacherRecipe(("smile/mini-xception",)),
        finish=(Finish(recipe.data, epochs=1),),
        schedule=replace(recipe.schedule, small_epochs=2),
    )
    plain = variants.shortened(shipped, 1, get_task("smile"))
    assert (plain.initial, plain.teacher, plain.finish) == ("", None, ())
    assert (plain.schedule.epochs, plain.schedule.small_epochs) == (1, 0)
    assert variants.shortened(shipped, None, get_task("smile")).schedule.epochs == recipe.schedule.epochs


def test_a_study_needs_an_epoch(variants, recipe, complaint):
    with complaint("--epochs", "0"):
        variants.shortened(recipe, 0, get_task("smile"))


def test_an_unknown_study_is_named(study, recipe, complaint):
    with complaint("'lighting'", "preprocessing", "alignment"):
        study.variants_of("lighting", recipe)


def test_the_preprocessing_study_has_the_rows_of_the_papers_table(study, recipe):
    rows = study.variants_of("preprocessing", recipe)
    assert [(row.name, row.recipe.input.size) for row in rows] == [
        ("none", 32),
        ("histogram equalisation", 32),
        ("difference of Gaussians", 32),
        ("gamma", 32),
        ("resized to 98x98", 98),
    ]


@pytest.mark.slow
def test_a_study_trains_and_tests_once_for_each(study, variants, recipe, data_folder, tmp_path):
    short = variants.shortened(replace(recipe, input=ChipSpec(24)), 1, get_task("smile"))
    chosen = study.variants_of("alignment", short)
    rows = list(variants.run_variants(chosen, get_task("smile"), data_folder, tmp_path))
    assert [row.name for row in rows] == ["none", "affine", "restricted similarity"]
    assert {row.count for row in rows} == {12}
    assert all(0 <= row.accuracy <= 1 and 0 <= row.auc <= 1 and row.loss > 0 for row in rows)
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == ["affine", "chips", "none", "restricted-similarity"]

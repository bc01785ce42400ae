from dataclasses import replace

import numpy as np
import pytest

from smiledet.lab.training.faces.augment import augment, centre
from smiledet.lab.training.recipe import Augmentation

STILL = Augmentation(0, 0, 0, 0, False, 0, 0, 0, 0)
WILD = Augmentation(30, 0.3, 0.2, 0.2, True, 0.4, 0.5, 0.5, 0.5)


@pytest.fixture
def chip():
    """Noise, so that no two pixels can be taken for each other; may not be written to."""
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 1), dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


def view(chip, limits, seed=0, size=32, shown=32):
    return augment(chip, size, shown, limits, np.random.default_rng(seed))


def test_without_limits_a_view_is_the_centre(chip):
    assert np.array_equal(view(chip, STILL), chip[4:36, 4:36])
    assert np.array_equal(view(chip, STILL), centre(chip[None], 32)[0])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "shown"), [(32, 32), (20, 32), (8, 32)])
def test_a_view_has_its_shape_whatever_happens_to_it(channels, size, shown):
    chip = np.random.default_rng(2).integers(0, 256, (40, 40, channels), dtype=np.uint8)
    before = chip.copy()
    for seed in range(40):
        found = view(chip, WILD, seed, size, shown)
        assert found.shape == (size, size, channels) and found.dtype == np.uint8
    assert np.array_equal(chip, before)


def test_the_input_is_not_written_to(chip):
    hidden = replace(STILL, occlusion=1.0)
    assert not np.array_equal(view(chip, hidden), chip[4:36, 4:36])  # a read-only chip would have raised


def test_the_seed_tells_the_view(chip):
    assert np.array_equal(view(chip, WILD, 3), view(chip, WILD, 3))
    assert not np.array_equal(view(chip, WILD, 3), view(chip, WILD, 4))


def test_flip_mirrors_about_half(chip):
    plain = chip[4:36, 4:36]
    flips = replace(STILL, flip=True)
    mirrored = 0
    for seed in range(60):
        found = view(chip, flips, seed)
        turned = np.array_equal(found, plain[:, ::-1])
        assert turned or np.array_equal(found, plain)
        mirrored += turned
    assert 15 < mirrored < 45


@pytest.mark.parametrize(
    "limits",
    [
        replace(STILL, rotation=20),
        replace(STILL, zoom=0.3),
        replace(STILL, shift=0.2),
        replace(STILL, shear=0.3),
        replace(STILL, brightness=0.3),
        replace(STILL, contrast=0.5),
        replace(STILL, blur=1),
        replace(STILL, occlusion=1),
    ],
    ids=["rotation", "zoom", "shift", "shear", "brightness", "contrast", "blur", "occlusion"],
)
def test_every_limit_changes_something(limits, chip):
    assert not np.array_equal(view(chip, limits, seed=5), chip[4:36, 4:36])


def test_brightness_stays_within_its_limit():
    grey = np.full((40, 40, 1), 128, np.uint8)
    means = [float(view(grey, replace(STILL, brightness=0.1), seed).mean()) for seed in range(50)]
    assert 102 <= min(means) < 115 and 141 < max(means) <= 154


def test_a_shift_brings_in_picture_and_not_edge():
    # A ramp: wherever the view comes from, neighbours differ by one step and by nothing else.
    ramp = np.tile(np.arange(40, dtype=np.uint8) * 5, (40, 1))[..., None]
    for seed in range(20):
        steps = np.diff(view(ramp, replace(STILL, shift=0.12), seed)[..., 0].astype(int), axis=1)
        assert steps.min() >= 4 and steps.max() <= 6


def test_a_shrunken_view_shows_as_much():
    ramp = np.tile(np.arange(40, dtype=np.uint8) * 5, (40, 1))[..., None]
    small = view(ramp, STILL, size=16)[..., 0].astype(int)
    assert np.diff(small, axis=1) == pytest.approx(10, abs=1)
    assert small.mean() == pytest.approx(ramp.mean(), abs=1)


def test_centre_of_many(chip):
    chips = np.stack([chip, 255 - chip])
    assert np.array_equal(centre(chips, 30), chips[:, 5:35, 5:35])
    assert np.array_equal(centre(chips, 40), chips)

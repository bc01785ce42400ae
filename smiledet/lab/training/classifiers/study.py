"""The papers' studies: the same training with the faces prepared in different ways.

Preprocessing (seed `001_*`, table 4): none, histogram equalisation, difference of Gaussians, gamma, larger chips.
Alignment (seed `000_*`, section 3.2): none, the full affine map, the restricted similarity that runs at deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
from typing_extensions import override

from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.similarity import Target, affine_of, match
from smiledet.errors import UsageError
from smiledet.frame import Matrix, Points
from smiledet.lab.training.classifiers.training_set import Preparation
from smiledet.lab.training.classifiers.variants import Variant
from smiledet.lab.training.recipe import ClassifierRecipe
from smiledet.model_index import find_model
from smiledet.shipped_models import make_aligner, shipped_aligner

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


RESIZED = 98
"""Side in pixels of the chips that seed `001_*` enlarges FER-2013's 48 pixels to."""

STUDIES: Mapping[str, tuple[tuple[Preparation, int | None], ...]] = {
    "preprocessing": (
        (Preparation("none"), None),
        (Preparation("histogram equalisation", process=equalise), None),
        (Preparation("difference of Gaussians", process=difference_of_gaussians), None),
        (Preparation("gamma", process=gamma), None),
        (Preparation(f"resized to {RESIZED}x{RESIZED}"), RESIZED),
    ),
    "alignment": (
        (Preparation("none", aligner=upright), None),
        (Preparation("affine", aligner=affine_aligner), None),
        (Preparation("restricted similarity"), None),
    ),
}
"""By name, each way to prepare a face, and the side of its chips; None for the recipe's."""


def variants_of(study: str, recipe: ClassifierRecipe) -> list[Variant]:
    """What a study trains: the recipe, once for each way to prepare a face.

    Raises:
        UsageError: No such study.
    """
    if study not in STUDIES:
        raise UsageError(f"--study {study!r}: there are {', '.join(STUDIES)}")
    variants = []
    for preparation, side in STUDIES[study]:
        spec = recipe.input if side is None else replace(recipe.input, size=side)
        variants.append(Variant(preparation.name, replace(recipe, input=spec), preparation))
    return variants

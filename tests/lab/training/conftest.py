"""Real faces, and tiny data sets made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.frame import Box, ChipSpec, Points
from smiledet.lab.datasets.smiles import LOCATED
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator
from smiledet.lab.training.recipe import Augmentation, ClassifierRecipe, Schedule
from smiledet.model_index import find_model
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.demo import PORTRAITS
from smiledet.tasks.base import get_task


@pytest.fixture(scope="session")
def aligner() -> FaceAligner:
    return shipped_aligner()


@dataclass(frozen=True)
class Photograph:
    """A real face: grey picture, its landmarks as the shipped trees see them, its box as Viola-Jones does."""

    image: np.ndarray
    points: Points
    box: Box


def photographed(image: np.ndarray, predictor: LandmarkPredictor) -> Photograph:
    box = LabelledFaceLocator().locate(image)
    assert box is not None
    return Photograph(image, predictor.predict(image, box), box)


@pytest.fixture(scope="session")
def portraits() -> list[Photograph]:
    """Head and shoulders of two people, the face about 80 pixels wide."""
    predictor = LandmarkPredictor(find_model("landmarks", "ert68").file("dlib"))
    found = []
    for portrait in PORTRAITS:
        grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
        scale = 80 / portrait.face
        centre_x, centre_y = portrait.centre
        middle = np.array([[scale, 0, 80 - scale * centre_x], [0, scale, 80 - scale * centre_y]])
        image = cv2.warpAffine(grey, middle, (160, 160), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        found.append(photographed(image, predictor))
    return found


@pytest.fixture(scope="session")
def variant(portraits: list[Photograph]) -> Callable[..., Photograph]:
    """Another photograph of one of the two: turned, scaled and lit by the seed, on request with a painted mouth."""

    def vary(seed: int, mouth: int | None = None) -> Photograph:
        generator = np.random.default_rng(seed)
        portrait = portraits[seed % len(portraits)]
        image = portrait.image.copy()
        if mouth is not None:
            cv2.fillConvexPoly(image, cv2.convexHull(portrait.points[48:].round().astype(np.int32)), mouth)
        matrix = cv2.getRotationMatrix2D((80, 80), generator.uniform(-6, 6), generator.uniform(0.9, 1.1))
        turned = cv2.warpAffine(image, matrix, (160, 160), borderMode=cv2.BORDER_REPLICATE)
        lit = cv2.convertScaleAbs(turned, alpha=generator.uniform(0.8, 1.0), beta=generator.uniform(0, 30))
        points = portrait.points @ matrix[:, :2].T + matrix[:, 2]
        side = portrait.box.width * float(np.hypot(matrix[0, 0], matrix[0, 1]))
        centre_x, centre_y = matrix[:, :2] @ portrait.box.centre + matrix[:, 2]
        return Photograph(lit, points, Box(centre_x - side / 2, centre_y - side / 2, side, side))

    return vary


def smiles_crop(photograph: Photograph) -> np.ndarray:
    """The face as SMILEs frames it, 64x64."""
    side = photograph.box.width / LOCATED.width
    left, top = photograph.box.x - LOCATED.x * side, photograph.box.y - LOCATED.y * side
    matrix = np.array([[64 / side, 0, -left * 64 / side], [0, 64 / side, -top * 64 / side]])
    return cv2.warpAffine(photograph.image, matrix, (64, 64), borderMode=cv2.BORDER_REPLICATE)


MOUTHS = (40, 230)
"""Grey of a mouth that does not smile, and of one that shows its teeth."""


@pytest.fixture(scope="session")
def data_folder(variant: Callable[..., Photograph], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty-four photographs of dark and bright mouths: `genki4k`, whole, and `smiles`, cropped."""
    root = tmp_path_factory.mktemp("data")
    (root / "genki4k" / "files").mkdir(parents=True)
    lines = []
    for number in range(32):
        smiling = number // 2 % 2
        photograph = variant(number, MOUTHS[smiling])
        cv2.imwrite(str(root / "genki4k" / "files" / f"file{number:04d}.png"), photograph.image)
        lines.append(f"{smiling} 0 0 0\n")
    (root / "genki4k" / "labels.txt").write_text("".join(lines))
    for part, mouth in zip(("negatives", "positives"), MOUTHS, strict=True):
        folder = root / "smiles" / part / f"{part}7"
        folder.mkdir(parents=True)
        for number in range(16):
            crop = smiles_crop(variant(100 + number, mouth))
            cv2.imwrite(str(folder / f"{number:02d}.png"), crop)
    return root


@pytest.fixture(scope="session")
def recipe() -> ClassifierRecipe:
    """mini-Xception at 32 pixels, seconds of training."""
    return ClassifierRecipe(
        name="tiny",
        architecture="mini-xception",
        data=("genki4k:genki4k", "smiles:smiles"),
        input=ChipSpec(32),
        augmentation=Augmentation(rotation=5, blur=0, occlusion=0),
        schedule=Schedule(epochs=3, batch=8, learning_rate=1e-2, weight_average=0.8, validation=0),
    )


@contextmanager
def without_tracing() -> Iterator[None]:
    """Classifiers are trained step by step: tracing takes longer than a training of a few steps."""
    from smiledet.lab.training.classifiers import train

    compiled = train.compiled

    def untraced(*given: Any) -> Any:
        network = compiled(*given)
        network.run_eagerly = True
        return network

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "compiled", untraced)
        yield


@pytest.fixture
def _eagerly(keras: ModuleType) -> Iterator[None]:
    """See `without_tracing`."""
    with without_tracing():
        yield


@dataclass(frozen=True)
class Trained:
    """What a training returned, and where it wrote."""

    network: Any
    seen: dict[str, Any]
    output: Path


@pytest.fixture(scope="session")
def trained(
    keras: ModuleType, recipe: ClassifierRecipe, data_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """A real training from photographs to a network."""
    from smiledet.lab.training.classifiers.train import train_classifier

    output = tmp_path_factory.mktemp("runs") / "deep" / "tiny"
    with without_tracing():
        network, seen = train_classifier(get_task("smile"), recipe, data_folder, output)
    network.run_eagerly = False
    return Trained(network, seen, output)

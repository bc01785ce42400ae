"""Growing the landmark trees, and the template that goes with them.

Viola-Jones' box is what the trees start from at run time, so it is what they start from here: where the cascade finds
the annotated face its own box is used, and beside it boxes drawn from the spread of the cascade's boxes about the
points.
Mirrored copies double the set.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from smiledet.alignment.landmarks import LandmarkPredictor, cut_window, window_map, window_rectangle
from smiledet.alignment.similarity import transform
from smiledet.alignment.template import MIRRORED, symmetrise
from smiledet.datasets.landmarks68 import AnnotatedFace
from smiledet.detection.haar import HaarDetector, HaarSettings
from smiledet.errors import UsageError
from smiledet.frame import Box, GreyImage, Points
from smiledet.training.dlib_format import shorten_leaves
from smiledet.training.recipe import LandmarkRecipe
from smiledet.zoo import Model, ModelFile, sha256, write_row

log = logging.getLogger(__name__)

LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)


@dataclass(frozen=True, slots=True)
class BoxSpread:
    """How Viola-Jones' boxes lie about the faces' points.

    Attributes:
        offset: Mean of (box centre - points' centre) / reach, (x, y).
        side: Mean of box side / reach, where reach is the square root of the points' bounding area.
        deviation: Standard deviations of offset x, offset y and side.
    """

    offset: tuple[float, float]
    side: float
    deviation: tuple[float, float, float]


def bounds(points: Points) -> Box:
    """The bounding box of the points (n, 2)."""
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return Box(float(left), float(top), float(right - left), float(bottom - top))


def found_box(detector: HaarDetector, image: GreyImage, points: Points) -> Box | None:
    """Viola-Jones' box on an annotated face, or None where it does not find that face."""
    around = bounds(points)
    side = max(around.width, around.height)
    for detection in detector.detect(image, min_size=max(24, int(side * 0.7)), max_size=int(side * 2)):
        if detection.box.iou(around) > 0.45:
            return detection.box
    return None


def measure_spread(boxes: Sequence[Box], shapes: Sequence[Points]) -> BoxSpread:
    """The spread of detected boxes about the points that they frame."""
    rows = []
    for box, points in zip(boxes, shapes, strict=True):
        around = bounds(points)
        reach = around.area**0.5
        (box_x, box_y), (points_x, points_y) = box.centre, around.centre
        rows.append(((box_x - points_x) / reach, (box_y - points_y) / reach, box.width / reach))
    mean, deviation = np.mean(rows, axis=0), np.std(rows, axis=0)
    return BoxSpread(
        (float(mean[0]), float(mean[1])),
        float(mean[2]),
        (float(deviation[0]), float(deviation[1]), float(deviation[2])),
    )


def draw_box(spread: BoxSpread, points: Points, generator: np.random.Generator | None) -> Box:
    """A box such as Viola-Jones would report for these points: the mean one without a generator."""
    around = bounds(points)
    reach = around.area**0.5
    jitter = generator.normal(0, spread.deviation) if generator else np.zeros(3)
    side = (spread.side + float(jitter[2])) * reach
    centre_x, centre_y = around.centre
    centre_x += (spread.offset[0] + float(jitter[0])) * reach
    centre_y += (spread.offset[1] + float(jitter[1])) * reach
    return Box(centre_x - side / 2, centre_y - side / 2, side, side)


def mirrored(image: GreyImage, points: Points) -> tuple[GreyImage, Points]:
    """A face as seen in a mirror, its points renamed so that 'left' stays left."""
    flipped = points[MIRRORED].copy()
    flipped[:, 0] = image.shape[1] - 1 - flipped[:, 0]
    return np.ascontiguousarray(image[:, ::-1]), flipped


def _annotated_window(image: GreyImage, points: Points, box: Box) -> tuple[GreyImage, dlib.full_object_detection]:
    inside = transform(window_map(box), points)
    parts = [dlib.point(round(x), round(y)) for x, y in inside.tolist()]
    return cut_window(image, box), dlib.full_object_detection(window_rectangle(), parts)


def _read_grey(face: AnnotatedFace) -> GreyImage:
    image = cv2.imread(str(face.image), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise UsageError(f"cannot read the photograph {face.image}")
    return np.asarray(image, np.uint8)


def normalised_error(predictor: LandmarkPredictor, faces: Sequence[tuple[GreyImage, Points, Box]]) -> float:
    """Mean distance of the 68 points from the annotation, in distances between the eyes' centres."""
    errors = []
    for image, points, box in faces:
        between_eyes = np.linalg.norm(points[LEFT_EYE].mean(axis=0) - points[RIGHT_EYE].mean(axis=0))
        errors.append(np.linalg.norm(predictor.predict(image, box) - points, axis=1).mean() / between_eyes)
    return float(np.mean(errors))


def train_landmarks(faces: Sequence[AnnotatedFace], recipe: LandmarkRecipe, folder: Path) -> dict[str, float]:
    """Grow the trees, measure them on the held-out faces and write both files.

    Writes `landmarks68.dat` (dlib shape predictor) and `template68.json` into `folder`.

    Args:
        faces: The annotated photographs.
        recipe: Settings.
        folder: Where to write; made if it is not there.

    Returns:
        `faces`, `held_out`, `detected` (share of the faces that Viola-Jones found), `error` (see `normalised_error`,
        on the held-out faces from Viola-Jones' boxes) and `megabytes` of the file.

    Raises:
        UsageError: Fewer than two faces, a photograph that cannot be read, or none in which Viola-Jones finds the face.
    """
    if len(faces) < 2:
        raise UsageError(f"{len(faces)} annotated face is too few: one is held out, the others are learnt from")
    generator = np.random.default_rng(recipe.seed)
    detector = HaarDetector(HaarSettings(1.05, 3))
    images = [_read_grey(face) for face in faces]
    boxes = [found_box(detector, image, face.points) for image, face in zip(images, faces, strict=True)]
    if not any(boxes):
        raise UsageError(f"Viola-Jones finds none of the {len(faces)} annotated faces: do the points fit the pictures?")
    spread = measure_spread(*zip(*[(b, f.points) for b, f in zip(boxes, faces, strict=True) if b], strict=True))
    log.info("Viola-Jones found %d of %d faces; %s", sum(b is not None for b in boxes), len(faces), spread)

    windows: list[GreyImage] = []
    objects: list[list[dlib.full_object_detection]] = []
    shapes: list[npt.NDArray[np.float64]] = []
    held_out: list[tuple[GreyImage, Points, Box]] = []
    for index, (image, face, box) in enumerate(zip(images, faces, boxes, strict=True)):
        if index % recipe.held_out == 0:
            held_out.append((image, face.points, box or draw_box(spread, face.points, None)))
            continue
        mean_box = draw_box(spread, face.points, None)
        shapes.append((face.points - (mean_box.x, mean_box.y)) / mean_box.width)
        for view, points in ((image, face.points), mirrored(image, face.points)):
            starts = [draw_box(spread, points, generator) for _ in range(recipe.jitter_copies)]
            if box is not None:
                left = box.x if view is image else image.shape[1] - box.x - box.width
                starts.append(Box(left, box.y, box.width, box.height))
            for start in starts:
                window, annotation = _annotated_window(view, points, start)
                windows.append(window)
                objects.append([annotation])

    options = dlib.shape_predictor_training_options()
    options.cascade_depth = recipe.cascade_depth
    options.num_trees_per_cascade_level = recipe.trees_per_level
    options.tree_depth = recipe.tree_depth
    options.nu = recipe.nu
    options.oversampling_amount = recipe.oversampling
    options.feature_pool_size = recipe.feature_pool_size
    options.num_test_splits = recipe.test_splits
    options.random_seed = str(recipe.seed)
    options.num_threads = cv2.getNumberOfCPUs()
    options.be_verbose = log.isEnabledFor(logging.INFO)
    log.info("growing %d trees on %d windows", recipe.cascade_depth * recipe.trees_per_level, len(windows))
    predictor = dlib.train_shape_predictor(windows, objects, options)

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "landmarks68.dat"
    predictor.save(str(path))
    path.write_bytes(shorten_leaves(path.read_bytes()))
    template = symmetrise(np.mean(shapes, axis=0))
    rows = [[round(x, 5), round(y, 5)] for x, y in template.tolist()]
    (folder / "template68.json").write_text(json.dumps({"points": rows}) + "\n")
    return {
        "faces": len(faces),
        "held_out": len(held_out),
        "detected": sum(box is not None for box in boxes) / len(boxes),
        "error": normalised_error(LandmarkPredictor(path), held_out),
        "megabytes": path.stat().st_size / 1e6,
    }


def ship_landmarks(faces: Sequence[AnnotatedFace], recipe: LandmarkRecipe, models: Path) -> Model:
    """Train into a models folder and write the row of the index; returns the row."""
    figures = train_landmarks(faces, recipe, models / "landmarks")
    paths = {"dlib": "landmarks/landmarks68.dat", "template": "landmarks/template68.json"}
    model = Model(
        task="landmarks",
        name="ert68",
        architecture="ensemble of regression trees",
        labels=(),
        input=None,
        preprocessing="grey window of 192x192 about the face box, see smiledet.alignment.landmarks",
        files={use: ModelFile(path, sha256(models / path)) for use, path in paths.items()},
        figures={name: round(value, 4) for name, value in figures.items()},
        card="landmarks/ert68.md",
        folder=models,
    )
    write_row(model)
    return model

"""Growing the landmark trees and training the network behind them, and the template that goes with both.

Viola-Jones' box is what the trees start from at run time, so it is what they start from here: where the cascade frames
the annotated face its own box is used, and beside it boxes that lie about the points as those of other faces do.
Mirrored copies double the set. The network that looks again learns from views of the same faces, and where the recipe
names a teacher also from faces whose points it has told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from smiledet.alignment.landmark_refiner import LandmarkRefiner
from smiledet.alignment.landmarks import LandmarkPredictor, cut_window, window_map, window_rectangle
from smiledet.alignment.similarity import transform
from smiledet.alignment.template import INNER, load_template, symmetrise
from smiledet.detection.detectors.haar import HaarDetector, HaarSettings
from smiledet.engines.base import load_engine
from smiledet.engines.files import file_key
from smiledet.errors import UsageError
from smiledet.frame import Box, Detection, GreyImage, Points
from smiledet.lab.datasets.landmarks68 import AnnotatedFace
from smiledet.lab.training.landmarks.boxes import (
    OUTER_CORNERS,
    BoxSpread,
    FramedFace,
    found_face,
    frames,
    measure_spread,
)
from smiledet.lab.training.landmarks.dlib_format import shorten_leaves
from smiledet.lab.training.recipe import LandmarkRecipe
from smiledet.model_index import Model, ModelFile, sha256, write_row
from smiledet.system.output_files import write_file

log = logging.getLogger(__name__)

LITERT, ONNX = "refiner68-int8.tflite", "refiner68.onnx"
"""The network's files."""

CALIBRATION = 300
"""Views that tell the ranges of its integers."""


SEARCH = HaarSettings(1.05, 3)
"""How Viola-Jones looks for annotated faces."""


def read_face(face: AnnotatedFace, detector: HaarDetector) -> tuple[FramedFace, Detection | None]:
    """An annotated face, and what Viola-Jones reports on it, be it a box that frames it or not.

    Raises:
        UsageError: The photograph cannot be read.
    """
    image = cv2.imread(str(face.image), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise UsageError(f"cannot read the photograph {face.image}")
    grey = np.asarray(image, np.uint8)
    found = found_face(detector, grey, face.points)
    return FramedFace(grey, face.points, found.box if found and frames(found.box, face.points) else None), found


def point_errors(predictor: LandmarkPredictor, faces: Sequence[tuple[FramedFace, Box]]) -> npt.NDArray[np.float64]:
    """Distances of the 68 points from the annotation, in distances between the eyes' outer corners: (n, 68).

    Args:
        predictor: Finds the points.
        faces: Each with the box to start from.
    """
    errors = []
    for face, box in faces:
        left, right = face.points[list(OUTER_CORNERS)]
        apart = np.linalg.norm(predictor.predict(face.image, box) - face.points, axis=1)
        errors.append(apart / np.linalg.norm(right - left))
    return np.array(errors).reshape(len(faces), -1)


def mean_face(faces: Sequence[FramedFace], spread: BoxSpread) -> Points:
    """The symmetric template: the mean shape in the box that Viola-Jones reports on average, (68, 2)."""
    shapes = []
    for face in faces:
        box = spread.mean_box(face.points)
        shapes.append((face.points - (box.x, box.y)) / box.width)
    return symmetrise(np.mean(shapes, axis=0))


def starts(
    face: FramedFace, spread: BoxSpread, copies: int, generator: np.random.Generator
) -> Iterator[tuple[GreyImage, Points]]:
    """Windows of a face and of its mirror image, and the points in them: of its own box, if any, and of drawn ones."""
    for view in (face, face.mirrored()):
        own = [view.box] if view.box else []
        for box in [*own, *(spread.draw(view.points, generator) for _ in range(copies))]:
            yield cut_window(view.image, box), transform(window_map(box), view.points)


def train_closer(
    faces: Sequence[FramedFace], spread: BoxSpread, template: Points, recipe: LandmarkRecipe, folder: Path
) -> tuple[bytes, bytes, int]:
    """Train the network that looks again, see `smiledet.alignment.landmark_refiner`.

    Args:
        faces: The annotated faces.
        spread: How Viola-Jones' boxes lie.
        template: (68, 2) in face boxes.
        recipe: Settings; it has a network.
        folder: What the paths of the teacher's unlabelled sets are relative to.

    Returns:
        The network for LiteRT in integers and for ONNX in float32, and how many faces the teacher has labelled.

    Raises:
        UsageError: The teacher's model or data is missing.
    """
    from smiledet.lab.training.export.conversion import to_onnx
    from smiledet.lab.training.export.quantise import to_litert_int8
    from smiledet.lab.training.landmarks.labels import label_faces
    from smiledet.lab.training.landmarks.network import train_network
    from smiledet.lab.training.landmarks.teacher import LandmarkTeacher
    from smiledet.lab.training.landmarks.views import random_views

    if recipe.network is None:
        raise ValueError("the recipe has no network")
    labelled: list[FramedFace] = []
    if recipe.teacher:
        teaching = train_network(faces, (), template, spread, recipe.teacher.network, recipe.seed)
        teacher = LandmarkTeacher(teaching, template, recipe.teacher.looks)
        labelled = label_faces(folder, recipe.teacher, teacher)
    network = train_network(faces, labelled, template, spread, recipe.network, recipe.seed)
    generator = np.random.default_rng(recipe.seed)
    some = [faces[number] for number in generator.choice(len(faces), min(CALIBRATION, len(faces)), replace=False)]
    views, _ = random_views(some, template, spread, generator)
    return to_litert_int8(network, views.astype(np.uint8), real_answers=True), to_onnx(network), len(labelled)


def grow(faces: Sequence[FramedFace], spread: BoxSpread, recipe: LandmarkRecipe) -> dlib.shape_predictor:
    """Grow the trees.

    Args:
        faces: The annotated faces.
        spread: How Viola-Jones' boxes lie.
        recipe: Settings.
    """
    generator = np.random.default_rng(recipe.seed)
    windows, points = zip(
        *chain(*(starts(face, spread, recipe.jitter_copies, generator) for face in faces)), strict=True
    )
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
    return dlib.train_shape_predictor(list(windows), [[_annotation(each)] for each in points], options)


def _annotation(points: Points) -> dlib.full_object_detection:
    parts = [dlib.point(round(x), round(y)) for x, y in points.tolist()]
    return dlib.full_object_detection(window_rectangle(), parts)


def held_out_figures(
    predictor: LandmarkPredictor, faces: Sequence[FramedFace], boxes: Sequence[Box | None], spread: BoxSpread
) -> dict[str, float]:
    """The errors on faces that were not learnt from; see `train_landmarks`."""
    found = [(face, box) for face, box in zip(faces, boxes, strict=True) if box is not None]
    missed = [(face, spread.mean_box(face.points)) for face, box in zip(faces, boxes, strict=True) if box is None]
    errors = point_errors(predictor, found)
    framed = np.array([face.box is not None for face, _ in found], bool)
    figures: dict[str, float] = {"held_out": len(faces), "found": len(found), "framed": int(framed.sum())}
    if framed.any():
        jaw = np.delete(np.arange(errors.shape[1]), INNER)
        right = errors[framed]
        figures |= {"error": float(errors.mean()), "error_framed": float(right.mean())}
        figures |= {"error_inner": float(right[:, INNER].mean()), "error_jaw": float(right[:, jaw].mean())}
    if missed:
        figures["error_missed"] = float(point_errors(predictor, missed).mean())
    return figures


def train_landmarks(
    annotated: Sequence[AnnotatedFace], recipe: LandmarkRecipe, folder: Path, data_folder: Path | None = None
) -> dict[str, float]:
    """Grow the trees, train the network, measure both on the held-out faces and write the files.

    Writes `landmarks68.dat` (dlib shape predictor) into `folder`, `refiner68-int8.tflite` and `refiner68.onnx`
    where the recipe has a network, and `template68.json` where there is none: the networks' chips are cut by the one
    that is there.

    Args:
        annotated: The annotated photographs.
        recipe: Settings.
        folder: Where to write; made if it is not there.
        data_folder: What the paths of the teacher's unlabelled sets are relative to; None for the working directory.

    Returns:
        `faces`, `detected` (share of the faces that Viola-Jones frames), `labelled` (faces that the teacher has named
        the points of); of the `held_out` faces, those that Viola-Jones `found` and those of them that its box `framed`
        (see `boxes.frames`); mean distances from the annotation in distances between the eyes' outer corners: `error`
        (of the found faces, from Viola-Jones' own boxes), `error_framed` (of the framed ones), of their points
        `error_inner` and `error_jaw`, and `error_missed` (of the faces not found, from the mean box); `error_trees`, as
        `error_framed` but of the trees alone; and `megabytes` of the files.

    Raises:
        UsageError: Fewer than two faces, a photograph that cannot be read, none in which Viola-Jones frames the face,
            or the teacher's model or data is missing.
    """
    if len(annotated) < 2:
        raise UsageError(f"{len(annotated)} annotated face is too few: one is held out, the others are learnt from")
    detector = HaarDetector(SEARCH)
    faces, found = zip(*(read_face(face, detector) for face in annotated), strict=True)
    boxes = [each and each.box for each in found]
    held_out, learnt = faces[:: recipe.held_out], [face for n, face in enumerate(faces) if n % recipe.held_out]
    if not any(face.box for face in learnt):
        raise UsageError(f"Viola-Jones frames none of {len(learnt)} annotated faces: do the points fit the pictures?")
    spread = measure_spread(learnt)
    detected = sum(face.box is not None for face in faces)
    log.info("Viola-Jones frames %d of %d faces", detected, len(faces))

    folder.mkdir(parents=True, exist_ok=True)
    path, template_path = folder / "landmarks68.dat", folder / "template68.json"
    if not template_path.exists():
        rows = [[round(x, 5), round(y, 5)] for x, y in mean_face(learnt, spread).tolist()]
        write_file(template_path, (json.dumps({"points": rows}) + "\n").encode())
    template = load_template(template_path)
    grow(learnt, spread, recipe).save(str(path))
    write_file(path, shorten_leaves(path.read_bytes()))
    trees = held_out_figures(LandmarkPredictor(path), held_out, boxes[:: recipe.held_out], spread)
    figures = {"faces": len(faces), "detected": detected / len(faces), "labelled": 0} | trees
    files = [path]
    if recipe.network:
        files += [folder / LITERT, folder / ONNX]
        *networks, figures["labelled"] = train_closer(learnt, spread, template, recipe, data_folder or Path())
        for file, network in zip(files[1:], networks, strict=True):
            write_file(file, network)
        refiner = LandmarkRefiner(load_engine("litert", folder / LITERT).predict, template)
        figures |= held_out_figures(LandmarkPredictor(path, refiner), held_out, boxes[:: recipe.held_out], spread)
        figures |= {"error_trees": trees["error_framed"]} if "error_framed" in trees else {}
    return figures | {"megabytes": sum(file.stat().st_size for file in files) / 1e6}


def ship_landmarks(
    faces: Sequence[AnnotatedFace], recipe: LandmarkRecipe, models: Path, data_folder: Path | None = None
) -> Model:
    """Train into a models folder and write the row of the index; returns the row."""
    figures = train_landmarks(faces, recipe, models / "landmarks", data_folder)
    paths = {"dlib": "landmarks/landmarks68.dat", "template": "landmarks/template68.json"}
    if recipe.network:
        paths |= {file_key("litert", "int8"): f"landmarks/{LITERT}", file_key("onnx"): f"landmarks/{ONNX}"}
    model = Model(
        task="landmarks",
        name="ert68",
        architecture="ensemble of regression trees" + (", MobileNet 0.25" if recipe.network else ""),
        labels=(),
        input=None,
        preprocessing="grey window of 192x192 about the face box, then a chip of 96x96; see smiledet.alignment",
        files={use: ModelFile(path, sha256(models / path)) for use, path in paths.items()},
        figures={name: round(value, 4) for name, value in figures.items()},
        card="landmarks/ert68.md",
        folder=models,
    )
    write_row(model)
    return model

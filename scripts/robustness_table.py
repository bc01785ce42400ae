"""What hard pictures cost every shipped model, one difficulty at a time.

Each task's held-out photographs are read where the face is known to be: it is found in the photograph as it is, the
picture is made hard, and evened out and aligned as at deployment. Detectors are asked to find the face in the hard
picture themselves; landmarks are measured from Viola-Jones' box of the photograph as it is.

    python scripts/robustness_table.py --data-folder ../shared/data --photographs 200
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from smiledet.alignment.aligner import FaceAligner
from smiledet.detection.detectors.choose import ALLOWED
from smiledet.detection.detectors.haar import HaarDetector
from smiledet.detection.photographs import PhotographLocator, PhotographSettings
from smiledet.engines.answers import read
from smiledet.engines.base import load_engine
from smiledet.engines.files import model_file
from smiledet.errors import SmiledetError
from smiledet.exposure import even_out, measure, table_of
from smiledet.frame import Box, Image, Points
from smiledet.lab.datasets.base import Sample
from smiledet.lab.datasets.landmarks68 import read_annotated_faces
from smiledet.lab.datasets.splits import spread
from smiledet.lab.training.detector.pictures import five_points
from smiledet.lab.training.evaluation.evaluate import samples_of
from smiledet.lab.training.evaluation.held_out import HELD_OUT
from smiledet.lab.training.evaluation.numbers import expectation
from smiledet.lab.training.evaluation.tables import markdown
from smiledet.lab.training.faces.hard_pictures import DIFFICULTIES, HERE, make_hard, moved
from smiledet.lab.training.faces.labelled_faces import LabelledFaceLocator, find_face
from smiledet.lab.training.landmarks.train import SEARCH, read_face
from smiledet.model_index import Model, all_models
from smiledet.shipped_models import shipped_aligner
from smiledet.tasks.base import get_task

AS_IT_IS = "as it is"
SAME = 0.3
"""Intersection over union from which a detector's box is the face."""
EYES = (36, 45)


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A photograph, where its face is, and the five points to draw by."""

    image: Image
    box: Box
    points: npt.NDArray[np.float32]
    label: str = ""
    target: float | None = None


def known_faces(samples: Sequence[Sample], aligner: FaceAligner) -> list[KnownFace]:
    """The photographs in which the face is found and its landmarks fit."""
    locator = LabelledFaceLocator()
    faces = []
    for sample in samples:
        image = cv2.imread(str(sample.image))
        assert image is not None
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        box = find_face(locator, sample, grey, locate=False)
        if box is None:
            continue
        landmarks = aligner.align(None, grey, box, []).landmarks
        if landmarks is not None:
            faces.append(KnownFace(image, box, five_points(landmarks), sample.label, sample.target))
    return faces


def hard(face: KnownFace, difficulty: str, number: int) -> tuple[Image, Box, np.ndarray]:
    """The hard picture, evened out as at deployment, the box in it and the map into it."""
    image, matrix = face.image, HERE
    if difficulty != AS_IT_IS:
        generator = np.random.default_rng((zlib.crc32(difficulty.encode()), number))
        image, matrix = make_hard(difficulty, face.image, face.box, face.points, generator)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return even_out(image, table_of(measure(grey))), moved(face.box, matrix), matrix


def read_hard(faces: Sequence[KnownFace], models: Sequence[Model], aligner: FaceAligner) -> dict[str, list[float]]:
    """By difficulty a figure a model: the share read right, or the mean error of a number."""
    engines = [load_engine("litert", model_file(model, "litert")) for model in models]
    specs = list(dict.fromkeys(model.input for model in models if model.input))
    figures = {}
    for difficulty in (AS_IT_IS, *DIFFICULTIES):
        right = np.zeros((len(faces), len(models)))
        for number, face in enumerate(faces):
            image, box, _ = hard(face, difficulty, number)
            seen = aligner.align(image, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), box, specs)
            for column, (model, engine) in enumerate(zip(models, engines, strict=True)):
                spec = model.input
                assert spec is not None
                chip = seen.chips[spec].reshape(1, spec.size, spec.size, spec.channels)
                right[number, column] = judged(model, read(engine, chip, model)[0], face)
        figures[difficulty] = right.mean(axis=0).tolist()
    for engine in engines:
        engine.close()
    return figures


def judged(model: Model, scores: npt.NDArray[np.float32], face: KnownFace) -> float:
    """1 for the right label and 0 for another; of a number how far off it is."""
    task = get_task(model.task)
    if task.numbers is None:
        return float(model.labels[int(scores.argmax())] == face.label)
    truth = float(face.label) if face.target is None else face.target
    return abs(float(expectation(np.array(task.numbers), scores[None])[0]) - truth)


def sees(locator: PhotographLocator, image: Image, box: Box) -> bool:
    """Whether a detector finds the face."""
    return any(face.box.iou(box) >= SAME for face in locator.find(image).detections)


def found_hard(faces: Sequence[KnownFace], detectors: Sequence[str]) -> dict[str, list[float]]:
    """By difficulty the share of faces that each detector finds."""
    locators = [PhotographLocator(PhotographSettings(detector)) for detector in detectors]
    figures = {}
    for difficulty in (AS_IT_IS, *DIFFICULTIES):
        pictures = [hard(face, difficulty, number)[:2] for number, face in enumerate(faces)]
        figures[difficulty] = [float(np.mean([sees(each, *picture) for picture in pictures])) for each in locators]
    return figures


def landmark_errors(folder: Path, count: int, aligner: FaceAligner) -> dict[str, list[float]]:
    """By difficulty the mean error of the 68 points, in distances between the eyes' outer corners."""
    every = read_annotated_faces(folder / "landmarks68.tar.gz")[::10]
    detector = HaarDetector(SEARCH)
    faces: list[tuple[KnownFace, Points]] = []
    for annotated in spread(every, count):
        framed, _ = read_face(annotated, detector)
        image = cv2.imread(str(annotated.image))
        if framed.box is not None and image is not None:
            face = KnownFace(np.asarray(image, np.uint8), framed.box, five_points(annotated.points))
            faces.append((face, annotated.points))
    figures = {}
    for difficulty in (AS_IT_IS, *DIFFICULTIES):
        errors = []
        for number, (face, points) in enumerate(faces):
            image, box, matrix = hard(face, difficulty, number)
            landmarks = aligner.align(None, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), box, []).landmarks
            assert landmarks is not None
            true = points @ matrix[:, :2].T + matrix[:, 2]
            apart = np.linalg.norm(landmarks - true, axis=1)
            errors.append(float(apart.mean() / np.linalg.norm(true[EYES[0]] - true[EYES[1]])))
        figures[difficulty] = [float(np.mean(errors))]
    return figures


def columns(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, float], float, str]]:
    """What is measured: a name, a figure a difficulty, its factor and how it is written."""
    aligner = shipped_aligner()
    for task, held_out in HELD_OUT.items():
        models = [model for model in all_models() if model.task == task]
        samples = samples_of(get_task(task), held_out.data(arguments.data_folder), held_out.split)
        faces = known_faces(spread(samples, arguments.photographs), aligner)
        figures = read_hard(faces, models, aligner)
        for number, model in enumerate(models):
            numbers = get_task(task).numbers is not None
            values = {name: row[number] for name, row in figures.items()}
            yield f"{task}, {model.name}", values, 1.0 if numbers else 100.0, "years" if numbers else "% right"
        if task == "smile":
            found = found_hard(faces, arguments.detectors)
            for number, detector in enumerate(arguments.detectors):
                yield (
                    f"found, {detector.partition('=')[0]}",
                    {name: row[number] for name, row in found.items()},
                    100,
                    "%",
                )
    errors = landmark_errors(arguments.data_folder, arguments.photographs, aligner)
    yield "landmarks", {name: row[0] for name, row in errors.items()}, 100.0, "% of the eyes' distance"


def table(measured: Sequence[tuple[str, dict[str, float], float, str]]) -> str:
    """A row a model: its figure, and what each difficulty takes from it or adds to its error."""
    header = ["read by", AS_IT_IS, *DIFFICULTIES]
    rows = []
    for name, values, factor, unit in measured:
        base = values[AS_IT_IS] * factor
        losses = [f"{values[difficulty] * factor - base:+.1f}" for difficulty in DIFFICULTIES]
        rows.append([name, f"{base:.1f} {unit}", *losses])
    return markdown(header, rows)


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, help="see ../shared/data/README.md")
    parser.add_argument("--photographs", type=int, default=300, help="of each set at most (default: 300; 0 for all)")
    parser.add_argument("--detectors", nargs="*", default=["haar", "mtcnn", "fcos"], help=f"of {', '.join(ALLOWED)}")
    cv2.setNumThreads(1)
    print(table(list(columns(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"robustness_table: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)

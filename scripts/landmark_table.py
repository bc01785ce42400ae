"""Print how far off the shipped landmarks are, on faces of HELEN and AFW that they did not learn from, and how still.

From Viola-Jones' own boxes: all that lie on the face, those that the second cascade agrees with, as it has to before a
face is shown at deployment, and those that frame the face (`frames`). Distances from the annotation are in distances
between the eyes' outer corners. How still: the same photograph a dozen times with a camera's noise, its box a little
elsewhere each time, as from frame to frame; how far the points stray, in widths of the box.

Example:
  python scripts/landmark_table.py --data-folder ../shared/data
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smiledet.alignment.landmark_refiner import LandmarkRefiner
from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.template import load_template
from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.detectors.haar import HaarDetector
from smiledet.detection.following.verification import Verifier
from smiledet.errors import SmiledetError, UsageError
from smiledet.frame import Box, Detection, Points
from smiledet.lab.datasets.landmarks68 import AnnotatedFace, read_annotated_faces
from smiledet.lab.training.evaluation.tables import markdown, percent
from smiledet.lab.training.landmarks.boxes import FramedFace
from smiledet.lab.training.landmarks.train import SEARCH, point_errors, read_face
from smiledet.lab.training.recipe import LandmarkRecipe
from smiledet.model_index import find_model
from smiledet.schema import read_dataclass
from smiledet.shipped_models import refiner_engine
from smiledet.system.resources import configs_folder

REPEATS, NOISE, WANDER = 12, 4.0, 0.02
"""How often a still face is shown; standard deviations of the noise, in grey levels, and of the place and the width of
its box, in widths of the box."""


def predictors() -> dict[str, LandmarkPredictor]:
    """The shipped trees alone, and with the network that looks again, where something here runs it."""
    model = find_model("landmarks", "ert68")
    named = {"trees": LandmarkPredictor(model.file("dlib"))}
    if engine := refiner_engine(model):
        refiner = LandmarkRefiner(engine.predict, load_template(model.file("template")))
        named["trees and network"] = LandmarkPredictor(model.file("dlib"), refiner)
    return named


def table(annotated: Sequence[AnnotatedFace]) -> str:
    """Mean errors by box and by who is in the photographs, Markdown.

    Raises:
        UsageError: Viola-Jones finds none of the faces.
    """
    kind = detector_kind("haar")
    assert kind.verifying is not None
    detector, second_look = HaarDetector(SEARCH), Verifier(kind.verifying())
    found: list[tuple[FramedFace, Detection, Path]] = []
    for face in annotated:
        framed, detection = read_face(face, detector)
        if detection is not None:
            found.append((framed, detection, face.image))
    if not found:
        raise UsageError(f"Viola-Jones finds none of {len(annotated)} annotated faces")
    rows = {
        "found": np.ones(len(found), bool),
        "second cascade agrees": np.array([second_look.agrees(face.image, each) for face, each, _ in found]),
        "framed": np.array([face.box is not None for face, _, _ in found]),
    }
    for name in ("helen", "afw"):
        rows[f"framed, {name}"] = rows["framed"] & np.array([name in image.parts for _, _, image in found])
    named = predictors()
    errors = [point_errors(each, [(face, found.box) for face, found, _ in found]) for each in named.values()]
    cells = [
        [name, str(chosen.sum()), *(percent(float(each[chosen].mean()), 2) if chosen.any() else "-" for each in errors)]
        for name, chosen in rows.items()
    ]
    return markdown([f"boxes, of {len(annotated)} faces", "boxes", *named], cells)


def straying(named: dict[str, LandmarkPredictor], faces: Sequence[FramedFace]) -> dict[str, float]:
    """How far the points of still faces stray from picture to picture, in widths of the box: the standard deviation.

    Args:
        named: What finds the points.
        faces: Those that have a box count.
    """
    generator = np.random.default_rng(1)
    strayed: dict[str, list[float]] = {name: [] for name in named}
    for face in faces:
        if face.box is None:
            continue
        found: dict[str, list[Points]] = {name: [] for name in named}
        for _ in range(REPEATS):
            grey = np.clip(face.image + generator.normal(0, NOISE, face.image.shape), 0, 255).astype(np.uint8)
            right, down, wider = generator.normal(0, WANDER, 3) * face.box.width
            side, (x, y) = face.box.width + wider, face.box.centre
            box = Box(x + right - side / 2, y + down - side / 2, side, side)
            for name, predictor in named.items():
                found[name].append(predictor.predict(grey, box))
        for name, points in found.items():
            strayed[name].append(float(np.sqrt(np.var(points, axis=0).sum(axis=1)).mean()) / face.box.width)
    return {name: float(np.mean(each)) for name, each in strayed.items()}


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-folder", type=Path, required=True, metavar="FOLDER", help="holds landmarks68.tar.gz")
    arguments = parser.parse_args()
    recipe = read_dataclass(LandmarkRecipe, configs_folder() / "train" / "landmarks.toml")
    annotated = read_annotated_faces(arguments.data_folder / recipe.data)[:: recipe.held_out]
    print(table(annotated))
    detector = HaarDetector(SEARCH)
    still = straying(predictors(), [read_face(face, detector)[0] for face in annotated])
    print(
        "\nA still face's points stray by " + ", ".join(f"{percent(each, 2)} ({name})" for name, each in still.items())
    )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SmiledetError as problem:
        print(f"landmark_table: {problem}", file=sys.stderr)
        sys.exit(problem.exit_code)

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.template import MIRRORED, load_template
from smiledet.frame import Box
from smiledet.lab.datasets.landmarks68 import AnnotatedFace, read_annotated_faces
from smiledet.lab.training.landmarks.boxes import FramedFace, measure_spread
from smiledet.lab.training.landmarks.train import held_out_figures, point_errors, ship_landmarks, train_landmarks
from smiledet.lab.training.recipe import LandmarkNetworkRecipe, LandmarkRecipe
from smiledet.model_index import find_model, sha256
from smiledet.shipped_models import refiner_engine

TINY = LandmarkRecipe(
    cascade_depth=3,
    trees_per_level=12,
    tree_depth=2,
    oversampling=2,
    feature_pool_size=80,
    test_splits=8,
    jitter_copies=2,
    held_out=5,
)


@pytest.fixture
def faces(variant, tmp_path) -> list[AnnotatedFace]:
    """Twelve annotated photographs, written and read as a data set."""
    for number in range(12):
        photograph = variant(200 + number)
        cv2.imwrite(str(tmp_path / f"{number:02d}.png"), photograph.image)
        rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in photograph.points)
        (tmp_path / f"{number:02d}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    return read_annotated_faces(tmp_path)


def test_errors_are_in_distances_between_the_outer_corners_of_the_eyes(portraits):
    class Askew:
        """Sees every point three pixels too far right and four too low."""

        def predict(self, image, box):
            return np.add(next(each.points for each in portraits if each.image is image), (3.0, 4.0))

    faces = [(FramedFace(each.image, each.points, each.box), each.box) for each in portraits]
    errors = point_errors(Askew(), faces)
    between = [np.linalg.norm(each.points[36] - each.points[45]) for each in portraits]
    assert errors == pytest.approx(np.repeat(5 / np.array(between)[:, None], 68, axis=1))


def test_a_box_that_does_not_frame_the_face_counts_in_one_figure_alone(portraits):
    class Lost:
        """Right from the right box, and 50 pixels off from any other."""

        def predict(self, image, box):
            face = next(each for each in portraits if each.image is image)
            return face.points + (0 if box == face.box else 50)

    one, other = portraits
    low = Box(other.box.x, other.box.y + other.box.height / 2, other.box.width, other.box.height)
    faces = [FramedFace(one.image, one.points, one.box), FramedFace(other.image, other.points, None)]
    spread = measure_spread(faces)
    figures = held_out_figures(Lost(), faces, [one.box, low], spread)
    assert (figures["held_out"], figures["found"], figures["framed"]) == (2, 2, 1)
    assert figures["error_framed"] == figures["error_inner"] == figures["error_jaw"] == 0 < figures["error"]
    assert "error_missed" not in figures
    figures = held_out_figures(Lost(), faces, [one.box, None], spread)
    assert figures["error"] == 0 < figures["error_missed"]


def test_growing_writes_trees_and_a_symmetric_template(faces, portraits, tmp_path):
    folder = tmp_path / "grown"
    figures = train_landmarks(faces, TINY, folder)
    assert (figures["faces"], figures["held_out"]) == (12, 3)
    assert figures["detected"] > 0.8
    assert figures["error"] < 0.15  # the held-out faces are the same two people's
    assert figures["megabytes"] == (folder / "landmarks68.dat").stat().st_size / 1e6

    points = LandmarkPredictor(folder / "landmarks68.dat").predict(portraits[0].image, portraits[0].box)
    assert points.shape == (68, 2)
    between = np.linalg.norm(portraits[0].points[36] - portraits[0].points[45])
    assert np.linalg.norm(points - portraits[0].points, axis=1).mean() < 0.2 * between

    template = load_template(folder / "template68.json")
    reflected = template[MIRRORED] * (-1, 1) + (1, 0)
    assert reflected == pytest.approx(template, abs=2e-5)
    assert template[48:, 1].mean() > template[36:48, 1].mean()


def test_the_seed_tells_the_trees(faces, tmp_path):
    small = replace(TINY, cascade_depth=2, trees_per_level=3)
    for folder in ("one", "again"):
        train_landmarks(faces, small, tmp_path / folder)
    train_landmarks(faces, replace(small, seed=2), tmp_path / "other")
    one, again, other = ((tmp_path / name / "landmarks68.dat").read_bytes() for name in ("one", "again", "other"))
    assert one == again != other


def test_shipping_writes_a_row_that_checks(faces, tmp_path):
    models = tmp_path / "models"
    model = ship_landmarks(faces, replace(TINY, cascade_depth=1, trees_per_level=2), models)
    found = find_model("landmarks", "ert68", models)
    assert found == model and found.input is None and found.labels == ()
    for use in ("dlib", "template"):
        assert sha256(found.file(use)) == found.files[use].sha256
    assert {"faces", "held_out", "detected", "labelled", "error", "error_framed", "megabytes"} <= set(found.figures)
    assert [row["name"] for row in json.loads((models / "index.json").read_text())["models"]] == ["ert68"]


@pytest.mark.slow
def test_a_network_ships_beside_the_trees(keras, faces, tmp_path):
    network = LandmarkNetworkRecipe("smile/mobilenet-025", fine=4, coarse=4, steps=2, batch=4)
    recipe = replace(TINY, cascade_depth=1, trees_per_level=2, network=network)
    models = tmp_path / "models"
    model = ship_landmarks(faces, recipe, models)
    assert set(model.files) == {"dlib", "template", "litert-int8", "onnx"}
    assert 0 < model.figures["error_trees"] != model.figures["error_framed"] > 0
    engine = refiner_engine(find_model("landmarks", "ert68", models))
    assert engine is not None
    assert engine.predict(np.zeros((2, 96, 96, 1), np.uint8)).shape == (2, 136)


def test_faces_that_viola_jones_does_not_find_are_no_ground_to_start_from(portraits, tmp_path, complaint):
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((160, 160), 128, np.uint8))
    faces = [AnnotatedFace(blank, portraits[0].points)] * 3
    with complaint("Viola-Jones", "2 annotated"):
        train_landmarks(faces, TINY, tmp_path / "grown")


def test_a_single_face_is_too_few(faces, tmp_path, complaint):
    with complaint("1"):
        train_landmarks(faces[:1], TINY, tmp_path / "grown")


def test_a_photograph_that_cannot_be_read_is_named(portraits, tmp_path, complaint):
    path = tmp_path / "broken.jpg"
    path.write_text("no picture")
    with complaint(str(path)):
        train_landmarks([AnnotatedFace(path, portraits[0].points)] * 2, TINY, tmp_path / "grown")


def test_the_template_that_is_there_stays(faces, tmp_path):
    """The networks' chips are cut by it."""
    kept = json.dumps({"points": load_template(find_model("landmarks", "ert68").file("template")).tolist()})
    (tmp_path / "grown").mkdir()
    (tmp_path / "grown" / "template68.json").write_text(kept)
    train_landmarks(faces, TINY, tmp_path / "grown")
    assert (tmp_path / "grown" / "template68.json").read_text() == kept

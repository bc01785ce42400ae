import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.template import MIRRORED, load_template
from smiledet.datasets.landmarks68 import AnnotatedFace, read_annotated_faces
from smiledet.frame import Box
from smiledet.training.landmarks import (
    BoxSpread,
    bounds,
    draw_box,
    measure_spread,
    mirrored,
    normalised_error,
    ship_landmarks,
    train_landmarks,
)
from smiledet.training.recipe import LandmarkRecipe
from smiledet.zoo import find_model, sha256

TINY = LandmarkRecipe(
    cascade_depth=3,
    trees_per_level=6,
    tree_depth=2,
    oversampling=3,
    feature_pool_size=80,
    test_splits=8,
    jitter_copies=1,
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


def test_mirroring_twice_changes_nothing(portraits):
    image, points = portraits[0].image, portraits[0].points
    back, placed = mirrored(*mirrored(image, points))
    assert np.array_equal(back, image)
    assert placed == pytest.approx(points)
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(68))


def test_left_stays_left_in_the_mirror(portraits):
    image, points = portraits[0].image, portraits[0].points
    flipped, placed = mirrored(image, points)
    assert np.array_equal(flipped, image[:, ::-1])
    for each in (points, placed):
        assert each[0, 0] < each[36:42, 0].mean() < each[27, 0] < each[42:48, 0].mean() < each[16, 0]  # eyes and jaw
        assert each[48, 0] < each[54, 0] and each[17:22, 0].max() < each[22:27, 0].min()  # mouth and brows
    # A point still lies on the same feature: the left mouth corner becomes the right one.
    assert placed[54] == pytest.approx((159 - points[48, 0], points[48, 1]))


def test_bounds():
    assert bounds(np.array([[3.0, 9.0], [1.0, 5.0], [2.0, 11.0]])) == Box(1, 5, 2, 6)


def test_boxes_are_drawn_as_they_were_measured(portraits, variant):
    shapes = [variant(seed).points for seed in range(200)]
    spread = BoxSpread((0.04, -0.11), 1.2, (0.02, 0.03, 0.05))
    exact = measure_spread([draw_box(spread, points, None) for points in shapes], shapes)
    assert (*exact.offset, exact.side) == pytest.approx((0.04, -0.11, 1.2))
    assert exact.deviation == pytest.approx((0, 0, 0), abs=1e-9)
    generator = np.random.default_rng(1)
    drawn = measure_spread([draw_box(spread, points, generator) for points in shapes], shapes)
    assert (*drawn.offset, drawn.side) == pytest.approx((0.04, -0.11, 1.2), abs=0.02)
    assert drawn.deviation == pytest.approx(spread.deviation, rel=0.2)


def test_drawn_boxes_are_square_and_repeat_with_the_seed(portraits):
    spread = BoxSpread((0.0, -0.1), 1.1, (0.05, 0.05, 0.1))
    points = portraits[0].points
    one, again, other = (draw_box(spread, points, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert one.width == one.height


def test_the_error_is_in_distances_between_the_eyes(portraits):
    class Askew:
        """Sees every point three pixels too far right and four too low."""

        def predict(self, image, box):
            return np.add(next(each.points for each in portraits if each.image is image), (3.0, 4.0))

    image, points, box = portraits[0].image, portraits[0].points, portraits[0].box
    between = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    assert normalised_error(Askew(), [(image, points, box)]) == pytest.approx(5 / between)


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
    assert set(found.figures) == {"faces", "held_out", "detected", "error", "megabytes"}
    assert [row["name"] for row in json.loads((models / "index.json").read_text())["models"]] == ["ert68"]


def test_faces_that_viola_jones_does_not_find_are_no_ground_to_start_from(portraits, tmp_path, complaint):
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((160, 160), 128, np.uint8))
    faces = [AnnotatedFace(blank, portraits[0].points)] * 3
    with complaint("Viola-Jones", "3"):
        train_landmarks(faces, TINY, tmp_path / "grown")


def test_a_single_face_is_too_few(faces, tmp_path, complaint):
    with complaint("1"):
        train_landmarks(faces[:1], TINY, tmp_path / "grown")


def test_a_photograph_that_cannot_be_read_is_named(portraits, tmp_path, complaint):
    path = tmp_path / "broken.jpg"
    path.write_text("no picture")
    with complaint(str(path)):
        train_landmarks([AnnotatedFace(path, portraits[0].points)] * 2, TINY, tmp_path / "grown")

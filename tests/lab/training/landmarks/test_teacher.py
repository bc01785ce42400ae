"""The networks that place landmarks, and the one that names the points of unlabelled faces; a few steps of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from smiledet.errors import UsageError
from smiledet.frame import Box
from smiledet.lab.training.landmarks.boxes import BoxSpread, FramedFace
from smiledet.lab.training.landmarks.train import mean_face
from smiledet.lab.training.recipe import LandmarkNetworkRecipe, LandmarkTeacherRecipe

RECIPE = LandmarkNetworkRecipe(
    initial="emotion/mobilenet-075", frozen=True, dropout=0.1, steps=6, batch=4, learning_rate=1e-4, weight_average=0.5
)
SPREAD = BoxSpread(np.array([[0.0, -0.16, 1.17], [0.05, -0.15, 1.2], [-0.05, -0.17, 1.15]]))


@pytest.fixture(scope="module")
def faces(variant) -> list[FramedFace]:
    return [FramedFace(each.image, each.points, each.box) for each in map(variant, range(8))]


@pytest.fixture(scope="module")
def template(faces):
    return mean_face(faces, SPREAD)


@pytest.fixture(scope="module")
def teacher(keras, faces, template):
    from smiledet.lab.training.landmarks.network import train_network
    from smiledet.lab.training.landmarks.teacher import LandmarkTeacher

    return LandmarkTeacher(train_network(faces, (), template, SPREAD, RECIPE, 1), template, 2)


@pytest.mark.slow
def test_it_places_points_of_each_face_in_its_photograph(teacher, faces):
    points, doubt = teacher.place([face.image for face in faces], [face.box for face in faces])
    assert points.shape == (8, 68, 2) and doubt.shape == (8,)
    for found, face in zip(points, faces, strict=True):
        between = np.linalg.norm(face.points[36] - face.points[45])
        assert np.linalg.norm(found - face.points, axis=1).mean() < 0.35 * between  # it began at the mean face
    assert (doubt >= 0).all() and (doubt < 1).all()


def test_it_learns(keras, faces, template):
    from smiledet.lab.training.landmarks.network import build_network, wing_loss
    from smiledet.lab.training.landmarks.views import random_views
    from smiledet.model_index import find_model

    trunk = keras.saving.load_model(find_model("emotion", "mobilenet-075").file("keras"), compile=False)
    network = build_network(trunk, RECIPE)
    frozen = network.layers[1].get_layer("conv_pw_2").get_weights()[0].copy()
    views, points = random_views(faces, template, SPREAD, np.random.default_rng(1))
    network.compile(optimizer=keras.optimizers.Adam(3e-6), loss=wing_loss, run_eagerly=True)  # tracing takes longer
    first, *_, last = (float(network.train_on_batch(views, points)) for _ in range(6))
    assert last < first
    assert np.array_equal(network.layers[1].get_layer("conv_pw_2").get_weights()[0], frozen)


@pytest.mark.slow
def test_the_small_network_learns_labelled_faces_too(keras, faces, template):
    """Every layer of it, and the normalisations."""
    from smiledet.lab.training.landmarks.network import train_network
    from smiledet.model_index import find_model

    before = keras.saving.load_model(find_model("smile", "mobilenet-025").file("keras"), compile=False)
    recipe = LandmarkNetworkRecipe("smile/mobilenet-025", fine=4, coarse=4, steps=3, batch=8, annotated=0.5)
    network = train_network(faces[:2], faces[2:], template, SPREAD, recipe, 1)
    assert network.output_shape == (None, 136)
    trunk = network.layers[1]
    for name in ("conv1", "conv_pw_11_bn"):
        old, new = (each.get_layer(name).get_weights() for each in (before, trunk))
        assert all(not np.array_equal(one, other) for one, other in zip(old, new, strict=True))


def test_before_it_has_learnt_it_says_the_mean_face(keras, template):
    from smiledet.lab.training.landmarks.network import build_network
    from smiledet.lab.training.landmarks.teacher import LandmarkTeacher
    from smiledet.model_index import find_model

    trunk = keras.saving.load_model(find_model("emotion", "mobilenet-075").file("keras"), compile=False)
    network = build_network(trunk, RECIPE)
    grey = np.full((100, 100), 128, np.uint8)
    points, doubt = LandmarkTeacher(network, template, 1).place([grey], [Box(20, 30, 50, 50)])
    assert points[0] == pytest.approx(template * 50 + (20, 30), abs=1e-3)
    assert doubt[0] < 1e-4


def test_the_loss_bends_where_the_wing_ends(keras):
    from smiledet.alignment.landmark_refiner import VIEW
    from smiledet.lab.training.landmarks.network import WING_CURVE, WING_WIDTH, wing_loss

    def loss(pixels: float) -> float:
        return float(wing_loss(np.zeros((1, 136), np.float32), np.full((1, 136), pixels / VIEW.size, np.float32)))

    assert loss(0) == 0
    assert loss(1) == pytest.approx(WING_WIDTH * np.log1p(1 / WING_CURVE), rel=1e-4)
    assert loss(WING_WIDTH + 1e-3) == pytest.approx(loss(WING_WIDTH - 1e-3), abs=1e-2)
    assert loss(12) - loss(11) == pytest.approx(1, rel=1e-3)


def test_only_a_mobilenet_will_do(keras, faces, template):
    from smiledet.lab.training.landmarks.network import build_network, train_network

    other = keras.Sequential([keras.Input((96, 96, 1)), keras.layers.Flatten(), keras.layers.Dense(2)], name="other")
    with pytest.raises(UsageError, match="MobileNet"):
        build_network(other, RECIPE)
    with pytest.raises(UsageError, match="nobody"):
        train_network(faces, (), template, SPREAD, LandmarkNetworkRecipe("emotion/nobody"), 1)


class Sure:
    """A teacher that says what it was told."""

    def __init__(self, points, doubt):
        self._points, self._doubt = points, doubt

    def place(self, images, boxes):
        return np.array([self._points] * len(images)), np.full(len(images), self._doubt)


def test_faces_are_kept_of_which_the_teacher_is_sure(portraits, tmp_path, keras):
    from smiledet.lab.training.landmarks.labels import label_faces

    files = tmp_path / "genki4k" / "files"
    files.mkdir(parents=True)
    portrait = portraits[0]
    for number in range(20):
        cv2.imwrite(str(files / f"file{number:04d}.png"), portrait.image + np.uint8(number))  # no two alike
    (tmp_path / "genki4k" / "labels.txt").write_text("1 0 0 0\n0 0 0 0\n" * 10)
    recipe = LandmarkTeacherRecipe(RECIPE, ("genki4k:genki4k",), doubt=0.05)
    kept = label_faces(tmp_path, recipe, Sure(portrait.points, 0.04))
    assert 10 <= len(kept) < 20  # the test split stays out
    assert all(face.box.iou(portrait.box) > 0.6 for face in kept)
    assert not label_faces(tmp_path, recipe, Sure(portrait.points, 0.06))
    # Viola-Jones' box does not frame points that lie elsewhere.
    assert not label_faces(tmp_path, recipe, Sure(portrait.points + 40, 0.04))


def test_crops_are_widened_and_small_ones_doubled(data_folder, keras):
    from smiledet.lab.training.landmarks.labels import unlabelled_faces

    found = list(unlabelled_faces("smiles:smiles", data_folder, 6))
    assert found
    for image, box in found:
        edge = round(0.24 * 128)
        assert image.shape == (128 + 2 * edge, 128 + 2 * edge)
        assert 0.45 * 128 <= box.width <= min(image.shape)

"""The detector's training, from pictures to files that say what the network says."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.detection.detectors.choose import detector_kind
from smiledet.detection.detectors.fcos import FcosDetector
from smiledet.detection.detectors.fcos_network import OUTPUTS, FcosNetwork
from smiledet.lab.training.detector.pictures import FacePicture, Teacher, five_points
from smiledet.lab.training.recipe import DetectorRecipe
from smiledet.model_index import find_model
from smiledet.sources.demo import PORTRAITS

TINY = DetectorRecipe(
    name="tiny",
    channels=(4, 6, 8),
    blocks=(0, 1, 1, 1),
    sides=(64, 96),
    pixels=16_000,
    epochs=2,
    steps=3,
)
TEACHER = Path(os.environ.get("SMILEDET_DATA", ""), TINY.teacher)


@pytest.fixture
def _training(keras) -> None:
    """What follows trains."""


@pytest.mark.usefixtures("_training")
class TestTraining:
    def test_the_files_say_what_the_network_says(self, face_pictures, tmp_path) -> None:
        from smiledet.lab.training.detector.network import build
        from smiledet.lab.training.detector.ship import LITERT_SIDE, ship_detector

        network = build(TINY.channels, TINY.blocks)
        generator = np.random.default_rng(0)
        network.set_weights(
            [
                generator.uniform(0.5, 1.5, weight.shape)
                if len(weight.shape) == 1
                else generator.normal(0, 0.3, weight.shape)
                for weight in network.weights
            ]
        )
        model = ship_detector(network, TINY, face_pictures, face_pictures, tmp_path)
        reader = cv2.dnn.readNetFromONNX(str(model.file("onnx")))
        pixels = generator.integers(0, 256, (LITERT_SIDE, LITERT_SIDE)).astype(np.float32)
        for size in ((64, 64), (96, 160), (LITERT_SIDE, LITERT_SIDE)):
            shown = np.ascontiguousarray(pixels[: size[0], : size[1]])
            expected = [np.asarray(answer[0]) for answer in network(shown[None, ..., None])]
            reader.setInput(shown[None, None])
            for answer, found in zip(expected, reader.forward(list(OUTPUTS)), strict=True):
                assert found[0].transpose(1, 2, 0) == pytest.approx(answer, rel=1e-3, abs=1e-3)
        # Both files say so of a picture of any size, whatever came before, LiteRT's as it is and resized.
        litert, onnx = FcosNetwork(model.file("litert")), FcosNetwork(model.file("onnx"))
        grey = generator.integers(0, 256, (400, 400)).astype(np.uint8)
        for height, width in ((LITERT_SIDE, LITERT_SIDE), (64, 90), (130, 400), (64, 90), (400, 70), (5, 9)):
            (_, one), (_, other) = (network.candidates(grey[None, :height, :width], 0.01) for network in (litert, onnx))
            assert len(one) and one == pytest.approx(other, rel=1e-3, abs=0.05)

    def test_shipping_writes_a_row_that_checks(self, face_pictures, tmp_path) -> None:
        from smiledet.lab.training.detector.network import build
        from smiledet.lab.training.detector.ship import ship_detector

        model = ship_detector(build(TINY.channels, TINY.blocks), TINY, face_pictures, face_pictures, tmp_path)
        assert find_model("detector", "tiny", tmp_path) == model
        assert set(model.figures) == {"parameters", "photographs", "recall", "false", "milliseconds"}
        assert [row["name"] for row in json.loads((tmp_path / "index.json").read_text())["models"]] == ["tiny"]
        kind = detector_kind(f"fcos={model.file('onnx')}")
        assert kind.scanning(None).detect(np.zeros((80, 80), np.uint8), 24) == []

    @pytest.mark.slow
    def test_an_interrupted_training_ends_as_an_uninterrupted_one(self, face_pictures, tmp_path) -> None:
        from smiledet.lab.training.detector.train import train_detector

        whole = train_detector(face_pictures, TINY, tmp_path / "whole")
        # Before the learning rate falls it does not depend on how many epochs there will be.
        train_detector(face_pictures, replace(TINY, epochs=1), tmp_path / "parts")
        parts = train_detector(face_pictures, TINY, tmp_path / "parts")
        for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
            assert one == pytest.approx(other, abs=1e-5)
        assert (tmp_path / "parts" / "log.csv").read_text().count("\n") == 3

    def test_mistakes_are_boxes_where_no_face_is(self, face_pictures, tmp_path, monkeypatch, keras) -> None:
        from smiledet.lab.training.detector import mining
        from smiledet.lab.training.detector.mining import mistakes_of
        from smiledet.lab.training.detector.network import build
        from smiledet.lab.training.detector.scenes import Pictures

        monkeypatch.setattr(mining, "LOOKED", 16)
        keras.utils.set_random_seed(2)
        network, generator = build(TINY.channels, TINY.blocks), np.random.default_rng(0)
        pictures = Pictures.of(face_pictures)
        assert list(mistakes_of(network, tmp_path / "unsure.onnx", pictures, generator)) == []
        for layer in network.layers:  # it takes everything for a face
            if getattr(layer, "filters", 0) == 1:
                layer.bias.assign([3.0])
        found = list(mistakes_of(network, tmp_path / "sure.onnx", pictures, generator))
        assert len(found) > 20
        assert any(len(mistake.picture.boxes) for mistake in found)
        assert any(not len(mistake.picture.boxes) for mistake in found)
        for mistake in found:
            height, width = mistake.picture.grey.shape
            assert -32 < mistake.middle[0] < width + 32 and -32 < mistake.middle[1] < height + 32
        # Where everything may be a face, nothing is a mistake.
        everywhere = [replace(each, doubtful=np.array([[0, 0, 999, 999]], np.float32)) for each in face_pictures[-1:]]
        assert list(mistakes_of(network, tmp_path / "none.onnx", Pictures.of(everywhere), generator)) == []

    def test_no_face_is_nothing_to_learn_from(self, face_pictures, tmp_path, complaint) -> None:
        from smiledet.lab.training.detector.train import train_detector

        with complaint("none of the photographs shows a face"):
            train_detector(face_pictures[-1:], TINY, tmp_path)

    @pytest.mark.parametrize("sides", [(100,), (64, 32), ()])
    def test_sides_that_do_not_fit(self, face_pictures, tmp_path, complaint, sides) -> None:
        from smiledet.lab.training.detector.train import train_detector

        with complaint("sides", str(list(sides)), "multiples of 32"):
            train_detector(face_pictures, replace(TINY, sides=sides), tmp_path)

    @pytest.mark.parametrize(
        ("channels", "blocks"), [((4, 6), (1, 1, 1, 1)), ((4, 6, 8), (1, 1)), ((0, 6, 8), (0,) * 4)]
    )
    def test_a_network_that_cannot_be(self, face_pictures, tmp_path, complaint, channels, blocks) -> None:
        from smiledet.lab.training.detector.train import train_detector

        with complaint("three channels", "four blocks"):
            train_detector(face_pictures, replace(TINY, channels=channels, blocks=blocks), tmp_path)


def test_pictures_come_back_from_their_file(face_pictures, tmp_path) -> None:
    from smiledet.lab.training.detector.store import load, save

    save(face_pictures, tmp_path / "pictures.npz")
    again = load(tmp_path / "pictures.npz")
    assert len(again) == len(face_pictures)
    for one, other in zip(face_pictures, again, strict=True):
        assert one.crop == other.crop
        for name in ("grey", "boxes", "points", "doubtful"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
    save([], tmp_path / "none.npz")
    assert load(tmp_path / "none.npz") == []


def test_a_missing_teacher_is_one_line(tmp_path, complaint) -> None:
    with complaint("teacher", "none.onnx"):
        Teacher(tmp_path / "none.onnx")


@pytest.mark.data
@pytest.mark.skipif(not TEACHER.is_file(), reason="needs SMILEDET_DATA with YuNet's file")
class TestTeacher:
    @pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda portrait: portrait.name)
    def test_a_portrait_has_one_face(self, portrait) -> None:
        image = cv2.imread(str(portrait.path))
        image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        picture = Teacher(TEACHER).photograph(image)
        assert isinstance(picture, FacePicture) and len(picture.boxes) == 1
        left, top, right, bottom = picture.boxes[0]
        x, y = np.array(portrait.centre) / 2
        assert left < x < right and top < y < bottom
        eyes, mouth = picture.points[0, :2], picture.points[0, 3:]
        assert eyes[0, 0] < eyes[1, 0] and mouth[0, 0] < mouth[1, 0] and eyes[:, 1].max() < mouth[:, 1].min()

    def test_nobody_has_none(self) -> None:
        nobody = np.full((200, 200, 3), 120, np.uint8)
        teacher = Teacher(TEACHER)
        assert len(teacher.photograph(nobody).boxes) == len(teacher.faceless(nobody).doubtful) == 0
        assert teacher.crop(nobody) is None


def test_five_points_are_eyes_nose_and_mouth(portraits) -> None:
    for portrait in portraits:
        left_eye, right_eye, nose, left, right = five_points(portrait.points)
        assert left_eye[0] < nose[0] < right_eye[0] and left[0] < nose[0] < right[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left[1], right[1])


def test_a_damaged_network_is_one_line(tmp_path, complaint) -> None:
    for content in (b"", b"no network", b"\x08\x07"):
        path = tmp_path / "broken.onnx"
        path.write_bytes(content)
        with complaint("fcos", "broken.onnx"):
            FcosDetector(path)
    with complaint("fcos", "none.onnx"):
        detector_kind(f"fcos={tmp_path / 'none.onnx'}")

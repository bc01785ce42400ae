"""The network that looks again where the trees have placed a face."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from smiledet import shipped_models as shipped
from smiledet.alignment.chips import chip_map
from smiledet.alignment.landmark_refiner import VIEW, LandmarkRefiner, MeanFace
from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.similarity import transform
from smiledet.alignment.template import INNER, load_template
from smiledet.errors import UsageError
from smiledet.frame import Box, Points
from smiledet.model_index import find_model
from smiledet.shipped_models import refiner_engine
from smiledet.sources.demo import PORTRAITS


@pytest.fixture(scope="module")
def template() -> Points:
    return load_template(find_model("landmarks", "ert68").file("template"))


class Saying:
    """A network that answers what it was told, and keeps what it was shown."""

    def __init__(self, answer: npt.NDArray[np.float32]) -> None:
        self.answer, self.shown = answer, []

    def __call__(self, chips: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        self.shown.append(chips)
        return self.answer[None]


def turned(template: Points, degrees: float, side: float) -> Points:
    """The template, turned and enlarged about (150, 140)."""
    turn = cv2.getRotationMatrix2D((0.5, 0.5), -degrees, side)
    turn[:, 2] += np.array([150.0, 140.0]) - 0.5
    return transform(turn, template)


def test_answers_and_points_are_each_others_inverse(template: Points) -> None:
    points = transform(chip_map(np.eye(2, 3), VIEW), template) + np.random.default_rng(1).normal(0, 3, (68, 2))
    mean_face = MeanFace(template)
    assert mean_face.points(mean_face.answer(points)) == pytest.approx(points, abs=1e-4)
    assert not mean_face.answer(transform(chip_map(np.eye(2, 3), VIEW), template)).any()


def test_a_turned_face_is_seen_upright(template: Points) -> None:
    points = turned(template, 30, 80)
    into = MeanFace(template).view_of(points)
    assert transform(into, points) == pytest.approx(template, abs=1e-9)


def test_an_answer_of_nothing_leaves_the_template_where_it_lies(template: Points) -> None:
    points = turned(template, 20, 90)
    refiner = LandmarkRefiner(network := Saying(np.zeros(136, np.float32)), template)
    assert refiner.refine(np.zeros((300, 300), np.uint8), points) == pytest.approx(points, abs=1e-6)
    assert [each.shape for each in network.shown] == [(1, 96, 96, 1)]


def test_points_move_as_far_as_the_answer_says(template: Points) -> None:
    """Nine pixels of the view to the right are, of a face turned by 90 degrees, so many pixels of the frame down."""
    answer = np.zeros((68, 2), np.float32)
    answer[:, 0] = 9 / VIEW.size
    points = turned(template, 90, 144)
    found = LandmarkRefiner(Saying(answer.ravel()), template).refine(np.zeros((300, 300), np.uint8), points)
    assert found - points == pytest.approx(np.tile([0, 9 * 144 / 72], (68, 1)), abs=1e-5)


def test_points_that_coincide_stay(template: Points) -> None:
    points = np.full((68, 2), 50.0)
    network = Saying(np.zeros(136, np.float32))
    assert LandmarkRefiner(network, template).refine(np.zeros((100, 100), np.uint8), points) is points
    assert not network.shown


@pytest.fixture(scope="module")
def predictors(template: Points) -> tuple[LandmarkPredictor, LandmarkPredictor]:
    """Trees alone, and with the network."""
    model = find_model("landmarks", "ert68")
    engine = refiner_engine(model)
    assert engine is not None
    refiner = LandmarkRefiner(engine.predict, template)
    return LandmarkPredictor(model.file("dlib")), LandmarkPredictor(model.file("dlib"), refiner)


class TestShipped:
    """The network that ships."""

    def test_it_mends_what_a_tilted_box_spoils(self, predictors: tuple[LandmarkPredictor, LandmarkPredictor]) -> None:
        """Points of a face turned by 20 degrees, turned back, lie nearer to those of the upright face."""
        errors = np.zeros(2)
        for portrait in PORTRAITS:
            grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
            (x, y), side = portrait.centre, portrait.face
            box = Box(x - side / 2, y - side / 2, side, side)
            for degrees in (-20, 20):
                turn = cv2.getRotationMatrix2D(box.centre, degrees, 1)
                tilted = cv2.warpAffine(grey, turn, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
                for number, predictor in enumerate(predictors):
                    upright = transform(turn, predictor.predict(grey, box))
                    apart = np.linalg.norm(predictor.predict(tilted, box) - upright, axis=1)[INNER]
                    errors[number] += apart.mean() / side
        assert errors[1] < 0.8 * errors[0]

    def test_onnx_says_the_same(self, template: Points) -> None:
        """But for the rounding to integers."""
        portrait = PORTRAITS[0]
        grey = cv2.imread(str(portrait.path), cv2.IMREAD_GRAYSCALE)
        (x, y), side = portrait.centre, portrait.face
        model = find_model("landmarks", "ert68")
        points = LandmarkPredictor(model.file("dlib")).predict(grey, Box(x - side / 2, y - side / 2, side, side))
        found = []
        for name in ("litert", "onnx"):
            pytest.importorskip({"litert": "ai_edge_litert", "onnx": "onnxruntime"}[name])
            engine = shipped.load_engine(name, shipped.model_file(model, name))
            found.append(LandmarkRefiner(engine.predict, template).refine(grey, points))
        assert np.linalg.norm(found[0] - found[1], axis=1).mean() < 0.01 * side


class TestEngine:
    def test_the_quicker_engine_runs_it(self) -> None:
        engine = refiner_engine(find_model("landmarks", "ert68"))
        assert engine is not None and engine.name == "litert"

    def test_the_next_runs_it_where_the_first_does_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried = []

        def load(name: str, path: object) -> str:
            tried.append(name)
            if name == "litert":
                raise UsageError("the engine litert needs a newer glibc")
            return name

        monkeypatch.setattr(shipped, "load_engine", load)
        assert refiner_engine(find_model("landmarks", "ert68")) == "onnx"
        assert tried == ["litert", "onnx"]

    def test_where_none_runs_it_the_trees_are_alone(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def load(name: str, path: object) -> None:
            raise UsageError(f"no {name}")

        monkeypatch.setattr(shipped, "load_engine", load)
        assert refiner_engine(find_model("landmarks", "ert68")) is None
        assert "neither litert nor onnx" in caplog.text

    def test_a_row_without_a_network_is_trees_alone(self) -> None:
        model = find_model("landmarks", "ert68")
        trees = {use: file for use, file in model.files.items() if use in ("dlib", "template")}
        assert refiner_engine(dataclasses.replace(model, files=trees)) is None

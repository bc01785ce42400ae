"""The network that proposes faces: what it learns from, and that its file says what the network says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from smiledet.detection.scheduling.proposal_network import CELL, FACE_RANGE, ProposalNetwork
from smiledet.frame import Box
from smiledet.lab.training.proposals.pictures import KEPT_FACE, FaceFinder, FacePicture, read_face_pictures
from smiledet.lab.training.proposals.scenes import SIDE, compose, label
from smiledet.lab.training.proposals.train import build, focal_loss, measure, ship_proposals, to_onnx, train_proposals
from smiledet.lab.training.recipe import ProposalRecipe
from smiledet.model_index import find_model, sha256

TINY = ProposalRecipe(name="tiny", channels=(8, 8), epochs=1, steps=3, batch=8)


@pytest.fixture
def pictures(variant) -> list[FacePicture]:
    """Portraits and what is known of them."""
    finder = FaceFinder()
    found = [finder.crop(variant(seed).image) for seed in range(300, 306)]
    kept = [picture for picture in found if picture is not None]
    assert len(kept) >= 3
    return kept


class TestFacePictures:
    def test_a_portrait_is_kept_small(self, pictures) -> None:
        for picture in pictures:
            assert picture.faces[0].width <= KEPT_FACE + 1
            assert picture.faces[0].clipped(*picture.grey.shape[::-1])[2] <= picture.grey.shape[1]

    def test_no_face_is_no_picture(self) -> None:
        blank = np.full((160, 160), 120, np.uint8)
        finder = FaceFinder()
        assert finder.photograph(blank) is finder.crop(blank) is finder.annotated(blank, Box(40, 40, 60, 60)) is None

    def test_a_set_that_is_not_there(self, tmp_path, complaint) -> None:
        with complaint("nowhere"):
            read_face_pictures(tmp_path, replace(TINY, photographs=("genki4k:nowhere",), annotated=""))

    def test_a_layout_that_is_not_there(self, tmp_path, complaint) -> None:
        with complaint("no layout", "unheard"):
            read_face_pictures(tmp_path, replace(TINY, photographs=("unheard:of",), annotated=""))


class TestScenes:
    def test_labels_are_about_the_middle(self) -> None:
        labels = label([Box(20, 32, 16, 16)], [])
        rows, columns = np.nonzero(labels == 1)
        assert {(int(row), int(column)) for row, column in zip(rows, columns, strict=True)} == {
            (row, column) for row in (9, 10) for column in (6, 7) if abs((row + 0.5) * CELL - 40) <= 3.2
        }
        assert (labels == -1).sum() > (labels == 1).sum()
        assert labels[0, 0] == 0

    @pytest.mark.parametrize("side", [9.0, 22.0])
    def test_almost_the_right_size_is_neither(self, side: float) -> None:
        labels = label([Box(40 - side / 2, 40 - side / 2, side, side)], [])
        assert (labels == 1).sum() == 0 < (labels == -1).sum()

    @pytest.mark.parametrize("side", [4.0, 60.0])
    def test_other_sizes_are_background(self, side: float) -> None:
        assert (label([Box(40 - side / 2, 40 - side / 2, side, side)], []) == 0).all()

    def test_what_may_be_a_face_is_not_learnt(self) -> None:
        labels = label([], [Box(33, 33, 14, 14)])
        assert (labels == 1).sum() == 0 < (labels == -1).sum()

    def test_every_face_of_the_sizes_sought_has_a_cell(self) -> None:
        generator = np.random.default_rng(3)
        for _ in range(200):
            side = generator.uniform(*FACE_RANGE)
            x, y = generator.uniform(5, SIDE - 5 - side, 2)
            assert (label([Box(x, y, side, side)], []) == 1).any()

    def test_scenes_repeat_with_the_seed(self, pictures) -> None:
        one, again, other = (compose(pictures, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(one[0], again[0]) and np.array_equal(one[1], again[1])
        assert not np.array_equal(one[0], other[0])
        assert one[0].shape == (SIDE, SIDE) and one[0].dtype == np.uint8
        assert set(np.unique(one[1])) <= {-1.0, 0.0, 1.0}

    def test_most_scenes_show_a_face(self, pictures) -> None:
        drawn = [compose(pictures, np.random.default_rng(seed))[1] for seed in range(30)]
        assert sum((labels == 1).any() for labels in drawn) >= 15


class TestTraining:
    def test_the_file_says_what_the_network_says(self, tmp_path) -> None:
        network = build((6, 5, 4))
        generator = np.random.default_rng(0)
        network.set_weights(
            [abs(each) if "variance" in name else each
             for name, each in ((weight.path, generator.normal(0.1, 0.3, weight.shape)) for weight in network.weights)]
        )  # fmt: skip
        path = tmp_path / "network.onnx"
        path.write_bytes(to_onnx(network))
        reader = ProposalNetwork(path)
        for size in ((SIDE, SIDE), (56, 120), (24, 12)):
            pixels = generator.integers(0, 256, size).astype(np.uint8)
            expected = network(pixels[None, ..., None].astype(np.float32))[0, ..., 0]
            assert reader.scores(pixels) == pytest.approx(np.asarray(expected), abs=1e-4)
        assert reader.scores(np.zeros((27, 31), np.uint8)).shape == (6, 7)

    def test_what_is_not_to_be_learnt_costs_nothing(self) -> None:
        found = np.array([[0.2, 0.7, 0.9]], np.float32)
        ignored = float(focal_loss(np.array([[-1.0, -1.0, -1.0]], np.float32), found))
        right, wrong = (float(focal_loss(np.array([labels], np.float32), found)) for labels in ([0, 1, 1], [1, 0, 0]))
        assert ignored == 0 < right < wrong

    def test_shipping_writes_a_row_that_checks(self, pictures, tmp_path) -> None:
        model = ship_proposals(pictures, pictures[:2], TINY, tmp_path)
        found = find_model("proposals", "tiny", tmp_path)
        assert found == model and found.input is None and found.labels == ()
        assert sha256(found.file("onnx")) == found.files["onnx"].sha256
        assert set(found.figures) == {"photographs", "parameters", "recall", "elsewhere", "milliseconds"}
        assert 0 <= found.figures["recall"] <= 1
        assert [row["name"] for row in json.loads((tmp_path / "index.json").read_text())["models"]] == ["tiny"]

    def test_without_held_out_photographs_nothing_is_said(self, tmp_path) -> None:
        path = tmp_path / "network.onnx"
        path.write_bytes(to_onnx(build((4, 4))))
        assert measure(path, []) == {}

    @pytest.mark.parametrize("channels", [(), (8, 0)])
    def test_no_channels(self, pictures, complaint, channels) -> None:
        with complaint("channels", str(list(channels))):
            train_proposals(pictures, replace(TINY, channels=channels))

    def test_too_few_photographs(self, pictures, complaint) -> None:
        with complaint("1 photograph", "too few"):
            train_proposals(pictures[:1], TINY)

"""Chips: where they are cut, how they are turned, and that nothing aliases."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smiledet.alignment import aligner as aligner_module
from smiledet.alignment.aligner import FaceAligner
from smiledet.alignment.chips import box_map, chip_map, cut_chip
from smiledet.alignment.landmark_refiner import LandmarkRefiner
from smiledet.alignment.landmarks import LandmarkPredictor
from smiledet.alignment.similarity import transform
from smiledet.alignment.template import load_template
from smiledet.errors import UsageError
from smiledet.frame import Box, ChipSpec, GreyImage, Image, Points
from smiledet.model_index import find_model
from smiledet.shipped_models import shipped_aligner
from smiledet.sources.decoding import read_image
from smiledet.sources.demo import PORTRAITS, Portrait

GREY, COLOUR = ChipSpec(64), ChipSpec(96, 0.8, 3)

REAL = pytest.mark.parametrize("portrait", PORTRAITS, ids=lambda portrait: portrait.name)


@pytest.fixture(scope="module")
def shipped() -> FaceAligner:
    return shipped_aligner()


def photograph(portrait: Portrait) -> tuple[Image, GreyImage, Box]:
    image = read_image(portrait.path)
    (x, y), side = portrait.centre, portrait.face
    return image, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), Box(x - side / 2, y - side / 2, side, side)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two chips."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def turned(grey: GreyImage, box: Box, degrees: float) -> GreyImage:
    matrix = cv2.getRotationMatrix2D(box.centre, degrees, 1)
    rotated: GreyImage = cv2.warpAffine(grey, matrix, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return rotated


class TestMaps:
    @pytest.mark.parametrize(
        ("box", "corners"),
        [
            (Box(10, 20, 40, 40), [(10, 20), (50, 60)]),
            # Longer side kept square, about the centre.
            (Box(10, 20, 40, 60), [(0, 20), (60, 80)]),
            (Box(10, 20, 60, 40), [(10, 10), (70, 70)]),
        ],
    )
    def test_box_map_takes_the_box_to_the_unit_square(self, box: Box, corners: list[tuple[float, float]]) -> None:
        assert transform(box_map(box), np.array(corners, float)) == pytest.approx(np.array([(0, 0), (1, 1)]))

    @pytest.mark.parametrize(
        ("spec", "centre", "corner"),
        [
            # Values sit in the middle of pixels, so the square's edge lies half a pixel outside the first one.
            (ChipSpec(64, 1.0), 31.5, -0.5),
            (ChipSpec(96, 1.0), 47.5, -0.5),
            (ChipSpec(64, 2.0), 31.5, 15.5),  # twice as much around the face: the face takes the middle half
            (ChipSpec(64, 0.5), 31.5, -32.5),
        ],
    )
    def test_chip_map_centres_the_face(self, spec: ChipSpec, centre: float, corner: float) -> None:
        identity = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        mapped = transform(chip_map(identity, spec), np.array([(0.5, 0.5), (0.0, 0.0)]))
        assert mapped == pytest.approx(np.array([(centre, centre), (corner, corner)]))

    def test_chip_map_leaves_its_argument_alone(self) -> None:
        matrix = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
        chip_map(matrix, GREY)
        assert matrix.tolist() == [[1.0, 0.0, 2.0], [0.0, 1.0, 3.0]]


class TestCutting:
    def test_a_chip_shows_the_box(self) -> None:
        """Four quarters of a box in four greys, and another grey around."""
        image = np.full((200, 200), 10, np.uint8)
        image[60:90, 40:70], image[60:90, 70:100] = 50, 100
        image[90:120, 40:70], image[90:120, 70:100] = 150, 200
        chip = cut_chip(image, box_map(Box(40, 60, 60, 60)), ChipSpec(30))
        quarters = [chip[2:13, 2:13], chip[2:13, 17:28], chip[17:28, 2:13], chip[17:28, 17:28]]
        assert [set(quarter.ravel().tolist()) for quarter in quarters] == [{50}, {100}, {150}, {200}]
        wide = cut_chip(image, box_map(Box(40, 60, 60, 60)), ChipSpec(60, margin=2.0))
        assert (wide[:13] == 10).all()
        assert (wide[17:28, 17:28] == 50).all()

    @pytest.mark.parametrize(
        ("spec", "shape"), [(ChipSpec(48), (48, 48)), (ChipSpec(48, 1.2, 3), (48, 48, 3)), (ChipSpec(7), (7, 7))]
    )
    def test_shapes(self, spec: ChipSpec, shape: tuple[int, ...]) -> None:
        image = np.zeros((100, 100) if spec.channels == 1 else (100, 100, 3), np.uint8)
        chip = cut_chip(image, box_map(Box(10, 10, 50, 50)), spec)
        assert chip.shape == shape
        assert chip.dtype == np.uint8

    def test_beyond_the_picture_its_edge_is_repeated(self) -> None:
        image = np.tile(np.arange(100, 200, dtype=np.uint8)[:, None], (1, 100))  # 100 at the top to 199 at the bottom
        image[:, :50] = 30
        chip = cut_chip(image, box_map(Box(60, 60, 80, 80)), ChipSpec(80))
        assert (chip[45:] == 199).all()
        assert (chip[5, :] == chip[5, 0]).all()
        assert chip[5, 0] > 150
        corner = cut_chip(image, box_map(Box(-60, -60, 80, 80)), ChipSpec(80))
        assert set(corner.ravel().tolist()) == {30}

    @pytest.mark.parametrize("side", [140, 260, 400])
    def test_a_large_face_does_not_alias(self, side: int) -> None:
        """The finest pattern that there is averages to grey instead of turning into bands."""
        rows, columns = np.mgrid[:600, :600]
        checkers = ((rows + columns) % 2 * 255).astype(np.uint8)
        to_face = box_map(Box(50.3, 60.7, side, side))
        chip = cut_chip(checkers, to_face, ChipSpec(64)).astype(float)
        assert chip.mean() == pytest.approx(127.5, abs=1)
        # A bare bilinear warp leaves bands of 40 grey steps.
        bare = cv2.warpAffine(checkers, chip_map(to_face, ChipSpec(64)), (64, 64)).astype(float)
        assert chip.std() < 0.05 * bare.std()

    @pytest.mark.parametrize("side", [140, 200, 300, 480])
    def test_noise_of_a_large_face_averages_out(self, side: int) -> None:
        """Nearly as well as by the mean of all the pixels that a chip's pixel covers."""
        noise = np.random.default_rng(side).normal(128, 30, (600, 600)).clip(0, 255).astype(np.uint8)
        chip = cut_chip(noise, box_map(Box(50.3, 60.7, side, side)), ChipSpec(64)).astype(float)
        assert chip.mean() == pytest.approx(128, abs=1)
        assert chip.std() < 1.5 * 30 / (side / 64)

    def test_supersampling_does_not_move_the_picture(self) -> None:
        """A smooth ramp is the same whether it was averaged down or warped once."""
        ramp = np.tile(np.linspace(0, 250, 600), (600, 1)).astype(np.uint8)
        box = Box(100, 100, 300, 300)
        fine = cut_chip(ramp, box_map(box), ChipSpec(64)).astype(float)
        plain = cv2.warpAffine(ramp, chip_map(box_map(box), ChipSpec(64)), (64, 64)).astype(float)
        assert np.abs(fine - plain).max() <= 1.5


class TestRealFaces:
    @REAL
    def test_landmarks_lie_on_the_face(self, portrait: Portrait, shipped: FaceAligner) -> None:
        _, grey, box = photograph(portrait)
        aligned = shipped.align(None, grey, box, [GREY])
        assert aligned.landmarks is not None
        assert aligned.landmarks.shape == (68, 2)
        template = load_template(find_model("landmarks", "ert68").file("template"))
        mean_face = template * (box.width, box.height) + (box.x, box.y)
        distances = np.linalg.norm(aligned.landmarks - mean_face, axis=1) / box.width
        assert distances.mean() < 0.12  # a pose apart, not a place
        eyes = aligned.landmarks[36:42].mean(axis=0), aligned.landmarks[42:48].mean(axis=0)
        assert 0.3 < (eyes[1] - eyes[0])[0] / box.width < 0.6
        # Eyes are darker than the cheeks below them.
        for eye in eyes:
            x, y = eye.round().astype(int)
            drop, reach = round(0.18 * box.width), max(1, round(0.04 * box.width))
            there, below = (grey[v - reach : v + reach, x - reach : x + reach].mean() for v in (y, y + drop))
            assert there < below - 15

    @REAL
    def test_chips_are_cut_for_every_geometry(self, portrait: Portrait, shipped: FaceAligner) -> None:
        image, grey, box = photograph(portrait)
        aligned = shipped.align(image, grey, box, [GREY, COLOUR])
        assert aligned.aligned
        assert {spec: chip.shape for spec, chip in aligned.chips.items()} == {GREY: (64, 64), COLOUR: (96, 96, 3)}
        large = cv2.cvtColor(aligned.chips[COLOUR], cv2.COLOR_BGR2GRAY)
        # 0.8 of the face box on 96 pixels is the middle 51 of the 64.
        middle = cv2.resize(aligned.chips[GREY][6:58, 6:58], (96, 96))
        assert likeness(large, middle) > 0.93

    @REAL
    def test_eyes_of_a_chip_are_level_and_where_the_template_has_them(
        self, portrait: Portrait, shipped: FaceAligner
    ) -> None:
        """Landmarks sought again on the chip of a tilted face."""
        _, grey, box = photograph(portrait)
        spec = ChipSpec(192, 1.5)
        chip = shipped.align(None, turned(grey, box, 12), box, [spec]).chips[spec]
        points = LandmarkPredictor(find_model("landmarks", "ert68").file("dlib")).predict(chip, Box(32, 32, 128, 128))
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        assert abs(np.degrees(np.arctan2(*(right - left)[::-1]))) < 4
        assert (left + right)[0] / 2 == pytest.approx(95.5, abs=8)

    @REAL
    @pytest.mark.parametrize("degrees", [-20, 20])
    def test_a_tilted_face_gives_the_chip_of_the_upright_one(
        self, portrait: Portrait, degrees: float, shipped: FaceAligner
    ) -> None:
        _, grey, box = photograph(portrait)
        tilted = turned(grey, box, degrees)
        upright = shipped.align(None, grey, box, [GREY]).chips[GREY]
        found = shipped.align(None, tilted, box, [GREY])
        assert found.aligned
        # Grace Hopper's chip shows little but skin at this size: what correlates is less.
        assert likeness(found.chips[GREY], upright) > (0.95 if portrait is PORTRAITS[0] else 0.85)
        assert likeness(cut_chip(tilted, box_map(box), GREY), upright) < 0.7  # which is what alignment is for

    @REAL
    def test_the_chip_of_the_mirrored_picture_is_the_mirrored_chip(
        self, portrait: Portrait, shipped: FaceAligner
    ) -> None:
        _, grey, box = photograph(portrait)
        mirrored = np.ascontiguousarray(grey[:, ::-1])
        other = Box(grey.shape[1] - box.x - box.width, box.y, box.width, box.height)
        chip = shipped.align(None, grey, box, [GREY]).chips[GREY]
        flipped = shipped.align(None, mirrored, other, [GREY]).chips[GREY]
        assert likeness(flipped[:, ::-1], chip) > 0.9
        assert likeness(flipped, chip) < likeness(flipped[:, ::-1], chip) - 0.05

    @REAL
    @pytest.mark.parametrize("factor", [0.5, 2.0])
    def test_the_chip_does_not_depend_on_the_size_of_the_picture(
        self, portrait: Portrait, factor: float, shipped: FaceAligner
    ) -> None:
        _, grey, box = photograph(portrait)
        chip = shipped.align(None, grey, box, [GREY]).chips[GREY]
        other = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        scaled = Box(*(factor * side for side in (box.x, box.y, box.width, box.height)))
        assert likeness(shipped.align(None, other, scaled, [GREY]).chips[GREY], chip) > 0.95

    def test_a_face_at_the_edge_of_the_picture(self, shipped: FaceAligner) -> None:
        _, grey, box = photograph(PORTRAITS[0])
        left = round(box.x + 0.3 * box.width)
        cut = np.ascontiguousarray(grey[:, left:])
        found = shipped.align(None, cut, Box(box.x - left, box.y, box.width, box.height), [GREY])
        assert found.chips[GREY].shape == (64, 64)
        assert np.isfinite(found.landmarks).all()  # type: ignore[arg-type]

    def test_the_same_face_always_gives_the_same_chip(self, shipped: FaceAligner) -> None:
        _, grey, box = photograph(PORTRAITS[0])
        first, second = (shipped.align(None, grey, box, [GREY]).chips[GREY] for _ in range(2))
        assert (first == second).all()


class TestDistortionLimit:
    """The thesis' rule: what would have to be stretched too far is not aligned."""

    @staticmethod
    def _aligner(monkeypatch: pytest.MonkeyPatch, stretch: float, limit: float = 2.0) -> tuple[FaceAligner, Points]:
        """An aligner whose landmarks are the template in a box of (100, 60, 120, 120), tilted and stretched."""
        model = find_model("landmarks", "ert68")
        trees, template = model.file("dlib"), model.file("template")
        angle = np.radians(25)
        tilt = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points: Points = (load_template(template) - 0.5) * (stretch, 1) @ tilt.T * 120 + (160, 120)

        class FakePredictor:
            def __init__(self, path: Path, refiner: LandmarkRefiner | None) -> None:
                assert path == trees and refiner is None

            def predict(self, image: GreyImage, box: Box) -> Points:
                return points

        monkeypatch.setattr(aligner_module, "LandmarkPredictor", FakePredictor)
        return FaceAligner(trees, template, limit), points

    @pytest.mark.parametrize(
        ("stretch", "limit", "aligned"),
        [
            (1.0, 2.0, True),
            (1.9, 2.0, True),
            (2.1, 2.0, False),
            (1 / 2.1, 2.0, False),
            (2.1, 2.2, True),
            (1.3, 1.2, False),
        ],
    )
    def test_beyond_the_limit_the_upright_box_is_cut(
        self, monkeypatch: pytest.MonkeyPatch, stretch: float, limit: float, aligned: bool
    ) -> None:
        aligner, points = self._aligner(monkeypatch, stretch, limit)
        _, grey, _ = photograph(PORTRAITS[0])
        box = Box(100, 60, 120, 120)
        found = aligner.align(None, grey, box, [GREY])
        assert found.aligned is aligned
        assert found.landmarks is points
        upright = cut_chip(grey, box_map(box), GREY)
        assert (found.chips[GREY] == upright).all() == (not aligned)

    def test_within_the_limit_the_similarity_is_applied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Landmarks that are the template turned by 25 degrees: the chip is the picture turned back."""
        aligner, _ = self._aligner(monkeypatch, 1.0)
        _, grey, _ = photograph(PORTRAITS[0])
        box = Box(100, 60, 120, 120)
        back = cv2.warpAffine(grey, cv2.getRotationMatrix2D(box.centre, 25, 1), grey.shape[::-1])
        expected = cut_chip(back, box_map(box), GREY)
        assert likeness(aligner.align(None, grey, box, [GREY]).chips[GREY], expected) > 0.995


class TestBadInput:
    def test_a_colour_chip_needs_the_colour_frame(self, shipped: FaceAligner) -> None:
        _, grey, box = photograph(PORTRAITS[0])
        with pytest.raises(ValueError, match="a chip with 3 channels needs the colour frame"):
            shipped.align(None, grey, box, [COLOUR])

    @pytest.mark.parametrize("content", [None, b"", b"no trees here"])
    def test_broken_trees_are_refused_in_one_line(self, content: bytes | None, tmp_path: Path) -> None:
        path = tmp_path / "trees.dat"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError, match="cannot read the landmark model") as caught:
            LandmarkPredictor(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
